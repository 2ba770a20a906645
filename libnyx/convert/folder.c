/* folder -- an export as safetensors: one file, or a folder with the model, in
 * one file or in shards with an index, and the small files that HF keeps beside.
 */
#include "convert/internal_export.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SHARDS_MOST = 512 }; /* as many as are read */

typedef nyx_convert__work work;

/* One file of tensors, written but not yet under its name. */
typedef struct {
    int64_t             from, to; /* parts */
    char               *path;
    nyx_foreign_writer *writer;
} shard;

/* ---- metadata ---------------------------------------------------------------------- */

/* The configuration goes in where no config.json lies beside; the tokenizer
 * where no tokenizer.json does, and where that does not hold its scores. */
static int fill_metadata(nyx_json *metadata, const work *w, const nyx_json *config, bool alone)
{
    char *text = NULL, *tokenizer = NULL;
    int   status = nyx_convert__provenance_read(metadata, w->reader, NYX_FOREIGN_SAFETENSORS);

    if (status == 0 && alone && config && (status = nyx_json_print(&text, config, 0)) == 0)
        nyx_json_set_text(metadata, "config", text);
    if (status == 0 && w->tokenizer && (alone || nyx_tokenizer_kind_of(w->tokenizer) != NYX_TOKENIZER_BPE_BYTES) &&
        (status = nyx_json_print(&tokenizer, w->tokenizer_json, 0)) == 0)
        nyx_json_set_text(metadata, "nyx_tokenizer", tokenizer);
    nyx_free(text);
    nyx_free(tokenizer);
    return status;
}

/* The first shard says it for all. */
static int write_shard(work *w, shard *s, const nyx_json *config, bool alone)
{
    nyx_json *metadata = nyx_json_object();
    int       status;

    nyx_json_set_text(metadata, "format", "pt");
    if ((status = nyx_foreign_writer_open(&w->writer, NYX_FOREIGN_SAFETENSORS, s->path)) == 0 &&
        (s->from > 0 || (status = fill_metadata(metadata, w, config, alone)) == 0) &&
        (status = nyx_foreign_writer_metadata(w->writer, metadata)) == 0)
        status = nyx_convert__put_tensors(w, s->from, s->to);
    nyx_json_free(metadata);
    s->writer = w->writer;
    w->writer = NULL;
    return status;
}

static int commit_shard(work *w, shard *s)
{
    int status = nyx_foreign_writer_commit(s->writer);

    s->writer = NULL;
    return status < 0 ? status : nyx_convert__note(&w->report->outputs, &w->report->output_count, "%s", s->path);
}

static void release_shards(shard *shards, int64_t count)
{
    for (int64_t i = 0; shards && i < count; i++) {
        nyx_foreign_writer_discard(shards[i].writer);
        nyx_free(shards[i].path);
    }
    nyx_free(shards);
}

/* ---- shards --------------------------------------------------------------------------- */

/* Tensors in order, as many as fit into a file; one that is larger has its own.
 * `out` NULL only counts the files. */
static int64_t divide(const work *w, shard *out)
{
    int64_t count = 0, bytes = 0, from = 0;

    for (int64_t i = 0; i < w->map.count; i += nyx_convert__parts_at(w, i)) {
        const int64_t more = nyx_convert__foreign_bytes(w, i);

        if (i > from && w->options->shard_bytes && more > w->options->shard_bytes - bytes) {
            if (out)
                out[count] = (shard) { .from = from, .to = i };
            count++;
            from = i;
            bytes = 0;
        }
        bytes += more;
    }
    if (out)
        out[count] = (shard) { .from = from, .to = w->map.count };
    return count + 1;
}

/* A folder keeps a model in one way: readers differ in which they take of two. */
static int check_folder(const char *folder, bool sharded)
{
    const char *name = sharded ? "model.safetensors" : "model.safetensors.index.json";
    char       *path;
    int         status = nyx_text_format(&path, "%s/%s", folder, name);

    if (status == 0 && access(path, F_OK) == 0)
        status = nyx_error_set(NYX_ERR_CREATE, "cannot write to the folder '%s': it holds %s of another model; remove "
                                               "it first", folder, name);
    nyx_free(path);
    return status;
}

static int plan_shards(shard **out, int64_t *count, const work *w, const char *folder)
{
    int status;

    *count = divide(w, NULL);
    if (*count > SHARDS_MOST)
        return nyx_error_set(NYX_ERR_USAGE, "shards of %lld bytes are %lld files, at most %d are possible",
                             (long long)w->options->shard_bytes, (long long)*count, SHARDS_MOST);
    if ((status = check_folder(folder, *count > 1)) < 0 ||
        (status = nyx_alloc(out, *count * (int64_t)sizeof **out)) < 0)
        return status;
    divide(w, *out);
    for (int64_t i = 0; i < *count && status == 0; i++)
        status = *count == 1 ? nyx_text_format(&(*out)[i].path, "%s/model.safetensors", folder)
                             : nyx_text_format(&(*out)[i].path, "%s/model-%05d-of-%05d.safetensors", folder, (int)i + 1,
                                               (int)*count);
    return status;
}

