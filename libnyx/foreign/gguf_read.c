/* gguf_read -- GGUF versions 2 and 3, little-endian.
 *
 *     "GGUF" | version u32 | tensors u64 | keys u64
 *     keys:    name, type u32, value           text: length u64, bytes
 *     tensors: name, rank u32, dims u64 (first is fastest), type u32, offset u64
 *     padding to general.alignment | the tensors' bytes, each padded likewise
 *
 * Every count is compared with the bytes that are left, and no count alone
 * makes us take memory.
 */
#include "foreign/internal.h"

#include <math.h>
#include <string.h>

enum { WINDOW = 1 << 16, RANK = 4, KEYS = 1 << 16, ALIGNMENT_MOST = 1 << 20 };
enum type { U8, I8, U16, I16, U32, I32, F32, BOOL, TEXT, ARRAY, U64, I64, F64, TYPES };

/* Bytes of one value at least. */
static const int type_bytes[TYPES] = { 1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8 };

/* A window that slides over the file. */
typedef struct {
    const struct nyx_foreign__file *file;
    int64_t                         at; /* in the file */
    int64_t                         start, count; /* of the window */
    int64_t                         items; /* elements of arrays so far */
    const char                     *place; /* what is being read, for errors */
    uint8_t                         window[WINDOW];
    char                            text[NYX_FOREIGN__TEXT + 1];
} cursor;

static int64_t left(const cursor *c)
{
    return c->file->bytes - c->at;
}

static int take(cursor *c, void *out, int64_t bytes)
{
    int status;

    if (bytes > left(c))
        return nyx_foreign__bad(c->file->path, "%s: the file ends at byte %lld, %lld more were expected", c->place,
                                (long long)c->file->bytes, (long long)(bytes - left(c)));
    if (bytes > WINDOW) {
        status = nyx_foreign__pread(c->file, out, bytes, c->at);
        c->at += bytes;
        return status;
    }
    if (c->at < c->start || c->at + bytes > c->start + c->count) {
        c->start = c->at;
        c->count = left(c) < WINDOW ? left(c) : WINDOW;
        if ((status = nyx_foreign__pread(c->file, c->window, c->count, c->start)) < 0)
            return status;
    }
    memcpy(out, c->window + (c->at - c->start), (size_t)bytes);
    c->at += bytes;
    return 0;
}

/* A little-endian integer of up to eight bytes. */
static int take_number(cursor *c, uint64_t *out, int bytes)
{
    uint8_t raw[8] = { 0 };
    int     status = take(c, raw, bytes);

    *out = 0;
    for (int i = bytes - 1; i >= 0 && status == 0; i--)
        *out = *out << 8 | raw[i];
    return status;
}

/* Into c->text. */
static int take_text(cursor *c)
{
    uint64_t bytes;
    int      status;

    if ((status = take_number(c, &bytes, 8)) < 0)
        return status;
    if (bytes > NYX_FOREIGN__TEXT || (int64_t)bytes > left(c))
        return nyx_foreign__bad(c->file->path, "%s: a text of %llu bytes at byte %lld; %lld are left, %d allowed",
                                c->place, (unsigned long long)bytes, (long long)c->at, (long long)left(c),
                                NYX_FOREIGN__TEXT);
    if ((status = take(c, c->text, (int64_t)bytes)) < 0)
        return status;
    c->text[bytes] = '\0';
    if (!nyx_foreign__is_text(c->text, (int64_t)bytes))
        return nyx_foreign__bad(c->file->path, "%s: a text in front of byte %lld is no UTF-8", c->place,
                                (long long)c->at);
    return 0;
}

/* ---- values ------------------------------------------------------------------------ */

/* Where a value goes: under a key of an object, or behind an array's last. */
typedef struct {
    nyx_json   *parent;
    const char *key; /* NULL: parent is an array */
} target;

static void put_int(target to, int64_t value)
{
    if (to.key)
        nyx_json_set_int(to.parent, to.key, value);
    else
        nyx_json_push_int(to.parent, value);
}

