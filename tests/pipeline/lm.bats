# The language model pipeline in small: text out of an archive to a table.
bats_require_minimum_version 1.5.0

setup_file() {
    cd "$BATS_FILE_TMPDIR"
    root=$BATS_TEST_DIRNAME/../..
    mkdir docs
    cp "$root"/libnyx/{base/base,graph/graph,quant/quant,file/file}.h docs
    tar czf corpus.tar.gz docs
    cat > tiny.json <<'JSON'
{ "model": { "kind": "decoder", "width": 32, "heads": 2, "layers": 1, "inner": 64, "context": 32 },
  "training": { "batch": 8, "steps": 20, "optimizer": { "kind": "adamw", "learning_rate": 5e-3 } } }
JSON
    run make -f "$root/pipelines/lm.mk" BIN="${BUILD:-$root/build}" RUN=run CONFIG=tiny.json TEXT=corpus.tar.gz \
        DATA=--vocabulary=400
    echo "$output"
    [ "$status" -eq 0 ]
}

setup() {
    cd "$BATS_FILE_TMPDIR"
    root=$BATS_TEST_DIRNAME/../..
    again=(make -f "$root/pipelines/lm.mk" BIN="${BUILD:-$root/build}" RUN=run CONFIG=tiny.json TEXT=corpus.tar.gz
           DATA=--vocabulary=400)
}

@test "the table has a row for FP32 and each coding, with perplexity" {
    cat run/summary.txt
    for row in eval-fp32 eval-int8 eval-int4 eval-int3 eval-int2; do
        grep -q "$row.json" run/summary.txt
    done
    grep -q "perplexity" run/summary.txt
    grep -q "bits/byte" run/summary.txt
}

@test "int2 costs more than int8" {
    "${PYTHON:-python3}" - <<'PY'
import json
kl = [json.load(open("run/eval-int%d.json" % b))["result"]["kl"]["mean"]["value"] for b in (8, 4, 3, 2)]
assert kl == sorted(kl), kl
PY
}

@test "nothing is done twice, and a changed text redoes all" {
    run "${again[@]}"
    [ "$status" -eq 0 ]
    [[ "$output" != *"nyx-train "* && "$output" != *"nyx-data "* ]]
    run "${again[@]}" -n SEED=2
    [[ "$output" == *"nyx-train "* && "$output" == *"nyx-data "* ]]
}

@test "without a text it says so" {
    run make -f "$root/pipelines/lm.mk" BIN="${BUILD:-$root/build}" RUN=other CONFIG=tiny.json
    [ "$status" -ne 0 ]
    [[ "$output" == *"name the text, TEXT=FILE"* ]]
}
