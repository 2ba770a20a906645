# nyx-quantize: formats, recipes, what is kept, foreign files, threads, kill,
# refusals. Bad inputs are in tests/invalid/nyx-quantize.bats.
bats_require_minimum_version 1.5.0

setup_file() {
    export PATH="${BUILD:-$BATS_TEST_DIRNAME/../../build}:$PATH"
    export PYTHON="${PYTHON:-/usr/bin/python3}"
    cd "$BATS_FILE_TMPDIR"
    "$PYTHON" -c 'import h5py' 2>/dev/null || return 0
    "$PYTHON" - <<'PY'
import h5py
import numpy as np

rng = np.random.default_rng(5)
normal = lambda *shape: (0.02 * rng.standard_normal(shape)).astype("f4")
with h5py.File("foreign.h5", "w") as f:
    t = f.create_group("tensors")
    t["blocks.0.qkv"] = normal(192, 64)
    t["blocks.0.down"] = normal(64, 96)
    t["embed"] = normal(50, 64)
    t["layers/0/w"] = normal(40, 80)  # groups inside
    t["layers/0/bias"] = normal(40)
    t["wide"] = normal(33, 100).astype("f8")
    t["half"] = normal(64, 64).astype("f2")
    t.create_dataset("packed", data=normal(300, 64), chunks=(50, 32), compression="gzip", shuffle=True)
    t.create_dataset("turned", data=normal(20, 64).astype(">f4"))
    f["elsewhere"] = normal(8, 32)
with h5py.File("big.h5", "w") as f:
    f["tensors/w"] = np.tile(normal(256, 4096), (16, 1))  # 64 MiB
PY
    echo '{ "rules": [ { "tensor": "*", "keep": true } ] }' > keep.json
    nyx-quantize foreign.h5 --recipe=keep.json -o model.h5 --quiet
}

setup() {
    "$PYTHON" -c 'import h5py' 2>/dev/null || skip "no package python3-h5py"
    cd "$BATS_TEST_TMPDIR"
    ln -s "$BATS_FILE_TMPDIR"/{foreign,big,model}.h5 "$BATS_FILE_TMPDIR"/keep.json .
}

# One line on stderr, that status, no output.
refused() { # STATUS TEXT ARGUMENTS...
    local want=$1 text=$2; shift 2
    run --separate-stderr nyx-quantize "$@"
    echo "status $status, $want expected; stderr: $stderr; '$text' expected"
    [ "$status" -eq "$want" ]
    [ -z "$output" ]
    [ "$(grep -c . <<< "$stderr")" -eq 1 ]
    [[ "$stderr" == *"$text"* ]]
    [ ! -e q.h5 ]
    [ -z "$(find . -name '.*nyx-*')" ]
}

# KEY of the result in report $1, a Python expression behind "r".
result() { "$PYTHON" -c "import json, sys; r = json.load(open(sys.argv[1]))['result']; print(r$2)" "$1"; }

@test "every format of the list codes a model and comes back as listed" {
    nyx-quantize --list-formats > list
    formats=$(tail -n +2 list | grep -E '^[a-z0-9]+[^ ]* +[0-9]+\.[0-9]{3} ' | cut -d' ' -f1)
    [ "$(wc -l <<< "$formats")" -ge 35 ]
    for format in $formats; do
        nyx-quantize foreign.h5 --format="$format" --method=absmax -o q.h5 --report=r.json --quiet
        [ "$(result r.json "['format']")" = "$format" ]
        # What is coded must be read back, whole, by a second run that keeps it.
        nyx-quantize q.h5 --recipe=keep.json -o again.h5 --report=again.json --quiet
        echo "$format"
        "$PYTHON" - "$format" <<'PY'
import json, sys
r, again = (json.load(open(f))["result"] for f in ("r.json", "again.json"))
for before, after in zip(r["tensors"], again["tensors"]):
    assert before["name"] == after["name"] and before["bytes_after"] == after["bytes_after"], (before, after)
    assert before["format"] == after["format_before"] == after["format"], (before, after)
coded = [t for t in r["tensors"] if t["coded"]]
assert len(coded) == 7, [t["name"] for t in coded]
assert all(0 < t["relative_mse"] < 0.57 for t in coded if sys.argv[1] not in ("f16", "bf16")), coded
PY
    done
}

