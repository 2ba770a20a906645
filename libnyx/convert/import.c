/* import -- a foreign file becomes a model file, tensor by tensor.
 */
#include "convert/internal.h"

#include <string.h>

/* The pieces a tensor is worked on in: a few MiB of f32, whole rows. */
enum { PIECE_ELEMS = 1 << 20 };

typedef struct {
    const nyx_convert_options *options;
    nyx_convert_report        *report;
    nyx_foreign               *file;
    nyx_convert__identity      who;
    nyx_convert__map           map;
    nyx_writer                *writer;
} work;

static const char *path_of(const work *w)
{
    return nyx_foreign_path(w->file);
}

/* ---- finding ------------------------------------------------------------------------ */

static const nyx_foreign_tensor *source_of(const work *w, const nyx_convert__part *part)
{
    const nyx_foreign_tensor *weight;

    if (w->who.family != NYX_CONVERT__MLP)
        return nyx_foreign_find(w->file, part->foreign);
    weight = nyx_convert__mlp_weight(w->file, atoi(part->name + 7));
    return strstr(part->name, ".bias") ? nyx_convert__mlp_bias(w->file, weight) : weight;
}

static int check_part(const work *w, const nyx_convert__part *part)
{
    const nyx_foreign_tensor *t = source_of(w, part);
    const nyx_shape           want = nyx_convert__foreign_shape(part);
    char                      is[96], should[96];

    if (!t)
        return nyx_error_set(NYX_ERR_INPUT, "cannot convert '%s': tensor '%s' is missing", path_of(w), part->foreign);
    if (t->type->elems == 1 && !nyx_dtype_is_real(t->type->dtype))
        return nyx_error_set(NYX_ERR_INPUT, "cannot convert '%s': tensor '%s' holds integers (%s)", path_of(w), t->name,
                             t->type->name);
    if (nyx_shape_equal(&t->shape, &want))
        return 0;
    nyx_shape_text(is, &t->shape);
    nyx_shape_text(should, &want);
    return nyx_error_set(NYX_ERR_INPUT, "cannot convert '%s': tensor '%s' is %s, the configuration asks for %s",
                         path_of(w), t->name, is, should);
}

/* Tables that old files keep beside the weights, and a head that is the
 * embedding again. */
static bool is_ballast(const work *w, const nyx_foreign_tensor *t)
{
    static const char *const ends[] = { ".rotary_emb.inv_freq", ".attn.bias", ".attn.masked_bias" };

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        if (nyx_text_ends(t->name, ends[i]))
            return true;
    }
    return w->who.config.model.tied && strcmp(t->name, "lm_head.weight") == 0;
}

static int by_name(const void *key, const void *part)
{
    return strcmp(key, ((const nyx_convert__part *)part)->foreign);
}

/* Every part has its tensor, every tensor its part. */
static int check_all(const work *w)
{
    int status = 0;

    for (int64_t i = 0; i < w->map.count && status == 0; i++)
        status = check_part(w, &w->map.parts[i]);
    for (int64_t i = 0; i < nyx_foreign_count(w->file) && status == 0 && w->who.family != NYX_CONVERT__MLP; i++) {
        const nyx_foreign_tensor *t = nyx_foreign_tensor_at(w->file, i);

        if (!bsearch(t->name, w->map.parts, (size_t)w->map.count, sizeof *w->map.parts, by_name) && !is_ballast(w, t))
            status = nyx_error_set(NYX_ERR_INPUT,
                                   "cannot convert '%s': tensor '%s' has no place in the model that the configuration "
                                   "describes",
                                   path_of(w), t->name);
    }
    return status;
}

/* ---- plain tensors -------------------------------------------------------------------- */

/* The type that a tensor gets: as it is where we have it, f32 out of blocks;
 * --dtype decides about matrices. */
static enum nyx_dtype target_of(const work *w, const nyx_foreign_tensor *t)
{
    enum nyx_dtype dtype = t->type->elems == 1 ? t->type->dtype : NYX_F32;

    if (dtype == NYX_FP8_E4M3 || dtype == NYX_FP8_E5M2)
        dtype = NYX_F16;
    else if (!nyx_dtype_is_half(dtype))
        dtype = NYX_F32;
    if (w->options->dtype && t->shape.rank > 1 && !nyx_dtype_find(&dtype, w->options->dtype))
        NYX_BUG_IF(true);
    return dtype;
}

