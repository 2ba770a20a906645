/* table -- the f32 kernels of one instruction set. */
#include "isa.h"

/* Kernels that leave integers to the reference kernels. */
static bool all_f32(const nyx_graph *g, const nyx_node *node)
{
    for (int i = 0; i < node->input_count; i++)
        if (node->inputs[i] && nyx_value_dtype(g, node->inputs[i]) != NYX_F32)
            return false;
    return true;
}

#define ROW(op, name, variant, workspace, takes) \
    { NYX_OP_##op, variant, NYX_ISA_NAME(nyx_cpu__##name), workspace, takes },

const nyx_kernel NYX_ISA_PASTE(nyx_cpu, NYX_ISA)[] = {
    NYX_ISA_KERNELS(ROW)
    { NYX_OP_NONE, NULL, NULL, NULL, NULL },
};
