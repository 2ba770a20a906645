/* norm -- normalization and rotary positions, by rows. */
#include "isa.h"
#include "simd.h"

enum { SUMS = 4 }; // vectors summed side by side: one alone waits for itself

/* x, or x + residual where there is one. */
NYX_INLINE vf sum_load(const float *x, const float *residual, int64_t i)
{
    return residual ? vf_load(x + i) + vf_load(residual + i) : vf_load(x + i);
}

NYX_INLINE vf sum_load_part(const float *x, const float *residual, int64_t i, int64_t count)
{
    vf a = vf_load_part(x + i, count);

    return residual ? a + vf_load_part(residual + i, count) : a;
}

/* Zhang & Sennrich 2019, arXiv:1910.07467, eq. 4, without a gain. */
NYX_INLINE float row_rmsnorm(float *y, const float *x, const float *residual, int64_t width, float epsilon)
{
    const int64_t whole = width / NYX_W * NYX_W;
    vf            sum[SUMS] = { { 0 } }, t;
    int64_t       i = 0;
    float         scale;

    for (; i + SUMS * NYX_W <= width; i += SUMS * NYX_W)
        NYX_UNROLL(4)
        for (int j = 0; j < SUMS; j++) {
            t = sum_load(x, residual, i + j * NYX_W);
            sum[j] = vf_fma(t, t, sum[j]);
        }
    for (; i < whole; i += NYX_W) {
        t = sum_load(x, residual, i);
        sum[0] = vf_fma(t, t, sum[0]);
    }
    t = sum_load_part(x, residual, whole, width - whole);
    sum[1] = vf_fma(t, t, sum[1]);
    scale = 1.0f / nyx_sqrtf(vf_sum((sum[0] + sum[1]) + (sum[2] + sum[3])) / (float)width + epsilon);
    for (i = 0; y && i < whole; i += NYX_W)
        vf_store(y + i, sum_load(x, residual, i) * scale);
    if (y)
        vf_store_part(y + whole, sum_load_part(x, residual, whole, width - whole) * scale, width - whole);
    return scale;
}

void NYX_ISA_NAME(nyx_cpu__rmsnorm)(const nyx_call *call, int part, int parts)
{
    const int64_t width = nyx_isa_width(call->in[0].shape);
    const float  *x = call->in[0].data, *residual = call->in[1].data;
    const float   epsilon = (float)call->node->reals[0];
    float        *y = call->out[0].data, *rinv = call->out[1].data;
    int64_t       begin, end;

    nyx_cpu_split(&begin, &end, width > 0 ? call->in[0].count / width : 0, 1, part, parts);
    for (int64_t row = begin; row < end; row++) {
        const int64_t at = row * width;
        float        *to = y ? y + at : NULL, scale;

        if (residual)
            scale = row_rmsnorm(to, x + at, residual + at, width, epsilon);
        else
            scale = row_rmsnorm(to, x + at, NULL, width, epsilon);
        if (rinv)
            rinv[row] = scale;
    }
}

/* dx = rinv (dy - y mean(dy y)). */
static void row_gradient(float *dx, const float *y, const float *dy, int64_t width, float rinv)
{
    const int64_t whole = width / NYX_W * NYX_W, rest = width - whole;
    vf            sum[SUMS] = { { 0 } }, last_y, last_dy, last;
    int64_t       i = 0;
    float         mean;

    for (; i + SUMS * NYX_W <= width; i += SUMS * NYX_W)
        NYX_UNROLL(4)
        for (int j = 0; j < SUMS; j++)
            sum[j] = vf_fma(vf_load(dy + i + j * NYX_W), vf_load(y + i + j * NYX_W), sum[j]);
    for (; i < whole; i += NYX_W)
        sum[0] = vf_fma(vf_load(dy + i), vf_load(y + i), sum[0]);
    last_y = vf_load_part(y + whole, rest);
    last_dy = vf_load_part(dy + whole, rest);
    sum[1] = vf_fma(last_dy, last_y, sum[1]);
    mean = vf_sum((sum[0] + sum[1]) + (sum[2] + sum[3])) / (float)width;
    for (i = 0; i < whole; i += NYX_W)
        vf_store(dx + i, rinv * (vf_load(dy + i) - vf_load(y + i) * mean));
    last = rinv * (last_dy - last_y * mean);
    vf_store_part(dx + whole, last, rest);
}

