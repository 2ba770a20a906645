/* codings -- every tensor in every format: coded once, kept on disk. */
#include "evolve/internal.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* Headers of a file with several formats: what its longest attributes and the
 * ends of HDF5's blocks may take more than in a file of one format. */
enum { SLACK = 1024, SLACK_TENSOR = 64 };

/* What a level's file was made from: its line of history, and under its digest its name. */
static int line_of(char **out, const nyx_codings *c, const nyx_recipe *rules)
{
    char recipe[NYX_SHA256_HEX];
    int  status = nyx_compress_recipe_sha256(recipe, rules);

    return status < 0 ? status
                      : nyx_text_format(out, "nyx-evolve %s input=%s recipe=%s", NYX_VERSION,
                                        c->model_sha256, recipe);
}

/* FOLDER/int3-g32.0123456789abcdef.h5 */
static int path_of(char **out, const char *folder, const nyx_format *format, const char *line)
{
    char text[NYX_FORMAT_TEXT], key[NYX_SHA256_HEX];

    nyx_sha256_bytes(key, line, (int64_t)strlen(line));
    nyx_format_text(text, format);
    for (char *c = text; *c; c++)
        if (*c == ':' || *c == '=')
            *c = '-';
    return nyx_text_format(out, "%s/%s.%.16s.h5", folder, text, key);
}

/* ---- coding -------------------------------------------------------------------------- */

/* The model coded by `plan` as nyx-quantize would: so the file's size is that of a real one. */
static int write_level(nyx_compress *plan, const char *path, const char *line, nyx_pool *pool)
{
    nyx_writer *writer = NULL;
    int         status;

    if ((status = nyx_writer_open(&writer, path, "model")) < 0 ||
        (status = nyx_compress_run(plan, writer, &(nyx_compress_options){.pool = pool})) < 0 ||
        (status = nyx_writer_history(writer, line)) < 0)
        goto done;
    status = nyx_writer_commit(writer);
    writer = NULL;
done:
    nyx_writer_discard(writer);
    return status;
}

/* ---- reading -------------------------------------------------------------------------- */

static int read_coded(nyx_reader *file, const nyx_entry *entry, const nyx_format *format,
                      nyx_coded *out)
{
    nyx_layout layout;
    int        status = nyx_format_layout(&layout, format, &entry->shape);

    if (status < 0)
        return status;
    if (entry->coded ? !nyx_format_equal(&entry->format, format)
                     : layout.lattice != NYX_LATTICE_PLAIN || entry->dtype != layout.dtype)
        return nyx_error_set(NYX_ERR_INPUT, "'%s' has tensor '%s' in another format",
                             nyx_reader_path(file), entry->path);
    if (entry->coded)
        return nyx_reader_read_coded(file, entry, out);
    if ((status = nyx_coded_create(out, format, &entry->shape)) == 0 && /* f16, bf16 */
        (status = nyx_reader_read(file, entry, out->codes)) == 0)
        status = nyx_coded_check(out);
    return status;
}

void nyx_codings_decode(float *out, const nyx_codings *c, int tensor, int level)
{
    const nyx_codings_tensor *t = &c->tensors[tensor];

    if (level == NYX_LEVEL_EXACT)
        memcpy(out, t->exact, (size_t)t->elems * sizeof *out);
    else
        nyx_decode_rows(out, &t->coded[level], 0, t->elems / t->shape.dims[t->shape.rank - 1]);
}

/* Bytes of the file that belong to no tensor. */
static int64_t header_of(nyx_reader *file)
{
    struct stat info;
    int64_t     bytes = stat(nyx_reader_path(file), &info) == 0 ? (int64_t)info.st_size : 0;

    for (int64_t i = 0; i < nyx_reader_count(file); i++)
        bytes -= nyx_reader_entry(file, i)->bytes;
    return bytes;
}

static int read_level(nyx_codings *c, nyx_reader *file, int level, float *room)
{
    for (int i = 0; i < c->count; i++) {
        nyx_codings_tensor *t = &c->tensors[i];
        nyx_quant_error     error = {0};
        char                path[96];
        const nyx_entry    *entry;
        int                 status;

        snprintf(path, sizeof path, "/tensors/%s", t->name);
        entry = nyx_reader_find(file, path);
        if (!entry || !nyx_shape_equal(&entry->shape, &t->shape))
            return nyx_error_set(NYX_ERR_INPUT, "'%s' lacks tensor '%s'", nyx_reader_path(file),
                                 path);
        nyx_coded_release(&t->coded[level]);
        if ((status = read_coded(file, entry, &c->formats[level], &t->coded[level])) < 0)
            return status;
        nyx_codings_decode(room, c, i, level);
        nyx_quant_error_add(&error, t->exact, room, t->elems);
        t->bytes[level] = entry->bytes;
        t->error[level] = error.sum_square > 0.0 ? error.sum_square_error / error.sum_square : 0.0;
    }
    if (header_of(file) + SLACK + c->count * SLACK_TENSOR > c->header_bytes)
        c->header_bytes = header_of(file) + SLACK + c->count * SLACK_TENSOR;
    return 0;
}

