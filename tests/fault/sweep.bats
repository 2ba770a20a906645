# Every write, fsync, rename and close of an output fails once, and from there
# on always. Each time: the exit status of a failed output, one line, the old
# target or a whole new one, no temporary left. (fault/nth.c makes them fail.)
# A close may fail without harm when what it closes is thrown away, as a trial
# whether the target can be made: then the new file must be whole.
bats_require_minimum_version 1.5.0

setup_file() {
    export PATH="${BUILD:-$BATS_TEST_DIRNAME/../../build}:$PATH"
    cd "$BATS_FILE_TMPDIR"
    nyx-data sudoku --size=4 --count=40 --seed=7 --quiet -o d.h5
    sed 's/"steps": *[0-9]*/"steps": 2/' "$BATS_TEST_DIRNAME/../../pipelines/configs/hrm-tiny.json" > c.json
    nyx-train c.json --data=d.h5 --steps=1 --quiet -o m.h5
}

setup() {
    build=${BUILD:-$BATS_TEST_DIRNAME/../../build}
    case $build in *sanitize*) skip "a preloaded library must not come before the sanitizer's" ;; esac
    cd "$BATS_TEST_TMPDIR"
    ln -s "$BATS_FILE_TMPDIR"/{d.h5,m.h5,c.json} .
}

with_fault() { # CALL NTH STICKY COMMAND...
    local kind=$1 nth=$2 sticky=$3; shift 3
    env LD_PRELOAD="$build/tests/nth.so" NYX_FAULT_CALL="$kind" NYX_FAULT_NTH="$nth" \
        NYX_FAULT_STICKY="$sticky" NYX_FAULT_COUNT="$BATS_TEST_TMPDIR/count" "$@"
}

unharmed() { [ "$(wc -l < err)" -eq 0 ] && cmp -s "$1" whole; }
reported() {
    [ "$2" -eq 74 ] && [ "$(wc -l < err)" -eq 1 ] && { cmp -s "$1" old || cmp -s "$1" whole; }
}

# At most about 25 places of each kind, spread evenly, the first and last in.
sweep() { # TARGET COMMAND...
    local target=$1 kind sticky nth total step; shift
    echo old > old
    "$@" 2> /dev/null
    cp "$target" whole
    for kind in write fsync rename close; do
        with_fault "$kind" 0 0 "$@" 2> /dev/null
        total=$(cat count)
        [ "$total" -ge 1 ]
        step=$(( (total + 24) / 25 ))
        for nth in $(seq 1 "$step" "$total") "$total"; do
            for sticky in 0 1; do
                cp old "$target"
                status=0
                with_fault "$kind" "$nth" "$sticky" "$@" > /dev/null 2> err || status=$?
                echo "$kind $nth/$total sticky $sticky: exit $status, $(cat err)"
                if [ "$kind $status" = "close 0" ]; then unharmed "$target"; else reported "$target" "$status"; fi
                [ -z "$(find . -name '.*.nyx-*')" ]
            done
        done
    done
}

@test "nyx-data publishes a whole file or none" {
    sweep out.h5 nyx-data sudoku --size=4 --count=40 --seed=7 -o out.h5
}

@test "nyx-quantize publishes a whole file or none" {
    sweep out.h5 nyx-quantize m.h5 --format=int4:g32 -o out.h5
}

@test "nyx-train publishes a whole file or none" {
    sweep out.h5 nyx-train c.json --data=d.h5 --steps=1 --quiet -o out.h5
}

@test "nyx-eval publishes a whole file or none" {
    sweep out.h5 nyx-eval m.h5 --data=d.h5 --logits=out.h5
}

@test "nyx-convert publishes a whole file or none" {
    nyx-convert m.h5 -o in.safetensors
    sweep out.h5 nyx-convert in.safetensors -o out.h5
    sweep out.safetensors nyx-convert m.h5 -o out.safetensors
}

@test "nyx-convert publishes whole files in a folder or none" {
    mkdir folder
    sweep folder/model.safetensors nyx-convert m.h5 -o folder
    sweep folder/config.json nyx-convert m.h5 -o folder
}

@test "nyx-bundle publishes a whole file or none" {
    cp m.h5 model.h5
    sweep out.tar.zst nyx-bundle create model.h5 -o out.tar.zst
}

@test "nyx-bundle extracts a whole folder or none" {
    cp m.h5 model.h5
    cp c.json config.json
    nyx-bundle create model.h5 config.json -o b.tar.zst
    for kind in write rename close; do
        rm -rf out
        with_fault "$kind" 0 0 nyx-bundle extract b.tar.zst -o out
        total=$(cat count)
        [ "$total" -ge 1 ]
        for nth in $(seq 1 "$total"); do
            for sticky in 0 1; do
                rm -rf out
                status=0
                with_fault "$kind" "$nth" "$sticky" nyx-bundle extract b.tar.zst -o out > /dev/null 2> err || status=$?
                echo "$kind $nth/$total sticky $sticky: exit $status, $(cat err)"
                [ "$status" -eq 74 ]
                [ "$(wc -l < err)" -eq 1 ]
                [ ! -e out ]
                [ -z "$(find . -name '.*.nyx-*')" ]
            done
        done
    done
}
