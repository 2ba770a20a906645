/* decode.glsl -- coded weights (libnyx/quant/quant.h) as numbers.
 *
 * Planes are bindings 0 ... 3, read as words; a piece of a plane may begin
 * inside of its binding, where the pushed offsets say. Elements of a row come
 * in quads: quad q holds the columns 4q ... 4q + 3. Codes of 8 bits and less
 * are taken out of their words as four bytes, one an element:
 *
 *     8 bits   word q
 *     4 bits   block q / 8, i = q % 8: word i % 4, bits 4 (i / 4) of each byte
 *     2 bits   block q / 8, i = q % 8: word i % 2, bits 2 (i / 2) of each byte
 *     3 bits   as 2 bits, and bit i of each byte of the block's top word
 *     16 bits  words 2q and 2q + 1
 *
 * value = scale * point (+ low), each step rounded as the CPU rounds it. The
 * point of an integer is its code less an offset: put behind 2^23 in the bits
 * of a float, and moved down. Codes in the second and the fourth byte stay
 * there, 256 times too large: ODD makes up for it.
 *
 * Before this file, CODED_MORE is defined: what else is pushed. Every shader calls
 * decode_begin() first, by all invocations.
 */
#include "float.glsl"

const uint KIND_INT = 0, KIND_NF4 = 1, KIND_E2M1 = 2, KIND_E4M3 = 3, KIND_E5M2 = 4, KIND_F16 = 5, KIND_BF16 = 6;
const uint SCALE_NONE = 0, SCALE_F16 = 1, SCALE_F32 = 2, SCALE_E8M0 = 3, SCALE_E4M3 = 4;
const uint ZERO_NONE = 0, ZERO_INT = 1, ZERO_F16 = 2;

layout(constant_id = 1) const uint KIND = 0;
layout(constant_id = 2) const uint BITS = 8;
layout(constant_id = 3) const uint GROUP_SHIFT = 5; /* elements of a group, as a power of two; 31: a row or all */
layout(constant_id = 4) const uint SCALE = 1;
layout(constant_id = 5) const uint ZERO = 0;
layout(constant_id = 6) const uint WHOLE = 1; /* columns come in whole quads */
layout(constant_id = 7) const uint QUICK = 0; /* the device keeps denormals; NaN need not have the CPU's bits */

layout(set = 0, binding = 0) readonly buffer Codes { uint codes[]; };
layout(set = 0, binding = 1) readonly buffer Scales { uint scales[]; };
layout(set = 0, binding = 2) readonly buffer Zeros { uint zeros[]; };
layout(set = 0, binding = 3) readonly buffer Global { float global_scale[]; };

layout(push_constant) uniform Push {
    uint weight_rows, cols;
    uint row_bytes, codes_at, codes_last; /* of codes: bytes of a row, first byte, last word */
    uint top_words;                       /* int3: from a row's first word to its top bits */
    uint row_groups, scales_at;           /* scales of a row (0: one in all), index of the first */
    uint zeros_row_bytes, zeros_at;
    CODED_MORE
};

const float LIFT = 8388608.0;
const vec4  ODD = KIND == KIND_INT ? vec4(1.0, 0.00390625, 1.0, 0.00390625) : vec4(1.0);

const float nf4_levels[16] = float[16](
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
    -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
    0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0);

const float e2m1_levels[16] = float[16](0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0,
                                        -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0);

/* GPUs look them up in shared memory much faster than in an array of their own. */
shared float levels[16];

void decode_begin()
{
    if (KIND != KIND_NF4 && KIND != KIND_E2M1)
        return;
    for (uint i = gl_LocalInvocationID.x; i < 16u; i += gl_WorkGroupSize.x)
        levels[i] = KIND == KIND_NF4 ? nf4_levels[i] : e2m1_levels[i];
    barrier();
}

/* Floats out of the top of a word. */
float top_f16(uint top) { return QUICK != 0u ? quick_f16(top) : f16_float(top >> 16); }
float top_e4m3(uint top) { return QUICK != 0u ? quick_e4m3(top) : e4m3_float(top >> 24); }

/* ---- words ---------------------------------------------------------------------- */

/* Rows of plain formats may begin inside of a word. */
uint code_word(uint row, uint i)
{
    const uint at = codes_at + row * row_bytes + 4u * i, shift = 8u * (at & 3u);

    if (BITS < 8u || WHOLE != 0u)
        return codes[SCALE == SCALE_NONE ? min(at >> 2, codes_last) : at >> 2];
    const uint low = codes[min(at >> 2, codes_last)];
    return shift == 0u ? low : low >> shift | codes[min((at >> 2) + 1u, codes_last)] << (32u - shift);
}

