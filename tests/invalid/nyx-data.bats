# nyx-data: what must be refused, each beside the same thing made right. Bad
# options and bad lines of imports are also in tests/tool/nyx-data.bats.
bats_require_minimum_version 1.5.0
load refused

setup_file() {
    common_setup
    cd "$BATS_FILE_TMPDIR"
    make_inputs
}

setup() {
    common_setup d.h5 m.h5
    printf '%s\n' 1.343.12.1434.21 1234.41221.343.1 > p.txt
}

import() { refused "$1" "$2" nyx-data sudoku --import="$3" "${@:4}" -o out.h5; }
show() { refused "$1" "$2" nyx-data show "${@:3}"; }

@test "files to import: missing, folders, cut archives, lines that are no puzzles" {
    nyx-data sudoku --import=p.txt --test=0 -o good.h5
    mkdir folder
    : > empty.txt
    for pack in gzip xz zstd; do
        $pack -c p.txt > whole
        head -c $(($(wc -c < whole) - 6)) whole > cut.$pack
        import 65 "cannot read 'cut.$pack" cut.$pack
    done
    tar cf two.tar p.txt empty.txt
    head -c 300 two.tar > cut.tar
    import 65 "cut.tar" cut.tar
    import 66 "No such file" missing.txt
    import 65 "is a folder" folder
    import 65 "it has no puzzle" empty.txt
    import 65 "'d.h5:1'" d.h5
    head -c 5000 /dev/zero > zeros.txt
    import 65 "zeros.txt" zeros.txt
    { cat p.txt; printf '1.343.12.1434.21\0\n'; } > nul.txt # NUL is no blank
    import 65 "'nul.txt:3': no puzzle of 16, 36 or 81 characters" nul.txt
    while IFS='|' read -r text line; do
        { cat p.txt; echo "$line"; } > bad.txt
        import 65 "'bad.txt:3'$text" bad.txt
    done <<'CASES'
|1.343.12.1434.2
|1.343.12.1434.2x
|1.343.12.1434.25
: the puzzle has no solution|11..............
: the puzzle has more than one solution|................
: the answer is not the solution|1.343.12.1434.21,4321214312343412
CASES
}

@test "datasets to show: missing, cut, damaged, of another kind" {
    nyx-data show d.h5 > /dev/null
    while IFS='|' read -r status text file; do
        show "$status" "$text" "$file"
    done < <(wrong_files d.h5)
    show 65 "'m.h5' is a model, a dataset is expected; nyx-data makes one" m.h5
    show 64 "'--row'" d.h5 --row=-1
    run --separate-stderr nyx-data show d.h5 --row=1000
    [ "$status" -eq 64 ]
    [[ "$stderr" == *"--row=1000 is not there: 'd.h5' has 30 rows in train" ]]
}

@test "datasets whose facts make no sense" {
    need_h5py
    while IFS='|' read -r text code; do
        edited d.h5 bad.h5 "$code"
        show 65 "$text" bad.h5
    done <<'CASES'
'bad.h5': '/test/inputs' has the value 9 in row 2; 0 to 5 are allowed|x = f["test/inputs"][()]; x[2, 3] = 9; put("test/inputs", x)
'bad.h5': '/train/targets' must be there with type i32 and shape [30, 16]|del f["train/targets"]
'bad.h5': '/train/rating' is inf in row 2|x = f["train/rating"][()]; x[2] = np.inf; put("train/rating", x)
'bad.h5': '/train/rating' is -1 in row 0|x = f["train/rating"][()]; x[0] = -1; put("train/rating", x)
'bad.h5': /train and /test differ in 'vocabulary'|f["train"].attrs["vocabulary"] = 7
length -4|f["train"].attrs["length"] = f["test"].attrs["length"] = -4
vocabulary 0|f["train"].attrs["vocabulary"] = f["test"].attrs["vocabulary"] = 0
'/train'|del f["train"].attrs["kind"]
'/test'|del f["test"]
CASES
}

@test "targets that are inputs, cannot be made or filled" {
    import 64 "would replace input 'p.txt'" p.txt --report=./p.txt
    refused 64 "would replace input 'p.txt'" nyx-data sudoku --import=p.txt --test=0 -o p.txt
    cp d.h5 mine.h5
    show 64 "would replace input 'mine.h5'" mine.h5 --report=mine.h5
    cmp d.h5 mine.h5
    mkdir folder
    # Before the work, not behind it: these puzzles would take hours.
    refused 73 "cannot create 'no/such/d.h5'" timeout 20 nyx-data sudoku --size=9 --count=100000000 --rating-min=500 -o no/such/d.h5
    refused 73 "cannot create 'folder'" timeout 20 nyx-data sudoku --size=9 --count=100000000 --rating-min=500 -o folder
    refused 74 "cannot write 'out.h5'" bash -c 'ulimit -f 4; exec nyx-data sudoku --size=4 --count=100 -o out.h5'
    run --separate-stderr bash -c 'nyx-data show d.h5 > /dev/full'
    [ "$status" -eq 74 ]
    [ "${#stderr_lines[@]}" -eq 1 ]
}
