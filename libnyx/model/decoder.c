/* decoder -- language models of the Llama and GPT-2 families: names, shapes and
 * starting values of their tensors, and their graph. */
#include "model/internal.h"

#include <string.h>

/* Radford et al. 2019 (GPT-2): embeddings and head start at 0.02, and layers
 * that write to the residual stream are scaled by the number of them. */
static const double EMBED_SIGMA = 0.02;

/* A walk over all tensors that keeps the one it was sent for, by its number or
 * its name. */
typedef struct {
    const nyx_config *config;
    int               wanted, seen, found;
    const char       *name;
    nyx_parameter    *out;
} walk;

static void meet(walk *w, nyx_parameter p)
{
    p.decayed = p.shape.rank == 2;
    if (w->name && strcmp(w->name, p.name) == 0)
        w->found = w->seen;
    if (w->seen++ == w->wanted)
        *w->out = p;
}

static void meet_norm(walk *w, const char *name)
{
    char bias[40];

    meet(w, nyx_model__parameter_of(name, nyx_shape_of(1, w->config->model.width), NYX_START_CONSTANT, 1.0));
    if (w->config->model.norm != NYX_NORM_LAYER)
        return;
    snprintf(bias, sizeof bias, "%s.bias", name);
    meet(w, nyx_model__parameter_of(bias, nyx_shape_of(1, w->config->model.width), NYX_START_CONSTANT, 0.0));
}

static void meet_linear(walk *w, int64_t layer, const char *name, int64_t rows, int64_t columns, bool residual)
{
    char          full[40];
    nyx_parameter p;

    snprintf(full, sizeof full, "blocks.%d.%s", (int)layer, name);
    p = nyx_model__linear_of(full, rows, columns);
    if (residual)
        p.number /= __builtin_sqrt(2.0 * (double)w->config->model.h_layers);
    meet(w, p);
    if (!w->config->model.bias)
        return;
    snprintf(full, sizeof full, "blocks.%d.%s.bias", (int)layer, name);
    meet(w, nyx_model__parameter_of(full, nyx_shape_of(1, rows), NYX_START_CONSTANT, 0.0));
}

static void meet_block(walk *w, int64_t layer)
{
    const int64_t width = w->config->model.width, inner = w->config->model.inner;
    const int64_t all = w->config->model.heads * w->config->model.head_width;
    const int64_t kv = w->config->model.kv_heads * w->config->model.head_width;
    char          name[40];

    snprintf(name, sizeof name, "blocks.%d.attn_norm", (int)layer);
    meet_norm(w, name);
    meet_linear(w, layer, "attn.q", all, width, false);
    meet_linear(w, layer, "attn.k", kv, width, false);
    meet_linear(w, layer, "attn.v", kv, width, false);
    meet_linear(w, layer, "attn.out", width, all, true);
    snprintf(name, sizeof name, "blocks.%d.mlp_norm", (int)layer);
    meet_norm(w, name);
    if (w->config->model.activation == NYX_SWIGLU)
        meet_linear(w, layer, "mlp.gate", inner, width, false);
    meet_linear(w, layer, "mlp.up", inner, width, false);
    meet_linear(w, layer, "mlp.down", width, inner, true);
}

static void walk_all(walk *w)
{
    const nyx_config *config = w->config;
    const int64_t     width = config->model.width;
    const nyx_shape   table = nyx_shape_of(2, config->data.vocabulary, width);

    meet(w, nyx_model__parameter_of("embed", table, NYX_START_NORMAL, EMBED_SIGMA));
    if (config->model.position == NYX_POSITION_LEARNED)
        meet(w, nyx_model__parameter_of("position", nyx_shape_of(2, config->model.context, width), NYX_START_NORMAL,
                                        EMBED_SIGMA));
    for (int64_t layer = 0; layer < config->model.h_layers; layer++)
        meet_block(w, layer);
    meet_norm(w, "norm");
    if (!config->model.tied)
        meet(w, nyx_model__parameter_of("head", table, NYX_START_NORMAL, EMBED_SIGMA));
}

int nyx_model__decoder_parameters(const nyx_config *config, int index, nyx_parameter *out)
{
    walk w = { .config = config, .wanted = index, .out = out };

    walk_all(&w);
    return w.seen;
}

