/* file, datasets: rows come back, values outside their range do not pass. */
#include "file/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { ROWS = 3, TESTS = 2, LENGTH = 4 };

static char path[80];

static void fill(nyx_dataset *d)
{
    static int32_t inputs[ROWS * LENGTH], targets[ROWS * LENGTH], ids[ROWS];
    static float   rating[ROWS];

    for (int i = 0; i < ROWS * LENGTH; i++) {
        inputs[i] = i % 6;
        targets[i] = i % 5 == 2 ? -100 : i % 6;
    }
    for (int i = 0; i < ROWS; i++) {
        ids[i] = i % 2;
        rating[i] = (float)i / 4;
    }
    *d = (nyx_dataset) { .kind = "sudoku", .length = LENGTH, .vocabulary = 6, .ignore = -100, .puzzles = 2,
                         .train = { .rows = ROWS, .inputs = inputs, .targets = targets, .ids = ids, .rating = rating },
                         .test = { .rows = TESTS, .inputs = inputs, .targets = targets } };
}

static void assert_split(const struct nyx_split *a, const struct nyx_split *b)
{
    assert_int_equal(a->rows, b->rows);
    assert_memory_equal(a->inputs, b->inputs, (size_t)a->rows * LENGTH * 4);
    assert_memory_equal(a->targets, b->targets, (size_t)a->rows * LENGTH * 4);
    assert_true(!a->ids == !b->ids && !a->rating == !b->rating);
    if (a->ids)
        assert_memory_equal(a->ids, b->ids, (size_t)a->rows * 4);
    if (a->rating)
        assert_memory_equal(a->rating, b->rating, (size_t)a->rows * 4);
}

static void rows_come_back(void **state)
{
    static const int64_t tests[] = { TESTS, 0 };
    nyx_dataset          d, back;

    (void)state;
    for (int i = 0; i < 2; i++) {
        fill(&d);
        d.test.rows = tests[i];
        if (tests[i] == 0)
            d.test.inputs = d.test.targets = NULL;
        assert_int_equal(nyx_dataset_write(&d, path, "nyx-test", NULL), 0);
        assert_int_equal(nyx_dataset_read(&back, path), 0);
        assert_string_equal(back.kind, "sudoku");
        assert_true(back.length == LENGTH && back.vocabulary == 6 && back.ignore == -100 && back.puzzles == 2);
        assert_split(&d.train, &back.train);
        if (tests[i])
            assert_split(&d.test, &back.test);
        assert_int_equal(back.test.rows, tests[i]);
        nyx_dataset_release(&back);
    }
}

static void spoil_input(nyx_dataset *d) { d->train.inputs[5] = 6; }
static void spoil_negative(nyx_dataset *d) { d->train.inputs[5] = -1; }
static void spoil_ignored_input(nyx_dataset *d) { d->train.inputs[5] = -100; }
static void spoil_target(nyx_dataset *d) { d->train.targets[11] = 7; }
static void spoil_ignore(nyx_dataset *d) { d->ignore = -1; }
static void spoil_id(nyx_dataset *d) { d->train.ids[2] = 2; }
static void spoil_vocabulary(nyx_dataset *d) { d->vocabulary = 0; }
static void spoil_puzzles(nyx_dataset *d) { d->puzzles = -1; }

