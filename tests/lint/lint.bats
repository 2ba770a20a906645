# The tree is clean; and each rule, broken once in a small tree, complains.

setup() {
    lint=$BATS_TEST_DIRNAME/lint.sh
    cd "$BATS_TEST_TMPDIR"
    mkdir -p libnyx/base libnyx/graph libnyx/file libnyx/cli tools pipelines
    echo '#include <hdf5.h>' > libnyx/file/hdf5.c
    echo 'int main(void) { return 0; }' > tools/nyx-a.c
    "$lint" .
}

complains() {
    run "$lint" .
    echo "$output"
    [ "$status" -eq 1 ]
    [[ "$output" == *"$1"* ]]
}

@test "the tree keeps every rule" {
    "$lint" "$BATS_TEST_DIRNAME/../.."
}

@test "a lower layer may not include a higher one" {
    echo '#include "graph/graph.h"' > libnyx/base/a.c
    complains "may not include graph/"
}

@test "a folder must be in the table" {
    mkdir libnyx/new
    complains "not in the layer table"
}

@test "HDF5 stays in file/" {
    echo '#include <hdf5.h>' > tools/nyx-b.c
    complains "<hdf5|H5> belongs in"
}

@test "libarchive stays in file/" {
    echo '#include <archive.h>' > libnyx/base/a.c
    complains "<archive> belongs in"
}

@test "jansson stays in report/" {
    echo '#include <jansson.h>' > libnyx/file/a.c
    complains "<jansson> belongs in"
}

@test "Vulkan stays in device/vulkan/" {
    echo '#include <vulkan/vulkan.h>' > libnyx/graph/a.c
    complains "<vulkan/> belongs in"
}

@test "the library does not print" {
    echo 'void f(void) { printf("x"); }' > libnyx/graph/a.c
    complains "only cli/ prints"
}

@test "the library does not exit" {
    echo 'void f(void) { exit(1); }' > libnyx/graph/a.c
    complains "only cli/ prints"
}

@test "the library reads no environment" {
    echo 'void f(void) { getenv("x"); }' > libnyx/graph/a.c
    complains "only cli/ prints"
}

@test "a tool has 300 lines at most" {
    yes '' | head -n 301 > tools/nyx-b.c
    complains "301 lines, at most 300"
}

@test "a source has 600 lines at most" {
    yes '' | head -n 601 > libnyx/base/a.c
    complains "601 lines, at most 600"
}

@test "a header has 250 lines at most" {
    yes '' | head -n 251 > libnyx/base/a.h
    complains "251 lines, at most 250"
}

@test "a pipeline has 80 lines at most" {
    yes '' | head -n 81 > pipelines/a.mk
    complains "81 lines, at most 80"
}

@test "a function has 60 lines at most" {
    printf '%s\n' '{' "$(yes ';' | head -n 61)" '}' > libnyx/base/a.c
    complains "a function of 61 lines"
}

@test "nothing is left undone in silence" {
    echo '/* TO''DO later */' > libnyx/base/a.c
    complains "unfinished work"
}

@test "the top folder stays as it is" {
    mkdir vendor
    complains "vendor: does not belong"
}

@test "what is kept compiled is of its source" {
    mkdir -p shaders/spirv
    echo 'void main() {}' > shaders/a.comp
    echo "/* a.comp $(sha256sum < shaders/a.comp | cut -c1-64) */" > shaders/spirv/a.num
    "$lint" .
    echo 'void main() { }' > shaders/a.comp
    complains "made from another a.comp"
}

@test "lines of C end at column 120" {
    mkdir -p libnyx/base
    printf '/* %0114d */\n' 1 > libnyx/base/a.c
    "$lint" .
    printf '/* %0115d */\n' 1 > libnyx/base/a.c
    complains "libnyx/base/a.c:1: 121 columns"
}
