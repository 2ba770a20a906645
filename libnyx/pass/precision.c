/* precision -- operands of products, of gates and attention, and what the backward
 * graph keeps in 16 bits; variables, sums, norms, softmax and losses stay real.
 *
 *     forward    y = norm(..)        half = cast y         z = matmul half cast(w)
 *     backward   y' = cast half      norm_grad y' ..       dw = matmul cast(dz) half
 *                dz' = cast cast(dz)                       dx = attention_grad .. dz'
 *
 * A value that is kept is rounded for whoever reads it behind its producer, the
 * forward graph too, so what is differentiated is what was computed. It comes
 * back in front of each reader of the backward graph and so never lives for
 * long. A variable is cast once in either direction. */
#include "pass/pass.h"

#include "graph/rewrite.h"

typedef struct {
    nyx_graph     *g;
    enum nyx_dtype dtype;
    int            forward, nodes, values; /* nodes before the gradient; all, before the pass */
    nyx_value     *source;  /* by value: what it is a view of; 0: none */
    bool          *scored;  /* by value: computed from a loss */
    bool          *kept;    /* by value: in 16 bits */
    nyx_value     *half[2]; /* by value: its cast; [1] of variables, in the backward graph */
    nyx_value     *rounded; /* by kept value: real again, for the forward graph */
    int           *order;
    int64_t        placed, order_room;
} narrowing;

static int narrowing_init(narrowing *p, nyx_graph *g)
{
    int status;

    p->g = g;
    p->nodes = nyx_graph_node_count(g);
    p->values = nyx_graph_value_count(g);
    while (p->forward < p->nodes && !nyx_pass_is_backward(nyx_graph_node(g, p->forward)))
        p->forward++;
    if ((status = nyx_alloc(&p->source, p->values * (int64_t)sizeof *p->source)) < 0 ||
        (status = nyx_alloc(&p->scored, p->values)) < 0 || (status = nyx_alloc(&p->kept, p->values)) < 0 ||
        (status = nyx_alloc(&p->half[0], p->values * (int64_t)sizeof *p->half[0])) < 0 ||
        (status = nyx_alloc(&p->half[1], p->values * (int64_t)sizeof *p->half[1])) < 0)
        return status;
    return nyx_alloc(&p->rounded, p->values * (int64_t)sizeof *p->rounded);
}

static void narrowing_release(narrowing *p)
{
    void *const parts[] = { p->source, p->scored, p->kept, p->half[0], p->half[1], p->rounded, p->order };

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        nyx_free(parts[i]);
}

/* ---- what is kept ------------------------------------------------------------------ */

static nyx_value root_of(const narrowing *p, nyx_value v)
{
    while (p->source[v])
        v = p->source[v];
    return v;
}

/* Does the backward graph have large tensors as this input? Statistics of
 * norms and softmax are second outputs and stay real. */
static bool reads_activations(enum nyx_op op)
{
    switch (op) {
    case NYX_OP_MATMUL:
    case NYX_OP_MUL:
    case NYX_OP_RMSNORM_GRAD:
    case NYX_OP_LAYERNORM_GRAD:
    case NYX_OP_ATTENTION_GRAD:
    case NYX_OP_SWIGLU_GRAD:
    case NYX_OP_GELU_GRAD:
        return true;
    default:
        return false;
    }
}

/* Do gates and attention of the forward graph read it? What goes around them, sums
 * and norms, stays real where no gradient needs it. */
static bool reads_gates(enum nyx_op op)
{
    return op == NYX_OP_ATTENTION || op == NYX_OP_SWIGLU || op == NYX_OP_GELU;
}

/* Which input of a gate's or attention's gradient is the gradient of its result: as
 * a product's, it is rounded; -1: of none. */
static int slope_of(enum nyx_op op)
{
    return op == NYX_OP_ATTENTION_GRAD ? 3 : op == NYX_OP_SWIGLU_GRAD || op == NYX_OP_GELU_GRAD ? 1 : -1;
}

static bool can_be_kept(const narrowing *p, nyx_value v)
{
    const int       made = nyx_value_node(p->g, v);
    const nyx_node *node = nyx_graph_node(p->g, made);

    return made < p->forward && node->op != NYX_OP_VARIABLE && node->outputs[0] == v && !p->scored[v] &&
           nyx_value_dtype(p->g, v) == nyx_graph_real(p->g) && nyx_value_shape(p->g, v)->rank > 1;
}

