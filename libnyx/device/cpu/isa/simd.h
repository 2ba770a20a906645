/* simd -- one vector of floats for every instruction set.
 *
 * Kernels here are compiled once for each instruction set (Makefile: NYX_ISA).
 * `vf` is the widest vector of floats that set has: 16 on AVX-512, 8 on AVX2,
 * 4 on NEON and on base (SSE2, or no intrinsics at all; nothing is fused there,
 * so that base has the same bits on every machine). Arithmetic uses the
 * compilers' vector extensions; intrinsics stand only where these have no word
 * for an instruction.
 *
 * Nothing is contracted to a fused multiply-add behind our back: vf_fma says
 * where one is wanted. Sums over a vector have one fixed order.
 */
#ifndef NYX_CPU_SIMD_H
#define NYX_CPU_SIMD_H

#include "tensor/math.h"

#include <stdint.h>
#include <string.h>

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#define NYX_UNROLL(n) NYX_PRAGMA(unroll n)
#else
#define NYX_UNROLL(n) NYX_PRAGMA(GCC unroll n)
#endif
#define NYX_PRAGMA(text) _Pragma(#text)

#if defined(__SSE2__)
#include <immintrin.h>
#elif defined(NYX_ISA_neon)
#include <arm_neon.h>
#endif

#if defined(__AVX512F__)
#define NYX_W 16
#elif defined(__AVX2__)
#define NYX_W 8
#else
#define NYX_W 4
#endif

#define NYX_INLINE static inline __attribute__((always_inline, unused))

typedef float   vf __attribute__((vector_size(4 * NYX_W)));
typedef int32_t vi __attribute__((vector_size(4 * NYX_W)));
typedef float   vf_memory __attribute__((vector_size(4 * NYX_W), aligned(4), may_alias));
typedef int32_t vi_memory __attribute__((vector_size(4 * NYX_W), aligned(4), may_alias));

NYX_INLINE vf vf_load(const float *p)
{
    return *(const vf_memory *)p;
}

NYX_INLINE void vf_store(float *p, vf x)
{
    *(vf_memory *)p = x;
}

NYX_INLINE vf vf_all(float x)
{
    return x - (vf){ 0 }; /* the minus keeps a negative zero */
}

/* The first `count` floats, zeros behind. */
NYX_INLINE vf vf_load_part(const float *p, int64_t count)
{
    float part[NYX_W] = { 0 };

    memcpy(part, p, (size_t)count * sizeof *p);
    return vf_load(part);
}

NYX_INLINE void vf_store_part(float *p, vf x, int64_t count)
{
    float part[NYX_W];

    vf_store(part, x);
    memcpy(p, part, (size_t)count * sizeof *p);
}

/* a b + c, rounded once where the instruction set can. */
NYX_INLINE vf vf_fma(vf a, vf b, vf c)
{
#if defined(__AVX512F__)
    return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__AVX2__)
    return (vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(NYX_ISA_neon)
    return (vf)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
    return a * b + c;
#endif
}

NYX_INLINE vf vf_sqrt(vf x)
{
#if defined(__AVX512F__)
    return (vf)_mm512_sqrt_ps((__m512)x);
#elif defined(__AVX2__)
    return (vf)_mm256_sqrt_ps((__m256)x);
#elif defined(NYX_ISA_neon)
    return (vf)vsqrtq_f32((float32x4_t)x);
#else
    for (int i = 0; i < NYX_W; i++)
        x[i] = __builtin_sqrtf(x[i]);
    return x;
#endif
}

/* mask lanes are all ones or all zeros, as comparisons give them. */
NYX_INLINE vf vf_select(vi mask, vf a, vf b)
{
    return (vf)(((vi)a & mask) | ((vi)b & ~mask));
}

/* As the scalar `a > b ? a : b` (`a < b ? a : b`): b where either is NaN. */
NYX_INLINE vf vf_max(vf a, vf b)
{
#if defined(__AVX512F__)
    return (vf)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__)
    return (vf)_mm256_max_ps((__m256)a, (__m256)b);
#elif defined(__SSE2__)
    return (vf)_mm_max_ps((__m128)a, (__m128)b);
#else
    return vf_select(a > b, a, b);
#endif
}

NYX_INLINE vf vf_min(vf a, vf b)
{
#if defined(__AVX512F__)
    return (vf)_mm512_min_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__)
    return (vf)_mm256_min_ps((__m256)a, (__m256)b);
#elif defined(__SSE2__)
    return (vf)_mm_min_ps((__m128)a, (__m128)b);
#else
    return vf_select(a < b, a, b);
#endif
}

/* Halves are folded onto each other: lane i with lane i + W/2, and so on. */
#if NYX_W == 16
#define NYX_FOLD(x, half)                                                                     \
    __builtin_shufflevector(x, x, (0 + half) & 15, (1 + half) & 15, (2 + half) & 15,          \
                            (3 + half) & 15, (4 + half) & 15, (5 + half) & 15, (6 + half) & 15, \
                            (7 + half) & 15, (8 + half) & 15, (9 + half) & 15,                \
                            (10 + half) & 15, (11 + half) & 15, (12 + half) & 15,             \
                            (13 + half) & 15, (14 + half) & 15, (15 + half) & 15)
#define NYX_LOW(a, b)                                                                         \
    __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define NYX_HIGH(a, b)                                                                        \
    __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#elif NYX_W == 8
