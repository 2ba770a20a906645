# nyx-evolve: what must be refused: one line, the status, nothing half-written.
bats_require_minimum_version 1.5.0
load refused

setup_file() {
    export PATH="${BUILD:-$BATS_TEST_DIRNAME/../../build}:$PATH"
    cd "$BATS_FILE_TMPDIR"
    make_inputs
    nyx-data sudoku --size=4 --count=60 --seed=9 --test=50 -o other.h5
    nyx-data sudoku --size=4 --count=40 --seed=7 --test=38 -o few.h5
    nyx-quantize m.h5 --format=int8:channel -o q.h5 --quiet
    cp m.h5 good.h5
    echo '{ "rules": [ { "tensor": "nothing", "format": "int3:g32" } ] }' > none.json
    echo '{ "rules": [ { "tensor": "H.*", "format": "int3:g32" } ] }' > some.json
    echo '{ "rules": [ { "tensor": "*", "format": "int4:g16" } ] }' > else.json
    echo '{ "rules": [ { "tensor": "*", "format": "int3:g32" } ] }' > fine.json
}

setup() {
    common_setup m.h5 q.h5 d.h5 d6.h5 other.h5 few.h5 none.json some.json else.json fine.json
    line=(nyx-evolve recipe --codings="$BATS_FILE_TMPDIR/levels" --tokens=3000 --threads=1 -o out.json)
}

@test "a search that is right" {
    "${line[@]}" m.h5 --data=d.h5 --bits=6 --start=fine.json --quiet
    [ -s out.json ]
}

@test "a budget that nobody can meet says what would do" {
    refused 69 "the smallest formats need" "${line[@]}" m.h5 --data=d.h5 --bits=1.5
    refused 69 "bytes or more, or add smaller --formats" "${line[@]}" m.h5 --data=d.h5 --bytes=100
    refused 69 "no recipe meets the budget" "${line[@]}" m.h5 --data=d.h5 --memory=1000
    more=$(grep -oE 'raise it by [0-9]+' <<< "$stderr$output" | grep -oE '[0-9]+')
    refused 69 "raise it by 1 bytes or more" "${line[@]}" m.h5 --data=d.h5 --memory=$((1000 + more - 1))
    refused 69 "token-forwards are too few" "${line[@]}" m.h5 --data=d.h5 --bits=6 --tokens=10
}

@test "one budget, known formats" {
    refused 64 "name one budget" "${line[@]}" m.h5 --data=d.h5
    refused 64 "name one budget" "${line[@]}" m.h5 --data=d.h5 --bits=6 --bytes=5000
    refused 64 "int99" "${line[@]}" m.h5 --data=d.h5 --bits=6 --formats=int3:g32,int99
    refused 64 "stands twice" "${line[@]}" m.h5 --data=d.h5 --bits=6 --formats=int3:g32,int3:g32
    refused 64 "no format is named" "${line[@]}" m.h5 --data=d.h5 --bits=6 --formats=
    refused 64 "--resume needs --checkpoint" "${line[@]}" m.h5 --data=d.h5 --bits=6 --resume
}

@test "a recipe that names no tensor, not all, or other formats" {
    refused 65 "'none.json' names no tensor of the model" "${line[@]}" m.h5 --data=d.h5 --bits=6 --start=none.json
    refused 65 "'some.json' names only 4 of the 8 tensors" "${line[@]}" m.h5 --data=d.h5 --bits=6 --start=some.json
    refused 65 "a format that --formats does not list" "${line[@]}" m.h5 --data=d.h5 --bits=6 --start=else.json
}

@test "search and evaluation on the same rows" {
    refused 65 "search and evaluation share data: row" "${line[@]}" m.h5 --data=other.h5 --fresh --held-rows=1 --held-out=other.h5 --bits=6 --sample=900
}

@test "models and data that do not fit" {
    refused 65 "has no tensor to choose a format for" "${line[@]}" q.h5 --data=d.h5 --bits=6
    refused 65 "d6.h5" "${line[@]}" m.h5 --data=d6.h5 --bits=6
    refused 65 "leaves 2 rows of its training split" "${line[@]}" m.h5 --data=few.h5 --bits=6
    refused 65 "a model file is needed" "${line[@]}" d.h5 --data=d.h5 --bits=6
    wrong_files "$BATS_FILE_TMPDIR/good.h5" > list
    while IFS='|' read -r status text file; do
        refused "$status" "$text" "${line[@]}" "$file" --data=d.h5 --bits=6
    done < list
}

@test "a checkpoint that was edited" {
    "${line[@]}" m.h5 --data=d.h5 --bits=6 --checkpoint=ck --quiet
    rm out.json
    sed -i '3s/values/balues/' ck
    refused 65 "line 3 is not what this search measures next" "${line[@]}" m.h5 --data=d.h5 --bits=6 --checkpoint=ck --resume
}

@test "places that cannot be written" {
    refused 73 "no/out.json" nyx-evolve recipe m.h5 --data=d.h5 --bits=6 -o no/out.json
    refused 73 "no/levels" nyx-evolve recipe m.h5 --data=d.h5 --bits=6 --codings=no/levels -o out.json
}
