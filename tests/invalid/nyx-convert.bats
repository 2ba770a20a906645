# nyx-convert: broken files of other programs, made by foreign.py beside whole
# ones. Each is refused with one line that names the file and the place, within
# 5 s and 512 MiB, and leaves nothing behind.
bats_require_minimum_version 1.5.0

setup() {
    export PATH="${BUILD:-$BATS_TEST_DIRNAME/../../build}:$PATH"
    command -v python3 >/dev/null || skip "no package python3"
    cd "$BATS_TEST_TMPDIR"
}

refuse_all() { # KIND LEAST
    local cases=0 want name text
    python3 "$BATS_TEST_DIRNAME/foreign.py" "$1" in > cases
    while IFS=$'\t' read -r want name text; do
        run --separate-stderr timeout 5 bash -c 'ulimit -v ${NYX_TEST_KIB:-524288}; exec nyx-convert "in/$0" -o out/o.h5' "$name"
        echo "$name: status $status, $want expected; stderr: $stderr; '$text' expected"
        [ "$status" -eq "$want" ]
        [ -z "$output" ]
        if [ "$want" -eq 0 ]; then
            [ -z "$stderr" ]
            rm out/o.h5
            continue
        fi
        [ "$(grep -c . <<< "$stderr")" -eq 1 ]
        [[ "$stderr" == *"in/$name"* ]]
        [[ "$stderr" == *"$text"* ]]
        [ -z "$(ls -A out)" ]
        cases=$((cases + 1))
    done < cases
    echo "$cases cases, $2 expected"
    [ "$cases" -ge "$2" ]
}

@test "GGUF" { mkdir out; refuse_all gguf 60; }
@test "safetensors" { mkdir out; refuse_all safetensors 40; }
@test "an index and a config.json" { mkdir out; refuse_all index 35; }
@test "llama2.c" { mkdir out; refuse_all llama2c 30; }
@test "minGPT's JSON" { mkdir out; refuse_all mingpt 25; }

@test "a dataset is no model" {
    nyx-data sudoku --size=4 --count=20 -q -o d.h5
    run --separate-stderr nyx-convert d.h5 -o o.gguf
    echo "status $status: $stderr"
    [ "$status" -eq 65 ]
    [[ "$stderr" == "nyx-convert: cannot convert 'd.h5': it is a dataset, a model is expected; nyx-train makes one out of it" ]]
    [ ! -e o.gguf ]
}
