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
