/* export -- a model file becomes safetensors or GGUF.
 *
 * Tensors are read whole, checked against their digests, and written in the
 * other side's order; q, k and v of GPT-2 are written as one.
 */
#include "convert/internal_export.h"

#include <string.h>

typedef nyx_convert__work work;

/* One tensor of ours in memory: planes, or elements as stored. */
typedef struct {
    const nyx_entry *entry;
    nyx_coded        coded;
    void            *plain;
} content;

/* ---- deciding --------------------------------------------------------------------- */

static const nyx_entry *entry_of(const work *w, const nyx_convert__part *part)
{
    char path[64];

    snprintf(path, sizeof path, "/tensors/%s", part->name);
    return nyx_reader_find(w->reader, path);
}

static int check_entry(const work *w, const nyx_convert__part *part)
{
    const nyx_entry *entry = entry_of(w, part);
    char             is[96], should[96];

    if (!entry)
        return nyx_error_set(NYX_ERR_INPUT, "cannot convert '%s': tensor '%s' is missing", w->in, part->name);
    if (nyx_shape_equal(&entry->shape, &part->shape))
        return 0;
    nyx_shape_text(is, &entry->shape);
    nyx_shape_text(should, &part->shape);
    return nyx_error_set(NYX_ERR_INPUT, "cannot convert '%s': tensor '%s' is %s, the configuration asks for %s", w->in,
                         part->name, is, should);
}

/* The blocks that can hold a coded tensor as it is, or NULL. */
static const nyx_block_type *blocks_for(const work *w, const nyx_convert__part *part, const nyx_entry *entry)
{
    const nyx_block_type *type = nyx_block_of_format(&entry->format);

    if (w->kind != NYX_FOREIGN_GGUF || w->options->decode || part->transposed || part->shape.rank != 2 || !type ||
        part->shape.dims[1] % type->elems != 0)
        return NULL;
    return type;
}

/* Programs that read GGUF expect vectors in f32. */
static int decide(const work *w, const nyx_convert__part *part, const nyx_block_type **out)
{
    const nyx_entry *entry = entry_of(w, part);
    enum nyx_dtype   dtype = entry->dtype;
    char             format[NYX_FORMAT_TEXT];

    if (entry->coded && (*out = blocks_for(w, part, entry)))
        return 0;
    if (entry->coded && !w->options->decode) {
        nyx_format_text(format, &entry->format);
        return nyx_error_set(NYX_ERR_UNSUPPORTED,
                             "cannot convert '%s': tensor '%s' is coded as %s, which %s; --decode writes it as %s",
                             w->in, part->name, format,
                             w->kind == NYX_FOREIGN_GGUF ? "no blocks of 32 hold" : "safetensors cannot hold",
                             w->options->dtype ? w->options->dtype : "f16");
    }
    if (entry->coded)
        dtype = NYX_F16;
    if (w->options->dtype && part->shape.rank > 1 && !nyx_dtype_find(&dtype, w->options->dtype))
        NYX_BUG_IF(true);
    if (!nyx_dtype_is_half(dtype))
        dtype = NYX_F32;
    if (part->shape.rank == 1 && (w->kind == NYX_FOREIGN_GGUF || entry->coded))
        dtype = NYX_F32;
    *out = nyx_block_of_dtype(dtype);
    return 0;
}

/* Parts that make up one tensor there get one type: f32 when they differ. */
static int decide_all(work *w)
{
    int status = nyx_alloc(&w->types, w->map.count * (int64_t)sizeof *w->types);

    for (int64_t i = 0; i < w->map.count && status == 0; i++) {
        if ((status = check_entry(w, &w->map.parts[i])) == 0)
            status = decide(w, &w->map.parts[i], &w->types[i]);
    }
    for (int64_t i = 1, start = 0; i < w->map.count && status == 0; i++) {
        if (strcmp(w->map.parts[i].foreign, w->map.parts[start].foreign) != 0) {
            start = i;
        } else if (w->types[i] != w->types[start]) {
            if (w->types[i]->format || w->types[start]->format)
                return nyx_error_set(NYX_ERR_UNSUPPORTED,
                                     "cannot convert '%s': '%s' and '%s' become one tensor there and are coded "
                                     "differently; --decode helps",
                                     w->in, w->map.parts[start].name, w->map.parts[i].name);
            for (int64_t k = start; k <= i; k++)
                w->types[k] = nyx_block_find("F32");
        }
    }
    return status;
}

