/* rope -- rotate pairs (k, k + HALF) of the first `heads` heads by the angle of
 * their position; the rest is copied.
 *   x, y    f32 or of 16 bits (halves.glsl) [rows, PITCH], row r at position (first + r) % POSITIONS
 *   table   f32 [POSITIONS, WIDTH]: cos, then sin (sense -1: the inverse)
 * One invocation LANES words; PITCH, WIDTH and HALF count in LANES.
 */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "nyx.glsl"
#include "math.glsl"
#include "lanes.glsl"

layout(constant_id = 1) const uint PITCH = 1; /* divisors are constants: cheap */
layout(constant_id = 2) const uint WIDTH = 1;
layout(constant_id = 3) const uint HALF = 1;
layout(constant_id = 4) const uint POSITIONS = 1;
layout(constant_id = 5) const uint HALVES = 0;
#include "halves.glsl"
INPUT(0, x)
layout(set = 0, binding = 1) readonly buffer T { WORDS table[]; };
OUTPUT(2, y)
layout(push_constant) uniform Push { uint count, turned, first; float sense; };

void main()
{
    const uint i = invocation_index();

    if (i >= count)
        return;
    const uint row = i / PITCH, j = i % PITCH, k = j % WIDTH;
    if (j >= turned || k >= 2u * HALF) {
        y_words(i, x_words(i));
        return;
    }
    const uint    turn = (first + row) % POSITIONS * WIDTH + k % HALF;
    precise REALS c = real(table[turn]), s = real(table[turn + HALF]) * sense, to;

    if (k < HALF)
        to = x(i) * c - x(i + HALF) * s;
    else
        to = x(i) * c + x(i - HALF) * s;
    y(i, to);
}
