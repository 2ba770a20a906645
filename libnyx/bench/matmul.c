/* matmul -- matrix products through the device, as models run them. */
#include "bench/internal.h"

#include "graph/graph.h"

#include <string.h>

static const char *const mode_names[] = { "nt", "nn", "tn" };

void nyx_bench__product_release(nyx_bench__product *product)
{
    nyx_program_free(product->program);
    nyx_store_free(product->store);
    nyx_graph_free(product->graph);
}

/* The product alone, without the copy of its result. */
int64_t nyx_bench__product_time(nyx_bench__product *product)
{
    nyx_program_trace(product->program, true);
    nyx_program_run(product->program, &(nyx_run){ 0 });
    return nyx_program_time_ns(product->program, product->op);
}

static int64_t sample(void *context)
{
    return nyx_bench__product_time(context);
}

int nyx_bench__product_measure(nyx_bench *bench, nyx_bench_figure *figure, nyx_bench__product *product)
{
    int status;

    if (sample(product) == 0) {
        if ((status = nyx_store_check(product->store)) < 0)
            return status;
        snprintf(figure->reason, sizeof figure->reason, "the device tells no times");
        return nyx_bench__add(bench, figure);
    }
    status = nyx_bench__measure(bench, figure, sample, product);
    return status < 0 ? status : nyx_store_check(product->store);
}

int nyx_bench__write(nyx_store *store, const char *name, enum nyx_dtype type, const float *values, int64_t elems)
{
    char *stored;
    int   status = nyx_alloc(&stored, elems * nyx_dtype_bytes(type));

    if (status < 0)
        return status;
    nyx_convert_from_f32(type, stored, values, elems);
    nyx_store_write(store, name, stored);
    nyx_free(stored);
    return 0;
}

/* Small whole numbers: sums stay far from overflow and from subnormals. */
static int fill(nyx_store *store, enum nyx_dtype type, const char *name, int64_t elems)
{
    float *values;
    int    status = nyx_alloc(&values, elems * (int64_t)sizeof *values);

    if (status < 0)
        return status;
    for (int64_t i = 0; i < elems; i++)
        values[i] = (float)(i * 7 % 13 - 6);
    status = nyx_bench__write(store, name, type, values, elems);
    nyx_free(values);
    return status;
}

struct asked {
    nyx_bench     *bench;
    enum nyx_dtype type;
    int            mode;
    nyx_bench_size size;
};

static int prepare(nyx_bench__product *p, void *context)
{
    const struct asked  *asked = context;
    nyx_bench           *bench = asked->bench;
    const int            mode = asked->mode;
    const nyx_bench_size s = asked->size;
    const nyx_shape a = mode == NYX_MATMUL_TN ? nyx_shape_of(2, s.k, s.m) : nyx_shape_of(2, s.m, s.k);
    const nyx_shape b = mode == NYX_MATMUL_NT ? nyx_shape_of(2, s.n, s.k) : nyx_shape_of(2, s.k, s.n);
    nyx_value       left, right;
    int             status;

    *p = (nyx_bench__product){ .op = NYX_OP_MATMUL };
    if ((status = nyx_graph_create(&p->graph, NYX_F32)) < 0)
        return status;
    left = nyx_graph_variable(p->graph, "a", asked->type, a, NYX_ROLE_INPUT);
    right = nyx_graph_variable(p->graph, "b", asked->type, b, NYX_ROLE_INPUT);
    nyx_graph_assign(p->graph, "c", NYX_ROLE_OUTPUT,
                     nyx_graph_matmul(p->graph, left, right, 0, (enum nyx_matmul_mode)mode));
    if ((status = nyx_store_create(&p->store, bench->device, 1)) < 0 ||
        (status = nyx_program_compile(&p->program, p->store, p->graph)) < 0 ||
        (status = nyx_store_allocate(p->store)) < 0 ||
        (status = fill(p->store, asked->type, "a", s.m * s.k)) < 0)
        return status;
    return fill(p->store, asked->type, "b", s.n * s.k);
}

struct yardstick {
    const nyx_bench__blas *blas;
    int                    mode;
    nyx_bench_size         size;
    float                 *a, *b, *c;
};

static int64_t yardstick_sample(void *context)
{
    struct yardstick *y = context;
    int64_t           start = nyx_clock_ns();

    nyx_bench__blas_matmul(y->blas, y->mode, y->size, y->a, y->b, y->c);
    return nyx_clock_ns() - start;
}