static int put_real(const cursor *c, target to, double value)
{
    if (!isfinite(value))
        return nyx_foreign__bad(c->file->path, "%s: a number is not finite", c->place);
    if (to.key)
        nyx_json_set_real(to.parent, to.key, value);
    else
        nyx_json_push_real(to.parent, value);
    return 0;
}

static int put_bool(const cursor *c, target to, uint64_t value)
{
    if (value > 1)
        return nyx_foreign__bad(c->file->path, "%s: %llu is no truth value", c->place, (unsigned long long)value);
    if (to.key)
        nyx_json_set_bool(to.parent, to.key, value == 1);
    else
        nyx_json_push_int(to.parent, (int64_t)value);
    return 0;
}

static int take_scalar(cursor *c, target to, enum type type)
{
    uint64_t bits;
    float    single;
    double   number;
    uint32_t low;
    int      status;

    if ((status = take_number(c, &bits, type_bytes[type])) < 0)
        return status;
    low = (uint32_t)bits;
    memcpy(&single, &low, sizeof single);
    memcpy(&number, &bits, sizeof number);
    switch (type) {
    case F32:
        return put_real(c, to, (double)single);
    case F64:
        return put_real(c, to, number);
    case BOOL:
        return put_bool(c, to, bits);
    case I8:
        put_int(to, (int8_t)bits);
        return 0;
    case I16:
        put_int(to, (int16_t)bits);
        return 0;
    case I32:
        put_int(to, (int32_t)bits);
        return 0;
    default:
        if (type == U64 && bits > INT64_MAX)
            return nyx_foreign__bad(c->file->path, "%s: %llu is too large", c->place, (unsigned long long)bits);
        put_int(to, (int64_t)bits);
        return 0;
    }
}

static int take_value(cursor *c, target to, uint64_t type, int depth);

static int take_array(cursor *c, target to, int depth)
{
    uint64_t  type, count;
    nyx_json *array;
    int       status;

    if ((status = take_number(c, &type, 4)) < 0 || (status = take_number(c, &count, 8)) < 0)
        return status;
    if (type >= TYPES)
        return nyx_foreign__bad(c->file->path, "%s: an array of the unknown type %llu", c->place,
                                (unsigned long long)type);
    if (depth >= NYX_FOREIGN__DEPTH)
        return nyx_foreign__bad(c->file->path, "%s: arrays inside arrays, more than %d deep", c->place,
                                NYX_FOREIGN__DEPTH);
    if (count > (uint64_t)(left(c) / type_bytes[type]))
        return nyx_foreign__bad(c->file->path, "%s: an array of %llu elements, the file has only %lld bytes more",
                                c->place, (unsigned long long)count, (long long)left(c));
    /* arrays themselves take more memory than numbers */
    if ((c->items += (int64_t)count * (type == ARRAY ? 4 : 1)) > NYX_FOREIGN__ITEMS)
        return nyx_foreign__bad(c->file->path, "%s: more than %d elements of arrays in all", c->place,
                                NYX_FOREIGN__ITEMS);
    if (!(array = nyx_json_array()))
        return nyx_error_set(NYX_ERR_MEMORY, "no memory to read '%s'", c->file->path);
    for (uint64_t i = 0; i < count && status == 0; i++)
        status = take_value(c, (target){ array, NULL }, type, depth + 1);
    if (to.key)
        nyx_json_set_take(to.parent, to.key, array);
    else
        nyx_json_push_take(to.parent, array);
    return status;
}

static int take_value(cursor *c, target to, uint64_t type, int depth)
{
    int status;

    if (type >= TYPES)
        return nyx_foreign__bad(c->file->path, "%s: a value of the unknown type %llu", c->place,
                                (unsigned long long)type);
    if (type == ARRAY)
        return take_array(c, to, depth);
    if (type != TEXT)
        return take_scalar(c, to, (enum type)type);
    if ((status = take_text(c)) < 0)
        return status;
    if (to.key)
        nyx_json_set_text(to.parent, to.key, c->text);
    else
        nyx_json_push_text(to.parent, c->text);
    return 0;
}

