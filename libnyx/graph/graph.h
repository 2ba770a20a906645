/* graph -- what to compute: values, variables, the operation table.
 *
 * A graph is built once, changed by passes, compiled and run by a device. It computes nothing.
 *
 *     nyx_graph *g;
 *     nyx_graph_create(&g, NYX_F32);
 *     nyx_value w = nyx_graph_variable(g, "w", NYX_F32, nyx_shape_of(2, 8, 4), NYX_ROLE_PARAMETER);
 *     nyx_value y = nyx_graph_matmul(g, x, w, 0, NYX_MATMUL_NT);
 *     nyx_graph_assign(g, "y", NYX_ROLE_OUTPUT, y);
 *     if ((status = nyx_graph_check(g)) < 0) ...        the first error, if any
 *     nyx_graph_free(g);
 *
 * Values are immutable ids; 0 is no value. A variable lives in a store; a program reads its
 * old contents and writes it at most once, after all reads. Builder calls never fail one by
 * one: the first error sticks and later calls return 0.
 *
 * Shapes are constants. `real` is the type of real values: f32, or f64 when a test wants the
 * float64 reference. f16 and bf16 are what cast makes and reshape, stop, cast, matmul and assign
 * take; others from nyx_pass_fuse alone (`half_inputs`). Integers and truth values are i32.
 */
#ifndef NYX_GRAPH_H
#define NYX_GRAPH_H

#include "quant/quant.h"

typedef uint32_t         nyx_value;
typedef struct nyx_graph nyx_graph;

enum nyx_role {
    NYX_ROLE_PARAMETER, /* trained, saved in a model file             */
    NYX_ROLE_CONSTANT,  /* saved in a model file, never trained       */
    NYX_ROLE_GRADIENT,  /* accumulator                                */
    NYX_ROLE_MOMENT,    /* optimizer state, EMA copies                */
    NYX_ROLE_CARRY,     /* lives from step to step: ACT carry, cache  */
    NYX_ROLE_INPUT,     /* written by the host before a run           */
    NYX_ROLE_OUTPUT,    /* read by the host after a run               */
    NYX_ROLE_COUNT
};

/* Every operation; rows of the table carry the same names in lower case. */
enum nyx_op {
    NYX_OP_NONE, NYX_OP_VARIABLE, NYX_OP_FILL, NYX_OP_RANDOM, NYX_OP_ROPE_TABLE,
    NYX_OP_RESHAPE, NYX_OP_STOP, NYX_OP_CAST,
    NYX_OP_ADD, NYX_OP_SUB, NYX_OP_MUL, NYX_OP_DIV, NYX_OP_MIN, NYX_OP_MAX,
    NYX_OP_AFFINE, NYX_OP_SQRT, NYX_OP_SIGMOID, NYX_OP_COMPARE, NYX_OP_SELECT,
    NYX_OP_REDUCE, NYX_OP_ARGMAX, NYX_OP_SLICE, NYX_OP_PAD, NYX_OP_CONCAT,
    NYX_OP_EMBEDDING, NYX_OP_EMBEDDING_GRAD,
    NYX_OP_MATMUL, NYX_OP_RMSNORM, NYX_OP_RMSNORM_GRAD, NYX_OP_LAYERNORM, NYX_OP_LAYERNORM_GRAD, NYX_OP_ROPE,
    NYX_OP_ATTENTION, NYX_OP_ATTENTION_GRAD, NYX_OP_SWIGLU, NYX_OP_SWIGLU_GRAD, NYX_OP_GELU, NYX_OP_GELU_GRAD,
    NYX_OP_CROSS_ENTROPY, NYX_OP_CROSS_ENTROPY_GRAD, NYX_OP_BCE, NYX_OP_ASSIGN,
    NYX_OP_ADAM_ATAN2, NYX_OP_ADAMW, NYX_OP_SIGN_SGD, NYX_OP_EMA, NYX_OP_CACHE_WRITE,
    NYX_OP_DECODE, NYX_OP_EMBEDDING_CODED, NYX_OP_MATMUL_CODED, NYX_OP_ATTENTION_CACHED,
    NYX_OP_COUNT
};

enum { NYX_MAX_INPUTS = 6, NYX_MAX_OUTPUTS = 2, NYX_MAX_WRITES = 3, NYX_MAX_INTS = 5, NYX_MAX_REALS = 3 };

/* ---- reading a graph ------------------------------------------------------ */

