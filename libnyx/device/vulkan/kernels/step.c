/* step -- optimizer steps, which change variables in place (shaders/adam.comp,
 * ema.comp). */
#include "device/vulkan/kernels/kernels.h"

/* Elements [first, first + count) of an input. */
static nyx_vulkan__range part_in(const nyx_vulkan__emit *e, int input, int64_t first, int64_t count)
{
    return nyx_vulkan__part(e->in[input], first * 4, count * 4);
}

static void adam(nyx_vulkan__emit *e, int64_t first, int64_t count)
{
    const double    *reals = e->node->reals;
    const int64_t    lanes = nyx_vulkan__lanes(count), items = count / lanes;
    nyx_vulkan__work work = nyx_vulkan__shader(e, lanes == 4 ? "adam4" : "adam");

    nyx_vulkan__spec(&work, e->node->op);
    nyx_vulkan__bind(&work, part_in(e, 0, first, count), true, true);
    nyx_vulkan__bind(&work, part_in(e, 1, first, count), true, false);
    nyx_vulkan__bind(&work, part_in(e, 2, first, count), true, true);
    nyx_vulkan__bind(&work, part_in(e, 3, first, count), true, true);
    nyx_vulkan__read_in(&work, e, 4);
    nyx_vulkan__read_in(&work, e, 5);
    nyx_vulkan__push(&work, (uint32_t)items);
    nyx_vulkan__push_real(&work, reals[0]);
    nyx_vulkan__push_real(&work, 1.0 - reals[0]);
    nyx_vulkan__push_real(&work, reals[1]);
    nyx_vulkan__push_real(&work, 1.0 - reals[1]);
    nyx_vulkan__push_real(&work, reals[2]);
    nyx_vulkan__elements(&work, e, items);
    nyx_vulkan__add(e, &work);
}

static void ema(nyx_vulkan__emit *e, int64_t first, int64_t count)
{
    const int64_t    lanes = nyx_vulkan__lanes(count), items = count / lanes;
    nyx_vulkan__work work = nyx_vulkan__shader(e, lanes == 4 ? "ema4" : "ema");

    nyx_vulkan__bind(&work, part_in(e, 0, first, count), true, true);
    nyx_vulkan__bind(&work, part_in(e, 1, first, count), true, false);
    nyx_vulkan__push(&work, (uint32_t)items);
    nyx_vulkan__push_real(&work, e->node->reals[0]);
    nyx_vulkan__push_real(&work, 1.0 - e->node->reals[0]);
    nyx_vulkan__elements(&work, e, items);
    nyx_vulkan__add(e, &work);
}

static void in_pieces(nyx_vulkan__emit *e, void (*step)(nyx_vulkan__emit *e, int64_t first, int64_t count))
{
    const int64_t elems = nyx_vulkan__elems_in(e, 0), piece = nyx_vulkan__rows_at_once(e, elems, 4);

    for (int64_t first = 0; first < elems; first += piece)
        step(e, first, elems - first < piece ? elems - first : piece);
}

static void emit_adam(nyx_vulkan__emit *e)
{
    in_pieces(e, adam);
}

static void emit_ema(nyx_vulkan__emit *e)
{
    in_pieces(e, ema);
}

const nyx_vulkan__kernel nyx_vulkan__step[] = {
    { NYX_OP_ADAM_ATAN2, "element", emit_adam, NULL },
    { NYX_OP_ADAMW, "element", emit_adam, NULL },
    { NYX_OP_EMA, "element", emit_ema, NULL },
    { NYX_OP_NONE, NULL, NULL, NULL },
};
