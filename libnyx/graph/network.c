/* network -- the operations that models are made of, and their gradients. */
#include "graph/internal.h"

static int64_t last_dim(const nyx_shape *shape)
{
    return shape->rank ? shape->dims[shape->rank - 1] : 1;
}

static int64_t row_count(const nyx_shape *shape)
{
    const int64_t last = last_dim(shape);

    return last ? nyx_shape_count(shape) / last : 0;
}

static int misfit(const nyx_shape *a, const nyx_shape *b)
{
    char left[96], right[96];

    nyx_shape_text(left, a);
    nyx_shape_text(right, b);
    return nyx_error_set(NYX_ERR_INPUT, "shapes %s and %s do not fit", left, right);
}

/* ---- matmul --------------------------------------------------------------------- */

static int matmul_shape(nyx_graph *g, const nyx_node *node, enum nyx_dtype *dtype, nyx_shape *shape)
{
    const nyx_graph__value *x = nyx_graph__input(g, node, 0), *w = nyx_graph__input(g, node, 1);
    const int64_t           inner = last_dim(&x->shape);
    int64_t                 width = 0;
    bool                    fits = x->shape.rank >= 1;

    if (x->dtype != g->real && !nyx_dtype_is_half(x->dtype))
        return nyx_error_set(NYX_ERR_INPUT, "type %s", nyx_dtype_name(x->dtype));
    if (x->dtype != w->dtype)
        return nyx_error_set(NYX_ERR_INPUT, "types %s and %s", nyx_dtype_name(x->dtype), nyx_dtype_name(w->dtype));
    switch (node->ints[0]) {
    case NYX_MATMUL_NT:
        fits = fits && w->shape.rank == 2 && w->shape.dims[1] == inner;
        width = w->shape.dims[0];
        break;
    case NYX_MATMUL_NN:
        fits = fits && w->shape.rank == 2 && w->shape.dims[0] == inner;
        width = w->shape.dims[1];
        break;
    default:
        fits = fits && w->shape.rank >= 1 && row_count(&w->shape) == row_count(&x->shape);
        dtype[0] = g->real;
        shape[0] = nyx_shape_of(2, inner, last_dim(&w->shape));
        return fits ? 0 : misfit(&x->shape, &w->shape);
    }
    if (!fits)
        return misfit(&x->shape, &w->shape);
    shape[0] = x->shape;
    shape[0].dims[x->shape.rank - 1] = width;
    if (node->input_count > 2 && node->inputs[2]) {
        const nyx_graph__value *bias = nyx_graph__input(g, node, 2);

        if (bias->dtype != g->real || bias->shape.rank != 1 || bias->shape.dims[0] != width)
            return misfit(shape, &bias->shape);
    }
    return 0;
}

static void matmul_gradient(nyx_graph *g, const nyx_node *node, const nyx_value *dout, nyx_value *din)
{
    const nyx_value      x = node->inputs[0], w = node->inputs[1];
    const enum nyx_dtype dtype = nyx_graph__input(g, node, 0)->dtype;
    const nyx_value      dy = dtype == g->real ? dout[0] : nyx_graph_cast(g, dout[0], dtype);

    switch (node->ints[0]) {
    case NYX_MATMUL_NT:
        din[0] = nyx_graph_matmul(g, dy, w, 0, NYX_MATMUL_NN);
        din[1] = nyx_graph_matmul(g, dy, x, 0, NYX_MATMUL_TN);
        break;
    case NYX_MATMUL_NN:
        din[0] = nyx_graph_matmul(g, dy, w, 0, NYX_MATMUL_NT);
        din[1] = nyx_graph_matmul(g, x, dy, 0, NYX_MATMUL_TN);
        break;
    default: /* y[N, K] = x[R, N]^T w[R, K] */
        din[0] = nyx_graph_reshape(g, nyx_graph_matmul(g, w, dy, 0, NYX_MATMUL_NT),
                                   nyx_graph__input(g, node, 0)->shape);
        din[1] = nyx_graph_reshape(g, nyx_graph_matmul(g, x, dy, 0, NYX_MATMUL_NN),
                                   nyx_graph__input(g, node, 1)->shape);
        return;
    }
    if (node->input_count > 2 && node->inputs[2])
        din[2] = nyx_graph_reduce(g, NYX_SUM, dout[0], nyx_graph__input(g, node, 0)->shape.rank - 1, true);
}

