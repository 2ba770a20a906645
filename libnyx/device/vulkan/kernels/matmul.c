/* matmul -- products of matrices (shaders/matmul.comp, matmul_matrix.comp,
 * matmul_parts.comp, matvec.comp).
 *
 * y[i, j] = sum over k of a(i, k) b(j, k): in every mode an operand is lines of
 * elements, one for each i (or j) with terms side by side, or one for each k.
 * A product is cut into pieces where a binding holds only part of an operand;
 * a piece with few tiles is split along its terms, so that the device has work
 * enough, and the parts are added in order. */
#include "device/vulkan/kernels/kernels.h"

#include <string.h>

/* ---- tiles ------------------------------------------------------------------------ */

enum { SOFTWARE = 1, UNIFIED = 2, DISCRETE = 4, GPUS = 6 }; /* kinds of devices */

/* A workgroup makes rows x columns elements, an invocation (or by matrix units
 * a subgroup) own_rows x own_columns, a step takes `terms`. */
typedef struct {
    int    rows, columns, terms, own_rows, own_columns, buffers, lanes;
    double rate;  /* share of the fastest, where the device is full */
    int    where; /* on which devices it is tried; 0: where the device's name asks for it */
    bool   units; /* by matrix units, operands of 16 bits */
} tile;

static const tile tiles[] = {
    { 128, 128, 32, 8, 8, 1, 4, 1.0, DISCRETE, false },
    { 64, 64, 16, 8, 4, 2, 8, 0.7, GPUS, false },
    { 64, 64, 8, 8, 4, 2, 8, 0.65, GPUS, false },
    { 128, 32, 16, 8, 4, 2, 8, 0.55, GPUS, false },
    { 32, 128, 16, 4, 8, 2, 8, 0.55, GPUS, false },
    { 32, 32, 16, 4, 4, 2, 8, 0.4, GPUS, false },
    { 16, 128, 16, 4, 4, 2, 8, 0.4, GPUS, false },
    { 32, 32, 4, 4, 4, 1, 8, 0.1, SOFTWARE, false }, /* compiles soon */
    { 128, 128, 16, 8, 8, 2, 8, 0, 0, false },       /* rivals of the first, to be measured */
    { 128, 128, 8, 8, 8, 2, 4, 0, 0, false },
    { 128, 128, 16, 8, 8, 1, 4, 0, 0, false },
    { 128, 128, 16, 8, 8, 2, 4, 0, 0, false },
    { 128, 64, 16, 8, 8, 2, 4, 0, 0, false },
    { 128, 64, 16, 8, 4, 2, 8, 0, 0, false },
    { 64, 64, 16, 8, 8, 2, 4, 0, 0, false },
    { 128, 128, 16, 16, 8, 2, 8, 0, 0, false },
    { 128, 256, 8, 8, 16, 2, 4, 0, 0, false },
    { 256, 128, 8, 16, 8, 2, 4, 0, 0, false },
    { 128, 128, 64, 64, 64, 1, 0, 6.0, DISCRETE, true }, /* 19: by matrix units */
    { 64, 64, 32, 32, 32, 2, 0, 3.0, GPUS, true },
    { 32, 32, 32, 16, 16, 2, 0, 1.5, GPUS | SOFTWARE, true },
    { 128, 128, 32, 64, 64, 2, 0, 0, 0, true },
    { 128, 128, 32, 64, 32, 2, 0, 0, 0, true },
    { 256, 128, 32, 64, 64, 1, 0, 0, 0, true },
    { 128, 256, 32, 64, 64, 1, 0, 0, 0, true },
    { 128, 64, 32, 32, 32, 2, 0, 0, 0, true },
    { 128, 128, 64, 64, 32, 1, 0, 0, 0, true },
    { 128, 128, 64, 32, 64, 1, 0, 0, 0, true },
    { 128, 128, 64, 32, 32, 1, 0, 0, 0, true },
    { 128, 64, 64, 32, 32, 1, 0, 0, 0, true },
    { 64, 64, 64, 32, 32, 1, 0, 0, 0, true },
    { 64, 128, 64, 32, 64, 1, 0, 0, 0, true },
};
enum { TILES = sizeof tiles / sizeof *tiles };

