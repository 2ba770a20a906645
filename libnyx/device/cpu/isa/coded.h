/* coded -- weights decoded in registers, for matmul_coded.
 *
 * Codes are read as vectors of W dwords. A dword of 4-bit codes holds 8 of
 * them, so a vector of dwords shifted by 4n gives W codes, n = 0 ... 7; 2-bit
 * codes are first spread to two vectors of nibbles, and the third bit of int3
 * is put on top of them. Elements so come out in another order than they
 * stand in a row; the rows of x are put in the same order beforehand, once a
 * call, and a sum does not mind. A unit is what one such vector of codes
 * covers: lane L of vector v holds the element
 *
 *     nibbles (8 W elements)    32 (L/4) + 4 (L%4) + v/2 + 16 (v%2)
 *     crumbs (16 W, two rounds  32 (L/2) + 4 (L%2) + n/2 + 16 (n%2) + 8 h,  n = v%8
 *             h = v/8)
 *     bytes, halves (32)        W v + L
 *
 * In the first two, v%2 tells the halves of a block of 32 apart, which
 * matters for groups of 16.
 */
#ifndef NYX_CPU_CODED_H
#define NYX_CPU_CODED_H

#include "half.h"
#include "isa.h"

enum { CODED_BLOCK = 32, CODED_LARGEST_UNIT = 16 * NYX_W, CODED_AHEAD = 4096 };

enum coded_kind {
    CODED_INT4, CODED_NF4, CODED_E2M1, CODED_INT3, CODED_INT2,
    CODED_INT8, CODED_E4M3, CODED_E5M2, CODED_F16, CODED_BF16, CODED_KINDS
};

/* Scale and zero point of every block, for its first and its second half;
 * `raw`: room for two numbers a block. */
typedef struct {
    float *scale[2], *zero[2], *raw;
} coded_steps;

/* Few rows of x read weights at the memory's rate only where these are asked
 * for CODED_AHEAD bytes before they are used: rows are shorter than what the
 * processor needs to foresee them. */
NYX_INLINE void coded_foresee(const uint8_t *codes)
{
    __builtin_prefetch(codes + CODED_AHEAD, 0, 3);
}

/* One tensor of weights and how to go through it. */
typedef struct {
    nyx_coded       coded;
    nyx_layout      layout;
    enum coded_kind kind;
    enum nyx_zero_type zero;
    bool            halves;  /* groups of 16 */
    int64_t         unit;    /* elements */
    int64_t         units;   /* a row, the last perhaps in part */
    int64_t         padded;  /* elements of a row of x: units * unit */
    int64_t         unit_bytes, unit_blocks;
    const uint8_t  *codes_end;
    vf              points[2]; /* of codes 0 ... 15 (W = 16: the first vector) */
    float           offset;  /* added to an integer code */
    const float    *levels;  /* the same points as memory */
} coded_source;

typedef uint32_t vu __attribute__((vector_size(4 * NYX_W)));
typedef uint32_t vu_memory __attribute__((vector_size(4 * NYX_W), aligned(1), may_alias));

#define coded_source_of NYX_ISA_NAME(nyx_cpu__coded_source_of)
#define coded_turn      NYX_ISA_NAME(nyx_cpu__coded_turn)
#define coded_steps_of  NYX_ISA_NAME(nyx_cpu__coded_steps_of)
#define coded_dots      NYX_ISA_NAME(nyx_cpu__coded_dots)
#define coded_panels    NYX_ISA_NAME(nyx_cpu__coded_panels)
#define coded_scale     NYX_ISA_NAME(nyx_cpu__coded_scale)
#define coded_bytes     NYX_ISA_NAME(nyx_cpu__coded_bytes)
#define coded_round     NYX_ISA_NAME(nyx_cpu__coded_round)

void coded_source_of(coded_source *out, const nyx_call *call, int first);
/* A row of x, floats [cols], in the order of the kernels, [padded]. */
void coded_turn(float *to, const float *from, const coded_source *s);
/* Steps of blocks [block, block + count) of a row; those behind it are 0. */
void coded_steps_of(const coded_steps *to, const coded_source *s, int64_t row, int64_t block, int64_t count);
/* One scale of the plane. */
float coded_scale(const coded_source *s, int64_t index);

