/* attention_cached -- new positions of each row look at what their cache holds
 * and at themselves.
 *   x             f32 [batches, positions, (heads + 2 kv_heads) D]
 *   keys, values  f32 [cache_rows, kv_heads, capacity, D], of its first two axes
 *                 `lines` from `first_line` on: other queries are left alone
 *   past, rows    i32 [batches]
 *   y             f32 [batches, positions, heads D]
 *   parts         f32 [batches, positions, heads, chunks, D + 2], where chunks > 1
 * A workgroup one query and one chunk of its places, 128 at a time: a score an
 * invocation, then values in PARTS strands of D invocations each. Maximum, sum
 * and result are carried along (Dao et al. 2022, arXiv:2205.14135); chunks leave
 * theirs in `parts` for attention_join. A row that is none, or without room
 * behind its past, gives NaN, with line 0. */
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "nyx.glsl"
#include "math.glsl"

layout(constant_id = 1) const uint D = 64;
layout(set = 0, binding = 0) readonly buffer X { float x[]; };
layout(set = 0, binding = 0) readonly buffer X4 { vec4 x4[]; };
layout(set = 0, binding = 1) readonly buffer Keys { float keys[]; };
layout(set = 0, binding = 1) readonly buffer Keys4 { vec4 keys4[]; };
layout(set = 0, binding = 2) readonly buffer Values { float values[]; };
layout(set = 0, binding = 3) readonly buffer Past { int past[]; };
layout(set = 0, binding = 4) readonly buffer Rows { int rows[]; };
layout(set = 0, binding = 5) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Push {
    uint groups, positions, heads, kv_heads, capacity, cache_rows, chunks, chunk, first_line, lines;
    float scale;
};

const uint LANES = 128;
const uint PARTS = D <= LANES ? LANES / D : 1; /* strands of places */
const uint ITEMS = (D + LANES - 1) / LANES;    /* elements of the result an invocation */

shared float shares[LANES];
shared float bests[16];
shared float strands[PARTS * D];

/* Where place t of a head lies: in the cache, or in x behind it. */
float score_of(uint query, uint t, uint held, uint old, uint fresh, uint pitch)
{
    const uint at = t < held ? old + t * D : fresh + (t - held) * pitch;
    float      sum = 0.0;

    if (D % 4u == 0u) {
        for (uint i = 0u; i < D / 4u; i++)
            sum += dot(x4[query / 4u + i], t < held ? keys4[at / 4u + i] : x4[at / 4u + i]);
        return sum * scale;
    }
    for (uint i = 0u; i < D; i++)
        sum += x[query + i] * (t < held ? keys[at + i] : x[at + i]);
    return sum * scale;
}

/* The largest of a number of each invocation; NaN is passed over. */
float largest_of(uint lane, float mine)
{
    float best;

    shares[lane] = mine;
    barrier();
    if (lane < 16u) {
        best = shares[lane];
        for (uint i = lane + 16u; i < LANES; i += 16u)
            best = shares[i] > best ? shares[i] : best;
        bests[lane] = best;
    }
    barrier();
    best = bests[0];
    for (uint i = 1u; i < 16u; i++)
        best = bests[i] > best ? bests[i] : best;
    return best;
}

float sum_of(uint lane, float mine)
{
    shares[lane] = mine;
    barrier();
    for (uint half_lanes = LANES / 2u; half_lanes > 0u; half_lanes /= 2u) {
        if (lane < half_lanes)
            shares[lane] += shares[lane + half_lanes];
        barrier();
    }
    return shares[0];
}

void main()
{
    const uint  lane = gl_LocalInvocationID.x, index = group_index(), chunk_index = index % chunks;
    const uint  query_index = index / chunks, head = query_index % heads, kv = head / (heads / kv_heads);
    const uint  s = query_index / heads % positions, b = query_index / heads / positions;
    const uint  pitch = (heads + 2u * kv_heads) * D, row = b * positions * pitch;
    const float infinity = uintBitsToFloat(0x7f800000u);

    if (index >= groups)
        return;
    const bool none = past[b] < 0 || uint(past[b]) + positions > capacity || rows[b] < 0 || uint(rows[b]) >= cache_rows;
    const uint line = (none ? 0u : uint(rows[b]) * kv_heads + kv) - first_line;
    if (line >= lines)
        return; /* all of the workgroup */
    const uint held = none ? 0u : uint(past[b]), old = line * capacity * D;
    const uint first = chunk_index * chunk, last = none ? 0u : min(first + chunk, held + s + 1u);
    const uint strand = lane / D, column = PARTS > 1u ? lane % D : lane;
    float      most = -infinity, sum = 0.0, result[ITEMS];

    [[unroll]] for (uint i = 0u; i < ITEMS; i++)
        result[i] = 0.0;
    for (uint tile = first; tile < last; tile += LANES) {
        const uint  t = tile + lane, count = min(LANES, last - tile);
        const float score = t < last ? score_of(row + s * pitch + head * D, t, held, old, row + (heads + kv) * D, pitch)
                                     : -infinity;
        const float best = largest_of(lane, score), before = most;

        most = best > most ? best : most;
        /* Nothing but -infinity so far weighs nothing. */
        const float shift = most == -infinity ? 0.0 : most;
        const float factor = before == -infinity ? 0.0 : nyx_exp(before - shift);
        const float share = t < last ? nyx_exp(score - shift) : 0.0;
        sum = sum * factor + share;
        shares[lane] = share; /* read before only up to the second barrier of largest_of */
        barrier();
        [[unroll]] for (uint i = 0u; i < ITEMS; i++) {
            result[i] *= factor;
            for (uint j = strand; j < count && strand < PARTS && column + i * LANES < D; j += PARTS) {
                const uint p = tile + j, at = column + i * LANES;

                result[i] += shares[j] * (p < held ? values[old + p * D + at]
                                                   : x[row + (p - held) * pitch + (heads + kv_heads + kv) * D + at]);
            }
        }
        barrier();
    }
    sum = sum_of(lane, sum);
    [[unroll]] for (uint i = 0u; i < ITEMS; i++)
        if (strand < PARTS && column + i * LANES < D)
            strands[strand * D + column + i * LANES] = result[i];
    barrier();
    for (uint i = lane; i < D; i += LANES) {
        float total = strands[i];

        for (uint j = 1u; j < PARTS; j++)
            total += strands[j * D + i];
        if (chunks > 1u)
            y[index * (D + 2u) + 2u + i] = total;
        else
            y[query_index * D + i] = none ? uintBitsToFloat(0x7fc00000u) : total / sum;
    }
    if (chunks > 1u && lane == 0u) {
        y[index * (D + 2u)] = most;
        y[index * (D + 2u) + 1u] = none ? uintBitsToFloat(0x7fc00000u) : sum;
    }
}
