/* cast -- f32 to f16 or bf16 and back.
 *   x, y   [elems], two 16-bit numbers a word
 * One invocation for two elements. */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "nyx.glsl"
#include "float.glsl"

layout(constant_id = 1) const uint BF16 = 0;
layout(constant_id = 2) const uint DECODE = 0;
layout(set = 0, binding = 0) readonly buffer X { uint x[]; };
layout(set = 0, binding = 1) writeonly buffer Y { uint y[]; };
layout(push_constant) uniform Push { uint elems; };

uint encoded(uint word)
{
    return BF16 != 0u ? bf16_encode(uintBitsToFloat(word)) : f16_encode(uintBitsToFloat(word));
}

uint decoded(uint code)
{
    return floatBitsToUint(BF16 != 0u ? bf16_float(code) : f16_float(code));
}

void main()
{
    uint i = 2u * invocation_index();

    if (i >= elems)
        return;
    if (DECODE != 0u) {
        uint both = x[i / 2u];

        y[i] = decoded(both & 0xffffu);
        if (i + 1u < elems)
            y[i + 1u] = decoded(both >> 16);
    } else {
        y[i / 2u] = encoded(x[i]) | (i + 1u < elems ? encoded(x[i + 1u]) << 16 : 0u);
    }
}
