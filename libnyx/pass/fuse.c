/* fuse -- casts become part of the operations around them.
 *
 *     y = swiglu x            half = swiglu x
 *     half = cast y           z = matmul half w
 *     z = matmul half w       g = rmsnorm_grad half ..
 *     again = cast half
 *     g = rmsnorm_grad again ..
 *
 * A result that is read only by its cast to 16 bits is written in them, and who
 * reads a value of 16 bits made real again reads it as it is, where the device
 * has such kernels. They compute as before, in real numbers, and round once, so
 * no bit changes where the device's kernels are of one kind (attention by matrix
 * units is not). Views (reshape, stop) of a value made real become views of it. */
#include "pass/pass.h"

#include "graph/rewrite.h"

typedef struct {
    nyx_graph     *g;
    enum nyx_dtype half;    /* the type of 16 bits in the graph; f32: none */
    uint32_t      *taken;   /* by node: operands that the device takes in 16 bits */
    int           *readers; /* by value */
    int           *willing; /* by value: readers that take it in 16 bits */
    int           *casts;   /* by real value: readers that are casts to 16 bits */
    nyx_value     *instead; /* by value: what its readers read; 0: itself */
} fusion;

static int fusion_init(fusion *f, nyx_graph *g)
{
    const int64_t nodes = nyx_graph_node_count(g) + 1, values = nyx_graph_value_count(g);
    int           status;

    f->g = g;
    if ((status = nyx_alloc(&f->taken, nodes * (int64_t)sizeof *f->taken)) < 0 ||
        (status = nyx_alloc(&f->readers, values * (int64_t)sizeof *f->readers)) < 0 ||
        (status = nyx_alloc(&f->willing, values * (int64_t)sizeof *f->willing)) < 0 ||
        (status = nyx_alloc(&f->casts, values * (int64_t)sizeof *f->casts)) < 0)
        return status;
    return nyx_alloc(&f->instead, values * (int64_t)sizeof *f->instead);
}

static void fusion_release(fusion *f)
{
    void *const parts[] = { f->taken, f->readers, f->willing, f->casts, f->instead };

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        nyx_free(parts[i]);
}

static bool is_half(const fusion *f, nyx_value v)
{
    return nyx_dtype_is_half(nyx_value_dtype(f->g, v));
}

static bool is_real(const fusion *f, nyx_value v)
{
    return nyx_value_dtype(f->g, v) == nyx_graph_real(f->g);
}

static bool is_view(const nyx_node *node)
{
    return node->op == NYX_OP_RESHAPE || node->op == NYX_OP_STOP;
}

/* The only type of 16 bits among the results of a graph; f32: there is none, or both. */
static enum nyx_dtype half_of(const nyx_graph *g)
{
    enum nyx_dtype half = NYX_F32;

    for (int n = 0; n < nyx_graph_node_count(g); n++)
        for (int i = 0; i < nyx_graph_node(g, n)->output_count; i++) {
            const enum nyx_dtype dtype = nyx_value_dtype(g, nyx_graph_node(g, n)->outputs[i]);

            if (nyx_dtype_is_half(dtype) && half != NYX_F32 && dtype != half)
                return NYX_F32;
            half = nyx_dtype_is_half(dtype) ? dtype : half;
        }
    return half;
}

/* ---- who reads what ------------------------------------------------------------- */

/* Would node n read its input i in 16 bits? A view would when all its readers
 * would; they come behind it. */
static bool would_read(const fusion *f, int n, int i)
{
    const nyx_node *node = nyx_graph_node(f->g, n);

    if (is_view(node))
        return f->readers[node->outputs[0]] > 0 && f->willing[node->outputs[0]] == f->readers[node->outputs[0]];
    return f->taken[n] >> i & 1;
}

static void count_readers(fusion *f, nyx_halves halves, const void *context)
{
    for (int n = nyx_graph_node_count(f->g) - 1; n >= 0; n--) {
        const nyx_node   *node = nyx_graph_node(f->g, n);
        const nyx_op_row *row = nyx_op_table(node->op);

        if (row->half_inputs || row->half_outputs)
            f->taken[n] = halves(context, f->g, node) &
                          (row->half_inputs | (uint32_t)row->half_outputs << NYX_MAX_INPUTS);
        for (int i = 0; i < node->input_count; i++) {
            const nyx_value v = node->inputs[i];

            if (!v)
                continue;
            f->readers[v]++;
            f->willing[v] += would_read(f, n, i);
            f->casts[v] += node->op == NYX_OP_CAST && is_real(f, v) && is_half(f, node->outputs[0]);
        }
    }
}

/* The result of 16 bits that v was made of; 0: v is no such cast. A variable is
 * none: it may be written before v is read. */
static nyx_value half_behind(const fusion *f, nyx_value v)
{
    const nyx_node *node = nyx_graph_node(f->g, nyx_value_node(f->g, v));
    const nyx_value half = node->op == NYX_OP_CAST && is_real(f, v) && is_half(f, node->inputs[0]) ? node->inputs[0]
                                                                                                   : 0;

    node = half ? nyx_graph_node(f->g, nyx_value_node(f->g, half)) : node;
    while (is_view(node))
        node = nyx_graph_node(f->g, nyx_value_node(f->g, node->inputs[0]));
    return node->op == NYX_OP_VARIABLE ? 0 : half;
}

/* ---- the pass -------------------------------------------------------------------- */

static void fuse_inputs(fusion *f, int n)
{
    const nyx_node *node = nyx_graph_node(f->g, n);

    for (int i = 0; i < node->input_count; i++) {
        const nyx_value v = node->inputs[i], now = f->instead[v] ? f->instead[v] : v;
        const nyx_value half = now && would_read(f, n, i) ? half_behind(f, now) : 0;

        if (now != v || half)
            nyx_graph_input_set(f->g, n, i, half ? half : now);
    }
    if (is_view(node) && is_half(f, node->inputs[0]) && is_real(f, node->outputs[0]))
        nyx_graph_halve(f->g, node->outputs[0], f->half);
}

/* Results that nobody reads but casts are made as these would make them; a cast
 * of such a result is nothing more. */
static void fuse_outputs(fusion *f, int n)
{
    const nyx_node *node = nyx_graph_node(f->g, n);

    if (node->op == NYX_OP_CAST && is_half(f, node->outputs[0]) && f->casts[node->inputs[0]] > 0 &&
        is_half(f, node->inputs[0]))
        f->instead[node->outputs[0]] = node->inputs[0];
    for (int i = 0; i < node->output_count; i++) {
        const nyx_value y = node->outputs[i];

        if (f->taken[n] >> (NYX_MAX_INPUTS + i) & 1 && f->casts[y] > 0 && f->casts[y] == f->readers[y])
            nyx_graph_halve(f->g, y, f->half);
    }
}

int nyx_pass_fuse(nyx_graph *g, nyx_halves halves, const void *context)
{
    fusion f = { .half = half_of(g) };
    int    status;

    if (f.half == NYX_F32)
        return 0;
    if ((status = fusion_init(&f, g)) < 0)
        goto done;
    count_readers(&f, halves, context);
    for (int n = 0; n < nyx_graph_node_count(g); n++) {
        fuse_inputs(&f, n);
        fuse_outputs(&f, n);
    }
    status = nyx_graph_prune(g);
done:
    fusion_release(&f);
    return status;
}
