# A Slurm for tests: munged, slurmctld and slurmd of one's own in a folder of
# one's own, gone when the tests end; a data set, models of undisturbed trainings.
# To be loaded by a test file.
root=$BATS_TEST_DIRNAME/../..
programs=(munged slurmctld slurmd sbatch scontrol squeue)

have_slurm() {
    local program
    for program in "${programs[@]}"; do
        PATH="$PATH:/usr/sbin" command -v "$program" > /dev/null || return 1
    done
    [ "$(id -u)" -eq 0 ]
}

# A port that nobody listens at, and the next one too.
free_port() {
    local port
    for port in $(shuf -i 20000-40000 -n 50); do
        (: < /dev/tcp/127.0.0.1/$port) 2> /dev/null || (: < /dev/tcp/127.0.0.1/$((port + 1))) 2> /dev/null ||
            { echo "$port"; return; }
    done
}

# munged wants every folder above its socket open to all: not so in bats' own.
start_slurm() { # FOLDER
    local host port
    host=$(hostname -s) port=$(free_port)
    chmod 755 "$1"
    mkdir -p "$1"/{state,spool,munge}
    chmod 711 "$1/munge"
    head -c 1024 /dev/urandom > "$1/munge/key"
    chmod 400 "$1/munge/key"
    munged --socket="$1/munge/socket" --key-file="$1/munge/key" --pid-file="$1/munge/pid" --seed-file="$1/munge/seed" \
        --log-file="$1/munge/log" --num-threads=1
    cat > "$1/slurm.conf" <<CONF
ClusterName=nyxtest
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmdPort=$((port + 1))
AuthType=auth/munge
AuthInfo=socket=$1/munge/socket,cred_expire=5
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$1/state
SlurmdSpoolDir=$1/spool
SlurmctldPidFile=$1/slurmctld.pid
SlurmdPidFile=$1/slurmd.pid
SlurmctldLogFile=$1/slurmctld.log
SlurmdLogFile=$1/slurmd.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
ReturnToService=2
KillWait=20
SwitchType=switch/none
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=1
NodeName=$host NodeAddr=127.0.0.1 CPUs=2 Boards=1 SocketsPerBoard=1 CoresPerSocket=2 ThreadsPerCore=1 RealMemory=100 State=UNKNOWN
PartitionName=low Nodes=ALL Default=YES MaxTime=60 State=UP PriorityTier=1 PreemptMode=REQUEUE GraceTime=0
PartitionName=high Nodes=ALL MaxTime=60 State=UP PriorityTier=10 PreemptMode=OFF
CONF
    slurmctld -f "$1/slurm.conf"
    slurmd -f "$1/slurm.conf"
    for _ in $(seq 100); do
        ! sinfo -h -o %T 2> /dev/null | grep -q idle || return 0
        sleep 0.2
    done
    tail -n 20 "$1"/*.log
    return 1
}

# Only what was started here, by the numbers it wrote down.
stop_slurm() { # FOLDER
    local pid
    scancel --user=root 2> /dev/null
    for pid in "$1"/slurmd.pid "$1"/slurmctld.pid "$1"/munge/pid; do
        [ ! -s "$pid" ] || kill "$(cat "$pid")"
    done
    for _ in $(seq 50); do
        [ -e "$1/slurmd.pid" ] || [ -e "$1/slurmctld.pid" ] || break
        sleep 0.2
    done
    rm -rf "$1"
}

setup_file() {
    export PATH="$PATH:/usr/sbin"
    have_slurm || return 0
    export BIN="${BUILD:-$root/build}" cluster
    BIN=$(cd "$BIN" && pwd)
    cluster=$(mktemp -d /tmp/nyx-slurm-XXXXXX)
    export SLURM_CONF="$cluster/slurm.conf"
    start_slurm "$cluster"
    cd "$BATS_FILE_TMPDIR"
    cat > tiny.json <<'JSON'
{ "model": { "width": 32, "heads": 2, "inner": 64, "h_layers": 1, "l_layers": 1, "halt_max_steps": 3 },
  "training": { "batch": 16, "steps": 400, "ema": 0.9, "optimizer": { "learning_rate": 1e-3, "warmup_steps": 5 } } }
JSON
    "$BIN/nyx-data" sudoku --size=4 --count=400 --test=20 --seed=7 --quiet -o d.h5
    for seed in 1 2; do
        "$BIN/nyx-train" tiny.json --data=d.h5 --seed=$seed --quiet -o model-$seed.h5 --checkpoint=checkpoint-$seed.h5 \
            --log=train-$seed.jsonl
    done
    # A trainer that works 10 ms a second the first time that a job of seed 1
    # runs, so that there is something to disturb.
    mkdir slow
    ln -s "$BIN"/nyx-{report,bundle} slow
    cat > slow/nyx-train <<'SLOW'
#!/bin/bash
[ -n "${SLOW:-}" ] && [ -z "${SLURM_RESTART_COUNT:-}" ] && [ "$SLURM_ARRAY_TASK_ID" = 1 ] || exec "$REAL/nyx-train" "$@"
"$REAL/nyx-train" "$@" &
trap 'asked=1' USR1 TERM
sleep 0.3
while [ -z "${asked:-}" ] && kill -STOP $!; do
    sleep 1
    kill -CONT $!
    sleep 0.01
done
kill -USR1 $!
kill -CONT $!
wait $!
status=$? # another signal ends the wait, not the trainer
while [ "$status" -gt 128 ] && kill -0 $! 2> /dev/null; do
    wait $!
    status=$?
done
exit "$status"
SLOW
    chmod +x slow/nyx-train
}

teardown_file() {
    [ -z "${cluster:-}" ] || stop_slurm "$cluster"
}

setup() {
    PATH="$PATH:/usr/sbin"
    [ "$(id -u)" -eq 0 ] || skip "needs root to run slurmd"
    have_slurm || skip "no package slurmctld, slurmd, slurm-client or munge"
    cd "$BATS_TEST_TMPDIR"
    cp "$BATS_FILE_TMPDIR"/{tiny.json,d.h5} .
    export REAL=$BIN BIN=$BATS_FILE_TMPDIR/slow SLOW=1
}

wait_until() { # SECONDS COMMAND...
    local end=$((SECONDS + $1))
    until "${@:2}"; do
        [ "$SECONDS" -lt "$end" ] || { squeue; tail -n 5 run.log/*; tail -n 20 "$cluster"/*.log; return 1; }
        sleep 0.5
    done
}
queue_is_empty() { [ -z "$(squeue -h)" ]; }
is_running() { squeue -h -t RUNNING -o %j | grep -q "^$1\$"; }

undisturbed() { # SEED
    cmp "run/seed-$1/model.h5" "$BATS_FILE_TMPDIR/model-$1.h5"
    cmp "run/seed-$1/checkpoint.h5" "$BATS_FILE_TMPDIR/checkpoint-$1.h5"
    cmp "run/seed-$1/train.jsonl" "$BATS_FILE_TMPDIR/train-$1.jsonl"
}
