/* matmul_parts -- the parts of a product that was split along its terms, added
 * in their order: y[i, j] = sum over p of parts[p, i, j], + bias[j].
 *   parts  f32 [count, m n], rows of n
 *   bias   f32 [n], read only where has_bias
 *   y      f32, rows of y_line elements from y_at on; added to where `add` is set
 * One invocation an element. */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "nyx.glsl"

layout(set = 0, binding = 0) readonly buffer Parts { float parts[]; };
layout(set = 0, binding = 1) readonly buffer Bias { float bias[]; };
layout(set = 0, binding = 2) buffer Y { float y[]; };
layout(push_constant) uniform Push { uint elems, n, count, y_line, y_at, has_bias, add; };

void main()
{
    uint i = invocation_index();

    if (i >= elems)
        return;
    precise float sum = parts[i];
    for (uint p = 1; p < count; p++)
        sum += parts[p * elems + i];
    if (has_bias != 0u)
        sum += bias[i % n];
    uint to = y_at + i / n * y_line + i % n;
    y[to] = add != 0u ? y[to] + sum : sum;
}
