# nyx-eval: every figure against a computation of its own, by numpy, from the
# logits it writes; threads; thresholds; reports. Bad inputs are in
# tests/invalid/nyx-eval.bats.
bats_require_minimum_version 1.5.0

setup_file() {
    export PATH="${BUILD:-$BATS_TEST_DIRNAME/../../build}:$PATH"
    export PYTHON="${PYTHON:-/usr/bin/python3}"
    cd "$BATS_FILE_TMPDIR"
    cat > c.json <<'JSON'
{ "model": { "width": 32, "heads": 2, "inner": 64, "h_layers": 1, "l_layers": 1, "halt_max_steps": 2,
             "puzzle_width": 32 },
  "training": { "batch": 16, "steps": 200, "ema": 0.9, "optimizer": { "learning_rate": 3e-3, "warmup_steps": 5 } } }
JSON
    sed 's/"puzzle_width": 32/"puzzle_width": 32, "loss": "softmax"/; s/"steps": 200/"steps": 30/' c.json > softmax.json
    nyx-data sudoku --size=4 --clues=13 --count=600 --test=150 --seed=7 -o d.h5
    nyx-train c.json --data=d.h5 --seed=3 -o m.h5 --quiet
    nyx-train softmax.json --data=d.h5 --seed=3 -o s.h5 --quiet
    nyx-quantize m.h5 --format=int4:g32 -o q.h5 --quiet
    nyx-quantize s.h5 --format=int3:g32 -o sq.h5 --quiet
    # What a model gives, from the logits of both and the targets; the
    # definitions are those of libnyx/eval/eval.h, in float64.
    cat > figures.py <<'PY'
import json, sys
import h5py
import numpy as np

model, reference, data, report, split = sys.argv[1:6]
result = json.load(open(report))["result"]
with h5py.File(data) as f:
    targets = f[split]["targets"][()]
    ignore = f[split].attrs["ignore"]
x, y = (h5py.File(p)["tensors/logits"][()].astype("f8") for p in (model, reference))
targets = targets[:len(x)]
scored = targets != ignore
assert x.shape == targets.shape + (x.shape[2],) and scored.any()


def log_probabilities(x):
    if result["probability"] == "softmax":
        x = x - x.max(-1, keepdims=True)
        return x - np.log(np.exp(x).sum(-1, keepdims=True))
    w = np.where(x >= 0, x + 1, 1 / (1 - np.minimum(x, 0) + 1e-30))
    return np.log(w) - np.log(w.sum(-1, keepdims=True))


def of_target(log_p):
    return np.take_along_axis(log_p, np.where(scored, targets, 0)[..., None], -1)[..., 0][scored]


def score(log_p, logits):
    right = (logits.argmax(-1) == targets) & scored
    exact = (right.sum(1) == scored.sum(1)) & scored.any(1)
    return -of_target(log_p).mean(), right, exact


def close(what, value, expected, tolerance=1e-12):
    print(what, value, expected)
    assert abs(value - expected) <= tolerance * max(1, abs(expected)), what


def wilson(k, n, z=1.959963984540054):
    p = k / n
    middle, half = (p + z * z / 2 / n) / (1 + z * z / n), z * np.sqrt(p * (1 - p) / n + z * z / 4 / n / n) / (1 + z * z / n)
    return p, middle - half, middle + half


p, q = log_probabilities(x), log_probabilities(y)
n = scored.sum()
assert result["scored_tokens"] == n and result["rows"] == len(x) and result["scored_rows"] == scored.any(1).sum()
for part, log_p, logits in ("model", p, x), ("reference", q, y):
    loss, right, exact = score(log_p, logits)
    close(part + " loss", result[part]["loss"], loss)
    close(part + " perplexity", result[part]["perplexity"], np.exp(loss))
    close(part + " tokens", result[part]["token_accuracy"]["value"], right.sum() / n)
    for key, want in zip(("value", "low", "high"), wilson(exact.sum(), scored.any(1).sum())):
        close(part + " exact " + key, result[part]["exact_accuracy"][key], max(want, 0))
_, right, exact = score(p, x)
_, right_r, exact_r = score(q, y)
kl = (np.exp(q) * (q - p)).sum(-1)[scored]
close("kl mean", result["kl"]["mean"]["value"], kl.mean())
for key, at in ("median", .5), ("p90", .9), ("p99", .99), ("max", 1):
    close("kl " + key, result["kl"][key], np.quantile(kl, at))
close("top-1", result["top1_agreement"], (x.argmax(-1) == y.argmax(-1))[scored].mean())
change = np.exp(of_target(p)) - np.exp(of_target(q))
close("delta mean", result["delta_p"]["mean"], change.mean())
close("delta rms", result["delta_p"]["rms"], np.sqrt((change ** 2).mean()))
close("preservation_token", result["preservation_token"]["value"], right.sum() / right_r.sum())
# The bootstrap draws by other random numbers: its ends agree to a few of their
# own standard errors, some 2 % of the width of the interval.
rng = np.random.default_rng(1)
rows = rng.integers(0, len(x), (4000, len(x)))
per_row_kl = np.array([(np.exp(q[r]) * (q[r] - p[r])).sum(-1)[scored[r]].sum() for r in range(len(x))])
counts = scored.sum(1)
drawn = [("kl", result["kl"]["mean"], per_row_kl[rows].sum(1) / counts[rows].sum(1)),
         ("tokens", result["model"]["token_accuracy"], right.sum(1)[rows].sum(1) / counts[rows].sum(1)),
         ("ratio of tokens", result["preservation_token"], right.sum(1)[rows].sum(1) / right_r.sum(1)[rows].sum(1))]
if exact_r.sum() >= 5:
    close("preservation", result["preservation"]["value"], exact.sum() / exact_r.sum())
    both = exact[rows].sum(1), exact_r[rows].sum(1)
    drawn.append(("ratio of exact", result["preservation"], both[0][both[1] > 0] / both[1][both[1] > 0]))
    print("solved", exact.sum(), "and", exact_r.sum())
for what, estimate, values in drawn:
    low, high = np.quantile(values, .025), np.quantile(values, .975)
    print(what, estimate, low, high)
    assert abs(estimate["low"] - low) < .12 * (high - low) and abs(estimate["high"] - high) < .12 * (high - low), what
PY
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    ln -s "$BATS_FILE_TMPDIR"/{d,m,s,q,sq}.h5 "$BATS_FILE_TMPDIR"/figures.py .
}
need_h5py() { "$PYTHON" -c 'import h5py' 2>/dev/null || skip "no package python3-h5py"; }

