/* The network itself: hrm-spec sections 3 to 5. */
#include "model/internal.h"

#include "graph/inference.h"

#include <string.h>

nyx_model_builder nyx_model__builder(nyx_graph *g, const nyx_config *config, int64_t slots)
{
    nyx_model_builder b = { .g = g, .config = config, .slots = slots };

    NYX_BUG_IF(config->data.vocabulary < 1 || slots < 1); /* bind the configuration first */
    if (config->model.heads > 0 && config->model.position == NYX_POSITION_ROPE)
        b.rope = nyx_graph_rope_table(g, nyx_config_positions(config), config->model.head_width,
                                      config->model.rope_theta);
    return b;
}

nyx_value nyx_model__parameter(nyx_model_builder *b, const char *name)
{
    const int     index = nyx_model_parameter_find(b->config, name);
    nyx_parameter p;
    char          averaged[48];

    NYX_BUG_IF(index < 0);
    p = nyx_model_parameter(b->config, index);
    if (b->config->codings && b->config->codings[index].kind)
        return nyx_graph_coded(b->g, name, &b->config->codings[index], p.shape, nyx_parameter_role(&p));
    if (!b->ema || !p.trained || p.sparse)
        return nyx_graph_variable(b->g, name, nyx_graph_real(b->g), p.shape, nyx_parameter_role(&p));
    snprintf(averaged, sizeof averaged, "ema.%s", name);
    return nyx_graph_variable(b->g, averaged, nyx_graph_real(b->g), p.shape, NYX_ROLE_MOMENT);
}

/* Rows of the puzzle table as P positions; missing elements are 0. */
static nyx_value puzzle_positions(nyx_model_builder *b, nyx_value ids, nyx_value *rows)
{
    const int64_t prefix = nyx_config_prefix(b->config), width = b->config->model.width;
    const int64_t missing = prefix * width - b->config->model.puzzle_width;
    nyx_value     x;

    *rows = nyx_graph_stop(b->g, nyx_graph_embedding(b->g, nyx_model__parameter(b, "puzzle"), ids));
    x = missing > 0 ? nyx_graph_pad(b->g, *rows, 1, 0, missing) : *rows;
    return nyx_graph_reshape(b->g, x, nyx_shape_of(3, b->slots, prefix, width));
}

nyx_value nyx_model__embed(nyx_model_builder *b, nyx_value inputs, nyx_value ids, nyx_value *rows)
{
    nyx_graph *g = b->g;
    double     scale = __builtin_sqrt((double)b->config->model.width);
    nyx_value  x;

    nyx_graph_push(g, "embed");
    *rows = 0;
    x = nyx_graph_embedding(g, nyx_model__parameter(b, "embed"), inputs);
    if (b->config->model.puzzle_width > 0)
        x = nyx_graph_concat(g, puzzle_positions(b, ids, rows), x, 1);
    if (b->config->model.position == NYX_POSITION_LEARNED) { /* sum of two unit variances */
        x = nyx_graph_add(g, x, nyx_model__parameter(b, "position"));
        scale *= __builtin_sqrt(0.5);
    }
    x = nyx_graph_affine(g, x, scale, 0.0);
    nyx_graph_pop(g);
    return x;
}

static nyx_value block_parameter(nyx_model_builder *b, char stack, int64_t layer, const char *name)
{
    char full[40];

    snprintf(full, sizeof full, "%c.%d.%s", stack, (int)layer, name);
    return nyx_model__parameter(b, full);
}

/* Post-norm block; `first_only` drops all positions but the first once
 * attention has mixed them. */
static nyx_value block(nyx_model_builder *b, char stack, int64_t layer, nyx_value x, bool first_only)
{
    nyx_graph    *g = b->g;
    const int64_t heads = b->config->model.heads;
    const double  epsilon = b->config->model.rms_epsilon;
    nyx_value     t;

    t = nyx_graph_matmul(g, x, block_parameter(b, stack, layer, "attn.qkv"), 0, NYX_MATMUL_NT);
    if (b->rope)
        t = nyx_graph_rope(g, t, b->rope, 2 * heads, false);
    t = nyx_graph_attention(g, t, heads, heads, false);
    if (first_only) {
        t = nyx_graph_slice(g, t, 1, 0, 1);
        x = nyx_graph_slice(g, x, 1, 0, 1);
    }
    t = nyx_graph_matmul(g, t, block_parameter(b, stack, layer, "attn.out"), 0, NYX_MATMUL_NT);
    x = nyx_graph_rmsnorm(g, t, x, epsilon);
    t = nyx_graph_matmul(g, x, block_parameter(b, stack, layer, "mlp.gate_up"), 0, NYX_MATMUL_NT);
    t = nyx_graph_swiglu(g, t);
    t = nyx_graph_matmul(g, t, block_parameter(b, stack, layer, "mlp.down"), 0, NYX_MATMUL_NT);
    return nyx_graph_rmsnorm(g, t, x, epsilon);
}

