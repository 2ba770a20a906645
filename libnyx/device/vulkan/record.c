/* record -- the work of a program as command buffers, which are replayed; in the
 * order of schedule.c or, where each piece's time is taken, of the program.
 *
 * Barriers stand where a piece of work meets bytes that pieces since the last
 * barrier wrote, or would write what they read. A command buffer is ended when
 * its estimated time would keep a display from being drawn; so would one dispatch,
 * then its workgroups come in several. Each does what it does anyway: how many
 * there are at once changes no bit. */
#include "device/vulkan/program.h"

#include <string.h>

typedef struct {
    nyx_program           *p;
    nyx_vulkan__gpu       *gpu;
    nyx_vulkan__recording *to;
    int                    micro;
    bool                   traced;
    VkCommandBuffer        commands; /* NULL: none is open */
    nyx_vulkan__touch     *touches; /* since the last barrier */
    int64_t                touch_count, touch_room;
    double                 seconds; /* of the open buffer, estimated */
    uint32_t               query;
} recorder;

nyx_vulkan__place nyx_vulkan__resolve(const nyx_program *p, int micro, nyx_vulkan__range range)
{
    const nyx_store      *store = p->store;
    nyx_vulkan__store    *memory = store->own;
    nyx_vulkan__program  *own = p->own;

    if (range.slot == NYX_VULKAN_ARENA)
        return (nyx_vulkan__place){ &memory->arena, range.offset, range.bytes };
    if (range.slot == NYX_VULKAN_WORKSPACE)
        return (nyx_vulkan__place){ &memory->workspace, range.offset, range.bytes };
    if (range.slot == NYX_VULKAN_CONSTANTS)
        return (nyx_vulkan__place){ &own->constant_block, range.offset, range.bytes };
    if (range.slot == NYX_VULKAN_PARAMETERS)
        return (nyx_vulkan__place){ &nyx_vulkan__gpu_of(store->device)->parameters, range.offset, range.bytes };
    const nyx_device__slot *slot = &store->slots[range.slot];
    return (nyx_vulkan__place){ &memory->roles[slot->variable.role],
                                slot->offset + (slot->copies > 1 ? micro * slot->stride : 0) + range.offset, range.bytes };
}

static nyx_vulkan__place resolve(const recorder *r, nyx_vulkan__range range)
{
    return nyx_vulkan__resolve(r->p, r->micro, range);
}

/* ---- barriers --------------------------------------------------------------------- */

static bool meets(const recorder *r, const nyx_vulkan__work *work)
{
    for (int i = 0; i < work->binding_count; i++) {
        const nyx_vulkan__touch now = nyx_vulkan__touched(r->p, r->micro, work, i);

        for (int64_t t = 0; t < r->touch_count; t++)
            if (nyx_vulkan__meet(&r->touches[t], &now))
                return true;
    }
    return false;
}

static int order(recorder *r, const nyx_vulkan__work *work)
{
    int status;

    if (meets(r, work)) {
        nyx_vulkan__barrier(r->gpu, r->commands);
        r->touch_count = 0;
    }
    for (int i = 0; i < work->binding_count; i++) {
        if ((status = nyx_array_grow(&r->touches, &r->touch_room, r->touch_count, sizeof *r->touches, 256)) < 0)
            return status;
        r->touches[r->touch_count++] = nyx_vulkan__touched(r->p, r->micro, work, i);
    }
    return 0;
}

/* ---- command buffers ------------------------------------------------------------------- */

/* Displays hang on integrated GPUs. */
double nyx_vulkan__patience(const nyx_vulkan__gpu *gpu)
{
    if (!strcmp(gpu->facts.type, "cpu") && gpu->switches.slow == 0)
        return 0;
    return (gpu->unified ? 0.05 : 0.25) * gpu->haste;
}

/* A careful guess: a tenth of what such devices reach. */
double nyx_vulkan__seconds(const nyx_vulkan__gpu *gpu, nyx_cost cost)
{
    const double flops = (gpu->unified ? 50e9 : 500e9) * gpu->pace, bytes = (gpu->unified ? 5e9 : 30e9) * gpu->pace;

    return cost.flops / flops > cost.bytes / bytes ? cost.flops / flops : cost.bytes / bytes;
}

