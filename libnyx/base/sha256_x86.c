/* sha256_x86 -- blocks of SHA-256 with the SHA instructions of x86 (Intel SDM
 * volume 2, SHA256RNDS2, SHA256MSG1, SHA256MSG2): about seven times the speed
 * of plain C. They keep the state as two vectors, a b e f and c d g h, first
 * letter in the highest lane.
 */
#include "base/internal.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>
#include <stdatomic.h>

#define WITH_SHA __attribute__((target("sha,sse4.1,ssse3")))

bool nyx_base__sha256_is_fast(void)
{
    static atomic_int known; /* 0 not asked yet, 1 no, 2 yes: asking leaves a virtual machine */
    unsigned          a, b, c, d;
    int               answer = atomic_load_explicit(&known, memory_order_relaxed);

    if (answer == 0) {
        bool sha = __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b >> 29 & 1);
        bool sse = __get_cpuid(1, &a, &b, &c, &d) && (c >> 19 & 1) && (c >> 9 & 1);

        answer = sha && sse ? 2 : 1;
        atomic_store_explicit(&known, answer, memory_order_relaxed);
    }
    return answer == 2;
}

/* Four words, stored with the high byte first. */
WITH_SHA static inline __m128i words(const uint8_t *data)
{
    const __m128i turn = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);

    return _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)data), turn);
}

/* Four rounds with words w[4i ... 4i+3]. */
WITH_SHA static inline __attribute__((always_inline)) void rounds(__m128i *abef, __m128i *cdgh, __m128i four,
                                                                  const uint32_t *constants)
{
    __m128i sum = _mm_add_epi32(four, _mm_loadu_si128((const __m128i *)(const void *)constants));

    *cdgh = _mm_sha256rnds2_epu32(*cdgh, *abef, sum);
    *abef = _mm_sha256rnds2_epu32(*abef, *cdgh, _mm_shuffle_epi32(sum, 0x0e));
}

/* The next four words of the schedule from the sixteen before them. */
WITH_SHA static inline __m128i schedule(__m128i w0, __m128i w1, __m128i w2, __m128i w3)
{
    __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), _mm_alignr_epi8(w3, w2, 4));

    return _mm_sha256msg2_epu32(sum, w3);
}

/* The state in the form that the instructions keep. */
typedef struct {
    __m128i abef, cdgh;
} turned;

WITH_SHA static inline turned load(const uint32_t state[8])
{
    const __m128i dcba = _mm_loadu_si128((const __m128i *)(const void *)state);
    const __m128i hgfe = _mm_loadu_si128((const __m128i *)(const void *)(state + 4));
    const __m128i badc = _mm_shuffle_epi32(dcba, 0xb1), efgh = _mm_shuffle_epi32(hgfe, 0x1b);

    return (turned){ _mm_alignr_epi8(badc, efgh, 8), _mm_blend_epi16(efgh, badc, 0xf0) };
}

WITH_SHA static inline void store(uint32_t state[8], turned s)
{
    const __m128i feba = _mm_shuffle_epi32(s.abef, 0x1b), dchg = _mm_shuffle_epi32(s.cdgh, 0xb1);

    _mm_storeu_si128((__m128i *)(void *)state, _mm_blend_epi16(feba, dchg, 0xf0));
    _mm_storeu_si128((__m128i *)(void *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

WITH_SHA static inline void add(turned *s, turned old)
{
    s->abef = _mm_add_epi32(s->abef, old.abef);
    s->cdgh = _mm_add_epi32(s->cdgh, old.cdgh);
}

enum { CHAINS = 2 };

/* `chains` chains of `blocks` blocks each, a constant where this is inlined:
 * what stands side by side in the inner loops waits for nothing in common. */
WITH_SHA static inline __attribute__((always_inline)) void run(turned *s, const uint8_t *const *data, int chains,
                                                               int64_t blocks)
{
    const uint32_t *constants = nyx_base__sha256_constants;

    for (int64_t at = 0; at < 64 * blocks; at += 64) {
        turned  old[CHAINS];
        __m128i w[CHAINS][4];

#pragma GCC unroll 2
        for (int c = 0; c < chains; c++) {
            old[c] = s[c];
#pragma GCC unroll 4
            for (int i = 0; i < 4; i++)
                w[c][i] = words(data[c] + at + 16 * i);
        }
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++) {
#pragma GCC unroll 2
            for (int c = 0; c < chains; c++)
                rounds(&s[c].abef, &s[c].cdgh, w[c][i % 4], constants + 4 * i);
#pragma GCC unroll 2
            for (int c = 0; c < chains && i < 12; c++)
                w[c][i % 4] = schedule(w[c][i % 4], w[c][(i + 1) % 4], w[c][(i + 2) % 4], w[c][(i + 3) % 4]);
        }
#pragma GCC unroll 2
        for (int c = 0; c < chains; c++)
            add(&s[c], old[c]);
    }
}

WITH_SHA void nyx_base__sha256_fast(uint32_t state[8], const uint8_t *data, int64_t blocks)
{
    turned s = load(state);

    run(&s, &data, 1, blocks);
    store(state, s);
}

/* A round waits for the one before it, so two chains share the unit. */
WITH_SHA void nyx_base__sha256_fast_both(uint32_t a[8], const uint8_t *data_a, uint32_t b[8], const uint8_t *data_b,
                                         int64_t blocks)
{
    const uint8_t *const data[CHAINS] = { data_a, data_b };
    turned               s[CHAINS] = { load(a), load(b) };

    run(s, data, CHAINS, blocks);
    store(a, s[0]);
    store(b, s[1]);
}

#else

bool nyx_base__sha256_is_fast(void)
{
    return false;
}

void nyx_base__sha256_fast(uint32_t state[8], const uint8_t *data, int64_t blocks)
{
    (void)state;
    (void)data;
    (void)blocks;
    NYX_BUG_IF(true);
}

void nyx_base__sha256_fast_both(uint32_t a[8], const uint8_t *data_a, uint32_t b[8], const uint8_t *data_b,
                                int64_t blocks)
{
    (void)a;
    (void)data_a;
    (void)b;
    (void)data_b;
    (void)blocks;
    NYX_BUG_IF(true);
}

#endif