int nyx_model__decoder_find(const nyx_config *config, const char *name)
{
    walk w = { .config = config, .wanted = -1, .found = -1, .name = name };

    walk_all(&w);
    return w.found;
}

/* ---- the network ------------------------------------------------------------------ */

static nyx_value keep(nyx_model_builder *b, const char *name, nyx_value v)
{
    char full[64];

    if (b->trace) {
        snprintf(full, sizeof full, "trace.%s", name);
        nyx_graph_assign_micro(b->g, full, NYX_ROLE_OUTPUT, v);
    }
    return v;
}

static nyx_value bias_of(nyx_model_builder *b, const char *name)
{
    char full[48];

    if (!b->config->model.bias)
        return 0;
    snprintf(full, sizeof full, "%s.bias", name);
    return nyx_model__parameter(b, full);
}

nyx_value nyx_model__linear(nyx_model_builder *b, nyx_value x, const char *name)
{
    const nyx_value weight = nyx_model__parameter(b, name), bias = bias_of(b, name);

    return keep(b, name, nyx_graph_matmul(b->g, x, weight, bias, NYX_MATMUL_NT));
}

/* Layers that read the same value, side by side along the last axis. A
 * training step joins the weights, which makes one large product of small
 * ones, forward and backward; otherwise the results are joined. */
static nyx_value linears(nyx_model_builder *b, nyx_value x, int64_t layer, const char *const names[], int count)
{
    nyx_value weight = 0, bias = 0, y = 0;

    for (int i = 0; i < count; i++) {
        char name[40];

        snprintf(name, sizeof name, "blocks.%d.%s", (int)layer, names[i]);
        if (b->join) {
            const nyx_value w = nyx_model__parameter(b, name), more = bias_of(b, name);

            weight = weight ? nyx_graph_concat(b->g, weight, w, 0) : w;
            bias = bias ? nyx_graph_concat(b->g, bias, more, 0) : more;
        } else {
            const nyx_value part = nyx_model__linear(b, x, name);

            y = y ? nyx_graph_concat(b->g, y, part, 2) : part;
        }
    }
    return b->join ? nyx_graph_matmul(b->g, x, weight, bias, NYX_MATMUL_NT) : y;
}

static nyx_value norm(nyx_model_builder *b, nyx_value x, const char *name)
{
    const double epsilon = b->config->model.norm_epsilon;
    nyx_graph   *g = b->g;
    char         bias[48];

    if (b->config->model.norm == NYX_NORM_RMS)
        x = nyx_graph_rmsnorm(g, x, 0, epsilon);
    else
        x = nyx_graph_layernorm(g, x, epsilon);
    x = nyx_graph_mul(g, x, nyx_model__parameter(b, name));
    if (b->config->model.norm == NYX_NORM_LAYER) {
        snprintf(bias, sizeof bias, "%s.bias", name);
        x = nyx_graph_add(g, x, nyx_model__parameter(b, bias));
    }
    return keep(b, name, x);
}

static nyx_value attend(nyx_model_builder *b, nyx_value x, int64_t layer)
{
    static const char *const names[] = { "attn.q", "attn.k", "attn.v" };
    const int64_t            heads = b->config->model.heads, kv_heads = b->config->model.kv_heads;
    char                     out[40];

    x = linears(b, x, layer, names, 3);
    if (b->cache) {
        x = nyx_model__attend_cached(b, x, layer);
    } else {
        if (b->rope)
            x = nyx_graph_rope(b->g, x, b->rope, heads + kv_heads, false);
        x = nyx_graph_attention(b->g, x, heads, kv_heads, true);
    }
    snprintf(out, sizeof out, "blocks.%d.attn.out", (int)layer);
    return nyx_model__linear(b, x, out);
}

static nyx_value feed_forward(nyx_model_builder *b, nyx_value x, int64_t layer)
{
    static const char *const names[] = { "mlp.gate", "mlp.up" };
    char                     name[40];

    if (b->config->model.activation == NYX_SWIGLU) {
        x = nyx_graph_swiglu(b->g, linears(b, x, layer, names, 2));
    } else {
        snprintf(name, sizeof name, "blocks.%d.mlp.up", (int)layer);
        x = nyx_graph_gelu(b->g, nyx_model__linear(b, x, name));
    }
    snprintf(name, sizeof name, "blocks.%d.mlp.act", (int)layer);
    keep(b, name, x);
    snprintf(name, sizeof name, "blocks.%d.mlp.down", (int)layer);
    return nyx_model__linear(b, x, name);
}

