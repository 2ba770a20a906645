/* tensor/float -- the small float formats as rules on bits.
 *
 *     sign | exponent bits | mantissa bits      value = 2^(exponent - bias) 1.mantissa
 *
 * One row of rules a format; encode and decode are integer arithmetic plus one
 * exact or correctly rounded float addition, without branches, so a loop over
 * them vectorises once the row is a constant. Kernels may include this file.
 *
 * Sources: IEEE 754-2019 (f16), OCP 8-bit floating point 1.0 (e4m3, e5m2),
 * OCP Microscaling 1.0 (e2m1). bf16 is the upper half of an f32.
 */
#ifndef NYX_TENSOR_FLOAT_H
#define NYX_TENSOR_FLOAT_H

#include "tensor/math.h"

typedef struct {
    uint32_t exponent_bits, mantissa_bits, bias;
    uint32_t max;      /* code of the largest finite value */
    uint32_t over;     /* code that larger values get: infinity, or max */
    uint32_t nan;      /* quiet NaN, or max where the format has none */
    uint32_t has_inf;  /* 1: the top exponent means infinity and NaN */
    uint32_t payload;  /* 1: a NaN keeps the top bits of its payload, as processors do */
} nyx_float_rule;

#define NYX_RULE_F16  ((nyx_float_rule){ 5, 10, 15, 0x7bff, 0x7c00, 0x7e00, 1, 1 })
#define NYX_RULE_BF16 ((nyx_float_rule){ 8, 7, 127, 0x7f7f, 0x7f80, 0x7fc0, 1, 1 })
#define NYX_RULE_E4M3 ((nyx_float_rule){ 4, 3, 7, 0x7e, 0x7e, 0x7f, 0, 0 })
#define NYX_RULE_E5M2 ((nyx_float_rule){ 5, 2, 15, 0x7b, 0x7b, 0x7e, 1, 0 })
#define NYX_RULE_E2M1 ((nyx_float_rule){ 2, 1, 1, 0x7, 0x7, 0x7, 0, 0 })

/* f32 -> code: nearest, ties to even. Infinity goes where large values go. */
static inline __attribute__((always_inline)) uint32_t nyx_float_encode(nyx_float_rule rule, float x)
{
    NYX_NO_CONTRACT
    const uint32_t shift = 23u - rule.mantissa_bits;
    const uint32_t rebias = (127u - rule.bias) << 23;
    const uint32_t normal = rebias + (1u << 23);        /* least normal value, as f32 bits */
    const float    magic = nyx_f32_of_bits((151u - rule.bias - rule.mantissa_bits) << 23);
    uint32_t       bits = nyx_f32_bits(x);
    uint32_t       size = bits & 0x7fffffffu;
    uint32_t       sign = (bits >> 31) << (rule.exponent_bits + rule.mantissa_bits);
    uint32_t       code = size - rebias;
    uint32_t       small, nan;

    code = (code + (1u << (shift - 1u)) - 1u + ((code >> shift) & 1u)) >> shift;
    /* Below: one unit of `magic` is the least subnormal, so the addition rounds. */
    small = nyx_f32_bits(nyx_f32_of_bits(size) + magic) - nyx_f32_bits(magic);
    code = (int32_t)size < (int32_t)normal ? small : code;
    code = (int32_t)code > (int32_t)rule.over ? rule.over : code;
    nan = rule.nan | (rule.payload ? (size & 0x7fffffu) >> shift : 0u);
    code = (int32_t)size > 0x7f800000 ? nan : code;
    return sign | code;
}

/* code -> f32, exact. */
static inline __attribute__((always_inline)) float nyx_float_decode(nyx_float_rule rule, uint32_t code)
{
    NYX_NO_CONTRACT
    const uint32_t width = rule.exponent_bits + rule.mantissa_bits;
    const uint32_t shift = 23u - rule.mantissa_bits;
    const uint32_t top = ((1u << rule.exponent_bits) - 1u) << rule.mantissa_bits;
    const uint32_t magic = (151u - rule.bias - rule.mantissa_bits) << 23;
    uint32_t       size = code & ((1u << width) - 1u);
    uint32_t       bits = (size << shift) + ((127u - rule.bias) << 23);
    float          small = nyx_f32_of_bits(magic + size) - nyx_f32_of_bits(magic);
    uint32_t       special = 0x7f800000u | (size << shift) | (size > top ? 0x400000u : 0u);

    if (rule.bias == 127) /* the same exponent: nothing to do but shift */
        return nyx_f32_of_bits(code << shift);
    bits = size < (1u << rule.mantissa_bits) ? nyx_f32_bits(small) : bits;
    if (rule.has_inf)
        bits = size >= top ? special : bits;
    else if (rule.nan != rule.max)
        bits = size == rule.nan ? 0x7fc00000u : bits;
    return nyx_f32_of_bits(bits | (code >> width) << 31);
}

#endif
