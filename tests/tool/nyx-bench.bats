# nyx-bench: figures with intervals and limits, or reasons; comparisons.
bats_require_minimum_version 1.5.0
load bench

setup() {
    setup_bench
}

@test "every operation gives figures, and a report that keeps its schema" {
    cat > c.json <<'JSON'
{ "model": { "width": 16, "heads": 2, "inner": 16, "h_layers": 1, "l_layers": 1, "halt_max_steps": 1 },
  "training": { "batch": 4, "steps": 20, "optimizer": { "learning_rate": 1e-3 } } }
JSON
    nyx-bench --op=all $quick --sizes=16,3x40x70 --shapes=2x3x7x4 --formats=int4:g32,int8:channel,bf16 --config=c.json --length=8 \
        --scratch=s.h5 --file-mib=1 --command="nyx-bench --version" --report=b.json > table
    [ ! -e s.h5 ] && [ ! -e s.h5.plain ]
    "${BUILD:-$BATS_TEST_DIRNAME/../../build}/tests/schema-check" bench b.json
    "$PYTHON" - <<'PY'
import json
report = json.load(open("b.json"))
cases, figures, limits = report["result"]["cases"], report["run"]["figures"], report["run"]["limits"]
assert [(c["op"], c["what"]) for c in cases] == [(f["op"], f["what"]) for f in figures]
ops = [c["op"] for c in cases]
assert ops.count("matmul") == 6 and ops.count("matvec") == 2 and ops.count("quantize") == 3
assert ops.count("dequantize") == 3 and ops.count("step") == 1 and ops.count("file") == 3 and ops.count("forward") == 1 and ops.count("pipeline") == 1 and ops.count("copy") >= 4
assert ops.count("attention") == 4 and next(c for c in cases if c["what"] == "backward f32 2x3x7x4")["flops"] == 10 * 2 * 3 * 7 * 7 * 4
assert ops.count("matmul_coded") == 6 and ops.count("matvec_coded") == 6 and ops.count("generate") == 1
row = next(c for c in cases if c["op"] == "matvec_coded" and c["what"] == "int8:channel 40x70")
assert row["flops"] == 2 * 40 * 70 and row["bytes"] == 40 * 96 + 2 * 40 + 4 * (40 + 70)
product = next(c for c in cases if c["what"] == "tn 3x40x70")
assert product["flops"] == 2 * 3 * 40 * 70 and product["bytes"] == 4 * (3 * 40 + 40 * 70 + 3 * 70)
code = next(c for c in cases if c["op"] == "quantize" and c["what"].startswith("int4:g32"))
assert code["bytes"] == 2 ** 20 * (4 + 4.5 / 8)
for case, f in zip(cases, figures):
    if f["median_s"] is None:
        assert f["median_s_reason"], f
        continue
    assert 0 < f["low_s"] <= f["median_s"] <= f["high_s"], f
    if case["flops"]:
        assert abs(f["flops_per_s"] * f["median_s"] / case["flops"] - 1) < 1e-9
    assert f["memory_bytes"] or f["memory_bytes_reason"], f
    assert f["energy_j"] or f["energy_j_reason"], f
    if f["op"] == "file":
        assert f["limited_by"] == "disk" and f["limit_s"] > 0, f
    if f["limit_s"] is not None:
        assert abs(f["fraction_of_limit"] * f["median_s"] / f["limit_s"] - 1) < 1e-9 and f["limited_by"]
assert limits["threads"] >= 1 and limits["read"]
PY
    grep -q "GFLOP/s" table
}

@test "OpenBLAS stands beside products, with kernels of this processor" {
    "$PYTHON" -c 'import ctypes; ctypes.CDLL("libopenblas.so.0")' 2> /dev/null || skip "package: no libopenblas0"
    nyx-bench --op=matmul,copy $quick --sizes=64x48x80 --threads=1 --report=b.json > table
    "${BUILD:-$BATS_TEST_DIRNAME/../../build}/tests/schema-check" bench b.json
    "$PYTHON" - <<'PY'
import json
run = json.load(open("b.json"))["run"]
for f in run["figures"]:
    if f["op"] == "matmul":
        assert f["openblas_s"] is None and f["openblas_s_reason"] == "its samples spread too wide" or f["openblas_s"] > 0, f
    else:
        assert f["openblas_s"] is None and f["openblas_s_reason"] == "does not apply", f
flags = open("/proc/cpuinfo").read().split()
if {"avx512f", "avx512bw", "avx512vl"} <= set(flags):
    assert run["limits"]["openblas"] == "SkylakeX", run["limits"]
elif {"avx2", "fma"} <= set(flags):
    assert run["limits"]["openblas"] == "Haswell", run["limits"]
assert "OpenBLAS: its " + run["limits"]["openblas"] + " kernels" in open("table").read()
PY
    [ "$(uname -m)" != x86_64 ] || OPENBLAS_CORETYPE=Nehalem nyx-bench --op=matmul $quick --sizes=64 --threads=1 | grep -qx "OpenBLAS: its Nehalem kernels"
}

