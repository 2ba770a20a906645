/* move -- values from nothing, copies, parts and joins (shaders/window.comp,
 * random.comp). */
#include "device/vulkan/kernels/kernels.h"

#include <string.h>

static void emit_assign(nyx_vulkan__emit *e)
{
    nyx_vulkan__copy(e, e->in[0], e->out[0]);
}

static void emit_fill(nyx_vulkan__emit *e)
{
    const float   real = (float)e->node->reals[0];
    const int32_t integer = (int32_t)e->node->reals[0];
    uint32_t      word;

    memcpy(&word, nyx_value_dtype(e->g, e->node->outputs[0]) == NYX_I32 ? (const void *)&integer : &real, sizeof word);
    nyx_vulkan__fill(e, e->out[0], word);
}

/* Pieces start at multiples of 64 elements, so at whole blocks of four. */
static void emit_random(nyx_vulkan__emit *e)
{
    const int64_t elems = nyx_vulkan__elems_out(e, 0);

    for (nyx_vulkan__piece p = nyx_vulkan__pieces(e, elems, 4); nyx_vulkan__next(&p);) {
        nyx_vulkan__work work = nyx_vulkan__shader(e, "random");

        nyx_vulkan__read_parameters(&work);
        nyx_vulkan__write_piece(&work, e, 0, &p, 4);
        nyx_vulkan__push(&work, (uint32_t)p.count);
        nyx_vulkan__push(&work, (uint32_t)(p.first / 4));
        nyx_vulkan__push(&work, e->node->stream);
        nyx_vulkan__elements(&work, e, (p.count + 3) / 4);
        nyx_vulkan__add(e, &work);
    }
}

/* ---- slice, pad, concat ------------------------------------------------------------ */

/* Rows of y [rows, y_step] hold `length` elements of x [rows, x_step], from
 * `from` on, at `to`; the rest of a row is zero, or b [rows, b_step] behind it
 * (shaders/window.comp). */
typedef struct {
    int64_t rows, y_step, x_step, b_step, from, to, length;
} window;

static int64_t extent(const nyx_shape *shape, int64_t from, int64_t to)
{
    int64_t product = 1;

    for (int64_t i = from; i < to; i++)
        product *= shape->dims[i];
    return product;
}

static void view(nyx_vulkan__emit *e, const window *w, const nyx_vulkan__piece *p)
{
    const int64_t    lanes = nyx_vulkan__lanes(w->y_step | w->x_step | w->b_step | w->from | w->to | w->length);
    const int64_t    sizes[] = { p->count * w->y_step, w->y_step, w->x_step, w->b_step, w->from, w->to, w->length };
    nyx_vulkan__work work = nyx_vulkan__shader(e, lanes == 4 ? "window4" : "window");

    work.exact = true;
    nyx_vulkan__spec(&work, w->b_step > 0);
    nyx_vulkan__read_piece(&work, e, 0, p, w->x_step * 4);
    if (w->b_step)
        nyx_vulkan__read_piece(&work, e, 1, p, w->b_step * 4);
    else
        nyx_vulkan__bind(&work, work.bindings[0], false);
    nyx_vulkan__write_piece(&work, e, 0, p, w->y_step * 4);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        nyx_vulkan__push(&work, (uint32_t)(sizes[i] / lanes));
    nyx_vulkan__elements(&work, e, p->count * w->y_step / lanes);
    nyx_vulkan__add(e, &work);
}

/* One row by copies, which know no largest binding. */
static void copy_row(nyx_vulkan__emit *e, const window *w, int64_t row)
{
    const int64_t y = row * w->y_step, behind = w->to + w->length;

    nyx_vulkan__fill(e, nyx_vulkan__part(e->out[0], y * 4, w->to * 4), 0);
    nyx_vulkan__copy(e, nyx_vulkan__part(e->in[0], (row * w->x_step + w->from) * 4, w->length * 4),
                     nyx_vulkan__part(e->out[0], (y + w->to) * 4, w->length * 4));
    if (w->b_step)
        nyx_vulkan__copy(e, nyx_vulkan__part(e->in[1], row * w->b_step * 4, w->b_step * 4),
                         nyx_vulkan__part(e->out[0], (y + behind) * 4, w->b_step * 4));
    else
        nyx_vulkan__fill(e, nyx_vulkan__part(e->out[0], (y + behind) * 4, (w->y_step - behind) * 4), 0);
}

/* A row alone, and rows of megabytes, are copied; the others go many at once. */
static void emit_window(nyx_vulkan__emit *e, const window *w)
{
    const int64_t     longest = w->x_step > w->y_step ? w->x_step : w->y_step;
    nyx_vulkan__piece p = nyx_vulkan__pieces(e, w->rows, longest * 4);

    if (w->rows == 1 || (p.most < w->rows && p.most < 64)) {
        for (int64_t row = 0; row < w->rows; row++)
            copy_row(e, w, row);
        return;
    }
    while (nyx_vulkan__next(&p))
        view(e, w, &p);
}

static window window_of(const nyx_vulkan__emit *e)
{
    const nyx_shape *x = nyx_vulkan__shape_in(e, 0), *y = nyx_value_shape(e->g, e->node->outputs[0]);
    const int64_t    axis = e->node->ints[0], inner = extent(x, axis + 1, x->rank);

    return (window){ .rows = extent(x, 0, axis), .y_step = y->dims[axis] * inner, .x_step = x->dims[axis] * inner };
}

static void emit_slice(nyx_vulkan__emit *e)
{
    const nyx_shape *x = nyx_vulkan__shape_in(e, 0);
    window           w = window_of(e);

    w.from = e->node->ints[1] * extent(x, e->node->ints[0] + 1, x->rank);
    w.length = w.y_step;
    emit_window(e, &w);
}

static void emit_pad(nyx_vulkan__emit *e)
{
    const nyx_shape *x = nyx_vulkan__shape_in(e, 0);
    window           w = window_of(e);

    w.to = e->node->ints[1] * extent(x, e->node->ints[0] + 1, x->rank);
    w.length = w.x_step;
    emit_window(e, &w);
}

static void emit_concat(nyx_vulkan__emit *e)
{
    window w = window_of(e);

    w.length = w.x_step;
    w.b_step = w.y_step - w.x_step;
    emit_window(e, &w);
}

static bool of_words(const nyx_vulkan__gpu *gpu, const nyx_graph *g, const nyx_node *node)
{
    (void)gpu;
    return nyx_dtype_bytes(nyx_value_dtype(g, node->inputs[0])) == 4;
}

const nyx_vulkan__kernel nyx_vulkan__move[] = {
    { NYX_OP_ASSIGN, "copy", emit_assign, NULL },
    { NYX_OP_FILL, "fill", emit_fill, NULL },
    { NYX_OP_RANDOM, "philox", emit_random, NULL },
    { NYX_OP_SLICE, "window", emit_slice, of_words },
    { NYX_OP_PAD, "window", emit_pad, of_words },
    { NYX_OP_CONCAT, "window", emit_concat, of_words },
    { NYX_OP_NONE, NULL, NULL, NULL },
};
