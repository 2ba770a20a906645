/* trainer -- the training loop. Everything it holds lies in the store, so a
 * checkpoint is the store and a position. */
#include "train/internal.h"

#include <math.h>
#include <string.h>

enum { STEP, APPLY, EMA };

/* ---- building ------------------------------------------------------------------- */

static int build_program(nyx_trainer *t, int which)
{
    const int64_t slots = t->config.training.batch, micros = t->config.training.micro_batches;
    nyx_graph    *g;
    int           status = nyx_graph_create(&t->graphs[which], NYX_F32);

    if (status < 0)
        return status;
    g = t->graphs[which];
    if (which == STEP)
        nyx_model_build_step(g, &t->config, &(nyx_step_options){ .slots = slots / micros, .batch = slots,
                                                                 .accumulate = micros > 1, .scaled = t->scaled });
    else if (which == APPLY)
        nyx_optimizer_build(g, &t->config, slots, micros, t->scaled);
    else
        nyx_optimizer_build_ema(g, &t->config);
    if (which == STEP && (status = nyx_pass_apply(g, &t->options.passes)) < 0)
        return status;
    return nyx_program_compile(&t->programs[which], t->store, g);
}

/* What of a step runs where, on a pair of devices. */
static int check_share(const nyx_trainer *t, const nyx_device *device)
{
    const int64_t micros = t->config.training.micro_batches;

    if (!nyx_device_is_pair(nyx_device_name(device))) {
        if (t->options.share > 0)
            return nyx_error_set(NYX_ERR_USAGE, "a share is of two devices, this run has %s alone; --device=cpu+vulkan has two",
                                 nyx_device_name(device));
        return 0;
    }
    if (micros < 2)
        return nyx_error_set(NYX_ERR_USAGE, "'%s' share out micro-batches, and this run has one; --micro-batches=4, say, makes more",
                             nyx_device_name(device));
    if (t->options.share > micros)
        return nyx_error_set(NYX_ERR_USAGE, "a share of %d micro-batches is more than the %lld that there are",
                             t->options.share, (long long)micros);
    return 0;
}

int nyx_train__build(nyx_trainer *t)
{
    const bool    ema = t->config.training.ema > 0.0;
    const int64_t slots = t->config.training.batch / t->config.training.micro_batches;
    int           status;

    if ((status = check_share(t, t->device)) < 0 ||
        (status = nyx_store_create(&t->store, t->device, (int)t->config.training.micro_batches)) < 0)
        return status;
    if (t->options.share > 0)
        nyx_store_share(t->store, t->options.share);
    if ((status = build_program(t, STEP)) < 0 || (status = build_program(t, APPLY)) < 0 ||
        (ema && (status = build_program(t, EMA)) < 0))
        return status;
    return nyx_evaluator_create_sums(&t->evaluator, t->store, &t->config, slots, ema);
}

static int64_t batch_bytes(const nyx_trainer *t)
{
    return t->config.training.batch * (t->train.length + t->train.targets + 2) * (int64_t)sizeof(int32_t);
}

/* Where rows come from. */
static int build_rows(nyx_trainer *t)
{
    const nyx_dataset *dataset = t->options.dataset;
    const int64_t      length = t->config.data.length, targets = nyx_config_targets(&t->config);

    t->train = nyx_rows_of(dataset, &dataset->train, length, targets);
    t->test = nyx_rows_of(dataset, &dataset->test, length, targets);
    t->epoch = -1;
    if (dataset->train.tokens && t->train.count == 0)
        return nyx_error_set(NYX_ERR_INPUT, "cannot train: the text has %lld tokens, a row of context %lld needs %lld; a shorter model.context or more text helps",
                             (long long)dataset->train.token_count, (long long)length, (long long)length + 1);
    return nyx_sampler_init(&t->sampler, t->train.count, t->options.seed);
}

static int build_buffers(nyx_trainer *t)
{
    const int64_t slots = t->config.training.batch * (int64_t)sizeof(int32_t);
    int           status;

    if ((status = nyx_alloc(&t->inputs, slots * t->train.length)) < 0 ||
        (status = nyx_alloc(&t->targets, slots * t->train.targets)) < 0 ||
        (status = nyx_alloc(&t->ids, slots)) < 0 || (status = nyx_alloc(&t->flags, slots)) < 0 ||
        (status = nyx_alloc(&t->losses, t->config.training.micro_batches * (int64_t)sizeof *t->losses)) < 0)
        return status;
    return 0;
}

