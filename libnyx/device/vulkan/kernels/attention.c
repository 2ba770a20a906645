/* attention -- fused attention and its gradient (shaders/attention*.comp).
 *
 * The gradient takes three kinds of work: sums of rows (delta), queries, then
 * keys and values; the last two compute weights again out of the log-sum-exp,
 * so that every sum belongs to one workgroup and none needs an atomic. */
#include "device/vulkan/kernels/kernels.h"
#include "device/vulkan/tune.h"
#include "tensor/math.h"

#include <string.h>

enum { WIDTH_MOST = 256, INVOCATIONS = 128, WIDE_HEAD = 64,
       TURNS = 50, TURNS_GRADIENT = 70 }; /* of all loops, for a tile of 64 columns at most */

/* Operands by batch, and which of them are worked on at once. */
typedef struct {
    int64_t batches, positions, heads, kv_heads, width;
    int64_t x, o, rows; /* elements of a batch: x, result, one number a query */
    int64_t piece;      /* batches */
} layout;

static layout layout_of(const nyx_vulkan__gpu *gpu, const nyx_graph *g, const nyx_node *node)
{
    const nyx_shape *x = nyx_value_shape(g, node->inputs[0]);
    const int64_t    heads = node->ints[0], kv_heads = node->ints[1], row = x->dims[2];
    const int64_t    width = row / (heads + 2 * kv_heads), positions = x->dims[1];
    layout           l = { .batches = x->dims[0], .positions = positions, .heads = heads, .kv_heads = kv_heads,
                           .width = width, .x = positions * row, .o = positions * heads * width,
                           .rows = positions * heads };
    int64_t          step = 1;

    /* Pieces start at multiples of 256 bytes of every operand. */
    while (((step * l.x) | (step * l.o) | (step * l.rows)) % 128)
        step *= 2;
    l.piece = gpu->facts.buffer_most / (l.x > 0 ? l.x * 4 : 1) / step * step;
    l.piece = l.piece > 65535 ? 65535 / step * step : l.piece;
    l.piece = l.piece < 1 || l.piece > l.batches ? l.batches : l.piece; /* too large: nyx_vulkan__add says so */
    return l;
}

/* Rows of a tile are 8 times this: 64, unless 32 waste fewer or registers run out. */
static int64_t height_of(const layout *l, bool twice)
{
    const int64_t left = l->positions % 64;

    return (twice && l->width > WIDE_HEAD) || (left > 0 && left <= 32) ? 4 : 8;
}

/* ---- what can be tuned: the height ------------------------------------------------- */

/* Variant: causal; extents: positions, width of a head, heads of all sequences. */
static nyx_tune_problem problem_of(const nyx_graph *g, const nyx_node *node, const layout *l)
{
    return (nyx_tune_problem){ .kernel = node->op == NYX_OP_ATTENTION ? "attention" : "attention_grad",
                               .type = nyx_value_dtype(g, node->inputs[0]), .variant = node->ints[2] != 0,
                               .extents = { l->positions, l->width, l->batches * l->heads } };
}

static bool asks(nyx_tune_problem *out, const nyx_vulkan__gpu *gpu, const nyx_graph *g, const nyx_node *node,
                 enum nyx_op op)
{
    if (node->op != op)
        return false;
    const layout l = layout_of(gpu, g, node);
    *out = problem_of(g, node, &l);
    return true;
}

static bool asks_forward(nyx_tune_problem *out, const nyx_vulkan__gpu *gpu, const nyx_graph *g, const nyx_node *node)
{
    return asks(out, gpu, g, node, NYX_OP_ATTENTION);
}

static bool asks_backward(nyx_tune_problem *out, const nyx_vulkan__gpu *gpu, const nyx_graph *g, const nyx_node *node)
{
    return asks(out, gpu, g, node, NYX_OP_ATTENTION_GRAD);
}

static void usual(nyx_genome *out, nyx_vulkan__gpu *gpu, const nyx_tune_problem *problem)
{
    const layout l = { .positions = problem->extents[0], .width = problem->extents[1] };

    (void)gpu;
    *out = (nyx_genome){ { (int32_t)height_of(&l, !strcmp(problem->kernel, "attention_grad")) } };
}

static bool seed(nyx_genome *out, nyx_vulkan__gpu *gpu, const nyx_tune_problem *problem, int64_t index)
{
    (void)gpu;
    (void)problem;
    *out = (nyx_genome){ { 4 << index } };
    return index < 2;
}

