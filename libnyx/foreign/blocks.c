/* blocks -- ggml's element types: the table, blocks of 32 and 64 elements,
 * moving between blocks and planes.
 *
 * Products and sums are separate statements, so that no compiler joins them:
 * the decoded bits are those of ggml's own plain loops.
 */
#include "foreign/internal.h"

#include <string.h>

/* ---- decoding --------------------------------------------------------------- */

float nyx_foreign__half(const uint8_t *bytes)
{
    return nyx_f32_from_f16((uint16_t)(bytes[0] | bytes[1] << 8));
}

/* d f16 | 16 bytes: elements j (low) and j + 16; d * (q - 8) */
static void q4_0(float *dst, const uint8_t *block)
{
    const float d = nyx_foreign__half(block);

    for (int j = 0; j < 16; j++) {
        dst[j] = d * (float)((block[2 + j] & 15) - 8);
        dst[j + 16] = d * (float)((block[2 + j] >> 4) - 8);
    }
}

static float scaled(float d, int q, float m)
{
    const float product = d * (float)q;

    return product + m;
}

/* d f16 | m f16 | 16 bytes; d * q + m */
static void q4_1(float *dst, const uint8_t *block)
{
    const float d = nyx_foreign__half(block), m = nyx_foreign__half(block + 2);

    for (int j = 0; j < 16; j++) {
        dst[j] = scaled(d, block[4 + j] & 15, m);
        dst[j + 16] = scaled(d, block[4 + j] >> 4, m);
    }
}

/* The five-bit code of element j: a nibble of qs, bit j of the 32 in qh. */
static int five_bits(const uint8_t *qh, const uint8_t *qs, int j)
{
    const int low = j < 16 ? qs[j] & 15 : qs[j - 16] >> 4;

    return low | (qh[j / 8] >> j % 8 & 1) << 4;
}

/* d f16 | qh 4 bytes | 16 bytes; d * (q - 16) */
static void q5_0(float *dst, const uint8_t *block)
{
    const float d = nyx_foreign__half(block);

    for (int j = 0; j < 32; j++)
        dst[j] = d * (float)(five_bits(block + 2, block + 6, j) - 16);
}

/* d f16 | m f16 | qh 4 bytes | 16 bytes; d * q + m */
static void q5_1(float *dst, const uint8_t *block)
{
    const float d = nyx_foreign__half(block), m = nyx_foreign__half(block + 2);

    for (int j = 0; j < 32; j++)
        dst[j] = scaled(d, five_bits(block + 4, block + 8, j), m);
}

/* d f16 | 32 signed bytes */
static void q8_0(float *dst, const uint8_t *block)
{
    const float d = nyx_foreign__half(block);

    for (int j = 0; j < 32; j++)
        dst[j] = d * (float)(int8_t)block[2 + j];
}

/* Levels of IQ4_NL and IQ4_XS, a spacing for bell-shaped weights. */
const int8_t nyx_foreign__nl_levels[16] = { -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113 };

/* d f16 | 16 bytes */
static void iq4_nl(float *dst, const uint8_t *block)
{
    const float d = nyx_foreign__half(block);

    for (int j = 0; j < 16; j++) {
        dst[j] = d * (float)nyx_foreign__nl_levels[block[2 + j] & 15];
        dst[j + 16] = d * (float)nyx_foreign__nl_levels[block[2 + j] >> 4];
    }
}

/* Twice the values of E2M1; ggml knows no negative zero. */
static const int8_t e2m1_doubled[16] = { 0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12 };

