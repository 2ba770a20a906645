/* coded -- the planes of a coded tensor: sizes, creation, and the check that
 * planes from a file hold only what an encoder can have written. */
#include "quant/internal.h"
#include "tensor/clone.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static int64_t blocks_of(int64_t cols)
{
    return cols / NYX_QUANT__BLOCK + (cols % NYX_QUANT__BLOCK != 0);
}

static void layout_rows(nyx_layout *layout, const nyx_format *format, const nyx_shape *shape, int64_t elems)
{
    if (elems > 0) {
        layout->cols = shape->rank > 0 ? shape->dims[shape->rank - 1] : 1;
        layout->rows = elems / layout->cols;
    }
    layout->lattice = format->kind->lattice;
    layout->bits = format->kind->bits;
    if (format->group == 0) {
        layout->lattice = NYX_LATTICE_PLAIN;
        layout->dtype = format->kind->dtype;
        layout->codes_row_bytes = layout->cols * layout->bits / 8;
        return;
    }
    layout->dtype = NYX_DTYPE_COUNT;
    layout->codes_row_bytes = blocks_of(layout->cols) * 4 * layout->bits;
    layout->top_offset = blocks_of(layout->cols) * 8;
    layout->group = format->group > 0 ? format->group : layout->cols;
    layout->row_groups = format->group == NYX_GROUP_TENSOR    ? 0
                         : format->group == NYX_GROUP_CHANNEL ? 1
                                                              : layout->cols / format->group +
                                                                    (layout->cols % format->group != 0);
}

int nyx_format_layout(nyx_layout *out, const nyx_format *format, const nyx_shape *shape)
{
    nyx_layout layout = { 0 };
    int64_t    elems, row_zeros, most;
    int        status;

    *out = layout;
    if ((status = nyx_shape_check(shape, &elems)) < 0)
        return status;
    /* No plane takes more than 96 bytes an element (one column, a block of int8 and
     * its scale), so one product guards all those that follow. */
    if (!nyx_size_mul(&most, elems, 96))
        return nyx_error_set(NYX_ERR_INPUT, "a tensor of %" PRId64 " elements is too large to code", elems);
    layout_rows(&layout, format, shape, elems);
    row_zeros = layout.row_groups > 0 ? layout.row_groups : 1;
    if (format->zero == NYX_ZERO_F16)
        layout.zeros_row_bytes = 2 * row_zeros;
    else if (format->zero == NYX_ZERO_INT)
        layout.zeros_row_bytes = layout.bits == 8 ? row_zeros : (row_zeros + 1) / 2;
    *out = layout;
    return 0;
}

int nyx_format_planes(nyx_plane_bytes *out, const nyx_format *format, const nyx_shape *shape)
{
    nyx_layout layout;
    int64_t    scale_rows;
    int        status = nyx_format_layout(&layout, format, shape);

    *out = (nyx_plane_bytes){ 0 };
    if (status < 0 || layout.rows == 0)
        return status;
    out->codes = layout.rows * layout.codes_row_bytes;
    if (layout.lattice == NYX_LATTICE_PLAIN)
        return 0;
    scale_rows = layout.row_groups > 0 ? layout.rows : 1;
    out->scales = nyx_quant__scale_bytes(format->scale) *
                  (layout.row_groups > 0 ? layout.rows * layout.row_groups : 1);
    out->zeros = scale_rows * layout.zeros_row_bytes;
    out->globals = format->scale == NYX_SCALE_E4M3 ? (int64_t)sizeof(float) : 0;
    return 0;
}

double nyx_format_bits(const nyx_format *format, const nyx_shape *shape)
{
    nyx_plane_bytes bytes;
    int64_t         elems = 0;

    if (nyx_format_planes(&bytes, format, shape) < 0 || nyx_shape_check(shape, &elems) < 0 || elems == 0)
        return 0.0;
    return 8.0 * (double)(bytes.codes + bytes.scales + bytes.zeros + bytes.globals) / (double)elems;
}

