/* embedding -- rows of a table by ids; a row of NaN where there is no such id.
 *   table  [count, width], rows `first` on of one that has `rows`
 *   ids    i32 [n]
 *   y      [n, width]: rows of y whose ids lie elsewhere are another piece's
 * width is counted in LANES elements of 4 bytes; one invocation so many. */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "nyx.glsl"
#include "math.glsl"
#include "lanes.glsl"

layout(set = 0, binding = 0) readonly buffer T { WORDS table[]; };
layout(set = 0, binding = 1) readonly buffer I { uint ids[]; };
layout(set = 0, binding = 2) writeonly buffer Y { WORDS y[]; };
layout(push_constant) uniform Push { uint words, width, first, count, rows; };

void main()
{
    uint i = invocation_index();

    if (i >= words)
        return;
    uint id = ids[i / width], row = id - first;
    if (row < count)
        y[i] = table[row * width + i % width];
    else if (id >= rows && first == 0u)
        y[i] = WORDS(0x7fc00000u);
}
