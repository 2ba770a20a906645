/* source -- operations that make values from nothing or from a variable, and
 * those that only look at a value differently. */
#include "graph/internal.h"

#include <string.h>

/* ---- shape rules -------------------------------------------------------------- */

static int variable_shape(nyx_graph *g, const nyx_node *node, enum nyx_dtype *dtype, nyx_shape *shape)
{
    const nyx_variable *variable = nyx_graph_variable_at(g, (int)node->ints[0]);

    dtype[0] = variable->dtype;
    shape[0] = variable->shape;
    return 0;
}

static int fill_shape(nyx_graph *g, const nyx_node *node, enum nyx_dtype *dtype, nyx_shape *shape)
{
    int64_t elems;

    (void)g;
    dtype[0] = (enum nyx_dtype)node->ints[0];
    shape[0] = node->shape;
    return nyx_shape_check(shape, &elems);
}

/* random, rope_table: always of the graph's real type. */
static int table_shape(nyx_graph *g, const nyx_node *node, enum nyx_dtype *dtype, nyx_shape *shape)
{
    int64_t elems;

    dtype[0] = g->real;
    shape[0] = node->shape;
    return nyx_shape_check(shape, &elems);
}

static int reshape_shape(nyx_graph *g, const nyx_node *node, enum nyx_dtype *dtype, nyx_shape *shape)
{
    const nyx_graph__value *x = nyx_graph__input(g, node, 0);
    char                    from[96], to[96];
    int64_t                 elems;
    int                     status = nyx_shape_check(&node->shape, &elems);

    if (status < 0)
        return status;
    dtype[0] = x->dtype;
    shape[0] = node->shape;
    if (elems == nyx_shape_count(&x->shape))
        return 0;
    nyx_shape_text(from, &x->shape);
    nyx_shape_text(to, shape);
    return nyx_error_set(NYX_ERR_INPUT, "%s cannot become %s", from, to);
}

static int same_shape(nyx_graph *g, const nyx_node *node, enum nyx_dtype *dtype, nyx_shape *shape)
{
    dtype[0] = nyx_graph__input(g, node, 0)->dtype;
    shape[0] = nyx_graph__input(g, node, 0)->shape;
    return 0;
}

static int cast_shape(nyx_graph *g, const nyx_node *node, enum nyx_dtype *dtype, nyx_shape *shape)
{
    const enum nyx_dtype wanted = (enum nyx_dtype)node->ints[0], given = nyx_graph__input(g, node, 0)->dtype;
    const bool           known = wanted == g->real || wanted == NYX_I32 || nyx_dtype_is_half(wanted);

    if (!known || (wanted != given && wanted != g->real && given != g->real))
        return nyx_error_set(NYX_ERR_INPUT, "no cast of %s to %s", nyx_dtype_name(given), nyx_dtype_name(wanted));
    dtype[0] = wanted;
    shape[0] = nyx_graph__input(g, node, 0)->shape;
    return 0;
}

/* ---- gradient rules and costs ----------------------------------------------------- */

static void reshape_gradient(nyx_graph *g, const nyx_node *node, const nyx_value *dout, nyx_value *din)
{
    din[0] = nyx_graph_reshape(g, dout[0], nyx_graph__input(g, node, 0)->shape);
}

/* Gradients are real whatever the type of the value; none comes through integers. */
static void cast_gradient(nyx_graph *g, const nyx_node *node, const nyx_value *dout, nyx_value *din)
{
    if (node->ints[0] != NYX_I32 && nyx_graph__input(g, node, 0)->dtype != NYX_I32)
        din[0] = dout[0];
}

const nyx_op_row nyx_graph__source_rows[] = {
    { .name = "variable", .int_names = { "index" }, .outputs = 1, .alias = true, .shape = variable_shape },
    { .name = "fill", .int_names = { "dtype" }, .real_names = { "number" }, .outputs = 1, .error = 0.5,
      .shape = fill_shape },
    { .name = "random", .outputs = 1, .shape = table_shape },
    { .name = "rope_table", .real_names = { "theta" }, .outputs = 1, .error = 0.3, .shape = table_shape },
    { .name = "reshape", .inputs_least = 1, .inputs_most = 1, .outputs = 1, .alias = true, .narrow = true,
      .shape = reshape_shape, .gradient = reshape_gradient },
    { .name = "stop", .inputs_least = 1, .inputs_most = 1, .outputs = 1, .alias = true, .narrow = true,
      .shape = same_shape },
    { .name = "cast", .int_names = { "dtype" }, .inputs_least = 1, .inputs_most = 1, .outputs = 1, .narrow = true,
      .shape = cast_shape, .gradient = cast_gradient },
};

/* ---- builders -------------------------------------------------------------------------- */

nyx_value nyx_graph_fill(nyx_graph *g, enum nyx_dtype dtype, nyx_shape shape, double number)
{
    return nyx_graph_node_add(
        g, &(nyx_node){ .op = NYX_OP_FILL, .ints = { dtype }, .reals = { number }, .shape = shape });
}

/* The stream is the call path and how many random nodes it holds already, so
 * nodes added elsewhere change no number. */
static uint32_t random_stream(const nyx_graph *g)
{
    char name[sizeof g->path + 16];
    int  before = 0;

    for (int i = 0; i < g->node_count; i++)
        before += g->nodes[i]->op == NYX_OP_RANDOM && !strcmp(g->nodes[i]->path, g->path);
    snprintf(name, sizeof name, "%s#%d", g->path, before);
    return (uint32_t)nyx_stream_of(name);
}

nyx_value nyx_graph_random(nyx_graph *g, nyx_shape shape)
{
    return nyx_graph_node_add(g, &(nyx_node){ .op = NYX_OP_RANDOM, .stream = random_stream(g), .shape = shape });
}

nyx_value nyx_graph_rope_table(nyx_graph *g, int64_t positions, int64_t width, double theta)
{
    if (width % 2)
        nyx_graph_fail(g, NYX_ERR_INPUT, "a head of odd width %lld cannot be rotated", (long long)width);
    return nyx_graph_node_add(g, &(nyx_node){ .op = NYX_OP_ROPE_TABLE, .reals = { theta },
                                              .shape = nyx_shape_of(2, positions, width) });
}

nyx_value nyx_graph_reshape(nyx_graph *g, nyx_value x, nyx_shape shape)
{
    return nyx_graph_node_add(
        g, &(nyx_node){ .op = NYX_OP_RESHAPE, .input_count = 1, .inputs = { x }, .shape = shape });
}

nyx_value nyx_graph_stop(nyx_graph *g, nyx_value x)
{
    return nyx_graph_node_add(g, &(nyx_node){ .op = NYX_OP_STOP, .input_count = 1, .inputs = { x } });
}

nyx_value nyx_graph_cast(nyx_graph *g, nyx_value x, enum nyx_dtype dtype)
{
    return nyx_graph_node_add(
        g, &(nyx_node){ .op = NYX_OP_CAST, .input_count = 1, .inputs = { x }, .ints = { dtype } });
}
