# The job scripts of pipelines/slurm/ under a real Slurm: jobs that are stopped, by
# their owner and before their time is over. slurmctld looks at time limits 30
# seconds after it started, and every 30 from then on: with NYX_TEST_LONG=1 (make
# check-full) the signal comes from there, otherwise by hand to the same process.
bats_require_minimum_version 1.5.0
load slurm.bash

@test "a job that is cancelled stays so, and the same line goes on from its checkpoint" {
    "$root/pipelines/slurm/submit.sh" tiny.json d.h5 run 1 --time=5
    wait_until 60 test -s run/seed-1/train.jsonl
    scancel --name=nyx-train
    wait_until 120 queue_is_empty
    cat run.log/*
    grep -qE 'stopped at step [0-9]+;' run.log/seed-1.txt
    [ -e run/seed-1/checkpoint.h5 ] && [ ! -e run/seed-1/model.h5 ] && [ ! -e run.tar.zst ]
    SLOW='' "$root/pipelines/slurm/submit.sh" tiny.json d.h5 run 1
    wait_until 120 queue_is_empty
    undisturbed 1
    "$REAL/nyx-bundle" verify run.tar.zst
}

@test "two seeds: one is stopped before its time is over, queued again, goes on to the same bytes; both are gathered" {
    "$root/pipelines/slurm/submit.sh" tiny.json d.h5 run 1-2 --time=1 --signal=B:USR1@55
    if [ -z "${NYX_TEST_LONG:-}" ]; then
        wait_until 60 test -s run/seed-1/train.jsonl
        scancel --signal=USR1 --batch "$(squeue -h -r -n nyx-train -t RUNNING -o %A-%K | sed -n 's/-1$//p')"
    fi
    wait_until 300 queue_is_empty
    cat run.log/*
    grep -qE 'stopped at step [1-9][0-9]*;' run.log/seed-1.txt
    grep -q 'seed 1: stopped, back into the queue' run.log/seed-1.txt
    undisturbed 1
    undisturbed 2
    [ "$(grep -c 'train.json' run/report.txt)" -eq 2 ]
    grep -q '<svg' run/report.html
    "$REAL/nyx-bundle" extract run.tar.zst -o out
    cmp out/tiny.json tiny.json
    rm out/tiny.json
    diff -r run out
}
