bats_require_minimum_version 1.5.0
# Lines come out the same whatever they are packed in.

setup() {
    files=${BUILD:-$BATS_TEST_DIRNAME/../../build}/tests/files
    cd "$BATS_TEST_TMPDIR"
    # Traps: an empty line, CR LF, no end at the last line, a line that looks
    # like cpio's signature, one longer than a block.
    { printf '0707070100000000\r\n\nsecond #mtree\n'; head -c 200000 /dev/zero | tr '\0' x; printf '\nlast'; } > a.txt
    printf 'b1\nb2\n' > b.txt
    : > empty.txt
}

# want NAME...: what `files lines` prints for these members of an archive
want() {
    for prefix in "$@"; do
        name=${prefix##*(}; name=${name%)}
        sed 's/\r$//' "$name" | awk -v p="$prefix" '{ print p ":" NR "|" $0 "|" }'
    done
}

check() { # check FILE < expected
    "$files" lines "$1" > got
    diff got -
}

@test "plain, empty and compressed texts" {
    want a.txt | check a.txt
    [ -z "$("$files" lines empty.txt)" ]
    for pack in gzip bzip2 xz zstd; do
        command -v $pack > /dev/null || skip "no package $pack"
        $pack -c a.txt > packed
        want a.txt | sed 's/^a.txt/packed/' | check packed
    done
}

@test "standard input, packed or not" {
    "$files" lines - < b.txt > got
    printf -- '-:1|b1|\n-:2|b2|\n' | diff got -
    gzip -c b.txt | "$files" lines - > got
    printf -- '-:1|b1|\n-:2|b2|\n' | diff got -
}

@test "tar in every dress: regular files alone, in their order" {
    mkdir folder
    ln -s b.txt link
    for pack in cat gzip xz zstd; do
        command -v $pack > /dev/null || skip "no package $pack"
        tar cf - folder a.txt link empty.txt b.txt | $pack -c > t 2> /dev/null || tar cf - folder a.txt link empty.txt b.txt > t
        want "t(a.txt)" "t(b.txt)" | check t
    done
}

@test "zip and 7z" {
    command -v zip > /dev/null || skip "no package zip"
    zip -q t.zip a.txt b.txt
    want "t.zip(a.txt)" "t.zip(b.txt)" | check t.zip
    cat t.zip | "$files" lines - > got
    want "t.zip(a.txt)" "t.zip(b.txt)" | sed 's/^t.zip/-/' | diff got -
    command -v bsdtar > /dev/null || return 0
    bsdtar --format 7zip -cf t.7z a.txt b.txt
    want "t.7z(a.txt)" "t.7z(b.txt)" | check t.7z
}
