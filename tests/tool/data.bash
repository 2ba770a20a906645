# data.bash -- what the tests of nyx-data have in common.

data_setup() {
    PATH="${BUILD:-$BATS_TEST_DIRNAME/../../build}:$PATH"
    cd "$BATS_TEST_TMPDIR"
}

# refused STATUS TEXT ARGUMENTS... of nyx-data $command -- one line on stderr
# that says TEXT, that exit status, no output file, no temporary.
refused() {
    local want=$1 says=$2
    shift 2
    run nyx-data $command "$@"
    echo "status $status: $output"
    [ "$status" -eq "$want" ]
    [ "${#lines[@]}" -eq 1 ]
    [[ "$output" == *"$says"* ]]
    [ -z "$(ls -A | grep -E '^out.h5|nyx-')" ]
}

# result.KEY of report $1
value() {
    "${PYTHON:-/usr/bin/python3}" -c 'import functools, json, sys
print(functools.reduce(lambda v, k: v[k], sys.argv[2].split("."), json.load(open(sys.argv[1]))["result"]))' "$1" "$2"
}
