/* step -- optimizer steps; they write the variables among their inputs.
 * scalars = decay, rate, second; graph.h has the formulas. */
#include "device/cpu/reference/real.h"

/* Both moments; `stable` chooses the step: atan2 needs no epsilon. */
static void adam(const nyx_call *call, bool stable)
{
    const real *grad = call->in[1].data, *scalars = call->in[4].data;
    const real  scale = *(const real *)call->in[5].data;
    const real  beta1 = (real)call->node->reals[0], rest1 = (real)(1.0 - call->node->reals[0]);
    const real  beta2 = (real)call->node->reals[1], rest2 = (real)(1.0 - call->node->reals[1]);
    const real  epsilon = (real)call->node->reals[2];
    real       *p = call->in[0].data, *m = call->in[2].data, *v = call->in[3].data;

    if (!real_is_finite(scale))
        return;
    for (int64_t i = 0; i < call->in[0].count; i++) {
        const real g = grad[i] * scale;
        real       size;

        m[i] = beta1 * m[i] + rest1 * g;
        v[i] = beta2 * v[i] + rest2 * (g * g);
        size = real_sqrt(v[i]) * scalars[2];
        p[i] = scalars[0] * p[i] - scalars[1] * (stable ? real_atan2(m[i], size) : m[i] / (size + epsilon));
    }
}

/* Everett et al. 2024, arXiv:2407.05872; the correction of m is in the rate. */
void NYX_REFERENCE(adam_atan2)(const nyx_call *call, int part, int parts)
{
    (void)parts;
    if (!part)
        adam(call, true);
}

/* Loshchilov & Hutter 2019, arXiv:1711.05101, algorithm 2. */
void NYX_REFERENCE(adamw)(const nyx_call *call, int part, int parts)
{
    (void)parts;
    if (!part)
        adam(call, false);
}

static bool seen(const int32_t *ids, int64_t count, int32_t id)
{
    for (int64_t i = 0; i < count; i++) {
        if (ids[i] == id)
            return true;
    }
    return false;
}

/* Each row moves once, by the sign of the sum of its gradients. */
void NYX_REFERENCE(sign_sgd)(const nyx_call *call, int part, int parts)
{
    const nyx_operand *table = &call->in[0];
    const int32_t     *ids = call->in[1].data;
    const int64_t      count = call->in[1].count, width = last_extent(table->shape);
    const real        *grad = call->in[2].data, *scalars = call->in[3].data;
    const real         scale = *(const real *)call->in[4].data;

    (void)parts;
    if (part || !real_is_finite(scale))
        return;
    for (int64_t i = 0; i < count; i++) {
        real *row;

        if (ids[i] < 0 || ids[i] >= table->shape->dims[0] || seen(ids, i, ids[i]))
            continue;
        row = (real *)table->data + ids[i] * width;
        for (int64_t j = 0; j < width; j++) {
            real sum = 0;

            for (int64_t k = i; k < count; k++)
                sum = ids[k] == ids[i] ? sum + grad[k * width + j] * scale : sum;
            row[j] = scalars[0] * row[j] - scalars[1] * (real)((sum > 0) - (sum < 0));
        }
    }
}

void NYX_REFERENCE(ema)(const nyx_call *call, int part, int parts)
{
    const real  beta = (real)call->node->reals[0], rest = (real)(1.0 - call->node->reals[0]);
    const real *p = call->in[1].data;
    real       *e = call->in[0].data;

    (void)parts;
    if (part)
        return;
    for (int64_t i = 0; i < call->in[0].count; i++)
        e[i] = beta * e[i] + rest * p[i];
}