/* ---- contents --------------------------------------------------------------------------- */

static void content_release(content *c)
{
    nyx_coded_release(&c->coded);
    nyx_free(c->plain);
    *c = (content) { 0 };
}

static int content_read(content *c, nyx_reader *reader, const nyx_entry *entry)
{
    int status;

    *c = (content) { .entry = entry };
    if (entry->coded)
        return nyx_reader_read_coded(reader, entry, &c->coded);
    if ((status = nyx_alloc(&c->plain, entry->bytes)) < 0)
        return status;
    return nyx_reader_read(reader, entry, c->plain);
}

/* Row r of ours as f32; a vector is one row. */
static void content_row(const content *c, int64_t r, int64_t cols, float *out)
{
    const int64_t size = nyx_dtype_bytes(c->entry->dtype);

    if (c->entry->coded)
        nyx_decode_rows(out, &c->coded, r, 1);
    else
        nyx_convert_to_f32(c->entry->dtype, out, (const char *)c->plain + r * cols * size, cols);
}

/* The row of ours that stands at foreign row f. */
static int64_t our_row(const nyx_convert__part *part, int64_t f)
{
    const int64_t d = part->pairs, in = d ? f % d : 0;

    return d ? f - in + (in % 2 ? d / 2 : 0) + in / 2 : f;
}

static int put_row(work *w, const nyx_convert__part *part, const nyx_block_type *type, const float *values,
                   int64_t elems, nyx_quant_error *error)
{
    uint8_t *raw;
    float   *back;
    int      status;

    if ((status = nyx_alloc(&raw, elems * 8)) < 0)
        return status;
    back = (float *)(void *)(raw + elems * 4);
    nyx_convert_from_f32(type->dtype, raw, values, elems);
    if (type->dtype != NYX_F32) {
        nyx_convert_to_f32(type->dtype, back, raw, elems);
        nyx_quant_error_add(error, values, back, elems);
    }
    if (nyx_f32_find_nonfinite(type->dtype == NYX_F32 ? values : back, elems) >= 0)
        status = nyx_error_set(NYX_ERR_INPUT,
                               "cannot convert '%s': tensor '%s' holds a value that is not finite or beyond the range "
                               "of %s",
                               w->in, part->name, type->name);
    if (status == 0)
        status = nyx_foreign_writer_append(w->writer, raw, elems * nyx_dtype_bytes(type->dtype));
    nyx_free(raw);
    return status;
}

/* ---- writing ------------------------------------------------------------------------------ */

/* Blocks, a foreign row at a time. */
static int put_blocks(work *w, const nyx_convert__part *part, const nyx_block_type *type, const content *c)
{
    const int64_t bytes = part->shape.dims[1] / type->elems * type->bytes;
    uint8_t      *raw;
    int           status = nyx_alloc(&raw, bytes);

    for (int64_t f = 0; f < part->shape.dims[0] && status == 0; f++) {
        nyx_block_from_coded(raw, type, &c->coded, our_row(part, f), 1);
        status = nyx_foreign_writer_append(w->writer, raw, bytes);
    }
    nyx_free(raw);
    return status;
}

static int put_rows(work *w, const nyx_convert__part *part, const nyx_block_type *type, const content *c,
                    nyx_quant_error *error)
{
    const bool    vector = part->shape.rank == 1;
    const int64_t rows = vector ? 1 : part->shape.dims[0], cols = part->shape.dims[part->shape.rank - 1];
    float        *values, *turned;
    int           status;

    if ((status = nyx_alloc(&values, 2 * cols * 4)) < 0)
        return status;
    turned = values + cols;
    for (int64_t f = 0; f < rows && status == 0; f++) {
        content_row(c, vector ? 0 : our_row(part, f), cols, values);
        for (int64_t i = 0; i < cols && vector; i++)
            turned[i] = values[our_row(part, i)];
        status = put_row(w, part, type, vector ? turned : values, cols, error);
    }
    nyx_free(values);
    return status;
}