/* Rows of x (few: each dot product by itself; many: in panels) times weights,
 * into y [rows, columns]. With `block`, x is coded in 8 bits first: few rows
 * then multiply integers (coded_bytes). */
enum { CODED_FEW = 8 };
typedef struct {
    coded_source source;
    const float *x, *bias;
    float       *y;
    int64_t      rows, columns, terms;
    float       *workspace;
    nyx_pool    *pool;
    int64_t      block; /* elements that share a scale: CODED_BLOCK or all terms; 0: x is real */
} coded_job;
void    coded_dots(const coded_job *job, int part, int parts);
void    coded_panels(const coded_job *job, int part, int parts);
void    coded_bytes(const coded_job *job, int part, int parts);
/* nyx_activation_round. */
void    coded_round(float *to, const float *from, int64_t terms, int64_t block);
int64_t NYX_ISA_NAME(nyx_cpu__coded_dots_workspace)(int64_t rows, int64_t terms, int parts);
int64_t NYX_ISA_NAME(nyx_cpu__coded_panels_workspace)(int64_t rows, int64_t terms, int parts);
int64_t NYX_ISA_NAME(nyx_cpu__coded_bytes_workspace)(int64_t rows, int64_t terms, int parts);

/* ---- points ------------------------------------------------------------------- */

NYX_INLINE bool coded_is_wide(enum coded_kind kind) { return kind >= CODED_INT8; }
NYX_INLINE bool coded_is_crumbs(enum coded_kind kind) { return kind == CODED_INT3 || kind == CODED_INT2; }
NYX_INLINE bool coded_is_plain(enum coded_kind kind) { return kind >= CODED_F16; } /* never scaled */

/* Vectors of a round, and rounds of a unit. */
NYX_INLINE int coded_vectors(enum coded_kind kind) { return coded_is_wide(kind) ? CODED_BLOCK / NYX_W : 8; }
NYX_INLINE int coded_rounds(enum coded_kind kind) { return coded_is_crumbs(kind) ? 2 : 1; }
NYX_INLINE int coded_half(enum coded_kind kind, int vector)
{
    return coded_is_wide(kind) ? vector >= CODED_BLOCK / NYX_W / 2 : vector % 2;
}

NYX_INLINE vf coded_nibbles(enum coded_kind kind, vu u, const coded_source *s)
{
#if NYX_W == 16
    (void)kind;
    return (vf)_mm512_permutexvar_ps((__m512i)u, (__m512)s->points[0]);
#elif NYX_W == 8
    if (coded_is_crumbs(kind))
        return (vf)_mm256_permutevar8x32_ps((__m256)s->points[0], (__m256i)u);
    if (kind == CODED_E2M1)
        return (vf)((vu)_mm256_permutevar8x32_ps((__m256)s->points[0], (__m256i)u) ^ (u << 28 & 0x80000000u));
    if (kind == CODED_NF4)
        return (vf)_mm256_blendv_ps(_mm256_permutevar8x32_ps((__m256)s->points[0], (__m256i)u),
                                    _mm256_permutevar8x32_ps((__m256)s->points[1], (__m256i)u), (__m256)(u << 28));
    return __builtin_convertvector((vi)(u & 15u), vf) + s->offset;
#else
    vf y;

    if (kind != CODED_E2M1 && kind != CODED_NF4)
        return __builtin_convertvector((vi)(u & 15u), vf) + s->offset;
    for (int i = 0; i < NYX_W; i++)
        y[i] = s->levels[u[i] & 15u];
    return y;
#endif
}

/* The third bits of a unit of int3 over the lanes of its 2-bit codes. */
NYX_INLINE vu coded_tops(const uint8_t *top)
{
    typedef uint32_t half __attribute__((vector_size(2 * NYX_W)));
    half             h;
#if NYX_W == 16
    const vu odd = { 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1 };

    memcpy(&h, top, sizeof h);
    return __builtin_shufflevector(h, h, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7) >> odd;
#elif NYX_W == 8
    const vu odd = { 0, 1, 0, 1, 0, 1, 0, 1 };

    memcpy(&h, top, sizeof h);
    return __builtin_shufflevector(h, h, 0, 0, 1, 1, 2, 2, 3, 3) >> odd;
#else
    const vu odd = { 0, 1, 0, 1 };

    memcpy(&h, top, sizeof h);
    return (vu){ h[0], h[0], h[1], h[1] } >> odd;
#endif
}

