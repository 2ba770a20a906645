/* select -- mask != 0 ? a : b, elements of 4 bytes or of 16 bits (halves.glsl).
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
layout(constant_id = 3) const uint HALVES = 0;
#include "halves.glsl"
layout(set = 0, binding = 0) readonly buffer M { int mask[]; };
INPUT(1, a)
INPUT(2, b)
OUTPUT(3, y)
layout(push_constant) uniform Push { uint words, first; };

void main()
{
    uint i = invocation_index();

    if (i < words)
        y_words(i, mask[(first + i) * LANES / STEP] != 0 ? a_words((first + i) % COUNT) : b_words(i));
}