int nyx_trainer_create(nyx_trainer **out, nyx_device *device, const nyx_train_options *options)
{
    nyx_trainer *t;
    int          status;

    *out = NULL;
    if (options->loss_scale > 0.0 && nyx_passes_dtype(&options->passes) != NYX_F16)
        return nyx_error_set(NYX_ERR_USAGE, "a loss scale of %g is for f16, this run has %s", options->loss_scale,
                             nyx_dtype_name(nyx_passes_dtype(&options->passes)));
    if ((status = nyx_alloc(&t, sizeof *t)) < 0)
        return status;
    t->options = *options;
    t->config = options->config;
    t->device = device;
    t->saved = -1;
    t->scaled = nyx_passes_dtype(&options->passes) == NYX_F16;
    t->outer = t->config.model.kind == NYX_MODEL_HRM || t->config.model.kind == NYX_MODEL_TRANSFORMER;
    if ((status = build_rows(t)) < 0 || (status = nyx_train__build(t)) < 0 || (status = build_buffers(t)) < 0 ||
        (status = nyx_train__identity(&t->identity, t)) < 0) {
        nyx_trainer_free(t);
        return status;
    }
    *out = t;
    return 0;
}

void nyx_train__tear_down(nyx_trainer *t)
{
    nyx_evaluator_free(t->evaluator);
    for (int i = 0; i < 3; i++) {
        nyx_program_free(t->programs[i]);
        nyx_graph_free(t->graphs[i]);
        t->programs[i] = NULL;
        t->graphs[i] = NULL;
    }
    nyx_store_free(t->store);
    t->evaluator = NULL;
    t->store = NULL;
}

void nyx_trainer_free(nyx_trainer *t)
{
    if (!t)
        return;
    nyx_train__tear_down(t);
    nyx_sampler_release(&t->sampler);
    nyx_journal_close(t->journal);
    nyx_json_free(t->identity);
    nyx_json_free(t->trace);
    nyx_free(t->inputs);
    nyx_free(t->targets);
    nyx_free(t->ids);
    nyx_free(t->flags);
    nyx_free(t->losses);
    nyx_free(t);
}

static int64_t split_bytes(const nyx_dataset *dataset, const struct nyx_split *split)
{
    const int64_t row = 2 * dataset->length + (split->ids ? 1 : 0) + (split->rating ? 1 : 0);

    return (split->rows * row + split->token_count) * (int64_t)sizeof(int32_t);
}

/* libhdf5, its pages and buffers and the read-back of what was written; a node
 * with its values, its place in the plan and its call. Both were measured:
 * docs/experiments.md, "Predicted and measured peaks". */
enum { PROCESS_BYTES = 4 << 20, NODE_BYTES = 1536 };

static int64_t graph_bytes(const nyx_trainer *t)
{
    int64_t bytes = 0;

    for (int i = 0; i < 3; i++)
        bytes += t->graphs[i] ? nyx_graph_node_count(t->graphs[i]) * (int64_t)NODE_BYTES : 0;
    if (nyx_device_is_pair(nyx_device_name(t->device))) /* each has a copy, the step's are two */
        bytes += bytes + nyx_graph_node_count(t->graphs[STEP]) * (int64_t)NODE_BYTES;
    return bytes;
}

int64_t nyx_trainer_own_bytes(const nyx_trainer *t)
{
    return nyx_store_memory(t->store).own;
}

int64_t nyx_trainer_bytes(const nyx_trainer *t)
{
    const nyx_memory memory = nyx_store_memory(t->store);

    return PROCESS_BYTES + graph_bytes(t) + memory.variables + memory.arena + memory.workspace + memory.host + batch_bytes(t) +
           nyx_train__largest_bytes(t->store) + t->sampler.rows * (int64_t)sizeof *t->sampler.order +
           split_bytes(t->options.dataset, &t->options.dataset->train) +
           split_bytes(t->options.dataset, &t->options.dataset->test);
}

