/* matmul -- products of matrices (shaders/matmul.comp, matmul_matrix.comp,
 * matmul_parts.comp); few rows are matvec.c's.
 *
 * y[i, j] = sum over k of a(i, k) b(j, k): in every mode an operand is lines of
 * elements, one for each i (or j) with terms side by side, or one for each k.
 * A product is cut into pieces where a binding holds only part of an operand;
 * a piece with few tiles is split along its terms, so that the device has work
 * enough, and the parts are added in order. */
#include "device/vulkan/kernels/kernels.h"
#include "device/vulkan/tune.h"

#include <string.h>

/* ---- tiles ------------------------------------------------------------------------ */

enum { SOFTWARE = 1, UNIFIED = 2, DISCRETE = 4, GPUS = 6 }; /* kinds of devices */

/* Others are made of genes (device/tune.h), which are the first seven, `units`, and
 * parts that the terms are cut into (0: by the rule of parts_of).
 * A workgroup makes rows x columns elements, an invocation (or by matrix units
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
    { 128, 128, 64, 64, 32, 1, 0, 6.0, DISCRETE, true }, /* 19: by matrix units */
    { 64, 64, 64, 32, 32, 1, 0, 4.0, GPUS, true },
    { 32, 32, 32, 16, 16, 1, 0, 1.5, GPUS | SOFTWARE, true },
    { 128, 128, 64, 64, 64, 1, 0, 0, 0, true },
    { 128, 128, 64, 32, 64, 1, 0, 0, 0, true },
    { 128, 256, 32, 64, 64, 1, 0, 0, 0, true },
    { 256, 128, 32, 64, 64, 1, 0, 0, 0, true },
    { 128, 64, 64, 32, 32, 1, 0, 0, 0, true },
    { 64, 128, 64, 32, 32, 1, 0, 0, 0, true },
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

/* The most that an operand takes, as lines of its own or as lines of terms. */
static int64_t shared_operand(int lines, int terms)
{
    const int64_t own = shared_lines(lines, terms), turned = shared_lines(terms, lines);

    return own > turned ? own : turned;
}

/* In every mode, for both operands. */
static bool units_fit(const nyx_vulkan__gpu *gpu, const tile *t, int type)
{
    const int     m = gpu->facts.matrix[type].m, n = gpu->facts.matrix[type].n, k = gpu->facts.matrix[type].k;
    const int     threads = invocations(gpu, t);
    const int64_t a = shared_operand(t->rows, t->terms), stage = (int64_t)own_tiles(t) * m * t->own_columns * 4;
    const int64_t shared = (a > stage ? a : stage) + shared_operand(t->columns, t->terms);

    if (m <= 0 || m % 8 || n % 8 || k % 8 || t->own_rows % m || t->own_columns % n || t->rows % t->own_rows ||
        t->columns % t->own_columns || t->terms % k || t->buffers != 1 || threads == 0)
        return false;
    return shared <= gpu->facts.shared_bytes && threads <= gpu->facts.group_invocations &&
           threads % (t->rows / 8) == 0 && threads % (t->columns / 8) == 0 && threads % (t->terms / 8) == 0;
}

static int kind_of(const nyx_vulkan__gpu *gpu)
{
    if (!strcmp(gpu->facts.type, "cpu"))
        return SOFTWARE;
    return gpu->unified ? UNIFIED : DISCRETE;
}

/* Workgroups that keep the device busy: two on each of its cores, about. */
int64_t nyx_vulkan__wanted_groups(const nyx_vulkan__gpu *gpu)
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
    int64_t        bytes, y_bytes; /* of an element of a, b; of y */
    int64_t        parts;          /* asked for; 0: none */
} product;

static product product_of(const nyx_graph *g, const nyx_node *node)
{
    const nyx_shape *x = nyx_value_shape(g, node->inputs[0]), *w = nyx_value_shape(g, node->inputs[1]);
    const int        mode = (int)node->ints[0];
    const int64_t    x_line = nyx_vulkan__width(x), w_line = nyx_vulkan__width(w);
    product          p = { .dtype = nyx_value_dtype(g, node->inputs[0]) };

    p.a = (operand){ .lines = nyx_shape_count(x) / x_line, .line = x_line, .terms = mode != NYX_MATMUL_TN };
    p.b = (operand){ .lines = nyx_shape_count(w) / w_line, .line = w_line, .terms = mode == NYX_MATMUL_NT };
    p.m = p.a.terms ? p.a.lines : p.a.line;
    p.n = p.b.terms ? p.b.lines : p.b.line;
    p.k = p.a.terms ? p.a.line : p.a.lines;
    p.bytes = nyx_dtype_bytes(p.dtype);
    p.y_bytes = nyx_dtype_bytes(nyx_value_dtype(g, node->outputs[0]));
    return p;
}

