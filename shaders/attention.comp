/* attention -- softmax(Q K^T scale) V with a running maximum and sum, so that
 * no row of scores is ever whole (Dao et al. 2022, arXiv:2205.14135).
 *   x    [batches, positions, (heads + 2 kv_heads) WIDTH]
 *   to   [batches, positions, heads WIDTH], when HAS_RESULT
 *   lse  f32 [batches, heads, positions], when HAS_LSE
 * A workgroup ROWS queries of a head: grid (tiles, heads, batches). Scores are
 * kept times log2(e), exponentials are powers of two. A row's maximum starts
 * below every finite score, so that scores of -infinity weigh nothing. */
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "nyx.glsl"
#include "math.glsl"
#include "lanes.glsl"

layout(constant_id = 6) const uint HALVES = 0;
#include "tile.glsl"
#include "product.glsl"

layout(constant_id = 4) const bool HAS_RESULT = true;
layout(constant_id = 5) const bool HAS_LSE = true;
layout(set = 0, binding = 3) writeonly buffer L { float lse[]; };

shared float rows[1024]; /* 16 of each row: partial results, then maximum and factor */
float most = -3.40282347e38; /* of row `lane` */
float weight[TALL];          /* partial sums of rows ty + 8 i */

float largest_of(vec4 x, float most_so_far)
{
    float a = x.x > x.y ? x.x : x.y, b = x.z > x.w ? x.z : x.w, c = a > b ? a : b;

    return c > most_so_far ? c : most_so_far;
}

/* Scale and mask the scores of keys from `first_key` on, and raise the maxima. */
void limit_rows(uint first, uint first_key)
{
    const uvec4 key = first_key + 4 * tx + uvec4(0, 1, 2, 3);

    [[unroll]] for (uint i = 0; i < TALL; i++) {
        bvec4 meets = meeting(key, uvec4(first + ty + 8 * i));
        vec4  score = mix(vec4(uintBitsToFloat(0xff800000u)), tile[i] * (scale * LOG2_E), meets);

        tile[i] = score;
        rows[(ty + 8 * i) * 16 + tx] = largest_of(score, -3.40282347e38);
    }
    barrier();
    if (lane < ROWS) {
        float before = most;

        for (uint n = 0; n < 16; n++) {
            float best = rows[lane * 16 + (lane + n) % 16];

            most = best > most ? best : most;
        }
        rows[lane * 16] = most;
        rows[lane * 16 + 1] = power_of_two(vec4(before - most)).x;
    }
    barrier();
}

/* Scores become weights; what was summed so far is scaled to the new maxima. */
void weigh_rows()
{
    [[unroll]] for (uint i = 0; i < TALL; i++) {
        uint r = ty + 8 * i;
        vec4 p = power_of_two(tile[i] - rows[r * 16]);

        tile[i] = p;
        weight[i] = weight[i] * rows[r * 16 + 1] + ((p.x + p.y) + (p.z + p.w));
    }
    [[unroll]] for (uint i = 0; i < HEIGHT; i++)
        [[unroll]] for (uint n = 0; n < SPAN; n++)
            sums[i * SPAN + n] *= rows[(oy + LINES * i) * 16 + 1];
}

/* Divide by the sum of each row. */
void finish_rows(uint first)
{
    barrier();
    [[unroll]] for (uint i = 0; i < TALL; i++)
        rows[(ty + 8 * i) * 16 + tx] = weight[i];
    barrier();
    if (lane < ROWS) {
        float sum = 0.0;

        for (uint n = 0; n < 16; n++)
            sum += rows[lane * 16 + n];
        rows[lane * 16] = 1.0 / sum;
        if (HAS_LSE && first + lane < positions)
            lse[(gl_WorkGroupID.z * heads + gl_WorkGroupID.y) * positions + first + lane] =
                sum > 0.0 ? most * 0.693147182 + nyx_log(sum) : uintBitsToFloat(0x7fc00000u);
    }
    barrier();
    [[unroll]] for (uint i = 0; i < HEIGHT; i++)
        [[unroll]] for (uint n = 0; n < SPAN; n++)
            sums[i * SPAN + n] *= rows[(oy + LINES * i) * 16];
}

void main()
{
    /* Late queries see most keys: they go first. */
    const uint late = (positions - 1) / ROWS - gl_WorkGroupID.x, at = CAUSAL ? late : gl_WorkGroupID.x;
    const uint first = at * ROWS, end = CAUSAL ? min(first + ROWS, positions) : positions;

    start_operands(gl_WorkGroupID.z, gl_WorkGroupID.y);
    [[unroll]] for (uint i = 0; i < TALL; i++)
        weight[i] = 0.0;
    clear_sums(0);
    for (uint key = 0; key < end; key += COLUMNS) {
        multiply(0, QUERY, first, KEY, key);
        limit_rows(first, key);
        weigh_rows();
        careful = CAUSAL && key + COLUMNS > first + 1;
        if (HAS_RESULT)
            gather(0, VALUE, key, end, first);
    }
    finish_rows(first);
    if (HAS_RESULT)
        write_sums(0, RESULT, first);
}
