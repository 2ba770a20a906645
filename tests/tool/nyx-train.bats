# nyx-train: one run, its reports, kill and resume, threads, refusals.
bats_require_minimum_version 1.5.0

setup_file() {
    export PATH="${BUILD:-$BATS_TEST_DIRNAME/../../build}:$PATH"
    cd "$BATS_FILE_TMPDIR"
    cat > tiny.json <<'JSON'
{ "model": { "width": 32, "heads": 2, "inner": 64, "h_layers": 1, "l_layers": 1, "halt_max_steps": 3,
             "puzzle_width": 32 },
  "training": { "batch": 16, "steps": 24, "ema": 0.9, "evaluate_every": 10,
                "optimizer": { "learning_rate": 1e-3, "warmup_steps": 5, "floor": 0.1, "clip": 1.0 } } }
JSON
    nyx-data sudoku --size=4 --count=200 --test=20 --seed=7 -o d.h5
    nyx-train tiny.json --data=d.h5 --seed=3 -o whole.h5 --log=whole.jsonl --checkpoint=whole-ck.h5 --quiet
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    ln -s "$BATS_FILE_TMPDIR"/{tiny.json,d.h5,whole.h5,whole.jsonl,whole-ck.h5} .
}

# What a refusal looks like: one line, that status, no output.
refused() { # STATUS TEXT ARGUMENTS...
    local want=$1 text=$2; shift 2
    run --separate-stderr nyx-train "$@"
    echo "status $status, stderr: $stderr"
    [ "$status" -eq "$want" ]
    [ "$(wc -l <<< "$stderr")" -eq 1 ]
    [[ "$stderr" == *"$text"* ]]
    [ ! -e m.h5 ]
}

@test "the same command gives the same bytes, with one thread or three" {
    nyx-train tiny.json --data=d.h5 --seed=3 -o one.h5 --log=one.jsonl --threads=1 --quiet
    nyx-train tiny.json --data=d.h5 --seed=3 -o three.h5 --log=three.jsonl --threads=3 --quiet
    cmp whole.h5 one.h5
    cmp whole.h5 three.h5
    cmp whole.jsonl three.jsonl
}

@test "another seed gives other bytes" {
    nyx-train tiny.json --data=d.h5 --seed=4 -o other.h5 --quiet
    run cmp -s whole.h5 other.h5
    [ "$status" -eq 1 ]
}

@test "two micro-batches learn the same, to rounding, in less memory" {
    nyx-train tiny.json --data=d.h5 --seed=3 -o m.h5 --log=m.jsonl --micro-batches=2 --quiet --report=two.json
    nyx-train tiny.json --data=d.h5 --seed=3 -o m1.h5 --quiet --report=one.json
    "${PYTHON:-python3}" - <<'PY'
import json
a, b = ([json.loads(l) for l in open(f)] for f in ("whole.jsonl", "m.jsonl"))
assert abs(a[0]["loss"] - b[0]["loss"]) < 1e-5 * a[0]["loss"], (a[0], b[0])
one, two = (json.load(open(f))["result"]["predicted_peak_bytes"] for f in ("one.json", "two.json"))
assert two < one, (one, two)
PY
}

@test "activations computed again cost no bit, in less memory" {
    nyx-train tiny.json --data=d.h5 --seed=3 -o again.h5 --log=m.jsonl --passes=recompute=all --quiet --report=again.json
    nyx-train tiny.json --data=d.h5 --seed=3 -o kept.h5 --quiet --report=kept.json
    cmp whole.jsonl m.jsonl
    nyx-convert whole.h5 -o whole.safetensors
    nyx-convert again.h5 -o m.safetensors
    "${PYTHON:-python3}" - <<'PY'
import json, struct
def tensors(path):
    data = open(path, "rb").read()
    return data[8 + struct.unpack("<Q", data[:8])[0]:]
assert tensors("whole.safetensors") == tensors("m.safetensors")
kept, again = (json.load(open(f))["result"] for f in ("kept.json", "again.json"))
assert again["predicted_peak_bytes"] < kept["predicted_peak_bytes"], (kept, again)
assert again["flops_per_step"] > kept["flops_per_step"]
assert kept["passes"] == {"precision": "f32", "recompute": "none"}
assert again["passes"] == {"precision": "f32", "recompute": "all"}
PY
    refused 64 "'recompute=some' is no choice of a pass" tiny.json --data=d.h5 -o m.h5 --passes=recompute=some
}