typedef struct {
    const char    *name;
    enum nyx_dtype dtype;
    nyx_shape      shape;
    enum nyx_role  role;
    bool           per_micro; /* one copy for each micro-batch of a step */
} nyx_variable;

typedef struct {
    enum nyx_op op;
    int         input_count, output_count, write_count;
    nyx_value   inputs[NYX_MAX_INPUTS]; /* 0: an optional input that is absent */
    nyx_value   outputs[NYX_MAX_OUTPUTS];
    int         writes[NYX_MAX_WRITES]; /* variables written in place          */
    int64_t     ints[NYX_MAX_INTS];     /* attributes; names in the op table   */
    double      reals[NYX_MAX_REALS];
    nyx_shape   shape;                  /* asked for: fill, random, reshape .. */
    uint32_t    stream;                 /* random numbers: the call path       */
    const char *path;                   /* "L/0/attention": dumps and traces   */
} nyx_node;

typedef struct { double flops, bytes; } nyx_cost;

/* One row of the operation table. */
typedef struct {
    const char *name;
    const char *int_names[NYX_MAX_INTS];
    const char *real_names[NYX_MAX_REALS];
    int         inputs_least, inputs_most, outputs;
    bool        alias;  /* the output is the first input's memory          */
    bool        in_place; /* kernels take an output that lies on the first input, of its size */
    bool        narrow; /* takes f16 and bf16                              */
    uint8_t     half_inputs, half_outputs; /* bit i: takes them from nyx_pass_fuse */
    double      error;  /* c in |y - y64| <= c eps sum|terms|, measured    */

    /* Check inputs and attributes, set dtype and shape of the outputs. */
    int (*shape)(nyx_graph *g, const nyx_node *node, enum nyx_dtype dtype[NYX_MAX_OUTPUTS],
                 nyx_shape shape[NYX_MAX_OUTPUTS]);
    /* dout: gradient of each output or 0. Set din (0: none). NULL: the
     * operation stops gradients. */
    void (*gradient)(nyx_graph *g, const nyx_node *node, const nyx_value *dout, nyx_value *din);
    double (*flops)(const nyx_graph *g, const nyx_node *node); /* NULL: one a result element */
} nyx_op_row;

const nyx_op_row *nyx_op_table(enum nyx_op op);

int  nyx_graph_create(nyx_graph **out, enum nyx_dtype real) NYX_CHECKED;
void nyx_graph_free(nyx_graph *g);
/* The first error of the builder, then the verifier: types, shapes, every use
 * after its definition, variables written once and not read afterwards. */
int nyx_graph_check(nyx_graph *g) NYX_CHECKED;
int nyx_graph_prune(nyx_graph *g) NYX_CHECKED; /* drop nodes whose results reach no variable; value ids stay */
/* One line a node; *out ends with nyx_free. Equal graphs give equal text. */
int nyx_graph_dump(char **out, const nyx_graph *g) NYX_CHECKED;

enum nyx_dtype      nyx_graph_real(const nyx_graph *g);
int                 nyx_graph_node_count(const nyx_graph *g);
const nyx_node     *nyx_graph_node(const nyx_graph *g, int index); /* in order of execution */
int                 nyx_graph_value_count(const nyx_graph *g);     /* ids are below it */
enum nyx_dtype      nyx_value_dtype(const nyx_graph *g, nyx_value v);
const nyx_shape    *nyx_value_shape(const nyx_graph *g, nyx_value v);
int64_t             nyx_value_elems(const nyx_graph *g, nyx_value v);
int64_t             nyx_value_bytes(const nyx_graph *g, nyx_value v);
int                 nyx_value_node(const nyx_graph *g, nyx_value v); /* its producer; -1 when pruned */
int                 nyx_graph_variable_count(const nyx_graph *g);
const nyx_variable *nyx_graph_variable_at(const nyx_graph *g, int index);
int                 nyx_graph_variable_find(const nyx_graph *g, const char *name); /* -1: none */
int64_t             nyx_variable_bytes(const nyx_variable *variable); /* of one copy */
nyx_cost            nyx_node_cost(const nyx_graph *g, const nyx_node *node);

/* ---- building ---------------------------------------------------------------- */

/* Names of the call path, for random streams and dumps. */
void nyx_graph_push(nyx_graph *g, const char *name);
void nyx_graph_pop(nyx_graph *g);
/* Record an error found by the caller (a model builder). */
void nyx_graph_fail(nyx_graph *g, int code, const char *fmt, ...) NYX_PRINTF(3, 4);

