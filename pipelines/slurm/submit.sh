#!/bin/bash
# submit -- queue a training for each seed, and a job that gathers them.
#
#     pipelines/slurm/submit.sh CONFIG DATA RUN SEEDS [SBATCH-OPTION...]
#     pipelines/slurm/submit.sh pipelines/configs/hrm-tiny.json d.h5 run/tiny 1-4 --time=1:00:00 --cpus-per-task=2
#
# SEEDS is what sbatch --array takes. Prints the numbers of both jobs. What the
# jobs say goes to RUN.log/, outside of what is bundled.
set -eu
if [ "$#" -lt 4 ]; then
    sed -n 's/^#     /usage: /p' "$0" | head -n 1 >&2
    exit 64
fi
here=$(dirname "$0") config=$1 data=$2 run=${3%/} seeds=$4
shift 4
mkdir -p "$run" "$run.log"
job=$(sbatch --parsable --array="$seeds" --output="$run.log/seed-%a.txt" "$@" "$here/train.sh" "$config" "$data" "$run")
gather=$(sbatch --parsable --dependency="afterok:${job%%;*}" --kill-on-invalid-dep=yes --output="$run.log/gather.txt" \
    "$here/gather.sh" "$config" "$run")
echo "${job%%;*} ${gather%%;*}"
