/* open -- choosing a Vulkan device and making it ready. */
#include "device/vulkan/tune.h"

#include <string.h>

int nyx_vulkan__error(VkResult result, const char *what)
{
    switch (result) {
    case VK_ERROR_OUT_OF_HOST_MEMORY:
        return nyx_error_set(NYX_ERR_MEMORY, "the Vulkan driver has no host memory left while %s", what);
    case VK_ERROR_OUT_OF_DEVICE_MEMORY:
        return nyx_error_set(NYX_ERR_MEMORY, "the GPU has no memory left while %s; a smaller batch needs less", what);
    case VK_ERROR_DEVICE_LOST:
        return nyx_error_set(NYX_ERR_DEVICE, "the GPU was lost while %s; resume, or go on with --device=cpu", what);
    default:
        return nyx_error_set(NYX_ERR_DEVICE,
                             "the Vulkan driver failed with %d while %s; --device=cpu goes on without it", (int)result,
                             what);
    }
}

/* ---- which one ---------------------------------------------------------------------- */

static int choose_device(nyx_vulkan__gpu *gpu, int index)
{
    VkPhysicalDevice devices[NYX_VULKAN_MOST];
    uint32_t         count = NYX_VULKAN_MOST;
    uint32_t         chosen = 0;

    if (gpu->vk.EnumeratePhysicalDevices(gpu->vk.instance, &count, devices) < 0 || count == 0)
        return nyx_error_set(NYX_ERR_UNSUPPORTED, "no Vulkan device: the drivers find none; --device=cpu needs none");
    if (index >= (int)count)
        return nyx_error_set(NYX_ERR_UNSUPPORTED, "no device 'vulkan:%d': there %s %u, from vulkan:0 on; nyx-profile "
                                                  "lists them", index, count == 1 ? "is" : "are", count);
    for (uint32_t i = 0; i < count; i++) {
        nyx_vulkan_device facts = { 0 };

        if (index >= 0)
            break;
        nyx_vulkan__ask(&gpu->vk, devices[i], &facts);
        if (strcmp(facts.type, "cpu")) {
            chosen = i;
            break;
        }
    }
    chosen = index >= 0 ? (uint32_t)index : chosen;
    gpu->index = (int)chosen;
    gpu->physical = devices[chosen];
    memset(&gpu->facts, 0, sizeof gpu->facts);
    nyx_vulkan__ask(&gpu->vk, gpu->physical, &gpu->facts);
    snprintf(gpu->device->name, sizeof gpu->device->name, "vulkan:%u", chosen);
    if (gpu->facts.api_minor < 1 && gpu->facts.api_major < 2)
        return nyx_error_set(NYX_ERR_UNSUPPORTED, "'%s' has Vulkan 1.0, 1.1 is needed", gpu->facts.name);
    return 0;
}

/* A queue that computes, rather one that does not draw. */
static int choose_queue(nyx_vulkan__gpu *gpu)
{
    VkQueueFamilyProperties families[32];
    uint32_t                count = 32;
    int                     found = -1;

    gpu->vk.GetPhysicalDeviceQueueFamilyProperties(gpu->physical, &count, families);
    for (uint32_t i = 0; i < count; i++) {
        const VkQueueFlags flags = families[i].queueFlags;

        if ((flags & VK_QUEUE_COMPUTE_BIT) && (found < 0 || !(flags & VK_QUEUE_GRAPHICS_BIT)))
            found = (int)i;
        if (found >= 0 && !(families[found].queueFlags & VK_QUEUE_GRAPHICS_BIT))
            break;
    }
    if (found < 0)
        return nyx_error_set(NYX_ERR_UNSUPPORTED, "'%s' has no queue that computes", gpu->facts.name);
    gpu->family = (uint32_t)found;
    if (families[found].timestampValidBits == 0)
        gpu->tick_ns = 0;
    return 0;
}

/* ---- making it -------------------------------------------------------------------------- */

/* Ask for exactly what shaders may use, where the device has it. */
static VkResult create_device(nyx_vulkan__gpu *gpu)
{
    const nyx_vulkan_device         *has = &gpu->facts;
    const float                      priority = 1.0f;
    VkPhysicalDeviceVulkan13Features third = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_FEATURES,
                                               .shaderIntegerDotProduct = has->has.dot,
                                               .subgroupSizeControl = has->has.subgroup_size };
    VkPhysicalDeviceVulkan12Features second = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
                                                .storageBuffer8BitAccess = has->has.storage8,
                                                .shaderFloat16 = has->has.float16, .shaderInt8 = has->has.int8,
                                                .vulkanMemoryModel = has->has.memory_model };
    VkPhysicalDevice16BitStorageFeatures half = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES,
                                                  .storageBuffer16BitAccess = has->has.storage16 };
    VkPhysicalDeviceShaderBfloat16FeaturesKHR brain = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_BFLOAT16_FEATURES_KHR, .shaderBFloat16Type = VK_TRUE,
        .shaderBFloat16CooperativeMatrix = VK_TRUE
    };
    VkPhysicalDeviceCooperativeMatrixFeaturesKHR matrix = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR, .cooperativeMatrix = VK_TRUE
    };
    const char *const             extensions[] = { VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME,
                                                   VK_KHR_SHADER_BFLOAT16_EXTENSION_NAME };
    const bool        matrices = has->matrix[0].m > 0 || has->matrix[1].m > 0 || has->matrix[2].m > 0;
    const bool        bfloat = has->matrix[1].m > 0;
    const VkDeviceQueueCreateInfo queue = { .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                            .queueFamilyIndex = gpu->family, .queueCount = 1,
                                            .pQueuePriorities = &priority };
    const VkDeviceCreateInfo info = { .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO, .pNext = &half,
                                      .queueCreateInfoCount = 1, .pQueueCreateInfos = &queue,
                                      .enabledExtensionCount = matrices ? 1 + bfloat : 0,
                                      .ppEnabledExtensionNames = extensions };

    brain.pNext = has->api_minor >= 2 ? &second : NULL;
    matrix.pNext = bfloat ? (void *)&brain : brain.pNext;
    half.pNext = matrices ? (void *)&matrix : brain.pNext;
    second.pNext = has->api_minor >= 3 ? &third : NULL;
    return gpu->vk.CreateDevice(gpu->physical, &info, NULL, &gpu->handle);
}

