/* record -- the work of a program as command buffers, which are replayed; in the
 * order of schedule.c or, where each piece's time is taken, of the program.
 *
 * Barriers stand where a piece of work meets bytes that pieces since the last
 * barrier wrote, or would write what they read. A command buffer is ended when
 * its estimated time would keep a display from being drawn. */
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

static int bind_set(recorder *r, const nyx_vulkan__work *work)
{
    const VkDescriptorSetAllocateInfo one = { .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
                                              .descriptorPool = r->to->descriptors, .descriptorSetCount = 1,
                                              .pSetLayouts = &r->gpu->set_layout };
    VkDescriptorBufferInfo infos[NYX_VULKAN_BINDINGS];
    VkWriteDescriptorSet   writes[NYX_VULKAN_BINDINGS];
    VkDescriptorSet        set;
    const VkResult         result = r->gpu->vk.AllocateDescriptorSets(r->gpu->handle, &one, &set);

    if (result != VK_SUCCESS)
        return nyx_vulkan__error(result, "binding memory");
    for (int i = 0; i < work->binding_count; i++) {
        const nyx_vulkan__place at = resolve(r, work->bindings[i]);

        infos[i] = (VkDescriptorBufferInfo){ at.block->buffer, (VkDeviceSize)at.offset,
                                             ((VkDeviceSize)at.bytes + 3) / 4 * 4 };
        writes[i] = (VkWriteDescriptorSet){ .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET, .dstSet = set,
                                            .dstBinding = (uint32_t)i, .descriptorCount = 1,
                                            .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, .pBufferInfo = &infos[i] };
    }
    r->gpu->vk.UpdateDescriptorSets(r->gpu->handle, (uint32_t)work->binding_count, writes, 0, NULL);
    r->gpu->vk.CmdBindDescriptorSets(r->commands, VK_PIPELINE_BIND_POINT_COMPUTE, r->gpu->layout, 0, 1, &set, 0, NULL);
    return 0;
}

static int dispatch(recorder *r, const nyx_vulkan__work *work)
{
    const nyx_vulkan__api *vk = &r->gpu->vk;
    const int              status = bind_set(r, work);

    if (status < 0)
        return status;
    vk->CmdBindPipeline(r->commands, VK_PIPELINE_BIND_POINT_COMPUTE, r->gpu->pipelines[work->pipeline].pipeline);
    if (work->push_count)
        vk->CmdPushConstants(r->commands, r->gpu->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, (uint32_t)work->push_count * 4,
                             work->push);
    vk->CmdDispatch(r->commands, work->groups[0], work->groups[1], work->groups[2]);
    return 0;
}

static void move(recorder *r, const nyx_vulkan__work *work)
{
    const nyx_vulkan__place to = resolve(r, work->bindings[work->binding_count - 1]), from = resolve(r, work->bindings[0]);
    const VkBufferCopy region = { (VkDeviceSize)from.offset, (VkDeviceSize)to.offset, (VkDeviceSize)to.bytes };

    if (work->kind == NYX_VULKAN_COPY)
        r->gpu->vk.CmdCopyBuffer(r->commands, from.block->buffer, to.block->buffer, 1, &region);
    else
        r->gpu->vk.CmdFillBuffer(r->commands, to.block->buffer, (VkDeviceSize)to.offset, (VkDeviceSize)to.bytes, work->push[0]);
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

static int record_work(recorder *r, const nyx_vulkan__work *work)
{
    const double seconds = nyx_vulkan__seconds(r->gpu, work->cost), most = nyx_vulkan__patience(r->gpu);
    int          status = 0;

    if (work->kind == NYX_VULKAN_HOST)
        return cut(r, work);
    if (r->commands && most > 0 && r->seconds > 0 && r->seconds + seconds > most)
        status = end(r);
    if (status == 0 && !r->commands)
        status = begin(r);
    if (status < 0 || (status = order(r, work)) < 0)
        return status;
    r->seconds += seconds;
    if (work->kind != NYX_VULKAN_DISPATCH)
        move(r, work);
    else if ((status = dispatch(r, work)) < 0)
        return status;
    write_time(r);
    return 0;
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
