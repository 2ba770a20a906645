/* The programs: training step and evaluation segment (hrm-spec sections 6, 7). */
#include "model/internal.h"

#include "pass/pass.h"

#include <string.h>

/* The sample that each slot works on, and its ACT state. */
typedef struct {
    nyx_value       fresh, inputs, targets, ids, steps;
    nyx_model_state state;
} sample;

static nyx_shape shape_slots(const nyx_model_builder *b)
{
    return nyx_shape_of(1, b->slots);
}

static nyx_shape shape_tokens(const nyx_model_builder *b)
{
    return nyx_shape_of(2, b->slots, b->config->data.length);
}

static nyx_shape shape_state(const nyx_model_builder *b)
{
    return nyx_shape_of(3, b->slots, nyx_config_positions(b->config), b->config->model.width);
}

static nyx_value constant_i32(nyx_model_builder *b, double number)
{
    return nyx_graph_fill(b->g, NYX_I32, nyx_shape_of(0), number);
}

static bool has_z_L(const nyx_model_builder *b)
{
    return b->config->model.kind == NYX_MODEL_HRM;
}

/* ---- start of a step ------------------------------------------------------------ */

/* The incoming row for slots that have halted, the old one for the others. */
static nyx_value choose(nyx_model_builder *b, nyx_value fresh, const char *incoming, const char *carried,
                        nyx_shape shape)
{
    nyx_value in = nyx_graph_variable_micro(b->g, incoming, NYX_I32, shape, NYX_ROLE_INPUT);
    nyx_value old = nyx_graph_variable_micro(b->g, carried, NYX_I32, shape, NYX_ROLE_CARRY);

    return nyx_graph_select(b->g, fresh, in, old);
}

static nyx_value start_state(nyx_model_builder *b, nyx_value fresh, const char *init, nyx_value carried)
{
    return nyx_graph_select(b->g, fresh, nyx_model__parameter(b, init), carried);
}

static sample sample_take(nyx_model_builder *b)
{
    nyx_graph           *g = b->g;
    const enum nyx_dtype real = nyx_graph_real(g);
    nyx_value            steps;
    sample               s = { 0 };

    nyx_graph_push(g, "take");
    s.fresh = nyx_graph_variable_micro(g, "carry.halted", NYX_I32, shape_slots(b), NYX_ROLE_CARRY);
    s.inputs = choose(b, s.fresh, "batch.inputs", "carry.inputs", shape_tokens(b));
    s.targets = choose(b, s.fresh, "batch.targets", "carry.targets", shape_tokens(b));
    s.ids = choose(b, s.fresh, "batch.ids", "carry.ids", shape_slots(b));
    steps = nyx_graph_variable_micro(g, "carry.steps", NYX_I32, shape_slots(b), NYX_ROLE_CARRY);
    steps = nyx_graph_select(g, s.fresh, nyx_graph_fill(g, NYX_I32, shape_slots(b), 0.0), steps);
    s.steps = nyx_graph_add(g, steps, constant_i32(b, 1.0));
    s.state.z_H = start_state(b, s.fresh, "H.init",
                              nyx_graph_variable_micro(g, "carry.z_H", real, shape_state(b), NYX_ROLE_CARRY));
    if (has_z_L(b))
        s.state.z_L = start_state(b, s.fresh, "L.init",
                                  nyx_graph_variable_micro(g, "carry.z_L", real, shape_state(b), NYX_ROLE_CARRY));
    nyx_graph_pop(g);
    return s;
}

/* ---- halting ---------------------------------------------------------------------- */

/* Exploration: with probability e a slot may not halt before m segments, m
 * uniform in 2 ... N; drawn anew every segment. */