/* 2^(e - 128), half of what the code e stands for. */
static float half_e8m0(uint8_t e)
{
    const uint32_t bits = e < 2 ? 0x00200000u << e : (uint32_t)(e - 1) << 23;
    float          value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

/* e8m0 | 16 bytes */
static void mxfp4(float *dst, const uint8_t *block)
{
    const float d = half_e8m0(block[0]);

    for (int j = 0; j < 16; j++) {
        dst[j] = d * (float)e2m1_doubled[block[1 + j] & 15];
        dst[j + 16] = d * (float)e2m1_doubled[block[1 + j] >> 4];
    }
}

/* Half of an unsigned e4m3 scale; ggml reads its NaN as nothing. */
static float half_e4m3(uint8_t code)
{
    return (code & 127) == 127 ? 0.0f : 0.5f * nyx_f32_from_fp8_e4m3(code & 127);
}

/* 4 scales e4m3 | 4 times 8 bytes: elements j (low) and j + 8 of their 16 */
static void nvfp4(float *dst, const uint8_t *block)
{
    for (int s = 0; s < 4; s++) {
        const float d = half_e4m3(block[s]);

        for (int j = 0; j < 8; j++) {
            const uint8_t pair = block[4 + s * 8 + j];

            dst[s * 16 + j] = d * (float)e2m1_doubled[pair & 15];
            dst[s * 16 + j + 8] = d * (float)e2m1_doubled[pair >> 4];
        }
    }
}

/* ---- the table --------------------------------------------------------------- */

#define PLAIN(name, ggml, safetensors, dtype, bytes) { name, ggml, safetensors, 1, bytes, dtype, NULL, NULL }
#define BLOCK(name, ggml, elems, bytes, format, decode) { name, ggml, NULL, elems, bytes, NYX_F32, format, decode }

const nyx_block_type nyx_block_types[] = {
    PLAIN("F32", 0, "F32", NYX_F32, 4),
    PLAIN("F16", 1, "F16", NYX_F16, 2),
    PLAIN("BF16", 30, "BF16", NYX_BF16, 2),
    PLAIN("F64", 28, "F64", NYX_F64, 8),
    PLAIN("I8", 24, "I8", NYX_I8, 1),
    PLAIN("I16", 25, "I16", NYX_I16, 2),
    PLAIN("I32", 26, "I32", NYX_I32, 4),
    PLAIN("I64", 27, "I64", NYX_I64, 8),
    PLAIN("BOOL", -1, "BOOL", NYX_U8, 1),
    PLAIN("U8", -1, "U8", NYX_U8, 1),
    PLAIN("U16", -1, "U16", NYX_U16, 2),
    PLAIN("U32", -1, "U32", NYX_U32, 4),
    PLAIN("U64", -1, "U64", NYX_U64, 8),
    PLAIN("F8_E4M3", -1, "F8_E4M3", NYX_FP8_E4M3, 1),
    PLAIN("F8_E5M2", -1, "F8_E5M2", NYX_FP8_E5M2, 1),
    BLOCK("Q4_0", 2, 32, 18, "int4:g32", q4_0),
    BLOCK("Q4_1", 3, 32, 20, "int4:g32:asym:zero=f16", q4_1),
    BLOCK("Q5_0", 6, 32, 22, NULL, q5_0),
    BLOCK("Q5_1", 7, 32, 24, NULL, q5_1),
    BLOCK("Q8_0", 8, 32, 34, "int8:g32", q8_0),
    BLOCK("Q2_K", 10, 256, 84, NULL, nyx_foreign__q2_k),
    BLOCK("Q3_K", 11, 256, 110, NULL, nyx_foreign__q3_k),
    BLOCK("Q4_K", 12, 256, 144, NULL, nyx_foreign__q4_k),
    BLOCK("Q5_K", 13, 256, 176, NULL, nyx_foreign__q5_k),
    BLOCK("Q6_K", 14, 256, 210, NULL, nyx_foreign__q6_k),
    BLOCK("IQ4_NL", 20, 32, 18, NULL, iq4_nl),
    BLOCK("IQ4_XS", 23, 256, 136, NULL, nyx_foreign__iq4_xs),
    BLOCK("TQ1_0", 34, 256, 54, NULL, nyx_foreign__tq1_0),
    BLOCK("TQ2_0", 35, 256, 66, NULL, nyx_foreign__tq2_0),
    BLOCK("MXFP4", 39, 32, 17, "mxfp4", mxfp4),
    BLOCK("NVFP4", 40, 64, 36, "nvfp4", nvfp4),
    { 0 },
};

const nyx_block_type *nyx_block_find(const char *name)
{
    for (const nyx_block_type *type = nyx_block_types; type->name; type++) {
        if (strcmp(type->name, name) == 0)
            return type;
    }
    return NULL;
}

const nyx_block_type *nyx_block_of_dtype(enum nyx_dtype dtype)
{
    for (const nyx_block_type *type = nyx_block_types; type->name; type++) {
        if (type->elems == 1 && type->dtype == dtype && strcmp(type->name, "BOOL") != 0)
            return type;
    }
    return NULL;
}

const nyx_block_type *nyx_block_of_format(const nyx_format *format)
{
    for (const nyx_block_type *type = nyx_block_types; type->name; type++) {
        nyx_format same;

        /* nvfp4 keeps a factor for the whole tensor that blocks have no place for */
        if (!type->format || strcmp(type->format, "nvfp4") == 0)
            continue;
        if (nyx_format_parse(&same, type->format) < 0)
            NYX_BUG_IF(true);
        if (nyx_format_equal(&same, format))
            return type;
    }
    return NULL;
}

void nyx_block_decode(const nyx_block_type *type, float *dst, const void *src, int64_t elems)
{
    const uint8_t *block = src;

    if (type->elems == 1) {
        nyx_convert_to_f32(type->dtype, dst, src, elems);
        return;
    }
    NYX_BUG_IF(elems % type->elems != 0);
    for (int64_t i = 0; i < elems; i += type->elems, block += type->bytes)
        type->decode(dst + i, block);
}

/* ---- moving -------------------------------------------------------------------- */

/* What lies before the codes in a block, and how long the codes are: a scale
 * of s bytes, then a zero point of z bytes, then c bytes of codes in the very
 * order of our planes. NVFP4 alone is otherwise. */
typedef struct { int scale, zero, codes; } split;

static split split_of(const nyx_block_type *type)
{
    const int zero = strcmp(type->name, "Q4_1") == 0 ? 2 : 0;
    const int scale = strcmp(type->name, "MXFP4") == 0 ? 1 : 2;

    return (split){ scale, zero, (int)type->bytes - scale - zero };
}

static uint8_t no_negative_zero(uint8_t pair)
{
    if ((pair & 15) == 8)
        pair &= 0xf0;
    return pair >> 4 == 8 ? pair & 15 : pair;
}

/* 64 elements: two of our blocks of 32 codes, four scales. */
static void nvfp4_to_planes(uint8_t *codes, uint8_t *scales, const uint8_t *block)
{
    for (int s = 0; s < 4; s++)
        scales[s] = (block[s] & 127) == 127 ? 0 : block[s] & 127;
    for (int half = 0; half < 2; half++) {
        const uint8_t *from = block + 4 + half * 16;

        for (int j = 0; j < 16; j++) {
            const int low = j < 8 ? from[j] & 15 : from[j - 8] >> 4;
            const int high = j < 8 ? from[8 + j] & 15 : from[j] >> 4;

            codes[half * 16 + j] = no_negative_zero((uint8_t)(low | high << 4));
        }
    }
}

void nyx_block_to_coded(nyx_coded *coded, const nyx_block_type *type, const void *src, int64_t first, int64_t rows)
{
    const uint8_t *block = src;
    const split    at = split_of(type);
    const int64_t  cols = coded->shape.dims[coded->shape.rank - 1];
    const int64_t  blocks = cols / type->elems;
    const bool     float4 = strcmp(type->name, "MXFP4") == 0;

    if (strcmp(type->name, "NVFP4") == 0) {
        coded->global = 1.0f;
        for (int64_t i = first * blocks; i < (first + rows) * blocks; i++, block += type->bytes)
            nvfp4_to_planes((uint8_t *)coded->codes + i * 32, (uint8_t *)coded->scales + i * 4, block);
        return;
    }
    for (int64_t i = first * blocks; i < (first + rows) * blocks; i++, block += type->bytes) {
        uint8_t *codes = (uint8_t *)coded->codes + i * at.codes;

        memcpy((uint8_t *)coded->scales + i * at.scale, block, (size_t)at.scale);
        if (at.zero)
            memcpy((uint8_t *)coded->zeros + i * at.zero, block + at.scale, (size_t)at.zero);
        memcpy(codes, block + at.scale + at.zero, (size_t)at.codes);
        for (int j = 0; float4 && j < at.codes; j++)
            codes[j] = no_negative_zero(codes[j]);
    }
}

void nyx_block_from_coded(void *dst, const nyx_block_type *type, const nyx_coded *coded, int64_t first, int64_t rows)
{
    uint8_t      *block = dst;
    const split   at = split_of(type);
    const int64_t blocks = coded->shape.dims[coded->shape.rank - 1] / type->elems;

    NYX_BUG_IF(strcmp(type->name, "NVFP4") == 0);
    for (int64_t i = first * blocks; i < (first + rows) * blocks; i++, block += type->bytes) {
        memcpy(block, (const uint8_t *)coded->scales + i * at.scale, (size_t)at.scale);
        if (at.zero)
            memcpy(block + at.scale, (const uint8_t *)coded->zeros + i * at.zero, (size_t)at.zero);
        memcpy(block + at.scale + at.zero, (const uint8_t *)coded->codes + i * at.codes, (size_t)at.codes);
    }
}