@test "bits, bytes and errors of int4:g32 are what they must be" {
    nyx-quantize foreign.h5 --format=int4:g32 -o q.h5 --report=r.json --quiet
    "$PYTHON" - <<'PY'
import json
r = json.load(open("r.json"))["result"]
t = {x["name"]: x for x in r["tensors"]}
assert t["blocks.0.qkv"]["bytes_after"] == 192 * 2 * 18 and t["blocks.0.qkv"]["bits_per_weight"] == 4.5
# 100 columns: four blocks of codes, four scales.
assert t["wide"]["bytes_after"] == 33 * 4 * 18, t["wide"]
assert not t["embed"]["coded"] and t["embed"]["method_reason"] == "kept by the recipe"
assert t["layers.0.bias"]["method_reason"] == "no matrix"
# A normal distribution in 4 bits with an f16 scale for 32: quantization.md
# gives 7.4e-3 for a scale chosen by the largest weight, less with a search.
assert all(4e-3 < x["relative_mse"] < 7.4e-3 for x in r["tensors"] if x["coded"]), t
assert r["totals"]["bytes_after"] == sum(x["bytes_after"] for x in r["tensors"])
PY
}

@test "a foreign file, nested, packed, turned round, keeps every number" {
    "$PYTHON" - <<'PY'
import h5py
import numpy as np
with h5py.File("foreign.h5") as a, h5py.File("model.h5") as b:
    names = []
    a["tensors"].visititems(lambda n, o: names.append(n) if isinstance(o, h5py.Dataset) else None)
    assert sorted(n.replace("/", ".") for n in names) == sorted(b["tensors"])
    for n in names:
        x, y = a["tensors"][n][()], b["tensors"][n.replace("/", ".")][()]
        assert x.dtype.newbyteorder("=") == y.dtype.newbyteorder("=") and np.array_equal(x, y), n
    assert b.attrs["nyx_file"] == b"model/1.0"
PY
}

@test "int8:channel against numpy" {
    nyx-quantize foreign.h5 --format=int8:channel --method=absmax -o q.h5 --quiet
    "$PYTHON" - <<'PY'
import h5py
import numpy as np
with h5py.File("foreign.h5") as a, h5py.File("q.h5") as b:
    w, q = a["tensors/blocks.0.qkv"][()], b["tensors/blocks.0.qkv"]
    scales = q["scales"][()].astype("f4").reshape(-1, 1)
    codes = q["codes"][()].view("i1").reshape(w.shape).astype("f4")
    assert np.array_equal(scales.ravel(), (np.abs(w).max(1) / np.float32(127)).astype("f2").astype("f4"))
    assert np.abs(codes).max() == 127
    assert (np.abs(codes * scales - w) <= 0.502 * scales).all()
PY
}

@test "bf16 is written as a plain tensor" {
    nyx-quantize foreign.h5 --format=bf16 -o q.h5 --quiet
    "$PYTHON" - <<'PY'
import h5py
import numpy as np
with h5py.File("foreign.h5") as a, h5py.File("q.h5") as b:
    w, q = a["tensors/packed"][()], b["tensors/packed"]
    assert q.attrs["nyx_dtype"] == b"bf16" and q.dtype == "u2"
    bits = w.view("u4")
    assert np.array_equal(q[()], ((bits + 0x7fff + (bits >> 16 & 1)) >> 16).astype("u2"))
PY
}

@test "threads and repetition change no byte of model and result" {
    for format in int4:g32 int8:tensor nvfp4; do
        for threads in 1 2 5; do
            nyx-quantize foreign.h5 --format=$format --threads=$threads -o q.$threads.h5 --report=$threads.json --quiet
            result $threads.json "" > $threads.result
        done
        cmp q.1.h5 q.2.h5
        cmp q.1.h5 q.5.h5
        cmp 1.result 5.result
    done
}

