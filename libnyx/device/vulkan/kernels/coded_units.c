/* coded_units -- rows coded in 8 bits with one scale each, times weights coded so, by the
 * matrix units of a GPU (shaders/coded_matrix.comp). */
#include "device/vulkan/kernels/coded.h"

#include <string.h>

enum {
    BLOCK = 32,
    FEW = 8,
    UNITS = 2 /* facts.matrix */,
    TERMS_MOST = 130000 /* sums fit 32 bits */
};

/* Genes: rows and columns of a workgroup, of a subgroup, codes of a line a step. The
 * first that keeps the device busy is taken. */
static const nyx_genome tiles[] = {
    {{128, 128, 64, 64, 128}}, {{128, 128, 64, 32, 128}}, {{64, 128, 32, 64, 64}},
    {{64, 64, 32, 32, 64}},    {{32, 32, 16, 16, 32}},    {{256, 128, 64, 64, 64}},
    {{128, 256, 64, 64, 64}},  {{128, 128, 64, 64, 64}},  {{128, 128, 64, 32, 64}},
    {{128, 128, 32, 64, 128}}, {{64, 64, 32, 32, 128}},   {{128, 64, 64, 32, 128}},
    {{64, 128, 32, 64, 128}},
};
enum { TILES = sizeof tiles / sizeof *tiles, USUAL = 5 };

enum { ROWS, COLUMNS, OWN_ROWS, OWN_COLUMNS, DEPTH }; /* genes */

static int64_t subgroups(const nyx_genome *t)
{
    return (int64_t)(t->genes[ROWS] / t->genes[OWN_ROWS]) *
           (t->genes[COLUMNS] / t->genes[OWN_COLUMNS]);
}

static int64_t tiles_over(int64_t extent, int64_t tile)
{
    return (extent + tile - 1) / tile;
}

/* Bytes of shared memory: lines of both operands, padded; sums on their way. */
static int64_t shared_bytes(const nyx_vulkan__gpu *gpu, const nyx_genome *t)
{
    const int32_t *g = t->genes;
    const int64_t  line = g[DEPTH] + 16, left = g[ROWS] * line,
                  stage = subgroups(t) * gpu->facts.matrix[UNITS].m * g[OWN_COLUMNS] * 4;

    if (gpu->facts.matrix[UNITS].k % 16)
        return left + g[COLUMNS] * line + stage + 16;
    return (left > stage ? left : stage) + g[COLUMNS] * line + 16;
}

enum { FRAGMENTS_MOST = 64 }; /* products of a step, which are compiled one by one */

static bool tile_fits(const nyx_vulkan__gpu *gpu, const nyx_genome *t, int64_t columns)
{
    const int      m = gpu->facts.matrix[UNITS].m, n = gpu->facts.matrix[UNITS].n, k = gpu->facts.matrix[UNITS].k;
    const int32_t *g = t->genes;

    for (int i = 0; i <= DEPTH; i++)
        if (g[i] < 1 || g[i] > 512)
            return false;
    if (m == 0 || g[OWN_ROWS] % m || g[OWN_COLUMNS] % n || n % 4 || k % 8 || g[DEPTH] % k || g[DEPTH] % 16 ||
        g[ROWS] % g[OWN_ROWS] || g[COLUMNS] % g[OWN_COLUMNS] || g[OWN_COLUMNS] > columns)
        return false;
    return g[OWN_ROWS] / m * (g[OWN_COLUMNS] / n) * (g[DEPTH] / k) <= FRAGMENTS_MOST && gpu->facts.subgroup > 0 &&
           subgroups(t) * gpu->facts.subgroup <= gpu->facts.group_invocations &&
           subgroups(t) * gpu->facts.subgroup % (g[DEPTH] / 16) == 0 && shared_bytes(gpu, t) <= gpu->facts.shared_bytes;
}

