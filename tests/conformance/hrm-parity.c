/* hrm-parity -- compare Nyx with what the original HRM code computed.
 *
 *     build/tests/hrm-parity FIXTURE_DIR [DEVICE [bf16 | f16]]
 *
 * The folder holds initial.h5, reference.h5 and, where reference.h5 has the
 * group `trained`, trained.safetensors. One line a comparison with its worst
 * relative error (|a - b| / |b|, Euclidean), a summary last; exit status 1
 * when one is beyond its limit, 65 when the folder cannot be read.
 *
 * With a precision steps are trained in it; outputs and gradients of the first
 * step and losses of all must agree within a few of its roundings. The rest is
 * left out: sign-SGD and Adam make whole steps of what was rounding. */
#include "hrm-fixture.h"
#include "../unit/worse.h"

/* Limits of the fixtures' own page. */
static const double first_step_limit = 1e-5, gradient_limit = 1e-4, loss_limit = 1e-4, later_limit = 1e-4;
static const double weight_distance = 1e-5;

/* Half the distance of 1 to the next number of the precision; 0: float32. */
static double rounding;
enum { FIRST_ROUNDINGS = 10, LOSS_ROUNDINGS = 4 };

static double limit_of(double limit, int roundings)
{
    return rounding > 0 ? roundings * rounding : limit;
}

/* ---- one training step -------------------------------------------------------------------- */

/* Compare a variable with entry `step` of a dataset, as far as both go. Returns
 * an error, a count of differing elements, or -1 when either is absent. */
static double compare(const run *r, const char *name, const double *want, int64_t want_elems, int64_t step, bool exact)
{
    int64_t elems = 0, take;
    double *got = want ? fetch(r, &elems, name) : NULL, error = -1;

    if (got) {
        take = elems < want_elems ? elems : want_elems;
        want += step * elems;
        error = exact ? (double)differing(got, want, take) : relative(got, want, take);
    }
    nyx_free(got);
    return error;
}

/* What only the first step records. The trace has one slot; our last call of
 * the Q-target pass has one position. */
static void first_step_compare(const run *r)
{
    static const struct { const char *name, *dataset; bool exact; } rows[] = {
        { "out.embedding", "input_embeddings", false },   { "out.logits", "logits", false },
        { "out.q_halt", "q_halt_logits", false },         { "out.q_continue", "q_continue_logits", false },
        { "carry.z_H", "carry/z_H", false },              { "carry.z_L", "carry/z_L", false },
        { "out.target_q_continue", "target_q_continue", false },
        { "carry.steps", "carry/steps", true },           { "carry.halted", "carry/halted", true },
    };
    double worst = -1, error;
    char   what[96];

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t elems = 0;
        double *want = dataset(r->reference, &elems, "/%s/step1/%s", r->scenario, rows[i].dataset);

        error = compare(r, rows[i].name, want, elems, 0, rows[i].exact);
        snprintf(what, sizeof what, "step 1 %s", rows[i].dataset);
        if (error >= 0 && rows[i].exact)
            same(what, (int64_t)error, elems);
        else if (error >= 0)
            near(what, error, limit_of(first_step_limit, FIRST_ROUNDINGS));
        nyx_free(want);
    }
    for (int i = 0; i < nyx_store_count(r->store); i++) {
        const char *name = nyx_store_variable(r->store, i)->name;
        int64_t     elems = 0;
        double     *want;

        if (strncmp(name, "trace.", 6) != 0)
            continue;
        want = dataset(r->reference, &elems, "/%s/step1/trace/%s", r->scenario, name + 6);
        elems = nyx_store_bytes(r->store, i) / 4 / r->config->training.batch;
        worst = worse(worst, compare(r, name, want, elems, 0, false));
        nyx_free(want);
    }
    if (worst >= 0)
        near("step 1 outputs of every module call", worst, limit_of(first_step_limit, FIRST_ROUNDINGS));
}

/* Gradients of the table: rows of one id summed, as the original's. */
static double *table_gradient(const run *r, int64_t *elems)
{
    const int64_t width = r->config->model.puzzle_width;
    int64_t       slots, unused;
    double       *rows = fetch(r, &unused, "grad.puzzle"), *ids = fetch(r, &slots, "carry.ids"), *table;

    *elems = width > 0 ? r->config->data.puzzles * width : 0;
    table = memory(*elems * 8);
    for (int64_t i = 0; i < slots * width; i++)
        table[(int64_t)ids[i / width] * width + i % width] += rows[i];
    nyx_free(rows);
    nyx_free(ids);
    return table;
}

