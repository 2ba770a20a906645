/* activations -- the precision in which products with coded weights see x. */
#include "pass/pass.h"

void nyx_pass_activations(nyx_graph *g, enum nyx_activations how)
{
    for (int n = 0; n < nyx_graph_node_count(g); n++)
        if (nyx_graph_node(g, n)->op == NYX_OP_MATMUL_CODED && nyx_graph_activations_set(g, n, how) < 0)
            continue; /* such weights see it as it is */
}
