/* lookup -- rows of tables by ids: embedding (shaders/embedding.comp), and
 * sums of the rows that have the same id: its gradient, sign_sgd
 * (shaders/segments.comp, segment_sum.comp). */
#include "device/vulkan/kernels/kernels.h"

/* These ids in these rows of the table. */
static void embed(nyx_vulkan__emit *e, const nyx_shape *table, const nyx_vulkan__piece *rows,
                  const nyx_vulkan__piece *ids)
{
    const int64_t    bytes = nyx_vulkan__width(table) * 4, lanes = nyx_vulkan__lanes(nyx_vulkan__width(table));
    const int64_t    width = nyx_vulkan__width(table) / lanes;
    nyx_vulkan__work work = nyx_vulkan__shader(e, lanes == 4 ? "embedding4" : "embedding");

    nyx_vulkan__read_piece(&work, e, 0, rows, bytes);
    nyx_vulkan__read_piece(&work, e, 1, ids, 4);
    nyx_vulkan__write_piece(&work, e, 0, ids, bytes);
    nyx_vulkan__push(&work, (uint32_t)(ids->count * width));
    nyx_vulkan__push(&work, (uint32_t)width);
    nyx_vulkan__push(&work, (uint32_t)rows->first);
    nyx_vulkan__push(&work, (uint32_t)rows->count);
    nyx_vulkan__push(&work, (uint32_t)rows->rows);
    nyx_vulkan__elements(&work, e, ids->count * width);
    nyx_vulkan__add(e, &work);
}

static void emit_embedding(nyx_vulkan__emit *e)
{
    const nyx_shape *table = nyx_vulkan__shape_in(e, 0);
    const int64_t    count = nyx_vulkan__elems_in(e, 1), row = nyx_vulkan__width(table) * 4;

    for (nyx_vulkan__piece rows = nyx_vulkan__pieces(e, table->dims[0], row); nyx_vulkan__next(&rows);)
        for (nyx_vulkan__piece ids = nyx_vulkan__pieces(e, count, row); nyx_vulkan__next(&ids);)
            embed(e, table, &rows, &ids);
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

/* Sum rows of input `grad` by input `ids` into a table of this shape;
 * `scalars`: the first of the two inputs of sign_sgd, -1: none. */
static void emit_sums(nyx_vulkan__emit *e, int ids, int grad, nyx_vulkan__range table, const nyx_shape *shape,
                      int scalars)
{
    const int64_t     n = nyx_vulkan__elems_in(e, ids), bytes = nyx_vulkan__width(shape) * 4;
    const int64_t     lanes = nyx_vulkan__lanes(nyx_vulkan__width(shape)), width = nyx_vulkan__width(shape) / lanes;
    const int64_t     columns = e->gpu->group / SEGMENT_LINES, blocks = (width + columns - 1) / columns;
    nyx_vulkan__range order, length;

    emit_segments(e, ids, &order, &length);
    for (nyx_vulkan__piece p = nyx_vulkan__pieces(e, shape->dims[0], bytes); nyx_vulkan__next(&p);) {
        nyx_vulkan__work work = nyx_vulkan__shader(e, lanes == 4 ? "segment_sum4" : "segment_sum");

        nyx_vulkan__spec(&work, e->node->op);
        nyx_vulkan__bind(&work, order, true, false);
        nyx_vulkan__bind(&work, length, true, false);
        nyx_vulkan__read_in(&work, e, ids);
        nyx_vulkan__read_in(&work, e, grad);
        nyx_vulkan__bind(&work, nyx_vulkan__part_of(table, &p, bytes), scalars >= 0, true);
        nyx_vulkan__read_in(&work, e, scalars >= 0 ? scalars : ids);
        nyx_vulkan__read_in(&work, e, scalars >= 0 ? scalars + 1 : ids);
        nyx_vulkan__push(&work, (uint32_t)n);
        nyx_vulkan__push(&work, (uint32_t)width);
        nyx_vulkan__push(&work, (uint32_t)blocks);
        nyx_vulkan__push(&work, (uint32_t)p.first);
        nyx_vulkan__push(&work, (uint32_t)p.count);
        nyx_vulkan__groups(&work, n * blocks);
        nyx_vulkan__add(e, &work);
    }
}

static void emit_embedding_grad(nyx_vulkan__emit *e)
{
    nyx_vulkan__fill(e, e->out[0], 0);
    emit_sums(e, 0, 1, e->out[0], nyx_value_shape(e->g, e->node->outputs[0]), -1);
}

static void emit_sign_sgd(nyx_vulkan__emit *e)
{
    emit_sums(e, 1, 2, e->in[0], nyx_vulkan__shape_in(e, 0), 3);
}

const nyx_vulkan__kernel nyx_vulkan__lookup[] = {
    { NYX_OP_EMBEDDING, "rows", emit_embedding, NULL },
    { NYX_OP_EMBEDDING_GRAD, "segments", emit_embedding_grad, NULL },
    { NYX_OP_SIGN_SGD, "segments", emit_sign_sgd, NULL },
    { NYX_OP_NONE, NULL, NULL, NULL },
};