/* W codes of a byte, or W halves, as floats. e4m3 and e5m2 become f16: the
 * first with 256 times too small a value. */
NYX_INLINE vf coded_wide(enum coded_kind kind, const uint8_t *p, const coded_source *s)
{
    if (coded_is_plain(kind))
        return kind == CODED_F16 ? vf_load_f16(p) : vf_load_bf16(p);
#if NYX_W == 16
    if (kind == CODED_INT8)
        return (vf)_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const void *)p))) + s->offset;
    const __m256i c = _mm256_cvtepu8_epi16(_mm_loadu_si128((const void *)p));
    if (kind == CODED_E5M2)
        return (vf)_mm512_cvtph_ps(_mm256_slli_epi16(c, 8));
    return 256.0f * (vf)_mm512_cvtph_ps(_mm256_or_si256(
                        _mm256_slli_epi16(_mm256_and_si256(c, _mm256_set1_epi16(0x80)), 8),
                        _mm256_slli_epi16(_mm256_and_si256(c, _mm256_set1_epi16(0x7f)), 7)));
#elif NYX_W == 8
    if (kind == CODED_INT8)
        return (vf)_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)p))) + s->offset;
    const __m128i c = _mm_cvtepu8_epi16(_mm_loadl_epi64((const void *)p));
    if (kind == CODED_E5M2)
        return (vf)_mm256_cvtph_ps(_mm_slli_epi16(c, 8));
    return 256.0f * (vf)_mm256_cvtph_ps(_mm_or_si128(_mm_slli_epi16(_mm_and_si128(c, _mm_set1_epi16(0x80)), 8),
                                                     _mm_slli_epi16(_mm_and_si128(c, _mm_set1_epi16(0x7f)), 7)));
#else
    vf y;

    for (int i = 0; i < NYX_W; i++)
        y[i] = kind == CODED_INT8   ? (float)(int8_t)p[i] + s->offset
               : kind == CODED_E4M3 ? nyx_f32_from_fp8_e4m3(p[i])
                                    : nyx_f32_from_fp8_e5m2(p[i]);
    return y;
#endif
}

/* The points of round `h` of a unit whose codes lie at `codes` (int3: and
 * `top`). `kind` is a constant once inlined. */
NYX_INLINE void coded_points(vf out[8], enum coded_kind kind, int h, const uint8_t *codes, const uint8_t *top,
                             const coded_source *s)
{
    if (coded_is_wide(kind)) {
        NYX_UNROLL(8)
        for (int v = 0; v < coded_vectors(kind); v++)
            out[v] = coded_wide(kind, codes + v * NYX_W * (coded_is_plain(kind) ? 2 : 1), s);
        return;
    }
    vu u = *(const vu_memory *)codes;

    if (coded_is_crumbs(kind))
        u = u >> (2 * h) & 0x33333333u;
    if (kind == CODED_INT3)
        u |= (coded_tops(top) >> (2 * h) & 0x11111111u) << 2;
    NYX_UNROLL(8)
    for (int n = 0; n < 8; n++)
        out[n] = coded_nibbles(kind, u >> (4 * n), s);
}

/* One number a block over the lanes of a unit. */
NYX_INLINE vf coded_spread(enum coded_kind kind, const float *p)
{
    if (coded_is_wide(kind))
        return vf_all(p[0]);
#if NYX_W == 16
    const __m512i pairs = _mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
    const __m512i fours = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);

    if (coded_is_crumbs(kind))
        return (vf)_mm512_permutexvar_ps(pairs, _mm512_castps256_ps512(_mm256_loadu_ps(p)));
    return (vf)_mm512_permutexvar_ps(fours, _mm512_castps128_ps512(_mm_loadu_ps(p)));
#elif NYX_W == 8
    const __m256i pairs = _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3);
    const __m256i fours = _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1);
    const __m256  x = _mm256_castps128_ps256(_mm_loadu_ps(p));

    return (vf)_mm256_permutevar8x32_ps(x, coded_is_crumbs(kind) ? pairs : fours);
#else
    return coded_is_crumbs(kind) ? (vf){ p[0], p[0], p[1], p[1] } : vf_all(p[0]);
#endif
}

#endif
