/* compress: what is coded and what is kept, streaming against coding a tensor at
 * once, errors against plain loops, threads, refusals. */
#include "compress/compress.h"

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* One tensor of the model that most tests code. Its numbers come from its name. */
struct row {
    const char    *name;
    enum nyx_dtype dtype;
    int64_t        dims[3]; /* ends with 0 */
    const char    *keep;    /* under the default recipe; NULL: coded */
};
static const struct row rows[] = {
    { "H.0.attn.qkv", NYX_F32, { 96, 64 }, NULL },
    { "H.0.conv", NYX_F32, { 5, 7, 40 }, NULL },
    { "H.0.half", NYX_BF16, { 33, 48 }, NULL },
    { "H.0.large", NYX_F32, { 3001, 701 }, NULL }, /* three blocks, the last one short */
    { "H.0.narrow", NYX_F32, { 64, 15 }, "rows of fewer than 16" },
    { "H.0.norm", NYX_F32, { 2, 32 }, "kept by the recipe" },
    { "H.init", NYX_F32, { 1, 64 }, "kept by the recipe" },
    { "bias", NYX_F32, { 64 }, "no matrix" },
    { "embed", NYX_F32, { 11, 64 }, "kept by the recipe" },
    { "head", NYX_F32, { 11, 64 }, "kept by the recipe" },
    { "model.embed_tokens.weight", NYX_F64, { 9, 16 }, "kept by the recipe" },
    { "position", NYX_F16, { 9, 64 }, "kept by the recipe" },
    { "puzzle", NYX_F32, { 3, 64 }, "kept by the recipe" },
    { "table", NYX_I32, { 16, 16 }, "not of a float type" },
};
enum { ROWS = sizeof rows / sizeof *rows, LARGE = 3001 * 701 };

static char  folder[] = "/tmp/nyx-test-compress-XXXXXX";
static float values[LARGE], decoded[LARGE];

static const char *in_folder(const char *name)
{
    static char paths[4][100];
    static int  next;

    next = (next + 1) % 4;
    snprintf(paths[next], sizeof paths[next], "%s/%s", folder, name);
    return paths[next];
}

#define OK(call) ok(__LINE__, (call))
static void ok(int line, int status)
{
    if (status != 0)
        fail_msg("line %d: status %d: %s", line, status, nyx_error_text());
}

static nyx_shape shape_of(const struct row *row)
{
    nyx_shape shape = { 0 };

    while (shape.rank < 3 && row->dims[shape.rank]) {
        shape.dims[shape.rank] = row->dims[shape.rank];
        shape.rank++;
    }
    return shape;
}

/* Weights of a row, as its element type keeps them. */
static void fill(const struct row *row, float *out)
{
    const nyx_shape shape = shape_of(row);
    static uint64_t wide[LARGE];
    nyx_random      random;

    nyx_random_init(&random, 1, nyx_stream_of(row->name));
    for (int64_t i = 0; i < nyx_shape_count(&shape); i++)
        out[i] = (float)(0.1 * (nyx_random_uniform(&random) + nyx_random_uniform(&random) - 1.0));
    if (!nyx_dtype_is_real(row->dtype))
        return;
    nyx_convert_from_f32(row->dtype, wide, out, nyx_shape_count(&shape));
    nyx_convert_to_f32(row->dtype, out, wide, nyx_shape_count(&shape));
}

/* Write the model; `spoil` of a tensor's numbers becomes `with`. */
static void write_model(const char *path, const char *spoil, int64_t index, float with)
{
    static uint64_t bytes[LARGE];
    nyx_writer     *writer;

    OK(nyx_writer_open(&writer, path, "model"));
    for (int i = 0; i < ROWS; i++) {
        nyx_shape  shape = shape_of(&rows[i]);
        nyx_tensor tensor = nyx_tensor_view(rows[i].dtype, &shape, bytes);
        char       name[100];

        fill(&rows[i], values);
        if (spoil && strcmp(spoil, rows[i].name) == 0)
            values[index] = with;
        if (nyx_dtype_is_real(rows[i].dtype))
            nyx_convert_from_f32(rows[i].dtype, bytes, values, nyx_shape_count(&shape));
        else
            memset(bytes, 5, (size_t)nyx_tensor_bytes(&tensor));
        snprintf(name, sizeof name, "/tensors/%s", rows[i].name);
        OK(nyx_writer_tensor(writer, name, &tensor));
    }
    OK(nyx_writer_commit(writer));
}

