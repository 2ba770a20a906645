/* swiglu -- silu(gate) * up, and its gradient.
 *   x    [rows, 2 WIDTH] = gate, up
 *   y    [rows, WIDTH]                   swiglu
 *   dy   [rows, WIDTH], dx as x          swiglu_grad: bindings x, dy, dx
 * Each f32 or of 16 bits (halves.glsl). One invocation LANES elements of y; WIDTH
 * counts in LANES.
 */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "nyx.glsl"
#include "math.glsl"
#include "ops.glsl"
#include "lanes.glsl"

layout(constant_id = 1) const uint OP = 0;
layout(constant_id = 2) const uint WIDTH = 1;
layout(constant_id = 3) const uint HALVES = 0;
#include "halves.glsl"
INPUT(0, x)
INPUT(1, dy)
OUTPUT(2, y)
layout(push_constant) uniform Push { uint count; };

void main()
{
    const uint i = invocation_index();

    if (i >= count)
        return;
    const uint    at = i / WIDTH * 2u * WIDTH + i % WIDTH;
    precise REALS gate = x(at), up = x(at + WIDTH), back, rest, s = nyx_sigmoid_raised(gate, back, rest);

    if (OP == OP_SWIGLU) {
        precise REALS r = gate * s * (up * back);

        y(i, r);
        return;
    }
    precise REALS d = dy(i) * back;
    precise REALS dgate = d * up * (s * (1.0 + gate * rest));
    precise REALS dup = d * (gate * s);
    y(at, dgate);
    y(at + WIDTH, dup);
}
