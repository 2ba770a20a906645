/* kernels -- the tables of this folder, one a source. */
#ifndef NYX_VULKAN_KERNELS_H
#define NYX_VULKAN_KERNELS_H

#include "device/vulkan/kernel.h"

extern const nyx_vulkan__kernel nyx_vulkan__elementwise[];
extern const nyx_vulkan__kernel nyx_vulkan__move[];

#endif
