/* safetensors -- eight bytes of length, a JSON header, the tensors' bytes; and
 * the index that spreads tensors over several such files.
 *
 * Strict: no key but dtype, shape and data_offsets, tensors fill the rest of
 * the file exactly, no double keys (the JSON parser refuses them).
 */
#include "foreign/internal.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* ---- one file ------------------------------------------------------------------ */

static const nyx_block_type *find_type(const char *name)
{
    for (const nyx_block_type *type = nyx_block_types; type->name; type++) {
        if (type->safetensors && strcmp(type->safetensors, name) == 0)
            return type;
    }
    return NULL;
}

/* An integer of JSON in [0, 2^63); reals, even whole ones, are none. */
static bool natural(int64_t *out, const nyx_json *json)
{
    *out = nyx_json_int(json, -1);
    return nyx_json_kind_of(json) == NYX_JSON_INT && *out >= 0;
}

static int parse_shape(nyx_shape *out, const char *path, const char *name, const nyx_json *json)
{
    if (nyx_json_kind_of(json) != NYX_JSON_ARRAY || nyx_json_count(json) > NYX_MAX_RANK)
        return nyx_foreign__bad(path, "tensor '%s': 'shape' is no array of up to %d numbers", name, NYX_MAX_RANK);
    out->rank = (int)nyx_json_count(json);
    for (int i = 0; i < out->rank; i++) {
        if (!natural(&out->dims[i], nyx_json_item(json, i)))
            return nyx_foreign__bad(path, "tensor '%s': element %d of 'shape' is no whole number", name, i);
    }
    return 0;
}

static int parse_tensor(nyx_foreign *f, int file, int64_t start, const char *name, const nyx_json *json)
{
    const char           *path = f->files[file].path;
    const nyx_json       *offsets = nyx_json_get(json, "data_offsets");
    const char           *dtype = nyx_json_text(nyx_json_get(json, "dtype"), NULL);
    const nyx_block_type *type;
    nyx_shape             shape = { 0 };
    int64_t               begin, end;
    int                   status;

    if (nyx_json_kind_of(json) != NYX_JSON_OBJECT || nyx_json_count(json) != 3 || !dtype || !offsets ||
        !nyx_json_get(json, "shape"))
        return nyx_foreign__bad(path, "tensor '%s' must have exactly dtype, shape and data_offsets", name);
    if (!(type = find_type(dtype)))
        return nyx_error_set(strncmp(dtype, "F4", 2) == 0 || strncmp(dtype, "F6", 2) == 0 ||
                                     !strcmp(dtype, "F8_E8M0") || *dtype == 'C' || strchr(dtype, 'Z')
                                 ? NYX_ERR_UNSUPPORTED
                                 : NYX_ERR_INPUT,
                             "cannot read '%s': tensor '%s' is of the unknown type '%.20s'", path, name, dtype);
    if ((status = parse_shape(&shape, path, name, nyx_json_get(json, "shape"))) < 0)
        return status;
    if (nyx_json_count(offsets) != 2 || !natural(&begin, nyx_json_item(offsets, 0)) ||
        !natural(&end, nyx_json_item(offsets, 1)) || end < begin || end > f->files[file].bytes - start)
        return nyx_foreign__bad(path, "tensor '%s': 'data_offsets' are no place inside the file", name);
    if ((status = nyx_foreign__add_tensor(f, file, name, type, &shape, start + begin)) < 0)
        return status;
    if (f->tensors[f->count - 1].bytes != end - begin)
        return nyx_foreign__bad(path, "tensor '%s': %s of its shape takes %lld bytes, 'data_offsets' give %lld", name,
                                type->name, (long long)f->tensors[f->count - 1].bytes, (long long)(end - begin));
    return 0;
}

