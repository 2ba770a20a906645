/* select -- mask != 0 ? a : b, 4-byte elements.
 *   mask  i32, repeats along the last axes: element i / step
 *   a     element i % count;  b, y  [elems]
 * One invocation an element. */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "nyx.glsl"

layout(set = 0, binding = 0) readonly buffer M { int mask[]; };
layout(set = 0, binding = 1) readonly buffer A { uint a[]; };
layout(set = 0, binding = 2) readonly buffer B { uint b[]; };
layout(set = 0, binding = 3) writeonly buffer Y { uint y[]; };
layout(push_constant) uniform Push { uint elems, step, count, first; };

void main()
{
    uint i = invocation_index();

    if (i < elems)
        y[i] = mask[(first + i) / step] != 0 ? a[(first + i) % count] : b[i];
}
