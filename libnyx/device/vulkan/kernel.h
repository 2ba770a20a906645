/* vulkan/kernel -- how a node becomes dispatches of shaders.
 *
 * A kernel is a row: operation, variant, and a function that is called once,
 * when the program is compiled, and emits the node's work:
 *
 *     static void emit_sqrt(nyx_vulkan__emit *e)
 *     {
 *         nyx_vulkan__work work = nyx_vulkan__shader(e, "unary");
 *
 *         nyx_vulkan__spec(&work, NYX_OP_SQRT);            constant_id 1
 *         nyx_vulkan__read_in(&work, e, 0);                binding 0
 *         nyx_vulkan__write_out(&work, e, 0);              binding 1
 *         nyx_vulkan__push(&work, (uint32_t)count);        word 0
 *         nyx_vulkan__groups(&work, groups);
 *         nyx_vulkan__add(e, &work);
 *     }
 *
 * Bindings are numbered in the order of the calls, push words and
 * specialisation constants too; constant 0 is the size of a workgroup (x). A
 * one-dimensional grid may be folded into two: shaders take its index from
 * group_index() of shaders/nyx.glsl and compare it with a bound.
 *
 * Work is done in order of emission; barriers come by themselves, from what
 * each piece says it reads and writes. The same work is replayed at every run,
 * so nothing of it may depend on the run but the parameters (binding of
 * nyx_vulkan__read_parameters: seed, step). Errors stick in `e`.
 *
 * A program's digest holds shaders and their constants, but no push words, grids
 * and pieces, which hang on what can be bound and done in time. Where one of them
 * says how a sum is cut, the kernel names it, once a node: nyx_vulkan__decides.
 */
#ifndef NYX_VULKAN_KERNEL_H
#define NYX_VULKAN_KERNEL_H

#include "device/vulkan/vulkan.h"

/* Bytes of a variable (its slot in the store) or of another block. */
enum { NYX_VULKAN_ARENA = -1, NYX_VULKAN_WORKSPACE = -2, NYX_VULKAN_CONSTANTS = -3, NYX_VULKAN_PARAMETERS = -4 };
typedef struct {
    int     slot;
    int64_t offset, bytes; /* bytes 0: an absent input, an output never used */
} nyx_vulkan__range;

enum nyx_vulkan__work_kind { NYX_VULKAN_DISPATCH, NYX_VULKAN_COPY, NYX_VULKAN_FILL, NYX_VULKAN_HOST /* host.c */ };
typedef struct {
    enum nyx_vulkan__work_kind kind;
    const char        *shader;
    int                pipeline, host;
    const nyx_node    *node;
    int                spec_count, push_count, binding_count;
    uint32_t           spec[NYX_VULKAN_SPECS];
    uint32_t           aside; /* bit i: constant i changes no bit of a result */
    bool               exact; /* it rounds nothing, however it is done: of no account to the digest */
    uint32_t           push[NYX_VULKAN_PUSH];
    nyx_vulkan__range  bindings[NYX_VULKAN_BINDINGS];
    uint32_t           written; /* bit i: binding i is written */
    uint32_t           groups[3];
    nyx_cost           cost;  /* 0: its share of the node's */
    int64_t            parts; /* that its workgroups come in: how many there is time for at once */
} nyx_vulkan__work;

typedef struct {
    nyx_vulkan__gpu  *gpu;
    nyx_program      *program;
    const nyx_graph  *g;
    const nyx_node   *node;
    nyx_vulkan__range in[NYX_MAX_INPUTS], out[NYX_MAX_OUTPUTS];
    nyx_cost          cost;  /* of the node */
    int64_t           first; /* of its work */
    int               status;
} nyx_vulkan__emit;

typedef struct {
    enum nyx_op op;
    const char *variant;
    void      (*emit)(nyx_vulkan__emit *e);
    /* NULL: every node whose values have 4 bytes (planes of coded weights: 1). */
    bool      (*takes)(const nyx_vulkan__gpu *gpu, const nyx_graph *g, const nyx_node *node);
} nyx_vulkan__kernel;

