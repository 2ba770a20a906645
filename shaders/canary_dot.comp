/* canary_dot -- what dot products of bytes come to.
 *   pairs   u32 [2][invocations of a workgroup]
 *   sums    i32 [invocations of a workgroup]
 * One workgroup. */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "bytes.glsl"
#include "nyx.glsl"

layout(set = 0, binding = 0) readonly buffer P { uint pairs[]; };
layout(set = 0, binding = 1) writeonly buffer S { int sums[]; };

void main()
{
    const uint i = gl_LocalInvocationID.x;

    sums[i] = dot_of_bytes(pairs[i], pairs[gl_WorkGroupSize.x + i]);
}
