/* activations -- the precision in which products with coded weights see x. */
#include "pass/pass.h"

void nyx_pass_activations(nyx_graph *g, enum nyx_activations how)
{
    for (int n = 0; n < nyx_graph_node_count(g); n++) {
        const nyx_node *node = nyx_graph_node(g, n);
        nyx_format      format;

        if (node->op == NYX_OP_MATMUL_CODED && nyx_format_of_numbers(&format, node->ints) &&
            nyx_format_multiplies_int8(&format))
            nyx_graph_int_set(g, n, NYX_INT_ACTIVATIONS, how);
    }
}
