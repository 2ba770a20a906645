/* elementwise -- arithmetic on equal or broadcast shapes, comparisons,
 * selection and reductions. */
#include "graph/internal.h"

/* ---- broadcasting ------------------------------------------------------------ */

enum nyx_graph__fit nyx_graph__fit_of(const nyx_shape *a, const nyx_shape *b)
{
    const int lead = a->rank - b->rank;
    bool      last = lead >= 0, first = lead >= 0;

    if (nyx_shape_equal(a, b))
        return FIT_SAME;
    if (nyx_shape_count(b) == 1 && b->rank <= a->rank)
        return FIT_ONE;
    for (int i = 0; i < b->rank && lead >= 0; i++) {
        last = last && b->dims[i] == a->dims[lead + i];
        first = first && b->dims[i] == a->dims[i];
    }
    return last ? FIT_LAST : first ? FIT_FIRST : FIT_NONE;
}

nyx_value nyx_graph__unbroadcast(nyx_graph *g, nyx_value dout, nyx_value b)
{
    if (g->status < 0)
        return 0;
    const nyx_shape *from = &g->values[dout]->shape, *to = &g->values[b]->shape;

    switch (nyx_graph__fit_of(from, to)) {
    case FIT_SAME:
        return dout;
    case FIT_ONE:
        return nyx_graph_reshape(g, nyx_graph_reduce(g, NYX_SUM, dout, from->rank, false), *to);
    case FIT_LAST:
        return nyx_graph_reduce(g, NYX_SUM, dout, from->rank - to->rank, true);
    default:
        return nyx_graph_reduce(g, NYX_SUM, dout, from->rank - to->rank, false);
    }
}

/* A 1 between the axes makes "first axes" the only reading: [8] on [8, 8]
 * would be taken for the last axis, [8, 1] on [8, 1, 8] is not. */
nyx_value nyx_graph__spread(nyx_graph *g, nyx_value rows, const nyx_shape *shape)
{
    if (g->status < 0)
        return 0;
    const nyx_shape *lead = &g->values[rows]->shape;
    const int64_t    count = nyx_shape_count(lead), all = nyx_shape_count(shape);
    const nyx_shape  wide = nyx_shape_of(3, count, (int64_t)1, count ? all / count : 0);
    nyx_value        ones = nyx_graph_fill(g, g->real, wide, 1.0);

    rows = nyx_graph_reshape(g, rows, nyx_shape_of(2, count, (int64_t)1));
    return nyx_graph_reshape(g, nyx_graph_mul(g, ones, rows), *shape);
}

/* ---- shape rules ------------------------------------------------------------------- */

static int binary_shape(nyx_graph *g, const nyx_node *node, enum nyx_dtype *dtype, nyx_shape *shape)
{
    const nyx_graph__value *a = nyx_graph__input(g, node, 0), *b = nyx_graph__input(g, node, 1);
    char                    left[96], right[96];

    dtype[0] = a->dtype;
    shape[0] = a->shape;
    nyx_shape_text(left, &a->shape);
    nyx_shape_text(right, &b->shape);
    if (a->dtype != b->dtype || (a->dtype != g->real && a->dtype != NYX_I32))
        return nyx_error_set(NYX_ERR_INPUT, "types %s and %s", nyx_dtype_name(a->dtype), nyx_dtype_name(b->dtype));
    if (nyx_graph__fit_of(&a->shape, &b->shape) == FIT_NONE)
        return nyx_error_set(NYX_ERR_INPUT, "%s does not fit on %s", right, left);
    return 0;
}

static int compare_shape(nyx_graph *g, const nyx_node *node, enum nyx_dtype *dtype, nyx_shape *shape)
{
    int status = binary_shape(g, node, dtype, shape);

    dtype[0] = NYX_I32;
    return status;
}