static nyx_recipe recipe_of(const char *format, enum nyx_method method, bool all)
{
    nyx_format parsed;
    nyx_recipe recipe;

    OK(nyx_format_parse(&parsed, format));
    OK(nyx_compress_recipe(&recipe, &parsed, method, all));
    return recipe;
}

/* Code the model with `threads`; the plan is the caller's, the reader too. */
static int compress(nyx_compress **plan, nyx_reader **file, const char *in, const char *out,
                    const nyx_recipe *recipe, int threads)
{
    nyx_compress_options options = { 0 };
    nyx_writer          *writer;
    int                  status;

    OK(nyx_pool_create(&options.pool, threads));
    OK(nyx_reader_open(file, in));
    OK(nyx_compress_plan(plan, *file, recipe));
    OK(nyx_writer_open(&writer, out, "model"));
    status = nyx_compress_run(*plan, writer, &options);
    if (status == 0)
        status = nyx_writer_commit(writer);
    else
        nyx_writer_discard(writer);
    nyx_pool_free(options.pool);
    return status;
}

/* ---- the plan ----------------------------------------------------------------- */

static void the_default_recipe_keeps_what_it_should(void **state)
{
    nyx_recipe    recipe = recipe_of("int4:g32", NYX_METHOD_ABSMAX, false);
    nyx_reader   *file;
    nyx_compress *plan;

    (void)state;
    OK(nyx_reader_open(&file, in_folder("model.h5")));
    OK(nyx_compress_plan(&plan, file, &recipe));
    assert_int_equal(plan->count, ROWS);
    for (int i = 0; i < ROWS; i++) {
        const nyx_compress_tensor *tensor = &plan->tensors[i];

        assert_string_equal(tensor->entry->name, rows[i].name);
        if (rows[i].keep)
            assert_string_equal(tensor->keep, rows[i].keep);
        else
            assert_null(tensor->keep);
    }
    /* 96 rows of 64: two groups of 16 bytes of codes and 2 of scale each. */
    assert_int_equal(plan->tensors[0].bytes_before, 96 * 64 * 4);
    assert_int_equal(plan->tensors[0].bytes_after, 96 * 2 * 18);
    assert_true(nyx_compress_bits(&plan->tensors[0]) == 4.5);
    assert_int_equal(plan->tensors[7].bytes_after, 64 * 4);
    nyx_compress_free(plan);
    nyx_recipe_release(&recipe);

    recipe = recipe_of("int4:g32", NYX_METHOD_ABSMAX, true);
    OK(nyx_compress_plan(&plan, file, &recipe));
    for (int i = 0; i < ROWS; i++)
        assert_true((plan->tensors[i].keep == NULL) ==
                    (!rows[i].keep || strcmp(rows[i].keep, "kept by the recipe") == 0));
    nyx_compress_free(plan);
    nyx_recipe_release(&recipe);
    nyx_reader_close(file);
}

static void rules_are_counted_and_the_first_match_decides(void **state)
{
    static char      patterns[][16] = { "*.qkv", "H.0.*", "nothing*" };
    nyx_recipe_rule  some[3] = { { .pattern = patterns[0] }, { .pattern = patterns[1] },
                                 { .pattern = patterns[2], .keep = true } };
    const nyx_recipe recipe = { 3, some };
    nyx_reader      *file;
    nyx_compress    *plan;
    char             text[NYX_FORMAT_TEXT];

    (void)state;
    OK(nyx_format_parse(&some[0].format, "int8:channel"));
    OK(nyx_format_parse(&some[1].format, "nf4:g64"));
    OK(nyx_reader_open(&file, in_folder("model.h5")));
    OK(nyx_compress_plan(&plan, file, &recipe));
    nyx_format_text(text, &plan->tensors[0].format);
    assert_string_equal(text, "int8:channel");
    nyx_format_text(text, &plan->tensors[5].format);
    assert_string_equal(text, "nf4:g64");
    assert_string_equal(plan->tensors[8].keep, "no rule matches");
    assert_int_equal(plan->rule_tensors[0], 1);
    assert_int_equal(plan->rule_tensors[1], 5);
    assert_int_equal(plan->rule_tensors[2], 0);
    nyx_compress_free(plan);
    nyx_reader_close(file);
}

