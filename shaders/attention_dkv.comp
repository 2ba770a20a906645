/* attention_dkv -- gradient of attention by its keys and values:
 *     dV = P^T d_o, dK = dS^T Q scale, P and dS as in attention_dq.comp
 *   x, second  of tile.glsl; second is d_o, to is dx: key and value heads are written
 *   lse, delta f32 [batches, heads, positions]
 * A workgroup ROWS keys of a key head, over all query heads that use it: grid
 * (tiles, kv_heads, batches). Tiles are transposed: their rows are keys. */
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

/* tile[0]: scores become weights; tile[1]: V d_o^T becomes gradients of scores. */
void differentiate(uint first, uint head, uint first_query)
{
    const uvec4 query = first_query + 4 * tx + uvec4(0, 1, 2, 3);
    const uvec4 at = (gl_WorkGroupID.z * heads + head) * positions + min(query, uvec4(positions - 1));
    const vec4  top = vec4(lse[at.x], lse[at.y], lse[at.z], lse[at.w]) * LOG2_E;
    const vec4  mean = vec4(delta[at.x], delta[at.y], delta[at.z], delta[at.w]);

    [[unroll]] for (uint i = 0; i < TALL; i++) {
        bvec4 meets = meeting(uvec4(first + ty + 8 * i), query);
        vec4  p = power_of_two(tile[i] * (scale * LOG2_E) - top);

        tile[TALL + i] = mix(vec4(0), p * (tile[TALL + i] - mean) * scale, meets);
        tile[i] = mix(vec4(0), p, meets);
    }
}

void main()
{
    const uint first = gl_WorkGroupID.x * ROWS, kv_head = gl_WorkGroupID.y, group = heads / kv_heads;

    const uint begin = CAUSAL ? first / COLUMNS * COLUMNS : 0, tiles = (positions - begin + COLUMNS - 1) / COLUMNS;

    clear_sums(0);
    clear_sums(1);
    for (uint turn = 0; turn < group * tiles; turn++) {
        uint head = kv_head * group + turn / tiles, query = begin + turn % tiles * COLUMNS;

        start_operands(gl_WorkGroupID.z, head);
        multiply(0, KEY, first, QUERY, query);
        multiply(1, VALUE, first, RESULT, query);
        differentiate(first, head, query);
        careful = CAUSAL && query + 1 < first + ROWS;
        gather(0, RESULT, query, positions, first);
        gather(1, QUERY, query, positions, first);
    }
    write_sums(0, VALUE, first);
    write_sums(1, KEY, first);
}
