/* norm_grad -- rmsnorm_grad and layernorm_grad of rows, from their results:
 * dx = rinv (dy - mean(dy) - y mean(dy y)), without mean(dy) for rmsnorm.
 *   y, dy, dx   f32 or of 16 bits (halves.glsl) [rows, width]
 *   rinv        f32 [rows]
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
layout(constant_id = 3) const uint HALVES = 0;
#include "halves.glsl"
INPUT(0, y)
layout(set = 0, binding = 1) readonly buffer S { uint rinv[]; };
INPUT(2, dy)
OUTPUT(3, dx)
layout(push_constant) uniform Push { uint rows, words; float width; };

float added(float a, float b)
{
    precise float sum = a + b;
    return sum;
}

vec2 added(vec2 a, vec2 b)
{
    precise vec2 sum = a + b;
    return sum;
}

ROW_TREE(vec2, row_sums, added)

void main()
{
    const uint    row = row_index(), end = row < rows ? words : 0u, first = row < rows ? row * words : 0u;
    precise REALS sum = REALS(0.0), along = REALS(0.0);

    for (uint i = row_lane(); i < end; i += SPAN) {
        precise REALS d = dy(first + i);

        sum = sum + d;
        along = along + d * y(first + i);
    }
    const vec2    sums = row_sums(vec2(LANES_JOINED(added, sum), LANES_JOINED(added, along)));
    precise float mean = OP == OP_LAYERNORM_GRAD ? nyx_div(sums.x, width) : 0.0, slope = nyx_div(sums.y, width);
    precise float scale = row < rows ? uintBitsToFloat(rinv[row]) : 0.0;
    for (uint i = row_lane(); i < end; i += SPAN) {
        precise REALS d = scale * (dy(first + i) - mean - y(first + i) * slope);

        dx(first + i, d);
    }
}
