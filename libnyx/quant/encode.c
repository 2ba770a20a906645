/* encode -- rows of f32 to planes.
 *
 * A row is worked on in tiles of 256 elements, which hold whole groups and whole blocks:
 * choose the steps of the groups, round to one code a byte, pack.
 */
#include "quant/internal.h"
#include "quant/lattice.h"

#include <string.h>

enum { TILE = NYX_QUANT__TILE, BLOCK = NYX_QUANT__BLOCK, TILE_GROUPS = TILE / 16 };

/* Codes of `n` elements under one step. `bias` makes integers of less than 8
 * bits unsigned. */
static NYX_BODY void codes_run(uint8_t *restrict codes, enum nyx_lattice lattice, const nyx_quant__step *step,
                               int32_t bias, const float *restrict w, int n)
{
    NYX_NO_CONTRACT
    const float low = step->low, inverse = step->inverse, bottom = step->bottom, top = step->top;
    const uint32_t shift = lattice == NYX_LATTICE_INT ? (uint32_t)(step->zero + bias) : 0u;

    for (int i = 0; i < n; i++) {
        uint32_t code;

        nyx_quant__round(lattice, (w[i] - low) * inverse, bottom, top, &code);
        codes[i] = (uint8_t)(code + shift);
    }
}

static NYX_BODY void codes_of_body(uint8_t *restrict codes, enum nyx_lattice which, const nyx_quant__step *steps,
                                   int32_t bias, const float *restrict w, int n, int group)
{
    for (int at = 0; at < n; at += group, steps++) {
        int length = n - at < group ? n - at : group;

        if (which == NYX_LATTICE_INT && length == 32) { /* most used: a constant length unrolls */
            codes_run(codes + at, NYX_LATTICE_INT, steps, bias, w + at, 32);
            continue;
        }
#define CALL(lattice) codes_run(codes + at, lattice, steps, bias, w + at, length)
        NYX_QUANT__DISPATCH(which, CALL);
#undef CALL
    }
}
NYX_CLONES(codes_of,
           (uint8_t *restrict codes, enum nyx_lattice which, const nyx_quant__step *steps, int32_t bias,
            const float *restrict w, int n, int group),
           (codes, which, steps, bias, w, n, group))

static void choose_step(nyx_quant__step *out, const nyx_quant__plan *plan, enum nyx_method method, const float *w,
                        const float *v, int64_t n)
{
    nyx_quant__extent extent;

    nyx_quant__extent_of(&extent, w, n);
    if (method == NYX_METHOD_MSE)
        nyx_quant__search(out, plan, &extent, w, v, n);
    else
        nyx_quant__choose(out, plan, method, &extent);
}

static void store_step(nyx_coded *coded, const nyx_quant__plan *plan, int64_t row, int64_t group,
                       const nyx_quant__step *step)
{
    nyx_quant__scale_put(coded->scales, plan->scale, row * plan->layout.row_groups + group, step->scale);
    if (plan->zero != NYX_ZERO_NONE)
        nyx_quant__zero_put(coded, plan, row, group, step);
}

/* The step of a whole row: channel formats choose it here, tensor formats have it. */
static void row_step(nyx_quant__step *out, nyx_coded *coded, const nyx_quant__plan *plan, enum nyx_method method,
                     const float *src, const float *moments, int64_t row)
{
    if (plan->layout.row_groups == 0) {
        nyx_quant__step_get(out, coded, plan, row, 0);
        if (method == NYX_METHOD_ABSMAX && plan->zero == NYX_ZERO_NONE)
            out->bottom = -plan->qmax;
        return;
    }
    choose_step(out, plan, method, src, moments, plan->layout.cols);
    store_step(coded, plan, row, 0, out);
}

/* nvfp4 divides by the tensor's scale first; short tiles are filled with zeros. */
static const float *tile_source(float buffer[TILE], const nyx_quant__plan *plan, const float *src, int n, int padded)
{
    if (n == padded && plan->global_inverse == 1.0f)
        return src;
    for (int i = 0; i < n; i++)
        buffer[i] = src[i] * plan->global_inverse;
    memset(buffer + n, 0, (size_t)(padded - n) * sizeof *buffer);
    return buffer;
}

static void encode_row(nyx_coded *coded, const nyx_quant__plan *plan, enum nyx_method method, const float *src,
                       const float *moments, int64_t row)
{
    const nyx_layout *layout = &plan->layout;
    const bool        grouped = coded->format.group > 0;
    const int         group = grouped ? (int)layout->group : TILE;
    const int32_t     bias = layout->bits < 8 ? -(int32_t)plan->qmin : 0;
    uint8_t          *packed = (uint8_t *)coded->codes + row * layout->codes_row_bytes;
    nyx_quant__step   steps[TILE_GROUPS] = { 0 }; /* a padded tile may end in a group that is not there */
    uint8_t           codes[TILE];
    float             buffer[TILE];

    if (!grouped)
        row_step(&steps[0], coded, plan, method, src, moments, row);
    for (int64_t at = 0; at < layout->cols; at += TILE) {
        int          n = layout->cols - at < TILE ? (int)(layout->cols - at) : TILE;
        int          padded = (n + BLOCK - 1) / BLOCK * BLOCK;
        const float *w = tile_source(buffer, plan, src + at, n, padded);

        for (int g = 0; grouped && g * group < n; g++) {
            int from = g * group, length = n - from < group ? n - from : group;

            choose_step(&steps[g], plan, method, w + from, moments ? moments + at + from : NULL, length);
            store_step(coded, plan, row, at / group + g, &steps[g]);
        }
        codes_of(codes, layout->lattice, steps, bias, w, padded, group);
        memset(codes + n, 0, (size_t)(padded - n));
        nyx_quant__pack(packed, codes, layout->bits, layout->top_offset, at / BLOCK, padded / BLOCK);
    }
}

void nyx_encode_rows(nyx_coded *coded, enum nyx_method method, const float *src, const float *moments,
                     int64_t first, int64_t rows)
{
    nyx_quant__plan plan;

    nyx_quant__plan_init(&plan, coded);
    NYX_BUG_IF(first < 0 || rows < 0 || first + rows > plan.layout.rows);
    if (plan.layout.lattice == NYX_LATTICE_PLAIN) {
        nyx_convert_from_f32(plan.layout.dtype, (uint8_t *)coded->codes + first * plan.layout.codes_row_bytes, src,
                             rows * plan.layout.cols);
        return;
    }
    for (int64_t r = 0; r < rows; r++)
        encode_row(coded, &plan, method, src + r * plan.layout.cols, moments, first + r);
}

void nyx_coded_encode(nyx_coded *coded, enum nyx_method method, const float *src)
{
    nyx_survey survey;
    nyx_layout layout;
    int        status = nyx_format_layout(&layout, &coded->format, &coded->shape);

    NYX_BUG_IF(status < 0);
    if (nyx_format_needs_survey(&coded->format)) {
        nyx_survey_init(&survey);
        nyx_survey_add(&survey, src, layout.rows * layout.cols);
        nyx_encode_prepare(coded, method, &survey);
    }
    nyx_encode_rows(coded, method, src, NULL, 0, layout.rows);
}
