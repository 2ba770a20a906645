bats_require_minimum_version 1.5.0
# nyx-data text: datasets for language models, out of any wrapping.

load data

setup() {
    data_setup
    command=text
    shared=${NYX_SHARED:-$BATS_TEST_DIRNAME/../../../shared}/data
}

# Sixty small texts in a folder, some of them deeper.
texts() {
    mkdir -p t/b/c t/.hidden
    for i in $(seq 60); do
        printf 'This is text %d.\nIt says %d, then %d!\n' $i $((i * i)) $((i * 37)) >t/$([ $i -gt 50 ] && echo b/c/)text-$i.txt
    done
    echo secret >t/.hidden/x
}

@test "a folder is silent, writes a dataset and a report" {
    texts
    run nyx-data text t --vocabulary=300 -o d.h5 --report=r.json
    [ "$status" -eq 0 ]
    [ -z "$output" ]
    [ "$(value r.json files)" -eq 60 ]
    [ "$(value r.json vocabulary)" -eq 300 ]
    [ "$(value r.json tokenizer)" = bpe-bytes ]
    [ $(($(value r.json train.documents) + $(value r.json test.documents))) -eq 60 ]
    [ $(($(value r.json train.bytes) + $(value r.json test.bytes))) -eq "$(cat $(find t -name 'text*') | wc -c)" ]
    [ $(($(value r.json train.words) + $(value r.json test.words))) -eq "$(cat $(find t -name 'text*') | wc -w)" ]
    [ "$(value r.json test.documents)" -ge 1 ]
    [ -z "$(ls -A | grep nyx-tokens)" ]
}

@test "the same bytes from any wrapping" {
    texts
    (cd t && find . -name 'text*' | LC_ALL=C sort | sed 's,^\./,,') >list
    # Folders are walked by name, so an archive in that order is the same text.
    nyx-data text t --vocabulary=280 --threads=1 -o a.h5 --report=a.json
    for pack in gzip bzip2 xz zstd cat; do
        command -v $pack >/dev/null || continue
        tar -C t -c -T list | $pack >p.tar
        nyx-data text p.tar --vocabulary=280 --threads=3 -o p.h5
        cmp a.h5 p.h5
    done
    nyx-data text - --vocabulary=280 -o p.h5 <p.tar
    cmp a.h5 p.h5
    if command -v zip >/dev/null; then
        (cd t && zip -q ../p.zip -@ <../list)
        nyx-data text p.zip --vocabulary=280 -o p.h5
        cmp a.h5 p.h5
    fi
    if command -v bsdtar >/dev/null; then
        bsdtar -C t --format 7zip -cf p.7z -T list
        nyx-data text p.7z --vocabulary=280 -o p.h5
        cmp a.h5 p.h5
    fi
}

@test "documents end where they are said to" {
    printf '\n\nfirst\n<|endoftext|>\r\nsecond\n\nstill second<|endoftext|><|endoftext|>\n' >m.txt
    nyx-data text m.txt '--document=<|endoftext|>' --tokenizer=bytes --test-share=0 -o m.h5 --report=m.json
    [ "$(value m.json train.documents)" -eq 2 ]
    [ "$(value m.json train.bytes)" -eq $((5 + 20)) ]
    [ "$(value m.json train.tokens)" -eq $((5 + 20 + 2)) ]
    nyx-data text m.txt --document=line --tokenizer=bytes --test-share=0 -o m.h5 --report=m.json
    [ "$(value m.json train.documents)" -eq 4 ]
    printf 'a\nb\r\n\r\n\nc\n\nd' >b.txt
    nyx-data text b.txt --document=blank-line --tokenizer=bytes --test-share=0 -o b.h5 --report=b.json
    [ "$(value b.json train.documents)" -eq 3 ]
    [ "$(value b.json train.bytes)" -eq 5 ]
    run nyx-data show b.h5
    [[ "$output" == *'a|\n|b|<\|endoftext\|>|c|<\|endoftext\|>|d|<\|endoftext\|>|'* ]]
}

