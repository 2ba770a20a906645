bats_require_minimum_version 1.5.0
# Other programs read our HDF5 files, we read theirs: h5py, h5dump.

setup() {
    files=${BUILD:-$BATS_TEST_DIRNAME/../../build}/tests/files
    shared=${NYX_SHARED-$BATS_TEST_DIRNAME/../../../shared}
    hdf5() { "$python" "$BATS_TEST_DIRNAME/hdf5.py" "$@"; }
    python=/usr/bin/python3 # the one that Debian's h5py belongs to
    [ -x "$python" ] || python=python3
    cd "$BATS_TEST_TMPDIR"
}
need_h5py() { "$python" -c 'import h5py' 2>/dev/null || skip "no package python3-h5py"; }

@test "h5py reads every type and format that we write" {
    need_h5py
    "$files" write a.h5
    run hdf5 check a.h5
    echo "$output"
    [ "$status" -eq 0 ] && [ "$output" = ok ]
}

@test "every format decodes to the same bits by schemas/README.md" {
    need_h5py
    "$files" write a.h5
    hdf5 coded a.h5 > want
    "$files" list a.h5 | grep coded > got
    [ "$(wc -l < want)" -ge 39 ]
    diff want got
}

@test "h5dump reads it, and shows the configuration as text" {
    command -v h5dump || skip "no package hdf5-tools"
    "$files" write a.h5
    h5dump a.h5 > dump
    run h5dump -d /config a.h5
    [[ "$output" == *'{"name":"sample","width":64}'* ]]
    run h5dump -H -p a.h5
    [[ "$output" != *CHUNKED* ]] && [[ "$output" != *EXTERNAL* ]] && [[ "$output" != *COMPRESSION* ]]
}

@test "two processes, a second apart, write the same bytes" {
    "$files" write a.h5
    sleep 1.1
    "$files" write b.h5
    cmp a.h5 b.h5
}

@test "files of h5py: byte orders, chunks, deflate, fill values, booleans" {
    need_h5py
    hdf5 make a.h5 > small # floats that numpy has no type for
    hdf5 list a.h5 | LC_ALL=C sort small - > want
    "$files" foreign a.h5 > got
    [ "$(wc -l < want)" -eq 56 ]
    diff want got
}

@test "the HRM fixtures read alike in h5py and here" {
    need_h5py
    [ -d "$shared/data/hrm-parity" ] || skip "no data ../shared/data/hrm-parity"
    for f in "$shared"/data/hrm-parity/*/*.h5; do
        hdf5 list "$f" > want
        "$files" foreign "$f" > got
        [ -s want ]
        diff want got
    done
}

@test "good files of jhdf and h5py: read, or refused with one line" {
    need_h5py
    [ -f "$shared/data/hdf5/good.tar.xz" ] || skip "no data ../shared/data/hdf5"
    tar xJf "$shared/data/hdf5/good.tar.xz"
    read=0 refused=0
    for f in $(find good -type f); do
        run --separate-stderr "$files" foreign "$f"
        echo "$f: $status $stderr"
        if [ "$status" -eq 0 ]; then read=$((read + 1)); else
            [ "$status" -eq 65 ] && [ "${#stderr_lines[@]}" -eq 1 ]
            refused=$((refused + 1))
        fi
    done
    echo "$read read, $refused refused"
    [ "$read" -ge 36 ]
}
