/* judge -- how far is f32 from float64, measured in what rounding may cost.
 *
 * The unit is FLT_EPSILON times sum|terms|, which depends on the operation:
 *
 *     EXACT     nothing is rounded: equal
 *     ELEMENT   |y64|: products, quotients, functions of one number
 *     ABSOLUTE  the f64 reference on absolute values (a minus where the
 *               formula subtracts): sums of products
 *     TENSOR    max |y64| of the tensor: softmax attention, whose elements
 *               all depend on all scores; steps, whose numbers are near 1
 *     TERMS     a formula below
 */
#include "operations.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum scale { EXACT, ELEMENT, ABSOLUTE, TENSOR, TERMS };
typedef double (*terms_fn)(const spec *s, const outcome *y64, int64_t index);

static int64_t width_of(const spec *s, int i)
{
    return s->in[i].shape.dims[s->in[i].shape.rank - 1];
}

static double rmsnorm_terms(const spec *s, const outcome *y64, int64_t i)
{
    const double residual = s->input_count > 1 ? fabs(s->values[1][i]) : 0;

    return (fabs(s->values[0][i]) + residual) * element(&y64->out[1], i / width_of(s, 0));
}

/* rinv (dy - y mean(dy y)): the difference as a sum. */
static double rmsnorm_grad_terms(const spec *s, const outcome *y64, int64_t i)
{
    const int64_t width = width_of(s, 0), row = i / width;
    const double *y = s->values[0] + row * width, *dy = s->values[2] + row * width;
    double        mean = 0;

    (void)y64;
    for (int64_t j = 0; j < width; j++)
        mean += fabs(y[j] * dy[j]) / (double)width;
    return s->values[1][row] * (fabs(dy[i % width]) + fabs(y[i % width]) * mean);
}

/* x and the mean cancel, and so do the terms of the mean. */
static double layernorm_terms(const spec *s, const outcome *y64, int64_t i)
{
    const int64_t width = width_of(s, 0), row = i / width;
    double        mean = 0;

    for (int64_t j = 0; j < width; j++)
        mean += fabs(s->values[0][row * width + j]) / (double)width;
    return (fabs(s->values[0][i]) + mean) * element(&y64->out[1], row);
}

/* rinv (dy - mean(dy) - y mean(dy y)): the differences as sums. */
static double layernorm_grad_terms(const spec *s, const outcome *y64, int64_t i)
{
    const int64_t width = width_of(s, 0), row = i / width;
    const double *dy = s->values[2] + row * width;
    double        mean = 0;

    for (int64_t j = 0; j < width; j++)
        mean += fabs(dy[j]) / (double)width;
    return rmsnorm_grad_terms(s, y64, i) + s->values[1][row] * mean;
}

/* |x c| + |partner s|; what is not rotated is copied. */
static double rope_terms(const spec *s, const outcome *y64, int64_t i)
{
    const int64_t all = width_of(s, 0), width = width_of(s, 1), half = width / 2, j = i % all;
    const int64_t position = i / all % s->in[0].shape.dims[1];
    const double *turn = s->values[1] + position * width + j % half;

    (void)y64;
    if (j >= s->ints[0] * width)
        return 0;
    return fabs(s->values[0][i] * turn[0]) +
           fabs(s->values[0][j % width < half ? i + half : i - half] * turn[half]);
}

/* d gate = dy up s (1 + gate (1 - s)) with the two terms of the bracket. */
static double swiglu_grad_terms(const spec *s, const outcome *y64, int64_t i)
{
    const int64_t width = width_of(s, 1), row = i / (2 * width), j = i % (2 * width);
    const double *x = s->values[0] + row * 2 * width;
    const double  gate = x[j % width], up = x[width + j % width], p = 1 / (1 + exp(-gate));

    if (j >= width)
        return fabs(element(&y64->out[0], i));
    return fabs(s->values[1][row * width + j] * up) * p * (1 + fabs(gate) * (1 - p));
}

/* The argument z of the sigmoid has been rounded, which costs |z| (1 - s). */
static double gelu_slope(double x, double *sigma)
{
    const double z = x * (1.5957691216057308 + 0.07135481627260025 * x * x);

    *sigma = 1 / (1 + exp(-z));
    return 1 + fabs(z) * (1 - *sigma);
}

static double gelu_terms(const spec *s, const outcome *y64, int64_t i)
{
    double sigma;

    return fabs(element(&y64->out[0], i)) * gelu_slope(s->values[0][i], &sigma);
}

