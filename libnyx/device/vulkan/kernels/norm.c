/* norm -- normalization of rows and rotary positions (shaders/norm.comp,
 * norm_grad.comp, rope.comp). */
#include "device/vulkan/kernels/kernels.h"

#include "tensor/tensor.h"

/* An output may be unused: then what is bound before stands in its place. */
static void bind_output(nyx_vulkan__work *work, const nyx_vulkan__emit *e, int output,
                        const nyx_vulkan__piece *piece, int64_t row_bytes)
{
    if (e->out[output].bytes)
        nyx_vulkan__write_piece(work, e, output, piece, row_bytes);
    else
        nyx_vulkan__bind(work, work->bindings[0], false);
}

static void emit_norm(nyx_vulkan__emit *e)
{
    const int64_t   width = nyx_vulkan__width(nyx_vulkan__shape_in(e, 0));
    const int64_t   rows = nyx_vulkan__elems_in(e, 0) / width, lanes = nyx_vulkan__lanes(width);
    const bool      residual = nyx_vulkan__elems_in(e, 1) > 0;
    const nyx_value operands[] = { e->node->inputs[0], e->node->inputs[residual], e->node->outputs[0] };

    for (nyx_vulkan__piece p = nyx_vulkan__pieces(e, rows, width * 4); nyx_vulkan__next(&p);) {
        nyx_vulkan__work work = nyx_vulkan__row_work(e, "norm", "norm4", lanes, p.count, width);

        nyx_vulkan__spec(&work, e->node->op);
        nyx_vulkan__spec(&work, residual);
        nyx_vulkan__spec(&work, (e->out[0].bytes ? 1 : 0) | (e->out[1].bytes ? 2 : 0));
        nyx_vulkan__spec(&work, nyx_vulkan__halves(e, 3, operands));
        nyx_vulkan__read_piece(&work, e, 0, &p, width * nyx_vulkan__size_in(e, 0));
        nyx_vulkan__read_piece(&work, e, residual, &p, width * nyx_vulkan__size_in(e, residual));
        bind_output(&work, e, 0, &p, width * nyx_vulkan__size_out(e, 0));
        bind_output(&work, e, 1, &p, 4);
        nyx_vulkan__push_real(&work, (double)width);
        nyx_vulkan__push_real(&work, e->node->reals[0]);
        nyx_vulkan__add(e, &work);
    }
}

static void emit_norm_grad(nyx_vulkan__emit *e)
{
    const int64_t   width = nyx_vulkan__width(nyx_vulkan__shape_in(e, 0));
    const int64_t   rows = nyx_vulkan__elems_in(e, 0) / width, lanes = nyx_vulkan__lanes(width);
    const nyx_value operands[] = { e->node->inputs[0], e->node->inputs[1], e->node->inputs[2], e->node->outputs[0] };

    for (nyx_vulkan__piece p = nyx_vulkan__pieces(e, rows, width * 4); nyx_vulkan__next(&p);) {
        nyx_vulkan__work work = nyx_vulkan__row_work(e, "norm_grad", "norm_grad4", lanes, p.count, width);

        nyx_vulkan__spec(&work, e->node->op);
        nyx_vulkan__spec(&work, nyx_vulkan__halves(e, 4, operands));
        nyx_vulkan__read_piece(&work, e, 0, &p, width * nyx_vulkan__size_in(e, 0));
        nyx_vulkan__read_piece(&work, e, 1, &p, 4);
        nyx_vulkan__read_piece(&work, e, 2, &p, width * nyx_vulkan__size_in(e, 2));
        nyx_vulkan__write_piece(&work, e, 0, &p, width * nyx_vulkan__size_out(e, 0));
        nyx_vulkan__push_real(&work, (double)width);
        nyx_vulkan__add(e, &work);
    }
}

/* In float64, rounded once, as the CPU does it: the same bits. */
static void emit_rope_table(nyx_vulkan__emit *e)
{
    const int64_t positions = e->node->shape.dims[0], width = e->node->shape.dims[1], half = width / 2;
    float        *table;

    if (e->status < 0 || (e->status = nyx_alloc(&table, positions * width * (int64_t)sizeof *table)) < 0)
        return;
    for (int64_t i = 0; i < half; i++) {
        const double turn = nyx_pow64(e->node->reals[0], -2.0 * (double)i / (double)width);

        for (int64_t p = 0; p < positions; p++) {
            table[p * width + i] = (float)nyx_cos64((double)p * turn);
            table[p * width + half + i] = (float)nyx_sin64((double)p * turn);
        }
    }
    nyx_vulkan__copy(e, nyx_vulkan__constant(e, table, positions * width * (int64_t)sizeof *table), e->out[0]);
    nyx_free(table);
}

int64_t nyx_vulkan__rope_lanes(const nyx_graph *g, const nyx_node *node)
{
    const int64_t width = nyx_vulkan__width(nyx_value_shape(g, node->inputs[1]));

    return width % 2 ? 1 : nyx_vulkan__lanes(width / 2);
}

static void emit_rope(nyx_vulkan__emit *e)
{
    const nyx_shape *x = nyx_vulkan__shape_in(e, 0);
    const int64_t    pitch = nyx_vulkan__width(x), width = nyx_vulkan__width(nyx_vulkan__shape_in(e, 1));
    const int64_t    lanes = nyx_vulkan__rope_lanes(e->g, e->node), rows = x->dims[0] * x->dims[1];
    const nyx_value  operands[] = { e->node->inputs[0], e->node->inputs[1], e->node->outputs[0] };

    for (nyx_vulkan__piece p = nyx_vulkan__pieces(e, rows, pitch * 4); nyx_vulkan__next(&p);) {
        const int64_t    words = p.count * pitch / lanes;
        nyx_vulkan__work work = nyx_vulkan__shader(e, lanes == 4 ? "rope4" : "rope");

        nyx_vulkan__spec(&work, (uint32_t)(pitch / lanes));
        nyx_vulkan__spec(&work, (uint32_t)(width / lanes));
        nyx_vulkan__spec(&work, (uint32_t)(width / 2 / lanes));
        nyx_vulkan__spec(&work, (uint32_t)x->dims[1]);
        nyx_vulkan__spec(&work, nyx_vulkan__halves(e, 3, operands));
        nyx_vulkan__read_piece(&work, e, 0, &p, pitch * nyx_vulkan__size_in(e, 0));
        nyx_vulkan__read_in(&work, e, 1);
        nyx_vulkan__write_piece(&work, e, 0, &p, pitch * nyx_vulkan__size_out(e, 0));
        nyx_vulkan__push(&work, (uint32_t)words);
        nyx_vulkan__push(&work, (uint32_t)(e->node->ints[0] * width / lanes));
        nyx_vulkan__push(&work, (uint32_t)p.first);
        nyx_vulkan__push_real(&work, e->node->ints[1] ? -1 : 1);
        nyx_vulkan__elements(&work, e, words);
        nyx_vulkan__add(e, &work);
    }
}

const nyx_vulkan__kernel nyx_vulkan__norm[] = {
    { NYX_OP_RMSNORM, "rows", emit_norm, NULL },
    { NYX_OP_RMSNORM_GRAD, "rows", emit_norm_grad, NULL },
    { NYX_OP_LAYERNORM, "rows", emit_norm, NULL },
    { NYX_OP_LAYERNORM_GRAD, "rows", emit_norm_grad, NULL },
    { NYX_OP_ROPE_TABLE, "host", emit_rope_table, NULL },
    { NYX_OP_ROPE, "element", emit_rope, NULL },
    { NYX_OP_NONE, NULL, NULL, NULL },
};