/* Rows of the part as f32, in our order; `whole` is the foreign tensor where it
 * is a vector or transposed. */
static int get_rows(const work *w, const nyx_convert__part *part, const nyx_foreign_tensor *t, const float *whole,
                    int64_t first, int64_t rows, float *out)
{
    const int64_t cols = part->shape.dims[part->shape.rank - 1];
    int           status = 0;

    if (part->shape.rank == 1) { /* a vector, one row, was read as a whole */
        NYX_BUG_IF(!whole);
        for (int64_t i = 0; i < cols; i++)
            out[i] = whole[part->first + nyx_convert__foreign_row(part, i)];
        return 0;
    }
    if (!part->transposed && !part->pairs)
        return nyx_foreign_read_rows(w->file, t, part->first + first, rows, out);
    for (int64_t r = 0; r < rows && status == 0; r++) {
        const int64_t there = part->first + nyx_convert__foreign_row(part, first + r);

        if (part->transposed)
            for (int64_t c = 0; c < cols; c++)
                out[r * cols + c] = whole[c * part->total + there];
        else
            status = nyx_foreign_read_rows(w->file, t, there, 1, out + r * cols);
    }
    return status;
}

static int check_finite(const work *w, const nyx_foreign_tensor *t, const float *values, int64_t elems)
{
    const int64_t at = nyx_f32_find_nonfinite(values, elems);

    if (at < 0)
        return 0;
    return nyx_error_set(NYX_ERR_INPUT, "cannot convert '%s': tensor '%s' holds a value that is not finite",
                         path_of(w), t->name);
}

/* Round the piece, measure what that cost. */
static int narrow(const work *w, const nyx_foreign_tensor *t, enum nyx_dtype dtype, const float *values, void *out,
                  float *back, int64_t elems, nyx_quant_error *error)
{
    nyx_convert_from_f32(dtype, out, values, elems);
    if (dtype == NYX_F32)
        return 0;
    nyx_convert_to_f32(dtype, back, out, elems);
    if (nyx_f32_find_nonfinite(back, elems) >= 0)
        return nyx_error_set(NYX_ERR_INPUT, "cannot convert '%s': tensor '%s' holds a value beyond the range of %s; "
                             "use another --dtype", path_of(w), t->name, nyx_dtype_name(dtype));
    nyx_quant_error_add(error, values, back, elems);
    return 0;
}

static void tensor_path(char out[64], const nyx_convert__part *part)
{
    snprintf(out, 64, "/tensors/%s", part->name);
}

static int import_plain(work *w, const nyx_convert__part *part, const nyx_foreign_tensor *t, nyx_convert_tensor *line)
{
    const enum nyx_dtype dtype = target_of(w, t);
    const int64_t        vector = part->shape.rank == 1, rows = vector ? 1 : part->shape.dims[0];
    const int64_t        cols = part->shape.dims[part->shape.rank - 1];
    const int64_t        most = cols < PIECE_ELEMS ? PIECE_ELEMS / cols : 1, piece = rows < most ? rows : most;
    float               *values = NULL, *back = NULL, *whole = NULL;
    void                *raw = NULL;
    char                 path[64];
    int                  status;

    tensor_path(path, part);
    if ((status = nyx_alloc(&values, piece * cols * 4)) < 0 || (status = nyx_alloc(&back, piece * cols * 4)) < 0 ||
        (status = nyx_alloc(&raw, piece * cols * 4)) < 0)
        goto done;
    if ((part->transposed || vector) &&
        ((status = nyx_alloc(&whole, nyx_shape_count(&t->shape) * 4)) < 0 ||
         (status = nyx_foreign_read_rows(w->file, t, 0, vector ? 1 : t->shape.dims[0], whole)) < 0))
        goto done;
    status = nyx_writer_begin(w->writer, path, dtype, &part->shape);
    for (int64_t first = 0; first < rows && status == 0; first += piece) {
        const int64_t n = rows - first < piece ? rows - first : piece;

        if ((status = get_rows(w, part, t, whole, first, n, values)) == 0 &&
            (status = check_finite(w, t, values, n * cols)) == 0 &&
            (status = narrow(w, t, dtype, values, raw, back, n * cols, &line->error)) == 0)
            status = nyx_writer_rows(w->writer, raw, n);
    }
    if (status < 0)
        nyx_error_wrap(status, "tensor '%s'", part->name);
    snprintf(line->type, sizeof line->type, "%s", nyx_dtype_name(dtype));
    line->bytes = rows * cols * nyx_dtype_bytes(dtype);
done:
    nyx_free(values);
    nyx_free(back);
    nyx_free(whole);
    nyx_free(raw);
    return status;
}

