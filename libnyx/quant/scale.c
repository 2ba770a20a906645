/* scale -- stored scales and zero points.
 *
 * Every stored scale has at most 11 significant bits: f16 by nature, e4m3 and
 * e8m0 fewer, and f32 because the encoder rounds it. The reciprocal of
 * 2^e (1 + m/1024) is then 2^-e times one of 1,024 numbers, and a device
 * whose division is not exact reads them from a table.
 */
#include "quant/internal.h"
#include "tensor/float.h"

/* At the ends of f32 a reciprocal would be subnormal or overflow. */
static const float SCALE_LEAST = 0x1p-126f;
static const float SCALE_MOST = 0x1p126f;

void nyx_scale_reciprocals(float out[1024])
{
    for (int m = 0; m < 1024; m++)
        out[m] = 1024.0f / (float)(1024 + m);
}

int64_t nyx_quant__scale_bytes(enum nyx_scale_type type)
{
    switch (type) {
    case NYX_SCALE_F16: return 2;
    case NYX_SCALE_F32: return 4;
    case NYX_SCALE_E8M0:
    case NYX_SCALE_E4M3: return 1;
    default: return 0;
    }
}

/* Exactly the table entry shifted: IEEE division of 1 by 11 significant bits. */
float nyx_quant__inverse(float scale)
{
    return scale == 0.0f ? 0.0f : 1.0f / scale;
}

static float round_f16(float scale)
{
    uint32_t code = nyx_float_encode(NYX_RULE_F16, scale);

    if ((code & 0x7fffu) == NYX_RULE_F16.over)
        code = (code & 0x8000u) | NYX_RULE_F16.max;
    return nyx_float_decode(NYX_RULE_F16, code);
}

static float round_f32(float scale)
{
    float    size = nyx_absf(scale);
    uint32_t bits = nyx_f32_bits(scale);

    if (size < SCALE_LEAST)
        return 0.0f;
    if (size > SCALE_MOST)
        return nyx_copysignf(SCALE_MOST, scale);
    bits += 0xfffu + ((bits >> 13) & 1u);
    return nyx_f32_of_bits(bits & ~0x1fffu);
}

/* e8m0 takes the power of two below; the caller has moved `scale` to suit. */
static float round_e8m0(float scale)
{
    uint32_t exponent = nyx_f32_bits(scale) >> 23;

    return nyx_f32_of_bits(exponent == 0 ? 0x00400000u : (exponent < 254 ? exponent : 254) << 23);
}

float nyx_quant__scale_round(enum nyx_scale_type type, float scale)
{
    switch (type) {
    case NYX_SCALE_F16: return round_f16(scale);
    case NYX_SCALE_F32: return round_f32(scale);
    case NYX_SCALE_E8M0: return round_e8m0(scale);
    case NYX_SCALE_E4M3: return nyx_float_decode(NYX_RULE_E4M3, nyx_float_encode(NYX_RULE_E4M3, scale));
    default: return scale;
    }
}

void nyx_quant__scale_put(void *plane, enum nyx_scale_type type, int64_t index, float rounded)
{
    switch (type) {
    case NYX_SCALE_F16: ((uint16_t *)plane)[index] = nyx_f16_from_f32(rounded); break;
    case NYX_SCALE_F32: ((float *)plane)[index] = rounded; break;
    case NYX_SCALE_E8M0: ((uint8_t *)plane)[index] = (uint8_t)(nyx_f32_bits(rounded) >> 23); break;
    case NYX_SCALE_E4M3: ((uint8_t *)plane)[index] = nyx_fp8_e4m3_from_f32(rounded); break;
    default: NYX_BUG_IF(true);
    }
}

/* e8m0: 2^(code - 127); code 0 is a subnormal f32, 255 is NaN. */
float nyx_quant__scale_get(const void *plane, enum nyx_scale_type type, int64_t index)
{
    uint8_t code;

    switch (type) {
    case NYX_SCALE_F16: return nyx_f32_from_f16(((const uint16_t *)plane)[index]);
    case NYX_SCALE_F32: return ((const float *)plane)[index];
    case NYX_SCALE_E4M3: return nyx_f32_from_fp8_e4m3(((const uint8_t *)plane)[index]);
    case NYX_SCALE_E8M0:
        code = ((const uint8_t *)plane)[index];
        return nyx_f32_of_bits(code == 0 ? 0x00400000u : code == 255 ? 0x7fc00000u : (uint32_t)code << 23);
    default: return 1.0f;
    }
}

