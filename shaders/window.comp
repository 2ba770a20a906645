/* window -- slice, pad, concat: rows with a window through which another
 * tensor is seen.
 *   y  [rows, y_step]; `length` of a row, from `to` on, are those of
 *   x  [rows, x_step] from `from` on; the others are zero or, when JOIN, those
 *   b  [rows, b_step], which follow the window
 * All lengths count LANES elements of 4 bytes; one invocation so many. */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "nyx.glsl"
#include "math.glsl"
#include "lanes.glsl"

layout(constant_id = 1) const bool JOIN = false;
layout(set = 0, binding = 0) readonly buffer X { WORDS x[]; };
layout(set = 0, binding = 1) readonly buffer B { WORDS b[]; };
layout(set = 0, binding = 2) writeonly buffer Y { WORDS y[]; };
layout(push_constant) uniform Push { uint words, y_step, x_step, b_step, from, to, length; };

void main()
{
    uint i = invocation_index();

    if (i >= words)
        return;
    uint row = i / y_step, at = i % y_step - to;
    if (at < length)
        y[i] = x[row * x_step + from + at];
    else
        y[i] = JOIN ? b[row * b_step + at - length] : WORDS(0);
}