@test "a recipe decides by name, the first match first, and is known by what it says" {
    cat > recipe.json <<'JSON'
{ "comment": "mixed", "rules": [ { "tensor": "embed", "format": "int8:channel" },
  { "tensor": "*.down", "format": "nf4:g64", "method": "absmax" }, { "tensor": "layers.*", "keep": true },
  { "tensor": "*", "format": "int3:g64" }, { "tensor": "none", "keep": true } ] }
JSON
    run --separate-stderr nyx-quantize model.h5 --recipe=recipe.json -o q.h5 --report=r.json
    [ "$status" -eq 0 ]
    [ -z "$output" ]
    [ "$(result r.json "['tensors'][0]['format']")" = nf4:g64 ]
    [ "$(result r.json "['tensors'][1]['format']")" = int3:g64 ]
    [ "$(result r.json "['tensors'][2]['format']")" = int8:channel ]
    [ "$(result r.json "['tensors'][5]['coded']")" = False ]
    "$PYTHON" -c 'import json; w = json.load(open("r.json"))["warnings"]; assert len(w) == 1 and "rule 4" in w[0], w'
    sha256=$(result r.json "['recipe_sha256']")
    "$PYTHON" -c 'import json; json.dump({"rules": json.load(open("recipe.json"))["rules"]}, open("same.json", "w"))'
    nyx-quantize model.h5 --recipe=same.json -o same.h5 --report=same-r.json --quiet
    [ "$(result same-r.json "['recipe_sha256']")" = "$sha256" ]
    cmp q.h5 same.h5
}

@test "--all codes the embedding too" {
    nyx-quantize model.h5 --format=int8:g32 --all -o q.h5 --report=r.json --quiet
    [ "$(result r.json "['totals']['coded_tensors']")" -eq 8 ]
}

@test "the history names program, input and recipe and nothing of the machine" {
    nyx-quantize model.h5 --format=int4:g32 -o q.h5 --report=r.json --quiet
    "$PYTHON" - <<'PY'
import h5py, hashlib, json, re
history = h5py.File("q.h5").attrs["nyx_history"].decode().split("\n")
assert len(history) == 2, history
sha = hashlib.sha256(open("model.h5", "rb").read()).hexdigest()
report = json.load(open("r.json"))
recipe = report["result"]["recipe_sha256"]
assert re.fullmatch(rf"nyx-quantize \S+ input={sha} recipe={recipe}", history[1]), history
assert report["inputs"][0]["sha256"] == sha
assert report["outputs"][0]["sha256"] == hashlib.sha256(open("q.h5", "rb").read()).hexdigest()
PY
}

@test "--dry-run prints the plan and writes nothing" {
    run nyx-quantize model.h5 --format=int4:g32 --dry-run --report=r.json
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 10 ]
    [[ "${lines[2]}" == "blocks.0.qkv "*"[192, 64]"*"int4:g32"*"4.500"*"49152"*"6912"* ]]
    [[ "${lines[3]}" == "embed "*"f32"*"kept by the recipe"* ]]
    [ "$(result r.json "['tensors'][0]['relative_mse_reason']")" = "not written, not measured" ]
    [ ! -e q.h5 ]
}

@test "reports keep to their schema" {
    "$PYTHON" -c 'import jsonschema' 2>/dev/null || skip "no package python3-jsonschema"
    nyx-quantize model.h5 --format=int4:g32 -o q.h5 --report=a.json --quiet
    nyx-quantize model.h5 --recipe=keep.json --dry-run --report=b.json > /dev/null
    ! nyx-quantize missing.h5 --format=int4:g32 -o q.h5 --report=c.json 2>/dev/null
    nyx-quantize --list-formats --report=d.json > /dev/null
    "$PYTHON" -W ignore - "$BATS_TEST_DIRNAME/../../schemas" a.json b.json c.json d.json <<'PY'
import json, sys
import jsonschema
load = lambda path: json.load(open(path))
schemas = {f"{n}.schema.json": load(f"{sys.argv[1]}/{n}.schema.json") for n in ("report", "quantize")}
schema = schemas["quantize.schema.json"]
check = jsonschema.Draft202012Validator(schema, resolver=jsonschema.RefResolver("", schema, store=schemas))
for path in sys.argv[2:]:
    check.validate(load(path))
broken = load("a.json")
del broken["result"]["totals"]
assert list(check.iter_errors(broken))
PY
}

