/* coded_matrix -- many rows coded in 8 bits times weights coded in 8 bits, by the
 * matrix units of subgroups: y[i, j] = scale of row i * scale of column j * sum over
 * k of codes[i, k] weights[j, k], + bias[j]. The sum is one of whole numbers, exact.
 *   weights  i8 [n, k], four a word; k is a multiple of 32, codes behind the last
 *            column of x are 0
 *   scales   f16 (HALVES) or f32 [n], or one of them (scale_step 0)
 *   codes    i8 [m, k], as packed_activation leaves them
 *   steps    u32 [m, k / 32, 2], the first of a row its scale
 *   bias     f32 [n], read only where has_bias
 *   y        f32 [m, n]
 * A workgroup makes BM x BN elements, a subgroup SM x SN of them, in fragments of
 * M x N x K. A step takes BK codes of each line through shared memory, 16 a vector; those
 * of the next step are on their way meanwhile (matmul_matrix.comp). Grid: across x down
 * workgroups, folded (nyx.glsl), in bands, so that those at work together share lines of
 * both operands. Local size: as many whole subgroups of LANES invocations as there are
 * SM x SN in BM x BN, a multiple of BK / 16. */
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_shader_explicit_arithmetic_types_int8 : require
#include "matrix.glsl"
#include "nyx.glsl"
#include "float.glsl"

layout(constant_id = 1) const uint BM = 128;
layout(constant_id = 2) const uint BN = 128;
layout(constant_id = 3) const uint SM = 64;
layout(constant_id = 4) const uint SN = 64;
layout(constant_id = 5) const uint BK = 128;
layout(constant_id = 6) const uint LANES = 32;
layout(constant_id = 7) const uint M = 16;
layout(constant_id = 8) const uint N = 16;
layout(constant_id = 9) const uint K = 32;
layout(constant_id = 10) const uint HALVES = 1;
layout(constant_id = 11) const uint QUADS = 0; /* n is a multiple of 4 */

layout(set = 0, binding = 0) readonly buffer Weights { uvec4 weights[]; };
layout(set = 0, binding = 1) readonly buffer Scales { uint scales[]; };
layout(set = 0, binding = 2) readonly buffer Codes { uvec4 codes[]; };
layout(set = 0, binding = 3) readonly buffer Steps { uint steps[]; };
layout(set = 0, binding = 4) readonly buffer Bias { float bias[]; };
layout(set = 0, binding = 5) writeonly buffer Y { float y[]; };
layout(set = 0, binding = 5) writeonly buffer Y4 { vec4 y4[]; };
layout(push_constant) uniform Push {
    uint m, n, k, across, down, scale_step, has_bias;
};

const uint BAND = 8; /* rows of tiles */
const uint SUBGROUPS = (BM / SM) * (BN / SN), THREADS = SUBGROUPS * LANES;
const uint WIDE = BK / 16, ROW = WIDE + 1; /* vectors of a line, and one of padding */
const uint JUMP = THREADS / WIDE;          /* lines of a turn */
const uint A_TURNS = (BM + JUMP - 1) / JUMP, B_TURNS = (BN + JUMP - 1) / JUMP;
const uint STAGE = SUBGROUPS * M * SN / 4; /* sums on their way to y */
const uint NARROW = K / 8 % 2;             /* 1: fragments begin inside of vectors */

shared uvec4 tile_a[(1 - NARROW) * BM * ROW > STAGE ? BM * ROW : STAGE];
shared uvec4 tile_b[NARROW + (1 - NARROW) * BN * ROW];
shared uvec2 narrow_a[1 - NARROW + 2 * NARROW * BM * ROW];
shared uvec2 narrow_b[1 - NARROW + 2 * NARROW * BN * ROW];

coopmat<int, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator> sums[SM / M * (SN / N)];
uvec4 got_a[A_TURNS], got_b[B_TURNS];
uint line = gl_LocalInvocationID.x / WIDE, at = gl_LocalInvocationID.x % WIDE;

float scale_of(uint column)
{
    const uint at = column * scale_step;

    return HALVES != 0 ? f16_float(scales[at / 2] >> 16 * (at % 2) & 0xffffu) : uintBitsToFloat(scales[at]);
}

float row_scale(uint row)
{
    return uintBitsToFloat(steps[row * (k / 16)]);
}

float result(int sum, uint row, uint column)
{
    precise float r = float(sum) * row_scale(row) * scale_of(column);

    if (has_bias != 0)
        r += bias[column];
    return r;
}

/* Lines beyond the last are the last, codes beyond the end of a line are nothing. */
void take(uint row, uint column, uint from)
{
    const uint vectors = k / 16, v = from / 16 + at;
    const bool there = v < vectors;

    [[unroll]] for (uint t = 0; t < A_TURNS; t++)
        got_a[t] = there ? codes[min(row + line + t * JUMP, m - 1) * vectors + v] : uvec4(0);
    [[unroll]] for (uint t = 0; t < B_TURNS; t++)
        got_b[t] = there ? weights[min(column + line + t * JUMP, n - 1) * vectors + v] : uvec4(0);
}

