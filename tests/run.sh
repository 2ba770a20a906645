#!/bin/bash
# run.sh BUILD -- run every test, print what failed, end with one line of
# counts. Programs speak TAP (cmocka, bats; tap.awk) or end with "N passed, N failed".
# NYX_TEST_STRICT=1: a skip for want of a package is a failure. NYX_TEST_LONG=1: tests
# that take a shorter way otherwise take the long one.
set -u
cd "$(dirname "$0")/.."
export BUILD=${1:-build}
[[ $BUILD = /* ]] || BUILD=$PWD/$BUILD
export NYX_SHARED=${NYX_SHARED-$(cd ../shared 2>/dev/null && pwd)}
export PYTHON=${PYTHON:-/usr/bin/python3} # where distributions put their modules
if [ -z "${VK_DRIVER_FILES:-}" ]; then # software Vulkan that is new enough, if it can be had
    VK_DRIVER_FILES=$(.ci/mesa "$BUILD/mesa")
    if [ -n "$VK_DRIVER_FILES" ]; then export VK_DRIVER_FILES; else unset VK_DRIVER_FILES; fi
fi
passed=0 failed=0 skipped=0
output=$(mktemp)
trap 'rm -f "$output"' EXIT

# tap NAME COMMAND... -- count "ok" and "not ok" lines.
tap() {
    local name=$1 status started=$SECONDS; shift
    "$@" > "$output" 2>&1
    status=$?
    local good bad skip wanting
    read -r good bad skip wanting < <(awk -f tests/tap.awk "$output" | tail -n 1)
    if [ "$bad" -eq 0 ] && { [ "$status" -ne 0 ] || [ $((good + skip)) -eq 0 ]; }; then bad=1; fi
    [ "${NYX_TEST_STRICT:-0}" != 1 ] || bad=$((bad + wanting)) skip=$((skip - wanting))
    printf '%-44s %4d passed %3d failed %3d skipped %4d s\n' "$name" "$good" "$bad" "$skip" $((SECONDS - started))
    awk -f tests/tap.awk "$output" | grep '^    skipped: '
    [ "$bad" -eq 0 ] || sed 's/^/    /' "$output"
    passed=$((passed + good)) failed=$((failed + bad)) skipped=$((skipped + skip))
}

# counted NAME COMMAND... -- take the counts from the last line.
counted() {
    local name=$1 status last started=$SECONDS; shift
    "$@" > "$output" 2>&1
    status=$?
    last=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$output" | tail -n 1)
    local good bad
    good=$(echo "$last" | cut -d' ' -f1) bad=$(echo "$last" | cut -d' ' -f3)
    if [ -z "$last" ]; then good=0 bad=1; fi
    if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then bad=1; fi
    printf '%-44s %4d passed %3d failed %3d skipped %4d s\n' "$name" "$good" "$bad" 0 $((SECONDS - started))
    [ "$bad" -eq 0 ] || sed 's/^/    /' "$output"
    passed=$((passed + good)) failed=$((failed + bad))
}

export CMOCKA_MESSAGE_OUTPUT=TAP
for test in "$BUILD"/tests/test_*; do
    case $test in *.o|*.d|*.so) continue ;; esac
    [ -x "$test" ] && tap "unit/$(basename "$test")" "$test"
done
counted conformance "$BUILD/tests/conformance"
counted conformance/formats "$BUILD/tests/formats"
if "$BUILD/tests/conformance" --device=vulkan --op=fill >/dev/null 2>&1; then
    counted conformance/vulkan "$BUILD/tests/conformance" --device=vulkan --every=4 # all: make check-full
    counted conformance/vulkan-pieces "$BUILD/tests/conformance" --device=vulkan:0,most=131072 \
        --op=embedding,embedding_grad,sign_sgd,attention_cached,cache_write,add,select,swiglu,rmsnorm,cross_entropy_grad,reduce,rope,adamw
    counted conformance/vulkan-digests "$BUILD/tests/digests" --every=2 \
        --op=matmul,reduce,embedding,embedding_grad,sign_sgd,attention_cached,cross_entropy_grad,rmsnorm,add,select,random,adamw,concat
    counted conformance/vulkan-on-cpu "$BUILD/tests/conformance" --device=vulkan:0,staging,without=all --every=13
    counted conformance/vulkan-in-time "$BUILD/tests/conformance" --device=vulkan:0,slow=1000000 --every=9
else
    echo "conformance/vulkan: skipped: no Vulkan device; package mesa-vulkan-drivers"
    if [ "${NYX_TEST_STRICT:-0}" = 1 ]; then failed=$((failed + 1)); else skipped=$((skipped + 1)); fi
fi
for file in tests/lint/*.bats tests/conformance/*.bats tests/tool/*.bats tests/fault/*.bats tests/invalid/*.bats tests/interop/*.bats tests/pipeline/*.bats; do
    [ -e "$file" ] && tap "${file#tests/}" bats --tap "$file"
done

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
