#!/bin/bash
# gather -- what the seeds of a run gave, as a table and a page, and all of it
# as one bundle beside the run: RUN.tar.zst. Starts when every seed is done.
#
#     sbatch --dependency=afterok:JOB pipelines/slurm/gather.sh CONFIG RUN
#
#SBATCH --job-name=nyx-gather
#SBATCH --ntasks=1
#SBATCH --requeue
#SBATCH --open-mode=append
set -eu
config=$1 run=${2%/} bin=${BIN:-build}

"$bin/nyx-report" "$run"/seed-*/train.json -o "$run/report.txt"
"$bin/nyx-report" "$run"/seed-*/train.json "$run"/seed-*/train.jsonl -o "$run/report.html"
"$bin/nyx-bundle" create "$run" "$config" -o "$run.tar.zst"
"$bin/nyx-bundle" verify "$run.tar.zst"