static double matmul_flops(const nyx_graph *g, const nyx_node *node)
{
    const nyx_shape *x = nyx_value_shape(g, node->inputs[0]), *y = nyx_value_shape(g, node->outputs[0]);
    const int64_t    inner = node->ints[0] == NYX_MATMUL_TN ? row_count(x) : last_dim(x);

    return 2.0 * (double)inner * (double)nyx_shape_count(y);
}

/* ---- rmsnorm ----------------------------------------------------------------------- */

static int rmsnorm_shape(nyx_graph *g, const nyx_node *node, enum nyx_dtype *dtype, nyx_shape *shape)
{
    const nyx_graph__value *x = nyx_graph__input(g, node, 0);

    (void)dtype;
    if (x->dtype != g->real || x->shape.rank < 1)
        return nyx_error_set(NYX_ERR_INPUT, "needs real rows");
    if (node->input_count > 1 && node->inputs[1] &&
        !nyx_shape_equal(&x->shape, &nyx_graph__input(g, node, 1)->shape))
        return misfit(&x->shape, &nyx_graph__input(g, node, 1)->shape);
    shape[0] = shape[1] = x->shape;
    shape[1].dims[--shape[1].rank] = 0;
    return 0;
}

static void rmsnorm_gradient(nyx_graph *g, const nyx_node *node, const nyx_value *dout, nyx_value *din)
{
    NYX_BUG_IF(dout[1]);
    din[0] = din[1] = nyx_graph_node_add(g, &(nyx_node){ .op = NYX_OP_RMSNORM_GRAD, .input_count = 3,
                                             .inputs = { node->outputs[0], node->outputs[1], dout[0] } });
}

static void layernorm_gradient(nyx_graph *g, const nyx_node *node, const nyx_value *dout, nyx_value *din)
{
    NYX_BUG_IF(dout[1]);
    din[0] = nyx_graph_node_add(g, &(nyx_node){ .op = NYX_OP_LAYERNORM_GRAD, .input_count = 3,
                                    .inputs = { node->outputs[0], node->outputs[1], dout[0] } });
}

/* A gradient has the shape of what it is the gradient of: the first input. */
static int like_first(nyx_graph *g, const nyx_node *node, enum nyx_dtype *dtype, nyx_shape *shape)
{
    dtype[0] = nyx_graph__input(g, node, 0)->dtype;
    shape[0] = nyx_graph__input(g, node, 0)->shape;
    return dtype[0] == g->real ? 0 : nyx_error_set(NYX_ERR_INPUT, "type %s", nyx_dtype_name(dtype[0]));
}

/* ---- rope and attention -------------------------------------------------------------- */

static int rope_shape(nyx_graph *g, const nyx_node *node, enum nyx_dtype *dtype, nyx_shape *shape)
{
    const nyx_graph__value *x = nyx_graph__input(g, node, 0), *table = nyx_graph__input(g, node, 1);
    const int64_t           width = last_dim(&table->shape);

    if (x->shape.rank != 3 || table->shape.rank != 2 || table->shape.dims[0] < x->shape.dims[1] || width < 2 ||
        x->shape.dims[2] % width || node->ints[0] * width > x->shape.dims[2])
        return misfit(&x->shape, &table->shape);
    return like_first(g, node, dtype, shape);
}

static void rope_gradient(nyx_graph *g, const nyx_node *node, const nyx_value *dout, nyx_value *din)
{
    din[0] = nyx_graph_rope(g, dout[0], node->inputs[1], node->ints[0], !node->ints[1]);
}

