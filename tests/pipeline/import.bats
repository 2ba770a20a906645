# Someone's model is coded, judged on a text, and given back.
bats_require_minimum_version 1.5.0

setup() {
    root=$BATS_TEST_DIRNAME/../..
    data=${NYX_SHARED-$root/../shared}/data
    bin=${BUILD:-$root/build}
    weights=$data/weights/stories260K
    [ -e "$weights/stories260K.bin" ] || skip "no data weights/stories260K"
    cd "$BATS_TEST_TMPDIR"
}
import() {
    make -s -f "$root/pipelines/import.mk" BIN="$bin" RUN=run MODEL="$weights/stories260K.bin" \
        IMPORT=--tokenizer="$weights/tok512.bin" TEXT="$data/text/tinystories_sample.txt" EXPORT=--decode "$@"
}

@test "a model and a text go in; codings and files for others come out" {
    import run/data.h5 run/int8.gguf run/int4.gguf run/folder/model.safetensors
    [ -s run/folder/config.json ] && [ -s run/folder/tokenizer.json ]
    head -c 4 run/int4.gguf | grep -q GGUF
    for report in import export-int8 export-folder; do "$bin/tests/schema-check" convert run/$report.json; done
    "$bin/tests/schema-check" quantize run/quantize-int4.json
    # the same line again makes nothing, another model does
    touch mark
    import run/data.h5 run/int8.gguf
    [ ! run/model.h5 -nt mark ] && [ ! run/int8.gguf -nt mark ]
    import run/int8.gguf IMPORT="--tokenizer=$weights/tok512.bin --dtype=bf16"
    [ run/model.h5 -nt mark ] && [ run/int8.gguf -nt mark ]
}

@test "the table has the original and each coding" {
    import
    for row in original int8 int4 int3; do grep -q "eval-$row.json" run/summary.txt; done
}
