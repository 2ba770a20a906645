/* norm -- normalization of rows and rotary positions. */
#include "device/cpu/reference/real.h"

/* Zhang & Sennrich 2019, arXiv:1910.07467, eq. 4, without a gain. */
void NYX_REFERENCE(rmsnorm)(const nyx_call *call, int part, int parts)
{
    const int64_t width = last_extent(call->in[0].shape);
    const real   *x = call->in[0].data, *residual = call->in[1].data;
    const real    epsilon = (real)call->node->reals[0];
    real         *y = call->out[0].data, *rinv = call->out[1].data;

    (void)parts;
    if (part)
        return;
    for (int64_t row = 0; row < call->in[0].count / width; row++) {
        const int64_t first = row * width;
        real          sum = 0, scale;

        for (int64_t i = first; i < first + width; i++) {
            const real t = residual ? x[i] + residual[i] : x[i];

            sum += t * t;
        }
        scale = 1 / real_sqrt(sum / (real)width + epsilon);
        for (int64_t i = first; y && i < first + width; i++)
            y[i] = (residual ? x[i] + residual[i] : x[i]) * scale;
        if (rinv)
            rinv[row] = scale;
    }
}

/* dx = rinv (dy - y mean(dy y)): from the result, so x need not be kept. */
void NYX_REFERENCE(rmsnorm_grad)(const nyx_call *call, int part, int parts)
{
    const int64_t width = last_extent(call->in[0].shape);
    const real   *y = call->in[0].data, *rinv = call->in[1].data, *dy = call->in[2].data;
    real         *dx = call->out[0].data;

    (void)parts;
    if (part)
        return;
    for (int64_t row = 0; row < call->in[0].count / width; row++) {
        const int64_t first = row * width;
        real          mean = 0;

        for (int64_t i = first; i < first + width; i++)
            mean += dy[i] * y[i];
        mean /= (real)width;
        for (int64_t i = first; i < first + width; i++)
            dx[i] = rinv[row] * (dy[i] - y[i] * mean);
    }
}

/* Ba et al. 2016, arXiv:1607.06450, without gain and bias. */
void NYX_REFERENCE(layernorm)(const nyx_call *call, int part, int parts)
{
    const int64_t width = last_extent(call->in[0].shape);
    const real   *x = call->in[0].data;
    const real    epsilon = (real)call->node->reals[0];
    real         *y = call->out[0].data, *rinv = call->out[1].data;

    (void)parts;
    if (part)
        return;
    for (int64_t row = 0; row < call->in[0].count / width; row++) {
        const int64_t first = row * width;
        real          mean = 0, sum = 0, scale;

        for (int64_t i = first; i < first + width; i++)
            mean += x[i];
        mean /= (real)width;
        for (int64_t i = first; i < first + width; i++)
            sum += (x[i] - mean) * (x[i] - mean);
        scale = 1 / real_sqrt(sum / (real)width + epsilon);
        for (int64_t i = first; y && i < first + width; i++)
            y[i] = (x[i] - mean) * scale;
        if (rinv)
            rinv[row] = scale;
    }
}

/* dx = rinv (dy - mean(dy) - y mean(dy y)). */
void NYX_REFERENCE(layernorm_grad)(const nyx_call *call, int part, int parts)
{
    const int64_t width = last_extent(call->in[0].shape);
    const real   *y = call->in[0].data, *rinv = call->in[1].data, *dy = call->in[2].data;
    real         *dx = call->out[0].data;

    (void)parts;
    if (part)
        return;
    for (int64_t row = 0; row < call->in[0].count / width; row++) {
        const int64_t first = row * width;
        real          mean = 0, along = 0;

        for (int64_t i = first; i < first + width; i++) {
            mean += dy[i];
            along += dy[i] * y[i];
        }
        mean /= (real)width;
        along /= (real)width;
        for (int64_t i = first; i < first + width; i++)
            dx[i] = rinv[row] * (dy[i] - mean - y[i] * along);
    }
}

/* Su et al. 2021, arXiv:2104.09864, pairs (i, i + width / 2). */
void NYX_REFERENCE(rope)(const nyx_call *call, int part, int parts)
{
    const nyx_operand *x = &call->in[0], *table = &call->in[1];
    const int64_t      all = last_extent(x->shape), width = last_extent(table->shape), half = width / 2;
    const int64_t      positions = x->shape->dims[x->shape->rank - 2], heads = call->node->ints[0];
    const bool         inverse = call->node->ints[1] != 0;
    const real        *from = x->data;
    real              *to = call->out[0].data;

    (void)parts;
    if (part)
        return;
    memcpy(to, from, (size_t)x->count * sizeof *to);
    for (int64_t row = 0; row < x->count / all; row++) {
        const real *turn = (const real *)table->data + row % positions * width;

        for (int64_t head = 0; head < heads; head++) {
            const int64_t first = row * all + head * width;

            for (int64_t i = 0; i < half; i++) {
                const real c = turn[i], s = inverse ? -turn[half + i] : turn[half + i];
                const real a = from[first + i], b = from[first + half + i];

                to[first + i] = a * c - b * s;
                to[first + half + i] = b * c + a * s;
            }
        }
    }
}