/* Old contents of a variable; the same id for the same name. */
nyx_value nyx_graph_variable(nyx_graph *g, const char *name, enum nyx_dtype dtype, nyx_shape shape,
                             enum nyx_role role);
/* The same, one copy a micro-batch; and for programs that run once a step: all
 * copies, one behind the other along the first axis; copy k is read as NAME#k. */
nyx_value nyx_graph_variable_micro(nyx_graph *g, const char *name, enum nyx_dtype dtype, nyx_shape shape,
                                   enum nyx_role role);
nyx_value nyx_graph_variable_copies(nyx_graph *g, const char *name, enum nyx_dtype dtype, nyx_shape shape,
                                    enum nyx_role role, int64_t copies);
/* Write `v` to a variable, made when the graph has none of that name. */
void nyx_graph_assign(nyx_graph *g, const char *name, enum nyx_role role, nyx_value v);
void nyx_graph_assign_micro(nyx_graph *g, const char *name, enum nyx_role role, nyx_value v);

nyx_value nyx_graph_fill(nyx_graph *g, enum nyx_dtype dtype, nyx_shape shape, double number);
/* Uniform on [0, 1), 24 bits: Philox, key = seed, counter = (element, step x
 * micro-batches + micro, stream). */
nyx_value nyx_graph_random(nyx_graph *g, nyx_shape shape);

nyx_value nyx_graph_reshape(nyx_graph *g, nyx_value x, nyx_shape shape);
nyx_value nyx_graph_stop(nyx_graph *g, nyx_value x); /* no gradient passes */
/* real -> i32 truncates, real -> f16, bf16 rounds to nearest even; and back. */
nyx_value nyx_graph_cast(nyx_graph *g, nyx_value x, enum nyx_dtype dtype);

/* Elementwise, real or i32. b has a's shape, or is one number, or the shape
 * of a's last axes ([D] on [B, S, D]), or of its first ([B] on [B, S, D]);
 * where both would fit, the last axes win. min and max have no gradient. */
nyx_value nyx_graph_add(nyx_graph *g, nyx_value a, nyx_value b);
nyx_value nyx_graph_sub(nyx_graph *g, nyx_value a, nyx_value b);
nyx_value nyx_graph_mul(nyx_graph *g, nyx_value a, nyx_value b);
nyx_value nyx_graph_div(nyx_graph *g, nyx_value a, nyx_value b);
nyx_value nyx_graph_min(nyx_graph *g, nyx_value a, nyx_value b);
nyx_value nyx_graph_max(nyx_graph *g, nyx_value a, nyx_value b);
nyx_value nyx_graph_affine(nyx_graph *g, nyx_value x, double scale, double shift); /* real: scale x + shift */
nyx_value nyx_graph_sqrt(nyx_graph *g, nyx_value x);
nyx_value nyx_graph_sigmoid(nyx_graph *g, nyx_value x);

enum nyx_comparison { NYX_EQUAL, NYX_GREATER, NYX_GREATER_EQUAL };
nyx_value nyx_graph_compare(nyx_graph *g, enum nyx_comparison how, nyx_value a, nyx_value b); /* i32 0 or 1 */
/* mask != 0 ? a : b. mask i32 has b's shape or its first axes'; a has b's
 * shape or its last axes'; b has the result's shape. */
nyx_value nyx_graph_select(nyx_graph *g, nyx_value mask, nyx_value a, nyx_value b);

/* Over the last `axes` axes, or the first when `leading`: [B, S, D] -> [B, S]. */
enum nyx_reduction { NYX_SUM, NYX_MEAN, NYX_LARGEST, NYX_SMALLEST, NYX_SUM_SQUARES };
nyx_value nyx_graph_reduce(nyx_graph *g, enum nyx_reduction how, nyx_value x, int axes, bool leading);
nyx_value nyx_graph_argmax(nyx_graph *g, nyx_value x); /* [.., V] -> i32 [..]; the first of equals */

nyx_value nyx_graph_slice(nyx_graph *g, nyx_value x, int axis, int64_t start, int64_t length);
nyx_value nyx_graph_pad(nyx_graph *g, nyx_value x, int axis, int64_t before, int64_t after); /* zeros */
nyx_value nyx_graph_concat(nyx_graph *g, nyx_value a, nyx_value b, int axis);

/* Rows of table [V, D] by ids i32 [..] -> [.., D]. */
nyx_value nyx_graph_embedding(nyx_graph *g, nyx_value table, nyx_value ids);

