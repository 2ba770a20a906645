/* rate -- how fast a device multiplies, found in a moment: products of growing
 * matrices until one takes long enough to be believed. A GPU begins with large
 * ones, for each size may be another kernel to compile; and as its clock is low
 * when it was idle, the last one goes on for a while. */
#include "run/run.h"

#include "device/machine.h"

#include <string.h>

enum { SMALLEST = 256, SMALLEST_OF_GPU = 1024, LARGEST = 2048, RUNS = 3, ENOUGH_NS = 4000000, ALL_NS = 60000000,
       WARM_NS = 250000000 };

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

/* Again and again, no longer than a hundredth of what it is asked for. */
static int64_t time_warm(product *p, double hundredth_ns)
{
    const int64_t until = nyx_clock_ns() + (int64_t)(hundredth_ns < WARM_NS ? hundredth_ns : WARM_NS);
    int64_t       best = INT64_MAX;

    while (nyx_clock_ns() < until && nyx_store_check(p->store) == 0) {
        const int64_t took = time_of(p);

        best = took < best ? took : best;
    }
    return best;
}

double nyx_rate_of(nyx_device *device, enum nyx_dtype type, double flops)
{
    const nyx_vulkan_device *gpu = nyx_device_gpu(device);
    const bool               idles = gpu && strcmp(gpu->type, "cpu") != 0;
    const int64_t            begin = nyx_clock_ns();
    double                   rate = 0.0;
    bool                     more = true;

    for (int64_t n = idles ? SMALLEST_OF_GPU : SMALLEST; more && n <= LARGEST; n *= 2) {
        const double work = 2e9 * (double)n * (double)n * (double)n;
        product      p = { 0 };
        int64_t      took;

        if (make(&p, device, type, n) == 0) {
            took = time_of(&p);
            more = took < ENOUGH_NS && nyx_clock_ns() - begin < ALL_NS;
            if (idles && (!more || n == LARGEST)) {
                const int64_t warm = time_warm(&p, 0.01 * flops * (double)took / work * 1e9);

                took = warm < took ? warm : took;
            }
            if (nyx_store_check(p.store) == 0 && work / (double)took > rate)
                rate = work / (double)took;
        }
        release(&p);
    }
    return rate;
}
