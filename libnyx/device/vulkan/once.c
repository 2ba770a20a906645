/* once -- a shader that is run once, on bytes of the host. */
#include "device/vulkan/vulkan.h"

enum { ALIGN = 256 }; /* of bindings */

static int64_t place_of(const nyx_vulkan__once *once, int operand)
{
    int64_t at = 0;

    for (int i = 0; i < operand; i++)
        at += (once->operands[i].bytes + ALIGN - 1) / ALIGN * ALIGN;
    return at;
}

static VkResult bind_block(nyx_vulkan__gpu *gpu, const nyx_vulkan__once *once, VkDescriptorPool pool,
                           const nyx_vulkan__block *block, VkDescriptorSet *set)
{
    const VkDescriptorSetAllocateInfo one = { .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
                                              .descriptorPool = pool, .descriptorSetCount = 1,
                                              .pSetLayouts = &gpu->set_layout };
    const VkResult                    result = gpu->vk.AllocateDescriptorSets(gpu->handle, &one, set);

    if (result != VK_SUCCESS)
        return result;
    for (int i = 0; i < once->operand_count; i++) {
        const VkDescriptorBufferInfo info = { block->buffer, (VkDeviceSize)place_of(once, i),
                                              (VkDeviceSize)once->operands[i].bytes };
        const VkWriteDescriptorSet   write = { .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET, .dstSet = *set,
                                               .dstBinding = (uint32_t)i, .descriptorCount = 1,
                                               .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                               .pBufferInfo = &info };

        gpu->vk.UpdateDescriptorSets(gpu->handle, 1, &write, 0, NULL);
    }
    return VK_SUCCESS;
}

static int dispatch(nyx_vulkan__gpu *gpu, const nyx_vulkan__once *once, VkDescriptorPool pool, nyx_vulkan__block *block)
{
    VkCommandBuffer commands;
    VkDescriptorSet set;
    VkResult        result;
    int             pipeline, status;

    if ((status = nyx_vulkan__pipeline_find(gpu, &pipeline, once->shader, once->spec, once->spec_count,
                                           false)) < 0)
        return status;
    result = bind_block(gpu, once, pool, block, &set);
    if (result != VK_SUCCESS)
        return nyx_vulkan__error(result, "binding memory");
    for (int i = 0; i < once->operand_count; i++)
        if (once->operands[i].in)
            nyx_vulkan__write(gpu, block, place_of(once, i), once->operands[i].in, once->operands[i].bytes);
    if ((commands = nyx_vulkan__copies(gpu))) {
        nyx_vulkan__barrier(gpu, commands);
        gpu->vk.CmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_COMPUTE, gpu->layout, 0, 1, &set, 0, NULL);
        gpu->vk.CmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, gpu->pipelines[pipeline].pipeline);
        gpu->vk.CmdPushConstants(commands, gpu->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, sizeof once->push, once->push);
        gpu->vk.CmdDispatch(commands, once->groups, 1, 1);
        nyx_vulkan__barrier(gpu, commands);
    }
    for (int i = 0; i < once->operand_count; i++)
        if (once->operands[i].out)
            nyx_vulkan__read(gpu, &(nyx_vulkan__wanted){ block, place_of(once, i), once->operands[i].bytes,
                                                         once->operands[i].out }, 1);
    return nyx_device_check(gpu->device);
}

int nyx_vulkan__run_once(nyx_vulkan__gpu *gpu, const nyx_vulkan__once *once)
{
    const VkDescriptorPoolSize       size = { VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, NYX_VULKAN_BINDINGS };
    const VkDescriptorPoolCreateInfo info = { .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO, .maxSets = 1,
                                              .poolSizeCount = 1, .pPoolSizes = &size };
    VkDescriptorPool                 pool = VK_NULL_HANDLE;
    nyx_vulkan__block                block = { 0 };
    VkResult                         result = gpu->vk.CreateDescriptorPool(gpu->handle, &info, NULL, &pool);
    int                              status = result == VK_SUCCESS ? 0 : nyx_vulkan__error(result, "binding memory");

    if (status == 0)
        status = nyx_vulkan__block_create(gpu, &block, place_of(once, once->operand_count), NYX_VULKAN_LOCAL);
    if (status == 0)
        status = dispatch(gpu, once, pool, &block);
    nyx_vulkan__finish(gpu);
    nyx_vulkan__block_release(gpu, &block);
    if (pool)
        gpu->vk.DestroyDescriptorPool(gpu->handle, pool, NULL);
    return status;
}
