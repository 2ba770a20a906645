/* measure -- candidates run on rows, through the ledger, counted and logged. */
#include "evolve/internal.h"

#include <math.h>
#include <string.h>

int nyx_evolve__candidate_create(nyx_evolve__candidate *out, const nyx_evolve__search *s,
                                 const uint8_t *levels, const char *origin)
{
    const int64_t rows = s->rung[NYX_EVOLVE__RUNGS - 1];
    int           status;

    *out = (nyx_evolve__candidate){.origin = origin};
    if ((status = nyx_alloc(&out->levels, s->codings->count)) < 0 ||
        (status = nyx_alloc(&out->kl, rows * (int64_t)sizeof *out->kl)) < 0 ||
        (status = nyx_alloc(&out->root, rows * (int64_t)sizeof *out->root)) < 0) {
        nyx_evolve__candidate_release(out);
        return status;
    }
    memcpy(out->levels, levels, (size_t)s->codings->count);
    return 0;
}

void nyx_evolve__candidate_release(nyx_evolve__candidate *candidate)
{
    nyx_free(candidate->levels);
    nyx_free(candidate->kl);
    nyx_free(candidate->root);
    *candidate = (nyx_evolve__candidate){0};
}

double nyx_evolve__candidate_kl(const nyx_evolve__search *s, const nyx_evolve__candidate *candidate)
{
    double sum = 0.0, tokens = 0.0;

    for (int64_t i = 0; i < candidate->rows; i++) {
        sum += candidate->kl[i];
        tokens += (double)s->sample.tokens[i];
    }
    return tokens > 0.0 ? sum / tokens : (double)NAN;
}

double nyx_evolve__distance(const nyx_evolve__candidate *candidate)
{
    double sum = 0.0;

    for (int64_t i = 0; i < candidate->rows; i++)
        sum += candidate->root[i];
    sum = candidate->rows > 0 ? sum / (double)candidate->rows : (double)NAN;
    return sum * sum;
}

int64_t nyx_evolve__row_cost(const nyx_evolve__search *s)
{
    return s->rows.length;
}

void nyx_evolve__plan_text(char *out, const uint8_t *levels, int count)
{
    for (int i = 0; i < count; i++)
        out[i] = levels[i] < NYX_LEVELS_MOST ? "0123456789abcdefghijklmnopqrstuv"[levels[i]] : '-';
    out[count] = '\0';
}

/* ---- measuring -------------------------------------------------------------------------- */

/* Logits of the exact model, once something has to be measured for the first time. */
static int ready(nyx_evolve__search *s, nyx_evolve__sample *sample, bool prefixes)
{
    int status;

    if (sample->reference)
        return 0;
    if ((status = nyx_evolve__prepare(s->scorer, sample, prefixes)) == 0 && prefixes)
        nyx_evolve__rebase(s->scorer, sample, s->base);
    return status;
}

static int take_or_run(nyx_evolve__search *s, nyx_evolve__sample *sample, const char *name,
                       const uint8_t *levels, int64_t first, int64_t count, double *kl)
{
    char *plan = NULL, *key = NULL;
    int   status;

    if (nyx_stop_requested())
        return nyx_error_set(NYX_ERR_STOPPED, "%s",
                             s->ledger.path ? "stopped; the same line with --resume goes on"
                                            : "stopped; with --checkpoint=FILE it could go on");
    if ((status = nyx_alloc(&plan, s->codings->count + 1)) < 0)
        return status;
    nyx_evolve__plan_text(plan, levels, s->codings->count);
    if ((status = nyx_text_format(&key, "%s %lld+%lld %s", name, (long long)first, (long long)count,
                                  plan)) < 0 ||
        (status = nyx_evolve__ledger_take(&s->ledger, key, kl, count)) != 0)
        goto done;
    if ((status = ready(s, sample, sample == &s->sample)) == 0 &&
        (status = nyx_evolve__score(s->scorer, sample, levels, first, count, kl)) == 0)
        status = nyx_evolve__ledger_put(&s->ledger, key, kl, count);
done:
    nyx_free(key);
    nyx_free(plan);
    return status < 0 ? status : 0;
}

int nyx_evolve__measure(nyx_evolve__search *s, nyx_evolve__candidate *candidate, int64_t rows)
{
    const int64_t first = candidate->rows, count = rows - first,
                  tokens = count * nyx_evolve__row_cost(s);
    const int pieces = nyx_evolve__pieces(s->scorer);
    int       status;

    if (count <= 0)
        return 0;
    if ((status = take_or_run(s, &s->sample, s->name, candidate->levels, first, count,
                              candidate->kl + first)) < 0)
        return status;
    for (int64_t i = first; i < rows; i++)
        candidate->root[i] =
            s->sample.tokens[i] > 0 ? sqrt(candidate->kl[i] / (double)s->sample.tokens[i]) : 0.0;
    candidate->rows = rows;
    s->result->tokens += tokens;
    if (pieces > 0) {
        s->pieces_all += (double)tokens * pieces;
        s->pieces_run +=
            (double)tokens * nyx_evolve__pieces_run(s->scorer, s->base, candidate->levels);
    }
    if (s->options->progress)
        s->options->progress(s->options->context, s->result->tokens, s->budget_tokens,
                             "token-forwards");
    return 0;
}