static void find_kept(narrowing *p)
{
    for (int n = 0; n < p->nodes; n++) {
        const nyx_node *node = nyx_graph_node(p->g, n);
        bool            scored = node->op == NYX_OP_CROSS_ENTROPY || node->op == NYX_OP_BCE;

        for (int i = 0; i < node->input_count; i++)
            scored = scored || (node->inputs[i] && p->scored[node->inputs[i]]);
        for (int i = 0; i < node->output_count; i++)
            p->scored[node->outputs[i]] = scored;
        if (nyx_op_table(node->op)->alias && node->input_count)
            p->source[node->outputs[0]] = node->inputs[0];
        for (int i = 0; i < node->input_count; i++) {
            const nyx_value root = node->inputs[i] ? root_of(p, node->inputs[i]) : 0;

            if (root && can_be_kept(p, root) &&
                (nyx_pass_is_backward(node) ? reads_activations(node->op) : reads_gates(node->op)))
                p->kept[root] = true;
        }
    }
}

/* ---- casts ---------------------------------------------------------------------------- */

static int place(narrowing *p, int node)
{
    int status = nyx_array_grow(&p->order, &p->order_room, p->placed, (int64_t)sizeof *p->order, p->nodes);

    if (status == 0)
        p->order[p->placed++] = node;
    return status;
}

static void enter(narrowing *p, bool backward)
{
    if (backward)
        nyx_graph_push(p->g, "gradient");
    nyx_graph_push(p->g, "precision");
}

static nyx_value cast_to(narrowing *p, nyx_value v, enum nyx_dtype dtype, bool backward)
{
    nyx_value out;

    enter(p, backward);
    out = nyx_graph_cast(p->g, v, dtype);
    nyx_graph_pop(p->g);
    if (backward)
        nyx_graph_pop(p->g);
    return out;
}

/* The same view of another value. */
static nyx_value view_of(narrowing *p, nyx_value v, nyx_value of, bool backward)
{
    return of ? nyx_graph_clone(p->g, nyx_value_node(p->g, v), &of, backward ? "gradient" : "precision") : 0;
}

/* v in 16 bits. */
static nyx_value half_of(narrowing *p, nyx_value v, bool backward)
{
    nyx_value *half = &p->half[backward && nyx_graph_node(p->g, nyx_value_node(p->g, v))->op == NYX_OP_VARIABLE][v];

    if (p->source[v])
        return view_of(p, v, half_of(p, p->source[v], backward), backward);
    if (!*half)
        *half = cast_to(p, v, p->dtype, backward);
    return *half;
}

/* What was kept of v, real again, for one node of the backward graph. */
static nyx_value restored(narrowing *p, nyx_value v)
{
    if (p->source[v])
        return view_of(p, v, restored(p, p->source[v]), true);
    return cast_to(p, p->half[0][v], nyx_graph_real(p->g), true);
}

/* Let node n read its inputs as the pass wants them. */
static void rewrite_inputs(narrowing *p, int n)
{
    const nyx_node *node = nyx_graph_node(p->g, n);
    const bool      backward = nyx_pass_is_backward(node), product = node->op == NYX_OP_MATMUL;

    for (int i = 0; i < node->input_count; i++) {
        const nyx_value v = node->inputs[i], root = v ? root_of(p, v) : 0;
        nyx_value       now = 0;

        if (product && i < 2)
            now = half_of(p, v, backward);
        else if (backward && i == slope_of(node->op))
            now = cast_to(p, half_of(p, v, true), nyx_graph_real(p->g), true);
        else if (root && p->kept[root] && backward)
            now = restored(p, v);
        else if (root && p->kept[root] && v == root)
            now = p->rounded[v];
        if (now)
            nyx_graph_input_set(p->g, n, i, now);
    }
}

static int rewrite(narrowing *p)
{
    int appended = p->nodes, status = 0;

    for (int n = 0; n < p->nodes && status == 0; n++) {
        const nyx_value y = nyx_graph_node(p->g, n)->outputs[0];

        rewrite_inputs(p, n);
        for (; appended < nyx_graph_node_count(p->g) && status == 0; appended++)
            status = place(p, appended);
        if (status == 0)
            status = place(p, n);
        if (nyx_graph_node(p->g, n)->output_count && p->kept[y]) {
            p->half[0][y] = cast_to(p, y, p->dtype, false);
            p->rounded[y] = cast_to(p, p->half[0][y], nyx_graph_real(p->g), false);
        }
        for (; appended < nyx_graph_node_count(p->g) && status == 0; appended++)
            status = place(p, appended);
    }
    return status < 0 ? status : nyx_graph_reorder(p->g, p->order);
}

int nyx_pass_precision(nyx_graph *g, enum nyx_dtype dtype)
{
    narrowing p = { .dtype = dtype };
    int       status = nyx_graph_prune(g);

    if (status < 0 || (status = narrowing_init(&p, g)) < 0)
        goto done;
    find_kept(&p);
    if ((status = rewrite(&p)) == 0)
        status = nyx_graph_check(g);
done:
    narrowing_release(&p);
    return status;
}
