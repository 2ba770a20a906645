/* tensor -- the table of element types; shapes; blocks of numbers. */
#include "tensor/tensor.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

static const struct {
    const char *name;
    int64_t     bytes;
    bool        real;
} dtypes[NYX_DTYPE_COUNT] = {
    [NYX_F32] = { "f32", 4, true },
    [NYX_F64] = { "f64", 8, true },
    [NYX_F16] = { "f16", 2, true },
    [NYX_BF16] = { "bf16", 2, true },
    [NYX_FP8_E4M3] = { "fp8-e4m3", 1, true },
    [NYX_FP8_E5M2] = { "fp8-e5m2", 1, true },
    [NYX_I8] = { "i8", 1, false },
    [NYX_U8] = { "u8", 1, false },
    [NYX_I16] = { "i16", 2, false },
    [NYX_U16] = { "u16", 2, false },
    [NYX_I32] = { "i32", 4, false },
    [NYX_U32] = { "u32", 4, false },
    [NYX_I64] = { "i64", 8, false },
    [NYX_U64] = { "u64", 8, false },
};

static bool dtype_known(enum nyx_dtype dtype)
{
    return (unsigned)dtype < NYX_DTYPE_COUNT;
}

const char *nyx_dtype_name(enum nyx_dtype dtype)
{
    NYX_BUG_IF(!dtype_known(dtype));
    return dtypes[dtype].name;
}

bool nyx_dtype_find(enum nyx_dtype *out, const char *name)
{
    for (int d = 0; d < NYX_DTYPE_COUNT; d++)
        if (strcmp(dtypes[d].name, name) == 0) {
            *out = (enum nyx_dtype)d;
            return true;
        }
    return false;
}

int64_t nyx_dtype_bytes(enum nyx_dtype dtype)
{
    NYX_BUG_IF(!dtype_known(dtype));
    return dtypes[dtype].bytes;
}

bool nyx_dtype_is_real(enum nyx_dtype dtype)
{
    NYX_BUG_IF(!dtype_known(dtype));
    return dtypes[dtype].real;
}

bool nyx_dtype_is_half(enum nyx_dtype dtype)
{
    return dtype == NYX_F16 || dtype == NYX_BF16;
}

nyx_shape nyx_shape_of(int rank, ...)
{
    nyx_shape shape = { .rank = rank };
    va_list   dims;

    NYX_BUG_IF(rank < 0 || rank > NYX_MAX_RANK);
    va_start(dims, rank);
    for (int i = 0; i < rank; i++)
        shape.dims[i] = va_arg(dims, int64_t);
    va_end(dims);
    return shape;
}

int64_t nyx_shape_count(const nyx_shape *shape)
{
    int64_t elems = 1;

    for (int i = 0; i < shape->rank; i++)
        elems *= shape->dims[i];
    return elems;
}

/* A zero among huge dimensions is no overflow, so zeros are looked for first. */
int nyx_shape_check(const nyx_shape *shape, int64_t *elems)
{
    bool empty = false;

    *elems = 0;
    if (shape->rank < 0 || shape->rank > NYX_MAX_RANK)
        return nyx_error_set(NYX_ERR_INPUT, "a tensor has %d dimensions; 0 to %d are possible",
                             shape->rank, NYX_MAX_RANK);
    for (int i = 0; i < shape->rank; i++) {
        if (shape->dims[i] < 0)
            return nyx_error_set(NYX_ERR_INPUT, "dimension %d of a tensor is %" PRId64 ", negative",
                                 i, shape->dims[i]);
        empty = empty || shape->dims[i] == 0;
    }
    if (empty)
        return 0;
    *elems = 1;
    for (int i = 0; i < shape->rank; i++)
        if (!nyx_size_mul(elems, *elems, shape->dims[i])) {
            *elems = 0;
            return nyx_error_set(NYX_ERR_INPUT, "a tensor has more than 2^63 elements");
        }
    return 0;
}

bool nyx_shape_equal(const nyx_shape *a, const nyx_shape *b)
{
    if (a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dims[i] != b->dims[i])
            return false;
    return true;
}

/* 96 characters hold four dimensions of any size; longer texts end in "...". */
void nyx_shape_text(char out[96], const nyx_shape *shape)
{
    enum { ROOM = 96 };
    size_t used = 1;

    strcpy(out, "[");
    for (int i = 0; i < shape->rank; i++) {
        char dim[32];
        int  n = snprintf(dim, sizeof dim, "%s%" PRId64, i > 0 ? ", " : "", shape->dims[i]);

        if (used + (size_t)n + sizeof ", ...]" > ROOM) {
            strcpy(out + used, ", ...");
            used += strlen(", ...");
            break;
        }
        strcpy(out + used, dim);
        used += (size_t)n;
    }
    strcpy(out + used, "]");
}

void nyx_shape_place(char out[96], const nyx_shape *shape, int64_t index)
{
    nyx_shape at = { .rank = shape->rank };

    for (int i = shape->rank - 1; i >= 0; i--) {
        at.dims[i] = index % shape->dims[i];
        index /= shape->dims[i];
    }
    nyx_shape_text(out, &at);
}

int nyx_tensor_create(nyx_tensor *out, enum nyx_dtype dtype, const nyx_shape *shape)
{
    int64_t elems, bytes;
    int     status;

    NYX_BUG_IF(!dtype_known(dtype));
    *out = (nyx_tensor){ 0 };
    if ((status = nyx_shape_check(shape, &elems)) < 0)
        return status;
    if (!nyx_size_mul(&bytes, elems, dtypes[dtype].bytes))
        return nyx_error_set(NYX_ERR_INPUT, "a tensor takes more than 2^63 bytes");
    *out = (nyx_tensor){ .dtype = dtype, .shape = *shape, .owns = true };
    if ((status = nyx_alloc(&out->data, bytes)) < 0)
        *out = (nyx_tensor){ 0 };
    return status;
}

nyx_tensor nyx_tensor_view(enum nyx_dtype dtype, const nyx_shape *shape, void *data)
{
    NYX_BUG_IF(!dtype_known(dtype));
    return (nyx_tensor){ .dtype = dtype, .shape = *shape, .data = data };
}

void nyx_tensor_release(nyx_tensor *tensor)
{
    if (tensor && tensor->owns)
        nyx_free(tensor->data);
    if (tensor)
        *tensor = (nyx_tensor){ 0 };
}

int64_t nyx_tensor_bytes(const nyx_tensor *tensor)
{
    return nyx_shape_count(&tensor->shape) * nyx_dtype_bytes(tensor->dtype);
}