static nyx_tune_problem problem_of(int64_t rows, const nyx_layout *layout)
{
    return (nyx_tune_problem){.kernel = "coded_matrix",
                              .type = NYX_I8,
                              .extents = {rows, layout->rows, layout->codes_row_bytes}};
}

static bool takes(nyx_vulkan__gpu *gpu, const nyx_genome *t, const nyx_tune_problem *problem)
{
    return gpu->matrix[UNITS] != NYX_VULKAN_REFUSED && tile_fits(gpu, t, problem->extents[1]) &&
           !nyx_vulkan__tile_refused(gpu, NYX_I8, t);
}

/* False: none fits. */
static bool find_usual(nyx_genome *out, nyx_vulkan__gpu *gpu, const nyx_tune_problem *problem)
{
    bool found = false;

    for (int i = 0; i < USUAL; i++) {
        const int32_t *g = tiles[i].genes;
        const int64_t  groups =
            tiles_over(problem->extents[0], g[ROWS]) * tiles_over(problem->extents[1], g[COLUMNS]);

        if (!takes(gpu, &tiles[i], problem))
            continue;
        *out = tiles[i];
        found = true;
        if (groups >= nyx_vulkan__wanted_groups(gpu) / 2)
            break;
    }
    return found;
}

/* ---- what can be tuned ----------------------------------------------------------------- */

static bool format_suits(const nyx_vulkan__gpu *gpu, const nyx_format *format,
                         const nyx_layout *layout)
{
    return gpu->facts.matrix[UNITS].m > 0 && layout->lattice == NYX_LATTICE_INT &&
           layout->bits == 8 && layout->row_groups <= 1 && format->zero == NYX_ZERO_NONE &&
           layout->cols > 0 && layout->cols <= TERMS_MOST &&
           (format->scale == NYX_SCALE_F16 || format->scale == NYX_SCALE_F32);
}

static bool asks_units(nyx_tune_problem *out, const nyx_vulkan__gpu *gpu, const nyx_graph *g,
                       const nyx_node *node)
{
    nyx_format format;
    nyx_layout layout;

    if (node->op != NYX_OP_MATMUL_CODED || nyx_node_activations(node) != NYX_ACTIVATIONS_INT8_ROW ||
        nyx_node_coded(node, &format, &layout) < 0 || !format_suits(gpu, &format, &layout))
        return false;
    *out = problem_of(nyx_value_elems(g, node->inputs[0]) / layout.cols, &layout);
    return out->extents[0] > FEW;
}

static void usual_units(nyx_genome *out, nyx_vulkan__gpu *gpu, const nyx_tune_problem *problem)
{
    *out = (nyx_genome){0};
    (void)find_usual(out, gpu, problem);
}

static bool seed_units(nyx_genome *out, nyx_vulkan__gpu *gpu, const nyx_tune_problem *problem,
                       int64_t index)
{
    (void)gpu;
    (void)problem;
    *out = tiles[index < TILES ? index : 0];
    return index < TILES;
}

static bool units_fit(nyx_vulkan__gpu *gpu, const nyx_tune_problem *problem,
                      const nyx_genome *genome)
{
    return takes(gpu, genome, problem);
}

const nyx_vulkan__tunable nyx_vulkan__tune_units = {
    .name = "coded_matrix",
    .shaders = {"coded_matrix"},
    .asks = asks_units,
    .usual = usual_units,
    .seed = seed_units,
    .fits = units_fit,
};

/* ---- one product ------------------------------------------------------------------------ */

enum { SCALES = 10 }; /* the one of the shader's constants that decides bits */