/* [in, out] there: column c of all parts, side by side. */
static int put_transposed(work *w, const nyx_convert__part *parts, int64_t count, const nyx_block_type *type,
                          const content *contents, nyx_quant_error *error)
{
    const int64_t cols = parts->shape.dims[1], total = parts->total;
    float        *whole;
    int           status = nyx_alloc(&whole, (cols * total + cols) * 4);

    if (status < 0)
        return status;
    for (int64_t p = 0; p < count; p++) {
        float *row = whole + cols * total;

        for (int64_t r = 0; r < parts[p].shape.dims[0]; r++) {
            content_row(&contents[p], r, cols, row);
            for (int64_t c = 0; c < cols; c++)
                whole[c * total + parts[p].first + r] = row[c];
        }
    }
    for (int64_t c = 0; c < cols && status == 0; c++)
        status = put_row(w, parts, type, whole + c * total, total, error);
    nyx_free(whole);
    return status;
}

/* A foreign tensor out of `count` parts, at most three. */
static int put_tensor(work *w, int64_t first, int64_t count)
{
    const nyx_convert__part *parts = &w->map.parts[first];
    const nyx_block_type    *type = w->types[first];
    nyx_convert_tensor      *line = &w->report->tensors[w->report->count++];
    content                  contents[3] = { 0 };
    int                      status = 0;

    NYX_BUG_IF(count > 3);
    for (int64_t p = 0; p < count && status == 0; p++)
        status = content_read(&contents[p], w->reader, entry_of(w, &parts[p]));
    if (status == 0 && parts->transposed)
        status = put_transposed(w, parts, count, type, contents, &line->error);
    for (int64_t p = 0; p < count && status == 0 && !parts->transposed; p++)
        status = type->elems > 1 ? put_blocks(w, &parts[p], type, &contents[p])
                                 : put_rows(w, &parts[p], type, &contents[p], &line->error);
    if (contents[0].entry && contents[0].entry->coded)
        nyx_format_text(line->type_before, &contents[0].entry->format);
    else if (contents[0].entry)
        snprintf(line->type_before, sizeof line->type_before, "%s", nyx_dtype_name(contents[0].entry->dtype));
    snprintf(line->name, sizeof line->name, "%s", parts->foreign);
    snprintf(line->from, sizeof line->from, "%s", parts->name);
    snprintf(line->type, sizeof line->type, "%s", type->name);
    line->moved = type->elems > 1;
    for (int64_t p = 0; p < count; p++)
        content_release(&contents[p]);
    return status;
}

int64_t nyx_convert__parts_at(const work *w, int64_t first)
{
    int64_t count = 1;

    while (first + count < w->map.count &&
           strcmp(w->map.parts[first + count].foreign, w->map.parts[first].foreign) == 0)
        count++;
    return count;
}

int64_t nyx_convert__foreign_bytes(const work *w, int64_t first)
{
    const nyx_shape shape = nyx_convert__foreign_shape(&w->map.parts[first]);

    return nyx_shape_count(&shape) / w->types[first]->elems * w->types[first]->bytes;
}

int nyx_convert__put_tensors(work *w, int64_t from, int64_t to)
{
    int     status = 0;
    int64_t n;

    for (int64_t i = from; i < to && status == 0; i += nyx_convert__parts_at(w, i)) {
        const nyx_shape shape = nyx_convert__foreign_shape(&w->map.parts[i]);

        status = nyx_foreign_writer_declare(w->writer, w->map.parts[i].foreign, w->types[i], &shape);
    }
    for (int64_t i = from; i < to && status == 0; i += n) {
        const nyx_shape shape = nyx_convert__foreign_shape(&w->map.parts[i]);

        n = nyx_convert__parts_at(w, i);
        if ((status = put_tensor(w, i, n)) == 0) {
            nyx_convert_tensor *line = &w->report->tensors[w->report->count - 1];

            line->shape = shape;
            line->bytes = nyx_convert__foreign_bytes(w, i);
        }
        if (w->options->progress)
            w->options->progress(w->options->context, i + n, w->map.count);
        if (status == 0 && nyx_stop_requested())
            status = nyx_error_set(NYX_ERR_STOPPED, "stopped; nothing was written");
    }
    return status;
}

