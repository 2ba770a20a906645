# nyx-bench --device=vulkan: figures beside the GPU's own limits, constants that are found and kept.
bats_require_minimum_version 1.5.0
load bench

setup_file() {
    export PATH="${BUILD:-$BATS_TEST_DIRNAME/../../build}:$PATH"
    ! nyx-bench --op=matmul --dry-run --device=vulkan 2> /dev/null || touch "$BATS_FILE_TMPDIR/device"
}

setup() {
    setup_bench
    [ -e "$BATS_FILE_TMPDIR/device" ] || skip "no Vulkan device; package mesa-vulkan-drivers"
}

@test "products and attention of a GPU are timed beside its own limits" {
    nyx-bench --op=matmul,matvec $quick --sizes=33x17x29 --device=vulkan,tile=6 --report=g.json > table
    grep -q "nn 33x17x29" table
    "$PYTHON" - <<'PY'
import json
figures = json.load(open("g.json"))["run"]["figures"]
assert len(figures) == 4
for f in figures:
    assert f["limit_s"] > 0 and f["limited_by"] in ("compute", "memory") and "processors" in f["openblas_s_reason"], f
    assert f["median_s"] is None or f["flops_per_s"] > 0 and f["fraction_of_limit"] > 0, f
PY
    nyx-bench --op=attention $quick --shapes=1x2x9x8 --type=f16 --device=vulkan | grep -q '^attention *backward f16 causal 1x2x9x8'
    nyx-bench --op=copy,attention $quick --shapes=1x2x9x8 --device=vulkan --report=g.json > table
    "${BUILD:-$BATS_TEST_DIRNAME/../../build}/tests/schema-check" bench g.json
    "$PYTHON" - <<'PY'
import json
report = json.load(open("g.json"))
figures, limits = report["run"]["figures"], report["run"]["limits"]
whats = [f["what"] for f in figures]
assert [w.split()[0] for w in whats].count("read") >= 2 and any(w.startswith("upload") for w in whats), whats
for how in "forward", "backward":
    assert f"{how} f32 1x2x9x8" in whats and f"{how} f32 causal 1x2x9x8" in whats, whats
assert limits["gpu"]["f32"] > 0 and limits["peak_flops_per_s"]["base"] is None and limits["read"]
PY
    nyx-bench --op=matvec_coded,matmul_coded $quick --sizes=3x17x40 --formats=int4:g32 --activations=int8 --device=vulkan > table
    [ "$(grep -c 'int4:g32, x int8' table)" -eq 2 ]
    grep -q 'loops in registers of the GPU: .*int8' table
    for switch in dot nodot; do
        nyx-bench --op=matmul_coded $quick --sizes=3x17x40 --formats=mxfp4 --activations=int8 --device=vulkan:0,$switch | grep -q 'mxfp4, x int8'
    done
    nyx-bench --op=matmul_coded $quick --sizes=33x17x40 --formats=int8:channel,nf4:g64 --activations=int8-row --device=vulkan > table
    grep -q 'int8:channel, x int8-row 33x17x40' table && grep -q 'nf4:g64 33x17x40' table
    refuses 69 "has no tile 99" --op=matmul $quick --sizes=16 --device=vulkan:0,tile=99
}

@test "the host's part in steps and in the smallest program of a GPU; another device's report is refused" {
    cat > c.json <<'JSON'
{ "model": { "width": 16, "heads": 2, "inner": 16, "h_layers": 1, "l_layers": 1, "halt_max_steps": 1 },
  "training": { "batch": 4, "steps": 20, "optimizer": { "learning_rate": 1e-3 } } }
JSON
    nyx-bench --op=submit,step --config=c.json --length=8 $quick --device=vulkan --report=g.json > table
    "${BUILD:-$BATS_TEST_DIRNAME/../../build}/tests/schema-check" bench g.json
    head -1 table | grep -q 'host us *of run *submits$'
    "$PYTHON" - <<'PY'
import json
run = json.load(open("g.json"))["run"]
step, alone, row = run["figures"]
assert run["limits"]["gpu_name"] and run["limits"]["gpu"]["submit"] > 0
for f in step, alone, row:
    assert 0 <= f["submit_s"] < f["host_s"] and f["submits"] > 0, f
    assert f["median_s"] is None or abs(f["host_fraction"] - f["host_s"] / f["median_s"]) < 1e-9 and f["host_fraction"] < 1, f
assert alone["limited_by"] == "submit" and row["limit_s"] is None
assert alone["submits"] >= 1 > row["submits"] - 1 > 0 and step["submits"] >= 2 and step["submits"] == int(step["submits"])
PY
    refuses 69 "and this is 'cpu:" --op=copy --device=cpu --compare=g.json
    sed 's/"gpu_name": "[^"]*"/"gpu_name": "another"/' g.json > other.json
    refuses 69 "(another), and this is 'vulkan:" --op=copy --device=vulkan --compare=other.json
    sed 's/"gpu_driver": "[^"]*"/"gpu_driver": "old"/' g.json > other.json
    nyx-bench --op=submit $quick --device=vulkan --compare=other.json --threshold=10000 > table 2> why
    grep -q "its GPU's driver was 'old', now it is '" why
}

