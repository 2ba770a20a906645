/* sensitivity -- what each tensor costs in each format, were it the only one
 * coded: measured at two of its levels. Costs go as a power of the relative
 * squared error (HIGGS, arXiv:2411.17525, finds the first); the power is one
 * for all tensors, the factor is each tensor's. */
#include "evolve/internal.h"

#include <string.h>

/* A quarter of the tokens at most. */
static const double SHARE = 0.25;
/* So that a tensor that costs nothing measurable still has an order. */
static const double LEAST = 1e-9;
/* Slopes that make sense; what is outside is noise. */
static const double SLOPE_LEAST = 0.75, SLOPE_MOST = 2.0;

/* Ladders by error: predicted costs rise with it. */
static int make_ladders(nyx_evolve__search *s)
{
    const nyx_codings *c = s->codings;

    for (int t = 0; t < c->count; t++) {
        for (int level = 0; level < c->levels; level++)
            s->predicted.choices[t * c->levels + level] =
                (nyx_choice){c->tensors[t].bytes[level], c->tensors[t].error[level]};
        s->rungs[t] = nyx_knapsack_ladder(&s->predicted, t, s->ladders + t * c->levels);
    }
    return 0;
}

/* The second level to measure: the largest within the budget's bits, above the lowest. */
static int middle_of(const nyx_evolve__search *s, int tensor)
{
    const nyx_codings *c = s->codings;
    const double       share = (double)s->options->budget / (double)c->elems;
    int                rung = 0;

    for (int i = 0; i < s->rungs[tensor]; i++)
        if ((double)c->tensors[tensor].bytes[s->ladders[tensor * c->levels + i]] <=
            share * (double)c->tensors[tensor].elems)
            rung = i;
    return rung > 0 ? rung : s->rungs[tensor] > 1 ? 1 : 0;
}

static int measure_one(nyx_evolve__search *s, int tensor, int rung, int64_t rows, double *cost)
{
    const int             level = s->ladders[tensor * s->codings->levels + rung];
    nyx_evolve__candidate candidate;
    uint8_t              *plan;
    int                   status = nyx_alloc(&plan, s->codings->count);

    if (status < 0)
        return status;
    memset(plan, NYX_LEVEL_EXACT, (size_t)s->codings->count);
    plan[tensor] = (uint8_t)level;
    if ((status = nyx_evolve__candidate_create(&candidate, s, plan, "single")) == 0 &&
        (status = nyx_evolve__measure(s, &candidate, rows)) == 0) {
        nyx_json *line = nyx_json_object();
        char      text[NYX_FORMAT_TEXT];

        *cost = nyx_evolve__distance(&candidate) > LEAST ? nyx_evolve__distance(&candidate) : LEAST;
        nyx_format_text(text, &s->codings->formats[level]);
        nyx_json_set_text(line, "kind", "sensitivity");
        nyx_json_set_text(line, "tensor", s->codings->tensors[tensor].name);
        nyx_json_set_text(line, "format", text);
        nyx_json_set_real(line, "relative_mse", s->codings->tensors[tensor].error[level]);
        nyx_json_set_real(line, "squared_distance", *cost);
        nyx_json_set_int(line, "rows", rows);
        nyx_json_set_int(line, "token_forwards", s->result->tokens);
        status = nyx_evolve__log_json(s, line);
    }
    nyx_evolve__candidate_release(&candidate);
    nyx_free(plan);
    return status;
}

/* Of each tensor: errors and costs of what was measured. */
struct points {
    int    count;
    double log_error[2], log_cost[2];
};

/* The slope of log cost over log error that the tensors have in common. */
static double exponent_of(const struct points *points, int count)
{
    double across = 0.0, up = 0.0, slope;

    for (int t = 0; t < count; t++)
        if (points[t].count == 2) {
            across += points[t].log_error[1] - points[t].log_error[0];
            up += points[t].log_cost[1] - points[t].log_cost[0];
        }
    slope = across > 0.0 ? up / across : 1.0;
    return slope < SLOPE_LEAST ? SLOPE_LEAST : slope > SLOPE_MOST ? SLOPE_MOST : slope;
}

static void fill_costs(nyx_evolve__search *s, const struct points *points)
{
    const nyx_codings *c = s->codings;
    const double       exponent = exponent_of(points, c->count);

    s->result->exponent = exponent;
    for (int t = 0; t < c->count; t++) {
        double sum = 0.0;

        for (int i = 0; i < points[t].count; i++)
            sum += points[t].log_cost[i] - exponent * points[t].log_error[i];
        s->result->sensitivity[t] = points[t].count ? nyx_exp64(sum / points[t].count) : LEAST;
        for (int level = 0; level < c->levels; level++) {
            const double error = c->tensors[t].error[level];

            s->predicted.choices[t * c->levels + level].cost =
                error > 0.0 ? s->result->sensitivity[t] * nyx_pow64(error, exponent) : 0.0;
        }
    }
}

static int measure_tensor(nyx_evolve__search *s, int tensor, int most, int64_t rows,
                          struct points *points)
{
    const uint8_t *ladder = s->ladders + tensor * s->codings->levels;
    const int      middle = middle_of(s, tensor), rungs[2] = {middle, 0};
    int            status = 0;

    for (int i = 0; i < most && (i == 0 || middle > 0) && status == 0; i++) {
        const double error = s->codings->tensors[tensor].error[ladder[rungs[i]]];
        double       cost = 0.0;

        status = measure_one(s, tensor, rungs[i], rows, &cost);
        if (status < 0 || error <= 0.0)
            continue;
        points->log_error[points->count] = nyx_log64(error);
        points->log_cost[points->count++] = nyx_log64(cost);
    }
    return status;
}

int nyx_evolve__sensitivities(nyx_evolve__search *s)
{
    const int64_t  tokens = nyx_evolve__row_cost(s), slots = s->rung[0];
    const int64_t  share = (int64_t)(SHARE * (double)s->budget_tokens);
    struct points *points;
    int            most = 2, status = make_ladders(s);
    int64_t        rows = share / (most * s->codings->count * tokens) / slots * slots;

    if (rows < slots) {
        most = 1;
        rows = share / (s->codings->count * tokens) / slots * slots;
    }
    if (rows < slots)
        return nyx_error_set(
            NYX_ERR_UNSUPPORTED,
            "%lld token-forwards are too few for %d tensors and samples of %lld rows; "
            "--tokens=%lld, or a smaller --sample, is needed",
            (long long)s->budget_tokens, s->codings->count,
            (long long)s->rung[NYX_EVOLVE__RUNGS - 1],
            (long long)(4 * s->codings->count * tokens * slots));
    if (rows > s->rung[NYX_EVOLVE__RUNGS - 1])
        rows = s->rung[NYX_EVOLVE__RUNGS - 1];
    if ((status = nyx_alloc(&points, s->codings->count * (int64_t)sizeof *points)) < 0)
        return status;
    for (int t = 0; t < s->codings->count && status == 0; t++)
        status = measure_tensor(s, t, most, rows, &points[t]);
    if (status == 0)
        fill_costs(s, points);
    nyx_free(points);
    return status;
}