@test "products of 16 bits are timed" {
    cat > c.json <<'JSON'
{ "model": { "width": 16, "heads": 2, "inner": 16, "h_layers": 1, "l_layers": 1, "halt_max_steps": 1 },
  "training": { "batch": 4, "steps": 20, "optimizer": { "learning_rate": 1e-3 } } }
JSON
    nyx-bench --op=attention $quick --shapes=1x2x9x8 --type=f16 --device=cpu | grep -q '^attention *backward f16 causal 1x2x9x8'
    nyx-bench --op=step $quick --config=c.json --length=8 --type=bf16 --device=cpu | grep -q '^step *bf16 batch 4 x 8'
    nyx-bench --op=matmul,matvec $quick --sizes=9x10x12 --modes=tn --type=bf16 --device=cpu --report=b.json > table
    grep -q "bf16 tn 9x10x12" table && grep -q "bf16 10x12" table
}

@test "equal lines ask for equal cases" {
    for i in 1 2; do nyx-bench --op=matmul,dequantize $quick --sizes=8 --formats=nf4:g64 --report=b$i.json > /dev/null; done
    "$PYTHON" -c 'import json; a, b = (json.load(open(f"b{i}.json"))["result"] for i in (1, 2)); assert a == b'
}

@test "samples that spread have no number but a reason" {
    nyx-bench --op=matvec --sizes=64 --seconds=0.02 --memory-mib=1 --spread=0.0000001 --report=b.json > table
    "$PYTHON" - <<'PY'
import json
report = json.load(open("b.json"))
for f in report["run"]["figures"]:
    assert f["median_s"] is None and f["flops_per_s"] is None and "wider" in f["median_s_reason"], f
assert len(report["warnings"]) == len(report["run"]["figures"])
PY
}

@test "slower than before exits 1" {
    nyx-bench --op=matmul --sizes=32 --threads=1 $quick --report=b.json > /dev/null
    for scale in 1000 0.001; do
        "$PYTHON" - $scale <<'PY'
import json, sys
report = json.load(open("b.json"))
for f in report["run"]["figures"]:
    f["median_s"] = (f["median_s"] or 1e-5) * float(sys.argv[1]) # a busy machine leaves a gap
json.dump(report, open(f"old-{sys.argv[1]}.json", "w"))
PY
    done
    run nyx-bench --op=matmul --sizes=32 --threads=1 $quick --compare=old-1000.json --report=c.json
    [ "$status" -eq 0 ]
    [[ "$output" == *"0 of "[1-3]" figures are more than 10 % slower"* ]]
    "${BUILD:-$BATS_TEST_DIRNAME/../../build}/tests/schema-check" bench c.json
    run nyx-bench --op=matmul --sizes=32 --threads=1 $quick --compare=old-0.001.json --threshold=50 --report=c.json
    [ "$status" -eq 1 ]
    [[ "$output" == *[1-3]" of "[1-3]" figures are more than 50 % slower"* ]]
    grep -q '"status": "no"' c.json
    sed 's/"threads": 1\b/"threads": 4095/' old-1000.json > threads.json
    nyx-bench --op=matmul --sizes=32 --threads=1 $quick --compare=threads.json --report=c.json > table 2> why
    grep -q "'threads.json' was not measured as now: it had 4095 threads, there are 1 now" c.json
    grep -q "4095 threads" why
}

@test "the smallest program: what running one costs; a processor is handed nothing" {
    nyx-bench --op=submit $quick --device=cpu --report=b.json > table
    grep -q '^submit  *run and read' table
    grep -q '^submit  *run, 64 in a row' table
    ! grep -q "host us" table
    "${BUILD:-$BATS_TEST_DIRNAME/../../build}/tests/schema-check" bench b.json
    "$PYTHON" - <<'PY'
import json
for f in json.load(open("b.json"))["run"]["figures"]:
    assert f["host_s"] is f["submits"] is f["host_fraction"] is None and f["host_s_reason"] == "the processor itself computes", f
    assert f["limit_s"] is None and f["limit_s_reason"], f
PY
}

