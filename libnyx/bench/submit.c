/* submit -- what it costs to run a program at all: one that adds two numbers. */
#include "bench/internal.h"

#include "graph/graph.h"

#include <string.h>

enum { SERIES = 64 };

struct smallest {
    nyx_graph      *graph;
    nyx_store      *store;
    nyx_program    *program;
    nyx_bench__host host;
    int             runs; /* before the result is waited for */
};

static int make(struct smallest *s, nyx_device *device)
{
    nyx_value x;
    int       status = nyx_graph_create(&s->graph, NYX_F32);

    if (status < 0)
        return status;
    x = nyx_graph_variable(s->graph, "x", NYX_F32, nyx_shape_of(1, (int64_t)1), NYX_ROLE_INPUT);
    nyx_graph_assign(s->graph, "y", NYX_ROLE_OUTPUT, nyx_graph_add(s->graph, x, x));
    if ((status = nyx_store_create(&s->store, device, 1)) < 0 ||
        (status = nyx_program_compile(&s->program, s->store, s->graph)) < 0)
        return status;
    return nyx_store_allocate(s->store);
}

static int64_t sample(void *context)
{
    struct smallest *s = context;
    const int64_t    start = nyx_clock_ns();
    float            y;

    nyx_bench__host_begin(&s->host);
    for (int i = 0; i < s->runs; i++)
        nyx_program_run(s->program, &(nyx_run){.step = (uint32_t)i});
    nyx_store_read(s->store, "y", &y);
    nyx_bench__host_end(&s->host, s->runs);
    return (nyx_clock_ns() - start) / s->runs;
}

static int measure(nyx_bench *bench, struct smallest *s, const char *what, int runs)
{
    const double rate =
        runs == 1 && nyx_bench_on_gpu(bench) ? nyx_bench_rate(bench, NYX_RATE_SUBMIT) : 0.0;
    nyx_bench_figure figure = {.op = "submit"};
    int              status;

    snprintf(figure.what, sizeof figure.what, "%s", what);
    s->runs = runs;
    nyx_bench__host_init(&s->host, bench);
    status = nyx_bench__take(bench, &figure, sample, s);
    nyx_bench__host_fill(&s->host, &figure);
    figure.limit_s = rate > 0.0 ? 1.0 / rate : 0.0;
    figure.limited_by = "submit";
    figure.limit_reason = runs > 1                  ? "nothing is known to be the least"
                          : nyx_bench_on_gpu(bench) ? "its limit could not be measured"
                                                    : "a processor is handed nothing";
    if (status < 0 || (status = nyx_store_check(s->store)) < 0)
        return status;
    return nyx_bench__add(bench, &figure);
}

int nyx_bench__submit(nyx_bench *bench)
{
    struct smallest *s;
    int              status = nyx_alloc(&s, sizeof *s);

    if (status < 0)
        return status;
    if ((status = make(s, bench->device)) == 0 &&
        (status = measure(bench, s, "run and read", 1)) == 0)
        status = measure(bench, s, "run, 64 in a row", SERIES);
    nyx_program_free(s->program);
    nyx_store_free(s->store);
    nyx_graph_free(s->graph);
    nyx_free(s);
    return status;
}
