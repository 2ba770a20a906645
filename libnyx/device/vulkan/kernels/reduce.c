/* reduce -- over the last axes or the first, and argmax (shaders/reduce_rows.comp,
 * reduce_columns.comp, argmax.comp).
 *
 * Long sums are cut in pieces of a fixed length, for many workgroups at once; the
 * pieces are joined by another turn of the same shader. */
#include "device/vulkan/kernels/kernels.h"

enum { CHUNK = 8192,   /* elements of a row that one workgroup joins */
       ROWS = 256,     /* rows that one workgroup joins at once      */
       ROWS_LEAST = 64 /* of a column that is cut                    */ };

/* What is joined, in turns: from [rows, length] to [rows, parts] and on. */
typedef struct {
    nyx_vulkan__emit  *e;
    nyx_vulkan__range  from, to;
    int64_t            rows, length; /* [rows, length], or columns: [length, rows] */
    enum nyx_reduction how;
    bool               last;
    int64_t            count; /* elements of a result */
} turn;

/* `count` words from `first` on, from an offset on that can be bound. */
static void bind_window(nyx_vulkan__work *work, nyx_vulkan__range range, int64_t first, int64_t count, bool write)
{
    const int64_t begin = first / 64 * 64;

    nyx_vulkan__bind(work, nyx_vulkan__part(range, begin * 4, (first - begin + count) * 4), write);
}

static void spec_reduction(nyx_vulkan__work *work, const turn *t)
{
    work->exact = nyx_value_dtype(t->e->g, t->e->node->inputs[0]) == NYX_I32;
    nyx_vulkan__spec(work, t->how);
    nyx_vulkan__spec(work, work->exact);
    nyx_vulkan__spec(work, t->last);
}

