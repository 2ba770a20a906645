/* bce -- binary cross-entropy with logits: max(x, 0) - x target + ln(1 + e^-|x|),
 * rounded once.
 *   x, target, loss   f32 [count]
 * One invocation an element.
 */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "nyx.glsl"
#include "math.glsl"
#include "wide.glsl"

layout(set = 0, binding = 0) readonly buffer X { uint x[]; };
layout(set = 0, binding = 1) readonly buffer T { uint target[]; };
layout(set = 0, binding = 2) writeonly buffer L { uint loss[]; };
layout(push_constant) uniform Push { uint count; };

void main()
{
    const uint i = invocation_index();

    if (i >= count)
        return;
    precise float v = uintBitsToFloat(x[i]), t = uintBitsToFloat(target[i]), most = v > 0.0 ? v : 0.0;
    precise vec2  tail = wide_log1p(wide_exp(max(-abs(v), -104.0)));
    precise vec2  product = two_product(v, t), one = two_sum(most, -product.x), two = two_sum(one.x, tail.x);
    precise float y = two.x + ((one.y + two.y) + (tail.y - product.y));

    if (!is_finite(product.x) || !is_finite(v)) // what has no rest
        y = most - product.x + (is_nan(v) ? v : tail.x);
    loss[i] = floatBitsToUint(y);
}
