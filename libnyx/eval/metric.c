/* metric -- logits and targets to losses, accuracies and divergences. */
#include "eval/internal.h"

#include "tensor/tensor.h"

#include <math.h>
#include <string.h>

enum { DEFAULT_RESAMPLES = 10000 };

struct nyx_eval {
    nyx_eval_options      options;
    struct nyx_eval__row *rows;
    int64_t               row_count, row_room;
    double               *kl; /* one a scored token, in order */
    int64_t               kl_count, kl_room;
};

/* One batch, as its worker threads see it. */
struct batch {
    const nyx_eval_options *options;
    const float            *logits[NYX_EVAL__MODELS];
    const int32_t          *targets;
    struct nyx_eval__row   *rows;
    double                 *kl; /* [rows, T]; only scored places are written */
    int64_t                 count;
};

/* Largest and first-largest of one position's logits. */
struct peak {
    float   value;
    int64_t index;
    bool    finite;
};

static struct peak find_peak(const float *logits, int64_t count)
{
    struct peak peak = { logits[0], 0, true };

    for (int64_t v = 0; v < count; v++) {
        peak.finite = peak.finite && isfinite(logits[v]);
        if (logits[v] > peak.value) {
            peak.value = logits[v];
            peak.index = v;
        }
    }
    return peak;
}

/* Probabilities are weights over their sum. The weight's logarithm is exact
 * for softmax and shifted by the peak, so that the largest weight is 1. */
static double weight(enum nyx_probability probability, float logit, float peak, double *log_weight)
{
    double x = (double)logit, w;

    if (probability == NYX_SOFTMAX) {
        *log_weight = x - (double)peak;
        return nyx_exp64(*log_weight);
    }
    w = x >= 0.0 ? x + 1.0 : 1.0 / (1.0 - x + 1e-30);
    *log_weight = nyx_log64(w);
    return w;
}

/* Whether entry `index` is among the `count` largest; equals count in front
 * of it when they come first. */
static bool among_largest(const float *logits, int64_t vocabulary, int64_t index, int64_t count)
{
    int64_t larger = 0;

    for (int64_t v = 0; v < vocabulary && larger < count; v++)
        larger += logits[v] > logits[index] || (logits[v] == logits[index] && v < index);
    return larger < count;
}

/* Add one scored position of both models to the row. */
static void score(const struct batch *batch, struct nyx_eval__row *row, int64_t at)
{
    int64_t     vocabulary = batch->options->vocabulary;
    int         models = batch->options->reference ? 2 : 1;
    struct peak peak[NYX_EVAL__MODELS];
    double      sum[NYX_EVAL__MODELS] = { 0 }, log_p[NYX_EVAL__MODELS] = { 0 }, cross = 0.0, change, kl;
    int32_t     target = batch->targets[at];

    for (int m = 0; m < models; m++)
        peak[m] = find_peak(batch->logits[m] + at * vocabulary, vocabulary);
    if (!peak[0].finite || !peak[models - 1].finite) {
        row->bad = 1 + (int32_t)(at % batch->options->length);
        return;
    }
    for (int64_t v = 0; v < vocabulary; v++) {
        double w = 0.0, log_w[NYX_EVAL__MODELS] = { 0 };

        for (int m = 0; m < models; m++) {
            w = weight(batch->options->probability, batch->logits[m][at * vocabulary + v],
                       peak[m].value, &log_w[m]);
            sum[m] += w;
            if (v == target)
                log_p[m] = log_w[m];
        }
        cross += w * (log_w[1] - log_w[0]); /* w is the reference's where there is one */
    }
    for (int m = 0; m < models; m++) {
        log_p[m] -= nyx_log64(sum[m]);
        row->loss[m] -= log_p[m];
        row->loss_square[m] += log_p[m] * log_p[m];
        row->right[m] += peak[m].index == target;
    }
    row->scored++;
    if (models == 1)
        return;
    /* sum of p_r (log p_r - log p_m), with both normalisers taken out of the
     * sum; what rounding leaves below 0 is 0. */
    kl = cross / sum[1] + nyx_log64(sum[0]) - nyx_log64(sum[1]);
    batch->kl[at] = kl > 0.0 ? kl : 0.0;
    row->kl += batch->kl[at];
    row->kl_square += batch->kl[at] * batch->kl[at];
    row->gap_square += (log_p[0] - log_p[1]) * (log_p[0] - log_p[1]);
    change = nyx_exp64(log_p[0]) - nyx_exp64(log_p[1]);
    row->delta_p += change;
    row->delta_p_square += change * change;
    row->same_top += peak[0].index == peak[1].index;
    row->same_five += among_largest(batch->logits[0] + at * vocabulary, vocabulary, peak[1].index, 5);
}

