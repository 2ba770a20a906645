/* norm -- rmsnorm and layernorm of rows.
 *   x, residual   f32 or of 16 bits (halves.glsl) [rows, width]; x + residual is
 *                 normalised (RESIDUAL)
 *   y             as x (OUTPUTS & 1)
 *   rinv          f32 [rows], 1 / sqrt(mean of squares + epsilon) (OUTPUTS & 2)
 * SPAN invocations a row; words = width / LANES.
 */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "nyx.glsl"
#include "math.glsl"
#include "ops.glsl"
#include "lanes.glsl"
#include "rows.glsl"

layout(constant_id = 2) const uint OP = 0;
layout(constant_id = 3) const uint RESIDUAL = 0;
layout(constant_id = 4) const uint OUTPUTS = 3;
layout(constant_id = 5) const uint HALVES = 0;
#include "halves.glsl"
INPUT(0, x)
INPUT(1, residual)
OUTPUT(2, y)
layout(set = 0, binding = 3) writeonly buffer S { uint rinv[]; };
layout(push_constant) uniform Push { uint rows, words; float width, epsilon; };

float added(float a, float b)
{
    precise float sum = a + b;
    return sum;
}

ROW_TREE(float, row_sum, added)

REALS element(uint i)
{
    precise REALS t = x(i);

    if (RESIDUAL != 0u)
        t = t + residual(i);
    return t;
}

void main()
{
    const uint    row = row_index(), end = row < rows ? words : 0u, first = row < rows ? row * words : 0u;
    precise float mean = 0.0;
    precise REALS sum = REALS(0.0);

    if (OP == OP_LAYERNORM) {
        for (uint i = row_lane(); i < end; i += SPAN)
            sum = sum + element(first + i);
        mean = nyx_div(row_sum(LANES_JOINED(added, sum)), width);
        sum = REALS(0.0);
    }
    for (uint i = row_lane(); i < end; i += SPAN) {
        precise REALS t = element(first + i) - mean;

        sum = sum + t * t;
    }
    precise float variance = nyx_div(row_sum(LANES_JOINED(added, sum)), width) + epsilon;
    const float   scale = nyx_div(1.0, nyx_sqrt(variance));
    for (uint i = row_lane(); (OUTPUTS & 1u) != 0u && i < end; i += SPAN) {
        precise REALS t = (element(first + i) - mean) * scale;

        y(first + i, t);
    }
    if ((OUTPUTS & 2u) != 0u && row < rows && row_lane() == 0u)
        rinv[row] = floatBitsToUint(scale);
}