double nyx_trainer_flops(const nyx_trainer *t)
{
    double flops = 0.0;

    for (int i = 0; i < 3; i++)
        for (int n = 0; t->graphs[i] && n < nyx_graph_node_count(t->graphs[i]); n++)
            flops += nyx_node_cost(t->graphs[i], nyx_graph_node(t->graphs[i], n)).flops *
                     (double)(i == STEP ? t->config.training.micro_batches : 1);
    return flops;
}

const nyx_graph *nyx_trainer_graph(const nyx_trainer *t)
{
    return t->graphs[STEP];
}

int nyx_trainer_predict(int64_t *bytes, double *flops, nyx_device *device, const nyx_train_options *options)
{
    nyx_trainer *t;
    int          status = nyx_trainer_create(&t, device, options);

    if (status < 0)
        return status;
    *bytes = nyx_trainer_bytes(t);
    *flops = nyx_trainer_flops(t);
    nyx_trainer_free(t);
    return 0;
}

/* ---- one step ------------------------------------------------------------------------------ */

/* Targets that are scored, of the whole batch. */
static int64_t count_scored(const nyx_trainer *t)
{
    int64_t scored = 0;

    for (int64_t i = 0; i < t->config.training.batch * t->train.targets; i++)
        scored += t->targets[i] != t->config.data.ignore;
    return scored;
}

/* Returns how many targets of it are scored. */
static int64_t next_batch(nyx_trainer *t)
{
    int64_t scored;
    float   share;

    for (int64_t i = 0; i < t->config.training.batch; i++) {
        const int64_t epoch = t->sampler.position / t->sampler.rows, row = nyx_sampler_next(&t->sampler);

        if (epoch != t->epoch)
            nyx_rows_shift(&t->train, t->options.seed, epoch);
        t->epoch = epoch;
        nyx_rows_get(&t->train, row, t->inputs + i * t->train.length, t->targets + i * t->train.targets, t->ids + i);
    }
    nyx_store_write(t->store, "batch.inputs", t->inputs);
    nyx_store_write(t->store, "batch.targets", t->targets);
    scored = count_scored(t);
    share = 1.0f / (float)(scored > 0 ? scored : 1);
    if (t->outer)
        nyx_store_write(t->store, "batch.ids", t->ids);
    else
        nyx_store_write(t->store, "batch.share", &share);
    return scored;
}

static void write_scalars(nyx_trainer *t, const nyx_train_scaling *scaling)
{
    double dense[4], puzzle[4];
    float  values[2][4];

    nyx_optimizer_scalars(&t->config, t->step + 1, t->step + 1 - scaling->skipped, t->config.training.steps, dense, puzzle);
    for (int i = 0; i < 4; i++) {
        values[0][i] = (float)dense[i];
        values[1][i] = (float)puzzle[i];
    }
    nyx_store_write(t->store, "step.scalars", values[0]);
    if (nyx_store_find(t->store, "step.puzzle_scalars") >= 0)
        nyx_store_write(t->store, "step.puzzle_scalars", values[1]);
    values[0][0] = 1.0f;
    if (nyx_store_find(t->store, "step.plain_scalars") >= 0)
        nyx_store_write(t->store, "step.plain_scalars", values[0]);
}

/* What a step says of itself; a slot counts when it halted with valid labels.
 * Models without the outer loop only say how many targets were scored. */
typedef struct {
    double            loss, grad_norm;
    nyx_train_scaling scaling; /* that it was run with */
    int64_t           halted, exact, tokens, tokens_right;
} step_outcome;

static int sum_halted(nyx_trainer *t, step_outcome *outcome)
{
    static const char *const names[] = { "carry.halted", "out.valid", "out.correct", "out.tokens_right" };
    const int64_t            slots = t->config.training.batch;
    int32_t                 *values;
    int                      status = nyx_alloc(&values, 4 * slots * (int64_t)sizeof *values);

    outcome->tokens = 0;
    if (status < 0)
        return status;
    nyx_store_read_many(t->store, 4, names, (void *[]){ values, values + slots, values + 2 * slots, values + 3 * slots });
    for (int64_t i = 0; i < slots; i++) {
        if (!values[i] || !values[slots + i])
            continue;
        outcome->halted++;
        outcome->tokens += values[slots + i];
        outcome->exact += values[2 * slots + i] != 0;
        outcome->tokens_right += values[3 * slots + i];
    }
    nyx_free(values);
    return 0;
}

