/* segments -- where equal ids are: a stable sort by counting, all pairs.
 *   ids     u32 [n]
 *   order   u32 [n]: indices of ids in the order of (id, index)
 *   length  u32 [n]: how many are equal, at the first of them in that order;
 *           0 at the others
 * A place is the number of ids that go before, so the result depends on no
 * race. PARTS neighbours share the ids to compare with; they cost n^2 / 2^5
 * loads of 32 bytes, which at 32,768 ids is a fifth of a millisecond on a
 * large GPU and nothing beside the rows at 4,096. */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "nyx.glsl"

const uint PARTS = 8;
layout(set = 0, binding = 0) readonly buffer I { uint ids[]; };
layout(set = 0, binding = 1) writeonly buffer O { uint order[]; };
layout(set = 0, binding = 2) writeonly buffer L { uint length_[]; };
layout(push_constant) uniform Push { uint n; };
shared uvec3 counts[gl_WorkGroupSize.x];

void main()
{
    uint  lane = gl_LocalInvocationID.x, i = invocation_index() / PARTS;
    uint  id = i < n ? ids[i] : 0u;
    uvec3 count = uvec3(0); /* smaller; equal and earlier; equal */

    for (uint j = lane % PARTS; j < n; j += PARTS) {
        uint other = ids[j];

        count += uvec3(other < id, other == id && j < i, other == id);
    }
    counts[lane] = count;
    barrier();
    if (lane % PARTS != 0u || i >= n)
        return;
    for (uint part = 1u; part < PARTS; part++)
        count += counts[lane + part];
    order[count.x + count.y] = i;
    length_[count.x + count.y] = count.y == 0u ? count.z : 0u;
}
