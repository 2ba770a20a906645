/* attention -- fused attention and its gradient through the device. */
#include "bench/internal.h"

static int fill(nyx_store *store)
{
    for (int i = 0; i < nyx_store_count(store); i++) {
        const nyx_variable *v = nyx_store_variable(store, i);
        const int64_t       elems = nyx_shape_count(&v->shape);
        float              *values;
        nyx_random          random;
        int                 status;

        if (v->role != NYX_ROLE_INPUT)
            continue;
        if ((status = nyx_alloc(&values, elems * (int64_t)sizeof *values)) < 0)
            return status;
        nyx_random_init(&random, 1, (uint64_t)i);
        for (int64_t k = 0; k < elems; k++)
            values[k] = (float)(nyx_random_u32(&random) >> 8) * 0x1p-23f - 1.0f;
        status = nyx_bench__write(store, v->name, v->dtype, values, elems);
        nyx_free(values);
        if (status < 0)
            return status;
    }
    return 0;
}

/* sum(w attention(x)) and its gradient of x. In 16 bits as training does it: what
 * is multiplied and kept has them, sums have not. */
static int build(nyx_graph *g, enum nyx_dtype type, nyx_bench_heads h, bool causal)
{
    const nyx_shape in = nyx_shape_of(3, h.batch, h.positions, 3 * h.heads * h.width);
    const nyx_shape out = nyx_shape_of(3, h.batch, h.positions, h.heads * h.width);
    const bool      half = type != NYX_F32;
    const nyx_value stored = nyx_graph_variable(g, "x", type, in, NYX_ROLE_INPUT);
    const nyx_value w = nyx_graph_variable(g, "w", NYX_F32, out, NYX_ROLE_INPUT);
    const nyx_value x = half ? nyx_graph_cast(g, stored, NYX_F32) : stored;
    nyx_value       y = nyx_graph_attention(g, x, h.heads, h.heads, causal), dx;
    int             status;

    y = nyx_graph_mul(g, w, y);
    y = nyx_graph_reduce(g, NYX_SUM, y, 3, false);
    if ((status = nyx_graph_check(g)) < 0 || (status = nyx_pass_gradient(g, y, 1, &x, &dx)) < 0)
        return status;
    if (half)
        dx = nyx_graph_cast(g, dx, type);
    nyx_graph_assign(g, "dx", NYX_ROLE_OUTPUT, dx);
    nyx_graph_assign(g, "y", NYX_ROLE_OUTPUT, y);
    if ((status = nyx_graph_check(g)) < 0)
        return status;
    return half ? nyx_pass_precision(g, type) : 0;
}

struct asked {
    nyx_bench      *bench;
    nyx_bench_heads heads;
    bool            causal;
    enum nyx_op     op; /* that is timed */
};

static int prepare(nyx_bench__product *p, void *context)
{
    const struct asked *asked = context;
    nyx_bench          *bench = asked->bench;
    int                 status;

    *p = (nyx_bench__product){ .op = asked->op };
    if ((status = nyx_graph_create(&p->graph, NYX_F32)) < 0 ||
        (status = build(p->graph, bench->options.type, asked->heads, asked->causal)) < 0 ||
        (status = nyx_store_create(&p->store, bench->device, 1)) < 0 ||
        (status = nyx_program_compile(&p->program, p->store, p->graph)) < 0 ||
        (status = nyx_store_allocate(p->store)) < 0)
        return status;
    return fill(p->store);
}

/* The operation alone, of the program that has both. */
static int measure_op(nyx_bench *bench, nyx_bench__product *p, enum nyx_op op, nyx_bench_figure figure)
{
    for (int n = 0; n < nyx_graph_node_count(p->graph); n++) {
        const nyx_node *node = nyx_graph_node(p->graph, n);
        const nyx_cost  cost = nyx_node_cost(p->graph, node);

        figure.flops += node->op == op ? cost.flops : 0.0;
        figure.bytes += node->op == op ? cost.bytes : 0.0;
    }
    nyx_bench__limit(bench, &figure, bench->options.type);
    return nyx_bench__product_measure(bench, &figure, p);
}

static int measure(nyx_bench *bench, nyx_bench_heads h, bool causal)
{
    static const struct {
        enum nyx_op op;
        const char *name;
    } ways[] = { { NYX_OP_ATTENTION, "forward" }, { NYX_OP_ATTENTION_GRAD, "backward" } };
    int status = 0;

    for (int way = 0; way < 2 && status == 0; way++) {
        struct asked       asked = { bench, h, causal, ways[way].op };
        nyx_bench_figure   figure = { .op = "attention" };
        nyx_bench__product p = { 0 };

        snprintf(figure.what, sizeof figure.what, "%s %s%s %lldx%lldx%lldx%lld", ways[way].name,
                 nyx_dtype_name(bench->options.type), causal ? " causal" : "", (long long)h.batch, (long long)h.heads,
                 (long long)h.positions, (long long)h.width);
        if (bench->options.tune)
            status = nyx_bench__tune(bench, figure.op, figure.what, prepare, &asked);
        if (status == 0 && (status = prepare(&p, &asked)) == 0)
            status = measure_op(bench, &p, asked.op, figure);
        nyx_bench__product_release(&p);
    }
    return status;
}

int nyx_bench__attention(nyx_bench *bench)
{
    static const nyx_bench_heads usual = { 4, 8, 1024, 64 };
    const int                    count = bench->options.heads_count;
    int                          status = 0;

    for (int i = 0; i < (count ? count : 1) && status == 0; i++)
        for (int causal = 0; causal < 2 && status == 0; causal++)
            status = measure(bench, count ? bench->options.heads[i] : usual, causal != 0);
    return status;
}