static int real_shape(nyx_graph *g, const nyx_node *node, enum nyx_dtype *dtype, nyx_shape *shape)
{
    const nyx_graph__value *x = nyx_graph__input(g, node, 0);

    dtype[0] = x->dtype;
    shape[0] = x->shape;
    return x->dtype == g->real ? 0 : nyx_error_set(NYX_ERR_INPUT, "type %s", nyx_dtype_name(x->dtype));
}

static int select_shape(nyx_graph *g, const nyx_node *node, enum nyx_dtype *dtype, nyx_shape *shape)
{
    const nyx_graph__value *mask = nyx_graph__input(g, node, 0), *a = nyx_graph__input(g, node, 1),
                           *b = nyx_graph__input(g, node, 2);
    const enum nyx_graph__fit fit = nyx_graph__fit_of(&b->shape, &a->shape);
    bool                      prefix = mask->shape.rank <= b->shape.rank;

    dtype[0] = b->dtype;
    shape[0] = b->shape;
    for (int i = 0; prefix && i < mask->shape.rank; i++)
        prefix = mask->shape.dims[i] == b->shape.dims[i];
    if (mask->dtype != NYX_I32 || a->dtype != b->dtype)
        return nyx_error_set(NYX_ERR_INPUT, "types %s, %s and %s", nyx_dtype_name(mask->dtype),
                             nyx_dtype_name(a->dtype), nyx_dtype_name(b->dtype));
    if (!prefix || fit == FIT_NONE || fit == FIT_FIRST)
        return nyx_error_set(NYX_ERR_INPUT, "mask or first choice does not fit on the second");
    return 0;
}

static int reduce_shape(nyx_graph *g, const nyx_node *node, enum nyx_dtype *dtype, nyx_shape *shape)
{
    const nyx_graph__value *x = nyx_graph__input(g, node, 0);
    const int64_t           axes = node->ints[1];

    if (axes < 0 || axes > x->shape.rank)
        return nyx_error_set(NYX_ERR_INPUT, "%lld axes of %d", (long long)axes, x->shape.rank);
    dtype[0] = x->dtype;
    shape[0].rank = x->shape.rank - (int)axes;
    for (int i = 0; i < shape[0].rank; i++)
        shape[0].dims[i] = x->shape.dims[node->ints[2] ? i + (int)axes : i];
    return 0;
}

static int argmax_shape(nyx_graph *g, const nyx_node *node, enum nyx_dtype *dtype, nyx_shape *shape)
{
    int status = real_shape(g, node, dtype, shape);

    dtype[0] = NYX_I32;
    if (status < 0 || shape[0].rank < 1)
        return status < 0 ? status : nyx_error_set(NYX_ERR_INPUT, "no axis to search");
    shape[0].dims[--shape[0].rank] = 0;
    return 0;
}

/* ---- gradient rules -------------------------------------------------------------------- */

static void add_gradient(nyx_graph *g, const nyx_node *node, const nyx_value *dout, nyx_value *din)
{
    din[0] = dout[0];
    din[1] = nyx_graph__unbroadcast(g, dout[0], node->inputs[1]);
}

static void sub_gradient(nyx_graph *g, const nyx_node *node, const nyx_value *dout, nyx_value *din)
{
    din[0] = dout[0];
    din[1] = nyx_graph__unbroadcast(g, nyx_graph_affine(g, dout[0], -1.0, 0.0), node->inputs[1]);
}

static void mul_gradient(nyx_graph *g, const nyx_node *node, const nyx_value *dout, nyx_value *din)
{
    din[0] = nyx_graph_mul(g, dout[0], node->inputs[1]);
    din[1] = nyx_graph__unbroadcast(g, nyx_graph_mul(g, dout[0], node->inputs[0]), node->inputs[1]);
}

static void div_gradient(nyx_graph *g, const nyx_node *node, const nyx_value *dout, nyx_value *din)
{
    nyx_value slope = nyx_graph_mul(g, dout[0], node->outputs[0]);

    din[0] = nyx_graph_div(g, dout[0], node->inputs[1]);
    slope = nyx_graph_affine(g, nyx_graph_div(g, slope, node->inputs[1]), -1.0, 0.0);
    din[1] = nyx_graph__unbroadcast(g, slope, node->inputs[1]);
}