@test "bf16 learns nearly the same in less memory, and is not resumed as f32" {
    nyx-train tiny.json --data=d.h5 --seed=3 -o half.h5 --log=m.jsonl --precision=bf16 --checkpoint=ck.h5 --quiet --report=half.json
    nyx-train tiny.json --data=d.h5 --seed=3 -o wide.h5 --quiet --report=wide.json
    nyx-train tiny.json --data=d.h5 --seed=3 -o again.h5 --passes=precision=bf16,recompute=all --threads=2 --quiet
    nyx-convert half.h5 -o half.safetensors
    nyx-convert again.h5 -o again.safetensors
    "${PYTHON:-python3}" - <<'PY'
import json, struct
def tensors(path):
    data = open(path, "rb").read()
    return data[8 + struct.unpack("<Q", data[:8])[0]:]
assert tensors("half.safetensors") == tensors("again.safetensors")
wide, half = (json.load(open(f))["result"] for f in ("wide.json", "half.json"))
assert half["predicted_peak_bytes"] < wide["predicted_peak_bytes"], (wide, half)
assert half["passes"] == {"precision": "bf16", "recompute": "none"}
a, b = ([json.loads(l)["loss"] for l in open(f)] for f in ("whole.jsonl", "m.jsonl"))
assert 0 < max(abs(x - y) / x for x, y in zip(a, b)) < 0.02, (a, b)
PY
    refused 65 "checkpoint 'ck.h5' is of another run: its precision is \"bf16\", not \"f32\"" tiny.json --data=d.h5 --seed=3 \
        -o m.h5 --checkpoint=ck.h5 --resume
    refused 64 "'precision=f8' is no choice of a pass; those are precision=f32, precision=bf16, precision=f16, recompute=none, recompute=all" tiny.json --data=d.h5 -o m.h5 --precision=f8
}

@test "f16: an overflow halves the scale of the loss and skips the step" {
    nyx-train tiny.json --data=d.h5 --seed=3 -o half.h5 --log=m.jsonl --precision=f16 --quiet --report=half.json
    nyx-train tiny.json --data=d.h5 --seed=3 -o over.h5 --log=over.jsonl --precision=f16 --loss-scale=1073741824 --quiet \
        --report=over.json --checkpoint=ck.h5
    "${BUILD:-$BATS_TEST_DIRNAME/../../build}/tests/schema-check" train over.json
    "${PYTHON:-python3}" - <<'PY'
import json
half, over = (json.load(open(f))["result"] for f in ("half.json", "over.json"))
assert half["loss_scale"] == 65536 and half["skipped_steps"] == 0, half
a, b, o = ([json.loads(l) for l in open(f)] for f in ("whole.jsonl", "m.jsonl", "over.jsonl"))
assert max(abs(x["loss"] - y["loss"]) / x["loss"] for x, y in zip(a, b)) < 0.005
steps = [l for l in o if l["kind"] == "step"]
skipped = [l["grad_norm"] is None for l in steps]
n = over["skipped_steps"]
assert 2 < n < 20 and skipped == [True] * n + [False] * (24 - n), skipped
assert [l["loss_scale"] for l in steps] == [2.0 ** (30 - min(i, n)) for i in range(24)]
assert over["loss_scale"] == 2.0 ** (30 - n)
PY
    refused 1 "training diverged: the loss is not finite at step 2; a lower learning rate or bf16" tiny.json --data=d.h5 -o m.h5 \
        --precision=f16 --learning-rate=1e30 --steps=9
    refused 64 "a loss scale of 8 is for f16, this run has bf16" tiny.json --data=d.h5 -o m.h5 --precision=bf16 --loss-scale=8
    refused 65 "its loss_scale is 1073741824.0, not 65536.0" tiny.json --data=d.h5 --seed=3 -o m.h5 --precision=f16 \
        --checkpoint=ck.h5 --resume
}

