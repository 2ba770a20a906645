/* matmul -- one tile of a product: y[i, j] = sum over k of a(i, k) b(k, j), + bias[j].
 *   a, b   f32, f16 or bf16 (TYPE); lines of a_line elements, one for each i
 *          (A_TERMS 1: terms lie side by side) or for each k (0); b likewise
 *   bias   f32 [n], read only where has_bias
 *   y      f32, rows of y_line elements; added to where `add` is set; or, with Y_FOUR,
 *          of 16 bits (halves.glsl)
 * A workgroup makes BM x BN elements, an invocation TM x TN of them. A step takes
 * BK terms through shared memory, a k a row. Blocks of 4 terms x 4 elements go
 * there, turned where terms lie side by side; term 4q + c lies in row
 * c BK/4 + q, which with two vectors of padding keeps invocations that store side
 * by side off each other's banks. Terms are summed in that order, step by step.
 * Grid: column tiles, row tiles, parts of `part` terms each (a multiple of BK);
 * part p writes m n elements from y_at + p y_part on. Local size (BM/TM) (BN/TN),
 * a multiple of 32: patches of LANES x 32/LANES invocations lie side by side.
 * 4 divides TM, TN, BK; with FOUR, lines and their starts. WHOLE: no tile is cut. */
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "nyx.glsl"

layout(constant_id = 1) const uint BM = 64;
layout(constant_id = 2) const uint BN = 64;
layout(constant_id = 3) const uint BK = 16;
layout(constant_id = 4) const uint TM = 8;
layout(constant_id = 5) const uint TN = 4;
layout(constant_id = 6) const uint BUFFERS = 2; /* 2: the next step is stored while one is summed */
layout(constant_id = 7) const uint LANES = 8;
layout(constant_id = 8) const uint TYPE = 0;
layout(constant_id = 9) const uint A_TERMS = 1;
layout(constant_id = 10) const uint B_TERMS = 1;
layout(constant_id = 11) const uint A_FOUR = 0;
layout(constant_id = 12) const uint B_FOUR = 0;
layout(constant_id = 13) const uint Y_FOUR = 0;
layout(constant_id = 14) const uint WHOLE = 0;
layout(constant_id = 15) const uint HALVES = 0;

layout(set = 0, binding = 0) readonly buffer A { uint a[]; };
layout(set = 0, binding = 0) readonly buffer A2 { uvec2 a2[]; };
layout(set = 0, binding = 0) readonly buffer A4 { uvec4 a4[]; };
layout(set = 0, binding = 1) readonly buffer B { uint b[]; };
layout(set = 0, binding = 1) readonly buffer B2 { uvec2 b2[]; };
layout(set = 0, binding = 1) readonly buffer B4 { uvec4 b4[]; };
layout(set = 0, binding = 2) readonly buffer Bias { float bias[]; };
layout(set = 0, binding = 3) buffer Y { float y[]; };
layout(set = 0, binding = 3) buffer Y4 { vec4 y4[]; };
layout(set = 0, binding = 3) writeonly buffer Y2 { uvec2 y2[]; };
layout(push_constant) uniform Push {
    uint m, n, k, part, a_line, b_line, y_line, a_at, b_at, y_at, y_part, has_bias, add;
};
#include "operand.glsl"
#include "halves.glsl"
READERS(a, a, a2, a4)
READERS(b, b, b2, b4)

const uint THREADS = (BM / TM) * (BN / TN);
const uint A_ROW = BM / 4 + 2, B_ROW = BN / 4 + 2; /* vectors of a term in shared memory */
const uint A_BLOCKS = BM * BK / 16, B_BLOCKS = BN * BK / 16;
const uint TURNS = (A_BLOCKS + B_BLOCKS + THREADS - 1) / THREADS; /* blocks an invocation brings */
const uint STEP = BK * (A_ROW + B_ROW);

shared vec4 tile[BUFFERS * STEP];

/* Four elements of a line of a matrix; zeros beyond its lines and ends. */
#define TAKERS(name, four, start, step)                                                     \
    vec4 name##_take(uint line, uint at, uint lines, uint ends)                             \
    {                                                                                       \
        uint from = start + line * step + at;                                               \
        vec4 taken = vec4(0.0);                                                             \
        if (WHOLE == 0u && (line >= lines || at >= ends))                                   \
            return taken;                                                                   \
        if (four != 0u)                                                                     \
            return name##_four(from);                                                       \
        [[unroll]] for (uint c = 0; c < 4; c++)                                             \
            if (WHOLE != 0u || at + c < ends)                                               \
                taken[c] = name##_one(from + c);                                            \
        return taken;                                                                       \
    }
TAKERS(a, A_FOUR, a_at, a_line)
TAKERS(b, B_FOUR, b_at, b_line)

/* Where a block lies in a tile of `size` lines: its terms, its elements / 4. */
uvec2 block_at(uint block, uint terms, uint size)
{
    return terms != 0u ? uvec2(block % (BK / 4), block / (BK / 4)) : uvec2(block / (size / 4), block % (size / 4));
}