@test "a marker that lies across blocks is found" {
    python3 -c '
for i in range(30000):
    print("word" * (i % 7 + 1) + "<|end|>", end="")' >m.txt
    nyx-data text m.txt '--document=<|end|>' --tokenizer=bytes --test-share=0 -o m.h5 --report=m.json
    [ "$(value m.json train.documents)" -eq 30000 ]
    [ "$(value m.json train.bytes)" -eq $(($(wc -c <m.txt) - 7 * 30000)) ]
}

@test "equal documents lie on one side, and each side has one" {
    for i in 1 2 3 1 2 3 1 2 3; do echo "text $i"; done >d.txt
    nyx-data text d.txt --document=line --tokenizer=characters -o d.h5 --report=d.json
    [ "$(value d.json test.documents)" -eq 3 ]
    [ "$(value d.json vocabulary)" -eq 8 ] # t e x, space, 1 2 3, the end
}

@test "the tail of one text: bytes in use, no end" {
    [ -e "$shared/text/tinyshakespeare.txt" ] || skip "no data: tinyshakespeare"
    nyx-data text "$shared/text/tinyshakespeare.txt" --split=tail --tokenizer=characters -o s.h5 --report=s.json
    [ "$(value s.json vocabulary)" -eq 65 ]
    [ "$(value s.json train.tokens)" -eq 1003854 ]
    [ "$(value s.json test.tokens)" -eq 111540 ]
    run nyx-data show s.h5
    [[ "$output" == *'F|i|r|s|t| |C|i|t|i|z|e|n|:|\n|'* ]]
    run nyx-data show s.h5 --split=test --row=9999999
    [ "$status" -eq 64 ]
}

@test "the tail begins with a whole character" {
    python3 -c 'print("é" * 101, end="")' >e.txt
    nyx-data text e.txt --split=tail --tokenizer=bytes -o e.h5 --report=e.json
    [ "$(value e.json train.bytes)" -eq 182 ] # 181.8 of 202
    [ "$(value e.json test.bytes)" -eq 20 ]
}

@test "tokenizers of others: GPT-2, llama2.c, one of our datasets" {
    [ -e "$shared/tokenizer/gpt2_vocab.json.xz" ] || skip "no data: GPT-2's vocabulary"
    s="$shared/text/tinyshakespeare.txt"
    nyx-data text "$s" --split=tail --test-share=0 --tokenizer="$shared/tokenizer/gpt2_vocab.json.xz" \
        --merges="$shared/tokenizer/gpt2_merges.txt.xz" -o g.h5 --report=g.json
    [ "$(value g.json train.tokens)" -eq 338026 ] # 301966 + 36059, the figures of nanoGPT, and the end
    nyx-data text "$s" --split=tail --test-share=0 --tokenizer=g.h5 -o h.h5
    cmp g.h5 h.h5
    nyx-data text "$shared/text/tinystories_sample.txt" '--document=<|endoftext|>' --test-share=0 \
        --tokenizer="$shared/weights/stories260K/tok512.bin" -o t.h5 --report=t.json
    [ "$(value t.json vocabulary)" -eq 512 ]
    [ "$(value t.json train.documents)" -eq 5 ]
    [ "$(value t.json train.tokens)" -eq $((1804 + 5)) ] # as many predicted as the data's page says, and 5 beginnings
}

@test "any bytes are text" {
    head -c 300000 /dev/urandom >noise
    printf '\0\0\0' >nul
    nyx-data text noise nul --split=tail --vocabulary=500 -o d.h5 --report=r.json
    # What looks like the rest of a character stays with its beginning.
    [ "$(value r.json train.bytes)" -ge 270002 ]
    [ "$(value r.json train.bytes)" -le 270020 ]
    nyx-data text nul --test-share=0 --tokenizer=characters -o d.h5 --report=r.json
    [ "$(value r.json train.tokens)" -eq 3 ]
}

