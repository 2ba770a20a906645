/* scaling -- the loss times a factor, so that gradients of f16 do not vanish.
 *
 * The state lies in the store, is saved with the moments and changes in the
 * apply program: an overflow halves the factor, and the step, whose norm is not
 * finite, writes nothing else; GROW good steps in a row double it (Micikevicius
 * et al. 2018, arXiv:1710.03740, section 3.2). Factors are powers of two where
 * the first is one: scaling rounds nothing. */
#include "train/internal.h"

enum { GROW = 2000, MOST = 1 << 24 };

static nyx_value state_of(nyx_graph *g, const char *name, enum nyx_dtype dtype)
{
    return nyx_graph_variable(g, name, dtype, nyx_shape_of(0), NYX_ROLE_MOMENT);
}

static nyx_value number(nyx_graph *g, enum nyx_dtype dtype, double x)
{
    return nyx_graph_fill(g, dtype, nyx_shape_of(0), x);
}

nyx_value nyx_train__scaling_inverse(nyx_graph *g)
{
    const nyx_value one = number(g, nyx_graph_real(g), 1.0);

    return nyx_graph_div(g, one, state_of(g, NYX_SCALING_FACTOR, nyx_graph_real(g)));
}

void nyx_train__scaling_update(nyx_graph *g, nyx_value norm)
{
    const enum nyx_dtype real = nyx_graph_real(g);
    const nyx_value      factor = state_of(g, NYX_SCALING_FACTOR, real);
    const nyx_value      good = state_of(g, "scaling.good", NYX_I32), skipped = state_of(g, "scaling.skipped", NYX_I32);
    const nyx_value      one = number(g, NYX_I32, 1.0), none = number(g, NYX_I32, 0.0);
    const nyx_value      zero = number(g, real, 0.0);
    nyx_value            finite, count, full, up, down, next;

    nyx_graph_push(g, "scaling");
    finite = nyx_graph_compare(g, NYX_EQUAL, nyx_graph_sub(g, norm, norm), zero); /* inf - inf is no number */
    count = nyx_graph_mul(g, nyx_graph_add(g, good, one), finite);
    full = nyx_graph_compare(g, NYX_GREATER_EQUAL, count, number(g, NYX_I32, GROW));
    up = nyx_graph_affine(g, factor, 2.0, 0.0);
    up = nyx_graph_min(g, up, number(g, real, MOST));
    up = nyx_graph_select(g, full, up, factor);
    down = nyx_graph_affine(g, factor, 0.5, 0.0);
    next = nyx_graph_select(g, finite, up, down);
    count = nyx_graph_select(g, full, none, count);
    finite = nyx_graph_sub(g, one, finite);
    nyx_graph_assign(g, NYX_SCALING_FACTOR, NYX_ROLE_MOMENT, next);
    nyx_graph_assign(g, "scaling.good", NYX_ROLE_MOMENT, count);
    nyx_graph_assign(g, "scaling.skipped", NYX_ROLE_MOMENT, nyx_graph_add(g, skipped, finite));
    nyx_graph_pop(g);
}

double nyx_train__scaling_first(const nyx_trainer *t)
{
    return t->options.loss_scale > 0.0 ? t->options.loss_scale : NYX_SCALING_START;
}

void nyx_train__scaling_start(nyx_trainer *t)
{
    const float factor = (float)nyx_train__scaling_first(t);

    if (t->scaled)
        nyx_store_write(t->store, NYX_SCALING_FACTOR, &factor);
}

nyx_train_scaling nyx_train__scaling_read(const nyx_trainer *t)
{
    float   factor = 1.0f;
    int32_t skipped = 0;

    if (t->scaled)
        nyx_store_read_many(t->store, 2, (const char *[]){ NYX_SCALING_FACTOR, "scaling.skipped" }, (void *[]){ &factor, &skipped });
    return (nyx_train_scaling){ (double)factor, skipped };
}