static void values_out_of_range_are_refused(void **state)
{
    static const struct { void (*spoil)(nyx_dataset *); const char *part; } rows[] = {
        { spoil_input, "'/train/inputs' has the value 6 in row 1; 0 to 5 are allowed" },
        { spoil_negative, "'/train/inputs' has the value -1 in row 1" },
        { spoil_ignored_input, "'/train/inputs' has the value -100 in row 1" },
        { spoil_target, "'/train/targets' has the value 7 in row 2" },
        { spoil_ignore, "'/train/targets' has the value -100 in row 0" },
        { spoil_id, "'/train/ids' has the value 2 in row 2; 0 to 1 are allowed" },
        { spoil_vocabulary, "vocabulary 0" },
        { spoil_puzzles, "puzzles -1" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        nyx_dataset d, back;

        fill(&d);
        rows[i].spoil(&d);
        assert_int_equal(nyx_dataset_write(&d, path, NULL, NULL), 0);
        assert_int_equal(nyx_dataset_read(&back, path), NYX_ERR_INPUT);
        if (!strstr(nyx_error_text(), rows[i].part))
            fail_msg("sentence \"%s\", part \"%s\" expected", nyx_error_text(), rows[i].part);
        assert_null(back.train.inputs);
    }
}

static void fill_variants(nyx_dataset *d)
{
    static int32_t task[2], pairs[ROWS];
    static uint8_t transform[2 * NYX_TRANSFORM_BYTES];

    fill(d);
    for (int i = 0; i < 2 * NYX_TRANSFORM_BYTES; i++)
        transform[i] = (uint8_t)(i % 11);
    for (int i = 0; i < ROWS; i++)
        pairs[i] = i;
    task[0] = -1;
    task[1] = 1;
    d->train.pairs = pairs;
    d->variants.task = task;
    d->variants.transform = transform;
    d->variants.names = nyx_json_array();
    nyx_json_push_text(d->variants.names, "one");
    nyx_json_push_text(d->variants.names, "two");
}

static void images_of_tasks_come_back(void **state)
{
    static const int32_t bad[] = { -2, 2 };
    nyx_dataset          d, back;

    (void)state;
    fill_variants(&d);
    assert_int_equal(nyx_dataset_write(&d, path, NULL, NULL), 0);
    assert_int_equal(nyx_dataset_read(&back, path), 0);
    assert_memory_equal(back.variants.task, d.variants.task, 2 * sizeof(int32_t));
    assert_memory_equal(back.variants.transform, d.variants.transform, 2 * NYX_TRANSFORM_BYTES);
    assert_memory_equal(back.train.pairs, d.train.pairs, ROWS * sizeof(int32_t));
    assert_null(back.test.pairs);
    assert_string_equal(nyx_json_text(nyx_json_item(back.variants.names, 1), ""), "two");
    nyx_dataset_release(&back);
    for (int i = 0; i < 2; i++) {
        d.variants.task[1] = bad[i];
        assert_int_equal(nyx_dataset_write(&d, path, NULL, NULL), 0);
        assert_int_equal(nyx_dataset_read(&back, path), NYX_ERR_INPUT);
        assert_non_null(strstr(nyx_error_text(), "'/puzzles/task' has the value"));
        assert_null(back.variants.task);
    }
    nyx_json_free(d.variants.names);
}

/* What write_file leaves out or changes, and the sentence it must earn. */
static int write_file(int fault)
{
    static int32_t tokens[ROWS * LENGTH];
    nyx_writer    *file;
    nyx_shape      shape = { 2, { ROWS, fault == 3 ? LENGTH - 1 : LENGTH } };
    nyx_tensor     t = nyx_tensor_view(fault == 4 ? NYX_F32 : NYX_I32, &shape, tokens);
    int            status = nyx_writer_open(&file, path, fault == 0 ? "model" : "dataset");

    for (int s = 0; s < 2 && status == 0; s++) {
        const char *group = s ? "/test" : "/train";
        char        name[32];

        if ((status = nyx_writer_attribute_text(file, group, "kind", s && fault == 1 ? "text" : "sudoku")) < 0 ||
            (status = nyx_writer_attribute(file, group, "length", LENGTH)) < 0 ||
            (status = nyx_writer_attribute(file, group, "vocabulary", 6 + (fault == 2 ? s : 0))) < 0 ||
            (status = nyx_writer_attribute(file, group, "ignore", -100)) < 0)
            return status;
        if (fault != 5)
            status = nyx_writer_attribute(file, group, "puzzles", 1);
        snprintf(name, sizeof name, "%s/inputs", group);
        if (status == 0)
            status = nyx_writer_tensor(file, name, &t);
        snprintf(name, sizeof name, "%s/targets", group);
        if (status == 0 && fault != 6)
            status = nyx_writer_tensor(file, name, &t);
    }
    return status < 0 ? status : nyx_writer_commit(file);
}

static void malformed_files_are_refused(void **state)
{
    static const char *const parts[] = {
        "is a model, a dataset is expected",
        "'/test' has the kind 'text', 'sudoku' expected",
        "/train and /test differ in 'vocabulary'",
        "'/train/inputs' must be there with type i32 and shape [3, 4]",
        "'/train/inputs' must be there with type i32",
        "'/train' has no attribute 'puzzles'",
        "'/train/targets' must be there",
    };
    nyx_dataset back;

    (void)state;
    for (int i = 0; i < (int)(sizeof parts / sizeof *parts); i++) {
        assert_int_equal(write_file(i), 0);
        assert_int_equal(nyx_dataset_read(&back, path), NYX_ERR_INPUT);
        if (!strstr(nyx_error_text(), parts[i]))
            fail_msg("sentence \"%s\", part \"%s\" expected", nyx_error_text(), parts[i]);
    }
    assert_int_equal(write_file(7), 0);
    assert_int_equal(nyx_dataset_read(&back, path), 0);
    nyx_dataset_release(&back);
}

/* ---- text ------------------------------------------------------------------------ */

enum { TOKENS = 700000 }; /* more than a block of either width */

static int32_t stream[TOKENS];

static void fill_text(nyx_dataset *d, int64_t vocabulary)
{
    for (int i = 0; i < TOKENS; i++)
        stream[i] = (int32_t)((int64_t)i * 7919 % vocabulary);
    *d = (nyx_dataset){
        .kind = "text",
        .vocabulary = vocabulary,
        .ignore = -1,
        .puzzles = 1,
        .train = { .tokens = stream, .token_count = TOKENS, .documents = 3, .bytes = 1 << 20, .words = 77 },
        .test = { .tokens = stream + 5, .token_count = 11, .documents = 1, .bytes = 30, .words = 2 }
    };
}

static void assert_text(const nyx_dataset *d, const nyx_dataset *back)
{
    assert_string_equal(back->kind, "text");
    assert_true(back->length == 0 && back->vocabulary == d->vocabulary && back->ignore == -1 && back->puzzles == 1);
    assert_true(back->train.rows == 0 && back->train.documents == 3 && back->train.bytes == 1 << 20 &&
                back->train.words == 77);
    assert_int_equal(back->train.token_count, TOKENS);
    assert_memory_equal(back->train.tokens, stream, sizeof stream);
    assert_true(back->test.token_count == 11 && back->test.documents == 1 && back->test.bytes == 30 &&
                back->test.words == 2);
    assert_memory_equal(back->test.tokens, stream + 5, 11 * 4);
}

static void streams_come_back(void **state)
{
    static const struct { int64_t vocabulary; enum nyx_dtype dtype; } rows[] = {
        { 7, NYX_U16 }, { 65536, NYX_U16 }, { 65537, NYX_I32 }, { 200000, NYX_I32 },
    };

    (void)state;
    for (int i = 0; i < 4; i++) {
        nyx_dataset d, back;
        nyx_reader *file;

        fill_text(&d, rows[i].vocabulary);
        d.tokenizer = nyx_json_object();
        nyx_json_set_text(d.tokenizer, "kind", "bytes");
        assert_int_equal(nyx_dataset_write(&d, path, NULL, NULL), 0);
        assert_int_equal(nyx_reader_open(&file, path), 0);
        assert_int_equal(nyx_reader_find(file, "/train/tokens")->dtype, rows[i].dtype);
        nyx_reader_close(file);
        assert_int_equal(nyx_dataset_read(&back, path), 0);
        assert_text(&d, &back);
        assert_string_equal(nyx_json_text(nyx_json_get(back.tokenizer, "kind"), ""), "bytes");
        nyx_dataset_release(&back);
        nyx_json_free(d.tokenizer);
    }
}

/* Pieces of any size give the bytes that one write gives. */
static void streams_are_written_as_they_come(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        nyx_dataset       d, back;
        nyx_token_writer *writer;
        char              whole[NYX_SHA256_HEX], pieces[NYX_SHA256_HEX];
        int64_t           bytes;

        fill_text(&d, i ? 70000 : 300);
        assert_int_equal(nyx_dataset_write(&d, path, "nyx-test", NULL), 0);
        assert_int_equal(nyx_sha256_file(whole, &bytes, path), 0);
        unlink(path);
        assert_int_equal(nyx_token_writer_open(&writer, path, d.vocabulary), 0);
        assert_int_equal(nyx_token_writer_add(writer, NYX_SIDE_TEST, stream + 5, 11), 0);
        for (int64_t at = 0, step = 1; at < TOKENS; at += step, step = step * 3 % 40009 + 1)
            assert_int_equal(nyx_token_writer_add(writer, NYX_SIDE_TRAIN, stream + at,
                                                  step < TOKENS - at ? step : TOKENS - at), 0);
        assert_int_equal(nyx_token_writer_count(writer, NYX_SIDE_TRAIN), TOKENS);
        assert_int_equal(access(path, F_OK), -1);
        assert_int_equal(nyx_token_writer_commit(writer, &d, "nyx-test", NULL), 0);
        assert_int_equal(nyx_sha256_file(pieces, &bytes, path), 0);
        assert_string_equal(whole, pieces);
        assert_int_equal(nyx_dataset_read(&back, path), 0);
        assert_text(&d, &back);
        nyx_dataset_release(&back);
    }
    assert_int_equal(nyx_token_writer_open(&(nyx_token_writer *){ NULL }, "/no/folder/x.h5", 9), NYX_ERR_CREATE);
}

