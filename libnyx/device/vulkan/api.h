/* vulkan/api -- the functions of Vulkan that we call, found at run time.
 *
 * Vulkan 1.1 is the floor; what is newer is asked for by name and may be NULL.
 */
#ifndef NYX_VULKAN_API_H
#define NYX_VULKAN_API_H

#include <stdbool.h>

#define VK_NO_PROTOTYPES
#include "device/vulkan/later.h"

#define NYX_VULKAN_OF_INSTANCE(F)                                           \
    F(DestroyInstance) F(EnumeratePhysicalDevices)                          \
    F(GetPhysicalDeviceProperties2) F(GetPhysicalDeviceFeatures2)           \
    F(GetPhysicalDeviceMemoryProperties2)                                   \
    F(GetPhysicalDeviceQueueFamilyProperties)                               \
    F(EnumerateDeviceExtensionProperties) F(CreateDevice) F(GetDeviceProcAddr)

#define NYX_VULKAN_OF_DEVICE(F)                                             \
    F(DestroyDevice) F(GetDeviceQueue) F(DeviceWaitIdle)                    \
    F(CreateBuffer) F(DestroyBuffer) F(GetBufferMemoryRequirements)         \
    F(AllocateMemory) F(FreeMemory) F(BindBufferMemory) F(MapMemory)        \
    F(CreateShaderModule) F(DestroyShaderModule)                            \
    F(CreateDescriptorSetLayout) F(DestroyDescriptorSetLayout)              \
    F(CreateDescriptorPool) F(DestroyDescriptorPool)                        \
    F(AllocateDescriptorSets) F(UpdateDescriptorSets)                       \
    F(CreatePipelineLayout) F(DestroyPipelineLayout)                        \
    F(CreatePipelineCache) F(DestroyPipelineCache) F(GetPipelineCacheData)  \
    F(CreateComputePipelines) F(DestroyPipeline)                            \
    F(CreateCommandPool) F(DestroyCommandPool) F(AllocateCommandBuffers)    \
    F(FreeCommandBuffers) F(BeginCommandBuffer) F(EndCommandBuffer)         \
    F(CmdBindPipeline) F(CmdBindDescriptorSets) F(CmdPushConstants)         \
    F(CmdDispatch) F(CmdDispatchBase) F(CmdPipelineBarrier) F(CmdCopyBuffer) \
    F(CmdUpdateBuffer) F(CmdFillBuffer)                                     \
    F(CreateQueryPool) F(DestroyQueryPool) F(CmdResetQueryPool)             \
    F(CmdWriteTimestamp) F(GetQueryPoolResults)                             \
    F(QueueSubmit) F(CreateFence) F(DestroyFence) F(ResetFences)            \
    F(WaitForFences)

#define NYX_VULKAN_MEMBER(name) PFN_vk##name name;
typedef struct {
    void                     *library;
    VkInstance                instance;
    PFN_vkGetInstanceProcAddr get;
    /* may be NULL */
    PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR GetPhysicalDeviceCooperativeMatrixPropertiesKHR;
    NYX_VULKAN_OF_INSTANCE(NYX_VULKAN_MEMBER)
    NYX_VULKAN_OF_DEVICE(NYX_VULKAN_MEMBER)
} nyx_vulkan__api;
#undef NYX_VULKAN_MEMBER

/* Open the loader (NULL: libvulkan.so.1), make an instance, find the functions
 * of an instance. NULL, or why not. */
const char *nyx_vulkan__api_open(nyx_vulkan__api *vk, const char *loader);
/* the functions of a device; false: some are missing */
bool        nyx_vulkan__api_device(nyx_vulkan__api *vk, VkDevice device);
void        nyx_vulkan__api_close(nyx_vulkan__api *vk);

#endif
