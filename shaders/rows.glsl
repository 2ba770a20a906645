/* rows.glsl -- rows shared by SPAN invocations each, a power of two that divides
 * the workgroup: several short rows a workgroup, or a long one.
 *
 *     uint end = row_index() < rows ? words : 0u;
 *     for (uint i = row_lane(); i < end; i += SPAN) ...
 *     sum = row_sum(sum);
 *
 * What joins a row has barriers: all invocations call it, also those whose row
 * lies beyond the last. Every sum is a tree of a fixed shape.
 */
layout(constant_id = 1) const uint SPAN = 1;

const uint ROW_LANES = 256; /* invocations of a workgroup at most */

uint row_index()
{
    return group_index() * (gl_WorkGroupSize.x / SPAN) + gl_LocalInvocationID.x / SPAN;
}

uint row_lane()
{
    return gl_LocalInvocationID.x % SPAN;
}

/* TYPE name(TYPE mine): what the invocations of a row have, joined. */
#define ROW_TREE(TYPE, name, joined)                                   \
    shared TYPE name##_parts[ROW_LANES];                               \
                                                                       \
    TYPE name(TYPE mine)                                               \
    {                                                                  \
        const uint id = gl_LocalInvocationID.x, lane = id % SPAN;      \
                                                                       \
        name##_parts[id] = mine;                                       \
        for (uint span = SPAN / 2; span > 0; span /= 2) {              \
            barrier();                                                 \
            if (lane < span)                                           \
                name##_parts[id] = joined(name##_parts[id], name##_parts[id + span]); \
        }                                                              \
        barrier();                                                     \
        TYPE all = name##_parts[id - lane];                            \
        barrier();                                                     \
        return all;                                                    \
    }
