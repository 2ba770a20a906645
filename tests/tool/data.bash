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

# Tasks of 3x3 cells that exchange two colours: $1 the folder, $2 how many, $3 the seed.
make_tasks() {
    mkdir -p "$1"
    python3 - "$@" <<'END'
import json, random, sys
folder, count, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
random.seed(seed)
for n in range(count):
    a, b = random.sample(range(1, 10), 2)
    def pair():
        grid = [[random.choice([0, a, b]) for _ in range(3)] for _ in range(3)]
        return {"input": grid, "output": [[{a: b, b: a}.get(c, 0) for c in row] for row in grid]}
    json.dump({"train": [pair() for _ in range(3)], "test": [pair()]}, open(f"{folder}/{seed}{n:03}.json", "w"))
END
}