static int own_tiles(const tile *t)
{
    return t->rows / t->own_rows * (t->columns / t->own_columns);
}

static int invocations(const nyx_vulkan__gpu *gpu, const tile *t)
{
    return own_tiles(t) * (t->units ? gpu->facts.subgroup : 1);
}

static bool tile_fits(const nyx_vulkan__gpu *gpu, const tile *t)
{
    const int64_t shared = (int64_t)t->buffers * t->terms * (t->rows / 4 + 2 + t->columns / 4 + 2) * 16;
    const int     across = t->columns / t->own_columns, down = t->rows / t->own_rows;

    return t->terms % 4 == 0 && t->own_rows % 4 == 0 && t->own_columns % 4 == 0 && t->rows % t->own_rows == 0 &&
           t->columns % t->own_columns == 0 && across % t->lanes == 0 && down % (32 / t->lanes) == 0 &&
           shared <= gpu->facts.shared_bytes && invocations(gpu, t) <= gpu->facts.group_invocations;
}

/* Bytes of `lines` lines of 16 bits in shared memory, a vector of padding each. */
static int64_t shared_lines(int lines, int elems)
{
    return (int64_t)lines * (elems / 8 + 1) * 16;
}

static bool units_fit(const nyx_vulkan__gpu *gpu, const tile *t, int type)
{
    const int     m = gpu->facts.matrix[type].m, n = gpu->facts.matrix[type].n, k = gpu->facts.matrix[type].k;
    const int64_t as_rows = shared_lines(t->rows + t->columns, t->terms);
    const int64_t as_terms = shared_lines(t->terms, t->rows) + shared_lines(t->terms, t->columns);
    const int64_t stage = (int64_t)own_tiles(t) * m * n * 4;
    const int64_t most = t->buffers * (as_rows > as_terms ? as_rows : as_terms);

    return m > 0 && m % 8 == 0 && n % 8 == 0 && k % 8 == 0 && t->own_rows % m == 0 && t->own_columns % n == 0 &&
           t->terms % k == 0 && (most > stage ? most : stage) <= gpu->facts.shared_bytes && gpu->facts.subgroup > 0 &&
           invocations(gpu, t) <= gpu->facts.group_invocations;
}

static int kind_of(const nyx_vulkan__gpu *gpu)
{
    if (!strcmp(gpu->facts.type, "cpu"))
        return SOFTWARE;
    return gpu->unified ? UNIFIED : DISCRETE;
}

/* Workgroups that keep the device busy: two on each of its cores, about. */
static int64_t wanted_groups(const nyx_vulkan__gpu *gpu)
{
    const int kind = kind_of(gpu);

    return kind == SOFTWARE ? 8 : kind == UNIFIED ? 32 : 256;
}

/* ---- products ----------------------------------------------------------------------- */

typedef struct {
    nyx_vulkan__range at;
    int64_t           lines, line; /* elements of a line */
    bool              terms;       /* terms lie side by side, a line is a row of the product */
} operand;

typedef struct {
    operand        a, b;
    int64_t        m, n, k;
    enum nyx_dtype dtype;
    int64_t        bytes; /* of an element of a, b */
} product;

static product product_of(const nyx_vulkan__emit *e)
{
    const nyx_shape *x = nyx_vulkan__shape_in(e, 0), *w = nyx_vulkan__shape_in(e, 1);
    const int        mode = (int)e->node->ints[0];
    const int64_t    x_line = nyx_vulkan__width(x), w_line = nyx_vulkan__width(w);
    product          p = { .dtype = nyx_value_dtype(e->g, e->node->inputs[0]) };

    p.a = (operand){ e->in[0], nyx_shape_count(x) / x_line, x_line, mode != NYX_MATMUL_TN };
    p.b = (operand){ e->in[1], nyx_shape_count(w) / w_line, w_line, mode == NYX_MATMUL_NT };
    p.m = p.a.terms ? p.a.lines : p.a.line;
    p.n = p.b.terms ? p.b.lines : p.b.line;
    p.k = p.a.terms ? p.a.line : p.a.lines;
    p.bytes = nyx_dtype_bytes(p.dtype);
    return p;
}

