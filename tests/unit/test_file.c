/* file: what is written comes back to the bit; damage never passes as data; a
 * full disk leaves nothing. */
#include "file/file.h"

#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];

/* A file that could not be flushed stays open in libhdf5 (writer.c says why). */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libhdf5\n";
}

static const char *in_folder(const char *name)
{
    static char paths[4][400];
    static int  next;

    next = (next + 1) % 4;
    snprintf(paths[next], sizeof paths[next], "%s/%s", folder, name);
    return paths[next];
}

static int files_in_folder(void)
{
    DIR           *dir = opendir(folder);
    struct dirent *entry;
    int            count = 0;

    while ((entry = readdir(dir)))
        count += entry->d_name[0] != '.' || (entry->d_name[1] && entry->d_name[1] != '.');
    closedir(dir);
    return count;
}

static void clean_folder(void)
{
    DIR           *dir = opendir(folder);
    struct dirent *entry;

    while ((entry = readdir(dir)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlink(in_folder(entry->d_name));
    closedir(dir);
}

static void expect_status(int line, int status, int expected, const char *part)
{
    if (status != expected || (part && !strstr(nyx_error_text(), part)))
        fail_msg("line %d: status %d, %d expected; sentence \"%s\", part \"%s\" expected", line, status, expected,
                 nyx_error_text(), part ? part : "");
}
#define OK(call)                   expect_status(__LINE__, (call), 0, NULL)
#define FAILS(call, status, part)  expect_status(__LINE__, (call), (status), (part))

static void *whole_file(const char *path, int64_t *bytes)
{
    char *data;

    OK(nyx_file_read(&data, bytes, path, 1 << 26));
    return data;
}

static void write_bytes(const char *path, const void *data, int64_t bytes)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, (size_t)bytes, f), bytes);
    fclose(f);
}

static void assert_same_files(const char *a, const char *b)
{
    int64_t na, nb;
    void   *da = whole_file(a, &na), *db = whole_file(b, &nb);

    assert_int_equal(na, nb);
    assert_memory_equal(da, db, (size_t)na);
    nyx_free(da);
    nyx_free(db);
}

/* Bytes that are finite numbers in every element type. */
static void fill(void *data, int64_t bytes, uint64_t seed)
{
    nyx_random random;

    nyx_random_init(&random, seed, 0);
    for (int64_t i = 0; i < bytes; i++)
        ((uint8_t *)data)[i] = (uint8_t)(nyx_random_u32(&random) & 0x3f);
}

