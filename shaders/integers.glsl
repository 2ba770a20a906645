/* integers.glsl -- coded weights whose points are whole numbers, as bytes to multiply
 * with rows that are coded in 8 bits (packed_activation.comp).
 *
 * A block of 32 columns is 8 quads, in words of codes as decode.glsl tells. A byte is
 * the code as it is stored, int8's with its sign; of e2m1 twice the point and 12. What
 * a byte stands for is that less an offset (e2m1: half of it), so that
 *
 *     sum x w = scale_x (scale (sum of bytes - offset * sum of x's codes) + low * sum of x's codes)
 *
 * over columns that share both scales: the integers are exact. They are summed from
 * MAGIC on, whose bits are 1.5 * 2^23: read as a float it is that much more than the
 * sum, and no conversion is needed.
 *
 * After decode.glsl and bytes.glsl; rows of x are at bindings 4 and 7.
 */
layout(set = 0, binding = 0) readonly buffer Codes2 { uvec2 codes2[]; };
layout(set = 0, binding = 0) readonly buffer Codes4 { uvec4 codes4[]; };
layout(set = 0, binding = 4) readonly buffer X4 { uvec4 x4[]; }; /* two a block */
layout(set = 0, binding = 5) readonly buffer Bias { float bias[]; };
layout(set = 0, binding = 6) writeonly buffer Y { float y[]; };
layout(set = 0, binding = 7) readonly buffer Steps { uvec2 steps[]; };

const int   MAGIC = 0x4b400000;
const float POINT = KIND == KIND_E2M1 ? 0.5 : 1.0;

vec4 sums_from_magic(ivec4 sums)
{
    precise vec4 moved = intBitsToFloat(sums) - 12582912.0;

    return moved;
}

/* Twice the points of e2m1, and 12, of four codes. Twice a magnitude of 4 and more is
 * 4 or 6, or twice that. */
uint e2m1_bytes(uint c)
{
    const uint large = (c >> 2 & 0x01010101u) * 255u, twice = (c >> 1 & 0x01010101u) * 255u;
    const uint negative = (c >> 3 & 0x01010101u) * 255u, four = 0x04040404u | (c & 0x01010101u) << 1;
    const uint size = (c & 0x03030303u & ~large) | (four + (four & twice) & large);

    return 0x0c0c0c0cu + (size & ~negative) - (size & negative);
}

/* Of quad i of a block, out of its word and the block's top bits. */
uint bytes_of(uint word, uint top, uint i)
{
    const uint c = BITS == 8u ? word : codes_of(word, top, i);

    return KIND == KIND_E2M1 ? e2m1_bytes(c) : c;
}

/* Group of the columns 16 half ... 16 half + 15. Behind the end of a row its last one,
 * or another row's scale, which may be NaN, would be multiplied with nothing. */
uint group_of_half(uint half_)
{
    return min(half_ >> (GROUP_SHIFT - 4u), max(row_groups, 1u) - 1u);
}

int byte_offset(uint row, uint group)
{
    if (KIND == KIND_E2M1)
        return 12;
    if (ZERO == ZERO_NONE)
        return BITS == 8u ? 0 : 1 << (BITS - 1u);
    if (ZERO == ZERO_F16)
        return BITS == 8u ? -128 : 0;
    return BITS == 8u ? int(zero_code(row, group, 8u) << 24) >> 24 : int(zero_code(row, group, 4u));
}

/* Sums of x's codes, i16 each in a word: of the first half, of both. */
ivec2 sums_of_codes(uint halves)
{
    const int first = int(halves << 16) >> 16;

    return ivec2(first, first + (int(halves) >> 16));
}