# The result of report $1, as one line.
result() { "$PYTHON" -c 'import json, sys; print(json.dumps(json.load(open(sys.argv[1]))["result"], sort_keys=True))' "$1"; }

@test "every figure agrees with numpy: stablemax, test split" {
    need_h5py
    nyx-eval m.h5 --data=d.h5 --logits=m-logits.h5 -q > /dev/null
    nyx-eval q.h5 --reference=m.h5 --data=d.h5 --logits=q-logits.h5 --report=r.json -q > /dev/null
    run "$PYTHON" figures.py q-logits.h5 m-logits.h5 d.h5 r.json test
    echo "$output"
    [ "$status" -eq 0 ]
    [[ "$output" == *"ratio of exact"* ]] # the models solve some rows, so there is something to keep
}

@test "every figure agrees with numpy: softmax, training split, the first rows" {
    need_h5py
    nyx-eval s.h5 --data=d.h5 --split=train --rows=100 --logits=m-logits.h5 -q > /dev/null
    nyx-eval sq.h5 --reference=s.h5 --data=d.h5 --split=train --rows=100 --logits=q-logits.h5 --report=r.json -q > /dev/null
    run "$PYTHON" figures.py q-logits.h5 m-logits.h5 d.h5 r.json train
    echo "$output"
    [ "$status" -eq 0 ]
}