static void affine_gradient(nyx_graph *g, const nyx_node *node, const nyx_value *dout, nyx_value *din)
{
    din[0] = nyx_graph_affine(g, dout[0], node->reals[0], 0.0);
}

static void sqrt_gradient(nyx_graph *g, const nyx_node *node, const nyx_value *dout, nyx_value *din)
{
    din[0] = nyx_graph_div(g, nyx_graph_affine(g, dout[0], 0.5, 0.0), node->outputs[0]);
}

static void sigmoid_gradient(nyx_graph *g, const nyx_node *node, const nyx_value *dout, nyx_value *din)
{
    const nyx_value y = node->outputs[0];
    /* Named, because C leaves the order of arguments, and so of nodes, open. */
    const nyx_value rest = nyx_graph_affine(g, y, -1.0, 1.0);

    din[0] = nyx_graph_mul(g, nyx_graph_mul(g, dout[0], y), rest);
}

static void select_gradient(nyx_graph *g, const nyx_node *node, const nyx_value *dout, nyx_value *din)
{
    const nyx_value zero = nyx_graph_fill(g, g->real, nyx_shape_of(0), 0.0);
    const nyx_value zeros = nyx_graph_fill(g, g->real, nyx_graph__input(g, node, 2)->shape, 0.0);

    din[1] = nyx_graph__unbroadcast(g, nyx_graph_select(g, node->inputs[0], dout[0], zeros), node->inputs[1]);
    din[2] = nyx_graph_select(g, node->inputs[0], zero, dout[0]);
}

static void reduce_gradient(nyx_graph *g, const nyx_node *node, const nyx_value *dout, nyx_value *din)
{
    const nyx_shape *shape = &nyx_graph__input(g, node, 0)->shape;
    const int64_t    how = node->ints[0];
    const int64_t    count = nyx_shape_count(&g->values[node->outputs[0]]->shape);
    nyx_value        wide;

    if (how == NYX_LARGEST || how == NYX_SMALLEST)
        return;
    if (node->ints[2])
        wide = nyx_graph_mul(g, nyx_graph_fill(g, g->real, *shape, 1.0), dout[0]);
    else
        wide = nyx_graph__spread(g, dout[0], shape);
    if (how == NYX_MEAN)
        wide = nyx_graph_affine(g, wide, (double)count / (double)nyx_shape_count(shape), 0.0);
    if (how == NYX_SUM_SQUARES)
        wide = nyx_graph_mul(g, nyx_graph_affine(g, wide, 2.0, 0.0), node->inputs[0]);
    din[0] = wide;
}

static double reduce_flops(const nyx_graph *g, const nyx_node *node)
{
    return (double)nyx_value_elems(g, node->inputs[0]);
}

#define BINARY(op_name, c, rule)                                                                    \
    { .name = op_name, .inputs_least = 2, .inputs_most = 2, .outputs = 1, .error = c, .shape = binary_shape, \
      .gradient = rule, HALVES(3, 1) }
#define UNARY(op_name, c, rule)                                                                     \
    { .name = op_name, .inputs_least = 1, .inputs_most = 1, .outputs = 1, .error = c, .shape = real_shape, \
      .gradient = rule }