/* dy s (1 + |x| (1 - s) |z'|), both terms with the error of s. */
static double gelu_grad_terms(const spec *s, const outcome *y64, int64_t i)
{
    const double x = s->values[0][i], slope = 1.5957691216057308 + 3 * 0.07135481627260025 * x * x;
    double       sigma, loss = gelu_slope(x, &sigma);

    (void)y64;
    return fabs(s->values[1][i]) * sigma * (1 + fabs(x) * (1 - sigma) * slope) * loss;
}

/* A relative error of what a logarithm is taken of is an absolute one of it. */
static double logarithm_terms(const spec *s, const outcome *y64, int64_t i)
{
    (void)s;
    return fabs(element(&y64->out[0], i)) + 1;
}

/* p and 1 cancel at the label. Under softmax the argument of e^(x - most) has
 * been rounded, which costs |x - most| relative. */
static double cross_entropy_grad_terms(const spec *s, const outcome *y64, int64_t i)
{
    const int64_t width = width_of(s, 0), row = i / width;
    const double *x = s->values[0] + row * width;
    const double  hit = s->values[1][row] == (double)(i % width) ? 2 * fabs(s->values[2][row]) : 0;
    double        most = x[0];

    if (s->values[1][row] == (double)s->ints[1])
        return 0;
    for (int64_t j = 1; j < width; j++)
        most = x[j] > most ? x[j] : most;
    if (s->ints[0] == NYX_STABLEMAX)
        return fabs(element(&y64->out[0], i)) + hit / (1 + fabs(x[i % width]));
    return (fabs(element(&y64->out[0], i)) + hit) * (1 + most - x[i % width]);
}

static double bce_terms(const spec *s, const outcome *y64, int64_t i)
{
    const double x = s->values[0][i];

    (void)y64;
    return (x > 0 ? x : 0) + fabs(x * s->values[1][i]) + log1p(exp(-fabs(x)));
}

static const struct {
    enum nyx_op op;
    enum scale  scale[MOST_OUTPUTS];
    int         minus; /* input that ABSOLUTE makes negative; -1: none */
    terms_fn    terms;
} rules[] = {
    { NYX_OP_FILL, { ELEMENT }, -1, NULL },
    { NYX_OP_ROPE_TABLE, { TENSOR }, -1, NULL },
    { NYX_OP_ADD, { ABSOLUTE }, -1, NULL },
    { NYX_OP_SUB, { ABSOLUTE }, 1, NULL },
    { NYX_OP_MUL, { ELEMENT }, -1, NULL },
    { NYX_OP_DIV, { ELEMENT }, -1, NULL },
    { NYX_OP_AFFINE, { ABSOLUTE }, -1, NULL },
    { NYX_OP_SQRT, { ELEMENT }, -1, NULL },
    { NYX_OP_SIGMOID, { ELEMENT }, -1, NULL },
    { NYX_OP_REDUCE, { ABSOLUTE }, -1, NULL },
    { NYX_OP_EMBEDDING_GRAD, { ABSOLUTE }, -1, NULL },
    { NYX_OP_MATMUL, { ABSOLUTE }, -1, NULL },
    { NYX_OP_RMSNORM, { TERMS, ELEMENT }, -1, rmsnorm_terms },
    { NYX_OP_RMSNORM_GRAD, { TERMS }, -1, rmsnorm_grad_terms },
    { NYX_OP_LAYERNORM, { TERMS, ELEMENT }, -1, layernorm_terms },
    { NYX_OP_LAYERNORM_GRAD, { TERMS }, -1, layernorm_grad_terms },
    { NYX_OP_ROPE, { TERMS }, -1, rope_terms },
    { NYX_OP_ATTENTION, { TENSOR, TENSOR }, -1, NULL },
    { NYX_OP_ATTENTION_GRAD, { TENSOR }, -1, NULL },
    { NYX_OP_SWIGLU, { ELEMENT }, -1, NULL },
    { NYX_OP_SWIGLU_GRAD, { TERMS }, -1, swiglu_grad_terms },
    { NYX_OP_GELU, { TERMS }, -1, gelu_terms },
    { NYX_OP_GELU_GRAD, { TERMS }, -1, gelu_grad_terms },
    { NYX_OP_CROSS_ENTROPY, { TERMS }, -1, logarithm_terms },
    { NYX_OP_CROSS_ENTROPY_GRAD, { TERMS }, -1, cross_entropy_grad_terms },
    { NYX_OP_BCE, { TERMS }, -1, bce_terms },
    { NYX_OP_MATMUL_CODED, { TERMS }, -1, coded_terms },
    { NYX_OP_ATTENTION_CACHED, { TENSOR }, -1, NULL },
    { NYX_OP_ADAM_ATAN2, { TENSOR, TENSOR, ELEMENT }, -1, NULL },
    { NYX_OP_ADAMW, { TENSOR, TENSOR, ELEMENT }, -1, NULL },
    { NYX_OP_SIGN_SGD, { TENSOR }, -1, NULL },
    { NYX_OP_EMA, { ABSOLUTE }, -1, NULL },
};