static nyx_value explore(nyx_model_builder *b, nyx_value halted, nyx_value steps)
{
    nyx_graph    *g = b->g;
    const double  most = (double)b->config->model.halt_max_steps;
    nyx_value     chance, least, two;

    nyx_graph_push(g, "explore");
    chance = nyx_graph_fill(g, nyx_graph_real(g), shape_slots(b), b->config->model.halt_exploration);
    chance = nyx_graph_compare(g, NYX_GREATER, chance, nyx_graph_random(g, shape_slots(b)));
    nyx_graph_push(g, "least");
    least = nyx_graph_affine(g, nyx_graph_random(g, shape_slots(b)), most - 1.0, 0.0);
    nyx_graph_pop(g);
    two = constant_i32(b, 2.0);
    least = nyx_graph_add(g, nyx_graph_cast(g, least, NYX_I32), two);
    least = nyx_graph_mul(g, least, chance);
    halted = nyx_graph_mul(g, halted, nyx_graph_compare(g, NYX_GREATER_EQUAL, steps, least));
    nyx_graph_pop(g);
    return halted;
}

static nyx_value last_of(nyx_model_builder *b, nyx_value steps)
{
    return nyx_graph_compare(b->g, NYX_GREATER_EQUAL, steps, constant_i32(b, (double)b->config->model.halt_max_steps));
}

/* Strictly greater: the equal starting values do not halt. */
static nyx_value halted_of(nyx_model_builder *b, nyx_value last, nyx_value steps, nyx_model_q q)
{
    nyx_value halted;

    if (b->config->model.halt_max_steps == 1)
        return last;
    halted = nyx_graph_max(b->g, last, nyx_graph_compare(b->g, NYX_GREATER, q.halt, q.go));
    return b->config->model.halt_exploration > 0.0 ? explore(b, halted, steps) : halted;
}

/* Target of q_continue: one more segment from the new state, no gradient. */
static nyx_value target_of(nyx_model_builder *b, nyx_model_state state, nyx_value x, nyx_value last)
{
    nyx_graph  *g = b->g;
    nyx_model_q next;

    nyx_graph_push(g, "target");
    state.z_H = nyx_graph_stop(g, state.z_H);
    if (has_z_L(b))
        state.z_L = nyx_graph_stop(g, state.z_L);
    state = nyx_model__segment(b, state, nyx_graph_stop(g, x), true);
    next = nyx_model__q(b, state.z_H);
    x = nyx_graph_select(g, last, next.halt, nyx_graph_max(g, next.halt, next.go));
    x = nyx_graph_stop(g, nyx_graph_sigmoid(g, x));
    nyx_graph_pop(g);
    return x;
}

/* ---- gradients ------------------------------------------------------------------------ */

static void gradient_assign(nyx_model_builder *b, const nyx_parameter *p, nyx_value gradient, bool accumulate)
{
    nyx_graph *g = b->g;
    char       name[48];

    snprintf(name, sizeof name, "grad.%s", p->name);
    if (!gradient) /* not reached, e.g. a head without a loss */
        gradient = nyx_graph_fill(g, nyx_graph_real(g), p->shape, 0.0);
    if (accumulate)
        gradient = nyx_graph_add(
            g, nyx_graph_variable(g, name, nyx_graph_real(g), p->shape, NYX_ROLE_GRADIENT), gradient);
    nyx_graph_assign(g, name, NYX_ROLE_GRADIENT, gradient);
}

int nyx_model__gradients(nyx_model_builder *b, nyx_value loss, nyx_value rows, bool accumulate)
{
    const int  count = nyx_model_parameter_count(b->config);
    nyx_value *wrt = NULL, *gradients = NULL;
    int        status, used = 0;

    if ((status = nyx_alloc(&wrt, (count + 1) * (int64_t)sizeof *wrt)) < 0)
        goto done;
    if ((status = nyx_alloc(&gradients, (count + 1) * (int64_t)sizeof *gradients)) < 0)
        goto done;
    if (b->scaled)
        loss = nyx_graph_mul(
            b->g, loss,
            nyx_graph_variable(b->g, NYX_SCALING_FACTOR, nyx_graph_real(b->g), nyx_shape_of(0), NYX_ROLE_MOMENT));
    for (int i = 0; i < count; i++) {
        const nyx_parameter p = nyx_model_parameter(b->config, i);

        if (p.trained)
            wrt[used++] = p.sparse ? rows : nyx_model__parameter(b, p.name);
    }
    if ((status = nyx_graph_check(b->g)) < 0 ||
        (status = nyx_pass_gradient(b->g, loss, used, wrt, gradients)) < 0)
        goto done;
    used = 0;
    for (int i = 0; i < count; i++) {
        const nyx_parameter p = nyx_model_parameter(b->config, i);

        if (p.trained && p.sparse)
            nyx_graph_assign_micro(b->g, "grad.puzzle", NYX_ROLE_GRADIENT, gradients[used++]);
        else if (p.trained)
            gradient_assign(b, &p, gradients[used++], accumulate);
    }
done:
    nyx_free(gradients);
    nyx_free(wrt);
    return status;
}

