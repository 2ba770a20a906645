/* unary -- functions of one number: affine, sqrt, sigmoid, and conversions.
 *   x, y   f32 or of 16 bits (halves.glsl). Conversions: i32 on one side
 * One invocation LANES elements; `words` counts in LANES. */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "nyx.glsl"
#include "math.glsl"
#include "ops.glsl"
#include "lanes.glsl"

layout(constant_id = 1) const uint OP = 0;
layout(constant_id = 2) const uint TO_INTEGER = 0;
layout(constant_id = 3) const uint HALVES = 0;
#include "halves.glsl"
INPUT(0, x)
OUTPUT(1, y)
layout(push_constant) uniform Push { uint words; float scale, shift; };

/* Towards zero; beyond the range of i32 to its ends, NaN to 0. */
int truncated(float v)
{
    if (is_nan(v))
        return 0;
    if (!(v > -2147483648.0))
        return -2147483647 - 1;
    return v < 2147483648.0 ? int(v) : 2147483647;
}

uint of(uint word)
{
    const float   v = uintBitsToFloat(word);
    precise float r;

    if (OP == OP_CAST)
        return TO_INTEGER != 0u ? uint(truncated(v)) : floatBitsToUint(float(int(word)));
    if (OP == OP_AFFINE)
        r = scale * v + shift;
    else if (OP == OP_SQRT)
        r = nyx_sqrt(v);
    else
        r = nyx_sigmoid(v);
    return floatBitsToUint(r);
}

void main()
{
    uint i = invocation_index();

    if (i >= words)
        return;
#if LANES == 4
    uvec4 v = x_words(i);
    y_words(i, uvec4(of(v.x), of(v.y), of(v.z), of(v.w)));
#else
    y_words(i, of(x_words(i)));
#endif
}