static uint32_t type_of(const product *p)
{
    return p->dtype == NYX_F16 ? 1 : p->dtype == NYX_BF16 ? 2 : 0;
}

/* Some of the extents of a product: elements [first, first + count) of each. */
typedef struct { int64_t first, count; } extent;
typedef struct { extent m, n, k; } piece;

static int64_t parts_of(const nyx_vulkan__emit *e, const tile *t, const piece *at, int64_t *terms)
{
    const int64_t count = (at->m.count + t->rows - 1) / t->rows * ((at->n.count + t->columns - 1) / t->columns);
    const int64_t least = 128, most = (e->gpu->facts.buffer_most < (64 << 20) ? e->gpu->facts.buffer_most : 64 << 20) /
                                      (at->m.count * at->n.count * 4);
    int64_t       parts = (wanted_groups(e->gpu) + count - 1) / count;

    parts = parts > at->k.count / least ? at->k.count / least : parts;
    parts = parts > most ? most : parts;
    parts = parts > 64 ? 64 : parts;
    parts = parts < 1 ? 1 : parts;
    *terms = ((at->k.count + parts - 1) / parts + t->terms - 1) / t->terms * t->terms;
    return (at->k.count + *terms - 1) / *terms;
}

/* Share of the fastest rate: of the tile, of what is not cut away, of a busy device. */
static double merit(const nyx_vulkan__emit *e, const tile *t, const piece *at)
{
    const int64_t down = (at->m.count + t->rows - 1) / t->rows, across = (at->n.count + t->columns - 1) / t->columns;
    int64_t       terms;
    const int64_t groups = down * across * parts_of(e, t, at, &terms), wanted = wanted_groups(e->gpu);
    const double  made = (double)(down * t->rows) * (double)(across * t->columns);
    const double  used = (double)at->m.count * (double)at->n.count / made;

    return t->rate * used * (groups < wanted ? (double)groups / (double)wanted : 1.0);
}

static bool takes(nyx_vulkan__gpu *gpu, const tile *t, const product *p)
{
    if (!t->units)
        return tile_fits(gpu, t);
    return p->dtype != NYX_F32 && p->a.line % 8 == 0 && p->b.line % 8 == 0 && units_fit(gpu, t, p->dtype == NYX_BF16) &&
           nyx_vulkan__matrix_works(gpu, p->dtype);
}

static const tile *choose_tile(nyx_vulkan__emit *e, const product *p, const piece *at)
{
    const int64_t asked = e->gpu->switches.tile;
    const tile   *best = NULL;
    double        most = 0;

    if (asked > 0 && asked <= TILES && takes(e->gpu, &tiles[asked - 1], p))
        return &tiles[asked - 1];
    if (asked > 0)
        nyx_vulkan__fail(e, NYX_ERR_UNSUPPORTED, "'%s' has no tile %lld for this product", e->gpu->facts.name,
                         (long long)asked);
    for (int i = 0; i < TILES; i++) {
        const tile  *t = &tiles[i];
        const double now = t->where & kind_of(e->gpu) ? merit(e, t, at) : 0;

        if (now > most && takes(e->gpu, t, p)) {
            best = t;
            most = now;
        }
    }
    NYX_BUG_IF(!best);
    return best;
}

/* The lines of an operand that a piece needs, and where in a line it starts. */
static nyx_vulkan__range lines_of(const operand *o, extent across, extent terms, int64_t bytes, uint32_t *start)
{
    const extent lines = o->terms ? across : terms;

    *start = (uint32_t)(o->terms ? terms.first : across.first);
    return nyx_vulkan__part(o->at, lines.first * o->line * bytes, lines.count * o->line * bytes);
}

