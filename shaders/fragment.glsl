/* fragment -- results of matrix units (matmul_matrix.comp) from shared memory to
 * y: M rows of SN of them, f32, from vector `stage` of tile_a on; to row and column
 * of y. By whole subgroups. After units.glsl. */

/* One element an invocation. */
void write_singles(uint row, uint column, uint stage)
{
    for (uint i = gl_SubgroupInvocationID; i < M * SN; i += LANES) {
        const uint r = row + i / SN, c = column + i % SN, to = y_at + gl_WorkGroupID.z * y_part + r * y_line + c;
        float      sum = uintBitsToFloat(tile_a[stage + i / 4][i % 4]);

        if (r >= m || c >= n)
            continue;
        if (has_bias != 0)
            sum += bias[c];
        y[to] = add != 0 ? y[to] + sum : sum;
    }
}

vec4 bias_of(uint c)
{
    return vec4(bias[c], bias[c + 1], bias[c + 2], bias[c + 3]);
}

/* Four. */
void write_quads(uint row, uint column, uint stage)
{
    for (uint i = gl_SubgroupInvocationID; i < M * SN / 4; i += LANES) {
        const uint r = row + 4 * i / SN, c = column + 4 * i % SN;
        const uint to = (y_at + gl_WorkGroupID.z * y_part + r * y_line + c) / 4;
        vec4       sums = uintBitsToFloat(tile_a[stage + i]);

        if (WHOLE == 0 && (r >= m || c >= n))
            continue;
        if (has_bias != 0)
            sums += bias_of(c);
        y4[to] = add != 0 ? y4[to] + sums : sums;
    }
}

/* Eight, rounded. */
void write_halves(uint row, uint column, uint stage)
{
    for (uint i = gl_SubgroupInvocationID; i < M * SN / 8; i += LANES) {
        const uint r = row + 8 * i / SN, c = column + 8 * i % SN;
        vec4       low = uintBitsToFloat(tile_a[stage + 2 * i]), high = uintBitsToFloat(tile_a[stage + 2 * i + 1]);

        if (WHOLE == 0 && (r >= m || c >= n))
            continue;
        if (has_bias != 0) {
            low += bias_of(c);
            high += bias_of(c + 4);
        }
        y8[(y_at + r * y_line + c) / 8] = uvec4(halves_of(low), halves_of(high));
    }
}
