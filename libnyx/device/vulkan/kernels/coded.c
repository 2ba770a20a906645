/* coded -- weights that stay coded (shaders/decode.glsl says how they are read;
 * decode.comp, coded_dots.comp, coded_tiles.comp). */
#include "device/vulkan/kernels/coded.h"

typedef nyx_vulkan__planes planes;

/* ---- planes ------------------------------------------------------------------------ */

static planes coded_of(nyx_vulkan__emit *e, int first)
{
    planes coded = { .first = first };

    if (nyx_node_coded(e->node, &coded.format, &coded.layout) < 0)
        nyx_vulkan__fail(e, NYX_ERR_INPUT, "%s", nyx_error_text());
    return coded;
}

static int64_t scale_bytes(const planes *coded)
{
    switch (coded->format.scale) {
    case NYX_SCALE_F16: return 2;
    case NYX_SCALE_F32: return 4;
    default: return 1;
    }
}

/* Rows of weights whose planes can be bound at once. */
static int64_t coded_rows(const nyx_vulkan__emit *e, const planes *coded)
{
    const nyx_layout *layout = &coded->layout;
    const int64_t     scales = layout->row_groups * scale_bytes(coded);
    const int64_t     most = layout->codes_row_bytes > scales ? layout->codes_row_bytes : scales;
    const int64_t     fit = (e->gpu->facts.buffer_most - 256) / (most > 0 ? most : 1);

    return fit > layout->rows ? layout->rows : fit > 0 ? fit : 1;
}

/* Bytes [from, from + bytes) of a plane: bindings begin at multiples of 256, so
 * what was asked for begins `from % 256` bytes behind. */
static void bind_window(nyx_vulkan__work *work, const nyx_vulkan__emit *e, const planes *coded,
                        enum nyx_plane plane, int64_t from, int64_t bytes)
{
    const nyx_vulkan__range range = e->in[coded->first + (int)plane];
    const int64_t           begin = from / 256 * 256;

    if (range.bytes == 0) /* absent: something else in its place */
        nyx_vulkan__bind(work, nyx_vulkan__part(e->in[coded->first], 0, 4), false);
    else
        nyx_vulkan__bind(work, nyx_vulkan__part(range, begin, from + bytes - begin), false);
}

/* Numbers of shaders/decode.glsl. */
enum { KIND_INT, KIND_NF4, KIND_E2M1, KIND_E4M3, KIND_E5M2, KIND_F16, KIND_BF16 };

static uint32_t kind_of(const nyx_layout *layout)
{
    switch (layout->lattice) {
    case NYX_LATTICE_INT: return KIND_INT;
    case NYX_LATTICE_NF4: return KIND_NF4;
    case NYX_LATTICE_E2M1: return KIND_E2M1;
    case NYX_LATTICE_E4M3: return KIND_E4M3;
    case NYX_LATTICE_E5M2: return KIND_E5M2;
    default:
        return layout->dtype == NYX_F16        ? KIND_F16
               : layout->dtype == NYX_BF16     ? KIND_BF16
               : layout->dtype == NYX_FP8_E4M3 ? KIND_E4M3
                                               : KIND_E5M2;
    }
}

/* 31 where a row has no groups: every column is then in group 0. */
static uint32_t group_shift(const nyx_layout *layout)
{
    uint32_t shift = 0;

    if (layout->row_groups <= 1)
        return 31;
    while (INT64_C(1) << shift < layout->group)
        shift++;
    return shift;
}

