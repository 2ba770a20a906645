# The job scripts of pipelines/slurm/ under a real Slurm: jobs that are displaced,
# that fail. slurm-stop.bats has those that are stopped.
bats_require_minimum_version 1.5.0
load slurm.bash

@test "a job that takes the place of another: the other is queued again and goes on to the same bytes" {
    "$root/pipelines/slurm/submit.sh" tiny.json d.h5 run 1 --time=5
    wait_until 60 test -s run/seed-1/train.jsonl
    sbatch --partition=high --exclusive --output=high.txt --wrap='echo in between'
    wait_until 300 queue_is_empty
    cat run.log/*
    grep -q 'in between' high.txt
    grep -qE 'stopped at step [0-9]+;' run.log/seed-1.txt
    undisturbed 1
    "$REAL/nyx-bundle" verify run.tar.zst
}

@test "a seed that fails: the line says why, nothing is gathered" {
    sed 's/"width"/"widht"/' tiny.json > bad.json
    "$root/pipelines/slurm/submit.sh" bad.json d.h5 run 2
    wait_until 120 queue_is_empty
    grep -q "did you mean 'model.width'\|widht" run.log/seed-2.txt
    [ ! -e run.tar.zst ] && [ ! -e run.log/gather.txt ]
}

@test "submit without arguments says how" {
    run --separate-stderr "$root/pipelines/slurm/submit.sh" tiny.json
    [ "$status" -eq 64 ] && [ -z "$output" ] && [[ "$stderr" == "usage: pipelines/slurm/submit.sh CONFIG DATA RUN SEEDS"* ]]
}
