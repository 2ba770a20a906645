/* integer_tiles -- many rows of bytes times coded weights: y[m][n] = sum x[m][k] w[n][k] (+ bias[n]).
 *   planes    rows [first, first + weight_rows) of the weights, whole numbers but for scales
 *   x, steps  rows of packed_activation.comp;  bias  f32 [columns], where `biased`
 *   y         f32 [rows, columns]
 * A workgroup makes a tile of DOWN rows and 64 columns: blocks of 32 columns of x and
 * of the weights pass through shared memory as bytes, while the next ones are on their
 * way; each invocation sums 4 columns of its share of rows. Grid: tiles of columns, of rows. */
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "bytes.glsl"
#include "nyx.glsl"
#define CODED_MORE uint columns, first, rows, biased;
#include "decode.glsl"
#include "integers.glsl"

layout(constant_id = 8) const uint DOWN = 64; /* at most as many as invocations, 128 or 256 */

const uint LANES = gl_WorkGroupSize.x, ACROSS = 64, MINE = 16 * DOWN / LANES; /* rows of an invocation */
const uint SPANS = GROUP_SHIFT == 4 ? 2 : 1; /* groups of a block */
const uint X_TURNS = (2 * DOWN + LANES - 1) / LANES, TURNS = 4 * ACROSS / LANES; /* x and weights are fetched in */
const uint LEFT = DOWN + 4, RIGHT = ACROSS + 4; /* neighbours go to other banks */

shared uvec4 left[2 * LEFT]; /* [half of the block][row] */
shared uvec4 right[2 * RIGHT]; /* [half of the block][column] */
shared uvec2 left_steps[DOWN];
shared uvec2 right_steps[SPANS * ACROSS]; /* scale, and the low one or the offset */

/* What an invocation fetches of a block: halves of rows of x, of columns quads i and
 * i + 4, a step of either side. */
struct Piece {
    uvec4 x[X_TURNS];
    uvec2 words[TURNS];
    uint  tops[TURNS];
    uvec2 x_step, step;
};

void fetch_weights(inout Piece p, uint n, uint block)
{
    [[unroll]] for (uint t = 0u; t < TURNS; t++) {
        const uint place = gl_LocalInvocationID.x + t * LANES, i = place % 4u;
        const uint row = min(n + place / 4u, weight_rows - 1u), at = (codes_at + row * row_bytes) / 4u + BITS * block;

        p.tops[t] = 0u;
        if (BITS == 8u)
            p.words[t] = uvec2(codes[at + i], codes[at + i + 4u]);
        else if (BITS == 4u)
            p.words[t] = uvec2(codes[at + i]);
        else
            p.words[t] = uvec2(codes[(codes_at + row * row_bytes) / 4u + 2u * block + (i & 1u)]);
        if (BITS == 3u)
            p.tops[t] = top_word(row, 8u * block);
    }
}

void fetch(out Piece p, uint m, uint n, uint block, uint blocks)
{
    const uint lane = gl_LocalInvocationID.x, half_ = lane / ACROSS;

    [[unroll]] for (uint t = 0u; t < X_TURNS; t++) {
        const uint place = lane + t * LANES;

        p.x[t] = x4[(min(m + place / 2u, rows - 1u) * blocks + block) * 2u + place % 2u];
    }
    fetch_weights(p, n, block);
    if (lane < DOWN)
        p.x_step = steps[min(m + lane, rows - 1u) * blocks + block];
    if (half_ < SPANS) {
        const uint row = min(n + lane % ACROSS, weight_rows - 1u), group = group_of_half(2u * block + half_);

        p.step.x = floatBitsToUint(coded_scale(row, group));
        p.step.y = ZERO == ZERO_F16 ? floatBitsToUint(coded_low(row, group)) : uint(byte_offset(row, group));
    }
}