static int64_t zero_row(const nyx_quant__plan *plan, int64_t row)
{
    return plan->layout.row_groups > 0 ? row : 0;
}

void nyx_quant__zero_put(nyx_coded *coded, const nyx_quant__plan *plan, int64_t row, int64_t group,
                         const nyx_quant__step *step)
{
    uint8_t *at = (uint8_t *)coded->zeros + zero_row(plan, row) * plan->layout.zeros_row_bytes;
    uint8_t  nibble = (uint8_t)(step->zero - (int32_t)plan->qmin);

    if (plan->zero == NYX_ZERO_F16)
        ((uint16_t *)(void *)at)[group] = nyx_f16_from_f32(step->low);
    else if (plan->layout.bits == 8)
        at[group] = (uint8_t)step->zero;
    else if (group % 2 == 0)
        at[group / 2] = nibble; /* groups come in order, so this clears the other half */
    else
        at[group / 2] = (uint8_t)(at[group / 2] | nibble << 4);
}

static void zero_get(nyx_quant__step *out, const nyx_coded *coded, const nyx_quant__plan *plan, int64_t row,
                     int64_t group)
{
    const uint8_t *at = (const uint8_t *)coded->zeros + zero_row(plan, row) * plan->layout.zeros_row_bytes;

    if (plan->zero == NYX_ZERO_F16) {
        out->low = nyx_f32_from_f16(((const uint16_t *)(const void *)at)[group]);
        out->zero = (int32_t)plan->qmin;
    } else if (plan->layout.bits == 8) {
        out->zero = (int32_t)(int8_t)at[group];
    } else {
        out->zero = (at[group / 2] >> (group % 2 * 4) & 15) + (int32_t)plan->qmin;
    }
}

/* The stored step of a group. For nvfp4 `inverse` undoes the block's scale only; the
 * encoder multiplies with the tensor's reciprocal before. */
void nyx_quant__step_get(nyx_quant__step *out, const nyx_coded *coded, const nyx_quant__plan *plan,
                         int64_t row, int64_t group)
{
    int64_t index = plan->layout.row_groups > 0 ? row * plan->layout.row_groups + group : 0;

    *out = (nyx_quant__step){ .scale = nyx_quant__scale_get(coded->scales, plan->scale, index) };
    if (plan->zero != NYX_ZERO_NONE)
        zero_get(out, coded, plan, row, group);
    out->inverse = nyx_quant__inverse(out->scale);
    out->bottom = plan->qmin - (float)out->zero;
    out->top = plan->qmax - (float)out->zero;
}

/* Greatest magnitude of the float lattices; integers have their own range. */
static float lattice_most(enum nyx_lattice lattice)
{
    switch (lattice) {
    case NYX_LATTICE_E2M1: return 6.0f;
    case NYX_LATTICE_E4M3: return 448.0f;
    case NYX_LATTICE_E5M2: return 57344.0f;
    default: return 1.0f;
    }
}

void nyx_quant__plan_init(nyx_quant__plan *plan, const nyx_coded *coded)
{
    int status = nyx_format_layout(&plan->layout, &coded->format, &coded->shape);

    NYX_BUG_IF(status < 0);
    plan->scale = coded->format.scale;
    plan->zero = coded->format.zero;
    plan->qmax = lattice_most(plan->layout.lattice);
    plan->qmin = -plan->qmax;
    if (plan->layout.lattice == NYX_LATTICE_INT) {
        plan->qmin = -(float)(1 << (plan->layout.bits - 1));
        plan->qmax = -plan->qmin - 1.0f;
    }
    plan->global = coded->global;
    plan->global_inverse = plan->scale == NYX_SCALE_E4M3 ? nyx_quant__inverse(coded->global) : 1.0f;
}
