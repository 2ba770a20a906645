/* coded -- what the sources about products with coded weights share. */
#ifndef NYX_VULKAN_CODED_H
#define NYX_VULKAN_CODED_H

#include "device/vulkan/kernels/kernels.h"
#include "device/vulkan/tune.h"
#include "graph/inference.h"

/* The planes of a node, from its input `first` on. */
typedef struct {
    nyx_format format;
    nyx_layout layout;
    int        first;
} nyx_vulkan__planes;

/* Constants 1 ... 7, bindings 0 ... 3 and the first push words of shaders/decode.glsl
 * for rows [row, row + rows). */
void nyx_vulkan__bind_planes(nyx_vulkan__work *work, const nyx_vulkan__emit *e, const nyx_vulkan__planes *coded,
                             int64_t row, int64_t rows);

/* What one product multiplies: rows of x, all weights. */
typedef struct {
    nyx_vulkan__range x, steps, y; /* steps of 0 bytes: x is f32; else packed_activation.comp made both */
    int64_t           rows, all, columns, terms; /* all: rows of all such pieces */
    bool              bias;
} nyx_vulkan__product;

/* Bindings from 4 on and CODED_MORE of its shaders, for weights from row `first` on. */
void nyx_vulkan__bind_product(nyx_vulkan__work *work, const nyx_vulkan__emit *e, const nyx_vulkan__product *p,
                              int64_t first);

/* What a product asks of a kernel for rows of bytes (`integers`) or of f32, few or many; false: it has others. */
bool nyx_vulkan__coded_asks(nyx_tune_problem *out, const nyx_vulkan__tunable *kernel, bool integers, bool few,
                            const nyx_graph *g, const nyx_node *node);
/* Constants of products of few rows: invocations of a workgroup, columns that it makes. `unit`: columns of
 * the weights that an invocation takes at once. */
void nyx_vulkan__few_usual(nyx_genome *out, const nyx_tune_problem *problem, int64_t unit);
bool nyx_vulkan__few_seed(nyx_genome *out, nyx_vulkan__gpu *gpu, const nyx_tune_problem *problem, int64_t index);
bool nyx_vulkan__few_fits(nyx_vulkan__gpu *gpu, const nyx_tune_problem *problem, const nyx_genome *genome);

/* Code the rows of x in 8 bits, in the node's workspace: one scale for 32 columns, or for a row.
 * x is then what was coded. */
void nyx_vulkan__emit_bytes(nyx_vulkan__emit *e, nyx_vulkan__product *p, bool row);
/* The shader that multiplies integers on this device: "integer_dots" or "integer_tiles", or what does
 * without dot products of bytes. */
const char *nyx_vulkan__integer_shader(const nyx_vulkan__gpu *gpu, bool tiles);

/* Do matrix units multiply `rows` with these weights, and by what tile? Known to be right then. */
bool nyx_vulkan__units_take(nyx_genome *out, nyx_vulkan__emit *e, const nyx_vulkan__planes *coded, int64_t rows);
/* All weights, times rows of x. */
void nyx_vulkan__emit_units(nyx_vulkan__emit *e, const nyx_vulkan__planes *coded, nyx_vulkan__product *p,
                            const nyx_genome *tile);

#endif
