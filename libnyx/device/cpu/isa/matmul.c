/* matmul -- C = A B for the three modes of NYX_OP_MATMUL, in f32 once packed.
 *
 * The scheme of Goto and van de Geijn ("Anatomy of high-performance matrix
 * multiplication", 2008): B is packed into panels of NR columns and shared by
 * all threads, A into panels of MR rows that stay in the level 2 cache, and a
 * register tile of MR x NR sums over one block of KC terms:
 *
 *     A panel          B panel
 *     MR rows x KC  *  KC x NR columns  ->  MR x NR accumulators
 *
 * Every element is a sum of blocks of KC terms, each in order of k by fused
 * multiply-add, the blocks added in order: threads and blocking of rows and
 * columns never change a bit.
 *
 * The tall mode (TN: the gradient of a weight) sums over rows, of which there
 * are many. Where its result is too small to occupy many threads the rows are
 * cut in slices whose sums are added at the end. The number of slices depends
 * on the shape alone.
 */
#include "matmul.h"

enum {
    MC = 32 * MR,       /* rows packed at once: MC x KC in level 2   */
    B_MOST = 2 << 20    /* floats of B packed at once: level 3       */
};

/* How much of B is packed at once: `group` panels of columns, `span` terms of
 * each slice, as evenly as they go. Whole rows come first, for A is packed again
 * for each group. */
typedef struct {
    int64_t slices, length; /* terms of a slice */
    int64_t group, span;
} blocking;

/* Slices give every thread of a large machine work for a small result. */
static int64_t slice_count(int64_t rows, int64_t columns, int64_t terms)
{
    int64_t tiles = panels(rows, MR) * panels(columns, NR);
    int64_t wanted = panels(512, tiles > 0 ? tiles : 1), most = terms / (4 * KC);

    wanted = least(wanted, 8);
    return wanted < most ? wanted : most > 1 ? most : 1;
}

static blocking blocking_of(int mode, int64_t rows, int64_t columns, int64_t terms)
{
    blocking b = { .slices = mode == NYX_MATMUL_TN ? slice_count(rows, columns, terms) : 1 };
    int64_t  all = panels(columns, NR), spans;

    b.length = terms > 0 ? panels(panels(terms, b.slices), KC) * KC : KC; /* a sum of nothing is written, too */
    b.group = panels(all, panels(all, B_MOST / (b.slices * KC * NR)));
    spans = panels(b.slices * b.group * NR * b.length, B_MOST);
    b.span = panels(panels(b.length, spans), KC) * KC;
    return b;
}

static int64_t packed_floats(const blocking *b)
{
    return b->slices * b->group * NR * b->span;
}

static int64_t workspace_floats(const blocking *b, int64_t rows, int64_t columns, int parts)
{
    return packed_floats(b) + (int64_t)parts * (MC / MR) * A_PANEL + (b->slices > 1 ? b->slices * rows * columns : 0);
}

/* Terms of a block of slice `slice` that begins at `k` of it, at most `most`. */
static int64_t terms_left(const matmul_job *j, const blocking *by, int64_t slice, int64_t k, int64_t most)
{
    const int64_t end = least((slice + 1) * by->length, j->terms), left = end - slice * by->length - k;

    return left > 0 ? least(left, most) : 0;
}

/* ---- packing ------------------------------------------------------------------ */

/* Rows of B that meet a tile of A or two are not worth a copy: whole panels of
 * NN are read where they lie. The sums are the same. */
static bool is_direct(const matmul_job *j, int64_t column)
{
    return j->type == NYX_F32 && j->mode == NYX_MATMUL_NN && j->rows <= 2 * MR && column + NR <= j->columns;
}

/* Place in `b` of a block that begins at `k` of the span: blocks of KC terms,
 * each with all its panels. */
static float *place_of(float *b, const blocking *by, int64_t count, int64_t slice, int64_t k, int64_t panel,
                       int64_t terms)
{
    return b + slice * by->group * NR * by->span + k * count * NR + panel * terms * NR;
}