static int64_t least_of(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Rows [row, row + rows) of t, parts [part, part + parts) of each. */
static void add_rows(const turn *t, int64_t row, int64_t rows, int64_t part, int64_t parts)
{
    const int64_t    all = (t->length + CHUNK - 1) / CHUNK, lanes = nyx_vulkan__lanes(t->length);
    const int64_t    width = least_of(t->length - part * CHUNK, parts * CHUNK);
    const int64_t    first = row * t->length + part * CHUNK, to = row * all + part;
    nyx_vulkan__work work = nyx_vulkan__row_work(t->e, "reduce_rows", "reduce_rows4", lanes, rows * parts,
                                                 least_of(t->length, CHUNK));

    spec_reduction(&work, t);
    bind_window(&work, t->from, first, rows * width, false);
    bind_window(&work, t->to, to, rows * parts, true);
    nyx_vulkan__push(&work, (uint32_t)(width / lanes));
    nyx_vulkan__push(&work, (uint32_t)parts);
    nyx_vulkan__push(&work, (uint32_t)(first % 64 / lanes));
    nyx_vulkan__push(&work, (uint32_t)(to % 64));
    nyx_vulkan__push(&work, (uint32_t)t->count);
    nyx_vulkan__push(&work, part == 0);
    nyx_vulkan__add(t->e, &work);
}

/* As many rows at once as can be bound, or as many parts of one. */
static void join_rows(const turn *t)
{
    const int64_t most = t->e->gpu->facts.buffer_most - 256, parts = (t->length + CHUNK - 1) / CHUNK;
    const int64_t rows = least_of(t->rows, most / (t->length * 4)), some = most < CHUNK * 4 ? 1 : most / (CHUNK * 4);

    for (int64_t row = 0; rows > 0 && row < t->rows; row += rows)
        add_rows(t, row, least_of(rows, t->rows - row), 0, parts);
    for (int64_t row = 0; rows == 0 && row < t->rows; row++)
        for (int64_t part = 0; part < parts; part += some)
            add_rows(t, row, 1, part, least_of(some, parts - part));
}

/* Rows of a column in one piece. */
static int64_t chunk_of(const turn *t)
{
    const int64_t most = t->e->gpu->facts.buffer_most / (t->rows * 4);
    int64_t       chunk = ROWS_LEAST;

    if (t->length <= ROWS && t->length <= most)
        return t->length;
    while (chunk * ROWS < t->length && 2 * chunk <= most)
        chunk *= 2;
    return chunk;
}

static void join_columns(const turn *t)
{
    const int64_t chunk = chunk_of(t), chunks = (t->length + chunk - 1) / chunk, pitch = t->rows * 4;
    const int64_t lanes = nyx_vulkan__lanes(t->rows), words = t->rows / lanes;
    const int64_t side = least_of(nyx_vulkan__power_of_two(words), 32), tiles = (words + side - 1) / side;
    const int64_t bound = t->e->gpu->facts.buffer_most / (chunk * pitch), some = bound > 0 ? bound : 1;

    for (int64_t first = 0; first < chunks; first += some) {
        const int64_t    these = least_of(some, chunks - first);
        const int64_t    rows = least_of(these * chunk, t->length - first * chunk);
        nyx_vulkan__work work = nyx_vulkan__shader(t->e, lanes == 4 ? "reduce_columns4" : "reduce_columns");

        nyx_vulkan__turns(t->e, chunk * side / t->e->gpu->group);
        nyx_vulkan__spec(&work, (uint32_t)side);
        spec_reduction(&work, t);
        nyx_vulkan__bind(&work, nyx_vulkan__part(t->from, first * chunk * pitch, rows * pitch), false);
        nyx_vulkan__bind(&work, t->to, true);
        nyx_vulkan__push(&work, (uint32_t)rows);
        nyx_vulkan__push(&work, (uint32_t)words);
        nyx_vulkan__push(&work, (uint32_t)chunk);
        nyx_vulkan__push(&work, (uint32_t)tiles);
        nyx_vulkan__push(&work, (uint32_t)first);
        nyx_vulkan__push(&work, (uint32_t)t->count);
        nyx_vulkan__push(&work, first == 0);
        nyx_vulkan__groups(&work, tiles * these);
        nyx_vulkan__add(t->e, &work);
    }
}

/* Pieces of a row or column that a turn leaves. */
static int64_t pieces_of(const turn *t, bool leading)
{
    const int64_t chunk = leading ? chunk_of(t) : CHUNK;

    return (t->length + chunk - 1) / chunk;
}

static int64_t partial_bytes(turn t, bool leading)
{
    int64_t bytes = 0;

    for (int64_t pieces; (pieces = pieces_of(&t, leading)) > 1; t.length = pieces)
        bytes += (t.rows * pieces * 4 + 255) / 256 * 256;
    return bytes;
}

static void emit_reduce(nyx_vulkan__emit *e)
{
    const bool    leading = e->node->ints[2] != 0;
    const int64_t results = nyx_vulkan__elems_out(e, 0), elems = nyx_vulkan__elems_in(e, 0);
    turn          t = { .e = e, .from = e->in[0], .rows = results, .length = elems / results,
                        .how = (enum nyx_reduction)e->node->ints[0], .count = elems / results };
    const int64_t           bytes = partial_bytes(t, leading);
    const nyx_vulkan__range partial = nyx_vulkan__workspace(e, bytes);

    for (int64_t used = 0; !t.last;) {
        const int64_t pieces = pieces_of(&t, leading);

        t.last = pieces == 1;
        if (nyx_value_dtype(e->g, e->node->inputs[0]) != NYX_I32)
            nyx_vulkan__decides(e, least_of(leading ? chunk_of(&t) : CHUNK, t.length));
        t.to = t.last ? e->out[0] : nyx_vulkan__part(partial, used, t.rows * pieces * 4);
        if (leading)
            join_columns(&t);
        else
            join_rows(&t);
        used += (t.rows * pieces * 4 + 255) / 256 * 256;
        t.from = t.to;
        t.length = pieces;
        t.how = t.how == NYX_SUM_SQUARES ? NYX_SUM : t.how;
    }
}

static void emit_argmax(nyx_vulkan__emit *e)
{
    const int64_t width = nyx_vulkan__width(nyx_vulkan__shape_in(e, 0)), row = width * 4;
    const int64_t rows = nyx_vulkan__elems_out(e, 0), lanes = nyx_vulkan__lanes(width);

    for (nyx_vulkan__piece p = nyx_vulkan__pieces(e, rows, row); nyx_vulkan__next(&p);) {
        nyx_vulkan__work work = nyx_vulkan__row_work(e, "argmax", "argmax4", lanes, p.count, width);

        nyx_vulkan__read_piece(&work, e, 0, &p, row);
        nyx_vulkan__write_piece(&work, e, 0, &p, 4);
        nyx_vulkan__add(e, &work);
    }
}

const nyx_vulkan__kernel nyx_vulkan__reduce[] = {
    { NYX_OP_REDUCE, "rows", emit_reduce, NULL },
    { NYX_OP_ARGMAX, "rows", emit_argmax, NULL },
    { NYX_OP_NONE, NULL, NULL, NULL },
};
