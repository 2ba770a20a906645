/* search -- generation 0, what follows it, and the judgement on rows that the
 * search has not seen. */
#include "evolve/internal.h"

#include <math.h>
#include <string.h>

enum {
    WINDOW = 128, /* tokens of a row cut from a stream */
    TOKENS_PLAIN = 2000000,
    TOKENS_OUTER = 100000,
    SAMPLE_MOST = 16384, /* tokens */
    SLOTS_MOST = 64,
    HELD_TOKENS = 65536,
    REFERENCE_MOST = 256 << 20, /* bytes of logits of one sample */
    SEEN_ROOM = 8192,
    SEEDS = 6,
};
/* Rows of the rungs, in rows of the first. */
static const int rung_rows[NYX_EVOLVE__RUNGS] = {1, 2, 4, 12};

const char *nyx_plan_name(int plan)
{
    static const char *const names[NYX_PLANS] = {"evolved", "uniform", "knapsack", "greedy"};

    return names[plan];
}

/* ---- what is measured on what ------------------------------------------------------------- */

static bool is_outer(const nyx_config *config)
{
    return config->model.kind == NYX_MODEL_HRM || config->model.kind == NYX_MODEL_TRANSFORMER;
}

static int64_t rows_to_judge(const nyx_evolve__search *s)
{
    const int64_t logits =
        nyx_config_targets(&s->config) * nyx_config_classes(&s->config) * (int64_t)sizeof(float);
    int64_t rows =
        s->options->held_rows > 0 ? s->options->held_rows : HELD_TOKENS / s->config.data.length;

    if (rows > REFERENCE_MOST / logits)
        rows = REFERENCE_MOST / logits;
    return rows < s->held_rows.count ? rows : s->held_rows.count;
}

static int take_config(nyx_evolve__search *s)
{
    const nyx_search_options *o = s->options;
    nyx_reader               *file;
    int64_t                   window = o->window;
    int                       status = nyx_reader_open(&file, o->model);

    if (status < 0)
        return status;
    status = nyx_config_load(&s->config, file, o->model);
    nyx_reader_close(file);
    if (status < 0)
        return status;
    if (s->config.model.kind == NYX_MODEL_DECODER && window == 0)
        window = s->config.model.context < WINDOW ? s->config.model.context : WINDOW;
    if ((status = nyx_config_bind_dataset(&s->config, o->dataset, window, o->data)) < 0 ||
        (o->held_dataset != o->dataset &&
         (status = nyx_config_bind_dataset(&s->config, o->held_dataset, window, o->held_out)) < 0))
        return status;
    s->rows = nyx_rows_of(o->dataset, o->fresh ? &o->dataset->test : &o->dataset->train,
                          s->config.data.length, nyx_config_targets(&s->config));
    s->held_rows = nyx_rows_of(o->held_dataset, &o->held_dataset->test, s->config.data.length,
                               nyx_config_targets(&s->config));
    s->budget_tokens = o->tokens > 0          ? o->tokens
                       : is_outer(&s->config) ? TOKENS_OUTER
                                              : TOKENS_PLAIN;
    s->held_count = rows_to_judge(s);
    s->first_row = o->fresh && o->held_dataset == o->dataset ? s->held_count : 0;
    s->row_count = s->rows.count - s->first_row;
    return 0;
}

static int too_few(const nyx_evolve__search *s)
{
    const bool fresh = s->options->fresh;

    return nyx_error_set(NYX_ERR_INPUT, "'%s' leaves %lld rows of its %s split to search on, %d are the least; make a "
                         "larger dataset%s", s->options->data, (long long)(s->row_count < 0 ? 0 : s->row_count),
                         fresh ? "test" : "training", rung_rows[NYX_EVOLVE__RUNGS - 1],
                         fresh ? ", or judge on fewer --held-rows" : "");
}

/* All rows in an order drawn from the seed, none that is judged on. */
static int take_order(nyx_evolve__search *s)
{
    const char   *held = s->options->held_out ? s->options->held_out : s->options->data;
    const int64_t all = s->row_count;
    nyx_sampler   sampler;
    int           status;

    if (s->row_count < rung_rows[NYX_EVOLVE__RUNGS - 1])
        return too_few(s);
    if ((status = nyx_alloc(&s->order, all * (int64_t)sizeof *s->order)) < 0 ||
        (status = nyx_sampler_init(&sampler, all, s->options->seed)) < 0)
        return status;
    for (int64_t i = 0; i < all; i++)
        s->order[i] = s->first_row + nyx_sampler_next(&sampler);
    nyx_sampler_release(&sampler);
    if (s->held_count > 0 &&
        (status = nyx_evolve__disjoint(&s->rows, s->order, &s->row_count, &s->held_rows, s->held_count, held)) < 0)
        return status;
    s->result->left_out = all - s->row_count;
    return s->row_count < rung_rows[NYX_EVOLVE__RUNGS - 1] ? too_few(s) : 0;
}