@test "killed at any moment: the old file or the new one, and nothing else" {
    nyx-quantize big.h5 --format=int4:g32 --method=absmax -o new.h5 --quiet
    for after in 0.01 0.05 0.1 0.15 0.2 0.3; do
        echo old > q.h5
        nyx-quantize big.h5 --format=int4:g32 --method=absmax -o q.h5 --quiet & pid=$!
        sleep $after
        kill -KILL $pid 2>/dev/null || true
        wait $pid 2>/dev/null || true
        [ "$(cat q.h5 | head -c 3)" = old ] || cmp q.h5 new.h5
    done
    # What a killed run leaves beside the target goes with the next run.
    nyx-quantize big.h5 --format=int4:g32 --method=absmax -o q.h5 --quiet
    cmp q.h5 new.h5
    [ -z "$(find . -name '.*nyx-*')" ]
}

@test "stopped by SIGTERM: 75, nothing written" {
    nyx-quantize big.h5 --format=int4:channel:asym --method=mse --threads=1 -o q.h5 2> err & pid=$!
    for _ in $(seq 500); do # as soon as it has begun to write
        [ -z "$(find . -name '.*nyx-*')" ] || break
        sleep 0.01
    done
    kill -TERM $pid
    status=0; wait $pid || status=$?
    cat err
    [ "$status" -eq 75 ]
    grep -q "stopped" err
    [ ! -e q.h5 ]
    [ -z "$(find . -name '.*nyx-*')" ]
}

@test "memory stays far below the model" {
    [ -x /usr/bin/time ] || skip "no package time"
    /usr/bin/time -f %M -o kib nyx-quantize big.h5 --format=int4:g32 --method=absmax -o q.h5 --quiet --threads=2
    echo "peak $(cat kib) KiB, file 65536 KiB"
    [ "$(cat kib)" -le 40000 ] # 64 MiB in one tensor; 9 MiB of it coded, 12 MiB of buffers
}

@test "the command line is checked" {
    refused 64 "'int5:g32'" model.h5 --format=int5:g32 -o q.h5
    refused 64 "int4" model.h5 --format=itn4:g32 -o q.h5
    refused 64 "g33" model.h5 --format=int4:g33 -o q.h5
    refused 64 "signed-max" model.h5 --format=int4:g32 --method=best -o q.h5
    refused 64 "--list-formats" model.h5 -o q.h5
    refused 64 "MODEL.h5 is missing" --format=int4:g32 -o q.h5
    refused 64 "-o FILE.h5 is needed" model.h5 --format=int4:g32
    refused 64 "leave --format out" model.h5 --format=int4:g32 --recipe=keep.json -o q.h5
    refused 64 "leave --method out" model.h5 --method=mse --recipe=keep.json -o q.h5
    refused 64 "leave --all out" model.h5 --all --recipe=keep.json -o q.h5
}

@test "the input is not overwritten, by any of its names" {
    cp model.h5 m.h5
    ln m.h5 hard.h5
    ln -s m.h5 soft.h5
    before=$(sha256sum < m.h5)
    for target in m.h5 ./m.h5 hard.h5 soft.h5; do
        refused 64 "m.h5" m.h5 --format=int4:g32 -o "$target"
    done
    cp keep.json k.json
    refused 64 "k.json" m.h5 --recipe=k.json -o k.json
    [ "$(sha256sum < m.h5)" = "$before" ]
}

@test "targets that cannot be made or filled" {
    refused 73 "no/such/q.h5" model.h5 --format=int4:g32 -o no/such/q.h5
    refused 73 "folder" model.h5 --format=int4:g32 -o "$BATS_FILE_TMPDIR"
    run --separate-stderr bash -c 'ulimit -f 1000; exec nyx-quantize big.h5 --format=int4:g32 --method=absmax -o q.h5 --quiet'
    echo "$stderr"
    [ "$status" -eq 74 ]
    [[ "$stderr" == *"cannot write 'q.h5'"* ]]
    [ ! -e q.h5 ]
    [ -z "$(find . -name '.*nyx-*')" ]
}
