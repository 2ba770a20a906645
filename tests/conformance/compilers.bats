# gcc and clang build the same graphs. C leaves the order open in which
# arguments are worked out, and the two differ: a node made inside an argument
# list gives each its own digest, so a checkpoint of one is refused by the other.
bats_require_minimum_version 1.5.0

# Only what builds graphs, without optimizing: the order of nodes is the same.
build() { # COMPILER
    mkdir "$BATS_TEST_TMPDIR/$1"
    for source in "$root"/libnyx/{base,report,tensor,quant,file,graph,pass,model}/*.c "$root"/libnyx/train/{optimizer,scaling}.c \
        "$root"/tests/conformance/graphs.c "$build/schemas.c"; do
        object=${source#"$root"/}
        echo "$source -o $BATS_TEST_TMPDIR/$1/${object//\//_}.o"
    done | xargs -P 2 -L 1 "$1" -std=c17 -O0 -w -ffunction-sections -D_GNU_SOURCE -DNYX_VERSION='"0"' -I"$root/libnyx" -pthread \
        $(pkg-config --cflags hdf5 jansson libarchive zlib) -c
    # What reads stores is not called, and so not asked for.
    "$1" "$BATS_TEST_TMPDIR/$1"/*.o -Wl,--gc-sections -pthread $(pkg-config --libs hdf5 jansson libarchive zlib) -lm -o "$BATS_TEST_TMPDIR/$1.graphs"
}

@test "gcc's and clang's graphs of every shipped configuration and kind of model are one text" {
    for compiler in gcc clang; do command -v $compiler > /dev/null || skip "no package $compiler"; done
    root=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
    build=$(cd "${BUILD:-$root/build}" && pwd)
    build gcc
    build clang
    cd "$root"
    training='"training": { "batch": 8, "steps": 9, "ema": 0.9, "optimizer": { "learning_rate": 0.1, "kind": "adamw", "clip": 1 } }'
    while IFS='|' read -r name model; do
        echo "{ \"model\": { $model }, $training }" > "$BATS_TEST_TMPDIR/$name.json"
    done <<'MODELS'
llama|"kind": "decoder", "width": 12, "heads": 4, "kv_heads": 2, "head_width": 4, "layers": 2, "inner": 20, "context": 16
gpt2|"kind": "decoder", "width": 12, "heads": 3, "layers": 2, "inner": 48, "context": 16, "norm": "layernorm", "activation": "gelu", "position": "learned", "bias": true, "tied": true
mlp|"kind": "mlp", "widths": [16, 20, 12]
learned|"width": 16, "heads": 4, "inner": 20, "h_layers": 2, "l_layers": 1, "halt_max_steps": 2, "puzzle_width": 24, "position": "learned", "loss": "softmax"
MODELS
    configs=$(ls pipelines/configs/*.json "$BATS_TEST_TMPDIR"/*.json)
    "$BATS_TEST_TMPDIR/gcc.graphs" $configs > "$BATS_TEST_TMPDIR/gcc.txt"
    "$BATS_TEST_TMPDIR/clang.graphs" $configs > "$BATS_TEST_TMPDIR/clang.txt"
    diff "$BATS_TEST_TMPDIR/gcc.txt" "$BATS_TEST_TMPDIR/clang.txt" | head -n 20
    cmp "$BATS_TEST_TMPDIR/gcc.txt" "$BATS_TEST_TMPDIR/clang.txt"
    [ "$(grep -c '^===' "$BATS_TEST_TMPDIR/gcc.txt")" -eq $((8 * $(wc -w <<< "$configs"))) ]
    # The library as it is really compiled agrees with both.
    "$build/tests/graphs" $configs | cmp - "$BATS_TEST_TMPDIR/gcc.txt"
}
