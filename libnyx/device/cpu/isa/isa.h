/* isa -- what the sources of this folder share: names that differ between
 * instruction sets, splitting of work, and the kernels of the table. */
#ifndef NYX_CPU_ISA_H
#define NYX_CPU_ISA_H

#include "device/cpu/cpu.h"

#define NYX_ISA_PASTE_(name, isa) name##_##isa
#define NYX_ISA_PASTE(name, isa)  NYX_ISA_PASTE_(name, isa)
/* nyx_cpu__matmul -> nyx_cpu__matmul_avx2 */
#define NYX_ISA_NAME(name)        NYX_ISA_PASTE(name, NYX_ISA)

/* The kernels: operation, name, variant, workspace rule, which nodes it takes. */
#define NYX_ISA_KERNELS(K)                                                                   \
    K(MATMUL, matmul, "packed", NYX_ISA_NAME(nyx_cpu__matmul_workspace), all_f32)            \
    K(ATTENTION, attention, "rows", NYX_ISA_NAME(nyx_cpu__attention_workspace), all_f32)     \
    K(ATTENTION_GRAD, attention_grad, "heads", NYX_ISA_NAME(nyx_cpu__attention_grad_workspace), all_f32)

#define NYX_ISA_DECLARE(op, name, variant, workspace, takes) \
    void NYX_ISA_NAME(nyx_cpu__##name)(const nyx_call *call, int part, int parts);
NYX_ISA_KERNELS(NYX_ISA_DECLARE)
#undef NYX_ISA_DECLARE

int64_t NYX_ISA_NAME(nyx_cpu__matmul_workspace)(const nyx_graph *g, const nyx_node *node, int parts);
int64_t NYX_ISA_NAME(nyx_cpu__attention_workspace)(const nyx_graph *g, const nyx_node *node, int parts);
int64_t NYX_ISA_NAME(nyx_cpu__attention_grad_workspace)(const nyx_graph *g, const nyx_node *node, int parts);

/* Extent of the last axis; 1 for a single number. */
static inline int64_t nyx_isa_width(const nyx_shape *shape)
{
    return shape->rank > 0 ? shape->dims[shape->rank - 1] : 1;
}

#endif
