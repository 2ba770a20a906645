/* attention_matrix_grad -- attention_dq.comp and, KEYED, attention_dkv.comp by matrix
 * units (attention_matrix.comp): weights and gradients of scores are rounded to ELEMENT.
 *   x       ELEMENT [batches, positions, (heads + 2 kv_heads) WIDTH]
 *   d_o     ELEMENT [batches, positions, heads WIDTH]
 *   dx      f32, or ELEMENT (HALF), as x: query heads or, KEYED, key and value heads
 *   lse, delta  f32 [batches, heads, positions]
 * A subgroup M queries of a head (KEYED: keys of a key head); others come OTHERS at a
 * time: S = own[0] other[0]^T, P = exp(S - lse), dS = P (own[1] other[1]^T - delta),
 * sums[0] += dS other[0], KEYED sums[1] += P other[1]; all transposed where KEYED.
 * Grid (tiles, heads or kv_heads, batches). */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "matrix.glsl"
#include "nyx.glsl"
#include "math.glsl"
#include "float.glsl"
#include "units.glsl"
#include "power.glsl"
#include "bring.glsl"

layout(constant_id = 1) const uint SUBGROUPS = 4;
layout(constant_id = 2) const uint WIDTH = 64;
layout(constant_id = 3) const bool CAUSAL = false;
layout(constant_id = 4) const bool KEYED = false;
layout(constant_id = 5) const bool HALF = true;
layout(constant_id = 6) const uint LANES = 32;
layout(constant_id = 7) const uint M = 16;
layout(constant_id = 8) const uint N = 16;
layout(constant_id = 9) const uint K = 16;
layout(set = 0, binding = 0) readonly buffer X { uvec4 x[]; };
layout(set = 0, binding = 1) readonly buffer O { uvec4 d_o[]; };
layout(set = 0, binding = 2) writeonly buffer To { uvec4 to[]; };
layout(set = 0, binding = 3) readonly buffer L { float lse[]; };
layout(set = 0, binding = 4) readonly buffer D { float delta[]; };
layout(push_constant) uniform Push { uint positions, heads, kv_heads; float scale; };

const uint OTHERS = 32, ROWS = SUBGROUPS * M, THREADS = SUBGROUPS * LANES;
const uint WIDE = WIDTH / 8, LINE = WIDE + 1, SCORES = OTHERS / 4 + 1;
const uint PER = LANES / M, OWN = OTHERS / 4 / PER, FRAGMENTS = WIDTH / N;

shared uvec4 first_other[OTHERS * LINE];
shared uvec4 second_other[OTHERS * LINE];
shared uvec4 rows[ROWS * (LINE > SCORES ? LINE : SCORES)];

coopmat<ELEMENT, gl_ScopeSubgroup, M, K, gl_MatrixUseA> own[2][WIDTH / K];
coopmat<float, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator> sums[2][FRAGMENTS];
vec4 score[OWN], slope[OWN];
uint subgroup = gl_SubgroupID, row = gl_SubgroupInvocationID / PER, part = gl_SubgroupInvocationID % PER;
uint x_step = WIDTH * (heads + 2 * kv_heads), o_step = WIDTH * heads, mine = (subgroup * M + row) * SCORES;

#define TAKE(which)                                                                             \
    barrier();                                                                                  \
    [[unroll]] for (uint k = 0; k < WIDTH / K; k++)                                             \
        coopMatLoad(own[which][k], rows, subgroup * M * LINE + k * K / 8, LINE, gl_CooperativeMatrixLayoutRowMajor); \
    barrier();

