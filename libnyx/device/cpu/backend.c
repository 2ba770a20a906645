/* backend -- the CPU as a device: blocks of host memory, a program as a list
 * of kernel calls. */
#include "device/internal.h"

#include <string.h>

/* ---- store ---------------------------------------------------------------------- */

typedef struct {
    char *blocks[NYX_ROLE_COUNT];
    char *arena, *workspace;
} memory;

static void release(nyx_store *store)
{
    memory *m = store->own;

    if (!m)
        return;
    for (int i = 0; i < NYX_ROLE_COUNT; i++)
        nyx_free(m->blocks[i]);
    nyx_free(m->arena);
    nyx_free(m->workspace);
    nyx_free(m);
}

static int allocate(nyx_store *store)
{
    memory *m;
    int     status = nyx_alloc(&m, sizeof *m);

    if (status < 0)
        return status;
    store->own = m;
    for (int role = 0; role < NYX_ROLE_COUNT; role++)
        if ((status = nyx_alloc(&m->blocks[role], store->role_bytes[role])) < 0)
            return nyx_error_wrap(status, "cannot hold %lld bytes of variables; a smaller batch needs less",
                                  (long long)store->memory.variables);
    if ((status = nyx_alloc(&m->arena, store->memory.arena)) < 0 ||
        (status = nyx_alloc(&m->workspace, store->memory.workspace)) < 0)
        return nyx_error_wrap(status, "cannot hold %lld bytes of activations; a smaller batch needs less",
                              (long long)store->memory.arena + store->memory.workspace);
    return 0;
}

static void *copy_at(const nyx_store *store, const nyx_device__slot *slot, int copy)
{
    const memory *m = store->own;

    return m->blocks[slot->variable.role] + nyx_device__copy_offset(slot, copy);
}

static void write_copy(nyx_store *store, const nyx_device__slot *slot, int copy, const void *data)
{
    memcpy(copy_at(store, slot, copy), data, (size_t)nyx_device__copy_bytes(slot));
}

static void read_copies(nyx_store *store, const nyx_device__piece *pieces, int count)
{
    for (int i = 0; i < count; i++)
        memcpy(pieces[i].data, copy_at(store, pieces[i].slot, pieces[i].copy), (size_t)nyx_device__copy_bytes(pieces[i].slot));
}

/* ---- programs --------------------------------------------------------------------- */

/* An operand that lies in a per-micro variable moves with the micro-batch. */
typedef struct {
    void  **data;
    char   *base;
    int64_t stride;
} micro_operand;

typedef struct {
    nyx_call          *calls;
    const nyx_kernel **kernels;
    int                call_count;
    micro_operand     *micros;
    int                micro_count;
    int                bound_micro; /* -1: not bound yet */
} calls;

/* Types, shapes and kernels; memory comes at the first run. */
static void build_call(nyx_program *p, const nyx_node *node)
{
    calls   *own = p->own;
    int64_t  workspace;

    own->kernels[own->call_count] = nyx_device__call(&own->calls[own->call_count], &workspace, p->store->device, p->graph,
                                                     node);
    own->call_count++;
    if (workspace > p->store->memory.workspace)
        p->store->memory.workspace = workspace;
}

static int compile(nyx_program *p)
{
    const int64_t nodes = nyx_graph_node_count(p->graph);
    calls        *own;
    int           status = nyx_alloc(&own, sizeof *own);

    if (status < 0)
        return status;
    p->own = own;
    own->bound_micro = -1;
    if ((status = nyx_alloc(&own->calls, nodes * (int64_t)sizeof *own->calls)) < 0 ||
        (status = nyx_alloc(&own->kernels, nodes * (int64_t)sizeof *own->kernels)) < 0 ||
        (status = nyx_alloc(&own->micros, nodes * (NYX_MAX_INPUTS + NYX_MAX_OUTPUTS) * (int64_t)sizeof *own->micros)) < 0)
        return status;
    for (int n = 0; n < nodes; n++) {
        const nyx_node *node = nyx_graph_node(p->graph, n);

        if (!nyx_op_table(node->op)->alias && !p->plan.elided[n])
            build_call(p, node);
    }
    return 0;
}

