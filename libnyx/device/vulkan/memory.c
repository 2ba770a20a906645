/* memory -- blocks of a GPU's memory, one buffer each. */
#include "device/vulkan/vulkan.h"

enum { LOCAL = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT,
       SEEN = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT,
       CACHED = VK_MEMORY_PROPERTY_HOST_CACHED_BIT };

/* What a kind of block wants, best first; a processor or an integrated GPU
 * has one memory, which both see. */
static const uint32_t wishes[][3] = {
    [NYX_VULKAN_LOCAL] = { LOCAL, LOCAL, 0 },
    [NYX_VULKAN_UPLOAD] = { SEEN, SEEN, SEEN },
    [NYX_VULKAN_DOWNLOAD] = { SEEN | CACHED, SEEN, SEEN },
};

/* A memory type among `allowed` with these properties and without those. -1: none. */
static int type_with(const nyx_vulkan__gpu *gpu, uint32_t allowed, uint32_t with, uint32_t without)
{
    for (uint32_t i = 0; i < gpu->memory.memoryTypeCount; i++) {
        const uint32_t flags = gpu->memory.memoryTypes[i].propertyFlags;

        if ((allowed >> i & 1) && (flags & with) == with && !(flags & without))
            return (int)i;
    }
    return -1;
}

static int choose_type(const nyx_vulkan__gpu *gpu, uint32_t allowed, enum nyx_vulkan__kind kind)
{
    int type = -1;

    if (kind == NYX_VULKAN_LOCAL)
        type = gpu->unified ? type_with(gpu, allowed, LOCAL | SEEN, 0) : type_with(gpu, allowed, LOCAL, SEEN);
    for (int i = 0; i < 3 && type < 0; i++)
        type = type_with(gpu, allowed, wishes[kind][i], 0);
    return type;
}

/* Bytes of a heap that can still be had; what the driver does not say is the heap. */
static int64_t left_in_heap(const nyx_vulkan__gpu *gpu, int type)
{
    const uint32_t    heap = gpu->memory.memoryTypes[type].heapIndex;
    nyx_vulkan_device now = { .api_minor = gpu->facts.api_minor };

    nyx_vulkan__ask(&gpu->vk, gpu->physical, &now);
    if (now.heaps[heap].budget < 0)
        return now.heaps[heap].bytes;
    return now.heaps[heap].budget > now.heaps[heap].used ? now.heaps[heap].budget - now.heaps[heap].used : 0;
}

int64_t nyx_vulkan__free_bytes(const nyx_device *device)
{
    const nyx_vulkan__gpu *gpu = nyx_vulkan__gpu_of(device);
    int64_t                most = -1;

    for (uint32_t type = 0; type < gpu->memory.memoryTypeCount && !gpu->unified; type++) {
        const int64_t left = gpu->memory.memoryTypes[type].propertyFlags & LOCAL ? left_in_heap(gpu, (int)type) : -1;

        most = left > most ? left : most;
    }
    return most;
}

static int no_memory(const nyx_vulkan__gpu *gpu, int64_t bytes, int type)
{
    return nyx_error_set(NYX_ERR_MEMORY, "'%s' cannot hold %lld bytes more, %lld are available; a smaller batch or "
                         "more micro-batches need less", gpu->facts.name, (long long)bytes,
                         (long long)left_in_heap(gpu, type));
}

static int allocate(nyx_vulkan__gpu *gpu, nyx_vulkan__block *block, enum nyx_vulkan__kind kind)
{
    VkMemoryRequirements needs;
    VkMemoryAllocateInfo info = { .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO };
    void                *mapped;
    int                  type;

    gpu->vk.GetBufferMemoryRequirements(gpu->handle, block->buffer, &needs);
    type = choose_type(gpu, needs.memoryTypeBits, kind);
    if (type < 0)
        return nyx_error_set(NYX_ERR_UNSUPPORTED, "'%s' has no memory of the kind that is needed", gpu->facts.name);
    info.allocationSize = needs.size;
    info.memoryTypeIndex = (uint32_t)type;
    if (nyx_vulkan__is_due(&gpu->switches.full) ||
        gpu->vk.AllocateMemory(gpu->handle, &info, NULL, &block->memory) != VK_SUCCESS)
        return no_memory(gpu, (int64_t)needs.size, type);
    if (gpu->vk.BindBufferMemory(gpu->handle, block->buffer, block->memory, 0) != VK_SUCCESS)
        return no_memory(gpu, (int64_t)needs.size, type);
    if ((gpu->memory.memoryTypes[type].propertyFlags & SEEN) != SEEN || (kind == NYX_VULKAN_LOCAL && !gpu->unified))
        return 0;
    if (gpu->vk.MapMemory(gpu->handle, block->memory, 0, VK_WHOLE_SIZE, 0, &mapped) != VK_SUCCESS)
        return no_memory(gpu, (int64_t)needs.size, type);
    block->mapped = mapped;
    return 0;
}

int nyx_vulkan__block_create(nyx_vulkan__gpu *gpu, nyx_vulkan__block *out, int64_t bytes, enum nyx_vulkan__kind kind)
{
    VkBufferCreateInfo info = { .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
                                .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_TRANSFER_SRC_BIT |
                                         VK_BUFFER_USAGE_TRANSFER_DST_BIT };
    int                status;

    *out = (nyx_vulkan__block){ .bytes = bytes };
    if (bytes == 0)
        return 0;
    info.size = (VkDeviceSize)bytes;
    if (gpu->vk.CreateBuffer(gpu->handle, &info, NULL, &out->buffer) != VK_SUCCESS)
        return nyx_error_set(NYX_ERR_MEMORY, "'%s' makes no buffer of %lld bytes; a smaller batch or more "
                             "micro-batches need less", gpu->facts.name, (long long)bytes);
    status = allocate(gpu, out, kind);
    if (status < 0)
        nyx_vulkan__block_release(gpu, out);
    return status;
}

void nyx_vulkan__block_release(nyx_vulkan__gpu *gpu, nyx_vulkan__block *block)
{
    if (block->buffer)
        gpu->vk.DestroyBuffer(gpu->handle, block->buffer, NULL);
    if (block->memory)
        gpu->vk.FreeMemory(gpu->handle, block->memory, NULL);
    *block = (nyx_vulkan__block){ 0 };
}
