# Our validator against python3-jsonschema, over real documents and thousands
# of broken variants.

setup() {
    python=${PYTHON:-/usr/bin/python3}
    "$python" -c 'import jsonschema' 2>/dev/null || skip "package python3-jsonschema is missing"
    root=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
    build=${BUILD:-$root/build}
    PATH="$build:$PATH"
    cd "$BATS_TEST_TMPDIR"
}

@test "verdicts on configurations, recipes and every kind of report agree" {
    cat > config.json <<'JSON'
{ "model": { "width": 16, "heads": 2, "inner": 16, "h_layers": 1, "l_layers": 1, "halt_max_steps": 1 },
  "training": { "batch": 4, "steps": 2, "optimizer": { "learning_rate": 1e-3, "clip": 1 }, "ema": 0.5 } }
JSON
    echo '{ "rules": [ { "tensor": "*.down", "format": "int4:g32", "method": "mse" }, { "tensor": "*", "keep": true } ] }' > recipe.json
    nyx-data sudoku --size=4 --count=40 --seed=7 -o d.h5 --report=data.json
    nyx-train config.json --data=d.h5 -o m.h5 --quiet --report=train.json
    nyx-quantize m.h5 --format=int8:channel -o q.h5 --quiet --report=quantize.json
    nyx-eval q.h5 --reference=m.h5 --data=d.h5 --quiet --report=eval.json > /dev/null
    nyx-profile --plan=config.json --data=d.h5 --memory=1GiB --parts=all --no-measure -o plan.json --report=profile.json > /dev/null
    nyx-bundle create config.json recipe.json m.h5 -o b.tar.zst --report=bundle.json
    nyx-evolve recipe m.h5 --data=d.h5 --bits=6 --tokens=3000 --quiet -o r.json --report=evolve.json
    run "$python" "$root/tests/interop/schema.py" "$build/tests/schema-check" "$root/schemas" \
        config=config.json config="$root/pipelines/configs/hrm_v1.json" recipe=recipe.json \
        report=data.json data=data.json report=train.json train=train.json \
        quantize=quantize.json eval=eval.json bundle=bundle.json \
        evolve=evolve.json plan=plan.json profile=profile.json
    echo "$output"
    [ "$status" -eq 0 ]
}
