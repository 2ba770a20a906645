/* cache_write -- the key and value heads of new positions into their cache.
 *   x             f32 [batches, positions, pitch], heads d queries, then kv_heads d keys, as many values
 *   past, rows    i32 [batches]
 *   keys, values  f32 [cache_rows, kv_heads, capacity, d], of its first two axes
 *                 `lines` from `first_line` on: what belongs into others is not written
 * Nothing is written for a row that is none, or without room behind its past.
 * One invocation an element of a key and of a value. */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "nyx.glsl"

layout(set = 0, binding = 0) readonly buffer X { uint x[]; };
layout(set = 0, binding = 1) readonly buffer Past { int past[]; };
layout(set = 0, binding = 2) readonly buffer Rows { int rows[]; };
layout(set = 0, binding = 3) writeonly buffer Keys { uint keys[]; };
layout(set = 0, binding = 4) writeonly buffer Values { uint values[]; };
layout(push_constant) uniform Push {
    uint elems, positions, heads, kv_heads, d, capacity, cache_rows, first_line, lines;
};

void main()
{
    const uint i = invocation_index(), at = i % d, head = i / d % kv_heads, s = i / (d * kv_heads) % positions;
    const uint b = i / (d * kv_heads * positions), pitch = (heads + 2u * kv_heads) * d;
    const uint from = (b * positions + s) * pitch + (heads + head) * d + at;

    if (i >= elems || past[b] < 0 || uint(past[b]) + positions > capacity || rows[b] < 0 || uint(rows[b]) >= cache_rows)
        return;
    const uint line = uint(rows[b]) * kv_heads + head - first_line;
    if (line >= lines)
        return;
    const uint to = (line * capacity + uint(past[b]) + s) * d + at;
    keys[to] = x[from];
    values[to] = x[from + kv_heads * d];
}