static uint32_t type_of(const product *p)
{
    return p->dtype == NYX_F16 ? 1 : p->dtype == NYX_BF16 ? 2 : 0;
}

/* Some of the extents of a product: elements [first, first + count) of each. */
typedef struct { int64_t first, count; } extent;
typedef struct { extent m, n, k; } piece;

enum { TERMS_LEAST = 128 }; /* of a part */

/* `asked` 0: as many as keep the device busy. */
static int64_t parts_of(const nyx_vulkan__gpu *gpu, const tile *t, const piece *at, int64_t asked, int64_t *terms)
{
    const int64_t count = (at->m.count + t->rows - 1) / t->rows * ((at->n.count + t->columns - 1) / t->columns);
    const int64_t most = (gpu->facts.buffer_most < (64 << 20) ? gpu->facts.buffer_most : 64 << 20) / (at->m.count * at->n.count * 4);
    int64_t       parts = asked > 0 ? asked : (nyx_vulkan__wanted_groups(gpu) + count - 1) / count;

    parts = parts > at->k.count / TERMS_LEAST ? at->k.count / TERMS_LEAST : parts;
    parts = parts > most ? most : parts;
    parts = parts > 64 ? 64 : parts;
    parts = parts < 1 ? 1 : parts;
    *terms = ((at->k.count + parts - 1) / parts + t->terms - 1) / t->terms * t->terms;
    return (at->k.count + *terms - 1) / *terms;
}

/* Share of the fastest rate: of the tile, of what is not cut away, of a busy device. */
static double merit(const nyx_vulkan__gpu *gpu, const tile *t, const piece *at)
{
    const int64_t down = (at->m.count + t->rows - 1) / t->rows, across = (at->n.count + t->columns - 1) / t->columns;
    int64_t       terms;
    const int64_t groups = down * across * parts_of(gpu, t, at, 0, &terms), wanted = nyx_vulkan__wanted_groups(gpu);
    const double  made = (double)(down * t->rows) * (double)(across * t->columns);
    const double  used = (double)at->m.count * (double)at->n.count / made;

    return t->rate * used * (groups < wanted ? (double)groups / (double)wanted : 1.0);
}

static tile tile_of(const nyx_genome *genome)
{
    const int32_t *g = genome->genes;

    return (tile){ .rows = g[0], .columns = g[1], .terms = g[2], .own_rows = g[3], .own_columns = g[4], .buffers = g[5],
                   .lanes = g[6], .units = g[7] != 0 };
}

static nyx_genome genome_of(const tile *t)
{
    return (nyx_genome){ { t->rows, t->columns, t->terms, t->own_rows, t->own_columns, t->buffers, t->lanes, t->units } };
}

static bool takes(nyx_vulkan__gpu *gpu, const tile *t, const product *p)
{
    const nyx_genome genome = genome_of(t);

    if (!t->units)
        return tile_fits(gpu, t);
    return p->dtype != NYX_F32 && p->a.line % 8 == 0 && p->b.line % 8 == 0 &&
           units_fit(gpu, t, p->dtype == NYX_BF16) &&
           nyx_vulkan__matrix_works(gpu, p->dtype) && !nyx_vulkan__tile_refused(gpu, p->dtype, &genome);
}

static nyx_tune_problem problem_of(const product *p)
{
    const int mode = !p->a.terms ? NYX_MATMUL_TN : p->b.terms ? NYX_MATMUL_NT : NYX_MATMUL_NN;

    return (nyx_tune_problem){ .kernel = "matmul", .type = p->dtype, .variant = mode, .extents = { p->m, p->n, p->k } };
}

/* The best of the list, by the cost rule. */
static const tile *usual_tile(nyx_vulkan__gpu *gpu, const product *p, const piece *at)
{
    const tile *best = NULL;
    double      most = 0;

    for (int i = 0; i < TILES; i++) {
        const tile  *t = &tiles[i];
        const double now = t->where & kind_of(gpu) ? merit(gpu, t, at) : 0;

        if (now > most && takes(gpu, t, p)) {
            best = t;
            most = now;
        }
    }
    NYX_BUG_IF(!best);
    return best;
}

