/* gradient -- reverse-mode differentiation: append the backward graph. */
#include "pass/pass.h"

#include <string.h>

bool nyx_pass_is_backward(const nyx_node *node)
{
    return strncmp(node->path, "gradient", 8) == 0 && (!node->path[8] || node->path[8] == '/');
}

/* What the pass knows about values that were there when it began. */
typedef struct {
    nyx_graph *g;
    int        nodes, values; /* before the pass */
    bool      *needed;        /* value depends on one of `wrt` */
    nyx_value *grads;         /* sum so far, 0: none */
} backward;

/* A value is needed when it is asked for or when a rule carries its gradient
 * on to one that is. */
static void mark_needed(backward *b, int count, const nyx_value *wrt)
{
    for (int i = 0; i < count; i++)
        b->needed[wrt[i]] = true;
    for (int n = 0; n < b->nodes; n++) {
        const nyx_node *node = nyx_graph_node(b->g, n);
        bool            any = false;

        if (!nyx_op_table(node->op)->gradient)
            continue;
        for (int i = 0; i < node->input_count; i++)
            any = any || (node->inputs[i] && b->needed[node->inputs[i]]);
        for (int i = 0; i < node->output_count; i++)
            b->needed[node->outputs[i]] = b->needed[node->outputs[i]] || any;
    }
}

static void node_backward(backward *b, const nyx_node *node)
{
    nyx_value dout[NYX_MAX_OUTPUTS] = { 0 }, din[NYX_MAX_INPUTS] = { 0 };
    bool      reached = false, wanted = false;

    for (int i = 0; i < node->output_count; i++) {
        dout[i] = b->grads[node->outputs[i]];
        reached = reached || dout[i];
    }
    for (int i = 0; i < node->input_count; i++)
        wanted = wanted || (node->inputs[i] && b->needed[node->inputs[i]]);
    if (!reached || !wanted || !nyx_op_table(node->op)->gradient)
        return;
    nyx_op_table(node->op)->gradient(b->g, node, dout, din);
    for (int i = 0; i < node->input_count; i++) {
        const nyx_value x = node->inputs[i];

        if (!x || !din[i] || !b->needed[x])
            continue;
        b->grads[x] = b->grads[x] ? nyx_graph_add(b->g, b->grads[x], din[i]) : din[i];
    }
}

/* Rules give gradients of every input; those that nobody asked for stay
 * without a use until nyx_graph_prune. */
int nyx_pass_gradient(nyx_graph *g, nyx_value loss, int count, const nyx_value *wrt, nyx_value *grads)
{
    backward b = { .g = g, .nodes = nyx_graph_node_count(g), .values = nyx_graph_value_count(g) };
    int      status = nyx_graph_check(g);

    for (int i = 0; i < count; i++)
        grads[i] = 0;
    if (status < 0)
        return status;
    NYX_BUG_IF(nyx_value_elems(g, loss) != 1);
    if ((status = nyx_alloc(&b.needed, b.values)) < 0 ||
        (status = nyx_alloc(&b.grads, b.values * (int64_t)sizeof *b.grads)) < 0)
        goto done;
    mark_needed(&b, count, wrt);
    nyx_graph_push(g, "gradient");
    b.grads[loss] = nyx_graph_fill(g, nyx_graph_real(g), *nyx_value_shape(g, loss), 1.0);
    for (int n = nyx_value_node(g, loss); n >= 0; n--)
        node_backward(&b, nyx_graph_node(g, n));
    nyx_graph_pop(g);
    for (int i = 0; i < count; i++)
        grads[i] = b.grads[wrt[i]];
    status = nyx_graph_check(g);
done:
    nyx_free(b.needed);
    nyx_free(b.grads);
    return status;
}