static nyx_vulkan__range bias_of(const nyx_vulkan__emit *e, extent columns)
{
    return nyx_vulkan__part(e->in[2], columns.first * 4, columns.count * 4);
}

/* ---- one piece ----------------------------------------------------------------------------- */

static void add_parts(nyx_vulkan__emit *e, const product *p, const piece *at, nyx_vulkan__range from, int64_t parts,
                      nyx_vulkan__range to)
{
    const bool       has_bias = e->in[2].bytes > 0 && at->k.first == 0;
    nyx_vulkan__work work = nyx_vulkan__shader(e, "matmul_parts");

    nyx_vulkan__bind(&work, from, true, false);
    nyx_vulkan__bind(&work, has_bias ? bias_of(e, at->n) : from, true, false);
    nyx_vulkan__bind(&work, to, at->k.first > 0, true);
    nyx_vulkan__push(&work, (uint32_t)(at->m.count * at->n.count));
    nyx_vulkan__push(&work, (uint32_t)at->n.count);
    nyx_vulkan__push(&work, (uint32_t)parts);
    nyx_vulkan__push(&work, (uint32_t)p->n);
    nyx_vulkan__push(&work, (uint32_t)at->n.first);
    nyx_vulkan__push(&work, has_bias);
    nyx_vulkan__push(&work, at->k.first > 0);
    nyx_vulkan__elements(&work, e, at->m.count * at->n.count);
    nyx_vulkan__add(e, &work);
}

static nyx_vulkan__work tile_work(const nyx_vulkan__emit *e, const product *p, const tile *t)
{
    const int        type = p->dtype == NYX_BF16;
    nyx_vulkan__work work = nyx_vulkan__shader(e, !t->units ? "matmul" : type ? "matmul_bf16" : "matmul_f16");

    work.spec[0] = (uint32_t)invocations(e->gpu, t);
    nyx_vulkan__spec(&work, (uint32_t)t->rows);
    nyx_vulkan__spec(&work, (uint32_t)t->columns);
    nyx_vulkan__spec(&work, (uint32_t)t->terms);
    nyx_vulkan__spec(&work, (uint32_t)t->own_rows);
    nyx_vulkan__spec(&work, (uint32_t)t->own_columns);
    nyx_vulkan__spec(&work, (uint32_t)t->buffers);
    nyx_vulkan__spec(&work, t->units ? (uint32_t)e->gpu->facts.subgroup : (uint32_t)t->lanes);
    if (t->units) {
        nyx_vulkan__spec(&work, (uint32_t)e->gpu->facts.matrix[type].m);
        nyx_vulkan__spec(&work, (uint32_t)e->gpu->facts.matrix[type].n);
        nyx_vulkan__spec(&work, (uint32_t)e->gpu->facts.matrix[type].k);
    } else {
        nyx_vulkan__spec(&work, type_of(p));
    }
    nyx_vulkan__spec(&work, p->a.terms);
    nyx_vulkan__spec(&work, p->b.terms);
    return work;
}

