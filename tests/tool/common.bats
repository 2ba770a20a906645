# What every program promises. Runs over each one in the build folder, so a
# new tool is covered the day it compiles.
bats_require_minimum_version 1.5.0

setup() {
    build=${BUILD:-$BATS_TEST_DIRNAME/../../build}
    cd "$BATS_TEST_TMPDIR"
}

each_tool() { for tool in "$build"/nyx-*; do echo "# $tool"; "$@" "$tool"; done; }

help_is_on_stdout() {
    run --separate-stderr "$1" --help
    [ "$status" -eq 0 ] && [ -z "$stderr" ] && [[ "$output" == *"Usage: $(basename "$1")"* && "$output" == *"Exit status:"* ]]
}
version_is_one_line() {
    run "$1" --version
    [ "$status" -eq 0 ] && [ "${#lines[@]}" -eq 1 ]
}
unknown_option_is_64() {
    run --separate-stderr "$1" --no-such-option
    [ "$status" -eq 64 ] && [ -z "$output" ] && [[ "$stderr" == *"--help"* ]] && [ "$(wc -l <<< "$stderr")" -eq 1 ]
}
nothing_given_is_64() {
    run --separate-stderr "$1"
    [ "$status" -eq 64 ] && [ -z "$output" ] && [ "$(wc -l <<< "$stderr")" -eq 1 ]
}
# The manual page shows what the table says: an option with a value names its
# [default] or is (required).
every_default_is_named() {
    run "$1" --make-page=man
    [ "$status" -eq 0 ]
    awk '
        /^\.SH FILES/ { exit }
        /^\.TP/ { tag = ""; next }
        tag == "" { tag = $0; text = ""; next }
        { text = text " " $0 }
        tag ~ /\\-\\-.*=\\fI/ && !(text ~ /\[.*\]|\(required\)/) { open[tag] = 1 }
        text ~ /\[.*\]|\(required\)/ { delete open[tag] }
        END { for (tag in open) { print "no [default] and not required: " tag; bad = 1 } exit bad }' <<< "$output"
}
every_page_has_its_sections() {
    for section in NAME SYNOPSIS DESCRIPTION OPTIONS '"EXIT STATUS"' FILES EXAMPLES '"SEE ALSO"'; do
        [ "$(grep -c "^\.SH $section\$" <<< "$("$1" --make-page=man)")" -eq 1 ]
    done
    [ -n "$("$1" --make-page=man | sed -n '/^\.EX/,/^\.EE/p' | grep "$(basename "$1" | sed 's/-/\\\\-/')")" ]
}
full_stdout_is_74() {
    run bash -c '"$0" --help > /dev/full' "$1"
    [ "$status" -eq 74 ]
}
closed_streams_do_no_harm() {
    run bash -c '"$0" --version >&- 2>&-' "$1"
    [ "$status" -eq 74 ]
}

@test "--help prints usage and exit status on stdout" { each_tool help_is_on_stdout; }
@test "--version prints one line" { each_tool version_is_one_line; }
@test "an unknown option exits 64 with one line" { each_tool unknown_option_is_64; }
@test "every option with a value names its default" { each_tool every_default_is_named; }
@test "every manual page has every section, and examples" { each_tool every_page_has_its_sections; }
@test "no arguments at all exit 64 with one line" { each_tool nothing_given_is_64; }
@test "a full standard output exits 74" { each_tool full_stdout_is_74; }
@test "a closed standard output exits 74" { each_tool closed_streams_do_no_harm; }

@test "the nearest option is offered" {
    run "$build/nyx-train" --chekpoint=x
    [[ "$output" == *"did you mean '--checkpoint'"* ]]
}

@test "a report is written on failure too, and keeps its schema" {
    run "$build/nyx-eval" missing.h5 --data=missing.h5 --report=r.json
    [ "$status" -eq 66 ]
    grep -q '"status": "error"' r.json
    "$build/tests/schema-check" report r.json
}
