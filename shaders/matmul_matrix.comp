/* matmul_matrix -- one tile of a product by the matrix units of a subgroup:
 * y[i, j] = sum over k of a(i, k) b(k, j), + bias[j].
 *   a, b   ELEMENT (f16 or bf16), lines as in matmul.comp, of multiples of 8
 *   bias   f32 [n], read only where has_bias
 *   y      f32, rows of y_line elements; added to where `add` is set; or ELEMENT
 *          (HALF), rows of multiples of 8, nothing added to
 * A workgroup makes BM x BN elements, a subgroup SM x SN of them, in fragments of
 * M x N x K. A step takes BK terms through shared memory, eight elements a
 * vector, lines as they are; those of the next step are on their way meanwhile.
 * Grid, parts, push words: matmul.comp. Local size: as many whole subgroups of
 * LANES invocations as there are SM x SN in BM x BN; a line of an operand has at
 * most as many vectors as there are invocations. Workgroups go through bands of
 * tiles, so that those at work together share lines of both operands.
 * The units sum in an order and a rounding of their own, the same at every run. */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "matrix.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint BM = 128;
layout(constant_id = 2) const uint BN = 128;
layout(constant_id = 3) const uint BK = 64;
layout(constant_id = 4) const uint SM = 64;
layout(constant_id = 5) const uint SN = 32;
layout(constant_id = 6) const uint LANES = 32;
layout(constant_id = 7) const uint M = 16;
layout(constant_id = 8) const uint N = 16;
layout(constant_id = 9) const uint K = 16;
layout(constant_id = 10) const uint A_TERMS = 1;
layout(constant_id = 11) const uint B_TERMS = 1;
layout(constant_id = 12) const uint WHOLE = 0;  /* no tile is cut */
layout(constant_id = 13) const uint QUADS = 0;  /* rows of y, where they start and what is made of them: multiples of 4 */
layout(constant_id = 14) const uint HALF = 0;

layout(set = 0, binding = 0) readonly buffer A { uvec4 a[]; };
layout(set = 0, binding = 1) readonly buffer B { uvec4 b[]; };
layout(set = 0, binding = 2) readonly buffer Bias { float bias[]; };
layout(set = 0, binding = 3) buffer Y { float y[]; };
layout(set = 0, binding = 3) buffer Y4 { vec4 y4[]; };
layout(set = 0, binding = 3) writeonly buffer Y8 { uvec4 y8[]; };
layout(push_constant) uniform Push {
    uint m, n, k, part, a_line, b_line, y_line, a_at, b_at, y_at, y_part, has_bias, add;
};

const uint BAND = 8; /* rows of tiles */
const uint SUBGROUPS = (BM / SM) * (BN / SN), THREADS = SUBGROUPS * LANES;
const uint A_LINES = A_TERMS != 0 ? BM : BK, B_LINES = B_TERMS != 0 ? BN : BK;
const uint A_WIDE = (A_TERMS != 0 ? BK : BM) / 8, B_WIDE = (B_TERMS != 0 ? BK : BN) / 8; /* vectors of a line */
const uint A_ROW = A_WIDE + 1, B_ROW = B_WIDE + 1;                                       /* one of padding */
const uint A_JUMP = THREADS / A_WIDE, B_JUMP = THREADS / B_WIDE;                         /* lines of a turn */
const uint A_TURNS = (A_LINES + A_JUMP - 1) / A_JUMP, B_TURNS = (B_LINES + B_JUMP - 1) / B_JUMP;
const uint STAGE = SUBGROUPS * M * SN / 4; /* results on their way to y */

shared uvec4 tile_a[A_LINES * A_ROW > STAGE ? A_LINES * A_ROW : STAGE];
shared uvec4 tile_b[B_LINES * B_ROW];

coopmat<float, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator> sums[SM / M * (SN / N)];
uvec4 got_a[A_TURNS], got_b[B_TURNS];

/* Where an invocation's first turn of the step is: line, element of it, vector of the operand. */
struct place { uint line, at, from; };

/* Is the vector `at` of a line one of the operand's? */
bool has(bool terms, uint line, uint at, uint size, uint last)
{
    return WHOLE != 0 || (line < (terms ? size : last) && at < (terms ? last : size));
}

/* Is there work in this turn? */
bool is_turn(uint lines, uint jump, uint line)
{
    return lines % jump == 0 || line < lines;
}

void take(place p, place q, uint last)
{
    const uint id = gl_LocalInvocationID.x;

    [[unroll]] for (uint t = 0; t < A_TURNS; t++)
        got_a[t] = is_turn(A_LINES, A_JUMP, id / A_WIDE + t * A_JUMP) && has(A_TERMS != 0, p.line + t * A_JUMP, p.at, m, last)
                   ? a[p.from + t * A_JUMP * (a_line / 8)] : uvec4(0);
    [[unroll]] for (uint t = 0; t < B_TURNS; t++)
        got_b[t] = is_turn(B_LINES, B_JUMP, id / B_WIDE + t * B_JUMP) && has(B_TERMS != 0, q.line + t * B_JUMP, q.at, n, last)
                   ? b[q.from + t * B_JUMP * (b_line / 8)] : uvec4(0);
}

