/* tensor/math -- float32 functions for kernels: no libm, no branches.
 *
 * libm's bits differ between versions and machines; these do not. Each is
 * straight-line code over + - * / sqrt and integer operations, every one of
 * which IEEE 754 fixes, so a loop over them vectorises (gcc 12, clang 14)
 * and gives the same bits scalar, vectorised, on x86 and on ARM. Nothing here may
 * be contracted to a fused multiply-add: gcc's -std=c17 never does, clang is
 * told inside each function.
 *
 * Bounds are the largest errors measured against libm in float64, in units in
 * the last place of the exact value (tests/unit/test_tensor.c asserts them;
 * `build/tests/formats --all` walks all 2^32 arguments).
 *
 * The polynomials are ours: the expansion named in each function,
 * interpolated at Chebyshev points of the reduced interval.
 */
#ifndef NYX_TENSOR_MATH_H
#define NYX_TENSOR_MATH_H

#include <stdint.h>
#include <string.h>

#ifdef __clang__
#define NYX_NO_CONTRACT _Pragma("STDC FP_CONTRACT OFF")
#else
#define NYX_NO_CONTRACT
#endif

static inline uint32_t nyx_f32_bits(float x)
{
    uint32_t bits;

    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float nyx_f32_of_bits(uint32_t bits)
{
    float x;

    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline float nyx_absf(float x)
{
    return nyx_f32_of_bits(nyx_f32_bits(x) & 0x7fffffffu);
}

/* |size| with the sign of `sign`. */
static inline float nyx_copysignf(float size, float sign)
{
    return nyx_f32_of_bits((nyx_f32_bits(size) & 0x7fffffffu) |
                           (nyx_f32_bits(sign) & 0x80000000u));
}

/* The nearest integer, ties to even, of |x| < 2^22; adding 1.5 * 2^23 leaves
 * no bits for a fraction. *integer gets it as a two's complement word. */
static inline float nyx_rintf(float x, uint32_t *integer)
{
    NYX_NO_CONTRACT
    const float magic = 12582912.0f;
    float       moved = x + magic;

    *integer = nyx_f32_bits(moved) - nyx_f32_bits(magic);
    return moved - magic;
}

/* x = n ln 2 + r with |r| <= ln 2 / 2; returns e^r - 1 = r + r^2 Q(r). The high
 * part of ln 2 has 15 bits, so its product with n is exact. Needs |n| < 2^9. */
static inline float nyx_exp_reduce(float x, uint32_t *n)
{
    NYX_NO_CONTRACT
    float k = nyx_rintf(x * 1.44269504f, n);
    float r = (x - k * 6.93145752e-1f) - k * 1.42860677e-6f;
    float q = 1.98910304e-4f;

    q = q * r + 1.39336858e-3f;
    q = q * r + 8.33331049e-3f;
    q = q * r + 4.16664630e-2f;
    q = q * r + 1.66666672e-1f;
    q = q * r + 5.0e-1f;
    return r + (r * r) * q;
}

/* 2^n as a float, -126 <= n <= 127, n in two's complement. */
static inline float nyx_exp2_int(uint32_t n)
{
    return nyx_f32_of_bits((n + 127u) << 23);
}

/* e^x. Overflows to infinity, underflows gradually; NaN stays NaN. 0.96 ulp. */
static inline float nyx_expf(float x)
{
    NYX_NO_CONTRACT
    uint32_t n, half;
    float    p;

    x = x < -104.0f ? -104.0f : x; /* e^-104 rounds to 0 */
    x = x > 89.0f ? 89.0f : x;     /* e^89 rounds to infinity */
    p = 1.0f + nyx_exp_reduce(x, &n);
    half = (uint32_t)((int32_t)n >> 1); /* two steps reach below 2^-126 */
    return p * nyx_exp2_int(half) * nyx_exp2_int(n - half);
}

/* ln x. -inf at 0, NaN below. 0.84 ulp.
 * x = 2^e (1 + f), sqrt(1/2) <= 1 + f < sqrt 2; with s = f / (2 + f),
 * ln(1 + f) = 2 atanh s = f - (f^2/2 - s (f^2/2 + R(s^2))). */
static inline float nyx_logf(float x)
{
    NYX_NO_CONTRACT
    const float infinity = nyx_f32_of_bits(0x7f800000u);
    const float nan = nyx_f32_of_bits(0x7fc00000u);
    uint32_t    tiny = x < 1.17549435e-38f ? 1u : 0u;
    float       scaled = tiny ? x * 8388608.0f : x;
    uint32_t    bits = nyx_f32_bits(scaled) + (0x3f800000u - 0x3f3504f3u);
    float       e = (float)((int32_t)(bits >> 23) - 127 - (int32_t)(tiny * 23u));
    float       f = nyx_f32_of_bits((bits & 0x7fffffu) + 0x3f3504f3u) - 1.0f;
    float       s = f / (2.0f + f);
    float       z = s * s;
    float       h = 0.5f * f * f;
    float       r = 2.33327628e-1f;
    float       y;

    r = r * z + 2.85507351e-1f;
    r = r * z + 4.00001228e-1f;
    r = (r * z + 6.66666687e-1f) * z;
    y = e * 6.93145752e-1f + (f - (h - (s * (h + r) + e * 1.42860677e-6f)));
    y = x < infinity ? y : x; /* infinity and NaN */
    y = x > 0.0f ? y : (x == 0.0f ? -infinity : (x < 0.0f ? nan : x));
    return y;
}

/* 1 / (1 + e^-x); the two tails are computed alike from e^-|x|, so
 * sigma(x) and 1 - sigma(-x) agree and small results keep their bits. 2.4 ulp. */
static inline float nyx_sigmoidf(float x)
{
    NYX_NO_CONTRACT
    float e = nyx_expf(-nyx_absf(x));

    return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

/* tanh |x| = -t / (2 + t) with t = e^(-2|x|) - 1, which keeps its bits near 0;
 * from 1/2 upwards 1 - 2 e^(-2|x|) / (2 + t) loses fewer. 2.3 ulp. */
static inline float nyx_tanhf(float x)
{
    NYX_NO_CONTRACT
    uint32_t n;
    float    a = -2.0f * nyx_absf(x);
    float    p, scale, t, y;

    a = a < -30.0f ? -30.0f : a; /* 1 - tanh 15 < 2^-42 */
    p = nyx_exp_reduce(a, &n);
    scale = nyx_exp2_int(n);
    t = (scale - 1.0f) + scale * p;
    y = (a < -1.0986123f ? 2.0f * (scale + scale * p) : -t) / (2.0f + t);
    y = a < -1.0986123f ? 1.0f - y : y;
    return nyx_copysignf(y, x);
}

/* x sigma(x), 3.2 ulp for x > -87, and its derivative given x and sigma(x). NaN at
 * -infinity. */
static inline float nyx_siluf(float x)
{
    return x * nyx_sigmoidf(x);
}

static inline float nyx_silu_gradf(float x, float sigma)
{
    NYX_NO_CONTRACT
    return sigma * (1.0f + x * (1.0f - sigma));
}

/* sqrt as the one IEEE instruction, and 1 / sqrt (two roundings, 1.5 ulp). */
static inline float nyx_sqrtf(float x)
{
    return __builtin_sqrtf(x);
}

static inline float nyx_rsqrtf(float x)
{
    return 1.0f / __builtin_sqrtf(x);
}

/* atan of 0 <= t <= 1: above tan(pi/8) by atan t = pi/4 + atan((t-1)/(t+1)). */
static inline float nyx_atan_unit(float t)
{
    NYX_NO_CONTRACT
    uint32_t far = t > 0.414213562f ? 1u : 0u;
    float    u = far ? (t - 1.0f) / (t + 1.0f) : t;
    float    z = u * u;
    float    p = -6.44774139e-2f;

    p = p * z + 1.07424669e-1f;
    p = p * z - 1.42638385e-1f;
    p = p * z + 1.99995369e-1f;
    p = (p * z - 3.33333313e-1f) * z;
    u = u + u * p;
    return far ? 7.85398185e-1f + (u - 2.18556941e-8f) : u;
}

/* The angle of (x, y) in (-pi, pi], as C's atan2: signs of zeros and
 * infinities included; NaN if either is. 2.5 ulp. */
static inline float nyx_atan2f(float y, float x)
{
    NYX_NO_CONTRACT
    float ax = nyx_absf(x), ay = nyx_absf(y);
    float least = ay < ax ? ay : ax;
    float most = ay < ax ? ax : ay;
    float t = least / most;
    float a;

    t = most == 0.0f ? 0.0f : t;
    t = least > 3.40282347e38f ? 1.0f : t; /* both infinite */
    a = nyx_atan_unit(t);
    a = ay > ax ? 1.57079637f - (a + 4.37113883e-8f) : a;
    a = (nyx_f32_bits(x) >> 31) != 0 ? 3.14159274f - (a + 8.74227766e-8f) : a;
    a = x != x ? x : a;
    return y != y ? y : nyx_copysignf(a, y);
}

#endif
