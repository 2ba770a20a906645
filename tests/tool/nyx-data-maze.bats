# nyx-data maze: mazes made, imported and shown.

load data

setup() {
    data_setup
    command=
    # Rows of 5 cells: along the first, the third and the last row.
    printf -v maze '%s' 'S    ' '#### ' '     ' ' ####' '    G'
    printf -v path '%s' 'Soooo' '####o' 'ooooo' 'o####' 'ooooG'
    printf -v other '%s' 'S #  ' '###  ' '     ' ' ####' '    G' # a start walled in
    printf -v open '%s' 'S    ' '     ' '  #  ' '     ' '    G'
}

@test "mazes as hard as the published ones by default" {
    run nyx-data maze --count=100 -o d.h5 --report=r.json
    [ "$status" -eq 0 ]
    [ -z "$output" ]
    [ "$(value r.json size)" -eq 30 ]
    [ "$(value r.json length)" -eq 900 ]
    [ "$(value r.json vocabulary)" -eq 6 ]
    [ "$(value r.json train.rows)" -eq 90 ]
    [ "$(value r.json test.rows)" -eq 10 ]
    python3 -c 'import sys; assert float(sys.argv[1]) >= 112' "$(value r.json train.rating.mean)"
}

@test "the same options give the same bytes on any threads, other seeds others" {
    nyx-data maze --size=11 --count=150 --augment=dihedral --seed=1 --threads=1 -o a.h5
    nyx-data maze --size=11 --count=150 --augment=dihedral --seed=1 --threads=3 -o b.h5
    nyx-data maze --size=11 --count=150 --augment=dihedral --seed=2 -o c.h5
    cmp a.h5 b.h5
    ! cmp -s a.h5 c.h5
}

@test "all images of training mazes, of no test maze" {
    nyx-data maze --size=9 --count=50 --path-least=20 --test=10 --augment=dihedral -o d.h5 --report=r.json
    [ "$(value r.json train.rows)" -eq 320 ]
    [ "$(value r.json test.rows)" -eq 10 ]
}

@test "the control has its answers permuted" {
    nyx-data maze --size=9 --count=50 -o a.h5
    nyx-data maze --size=9 --count=50 --shuffle-labels -o b.h5
    ! cmp -s a.h5 b.h5
    nyx-data show b.h5 >/dev/null
}

@test "the published form is read, out of any wrapping" {
    { echo source,question,answer,rating; printf 'x,%s,%s,110\n' "$maze" "$path"; } >p.csv
    printf '%s\n' "$maze" "$open" >q.txt # blanks and walls at either end are cells; answers are computed
    gzip -k p.csv
    tar -cJf p.tar.xz p.csv
    for file in p.csv p.csv.gz p.tar.xz; do
        nyx-data maze --import=$file --test=0 -o $file.h5 --report=$file.json
        [ "$(value $file.json puzzles_distinct)" -eq 1 ]
        [ "$(value $file.json train.rating.mean)" = 16.0 ]
    done
    nyx-data maze --import=- --test=0 -o in.h5 --report=r.json <q.txt
    [ "$(value r.json train.rows)" -eq 2 ]
    printf '"%s","%s"\r\n' "$maze" "$path" | nyx-data maze --import=- --test=0 -o in.h5 # no head, quotes, foreign ends
}

@test "images of mazes met before are duplicates" {
    printf '%s\n%s\n' "$maze" "$(rev <<<"$maze" | tr SG GS)" >p.txt
    nyx-data maze --import=p.txt --test=0 -o d.h5 --report=r.json
    [ "$(value r.json import.duplicates)" -eq 1 ]
    [ "$(value r.json train.rows)" -eq 1 ]
}

@test "show draws question and answer" {
    nyx-data maze --import=- --test=0 -o d.h5 <<<"$maze"
    run nyx-data show d.h5
    [ "$status" -eq 0 ]
    [[ "$output" == *"  S      Soooo"*"  ####   ####o"*"      G  ooooG"* ]]
    [[ "$output" == *"steps of the path, rows of train: 9 to 16: 1"* ]]
    [[ "$output" == *"copied cells"* ]]
    [[ "$output" != *"naked"* ]]
}

@test "--dry-run says what it would write, and writes nothing" {
    run nyx-data maze --size=5 --count=50 --dry-run -o d.h5
    [ "$status" -eq 0 ]
    [ "$output" = "would write 45 training and 5 test rows to 'd.h5'" ]
    [ ! -e d.h5 ]
}

