/* step -- optimizer steps, which change variables in place (shaders/adam.comp,
 * ema.comp). */
#include "device/vulkan/kernels/kernels.h"

static void change_piece(nyx_vulkan__work *work, const nyx_vulkan__emit *e, int input, const nyx_vulkan__piece *p)
{
    nyx_vulkan__bind(work, nyx_vulkan__part_of(e->in[input], p, 4), true);
}

static void adam(nyx_vulkan__emit *e, const nyx_vulkan__piece *p)
{
    const double    *reals = e->node->reals;
    const int64_t    lanes = nyx_vulkan__lanes(p->rows), items = p->count / lanes;
    nyx_vulkan__work work = nyx_vulkan__shader(e, lanes == 4 ? "adam4" : "adam");

    nyx_vulkan__spec(&work, e->node->op);
    change_piece(&work, e, 0, p);
    nyx_vulkan__read_piece(&work, e, 1, p, 4);
    change_piece(&work, e, 2, p);
    change_piece(&work, e, 3, p);
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

static void ema(nyx_vulkan__emit *e, const nyx_vulkan__piece *p)
{
    const int64_t    lanes = nyx_vulkan__lanes(p->rows), items = p->count / lanes;
    nyx_vulkan__work work = nyx_vulkan__shader(e, lanes == 4 ? "ema4" : "ema");

    change_piece(&work, e, 0, p);
    nyx_vulkan__read_piece(&work, e, 1, p, 4);
    nyx_vulkan__push(&work, (uint32_t)items);
    nyx_vulkan__push_real(&work, e->node->reals[0]);
    nyx_vulkan__push_real(&work, 1.0 - e->node->reals[0]);
    nyx_vulkan__elements(&work, e, items);
    nyx_vulkan__add(e, &work);
}

static void emit_adam(nyx_vulkan__emit *e)
{
    for (nyx_vulkan__piece p = nyx_vulkan__pieces(e, nyx_vulkan__elems_in(e, 0), 4); nyx_vulkan__next(&p);)
        adam(e, &p);
}

static void emit_ema(nyx_vulkan__emit *e)
{
    for (nyx_vulkan__piece p = nyx_vulkan__pieces(e, nyx_vulkan__elems_in(e, 0), 4); nyx_vulkan__next(&p);)
        ema(e, &p);
}

const nyx_vulkan__kernel nyx_vulkan__step[] = {
    { NYX_OP_ADAM_ATAN2, "element", emit_adam, NULL },
    { NYX_OP_ADAMW, "element", emit_adam, NULL },
    { NYX_OP_EMA, "element", emit_ema, NULL },
    { NYX_OP_NONE, NULL, NULL, NULL },
};