/* Pre-norm: x + attend(norm(x)), then x + feed_forward(norm(x)). */
static nyx_value block(nyx_model_builder *b, nyx_value x, int64_t layer)
{
    char      name[40];
    nyx_value t;

    snprintf(name, sizeof name, "blocks.%d", (int)layer);
    nyx_graph_push(b->g, name);
    snprintf(name, sizeof name, "blocks.%d.attn_norm", (int)layer);
    t = attend(b, norm(b, x, name), layer);
    x = nyx_graph_add(b->g, x, t);
    snprintf(name, sizeof name, "blocks.%d.mlp_norm", (int)layer);
    t = feed_forward(b, norm(b, x, name), layer);
    x = nyx_graph_add(b->g, x, t);
    snprintf(name, sizeof name, "blocks.%d", (int)layer);
    keep(b, name, x);
    nyx_graph_pop(b->g);
    return x;
}

static nyx_value embed(nyx_model_builder *b, nyx_value tokens)
{
    nyx_graph *g = b->g;
    nyx_value  x = nyx_graph_embedding(g, nyx_model__parameter(b, "embed"), tokens), position;

    if (b->config->model.position == NYX_POSITION_LEARNED && b->cache) {
        x = nyx_model__place_cached(b, x);
    } else if (b->config->model.position == NYX_POSITION_LEARNED) {
        position = nyx_graph_slice(g, nyx_model__parameter(b, "position"), 0, 0, b->config->data.length);
        x = nyx_graph_add(g, x, position);
    }
    return keep(b, "embed", x);
}

static nyx_value head(nyx_model_builder *b, nyx_value x)
{
    nyx_graph *g = b->g;

    nyx_graph_push(g, "head");
    if (b->cache)
        x = nyx_model__last_cached(b, x);
    x = norm(b, x, "norm");
    x = nyx_graph_matmul(g, x, nyx_model__parameter(b, b->config->model.tied ? "embed" : "head"), 0, NYX_MATMUL_NT);
    nyx_graph_pop(g);
    return x;
}

nyx_value nyx_model__decoder(nyx_model_builder *b, nyx_value tokens)
{
    nyx_value x = embed(b, tokens);

    for (int64_t layer = 0; layer < b->config->model.h_layers; layer++)
        x = block(b, x, layer);
    return head(b, x);
}

/* ---- in pieces -------------------------------------------------------------------- */

int nyx_model_piece_count(const nyx_config *config)
{
    return config->model.kind == NYX_MODEL_DECODER ? (int)config->model.h_layers + 2 : 0;
}

int nyx_model_piece_of(const nyx_config *config, const char *parameter)
{
    char name[40];

    for (int64_t layer = 0; layer < config->model.h_layers; layer++) {
        const int length = snprintf(name, sizeof name, "blocks.%d.", (int)layer);

        if (strncmp(parameter, name, (size_t)length) == 0)
            return (int)layer + 1;
    }
    if (strcmp(parameter, "embed") == 0 || strcmp(parameter, "position") == 0)
        return 0;
    return nyx_model_piece_count(config) - 1;
}

void nyx_model_build_piece(nyx_graph *g, const nyx_config *config, int64_t slots, int piece)
{
    const int64_t     length = config->data.length;
    nyx_model_builder b = nyx_model__builder(g, config, slots);
    nyx_value         x;

    NYX_BUG_IF(piece < 0 || piece >= nyx_model_piece_count(config));
    if (piece == 0) {
        x = nyx_graph_variable(g, "piece.tokens", NYX_I32, nyx_shape_of(2, slots, length), NYX_ROLE_INPUT);
        x = embed(&b, x);
    } else {
        x = nyx_graph_variable(g, "piece.in", nyx_graph_real(g), nyx_shape_of(3, slots, length, config->model.width),
                               NYX_ROLE_INPUT);
        x = piece + 1 < nyx_model_piece_count(config) ? block(&b, x, piece - 1) : head(&b, x);
    }
    nyx_graph_assign(g, piece + 1 < nyx_model_piece_count(config) ? "piece.out" : "piece.logits", NYX_ROLE_OUTPUT, x);
}
