/* mlp -- perceptrons are told by their tensors: nobody agrees on their names.
 */
#include "convert/internal.h"

#include <string.h>

enum { LAYERS = NYX_MAX_WIDTHS - 1 };

/* "fc2" < "fc10": runs of digits compare as numbers. */
static int natural(const char *a, const char *b)
{
    while (*a && *b) {
        if (*a >= '0' && *a <= '9' && *b >= '0' && *b <= '9') {
            char      *a_end, *b_end;
            const long left = strtol(a, &a_end, 10), right = strtol(b, &b_end, 10);

            if (left != right)
                return left < right ? -1 : 1;
            a = a_end;
            b = b_end;
            continue;
        }
        if (*a != *b)
            return *a < *b ? -1 : 1;
        a++;
        b++;
    }
    return *a ? 1 : *b ? -1 : 0;
}

static bool is_weight(const nyx_foreign_tensor *t)
{
    const size_t length = strlen(t->name);

    return length > 7 && strcmp(t->name + length - 7, ".weight") == 0 && t->shape.rank == 2;
}

const nyx_foreign_tensor *nyx_convert__mlp_bias(const nyx_foreign *file, const nyx_foreign_tensor *weight)
{
    char                      name[1024];
    const nyx_foreign_tensor *bias;

    snprintf(name, sizeof name, "%.*s.bias", (int)(strlen(weight->name) - 7), weight->name);
    bias = nyx_foreign_find(file, name);
    return bias && bias->shape.rank == 1 && bias->shape.dims[0] == weight->shape.dims[0] ? bias : NULL;
}

const nyx_foreign_tensor *nyx_convert__mlp_weight(const nyx_foreign *file, int64_t index)
{
    const nyx_foreign_tensor *layers[LAYERS] = { NULL };
    const int64_t             count = nyx_foreign_count(file) / 2;
    int64_t                   found = 0;

    if (nyx_foreign_count(file) != 2 * count || count > LAYERS || index >= count)
        return NULL;
    for (int64_t i = 0; i < 2 * count; i++) {
        const nyx_foreign_tensor *t = nyx_foreign_tensor_at(file, i);
        int64_t                   at = found;

        if (!is_weight(t))
            continue;
        if (found == count || !nyx_convert__mlp_bias(file, t))
            return NULL;
        for (; at > 0 && natural(t->name, layers[at - 1]->name) < 0; at--)
            layers[at] = layers[at - 1];
        layers[at] = t;
        found++;
    }
    if (found != count)
        return NULL;
    for (int64_t i = 1; i < count; i++) {
        NYX_BUG_IF(!layers[i] || !layers[i - 1]); /* as many were found */
        if (layers[i]->shape.dims[1] != layers[i - 1]->shape.dims[0])
            return NULL;
    }
    return layers[index];
}
