/* enumerate -- which Vulkan devices there are and what they can.
 *
 * The loader is opened at run time and asked in a child process: drivers may
 * crash, print and start threads. The child sends one nyx_vulkan through a
 * pipe, then another that also knows what shaders do, and one with what was
 * measured: a driver that ends there has still said what it is. */
#include "device/machine.h"
#include "device/vulkan/vulkan.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WAIT_MS = 20000, MEASURE_MS = 60000 /* a device */, EXTENSIONS_MOST = 1024 };

typedef nyx_vulkan__api api;

/* ---- one device --------------------------------------------------------------------- */

typedef struct {
    VkExtensionProperties *list;
    uint32_t               count;
} extension_list;

static bool has(const extension_list *e, const char *name)
{
    for (uint32_t i = 0; i < e->count; i++)
        if (!strcmp(e->list[i].extensionName, name))
            return true;
    return false;
}

static const char *type_name(VkPhysicalDeviceType type)
{
    switch (type) {
    case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU:   return "discrete";
    case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU: return "integrated";
    case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU:    return "virtual";
    case VK_PHYSICAL_DEVICE_TYPE_CPU:            return "cpu";
    default:                                     return "other";
    }
}

static int64_t clipped(uint64_t bytes)
{
    return bytes > INT64_MAX ? INT64_MAX : (int64_t)bytes;
}

static void ask_limits(const api *vk, VkPhysicalDevice device, nyx_vulkan_device *out)
{
    VkPhysicalDeviceShaderIntegerDotProductProperties dot = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_PROPERTIES
    };
    VkPhysicalDeviceSubgroupProperties subgroup = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES };
    VkPhysicalDeviceMaintenance3Properties most = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_3_PROPERTIES
    };
    VkPhysicalDeviceFloatControlsProperties floats = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FLOAT_CONTROLS_PROPERTIES
    };
    VkPhysicalDeviceDriverProperties driver = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES };
    VkPhysicalDeviceProperties2 all = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &subgroup };
    const VkPhysicalDeviceLimits *limits = &all.properties.limits;

    subgroup.pNext = &most;
    most.pNext = out->api_minor >= 2 ? &driver : NULL;
    driver.pNext = &floats;
    floats.pNext = out->api_minor >= 3 ? &dot : NULL;
    vk->GetPhysicalDeviceProperties2(device, &all);
    out->buffer_most = limits->maxStorageBufferRange;
    out->allocation_most = clipped(most.maxMemoryAllocationSize);
    out->shared_bytes = limits->maxComputeSharedMemorySize;
    out->push_bytes = limits->maxPushConstantsSize;
    out->group_invocations = limits->maxComputeWorkGroupInvocations;
    out->subgroup = (int)subgroup.subgroupSize;
    out->has.denormals = floats.shaderDenormPreserveFloat32;
    out->has.nan = floats.shaderSignedZeroInfNanPreserveFloat32;
    out->has.dot_fast = dot.integerDotProduct4x8BitPackedSignedAccelerated;
    if (out->api_minor >= 2)
        snprintf(out->driver, sizeof out->driver, "%.100s %.150s", driver.driverName, driver.driverInfo);
}

