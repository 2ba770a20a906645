/* matvec -- few rows times a matrix whose terms lie side by side:
 * y[i, j] = sum over k of x[i, k] w[j, k], + bias[j].
 *   x, w   f32, f16 or bf16 (TYPE), [ROWS, k] and [n, k]
 *   bias   f32 [n], read only where has_bias
 *   y      f32, rows of y_line elements from y_at on
 * LANES invocations, neighbours, share COLUMNS neighbouring j: each sums every
 * LANES-th vector of four terms in order, then sums are added as a tree. LANES is
 * a power of two that divides the local size. A grid that is folded. FOUR: 4
 * divides k. */
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "nyx.glsl"

layout(constant_id = 1) const uint LANES = 32;
layout(constant_id = 2) const uint ROWS = 1;
layout(constant_id = 3) const uint COLUMNS = 1;
layout(constant_id = 4) const uint TYPE = 0;
layout(constant_id = 5) const uint FOUR = 0;
layout(constant_id = 6) const uint THREADS = 128; /* the local size again */

layout(set = 0, binding = 0) readonly buffer X { uint x[]; };
layout(set = 0, binding = 0) readonly buffer X2 { uvec2 x2[]; };
layout(set = 0, binding = 0) readonly buffer X4 { uvec4 x4[]; };
layout(set = 0, binding = 1) readonly buffer W { uint w[]; };
layout(set = 0, binding = 1) readonly buffer W2 { uvec2 w2[]; };
layout(set = 0, binding = 1) readonly buffer W4 { uvec4 w4[]; };
layout(set = 0, binding = 2) readonly buffer Bias { float bias[]; };
layout(set = 0, binding = 3) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Push { uint n, k, y_line, y_at, has_bias; };
#include "operand.glsl"
READERS(x, x, x2, x4)
READERS(w, w, w2, w4)

const uint SUMS = ROWS * COLUMNS;
shared float shares[SUMS * THREADS];

#define TAKER(name)                                                        \
    vec4 name##_take(uint line, uint at)                                   \
    {                                                                      \
        vec4 taken = vec4(0.0);                                            \
        if (FOUR != 0u)                                                    \
            return name##_four(line * k + at);                             \
        [[unroll]] for (uint c = 0; c < 4; c++)                            \
            if (at + c < k)                                                \
                taken[c] = name##_one(line * k + at + c);                  \
        return taken;                                                      \
    }
TAKER(x)
TAKER(w)

void main()
{
    uint  id = gl_LocalInvocationID.x, lane = id % LANES;
    uint  first = (group_index() * (THREADS / LANES) + id / LANES) * COLUMNS;
    float sums[SUMS];

    [[unroll]] for (uint s = 0; s < SUMS; s++)
        sums[s] = 0.0;
    for (uint at = lane * 4; at < k && first < n; at += LANES * 4) {
        vec4 theirs[COLUMNS];
        [[unroll]] for (uint c = 0; c < COLUMNS; c++)
            theirs[c] = w_take(min(first + c, n - 1), at);
        [[unroll]] for (uint r = 0; r < ROWS; r++) {
            vec4 own = x_take(r, at);
            [[unroll]] for (uint c = 0; c < COLUMNS; c++)
                [[unroll]] for (uint i = 0; i < 4; i++)
                    sums[r * COLUMNS + c] = fma(own[i], theirs[c][i], sums[r * COLUMNS + c]);
        }
    }
    [[unroll]] for (uint s = 0; s < SUMS; s++)
        shares[s * THREADS + id] = sums[s];
    for (uint half_ = LANES / 2; half_ > 0; half_ /= 2) {
        barrier();
        if (lane < half_)
            [[unroll]] for (uint s = 0; s < SUMS; s++)
                shares[s * THREADS + id] += shares[s * THREADS + id + half_];
    }
    barrier();
    [[unroll]] for (uint s = 0; s < SUMS; s++) {
        uint column = first + s % COLUMNS;
        if (lane == s % LANES && column < n)
            y[y_at + s / COLUMNS * y_line + column] =
                shares[s * THREADS + id - lane] + (has_bias != 0u ? bias[column] : 0.0);
    }
}