/* ---- coded tensors --------------------------------------------------------------------- */

static int move_rows(const work *w, const nyx_convert__part *part, const nyx_foreign_tensor *t, nyx_coded *coded)
{
    const int64_t rows = part->shape.dims[0], bytes = nyx_foreign_row_bytes(t);
    const int64_t most = bytes < 1 << 20 ? (1 << 20) / bytes : 1, piece = part->pairs ? 1 : most;
    uint8_t      *raw;
    int           status = nyx_alloc(&raw, piece * bytes);

    for (int64_t first = 0; first < rows && status == 0; first += piece) {
        const int64_t n = rows - first < piece ? rows - first : piece;
        const int64_t there = part->first + nyx_convert__foreign_row(part, first);

        if ((status = nyx_foreign_read(w->file, t, there, n, raw)) == 0)
            nyx_block_to_coded(coded, t->type, raw, first, n);
    }
    nyx_free(raw);
    return status;
}

static int import_coded(work *w, const nyx_convert__part *part, const nyx_foreign_tensor *t, nyx_convert_tensor *line)
{
    nyx_plane_bytes planes = { 0 };
    nyx_coded       coded;
    nyx_format      format;
    char            path[64];
    int             status;

    tensor_path(path, part);
    if ((status = nyx_format_parse(&format, t->type->format)) < 0 ||
        (status = nyx_coded_create(&coded, &format, &part->shape)) < 0)
        return status;
    if ((status = move_rows(w, part, t, &coded)) == 0 && (status = nyx_coded_check(&coded)) < 0)
        nyx_error_wrap(status, "cannot convert '%s': tensor '%s'", path_of(w), t->name);
    if (status == 0 && (status = nyx_format_planes(&planes, &format, &part->shape)) == 0)
        status = nyx_writer_coded(w->writer, path, &coded);
    nyx_coded_release(&coded);
    if (status < 0)
        return status;
    nyx_format_text(line->type, &format);
    line->moved = true;
    line->bytes = planes.codes + planes.scales + planes.zeros + planes.globals;
    return 0;
}

/* ---- all of it ---------------------------------------------------------------------------- */

static int import_part(work *w, const nyx_convert__part *part)
{
    const nyx_foreign_tensor *t = source_of(w, part);
    nyx_convert_tensor       *line = &w->report->tensors[w->report->count++];

    snprintf(line->name, sizeof line->name, "%s", part->name);
    snprintf(line->from, sizeof line->from, "%s", t->name);
    snprintf(line->type_before, sizeof line->type_before, "%s", t->type->name);
    line->shape = part->shape;
    if (t->type->format && part->shape.rank == 2 && !w->options->decode && !part->transposed)
        return import_coded(w, part, t, line);
    return import_plain(w, part, t, line);
}

static int write_config(work *w)
{
    nyx_json *json = nyx_config_json(&w->who.config);
    int       status = nyx_writer_json(w->writer, "/config", json);

    nyx_json_free(json);
    return status;
}

