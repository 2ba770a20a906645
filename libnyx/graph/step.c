/* step -- the operations that write variables. */
#include "graph/internal.h"

static int assign_shape(nyx_graph *g, const nyx_node *node, enum nyx_dtype *dtype, nyx_shape *shape)
{
    const nyx_variable     *variable = nyx_graph_variable_at(g, node->writes[0]);
    const nyx_graph__value *value = nyx_graph__input(g, node, 0);

    (void)dtype;
    (void)shape;
    if (variable->dtype != value->dtype || !nyx_shape_equal(&variable->shape, &value->shape))
        return nyx_error_set(NYX_ERR_INPUT, "variable '%s' has another type or shape", variable->name);
    return 0;
}

/* Is input i the old contents of the variable that the node writes as w-th? */
static bool writes_input(const nyx_graph *g, const nyx_node *node, int w, int i)
{
    return w < node->write_count && g->variable_values[node->writes[w]] == node->inputs[i];
}

static int scalars_check(const nyx_graph *g, const nyx_node *node, int scalars)
{
    if (nyx_shape_count(&nyx_graph__input(g, node, scalars)->shape) != 4 ||
        nyx_shape_count(&nyx_graph__input(g, node, scalars + 1)->shape) != 1)
        return nyx_error_set(NYX_ERR_INPUT, "needs 4 scalars and 1 scale");
    return 0;
}

static int adam_shape(nyx_graph *g, const nyx_node *node, enum nyx_dtype *dtype, nyx_shape *shape)
{
    (void)dtype;
    (void)shape;
    for (int i = 1; i < 4; i++)
        if (!nyx_shape_equal(&nyx_graph__input(g, node, 0)->shape, &nyx_graph__input(g, node, i)->shape))
            return nyx_error_set(NYX_ERR_INPUT, "operands of different shapes");
    if (!writes_input(g, node, 0, 0) || !writes_input(g, node, 1, 2) || !writes_input(g, node, 2, 3))
        return nyx_error_set(NYX_ERR_INPUT, "parameter and moments must be variables");
    return scalars_check(g, node, 4);
}

static int sign_sgd_shape(nyx_graph *g, const nyx_node *node, enum nyx_dtype *dtype, nyx_shape *shape)
{
    const nyx_shape *table = &nyx_graph__input(g, node, 0)->shape, *ids = &nyx_graph__input(g, node, 1)->shape,
                    *grad = &nyx_graph__input(g, node, 2)->shape;

    (void)dtype;
    (void)shape;
    if (!writes_input(g, node, 0, 0) || table->rank != 2 || ids->rank != 1 || grad->rank != 2 ||
        grad->dims[0] != ids->dims[0] || grad->dims[1] != table->dims[1])
        return nyx_error_set(NYX_ERR_INPUT, "table, ids and row gradients do not fit");
    return scalars_check(g, node, 3);
}

static int ema_shape(nyx_graph *g, const nyx_node *node, enum nyx_dtype *dtype, nyx_shape *shape)
{
    (void)dtype;
    (void)shape;
    if (!writes_input(g, node, 0, 0) ||
        !nyx_shape_equal(&nyx_graph__input(g, node, 0)->shape, &nyx_graph__input(g, node, 1)->shape))
        return nyx_error_set(NYX_ERR_INPUT, "average and parameter do not fit");
    return 0;
}

/* About 20 operations an element (atan2 as a polynomial). */
static double step_flops(const nyx_graph *g, const nyx_node *node)
{
    return 20.0 * (double)nyx_value_elems(g, node->inputs[0]);
}

const nyx_op_row nyx_graph__step_rows[] = {
    { .name = "assign", .inputs_least = 1, .inputs_most = 1, .narrow = true, .shape = assign_shape },
    { .name = "adam_atan2", .real_names = { "beta1", "beta2" }, .inputs_least = 6, .inputs_most = 6, .error = 1.15,
      .shape = adam_shape, .flops = step_flops },
    { .name = "adamw", .real_names = { "beta1", "beta2", "epsilon" }, .inputs_least = 6, .inputs_most = 6,
      .error = 1.15, .shape = adam_shape, .flops = step_flops },
    { .name = "sign_sgd", .inputs_least = 5, .inputs_most = 5, .error = 0.9, .shape = sign_sgd_shape },
    { .name = "ema", .real_names = { "beta" }, .inputs_least = 2, .inputs_most = 2, .error = 1.1,
      .shape = ema_shape },
    { .name = "cache_write", .int_names = { "heads", "kv_heads" }, .inputs_least = 5, .inputs_most = 5,
      .shape = nyx_graph__cache_write_shape },
};

/* ---- builders ------------------------------------------------------------------------- */

int nyx_graph__variable_of(nyx_graph *g, nyx_value v)
{
    if (g->status < 0)
        return -1;
    const nyx_node *node = v ? g->nodes[g->values[v]->node] : NULL;

    if (node && node->op == NYX_OP_VARIABLE)
        return (int)node->ints[0];
    nyx_graph_fail(g, NYX_ERR_INPUT, "a step in '%s' needs a variable to write", g->path);
    return -1;
}

static void adam(nyx_graph *g, enum nyx_op op, const nyx_value inputs[6], const double reals[3])
{
    nyx_node node = { .op = op, .input_count = 6, .write_count = 3 };

    for (int i = 0; i < 6; i++)
        node.inputs[i] = inputs[i];
    for (int i = 0; i < 3; i++)
        node.reals[i] = reals[i];
    node.writes[0] = nyx_graph__variable_of(g, inputs[0]);
    node.writes[1] = nyx_graph__variable_of(g, inputs[2]);
    node.writes[2] = nyx_graph__variable_of(g, inputs[3]);
    nyx_graph_node_add(g, &node);
}

void nyx_graph_adam_atan2(nyx_graph *g, nyx_value p, nyx_value grad, nyx_value m, nyx_value v, nyx_value scalars,
                          nyx_value scale, double beta1, double beta2)
{
    adam(g, NYX_OP_ADAM_ATAN2, (nyx_value[]){ p, grad, m, v, scalars, scale }, (double[]){ beta1, beta2, 0.0 });
}

void nyx_graph_adamw(nyx_graph *g, nyx_value p, nyx_value grad, nyx_value m, nyx_value v, nyx_value scalars,
                     nyx_value scale, double beta1, double beta2, double epsilon)
{
    adam(g, NYX_OP_ADAMW, (nyx_value[]){ p, grad, m, v, scalars, scale }, (double[]){ beta1, beta2, epsilon });
}

void nyx_graph_sign_sgd(nyx_graph *g, nyx_value table, nyx_value ids, nyx_value grad, nyx_value scalars,
                        nyx_value scale)
{
    nyx_graph_node_add(g, &(nyx_node){ .op = NYX_OP_SIGN_SGD, .input_count = 5, .write_count = 1,
                                       .inputs = { table, ids, grad, scalars, scale },
                                       .writes = { nyx_graph__variable_of(g, table) } });
}

void nyx_graph_ema(nyx_graph *g, nyx_value e, nyx_value p, double beta)
{
    nyx_graph_node_add(g, &(nyx_node){ .op = NYX_OP_EMA, .input_count = 2, .write_count = 1, .inputs = { e, p },
                                       .writes = { nyx_graph__variable_of(g, e) }, .reals = { beta } });
}
