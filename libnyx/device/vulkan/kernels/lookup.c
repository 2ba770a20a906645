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

    for (nyx_vulkan__piece rows =
             nyx_vulkan__pieces_of(table->dims[0], nyx_vulkan__rows_at_once(e, table->dims[0], row));
         nyx_vulkan__next(&rows);)
        for (nyx_vulkan__piece ids = nyx_vulkan__pieces(e, count, row); nyx_vulkan__next(&ids);)
            embed(e, table, &rows, &ids);
}

/* ---- sums by id ------------------------------------------------------------------------ */

enum { SEGMENT_PARTS = 8, SEGMENT_LINES = 8 }; /* of the shaders */

/* `width` counts in `lanes`; `scalars`: the first of the two inputs of sign_sgd, -1: none. */
typedef struct {
    nyx_vulkan__range order, length;
    int               ids, scalars;
    int64_t           n, lanes, width, row_bytes;
} segments;

static int64_t padded(int64_t bytes)
{
    return (bytes + 255) / 256 * 256;
}

/* The places of equal ids, [n] and [n] u32 at the start of the workspace. */
static void emit_segments(nyx_vulkan__emit *e, segments *s, nyx_vulkan__range scratch)
{
    nyx_vulkan__work work = nyx_vulkan__shader(e, "segments");

    nyx_vulkan__turns(e, s->n / SEGMENT_PARTS + SEGMENT_PARTS + 1);
    s->order = nyx_vulkan__part(scratch, 0, s->n * 4);
    s->length = nyx_vulkan__part(scratch, padded(s->n * 4), s->n * 4);
    nyx_vulkan__read_in(&work, e, s->ids);
    nyx_vulkan__bind(&work, s->order, true);
    nyx_vulkan__bind(&work, s->length, true);
    nyx_vulkan__push(&work, (uint32_t)s->n);
    nyx_vulkan__elements(&work, e, s->n * SEGMENT_PARTS);
    work.cost = (nyx_cost){ .flops = 3.0 * (double)s->n * (double)s->n };
    nyx_vulkan__add(e, &work);
}

enum turn { WHOLE, FIRST, NEXT, LAST }; /* of segment_sum.comp */

/* Sum these rows of gradients into these rows of the table. */
static void emit_sum(nyx_vulkan__emit *e, const segments *s, enum turn turn, const nyx_vulkan__piece *given,
                     nyx_vulkan__range grad, const nyx_vulkan__piece *rows, nyx_vulkan__range table)
{
    const int64_t    columns = e->gpu->group / SEGMENT_LINES, blocks = (s->width + columns - 1) / columns;
    nyx_vulkan__work work = nyx_vulkan__shader(e, s->lanes == 4 ? "segment_sum4" : "segment_sum");

    nyx_vulkan__spec(&work, e->node->op);
    nyx_vulkan__spec_aside(&work, turn);
    nyx_vulkan__bind(&work, s->order, false);
    nyx_vulkan__bind(&work, s->length, false);
    nyx_vulkan__read_in(&work, e, s->ids);
    nyx_vulkan__bind(&work, grad, false);
    nyx_vulkan__bind(&work, table, true);
    nyx_vulkan__read_in(&work, e, s->scalars >= 0 ? s->scalars : s->ids);
    nyx_vulkan__read_in(&work, e, s->scalars >= 0 ? s->scalars + 1 : s->ids);
    nyx_vulkan__push(&work, (uint32_t)s->n);
    nyx_vulkan__push(&work, (uint32_t)s->width);
    nyx_vulkan__push(&work, (uint32_t)blocks);
    nyx_vulkan__push(&work, (uint32_t)rows->first);
    nyx_vulkan__push(&work, (uint32_t)rows->count);
    nyx_vulkan__push(&work, (uint32_t)given->first);
    nyx_vulkan__push(&work, (uint32_t)given->count);
    nyx_vulkan__groups(&work, s->n * blocks);
    nyx_vulkan__add(e, &work);
}

/* Sum rows of input `grad` by id into `rows` rows of a table. Where not all of
 * them can be bound, sign_sgd, which wants whole sums, keeps them in the workspace. */
static void emit_sums(nyx_vulkan__emit *e, segments *s, int grad, nyx_vulkan__range table, int64_t rows)
{
    const int64_t           places = 2 * padded(s->n * 4), at_once = nyx_vulkan__rows_at_once(e, rows, s->row_bytes);
    const nyx_vulkan__piece all = nyx_vulkan__pieces_of(s->n, nyx_vulkan__rows_at_once(e, s->n, s->row_bytes));
    const bool              parts = all.most < s->n, kept = parts && s->scalars >= 0;
    const nyx_vulkan__range scratch = nyx_vulkan__workspace(e, places + (kept ? at_once * s->row_bytes : 0));

    nyx_vulkan__decides(e, all.most); /* rows that are summed before the others are added */
    emit_segments(e, s, scratch);
    for (nyx_vulkan__piece p = nyx_vulkan__pieces_of(rows, at_once); nyx_vulkan__next(&p);) {
        const nyx_vulkan__range to = nyx_vulkan__part_of(table, &p, s->row_bytes);
        const nyx_vulkan__range sums = kept ? nyx_vulkan__part(scratch, places, p.count * s->row_bytes) : to;
        nyx_vulkan__piece       given = all;

        while (nyx_vulkan__next(&given))
            emit_sum(e, s, !parts ? WHOLE : given.first == 0 ? FIRST : NEXT, &given,
                     nyx_vulkan__part_of(e->in[grad], &given, s->row_bytes), &p, sums);
        if (kept)
            emit_sum(e, s, LAST, &p, sums, &p, to);
    }
}

static segments segments_of(const nyx_vulkan__emit *e, int ids, int scalars, const nyx_shape *table)
{
    const int64_t width = nyx_vulkan__width(table), lanes = nyx_vulkan__lanes(width);

    return (segments){ .ids = ids, .scalars = scalars, .n = nyx_vulkan__elems_in(e, ids), .lanes = lanes,
                       .width = width / lanes, .row_bytes = width * 4 };
}

static void emit_embedding_grad(nyx_vulkan__emit *e)
{
    const nyx_shape *table = nyx_value_shape(e->g, e->node->outputs[0]);
    segments         s = segments_of(e, 0, -1, table);

    nyx_vulkan__fill(e, e->out[0], 0);
    emit_sums(e, &s, 1, e->out[0], table->dims[0]);
}

static void emit_sign_sgd(nyx_vulkan__emit *e)
{
    const nyx_shape *table = nyx_vulkan__shape_in(e, 0);
    segments         s = segments_of(e, 1, 3, table);

    emit_sums(e, &s, 2, e->in[0], table->dims[0]);
}

const nyx_vulkan__kernel nyx_vulkan__lookup[] = {
    { NYX_OP_EMBEDDING, "rows", emit_embedding, NULL },
    { NYX_OP_EMBEDDING_GRAD, "segments", emit_embedding_grad, NULL },
    { NYX_OP_SIGN_SGD, "segments", emit_sign_sgd, NULL },
    { NYX_OP_NONE, NULL, NULL, NULL },
};