void keep()
{
    const uint id = gl_LocalInvocationID.x;

    [[unroll]] for (uint t = 0; t < A_TURNS; t++)
        if (is_turn(A_LINES, A_JUMP, id / A_WIDE + t * A_JUMP))
            tile_a[(id / A_WIDE + t * A_JUMP) * A_ROW + id % A_WIDE] = got_a[t];
    [[unroll]] for (uint t = 0; t < B_TURNS; t++)
        if (is_turn(B_LINES, B_JUMP, id / B_WIDE + t * B_JUMP))
            tile_b[(id / B_WIDE + t * B_JUMP) * B_ROW + id % B_WIDE] = got_b[t];
}

#include "float.glsl"
#include "units.glsl"
#include "fragment.glsl"

void multiply(uint row, uint column)
{
    [[unroll]] for (uint r = 0; r < BK; r += K) {
        coopmat<ELEMENT, gl_ScopeSubgroup, M, K, gl_MatrixUseA> left[SM / M];
        coopmat<ELEMENT, gl_ScopeSubgroup, K, N, gl_MatrixUseB> right[SN / N];

        [[unroll]] for (uint i = 0; i < SM / M; i++)
            if (A_TERMS != 0)
                coopMatLoad(left[i], tile_a, (row + i * M) * A_ROW + r / 8, A_ROW, gl_CooperativeMatrixLayoutRowMajor);
            else
                coopMatLoad(left[i], tile_a, r * A_ROW + (row + i * M) / 8, A_ROW, gl_CooperativeMatrixLayoutColumnMajor);
        [[unroll]] for (uint j = 0; j < SN / N; j++)
            if (B_TERMS != 0)
                coopMatLoad(right[j], tile_b, (column + j * N) * B_ROW + r / 8, B_ROW, gl_CooperativeMatrixLayoutColumnMajor);
            else
                coopMatLoad(right[j], tile_b, r * B_ROW + (column + j * N) / 8, B_ROW, gl_CooperativeMatrixLayoutRowMajor);
        [[unroll]] for (uint j = 0; j < SN / N; j++)
            [[unroll]] for (uint i = 0; i < SM / M; i++)
                sums[i * (SN / N) + j] = coopMatMulAdd(left[i], right[j], sums[i * (SN / N) + j]);
    }
}

/* The start of step `first` in an operand's tile of lines or elements from `corner` on. */
place place_of(bool terms, uint wide, uint corner, uint first, uint line, uint base)
{
    const uint id = gl_LocalInvocationID.x;
    place      p;

    p.line = id / wide + (terms ? corner : first);
    p.at = 8 * (id % wide) + (terms ? first : corner);
    p.from = (base + p.line * line + p.at) / 8;
    return p;
}

place next(bool terms, place p, uint line)
{
    return place(p.line + (terms ? 0 : BK), p.at + (terms ? BK : 0), p.from + (terms ? BK / 8 : BK * (line / 8)));
}

void main()
{
    const uint across = (n + BN - 1) / BN, group = gl_WorkGroupID.y * across + gl_WorkGroupID.x, band = BAND * across;
    const uint down = min(BAND, (m + BM - 1) / BM - group / band * BAND);
    const uint tile_row = (group / band * BAND + group % band % down) * BM, tile_column = group % band / down * BN;
    const uint own = gl_SubgroupID, row = own / (BN / SN) * SM, column = own % (BN / SN) * SN;
    const uint begin = gl_WorkGroupID.z * part, last = min(begin + part, k);
    place      p = place_of(A_TERMS != 0, A_WIDE, tile_row, begin, a_line, a_at);
    place      q = place_of(B_TERMS != 0, B_WIDE, tile_column, begin, b_line, b_at);

    [[unroll]] for (uint i = 0; i < SM / M * (SN / N); i++)
        sums[i] = coopmat<float, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator>(0.0);
    take(p, q, last);
    keep();
    barrier();
    [[dont_unroll]] for (uint first = begin + BK; first < last; first += BK) {
        p = next(A_TERMS != 0, p, a_line);
        q = next(B_TERMS != 0, q, b_line);
        take(p, q, last);
        multiply(row, column);
        barrier();
        keep();
        barrier();
    }
    multiply(row, column);
    barrier(); /* tile_a is written again, by each subgroup a part of its own */
    [[unroll]] for (uint i = 0; i < SM / M; i++) {
        const uint at_row = tile_row + row + i * M, at_column = tile_column + column, stage = own * M * SN / 4;

        [[unroll]] for (uint j = 0; j < SN / N; j++)
            coopMatStore(sums[i * (SN / N) + j], tile_a, stage + j * N / 4, SN / 4, gl_CooperativeMatrixLayoutRowMajor);
        subgroupBarrier();
        if (HALF != 0)
            write_halves(at_row, at_column, stage);
        else if (QUADS != 0)
            write_quads(at_row, at_column, stage);
        else
            write_singles(at_row, at_column, stage);
        subgroupBarrier();
    }
}