static void discard(nyx_program *p)
{
    calls *own = p->own;

    if (!own)
        return;
    nyx_free(own->calls);
    nyx_free(own->kernels);
    nyx_free(own->micros);
    nyx_free(own);
}

/* Memory of a variable of the graph, remembering operands that move. */
static void bind_variable(nyx_program *p, void **data, int variable)
{
    calls                  *own = p->own;
    const nyx_variable     *v = nyx_graph_variable_at(p->graph, variable);
    int                     copy;
    const nyx_device__slot *slot = nyx_device__slot_of(p->store, v, &copy);
    char                   *at = copy_at(p->store, slot, copy);

    *data = at;
    if (v->per_micro && slot->copies > 1)
        own->micros[own->micro_count++] = (micro_operand){ data, at, slot->stride };
}

static void bind_value(nyx_program *p, void **data, nyx_value value)
{
    const nyx_location *at = &p->plan.values[value];
    const memory       *m = p->store->own;

    if (at->place == NYX_PLACE_VARIABLE)
        bind_variable(p, data, at->variable);
    else if (at->place == NYX_PLACE_ARENA)
        *data = m->arena + at->offset;
}

static void bind_memory(nyx_program *p)
{
    const memory *m = p->store->own;
    calls        *own = p->own;

    for (int c = 0; c < own->call_count; c++) {
        nyx_call       *call = &own->calls[c];
        const nyx_node *node = call->node;

        call->workspace = m->workspace;
        for (int i = 0; i < node->input_count; i++)
            if (node->inputs[i])
                bind_value(p, &call->in[i].data, node->inputs[i]);
        for (int i = 0; i < node->output_count; i++)
            bind_value(p, &call->out[i].data, node->outputs[i]);
        if (node->op == NYX_OP_ASSIGN)
            bind_variable(p, &call->out[0].data, node->writes[0]);
    }
    own->bound_micro = 0;
}

static void program_body(void *context, int part, int parts)
{
    nyx_program *p = context;
    calls       *own = p->own;
    const int64_t begin = p->trace ? nyx_clock_ns() : 0;
    int64_t      start = begin;

    for (int c = 0; c < own->call_count; c++) {
        own->kernels[c]->run(&own->calls[c], part, parts);
        if (parts > 1)
            nyx_pool_barrier(own->calls[c].pool);
        if (p->trace && part == 0) {
            const int64_t now = nyx_clock_ns();

            nyx_device__event(p, &(nyx_event){ own->calls[c].node, start - begin, now - start, false });
            start = now;
        }
    }
}

static void run_calls(nyx_program *p, const nyx_run *run)
{
    calls *own = p->own;

    if (own->bound_micro < 0)
        bind_memory(p);
    for (int i = 0; i < own->micro_count && own->bound_micro != run->micro; i++)
        *own->micros[i].data = own->micros[i].base + run->micro * own->micros[i].stride;
    own->bound_micro = run->micro;
    for (int c = 0; c < own->call_count; c++) {
        own->calls[c].run = *run;
        own->calls[c].random_step = nyx_device__random_step(p->store, run);
    }
    nyx_pool_run(p->store->device->pool, program_body, p);
}

static void digest(const nyx_program *p, nyx_sha256 *hash)
{
    const calls *own = p->own;

    for (int c = 0; c < own->call_count; c++)
        nyx_sha256_update(hash, own->kernels[c]->variant, (int64_t)strlen(own->kernels[c]->variant) + 1);
}

const nyx_device__backend nyx_device__cpu = {
    .allocate = allocate, .release = release, .at = copy_at, .write = write_copy, .read = read_copies,
    .compile = compile, .discard = discard, .run = run_calls, .digest = digest,
    .alignment = 64,
};
