# Other programs read and run what nyx-convert wrote: the packages safetensors,
# gguf, tokenizers and llama.cpp itself (package xllamacpp). Where they are not
# installed the tests are skipped; NYX_INTEROP_PYTHON names a Python that has
# them, NYX_SMOLLM a GGUF file of SmolLM2-135M.
bats_require_minimum_version 1.5.0

setup() {
    export PATH="${BUILD:-$BATS_TEST_DIRNAME/../../build}:$PATH"
    python=${NYX_INTEROP_PYTHON:-${PYTHON:-python3}}
    data=${NYX_SHARED-$BATS_TEST_DIRNAME/../../../shared}/data
    cd "$BATS_TEST_TMPDIR"
}
other() { "$python" "$BATS_TEST_DIRNAME/convert.py" "$@" 2>log; }
need_module() { other have "$@" || skip "no Python module $*; NYX_INTEROP_PYTHON names an interpreter that has them"; }
need() { [ -e "$1" ] || skip "no data ${1##*data/}"; }
stories() {
    need "$data/weights/stories260K/stories260K.bin"
    nyx-convert "$data/weights/stories260K/stories260K.bin" --tokenizer="$data/weights/stories260K/tok512.bin" -o s.h5
}

@test "safetensors and gguf see the same numbers, plain and coded" {
    need_module safetensors numpy gguf
    stories
    nyx-convert s.h5 -o s.gguf
    nyx-convert s.h5 -o s.safetensors
    [ "$(other same s.safetensors s.gguf)" = "47 equal" ]
    for format in int4:g32 int8:g32 int4:g32:asym:zero=f16; do
        echo "{ \"rules\": [ { \"tensor\": \"*.mlp.down\", \"keep\": true }, { \"tensor\": \"*norm\", \"keep\": true },
            { \"tensor\": \"*\", \"format\": \"$format\" } ] }" > recipe.json
        nyx-quantize s.h5 --recipe=recipe.json -o q.h5
        nyx-convert q.h5 -o q.gguf
        nyx-convert q.h5 -o q.safetensors --decode --dtype=f32
        [ "$(other same q.safetensors q.gguf)" = "47 equal" ]
    done
}

@test "tokenizers reads tokenizer.json, and its ids are those of llama2.c" {
    need_module tokenizers
    stories
    nyx-convert s.h5 -o folder/
    printf 'Once upon a time' > prompt
    [ "$(other tokens folder/tokenizer.json prompt)" = "[403, 407, 261, 378]" ]
    other tokens folder/tokenizer.json "$data/text/tinystories_sample.txt" > ids
}

@test "llama.cpp tells the story that llama2.c tells" {
    need_module xllamacpp
    stories
    nyx-convert s.h5 -o s.gguf
    want=', there was a little girl named Lily. She loved to play outside in the park. One day, she saw a big, red ball.'
    got=$(other generate s.gguf '"Once upon a time"' 60)
    echo "$got"
    [[ "$got" == "$want"* ]]
    nyx-quantize s.h5 --format=int8:g32 --all -o q.h5 # 172 columns are no blocks: those matrices go back to f16
    run nyx-convert q.h5 -o q.gguf
    [ "$status" -eq 69 ]
    nyx-convert s.h5 -o h.gguf --dtype=f16
    [[ "$(other generate h.gguf '"Once upon a time"' 30)" == ", there was a little girl named Lily."* ]]
}

@test "llama.cpp sorts with gpt-nano-sort" {
    need_module xllamacpp
    need "$data/weights/gpt-nano-sort/gpt-nano-sort-model.json"
    echo '{"kind":"bytes","vocabulary":["0","1","2"]}' > digits.json
    nyx-convert "$data/weights/gpt-nano-sort/gpt-nano-sort-model.json" --tokenizer=digits.json -o g.h5
    nyx-convert g.h5 -o g.gguf
    [ "$(other generate g.gguf '[0,0,2,1,0,1]' 6)" = 00011 ] # its 11 positions end before the sixth
    [ "$(other generate g.gguf '[2,1,2,0,2,1]' 6)" = 01122 ]
}

@test "llama.cpp says the same out of SmolLM2 before and after" {
    [ -e "${NYX_SMOLLM:-}" ] || skip "no data: NYX_SMOLLM names no GGUF of SmolLM2"
    need_module xllamacpp
    nyx-convert "$NYX_SMOLLM" -o m.h5
    nyx-convert m.h5 -o m.gguf
    before=$(other generate "$NYX_SMOLLM" '"The capital of France is"' 24)
    after=$(other generate m.gguf '"The capital of France is"' 24)
    echo "$before"
    [[ "$before" == *Paris* ]] && [ "$before" = "$after" ]
}
