/* coded_activation -- rows coded in 8 bits and back (libnyx/quant/activation.c).
 *   x, y   f32 [rows, cols]; blocks of 32 of a row, or with ROW all of it, share a scale
 * One invocation a block; with ROW, one workgroup a row. */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "nyx.glsl"
#include "math.glsl"

layout(constant_id = 1) const uint ROW = 0;
layout(set = 0, binding = 0) readonly buffer X { float x[]; };
layout(set = 0, binding = 1) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Push { uint rows, cols; };

shared uint shared_most[gl_WorkGroupSize.x];

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
    const uint lane = gl_LocalInvocationID.x, sharers = ROW != 0u ? gl_WorkGroupSize.x : 1u, place = lane % sharers;
    const uint block = ROW != 0u ? cols : 32u, blocks = (cols + block - 1u) / block;
    const uint span = group_index() * (gl_WorkGroupSize.x / sharers) + lane / sharers;
    const uint row = span / blocks, from = span % blocks * block, at = row * cols + from;
    const uint count = row < rows ? min(block, cols - from) : 0u;
    uint       most = 0u; /* bits of a magnitude */

    for (uint i = place; i < count; i += sharers)
        most = max(most, floatBitsToUint(x[at + i]) & 0x7fffffffu);
    if (ROW != 0u) {
        shared_most[lane] = most;
        barrier();
        for (uint half_ = gl_WorkGroupSize.x / 2u; half_ > 0u; half_ /= 2u) {
            if (lane < half_)
                shared_most[lane] = max(shared_most[lane], shared_most[lane + half_]);
            barrier();
        }
        most = shared_most[0];
    }
    const bool  finite = most < 0x7f800000u;
    const float scale = finite ? scale_of(uintBitsToFloat(most)) : 0.0, inverse = scale == 0.0 ? 0.0 : nyx_div(1.0, scale);
    for (uint i = place; i < count; i += sharers) {
        precise float v = x[at + i] * inverse;
        uint          code;

        v = clamp(v, -127.0, 127.0);
        v = scale * nyx_rint(v, code);
        y[at + i] = finite ? v : uintBitsToFloat(0x7fc00000u);
    }
}
