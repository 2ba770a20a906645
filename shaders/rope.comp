/* rope -- rotate pairs (k, k + half) of the first `heads` heads by the angle of
 * their position; the rest is copied.
 *   x, y    f32 [rows, pitch], row r at position (first + r) % positions
 *   table   f32 [positions, width]: cos, then sin (sense -1: the inverse)
 * One invocation LANES words; pitch, width and half are counted in LANES.
 */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "nyx.glsl"
#include "math.glsl"
#include "lanes.glsl"

layout(set = 0, binding = 0) readonly buffer X { WORDS x[]; };
layout(set = 0, binding = 1) readonly buffer T { WORDS table[]; };
layout(set = 0, binding = 2) writeonly buffer Y { WORDS y[]; };
layout(push_constant) uniform Push { uint count, pitch, turned, width, halved, positions, first; float sense; };

void main()
{
    const uint i = invocation_index();

    if (i >= count)
        return;
    const uint row = i / pitch, j = i % pitch, k = j % width;
    if (j >= turned || k >= 2u * halved) {
        y[i] = x[i];
        return;
    }
    const uint    turn = (first + row) % positions * width + k % halved;
    precise REALS c = real(table[turn]), s = real(table[turn + halved]) * sense, to;

    if (k < halved)
        to = real(x[i]) * c - real(x[i + halved]) * s;
    else
        to = real(x[i]) * c + real(x[i - halved]) * s;
    y[i] = floatBitsToUint(to);
}
