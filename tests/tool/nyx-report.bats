# nyx-report: what the reports say, in the words and figures of the reports.
# Bad inputs are in tests/invalid/nyx-report.bats.
bats_require_minimum_version 1.5.0

setup_file() {
    export PATH="${BUILD:-$BATS_TEST_DIRNAME/../../build}:$PATH"
    export PYTHON="${PYTHON:-/usr/bin/python3}"
    cd "$BATS_FILE_TMPDIR"
    cat > c.json <<'JSON'
{ "model": { "width": 16, "heads": 2, "inner": 16, "h_layers": 1, "l_layers": 1, "halt_max_steps": 1 },
  "training": { "batch": 8, "steps": 20, "optimizer": { "learning_rate": 1e-2 } } }
JSON
    nyx-data sudoku --size=4 --count=60 --seed=7 -o d.h5 --report=data.json
    nyx-train c.json --data=d.h5 -o m.h5 --quiet --report=train.json
    nyx-quantize m.h5 --format=int4:g16 -o q.h5 --quiet --report=quantize.json
    nyx-eval m.h5 --data=d.h5 --quiet --report=eval-fp32.json > /dev/null
    nyx-eval q.h5 --reference=m.h5 --data=d.h5 --quiet --report=eval-int4.json > /dev/null
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    cp "$BATS_FILE_TMPDIR"/*.json "$BATS_FILE_TMPDIR"/*.h5 .
}

@test "lines and table carry the figures of the reports" {
    run --separate-stderr nyx-report data.json train.json quantize.json eval-fp32.json eval-int4.json
    [ "$status" -eq 0 ]
    [ -z "$stderr" ]
    echo "$output" | tee page
    "$PYTHON" - <<'PY'
import json
lines = open("page").read().split("\n")
load = lambda name: json.load(open(name + ".json"))
data, train, quantize = (load(n)["result"] for n in ("data", "train", "quantize"))
assert f"{data['train']['rows']} training rows, {data['test']['rows']} test rows" in lines[0], lines[0]
assert f"solve {100 * data['test']['naked_singles']['share']:.1f} %" in lines[0], lines[0]
assert f"{train['parameters']} parameters, 20 steps of 8 rows" in lines[1], lines[1]
assert f"exact {100 * train['test']['exact_accuracy']:.1f} %, tokens {100 * train['test']['token_accuracy']:.1f} %" in lines[1]
t = quantize["totals"]
assert f"int4:g16, {t['coded_tensors']} of {t['tensors']} tensors coded, {t['bytes_after'] / 1024:.2f} KiB" in lines[2], lines[2]
assert lines[3] == "" and lines[4].split()[0] == "report"
percent = lambda e: "-" if e is None or e["value"] is None else "%.1f (%.1f-%.1f)" % tuple(100 * e[k] for k in ("value", "low", "high"))
for line, name in zip(lines[5:], ("eval-fp32", "eval-int4")):
    r = load(name)["result"]
    s, kl = r["storage"], r["kl"]
    bits = "-" if s["bits_per_coded_weight"] is None else "%.2f" % s["bits_per_coded_weight"]
    want = [name + ".json", s["format"], bits, "%.2f" % (s["bytes"] / 1024), *percent(r["model"]["exact_accuracy"]).split(),
            "%.2f" % (100 * r["model"]["token_accuracy"]["value"]), "%.3g" % kl["mean"]["value"] if kl else "-",
            "%.2f" % (100 * r["top1_agreement"]) if kl else "-", *percent(r["preservation"]).split()]
    assert line.split() == want, (line, want)
exact = load("eval-fp32")["result"]["model"]["exact_accuracy"]
singles = data["test"]["naked_singles"]["share"]
verdict = "beats" if exact["low"] > singles else "does not beat" if exact["high"] < singles else "is level with"
assert lines[7] == "" and lines[8].split(None, 1) == ["eval-fp32.json", "%s naked singles: %.1f (%.1f-%.1f) %% against %.1f %%" %
    (verdict, *(100 * exact[k] for k in ("value", "low", "high")), 100 * singles)], lines
assert len(lines) == 10 and lines[9] == "", lines
PY
}

@test "beaten, level and not beaten naked singles, for models evaluated on that dataset alone" {
    nyx-data sudoku --size=4 --count=60 --seed=8 -o other.h5 --report=other.json
    "$PYTHON" - <<'PY'
import json
data, exact = json.load(open("data.json")), json.load(open("eval-fp32.json"))
for name, share, low, value, high in (("beats", 0.4, 0.5, 0.6, 0.7), ("level", 0.6, 0.5, 0.6, 0.7), ("below", 0.9, 0.5, 0.6, 0.7)):
    data["result"]["test"]["naked_singles"]["share"] = share
    exact["result"]["model"]["exact_accuracy"] = {"low": low, "value": value, "high": high}
    json.dump(data, open(name + "-data.json", "w"))
    json.dump(exact, open(name + ".json", "w"))
PY
    run nyx-report beats-data.json beats.json
    [[ "${lines[-1]}" == "beats.json "*" beats naked singles: 60.0 (50.0-70.0) % against 40.0 %" ]]
    run nyx-report level-data.json level.json
    [[ "${lines[-1]}" == "level.json "*" is level with naked singles: 60.0 (50.0-70.0) % against 60.0 %" ]]
    run nyx-report below-data.json below.json
    [[ "${lines[-1]}" == "below.json "*" does not beat naked singles: 60.0 (50.0-70.0) % against 90.0 %" ]]
    run nyx-report other.json eval-fp32.json
    [ "$status" -eq 0 ]
    [[ "$output" != *"naked singles: "* ]]
    run nyx-report data.json eval-int4.json
    [[ "$output" != *"naked singles: "* ]]
}

@test "the order is the one given, the name without its folder" {
    mkdir folder
    cp eval-int4.json folder/z.json
    run nyx-report folder/z.json eval-fp32.json
    [ "$status" -eq 0 ]
    [[ "${lines[0]}" == "report "* ]]
    [[ "${lines[1]}" == "z.json "* ]]
    [[ "${lines[2]}" == "eval-fp32.json "* ]]
}

@test "runs that failed, stopped or only planned say so instead of showing zeros" {
    ! nyx-eval m.h5 --data=missing.h5 --report=failed.json 2> /dev/null
    nyx-train c.json --data=d.h5 -o x.h5 --dry-run --report=planned.json > /dev/null
    nyx-eval m.h5 --data=d.h5 --dry-run --report=none.json
    ! nyx-train c.json --data=d.h5 -o x.h5 --learning-rate=1e38 --report=diverged.json 2> /dev/null
    run --separate-stderr nyx-report failed.json planned.json none.json diverged.json eval-fp32.json
    echo "$output"
    [ "$status" -eq 0 ]
    [[ "${lines[0]}" == "failed.json "*" nyx-eval, error: cannot open 'missing.h5'"* ]]
    [[ "${lines[1]}" == "planned.json "*" nyx-train, only planned" ]]
    [[ "${lines[2]}" == "none.json "*" nyx-eval, no result" ]]
    [[ "${lines[3]}" == "diverged.json "*" nyx-train, failed: "*"not finite"* ]]
    [[ "${lines[5]}" == "eval-fp32.json "* ]]
    [ "${#lines[@]}" -eq 6 ]
}

@test "no test rows: the accuracy is unknown, not zero" {
    nyx-data sudoku --size=4 --count=30 --test=0 -o e.h5
    nyx-train c.json --data=e.h5 -o x.h5 --quiet --report=t.json
    run nyx-report t.json
    [ "$status" -eq 0 ]
    [[ "$output" == *"test unknown: the test split has no scored row" ]]
}

@test "256 reports at most, and its own report lists them" {
    nyx-report $(yes eval-int4.json | head -n 256) --report=r.json > page
    [ "$(wc -l < page)" -eq 257 ]
    "${BUILD:-$BATS_TEST_DIRNAME/../../build}/tests/schema-check" report r.json
    "$PYTHON" -c 'import json; assert len(json.load(open("r.json"))["inputs"]) == 256'
    run --separate-stderr nyx-report $(yes eval-int4.json | head -n 257)
    [ "$status" -eq 64 ]
    [[ "$stderr" == *"more than 256 arguments"* ]]
    nyx-report $(yes eval-int4.json | head -n 256) -o page.html
    "$PYTHON" -c "$page_py
page('page.html')"
}

@test "a full standard output exits 74" {
    run bash -c 'nyx-report eval-int4.json > /dev/full'
    [ "$status" -eq 74 ]
    [ "${#lines[@]}" -eq 1 ]
}

# ---- pages ----------------------------------------------------------------------------

# A page as a browser reads it: well formed to the letter, ids used once, nothing
# loaded and nothing run; `text` is what stands there.
page_py='
import re, xml.etree.ElementTree as ET
def page(name):
    raw = open(name, "rb").read()
    root = ET.fromstring(raw.decode("utf-8"))
    tag = lambda e: e.tag.split("}")[1]
    ids = [e.get("id") for e in root.iter() if e.get("id")]
    assert len(ids) == len(set(ids)), "an id is used twice"
    for e in root.iter():
        assert tag(e) not in ("script", "img", "link", "iframe", "object", "embed", "form", "base"), tag(e)
        for key, value in e.items():
            assert not key.startswith("on") and key not in ("src", "srcset", "style"), (tag(e), key)
            assert key != "href" or value[1:] in ids, value
        if tag(e) == "svg" and e.get("role") == "img":
            assert all(i in ids for i in e.get("aria-labelledby").split())
            assert [tag(c) for c in e][:2] == ["title", "desc"] and all(c.text for c in list(e)[:2])
        if tag(e) == "th":
            assert e.get("scope") in ("col", "row", "rowgroup"), "a heading without a scope"
    style = "".join(e.text for e in root.iter() if tag(e) == "style")
    assert "url(" not in style and "@import" not in style and "prefers-color-scheme:dark" in style and "@media print" in style
    assert not re.search(r"https?://(?!www\.w3\.org/1999/xhtml\")", raw.decode())
    class Page: pass
    p = Page()
    p.raw, p.root = raw, root
    p.text = " ".join("".join(e.itertext()) for e in root if tag(e) == "body")
    p.paths = [e.get("d") for e in root.iter() if tag(e) == "path"]
    return p
'

@test "the page is whole, loads nothing, and says the result, every row and every digest" {
    nyx-report data.json train.json quantize.json eval-fp32.json eval-int4.json -o page.html --report=r.json
    "$PYTHON" - <<PY
$page_py
import json
p = page("page.html")
for name in ("data", "train", "quantize", "eval-fp32", "eval-int4"):
    r = json.load(open(name + ".json"))
    assert all(f["sha256"] in p.text and f["path"] in p.text for f in r["inputs"] + r["outputs"]), name
    assert " ".join(r["run"]["argv"]) in " ".join(p.text.split()), name
    assert r["run"]["host"]["processor"] in p.text
quantize = json.load(open("quantize.json"))["result"]
assert all(t["name"].split(".", 2)[-1] in p.text for t in quantize["tensors"])
assert "no reference model was given" in p.text
assert len(p.raw) < 200 * 1024
report = json.load(open("r.json"))
assert [o["path"] for o in report["outputs"]] == ["page.html"] and len(report["inputs"]) == 5
PY
    nyx-report data.json train.json quantize.json eval-fp32.json eval-int4.json --format=html > again.html
    cmp page.html again.html
}

@test "each kind of report by itself makes a page, and a log does" {
    echo '{"kind":"step","loss":1.5,"step":1}' > log.jsonl
    nyx-bench --op=matmul --sizes=64 --seconds=0.05 --spread=1000 --report=bench.json > /dev/null
    for file in data.json train.json quantize.json eval-fp32.json eval-int4.json bench.json log.jsonl; do
        nyx-report "$file" -o page.html
        "$PYTHON" -c "$page_py
assert '$file' in page('page.html').text"
        nyx-report "$file" -o page.md
        [ -s page.md ]
        nyx-report "$file" -o page.txt
        grep -q "$file" page.txt
    done
}

@test "a GPU's rates and limits stand on the page" {
    nyx-bench --op=copy --dry-run --device=vulkan 2> why || skip "no Vulkan device; package mesa-vulkan-drivers"
    nyx-profile --parts=vulkan --report=p.json > /dev/null
    nyx-bench --op=matmul --sizes=64 --modes=nt --seconds=0.05 --spread=1000 --device=vulkan --report=b.json > /dev/null
    nyx-report p.json b.json -o page.html
    "$PYTHON" -c "$page_py
text = page('page.html').text
assert 'Vulkan device 0, arithmetic at most' in text and 'an empty submit takes' in text
assert 'Limits of the GPU measured in the same run: ' in text and 'FLOP/s in f32; ' in text"
}

@test "strings in reports are text, whatever they say" {
    "$PYTHON" - <<'PY'
import json
evil = "</style></title><script>alert(1)</script><b onload='x'>\"&amp;]]>--><!--\x1b[31m\u202etxt\ud83d\ude00|`@x`"
evil = evil.encode("utf-16", "surrogatepass").decode("utf-16")
for name in ("train", "quantize", "eval-int4", "data"):
    r = json.load(open(name + ".json"))
    r["warnings"] = [evil]
    r["run"]["argv"] += [evil, "it's"]
    r["run"]["device"] = r["run"]["version"] = r["run"]["host"]["processor"] = r["run"]["host"]["name"] = evil
    for f in r["inputs"] + r["outputs"]:
        f["path"] = evil
    if name == "quantize":
        r["result"]["format"] = evil
        for i, t in enumerate(r["result"]["tensors"]):
            t["name"], t["format"] = "%s.%d.%s" % (evil, i, evil), evil
    if name == "eval-int4":
        r["result"]["storage"]["format"] = evil
        r["run"]["argv"].append("--reference=" + evil)
    if name == "data":
        r["status"], r["error"] = "error", evil
    json.dump(r, open("evil-%s.json" % name, "w"))
PY
    nyx-report evil-*.json -o page.html
    "$PYTHON" - <<PY
$page_py
p = page("page.html")
assert "<script>alert(1)</script>" in p.text and "<b onload='x'>" in p.text
assert "\x1b" not in p.text and "\u202e" not in p.text and "\ufffd[31m\ufffdtxt\U0001f600" in p.text
assert "'it'\\\\''s'" in p.text
PY
    for format in text markdown csv; do
        nyx-report evil-*.json --format=$format > page
        ! grep -q $'\x1b' page
    done
    nyx-report evil-*.json --format=markdown > page.md
    ! grep -qE '(^|[^\\])<script' page.md
    ! grep -q '@' page.md
}

@test "CSV: each table with the figures to the last digit" {
    printf '%s\n' '{"kind":"step","loss":1.5,"step":1}' '{"kind":"step","loss":null,"loss_reason":"x","step":2}' \
        '{"exact":1,"kind":"evaluation","loss":0.25,"rows":4,"step":2,"tokens":8,"tokens_right":6}' > log.jsonl
    nyx-report data.json train.json quantize.json eval-fp32.json eval-int4.json log.jsonl -o e.csv
    for table in training tensors runs; do
        nyx-report data.json train.json quantize.json eval-fp32.json eval-int4.json log.jsonl --format=csv --table=$table > $table.csv
    done
    "$PYTHON" - <<'PY'
import csv, json
read = lambda name: list(csv.DictReader(open(name, newline="")))
rows = {r["report"]: r for r in read("e.csv")}
assert list(rows) == ["eval-fp32.json", "eval-int4.json"], rows
for name, row in rows.items():
    r = json.load(open(name))["result"]
    want = lambda v: "" if v is None else float(v)
    have = lambda k: row[k] and float(row[k])
    assert have("bytes") == r["storage"]["bytes"] and row["format"] == r["storage"]["format"]
    assert have("exact") == r["model"]["exact_accuracy"]["value"] and have("exact_low") == r["model"]["exact_accuracy"]["low"]
    assert have("kl") == want(r["kl"] and r["kl"]["mean"]["value"])
    assert have("preserved_high") == want(r["preservation"] and r["preservation"]["high"])
assert [(r["kind"], r["step"], r["loss"], r["exact"], r["tokens"]) for r in read("training.csv")] == \
    [("step", "1", "1.5", "", ""), ("step", "2", "", "", ""), ("evaluation", "2", "0.25", "0.25", "0.75")]
tensors = json.load(open("quantize.json"))["result"]["tensors"]
assert [(r["name"], r["relative_mse"] and float(r["relative_mse"])) for r in read("tensors.csv")] == \
    [(t["name"], "" if t["relative_mse"] is None else t["relative_mse"]) for t in tensors]
assert [r["run.tool"] for r in read("runs.csv")] == ["nyx-data", "nyx-train", "nyx-quantize", "nyx-eval", "nyx-eval"]
PY
}

@test "Markdown: the table with a row for each evaluation, and the models' digests" {
    nyx-report data.json eval-fp32.json eval-int4.json -o page.md
    grep -qE '^\| report \| format \| bits \|' page.md
    grep -qE '^\| --- \| --- \| ---: \|' page.md
    grep -qE '^\| eval-int4.json \| int4:g16 \|' page.md
    grep -q "$(sha256sum < q.h5 | cut -d' ' -f1)" page.md
    grep -q 'naked singles: ' page.md
}

@test "a log cut in the middle of a line is shown up to there; a long one is thinned" {
    "$PYTHON" - <<'PY'
import json
with open("long.jsonl", "w") as f:
    for step in range(1, 20001):
        f.write(json.dumps({"kind": "step", "loss": 10 / step + 0.1 * (step % 7), "step": step}) + "\n")
        if step % 20 == 0:
            f.write(json.dumps({"kind": "evaluation", "step": step, "loss": 9 / step, "rows": 10, "exact": step // 2001, "tokens": 10, "tokens_right": 9}) + "\n")
PY
    nyx-report long.jsonl -o page.html
    "$PYTHON" - <<PY
$page_py
p = page("page.html")
assert "log of 20000 steps and 1000 evaluations" in p.text
assert len(p.raw) < 100 * 1024, len(p.raw)
assert max(d.count("L") for d in p.paths) <= 300
PY
    head -c -20 long.jsonl > cut.jsonl
    run --separate-stderr nyx-report cut.jsonl --report=r.json
    [ "$status" -eq 0 ]
    [[ "$output" == *"log of 20000 steps and 999 evaluations" ]]
    [[ "$stderr" == *"warning: the last line of 'cut.jsonl' is not whole and was left out" ]]
    "$PYTHON" -c 'import json; assert len(json.load(open("r.json"))["warnings"]) == 1'
}

@test "the log of a real training, beside its report" {
    nyx-train c.json --data=d.h5 -o x.h5 --quiet --log=x.jsonl --report=x.json
    nyx-report x.json x.jsonl -o page.html
    "$PYTHON" - <<PY
$page_py
p = page("page.html")
assert "Loss of 20 training steps" in p.text and "steps: the line is the mean" not in p.text
PY
}

@test "generated texts stand as they came, the prompt before what follows" {
    "$PYTHON" - <<'PY'
import json
r = json.load(open("eval-fp32.json"))
r["result"] = {"generation": {"prompt_tokens": 3, "new_tokens": 4, "temperature": 0.5, "top_p": 0.9, "top_k": 7, "seed": 11,
    "texts": [{"ids": [1, 2, 3], "prompt": "Once <upon>", "text": " a\ntime & more"}, {"ids": [1, 2], "text": None, "text_reason": "lost"}]}}
json.dump(r, open("gen.json", "w"))
PY
    nyx-report gen.json -o page.html
    "$PYTHON" - <<PY
$page_py
p = page("page.html")
assert "Once <upon> a\ntime & more" in p.text and "2 tokens, without their text: lost" in p.text
assert "temperature 0.5, top-k 7, top-p 0.9, seed 11" in p.text
PY
    run nyx-report gen.json
    [[ "$output" == "gen.json "*" 2 texts generated, 4 new tokens" ]]
}

@test "warnings and failed runs stand before everything else; a crowd of warnings is folded" {
    "$PYTHON" - <<'PY'
import json
r = json.load(open("train.json"))
r["warnings"] = ["w%d." % i for i in range(5)]
json.dump(r, open("warned.json", "w"))
PY
    ! nyx-eval m.h5 --data=missing.h5 --report=failed.json 2> /dev/null
    nyx-report warned.json failed.json -o page.html
    "$PYTHON" - <<PY
$page_py
p = page("page.html")
at = [p.text.index(t) for t in ("missing.h5", "w0.", "w1.", "3 more warnings", "w2.", "w4.", "Runs")]
assert at == sorted(at), at
PY
}

@test "the headline: the smallest coding that the interval cannot tell from the reference" {
    "$PYTHON" - <<'PY'
import copy, json
plain, coded = json.load(open("eval-fp32.json")), json.load(open("eval-int4.json"))
def write(name, bytes, preserved, ratio=None):
    r = copy.deepcopy(coded)
    r["result"]["storage"].update(bytes=bytes, format=name)
    low, value, high = preserved
    r["result"]["preservation"] = {"metric": "exact_accuracy", "dropped_resamples": 0, "low": low, "value": value, "high": high}
    if ratio:
        r["result"]["text"] = {"context": 8, "stride": 4, "scored_per_window": 4, "first_token": "kept", "tokens": 9, "bytes": 9, "words": 3,
                               "model": {"bits_per_byte": 1.0, "byte_perplexity": 2.0, "word_perplexity": 3.0}}
        r["result"]["log_perplexity_ratio"] = {"mean": ratio[0], "se": ratio[1]}
        r["result"]["model"]["perplexity"], r["result"]["reference"]["perplexity"] = 5.5, 5.25
    json.dump(r, open("%s%s.json" % ("t" if ratio else "r", name), "w"))
plain["result"]["storage"]["bytes"] = 4000
json.dump(plain, open("plain.json", "w"))
write("big", 1000, (0.99, 1.0, 1.0)), write("mid", 400, (0.95, 0.98, 1.01)), write("small", 300, (0.7, 0.8, 0.9))
write("big", 1000, (1, 1, 1), (0.0, 0.1)), write("mid", 400, (1, 1, 1), (0.15, 0.1)), write("small", 300, (1, 1, 1), (0.5, 0.1))
PY
    head() { nyx-report "$@" -o page.html && "$PYTHON" -c "$page_py
print(' '.join(page('page.html').text.replace(chr(160), ' ').split())[:600])" | tee head; }
    head plain.json rbig.json rmid.json rsmall.json
    grep -q "mid keeps 98.0 % of what the reference solves, in 10 % of the size" head
    grep -q "95.0–101.0 %, over .* It is the smallest of 3 codings .* Smaller ones keep less: small 80.0 % (70.0–90.0)" head
    head rsmall.json
    grep -q "small keeps 80.0 % of what the reference solves The" head
    head rbig.json rsmall.json
    grep -q "big keeps 100.0 %.* It is the smallest of 2 codings" head
    "$PYTHON" - <<'PY'
import json
r = json.load(open("rsmall.json"))
r["result"]["preservation"].update(value=None, value_reason="lost", low=None, low_reason="lost", high=None, high_reason="lost")
r["result"]["storage"]["format"] = "lost"
json.dump(r, open("rlost.json", "w"))
PY
    head rlost.json rmid.json
    grep -q "mid keeps 98.0 %" head
    ! grep -qi "nan" head
    head tbig.json tmid.json tsmall.json
    grep -q "mid: perplexity 5.5 instead of 5.25 A change of +16.2 %, in a 95 % interval from -4.5 to +41.3 %" head
    grep -q "Smaller ones: small +64.9 %" head
}

@test "a point that a smaller one beats stands beside the front" {
    "$PYTHON" - <<'PY'
import copy, json
coded = json.load(open("eval-int4.json"))
for name, bytes, value in (("a", 1000, 1.0), ("b", 400, 0.7), ("c", 300, 0.8)):
    r = copy.deepcopy(coded)
    r["result"]["storage"].update(bytes=bytes, format=name)
    r["result"]["preservation"] = {"metric": "exact_accuracy", "dropped_resamples": 0, "low": value, "value": value, "high": value}
    json.dump(r, open(name + ".json", "w"))
PY
    nyx-report a.json b.json c.json -o page.html
    "$PYTHON" - <<PY
$page_py
p = page("page.html")
wide = [e for e in p.root.iter() if e.get("aria-labelledby", "").startswith("front-wide")][0]
classes = [e.get("class") for e in wide.iter() if e.tag.endswith("circle")]
assert sorted(classes) == ["a", "a", "c"], classes
labels = {e.text: e.get("class") for e in wide.iter() if e.tag.endswith("}text") and "label" in e.get("class", "")}
assert labels["a"] == labels["c"] == "label a" and labels["b"] == "label c", labels
PY
}

@test "the log of a search: every candidate as a dot, those accepted in colour" {
    "$PYTHON" - <<'PY'
import json
with open("search.jsonl", "w") as f:
    f.write(json.dumps({"kind": "sensitivity", "token_forwards": 5, "squared_distance": 0.5, "tensor": "a"}) + "\n")
    for i in range(50):
        f.write(json.dumps({"kind": "candidate", "token_forwards": 10 + i, "kl": 0.5 - i / 200 if i else None, "bits": 2.5, "accepted": i % 10 == 9}) + "\n")
    f.write(json.dumps({"kind": "front", "token_forwards": 60, "hypervolume": 0.5}) + "\n")
PY
    run nyx-report search.jsonl
    [[ "$output" == "search.jsonl "*" log of 50 candidates" ]]
    nyx-report search.jsonl -o page.html
    "$PYTHON" - <<PY
$page_py
p = page("page.html")
assert "50 candidates, 5 accepted" in p.text
dots = {}
for e in p.root.iter():
    if (e.get("class") or "").startswith("dots "):
        dots.setdefault(e.get("class"), []).append(e.get("d").count("h0"))
assert dots == {"dots c": [44, 44], "dots a": [5, 5]}, dots
PY
    nyx-report search.jsonl --format=csv > search.csv
    [ "$(sed -n 3p search.csv | tr -d '\r')" = "search.jsonl,11,0.495,2.5,0" ]
}

# Programs that a build may have; their reports are shown where it has.
has_program() { [ -x "${BUILD:-$BATS_TEST_DIRNAME/../../build}/nyx-$1" ]; }

@test "a machine's profile and the plan that fits it" {
    has_program profile || return 0
    nyx-profile --parts=processor,memory --no-measure --plan=c.json --data=d.h5 --quiet --report=profile.json > /dev/null
    run nyx-report profile.json
    [[ "$output" == "profile.json "*" threads, "*"; plan of "* ]]
    nyx-report profile.json -o page.html
    "$PYTHON" - <<PY
$page_py
import json
p, r = page("page.html"), json.load(open("profile.json"))["result"]
assert r["processor"]["name"] in p.text and "The plan takes %.1f MiB of" % (r["plan"]["predicted_peak_bytes"] / 2**20) in p.text
assert "batch 8" in p.text and all(isa in p.text for isa in r["processor"]["isa"])
PY
}

@test "a search: its plans with intervals, what they say, the front, every tensor, the log" {
    has_program evolve || return 0
    nyx-data sudoku --size=4 --count=240 --test=120 --seed=7 --quiet -o big.h5
    nyx-evolve recipe m.h5 --data=big.h5 --fresh --held-rows=60 --bits=6 --tokens=4000 --quiet --formats=int2:g16,int3:g16,int4:g16 \
        --codings=levels --log=search.jsonl --report=evolve.json -o r.json
    nyx-report evolve.json search.jsonl -o page.html
    "$PYTHON" - <<PY
$page_py
import json
p, r = page("page.html"), json.load(open("evolve.json"))["result"]
text = " ".join(p.text.split())
for plan in r["plans"]:
    kl, more = plan["kl"], plan["kl_more_than_evolved"]
    assert "%.3g (%.3g to %.3g)" % (kl["value"], kl["low"], kl["high"]) in text, plan
    if plan["name"] != "evolved":
        says = "beats" if more["low"] > 0 else "is beaten by" if more["high"] < 0 else "cannot be told from"
        assert "%s %s" % (says, plan["name"]) in text, (says, plan)
candidates = [json.loads(l) for l in open("search.jsonl")]
assert "%d candidates" % sum(c["kind"] == "candidate" for c in candidates) in text
assert all(t["format"].split(":")[0] in text for t in r["tensors"])
assert len([e for e in p.root.iter() if (e.get("aria-labelledby") or "").startswith("search0-")]) == 2
PY
}
