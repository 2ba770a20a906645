/* attention -- fused attention and its gradient (shaders/attention*.comp).
 *
 * The gradient takes three kinds of work: sums of rows (delta), queries, then
 * keys and values; the last two compute weights again out of the log-sum-exp,
 * so that every sum belongs to one workgroup and none needs an atomic. */
#include "device/vulkan/kernels/kernels.h"
#include "tensor/math.h"

enum { WIDTH_MOST = 256, INVOCATIONS = 128, WIDE_HEAD = 64,
       TURNS = 50, TURNS_GRADIENT = 70 }; /* of all loops, for a tile of 64 columns at most */

/* Operands by batch, and which of them are worked on at once. */
typedef struct {
    int64_t batches, positions, heads, kv_heads, width;
    int64_t x, o, rows; /* elements of a batch: x, result, one number a query */
    int64_t piece;      /* batches */
} layout;

static layout layout_of(const nyx_vulkan__emit *e)
{
    const nyx_shape *x = nyx_vulkan__shape_in(e, 0);
    const int64_t    heads = e->node->ints[0], kv_heads = e->node->ints[1], row = x->dims[2];
    const int64_t    width = row / (heads + 2 * kv_heads), positions = x->dims[1];
    layout           l = { .batches = x->dims[0], .positions = positions, .heads = heads, .kv_heads = kv_heads,
                           .width = width, .x = positions * row, .o = positions * heads * width,
                           .rows = positions * heads };
    int64_t          step = 1;

    /* Pieces start at multiples of 256 bytes of every operand. */
    while (((step * l.x) | (step * l.o) | (step * l.rows)) % 128)
        step *= 2;
    l.piece = e->gpu->facts.buffer_most / (l.x > 0 ? l.x * 4 : 1) / step * step;
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
    nyx_vulkan__work        work = tiled(e, "attention", "attention4", l, height_of(l, false), l->heads, p->count);

    nyx_vulkan__turns(e, TURNS * ((l->positions + 63) / 64));
    nyx_vulkan__spec(&work, has_o);
    nyx_vulkan__spec(&work, has_lse);
    nyx_vulkan__spec(&work, nyx_vulkan__halves(e, 3, operands));
    nyx_vulkan__bind(&work, x, true, false);
    nyx_vulkan__bind(&work, x, true, false);
    nyx_vulkan__bind(&work, has_o ? o : x, false, has_o);
    nyx_vulkan__bind(&work, has_lse ? lse : x, false, has_lse);
    nyx_vulkan__add(e, &work);
}

static void emit_attention(nyx_vulkan__emit *e)
{
    const layout l = layout_of(e);

    for (nyx_vulkan__piece p = nyx_vulkan__pieces_of(l.batches, l.piece); nyx_vulkan__next(&p);)
        forward(e, &l, &p);
}

/* ---- gradient -------------------------------------------------------------------------- */

enum { DELTA_LINES = 16 }; /* of attention_delta.comp */

static void sum_rows(nyx_vulkan__emit *e, const layout *l, const nyx_vulkan__piece *p, nyx_vulkan__range delta)
{
    const int64_t    rows = p->count * l->positions * l->heads;
    nyx_vulkan__work work = nyx_vulkan__shader(e, "attention_delta");

    nyx_vulkan__spec(&work, nyx_vulkan__halves(e, 2, (nyx_value[]){ e->node->inputs[1], e->node->inputs[3] }));
    nyx_vulkan__read_piece(&work, e, 1, p, l->o * nyx_vulkan__size_in(e, 1));
    nyx_vulkan__read_piece(&work, e, 3, p, l->o * nyx_vulkan__size_in(e, 3));
    nyx_vulkan__bind(&work, delta, false, true);
    nyx_vulkan__push(&work, (uint32_t)rows);
    nyx_vulkan__push(&work, (uint32_t)l->width);
    nyx_vulkan__push(&work, (uint32_t)l->heads);
    nyx_vulkan__push(&work, (uint32_t)l->positions);
    nyx_vulkan__elements(&work, e, rows * DELTA_LINES);
    nyx_vulkan__add(e, &work);
}

static void bind_gradient(nyx_vulkan__emit *e, const layout *l, const nyx_vulkan__piece *p, nyx_vulkan__range delta,
                          nyx_vulkan__work *work)
{
    const nyx_value operands[] = { e->node->inputs[0], e->node->inputs[3], e->node->outputs[0] };

    nyx_vulkan__spec(work, nyx_vulkan__halves(e, 3, operands));
    nyx_vulkan__read_piece(work, e, 0, p, l->x * nyx_vulkan__size_in(e, 0));
    nyx_vulkan__read_piece(work, e, 3, p, l->o * nyx_vulkan__size_in(e, 3));
    nyx_vulkan__write_piece(work, e, 0, p, l->x * nyx_vulkan__size_out(e, 0));
    nyx_vulkan__read_piece(work, e, 2, p, l->rows * 4);
    nyx_vulkan__bind(work, delta, true, false);
    nyx_vulkan__add(e, work);
}

static void backward(nyx_vulkan__emit *e, const layout *l, const nyx_vulkan__piece *p)
{
    const nyx_vulkan__range delta = nyx_vulkan__workspace(e, p->count * l->rows * 4);
    const int64_t           height = height_of(l, true);
    nyx_vulkan__work        dq = tiled(e, "attention_dq", "attention_dq4", l, height, l->heads, p->count);
    nyx_vulkan__work        dkv = tiled(e, "attention_dkv", "attention_dkv4", l, height, l->kv_heads, p->count);

    nyx_vulkan__turns(e, TURNS_GRADIENT * (l->heads / l->kv_heads) * ((l->positions + 63) / 64));
    sum_rows(e, l, p, delta);
    bind_gradient(e, l, p, delta, &dq);
    bind_gradient(e, l, p, delta, &dkv);
}

static void emit_attention_grad(nyx_vulkan__emit *e)
{
    const layout l = layout_of(e);

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