void nyx_vulkan__bind_planes(nyx_vulkan__work *work, const nyx_vulkan__emit *e, const planes *coded, int64_t row,
                             int64_t rows)
{
    const nyx_layout *layout = &coded->layout;
    const bool        per_row = layout->row_groups > 0;
    const int64_t     codes = row * layout->codes_row_bytes, code_bytes = rows * layout->codes_row_bytes;
    const int64_t     width = scale_bytes(coded), scales = row * layout->row_groups * width;
    const int64_t     zeros_row = per_row ? layout->zeros_row_bytes : 0, zeros = row * zeros_row;

    nyx_vulkan__spec(work, kind_of(layout));
    nyx_vulkan__spec(work, (uint32_t)layout->bits);
    nyx_vulkan__spec(work, group_shift(layout));
    nyx_vulkan__spec(work, (uint32_t)coded->format.scale);
    nyx_vulkan__spec(work, (uint32_t)coded->format.zero);
    nyx_vulkan__spec(work, layout->cols % 4 == 0);
    nyx_vulkan__spec(work, e->node->op == NYX_OP_MATMUL_CODED && e->gpu->facts.has.denormals);
    bind_window(work, e, coded, NYX_PLANE_CODES, codes, code_bytes);
    bind_window(work, e, coded, NYX_PLANE_SCALES, scales, per_row ? rows * layout->row_groups * width : width);
    bind_window(work, e, coded, NYX_PLANE_ZEROS, zeros, per_row ? rows * zeros_row : layout->zeros_row_bytes);
    bind_window(work, e, coded, NYX_PLANE_GLOBAL, 0, 4);
    nyx_vulkan__push(work, (uint32_t)rows);
    nyx_vulkan__push(work, (uint32_t)layout->cols);
    nyx_vulkan__push(work, (uint32_t)layout->codes_row_bytes);
    nyx_vulkan__push(work, (uint32_t)(codes % 256));
    nyx_vulkan__push(work, (uint32_t)((codes % 256 + code_bytes - 1) / 4));
    nyx_vulkan__push(work, (uint32_t)(layout->top_offset / 4));
    nyx_vulkan__push(work, (uint32_t)layout->row_groups);
    nyx_vulkan__push(work, (uint32_t)(scales % 256 / width));
    nyx_vulkan__push(work, (uint32_t)zeros_row);
    nyx_vulkan__push(work, (uint32_t)(zeros % 256));
}

/* ---- rows ---------------------------------------------------------------------------- */

static void emit_rows(nyx_vulkan__emit *e, const planes *coded, int64_t first, int64_t piece, bool gather)
{
    const nyx_layout *layout = &coded->layout;
    const int64_t     rows = gather ? nyx_vulkan__elems_in(e, 0) : piece, quads = (layout->cols + 3) / 4;
    const int64_t     row_bytes = layout->cols * 4;
    nyx_vulkan__work  work = nyx_vulkan__shader(e, "decode");

    nyx_vulkan__bind_planes(&work, e, coded, first, piece);
    nyx_vulkan__spec(&work, gather);
    nyx_vulkan__bind(&work, gather ? e->in[0] : nyx_vulkan__part(e->in[0], 0, 4), false);
    nyx_vulkan__bind(&work, gather ? e->out[0] : nyx_vulkan__part(e->out[0], first * row_bytes, piece * row_bytes),
                     true);
    nyx_vulkan__push(&work, (uint32_t)rows);
    nyx_vulkan__push(&work, gather ? (uint32_t)first : 0);
    nyx_vulkan__push(&work, gather ? (uint32_t)layout->rows : (uint32_t)piece);
    nyx_vulkan__elements(&work, e, rows * quads);
    nyx_vulkan__add(e, &work);
}

static void emit_pieces(nyx_vulkan__emit *e, int first_plane)
{
    const bool    gather = first_plane > 0;
    const planes  coded = coded_of(e, first_plane);
    const int64_t rows = coded.layout.rows, written = nyx_vulkan__rows_at_once(e, rows, coded.layout.cols * 4);
    int64_t       piece = coded_rows(e, &coded);

    if (!gather && written < piece)
        piece = written;
    if (!gather && piece < rows && piece >= 64) /* so that pieces of y begin at multiples of 256 bytes */
        piece = piece / 64 * 64;
    for (nyx_vulkan__piece p = nyx_vulkan__pieces_of(rows, piece); nyx_vulkan__next(&p);)
        emit_rows(e, &coded, p.first, p.count, gather);
}

static void emit_decode(nyx_vulkan__emit *e)
{
    emit_pieces(e, 0);
}

static void emit_embedding(nyx_vulkan__emit *e)
{
    emit_pieces(e, 1);
}

/* ---- products ---------------------------------------------------------------------------- */

enum { FEW = 8, TILE = 64 };

void nyx_vulkan__bind_product(nyx_vulkan__work *work, const nyx_vulkan__emit *e, const nyx_vulkan__product *p,
                              int64_t first)
{
    nyx_vulkan__bind(work, p->x, false);
    nyx_vulkan__bind(work, p->bias ? e->in[5] : nyx_vulkan__part(p->x, 0, 4), false);
    nyx_vulkan__bind(work, p->y, true);
    if (p->steps.bytes > 0)
        nyx_vulkan__bind(work, p->steps, false);
    nyx_vulkan__push(work, (uint32_t)p->columns);
    nyx_vulkan__push(work, (uint32_t)first);
    nyx_vulkan__push(work, (uint32_t)p->rows);
    nyx_vulkan__push(work, p->bias);
}

