/* canary -- what a driver does to shaders (shaders/canary.comp), asked once when
 * the device is opened: one submit of one invocation.
 *
 * Known to sing: Mesa 22.3's llvmpipe ends all loops of an invocation after 65,535
 * turns, without a word; Mesa 25.0's and 26.1's drop a rounding to f16 that stays
 * in registers from a module without float controls. */
#include "device/vulkan/vulkan.h"

#include <string.h>

enum { WORDS = 6, TURNS = 70000 };

static const uint32_t questions[WORDS] = { 0x3f800800u, 0x00800000u, 0x00080000u, 0x7fc00000u, 0x3f8009d5u, TURNS };

static uint32_t hash_of_turns(void)
{
    uint32_t hash = 1;

    for (uint32_t i = 0; i < TURNS; i++)
        hash = hash * 1664525u + i;
    return hash;
}

/* Questions in the first 256 bytes, answers behind. */
static VkResult bind_block(nyx_vulkan__gpu *gpu, VkDescriptorPool pool, const nyx_vulkan__block *block,
                           VkDescriptorSet *set)
{
    const VkDescriptorSetAllocateInfo one = { .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
                                              .descriptorPool = pool, .descriptorSetCount = 1,
                                              .pSetLayouts = &gpu->set_layout };
    const VkDescriptorBufferInfo infos[2] = { { block->buffer, 0, WORDS * 4 }, { block->buffer, 256, WORDS * 4 } };
    const VkResult               result = gpu->vk.AllocateDescriptorSets(gpu->handle, &one, set);

    if (result != VK_SUCCESS)
        return result;
    for (uint32_t i = 0; i < 2; i++) {
        const VkWriteDescriptorSet write = { .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET, .dstSet = *set,
                                             .dstBinding = i, .descriptorCount = 1,
                                             .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                             .pBufferInfo = &infos[i] };

        gpu->vk.UpdateDescriptorSets(gpu->handle, 1, &write, 0, NULL);
    }
    return VK_SUCCESS;
}

static int sing(nyx_vulkan__gpu *gpu, VkDescriptorPool pool, nyx_vulkan__block *block, uint32_t answers[WORDS])
{
    const uint32_t  group = 1;
    VkCommandBuffer commands;
    VkDescriptorSet set;
    VkResult        result;
    int             pipeline, status = nyx_vulkan__pipeline_find(gpu, &pipeline, "canary", &group, 1);

    if (status < 0)
        return status;
    result = bind_block(gpu, pool, block, &set);
    if (result != VK_SUCCESS)
        return nyx_vulkan__error(result, "binding memory");
    nyx_vulkan__write(gpu, block, 0, questions, sizeof questions);
    if ((commands = nyx_vulkan__copies(gpu))) {
        nyx_vulkan__barrier(gpu, commands);
        gpu->vk.CmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_COMPUTE, gpu->layout, 0, 1, &set, 0, NULL);
        gpu->vk.CmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, gpu->pipelines[pipeline].pipeline);
        gpu->vk.CmdDispatch(commands, 1, 1, 1);
        nyx_vulkan__barrier(gpu, commands);
    }
    nyx_vulkan__read(gpu, &(nyx_vulkan__wanted){ block, 256, WORDS * 4, answers }, 1);
    return nyx_device_check(gpu->device);
}

int nyx_vulkan__canary(nyx_vulkan__gpu *gpu)
{
    const VkDescriptorPoolSize       size = { VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, NYX_VULKAN_BINDINGS };
    const VkDescriptorPoolCreateInfo info = { .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO, .maxSets = 1,
                                              .poolSizeCount = 1, .pPoolSizes = &size };
    const nyx_vulkan__switches       switches = gpu->switches;
    VkDescriptorPool                 pool = VK_NULL_HANDLE;
    nyx_vulkan__block                block = { 0 };
    uint32_t                         answers[WORDS];
    VkResult                         result;
    int                              status;

    gpu->switches = (nyx_vulkan__switches){ .staging = switches.staging }; /* faults count from the first work on */
    result = gpu->vk.CreateDescriptorPool(gpu->handle, &info, NULL, &pool);
    status = result == VK_SUCCESS ? 0 : nyx_vulkan__error(result, "binding memory");
    if (status == 0)
        status = nyx_vulkan__block_create(gpu, &block, 512, NYX_VULKAN_LOCAL);
    if (status == 0)
        status = sing(gpu, pool, &block, answers);
    if (status == 0) {
        gpu->facts.shaders.known = true;
        gpu->facts.shaders.rounds_f16 = answers[0] == 1;
        gpu->facts.shaders.fuses_fma = answers[1] == 1;
        gpu->facts.shaders.fuses_precise = answers[2] == 1;
        gpu->facts.shaders.keeps_denormals = answers[3] == 1;
        gpu->facts.shaders.compares_nan = answers[4] == 1;
        gpu->facts.shaders.long_loops = answers[5] == hash_of_turns() && !switches.short_loops;
    }
    nyx_vulkan__finish(gpu);
    nyx_vulkan__block_release(gpu, &block);
    if (pool)
        gpu->vk.DestroyDescriptorPool(gpu->handle, pool, NULL);
    gpu->switches = switches;
    return status;
}