/* Panels [first, first + count) of B, terms [from, from + span) of all slices.
 * This thread packs its part of them. */
static void pack_b(const matmul_job *j, const blocking *by, float *b, int64_t first, int64_t count, int64_t from,
                   int part, int parts)
{
    const bool turned = j->mode == NYX_MATMUL_NT;
    int64_t    blocks = by->span / KC, begin, end;

    nyx_cpu_split(&begin, &end, by->slices * blocks * count, 1, part, parts);
    for (int64_t at = begin; at < end; at++) {
        int64_t slice = at / (blocks * count), k = at / count % blocks * KC, panel = at % count;
        int64_t terms = terms_left(j, by, slice, from + k, KC), column = (first + panel) * NR;
        int64_t term = slice * by->length + from + k;

        if (terms == 0 || is_direct(j, column))
            continue;
        matmul_pack_b(place_of(b, by, count, slice, k, panel, terms), j->type,
                      place_of_element(j->type, j->b, turned ? column * j->terms + term : term * j->columns + column),
                      turned ? j->terms : j->columns, j->columns - column, terms, turned);
    }
}

static void pack_a(const matmul_job *j, float *a, int64_t row, int64_t rows, int64_t term, int64_t terms)
{
    if (j->mode == NYX_MATMUL_TN)
        matmul_pack_across(a, j->type, place_of_element(j->type, j->a, term * j->rows + row), j->rows, rows, terms);
    else
        matmul_pack_rows(a, j->type, place_of_element(j->type, j->a, row * j->terms + term), j->terms, rows, terms);
}

/* ---- the loops ------------------------------------------------------------------ */

/* What all threads work on between two barriers. */
typedef struct {
    int64_t first, count; /* panels of B */
    int64_t from;         /* first term of a slice */
} phase;

/* A block of terms of some rows, packed in `a`, times a panel of B. `to` is the
 * whole of these rows; meanwhile the panel that comes next is fetched. */
static void panel_tiles(const float *a, const float *b, int64_t b_step, int64_t terms, const matmul_target *to,
                        const float *next)
{
    enum { LAST = KC * NR / MATMUL_SOON - 1 };

    for (int64_t i = 0; i < panels(to->rows, MR); i++) {
        const matmul_target at = { to->c + i * MR * to->step, to->step, to->rows - i * MR, to->columns,
                                   to->bias, to->add };

        matmul_tile(a + i * A_PANEL, b, b_step, terms, &at, next + least(i, LAST) * MATMUL_SOON);
    }
}

/* Rows [row, row + rows) of slice `slice`, into `c`, the terms and columns of
 * the phase. */
static void multiply_rows(const matmul_job *j, const blocking *by, const phase *p, const matmul_share *s, float *a,
                          float *b, float *c, int64_t slice, int64_t row, int64_t rows)
{
    for (int64_t k = 0; k < by->span; k += KC) {
        const int64_t terms = terms_left(j, by, slice, p->from + k, KC), term = slice * by->length + p->from + k;
        const bool    begins = p->from + k == 0;

        if (terms == 0 && !begins)
            return;
        pack_a(j, a, row, rows, term, terms);
        for (int64_t panel = s->column; panel < s->column_end; panel++) {
            const int64_t       column = (p->first + panel) * NR;
            const bool          direct = is_direct(j, column);
            const float        *packed = place_of(b, by, p->count, slice, k, panel, terms);
            const matmul_target to = { c + row * j->columns + column, j->columns, rows, j->columns - column,
                                       begins && j->bias ? j->bias + column : NULL, !begins };

            panel_tiles(a, direct ? (const float *)j->b + term * j->columns + column : packed, direct ? j->columns : NR,
                        terms, &to, panel + 1 < s->column_end ? packed + terms * NR : packed);
        }
    }
}

