# nyx-train: what must be refused, each beside the same thing made right.
bats_require_minimum_version 1.5.0
load refused

setup_file() {
    common_setup
    cd "$BATS_FILE_TMPDIR"
    make_inputs
    nyx-train c.json --data=d.h5 --steps=1 -o m.h5 --checkpoint=ck.h5 --quiet
}

setup() {
    common_setup c.json d.h5 d6.h5 m.h5
    cp "$BATS_FILE_TMPDIR/ck.h5" .
}

good() { nyx-train "$@" --data=d.h5 -o out.h5 -q; rm out.h5; }
bad() { refused "$1" "$2" nyx-train "${@:3}" -o out.h5; }

# config CODE -- bad.json: c.json changed by Python as the object c.
config() {
    "$PYTHON" -c 'import json, sys
c = json.load(open("c.json"))
m, t = c["model"], c["training"]
o = t["optimizer"]
exec(sys.argv[1])
json.dump(c, open("bad.json", "w"))' "$1"
}

@test "configurations: the path inside the document and the nearest name" {
    config 't["ema"] = 0.5'
    good bad.json
    while IFS='|' read -r text code; do
        config "$code"
        bad 65 "$text" bad.json --data=d.h5
    done <<'CASES'
'bad.json': unknown key 'modle'; did you mean 'model'?|c["modle"] = {}
key 'training' is missing|del c["training"]
unknown key 'model.haeds'; did you mean 'heads'?|m["haeds"] = 2
'model.heads' is "two", integer expected|m["heads"] = "two"
'model.heads' is 2.5, integer expected|m["heads"] = 2.5
'model.heads' is null, integer expected|m["heads"] = None
'model.heads' is 0, at least 1 expected|m["heads"] = 0
model.heads 3 does not divide model.width 16|m["heads"] = 3
model.width / model.heads is odd; rotary positions need pairs|m["heads"] = 16
'model' lacks h_layers or l_layers, which kind hrm needs|del m["h_layers"]
'model.kind' is "hrn"|m["kind"] = "hrn"
'model.layers' does not belong to kind hrm; remove it|m["layers"] = 2
'model.width' is 1000000, at most 65536 expected|m["width"] = 1000000
'training.steps' is 0, at least 1 expected|t["steps"] = 0
key 'training.optimizer.learning_rate' is missing|o.clear()
'training.optimizer.learning_rate' is -1, at least 0 expected|o["learning_rate"] = -1
unknown key 'training.optimizer.warmup_step'; did you mean 'warmup_steps'?|o["warmup_step"] = 5
'training.optimizer.kind' is "sgd"|o["kind"] = "sgd"
'training.ema' is 1, less than 1 expected|t["ema"] = 1
training.micro_batches 3 does not divide training.batch 8|t["micro_batches"] = 3
'training' is [], object expected|c["training"] = []
CASES
}

@test "texts that are no JSON" {
    : > empty.json
    head -c 60 c.json > short.json
    sed 's/"width": 16/"width": 16, "width": 16/' c.json > twice.json
    sed 's/"width": 16/"width": NaN/' c.json > nan.json
    { cat c.json; echo '{}'; } > behind.json
    head -c 100000 /dev/zero | tr '\0' '[' > deep.json
    mkdir folder
    while IFS='|' read -r status text file; do
        bad "$status" "$text" "$file" --data=d.h5
    done <<'CASES'
66|cannot read 'missing.json': No such file or directory|missing.json
65|cannot read 'folder': it is a folder|folder
65|'empty.json'|empty.json
65|cannot read 'short.json': line |short.json
65|cannot read 'twice.json': line |twice.json
65|cannot read 'nan.json': line |nan.json
65|cannot read 'behind.json': line |behind.json
65|cannot read 'deep.json': line 1|deep.json
65|cannot read 'd.h5': line 1|d.h5
CASES
}

