/* program -- a Vulkan GPU as a device: stores, and programs as recorded work. */
#include "device/vulkan/program.h"

#include <string.h>

/* ---- store ---------------------------------------------------------------------- */

/* A loss and its like are written where the host reads them without a copy. */
enum { SMALL = 64 << 10 };

static void release(nyx_store *store)
{
    nyx_vulkan__gpu   *gpu = nyx_vulkan__gpu_of(store->device);
    nyx_vulkan__store *memory = store->own;

    if (!memory)
        return;
    nyx_vulkan__finish(gpu);
    for (int i = 0; i < NYX_ROLE_COUNT; i++)
        nyx_vulkan__block_release(gpu, &memory->roles[i]);
    nyx_vulkan__block_release(gpu, &memory->arena);
    nyx_vulkan__block_release(gpu, &memory->workspace);
    nyx_free(memory->host);
    nyx_free(memory);
}

static int allocate(nyx_store *store)
{
    nyx_vulkan__gpu   *gpu = nyx_vulkan__gpu_of(store->device);
    nyx_vulkan__store *memory;
    int                status = nyx_alloc(&memory, sizeof *memory);

    if (status < 0)
        return status;
    store->own = memory;
    if ((status = nyx_alloc(&memory->host, store->memory.host)) < 0)
        return nyx_error_wrap(status, "cannot hold %lld bytes of what the processor does; a smaller batch needs less",
                              (long long)store->memory.host);
    for (int i = 0; i < NYX_ROLE_COUNT; i++) {
        const bool small = i == NYX_ROLE_OUTPUT && store->role_bytes[i] <= SMALL;

        if ((status = nyx_vulkan__block_create(gpu, &memory->roles[i], store->role_bytes[i],
                                               small ? NYX_VULKAN_DOWNLOAD : NYX_VULKAN_LOCAL)) < 0)
            return status;
        nyx_vulkan__clear(gpu, &memory->roles[i]);
    }
    if ((status = nyx_vulkan__block_create(gpu, &memory->arena, store->memory.arena, NYX_VULKAN_LOCAL)) < 0)
        return status;
    return nyx_vulkan__block_create(gpu, &memory->workspace, store->memory.workspace, NYX_VULKAN_LOCAL);
}

static void write_copy(nyx_store *store, const nyx_device__slot *slot, int copy, const void *data)
{
    nyx_vulkan__store *memory = store->own;

    nyx_vulkan__write(nyx_vulkan__gpu_of(store->device), &memory->roles[slot->variable.role],
                      nyx_device__copy_offset(slot, copy), data, nyx_device__copy_bytes(slot));
}

static void read_copies(nyx_store *store, const nyx_device__piece *pieces, int count)
{
    const nyx_vulkan__store *memory = store->own;
    nyx_vulkan__wanted       found[NYX_DEVICE__PIECES];

    NYX_BUG_IF(count > NYX_DEVICE__PIECES);
    for (int i = 0; i < count; i++) {
        const nyx_device__slot *slot = pieces[i].slot;

        found[i] = (nyx_vulkan__wanted){ &memory->roles[slot->variable.role], nyx_device__copy_offset(slot, pieces[i].copy),
                                         nyx_device__copy_bytes(slot), pieces[i].data };
    }
    nyx_vulkan__read(nyx_vulkan__gpu_of(store->device), found, count);
}

/* ---- compiling --------------------------------------------------------------------- */

static nyx_vulkan__range range_of_variable(const nyx_program *p, int variable)
{
    const nyx_variable     *v = nyx_graph_variable_at(p->graph, variable);
    int                     copy;
    const nyx_device__slot *slot = nyx_device__slot_of(p->store, v, &copy);

    return (nyx_vulkan__range){ (int)(slot - p->store->slots), copy * slot->stride, nyx_variable_bytes(v) };
}

static nyx_vulkan__range range_of(const nyx_program *p, nyx_value value)
{
    const nyx_location *at = &p->plan.values[value];

    if (!value || at->place == NYX_PLACE_NONE)
        return (nyx_vulkan__range){ 0 };
    if (at->place == NYX_PLACE_VARIABLE)
        return range_of_variable(p, at->variable);
    return (nyx_vulkan__range){ NYX_VULKAN_ARENA, at->offset, nyx_value_bytes(p->graph, value) };
}

/* Its operands of 16 bits, as nyx_halves says it. */
static uint32_t halves_among(const nyx_graph *g, const nyx_node *node)
{
    uint32_t found = 0;

    for (int i = 0; i < node->input_count; i++)
        if (node->inputs[i] && nyx_dtype_is_half(nyx_value_dtype(g, node->inputs[i])))
            found |= 1u << i;
    for (int i = 0; i < node->output_count; i++)
        if (nyx_dtype_is_half(nyx_value_dtype(g, node->outputs[i])))
            found |= 1u << (NYX_MAX_INPUTS + i);
    return found;
}

