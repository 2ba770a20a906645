# nyx-quantize: inputs and recipes that must be refused, each beside the same
# one made right: one line with file and place, the status, nothing written.
bats_require_minimum_version 1.5.0

setup() {
    export PATH="${BUILD:-$BATS_TEST_DIRNAME/../../build}:$PATH"
    export PYTHON="${PYTHON:-/usr/bin/python3}"
    "$PYTHON" -c 'import h5py' 2>/dev/null || skip "no package python3-h5py"
    cd "$BATS_TEST_TMPDIR"
    echo '{ "rules": [ { "tensor": "*", "keep": true } ] }' > keep.json
}

# file NAME CODE -- a foreign model in which CODE changed the matrix w or the file f.
file() {
    "$PYTHON" - "$@" <<'PY'
import sys
import h5py
import numpy as np
with h5py.File(sys.argv[1], "w") as f:
    t = f.create_group("tensors")
    w = np.random.default_rng(5).standard_normal((64, 96)).astype("f4")
    bias = np.ones(96, "f4")
    exec(sys.argv[2])
    if "w" not in t:
        t["w"] = w
    t["bias"] = bias
PY
}

good() { nyx-quantize "$@" -o q.h5 --quiet; rm q.h5; }

refused() { # STATUS TEXT ARGUMENTS...
    local want=$1 text=$2; shift 2
    run --separate-stderr nyx-quantize "$@" -o q.h5
    echo "status $status, $want expected; stderr: $stderr; '$text' expected"
    [ "$status" -eq "$want" ]
    [ -z "$output" ]
    [ "$(grep -c . <<< "$stderr")" -eq 1 ]
    [[ "$stderr" == *"$text"* ]]
    [ ! -e q.h5 ]
    [ -z "$(find . -name '.*nyx-*')" ]
}

@test "values that are not finite: tensor and place" {
    file good.h5 pass
    good good.h5 --format=int4:g32
    file bad.h5 'w[63, 95] = np.nan'
    refused 65 "'bad.h5': tensor 'w' holds a NaN at [63, 95]; a model must be finite" bad.h5 --format=int4:g32
    refused 65 "'w' holds a NaN at [63, 95]" bad.h5 --format=int8:tensor --threads=1
    refused 65 "'w' holds a NaN at [63, 95]" bad.h5 --recipe=keep.json
    file bad.h5 'w[0, 1] = -np.inf'
    refused 65 "tensor 'w' holds an infinity at [0, 1]" bad.h5 --format=int4:g32
    file bad.h5 'bias[7] = np.nan'
    refused 65 "tensor 'bias' holds a NaN at [7]" bad.h5 --format=int4:g32
}

@test "values that the format cannot hold" {
    file good.h5 'w[1, 1] = 65504'
    good good.h5 --format=f16
    file bad.h5 'w[1, 1] = 65520'
    refused 65 "tensor 'w' holds a value beyond the range of f16; choose a format with scales, or bf16" bad.h5 --format=f16
    good bad.h5 --format=bf16
}

@test "files that are no model" {
    file good.h5 pass
    good good.h5 --format=int4:g32
    refused 66 "'missing.h5'" missing.h5 --format=int4:g32
    mkdir folder
    refused 65 "'folder'" folder --format=int4:g32
    : > empty.h5
    refused 65 "'empty.h5'" empty.h5 --format=int4:g32
    head -c 9000 good.h5 > short.h5
    refused 65 "'short.h5'" short.h5 --format=int4:g32
    echo '{}' > text.h5
    refused 65 "'text.h5'" text.h5 --format=int4:g32
    "$PYTHON" -c 'import h5py; h5py.File("none.h5", "w")["other"] = [1.0]'
    refused 65 "'none.h5'" none.h5 --format=int4:g32
    nyx-data sudoku --size=4 --count=8 -o d.h5
    refused 65 "'d.h5': the dataset file holds no tensors under /tensors/; a model file is needed" d.h5 --format=int4:g32
}

@test "a damaged model" {
    file good.h5 pass
    nyx-quantize good.h5 --recipe=keep.json -o m.h5 --quiet
    good m.h5 --format=int4:g32
    "$PYTHON" - <<'PY'
import h5py
with h5py.File("m.h5") as f:
    at = f["tensors/w"].id.get_offset() + 4 * 96 * 63
data = bytearray(open("m.h5", "rb").read())
data[at] ^= 1
open("m.h5", "wb").write(data)
PY
    refused 65 "'m.h5' is damaged: the bytes of '/tensors/w' do not match their SHA-256" m.h5 --format=int4:g32
}

@test "recipes: the path inside the document is named" {
    file good.h5 pass
    refused 66 "missing.json" good.h5 --recipe=missing.json
    while IFS='|' read -r text recipe; do
        echo "$recipe" > r.json
        refused 65 "$text" good.h5 --recipe=r.json
    done <<'CASES'
rules|{}
rules|{ "rules": [] }
rulez|{ "rulez": [ { "tensor": "*", "keep": true } ] }
rules.0|{ "rules": [ { "tensor": "*" } ] }
rules.0.tensr|{ "rules": [ { "tensr": "*", "keep": true } ] }
rules.1|{ "rules": [ { "tensor": "a", "keep": true }, { "tensor": "*", "format": "int4:g32", "keep": true } ] }
rules.1.format|{ "rules": [ { "tensor": "a", "keep": true }, { "tensor": "*", "format": "int5" } ] }
rules.0.method|{ "rules": [ { "tensor": "*", "format": "int4:g32", "method": "best" } ] }
rules.0.keep|{ "rules": [ { "tensor": "*", "keep": "yes" } ] }
r.json|{ "rules": [ { "tensor": "*", "keep": true }
CASES
    echo '{ "rules": [ { "tensor": "*", "format": "int4:g32", "method": "mse" } ] }' > r.json
    good good.h5 --recipe=r.json
}

@test "a recipe for another model" {
    file good.h5 pass
    echo '{"rules": [{"tensor": "nosuch.*", "format": "int4:g32"}, {"tensor": "other", "keep": true}]}' > r.json
    refused 65 "cannot code 'good.h5': the recipe names no tensor of it; is it for another model? Its names are such as '" \
        good.h5 --recipe=r.json
    echo '{"rules": [{"tensor": "nosuch.*", "format": "int4:g32"}, {"tensor": "*", "keep": true}]}' > r.json
    good good.h5 --recipe=r.json
}
