/* reduce_rows -- over the last axes: rows are cut into `parts` of `words`, the
 * last one shorter, each of which SPAN invocations join.
 *   x   f32 or i32: row r begins at word skipped + r pitch
 *   y   f32 or i32: result of part p of row r at to + r parts + p
 * Push: rows counts parts of rows; count: elements that a mean is of; whole: x
 * begins with the first part of a row.
 */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "nyx.glsl"
#include "math.glsl"
#include "lanes.glsl"
#include "rows.glsl"
#include "reduction.glsl"

layout(set = 0, binding = 0) readonly buffer X { WORDS x[]; };
layout(set = 0, binding = 1) writeonly buffer Y { uint y[]; };
layout(push_constant) uniform Push { uint rows, words, pitch, parts, skipped, to, count, whole; };

ROW_TREE(uint, row_joined, joined)

void main()
{
    const uint row = row_index(), part = row % parts, begin = part * words;
    const uint first = skipped + row / parts * pitch + begin, end = row < rows ? min(pitch - begin, words) : 0u;
    WORDS      all = WORDS(neutral());

    for (uint i = row_lane(); i < end; i += SPAN)
        all = joined(all, term(x[first + i]));
    const uint y0 = row_joined(LANES_JOINED(joined, all));
    if (row < rows && row_lane() == 0u)
        y[to + row] = result(y0, whole != 0u && part == 0u ? LANE(x[first], 0) : 0u, count);
}