static bool tile_fits(nyx_vulkan__gpu *gpu, const nyx_tune_problem *problem, const nyx_genome *genome)
{
    const bool narrow = problem->extents[1] <= WIDE_HEAD || !strcmp(problem->kernel, "attention");

    (void)gpu;
    return genome->genes[0] == 4 || (genome->genes[0] == 8 && narrow);
}

const nyx_vulkan__tunable nyx_vulkan__tune_attention = {
    .name = "attention",
    .shaders = { "attention", "attention4" },
    .asks = asks_forward,
    .usual = usual,
    .seed = seed,
    .fits = tile_fits,
};
const nyx_vulkan__tunable nyx_vulkan__tune_attention_grad = {
    .name = "attention_grad",
    .shaders = { "attention_dq", "attention_dq4", "attention_dkv", "attention_dkv4" },
    .asks = asks_backward,
    .usual = usual,
    .seed = seed,
    .fits = tile_fits,
};

static int64_t chosen_height(const nyx_vulkan__emit *e, const layout *l, const nyx_vulkan__tunable *kernel)
{
    const nyx_tune_problem problem = problem_of(e->g, e->node, l);
    nyx_genome             genome;

    if (!nyx_vulkan__tuned(&genome, e->gpu, kernel, &problem))
        usual(&genome, e->gpu, &problem);
    return genome.genes[0];
}

/* ---- forward --------------------------------------------------------------------------- */

/* Constants, push words and grid of the three shaders on tiles. */
static nyx_vulkan__work tiled(const nyx_vulkan__emit *e, const char *narrow, const char *wide, const layout *l,
                              int64_t height, int64_t heads, int64_t count)
{
    nyx_vulkan__work work = nyx_vulkan__shader(e, nyx_vulkan__lanes(l->width) == 4 ? wide : narrow);

    work.spec[0] = INVOCATIONS;
    nyx_vulkan__spec(&work, (uint32_t)height);
    nyx_vulkan__spec(&work, (uint32_t)l->width);
    nyx_vulkan__spec(&work, e->node->ints[2] != 0);
    nyx_vulkan__push(&work, (uint32_t)l->positions);
    nyx_vulkan__push(&work, (uint32_t)l->heads);
    nyx_vulkan__push(&work, (uint32_t)l->kv_heads);
    nyx_vulkan__push_real(&work, (double)(1.0f / nyx_sqrtf((float)l->width)));
    nyx_vulkan__grid(&work, (l->positions + 8 * height - 1) / (8 * height), heads, count);
    return work;
}

static void forward(nyx_vulkan__emit *e, const layout *l, const nyx_vulkan__piece *p)
{
    const nyx_vulkan__range x = nyx_vulkan__part_of(e->in[0], p, l->x * nyx_vulkan__size_in(e, 0));
    const nyx_vulkan__range o = nyx_vulkan__part_of(e->out[0], p, l->o * nyx_vulkan__size_out(e, 0));
    const nyx_vulkan__range lse = nyx_vulkan__part_of(e->out[1], p, l->rows * 4);
    const nyx_value         operands[] = { e->node->inputs[0], e->node->inputs[0], e->node->outputs[0] };
    const bool              has_o = e->out[0].bytes > 0, has_lse = e->out[1].bytes > 0;
    nyx_vulkan__work work = tiled(e, "attention", "attention4", l, chosen_height(e, l, &nyx_vulkan__tune_attention),
                                  l->heads, p->count);

    nyx_vulkan__turns(e, TURNS * ((l->positions + 63) / 64));
    nyx_vulkan__spec(&work, has_o);
    nyx_vulkan__spec(&work, has_lse);
    nyx_vulkan__spec(&work, nyx_vulkan__halves(e, 3, operands));
    nyx_vulkan__bind(&work, x, false);
    nyx_vulkan__bind(&work, x, false);
    nyx_vulkan__bind(&work, has_o ? o : x, has_o);
    nyx_vulkan__bind(&work, has_lse ? lse : x, has_lse);
    nyx_vulkan__add(e, &work);
}

static void emit_attention(nyx_vulkan__emit *e)
{
    const layout l = layout_of(e->gpu, e->g, e->node);

    for (nyx_vulkan__piece p = nyx_vulkan__pieces_of(l.batches, l.piece); nyx_vulkan__next(&p);)
        if (!nyx_vulkan__attend_by_units(e, &p))
            forward(e, &l, &p);
}

/* ---- gradient -------------------------------------------------------------------------- */

enum { DELTA_LINES = 16 }; /* of attention_delta.comp */