@test "rows that are not scored count nowhere" {
    need_h5py
    "$PYTHON" - <<'PY'
import hashlib, shutil
import h5py
import numpy as np
shutil.copyfile("d.h5", "masked.h5")
with h5py.File("masked.h5", "r+") as f:
    d = f["test/targets"]
    targets = d[()]
    targets[::3, ::2] = f["test"].attrs["ignore"]
    targets[7] = f["test"].attrs["ignore"]
    d[...] = targets
    d.attrs["sha256"] = np.bytes_(hashlib.sha256(targets.tobytes()).hexdigest())
PY
    nyx-eval m.h5 --data=masked.h5 --logits=m-logits.h5 -q > /dev/null
    nyx-eval q.h5 --reference=m.h5 --data=masked.h5 --logits=q-logits.h5 --report=r.json -q > /dev/null
    run "$PYTHON" figures.py q-logits.h5 m-logits.h5 masked.h5 r.json test
    echo "$output"
    [ "$status" -eq 0 ]
    "$PYTHON" -c 'import json; r = json.load(open("r.json"))["result"]; assert r["scored_rows"] == r["rows"] - 1, r'
}

@test "threads and repetition change no byte of result and logits" {
    for threads in 1 2 5; do
        nyx-eval q.h5 --reference=m.h5 --data=d.h5 --threads=$threads --logits=$threads.h5 --report=$threads.json > $threads.txt
        result $threads.json > $threads.result
    done
    cmp 1.h5 2.h5
    cmp 1.h5 5.h5
    cmp 1.result 2.result
    cmp 1.result 5.result
    cmp 1.txt 5.txt
}

@test "the seed changes the bootstrap alone" {
    nyx-eval q.h5 --reference=m.h5 --data=d.h5 --report=a.json -q > /dev/null
    nyx-eval q.h5 --reference=m.h5 --data=d.h5 --seed=1 --report=b.json -q > /dev/null
    "$PYTHON" - <<'PY'
import json
a, b = (json.load(open(f))["result"] for f in ("a.json", "b.json"))
assert a["model"]["loss"] == b["model"]["loss"] and a["kl"]["max"] == b["kl"]["max"]
assert a["model"]["exact_accuracy"] == b["model"]["exact_accuracy"]
assert a["kl"]["mean"]["value"] == b["kl"]["mean"]["value"] and a["kl"]["mean"]["low"] != b["kl"]["mean"]["low"]
PY
}

@test "a model compared with itself kept everything" {
    nyx-eval m.h5 --reference=m.h5 --data=d.h5 --report=r.json -q > /dev/null
    "$PYTHON" - <<'PY'
import json
r = json.load(open("r.json"))["result"]
assert r["kl"]["max"] == 0 and r["top1_agreement"] == 1 and r["delta_p"]["rms"] == 0, r
assert [r["preservation"][k] for k in ("value", "low", "high")] == [1, 1, 1], r["preservation"]
PY
}

@test "the logits are a file of their own kind, with the bytes its digest says" {
    need_h5py
    nyx-eval m.h5 --data=d.h5 --rows=70 --logits=l.h5 --report=r.json -q > /dev/null
    "$PYTHON" - <<'PY'
import hashlib, json
import h5py
with h5py.File("l.h5") as f, h5py.File("d.h5") as d:
    logits = f["tensors/logits"]
    assert logits.shape == (70, 16, d["test"].attrs["vocabulary"]) and logits.dtype == "f4", logits
    assert logits.attrs["sha256"].decode() == hashlib.sha256(logits[()].tobytes()).hexdigest()
output = json.load(open("r.json"))["outputs"][0]
assert output["sha256"] == hashlib.sha256(open("l.h5", "rb").read()).hexdigest(), output
PY
}

@test "storage: format, bytes and bits of the coded matrices" {
    nyx-quantize m.h5 --format=int8:channel -o q8.h5 --report=quantize.json -q
    nyx-eval q8.h5 --data=d.h5 --report=r.json -q > /dev/null
    "$PYTHON" - <<'PY'
import json
r, q = (json.load(open(f))["result"] for f in ("r.json", "quantize.json"))
s, t = r["storage"], q["totals"]
assert (s["format"], s["bytes"], s["weights"], s["coded_weights"]) == ("int8:channel", t["bytes_after"], t["weights"], t["coded_weights"])
assert abs(s["bits_per_coded_weight"] - t["bits_per_coded_weight"]) < 1e-12, (s, t)
PY
}

