#!/bin/bash
# run.sh BUILD FUZZBUILD [RUNS] -- run every harness in FUZZBUILD/fuzz RUNS times
# [20000] from seeds made with the programs in BUILD. Findings stay in
# FUZZBUILD/findings; ends with "N passed, N failed".
set -u
cd "$(dirname "$0")/../.."
build=$(realpath "$1") fuzz=$(realpath "$2") runs=${3:-20000}
seeds=$fuzz/seeds
rm -rf "$seeds"
mkdir -p "$seeds"/{json,settings,format,scan,bundle,gguf,safetensors,tokenizer} "$fuzz/findings"

cat > "$seeds/small.json" <<'JSON'
{ "model": { "width": 16, "heads": 2, "inner": 16, "h_layers": 1, "l_layers": 1, "halt_max_steps": 1 },
  "training": { "batch": 4, "steps": 2, "optimizer": { "learning_rate": 1e-3, "clip": 1 }, "ema": 0.5 } }
JSON
cat > "$seeds/lm.json" <<'JSON'
{ "model": { "kind": "decoder", "width": 8, "heads": 2, "layers": 1, "inner": 32, "context": 8 },
  "training": { "batch": 2, "steps": 1, "optimizer": { "learning_rate": 1e-3 } } }
JSON
echo '{ "rules": [ { "tensor": "*.down", "format": "int4:g32", "method": "mse" }, { "tensor": "*", "keep": true } ] }' \
    > "$seeds/settings/recipe.json"
(
    cd "$seeds"
    "$build/nyx-data" sudoku --size=4 --count=20 -q -o d.h5 --report=json/data.json
    "$build/nyx-train" small.json --data=d.h5 -q -o m.h5 --report=json/train.json
    "$build/nyx-quantize" m.h5 --format=int4:g16 -q -o q.h5 --report=json/quantize.json
    "$build/nyx-eval" q.h5 --reference=m.h5 --data=d.h5 -q --report=json/eval.json > /dev/null
    cp small.json settings/
    cp settings/recipe.json small.json json/
    # Its manifest, a NUL, its members; see bundle.c.
    "$build/nyx-bundle" create small.json settings/recipe.json -o b.tar.zst
    zstd -q -d b.tar.zst -o b.tar
    size=$((8#$(tail -c +125 b.tar | head -c 11)))
    { tail -c +513 b.tar | head -c $size; printf '\0'; tail -c +$((513 + (size + 511) / 512 * 512)) b.tar; } > bundle/small
    # A decoder of few characters, and one with merges; a tokenizer, a NUL, a text; see tokenizer.c.
    for i in {1..40}; do echo 'ab ba aab bba abab baba'; done > text
    "$build/nyx-data" text text --split=tail --tokenizer=characters -q -o c.h5
    "$build/nyx-data" text text --split=tail --vocabulary=262 -q -o b.h5
    for file in c b; do
        "$build/nyx-train" lm.json --data=$file.h5 -q -o $file.m.h5
        "$build/nyx-quantize" $file.m.h5 --format=int4:g32 -q -o $file.q.h5
        "$build/nyx-convert" $file.q.h5 -q -o gguf/$file.gguf
        "$build/nyx-convert" $file.m.h5 -q -o $file/
        size=$(head -c 8 $file/model.safetensors | od -An -v -td8)
        { tail -c +9 $file/model.safetensors | head -c $((size)); printf '\0'
          tail -c +$((9 + size)) $file/model.safetensors; } > safetensors/$file
        { cat $file/tokenizer.json; printf '\0'; head -c 100 text; } > tokenizer/$file
    done
    for file in d m q; do head -c 512 $file.h5 > scan/$file; done
) || exit 1
cp pipelines/configs/*.json "$seeds/settings/"
"$build/nyx-quantize" --list-formats | awk 'NR > 1 && $2 ~ /^[0-9.]+$/ { print $1 }' | while read -r format; do
    printf %s "$format" > "$seeds/format/${format//:/-}"
done

# Bytes of the longest input: model files have headers.
longest() { case $1 in gguf|safetensors|tokenizer) echo 32768 ;; *) echo 4096 ;; esac; }

passed=0 failed=0
for source in tests/fuzz/*.c; do
    name=$(basename "$source" .c)
    mkdir -p "$fuzz/corpus/$name"
    if "$fuzz/fuzz/$name" -runs="$runs" -seed=1 -max_len="$(longest "$name")" -timeout=10 -rss_limit_mb=2048 -verbosity=0 \
        -artifact_prefix="$fuzz/findings/$name-" "$fuzz/corpus/$name" "$seeds/$name" > "$fuzz/$name.log" 2>&1; then
        passed=$((passed + 1))
        echo "fuzz/$name: $runs executions"
    else
        failed=$((failed + 1))
        echo "fuzz/$name: a finding, $fuzz/$name.log"
        tail -n 30 "$fuzz/$name.log" | sed 's/^/    /'
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
