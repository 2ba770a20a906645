/* search_x86 -- the refits of a symmetric integer group with AVX-512: what
 * search.c does for one candidate after another, for 16 at a time.
 *
 * The 16 lanes of a vector are the 16 lanes of a sum in search.c, every
 * operation and every order of additions is the same, so are the bits. What
 * is saved is the work around the sums: 16 of them are added up together, and
 * 16 scales rounded and inverted together.
 */
#include "quant/internal.h"
#include "tensor/float.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define WITH_512 __attribute__((target("avx512f,avx512dq")))
#define INLINE WITH_512 static inline __attribute__((always_inline))

enum { LANES = 16 };

bool nyx_quant__refits_can(const nyx_quant__plan *plan, int64_t n)
{
    return plan->layout.lattice == NYX_LATTICE_INT && plan->zero == NYX_ZERO_NONE &&
           n % LANES == 0 && (plan->scale == NYX_SCALE_F16 || plan->scale == NYX_SCALE_F32) &&
           __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq");
}

/* The sum of the lanes of each of 16 vectors: pairs half the vector apart, then
 * a quarter, ... Each step halves two vectors into one. */
INLINE __m512 sums_of(const __m512 v[LANES])
{
    NYX_NO_CONTRACT
    const __m512i turn = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    __m512        two[8], four[4], left, right;

    for (int i = 0; i < 8; i++)
        two[i] = _mm512_add_ps(_mm512_shuffle_f32x4(v[2 * i], v[2 * i + 1], 0x44),
                               _mm512_shuffle_f32x4(v[2 * i], v[2 * i + 1], 0xee));
    for (int i = 0; i < 4; i++)
        four[i] = _mm512_add_ps(_mm512_shuffle_f32x4(two[2 * i], two[2 * i + 1], 0x88),
                                _mm512_shuffle_f32x4(two[2 * i], two[2 * i + 1], 0xdd));
    left = _mm512_add_ps(_mm512_shuffle_ps(four[0], four[1], 0x44),
                         _mm512_shuffle_ps(four[0], four[1], 0xee));
    right = _mm512_add_ps(_mm512_shuffle_ps(four[2], four[3], 0x44),
                          _mm512_shuffle_ps(four[2], four[3], 0xee));
    left =
        _mm512_add_ps(_mm512_shuffle_ps(left, right, 0x88), _mm512_shuffle_ps(left, right, 0xdd));
    return _mm512_permutexvar_ps(turn, left);
}

