/* matvec -- few rows times a matrix whose terms lie side by side
 * (shaders/matvec.comp). */
#include "device/vulkan/kernels/kernels.h"
#include "device/vulkan/tune.h"

enum { ROWS_MOST = 8, TERMS_MOST = 1 << 18, SUMS_MOST = 32 /* of an invocation */ };

/* m, n, k: rows of x, of w, terms. */
static nyx_tune_problem problem_of(const nyx_graph *g, const nyx_node *node)
{
    const nyx_value x = node->inputs[0], w = node->inputs[1];
    const int64_t   k = nyx_vulkan__width(nyx_value_shape(g, x));

    return (nyx_tune_problem){ .kernel = "matvec", .type = nyx_value_dtype(g, x), .variant = (int)node->ints[0],
                               .extents = { nyx_value_elems(g, x) / k, nyx_value_elems(g, w) / k, k } };
}

bool nyx_vulkan__is_few_rows(const nyx_vulkan__gpu *gpu, const nyx_graph *g, const nyx_node *node)
{
    const nyx_tune_problem p = problem_of(g, node);

    return p.variant == NYX_MATMUL_NT && p.extents[0] <= ROWS_MOST && p.extents[2] <= TERMS_MOST &&
           gpu->switches.tile == 0;
}

/* ---- constants: invocations that share columns, columns, invocations of a workgroup ----- */

static void usual(nyx_genome *out, nyx_vulkan__gpu *gpu, const nyx_tune_problem *problem)
{
    const int64_t m = problem->extents[0], n = problem->extents[1], k = problem->extents[2];
    int32_t       lanes = 32;

    while (lanes < gpu->group && lanes * 4 < k && n * lanes < nyx_vulkan__wanted_groups(gpu) * 512)
        lanes *= 2;
    *out = (nyx_genome){ { lanes, m > 2 && n >= 1024 ? 2 : 1, gpu->group } };
}

static bool seed(nyx_genome *out, nyx_vulkan__gpu *gpu, const nyx_tune_problem *problem, int64_t index)
{
    (void)gpu;
    (void)problem;
    *out = (nyx_genome){ { 8 << index % 6, 1 << index / 6 % 3, 64 << index / 18 } };
    return index < 54;
}

static bool fits(nyx_vulkan__gpu *gpu, const nyx_tune_problem *problem, const nyx_genome *genome)
{
    const int32_t lanes = genome->genes[0], columns = genome->genes[1], group = genome->genes[2];
    const int64_t sums = problem->extents[0] * columns;

    return nyx_vulkan__is_power(group, gpu->facts.group_invocations) && nyx_vulkan__is_power(lanes, group) &&
           nyx_vulkan__is_power(columns, 8) && sums <= SUMS_MOST && sums * group * 4 <= gpu->facts.shared_bytes;
}

static bool asks(nyx_tune_problem *out, const nyx_vulkan__gpu *gpu, const nyx_graph *g, const nyx_node *node)
{
    if (node->op != NYX_OP_MATMUL || !nyx_vulkan__is_few_rows(gpu, g, node))
        return false;
    *out = problem_of(g, node);
    return true;
}

const nyx_vulkan__tunable nyx_vulkan__tune_matvec = {
    .name = "matvec", .shaders = { "matvec" }, .asks = asks, .usual = usual, .seed = seed, .fits = fits,
};

/* ---- emitting ---------------------------------------------------------------------------- */

void nyx_vulkan__emit_few_rows(nyx_vulkan__emit *e)
{
    const nyx_tune_problem p = problem_of(e->g, e->node);
    const int64_t          m = p.extents[0], n = p.extents[1], k = p.extents[2], line = k * nyx_dtype_bytes(p.type);
    const int64_t          once = nyx_vulkan__lines_at_once(e->gpu, n, 64, line, 0);
    const bool             has_bias = e->in[2].bytes > 0;
    nyx_genome             genome;

    if (!nyx_vulkan__tuned(&genome, e->gpu, &nyx_vulkan__tune_matvec, &p))
        usual(&genome, e->gpu, &p);
    const int64_t lanes = genome.genes[0], columns = genome.genes[1], group = genome.genes[2],
                  made = group / lanes * columns;
    for (int64_t first = 0; first < n; first += once) {
        const int64_t    count = n - first < once ? n - first : once;
        nyx_vulkan__work work = nyx_vulkan__shader(e, "matvec");

        work.spec[0] = (uint32_t)group;
        nyx_vulkan__spec(&work, (uint32_t)lanes);
        nyx_vulkan__spec(&work, (uint32_t)m);
        nyx_vulkan__spec(&work, (uint32_t)columns);
        nyx_vulkan__spec(&work, p.type == NYX_F16 ? 1 : p.type == NYX_BF16 ? 2 : 0);
        nyx_vulkan__spec(&work, k % 4 == 0);
        nyx_vulkan__spec(&work, (uint32_t)group);
        nyx_vulkan__read_in(&work, e, 0);
        nyx_vulkan__bind(&work, nyx_vulkan__part(e->in[1], first * line, count * line), false);
        nyx_vulkan__bind(&work, has_bias ? nyx_vulkan__part(e->in[2], first * 4, count * 4) : e->in[0], false);
        nyx_vulkan__write_out(&work, e, 0);
        nyx_vulkan__push(&work, (uint32_t)count);
        nyx_vulkan__push(&work, (uint32_t)k);
        nyx_vulkan__push(&work, (uint32_t)n);
        nyx_vulkan__push(&work, (uint32_t)first);
        nyx_vulkan__push(&work, has_bias);
        nyx_vulkan__groups(&work, (count + made - 1) / made);
        nyx_vulkan__add(e, &work);
    }
}
