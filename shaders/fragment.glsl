/* fragment -- results of matrix units (matmul_matrix.comp) from shared memory to
 * y: M x N of them, f32, from vector `stage` of tile_a on; to row and column of y.
 * After float.glsl. */
void write_fragment(uint row, uint column, uint stage)
{
    for (uint i = gl_SubgroupInvocationID; i < M * N; i += LANES) {
        uint r = row + i / N, c = column + i % N;
        uint to = y_at + gl_WorkGroupID.z * y_part + r * y_line + c;

        if (r < m && c < n) {
            float sum = uintBitsToFloat(tile_a[stage + i / 4][i % 4]);
            if (has_bias != 0)
                sum += bias[c];
            y[to] = add != 0 ? y[to] + sum : sum;
        }
    }
}

uint encoded(vec2 v)
{
#ifdef BFLOAT
    return bf16_encode(v.x) | bf16_encode(v.y) << 16;
#else
    return f16_encode(v.x) | f16_encode(v.y) << 16;
#endif
}

/* Eight elements an invocation. */
void write_halves(uint row, uint column, uint stage)
{
    for (uint i = gl_SubgroupInvocationID; i < M * N / 8; i += LANES) {
        const uint r = row + 8 * i / N, c = column + 8 * i % N;
        vec4       low = uintBitsToFloat(tile_a[stage + 2 * i]), high = uintBitsToFloat(tile_a[stage + 2 * i + 1]);

        if (r >= m || c >= n)
            continue;
        if (has_bias != 0) {
            low += vec4(bias[c], bias[c + 1], bias[c + 2], bias[c + 3]);
            high += vec4(bias[c + 4], bias[c + 5], bias[c + 6], bias[c + 7]);
        }
        y8[(y_at + r * y_line + c) / 8] = uvec4(encoded(low.xy), encoded(low.zw), encoded(high.xy), encoded(high.zw));
    }
}
