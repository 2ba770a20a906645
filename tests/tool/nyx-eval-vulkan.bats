# Texts that grow on a Vulkan device: the ones that the CPU writes, whatever the
# weights are coded in; a device that is lost on the way is one line and 75.
bats_require_minimum_version 1.5.0

setup_file() {
    export PATH="${BUILD:-$BATS_TEST_DIRNAME/../../build}:$PATH"
    cd "$BATS_FILE_TMPDIR"
    cat "$BATS_TEST_DIRNAME"/../../libnyx/{base,quant}/*.h > text.txt
    nyx-data text text.txt --tokenizer=characters --split=tail --quiet -o d.h5
    cat > c.json <<'JSON'
{ "model": { "kind": "decoder", "width": 64, "heads": 4, "kv_heads": 2, "layers": 2, "inner": 96, "context": 64 },
  "training": { "batch": 8, "steps": 40, "evaluate_every": 40,
                "optimizer": { "kind": "adamw", "learning_rate": 5e-3, "warmup_steps": 5, "clip": 1 } } }
JSON
    nyx-train c.json --data=d.h5 --seed=3 --device=cpu --quiet -o m.h5
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    cp -s "$BATS_FILE_TMPDIR"/* .
    nyx-profile --parts=vulkan --no-measure | grep -q 'vulkan .*none' && skip "no Vulkan device: package mesa-vulkan-drivers"
    return 0
}

same_text() { # MODEL OPTIONS...
    nyx-eval "$@" --generate --prompt="int nyx" --tokens=40 --quiet --device=cpu > cpu.txt
    nyx-eval "$@" --generate --prompt="int nyx" --tokens=40 --quiet --device=vulkan > gpu.txt
    [ "$(wc -c < cpu.txt)" -gt 20 ]
    cmp cpu.txt gpu.txt
}

@test "a Vulkan device writes the text that the CPU writes" {
    same_text m.h5
}

@test "so it does with coded weights, and activations in 8 bits" {
    nyx-quantize m.h5 --format=int4:g32:asym --quiet -o q.h5
    same_text q.h5
    same_text q.h5 --activations=int8
    same_text q.h5 --activations=int8-row
}

@test "several texts at a time, read in long and short pieces" {
    nyx-quantize m.h5 --format=nf4 --quiet -o q.h5
    head -c 40 text.txt > prompt.txt
    for device in cpu vulkan; do
        nyx-eval q.h5 --generate --prompt-file=prompt.txt --count=3 --tokens=12 --seed=5 --temperature=0.7 --quiet \
            --device=$device > $device.txt
    done
    cmp cpu.txt vulkan.txt
}

@test "a device that is lost is one line and exit 75" {
    for when in 1 9 30; do
        run --separate-stderr -75 nyx-eval m.h5 --generate --prompt=int --tokens=40 --device=vulkan:0,lost=$when --report=r.json
        [ "${#stderr_lines[@]}" -eq 1 ]
        [[ "$stderr" == *"lost"*"--device=cpu"* ]]
        grep -q '"status": "error"' r.json
    done
}
