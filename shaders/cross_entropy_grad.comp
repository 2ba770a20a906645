/* cross_entropy_grad -- softmax: (p_j - [j = label]) dloss; stablemax:
 * s'(x_j) (1 / sum - [j = label] / s_j) dloss, s' = 1 from 0 on and s^2 below;
 * 0 where the label is the ignored one, no label's part where it is out of range.
 *   x, dx     f32 [rows, width]; dx may be x
 *   labels    i32 [rows]
 *   dloss     f32 [rows]
 * SPAN invocations a row; words = width / LANES. loss.glsl has x and labels.
 */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "nyx.glsl"
#include "math.glsl"
#include "wide.glsl"
#include "lanes.glsl"
#include "rows.glsl"
#include "loss.glsl"

layout(set = 0, binding = 2) readonly buffer G { uint dloss[]; };
layout(set = 0, binding = 3) writeonly buffer D { WORDS dx[]; };
layout(push_constant) uniform Push { uint rows, words, ignored, ignores; };

/* Of the row. */
vec2  share; // 1 / sum
float most, slope, scale;
uint  label;

float softmax_gradient(float v, uint j)
{
    precise float e = nyx_exp(v - most), d = e * scale;

    if (j == label) { // p and 1 cancel
        d = wide_product(wide_add(wide_product(share, vec2(e, 0.0)), vec2(-1.0, 0.0)), vec2(slope, 0.0)).x;
    }
    return d;
}

float stablemax_gradient(float v, uint j)
{
    const vec2 s = stable(v);
    vec2       d = share;

    if (j == label)
        d = wide_add(d, v >= 0.0 ? -wide_inverse(s) : -two_sum(1.0, -v));
    if (!(v >= 0.0))
        d = wide_product(d, wide_product(s, s));
    return wide_product(d, vec2(slope, 0.0)).x;
}

void main()
{
    const uint row = row_index(), end = row < rows ? words : 0u, first = row < rows ? row * words : 0u;

    label = row < rows ? labels[row] : 0u;
    slope = row < rows ? uintBitsToFloat(dloss[row]) : 0.0;
    const bool skipped = ignores != 0u && label == ignored;
    share = wide_inverse(STABLEMAX != 0u ? stable_total(first, skipped ? 0u : end)
                                         : softmax_total(first, skipped ? 0u : end, most));
    scale = wide_product(share, vec2(slope, 0.0)).x;
    for (uint i = row_lane(); i < end; i += SPAN) {
        REALS d = REALS(0.0);

        if (!skipped) {
            const REALS v = real(x[first + i]);

            d = STABLEMAX != 0u ? EACH(stablemax_gradient, v, i * LANES) : EACH(softmax_gradient, v, i * LANES);
        }
        dx[first + i] = floatBitsToUint(d);
    }
}