/* ---- all of it ------------------------------------------------------------------------------ */

/* The type of most matrices: what the file is called by, and by whom. */
static const nyx_block_type *main_type(const work *w)
{
    const nyx_block_type *best = nyx_block_types;
    int64_t               most = 0;

    for (const nyx_block_type *type = nyx_block_types; type->name; type++) {
        int64_t count = 0;

        for (int64_t i = 0; i < w->map.count; i++)
            count += w->types[i] == type && w->map.parts[i].shape.rank == 2;
        if (count > most) {
            most = count;
            best = type;
        }
    }
    return best;
}

/* general.file_type, llama.cpp's number for the mixture. */
static nyx_json *gguf_metadata(const work *w)
{
    static const struct { const char *type; int number; } numbers[] = {
        { "F32", 0 }, { "F16", 1 }, { "Q4_0", 2 }, { "Q4_1", 3 }, { "Q8_0", 7 }, { "BF16", 32 }, { "MXFP4", 38 },
    };
    const nyx_block_type *type = main_type(w);
    nyx_json             *out = nyx_convert__gguf_keys(&w->config, w->family);

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (strcmp(numbers[i].type, type->name) == 0)
            nyx_json_set_int(out, "general.file_type", numbers[i].number);
    }
    for (int64_t i = 0; i < w->map.count; i++) {
        if (w->types[i]->format)
            nyx_json_set_int(out, "general.quantization_version", 2);
    }
    return out;
}

static int export_gguf(work *w, const char *path)
{
    nyx_json *metadata = NULL;
    int       status;

    if (w->family != NYX_CONVERT__LLAMA && w->family != NYX_CONVERT__GPT2)
        return nyx_error_set(NYX_ERR_UNSUPPORTED, "cannot convert '%s': GGUF knows no models of kind %s; write "
                             "safetensors", w->in, nyx_convert__family_name(w->family));
    if ((status = nyx_foreign_writer_open(&w->writer, NYX_FOREIGN_GGUF, path)) < 0)
        return status;
    metadata = gguf_metadata(w);
    status = w->tokenizer ? nyx_convert__tokenizer_keys(metadata, w->tokenizer, w->config.data.vocabulary) : 0;
    if (status == 0 && !w->tokenizer)
        nyx_json_set_text(metadata, "tokenizer.ggml.model", "none");
    if (status == 0 && (status = nyx_convert__provenance_read(metadata, w->reader, NYX_FOREIGN_GGUF)) == 0 &&
        (status = nyx_foreign_writer_metadata(w->writer, metadata)) == 0 &&
        (status = nyx_convert__put_tensors(w, 0, w->map.count)) == 0) {
        status = nyx_foreign_writer_commit(w->writer);
        w->writer = NULL;
    }
    nyx_json_free(metadata);
    return status < 0 ? status : nyx_convert__note(&w->report->outputs, &w->report->output_count, "%s", path);
}

static int export_file(work *w, const char *path)
{
    static const char *const names[][2] = { { "F32", "float32" }, { "F16", "float16" }, { "BF16", "bfloat16" } };
    const char              *dtype = "float32";
    nyx_json                *config = NULL;
    int                      status;

    if (w->kind == NYX_FOREIGN_GGUF)
        return export_gguf(w, path);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(main_type(w)->name, names[i][0]) == 0)
            dtype = names[i][1];
    }
    if (w->family != NYX_CONVERT__MLP)
        config = nyx_convert__hf_config(&w->config, w->family, dtype, w->tokenizer);
    status = nyx_convert__export_safetensors(w, path, config);
    nyx_json_free(config);
    return status;
}

