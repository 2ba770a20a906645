/* matmul_parts -- the parts of a product that was split along its terms, added
 * in their order: y[i, j] = sum over p of parts[p, i, j], + bias[j].
 *   parts  f32 [count, m n], rows of n
 *   bias   f32 [n], read only where has_bias
 *   y      f32, rows of y_line elements from y_at on; added to where `add` is set; or
 *          of 16 bits (halves.glsl), all extents even, nothing added to
 * One invocation an element, or two of 16 bits. */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "nyx.glsl"

layout(constant_id = 1) const uint HALVES = 0;
#include "halves.glsl"
layout(set = 0, binding = 0) readonly buffer Parts { float parts[]; };
layout(set = 0, binding = 1) readonly buffer Bias { float bias[]; };
layout(set = 0, binding = 2) buffer Y { float y[]; };
layout(set = 0, binding = 2) writeonly buffer Y2 { uint y2[]; };
layout(push_constant) uniform Push { uint elems, n, count, y_line, y_at, has_bias, add; };

float sum_of(uint i)
{
    precise float sum = parts[i];

    for (uint p = 1; p < count; p++)
        sum += parts[p * elems + i];
    if (has_bias != 0u)
        sum += bias[i % n];
    return sum;
}

void main()
{
    const uint i = invocation_index() * (HALVES != 0u ? 2u : 1u), to = y_at + i / n * y_line + i % n;

    if (i >= elems)
        return;
    precise float sum = sum_of(i);
    if (HALVES != 0u) {
        y2[to / 2u] = halved(floatBitsToUint(sum), floatBitsToUint(sum_of(i + 1u)));
        return;
    }
    if (add != 0u)
        sum = y[to] + sum;
    y[to] = sum;
}
