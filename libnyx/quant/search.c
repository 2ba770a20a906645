/* search -- the method mse: the step with the least squared error of a group.
 *
 * For each candidate scale the group is rounded, the scale (and zero point) that
 * fit the rounded values best are solved for by least squares, rounded to
 * stored precision, and the group is rounded once more:
 *
 *     sym    s = sum v w q / sum v q^2
 *     asym   s = (V D - A C) / (V B - A^2), low = (C - s A) / V, with
 *            V = sum v, A = sum v q, B = sum v q^2, C = sum v w, D = sum v q w
 *
 * The first candidates are the absmax and signed-max steps themselves, the order is fixed and a
 * later one must be strictly better, so mse is never worse than they are and the
 * same bits come out everywhere. Sums run in 16 lanes that are added in
 * pairs: that order, too, is part of the definition.
 */
#include "quant/internal.h"
#include "quant/lattice.h"

#include <math.h>
#include <string.h>

enum { LANES = 16 };

static const float ONES[LANES] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };

/* V, A, B, C, D above; symmetric formats need only B and D. */
typedef struct {
    float v, a, b, c, d;
} sums;

/* Pairs half the array apart, then a quarter, ... */
static NYX_BODY float lanes_sum(float *lanes)
{
    for (int i = 0; i < 8; i++)
        lanes[i] += lanes[i + 8];
    for (int i = 0; i < 4; i++)
        lanes[i] += lanes[i + 4];
    return (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
}

typedef struct {
    float v[LANES], a[LANES], b[LANES], c[LANES], d[LANES];
} lanes_of_sums;

/* 16 elements into the sums; q counts from the zero point. */
static NYX_BODY void sums_unit(lanes_of_sums *s, enum nyx_lattice lattice, bool affine, const nyx_quant__step *step,
                               const float *w, const float *v)
{
    NYX_NO_CONTRACT
    for (int j = 0; j < LANES; j++) {
        uint32_t code;
        float    q = nyx_quant__round(lattice, (w[j] - step->low) * step->inverse, step->bottom, step->top, &code);
        float    vq = v[j] * q;

        s->b[j] += vq * q;
        s->d[j] += vq * w[j];
        if (affine) {
            s->v[j] += v[j];
            s->a[j] += vq;
            s->c[j] += v[j] * w[j];
        }
    }
}

static NYX_BODY void error_unit(float *error, enum nyx_lattice lattice, bool affine, const nyx_quant__step *step,
                                const float *w, const float *v)
{
    NYX_NO_CONTRACT
    (void)affine;
    for (int j = 0; j < LANES; j++) {
        uint32_t code;
        float    q = nyx_quant__round(lattice, (w[j] - step->low) * step->inverse, step->bottom, step->top, &code);
        float    miss = w[j] - (step->scale * q + step->low);

        error[j] += v[j] * miss * miss;
    }
}

/* Runs UNIT over whole units, then over the rest padded with weight 0. The empty
 * assembly keeps gcc from merging two units before it vectorises, after which it
 * cannot: that is worth a factor of 2 to 8. */
#define EACH_UNIT(UNIT, target)                                              \
    do {                                                                     \
        int64_t whole = n - n % LANES;                                       \
                                                                             \
        for (int64_t i = 0; i < whole; i += LANES) {                         \
            UNIT(target, lattice, affine, &at, w + i, v ? v + i : ONES);     \
            __asm__ volatile("");                                            \
        }                                                                    \
        if (whole < n) {                                                     \
            float rest_w[LANES] = { 0 }, rest_v[LANES] = { 0 };              \
                                                                             \
            memcpy(rest_w, w + whole, (size_t)(n - whole) * sizeof *w);      \
            memcpy(rest_v, v ? v + whole : ONES, (size_t)(n - whole) * sizeof *w); \
            UNIT(target, lattice, affine, &at, rest_w, rest_v);              \
        }                                                                    \
    } while (0)

/* `at` and the lanes are local so that stores to them cannot be taken for stores to w or v. */
static NYX_BODY void sums_in(sums *out, enum nyx_lattice lattice, bool affine, const nyx_quant__step *step,
                             const float *w, const float *v, int64_t n)
{
    const nyx_quant__step at = *step;
    lanes_of_sums         s = { 0 };

    EACH_UNIT(sums_unit, &s);
    *out = (sums){ .b = lanes_sum(s.b), .d = lanes_sum(s.d) };
    if (affine) {
        out->v = lanes_sum(s.v);
        out->a = lanes_sum(s.a);
        out->c = lanes_sum(s.c);
    }
}

static NYX_BODY void error_in(float *out, enum nyx_lattice lattice, const nyx_quant__step *step, const float *w,
                              const float *v, int64_t n)
{
    const bool            affine = false;
    const nyx_quant__step at = *step;
    float                 error[LANES] = { 0 };

    EACH_UNIT(error_unit, error);
    *out = lanes_sum(error);
}

static NYX_BODY void sums_over_body(sums *out, enum nyx_lattice which, bool affine, const nyx_quant__step *step,
                                    const float *w, const float *v, int64_t n)
{
    if (affine) {
        sums_in(out, NYX_LATTICE_INT, true, step, w, v, n);
        return;
    }
#define CALL(lattice) sums_in(out, lattice, false, step, w, v, n)
    NYX_QUANT__DISPATCH(which, CALL);
#undef CALL
}
NYX_CLONES(sums_over,
           (sums *out, enum nyx_lattice which, bool affine, const nyx_quant__step *step, const float *w,
            const float *v, int64_t n),
           (out, which, affine, step, w, v, n))

static NYX_BODY void error_over_body(float *out, enum nyx_lattice which, const nyx_quant__step *step,
                                     const float *w, const float *v, int64_t n)
{
#define CALL(lattice) error_in(out, lattice, step, w, v, n)
    NYX_QUANT__DISPATCH(which, CALL);
#undef CALL
}
NYX_CLONES(error_over,
           (float *out, enum nyx_lattice which, const nyx_quant__step *step, const float *w, const float *v,
            int64_t n),
           (out, which, step, w, v, n))

/* ---- candidates ------------------------------------------------------------------ */

typedef struct {
    const nyx_quant__plan *plan;
    const float           *w, *v;
    int64_t                n;
    nyx_quant__step        best;
    float                  error; /* of the best */
} search;

static void consider(search *s, const nyx_quant__step *step)
{
    float error;

    error_over(&error, s->plan->layout.lattice, step, s->w, s->v, s->n);
    if (error < s->error) {
        s->error = error;
        s->best = *step;
    }
}

/* A step from a scale (any precision) and a zero point. */
static nyx_quant__step step_of(const nyx_quant__plan *plan, float scale, int32_t zero, float low)
{
    nyx_quant__step step = { .scale = nyx_quant__scale_round(plan->scale, scale), .zero = zero };

    step.low = plan->zero == NYX_ZERO_F16 ? nyx_quant__scale_round(NYX_SCALE_F16, low) : 0.0f;
    step.inverse = nyx_quant__inverse(step.scale);
    step.bottom = plan->qmin - (float)zero;
    step.top = plan->qmax - (float)zero;
    return step;
}

/* Round with `step`, refit, and consider the result. */
static void refit(search *s, const nyx_quant__step *step)
{
    NYX_NO_CONTRACT
    nyx_quant__step better;
    sums            t;
    float           scale, low = 0.0f;

    if (step->scale == 0.0f)
        return;
    sums_over(&t, s->plan->layout.lattice, s->plan->zero == NYX_ZERO_F16, step, s->w, s->v, s->n);
    if (s->plan->zero == NYX_ZERO_F16) {
        float below = t.v * t.b - t.a * t.a;

        if (!(below > 0.0f))
            return;
        scale = (t.v * t.d - t.a * t.c) / below;
        low = (t.c - scale * t.a) / t.v;
        if (low > 0.0f) { /* a positive group: the grid starts at 0 */
            low = 0.0f;
            scale = t.d / t.b;
        }
    } else {
        if (!(t.b > 0.0f))
            return;
        scale = t.d / t.b;
    }
    better = step_of(s->plan, scale, step->zero, low);
    if (better.scale != 0.0f && isfinite(better.scale))
        consider(s, &better);
}

/* Candidate scales as fractions of the one that just reaches the extremes: how
 * far a grid shrinks pays the more the coarser it is and the larger the group.
 * Found by trying finer and wider lists on normal weights, with and without
 * outliers, until more candidates gained less than one percent. */
static int fractions(const float **out, const nyx_quant__plan *plan, int64_t n)
{
    static const float fine[] = { 1.0f, 0.985f, 0.97f, 0.955f, 0.94f, 0.9f, 0.85f };
    static const float medium[] = { 1.1f, 1.04f, 0.98f, 0.92f, 0.86f, 0.8f, 0.74f };
    static const float coarse[] = { 1.15f, 1.05f, 0.96f, 0.88f, 0.8f, 0.72f, 0.64f, 0.56f, 0.48f };
    static const float wide[] = { 1.1f,  1.0f,  0.9f,  0.82f, 0.74f, 0.66f, 0.59f,
                                  0.52f, 0.46f, 0.4f,  0.33f, 0.27f, 0.21f, 0.16f };
    static const float inner[] = { 1.02f, 0.97f, 0.92f, 0.87f, 0.82f, 0.76f };
    static const float few[] = { 1.0f, 0.94f, 0.88f, 0.82f, 0.76f, 0.7f, 0.64f, 0.58f };

#define LIST(list) (*out = (list), (int)(sizeof(list) / sizeof(list)[0]))
    if (plan->layout.bits == 8)
        return LIST(fine);
    if (n > 256)
        return LIST(wide);
    if (plan->zero != NYX_ZERO_NONE)
        return plan->layout.bits <= 3 ? LIST(few) : LIST(inner);
    return plan->layout.bits <= 3 || n > 64 ? LIST(coarse) : LIST(medium);
#undef LIST
}

/* The same for all candidates together. */
static void refit_together(search *s, nyx_quant__refits *all)
{
    int best = -1;

    nyx_quant__refits_run(all, s->plan, s->w, s->v, s->n);
    for (int i = 0; i < all->count; i++)
        if (all->error[i] < s->error) {
            s->error = all->error[i];
            best = i;
        }
    if (best >= 0)
        s->best = step_of(s->plan, all->scale[best], 0, 0.0f);
}

/* Integers and NF4 put their extra level on one side, so both signs are tried. */
static void search_symmetric(search *s, const nyx_quant__extent *extent)
{
    const float *list;
    const int    count = fractions(&list, s->plan, s->n);
    const float  largest = extent->most > -extent->least ? extent->most : -extent->least;
    const float  unit = largest * (1.0f / (s->plan->layout.lattice == NYX_LATTICE_INT ? -s->plan->qmin : s->plan->qmax));

    if (nyx_quant__refits_can(s->plan, s->n)) {
        nyx_quant__refits all = { 0 };

        for (int i = 0; i < count; i++) {
            all.scale[all.count++] = list[i] * unit;
            all.scale[all.count++] = -list[i] * unit;
        }
        refit_together(s, &all);
        return;
    }
    for (int i = 0; i < count; i++)
        for (int sign = 1; sign >= -1; sign -= 2) {
            nyx_quant__step step = step_of(s->plan, (float)sign * list[i] * unit, 0, 0.0f);

            refit(s, &step);
            if (s->plan->layout.lattice != NYX_LATTICE_INT && s->plan->layout.lattice != NYX_LATTICE_NF4)
                break;
        }
}

/* Both ends shrink together; the zero point is also tried to either side, an
 * integer by one, a real one by a third of a step. */
static void search_asymmetric(search *s, const nyx_quant__extent *extent)
{
    const float          *list;
    const int             count = fractions(&list, s->plan, s->n);
    const nyx_quant__step start = s->best;
    const bool            whole = s->plan->zero == NYX_ZERO_INT;

    for (int i = 0; i < count; i++)
        for (int turn = -1; turn <= 1; turn++) {
            int32_t         zero = start.zero + (whole ? turn : 0);
            nyx_quant__step step;

            if (whole && ((float)zero < s->plan->qmin || (float)zero > s->plan->qmax))
                continue;
            step = step_of(s->plan, list[i] * start.scale, zero, list[i] * extent->least + (float)turn * 0.33f * start.scale);
            refit(s, &step);
        }
}

/* Few scales can be stored: the neighbours of absmax's are tried one by one. */
static void search_stored(search *s)
{
    const nyx_quant__step start = s->best;
    uint8_t               code;

    if (start.scale == 0.0f)
        return;
    nyx_quant__scale_put(&code, s->plan->scale, 0, start.scale);
    for (int move = s->plan->scale == NYX_SCALE_E8M0 ? -1 : -6; move <= (s->plan->scale == NYX_SCALE_E8M0 ? 1 : 3); move++) {
        int             moved = code + move;
        uint8_t         stored = (uint8_t)moved;
        nyx_quant__step step;

        if (moved < 0 || moved > (s->plan->scale == NYX_SCALE_E8M0 ? 254 : 126))
            continue;
        step = step_of(s->plan, nyx_quant__scale_get(&stored, s->plan->scale, 0), 0, 0.0f);
        consider(s, &step);
    }
}

void nyx_quant__search(nyx_quant__step *out, const nyx_quant__plan *plan, const nyx_quant__extent *extent,
                       const float *w, const float *v, int64_t n)
{
    search          s = { .plan = plan, .w = w, .v = v, .n = n, .error = INFINITY };
    nyx_quant__step step;

    nyx_quant__choose(&s.best, plan, NYX_METHOD_ABSMAX, extent);
    s.best.bottom = plan->qmin - (float)s.best.zero;
    consider(&s, &s.best);
    if (plan->zero != NYX_ZERO_NONE) {
        search_asymmetric(&s, extent);
    } else if (plan->scale == NYX_SCALE_E8M0 || plan->scale == NYX_SCALE_E4M3) {
        search_stored(&s);
    } else {
        nyx_quant__choose(&step, plan, NYX_METHOD_SIGNED_MAX, extent);
        consider(&s, &step);
        search_symmetric(&s, extent);
    }
    *out = s.best;
}
