/* attention_dq -- gradient of attention by its queries:
 *     P = exp(S - lse), dS = P (d_o V^T - delta), dQ = dS K scale
 *   x, second  of tile.glsl; second is d_o, to is dx: query heads are written
 *   lse, delta f32 [batches, heads, positions]
 * A workgroup ROWS queries of a head: grid (tiles, heads, batches). */
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "nyx.glsl"
#include "math.glsl"
#include "lanes.glsl"

layout(constant_id = 4) const uint HALVES = 0;
#include "tile.glsl"
#include "product.glsl"

layout(set = 0, binding = 3) readonly buffer L { float lse[]; };
layout(set = 0, binding = 4) readonly buffer D { float delta[]; };

float top[TALL], mean[TALL]; /* of rows ty + 8 i: lse log2(e), delta */

void read_rows(uint first)
{
    uint at = (gl_WorkGroupID.z * heads + gl_WorkGroupID.y) * positions;

    [[unroll]] for (uint i = 0; i < TALL; i++) {
        uint query = min(first + ty + 8 * i, positions - 1);

        top[i] = lse[at + query] * LOG2_E;
        mean[i] = delta[at + query];
    }
}

/* tile[0]: scores become gradients of scores; tile[1] is d_o V^T. */
void differentiate(uint first, uint first_key)
{
    const uvec4 key = first_key + 4 * tx + uvec4(0, 1, 2, 3);

    [[unroll]] for (uint i = 0; i < TALL; i++) {
        bvec4 meets = meeting(key, uvec4(first + ty + 8 * i));
        vec4  p = power_of_two(tile[i] * (scale * LOG2_E) - top[i]);

        tile[i] = mix(vec4(0), p * (tile[TALL + i] - mean[i]) * scale, meets);
    }
}

void main()
{
    const uint late = (positions - 1) / ROWS - gl_WorkGroupID.x, at = CAUSAL ? late : gl_WorkGroupID.x;
    const uint first = at * ROWS, end = CAUSAL ? min(first + ROWS, positions) : positions;

    start_operands(gl_WorkGroupID.z, gl_WorkGroupID.y);
    read_rows(first);
    clear_sums(0);
    for (uint key = 0; key < end; key += COLUMNS) {
        multiply(0, QUERY, first, KEY, key);
        multiply(1, RESULT, first, VALUE, key);
        differentiate(first, key);
        careful = CAUSAL && key + COLUMNS > first + 1;
        gather(0, KEY, key, end, first);
    }
    write_sums(0, QUERY, first);
}
