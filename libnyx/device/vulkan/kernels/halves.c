/* halves -- which operands kernels read and write in 16 bits in place of f32:
 * where LANES is 4 (shaders/halves.glsl). */
#include "device/vulkan/kernels/kernels.h"

enum { RESULT = 1 << NYX_MAX_INPUTS }; /* inputs count from bit 0 */

static bool in_fours(const nyx_graph *g, nyx_value v)
{
    return nyx_vulkan__width(nyx_value_shape(g, v)) % 4 == 0;
}

uint32_t nyx_vulkan__halves_of(const nyx_vulkan__gpu *gpu, const nyx_graph *g, const nyx_node *node)
{
    const nyx_value x = node->inputs[0];

    switch (node->op) {
    case NYX_OP_ADD:
    case NYX_OP_SUB:
    case NYX_OP_MUL:
    case NYX_OP_DIV:
    case NYX_OP_MIN:
    case NYX_OP_MAX:
        return nyx_vulkan__binary_lanes(g, node) == 4 ? 1 | 2 | RESULT : 0;
    case NYX_OP_SELECT:
        return nyx_vulkan__select_lanes(g, node) == 4 ? 2 | 4 | RESULT : 0;
    case NYX_OP_AFFINE:
    case NYX_OP_GELU:
        return nyx_value_elems(g, x) % 4 == 0 ? 1 | RESULT : 0;
    case NYX_OP_GELU_GRAD:
        return nyx_value_elems(g, x) % 4 == 0 ? 1 | 2 | RESULT : 0;
    case NYX_OP_RMSNORM:
    case NYX_OP_LAYERNORM:
        return in_fours(g, x) ? 1 | 2 | RESULT : 0;
    case NYX_OP_RMSNORM_GRAD:
    case NYX_OP_LAYERNORM_GRAD:
        return in_fours(g, x) ? 1 | 4 | RESULT : 0;
    case NYX_OP_MATMUL: /* its inputs are of its own choice */
        return nyx_vulkan__halves_product(gpu, g, node) ? RESULT : 0;
    case NYX_OP_ROPE:
        return nyx_vulkan__rope_lanes(g, node) == 4 ? 1 | RESULT : 0;
    case NYX_OP_ATTENTION:
        return nyx_vulkan__head_width(g, node) % 4 == 0 ? 1 | RESULT : 0;
    case NYX_OP_ATTENTION_GRAD:
        return nyx_vulkan__head_width(g, node) % 4 == 0 ? 1 | 2 | 8 | RESULT : 0;
    case NYX_OP_SWIGLU:
        return nyx_vulkan__width(nyx_value_shape(g, x)) % 8 == 0 ? 1 | RESULT : 0;
    case NYX_OP_SWIGLU_GRAD:
        return nyx_vulkan__width(nyx_value_shape(g, x)) % 8 == 0 ? 1 | 2 | RESULT : 0;
    default:
        return 0;
    }
}

uint32_t nyx_vulkan__halves(const nyx_vulkan__emit *e, int count, const nyx_value *bindings)
{
    uint32_t halves = 0;

    for (int i = 0; i < count; i++) {
        const enum nyx_dtype dtype = bindings[i] ? nyx_value_dtype(e->g, bindings[i]) : NYX_F32;

        if (nyx_dtype_is_half(dtype))
            halves |= 2u << i | (dtype == NYX_BF16);
    }
    return halves;
}