/* Which word of its row holds quad q, and the word of int3's top bits. */
uint word_of_quad(uint q)
{
    return BITS >= 8u ? q : BITS == 4u ? (q & ~7u) / 2u + (q & 3u) : (q & ~7u) / 4u + (q & 1u);
}

uint top_word(uint row, uint q)
{
    return BITS == 3u ? codes[(codes_at + row * row_bytes) / 4u + top_words + q / 8u] : 0u;
}

/* The four codes of quad i of a block (i = q % 8) as bytes. */
uint codes_of(uint word, uint top, uint i)
{
    if (BITS == 8u)
        return KIND == KIND_INT ? word ^ 0x80808080u : word;
    if (BITS == 4u)
        return word >> (i & 4u) & 0x0f0f0f0fu;
    const uint low = word >> (i & 6u) & 0x03030303u;
    return BITS == 3u ? low | (top >> i & 0x01010101u) << 2 : low;
}

/* ---- steps ---------------------------------------------------------------------- */

uint group_of_quad(uint q)
{
    return q >> (GROUP_SHIFT - 2u);
}

float coded_scale(uint row, uint group)
{
    const uint    i = scales_at + row * row_groups + group;
    precise float scale;

    if (SCALE == SCALE_F16)
        return top_f16(scales[i >> 1] << (16u * (~i & 1u)));
    if (SCALE == SCALE_F32)
        return uintBitsToFloat(scales[i]);
    const uint code = scales[i >> 2] >> (8u * (i & 3u)) & 0xffu;
    if (SCALE == SCALE_E8M0)
        return uintBitsToFloat(code == 0u ? 0x00400000u : code == 255u ? 0x7fc00000u : code << 23);
    scale = global_scale[0] * top_e4m3(code << 24);
    return scale;
}

uint zero_code(uint row, uint group, uint bits)
{
    const uint at = (zeros_at + row * zeros_row_bytes) * 8u + group * bits;

    return zeros[at >> 5] >> (at & 31u) & ((1u << bits) - 1u);
}

/* What is taken off an integer code. */
float coded_offset(uint row, uint group)
{
    if (ZERO == ZERO_NONE)
        return float(1u << (BITS - 1u));
    if (ZERO == ZERO_F16)
        return 0.0;
    return float(zero_code(row, group, BITS == 8u ? 8u : 4u) ^ (BITS == 8u ? 0x80u : 0u));
}

/* What is added to a product. */
float coded_low(uint row, uint group)
{
    return ZERO == ZERO_F16 ? top_f16(zero_code(row, group, 16u) << 16) : 0.0;
}

/* ---- points ---------------------------------------------------------------------- */

vec4 integer_points(uint bytes, float offset)
{
    const uint   lift = floatBitsToUint(LIFT), high = bytes >> 16;
    precise vec2 down = LIFT + vec2(1.0, 256.0) * offset;
    const uvec4  lifted = uvec4(bytes & 0xffu, bytes & 0xff00u, high & 0xffu, high & 0xff00u) | lift;
    precise vec4 points = uintBitsToFloat(lifted) - down.xyxy;

    return points;
}

/* Of a code at the top of a word. */
float float_point(uint top)
{
    if (KIND == KIND_NF4 || KIND == KIND_E2M1)
        return levels[top >> 28];
    if (KIND == KIND_E4M3)
        return top_e4m3(top);
    return QUICK != 0u ? quick_e5m2(top) : e5m2_float(top >> 24);
}

/* Times 1 / ODD. */
vec4 points_of(uint bytes, float offset)
{
    if (KIND == KIND_INT)
        return integer_points(bytes, offset);
    const uint tops = BITS == 4u ? bytes << 4 : bytes;
    return vec4(float_point(tops << 24), float_point(tops << 16), float_point(tops << 8), float_point(tops));
}

vec4 halves_of(uint low, uint high)
{
    const uvec4 tops = uvec4(low << 16, low, high << 16, high);

    if (KIND == KIND_BF16)
        return uintBitsToFloat(tops & 0xffff0000u);
    return vec4(top_f16(tops.x), top_f16(tops.y), top_f16(tops.z), top_f16(tops.w));
}

/* Four weights. */
vec4 coded_quad(uint row, uint q)
{
    if (BITS == 16u)
        return halves_of(code_word(row, 2u * q), code_word(row, 2u * q + 1u));
    const uint   group = group_of_quad(q);
    precise vec4 value = points_of(codes_of(code_word(row, word_of_quad(q)), top_word(row, q), q & 7u),
                                   coded_offset(row, group)) * ODD;
    if (SCALE == SCALE_NONE)
        return value;
    value = coded_scale(row, group) * value;
    if (ZERO == ZERO_F16)
        value = value + coded_low(row, group);
    return value;
}