void fetch(uint block, uint first, uint last, out vec4 got[4])
{
    uint corner_a = gl_WorkGroupID.y * BM, corner_b = gl_WorkGroupID.x * BN;

    if (block < A_BLOCKS) {
        uvec2 at = block_at(block, A_TERMS, BM) * 4 + uvec2(first, corner_a);
        [[unroll]] for (uint c = 0; c < 4; c++)
            got[c] = A_TERMS != 0u ? a_take(at.y + c, at.x, m, last) : a_take(at.x + c, at.y, last, m);
    } else {
        uvec2 at = block_at(block - A_BLOCKS, B_TERMS, BN) * 4 + uvec2(first, corner_b);
        [[unroll]] for (uint c = 0; c < 4; c++)
            got[c] = B_TERMS != 0u ? b_take(at.y + c, at.x, n, last) : b_take(at.x + c, at.y, last, n);
    }
}

void keep(uint block, uint base, vec4 got[4])
{
    bool  of_a = block < A_BLOCKS;
    uvec2 at = of_a ? block_at(block, A_TERMS, BM) : block_at(block - A_BLOCKS, B_TERMS, BN);
    uint  row = of_a ? A_ROW : B_ROW;
    uint  to = base + (of_a ? 0 : BK * A_ROW) + at.x * row + at.y;
    bool  turn = (of_a ? A_TERMS : B_TERMS) != 0u;

    [[unroll]] for (uint c = 0; c < 4; c++)
        tile[to + c * (BK / 4) * row] = turn ? vec4(got[0][c], got[1][c], got[2][c], got[3][c]) : got[c];
}

void write_row(uint row, uint column, vec4 sums, uint base)
{
    uint to = base + row * y_line + column;

    if (row >= m || column >= n)
        return;
    if (Y_FOUR != 0u) {
        if (has_bias != 0u)
            sums += vec4(bias[column], bias[column + 1], bias[column + 2], bias[column + 3]);
        if (HALVES != 0u) {
            const uvec4 word = floatBitsToUint(sums);

            y2[to >> 2] = uvec2(halved(word.x, word.y), halved(word.z, word.w));
            return;
        }
        y4[to >> 2] = add != 0u ? y4[to >> 2] + sums : sums;
        return;
    }
    [[unroll]] for (uint c = 0; c < 4; c++)
        if (column + c < n) {
            float sum = has_bias != 0u ? sums[c] + bias[column + c] : sums[c];
            y[to + c] = add != 0u ? y[to + c] + sum : sum;
        }
}

void main()
{
    uint id = gl_LocalInvocationID.x, patches = BN / TN / LANES;
    uint tx = id / 32 % patches * LANES + id % LANES;
    uint ty = id / 32 / patches * (32 / LANES) + id % 32 / LANES;
    uint first = gl_WorkGroupID.z * part, last = min(first + part, k);
    uint steps = (last - first + BK - 1) / BK;
    vec4 got[TURNS][4];
    vec4 sums[TM * TN / 4], left[TM / 4], right[TN / 4];

    [[unroll]] for (uint i = 0; i < TM * TN / 4; i++)
        sums[i] = vec4(0.0);
    for (uint s = 0; s <= steps; s++) {
        uint base = s % BUFFERS * STEP;

        /* Bring step s on its way while step s - 1 is summed. */
        [[unroll]] for (uint t = 0; t < TURNS; t++)
            if (s < steps && t * THREADS + id < A_BLOCKS + B_BLOCKS)
                fetch(t * THREADS + id, first + s * BK, last, got[t]);
        if (s > 0) {
            uint at = (s - 1) % BUFFERS * STEP;

            [[unroll]] for (uint r = 0; r < BK; r++) {
                [[unroll]] for (uint i = 0; i < TM / 4; i++)
                    left[i] = tile[at + r * A_ROW + i * (BM / TM) + ty];
                [[unroll]] for (uint j = 0; j < TN / 4; j++)
                    right[j] = tile[at + BK * A_ROW + r * B_ROW + j * (BN / TN) + tx];
                [[unroll]] for (uint i = 0; i < TM; i++)
                    [[unroll]] for (uint j = 0; j < TN / 4; j++)
                        sums[i * (TN / 4) + j] = fma(vec4(left[i / 4][i % 4]), right[j], sums[i * (TN / 4) + j]);
            }
        }
        if (BUFFERS == 1)
            barrier();
        [[unroll]] for (uint t = 0; t < TURNS; t++)
            if (s < steps && t * THREADS + id < A_BLOCKS + B_BLOCKS)
                keep(t * THREADS + id, base, got[t]);
        barrier();
    }
    uint base = y_at + gl_WorkGroupID.z * y_part;
    [[unroll]] for (uint i = 0; i < TM; i++)
        [[unroll]] for (uint j = 0; j < TN / 4; j++)
            write_row(gl_WorkGroupID.y * BM + 4 * (i / 4 * (BM / TM) + ty) + i % 4,
                      gl_WorkGroupID.x * BN + 4 * (j * (BN / TN) + tx), sums[i * (TN / 4) + j], base);
}