static void first_gradients_compare(const run *r)
{
    const char *where = "model.inner.puzzle_emb";
    int64_t     elems = 0, table_elems;
    double      worst = -1, *want, *table;
    char        name[96], grad[48];

    for (int i = 0; i < nyx_model_parameter_count(r->config); i++) {
        const nyx_parameter p = nyx_model_parameter(r->config, i);

        original_name(name, p.name);
        snprintf(grad, sizeof grad, "grad.%s", p.name);
        want = p.sparse ? NULL : dataset(r->reference, &elems, "/%s/step1/grads/%s", r->scenario, name);
        worst = worse(worst, compare(r, grad, want, elems, 0, false));
        nyx_free(want);
    }
    if (worst < 0)
        return; /* a scenario without gradients */
    near("step 1 gradients, the worst tensor", worst, limit_of(gradient_limit, FIRST_ROUNDINGS));
    if ((want = dataset(r->reference, &elems, "/%s/step1/grads/%s.local_weights", r->scenario, where)))
        near("step 1 gradients of puzzle slots", compare(r, "grad.puzzle", want, elems, 0, false),
             limit_of(gradient_limit, FIRST_ROUNDINGS));
    nyx_free(want);
    table = table_gradient(r, &table_elems);
    if ((want = dataset(r->reference, &elems, "/%s/step1/grads/%s.weights", r->scenario, where)))
        near("step 1 gradients of puzzle rows", relative(table, want, elems),
             limit_of(gradient_limit, FIRST_ROUNDINGS));
    nyx_free(want);
    nyx_free(table);
}

/* ---- all training steps --------------------------------------------------------------------- */

enum how { VALUES, EXACT, TOTAL }; /* elements, equal elements, sum over the slots */
static const struct { const char *name, *dataset; enum how how; } step_rows[] = {
    { "out.loss", "loss", TOTAL },
    { "out.loss", "loss_float64_run", TOTAL },
    { "out.lm_loss", "lm_loss_sum", TOTAL },
    { "out.q_halt_loss", "q_halt_loss_sum", TOTAL },
    { "out.q_continue_loss", "q_continue_loss_sum", TOTAL },
    { "out.q_halt", "q_halt_logits", VALUES },
    { "out.q_continue", "q_continue_logits", VALUES },
    { "out.target_q_continue", "target_q_continue", VALUES },
    { "out.predictions", "predictions", EXACT },
    { "carry.halted", "halted", EXACT },
    { "carry.steps", "steps", EXACT },
    { "carry.inputs", "sample_inputs", EXACT },
    { "carry.targets", "sample_labels", EXACT },
    { "carry.ids", "sample_puzzle_identifiers", EXACT },
    { "puzzle", "puzzle_table", VALUES },
};
enum { STEP_ROWS = sizeof step_rows / sizeof *step_rows, ROUNDED_ROWS = 3 }; /* so many with a precision */
typedef struct {
    double *want[STEP_ROWS], error[STEP_ROWS], own[STEP_ROWS], *norms[2], norm_error[2];
    int64_t elems[STEP_ROWS], steps;
    nyx_json *columns;
} history;

/* `own`: how far the recorded sum is from the exact one; the original loses
 * digits of small binary cross-entropies, which nobody can give back. */
static double total_error(const run *r, const char *name, double want, double own)
{
    int64_t elems;
    double *got = fetch(r, &elems, name), sum = 0;

    for (int64_t i = 0; i < elems; i++)
        sum += got[i];
    nyx_free(got);
    return worse(fabs(sum - want) - own, 0) / fmax(fabs(want), 1e-12);
}

static double norm_error(const run *r, const history *h, const double *norms, int64_t step, bool gradient)
{
    const int64_t columns = nyx_json_count(h->columns);
    double        worst = 0;
    char          name[48], theirs[96];

    for (int i = 0; i < nyx_model_parameter_count(r->config); i++) {
        const nyx_parameter p = nyx_model_parameter(r->config, i);
        int64_t             elems, k = 0;
        double             *x, squares = 0;

        original_name(theirs, p.name);
        while (k < columns && strcmp(nyx_json_text(nyx_json_item(h->columns, k), ""), theirs) != 0)
            k++;
        if (k == columns)
            continue;
        snprintf(name, sizeof name, "%s%s", gradient ? "grad." : "", p.name);
        x = fetch(r, &elems, name);
        for (int64_t e = 0; e < elems; e++)
            squares += x[e] * x[e];
        nyx_free(x);
        worst = worse(worst, fabs(sqrt(squares) - norms[step * columns + k]) / fmax(norms[step * columns + k], 1e-12));
    }
    return worst;
}

