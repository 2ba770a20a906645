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

/* Sum of the unnormalised probabilities of a row, by lanes. Exponentials are
 * f32: that of the largest is exact, the others are right to their last bit. */
static double total(const float *x, float most, const rule *r)
{
    typedef double vd __attribute__((vector_size(8 * NYX_W)));
    vd      lanes = { 0 };
    double  sum = 0;
    int64_t i = 0;

    for (; i + NYX_W <= r->width; i += NYX_W) {
        if (r->how == NYX_SOFTMAX) {
            lanes += __builtin_convertvector(vf_exp(vf_load(x + i) - most), vd);
        } else {
            for (int lane = 0; lane < NYX_W; lane++)
                lanes[lane] += stable(x[i + lane]);
        }
    }
    for (; i < r->width; i++)
        sum += r->how == NYX_SOFTMAX ? (double)nyx_expf(x[i] - most) : stable(x[i]);
    for (int lane = 0; lane < NYX_W; lane++)
        sum += lanes[lane];
    return sum;
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
        float         most;

        if (label == r.ignore || label < 0 || label >= r.width) {
            loss[row] = label == r.ignore ? 0.0f : nyx_f32_of_bits(0x7fc00000u); // NaN
            continue;
        }
        most = r.how == NYX_SOFTMAX ? largest(x, r.width) : 0.0f;
        if (r.how == NYX_SOFTMAX)
            loss[row] = (float)(nyx_log64(total(x, most, &r)) - ((double)x[label] - (double)most));
        else
            loss[row] = (float)(nyx_log64(total(x, most, &r)) - nyx_log64(stable(x[label])));
    }
}

/* p_j - [j = label], the label's own difference in float64. */
static void softmax_gradient(float *dx, const float *x, int64_t label, double dloss, const rule *r)
{
    const float  most = largest(x, r->width);
    const double sum = total(x, most, r);
    const float  scale = (float)(dloss / sum);
    int64_t      i = 0;

    for (; i + NYX_W <= r->width; i += NYX_W)
        vf_store(dx + i, vf_exp(vf_load(x + i) - most) * scale);
    for (; i < r->width; i++)
        dx[i] = nyx_expf(x[i] - most) * scale;
    if (label >= 0 && label < r->width)
        dx[label] = (float)(((double)nyx_expf(x[label] - most) / sum - 1) * dloss);
}

/* s'(x_j) (1 / sum - [j = label] / s_j); s' = 1 above 0 and s^2 below. */
static void stablemax_gradient(float *dx, const float *x, int64_t label, double dloss, const rule *r)
{
    const double share = 1 / total(x, 0, r);

    for (int64_t i = 0; i < r->width; i++) {
        const double s = stable(x[i]), slope = x[i] >= 0 ? 1 : s * s;

        dx[i] = (float)(slope * share * dloss);
    }
    if (label >= 0 && label < r->width) {
        const double s = stable(x[label]), slope = x[label] >= 0 ? 1 : s * s;

        dx[label] = (float)(slope * (share - 1 / s) * dloss);
    }
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
