# nyx-data arc: datasets of ARC-AGI tasks, and the vote over their images.

load data

setup() {
    data_setup
    command=arc
    tasks=${NYX_SHARED:-$BATS_TEST_DIRNAME/../../../shared}/data/puzzles/arc
}

@test "arc is silent, counts tasks and rows" {
    make_tasks t 4 1
    make_tasks e 2 2
    run nyx-data arc t --evaluation=e --augment=9 -o d.h5 --report=r.json
    [ "$status" -eq 0 ]
    [ -z "$output" ]
    [ "$(value r.json length)" -eq 900 ]
    [ "$(value r.json vocabulary)" -eq 12 ]
    [ "$(value r.json puzzles)" -eq 61 ]
    [ "$(value r.json train.rows)" -eq $((10 * (4 * 4 + 2 * 3))) ]
    [ "$(value r.json test.rows)" -eq 20 ]
    [ "$(value r.json arc.training)" -eq 4 ]
}

@test "folder, archive and single files give the same bytes, on any threads" {
    make_tasks t 5 1
    mkdir t/deeper && mv t/1003.json t/deeper
    touch t/README t/.hidden.json
    tar -cJf t.tar.xz t
    (cd t && python3 -m zipfile -c ../t.zip deeper/1003.json 1004.json 1000.json 1001.json 1002.json)
    nyx-data arc t --augment=5 --seed=1 --threads=1 -o a.h5
    nyx-data arc t.tar.xz --augment=5 --seed=1 --threads=3 -o b.h5
    nyx-data arc t.zip --augment=5 --seed=1 -o c.h5
    nyx-data arc t/100[012].json t/deeper/1003.json t/1004.json --augment=5 --seed=1 -o d.h5
    nyx-data arc t --augment=5 --seed=2 -o e.h5
    cmp a.h5 b.h5
    cmp a.h5 c.h5
    cmp a.h5 d.h5
    ! cmp -s a.h5 e.h5
}

@test "another reader finds in the file what the specification says" {
    PYTHON=${PYTHON:-python3}
    $PYTHON -c 'import h5py' 2>/dev/null || skip "package python3-h5py is not installed"
    make_tasks t 2 1
    make_tasks e 2 2
    nyx-data arc t --evaluation=e --augment=20 --side=8 -o d.h5
    $PYTHON - <<'END'
import h5py, json, numpy as np
f = h5py.File("d.h5")
names = json.loads(f["/puzzles/names"][()])
task, transform = f["/puzzles/task"][:], f["/puzzles/transform"][:]
assert task[0] == -1 and len(task) == 85 and names == ["1000", "1001", "2000", "2001"]
turn = [lambda g: g, lambda g: np.rot90(g, 1), lambda g: np.rot90(g, 2), lambda g: np.rot90(g, 3),
        np.fliplr, np.flipud, np.transpose, lambda g: np.fliplr(np.rot90(g, 1))]
moved = 0
for side in ("train", "test"):
    for row in range(len(f[side]["ids"])):
        id = f[side]["ids"][row]
        name = names[task[id]]
        source = json.load(open(f"{'t' if name < '2' else 'e'}/{name}.json"))
        pair = (source["train"] + source["test"])[f[side]["pairs"][row]]
        assert side == "train" or f[side]["pairs"][row] == 3
        want = {}
        for key, tokens in ("input", "inputs"), ("output", "targets"):
            grid = turn[transform[id][0]](transform[id][1:][np.array(pair[key])])
            canvas = f[side][tokens][row].reshape(8, 8)
            at = np.argwhere(canvas > 1).min(axis=0)
            whole = np.zeros((8, 8), int)
            whole[at[0]:at[0] + 3, at[1]:at[1] + 3] = grid + 2
            whole[at[0] + 3:at[0] + 4, at[1]:at[1] + 3] = 1
            whole[at[0]:at[0] + 3, at[1] + 3:at[1] + 4] = 1
            assert (whole == canvas).all()
            moved += at.any()
            assert side == "train" or not at.any()
assert moved > 100
END
}

@test "the collected tasks can be read" {
    [ -e "$tasks/arc1-evaluation.tar.xz" ] || skip "no data $tasks; set NYX_SHARED"
    nyx-data arc "$tasks/arc1-training.tar.xz" "$tasks/conceptarc.tar.xz" --evaluation="$tasks/arc1-evaluation.tar.xz" \
        --side=12 --dry-run -q -o d.h5 --report=r.json
    [ "$(value r.json arc.read)" -eq 846 ]
    [ "$(value r.json arc.evaluation)" -eq 82 ]
    [ "$(value r.json test.rows)" -eq 93 ]
}