@test "memory does not grow with the text" {
    yes 'the quick brown fox jumps over the lazy dog, again and again' | head -c 80000000 |
        nyx-data text - --split=tail --vocabulary=300 -o d.h5 --report=r.json
    python3 -c 'import json; assert json.load(open("r.json"))["run"]["peak_memory_bytes"] < 64 << 20'
}

@test "fewer tokens than asked for are a warning" {
    echo 'ab ab ab' >s.txt
    run nyx-data text s.txt --test-share=0 --vocabulary=300 -o d.h5 --report=r.json
    [ "$status" -eq 0 ]
    [[ "$output" == *"warning: 259 tokens instead of 300: nothing is left to merge" ]]
}

@test "--dry-run says what it would write, and writes nothing" {
    texts
    run nyx-data text t --dry-run -o out.h5
    [ "$status" -eq 0 ]
    [[ "$output" == "would write 60 documents, "*" bytes of text, to 'out.h5'" ]]
    [ ! -e out.h5 ]
}

@test "the report keeps to its schema" {
    python3 -c 'import jsonschema' 2>/dev/null || skip "python3-jsonschema is not installed"
    texts
    nyx-data text t --vocabulary=300 -o d.h5 --report=a.json
    nyx-data show d.h5 --report=b.json >/dev/null
    nyx-data text t --dry-run -o e.h5 --report=c.json >/dev/null
    python3 - "$BATS_TEST_DIRNAME/../../schemas" a.json b.json c.json <<'END'
import json, sys, warnings
warnings.simplefilter("ignore")
import jsonschema
load = lambda path: json.load(open(path))
schemas = {f"{n}.schema.json": load(f"{sys.argv[1]}/{n}.schema.json") for n in ("report", "data")}
schema = schemas["data.schema.json"]
check = jsonschema.Draft202012Validator(schema, resolver=jsonschema.RefResolver("", schema, store=schemas))
for path in sys.argv[2:]:
    check.validate(load(path))
END
}

@test "bad options are refused" {
    echo hello >s.txt
    refused 64 "'lines' says not where documents end" s.txt --document=lines -o out.h5
    refused 64 "at least 0 and below 1" s.txt --test-share=1 -o out.h5
    refused 64 "--vocabulary' is 100, at least 257" s.txt --vocabulary=100 -o out.h5
    refused 64 "is too large" s.txt --vocabulary=99999999 -o out.h5
    refused 64 "--vocabulary is for learning" s.txt --tokenizer=bytes --vocabulary=300 -o out.h5
    refused 64 "--merges goes with" s.txt --merges=s.txt -o out.h5
    refused 64 "there is one; --split=tail" s.txt -o out.h5
    refused 64 "'-' is there twice" - - -o out.h5 </dev/null
    refused 64 "would replace input" out.h5 -o out.h5
    printf 'a\na\n' >same.txt
    refused 64 "all are the same" same.txt --document=line -o out.h5
}

@test "bad inputs are refused" {
    refused 66 "cannot open 'none.txt'" none.txt -o out.h5
    : >empty.txt
    refused 65 "there is no text in 'empty.txt'" empty.txt -o out.h5
    mkdir folder
    refused 65 "there is no text in 'folder'" folder -o out.h5
    refused 65 "there is no text" - -o out.h5 </dev/null
    echo hello >s.txt
    refused 66 "'none.json'" s.txt --test-share=0 --tokenizer=none.json -o out.h5
    printf '{"kind":"bytes","vocabulary":["h"]}' >h.json
    refused 65 "'s.txt': the vocabulary has no token for byte 0x65, 'e'" s.txt --test-share=0 --tokenizer=h.json -o out.h5
    nyx-data sudoku --size=4 --count=4 -o s.h5
    refused 65 "'s.h5' has no tokenizer" s.txt --test-share=0 --tokenizer=s.h5 -o out.h5
    refused 73 "/no/folder" s.txt --test-share=0 -o /no/folder/out.h5
}