static int begin(recorder *r)
{
    const VkCommandBufferAllocateInfo one = { .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                              .commandPool = r->gpu->commands, .commandBufferCount = 1 };
    const VkCommandBufferBeginInfo    info = { .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
                                               .flags = VK_COMMAND_BUFFER_USAGE_SIMULTANEOUS_USE_BIT };
    nyx_vulkan__recording *to = r->to;
    VkResult               result;
    int                    status;

    if ((status = nyx_array_grow(&to->buffers, &to->room, to->count, sizeof *to->buffers, 4)) < 0)
        return status;
    result = r->gpu->vk.AllocateCommandBuffers(r->gpu->handle, &one, &to->buffers[to->count]);
    if (result == VK_SUCCESS)
        result = r->gpu->vk.BeginCommandBuffer(to->buffers[to->count], &info);
    if (result != VK_SUCCESS)
        return nyx_vulkan__error(result, "recording a program");
    r->commands = to->buffers[to->count++];
    r->seconds = 0;
    r->touch_count = 0;
    nyx_vulkan__barrier(r->gpu, r->commands);
    return 0;
}

static int end(recorder *r)
{
    const VkResult result = r->commands ? r->gpu->vk.EndCommandBuffer(r->commands) : VK_SUCCESS;

    r->commands = NULL;
    return result == VK_SUCCESS ? 0 : nyx_vulkan__error(result, "recording a program");
}

/* ---- work ------------------------------------------------------------------------------- */

static int make_set(recorder *r, VkDescriptorSet *set, const nyx_vulkan__work *work)
{
    const VkDescriptorSetAllocateInfo one = { .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
                                              .descriptorPool = r->to->descriptors, .descriptorSetCount = 1,
                                              .pSetLayouts = &r->gpu->set_layout };
    VkDescriptorBufferInfo infos[NYX_VULKAN_BINDINGS];
    VkWriteDescriptorSet   writes[NYX_VULKAN_BINDINGS];
    const VkResult         result = r->gpu->vk.AllocateDescriptorSets(r->gpu->handle, &one, set);

    if (result != VK_SUCCESS)
        return nyx_vulkan__error(result, "binding memory");
    for (int i = 0; i < work->binding_count; i++) {
        const nyx_vulkan__place at = resolve(r, work->bindings[i]);

        infos[i] = (VkDescriptorBufferInfo){ at.block->buffer, (VkDeviceSize)at.offset,
                                             ((VkDeviceSize)at.bytes + 3) / 4 * 4 };
        writes[i] = (VkWriteDescriptorSet){ .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET, .dstSet = *set,
                                            .dstBinding = (uint32_t)i, .descriptorCount = 1,
                                            .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, .pBufferInfo = &infos[i] };
    }
    r->gpu->vk.UpdateDescriptorSets(r->gpu->handle, (uint32_t)work->binding_count, writes, 0, NULL);
    return 0;
}

/* Workgroups [first, first + count) along each axis. */
typedef struct { uint32_t first[3], count[3]; } box;

static void dispatch(recorder *r, const nyx_vulkan__work *work, VkDescriptorSet set, const box *b)
{
    const nyx_vulkan__api *vk = &r->gpu->vk;

    vk->CmdBindDescriptorSets(r->commands, VK_PIPELINE_BIND_POINT_COMPUTE, r->gpu->layout, 0, 1, &set, 0, NULL);
    vk->CmdBindPipeline(r->commands, VK_PIPELINE_BIND_POINT_COMPUTE, r->gpu->pipelines[work->pipeline].pipeline);
    if (work->push_count)
        vk->CmdPushConstants(r->commands, r->gpu->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, (uint32_t)work->push_count * 4,
                             work->push);
    if (work->parts > 1)
        vk->CmdDispatchBase(r->commands, b->first[0], b->first[1], b->first[2], b->count[0], b->count[1], b->count[2]);
    else
        vk->CmdDispatch(r->commands, b->count[0], b->count[1], b->count[2]);
}

