/* plain -- the programs of models without an outer loop: decoder and mlp. */
#include "model/internal.h"

static nyx_value logits_of(nyx_model_builder *b, nyx_value inputs)
{
    return b->config->model.kind == NYX_MODEL_MLP ? nyx_model__mlp(b, inputs) : nyx_model__decoder(b, inputs);
}

static nyx_shape shape_inputs(const nyx_model_builder *b)
{
    return nyx_shape_of(2, b->slots, b->config->data.length);
}

static nyx_shape shape_targets(const nyx_model_builder *b)
{
    return nyx_shape_of(2, b->slots, nyx_config_targets(b->config));
}

/* No predictions: they would cost one more pass over all logits. */
void nyx_model__plain_step(nyx_graph *g, const nyx_config *config, const nyx_step_options *options)
{
    nyx_model_builder b = nyx_model__builder(g, config, options->slots);
    nyx_value         inputs, targets, share, logits, loss;
    int               status;

    b.trace = options->inspect;
    b.scaled = options->scaled;
    b.join = !options->inspect;
    inputs = nyx_graph_variable_micro(g, "batch.inputs", NYX_I32, shape_inputs(&b), NYX_ROLE_INPUT);
    targets = nyx_graph_variable_micro(g, "batch.targets", NYX_I32, shape_targets(&b), NYX_ROLE_INPUT);
    share = nyx_graph_variable(g, "batch.share", nyx_graph_real(g), nyx_shape_of(0), NYX_ROLE_INPUT);
    logits = logits_of(&b, inputs);
    nyx_graph_push(g, "loss");
    loss = nyx_graph_cross_entropy(g, logits, targets, config->model.loss, config->data.ignore);
    loss = nyx_graph_reduce(g, NYX_SUM, loss, 2, false);
    loss = nyx_graph_mul(g, loss, share);
    nyx_graph_pop(g);
    nyx_graph_assign_micro(g, "out.loss", NYX_ROLE_OUTPUT, loss);
    if (options->inspect)
        nyx_graph_assign_micro(g, "out.logits", NYX_ROLE_OUTPUT, logits);
    if ((status = nyx_model__gradients(&b, loss, 0, options->accumulate)) < 0)
        nyx_graph_fail(g, status, "%s", nyx_error_text());
}

void nyx_model__plain_eval(nyx_graph *g, const nyx_config *config, int64_t slots, bool ema, bool keep)
{
    nyx_model_builder b = nyx_model__builder(g, config, slots);
    nyx_value         inputs, targets, logits;
    nyx_model_score   score;

    b.ema = ema;
    inputs = nyx_graph_variable(g, "eval.inputs", NYX_I32, shape_inputs(&b), NYX_ROLE_INPUT);
    targets = nyx_graph_variable(g, "eval.targets", NYX_I32, shape_targets(&b), NYX_ROLE_INPUT);
    logits = logits_of(&b, inputs);
    score = nyx_model__score(&b, logits, targets);
    if (keep) {
        nyx_graph_assign(g, "eval.logits", NYX_ROLE_OUTPUT, logits);
        nyx_graph_assign(g, "eval.predictions", NYX_ROLE_OUTPUT, score.predictions);
    }
    nyx_graph_assign(g, "eval.lm_loss", NYX_ROLE_OUTPUT, score.lm_loss);
    nyx_graph_assign(g, "eval.correct", NYX_ROLE_OUTPUT, score.correct);
    nyx_graph_assign(g, "eval.valid", NYX_ROLE_OUTPUT, score.valid);
    nyx_graph_assign(g, "eval.tokens_right", NYX_ROLE_OUTPUT, score.tokens_right);
}
