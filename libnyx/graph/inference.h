/* graph/inference -- operations for running models rather than training
 * them: weights that stay coded, attention over a key-value cache. No
 * gradients.
 *
 * A coded parameter is read with nyx_graph_coded. What comes back is its value
 * in full precision; nyx_graph_matmul (NT) and nyx_graph_embedding see where
 * it comes from and read the planes themselves, so that as a rule nothing is
 * expanded: the decoding is dropped by nyx_graph_prune.
 */
#ifndef NYX_GRAPH_INFERENCE_H
#define NYX_GRAPH_INFERENCE_H

#include "graph/graph.h"

/* Planes of a coded tensor in a store: NAME.codes, NAME.scales, NAME.zeros u8
 * and NAME.global f32 [1], those that the format has. */
enum nyx_plane { NYX_PLANE_CODES, NYX_PLANE_SCALES, NYX_PLANE_ZEROS, NYX_PLANE_GLOBAL, NYX_PLANE_COUNT };
enum { NYX_PLANE_NAME = 80 };
void nyx_plane_name(char out[NYX_PLANE_NAME], const char *tensor, enum nyx_plane plane);

/* The tensor `name`, coded in `format`, decoded: real [shape]. */
nyx_value nyx_graph_coded(nyx_graph *g, const char *name, const nyx_format *format, nyx_shape shape,
                          enum nyx_role role);

/* Operands of decode, matmul_coded and embedding_coded: planes from input
 * `first` on (absent ones 0), the format in ints, the tensor's shape in shape. */
int nyx_node_coded(const nyx_node *node, nyx_format *format, nyx_layout *layout) NYX_CHECKED;

/* How matmul_coded sees x: as it is, or each row coded in 8 bits first
 * (nyx_activation_round) with a scale for every 32 elements or one for the row,
 * so that integers can be multiplied. That needs weights whose points are whole
 * numbers but for their scale: integers, e2m1. The scale of a row is what
 * LLM.int8 (arXiv:2208.07339) and SmoothQuant (arXiv:2211.10438) call per token:
 * with one scale a row of weights too, both leave the sum of a product. */
enum nyx_activations { NYX_ACTIVATIONS_REAL, NYX_ACTIVATIONS_INT8, NYX_ACTIVATIONS_INT8_ROW };
enum { NYX_INT_ACTIVATIONS = 4 }; /* its place among the attributes, behind the format's */
extern const char *const nyx_activations_names[]; /* "real", "int8", "int8-row", NULL */
enum nyx_activations nyx_activations_find(const char *name); /* of those names */
int64_t nyx_activations_block(enum nyx_activations how, int64_t terms); /* that share a scale; 0: there is none */
enum nyx_activations nyx_node_activations(const nyx_node *node);
bool                 nyx_format_multiplies_int8(const nyx_format *format);
/* Change that of a matmul_coded. INPUT where the weights do not allow it. */
int nyx_graph_activations_set(nyx_graph *g, int node, enum nyx_activations how) NYX_CHECKED;

/* Attention of S new positions of each row over what came before and
 * themselves. x [B, S, (heads + 2 kv_heads) d] as in nyx_graph_attention;
 * keys and values are variables real [B', kv_heads, C, d] holding `past`
 * positions; past i32 [B], rows i32 [B]: which row of the cache each row of x
 * belongs to. Query s sees past + s + 1 positions. -> [B, S, heads d]. A row
 * whose past is negative or leaves fewer than S places free gives NaN. */
nyx_value nyx_graph_attention_cached(nyx_graph *g, nyx_value x, nyx_value keys, nyx_value values, nyx_value past,
                                     nyx_value rows, int64_t heads, int64_t kv_heads);
/* Write the key and value heads of x at positions past ... past + S - 1; the
 * variables' one assignment, after every attention over them. */
void nyx_graph_cache_write(nyx_graph *g, nyx_value x, nyx_value keys, nyx_value values, nyx_value past,
                           nyx_value rows, int64_t heads, int64_t kv_heads);

#endif