/* The largest of its shapes for one type of factors, up to 16 x 16 and 32 bytes of terms. */
static void ask_matrix(const api *vk, VkPhysicalDevice device, nyx_vulkan_device *out, int type)
{
    VkCooperativeMatrixPropertiesKHR list[64];
    const int factor = type == 2   ? VK_COMPONENT_TYPE_SINT8_KHR
                       : type == 1 ? (int)VK_COMPONENT_TYPE_BFLOAT16_KHR
                                   : VK_COMPONENT_TYPE_FLOAT16_KHR;
    const int sum = type == 2 ? VK_COMPONENT_TYPE_SINT32_KHR : VK_COMPONENT_TYPE_FLOAT32_KHR;
    const uint32_t                   most = type == 2 ? 32 : 16;
    uint32_t                         count = 64, best = 0;

    for (uint32_t i = 0; i < count; i++)
        list[i] = (VkCooperativeMatrixPropertiesKHR){ .sType = VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_PROPERTIES_KHR };
    if (vk->GetPhysicalDeviceCooperativeMatrixPropertiesKHR(device, &count, list) < 0)
        return;
    for (uint32_t i = 0; i < count; i++) {
        const VkCooperativeMatrixPropertiesKHR *p = &list[i];
        const bool     sums = (int)p->CType == sum && (int)p->ResultType == sum && !p->saturatingAccumulation;
        const bool     takes = (int)p->AType == factor && (int)p->BType == factor && p->scope == VK_SCOPE_SUBGROUP_KHR;
        const uint32_t size = p->MSize * p->NSize * p->KSize;

        if (!sums || !takes || p->MSize > 16 || p->NSize > 16 || p->KSize > most || size <= best)
            continue;
        best = size;
        out->matrix[type].m = (int)p->MSize;
        out->matrix[type].n = (int)p->NSize;
        out->matrix[type].k = (int)p->KSize;
    }
}

/* Matrix units whose shaders need Vulkan 1.2 and its memory model. */
static void ask_matrices(const api *vk, VkPhysicalDevice device, nyx_vulkan_device *out, const extension_list *e)
{
    const bool                                bfloat = has(e, VK_KHR_SHADER_BFLOAT16_EXTENSION_NAME);
    VkPhysicalDeviceShaderBfloat16FeaturesKHR brain = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_BFLOAT16_FEATURES_KHR
    };
    VkPhysicalDeviceCooperativeMatrixFeaturesKHR matrix = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR, .pNext = bfloat ? &brain : NULL
    };
    VkPhysicalDeviceFeatures2 all = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &matrix };

    if (!out->has.matrix || !out->has.memory_model || !vk->GetPhysicalDeviceCooperativeMatrixPropertiesKHR)
        return;
    vk->GetPhysicalDeviceFeatures2(device, &all);
    if (matrix.cooperativeMatrix && out->has.float16)
        ask_matrix(vk, device, out, 0);
    if (matrix.cooperativeMatrix && brain.shaderBFloat16Type && brain.shaderBFloat16CooperativeMatrix)
        ask_matrix(vk, device, out, 1);
    if (matrix.cooperativeMatrix && out->has.int8)
        ask_matrix(vk, device, out, 2);
}

static void ask_features(const api *vk, VkPhysicalDevice device, nyx_vulkan_device *out, const extension_list *e)
{
    VkPhysicalDeviceVulkan13Features third = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_FEATURES };
    VkPhysicalDeviceVulkan12Features second = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES };
    VkPhysicalDevice16BitStorageFeatures half = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES };
    VkPhysicalDeviceFeatures2 all = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &half };

    half.pNext = out->api_minor >= 2 ? &second : NULL;
    second.pNext = out->api_minor >= 3 ? &third : NULL;
    vk->GetPhysicalDeviceFeatures2(device, &all);
    out->has.storage16 = half.storageBuffer16BitAccess;
    out->has.storage8 = second.storageBuffer8BitAccess;
    out->has.float16 = second.shaderFloat16;
    out->has.int8 = second.shaderInt8;
    out->has.int64 = all.features.shaderInt64;
    out->has.float64 = all.features.shaderFloat64;
    out->has.memory_model = second.vulkanMemoryModel;
    out->has.address = second.bufferDeviceAddress;
    out->has.timeline = second.timelineSemaphore;
    out->has.subgroup_size = third.subgroupSizeControl;
    out->has.dot = third.shaderIntegerDotProduct || has(e, "VK_KHR_shader_integer_dot_product");
    out->has.matrix = has(e, "VK_KHR_cooperative_matrix");
    out->has.bfloat16 = has(e, "VK_KHR_shader_bfloat16");
    out->has.budget = has(e, "VK_EXT_memory_budget");
    out->has.host_import = has(e, "VK_EXT_external_memory_host");
}

