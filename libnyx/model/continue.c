/* continue -- decoders that go on from what they have read: a key-value cache
 * in place of the attention over all positions. */
#include "graph/inference.h"
#include "model/internal.h"

#include <string.h>

struct nyx_model_cache {
    nyx_value past, rows, places, last;
    int64_t   sequences, capacity;
};

static nyx_value cache_variable(nyx_model_builder *b, int64_t layer, const char *what)
{
    const nyx_model_cache *c = b->cache;
    char                   name[40];

    snprintf(name, sizeof name, "cache.%d.%s", (int)layer, what);
    return nyx_graph_variable(
        b->g, name, nyx_graph_real(b->g),
        nyx_shape_of(4, c->sequences, b->config->model.kv_heads, c->capacity, b->config->model.head_width),
        NYX_ROLE_CARRY);
}

/* Rotations are a row of the table each, so all positions of all sequences
 * pass as one sequence. */
static nyx_value turn(nyx_model_builder *b, nyx_value x)
{
    const nyx_shape shape = *nyx_value_shape(b->g, x);
    const int64_t   heads = b->config->model.heads + b->config->model.kv_heads;

    x = nyx_graph_reshape(b->g, x, nyx_shape_of(3, (int64_t)1, shape.dims[0] * shape.dims[1], shape.dims[2]));
    x = nyx_graph_rope(b->g, x, b->rope, heads, false);
    return nyx_graph_reshape(b->g, x, shape);
}

nyx_value nyx_model__attend_cached(nyx_model_builder *b, nyx_value x, int64_t layer)
{
    const nyx_model_cache *c = b->cache;
    const int64_t          heads = b->config->model.heads, kv = b->config->model.kv_heads;
    nyx_value              keys, values, y;

    if (b->rope)
        x = turn(b, x);
    keys = cache_variable(b, layer, "keys");
    values = cache_variable(b, layer, "values");
    y = nyx_graph_attention_cached(b->g, x, keys, values, c->past, c->rows, heads, kv);
    nyx_graph_cache_write(b->g, x, keys, values, c->past, c->rows, heads, kv);
    return y;
}

nyx_value nyx_model__place_cached(nyx_model_builder *b, nyx_value x)
{
    const nyx_value table = nyx_model__parameter(b, "position");

    return nyx_graph_add(b->g, x, nyx_graph_embedding(b->g, table, b->cache->places));
}

nyx_value nyx_model__last_cached(nyx_model_builder *b, nyx_value x)
{
    const nyx_shape *shape = nyx_value_shape(b->g, x);

    x = nyx_graph_reshape(b->g, x, nyx_shape_of(2, shape->dims[0] * shape->dims[1], shape->dims[2]));
    return nyx_graph_embedding(b->g, x, b->cache->last);
}

static nyx_value input(nyx_graph *g, const char *name, const char *what, nyx_shape shape)
{
    char full[64];

    snprintf(full, sizeof full, "%s.%s", name, what);
    return nyx_graph_variable(g, full, NYX_I32, shape, NYX_ROLE_INPUT);
}

static nyx_value turns(nyx_graph *g, const nyx_config *config)
{
    return nyx_graph_variable(g, "cache.turns", nyx_graph_real(g),
                              nyx_shape_of(2, config->model.context, config->model.head_width), NYX_ROLE_CARRY);
}

void nyx_model_build_turns(nyx_graph *g, const nyx_config *config)
{
    if (config->model.position == NYX_POSITION_ROPE)
        nyx_graph_assign(g, "cache.turns", NYX_ROLE_CARRY,
                         nyx_graph_rope_table(g, config->model.context, config->model.head_width,
                                              config->model.rope_theta));
}

void nyx_model_build_continue(nyx_graph *g, const nyx_config *config, const nyx_continue_options *options)
{
    const nyx_shape   each = nyx_shape_of(1, options->slots);
    const nyx_shape   all = nyx_shape_of(2, options->slots, options->positions);
    nyx_model_builder b = nyx_model__builder(g, config, options->slots);
    nyx_model_cache   cache = { .sequences = options->sequences, .capacity = options->capacity };
    nyx_value         tokens, logits;
    char              name[64];

    NYX_BUG_IF(config->model.kind != NYX_MODEL_DECODER);
    tokens = input(g, options->name, "tokens", all);
    cache.places = input(g, options->name, "places", all);
    cache.past = input(g, options->name, "past", each);
    cache.rows = input(g, options->name, "rows", each);
    cache.last = input(g, options->name, "last", each);
    b.cache = &cache;
    if (b.rope) {
        const nyx_value flat = nyx_graph_reshape(g, cache.places, nyx_shape_of(1, options->slots * options->positions));

        b.rope = nyx_graph_embedding(g, turns(g, config), flat);
    }
    logits = nyx_model__decoder(&b, tokens);
    snprintf(name, sizeof name, "%s.logits", options->name);
    nyx_graph_assign(g, name, NYX_ROLE_OUTPUT, logits);
}
