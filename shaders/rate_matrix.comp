/* rate_matrix -- products of matrix units in registers, as many as the device can.
 *   in_    ELEMENT [ROWS M + COLUMNS N, K], of fragments that are not one constant
 *          (an H100 multiplies those a quarter slower)
 *   out_   SUM [M * N]: written to where `wanted` is 1, so that none is left out
 * A subgroup of LANES multiplies ROWS fragments of M x K by COLUMNS of K x N, and
 * adds to as many of SUM, CHAIN times a turn. Local size: some subgroups. */
#version 450
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#ifdef BFLOAT
#extension GL_EXT_bfloat16 : require
#endif
#ifdef INTEGERS
#extension GL_EXT_shader_explicit_arithmetic_types_int8 : require
#define SUM int
#define EIGHT uvec2
#else
#define SUM float
#define EIGHT uvec4
#endif
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_cooperative_matrix : require

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint ROWS = 4;
layout(constant_id = 2) const uint COLUMNS = 4;
layout(constant_id = 3) const uint M = 16;
layout(constant_id = 4) const uint N = 16;
layout(constant_id = 5) const uint K = 16;

const uint CHAIN = 8u; /* MATRIX_CHAIN of device/vulkan/gauge.c */

layout(set = 0, binding = 0) readonly buffer I { EIGHT in_[]; };
layout(set = 0, binding = 1) writeonly buffer O { SUM out_[]; };
layout(push_constant) uniform Push { uint turns, spare0, spare1, wanted; };

void main()
{
    coopmat<SUM, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator> sums[ROWS * COLUMNS];
    coopmat<ELEMENT, gl_ScopeSubgroup, M, K, gl_MatrixUseA> left[ROWS];
    coopmat<ELEMENT, gl_ScopeSubgroup, K, N, gl_MatrixUseB> right[COLUMNS];

    [[unroll]] for (uint i = 0u; i < ROWS * COLUMNS; i++)
        sums[i] = coopmat<SUM, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator>(SUM(0));
    [[unroll]] for (uint i = 0u; i < ROWS; i++)
        coopMatLoad(left[i], in_, i * M * K / 8u, K / 8u, gl_CooperativeMatrixLayoutRowMajor);
    [[unroll]] for (uint j = 0u; j < COLUMNS; j++)
        coopMatLoad(right[j], in_, (ROWS * M + j * N) * K / 8u, K / 8u, gl_CooperativeMatrixLayoutColumnMajor);
    for (uint t = 0u; t < turns; t++)
        [[unroll]] for (uint c = 0u; c < CHAIN; c++)
            [[unroll]] for (uint j = 0u; j < COLUMNS; j++)
                [[unroll]] for (uint i = 0u; i < ROWS; i++)
                    sums[i * COLUMNS + j] = coopMatMulAdd(left[i], right[j], sums[i * COLUMNS + j]);
    [[unroll]] for (uint i = 1u; i < ROWS * COLUMNS; i++)
        sums[0] = sums[0] + sums[i];
    if (wanted == 1u)
        coopMatStore(sums[0], out_, 0u, N, gl_CooperativeMatrixLayoutRowMajor);
}
