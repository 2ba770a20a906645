/* random -- uniform on [0, 1), 24 bits: Philox4x32-10 (base/random.c).
 *   run  u32: seed low, high, random step
 *   y    f32 [elems], elements 4 `first` on of the tensor
 * Four elements an invocation: the words of counter (index, 0, step, stream). */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "nyx.glsl"

layout(set = 0, binding = 0) readonly buffer R { uint key_low, key_high, random_step; };
layout(set = 0, binding = 1) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Push { uint elems, first, stream; };

uvec4 philox(uvec4 c, uvec2 key)
{
    for (int turn = 0; turn < 10; turn++) {
        uint a_high, a_low, b_high, b_low;

        umulExtended(c.x, 0xD2511F53u, a_high, a_low);
        umulExtended(c.z, 0xCD9E8D57u, b_high, b_low);
        c = uvec4(b_high ^ c.y ^ key.x, b_low, a_high ^ c.w ^ key.y, a_low);
        key += uvec2(0x9E3779B9u, 0xBB67AE85u);
    }
    return c;
}

void main()
{
    uint i = invocation_index();

    if (4u * i >= elems)
        return;
    uvec4 words = philox(uvec4(first + i, 0, random_step, stream), uvec2(key_low, key_high)) >> 8;
    for (uint k = 0u; k < 4u && 4u * i + k < elems; k++)
        y[4u * i + k] = float(words[k]) * 5.9604644775390625e-8;
}
