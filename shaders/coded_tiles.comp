/* coded_tiles -- many rows times coded weights: y[m][n] = sum x[m][k] w[n][k] (+ bias[n]).
 *   planes  rows [first, first + weight_rows) of the weights
 *   x       f32 [rows, cols];  bias  f32 [columns], where `biased`
 *   y       f32 [rows, columns]
 * A workgroup of 128 makes a tile of 64 x 64: blocks of 32 columns of x and of
 * decoded weights pass through shared memory, each invocation sums 8 x 4, block by
 * block. Grid: tiles of columns, tiles of rows. */
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "nyx.glsl"
#define CODED_MORE uint columns, first, rows, biased;
#include "decode.glsl"

layout(set = 0, binding = 4) readonly buffer X { float x[]; };
layout(set = 0, binding = 4) readonly buffer X4 { vec4 x4[]; };
layout(set = 0, binding = 5) readonly buffer Bias { float bias[]; };
layout(set = 0, binding = 6) writeonly buffer Y { float y[]; };

const uint TILE = 64, DEPTH = 32;

shared vec4 left[DEPTH * TILE / 4]; /* [k][m / 4] */
shared vec4 right[DEPTH * TILE / 4]; /* [k][n / 4] */

vec4 x_quad(uint m, uint q)
{
    const uint at = m * cols + 4u * q;
    vec4       v = vec4(0.0);

    if (m >= rows || 4u * q >= cols)
        return v;
    if (WHOLE != 0u)
        return x4[at / 4u];
    for (uint j = 0u; j < 4u && 4u * q + j < cols; j++)
        v[j] = x[at + j];
    return v;
}

vec4 w_quad(uint n, uint q)
{
    if (n >= weight_rows || 4u * q >= cols)
        return vec4(0.0);
    return mix(vec4(0.0), coded_quad(n, q), lessThan(4u * q + uvec4(0, 1, 2, 3), uvec4(cols)));
}

/* One invocation four rows of each and four of the block's columns: 4 x 4 turned. */
void load(uint m, uint n, uint block)
{
    const uint group = gl_LocalInvocationID.x % 16u, quad = gl_LocalInvocationID.x / 16u;
    mat4       a, b;

    for (uint j = 0u; j < 4u; j++) {
        a[j] = x_quad(m + 4u * group + j, 8u * block + quad);
        b[j] = w_quad(n + 4u * group + j, 8u * block + quad);
    }
    a = transpose(a);
    b = transpose(b);
    [[unroll]] for (uint j = 0u; j < 4u; j++) {
        left[(4u * quad + j) * TILE / 4u + group] = a[j];
        right[(4u * quad + j) * TILE / 4u + group] = b[j];
    }
}

void store(uint m, uint n, vec4 sums)
{
    for (uint j = 0u; j < 4u && m < rows && n + j < weight_rows; j++)
        y[m * columns + first + n + j] = biased != 0u ? sums[j] + bias[first + n + j] : sums[j];
}

void main()
{
    const uint m = gl_WorkGroupID.y * TILE, n = gl_WorkGroupID.x * TILE;
    const uint down = gl_LocalInvocationID.x / 16u, across = gl_LocalInvocationID.x % 16u;
    vec4       sums[8], part[8];

    decode_begin();
    [[unroll]] for (uint i = 0u; i < 8u; i++)
        sums[i] = vec4(0.0);
    for (uint block = 0u; block < (cols + DEPTH - 1u) / DEPTH; block++) {
        load(m, n, block);
        barrier();
        [[unroll]] for (uint i = 0u; i < 8u; i++)
            part[i] = vec4(0.0);
        for (uint k = 0u; k < DEPTH; k++) {
            const vec4 a = left[k * TILE / 4u + 2u * down], b = left[k * TILE / 4u + 2u * down + 1u];
            const vec4 w = right[k * TILE / 4u + across];

            [[unroll]] for (uint i = 0u; i < 4u; i++) {
                part[i] += a[i] * w;
                part[4u + i] += b[i] * w;
            }
        }
        [[unroll]] for (uint i = 0u; i < 8u; i++)
            sums[i] += part[i];
        barrier();
    }
    [[unroll]] for (uint i = 0u; i < 8u; i++)
        store(m + 8u * down + i, n + 4u * across, sums[i]);
}
