/* attention_units -- attention of 16 bits by matrix units (shaders/attention_matrix.comp),
 * which is tried once for each type: every query of the trial finds one key. */
#include "device/vulkan/kernels/kernels.h"

#include "tensor/math.h"

enum { KEYS = 32, SUBGROUPS = 8, WIDTH_MOST = 128 };

typedef struct {
    int64_t positions, heads, kv_heads, width;
    int64_t m, n, k, lanes; /* of a fragment, of a subgroup */
    bool    bf16;
} layout;

static layout layout_of(const nyx_vulkan__emit *e)
{
    const nyx_vulkan_device *facts = &e->gpu->facts;
    layout                   l = { .positions = nyx_vulkan__shape_in(e, 0)->dims[1], .heads = e->node->ints[0],
                                   .kv_heads = e->node->ints[1], .width = nyx_vulkan__head_width(e->g, e->node),
                                   .lanes = facts->subgroup };

    l.bf16 = nyx_value_dtype(e->g, e->node->inputs[0]) == NYX_BF16;
    l.m = facts->matrix[l.bf16].m;
    l.n = facts->matrix[l.bf16].n;
    l.k = facts->matrix[l.bf16].k;
    return l;
}

/* ---- the trial ---------------------------------------------------------------------- */

enum { TRIED = 50, TRIED_WIDTH = 64, TRIED_ROW = 3 * TRIED_WIDTH };

static float value_at(int position, int at)
{
    return (float)((position * 7 + at * 5) % 13 - 6);
}

/* Query and key of a position are large at its own place: other weights are 0. */
static float operand_at(int position, int at)
{
    if (at >= 2 * TRIED_WIDTH)
        return value_at(position, at - 2 * TRIED_WIDTH);
    return at % TRIED_WIDTH == position ? 60.0f : 0.0f;
}

static int build(nyx_graph *g, enum nyx_dtype type)
{
    const nyx_shape shape = nyx_shape_of(3, (int64_t)1, (int64_t)TRIED, (int64_t)TRIED_ROW);
    nyx_value       x = nyx_graph_variable(g, "x", NYX_F32, shape, NYX_ROLE_INPUT);

    x = nyx_graph_cast(g, nyx_graph_cast(g, x, type), NYX_F32);
    nyx_graph_assign(g, "y", NYX_ROLE_OUTPUT, nyx_graph_attention(g, x, 1, 1, false));
    return nyx_graph_check(g);
}

static bool attends(nyx_device *device, enum nyx_dtype type)
{
    nyx_graph   *g = NULL;
    nyx_store   *store = NULL;
    nyx_program *program = NULL;
    float       *x = NULL;
    bool         right = false;

    if (nyx_alloc(&x, TRIED * TRIED_ROW * (int64_t)sizeof *x) < 0 || nyx_graph_create(&g, NYX_F32) < 0 ||
        build(g, type) < 0 || nyx_store_create(&store, device, 1) < 0 || nyx_program_compile(&program, store, g) < 0 ||
        nyx_store_allocate(store) < 0)
        goto done;
    for (int i = 0; i < TRIED * TRIED_ROW; i++)
        x[i] = operand_at(i / TRIED_ROW, i % TRIED_ROW);
    nyx_store_write(store, "x", x);
    nyx_program_run(program, &(nyx_run){ 0 });
    nyx_store_read(store, "y", x);
    right = true;
    for (int i = 0; i < TRIED * TRIED_WIDTH; i++)
        right = right && x[i] == value_at(i / TRIED_WIDTH, i % TRIED_WIDTH);
done:
    nyx_program_free(program);
    nyx_store_free(store);
    nyx_graph_free(g);
    nyx_free(x);
    return right;
}

static bool works(nyx_vulkan__gpu *gpu, enum nyx_dtype type)
{
    enum nyx_vulkan__trust *trust = &gpu->attention[type == NYX_BF16];

    if (*trust == NYX_VULKAN_UNTRIED) {
        *trust = NYX_VULKAN_TRUSTED; /* by the trial */
        if (!nyx_vulkan__matrix_works(gpu, type) || !attends(gpu->device, type))
            *trust = NYX_VULKAN_REFUSED;
    }
    return *trust == NYX_VULKAN_TRUSTED;
}