static void history_open(history *h, const run *r)
{
    static const char *const norms[2] = { "grad_norm", "weight_norm" };
    const char              *text;
    char                     path[64];
    int64_t                  unused;

    memset(h, 0, sizeof *h);
    for (int i = 0; i < STEP_ROWS; i++) {
        h->want[i] = dataset(r->reference, &h->elems[i], "/%s/steps/%s", r->scenario, step_rows[i].dataset);
        snprintf(path, sizeof path, "/%s/steps/%s", r->scenario, step_rows[i].dataset);
        if (nyx_reader_attribute_real(r->reference, path, "max_abs_difference_from_float64_run", &h->own[i]) < 0)
            h->own[i] = 0;
    }
    for (int i = 0; i < 2; i++)
        h->norms[i] = dataset(r->reference, &unused, "/%s/steps/%s", r->scenario, norms[i]);
    h->steps = h->elems[0];
    snprintf(path, sizeof path, "/%s/steps/grad_norm", r->scenario);
    must(nyx_reader_attribute_text(r->reference, path, "columns", &text));
    must(nyx_json_parse(&h->columns, text, (int64_t)strlen(text), "columns"));
}

static void history_report(history *h)
{
    char what[64];

    for (int i = 0; i < (rounding > 0 ? ROUNDED_ROWS : STEP_ROWS); i++) {
        snprintf(what, sizeof what, "%d steps, %s", (int)h->steps, step_rows[i].dataset);
        if (h->want[i] && step_rows[i].how == EXACT)
            same(what, (int64_t)h->error[i], h->elems[i]);
        else if (h->want[i])
            near(what, h->error[i], limit_of(step_rows[i].how == TOTAL ? loss_limit : later_limit, LOSS_ROUNDINGS));
    }
    for (int i = 0; i < 2 && rounding == 0; i++) {
        snprintf(what, sizeof what, "%d steps, norms of all %s", (int)h->steps, i ? "weights" : "gradients");
        near(what, h->norm_error[i], later_limit);
    }
}

static void history_close(history *h)
{
    for (int i = 0; i < STEP_ROWS; i++)
        nyx_free(h->want[i]);
    for (int i = 0; i < 2; i++)
        nyx_free(h->norms[i]);
    nyx_json_free(h->columns);
}

/* After the update of step `k`. */
static void history_take(history *h, const run *r, int64_t k)
{
    for (int i = 0; i < STEP_ROWS; i++) {
        double error;

        if (!h->want[i])
            continue;
        if (step_rows[i].how == TOTAL)
            error = total_error(r, step_rows[i].name, h->want[i][k], h->own[i]);
        else
            error = compare(r, step_rows[i].name, h->want[i], h->elems[i], k, step_rows[i].how == EXACT);
        h->error[i] = step_rows[i].how == EXACT ? h->error[i] + error : fmax(h->error[i], error);
    }
}

/* By count: an element whose gradient is rounding may step the other way, so
 * a norm says little. Two elements of a tensor, or 1 in 100,000, may be far. */
static void weights_compare(const run *r, const char *group)
{
    double  largest = 0, excess = -1;
    int64_t far_all = 0, all = 0, elems = 0, unused;
    char    name[96], what[96], text[160];

    for (int i = 0; i < nyx_model_parameter_count(r->config); i++) {
        const nyx_parameter p = nyx_model_parameter(r->config, i);
        double             *want, *got;
        int64_t             far = 0;

        original_name(name, p.name);
        if (!(want = dataset(r->reference, &elems, "/%s/%s/%s", r->scenario, group, name)))
            continue;
        got = fetch(r, &unused, p.name);
        for (int64_t k = 0; k < elems; k++) {
            largest = worse(largest, fabs(got[k] - want[k]));
            far += !(fabs(got[k] - want[k]) <= weight_distance);
        }
        excess = fmax(excess, (double)far - fmax(2.0, (double)elems / 100000));
        far_all += far;
        all += elems;
        nyx_free(want);
        nyx_free(got);
    }
    if (all == 0)
        return; /* a scenario without them */
    snprintf(what, sizeof what, "%s", group);
    snprintf(text, sizeof text, "largest difference %.1e, %lld of %lld beyond %.0e", largest, (long long)far_all,
             (long long)all, weight_distance);
    verdict(excess <= 0, what, text);
}

