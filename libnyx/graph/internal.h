/* What the sources of graph/ share. */
#ifndef NYX_GRAPH_INTERNAL_H
#define NYX_GRAPH_INTERNAL_H

#include "graph/graph.h"

typedef struct {
    enum nyx_dtype dtype;
    nyx_shape      shape;
    int            node; /* producer */
} nyx_graph__value;

/* Nodes, values and variables sit in the arena and never move: rules hold
 * pointers to them while they append. */
struct nyx_graph {
    enum nyx_dtype     real;
    int                status;      /* the first error */
    char               error[512];
    nyx_arena          arena;
    nyx_node         **nodes;
    nyx_graph__value **values;      /* [0] is no value */
    nyx_variable     **variables;
    nyx_value         *variable_values;
    int                node_count, value_count, variable_count;
    int                node_room, value_room, variable_room;
    char               path[256];
};

/* Rows of the operation table, by family. */
extern const nyx_op_row nyx_graph__source_rows[], nyx_graph__elementwise_rows[], nyx_graph__layout_rows[],
    nyx_graph__network_rows[], nyx_graph__inference_rows[], nyx_graph__step_rows[];

/* Which inputs and outputs of a row may be kept in 16 bits. */
#define HALVES(inputs, outputs) .half_inputs = inputs, .half_outputs = outputs

/* inference.c, step.c */
int       nyx_graph__cache_write_shape(nyx_graph *g, const nyx_node *node, enum nyx_dtype *dtype, nyx_shape *shape);
int       nyx_graph__variable_of(nyx_graph *g, nyx_value v); /* the variable that v reads; an error when it is none */
nyx_value nyx_graph__on_planes(nyx_graph *g, enum nyx_op op, nyx_value head, nyx_value w, nyx_value tail);

static inline const nyx_graph__value *nyx_graph__input(const nyx_graph *g, const nyx_node *node, int i)
{
    return g->values[node->inputs[i]];
}

/* How b lies on a: see nyx_graph_add. */
enum nyx_graph__fit { FIT_NONE, FIT_SAME, FIT_ONE, FIT_LAST, FIT_FIRST };
enum nyx_graph__fit nyx_graph__fit_of(const nyx_shape *a, const nyx_shape *b);

/* Sum a gradient of a's shape down to the operand `b` that was broadcast. */
nyx_value nyx_graph__unbroadcast(nyx_graph *g, nyx_value dout, nyx_value b);

/* [lead.., rest..] times one number a row of `lead`, whatever the sizes. */
nyx_value nyx_graph__spread(nyx_graph *g, nyx_value rows, const nyx_shape *shape);

#endif
