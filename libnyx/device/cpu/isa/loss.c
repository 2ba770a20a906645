/* loss -- cross entropy under softmax or stablemax, by rows. Sums and
 * logarithms are in float64. */
#include "isa.h"
#include "simd.h"

typedef struct {
    int64_t              width, ignore;
    enum nyx_probability how;
} rule;

static rule rule_of(const nyx_call *call)
{
    return (rule){ nyx_isa_width(call->in[0].shape), call->node->ints[1],
                   (enum nyx_probability)call->node->ints[0] };
}

/* Stablemax: Prieto et al. 2025, arXiv:2501.04697; the 1e-30 is that of the
 * HRM reference. */
NYX_INLINE double stable(float x)
{
    return x >= 0 ? (double)x + 1 : 1 / (1 - (double)x + 1e-30);
}

static float largest(const float *x, int64_t count)
{
    vf      most;
    float   all;
    int64_t i = 0;

    most = vf_all(x[0]);
    for (; i + NYX_W <= count; i += NYX_W)
        most = vf_max(vf_load(x + i), most);
    all = vf_largest(most);
    for (; i < count; i++)
        all = x[i] > all ? x[i] : all;
    return all;
}

typedef double vd __attribute__((vector_size(8 * NYX_W)));

/* A sum and lanes of it, in order. */
static double sum_of(const vd *lanes, double sum)
{
    for (int lane = 0; lane < NYX_W; lane++)
        sum += (*lanes)[lane];
    return sum;
}

/* Sum of e^(x - most) of a row, by lanes; `to`, if any, gets the exponentials
 * and may be x. They are f32: that of the largest is exact, the others are
 * right to their last bit. */
NYX_INLINE double softmax_total(float *to, const float *x, float most, int64_t width)
{
    vd      lanes = { 0 };
    double  rest = 0;
    int64_t i = 0;

    for (; i + NYX_W <= width; i += NYX_W) {
        const vf e = vf_exp_down(vf_load(x + i) - most);

        lanes += __builtin_convertvector(e, vd);
        if (to)
            vf_store(to + i, e);
    }
    for (; i < width; i++) {
        const float e = nyx_expf(x[i] - most);

        rest += (double)e;
        if (to)
            to[i] = e;
    }
    return sum_of(&lanes, rest);
}

static double stable_total(const float *x, int64_t width)
{
    vd      lanes = { 0 };
    double  rest = 0;
    int64_t i = 0;

    for (; i + NYX_W <= width; i += NYX_W)
        for (int lane = 0; lane < NYX_W; lane++)
            lanes[lane] += stable(x[i + lane]);
    for (; i < width; i++)
        rest += stable(x[i]);
    return sum_of(&lanes, rest);
}

void NYX_ISA_NAME(nyx_cpu__cross_entropy)(const nyx_call *call, int part, int parts)
{
    const rule     r = rule_of(call);
    const int32_t *labels = call->in[1].data;
    float         *loss = call->out[0].data;
    int64_t        begin, end;

    nyx_cpu_split(&begin, &end, call->in[1].count, 16, part, parts);
    for (int64_t row = begin; row < end; row++) {
        const float  *x = (const float *)call->in[0].data + row * r.width;
        const int64_t label = labels[row];

        if (label == r.ignore || label < 0 || label >= r.width) {
            loss[row] = label == r.ignore ? 0.0f : nyx_f32_of_bits(0x7fc00000u); // NaN
            continue;
        }
        if (r.how == NYX_SOFTMAX) {
            const float most = largest(x, r.width);

            loss[row] = (float)(nyx_log64(softmax_total(NULL, x, most, r.width)) - ((double)x[label] - (double)most));
        } else {
            loss[row] = (float)(nyx_log64(stable_total(x, r.width)) - nyx_log64(stable(x[label])));
        }
    }
}

/* p_j - [j = label], the label's own difference in float64. dx may be x. */
static void softmax_gradient(float *dx, const float *x, int64_t label, double dloss, const rule *r)
{
    const float  most = largest(x, r->width);
    const double sum = softmax_total(dx, x, most, r->width);
    const float  scale = (float)(dloss / sum);
    const bool   valid = label >= 0 && label < r->width;
    const double own = valid ? ((double)dx[label] / sum - 1) * dloss : 0;

    for (int64_t i = 0; i < r->width; i++)
        dx[i] *= scale;
    if (valid)
        dx[label] = (float)own;
}

/* s'(x_j) (1 / sum - [j = label] / s_j); s' = 1 above 0 and s^2 below. */
static double stable_slope(float x)
{
    const double s = stable(x);

    return x >= 0 ? 1 : s * s;
}

static void stablemax_gradient(float *dx, const float *x, int64_t label, double dloss, const rule *r)
{
    const double share = 1 / stable_total(x, r->width);
    const bool   valid = label >= 0 && label < r->width;
    const double own = valid ? stable_slope(x[label]) * (share - 1 / stable(x[label])) * dloss : 0;

    for (int64_t i = 0; i < r->width; i++)
        dx[i] = (float)(stable_slope(x[i]) * share * dloss);
    if (valid)
        dx[label] = (float)own;
}

void NYX_ISA_NAME(nyx_cpu__cross_entropy_grad)(const nyx_call *call, int part, int parts)
{
    const rule     r = rule_of(call);
    const int32_t *labels = call->in[1].data;
    const float   *dloss = call->in[2].data;
    int64_t        begin, end;

    nyx_cpu_split(&begin, &end, call->in[1].count, 16, part, parts);
    for (int64_t row = begin; row < end; row++) {
        const float *x = (const float *)call->in[0].data + row * r.width;
        float       *dx = (float *)call->out[0].data + row * r.width;

        if (labels[row] == r.ignore)
            memset(dx, 0, (size_t)r.width * sizeof *dx);
        else if (r.how == NYX_SOFTMAX)
            softmax_gradient(dx, x, labels[row], (double)dloss[row], &r);
        else
            stablemax_gradient(dx, x, labels[row], (double)dloss[row], &r);
    }
}
