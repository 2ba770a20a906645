# What the tests of nyx-bench share: short figures in a folder of their own.
setup_bench() {
    export PATH="${BUILD:-$BATS_TEST_DIRNAME/../../build}:$PATH"
    export PYTHON="${PYTHON:-/usr/bin/python3}"
    cd "$BATS_TEST_TMPDIR"
    quick="--seconds=0.02 --memory-mib=1 --spread=1000"
}

refuses() { # refuses STATUS PART ARGUMENT...
    local expected=$1 part=$2
    shift 2
    run --separate-stderr nyx-bench "$@"
    echo "$status: $stderr"
    [ "$status" -eq "$expected" ] && [ -z "$output" ] && [[ "$stderr" == *"$part"* ]] && [ "$(wc -l <<< "$stderr")" -eq 1 ]
}
