# The pipeline of searches in small: reports, recipes, what is done twice; and
# searches killed at random (tests/fault/evolve-kill.sh, 50 times by hand).

setup_file() {
    export PATH="${BUILD:-$BATS_TEST_DIRNAME/../../build}:$PATH"
    cd "$BATS_FILE_TMPDIR"
    cat > c.json <<'JSON'
{ "model": { "width": 32, "heads": 2, "inner": 48, "h_layers": 1, "l_layers": 1, "halt_max_steps": 2 },
  "training": { "batch": 16, "steps": 20, "optimizer": { "learning_rate": 1e-2 } } }
JSON
    nyx-data sudoku --size=4 --count=400 --seed=7 --test=100 -o d.h5
    nyx-train c.json --data=d.h5 --seed=3 --threads=1 --quiet -o m.h5
}

setup() {
    export PATH="${BUILD:-$BATS_TEST_DIRNAME/../../build}:$PATH"
    cd "$BATS_FILE_TMPDIR"
    line=(make -f "$BATS_TEST_DIRNAME/../../pipelines/evolve.mk" BIN="${BUILD:-$BATS_TEST_DIRNAME/../../build}" RUN=run
          MODEL=m.h5 DATA=d.h5 BITS="3 3.5" SEEDS="1 2" TOKENS=5000 EVOLVE="--fresh --held-rows=60 --threads=1" EVAL=--rows=60)
}

@test "a search for each budget and seed, the last of each coded and judged" {
    run "${line[@]}"
    echo "$output"
    [ "$status" -eq 0 ]
    for bits in 3 3.5; do
        for seed in 1 2; do [ -s "run/recipe-$bits-$seed.json" ]; done
        grep -q "eval-$bits.json" run/summary.txt
    done
    [ "$(ls run/codings | wc -l)" -eq 12 ]
}

@test "nothing is done twice; another option redoes the searches from what was coded" {
    run "${line[@]}"
    [[ "$output" != *nyx-evolve* ]]
    run "${line[@]}" BITS=3 SEEDS=1 TOKENS=5500
    echo "$output"
    [ "$status" -eq 0 ]
    [ "$(grep -c nyx-evolve <<< "$output")" -eq 1 ]
    [ "$(ls run/codings | wc -l)" -eq 12 ]
}

@test "searches that are killed end as one that is not" {
    run "$BATS_TEST_DIRNAME/../fault/evolve-kill.sh" 2
    echo "$output"
    [ "$status" -eq 0 ]
    [[ "$output" == *"2 of 2 searches the same"* ]]
}
