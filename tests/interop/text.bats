bats_require_minimum_version 1.5.0
# Tokens beside those of Hugging Face's tokenizers, where it is installed
# (PYTHON names the python that has it).

setup() {
    text=${BUILD:-$BATS_TEST_DIRNAME/../../build}/tests/text
    shared=${NYX_SHARED-$BATS_TEST_DIRNAME/../../../shared}/data
    python=${PYTHON:-python3}
    theirs() { "$python" "$BATS_TEST_DIRNAME/text.py" "$@"; }
    "$python" -c 'import tokenizers' 2>/dev/null || skip "no data of the Python library tokenizers (pip install tokenizers)"
    cd "$BATS_TEST_TMPDIR"
}

@test "every pattern makes their tokens of odd characters" {
    [ -e "$shared/tokenizer/gpt2_vocab.json.xz" ] || skip "no data: GPT-2's vocabulary"
    xz -dc "$shared/tokenizer/gpt2_vocab.json.xz" >vocab.json
    xz -dc "$shared/tokenizer/gpt2_merges.txt.xz" >merges.txt
    theirs noise noise.txt
    run theirs patterns "$text" noise.txt vocab.json merges.txt .
    echo "$output"
    [ "$output" = ok ]
}

@test "learning makes their merges" {
    [ -e "$shared/text/tinyshakespeare.txt" ] || skip "no data: tinyshakespeare"
    run theirs train "$text" "$shared/text/tinyshakespeare.txt" 2000
    echo "$output"
    [ "$output" = ok ]
}

@test "byte fallback makes their tokens, whatever says that spaces are U+2581" {
    weights="$shared/weights/stories260K"
    [ -e "$weights/tok512.bin" ] || skip "no data: stories260K"
    PATH="$(dirname "$text")/..:$PATH"
    nyx-convert "$weights/stories260K.bin" --tokenizer="$weights/tok512.bin" -o s.h5
    nyx-convert s.h5 -o folder/
    { head -c 60000 "$shared/text/tinystories_sample.txt" | tr -d '\r'; printf '\n  two  spaces, Zürich 日本 😀\n \nend\n'; } >some.txt
    run theirs fallback "$text" some.txt folder/tokenizer.json .
    echo "$output"
    [ "$output" = ok ]
}