/* ---- the training step --------------------------------------------------------------------- */

static void output(nyx_model_builder *b, const char *name, nyx_value v)
{
    nyx_graph_assign_micro(b->g, name, NYX_ROLE_OUTPUT, v);
}

static void score_outputs(nyx_model_builder *b, const char *prefix, const nyx_model_score *score, nyx_model_q q,
                          nyx_value q_halt_loss)
{
    const struct { const char *name; nyx_value value; } outputs[] = {
        { "lm_loss", score->lm_loss },           { "q_halt_loss", q_halt_loss },   { "q_halt", q.halt },
        { "q_continue", q.go },                  { "correct", score->correct },    { "valid", score->valid },
        { "tokens_right", score->tokens_right }, { "predictions", score->predictions },
    };
    char name[48];

    for (size_t i = 0; i < sizeof outputs / sizeof *outputs; i++) {
        snprintf(name, sizeof name, "%s.%s", prefix, outputs[i].name);
        if (strcmp(prefix, "out") == 0)
            output(b, name, outputs[i].value);
        else
            nyx_graph_assign(b->g, name, NYX_ROLE_OUTPUT, outputs[i].value);
    }
}

static void carry_assign(nyx_model_builder *b, const sample *s, nyx_model_state state, nyx_value halted)
{
    const struct { const char *name; nyx_value value; } carried[] = {
        { "carry.halted", halted },       { "carry.steps", s->steps }, { "carry.inputs", s->inputs },
        { "carry.targets", s->targets },  { "carry.ids", s->ids },     { "carry.z_H", state.z_H },
        { "carry.z_L", state.z_L }, /* last: 0 for the transformer */
    };

    for (size_t i = 0; i < sizeof carried / sizeof *carried; i++) {
        if (carried[i].value)
            nyx_graph_assign_micro(b->g, carried[i].name, NYX_ROLE_CARRY, carried[i].value);
    }
}

/* The loss of the micro-batch (hrm-spec section 7); the terms of each slot and
 * the target become outputs. */
static nyx_value loss_build(nyx_model_builder *b, const sample *s, nyx_model_state state, nyx_value x,
                            nyx_model_q q, const nyx_model_score *score, int64_t batch)
{
    nyx_graph *g = b->g;
    nyx_value  halt_loss, go_loss, target, loss;

    halt_loss = nyx_graph_bce(g, q.halt, score->ok);
    loss = halt_loss;
    if (b->config->model.halt_max_steps > 1) {
        target = target_of(b, state, x, last_of(b, s->steps));
        go_loss = nyx_graph_bce(g, q.go, target);
        loss = nyx_graph_add(g, halt_loss, go_loss);
    } else {
        target = go_loss = nyx_graph_fill(g, nyx_graph_real(g), shape_slots(b), 0.0);
    }
    loss = nyx_graph_add(g, score->lm_loss, nyx_graph_affine(g, loss, 0.5, 0.0));
    loss = nyx_graph_affine(g, nyx_graph_reduce(g, NYX_SUM, loss, 1, false), 1.0 / (double)batch, 0.0);
    output(b, "out.loss", loss);
    output(b, "out.q_continue_loss", go_loss);
    output(b, "out.target_q_continue", target);
    score_outputs(b, "out", score, q, halt_loss);
    return loss;
}

static bool is_plain(const nyx_config *config)
{
    return config->model.kind == NYX_MODEL_DECODER || config->model.kind == NYX_MODEL_MLP;
}

