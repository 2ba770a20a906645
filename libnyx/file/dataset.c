/* dataset -- rows of tokens, or one stream: /train and /test, each complete in
 * itself. Streams are in tokens.c. */
#include "file/internal.h"

#include <math.h>
#include <string.h>

static const struct { const char *name; size_t at; } numbers[] = {
    { "length", offsetof(nyx_dataset, length) },
    { "vocabulary", offsetof(nyx_dataset, vocabulary) },
    { "ignore", offsetof(nyx_dataset, ignore) },
    { "puzzles", offsetof(nyx_dataset, puzzles) },
};
enum { NUMBERS = sizeof numbers / sizeof *numbers };

static const struct { const char *group; size_t at; } splits[] = {
    { "/train", offsetof(nyx_dataset, train) },
    { "/test", offsetof(nyx_dataset, test) },
};
enum { SPLITS = sizeof splits / sizeof *splits };

static bool is_text(const nyx_dataset *dataset)
{
    return strcmp(dataset->kind, "text") == 0;
}

int64_t nyx_dataset_targets(const nyx_dataset *dataset)
{
    return strcmp(dataset->kind, "images") == 0 ? 1 : dataset->length;
}

static int64_t *number_of(nyx_dataset *dataset, int i)
{
    return (int64_t *)(void *)((char *)dataset + numbers[i].at);
}

static struct nyx_split *split_of(nyx_dataset *dataset, int i)
{
    return (struct nyx_split *)(void *)((char *)dataset + splits[i].at);
}

void nyx_dataset_release(nyx_dataset *dataset)
{
    for (int s = 0; s < SPLITS; s++) {
        struct nyx_split *split = split_of(dataset, s);

        nyx_free(split->inputs);
        nyx_free(split->targets);
        nyx_free(split->ids);
        nyx_free(split->rating);
        nyx_free(split->pairs);
        nyx_free(split->tokens);
    }
    nyx_free(dataset->variants.task);
    nyx_free(dataset->variants.transform);
    nyx_json_free(dataset->variants.names);
    nyx_json_free(dataset->tokenizer);
    *dataset = (nyx_dataset) { 0 };
}

/* ---- reading ----------------------------------------------------------------- */

/* One array of a split; *out stays NULL when the file has none and it may lack. */
static int read_array(void *out, nyx_reader *file, const char *path, const char *group, const char *name,
                      enum nyx_dtype dtype, const nyx_shape *shape, bool may_lack)
{
    char             full[64];
    void            *memory;
    const nyx_entry *entry;
    int              status;

    snprintf(full, sizeof full, "%s/%s", group, name);
    entry = nyx_reader_find(file, full);
    if (!entry && may_lack)
        return 0;
    if (!entry || entry->coded || entry->dtype != dtype || !nyx_shape_equal(&entry->shape, shape)) {
        char text[96];

        nyx_shape_text(text, shape);
        return nyx_error_set(NYX_ERR_INPUT, "'%s': '%s' must be there with type %s and shape %s", path, full,
                             nyx_dtype_name(dtype), text);
    }
    if ((status = nyx_alloc(&memory, entry->bytes)) < 0)
        return status;
    memcpy(out, &memory, sizeof memory);
    return nyx_reader_read(file, entry, memory);
}

/* Tokens in [0, end), or `also`. */
static int check_tokens(const int32_t *tokens, const struct nyx_split *split, int64_t length, int64_t end, int64_t also,
                        const char *path, const char *group, const char *name)
{
    for (int64_t i = 0; tokens && i < split->rows * length; i++)
        if ((tokens[i] < 0 || tokens[i] >= end) && tokens[i] != also)
            return nyx_error_set(NYX_ERR_INPUT, "'%s': '%s/%s' has the value %d in row %lld; 0 to %lld are allowed",
                                 path, group, name, tokens[i], (long long)(i / length), (long long)end - 1);
    return 0;
}

