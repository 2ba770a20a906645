/* decode -- planes to rows of f32. */
#include "quant/internal.h"
#include "quant/lattice.h"

enum { TILE = NYX_QUANT__TILE, BLOCK = NYX_QUANT__BLOCK };

/* The point a stored code stands for; integers count from the zero point. */
static NYX_BODY float point_of(enum nyx_lattice lattice, uint8_t code, int32_t shift, bool is_signed)
{
    switch (lattice) {
    case NYX_LATTICE_INT: return (float)((is_signed ? (int32_t)(int8_t)code : (int32_t)code) - shift);
    case NYX_LATTICE_NF4: return nyx_nf4_levels[code & 15];
    case NYX_LATTICE_E2M1: return nyx_float_decode(NYX_RULE_E2M1, code);
    case NYX_LATTICE_E4M3: return nyx_float_decode(NYX_RULE_E4M3, code);
    default: return nyx_float_decode(NYX_RULE_E5M2, code);
    }
}

static NYX_BODY void values_run(float *restrict dst, enum nyx_lattice lattice, const uint8_t *restrict codes,
                                const nyx_quant__step *step, int32_t shift, bool is_signed, bool lifted, int n)
{
    NYX_NO_CONTRACT
    const float scale = step->scale, low = step->low;

    for (int i = 0; i < n; i++) {
        float value = scale * point_of(lattice, codes[i], shift, is_signed);

        dst[i] = lifted ? value + low : value;
    }
}

/* `lifted`: an f16 zero point is added behind the product. */
static NYX_BODY void values_of_body(float *restrict dst, const nyx_quant__plan *plan, const uint8_t *restrict codes,
                                    const nyx_quant__step *step, int n)
{
    const int32_t qmin = (int32_t)plan->qmin;

    if (plan->layout.lattice == NYX_LATTICE_INT) {
        if (plan->zero == NYX_ZERO_F16)
            values_run(dst, NYX_LATTICE_INT, codes, step, plan->layout.bits == 8 ? qmin : 0,
                       plan->layout.bits == 8, true, n);
        else if (plan->layout.bits == 8)
            values_run(dst, NYX_LATTICE_INT, codes, step, step->zero, true, false, n);
        else
            values_run(dst, NYX_LATTICE_INT, codes, step, step->zero - qmin, false, false, n);
        return;
    }
#define CALL(lattice) values_run(dst, lattice, codes, step, 0, false, false, n)
    NYX_QUANT__DISPATCH(plan->layout.lattice, CALL);
#undef CALL
}
NYX_CLONES(values_of,
           (float *restrict dst, const nyx_quant__plan *plan, const uint8_t *restrict codes,
            const nyx_quant__step *step, int n),
           (dst, plan, codes, step, n))

static void decode_row(float *dst, const nyx_coded *coded, const nyx_quant__plan *plan, int64_t row)
{
    const nyx_layout *layout = &plan->layout;
    const bool        grouped = coded->format.group > 0;
    const int         group = grouped ? (int)layout->group : TILE;
    const uint8_t    *packed = (const uint8_t *)coded->codes + row * layout->codes_row_bytes;
    nyx_quant__step   step;
    uint8_t           codes[TILE];

    for (int64_t at = 0; at < layout->cols; at += TILE) {
        int n = layout->cols - at < TILE ? (int)(layout->cols - at) : TILE;

        nyx_quant__unpack(codes, packed, layout->bits, layout->top_offset, at / BLOCK, (n + BLOCK - 1) / BLOCK);
        for (int from = 0; from < n; from += group) {
            if (grouped || at == 0) {
                nyx_quant__step_get(&step, coded, plan, row, grouped ? (at + from) / group : 0);
                step.scale = plan->scale == NYX_SCALE_E4M3 ? plan->global * step.scale : step.scale;
            }
            values_of(dst + at + from, plan, codes + from, &step, n - from < group ? n - from : group);
        }
    }
}

void nyx_decode_rows(float *dst, const nyx_coded *coded, int64_t first, int64_t rows)
{
    nyx_quant__plan plan;

    nyx_quant__plan_init(&plan, coded);
    NYX_BUG_IF(first < 0 || rows < 0 || first + rows > plan.layout.rows);
    if (plan.layout.lattice == NYX_LATTICE_PLAIN) {
        nyx_convert_to_f32(plan.layout.dtype, dst,
                           (const uint8_t *)coded->codes + first * plan.layout.codes_row_bytes,
                           rows * plan.layout.cols);
        return;
    }
    for (int64_t r = 0; r < rows; r++)
        decode_row(dst + r * plan.layout.cols, coded, &plan, first + r);
}
