/* cpu -- the kernel tables of the CPU device, inside device/ only.
 *
 * reference/  one plain single-threaded loop for every operation, compiled
 *             for f32 and for f64: always right, and what tests compare with
 * isa/        fast threaded f32 kernels, compiled once for each instruction
 *             set
 *
 * Tables end with a row of op NYX_OP_NONE.
 */
#ifndef NYX_CPU_H
#define NYX_CPU_H

#include "device/device.h"
#include "graph/inference.h"

extern const nyx_kernel nyx_cpu_reference_f32[];
extern const nyx_kernel nyx_cpu_reference_f64[];
extern const nyx_kernel nyx_cpu_base[];
extern const nyx_kernel nyx_cpu_neon[];
extern const nyx_kernel nyx_cpu_avx2[];
extern const nyx_kernel nyx_cpu_avx512[];

/* The coded tensor whose planes are operands `first` to first + 3. */
static inline nyx_coded nyx_cpu_coded(nyx_layout *layout, const nyx_call *call, int first)
{
    const nyx_operand *planes = call->in + first;
    nyx_coded          coded = { .shape = call->node->shape };

    NYX_BUG_IF(nyx_node_coded(call->node, &coded.format, layout) < 0);
    coded.codes = planes[NYX_PLANE_CODES].data;
    coded.scales = planes[NYX_PLANE_SCALES].data;
    coded.zeros = planes[NYX_PLANE_ZEROS].data;
    coded.global = planes[NYX_PLANE_GLOBAL].data ? *(const float *)planes[NYX_PLANE_GLOBAL].data : 1.0f;
    return coded;
}

/* Part `part` of `parts` of [0, count): begin and end, multiples of `grain`. */
static inline void nyx_cpu_split(int64_t *begin, int64_t *end, int64_t count, int64_t grain, int part, int parts)
{
    const int64_t blocks = (count + grain - 1) / grain;

    *begin = blocks * part / parts * grain;
    *end = blocks * (part + 1) / parts * grain;
    if (*end > count)
        *end = count;
    if (*begin > count)
        *begin = count;
}

#endif
