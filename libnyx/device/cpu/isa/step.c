/* step -- optimizer steps; they write the variables among their inputs, each
 * element as the reference kernels do. scalars = decay, rate, second; graph.h
 * has the formulas. */
#include "isa.h"
#include "simd.h"

enum { GRAIN = 64 }; // elements

static bool is_finite(float x)
{
    return x - x == 0;
}

/* What one step needs beside its operands. */
typedef struct {
    float beta1, rest1, beta2, rest2, epsilon;
    float decay, rate, second, scale;
} adam_rule;

/* Both moments; `stable` (a constant once inlined) chooses the step. */
NYX_INLINE void adam_range(float *restrict p, const float *restrict grad, float *restrict m, float *restrict v,
                           int64_t count, adam_rule r, bool stable)
{
    for (int64_t i = 0; i < count; i++) {
        const float g = grad[i] * r.scale;
        const float mean = r.beta1 * m[i] + r.rest1 * g;
        const float square = r.beta2 * v[i] + r.rest2 * (g * g);
        const float size = nyx_sqrtf(square) * r.second;

        m[i] = mean;
        v[i] = square;
        p[i] = r.decay * p[i] - r.rate * (stable ? nyx_atan2f(mean, size) : mean / (size + r.epsilon));
    }
}

static void adam(const nyx_call *call, bool stable, int part, int parts)
{
    const float    *scalars = call->in[4].data, scale = *(const float *)call->in[5].data;
    const double   *reals = call->node->reals;
    const adam_rule r = { (float)reals[0], (float)(1.0 - reals[0]), (float)reals[1], (float)(1.0 - reals[1]),
                          (float)reals[2], scalars[0], scalars[1], scalars[2], scale };
    float          *p = call->in[0].data, *m = call->in[2].data, *v = call->in[3].data;
    const float    *grad = call->in[1].data;
    int64_t         begin, end;

    if (!is_finite(scale))
        return;
    nyx_cpu_split(&begin, &end, call->in[0].count, GRAIN, part, parts);
    if (stable)
        adam_range(p + begin, grad + begin, m + begin, v + begin, end - begin, r, true);
    else
        adam_range(p + begin, grad + begin, m + begin, v + begin, end - begin, r, false);
}

/* Everett et al. 2024, arXiv:2407.05872; the correction of m is in the rate. */
void NYX_ISA_NAME(nyx_cpu__adam_atan2)(const nyx_call *call, int part, int parts)
{
    adam(call, true, part, parts);
}

/* Loshchilov & Hutter 2019, arXiv:1711.05101, algorithm 2. */
void NYX_ISA_NAME(nyx_cpu__adamw)(const nyx_call *call, int part, int parts)
{
    adam(call, false, part, parts);
}

static bool seen(const int32_t *ids, int64_t count, int32_t id)
{
    bool any = false;

    for (int64_t i = 0; i < count; i++)
        any |= ids[i] == id;
    return any;
}

/* Each row moves once, by the sign of the sum of its gradients; a thread owns
 * columns. */
void NYX_ISA_NAME(nyx_cpu__sign_sgd)(const nyx_call *call, int part, int parts)
{
    enum { COLUMNS = 64 };
    const nyx_operand *table = &call->in[0];
    const int32_t     *ids = call->in[1].data;
    const int64_t      count = call->in[1].count, width = nyx_isa_width(table->shape);
    const int64_t      pieces = (width + COLUMNS - 1) / COLUMNS;
    const float       *grad = call->in[2].data, *scalars = call->in[3].data;
    const float        scale = *(const float *)call->in[4].data;
    int64_t            begin, end;

    if (!is_finite(scale))
        return;
    nyx_cpu_split(&begin, &end, count * pieces, 1, part, parts);
    for (int64_t at = begin; at < end; at++) {
        const int64_t i = at / pieces, first = at % pieces * COLUMNS;
        const int64_t some = width - first < COLUMNS ? width - first : COLUMNS;
        float        *row = (float *)table->data + ids[i] * width + first, sum[COLUMNS] = { 0 };

        if (ids[i] < 0 || ids[i] >= table->shape->dims[0] || seen(ids, i, ids[i]))
            continue;
        for (int64_t k = i; k < count; k++)
            for (int64_t j = 0; ids[k] == ids[i] && j < some; j++)
                sum[j] += grad[k * width + first + j] * scale;
        for (int64_t j = 0; j < some; j++)
            row[j] = scalars[0] * row[j] - scalars[1] * (float)((sum[j] > 0) - (sum[j] < 0));
    }
}

void NYX_ISA_NAME(nyx_cpu__ema)(const nyx_call *call, int part, int parts)
{
    const float           beta = (float)call->node->reals[0], rest = (float)(1.0 - call->node->reals[0]);
    const float *restrict p = call->in[1].data;
    float *restrict       e = call->in[0].data;
    int64_t               begin, end;

    nyx_cpu_split(&begin, &end, call->in[0].count, GRAIN, part, parts);
    for (int64_t i = begin; i < end; i++)
        e[i] = beta * e[i] + rest * p[i];
}