static tile find_tile(nyx_vulkan__emit *e, product *p, const piece *at)
{
    const int64_t          asked = e->gpu->switches.tile;
    const nyx_tune_problem problem = problem_of(p);
    nyx_genome             genome;

    p->parts = 0;
    if (e->gpu->trying)
        return tile_of(e->gpu->trying);
    if (asked > 0 && asked <= TILES && takes(e->gpu, &tiles[asked - 1], p))
        return tiles[asked - 1];
    if (asked > 0)
        nyx_vulkan__fail(e, NYX_ERR_UNSUPPORTED, "'%s' has no tile %lld for this product", e->gpu->facts.name,
                         (long long)asked);
    else if (nyx_vulkan__tuned(&genome, e->gpu, &nyx_vulkan__tune_matmul, &problem)) {
        p->parts = genome.genes[8];
        return tile_of(&genome);
    }
    return *usual_tile(e->gpu, p, at);
}

/* What matrix units multiply wrongly is passed over from then on. */
static tile choose_tile(nyx_vulkan__emit *e, product *p, const piece *at)
{
    tile t = find_tile(e, p, at);

    for (nyx_genome genome = genome_of(&t); t.units && !nyx_vulkan__tile_works(e->gpu, p->dtype, &genome);) {
        t = find_tile(e, p, at);
        genome = genome_of(&t);
    }
    return t;
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
    const int64_t    items = at->m.count * at->n.count / (p->y_bytes == 2 ? 2 : 1);
    nyx_vulkan__work work = nyx_vulkan__shader(e, "matmul_parts");

    nyx_vulkan__spec(&work, nyx_vulkan__halves(e, 1, e->node->outputs));
    nyx_vulkan__bind(&work, from, false);
    nyx_vulkan__bind(&work, has_bias ? bias_of(e, at->n) : from, false);
    nyx_vulkan__bind(&work, to, true);
    nyx_vulkan__push(&work, (uint32_t)(at->m.count * at->n.count));
    nyx_vulkan__push(&work, (uint32_t)at->n.count);
    nyx_vulkan__push(&work, (uint32_t)parts);
    nyx_vulkan__push(&work, (uint32_t)p->n);
    nyx_vulkan__push(&work, (uint32_t)at->n.first);
    nyx_vulkan__push(&work, has_bias);
    nyx_vulkan__push(&work, at->k.first > 0);
    nyx_vulkan__elements(&work, e, items);
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
    if (t->units) {
        nyx_vulkan__spec(&work, (uint32_t)e->gpu->facts.subgroup);
        nyx_vulkan__spec(&work, (uint32_t)e->gpu->facts.matrix[type].m);
        nyx_vulkan__spec(&work, (uint32_t)e->gpu->facts.matrix[type].n);
        nyx_vulkan__spec(&work, (uint32_t)e->gpu->facts.matrix[type].k);
    } else {
        nyx_vulkan__spec(&work, (uint32_t)t->buffers);
        nyx_vulkan__spec(&work, (uint32_t)t->lanes);
        nyx_vulkan__spec(&work, type_of(p));
    }
    nyx_vulkan__spec(&work, p->a.terms);
    nyx_vulkan__spec(&work, p->b.terms);
    return work;
}

/* Rows of a piece that go together; `parts` of `terms` each are added up. */
static void emit_rows(nyx_vulkan__emit *e, const product *p, const tile *t, const piece *at, int64_t parts, int64_t terms)
{
    const nyx_vulkan__range y = nyx_vulkan__part(e->out[0], at->m.first * p->n * p->y_bytes, at->m.count * p->n * p->y_bytes);
    const int64_t           elems = at->m.count * at->n.count;
    const nyx_vulkan__range shares = parts > 1 ? nyx_vulkan__workspace(e, parts * elems * 4) : y;
    const bool              has_bias = e->in[2].bytes > 0 && at->k.first == 0 && parts == 1;
    const bool              add = parts == 1 && at->k.first > 0, half = parts == 1 && p->y_bytes == 2;
    const bool              whole = at->m.count % t->rows == 0 && at->n.count % t->columns == 0 && at->k.count % t->terms == 0;
    const int64_t           y_line = parts > 1 ? at->n.count : p->n;
    uint32_t                a_start, b_start;
    const nyx_vulkan__range a = lines_of(&p->a, at->m, at->k, p->bytes, &a_start);
    const nyx_vulkan__range b = lines_of(&p->b, at->n, at->k, p->bytes, &b_start);
    nyx_vulkan__work        work = tile_work(e, p, t);

    if (!t->units) {
        nyx_vulkan__spec_aside(&work, p->a.line % 4 == 0 && a_start % 4 == 0);
        nyx_vulkan__spec_aside(&work, p->b.line % 4 == 0 && b_start % 4 == 0);
        nyx_vulkan__spec_aside(&work, y_line % 4 == 0 && at->n.first % 4 == 0 && elems % 4 == 0);
    }
    nyx_vulkan__spec_aside(&work, whole);
    if (t->units)
        nyx_vulkan__spec_aside(&work, y_line % 4 == 0 && at->n.first % 4 == 0 && at->n.count % 4 == 0);
    nyx_vulkan__spec(&work, half ? nyx_vulkan__halves(e, 1, e->node->outputs) : 0);
    nyx_vulkan__bind(&work, a, false);
    nyx_vulkan__bind(&work, b, false);
    nyx_vulkan__bind(&work, has_bias ? bias_of(e, at->n) : a, false);
    nyx_vulkan__bind(&work, shares, true);
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
    nyx_vulkan__push(&work, add);
    nyx_vulkan__grid(&work, (at->n.count + t->columns - 1) / t->columns, (at->m.count + t->rows - 1) / t->rows, parts);
    nyx_vulkan__add(e, &work);
    if (parts > 1)
        add_parts(e, p, at, shares, parts, y);
}

