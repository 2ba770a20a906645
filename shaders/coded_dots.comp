/* coded_dots -- few rows times coded weights: y[r][n] = sum x[r][k] w[n][k] (+ bias[n]).
 *   planes  rows [first, first + weight_rows) of the weights
 *   x       f32 [rows, cols], rows <= ROWS;  bias  f32 [columns], where `biased`
 *   y       f32 [rows, columns]
 * A workgroup makes COLUMNS neighbours of each row of y: its invocations go
 * through the columns of the weights in turn, a unit of two words at a time,
 * and their sums are added as a tree. Quads of a unit: 1 of 16 bits, 2 of 8, 4
 * of 4 bits, 8 of 3 and 2 bits (a whole block). */
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "nyx.glsl"
#define CODED_MORE uint columns, first, rows, biased;
#include "decode.glsl"

layout(constant_id = 8) const uint ROWS = 1;
layout(constant_id = 9) const uint COLUMNS = 4;
layout(constant_id = 10) const uint PAIRS = 0; /* rows of codes begin at multiples of 8 bytes */
layout(set = 0, binding = 0) readonly buffer Codes2 { uvec2 codes2[]; };
layout(set = 0, binding = 4) readonly buffer X { float x[]; };
layout(set = 0, binding = 4) readonly buffer X4 { vec4 x4[]; };
layout(set = 0, binding = 5) readonly buffer Bias { float bias[]; };
layout(set = 0, binding = 6) writeonly buffer Y { float y[]; };

const uint QUADS = BITS == 16 ? 1 : BITS == 8 ? 2 : BITS == 4 ? 4 : 8;
const uint SPANS = GROUP_SHIFT == 4 && BITS < 8 ? 2 : 1; /* groups of a unit */
const uint SUMS = ROWS * COLUMNS;

shared float part[SUMS * gl_WorkGroupSize.x];

uint quad_of(uint unit, uint k)
{
    return BITS >= 8u ? QUADS * unit + k : BITS == 4u ? (unit >> 1) * 8u + 2u * (unit & 1u) + (k & 1u) + 2u * (k & 2u)
                                                      : 8u * unit + k;
}

uvec2 words_of(uint row, uint unit)
{
    if (PAIRS != 0u)
        return codes2[(codes_at + row * row_bytes) / 8u + unit];
    return uvec2(code_word(row, 2u * unit), code_word(row, 2u * unit + 1u));
}

vec4 x_quad(uint r, uint q)
{
    const uint at = min(r, rows - 1u) * cols + 4u * q;
    vec4       v = vec4(0.0);

    if (WHOLE != 0u)
        return x4[at / 4u];
    for (uint j = 0u; j < 4u && 4u * q + j < cols; j++)
        v[j] = x[at + j];
    return v;
}

/* Columns behind the end of a row are nothing, whatever stands there. */
vec4 inside(vec4 w, uint q)
{
    return WHOLE != 0u ? w : mix(vec4(0.0), w, lessThan(4u * q + uvec4(0, 1, 2, 3), uvec4(cols)));
}

void add_unit(inout float sums[SUMS], const uint weights[COLUMNS], uint unit)
{
    uvec2 words[COLUMNS];
    uint  tops[COLUMNS];

    [[unroll]] for (uint n = 0u; n < COLUMNS; n++) {
        words[n] = words_of(weights[n], unit);
        tops[n] = top_word(weights[n], quad_of(unit, 0u));
    }
    [[unroll]] for (uint span = 0u; span < SPANS; span++) {
        const uint group = group_of_quad(quad_of(unit, span * QUADS / SPANS));
        float      scale[COLUMNS], offset[COLUMNS], low[COLUMNS];

        [[unroll]] for (uint n = 0u; n < COLUMNS; n++) {
            scale[n] = SCALE == SCALE_NONE ? 1.0 : coded_scale(weights[n], group);
            offset[n] = coded_offset(weights[n], group);
            low[n] = coded_low(weights[n], group);
        }
        [[unroll]] for (uint k = span * QUADS / SPANS; k < (span + 1u) * QUADS / SPANS; k++) {
            const uint q = quad_of(unit, k);
            vec4       values[ROWS];

            if (4u * q >= cols)
                continue;
            [[unroll]] for (uint r = 0u; r < ROWS; r++)
                values[r] = ZERO == ZERO_F16 ? x_quad(r, q) : x_quad(r, q) * ODD;
            [[unroll]] for (uint n = 0u; n < COLUMNS; n++) {
                precise vec4 w = BITS == 16u ? halves_of(words[n].x, words[n].y)
                                             : points_of(codes_of(words[n][k & 1u], tops[n], q & 7u), offset[n]);
                if (ZERO == ZERO_F16) {
                    w = scale[n] * (w * ODD);
                    w = w + low[n];
                }
                w = inside(w, q);
                [[unroll]] for (uint r = 0u; r < ROWS; r++)
                    sums[n * ROWS + r] += (ZERO == ZERO_F16 ? 1.0 : scale[n]) * dot(w, values[r]);
            }
        }
    }
}

void main()
{
    const uint lane = gl_LocalInvocationID.x, lanes = gl_WorkGroupSize.x, at = group_index() * COLUMNS;
    const uint units = BITS >= 8u ? (cols + 4u * QUADS - 1u) / (4u * QUADS) : (cols + 31u) / 32u * (8u / QUADS);
    uint       weights[COLUMNS];
    float      sums[SUMS];

    decode_begin();
    [[unroll]] for (uint n = 0u; n < COLUMNS; n++)
        weights[n] = min(at + n, weight_rows - 1u);
    [[unroll]] for (uint s = 0u; s < SUMS; s++)
        sums[s] = 0.0;
    for (uint unit = lane; unit < units; unit += lanes)
        add_unit(sums, weights, unit);
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
        const uint n = at + s / ROWS, r = s % ROWS;

        if (n < weight_rows && r < rows)
            y[r * columns + first + n] = biased != 0u ? part[s * lanes] + bias[first + n] : part[s * lanes];
    }
}
