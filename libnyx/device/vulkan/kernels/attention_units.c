/* attention_units -- attention of 16 bits and its gradient by matrix units
 * (shaders/attention_matrix.comp, attention_matrix_grad.comp), which are tried once
 * for each type beside the kernels without. */
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

enum { TRIED = 50, TRIED_WIDTH = 64, TRIED_HEADS = 2, TRIED_ROW = (TRIED_HEADS + 2) * TRIED_WIDTH,
       TRIED_X = TRIED * TRIED_ROW, TRIED_Y = TRIED * TRIED_HEADS * TRIED_WIDTH };

static nyx_value rounded_input(nyx_graph *g, enum nyx_dtype type, const char *name, int64_t row)
{
    const nyx_shape shape = nyx_shape_of(3, (int64_t)1, (int64_t)TRIED, row);
    nyx_value       x = nyx_graph_variable(g, name, NYX_F32, shape, NYX_ROLE_INPUT);

    x = nyx_graph_cast(g, x, type);
    return nyx_graph_cast(g, x, NYX_F32);
}

static int build(nyx_graph *g, enum nyx_dtype type)
{
    const nyx_value x = rounded_input(g, type, "x", TRIED_ROW);
    const nyx_value dy = rounded_input(g, type, "dy", TRIED_HEADS * TRIED_WIDTH);
    const nyx_value y = nyx_graph_attention(g, x, TRIED_HEADS, 1, true);
    nyx_node        gradient = { .op = NYX_OP_ATTENTION_GRAD, .input_count = 4, .inputs = { x, y, y + 1, dy },
                                 .ints = { TRIED_HEADS, 1, true } };

    nyx_graph_assign(g, "y", NYX_ROLE_OUTPUT, y);
    nyx_graph_assign(g, "dx", NYX_ROLE_OUTPUT, nyx_graph_node_add(g, &gradient));
    return nyx_graph_check(g);
}

/* Result and gradient of the trial. */
static bool attend(float *y, float *dx, nyx_device *device, enum nyx_dtype type)
{
    nyx_graph   *g = NULL;
    nyx_store   *store = NULL;
    nyx_program *program = NULL;
    bool         done = false;
    int          status;

    if ((status = nyx_graph_create(&g, NYX_F32)) < 0 || (status = build(g, type)) < 0 ||
        (status = nyx_store_create(&store, device, 1)) < 0 ||
        (status = nyx_program_compile(&program, store, g)) < 0 || (status = nyx_store_allocate(store)) < 0)
        goto done;
    for (int i = 0; i < TRIED_X; i++)
        dx[i] = 0.25f * (float)(i * 7 % 13 - 6);
    for (int i = 0; i < TRIED_Y; i++)
        y[i] = 0.25f * (float)(i * 5 % 11 - 5);
    nyx_store_write(store, "x", dx);
    nyx_store_write(store, "dy", y);
    nyx_program_run(program, &(nyx_run){ 0 });
    nyx_store_read(store, "y", y);
    nyx_store_read(store, "dx", dx);
    done = nyx_device_check(device) == 0;
done:
    nyx_vulkan__trial_made(nyx_vulkan__gpu_of(device), status);
    nyx_program_free(program);
    nyx_store_free(store);
    nyx_graph_free(g);
    return done;
}

/* Within a few roundings of the largest element. */
static bool is_near(const float *a, const float *b, int count)
{
    float most = 0, apart = 0;
    bool  finite = true;

    for (int i = 0; i < count; i++) {
        const float size = b[i] < 0 ? -b[i] : b[i], d = a[i] < b[i] ? b[i] - a[i] : a[i] - b[i];

        most = size > most ? size : most;
        apart = d > apart ? d : apart;
        finite = finite && d == d;
    }
    return finite && apart <= most * 0x1p-6f;
}

/* The same without and with units, by what *trust says meanwhile. */
static bool attends(nyx_vulkan__gpu *gpu, enum nyx_dtype type, enum nyx_vulkan__trust *trust)
{
    float *plain, *units;
    bool   alike = false;

    nyx_vulkan__trial_made(gpu, nyx_alloc(&plain, 2 * (TRIED_X + TRIED_Y) * (int64_t)sizeof *plain));
    if (!plain)
        return false;
    units = plain + TRIED_X + TRIED_Y;
    gpu->trials++;
    if (attend(plain, plain + TRIED_Y, gpu->device, type)) {
        *trust = NYX_VULKAN_TRUSTED;
        alike = attend(units, units + TRIED_Y, gpu->device, type) && is_near(units, plain, TRIED_Y) &&
                is_near(units + TRIED_Y, plain + TRIED_Y, TRIED_X);
    }
    gpu->trials--;
    nyx_free(plain);
    return alike;
}

