/* table -- the reference kernels as the device sees them. */
#include "device/cpu/reference/real.h"

#define ROW(op, name, workspace) { NYX_OP_##op, "plain", NYX_REFERENCE(name), workspace, NULL },

#if NYX_REFERENCE_F64
const nyx_kernel nyx_cpu_reference_f64[] = {
#else
const nyx_kernel nyx_cpu_reference_f32[] = {
#endif
    NYX_REFERENCE_KERNELS(ROW)
    { NYX_OP_NONE, NULL, NULL, NULL, NULL },
};