static int open_and_read(nyx_codings *c, const char *path, const char *line, int level, float *room)
{
    nyx_reader *file;
    int         status = nyx_reader_open(&file, path);

    if (status == 0 && strcmp(nyx_reader_history(file), line) != 0)
        status = nyx_error_set(NYX_ERR_INPUT, "'%s' was coded from something else", path);
    if (status == 0)
        status = read_level(c, file, level, room);
    nyx_reader_close(file);
    return status;
}

/* A level from its file; when there is none, or it is not whole, from the model. */
static int take_level(nyx_codings *c, nyx_reader *model, const nyx_codings_options *o, int level,
                      float *room)
{
    char         *line = NULL, *path = NULL;
    nyx_recipe    recipe = {0};
    nyx_compress *plan = NULL;
    int           status;

    if ((status = nyx_compress_recipe(&recipe, &c->formats[level], c->methods[level], o->all)) <
            0 ||
        (status = line_of(&line, c, &recipe)) < 0 ||
        (status = path_of(&path, o->folder, &c->formats[level], line)) < 0)
        goto done;
    status = open_and_read(c, path, line, level, room);
    if (status != NYX_ERR_MISSING && status != NYX_ERR_INPUT)
        goto done;
    c->coded_now++;
    if ((status = nyx_compress_plan(&plan, model, &recipe)) == 0 &&
        (status = write_level(plan, path, line, o->pool)) == 0)
        status = open_and_read(c, path, line, level, room);
done:
    nyx_compress_free(plan);
    nyx_recipe_release(&recipe);
    nyx_free(line);
    nyx_free(path);
    return status;
}

/* ---- opening ------------------------------------------------------------------------------- */

/* Which tensors a plan decides about: those that a format would code. */
static int take_tensors(nyx_codings *c, nyx_reader *model, bool all)
{
    nyx_recipe    recipe = {0};
    nyx_compress *plan = NULL;
    int           status;

    if ((status = nyx_compress_recipe(&recipe, &c->formats[0], c->methods[0], all)) < 0 ||
        (status = nyx_compress_plan(&plan, model, &recipe)) < 0 ||
        (status = nyx_alloc(&c->tensors, plan->count * (int64_t)sizeof *c->tensors)) < 0)
        goto done;
    for (int64_t i = 0; i < plan->count && status == 0; i++) {
        const nyx_compress_tensor *from = &plan->tensors[i];
        nyx_codings_tensor        *t = &c->tensors[c->count];

        if (from->keep) {
            c->kept_bytes += from->bytes_before;
            continue;
        }
        c->count++;
        t->shape = from->entry->shape;
        t->elems = from->elems;
        c->elems += from->elems;
        if ((status = nyx_text_copy(&t->name, from->entry->name)) == 0 &&
            (status = nyx_alloc(&t->exact, t->elems * (int64_t)sizeof *t->exact)) == 0)
            status = nyx_reader_read_f32(model, from->entry, t->exact);
    }
    if (status == 0 && c->count == 0)
        status = nyx_error_set(
            NYX_ERR_INPUT,
            "'%s' has no tensor to choose a format for: a plain matrix with rows of 16 "
            "and more is needed; was it coded already?",
            nyx_reader_path(model));
done:
    nyx_compress_free(plan);
    nyx_recipe_release(&recipe);
    return status;
}

static int take_levels(nyx_codings *c, nyx_reader *model, const nyx_codings_options *o)
{
    float  *room;
    int64_t most = 0;
    int     status;

    for (int i = 0; i < c->count; i++)
        most = c->tensors[i].elems > most ? c->tensors[i].elems : most;
    if ((status = nyx_alloc(&room, most * (int64_t)sizeof *room)) < 0)
        return status;
    for (int level = 0; level < c->levels && status == 0; level++) {
        if (nyx_stop_requested())
            status = nyx_error_set(NYX_ERR_STOPPED, "stopped while coding; the same line goes on");
        else
            status = take_level(c, model, o, level, room);
        if (o->progress)
            o->progress(o->context, level + 1, c->levels);
    }
    nyx_free(room);
    return status;
}

