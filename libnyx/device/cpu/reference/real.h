/* reference/real -- the type `real`, its functions, and the list of kernels.
 *
 * Every file of this folder is compiled twice: with NYX_REFERENCE_F64=0 `real`
 * is float and its functions are ours (tensor/math.h); with =1 it is double
 * and they are libm's, so that the float64 reference checks our polynomials
 * instead of sharing them.
 *
 * A kernel is one plain loop on part 0, with sums in index order and in the
 * type of the operands; only cross entropy sums in float64 (graph.h). An id or
 * a label that is out of range gives NaN, never a wild access.
 */
#ifndef NYX_REFERENCE_REAL_H
#define NYX_REFERENCE_REAL_H

#include "device/cpu/cpu.h"
#include "tensor/float.h"

#include <math.h>
#include <string.h>

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

#if NYX_REFERENCE_F64
typedef double real;
#define NYX_REFERENCE_DTYPE    NYX_F64
#define NYX_REFERENCE(name)    nyx_reference__##name##_f64
#define real_sqrt(x)           sqrt(x)
#define real_exp(x)            exp(x)
#define real_atan2(y, x)       atan2(y, x)
#define real_sigmoid(x)        (1.0 / (1.0 + exp(-(x))))
/* float64 in both builds: cross entropy, its log and the rope table */
#define wide_exp(x)            exp(x)
#define wide_log(x)            log(x)
#define wide_log1p(x)          log1p(x)
#define wide_sin(x)            sin(x)
#define wide_cos(x)            cos(x)
#define wide_pow(x, y)         pow(x, y)
#else
typedef float real;
#define NYX_REFERENCE_DTYPE    NYX_F32
#define NYX_REFERENCE(name)    nyx_reference__##name##_f32
#define real_sqrt(x)           nyx_sqrtf(x)
#define real_exp(x)            nyx_expf(x)
#define real_atan2(y, x)       nyx_atan2f(y, x)
#define real_sigmoid(x)        nyx_sigmoidf(x)
#define wide_exp(x)            nyx_exp64(x)
#define wide_log(x)            nyx_log64(x)
#define wide_log1p(x)          nyx_log1p64(x)
#define wide_sin(x)            nyx_sin64(x)
#define wide_cos(x)            nyx_cos64(x)
#define wide_pow(x, y)         nyx_pow64(x, y)
#endif

/* Extent of the last axis (1 for a scalar), product of axes [from, to). */
static inline int64_t last_extent(const nyx_shape *shape)
{
    return shape->rank > 0 ? shape->dims[shape->rank - 1] : 1;
}

static inline int64_t extent(const nyx_shape *shape, int64_t from, int64_t to)
{
    int64_t product = 1;

    for (int64_t i = from; i < to; i++)
        product *= shape->dims[i];
    return product;
}

/* Whether |x| is below infinity. */
static inline bool real_is_finite(real x)
{
    return x - x == 0;
}

/* Element i of real, f16 or bf16 data. */
static inline real real_at(enum nyx_dtype dtype, const void *data, int64_t i)
{
    if (dtype == NYX_F16)
        return (real)nyx_float_decode(NYX_RULE_F16, ((const uint16_t *)data)[i]);
    if (dtype == NYX_BF16)
        return (real)nyx_float_decode(NYX_RULE_BF16, ((const uint16_t *)data)[i]);
    return ((const real *)data)[i];
}

/* x in f32 for a second rounding: where bits are lost, the last one is odd and
 * so stands for them. */
static inline float real_odd(real x)
{
    const float    near = (float)x;
    const uint32_t bits = nyx_f32_bits(near);

    if ((real)near == x || x != x || near - near != 0.0f)
        return near;
    return nyx_f32_of_bits((((real)near > x) == (x > 0) ? bits - 1 : bits) | 1);
}