/* A loss or gradient that is not finite ends the run, but for gradients of a
 * scaled loss: then the step was not taken and the factor is halved. */
static int check_outcome(const nyx_trainer *t, const step_outcome *outcome)
{
    const bool bad_loss = !isfinite(outcome->loss), skips = t->scaled && outcome->scaling.factor > 1.0;

    if (!bad_loss && (isfinite(outcome->grad_norm) || skips))
        return 0;
    return nyx_error_set(NYX_ERR_NUMERIC, "training diverged: %s is not finite at step %lld%s%s; a lower learning rate%s may help",
                         bad_loss ? "the loss" : "the gradient", (long long)t->step + 1,
                         t->options.checkpoint ? ", no checkpoint of it was written to " : "",
                         t->options.checkpoint ? t->options.checkpoint : "", t->scaled ? " or bf16, which reaches further," : "");
}

static void run_program(nyx_trainer *t, int which, int micro)
{
    nyx_program_run(t->programs[which],
                    &(nyx_run){ .seed = t->options.seed, .step = (uint32_t)t->step, .micro = micro });
    nyx_train__trace_run(t, which);
}

static int train_step(nyx_trainer *t, step_outcome *outcome)
{
    float norm;
    int   status;

    memset(outcome, 0, sizeof *outcome);
    outcome->tokens = next_batch(t);
    outcome->scaling = nyx_train__scaling_read(t);
    write_scalars(t, &outcome->scaling);
    for (int micro = 0; micro < t->config.training.micro_batches; micro++)
        run_program(t, STEP, micro);
    run_program(t, APPLY, 0);
    nyx_store_read_many(t->store, 2, (const char *[]){ "out.loss", "out.grad_norm" }, (void *[]){ t->losses, &norm });
    if ((status = nyx_store_check(t->store)) < 0)
        return status;
    if (t->programs[EMA] && isfinite(norm))
        run_program(t, EMA, 0);
    for (int micro = 0; micro < t->config.training.micro_batches; micro++)
        outcome->loss += (double)t->losses[micro];
    outcome->grad_norm = (double)norm;
    if ((status = check_outcome(t, outcome)) < 0)
        return status;
    t->step++;
    return t->outer ? sum_halted(t, outcome) : 0;
}

int nyx_train__step(nyx_trainer *t)
{
    step_outcome outcome;

    return train_step(t, &outcome);
}

/* ---- log and evaluation ------------------------------------------------------------------------ */

int nyx_train__log(nyx_trainer *t, nyx_json *json)
{
    char *line = NULL;
    int   status = 0;

    nyx_json_set_int(json, "step", t->step);
    if (t->journal && (status = nyx_json_print(&line, json, 0)) == 0)
        status = nyx_journal_line(t->journal, line);
    nyx_free(line);
    nyx_json_free(json);
    return status;
}

static int log_step(nyx_trainer *t, const step_outcome *outcome)
{
    nyx_json *json = nyx_json_object();

    nyx_json_set_text(json, "kind", "step");
    nyx_json_set_real(json, "loss", outcome->loss);
    if (isfinite(outcome->grad_norm))
        nyx_json_set_real(json, "grad_norm", outcome->grad_norm);
    else
        nyx_json_set_null(json, "grad_norm", "it overflowed: the step was skipped");
    if (t->scaled)
        nyx_json_set_real(json, "loss_scale", outcome->scaling.factor);
    nyx_json_set_real(json, "rate", nyx_schedule_rate(&t->config, t->config.training.optimizer.learning_rate, t->step,
                                                      t->config.training.steps));
    nyx_json_set_int(json, "tokens", outcome->tokens);
    if (t->outer) {
        nyx_json_set_int(json, "halted", outcome->halted);
        nyx_json_set_int(json, "exact", outcome->exact);
        nyx_json_set_int(json, "tokens_right", outcome->tokens_right);
    }
    return nyx_train__log(t, json);
}

static int evaluate(nyx_trainer *t, nyx_evaluation *out)
{
    nyx_json *json;
    int       status = nyx_evaluator_rows(t->evaluator, out, &t->test);

    if (status < 0)
        return status;
    json = nyx_json_object();
    nyx_json_set_text(json, "kind", "evaluation");
    nyx_json_set_int(json, "rows", out->rows);
    nyx_json_set_int(json, "exact", out->exact);
    nyx_json_set_int(json, "tokens", out->tokens);
    nyx_json_set_int(json, "tokens_right", out->tokens_right);
    nyx_json_set_real(json, "loss", out->loss);
    return nyx_train__log(t, json);
}