/* Which file each tensor is in. */
static nyx_json *index_of(const work *w, const shard *shards, int64_t count)
{
    nyx_json *index = nyx_json_object(), *metadata = nyx_json_add_object(index, "metadata");
    nyx_json *map = nyx_json_add_object(index, "weight_map");
    int64_t   total = 0;

    for (int64_t s = 0; s < count; s++)
        for (int64_t i = shards[s].from; i < shards[s].to; i += nyx_convert__parts_at(w, i)) {
            nyx_json_set_text(map, w->map.parts[i].foreign, strrchr(shards[s].path, '/') + 1);
            total += nyx_convert__foreign_bytes(w, i);
        }
    nyx_json_set_int(metadata, "total_size", total);
    return index;
}

/* ---- a folder ------------------------------------------------------------------------- */

static bool is_folder(const char *path)
{
    struct stat st;

    return nyx_text_ends(path, "/") || (stat(path, &st) == 0 && S_ISDIR(st.st_mode));
}

/* A small file; json NULL: none. */
typedef struct {
    const char *name;
    nyx_json   *json;
    nyx_output *out; /* written, but not yet under its name */
} small;

static int write_json(small *file, const char *folder)
{
    char *path, *text = NULL;
    int   status;

    if (!file->json)
        return 0;
    if ((status = nyx_text_format(&path, "%s/%s", folder, file->name)) < 0)
        return status;
    if ((status = nyx_json_print(&text, file->json, 2)) == 0 && (status = nyx_output_open(&file->out, path)) == 0 &&
        (status = nyx_output_write(file->out, text, (int64_t)strlen(text))) == 0)
        status = nyx_output_write(file->out, "\n", 1);
    nyx_free(text);
    nyx_free(path);
    return status;
}

static int commit_small(work *w, small *file, const char *folder)
{
    int status = file->out ? nyx_output_commit(file->out) : 0;

    if (file->out && status == 0)
        status = nyx_convert__note(&w->report->outputs, &w->report->output_count, "%s/%s", folder, file->name);
    file->out = NULL;
    return status;
}

/* Everything is written before the first file takes its name; the tensors take
 * theirs before the small files do. */
static int export_folder(work *w, const char *folder, const nyx_json *config)
{
    enum { INDEX, CONFIG, TOKENIZER, SMALL };
    small       files[SMALL] = { { .name = "model.safetensors.index.json" }, { .name = "config.json" },
                                 { .name = "tokenizer.json" } };
    const bool  made = mkdir(folder, 0777) == 0;
    shard      *shards = NULL;
    int64_t     count = 0;
    int         status;

    if (!made && errno != EEXIST)
        return nyx_error_set(NYX_ERR_CREATE, "cannot create the folder '%s': %s", folder, strerror(errno));
    if ((status = plan_shards(&shards, &count, w, folder)) < 0 ||
        (config && (status = nyx_json_check(files[CONFIG].json = nyx_json_copy(config))) < 0) ||
        (w->tokenizer && (status = nyx_convert__hf_tokenizer(&files[TOKENIZER].json, w->tokenizer)) < 0))
        goto done;
    if (count > 1)
        files[INDEX].json = index_of(w, shards, count);
    for (int i = 0; i < SMALL && status == 0; i++)
        status = write_json(&files[i], folder);
    for (int64_t i = 0; i < count && status == 0; i++)
        status = write_shard(w, &shards[i], NULL, false);
    for (int64_t i = 0; i < count && status == 0; i++)
        status = commit_shard(w, &shards[i]);
    for (int i = 0; i < SMALL && status == 0; i++)
        status = commit_small(w, &files[i], folder);
done:
    release_shards(shards, count);
    for (int i = 0; i < SMALL; i++) {
        nyx_output_discard(files[i].out);
        nyx_json_free(files[i].json);
    }
    if (status < 0 && made)
        rmdir(folder);
    return status;
}

int nyx_convert__export_safetensors(work *w, const char *path, const nyx_json *config)
{
    shard *only;
    int    status;

    if (is_folder(path))
        return export_folder(w, path, config);
    if ((status = nyx_alloc(&only, (int64_t)sizeof *only)) < 0)
        return status;
    only->to = w->map.count;
    if ((status = nyx_text_copy(&only->path, path)) == 0 && (status = write_shard(w, only, config, true)) == 0)
        status = commit_shard(w, only);
    release_shards(only, 1);
    return status;
}