/* Every kernel: operation, name of the function, name of its workspace rule. */
#define NYX_REFERENCE_KERNELS(K)                                            \
    K(FILL, fill, NULL)                                                     \
    K(RANDOM, random, NULL)                                                 \
    K(ROPE_TABLE, rope_table, NULL)                                         \
    K(CAST, cast, NULL)                                                     \
    K(ADD, add, NULL)                                                       \
    K(SUB, sub, NULL)                                                       \
    K(MUL, mul, NULL)                                                       \
    K(DIV, div, NULL)                                                       \
    K(MIN, min, NULL)                                                       \
    K(MAX, max, NULL)                                                       \
    K(AFFINE, affine, NULL)                                                 \
    K(SQRT, sqrt, NULL)                                                     \
    K(SIGMOID, sigmoid, NULL)                                               \
    K(COMPARE, compare, NULL)                                               \
    K(SELECT, select, NULL)                                                 \
    K(REDUCE, reduce, NULL)                                                 \
    K(ARGMAX, argmax, NULL)                                                 \
    K(SLICE, slice, NULL)                                                   \
    K(PAD, pad, NULL)                                                       \
    K(CONCAT, concat, NULL)                                                 \
    K(EMBEDDING, embedding, NULL)                                           \
    K(EMBEDDING_GRAD, embedding_grad, NULL)                                 \
    K(MATMUL, matmul, NULL)                                                 \
    K(RMSNORM, rmsnorm, NULL)                                               \
    K(RMSNORM_GRAD, rmsnorm_grad, NULL)                                     \
    K(LAYERNORM, layernorm, NULL)                                           \
    K(LAYERNORM_GRAD, layernorm_grad, NULL)                                 \
    K(ROPE, rope, NULL)                                                     \
    K(ATTENTION, attention, NYX_REFERENCE(attention_workspace))             \
    K(ATTENTION_GRAD, attention_grad, NULL)                                 \
    K(SWIGLU, swiglu, NULL)                                                 \
    K(SWIGLU_GRAD, swiglu_grad, NULL)                                       \
    K(GELU, gelu, NULL)                                                     \
    K(GELU_GRAD, gelu_grad, NULL)                                           \
    K(CROSS_ENTROPY, cross_entropy, NULL)                                   \
    K(CROSS_ENTROPY_GRAD, cross_entropy_grad, NULL)                         \
    K(BCE, bce, NULL)                                                       \
    K(DECODE, decode, NYX_REFERENCE(coded_workspace))                       \
    K(EMBEDDING_CODED, embedding_coded, NYX_REFERENCE(coded_workspace))     \
    K(MATMUL_CODED, matmul_coded, NYX_REFERENCE(matmul_coded_workspace))    \
    K(ATTENTION_CACHED, attention_cached, NYX_REFERENCE(attention_cached_workspace)) \
    K(ASSIGN, assign, NULL)                                                 \
    K(ADAM_ATAN2, adam_atan2, NULL)                                         \
    K(ADAMW, adamw, NULL)                                                   \
    K(SIGN_SGD, sign_sgd, NULL)                                             \
    K(EMA, ema, NULL)                                                       \
    K(CACHE_WRITE, cache_write, NULL)

#define NYX_REFERENCE_DECLARE(op, name, workspace)                          \
    void NYX_REFERENCE(name)(const nyx_call *call, int part, int parts);
NYX_REFERENCE_KERNELS(NYX_REFERENCE_DECLARE)
#undef NYX_REFERENCE_DECLARE

int64_t NYX_REFERENCE(attention_workspace)(const nyx_graph *g, const nyx_node *node, int parts);
int64_t NYX_REFERENCE(attention_cached_workspace)(const nyx_graph *g, const nyx_node *node, int parts);
int64_t NYX_REFERENCE(coded_workspace)(const nyx_graph *g, const nyx_node *node, int parts);
int64_t NYX_REFERENCE(matmul_coded_workspace)(const nyx_graph *g, const nyx_node *node, int parts);

#endif