/* These terms of every element: what they and how they are split is of hangs on
 * no piece of rows and columns. */
static piece terms_of(const product *p, extent terms)
{
    return (piece){ { 0, p->m }, { 0, p->n }, terms };
}

static void emit_piece(nyx_vulkan__emit *e, const product *p, const tile *t, const piece *at)
{
    const int64_t most = nyx_vulkan__rows_in_time(e, p->m);
    const piece   every = terms_of(p, at->k);
    int64_t       terms;
    const int64_t parts = parts_of(e->gpu, t, &every, p->parts, &terms);

    if (at->m.first == 0 && at->n.first == 0) {
        nyx_vulkan__decides(e, at->k.count);
        nyx_vulkan__decides(e, terms);
    }
    for (nyx_vulkan__piece r = nyx_vulkan__pieces_of(at->m.count, most); nyx_vulkan__next(&r);) {
        piece rows = *at;

        rows.m.first += r.first;
        rows.m.count = r.count;
        emit_rows(e, p, t, &rows, parts, terms);
    }
}

/* ---- pieces ---------------------------------------------------------------------------------- */

static int64_t lesser(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The largest pieces that bindings, grids and the patience of displays allow.
 * Vectors start at multiples of 8 elements, a piece of the bias at 64. */
static piece largest_piece(const nyx_vulkan__gpu *gpu, const product *p)
{
    const int64_t a = p->a.line * p->bytes, b = p->b.line * p->bytes;
    piece         at = { { 0, nyx_vulkan__lines_at_once(gpu, p->m, 8, p->n * p->y_bytes, p->a.terms ? a : 0) }, { 0, p->n }, { 0, p->k } };

    if (p->b.terms)
        at.n.count = nyx_vulkan__lines_at_once(gpu, p->n, 64, b, 0);
    if (!p->a.terms || !p->b.terms)
        at.k.count = nyx_vulkan__lines_at_once(gpu, p->k, 8, p->a.terms ? 0 : a, p->b.terms ? 0 : b);
    at.m.count = lesser(at.m.count, 1 << 19); /* tiles of 16 rows, 32 columns in 65,535 groups */
    at.n.count = lesser(at.n.count, 1 << 20);
    if (kind_of(gpu) == SOFTWARE)
        at.k.count = lesser(at.k.count, 2048); /* old Mesa ends loops after 65,535 turns of an invocation */
    else if (gpu->unified)
        while (at.m.count > 1024 && 2.0 * (double)at.m.count * (double)at.n.count * (double)at.k.count > 2e10)
            at.m.count = (at.m.count / 2 + 127) / 128 * 128; /* 50 ms at 400 GFLOP/s */
    return at;
}

static void emit_tiles(nyx_vulkan__emit *e, product *p)
{
    const piece most = largest_piece(e->gpu, p), every = terms_of(p, most.k);
    const tile  t = choose_tile(e, p, &every);

    for (int64_t i = 0; i < p->m; i += most.m.count)
        for (int64_t j = 0; j < p->n; j += most.n.count)
            for (int64_t k = 0; k < p->k; k += most.k.count) {
                const piece at = { { i, lesser(p->m - i, most.m.count) },
                                   { j, lesser(p->n - j, most.n.count) },
                                   { k, lesser(p->k - k, most.k.count) } };

                emit_piece(e, p, &t, &at);
            }
}

/* ---- what can be tuned ----------------------------------------------------------------------- */

static product product_for(const nyx_tune_problem *problem)
{
    const int64_t m = problem->extents[0], n = problem->extents[1], k = problem->extents[2];
    const bool    a_terms = problem->variant != NYX_MATMUL_TN, b_terms = problem->variant == NYX_MATMUL_NT;

    return (product){ .a = { .lines = a_terms ? m : k, .line = a_terms ? k : m, .terms = a_terms },
                      .b = { .lines = b_terms ? n : k, .line = b_terms ? k : n, .terms = b_terms },
                      .m = m, .n = n, .k = k, .dtype = problem->type, .bytes = nyx_dtype_bytes(problem->type),
                      .y_bytes = 4 };
}

static void usual_genes(nyx_genome *out, nyx_vulkan__gpu *gpu, const nyx_tune_problem *problem)
{
    const product p = product_for(problem);

    *out = genome_of(usual_tile(gpu, &p, &(piece){ { 0, p.m }, { 0, p.n }, { 0, p.k } }));
}

/* The kernel's own choice with other parts, then the tiles. */
static bool seed_tile(nyx_genome *out, nyx_vulkan__gpu *gpu, const nyx_tune_problem *problem, int64_t index)
{
    if (index < 5) {
        usual_genes(out, gpu, problem);
        out->genes[8] = 1 << index;
    } else if (index < 5 + TILES) {
        *out = genome_of(&tiles[index - 5]);
    }
    return index < 5 + TILES;
}

/* Grids hold tiles of 16 rows and 32 columns; sums stay in registers. */
static bool genes_fit(nyx_vulkan__gpu *gpu, const nyx_tune_problem *problem, const nyx_genome *genome)
{
    const int32_t *g = genome->genes;
    const product  p = product_for(problem);

    for (int i = 0; i < 5; i++)
        if (g[i] < 4 || g[i] > 512)
            return false;
    if (g[0] < 16 || g[1] < 32 || g[5] < 1 || g[5] > 2 || g[7] < 0 || g[7] > 1 || g[8] < 0 || g[8] > 64)
        return false;
    if (!g[7] && (g[6] < 1 || 32 % g[6] || g[3] * g[4] > (kind_of(gpu) == SOFTWARE ? 16 : 256)))
        return false; /* of software a compiler would be long about more */
    if (g[8] > 1 && g[8] > p.k / TERMS_LEAST)
        return false; /* as good as fewer */
    if (!gpu->facts.shaders.long_loops && 2048 * (1 + g[3] * g[4] / 4 + 16 / g[2]) > 60000)
        return false; /* a piece's loops, where a driver unrolls none of them */
    const tile t = tile_of(genome);
    return (!t.units || (t.lanes == 0 && t.own_rows * t.own_columns <= 64 * 128)) && takes(gpu, &t, &p);
}

static bool asks_tile(nyx_tune_problem *out, const nyx_vulkan__gpu *gpu, const nyx_graph *g, const nyx_node *node)
{
    if (node->op != NYX_OP_MATMUL || nyx_vulkan__is_few_rows(gpu, g, node))
        return false;
    const product p = product_of(g, node);
    *out = problem_of(&p);
    return true;
}

const nyx_vulkan__tunable nyx_vulkan__tune_matmul = {
    .name = "matmul", .shaders = { "matmul", "matmul_f16", "matmul_bf16" }, .asks = asks_tile, .usual = usual_genes,
    .seed = seed_tile, .fits = genes_fit,
};

static void emit_matmul(nyx_vulkan__emit *e)
{
    product p = product_of(e->g, e->node);

    p.a.at = e->in[0];
    p.b.at = e->in[1];
    if (nyx_vulkan__is_few_rows(e->gpu, e->g, e->node))
        nyx_vulkan__emit_few_rows(e);
    else
        emit_tiles(e, &p);
}

/* Written in 16 bits by tiles, eight elements at a time, that see all terms or
 * leave their sums to matmul_parts. */
bool nyx_vulkan__halves_product(const nyx_vulkan__gpu *gpu, const nyx_graph *g, const nyx_node *node)
{
    const product p = product_of(g, node);

    return p.n % 8 == 0 && !nyx_vulkan__is_few_rows(gpu, g, node) && largest_piece(gpu, &p).k.count == p.k;
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