@test "--resume without a checkpoint starts afresh, with one goes on" {
    nyx-train tiny.json --data=d.h5 --seed=3 -o m.h5 --checkpoint=ck.h5 --checkpoint-every=10 --resume --quiet
    cmp whole.h5 m.h5
    rm m.h5
    nyx-train tiny.json --data=d.h5 --seed=3 -o m.h5 --checkpoint=ck.h5 --checkpoint-every=10 --resume --quiet --report=r.json
    cmp whole.h5 m.h5
    grep -q '"resumed_behind_step": 24' r.json
}

@test "killed by SIGKILL at 5 moments and resumed: the same bytes" {
    command=(nyx-train tiny.json --data=d.h5 --seed=3 -o m.h5 --log=m.jsonl --checkpoint=ck.h5
             --checkpoint-every=3 --resume --quiet)
    for pause in 0.02 0.05 0.1 0.15 0.2; do
        rm -f m.h5 m.jsonl ck.h5
        "${command[@]}" & pid=$!
        sleep "$pause"
        kill -KILL "$pid" 2>/dev/null || true
        wait "$pid" || true
        "${command[@]}"
        cmp whole.h5 m.h5
        cmp whole.jsonl m.jsonl
    done
    ls -A . && [ -z "$(ls -A . | grep -v -E '^(m.h5|m.jsonl|ck.h5|tiny.json|d.h5|whole.*)$')" ]
}

@test "SIGTERM: checkpoint, exit 75, and the same command goes on" {
    nyx-train tiny.json --data=d.h5 --seed=3 --steps=4000 -o m.h5 --checkpoint=ck.h5 --quiet --report=r.json &
    pid=$!
    sleep 0.5
    kill -TERM "$pid"
    status=0
    wait "$pid" || status=$?
    [ "$status" -eq 75 ]
    [ ! -e m.h5 ]
    [ -e ck.h5 ]
    grep -q '"status": "stopped"' r.json
}

@test "a checkpoint of another run is refused, and says what differs" {
    cp whole-ck.h5 ck.h5
    refused 65 "seed" tiny.json --data=d.h5 --seed=4 -o m.h5 --checkpoint=ck.h5 --resume
    refused 65 "config" tiny.json --data=d.h5 --seed=3 --steps=30 -o m.h5 --checkpoint=ck.h5 --resume
}

@test "a damaged checkpoint is refused" {
    cp whole-ck.h5 ck.h5
    size=$(stat -c %s ck.h5)
    printf 'X' | dd of=ck.h5 bs=1 seek=$((size / 2)) conv=notrunc status=none
    refused 65 "ck.h5" tiny.json --data=d.h5 --seed=3 -o m.h5 --checkpoint=ck.h5 --resume
}

@test "--init starts from a model" {
    nyx-train tiny.json --data=d.h5 --seed=3 --steps=2 --init=whole.h5 -o m.h5 --log=m.jsonl --quiet
    "${PYTHON:-python3}" - <<'PY'
import json
first = json.loads(open("whole.jsonl").readline())["loss"]
again = json.loads(open("m.jsonl").readline())["loss"]
assert again < first, (first, again)
PY
}

@test "a learning rate that diverges: exit 1, the last good checkpoint stays" {
    nyx-train tiny.json --data=d.h5 --seed=3 -o ok.h5 --steps=6 --checkpoint=ck.h5 --quiet
    run --separate-stderr nyx-train tiny.json --data=d.h5 --seed=3 --learning-rate=1e38 -o m.h5 --checkpoint=ck2.h5 --checkpoint-every=1
    echo "$stderr"
    [ "$status" -eq 1 ]
    [[ "$stderr" == *"not finite"* ]]
    [ ! -e m.h5 ]
    [ ! -e ck2.h5 ] || "${PYTHON:-python3}" - <<'PY'
import h5py, numpy
with h5py.File("ck2.h5") as f:
    assert all(numpy.isfinite(d[()]).all() for d in f["tensors"].values())
PY
}