@test "what is not given is said to be missing" {
    nyx-bench --op=step,file $quick --report=b.json > /dev/null
    grep -q "no --config=FILE.json was given" b.json
    grep -q "no --scratch=FILE was given" b.json
}

@test "wrong requests are refused with one line" {
    refuses 64 "did you mean 'matmul'" --op=matmull
    refuses 64 "is no size" --op=matmul --sizes=3x4
    refuses 64 "is no size" --op=matmul --sizes=0
    refuses 64 "'4x8x1024' is no shape" --op=attention --shapes=4x8x1024
    refuses 64 "is no mode" --op=matmul --modes=tt
    refuses 64 "int5" --op=quantize --formats=int5
    refuses 64 "above 0" --op=copy --seconds=0
    refuses 66 "missing.json" --op=copy --compare=missing.json
    echo '{ "reported": 1, "schema": "nyx.eval/1" }' > other.json
    refuses 65 "'other.json': 'schema' is \"nyx.eval/1\", \"nyx.bench/1\" expected; measure again" --op=copy --compare=other.json
    nyx-bench --op=matmul --dry-run --report=b.json > /dev/null
    sed 's/"processors": [0-9]*/"processors": 4095/' b.json > elsewhere.json
    refuses 69 "'elsewhere.json' was measured on another machine (4095 of " --op=copy --compare=elsewhere.json
    sed 's/"device": "cpu:[a-z0-9]*"/"device": "vulkan:3"/' b.json > gpu.json
    refuses 69 "'gpu.json' was measured on 'vulkan:3' (no GPU named), and this is 'cpu:" --op=copy --compare=gpu.json
    echo '{' > broken.json
    refuses 65 "broken.json" --op=step $quick --config=broken.json
    echo precious > s.h5
    refuses 64 "exists" --op=file $quick --scratch=s.h5
    [ "$(cat s.h5)" = precious ]
    refuses 73 "nowhere" --op=file $quick --scratch=nowhere/s.h5
}

# zone NAME ENERGY -- a powercap zone of the machine in root/.
zone() {
    mkdir -p "root/sys/class/powercap/$1"
    echo package-0 > "root/sys/class/powercap/$1/name"
    echo 262143328850 > "root/sys/class/powercap/$1/max_energy_range_uj"
    echo "$2" > "root/sys/class/powercap/$1/energy_uj"
}

# energy EXPRESSION PYTHON -- counters that say EXPRESSION of i every 10 ms, i from 1; PYTHON judges figure f.
energy() {
    (for ((i = 1; i <= 400; i++)); do
        for at in root/sys/class/powercap/*; do echo $(($1)) > next; mv next "$at/energy_uj"; done
        sleep 0.01
    done) 3>&- &
    nyx-bench --op=matmul --sizes=64 --modes=nt --memory-mib=1 --spread=1000 --seconds=0.3 --root=root --report=b.json > table
    kill $! || true
    wait $! || true
    "$PYTHON" -c 'import json, sys; f = json.load(open("b.json"))["run"]["figures"][0]; print(f); exec(sys.argv[1])' "$2"
}

@test "energy is told where a counter of the processors runs" {
    zone intel-rapl:0 0
    energy 'i * 1000' 'assert 0 < f["energy_j"] < 0.1, f'
}

@test "an energy counter that wraps is believed" {
    zone intel-rapl:0 262143320000
    energy '(262143320000 + i * 1000) % 262143328850' 'assert 0 < f["energy_j"] < 0.1, f'
}

@test "an energy counter that is frozen, goes back or is negative gives no energy but the reason" {
    zone intel-rapl:0 5000
    energy 5000 'assert f["energy_j"] is None and "counter: it is frozen: " in f["energy_j_reason"], f'
    energy '262143000000 - i * 1000000' 'assert f["energy_j"] is None and "counter: it lies: " in f["energy_j_reason"] and " W is not" in f["energy_j_reason"], f'
    energy '-9000000 + i * 1000' 'assert f["energy_j"] is None and "counter: it lies: -" in f["energy_j_reason"] and " J is not" in f["energy_j_reason"], f'
    [ "$(grep -c -- '-$' table)" -ge 1 ] # no number in the column of mJ
}

@test "a command that fails is no figure" {
    refuses 69 "ended with status 3; it must end with 0 each time" --op=pipeline $quick --command="exit 3"
}
