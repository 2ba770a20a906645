# nyx-report: what must be refused, each beside the same thing made right.
bats_require_minimum_version 1.5.0
load refused

setup_file() {
    common_setup
    cd "$BATS_FILE_TMPDIR"
    make_inputs
    nyx-eval m.h5 --data=d.h5 --report=eval.json -q > /dev/null
    nyx-train c.json --data=d.h5 -o m.h5 --quiet --report=train.json
}

setup() { common_setup eval.json train.json d.h5; }

bad() { refused "$1" "$2" nyx-report "${@:3}"; }

# changed FILE NEW CODE -- a report changed by Python as the object r.
changed() {
    "$PYTHON" -c 'import json, sys
r = json.load(open(sys.argv[1]))
exec(sys.argv[3])
json.dump(r, open(sys.argv[2], "w"))' "$@"
}

@test "files that are missing, cut or no reports: nothing is shown, not even the good ones" {
    nyx-report eval.json train.json > /dev/null
    : > empty.json
    head -c 700 eval.json > short.json
    echo '{ "model": {} }' > other.json
    echo '{ "comment": "by hand", "rules": [{ "tensor": "*", "format": "int4:g32" }] }' > recipe.json
    echo '{ "schema": "nyx.plan/1", "rung": 0 }' > plan.json
    echo '[1, 2]' > array.json
    { cat eval.json; echo x; } > behind.json
    printf '{"schema": "\377"}' > bytes.json
    mkdir folder
    while IFS='|' read -r status text file; do
        bad "$status" "$text" "$file"
        bad "$status" "$text" eval.json train.json "$file"
    done <<'CASES'
66|cannot read 'missing.json': No such file or directory|missing.json
65|cannot read 'folder': it is a folder|folder
65|'empty.json'|empty.json
65|cannot read 'short.json': line |short.json
65|cannot read 'behind.json': line |behind.json
65|cannot read 'bytes.json': line 1|bytes.json
65|'array.json'|array.json
65|'other.json' is no report but a configuration, which nyx-train builds and trains; nyx-report shows the report of nyx-train|other.json
65|'recipe.json' is no report but a recipe, which tells nyx-quantize --recipe=FILE what each tensor becomes; nyx-report shows the reports of nyx-evolve and nyx-quantize|recipe.json
65|'plan.json' has the schema 'nyx.plan/1', which cannot be shown|plan.json
65|cannot read 'd.h5'|d.h5
CASES
}

@test "reports whose fields are unknown, missing or of another type" {
    changed eval.json good.json 'r["run"]["more"] = 1'
    nyx-report good.json > /dev/null
    while IFS='|' read -r text code; do
        changed eval.json bad.json "$code"
        bad 65 "$text" bad.json
    done <<'CASES'
'bad.json': unknown key 'results'|r["results"] = r["result"]
'bad.json': key 'inputs' is missing|del r["inputs"]
'status' is "fine"|r["status"] = "fine"
'result.model.loss' is "low", number expected|r["result"]["model"]["loss"] = "low"
key 'result.model' is missing|del r["result"]["model"]
'result.model.token_accuracy.value' is -0.5, at least 0 expected|r["result"]["model"]["token_accuracy"]["value"] = -0.5
unknown key 'result.storage.bites'|r["result"]["storage"]["bites"] = 1
'bad.json' has the schema 'nyx.recipe/1', which cannot be shown; reports of nyx-data, nyx-train, nyx-quantize, nyx-eval, nyx-bench, nyx-convert|r["schema"] = "nyx.recipe/1"
'bad.json' has the schema 'nyx.evaluation/1', which cannot be shown|r["schema"] = "nyx.evaluation/1"
'bad.json' has the schema 'nyx.eval/2', of another version of Nyx (9.1.0); this one reads 'nyx.eval/1': show it with that version's nyx-report, or run nyx-eval again|r["schema"] = "nyx.eval/2"; r["run"]["version"] = "9.1.0"
CASES
    changed train.json bad.json 'r["result"]["test"]["exact_accuracy"] = 1.5'
    bad 65 "'result.test.exact_accuracy' is 1.5, at most 1 expected" bad.json
}

@test "numbers that are none" {
    sed 's/"duration_s": [0-9.e-]*/"duration_s": NaN/' eval.json > bad.json
    bad 65 "cannot read 'bad.json': line " bad.json
    sed 's/"duration_s": [0-9.e-]*/"duration_s": 1e999/' eval.json > bad.json
    bad 65 "cannot read 'bad.json': line " bad.json
}

@test "logs: malformed lines, kinds that nobody knows, nothing at all" {
    good='{"kind":"step","loss":1.5,"step":1}'
    echo "$good" > good.jsonl
    nyx-report good.jsonl > /dev/null
    while IFS='|' read -r text line; do
        printf '%s\n%s\n%s\n' "$good" "$line" "$good" > bad.jsonl
        bad 65 "$text" bad.jsonl
        bad 65 "$text" bad.jsonl -o page.html
        [ ! -e page.html ]
    done <<'CASES'
cannot read 'bad.jsonl:2': line 1|{"kind":"step","loss":1.5
'bad.jsonl:2' has no 'kind'; is it a log of nyx-train or nyx-evolve?|{"loss":1.5,"step":1}
'bad.jsonl:2': kind 'stop' is unknown; logs have place, step, evaluation, candidate, front, sensitivity|{"kind":"stop","step":1}
'bad.jsonl:2': 'step' is no count|{"kind":"step","loss":1.5,"step":"1"}
'bad.jsonl:2': 'step' is no count|{"kind":"evaluation","loss":1.5,"step":-1}
'bad.jsonl:2': 'loss' is no number|{"kind":"step","loss":"low","step":2}
'bad.jsonl:2': 'loss' is no number|{"kind":"step","step":2}
'bad.jsonl:2': 'token_forwards' is no count|{"kind":"candidate","kl":1.5}
'bad.jsonl:2': 'kl' is no number|{"kind":"candidate","token_forwards":1}
CASES
    : > bad.jsonl
    bad 65 "'bad.jsonl' has no complete line; has the run begun?" bad.jsonl
    printf '%s' '{"kind":"st' > bad.jsonl
    bad 65 "'bad.jsonl' has no complete line" bad.jsonl
    bad 66 "missing.jsonl" missing.jsonl
}

@test "forms, tables and outputs" {
    bad 64 "--format" eval.json --format=pdf
    bad 64 "--table" eval.json --format=csv --table=all
    bad 64 "--table goes with --format=csv only" eval.json --table=bench
    bad 65 "no file has a row of the table 'bench'" eval.json --format=csv --table=bench
    cp eval.json mine.html
    bad 64 "output 'mine.html' would replace input 'mine.html'" train.json mine.html -o mine.html
    cmp mine.html eval.json
    bad 73 "cannot create 'no/such/page.html'" eval.json -o no/such/page.html
    head -c 700 eval.json > short.json
    echo kept > page.html
    bad 65 "cannot read 'short.json'" eval.json short.json -o page.html
    [ "$(cat page.html)" = kept ]
}

@test "the command line and the report's own target" {
    bad 64 "FILE... is missing"
    cp eval.json mine.json
    bad 64 "output 'mine.json' would replace input 'mine.json'" train.json mine.json --report=mine.json
    cmp mine.json eval.json
    run --separate-stderr nyx-report eval.json --report=no/such/r.json
    [ "$status" -eq 73 ]
    [[ "$stderr" == *"cannot create 'no/such/r.json'"* ]]
}
