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