int nyx_coded_create(nyx_coded *out, const nyx_format *format, const nyx_shape *shape)
{
    nyx_plane_bytes bytes;
    int             status;

    *out = (nyx_coded){ .format = *format, .shape = *shape, .global = 1.0f, .owns = true };
    if ((status = nyx_format_planes(&bytes, format, shape)) < 0 ||
        (status = nyx_alloc(&out->codes, bytes.codes)) < 0 ||
        (bytes.scales > 0 && (status = nyx_alloc(&out->scales, bytes.scales)) < 0) ||
        (bytes.zeros > 0 && (status = nyx_alloc(&out->zeros, bytes.zeros)) < 0))
        nyx_coded_release(out);
    return status < 0 ? status : 0;
}

void nyx_coded_release(nyx_coded *coded)
{
    if (!coded)
        return;
    if (coded->owns) {
        nyx_free(coded->codes);
        nyx_free(coded->scales);
        nyx_free(coded->zeros);
    }
    *coded = (nyx_coded){ 0 };
}

/* ---- check ------------------------------------------------------------------ */

static int bad_plane(const char *plane, int64_t index, const char *why)
{
    return nyx_error_set(NYX_ERR_INPUT, "entry %" PRId64 " of the %s is %s", index, plane, why);
}

static int check_scales(const nyx_coded *coded, int64_t bytes)
{
    enum nyx_scale_type type = coded->format.scale;
    int64_t             count = bytes / nyx_quant__scale_bytes(type);

    for (int64_t i = 0; i < count; i++) {
        float scale = nyx_quant__scale_get(coded->scales, type, i);

        if (!isfinite(scale))
            return bad_plane("scales", i, "not finite");
        if (type == NYX_SCALE_E4M3 && signbit(scale))
            return bad_plane("scales", i, "negative");
    }
    if (!isfinite(coded->global))
        return nyx_error_set(NYX_ERR_INPUT, "the scale of the tensor is not finite");
    return 0;
}

static int check_zeros(const nyx_coded *coded, const nyx_layout *layout, int64_t bytes)
{
    const uint8_t  *zeros = coded->zeros;
    const uint16_t *halves = coded->zeros;
    int             end = 1 << layout->bits;

    if (coded->format.zero == NYX_ZERO_F16) {
        for (int64_t i = 0; i < bytes / 2; i++)
            if (!isfinite(nyx_f32_from_f16(halves[i])))
                return bad_plane("zeros", i, "not finite");
    } else if (layout->bits < 8) {
        for (int64_t i = 0; i < bytes; i++)
            if ((zeros[i] & 15) >= end || zeros[i] >> 4 >= end)
                return bad_plane("zeros", 2 * i, "outside the range of the codes");
    }
    return 0;
}

/* 8-bit floats: e4m3 has one NaN a sign, e5m2's top exponent is infinity and NaN. */
static bool code_is_special(const nyx_layout *layout, uint8_t code)
{
    int size = code & 0x7f;

    return (layout->lattice == NYX_LATTICE_E4M3 && size == 0x7f) ||
           (layout->lattice == NYX_LATTICE_E5M2 && size >= 0x7c);
}

static int check_row(const nyx_layout *layout, const uint8_t *row, int64_t index)
{
    uint8_t codes[NYX_QUANT__BLOCK];
    int64_t last = layout->cols / NYX_QUANT__BLOCK;
    int     used = (int)(layout->cols % NYX_QUANT__BLOCK);

    if (used > 0) {
        nyx_quant__unpack(codes, row, layout->bits, layout->top_offset, last, 1);
        for (int i = used; i < NYX_QUANT__BLOCK; i++)
            if (codes[i] != 0)
                return bad_plane("codes", index, "followed by padding that is not zero");
    }
    if (layout->bits == 8)
        for (int64_t i = 0; i < layout->cols; i++)
            if (code_is_special(layout, row[i]))
                return bad_plane("codes", index, "a row with a code that is not a finite number");
    return 0;
}

