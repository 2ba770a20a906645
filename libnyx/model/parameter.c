#include "model/internal.h"

#include <string.h>

/* Tensors of a block, in the order of their indices. */
enum { BLOCK_TENSORS = 4 };

nyx_parameter nyx_model__parameter_of(const char *name, nyx_shape shape, enum nyx_start start, double number)
{
    nyx_parameter p = { .shape = shape, .trained = true, .decayed = true, .start = start, .number = number };

    snprintf(p.name, sizeof p.name, "%s", name);
    return p;
}

/* A linear layer: normal of variance 1 / fan-in. */
nyx_parameter nyx_model__linear_of(const char *name, int64_t rows, int64_t columns)
{
    return nyx_model__parameter_of(name, nyx_shape_of(2, rows, columns), NYX_START_NORMAL,
                                   1.0 / __builtin_sqrt((double)columns));
}

static nyx_parameter block_tensor(const nyx_config *config, char stack, int64_t layer, int which)
{
    static const char *const names[BLOCK_TENSORS] = { "attn.qkv", "attn.out", "mlp.gate_up", "mlp.down" };
    const int64_t            width = config->model.width, inner = config->model.inner;
    const int64_t            rows[BLOCK_TENSORS] = { 3 * width, width, 2 * inner, width };
    char                     name[40];

    snprintf(name, sizeof name, "%c.%d.%s", stack, (int)layer, names[which]);
    return nyx_model__linear_of(name, rows[which], which == 3 ? inner : width);
}

/* The tensors outside the blocks; false when the configuration has no such
 * tensor. */
enum { OUTER_TENSORS = 8 };

static bool outer_tensor(nyx_parameter *out, const nyx_config *config, int which)
{
    const int64_t width = config->model.width, vocabulary = config->data.vocabulary;
    const double  unit = 1.0 / __builtin_sqrt((double)width);

    switch (which) {
    case 0:
        *out = nyx_model__parameter_of("embed", nyx_shape_of(2, vocabulary, width), NYX_START_NORMAL, unit);
        return true;
    case 1:
        *out = nyx_model__parameter_of("position", nyx_shape_of(2, nyx_config_positions(config), width),
                                       NYX_START_NORMAL, unit);
        return config->model.position == NYX_POSITION_LEARNED;
    case 2:
        *out = nyx_model__parameter_of("puzzle", nyx_shape_of(2, config->data.puzzles, config->model.puzzle_width),
                            NYX_START_CONSTANT, 0.0);
        out->sparse = true;
        return config->model.puzzle_width > 0;
    case 3:
        *out = nyx_model__linear_of("head", vocabulary, width);
        return true;
    case 4: /* start by not halting: hrm-spec section 2 */
        *out = nyx_model__parameter_of("q_head", nyx_shape_of(2, (int64_t)2, width), NYX_START_CONSTANT, 0.0);
        return true;
    case 5:
        *out = nyx_model__parameter_of("q_head.bias", nyx_shape_of(1, (int64_t)2), NYX_START_CONSTANT, -5.0);
        return true;
    default:
        *out = nyx_model__parameter_of(which == 6 ? "H.init" : "L.init", nyx_shape_of(1, width), NYX_START_NORMAL, 1.0);
        out->trained = false;
        return which == 6 || config->model.kind == NYX_MODEL_HRM;
    }
}

static int outer_count(const nyx_config *config)
{
    nyx_parameter unused;
    int           count = 0;

    for (int i = 0; i < OUTER_TENSORS; i++)
        count += outer_tensor(&unused, config, i);
    return count;
}

int nyx_model_parameter_count(const nyx_config *config)
{
    NYX_BUG_IF(config->data.vocabulary < 1); /* not bound to a dataset */
    if (config->model.kind == NYX_MODEL_DECODER)
        return nyx_model__decoder_parameters(config, -1, NULL);
    if (config->model.kind == NYX_MODEL_MLP)
        return 2 * (int)(config->model.width_count - 1);
    return outer_count(config) + BLOCK_TENSORS * (int)(config->model.h_layers + config->model.l_layers);
}

nyx_parameter nyx_model_parameter(const nyx_config *config, int index)
{
    const int     outer = outer_count(config);
    const int     h_tensors = BLOCK_TENSORS * (int)config->model.h_layers;
    int           block = index - outer;
    nyx_parameter p;

    NYX_BUG_IF(index < 0 || index >= nyx_model_parameter_count(config));
    if (config->model.kind == NYX_MODEL_DECODER) {
        nyx_model__decoder_parameters(config, index, &p);
        return p;
    }
    if (config->model.kind == NYX_MODEL_MLP)
        return nyx_model__mlp_parameter(config, index);
    if (block >= h_tensors)
        return block_tensor(config, 'L', (block - h_tensors) / BLOCK_TENSORS, (block - h_tensors) % BLOCK_TENSORS);
    if (block >= 0)
        return block_tensor(config, 'H', block / BLOCK_TENSORS, block % BLOCK_TENSORS);
    for (int i = 0;; i++) {
        if (outer_tensor(&p, config, i) && index-- == 0)
            return p;
    }
}

int nyx_model_parameter_find(const nyx_config *config, const char *name)
{
    const int count = nyx_model_parameter_count(config);

    if (config->model.kind == NYX_MODEL_DECODER)
        return nyx_model__decoder_find(config, name);
    for (int i = 0; i < count; i++) {
        if (strcmp(nyx_model_parameter(config, i).name, name) == 0)
            return i;
    }
    return -1;
}

enum nyx_role nyx_parameter_role(const nyx_parameter *parameter)
{
    return parameter->trained ? NYX_ROLE_PARAMETER : NYX_ROLE_CONSTANT;
}

int64_t nyx_model_trained_elems(const nyx_config *config)
{
    const int count = nyx_model_parameter_count(config);
    int64_t   elems = 0;

    for (int i = 0; i < count; i++) {
        const nyx_parameter p = nyx_model_parameter(config, i);

        if (p.trained && !p.sparse)
            elems += nyx_shape_count(&p.shape);
    }
    return elems;
}

/* hrm-spec section 2: a standard normal cut at +-2 by inversion, rescaled by
 * its own standard deviation. */
static double truncated_normal(nyx_random *random, double sigma)
{
    const double edge = 0.95449973610364158; /* erf(sqrt 2) */
    const double kappa = 0.87962566103423978;
    const double scale = sigma / kappa;
    const double u = edge * (2.0 * nyx_random_uniform(random) - 1.0);
    const double x = __builtin_sqrt(2.0) * scale * nyx_erfinv64(u);

    return x > 2.0 * scale ? 2.0 * scale : x < -2.0 * scale ? -2.0 * scale : x;
}

void nyx_model_init(const nyx_config *config, int index, uint64_t seed, float *out)
{
    const nyx_parameter p = nyx_model_parameter(config, index);
    const int64_t       elems = nyx_shape_count(&p.shape);
    nyx_random          random;
    char                stream[64];

    snprintf(stream, sizeof stream, "start/%s", p.name);
    nyx_random_init(&random, seed, nyx_stream_of(stream));
    for (int64_t i = 0; i < elems; i++)
        out[i] = (float)(p.start == NYX_START_NORMAL ? truncated_normal(&random, p.number) : p.number);
}
