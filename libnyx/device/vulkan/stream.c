/* stream -- work in order: copies to and from the GPU, programs, waiting. */
#include "device/vulkan/vulkan.h"

#include <string.h>

/* ---- making and ending ---------------------------------------------------------------- */

int nyx_vulkan__stream_create(nyx_vulkan__gpu *gpu)
{
    const VkCommandPoolCreateInfo pool = { .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                           .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
                                           .queueFamilyIndex = gpu->family };
    const VkFenceCreateInfo fence = { .sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO };
    VkResult                result = gpu->vk.CreateCommandPool(gpu->handle, &pool, NULL, &gpu->commands);
    int                     status;

    for (int i = 0; i < NYX_VULKAN_FRAMES && result == VK_SUCCESS; i++) {
        const VkCommandBufferAllocateInfo one = { .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                                  .commandPool = gpu->commands, .commandBufferCount = 1 };

        if ((status = nyx_vulkan__block_create(gpu, &gpu->frames[i].staging, NYX_VULKAN_STAGING, NYX_VULKAN_UPLOAD)) < 0)
            return status;
        result = gpu->vk.AllocateCommandBuffers(gpu->handle, &one, &gpu->frames[i].copies);
        if (result == VK_SUCCESS)
            result = gpu->vk.CreateFence(gpu->handle, &fence, NULL, &gpu->frames[i].fence);
    }
    if (result != VK_SUCCESS)
        return nyx_vulkan__error(result, "making a stream");
    if ((status = nyx_vulkan__block_create(gpu, &gpu->download, NYX_VULKAN_STAGING, NYX_VULKAN_DOWNLOAD)) < 0)
        return status;
    return nyx_vulkan__block_create(gpu, &gpu->parameters, 256, NYX_VULKAN_LOCAL);
}

void nyx_vulkan__stream_release(nyx_vulkan__gpu *gpu)
{
    gpu->vk.DeviceWaitIdle(gpu->handle);
    for (int i = 0; i < NYX_VULKAN_FRAMES; i++) {
        nyx_vulkan__block_release(gpu, &gpu->frames[i].staging);
        if (gpu->frames[i].fence)
            gpu->vk.DestroyFence(gpu->handle, gpu->frames[i].fence, NULL);
    }
    nyx_vulkan__block_release(gpu, &gpu->download);
    nyx_vulkan__block_release(gpu, &gpu->parameters);
    if (gpu->commands)
        gpu->vk.DestroyCommandPool(gpu->handle, gpu->commands, NULL);
}

/* ---- waiting ---------------------------------------------------------------------------- */

static void fail(nyx_vulkan__gpu *gpu, VkResult result, const char *what)
{
    nyx_device__fail(gpu->device, nyx_vulkan__error(result, what), "%s", nyx_error_text());
}

/* Wait until a frame's work is done and its memory can be used again. */
static void wait_frame(nyx_vulkan__gpu *gpu, nyx_vulkan__frame *frame)
{
    int64_t  begin;
    VkResult result;

    if (!frame->pending || gpu->device->status < 0)
        return;
    begin = nyx_clock_ns();
    result = gpu->vk.WaitForFences(gpu->handle, 1, &frame->fence, VK_TRUE, (uint64_t)gpu->patience_ms * 1000000u);
    gpu->device->queue.wait_ns += nyx_clock_ns() - begin;
    if (nyx_vulkan__is_due(&gpu->switches.late))
        result = VK_TIMEOUT;
    if (result == VK_TIMEOUT) {
        nyx_device__fail(gpu->device, NYX_ERR_DEVICE, "'%s' did not finish its work in %lld s; --device=cpu goes on "
                         "without it", gpu->facts.name, (long long)gpu->patience_ms / 1000);
        return;
    }
    if (result == VK_SUCCESS)
        result = gpu->vk.ResetFences(gpu->handle, 1, &frame->fence);
    if (result != VK_SUCCESS)
        fail(gpu, result, "waiting for its work");
    frame->pending = false;
    frame->used = 0;
}

void nyx_vulkan__finish(nyx_vulkan__gpu *gpu)
{
    if (gpu->frames[gpu->frame].open)
        nyx_vulkan__submit(gpu, NULL, 0);
    for (int i = 0; i < NYX_VULKAN_FRAMES; i++)
        wait_frame(gpu, &gpu->frames[i]);
    if (gpu->device->status < 0)
        gpu->vk.DeviceWaitIdle(gpu->handle); /* its memory may be given back now */
}