static int attention_shape(nyx_graph *g, const nyx_node *node, enum nyx_dtype *dtype, nyx_shape *shape)
{
    const nyx_graph__value *x = nyx_graph__input(g, node, 0);
    const int64_t           heads = node->ints[0], kv = node->ints[1], all = heads + 2 * kv;

    (void)dtype;
    if (x->dtype != g->real || x->shape.rank != 3 || heads < 1 || kv < 1 || heads % kv || x->shape.dims[2] % all)
        return nyx_error_set(NYX_ERR_INPUT, "%lld query and %lld key heads do not fit", (long long)heads,
                             (long long)kv);
    shape[0] = x->shape;
    shape[0].dims[2] = x->shape.dims[2] / all * heads;
    shape[1] = nyx_shape_of(3, x->shape.dims[0], heads, x->shape.dims[1]);
    return 0;
}

static void attention_gradient(nyx_graph *g, const nyx_node *node, const nyx_value *dout, nyx_value *din)
{
    NYX_BUG_IF(dout[1]);
    din[0] = nyx_graph_node_add(g, &(nyx_node){ .op = NYX_OP_ATTENTION_GRAD, .input_count = 4,
                                    .inputs = { node->inputs[0], node->outputs[0], node->outputs[1], dout[0] },
                                    .ints = { node->ints[0], node->ints[1], node->ints[2] } });
}

/* Two products of S x S x d a head forward; five backward. */
static double attention_work(const nyx_graph *g, const nyx_node *node, double products)
{
    const nyx_shape *x = nyx_value_shape(g, node->inputs[0]);
    const int64_t    width = x->dims[2] / (node->ints[0] + 2 * node->ints[1]);
    const double     pairs = (double)x->dims[1] * (double)x->dims[1] * (node->ints[2] ? 0.5 : 1.0);

    return 2.0 * products * (double)x->dims[0] * (double)node->ints[0] * pairs * (double)width;
}

static double attention_flops(const nyx_graph *g, const nyx_node *node) { return attention_work(g, node, 2.0); }
static double attention_grad_flops(const nyx_graph *g, const nyx_node *node) { return attention_work(g, node, 5.0); }

/* ---- swiglu, losses -------------------------------------------------------------------- */

static int swiglu_shape(nyx_graph *g, const nyx_node *node, enum nyx_dtype *dtype, nyx_shape *shape)
{
    int status = like_first(g, node, dtype, shape);

    if (status < 0 || shape->rank < 1 || last_dim(shape) % 2)
        return status < 0 ? status : nyx_error_set(NYX_ERR_INPUT, "needs gate and up of equal width");
    shape->dims[shape->rank - 1] /= 2;
    return 0;
}

static void swiglu_gradient(nyx_graph *g, const nyx_node *node, const nyx_value *dout, nyx_value *din)
{
    din[0] = nyx_graph_node_add(g, &(nyx_node){ .op = NYX_OP_SWIGLU_GRAD, .input_count = 2,
                                                .inputs = { node->inputs[0], dout[0] } });
}

static void gelu_gradient(nyx_graph *g, const nyx_node *node, const nyx_value *dout, nyx_value *din)
{
    din[0] = nyx_graph_node_add(g, &(nyx_node){ .op = NYX_OP_GELU_GRAD, .input_count = 2,
                                                .inputs = { node->inputs[0], dout[0] } });
}

static int cross_entropy_shape(nyx_graph *g, const nyx_node *node, enum nyx_dtype *dtype, nyx_shape *shape)
{
    const nyx_graph__value *logits = nyx_graph__input(g, node, 0), *labels = nyx_graph__input(g, node, 1);

    (void)dtype;
    shape[0] = logits->shape;
    if (logits->dtype != g->real || labels->dtype != NYX_I32 || shape->rank < 1)
        return nyx_error_set(NYX_ERR_INPUT, "needs real logits and i32 labels");
    shape->dims[--shape->rank] = 0;
    return nyx_shape_equal(shape, &labels->shape) ? 0 : misfit(&logits->shape, &labels->shape);
}

