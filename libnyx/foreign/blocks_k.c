/* blocks_k -- ggml's blocks of 256 elements: small scales inside a large one.
 *
 * The values are ggml's, bit for bit: tests compare with its own output.
 */
#include "foreign/internal.h"

/* value = scale * q - least, as two roundings */
static float between(float scale, int q, float least)
{
    const float product = scale * (float)q;

    return product - least;
}

/* scales 16 | qs 64 | d f16 | dmin f16. A byte of scales: scale low, minimum
 * high, for 16 elements. Two bits a code: 32 bytes hold 128 elements. */
void nyx_foreign__q2_k(float *dst, const uint8_t *block)
{
    const float d = nyx_foreign__half(block + 80), dmin = nyx_foreign__half(block + 82);

    for (int i = 0; i < 256; i++) {
        const int   part = i / 128, in = i % 128, shift = 2 * (in / 32);
        const int   q = block[16 + part * 32 + in % 32] >> shift & 3;
        const float scale = d * (float)(block[i / 16] & 15), least = dmin * (float)(block[i / 16] >> 4);

        dst[i] = between(scale, q, least);
    }
}

/* hmask 32 | qs 64 | scales 12 | d f16. A scale of 6 bits: low four in the
 * first 8 bytes, high two in the last 4; minus 32. The third bit of code i is
 * bit i / 32 of hmask[i % 32]; where it is not set 4 is taken off. */
void nyx_foreign__q3_k(float *dst, const uint8_t *block)
{
    const uint8_t *scales = block + 96;
    const float    d = nyx_foreign__half(block + 108);

    for (int i = 0; i < 256; i++) {
        const int   s = i / 16, part = i / 128, in = i % 128;
        const int   low = s < 8 ? scales[s] & 15 : scales[s - 8] >> 4;
        const int   six = low | (scales[8 + s % 4] >> 2 * (s / 4) & 3) << 4;
        const int   two = block[32 + part * 32 + in % 32] >> 2 * (in / 32) & 3;
        const int   q = two - (block[i % 32] >> i / 32 & 1 ? 0 : 4);
        const float scale = d * (float)(six - 32);

        dst[i] = scale * (float)q;
    }
}

/* Scale and minimum of part j (of 8): six bits each in 12 bytes. */
static void scale_and_least(const uint8_t *packed, int j, int *scale, int *least)
{
    if (j < 4) {
        *scale = packed[j] & 63;
        *least = packed[j + 4] & 63;
    } else {
        *scale = (packed[j + 4] & 15) | (packed[j - 4] >> 6) << 4;
        *least = packed[j + 4] >> 4 | (packed[j] >> 6) << 4;
    }
}

/* Common to Q4_K and Q5_K: 8 parts of 32; two parts share 32 bytes of
 * nibbles. `high` holds fifth bits (bit = part), or is NULL. */
static void parts_of_32(float *dst, const uint8_t *block, const uint8_t *high, const uint8_t *nibbles)
{
    const float d = nyx_foreign__half(block), dmin = nyx_foreign__half(block + 2);

    for (int part = 0; part < 8; part++) {
        const uint8_t *from = nibbles + part / 2 * 32;
        int            six, six_least;
        float          scale, least;

        scale_and_least(block + 4, part, &six, &six_least);
        scale = d * (float)six;
        least = dmin * (float)six_least;
        for (int j = 0; j < 32; j++) {
            const int four = part % 2 ? from[j] >> 4 : from[j] & 15;
            const int fifth = high ? (high[j] >> part & 1) << 4 : 0;

            dst[part * 32 + j] = between(scale, four + fifth, least);
        }
    }
}

/* d f16 | dmin f16 | scales 12 | qs 128 */
void nyx_foreign__q4_k(float *dst, const uint8_t *block)
{
    parts_of_32(dst, block, NULL, block + 16);
}

/* d f16 | dmin f16 | scales 12 | qh 32 | qs 128 */
void nyx_foreign__q5_k(float *dst, const uint8_t *block)
{
    parts_of_32(dst, block, block + 16, block + 48);
}

/* ql 128 | qh 64 | scales 16 signed | d f16. 128 elements take 64 bytes of ql
 * (nibbles: elements j and j + 64) and 32 of qh (two bits for j, j + 32, ...). */
void nyx_foreign__q6_k(float *dst, const uint8_t *block)
{
    const float d = nyx_foreign__half(block + 208);

    for (int i = 0; i < 256; i++) {
        const int     part = i / 128, in = i % 128;
        const uint8_t low = block[part * 64 + in % 64];
        const uint8_t high = block[128 + part * 32 + in % 32];
        const int     q = (in < 64 ? low & 15 : low >> 4) | (high >> 2 * (in / 32) & 3) << 4;
        const float   scale = d * (float)(int8_t)block[192 + i / 16];

        dst[i] = scale * (float)(q - 32);
    }
}

/* d f16 | scales_h u16 | scales_l 4 | qs 128: 8 parts of 32, six-bit scales. */
void nyx_foreign__iq4_xs(float *dst, const uint8_t *block)
{
    const float d = nyx_foreign__half(block);
    const int   high = block[2] | block[3] << 8;

    for (int part = 0; part < 8; part++) {
        const int      low = block[4 + part / 2] >> 4 * (part % 2) & 15;
        const float    scale = d * (float)((low | (high >> 2 * part & 3) << 4) - 32);
        const uint8_t *from = block + 8 + part * 16;

        for (int j = 0; j < 16; j++) {
            dst[part * 32 + j] = scale * (float)nyx_foreign__nl_levels[from[j] & 15];
            dst[part * 32 + j + 16] = scale * (float)nyx_foreign__nl_levels[from[j] >> 4];
        }
    }
}

/* The digit n (0: the first) of a byte that holds five base-3 digits as a
 * fraction of 256. */
static int digit(uint8_t byte, int n)
{
    static const uint8_t powers[5] = { 1, 3, 9, 27, 81 };

    return (uint8_t)(byte * powers[n]) * 3 >> 8;
}

/* qs 48 | qh 4 | d f16: 5 digits of 32 bytes, 5 of 16 bytes, 4 of 4 bytes. */
void nyx_foreign__tq1_0(float *dst, const uint8_t *block)
{
    const float d = nyx_foreign__half(block + 52);
    int         i = 0;

    for (int n = 0; n < 5; n++) {
        for (int j = 0; j < 32; j++)
            dst[i++] = d * (float)(digit(block[j], n) - 1);
    }
    for (int n = 0; n < 5; n++) {
        for (int j = 32; j < 48; j++)
            dst[i++] = d * (float)(digit(block[j], n) - 1);
    }
    for (int n = 0; n < 4; n++) {
        for (int j = 48; j < 52; j++)
            dst[i++] = d * (float)(digit(block[j], n) - 1);
    }
}

/* qs 64 | d f16: two bits a code, 32 bytes hold 128 elements; q - 1. */
void nyx_foreign__tq2_0(float *dst, const uint8_t *block)
{
    const float d = nyx_foreign__half(block + 64);

    for (int i = 0; i < 256; i++) {
        const int q = block[i / 128 * 32 + i % 32] >> 2 * (i % 128 / 32) & 3;

        dst[i] = d * (float)(q - 1);
    }
}