static const nyx_vulkan__kernel *find_kernel(const nyx_vulkan__gpu *gpu, const nyx_graph *g, const nyx_node *node)
{
    const bool narrow = nyx_op_table(node->op)->narrow; /* then `takes` knows types, too */
    const bool known = !(halves_among(g, node) & ~nyx_vulkan__halves_of(gpu, g, node));

    for (int t = 0; nyx_vulkan__kernels[t]; t++)
        for (const nyx_vulkan__kernel *k = nyx_vulkan__kernels[t]; k->op != NYX_OP_NONE; k++)
            if (k->op == node->op && (k->takes ? (known || narrow) && k->takes(gpu, g, node) : known))
                return k;
    return NULL;
}

static void emit(nyx_vulkan__emit *e)
{
    const nyx_vulkan__kernel *kernel = find_kernel(e->gpu, e->g, e->node);

    if (kernel && !e->gpu->switches.without[e->node->op])
        kernel->emit(e);
    else
        nyx_vulkan__fail(e, NYX_ERR_UNSUPPORTED, "operation '%s' has no kernel for Vulkan; --device=cpu has one",
                         nyx_op_table(e->node->op)->name);
}

/* What was emitted for the node gets its share of the time, and its pipelines. */
static int make_pipelines(nyx_vulkan__emit *e, int64_t first)
{
    nyx_vulkan__program *own = e->program->own;
    const double         count = (double)(own->work_count - first);

    for (int64_t i = first; i < own->work_count && e->status == 0; i++) {
        nyx_vulkan__work *work = &own->work[i];

        if (work->cost.flops + work->cost.bytes <= 0)
            work->cost = (nyx_cost){ e->cost.flops / count, e->cost.bytes / count };
        work->parts = nyx_vulkan__parts_in_time(e->gpu, work);
        if (work->kind == NYX_VULKAN_DISPATCH)
            e->status = nyx_vulkan__pipeline_find(e->gpu, &work->pipeline, work->shader, work->spec, work->spec_count,
                                                  work->parts > 1);
    }
    return e->status;
}

/* A node that has no kernel here, or whose kernel this driver refuses, is the
 * processor's. */
static int compile_node(nyx_program *p, const nyx_node *node)
{
    nyx_vulkan__program *own = p->own;
    const int64_t        first = own->work_count, decisions = own->decision_count, workspace = p->store->memory.workspace;
    nyx_vulkan__emit     e = { .gpu = nyx_vulkan__gpu_of(p->store->device), .program = p, .g = p->graph, .node = node,
                               .cost = nyx_node_cost(p->graph, node), .first = first };

    for (int i = 0; i < node->input_count; i++)
        e.in[i] = range_of(p, node->inputs[i]);
    for (int i = 0; i < node->output_count; i++)
        e.out[i] = range_of(p, node->outputs[i]);
    if (node->op == NYX_OP_ASSIGN)
        e.out[0] = range_of_variable(p, node->writes[0]);
    emit(&e);
    if (make_pipelines(&e, first) == NYX_ERR_UNSUPPORTED && e.gpu->switches.tile == 0) { /* who asks for a tile wants to know */
        own->work_count = first;
        own->decision_count = decisions;
        p->store->memory.workspace = workspace;
        return nyx_vulkan__host_add(&e);
    }
    return e.status;
}

static int compile(nyx_program *p)
{
    const int64_t        recording_bytes = p->store->micro_batches * (int64_t)sizeof(nyx_vulkan__recording);
    nyx_vulkan__gpu     *gpu = nyx_vulkan__gpu_of(p->store->device);
    nyx_vulkan__program *own;
    int                  status = nyx_alloc(&own, sizeof *own);

    if (status < 0)
        return status;
    p->own = own;
    gpu->starved = gpu->starved && gpu->trials > 0;
    if (nyx_graph_real(p->graph) == NYX_F64)
        return nyx_error_set(NYX_ERR_UNSUPPORTED, "Vulkan computes in f32; float64 needs --device=cpu:reference");
    if ((status = nyx_alloc(&own->recordings[0], recording_bytes)) < 0 ||
        (status = nyx_alloc(&own->recordings[1], recording_bytes)) < 0)
        return status;
    for (int n = 0; n < nyx_graph_node_count(p->graph) && status == 0; n++) {
        const nyx_node *node = nyx_graph_node(p->graph, n);

        if (!nyx_op_table(node->op)->alias && !p->plan.elided[n])
            status = compile_node(p, node);
    }
    return status;
}

static void discard(nyx_program *p)
{
    nyx_vulkan__gpu     *gpu = nyx_vulkan__gpu_of(p->store->device);
    nyx_vulkan__program *own = p->own;

    if (!own)
        return;
    nyx_vulkan__finish(gpu);
    for (int t = 0; t < 2; t++) {
        for (int m = 0; own->recordings[t] && m < p->store->micro_batches; m++)
            nyx_vulkan__recording_release(gpu, &own->recordings[t][m]);
        nyx_free(own->recordings[t]);
    }
    nyx_vulkan__block_release(gpu, &own->constant_block);
    nyx_free(own->constants);
    nyx_free(own->hosts);
    nyx_free(own->decisions);
    nyx_free(own->work);
    nyx_free(own);
}