static void spoil_token(nyx_dataset *d) { d->train.tokens[9] = 8; }
static void spoil_length(nyx_dataset *d) { d->length = 4; }
static void spoil_words(nyx_dataset *d) { d->test.words = -2; }

static void bad_streams_are_refused(void **state)
{
    static const struct { void (*spoil)(nyx_dataset *); const char *part; } rows[] = {
        { spoil_token, "'/train/tokens' has the value 8 at 9; 0 to 7 are allowed" },
        { spoil_length, "holds a stream of text, but says length 4" },
        { spoil_words, "'/test' says -2 words" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        nyx_dataset d, back;

        fill_text(&d, 8);
        rows[i].spoil(&d);
        assert_int_equal(nyx_dataset_write(&d, path, NULL, NULL), 0);
        assert_int_equal(nyx_dataset_read(&back, path), NYX_ERR_INPUT);
        if (!strstr(nyx_error_text(), rows[i].part))
            fail_msg("sentence \"%s\", part \"%s\" expected", nyx_error_text(), rows[i].part);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_back),
        cmocka_unit_test(values_out_of_range_are_refused),
        cmocka_unit_test(images_of_tasks_come_back),
        cmocka_unit_test(malformed_files_are_refused),
        cmocka_unit_test(streams_come_back),
        cmocka_unit_test(streams_are_written_as_they_come),
        cmocka_unit_test(bad_streams_are_refused),
    };
    int failed;

    snprintf(path, sizeof path, "/tmp/nyx-test-dataset-%ld.h5", (long)getpid());
    failed = cmocka_run_group_tests_name("file_dataset", tests, NULL, NULL);
    unlink(path);
    return failed;
}
