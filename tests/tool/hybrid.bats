# --device=cpu+vulkan shares out micro-batches; --device=auto takes what is fastest.
bats_require_minimum_version 1.5.0
load vulkan

setup_file() {
    setup_vulkan 6 '"micro_batches": 4,'
    [ -e no-device ] || train whole.h5 --device=cpu+vulkan --share=3/4 --log=whole.jsonl --report=whole.json
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    ln -s "$BATS_FILE_TMPDIR"/* .
}

train() { # MODEL OPTIONS...
    local model=$1; shift
    nyx-train tiny.json --data=d.h5 --seed=3 -o "$model" --quiet "$@"
}

refused() { # STATUS TEXT OPTIONS...
    local want=$1 text=$2; shift 2
    run --separate-stderr nyx-train tiny.json --data=d.h5 -o m.h5 --quiet "$@"
    echo "status $status, stderr: $stderr"
    [ "$status" -eq "$want" ]
    [ "$(wc -l <<< "$stderr")" -eq 1 ]
    [[ "$stderr" == *"$text"* ]]
    [ ! -e m.h5 ]
}

# EXPRESSION over what REPORT says, as `run` and `result`.
holds() { # REPORT EXPRESSION
    "${PYTHON:-python3}" -c 'import json, sys
report = json.load(open(sys.argv[1]))
run, result = report["run"], report["result"]
assert eval(sys.argv[2]), (run, result)' "$@"
}

of_run() { # REPORT KEY
    "${PYTHON:-python3}" -c 'import json, sys; print(json.load(open(sys.argv[1]))["run"][sys.argv[2]])' "$@"
}

@test "a share on each device: as on the processor to rounding, twice the same bytes" {
    need_device
    train cpu.h5 --device=cpu --log=cpu.jsonl
    train again.h5 --device=cpu+vulkan:0,staging --share=3/4 --threads=1
    cmp whole.h5 again.h5
    holds whole.json 'run["device"].startswith("cpu:") and "+vulkan:" in run["device"] and run["share"] == "3/4"'
    holds whole.json '"placement" not in run and result["predicted_gpu_bytes"] >= 0'
    "${BUILD:-$BATS_TEST_DIRNAME/../../build}/tests/schema-check" train whole.json
    nyx-report whole.json whole.jsonl -o page.html --quiet
    "${PYTHON:-python3}" - <<'PY'
import json
one, two = ([json.loads(l) for l in open(f)] for f in ("cpu.jsonl", "whole.jsonl"))
first = two.pop(0)
assert first["kind"] == "place" and "+vulkan:" in first["device"] and (first["share"], first["micro_batches"]) == (3, 4), first
assert len(one) == len(two) == 7
for x, y in zip(one, two):
    assert abs(x["loss"] - y["loss"]) <= 1e-4 * abs(x["loss"]), (x, y)
assert any(x["loss"] != y["loss"] for x, y in zip(one, two))
PY
}

@test "16 bits on both: as on the processor to their rounding" {
    need_device
    train cpu.h5 --device=cpu --precision=f16 --log=cpu.jsonl
    train both.h5 --device=cpu+vulkan --share=2/4 --precision=f16 --log=both.jsonl
    "${PYTHON:-python3}" - <<'PY'
import json
one, two = ([l for l in map(json.loads, open(f)) if "loss" in l] for f in ("cpu.jsonl", "both.jsonl"))
assert len(one) == len(two) == 7
for x, y in zip(one, two):
    assert abs(x["loss"] - y["loss"]) <= 2e-3 * abs(x["loss"]), (x, y)
PY
}

@test "killed and resumed: the checkpoint's share, the same bytes; another share is refused" {
    need_device
    nyx-train tiny.json --data=d.h5 --seed=3 -o m.h5 --quiet --device=cpu+vulkan --share=3/4 --log=m.jsonl \
        --checkpoint=ck.h5 --checkpoint-every=1 & local pid=$!
    until [ -e ck.h5 ]; do sleep 0.02; done
    kill -KILL $pid
    wait $pid || true
    rm -f m.h5
    refused 65 "its gpu_share is 3, not 2" --seed=3 --device=cpu+vulkan --share=2/4 --checkpoint=ck.h5 --resume
    train m.h5 --device=cpu+vulkan --checkpoint=ck.h5 --resume --log=m.jsonl --report=r.json
    cmp whole.h5 m.h5
    cmp whole.jsonl m.jsonl
    holds r.json 'run["share"] == "3/4" and "placement" not in run'
}

@test "without a share some are tried, and the one that is taken is written down" {
    need_device
    train m.h5 --device=cpu+vulkan --report=r.json
    holds r.json 'len(run["placement"]["trials"]) >= 2 and all(t["seconds"] > 0 for t in run["placement"]["trials"])'
    holds r.json 'run["share"] == "%d/4" % min(run["placement"]["trials"], key=lambda t: t["seconds"])["share"]'
    train again.h5 --device=cpu+vulkan --share="$(of_run r.json share)"
    cmp m.h5 again.h5
}

@test "auto: the fastest of what there is, with the bytes of that device" {
    need_device
    train m.h5 --device=auto,software,all --report=r.json
    holds r.json 'run["placement"]["why"] == "the fastest of those that were tried" and run["placement"]["open_s"] < run["placement"]["seconds"]'
    holds r.json 'min((t for t in run["placement"]["trials"] if t["seconds"]), key=lambda t: t["seconds"])["device"] == run["device"]'
    holds r.json '{"cpu", "vulkan"} <= {t["device"][:6].split(":")[0] for t in run["placement"]["trials"]}'
    "${BUILD:-$BATS_TEST_DIRNAME/../../build}/tests/schema-check" train r.json
    local share=; grep -q '"share": "' r.json && share=--share=$(of_run r.json share)
    train again.h5 --device="$(of_run r.json device)" $share
    cmp m.h5 again.h5
    train gpu.h5 --device=vulkan --checkpoint=ck.h5
    train m.h5 --device=auto --checkpoint=ck.h5 --resume --report=r.json
    cmp gpu.h5 m.h5
    holds r.json 'run["device"].startswith("vulkan:") and "placement" not in run'
}

@test "auto tries nothing where that would take more than a twentieth of the run" {
    need_device
    train m.h5 --device=auto,software --report=r.json
    "${BUILD:-$BATS_TEST_DIRNAME/../../build}/tests/schema-check" train r.json
    holds r.json 'all(t["seconds"] is None and t["predicted_s"] > 0 for t in run["placement"]["trials"])'
    holds r.json '{"cpu", "vulkan"} == {t["device"].split(":")[0] for t in run["placement"]["trials"]}'
    holds r.json '"share" not in run and min(run["placement"]["trials"], key=lambda t: t["predicted_s"])["device"] in run["device"]'
    train again.h5 --device="$(of_run r.json device)"
    cmp m.h5 again.h5
}

@test "a table of constants that is damaged is told of two devices, too" {
    need_device
    export XDG_CACHE_HOME=$PWD/caches
    nyx-bench --op=matmul --sizes=24x40x32 --modes=nt --seconds=0.02 --memory-mib=1 --spread=1000 --device=vulkan --tune > table
    sed -i '2s/kernel/colonel/' caches/nyx/*.tune.jsonl
    train m.h5 --device=cpu+vulkan --share=3/4 --report=r.json
    grep -q "line 2 is damaged; nyx-bench --tune makes a new table" r.json
}

@test "auto judges and goes on with a text where that is fastest, with the answers of that device" {
    need_device
    echo '{ "model": { "kind": "decoder", "width": 16, "heads": 2, "inner": 32, "layers": 1, "context": 16 },
            "training": { "batch": 4, "steps": 2, "optimizer": { "kind": "adamw", "learning_rate": 1e-3 } } }' > lm.json
    for i in $(seq 60); do echo "the $i grey cats sat on $((i * 7 % 31)) red mats"; done > t.txt
    nyx-data text t.txt --tokenizer=bytes --split=tail -o t.h5 --quiet
    nyx-train lm.json --data=t.h5 -o lm.h5 --device=cpu --quiet
    nyx-eval lm.h5 --data=t.h5 --device=auto,software --report=likely.json --quiet
    holds likely.json 'all(t["predicted_s"] > 0 for t in run["placement"]["trials"]) and len(run["placement"]["trials"]) == 2'
    nyx-eval lm.h5 --data=t.h5 --device=auto,software,all --report=auto.json --quiet
    holds auto.json '{"cpu", "vulkan"} == {t["device"].split(":")[0] for t in run["placement"]["trials"]}'
    holds auto.json 'min(run["placement"]["trials"], key=lambda t: t["seconds"])["device"] == run["device"]'
    "${BUILD:-$BATS_TEST_DIRNAME/../../build}/tests/schema-check" eval auto.json
    nyx-eval lm.h5 --data=t.h5 --device="$(of_run auto.json device)" --report=named.json --quiet
    "${PYTHON:-python3}" -c 'import json; a, b = (json.load(open(f))["result"] for f in ("auto.json", "named.json")); assert a == b'
    nyx-eval lm.h5 --generate --prompt="the 7" --tokens=6 --device=auto,software --report=text.json --quiet > auto.txt
    nyx-eval lm.h5 --generate --prompt="the 7" --tokens=6 --device=cpu --quiet > cpu.txt
    cmp auto.txt cpu.txt
    holds text.json 'len(run["placement"]["trials"]) >= 2'
}

@test "a GPU that is lost in the middle of its share: opened again, and on from the checkpoint to the same bytes" {
    need_device
    train m.h5 --device=cpu+vulkan:0,lost=40 --share=3/4 --checkpoint=ck.h5 --checkpoint-every=1 --report=r.json
    holds r.json 'run["recoveries"] == 1'
    cmp m.h5 whole.h5
}

@test "a GPU that is lost again and again: exit 75, one line, and the same line goes on" {
    need_device
    refused 75 "lost" --seed=3 --device=cpu+vulkan:0,lost=5,again --share=3/4 --checkpoint=ck.h5 --checkpoint-every=1
    train m.h5 --device=cpu+vulkan --share=3/4 --checkpoint=ck.h5 --resume
    cmp m.h5 whole.h5
}

@test "auto without a GPU is the processor, and nothing is tried" {
    train m.h5 --report=r.json
    holds r.json 'run["device"].startswith("cpu:") and "placement" not in run and "share" not in run'
    train again.h5 --device=cpu
    cmp m.h5 again.h5
}

@test "shares that make no sense, and devices that are not there, are refused" {
    refused 64 "'3/5' is no share of 4 micro-batches" --device=cpu+vulkan --share=3/5
    refused 64 "'half' is no share" --device=cpu+vulkan --share=half
    refused 64 "is no share" --device=cpu+vulkan --share=5/4
    refused 64 "is no share" --device=cpu+vulkan --share=0/4
    refused 64 "--device=cpu+vulkan" --device=cpu --share=2/4
    refused 64 "--device=cpu+vulkan" --share=2/4
    refused 64 "is no device" --device=vulkan+cpu
    VK_DRIVER_FILES=/nonexistent VK_ICD_FILENAMES=/nonexistent refused 69 "--device=cpu needs none" --device=cpu+vulkan
    need_device
    refused 64 "--micro-batches=4" --device=cpu+vulkan --micro-batches=1
    refused 69 "vulkan:7" --device=cpu+vulkan:7 --share=2/4
    refused 69 "abacus" --device=cpu+vulkan:0,abacus --share=2/4
    run --separate-stderr nyx-profile --parts=memory --device=cpu+vulkan
    [ "$status" -eq 69 ]
    [[ "$stderr" == *"nyx-train"* ]]
}