static void scalars_put(run *r, int64_t step)
{
    double dense[4], puzzle[4];

    nyx_optimizer_scalars(r->config, step, step, 1000, dense, puzzle);
    put(r, "step.scalars", dense);
    put(r, "step.puzzle_scalars", puzzle);
}

/* The original's sums over the slots that halted in this step and have a label. */
static double metrics_error(const run *r, int64_t step)
{
    static const char *const names[] = { "count", "accuracy", "exact_accuracy", "q_halt_accuracy", "steps" };
    int64_t slots, unused;
    double *halted = fetch(r, &slots, "carry.halted"), *valid = fetch(r, &unused, "out.valid");
    double *right = fetch(r, &unused, "out.tokens_right"), *correct = fetch(r, &unused, "out.correct");
    double *q = fetch(r, &unused, "out.q_halt"), *steps = fetch(r, &unused, "carry.steps");
    double  sums[5] = { 0 }, worst = 0;

    for (int64_t b = 0; b < slots; b++) {
        const double scored = halted[b] != 0 && valid[b] > 0 ? 1.0 : 0.0;

        sums[0] += scored;
        sums[1] += scored * right[b] / fmax(valid[b], 1);
        sums[2] += scored * correct[b];
        sums[3] += scored * ((q[b] >= 0) == (correct[b] != 0));
        sums[4] += scored * steps[b];
    }
    for (int i = 0; i < 5; i++) {
        double *want = dataset(r->reference, &unused, "/%s/steps/metric_%s", r->scenario, names[i]);

        worst = want ? worse(worst, fabs(sums[i] - want[step]) / fmax(want[step], 1)) : worst;
        nyx_free(want);
    }
    double *const all[] = { halted, valid, right, correct, q, steps };
    for (int i = 0; i < 6; i++)
        nyx_free(all[i]);
    return worst;
}

static double table_gradient_error(const run *r, int64_t step)
{
    int64_t elems, all;
    double *want = dataset(r->reference, &all, "/%s/steps/puzzle_row_grad", r->scenario);
    double *got = want ? table_gradient(r, &elems) : NULL, error = -1;

    if (want)
        error = relative(got, want + step * elems, elems);
    nyx_free(want);
    nyx_free(got);
    return error;
}

static void batch_put(run *r, int64_t step, int64_t steps)
{
    static const char *const rows[][2] = {
        { "inputs", "batch.inputs" }, { "labels", "batch.targets" }, { "puzzle_identifiers", "batch.ids" },
    };
    int64_t elems;

    for (int i = 0; i < 3; i++) {
        double *x = dataset(r->reference, &elems, "/%s/batches/%s", r->scenario, rows[i][0]);

        if (!x) {
            nyx_error_set(NYX_ERR_INPUT, "reference.h5 has no batches/%s in '%s'", rows[i][0], r->scenario);
            quit();
        }
        put(r, rows[i][1], x + step * (elems / steps));
        nyx_free(x);
    }
}

static void training_compare(run *r)
{
    const int64_t slots = r->config->training.batch;
    double       *ones = memory(slots * 8), metrics = 0, table = -1;
    history       h;

    for (int64_t i = 0; i < slots; i++)
        ones[i] = 1;
    put(r, "carry.halted", ones);
    nyx_free(ones);
    history_open(&h, r);
    for (int64_t k = 0; k < h.steps; k++) {
        batch_put(r, k, h.steps);
        scalars_put(r, k + 1);
        nyx_program_run(r->programs[STEP], &(nyx_run){ .step = (uint32_t)k });
        if (k == 0) {
            first_step_compare(r);
            first_gradients_compare(r);
        }
        h.norm_error[0] = fmax(h.norm_error[0], norm_error(r, &h, h.norms[0], k, true));
        metrics = fmax(metrics, metrics_error(r, k));
        table = fmax(table, table_gradient_error(r, k));
        nyx_program_run(r->programs[APPLY], &(nyx_run){ .step = (uint32_t)k });
        h.norm_error[1] = fmax(h.norm_error[1], norm_error(r, &h, h.norms[1], k, false));
        history_take(&h, r, k);
        if (k == 0 && rounding == 0)
            weights_compare(r, "step1/weights_after");
    }
    history_report(&h);
    history_close(&h);
    if (rounding > 0)
        return;
    near("all steps, metrics of halted slots", metrics, loss_limit);
    if (table >= 0)
        near("all steps, gradients of puzzle rows", table, gradient_limit);
    weights_compare(r, "final/weights");
}

