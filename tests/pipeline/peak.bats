# Peaks predicted out of plans against peaks measured: six of the 24
# configurations whose table stands in docs/experiments.md.
@test "predicted peaks are within 2 % or 4 MiB of measured ones" {
    PATH="${BUILD:-$BATS_TEST_DIRNAME/../../build}:$PATH"
    run "$BATS_TEST_DIRNAME/peak.sh" "$BATS_TEST_TMPDIR" hrm-again hrm-bf16 hrm-micro transformer lm-again gpt2
    echo "$output"
    [ "$status" -eq 0 ]
    [ "$(grep -c MiB, <<< "$output")" -eq 6 ]
}
