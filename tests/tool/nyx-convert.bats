# nyx-convert: every kind of file in, back out, and in again with equal bits;
# what it refuses. Broken inputs are in tests/invalid/nyx-convert.bats.
bats_require_minimum_version 1.5.0

setup() {
    export PATH="${BUILD:-$BATS_TEST_DIRNAME/../../build}:$PATH"
    check="${BUILD:-$BATS_TEST_DIRNAME/../../build}/tests/schema-check"
    weights=${NYX_SHARED-$BATS_TEST_DIRNAME/../../../shared}/data/weights
    parity=${NYX_SHARED-$BATS_TEST_DIRNAME/../../../shared}/data/hrm-parity
    cd "$BATS_TEST_TMPDIR"
}
need() { [ -e "$1" ] || skip "no data ${1##*data/}"; }
need_h5diff() { command -v h5diff >/dev/null || skip "no package hdf5-tools"; }
same() { h5diff "$1" "$2" /tensors; h5diff "$1" "$2" /config; }

@test "llama2.c comes in; safetensors, a folder and GGUF bring the same bits back" {
    need "$weights/stories260K/stories260K.bin"
    need_h5diff
    run nyx-convert "$weights/stories260K/stories260K.bin" -o s.h5 --report=r.json
    [ "$status" -eq 0 ] && [ -z "$output" ]
    "$check" convert r.json
    nyx-convert s.h5 -o s.safetensors --report=r.json
    "$check" convert r.json
    nyx-convert s.h5 -o s.gguf
    nyx-convert s.h5 -o folder/
    grep -q '"model_type": "llama"' folder/config.json
    for back in s.safetensors s.gguf folder; do
        nyx-convert $back -o back.h5
        same s.h5 back.h5
        rm back.h5
    done
    # ... and one after the other
    nyx-convert s.safetensors -o a.h5
    nyx-convert a.h5 -o a.gguf
    nyx-convert a.gguf -o b.h5
    same s.h5 b.h5
}

@test "queries and keys turn as halves here, as neighbours there" {
    need "$weights/stories260K/stories260K.bin"
    command -v h5dump >/dev/null || skip "no package hdf5-tools"
    nyx-convert "$weights/stories260K/stories260K.bin" -o s.h5
    # head width 8: our row 1 is row 2 of the file, our row 4 its row 1; behind the
    # header (28), embed (512 x 64) and five norms of 64
    row() { od -An -tf4 -w4 -v -j $((28 + 4 * (512 * 64 + 5 * 64 + 64 * $1))) -N 256 \
        "$weights/stories260K/stories260K.bin" | tr -d ' '; }
    ours() { h5dump -d /tensors/blocks.0.attn.q -s "$1,0" -c 1,64 -b LE -o row.bin s.h5 >/dev/null
        od -An -tf4 -w4 -v row.bin | tr -d ' '; }
    for pair in "0 0" "1 2" "3 6" "4 1" "7 7" "9 10" "12 9"; do
        set -- $pair
        [ "$(ours "$1")" = "$(row "$2")" ]
    done
}

@test "minGPT comes in; GPT-2's joined and turned tensors bring the same bits back" {
    need "$weights/gpt-nano-sort/gpt-nano-sort-model.json"
    need_h5diff
    nyx-convert "$weights/gpt-nano-sort/gpt-nano-sort-model.json" -o g.h5 --report=r.json
    "$check" convert r.json
    grep -q '"family": "gpt2"' r.json
    nyx-convert g.h5 -o g.gguf
    nyx-convert g.h5 -o folder/
    grep -q '"tie_word_embeddings": false' folder/config.json
    for back in g.gguf folder; do
        nyx-convert $back -o back.h5
        same g.h5 back.h5
        rm back.h5
    done
}