/* The constants of the shader; how many there are. */
static int constants_of(uint32_t *spec, const nyx_vulkan__gpu *gpu, const nyx_genome *t,
                        bool halves, bool quads)
{
    int count = 0;

    spec[count++] = (uint32_t)(subgroups(t) * gpu->facts.subgroup);
    for (int i = 0; i <= DEPTH; i++)
        spec[count++] = (uint32_t)t->genes[i];
    spec[count++] = (uint32_t)gpu->facts.subgroup;
    spec[count++] = (uint32_t)gpu->facts.matrix[UNITS].m;
    spec[count++] = (uint32_t)gpu->facts.matrix[UNITS].n;
    spec[count++] = (uint32_t)gpu->facts.matrix[UNITS].k;
    spec[count++] = halves; /* SCALES */
    spec[count++] = quads;
    return count;
}

bool nyx_vulkan__units_take(nyx_genome *out, nyx_vulkan__emit *e, const nyx_vulkan__planes *coded,
                            int64_t rows)
{
    const nyx_tune_problem problem = problem_of(rows, &coded->layout);

    if (rows <= FEW || nyx_node_activations(e->node) != NYX_ACTIVATIONS_INT8_ROW ||
        !format_suits(e->gpu, &coded->format, &coded->layout))
        return false;
    do { /* what they multiply wrongly is passed over from then on */
        if (!nyx_vulkan__tuned(out, e->gpu, &nyx_vulkan__tune_units, &problem) &&
            !find_usual(out, e->gpu, &problem))
            return false;
    } while (!nyx_vulkan__tile_works(e->gpu, NYX_I8, out));
    return true;
}

void nyx_vulkan__emit_units(nyx_vulkan__emit *e, const nyx_vulkan__planes *coded,
                            nyx_vulkan__product *p, const nyx_genome *tile)
{
    const int32_t *g = tile->genes;
    const int64_t  terms = coded->layout.codes_row_bytes;
    const int64_t  across = tiles_over(p->columns, g[COLUMNS]), down = tiles_over(p->rows, g[ROWS]);
    nyx_vulkan__work work = nyx_vulkan__shader(e, "coded_matrix");

    nyx_vulkan__emit_bytes(e, p, true);
    work.aside = ~(1u << SCALES); /* sums are of whole numbers, however they are cut */
    work.spec_count = constants_of(work.spec, e->gpu, tile, coded->format.scale == NYX_SCALE_F16,
                                   p->columns % 4 == 0);
    nyx_vulkan__bind(&work, e->in[coded->first + NYX_PLANE_CODES], false);
    nyx_vulkan__bind(&work, e->in[coded->first + NYX_PLANE_SCALES], false);
    nyx_vulkan__bind(&work, p->x, false);
    nyx_vulkan__bind(&work, p->steps, false);
    nyx_vulkan__bind(&work, p->bias ? e->in[5] : p->steps, false);
    nyx_vulkan__bind(&work, p->y, true);
    nyx_vulkan__push(&work, (uint32_t)p->rows);
    nyx_vulkan__push(&work, (uint32_t)p->columns);
    nyx_vulkan__push(&work, (uint32_t)terms);
    nyx_vulkan__push(&work, (uint32_t)across);
    nyx_vulkan__push(&work, (uint32_t)down);
    nyx_vulkan__push(&work, (uint32_t)coded->layout.row_groups);
    nyx_vulkan__push(&work, p->bias);
    nyx_vulkan__groups(&work, across * down);
    nyx_vulkan__add(e, &work);
}

/* ---- are they right? ----------------------------------------------------------------------- */

enum { PERIOD = 13 };

static int8_t code_of(int64_t line, int64_t k, int step)
{
    return (int8_t)(21 * ((line * step + k * 5) % PERIOD) - 126); /* up to both ends */
}

static float row_scale(int64_t row)
{
    return (float)(1 << row % 3);
}

/* Ones and twos, as f16 or f32. */
static uint32_t column_bits(int64_t column, bool halves)
{
    return halves ? (column % 2 ? 0x4000u : 0x3c00u) : column % 2 ? 0x40000000u : 0x3f800000u;
}

typedef struct {
    int8_t   *codes, *weights;
    uint32_t *steps, *scales;
    float    *y, *bias;
} operands;

