# How run.sh counts what cmocka and bats print: tests/tap.awk.

count() { # TAP on stdin
    run awk -f "$BATS_TEST_DIRNAME/../tap.awk"
    echo "$output"
    [ "$status" -eq 0 ]
}

@test "a skip of cmocka is no failure, and takes its reason from the line above" {
    count <<'TAP'
1..4
ok 1 - the_first
skipped: no data vectors.tar.xz; set NYX_SHARED
not ok 2 # SKIP vectors_agree
not ok 3 # SKIP says_nothing
a figure: 3
ok 4 - the_last
TAP
    [ "${lines[0]}" = "    skipped: vectors_agree: no data vectors.tar.xz; set NYX_SHARED" ]
    [ "${lines[1]}" = "    skipped: says_nothing: no reason given" ]
    [ "${lines[2]}" = "2 0 2 0" ]
}

@test "a skip of bats has its reason behind it" {
    count <<'TAP'
1..3
ok 1 reads it back # skip no package python3-h5py
ok 2 skips a # sign that is no skip
ok 3 stays silent # skip
TAP
    [ "${lines[0]}" = "    skipped: reads it back: no package python3-h5py" ]
    [ "${lines[1]}" = "    skipped: stays silent: no reason given" ]
    [ "${lines[2]}" = "1 0 2 1" ]
}

@test "failures are failures, with reasons below or above" {
    count <<'TAP'
1..3
the package is wrong
not ok 1 - a_test_of_skips
# 1 != 2
not ok 2 prints # SKIP in its name
ok 3 - passes
TAP
    [ "${lines[0]}" = "1 2 0 0" ]
}