static int parse_metadata(nyx_foreign *f, const char *path, const nyx_json *json)
{
    if (nyx_json_kind_of(json) != NYX_JSON_OBJECT)
        return nyx_foreign__bad(path, "'__metadata__' is no object");
    for (int64_t i = 0; i < nyx_json_count(json); i++) {
        if (nyx_json_kind_of(nyx_json_item(json, i)) != NYX_JSON_TEXT)
            return nyx_foreign__bad(path, "'__metadata__': '%s' is no text", nyx_json_key(json, i));
    }
    if (f->metadata)
        return 0; /* shards repeat it */
    if (!(f->metadata = nyx_json_copy(json)))
        return nyx_error_set(NYX_ERR_MEMORY, "no memory to read '%s'", path);
    return 0;
}

static int parse_header(nyx_foreign *f, int file, int64_t start, const nyx_json *header)
{
    const char   *path = f->files[file].path;
    const int64_t first = f->count;
    int           status = 0;

    if (nyx_json_kind_of(header) != NYX_JSON_OBJECT)
        return nyx_foreign__bad(path, "its header is no JSON object");
    for (int64_t i = 0; i < nyx_json_count(header) && status == 0; i++) {
        const char *name = nyx_json_key(header, i);

        status = strcmp(name, "__metadata__") == 0 ? parse_metadata(f, path, nyx_json_item(header, i))
                                                   : parse_tensor(f, file, start, name, nyx_json_item(header, i));
    }
    return status < 0 ? status : nyx_foreign__check_places(f, first, file, start, 1);
}

static int read_file(nyx_foreign *f, int file)
{
    const struct nyx_foreign__file *in = &f->files[file];
    uint8_t                         size[8];
    uint64_t                        bytes = 0;
    char                           *text = NULL;
    nyx_json                       *header = NULL;
    int                             status;

    if (in->bytes < 8)
        return nyx_foreign__bad(in->path, "%lld bytes are too few for safetensors", (long long)in->bytes);
    if ((status = nyx_foreign__pread(in, size, 8, 0)) < 0)
        return status;
    for (int i = 7; i >= 0; i--)
        bytes = bytes << 8 | size[i];
    if (bytes > (uint64_t)in->bytes - 8)
        return nyx_foreign__bad(in->path, "its header of %llu bytes is longer than the file",
                                (unsigned long long)bytes);
    if (bytes > NYX_FOREIGN__HEADER)
        return nyx_foreign__bad(in->path, "its header has %llu bytes, at most %d are read", (unsigned long long)bytes,
                                NYX_FOREIGN__HEADER);
    if ((status = nyx_alloc(&text, (int64_t)bytes + 1)) < 0 ||
        (status = nyx_foreign__pread(in, text, (int64_t)bytes, 8)) < 0)
        goto done;
    if ((status = nyx_json_parse(&header, text, (int64_t)bytes, in->path)) < 0) {
        nyx_error_wrap(status, "cannot read the header");
        goto done;
    }
    status = parse_header(f, file, 8 + (int64_t)bytes, header);
done:
    nyx_free(text);
    nyx_json_free(header);
    return status;
}

/* ---- the configuration beside it ---------------------------------------------------- */

/* config.json of the option, of the folder, or the text in __metadata__. */
static int find_config(nyx_foreign *f, const char *folder, const char *config)
{
    const char *inside = nyx_json_text(nyx_json_get(f->metadata, "config"), NULL);
    char       *beside = NULL;
    int         status = 0;

    if (config) {
        if ((status = nyx_json_read(&f->config, config)) == 0)
            status = nyx_foreign__add_source(f, config);
        return status;
    }
    if (inside) {
        status = nyx_json_parse(&f->config, inside, (int64_t)strlen(inside), f->path);
        return status < 0 ? nyx_error_wrap(status, "'config' in '__metadata__'") : 0;
    }
    if ((status = nyx_text_format(&beside, "%s/config.json", folder)) < 0)
        return status;
    if (access(beside, F_OK) == 0 && (status = nyx_json_read(&f->config, beside)) == 0)
        status = nyx_foreign__add_source(f, beside);
    nyx_free(beside);
    return status;
}

