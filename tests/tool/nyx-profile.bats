# nyx-profile: machines real and made of files, plans, and nyx-train that obeys.
bats_require_minimum_version 1.5.0

setup_file() {
    export PATH="${BUILD:-$BATS_TEST_DIRNAME/../../build}:$PATH"
    cd "$BATS_FILE_TMPDIR"
    cat > lm.json <<'JSON'
{ "model": { "kind": "decoder", "width": 64, "heads": 4, "layers": 6, "inner": 176, "context": 64 },
  "training": { "batch": 8, "steps": 2, "optimizer": { "learning_rate": 1e-3 } } }
JSON
    cat > hrm.json <<'JSON'
{ "model": { "width": 64, "heads": 2, "inner": 128, "h_layers": 2, "l_layers": 2, "halt_max_steps": 3 },
  "training": { "batch": 32, "steps": 2, "optimizer": { "learning_rate": 1e-3 } } }
JSON
    nyx-data sudoku --size=4 --count=200 --test=20 --seed=7 -o d.h5
}

setup() {
    export PYTHON="${PYTHON:-/usr/bin/python3}"
    tests="${BUILD:-$BATS_TEST_DIRNAME/../../build}/tests"
    cd "$BATS_TEST_TMPDIR"
    ln -s "$BATS_FILE_TMPDIR"/{lm.json,hrm.json,d.h5} .
}

refuses() { # refuses STATUS PART PROGRAM ARGUMENT...
    local expected=$1 part=$2
    shift 2
    run --separate-stderr "$@"
    echo "$status: $stderr"
    [ "$status" -eq "$expected" ] && [ -z "$output" ] && [[ "$stderr" == *"$part"* ]] && [ "$(wc -l <<< "$stderr")" -eq 1 ]
}

# put FILE TEXT -- of a machine made of files.
put() { mkdir -p "root/$(dirname "$1")"; echo "$2" > "root/$1"; }

make_root() {
    put proc/cpuinfo $'processor\t: 0\nmodel name\t: Toaster\nflags\t: avx2 fma'
    put proc/meminfo $'MemTotal: 4000000 kB\nMemAvailable: 3000000 kB'
    put proc/self/cgroup '0::/box'
    put sys/fs/cgroup/box/memory.max 1073741824
    put sys/fs/cgroup/box/memory.current 73741824
    put sys/class/hwmon/hwmon0/name k10temp
    put sys/class/hwmon/hwmon0/temp1_input 51000
    put sys/class/hwmon/hwmon1/name amdgpu
    put sys/class/hwmon/hwmon1/power1_average -3000000
    put sys/class/hwmon/hwmon1/temp1_input 40000
    put sys/class/powercap/intel-rapl:0/name package-0
    put sys/class/powercap/intel-rapl:0/energy_uj 5000
    put sys/class/powercap/intel-rapl:0/max_energy_range_uj 262143328850
}

@test "this machine: a report that keeps its schema, every gap with its reason" {
    nyx-profile --parts=all --file-mib=1 --seconds=0.05 --report=p.json > lines
    "$tests/schema-check" profile p.json
    [ -z "$(find . -name '.nyx-profile*')" ]
    grep -q '^memory ' lines
    "$PYTHON" - <<'PY'
import json, os
r = json.load(open("p.json"))
result, run = r["result"], r["run"]
assert result["processor"]["threads"] >= result["processor"]["usable"] >= 1
assert result["memory"]["bytes"] >= run["memory"]["free_bytes"] > 0
assert run["measured"]["operations_per_s"]["f32"] > 1e8
assert all(x["bytes_per_s"] > 1e8 for x in run["measured"]["read"])
assert run["disk"]["free_bytes"] > 0 and set(run["disk"]["bytes_per_s"]) >= {"write", "read", "read_cached"} or \
    any(k.endswith("_reason") for k in run["disk"]["bytes_per_s"])
for source in ("hwmon", "thermal", "powercap", "drm", "proc", "nvml"):
    assert run["sensors"][source] is not None or run["sensors"][source + "_reason"]
assert result["vulkan"] or result["vulkan_reason"]
PY
}

@test "equal lines give equal results" {
    for i in 1 2; do nyx-profile --parts=processor,vulkan --no-measure --report=p$i.json > /dev/null; done
    "$PYTHON" -c 'import json; a, b = (json.load(open(f"p{i}.json"))["result"] for i in (1, 2)); assert a == b'
}