@test "the report keeps to its schema" {
    python3 -c 'import jsonschema' 2>/dev/null || skip "package python3-jsonschema is not installed"
    nyx-data maze --size=7 --count=40 -o d.h5 --report=a.json
    nyx-data show d.h5 --report=b.json >/dev/null
    printf '%s\n' "$maze" bad | nyx-data maze --import=- --skip-bad --test=0 -q -o e.h5 --report=c.json
    ! nyx-data maze --size=5 --count=3 --test=3 -o f.h5 --report=d.json
    python3 - "$BATS_TEST_DIRNAME/../../schemas" a.json b.json c.json d.json <<'END'
import json, sys, warnings
warnings.simplefilter("ignore")  # newer versions prefer another resolver; Debian 12 has this one only
import jsonschema
load = lambda path: json.load(open(path))
schemas = {f"{n}.schema.json": load(f"{sys.argv[1]}/{n}.schema.json") for n in ("report", "data")}
schema = schemas["data.schema.json"]
check = jsonschema.Draft202012Validator(schema, resolver=jsonschema.RefResolver("", schema, store=schemas))
for path in sys.argv[2:]:
    check.validate(load(path))
END
}

@test "bad options are refused" {
    refused 64 "--size=41 is too large" maze --size=41 -o out.h5
    refused 64 "--size' is 4, at least 5" maze --size=4 -o out.h5
    refused 64 "--count' is 0, at least 1" maze --count=0 -o out.h5
    refused 64 "none, dihedral" maze --augment=all -o out.h5
    refused 64 "'1.5' is neither a count nor a share" maze --test=1.5 -o out.h5
    refused 64 "--skip-bad is for --import" maze --skip-bad -o out.h5
    refused 64 "output" maze --size=5
    refused 64 "25 steps does not fit" maze --size=5 --path-least=25 -o out.h5
    refused 64 "ask for fewer, or for shorter paths" maze --size=5 --path-least=20 -o out.h5
    refused 64 "no maze is left to train on" maze --size=5 --count=10 --test=10 -o out.h5
    refused 73 "/no/folder/out.h5" maze --size=5 --count=10 -o /no/folder/out.h5
}

@test "bad imports are refused with file and line" {
    refused 66 "no-file" maze --import=no-file -o out.h5
    printf '%s\n' "$maze" "S G" >p.txt
    refused 65 "p.txt:2': no maze: its length" maze --import=p.txt -o out.h5
    printf '%s\n' "${maze/G/x}" >p.txt
    refused 65 "p.txt:1': the maze has a character" maze --import=p.txt -o out.h5
    printf '%s\n' "$path" >p.txt
    refused 65 "p.txt:1': the maze has its path marked already" maze --import=p.txt -o out.h5
    printf '%s\n' "$other" >p.txt
    refused 65 "p.txt:1': no path leads" maze --import=p.txt -o out.h5
    printf '%s\n' "${maze/G/S}" >p.txt
    refused 65 "p.txt:1': no path leads from one start" maze --import=p.txt -o out.h5
    printf '%s,%s\n' "$maze" "${path/ooooG/ oooG}" >p.txt
    refused 65 "p.txt:1': the answer's path does not lead" maze --import=p.txt -o out.h5
    printf '%s,%s\n' "$maze" "${path/#S/o}" >p.txt
    refused 65 "p.txt:1': the answer changes" maze --import=p.txt -o out.h5
    printf '%s\n' "$maze" "$(nyx-data maze --size=6 --count=2 --test=0 --seed=1 -o e.h5 &&
                             nyx-data show e.h5 | tail -6 | cut -c3-8 | tr -d '\n')" >p.txt
    refused 65 "p.txt:2': the maze is not of the size of those before it" maze --import=p.txt -o out.h5
    printf '%s\n' "$maze" >p.txt
    refused 65 "size asked for" maze --import=p.txt --size=9 -o out.h5
    refused 64 "ask for fewer" maze --import=p.txt --count=2 -o out.h5
    xz -k p.txt && head -c 40 p.txt.xz >cut.xz
    refused 65 "cut.xz" maze --import=cut.xz -o out.h5
    : >empty
    refused 65 "it has no maze" maze --import=empty -o out.h5
    refused 64 "would replace input" maze --import=p.txt -o p.txt
}

@test "bad lines are left out when asked, and counted" {
    printf '%s\n' "$maze" rubbish "$other" >p.txt
    run nyx-data maze --import=p.txt --skip-bad --test=0 -o d.h5 --report=r.json
    [ "$status" -eq 0 ]
    [[ "$output" == *"warning: 2 of 3 lines left out; the first is 'p.txt:2'"* ]]
    [ "$(value r.json import.bad)" -eq 2 ]
}
