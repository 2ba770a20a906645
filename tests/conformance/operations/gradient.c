/* gradient -- the graph of nyx_pass_gradient against central differences,
 * both in float64 by the reference kernels. */
#include "operations.h"

#include <math.h>
#include <string.h>

/* Two runs an element: small cases only. */
enum { MOST_ELEMENTS = 400 };
static const double step = 1e-5; /* error about step^2 + 1e-16 / step */

typedef struct {
    nyx_device  *device;
    nyx_graph   *g;
    nyx_store   *store;
    nyx_program *program;
    nyx_value    in[MOST_INPUTS], grads[MOST_INPUTS];
} setup;

static bool differentiable(const spec *s, int i)
{
    return !s->in[i].fixed && !strchr("niqjacxug-", s->in[i].kind);
}

/* loss = sum of weights times the first output: every element counts. */
static nyx_value loss_of(nyx_graph *g, nyx_value y)
{
    const nyx_value weights =
        nyx_graph_variable(g, "weights", nyx_graph_real(g), *nyx_value_shape(g, y), NYX_ROLE_INPUT);

    return nyx_graph_reduce(g, NYX_SUM, nyx_graph_mul(g, y, weights), nyx_value_shape(g, y)->rank, false);
}

static int prepare(setup *t, const spec *s)
{
    nyx_value loss;
    int       status;

    if ((status = nyx_device_open(&t->device, "cpu:reference", 1)) < 0 ||
        (status = nyx_graph_create(&t->g, NYX_F64)) < 0 || (status = declare(t->g, s, t->in)) < 0)
        return status;
    loss = loss_of(t->g, build(t->g, s, t->in));
    if ((status = nyx_graph_check(t->g)) < 0 ||
        (status = nyx_pass_gradient(t->g, loss, s->input_count, t->in, t->grads)) < 0)
        return status;
    nyx_graph_assign(t->g, "loss", NYX_ROLE_OUTPUT, loss);
    for (int i = 0; i < s->input_count; i++) {
        char name[16];

        snprintf(name, sizeof name, "grad%d", i);
        if (t->grads[i])
            nyx_graph_assign(t->g, name, NYX_ROLE_OUTPUT, t->grads[i]);
    }
    if ((status = nyx_store_create(&t->store, t->device, 1)) < 0 ||
        (status = nyx_program_compile(&t->program, t->store, t->g)) < 0)
        return status;
    return nyx_store_allocate(t->store);
}

static void release(setup *t)
{
    nyx_program_free(t->program);
    nyx_store_free(t->store);
    nyx_graph_free(t->g);
    nyx_device_close(t->device);
}

static int feed_weights(setup *t)
{
    const int     index = nyx_store_find(t->store, "weights");
    const int64_t elems = nyx_store_bytes(t->store, index) / (int64_t)sizeof(double);
    double       *weights;
    nyx_random    random;
    int           status = nyx_alloc(&weights, elems * (int64_t)sizeof *weights);

    if (status < 0)
        return status;
    nyx_random_init(&random, 5, 0);
    for (int64_t i = 0; i < elems; i++)
        weights[i] = 2 * nyx_random_uniform(&random) - 1;
    nyx_store_write(t->store, "weights", weights);
    nyx_free(weights);
    return NYX_OK;
}

static double loss_with(setup *t, int input, const double *values)
{
    char   name[16];
    double loss;

    snprintf(name, sizeof name, "in%d", input);
    nyx_store_write(t->store, name, values);
    nyx_program_run(t->program, &(nyx_run){ .seed = 11, .step = 3 });
    nyx_store_read(t->store, "loss", &loss);
    return loss;
}

/* ||grad - differences|| / ||differences|| over one input. */
static int compare_input(double *error, setup *t, const spec *s, int input)
{
    const int64_t elems = nyx_shape_count(&s->in[input].shape);
    double       *values, *grad, apart = 0, size = 0;
    char          name[16];
    int           status;

    if ((status = nyx_alloc(&values, 2 * elems * (int64_t)sizeof *values)) < 0)
        return status;
    grad = values + elems;
    memcpy(values, s->values[input], (size_t)elems * sizeof *values);
    loss_with(t, input, values);
    snprintf(name, sizeof name, "grad%d", input);
    nyx_store_read(t->store, name, grad);
    for (int64_t i = 0; i < elems; i++) {
        const double x = values[i];
        double       slope;

        values[i] = x + step;
        slope = loss_with(t, input, values);
        values[i] = x - step;
        slope = (slope - loss_with(t, input, values)) / (2 * step);
        values[i] = x;
        apart += (grad[i] - slope) * (grad[i] - slope);
        size += slope * slope;
    }
    loss_with(t, input, values);
    *error = size > 0 ? sqrt(apart / size) : sqrt(apart);
    nyx_free(values);
    return NYX_OK;
}

int gradient_error(double *worst, char what[160], const spec *s)
{
    setup   t = { 0 };
    int64_t elems = 0;
    int     status = NYX_OK, count = 0;

    *worst = -1;
    what[0] = '\0';
    for (int i = 0; i < s->input_count; i++) {
        if (strchr("hb", s->in[i].kind))
            return NYX_OK; /* steps are lost in rounding: tests/unit/test_precision.c */
        elems += s->values[i] ? nyx_shape_count(&s->in[i].shape) : 0;
        count += differentiable(s, i);
    }
    if (!nyx_op_table(s->op)->gradient || elems > MOST_ELEMENTS || count == 0)
        return NYX_OK;
    if ((status = prepare(&t, s)) < 0 || (status = feed(t.store, s, NYX_F64)) < 0 ||
        (status = feed_weights(&t)) < 0)
        goto done;
    for (int i = 0; i < s->input_count && status == NYX_OK; i++) {
        double error = 0;

        if (!differentiable(s, i) != !t.grads[i])
            snprintf(what, 160, "input %d has %s gradient", i, t.grads[i] ? "a" : "no");
        else if (t.grads[i] && (status = compare_input(&error, &t, s, i)) == NYX_OK && !(error <= 1e-6))
            snprintf(what, 160, "gradient of input %d is off by %.3g", i, error);
        *worst = error > *worst ? error : *worst;
    }
done:
    release(&t);
    return status;
}