static void score_rows(void *context, int part, int parts)
{
    const struct batch *batch = context;
    int64_t             length = batch->options->length;

    for (int64_t r = batch->count * part / parts; r < batch->count * (part + 1) / parts; r++)
        for (int64_t t = 0; t < length && !batch->rows[r].bad; t++)
            if (batch->targets[r * length + t] != batch->options->ignore)
                score(batch, &batch->rows[r], r * length + t);
}

/* Make room for `more` elements behind `count`; *memory keeps its contents. */
static int reserve(void *memory, int64_t count, int64_t *room, int64_t more, int64_t each)
{
    int64_t wanted = *room > 0 ? *room : 1024, bytes;
    int     status;

    if (count + more <= *room)
        return 0;
    while (wanted < count + more)
        wanted *= 2;
    if (!nyx_size_mul(&bytes, wanted, each))
        return nyx_error_set(NYX_ERR_MEMORY, "cannot keep the scores of so many tokens");
    if ((status = nyx_realloc(memory, count * each, bytes)) == 0)
        *room = wanted;
    return status;
}

int nyx_eval_create(nyx_eval **out, const nyx_eval_options *options)
{
    int status;

    NYX_BUG_IF(options->length < 1 || options->length > INT32_MAX - 1);
    NYX_BUG_IF(options->vocabulary < 1 || options->resamples < 0);
    *out = NULL;
    if ((status = nyx_alloc(out, sizeof **out)) < 0)
        return status;
    (*out)->options = *options;
    if (options->resamples == 0)
        (*out)->options.resamples = DEFAULT_RESAMPLES;
    return 0;
}

void nyx_eval_free(nyx_eval *eval)
{
    if (!eval)
        return;
    nyx_free(eval->rows);
    nyx_free(eval->kl);
    nyx_free(eval);
}

static int check_targets(const nyx_eval *eval, const int32_t *targets, int64_t rows)
{
    int64_t length = eval->options.length;

    for (int64_t i = 0; i < rows * length; i++)
        if (targets[i] != eval->options.ignore &&
            (targets[i] < 0 || targets[i] >= eval->options.vocabulary))
            return nyx_error_set(NYX_ERR_INPUT, "row %lld: target %ld at position %lld lies "
                                 "outside the vocabulary of %lld",
                                 (long long)eval->row_count + i / length, (long)targets[i],
                                 (long long)(i % length), (long long)eval->options.vocabulary);
    return 0;
}

/* Keep the divergences of scored tokens, close the gaps between them. */
static int keep_kl(nyx_eval *eval, const struct batch *batch)
{
    int64_t tokens = batch->count * eval->options.length;
    int     status;

    status = reserve(&eval->kl, eval->kl_count, &eval->kl_room, tokens, sizeof *eval->kl);
    for (int64_t i = 0; status == 0 && i < tokens; i++)
        if (batch->targets[i] != eval->options.ignore)
            eval->kl[eval->kl_count++] = batch->kl[i];
    return status;
}

int nyx_eval_add(nyx_eval *eval, const float *logits, const float *reference,
                 const int32_t *targets, int64_t rows)
{
    struct batch batch = { .options = &eval->options, .logits = { logits, reference },
                           .targets = targets, .count = rows };
    int          status;

    NYX_BUG_IF(rows < 0 || (reference != NULL) != eval->options.reference);
    if ((status = check_targets(eval, targets, rows)) < 0 ||
        (status = reserve(&eval->rows, eval->row_count, &eval->row_room, rows,
                          sizeof *eval->rows)) < 0)
        return status;
    batch.rows = eval->rows + eval->row_count;
    memset(batch.rows, 0, (size_t)rows * sizeof *batch.rows);
    if (reference &&
        (status = nyx_alloc(&batch.kl, rows * eval->options.length * (int64_t)sizeof(double))) < 0)
        return status;
    if (eval->options.pool)
        nyx_pool_run(eval->options.pool, score_rows, &batch);
    else
        score_rows(&batch, 0, 1);
    for (int64_t r = 0; r < rows && status == 0; r++)
        if (batch.rows[r].bad)
            status = nyx_error_set(NYX_ERR_NUMERIC, "row %lld: the model's output at position %d "
                                   "holds a NaN or an infinity",
                                   (long long)eval->row_count + r, batch.rows[r].bad - 1);
    if (status == 0 && reference)
        status = keep_kl(eval, &batch);
    if (status == 0)
        eval->row_count += rows;
    nyx_free(batch.kl);
    return status;
}