/* Rungs: a sample that `tokens` can pay for, but no more rows than there are. */
static void take_rungs(nyx_evolve__search *s)
{
    const int64_t length = s->config.data.length;
    const int64_t logits =
        nyx_config_targets(&s->config) * nyx_config_classes(&s->config) * (int64_t)sizeof(float);
    const int last = NYX_EVOLVE__RUNGS - 1;
    int64_t   tokens = s->options->sample, slots;

    if (tokens == 0)
        tokens = (int64_t)(nyx_pow64((double)s->budget_tokens, 2.0 / 3.0));
    if (tokens > SAMPLE_MOST)
        tokens = SAMPLE_MOST;
    slots = tokens / (rung_rows[last] * length);
    if (slots > REFERENCE_MOST / (rung_rows[last] * logits))
        slots = REFERENCE_MOST / (rung_rows[last] * logits);
    if (slots > s->row_count / rung_rows[last])
        slots = s->row_count / rung_rows[last];
    if (slots > SLOTS_MOST)
        slots = SLOTS_MOST;
    if (slots < 1)
        slots = 1;
    for (int i = 0; i <= last; i++)
        s->rung[i] = slots * rung_rows[i];
}

static int take_room(nyx_evolve__search *s)
{
    const int64_t tensors = s->codings->count, levels = s->codings->levels;
    int           status;

    s->predicted = (nyx_knapsack){s->codings->count, s->codings->levels, NULL};
    s->seen_room = SEEN_ROOM;
    s->result->tensors = s->codings->count;
    if ((status = nyx_alloc(&s->predicted.choices,
                            tensors * levels * (int64_t)sizeof *s->predicted.choices)) < 0 ||
        (status = nyx_alloc(&s->ladders, tensors * levels)) < 0 ||
        (status = nyx_alloc(&s->rungs, tensors * (int64_t)sizeof *s->rungs)) < 0 ||
        (status = nyx_alloc(&s->base, tensors)) < 0 ||
        (status = nyx_alloc(&s->seen, s->seen_room * tensors)) < 0 ||
        (status = nyx_alloc(&s->result->sensitivity, tensors * (int64_t)sizeof(double))) < 0)
        return status;
    memset(s->base, NYX_LEVEL_EXACT, (size_t)tensors);
    return 0;
}

/* What the measurements depend on; a ledger of anything else is refused. */
static int identity_of(char **out, const nyx_evolve__search *s, const char *data_sha256,
                       const char *held_sha256)
{
    const nyx_search_options *o = s->options;
    nyx_json                 *json = nyx_json_object(), *formats;
    char                     *start;
    int                       status = nyx_alloc(&start, s->codings->count + 1);

    nyx_json_set_text(json, "program", "nyx-evolve " NYX_VERSION);
    nyx_json_set_text(json, "device", nyx_device_name(s->device));
    nyx_json_set_text(json, "model", s->codings->model_sha256);
    nyx_json_set_text(json, "data", data_sha256);
    nyx_json_set_text(json, "held_out", held_sha256);
    nyx_json_set_int(json, "tensors", s->codings->count);
    nyx_json_set_int(json, "window", s->config.data.length);
    nyx_json_set_int(json, "budget", o->budget);
    nyx_json_set_int(json, "tokens", s->budget_tokens);
    nyx_json_set_int(json, "sample", s->rung[NYX_EVOLVE__RUNGS - 1]);
    nyx_json_set_int(json, "held_rows", s->held_count);
    nyx_json_set_bool(json, "fresh", o->fresh);
    nyx_json_set_int(json, "seed", (int64_t)o->seed);
    nyx_json_set_bool(json, "pareto", o->pareto);
    if (status == 0 && o->start) {
        nyx_evolve__plan_text(start, o->start, s->codings->count);
        nyx_json_set_text(json, "start", start);
    }
    formats = nyx_json_add_array(json, "formats");
    for (int i = 0; i < s->codings->levels; i++) {
        char text[NYX_FORMAT_TEXT];

        nyx_format_text(text, &s->codings->formats[i]);
        nyx_json_push_text(formats, text);
    }
    if (status == 0)
        status = nyx_json_print(out, json, 0);
    nyx_json_free(json);
    nyx_free(start);
    return status;
}

