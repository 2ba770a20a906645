/* argmax -- the index of the largest element of each row, the first of equals. A
 * NaN is never larger; as a row's first element it is the answer.
 *   x   f32 [rows, width]
 *   y   i32 [rows]
 * SPAN invocations a row; words = width / LANES.
 */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "nyx.glsl"
#include "math.glsl"
#include "lanes.glsl"
#include "rows.glsl"

layout(set = 0, binding = 0) readonly buffer X { WORDS x[]; };
layout(set = 0, binding = 1) writeonly buffer Y { uint y[]; };
layout(push_constant) uniform Push { uint rows, words; };

bool more(uint a, uint b)
{
    return uintBitsToFloat(a) > uintBitsToFloat(b);
}

/* (bits, index) */
uvec2 better(uvec2 a, uvec2 b)
{
    return more(b.x, a.x) || (!more(a.x, b.x) && b.y < a.y) ? b : a;
}

ROW_TREE(uvec2, row_best, better)

uvec2 next(uvec2 best, uint x, uint at)
{
    return more(x, best.x) ? uvec2(x, at) : best;
}

uvec2 next(uvec2 best, uvec4 x, uint at)
{
    return next(next(next(next(best, x.x, at), x.y, at + 1u), x.z, at + 2u), x.w, at + 3u);
}

void main()
{
    const uint row = row_index(), end = row < rows ? words : 0u, first = row < rows ? row * words : 0u;
    uvec2      best = uvec2(LANE(x[first], 0), 0u);

    for (uint i = row_lane(); i < end; i += SPAN)
        best = next(best, x[first + i], i * LANES);
    best = row_best(best);
    if (row < rows && row_lane() == 0u)
        y[row] = best.y;
}