static void emit_piece(nyx_vulkan__emit *e, const product *p, const tile *t, const piece *at)
{
    const nyx_vulkan__range y = nyx_vulkan__part(e->out[0], at->m.first * p->n * 4, at->m.count * p->n * 4);
    int64_t                 terms;
    const int64_t           parts = parts_of(e, t, at, &terms), elems = at->m.count * at->n.count;
    const nyx_vulkan__range shares = parts > 1 ? nyx_vulkan__workspace(e, parts * elems * 4) : y;
    const bool              has_bias = e->in[2].bytes > 0 && at->k.first == 0 && parts == 1;
    const int64_t           y_line = parts > 1 ? at->n.count : p->n;
    uint32_t                a_start, b_start;
    const nyx_vulkan__range a = lines_of(&p->a, at->m, at->k, p->bytes, &a_start);
    const nyx_vulkan__range b = lines_of(&p->b, at->n, at->k, p->bytes, &b_start);
    nyx_vulkan__work        work = tile_work(e, p, t);

    if (!t->units) {
        nyx_vulkan__spec(&work, p->a.line % 4 == 0 && a_start % 4 == 0);
        nyx_vulkan__spec(&work, p->b.line % 4 == 0 && b_start % 4 == 0);
        nyx_vulkan__spec(&work, y_line % 4 == 0 && at->n.first % 4 == 0 && elems % 4 == 0);
    }
    nyx_vulkan__spec(&work, at->m.count % t->rows == 0 && at->n.count % t->columns == 0 && at->k.count % t->terms == 0);
    nyx_vulkan__bind(&work, a, true, false);
    nyx_vulkan__bind(&work, b, true, false);
    nyx_vulkan__bind(&work, has_bias ? bias_of(e, at->n) : a, true, false);
    nyx_vulkan__bind(&work, shares, parts == 1 && at->k.first > 0, true);
    nyx_vulkan__push(&work, (uint32_t)at->m.count);
    nyx_vulkan__push(&work, (uint32_t)at->n.count);
    nyx_vulkan__push(&work, (uint32_t)at->k.count);
    nyx_vulkan__push(&work, (uint32_t)terms);
    nyx_vulkan__push(&work, (uint32_t)p->a.line);
    nyx_vulkan__push(&work, (uint32_t)p->b.line);
    nyx_vulkan__push(&work, (uint32_t)y_line);
    nyx_vulkan__push(&work, a_start);
    nyx_vulkan__push(&work, b_start);
    nyx_vulkan__push(&work, parts > 1 ? 0 : (uint32_t)at->n.first);
    nyx_vulkan__push(&work, (uint32_t)elems);
    nyx_vulkan__push(&work, has_bias);
    nyx_vulkan__push(&work, parts == 1 && at->k.first > 0);
    nyx_vulkan__grid(&work, (at->n.count + t->columns - 1) / t->columns, (at->m.count + t->rows - 1) / t->rows, parts);
    nyx_vulkan__add(e, &work);
    if (parts > 1)
        add_parts(e, p, at, shares, parts, y);
}

/* ---- pieces ---------------------------------------------------------------------------------- */

/* How many of `count` lines fit into a binding of each operand that has them,
 * one of `bytes` and one of `others` a line (0: none). Pieces start at multiples
 * of 256 bytes and of `step`, a power of two. What never fits is left whole, and
 * refused when it is bound. */
static int64_t lines_at_once(const nyx_vulkan__emit *e, int64_t count, int64_t step, int64_t bytes, int64_t others)
{
    const int64_t most = e->gpu->facts.buffer_most / (bytes > others ? bytes : others);

    while (step * bytes % 256 || step * others % 256)
        step *= 2;
    return most >= count || most < step ? count : most / step * step;
}

