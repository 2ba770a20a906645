/* api -- the loader, opened at run time: without it everything runs on the CPU. */
#include "device/vulkan/api.h"

#include <dlfcn.h>
#include <string.h>

/* dlsym gives an object pointer; POSIX says that it may be a function's. */
static void symbol(void *library, const char *name, void *function)
{
    void *found = dlsym(library, name);

    memcpy(function, &found, sizeof found);
}

static const char *open_instance(nyx_vulkan__api *vk)
{
    const VkApplicationInfo    application = { .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO, .pApplicationName = "nyx",
                                               .apiVersion = VK_API_VERSION_1_3 };
    const VkInstanceCreateInfo info = { .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                                        .pApplicationInfo = &application };
    PFN_vkCreateInstance       create;
    bool                       whole = true;

    symbol(vk->library, "vkGetInstanceProcAddr", &vk->get);
    create = vk->get ? (PFN_vkCreateInstance)vk->get(NULL, "vkCreateInstance") : NULL;
    if (!create)
        return "libvulkan.so.1 is no Vulkan loader";
    if (create(&info, NULL, &vk->instance) != VK_SUCCESS) {
        vk->instance = VK_NULL_HANDLE;
        return "the Vulkan loader finds no driver; Debian: mesa-vulkan-drivers";
    }
#define FIND(name)                                                                  \
    vk->name = (PFN_vk##name)vk->get(vk->instance, "vk" #name);                     \
    whole = whole && vk->name;
    NYX_VULKAN_OF_INSTANCE(FIND)
#undef FIND
    vk->GetPhysicalDeviceCooperativeMatrixPropertiesKHR =
        (PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR)vk->get(
            vk->instance, "vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR");
    return whole ? NULL : "the Vulkan loader is older than 1.1";
}

const char *nyx_vulkan__api_open(nyx_vulkan__api *vk, const char *loader)
{
    const char *why;

    memset(vk, 0, sizeof *vk);
    vk->library = dlopen(loader ? loader : "libvulkan.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!vk->library)
        return "no libvulkan.so.1; Debian: libvulkan1";
    why = open_instance(vk);
    if (why)
        nyx_vulkan__api_close(vk);
    return why;
}

bool nyx_vulkan__api_device(nyx_vulkan__api *vk, VkDevice device)
{
    bool whole = true;

#define FIND(name)                                                                  \
    vk->name = (PFN_vk##name)vk->GetDeviceProcAddr(device, "vk" #name);             \
    whole = whole && vk->name;
    NYX_VULKAN_OF_DEVICE(FIND)
#undef FIND
    return whole;
}

/* Drivers keep threads and thread-local data that do not outlive dlclose: the
 * library stays. */
void nyx_vulkan__api_close(nyx_vulkan__api *vk)
{
    if (vk->instance && vk->DestroyInstance)
        vk->DestroyInstance(vk->instance, NULL);
    memset(vk, 0, sizeof *vk);
}