static void a_recipe_is_known_by_what_it_says(void **state)
{
    nyx_recipe a = recipe_of("int4:g32", NYX_METHOD_MSE, false);
    nyx_recipe b = recipe_of("int4:g32:sym:scale=f16", NYX_METHOD_MSE, false);
    nyx_recipe c = recipe_of("int4:g32", NYX_METHOD_ABSMAX, false);
    char       hex[3][NYX_SHA256_HEX], expected[NYX_SHA256_HEX];
    const char said[] = "*embed*\tkeep\t\n*head*\tkeep\t\n*norm*\tkeep\t\n*puzzle*\tkeep\t\n"
                        "*position*\tkeep\t\n*init\tkeep\t\n*\tint4:g32\tmse\n";

    (void)state;
    OK(nyx_compress_recipe_sha256(hex[0], &a));
    OK(nyx_compress_recipe_sha256(hex[1], &b));
    OK(nyx_compress_recipe_sha256(hex[2], &c));
    nyx_sha256_bytes(expected, said, sizeof said - 1);
    assert_string_equal(hex[0], expected);
    assert_string_equal(hex[0], hex[1]);
    assert_string_not_equal(hex[0], hex[2]);
    nyx_recipe_release(&a);
    nyx_recipe_release(&b);
    nyx_recipe_release(&c);
}

/* ---- the run -------------------------------------------------------------------- */

static void assert_plane_equal(const void *a, const void *b, int64_t bytes)
{
    if (bytes > 0)
        assert_memory_equal(a, b, (size_t)bytes);
}

/* The coded tensor in the file against coding all of it at once. */
static void check_coded(nyx_reader *file, const nyx_compress_tensor *tensor)
{
    nyx_plane_bytes planes;
    nyx_coded       read, whole;
    char            path[100];

    snprintf(path, sizeof path, "/tensors/%s", tensor->entry->name);
    OK(nyx_reader_read_coded(file, nyx_reader_find(file, path), &read));
    OK(nyx_coded_create(&whole, &tensor->format, &tensor->entry->shape));
    nyx_coded_encode(&whole, tensor->method, values);
    OK(nyx_format_planes(&planes, &tensor->format, &tensor->entry->shape));
    assert_plane_equal(read.codes, whole.codes, planes.codes);
    assert_plane_equal(read.scales, whole.scales, planes.scales);
    assert_plane_equal(read.zeros, whole.zeros, planes.zeros);
    assert_true(read.global == whole.global);
    nyx_coded_release(&read);
    nyx_coded_release(&whole);
}

/* What the report says of a tensor against plain loops over what the file holds. */
static void check_error(nyx_reader *file, const nyx_compress_tensor *tensor)
{
    long double square_error = 0, square = 0, sum = 0, most = 0;
    char        path[100];

    snprintf(path, sizeof path, "/tensors/%s", tensor->entry->name);
    OK(nyx_reader_read_f32(file, nyx_reader_find(file, path), decoded));
    for (int64_t i = 0; i < tensor->elems; i++) {
        long double miss = (long double)decoded[i] - values[i];

        square_error += miss * miss;
        square += (long double)values[i] * values[i];
        sum += miss;
        most = fabsl(miss) > most ? fabsl(miss) : most;
    }
    assert_int_equal(tensor->error.elems, tensor->elems);
    assert_true(fabsl(tensor->error.sum_square_error - square_error) <= 1e-13L * square_error);
    assert_true(fabsl(tensor->error.sum_square - square) <= 1e-13L * square);
    assert_true(fabsl(tensor->error.sum_error - sum) <= 1e-13L * sqrtl(square_error) * (long double)tensor->elems);
    assert_true(tensor->error.max_error == (double)most);
}

static void check_kept(nyx_reader *before, nyx_reader *after, const nyx_entry *entry)
{
    const nyx_entry *copy = nyx_reader_find(after, entry->path);
    static char      bytes[2][64 * 64 * 8];

    assert_non_null(copy);
    assert_true(copy->dtype == entry->dtype && nyx_shape_equal(&copy->shape, &entry->shape));
    assert_in_range(entry->bytes, 1, sizeof bytes[0]);
    OK(nyx_reader_read(before, entry, bytes[0]));
    OK(nyx_reader_read(after, copy, bytes[1]));
    assert_memory_equal(bytes[0], bytes[1], (size_t)entry->bytes);
}