#define NYX_FOLD(x, half)                                                                     \
    __builtin_shufflevector(x, x, (0 + half) & 7, (1 + half) & 7, (2 + half) & 7,             \
                            (3 + half) & 7, (4 + half) & 7, (5 + half) & 7, (6 + half) & 7,   \
                            (7 + half) & 7)
#define NYX_LOW(a, b)  __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define NYX_HIGH(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#else
#define NYX_FOLD(x, half)                                                                     \
    __builtin_shufflevector(x, x, (0 + half) & 3, (1 + half) & 3, (2 + half) & 3, (3 + half) & 3)
#define NYX_LOW(a, b)  __builtin_shufflevector(a, b, 0, 4, 1, 5)
#define NYX_HIGH(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)
#endif

NYX_INLINE float vf_sum(vf x)
{
#if NYX_W == 16
    x += NYX_FOLD(x, 8);
#endif
#if NYX_W >= 8
    x += NYX_FOLD(x, 4);
#endif
    x += NYX_FOLD(x, 2);
    x += NYX_FOLD(x, 1);
    return x[0];
}

NYX_INLINE float vf_largest(vf x)
{
#if NYX_W == 16
    x = vf_max(x, NYX_FOLD(x, 8));
#endif
#if NYX_W >= 8
    x = vf_max(x, NYX_FOLD(x, 4));
#endif
    x = vf_max(x, NYX_FOLD(x, 2));
    x = vf_max(x, NYX_FOLD(x, 1));
    return x[0];
}

/* Transpose W x W in place: log2 W perfect shuffles of rows i and i + W/2. */
NYX_INLINE void vf_transpose(vf x[NYX_W])
{
    vf y[NYX_W];

    NYX_UNROLL(4)
    for (int step = 1; step < NYX_W; step *= 2) {
        NYX_UNROLL(8)
        for (int i = 0; i < NYX_W / 2; i++) {
            y[2 * i] = NYX_LOW(x[i], x[i + NYX_W / 2]);
            y[2 * i + 1] = NYX_HIGH(x[i], x[i + NYX_W / 2]);
        }
        NYX_UNROLL(16)
        for (int i = 0; i < NYX_W; i++)
            x[i] = y[i];
    }
}

/* ---- the functions of tensor/math.h, a vector at a time: same bits -------- */

NYX_INLINE vf vf_exp_reduce(vf x, vi *n)
{
    const vf magic = vf_all(12582912.0f);
    vf       moved = x * 1.44269504f + magic;
    vf       k = moved - magic;
    vf       r = (x - k * 6.93145752e-1f) - k * 1.42860677e-6f;
    vf       q = vf_all(1.98910304e-4f);

    *n = (vi)moved - (vi)magic;
    q = q * r + 1.39336858e-3f;
    q = q * r + 8.33331049e-3f;
    q = q * r + 4.16664630e-2f;
    q = q * r + 1.66666672e-1f;
    q = q * r + 5.0e-1f;
    return r + (r * r) * q;
}

NYX_INLINE vf vf_exp(vf x)
{
    vi n, half;
    vf p;

    x = vf_min(vf_all(89.0f), vf_max(vf_all(-104.0f), x));
    p = 1.0f + vf_exp_reduce(x, &n);
    half = n >> 1;
    return p * (vf)((half + 127) << 23) * (vf)((n - half + 127) << 23);
}

/* e^x of x <= 0 with fused steps, for attention and gates: 0 below e^-87.7, where the
 * exponent field is 0; NaN stays NaN. */
NYX_INLINE vf vf_exp_down(vf x)
{
    const vf magic = vf_all(12582912.0f);
    vf       moved, k, r, q;

    x = vf_max(vf_all(-88.0f), x);
    moved = vf_fma(x, vf_all(1.44269504f), magic);
    k = moved - magic;
    r = vf_fma(k, vf_all(-6.93145752e-1f), x);
    r = vf_fma(k, vf_all(-1.42860677e-6f), r);
    q = vf_fma(vf_all(1.98910304e-4f), r, vf_all(1.39336858e-3f));
    q = vf_fma(q, r, vf_all(8.33331049e-3f));
    q = vf_fma(q, r, vf_all(4.16664630e-2f));
    q = vf_fma(q, r, vf_all(1.66666672e-1f));
    q = vf_fma(q, r, vf_all(5.0e-1f));
    q = vf_fma(r * r, q, r);
    return (1.0f + q) * (vf)(((vi)moved - (vi)magic + 127) << 23);
}

NYX_INLINE vf vf_sigmoid(vf x)
{
    vf one = vf_all(1.0f);
    vf e = vf_exp((vf)((vi)x | INT32_MIN)); /* -|x| */

    return vf_select(x < vf_all(0.0f), e, one) / (one + e);
}

/* The same with fused steps, for gates: other bits, 0 below -87.7. *rest is what
 * is left to 1, with all its bits where that is little. */
NYX_INLINE vf vf_gate(vf x, vf *rest)
{
    vf one = vf_all(1.0f);
    vf e = vf_exp_down((vf)((vi)x | INT32_MIN));
    vf s = vf_select(x < vf_all(0.0f), e, one) / (one + e);

    *rest = vf_select(x < vf_all(0.0f), one - s, e * s);
    return s;
}

#endif
