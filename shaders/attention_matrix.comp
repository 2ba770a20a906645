/* attention_matrix -- attention.comp by the matrix units of subgroups, for
 * operands of 16 bits: the units multiply and sum in f32, weights are rounded to
 * ELEMENT before they meet the values.
 *   x    ELEMENT (f16 or bf16) [batches, positions, (heads + 2 kv_heads) WIDTH]
 *   to   f32, or ELEMENT (HALF), [batches, positions, heads WIDTH], when HAS_RESULT
 *   lse  f32 [batches, heads, positions], when HAS_LSE
 * A subgroup M queries of a head, in fragments of M x N x K, a workgroup SUBGROUPS of
 * them: grid (tiles, heads, batches). Keys come twice, KEYS at a time: for the largest
 * score of each row, then for weights; so sums are never scaled. N is 8 LANES / M. */
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
layout(constant_id = 4) const bool HAS_RESULT = true;
layout(constant_id = 5) const bool HAS_LSE = true;
layout(constant_id = 6) const bool HALF = true;
layout(constant_id = 7) const uint LANES = 32;
layout(constant_id = 8) const uint M = 16;
layout(constant_id = 9) const uint N = 16;
layout(constant_id = 10) const uint K = 16;
layout(set = 0, binding = 0) readonly buffer X { uvec4 x[]; };
layout(set = 0, binding = 1) writeonly buffer To { uvec4 to[]; };
layout(set = 0, binding = 2) writeonly buffer L { float lse[]; };
layout(push_constant) uniform Push { uint positions, heads, kv_heads; float scale; };

const uint KEYS = 32, ROWS = SUBGROUPS * M, THREADS = SUBGROUPS * LANES;
const uint WIDE = WIDTH / 8, LINE = WIDE + 1; /* vectors of a position; of its line in shared memory */
const uint SCORES = KEYS / 4 + 1;             /* vectors of a row of scores */
const uint PER = LANES / M, OWN = KEYS / 4 / PER;

shared uvec4 keys[KEYS * LINE];
shared uvec4 values[KEYS * LINE];
shared uvec4 rows[ROWS * (LINE > SCORES ? LINE : SCORES)]; /* queries, then scores, weights, results */
shared float shares[THREADS];

coopmat<ELEMENT, gl_ScopeSubgroup, M, K, gl_MatrixUseA> query[WIDTH / K];
coopmat<float, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator> sums[WIDTH / N];
vec4 score[OWN];
uint subgroup = gl_SubgroupID, row = gl_SubgroupInvocationID / PER, part = gl_SubgroupInvocationID % PER;
uint step_of = WIDTH * (heads + 2 * kv_heads); /* elements of a position */

/* The scores of the keys at hand that are this invocation's part of its row. */
void read_scores(uint at_query, uint first_key)
{
    [[unroll]] for (uint j = 0; j < KEYS / N; j++) {
        coopmat<float, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator> sum =
            coopmat<float, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator>(0.0);

        [[unroll]] for (uint k = 0; k < WIDTH / K; k++) {
            coopmat<ELEMENT, gl_ScopeSubgroup, K, N, gl_MatrixUseB> key;

            coopMatLoad(key, keys, j * N * LINE + k * K / 8, LINE, gl_CooperativeMatrixLayoutColumnMajor);
            sum = coopMatMulAdd(query[k], key, sum);
        }
        coopMatStore(sum, rows, subgroup * M * SCORES + j * N / 4, SCORES, gl_CooperativeMatrixLayoutRowMajor);
    }
    subgroupBarrier();
    [[unroll]] for (uint i = 0; i < OWN; i++) {
        const uvec4 key = first_key + 4 * (part * OWN + i) + uvec4(0, 1, 2, 3);
        const vec4  s = uintBitsToFloat(rows[(subgroup * M + row) * SCORES + part * OWN + i]) * (scale * LOG2_E);
        const bvec4 there = lessThan(key, uvec4(CAUSAL ? min(positions, at_query + 1) : positions));

        score[i] = mix(vec4(uintBitsToFloat(0xff800000u)), s, there);
    }
}

float larger(float a, float b)
{
    return b > a ? b : a;
}

/* Scores become weights, in ELEMENT where scores were; returns their sum. */
float write_weights(float most)
{
    float sum = 0.0;

    subgroupBarrier(); /* all have read their scores */
    [[unroll]] for (uint i = 0; i < OWN; i += 2) {
        const vec4 p = power_of_two(score[i] - most), q = power_of_two(score[i + 1] - most);

        sum += (p.x + p.y) + (p.z + p.w);
        sum += (q.x + q.y) + (q.z + q.w);
        rows[(subgroup * M + row) * SCORES + (part * OWN + i) / 2] = uvec4(halves_of(p), halves_of(q));
    }
    subgroupBarrier();
    return sum;
}