static int read_split(nyx_dataset *out, struct nyx_split *split, nyx_reader *file, const char *path, const char *group)
{
    const nyx_entry *inputs;
    char             full[64];
    nyx_shape        wide, narrow, right;
    int              status;

    if (is_text(out))
        return nyx_file__tokens_read(split, file, path, group, out->vocabulary);
    snprintf(full, sizeof full, "%s/inputs", group);
    inputs = nyx_reader_find(file, full);
    split->rows = inputs && inputs->shape.rank == 2 ? inputs->shape.dims[0] : 0;
    wide = nyx_shape_of(2, split->rows, out->length);
    right = nyx_shape_of(2, split->rows, nyx_dataset_targets(out));
    narrow = nyx_shape_of(1, split->rows);
    if ((status = read_array(&split->inputs, file, path, group, "inputs", NYX_I32, &wide, false)) < 0 ||
        (status = read_array(&split->targets, file, path, group, "targets", NYX_I32, &right, false)) < 0 ||
        (status = read_array(&split->ids, file, path, group, "ids", NYX_I32, &narrow, true)) < 0 ||
        (status = read_array(&split->rating, file, path, group, "rating", NYX_F32, &narrow, true)) < 0 ||
        (status = read_array(&split->pairs, file, path, group, "pairs", NYX_I32, &narrow, true)) < 0)
        return status;
    if ((status = check_tokens(split->inputs, split, out->length, out->vocabulary, 0, path, group, "inputs")) < 0 ||
        (status = check_tokens(split->targets, split, nyx_dataset_targets(out), out->vocabulary, out->ignore, path,
                               group, "targets")) < 0)
        return status;
    if ((status = check_tokens(split->ids, split, 1, out->puzzles, 0, path, group, "ids")) < 0)
        return status;
    for (int64_t i = 0; split->rating && i < split->rows; i++)
        if (!(split->rating[i] >= 0.0f && split->rating[i] < INFINITY))
            return nyx_error_set(NYX_ERR_INPUT,
                                 "'%s': '%s/rating' is %g in row %lld; a finite number from 0 is expected", path, group,
                                 (double)split->rating[i], (long long)i);
    return 0;
}

/* What the puzzles are images of: all of it, or nothing. */
static int read_variants(nyx_dataset *out, nyx_reader *file, const char *path)
{
    struct nyx_variants *variants = &out->variants;
    const nyx_shape      narrow = nyx_shape_of(1, out->puzzles);
    const nyx_shape      wide = nyx_shape_of(2, out->puzzles, NYX_TRANSFORM_BYTES);
    int                  status;

    if (!nyx_reader_find(file, "/puzzles/task"))
        return 0;
    if ((status = read_array(&variants->task, file, path, "/puzzles", "task", NYX_I32, &narrow, false)) < 0 ||
        (status = read_array(&variants->transform, file, path, "/puzzles", "transform", NYX_U8, &wide, false)) < 0 ||
        (status = nyx_reader_json(file, "/puzzles/names", &variants->names)) < 0)
        return status;
    if (nyx_json_kind_of(variants->names) != NYX_JSON_ARRAY)
        return nyx_error_set(NYX_ERR_INPUT, "'%s': '/puzzles/names' must be there as a list of texts", path);
    for (int64_t i = 0; i < out->puzzles; i++)
        if (variants->task[i] < -1 || variants->task[i] >= nyx_json_count(variants->names))
            return nyx_error_set(NYX_ERR_INPUT,
                                 "'%s': '/puzzles/task' has the value %d for puzzle %lld; -1 to %lld are allowed", path,
                                 variants->task[i], (long long)i, (long long)nyx_json_count(variants->names) - 1);
    return 0;
}

/* Both groups carry the same facts, so that either can be used alone. */
static int read_facts(nyx_dataset *out, const nyx_reader *file, const char *path)
{
    const char *kind;
    int         status;

    for (int s = 0; s < SPLITS; s++) {
        if ((status = nyx_reader_attribute_text(file, splits[s].group, "kind", &kind)) < 0)
            return status;
        if (strlen(kind) >= sizeof out->kind || (s && strcmp(kind, out->kind) != 0))
            return nyx_error_set(NYX_ERR_INPUT, "'%s': '%s' has the kind '%.40s', '%s' expected", path, splits[s].group,
                                 kind, out->kind);
        snprintf(out->kind, sizeof out->kind, "%s", kind);
        for (int i = 0; i < NUMBERS; i++) {
            int64_t value;

            if ((status = nyx_reader_attribute(file, splits[s].group, numbers[i].name, &value)) < 0)
                return status;
            if (s && value != *number_of(out, i))
                return nyx_error_set(NYX_ERR_INPUT, "'%s': /train and /test differ in '%s'", path, numbers[i].name);
            *number_of(out, i) = value;
        }
    }
    if (is_text(out) && out->length != 0)
        return nyx_error_set(NYX_ERR_INPUT, "'%s' holds a stream of text, but says length %lld", path,
                             (long long)out->length);
    if (out->length < (is_text(out) ? 0 : 1) || out->vocabulary < 1 || out->vocabulary > INT32_MAX ||
        out->puzzles < 1 || out->puzzles > INT32_MAX)
        return nyx_error_set(NYX_ERR_INPUT, "'%s': length %lld, vocabulary %lld and puzzles %lld must be positive",
                             path, (long long)out->length, (long long)out->vocabulary, (long long)out->puzzles);
    return 0;
}

