# nyx-bundle: hostile archives, damaged bundles, inputs that cannot be bundled.
bats_require_minimum_version 1.5.0
load refused

setup_file() {
    common_setup
    cd "$BATS_FILE_TMPDIR"
    command -v zstd > /dev/null || return 0
    "$PYTHON" "$BATS_TEST_DIRNAME/bundle.py" .
    "$PYTHON" "$BATS_TEST_DIRNAME/bundle.py" --good .
}

setup() {
    common_setup
    command -v zstd > /dev/null || skip "no package zstd"
}

# What a hostile input may use: 512 MiB of memory, five seconds of processor.
limited() { (ulimit -v ${NYX_TEST_KIB:-524288} -t 5; exec "$@"); }
bad() { refused "$1" "$2" limited nyx-bundle "${@:3}"; }

@test "hostile bundles: one line that names file and member, nothing extracted" {
    cd "$BATS_FILE_TMPDIR"
    nyx-bundle extract good.tar.zst -o good
    [ "$(cd good && find . -type f | sort | tr '\n' ' ')" = "./a.txt ./sub/b.txt " ]
    rm -r good
    [ "$(wc -l < cases)" -ge 90 ]
    while IFS='|' read -r name text; do
        bad 65 "$text" extract "$name.tar.zst" -o out.d
        [[ "$stderr" == *"'$name.tar.zst"* ]]
        bad 65 "$text" verify "$name.tar.zst"
    done < cases
    [ ! -e /etc/evil ] && [ ! -e evil ] && [ ! -e ../evil ]
}

@test "a larger limit lets through what only looks like a bomb" {
    cd "$BATS_FILE_TMPDIR"
    bad 65 "more than 1000 for each" list bomb-of-zeros.tar.zst
    bad 65 "holds 41943040 bytes, at most 1000 are allowed" list bomb-of-zeros.tar.zst --max-size=1000
    nyx-bundle verify bomb-of-zeros.tar.zst --max-size=50000000
}

@test "200 random bits turned, each in a copy: each is found" {
    head -c 5000 /dev/urandom > noise
    seq 1 3000 > numbers
    nyx-bundle create noise numbers -o b.tar.zst
    nyx-bundle verify b.tar.zst
    "$PYTHON" "$BATS_TEST_DIRNAME/bundle.py" --flip b.tar.zst 200 f
    for n in $(seq 0 199); do
        run --separate-stderr nyx-bundle verify f.$n
        echo "f.$n: $status $stderr"
        [ "$status" -eq 65 ] && [ "${#stderr_lines[@]}" -eq 1 ]
    done
}

@test "bits of headers, contents, padding and end are found without the digest at the end too" {
    seq 1 100 > numbers
    echo short > text
    nyx-bundle create numbers text -o b.tar.zst
    "$PYTHON" "$BATS_TEST_DIRNAME/bundle.py" --flip-inside b.tar.zst 100 f
    for n in $(seq 0 99); do
        run --separate-stderr nyx-bundle verify f.$n
        echo "f.$n: $status $stderr"
        [ "$status" -eq 65 ] && [ "${#stderr_lines[@]}" -eq 1 ]
    done
}

@test "bundles cut anywhere are refused" {
    seq 1 3000 > numbers
    nyx-bundle create numbers -o b.tar.zst
    size=$(stat -c %s b.tar.zst)
    for left in 0 1 4 84 85 $((size / 2)) $((size - 85)) $((size - 84)) $((size - 1)); do
        head -c "$left" b.tar.zst > cut.tar.zst
        bad 65 "cannot read 'cut.tar.zst'" verify cut.tar.zst
        bad 65 "cannot read 'cut.tar.zst'" list cut.tar.zst
    done
}

@test "other files, folders, devices, nothing" {
    seq 1 3000 > numbers
    tar cf t.tar.zst --zstd numbers
    mkdir folder.d
    mkfifo pipe
    bad 66 "cannot open 'missing.tar.zst': No such file" verify missing.tar.zst
    bad 65 "'t.tar.zst': it does not end as a bundle ends; it was cut, added to, damaged, or is something else: get it again" verify t.tar.zst
    bad 65 "'numbers': it does not end as a bundle ends" list numbers
    bad 65 "'folder.d': it is a folder" verify folder.d
    bad 65 "'pipe': it is no regular file" verify pipe
    bad 65 "'/dev/null': it is no regular file" verify /dev/null
}

