/* layout -- operations that move numbers: parts, joins and table rows. */
#include "graph/internal.h"

static bool axis_bad(const nyx_shape *shape, int64_t axis)
{
    return axis < 0 || axis >= shape->rank;
}

/* ---- shape rules ----------------------------------------------------------------- */

static int slice_shape(nyx_graph *g, const nyx_node *node, enum nyx_dtype *dtype, nyx_shape *shape)
{
    const nyx_graph__value *x = nyx_graph__input(g, node, 0);
    const int64_t           axis = node->ints[0], start = node->ints[1], length = node->ints[2];

    dtype[0] = x->dtype;
    shape[0] = x->shape;
    if (axis_bad(shape, axis) || start < 0 || length < 0 || start > shape->dims[axis] - length)
        return nyx_error_set(NYX_ERR_INPUT, "part %lld + %lld of axis %lld is outside", (long long)start,
                             (long long)length, (long long)axis);
    shape->dims[axis] = length;
    return 0;
}

static int pad_shape(nyx_graph *g, const nyx_node *node, enum nyx_dtype *dtype, nyx_shape *shape)
{
    const nyx_graph__value *x = nyx_graph__input(g, node, 0);
    int64_t                 elems;

    dtype[0] = x->dtype;
    shape[0] = x->shape;
    if (axis_bad(shape, node->ints[0]) || node->ints[1] < 0 || node->ints[2] < 0)
        return nyx_error_set(NYX_ERR_INPUT, "bad padding");
    shape->dims[node->ints[0]] += node->ints[1] + node->ints[2];
    return nyx_shape_check(shape, &elems);
}

static int concat_shape(nyx_graph *g, const nyx_node *node, enum nyx_dtype *dtype, nyx_shape *shape)
{
    const nyx_graph__value *a = nyx_graph__input(g, node, 0), *b = nyx_graph__input(g, node, 1);
    const int64_t           axis = node->ints[0];
    nyx_shape               rest = b->shape;

    dtype[0] = a->dtype;
    shape[0] = a->shape;
    if (axis_bad(shape, axis) || rest.rank != shape->rank || a->dtype != b->dtype)
        return nyx_error_set(NYX_ERR_INPUT, "operands do not fit");
    rest.dims[axis] = shape->dims[axis];
    if (!nyx_shape_equal(&rest, shape))
        return nyx_error_set(NYX_ERR_INPUT, "operands do not fit");
    shape->dims[axis] += b->shape.dims[axis];
    return 0;
}

static int embedding_shape(nyx_graph *g, const nyx_node *node, enum nyx_dtype *dtype, nyx_shape *shape)
{
    const nyx_graph__value *table = nyx_graph__input(g, node, 0), *ids = nyx_graph__input(g, node, 1);

    dtype[0] = table->dtype;
    shape[0] = ids->shape;
    if (table->shape.rank != 2 || table->dtype != g->real || ids->dtype != NYX_I32 ||
        ids->shape.rank >= NYX_MAX_RANK)
        return nyx_error_set(NYX_ERR_INPUT, "needs a real table of rows and i32 ids");
    shape->dims[shape->rank++] = table->shape.dims[1];
    return 0;
}

static int embedding_grad_shape(nyx_graph *g, const nyx_node *node, enum nyx_dtype *dtype, nyx_shape *shape)
{
    const nyx_graph__value *dy = nyx_graph__input(g, node, 1);

    dtype[0] = dy->dtype;
    shape[0] = nyx_shape_of(2, node->ints[0], dy->shape.dims[dy->shape.rank - 1]);
    return 0;
}

/* ---- gradient rules ---------------------------------------------------------------- */

static void slice_gradient(nyx_graph *g, const nyx_node *node, const nyx_value *dout, nyx_value *din)
{
    const int64_t whole = nyx_graph__input(g, node, 0)->shape.dims[node->ints[0]];

    din[0] = nyx_graph_pad(g, dout[0], (int)node->ints[0], node->ints[1], whole - node->ints[1] - node->ints[2]);
}

static void pad_gradient(nyx_graph *g, const nyx_node *node, const nyx_value *dout, nyx_value *din)
{
    const int64_t axis = node->ints[0];

    din[0] = nyx_graph_slice(g, dout[0], (int)axis, node->ints[1], nyx_graph__input(g, node, 0)->shape.dims[axis]);
}

static void concat_gradient(nyx_graph *g, const nyx_node *node, const nyx_value *dout, nyx_value *din)
{
    const int64_t axis = node->ints[0];
    const int64_t a = nyx_graph__input(g, node, 0)->shape.dims[axis];
    const int64_t b = nyx_graph__input(g, node, 1)->shape.dims[axis];

    din[0] = nyx_graph_slice(g, dout[0], (int)axis, 0, a);
    din[1] = nyx_graph_slice(g, dout[0], (int)axis, a, b);
}

static void embedding_gradient(nyx_graph *g, const nyx_node *node, const nyx_value *dout, nyx_value *din)
{
    din[0] = nyx_graph_node_add(g, &(nyx_node){ .op = NYX_OP_EMBEDDING_GRAD, .input_count = 2,
                                                .inputs = { node->inputs[1], dout[0] },
                                                .ints = { nyx_graph__input(g, node, 0)->shape.dims[0] } });
}

const nyx_op_row nyx_graph__layout_rows[] = {
    { .name = "slice", .int_names = { "axis", "start", "length" }, .inputs_least = 1, .inputs_most = 1,
      .outputs = 1, .shape = slice_shape, .gradient = slice_gradient },
    { .name = "pad", .int_names = { "axis", "before", "after" }, .inputs_least = 1, .inputs_most = 1,
      .outputs = 1, .shape = pad_shape, .gradient = pad_gradient },
    { .name = "concat", .int_names = { "axis" }, .inputs_least = 2, .inputs_most = 2, .outputs = 1,
      .shape = concat_shape, .gradient = concat_gradient },
    { .name = "embedding", .inputs_least = 2, .inputs_most = 2, .outputs = 1, .shape = embedding_shape,
      .gradient = embedding_gradient },
    { .name = "embedding_grad", .int_names = { "rows" }, .inputs_least = 2, .inputs_most = 2, .outputs = 1,
      .error = 1.6, .shape = embedding_grad_shape },
};

/* ---- builders -------------------------------------------------------------------------- */

nyx_value nyx_graph_slice(nyx_graph *g, nyx_value x, int axis, int64_t start, int64_t length)
{
    return nyx_graph_node_add(g, &(nyx_node){ .op = NYX_OP_SLICE, .input_count = 1, .inputs = { x },
                                              .ints = { axis, start, length } });
}

nyx_value nyx_graph_pad(nyx_graph *g, nyx_value x, int axis, int64_t before, int64_t after)
{
    return nyx_graph_node_add(g, &(nyx_node){ .op = NYX_OP_PAD, .input_count = 1, .inputs = { x },
                                              .ints = { axis, before, after } });
}

nyx_value nyx_graph_concat(nyx_graph *g, nyx_value a, nyx_value b, int axis)
{
    return nyx_graph_node_add(
        g, &(nyx_node){ .op = NYX_OP_CONCAT, .input_count = 2, .inputs = { a, b }, .ints = { axis } });
}

nyx_value nyx_graph_embedding(nyx_graph *g, nyx_value table, nyx_value ids)
{
    const nyx_value coded = nyx_graph__on_planes(g, NYX_OP_EMBEDDING_CODED, ids, table, 0);

    if (coded)
        return coded;
    return nyx_graph_node_add(g, &(nyx_node){ .op = NYX_OP_EMBEDDING, .input_count = 2, .inputs = { table, ids } });
}
