/* canary -- what drivers do to shaders in spite of the rules, or are free to do.
 * Numbers come out of a buffer so that nothing is computed beforehand.
 *   in_    u32 [6]: bits of 1 + 2^-12, 2^-126, 2^-130, NaN, 1.0003, and a number of turns
 *   out_   u32 [6]: rounded in f16, fma rounds once, `precise` is fused, denormals
 *          stay, NaN compares as nothing, a hash of all turns
 * One invocation. Turns come last: a driver that counts them ends later loops too.
 */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "nyx.glsl"

layout(set = 0, binding = 0) readonly buffer I { uint in_[]; };
layout(set = 0, binding = 1) writeonly buffer O { uint out_[]; };

bool fma_rounds_once(float a)
{
    precise float product = a * a, rest = fma(a, a, -product);

    return rest != 0.0;
}

bool precise_is_fused(float a)
{
    precise float product = a * a, rest = a * a - product;

    return rest != 0.0;
}

bool denormals_stay(float least, float denormal)
{
    precise float halved = least * 0.5, doubled = denormal * 2.0;

    return floatBitsToUint(halved) == 0x00400000u && floatBitsToUint(doubled) == 0x00100000u;
}

bool compares_as_nothing(float nan)
{
    return !(nan < 1.0) && !(nan > 1.0) && !(nan <= 1.0) && !(nan >= 1.0) && !(nan == nan) && nan != nan;
}

void main()
{
    const float a = uintBitsToFloat(in_[0]);
    uint        hash = 1u;

    if (invocation_index() > 0u)
        return;
    out_[0] = uint(unpackHalf2x16(packHalf2x16(vec2(uintBitsToFloat(in_[4]), 0.0))).x == 1.0);
    out_[1] = uint(fma_rounds_once(a));
    out_[2] = uint(precise_is_fused(a));
    out_[3] = uint(denormals_stay(uintBitsToFloat(in_[1]), uintBitsToFloat(in_[2])));
    out_[4] = uint(compares_as_nothing(uintBitsToFloat(in_[3])));
    for (uint i = 0u; i < in_[5]; i++)
        hash = hash * 1664525u + i;
    out_[5] = hash;
}
