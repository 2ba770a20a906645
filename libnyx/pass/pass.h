/* pass -- functions from graph to graph, and the plan that comes last. */
#ifndef NYX_PASS_H
#define NYX_PASS_H

#include "graph/inference.h"

/* Append the backward graph of the scalar `loss`. grads[i] becomes the
 * gradient of values wrt[i], or 0 where none reaches it. Several uses are
 * summed in reverse node order, so the sum has one fixed order. */
int nyx_pass_gradient(nyx_graph *g, nyx_value loss, int count, const nyx_value *wrt, nyx_value *grads) NYX_CHECKED;
/* Is it of the backward graph? What passes add there has a path that begins so. */
bool nyx_pass_is_backward(const nyx_node *node);

/* Let every matmul_coded whose weights allow it see its rows coded in 8 bits
 * (graph/inference.h). Results differ; the graph's dump, and so the program's
 * digest, says so. USAGE where there are products and none allows it. */
int nyx_pass_activations(nyx_graph *g, enum nyx_activations how) NYX_CHECKED;

/* Give every matmul operands of `dtype`, f16 or bf16, and keep what gates and
 * attention read and what the backward graph reads of the forward one (values of
 * two axes and more, but those that only losses read) in that type; whoever reads such a value sees it rounded.
 * Variables, sums, statistics of norms and softmax, and losses stay real.
 * Behind the gradient; evaluation is not touched. Only cast is added. */
int nyx_pass_precision(nyx_graph *g, enum nyx_dtype dtype) NYX_CHECKED;

/* Compute again what the backward graph reads of the forward one instead of
 * keeping it: cuts are put where the fewest bytes are held. No bit of a result
 * changes. Without a backward graph nothing does. */
int nyx_pass_recompute(nyx_graph *g) NYX_CHECKED;

/* Which operands of a node a device reads and writes in 16 bits beside real: bit
 * i of input i, bit NYX_MAX_INPUTS + i of output i; any of them, of one type. */
typedef uint32_t (*nyx_halves)(const void *context, const nyx_graph *g, const nyx_node *node);
/* Let operations read and write 16 bits where casts stand between them, as far as
 * the device does. No bit of a result changes, unless the device then has other
 * kernels (attention by matrix units rounds its weights). Behind all others but the
 * plan. */
int nyx_pass_fuse(nyx_graph *g, nyx_halves halves, const void *context) NYX_CHECKED;

/* ---- passes to choose from --------------------------------------------------- */

/* A pass that a training program may have or not. Whoever looks for what fits
 * or is fast loops over this table, so another pass joins by its row. */
enum { NYX_PASS_PRECISION, NYX_PASS_RECOMPUTE, NYX_PASS_COUNT };
typedef struct {
    const char        *name, *help;
    const char *const *choices;  /* ends with NULL; the first leaves the graph alone, later ones need
                                    less memory and more operations */
    int              (*run)(nyx_graph *g, int choice); /* behind the gradient */
} nyx_pass_row;
typedef struct { int choice[NYX_PASS_COUNT]; } nyx_passes; /* all 0: no pass */

const nyx_pass_row *nyx_pass_table(int index);
int                 nyx_pass_choices(int index); /* how many */
int                 nyx_pass_apply(nyx_graph *g, const nyx_passes *passes) NYX_CHECKED;
/* The type of operands of products: of `precision`. */
enum nyx_dtype      nyx_passes_dtype(const nyx_passes *passes);
/* Set what "NAME=CHOICE,..." names. USAGE. */
int                 nyx_passes_parse(nyx_passes *passes, const char *text) NYX_CHECKED;

/* ---- plan ---------------------------------------------------------------------- */

/* Where a value lives while a program runs. */
enum nyx_place { NYX_PLACE_NONE, NYX_PLACE_ARENA, NYX_PLACE_VARIABLE };
typedef struct {
    enum nyx_place place;
    int            variable; /* NYX_PLACE_VARIABLE                       */
    int64_t        offset;   /* NYX_PLACE_ARENA: bytes, a multiple of 64 */
} nyx_location;

typedef struct {
    int           value_count;
    nyx_location *values;      /* by value id                            */
    int64_t       arena_bytes; /* exact size of the arena                */
    bool         *elided;      /* by node: an assign computed in place   */
} nyx_plan;

/* Liveness of every value, then offsets in one arena: values that live at the
 * same time never overlap, others share memory; so do an operation's first
 * input and output where the table allows it. An assigned value whose variable
 * is not read at or after its producer is computed in place. Offsets are
 * multiples of `alignment`, a power of two. */
int  nyx_pass_plan(nyx_plan *out, const nyx_graph *g, int64_t alignment) NYX_CHECKED;
void nyx_plan_release(nyx_plan *plan);

#endif