static bool works(nyx_vulkan__gpu *gpu, enum nyx_dtype type)
{
    enum nyx_vulkan__trust *trust = &gpu->attention[type == NYX_BF16];

    if (*trust == NYX_VULKAN_UNTRIED && !gpu->starved) {
        *trust = NYX_VULKAN_REFUSED;
        if (nyx_vulkan__matrix_works(gpu, type))
            *trust = attends(gpu, type, trust) ? NYX_VULKAN_TRUSTED : NYX_VULKAN_REFUSED;
        if (gpu->starved)
            *trust = NYX_VULKAN_UNTRIED;
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

static void push_layout(nyx_vulkan__work *work, const layout *l)
{
    nyx_vulkan__push(work, (uint32_t)l->positions);
    nyx_vulkan__push(work, (uint32_t)l->heads);
    nyx_vulkan__push(work, (uint32_t)l->kv_heads);
    nyx_vulkan__push_real(work, (double)(1.0f / nyx_sqrtf((float)l->width)));
}

static void spec_units(nyx_vulkan__work *work, const layout *l)
{
    nyx_vulkan__spec(work, (uint32_t)l->lanes);
    nyx_vulkan__spec(work, (uint32_t)l->m);
    nyx_vulkan__spec(work, (uint32_t)l->n);
    nyx_vulkan__spec(work, (uint32_t)l->k);
}

static nyx_vulkan__work shader_of(const nyx_vulkan__emit *e, const layout *l, const char *f16, const char *bf16,
                                  int64_t subgroups)
{
    nyx_vulkan__work work = nyx_vulkan__shader(e, l->bf16 ? bf16 : f16);

    work.spec[0] = (uint32_t)(subgroups * l->lanes);
    nyx_vulkan__spec(&work, (uint32_t)subgroups);
    nyx_vulkan__spec(&work, (uint32_t)l->width);
    nyx_vulkan__spec(&work, e->node->ints[2] != 0);
    return work;
}

bool nyx_vulkan__attend_by_units(nyx_vulkan__emit *e, const nyx_vulkan__piece *p)
{
    const layout  l = layout_of(e);
    const bool    has_o = e->out[0].bytes > 0, has_lse = e->out[1].bytes > 0;
    const int64_t x_bytes = l.positions * (l.heads + 2 * l.kv_heads) * l.width * 2, o = l.positions * l.heads * l.width;
    const int64_t subgroups = suits(e, &l) ? subgroups_of(e, &l) : 0, rows = subgroups * l.m;

    if (subgroups < 1)
        return false;
    nyx_vulkan__work work = shader_of(e, &l, "attention_f16", "attention_bf16", subgroups);
    nyx_vulkan__spec(&work, has_o);
    nyx_vulkan__spec(&work, has_lse);
    nyx_vulkan__spec(&work, nyx_vulkan__size_out(e, 0) == 2);
    spec_units(&work, &l);
    nyx_vulkan__read_piece(&work, e, 0, p, x_bytes);
    if (has_o)
        nyx_vulkan__write_piece(&work, e, 0, p, o * nyx_vulkan__size_out(e, 0));
    else
        nyx_vulkan__bind(&work, work.bindings[0], false);
    if (has_lse)
        nyx_vulkan__write_piece(&work, e, 1, p, l.positions * l.heads * 4);
    else
        nyx_vulkan__bind(&work, work.bindings[0], false);
    push_layout(&work, &l);
    nyx_vulkan__grid(&work, (l.positions + rows - 1) / rows, l.heads, p->count);
    nyx_vulkan__add(e, &work);
    return true;
}

static void differentiate(nyx_vulkan__emit *e, const nyx_vulkan__piece *p, const layout *l, nyx_vulkan__range delta,
                          bool keyed)
{
    const int64_t    x = l->positions * (l->heads + 2 * l->kv_heads) * l->width, o = l->positions * l->heads * l->width;
    const int64_t    subgroups = subgroups_of(e, l), rows = subgroups * l->m;
    nyx_vulkan__work work = shader_of(e, l, "attention_grad_f16", "attention_grad_bf16", subgroups);

    nyx_vulkan__spec(&work, keyed);
    nyx_vulkan__spec(&work, nyx_vulkan__size_out(e, 0) == 2);
    spec_units(&work, l);
    nyx_vulkan__read_piece(&work, e, 0, p, x * 2);
    nyx_vulkan__read_piece(&work, e, 3, p, o * 2);
    nyx_vulkan__write_piece(&work, e, 0, p, x * nyx_vulkan__size_out(e, 0));
    nyx_vulkan__read_piece(&work, e, 2, p, l->positions * l->heads * 4);
    nyx_vulkan__bind(&work, delta, false);
    push_layout(&work, l);
    nyx_vulkan__grid(&work, (l->positions + rows - 1) / rows, keyed ? l->kv_heads : l->heads, p->count);
    work.cost = nyx_vulkan__products(e, p, keyed ? 4 : 3);
    nyx_vulkan__add(e, &work);
}

bool nyx_vulkan__differentiate_by_units(nyx_vulkan__emit *e, const nyx_vulkan__piece *p, nyx_vulkan__range delta)
{
    const layout l = layout_of(e);

    if (nyx_value_dtype(e->g, e->node->inputs[3]) != nyx_value_dtype(e->g, e->node->inputs[0]) || !suits(e, &l) ||
        subgroups_of(e, &l) < 1)
        return false;
    differentiate(e, p, &l, delta, false);
    differentiate(e, p, &l, delta, true);
    return true;
}
