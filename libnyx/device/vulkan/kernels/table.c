/* table -- every kernel, in the order in which they are tried. */
#include "device/vulkan/kernels/kernels.h"

const nyx_vulkan__kernel *const nyx_vulkan__kernels[] = {
    nyx_vulkan__cached,
    nyx_vulkan__coded_kernels,
    nyx_vulkan__attention,
    nyx_vulkan__elementwise,
    nyx_vulkan__lookup,
    nyx_vulkan__matmul,
    nyx_vulkan__move,
    nyx_vulkan__norm,
    nyx_vulkan__activation,
    nyx_vulkan__step,
    nyx_vulkan__reduce,
    nyx_vulkan__loss,
    NULL,
};
