/* activation -- swiglu, gelu and their gradients (shaders/swiglu.comp,
 * gelu.comp). */
#include "device/vulkan/kernels/kernels.h"

/* In pieces of whole rows; x and dx have two numbers for one of y and dy. */
static void emit_swiglu(nyx_vulkan__emit *e)
{
    const bool    gradient = e->node->op == NYX_OP_SWIGLU_GRAD;
    const int64_t width = nyx_vulkan__width(nyx_vulkan__shape_in(e, 0)) / 2, row = width * 4;
    const int64_t rows = nyx_vulkan__elems_in(e, 0) / (2 * width), lanes = nyx_vulkan__lanes(width);
    const int64_t piece = nyx_vulkan__rows_at_once(e, rows, 2 * row), wide = gradient ? 2 * row : row;

    for (int64_t first = 0; first < rows; first += piece) {
        const int64_t    count = rows - first < piece ? rows - first : piece;
        nyx_vulkan__work work = nyx_vulkan__shader(e, lanes == 4 ? "swiglu4" : "swiglu");
        const int        second = gradient ? 1 : 0;

        nyx_vulkan__spec(&work, e->node->op);
        nyx_vulkan__spec(&work, (uint32_t)(width / lanes));
        nyx_vulkan__bind(&work, nyx_vulkan__part(e->in[0], first * 2 * row, count * 2 * row), true, false);
        nyx_vulkan__bind(&work, nyx_vulkan__part(e->in[second], first * row, count * row), true, false);
        nyx_vulkan__bind(&work, nyx_vulkan__part(e->out[0], first * wide, count * wide), false, true);
        nyx_vulkan__push(&work, (uint32_t)(count * width / lanes));
        nyx_vulkan__elements(&work, e, count * width / lanes);
        nyx_vulkan__add(e, &work);
    }
}

static void emit_gelu(nyx_vulkan__emit *e)
{
    const int64_t elems = nyx_vulkan__elems_out(e, 0), piece = nyx_vulkan__rows_at_once(e, elems, 4);
    const int64_t lanes = nyx_vulkan__lanes(elems);
    const int     second = e->node->op == NYX_OP_GELU_GRAD ? 1 : 0;

    for (int64_t first = 0; first < elems; first += piece) {
        const int64_t    count = elems - first < piece ? elems - first : piece;
        nyx_vulkan__work work = nyx_vulkan__shader(e, lanes == 4 ? "gelu4" : "gelu");

        nyx_vulkan__spec(&work, e->node->op);
        nyx_vulkan__bind(&work, nyx_vulkan__part(e->in[0], first * 4, count * 4), true, false);
        nyx_vulkan__bind(&work, nyx_vulkan__part(e->in[second], first * 4, count * 4), true, false);
        nyx_vulkan__bind(&work, nyx_vulkan__part(e->out[0], first * 4, count * 4), false, true);
        nyx_vulkan__push(&work, (uint32_t)(count / lanes));
        nyx_vulkan__elements(&work, e, count / lanes);
        nyx_vulkan__add(e, &work);
    }
}

const nyx_vulkan__kernel nyx_vulkan__activation[] = {
    { NYX_OP_SWIGLU, "element", emit_swiglu, NULL },
    { NYX_OP_SWIGLU_GRAD, "element", emit_swiglu, NULL },
    { NYX_OP_GELU, "element", emit_gelu, NULL },
    { NYX_OP_GELU_GRAD, "element", emit_gelu, NULL },
    { NYX_OP_NONE, NULL, NULL, NULL },
};
