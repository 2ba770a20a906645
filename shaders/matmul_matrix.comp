/* matmul_matrix -- one tile of a product by the matrix units of a subgroup:
 * y[i, j] = sum over k of a(i, k) b(k, j), + bias[j].
 *   a, b   ELEMENT (f16 or bf16), lines as in matmul.comp, of multiples of 8
 *   bias   f32 [n], read only where has_bias
 *   y      f32, rows of y_line elements; added to where `add` is set
 * A workgroup makes BM x BN elements, a subgroup SM x SN of them, in fragments of
 * M x N x K. A step takes BK terms through shared memory, eight elements a
 * vector, lines as they are. Grid, parts, push words: matmul.comp. Local size:
 * as many whole subgroups of LANES invocations as there are SM x SN in BM x BN.
 * The units sum in an order and a rounding of their own, the same at every run. */
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#ifdef BFLOAT
#extension GL_EXT_bfloat16 : require
#endif
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_cooperative_matrix : require

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint BM = 128;
layout(constant_id = 2) const uint BN = 128;
layout(constant_id = 3) const uint BK = 32;
layout(constant_id = 4) const uint SM = 64;
layout(constant_id = 5) const uint SN = 32;
layout(constant_id = 6) const uint BUFFERS = 2;
layout(constant_id = 7) const uint LANES = 32;
layout(constant_id = 8) const uint M = 16;
layout(constant_id = 9) const uint N = 16;
layout(constant_id = 10) const uint K = 16;
layout(constant_id = 11) const uint A_TERMS = 1;
layout(constant_id = 12) const uint B_TERMS = 1;
layout(constant_id = 13) const uint WHOLE = 0;

layout(set = 0, binding = 0) readonly buffer A { uvec4 a[]; };
layout(set = 0, binding = 1) readonly buffer B { uvec4 b[]; };
layout(set = 0, binding = 2) readonly buffer Bias { float bias[]; };
layout(set = 0, binding = 3) buffer Y { float y[]; };
layout(push_constant) uniform Push {
    uint m, n, k, part, a_line, b_line, y_line, a_at, b_at, y_at, y_part, has_bias, add;
};

const uint SUBGROUPS = (BM / SM) * (BN / SN), THREADS = SUBGROUPS * LANES;
const uint A_LINES = A_TERMS != 0 ? BM : BK, B_LINES = B_TERMS != 0 ? BN : BK;
const uint A_WIDE = (A_TERMS != 0 ? BK : BM) / 8, B_WIDE = (B_TERMS != 0 ? BK : BN) / 8; /* vectors of a line */
const uint A_ROW = A_WIDE + 1, B_ROW = B_WIDE + 1;                                       /* one of padding */
const uint A_VECTORS = A_LINES * A_WIDE, B_VECTORS = B_LINES * B_WIDE;
const uint TURNS = (A_VECTORS + B_VECTORS + THREADS - 1) / THREADS;
const uint STEP = A_LINES * A_ROW + B_LINES * B_ROW;
const uint STAGE = SUBGROUPS * M * N / 4; /* results on their way to y */

shared uvec4 tile[BUFFERS * STEP > STAGE ? BUFFERS * STEP : STAGE];

/* Eight elements of a line, zeros beyond. */
uvec4 taken(uint vector, uint first, uint last)
{
    bool of_a = vector < A_VECTORS;
    uint v = of_a ? vector : vector - A_VECTORS, wide = of_a ? A_WIDE : B_WIDE;
    bool terms = (of_a ? A_TERMS : B_TERMS) != 0;
    uint corner = of_a ? gl_WorkGroupID.y * BM : gl_WorkGroupID.x * BN, size = of_a ? m : n;
    uint line = v / wide + (terms ? corner : first), at = v % wide * 8 + (terms ? first : corner);

    if (WHOLE == 0 && (line >= (terms ? size : last) || at >= (terms ? last : size)))
        return uvec4(0);
    return of_a ? a[(a_at + line * a_line + at) / 8] : b[(b_at + line * b_line + at) / 8];
}