@test "software Vulkan is found, with limits, features and heaps" {
    ls /usr/share/vulkan/icd.d/lvp_icd*.json > /dev/null 2>&1 || skip "package mesa-vulkan-drivers is missing"
    env -u VK_DRIVER_FILES VK_ICD_FILENAMES=$(ls /usr/share/vulkan/icd.d/lvp_icd*.json) nyx-profile --parts=vulkan --report=p.json > lines
    grep -q '^vulkan     llvmpipe.*, cpu$' lines
    grep -Eq '^arithmetic f32 [0-9.]+, no f16, no bf16, (no int8|int8 [0-9.]+) GFLOP/s$' lines
    grep -Eq '^moving     read [0-9.]+, copy [0-9.]+, from the host [0-9.]+, to it [0-9.]+ GB/s; an empty submit takes [0-9.]+ ms' lines
    grep -q '^shaders    loops .*; f16 in registers is .*; fma rounds twice; denormals stay$' lines
    "$tests/schema-check" profile p.json
    "$PYTHON" - <<'PY'
import json
report = json.load(open("p.json"))
measured = report["run"]["vulkan_measured"][0]
assert measured["operations_per_s"]["f32"] > 1e8 and all(v > 1e7 for v in measured["bytes_per_s"].values())
assert 0 < measured["submit_s"] < 1 and measured["operations_per_s"]["f16"] is None and "has no matrix units" in measured["operations_per_s"]["f16_reason"]
device = report["result"]["vulkan"][0]
assert device["type"] == "cpu" and device["name"].startswith("llvmpipe") and "Mesa" in device["driver"]
assert device["limits"]["storage_buffer_bytes"] >= 2 ** 27 and device["limits"]["shared_memory_bytes"] >= 16384
assert device["limits"]["matrix_f16_rows"] >= 0 and device["limits"]["matrix_bf16_terms"] >= 0
assert device["features"]["storage_16bit"] is True and device["heaps"][0]["bytes"] > 2 ** 28
shaders = device["shaders"]
assert shaders["compares_nan"] and shaders["keeps_denormals"] and not shaders["fuses_precise"]
assert shaders["dots_bytes"] or not device["features"]["integer_dot"]
assert shaders["long_loops"] == ("Mesa 22." not in device["driver"])
PY
    env -u VK_DRIVER_FILES VK_ICD_FILENAMES=/nonexistent.json nyx-profile --parts=vulkan --report=p.json > lines
    grep -q 'vulkan     none: the Vulkan loader finds no driver' lines
    "$tests/schema-check" profile p.json
}

@test "a machine made of files: limits of control groups; sensors that lie are named" {
    make_root
    nyx-profile --root=root --parts=all --file-mib=1 --seconds=0.02 --report=p.json > lines
    "$tests/schema-check" profile p.json
    grep -q '^memory     953.7 of 3906.2 MiB available' lines
    grep -q 'sensor     hwmon k10temp temp1_input: it is frozen' lines
    grep -q 'sensor     hwmon amdgpu power1_average: it lies: -3 W is not possible' lines
    grep -q 'sensor     hwmon amdgpu temp1_input: 40 degrees C' lines
    grep -q 'sensor     powercap package-0 energy: it is frozen' lines
    grep -q '^vulkan     none: no libvulkan.so.1' lines
    "$PYTHON" - <<'PY'
import json
r = json.load(open("p.json"))
assert r["result"]["processor"]["name"] == "Toaster" and r["result"]["memory"]["limit_bytes"] == 2 ** 30
assert r["run"]["sensors"]["nvml"] is None and "NVIDIA" in r["run"]["sensors"]["nvml_reason"]
assert r["run"]["sensors"]["powercap"][0]["value"] is None
assert any("frozen" in w for w in r["warnings"]) and any("lies" in w for w in r["warnings"])
PY
    nyx-profile --root=root --parts=sensors --no-measure > lines
    grep -q 'sensor     hwmon k10temp temp1_input: 51 degrees C' lines
}