/* Each ends with a row of op NYX_OP_NONE; the list ends with NULL. */
extern const nyx_vulkan__kernel *const nyx_vulkan__kernels[];

/* Operands that a node's kernel takes in 16 bits beside f32, as nyx_halves says it. */
uint32_t nyx_vulkan__halves_of(const nyx_vulkan__gpu *gpu, const nyx_graph *g, const nyx_node *node);

/* ---- emitting ---------------------------------------------------------------------- */

nyx_vulkan__work  nyx_vulkan__shader(const nyx_vulkan__emit *e, const char *name); /* constant 0: gpu->group */
void              nyx_vulkan__spec(nyx_vulkan__work *work, uint32_t value);
void              nyx_vulkan__spec_aside(nyx_vulkan__work *work, uint32_t value); /* not in the digest */
void              nyx_vulkan__decides(nyx_vulkan__emit *e, int64_t value); /* the bits of results */
void              nyx_vulkan__push(nyx_vulkan__work *work, uint32_t word);
void              nyx_vulkan__push_real(nyx_vulkan__work *work, double value); /* as f32 */
void              nyx_vulkan__bind(nyx_vulkan__work *work, nyx_vulkan__range range, bool write);
void              nyx_vulkan__read_in(nyx_vulkan__work *work, const nyx_vulkan__emit *e, int input);
void              nyx_vulkan__write_out(nyx_vulkan__work *work, const nyx_vulkan__emit *e, int output);
void              nyx_vulkan__read_parameters(nyx_vulkan__work *work); /* uint seed low, seed high, random step */
/* A grid of `count` workgroups, or of as many as `elems` need. */
void              nyx_vulkan__groups(nyx_vulkan__work *work, int64_t count);
void              nyx_vulkan__elements(nyx_vulkan__work *work, const nyx_vulkan__emit *e, int64_t elems);
void              nyx_vulkan__grid(nyx_vulkan__work *work, int64_t x, int64_t y, int64_t z);
void              nyx_vulkan__add(nyx_vulkan__emit *e, const nyx_vulkan__work *work);

void              nyx_vulkan__copy(nyx_vulkan__emit *e, nyx_vulkan__range from, nyx_vulkan__range to);
void              nyx_vulkan__fill(nyx_vulkan__emit *e, nyx_vulkan__range to, uint32_t word);
/* Part of a range; `from` is a multiple of 256 bytes wherever a shader binds it. */
nyx_vulkan__range nyx_vulkan__part(nyx_vulkan__range range, int64_t from, int64_t bytes);
/* Scratch memory of this node, at least `bytes`; neighbours have others where there
 * is room, so that they need not wait for each other. */
nyx_vulkan__range nyx_vulkan__workspace(nyx_vulkan__emit *e, int64_t bytes);
/* Bytes that stay the same for the whole program. */
nyx_vulkan__range nyx_vulkan__constant(nyx_vulkan__emit *e, const void *data, int64_t bytes);
/* Say how many turns the loops of one invocation take at most, all together: a
 * driver that ends them early refuses the node: the processor does it. */
void              nyx_vulkan__turns(nyx_vulkan__emit *e, int64_t turns);
void              nyx_vulkan__fail(nyx_vulkan__emit *e, int status, const char *fmt, ...) NYX_PRINTF(3, 4);

/* ---- pieces ------------------------------------------------------------------------ */

/* Tensors larger than a binding, or than a dispatch may take time for, are worked
 * on in pieces of rows:
 *
 *     for (nyx_vulkan__piece p = nyx_vulkan__pieces(e, rows, row_bytes); nyx_vulkan__next(&p);) {
 *         ...
 *         nyx_vulkan__read_piece(&work, e, 0, &p, row_bytes);
 *         nyx_vulkan__push(&work, (uint32_t)p.count);
 *
 * `row_bytes` are those of the operand with the longest rows. */
