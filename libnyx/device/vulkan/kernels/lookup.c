/* lookup -- rows of tables by ids: embedding (shaders/embedding.comp), and
 * sums of the rows that have the same id: its gradient, sign_sgd
 * (shaders/segments.comp, segment_sum.comp). */
#include "device/vulkan/kernels/kernels.h"

/* A table that is too long for one binding is worked on in pieces of rows. */
typedef struct {
    int64_t rows, width, piece;
} table_of;

static table_of table_from(const nyx_vulkan__emit *e, const nyx_shape *shape)
{
    const int64_t rows = shape->dims[0], width = nyx_vulkan__width(shape);

    return (table_of){ rows, width, nyx_vulkan__rows_at_once(e, rows, width * 4) };
}

/* Ids [first, first + count) of rows [row, row + rows) of the table. */
static void embed(nyx_vulkan__emit *e, const table_of *t, int64_t row, int64_t first, int64_t count)
{
    const int64_t    lanes = nyx_vulkan__lanes(t->width), width = t->width / lanes, bytes = t->width * 4;
    const int64_t    rows = t->rows - row < t->piece ? t->rows - row : t->piece;
    nyx_vulkan__work work = nyx_vulkan__shader(e, lanes == 4 ? "embedding4" : "embedding");

    nyx_vulkan__bind(&work, nyx_vulkan__part(e->in[0], row * bytes, rows * bytes), true, false);
    nyx_vulkan__bind(&work, nyx_vulkan__part(e->in[1], first * 4, count * 4), true, false);
    nyx_vulkan__bind(&work, nyx_vulkan__part(e->out[0], first * bytes, count * bytes), false, true);
    nyx_vulkan__push(&work, (uint32_t)(count * width));
    nyx_vulkan__push(&work, (uint32_t)width);
    nyx_vulkan__push(&work, (uint32_t)row);
    nyx_vulkan__push(&work, (uint32_t)rows);
    nyx_vulkan__push(&work, (uint32_t)t->rows);
    nyx_vulkan__elements(&work, e, count * width);
    nyx_vulkan__add(e, &work);
}

static void emit_embedding(nyx_vulkan__emit *e)
{
    const table_of t = table_from(e, nyx_vulkan__shape_in(e, 0));
    const int64_t  count = nyx_vulkan__elems_in(e, 1), piece = nyx_vulkan__rows_at_once(e, count, t.width * 4);

    for (int64_t row = 0; row < t.rows; row += t.piece)
        for (int64_t first = 0; first < count; first += piece)
            embed(e, &t, row, first, count - first < piece ? count - first : piece);
}

/* ---- sums by id ------------------------------------------------------------------------ */

enum { SEGMENT_PARTS = 8, SEGMENT_LINES = 8 }; /* of the shaders */

/* The places of equal ids, [n] and [n] u32 in the workspace. */
static void emit_segments(nyx_vulkan__emit *e, int ids, nyx_vulkan__range *order, nyx_vulkan__range *length)
{
    const int64_t           n = nyx_vulkan__elems_in(e, ids), step = (n * 4 + 255) / 256 * 256;
    const nyx_vulkan__range scratch = nyx_vulkan__workspace(e, 2 * step);
    nyx_vulkan__work        work = nyx_vulkan__shader(e, "segments");

    nyx_vulkan__turns(e, n / SEGMENT_PARTS + SEGMENT_PARTS + 1);
    *order = nyx_vulkan__part(scratch, 0, n * 4);
    *length = nyx_vulkan__part(scratch, step, n * 4);
    nyx_vulkan__read_in(&work, e, ids);
    nyx_vulkan__bind(&work, *order, false, true);
    nyx_vulkan__bind(&work, *length, false, true);
    nyx_vulkan__push(&work, (uint32_t)n);
    nyx_vulkan__elements(&work, e, n * SEGMENT_PARTS);
    nyx_vulkan__add(e, &work);
}

/* Sum rows of input `grad` by input `ids` into a table; `scalars`: the first
 * of the two inputs of sign_sgd, -1: none. */
static void emit_sums(nyx_vulkan__emit *e, int ids, int grad, nyx_vulkan__range table, const table_of *t, int scalars)
{
    const int64_t     n = nyx_vulkan__elems_in(e, ids), bytes = t->width * 4;
    const int64_t     lanes = nyx_vulkan__lanes(t->width), width = t->width / lanes;
    const int64_t     columns = e->gpu->group / SEGMENT_LINES, blocks = (width + columns - 1) / columns;
    nyx_vulkan__range order, length;

    emit_segments(e, ids, &order, &length);
    for (int64_t row = 0; row < t->rows; row += t->piece) {
        const int64_t    rows = t->rows - row < t->piece ? t->rows - row : t->piece;
        nyx_vulkan__work work = nyx_vulkan__shader(e, lanes == 4 ? "segment_sum4" : "segment_sum");

        nyx_vulkan__spec(&work, e->node->op);
        nyx_vulkan__bind(&work, order, true, false);
        nyx_vulkan__bind(&work, length, true, false);
        nyx_vulkan__read_in(&work, e, ids);
        nyx_vulkan__read_in(&work, e, grad);
        nyx_vulkan__bind(&work, nyx_vulkan__part(table, row * bytes, rows * bytes), scalars >= 0, true);
        nyx_vulkan__read_in(&work, e, scalars >= 0 ? scalars : ids);
        nyx_vulkan__read_in(&work, e, scalars >= 0 ? scalars + 1 : ids);
        nyx_vulkan__push(&work, (uint32_t)n);
        nyx_vulkan__push(&work, (uint32_t)width);
        nyx_vulkan__push(&work, (uint32_t)blocks);
        nyx_vulkan__push(&work, (uint32_t)row);
        nyx_vulkan__push(&work, (uint32_t)rows);
        nyx_vulkan__groups(&work, n * blocks);
        nyx_vulkan__add(e, &work);
    }
}

static void emit_embedding_grad(nyx_vulkan__emit *e)
{
    const table_of t = table_from(e, nyx_value_shape(e->g, e->node->outputs[0]));

    nyx_vulkan__fill(e, e->out[0], 0);
    emit_sums(e, 0, 1, e->out[0], &t, -1);
}

static void emit_sign_sgd(nyx_vulkan__emit *e)
{
    const table_of t = table_from(e, nyx_vulkan__shape_in(e, 0));

    emit_sums(e, 1, 2, e->in[0], &t, 3);
}

const nyx_vulkan__kernel nyx_vulkan__lookup[] = {
    { NYX_OP_EMBEDDING, "rows", emit_embedding, NULL },
    { NYX_OP_EMBEDDING_GRAD, "segments", emit_embedding_grad, NULL },
    { NYX_OP_SIGN_SGD, "segments", emit_sign_sgd, NULL },
    { NYX_OP_NONE, NULL, NULL, NULL },
};
