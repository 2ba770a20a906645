# What the tests of devices share: is there one, and a small HRM with its puzzles.
setup_vulkan() { # STEPS [MORE-OF-TRAINING]
    export PATH="${BUILD:-$BATS_TEST_DIRNAME/../../build}:$PATH"
    cd "$BATS_FILE_TMPDIR"
    nyx-profile --parts=vulkan --no-measure | grep -q '^vulkan  *none' && touch no-device
    cat > tiny.json <<JSON
{ "model": { "width": 32, "heads": 2, "inner": 64, "h_layers": 1, "l_layers": 1, "halt_max_steps": 3,
             "puzzle_width": 32 },
  "training": { "batch": 16, "steps": $1, ${2:-} "ema": 0.9,
                "optimizer": { "learning_rate": 1e-3, "warmup_steps": 5, "floor": 0.1, "clip": 1.0 } } }
JSON
    nyx-data sudoku --size=4 --count=200 --test=20 --seed=7 -o d.h5 --quiet
}

need_device() {
    [ ! -e "$BATS_FILE_TMPDIR/no-device" ] || skip "no Vulkan device; package mesa-vulkan-drivers"
}