/* The share of some of the five products of some batches. */
nyx_cost nyx_vulkan__products(const nyx_vulkan__emit *e, const nyx_vulkan__piece *p, int count)
{
    const double share = (double)p->count / (double)p->rows;

    return (nyx_cost){ e->cost.flops / 5 * count * share, e->cost.bytes * share };
}

static void sum_rows(nyx_vulkan__emit *e, const layout *l, const nyx_vulkan__piece *p, nyx_vulkan__range delta)
{
    const int64_t    rows = p->count * l->positions * l->heads;
    nyx_vulkan__work work = nyx_vulkan__shader(e, "attention_delta");

    nyx_vulkan__spec(&work, nyx_vulkan__halves(e, 2, (nyx_value[]){ e->node->inputs[1], e->node->inputs[3] }));
    nyx_vulkan__read_piece(&work, e, 1, p, l->o * nyx_vulkan__size_in(e, 1));
    nyx_vulkan__read_piece(&work, e, 3, p, l->o * nyx_vulkan__size_in(e, 3));
    nyx_vulkan__bind(&work, delta, true);
    nyx_vulkan__push(&work, (uint32_t)rows);
    nyx_vulkan__push(&work, (uint32_t)l->width);
    nyx_vulkan__push(&work, (uint32_t)l->heads);
    nyx_vulkan__push(&work, (uint32_t)l->positions);
    nyx_vulkan__elements(&work, e, rows * DELTA_LINES);
    work.cost = nyx_vulkan__products(e, p, 0);
    nyx_vulkan__add(e, &work);
}

static void bind_gradient(nyx_vulkan__emit *e, const layout *l, const nyx_vulkan__piece *p, nyx_vulkan__range delta,
                          nyx_vulkan__work *work, int products)
{
    const nyx_value operands[] = { e->node->inputs[0], e->node->inputs[3], e->node->outputs[0] };

    work->cost = nyx_vulkan__products(e, p, products);
    nyx_vulkan__spec(work, nyx_vulkan__halves(e, 3, operands));
    nyx_vulkan__read_piece(work, e, 0, p, l->x * nyx_vulkan__size_in(e, 0));
    nyx_vulkan__read_piece(work, e, 3, p, l->o * nyx_vulkan__size_in(e, 3));
    nyx_vulkan__write_piece(work, e, 0, p, l->x * nyx_vulkan__size_out(e, 0));
    nyx_vulkan__read_piece(work, e, 2, p, l->rows * 4);
    nyx_vulkan__bind(work, delta, false);
    nyx_vulkan__add(e, work);
}

static void backward(nyx_vulkan__emit *e, const layout *l, const nyx_vulkan__piece *p)
{
    const nyx_vulkan__range delta = nyx_vulkan__workspace(e, p->count * l->rows * 4);
    const int64_t           height = chosen_height(e, l, &nyx_vulkan__tune_attention_grad);
    nyx_vulkan__work        dq = tiled(e, "attention_dq", "attention_dq4", l, height, l->heads, p->count);
    nyx_vulkan__work        dkv = tiled(e, "attention_dkv", "attention_dkv4", l, height, l->kv_heads, p->count);

    sum_rows(e, l, p, delta);
    if (nyx_vulkan__differentiate_by_units(e, p, delta))
        return;
    nyx_vulkan__turns(e, TURNS_GRADIENT * (l->heads / l->kv_heads) * ((l->positions + 63) / 64));
    bind_gradient(e, l, p, delta, &dq, 3);
    bind_gradient(e, l, p, delta, &dkv, 4);
}

static void emit_attention_grad(nyx_vulkan__emit *e)
{
    const layout l = layout_of(e->gpu, e->g, e->node);

    for (nyx_vulkan__piece p = nyx_vulkan__pieces_of(l.batches, l.piece); nyx_vulkan__next(&p);)
        backward(e, &l, &p);
}

int64_t nyx_vulkan__head_width(const nyx_graph *g, const nyx_node *node)
{
    return nyx_value_shape(g, node->inputs[0])->dims[2] / (node->ints[0] + 2 * node->ints[1]);
}

static bool fits(const nyx_vulkan__gpu *gpu, const nyx_graph *g, const nyx_node *node)
{
    (void)gpu;
    return nyx_vulkan__head_width(g, node) <= WIDTH_MOST;
}

const nyx_vulkan__kernel nyx_vulkan__attention[] = {
    { NYX_OP_ATTENTION, "fused", emit_attention, fits },
    { NYX_OP_ATTENTION_GRAD, "fused", emit_attention_grad, fits },
    { NYX_OP_NONE, NULL, NULL, NULL },
};