void put(const Piece p)
{
    const uint lane = gl_LocalInvocationID.x;

    [[unroll]] for (uint t = 0u; t < X_TURNS; t++) {
        const uint place = lane + t * LANES;

        if (place < 2u * DOWN)
            left[place % 2u * LEFT + place / 2u] = p.x[t];
    }
    [[unroll]] for (uint t = 0u; t < TURNS; t++) {
        const uint place = lane + t * LANES, i = place % 4u;

        right[place / 4u][i] = bytes_of(p.words[t].x, p.tops[t], i);
        right[RIGHT + place / 4u][i] = bytes_of(p.words[t].y, p.tops[t], i + 4u);
    }
    if (lane < DOWN)
        left_steps[lane] = p.x_step;
    if (lane < SPANS * ACROSS)
        right_steps[lane] = p.step;
}

/* Sum of x's codes of a row over a span of the block. */
int codes_sum(uint row, uint span)
{
    const ivec2 sums = sums_of_codes(left_steps[row].y);

    return SPANS == 1u ? sums.y : span == 0u ? sums.x : sums.y - sums.x;
}

/* The block that stands in shared memory, or a half of it. */
void add_span(inout vec4 sums[MINE], uint down, uint across, uint span)
{
    ivec4 whole[MINE], offset;
    vec4  scale, low;

    [[unroll]] for (uint j = 0u; j < 4u; j++) {
        const uvec2 own = right_steps[span * ACROSS + across + 16u * j];

        scale[j] = uintBitsToFloat(own.x);
        low[j] = uintBitsToFloat(own.y);
        offset[j] = ZERO == ZERO_INT ? int(own.y) : byte_offset(0u, 0u);
    }
    [[unroll]] for (uint i = 0u; i < MINE; i++)
        whole[i] = MAGIC - offset * codes_sum(MINE * down + i, span);
    for (uint h = span; h < span + 2u / SPANS; h++) {
        uvec4 w[4];

        [[unroll]] for (uint j = 0u; j < 4u; j++)
            w[j] = right[h * RIGHT + across + 16u * j];
        [[unroll]] for (uint i = 0u; i < MINE; i++) {
            const uvec4 v = left[h * LEFT + MINE * down + i];

            [[unroll]] for (uint k = 0u; k < 4u; k++)
                whole[i] += ivec4(dot_of_bytes(w[0][k], v[k]), dot_of_bytes(w[1][k], v[k]),
                                  dot_of_bytes(w[2][k], v[k]), dot_of_bytes(w[3][k], v[k]));
        }
    }
    [[unroll]] for (uint i = 0u; i < MINE; i++) {
        vec4 value = scale * sums_from_magic(whole[i]);

        if (ZERO == ZERO_F16)
            value += low * float(codes_sum(MINE * down + i, span));
        sums[i] += uintBitsToFloat(left_steps[MINE * down + i].x) * value;
    }
}

void store(uint m, uint n, float sum)
{
    if (m < rows && n < weight_rows)
        y[m * columns + first + n] = biased != 0u ? POINT * sum + bias[first + n] : POINT * sum;
}

void main()
{
    const uint m = gl_WorkGroupID.y * DOWN, n = gl_WorkGroupID.x * ACROSS, blocks = (cols + 31u) / 32u;
    const uint down = gl_LocalInvocationID.x / 16u, across = gl_LocalInvocationID.x % 16u;
    vec4       sums[MINE];
    Piece      next;

    [[unroll]] for (uint i = 0u; i < MINE; i++)
        sums[i] = vec4(0.0);
    fetch(next, m, n, 0u, blocks);
    for (uint block = 0u; block < blocks; block++) {
        put(next);
        barrier();
        if (block + 1u < blocks)
            fetch(next, m, n, block + 1u, blocks);
        [[unroll]] for (uint span = 0u; span < SPANS; span++)
            add_span(sums, down, across, span);
        barrier();
    }
    [[unroll]] for (uint i = 0u; i < MINE; i++)
        [[unroll]] for (uint j = 0u; j < 4u; j++)
            store(m + MINE * down + i, n + across + 16u * j, sums[i][j]);
}
