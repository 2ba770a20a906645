# The demo's pipeline in small: what is made, and what an edit redoes.

setup_file() {
    cd "$BATS_FILE_TMPDIR"
    root=$BATS_TEST_DIRNAME/../..
    cat > tiny.json <<'JSON'
{ "model": { "width": 32, "heads": 2, "inner": 64, "h_layers": 1, "l_layers": 1, "halt_max_steps": 2 },
  "training": { "batch": 16, "steps": 10, "optimizer": { "learning_rate": 1e-3 } } }
JSON
    run make -f "$root/pipelines/demo.mk" BIN="${BUILD:-$root/build}" RUN=run CONFIG=tiny.json COUNT=120 TEST=20 \
        PROFILE_EXTRA=--seconds=0.02 BENCH_EXTRA="--seconds=0.1 --spread=400 --memory-mib=1"
    echo "$output" > log
    [ "$status" -eq 0 ]
}

setup() {
    cd "$BATS_FILE_TMPDIR"
    root=$BATS_TEST_DIRNAME/../..
    PATH="${BUILD:-$root/build}:$PATH"
    again=(make -f "$root/pipelines/demo.mk" BIN="${BUILD:-$root/build}" RUN=run CONFIG=tiny.json COUNT=120 TEST=20
           PROFILE_EXTRA=--no-measure BENCH_EXTRA=--dry-run)
}

@test "the table has a row for FP32, each coding and the control" {
    for row in eval-fp32 eval-int8 eval-int4 eval-int3 eval-int2 eval-evolved eval-control; do
        grep -q "$row.json" run/summary.txt
    done
    grep -q "naked singles" run/summary.txt
}

@test "the page has the front, curves, each coding's tensors, the machine and bars against its limits" {
    for words in 'id="front-wide' 'id="loss1-wide' eval-int3.json quantize-int2.json train.jsonl eval-control.json \
        'id="machine"' 'The plan takes' 'id="speed"' 'bars">' '>forward<' '>step<'; do
        grep -q "$words" run/report.html
    done
    [ "$(stat -c %s run/report.html)" -lt 204800 ]
}

@test "the reports say what was preserved, with an interval or the reason" {
    "${PYTHON:-python3}" - <<'PY'
import json
for bits in (8, 4, 3, 2):
    r = json.load(open("run/eval-int%d.json" % bits))["result"]["preservation"]
    assert r["value"] is None and r["value_reason"] or r["low"] <= r["value"] <= r["high"], r
PY
}

@test "the machine is profiled, the model trained as planned for it, and its speed measured" {
    "${PYTHON:-python3}" - <<'PY'
import hashlib, json
profile, train, bench = (json.load(open("run/%s.json" % n)) for n in ("profile", "train", "bench"))
plan = json.load(open("run/plan.json"))
digest = hashlib.sha256(open("run/plan.json", "rb").read()).hexdigest()
assert profile["result"]["plan"]["predicted_peak_bytes"] == plan["predicted_peak_bytes"]
assert profile["run"]["measured"]["operations_per_s"]["f32"] > 0 and profile["result"]["machine"] == plan["machine"]
assert digest in [i["sha256"] for i in train["inputs"]]
assert train["result"]["predicted_peak_bytes"] == plan["predicted_peak_bytes"]
assert [f["op"] for f in bench["run"]["figures"]] == ["forward", "step"]
assert all(f["limit_s"] > 0 for f in bench["run"]["figures"])
PY
    nyx-train tiny.json --data=run/data.h5 --seed=1 --quiet -o unplanned.h5
    cmp unplanned.h5 run/model.h5
    grep -qE '^profile.json .*plan of' run/summary.txt
    grep -qE '^bench.json .*(forward|step|wide)' run/summary.txt
}

@test "the run is bundled with what made it" {
    nyx-bundle verify run.tar.zst
    nyx-bundle extract run.tar.zst -o out
    for name in tiny.json demo.mk code.mk common.mk machine.mk; do rm "out/$name"; done
    diff -r run out
}

