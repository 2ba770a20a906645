/* segment_sum -- one row of a table from all rows of gradients with its id:
 * embedding_grad and sign_sgd.
 *   order, length  of segments.comp, [n]
 *   ids            u32 [n]
 *   grad           f32 [given, width], rows `first_given` on of [n, width]
 *   table          f32 [count, width], rows `first` on: the sums, or
 *                  decay row - rate sign(sum), nothing when `scale` is not finite
 *   scalars, scale of sign_sgd (graph.h)
 * Where all of the gradients are not bound at once, TURN is FIRST and then NEXT:
 * their sums go to the table, or for sign_sgd elsewhere; LAST reads them as `grad`.
 * A workgroup is for one place of `order` and LANES size / LINES columns; most
 * places start no segment. Line k of the workgroup adds rows k, k + LINES, ..
 * of the segment in order, then the lines are added in order. */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "nyx.glsl"
#include "math.glsl"
#include "ops.glsl"
#include "lanes.glsl"

#if LANES == 4
vec4 sign_of(vec4 x)
{
    precise vec4 sign = vec4(greaterThan(x, vec4(0))) - vec4(lessThan(x, vec4(0)));
    return sign;
}
#else
float sign_of(float x)
{
    precise float sign = float(x > 0.0) - float(x < 0.0);
    return sign;
}
#endif

const uint LINES = 8, WHOLE = 0, FIRST = 1, NEXT = 2, LAST = 3;
layout(constant_id = 1) const uint OP = 0;
layout(constant_id = 2) const uint TURN = WHOLE;
layout(set = 0, binding = 0) readonly buffer O { uint order[]; };
layout(set = 0, binding = 1) readonly buffer L { uint length_[]; };
layout(set = 0, binding = 2) readonly buffer I { uint ids[]; };
layout(set = 0, binding = 3) readonly buffer G { REALS grad[]; };
layout(set = 0, binding = 4) buffer T { REALS table[]; };
layout(set = 0, binding = 5) readonly buffer S { float decay, rate; };
layout(set = 0, binding = 6) readonly buffer F { float scale; };
layout(push_constant) uniform Push { uint n, width, blocks, first, count, first_given, given; };
shared REALS lines[gl_WorkGroupSize.x];

REALS sum_of_line(uint place, uint line, uint column, float factor)
{
    precise REALS sum = REALS(0);

    for (uint k = line; k < length_[place]; k += LINES) {
        uint          index = order[place + k] - first_given;
        precise REALS term = index < given ? grad[index * width + column] : REALS(0);

        term = OP == OP_SIGN_SGD ? term * factor : term;
        sum = sum + term;
    }
    return sum;
}

void main()
{
    uint  columns = gl_WorkGroupSize.x / LINES, lane = gl_LocalInvocationID.x;
    uint  place = group_index() / blocks, column = group_index() % blocks * columns + lane % columns;
    float factor = OP == OP_SIGN_SGD ? scale : 1.0;

    if (place >= n || length_[place] == 0u || !is_finite(factor))
        return; /* all of the workgroup */
    uint row = ids[order[place]] - first;
    if (row >= count)
        return;
    lines[lane] = column < width && TURN != LAST ? sum_of_line(place, lane / columns, column, factor) : REALS(0);
    barrier();
    if (lane >= columns || column >= width)
        return;
    const uint    at = row * width + column;
    precise REALS sum = TURN == LAST ? grad[at] : lines[lane];
    for (uint line = 1u; line < LINES && TURN != LAST; line++)
        sum = sum + lines[line * columns + lane];
    if (OP == OP_SIGN_SGD && (TURN == WHOLE || TURN == LAST))
        sum = decay * table[at] - rate * sign_of(sum);
    else if (TURN == NEXT)
        sum = table[at] + sum;
    table[at] = sum;
}
