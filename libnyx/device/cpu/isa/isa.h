/* isa -- what the sources of this folder share: names that differ between
 * instruction sets, splitting of work, and the kernels of the table. */
#ifndef NYX_CPU_ISA_H
#define NYX_CPU_ISA_H

#include "device/cpu/cpu.h"

#define NYX_ISA_PASTE_(name, isa) name##_##isa
#define NYX_ISA_PASTE(name, isa)  NYX_ISA_PASTE_(name, isa)
/* nyx_cpu__matmul -> nyx_cpu__matmul_avx2 */
#define NYX_ISA_NAME(name)        NYX_ISA_PASTE(name, NYX_ISA)

/* The kernels of one source, to be joined to the table; a kernel is
 * `run`, and where it needs them `workspace` and `takes`. */
void    NYX_ISA_NAME(nyx_cpu__matmul)(const nyx_call *call, int part, int parts);
int64_t NYX_ISA_NAME(nyx_cpu__matmul_workspace)(const nyx_graph *g, const nyx_node *node, int parts);

#endif
