/* elementwise -- arithmetic, comparison, selection (shaders/binary.comp,
 * unary.comp, select.comp). */
#include "device/vulkan/kernels/kernels.h"

/* Which element of b meets one of a (MEETS, DIVISOR of shaders/binary.comp;
 * graph.h: where both readings would fit, the last axes win). */
typedef struct {
    uint32_t how;
    int64_t  divisor, lanes;
} meeting;

enum { MEETS_SAME, MEETS_ONE, MEETS_LAST, MEETS_FIRST };

static meeting meeting_of(const nyx_shape *a, const nyx_shape *b)
{
    const int64_t elems = nyx_shape_count(a), count = nyx_shape_count(b);
    const int     skipped = a->rank - b->rank;
    bool          last = true;
    meeting       m = { MEETS_FIRST, 1, 1 };

    for (int i = 0; i < b->rank; i++)
        last = last && skipped >= 0 && b->dims[i] == a->dims[skipped + i];
    if (last || count == 1)
        m.how = count == 1 ? MEETS_ONE : count == elems ? MEETS_SAME : MEETS_LAST;
    if (m.how == MEETS_LAST || m.how == MEETS_FIRST)
        m.divisor = m.how == MEETS_LAST ? count : elems / count;
    if (elems % 4 == 0 && (m.how < MEETS_LAST || m.divisor % 4 == 0))
        m.lanes = 4;
    return m;
}

int64_t nyx_vulkan__binary_lanes(const nyx_graph *g, const nyx_node *node)
{
    return meeting_of(nyx_value_shape(g, node->inputs[0]), nyx_value_shape(g, node->inputs[1])).lanes;
}

static void emit_binary(nyx_vulkan__emit *e)
{
    const int64_t   elems = nyx_vulkan__elems_out(e, 0);
    const meeting   m = meeting_of(nyx_vulkan__shape_in(e, 0), nyx_vulkan__shape_in(e, 1));
    const nyx_value b = e->node->inputs[1], operands[] = { e->node->inputs[0], b, e->node->outputs[0], b };

    for (nyx_vulkan__piece p = nyx_vulkan__pieces(e, elems, 4); nyx_vulkan__next(&p);) {
        const nyx_vulkan__range same = nyx_vulkan__part_of(e->in[1], &p, nyx_vulkan__size_in(e, 1));
        nyx_vulkan__work        work = nyx_vulkan__shader(e, m.lanes == 4 ? "binary4" : "binary");

        nyx_vulkan__spec(&work, e->node->op);
        nyx_vulkan__spec(&work, nyx_value_dtype(e->g, e->node->inputs[0]) == NYX_I32);
        nyx_vulkan__spec(&work, e->node->op == NYX_OP_COMPARE ? (uint32_t)e->node->ints[0] : 0);
        nyx_vulkan__spec(&work, m.how);
        nyx_vulkan__spec(&work, (uint32_t)(m.how == MEETS_LAST ? m.divisor / m.lanes : m.divisor));
        nyx_vulkan__spec(&work, nyx_vulkan__halves(e, 4, operands));
        nyx_vulkan__read_piece(&work, e, 0, &p, nyx_vulkan__size_in(e, 0));
        nyx_vulkan__bind(&work, m.how == MEETS_SAME ? same : e->in[1], false);
        nyx_vulkan__write_piece(&work, e, 0, &p, nyx_vulkan__size_out(e, 0));
        nyx_vulkan__bind(&work, m.how == MEETS_SAME ? same : e->in[1], false);
        nyx_vulkan__push(&work, (uint32_t)(p.count / m.lanes));
        nyx_vulkan__push(&work, (uint32_t)(p.first / m.lanes));
        nyx_vulkan__elements(&work, e, p.count / m.lanes);
        nyx_vulkan__add(e, &work);
    }
}

static void emit_unary(nyx_vulkan__emit *e)
{
    const int64_t   elems = nyx_vulkan__elems_out(e, 0), lanes = nyx_vulkan__lanes(elems);
    const nyx_value operands[] = { e->node->inputs[0], e->node->outputs[0] };

    for (nyx_vulkan__piece p = nyx_vulkan__pieces(e, elems, 4); nyx_vulkan__next(&p);) {
        nyx_vulkan__work work = nyx_vulkan__shader(e, lanes == 4 ? "unary4" : "unary");

        nyx_vulkan__spec(&work, e->node->op);
        nyx_vulkan__spec(&work, nyx_value_dtype(e->g, e->node->outputs[0]) == NYX_I32);
        nyx_vulkan__spec(&work, nyx_vulkan__halves(e, 2, operands));
        nyx_vulkan__read_piece(&work, e, 0, &p, nyx_vulkan__size_in(e, 0));
        nyx_vulkan__write_piece(&work, e, 0, &p, nyx_vulkan__size_out(e, 0));
        nyx_vulkan__push(&work, (uint32_t)(p.count / lanes));
        nyx_vulkan__push_real(&work, e->node->reals[0]);
        nyx_vulkan__push_real(&work, e->node->reals[1]);
        nyx_vulkan__elements(&work, e, p.count / lanes);
        nyx_vulkan__add(e, &work);
    }
}

