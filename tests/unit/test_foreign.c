/* foreign: ggml's blocks decode to ggml's own bits and move without loss; what
 * the writers write the readers read. */
#include "foreign/foreign.h"
#include "shared_data.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- blocks -------------------------------------------------------------------- */

static char *member(const char *archive, const char *name, const char *end, size_t *bytes)
{
    char command[200], file[40];

    snprintf(command, sizeof command, "tar xJOf %%s/data/vectors/%%s %s/%s%s 2>/dev/null", archive, name, end);
    snprintf(file, sizeof file, "%s.tar.xz", archive);
    return shared_output(command, file, bytes);
}

/* A coded tensor that got the blocks has the same values and gives them back. */
static void moves(const nyx_block_type *type, const char *blocks, const char *want, int64_t rows, int64_t cols)
{
    const nyx_shape shape = nyx_shape_of(2, rows, cols);
    const int64_t   bytes = rows * cols / type->elems * type->bytes;
    nyx_coded       coded;
    nyx_format      format;
    float          *values = malloc((size_t)(rows * cols) * sizeof *values);
    char           *back = malloc((size_t)bytes);

    assert_int_equal(nyx_format_parse(&format, type->format), 0);
    assert_int_equal(nyx_coded_create(&coded, &format, &shape), 0);
    nyx_block_to_coded(&coded, type, blocks, 0, rows / 2);
    nyx_block_to_coded(&coded, type, blocks + bytes / rows * (rows / 2), rows / 2, rows - rows / 2);
    assert_int_equal(nyx_coded_check(&coded), 0);
    nyx_decode_rows(values, &coded, 0, rows);
    assert_memory_equal(values, want, (size_t)(rows * cols) * sizeof *values);
    if (strcmp(type->name, "NVFP4") != 0) {
        nyx_block_from_coded(back, type, &coded, 0, rows);
        nyx_block_decode(type, values, back, rows * cols);
        assert_memory_equal(values, want, (size_t)(rows * cols) * sizeof *values);
        if (strcmp(type->name, "MXFP4") != 0) /* its negative zero became positive */
            assert_memory_equal(back, blocks, (size_t)bytes);
    }
    nyx_coded_release(&coded);
    free(values);
    free(back);
}

static int check_archive(const char *archive, int64_t rows, int64_t cols)
{
    int seen = 0;

    for (const nyx_block_type *type = nyx_block_types; type->name; type++) {
        char   name[16];
        size_t block_bytes, want_bytes;
        float *values;
        char  *blocks, *want;

        for (size_t i = 0; i <= strlen(type->name); i++) /* q4_0, q4_K */
            name[i] = (char)(type->name[i] == 'K'
                                 ? 'K'
                                 : type->name[i] | (type->name[i] >= 'A' && type->name[i] <= 'Z' ? 32 : 0));
        if (type->elems == 1)
            continue;
        blocks = member(archive, name, ".q", &block_bytes);
        want = member(archive, name, ".deq.f32", &want_bytes);
        if (!blocks || !want)
            return -1;
        if (block_bytes > 0) {
            print_message("# %s %s\n", archive, name);
            assert_int_equal(want_bytes, rows * cols * 4);
            assert_int_equal(block_bytes, rows * cols / type->elems * type->bytes);
            values = malloc(want_bytes);
            nyx_block_decode(type, values, blocks, rows * cols);
            assert_memory_equal(values, want, want_bytes);
            if (type->format)
                moves(type, blocks, want, rows, cols);
            free(values);
            seen++;
        }
        free(blocks);
        free(want);
    }
    return seen;
}

static void blocks_decode_to_the_bits_of_ggml(void **state)
{
    const int a = check_archive("ggml-A", 32, 256), c = check_archive("ggml-C", 512, 64);

    (void)state;
    if (a < 0 || c < 0) {
        print_message("skipped: no data vectors/ggml-A.tar.xz\n");
        skip();
    }
    assert_int_equal(a, 16);
    assert_int_equal(c, 8);
}