static void outer_step(nyx_graph *g, const nyx_config *config, const nyx_step_options *options)
{
    nyx_model_builder b = nyx_model__builder(g, config, options->slots);
    nyx_model_state   state;
    nyx_model_score   score;
    nyx_model_q       q;
    nyx_value         x, rows, logits, loss, halted;
    sample            s;
    int               status;

    b.trace = options->inspect;
    b.scaled = options->scaled;
    s = sample_take(&b);
    x = nyx_model__embed(&b, s.inputs, s.ids, &rows);
    state = nyx_model__segment(&b, s.state, x, false);
    logits = nyx_model__logits(&b, state.z_H);
    q = nyx_model__q(&b, state.z_H);
    score = nyx_model__score(&b, logits, s.targets);
    halted = halted_of(&b, last_of(&b, s.steps), s.steps, q);
    loss = loss_build(&b, &s, state, x, q, &score, options->batch);
    if (options->inspect) {
        output(&b, "out.logits", logits);
        output(&b, "out.embedding", x);
    }
    if ((status = nyx_model__gradients(&b, loss, rows, options->accumulate)) < 0)
        nyx_graph_fail(g, status, "%s", nyx_error_text());
    carry_assign(&b, &s, state, halted);
}

void nyx_model_build_step(nyx_graph *g, const nyx_config *config, const nyx_step_options *options)
{
    NYX_BUG_IF(options->batch < options->slots);
    if (is_plain(config))
        nyx_model__plain_step(g, config, options);
    else
        outer_step(g, config, options);
}

/* ---- evaluation ------------------------------------------------------------------------------ */

static void outer_eval(nyx_graph *g, const nyx_config *config, int64_t slots, bool ema, bool keep)
{
    nyx_model_builder    b = nyx_model__builder(g, config, slots);
    const enum nyx_dtype real = nyx_graph_real(g);
    nyx_value            fresh, inputs, targets, ids, rows, x, logits;
    nyx_model_state      state = { 0 };
    nyx_model_score      score;
    nyx_model_q          q;

    b.ema = ema;
    fresh = nyx_graph_variable(g, "eval.fresh", NYX_I32, shape_slots(&b), NYX_ROLE_INPUT);
    inputs = nyx_graph_variable(g, "eval.inputs", NYX_I32, shape_tokens(&b), NYX_ROLE_INPUT);
    targets = nyx_graph_variable(g, "eval.targets", NYX_I32, shape_tokens(&b), NYX_ROLE_INPUT);
    ids = nyx_graph_variable(g, "eval.ids", NYX_I32, shape_slots(&b), NYX_ROLE_INPUT);
    state.z_H = start_state(&b, fresh, "H.init",
                            nyx_graph_variable(g, "eval.z_H", real, shape_state(&b), NYX_ROLE_CARRY));
    if (has_z_L(&b))
        state.z_L = start_state(&b, fresh, "L.init",
                                nyx_graph_variable(g, "eval.z_L", real, shape_state(&b), NYX_ROLE_CARRY));
    x = nyx_model__embed(&b, inputs, ids, &rows);
    state = nyx_model__segment(&b, state, x, false);
    logits = nyx_model__logits(&b, state.z_H);
    q = nyx_model__q(&b, state.z_H);
    score = nyx_model__score(&b, logits, targets);
    if (keep)
        nyx_graph_assign(g, "eval.logits", NYX_ROLE_OUTPUT, logits);
    score_outputs(&b, "eval", &score, q, nyx_graph_bce(g, q.halt, score.ok));
    nyx_graph_assign(g, "eval.z_H", NYX_ROLE_CARRY, state.z_H);
    if (state.z_L)
        nyx_graph_assign(g, "eval.z_L", NYX_ROLE_CARRY, state.z_L);
}

static void build_eval(nyx_graph *g, const nyx_config *config, int64_t slots, bool ema, bool keep)
{
    if (is_plain(config))
        nyx_model__plain_eval(g, config, slots, ema, keep);
    else
        outer_eval(g, config, slots, ema, keep);
}

void nyx_model_build_eval(nyx_graph *g, const nyx_config *config, int64_t slots, bool ema)
{
    build_eval(g, config, slots, ema, true);
}

void nyx_model_build_score(nyx_graph *g, const nyx_config *config, int64_t slots, bool ema)
{
    build_eval(g, config, slots, ema, false);
}
