/* coded_bytes -- integer products of bytes, and numbers of blocks over lanes:
 * what coded_bytes.c is made of.
 *
 * Weights are gone through in units of 64 bytes of codes, 16 lanes of 4 bytes,
 * on every instruction set:
 *
 *     byte i of plane p of a unit is the element
 *         nibbles  32 (i/16) + i%16 + 16 p      p < 2
 *         crumbs   32 (i/8)  + i%8  +  8 p      p < 4
 *         bytes    i
 *
 * A unit is PARTS vectors.
 */
#ifndef NYX_CPU_CODED_BYTES_H
#define NYX_CPU_CODED_BYTES_H

#include "coded.h"

enum {
    LANES = 16,
    PARTS = LANES / NYX_W,
    UNIT = 64, /* bytes */
    MOST_PLANES = 4
};

NYX_INLINE int planes_of(enum coded_kind kind)
{
    return coded_is_wide(kind) ? 1 : coded_is_crumbs(kind) ? 4 : 2;
}

/* Bytes of a block in one plane. */
NYX_INLINE int chunk_of(enum coded_kind kind)
{
    return CODED_BLOCK / planes_of(kind);
}

NYX_INLINE int unit_blocks(enum coded_kind kind)
{
    return UNIT / chunk_of(kind);
}

NYX_INLINE vi part_load(const void *p, int part)
{
    return *(const vi_memory *)(const void *)((const char *)p + part * 4 * NYX_W);
}

NYX_INLINE vf part_load_f(const void *p, int part)
{
    return (vf)part_load(p, part);
}

NYX_INLINE void part_store(void *p, int part, vi x)
{
    *(vi_memory *)(void *)((char *)p + part * 4 * NYX_W) = x;
}

/* ---- products of bytes -------------------------------------------------------- */

/* Codes of int8 are stored with a sign; VPDPBUSD wants them without. */
#if NYX_W == 16
enum { BYTES_MOVED = 128 };
#else
enum { BYTES_MOVED = 0 };
#endif

/* Lane by lane sum + the four products of bytes of w and of x, -127 ... 127.
 * w has no sign, or, with `sign` (bytes, not moved), has one. */
NYX_INLINE vi dots(vi sum, vu w, vi x, bool sign)
{
#if NYX_W == 16
    (void)sign;
    return (vi)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)w, (__m512i)x);
#elif NYX_W == 8
    const __m256i size = sign ? _mm256_abs_epi8((__m256i)w) : (__m256i)w;
    const __m256i turned = sign ? _mm256_sign_epi8((__m256i)x, (__m256i)w) : (__m256i)x;

    return sum + (vi)_mm256_madd_epi16(_mm256_maddubs_epi16(size, turned), _mm256_set1_epi16(1));
#elif defined(__SSE2__)
    const __m128i a = (__m128i)w, b = (__m128i)x, none = _mm_setzero_si128();
    const __m128i over_a = sign ? _mm_cmpgt_epi8(none, a) : none, over_b = _mm_cmpgt_epi8(none, b);
    const __m128  low =
        (__m128)_mm_madd_epi16(_mm_unpacklo_epi8(a, over_a), _mm_unpacklo_epi8(b, over_b));
    const __m128 high =
        (__m128)_mm_madd_epi16(_mm_unpackhi_epi8(a, over_a), _mm_unpackhi_epi8(b, over_b));

    return sum + (vi)_mm_shuffle_ps(low, high, 0x88) + (vi)_mm_shuffle_ps(low, high, 0xdd);
#elif defined(NYX_ISA_neon)
    const int8x16_t a = (int8x16_t)w, b = (int8x16_t)x; /* below 128 a sign makes no difference */

    (void)sign;
    return sum + (vi)vpaddq_s32(vpaddlq_s16(vmull_s8(vget_low_s8(a), vget_low_s8(b))),
                                vpaddlq_s16(vmull_high_s8(a, b)));
#else
    for (int i = 0; i < NYX_W; i++)
        for (int j = 0; j < 32; j += 8)
            sum[i] += (sign ? (int8_t)(w[i] >> j) : (int)(uint8_t)(w[i] >> j)) *
                      (int8_t)((uint32_t)x[i] >> j);
    return sum;
#endif
}

/* Twice the points of e2m1, and 12. */
NYX_INLINE vu e2m1_bytes(vu nibbles)
{
    static const uint8_t twice[16] = {12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0};
#if NYX_W == 16
    return (vu)_mm512_shuffle_epi8(_mm512_broadcast_i32x4(_mm_loadu_si128((const void *)twice)),
                                   (__m512i)nibbles);
#elif NYX_W == 8
    return (vu)_mm256_shuffle_epi8(
        _mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)twice)), (__m256i)nibbles);
#elif defined(NYX_ISA_neon)
    return (vu)vqtbl1q_u8(vld1q_u8(twice), (uint8x16_t)nibbles);
