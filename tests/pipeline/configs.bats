# Every configuration that is shipped for Sudokus plans, trains two steps and
# keeps to the peak that its plan says.
bats_require_minimum_version 1.5.0

setup_file() {
    export PATH="${BUILD:-$BATS_TEST_DIRNAME/../../build}:$PATH"
    cd "$BATS_FILE_TMPDIR"
    nyx-data sudoku --size=4 --count=60 --test=8 --seed=7 -o d4.h5
    nyx-data sudoku --size=6 --count=60 --test=8 --seed=7 -o d6.h5
}

setup() {
    configs="$BATS_TEST_DIRNAME/../../pipelines/configs"
    cd "$BATS_TEST_TMPDIR"
    ln -s "$BATS_FILE_TMPDIR"/d[46].h5 .
}

# Predicted against measured peak of a finished run: 2 % or 4 MiB (VmHWM less
# what the process held at its start).
peak_kept() { # REPORT.json
    "${PYTHON:-python3}" - "$1" <<'PY'
import json, sys
r = json.load(open(sys.argv[1]))
predicted, measured = r["result"]["predicted_peak_bytes"], r["run"]["measured_peak_bytes"]
print("# %s: predicted %.1f MiB, measured %.1f MiB" % (sys.argv[1], predicted / 2**20, measured / 2**20))
assert abs(predicted - measured) <= max(0.02 * measured, 4 * 2**20)
PY
}

# The names of the Sudoku models among the configurations.
sudoku_models() {
    grep -lE '"kind": *"(hrm|transformer)"' "$configs"/*.json
}

@test "every shipped configuration has a plan" {
    for config in $(sudoku_models); do
        run nyx-train "$config" --data=d4.h5 -o m.h5 --dry-run
        echo "# $config: $output"
        [ "$status" -eq 0 ]
        [[ "$output" == *"MiB at the peak"* ]]
    done
    [ ! -e m.h5 ]
}

@test "every shipped configuration trains two steps" {
    for config in $(sudoku_models); do
        nyx-train "$config" --data=d4.h5 --seed=3 --steps=2 --batch=4 --micro-batches=2 --threads=1 --quiet \
            -o m.h5 --report=r.json
        "${PYTHON:-python3}" -c 'import json, math; assert math.isfinite(json.load(open("r.json"))["result"]["loss"])'
    done
}

# One configuration a line: data, kind, width, inner, layers, batch, micro-batches, ema, optimizer, puzzle width, segments.
shapes='
d4 hrm          64  192 1  16 1 0.99 adamw       0  4
d4 hrm          64  192 2 256 4 0    adam_atan2 64  2
d4 transformer  96  256 3 128 1 0.9  adamw       0  1
d6 hrm         128  384 2  64 1 0.99 adamw       0  4
d6 transformer 192  512 4  32 2 0    adamw      64  3
d6 hrm         256  768 1  32 1 0.99 adam_atan2  0  2
'

@test "predicted peak memory is within 2 % or 4 MiB of what was measured, shape by shape" {
    while read -r data kind width inner layers batch micro ema optimizer puzzle segments; do
        [ -n "$data" ] || continue
        depth="\"h_layers\": $layers, \"l_layers\": $layers"
        [ "$kind" = hrm ] || depth="\"layers\": $layers"
        cat > shape.json <<JSON
{ "model": { "kind": "$kind", "width": $width, "heads": 4, "inner": $inner, $depth, "halt_max_steps": $segments,
             "puzzle_width": $puzzle },
  "training": { "batch": $batch, "micro_batches": $micro, "steps": 2, "ema": $ema,
                "optimizer": { "kind": "$optimizer", "learning_rate": 1e-3 } } }
JSON
        rm -f m.h5 ck.h5
        nyx-train shape.json --data=$data.h5 --seed=3 --threads=2 --quiet -o m.h5 --checkpoint=ck.h5 --report=r.json
        echo "# $data $kind $width $inner $layers $batch/$micro ema $ema $optimizer puzzle $puzzle"
        peak_kept r.json
    done <<< "$shapes"
}