/* Between f32 and 16 bits, two elements an invocation. */
static void emit_halves(nyx_vulkan__emit *e, enum nyx_dtype from, enum nyx_dtype to)
{
    const int64_t elems = nyx_vulkan__elems_out(e, 0);
    const int     in = (int)nyx_dtype_bytes(from), out = (int)nyx_dtype_bytes(to);

    for (nyx_vulkan__piece p = nyx_vulkan__pieces(e, elems, 4); nyx_vulkan__next(&p);) {
        nyx_vulkan__work work = nyx_vulkan__shader(e, "cast");

        nyx_vulkan__spec(&work, from == NYX_BF16 || to == NYX_BF16);
        nyx_vulkan__spec(&work, nyx_dtype_is_half(from));
        nyx_vulkan__read_piece(&work, e, 0, &p, in);
        nyx_vulkan__write_piece(&work, e, 0, &p, out);
        nyx_vulkan__push(&work, (uint32_t)p.count);
        nyx_vulkan__elements(&work, e, (p.count + 1) / 2);
        nyx_vulkan__add(e, &work);
    }
}

static void emit_cast(nyx_vulkan__emit *e)
{
    const enum nyx_dtype from = nyx_value_dtype(e->g, e->node->inputs[0]);
    const enum nyx_dtype to = nyx_value_dtype(e->g, e->node->outputs[0]);

    if (from == to)
        nyx_vulkan__copy(e, e->in[0], e->out[0]);
    else if (nyx_dtype_is_half(from) || nyx_dtype_is_half(to))
        emit_halves(e, from, to);
    else
        emit_unary(e);
}

/* Whatever goes through f32: a half to a half or an integer does not. */
static bool takes_cast(const nyx_vulkan__gpu *gpu, const nyx_graph *g, const nyx_node *node)
{
    const enum nyx_dtype from = nyx_value_dtype(g, node->inputs[0]), to = nyx_value_dtype(g, node->outputs[0]);

    (void)gpu;
    return from == to || (nyx_dtype_is_half(from) ? to == NYX_F32 : !nyx_dtype_is_half(to) || from == NYX_F32);
}

int64_t nyx_vulkan__select_lanes(const nyx_graph *g, const nyx_node *node)
{
    const int64_t step = nyx_value_elems(g, node->inputs[2]) / nyx_value_elems(g, node->inputs[0]);

    return step % 4 == 0 ? nyx_vulkan__lanes(nyx_value_elems(g, node->inputs[1])) : 1;
}

static void emit_select(nyx_vulkan__emit *e)
{
    const int64_t   elems = nyx_vulkan__elems_out(e, 0), lanes = nyx_vulkan__select_lanes(e->g, e->node);
    const int64_t   step = elems / nyx_vulkan__elems_in(e, 0), choices = nyx_vulkan__elems_in(e, 1);
    const nyx_value operands[] = { e->node->inputs[0], e->node->inputs[1], e->node->inputs[2], e->node->outputs[0] };

    for (nyx_vulkan__piece p = nyx_vulkan__pieces(e, elems, 4); nyx_vulkan__next(&p);) {
        nyx_vulkan__work work = nyx_vulkan__shader(e, lanes == 4 ? "select4" : "select");

        nyx_vulkan__spec(&work, (uint32_t)step);
        nyx_vulkan__spec(&work, (uint32_t)(choices / lanes));
        nyx_vulkan__spec(&work, nyx_vulkan__halves(e, 4, operands));
        nyx_vulkan__read_in(&work, e, 0);
        nyx_vulkan__read_in(&work, e, 1);
        nyx_vulkan__read_piece(&work, e, 2, &p, nyx_vulkan__size_in(e, 2));
        nyx_vulkan__write_piece(&work, e, 0, &p, nyx_vulkan__size_out(e, 0));
        nyx_vulkan__push(&work, (uint32_t)(p.count / lanes));
        nyx_vulkan__push(&work, (uint32_t)(p.first / lanes));
        nyx_vulkan__elements(&work, e, p.count / lanes);
        nyx_vulkan__add(e, &work);
    }
}

const nyx_vulkan__kernel nyx_vulkan__elementwise[] = {
    { NYX_OP_ADD, "element", emit_binary, NULL },
    { NYX_OP_SUB, "element", emit_binary, NULL },
    { NYX_OP_MUL, "element", emit_binary, NULL },
    { NYX_OP_DIV, "element", emit_binary, NULL },
    { NYX_OP_MIN, "element", emit_binary, NULL },
    { NYX_OP_MAX, "element", emit_binary, NULL },
    { NYX_OP_COMPARE, "element", emit_binary, NULL },
    { NYX_OP_AFFINE, "element", emit_unary, NULL },
    { NYX_OP_SQRT, "element", emit_unary, NULL },
    { NYX_OP_SIGMOID, "element", emit_unary, NULL },
    { NYX_OP_CAST, "element", emit_cast, takes_cast },
    { NYX_OP_SELECT, "element", emit_select, NULL },
    { NYX_OP_NONE, NULL, NULL, NULL },
};