static int take_keys(cursor *c, nyx_foreign *f, uint64_t count)
{
    char     key[256], place[320];
    uint64_t type;
    int      status;

    for (uint64_t i = 0; i < count; i++) {
        snprintf(place, sizeof place, "key %llu", (unsigned long long)i);
        c->place = place;
        if ((status = take_text(c)) < 0)
            return status;
        if (!*c->text || strlen(c->text) >= sizeof key)
            return nyx_foreign__bad(c->file->path, "key %llu has a name of %lld bytes", (unsigned long long)i,
                                    (long long)strlen(c->text));
        snprintf(key, sizeof key, "%.*s", (int)sizeof key - 1, c->text);
        snprintf(place, sizeof place, "key '%s'", key);
        if ((status = take_number(c, &type, 4)) < 0 ||
            (status = take_value(c, (target){ f->metadata, key }, type, 0)) < 0)
            return status;
        if (nyx_json_count(f->metadata) != (int64_t)i + 1 && (status = nyx_json_check(f->metadata)) == 0)
            return nyx_foreign__bad(c->file->path, "two keys are called '%s'", key);
        if (status < 0)
            return nyx_error_wrap(status, "cannot read '%s'", c->file->path);
    }
    return 0;
}

/* ---- tensors -------------------------------------------------------------------------- */

static const char *const other_types[] = { [4] = "Q4_2",     [5] = "Q4_3",     [9] = "Q8_1",   [15] = "Q8_K",
                                           [16] = "IQ2_XXS", [17] = "IQ2_XS",  [18] = "IQ3_XXS", [19] = "IQ1_S",
                                           [21] = "IQ3_S",   [22] = "IQ2_S",   [29] = "IQ1_M" };

static int find_type(const cursor *c, uint64_t number, const nyx_block_type **out)
{
    for (const nyx_block_type *type = nyx_block_types; type->name; type++) {
        if (type->ggml >= 0 && (uint64_t)type->ggml == number) {
            *out = type;
            return 0;
        }
    }
    if (number < sizeof other_types / sizeof *other_types && other_types[number])
        return nyx_error_set(NYX_ERR_UNSUPPORTED,
                             "cannot read '%s': %s is coded as %s, which is not decoded here; "
                             "convert it to another type first",
                             c->file->path, c->place, other_types[number]);
    return nyx_foreign__bad(c->file->path, "%s is of the unknown type %llu", c->place, (unsigned long long)number);
}

/* Dimensions come fastest first; ours are slowest first. */
static int take_shape(cursor *c, nyx_shape *out)
{
    uint64_t rank, dim;
    int      status;

    if ((status = take_number(c, &rank, 4)) < 0)
        return status;
    if (rank > RANK)
        return nyx_foreign__bad(c->file->path, "%s has %llu dimensions, at most %d are allowed", c->place,
                                (unsigned long long)rank, RANK);
    out->rank = (int)rank;
    for (int i = out->rank - 1; i >= 0; i--) {
        if ((status = take_number(c, &dim, 8)) < 0)
            return status;
        if (dim > (uint64_t)1 << 48)
            return nyx_foreign__bad(c->file->path, "%s has a dimension of %llu", c->place, (unsigned long long)dim);
        out->dims[i] = (int64_t)dim;
    }
    return 0;
}