/* `bytes` of a copy or a filling from byte `at` on. */
static void move(recorder *r, const nyx_vulkan__work *work, int64_t at, int64_t bytes)
{
    const nyx_vulkan__place to = resolve(r, work->bindings[work->binding_count - 1]), from = resolve(r, work->bindings[0]);
    const VkBufferCopy region = { (VkDeviceSize)(from.offset + at), (VkDeviceSize)(to.offset + at), (VkDeviceSize)bytes };

    if (work->kind == NYX_VULKAN_COPY)
        r->gpu->vk.CmdCopyBuffer(r->commands, from.block->buffer, to.block->buffer, 1, &region);
    else
        r->gpu->vk.CmdFillBuffer(r->commands, to.block->buffer, region.dstOffset, region.size, work->push[0]);
}

static void write_time(recorder *r)
{
    if (r->traced)
        r->gpu->vk.CmdWriteTimestamp(r->commands, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, r->to->queries, r->query++);
}

/* What was recorded so far is submitted, then the processor has its turn; the
 * time until the GPU goes on is its. */
static int cut(recorder *r, const nyx_vulkan__work *work)
{
    nyx_vulkan__recording *to = r->to;
    int                    status = end(r);

    if (status < 0 || (status = nyx_array_grow(&to->cuts, &to->cut_room, to->cut_count, sizeof *to->cuts, 4)) < 0)
        return status;
    to->cuts[to->cut_count++] = (nyx_vulkan__cut){ to->count, work->host };
    if (!r->traced)
        return 0;
    status = begin(r);
    if (status == 0)
        write_time(r);
    return status;
}

/* In a command buffer, behind what it must wait for. */
static int make_ready(recorder *r, const nyx_vulkan__work *work, double seconds)
{
    const double most = nyx_vulkan__patience(r->gpu);
    int          status = 0;

    if (r->commands && most > 0 && r->seconds > 0 && r->seconds + seconds > most)
        status = end(r);
    if (status == 0 && !r->commands)
        status = begin(r);
    r->seconds += seconds;
    return status < 0 ? status : order(r, work);
}

enum { PARTS_MOST = 1024, MOVED_LEAST = 4096 /* bytes at once */ };

int64_t nyx_vulkan__parts_in_time(const nyx_vulkan__gpu *gpu, const nyx_vulkan__work *work)
{
    const double  most = 0.4 * nyx_vulkan__patience(gpu), seconds = nyx_vulkan__seconds(gpu, work->cost);
    const double  parts = most > 0 && seconds > most ? seconds / most + 1 : 1;
    const int64_t groups = (int64_t)work->groups[0] * work->groups[1] * work->groups[2];
    const int64_t blocks = (work->bindings[0].bytes + MOVED_LEAST - 1) / MOVED_LEAST;
    const int64_t units = work->kind == NYX_VULKAN_DISPATCH ? groups : blocks;
    const int64_t bound = units < PARTS_MOST ? units : PARTS_MOST;

    return parts < (double)bound ? (int64_t)parts : bound;
}

