/* swiglu -- silu(gate) * up, and its gradient.
 *   x    f32 [rows, 2 WIDTH] = gate, up
 *   y    f32 [rows, WIDTH]                       swiglu
 *   dy   f32 [rows, WIDTH], dx f32 as x          swiglu_grad: bindings x, dy, dx
 * One invocation LANES elements of y; WIDTH counts in LANES.
 */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "nyx.glsl"
#include "math.glsl"
#include "ops.glsl"
#include "lanes.glsl"

layout(constant_id = 1) const uint OP = 0;
layout(constant_id = 2) const uint WIDTH = 1;
layout(set = 0, binding = 0) readonly buffer X { WORDS x[]; };
layout(set = 0, binding = 1) readonly buffer D { WORDS dy[]; };
layout(set = 0, binding = 2) writeonly buffer Y { WORDS y[]; };
layout(push_constant) uniform Push { uint count; };

void main()
{
    const uint i = invocation_index();

    if (i >= count)
        return;
    const uint    at = i / WIDTH * 2u * WIDTH + i % WIDTH;
    precise REALS gate = real(x[at]), up = real(x[at + WIDTH]), back, s = nyx_sigmoid_raised(gate, back);

    if (OP == OP_SWIGLU) {
        precise REALS r = gate * s * (up * back);

        y[i] = floatBitsToUint(r);
        return;
    }
    precise REALS d = real(dy[i]) * back;
    precise REALS dgate = d * up * (s * (1.0 + gate * (1.0 - s * back)));
    precise REALS dup = d * (gate * s);
    y[at] = floatBitsToUint(dgate);
    y[at + WIDTH] = floatBitsToUint(dup);
}