/* ---- evaluation ---------------------------------------------------------------------------------- */

/* The original's means over the slots that have a label, and its losses. */
static void evaluation_sums(const run *r, const char *group)
{
    static const char *const names[] = { "count", "accuracy", "exact_accuracy", "q_halt_accuracy",
                                         "lm_loss_sum", "q_halt_loss_sum", "loss_sum" };
    int64_t slots, unused;
    double *valid = fetch(r, &slots, "eval.valid"), *right = fetch(r, &unused, "eval.tokens_right");
    double *correct = fetch(r, &unused, "eval.correct"), *q = fetch(r, &unused, "eval.q_halt");
    double *lm = fetch(r, &unused, "eval.lm_loss"), *halt = fetch(r, &unused, "eval.q_halt_loss");
    double  got[7] = { 0 }, want, worst = 0;
    char    path[96];

    snprintf(path, sizeof path, "/%s", group);
    for (int64_t b = 0; b < slots; b++) {
        const double scored = valid[b] > 0 ? 1.0 : 0.0;

        got[0] += scored;
        got[1] += scored * right[b] / fmax(valid[b], 1);
        got[2] += scored * correct[b];
        got[3] += scored * ((q[b] >= 0) == (correct[b] != 0));
        got[4] += lm[b];
        got[5] += halt[b];
    }
    got[6] = got[4] + 0.5 * got[5];
    for (int i = 0; i < 7; i++) {
        want = number(r->reference, path, names[i]) * (i >= 1 && i <= 3 ? got[0] : 1.0);
        worst = worse(worst, fabs(got[i] - want) / fmax(fabs(want), 1e-12));
    }
    near("evaluation, accuracies and losses", worst, later_limit);
    double *const all[] = { valid, right, correct, q, lm, halt };
    for (int i = 0; i < 6; i++)
        nyx_free(all[i]);
}

static void evaluation_compare(run *r, const char *group)
{
    const int64_t segments = r->config->model.halt_max_steps;
    static const char *const in[][2] = {
        { "inputs", "eval.inputs" }, { "labels", "eval.targets" }, { "puzzle_identifiers", "eval.ids" },
    };
    static const struct { const char *name, *dataset; bool exact, each; } rows[] = {
        { "eval.q_halt", "q_halt_logits", false, true }, { "eval.q_continue", "q_continue_logits", false, true },
        { "eval.correct", "exact_per_segment", true, true },
        { "eval.logits", "logits", false, false },       { "eval.predictions", "predictions", true, false },
    };
    double  error[5] = { 0 }, *fresh, *want;
    int64_t elems[5] = { 0 }, slots;
    char    what[96];

    for (int i = 0; i < 3; i++) {
        want = dataset(r->reference, &elems[0], "/%s/%s", group, in[i][0]);
        put(r, in[i][1], want);
        nyx_free(want);
    }
    fresh = fetch(r, &slots, "eval.fresh");
    for (int64_t k = 0; k < segments; k++) {
        for (int64_t b = 0; b < slots; b++)
            fresh[b] = k == 0;
        put(r, "eval.fresh", fresh);
        nyx_program_run(r->programs[EVAL], &(nyx_run){ .step = 0 });
        for (int i = 0; i < 5; i++) {
            if (!rows[i].each && k < segments - 1)
                continue;
            want = dataset(r->reference, &elems[i], "/%s/%s", group, rows[i].dataset);
            const double e = compare(r, rows[i].name, want, elems[i], rows[i].each ? k : 0, rows[i].exact);

            error[i] = rows[i].exact ? error[i] + e : fmax(error[i], e);
            nyx_free(want);
        }
    }
    nyx_free(fresh);
    for (int i = 0; i < 5; i++) {
        snprintf(what, sizeof what, "evaluation, %s", rows[i].dataset);
        if (rows[i].exact)
            same(what, (int64_t)error[i], elems[i]);
        else
            near(what, error[i], later_limit);
    }
    evaluation_sums(r, group);
}

/* Weights out of a safetensors file: 8 bytes with the length of a JSON header,
 * the header, then the tensors. */