/* ---- the loop -------------------------------------------------------------------------------------- */

static bool checkpoint_due(const nyx_trainer *t, int64_t checkpoint_ns)
{
    const nyx_train_options *o = &t->options;

    if (!o->checkpoint)
        return false;
    return (o->checkpoint_steps > 0 && t->step % o->checkpoint_steps == 0) ||
           (o->checkpoint_seconds > 0.0 &&
            (double)(nyx_clock_ns() - checkpoint_ns) * 1e-9 >= o->checkpoint_seconds) ||
           t->step == t->config.training.steps;
}

static void tell_progress(const nyx_trainer *t, double loss)
{
    const double seconds = (double)(nyx_clock_ns() - t->begin_ns) * 1e-9;
    const double rows = (double)((t->step - t->first_step) * t->config.training.batch);

    if (t->options.progress)
        t->options.progress(t->options.context, &(nyx_train_progress){ t->step, t->config.training.steps, loss,
                                                                       seconds > 0.0 ? rows / seconds : 0.0 });
}

/* Stopping asks for a checkpoint first, so that nothing is lost. */
static int stop_here(nyx_trainer *t)
{
    int status;

    if (!t->options.checkpoint)
        return nyx_error_set(NYX_ERR_STOPPED, "stopped at step %lld; without --checkpoint its work is lost",
                             (long long)t->step);
    if ((status = nyx_train__checkpoint_write(t)) < 0)
        return status;
    return nyx_error_set(NYX_ERR_STOPPED, "stopped at step %lld; the same command with --resume goes on",
                         (long long)t->step);
}

static bool evaluation_due(const nyx_trainer *t)
{
    const int64_t every = t->config.training.evaluate_every;

    return every && t->step && t->step % every == 0 && t->step < t->config.training.steps;
}

/* The third step has everything warm. */
static bool trace_due(const nyx_trainer *t)
{
    const int64_t third = t->first_step + 2, last = t->config.training.steps - 1;

    return t->options.trace && t->step == (third < last ? third : last);
}

/* A checkpoint comes before the evaluation of its step, so a resumed run
 * evaluates, and logs, as the undisturbed one does. */
static int loop(nyx_trainer *t, nyx_train_result *result)
{
    int64_t checkpoint_ns = nyx_clock_ns();

    while (t->step < t->config.training.steps) {
        step_outcome outcome;
        int          status = 0;

        if (nyx_stop_requested())
            return stop_here(t);
        if (evaluation_due(t))
            status = evaluate(t, &result->test);
        if (status == NYX_ERR_STOPPED)
            return stop_here(t);
        if (trace_due(t))
            nyx_train__trace_begin(t);
        if (status < 0 || (status = train_step(t, &outcome)) < 0 || (status = log_step(t, &outcome)) < 0 ||
            (t->trace && (status = nyx_train__trace_end(t)) < 0))
            return status;
        t->loss = outcome.loss;
        if (checkpoint_due(t, checkpoint_ns)) {
            if ((status = nyx_train__checkpoint_write(t)) < 0)
                return status;
            checkpoint_ns = nyx_clock_ns();
        }
        tell_progress(t, outcome.loss);
    }
    result->seconds = (double)(nyx_clock_ns() - t->begin_ns) * 1e-9;
    return 0;
}

int nyx_train__attempt(nyx_trainer *t, nyx_train_result *result)
{
    int status = nyx_train__start(t);

    memset(result, 0, sizeof *result);
    if (status < 0)
        return status;
    if (!t->begin_ns) {
        t->begin_ns = nyx_clock_ns();
        t->first_step = t->step;
    }
    result->first_step = t->first_step;
    if ((status = loop(t, result)) < 0)
        return status;
    result->steps = t->step;
    result->loss = t->loss;
    result->scaling = nyx_train__scaling_read(t);
    if ((status = evaluate(t, &result->test)) < 0)
        return status;
    return t->journal ? nyx_journal_sync(t->journal) : 0;
}
