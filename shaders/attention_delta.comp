/* attention_delta -- sum(d_o o) of each query and head, for attention_grad.
 *   o, d_o  f32 or of 16 bits (halves.glsl) [batches, positions, heads, width]
 *   delta   f32 [batches, heads, positions]
 * LINES neighbours share a row; their sums are added in order. */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "nyx.glsl"

const uint LINES = 16;
layout(constant_id = 1) const uint HALVES = 0;
#include "halves.glsl"
SINGLE(0, o)
SINGLE(1, d_o)
layout(set = 0, binding = 2) writeonly buffer Y { float delta[]; };
layout(push_constant) uniform Push { uint rows, width, heads, positions; };
shared float parts[gl_WorkGroupSize.x];

void main()
{
    uint  lane = gl_LocalInvocationID.x, row = invocation_index() / LINES;
    float sum = 0.0;

    for (uint i = lane % LINES; row < rows && i < width; i += LINES)
        sum += o(row * width + i) * d_o(row * width + i);
    parts[lane] = sum;
    barrier();
    if (lane % LINES != 0u || row >= rows)
        return;
    for (uint n = 1u; n < LINES; n++)
        sum += parts[lane + n];
    uint position = row / heads;
    delta[(position / positions * heads + row % heads) * positions + position % positions] = sum;
}