static int open_ledger(nyx_evolve__search *s)
{
    const nyx_search_options *o = s->options;
    char                      data[NYX_SHA256_HEX], held[NYX_SHA256_HEX] = "", *identity = NULL;
    int64_t                   bytes;
    int                       status = nyx_sha256_file(data, &bytes, o->data);

    if (status == 0 && o->held_out)
        status = nyx_sha256_file(held, &bytes, o->held_out);
    if (status == 0 && (status = identity_of(&identity, s, data, held)) == 0)
        status = nyx_evolve__ledger_open(&s->ledger, o->checkpoint, o->resume, identity);
    if (status == 0 && o->log)
        status = nyx_journal_open(&s->log, o->log, 0);
    nyx_free(identity);
    return status;
}

/* ---- generation 0 -----------------------------------------------------------------------------
 */

/* The plan with one format everywhere that fits and promises the least; -1: none fits. */
static int best_uniform(const nyx_evolve__search *s, int except)
{
    uint8_t plan[NYX_EVOLVE__TENSORS];
    double  least = 0.0;
    int     best = -1;

    for (int level = 0; level < s->codings->levels; level++) {
        double cost;

        memset(plan, level, (size_t)s->codings->count);
        cost = nyx_knapsack_cost(&s->predicted, plan);
        if (level == except || nyx_codings_bytes(s->codings, plan) > s->options->budget ||
            (best >= 0 && cost >= least))
            continue;
        best = level;
        least = cost;
    }
    return best;
}

/* The knapsack for plain squared errors: another opinion to begin with. */
static int solve_by_error(uint8_t *plan, const nyx_evolve__search *s)
{
    const nyx_codings *c = s->codings;
    nyx_knapsack       knapsack = {c->count, c->levels, NULL};
    int                status =
        nyx_alloc(&knapsack.choices, c->count * c->levels * (int64_t)sizeof *knapsack.choices);

    for (int t = 0; t < c->count && status == 0; t++)
        for (int level = 0; level < c->levels; level++)
            knapsack.choices[t * c->levels + level] =
                (nyx_choice){c->tensors[t].bytes[level],
                             c->tensors[t].error[level] * (double)c->tensors[t].elems};
    if (status == 0)
        status = nyx_knapsack_solve(plan, &knapsack, s->options->budget);
    nyx_free(knapsack.choices);
    return status;
}

static int add_seed(nyx_evolve__search *s, nyx_evolve__candidate *seeds, int *count,
                    const uint8_t *plan, int name, const char *origin)
{
    int status = nyx_evolve__candidate_create(&seeds[*count], s, plan, origin);

    if (status < 0)
        return status;
    (*count)++;
    if (name < 0)
        return 0;
    if ((status = nyx_alloc(&s->result->plans[name].levels, s->codings->count)) == 0)
        memcpy(s->result->plans[name].levels, plan, (size_t)s->codings->count);
    return status;
}

static int make_seeds(nyx_evolve__search *s, nyx_evolve__candidate *seeds, int *count)
{
    uint8_t plan[NYX_EVOLVE__TENSORS];
    int     status, uniform = best_uniform(s, -1);

    if ((status = nyx_knapsack_solve(plan, &s->predicted, s->options->budget)) < 0 ||
        (status = add_seed(s, seeds, count, plan, NYX_KNAPSACK, "knapsack")) < 0 ||
        (status = nyx_knapsack_greedy(plan, &s->predicted, s->options->budget)) < 0 ||
        (status = add_seed(s, seeds, count, plan, NYX_GREEDY, "greedy")) < 0 ||
        (status = solve_by_error(plan, s)) < 0 ||
        (status = add_seed(s, seeds, count, plan, -1, "knapsack of errors")) < 0)
        return status;
    for (int i = 0; i < 2 && uniform >= 0 && status == 0; i++) {
        memset(plan, uniform, (size_t)s->codings->count);
        status = add_seed(s, seeds, count, plan, -1, "uniform");
        uniform = i == 0 ? best_uniform(s, uniform) : uniform;
    }
    if (status == 0 && s->options->start)
        status = add_seed(s, seeds, count, s->options->start, -1, "start");
    return status;
}

/* The better of the uniform ones is the one to beat. */
static int name_uniform(nyx_evolve__search *s, const nyx_evolve__candidate *seeds, int count)
{
    const nyx_evolve__candidate *best = NULL;
    int                          status;

    for (int i = 0; i < count; i++)
        if (!strcmp(seeds[i].origin, "uniform") &&
            (!best || nyx_evolve__distance(&seeds[i]) < nyx_evolve__distance(best)))
            best = &seeds[i];
    if (!best)
        return 0;
    if ((status = nyx_alloc(&s->result->plans[NYX_UNIFORM].levels, s->codings->count)) == 0)
        memcpy(s->result->plans[NYX_UNIFORM].levels, best->levels, (size_t)s->codings->count);
    return status;
}

