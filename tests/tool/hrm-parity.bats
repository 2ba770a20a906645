# HRM against the fixtures of the original implementation. The fixtures are
# data beside the repository (NYX_SHARED, or ../shared); without them: skip.
bats_require_minimum_version 1.5.0

setup() {
    root="$BATS_TEST_DIRNAME/../.."
    parity="${BUILD:-$root/build}/tests/hrm-parity"
    fixtures="${NYX_SHARED-$root/../shared}/data/hrm-parity"
}

agrees() { # FOLDER [DEVICE PRECISION]
    [ -d "$fixtures/$1" ] || skip "no data $fixtures/$1"
    run --separate-stderr "$parity" "$fixtures/$1" "${@:2}"
    echo "$output" "$stderr" | grep -E 'FAIL|worst error|passed|hrm-parity:' || true
    [ "$status" -eq 0 ]
    [ -z "$stderr" ]
    [[ "${lines[-1]}" =~ ^[1-9][0-9]*\ passed,\ 0\ failed$ ]]
    [[ "$output" != *FAIL* ]]
}

@test "small: cold, warm and trained agree" { agrees small; }
@test "mid: warm and cold agree"            { agrees mid; }

@test "small, trained in bf16 and f16: within a few roundings" {
    agrees small cpu bf16
    agrees small cpu f16
}
@test "mid, trained in bf16: within a few roundings" { agrees mid cpu bf16; }

@test "weights of another start are told apart" {
    [ -d "$fixtures/small" ] || skip "no data $fixtures/small"
    folder="$BATS_TEST_TMPDIR/mixed"
    mkdir "$folder"
    cp "$fixtures/small/initial.h5" "$fixtures/small/reference.h5" "$folder/"
    # the untrained weights under the trained ones' name
    cp "$fixtures/small/initial.safetensors" "$folder/trained.safetensors"
    run "$parity" "$folder"
    [ "$status" -eq 1 ]
    [[ "${lines[-1]}" =~ passed,\ [1-9][0-9]*\ failed$ ]]
}

@test "a folder that cannot be read exits 65 with one line" {
    run --separate-stderr "$parity" "$BATS_TEST_TMPDIR/nothing"
    [ "$status" -eq 65 ]
    [ "${#stderr_lines[@]}" -eq 1 ]
    [[ "$stderr" == *"initial.h5"* ]]
}
