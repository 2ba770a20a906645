/* evaluator -- the evaluation program of a model, fed in batches. */
#include "run/run.h"

#include <string.h>

struct nyx_evaluator {
    nyx_store   *store;
    nyx_graph   *graph;
    nyx_program *program;
    int64_t      slots, length, targets_length, segments;
    bool         outer; /* has ids and a carry */
    int32_t      ignore;
    /* Host side of one batch. */
    int32_t *inputs, *targets, *ids, *fresh, *correct, *valid, *right;
    float   *loss;
};

static int buffers_create(nyx_evaluator *e)
{
    const int64_t slots = e->slots * (int64_t)sizeof(int32_t);
    int           status;

    if ((status = nyx_alloc(&e->inputs, slots * e->length)) < 0 ||
        (status = nyx_alloc(&e->targets, slots * e->targets_length)) < 0 ||
        (status = nyx_alloc(&e->ids, slots)) < 0 || (status = nyx_alloc(&e->fresh, slots)) < 0 ||
        (status = nyx_alloc(&e->correct, slots)) < 0 || (status = nyx_alloc(&e->valid, slots)) < 0 ||
        (status = nyx_alloc(&e->right, slots)) < 0 || (status = nyx_alloc(&e->loss, slots)) < 0)
        return status;
    return 0;
}

static int create(nyx_evaluator **out, nyx_store *store, const nyx_config *config, int64_t slots, bool ema,
                  bool logits)
{
    nyx_evaluator *e;
    int            status;

    *out = NULL;
    if ((status = nyx_alloc(&e, sizeof *e)) < 0)
        return status;
    e->store = store;
    e->slots = slots;
    e->length = config->data.length;
    e->targets_length = nyx_config_targets(config);
    e->outer = config->model.kind == NYX_MODEL_HRM || config->model.kind == NYX_MODEL_TRANSFORMER;
    e->segments = config->model.halt_max_steps;
    e->ignore = (int32_t)config->data.ignore;
    if ((status = buffers_create(e)) < 0 || (status = nyx_graph_create(&e->graph, NYX_F32)) < 0)
        goto fail;
    if (logits)
        nyx_model_build_eval(e->graph, config, slots, ema);
    else
        nyx_model_build_score(e->graph, config, slots, ema);
    if ((status = nyx_pass_activations(e->graph, config->activations)) < 0 ||
        (status = nyx_program_compile(&e->program, store, e->graph)) < 0)
        goto fail;
    *out = e;
    return 0;
fail:
    nyx_evaluator_free(e);
    return status;
}

int nyx_evaluator_create(nyx_evaluator **out, nyx_store *store, const nyx_config *config, int64_t slots, bool ema)
{
    return create(out, store, config, slots, ema, true);
}

int nyx_evaluator_create_sums(nyx_evaluator **out, nyx_store *store, const nyx_config *config, int64_t slots, bool ema)
{
    return create(out, store, config, slots, ema, false);
}

void nyx_evaluator_free(nyx_evaluator *e)
{
    if (!e)
        return;
    nyx_program_free(e->program);
    nyx_graph_free(e->graph);
    nyx_free(e->inputs);
    nyx_free(e->targets);
    nyx_free(e->ids);
    nyx_free(e->fresh);
    nyx_free(e->correct);
    nyx_free(e->valid);
    nyx_free(e->right);
    nyx_free(e->loss);
    nyx_free(e);
}

void nyx_evaluator_set_segments(nyx_evaluator *e, int64_t segments)
{
    NYX_BUG_IF(segments < 1 || !e->outer);
    e->segments = segments;
}

void nyx_evaluator_digest(const nyx_evaluator *e, char hex[NYX_SHA256_HEX])
{
    nyx_program_digest(e->program, hex);
}

/* All segments of the batch in the host's buffers. */
static void run_batch(nyx_evaluator *e)
{
    nyx_store_write(e->store, "eval.inputs", e->inputs);
    nyx_store_write(e->store, "eval.targets", e->targets);
    if (!e->outer) {
        nyx_program_run(e->program, &(nyx_run){ .step = 0 });
        return;
    }
    for (int64_t i = 0; i < e->slots; i++)
        e->fresh[i] = 1;
    nyx_store_write(e->store, "eval.ids", e->ids);
    nyx_store_write(e->store, "eval.fresh", e->fresh);
    memset(e->fresh, 0, (size_t)e->slots * sizeof(int32_t));
    for (int64_t segment = 0; segment < e->segments; segment++) {
        nyx_program_run(e->program, &(nyx_run){ .step = (uint32_t)segment });
        if (segment == 0)
            nyx_store_write(e->store, "eval.fresh", e->fresh);
    }
}

/* Padding everywhere: inputs 0, no target scored. */
static void clear_batch(nyx_evaluator *e)
{
    memset(e->inputs, 0, (size_t)(e->slots * e->length) * sizeof(int32_t));
    memset(e->ids, 0, (size_t)e->slots * sizeof(int32_t));
    for (int64_t i = 0; i < e->slots * e->targets_length; i++)
        e->targets[i] = e->ignore;
}

void nyx_evaluator_run(nyx_evaluator *e, const int32_t *inputs, const int32_t *targets, const int32_t *ids,
                       int64_t rows)
{
    NYX_BUG_IF(rows > e->slots);
    clear_batch(e);
    memcpy(e->inputs, inputs, (size_t)(rows * e->length) * sizeof(int32_t));
    if (targets)
        memcpy(e->targets, targets, (size_t)(rows * e->targets_length) * sizeof(int32_t));
    if (ids)
        memcpy(e->ids, ids, (size_t)rows * sizeof(int32_t));
    run_batch(e);
}

int nyx_evaluator_rows(nyx_evaluator *e, nyx_evaluation *out, const nyx_rows *all)
{
    static const char *const results[] = { "eval.correct", "eval.valid", "eval.tokens_right", "eval.lm_loss" };
    int                      status;

    memset(out, 0, sizeof *out);
    for (int64_t first = 0; first < all->count; first += e->slots) {
        const int64_t rows = all->count - first < e->slots ? all->count - first : e->slots;

        if (nyx_stop_requested())
            return nyx_error_set(NYX_ERR_STOPPED, "stopped while evaluating");
        clear_batch(e);
        for (int64_t i = 0; i < rows; i++)
            nyx_rows_get(all, first + i, e->inputs + i * e->length, e->targets + i * e->targets_length, e->ids + i);
        run_batch(e);
        nyx_store_read_many(e->store, 4, results, (void *[]){ e->correct, e->valid, e->right, e->loss });
        if ((status = nyx_store_check(e->store)) < 0)
            return status;
        for (int64_t i = 0; i < rows; i++) {
            if (!e->valid[i])
                continue;
            out->rows++;
            out->exact += e->correct[i] != 0;
            out->tokens += e->valid[i];
            out->tokens_right += e->right[i];
            out->loss += (double)e->loss[i];
        }
    }
    if (out->rows)
        out->loss /= (double)out->rows;
    return 0;
}