/* ---- submitting ------------------------------------------------------------------------------ */

void nyx_vulkan__barrier(const nyx_vulkan__gpu *gpu, VkCommandBuffer commands)
{
    const VkMemoryBarrier all = { .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                                  .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
                                  .dstAccessMask = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT |
                                                   VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT };
    const VkPipelineStageFlags stages = VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT;

    gpu->vk.CmdPipelineBarrier(commands, stages, stages, 0, 1, &all, 0, NULL, 0, NULL);
}

VkCommandBuffer nyx_vulkan__copies(nyx_vulkan__gpu *gpu)
{
    const VkCommandBufferBeginInfo begin = { .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
                                             .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT };
    nyx_vulkan__frame *frame = &gpu->frames[gpu->frame];
    VkResult           result;

    if (!frame->open)
        wait_frame(gpu, frame);
    if (gpu->device->status < 0)
        return NULL;
    if (!frame->open) {
        result = gpu->vk.BeginCommandBuffer(frame->copies, &begin);
        if (result != VK_SUCCESS) {
            fail(gpu, result, "recording copies");
            return NULL;
        }
        nyx_vulkan__barrier(gpu, frame->copies);
        frame->open = true;
    }
    return frame->copies;
}

/* What the host reads must have been made visible to it. */
static void end_copies(nyx_vulkan__gpu *gpu, nyx_vulkan__frame *frame)
{
    const VkMemoryBarrier host = { .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                                   .srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT | VK_ACCESS_SHADER_WRITE_BIT,
                                   .dstAccessMask = VK_ACCESS_HOST_READ_BIT };

    gpu->vk.CmdPipelineBarrier(frame->copies, VK_PIPELINE_STAGE_TRANSFER_BIT | VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT,
                               VK_PIPELINE_STAGE_HOST_BIT, 0, 1, &host, 0, NULL, 0, NULL);
    gpu->vk.EndCommandBuffer(frame->copies);
}

void nyx_vulkan__submit(nyx_vulkan__gpu *gpu, const VkCommandBuffer *buffers, int count)
{
    nyx_vulkan__frame    *frame = &gpu->frames[gpu->frame];
    const VkCommandBuffer copies = nyx_vulkan__copies(gpu);
    VkResult              result = VK_SUCCESS;
    int64_t               begin;

    if (!copies)
        return;
    end_copies(gpu, frame);
    frame->open = false;
    begin = nyx_clock_ns();
    for (int i = 0; (i == 0 || i < count) && result == VK_SUCCESS; i++) {
        const VkCommandBuffer both[2] = { copies, count > 0 ? buffers[i] : VK_NULL_HANDLE };
        const VkSubmitInfo    info = { .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO, .pCommandBuffers = both + (i > 0),
                                       .commandBufferCount = (uint32_t)(i == 0) + (uint32_t)(count > 0) };

        result = gpu->vk.QueueSubmit(gpu->queue, 1, &info, i >= count - 1 ? frame->fence : VK_NULL_HANDLE);
        gpu->device->queue.submits++;
    }
    gpu->device->queue.submit_ns += nyx_clock_ns() - begin;
    if (nyx_vulkan__is_due(&gpu->switches.lost))
        result = VK_ERROR_DEVICE_LOST;
    if (result != VK_SUCCESS) {
        fail(gpu, result, "starting its work");
        return;
    }
    frame->pending = true;
    gpu->frame = (gpu->frame + 1) % NYX_VULKAN_FRAMES;
}

/* ---- copies, each after all that was recorded before ---------------------------------- */

static void copy(nyx_vulkan__gpu *gpu, VkCommandBuffer commands, const nyx_vulkan__block *from, int64_t from_offset,
                 const nyx_vulkan__block *to, int64_t to_offset, int64_t bytes)
{
    const VkBufferCopy region = { (VkDeviceSize)from_offset, (VkDeviceSize)to_offset, (VkDeviceSize)bytes };

    nyx_vulkan__barrier(gpu, commands);
    gpu->vk.CmdCopyBuffer(commands, from->buffer, to->buffer, 1, &region);
}

