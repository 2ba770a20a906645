/* kernels -- the tables of this folder, one a source. */
#ifndef NYX_VULKAN_KERNELS_H
#define NYX_VULKAN_KERNELS_H

#include "device/vulkan/kernel.h"

extern const nyx_vulkan__kernel nyx_vulkan__cached[];
extern const nyx_vulkan__kernel nyx_vulkan__coded_kernels[];
extern const nyx_vulkan__kernel nyx_vulkan__attention[];
extern const nyx_vulkan__kernel nyx_vulkan__elementwise[];
extern const nyx_vulkan__kernel nyx_vulkan__lookup[];
extern const nyx_vulkan__kernel nyx_vulkan__matmul[];
extern const nyx_vulkan__kernel nyx_vulkan__move[];
extern const nyx_vulkan__kernel nyx_vulkan__norm[];
extern const nyx_vulkan__kernel nyx_vulkan__activation[];
extern const nyx_vulkan__kernel nyx_vulkan__step[];
extern const nyx_vulkan__kernel nyx_vulkan__reduce[];
extern const nyx_vulkan__kernel nyx_vulkan__loss[];

/* Words that an invocation takes at once (LANES of shaders/lanes.glsl). */
static inline int64_t nyx_vulkan__lanes(int64_t width)
{
    return width % 4 == 0 ? 4 : 1;
}

int64_t nyx_vulkan__power_of_two(int64_t least);

/* Of matmul.c: workgroups that keep the device busy. Of matvec.c: products of few
 * rows. */
int64_t nyx_vulkan__wanted_groups(const nyx_vulkan__gpu *gpu);
bool    nyx_vulkan__halves_product(const nyx_vulkan__gpu *gpu, const nyx_graph *g, const nyx_node *node);
bool    nyx_vulkan__is_few_rows(const nyx_vulkan__gpu *gpu, const nyx_graph *g, const nyx_node *node);
void    nyx_vulkan__emit_few_rows(nyx_vulkan__emit *e);

/* A shader on rows (shaders/rows.glsl), by its names with 1 and 4 lanes:
 * constant 1 is set, so are push words 0 and 1 (rows, words of a row) and the
 * grid. */
nyx_vulkan__work nyx_vulkan__row_work(nyx_vulkan__emit *e, const char *narrow, const char *wide, int64_t lanes,
                                      int64_t rows, int64_t width);

/* Constant HALVES of shaders/halves.glsl, of operands in the order of bindings. */
uint32_t nyx_vulkan__halves(const nyx_vulkan__emit *e, int count, const nyx_value *bindings);
/* Lanes of a node's shader, as its kernel chooses them; elements of a head of attention. */
int64_t nyx_vulkan__binary_lanes(const nyx_graph *g, const nyx_node *node);
int64_t nyx_vulkan__select_lanes(const nyx_graph *g, const nyx_node *node);
int64_t nyx_vulkan__head_width(const nyx_graph *g, const nyx_node *node);
int64_t nyx_vulkan__rope_lanes(const nyx_graph *g, const nyx_node *node);

/* One piece of attention or its gradient by matrix units; false: they do not suit it. */
bool nyx_vulkan__attend_by_units(nyx_vulkan__emit *e, const nyx_vulkan__piece *p);
bool nyx_vulkan__differentiate_by_units(nyx_vulkan__emit *e, const nyx_vulkan__piece *p, nyx_vulkan__range delta);
/* The cost of so many of the five products of a piece of the gradient. */
nyx_cost nyx_vulkan__products(const nyx_vulkan__emit *e, const nyx_vulkan__piece *p, int count);

/* Place of a type, f16, bf16 or i8, among facts.matrix. */
static inline int nyx_vulkan__matrix_of(enum nyx_dtype type)
{
    return type == NYX_I8 ? 2 : type == NYX_BF16;
}

/* Whether matrix units multiply a type, which a product of each kind is tried for once; with this tile, which is known only once it was tried. */
bool nyx_vulkan__matrix_works(nyx_vulkan__gpu *gpu, enum nyx_dtype type);
bool nyx_vulkan__tile_refused(const nyx_vulkan__gpu *gpu, enum nyx_dtype type, const nyx_genome *tile);
/* Before it is used: products of each kind, with whole tiles and with parts of
 * them, the first time. */
bool nyx_vulkan__tile_works(nyx_vulkan__gpu *gpu, enum nyx_dtype type, const nyx_genome *tile);
/* The status of what makes a trial ready. MEMORY: gpu->starved. */
void nyx_vulkan__trial_made(nyx_vulkan__gpu *gpu, int status);
/* Of coded_units.c: does such a tile of bytes? */
bool nyx_vulkan__units_multiply(nyx_vulkan__gpu *gpu, const nyx_genome *tile);

#endif
