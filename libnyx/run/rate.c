/* rate -- how fast a device multiplies, found in a moment: products of growing
 * matrices until one takes long enough to be believed. */
#include "run/run.h"

enum { SMALLEST = 256, LARGEST = 2048, RUNS = 3, ENOUGH_NS = 4000000, ALL_NS = 60000000 };

typedef struct {
    nyx_graph   *graph;
    nyx_store   *store;
    nyx_program *program;
} product;

static void release(product *p)
{
    nyx_program_free(p->program);
    nyx_store_free(p->store);
    nyx_graph_free(p->graph);
}

/* Of zeros: what is multiplied takes no time to tell. `done` is short to read. */
static int make(product *p, nyx_device *device, enum nyx_dtype type, int64_t n)
{
    nyx_value a, b, one;
    int       status = nyx_graph_create(&p->graph, NYX_F32);

    if (status < 0)
        return status;
    a = nyx_graph_variable(p->graph, "a", type, nyx_shape_of(2, n, n), NYX_ROLE_INPUT);
    b = nyx_graph_variable(p->graph, "b", type, nyx_shape_of(2, n, n), NYX_ROLE_INPUT);
    one = nyx_graph_variable(p->graph, "one", NYX_F32, nyx_shape_of(1, (int64_t)1), NYX_ROLE_INPUT);
    nyx_graph_assign(p->graph, "c", NYX_ROLE_CARRY, nyx_graph_matmul(p->graph, a, b, 0, NYX_MATMUL_NT));
    nyx_graph_assign(p->graph, "done", NYX_ROLE_OUTPUT, nyx_graph_add(p->graph, one, one));
    if ((status = nyx_store_create(&p->store, device, 1)) < 0 ||
        (status = nyx_program_compile(&p->program, p->store, p->graph)) < 0)
        return status;
    return nyx_store_allocate(p->store);
}

/* Nanoseconds of one run: the fastest of some, behind one that warms up. */
static int64_t time_of(product *p)
{
    int64_t best = INT64_MAX;

    for (int i = 0; i <= RUNS; i++) {
        const int64_t start = nyx_clock_ns();
        int64_t       ns;
        float         done;

        nyx_program_run(p->program, &(nyx_run){ .step = 0 });
        nyx_store_read(p->store, "done", &done);
        ns = nyx_clock_ns() - start;
        best = i > 0 && ns < best ? ns : best;
    }
    return best > 0 ? best : 1;
}

double nyx_rate_of(nyx_device *device, enum nyx_dtype type)
{
    const int64_t begin = nyx_clock_ns();
    double        rate = 0.0;
    int64_t       took = 0;

    for (int64_t n = SMALLEST; n <= LARGEST && took < ENOUGH_NS && nyx_clock_ns() - begin < ALL_NS; n *= 2) {
        product p = { 0 };

        if (make(&p, device, type, n) == 0) {
            took = time_of(&p);
            if (nyx_store_check(p.store) == 0 && 2e9 * (double)(n * n * n) / (double)took > rate)
                rate = 2e9 * (double)(n * n * n) / (double)took;
        }
        release(&p);
    }
    return rate;
}
