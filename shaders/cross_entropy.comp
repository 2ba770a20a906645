/* cross_entropy -- -ln p of each row's label, rounded once; 0 where the label is
 * the ignored one, NaN where it is out of range.
 *   x        f32 [rows, width] logits
 *   labels   i32 [rows]
 *   loss     f32 [rows]
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

layout(set = 0, binding = 2) writeonly buffer L { uint loss[]; };
layout(push_constant) uniform Push { uint rows, words, ignored, ignores; };

void main()
{
    const uint   row = row_index(), width = words * LANES, label = row < rows ? labels[row] : width;
    const bool   skipped = ignores != 0u && label == ignored, valid = label < width && !skipped;
    const uint   end = valid ? words : 0u, first = valid ? row * words : 0u;
    const float  own = valid ? uintBitsToFloat(LANE(x[first + label / LANES], label % LANES)) : 0.0;
    float        most;
    precise vec2 y;

    if (STABLEMAX != 0u) {
        y = wide_log(stable_total(first, end));
        y = wide_add(y, -wide_log(stable(own)));
    } else {
        y = wide_log(softmax_total(first, end, most));
        y = wide_add(y, is_finite(own) ? two_sum(most, -own) : vec2(most - own, 0.0));
    }
    if (row < rows && row_lane() == 0u)
        loss[row] = valid ? floatBitsToUint(y.x) : skipped ? 0u : 0x7fc00000u; // NaN
}
