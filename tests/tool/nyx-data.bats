# nyx-data: datasets of Sudokus, made, imported and shown.

load data

setup() {
    data_setup
    command=
    less=1.343.12.1434.21
    full=1234341221434321
}

@test "sudoku is silent, writes a dataset and a report" {
    run nyx-data sudoku --size=4 --count=400 --seed=7 -o d.h5 --report=r.json
    [ "$status" -eq 0 ]
    [ -z "$output" ]
    [ "$(value r.json train.rows)" -eq 360 ]
    [ "$(value r.json test.rows)" -eq 40 ]
    [ "$(value r.json vocabulary)" -eq 6 ]
    [ "$(value r.json test.naked_singles.share)" = 1.0 ]
}

@test "the same options give the same bytes on any threads, other seeds others" {
    nyx-data sudoku --size=6 --count=150 --augment=3 --seed=1 --threads=1 -o a.h5
    nyx-data sudoku --size=6 --count=150 --augment=3 --seed=1 --threads=3 -o b.h5
    nyx-data sudoku --size=6 --count=150 --augment=3 --seed=2 -o c.h5
    cmp a.h5 b.h5
    ! cmp -s a.h5 c.h5
}

@test "options say how many, how hard, how split" {
    nyx-data sudoku --size=9 --count=30 --clues=28 --rating-min=1 --rating-max=5 --test=5 --augment=2 \
        -o d.h5 --report=r.json
    [ "$(value r.json train.rows)" -eq 75 ]
    [ "$(value r.json test.rows)" -eq 5 ]
    [ "$(value r.json train.naked_singles.solved)" -eq 0 ]
    "${PYTHON:-/usr/bin/python3}" -c 'import sys; assert 1 <= float(sys.argv[1]) <= 5' "$(value r.json train.rating.mean)"
}

@test "--dry-run says what it would write, and writes nothing" {
    run nyx-data sudoku --size=4 --count=50 --dry-run -o d.h5
    [ "$status" -eq 0 ]
    [ "$output" = "would write 45 training and 5 test rows to 'd.h5'" ]
    [ ! -e d.h5 ]
}

@test "an orbit that runs out of images gives fewer rows and a warning" {
    run nyx-data sudoku --size=4 --clues=4 --count=2 --test=0 --augment=5000 -o d.h5 --report=r.json
    [ "$status" -eq 0 ]
    [[ "$output" == *"warning: "*"training rows instead of 10002"* ]]
    grep -q "training rows instead of" r.json
}

@test "imports come out of any wrapping" {
    printf '%s,%s\n' $less $full 1234.41221.343.1 $full >p.csv
    gzip -k p.csv
    xz -k p.csv
    tar -cJf p.tar.xz p.csv
    for file in p.csv p.csv.gz p.csv.xz p.tar.xz; do
        nyx-data sudoku --import=$file --test=0 -o $file.h5 --report=$file.json
        [ "$(value $file.json puzzles_distinct)" -eq 2 ]
        [ "$(value $file.json size)" -eq 4 ]
    done
    nyx-data sudoku --import=- --test=0 -o in.h5 <p.csv
}

@test "a random choice of imported puzzles" {
    nyx-data sudoku --size=6 --count=1 --test=0 -o d.h5
    printf '%s\n' $less 1234.41221.343.1 .234341221434321 >p.txt
    nyx-data sudoku --import=p.txt --count=2 --test=0 -o a.h5 --report=r.json
    [ "$(value r.json train.rows)" -eq 2 ]
}

@test "the collected puzzles can be imported" {
    file=${NYX_SHARED-$BATS_TEST_DIRNAME/../../../shared}/data/puzzles/sudoku/test.csv.xz
    [ -e "$file" ] || skip "no data $file; set NYX_SHARED"
    nyx-data sudoku --import="$file" --count=500 --test=0.2 -o d.h5 --report=r.json
    [ "$(value r.json import.lines)" -eq 6847 ]
    [ "$(value r.json test.rows)" -eq 100 ]
}

@test "show prints counts, ratings and grids" {
    nyx-data sudoku --import=- --test=0 -o d.h5 <<<$less
    run nyx-data show d.h5
    [ "$status" -eq 0 ]
    [[ "$output" == *"1 . | 3 4   1 2 | 3 4"* ]]
    [[ "$output" == *"rows of train: 0: 1"* ]]
    nyx-data sudoku --size=9 --count=20 -o e.h5
    run nyx-data show e.h5 --split=test --row=1
    [ "$status" -eq 0 ]
    [[ "$output" == *"test row 1, rating"* ]]
}

