# nyx-eval: what must be refused, each beside the same thing made right.
bats_require_minimum_version 1.5.0
load refused

setup_file() {
    common_setup
    cd "$BATS_FILE_TMPDIR"
    make_inputs
    nyx-quantize m.h5 --format=int4:g16 -o q.h5 --quiet
}

setup() { common_setup c.json d.h5 d6.h5 m.h5 q.h5; }

good() { nyx-eval "$@" --logits=out.h5 -q > /dev/null; rm out.h5; }
bad() { refused "$1" "$2" nyx-eval "${@:3}" --logits=out.h5; }

@test "files that are missing, cut, damaged or of another kind, in every place" {
    good q.h5 --reference=m.h5 --data=d.h5
    while IFS='|' read -r status text file; do
        bad "$status" "$text" "$file" --data=d.h5
        bad "$status" "$text" q.h5 --reference="$file" --data=d.h5
    done < <(wrong_files m.h5)
    while IFS='|' read -r status text file; do
        bad "$status" "$text" q.h5 --data="$file"
    done < <(wrong_files d.h5)
    bad 65 "'d.h5' is a dataset, a model is expected; nyx-train makes one" d.h5 --data=d.h5
    bad 65 "'d.h5' is a dataset" q.h5 --reference=d.h5 --data=d.h5
    bad 65 "'m.h5' is a model, a dataset is expected; nyx-data makes one" q.h5 --data=m.h5
}

@test "a model of another dataset: the dataset and the difference are named" {
    bad 65 "dataset 'd6.h5' has vocabulary 8, the model 6" m.h5 --data=d6.h5
    nyx-train c.json --data=d6.h5 -o m6.h5 --quiet
    good m6.h5 --data=d6.h5
    bad 65 "dataset 'd6.h5' has vocabulary 8, the model 6" m6.h5 --reference=m.h5 --data=d6.h5
}

@test "models: values, shapes, configurations that make no sense" {
    need_h5py
    edited m.h5 good.h5 'put("tensors/embed", f["tensors/embed"][()] * 2)'
    good good.h5 --data=d.h5
    while IFS='|' read -r text code; do
        edited m.h5 bad.h5 "$code"
        bad 65 "$text" bad.h5 --data=d.h5
        bad 65 "$text" q.h5 --reference=bad.h5 --data=d.h5
    done <<'CASES'
'bad.h5': tensor '/tensors/embed' holds a NaN at [2, 3]; a model must be finite|x = f["tensors/embed"][()]; x[2, 3] = np.nan; put("tensors/embed", x)
'bad.h5': tensor '/tensors/H.0.mlp.down' holds an infinity at [5, 0]|x = f["tensors/H.0.mlp.down"][()]; x[5, 0] = -np.inf; put("tensors/H.0.mlp.down", x)
'bad.h5': tensor '/tensors/embed' is [5, 16], the configuration asks for [6, 16]|put("tensors/embed", f["tensors/embed"][()][:5])
'bad.h5': tensor '/tensors/embed' is [16, 6], the configuration asks for [6, 16]|put("tensors/embed", f["tensors/embed"][()].T)
'bad.h5' has no tensor '/tensors/embed', which the configuration asks for|del f["tensors/embed"]
'bad.h5' has no /config; it is not a model that nyx-train wrote|del f["config"]
unknown key 'model.haeds'; did you mean 'heads'?|text("config", lambda t: t.replace("heads", "haeds"))
'model.heads' is "two", integer expected|text("config", lambda t: t.replace('"heads":2', '"heads":"two"'))
model.heads 3 does not divide model.width 16|text("config", lambda t: t.replace('"heads":2', '"heads":3'))
the configuration asks for|text("config", lambda t: t.replace('"width":16', '"width":65536'))
'bad.h5:/config': line 1, column 2|text("config", lambda t: "{" + t)
its /config lacks 'data'; it is not a trained model|text("config", lambda t: __import__("re").sub(r'"data":\{[^}]*\},', "", t))
do not match their SHA-256|f["tensors/embed"][0, 0] += 1
CASES
}

