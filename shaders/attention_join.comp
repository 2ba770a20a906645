/* attention_join -- the chunks of attention_cached become one result.
 *   parts  f32 [queries, chunks, d + 2]: maximum, sum, result
 *   y      f32 [queries, d]
 * One invocation an element. */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "nyx.glsl"
#include "math.glsl"

layout(set = 0, binding = 0) readonly buffer Parts { float parts[]; };
layout(set = 0, binding = 1) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Push { uint elems, chunks, d; };

void main()
{
    const uint  i = invocation_index(), from = i / d * chunks * (d + 2u);
    const float infinity = uintBitsToFloat(0x7f800000u);
    float       most = -infinity, sum = 0.0, total = 0.0;

    if (i >= elems)
        return;
    for (uint c = 0u; c < chunks; c++)
        most = max(most, parts[from + c * (d + 2u)]);
    for (uint c = 0u; c < chunks; c++) {
        const uint  at = from + c * (d + 2u);
        const float factor = parts[at] == -infinity ? 0.0 : nyx_exp(parts[at] - most);

        sum += factor * parts[at + 1u];
        total += factor * parts[at + 2u + i % d];
    }
    y[i] = total / sum;
}