/* own[which] other^T: this invocation's part of its row. */
#define MULTIPLY(which, other, into)                                                            \
    subgroupBarrier();                                                                          \
    [[unroll]] for (uint j = 0; j < OTHERS / N; j++) {                                          \
        coopmat<float, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator> sum =                   \
            coopmat<float, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator>(0.0);               \
                                                                                                \
        [[unroll]] for (uint k = 0; k < WIDTH / K; k++) {                                       \
            coopmat<ELEMENT, gl_ScopeSubgroup, K, N, gl_MatrixUseB> right;                      \
                                                                                                \
            coopMatLoad(right, other, j * N * LINE + k * K / 8, LINE, gl_CooperativeMatrixLayoutColumnMajor); \
            sum = coopMatMulAdd(own[which][k], right, sum);                                     \
        }                                                                                       \
        coopMatStore(sum, rows, subgroup * M * SCORES + j * N / 4, SCORES, gl_CooperativeMatrixLayoutRowMajor); \
    }                                                                                           \
    subgroupBarrier();                                                                          \
    [[unroll]] for (uint i = 0; i < OWN; i++)                                                   \
        into[i] = uintBitsToFloat(rows[mine + part * OWN + i]);

/* sums[which] += what the invocations of a subgroup have, rounded, times other. */
#define GATHER(which, from, other)                                                              \
    subgroupBarrier();                                                                          \
    [[unroll]] for (uint i = 0; i < OWN; i += 2)                                                \
        rows[mine + (part * OWN + i) / 2] = uvec4(halves_of(from[i]), halves_of(from[i + 1]));  \
    subgroupBarrier();                                                                          \
    [[unroll]] for (uint k = 0; k < OTHERS / K; k++) {                                          \
        coopmat<ELEMENT, gl_ScopeSubgroup, M, K, gl_MatrixUseA> left;                           \
        coopmat<ELEMENT, gl_ScopeSubgroup, K, N, gl_MatrixUseB> right;                          \
                                                                                                \
        coopMatLoad(left, rows, subgroup * M * SCORES + k * K / 8, SCORES, gl_CooperativeMatrixLayoutRowMajor); \
        [[unroll]] for (uint n = 0; n < FRAGMENTS; n++) {                                       \
            coopMatLoad(right, other, k * K * LINE + n * N / 8, LINE, gl_CooperativeMatrixLayoutRowMajor); \
            sums[which][n] = coopMatMulAdd(left, right, sums[which][n]);                        \
        }                                                                                       \
    }

/* score becomes weights, slope gradients of scores. */
void differentiate(uint head, uint own_at, uint first)
{
    const uint base = (gl_WorkGroupID.z * heads + head) * positions;

    [[unroll]] for (uint i = 0; i < OWN; i++) {
        const uvec4 other = first + 4 * (part * OWN + i) + uvec4(0, 1, 2, 3);
        const uvec4 query = KEYED ? other : uvec4(own_at), key = KEYED ? uvec4(own_at) : other;
        const uvec4 at = base + min(query, uvec4(positions - 1));
        const vec4  top = vec4(lse[at.x], lse[at.y], lse[at.z], lse[at.w]) * LOG2_E;
        const vec4  mean = vec4(delta[at.x], delta[at.y], delta[at.z], delta[at.w]);
        const bvec4 inside = lessThan(max(query, key), uvec4(positions)), before = lessThanEqual(key, query);
        const bvec4 meets = CAUSAL ? bvec4(uvec4(inside) & uvec4(before)) : inside;
        const vec4  p = power_of_two(score[i] * (scale * LOG2_E) - top);

        slope[i] = mix(vec4(0), p * (slope[i] - mean) * scale, meets);
        score[i] = mix(vec4(0), p, meets);
    }
}

/* What was tamed of the others that meet a row comes to eight elements of its sums. */
void add_tamed(const uint which, inout vec4 low, inout vec4 high, uint own_at, uint first, uint column)
{
    const uint group = heads / kv_heads, count = KEYED ? group : 1;
    const uint end = KEYED ? min(first + ROWS + OTHERS, positions) : own_at + 1;

    for (uint i = (KEYED ? own_at : first / OTHERS * OTHERS) * count; i < end * count; i++) {
        const uint line = gl_WorkGroupID.z * positions + i / count, now = gl_WorkGroupID.y * count + i % count;

        if (which == 1)
            add_wild(low, high, d_o[(line * o_step + now * WIDTH + column) / 8], true);
        else
            add_wild(low, high, x[(line * x_step + (KEYED ? now : heads + now / group) * WIDTH + column) / 8], false);
    }
}