/* Rows of x are all its axes but the last. NT: [R, K] [N, K] -> [R, N] (a
 * linear layer, bias [N] or 0). NN: [R, N] [N, K] -> [R, K]. TN: [R, N] [R, K]
 * -> [N, K]. x and w both real, both f16 or both bf16; all else is real. */
enum nyx_matmul_mode { NYX_MATMUL_NT, NYX_MATMUL_NN, NYX_MATMUL_TN };
nyx_value nyx_graph_matmul(nyx_graph *g, nyx_value x, nyx_value w, nyx_value bias, enum nyx_matmul_mode mode);

/* y = t / sqrt(mean(t^2) + epsilon), t = x + residual (0: none), over the last
 * axis. Second output: 1 / sqrt(..), one a row. Zhang & Sennrich 2019. */
nyx_value nyx_graph_rmsnorm(nyx_graph *g, nyx_value x, nyx_value residual, double epsilon);
/* y = (x - mean(x)) / sqrt(variance(x) + epsilon) over the last axis, without
 * gain and bias. Second output as rmsnorm's. Ba et al. 2016. */
nyx_value nyx_graph_layernorm(nyx_graph *g, nyx_value x, double epsilon);

/* [positions, width]: cos of position * theta^(-2i/width), i < width/2; then sin. */
nyx_value nyx_graph_rope_table(nyx_graph *g, int64_t positions, int64_t width, double theta);
/* Rotate the first `heads` heads of x [B, S, H width] in the half-split
 * pairing (i, i + width/2); the rest is copied. Su et al. 2021. */
nyx_value nyx_graph_rope(nyx_graph *g, nyx_value x, nyx_value table, int64_t heads, bool inverse);

/* softmax(Q K^T / sqrt(d)) V for each head. x [B, S, (heads + 2 kv_heads) d]:
 * query heads, key heads, value heads. -> [B, S, heads d]; second output the
 * log-sum-exp [B, heads, S]. */
nyx_value nyx_graph_attention(nyx_graph *g, nyx_value x, int64_t heads, int64_t kv_heads, bool causal);
/* x [.., 2I] = gate, up -> silu(gate) * up [.., I]. Shazeer 2020. */
nyx_value nyx_graph_swiglu(nyx_graph *g, nyx_value x);
/* x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))). Hendrycks & Gimpel 2016. */
nyx_value nyx_graph_gelu(nyx_graph *g, nyx_value x);

/* -log p of labels i32 [..] under logits [.., V]; 0 where label == ignore.
 * Sums in float64. Stablemax: s(x) = x + 1 for x >= 0, 1 / (1 - x + 1e-30)
 * below (arXiv:2501.04697). */
enum nyx_probability { NYX_SOFTMAX, NYX_STABLEMAX };
nyx_value nyx_graph_cross_entropy(nyx_graph *g, nyx_value logits, nyx_value labels, enum nyx_probability how,
                                  int64_t ignore);
/* Binary cross-entropy with logits, elementwise; no gradient to the target. */
nyx_value nyx_graph_bce(nyx_graph *g, nyx_value logits, nyx_value target);

/* Steps write their variables in place. `scalars` real [4] = decay, rate,
 * second, spare come from the host; `scale` [] multiplies the gradient: when
 * it is not finite nothing is written.
 *   adam_atan2  m = b1 m + (1-b1) g; v = b2 v + (1-b2) g^2;
 *               p = decay p - rate atan2(m, sqrt(v) second)
 *   adamw       p = decay p - rate m / (sqrt(v) second + epsilon)
 *   sign_sgd    for each distinct id in ids [N]: G = sum of its rows of grad
 *               [N, D]; row = decay row - rate sign(G); others do not move
 *   ema         e = beta e + (1 - beta) p */
void nyx_graph_adam_atan2(nyx_graph *g, nyx_value p, nyx_value grad, nyx_value m, nyx_value v, nyx_value scalars,
                          nyx_value scale, double beta1, double beta2);
void nyx_graph_adamw(nyx_graph *g, nyx_value p, nyx_value grad, nyx_value m, nyx_value v, nyx_value scalars,
                     nyx_value scale, double beta1, double beta2, double epsilon);
void nyx_graph_sign_sgd(nyx_graph *g, nyx_value table, nyx_value ids, nyx_value grad, nyx_value scalars,
                        nyx_value scale);
void nyx_graph_ema(nyx_graph *g, nyx_value e, nyx_value p, double beta);

/* Append a node by its table row: what the functions above, gradient rules
 * and passes call. Returns the first output; a second one has the next id. */
nyx_value nyx_graph_node_add(nyx_graph *g, const nyx_node *node);

#endif