@test "perceptrons and the original HRM, both ways" {
    need "$weights/mnist-mlp/mnist_mlp.safetensors"
    need "$parity/small/trained.safetensors"
    need_h5diff
    for from in "$weights/mnist-mlp/mnist_mlp" "$parity/small/initial" "$parity/small/trained" "$parity/mid/initial"; do
        nyx-convert "$from.safetensors" -o a.h5 --report=r.json
        "$check" convert r.json
        nyx-convert a.h5 -o a.safetensors
        nyx-convert a.safetensors -o b.h5
        same a.h5 b.h5
        rm a.h5 b.h5 a.safetensors
    done
    nyx-convert "$weights/mnist-mlp/mnist_mlp.safetensors" -o m.h5
    run --separate-stderr nyx-convert m.h5 -o m.gguf
    [ "$status" -eq 69 ] && [[ "$stderr" == *"GGUF knows no models of kind mlp"* ]] && [ ! -e m.gguf ]
}

@test "coded tensors move to blocks and back; what no block holds needs --decode" {
    need "$weights/stories260K/stories260K.bin"
    need_h5diff
    nyx-convert "$weights/stories260K/stories260K.bin" -o s.h5
    for format in int4:g32 int8:g32 int4:g32:asym:zero=f16; do
        # width 64 fits, inner 172 does not: those stay plain
        echo "{ \"rules\": [ { \"tensor\": \"*.mlp.down\", \"keep\": true },
            { \"tensor\": \"*.attn.*\", \"format\": \"$format\" }, { \"tensor\": \"embed\", \"format\": \"$format\" },
            { \"tensor\": \"*\", \"keep\": true } ] }" > recipe.json
        nyx-quantize s.h5 --recipe=recipe.json -o q.h5
        nyx-convert q.h5 -o q.gguf --report=r.json
        "$check" convert r.json
        grep -q '"moved_tensors": 21' r.json
        nyx-convert q.gguf -o back.h5
        same q.h5 back.h5
        rm q.h5 back.h5
    done
    nyx-quantize s.h5 --format=int3:g32 -o q.h5
    run --separate-stderr nyx-convert q.h5 -o q3.gguf
    [ "$status" -eq 69 ] && [[ "$stderr" == *"is coded as int3:g32, which no blocks of 32 hold; --decode writes it as f16"* ]]
    [ ! -e q3.gguf ]
    run --separate-stderr nyx-convert q.h5 -o q.safetensors
    [ "$status" -eq 69 ] && [[ "$stderr" == *"safetensors cannot hold"* ]]
    nyx-convert q.h5 -o q3.gguf --decode
    nyx-convert q.h5 -o q3.safetensors --decode --dtype=bf16
    nyx-convert q3.safetensors -o b.h5 --report=r.json
    grep -q '"type": "bf16"' r.json
}

@test "--dtype and --decode on the way in; rounding is reported" {
    need "$weights/stories260K/stories260K.bin"
    nyx-convert "$weights/stories260K/stories260K.bin" -o h.h5 --dtype=f16 --report=r.json
    grep -q '"rounded_tensors": 36' r.json
    nyx-convert h.h5 -o h.gguf --report=r.json
    grep -q '"rounded_tensors": 0' r.json
    grep -q '"type": "F16"' r.json
    nyx-quantize h.h5 --format=int4:g32 --all -o q.h5
    run --separate-stderr nyx-convert q.h5 -o q.gguf
    [ "$status" -eq 69 ] # the down matrix is 172 wide
}

@test "usage" {
    touch x.gguf
    run --separate-stderr nyx-convert x.gguf -o y.bin
    [ "$status" -eq 64 ] && [[ "$stderr" == *"say what it is with --to"* ]]
    run --separate-stderr nyx-convert x.gguf
    [ "$status" -eq 64 ]
    run --separate-stderr nyx-convert missing.gguf -o y.h5
    [ "$status" -eq 66 ] && [[ "$stderr" == *"'missing.gguf'"* ]]
    mkdir empty
    run --separate-stderr nyx-convert empty -o y.h5
    [ "$status" -eq 66 ] && [[ "$stderr" == *"model.safetensors.index.json"* ]]
    run --separate-stderr nyx-convert x.gguf -o x.gguf --to=h5
    [ "$status" -eq 64 ]
    [ ! -e y.h5 ]
}

@test "tokenizers come along: GGUF, a folder, one file" {
    need "$weights/stories260K/tok512.bin"
    need_h5diff
    nyx-convert "$weights/stories260K/stories260K.bin" --tokenizer="$weights/stories260K/tok512.bin" -o s.h5 --report=r.json
    grep -q '"tokenizer": "bpe-scores"' r.json
    nyx-convert s.h5 -o s.gguf
    nyx-convert s.h5 -o s.safetensors
    nyx-convert s.h5 -o folder/ --report=r.json
    "$check" convert r.json
    grep -q '"byte_fallback": true' folder/tokenizer.json
    for back in s.gguf s.safetensors folder; do
        nyx-convert $back -o back.h5
        h5diff s.h5 back.h5 /tokenizer
    done
    nyx-quantize s.h5 --format=int8:channel -o q.h5
    h5diff s.h5 q.h5 /tokenizer
    # a vocabulary that is larger than the model's
    run --separate-stderr nyx-convert "$weights/gpt-nano-sort/gpt-nano-sort-model.json" \
        --tokenizer="$weights/stories260K/tok512.bin" -o g.h5
    [ "$status" -eq 65 ] && [[ "$stderr" == *"its tokenizer has 512 tokens, the model 3"* ]] && [ ! -e g.h5 ]
}

@test "byte-level BPE comes back out of GGUF and tokenizer.json" {
    need "${weights%weights}tokenizer/gpt2_vocab.json.xz"
    need "$weights/gpt-nano-sort/gpt-nano-sort-model.json"
    need_h5diff
    # a model of 50,257 rows of 2: llama2.c's form with one layer
    python3 - <<'PY'
import struct
V, D = 50257, 2
n = V * D + 2 * D + 2 * D * D + 2 * D * D + 3 * 2 * D + D + 4 * D
open("tiny.bin", "wb").write(struct.pack("<7i", D, 2, 1, 1, 1, V, 4) + struct.pack("<f", 0.5) * n)
PY
    xz -dkc "${weights%weights}gguf/ggml-vocab-gpt-2.gguf.xz" > vocabulary.gguf
    run --separate-stderr nyx-convert vocabulary.gguf -o v.h5
    [ "$status" -eq 65 ] && [[ "$stderr" == *"it holds no tensor"* ]]
    xz -dkc "${weights%weights}tokenizer/gpt2_vocab.json.xz" > vocab.json
    xz -dkc "${weights%weights}tokenizer/gpt2_merges.txt.xz" > merges.txt
    python3 - <<'PY'
import json
vocab = json.load(open("vocab.json"))
merges = [l for l in open("merges.txt").read().split("\n") if l and not l.startswith("#version")]
json.dump({"added_tokens": [{"id": 50256, "content": "<|endoftext|>", "special": True}],
           "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False},
           "model": {"type": "BPE", "vocab": vocab, "merges": merges}}, open("tokenizer.json", "w"))
PY
    nyx-convert tiny.bin --tokenizer=tokenizer.json -o t.h5
    # out of a model larger than any tokenizer may be
    python3 - <<'PY'
import struct
V, D = 50257, 400
n = V * D + 2 * D + 4 * D * D + 3 * 2 * D + D + 4 * D
open("large.bin", "wb").write(struct.pack("<7i", D, 2, 1, 1, 1, V, 4) + bytes(4 * n))
PY
    nyx-convert large.bin --tokenizer=tokenizer.json -o large.h5
    nyx-convert tiny.bin --tokenizer=large.h5 -o u.h5
    h5diff t.h5 u.h5 /tokenizer
    rm large.bin large.h5
    nyx-convert t.h5 -o t.gguf
    nyx-convert t.h5 -o folder/
    for back in t.gguf folder; do
        nyx-convert $back -o back.h5
        h5diff t.h5 back.h5 /tokenizer
    done
}

@test "BPE with byte fallback comes in out of tokenizer.json" {
    need "$weights/stories260K/tok512.bin"
    need_h5diff
    local text="${weights%weights}text/tinystories_sample.txt"
    need "$text"
    nyx-convert "$weights/stories260K/stories260K.bin" --tokenizer="$weights/stories260K/tok512.bin" -o s.h5
    nyx-convert s.h5 -o folder/
    # places for scores: other numbers, the same tokens, and the same file again
    nyx-convert folder --tokenizer=folder/tokenizer.json -o t.h5 --report=r.json
    grep -q '"tokenizer": "bpe-scores"' r.json
    nyx-convert t.h5 -o again/
    cmp folder/tokenizer.json again/tokenizer.json
    for from in s.h5 t.h5 folder/tokenizer.json; do
        nyx-data text "$text" --test-share=0 --tokenizer=$from -o d-$(basename $from).h5
        h5diff d-s.h5.h5 d-$(basename $from).h5 /train
    done
    # spaces by a pre-tokenizer: no second one before a text that begins with one
    python3 - <<'PY'
import json
d = json.load(open("folder/tokenizer.json"))
d.update(normalizer=None, pre_tokenizer={"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first", "split": False})
json.dump(d, open("m.json", "w"))
PY
    nyx-convert folder --tokenizer=m.json -o m.h5
    nyx-convert m.h5 -o once/
    grep -q Metaspace once/tokenizer.json
    printf ' Once upon a time' >with.txt
    printf 'Once upon a time' >without.txt
    for file in with without; do nyx-data text $file.txt --test-share=0 --tokenizer=once/tokenizer.json -o $file.h5; done
    h5diff with.h5 without.h5 /train/tokens
    # merges that are no scores, stages that change tokens
    python3 - <<'PY'
import json
d = json.load(open("folder/tokenizer.json"))
def put(name, **change):
    out = json.loads(json.dumps(d))
    for path, value in change.items():
        at, *rest = path.split("__")
        target = out if not rest else out[at]
        target[rest[0] if rest else at] = value
    json.dump(out, open(name, "w"))
merges = d["model"]["merges"]
put("less.json", model__merges=merges[:-1])
made = [m.replace(" ", "") for m in merges]
twice = next(i for i in range(len(made)) if made.count(made[i]) > 1)
put("apart.json", model__merges=merges[:twice] + merges[twice + 1:] + [merges[twice]])
put("lower.json", normalizer={"type": "Lowercase"})
put("split.json", normalizer=None, pre_tokenizer={"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first"})
put("level.json", pre_tokenizer={"type": "ByteLevel"})
put("word.json", model__merges=merges + ["q q"])
put("none.json", model__merges=None)
PY
    while IFS='|' read -r file want says; do
        run --separate-stderr nyx-convert folder --tokenizer=$file.json -o out.h5
        echo "$file: $status $stderr"
        [ "$status" -eq "$want" ] && [ "${#stderr_lines[@]}" -eq 1 ] && [[ "$stderr" == *"'$file.json'"*"$says"* ]] && [ ! -e out.h5 ]
    done <<'CASES'
apart|69|others stand between those that make
less|69|some are missing that could make
lower|69|normalizer
split|69|pre-tokenizer
level|69|pre-tokenizer
word|65|which the vocabulary lacks
none|65|has no merges
CASES
}

@test "a tokenizer of 32,000 pieces goes out soon" {
    python3 - <<'PY'
import itertools, struct
letters = "abcdefghijklmnopqrst"
words = [c for c in letters] + [a + b for a, b in itertools.product(letters, letters)]
words += ["".join(w) for n in (3, 4) for w in itertools.product(letters, repeat=n)][:32000 - 3 - 256 - len(words)]
V, D = 32000, 2
with open("tok.bin", "wb") as f:
    f.write(struct.pack("<i", 7))
    for i, w in enumerate(["<unk>", "\n<s>\n", "\n</s>\n"] + ["<0x%02X>" % b for b in range(256)] + words):
        f.write(struct.pack("<fi", -i, len(w)) + w.encode())
n = V * D + 2 * D + 4 * D * D + 3 * 2 * D + D + 4 * D
open("m.bin", "wb").write(struct.pack("<7i", D, 2, 1, 1, 1, V, 4) + bytes(4 * n))
PY
    nyx-convert m.bin --tokenizer=tok.bin -o m.h5
    # each cut of each piece is looked up, not looked for among all
    bash -c 'ulimit -t 4; nyx-convert m.h5 -o out/'
    nyx-convert out --tokenizer=out/tokenizer.json -o back.h5
}

@test "shards and their index go out and come back" {
    need "$weights/stories260K/tok512.bin"
    need_h5diff
    nyx-convert "$weights/stories260K/stories260K.bin" --tokenizer="$weights/stories260K/tok512.bin" -o s.h5
    nyx-convert s.h5 --shard-size=200000 -o shards/ --report=r.json
    "$check" convert r.json
    nyx-convert shards -o back.h5
    same s.h5 back.h5
    h5diff s.h5 back.h5 /tokenizer
    nyx-convert s.h5 --shard-size=1 -o apart/ # each tensor alone
    nyx-convert apart/model.safetensors.index.json -o back.h5
    same s.h5 back.h5
    nyx-convert s.h5 --shard-size=100000000 -o one/
    [ -e one/model.safetensors ] && [ ! -e one/model.safetensors.index.json ]
    python3 - <<'PY'
import glob, json, os, struct
for folder, most in (("shards", 200000), ("apart", 1)):
    index = json.load(open(folder + "/model.safetensors.index.json"))
    files, total = {}, 0
    for path in sorted(glob.glob(folder + "/*.safetensors")):
        with open(path, "rb") as f:
            head = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        assert head.pop("__metadata__")["format"] == "pt"
        size = sum(t["data_offsets"][1] - t["data_offsets"][0] for t in head.values())
        assert size <= most or len(head) == 1, (path, size)
        total += size
        files.update({name: os.path.basename(path) for name in head})
    assert files == index["weight_map"] and total == index["metadata"]["total_size"]
    count = len(set(files.values()))
    assert sorted(set(files.values())) == [f"model-{i + 1:05}-of-{count:05}.safetensors" for i in range(count)] and count > 2
listed = [o["path"] for o in json.load(open("r.json"))["outputs"]]
assert sorted(map(os.path.normpath, listed)) == sorted("shards/" + f for f in os.listdir("shards"))
PY
    while IFS='|' read -r want says line; do
        run --separate-stderr nyx-convert $line
        echo "$line: $status $stderr"
        [ "$status" -eq "$want" ] && [ "${#stderr_lines[@]}" -eq 1 ] && [[ "$stderr" == *"$says"* ]]
        [ ! -e out ] && [ ! -e out.gguf ] && [ -z "$(find . -name '.*nyx-*')" ]
    done <<'CASES'
64|--shard-size divides safetensors in a folder; 'out.gguf' is none|s.h5 --shard-size=9 -o out.gguf
64|'out.safetensors' is none|s.h5 --shard-size=9 -o out.safetensors
64|is 0, at least 1|s.h5 --shard-size=0 -o out/
73|it holds model.safetensors of another model|s.h5 --shard-size=9 -o one/
73|it holds model.safetensors.index.json of another model|s.h5 -o shards/
CASES
}

# rows NAME.h5 VOCABULARY CODE -- a dataset of rows; CODE makes x and y (int arrays; y -1: not scored)
rows() {
    "${PYTHON:-/usr/bin/python3}" - "$@" <<'PY'
import hashlib, itertools, json, sys
import h5py
import numpy as np
exec(sys.argv[3])

def text(g, name, value):
    g.attrs.create(name, value, dtype=h5py.string_dtype("utf-8", len(value)))

with h5py.File(sys.argv[1], "w", libver=("v108", "v108")) as f:
    text(f, "nyx_file", "dataset/1.0")
    for split in ("train", "test"):
        g = f.create_group(split)
        text(g, "kind", "rows")
        for k, v in {"length": x.shape[1], "vocabulary": int(sys.argv[2]), "ignore": -1, "puzzles": 1}.items():
            g.attrs[k] = np.int64(v)
        for name, t in (("inputs", x.astype("i4")), ("targets", y.astype("i4"))):
            d = g.create_dataset(name, data=t, track_times=False)
            text(d, "nyx_dtype", "i32")
            text(d, "sha256", hashlib.sha256(t.tobytes()).hexdigest())
PY
}
need_h5py() { "${PYTHON:-/usr/bin/python3}" -c 'import h5py' 2>/dev/null || skip "no package python3-h5py"; }

@test "stories260K has llama2.c's logits, out of its own file, GGUF and safetensors" {
    need_h5py
    vectors=${weights%weights}vectors/stories260K
    need "$vectors/logits-2x32x512.f32"
    export vectors
    rows d.h5 512 'import os
x, y = np.zeros((2, 512), "i4"), np.full((2, 512), -1, "i4")
for i, line in enumerate(open(os.environ["vectors"] + "/greedy.jsonl")):
    ids = json.loads(line)["ids"]
    x[i, :32], y[i, :32] = ids[:32], ids[1:33]'
    nyx-convert "$weights/stories260K/stories260K.bin" -o s.h5
    nyx-convert s.h5 -o s.gguf
    nyx-convert s.h5 -o s.safetensors
    nyx-convert s.gguf -o g.h5
    nyx-convert s.safetensors -o t.h5
    for model in s g t; do
        nyx-eval $model.h5 --data=d.h5 --logits=$model-logits.h5 --quiet
    done
    "${PYTHON:-/usr/bin/python3}" - <<'PY'
import os
import h5py
import numpy as np
want = np.fromfile(os.environ["vectors"] + "/logits-2x32x512.f32", "f4").reshape(2, 32, 512)
for model in "sgt":
    with h5py.File(model + "-logits.h5") as f:
        got = f["tensors/logits"][()].reshape(2, 512, 512)[:, :32]
    off = np.abs(got - want).max()
    print(model, off)
    assert off < 1e-4
PY
}

@test "gpt-nano-sort sorts 729 of 729, also after GGUF" {
    need_h5py
    need "$weights/gpt-nano-sort/gpt-nano-sort-model.json"
    rows d.h5 3 'digits = np.array(list(itertools.product(range(3), repeat=6)), "i4")
x = np.concatenate([digits, np.sort(digits)[:, :5]], axis=1)
y = np.concatenate([np.full((729, 5), -1, "i4"), np.sort(digits)], axis=1)'
    nyx-convert "$weights/gpt-nano-sort/gpt-nano-sort-model.json" -o s.h5
    nyx-convert s.h5 -o s.gguf
    nyx-convert s.gguf -o g.h5
    for model in s g; do
        run nyx-eval $model.h5 --data=d.h5 --quiet
        echo "$output"
        [[ "$output" == *"exact 100.00 %"* ]]
    done
}

@test "an HRM of ours comes back with its inner width, positions and loss" {
    nyx-data sudoku --size=4 --count=40 --seed=7 --quiet -o d.h5
    sed 's/"steps": *[0-9]*/"steps": 2/' "$BATS_TEST_DIRNAME/../../pipelines/configs/hrm-tiny.json" > c.json
    nyx-train c.json --data=d.h5 --steps=1 --quiet -o m.h5
    nyx-convert m.h5 -o m.safetensors
    nyx-convert m.safetensors -o back.h5
    [ "$(nyx-eval m.h5 --data=d.h5)" = "$(nyx-eval back.h5 --data=d.h5)" ]
}
