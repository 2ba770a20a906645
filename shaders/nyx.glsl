/* nyx.glsl -- what every shader starts with.
 *
 * Constant 0 is the number of invocations of a workgroup. A grid that is too
 * long for one axis is folded into two, so an index may lie beyond the last
 * workgroup that is wanted: compare it with a bound that was pushed. A dispatch
 * may be of some workgroups of the grid only, with their own indices: how many
 * there are is asked of nobody (no gl_NumWorkGroups).
 *
 * Numbers are kept in buffers of words (uint): f32 as its bits, i32, and what
 * is packed. Arithmetic is that of IEEE 754 without contraction: results are
 * `precise`, so that a driver rounds as the CPU does.
 */
layout(local_size_x_id = 0) in;

uint group_index()
{
    return gl_WorkGroupID.y * 65535u + gl_WorkGroupID.x; /* GRID_MOST of emit.c */
}

uint invocation_index()
{
    return group_index() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
}

bool is_nan(float x)
{
    return (floatBitsToUint(x) & 0x7fffffffu) > 0x7f800000u;
}

bool is_finite(float x)
{
    return (floatBitsToUint(x) & 0x7f800000u) != 0x7f800000u;
}