static nyx_tune_problem problem_of(const nyx_vulkan__tunable *kernel, const nyx_layout *layout, int64_t rows)
{
    return (nyx_tune_problem){ .kernel = kernel->name, .type = NYX_F32,
                               .variant = (int)kind_of(layout) * 100 + layout->bits,
                               .extents = { rows, layout->rows, layout->cols } };
}

bool nyx_vulkan__coded_asks(nyx_tune_problem *out, const nyx_vulkan__tunable *kernel, bool integers, bool few,
                            const nyx_graph *g, const nyx_node *node)
{
    nyx_format format;
    nyx_layout layout;

    if (node->op != NYX_OP_MATMUL_CODED || (nyx_node_activations(node) != NYX_ACTIVATIONS_REAL) != integers ||
        nyx_node_coded(node, &format, &layout) < 0 || layout.cols == 0)
        return false;
    *out = problem_of(kernel, &layout, nyx_value_elems(g, node->inputs[0]) / layout.cols);
    return (out->extents[0] <= FEW) == few;
}

/* Rows are made by 1, 2, 4 or 8. */
static uint32_t rows_made(int64_t rows)
{
    return rows > 4 ? 8 : rows > 2 ? 4 : (uint32_t)rows;
}

/* As many invocations as have something to do; as many columns as their sums
 * have room in shared memory. */
void nyx_vulkan__few_usual(nyx_genome *out, const nyx_tune_problem *problem, int64_t unit)
{
    int32_t group = 32;

    while (group < 128 && group * 2 * unit <= problem->extents[2])
        group *= 2;
    *out = (nyx_genome){ { group, problem->extents[0] > 4 ? 2 : 4 } };
}

bool nyx_vulkan__few_seed(nyx_genome *out, nyx_vulkan__gpu *gpu, const nyx_tune_problem *problem, int64_t index)
{
    (void)gpu;
    (void)problem;
    *out = (nyx_genome){ { 16 << index % 5, 1 << index / 5 } };
    return index < 20;
}

bool nyx_vulkan__few_fits(nyx_vulkan__gpu *gpu, const nyx_tune_problem *problem, const nyx_genome *genome)
{
    const int32_t group = genome->genes[0], columns = genome->genes[1];
    const int64_t sums = (int64_t)rows_made(problem->extents[0]) * columns;

    return nyx_vulkan__is_power(group, gpu->facts.group_invocations) && group >= 8 &&
           nyx_vulkan__is_power(columns, 8) && sums <= 32 && sums * group * 4 <= gpu->facts.shared_bytes;
}

static bool asks_dots(nyx_tune_problem *out, const nyx_vulkan__gpu *gpu, const nyx_graph *g, const nyx_node *node)
{
    (void)gpu;
    return nyx_vulkan__coded_asks(out, &nyx_vulkan__tune_dots, false, true, g, node);
}

/* Two words of codes a unit; a block of 3 bits. */
static void usual_dots(nyx_genome *out, nyx_vulkan__gpu *gpu, const nyx_tune_problem *problem)
{
    const int bits = problem->variant % 100;

    (void)gpu;
    nyx_vulkan__few_usual(out, problem, bits == 3 ? 32 : 64 / bits);
}

const nyx_vulkan__tunable nyx_vulkan__tune_dots = {
    .name = "coded_dots", .shaders = { "coded_dots" }, .asks = asks_dots, .usual = usual_dots,
    .seed = nyx_vulkan__few_seed, .fits = nyx_vulkan__few_fits,
};