static void streaming_gives_what_coding_at_once_gives(void **state)
{
    static const struct { const char *format; enum nyx_method method; } cases[] = {
        { "int4:g32", NYX_METHOD_ABSMAX },          { "int3:g64:asym", NYX_METHOD_SIGNED_MAX },
        { "int8:channel", NYX_METHOD_SIGNED_MAX },  { "int8:tensor", NYX_METHOD_ABSMAX },
        { "int4:tensor", NYX_METHOD_MSE },          { "nvfp4", NYX_METHOD_ABSMAX },
        { "bf16", NYX_METHOD_ABSMAX },              { "fp8-e4m3", NYX_METHOD_ABSMAX },
        { "mxfp4", NYX_METHOD_ABSMAX },             { "fp8-e5m2:tensor", NYX_METHOD_ABSMAX },
    };

    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        nyx_recipe    recipe = recipe_of(cases[c].format, cases[c].method, false);
        nyx_reader   *before, *after;
        nyx_compress *plan;

        OK(compress(&plan, &before, in_folder("model.h5"), in_folder("out.h5"), &recipe, 2));
        OK(nyx_reader_open(&after, in_folder("out.h5")));
        assert_int_equal(nyx_reader_count(after), ROWS);
        for (int i = 0; i < ROWS; i++) {
            const nyx_compress_tensor *tensor = &plan->tensors[i];

            if (tensor->keep) {
                check_kept(before, after, tensor->entry);
                continue;
            }
            fill(&rows[i], values);
            if (!tensor->plain)
                check_coded(after, tensor);
            check_error(after, tensor);
        }
        nyx_compress_free(plan);
        nyx_reader_close(after);
        nyx_reader_close(before);
        nyx_recipe_release(&recipe);
    }
}

static void threads_change_no_byte(void **state)
{
    static const char *const formats[] = { "int4:g32", "nvfp4", "bf16" };

    (void)state;
    for (int f = 0; f < 3; f++) {
        nyx_recipe      recipe = recipe_of(formats[f], NYX_METHOD_ABSMAX, true);
        char            first[NYX_SHA256_HEX], hex[NYX_SHA256_HEX];
        nyx_quant_error error = { 0 };
        int64_t         bytes;

        for (int threads = 1; threads <= 4; threads++) {
            nyx_reader   *file;
            nyx_compress *plan;

            OK(compress(&plan, &file, in_folder("model.h5"), in_folder("out.h5"), &recipe, threads));
            OK(nyx_sha256_file(threads == 1 ? first : hex, &bytes, in_folder("out.h5")));
            if (threads == 1)
                error = plan->tensors[3].error;
            else
                assert_string_equal(hex, first);
            assert_memory_equal(&plan->tensors[3].error, &error, sizeof error);
            nyx_compress_free(plan);
            nyx_reader_close(file);
        }
        nyx_recipe_release(&recipe);
    }
}

static void what_is_coded_already_stays(void **state)
{
    nyx_recipe    first = recipe_of("int4:g32", NYX_METHOD_ABSMAX, false);
    nyx_recipe    second = recipe_of("int8:channel", NYX_METHOD_ABSMAX, true);
    nyx_reader   *file;
    nyx_compress *plan;
    char          text[NYX_FORMAT_TEXT];

    (void)state;
    OK(compress(&plan, &file, in_folder("model.h5"), in_folder("once.h5"), &first, 1));
    nyx_compress_free(plan);
    nyx_reader_close(file);
    OK(compress(&plan, &file, in_folder("once.h5"), in_folder("twice.h5"), &second, 1));
    assert_string_equal(plan->tensors[0].keep, "already coded");
    nyx_compress_free(plan);
    nyx_reader_close(file);
    OK(nyx_reader_open(&file, in_folder("twice.h5")));
    nyx_format_text(text, &nyx_reader_find(file, "/tensors/H.0.attn.qkv")->format);
    assert_string_equal(text, "int4:g32");
    nyx_format_text(text, &nyx_reader_find(file, "/tensors/embed")->format);
    assert_string_equal(text, "int8:channel");
    nyx_reader_close(file);
    nyx_recipe_release(&first);
    nyx_recipe_release(&second);
}

/* ---- the report ------------------------------------------------------------------- */

