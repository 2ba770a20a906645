# nyx-eval --generate: published texts byte for byte, coded models, threads and
# batches, refusals.
bats_require_minimum_version 1.5.0

setup_file() {
    export PATH="${BUILD:-$BATS_TEST_DIRNAME/../../build}:$PATH"
    check="${BUILD:-$BATS_TEST_DIRNAME/../../build}/tests/schema-check"
    data=${NYX_SHARED-$BATS_TEST_DIRNAME/../../../shared}/data
    export PYTHON="${PYTHON:-/usr/bin/python3}" check data
    cd "$BATS_FILE_TMPDIR"
    [ -d "$data/weights/stories260K" ] || return 0
    nyx-convert "$data/weights/stories260K/stories260K.bin" --tokenizer="$data/weights/stories260K/tok512.bin" -o s.h5
    nyx-quantize s.h5 --format=int8:g32 -o q.h5 --quiet
    # What llama2.c prints for -t 0, with and without a prompt.
    cat > expected <<'TEXT'
Once upon a time, there was a little girl named Lily. She loved to play outside in the park. One day, she saw a big, red ball. She wanted to play with it, but it was too high.
Lily's mom said, "Lily, let's go to the park." Lily was sad and didn't know what to do. She said, "I want to play with your ball, but I can't find it."
Lily was sad and didn't know what to do. She said, "I'm sorry, Lily. I didn't know what to do."
Lily didn't want to help her mom, so she said, "I'm sorry, mom. I didn't know what to do." Her mom said, "Don't worry, Lily. We can help you
TEXT
}

setup() {
    cd "$BATS_FILE_TMPDIR"
    [ -d "$data/weights/stories260K" ] || skip "no data: weights/stories260K"
}

# ids REPORT [TEXT]: the tokens of one text, one a line.
ids() { "$PYTHON" -c 'import json, sys; print(*json.load(open(sys.argv[1]))["result"]["generation"]["texts"][int(sys.argv[2])]["ids"], sep="\n")' "$1" "${2:-0}"; }

@test "both published greedy samples come out byte for byte" {
    nyx-eval s.h5 --generate --tokens=255 --report=0.json > 0.txt
    nyx-eval s.h5 --generate --tokens=251 --prompt="Once upon a time" --report=1.json > 1.txt
    cmp 0.txt expected
    cmp 1.txt expected
    "$check" eval 0.json 1.json
    for i in 0 1; do # the report holds the same text
        "$PYTHON" -c 'import json, sys; t = json.load(open(sys.argv[1]))["result"]["generation"]["texts"][0]; print(t["prompt"] + t["text"])' \
            $i.json | cmp - $i.txt
    done
    for i in 0 1; do
        ids $i.json > $i.ids
        "$PYTHON" -c 'import json, sys; print(*[json.loads(l) for l in open(sys.argv[1])][int(sys.argv[2])]["ids"], sep="\n")' \
            "$data/vectors/stories260K/greedy.jsonl" $i | cmp - $i.ids
    done
}

@test "a prompt out of a file is the same prompt" {
    printf 'Once upon a time' > prompt.txt
    nyx-eval s.h5 --generate --tokens=20 --prompt-file=prompt.txt > a.txt
    nyx-eval s.h5 --generate --tokens=20 --prompt="Once upon a time" > b.txt
    cmp a.txt b.txt
}

@test "activations in 8 bits: said in the report, the same for any threads, near the other text" {
    go() { nyx-eval q.h5 --generate --tokens=60 --prompt="Once upon a time" "$@"; }
    go --report=real.json > real.txt
    go --activations=int8 --threads=1 --report=int8.json > int8.txt
    go --activations=int8 --threads=2 | cmp - int8.txt
    go --activations=int8-row --threads=1 --report=int8-row.json > row.txt
    go --activations=int8-row --threads=2 | cmp - row.txt
    "$check" eval real.json int8.json int8-row.json
    "$PYTHON" - <<'PY'
import json
real, int8, row = (json.load(open(n + ".json"))["result"] for n in ("real", "int8", "int8-row"))
assert int8["activations"] == "int8" and row["activations"] == "int8-row" and "activations" not in real
a, b, c = (r["generation"]["texts"][0]["ids"] for r in (real, int8, row))
assert a[:16] == b[:16] == c[:16], (a, b, c)
PY
    nyx-quantize s.h5 --format=nf4:g64 -o nf4.h5 --quiet
    for how in int8 int8-row; do
        run -64 --separate-stderr nyx-eval nf4.h5 --generate --activations=$how --report=no.json
        [[ $stderr == *"none of the model's weights are multiplied with activations in $how"* ]] && [ "${#stderr_lines[@]}" -eq 1 ]
    done
    run -64 --separate-stderr nyx-eval q.h5 --generate --activations=int4
    [[ $stderr == *activations* ]]
}

