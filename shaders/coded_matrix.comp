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
 * M x N x K, AHEAD times K terms a step, straight from memory: what subgroups share is
 * in the caches. n >= SN, and there is room for SM rows of codes: a subgroup at the edge
 * begins earlier and leaves what is not its own. Grid: across x down workgroups, folded (nyx.glsl), in bands, so
 * that those at work together share lines of both operands. Local size: as many whole
 * subgroups of LANES invocations as there are SM x SN in BM x BN. */
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_int8 : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_cooperative_matrix : require
#include "float.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint BM = 128;
layout(constant_id = 2) const uint BN = 128;
layout(constant_id = 3) const uint SM = 64;
layout(constant_id = 4) const uint SN = 64;
layout(constant_id = 5) const uint AHEAD = 1;
layout(constant_id = 6) const uint LANES = 32;
layout(constant_id = 7) const uint M = 16;
layout(constant_id = 8) const uint N = 16;
layout(constant_id = 9) const uint K = 32;
layout(constant_id = 10) const uint HALVES = 1;
layout(constant_id = 11) const uint QUADS = 0; /* n is a multiple of 4 */

layout(set = 0, binding = 0) readonly buffer Weights { uvec4 weights[]; };
layout(set = 0, binding = 0) readonly buffer Weights2 { uvec2 weights2[]; };
layout(set = 0, binding = 1) readonly buffer Scales { uint scales[]; };
layout(set = 0, binding = 2) readonly buffer Codes { uvec4 codes[]; };
layout(set = 0, binding = 2) readonly buffer Codes2 { uvec2 codes2[]; };
layout(set = 0, binding = 3) readonly buffer Steps { uint steps[]; };
layout(set = 0, binding = 4) readonly buffer Bias { float bias[]; };
layout(set = 0, binding = 5) writeonly buffer Y { float y[]; };
layout(set = 0, binding = 5) writeonly buffer Y4 { vec4 y4[]; };
layout(push_constant) uniform Push {
    uint m, n, k, across, down, scale_step, has_bias;
};

const uint BAND = 8; /* rows of tiles */
const uint SUBGROUPS = (BM / SM) * (BN / SN);

shared int stage[SUBGROUPS * M * SN]; /* sums on their way to y */

coopmat<int, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator> sums[SM / M * (SN / N)];

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

void multiply(uint row, uint column)
{
    [[dont_unroll]] for (uint from = 0; from < k; from += AHEAD * K)
        [[unroll]] for (uint step = 0; step < AHEAD; step++) {
            const uint at = from + step * K;
            coopmat<int8_t, gl_ScopeSubgroup, M, K, gl_MatrixUseA> left[SM / M];
            coopmat<int8_t, gl_ScopeSubgroup, K, N, gl_MatrixUseB> right[SN / N];

            [[unroll]] for (uint i = 0; i < SM / M; i++)
                if (K % 16 == 0)
                    coopMatLoad(left[i], codes, ((row + i * M) * k + at) / 16, k / 16, gl_CooperativeMatrixLayoutRowMajor);
                else
                    coopMatLoad(left[i], codes2, ((row + i * M) * k + at) / 8, k / 8, gl_CooperativeMatrixLayoutRowMajor);
            [[unroll]] for (uint j = 0; j < SN / N; j++)
                if (K % 16 == 0)
                    coopMatLoad(right[j], weights, ((column + j * N) * k + at) / 16, k / 16, gl_CooperativeMatrixLayoutColumnMajor);
                else
                    coopMatLoad(right[j], weights2, ((column + j * N) * k + at) / 8, k / 8, gl_CooperativeMatrixLayoutColumnMajor);
            [[unroll]] for (uint j = 0; j < SN / N; j++)
                [[unroll]] for (uint i = 0; i < SM / M; i++)
                    sums[i * (SN / N) + j] = coopMatMulAdd(left[i], right[j], sums[i * (SN / N) + j]);
        }
}

/* M rows of SN sums from `from` on, as they belong to row and column of y; of them
 * those from own_row and own_column on. */
void write(uint row, uint column, uint own_row, uint own_column, uint from)
{
    const uint width = QUADS != 0 ? 4 : 1;

    for (uint i = width * gl_SubgroupInvocationID; i < M * SN; i += width * LANES) {
        const uint r = row + i / SN, c = column + i % SN, to = r * n + c;

        if (r < own_row || r >= m || c < own_column)
            continue;
        if (QUADS != 0)
            y4[to / 4] = vec4(result(stage[from + i], r, c), result(stage[from + i + 1], r, c + 1),
                              result(stage[from + i + 2], r, c + 2), result(stage[from + i + 3], r, c + 3));
        else
            y[to] = result(stage[from + i], r, c);
    }
}

void main()
{
    const uint group = gl_WorkGroupID.y * 65535 + gl_WorkGroupID.x, band = group / (BAND * across); /* GRID_MOST of emit.c */

    if (group >= across * down)
        return;
    const uint high = min(BAND, down - band * BAND), place = group % (BAND * across), own = gl_SubgroupID;
    const uint own_row = (band * BAND + place % high) * BM + own / (BN / SN) * SM;
    const uint own_column = place / high * BN + own % (BN / SN) * SN;
    const uint row = min(own_row, max(m, SM) - SM), column = min(own_column, n - SN), from = own * M * SN;

    [[unroll]] for (uint i = 0; i < SM / M * (SN / N); i++)
        sums[i] = coopmat<int, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator>(0);
    multiply(row, column);
    [[unroll]] for (uint i = 0; i < SM / M; i++) {
        [[unroll]] for (uint j = 0; j < SN / N; j++)
            coopMatStore(sums[i * (SN / N) + j], stage, from + j * N, SN, gl_CooperativeMatrixLayoutRowMajor);
        subgroupBarrier();
        write(row + i * M, column, own_row, own_column, from);
        subgroupBarrier();
    }
}
