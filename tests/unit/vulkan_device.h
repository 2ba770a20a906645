/* vulkan_device -- is there a Vulkan device in a test? */
#ifndef VULKAN_DEVICE_H
#define VULKAN_DEVICE_H

#include "machine.h"

/* Says why not, as the counting of skipped tests wants it. */
static inline bool has_device(void)
{
    nyx_device *device;
    const bool  found = nyx_device_open(&device, "vulkan", 1) == 0;

    if (found)
        nyx_device_close(device);
    else
        print_message("skipped: no Vulkan device; package mesa-vulkan-drivers\n");
    return found;
}

#endif
