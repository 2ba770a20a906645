/* pass -- functions from graph to graph, and the plan that comes last. */
#ifndef NYX_PASS_H
#define NYX_PASS_H

#include "graph/graph.h"

/* Append the backward graph of the scalar `loss`. grads[i] becomes the
 * gradient of values wrt[i], or 0 where none reaches it. Several uses are
 * summed in reverse node order, so the sum has one fixed order. */
int nyx_pass_gradient(nyx_graph *g, nyx_value loss, int count, const nyx_value *wrt, nyx_value *grads) NYX_CHECKED;

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
 * same time never overlap, others share memory. An assigned value whose
 * variable is not read at or after its producer is computed in place. */
int  nyx_pass_plan(nyx_plan *out, const nyx_graph *g) NYX_CHECKED;
void nyx_plan_release(nyx_plan *plan);

#endif