/* What stands in front of the names of HF and of the original HRM. */
static const char *prefix_of(const work *w)
{
    if (w->kind == NYX_FOREIGN_GGUF)
        return "";
    return w->family == NYX_CONVERT__HRM ? "model.inner." : w->family == NYX_CONVERT__GPT2 ? "transformer." : "";
}

static int open_model(work *w)
{
    nyx_json *json = NULL;
    int       status;

    if ((status = nyx_reader_open(&w->reader, w->in)) < 0)
        return status;
    if (!strcmp(nyx_reader_kind(w->reader), "dataset"))
        return nyx_error_set(NYX_ERR_INPUT, "cannot convert '%s': it is a dataset, a model is expected; "
                             "nyx-train makes one out of it", w->in);
    if ((status = nyx_reader_json(w->reader, "/config", &json)) < 0)
        return status;
    if (!json)
        return nyx_error_set(NYX_ERR_INPUT, "cannot convert '%s': it has no /config, so nobody knows what model it is",
                             w->in);
    status = nyx_config_parse(&w->config, json, w->in);
    nyx_json_free(json);
    if (status == 0 && w->config.data.vocabulary < 1)
        status = nyx_error_set(NYX_ERR_INPUT, "cannot convert '%s': its configuration lacks 'data'", w->in);
    return status;
}

/* The one that the model carries, or the one of --tokenizer. */
static int find_tokenizer(work *w)
{
    int status = nyx_reader_json(w->reader, "/tokenizer", &w->tokenizer_json);

    if (status < 0 || (!w->tokenizer_json && !w->options->tokenizer))
        return status;
    status = w->options->tokenizer ? nyx_tokenizer_read(&w->tokenizer, w->options->tokenizer)
                                   : nyx_tokenizer_parse(&w->tokenizer, w->tokenizer_json, w->in);
    if (status < 0)
        return status;
    nyx_json_free(w->tokenizer_json);
    if (!(w->tokenizer_json = nyx_tokenizer_json(w->tokenizer)))
        return nyx_error_set(NYX_ERR_MEMORY, "no memory for the tokenizer");
    w->report->tokenizer = nyx_tokenizer_kind_name(nyx_tokenizer_kind_of(w->tokenizer));
    if (nyx_tokenizer_vocabulary(w->tokenizer) > w->config.data.vocabulary)
        return nyx_error_set(NYX_ERR_INPUT, "cannot convert '%s': its tokenizer has %lld tokens, the model %lld", w->in,
                             (long long)nyx_tokenizer_vocabulary(w->tokenizer), (long long)w->config.data.vocabulary);
    return 0;
}

int nyx_convert_export(nyx_convert_report *out, const char *in, enum nyx_foreign_kind kind, const char *path,
                       const nyx_convert_options *options)
{
    work w = { .options = options, .report = out, .kind = kind, .in = in };
    int  status;

    *out = (nyx_convert_report) { .format = nyx_foreign_kind_name(kind) };
    if ((status = open_model(&w)) < 0 || (status = nyx_convert__family_of(&w.family, &w.config, in)) < 0)
        goto done;
    out->family = nyx_convert__family_name(w.family);
    if ((status = nyx_convert__map_create(&w.map, &w.config, w.family,
                                          kind == NYX_FOREIGN_GGUF ? NYX_CONVERT__GGUF : NYX_CONVERT__HF,
                                          prefix_of(&w))) < 0 ||
        (status = decide_all(&w)) < 0 || (status = nyx_convert__reserve(out, w.map.count)) < 0 ||
        (status = find_tokenizer(&w)) < 0)
        goto done;
    status = export_file(&w, path);
done:
    nyx_foreign_writer_discard(w.writer);
    nyx_reader_close(w.reader);
    nyx_convert__map_release(&w.map);
    nyx_free(w.types);
    nyx_tokenizer_free(w.tokenizer);
    nyx_json_free(w.tokenizer_json);
    return status;
}