#else
    uint8_t bytes[4 * NYX_W];

    memcpy(bytes, &nibbles, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = twice[bytes[i]];
    memcpy(&nibbles, bytes, sizeof bytes);
    return nibbles;
#endif
}

/* Part `part` of the planes of the unit whose codes lie at `codes` and `top`. */
NYX_INLINE void planes_read(vu out[MOST_PLANES], enum coded_kind kind, const uint8_t *codes,
                            const uint8_t *top, int part)
{
    const vu c = (vu)part_load(codes, part);

    if (kind == CODED_INT8) {
        out[0] = BYTES_MOVED ? c ^ 0x80808080u : c;
    } else if (!coded_is_crumbs(kind)) {
        out[0] = c & 0x0f0f0f0fu;
        out[1] = c >> 4 & 0x0f0f0f0fu;
        if (kind == CODED_E2M1)
            out[0] = e2m1_bytes(out[0]), out[1] = e2m1_bytes(out[1]);
    } else {
        const vu t = kind == CODED_INT3 ? coded_tops(top + part * 2 * NYX_W) : (vu){0};

        NYX_UNROLL(4)
        for (int p = 0; p < 4; p++) {
            out[p] = c >> (2 * p) & 0x03030303u;
            if (kind == CODED_INT3)
                out[p] |= (p ? t >> (2 * p - 2) : t << 2) & 0x04040404u;
        }
    }
}

/* ---- numbers of blocks over lanes --------------------------------------------- */

/* log2 of the lanes that share a number. */
NYX_INLINE int lanes_shift(enum coded_kind kind)
{
    return coded_is_wide(kind) ? 3 : coded_is_crumbs(kind) ? 1 : 2;
}

/* Lane L of part `part` gets p[(W part + L) >> shift]; eight floats are read. */
NYX_INLINE vf spread(const float *p, int shift, int part)
{
#if NYX_W == 16
    const vi lanes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

    (void)part;
    return (vf)_mm512_permutexvar_ps((__m512i)(lanes >> shift),
                                     _mm512_castps256_ps512(_mm256_loadu_ps(p)));
#elif NYX_W == 8
    const vi lanes = {0, 1, 2, 3, 4, 5, 6, 7};

    return (vf)_mm256_permutevar8x32_ps(_mm256_loadu_ps(p), (__m256i)((lanes + 8 * part) >> shift));
#else
    const int at = 4 * part;

    return (vf){p[at >> shift], p[(at + 1) >> shift], p[(at + 2) >> shift], p[(at + 3) >> shift]};
#endif
}

/* Bytes in groups of 16: one number for each half of a block. */
NYX_INLINE vf spread_pairs(float *const halves[2], int64_t block, int part)
{
    float numbers[8] = {0};

    for (int i = 0; i < 4; i++)
        numbers[i] = halves[i % 2][block + i / 2];
    return spread(numbers, 2, part);
}

/* Numbers of blocks as they are stored, in f16: 16 bytes at most. */
NYX_INLINE vf spread_halves(const uint8_t *p, enum coded_kind kind, int part)
{
    const int shift = lanes_shift(kind);
#if NYX_W >= 8
    typedef int16_t eight __attribute__((vector_size(16)));
    const eight     lanes = {0, 1, 2, 3, 4, 5, 6, 7};
    uint64_t        few = 0;
    __m128i         halves;

    if (coded_is_crumbs(kind)) {
        halves = _mm_loadu_si128((const void *)p);
    } else {
        memcpy(&few, p, coded_is_wide(kind) ? 4 : 8);
        halves = _mm_set1_epi64x((long long)few);
    }
#if NYX_W == 16
    const __m256i twice = coded_is_crumbs(kind) ? _mm256_broadcastsi128_si256(halves)
                                                : _mm256_set1_epi64x((long long)few);
    const __m256i first =
        _mm256_set_m128i((__m128i)((lanes + 8) >> shift), (__m128i)(lanes >> shift));
    const __m256i bytes = _mm256_add_epi16(_mm256_mullo_epi16(first, _mm256_set1_epi16(0x202)),
                                           _mm256_set1_epi16(0x100));

    (void)part;
    return (vf)_mm512_cvtph_ps(_mm256_shuffle_epi8(twice, bytes));
#else
    const eight bytes = ((lanes + (int16_t)(8 * part)) >> shift) * 0x202 + 0x100;

    return (vf)_mm256_cvtph_ps(_mm_shuffle_epi8(halves, (__m128i)bytes));
#endif
#else
    float numbers[8];

    for (int i = 0; i < LANES >> shift; i++) {
        uint16_t half;

        memcpy(&half, p + 2 * i, sizeof half);
        numbers[i] = nyx_f32_from_f16(half);
    }
    return spread(numbers, shift, part);
#endif
}

#endif