/* scale.c's round_f16 and round_f32. */
INLINE __m512 stored(enum nyx_scale_type type, __m512 scale)
{
    NYX_NO_CONTRACT
    const __m512  size = _mm512_abs_ps(scale);
    const __m512i sign = _mm512_and_epi32(_mm512_castps_si512(scale), _mm512_set1_epi32(INT32_MIN));
    __m512i       bits;

    if (type == NYX_SCALE_F16) { /* values beyond the range get the largest; NaN stays */
        const __m512 most = _mm512_set1_ps(65504.0f);
        const __m512 near =
            _mm512_mask_mov_ps(size, _mm512_cmp_ps_mask(size, most, _CMP_GT_OQ), most);

        scale = _mm512_castsi512_ps(_mm512_or_epi32(_mm512_castps_si512(near), sign));
        return _mm512_cvtph_ps(
            _mm512_cvtps_ph(scale, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
    }
    bits = _mm512_castps_si512(scale);
    bits = _mm512_add_epi32(bits, _mm512_add_epi32(_mm512_set1_epi32(0xfff),
                                                   _mm512_and_epi32(_mm512_srli_epi32(bits, 13),
                                                                    _mm512_set1_epi32(1))));
    bits = _mm512_andnot_epi32(_mm512_set1_epi32(0x1fff), bits);
    bits =
        _mm512_mask_or_epi32(bits, _mm512_cmp_ps_mask(size, _mm512_set1_ps(0x1p126f), _CMP_GT_OQ),
                             sign, _mm512_castps_si512(_mm512_set1_ps(0x1p126f)));
    bits =
        _mm512_mask_mov_epi32(bits, _mm512_cmp_ps_mask(size, _mm512_set1_ps(0x1p-126f), _CMP_LT_OQ),
                              _mm512_setzero_si512());
    return _mm512_castsi512_ps(bits);
}

INLINE __m512 rounded(__m512 w, __m512 inverse, __m512 bottom, __m512 top)
{
    NYX_NO_CONTRACT
    const __m512 magic = _mm512_set1_ps(12582912.0f);
    const __m512 x = _mm512_min_ps(top, _mm512_max_ps(bottom, _mm512_mul_ps(w, inverse)));

    return _mm512_sub_ps(_mm512_add_ps(x, magic), magic);
}

/* `weighed` is a constant after inlining: without weights every v is 1. */
INLINE void refit16(nyx_quant__refits *all, int at, int count, const nyx_quant__plan *plan,
                    const float *w, const float *v, int64_t n, bool weighed)
{
    NYX_NO_CONTRACT
    const __m512    bottom = _mm512_set1_ps(plan->qmin), top = _mm512_set1_ps(plan->qmax);
    const __m512    zero = _mm512_setzero_ps(), one = _mm512_set1_ps(1.0f);
    const __mmask16 asked = (__mmask16)((1u << count) - 1u);
    __m512 scale = stored(plan->scale, _mm512_maskz_loadu_ps(asked, all->scale + at)), below,
           left[LANES], right[LANES];
    __mmask16          good = _mm512_mask_cmp_ps_mask(asked, scale, zero, _CMP_NEQ_UQ);
    _Alignas(64) float scales[LANES], inverses[LANES];

    for (int c = count; c < LANES; c++)
        left[c] = right[c] = zero;
    _mm512_store_ps(inverses, _mm512_maskz_div_ps(good, one, scale));
    for (int c = 0; c < count; c++) {
        const __m512 inverse = _mm512_set1_ps(inverses[c]);
        __m512       b = zero, d = zero;

        for (int64_t i = 0; i < n; i += LANES) {
            const __m512 from = _mm512_loadu_ps(w + i), q = rounded(from, inverse, bottom, top);
            const __m512 vq = weighed ? _mm512_mul_ps(_mm512_loadu_ps(v + i), q) : q;

            b = _mm512_add_ps(b, _mm512_mul_ps(vq, q));
            d = _mm512_add_ps(d, _mm512_mul_ps(vq, from));
        }
        left[c] = b;
        right[c] = d;
    }
    below = sums_of(left);
    good = _mm512_mask_cmp_ps_mask(good, below, zero, _CMP_GT_OQ);
    scale = stored(plan->scale, _mm512_maskz_div_ps(good, sums_of(right), below));
    good = _mm512_mask_cmp_ps_mask(good, scale, zero,
                                   _CMP_NEQ_OQ); /* neither 0 nor NaN: stored scales are finite */
    _mm512_store_ps(scales, scale);
    _mm512_store_ps(inverses, _mm512_maskz_div_ps(good, one, scale));
    for (int c = 0; c < count; c++) {
        const __m512 inverse = _mm512_set1_ps(inverses[c]), step = _mm512_set1_ps(scales[c]);
        __m512       error = zero;

        for (int64_t i = 0; i < n; i += LANES) {
            const __m512 from = _mm512_loadu_ps(w + i), q = rounded(from, inverse, bottom, top);
            const __m512 miss = _mm512_sub_ps(from, _mm512_add_ps(_mm512_mul_ps(step, q), zero));
            const __m512 vmiss = weighed ? _mm512_mul_ps(_mm512_loadu_ps(v + i), miss) : miss;

            error = _mm512_add_ps(error, _mm512_mul_ps(vmiss, miss));
        }
        left[c] = error;
    }
    _mm512_mask_storeu_ps(all->scale + at, asked, scale);
    _mm512_mask_storeu_ps(
        all->error + at, asked,
        _mm512_mask_mov_ps(_mm512_set1_ps(__builtin_inff()), good, sums_of(left)));
}

WITH_512 void nyx_quant__refits_run(nyx_quant__refits *all, const nyx_quant__plan *plan,
                                    const float *w, const float *v, int64_t n)
{
    for (int at = 0; at < all->count; at += LANES) {
        const int count = all->count - at < LANES ? all->count - at : LANES;

        if (v)
            refit16(all, at, count, plan, w, v, n, true);
        else
            refit16(all, at, count, plan, w, v, n, false);
    }
}

#else

bool nyx_quant__refits_can(const nyx_quant__plan *plan, int64_t n)
{
    (void)plan;
    (void)n;
    return false;
}

void nyx_quant__refits_run(nyx_quant__refits *all, const nyx_quant__plan *plan, const float *w,
                           const float *v, int64_t n)
{
    (void)all;
    (void)plan;
    (void)w;
    (void)v;
    (void)n;
    NYX_BUG_IF(true);
}

#endif
