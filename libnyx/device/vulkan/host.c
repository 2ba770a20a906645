/* host -- nodes that the GPU cannot do: the processor's kernels do them between
 * two submits, on copies of the operands in host memory. Casts that pass/fuse.c
 * made part of a node are done on the way. */
#include "device/vulkan/program.h"

#include <string.h>

enum { ALIGN = 64 }; /* as the processor's own values lie */

/* Where an operand lies here and there. */
typedef struct {
    nyx_vulkan__range range;
    int64_t           offset;      /* in the store's host memory, as the kernel takes it; */
    int64_t           copied;      /* as the GPU has it: elsewhere when it has 16 bits    */
    enum nyx_dtype    half;        /* of which type, */
    int64_t           elems;       /* how many */
} copy;

struct nyx_vulkan__host {
    nyx_call          call;
    const nyx_kernel *kernel;
    copy              in[NYX_MAX_INPUTS], out[NYX_MAX_OUTPUTS];
    uint32_t          written; /* bit i: input i is a variable that is written in place */
};

/* ---- compiling ------------------------------------------------------------------------ */

static int64_t place(int64_t *bytes, int64_t size)
{
    const int64_t at = *bytes;

    *bytes += (size + ALIGN - 1) / ALIGN * ALIGN;
    return at;
}

/* `fused`: its cast is the node's; the kernel takes f32. */
static copy reserve(int64_t *bytes, nyx_vulkan__range range, nyx_operand *operand, bool fused)
{
    copy at = { .range = range, .offset = place(bytes, range.bytes) };

    at.copied = at.offset;
    if (fused && nyx_dtype_is_half(operand->dtype)) {
        at.half = operand->dtype;
        at.elems = range.bytes / nyx_dtype_bytes(at.half);
        at.offset = place(bytes, at.elems * (int64_t)sizeof(float));
        operand->dtype = NYX_F32;
    }
    return at;
}

/* Does the node write the variable that its input is? */
static bool is_written(const nyx_program *p, const nyx_node *node, int input)
{
    const nyx_location *at = &p->plan.values[node->inputs[input]];
    bool                found = false;

    for (int i = 0; i < node->write_count; i++)
        found = found || (at->place == NYX_PLACE_VARIABLE && at->variable == node->writes[i]);
    return found && node->op != NYX_OP_ASSIGN;
}

int nyx_vulkan__host_add(nyx_vulkan__emit *e)
{
    nyx_vulkan__program *own = e->program->own;
    nyx_memory          *memory = &e->program->store->memory;
    nyx_vulkan__work     work = { .kind = NYX_VULKAN_HOST, .node = e->node, .host = (int)own->host_count };
    const nyx_op_row    *row = nyx_op_table(e->node->op);
    nyx_vulkan__host    *host;
    int64_t              bytes;
    int status = nyx_array_grow(&own->hosts, &own->host_room, own->host_count, sizeof *own->hosts, 16);

    if (status < 0)
        return status;
    host = &own->hosts[own->host_count++];
    *host = (nyx_vulkan__host){ 0 };
    host->kernel = nyx_device__call(&host->call, &bytes, e->gpu->device, e->g, e->node);
    bytes = (bytes + ALIGN - 1) / ALIGN * ALIGN;
    for (int i = 0; i < e->node->input_count; i++) {
        host->in[i] = reserve(&bytes, e->in[i], &host->call.in[i], row->half_inputs >> i & 1);
        host->written |= (uint32_t)(e->in[i].bytes && is_written(e->program, e->node, i)) << i;
    }
    for (int i = 0; i < NYX_MAX_OUTPUTS; i++)
        host->out[i] = reserve(&bytes, e->out[i], &host->call.out[i], row->half_outputs >> i & 1);
    memory->host = bytes > memory->host ? bytes : memory->host;
    e->gpu->device->substituted[e->node->op] = true;
    e->status = 0;
    nyx_vulkan__add(e, &work);
    return e->status;
}

/* Another kernel may round otherwise. */
void nyx_vulkan__host_digest(const nyx_program *p, int host, nyx_sha256 *hash)
{
    const nyx_vulkan__program *own = p->own;
    const char *const          words[] = { "processor", p->store->device->set, own->hosts[host].kernel->variant };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        nyx_sha256_update(hash, words[i], (int64_t)strlen(words[i]) + 1);
}

/* ---- running --------------------------------------------------------------------------- */

static void body(void *context, int part, int parts)
{
    const nyx_vulkan__host *host = context;

    host->kernel->run(&host->call, part, parts);
}

static void *data_of(const nyx_program *p, const copy *at)
{
    const nyx_vulkan__store *memory = p->store->own;

    return at->range.bytes ? memory->host + at->offset : NULL;
}

static void *copied_of(const nyx_program *p, const copy *at)
{
    const nyx_vulkan__store *memory = p->store->own;

    return memory->host + at->copied;
}

/* Operands come; false when the GPU failed before. */
static bool fetch(nyx_program *p, nyx_vulkan__host *host, int micro)
{
    nyx_vulkan__gpu  *gpu = nyx_vulkan__gpu_of(p->store->device);
    nyx_vulkan__wanted pieces[NYX_MAX_INPUTS];
    int               count = 0;

    for (int i = 0; i < NYX_MAX_INPUTS; i++) {
        const nyx_vulkan__place at = nyx_vulkan__resolve(p, micro, host->in[i].range);

        host->call.in[i].data = data_of(p, &host->in[i]);
        if (host->call.in[i].data)
            pieces[count++] = (nyx_vulkan__wanted){ at.block, at.offset, at.bytes, copied_of(p, &host->in[i]) };
    }
    for (int i = 0; i < NYX_MAX_OUTPUTS; i++)
        host->call.out[i].data = data_of(p, &host->out[i]);
    if (count)
        nyx_vulkan__read(gpu, pieces, count);
    for (int i = 0; i < NYX_MAX_INPUTS; i++)
        if (host->in[i].elems)
            nyx_convert_to_f32(host->in[i].half, host->call.in[i].data, copied_of(p, &host->in[i]), host->in[i].elems);
    return gpu->device->status == 0;
}

static void bring_back(nyx_program *p, int micro, const copy *from)
{
    const nyx_vulkan__place at = nyx_vulkan__resolve(p, micro, from->range);

    if (from->elems)
        nyx_convert_from_f32(from->half, copied_of(p, from), data_of(p, from), from->elems);
    if (from->range.bytes)
        nyx_vulkan__write(nyx_vulkan__gpu_of(p->store->device), at.block, at.offset, copied_of(p, from), at.bytes);
}

void nyx_vulkan__host_run(nyx_program *p, int index, const nyx_run *run)
{
    const nyx_vulkan__program *own = p->own;
    const nyx_vulkan__store   *memory = p->store->own;
    nyx_vulkan__host          *host = &own->hosts[index];

    if (!fetch(p, host, run->micro))
        return;
    host->call.workspace = memory->host;
    host->call.run = *run;
    host->call.random_step = nyx_device__random_step(p->store, run);
    nyx_pool_run(p->store->device->pool, body, host);
    for (int i = 0; i < NYX_MAX_INPUTS; i++)
        if (host->written >> i & 1)
            bring_back(p, run->micro, &host->in[i]);
    for (int i = 0; i < NYX_MAX_OUTPUTS; i++)
        bring_back(p, run->micro, &host->out[i]);
}