int nyx_foreign__read_safetensors(nyx_foreign *f, const char *config)
{
    const char *path = f->files[0].path, *slash = strrchr(path, '/');
    char       *folder;
    int         status;

    if ((status = read_file(f, 0)) < 0 ||
        (status = slash ? nyx_text_format(&folder, "%.*s", (int)(slash - path + (slash == path)), path)
                        : nyx_text_copy(&folder, ".")) < 0)
        return status;
    status = find_config(f, folder, config);
    nyx_free(folder);
    return status;
}

/* ---- shards ---------------------------------------------------------------------------- */

/* A plain file name beside the index. */
static int check_shard(const char *index, const char *tensor, const char *shard)
{
    const size_t length = shard ? strlen(shard) : 0;

    if (length < 13 || length > 200 || strcmp(shard + length - 12, ".safetensors") != 0)
        return nyx_foreign__bad(index, "tensor '%s' is mapped to no .safetensors file", tensor);
    if (strchr(shard, '/') || shard[0] == '.')
        return nyx_foreign__bad(index, "tensor '%s': '%s' leads out of the folder of the index", tensor, shard);
    return 0;
}

/* The file of a tensor by the index, opened at the first mention. */
static int shard_of(nyx_foreign *f, const char *folder, const char *index, const char *name, int *file)
{
    char *path;
    int   status;

    if ((status = nyx_text_format(&path, "%s/%s", folder, name)) < 0)
        return status;
    for (*file = 0; *file < f->file_count && strcmp(f->files[*file].path, path) != 0;)
        ++*file;
    if (*file == f->file_count) {
        if (f->file_count == NYX_FOREIGN__SHARDS)
            status = nyx_foreign__bad(index, "more than %d files", NYX_FOREIGN__SHARDS);
        else if ((status = nyx_foreign__add_file(f, path, file)) < 0)
            nyx_error_wrap(status, "'%s' names it", index);
        else
            status = read_file(f, *file);
    }
    nyx_free(path);
    return status;
}

static int read_map(nyx_foreign *f, const char *folder, const char *index, const nyx_json *map)
{
    const int64_t count = nyx_json_count(map);
    int64_t       found = 0;
    int           file, status;

    for (int64_t i = 0; i < count; i++) {
        const char *tensor = nyx_json_key(map, i), *shard = nyx_json_text(nyx_json_item(map, i), NULL);

        if ((status = check_shard(index, tensor, shard)) < 0 ||
            (status = shard_of(f, folder, index, shard, &file)) < 0)
            return status;
    }
    for (int64_t i = 0; i < f->count; i++) {
        const nyx_foreign_tensor *t = &f->tensors[i];
        const char               *want = nyx_json_text(nyx_json_get(map, t->name), NULL);
        const char               *slash = strrchr(f->files[t->file].path, '/');

        if (!want || strcmp(want, slash + 1) != 0)
            return nyx_foreign__bad(index, "tensor '%s' lies in '%s', the index says '%s'", t->name, slash + 1,
                                    want ? want : "nothing of it");
        found++;
    }
    if (found != count)
        return nyx_foreign__bad(index, "it names %lld tensors, its files hold %lld", (long long)count,
                                (long long)found);
    return 0;
}

int nyx_foreign__read_index(nyx_foreign *f, const char *folder, const char *index, const char *config)
{
    const nyx_json *map;
    nyx_json       *json;
    int             status;

    if ((status = nyx_json_read(&json, index)) < 0)
        return status;
    map = nyx_json_get(json, "weight_map");
    if (nyx_json_kind_of(map) != NYX_JSON_OBJECT || nyx_json_count(map) == 0)
        status = nyx_foreign__bad(index, "it has no object 'weight_map' that names tensors");
    else if ((status = nyx_foreign__add_source(f, index)) == 0 &&
             (status = read_map(f, folder, index, map)) == 0)
        status = find_config(f, folder, config);
    nyx_json_free(json);
    return status;
}