static void cross_entropy_gradient(nyx_graph *g, const nyx_node *node, const nyx_value *dout, nyx_value *din)
{
    din[0] = nyx_graph_node_add(g, &(nyx_node){ .op = NYX_OP_CROSS_ENTROPY_GRAD, .input_count = 3,
                                    .inputs = { node->inputs[0], node->inputs[1], dout[0] },
                                    .ints = { node->ints[0], node->ints[1] } });
}

static int bce_shape(nyx_graph *g, const nyx_node *node, enum nyx_dtype *dtype, nyx_shape *shape)
{
    const nyx_graph__value *q = nyx_graph__input(g, node, 0), *target = nyx_graph__input(g, node, 1);

    if (q->dtype != g->real || target->dtype != g->real || !nyx_shape_equal(&q->shape, &target->shape))
        return misfit(&q->shape, &target->shape);
    return like_first(g, node, dtype, shape);
}

static void bce_gradient(nyx_graph *g, const nyx_node *node, const nyx_value *dout, nyx_value *din)
{
    const nyx_value p = nyx_graph_sigmoid(g, node->inputs[0]);

    din[0] = nyx_graph_mul(g, dout[0], nyx_graph_sub(g, p, node->inputs[1]));
}

const nyx_op_row nyx_graph__network_rows[] = {
    { .name = "matmul", .int_names = { "mode" }, .inputs_least = 2, .inputs_most = 3, .outputs = 1, .narrow = true,
      .error = 3.2, .shape = matmul_shape, .gradient = matmul_gradient, .flops = matmul_flops, HALVES(0, 1) },
    { .name = "rmsnorm", .real_names = { "epsilon" }, .inputs_least = 1, .inputs_most = 2, .outputs = 2,
      .error = 5.1, .shape = rmsnorm_shape, .gradient = rmsnorm_gradient, HALVES(3, 1) },
    { .name = "rmsnorm_grad", .inputs_least = 3, .inputs_most = 3, .outputs = 1, .error = 2.0,
      .shape = like_first, HALVES(5, 1) },
    { .name = "layernorm", .real_names = { "epsilon" }, .inputs_least = 1, .inputs_most = 1, .outputs = 2,
      .error = 3.8, .shape = rmsnorm_shape, .gradient = layernorm_gradient, HALVES(1, 1) },
    { .name = "layernorm_grad", .inputs_least = 3, .inputs_most = 3, .outputs = 1, .error = 1.5,
      .shape = like_first, HALVES(5, 1) },
    { .name = "rope", .int_names = { "heads", "inverse" }, .inputs_least = 2, .inputs_most = 2, .outputs = 1,
      .error = 1.0, .shape = rope_shape, .gradient = rope_gradient, HALVES(1, 1) },
    { .name = "attention", .int_names = { "heads", "kv_heads", "causal" }, .inputs_least = 1, .inputs_most = 1,
      .outputs = 2, .error = 16.0, .shape = attention_shape, .gradient = attention_gradient,
      .flops = attention_flops, HALVES(1, 1) },
    { .name = "attention_grad", .int_names = { "heads", "kv_heads", "causal" }, .inputs_least = 4,
      .inputs_most = 4, .outputs = 1, .error = 18.5, .shape = like_first, .flops = attention_grad_flops,
      HALVES(11, 1) },
    { .name = "swiglu", .inputs_least = 1, .inputs_most = 1, .outputs = 1, .error = 2.35, .shape = swiglu_shape,
      .gradient = swiglu_gradient, HALVES(1, 1) },
    { .name = "swiglu_grad", .inputs_least = 2, .inputs_most = 2, .outputs = 1, .error = 2.3,
      .shape = like_first, HALVES(3, 1) },
    { .name = "gelu", .inputs_least = 1, .inputs_most = 1, .outputs = 1, .error = 1.5, .shape = like_first,
      .gradient = gelu_gradient, HALVES(1, 1) },
    { .name = "gelu_grad", .inputs_least = 2, .inputs_most = 2, .outputs = 1, .error = 1.7, .shape = like_first,
      HALVES(3, 1) },
    { .name = "cross_entropy", .int_names = { "how", "ignore" }, .inputs_least = 2, .inputs_most = 2,
      .outputs = 1, .error = 0.5, .shape = cross_entropy_shape, .gradient = cross_entropy_gradient },
    { .name = "cross_entropy_grad", .int_names = { "how", "ignore" }, .inputs_least = 3, .inputs_most = 3,
      .outputs = 1, .in_place = true, .error = 1.2, .shape = like_first },
    { .name = "bce", .inputs_least = 2, .inputs_most = 2, .outputs = 1, .error = 0.5, .shape = bce_shape,
      .gradient = bce_gradient },
};