typedef struct {
    int64_t first, count; /* rows [first, first + count) are this piece's */
    int64_t rows, most;   /* of all pieces, of one */
} nyx_vulkan__piece;

/* How many of `rows`, which share the node's cost, one dispatch does in the time
 * that it may take: all, or a multiple of 128 of them. Each gives what it gives
 * alone, so that time changes no bit. */
int64_t           nyx_vulkan__rows_in_time(const nyx_vulkan__emit *e, int64_t rows);
nyx_vulkan__piece nyx_vulkan__pieces(const nyx_vulkan__emit *e, int64_t rows, int64_t row_bytes);
nyx_vulkan__piece nyx_vulkan__pieces_of(int64_t rows, int64_t most);
bool              nyx_vulkan__next(nyx_vulkan__piece *piece);
/* Where the rows of a piece lie in an operand with rows of `row_bytes`. */
nyx_vulkan__range nyx_vulkan__part_of(nyx_vulkan__range range, const nyx_vulkan__piece *piece, int64_t row_bytes);
void              nyx_vulkan__read_piece(nyx_vulkan__work *work, const nyx_vulkan__emit *e, int input,
                                         const nyx_vulkan__piece *piece, int64_t row_bytes);
void              nyx_vulkan__write_piece(nyx_vulkan__work *work, const nyx_vulkan__emit *e, int output,
                                          const nyx_vulkan__piece *piece, int64_t row_bytes);
/* How many of `rows` one piece has at most: as many as one binding holds, a
 * multiple of 128 or a power of two, so that pieces start at multiples of 256
 * bytes of operands with shorter rows, too. */
int64_t nyx_vulkan__rows_at_once(const nyx_vulkan__emit *e, int64_t rows, int64_t row_bytes);
/* How many of `count` lines fit into a binding of each operand that has them,
 * one of `bytes` and one of `others` a line (0: none). Pieces start at multiples
 * of 256 bytes and of `step`, a power of two. What never fits is left whole, and
 * refused when it is bound. */
int64_t nyx_vulkan__lines_at_once(const nyx_vulkan__gpu *gpu, int64_t count, int64_t step, int64_t bytes,
                                  int64_t others);

/* Shapes: extents of a node's operands. */
static inline const nyx_shape *nyx_vulkan__shape_in(const nyx_vulkan__emit *e, int input)
{
    return nyx_value_shape(e->g, e->node->inputs[input]);
}
static inline int64_t nyx_vulkan__elems_in(const nyx_vulkan__emit *e, int input)
{
    return e->node->inputs[input] ? nyx_value_elems(e->g, e->node->inputs[input]) : 0;
}
static inline int64_t nyx_vulkan__elems_out(const nyx_vulkan__emit *e, int output)
{
    return nyx_value_elems(e->g, e->node->outputs[output]);
}
/* Bytes of one of its elements. */
static inline int64_t nyx_vulkan__size_in(const nyx_vulkan__emit *e, int input)
{
    return nyx_dtype_bytes(nyx_value_dtype(e->g, e->node->inputs[input]));
}
static inline int64_t nyx_vulkan__size_out(const nyx_vulkan__emit *e, int output)
{
    return nyx_dtype_bytes(nyx_value_dtype(e->g, e->node->outputs[output]));
}
static inline int64_t nyx_vulkan__width(const nyx_shape *shape) /* of the last axis */
{
    return shape->rank > 0 ? shape->dims[shape->rank - 1] : 1;
}

/* Seconds that a submit may take before it disturbs, 0: any time; that work takes,
 * estimated. */
double nyx_vulkan__patience(const nyx_vulkan__gpu *gpu);
double nyx_vulkan__seconds(const nyx_vulkan__gpu *gpu, nyx_cost cost);
int64_t nyx_vulkan__parts_in_time(const nyx_vulkan__gpu *gpu, const nyx_vulkan__work *work);

#endif