/* ---- running ------------------------------------------------------------------------- */

static int upload_constants(nyx_vulkan__gpu *gpu, nyx_vulkan__program *own)
{
    int status;

    if (!own->constants || own->constant_block.buffer)
        return 0;
    if ((status = nyx_vulkan__block_create(gpu, &own->constant_block, own->constant_bytes, NYX_VULKAN_LOCAL)) < 0)
        return status;
    nyx_vulkan__write(gpu, &own->constant_block, 0, own->constants, own->constant_bytes);
    return 0;
}

static void write_parameters(nyx_vulkan__gpu *gpu, const nyx_program *p, const nyx_run *run)
{
    const uint32_t words[4] = { (uint32_t)run->seed, (uint32_t)(run->seed >> 32), nyx_device__random_step(p->store, run), 0 };
    VkCommandBuffer commands = nyx_vulkan__copies(gpu);

    if (commands)
        gpu->vk.CmdUpdateBuffer(commands, gpu->parameters.buffer, 0, sizeof words, words);
}

/* Time between the ends of two pieces of work belongs to the second. */
static void collect_times(nyx_vulkan__gpu *gpu, nyx_program *p, const nyx_vulkan__recording *recording)
{
    const nyx_vulkan__program *own = p->own;
    uint64_t                  *ticks;

    nyx_vulkan__finish(gpu);
    if (gpu->device->status < 0 || nyx_alloc(&ticks, (own->work_count + 1) * (int64_t)sizeof *ticks) < 0)
        return;
    if (gpu->vk.GetQueryPoolResults(gpu->handle, recording->queries, 0, (uint32_t)own->work_count + 1,
                                    (size_t)(own->work_count + 1) * sizeof *ticks, ticks, sizeof *ticks,
                                    VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT) == VK_SUCCESS)
        for (int64_t i = 0; i < own->work_count; i++)
            nyx_device__event(p, &(nyx_event){ own->work[i].node, (int64_t)((double)(ticks[i] - ticks[0]) * (double)gpu->tick_ns),
                                               (int64_t)((double)(ticks[i + 1] - ticks[i]) * (double)gpu->tick_ns),
                                               own->work[i].kind == NYX_VULKAN_HOST });
    nyx_free(ticks);
}

/* What was recorded, with the processor's turns between. */
static void run_recording(nyx_program *p, const nyx_vulkan__recording *recording, const nyx_run *run)
{
    nyx_vulkan__gpu *gpu = nyx_vulkan__gpu_of(p->store->device);
    int64_t          done = 0;

    for (int64_t c = 0; c <= recording->cut_count; c++) {
        const int64_t end = c < recording->cut_count ? recording->cuts[c].behind : recording->count;

        if (end > done)
            nyx_vulkan__submit(gpu, recording->buffers + done, (int)(end - done));
        done = end;
        if (c < recording->cut_count)
            nyx_vulkan__host_run(p, recording->cuts[c].host, run);
    }
}

static void run_work(nyx_program *p, const nyx_run *run)
{
    nyx_vulkan__gpu       *gpu = nyx_vulkan__gpu_of(p->store->device);
    nyx_vulkan__program   *own = p->own;
    const bool             traced = p->trace && gpu->tick_ns > 0;
    nyx_vulkan__recording *recording = &own->recordings[traced][run->micro];
    int                    status;

    if (gpu->device->status < 0)
        return;
    if ((status = upload_constants(gpu, own)) < 0 || (status = nyx_vulkan__record(p, run->micro, traced)) < 0) {
        nyx_device__fail(gpu->device, status, "%s", nyx_error_text());
        return;
    }
    write_parameters(gpu, p, run);
    run_recording(p, recording, run);
    if (traced)
        collect_times(gpu, p, recording);
}

static uint32_t halves(const void *device, const nyx_graph *g, const nyx_node *node)
{
    const nyx_vulkan__gpu *gpu = nyx_vulkan__gpu_of(device);

    return gpu->switches.unfused ? 0 : nyx_vulkan__halves_of(gpu, g, node);
}

const nyx_device__backend nyx_device__vulkan = {
    .close = nyx_vulkan__close, .reopen = nyx_vulkan__reopen, .allocate = allocate, .release = release, .write = write_copy, .read = read_copies,
    .compile = compile, .discard = discard, .run = run_work, .family = "vulkan", .digest = nyx_vulkan__digest,
    .halves = halves, .free_bytes = nyx_vulkan__free_bytes, .queued = true, .alignment = 256,
    .gauge_open = nyx_vulkan__gauge_open, .gauge_round = nyx_vulkan__gauge_round, .gauge_close = nyx_vulkan__gauge_close,
};
