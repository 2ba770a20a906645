/* gelu -- x sigmoid(z) with z = x (A + B x^2), and its gradient
 * dy (s + x s (1 - s) (A + 3 B x^2)); s (1 - s) = e / (1 + e)^2 with e = e^-|z|,
 * so that 1 - s loses no bits.
 *   x, y    [count LANES]              gelu
 *   dy, dx  as x                       gelu_grad: bindings x, dy, dx
 * Each f32 or of 16 bits (halves.glsl). One invocation LANES elements.
 */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "nyx.glsl"
#include "math.glsl"
#include "ops.glsl"
#include "lanes.glsl"

layout(constant_id = 1) const uint OP = 0;
layout(constant_id = 2) const uint HALVES = 0;
#include "halves.glsl"
INPUT(0, x)
INPUT(1, dy)
OUTPUT(2, y)
layout(push_constant) uniform Push { uint count; };

const float A = 1.5957691216057308;  /* 2 sqrt(2 / pi) */
const float B = 0.07135481627260025; /* 0.044715 times it */

void main()
{
    const uint i = invocation_index();

    if (i >= count)
        return;
    precise REALS v = x(i), square = v * v, z = v * (A + B * square), back, rest, r;

    if (OP == OP_GELU) {
        r = v * nyx_sigmoid_raised(z, back, rest) * back;
    } else {
        precise REALS e = nyx_tail(z, back), inverse = nyx_inverse_unit(1.0 + e * back);
        precise REALS s = below_zero(z, e * inverse, inverse);

        r = dy(i) * back * (s + v * (e * inverse * inverse) * (A + (3.0 * B) * square));
    }
    y(i, r);
}