@test "constants that were found are kept; a damaged table is ignored with a warning" {
    export XDG_CACHE_HOME=$PWD/caches
    refuses 69 "has no constants to choose" --op=matmul --tune --device=cpu
    product="--op=matmul,matvec,matvec_coded,matmul_coded --formats=int4:g32 --seconds=0.03 --spread=1000 --sizes=24x40x32 --modes=nt --device=vulkan"
    nyx-bench $product --tune --report=t.json > table
    "${BUILD:-$BATS_TEST_DIRNAME/../../build}/tests/schema-check" bench t.json
    grep -q '^tuned matmul nt 24x40x32: [0-9 ]* take [0-9.]* us, the kernel.s own choice [0-9.]*; [0-9]* tried, [0-9]* refused, 0 wrong' table
    nyx-bench $product --report=u.json > table
    "$PYTHON" - <<'PY'
import glob, json
tuned, used = json.load(open("t.json")), json.load(open("u.json"))
found = tuned["run"]["tuned"]
assert [t["kernel"] for t in found] == ["matmul", "matvec", "coded_dots"] and all(t["median_s"] > 0 for t in found) and sum(t["tried"] for t in found) > 3, found
lines = [json.loads(line) for line in open(glob.glob("caches/nyx/vulkan-*.tune.jsonl")[0])]
assert lines[0]["schema"] == "nyx.tune/1" and "llvmpipe" in lines[0]["name"] or lines[0]["vendor"] > 0
assert [(e["kernel"], e["type"], e["bucket"]) for e in lines[1:]] == [("matmul", "f32", [5, 5, 5]), ("matvec", "f32", [0, 5, 5]), ("coded_dots", "f32", [0, 5, 5])], lines
assert [e["genome"] for e in lines[1:]] == [t["genome"] for t in found]
assert not [w for w in used["warnings"] if "tune" in w] and "tuned" not in used["run"]
PY
    cat > c.json <<'JSON'
{ "model": { "width": 16, "heads": 2, "inner": 16, "h_layers": 1, "l_layers": 1, "halt_max_steps": 1 },
  "training": { "batch": 4, "steps": 20, "optimizer": { "learning_rate": 1e-3 } } }
JSON
    nyx-bench --op=step --config=c.json --length=8 --seconds=0.001 --spread=1000 --device=vulkan --tune --report=s.json > table
    [ "$(grep -c '^tuned matmul ' table)" -gt 3 ]
    for op in matvec_coded matmul_coded; do
        nyx-bench --op=$op --formats=int4:g32 --activations=int8 --seconds=0.01 --spread=1000 --sizes=9x40x32 --device=vulkan --tune > table
        grep -q "^tuned $op int4:g32, x int8 .*, 0 wrong" table
    done
    grep -q '"kernel": *"integer_dots"' caches/nyx/*.tune.jsonl && grep -q '"kernel": *"integer_tiles"' caches/nyx/*.tune.jsonl
    sed -i '2s/kernel/colonel/' caches/nyx/*.tune.jsonl
    nyx-bench $product --report=u.json > table 2> /dev/null
    grep -q "line 2 is damaged; nyx-bench --tune makes a new table" u.json
    env -u HOME -u XDG_CACHE_HOME nyx-bench $product --tune > table 2> why && false || [ $? -eq 69 ]
    grep -q "no folder for caches" why
}
