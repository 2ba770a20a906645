# Broken JSON and broken archives, made by texts.py: each is refused with one
# line that names the file and the place, within 5 s of work and 512 MiB, and leaves
# nothing behind.
bats_require_minimum_version 1.5.0
load refused

setup() {
    command -v python3 >/dev/null || skip "no package python3"
    common_setup
}

refuse_all() { # KIND LEAST PLACE PROGRAM ARGUMENTS... with NAME for the file
    local kind=$1 least=$2 place=$3 cases=0; shift 3
    mkdir in
    python3 "$BATS_TEST_DIRNAME/texts.py" "$kind" in > cases
    while read -r name; do
        run --separate-stderr timeout 60 bash -c 'ulimit -v ${NYX_TEST_KIB:-524288} -t 5; exec "$@"' bash "${@//NAME/in/$name}"
        echo "$name: status $status; stderr: $stderr"
        if [[ $name == good* ]]; then
            [ "$status" -eq 0 ]
            rm out.h5
            continue
        fi
        [ "$status" -eq 65 ]
        [ -z "$output" ]
        [ "$(grep -c . <<< "$stderr")" -eq 1 ]
        [[ "$stderr" == *"'in/$name"*$place* ]]
        [ -z "$(find . -name 'out.*' -o -name '.*nyx-*')" ]
        cases=$((cases + 1))
    done < cases
    echo "$cases cases, $least expected"
    [ "$cases" -ge "$least" ]
}

@test "JSON" {
    nyx-data sudoku --size=4 --count=40 --seed=7 --test=10 -o d.h5
    refuse_all json 40 ": line " nyx-train NAME --data=d.h5 -o out.h5 --quiet
}

@test "archives" {
    refuse_all archives 38 "" nyx-data text NAME --test-share=0 --tokenizer=bytes -o out.h5
}