/* A tokenizer that we do not know is no reason to refuse the weights. */
static int write_tokenizer(work *w)
{
    nyx_tokenizer *tokenizer;
    nyx_json      *json = NULL;
    int            status = nyx_convert__tokenizer_find(&tokenizer, w->file, w->options->tokenizer);

    if (status == NYX_ERR_UNSUPPORTED && !w->options->tokenizer)
        return nyx_convert__note(&w->report->warnings, &w->report->warning_count, "no tokenizer: %s", nyx_error_text());
    if (status < 0 || !tokenizer)
        return status;
    if (nyx_tokenizer_vocabulary(tokenizer) > w->who.config.data.vocabulary) {
        status = nyx_error_set(NYX_ERR_INPUT, "cannot convert '%s': its tokenizer has %lld tokens, the model %lld",
                               path_of(w), (long long)nyx_tokenizer_vocabulary(tokenizer),
                               (long long)w->who.config.data.vocabulary);
        goto done;
    }
    w->report->tokenizer = nyx_tokenizer_kind_name(nyx_tokenizer_kind_of(tokenizer));
    json = nyx_tokenizer_json(tokenizer);
    status = json ? nyx_writer_json(w->writer, "/tokenizer", json)
                  : nyx_error_set(NYX_ERR_MEMORY, "no memory for the tokenizer");
done:
    nyx_json_free(json);
    nyx_tokenizer_free(tokenizer);
    return status;
}

static int by_ours(const void *a, const void *b)
{
    return strcmp(((const nyx_convert__part *)a)->name, ((const nyx_convert__part *)b)->name);
}

static int write_model(work *w, const char *path)
{
    int status;

    if ((status = nyx_writer_open(&w->writer, path, "model")) < 0 ||
        (w->options->history && (status = nyx_writer_history(w->writer, w->options->history)) < 0) ||
        (status = write_config(w)) < 0 || (status = nyx_convert__provenance_write(w->writer, w->file)) < 0 ||
        (w->who.family != NYX_CONVERT__HRM && w->who.family != NYX_CONVERT__MLP && (status = write_tokenizer(w)) < 0))
        return status;
    qsort(w->map.parts, (size_t)w->map.count, sizeof *w->map.parts, by_ours);
    for (int64_t i = 0; i < w->map.count && status == 0; i++) {
        status = import_part(w, &w->map.parts[i]);
        if (w->options->progress)
            w->options->progress(w->options->context, i + 1, w->map.count);
        if (status == 0 && nyx_stop_requested())
            status = nyx_error_set(NYX_ERR_STOPPED, "stopped; nothing was written");
    }
    if (status < 0)
        return status;
    status = nyx_writer_commit(w->writer);
    w->writer = NULL;
    return status < 0 ? status : nyx_convert__note(&w->report->outputs, &w->report->output_count, "%s", path);
}

/* A configuration that asks for far more tensors than there are is wrong, and
 * would take long to walk through. */
static int check_count(const work *w, int64_t tensors)
{
    const int64_t wanted = nyx_model_parameter_count(&w->who.config);

    if (wanted <= 2 * tensors + 8)
        return 0;
    return nyx_error_set(NYX_ERR_INPUT, "cannot convert '%s': the configuration asks for %lld tensors, the file has "
                         "%lld", path_of(w), (long long)wanted, (long long)tensors);
}

static int list_sources(const work *w)
{
    int status = 0;

    for (int64_t i = 0; i < nyx_foreign_source_count(w->file) && status == 0; i++)
        status = nyx_convert__note(&w->report->sources, &w->report->source_count, "%s", nyx_foreign_source(w->file, i));
    return status;
}

int nyx_convert_import(nyx_convert_report *out, const char *in, const char *path, const nyx_convert_options *options)
{
    work w = { .options = options, .report = out };
    int  status;

    *out = (nyx_convert_report) { 0 };
    if ((status = nyx_foreign_open(&w.file, in, options->config)) < 0)
        return status;
    out->format = nyx_foreign_kind_name(nyx_foreign_kind_of(w.file));
    if ((status = list_sources(&w)) < 0 || (status = nyx_convert__identify(&w.who, w.file)) < 0)
        goto done;
    out->family = nyx_convert__family_name(w.who.family);
    if ((status = check_count(&w, nyx_foreign_count(w.file))) < 0 ||
        (status = nyx_convert__map_create(&w.map, &w.who.config, w.who.family, w.who.dialect, w.who.prefix)) < 0 ||
        (status = check_all(&w)) < 0 || (status = nyx_convert__reserve(out, w.map.count)) < 0)
        goto done;
    status = write_model(&w, path);
done:
    nyx_writer_discard(w.writer);
    nyx_convert__map_release(&w.map);
    nyx_foreign_close(w.file);
    return status;
}