int nyx_coded_check(const nyx_coded *coded)
{
    nyx_plane_bytes bytes;
    nyx_layout      layout;
    int             status;

    if ((status = nyx_format_planes(&bytes, &coded->format, &coded->shape)) < 0 ||
        (status = nyx_format_layout(&layout, &coded->format, &coded->shape)) < 0)
        return status;
    if (layout.lattice == NYX_LATTICE_PLAIN)
        return 0;
    if ((status = check_scales(coded, bytes.scales)) < 0 ||
        (status = check_zeros(coded, &layout, bytes.zeros)) < 0)
        return status;
    for (int64_t r = 0; r < layout.rows; r++)
        if ((status = check_row(&layout, (const uint8_t *)coded->codes + r * layout.codes_row_bytes, r)) < 0)
            return status;
    return 0;
}

/* ---- errors ------------------------------------------------------------------- */

/* Sums side by side: the lane of an element is its index modulo 8, so that the
 * order of additions is the same with and without vectors. Written as vectors,
 * because gcc takes the loop over lanes apart before it vectorises. */
enum { WIDTH = 4, LANES = 2 * WIDTH };
typedef float   narrow __attribute__((vector_size(4 * WIDTH)));
typedef double  wide __attribute__((vector_size(8 * WIDTH)));
typedef int64_t bits __attribute__((vector_size(8 * WIDTH)));
struct lanes {
    wide square_error, square, error, most;
};

static NYX_BODY void error_unit(struct lanes *sums, const float *exact, const float *decoded)
{
    narrow from, to;
    wide   w, miss, size;
    bits   larger;

    memcpy(&from, exact, sizeof from);
    memcpy(&to, decoded, sizeof to);
    w = __builtin_convertvector(from, wide);
    miss = __builtin_convertvector(to, wide) - w;
    size = (wide)((bits)miss & INT64_MAX);
    larger = size > sums->most;
    sums->square_error += miss * miss;
    sums->square += w * w;
    sums->error += miss;
    sums->most = (wide)(((bits)size & larger) | ((bits)sums->most & ~larger));
}

static NYX_BODY void error_lanes_body(struct lanes out[2], const float *exact, const float *decoded, int64_t elems)
{
    struct lanes low = { 0 }, high = { 0 };
    int64_t      whole = elems - elems % LANES;
    float        rest[2][LANES] = { 0 }; /* zeros add nothing */

    for (int64_t i = 0; i < whole; i += LANES) {
        error_unit(&low, exact + i, decoded + i);
        error_unit(&high, exact + i + WIDTH, decoded + i + WIDTH);
    }
    memcpy(rest[0], exact + whole, (size_t)(elems - whole) * sizeof(float));
    memcpy(rest[1], decoded + whole, (size_t)(elems - whole) * sizeof(float));
    error_unit(&low, rest[0], rest[1]);
    error_unit(&high, rest[0] + WIDTH, rest[1] + WIDTH);
    out[0] = low;
    out[1] = high;
}
NYX_CLONES(error_lanes, (struct lanes out[2], const float *exact, const float *decoded, int64_t elems),
           (out, exact, decoded, elems))

void nyx_quant_error_add(nyx_quant_error *error, const float *exact, const float *decoded, int64_t elems)
{
    struct lanes sums[2];

    error_lanes(sums, exact, decoded, elems);
    for (int lane = 0; lane < LANES; lane++) {
        const struct lanes *half = &sums[lane / WIDTH];

        error->sum_square_error += half->square_error[lane % WIDTH];
        error->sum_square += half->square[lane % WIDTH];
        error->sum_error += half->error[lane % WIDTH];
        if (half->most[lane % WIDTH] > error->max_error)
            error->max_error = half->most[lane % WIDTH];
    }
    error->elems += elems;
}
