/* file, digests: the digest of the whole file comes out of reading its tensors,
 * in whatever order and however much of them was read. */
#include "file/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { TENSORS = 4, COLS = 1000 };

static char path[80];

/* Rows of each tensor; the third is longer than the reader's blocks. */
static const int64_t rows_of[TENSORS] = { 3, 40, 700, 1 };

static int write_file(void)
{
    static float row[COLS];
    nyx_writer  *file;
    char         name[32];
    int          status = nyx_writer_open(&file, path, "model");

    for (int t = 0; t < TENSORS && status == 0; t++) {
        const nyx_shape shape = nyx_shape_of(2, rows_of[t], (int64_t)COLS);

        snprintf(name, sizeof name, "/tensors/%c", 'd' - t); /* paths run against the file's order */
        status = nyx_writer_begin(file, name, t == 1 ? NYX_F16 : NYX_F32, &shape);
        for (int64_t r = 0; r < rows_of[t] && status == 0; r++) {
            for (int i = 0; i < COLS; i++)
                row[i] = (float)(t + r) + (float)i * 0.125f;
            status = nyx_writer_rows(file, row, 1);
        }
    }
    return status < 0 ? status : nyx_writer_commit(file);
}

static int read_tensor(nyx_reader *file, int64_t index)
{
    static float     rows[64 * COLS];
    const nyx_entry *entry = nyx_reader_entry(file, index);
    int              status = 0;

    for (int64_t r = 0; r < entry->shape.dims[0] && status == 0; r += 64) {
        int64_t n = entry->shape.dims[0] - r < 64 ? entry->shape.dims[0] - r : 64;

        status = nyx_reader_read_rows(file, entry, r, n, rows);
    }
    return status;
}

static void the_whole_digest_does_not_depend_on_what_is_read(void **state)
{
    static const int orders[][TENSORS + 1] = {
        { 3, 2, 1, 0, -1 }, { 0, 1, 2, 3, -1 }, { 2, -1 }, { 1, 1, 0, -1 }, { -1 }
    };
    char             hex[NYX_SHA256_HEX], expected[NYX_SHA256_HEX];
    int64_t          bytes, expected_bytes;
    nyx_reader      *file;

    (void)state;
    assert_int_equal(write_file(), 0);
    assert_int_equal(nyx_sha256_file(expected, &expected_bytes, path), 0);
    for (size_t o = 0; o < sizeof orders / sizeof *orders; o++) {
        assert_int_equal(nyx_reader_open(&file, path), 0);
        nyx_reader_digest_begin(file);
        for (int i = 0; orders[o][i] >= 0; i++)
            assert_int_equal(read_tensor(file, orders[o][i]), 0);
        assert_int_equal(nyx_reader_digest_end(file, hex, &bytes), 0);
        assert_string_equal(hex, expected);
        assert_int_equal(bytes, expected_bytes);
        for (int i = 0; i + 1 < TENSORS; i++) /* written last, lies last: sorts first */
            assert_true(nyx_reader_entry(file, i)->offset > nyx_reader_entry(file, i + 1)->offset);
        nyx_reader_close(file);
    }
}

static void a_damaged_tensor_is_told_while_the_file_is_hashed(void **state)
{
    nyx_reader *file;
    FILE       *raw;
    int64_t     offset;

    (void)state;
    assert_int_equal(write_file(), 0);
    assert_int_equal(nyx_reader_open(&file, path), 0);
    offset = nyx_reader_entry(file, 1)->offset;
    nyx_reader_close(file);
    raw = fopen(path, "r+b");
    assert_non_null(raw);
    assert_int_equal(fseek(raw, (long)offset + 1234567, SEEK_SET), 0);
    assert_int_equal(fputc(99, raw), 99);
    assert_int_equal(fclose(raw), 0);
    assert_int_equal(nyx_reader_open(&file, path), 0);
    nyx_reader_digest_begin(file);
    assert_int_equal(read_tensor(file, 3), 0);
    assert_int_equal(read_tensor(file, 1), NYX_ERR_INPUT);
    assert_non_null(strstr(nyx_error_text(), "SHA-256"));
    nyx_reader_close(file);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_whole_digest_does_not_depend_on_what_is_read),
        cmocka_unit_test(a_damaged_tensor_is_told_while_the_file_is_hashed),
    };
    int failed;

    snprintf(path, sizeof path, "/tmp/nyx-test-digest-%ld.h5", (long)getpid());
    failed = cmocka_run_group_tests_name("file_digest", tests, NULL, NULL);
    unlink(path);
    return failed;
}