/* ---- builders ------------------------------------------------------------------------------ */

nyx_value nyx_graph_matmul(nyx_graph *g, nyx_value x, nyx_value w, nyx_value bias, enum nyx_matmul_mode mode)
{
    const nyx_value coded = mode == NYX_MATMUL_NT ? nyx_graph__on_planes(g, NYX_OP_MATMUL_CODED, x, w, bias) : 0;

    if (coded)
        return coded;
    return nyx_graph_node_add(g, &(nyx_node){ .op = NYX_OP_MATMUL, .input_count = bias ? 3 : 2,
                                              .inputs = { x, w, bias }, .ints = { mode } });
}

nyx_value nyx_graph_rmsnorm(nyx_graph *g, nyx_value x, nyx_value residual, double epsilon)
{
    return nyx_graph_node_add(g, &(nyx_node){ .op = NYX_OP_RMSNORM, .input_count = residual ? 2 : 1,
                                              .inputs = { x, residual }, .reals = { epsilon } });
}

nyx_value nyx_graph_layernorm(nyx_graph *g, nyx_value x, double epsilon)
{
    return nyx_graph_node_add(g, &(nyx_node){ .op = NYX_OP_LAYERNORM, .input_count = 1, .inputs = { x },
                                              .reals = { epsilon } });
}

nyx_value nyx_graph_rope(nyx_graph *g, nyx_value x, nyx_value table, int64_t heads, bool inverse)
{
    return nyx_graph_node_add(g, &(nyx_node){ .op = NYX_OP_ROPE, .input_count = 2, .inputs = { x, table },
                                              .ints = { heads, inverse } });
}

nyx_value nyx_graph_attention(nyx_graph *g, nyx_value x, int64_t heads, int64_t kv_heads, bool causal)
{
    return nyx_graph_node_add(g, &(nyx_node){ .op = NYX_OP_ATTENTION, .input_count = 1, .inputs = { x },
                                              .ints = { heads, kv_heads, causal } });
}

nyx_value nyx_graph_swiglu(nyx_graph *g, nyx_value x)
{
    return nyx_graph_node_add(g, &(nyx_node){ .op = NYX_OP_SWIGLU, .input_count = 1, .inputs = { x } });
}

nyx_value nyx_graph_gelu(nyx_graph *g, nyx_value x)
{
    return nyx_graph_node_add(g, &(nyx_node){ .op = NYX_OP_GELU, .input_count = 1, .inputs = { x } });
}

nyx_value nyx_graph_cross_entropy(nyx_graph *g, nyx_value logits, nyx_value labels, enum nyx_probability how,
                                  int64_t ignore)
{
    return nyx_graph_node_add(g, &(nyx_node){ .op = NYX_OP_CROSS_ENTROPY, .input_count = 2,
                                              .inputs = { logits, labels }, .ints = { how, ignore } });
}

nyx_value nyx_graph_bce(nyx_graph *g, nyx_value logits, nyx_value target)
{
    return nyx_graph_node_add(g, &(nyx_node){ .op = NYX_OP_BCE, .input_count = 2, .inputs = { logits, target } });
}
