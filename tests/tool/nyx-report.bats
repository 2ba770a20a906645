# nyx-report: what the reports say, in the words and figures of the reports.
# Bad inputs are in tests/invalid/nyx-report.bats.
bats_require_minimum_version 1.5.0

setup_file() {
    export PATH="${BUILD:-$BATS_TEST_DIRNAME/../../build}:$PATH"
    export PYTHON="${PYTHON:-/usr/bin/python3}"
    cd "$BATS_FILE_TMPDIR"
    cat > c.json <<'JSON'
{ "model": { "width": 16, "heads": 2, "inner": 16, "h_layers": 1, "l_layers": 1, "halt_max_steps": 1 },
  "training": { "batch": 8, "steps": 20, "optimizer": { "learning_rate": 1e-2 } } }
JSON
    nyx-data sudoku --size=4 --count=60 --seed=7 -o d.h5 --report=data.json
    nyx-train c.json --data=d.h5 -o m.h5 --quiet --report=train.json
    nyx-quantize m.h5 --format=int4:g16 -o q.h5 --quiet --report=quantize.json
    nyx-eval m.h5 --data=d.h5 --quiet --report=eval-fp32.json > /dev/null
    nyx-eval q.h5 --reference=m.h5 --data=d.h5 --quiet --report=eval-int4.json > /dev/null
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    cp "$BATS_FILE_TMPDIR"/*.json "$BATS_FILE_TMPDIR"/*.h5 .
}

@test "lines and table carry the figures of the reports" {
    run --separate-stderr nyx-report data.json train.json quantize.json eval-fp32.json eval-int4.json
    [ "$status" -eq 0 ]
    [ -z "$stderr" ]
    echo "$output" | tee page
    "$PYTHON" - <<'PY'
import json
lines = open("page").read().split("\n")
load = lambda name: json.load(open(name + ".json"))
data, train, quantize = (load(n)["result"] for n in ("data", "train", "quantize"))
assert f"{data['train']['rows']} training rows, {data['test']['rows']} test rows" in lines[0], lines[0]
assert f"solve {100 * data['test']['naked_singles']['share']:.1f} %" in lines[0], lines[0]
assert f"{train['parameters']} parameters, 20 steps of 8 rows" in lines[1], lines[1]
assert f"exact {100 * train['test']['exact_accuracy']:.1f} %, tokens {100 * train['test']['token_accuracy']:.1f} %" in lines[1]
t = quantize["totals"]
assert f"int4:g16, {t['coded_tensors']} of {t['tensors']} tensors coded, {t['bytes_after'] / 1024:.2f} KiB" in lines[2], lines[2]
assert lines[3] == "" and lines[4].split()[0] == "report"
percent = lambda e: "-" if e is None or e["value"] is None else "%.1f (%.1f-%.1f)" % tuple(100 * e[k] for k in ("value", "low", "high"))
for line, name in zip(lines[5:], ("eval-fp32", "eval-int4")):
    r = load(name)["result"]
    s, kl = r["storage"], r["kl"]
    bits = "-" if s["bits_per_coded_weight"] is None else "%.2f" % s["bits_per_coded_weight"]
    want = [name + ".json", s["format"], bits, "%.2f" % (s["bytes"] / 1024), *percent(r["model"]["exact_accuracy"]).split(),
            "%.2f" % (100 * r["model"]["token_accuracy"]["value"]), "%.3g" % kl["mean"]["value"] if kl else "-",
            "%.2f" % (100 * r["top1_agreement"]) if kl else "-", *percent(r["preservation"]).split()]
    assert line.split() == want, (line, want)
exact = load("eval-fp32")["result"]["model"]["exact_accuracy"]
singles = data["test"]["naked_singles"]["share"]
verdict = "beats" if exact["low"] > singles else "does not beat" if exact["high"] < singles else "is level with"
assert lines[7] == "" and lines[8].split(None, 1) == ["eval-fp32.json", "%s naked singles: %.1f (%.1f-%.1f) %% against %.1f %%" %
    (verdict, *(100 * exact[k] for k in ("value", "low", "high")), 100 * singles)], lines
assert len(lines) == 10 and lines[9] == "", lines
PY
}

@test "beaten, level and not beaten naked singles, for models evaluated on that dataset alone" {
    nyx-data sudoku --size=4 --count=60 --seed=8 -o other.h5 --report=other.json
    "$PYTHON" - <<'PY'
import json
data, exact = json.load(open("data.json")), json.load(open("eval-fp32.json"))
for name, share, low, value, high in (("beats", 0.4, 0.5, 0.6, 0.7), ("level", 0.6, 0.5, 0.6, 0.7), ("below", 0.9, 0.5, 0.6, 0.7)):
    data["result"]["test"]["naked_singles"]["share"] = share
    exact["result"]["model"]["exact_accuracy"] = {"low": low, "value": value, "high": high}
    json.dump(data, open(name + "-data.json", "w"))
    json.dump(exact, open(name + ".json", "w"))
PY
    run nyx-report beats-data.json beats.json
    [[ "${lines[-1]}" == "beats.json "*" beats naked singles: 60.0 (50.0-70.0) % against 40.0 %" ]]
    run nyx-report level-data.json level.json
    [[ "${lines[-1]}" == "level.json "*" is level with naked singles: 60.0 (50.0-70.0) % against 60.0 %" ]]
    run nyx-report below-data.json below.json
    [[ "${lines[-1]}" == "below.json "*" does not beat naked singles: 60.0 (50.0-70.0) % against 90.0 %" ]]
    run nyx-report other.json eval-fp32.json
    [ "$status" -eq 0 ]
    [[ "$output" != *"naked singles: "* ]]
    run nyx-report data.json eval-int4.json
    [[ "$output" != *"naked singles: "* ]]
}

@test "the order is the one given, the name without its folder" {
    mkdir folder
    cp eval-int4.json folder/z.json
    run nyx-report folder/z.json eval-fp32.json
    [ "$status" -eq 0 ]
    [[ "${lines[0]}" == "report "* ]]
    [[ "${lines[1]}" == "z.json "* ]]
    [[ "${lines[2]}" == "eval-fp32.json "* ]]
}

@test "runs that failed, stopped or only planned say so instead of showing zeros" {
    ! nyx-eval m.h5 --data=missing.h5 --report=failed.json 2> /dev/null
    nyx-train c.json --data=d.h5 -o x.h5 --dry-run --report=planned.json > /dev/null
    nyx-eval m.h5 --data=d.h5 --dry-run --report=none.json
    ! nyx-train c.json --data=d.h5 -o x.h5 --learning-rate=1e38 --report=diverged.json 2> /dev/null
    run --separate-stderr nyx-report failed.json planned.json none.json diverged.json eval-fp32.json
    echo "$output"
    [ "$status" -eq 0 ]
    [[ "${lines[0]}" == "failed.json "*" nyx-eval, error: cannot open 'missing.h5'"* ]]
    [[ "${lines[1]}" == "planned.json "*" nyx-train, only planned" ]]
    [[ "${lines[2]}" == "none.json "*" nyx-eval, no result" ]]
    [[ "${lines[3]}" == "diverged.json "*" nyx-train, failed: "*"not finite"* ]]
    [[ "${lines[5]}" == "eval-fp32.json "* ]]
    [ "${#lines[@]}" -eq 6 ]
}

@test "no test rows: the accuracy is unknown, not zero" {
    nyx-data sudoku --size=4 --count=30 --test=0 -o e.h5
    nyx-train c.json --data=e.h5 -o x.h5 --quiet --report=t.json
    run nyx-report t.json
    [ "$status" -eq 0 ]
    [[ "$output" == *"test unknown: the test split has no scored row" ]]
}

@test "64 reports at most, and its own report lists them" {
    nyx-report $(yes eval-int4.json | head -n 64) --report=r.json > page
    [ "$(wc -l < page)" -eq 65 ]
    "${BUILD:-$BATS_TEST_DIRNAME/../../build}/tests/schema-check" report r.json
    "$PYTHON" -c 'import json; assert len(json.load(open("r.json"))["inputs"]) == 64'
    run --separate-stderr nyx-report $(yes eval-int4.json | head -n 65)
    [ "$status" -eq 64 ]
    [[ "$stderr" == *"more than 64 arguments"* ]]
}

@test "a full standard output exits 74" {
    run bash -c 'nyx-report eval-int4.json > /dev/full'
    [ "$status" -eq 74 ]
    [ "${#lines[@]}" -eq 1 ]
}