static int measure_yardstick(nyx_bench *bench, nyx_bench_figure *figure, int mode, nyx_bench_size s)
{
    const int        threads = nyx_pool_parts(nyx_device_pool(bench->device));
    struct yardstick y = { nyx_bench__blas_find(threads), mode, s, NULL, NULL, NULL };
    int              status;

    figure->yardstick_reason = "libopenblas is not installed";
    if (bench->options.type != NYX_F32 || nyx_bench_on_gpu(bench)) {
        figure->yardstick_reason = "it multiplies f32 on processors only";
        return 0;
    }
    if (!y.blas)
        return 0;
    if ((status = nyx_alloc(&y.a, s.m * s.k * 4)) < 0 || (status = nyx_alloc(&y.b, s.n * s.k * 4)) < 0 ||
        (status = nyx_alloc(&y.c, s.m * s.n * 4)) < 0)
        goto done;
    for (int64_t i = 0; i < s.m * s.k; i++)
        y.a[i] = (float)(i * 7 % 13 - 6);
    for (int64_t i = 0; i < s.n * s.k; i++)
        y.b[i] = (float)(i * 7 % 13 - 6);
    figure->yardstick_s = nyx_bench__median(bench, yardstick_sample, &y);
    figure->yardstick_reason = "its samples spread too wide";
done:
    nyx_free(y.a);
    nyx_free(y.b);
    nyx_free(y.c);
    return status;
}

/* "bf16 nt 512x512x512", of one row "f32 512x512". */
static void name_product(char *out, size_t room, const struct asked *asked, bool row)
{
    const nyx_bench_size s = asked->size;
    const char          *type = nyx_dtype_name(asked->type);

    if (row)
        snprintf(out, room, "%s %lldx%lld", type, (long long)s.n, (long long)s.k);
    else
        snprintf(out, room, "%s%s%s %lldx%lldx%lld", asked->type == NYX_F32 ? "" : type, asked->type == NYX_F32 ? "" : " ",
                 mode_names[asked->mode], (long long)s.m, (long long)s.n, (long long)s.k);
}

int nyx_bench__tune_product(nyx_bench *bench, const nyx_tune_problem *problem)
{
    struct asked asked = { bench, problem->type, problem->variant,
                           { problem->extents[0], problem->extents[1], problem->extents[2] } };
    char         what[80];

    name_product(what, sizeof what, &asked, false);
    return nyx_bench__tune(bench, problem->kernel, what, prepare, &asked);
}

static int measure(nyx_bench *bench, const char *op, int mode, nyx_bench_size s)
{
    const enum nyx_dtype type = bench->options.type;
    const double         width = (double)nyx_dtype_bytes(type);
    nyx_bench_figure     figure = { .flops = 2.0 * (double)s.m * (double)s.n * (double)s.k,
                                    .bytes = width * ((double)s.m * (double)s.k + (double)s.n * (double)s.k) +
                                             4.0 * (double)s.m * (double)s.n };
    nyx_bench__product   product = { 0 };
    struct asked         asked = { bench, type, mode, s };
    int                  status;

    snprintf(figure.op, sizeof figure.op, "%s", op);
    name_product(figure.what, sizeof figure.what, &asked, s.m == 1 && strcmp(op, "matvec") == 0);
    if (bench->options.tune && (status = nyx_bench__tune(bench, op, figure.what, prepare, &asked)) < 0)
        return status;
    nyx_bench__limit(bench, &figure, type);
    if ((status = measure_yardstick(bench, &figure, mode, s)) == 0 && (status = prepare(&product, &asked)) == 0)
        status = nyx_bench__product_measure(bench, &figure, &product);
    nyx_bench__product_release(&product);
    return status;
}

int nyx_bench__matmul(nyx_bench *bench)
{
    static const nyx_bench_size usual[] = { { 1024, 1024, 1024 }, { 2304, 384, 128 }, { 2304, 128, 512 },
                                            { 1024, 10000, 256 }, { 16, 1024, 1024 }, { 1024, 16, 1024 } };
    const bool                  given = bench->options.size_count > 0;
    const int                   count = given ? bench->options.size_count : (int)(sizeof usual / sizeof *usual);
    int                         status = 0;

    for (int i = 0; i < count && status == 0; i++)
        for (int mode = NYX_MATMUL_NT; mode <= NYX_MATMUL_TN && status == 0; mode++)
            if (strstr(bench->options.modes, mode_names[mode]))
                status = measure(bench, "matmul", mode, given ? bench->options.sizes[i] : usual[i]);
    return status;
}

int nyx_bench__matvec(nyx_bench *bench)
{
    static const nyx_bench_size usual[] = { { 1, 1024, 1024 }, { 1, 4096, 4096 } };
    const bool                  given = bench->options.size_count > 0;
    const int                   count = given ? bench->options.size_count : (int)(sizeof usual / sizeof *usual);
    int                         status = 0;

    for (int i = 0; i < count && status == 0; i++) {
        nyx_bench_size size = given ? bench->options.sizes[i] : usual[i];

        size.m = 1;
        status = measure(bench, "matvec", NYX_MATMUL_NT, size);
    }
    return status;
}