@test "a task in both sets is a test only" {
    make_tasks t 3 1
    mkdir e && cp t/1001.json e
    nyx-data arc t --evaluation=e -o d.h5 --report=r.json
    [ "$(value r.json arc.duplicates)" -eq 1 ]
    [ "$(value r.json arc.training)" -eq 2 ]
    python3 - <<'END'
import json
task = json.load(open("e/1001.json"))
swap = lambda grid: [[{0: 0, 9: 1}.get(c, c + 1) for c in row] for row in zip(*grid)]
task = {"train": [{k: swap(g) for k, g in p.items()} for p in task["test"] + task["train"]], "test": task["train"][:1]}
json.dump(task, open("t/leak.json", "w"))
END
    run nyx-data arc t --evaluation=e -o d.h5 --report=r.json
    [ "$status" -eq 0 ]
    [[ "$output" == *"warning: 1 training tasks left out: they hold a test"* ]]
    [ "$(value r.json arc.leaks)" -eq 1 ]
}

@test "show draws a pair" {
    echo '{"train":[{"input":[[1,2],[0,3]],"output":[[4,0,5]]}],"test":[{"input":[[1]],"output":[[2]]}]}' >t.json
    nyx-data arc t.json -o d.h5
    run nyx-data show d.h5
    [ "$status" -eq 0 ]
    [[ "$output" == *"  1 2  4 0 5"*"  0 3"* ]]
}

@test "bad options are refused" {
    make_tasks t 2 1
    refused 64 "--augment=1001 is too many; at most 1000" t --augment=1001 -o out.h5
    refused 64 "--side=31 is too large" t --side=31 -o out.h5
    refused 64 "--side' is 0" t --side=0 -o out.h5
    refused 64 "2 read have grids larger than 2" t --side=2 -o out.h5
    refused 64 "TASKS" -o out.h5
    refused 66 "no-file" no-file -o out.h5
    refused 73 "/no/folder/out.h5" t -o /no/folder/out.h5
}

@test "malformed tasks are refused, naming the file" {
    pair='{"input":[[0]],"output":[[1]]}'
    refused_task() {
        printf '%s' "$2" >bad.json
        refused 65 "$1" bad.json -o out.h5
        [[ "$output" == *bad.json* ]]
    }
    refused_task "" ""
    refused_task "" "{"
    refused_task "key 'test' is missing" "{\"train\":[$pair]}"
    refused_task "'train' is []" "{\"train\":[],\"test\":[$pair]}"
    refused_task "key 'test.0.output' is missing" "{\"train\":[$pair],\"test\":[{\"input\":[[1]]}]}"
    refused_task "'train.0.output.0.0' is 10, at most 9" "{\"train\":[${pair/1/10}],\"test\":[$pair]}"
    refused_task "'train.0.output.0.0' is -1" "{\"train\":[${pair/1/-1}],\"test\":[$pair]}"
    refused_task "integer expected" "{\"train\":[${pair/1/\"1\"}],\"test\":[$pair]}"
    refused_task "integer expected" "{\"train\":[${pair/1/null}],\"test\":[$pair]}"
    refused_task "different lengths" "{\"train\":[${pair/1/1],[1,2}],\"test\":[$pair]}"
    refused_task "at most 30" "{\"train\":[${pair/1/$(printf '1,%.0s' {1..30})1}],\"test\":[$pair]}"
    refused_task "at most 64" "{\"train\":[$(printf "$pair,%.0s" {1..64})$pair],\"test\":[$pair]}"
    refused_task "extra" "{\"train\":[$pair],\"test\":[$pair],\"extra\":1}"
    refused_task "twice" "{\"train\":[$pair],\"train\":[$pair],\"test\":[$pair]}" || [[ "$output" == *duplicate* ]]
    refused_task "" "{\"train\":[$pair],\"test\":[$pair]} more"
    head -c 5000000 /dev/zero | tr '\0' ' ' >bad.json
    refused 65 "bad.json" bad.json -o out.h5
    mkdir t && echo '{"train":1}' >t/x.json && tar -cf t.tar t
    refused 65 "t/x.json" t -o out.h5
    refused 65 "t.tar(t/x.json)" t.tar -o out.h5
    mkdir none && touch none/readme
    refused 65 "it has no task" none -o out.h5
    head -c 700 t.tar >cut.tar
    refused 65 "cut.tar" cut.tar -o out.h5
}

@test "the report keeps to its schema" {
    python3 -c 'import jsonschema' 2>/dev/null || skip "package python3-jsonschema is not installed"
    make_tasks t 2 1
    nyx-data arc t -o d.h5 --report=a.json
    nyx-data show d.h5 --report=b.json >/dev/null
    python3 - "$BATS_TEST_DIRNAME/../../schemas" a.json b.json <<'END'
import json, sys, warnings
warnings.simplefilter("ignore")  # newer versions prefer another resolver; Debian 12 has this one only
import jsonschema
load = lambda path: json.load(open(path))
schemas = {f"{n}.schema.json": load(f"{sys.argv[1]}/{n}.schema.json") for n in ("report", "data")}
schema = schemas["data.schema.json"]
check = jsonschema.Draft202012Validator(schema, resolver=jsonschema.RefResolver("", schema, store=schemas))
for path in sys.argv[2:]:
    check.validate(load(path))
END
}
