/* loss -- cross entropy under softmax or stablemax, and with two classes.
 * Sums and logarithms in float64 in both builds. */
#include "device/cpu/reference/real.h"

/* The unnormalised probability of one logit; `most` is the row's largest.
 * Stablemax: Prieto et al. 2025, arXiv:2501.04697; the 1e-30 is that of the
 * HRM reference. */
static double weight_of(double x, double most, enum nyx_probability how)
{
    if (how == NYX_SOFTMAX)
        return wide_exp(x - most);
    return x >= 0 ? x + 1 : 1 / (1 - x + 1e-30);
}

static double largest(const real *x, int64_t count)
{
    double most = (double)x[0];

    for (int64_t i = 1; i < count; i++)
        most = (double)x[i] > most ? (double)x[i] : most;
    return most;
}

static double total(const real *x, int64_t count, double most, enum nyx_probability how)
{
    double sum = 0;

    for (int64_t i = 0; i < count; i++)
        sum += weight_of((double)x[i], most, how);
    return sum;
}

void NYX_REFERENCE(cross_entropy)(const nyx_call *call, int part, int parts)
{
    const int64_t              width = last_extent(call->in[0].shape), ignore = call->node->ints[1];
    const enum nyx_probability how = (enum nyx_probability)call->node->ints[0];
    const int32_t             *labels = call->in[1].data;
    real                      *loss = call->out[0].data;

    (void)parts;
    if (part)
        return;
    for (int64_t row = 0; row < call->in[1].count; row++) {
        const real   *x = (const real *)call->in[0].data + row * width;
        const int64_t label = labels[row];
        double        most, sum;

        if (label == ignore || label < 0 || label >= width) {
            loss[row] = label == ignore ? 0 : (real)NAN;
            continue;
        }
        most = largest(x, width);
        sum = wide_log(total(x, width, most, how));
        if (how == NYX_SOFTMAX)
            loss[row] = (real)(sum - ((double)x[label] - most));
        else
            loss[row] = (real)(sum - wide_log(weight_of((double)x[label], most, how)));
    }
}

/* softmax: p_j - [j = label]; stablemax: s'(x_j) (1 / sum - [j = label] / s_j)
 * with s' = 1 above 0 and s^2 below. */
void NYX_REFERENCE(cross_entropy_grad)(const nyx_call *call, int part, int parts)
{
    const int64_t              width = last_extent(call->in[0].shape), ignore = call->node->ints[1];
    const enum nyx_probability how = (enum nyx_probability)call->node->ints[0];
    const int32_t             *labels = call->in[1].data;
    const real                *dloss = call->in[2].data;

    (void)parts;
    if (part)
        return;
    for (int64_t row = 0; row < call->in[1].count; row++) {
        const real  *x = (const real *)call->in[0].data + row * width;
        real        *dx = (real *)call->out[0].data + row * width;
        const double most = largest(x, width), sum = total(x, width, most, how);

        for (int64_t j = 0; j < width; j++) {
            const double s = weight_of((double)x[j], most, how), hit = labels[row] == j ? 1 : 0;
            const double slope = how == NYX_SOFTMAX ? s / sum - hit
                                                    : (x[j] >= 0 ? 1 : s * s) * (1 / sum - hit / s);

            dx[j] = labels[row] == ignore ? 0 : (real)(slope * (double)dloss[row]);
        }
    }
}

/* max(x, 0) - x target + log(1 + e^-|x|): no exponential of a large number. */
void NYX_REFERENCE(bce)(const nyx_call *call, int part, int parts)
{
    const real *logits = call->in[0].data, *target = call->in[1].data;
    real       *loss = call->out[0].data;

    (void)parts;
    if (part)
        return;
    for (int64_t i = 0; i < call->out[0].count; i++) {
        const double x = (double)logits[i];
        const double tail = wide_log1p(wide_exp(x < 0 ? x : -x));

        loss[i] = (real)((x > 0 ? x : 0) - x * (double)target[i] + tail);
    }
}
