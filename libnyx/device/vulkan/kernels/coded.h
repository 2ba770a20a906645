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

/* What one product multiplies: rows of x, all weights. */
typedef struct {
    nyx_vulkan__range x, steps, y; /* steps of 0 bytes: x is f32; else packed_activation.comp made both */
    int64_t           rows, all, columns, terms; /* all: rows of all such pieces */
    bool              bias;
} nyx_vulkan__product;

/* Code the rows of x in 8 bits, in the node's workspace: one scale for 32 columns, or for a row.
 * x is then what was coded, with room for `least` rows or more. */
void nyx_vulkan__emit_bytes(nyx_vulkan__emit *e, nyx_vulkan__product *p, bool row, int64_t least);

/* Do matrix units multiply `rows` with these weights, and by what tile? Known to be right then. */
bool nyx_vulkan__units_take(nyx_genome *out, nyx_vulkan__emit *e, const nyx_vulkan__planes *coded, int64_t rows);
/* All weights, times rows of x. */
void nyx_vulkan__emit_units(nyx_vulkan__emit *e, const nyx_vulkan__planes *coded, nyx_vulkan__product *p,
                            const nyx_genome *tile);

#endif