@test "the report keeps to its schema" {
    "${PYTHON:-/usr/bin/python3}" -c 'import jsonschema' 2>/dev/null || skip "no package python3-jsonschema"
    nyx-data sudoku --size=6 --count=40 -o d.h5 --report=a.json
    nyx-data show d.h5 --report=b.json >/dev/null
    printf '%s\n' $less bad | nyx-data sudoku --import=- --skip-bad --test=0 -q -o e.h5 --report=c.json
    ! nyx-data sudoku --size=4 --count=3 --test=3 -o f.h5 --report=d.json
    "${PYTHON:-/usr/bin/python3}" - "$BATS_TEST_DIRNAME/../../schemas" a.json b.json c.json d.json <<'END'
import json, sys, warnings
warnings.simplefilter("ignore")  # newer versions prefer another resolver; Debian 12 has this one only
import jsonschema
load = lambda path: json.load(open(path))
schemas = {f"{n}.schema.json": load(f"{sys.argv[1]}/{n}.schema.json") for n in ("report", "data")}
schema = schemas["data.schema.json"]
check = jsonschema.Draft202012Validator(schema, resolver=jsonschema.RefResolver("", schema, store=schemas))
for path in sys.argv[2:]:
    check.validate(load(path))
broken = load(sys.argv[2])
broken["result"]["train"]["row"] = broken["result"]["train"].pop("rows")
assert list(check.iter_errors(broken))
END
}

@test "bad options are refused" {
    refused 64 "'5'" sudoku --size=5 -o out.h5
    refused 64 "--count' is 0, at least 1" sudoku --count=0 -o out.h5
    refused 64 "output" sudoku --size=4
    refused 64 "'9-3' is no number of clues" sudoku --clues=9-3 -o out.h5
    refused 64 "99 clues in a grid of 16 cells" sudoku --size=4 --clues=99 -o out.h5
    refused 64 "'1.5' is neither a count nor a share" sudoku --test=1.5 -o out.h5
    refused 64 "at least 4 and at most 2" sudoku --rating-min=4 --rating-max=2 -o out.h5
    refused 64 "--skip-bad is for --import" sudoku --skip-bad -o out.h5
    refused 64 "train, test" show --split=both out.h5
}

@test "what cannot be made is refused with a remedy" {
    refused 64 "288 found" sudoku --size=4 --clues=16 --count=289 -o out.h5
    refused 64 "no puzzle is left to train on; ask for fewer" sudoku --size=4 --count=10 --test=10 -o out.h5
    refused 73 "/no/folder/out.h5" sudoku --size=4 --count=10 -o /no/folder/out.h5
}

@test "bad imports are refused with file and line" {
    refused 66 "no-file" sudoku --import=no-file -o out.h5
    printf '%s\n' $less 12 >p.txt
    refused 65 "p.txt:2'" sudoku --import=p.txt -o out.h5
    printf '%s\n' $less ................ >p.txt
    refused 65 "p.txt:2': the puzzle has more than one solution" sudoku --import=p.txt -o out.h5
    printf '%s\n' 11.............. >p.txt
    refused 65 "p.txt:1': the puzzle has no solution" sudoku --import=p.txt -o out.h5
    printf '%s\n' $less,4321214312343412 >p.txt
    refused 65 "p.txt:1': the answer is not the solution" sudoku --import=p.txt -o out.h5
    printf '%s\n' $less >p.txt
    refused 65 "size asked for" sudoku --import=p.txt --size=9 -o out.h5
    refused 64 "ask for fewer" sudoku --import=p.txt --count=2 -o out.h5
    refused 64 "--clues cannot be used with --import" sudoku --import=p.txt --clues=5 -o out.h5
    xz -k p.txt && head -c 40 p.txt.xz >cut.xz
    refused 65 "cut.xz" sudoku --import=cut.xz -o out.h5
    : >empty
    refused 65 "it has no puzzle" sudoku --import=empty -o out.h5
    refused 64 "would replace input" sudoku --import=p.txt -o p.txt
}

@test "bad lines are left out when asked, and counted" {
    printf '%s\n' $less rubbish ................ >p.txt
    run nyx-data sudoku --import=p.txt --skip-bad --test=0 -o d.h5 --report=r.json
    [ "$status" -eq 0 ]
    [[ "$output" == *"warning: 2 of 3 lines left out; the first is 'p.txt:2'"* ]]
    [ "$(value r.json import.bad)" -eq 2 ]
}

@test "show refuses what is no dataset" {
    refused 66 "no-file" show no-file
    echo hello >text
    refused 65 "'text'" show text
    nyx-data sudoku --size=4 --count=10 -o d.h5
    head -c 3000 d.h5 >cut.h5
    refused 65 "cut.h5" show cut.h5
    run nyx-data show d.h5 --row=9
    [ "$status" -eq 64 ]
    [[ "$output" == *"--row=9 is not there: 'd.h5' has 9 rows in train"* ]]
}
