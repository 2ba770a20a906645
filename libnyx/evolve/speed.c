/* speed -- how long one row takes through a tensor in a format: the product
 * that generation runs, weights coded, measured on this device. */
#include "evolve/internal.h"

#include "graph/inference.h"

#include <string.h>

enum { REPEATS = 9 };
static const int64_t BATCH_NS = 200000; /* of one timing */

/* x [1, K] times a coded [N, K]. */
static void build(nyx_graph *g, const nyx_format *format, int64_t rows, int64_t cols)
{
    nyx_value x =
        nyx_graph_variable(g, "x", NYX_F32, nyx_shape_of(2, (int64_t)1, cols), NYX_ROLE_INPUT);
    nyx_value w = nyx_graph_coded(g, "w", format, nyx_shape_of(2, rows, cols), NYX_ROLE_PARAMETER);

    nyx_graph_assign(g, "y", NYX_ROLE_OUTPUT, nyx_graph_matmul(g, x, w, 0, NYX_MATMUL_NT));
}

/* Microseconds a run: the least of some timings of many runs. */
static double time_program(nyx_program *program)
{
    double  best = 0.0;
    int64_t runs = 1;

    for (int i = 0; i < REPEATS;) {
        const int64_t start = nyx_clock_ns();
        int64_t       ns;

        for (int64_t run = 0; run < runs; run++)
            nyx_program_run(program, &(nyx_run){.step = 0});
        ns = nyx_clock_ns() - start;
        if (ns < BATCH_NS && i == 0) {
            runs *= 2;
            continue;
        }
        if (i == 0 || (double)ns / (double)runs < best)
            best = (double)ns / (double)runs;
        i++;
    }
    return best / 1e3;
}

static int measure(double *us, nyx_device *device, const nyx_coded *coded)
{
    const int64_t cols = coded->shape.dims[coded->shape.rank - 1],
                  rows = nyx_shape_count(&coded->shape) / cols;
    nyx_store   *store = NULL;
    nyx_graph   *g = NULL;
    nyx_program *program = NULL;
    int          status;

    if ((status = nyx_store_create(&store, device, 1)) < 0 ||
        (status = nyx_graph_create(&g, NYX_F32)) < 0)
        goto done;
    build(g, &coded->format, rows, cols);
    if ((status = nyx_program_compile(&program, store, g)) < 0 ||
        (status = nyx_store_allocate(store)) < 0)
        goto done;
    nyx_store_write_coded(store, "w", coded);
    *us = time_program(program);
done:
    nyx_program_free(program);
    nyx_graph_free(g);
    nyx_store_free(store);
    return status;
}

/* Tensors of one shape take the same time. */
static int first_alike(const nyx_codings *c, int tensor)
{
    int first = 0;

    while (!nyx_shape_equal(&c->tensors[first].shape, &c->tensors[tensor].shape))
        first++;
    return first;
}

int nyx_evolve__speeds(double *us, nyx_evolve__search *s)
{
    const nyx_codings *c = s->codings;
    int                status = nyx_evolve__ledger_take(&s->ledger, "us", us, c->count * c->levels);

    if (status != 0)
        return status < 0 ? status : 0;
    for (int t = 0; t < c->count; t++) {
        const int first = first_alike(c, t);

        for (int level = 0; level < c->levels; level++) {
            if (first < t)
                us[t * c->levels + level] = us[first * c->levels + level];
            else if ((status = measure(&us[t * c->levels + level], s->device,
                                       &c->tensors[t].coded[level])) < 0)
                return status;
        }
    }
    return nyx_evolve__ledger_put(&s->ledger, "us", us, c->count * c->levels);
}
