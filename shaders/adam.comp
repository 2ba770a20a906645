/* adam -- steps of adam_atan2 and adamw (graph.h has the formulas).
 *   p, m, v  f32 [elems], changed in place; nothing when `scale` is not finite
 *   grad     f32 [elems]
 *   scalars  f32: decay, rate, second;  scale  f32
 * One invocation LANES elements. */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "nyx.glsl"
#include "math.glsl"
#include "ops.glsl"
#include "lanes.glsl"

layout(constant_id = 1) const uint OP = 0;
layout(set = 0, binding = 0) buffer P { REALS p[]; };
layout(set = 0, binding = 1) readonly buffer G { REALS grad[]; };
layout(set = 0, binding = 2) buffer M { REALS m[]; };
layout(set = 0, binding = 3) buffer V { REALS v[]; };
layout(set = 0, binding = 4) readonly buffer S { float decay, rate, second; };
layout(set = 0, binding = 5) readonly buffer F { float scale; };
layout(push_constant) uniform Push { uint count; float beta1, rest1, beta2, rest2, epsilon; };

float direction(float mean, float size)
{
    precise float below = size + epsilon;
    precise float y = OP == OP_ADAM_ATAN2 ? nyx_atan2(mean, size) : mean / below;

    return y;
}

#if LANES == 4
vec4 direction(vec4 mean, vec4 size)
{
    return vec4(direction(mean.x, size.x), direction(mean.y, size.y), direction(mean.z, size.z),
                direction(mean.w, size.w));
}
#endif

void main()
{
    uint i = invocation_index();

    if (i >= count || !is_finite(scale))
        return;
    precise REALS g = grad[i] * scale;
    precise REALS mean = beta1 * m[i] + rest1 * g;
    precise REALS square = beta2 * v[i] + rest2 * (g * g);
    precise REALS size = sqrt(square) * second;
    precise REALS moved = decay * p[i] - rate * direction(mean, size);
    m[i] = mean;
    v[i] = square;
    p[i] = moved;
}