static void safetensors_load(run *r, const char *path)
{
    char           *file, theirs[96];
    int64_t         bytes, header = 0;
    nyx_json       *json;
    const nyx_json *entry;

    must(nyx_file_read(&file, &bytes, path, (int64_t)1 << 30));
    for (int i = 7; i >= 0 && bytes >= 8; i--)
        header = header * 256 + (uint8_t)file[i];
    if (header < 2 || header > bytes - 8) {
        nyx_error_set(NYX_ERR_INPUT, "'%s' is no safetensors file", path);
        quit();
    }
    must(nyx_json_parse(&json, file + 8, header, path));
    for (int i = 0; i < nyx_model_parameter_count(r->config); i++) {
        const nyx_parameter p = nyx_model_parameter(r->config, i);
        int64_t             at = -1;

        original_name(theirs, p.name);
        for (int64_t k = 0; k < nyx_json_count(json); k++) {
            entry = nyx_json_item(json, k);
            if (strcmp(nyx_json_key(json, k), theirs) == 0)
                at = 8 + header + nyx_json_int(nyx_json_get(entry, "data_offsets.0"), -1);
        }
        if (nyx_store_find(r->store, p.name) < 0)
            continue;
        if (at < 0 || at + 4 * nyx_shape_count(&p.shape) > bytes) {
            nyx_error_set(NYX_ERR_INPUT, "'%s' lacks '%s'", path, theirs);
            quit();
        }
        nyx_store_write(r->store, p.name, file + at);
    }
    nyx_json_free(json);
    nyx_free(file);
}

/* ---- a folder --------------------------------------------------------------------------------------- */

static int64_t rows_of(nyx_reader *file, const char *group)
{
    const nyx_entry *entry;
    char             path[96];

    snprintf(path, sizeof path, "/%s/inputs", group);
    entry = nyx_reader_find(file, path);
    return entry ? entry->shape.dims[0] : 0;
}

static void scenario_compare(run *shared, nyx_device *device, const nyx_config *config, const char *scenario)
{
    run  r = *shared;
    char group[64];

    printf("%s\n", scenario);
    r.scenario = scenario;
    snprintf(group, sizeof group, "%s/eval", scenario);
    run_open(&r, device, config, config->training.batch, rows_of(r.reference, group));
    weights_load(&r);
    training_compare(&r);
    if (rounding == 0)
        evaluation_compare(&r, group);
    run_close(&r);
}

static int usage(void)
{
    fprintf(stderr, "usage: hrm-parity FIXTURE_DIR [DEVICE [bf16 | f16]]\n");
    return 64;
}

int main(int argc, char **argv)
{
    nyx_device *device;
    nyx_config  config;
    nyx_json   *scenarios;
    run         r = { 0 };
    char        path[3][4096];
    static const char *const names[] = { "initial.h5", "reference.h5", "trained.safetensors" };

    if (argc < 2 || argc > 4)
        return usage();
    if (argc > 3) {
        snprintf(path[0], sizeof path[0], "precision=%s", argv[3]);
        if (nyx_passes_parse(&passes, path[0]) < 0)
            return usage();
        rounding = nyx_passes_dtype(&passes) == NYX_F16 ? 0x1p-11 : 0x1p-8;
    }
    for (int i = 0; i < 3; i++)
        snprintf(path[i], sizeof path[i], "%s/%s", argv[1], names[i]);
    must(nyx_device_open(&device, argc > 2 ? argv[2] : "cpu", 0));
    must(nyx_reader_open_foreign(&r.initial, path[0]));
    must(nyx_reader_open_foreign(&r.reference, path[1]));
    config_read(&config, r.reference);
    scenarios = json_attribute(r.reference, "scenarios");
    for (int64_t i = 0; i < nyx_json_count(scenarios); i++)
        scenario_compare(&r, device, &config, nyx_json_text(nyx_json_item(scenarios, i), ""));
    if (rounding == 0 && rows_of(r.reference, "trained/eval") > 0) {
        printf("trained\n");
        run_open(&r, device, &config, 0, rows_of(r.reference, "trained/eval"));
        safetensors_load(&r, path[2]);
        evaluation_compare(&r, "trained/eval");
        run_close(&r);
    }
    printf("%s on %s: the worst error is %.1f %% of its limit\n", argv[1], nyx_device_name(device),
           100.0 * worst_ratio);
    nyx_json_free(scenarios);
    nyx_reader_close(r.initial);
    nyx_reader_close(r.reference);
    nyx_device_close(device);
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0;
}