void NYX_ISA_NAME(nyx_cpu__rmsnorm_grad)(const nyx_call *call, int part, int parts)
{
    const int64_t width = nyx_isa_width(call->in[0].shape);
    const float  *y = call->in[0].data, *rinv = call->in[1].data, *dy = call->in[2].data;
    float        *dx = call->out[0].data;
    int64_t       begin, end;

    nyx_cpu_split(&begin, &end, width > 0 ? call->in[0].count / width : 0, 1, part, parts);
    for (int64_t row = begin; row < end; row++)
        row_gradient(dx + row * width, y + row * width, dy + row * width, width, rinv[row]);
}

/* Ba et al. 2016, arXiv:1607.06450, without gain and bias. The part of a vector
 * behind the row holds zeros, which add nothing to a sum; their distance from
 * the mean would. */
static float row_layernorm(float *y, const float *x, int64_t width, float epsilon)
{
    const int64_t whole = width / NYX_W * NYX_W, rest = width - whole;
    vf            sum[SUMS] = { { 0 } }, square[SUMS] = { { 0 } }, t;
    int64_t       i = 0;
    float         mean, scale, tail = 0.0f;

    for (; i + SUMS * NYX_W <= width; i += SUMS * NYX_W)
        NYX_UNROLL(4)
        for (int j = 0; j < SUMS; j++)
            sum[j] += vf_load(x + i + j * NYX_W);
    for (; i < whole; i += NYX_W)
        sum[0] += vf_load(x + i);
    sum[1] += vf_load_part(x + whole, rest);
    mean = vf_sum((sum[0] + sum[1]) + (sum[2] + sum[3])) / (float)width;
    for (i = 0; i + SUMS * NYX_W <= width; i += SUMS * NYX_W)
        NYX_UNROLL(4)
        for (int j = 0; j < SUMS; j++) {
            t = vf_load(x + i + j * NYX_W) - mean;
            square[j] = vf_fma(t, t, square[j]);
        }
    for (; i < whole; i += NYX_W) {
        t = vf_load(x + i) - mean;
        square[0] = vf_fma(t, t, square[0]);
    }
    for (i = whole; i < width; i++)
        tail += (x[i] - mean) * (x[i] - mean);
    tail += vf_sum((square[0] + square[1]) + (square[2] + square[3]));
    scale = 1.0f / nyx_sqrtf(tail / (float)width + epsilon);
    for (i = 0; y && i < whole; i += NYX_W)
        vf_store(y + i, (vf_load(x + i) - mean) * scale);
    if (y)
        vf_store_part(y + whole, (vf_load_part(x + whole, rest) - mean) * scale, rest);
    return scale;
}

void NYX_ISA_NAME(nyx_cpu__layernorm)(const nyx_call *call, int part, int parts)
{
    const int64_t width = nyx_isa_width(call->in[0].shape);
    const float  *x = call->in[0].data;
    const float   epsilon = (float)call->node->reals[0];
    float        *y = call->out[0].data, *rinv = call->out[1].data, scale;
    int64_t       begin, end;

    nyx_cpu_split(&begin, &end, width > 0 ? call->in[0].count / width : 0, 1, part, parts);
    for (int64_t row = begin; row < end; row++) {
        scale = row_layernorm(y ? y + row * width : NULL, x + row * width, width, epsilon);
        if (rinv)
            rinv[row] = scale;
    }
}

