/* coded_activation -- rows coded in 8 bits and back (libnyx/quant/activation.c).
 *   x, y   f32 [rows, cols]; blocks of 32 of a row share a scale
 * One invocation a block. */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "nyx.glsl"
#include "math.glsl"

layout(set = 0, binding = 0) readonly buffer X { float x[]; };
layout(set = 0, binding = 1) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Push { uint rows, cols; };

/* Of the largest magnitude: a 127th, kept to 11 bits. */
float scale_of(float most)
{
    precise float scale = most * uintBitsToFloat(0x3c010204u); /* 1 / 127 */
    const uint    bits = floatBitsToUint(scale);

    if (scale < uintBitsToFloat(0x00800000u))
        return 0.0;
    if (scale > uintBitsToFloat(0x7e800000u))
        return uintBitsToFloat(0x7e800000u);
    return uintBitsToFloat(bits + 0xfffu + (bits >> 13 & 1u) & ~0x1fffu);
}

void main()
{
    const uint blocks = (cols + 31u) / 32u, row = invocation_index() / blocks, from = invocation_index() % blocks * 32u;
    const uint count = min(32u, cols - from), at = row * cols + from;
    float      most = 0.0;
    bool       finite = true;

    if (row >= rows)
        return;
    for (uint i = 0u; i < count; i++) {
        most = max(most, abs(x[at + i]));
        finite = finite && is_finite(x[at + i]);
    }
    const float scale = scale_of(most), inverse = scale == 0.0 ? 0.0 : nyx_div(1.0, scale);
    for (uint i = 0u; i < count; i++) {
        precise float v = x[at + i] * inverse;
        uint          code;

        v = clamp(v, -127.0, 127.0);
        v = scale * nyx_rint(v, code);
        y[at + i] = finite ? v : uintBitsToFloat(0x7fc00000u);
    }
}