static const nyx_shape shapes[] = {
    { 0 }, { 1, { 7 } }, { 1, { 0 } }, { 2, { 3, 5 } }, { 2, { 0, 4 } }, { 3, { 2, 3, 4 } },
    { 8, { 2, 1, 2, 1, 3, 1, 1, 2 } }, { 2, { 300, 211 } },
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

/* ---- round trips -------------------------------------------------------------- */

static void sample_path(char out[64], int dtype, int shape)
{
    snprintf(out, 64, "/tensors/%s.s%d", nyx_dtype_name((enum nyx_dtype)dtype), shape);
}

/* Every element type in every shape. `streamed`: in pieces of rows. */
static int write_sample(const char *path, bool streamed)
{
    nyx_writer *file;
    char        name[64];
    int         status = nyx_writer_open(&file, path, "model");

    if (status < 0)
        return status;
    status = nyx_writer_history(file, "nyx-test 1.0 --option");
    for (int d = 0; d < NYX_DTYPE_COUNT && status == 0; d++)
        for (int s = 0; s < SHAPES && status == 0; s++) {
            nyx_tensor t;
            int64_t    cols = shapes[s].rank ? shapes[s].dims[shapes[s].rank - 1] : 1;
            int64_t    rows = nyx_shape_count(&shapes[s]) / (cols ? cols : 1);

            OK(nyx_tensor_create(&t, (enum nyx_dtype)d, &shapes[s]));
            fill(t.data, nyx_tensor_bytes(&t), (uint64_t)(d * SHAPES + s));
            sample_path(name, d, s);
            if (!streamed)
                status = nyx_writer_tensor(file, name, &t);
            else
                status = nyx_writer_begin(file, name, t.dtype, &t.shape);
            for (int64_t r = 0; streamed && r < rows && status == 0; r += 5)
                status = nyx_writer_rows(file, (char *)t.data + r * cols * nyx_dtype_bytes(t.dtype),
                                         rows - r < 5 ? rows - r : 5);
            nyx_tensor_release(&t);
        }
    if (status == 0)
        return nyx_writer_commit(file);
    nyx_writer_discard(file);
    return status;
}

static void every_type_and_shape_comes_back(void **state)
{
    nyx_reader *file;
    char        name[64];

    (void)state;
    OK(write_sample(in_folder("a.h5"), false));
    OK(nyx_reader_open(&file, in_folder("a.h5")));
    assert_string_equal(nyx_reader_kind(file), "model");
    assert_string_equal(nyx_reader_history(file), "nyx-test 1.0 --option");
    assert_int_equal(nyx_reader_count(file), NYX_DTYPE_COUNT * SHAPES);
    for (int d = 0; d < NYX_DTYPE_COUNT; d++)
        for (int s = 0; s < SHAPES; s++) {
            const nyx_entry *e;
            nyx_tensor       want, got;
            float           *f32, *rows;
            int64_t          elems = nyx_shape_count(&shapes[s]);
            int64_t          cols = shapes[s].rank ? shapes[s].dims[shapes[s].rank - 1] : 1;

            sample_path(name, d, s);
            e = nyx_reader_find(file, name);
            assert_non_null(e);
            assert_string_equal(e->name, name + strlen("/tensors/"));
            assert_int_equal(e->dtype, d);
            assert_true(nyx_shape_equal(&e->shape, &shapes[s]));
            OK(nyx_tensor_create(&want, e->dtype, &e->shape));
            OK(nyx_tensor_create(&got, e->dtype, &e->shape));
            fill(want.data, nyx_tensor_bytes(&want), (uint64_t)(d * SHAPES + s));
            OK(nyx_reader_read(file, e, got.data));
            assert_memory_equal(got.data, want.data, (size_t)nyx_tensor_bytes(&want));
            OK(nyx_alloc(&f32, elems * 4));
            OK(nyx_alloc(&rows, elems * 4));
            if (!nyx_dtype_is_real(e->dtype)) {
                FAILS(nyx_reader_read_f32(file, e, f32), NYX_ERR_INPUT, "a float type is expected");
            } else {
                nyx_convert_to_f32(e->dtype, rows, want.data, elems);
                OK(nyx_reader_read_f32(file, e, f32));
                assert_memory_equal(f32, rows, (size_t)elems * 4);
                for (int64_t r = 0; cols && r < elems / cols; r += 3)
                    OK(nyx_reader_read_rows(file, e, r, elems / cols - r < 3 ? elems / cols - r : 3, f32 + r * cols));
                assert_memory_equal(f32, rows, (size_t)elems * 4);
            }
            nyx_free(f32);
            nyx_free(rows);
            nyx_tensor_release(&want);
            nyx_tensor_release(&got);
        }
    nyx_reader_close(file);
    clean_folder();
}

static void equal_input_gives_equal_bytes(void **state)
{
    (void)state;
    OK(write_sample(in_folder("a.h5"), false));
    sleep(1); /* object times are stored in seconds */
    OK(write_sample(in_folder("b.h5"), false));
    OK(write_sample(in_folder("c.h5"), true));
    assert_same_files(in_folder("a.h5"), in_folder("b.h5"));
    assert_same_files(in_folder("a.h5"), in_folder("c.h5"));
    clean_folder();
}

static void copies_are_equal(void **state)
{
    nyx_reader *from;
    nyx_writer *to;

    (void)state;
    OK(write_sample(in_folder("a.h5"), false));
    OK(nyx_reader_open(&from, in_folder("a.h5")));
    OK(nyx_writer_open(&to, in_folder("b.h5"), "model"));
    OK(nyx_writer_history(to, nyx_reader_history(from)));
    for (int64_t i = 0; i < nyx_reader_count(from); i++)
        OK(nyx_writer_copy(to, from, nyx_reader_entry(from, i)));
    OK(nyx_writer_commit(to));
    nyx_reader_close(from);
    OK(nyx_reader_open(&from, in_folder("b.h5")));
    assert_int_equal(nyx_reader_count(from), NYX_DTYPE_COUNT * SHAPES);
    for (int64_t i = 0; i < nyx_reader_count(from); i++) {
        const nyx_entry *e = nyx_reader_entry(from, i);
        void            *memory;

        OK(nyx_alloc(&memory, e->bytes));
        OK(nyx_reader_read(from, e, memory));
        nyx_free(memory);
    }
    nyx_reader_close(from);
    clean_folder();
}

static void texts_attributes_and_history_come_back(void **state)
{
    static const char text[] = "{\"name\":\"tiny \xc3\xa9\",\"rate\":0.10000000000000001,\"width\":[1,2,3]}";
    nyx_writer *to;
    nyx_reader *from;
    nyx_json   *json, *back;
    char       *printed;
    int64_t     number;
    double      real;
    const char *got;

    (void)state;
    OK(nyx_json_parse(&json, text, (int64_t)strlen(text), "test"));
    OK(nyx_writer_open(&to, in_folder("c.h5"), "checkpoint"));
    OK(nyx_writer_json(to, "/config", json));
    OK(nyx_writer_json(to, "/state/sampler", json));
    OK(nyx_writer_attribute(to, "/state", "step", -1234567890123));
    OK(nyx_writer_attribute_text(to, "/", "note", "a b"));
    OK(nyx_writer_attribute_text(to, "/deep/er", "empty", ""));
    for (int i = 0; i < 3000; i++) {
        char line[64];

        snprintf(line, sizeof line, "nyx-test line number %d of a long history", i);
        OK(nyx_writer_history(to, line));
    }
    OK(nyx_writer_commit(to));

    OK(nyx_reader_open(&from, in_folder("c.h5")));
    assert_string_equal(nyx_reader_kind(from), "checkpoint");
    for (int i = 0; i < 2; i++) {
        OK(nyx_reader_json(from, i ? "/config" : "/state/sampler", &back));
        OK(nyx_json_print(&printed, back, 0));
        assert_string_equal(printed, text);
        nyx_free(printed);
        nyx_json_free(back);
    }
    OK(nyx_reader_json(from, "/provenance", &back));
    assert_null(back);
    OK(nyx_reader_attribute(from, "/state", "step", &number));
    assert_true(number == -1234567890123);
    OK(nyx_reader_attribute_real(from, "/state", "step", &real));
    assert_true(real == -1234567890123.0);
    OK(nyx_reader_attribute_text(from, "/", "note", &got));
    assert_string_equal(got, "a b");
    OK(nyx_reader_attribute_text(from, "/deep/er", "empty", &got));
    assert_string_equal(got, "");
    FAILS(nyx_reader_attribute(from, "/", "note", &number), NYX_ERR_INPUT, "no attribute 'note' that is an integer");
    FAILS(nyx_reader_attribute(from, "/none", "x", &number), NYX_ERR_INPUT, "'/none' has no attribute 'x'");
    got = nyx_reader_history(from);
    assert_true(strlen(got) < 61000);
    assert_memory_equal(got, "(older lines left out)\nnyx-test line number ", 44);
    assert_string_equal(strrchr(got, '\n'), "\nnyx-test line number 2999 of a long history");
    nyx_reader_close(from);
    nyx_json_free(json);
    clean_folder();
}

/* ---- coded tensors --------------------------------------------------------------- */

static void every_format_comes_back(void **state)
{
    static const nyx_shape two[] = { { 2, { 6, 96 } }, { 3, { 2, 5, 64 } } };
    enum { MOST = 2 * 5 * 96 };
    float       values[MOST], want[MOST], got[MOST];
    nyx_writer *to;
    nyx_reader *from;
    char        name[64];

    (void)state;
    for (int i = 0; i < MOST; i++)
        values[i] = (float)(nyx_sin64(i * 1.37) * (1 + i % 7));
    OK(nyx_writer_open(&to, in_folder("q.h5"), "model"));
    for (int f = 0; nyx_format_examples[f]; f++)
        for (int s = 0; s < 2; s++) {
            nyx_format format;
            nyx_coded  coded;

            OK(nyx_format_parse(&format, nyx_format_examples[f]));
            OK(nyx_coded_create(&coded, &format, &two[s]));
            nyx_coded_encode(&coded, NYX_METHOD_ABSMAX, values);
            snprintf(name, sizeof name, "/tensors/f%d.s%d", f, s);
            OK(nyx_writer_coded(to, name, &coded));
            nyx_coded_release(&coded);
        }
    OK(nyx_writer_commit(to));

    OK(nyx_reader_open(&from, in_folder("q.h5")));
    for (int f = 0; nyx_format_examples[f]; f++)
        for (int s = 0; s < 2; s++) {
            nyx_format       format;
            nyx_coded        coded;
            const nyx_entry *e;
            nyx_plane_bytes  planes;
            int64_t          elems = nyx_shape_count(&two[s]), cols = two[s].dims[two[s].rank - 1];

            OK(nyx_format_parse(&format, nyx_format_examples[f]));
            OK(nyx_coded_create(&coded, &format, &two[s]));
            nyx_coded_encode(&coded, NYX_METHOD_ABSMAX, values);
            nyx_decode_rows(want, &coded, 0, elems / cols);
            nyx_coded_release(&coded);

            snprintf(name, sizeof name, "/tensors/f%d.s%d", f, s);
            e = nyx_reader_find(from, name);
            assert_non_null(e);
            assert_true(e->coded && nyx_format_equal(&e->format, &format) && nyx_shape_equal(&e->shape, &two[s]));
            OK(nyx_format_planes(&planes, &format, &two[s]));
            assert_int_equal(e->bytes, planes.codes + planes.scales + planes.zeros + planes.globals);
            OK(nyx_reader_read_f32(from, e, got));
            assert_memory_equal(got, want, (size_t)elems * 4);
            memset(got, 0, sizeof got);
            for (int64_t r = 0; r < elems / cols; r++)
                OK(nyx_reader_read_rows(from, e, r, 1, got + r * cols));
            assert_memory_equal(got, want, (size_t)elems * 4);
        }
    OK(nyx_writer_open(&to, in_folder("r.h5"), "model"));
    for (int64_t i = 0; i < nyx_reader_count(from); i++)
        OK(nyx_writer_copy(to, from, nyx_reader_entry(from, i)));
    OK(nyx_writer_commit(to));
    nyx_reader_close(from);
    clean_folder();
}

/* ---- damage -------------------------------------------------------------------------- */

static int write_small(const char *path)
{
    static float four[4] = { 1, 2, 3, 4 };
    nyx_tensor   t = nyx_tensor_view(NYX_F32, &(nyx_shape) { 2, { 2, 2 } }, four);
    nyx_writer  *file;
    nyx_json    *json = nyx_json_object();
    int          status = nyx_writer_open(&file, path, "model");

    nyx_json_set_text(json, "text", "some words that fill a configuration");
    if (status == 0 && ((status = nyx_writer_tensor(file, "/tensors/a", &t)) < 0 ||
                        (status = nyx_writer_json(file, "/config", json)) < 0 ||
                        (status = nyx_writer_tensor(file, "/tensors/b", &t)) < 0)) {
        nyx_writer_discard(file);
        file = NULL;
    }
    nyx_json_free(json);
    return status < 0 ? status : nyx_writer_commit(file);
}

/* Read all of a small file; 0 only when everything is as it was written. */
static int read_small(const char *path)
{
    static const float four[4] = { 1, 2, 3, 4 };
    nyx_reader        *file;
    nyx_json          *json = NULL;
    float              got[4];
    int                status = nyx_reader_open(&file, path);

    if (status < 0)
        return status;
    if (nyx_reader_count(file) != 2)
        status = nyx_error_set(NYX_ERR_INPUT, "another number of tensors");
    for (int i = 0; i < 2 && status == 0; i++) {
        const nyx_entry *e = nyx_reader_find(file, i ? "/tensors/b" : "/tensors/a");

        if (!e)
            status = nyx_error_set(NYX_ERR_INPUT, "a tensor is missing");
        else if (e->shape.rank != 2 || e->shape.dims[1] != 2)
            status = nyx_error_set(NYX_ERR_INPUT, "another shape");
        else if ((status = nyx_reader_read_f32(file, e, got)) == 0)
            assert_memory_equal(got, four, sizeof got);
    }
    if (status == 0 && (status = nyx_reader_json(file, "/config", &json)) == 0 && !json)
        status = nyx_error_set(NYX_ERR_INPUT, "no configuration");
    if (status == 0)
        assert_string_equal(nyx_json_text(nyx_json_get(json, "text"), ""), "some words that fill a configuration");
    nyx_json_free(json);
    nyx_reader_close(file);
    return status;
}

static void a_flipped_bit_never_passes_as_data(void **state)
{
    int64_t bytes;
    char   *good;
    int     noticed = 0, harmless = 0;

    (void)state;
    OK(write_small(in_folder("a.h5")));
    OK(read_small(in_folder("a.h5")));
    good = whole_file(in_folder("a.h5"), &bytes);
    for (int64_t i = 0; i < bytes; i += 11) {
        int status;

        good[i] = (char)(good[i] ^ 1 << (i % 8));
        write_bytes(in_folder("b.h5"), good, bytes);
        good[i] = (char)(good[i] ^ 1 << (i % 8));
        status = read_small(in_folder("b.h5"));
        if (status != 0)
            assert_true(status == NYX_ERR_INPUT || status == NYX_ERR_UNSUPPORTED);
        noticed += status != 0;
        harmless += status == 0;
    }
    print_message("flipped bits: %d noticed, %d harmless, of %lld bytes\n", noticed, harmless, (long long)bytes);
    assert_in_range(noticed, 51, bytes);
    nyx_free(good);
    clean_folder();
}

static void a_truncated_file_is_refused(void **state)
{
    int64_t bytes;
    char   *good;

    (void)state;
    OK(write_small(in_folder("a.h5")));
    good = whole_file(in_folder("a.h5"), &bytes);
    for (int64_t n = 0; n < bytes; n += n < 128 ? 7 : 97) {
        write_bytes(in_folder("b.h5"), good, n);
        FAILS(read_small(in_folder("b.h5")), NYX_ERR_INPUT,
              n == 0 ? "is empty" : n < 9 ? "is not an HDF5 file" : "is truncated");
    }
    nyx_free(good);
    clean_folder();
}

static void values_that_are_no_numbers_are_refused(void **state)
{
    static const struct { float value; const char *part; } rows[] = {
        { NAN, "holds a NaN at [2]" }, { INFINITY, "holds an infinity at [2]" }, { -INFINITY, "an infinity" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        float       values[3] = { 0, 1, rows[i].value };
        nyx_tensor  t = nyx_tensor_view(NYX_F32, &(nyx_shape) { 1, { 3 } }, values);
        nyx_writer *to;
        nyx_reader *from;

        OK(nyx_writer_open(&to, in_folder("n.h5"), "model"));
        OK(nyx_writer_tensor(to, "/tensors/a", &t));
        OK(nyx_writer_commit(to));
        OK(nyx_reader_open(&from, in_folder("n.h5")));
        FAILS(nyx_reader_read_f32(from, nyx_reader_entry(from, 0), values), NYX_ERR_INPUT, rows[i].part);
        nyx_reader_close(from);
    }
    clean_folder();
}

/* ---- writing goes wrong ------------------------------------------------------------------ */

static void bad_names_and_targets_are_refused(void **state)
{
    static const char *const bad[] = { "a", "", "/", "/a/", "//a", "/a/../b", "/./a", "/a\nb" };
    float       one = 1;
    nyx_tensor  t = nyx_tensor_view(NYX_F32, &(nyx_shape) { 0 }, &one);
    nyx_writer *to;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        OK(nyx_writer_open(&to, in_folder("a.h5"), "model"));
        FAILS(nyx_writer_tensor(to, bad[i], &t), NYX_ERR_INPUT, "is no name for a tensor");
        nyx_writer_discard(to);
    }
    OK(nyx_writer_open(&to, in_folder("a.h5"), "model"));
    OK(nyx_writer_tensor(to, "/tensors/a", &t));
    FAILS(nyx_writer_tensor(to, "/tensors/a", &t), NYX_ERR_INPUT, "is there twice");
    nyx_writer_discard(to);
    FAILS(nyx_writer_open(&to, in_folder("no/such/a.h5"), "model"), NYX_ERR_CREATE, "no/such");
    assert_int_equal(files_in_folder(), 0);
}

/* At every limit the answer is OUTPUT, no target and no temporary. */
static void a_full_disk_leaves_nothing(void **state)
{
    struct rlimit old, now;
    struct stat   about;
    int           failed = 0;

    (void)state;
    OK(write_sample(in_folder("a.h5"), false));
    assert_int_equal(stat(in_folder("a.h5"), &about), 0);
    clean_folder();
    signal(SIGXFSZ, SIG_IGN); /* as cli/ does */
    getrlimit(RLIMIT_FSIZE, &old);
    now = old;
    for (int i = 0; i < 24; i++) {
        now.rlim_cur = (rlim_t)(i < 12 ? 97 * i * i : about.st_size * (i - 11) / 13);
        setrlimit(RLIMIT_FSIZE, &now);
        FAILS(write_sample(in_folder("a.h5"), i % 2), NYX_ERR_OUTPUT, "cannot write");
        setrlimit(RLIMIT_FSIZE, &old);
        assert_int_equal(files_in_folder(), 0);
        failed++;
    }
    OK(write_sample(in_folder("a.h5"), false));
    assert_int_equal(files_in_folder(), 1);
    print_message("full disk: %d limits below %lld bytes, all reported\n", failed, (long long)about.st_size);
    clean_folder();
}

/* The bytes on the disk are not those that were written: commit notices. */
static void commit_reads_back_what_it_publishes(void **state)
{
    float          values[600], zeros[600] = { 0 };
    nyx_tensor     t = nyx_tensor_view(NYX_F32, &(nyx_shape) { 1, { 600 } }, values);
    nyx_writer    *to;
    DIR           *dir;
    struct dirent *entry;
    int            spoiled = 0;

    (void)state;
    memset(values, 1, sizeof values);
    OK(nyx_writer_open(&to, in_folder("a.h5"), "model"));
    OK(nyx_writer_tensor(to, "/tensors/a", &t));
    dir = opendir(folder);
    while ((entry = readdir(dir))) {
        FILE *f;

        if (!strstr(entry->d_name, "a.h5") || !(f = fopen(in_folder(entry->d_name), "r+b")))
            continue;
        fseek(f, -1000, SEEK_END); /* the tensor is the last thing in it */
        spoiled += fwrite(zeros, 1, 500, f) == 500;
        fclose(f);
    }
    closedir(dir);
    assert_int_equal(spoiled, 1);
    FAILS(nyx_writer_commit(to), NYX_ERR_OUTPUT, "did not come back as it was written");
    assert_int_equal(files_in_folder(), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_and_shape_comes_back),
        cmocka_unit_test(equal_input_gives_equal_bytes),
        cmocka_unit_test(copies_are_equal),
        cmocka_unit_test(texts_attributes_and_history_come_back),
        cmocka_unit_test(every_format_comes_back),
        cmocka_unit_test(a_flipped_bit_never_passes_as_data),
        cmocka_unit_test(a_truncated_file_is_refused),
        cmocka_unit_test(values_that_are_no_numbers_are_refused),
        cmocka_unit_test(bad_names_and_targets_are_refused),
        cmocka_unit_test(a_full_disk_leaves_nothing),
        cmocka_unit_test(commit_reads_back_what_it_publishes),
    };
    int failed;

    strcpy(folder, "/tmp/nyx-test-file-XXXXXX");
    if (!mkdtemp(folder))
        return 1;
    failed = cmocka_run_group_tests_name("file", tests, NULL, NULL);
    clean_folder();
    rmdir(folder);
    return failed;
}
