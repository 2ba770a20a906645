/* Optimizers and their schedule: hrm-spec section 8. */
#include "train/internal.h"

/* ---- the apply program ----------------------------------------------------------- */

static nyx_value gradient_of(nyx_graph *g, const nyx_parameter *p)
{
    char name[48];

    snprintf(name, sizeof name, "grad.%s", p->name);
    return nyx_graph_variable(g, name, nyx_graph_real(g), p->shape, NYX_ROLE_GRADIENT);
}

static nyx_value companion_of(nyx_graph *g, const char *prefix, const nyx_parameter *p)
{
    char name[56];

    snprintf(name, sizeof name, "%s.%s", prefix, p->name);
    return nyx_graph_variable(g, name, nyx_graph_real(g), p->shape, NYX_ROLE_MOMENT);
}

static nyx_value value_of(nyx_graph *g, const nyx_parameter *p)
{
    return nyx_graph_variable(g, p->name, nyx_graph_real(g), p->shape, nyx_parameter_role(p));
}

static nyx_value scalars_of(nyx_graph *g, const char *name)
{
    return nyx_graph_variable(g, name, nyx_graph_real(g), nyx_shape_of(1, (int64_t)4), NYX_ROLE_INPUT);
}

/* Sum of scalars: neighbours are added until one is left. */
static nyx_value sum_of(nyx_graph *g, nyx_value *values, int count)
{
    for (; count > 1; count = (count + 1) / 2)
        for (int i = 0; i < count; i += 2)
            values[i / 2] = i + 1 < count ? nyx_graph_add(g, values[i], values[i + 1]) : values[i];
    return values[0];
}

/* Square root of the sum of squares of all dense gradients. All squares come before
 * the first addition, so that none waits for another. */
static nyx_value gradient_norm(nyx_graph *g, const nyx_config *config)
{
    const int  all = nyx_model_parameter_count(config);
    int        count = 0;
    nyx_value *squares, norm;

    if (nyx_alloc(&squares, (all + 1) * (int64_t)sizeof *squares) < 0) {
        nyx_graph_fail(g, NYX_ERR_MEMORY, "%s", nyx_error_text());
        return 0;
    }
    for (int i = 0; i < all; i++) {
        const nyx_parameter p = nyx_model_parameter(config, i);

        if (p.trained && !p.sparse)
            squares[count++] = nyx_graph_reduce(g, NYX_SUM_SQUARES, gradient_of(g, &p), p.shape.rank, false);
    }
    norm = nyx_graph_sqrt(g, sum_of(g, squares, count));
    nyx_free(squares);
    return norm;
}

/* min(1, clip / norm), or 1; not finite when the norm is not, which makes
 * every step operation a no-op. 0 * norm is 0 or NaN. */
static nyx_value gradient_scale(nyx_graph *g, const nyx_config *config, nyx_value norm)
{
    const nyx_value one = nyx_graph_fill(g, nyx_graph_real(g), nyx_shape_of(0), 1.0);
    const double    clip = config->training.optimizer.clip;
    nyx_value       scale = one;

    if (clip > 0.0)
        scale = nyx_graph_min(
            g, one, nyx_graph_div(g, nyx_graph_fill(g, nyx_graph_real(g), nyx_shape_of(0), clip), norm));
    return nyx_graph_add(g, scale, nyx_graph_affine(g, norm, 0.0, 0.0));
}

/* Scalars of parameters that do not decay; the host writes a decay of 1. */
static nyx_value plain_scalars(nyx_graph *g, const nyx_config *config, nyx_value scalars)
{
    for (int i = 0; i < nyx_model_parameter_count(config); i++) {
        const nyx_parameter p = nyx_model_parameter(config, i);

        if (p.trained && !p.decayed)
            return scalars_of(g, "step.plain_scalars");
    }
    return scalars;
}

static void dense_step(nyx_graph *g, const nyx_config *config, const nyx_parameter *p, nyx_value scalars,
                       nyx_value scale)
{
    const nyx_value value = value_of(g, p), gradient = gradient_of(g, p);
    const nyx_value m = companion_of(g, "moment.m", p), v = companion_of(g, "moment.v", p);
    const double    beta1 = config->training.optimizer.beta1, beta2 = config->training.optimizer.beta2;

    if (config->training.optimizer.kind == NYX_ADAMW)
        nyx_graph_adamw(g, value, gradient, m, v, scalars, scale, beta1, beta2, config->training.optimizer.epsilon);
    else
        nyx_graph_adam_atan2(g, value, gradient, m, v, scalars, scale, beta1, beta2);
}