void keep(uint vector, uint base, uvec4 got)
{
    if (vector < A_VECTORS)
        tile[base + vector / A_WIDE * A_ROW + vector % A_WIDE] = got;
    else
        tile[base + A_LINES * A_ROW + (vector - A_VECTORS) / B_WIDE * B_ROW + (vector - A_VECTORS) % B_WIDE] = got;
}

void write_fragment(uint row, uint column, uint stage)
{
    for (uint i = gl_SubgroupInvocationID; i < M * N; i += LANES) {
        uint r = row + i / N, c = column + i % N;
        uint to = y_at + gl_WorkGroupID.z * y_part + r * y_line + c;

        if (r < m && c < n) {
            float sum = uintBitsToFloat(tile[stage + i / 4][i % 4]);
            if (has_bias != 0)
                sum += bias[c];
            y[to] = add != 0 ? y[to] + sum : sum;
        }
    }
}

void main()
{
    uint  id = gl_LocalInvocationID.x, own = gl_SubgroupID;
    uint  row = own / (BN / SN) * SM, column = own % (BN / SN) * SN;
    uint  first = gl_WorkGroupID.z * part, last = min(first + part, k);
    uint  steps = (last - first + BK - 1) / BK;
    uvec4 got[TURNS];
    coopmat<float, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator> sums[SM / M * (SN / N)];

    [[unroll]] for (uint i = 0; i < SM / M * (SN / N); i++)
        sums[i] = coopmat<float, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator>(0.0);
    for (uint s = 0; s <= steps; s++) {
        [[unroll]] for (uint t = 0; t < TURNS; t++)
            if (s < steps && t * THREADS + id < A_VECTORS + B_VECTORS)
                got[t] = taken(t * THREADS + id, first + s * BK, last);
        if (s > 0) {
            uint at_a = (s - 1) % BUFFERS * STEP, at_b = at_a + A_LINES * A_ROW;

            [[unroll]] for (uint r = 0; r < BK; r += K) {
                coopmat<ELEMENT, gl_ScopeSubgroup, M, K, gl_MatrixUseA> left[SM / M];
                coopmat<ELEMENT, gl_ScopeSubgroup, K, N, gl_MatrixUseB> right;

                [[unroll]] for (uint i = 0; i < SM / M; i++)
                    if (A_TERMS != 0)
                        coopMatLoad(left[i], tile, at_a + (row + i * M) * A_ROW + r / 8, A_ROW,
                                    gl_CooperativeMatrixLayoutRowMajor);
                    else
                        coopMatLoad(left[i], tile, at_a + r * A_ROW + (row + i * M) / 8, A_ROW,
                                    gl_CooperativeMatrixLayoutColumnMajor);
                [[unroll]] for (uint j = 0; j < SN / N; j++) {
                    if (B_TERMS != 0)
                        coopMatLoad(right, tile, at_b + (column + j * N) * B_ROW + r / 8, B_ROW,
                                    gl_CooperativeMatrixLayoutColumnMajor);
                    else
                        coopMatLoad(right, tile, at_b + r * B_ROW + (column + j * N) / 8, B_ROW,
                                    gl_CooperativeMatrixLayoutRowMajor);
                    [[unroll]] for (uint i = 0; i < SM / M; i++)
                        sums[i * (SN / N) + j] = coopMatMulAdd(left[i], right, sums[i * (SN / N) + j]);
                }
            }
        }
        if (BUFFERS == 1)
            barrier();
        [[unroll]] for (uint t = 0; t < TURNS; t++)
            if (s < steps && t * THREADS + id < A_VECTORS + B_VECTORS)
                keep(t * THREADS + id, s % BUFFERS * STEP, got[t]);
        barrier();
    }
    [[unroll]] for (uint i = 0; i < SM / M * (SN / N); i++) {
        uint stage = own * M * N / 4;

        coopMatStore(sums[i], tile, stage, N / 4, gl_CooperativeMatrixLayoutRowMajor);
        barrier();
        write_fragment(gl_WorkGroupID.y * BM + row + i / (SN / N) * M,
                       gl_WorkGroupID.x * BN + column + i % (SN / N) * N, stage);
        barrier();
    }
}