@test "files that are missing, cut, damaged or of another kind, in every place" {
    good c.json --init=m.h5
    while IFS='|' read -r status text file; do
        bad "$status" "$text" c.json --data="$file"
    done < <(wrong_files d.h5)
    while IFS='|' read -r status text file; do
        bad "$status" "$text" c.json --data=d.h5 --init="$file"
        case $file in missing.h5 | folder.h5) continue ;; esac # starts afresh; tested as a target below
        bad "$status" "$text" c.json --data=d.h5 --checkpoint="$file" --resume
    done < <(wrong_files ck.h5)
    bad 65 "'m.h5' is a model, a dataset is expected; nyx-data makes one" c.json --data=m.h5
    bad 65 "'d.h5' has no tensor '/tensors/" c.json --data=d.h5 --init=d.h5
}

@test "a start from weights that are not finite or have other shapes" {
    need_h5py
    while IFS='|' read -r text code; do
        edited m.h5 bad.h5 "$code"
        bad 65 "$text" c.json --data=d.h5 --init=bad.h5
    done <<'CASES'
'bad.h5': tensor '/tensors/embed' holds a NaN at [2, 3]; a model must be finite|x = f["tensors/embed"][()]; x[2, 3] = np.nan; put("tensors/embed", x)
'bad.h5': tensor '/tensors/embed' is [5, 16], the configuration asks for [6, 16]|put("tensors/embed", f["tensors/embed"][()][:5])
'bad.h5' has no tensor '/tensors/embed', which the configuration asks for|del f["tensors/embed"]
CASES
    bad 65 "'m.h5': tensor '/tensors/embed' is [6, 16], the configuration asks for [8, 16]" c.json --data=d6.h5 --init=m.h5
}

@test "datasets: tokens out of range, shapes, no rows" {
    need_h5py
    while IFS='|' read -r text code; do
        edited d.h5 bad.h5 "$code"
        bad 65 "$text" c.json --data=bad.h5
    done <<'CASES'
'bad.h5': '/train/inputs' has the value 6 in row 5; 0 to 5 are allowed|x = f["train/inputs"][()]; x[5, 0] = 6; put("train/inputs", x)
'bad.h5': '/train/targets' must be there with type i32 and shape [30, 16]|put("train/targets", f["train/targets"][()][:, :15])
'bad.h5': '/train/ids' has the value 9 in row 1|x = np.zeros(30, "i4"); x[1] = 9; d = f.create_dataset("train/ids", data=x); d.attrs["nyx_dtype"] = np.bytes_("i32"); put("train/ids", x)
'bad.h5': length 0, vocabulary 6 and puzzles 1 must be positive|f["train"].attrs["length"] = f["test"].attrs["length"] = 0
'bad.h5' has no training rows|put("train/inputs", np.zeros((0, 16), "i4")); put("train/targets", np.zeros((0, 16), "i4")); put("train/rating", np.zeros(0, "f4"))
CASES
}

@test "checkpoints: of another run, damaged, senseless" {
    good c.json --steps=1 --checkpoint=ck.h5 --resume
    bad 65 "checkpoint 'ck.h5' is of another run: its seed is \"0\", not \"4\"; remove it to start afresh" c.json --data=d.h5 --steps=1 --seed=4 --checkpoint=ck.h5 --resume
    bad 65 "checkpoint 'ck.h5' is of another run: its config.training.steps is 1, not 2; remove" c.json --data=d.h5 --steps=2 --checkpoint=ck.h5 --resume
    bad 65 "checkpoint 'ck.h5' is of another run: its config.data.length is 16, not 36" c.json --data=d6.h5 --steps=1 --checkpoint=ck.h5 --resume
    bad 65 "'m2.h5' is no checkpoint; name another file" c.json --data=d.h5 --steps=1 --checkpoint="$(cp m.h5 m2.h5; echo m2.h5)" --resume
    need_h5py
    while IFS='|' read -r text code; do
        edited ck.h5 bad.h5 "$code"
        bad 65 "$text" c.json --data=d.h5 --steps=1 --checkpoint=bad.h5 --resume
    done <<'CASES'
'bad.h5': its /sampler makes no sense|text("sampler", lambda t: t.replace('"step":1', '"step":-1'))
'bad.h5': its /sampler makes no sense|text("sampler", lambda t: t.replace('"step":1', '"step":77'))
'bad.h5': its /sampler makes no sense|text("sampler", lambda t: t.replace('"position":', '"positoin":'))
'bad.h5' lacks '/tensors/embed' as this run needs it; remove it to start afresh|del f["tensors/embed"]
'bad.h5' lacks '/tensors/embed' as this run needs it|put("tensors/embed", f["tensors/embed"][()][:5])
'bad.h5' is no checkpoint|del f["digest"]
'bad.h5:/sampler': line 1|text("sampler", lambda t: t + "x")
CASES
}

