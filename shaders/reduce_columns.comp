/* reduce_columns -- over the first axes: chunk c joins rows [c chunk, (c + 1) chunk)
 * of each column. COLUMNS invocations lie side by side, the others of a workgroup
 * take the rows in turn.
 *   x   f32 or i32 [rows, words]
 *   y   as x [chunks, words]
 * Push: base: the chunk that x begins with; count: elements that a mean is of; whole: x begins with the first row.
 */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "nyx.glsl"
#include "math.glsl"
#include "lanes.glsl"
#include "reduction.glsl"

layout(constant_id = 1) const uint COLUMNS = 1;
layout(set = 0, binding = 0) readonly buffer X { WORDS x[]; };
layout(set = 0, binding = 1) writeonly buffer Y { WORDS y[]; };
layout(push_constant) uniform Push { uint rows, words, chunk, tiles, base, count, whole; };

shared WORDS parts[256];

void main()
{
    const uint id = gl_LocalInvocationID.x, turns = gl_WorkGroupSize.x / COLUMNS, turn = id / COLUMNS;
    const uint column = group_index() % tiles * COLUMNS + id % COLUMNS, chunk_index = group_index() / tiles;
    const uint first = min(chunk_index * chunk, rows), end = column < words ? min(first + chunk, rows) : 0u;
    WORDS      all = WORDS(neutral());

    for (uint row = first + turn; row < end; row += turns)
        all = joined(all, term(x[row * words + column]));
    parts[id] = all;
    for (uint span = turns / 2u; span > 0u; span /= 2u) {
        barrier();
        if (turn < span)
            parts[id] = joined(parts[id], parts[id + span * COLUMNS]);
    }
    if (turn == 0u && first < end)
        y[(base + chunk_index) * words + column] =
            result(parts[id], whole != 0u && first == 0u ? x[column] : WORDS(0u), count);
}