/* Offsets count from a place that is known only behind the last tensor. */
static int take_tensors(cursor *c, nyx_foreign *f, uint64_t count, int64_t alignment)
{
    char                  name[NYX_FOREIGN__NAME + 1], place[NYX_FOREIGN__NAME + 64];
    const nyx_block_type *type = NULL;
    uint64_t              number, offset;
    nyx_shape             shape;
    int                   status;

    for (uint64_t i = 0; i < count; i++) {
        snprintf(place, sizeof place, "tensor %llu", (unsigned long long)i);
        c->place = place;
        if ((status = take_text(c)) < 0)
            return status;
        if (strlen(c->text) > NYX_FOREIGN__NAME)
            return nyx_foreign__bad(c->file->path, "%s: its name has %lld bytes, %d are allowed", place,
                                    (long long)strlen(c->text), NYX_FOREIGN__NAME);
        snprintf(name, sizeof name, "%.*s", (int)sizeof name - 1, c->text);
        snprintf(place, sizeof place, "tensor '%s'", name);
        if ((status = take_shape(c, &shape)) < 0 || (status = take_number(c, &number, 4)) < 0 ||
            (status = find_type(c, number, &type)) < 0 || (status = take_number(c, &offset, 8)) < 0)
            return status;
        if (offset % (uint64_t)alignment != 0 || offset > (uint64_t)c->file->bytes)
            return nyx_foreign__bad(c->file->path, "%s: its offset %llu is outside the file or no multiple of %lld",
                                    place, (unsigned long long)offset, (long long)alignment);
        if ((status = nyx_foreign__add_tensor(f, 0, name, type, &shape, (int64_t)offset)) < 0)
            return status;
    }
    return 0;
}

static int find_alignment(const nyx_foreign *f, const char *path, int64_t *out)
{
    const nyx_json *value = nyx_json_get(f->metadata, "general.alignment");

    *out = nyx_json_int(value, 32);
    if ((value && nyx_json_kind_of(value) != NYX_JSON_INT) || *out < 1 || *out > ALIGNMENT_MOST || (*out & (*out - 1)))
        return nyx_foreign__bad(path, "key 'general.alignment' is no power of two up to %d", ALIGNMENT_MOST);
    return 0;
}

static int read_header(cursor *c, nyx_foreign *f)
{
    const int64_t bytes = c->file->bytes;
    uint64_t      version, tensors, keys;
    int64_t       alignment, start;
    int           status;

    c->place = "the header";
    c->at = 4;
    if ((status = take_number(c, &version, 4)) < 0)
        return status;
    if (version == 1 || (version & 0xffff) == 0)
        return nyx_error_set(NYX_ERR_UNSUPPORTED, "cannot read '%s': GGUF version 1 and big-endian files are not read",
                             c->file->path);
    if (version != 2 && version != 3)
        return nyx_foreign__bad(c->file->path, "GGUF version %llu is unknown", (unsigned long long)version);
    if ((status = take_number(c, &tensors, 8)) < 0 || (status = take_number(c, &keys, 8)) < 0)
        return status;
    if (tensors > (uint64_t)bytes / 24 || tensors > NYX_FOREIGN__TENSORS || keys > (uint64_t)bytes / 13 || keys > KEYS)
        return nyx_foreign__bad(c->file->path, "%llu tensors and %llu keys cannot be in a file of %lld bytes",
                                (unsigned long long)tensors, (unsigned long long)keys, (long long)bytes);
    if (!(f->metadata = nyx_json_object()))
        return nyx_error_set(NYX_ERR_MEMORY, "no memory to read '%s'", c->file->path);
    if ((status = take_keys(c, f, keys)) < 0 || (status = find_alignment(f, c->file->path, &alignment)) < 0 ||
        (status = take_tensors(c, f, tensors, alignment)) < 0)
        return status;
    start = (c->at + alignment - 1) / alignment * alignment;
    for (int64_t i = 0; i < f->count; i++)
        f->tensors[i].offset += start;
    return nyx_foreign__check_places(f, 0, 0, start < bytes || f->count ? start : bytes, alignment);
}

int nyx_foreign__read_gguf(nyx_foreign *f)
{
    cursor *c;
    int     status = nyx_alloc(&c, sizeof *c);

    if (status < 0)
        return status;
    c->file = &f->files[0];
    status = read_header(c, f);
    nyx_free(c);
    return status;
}