/* All seeds on the whole sample; the best is the first parent. */
static int measure_seeds(nyx_evolve__search *s, nyx_evolve__candidate *seeds, int count)
{
    int best = 0, status = nyx_evolve__rebase_on(s, seeds[0].levels);

    for (int i = 0; i < count && status == 0; i++) {
        if ((status = nyx_evolve__measure(s, &seeds[i], s->sample.count)) < 0)
            return status;
        (void)nyx_evolve__new(s, seeds[i].levels);
        if (nyx_codings_bytes(s->codings, seeds[i].levels) <= s->options->budget &&
            nyx_evolve__distance(&seeds[i]) < nyx_evolve__distance(&seeds[best]))
            best = i;
    }
    if (status == 0)
        status = name_uniform(s, seeds, count);
    seeds[best].accepted = true;
    for (int i = 0; i < count && status == 0; i++)
        status = nyx_evolve__log(s, &seeds[i]);
    if (status < 0 || (status = nyx_evolve__candidate_create(&s->parent, s, seeds[best].levels,
                                                             seeds[best].origin)) < 0)
        return status;
    memcpy(s->parent.kl, seeds[best].kl, (size_t)seeds[best].rows * sizeof *s->parent.kl);
    memcpy(s->parent.root, seeds[best].root, (size_t)seeds[best].rows * sizeof *s->parent.root);
    s->parent.rows = seeds[best].rows;
    return best > 0 ? nyx_evolve__rebase_on(s, s->parent.levels) : 0;
}

static int search(nyx_evolve__search *s)
{
    nyx_evolve__candidate seeds[SEEDS] = {0};
    int                   count = 0, status;

    if ((status = nyx_evolve__choose_hard(s)) < 0 || (status = nyx_evolve__start_epoch(s, 0)) < 0 ||
        (status = nyx_evolve__sensitivities(s)) < 0 ||
        (status = nyx_knapsack_front_make(&s->result->front, &s->predicted)) < 0 ||
        (status = make_seeds(s, seeds, &count)) < 0 ||
        (status = measure_seeds(s, seeds, count)) < 0)
        goto done;
    status = s->options->pareto ? nyx_evolve__front(s, seeds, count) : nyx_evolve__evolve(s);
done:
    for (int i = 0; i < count; i++)
        nyx_evolve__candidate_release(&seeds[i]);
    return status;
}

/* ---- the judgement
 * ------------------------------------------------------------------------------- */

static void mean_of(nyx_estimate *out, const nyx_paired *interval, const double *kl,
                    const int32_t *tokens, int64_t rows)
{
    double sum = 0.0, count = 0.0;

    for (int64_t i = 0; i < rows; i++) {
        sum += kl[i];
        count += (double)tokens[i];
    }
    *out = (nyx_estimate){
        .value = count > 0.0 ? sum / count : 0.0, .low = interval->low, .high = interval->high};
}

/* Each plan on the same rows; plans that are equal are measured once. */
static int judge_plan(nyx_evolve__search *s, nyx_evolve__sample *held, int plan, double *kl,
                      const double *evolved)
{
    nyx_search_plan *p = &s->result->plans[plan];
    nyx_paired       alone;
    int              status;

    if (plan != NYX_EVOLVED &&
        !memcmp(p->levels, s->result->plans[NYX_EVOLVED].levels, (size_t)s->codings->count))
        memcpy(kl, evolved, (size_t)held->count * sizeof *kl);
    else if ((status = nyx_evolve__measure_held(s, held, p->levels, kl)) < 0)
        return status;
    if ((status = nyx_paired_interval(&alone, kl, NULL, held->tokens, held->count,
                                      s->options->seed)) < 0)
        return status;
    mean_of(&p->held_out, &alone, kl, held->tokens, held->count);
    p->against_evolved = nyx_paired_of(kl, evolved, held->tokens, held->count);
    return nyx_paired_interval(&p->against_evolved, kl, evolved, held->tokens, held->count,
                               s->options->seed);
}

