/* rewrite -- how passes change a graph that stands: copies of nodes, other
 * inputs, another order. nyx_graph_check says whether it still holds. */
#ifndef NYX_GRAPH_REWRITE_H
#define NYX_GRAPH_REWRITE_H

#include "graph/graph.h"

/* The same graph again, with the same ids, to be changed by itself; names are
 * those of `g`, which must outlive it. MEMORY. */
int nyx_graph_copy(nyx_graph **out, const nyx_graph *g) NYX_CHECKED;
/* Append a copy of node `index` that reads `inputs` instead of its own; its
 * path begins with `prefix`. It draws the random numbers of the original.
 * Returns the first output, 0 on failure; a second one has the next id. */
nyx_value nyx_graph_clone(nyx_graph *g, int index, const nyx_value *inputs, const char *prefix);
/* Let node `index` read `v`, of the same shape, as its input `i`; of the same
 * type too, unless the operation takes f16 and bf16 there. */
void nyx_graph_input_set(nyx_graph *g, int index, int i, nyx_value v);
/* Let a real value be kept in `dtype`, f16 or bf16, where its operation rounds
 * or hands on; whoever reads it must take that. */
void nyx_graph_halve(nyx_graph *g, nyx_value v, enum nyx_dtype dtype);
/* Node order[i] becomes the i-th; `order` names every node once. MEMORY. */
int nyx_graph_reorder(nyx_graph *g, const int *order) NYX_CHECKED;

#endif
