/* mlp -- rows of numbers to one label through fully connected layers. */
#include "model/internal.h"

/* layers.N.weight [out, in] and layers.N.bias [out], alternating. He et al.
 * 2015, arXiv:1502.01852: variance 2 / fan-in. */
nyx_parameter nyx_model__mlp_parameter(const nyx_config *config, int index)
{
    const int64_t *widths = config->model.widths + index / 2;
    nyx_parameter  p;
    char           name[40];

    snprintf(name, sizeof name, "layers.%d.%s", index / 2, index % 2 ? "bias" : "weight");
    if (index % 2) {
        p = nyx_model__parameter_of(name, nyx_shape_of(1, widths[1]), NYX_START_CONSTANT, 0.0);
        p.decayed = false;
        return p;
    }
    p = nyx_model__linear_of(name, widths[1], widths[0]);
    p.number *= __builtin_sqrt(2.0);
    return p;
}

/* max(x, 0); its slope at 0 is 0, and NaN stays NaN. */
static nyx_value relu(nyx_graph *g, nyx_value x)
{
    const nyx_value zero = nyx_graph_fill(g, nyx_graph_real(g), nyx_shape_of(0), 0.0);
    const nyx_value negated = nyx_graph_affine(g, x, -1.0, 0.0);
    const nyx_value below = nyx_graph_compare(g, NYX_GREATER_EQUAL, negated, zero);

    return nyx_graph_select(g, below, zero, x);
}

nyx_value nyx_model__mlp(nyx_model_builder *b, nyx_value inputs)
{
    const int64_t layers = b->config->model.width_count - 1, largest = b->config->data.vocabulary - 1;
    nyx_graph    *g = b->g;
    nyx_value     x = nyx_graph_cast(g, inputs, nyx_graph_real(g));

    x = nyx_graph_affine(g, x, 1.0 / (double)(largest > 0 ? largest : 1), 0.0);
    for (int64_t i = 0; i < layers; i++) {
        char      name[40];
        nyx_value weight, bias;

        snprintf(name, sizeof name, "layers.%d.weight", (int)i);
        weight = nyx_model__parameter(b, name);
        snprintf(name, sizeof name, "layers.%d.bias", (int)i);
        bias = nyx_model__parameter(b, name);
        x = nyx_graph_matmul(g, x, weight, bias, NYX_MATMUL_NT);
        if (i < layers - 1)
            x = b->config->model.activation == NYX_GELU ? nyx_graph_gelu(g, x) : relu(g, x);
    }
    return nyx_graph_reshape(g, x, nyx_shape_of(3, b->slots, (int64_t)1, nyx_config_classes(b->config)));
}