void add_values()
{
    [[unroll]] for (uint k = 0; k < KEYS / K; k++) {
        coopmat<ELEMENT, gl_ScopeSubgroup, M, K, gl_MatrixUseA> weight;
        coopmat<ELEMENT, gl_ScopeSubgroup, K, N, gl_MatrixUseB> value;

        coopMatLoad(weight, rows, subgroup * M * SCORES + k * K / 8, SCORES, gl_CooperativeMatrixLayoutRowMajor);
        [[unroll]] for (uint n = 0; n < WIDTH / N; n++) {
            coopMatLoad(value, values, k * K * LINE + n * N / 8, LINE, gl_CooperativeMatrixLayoutRowMajor);
            sums[n] = coopMatMulAdd(weight, value, sums[n]);
        }
    }
}

/* Fragment n of the result: eight elements an invocation, from element `at` of `to` on.
 * Values of those keys from `first_key` on that `own` meets may have been tamed. */
void write_fragment(uint n, float factor, uint at, uint own, uint first_key, uint value_at)
{
    const bool there = own < positions;
    const uint from = (subgroup * M + row) * SCORES + part * 2;

    subgroupBarrier();
    coopMatStore(sums[n], rows, subgroup * M * SCORES, SCORES, gl_CooperativeMatrixLayoutRowMajor);
    subgroupBarrier();
    vec4 low = uintBitsToFloat(rows[from]) * factor, high = uintBitsToFloat(rows[from + 1]) * factor;
    for (uint key = first_key; CAUSAL && wild != 0 && there && key <= own; key++)
        add_wild(low, high, x[(value_at + key * step_of + n * N) / 8 + part], true);
    if (there && HALF) {
        to[at / 8] = uvec4(halves_of(low), halves_of(high));
    } else if (there) {
        to[at / 4] = floatBitsToUint(low);
        to[at / 4 + 1] = floatBitsToUint(high);
    }
}

void main()
{
    const uint late = (positions - 1) / ROWS - gl_WorkGroupID.x, tile = CAUSAL ? late : gl_WorkGroupID.x;
    const uint head = gl_WorkGroupID.y, first = tile * ROWS, end = CAUSAL ? min(first + ROWS, positions) : positions;
    const uint origin = gl_WorkGroupID.z * positions * step_of, own = first + subgroup * M + row;
    const uint key_at = origin + (heads + head / (heads / kv_heads)) * WIDTH, value_at = key_at + kv_heads * WIDTH;
    float      most = -3.40282347e38, sum = 0.0;

    wild = 0;
    BRING(rows, ROWS, x, (origin + head * WIDTH), step_of, first)
    barrier();
    [[unroll]] for (uint k = 0; k < WIDTH / K; k++)
        coopMatLoad(query[k], rows, subgroup * M * LINE + k * K / 8, LINE, gl_CooperativeMatrixLayoutRowMajor);
    for (uint key = 0; key < end; key += KEYS) {
        barrier();
        BRING(keys, KEYS, x, key_at, step_of, key)
        barrier();
        read_scores(own, key);
        [[unroll]] for (uint i = 0; i < OWN; i++)
            most = larger(most, larger(larger(score[i].x, score[i].y), larger(score[i].z, score[i].w)));
    }
    shares[gl_LocalInvocationID.x] = most;
    subgroupBarrier();
    for (uint i = 0; i < PER; i++)
        most = larger(most, shares[subgroup * LANES + row * PER + i]);
    [[unroll]] for (uint n = 0; n < WIDTH / N; n++)
        sums[n] = coopmat<float, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator>(0.0);
    for (uint key = 0; key < end; key += KEYS) {
        barrier();
        BRING(keys, KEYS, x, key_at, step_of, key)
        BRING(values, KEYS, x, value_at, step_of, key)
        if (CAUSAL && key + KEYS > first + 1)
            TAME(values, KEYS)
        barrier();
        read_scores(own, key);
        sum += write_weights(most);
        if (HAS_RESULT)
            add_values();
    }
    subgroupBarrier();
    shares[gl_LocalInvocationID.x] = sum;
    subgroupBarrier();
    sum = 0.0;
    for (uint i = 0; i < PER; i++)
        sum += shares[subgroup * LANES + row * PER + i];
    if (HAS_LSE && part == 0 && own < positions)
        lse[(gl_WorkGroupID.z * heads + head) * positions + own] =
            sum > 0.0 ? most * 0.693147182 + nyx_log(sum) : uintBitsToFloat(0x7fc00000u);
    [[unroll]] for (uint n = 0; n < WIDTH / N && HAS_RESULT; n++)
        write_fragment(n, 1.0 / sum, ((gl_WorkGroupID.z * positions + own) * heads + head) * WIDTH + n * N + part * 8,
                       own, first / KEYS * KEYS, value_at);
}