static void fill(const operands *o, int64_t m, int64_t n, int64_t k, bool halves)
{
    for (int64_t i = 0; i < m * k; i++)
        o->codes[i] = code_of(i / k, i % k, 7);
    for (int64_t i = 0; i < n * k; i++)
        o->weights[i] = (int8_t)(i % 97 ? code_of(i / k, i % k, 3) : -128);
    for (int64_t i = 0; i < m; i++) {
        const float scale = row_scale(i);

        memcpy(&o->steps[i * (k / 16)], &scale, sizeof scale);
    }
    for (int64_t j = 0; j < n; j++) {
        o->bias[j] = (float)(j % 5);
        o->scales[halves ? j / 2 : j] |= column_bits(j, halves) << (halves ? j % 2 * 16 : 0);
    }
}

static bool is_product(const operands *o, int64_t m, int64_t n, int64_t k)
{
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            int32_t sum = 0;

            for (int64_t t = 0; t < k; t++)
                sum += o->codes[i * k + t] * o->weights[j * k + t];
            if (!(o->y[i * n + j] ==
                  (float)sum * row_scale(i) * (j % 2 ? 2.0f : 1.0f) + o->bias[j]))
                return false;
        }
    return true;
}

static bool multiplies(nyx_vulkan__gpu *gpu, const nyx_genome *t, int64_t m, int64_t n, bool halves)
{
    const int64_t  k = 2 * t->genes[DEPTH] + BLOCK; /* the last step is cut */
    const uint32_t across = (uint32_t)tiles_over(n, t->genes[COLUMNS]),
                   down = (uint32_t)tiles_over(m, t->genes[ROWS]);
    const int64_t    bytes[] = {n * k, (n + 1) / 2 * 2 * 4, m * k, m * k / 4, n * 4, m * n * 4};
    operands         o = {0};
    nyx_vulkan__once once = {.shader = "coded_matrix",
                             .groups = across * down,
                             .operand_count = 6,
                             .push = {(uint32_t)m, (uint32_t)n, (uint32_t)k, across, down, 1, 1}};
    bool             right = false;
    int              status;

    if ((status = nyx_alloc(&o.weights, bytes[0])) == 0 &&
        (status = nyx_alloc(&o.scales, bytes[1])) == 0 &&
        (status = nyx_alloc(&o.codes, bytes[2])) == 0 &&
        (status = nyx_alloc(&o.steps, bytes[3])) == 0 &&
        (status = nyx_alloc(&o.bias, bytes[4])) == 0 && (status = nyx_alloc(&o.y, bytes[5])) == 0) {
        const void *from[] = {o.weights, o.scales, o.codes, o.steps, o.bias, NULL};

        fill(&o, m, n, k, halves);
        for (int i = 0; i < 6; i++) {
            once.operands[i].in = from[i];
            once.operands[i].bytes = bytes[i];
        }
        once.operands[5].out = o.y;
        once.spec_count = constants_of(once.spec, gpu, t, halves, n % 4 == 0);
        right = (status = nyx_vulkan__run_once(gpu, &once)) == 0 && is_product(&o, m, n, k);
    }
    nyx_vulkan__trial_made(gpu, status);
    nyx_free(o.weights);
    nyx_free(o.scales);
    nyx_free(o.codes);
    nyx_free(o.steps);
    nyx_free(o.bias);
    nyx_free(o.y);
    return right;
}

bool nyx_vulkan__units_multiply(nyx_vulkan__gpu *gpu, const nyx_genome *tile)
{
    const int32_t *g = tile->genes;

    return tile_fits(gpu, tile, g[COLUMNS]) &&
           multiplies(gpu, tile, 2 * g[ROWS], g[COLUMNS], false) &&
           multiplies(gpu, tile, g[ROWS] + 23, g[COLUMNS] + g[OWN_COLUMNS] + 5, true);
}