double nyx_eval_row_loss(const nyx_eval *eval, int64_t row)
{
    NYX_BUG_IF(row < 0 || row >= eval->row_count);
    return eval->rows[row].loss[NYX_EVAL__MODEL];
}

double nyx_eval_row_kl(const nyx_eval *eval, int64_t row)
{
    NYX_BUG_IF(row < 0 || row >= eval->row_count);
    return eval->rows[row].kl;
}

/* Standard error of a mean, from the sums of values and of their squares. */
static double standard_error(double sum, double squares, double count)
{
    const double mean = sum / count, variance = squares / count - mean * mean;

    return count > 1.0 && variance > 0.0 ? sqrt(variance / (count - 1.0)) : 0.0;
}

/* Everything that is a plain sum. */
static void sum_up(const nyx_eval *eval, nyx_eval_result *out)
{
    struct nyx_eval__row all = { 0 };
    int64_t              right[NYX_EVAL__MODELS] = { 0 }, exact[NYX_EVAL__MODELS] = { 0 }, same = 0, five = 0;
    nyx_eval_score      *scores[NYX_EVAL__MODELS] = { &out->model, &out->reference };
    double               tokens;

    for (int64_t r = 0; r < eval->row_count; r++) {
        const struct nyx_eval__row *row = &eval->rows[r];

        out->scored_rows += row->scored > 0;
        out->scored_tokens += row->scored;
        same += row->same_top;
        five += row->same_five;
        all.kl += row->kl;
        all.kl_square += row->kl_square;
        all.gap_square += row->gap_square;
        all.delta_p += row->delta_p;
        all.delta_p_square += row->delta_p_square;
        for (int m = 0; m < NYX_EVAL__MODELS; m++) {
            all.loss[m] += row->loss[m];
            all.loss_square[m] += row->loss_square[m];
            right[m] += row->right[m];
            exact[m] += row->scored > 0 && row->right[m] == row->scored;
        }
    }
    if (out->scored_tokens == 0)
        return;
    tokens = (double)out->scored_tokens;
    for (int m = 0; m < (out->compared ? 2 : 1); m++) {
        scores[m]->loss = all.loss[m] / tokens;
        scores[m]->loss_se = standard_error(all.loss[m], all.loss_square[m], tokens);
        scores[m]->token_accuracy.value = (double)right[m] / tokens;
        scores[m]->exact_accuracy = nyx_wilson(exact[m], out->scored_rows);
    }
    if (!out->compared)
        return;
    out->kl.value = all.kl / tokens;
    out->kl_se = standard_error(all.kl, all.kl_square, tokens);
    out->gap = (all.loss[0] - all.loss[1]) / tokens;
    out->gap_se = standard_error(all.loss[0] - all.loss[1], all.gap_square, tokens);
    out->top1_agreement = (double)same / tokens;
    out->top1_se = standard_error((double)same, (double)same, tokens);
    out->top5_agreement = (double)five / tokens;
    out->delta_p_mean = all.delta_p / tokens;
    out->delta_p_rms = sqrt(all.delta_p_square / tokens);
    if (exact[1] > 0)
        out->preservation.value = (double)exact[0] / (double)exact[1];
    else
        out->preservation.reason = "the reference solves no row exactly";
    if (right[1] > 0)
        out->preservation_token.value = (double)right[0] / (double)right[1];
    else
        out->preservation_token.reason = "the reference gets no token right";
}

int nyx_eval_finish(nyx_eval *eval, nyx_eval_result *out)
{
    memset(out, 0, sizeof *out);
    out->probability = eval->options.probability;
    out->rows = eval->row_count;
    out->seed = eval->options.seed;
    out->resamples = eval->options.resamples;
    out->compared = eval->options.reference;
    sum_up(eval, out);
    if (out->scored_tokens == 0)
        return nyx_error_set(NYX_ERR_INPUT, "there is nothing to score: every target is the "
                             "ignore label %lld", (long long)eval->options.ignore);
    if (out->compared) {
        nyx_sort_ascending(eval->kl, eval->kl_count); /* whose order nobody needs any more */
        out->kl_median = nyx_quantile(eval->kl, eval->kl_count, 0.5);
        out->kl_p90 = nyx_quantile(eval->kl, eval->kl_count, 0.9);
        out->kl_p99 = nyx_quantile(eval->kl, eval->kl_count, 0.99);
        out->kl_max = nyx_quantile(eval->kl, eval->kl_count, 1.0);
    }
    return nyx_eval__bootstrap(out, eval->rows, eval->row_count, eval->options.pool);
}
