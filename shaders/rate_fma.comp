/* rate_fma -- multiply-adds of f32 in registers, as many as the device can: the
 * limit of every sum of products.
 *   out_   u32 [groups]: written to where the sum is `wanted`, so that none is left out
 * An invocation turns 16 chains by CHAIN multiply-adds a turn; two operations each.
 * Any grid. */
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "nyx.glsl"

const uint CHAIN = 16u; /* of each of the 16: CHAIN of device/vulkan/gauge.c */

layout(set = 0, binding = 0) buffer O { uint out_[]; };
layout(push_constant) uniform Push { uint turns; float factor, term; uint wanted; };

void main()
{
    vec4 a = vec4(float(gl_LocalInvocationID.x)), b = a + 1.0, c = a + 2.0, d = a + 3.0;

    for (uint i = 0u; i < turns; i++)
        [[unroll]] for (uint j = 0u; j < CHAIN; j++) {
            a = fma(a, vec4(factor), vec4(term));
            b = fma(b, vec4(factor), vec4(term));
            c = fma(c, vec4(factor), vec4(term));
            d = fma(d, vec4(factor), vec4(term));
        }
    a += b + c + d;
    if (floatBitsToUint(a.x + a.y + a.z + a.w) == wanted)
        out_[gl_WorkGroupID.x] = 1u;
}