@test "--dry-run prints the plan and writes nothing" {
    run nyx-train tiny.json --data=d.h5 -o m.h5 --dry-run
    [ "$status" -eq 0 ]
    [[ "$output" == *"MiB at the peak"* ]]
    [ ! -e m.h5 ]
}

@test "predicted peak memory is within 2 % or 4 MiB of what was measured" {
    sed 's/"width": 32/"width": 128/; s/"inner": 64/"inner": 512/; s/"batch": 16/"batch": 128/' tiny.json > wide.json
    nyx-train wide.json --data=d.h5 --seed=3 --steps=3 -o m.h5 --checkpoint=ck.h5 --quiet --report=r.json --threads=2
    "${PYTHON:-python3}" - <<'PY'
import json
r = json.load(open("r.json"))
predicted, measured = r["result"]["predicted_peak_bytes"], r["run"]["measured_peak_bytes"]
print("# predicted %.1f MiB, measured %.1f MiB" % (predicted / 2**20, measured / 2**20))
assert abs(predicted - measured) <= max(0.02 * measured, 4 * 2**20)
PY
}

@test "bad inputs: one line, the right status, nothing written" {
    refused 66 "missing.h5" tiny.json --data=missing.h5 -o m.h5
    refused 66 "missing.json" missing.json --data=d.h5 -o m.h5
    echo '{ "model": {}' > broken.json
    refused 65 "broken.json" broken.json --data=d.h5 -o m.h5
    sed 's/"heads"/"haeds"/' tiny.json > unknown.json
    refused 65 "haeds" unknown.json --data=d.h5 -o m.h5
    sed 's/"heads": 2/"heads": "two"/' tiny.json > typed.json
    refused 65 "heads" typed.json --data=d.h5 -o m.h5
    sed 's/"heads": 2/"heads": 5/' tiny.json > shape.json
    refused 65 "heads" shape.json --data=d.h5 -o m.h5
    head -c 1000 d.h5 > short.h5
    refused 65 "short.h5" tiny.json --data=short.h5 -o m.h5
    refused 65 "whole.h5" tiny.json --data=whole.h5 -o m.h5
    refused 64 "micro" tiny.json --data=d.h5 --micro-batches=5 -o m.h5
    refused 64 "checkpoint" tiny.json --data=d.h5 --resume -o m.h5
    refused 73 "no/such" tiny.json --data=d.h5 -o no/such/m.h5
    refused 69 "device" tiny.json --data=d.h5 --device=vulkan:7 -o m.h5
}

@test "the input is not overwritten" {
    cp d.h5 d2.h5
    refused 64 "d2.h5" tiny.json --data=d2.h5 -o d2.h5
    cmp d.h5 d2.h5
}

@test "no room for the output: 74 and nothing is left" {
    run --separate-stderr bash -c 'ulimit -f 20; exec nyx-train tiny.json --data=d.h5 --seed=3 --steps=2 -o m.h5 --quiet'
    echo "$stderr"
    [ "$status" -eq 74 ]
    [ ! -e m.h5 ]
    [ -z "$(ls -A | grep -E 'm\.h5')" ]
}

@test "--trace writes the operations of the third step for a tracing page, and changes nothing" {
    nyx-train tiny.json --data=d.h5 --seed=3 -o traced.h5 --trace=trace.json --quiet
    cmp whole.h5 traced.h5
    "${PYTHON:-python3}" - <<'PY'
import json
events = json.load(open("trace.json"))["traceEvents"]
assert {e["ph"] for e in events} == {"X"}
assert {e["cat"] for e in events} == {"step", "apply", "ema"}
assert {"matmul", "attention_grad", "adam_atan2", "ema"} <= {e["name"] for e in events}
ends = [e["ts"] + e["dur"] for e in events]
assert all(e["dur"] >= 0 for e in events) and ends == sorted(ends)
PY
}
