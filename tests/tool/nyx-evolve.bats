# nyx-evolve recipe: budgets that the coded file keeps, baselines, threads, the
# front, SIGKILL and --resume. Bad inputs are in tests/invalid/nyx-evolve.bats.
bats_require_minimum_version 1.5.0

setup_file() {
    export PATH="${BUILD:-$BATS_TEST_DIRNAME/../../build}:$PATH"
    export PYTHON="${PYTHON:-/usr/bin/python3}"
    cd "$BATS_FILE_TMPDIR"
    cat > c.json <<'JSON'
{ "model": { "width": 32, "heads": 2, "inner": 48, "h_layers": 1, "l_layers": 1, "halt_max_steps": 2, "loss": "softmax" },
  "training": { "batch": 16, "steps": 60, "optimizer": { "kind": "adamw", "learning_rate": 1e-2 } } }
JSON
    cat > lm.json <<'JSON'
{ "model": { "kind": "decoder", "width": 32, "heads": 4, "layers": 2, "inner": 64, "context": 32 },
  "training": { "batch": 16, "steps": 60, "optimizer": { "kind": "adamw", "learning_rate": 5e-3, "clip": 1 } } }
JSON
    nyx-data sudoku --size=4 --count=700 --seed=7 --test=300 -o d.h5
    nyx-train c.json --data=d.h5 --seed=3 --threads=1 --quiet -o m.h5
    cat "$BATS_TEST_DIRNAME"/../../libnyx/{base,graph,quant}/*.h > text.txt
    nyx-data text text.txt --tokenizer=characters --split=tail --quiet -o t.h5
    nyx-train lm.json --data=t.h5 --seed=3 --threads=1 --quiet -o lm.h5
    nyx-evolve recipe m.h5 --data=d.h5 --fresh --held-rows=100 --bits=3 --tokens=6000 --threads=1 --quiet \
        --codings=levels --log=log --checkpoint=ck --report=e.json -o r.json
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    cp -s "$BATS_FILE_TMPDIR"/*.h5 "$BATS_FILE_TMPDIR"/*.json "$BATS_FILE_TMPDIR"/log .
    cp "$BATS_FILE_TMPDIR"/ck .
    base=(nyx-evolve recipe m.h5 --data=d.h5 --fresh --held-rows=100 --tokens=6000 --quiet
          --codings="$BATS_FILE_TMPDIR/levels" --threads=1)
}

# Python on result r of report $1 and lines L of the log.
judge() { "$PYTHON" -c "
import json, sys
r = json.load(open(sys.argv[1]))['result']
L = [json.loads(l) for l in open('log')]
$2" "$1"; }

@test "the recipe is what nyx-quantize reads, and its bytes are those promised" {
    nyx-quantize m.h5 --recipe=r.json -o q.h5 --quiet --report=q.json
    judge e.json "
q = json.load(open('q.json'))
assert not q['warnings'], q['warnings']
q = q['result']
assert q['totals']['coded_weights'] == r['weights']
evolved = r['plans'][0]
assert evolved['name'] == 'evolved'
assert sum(t['bytes_after'] for t in q['tensors'] if t['coded']) == evolved['bytes'] == sum(t['bytes'] for t in r['tensors'])
assert q['totals']['bits_per_coded_weight'] == evolved['bits_per_weight'] <= 3
for t in r['tensors']:
    u = next(u for u in q['tensors'] if u['name'] == t['name'])
    assert u['format'] == t['format'] and abs(u['relative_mse'] - t['relative_mse']) < 1e-6 * u['relative_mse'], (t, u)
"
}

@test "four plans within the budget, judged on the same rows; no more tokens than allowed" {
    schema-check() { "$(dirname "$(command -v nyx-evolve)")/tests/schema-check" "$@"; }
    schema-check evolve e.json
    schema-check recipe r.json
    judge e.json "
assert [p['name'] for p in r['plans']] == ['evolved', 'uniform', 'knapsack', 'greedy']
for p in r['plans']:
    assert p['bytes'] <= r['budget']['bytes'] and p['kl']['low'] <= p['kl']['value'] <= p['kl']['high']
s = r['search']
assert s['held_out_rows'] == 100 and s['token_forwards'] <= 6000 and s['generations'] >= 1
c = [l for l in L if l['kind'] == 'candidate']
assert [l['candidate'] for l in c] == list(range(s['candidates']))
assert {'knapsack', 'greedy', 'uniform', 'child'} <= {l['origin'] for l in c}
assert all(l['bytes'] <= r['budget']['bytes'] for l in c)
assert len([l for l in L if l['kind'] == 'sensitivity']) >= len(r['tensors']) == 8
assert [p['bytes'] for p in r['front']] == sorted(p['bytes'] for p in r['front'])
"
}

@test "the divergence reported is the one that nyx-eval finds" {
    nyx-quantize m.h5 --recipe=r.json -o q.h5 --quiet
    nyx-eval q.h5 --reference=m.h5 --data=d.h5 --rows=100 --threads=1 --quiet --report=eval.json > /dev/null
    judge e.json "
kl = json.load(open('eval.json'))['result']['kl']['mean']['value']
assert abs(kl - r['plans'][0]['kl']['value']) < 1e-3 * kl, (kl, r['plans'][0])
"
}

@test "the same bytes from any number of threads, and nothing is coded twice" {
    "${base[@]}" --bits=3 --threads=2 --report=two.json -o two.json.recipe --log=log2
    cmp r.json two.json.recipe
    cmp log log2
    judge two.json "
a = json.load(open('two.json'))['run']
assert a['formats_coded_now'] == 0 and a['measurements_replayed'] == 0
assert r == json.load(open('e.json'))['result']
"
}

@test "a budget in bytes holds for the file, headers and all" {
    "${base[@]}" --bytes=30000 --report=b.json -o b.recipe
    nyx-quantize m.h5 --recipe=b.recipe -o q.h5 --quiet
    [ "$(stat -c %s q.h5)" -le 30000 ]
    judge b.json "
assert r['budget']['kind'] == 'bytes' and r['file_bytes_most'] <= 30000
assert r['plans'][0]['bytes'] > 0.9 * r['budget']['bytes']
"
}

@test "a budget of memory, and to begin with another recipe" {
    "${base[@]}" --memory=131000 --start=r.json --report=b.json -o b.recipe --log=log2
    judge b.json "
assert r['budget']['kind'] == 'memory' and r['budget']['bytes'] == 131000 - r['budget']['fixed_bytes']
assert any(json.loads(l).get('origin') == 'start' for l in open('log2'))
"
}

@test "killed and resumed, a search ends in the same bytes" {
    for seconds in 0.15 0.3 0.45; do
        rm -f k.*
        line=("${base[@]}" --bits=2.75 --checkpoint=k.check --log=k.log --report=k.report -o k.recipe)
        timeout -s KILL $seconds "${line[@]}" || true
        [ ! -e k.recipe ] || continue
        "${line[@]}" --resume
        [ -e whole.recipe ] || "${base[@]}" --bits=2.75 --log=whole.log --report=whole.report -o whole.recipe
        cmp k.recipe whole.recipe
        cmp k.log whole.log
        judge k.report "assert r == json.load(open('whole.report'))['result']"
    done
    [ -e whole.recipe ]
}

@test "asked to stop, it exits 75 and says how to go on; a checkpoint of another search is refused" {
    head -3 ck > half
    run --separate-stderr "${base[@]}" --bits=2.7 --checkpoint=half --resume -o x.recipe
    [ "$status" -eq 65 ]
    [[ "$stderr" == *"'half': it is the checkpoint of another search"* ]]
    run --separate-stderr timeout -s INT 0.2 "${base[@]}" --bits=2.9 --checkpoint=s --tokens=400000 -o x.recipe
    [ "$status" -eq 75 ] || [ "$status" -eq 124 ]
    [ ! -e x.recipe ]
}

@test "a checkpoint that another search holds is refused and stays whole; so are values that are no numbers" {
    head -3 ck > half
    cp half before
    for again in --no-resume --resume; do
        run --separate-stderr flock half "${base[@]}" --bits=3 --checkpoint=half $again -o x.recipe
        [ "$status" -eq 73 ]
        [ "${#stderr_lines[@]}" -eq 1 ]
        [[ "$stderr" == *"'half' is in use by another search"* ]]
        cmp half before
        [ ! -e x.recipe ]
    done
    sed -i '2s/"values":\[[^],]*/"values":[null/' half
    run --separate-stderr "${base[@]}" --bits=3 --checkpoint=half --resume -o x.recipe
    [ "$status" -eq 65 ]
    [[ "$stderr" == *"'half': line 2 is not what"* ]]
}

@test "levels that hold something else are coded anew" {
    cp -r "$BATS_FILE_TMPDIR/levels" mine
    cp --remove-destination "$BATS_FILE_TMPDIR/m.h5" mine/int2-g64.*.h5
    cp mine/int8-channel.*.h5 mine/int3-g32.*.h5
    nyx-train c.json --data=d.h5 --seed=4 --steps=2 --threads=1 --quiet -o other.h5
    nyx-quantize other.h5 --format=int4:g32 --quiet -o other.coded.h5
    cp other.coded.h5 mine/int4-g32.*.h5
    nyx-evolve recipe m.h5 --data=d.h5 --fresh --held-rows=100 --bits=3 --tokens=6000 --threads=1 --quiet \
        --codings=mine --report=b.json -o again.json
    cmp again.json r.json
    judge b.json "assert json.load(open('b.json'))['run']['formats_coded_now'] == 3"
    for level in mine/*; do
        cmp "$level" "$BATS_FILE_TMPDIR/levels/${level#mine/}"
    done
}

@test "a budget from the profile of this machine; one of another machine is refused" {
    nyx-profile --parts=memory --no-measure --report=here.json > /dev/null
    "${base[@]}" --profile=here.json --report=b.json -o b.recipe
    judge b.json "
available = json.load(open('here.json'))['run']['memory']['available_bytes']
assert r['budget']['kind'] == 'memory' and r['budget']['asked'] == available // 10 * 9
assert 'here.json' in [i['path'] for i in json.load(open('b.json'))['inputs']]
"
    "$PYTHON" - <<'PY'
import copy, json
here = json.load(open('here.json'))
def write(name, change):
    p = copy.deepcopy(here)
    change(p)
    json.dump(p, open(name, 'w'))
write('other.json', lambda p: p['result'].update(machine='0' * 64))
write('silent.json', lambda p: p['run']['memory'].update(available_bytes=None, available_bytes_reason='x'))
write('small.json', lambda p: p['run']['memory'].update(available_bytes=1000))
write('bare.json', lambda p: p.pop('result'))
write('text.json', lambda p: p['run']['memory'].update(available_bytes='much'))
PY
    refused() {
        run --separate-stderr "${base[@]}" "${@:3}" -o x.recipe
        [ "$status" -eq "$1" ]
        [ "${#stderr_lines[@]}" -eq 1 ]
        [[ "$stderr" == *"$2"* ]]
        [ ! -e x.recipe ]
    }
    refused 69 "profile 'other.json' was made on another machine" --profile=other.json
    refused 69 "profile 'silent.json' does not say how much memory" --profile=silent.json
    refused 69 "no recipe meets the budget" --profile=small.json
    refused 65 "'bare.json'" --profile=bare.json
    refused 65 "'text.json'" --profile=text.json
    refused 65 "'e.json'" --profile=e.json
    refused 66 "'none.json'" --profile=none.json
    refused 64 "name one budget" --profile=here.json --memory=131000
    refused 64 "bits" --bits=1e30
}

@test "a decoder starts at the first block that a candidate changes" {
    nyx-evolve recipe lm.h5 --data=t.h5 --bits=3 --tokens=60000 --threads=1 --held-rows=60 --quiet --report=lm.report -o lm.recipe
    nyx-quantize lm.h5 --recipe=lm.recipe -o q.h5 --quiet
    judge lm.report "
s = r['search']
assert s['share_of_pieces_run'] < 0.9 and s['tokens_per_row'] == 32 and s['token_forwards'] <= 60000
assert r['plans'][0]['kl']['value'] < r['plans'][1]['kl']['value']
"
}

@test "--pareto gives a front of bytes, distance and time, and a recipe within the budget" {
    "${base[@]}" --bits=3 --tokens=16000 --pareto --report=p.json -o p.recipe --log=log
    "$(dirname "$(command -v nyx-evolve)")/tests/schema-check" evolve p.json
    judge p.json "
P = [(p['bytes'], p['squared_distance'], p['us_per_token']) for p in r['pareto']]
assert len(P) > 3 and all(len(p['formats']) == 8 for p in r['pareto'])
for a in P:
    assert not any(all(x <= y for x, y in zip(b, a)) and b != a for b in P), a
h = [l['hypervolume'] for l in L if l['kind'] == 'front']
assert len(h) == r['search']['generations'] + 1 and h == sorted(h) and h[-1] == r['hypervolume'] > 0
assert r['plans'][0]['bytes'] <= r['budget']['bytes']
"
}