int nyx_codings_open(nyx_codings **out, const nyx_codings_options *o)
{
    nyx_codings *c;
    nyx_reader  *model = NULL;
    int64_t      bytes;
    int          status;

    NYX_BUG_IF(o->format_count < 1 || o->format_count > NYX_LEVELS_MOST);
    *out = NULL;
    if ((status = nyx_alloc(&c, sizeof *c)) < 0)
        return status;
    c->levels = o->format_count;
    for (int i = 0; i < c->levels; i++) {
        c->formats[i] = o->formats[i];
        c->methods[i] = nyx_method_default(&c->formats[i]);
    }
    if ((status = nyx_reader_open(&model, o->model)) < 0 ||
        (status = nyx_sha256_file(c->model_sha256, &bytes, o->model)) < 0 ||
        (status = take_tensors(c, model, o->all)) < 0)
        goto done;
    if (mkdir(o->folder, 0777) < 0 && errno != EEXIST)
        status = nyx_error_set(NYX_ERR_CREATE, "cannot create the folder '%s': %s", o->folder,
                               strerror(errno));
    else
        status = take_levels(c, model, o);
done:
    nyx_reader_close(model);
    if (status < 0)
        nyx_codings_close(c);
    else
        *out = c;
    return status;
}

void nyx_codings_close(nyx_codings *c)
{
    if (!c)
        return;
    for (int i = 0; i < c->count; i++) {
        nyx_free(c->tensors[i].name);
        nyx_free(c->tensors[i].exact);
        for (int level = 0; level < c->levels; level++)
            nyx_coded_release(&c->tensors[i].coded[level]);
    }
    nyx_free(c->tensors);
    nyx_free(c);
}

/* ---- plans ------------------------------------------------------------------------------------
 */

int64_t nyx_codings_bytes(const nyx_codings *c, const uint8_t *plan)
{
    int64_t bytes = 0;

    for (int i = 0; i < c->count; i++)
        bytes += plan[i] == NYX_LEVEL_EXACT ? c->tensors[i].elems * (int64_t)sizeof(float)
                                            : c->tensors[i].bytes[plan[i]];
    return bytes;
}

double nyx_codings_bits(const nyx_codings *c, int64_t bytes)
{
    return 8.0 * (double)bytes / (double)c->elems;
}

/* The rules of a plan, tensor by tensor, as nyx-quantize reads them. */
static nyx_json *recipe_json(const nyx_codings *c, const uint8_t *plan, const char *comment)
{
    nyx_json *json = nyx_json_object(), *rules;

    nyx_json_set_text(json, "comment", comment);
    rules = nyx_json_add_array(json, "rules");
    for (int i = 0; i < c->count; i++) {
        nyx_json *rule = nyx_json_push_object(rules);
        char      text[NYX_FORMAT_TEXT];

        nyx_format_text(text, &c->formats[plan[i]]);
        nyx_json_set_text(rule, "tensor", c->tensors[i].name);
        nyx_json_set_text(rule, "format", text);
        nyx_json_set_text(rule, "method", nyx_method_name(c->methods[plan[i]]));
    }
    return json;
}

int nyx_plan_write(const char *path, const nyx_codings *c, const uint8_t *plan, const char *comment)
{
    nyx_json *json = recipe_json(c, plan, comment);
    const int status = nyx_json_write(path, json, 2);

    nyx_json_free(json);
    return status;
}

/* A tensor that the recipe leaves alone has no level: it would be kept. */
int nyx_plan_read(uint8_t *plan, const nyx_codings *c, const char *path)
{
    nyx_recipe recipe;
    int        status = nyx_recipe_read(&recipe, path), named = 0;

    for (int i = 0; i < c->count && status == 0; i++) {
        const nyx_recipe_rule *rule = nyx_recipe_find(&recipe, c->tensors[i].name);

        plan[i] = NYX_LEVEL_EXACT;
        for (int level = 0; rule && !rule->keep && level < c->levels; level++)
            if (nyx_format_equal(&rule->format, &c->formats[level]) &&
                rule->method == c->methods[level])
                plan[i] = (uint8_t)level;
        named += rule != NULL;
        if (rule && plan[i] == NYX_LEVEL_EXACT)
            status = nyx_error_set(
                NYX_ERR_INPUT,
                "'%s' gives tensor '%s' a format that --formats does not list; add it "
                "there",
                path, c->tensors[i].name);
    }
    if (status == 0 && named < c->count)
        status =
            named == 0
                ? nyx_error_set(NYX_ERR_INPUT,
                                "'%s' names no tensor of the model; is it another model's?", path)
                : nyx_error_set(NYX_ERR_INPUT,
                                "'%s' names only %d of the %d tensors that are searched; end it "
                                "with a rule for \"*\"",
                                path, named, c->count);
    nyx_recipe_release(&recipe);
    return status;
}
