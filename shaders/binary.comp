/* binary -- arithmetic and comparisons on equal or broadcast shapes.
 *   a, b, y   f32, of 16 bits (halves.glsl) or i32; comparisons give i32. Element i of
 *             a meets of b, by MEETS:
 *             0 element i, 1 the only one, 2 element i % DIVISOR (b has the last
 *             axes), 3 element i / DIVISOR (the first); 2 counts in LANES
 * Integers wrap around, division truncates, by zero it gives 0. One invocation
 * LANES elements. `words` and `first` (of a and y, in the tensor) count in LANES;
 * bindings 1 and 3 are both b.
 */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "nyx.glsl"
#include "math.glsl"
#include "ops.glsl"
#include "lanes.glsl"

layout(constant_id = 1) const uint OP = 0;
layout(constant_id = 2) const uint INTEGER = 0;
layout(constant_id = 3) const uint HOW = 0; /* comparison */
layout(constant_id = 4) const uint MEETS = 0;
layout(constant_id = 5) const uint DIVISOR = 1;
layout(constant_id = 6) const uint HALVES = 0;
#include "halves.glsl"
INPUT(0, a)
INPUT(1, b)
OUTPUT(2, y)
SINGLE(3, b_one)
layout(push_constant) uniform Push { uint words, first; };

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

uint of(uint p, uint q)
{
    return INTEGER != 0u ? of_integers(int(p), int(q)) : of_reals(uintBitsToFloat(p), uintBitsToFloat(q));
}

WORDS met(uint i)
{
    switch (MEETS) {
    case 0:  return b_words(i);
    case 1:  return WORDS(b_one_word(0u));
    case 2:  return b_words((first + i) % DIVISOR);
    default: return WORDS(b_one_word((first + i) * LANES / DIVISOR));
    }
}

void main()
{
    uint i = invocation_index();

    if (i >= words)
        return;
    WORDS q = met(i);
#if LANES == 4
    uvec4 p = a_words(i);
    y_words(i, uvec4(of(p.x, q.x), of(p.y, q.y), of(p.z, q.z), of(p.w, q.w)));
#else
    y_words(i, of(a_words(i), q));
#endif
}
