# HRM on mazes and ARC: trained a little and judged, ARC by the vote of images.

load data

setup() {
    data_setup
    configs="$BATS_TEST_DIRNAME/../../pipelines/configs"
    PYTHON=${PYTHON:-python3}
}

@test "HRM trains on mazes: the loss falls" {
    nyx-data maze --size=5 --path-least=2 --count=400 --augment=dihedral --test=50 --seed=7 -o d.h5
    nyx-train "$configs/hrm-maze.json" --data=d.h5 --steps=60 --batch=16 --seed=3 --log=l.jsonl -o m.h5 --report=t.json
    nyx-eval m.h5 --data=d.h5 --report=e.json
    [ "$(value e.json rows)" -eq 50 ]
    python3 - <<'END'
import json
loss = [json.loads(line)["loss"] for line in open("l.jsonl") if '"step"' in line and '"loss"' in line]
assert loss[-1] < 0.6 * loss[0], (loss[0], loss[-1])
END
}

@test "HRM learns exchanged colours; the vote is what the logits say" {
    $PYTHON -c 'import h5py' 2>/dev/null || skip "package python3-h5py is not installed"
    make_tasks t 20 1
    make_tasks e 10 2
    nyx-data arc t --evaluation=e --augment=20 --side=4 -o d.h5
    nyx-train "$configs/hrm-arc.json" --data=d.h5 --steps=250 --batch=32 --seed=1 -o m.h5
    nyx-eval m.h5 --data=d.h5 --vote --logits=l.h5 --report=e.json
    $PYTHON - <<'END'
import collections, h5py, json, numpy as np
data, result = h5py.File("d.h5"), json.load(open("e.json"))["result"]["vote"]
tokens = h5py.File("l.h5")["/tensors/logits"][:].argmax(axis=2)
back = [lambda g: g, lambda g: np.rot90(g, -1), lambda g: np.rot90(g, 2), lambda g: np.rot90(g, 1),
        np.fliplr, np.flipud, np.transpose, lambda g: np.fliplr(np.rot90(g, 1))]
task, transform, names = data["/puzzles/task"], data["/puzzles/transform"], json.loads(data["/puzzles/names"][()])
votes = collections.defaultdict(collections.Counter)
for row, id in enumerate(data["/test/ids"]):
    canvas = tokens[row].reshape(4, 4)
    sizes = [(h * w, -h, w) for h in range(5) for w in range(5) if (canvas[:h, :w] >= 2).all()]
    area, h, w = max(sizes)
    inverse = np.argsort(transform[id][1:])
    grid = back[transform[id][0]](inverse[canvas[:-h, :w] - 2]) if area else np.zeros((0, 0), int)
    votes[names[task[id]]][str(grid.tolist())] += 1
entries = {entry["name"]: entry for entry in result["per_task"]}
assert entries.keys() == votes.keys() and len(votes) == 10
for name, counted in votes.items():
    entry = entries[name]
    truth = str(json.load(open(f"e/{name}.json"))["test"][0]["output"])
    ranks = [count for _, count in counted.most_common()]
    assert entry["votes"] == 21 and entry["answers"] == len(ranks)
    for guesses, key in (1, "top1"), (2, "top2"):
        better = sum(count > counted[truth] for count in ranks)
        equal = sum(count == counted[truth] for count in ranks)
        if better >= guesses or not counted[truth]:
            assert entry[key] == 0
        elif better + equal <= guesses:  # ties are broken by q, which is not in the file
            assert entry[key] == 1
for key in "top1", "top2":
    assert abs(result[key] - np.mean([entry[key] for entry in entries.values()])) < 1e-12
assert result["top2"] >= 0.6, result
END
    run nyx-eval m.h5 --data=d.h5 --vote
    [[ "$output" == *"vote of 210 rows on 10 tasks: top-1 "* ]]
    nyx-eval m.h5 --data=d.h5 --vote --threads=1 --report=f.json >/dev/null
    python3 -c 'import json; a, b = (json.load(open(f))["result"]["vote"] for f in ("e.json", "f.json")); assert a == b'
    python3 -c 'import jsonschema' 2>/dev/null || return 0
    python3 - "$BATS_TEST_DIRNAME/../../schemas" e.json <<'END'
import json, sys, warnings
warnings.simplefilter("ignore")  # newer versions prefer another resolver; Debian 12 has this one only
import jsonschema
load = lambda path: json.load(open(path))
schemas = {f"{n}.schema.json": load(f"{sys.argv[1]}/{n}.schema.json") for n in ("report", "eval")}
schema = schemas["eval.schema.json"]
jsonschema.Draft202012Validator(schema, resolver=jsonschema.RefResolver("", schema, store=schemas)).validate(load(sys.argv[2]))
END
}

@test "a vote without what it needs is refused" {
    nyx-data maze --size=5 --count=40 -o d.h5
    nyx-train "$configs/hrm-maze.json" --data=d.h5 --steps=1 --batch=8 -o m.h5
    run nyx-eval m.h5 --data=d.h5 --vote --report=r.json
    [ "$status" -eq 65 ]
    [ "$output" = "nyx-eval: cannot vote on 'd.h5': a dataset of kind 'maze' with rows of 25 tokens holds no ARC tasks" ]
    run nyx-eval m.h5 --data=d.h5 --vote --rows=3
    [ "$status" -eq 64 ]
    run nyx-eval m.h5 --data=d.h5 --vote --split=train
    [ "$status" -eq 64 ]
}
