/* convert -- f32 to and from the other float types, one element or many. */
#include "tensor/clone.h"
#include "tensor/float.h"
#include "tensor/tensor.h"

uint16_t nyx_f16_from_f32(float value)
{
    return (uint16_t)nyx_float_encode(NYX_RULE_F16, value);
}

float nyx_f32_from_f16(uint16_t code)
{
    return nyx_float_decode(NYX_RULE_F16, code);
}

uint16_t nyx_bf16_from_f32(float value)
{
    return (uint16_t)nyx_float_encode(NYX_RULE_BF16, value);
}

float nyx_f32_from_bf16(uint16_t code)
{
    return nyx_float_decode(NYX_RULE_BF16, code);
}

uint8_t nyx_fp8_e4m3_from_f32(float value)
{
    return (uint8_t)nyx_float_encode(NYX_RULE_E4M3, value);
}

float nyx_f32_from_fp8_e4m3(uint8_t code)
{
    return nyx_float_decode(NYX_RULE_E4M3, code);
}

uint8_t nyx_fp8_e5m2_from_f32(float value)
{
    return (uint8_t)nyx_float_encode(NYX_RULE_E5M2, value);
}

float nyx_f32_from_fp8_e5m2(uint8_t code)
{
    return nyx_float_decode(NYX_RULE_E5M2, code);
}

/* A row loop for each format; `rule` is a constant once this is inlined. */
#define ROWS(name, type, rule)                                                     \
    static NYX_BODY void name##_narrow_body(type *restrict dst,                    \
                                            const float *restrict src, int64_t n)  \
    {                                                                              \
        for (int64_t i = 0; i < n; i++)                                            \
            dst[i] = (type)nyx_float_encode(rule, src[i]);                         \
    }                                                                              \
    NYX_CLONES(name##_narrow, (type *restrict dst, const float *restrict src, int64_t n), \
               (dst, src, n))                                                      \
    static NYX_BODY void name##_widen_body(float *restrict dst,                    \
                                           const type *restrict src, int64_t n)    \
    {                                                                              \
        for (int64_t i = 0; i < n; i++)                                            \
            dst[i] = nyx_float_decode(rule, src[i]);                               \
    }                                                                              \
    NYX_CLONES(name##_widen, (float *restrict dst, const type *restrict src, int64_t n), \
               (dst, src, n))

ROWS(f16, uint16_t, NYX_RULE_F16)
ROWS(bf16, uint16_t, NYX_RULE_BF16)
ROWS(e4m3, uint8_t, NYX_RULE_E4M3)
ROWS(e5m2, uint8_t, NYX_RULE_E5M2)

void nyx_convert_from_f32(enum nyx_dtype dtype, void *dst, const float *src, int64_t elems)
{
    double *wide = dst;

    NYX_BUG_IF(!nyx_dtype_is_real(dtype) || elems < 0);
    switch (dtype) {
    case NYX_F16: f16_narrow(dst, src, elems); break;
    case NYX_BF16: bf16_narrow(dst, src, elems); break;
    case NYX_FP8_E4M3: e4m3_narrow(dst, src, elems); break;
    case NYX_FP8_E5M2: e5m2_narrow(dst, src, elems); break;
    case NYX_F64:
        for (int64_t i = 0; i < elems; i++)
            wide[i] = (double)src[i];
        break;
    default:
        if (elems > 0)
            memmove(dst, src, (size_t)elems * sizeof *src);
    }
}

void nyx_convert_to_f32(enum nyx_dtype dtype, float *dst, const void *src, int64_t elems)
{
    const double *wide = src;

    NYX_BUG_IF(!nyx_dtype_is_real(dtype) || elems < 0);
    switch (dtype) {
    case NYX_F16: f16_widen(dst, src, elems); break;
    case NYX_BF16: bf16_widen(dst, src, elems); break;
    case NYX_FP8_E4M3: e4m3_widen(dst, src, elems); break;
    case NYX_FP8_E5M2: e5m2_widen(dst, src, elems); break;
    case NYX_F64:
        for (int64_t i = 0; i < elems; i++)
            dst[i] = (float)wide[i];
        break;
    default:
        if (elems > 0)
            memmove(dst, src, (size_t)elems * sizeof *dst);
    }
}

/* Largest magnitude as bits: at or above infinity's, something is not finite. */
static NYX_BODY void largest_body(int32_t *out, const float *values, int64_t elems)
{
    int32_t most = 0;

    for (int64_t i = 0; i < elems; i++) {
        int32_t size = (int32_t)(nyx_f32_bits(values[i]) & 0x7fffffffu);

        most = size > most ? size : most;
    }
    *out = most;
}
NYX_CLONES(largest, (int32_t *out, const float *values, int64_t elems), (out, values, elems))

int64_t nyx_f32_find_nonfinite(const float *values, int64_t elems)
{
    enum { CHUNK = 4096 };

    for (int64_t start = 0; start < elems; start += CHUNK) {
        int64_t n = elems - start < CHUNK ? elems - start : CHUNK;
        int32_t most;

        largest(&most, values + start, n);
        if (most < 0x7f800000)
            continue;
        for (int64_t i = start; i < start + n; i++)
            if ((nyx_f32_bits(values[i]) & 0x7fffffffu) >= 0x7f800000u)
                return i;
    }
    return -1;
}
