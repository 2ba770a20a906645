/* plain_coding -- the layout and the values of coded tensors, said a second time:
 * one element at a time, from the text of quant.h, in float64. */
#ifndef PLAIN_CODING_H
#define PLAIN_CODING_H

#include "../conformance/float_reference.h"
#include "quant/quant.h"

typedef struct {
    char kind[16];
    int  bits;
    bool integer;
    int  qmin;
} plain_kind;

/* Bits and range from the name alone. */
static inline plain_kind plain_kind_of(const nyx_format *format)
{
    static const nyx_kind *last; /* asked for element by element */
    static plain_kind      known;
    plain_kind             k = { .bits = 4 };
    char                   text[NYX_FORMAT_TEXT];

    if (format->kind == last)
        return known;
    nyx_format_text(text, format);
    sscanf(text, "%15[^:]", k.kind);
    if (sscanf(k.kind, "int%d", &k.bits) == 1)
        k.integer = true;
    else if (k.kind[0] == 'f' || k.kind[4] == '8') /* fp8-..., mxfp8 */
        k.bits = 8;
    k.qmin = -(1 << (k.bits - 1));
    last = format->kind;
    known = k;
    return k;
}

static inline int64_t plain_cols(const nyx_coded *c)
{
    return c->shape.dims[c->shape.rank - 1];
}

static inline int64_t plain_row_bytes(const nyx_coded *c)
{
    return (plain_cols(c) + 31) / 32 * 4 * plain_kind_of(&c->format).bits;
}

static inline int64_t plain_row_groups(const nyx_coded *c)
{
    int64_t group = c->format.group;

    return group > 0 ? (plain_cols(c) + group - 1) / group : 1;
}

/* Bit `k * bits` on of byte j: element j + 4 bits k of a block. */
static inline unsigned plain_bits(const uint8_t *block, int bits, int64_t element)
{
    int64_t bytes = 4 * bits, j = element % bytes, k = element / bytes;

    return block[j] >> (bits * k) & ((1u << bits) - 1u);
}

static inline unsigned plain_code(const nyx_coded *c, int64_t row, int64_t col)
{
    int            bits = plain_kind_of(&c->format).bits;
    const uint8_t *codes = (const uint8_t *)c->codes + row * plain_row_bytes(c);
    int64_t        block = col / 32, blocks = (plain_cols(c) + 31) / 32;

    if (bits == 3)
        return plain_bits(codes + 8 * block, 2, col % 32) |
               plain_bits(codes + 8 * blocks + 4 * block, 1, col % 32) << 2;
    return plain_bits(codes + 4 * bits * block, bits, col % 32);
}

/* A float of bits, signed, from the reference tables. */
static inline double plain_float(const float_reference *r, unsigned code)
{
    unsigned sign = reference_sign(r);

    return reference_value(r, code & (sign - 1)) * (code & sign ? -1.0 : 1.0);
}

static inline double plain_scale(const nyx_coded *c, int64_t row, int64_t col)
{
    int64_t group = c->format.group;
    int64_t at = group == NYX_GROUP_TENSOR    ? 0
                 : group == NYX_GROUP_CHANNEL ? row
                                              : row * plain_row_groups(c) + col / group;

    switch (c->format.scale) {
    case NYX_SCALE_F16: return plain_float(&float_references[0], ((const uint16_t *)c->scales)[at]);
    case NYX_SCALE_F32: return (double)((const float *)c->scales)[at];
    case NYX_SCALE_E8M0: return ldexp(1.0, ((const uint8_t *)c->scales)[at] - 127);
    default: return plain_float(&float_references[2], ((const uint8_t *)c->scales)[at]);
    }
}

static inline double plain_zero(const nyx_coded *c, int64_t row, int64_t col)
{
    plain_kind     k = plain_kind_of(&c->format);
    int64_t        groups = plain_row_groups(c);
    int64_t        group = c->format.group > 0 ? col / c->format.group : 0;
    const uint8_t *zeros = c->zeros;
    int64_t        line = c->format.group == NYX_GROUP_TENSOR ? 0 : row;

    if (c->format.zero == NYX_ZERO_F16)
        return plain_float(&float_references[0], ((const uint16_t *)c->zeros)[line * groups + group]);
    if (k.bits == 8)
        return (double)((const int8_t *)c->zeros)[line * groups + group];
    zeros += line * ((groups + 1) / 2);
    return (double)(int)(zeros[group / 2] >> (group % 2 * 4) & 15) + k.qmin;
}

/* The lattice point of a code. */
static inline double plain_point(const nyx_format *format, unsigned code)
{
    plain_kind k = plain_kind_of(format);

    if (k.integer)
        return k.bits == 8 ? (double)(int8_t)code : (double)((int)code + k.qmin);
    if (k.kind[0] == 'n' && k.kind[1] == 'f')
        return (double)nyx_nf4_levels[code];
    if (k.bits == 4)
        return plain_float(&float_reference_e2m1, code);
    return plain_float(&float_references[k.kind[0] == 'f' && k.kind[5] == '5' ? 3 : 2], code);
}

/* What a code is worth in one group; every operation rounded to f32. A product or sum
 * of two f32 in float64 rounds to f32 as if it were rounded once. */
static inline float plain_value(const nyx_coded *c, int64_t row, int64_t col, unsigned code)
{
    double scale = plain_scale(c, row, col);
    double q = plain_point(&c->format, code);

    if (c->format.zero == NYX_ZERO_INT)
        return (float)(scale * (q - plain_zero(c, row, col)));
    if (c->format.zero == NYX_ZERO_F16)
        return (float)((double)(float)(scale * (q - plain_kind_of(&c->format).qmin)) + plain_zero(c, row, col));
    if (c->format.scale == NYX_SCALE_E4M3)
        scale = (double)(float)((double)c->global * scale);
    return (float)(scale * q);
}

#endif