const nyx_op_row nyx_graph__elementwise_rows[] = {
    BINARY("add", 0.5, add_gradient),
    BINARY("sub", 0.5, sub_gradient),
    BINARY("mul", 0.5, mul_gradient),
    BINARY("div", 0.5, div_gradient),
    BINARY("min", 0.0, NULL),
    BINARY("max", 0.0, NULL),
    { .name = "affine", .real_names = { "scale", "shift" }, .inputs_least = 1, .inputs_most = 1, .outputs = 1,
      .error = 0.73, .shape = real_shape, .gradient = affine_gradient, HALVES(1, 1) },
    UNARY("sqrt", 0.5, sqrt_gradient),
    UNARY("sigmoid", 1.6, sigmoid_gradient),
    { .name = "compare", .int_names = { "how" }, .inputs_least = 2, .inputs_most = 2, .outputs = 1,
      .shape = compare_shape },
    { .name = "select", .inputs_least = 3, .inputs_most = 3, .outputs = 1, .shape = select_shape,
      .gradient = select_gradient, HALVES(6, 1) },
    { .name = "reduce", .int_names = { "how", "axes", "leading" }, .inputs_least = 1, .inputs_most = 1,
      .outputs = 1, .error = 3.2, .shape = reduce_shape, .gradient = reduce_gradient, .flops = reduce_flops },
    { .name = "argmax", .inputs_least = 1, .inputs_most = 1, .outputs = 1, .shape = argmax_shape,
      .flops = reduce_flops },
};

/* ---- builders ------------------------------------------------------------------------------ */

static nyx_value binary(nyx_graph *g, enum nyx_op op, nyx_value a, nyx_value b, int64_t how)
{
    return nyx_graph_node_add(g, &(nyx_node){ .op = op, .input_count = 2, .inputs = { a, b }, .ints = { how } });
}

static nyx_value unary(nyx_graph *g, enum nyx_op op, nyx_value x)
{
    return nyx_graph_node_add(g, &(nyx_node){ .op = op, .input_count = 1, .inputs = { x } });
}

nyx_value nyx_graph_add(nyx_graph *g, nyx_value a, nyx_value b) { return binary(g, NYX_OP_ADD, a, b, 0); }
nyx_value nyx_graph_sub(nyx_graph *g, nyx_value a, nyx_value b) { return binary(g, NYX_OP_SUB, a, b, 0); }
nyx_value nyx_graph_mul(nyx_graph *g, nyx_value a, nyx_value b) { return binary(g, NYX_OP_MUL, a, b, 0); }
nyx_value nyx_graph_div(nyx_graph *g, nyx_value a, nyx_value b) { return binary(g, NYX_OP_DIV, a, b, 0); }
nyx_value nyx_graph_min(nyx_graph *g, nyx_value a, nyx_value b) { return binary(g, NYX_OP_MIN, a, b, 0); }
nyx_value nyx_graph_max(nyx_graph *g, nyx_value a, nyx_value b) { return binary(g, NYX_OP_MAX, a, b, 0); }
nyx_value nyx_graph_sqrt(nyx_graph *g, nyx_value x) { return unary(g, NYX_OP_SQRT, x); }
nyx_value nyx_graph_sigmoid(nyx_graph *g, nyx_value x) { return unary(g, NYX_OP_SIGMOID, x); }
nyx_value nyx_graph_argmax(nyx_graph *g, nyx_value x) { return unary(g, NYX_OP_ARGMAX, x); }

nyx_value nyx_graph_affine(nyx_graph *g, nyx_value x, double scale, double shift)
{
    return nyx_graph_node_add(
        g, &(nyx_node){ .op = NYX_OP_AFFINE, .input_count = 1, .inputs = { x }, .reals = { scale, shift } });
}

nyx_value nyx_graph_compare(nyx_graph *g, enum nyx_comparison how, nyx_value a, nyx_value b)
{
    return binary(g, NYX_OP_COMPARE, a, b, how);
}

nyx_value nyx_graph_select(nyx_graph *g, nyx_value mask, nyx_value a, nyx_value b)
{
    return nyx_graph_node_add(
        g, &(nyx_node){ .op = NYX_OP_SELECT, .input_count = 3, .inputs = { mask, a, b } });
}

nyx_value nyx_graph_reduce(nyx_graph *g, enum nyx_reduction how, nyx_value x, int axes, bool leading)
{
    return nyx_graph_node_add(g, &(nyx_node){ .op = NYX_OP_REDUCE, .input_count = 1, .inputs = { x },
                                              .ints = { how, axes, leading } });
}