static void formats_find_their_blocks(void **state)
{
    static const struct { const char *format, *block; } pairs[] = {
        { "int4:g32", "Q4_0" }, { "int8:g32", "Q8_0" }, { "int4:g32:asym:zero=f16", "Q4_1" }, { "mxfp4", "MXFP4" },
        { "int4:g64", NULL }, { "int4:g32:scale=f32", NULL }, { "nvfp4", NULL }, { "int3:g32", NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        const nyx_block_type *type;
        nyx_format            format;

        assert_int_equal(nyx_format_parse(&format, pairs[i].format), 0);
        type = nyx_block_of_format(&format);
        assert_true(type == (pairs[i].block ? nyx_block_find(pairs[i].block) : NULL));
    }
}

/* ---- files ----------------------------------------------------------------------- */

static const float matrix[2 * 64] = { 1.5f, -2.0f, 0.25f, [63] = 3.0f, [127] = -4.0f };
static const float vector[3] = { 1.0f, 2.0f, 3.0f };

static void write_file(const char *path, enum nyx_foreign_kind kind)
{
    const nyx_shape     shape = nyx_shape_of(2, (int64_t)2, (int64_t)64), three = nyx_shape_of(1, (int64_t)3);
    nyx_foreign_writer *out;
    nyx_json           *metadata = nyx_json_object();

    nyx_json_set_text(metadata, "general.name", "t\xc3\xa9st");
    if (kind == NYX_FOREIGN_GGUF) {
        nyx_json *array = nyx_json_add_array(metadata, "scores");

        nyx_json_set_int(metadata, "count", 4000000000);
        nyx_json_set_real(metadata, "base", 10000.0);
        nyx_json_set_bool(metadata, "flag", true);
        nyx_json_push_real(array, 0.0);
        nyx_json_push_real(array, -1.5);
    }
    assert_int_equal(nyx_foreign_writer_open(&out, kind, path), 0);
    assert_int_equal(nyx_foreign_writer_metadata(out, metadata), 0);
    assert_int_equal(nyx_foreign_writer_declare(out, "b", nyx_block_find("F32"), &three), 0);
    assert_int_equal(nyx_foreign_writer_declare(out, "a.weight", nyx_block_find("F32"), &shape), 0);
    assert_int_equal(nyx_foreign_writer_append(out, vector, 5), 0);
    assert_int_equal(nyx_foreign_writer_append(out, (const char *)vector + 5, sizeof vector - 5), 0);
    assert_int_equal(nyx_foreign_writer_append(out, matrix, sizeof matrix), 0);
    assert_int_equal(nyx_foreign_writer_commit(out), 0);
    nyx_json_free(metadata);
}

static void check_file(const char *path, enum nyx_foreign_kind kind)
{
    const nyx_foreign_tensor *tensor;
    nyx_foreign              *file;
    float                     values[64];

    assert_int_equal(nyx_foreign_open(&file, path, NULL), 0);
    assert_int_equal(nyx_foreign_kind_of(file), kind);
    assert_int_equal(nyx_foreign_count(file), 2);
    assert_string_equal(nyx_foreign_tensor_at(file, 0)->name, "a.weight");
    assert_null(nyx_foreign_find(file, "c"));
    assert_non_null(tensor = nyx_foreign_find(file, "a.weight"));
    assert_true(tensor->shape.rank == 2 && tensor->shape.dims[0] == 2 && tensor->shape.dims[1] == 64);
    assert_int_equal(nyx_foreign_read_rows(file, tensor, 1, 1, values), 0);
    assert_memory_equal(values, matrix + 64, sizeof values);
    assert_int_equal(nyx_foreign_read_rows(file, nyx_foreign_find(file, "b"), 0, 1, values), 0);
    assert_memory_equal(values, vector, sizeof vector);
    assert_string_equal(nyx_json_text(nyx_json_get(nyx_foreign_metadata(file), "general.name"), ""), "t\xc3\xa9st");
    if (kind == NYX_FOREIGN_GGUF) {
        const nyx_json *m = nyx_foreign_metadata(file);

        assert_true(nyx_json_int(nyx_json_get(m, "count"), 0) == 4000000000);
        assert_true(nyx_json_real(nyx_json_get(m, "base"), 0) == 10000.0);
        assert_true(nyx_json_bool(nyx_json_get(m, "flag"), false));
        assert_true(nyx_json_real(nyx_json_item(nyx_json_get(m, "scores"), 1), 0) == -1.5);
    }
    nyx_foreign_close(file);
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    for (int kind = NYX_FOREIGN_SAFETENSORS; kind <= NYX_FOREIGN_GGUF; kind++) {
        char path[80];

        snprintf(path, sizeof path, "/tmp/nyx-foreign-%d", (int)getpid());
        write_file(path, (enum nyx_foreign_kind)kind);
        check_file(path, (enum nyx_foreign_kind)kind);
        unlink(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_decode_to_the_bits_of_ggml),
        cmocka_unit_test(formats_find_their_blocks),
        cmocka_unit_test(what_is_written_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