/* All micro-batches at once, so that one id in two of them moves once. */
static void puzzle_step(nyx_graph *g, const nyx_parameter *p, int64_t slots, int64_t micros, nyx_value scale)
{
    nyx_value ids = nyx_graph_variable_copies(g, "carry.ids", NYX_I32, nyx_shape_of(1, slots / micros), NYX_ROLE_CARRY,
                                              micros);
    nyx_value gradient = nyx_graph_variable_copies(g, "grad.puzzle", nyx_graph_real(g),
                                                   nyx_shape_of(2, slots / micros, p->shape.dims[1]), NYX_ROLE_GRADIENT,
                                                   micros);
    nyx_value scalars = scalars_of(g, "step.puzzle_scalars"), table = value_of(g, p);

    nyx_graph_sign_sgd(g, table, ids, gradient, scalars, scale);
}

void nyx_optimizer_build(nyx_graph *g, const nyx_config *config, int64_t slots, int64_t micros, bool scaled)
{
    const int count = nyx_model_parameter_count(config);
    nyx_value norm, scale, scalars, plain, inverse = 0;

    nyx_graph_push(g, "apply");
    norm = gradient_norm(g, config);
    if (scaled) {
        inverse = nyx_train__scaling_inverse(g);
        norm = nyx_graph_mul(g, norm, inverse);
    }
    scale = gradient_scale(g, config, norm);
    if (scaled)
        scale = nyx_graph_mul(g, scale, inverse);
    scalars = scalars_of(g, "step.scalars");
    plain = plain_scalars(g, config, scalars);
    for (int i = 0; i < count; i++) {
        const nyx_parameter p = nyx_model_parameter(config, i);

        if (p.trained && p.sparse)
            puzzle_step(g, &p, slots, micros, scale);
        else if (p.trained)
            dense_step(g, config, &p, p.decayed ? scalars : plain, scale);
    }
    nyx_graph_assign(g, "out.grad_norm", NYX_ROLE_OUTPUT, norm);
    if (scaled)
        nyx_train__scaling_update(g, norm);
    for (int i = 0; micros > 1 && i < count; i++) {
        const nyx_parameter p = nyx_model_parameter(config, i);
        char                name[48];

        if (!p.trained || p.sparse)
            continue;
        snprintf(name, sizeof name, "grad.%s", p.name);
        nyx_graph_assign(g, name, NYX_ROLE_GRADIENT, nyx_graph_fill(g, nyx_graph_real(g), p.shape, 0.0));
    }
    nyx_graph_pop(g);
}

void nyx_optimizer_build_ema(nyx_graph *g, const nyx_config *config)
{
    const int count = nyx_model_parameter_count(config);

    nyx_graph_push(g, "ema");
    for (int i = 0; i < count; i++) {
        const nyx_parameter p = nyx_model_parameter(config, i);

        if (!p.trained || p.sparse)
            continue;
        const nyx_value value = value_of(g, &p), average = companion_of(g, "ema", &p);
        nyx_graph_ema(g, average, value, config->training.ema);
    }
    nyx_graph_pop(g);
}

/* ---- the schedule --------------------------------------------------------------------- */

double nyx_schedule_rate(const nyx_config *config, double base, int64_t step, int64_t total)
{
    const double  pi = 3.14159265358979323846;
    const double  floor = config->training.optimizer.floor;
    const int64_t warmup = config->training.optimizer.warmup_steps;
    double        progress, cosine;

    if (step < warmup)
        return base * (double)step / (double)warmup;
    progress = (double)(step - warmup) / (double)(total - warmup > 1 ? total - warmup : 1);
    cosine = 0.5 * (1.0 + nyx_cos64(pi * progress));
    return base * (floor + (1.0 - floor) * (cosine > 0.0 ? cosine : 0.0));
}

void nyx_optimizer_scalars(const nyx_config *config, int64_t step, int64_t updates, int64_t total, double dense[4],
                           double puzzle[4])
{
    const double rate = nyx_schedule_rate(config, config->training.optimizer.learning_rate, step, total);
    const double row_rate = nyx_schedule_rate(config, config->training.puzzle.learning_rate, step, total);
    const double beta1 = config->training.optimizer.beta1, beta2 = config->training.optimizer.beta2;
    const double left1 = beta1 > 0.0 ? nyx_pow64(beta1, (double)updates) : 0.0;
    const double left2 = beta2 > 0.0 ? nyx_pow64(beta2, (double)updates) : 0.0;

    NYX_BUG_IF(step < 1 || updates < 1);
    dense[0] = 1.0 - rate * config->training.optimizer.weight_decay;
    dense[1] = rate / (1.0 - left1);
    dense[2] = 1.0 / __builtin_sqrt(1.0 - left2);
    dense[3] = 0.0;
    puzzle[0] = 1.0 - row_rate * config->training.puzzle.weight_decay;
    puzzle[1] = row_rate;
    puzzle[2] = puzzle[3] = 0.0;
}