/* The loss at the place `count` from the top. */
static double threshold(const double *loss, int64_t pool, int64_t count, double *room)
{
    memcpy(room, loss, (size_t)pool * sizeof *room);
    nyx_sort_ascending(room, pool);
    return room[pool - count];
}

int nyx_evolve__choose_hard(nyx_evolve__search *s)
{
    const int64_t      count = s->rung[NYX_EVOLVE__RUNGS - 1], cost = nyx_evolve__row_cost(s);
    const int64_t      most = (int64_t)(0.2 * (double)s->budget_tokens) / cost;
    int64_t            pool = 8 * count < most ? 8 * count : most, taken = 0;
    nyx_evolve__sample rows = {0};
    double            *loss = NULL, least;
    int                status;

    pool = pool < s->row_count ? pool : s->row_count;
    if (s->rows.split->tokens || pool <= count)
        return 0;
    if ((status = nyx_alloc(&loss, 2 * pool * (int64_t)sizeof *loss)) < 0 ||
        (status = nyx_evolve__ledger_take(&s->ledger, "losses", loss, pool)) < 0)
        goto done;
    if (status == 0 && ((status = nyx_evolve__sample_create(&rows, &s->rows, s->order, pool)) < 0 ||
                        (status = nyx_evolve__losses(s->scorer, &rows, loss)) < 0 ||
                        (status = nyx_evolve__ledger_put(&s->ledger, "losses", loss, pool)) < 0))
        goto done;
    status = 0;
    s->result->tokens += pool * cost;
    least = threshold(loss, pool, count, loss + pool);
    for (int64_t i = 0; i < pool && taken < count; i++)
        if (loss[i] >= least)
            s->order[taken++] = s->order[i];
    s->row_count = count; /* no other epochs */
done:
    nyx_evolve__sample_release(&rows);
    nyx_free(loss);
    return status;
}

int nyx_evolve__measure_held(nyx_evolve__search *s, nyx_evolve__sample *held, const uint8_t *levels,
                             double *kl)
{
    int status = take_or_run(s, held, "held", levels, 0, held->count, kl);

    if (status == 0)
        s->result->held_tokens += held->count * nyx_evolve__row_cost(s);
    return status;
}

/* Kept prefixes are run anew behind the first change: counted as a whole forward
 * of the sample, whatever is run of it and when. */
int nyx_evolve__rebase_on(nyx_evolve__search *s, const uint8_t *levels)
{
    memcpy(s->base, levels, (size_t)s->codings->count);
    if (s->sample.reference)
        nyx_evolve__rebase(s->scorer, &s->sample, levels);
    if (nyx_evolve__pieces(s->scorer) > 0)
        s->result->tokens += s->sample.count * nyx_evolve__row_cost(s);
    return 0;
}

bool nyx_evolve__new(nyx_evolve__search *s, const uint8_t *levels)
{
    const size_t bytes = (size_t)s->codings->count;

    for (int64_t i = 0; i < s->seen_count; i++)
        if (!memcmp(s->seen + (size_t)i * bytes, levels, bytes))
            return false;
    if (s->seen_count < s->seen_room)
        memcpy(s->seen + (size_t)s->seen_count++ * bytes, levels, bytes);
    return true;
}

/* ---- the log ----------------------------------------------------------------------------------
 */

int nyx_evolve__log_json(nyx_evolve__search *s, nyx_json *line)
{
    char *text = NULL;
    int   status = 0;

    if (s->log && (status = nyx_json_print(&text, line, 0)) == 0)
        status = nyx_journal_line(s->log, text);
    nyx_free(text);
    nyx_json_free(line);
    return status;
}

int nyx_evolve__log(nyx_evolve__search *s, const nyx_evolve__candidate *candidate)
{
    const int64_t bytes = nyx_codings_bytes(s->codings, candidate->levels);
    nyx_json     *line = nyx_json_object();
    char         *plan;
    int           status = nyx_alloc(&plan, s->codings->count + 1);

    if (status < 0) {
        nyx_json_free(line);
        return status;
    }
    nyx_evolve__plan_text(plan, candidate->levels, s->codings->count);
    nyx_json_set_text(line, "kind", "candidate");
    nyx_json_set_int(line, "candidate", s->result->candidates++);
    nyx_json_set_int(line, "generation", s->result->generations);
    nyx_json_set_text(line, "sample", s->name);
    nyx_json_set_text(line, "origin", candidate->origin);
    nyx_json_set_text(line, "plan", plan);
    nyx_json_set_int(line, "bytes", bytes);
    nyx_json_set_real(line, "bits", nyx_codings_bits(s->codings, bytes));
    nyx_json_set_real(line, "predicted", nyx_knapsack_cost(&s->predicted, candidate->levels));
    nyx_json_set_int(line, "rows", candidate->rows);
    nyx_json_set_real(line, "kl", nyx_evolve__candidate_kl(s, candidate));
    nyx_json_set_real(line, "squared_distance", nyx_evolve__distance(candidate));
    nyx_json_set_real(line, "difference", candidate->pair.difference);
    nyx_json_set_real(line, "t", candidate->pair.t);
    nyx_json_set_bool(line, "accepted", candidate->accepted);
    if (s->options->pareto)
        nyx_json_set_real(line, "us", candidate->us);
    nyx_json_set_int(line, "token_forwards", s->result->tokens);
    nyx_free(plan);
    return nyx_evolve__log_json(s, line);
}