static void the_report_adds_up(void **state)
{
    nyx_recipe      recipe = recipe_of("int4:g32", NYX_METHOD_ABSMAX, false);
    nyx_reader     *file;
    nyx_compress   *plan;
    nyx_report     *report;
    nyx_json       *document, *json;
    const nyx_json *totals;
    int64_t         coded = 0, after = 0, coded_after = 0, elems = 0, coded_elems = 0;

    (void)state;
    OK(compress(&plan, &file, in_folder("model.h5"), in_folder("out.h5"), &recipe, 2));
    OK(nyx_report_create(&report, "nyx-quantize", 1, (char *[]){ (char[]){ "nyx-quantize" }, NULL }));
    json = nyx_report_result(report);
    nyx_json_set_text(json, "format", "int4:g32");
    nyx_json_set_text(json, "recipe_sha256",
                      "0000000000000000000000000000000000000000000000000000000000000000");
    nyx_compress_describe(plan, json);
    OK(nyx_report_write(report, in_folder("report.json"), "ok", NULL));
    OK(nyx_json_read(&document, in_folder("report.json")));
    OK(nyx_schema_check("quantize", document, "report"));
    nyx_json_free(document);
    for (int i = 0; i < ROWS; i++) {
        nyx_shape shape = shape_of(&rows[i]);

        elems += nyx_shape_count(&shape);
        after += plan->tensors[i].bytes_after;
        if (rows[i].keep)
            continue;
        coded++;
        coded_elems += nyx_shape_count(&shape);
        coded_after += plan->tensors[i].bytes_after;
    }
    totals = nyx_json_get(json, "totals");
    assert_int_equal(nyx_json_int(nyx_json_get(totals, "tensors"), 0), ROWS);
    assert_int_equal(nyx_json_int(nyx_json_get(totals, "coded_tensors"), 0), coded);
    assert_int_equal(nyx_json_int(nyx_json_get(totals, "weights"), 0), elems);
    assert_int_equal(nyx_json_int(nyx_json_get(totals, "bytes_after"), 0), after);
    assert_true(nyx_json_real(nyx_json_get(totals, "bits_per_weight"), 0.0) ==
                8.0 * (double)after / (double)elems);
    assert_true(nyx_json_real(nyx_json_get(totals, "bits_per_coded_weight"), 0.0) ==
                8.0 * (double)coded_after / (double)coded_elems);
    assert_string_equal(nyx_json_text(nyx_json_get(json, "tensors.7.method_reason"), ""), "no matrix");
    nyx_report_free(report);
    nyx_compress_free(plan);
    nyx_reader_close(file);
    nyx_recipe_release(&recipe);
}

/* ---- refusals ---------------------------------------------------------------------- */

static void values_that_cannot_be_coded_are_named(void **state)
{
    static const struct {
        const char *tensor, *format, *sentence;
        int64_t     index;
        float       value;
    } cases[] = {
        { "H.0.large", "int4:g32", "tensor 'H.0.large' holds a NaN at [2999, 700]; a model must be finite",
          2999 * 701 + 700, (float)NAN },
        { "H.0.conv", "int8:tensor", "tensor 'H.0.conv' holds an infinity at [4, 6, 39]; a model must be finite",
          5 * 7 * 40 - 1, -(float)INFINITY },
        { "bias", "int4:g32", "tensor 'bias' holds a NaN at [3]; a model must be finite", 3, (float)NAN },
        { "position", "int4:g32", "tensor 'position' holds an infinity at [0, 1]; a model must be finite",
          1, 1e6f },
        { "H.0.attn.qkv", "f16", "tensor 'H.0.attn.qkv' holds a value beyond the range of f16; choose a "
          "format with scales, or bf16", 77, 7e4f },
    };

    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
        for (int threads = 1; threads <= 3; threads += 2) {
            nyx_recipe    recipe = recipe_of(cases[c].format, NYX_METHOD_ABSMAX, false);
            nyx_reader   *file;
            nyx_compress *plan;

            write_model(in_folder("bad.h5"), cases[c].tensor, cases[c].index, cases[c].value);
            assert_int_equal(compress(&plan, &file, in_folder("bad.h5"), in_folder("none.h5"), &recipe, threads),
                             NYX_ERR_INPUT);
            assert_string_equal(nyx_error_text(), cases[c].sentence);
            assert_int_not_equal(access(in_folder("none.h5"), F_OK), 0);
            nyx_compress_free(plan);
            nyx_reader_close(file);
            nyx_recipe_release(&recipe);
        }
}

