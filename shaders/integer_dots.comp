/* integer_dots -- few rows of bytes times coded weights: y[r][n] = sum x[r][k] w[n][k] (+ bias[n]).
 *   planes    rows [first, first + weight_rows) of the weights, whole numbers but for scales
 *   x, steps  rows <= ROWS of packed_activation.comp;  bias  f32 [columns], where `biased`
 *   y         f32 [rows, columns]
 * A workgroup makes COLUMNS neighbours of each row of y: its invocations go
 * through the columns of the weights in turn, a unit at a time (a block of 32, of
 * 8 bits half a one), and their sums are added as a tree. */
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "bytes.glsl"
#include "nyx.glsl"
#define CODED_MORE uint columns, first, rows, biased;
#include "decode.glsl"
#include "integers.glsl"

layout(constant_id = 8) const uint ROWS = 1;
layout(constant_id = 9) const uint COLUMNS = 4;
layout(constant_id = 10) const uint PAIRS = 1; /* rows of codes begin at multiples of 8 bytes */

const uint HALVES = BITS == 8 ? 1 : 2; /* of a block in a unit */
const uint SPANS = GROUP_SHIFT == 4 ? HALVES : 1; /* groups of a unit */
const uint SUMS = ROWS * COLUMNS;

shared float part[SUMS * gl_WorkGroupSize.x];

/* The codes of a unit; int3's top bits in the third word. */
uvec4 words_of(uint row, uint unit)
{
    const uint at = codes_at + row * row_bytes, top = top_word(row, 8u * unit);

    if (BITS >= 4u)
        return codes4[at / 16u + unit];
    if (PAIRS != 0u)
        return uvec4(codes2[at / 8u + unit], top, 0u);
    return uvec4(codes[at / 4u + 2u * unit], codes[at / 4u + 2u * unit + 1u], top, 0u);
}

uint quad_bytes(uvec4 words, uint i)
{
    return bytes_of(words[BITS >= 4u ? i & 3u : i & 1u], words.z, i);
}

/* Sum of x's codes over a span of a unit. */
int codes_sum(uint halves, uint unit, uint span)
{
    const ivec2 sums = sums_of_codes(halves);

    if (HALVES == SPANS)
        return (BITS == 8u ? unit & 1u : span) == 0u ? sums.x : sums.y - sums.x;
    return sums.y;
}

void add_span(inout float sums[SUMS], const uvec4 words[COLUMNS], const uint weights[COLUMNS], uint unit, uint span)
{
    const uint blocks = (cols + 31u) / 32u, half_ = HALVES * unit + span, group = group_of_half(half_);
    int        whole[SUMS], codes_sums[ROWS];
    float      x_scale[ROWS];

    [[unroll]] for (uint r = 0u; r < ROWS; r++) {
        const uvec2 step = steps[min(r, rows - 1u) * blocks + half_ / 2u];

        x_scale[r] = uintBitsToFloat(step.x);
        codes_sums[r] = codes_sum(step.y, unit, span);
    }
    [[unroll]] for (uint n = 0u; n < COLUMNS; n++) {
        const int offset = byte_offset(weights[n], group);

        [[unroll]] for (uint r = 0u; r < ROWS; r++)
            whole[n * ROWS + r] = MAGIC - offset * codes_sums[r];
    }
    [[unroll]] for (uint h = 0u; h < HALVES / SPANS; h++) {
        uvec4 values[ROWS];

        [[unroll]] for (uint r = 0u; r < ROWS; r++)
            values[r] = x4[min(r, rows - 1u) * blocks * 2u + half_ + h];
        [[unroll]] for (uint n = 0u; n < COLUMNS; n++)
            [[unroll]] for (uint j = 0u; j < 4u; j++) {
                const uint w = quad_bytes(words[n], 4u * (span + h) + j);

                [[unroll]] for (uint r = 0u; r < ROWS; r++)
                    whole[n * ROWS + r] += dot_of_bytes(w, values[r][j]);
            }
    }
    [[unroll]] for (uint n = 0u; n < COLUMNS; n++) {
        const float scale = coded_scale(weights[n], group), low = coded_low(weights[n], group);

        [[unroll]] for (uint r = 0u; r < ROWS; r++) {
            float sum = scale * sums_from_magic(ivec4(whole[n * ROWS + r])).x;

            if (ZERO == ZERO_F16)
                sum += low * float(codes_sums[r]);
            sums[n * ROWS + r] += x_scale[r] * sum;
        }
    }
}

void main()
{
    const uint lane = gl_LocalInvocationID.x, lanes = gl_WorkGroupSize.x, at = group_index() * COLUMNS;
    const uint units = (cols + 31u) / 32u * (2u / HALVES);
    uint       weights[COLUMNS];
    float      sums[SUMS];

    [[unroll]] for (uint n = 0u; n < COLUMNS; n++)
        weights[n] = min(at + n, weight_rows - 1u);
    [[unroll]] for (uint s = 0u; s < SUMS; s++)
        sums[s] = 0.0;
    for (uint unit = lane; unit < units; unit += lanes) {
        uvec4 words[COLUMNS];

        [[unroll]] for (uint n = 0u; n < COLUMNS; n++)
            words[n] = words_of(weights[n], unit);
        [[unroll]] for (uint span = 0u; span < SPANS; span++)
            add_span(sums, words, weights, unit, span);
    }
    [[unroll]] for (uint s = 0u; s < SUMS; s++)
        part[s * lanes + lane] = sums[s];
    barrier();
    for (uint half_lanes = lanes / 2u; half_lanes > 0u; half_lanes /= 2u) {
        for (uint i = lane; i < SUMS * half_lanes; i += lanes) {
            const uint to = i / half_lanes * lanes + i % half_lanes;

            part[to] += part[to + half_lanes];
        }
        barrier();
    }
    for (uint s = lane; s < SUMS; s += lanes) {
        const uint  n = at + s / ROWS, r = s % ROWS;
        const float sum = POINT * part[s * lanes];

        if (n < weight_rows && r < rows)
            y[r * columns + first + n] = biased != 0u ? sum + bias[first + n] : sum;
    }
}
