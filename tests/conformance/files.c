/* files -- a window on libnyx/file for the tests that need another program.
 *
 *     files write OUT.h5       a model with every element type and format
 *     files list FILE          open; a line a tensor: path type shape SHA-256
 *     files foreign FILE       the same for any HDF5 file
 *     files read FILE          the same after reading everything as f32
 *     files lines FILE         its lines, each with its place
 *     files dataset FILE       its facts
 *     files recipe FILE        its rules
 *
 * Errors: one line on stderr, the exit status of the tools. */
#include "file/file.h"

#include <string.h>

static int write_plain(nyx_writer *file)
{
    nyx_shape shape = nyx_shape_of(3, (int64_t)2, (int64_t)3, (int64_t)5);
    int       status = 0;

    for (int d = 0; d < NYX_DTYPE_COUNT && status == 0; d++) {
        nyx_tensor t;
        char       path[64];

        if ((status = nyx_tensor_create(&t, (enum nyx_dtype)d, &shape)) < 0)
            return status;
        for (int64_t i = 0; i < nyx_tensor_bytes(&t); i++) /* finite in every type; hdf5.py knows the rule */
            ((uint8_t *)t.data)[i] = (uint8_t)((i * 37 + d) % 64);
        snprintf(path, sizeof path, "/tensors/plain.%s", nyx_dtype_name(t.dtype));
        status = nyx_writer_tensor(file, path, &t);
        nyx_tensor_release(&t);
    }
    return status;
}

static int write_coded(nyx_writer *file)
{
    nyx_shape shape = nyx_shape_of(3, (int64_t)2, (int64_t)2, (int64_t)84);
    float     values[4 * 84]; /* 84: blocks and groups that end short */
    int       status = 0;

    for (int i = 0; i < 4 * 84; i++)
        values[i] = (float)((i * 29 % 255 - 100) * (1 + i / 84));
    for (int f = 0; nyx_format_examples[f] && status == 0; f++) {
        nyx_format format;
        nyx_coded  coded;
        char       path[64 + NYX_FORMAT_TEXT];

        if ((status = nyx_format_parse(&format, nyx_format_examples[f])) < 0 ||
            (status = nyx_coded_create(&coded, &format, &shape)) < 0)
            return status;
        nyx_coded_encode(&coded, NYX_METHOD_ABSMAX, values);
        snprintf(path, sizeof path, "/tensors/coded.%s", nyx_format_examples[f]);
        status = nyx_writer_coded(file, path, &coded);
        nyx_coded_release(&coded);
    }
    return status;
}

static int write_model(const char *path)
{
    nyx_writer *file;
    nyx_json   *config = nyx_json_object();
    int         status = nyx_writer_open(&file, path, "model");

    nyx_json_set_text(config, "name", "sample");
    nyx_json_set_int(config, "width", 64);
    if (status < 0)
        goto done;
    if ((status = nyx_writer_history(file, "files 1.0 write")) < 0 ||
        (status = nyx_writer_json(file, "/config", config)) < 0 || (status = write_plain(file)) < 0 ||
        (status = write_coded(file)) < 0 || (status = nyx_writer_attribute(file, "/state", "step", 12)) < 0)
        nyx_writer_discard(file);
    else
        status = nyx_writer_commit(file);
done:
    nyx_json_free(config);
    return status;
}

/* ---- reading ------------------------------------------------------------------ */

static int print_entry(nyx_reader *file, const nyx_entry *e, bool as_f32)
{
    char  shape[96], hex[NYX_SHA256_HEX] = "-";
    void *memory;
    int   status = nyx_alloc(&memory, e->bytes + 4 * nyx_shape_count(&e->shape));

    if (status < 0)
        return status;
    if (e->coded || (as_f32 && nyx_dtype_is_real(e->dtype)))
        status = nyx_reader_read_f32(file, e, memory);
    else
        status = nyx_reader_read(file, e, memory);
    if (status == 0) {
        nyx_sha256_bytes(hex, memory, e->coded ? 4 * nyx_shape_count(&e->shape) : e->bytes);
        nyx_shape_text(shape, &e->shape);
        printf("%s %s %s %s\n", e->path, e->coded ? "coded" : nyx_dtype_name(e->dtype), shape, hex);
    }
    nyx_free(memory);
    return status;
}

static int list(const char *path, bool foreign, bool as_f32)
{
    nyx_reader *file;
    nyx_json   *json;
    int         status = foreign ? nyx_reader_open_foreign(&file, path) : nyx_reader_open(&file, path);

    if (status < 0)
        return status;
    for (int64_t i = 0; i < nyx_reader_count(file) && status == 0; i++)
        status = print_entry(file, nyx_reader_entry(file, i), as_f32);
    if (status == 0 && (status = nyx_reader_json(file, "/config", &json)) == 0)
        nyx_json_free(json);
    nyx_reader_close(file);
    return status;
}

static int print_lines(const char *path)
{
    nyx_lines  *lines;
    const char *line;
    int64_t     bytes;
    int         status = nyx_lines_open(&lines, path);

    if (status < 0)
        return status;
    while ((status = nyx_lines_next(lines, &line, &bytes)) > 0)
        printf("%s|%.*s|\n", nyx_lines_place(lines), (int)bytes, line);
    nyx_lines_close(lines);
    return status;
}

static int print_dataset(const char *path)
{
    nyx_dataset d;
    int         status = nyx_dataset_read(&d, path);

    if (status < 0)
        return status;
    printf("%s %lld %lld %lld %lld %lld %lld\n", d.kind, (long long)d.length, (long long)d.vocabulary,
           (long long)d.ignore, (long long)d.puzzles, (long long)d.train.rows, (long long)d.test.rows);
    nyx_dataset_release(&d);
    return 0;
}

static int print_recipe(const char *path)
{
    nyx_recipe recipe;
    char       text[NYX_FORMAT_TEXT];
    int        status = nyx_recipe_read(&recipe, path);

    if (status < 0)
        return status;
    for (int i = 0; i < recipe.count; i++) {
        const nyx_recipe_rule *rule = &recipe.rules[i];

        if (rule->keep) {
            printf("%s keep\n", rule->pattern);
            continue;
        }
        nyx_format_text(text, &rule->format);
        printf("%s %s %s\n", rule->pattern, text, nyx_method_name(rule->method));
    }
    nyx_recipe_release(&recipe);
    return 0;
}

int main(int argc, char **argv)
{
    static const int exits[] = { 0, 65, 74, 69, 71, 75, 1, 75, 64, 66, 73 };
    const char      *verb = argc == 3 ? argv[1] : "", *path = argc == 3 ? argv[2] : "";
    int              status;

    if (strcmp(verb, "write") == 0)
        status = write_model(path);
    else if (strcmp(verb, "lines") == 0)
        status = print_lines(path);
    else if (strcmp(verb, "dataset") == 0)
        status = print_dataset(path);
    else if (strcmp(verb, "recipe") == 0)
        status = print_recipe(path);
    else if (strcmp(verb, "list") == 0 || strcmp(verb, "foreign") == 0 || strcmp(verb, "read") == 0)
        status = list(path, verb[0] == 'f', verb[0] == 'r');
    else
        status = nyx_error_set(NYX_ERR_USAGE, "files write|list|foreign|read|lines|dataset|recipe FILE");
    if (status < 0)
        fprintf(stderr, "files: %s\n", nyx_error_text());
    return exits[-status];
}
