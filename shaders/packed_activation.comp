/* packed_activation -- rows coded in 8 bits (libnyx/quant/activation.c), as bytes to
 * multiply with.
 *   x      f32 [rows, cols]
 *   codes  i8 [rows, blocks, 32], four a word; behind the last column 0
 *   steps  u32 [rows, blocks, 2]: the scale, NaN where a number that shares it is none
 *          or infinite; the sums of the block's first and last 16 codes, i16 each
 * Eight invocations find the scale of a block of 32 columns; with ROW, a workgroup
 * finds one for a row, which stands with each of its blocks. Grid: as many
 * invocations as words of codes; with ROW, as many workgroups as rows. */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "nyx.glsl"
#include "math.glsl"

layout(constant_id = 1) const uint ROW = 0;
layout(constant_id = 2) const uint WHOLE = 1; /* columns come in whole quads */
layout(set = 0, binding = 0) readonly buffer X { uint x[]; };
layout(set = 0, binding = 0) readonly buffer X4 { uvec4 x4[]; };
layout(set = 0, binding = 1) writeonly buffer Codes { uint codes[]; };
layout(set = 0, binding = 2) writeonly buffer Steps { uvec2 steps[]; };
layout(push_constant) uniform Push { uint rows, cols, blocks; };

const uint LEAST = 0x00800000u, MOST = 0x7e800000u; /* scales, in bits */

shared uint shared_words[gl_WorkGroupSize.x];

uvec4 x_quad(uint row, uint q)
{
    const uint at = row * cols + 4u * q;
    uvec4      v = uvec4(0u);

    if (row >= rows || 4u * q >= cols)
        return v;
    if (WHOLE != 0u)
        return x4[at / 4u];
    for (uint j = 0u; j < 4u && 4u * q + j < cols; j++)
        v[j] = x[at + j];
    return v;
}

/* Of the largest magnitude: a 127th, kept to 11 bits. */
float scale_of(uint most)
{
    precise float scale = uintBitsToFloat(most) * uintBitsToFloat(0x3c010204u); /* 1 / 127 */
    const uint    bits = floatBitsToUint(scale);

    if (most >= 0x7f800000u)
        return uintBitsToFloat(0x7fc00000u);
    return uintBitsToFloat(bits < LEAST ? 0u : min(bits + 0xfffu + (bits >> 13 & 1u) & ~0x1fffu, MOST));
}

/* Four codes, and their sum. */
uint coded(uvec4 bits, float inverse, out uint sum)
{
    precise vec4 v = uintBitsToFloat(bits) * inverse;
    uvec4        code;

    v = clamp(v, -127.0, 127.0);
    for (uint j = 0u; j < 4u; j++)
        nyx_rint(v[j], code[j]);
    sum = code.x + code.y + code.z + code.w;
    code &= 0xffu;
    return code.x | code.y << 8 | code.z << 16 | code.w << 24;
}

void main()
{
    const uint lane = gl_LocalInvocationID.x, sharers = ROW != 0u ? gl_WorkGroupSize.x : 8u, place = lane % sharers;
    const uint quads = ROW != 0u ? 8u * blocks : 8u, spans = 8u * blocks / quads;
    const uint span = group_index() * (gl_WorkGroupSize.x / sharers) + lane / sharers;
    const uint row = span / spans, from = span % spans * quads;
    uint       most = 0u;

    for (uint q = place; q < quads; q += sharers) {
        const uvec4 v = x_quad(row, from + q) & 0x7fffffffu;

        most = max(most, max(max(v.x, v.y), max(v.z, v.w)));
    }
    shared_words[lane] = most;
    barrier();
    for (uint half_ = sharers / 2u; half_ > 0u; half_ /= 2u) {
        if (place < half_)
            shared_words[lane] = max(shared_words[lane], shared_words[lane + half_]);
        barrier();
    }
    const float scale = scale_of(shared_words[lane - place]);
    const float inverse = scale > 0.0 && is_finite(scale) ? nyx_div(1.0, scale) : 0.0;
    for (uint first = 0u; first < quads; first += sharers) {
        const uint q = first + place, at = (row * blocks * 8u) + from + q;
        const bool there = row < rows && q < quads;
        uint       sum, word = coded(is_finite(scale) ? x_quad(row, from + q) : uvec4(0u), inverse, sum);

        barrier();
        shared_words[lane] = sum;
        barrier();
        if (there)
            codes[at] = word;
        if (there && lane % 8u == 0u) {
            uvec2 halves = uvec2(0u);

            for (uint j = 0u; j < 4u; j++)
                halves += uvec2(shared_words[lane + j], shared_words[lane + 4u + j]);
            steps[at / 8u] = uvec2(floatBitsToUint(scale), halves.x & 0xffffu | halves.y << 16);
        }
    }
}