static void emit_dots(nyx_vulkan__emit *e, const planes *coded, const nyx_vulkan__product *p, int64_t first,
                      int64_t piece)
{
    const bool                 integers = p->steps.bytes > 0;
    const nyx_vulkan__tunable *kernel = integers ? &nyx_vulkan__tune_integer_dots : &nyx_vulkan__tune_dots;
    const nyx_tune_problem     problem = problem_of(kernel, &coded->layout, p->all);
    nyx_vulkan__work work = nyx_vulkan__shader(e, integers ? nyx_vulkan__integer_shader(e->gpu, false) : "coded_dots");
    nyx_genome       genome;

    if (!nyx_vulkan__tuned(&genome, e->gpu, kernel, &problem))
        kernel->usual(&genome, e->gpu, &problem);
    const uint32_t columns = (uint32_t)genome.genes[1];
    nyx_vulkan__bind_planes(&work, e, coded, first, piece);
    work.spec[0] = (uint32_t)genome.genes[0];
    nyx_vulkan__spec(&work, rows_made(p->all));
    nyx_vulkan__spec(&work, columns);
    nyx_vulkan__spec(&work, coded->layout.codes_row_bytes % 8 == 0);
    nyx_vulkan__bind_product(&work, e, p, first);
    nyx_vulkan__groups(&work, (piece + columns - 1) / columns);
    nyx_vulkan__add(e, &work);
}

/* Tiles of x that is f32 are what they are. */
static void emit_tiles(nyx_vulkan__emit *e, const planes *coded, const nyx_vulkan__product *p, int64_t first,
                       int64_t piece)
{
    const nyx_vulkan__tunable *kernel = &nyx_vulkan__tune_integer_tiles;
    const bool                 integers = p->steps.bytes > 0;
    const nyx_tune_problem     problem = problem_of(kernel, &coded->layout, p->all);
    nyx_vulkan__work work = nyx_vulkan__shader(e, integers ? nyx_vulkan__integer_shader(e->gpu, true) : "coded_tiles");
    nyx_genome       genome = { { 128, TILE } };

    if (integers && !nyx_vulkan__tuned(&genome, e->gpu, kernel, &problem))
        kernel->usual(&genome, e->gpu, &problem);
    nyx_vulkan__turns(e, 2 * p->terms);
    nyx_vulkan__bind_planes(&work, e, coded, first, piece);
    work.spec[0] = (uint32_t)genome.genes[0];
    if (integers)
        nyx_vulkan__spec(&work, (uint32_t)genome.genes[1]);
    nyx_vulkan__bind_product(&work, e, p, first);
    nyx_vulkan__grid(&work, (piece + TILE - 1) / TILE, (p->rows + genome.genes[1] - 1) / genome.genes[1], 1);
    nyx_vulkan__add(e, &work);
}

/* Rows of x in pieces that can be bound, and for each the weights in pieces. */
static void emit_matmul(nyx_vulkan__emit *e)
{
    const planes  coded = coded_of(e, 1);
    const int64_t terms = coded.layout.cols, columns = coded.layout.rows;
    const int64_t rows = terms > 0 ? nyx_vulkan__elems_in(e, 0) / terms : 0;
    const int64_t longest = terms > columns ? terms : columns;
    const enum nyx_activations how = nyx_node_activations(e->node);
    nyx_genome                 tile;
    const bool units = coded_rows(e, &coded) == columns && nyx_vulkan__units_take(&tile, e, &coded, rows);

    for (nyx_vulkan__piece x = nyx_vulkan__pieces(e, rows, longest * 4); nyx_vulkan__next(&x);) {
        nyx_vulkan__product p = { .x = nyx_vulkan__part_of(e->in[0], &x, terms * 4),
                                  .y = nyx_vulkan__part_of(e->out[0], &x, columns * 4),
                                  .rows = x.count, .all = rows, .columns = columns, .terms = terms,
                                  .bias = e->in[5].bytes > 0 };

        if (units) {
            nyx_vulkan__emit_units(e, &coded, &p, &tile);
            continue;
        }
        if (how != NYX_ACTIVATIONS_REAL)
            nyx_vulkan__emit_bytes(e, &p, how == NYX_ACTIVATIONS_INT8_ROW);
        for (nyx_vulkan__piece w = nyx_vulkan__pieces_of(columns, coded_rows(e, &coded)); nyx_vulkan__next(&w);)
            if (rows <= FEW)
                emit_dots(e, &coded, &p, w.first, w.count);
            else
                emit_tiles(e, &coded, &p, w.first, w.count);
    }
}

const nyx_vulkan__kernel nyx_vulkan__coded_kernels[] = {
    { NYX_OP_MATMUL_CODED, "words", emit_matmul, NULL },
    { NYX_OP_DECODE, "quads", emit_decode, NULL },
    { NYX_OP_EMBEDDING_CODED, "quads", emit_embedding, NULL },
    { NYX_OP_NONE, NULL, NULL, NULL },
};