@test "archives that break off are refused wherever they do" {
    seq 20000 >s.txt
    for pack in gzip xz zstd bzip2; do
        command -v $pack >/dev/null || continue
        $pack -c s.txt >whole
        size=$(wc -c <whole)
        for at in 12 $((size / 3)) $((size / 2)) $((size - 9)); do
            head -c $at whole >cut
            refused 65 "'cut" cut --test-share=0 --tokenizer=bytes -o out.h5
        done
    done
    tar c s.txt | gzip >whole
    head -c 20000 whole >cut
    refused 65 "'cut" cut --test-share=0 --tokenizer=bytes -o out.h5
}

# Cases are made from a good file by changes that each break it.
@test "broken tokenizers are refused, one line each, soon, in little memory" {
    printf hello >s.txt
    python3 - <<'END'
import json
good = {"model": {"type": "BPE", "vocab": {c: i for i, c in enumerate("helo")} | {"he": 4, "ll": 5}, "merges": ["h e", "l l"]},
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True},
        "added_tokens": [{"id": 6, "content": "<end>", "special": True}]}
text = json.dumps(good)
open("good.json", "w").write(text)
cases = [text[:n] for n in (1, 9, 40, 100, len(text) - 1)]
def change(path, value):
    d = json.loads(text)
    at = d
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    cases.append(json.dumps(d))
for value in (None, [], {}, 7, "x"):
    change(["model"], value)
for value in (None, [], {}, "x", {"h": "0"}, {"h": 1.5}, {"h": -1}, {"h": 1 << 40}, {"h": None}, {"h": 0, "e": 0}, {"日": 0}, {" ": 0}):
    change(["model", "vocab"], value)
for value in (None, {}, 3, ["h"], ["h e l"], ["h  e"], [" he"], [["h"]], [["h", "e", "l"]], [["h", 3]], [3], ["h e", "h e"], ["h l"], ["h z"]):
    change(["model", "merges"], value)
for value in ([{}], [{"id": 6}], [{"content": "x"}], [{"id": 0, "content": "x"}], [{"id": -4, "content": "x"}], [{"id": 1 << 31, "content": "x"}], [7], [{"id": "6", "content": "x"}]):
    change(["added_tokens"], value)
cases += ["", " ", "[]", "7", '"x"', "null", "\0", "{" * 5000, "[" * 100000, '{"a":' * 9000, text + "x", text.replace('"h": 0', '"h\\ud800": 0'), '{"kind":7}']
for i, case in enumerate(cases):
    open(f"case-{i}", "w", errors="surrogatepass").write(case)
END
    nyx-data text s.txt --test-share=0 --tokenizer=good.json -o good.h5
    count=0
    for case in case-*; do
        run bash -c "ulimit -v ${NYX_TEST_KIB:-524288}; timeout 5 nyx-data text s.txt --test-share=0 --tokenizer=$case -o out.h5"
        echo "$case: $(head -c 200 $case | tr -d '\0'): $status: $output"
        [ "$status" -eq 65 ]
        [ "${#lines[@]}" -eq 1 ]
        [[ "$output" == *"$case"* ]]
        [ ! -e out.h5 ]
        count=$((count + 1))
    done
    [ $count -ge 50 ]
}

@test "a hundred thousand tokens to be found in a text are not tried one by one" {
    python3 - <<'END'
import json
vocab = {"a": 0, "b": 1}
added = [{"id": 2 + i, "content": "aa%05d" % i, "special": False} for i in range(100000)]
d = {"model": {"type": "BPE", "vocab": vocab, "merges": []}, "added_tokens": added,
     "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False}}
json.dump(d, open("many.json", "w"))
added[7]["content"] = "x" * 1025
json.dump(d, open("long.json", "w"))
open("s.txt", "w").write("a" * 300000 + "baa00042aaa99999b")
END
    bash -c 'ulimit -t 5; nyx-data text s.txt --test-share=0 --tokenizer=many.json -o s.h5 --report=r.json'
    [ "$(value r.json train.tokens)" -eq 300005 ]
    refused 65 "token 9, to be found in texts, has 1025 bytes" s.txt --test-share=0 --tokenizer=long.json -o out.h5
}
