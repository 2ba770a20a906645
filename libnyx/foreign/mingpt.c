/* mingpt -- a state of minGPT as JSON: `config`, and tensors by name with
 * shape, dtype "torch.float32" and base64 of little-endian f32. Small models
 * only: the JSON limit is 64 MiB.
 */
#include "foreign/internal.h"

#include <string.h>

/* Six bits of a base64 letter; -1: none. */
static int six_bits(char letter)
{
    if (letter >= 'A' && letter <= 'Z')
        return letter - 'A';
    if (letter >= 'a' && letter <= 'z')
        return letter - 'a' + 26;
    if (letter >= '0' && letter <= '9')
        return letter - '0' + 52;
    return letter == '+' ? 62 : letter == '/' ? 63 : -1;
}

/* Bytes that `text` holds; -1 when it is no base64. */
static int64_t base64_bytes(const char *text, int64_t length)
{
    int64_t pads = 0;

    if (length % 4 != 0)
        return -1;
    while (pads < 2 && pads < length && text[length - 1 - pads] == '=')
        pads++;
    for (int64_t i = 0; i < length - pads; i++) {
        if (six_bits(text[i]) < 0)
            return -1;
    }
    return length / 4 * 3 - pads;
}

static void base64_decode(uint8_t *out, int64_t bytes, const char *text)
{
    for (int64_t i = 0; i < bytes; i++) {
        const char *group = text + i / 3 * 4;
        const int   at = (int)(i % 3);
        const int   first = six_bits(group[at]), second = six_bits(group[at + 1]);

        out[i] = (uint8_t)(first << (2 + 2 * at) | (second < 0 ? 0 : second) >> (4 - 2 * at));
    }
}

static int parse_shape(nyx_shape *out, const char *path, const char *name, const nyx_json *json)
{
    if (nyx_json_kind_of(json) != NYX_JSON_ARRAY || nyx_json_count(json) > NYX_MAX_RANK)
        return nyx_foreign__bad(path, "tensor '%s': 'shape' is no array of up to %d numbers", name, NYX_MAX_RANK);
    out->rank = (int)nyx_json_count(json);
    for (int i = 0; i < out->rank; i++) {
        const nyx_json *dim = nyx_json_item(json, i);

        if (nyx_json_kind_of(dim) != NYX_JSON_INT || (out->dims[i] = nyx_json_int(dim, -1)) < 0)
            return nyx_foreign__bad(path, "tensor '%s': element %d of 'shape' is no whole number", name, i);
    }
    return 0;
}

static int parse_tensor(nyx_foreign *f, const char *name, const nyx_json *json)
{
    const char         *dtype = nyx_json_text(nyx_json_get(json, "dtype"), NULL);
    const char         *data = nyx_json_text(nyx_json_get(json, "data"), NULL);
    const int64_t       bytes = data ? base64_bytes(data, (int64_t)strlen(data)) : -1;
    nyx_shape           shape = { 0 };
    nyx_foreign_tensor *tensor;
    uint8_t            *memory;
    int                 status;

    if (nyx_json_count(json) != 3 || !dtype || !data)
        return nyx_foreign__bad(f->path, "tensor '%s' must have exactly shape, dtype and data", name);
    if (strcmp(dtype, "torch.float32") != 0)
        return nyx_foreign__bad(f->path, "tensor '%s' is of type '%.40s', torch.float32 is expected", name, dtype);
    if (bytes < 0)
        return nyx_foreign__bad(f->path, "tensor '%s': its data is no base64", name);
    if ((status = parse_shape(&shape, f->path, name, nyx_json_get(json, "shape"))) < 0 ||
        (status = nyx_foreign__add_tensor(f, 0, name, nyx_block_find("F32"), &shape, 0)) < 0)
        return status;
    tensor = &f->tensors[f->count - 1];
    if (tensor->bytes != bytes)
        return nyx_foreign__bad(f->path, "tensor '%s': its shape takes %lld bytes, its data has %lld", name,
                                (long long)tensor->bytes, (long long)bytes);
    if ((status = nyx_arena_alloc(&f->arena, &memory, bytes)) < 0)
        return status;
    base64_decode(memory, bytes, data);
    tensor->memory = memory;
    return 0;
}

int nyx_foreign__read_mingpt(nyx_foreign *f)
{
    const nyx_json *config;
    nyx_json       *json;
    int             status;

    if ((status = nyx_json_read(&json, f->path)) < 0)
        return status;
    config = nyx_json_get(json, "config");
    if (nyx_json_kind_of(config) != NYX_JSON_OBJECT)
        status = nyx_foreign__bad(f->path, "it has no object 'config', as a minGPT state as JSON must");
    else if (!(f->config = nyx_json_copy(config)))
        status = nyx_error_set(NYX_ERR_MEMORY, "no memory to read '%s'", f->path);
    for (int64_t i = 0; i < nyx_json_count(json) && status == 0; i++) {
        if (strcmp(nyx_json_key(json, i), "config") != 0)
            status = parse_tensor(f, nyx_json_key(json, i), nyx_json_item(json, i));
    }
    nyx_json_free(json);
    return status;
}
