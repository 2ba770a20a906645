/* write_head -- the headers of safetensors and GGUF files.
 */
#include "foreign/internal.h"

#include <string.h>

/* ---- safetensors ------------------------------------------------------------- */

static void put_u64(nyx_foreign__buffer *out, uint64_t value, int bytes)
{
    uint8_t raw[8];

    for (int i = 0; i < 8; i++)
        raw[i] = (uint8_t)(value >> 8 * i);
    nyx_foreign__put(out, raw, bytes);
}

/* JSON padded with spaces to eight bytes, so that the tensors are aligned. */
int nyx_foreign__head_safetensors(nyx_foreign__buffer *out, const nyx_json *metadata,
                                  const nyx_foreign__declared *tensors, int64_t count)
{
    nyx_json *header = nyx_json_object();
    char     *text = NULL;
    int64_t   bytes;
    int       status;

    if (metadata && nyx_json_count(metadata))
        nyx_json_set_take(header, "__metadata__", nyx_json_copy(metadata));
    for (int64_t i = 0; i < count; i++) {
        nyx_json *tensor = nyx_json_add_object(header, tensors[i].name);
        nyx_json *shape = nyx_json_add_array(tensor, "shape"), *place = nyx_json_add_array(tensor, "data_offsets");

        nyx_json_set_text(tensor, "dtype", tensors[i].type->safetensors);
        for (int d = 0; d < tensors[i].shape.rank; d++)
            nyx_json_push_int(shape, tensors[i].shape.dims[d]);
        nyx_json_push_int(place, tensors[i].offset);
        nyx_json_push_int(place, tensors[i].offset + tensors[i].bytes);
    }
    if ((status = nyx_json_print(&text, header, 0)) == 0) {
        bytes = (int64_t)strlen(text);
        put_u64(out, (uint64_t)((bytes + 7) / 8 * 8), 8);
        nyx_foreign__put(out, text, bytes);
        nyx_foreign__put(out, "       ", (8 - bytes % 8) % 8);
    }
    nyx_free(text);
    nyx_json_free(header);
    return status;
}

/* ---- GGUF ------------------------------------------------------------------------ */

enum { U32 = 4, I32 = 5, F32 = 6, BOOL = 7, TEXT = 8, ARRAY = 9 };

static void put_text(nyx_foreign__buffer *out, const char *text)
{
    put_u64(out, strlen(text), 8);
    nyx_foreign__put(out, text, (int64_t)strlen(text));
}

static void put_scalar(nyx_foreign__buffer *out, int type, const nyx_json *value)
{
    const float number = (float)nyx_json_real(value, 0.0);
    uint32_t    bits;

    memcpy(&bits, &number, sizeof bits);
    if (type == TEXT)
        put_text(out, nyx_json_text(value, ""));
    else if (type == BOOL)
        put_u64(out, nyx_json_bool(value, false), 1);
    else if (type == F32)
        put_u64(out, bits, 4);
    else
        put_u64(out, (uint64_t)nyx_json_int(value, 0), 4);
}

static int type_of(const nyx_json *value, int whole)
{
    switch (nyx_json_kind_of(value)) {
    case NYX_JSON_TEXT:
        return TEXT;
    case NYX_JSON_BOOL:
        return BOOL;
    case NYX_JSON_REAL:
        return F32;
    default:
        return whole;
    }
}

/* An array is of the kind of its first element; an empty one is of texts, as
 * merges are. */
static int put_value(nyx_foreign__buffer *out, const char *key, const nyx_json *value)
{
    const int64_t count = nyx_json_count(value);
    const int     type = count ? type_of(nyx_json_item(value, 0), I32) : TEXT;

    if (nyx_json_kind_of(value) != NYX_JSON_ARRAY) {
        const int64_t whole = nyx_json_int(value, 0);

        if (nyx_json_kind_of(value) == NYX_JSON_INT && (whole < 0 || whole > UINT32_MAX))
            return nyx_error_set(NYX_ERR_UNSUPPORTED, "'%s' is %lld, which does not fit the field of GGUF", key,
                                 (long long)whole);
        put_u64(out, (uint64_t)type_of(value, U32), 4);
        put_scalar(out, type_of(value, U32), value);
        return 0;
    }
    put_u64(out, ARRAY, 4);
    put_u64(out, (uint64_t)type, 4);
    put_u64(out, (uint64_t)count, 8);
    for (int64_t i = 0; i < count; i++)
        put_scalar(out, type, nyx_json_item(value, i));
    return 0;
}

int nyx_foreign__head_gguf(nyx_foreign__buffer *out, const nyx_json *metadata, const nyx_foreign__declared *tensors,
                           int64_t count)
{
    int status = 0;

    nyx_foreign__put(out, "GGUF", 4);
    put_u64(out, 3, 4);
    put_u64(out, (uint64_t)count, 8);
    put_u64(out, (uint64_t)nyx_json_count(metadata), 8);
    for (int64_t i = 0; i < nyx_json_count(metadata) && status == 0; i++) {
        put_text(out, nyx_json_key(metadata, i));
        status = put_value(out, nyx_json_key(metadata, i), nyx_json_item(metadata, i));
    }
    for (int64_t i = 0; i < count; i++) {
        const nyx_shape *shape = &tensors[i].shape;

        put_text(out, tensors[i].name);
        put_u64(out, (uint64_t)shape->rank, 4);
        for (int d = shape->rank - 1; d >= 0; d--)
            put_u64(out, (uint64_t)shape->dims[d], 8);
        put_u64(out, (uint64_t)tensors[i].type->ggml, 4);
        put_u64(out, (uint64_t)tensors[i].offset, 8);
    }
    return status;
}