void write_sums(const uint which, uint start, uint own_at, uint first)
{
    [[unroll]] for (uint n = 0; n < FRAGMENTS; n++) {
        const uint at = start + own_at * x_step + n * N + part * 8;

        subgroupBarrier();
        coopMatStore(sums[which][n], rows, subgroup * M * SCORES, SCORES, gl_CooperativeMatrixLayoutRowMajor);
        subgroupBarrier();
        vec4 low = uintBitsToFloat(rows[mine + part * 2]), high = uintBitsToFloat(rows[mine + part * 2 + 1]);
        if (CAUSAL && wild != 0 && own_at < positions)
            add_tamed(which, low, high, own_at, first, n * N + part * 8);
        if (own_at < positions && HALF) {
            to[at / 8] = uvec4(halves_of(low), halves_of(high));
        } else if (own_at < positions) {
            to[at / 4] = floatBitsToUint(low);
            to[at / 4 + 1] = floatBitsToUint(high);
        }
    }
}

void main()
{
    const uint late = (positions - 1) / ROWS - gl_WorkGroupID.x; /* queries that see most keys go first */
    const uint first = (CAUSAL && !KEYED ? late : gl_WorkGroupID.x) * ROWS;
    const uint group = heads / kv_heads, kv = KEYED ? gl_WorkGroupID.y : gl_WorkGroupID.y / group;
    const uint x_start = gl_WorkGroupID.z * positions * x_step, o_start = gl_WorkGroupID.z * positions * o_step;
    const uint key_at = x_start + (heads + kv) * WIDTH, value_at = key_at + kv_heads * WIDTH, head = gl_WorkGroupID.y;
    const uint begin = CAUSAL && KEYED ? first / OTHERS * OTHERS : 0;
    const uint end = CAUSAL && !KEYED ? min(first + ROWS, positions) : positions;
    const uint turns = (end - begin + OTHERS - 1) / OTHERS, own_at = first + subgroup * M + row;

    wild = 0;
    BRING(rows, ROWS, x, (KEYED ? key_at : x_start + head * WIDTH), x_step, first)
    TAKE(0)
    if (KEYED)
        BRING(rows, ROWS, x, value_at, x_step, first)
    else
        BRING(rows, ROWS, d_o, (o_start + head * WIDTH), o_step, first)
    TAKE(1)
    [[unroll]] for (uint n = 0; n < 2 * FRAGMENTS; n++)
        sums[n / FRAGMENTS][n % FRAGMENTS] = coopmat<float, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator>(0.0);
    for (uint turn = 0; turn < (KEYED ? group : 1) * turns; turn++) {
        const uint now = KEYED ? kv * group + turn / turns : head, at = begin + turn % turns * OTHERS;

        barrier();
        BRING(first_other, OTHERS, x, (KEYED ? x_start + now * WIDTH : key_at), x_step, at)
        if (KEYED)
            BRING(second_other, OTHERS, d_o, (o_start + now * WIDTH), o_step, at)
        else
            BRING(second_other, OTHERS, x, value_at, x_step, at)
        barrier();
        MULTIPLY(0, first_other, score)
        MULTIPLY(1, second_other, slope)
        differentiate(now, own_at, at);
        if (CAUSAL && (KEYED ? at + 1 < first + ROWS : at + OTHERS > first + 1)) {
            barrier();
            TAME(first_other, OTHERS)
            if (KEYED)
                TAME(second_other, OTHERS)
            barrier();
        }
        GATHER(0, slope, first_other)
        if (KEYED) {
            GATHER(1, score, second_other)
        }
    }
    write_sums(0, KEYED ? key_at : x_start + head * WIDTH, own_at, first);
    if (KEYED)
        write_sums(1, value_at, own_at, first);
}
