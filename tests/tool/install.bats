# make install: programs run, and a program of somebody else's finds headers and
# library through pkg-config, wherever PREFIX is.
bats_require_minimum_version 1.5.0

setup_file() {
    root=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
    cd "$BATS_FILE_TMPDIR"
    # As packagers do: the tree is put together in one place, to stand in another.
    make -C "$root" --no-print-directory -s install BUILD="${BUILD:-build}" PREFIX=/opt/nyx DESTDIR="$PWD/stage"
    mkdir -p moved
    cp -R stage/opt/nyx moved/nyx
    make -C "$root" --no-print-directory -s install BUILD="${BUILD:-build}" PREFIX=/opt/nyx DESTDIR="$PWD/other"
    cat > user.c <<'C'
#include "quant/quant.h"
#include "report/report.h"

#include <stdio.h>
#include <string.h>

int main(void)
{
    const char *text = "{\"bits\": [4, 8]}";
    nyx_format  format;
    nyx_json   *json;
    char        name[NYX_FORMAT_TEXT];

    if (nyx_format_parse(&format, "int4:g32") < 0 || nyx_json_parse(&json, text, (int64_t)strlen(text), "text") < 0)
        return 1;
    nyx_format_text(name, &format);
    printf("%s %d\n", name, (int)nyx_json_int(nyx_json_get(json, "bits.1"), 0));
    return nyx_schema_check("recipe", json, "text") == 0; /* the schemas are inside; this is no recipe */
}
C
}

setup() {
    cd "$BATS_FILE_TMPDIR"
    case ${BUILD:-build} in *sanitize*) skip "a library with sanitizers needs their flags to link" ;; esac
    export PKG_CONFIG_PATH="$PWD/moved/nyx/lib/pkgconfig"
    moved=--define-variable=prefix=$PWD/moved/nyx # what the relocation comes to
}

@test "a program is compiled, linked and run with what pkg-config says" {
    [ "$(pkg-config --modversion nyx)" = "$(moved/nyx/bin/nyx-data --version | cut -d' ' -f2)" ]
    ${CC:-cc} -std=c17 -Wall -Wextra -Wpedantic -Werror $(pkg-config $moved --cflags nyx) user.c $(pkg-config $moved --libs nyx) -o user
    run ./user
    [ "$status" -eq 0 ]
    [ "$output" = "int4:g32 8" ]
}

@test "every installed header can be included alone" {
    cd moved/nyx/include/nyx
    for header in */*.h; do
        echo "$header"
        echo "#include \"$header\"" | ${CC:-cc} -std=c17 -Wall -Wextra -Werror -I. -x c -fsyntax-only -
    done
    [ "$(ls */*.h | wc -l)" -ge 14 ]
    [ -z "$(ls */internal.h 2>/dev/null)" ]
}

@test "programs run from where they were put" {
    cd "$BATS_TEST_TMPDIR"
    bin=$BATS_FILE_TMPDIR/moved/nyx/bin
    [ "$(ls "$bin" | wc -l)" -eq "$(ls "${BUILD:-$BATS_TEST_DIRNAME/../../build}"/nyx-* | wc -l)" ]
    "$bin/nyx-data" sudoku --size=4 --count=20 -o d.h5
    "$bin/nyx-data" show d.h5 > /dev/null
    for tool in "$bin"/nyx-*; do "$tool" --version > /dev/null; done
}

@test "nothing names DESTDIR, and two installations are the same bytes" {
    run grep -rl "$PWD/stage" stage
    [ -z "$output" ]
    grep -q '^prefix=/opt/nyx$' stage/opt/nyx/lib/pkgconfig/nyx.pc
    diff -r stage other
    [ -z "$(find stage -type f ! -perm -444)" ]
}

@test "every program has a manual page that groff, mandoc and man take without a word" {
    cd moved/nyx/share/man/man1
    for tool in "$BATS_FILE_TMPDIR"/moved/nyx/bin/nyx-*; do [ -s "$(basename "$tool").1" ]; done
    [ "$(ls | wc -l)" -eq "$(ls "$BATS_FILE_TMPDIR"/moved/nyx/bin | wc -l)" ]
    for command in groff mandoc; do command -v $command > /dev/null || skip "no package $command"; done
    for page in *.1; do
        echo "$page"
        [ -z "$(groff -man -ww -Tutf8 "$page" 2>&1 > /dev/null)" ]
        mandoc -Tlint "$page"
        ! command -v man > /dev/null || [ -n "$(man -l "$page" 2> /dev/null)" ]
    done
    mandoc -Tascii nyx-data.1 | col -b > text
    for word in 'nyx-data sudoku' 'COMMAND SUDOKU' '-o, --output=FILE' 'EXIT STATUS' 'docs/index.md'; do grep -qF -- "$word" text; done
    rm text
}

# A Tab, typed into an interactive bash: commands, long options, values, files.
@test "bash completes what a person begins to type" {
    cd "$BATS_TEST_TMPDIR"
    echo > data.h5
    mkdir "sub folder"
    run "${PYTHON:-/usr/bin/python3}" "$BATS_TEST_DIRNAME/typed.py" "$BATS_FILE_TMPDIR/moved/nyx/share/bash-completion/completions" \
        $'nyx-data sud\t' $'nyx-data sudoku --si\t9' $'nyx-data maze --augment=d\t' $'nyx-data maze --progress n\t' \
        $'nyx-data sudoku --import=da\t' $'nyx-train --data da\t' $'nyx-data sudoku -o da\t' $'nyx-data show da\t' \
        $'nyx-data text su\t' $'nyx-data sudoku --shuf\t' $'nyx-data sudoku --count=da\t' $'nyx-data sort da\t' \
        $'nyx-quantize --format=int4:g3\t' $'nyx-quantize --format int4:g3\t' $'nyx-quantize --meth\tab\t' \
        $'nyx-bench --op=copy,matv\t_c\t' $'nyx-eval --device=v\t da\t' $'nyx-data nonsense da\t' $'nyx-data --vers\t'
    echo "$output"
    [ "$status" -eq 0 ]
    [ "$output" = "words: <sudoku>
words: <sudoku> <--size=9>
words: <maze> <--augment=dihedral>
words: <maze> <--progress> <never>
words: <sudoku> <--import=data.h5>
words: <--data> <data.h5>
words: <sudoku> <-o> <data.h5>
words: <show> <data.h5>
words: <text> <sub folder/>
words: <sudoku> <--shuffle-labels>
words: <sudoku> <--count=da>
words: <sort> <da>
words: <--format=int4:g32>
words: <--format> <int4:g32>
words: <--method=absmax>
words: <--op=copy,matvec_coded>
words: <--device=vulkan> <data.h5>
words: <nonsense> <data.h5>
words: <--version>" ]
}

@test "the pages by task are installed, and their links lead to files" {
    cd moved/nyx/share/doc/nyx/docs
    for link in $(grep -ohE '\]\([^)#:]+\)' *.md | tr -d '])('); do
        case $link in ../libnyx/*|../tests/*|../pipelines/*|../tools/*) continue ;; esac # the source tree
        echo "$link"
        [ -e "$link" ]
    done
}
