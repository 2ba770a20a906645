/* isa -- what the sources of this folder share: names that differ between
 * instruction sets, splitting of work, and the kernels of the table. */
#ifndef NYX_CPU_ISA_H
#define NYX_CPU_ISA_H

#include "device/cpu/cpu.h"

#define NYX_ISA_PASTE_(name, isa) name##_##isa
#define NYX_ISA_PASTE(name, isa)  NYX_ISA_PASTE_(name, isa)
/* nyx_cpu__matmul -> nyx_cpu__matmul_avx2 */
#define NYX_ISA_NAME(name)        NYX_ISA_PASTE(name, NYX_ISA)

/* The kernels: operation, name, variant, workspace rule, which nodes it takes
 * (NULL: all of a graph whose reals are f32). The first that takes a node runs it. */
#define NYX_ISA_KERNELS(K)                                                                             \
    K(FILL, fill, "plain", NULL, NULL)                                                                 \
    K(RANDOM, random, "plain", NULL, NULL)                                                             \
    K(ROPE_TABLE, rope_table, "plain", NULL, NULL)                                                     \
    K(CAST, cast, "plain", NULL, NULL)                                                                 \
    K(ADD, add, "plain", NULL, NULL)                                                                   \
    K(SUB, sub, "plain", NULL, NULL)                                                                   \
    K(MUL, mul, "plain", NULL, NULL)                                                                   \
    K(DIV, div, "plain", NULL, all_f32)                                                                \
    K(MIN, min, "plain", NULL, NULL)                                                                   \
    K(MAX, max, "plain", NULL, NULL)                                                                   \
    K(AFFINE, affine, "plain", NULL, NULL)                                                             \
    K(SQRT, sqrt, "plain", NULL, NULL)                                                                 \
    K(SIGMOID, sigmoid, "plain", NULL, NULL)                                                           \
    K(COMPARE, compare, "plain", NULL, NULL)                                                           \
    K(SELECT, select, "plain", NULL, NULL)                                                             \
    K(REDUCE, reduce, "blocks", NYX_ISA_NAME(nyx_cpu__reduce_workspace), all_f32)                      \
    K(ARGMAX, argmax, "plain", NULL, all_f32)                                                          \
    K(SLICE, slice, "plain", NULL, NULL)                                                               \
    K(PAD, pad, "plain", NULL, NULL)                                                                   \
    K(CONCAT, concat, "plain", NULL, NULL)                                                             \
    K(EMBEDDING, embedding, "plain", NULL, NULL)                                                       \
    K(EMBEDDING_GRAD, embedding_grad, "plain", NULL, NULL)                                             \
    K(MATMUL, matmul_amx, "amx", NYX_ISA_NAME(nyx_cpu__matmul_amx_workspace), NYX_ISA_NAME(nyx_cpu__matmul_amx_takes)) \
    K(MATMUL, matmul, "packed", NYX_ISA_NAME(nyx_cpu__matmul_workspace), NULL)                         \
    K(RMSNORM, rmsnorm, "lanes", NULL, NULL)                                                           \
    K(RMSNORM_GRAD, rmsnorm_grad, "lanes", NULL, NULL)                                                 \
    K(LAYERNORM, layernorm, "lanes", NULL, NULL)                                                       \
    K(LAYERNORM_GRAD, layernorm_grad, "lanes", NULL, NULL)                                             \
    K(ROPE, rope, "plain", NULL, NULL)                                                                 \
    K(ATTENTION, attention, "rows", NYX_ISA_NAME(nyx_cpu__attention_workspace), NULL)                  \
    K(ATTENTION_GRAD, attention_grad, "heads", NYX_ISA_NAME(nyx_cpu__attention_grad_workspace), NULL)  \
    K(SWIGLU, swiglu, "plain", NULL, NULL)                                                             \
    K(SWIGLU_GRAD, swiglu_grad, "plain", NULL, NULL)                                                   \
    K(GELU, gelu, "plain", NULL, NULL)                                                                 \
    K(GELU_GRAD, gelu_grad, "plain", NULL, NULL)                                                       \
    K(CROSS_ENTROPY, cross_entropy, "lanes", NULL, NULL)                                               \
    K(CROSS_ENTROPY_GRAD, cross_entropy_grad, "lanes", NULL, NULL)                                     \
    K(BCE, bce, "plain", NULL, NULL)                                                                   \
    K(DECODE, decode, "rows", NULL, NULL)                                                              \
    K(EMBEDDING_CODED, embedding_coded, "rows", NULL, NULL)                                            \
    K(MATMUL_CODED, matmul_coded, "units", NYX_ISA_NAME(nyx_cpu__matmul_coded_workspace), NULL)        \
    K(ATTENTION_CACHED, attention_cached, "queries", NYX_ISA_NAME(nyx_cpu__attention_cached_workspace), NULL) \
    K(CACHE_WRITE, cache_write, "plain", NULL, NULL)                                                   \
    K(ASSIGN, assign, "plain", NULL, NULL)                                                             \
    K(ADAM_ATAN2, adam_atan2, "plain", NULL, NULL)                                                     \
    K(ADAMW, adamw, "plain", NULL, NULL)                                                               \
    K(SIGN_SGD, sign_sgd, "plain", NULL, NULL)                                                         \
    K(EMA, ema, "plain", NULL, NULL)

#define NYX_ISA_DECLARE(op, name, variant, workspace, takes) \
    void NYX_ISA_NAME(nyx_cpu__##name)(const nyx_call *call, int part, int parts);
NYX_ISA_KERNELS(NYX_ISA_DECLARE)
#undef NYX_ISA_DECLARE

int64_t NYX_ISA_NAME(nyx_cpu__matmul_workspace)(const nyx_graph *g, const nyx_node *node, int parts);
int64_t NYX_ISA_NAME(nyx_cpu__matmul_amx_workspace)(const nyx_graph *g, const nyx_node *node, int parts);
bool    NYX_ISA_NAME(nyx_cpu__matmul_amx_takes)(const nyx_graph *g, const nyx_node *node);
int64_t NYX_ISA_NAME(nyx_cpu__reduce_workspace)(const nyx_graph *g, const nyx_node *node, int parts);
int64_t NYX_ISA_NAME(nyx_cpu__attention_workspace)(const nyx_graph *g, const nyx_node *node, int parts);
int64_t NYX_ISA_NAME(nyx_cpu__attention_cached_workspace)(const nyx_graph *g, const nyx_node *node, int parts);
int64_t NYX_ISA_NAME(nyx_cpu__matmul_coded_workspace)(const nyx_graph *g, const nyx_node *node, int parts);
int64_t NYX_ISA_NAME(nyx_cpu__attention_grad_workspace)(const nyx_graph *g, const nyx_node *node, int parts);

/* Extent of the last axis; 1 for a single number. */
static inline int64_t nyx_isa_width(const nyx_shape *shape)
{
    return shape->rank > 0 ? shape->dims[shape->rank - 1] : 1;
}

#endif