@test "the evolved recipe keeps its 3 bits and its tokens" {
    "${PYTHON:-python3}" - <<'PY'
import json
e = json.load(open("run/evolve.json"))["result"]
q = json.load(open("run/quantize-evolved.json"))["result"]
assert q["totals"]["bits_per_coded_weight"] == e["plans"][0]["bits_per_weight"] <= 3
assert e["search"]["token_forwards"] <= 20000
PY
}

@test "nothing is done twice" {
    run "${again[@]}" PROFILE_EXTRA=--seconds=0.02 BENCH_EXTRA="--seconds=0.1 --spread=400 --memory-mib=1"
    [ "$status" -eq 0 ]
    [[ "$output" != *nyx-train* && "$output" != *nyx-data* && "$output" != *nyx-evolve* ]]
    [[ "$output" != *nyx-profile* && "$output" != *nyx-bench* ]]
}

@test "an edited configuration trains again, but makes no data" {
    touch tiny.json
    run "${again[@]}"
    [[ "$output" == *nyx-train* && "$output" == *nyx-quantize* && "$output" != *"nyx-data sudoku"* ]]
}

@test "another seed redoes all" {
    run "${again[@]}" SEED=2
    [ "$status" -eq 0 ]
    [[ "$output" == *"nyx-data sudoku"* && "$output" == *nyx-train* ]]
}

@test "a lost report is made again by the one program that writes it" {
    rm run/eval-int3.json
    run "${again[@]}" SEED=2
    [[ "$output" == *"nyx-eval run/int3.h5"* && "$output" != *nyx-train* ]]
    [ "$(grep -c nyx-eval <<< "$output")" -eq 1 ]
}

@test "warm-ups train first, the model and the control start from theirs" {
    sed 's/"halt_max_steps": 2/"halt_max_steps": 1/' tiny.json > first.json
    cp first.json second.json
    warm=("${again[@]}" RUN=warm CODINGS=int8 WARM="first.json second.json")
    run "${warm[@]}"
    echo "$output"
    [ "$status" -eq 0 ]
    [[ "$output" == *"nyx-train first.json"*"nyx-train second.json"*"--init=warm/warm-1.h5"*"-o warm/warm-2.h5"* ]]
    [[ "$output" == *"nyx-train tiny.json --data=warm/data.h5"*"--init=warm/warm-2.h5 -o warm/model.h5"* ]]
    [[ "$output" == *"--init=warm/control-warm-2.h5 -o warm/control.h5"* ]]
    touch second.json
    run "${warm[@]}"
    [[ "$output" == *"nyx-train second.json"*"nyx-train tiny.json"* ]]
    [[ "$output" != *"nyx-train first.json"* && "$output" != *"nyx-data sudoku"* ]]
}

@test "larger puzzles: three stages for 6x6, for 9x9 the last one twice, and longer thought" {
    cd "$root" # where the configurations are
    run make -n -f pipelines/long.mk BIN="${BUILD:-build}" RUN=no-such/long SEED=5
    echo "$output"
    [ "$status" -eq 0 ]
    output=$(tr -s ' ' <<< "$output") # options that are not given leave theirs
    for size in 6x6 9x9; do
        [[ "$output" == *"sudoku --size=${size%x*} --count=60000 --test=500 --seed=5"*"-o no-such/long-$size/data.h5"* ]]
        [[ "$output" == *"hrm-long-1.json --data=no-such/long-$size/data.h5"*"-o no-such/long-$size/warm-1.h5"* ]]
        [[ "$output" == *"hrm-long-2.json --data=no-such/long-$size/data.h5"*"--init=no-such/long-$size/warm-1.h5"*"-o no-such/long-$size/warm-2.h5"* ]]
    done
    [[ "$output" == *"hrm-long-3.json --data=no-such/long-6x6/data.h5 --seed=5 --init=no-such/long-6x6/warm-2.h5 -o no-such/long-6x6/model.h5"* ]]
    [[ "$output" == *"hrm-long-3.json --data=no-such/long-9x9/data.h5 --seed=5 --init=no-such/long-9x9/warm-3.h5 -o no-such/long-9x9/model.h5"* ]]
    [[ "$output" == *"nyx-eval no-such/long-9x9/model.h5 --segments=32 --data=no-such/long-9x9/data.h5"* ]]
    [[ "$output" == *"--rating-max=0 --clues=26-30"* ]]
}
