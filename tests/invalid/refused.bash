# refused.bash -- what the refusals of all programs have in common.

# refused STATUS TEXT PROGRAM ARGUMENTS... -- that status, one line with TEXT on
# stderr, nothing on stdout, no target (out.*), no temporary.
refused() {
    local want=$1 text=$2; shift 2
    run --separate-stderr "$@"
    echo "$*: status $status, $want expected; stdout: $output; stderr: $stderr; '$text' expected"
    [ "$status" -eq "$want" ]
    [ -z "$output" ]
    [ "$(grep -c . <<< "$stderr")" -eq 1 ]
    [[ "$stderr" == *"$text"* ]]
    [ -z "$(find . -name 'out.*' -o -name '.*nyx-*')" ]
}

# edited FILE NEW CODE -- an HDF5 file changed by Python, digests made right.
edited() { "$PYTHON" "$BATS_TEST_DIRNAME/edit.py" "$@"; }

need_h5py() { "$PYTHON" -c 'import h5py' 2>/dev/null || skip "no package python3-h5py"; }

# common_setup FILE... -- programs found, a folder of one's own with links to
# what setup_file made.
common_setup() {
    export PATH="${BUILD:-$BATS_TEST_DIRNAME/../../build}:$PATH"
    export PYTHON="${PYTHON:-/usr/bin/python3}"
    cd "$BATS_TEST_TMPDIR"
    for file in "$@"; do ln -s "$BATS_FILE_TMPDIR/$file" .; done
}

# A small configuration and dataset, for files that need a model.
make_inputs() {
    cat > c.json <<'JSON'
{ "model": { "width": 16, "heads": 2, "inner": 16, "h_layers": 1, "l_layers": 1, "halt_max_steps": 1 },
  "training": { "batch": 8, "steps": 2, "optimizer": { "learning_rate": 1e-2 } } }
JSON
    nyx-data sudoku --size=4 --count=40 --seed=7 --test=10 -o d.h5
    nyx-data sudoku --size=6 --count=20 --seed=7 --test=10 -o d6.h5
    nyx-train c.json --data=d.h5 -o m.h5 --quiet
}

# The wrong kinds of file that every reader of HDF5 must refuse, as
# "STATUS|TEXT|FILE", made beside GOOD.
wrong_files() { # GOOD
    : > empty.h5
    head -c 3000 "$1" > short.h5
    echo '{}' > text.h5
    mkdir -p folder.h5
    cp "$1" flipped.h5
    printf 'X' | dd of=flipped.h5 bs=1 seek=$(($(stat -L -c %s "$1") - 40)) conv=notrunc status=none
    cat <<'LIST'
66|'missing.h5': No such file or directory|missing.h5
65|'folder.h5'|folder.h5
65|'empty.h5' is empty|empty.h5
65|'short.h5'|short.h5
65|'text.h5' is not an HDF5 file|text.h5
65|'flipped.h5'|flipped.h5
LIST
}