@test "a text depends on its seed, not on threads or on the texts beside it" {
    draw() { nyx-eval q.h5 --generate --tokens=40 --temperature=1 --top-p=0.9 --top-k=40 "$@"; }
    draw --seed=5 --threads=1 --report=one.json > one.txt
    draw --seed=5 --threads=2 --report=two.json > two.txt
    draw --seed=5 --threads=2 --count=10 --report=ten.json > ten.txt
    draw --seed=6 --report=other.json > other.txt
    cmp one.txt two.txt
    ids one.json > one.ids
    ids ten.json 0 | cmp - one.ids
    run ! cmp -s one.txt other.txt
    ids ten.json 9 > last.ids
    run ! cmp -s last.ids one.ids
    [ "$(grep -c '^--- [0-9]* of 10$' ten.txt)" -eq 10 ]
    "$check" eval ten.json
}

@test "every format goes on with a text" {
    for format in f16 bf16 fp8-e4m3:channel int4:g32 int3:g32 nf4 mxfp4 nvfp4 int2:g16:asym; do
        nyx-quantize s.h5 --format=$format -o f.h5 --quiet
        nyx-eval f.h5 --generate --tokens=8 --prompt="Once upon a" --report=f.json > f.txt
        grep -q '^Once upon a' f.txt
        ids f.json > f.ids
        [ "$(wc -l < f.ids)" -ge 5 ]
    done
}

@test "nothing is run with --dry-run" {
    run --separate-stderr nyx-eval s.h5 --generate --dry-run
    [ "$status" -eq 0 ]
    [ -z "$output" ]
}

# refuse STATUS WORDS COMMAND...: exit status, one line that holds the words.
refuse() {
    local wanted=$1 words=$2
    shift 2
    run --separate-stderr "$@"
    [ "$status" -eq "$wanted" ] || { echo "status $status: $stderr"; false; }
    [ -z "$output" ]
    [ "${#stderr_lines[@]}" -eq 1 ]
    case $stderr in *"$words"*) ;; *) echo "$stderr"; false ;; esac
}

@test "what cannot be done is refused in one line" {
    printf 'x' > prompt.txt
    head -c 4000 /dev/zero | tr '\0' 'x' > long.txt
    nyx-convert "$data/weights/stories260K/stories260K.bin" -o bare.h5
    nyx-convert "$data/weights/mnist-mlp/"*.safetensors -o mlp.h5 || true
    refuse 64 '--data' nyx-eval s.h5
    refuse 64 'exclude' nyx-eval s.h5 --generate --prompt=a --prompt-file=prompt.txt
    refuse 64 'top-p' nyx-eval s.h5 --generate --top-p=0
    refuse 64 'top-p' nyx-eval s.h5 --generate --top-p=1.5
    refuse 64 'temperature' nyx-eval s.h5 --generate --temperature=-1
    refuse 64 'tokens' nyx-eval s.h5 --generate --tokens=0
    refuse 65 'no tokenizer' nyx-eval bare.h5 --generate
    refuse 65 '512 positions' nyx-eval s.h5 --generate --prompt-file=long.txt
    refuse 66 'missing.h5' nyx-eval missing.h5 --generate
    refuse 66 'missing.txt' nyx-eval s.h5 --generate --prompt-file=missing.txt
    if [ -e mlp.h5 ]; then
        refuse 65 'no decoder' nyx-eval mlp.h5 --generate --tokenizer="$data/weights/stories260K/tok512.bin"
    fi
}
