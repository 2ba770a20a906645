/* rate_dot -- dot products of four bytes, added in i32, in registers.
 *   out_   u32 [groups]: written to where the sum is `wanted`, so that none is left out
 * An invocation turns 16 chains by CHAIN dot products a turn, eight operations each.
 * Needs shaderIntegerDotProduct. Any grid. */
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "bytes.glsl"
#include "nyx.glsl"

const uint CHAIN = 16u; /* of each of the 16: CHAIN of device/vulkan/gauge.c */

layout(set = 0, binding = 0) buffer O { uint out_[]; };
layout(push_constant) uniform Push { uint turns, factor, term, wanted; };

void main()
{
    uint sums[16];
    uint all = 0u;

    [[unroll]] for (uint k = 0u; k < 16u; k++)
        sums[k] = gl_LocalInvocationID.x + k;
    for (uint i = 0u; i < turns; i++)
        [[unroll]] for (uint j = 0u; j < CHAIN; j++)
            [[unroll]] for (uint k = 0u; k < 16u; k++)
                sums[k] += uint(dot_of_bytes(sums[k], factor));
    [[unroll]] for (uint k = 0u; k < 16u; k++)
        all += sums[k];
    if (all == wanted)
        out_[gl_WorkGroupID.x] = 1u;
}
