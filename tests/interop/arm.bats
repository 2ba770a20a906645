# The kernels of NEON, run by qemu on any machine: what computes (base tensor quant graph
# pass device) needs no library, so the walk over all operations is cross-compiled alone.
# Objects stay in $BUILD/arm. Compiler and emulator take 270 MB, so .ci/deps does not ask
# for them: where they are missing, also where skips count, the test is skipped.
bats_require_minimum_version 1.5.0

setup_file() {
    cd "$BATS_TEST_DIRNAME/../.."
    local build=${BUILD:-$PWD/build}
    local arm=${build#"$PWD/"}/arm # as make calls its targets
    export conformance=$BATS_FILE_TMPDIR/conformance
    command -v aarch64-linux-gnu-gcc qemu-aarch64 > /dev/null || return 0
    local sources objects
    sources=$(ls libnyx/{base,tensor,quant,graph,pass,device,device/{cpu,vulkan,vulkan/kernels}}/*.c \
        tests/conformance/conformance.c tests/conformance/operations/*.c)
    objects=$(for source in libnyx/device/cpu/isa/*.c; do echo "$arm/obj/${source%.c}".{base,neon}.o; done # long ones first
              for source in libnyx/device/cpu/reference/*.c; do echo "$arm/obj/${source%.c}".{f32,f64}.o; done
              for source in $sources; do echo "$arm/obj/${source%.c}.o"; done)
    # shellcheck disable=SC2086
    make -s -j"$(nproc)" ARCH=aarch64 CC=aarch64-linux-gnu-gcc BUILD="$arm" PKG_FLAGS= CFLAGS=-O1 \
        ISA_base='-O0 -w' $objects # base is there, but not chosen
    # shellcheck disable=SC2086
    aarch64-linux-gnu-gcc -Ilibnyx $objects "$build/shaders.c" -lm -ldl -pthread -o "$conformance"
}

setup() {
    command -v aarch64-linux-gnu-gcc > /dev/null || skip "not installed: gcc-aarch64-linux-gnu"
    command -v qemu-aarch64 > /dev/null || skip "not installed: qemu-user"
}

@test "operations on NEON, which is chosen unasked, are within their bounds for any number of threads" {
    run qemu-aarch64 -L /usr/aarch64-linux-gnu "$conformance" --device=auto --every=20
    echo "$output"
    [ "$status" -eq 0 ]
    [[ "$output" == *"device cpu:neon"* ]]
}
