/* binary -- arithmetic and comparisons on equal or broadcast shapes.
 *   a, b   f32 or i32; element i of a meets element (i / step) % count of b
 *   y      as a; comparisons i32
 * Integers wrap around, division truncates, by zero it gives 0. One invocation
 * an element. */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "nyx.glsl"
#include "math.glsl"
#include "ops.glsl"

layout(constant_id = 1) const uint OP = 0;
layout(constant_id = 2) const uint INTEGER = 0;
layout(constant_id = 3) const uint HOW = 0; /* comparison */
layout(set = 0, binding = 0) readonly buffer A { uint a[]; };
layout(set = 0, binding = 1) readonly buffer B { uint b[]; };
layout(set = 0, binding = 2) writeonly buffer Y { uint y[]; };
layout(push_constant) uniform Push { uint elems, step, count, first; };

int divided(int p, int q)
{
    if (q == 0)
        return 0;
    return q == -1 ? -p : p / q;
}

uint of_integers(int p, int q)
{
    switch (OP) {
    case OP_ADD: return uint(p + q);
    case OP_SUB: return uint(p - q);
    case OP_MUL: return uint(p * q);
    case OP_DIV: return uint(divided(p, q));
    case OP_MIN: return uint(p < q ? p : q);
    case OP_MAX: return uint(p > q ? p : q);
    default:     return uint(HOW == 0u ? p == q : HOW == 1u ? p > q : p >= q);
    }
}

uint of_reals(float p, float q)
{
    precise float r = 0.0;

    switch (OP) {
    case OP_ADD: r = p + q; break;
    case OP_SUB: r = p - q; break;
    case OP_MUL: r = p * q; break;
    case OP_DIV: r = nyx_div(p, q); break;
    case OP_MIN: r = p < q ? p : q; break;
    case OP_MAX: r = p > q ? p : q; break;
    default:     return uint(HOW == 0u ? p == q : HOW == 1u ? p > q : p >= q);
    }
    return floatBitsToUint(r);
}

void main()
{
    uint i = invocation_index();

    if (i >= elems)
        return;
    uint p = a[i], q = b[(first + i) / step % count];
    y[i] = INTEGER != 0u ? of_integers(int(p), int(q)) : of_reals(uintBitsToFloat(p), uintBitsToFloat(q));
}