int nyx_dataset_read(nyx_dataset *out, const char *path)
{
    nyx_reader *file;
    int         status;

    *out = (nyx_dataset) { 0 };
    if ((status = nyx_reader_open(&file, path)) < 0)
        return status;
    if (strcmp(nyx_reader_kind(file), "dataset") != 0)
        status = nyx_error_set(NYX_ERR_INPUT, "'%s' is a %s, a dataset is expected; nyx-data makes one", path,
                               nyx_reader_kind(file));
    if (status == 0)
        status = read_facts(out, file, path);
    for (int s = 0; s < SPLITS && status == 0; s++)
        status = read_split(out, split_of(out, s), file, path, splits[s].group);
    if (status == 0)
        status = read_variants(out, file, path);
    if (status == 0)
        status = nyx_reader_json(file, "/tokenizer", &out->tokenizer);
    nyx_reader_close(file);
    if (status < 0)
        nyx_dataset_release(out);
    return status;
}

/* ---- writing ------------------------------------------------------------------- */

static int write_array(nyx_writer *file, const char *group, const char *name, enum nyx_dtype dtype,
                       const nyx_shape *shape, void *data)
{
    char       full[64];
    nyx_tensor tensor = nyx_tensor_view(dtype, shape, data);

    NYX_BUG_IF(!data && nyx_shape_count(shape) > 0);
    snprintf(full, sizeof full, "%s/%s", group, name);
    return nyx_writer_tensor(file, full, &tensor);
}

static int write_split(nyx_writer *file, nyx_dataset *dataset, const struct nyx_split *split, const char *group,
                       int spool)
{
    nyx_shape wide = nyx_shape_of(2, split->rows, dataset->length), narrow = nyx_shape_of(1, split->rows);
    nyx_shape right = nyx_shape_of(2, split->rows, nyx_dataset_targets(dataset));
    int       status = nyx_writer_attribute_text(file, group, "kind", dataset->kind);

    for (int i = 0; i < NUMBERS && status == 0; i++)
        status = nyx_writer_attribute(file, group, numbers[i].name, *number_of(dataset, i));
    if (status == 0 && is_text(dataset))
        return nyx_file__tokens_write(file, split, group, dataset->vocabulary, spool);
    if (status < 0 || (status = write_array(file, group, "inputs", NYX_I32, &wide, split->inputs)) < 0 ||
        (status = write_array(file, group, "targets", NYX_I32, &right, split->targets)) < 0)
        return status;
    if ((split->ids && (status = write_array(file, group, "ids", NYX_I32, &narrow, split->ids)) < 0) ||
        (split->pairs && (status = write_array(file, group, "pairs", NYX_I32, &narrow, split->pairs)) < 0))
        return status;
    return split->rating ? write_array(file, group, "rating", NYX_F32, &narrow, split->rating) : 0;
}

static int write_variants(nyx_writer *file, const nyx_dataset *dataset)
{
    const struct nyx_variants *variants = &dataset->variants;
    const nyx_shape narrow = nyx_shape_of(1, dataset->puzzles);
    const nyx_shape wide = nyx_shape_of(2, dataset->puzzles, NYX_TRANSFORM_BYTES);
    int             status;

    if (!variants->task)
        return 0;
    if ((status = write_array(file, "/puzzles", "task", NYX_I32, &narrow, variants->task)) < 0 ||
        (status = write_array(file, "/puzzles", "transform", NYX_U8, &wide, variants->transform)) < 0)
        return status;
    return nyx_writer_json(file, "/puzzles/names", variants->names);
}

int nyx_file__dataset_write(const nyx_dataset *dataset, const char *path, const char *history,
                            const nyx_json *provenance, const int spools[NYX_SIDES])
{
    nyx_dataset copy = *dataset; /* views of the same rows */
    nyx_writer *file;
    int         status;

    if ((status = nyx_writer_open(&file, path, "dataset")) < 0)
        return status;
    if (history)
        status = nyx_writer_history(file, history);
    if (status == 0 && provenance)
        status = nyx_writer_json(file, "/provenance", provenance);
    if (status == 0 && dataset->tokenizer)
        status = nyx_writer_json(file, "/tokenizer", dataset->tokenizer);
    if (status == 0)
        status = write_variants(file, dataset);
    for (int s = 0; s < SPLITS && status == 0; s++)
        status = write_split(file, &copy, split_of(&copy, s), splits[s].group, spools[s]);
    if (status < 0) {
        nyx_writer_discard(file);
        return status;
    }
    return nyx_writer_commit(file);
}

int nyx_dataset_write(const nyx_dataset *dataset, const char *path, const char *history, const nyx_json *provenance)
{
    static const int none[NYX_SIDES] = { -1, -1 };

    return nyx_file__dataset_write(dataset, path, history, provenance, none);
}
