/* choose -- the step of a group from its smallest and largest element, and
 * the survey that finds them over a whole tensor. */
#include "quant/internal.h"
#include "quant/lattice.h"

#include <string.h>

/* Dettmers et al. 2023, arXiv:2305.14314, appendix E. */
const float nyx_nf4_levels[16] = {
    -1.0f,                 -0.6961928009986877f,  -0.5250730514526367f, -0.39491748809814453f,
    -0.28444138169288635f, -0.18477343022823334f, -0.09105003625154495f, 0.0f,
    0.07958029955625534f,  0.16093020141124725f,  0.24611230194568634f, 0.33791524171829224f,
    0.44070982933044434f,  0.5626170039176941f,   0.7229568362236023f,  1.0f,
};

/* ---- extents ---------------------------------------------------------------- */

/* Positive floats order like their bits, negative ones after a change of sign;
 * integer maxima may be taken in any order, so this vectorises. */
static NYX_BODY void extent_bits_body(int32_t *positive, int32_t *negative, const float *w, int64_t n)
{
    int32_t p = 0, m = 0;

    for (int64_t i = 0; i < n; i++) {
        int32_t bits = (int32_t)nyx_f32_bits(w[i]);
        int32_t turned = (int32_t)(nyx_f32_bits(w[i]) ^ 0x80000000u);

        p = bits > p ? bits : p;
        m = turned > m ? turned : m;
    }
    *positive = p;
    *negative = m;
}
NYX_CLONES(extent_bits, (int32_t *positive, int32_t *negative, const float *w, int64_t n),
           (positive, negative, w, n))

void nyx_quant__extent_of(nyx_quant__extent *out, const float *w, int64_t n)
{
    int32_t positive, negative;

    extent_bits(&positive, &negative, w, n);
    out->most = nyx_f32_of_bits((uint32_t)positive);
    out->least = -nyx_f32_of_bits((uint32_t)negative);
    out->peak = positive > negative ? out->most : out->least;
    if (positive != negative || positive == 0)
        return;
    for (int64_t i = 0; i < n; i++) /* both signs reach it: the first counts */
        if (nyx_absf(w[i]) == out->most) {
            out->peak = w[i];
            return;
        }
}

/* ---- steps -------------------------------------------------------------------- */

static float largest_of(const nyx_quant__extent *extent)
{
    return extent->most > -extent->least ? extent->most : -extent->least;
}

static void choose_symmetric(nyx_quant__step *out, const nyx_quant__plan *plan, enum nyx_method method,
                             const nyx_quant__extent *extent)
{
    float scale = largest_of(extent) * (1.0f / plan->qmax);

    if (plan->layout.lattice == NYX_LATTICE_INT && method == NYX_METHOD_SIGNED_MAX)
        scale = extent->peak * (1.0f / plan->qmin);
    if (plan->scale == NYX_SCALE_E8M0) /* OCP: floor(log2 max) - emax */
        scale = largest_of(extent) * (plan->layout.lattice == NYX_LATTICE_E2M1 ? 0x1p-2f : 0x1p-8f);
    out->scale = nyx_quant__scale_round(plan->scale, scale);
    out->inverse = nyx_quant__inverse(out->scale);
    out->bottom = method == NYX_METHOD_ABSMAX ? -plan->qmax : plan->qmin;
}

/* The grid covers 0 and everything between the extremes. */
static void choose_asymmetric(nyx_quant__step *out, const nyx_quant__plan *plan, const nyx_quant__extent *extent)
{
    NYX_NO_CONTRACT
    float    range = extent->most - extent->least;
    float    below;
    uint32_t zero;

    out->scale = nyx_quant__scale_round(plan->scale, range * (1.0f / (plan->qmax - plan->qmin)));
    out->inverse = nyx_quant__inverse(out->scale);
    if (plan->zero == NYX_ZERO_F16) {
        out->low = nyx_quant__scale_round(NYX_SCALE_F16, extent->least);
        out->zero = (int32_t)plan->qmin;
    } else {
        below = -extent->least * out->inverse;
        below = below > plan->qmax - plan->qmin ? plan->qmax - plan->qmin : below;
        nyx_rintf(below, &zero);
        out->zero = (int32_t)zero + (int32_t)plan->qmin;
    }
    out->bottom = plan->qmin - (float)out->zero;
}

void nyx_quant__choose(nyx_quant__step *out, const nyx_quant__plan *plan, enum nyx_method method,
                       const nyx_quant__extent *extent)
{
    *out = (nyx_quant__step){ 0 };
    if (plan->zero == NYX_ZERO_NONE)
        choose_symmetric(out, plan, method, extent);
    else
        choose_asymmetric(out, plan, extent);
    out->top = plan->qmax - (float)out->zero;
}

/* ---- survey ------------------------------------------------------------------- */

bool nyx_format_needs_survey(const nyx_format *format)
{
    return format->group == NYX_GROUP_TENSOR || format->scale == NYX_SCALE_E4M3;
}

void nyx_survey_init(nyx_survey *survey)
{
    memset(survey, 0, sizeof *survey);
    survey->stride = 1;
}

/* A full sample drops every other element and doubles the distance. */
static void sample_add(nyx_survey *survey, const float *src, int64_t elems)
{
    int64_t next = (survey->seen + survey->stride - 1) / survey->stride * survey->stride;

    while (next < survey->seen + elems) {
        if (survey->count == NYX_SURVEY_SAMPLE) {
            survey->count /= 2;
            for (int i = 0; i < survey->count; i++)
                survey->sample[i] = survey->sample[2 * i];
            survey->stride *= 2; /* `next` is a multiple: the sample was full */
        }
        survey->sample[survey->count++] = src[next - survey->seen];
        next += survey->stride;
    }
}

void nyx_survey_add(nyx_survey *survey, const float *src, int64_t elems)
{
    nyx_quant__extent extent;

    nyx_quant__extent_of(&extent, src, elems);
    if (nyx_absf(extent.peak) > nyx_absf(survey->peak))
        survey->peak = extent.peak;
    survey->least = extent.least < survey->least ? extent.least : survey->least;
    survey->most = extent.most > survey->most ? extent.most : survey->most;
    sample_add(survey, src, elems);
    survey->seen += elems;
}

void nyx_encode_prepare(nyx_coded *coded, enum nyx_method method, const nyx_survey *survey)
{
    const nyx_quant__extent extent = { survey->least, survey->most, survey->peak };
    nyx_quant__plan         plan;
    nyx_quant__step         step;

    if (!nyx_format_needs_survey(&coded->format))
        return;
    nyx_quant__plan_init(&plan, coded);
    if (plan.scale == NYX_SCALE_E4M3) { /* the largest block gets the largest scale, 448 */
        coded->global = nyx_quant__scale_round(NYX_SCALE_F32, largest_of(&extent) * (1.0f / 2688.0f));
        if (!(coded->global > 0.0f)) /* nothing but zeros */
            coded->global = 1.0f;
        return;
    }
    if (method == NYX_METHOD_MSE)
        nyx_quant__search(&step, &plan, &extent, survey->sample, NULL, survey->count);
    else
        nyx_quant__choose(&step, &plan, method, &extent);
    nyx_quant__scale_put(coded->scales, plan.scale, 0, step.scale);
    if (plan.zero != NYX_ZERO_NONE)
        nyx_quant__zero_put(coded, &plan, 0, 0, &step);
}
