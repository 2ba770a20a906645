#!/bin/bash
# train -- one training for each seed of a job array. A while before its time
# is over it writes a checkpoint and goes back into the queue; from there it
# goes on, to the same bytes.
#
#     sbatch --array=1-4 --time=4:00:00 pipelines/slurm/train.sh CONFIG DATA RUN
#
# Writes RUN/seed-N/: model, checkpoint, log, report. BIN says where the
# programs are [build]; submit.sh beside it queues all that belongs to a run.
#
#SBATCH --job-name=nyx-train
#SBATCH --ntasks=1
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append
set -u
config=$1 data=$2 run=$3 seed=$SLURM_ARRAY_TASK_ID
folder=$run/seed-$seed
mkdir -p "$folder" || exit 73

"${BIN:-build}/nyx-train" "$config" --data="$data" --seed="$seed" --threads="${SLURM_CPUS_PER_TASK:-1}" --resume \
    --checkpoint="$folder/checkpoint.h5" --checkpoint-seconds=600 -o "$folder/model.h5" --log="$folder/train.jsonl" \
    --report="$folder/train.json" &
training=$!

# SIGUSR1 comes a while before the time limit, SIGTERM from pre-emption, after
# which Slurm itself queues the job again, and from scancel, after which nobody
# should. bash hears of either while it waits, and waits again.
asked='' again=''
trap 'asked=1 again=1; kill -USR1 "$training" 2> /dev/null' USR1
trap 'asked=1 again=; kill -USR1 "$training" 2> /dev/null' TERM
wait "$training"
status=$?
while [ "$status" -gt 128 ] && [ -n "$asked" ]; do
    asked=''
    wait "$training"
    status=$?
done

# 75: stopped, and the same line goes on. The job is queued under its own
# number, so whatever depends on it waits on.
if [ "$status" -eq 75 ] && [ -n "$again" ]; then
    echo "seed $seed: stopped, back into the queue"
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$status"