static void multiply_phase(const matmul_job *j, const blocking *by, const phase *p, nyx_pool *pool, float *a,
                           float *sums, int part, int parts)
{
    const matmul_share s = share_of(by->slices, panels(j->rows, MR), p->count, part, parts);
    const int64_t      row_end = least(s.row_end * MR, j->rows);
    float             *b = j->workspace;

    pack_b(j, by, b, p->first, p->count, p->from, part, parts);
    nyx_pool_barrier(pool);
    for (int64_t slice = s.slice; slice < s.slice_end; slice++)
        for (int64_t row = s.row * MR; row < row_end; row += MC)
            multiply_rows(j, by, p, &s, a, b, sums + slice * j->rows * j->columns, slice, row,
                          least(MC, row_end - row));
}

static void add_slices(const matmul_job *j, const float *sums, int64_t slices, int part, int parts)
{
    int64_t begin, end, count = j->rows * j->columns;

    nyx_cpu_split(&begin, &end, count, 64, part, parts);
    for (int64_t i = begin; i < end; i++) {
        float x = sums[i];

        for (int64_t s = 1; s < slices; s++)
            x += sums[s * count + i];
        j->c[i] = x;
    }
}

static void multiply(const matmul_job *j, nyx_pool *pool, int part, int parts)
{
    const blocking by = blocking_of(j->mode, j->rows, j->columns, j->terms);
    const int64_t  all = panels(j->columns, NR), a_floats = MC / MR * A_PANEL;
    float         *a = j->workspace + packed_floats(&by), *sums = by.slices > 1 ? a + parts * a_floats : j->c;

    for (phase p = { 0 }; p.first < all; p.first += by.group)
        for (p.from = 0; p.from < by.length; p.from += by.span) {
            p.count = least(by.group, all - p.first);
            if (p.first > 0 || p.from > 0)
                nyx_pool_barrier(pool);
            multiply_phase(j, &by, &p, pool, a + part * a_floats, sums, part, parts);
        }
    if (by.slices > 1) {
        nyx_pool_barrier(pool);
        add_slices(j, sums, by.slices, part, parts);
    }
}

/* ---- the kernel --------------------------------------------------------------------- */

int64_t NYX_ISA_NAME(nyx_cpu__matmul_workspace)(const nyx_graph *g, const nyx_node *node, int parts)
{
    const int64_t width = nyx_isa_width(nyx_value_shape(g, node->inputs[0]));
    const int64_t rows = nyx_value_elems(g, node->inputs[0]) / (width > 0 ? width : 1);
    const int64_t columns = nyx_isa_width(nyx_value_shape(g, node->outputs[0]));
    const int     mode = (int)node->ints[0];
    const bool    tall = mode == NYX_MATMUL_TN;
    blocking      by;

    if (matmul_is_dots(nyx_value_dtype(g, node->inputs[0]), mode, rows, columns, width))
        return 0;
    by = blocking_of(mode, tall ? width : rows, columns, tall ? rows : width);
    return workspace_floats(&by, tall ? width : rows, columns, parts) * (int64_t)sizeof(float);
}

void NYX_ISA_NAME(nyx_cpu__matmul)(const nyx_call *call, int part, int parts)
{
    int64_t    width = nyx_isa_width(call->in[0].shape);
    int64_t    rows = call->in[0].count / (width > 0 ? width : 1);
    matmul_job j = { rows, nyx_isa_width(call->out[0].shape), width, (int)call->node->ints[0],
                     call->in[0].dtype, call->in[0].data, call->in[1].data, call->in[2].data, call->out[0].data,
                     call->workspace };

    if (j.mode == NYX_MATMUL_TN) {
        j.rows = width;
        j.terms = rows;
    }
    if (matmul_is_dots(j.type, j.mode, j.rows, j.columns, j.terms))
        matmul_dots(&j, part, parts);
    else
        multiply(&j, call->pool, part, parts);
}
