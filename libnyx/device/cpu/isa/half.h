/* half -- f16 and bf16 in memory as vectors of floats. */
#ifndef NYX_CPU_HALF_H
#define NYX_CPU_HALF_H

#include "simd.h"
#include "tensor/float.h"
#include "tensor/tensor.h"

NYX_INLINE vf vf_load_f16(const void *p)
{
#if NYX_W == 16
    return (vf)_mm512_cvtph_ps(_mm256_loadu_si256(p));
#elif NYX_W == 8
    return (vf)_mm256_cvtph_ps(_mm_loadu_si128(p));
#else
    uint16_t half[NYX_W];
    vf       y;

    memcpy(half, p, sizeof half);
    for (int i = 0; i < NYX_W; i++)
        y[i] = nyx_float_decode(NYX_RULE_F16, half[i]);
    return y;
#endif
}

NYX_INLINE vf vf_load_bf16(const void *p)
{
    typedef uint16_t halves __attribute__((vector_size(2 * NYX_W)));
    typedef uint32_t words __attribute__((vector_size(4 * NYX_W)));
    halves           half;

    memcpy(&half, p, sizeof half);
    return (vf)(__builtin_convertvector(half, words) << 16);
}

/* W numbers of f32, f16 or bf16; one. `type` is a constant once inlined. */
NYX_INLINE vf vf_load_of(enum nyx_dtype type, const void *p)
{
    return type == NYX_F16 ? vf_load_f16(p) : type == NYX_BF16 ? vf_load_bf16(p) : vf_load(p);
}

NYX_INLINE float float_of(enum nyx_dtype type, const void *p)
{
    uint16_t half;
    float    x;

    if (type == NYX_F32) {
        memcpy(&x, p, sizeof x);
        return x;
    }
    memcpy(&half, p, sizeof half);
    return nyx_float_decode(type == NYX_F16 ? NYX_RULE_F16 : NYX_RULE_BF16, half);
}

/* Element `index` of them. */
NYX_INLINE const char *place_of_element(enum nyx_dtype type, const void *data, int64_t index)
{
    return (const char *)data + index * (type == NYX_F32 ? 4 : 2);
}

#endif
