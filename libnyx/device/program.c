/* program -- a graph compiled to a list of kernel calls that is replayed. */
#include "device/internal.h"

#include <string.h>

/* An operand that lies in a per-micro variable moves with the micro-batch. */
typedef struct {
    void  **data;
    char   *base;
    int64_t stride;
} micro_operand;

struct nyx_program {
    nyx_store         *store;
    nyx_graph         *graph;
    nyx_plan           plan;
    nyx_call          *calls;
    const nyx_kernel **kernels;
    int                call_count;
    micro_operand     *micros;
    int                micro_count;
    int                bound_micro; /* -1: not bound yet */
    bool               trace;
    int64_t            time_ns[NYX_OP_COUNT];
};

static nyx_operand operand_of(const nyx_graph *g, nyx_value v)
{
    return (nyx_operand){ NULL, nyx_value_dtype(g, v), nyx_value_shape(g, v), nyx_value_elems(g, v) };
}

/* Types, shapes and kernels; memory comes at the first run. */
static void build_call(nyx_program *p, const nyx_node *node)
{
    nyx_call         *call = &p->calls[p->call_count];
    const nyx_kernel *kernel = nyx_device__kernel(p->store->device, p->graph, node);
    const int         parts = nyx_pool_parts(p->store->device->pool);
    int64_t           workspace = 0;

    call->node = node;
    call->pool = p->store->device->pool;
    for (int i = 0; i < node->input_count; i++)
        if (node->inputs[i])
            call->in[i] = operand_of(p->graph, node->inputs[i]);
    for (int i = 0; i < node->output_count; i++)
        call->out[i] = operand_of(p->graph, node->outputs[i]);
    if (node->op == NYX_OP_ASSIGN)
        call->out[0] = call->in[0];
    if (kernel->workspace)
        workspace = kernel->workspace(p->graph, node, parts);
    if (workspace > p->store->memory.workspace)
        p->store->memory.workspace = workspace;
    p->kernels[p->call_count++] = kernel;
}

int nyx_program_compile(nyx_program **out, nyx_store *store, nyx_graph *g)
{
    nyx_program *p = NULL;
    int64_t      nodes;
    int          status;

    *out = NULL;
    if ((status = nyx_graph_prune(g)) < 0 || (status = nyx_store_declare(store, g)) < 0 ||
        (status = nyx_alloc(&p, sizeof *p)) < 0)
        return status;
    p->store = store;
    p->graph = g;
    p->bound_micro = -1;
    nodes = nyx_graph_node_count(g);
    if ((status = nyx_pass_plan(&p->plan, g)) < 0 ||
        (status = nyx_alloc(&p->calls, nodes * (int64_t)sizeof *p->calls)) < 0 ||
        (status = nyx_alloc(&p->kernels, nodes * (int64_t)sizeof *p->kernels)) < 0 ||
        (status = nyx_alloc(&p->micros, nodes * (NYX_MAX_INPUTS + NYX_MAX_OUTPUTS) * (int64_t)sizeof *p->micros)) < 0) {
        nyx_program_free(p);
        return status;
    }
    for (int n = 0; n < nodes; n++) {
        const nyx_node *node = nyx_graph_node(g, n);

        if (!nyx_op_table(node->op)->alias && !p->plan.elided[n])
            build_call(p, node);
    }
    if (p->plan.arena_bytes > store->memory.arena)
        store->memory.arena = p->plan.arena_bytes;
    *out = p;
    return 0;
}

void nyx_program_free(nyx_program *p)
{
    if (!p)
        return;
    nyx_plan_release(&p->plan);
    nyx_free(p->calls);
    nyx_free(p->kernels);
    nyx_free(p->micros);
    nyx_free(p);
}

/* Memory of a variable of the graph, remembering operands that move. */
static void bind_variable(nyx_program *p, void **data, int variable)
{
    const nyx_variable     *v = nyx_graph_variable_at(p->graph, variable);
    const nyx_device__slot *slot = &p->store->slots[nyx_store_find(p->store, v->name)];

    *data = slot->data;
    if (v->per_micro)
        p->micros[p->micro_count++] = (micro_operand){ data, slot->data, nyx_variable_bytes(v) };
}

static void bind_value(nyx_program *p, void **data, nyx_value value)
{
    const nyx_location *at = &p->plan.values[value];

    if (at->place == NYX_PLACE_VARIABLE)
        bind_variable(p, data, at->variable);
    else if (at->place == NYX_PLACE_ARENA)
        *data = p->store->arena + at->offset;
}

static void bind_memory(nyx_program *p)
{
    NYX_BUG_IF(!p->store->allocated);
    for (int c = 0; c < p->call_count; c++) {
        nyx_call       *call = &p->calls[c];
        const nyx_node *node = call->node;

        call->workspace = p->store->workspace;
        for (int i = 0; i < node->input_count; i++)
            if (node->inputs[i])
                bind_value(p, &call->in[i].data, node->inputs[i]);
        for (int i = 0; i < node->output_count; i++)
            bind_value(p, &call->out[i].data, node->outputs[i]);
        if (node->op == NYX_OP_ASSIGN)
            bind_variable(p, &call->out[0].data, node->writes[0]);
    }
    p->bound_micro = 0;
}

static void program_body(void *context, int part, int parts)
{
    nyx_program *p = context;
    int64_t      start = p->trace ? nyx_clock_ns() : 0;

    for (int c = 0; c < p->call_count; c++) {
        p->kernels[c]->run(&p->calls[c], part, parts);
        if (parts > 1)
            nyx_pool_barrier(p->calls[c].pool);
        if (p->trace && part == 0) {
            const int64_t now = nyx_clock_ns();

            p->time_ns[p->calls[c].node->op] += now - start;
            start = now;
        }
    }
}

void nyx_program_run(nyx_program *p, const nyx_run *run)
{
    NYX_BUG_IF(run->micro < 0 || run->micro >= p->store->micro_batches);
    if (p->bound_micro < 0)
        bind_memory(p);
    for (int i = 0; i < p->micro_count && p->bound_micro != run->micro; i++)
        *p->micros[i].data = p->micros[i].base + run->micro * p->micros[i].stride;
    p->bound_micro = run->micro;
    for (int c = 0; c < p->call_count; c++) {
        p->calls[c].run = *run;
        p->calls[c].random_step = run->step * (uint32_t)p->store->micro_batches + (uint32_t)run->micro;
    }
    nyx_pool_run(p->store->device->pool, program_body, p);
}

void nyx_program_digest(const nyx_program *p, char hex[NYX_SHA256_HEX])
{
    nyx_sha256 hash;
    char      *text;

    nyx_sha256_init(&hash);
    nyx_sha256_update(&hash, p->store->device->name, (int64_t)strlen(p->store->device->name));
    NYX_BUG_IF(nyx_graph_dump(&text, p->graph) < 0);
    nyx_sha256_update(&hash, text, (int64_t)strlen(text));
    nyx_free(text);
    for (int c = 0; c < p->call_count; c++)
        nyx_sha256_update(&hash, p->kernels[c]->variant, (int64_t)strlen(p->kernels[c]->variant) + 1);
    nyx_sha256_final(&hash, hex);
}

void nyx_program_trace(nyx_program *p, bool on)
{
    p->trace = on;
    memset(p->time_ns, 0, sizeof p->time_ns);
}

int64_t nyx_program_time_ns(const nyx_program *p, enum nyx_op op)
{
    return p->time_ns[op];
}