void keep()
{
    [[unroll]] for (uint t = 0; t < A_TURNS; t++) {
        const uint l = line + t * JUMP, to = l * ROW + at;

        if (BM % JUMP == 0 || l < BM) {
            if (NARROW != 0) {
                narrow_a[2 * to] = got_a[t].xy;
                narrow_a[2 * to + 1] = got_a[t].zw;
            } else {
                tile_a[to] = got_a[t];
            }
        }
    }
    [[unroll]] for (uint t = 0; t < B_TURNS; t++) {
        const uint l = line + t * JUMP, to = l * ROW + at;

        if (BN % JUMP == 0 || l < BN) {
            if (NARROW != 0) {
                narrow_b[2 * to] = got_b[t].xy;
                narrow_b[2 * to + 1] = got_b[t].zw;
            } else {
                tile_b[to] = got_b[t];
            }
        }
    }
}

void multiply(uint row, uint column)
{
    [[unroll]] for (uint r = 0; r < BK; r += K) {
        coopmat<int8_t, gl_ScopeSubgroup, M, K, gl_MatrixUseA> left[SM / M];
        coopmat<int8_t, gl_ScopeSubgroup, K, N, gl_MatrixUseB> right[SN / N];

        [[unroll]] for (uint i = 0; i < SM / M; i++)
            if (NARROW != 0)
                coopMatLoad(left[i], narrow_a, 2 * (row + i * M) * ROW + r / 8, 2 * ROW,
                            gl_CooperativeMatrixLayoutRowMajor);
            else
                coopMatLoad(left[i], tile_a, (row + i * M) * ROW + r / 16, ROW, gl_CooperativeMatrixLayoutRowMajor);
        [[unroll]] for (uint j = 0; j < SN / N; j++)
            if (NARROW != 0)
                coopMatLoad(right[j], narrow_b, 2 * (column + j * N) * ROW + r / 8, 2 * ROW,
                            gl_CooperativeMatrixLayoutColumnMajor);
            else
                coopMatLoad(right[j], tile_b, (column + j * N) * ROW + r / 16, ROW,
                            gl_CooperativeMatrixLayoutColumnMajor);
        [[unroll]] for (uint j = 0; j < SN / N; j++)
            [[unroll]] for (uint i = 0; i < SM / M; i++)
                sums[i * (SN / N) + j] = coopMatMulAdd(left[i], right[j], sums[i * (SN / N) + j]);
    }
}

/* M rows of SN sums, from vector `from` on, to row and column of y. */
void write(uint row, uint column, uint from)
{
    for (uint i = gl_SubgroupInvocationID; i < M * SN / 4; i += LANES) {
        const uint  r = row + 4 * i / SN, c = column + 4 * i % SN, to = r * n + c;
        const ivec4 sum = ivec4(tile_a[from + i]);

        if (r >= m)
            continue;
        if (QUADS != 0 && c < n)
            y4[to / 4] = vec4(result(sum.x, r, c), result(sum.y, r, c + 1), result(sum.z, r, c + 2),
                              result(sum.w, r, c + 3));
        for (uint j = 0; QUADS == 0 && j < 4 && c + j < n; j++)
            y[to + j] = result(sum[j], r, c + j);
    }
}

void main()
{
    const uint group = group_index(), band = group / (BAND * across);

    if (group >= across * down)
        return;
    const uint high = min(BAND, down - band * BAND), place = group % (BAND * across), own = gl_SubgroupID;
    const uint tile_row = (band * BAND + place % high) * BM, tile_column = place / high * BN;
    const uint row = own / (BN / SN) * SM, column = own % (BN / SN) * SN, stage = own * M * SN / 4;

    [[unroll]] for (uint i = 0; i < SM / M * (SN / N); i++)
        sums[i] = coopmat<int, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator>(0);
    take(tile_row, tile_column, 0);
    keep();
    barrier();
    [[dont_unroll]] for (uint from = BK; from < k; from += BK) {
        take(tile_row, tile_column, from);
        multiply(row, column);
        barrier();
        keep();
        barrier();
    }
    multiply(row, column);
    barrier(); /* tile_a is written again, by each subgroup a part of its own */
    [[unroll]] for (uint i = 0; i < SM / M; i++) {
        [[unroll]] for (uint j = 0; j < SN / N; j++)
            coopMatStore(sums[i * (SN / N) + j], tile_a, stage + j * N / 4, SN / 4, gl_CooperativeMatrixLayoutRowMajor);
        subgroupBarrier();
        write(tile_row + row + i * M, tile_column + column, stage);
        subgroupBarrier();
    }
}
