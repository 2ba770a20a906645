/* interval -- quantiles, Wilson's interval and the bootstrap over rows. */
#include "eval/internal.h"

#include <math.h>
#include <string.h>

/* The 97.5 % point of the standard normal distribution. */
static const double normal_975 = 1.959963984540054;

static int compare(const void *a, const void *b)
{
    double x, y;

    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

void nyx_sort_ascending(double *values, int64_t count)
{
    if (count > 1)
        qsort(values, (size_t)count, sizeof *values, compare);
}

double nyx_quantile(const double *ascending, int64_t count, double q)
{
    double  place, fraction;
    int64_t below;

    NYX_BUG_IF(count < 1 || !(q >= 0.0 && q <= 1.0));
    place = q * (double)(count - 1);
    below = (int64_t)place;
    if (below >= count - 1)
        return ascending[count - 1];
    fraction = place - (double)below;
    return ascending[below] + fraction * (ascending[below + 1] - ascending[below]);
}

nyx_estimate nyx_wilson(int64_t hits, int64_t trials)
{
    double n = (double)trials, p, z2 = normal_975 * normal_975, middle, half;

    NYX_BUG_IF(hits < 0 || hits > trials);
    if (trials == 0)
        return (nyx_estimate){ .reason = "there are no trials" };
    p = (double)hits / n;
    middle = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
    half = normal_975 * sqrt(p * (1.0 - p) / n + z2 / (4.0 * n * n)) / (1.0 + z2 / n);
    /* At 0 and 1 the formula gives the end itself, up to its rounding. */
    return (nyx_estimate){ .value = p, .low = hits == 0 ? 0.0 : middle - half,
                           .high = hits == trials ? 1.0 : middle + half };
}

/* ---- the bootstrap ------------------------------------------------------- */

/* The figures that one resample gives; NAN where it has none. */
enum figure { TOKEN_MODEL, TOKEN_REFERENCE, KL, EXACT_RATIO, TOKEN_RATIO, FIGURES };

/* A scored row, packed: a resample reads rows all over the place. */
struct drawn {
    int32_t scored, right[NYX_EVAL__MODELS], exact; /* bit m of `exact`: model m is exact */
    double  kl;
};

struct bootstrap {
    const struct drawn *rows;
    int64_t             count, resamples;
    uint64_t            seed, stream;
    double             *figures[FIGURES]; /* [resamples] each */
};

/* Resample i is the stream of its number: any thread can draw it. */
static void draw(const struct bootstrap *work, int64_t i)
{
    int64_t    scored = 0, right[NYX_EVAL__MODELS] = { 0 }, exact[NYX_EVAL__MODELS] = { 0 };
    double     kl = 0.0;
    nyx_random random;

    nyx_random_init(&random, work->seed, work->stream + (uint64_t)i);
    for (int64_t n = 0; n < work->count; n++) {
        const struct drawn *row = &work->rows[nyx_random_below(&random, (uint64_t)work->count)];

        scored += row->scored;
        kl += row->kl;
        for (int m = 0; m < NYX_EVAL__MODELS; m++) {
            right[m] += row->right[m];
            exact[m] += (row->exact >> m) & 1;
        }
    }
    work->figures[TOKEN_MODEL][i] = (double)right[0] / (double)scored;
    work->figures[TOKEN_REFERENCE][i] = (double)right[1] / (double)scored;
    work->figures[KL][i] = kl / (double)scored;
    work->figures[EXACT_RATIO][i] = exact[1] ? (double)exact[0] / (double)exact[1] : (double)NAN;
    work->figures[TOKEN_RATIO][i] = right[1] ? (double)right[0] / (double)right[1] : (double)NAN;
}

static void draw_part(void *context, int part, int parts)
{
    const struct bootstrap *work = context;

    for (int64_t i = work->resamples * part / parts; i < work->resamples * (part + 1) / parts; i++)
        draw(work, i);
}

/* The percentile interval (Efron 1979) over the resamples that have the
 * figure; returns how many have not. */
static int64_t percentile_interval(nyx_estimate *out, double *figures, int64_t resamples)
{
    int64_t kept = 0;

    if (out->reason)
        return 0;
    for (int64_t i = 0; i < resamples; i++)
        if (!isnan(figures[i]))
            figures[kept++] = figures[i];
    if (kept == 0) {
        *out = (nyx_estimate){ .reason = "the reference scores 0 in every resample" };
        return resamples;
    }
    nyx_sort_ascending(figures, kept);
    out->low = nyx_quantile(figures, kept, 0.025);
    out->high = nyx_quantile(figures, kept, 0.975);
    return resamples - kept;
}

/* Only scored rows are drawn: the others change no figure. */
static int64_t pack(struct drawn *out, const struct nyx_eval__row *rows, int64_t count)
{
    int64_t packed = 0;

    for (int64_t r = 0; r < count; r++) {
        const struct nyx_eval__row *row = &rows[r];

        if (row->scored == 0)
            continue;
        out[packed++] = (struct drawn){ .scored = row->scored, .kl = row->kl,
            .right = { row->right[0], row->right[1] },
            .exact = (row->right[0] == row->scored) | (row->right[1] == row->scored) << 1 };
    }
    return packed;
}

int nyx_eval__bootstrap(nyx_eval_result *out, const struct nyx_eval__row *rows, int64_t count,
                        nyx_pool *pool)
{
    struct bootstrap work = { .resamples = out->resamples, .seed = out->seed,
                              .stream = nyx_stream_of("eval.bootstrap") };
    struct drawn    *packed = NULL;
    double          *figures = NULL;
    int              status;

    if ((status = nyx_alloc(&packed, count * (int64_t)sizeof *packed)) < 0 ||
        (status = nyx_alloc(&figures, FIGURES * work.resamples * (int64_t)sizeof *figures)) < 0)
        goto done;
    for (int f = 0; f < FIGURES; f++)
        work.figures[f] = figures + f * work.resamples;
    work.rows = packed;
    work.count = pack(packed, rows, count);
    if (pool)
        nyx_pool_run(pool, draw_part, &work);
    else
        draw_part(&work, 0, 1);
    percentile_interval(&out->model.token_accuracy, work.figures[TOKEN_MODEL], work.resamples);
    if (!out->compared)
        goto done;
    percentile_interval(&out->reference.token_accuracy, work.figures[TOKEN_REFERENCE],
                        work.resamples);
    percentile_interval(&out->kl, work.figures[KL], work.resamples);
    out->preservation_dropped =
        percentile_interval(&out->preservation, work.figures[EXACT_RATIO], work.resamples);
    out->preservation_token_dropped =
        percentile_interval(&out->preservation_token, work.figures[TOKEN_RATIO], work.resamples);
done:
    nyx_free(figures);
    nyx_free(packed);
    return status;
}