/* As many groups along each axis that there are `parts` or somewhat more: the last axes are cut first. */
static void cut_grid(uint32_t step[3], const uint32_t groups[3], int64_t parts)
{
    for (int axis = 2; axis >= 0; axis--) {
        const int64_t all = groups[axis];

        step[axis] = (uint32_t)(parts < all ? all / parts : 1);
        parts = (parts * step[axis] + all - 1) / all;
    }
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static int record_dispatch(recorder *r, const nyx_vulkan__work *work)
{
    const uint32_t *all = work->groups;
    const double    seconds = nyx_vulkan__seconds(r->gpu, work->cost) / (double)work->parts;
    VkDescriptorSet set;
    uint32_t        step[3];
    int             status = make_set(r, &set, work);

    cut_grid(step, all, work->parts);
    for (uint32_t z = 0; z < all[2]; z += step[2])
        for (uint32_t y = 0; y < all[1]; y += step[1])
            for (uint32_t x = 0; x < all[0] && status == 0; x += step[0]) {
                const box b = { { x, y, z },
                                { least(step[0], all[0] - x), least(step[1], all[1] - y), least(step[2], all[2] - z) } };

                if ((status = make_ready(r, work, seconds)) == 0)
                    dispatch(r, work, set, &b);
            }
    return status;
}

static int record_move(recorder *r, const nyx_vulkan__work *work)
{
    const int64_t bytes = work->bindings[0].bytes, step = (bytes / work->parts / MOVED_LEAST + 1) * MOVED_LEAST;
    const double  seconds = nyx_vulkan__seconds(r->gpu, work->cost) / (double)work->parts;
    int           status = 0;

    for (int64_t at = 0; at < bytes && status == 0; at += step)
        if ((status = make_ready(r, work, seconds)) == 0)
            move(r, work, at, bytes - at < step ? bytes - at : step);
    return status;
}

static int record_work(recorder *r, const nyx_vulkan__work *work)
{
    int status;

    if (work->kind == NYX_VULKAN_HOST)
        return cut(r, work);
    status = work->kind == NYX_VULKAN_DISPATCH ? record_dispatch(r, work) : record_move(r, work);
    if (status == 0)
        write_time(r);
    return status;
}

static int prepare(recorder *r)
{
    const nyx_vulkan__program       *own = r->p->own;
    const uint32_t                   sets = (uint32_t)own->work_count + 1;
    const VkDescriptorPoolSize       size = { VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, sets * NYX_VULKAN_BINDINGS };
    const VkDescriptorPoolCreateInfo pool = { .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO, .maxSets = sets,
                                              .poolSizeCount = 1, .pPoolSizes = &size };
    const VkQueryPoolCreateInfo      queries = { .sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
                                                 .queryType = VK_QUERY_TYPE_TIMESTAMP, .queryCount = sets };
    VkResult                         result = r->gpu->vk.CreateDescriptorPool(r->gpu->handle, &pool, NULL, &r->to->descriptors);
    int                              status;

    if (result == VK_SUCCESS && r->traced)
        result = r->gpu->vk.CreateQueryPool(r->gpu->handle, &queries, NULL, &r->to->queries);
    if (result != VK_SUCCESS)
        return nyx_vulkan__error(result, "recording a program");
    if (r->traced) {
        if ((status = begin(r)) < 0)
            return status;
        r->gpu->vk.CmdResetQueryPool(r->commands, r->to->queries, 0, sets);
        write_time(r);
    }
    return 0;
}

int nyx_vulkan__record(nyx_program *p, int micro, bool traced)
{
    nyx_vulkan__program   *own = p->own;
    nyx_vulkan__recording *to = &own->recordings[traced][micro];
    recorder               r = { .p = p, .gpu = nyx_vulkan__gpu_of(p->store->device), .to = to, .micro = micro, .traced = traced };
    int64_t               *order = NULL;
    int                    status;

    if (to->descriptors)
        return 0;
    status = prepare(&r);
    if (status == 0 && !traced && !r.gpu->switches.orderly)
        status = nyx_vulkan__schedule(&order, p, micro);
    for (int64_t i = 0; i < own->work_count && status == 0; i++)
        status = record_work(&r, &own->work[order ? order[i] : i]);
    if (status == 0)
        status = end(&r);
    nyx_free(r.touches);
    nyx_free(order);
    return status;
}

void nyx_vulkan__recording_release(nyx_vulkan__gpu *gpu, nyx_vulkan__recording *recording)
{
    if (recording->count)
        gpu->vk.FreeCommandBuffers(gpu->handle, gpu->commands, (uint32_t)recording->count, recording->buffers);
    nyx_free(recording->buffers);
    nyx_free(recording->cuts);
    if (recording->descriptors)
        gpu->vk.DestroyDescriptorPool(gpu->handle, recording->descriptors, NULL);
    if (recording->queries)
        gpu->vk.DestroyQueryPool(gpu->handle, recording->queries, NULL);
}