@test "a checkpoint with a NaN is no place to go on from" {
    need_h5py
    edited ck.h5 bad.h5 'x = f["tensors/embed"][()]; x[2, 3] = np.nan; put("tensors/embed", x)'
    bad 65 "'bad.h5': '/tensors/embed' is not finite at [2, 3]; remove it to start afresh" c.json --data=d.h5 --steps=1 --checkpoint=bad.h5 --resume
}

@test "the command line" {
    bad 64 "CONFIG.json is missing" --data=d.h5
    bad 64 "'--data=DATA.h5' is missing" c.json
    refused 64 "'--output=MODEL.h5' is missing" nyx-train c.json --data=d.h5
    bad 64 "3 micro-batches do not divide a batch of 8" c.json --data=d.h5 --micro-batches=3
    bad 64 "need --checkpoint=FILE" c.json --data=d.h5 --resume
    bad 64 "need --checkpoint=FILE" c.json --data=d.h5 --checkpoint-every=2
    bad 64 "'--steps' is 0, at least 1" c.json --data=d.h5 --steps=0
    bad 64 "'--learning-rate' is -1, at least 0" c.json --data=d.h5 --learning-rate=-1
    bad 64 "'--learning-rate' is 'inf', a number expected" c.json --data=d.h5 --learning-rate=inf
    bad 64 "'the command line': 'training.optimizer.learning_rate' is " c.json --data=d.h5 --learning-rate=1e39
    bad 64 "'the command line': 'training.batch' is 1000000000000, at most 1048576 expected" c.json --data=d.h5 --batch=1000000000000
    bad 64 "'--checkpoint-seconds' is -5, at least 0" c.json --data=d.h5 --checkpoint=x --checkpoint-seconds=-5
    bad 69 "device" c.json --data=d.h5 --device=vulkan:7
}

@test "targets that are inputs, cannot be made or filled" {
    cp d.h5 mine.h5
    refused 64 "output 'mine.h5' would replace input 'mine.h5'" nyx-train c.json --data=mine.h5 -o mine.h5
    refused 64 "would replace input 'mine.h5'" nyx-train c.json --data=mine.h5 -o out.h5 --checkpoint=./mine.h5
    refused 64 "would replace input 'mine.h5'" nyx-train c.json --data=mine.h5 -o out.h5 --log=mine.h5
    refused 64 "two outputs would be" nyx-train c.json --data=mine.h5 -o out.h5 --checkpoint=out.h5
    cmp mine.h5 d.h5
    mkdir folder
    # Before a long training, not behind it: a million steps are not waited for.
    for target in no/such/m.h5 folder; do
        refused 73 "'$target'" timeout 20 nyx-train c.json --data=d.h5 --steps=1000000 -o "$target"
        refused 73 "'$target'" timeout 20 nyx-train c.json --data=d.h5 --steps=1000000 -o out.h5 --checkpoint="$target"
        refused 73 "'$target'" timeout 20 nyx-train c.json --data=d.h5 --steps=1000000 -o out.h5 --log="$target"
    done
    refused 74 "cannot write 'out.h5'" bash -c 'ulimit -f 2; exec nyx-train c.json --data=d.h5 -o out.h5 -q'
    refused 74 "cannot write 'ck2.h5'" bash -c 'ulimit -f 2; exec nyx-train c.json --data=d.h5 -o out.h5 -q --checkpoint=ck2.h5'
    [ ! -e ck2.h5 ]
}
