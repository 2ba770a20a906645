bats_require_minimum_version 1.5.0
# Files that must be refused: one line, the right exit status, nothing on stdout
# but what was read before, nothing left behind.

setup() {
    files=${BUILD:-$BATS_TEST_DIRNAME/../../build}/tests/files
    shared=${NYX_SHARED-$BATS_TEST_DIRNAME/../../../shared}
    python=/usr/bin/python3 # the one that Debian's h5py belongs to
    [ -x "$python" ] || python=python3
    cd "$BATS_TEST_TMPDIR"
}
need_h5py() { "$python" -c 'import h5py' 2>/dev/null || skip "no package python3-h5py"; }

# refused STATUS PART VERB FILE
refused() {
    run --separate-stderr "$files" "$3" "$4"
    echo "$3 $4: status $status, $1 expected: $stderr; part expected: $2"
    [ "$status" -eq "$1" ] && [ "${#stderr_lines[@]}" -eq 1 ] && [[ "$stderr" == *"$2"* ]]
}

@test "every way out of the HDF5 profile is refused by name" {
    need_h5py
    "$files" write good.h5
    "$files" read good.h5 > /dev/null
    "$python" "$BATS_TEST_DIRNAME/hdf5.py" cases > cases
    [ "$(wc -l < cases)" -ge 32 ]
    while IFS='|' read -r name code part; do
        cp good.h5 bad.h5
        "$python" "$BATS_TEST_DIRNAME/hdf5.py" "$name" bad.h5
        echo "case $name"
        refused "$code" "$part" read bad.h5
    done < cases
}

@test "missing files, folders, devices, texts" {
    refused 66 "cannot open 'none.h5': No such file or directory" read none.h5
    refused 65 "'.' is no regular file" read .
    refused 65 "'/dev/null' is no regular file" read /dev/null
    echo "hello, this is text" > text.h5
    refused 65 "'text.h5' is not an HDF5 file" read text.h5
    : > empty.h5
    refused 65 "'empty.h5' is empty" foreign empty.h5
    mkfifo pipe.h5
    refused 65 "'pipe.h5' is no regular file" read pipe.h5
}

@test "a loop of groups ends" {
    need_h5py
    "$files" write bad.h5
    "$python" "$BATS_TEST_DIRNAME/hdf5.py" group_loop bad.h5
    refused 65 "groups deep" foreign bad.h5
}

@test "no byte of another file is read through external storage" {
    need_h5py
    command -v strace || skip "no package strace"
    "$files" write bad.h5
    "$python" "$BATS_TEST_DIRNAME/hdf5.py" external_storage bad.h5
    for verb in read foreign; do
        strace -f -e trace=open,openat -o trace "$files" "$verb" bad.h5 || true
        [ -s trace ]
        run grep -c /etc/passwd trace
        [ "$output" = 0 ]
    done
}

@test "public CVE files: never a crash, never more than one line" {
    [ -f "$shared/data/hdf5/bad-cve.tar.xz" ] || skip "no data ../shared/data/hdf5"
    tar xJf "$shared/data/hdf5/bad-cve.tar.xz"
    count=0
    for f in $(find bad-cve -type f); do
        for verb in read foreign; do
            run --separate-stderr timeout 60 "$files" "$verb" "$f"
            echo "$verb $f: $status $stderr"
            [ "$status" -eq 65 ] || [ "$status" -eq 0 ]
            [ "${#stderr_lines[@]}" -le 1 ]
        done
        count=$((count + 1))
    done
    echo "$count files"
    [ "$count" -ge 80 ]
}

@test "a really full disk leaves no target and no temporary" {
    [ "$(id -u)" -eq 0 ] || skip "needs root to mount a small tmpfs"
    mkdir small
    mount -t tmpfs -o size=40k none small || skip "tmpfs cannot be mounted here"
    run --separate-stderr "$files" write small/a.h5
    left=$(ls -A small)
    umount small
    echo "$status $stderr left: $left"
    [ "$status" -eq 74 ] && [ -z "$left" ] && [[ "$stderr" == *"No space left on device"* ]]
}

@test "unwritable targets exit 73" {
    refused 73 "no/such" write no/such/a.h5
    refused 73 "'.'" write .
}

@test "archives and texts: truncated, missing, binary, folders" {
    seq 1 20000 > t.txt
    tar cf t.tar t.txt
    for pack in gzip bzip2 xz zstd; do
        command -v $pack > /dev/null || continue
        for name in t.txt t.tar; do
            $pack -c $name > whole
            head -c $(($(wc -c < whole) * 2 / 3)) whole > cut.$pack
            refused 65 "cannot read 'cut.$pack" lines cut.$pack
        done
    done
    head -c 60000 t.tar > cut.tar
    refused 65 "Truncated tar archive" lines cut.tar
    if command -v zip; then
        zip -q whole.zip t.txt
        head -c 20000 whole.zip > cut.zip
        refused 65 "cannot read 'cut.zip" lines cut.zip
    fi
    refused 66 "No such file" lines none.txt
    refused 65 "is a folder" lines .
    head -c 70000000 /dev/zero | tr '\0' x > long.txt
    refused 65 "'long.txt:1' has a line of more than 67108864 bytes" lines long.txt
}

@test "recipes: unknown keys, formats, methods, rules that say nothing" {
    while IFS='|' read -r text part; do
        echo "$text" > r.json
        refused 65 "$part" recipe r.json
    done <<'CASES'
{"rules": []}|rules
{}|rules
{"rules": [{"tensor": "*", "fromat": "int4:g32"}]}|format
{"rules": [{"tensor": "*", "format": "int5:g32"}]}|rules.0.format
{"rules": [{"tensor": "*", "format": 4}]}|rules.0.format
{"rules": [{"tensor": "*", "format": "int4:g32", "method": "best"}]}|method
{"rules": [{"tensor": "*"}]}|'rules.0' needs a format, or keep: true, and not both
{"rules": [{"tensor": "a", "keep": true}, {"tensor": "*", "keep": true, "format": "int8:channel"}]}|'rules.1'
{"rules": [{"keep": true}]}|tensor
{"rules": [{"tensor": "*", "keep": true}]} x|r.json
CASES
    refused 66 none.json recipe none.json
    echo '{"rules": [{"tensor": "*.down", "format": "int4:g32", "method": "absmax"}, {"tensor": "*head*", "keep": true}, {"tensor": "*", "format": "int8:channel"}]}' > r.json
    run "$files" recipe r.json
    [ "$status" -eq 0 ] && [ "${lines[0]}" = "*.down int4:g32 absmax" ] && [ "${lines[1]}" = "*head* keep" ]
    [ "${lines[2]}" = "* int8:channel absmax" ]
}