/* One call of a module: h0 = state + injection, then its blocks. */
static nyx_value module_call(nyx_model_builder *b, char stack, nyx_value state, nyx_value injection, bool first_only)
{
    const int64_t layers = stack == 'H' ? b->config->model.h_layers : b->config->model.l_layers;
    nyx_value     x;
    char          name[24];

    nyx_graph_push(b->g, stack == 'H' ? "H" : "L");
    x = nyx_graph_add(b->g, state, injection);
    for (int64_t i = 0; i < layers; i++) {
        snprintf(name, sizeof name, "%d", (int)i);
        nyx_graph_push(b->g, name);
        x = block(b, stack, i, x, first_only && i == layers - 1);
        nyx_graph_pop(b->g);
    }
    nyx_graph_pop(b->g);
    if (b->trace) {
        snprintf(name, sizeof name, "trace.%02d_%c", b->traced++, stack);
        nyx_graph_assign_micro(b->g, name, NYX_ROLE_OUTPUT, x);
    }
    return x;
}

nyx_model_state nyx_model__segment(nyx_model_builder *b, nyx_model_state state, nyx_value x, bool first_only)
{
    nyx_graph    *g = b->g;
    const int64_t h_cycles = b->config->model.h_cycles, l_cycles = b->config->model.l_cycles;
    nyx_value     z_H = state.z_H, z_L = state.z_L, injection;

    if (b->config->model.kind == NYX_MODEL_TRANSFORMER)
        return (nyx_model_state){ .z_H = module_call(b, 'H', nyx_graph_stop(g, z_H), x, first_only) };
    for (int64_t i = 0; i < h_cycles; i++) {
        const bool last = i == h_cycles - 1;

        z_H = nyx_graph_stop(g, z_H);
        injection = nyx_graph_add(g, z_H, x);
        for (int64_t j = 0; j < l_cycles; j++)
            z_L = module_call(b, 'L', nyx_graph_stop(g, z_L), injection, false);
        z_H = module_call(b, 'H', z_H, last ? z_L : nyx_graph_stop(g, z_L), first_only && last);
    }
    return (nyx_model_state){ .z_H = z_H, .z_L = z_L };
}

nyx_value nyx_model__logits(nyx_model_builder *b, nyx_value z_H)
{
    const int64_t prefix = nyx_config_prefix(b->config);
    nyx_value     logits;

    nyx_graph_push(b->g, "head");
    if (prefix > 0)
        z_H = nyx_graph_slice(b->g, z_H, 1, prefix, b->config->data.length);
    logits = nyx_graph_matmul(b->g, z_H, nyx_model__parameter(b, "head"), 0, NYX_MATMUL_NT);
    nyx_graph_pop(b->g);
    return logits;
}

nyx_model_q nyx_model__q(nyx_model_builder *b, nyx_value z_H)
{
    nyx_graph      *g = b->g;
    const nyx_shape each = nyx_shape_of(1, b->slots);
    nyx_value       q, weight, bias;
    nyx_model_q     out;

    nyx_graph_push(g, "q_head");
    q = nyx_graph_reshape(g, nyx_graph_slice(g, z_H, 1, 0, 1), nyx_shape_of(2, b->slots, b->config->model.width));
    bias = nyx_model__parameter(b, "q_head.bias");
    weight = nyx_model__parameter(b, "q_head");
    q = nyx_graph_matmul(g, q, weight, bias, NYX_MATMUL_NT);
    out.halt = nyx_graph_reshape(g, nyx_graph_slice(g, q, 1, 0, 1), each);
    out.go = nyx_graph_reshape(g, nyx_graph_slice(g, q, 1, 1, 1), each);
    nyx_graph_pop(g);
    return out;
}

nyx_model_score nyx_model__score(nyx_model_builder *b, nyx_value logits, nyx_value targets)
{
    nyx_graph           *g = b->g;
    const enum nyx_dtype real = nyx_graph_real(g);
    const int64_t        ignore = b->config->data.ignore;
    const nyx_shape      one = nyx_shape_of(0);
    nyx_model_score      out;
    nyx_value            ignored, right, valid, count, divisor, loss;

    nyx_graph_push(g, "score");
    out.predictions = nyx_graph_argmax(g, logits);
    ignored = nyx_graph_compare(g, NYX_EQUAL, targets, nyx_graph_fill(g, NYX_I32, one, (double)ignore));
    ignored = nyx_graph_cast(g, ignored, real);
    right = nyx_graph_cast(g, nyx_graph_compare(g, NYX_EQUAL, out.predictions, targets), real);
    valid = nyx_graph_affine(g, ignored, -1.0, 1.0);
    count = nyx_graph_reduce(g, NYX_SUM, valid, 1, false);
    out.valid = nyx_graph_cast(g, count, NYX_I32);
    out.tokens_right = nyx_graph_cast(g, nyx_graph_reduce(g, NYX_SUM, nyx_graph_mul(g, right, valid), 1, false),
                                      NYX_I32);
    /* A slot without valid labels counts as solved: hrm-spec section 7. */
    out.ok = nyx_graph_reduce(g, NYX_SMALLEST, nyx_graph_max(g, right, ignored), 1, false);
    out.correct = nyx_graph_cast(g, out.ok, NYX_I32);
    loss = nyx_graph_cross_entropy(g, logits, targets, b->config->model.loss, ignore);
    divisor = nyx_graph_max(g, count, nyx_graph_fill(g, real, one, 1.0));
    out.lm_loss = nyx_graph_div(g, nyx_graph_reduce(g, NYX_SUM, loss, 1, false), divisor);
    nyx_graph_pop(g);
    return out;
}