static void ask_heaps(const api *vk, VkPhysicalDevice device, nyx_vulkan_device *out)
{
    VkPhysicalDeviceMemoryBudgetPropertiesEXT budget = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT
    };
    VkPhysicalDeviceMemoryProperties2 all = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2,
                                              .pNext = out->has.budget ? &budget : NULL };

    vk->GetPhysicalDeviceMemoryProperties2(device, &all);
    for (uint32_t i = 0; i < all.memoryProperties.memoryHeapCount && i < NYX_HEAPS_MOST; i++) {
        const VkMemoryHeap *heap = &all.memoryProperties.memoryHeaps[i];

        out->heaps[i].bytes = clipped(heap->size);
        out->heaps[i].local = heap->flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT;
        out->heaps[i].budget = out->has.budget ? clipped(budget.heapBudget[i]) : -1;
        out->heaps[i].used = out->has.budget ? clipped(budget.heapUsage[i]) : -1;
        out->heap_count++;
    }
}

void nyx_vulkan__ask(const nyx_vulkan__api *vk, VkPhysicalDevice device, nyx_vulkan_device *out)
{
    VkPhysicalDeviceProperties2 all = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2 };
    const VkPhysicalDeviceProperties *p = &all.properties;
    extension_list e = { 0 };

    vk->GetPhysicalDeviceProperties2(device, &all);
    snprintf(out->name, sizeof out->name, "%s", p->deviceName);
    snprintf(out->type, sizeof out->type, "%s", type_name(p->deviceType));
    out->vendor = p->vendorID;
    out->device = p->deviceID;
    out->api_major = VK_API_VERSION_MAJOR(p->apiVersion);
    out->api_minor = VK_API_VERSION_MINOR(p->apiVersion);
    out->api_patch = VK_API_VERSION_PATCH(p->apiVersion);
    if (vk->EnumerateDeviceExtensionProperties(device, NULL, &e.count, NULL) == VK_SUCCESS &&
        e.count <= EXTENSIONS_MOST && nyx_alloc(&e.list, (int64_t)(e.count + 1) * (int64_t)sizeof *e.list) == 0 &&
        vk->EnumerateDeviceExtensionProperties(device, NULL, &e.count, e.list) < 0)
        e.count = 0;
    if (!e.list)
        e.count = 0;
    ask_limits(vk, device, out);
    ask_features(vk, device, out, &e);
    ask_matrices(vk, device, out, &e);
    ask_heaps(vk, device, out);
    nyx_free(e.list);
}

/* ---- the loader ------------------------------------------------------------------------- */

static void ask(nyx_vulkan *out, const char *loader)
{
    VkPhysicalDevice devices[NYX_VULKAN_MOST];
    uint32_t         count = NYX_VULKAN_MOST;
    api              vk = { 0 };
    const char      *why = nyx_vulkan__api_open(&vk, loader);

    if (!why && vk.EnumeratePhysicalDevices(vk.instance, &count, devices) < 0)
        why = "the Vulkan driver does not tell its devices";
    if (!why && count == 0)
        why = "the Vulkan drivers find no device";
    for (uint32_t i = 0; i < count && !why; i++)
        nyx_vulkan__ask(&vk, devices[i], &out->devices[out->count++]);
    snprintf(out->reason, sizeof out->reason, "%s", why ? why : "");
}

/* ---- the child ------------------------------------------------------------------------------ */

static void send(int to, const nyx_vulkan *found)
{
    const char *at = (const char *)found;

    for (size_t left = sizeof *found; left > 0;) {
        const ssize_t sent = write(to, at, left);

        if (sent <= 0)
            _exit(1);
        at += sent;
        left -= (size_t)sent;
    }
}

/* MHz that a sensor of that very name tells; 0: none does. */
static double clock_of(nyx_sensors *sensors, const char *device)
{
    if (sensors)
        nyx_sensors_read(sensors);
    for (int i = 0; sensors && i < nyx_sensors_count(sensors); i++) {
        const nyx_sensor *s = nyx_sensors_at(sensors, i);

        if (s->quantity == NYX_CLOCK && s->readings > 0 && !strncmp(s->device, device, sizeof s->device - 1))
            return s->last;
    }
    return 0.0;
}

