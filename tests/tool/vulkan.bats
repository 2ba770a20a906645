# --device=vulkan in the tools: the same answers as the CPU's to rounding, and faults.
bats_require_minimum_version 1.5.0
load vulkan

setup_file() {
    setup_vulkan 12
    cat > lm.json <<'JSON'
{ "model": { "kind": "decoder", "width": 32, "heads": 4, "kv_heads": 2, "inner": 64, "layers": 2, "context": 32 },
  "training": { "batch": 4, "steps": 8, "optimizer": { "kind": "adamw", "learning_rate": 1e-3, "warmup_steps": 2 } } }
JSON
    for i in $(seq 400); do echo "the $i grey cats sat on $((i * 7 % 31)) red mats"; done > t.txt
    nyx-data text t.txt --tokenizer=bytes --split=tail -o t.h5 --quiet
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    need_device
    ln -s "$BATS_FILE_TMPDIR"/* .
}

# Losses of two logs agree to FRACTION of each.
agree() { # FRACTION A.jsonl B.jsonl
    "${PYTHON:-python3}" - "$@" <<'PY'
import json, sys
most, a, b = float(sys.argv[1]), *([json.loads(l) for l in open(f)] for f in sys.argv[2:])
assert len(a) == len(b) > 4
for x, y in zip(a, b):
    assert abs(x["loss"] - y["loss"]) <= most * abs(x["loss"]), (x, y)
PY
}

@test "HRM learns as on the CPU, to rounding, and twice the same bytes" {
    nyx-train tiny.json --data=d.h5 --seed=3 -o cpu.h5 --log=cpu.jsonl --device=cpu --quiet
    nyx-train tiny.json --data=d.h5 --seed=3 -o gpu.h5 --log=gpu.jsonl --device=vulkan --quiet
    nyx-train tiny.json --data=d.h5 --seed=3 -o again.h5 --device=vulkan:0,staging --quiet
    agree 1e-4 cpu.jsonl gpu.jsonl
    cmp gpu.h5 again.h5
}

@test "a language model learns as on the CPU, to rounding, and the same in whatever order work is recorded" {
    nyx-train lm.json --data=t.h5 --seed=3 -o cpu.h5 --log=cpu.jsonl --device=cpu --quiet
    nyx-train lm.json --data=t.h5 --seed=3 -o gpu.h5 --log=gpu.jsonl --device=vulkan --quiet
    nyx-train lm.json --data=t.h5 --seed=3 -o again.h5 --device=vulkan:0,orderly --quiet
    agree 1e-4 cpu.jsonl gpu.jsonl
    cmp gpu.h5 again.h5
}

@test "coded models are judged and go on with a text as on the CPU" {
    nyx-train lm.json --data=t.h5 --seed=3 -o m.h5 --device=cpu --quiet
    nyx-quantize m.h5 --format=int4:g32 -o q.h5 --quiet
    for device in cpu vulkan; do
        nyx-eval q.h5 --data=t.h5 --reference=m.h5 --context=32 --device=$device --quiet --report=$device.json
        nyx-eval q.h5 --generate --prompt="the 7 grey" --tokens=24 --device=$device --quiet > $device.txt
    done
    cmp cpu.txt vulkan.txt
    "${PYTHON:-python3}" - <<'PY'
import json
a, b = (json.load(open(f))["result"] for f in ("cpu.json", "vulkan.json"))
def walk(x, y, path):
    if isinstance(x, dict):
        for k in x:
            walk(x[k], y[k], path + "." + k)
    elif isinstance(x, float):
        assert abs(x - y) <= 1e-3 * abs(x) + 1e-4, (path, x, y)
walk(a, b, "")
PY
}

@test "a device that fails is opened again: the bytes of an undisturbed run, from the checkpoint or the start" {
    nyx-train tiny.json --data=d.h5 --seed=3 -o whole.h5 --log=whole.jsonl --device=vulkan --quiet
    for how in "lost=60 --checkpoint=ck.h5 --checkpoint-every=3" "staging,late=40 --checkpoint=ck.h5 --checkpoint-every=1" "lost=60"; do
        rm -f ck.h5 m.h5
        # shellcheck disable=SC2086
        run --separate-stderr nyx-train tiny.json --data=d.h5 --seed=3 -o m.h5 --log=m.jsonl --report=r.json --device=vulkan:0,$how
        echo "$stderr"
        [ "$status" -eq 0 ]
        [ "$(grep -c 'warning: .*opened again' <<< "$stderr")" -eq 1 ]
        grep -q '"recoveries": 1' r.json
        cmp whole.h5 m.h5
        cmp whole.jsonl m.jsonl
    done
    # Each opening gets a few steps further.
    nyx-train tiny.json --data=d.h5 --seed=3 -o m.h5 --report=r.json --device=vulkan:0,lost=60,again --checkpoint=ck2.h5 --checkpoint-every=1 --quiet
    ! grep -q '"recoveries": [01],' r.json
    cmp whole.h5 m.h5
}

@test "a device that comes back as another one: its checkpoint is refused as by --resume, without one it starts anew" {
    nyx-train tiny.json --data=d.h5 --seed=3 -o whole.h5 --log=whole.jsonl --device=vulkan --quiet
    run --separate-stderr -65 nyx-train tiny.json --data=d.h5 --seed=3 -o m.h5 --device=vulkan:0,lost=60,other \
        --checkpoint=ck.h5 --checkpoint-every=3
    echo "$stderr"
    [[ "$stderr" == *"opened again"*"checkpoint 'ck.h5' is of another run: its program_"* ]]
    [ ! -e m.h5 ]
    nyx-train tiny.json --data=d.h5 --seed=3 -o m.h5 --device=vulkan:0 --checkpoint=ck.h5 --resume --quiet
    cmp whole.h5 m.h5
    nyx-train tiny.json --data=d.h5 --seed=3 -o m.h5 --log=m.jsonl --device=vulkan:0,lost=60,other --quiet
    cmp whole.jsonl m.jsonl
    run ! cmp -s whole.h5 m.h5 # it names its own programs
}

@test "a checkpoint goes on where less is bound and time is short, to the same bytes" {
    nyx-train tiny.json --data=d.h5 --seed=3 -o whole.h5 --device=vulkan --quiet
    run -65 nyx-train tiny.json --data=d.h5 --seed=3 -o m.h5 --device=vulkan:0,lost=60,other --quiet \
        --checkpoint=ck.h5 --checkpoint-every=3 # stops in the middle
    nyx-train tiny.json --data=d.h5 --seed=3 -o m.h5 --report=r.json --checkpoint=ck.h5 --resume --quiet \
        --device=vulkan:0,slow=1000000,most=1048576
    grep -q '"resumed_behind_step": [1-9]' r.json
    cmp whole.h5 m.h5
}

@test "nyx-eval opens a device that fails again, and says what it would have said" {
    nyx-train tiny.json --data=d.h5 --seed=3 -o m.h5 --device=cpu --quiet
    nyx-quantize m.h5 --format=int4:g32 -o q.h5 --quiet
    nyx-eval q.h5 --reference=m.h5 --data=d.h5 --split=train --device=vulkan --quiet --report=whole.json > whole.txt
    for how in lost=4 lost=9 staging,late=5; do
        run --separate-stderr -0 nyx-eval q.h5 --reference=m.h5 --data=d.h5 --split=train --report=r.json --device=vulkan:0,$how
        [ "$output" = "$(cat whole.txt)" ]
        [ "$(grep -c 'warning: .*opened again' <<< "$stderr")" -eq 1 ]
        "${PYTHON:-python3}" - <<'PY'
import json
whole, r = json.load(open("whole.json")), json.load(open("r.json"))
assert whole["result"] == r["result"] and whole["run"]["recoveries"] == 0 and r["run"]["recoveries"] == 1
PY
    done
    run --separate-stderr -75 nyx-eval m.h5 --data=d.h5 --device=vulkan:0,lost=4,other --quiet
    [[ "$stderr" == *"computes otherwise"* ]]
    run --separate-stderr -75 nyx-eval m.h5 --data=d.h5 --device=vulkan:0,lost=2,again --quiet --report=r.json
    [ "$(wc -l <<< "$stderr")" -eq 1 ]
    grep -q '"recoveries": 3' r.json
}

@test "a device that fails again and again: exit 75, one line, nothing half-written" {
    run --separate-stderr nyx-train tiny.json --data=d.h5 --seed=3 -o m.h5 --device=vulkan:0,lost=5,again --quiet \
        --checkpoint=ck.h5 --checkpoint-every=1 --report=r.json
    echo "$stderr"
    [ "$status" -eq 75 ]
    [ "$(wc -l <<< "$stderr")" -eq 1 ]
    [[ "$stderr" == *"lost"* ]]
    [ ! -e m.h5 ]
    [ ! -e ck.h5 ]
    grep -q lost r.json
}

@test "no memory left: exit 71 with what is needed; no such device, no such switch: 69" {
    refused() { # STATUS TEXT DEVICE
        run --separate-stderr nyx-train tiny.json --data=d.h5 -o m.h5 --device="$3" --quiet
        echo "$stderr"
        [ "$status" -eq "$1" ]
        [ "$(wc -l <<< "$stderr")" -eq 1 ]
        [[ "$stderr" == *"$2"* ]]
        [ ! -e m.h5 ]
    }
    refused 71 "are available" vulkan:0,full=8
    refused 69 "vulkan:7" vulkan:7
    refused 69 "abacus" vulkan:0,abacus
}

@test "a plan for the GPU is obeyed, and gives the bytes of a run without one" {
    nyx-profile --plan=tiny.json --data=d.h5 --device=vulkan -o plan.json --quiet
    grep -q '"device": "vulkan:' plan.json
    nyx-train tiny.json --data=d.h5 --seed=3 --plan=plan.json -o planned.h5 --report=r.json --quiet
    grep -q '"device": "vulkan:' r.json
    nyx-train tiny.json --data=d.h5 --seed=3 --device=vulkan -o m.h5 --quiet
    cmp planned.h5 m.h5
}

@test "what has no kernel runs on the processor: as on the CPU to rounding, resumed to the bit, said once" {
    device=vulkan:0,staging,without=attention
    nyx-train lm.json --data=t.h5 --seed=3 -o cpu.h5 --log=cpu.jsonl --device=cpu --quiet
    run --separate-stderr nyx-train lm.json --data=t.h5 --seed=3 -o gpu.h5 --log=gpu.jsonl --device=$device --report=r.json --trace=trace.json
    [ "$status" -eq 0 ]
    echo "$stderr"
    [ "$(grep -c 'warning: .*attention' <<< "$stderr")" -eq 1 ]
    agree 1e-4 cpu.jsonl gpu.jsonl
    "${PYTHON:-python3}" - <<'PY'
import json
r = json.load(open("r.json"))
assert r["run"]["on_cpu"] == ["attention"] and r["run"]["device"] == "vulkan:0" and "attention" in r["warnings"][0], r
events = json.load(open("trace.json"))["traceEvents"]
there = [e for e in events if e["args"].get("on_cpu")]
assert there and all(e["name"] == "attention" and e["tid"] == 2 and e["dur"] > 0 for e in there), there
assert all(e["tid"] == 1 for e in events if not e["args"].get("on_cpu"))
PY
    nyx-train lm.json --data=t.h5 --seed=3 -o half.h5 --device=$device --checkpoint=ck.h5 --checkpoint-every=1 --quiet &
    until [ -e ck.h5 ]; do sleep 0.02; done
    kill -TERM $! && { wait $! || [ $? -eq 75 ]; }
    nyx-train lm.json --data=t.h5 --seed=3 -o again.h5 --device=$device --checkpoint=ck.h5 --resume --quiet --report=r.json
    grep -q '"resumed_behind_step": [1-8]' r.json
    cmp gpu.h5 again.h5
    run --separate-stderr nyx-train lm.json --data=t.h5 --seed=3 -o no.h5 --device=vulkan:0,staging --checkpoint=ck.h5 --resume --quiet
    [ "$status" -eq 65 ] # another digest
    nyx-train lm.json --data=t.h5 --seed=3 -o plain.h5 --device=vulkan:0,staging --report=r.json --quiet
    ! grep -q on_cpu r.json
    nyx-eval gpu.h5 --data=t.h5 --context=32 --device=vulkan:0,without=matmul --report=r.json --quiet
    grep -q '"on_cpu"' r.json
}

@test "a refused operation keeps the casts that are part of it: bf16 trains the same with them apart" {
    for casts in fused unfused; do
        device=vulkan:0,without=attention,without=attention_grad,without=swiglu,plain
        [ $casts = fused ] || device+=,unfused
        nyx-train lm.json --data=t.h5 --seed=3 --passes=precision=bf16 -o $casts.h5 --log=$casts.jsonl --device=$device \
            --report=r.json --quiet
        grep -q '"on_cpu"' r.json
    done
    agree 0 fused.jsonl unfused.jsonl
}
