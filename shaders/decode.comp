/* decode -- rows of coded weights as numbers: all, or those that ids name.
 *   planes  codes, scales, zeros, global: rows [first, first + weight_rows) of `total`
 *   ids     i32 [rows], with GATHER: row i of y is row ids[i], NaN where there is none
 *   y       f32 [rows, cols]
 * Where weights come in pieces, each writes what it has. One invocation four
 * columns. */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "nyx.glsl"
#define CODED_MORE uint rows, first, total;
#include "decode.glsl"

layout(constant_id = 8) const uint GATHER = 0;
layout(set = 0, binding = 4) readonly buffer Ids { int ids[]; };
layout(set = 0, binding = 5) writeonly buffer Y { float y[]; };
layout(set = 0, binding = 5) writeonly buffer Y4 { vec4 y4[]; };

void main()
{
    const uint quads = (cols + 3u) / 4u, i = invocation_index() / quads, q = invocation_index() % quads;

    decode_begin();
    if (i >= rows)
        return;
    const int row = GATHER != 0u ? ids[i] : int(i);
    const bool none = row < 0 || uint(row) >= total, here = !none && uint(row) - first < weight_rows;
    if (GATHER != 0u && !here && !(none && first == 0u))
        return;
    const vec4 value = none ? vec4(uintBitsToFloat(0x7fc00000u)) : coded_quad(uint(row) - first, q);
    if (WHOLE != 0u) {
        y4[i * quads + q] = value;
        return;
    }
    for (uint j = 0u; j < 4u && 4u * q + j < cols; j++)
        y[i * cols + 4u * q + j] = value[j];
}
