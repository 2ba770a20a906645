/* rate_memory -- bytes read, or copied, as fast as memory gives them.
 *   from   uvec4 [chunks of a workgroup], a power of two of them
 *   to     of a copy: the same; of a read: written to where all words are `wanted`
 * The workgroups walk over the chunks side by side, four steps at a time, and go
 * `stride` chunks on with each. Local size: words of 16 bytes of a chunk. */
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "nyx.glsl"

layout(set = 0, binding = 0) readonly buffer F { uvec4 from[]; };
layout(set = 0, binding = 1) writeonly buffer T { uvec4 to[]; };
layout(push_constant) uniform Push { uint turns, chunks, stride, wanted; };

#ifndef COPY
#define COPY 0
#endif

uint place(uint step)
{
    const uint chunk = gl_WorkGroupID.x + step * stride;

    return (chunk & (chunks - 1u)) * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
}

void main()
{
    uvec4 sum[4], got[4];

    [[unroll]] for (uint u = 0u; u < 4u; u++)
        sum[u] = uvec4(0u);
    for (uint i = 0u; i < turns; i++) {
        [[unroll]] for (uint u = 0u; u < 4u; u++)
            got[u] = from[place(i * 4u + u)];
        [[unroll]] for (uint u = 0u; u < 4u; u++)
            if (COPY != 0)
                to[place(i * 4u + u)] = got[u];
            else
                sum[u] ^= got[u];
    }
    sum[0] ^= sum[1] ^ sum[2] ^ sum[3];
    if (COPY == 0 && sum[0] == uvec4(wanted))
        to[gl_LocalInvocationID.x] = sum[0];
}
