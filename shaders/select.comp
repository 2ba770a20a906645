/* select -- mask != 0 ? a : b, 4-byte elements.
 *   mask  i32, repeats along the last axes: element i LANES / STEP
 *   a     element i % COUNT;  b, y  [words]; all but STEP count in LANES
 * One invocation LANES elements. */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "nyx.glsl"
#include "math.glsl"
#include "lanes.glsl"

layout(constant_id = 1) const uint STEP = 1;
layout(constant_id = 2) const uint COUNT = 1;
layout(set = 0, binding = 0) readonly buffer M { int mask[]; };
layout(set = 0, binding = 1) readonly buffer A { WORDS a[]; };
layout(set = 0, binding = 2) readonly buffer B { WORDS b[]; };
layout(set = 0, binding = 3) writeonly buffer Y { WORDS y[]; };
layout(push_constant) uniform Push { uint words, first; };

void main()
{
    uint i = invocation_index();

    if (i < words)
        y[i] = mask[(first + i) * LANES / STEP] != 0 ? a[(first + i) % COUNT] : b[i];
}
