/* activation -- swiglu, gelu and their gradients (shaders/swiglu.comp,
 * gelu.comp). */
#include "device/vulkan/kernels/kernels.h"

static uint32_t halves_with(const nyx_vulkan__emit *e, int second)
{
    return nyx_vulkan__halves(e, 3, (nyx_value[]){ e->node->inputs[0], e->node->inputs[second], e->node->outputs[0] });
}

/* In pieces of whole rows; x and dx have two numbers for one of y and dy. */
static void emit_swiglu(nyx_vulkan__emit *e)
{
    const bool    gradient = e->node->op == NYX_OP_SWIGLU_GRAD;
    const int64_t width = nyx_vulkan__width(nyx_vulkan__shape_in(e, 0)) / 2;
    const int64_t rows = nyx_vulkan__elems_in(e, 0) / (2 * width), lanes = nyx_vulkan__lanes(width);
    const int64_t wide = gradient ? 2 * width : width;
    const int     second = gradient ? 1 : 0;

    for (nyx_vulkan__piece p = nyx_vulkan__pieces(e, rows, 2 * width * 4); nyx_vulkan__next(&p);) {
        nyx_vulkan__work work = nyx_vulkan__shader(e, lanes == 4 ? "swiglu4" : "swiglu");

        nyx_vulkan__spec(&work, e->node->op);
        nyx_vulkan__spec(&work, (uint32_t)(width / lanes));
        nyx_vulkan__spec(&work, halves_with(e, second));
        nyx_vulkan__read_piece(&work, e, 0, &p, 2 * width * nyx_vulkan__size_in(e, 0));
        nyx_vulkan__read_piece(&work, e, second, &p, (gradient ? width : 2 * width) * nyx_vulkan__size_in(e, second));
        nyx_vulkan__write_piece(&work, e, 0, &p, wide * nyx_vulkan__size_out(e, 0));
        nyx_vulkan__push(&work, (uint32_t)(p.count * width / lanes));
        nyx_vulkan__elements(&work, e, p.count * width / lanes);
        nyx_vulkan__add(e, &work);
    }
}

static void emit_gelu(nyx_vulkan__emit *e)
{
    const int64_t elems = nyx_vulkan__elems_out(e, 0), lanes = nyx_vulkan__lanes(elems);
    const int     second = e->node->op == NYX_OP_GELU_GRAD ? 1 : 0;

    for (nyx_vulkan__piece p = nyx_vulkan__pieces(e, elems, 4); nyx_vulkan__next(&p);) {
        nyx_vulkan__work work = nyx_vulkan__shader(e, lanes == 4 ? "gelu4" : "gelu");

        nyx_vulkan__spec(&work, e->node->op);
        nyx_vulkan__spec(&work, halves_with(e, second));
        nyx_vulkan__read_piece(&work, e, 0, &p, nyx_vulkan__size_in(e, 0));
        nyx_vulkan__read_piece(&work, e, second, &p, nyx_vulkan__size_in(e, second));
        nyx_vulkan__write_piece(&work, e, 0, &p, nyx_vulkan__size_out(e, 0));
        nyx_vulkan__push(&work, (uint32_t)(p.count / lanes));
        nyx_vulkan__elements(&work, e, p.count / lanes);
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
