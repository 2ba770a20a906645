# tap.awk -- read TAP as cmocka and bats print it; print a line for each test
# that was skipped, with its reason, and last "PASSED FAILED SKIPPED WANTING":
# WANTING are those of SKIPPED whose reason names a package.
#
#     bats    ok 3 name # skip reason
#     cmocka  reason, on a line of its own
#             not ok 3 # SKIP name

function skip(name, reason) {
    sub(/^ *(- )? */, "", name)
    sub(/^(# *)?(skipped: *)?/, "", reason)
    if (reason == "") reason = "no reason given"
    print "    skipped: " name ": " reason
    skipped++
    if (reason ~ /package/) wanting++
}

/^(not )?ok [0-9]+/ {
    rest = $0
    sub(/^(not )?ok [0-9]+/, "", rest)
    if (rest ~ /^ *(- )?# *SKIP /) {
        sub(/^ *(- )?# *SKIP */, "", rest)
        skip(rest, above)
    } else if (/^ok / && match(rest, / # *(skip|SKIP)( |$)/)) {
        reason = substr(rest, RSTART + RLENGTH)
        skip(substr(rest, 1, RSTART - 1), reason == "" ? above : reason)
    } else if (/^ok/)
        passed++
    else
        failed++
    above = ""
    next
}
!/^[0-9]+\.\.[0-9]+/ { above = $0 }
END { print passed + 0, failed + 0, skipped + 0, wanting + 0 }