/* Larger memory goes with more speed: 8 GiB for each measure of it. */
static double guess_pace(const nyx_vulkan__gpu *gpu)
{
    double pace = 1.0;

    for (uint32_t i = 0; i < gpu->memory.memoryHeapCount && !gpu->unified; i++) {
        const double heap = (double)gpu->memory.memoryHeaps[i].size / (double)(8ll << 30);

        if ((gpu->memory.memoryHeaps[i].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT) && heap > pace)
            pace = heap;
    }
    return gpu->switches.slow > 0 ? pace / (double)gpu->switches.slow : pace;
}

static void ask_memory(nyx_vulkan__gpu *gpu)
{
    VkPhysicalDeviceMemoryProperties2 memory = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2 };
    VkPhysicalDeviceProperties2       all = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2 };

    gpu->vk.GetPhysicalDeviceMemoryProperties2(gpu->physical, &memory);
    gpu->vk.GetPhysicalDeviceProperties2(gpu->physical, &all);
    gpu->memory = memory.memoryProperties;
    gpu->tick_ns = all.properties.limits.timestampPeriod;
    gpu->unified = !gpu->switches.staging &&
                   (!strcmp(gpu->facts.type, "cpu") || !strcmp(gpu->facts.type, "integrated"));
    if (gpu->switches.most > 0 && gpu->switches.most < gpu->facts.buffer_most)
        gpu->facts.buffer_most = gpu->switches.most;
    gpu->pace = guess_pace(gpu);
    gpu->group = gpu->facts.group_invocations >= 256 ? 256 : 128;
    gpu->patience_ms = !strcmp(gpu->facts.type, "cpu") ? 600000 : 10000;
}

void nyx_vulkan__close(nyx_device *device)
{
    nyx_vulkan__gpu *gpu = device->own;

    if (!gpu)
        return;
    if (gpu->handle) {
        nyx_vulkan__stream_release(gpu);
        nyx_vulkan__pipelines_release(gpu);
        gpu->vk.DestroyDevice(gpu->handle, NULL);
    }
    nyx_vulkan__api_close(&gpu->vk);
    nyx_vulkan__tune_release(gpu);
    nyx_free(gpu->tried);
    nyx_free(gpu);
}

static int open_gpu(nyx_device *device, int index, const nyx_vulkan__switches *switches, double haste)
{
    nyx_vulkan__gpu *gpu;
    const char      *why;
    VkResult         result;
    int              status = nyx_alloc(&gpu, sizeof *gpu);

    if (status < 0)
        return status;
    device->own = gpu;
    gpu->device = device;
    gpu->asked = gpu->switches = *switches;
    gpu->haste = haste;
    if ((why = nyx_vulkan__api_open(&gpu->vk, NULL)))
        return nyx_error_set(NYX_ERR_UNSUPPORTED, "no Vulkan device: %s; --device=cpu needs none", why);
    if ((status = choose_device(gpu, index)) < 0)
        return status;
    ask_memory(gpu);
    if ((status = choose_queue(gpu)) < 0)
        return status;
    result = create_device(gpu);
    if (result != VK_SUCCESS)
        return nyx_vulkan__error(result, "opening it");
    if (!nyx_vulkan__api_device(&gpu->vk, gpu->handle)) {
        gpu->handle = VK_NULL_HANDLE; /* nothing of it can be called, not even its end */
        return nyx_error_set(NYX_ERR_UNSUPPORTED, "the driver of '%s' lacks functions of Vulkan 1.1", gpu->facts.name);
    }
    gpu->vk.GetDeviceQueue(gpu->handle, gpu->family, 0, &gpu->queue);
    if ((status = nyx_vulkan__pipelines_create(gpu)) < 0 || (status = nyx_vulkan__stream_create(gpu)) < 0)
        return status;
    return nyx_vulkan__canary(gpu);
}

const nyx_vulkan_device *nyx_device_gpu(const nyx_device *device)
{
    const nyx_device *leader = nyx_device__leader(device);

    return leader->backend == &nyx_device__vulkan ? &nyx_vulkan__gpu_of(leader)->facts : NULL;
}

int nyx_device__vulkan_open(nyx_device *device, int index, const char *switches)
{
    nyx_vulkan__switches read;
    const int            status = nyx_vulkan__switches_parse(&read, switches);

    return status < 0 ? status : open_gpu(device, index, &read, 1.0);
}

/* Faults go on counting: the third submit is the third of all. */
int nyx_vulkan__reopen(nyx_device *device)
{
    nyx_vulkan__gpu           *gpu = device->own;
    nyx_vulkan__switches       switches;
    const int                  index = gpu ? gpu->index : 0;
    const double               haste = gpu ? gpu->haste : 1.0;
    int                        status;

    if (!gpu)
        return nyx_error_set(NYX_ERR_DEVICE, "it was not opened before");
    switches = gpu->switches.again ? gpu->asked : gpu->switches;
    nyx_vulkan__close(device);
    device->own = NULL;
    status = open_gpu(device, index, &switches, haste / 2.0);
    gpu = device->own;
    if (status == 0 && switches.other)
        snprintf(gpu->facts.name, sizeof gpu->facts.name, "another device");
    return status;
}