@test "a threshold that is missed exits 1, and the report says no" {
    run nyx-eval q.h5 --reference=m.h5 --data=d.h5 --preservation-least=50 --report=r.json
    [ "$status" -eq 1 ]
    grep -q '"status": "no"' r.json
    grep -q '"preservation"' r.json
    nyx-eval m.h5 --reference=m.h5 --data=d.h5 --preservation-least=1 --report=r.json > /dev/null
    grep -q '"status": "ok"' r.json
}

@test "words for people are on standard output, and nothing else is said" {
    run --separate-stderr nyx-eval q.h5 --reference=m.h5 --data=d.h5
    [ "$status" -eq 0 ]
    [ -z "$stderr" ]
    [[ "${lines[0]}" =~ ^exact\ [0-9.]+\ %.*tokens\ [0-9.]+\ %,\ loss\ [0-9.]+$ ]]
    [[ "${lines[1]}" == "KL "* ]]
    [[ "${lines[2]}" == "preserved "* ]]
}

@test "reports keep to their schema, ours and jsonschema's" {
    "$PYTHON" -c 'import jsonschema' 2>/dev/null || skip "no package python3-jsonschema"
    nyx-eval q.h5 --reference=m.h5 --data=d.h5 --report=a.json -q > /dev/null
    nyx-eval q.h5 --data=d.h5 --report=b.json -q > /dev/null
    nyx-eval q.h5 --data=d.h5 --dry-run --report=c.json -q > /dev/null
    ! nyx-eval d.h5 --data=d.h5 --report=d.json 2> /dev/null
    nyx-report {a,b,c,d}.json > /dev/null
    "$PYTHON" -W ignore - "$BATS_TEST_DIRNAME/../../schemas" a.json b.json c.json d.json <<'PY'
import json, sys
import jsonschema
load = lambda path: json.load(open(path))
schemas = {f"{n}.schema.json": load(f"{sys.argv[1]}/{n}.schema.json") for n in ("report", "eval")}
schema = schemas["eval.schema.json"]
check = jsonschema.Draft202012Validator(schema, resolver=jsonschema.RefResolver("", schema, store=schemas))
for path in sys.argv[2:]:
    check.validate(load(path))
PY
}

same_logits() {
    "$PYTHON" -c 'import sys, h5py, numpy
a, b = (h5py.File(f)["tensors/logits"][()] for f in sys.argv[1:])
assert numpy.array_equal(a, b)' "$@"
}

@test "--segments runs more or fewer than the model was trained with" {
    nyx-eval m.h5 --data=d.h5 --logits=two.h5 --report=two.json -q > /dev/null
    nyx-eval m.h5 --data=d.h5 --segments=2 --logits=same.h5 -q > /dev/null
    same_logits two.h5 same.h5
    # The same weights under a configuration of one segment, and of five.
    for n in 1 5; do
        sed "s/\"halt_max_steps\": 2/\"halt_max_steps\": $n/; s/\"ema\": 0.9/\"puzzle\": { \"learning_rate\": 0, \"weight_decay\": 0 }/" "$BATS_FILE_TMPDIR/c.json" > n.json
        nyx-train n.json --data=d.h5 --init=m.h5 --learning-rate=0 --steps=1 -o n.h5 -q
        nyx-eval n.h5 --data=d.h5 --logits=configured.h5 -q > /dev/null
        nyx-eval m.h5 --data=d.h5 --segments=$n --logits=asked.h5 --report=asked.json -q > /dev/null
        same_logits configured.h5 asked.h5
        ! same_logits two.h5 asked.h5 2> /dev/null
        grep -q "\"segments\": $n" asked.json
    done
    grep -q '"segments": 2' two.json
}

@test "--dry-run checks everything and writes nothing" {
    nyx-eval q.h5 --reference=m.h5 --data=d.h5 --logits=l.h5 --dry-run
    [ ! -e l.h5 ]
}