/* ---- a piece ------------------------------------------------------------------------ */

static bool suits(const nyx_vulkan__emit *e, const layout *l)
{
    const enum nyx_dtype dtype = nyx_value_dtype(e->g, e->node->inputs[0]);

    return !e->gpu->switches.plain && nyx_dtype_is_half(dtype) && l->m > 0 && l->lanes > 0 &&
           l->lanes % l->m == 0 && l->n == 8 * (l->lanes / l->m) && l->k % 8 == 0 && KEYS % l->n == 0 &&
           KEYS % l->k == 0 && l->width % l->n == 0 && l->width % l->k == 0 && l->width <= WIDTH_MOST &&
           works(e->gpu, dtype);
}

/* Subgroups of a workgroup: as few as have all queries, as many as there is room for. */
static int64_t subgroups_of(const nyx_vulkan__emit *e, const layout *l)
{
    const int64_t line = l->width / 8 + 1, scores = KEYS / 4 + 1, longest = line > scores ? line : scores;
    const int64_t own = l->m * longest * 16 + l->lanes * 4, left = e->gpu->facts.shared_bytes - 2 * KEYS * line * 16;
    int64_t       count = (l->positions + l->m - 1) / l->m;

    count = count < SUBGROUPS ? count : SUBGROUPS;
    count = count < left / own ? count : left / own;
    return count < e->gpu->facts.group_invocations / l->lanes ? count : e->gpu->facts.group_invocations / l->lanes;
}

bool nyx_vulkan__attend_by_units(nyx_vulkan__emit *e, const nyx_vulkan__piece *p)
{
    const layout  l = layout_of(e);
    const bool    has_o = e->out[0].bytes > 0, has_lse = e->out[1].bytes > 0;
    const int64_t x_bytes = l.positions * (l.heads + 2 * l.kv_heads) * l.width * 2, o = l.positions * l.heads * l.width;
    const int64_t subgroups = suits(e, &l) ? subgroups_of(e, &l) : 0, rows = subgroups * l.m;

    if (subgroups < 1)
        return false;
    nyx_vulkan__work work = nyx_vulkan__shader(e, l.bf16 ? "attention_bf16" : "attention_f16");
    work.spec[0] = (uint32_t)(subgroups * l.lanes);
    nyx_vulkan__spec(&work, (uint32_t)subgroups);
    nyx_vulkan__spec(&work, (uint32_t)l.width);
    nyx_vulkan__spec(&work, e->node->ints[2] != 0);
    nyx_vulkan__spec(&work, has_o);
    nyx_vulkan__spec(&work, has_lse);
    nyx_vulkan__spec(&work, nyx_vulkan__size_out(e, 0) == 2);
    nyx_vulkan__spec(&work, (uint32_t)l.lanes);
    nyx_vulkan__spec(&work, (uint32_t)l.m);
    nyx_vulkan__spec(&work, (uint32_t)l.n);
    nyx_vulkan__spec(&work, (uint32_t)l.k);
    nyx_vulkan__read_piece(&work, e, 0, p, x_bytes);
    if (has_o)
        nyx_vulkan__write_piece(&work, e, 0, p, o * nyx_vulkan__size_out(e, 0));
    else
        nyx_vulkan__bind(&work, work.bindings[0], true, false);
    if (has_lse)
        nyx_vulkan__write_piece(&work, e, 1, p, l.positions * l.heads * 4);
    else
        nyx_vulkan__bind(&work, work.bindings[0], true, false);
    nyx_vulkan__push(&work, (uint32_t)l.positions);
    nyx_vulkan__push(&work, (uint32_t)l.heads);
    nyx_vulkan__push(&work, (uint32_t)l.kv_heads);
    nyx_vulkan__push_real(&work, (double)(1.0f / nyx_sqrtf((float)l.width)));
    nyx_vulkan__grid(&work, (l.positions + rows - 1) / rows, l.heads, p->count);
    nyx_vulkan__add(e, &work);
    return true;
}