static int64_t lesser(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The largest pieces that bindings, grids and the patience of displays allow.
 * Vectors start at multiples of 8 elements, a piece of the bias at 64. */
static piece largest_piece(const nyx_vulkan__emit *e, const product *p)
{
    const int64_t a = p->a.line * p->bytes, b = p->b.line * p->bytes;
    piece         at = { { 0, lines_at_once(e, p->m, 8, p->n * 4, p->a.terms ? a : 0) }, { 0, p->n }, { 0, p->k } };

    if (p->b.terms)
        at.n.count = lines_at_once(e, p->n, 64, b, 0);
    if (!p->a.terms || !p->b.terms)
        at.k.count = lines_at_once(e, p->k, 8, p->a.terms ? 0 : a, p->b.terms ? 0 : b);
    at.m.count = lesser(at.m.count, 1 << 19); /* tiles of 16 rows, 32 columns in 65,535 groups */
    at.n.count = lesser(at.n.count, 1 << 20);
    if (kind_of(e->gpu) == SOFTWARE)
        at.k.count = lesser(at.k.count, 2048); /* old Mesa ends loops after 65,535 turns of an invocation */
    else if (e->gpu->unified)
        while (at.m.count > 1024 && 2.0 * (double)at.m.count * (double)at.n.count * (double)at.k.count > 2e10)
            at.m.count = (at.m.count / 2 + 127) / 128 * 128; /* 50 ms at 400 GFLOP/s */
    return at;
}

static void emit_tiles(nyx_vulkan__emit *e, const product *p)
{
    const piece most = largest_piece(e, p);
    const tile *t = choose_tile(e, p, &most);

    for (int64_t i = 0; i < p->m; i += most.m.count)
        for (int64_t j = 0; j < p->n; j += most.n.count)
            for (int64_t k = 0; k < p->k; k += most.k.count) {
                const piece at = { { i, lesser(p->m - i, most.m.count) },
                                   { j, lesser(p->n - j, most.n.count) },
                                   { k, lesser(p->k - k, most.k.count) } };

                emit_piece(e, p, t, &at);
            }
}

/* ---- few rows ------------------------------------------------------------------------------------- */

enum { VECTOR_ROWS = 8, VECTOR_TERMS = 1 << 18 };

static void emit_rows(nyx_vulkan__emit *e, const product *p)
{
    const int64_t columns = p->m > 2 && p->n >= 1024 ? 2 : 1, once = lines_at_once(e, p->n, 64, p->k * p->bytes, 0);
    const bool    has_bias = e->in[2].bytes > 0;
    int64_t       lanes = 32;

    while (lanes < e->gpu->group && lanes * 4 < p->k && p->n * lanes < wanted_groups(e->gpu) * 512)
        lanes *= 2;
    for (int64_t first = 0; first < p->n; first += once) {
        const int64_t    count = lesser(p->n - first, once);
        const int64_t    line = p->k * p->bytes;
        nyx_vulkan__work work = nyx_vulkan__shader(e, "matvec");

        nyx_vulkan__spec(&work, (uint32_t)lanes);
        nyx_vulkan__spec(&work, (uint32_t)p->m);
        nyx_vulkan__spec(&work, (uint32_t)columns);
        nyx_vulkan__spec(&work, type_of(p));
        nyx_vulkan__spec(&work, p->k % 4 == 0);
        nyx_vulkan__spec(&work, (uint32_t)e->gpu->group);
        nyx_vulkan__read_in(&work, e, 0);
        nyx_vulkan__bind(&work, nyx_vulkan__part(p->b.at, first * line, count * line), true, false);
        nyx_vulkan__bind(&work, has_bias ? bias_of(e, (extent){ first, count }) : e->in[0], true, false);
        nyx_vulkan__write_out(&work, e, 0);
        nyx_vulkan__push(&work, (uint32_t)count);
        nyx_vulkan__push(&work, (uint32_t)p->k);
        nyx_vulkan__push(&work, (uint32_t)p->n);
        nyx_vulkan__push(&work, (uint32_t)first);
        nyx_vulkan__push(&work, has_bias);
        nyx_vulkan__groups(&work, (count + e->gpu->group / lanes * columns - 1) / (e->gpu->group / lanes * columns));
        nyx_vulkan__add(e, &work);
    }
}

static void emit_matmul(nyx_vulkan__emit *e)
{
    const product p = product_of(e);

    if (p.b.terms && p.m <= VECTOR_ROWS && p.k <= VECTOR_TERMS && e->gpu->switches.tile == 0)
        emit_rows(e, &p);
    else
        emit_tiles(e, &p);
}

static bool takes_every(const nyx_vulkan__gpu *gpu, const nyx_graph *g, const nyx_node *node)
{
    (void)gpu;
    (void)g;
    (void)node;
    return true; /* 16 bits too */
}

const nyx_vulkan__kernel nyx_vulkan__matmul[] = {
    { NYX_OP_MATMUL, "tile", emit_matmul, takes_every },
    { NYX_OP_NONE, NULL, NULL, NULL },
};