@test "coded models: scales that are no numbers, planes of the wrong size" {
    need_h5py
    while IFS='|' read -r text code; do
        edited q.h5 bad.h5 "p = 'tensors/H.0.mlp.down'; $code"
        bad 65 "$text" bad.h5 --data=d.h5
    done <<'CASES'
'/tensors/H.0.mlp.down'|x = f[p + "/scales"][()]; x[0] = np.nan; put(p + "/scales", x)
'/tensors/H.0.mlp.down' has|put(p + "/codes", f[p + "/codes"][()][:-1])
unknown format 'int5:g16'|f[p].attrs["format"] = np.bytes_("int5:g16")
CASES
}

@test "datasets: tokens out of range, shapes, facts, ratings" {
    need_h5py
    edited d.h5 good.h5 'put("test/targets", f["test/targets"][()][::-1])'
    good m.h5 --data=good.h5
    while IFS='|' read -r text code; do
        edited d.h5 bad.h5 "$code"
        bad 65 "$text" m.h5 --data=bad.h5
    done <<'CASES'
'bad.h5': '/test/targets' has the value 77 in row 2; 0 to 5 are allowed|x = f["test/targets"][()]; x[2, 3] = 77; put("test/targets", x)
'bad.h5': '/test/inputs' has the value -1 in row 0|x = f["test/inputs"][()]; x[0, 0] = -1; put("test/inputs", x)
'bad.h5': '/test/targets' must be there with type i32 and shape [10, 16]|put("test/targets", f["test/targets"][()][:, :15])
'bad.h5': '/train/inputs' must be there|del f["train/inputs"]
'bad.h5': /train and /test differ in 'length'|f["test"].attrs["length"] = 15
has the kind 'other'|f["test"].attrs["kind"] = np.bytes_("other")
'/test/rating' is nan in row 2|x = f["test/rating"][()]; x[2] = np.nan; put("test/rating", x)
there is nothing to score: every target is the ignore label|x = f["test/targets"][()]; x[:] = f["test"].attrs["ignore"]; put("test/targets", x)
CASES
    nyx-data sudoku --size=4 --count=20 --test=0 -o none.h5
    bad 65 "'none.h5' has no rows in its test split" m.h5 --data=none.h5
    good m.h5 --data=none.h5 --split=train
}

@test "the command line" {
    bad 64 "MODEL.h5 is missing" --data=d.h5
    bad 64 "'--data=DATA.h5' is missing" m.h5
    bad 64 "'--rows' is 0, at least 1" m.h5 --data=d.h5 --rows=0
    bad 64 "'--segments' is 0, at least 1" m.h5 --data=d.h5 --segments=0
    bad 64 "'--split' is 'tets'; did you mean 'test'?" m.h5 --data=d.h5 --split=tets
    bad 64 "--preservation-least needs --reference=MODEL.h5" m.h5 --data=d.h5 --preservation-least=0.9
    bad 64 "'--preservation-least' is -1, at least 0" m.h5 --reference=m.h5 --data=d.h5 --preservation-least=-1
    bad 64 "'--preservation-least' is 'nan', a number expected" m.h5 --reference=m.h5 --data=d.h5 --preservation-least=nan
    bad 64 "'--threads' is -1" m.h5 --data=d.h5 --threads=-1
    bad 64 "no device" m.h5 --data=d.h5 --device=gpu
    bad 69 "device" m.h5 --data=d.h5 --device=vulkan:7
}

@test "targets that are inputs, cannot be made or filled" {
    cp m.h5 mine.h5
    before=$(sha256sum < mine.h5)
    for target in mine.h5 ./mine.h5 "$PWD/mine.h5"; do
        refused 64 "would replace input 'mine.h5'" nyx-eval mine.h5 --data=d.h5 --logits="$target"
        refused 64 "would replace input 'mine.h5'" nyx-eval m.h5 --reference=mine.h5 --data=d.h5 --report="$target"
    done
    refused 64 "two outputs would be" nyx-eval m.h5 --data=d.h5 --logits=out.x --report=./out.x
    [ "$(sha256sum < mine.h5)" = "$before" ]
    refused 73 "cannot create 'no/such/l.h5'" nyx-eval m.h5 --data=d.h5 --logits=no/such/l.h5
    mkdir folder
    refused 73 "'folder'" nyx-eval m.h5 --data=d.h5 --logits=folder
    refused 74 "cannot write 'out.h5'" bash -c 'ulimit -f 2; exec nyx-eval m.h5 --data=d.h5 --logits=out.h5'
}
