/* loss -- cross entropy by rows, binary cross entropy by elements
 * (shaders/cross_entropy.comp, cross_entropy_grad.comp, bce.comp). */
#include "device/vulkan/kernels/kernels.h"

static void emit_cross_entropy(nyx_vulkan__emit *e)
{
    const bool    gradient = e->node->op == NYX_OP_CROSS_ENTROPY_GRAD;
    const int64_t width = nyx_vulkan__width(nyx_vulkan__shape_in(e, 0)), row = width * 4, ignore = e->node->ints[1];
    const int64_t rows = nyx_vulkan__elems_in(e, 1);
    const bool    ignores = ignore >= INT32_MIN && ignore <= INT32_MAX;

    for (nyx_vulkan__piece p = nyx_vulkan__pieces(e, rows, row); nyx_vulkan__next(&p);) {
        const char      *narrow = gradient ? "cross_entropy_grad" : "cross_entropy";
        const char      *wide = gradient ? "cross_entropy_grad4" : "cross_entropy4";
        nyx_vulkan__work work = nyx_vulkan__row_work(e, narrow, wide, nyx_vulkan__lanes(width), p.count, width);

        nyx_vulkan__spec(&work, e->node->ints[0] == NYX_STABLEMAX);
        nyx_vulkan__read_piece(&work, e, 0, &p, row);
        nyx_vulkan__read_piece(&work, e, 1, &p, 4);
        if (gradient) {
            nyx_vulkan__read_piece(&work, e, 2, &p, 4);
            nyx_vulkan__write_piece(&work, e, 0, &p, row);
        } else {
            nyx_vulkan__write_piece(&work, e, 0, &p, 4);
        }
        nyx_vulkan__push(&work, (uint32_t)ignore);
        nyx_vulkan__push(&work, ignores);
        nyx_vulkan__add(e, &work);
    }
}

static void emit_bce(nyx_vulkan__emit *e)
{
    const int64_t elems = nyx_vulkan__elems_out(e, 0);

    for (nyx_vulkan__piece p = nyx_vulkan__pieces(e, elems, 4); nyx_vulkan__next(&p);) {
        nyx_vulkan__work work = nyx_vulkan__shader(e, "bce");

        nyx_vulkan__read_piece(&work, e, 0, &p, 4);
        nyx_vulkan__read_piece(&work, e, 1, &p, 4);
        nyx_vulkan__write_piece(&work, e, 0, &p, 4);
        nyx_vulkan__push(&work, (uint32_t)p.count);
        nyx_vulkan__elements(&work, e, p.count);
        nyx_vulkan__add(e, &work);
    }
}

const nyx_vulkan__kernel nyx_vulkan__loss[] = {
    { NYX_OP_CROSS_ENTROPY, "rows", emit_cross_entropy, NULL },
    { NYX_OP_CROSS_ENTROPY_GRAD, "rows", emit_cross_entropy, NULL },
    { NYX_OP_BCE, "element", emit_bce, NULL },
    { NYX_OP_NONE, NULL, NULL, NULL },
};