static int judge(nyx_evolve__search *s)
{
    const int64_t      rows = s->held_count;
    nyx_evolve__sample held = {0};
    int64_t           *which = NULL;
    double            *kl = NULL;
    int                status;

    s->result->held_rows = rows;
    if (rows == 0)
        return 0;
    if ((status = nyx_alloc(&which, rows * (int64_t)sizeof *which)) < 0 ||
        (status = nyx_alloc(&kl, 2 * rows * (int64_t)sizeof *kl)) < 0)
        goto done;
    for (int64_t i = 0; i < rows; i++)
        which[i] = i;
    if ((status = nyx_evolve__sample_create(&held, &s->held_rows, which, rows)) < 0)
        goto done;
    s->result->held_tokens += rows * nyx_evolve__row_cost(s); /* the exact model */
    for (int plan = 0; plan < NYX_PLANS && status == 0; plan++)
        if (s->result->plans[plan].levels)
            status = judge_plan(s, &held, plan, plan == NYX_EVOLVED ? kl : kl + rows, kl);
done:
    nyx_evolve__sample_release(&held);
    nyx_free(which);
    nyx_free(kl);
    return status;
}

/* ---- all of it
 * -------------------------------------------------------------------------------------- */

static int conclude(nyx_evolve__search *s)
{
    nyx_search_result *r = s->result;
    int                status = nyx_alloc(&r->plans[NYX_EVOLVED].levels, s->codings->count);

    if (status < 0)
        return status;
    memcpy(r->plans[NYX_EVOLVED].levels, s->parent.levels, (size_t)s->codings->count);
    for (int i = 0; i < NYX_PLANS; i++) {
        nyx_search_plan *p = &r->plans[i];

        p->held_out.reason = "there are no rows to judge on";
        p->searched = i == NYX_EVOLVED ? nyx_evolve__distance(&s->parent) : (double)NAN;
        if (!p->levels)
            continue;
        p->bytes = nyx_codings_bytes(s->codings, p->levels);
        p->predicted = nyx_knapsack_cost(&s->predicted, p->levels);
    }
    r->pieces_share = s->pieces_all > 0.0 ? s->pieces_run / s->pieces_all : 1.0;
    r->sample_rows = s->sample.count;
    r->row_tokens = nyx_evolve__row_cost(s);
    if ((status = judge(s)) == 0)
        r->replayed = s->ledger.replayed;
    return status;
}

/* Said before anything is measured. */
static int check_budget(const nyx_search_options *o, const nyx_codings *c)
{
    int64_t least = 0;

    if (c->count > NYX_EVOLVE__TENSORS)
        return nyx_error_set(NYX_ERR_UNSUPPORTED,
                             "'%s' has %d tensors to choose for, %d are the most", o->model,
                             c->count, NYX_EVOLVE__TENSORS);
    for (int t = 0; t < c->count; t++) {
        int64_t smallest = c->tensors[t].bytes[0];

        for (int level = 1; level < c->levels; level++)
            smallest =
                c->tensors[t].bytes[level] < smallest ? c->tensors[t].bytes[level] : smallest;
        least += smallest;
    }
    if (o->budget < least)
        return nyx_error_set(
            NYX_ERR_UNSUPPORTED,
            "no recipe meets the budget: it leaves %lld bytes for the tensors that are "
            "coded, and the smallest formats need %lld (%.3f bits a weight); raise it by %lld "
            "bytes or more, or add smaller --formats",
            (long long)(o->budget < 0 ? 0 : o->budget), (long long)least,
            nyx_codings_bits(c, least), (long long)(least - o->budget));
    return 0;
}

int nyx_search_run(nyx_search_result *out, nyx_device *device, const nyx_codings *codings,
                   const nyx_search_options *options)
{
    nyx_evolve__search *s;
    int                 status;

    *out = (nyx_search_result){0};
    if ((status = check_budget(options, codings)) < 0 || (status = nyx_alloc(&s, sizeof *s)) < 0)
        return status;
    s->options = options;
    s->codings = codings;
    s->result = out;
    s->device = device;
    if ((status = take_config(s)) < 0)
        goto done;
    if ((status = take_order(s)) < 0 || (status = take_room(s)) < 0)
        goto done;
    take_rungs(s);
    if (
        (status = nyx_evolve__scorer_open(&s->scorer, device, codings, options->model, &s->config,
                                          s->rung[0])) < 0 ||
        (status = open_ledger(s)) < 0 || (status = search(s)) < 0)
        goto done;
    status = conclude(s);
done:
    nyx_evolve__candidate_release(&s->parent);
    nyx_evolve__sample_release(&s->sample);
    nyx_evolve__scorer_close(s->scorer);
    nyx_evolve__ledger_close(&s->ledger);
    nyx_journal_close(s->log);
    nyx_free(s->order);
    nyx_free(s->predicted.choices);
    nyx_free(s->ladders);
    nyx_free(s->rungs);
    nyx_free(s->base);
    nyx_free(s->seen);
    nyx_free(s);
    if (status < 0)
        nyx_search_result_release(out);
    return status;
}
