#!/bin/bash
# full.sh BUILD [PART...] -- what make check-full does, or parts of it. Each part
# says what it found and how long it took, and ends as failed at its limit. The
# last line is "N passed, N failed"; what the parts printed stays in BUILD/full.
#
#     check     every test                                  (tests/run.sh)
#     clang     the tree compiles with clang, warnings are errors
#     fuzz      the parsers on inputs that are made up      (tests/fuzz/run.sh)
#     thread    pool, device, a training of two threads under the thread sanitizer
#     sanitize  every test under the sanitizers of addresses and undefined behaviour
#     vulkan    every operation on Vulkan, with the validation layers, staged, narrow
#     formats   every code of every format, every float
#     tidy      clang-tidy on every source                  (.clang-tidy)
set -u
cd "$(dirname "$0")/.."
build=$1; shift
[ $# -gt 0 ] || set -- check clang fuzz thread sanitize vulkan formats tidy
: "${LIMIT:=5400}" # seconds a part may take
logs=$build/full passed=0 failed=0
export CMOCKA_MESSAGE_OUTPUT=TAP
mkdir -p "$logs"

quiet_make() { make --no-print-directory -s -j"$(nproc)" "$@"; }

# With sanitizers gcc knows less about values and warns of texts that may be cut.
CUT=-Wno-format-truncation

run_check() { quiet_make BUILD="$build" tests-build && NYX_TEST_LONG=1 tests/run.sh "$build"; }

run_clang() { quiet_make CC=clang BUILD="$build-clang" tests-build; }

run_fuzz() { quiet_make BUILD="$build" fuzz; }

# Kernels with -O1 and -g1: with more gcc takes minutes over each that a sanitizer
# watches. A data race is told on stderr and ends the program with status 66.
run_thread() {
    local at=$PWD/$build-thread scratch
    quiet_make BUILD="$at" CFLAGS="-O1 -g1 -fsanitize=thread $CUT" KERNEL_O=-O1 all "$at"/tests/test_{base,device} ||
        return
    scratch=$(mktemp -d)
    "$at"/tests/test_base && "$at"/tests/test_device &&
        "$at"/nyx-data sudoku --size=4 --count=60 --threads=2 -q -o "$scratch"/d.h5 &&
        "$at"/nyx-train pipelines/configs/hrm-tiny.json --data="$scratch"/d.h5 --steps=2 --batch=8 --threads=2 -q \
            -o "$scratch"/m.h5 &&
        "$at"/nyx-quantize "$scratch"/m.h5 --format=int4:g32 --threads=2 -q -o "$scratch"/q.h5 &&
        "$at"/nyx-eval "$scratch"/q.h5 --reference="$scratch"/m.h5 --data="$scratch"/d.h5 --threads=2 -q
    set -- $?
    rm -r "$scratch"
    return "$1"
}

# The address sanitizer reserves terabytes: tests that limit addresses do not.
run_sanitize() {
    export NYX_TEST_KIB=unlimited
    quiet_make BUILD="$build-sanitize" tests-build KERNEL_O=-O1 \
        CFLAGS="-O1 -g1 -fsanitize=address,undefined -fno-sanitize-recover=undefined $CUT" && tests/run.sh "$build-sanitize"
}

# The layers' messages go to stdout; there must be none.
run_vulkan() {
    quiet_make BUILD="$build" "$build"/tests/conformance || return
    local driver log good=0 bad=0 g b
    driver=$(.ci/mesa "$build/mesa") && [ -z "$driver" ] || export VK_DRIVER_FILES=$driver
    log=$(mktemp)
    export VK_INSTANCE_LAYERS=VK_LAYER_KHRONOS_validation
    export VK_LAYER_ENABLES=VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT
    for device in vulkan vulkan:0,staging vulkan:0,most=1048576; do
        "$build"/tests/conformance --device=$device > "$log" 2>&1
        grep -E '^FAIL|Validation|SYNC-|VUID-' "$log"
        read -r g b < <(sed -nE 's/^([0-9]+) passed, ([0-9]+) failed.*/\1 \2/p' "$log" | tail -n 1) || g=0 b=1
        good=$((good + g)) bad=$((bad + b + $(grep -cE 'VUID-|SYNC-HAZARD' "$log")))
    done
    rm -f "$log"
    echo "$good passed, $bad failed"
    [ "$bad" -eq 0 ]
}

run_formats() { quiet_make BUILD="$build" "$build"/tests/formats && "$build"/tests/formats --all; }

run_tidy() {
    quiet_make BUILD="$build" tidy | grep -E ': (error|warning): '
    return "${PIPESTATUS[0]}"
}

# Counts come from the last line that has them; a part without is one check.
for part; do
    log=$logs/$part.log started=$SECONDS
    declare -F "run_$part" > "$log" || { echo "no part is called $part" >&2; exit 64; }
    export build CUT; export -f quiet_make "run_$part"
    timeout --kill-after=10 "$LIMIT" bash -c "run_$part" > "$log" 2>&1
    status=$?
    read -r good bad < <(sed -nE 's/^([0-9]+) passed, ([0-9]+) failed.*/\1 \2/p' "$log" | tail -n 1) || good=0 bad=0
    if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then bad=1; fi
    if [ "$status" -eq 0 ] && [ $((good + bad)) -eq 0 ]; then good=1; fi
    [ "$status" -ne 124 ] || echo "stopped after $LIMIT s" >> "$log"
    printf 'full/%-10s %5d passed %3d failed %6d s\n' "$part" "$good" "$bad" $((SECONDS - started))
    if [ "$bad" -gt 0 ]; then
        grep -vE '^(ok|.*: [0-9]+ passed +0 failed)' "$log" | tail -n 60 | sed 's/^/    /'
        echo "    all of it: $log"
    fi
    passed=$((passed + good)) failed=$((failed + bad))
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