@test "NVIDIA's library is asked when it is there" {
    make_root
    mkdir -p root/lib
    cat > nvml.c <<'C'
#include <string.h>
int nvmlInit_v2(void) { return 0; }
int nvmlShutdown(void) { return 0; }
int nvmlDeviceGetCount_v2(unsigned *n) { *n = 1; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned i, void **d) { *d = (void *)strdup("x"); return i; }
int nvmlDeviceGetName(void *d, char *name, unsigned room) { (void)d; (void)room; strcpy(name, "Pretend 9000"); return 0; }
int nvmlDeviceGetTemperature(void *d, unsigned s, unsigned *c) { (void)d; *c = 61 + s; return 0; }
int nvmlDeviceGetPowerUsage(void *d, unsigned *mw) { (void)d; *mw = 75500; return 0; }
int nvmlDeviceGetClockInfo(void *d, unsigned which, unsigned *mhz) { (void)d; *mhz = 1979 + which; return 0; }
int nvmlDeviceGetUtilizationRates(void *d, unsigned *p) { (void)d; p[0] = 33; p[1] = 5; return 0; }
C
    ${CC:-cc} -shared -fPIC nvml.c -o root/lib/libnvidia-ml.so.1 || skip "package gcc is missing"
    nyx-profile --root=root --parts=sensors --no-measure > lines
    grep -q 'sensor     nvml Pretend 9000 temperature: 61 degrees C' lines
    grep -q 'sensor     nvml Pretend 9000 power: 75.5 W' lines
    grep -q 'sensor     nvml Pretend 9000 busy: 33 %' lines
    grep -q 'sensor     nvml Pretend 9000 clock: 1980 MHz' lines
    grep -q 'sensor     nvml Pretend 9000 energy: it cannot be read' lines
}

@test "a GPU's energy counter that is frozen is named, a calm temperature is not; what it cannot be is a lie" {
    make_root
    mkdir -p root/lib
    cat > nvml.c <<'C'
#include <string.h>
static unsigned long long energy;
int nvmlInit_v2(void) { return 0; }
int nvmlShutdown(void) { return 0; }
int nvmlDeviceGetCount_v2(unsigned *n) { *n = 2; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned i, void **d) { *d = i ? "runs" : "stuck"; return 0; }
int nvmlDeviceGetName(void *d, char *name, unsigned room) { (void)room; strcpy(name, d); return 0; }
int nvmlDeviceGetTemperature(void *d, unsigned s, unsigned *c) { (void)d; *c = 61 + s; return 0; }
int nvmlDeviceGetPowerUsage(void *d, unsigned *mw) { *mw = *(char *)d == 's' ? 4000000000u : 75500; return 0; }
int nvmlDeviceGetTotalEnergyConsumption(void *d, unsigned long long *mj) { *mj = *(char *)d == 's' ? 7 : (energy += 10); return 0; }
int nvmlDeviceGetUtilizationRates(void *d, unsigned *p) { p[0] = *(char *)d == 's' ? 250 : 0; p[1] = 5; return 0; }
C
    ${CC:-cc} -shared -fPIC -w nvml.c -o root/lib/libnvidia-ml.so.1 || skip "package gcc is missing"
    nyx-profile --root=root --parts=sensors --seconds=0.02 --report=p.json > lines
    cat lines
    "$tests/schema-check" profile p.json
    grep -q 'sensor     nvml stuck energy: it is frozen: [0-9]* readings around full load are all 0 J' lines
    grep -q 'sensor     nvml stuck power: it lies: 4e+06 W is not possible' lines
    grep -q 'sensor     nvml stuck busy: it lies: 250 % is not possible' lines
    grep -q 'sensor     nvml stuck temperature: 61 degrees C' lines
    grep -q 'sensor     nvml runs energy: 0.[0-9]* J' lines
    grep -q 'sensor     nvml runs busy: 0 %' lines
    nyx-profile --root=root --parts=sensors --no-measure > lines
    grep -q 'sensor     nvml stuck energy: 0 J' lines # without load nobody can tell
}

@test "a plan: less memory means micro-batches, then passes, then a smaller batch, then a smaller model" {
    for memory in 1GiB 12MiB 9MiB; do
        nyx-profile --plan=hrm.json --data=d.h5 --memory=$memory -o p-$memory.json --report=r-$memory.json > lines-$memory
        "$tests/schema-check" plan p-$memory.json
        "$tests/schema-check" profile r-$memory.json
    done
    cat > large.json <<'JSON'
{ "model": { "kind": "decoder", "width": 512, "heads": 8, "layers": 12, "inner": 1408, "context": 128 },
  "training": { "batch": 8, "steps": 2, "optimizer": { "learning_rate": 1e-3 } } }
JSON
    nyx-profile --plan=large.json --memory=512MiB --vocabulary=32000 -o p-large.json > lines-large
    grep -q '^smaller    the model did not fit: width ' lines-large
    "$PYTHON" - <<'PY'
import json
wide, middle, small, large = (json.load(open(f"p-{m}.json")) for m in ("1GiB", "12MiB", "9MiB", "large"))
assert wide["config"]["training"]["micro_batches"] == 1 and wide["passes"] == {"precision": "f32", "recompute": "none"} and wide["rung"] == 0
assert wide["config"]["training"]["batch"] == 32
for p in (wide, middle, small, large):
    assert p["predicted_peak_bytes"] <= p["memory_bytes"], p
assert middle["config"]["training"]["micro_batches"] > 1 or middle["passes"] != wide["passes"]
assert large["rung"] > 0 and large["config"]["model"]["width"] < 512 and large["assumed"]["vocabulary"] < 32000
assert "data" not in large["config"] and wide["config"]["data"]["length"] == 16
PY
}