/* dx = rinv (dy - mean(dy) - y mean(dy y)). */
static void row_layernorm_grad(float *dx, const float *y, const float *dy, int64_t width, float rinv)
{
    const int64_t whole = width / NYX_W * NYX_W, rest = width - whole;
    vf            sum[SUMS] = { { 0 } }, dot[SUMS] = { { 0 } }, last_y, last_dy, t;
    int64_t       i = 0;
    float         mean, along;

    for (; i + SUMS * NYX_W <= width; i += SUMS * NYX_W)
        NYX_UNROLL(4)
        for (int j = 0; j < SUMS; j++) {
            t = vf_load(dy + i + j * NYX_W);
            sum[j] += t;
            dot[j] = vf_fma(t, vf_load(y + i + j * NYX_W), dot[j]);
        }
    for (; i < whole; i += NYX_W) {
        t = vf_load(dy + i);
        sum[0] += t;
        dot[0] = vf_fma(t, vf_load(y + i), dot[0]);
    }
    last_y = vf_load_part(y + whole, rest);
    last_dy = vf_load_part(dy + whole, rest);
    sum[1] += last_dy;
    dot[1] = vf_fma(last_dy, last_y, dot[1]);
    mean = vf_sum((sum[0] + sum[1]) + (sum[2] + sum[3])) / (float)width;
    along = vf_sum((dot[0] + dot[1]) + (dot[2] + dot[3])) / (float)width;
    for (i = 0; i < whole; i += NYX_W)
        vf_store(dx + i, rinv * (vf_load(dy + i) - mean - vf_load(y + i) * along));
    vf_store_part(dx + whole, rinv * (last_dy - mean - last_y * along), rest);
}

void NYX_ISA_NAME(nyx_cpu__layernorm_grad)(const nyx_call *call, int part, int parts)
{
    const int64_t width = nyx_isa_width(call->in[0].shape);
    const float  *y = call->in[0].data, *rinv = call->in[1].data, *dy = call->in[2].data;
    float        *dx = call->out[0].data;
    int64_t       begin, end;

    nyx_cpu_split(&begin, &end, width > 0 ? call->in[0].count / width : 0, 1, part, parts);
    for (int64_t row = begin; row < end; row++)
        row_layernorm_grad(dx + row * width, y + row * width, dy + row * width, width, rinv[row]);
}

/* One head: Su et al. 2021, arXiv:2104.09864, pairs (i, i + half). */
NYX_INLINE void rotate(float *to, const float *from, const float *turn, int64_t half, float sign)
{
    int64_t i = 0;

    for (; i + NYX_W <= half; i += NYX_W) {
        vf c = vf_load(turn + i), s = vf_load(turn + half + i) * sign;
        vf a = vf_load(from + i), b = vf_load(from + half + i);

        vf_store(to + i, a * c - b * s);
        vf_store(to + half + i, b * c + a * s);
    }
    for (; i < half; i++) {
        float c = turn[i], s = turn[half + i] * sign;
        float a = from[i], b = from[half + i];

        to[i] = a * c - b * s;
        to[half + i] = b * c + a * s;
    }
}

void NYX_ISA_NAME(nyx_cpu__rope)(const nyx_call *call, int part, int parts)
{
    const nyx_operand *x = &call->in[0], *table = &call->in[1];
    const int64_t      all = nyx_isa_width(x->shape), width = nyx_isa_width(table->shape), half = width / 2;
    const int64_t      positions = x->shape->dims[x->shape->rank - 2], heads = call->node->ints[0];
    const float        sign = call->node->ints[1] ? -1.0f : 1.0f;
    int64_t            begin, end;

    nyx_cpu_split(&begin, &end, all > 0 ? x->count / all : 0, 1, part, parts);
    for (int64_t row = begin; row < end; row++) {
        const float *from = (const float *)x->data + row * all;
        const float *turn = (const float *)table->data + row % positions * width;
        float       *to = (float *)call->out[0].data + row * all;

        for (int64_t head = 0; head < heads; head++) {
            rotate(to + head * width, from + head * width, turn, half, sign);
            if (width % 2)
                to[head * width + width - 1] = from[head * width + width - 1];
        }
        memcpy(to + heads * width, from + heads * width, (size_t)(all - heads * width) * sizeof *to);
    }
}