static void measure(nyx_device *device, nyx_vulkan_device *out)
{
    nyx_sensors *sensors = NULL;

    if (nyx_sensors_open(&sensors, "") < 0)
        sensors = NULL;
    out->measured.known = out->measured.steady = true;
    for (int rate = 0; rate < NYX_RATE_COUNT; rate++) {
        nyx_gauge   *gauge;
        nyx_measured found = { 0 };

        if (nyx_gauge_open(&gauge, device, (enum nyx_rate)rate, 0) == 0) {
            found = nyx_gauge_measure(gauge);
            out->measured.steady = out->measured.steady && found.steady;
            if (rate == NYX_RATE_F32)
                out->measured.clock_mhz = clock_of(sensors, out->name);
        }
        nyx_gauge_close(gauge);
        out->measured.rate[rate] = found.rate;
        if (!(found.rate > 0.0))
            snprintf(out->measured.reason[rate], sizeof out->measured.reason[rate], "%s",
                     nyx_device_check(device) < 0 || gauge == NULL ? nyx_error_text() : "it was not measured");
    }
    nyx_sensors_close(sensors);
}

/* Opening a device runs its canary. */
static void ask_shaders(nyx_vulkan *found, bool measured)
{
    for (int i = 0; i < found->count; i++) {
        nyx_device *device;
        char        name[32];

        snprintf(name, sizeof name, "vulkan:%d", i);
        if (nyx_device_open(&device, name, 1) < 0)
            continue;
        found->devices[i].shaders = nyx_vulkan__gpu_of(device)->facts.shaders;
        if (measured)
            measure(device, &found->devices[i]);
        nyx_device_close(device);
    }
}

static _Noreturn void answer(int to, const char *loader, bool measured)
{
    const int   silence = open("/dev/null", O_RDWR);
    nyx_vulkan *found;

    for (int fd = 0; fd < 3; fd++)
        dup2(silence, fd);
    if (nyx_alloc(&found, sizeof *found) < 0)
        _exit(1);
    ask(found, loader);
    send(to, found);
    if (!loader)
        ask_shaders(found, false);
    send(to, found);
    if (!loader && measured)
        ask_shaders(found, true);
    send(to, found);
    _exit(0);
}

/* Everything, or false: it ended or was silent too long. */
static bool receive(int from, nyx_vulkan *out, int64_t wait_ms)
{
    const int64_t until = nyx_clock_ns() + wait_ms * 1000000;
    size_t        had = 0;

    while (had < sizeof *out) {
        struct pollfd waits = { .fd = from, .events = POLLIN };
        const int64_t left = (until - nyx_clock_ns()) / 1000000;
        ssize_t       got;

        if (left <= 0 || (poll(&waits, 1, (int)left) < 0 && errno != EINTR))
            return false;
        if (!waits.revents)
            continue;
        got = read(from, (char *)out + had, sizeof *out - had);
        if (got == 0 || (got < 0 && errno != EINTR))
            return false;
        had += got > 0 ? (size_t)got : 0;
    }
    return true;
}

void nyx_vulkan_probe(nyx_vulkan *out, const char *loader, bool measured)
{
    int        pipes[2], status = 0, messages = 0;
    pid_t      child;
    nyx_vulkan next = { .count = 0 };

    memset(out, 0, sizeof *out);
    snprintf(out->reason, sizeof out->reason, "cannot start a process to ask Vulkan");
    if (pipe2(pipes, O_CLOEXEC) < 0)
        return;
    child = fork();
    if (child == 0)
        answer(pipes[1], loader, measured);
    close(pipes[1]);
    while (messages < 3 && child > 0 &&
           receive(pipes[0], &next, messages < 2 || !measured ? WAIT_MS : MEASURE_MS * next.count)) {
        *out = next;
        messages++;
    }
    close(pipes[0]);
    if (child < 0)
        return;
    if (messages < 3)
        kill(child, SIGKILL);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (messages > 0)
        return;
    memset(out, 0, sizeof *out);
    snprintf(out->reason, sizeof out->reason, "a Vulkan driver crashed or did not answer in %d s", WAIT_MS / 1000);
}