@test "nyx-train obeys a plan; options win over it" {
    nyx-profile --plan=hrm.json --data=d.h5 --memory=14MiB -o p.json > /dev/null
    nyx-train hrm.json --data=d.h5 --plan=p.json -o m.h5 --quiet --report=t.json
    nyx-train hrm.json --data=d.h5 --plan=p.json --batch=16 --micro-batches=2 --passes=recompute=none -o m2.h5 --quiet --report=t2.json
    "$PYTHON" - <<'PY'
import json
plan, train, over = (json.load(open(f)) for f in ("p.json", "t.json", "t2.json"))
t = train["result"]
assert t["predicted_peak_bytes"] == plan["predicted_peak_bytes"] and t["passes"] == plan["passes"]
assert t["batch"] == plan["config"]["training"]["batch"] and t["micro_batches"] == plan["config"]["training"]["micro_batches"]
assert train["run"]["device"] == plan["device"]
assert any(i["path"] == "p.json" for i in train["inputs"])
assert over["result"]["batch"] == 16 and over["result"]["passes"] == {"precision": "f32", "recompute": "none"}
assert over["run"]["measured_peak_bytes"] > 0
assert train["run"]["measured_peak_bytes"] <= plan["memory_bytes"]
PY
}

@test "bad plans and impossible wishes: one line, the right status" {
    refuses 69 "nothing fits into 1048576 bytes: the smallest model that was planned needs" nyx-profile --plan=hrm.json --memory=1MiB -o out.json
    [ ! -e out.json ]
    refuses 64 "'4 apples' is no amount of memory" nyx-profile --plan=hrm.json --memory="4 apples"
    refuses 64 "'toaster' is no part" nyx-profile --parts=toaster
    refuses 64 "need --plan" nyx-profile --parts=memory --memory=4GiB
    refuses 66 "there is no folder 'nowhere'" nyx-profile --parts=memory --root=nowhere
    refuses 64 "is no amount of memory" nyx-profile --plan=hrm.json --memory=0.5
    refuses 64 "a TiB, is the most" nyx-profile --parts=disk --file-mib=9007199254740993
    refuses 66 "missing.json" nyx-profile --plan=missing.json
    refuses 69 "device" nyx-profile --plan=hrm.json --device=vulkan:7
    nyx-profile --plan=hrm.json --data=d.h5 --memory=1GiB -o p.json > /dev/null
    sed 's,nyx.plan/1,nyx.plan/2,' p.json > version.json
    refuses 65 'make the plan again with nyx-profile --plan' nyx-train hrm.json --data=d.h5 --plan=version.json -o m.h5
    sed 's,"threads": [0-9]*,"threads": 1000000000000,' p.json > threads.json
    refuses 65 "'threads' is 1000000000000" nyx-train hrm.json --data=d.h5 --plan=threads.json -o m.h5
    head -c 200 p.json > cut.json
    refuses 65 "cut.json" nyx-train hrm.json --data=d.h5 --plan=cut.json -o m.h5
    sed 's,"recompute": "none","recompute": "some",' p.json > pass.json
    refuses 65 "'recompute=some' is no choice" nyx-train hrm.json --data=d.h5 --plan=pass.json -o m.h5
    refuses 65 "was made for another configuration" nyx-train lm.json --data=d.h5 --plan=p.json -o m.h5
    make_root
    nyx-profile --root=root --plan=hrm.json --data=d.h5 -o other.json > /dev/null
    refuses 69 "was made on another machine" nyx-train hrm.json --data=d.h5 --plan=other.json -o m.h5
    nyx-profile --plan=hrm.json --length=16 --vocabulary=6 --memory=30MiB -o guess.json > /dev/null
    "$PYTHON" -c 'import json; p = json.load(open("guess.json")); p["memory_bytes"] = 2 ** 20; json.dump(p, open("tight.json", "w"))'
    refuses 69 "make it again with nyx-profile --plan=hrm.json --data=d.h5" nyx-train hrm.json --data=d.h5 --plan=tight.json -o m.h5
    [ ! -e m.h5 ]
}