void nyx_vulkan__write(nyx_vulkan__gpu *gpu, nyx_vulkan__block *to, int64_t offset, const void *data, int64_t bytes)
{
    const char *from = data;

    if (to->mapped) {
        nyx_vulkan__finish(gpu);
        if (gpu->device->status == 0)
            memcpy(to->mapped + offset, data, (size_t)bytes);
        return;
    }
    while (bytes > 0) {
        const VkCommandBuffer commands = nyx_vulkan__copies(gpu);
        nyx_vulkan__frame    *frame = &gpu->frames[gpu->frame];
        const int64_t         room = NYX_VULKAN_STAGING - frame->used, piece = bytes < room ? bytes : room;

        if (!commands)
            return;
        memcpy(frame->staging.mapped + frame->used, from, (size_t)piece);
        copy(gpu, commands, &frame->staging, frame->used, to, offset, piece);
        frame->used += (piece + 15) / 16 * 16;
        from += piece;
        offset += piece;
        bytes -= piece;
        if (frame->used >= NYX_VULKAN_STAGING)
            nyx_vulkan__submit(gpu, NULL, 0);
    }
}

/* Wait, and let the host see what shaders wrote. */
static void finish_for_host(nyx_vulkan__gpu *gpu)
{
    bool busy = false;

    for (int i = 0; i < NYX_VULKAN_FRAMES; i++)
        busy = busy || gpu->frames[i].pending || gpu->frames[i].open;
    if (busy && nyx_vulkan__copies(gpu))
        nyx_vulkan__finish(gpu);
}

/* Where reading is: a piece, and the byte of it. */
typedef struct {
    int     piece;
    int64_t byte;
} reading;

/* As much as is staged at once: recorded as copies, or without commands taken
 * out of the staging block. */
static void fetch(nyx_vulkan__gpu *gpu, VkCommandBuffer commands, const nyx_vulkan__wanted *pieces, int count, reading *at)
{
    int64_t used = 0;

    while (at->piece < count && used < NYX_VULKAN_STAGING) {
        const nyx_vulkan__wanted *p = &pieces[at->piece];
        const int64_t            left = p->block->mapped ? 0 : p->bytes - at->byte, room = NYX_VULKAN_STAGING - used;
        const int64_t            bytes = left < room ? left : room;

        if (bytes > 0 && commands)
            copy(gpu, commands, p->block, p->offset + at->byte, &gpu->download, used, bytes);
        else if (bytes > 0)
            memcpy((char *)p->data + at->byte, gpu->download.mapped + used, (size_t)bytes);
        used += (bytes + 15) / 16 * 16;
        *at = bytes == left ? (reading){ at->piece + 1, 0 } : (reading){ at->piece, at->byte + bytes };
    }
}

void nyx_vulkan__read(nyx_vulkan__gpu *gpu, const nyx_vulkan__wanted *pieces, int count)
{
    reading at = { 0 };

    for (int i = 0; i < count; i++)
        memset(pieces[i].data, 0xFF, (size_t)pieces[i].bytes);
    while (at.piece < count && pieces[at.piece].block->mapped)
        at.piece++;
    while (at.piece < count) {
        const VkCommandBuffer commands = nyx_vulkan__copies(gpu);
        reading               recorded = at;

        if (!commands)
            return;
        fetch(gpu, commands, pieces, count, &recorded);
        nyx_vulkan__finish(gpu);
        if (gpu->device->status < 0)
            return;
        fetch(gpu, NULL, pieces, count, &at);
    }
    finish_for_host(gpu);
    for (int i = 0; i < count && gpu->device->status == 0; i++)
        if (pieces[i].block->mapped)
            memcpy(pieces[i].data, pieces[i].block->mapped + pieces[i].offset, (size_t)pieces[i].bytes);
}

void nyx_vulkan__clear(nyx_vulkan__gpu *gpu, nyx_vulkan__block *block)
{
    VkCommandBuffer commands;

    if (!block->buffer)
        return;
    if (block->mapped) {
        memset(block->mapped, 0, (size_t)block->bytes);
        return;
    }
    commands = nyx_vulkan__copies(gpu);
    if (commands) {
        nyx_vulkan__barrier(gpu, commands);
        gpu->vk.CmdFillBuffer(commands, block->buffer, 0, VK_WHOLE_SIZE, 0);
    }
}