/* A bit of the large tensor turns on the disk: the digest sees it though no
 * tensor is ever in memory as a whole. */
static void damage_is_seen(void **state)
{
    nyx_recipe    recipe = recipe_of("int4:g32", NYX_METHOD_ABSMAX, false);
    nyx_reader   *file;
    nyx_compress *plan;
    char         *bytes;
    int64_t       size, at = 0;
    FILE         *out;

    (void)state;
    OK(nyx_file_read(&bytes, &size, in_folder("model.h5"), 1 << 26));
    fill(&rows[3], values);
    while (memcmp(bytes + at, values + LARGE - 4, 16) != 0)
        assert_true(++at < size - 16);
    bytes[at] ^= 1;
    out = fopen(in_folder("bad.h5"), "wb");
    assert_int_equal(fwrite(bytes, 1, (size_t)size, out), size);
    fclose(out);
    nyx_free(bytes);
    assert_int_equal(compress(&plan, &file, in_folder("bad.h5"), in_folder("none.h5"), &recipe, 2), NYX_ERR_INPUT);
    assert_non_null(strstr(nyx_error_text(), "'/tensors/H.0.large' do not match their SHA-256"));
    nyx_compress_free(plan);
    nyx_reader_close(file);
    nyx_recipe_release(&recipe);
}

static void a_file_without_tensors_is_no_model(void **state)
{
    nyx_recipe    recipe = recipe_of("int4:g32", NYX_METHOD_ABSMAX, false);
    int32_t       inputs[4] = { 1, 2, 3, 4 };
    nyx_shape     shape = nyx_shape_of(2, (int64_t)1, (int64_t)4);
    nyx_tensor    tensor = nyx_tensor_view(NYX_I32, &shape, inputs);
    nyx_writer   *writer;
    nyx_reader   *file;
    nyx_compress *plan;

    (void)state;
    OK(nyx_writer_open(&writer, in_folder("data.h5"), "dataset"));
    OK(nyx_writer_tensor(writer, "/train/inputs", &tensor));
    OK(nyx_writer_commit(writer));
    OK(nyx_reader_open(&file, in_folder("data.h5")));
    assert_int_equal(nyx_compress_plan(&plan, file, &recipe), NYX_ERR_INPUT);
    assert_string_equal(nyx_error_text(), "the dataset file holds no tensors under /tensors/; a model file is needed");
    assert_null(plan);
    nyx_reader_close(file);
    nyx_recipe_release(&recipe);
}

/* Last: a request to stop is never taken back. */
static void a_request_to_stop_leaves_nothing(void **state)
{
    nyx_recipe    recipe = recipe_of("int4:g32", NYX_METHOD_ABSMAX, false);
    nyx_reader   *file;
    nyx_compress *plan;

    (void)state;
    nyx_stop_request();
    assert_int_equal(compress(&plan, &file, in_folder("model.h5"), in_folder("none.h5"), &recipe, 2), NYX_ERR_STOPPED);
    assert_int_not_equal(access(in_folder("none.h5"), F_OK), 0);
    nyx_compress_free(plan);
    nyx_reader_close(file);
    nyx_recipe_release(&recipe);
}

static int make_model(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    write_model(in_folder("model.h5"), NULL, 0, 0.0f);
    return 0;
}

static int clean(void **state)
{
    static const char *const names[] = { "model.h5", "out.h5", "once.h5", "twice.h5", "bad.h5", "data.h5",
                                         "report.json" };

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlink(in_folder(names[i]));
    return rmdir(folder); /* fails when something was left behind */
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_default_recipe_keeps_what_it_should),
        cmocka_unit_test(rules_are_counted_and_the_first_match_decides),
        cmocka_unit_test(a_recipe_is_known_by_what_it_says),
        cmocka_unit_test(streaming_gives_what_coding_at_once_gives),
        cmocka_unit_test(threads_change_no_byte),
        cmocka_unit_test(what_is_coded_already_stays),
        cmocka_unit_test(the_report_adds_up),
        cmocka_unit_test(values_that_cannot_be_coded_are_named),
        cmocka_unit_test(damage_is_seen),
        cmocka_unit_test(a_file_without_tensors_is_no_model),
        cmocka_unit_test(a_request_to_stop_leaves_nothing),
    };

    return cmocka_run_group_tests_name("compress", tests, make_model, clean);
}
