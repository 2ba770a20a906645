/* table -- the f32 kernels of one instruction set. */
#include "isa.h"

/* Every operand that is there is f32. */
static bool all_f32(const nyx_graph *g, const nyx_node *node)
{
    for (int i = 0; i < node->input_count; i++)
        if (node->inputs[i] && nyx_value_dtype(g, node->inputs[i]) != NYX_F32)
            return false;
    return true;
}

const nyx_kernel NYX_ISA_PASTE(nyx_cpu, NYX_ISA)[] = {
    { NYX_OP_MATMUL, "packed", NYX_ISA_NAME(nyx_cpu__matmul), NYX_ISA_NAME(nyx_cpu__matmul_workspace), all_f32 },
    { .op = NYX_OP_NONE },
};
