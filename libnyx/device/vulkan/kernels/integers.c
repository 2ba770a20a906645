/* integers -- rows that are coded in 8 bits, times weights whose points are whole numbers
 * (shaders/packed_activation.comp, integer_dots.comp, integer_tiles.comp). */
#include "device/vulkan/kernels/coded.h"

#include <string.h>

enum { BLOCK = 32, ACROSS = 64 /* columns of a tile */ };

void nyx_vulkan__emit_bytes(nyx_vulkan__emit *e, nyx_vulkan__product *p, bool row)
{
    const int64_t           blocks = (p->terms + BLOCK - 1) / BLOCK;
    const int64_t           codes = p->rows * blocks * BLOCK;
    const int64_t           steps = p->rows * blocks * 8, steps_at = (codes + 255) / 256 * 256;
    const nyx_vulkan__range all = nyx_vulkan__workspace(e, steps_at + steps);
    nyx_vulkan__work        work = nyx_vulkan__shader(e, "packed_activation");

    nyx_vulkan__spec(&work, row);
    nyx_vulkan__spec(&work, p->terms % 4 == 0);
    nyx_vulkan__bind(&work, p->x, false);
    p->x = nyx_vulkan__part(all, 0, codes);
    p->steps = nyx_vulkan__part(all, steps_at, steps);
    nyx_vulkan__bind(&work, p->x, true);
    nyx_vulkan__bind(&work, p->steps, true);
    nyx_vulkan__push(&work, (uint32_t)p->rows);
    nyx_vulkan__push(&work, (uint32_t)p->terms);
    nyx_vulkan__push(&work, (uint32_t)blocks);
    if (row)
        nyx_vulkan__groups(&work, p->rows);
    else
        nyx_vulkan__elements(&work, e, p->rows * blocks * BLOCK / 4);
    nyx_vulkan__add(e, &work);
}

const char *nyx_vulkan__integer_shader(const nyx_vulkan__gpu *gpu, bool tiles)
{
    if (nyx_vulkan__multiplies_bytes(gpu))
        return tiles ? "integer_tiles" : "integer_dots";
    return tiles ? "integer_tiles_plain" : "integer_dots_plain";
}

/* It takes longer to compile shaders than to run them: what an invocation does is kept small. */
static bool is_software(const nyx_vulkan__gpu *gpu)
{
    return !strcmp(gpu->facts.type, "cpu");
}

/* ---- few rows ------------------------------------------------------------------------ */

static bool asks_dots(nyx_tune_problem *out, const nyx_vulkan__gpu *gpu, const nyx_graph *g, const nyx_node *node)
{
    (void)gpu;
    return nyx_vulkan__coded_asks(out, &nyx_vulkan__tune_integer_dots, true, true, g, node);
}

/* Two units for each invocation, or more: a unit is a block, of 8 bits half a one. */
static void usual_dots(nyx_genome *out, nyx_vulkan__gpu *gpu, const nyx_tune_problem *problem)
{
    nyx_vulkan__few_usual(out, problem, problem->variant % 100 == 8 ? BLOCK : 2 * BLOCK);
    if (is_software(gpu))
        out->genes[1] = 1;
}

const nyx_vulkan__tunable nyx_vulkan__tune_integer_dots = {
    .name = "integer_dots", .shaders = { "integer_dots", "integer_dots_plain" }, .asks = asks_dots, .usual = usual_dots,
    .seed = nyx_vulkan__few_seed, .fits = nyx_vulkan__few_fits,
};

/* ---- many rows: invocations of a workgroup, rows of its tile ----------------------------- */

static bool asks_tiles(nyx_tune_problem *out, const nyx_vulkan__gpu *gpu, const nyx_graph *g, const nyx_node *node)
{
    (void)gpu;
    return nyx_vulkan__coded_asks(out, &nyx_vulkan__tune_integer_tiles, true, false, g, node);
}

/* Higher tiles read less, lower ones keep more of the device busy. */
static void usual_tiles(nyx_genome *out, nyx_vulkan__gpu *gpu, const nyx_tune_problem *problem)
{
    const int64_t rows = problem->extents[0], high = (rows + 127) / 128 * ((problem->extents[1] + ACROSS - 1) / ACROSS);

    if (gpu->group >= 256 && is_software(gpu))
        *out = (nyx_genome){ { 256, 16 } };
    else if (gpu->group >= 256 && rows > 64 && high >= nyx_vulkan__wanted_groups(gpu))
        *out = (nyx_genome){ { 256, 128 } };
    else
        *out = (nyx_genome){ { 128, 64 } };
}

static bool seed_tiles(nyx_genome *out, nyx_vulkan__gpu *gpu, const nyx_tune_problem *problem, int64_t index)
{
    (void)gpu;
    (void)problem;
    *out = (nyx_genome){ { 128 << index % 2, 16 << index / 2 } };
    return index < 8;
}

/* Bytes and steps of both sides stand in shared memory. */
static bool tiles_fit(nyx_vulkan__gpu *gpu, const nyx_tune_problem *problem, const nyx_genome *genome)
{
    const int32_t lanes = genome->genes[0], down = genome->genes[1];
    const int64_t shared = 2 * 16 * (down + 4 + ACROSS + 4) + 8 * (down + 2 * ACROSS);

    (void)problem;
    return nyx_vulkan__is_power(lanes, gpu->facts.group_invocations) && (lanes == 128 || lanes == 256) &&
           nyx_vulkan__is_power(down, 128) && down * 16 >= lanes && shared <= gpu->facts.shared_bytes;
}

const nyx_vulkan__tunable nyx_vulkan__tune_integer_tiles = {
    .name = "integer_tiles", .shaders = { "integer_tiles", "integer_tiles_plain" }, .asks = asks_tiles,
    .usual = usual_tiles, .seed = seed_tiles, .fits = tiles_fit,
};