/* The f64 reference on absolute values of inputs and attributes. */
static int run_absolute(outcome *o, const spec *s, int minus)
{
    spec copy = *s;
    int  status = NYX_OK;

    memset(copy.values, 0, sizeof copy.values);
    for (int i = 0; i < NYX_MAX_REALS; i++)
        copy.reals[i] = fabs(copy.reals[i]);
    for (int i = 0; i < s->input_count && status == NYX_OK; i++) {
        const int64_t elems = nyx_shape_count(&s->in[i].shape);

        if (!s->values[i] || (status = nyx_alloc(&copy.values[i], elems * (int64_t)sizeof(double))) < 0)
            continue;
        for (int64_t j = 0; j < elems; j++)
            copy.values[i][j] = i == minus ? -fabs(s->values[i][j]) : fabs(s->values[i][j]);
    }
    if (status == NYX_OK)
        status = execute_exact(o, &copy);
    for (int i = 0; i < s->input_count; i++)
        nyx_free(copy.values[i]);
    return status;
}

static double largest(const output *o)
{
    double most = 0;

    for (int64_t i = 0; i < o->elems; i++)
        most = fabs(element(o, i)) > most ? fabs(element(o, i)) : most;
    return most;
}

/* In units; infinite when something that must be equal is not, or is no
 * number. The smallest normal float is granted everywhere. */
static double error_of(double y, double y64, enum scale scale, double terms)
{
    if (y == y64)
        return 0;
    if (scale == EXACT || !isfinite(y) || !isfinite(y64))
        return (double)INFINITY;
    return fabs(y - y64) / (FLT_EPSILON * terms + FLT_MIN);
}

static void judge_output(double *worst, char what[160], const spec *s, int k, size_t rule, const outcome *y,
                         const outcome *y64, const outcome *absolute, double bound)
{
    const output    *out = &y->out[k], *exact = &y64->out[k];
    const bool       exactly = rule == sizeof rules / sizeof *rules || out->dtype == NYX_I32;
    const enum scale scale = exactly ? EXACT : rules[rule].scale[k];
    const double     most = scale == TENSOR ? largest(exact) : 0;

    for (int64_t i = 0; i < out->elems; i++) {
        const double value = element(out, i), wanted = element(exact, i);
        const double terms = scale == ELEMENT    ? fabs(wanted)
                             : scale == ABSOLUTE ? fabs(element(&absolute->out[k], i))
                             : scale == TERMS    ? rules[rule].terms(s, y64, i)
                                                 : most;
        const double error = error_of(value, wanted, scale, terms);

        if (error > *worst || error != error)
            *worst = error;
        if (!(error <= bound) && !what[0])
            snprintf(what, 160, "output %d [%lld] is %.9g, not %.9g: %.3g eps", k, (long long)i, value, wanted, error);
    }
}

/* "[2, 3] [2]" of what came out. */
static void shapes_text(char out[300], const outcome *o)
{
    out[0] = '\0';
    for (int k = 0; k < o->count; k++) {
        char shape[96];

        nyx_shape_text(shape, &o->out[k].shape);
        strcat(strcat(out, k ? " " : ""), shape);
    }
}

int judge(double *worst, char what[160], const spec *s, const outcome *y, const outcome *y64, double bound)
{
    const size_t count = sizeof rules / sizeof *rules;
    outcome      absolute = { 0 };
    size_t       rule = 0;
    char         shapes[300];
    int          status = NYX_OK;

    *worst = 0;
    what[0] = '\0';
    shapes_text(shapes, y);
    if (strcmp(shapes, s->result))
        snprintf(what, 160, "shapes are %.60s, not %.60s", shapes, s->result);
    while (rule < count && rules[rule].op != s->op)
        rule++;
    if (rule < count && rules[rule].scale[0] == ABSOLUTE)
        status = run_absolute(&absolute, s, rules[rule].minus);
    for (int k = 0; k < y->count && status == NYX_OK; k++)
        judge_output(worst, what, s, k, rule, y, y64, &absolute, bound);
    outcome_release(&absolute);
    return status;
}
