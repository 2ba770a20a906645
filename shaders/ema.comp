/* ema -- e = beta e + rest p.
 *   e  f32 [elems], changed in place
 *   p  f32 [elems]
 * One invocation LANES elements. */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "nyx.glsl"
#include "math.glsl"
#include "lanes.glsl"

layout(set = 0, binding = 0) buffer E { REALS e[]; };
layout(set = 0, binding = 1) readonly buffer P { REALS p[]; };
layout(push_constant) uniform Push { uint count; float beta, rest; };

void main()
{
    uint i = invocation_index();

    if (i >= count)
        return;
    precise REALS moved = beta * e[i] + rest * p[i];
    e[i] = moved;
}