@test "what cannot be bundled is named" {
    mkdir run
    echo a > run/a
    ln -s a run/link
    bad 65 "cannot bundle 'run/link': it is a symbolic link" create run -o out.tar.zst
    bad 65 "cannot bundle 'run/link': it is a symbolic link" create run/link -o out.tar.zst
    rm run/link
    mkfifo run/pipe
    bad 65 "cannot bundle 'run/pipe': it is a FIFO" create run -o out.tar.zst
    rm run/pipe
    bad 65 "cannot bundle '/dev/null': it is a device" create /dev/null -o out.tar.zst
    bad 66 "cannot read 'missing': No such file" create run missing -o out.tar.zst
    echo A > run/A
    bad 65 "'run/A' and 'run/a' have names that differ only in case" create run -o out.tar.zst
    rm run/A
    bad 65 "'run/a' and 'run/a' have one name" create run run/a -o out.tar.zst
    echo c > $'run/c\nd'
    bad 65 "cannot bundle 'run/c\\x0ad': it has a name with control characters" create run -o out.tar.zst
    rm run/c*
    echo x > "run/$(printf 'x%.0s' $(seq 120))"
    bad 65 "it has a last part of more than 100 bytes" create run -o out.tar.zst
    rm run/x*
    echo m > run/nyx-bundle.json
    bad 65 "cannot bundle 'run/nyx-bundle.json': that name is the manifest's" create run -o out.tar.zst
    mkdir nothing
    bad 65 "cannot bundle 'nothing': there is no file in it" create nothing -o out.tar.zst
}

@test "an unreadable file is named" {
    mkdir run
    echo a > run/a
    chmod 0 run/a
    if [ "$(id -u)" -eq 0 ]; then # root reads everything, unless it gives that up
        without=(setpriv --bounding-set=-dac_override,-dac_read_search)
        command -v setpriv > /dev/null && "${without[@]}" true || skip "capabilities cannot be dropped here"
        refused 66 "cannot read 'run/a': Permission denied" "${without[@]}" nyx-bundle create run -o out.tar.zst
    else
        bad 66 "cannot read 'run/a': Permission denied" create run -o out.tar.zst
    fi
}

@test "a file that grows while it is bundled is refused" {
    mkdir run
    head -c 60000000 /dev/zero > run/growing
    (while [ ! -e stop ]; do echo x >> run/growing; sleep 0.01; done) &
    writer=$!
    run --separate-stderr nyx-bundle create run -o out.tar.zst
    touch stop
    wait "$writer"
    echo "$status $stderr"
    [ "$status" -eq 65 ] && [[ "$stderr" == *"'run/growing' changes while it is bundled"* ]]
    [ -z "$(find . -name 'out.*' -o -name '.*nyx-*')" ]
}

@test "targets that exist, lie inside, cannot be made" {
    mkdir run
    echo a > run/a
    bad 64 "output 'run/b.tar.zst' would lie in 'run'" create run -o run/b.tar.zst
    bad 64 "output './run/../run/b.tar.zst' would lie in 'run/'" create run/ -o ./run/../run/b.tar.zst
    bad 64 "output 'run/r.json' would lie in 'run', which is read whole" create run -o b.tar.zst --report=run/r.json
    mkdir run/deep
    bad 64 "output 'run/deep/r.json' would lie in 'run'" create run -o b.tar.zst --report=run/deep/r.json
    rmdir run/deep
    [ ! -e run/r.json ] && [ ! -e b.tar.zst ]
    bad 64 "output 'run/a' would replace input 'run/a'" create run/a -o run/a
    bad 73 "cannot create 'no/such/b.tar.zst'" create run -o no/such/b.tar.zst
    bad 64 "-o FILE.tar.zst is needed" create run
    nyx-bundle create run -o b.tar.zst
    bad 64 "-o FOLDER is needed" extract b.tar.zst
    bad 73 "cannot create 'run': it exists" extract b.tar.zst -o run
    bad 73 "cannot create 'b.tar.zst': it exists" extract b.tar.zst -o b.tar.zst
    bad 73 "cannot create 'no/such': No such file or directory" extract b.tar.zst -o no/such
    ln -s nowhere link
    bad 73 "cannot create 'link': it exists" extract b.tar.zst -o link
    bad 73 "cannot create '': it does not name a folder" extract b.tar.zst -o ''
    bad 64 "option '--max-size' is 0" list b.tar.zst --max-size=0
    [ "$(ls -A | grep -v separate-stderr)" = $'b.tar.zst\nlink\nrun' ] && [ "$(cat run/a)" = a ]
}
