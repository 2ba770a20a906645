/* fold -- sums over several vectors at once. */
#ifndef NYX_CPU_FOLD_H
#define NYX_CPU_FOLD_H

#include "simd.h"

/* vf_sum of four vectors, bit by bit, for little more than that of one. */
NYX_INLINE void vf_sum4(float out[4], const vf x[4])
{
#if NYX_W >= 8
    __m128 y[4], low, high;

    NYX_UNROLL(4)
    for (int i = 0; i < 4; i++) {
#if NYX_W == 16
        const __m256 half = _mm256_add_ps(_mm512_castps512_ps256((__m512)x[i]),
                                          _mm512_extractf32x8_ps((__m512)x[i], 1));
#else
        const __m256 half = (__m256)x[i];
#endif
        y[i] = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
    }
    low = _mm_add_ps(_mm_unpacklo_ps(y[0], y[1]), _mm_unpackhi_ps(y[0], y[1]));
    high = _mm_add_ps(_mm_unpacklo_ps(y[2], y[3]), _mm_unpackhi_ps(y[2], y[3]));
    _mm_storeu_ps(out, _mm_add_ps(_mm_movelh_ps(low, high), _mm_movehl_ps(high, low)));
#else
    for (int i = 0; i < 4; i++)
        out[i] = vf_sum(x[i]);
#endif
}

#endif
