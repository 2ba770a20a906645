/* activations -- the precision in which products with coded weights see x. */
#include "pass/pass.h"

int nyx_pass_activations(nyx_graph *g, enum nyx_activations how)
{
    int products = 0, changed = 0;

    for (int n = 0; n < nyx_graph_node_count(g); n++) {
        const enum nyx_op op = nyx_graph_node(g, n)->op;

        products += op == NYX_OP_MATMUL || op == NYX_OP_MATMUL_CODED;
        if (op == NYX_OP_MATMUL_CODED && nyx_graph_activations_set(g, n, how) == 0)
            changed++; /* other weights see it as it is */
    }
    if (how == NYX_ACTIVATIONS_REAL || products == 0 || changed > 0)
        return 0;
    return nyx_error_set(NYX_ERR_USAGE,
                         "none of the model's weights are multiplied with activations in %s; coded ones of whole "
                         "numbers are, as int8:channel, int4:g32 or mxfp4",
                         nyx_activations_names[how]);
}
