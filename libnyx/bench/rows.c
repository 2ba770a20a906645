/* rows -- the table of what is measured. */
#include "bench/internal.h"

#include <string.h>

static const struct {
    const char *name, *help;
    int       (*run)(nyx_bench *bench);
} table[] = {
    { "copy", "bytes read and copied from sets of several sizes", nyx_bench__copy },
    { "matmul", "C = A B in f32: nt, nn, tn, of --sizes", nyx_bench__matmul },
    { "matvec", "one row times a matrix, f32, of --sizes", nyx_bench__matvec },
    { "attention", "softmax(Q K^T) V and its gradient, of --shapes", nyx_bench__attention },
    { "matmul_coded", "many rows times weights that stay coded, of --sizes and --formats", nyx_bench__matmul_coded },
    { "matvec_coded", "one row times weights that stay coded", nyx_bench__matvec_coded },
    { "quantize", "f32 to the codes of --formats", nyx_bench__quantize },
    { "dequantize", "codes of --formats to f32", nyx_bench__dequantize },
    { "forward", "the model of --config, once forward, on random data", nyx_bench__forward },
    { "step", "a training step of --config on random data", nyx_bench__step },
    { "submit", "the smallest program, handed to the device", nyx_bench__submit },
    { "generate", "a prompt read and one token more by --model", nyx_bench__generate },
    { "file", "a model written to --scratch and read back", nyx_bench__file },
    { "pipeline", "--command, from start to end", nyx_bench__pipeline },
};

int nyx_bench_row_count(void)
{
    return (int)(sizeof table / sizeof *table);
}

const char *nyx_bench_row_name(int index)
{
    return table[index].name;
}

const char *nyx_bench_row_help(int index)
{
    return table[index].help;
}

static int find(const char *name)
{
    for (int i = 0; i < nyx_bench_row_count(); i++)
        if (strcmp(table[i].name, name) == 0)
            return i;
    return -1;
}

bool nyx_bench_row_find(const char *name)
{
    return find(name) >= 0;
}

int nyx_bench_run(nyx_bench *bench, const char *row)
{
    NYX_BUG_IF(find(row) < 0);
    return table[find(row)].run(bench);
}

int nyx_bench_create(nyx_bench **out, nyx_device *device, const nyx_bench_options *options)
{
    nyx_bench *bench;
    int        status;

    *out = NULL;
    if ((status = nyx_alloc(&bench, sizeof *bench)) < 0)
        return status;
    bench->device = device;
    bench->options = *options;
    bench->options.memory_bytes = (options->memory_bytes + 4095) / 4096 * 4096;
    if ((status = nyx_alloc(&bench->from, bench->options.memory_bytes)) < 0 ||
        (status = nyx_alloc(&bench->to, bench->options.memory_bytes)) < 0) {
        nyx_bench_free(bench);
        return status;
    }
    /* Fresh pages are all one page of zeros until they are written. */
    memset(bench->from, 1, (size_t)bench->options.memory_bytes);
    memset(bench->to, 1, (size_t)bench->options.memory_bytes);
    nyx_bench__measure_peaks(bench);
    if ((status = nyx_sensors_open(&bench->sensors, options->root ? options->root : "")) < 0) {
        nyx_bench_free(bench);
        return status;
    }
    bench->peaks = nyx_bench__forget_peak();
    bench->held = nyx_process_memory(false);
    *out = bench;
    return 0;
}

void nyx_bench_free(nyx_bench *bench)
{
    if (!bench)
        return;
    nyx_sensors_close(bench->sensors);
    nyx_free(bench->figures);
    nyx_free(bench->tuned);
    nyx_free(bench->from);
    nyx_free(bench->to);
    nyx_free(bench);
}

int64_t nyx_bench_figure_count(const nyx_bench *bench)
{
    return bench->count;
}

const nyx_bench_figure *nyx_bench_figure_at(const nyx_bench *bench, int64_t index)
{
    return &bench->figures[index];
}

int64_t nyx_bench_tuned_count(const nyx_bench *bench)
{
    return bench->tuned_count;
}

const nyx_bench_tuned *nyx_bench_tuned_at(const nyx_bench *bench, int64_t index)
{
    return &bench->tuned[index];
}

/* ---- copy --------------------------------------------------------------------- */

struct pass {
    nyx_bench *bench;
    int64_t    bytes;
};

static int64_t read_sample(void *context)
{
    const struct pass *pass = context;

    return nyx_bench__read_pass(pass->bench, pass->bytes);
}

static int64_t copy_sample(void *context)
{
    const struct pass *pass = context;

    return nyx_bench__copy_pass(pass->bench, pass->bytes);
}

/* ---- the same on a GPU --------------------------------------------------------- */

struct moving {
    nyx_gauge *gauge;
    double     bytes; /* of one pass over the set */
};

static int64_t moving_sample(void *context)
{
    const struct moving *m = context;

    return (int64_t)((double)nyx_gauge_round(m->gauge) * m->bytes / nyx_gauge_work(m->gauge));
}

/* Of one set; where `least` is not below it, nothing. */
static int move(nyx_bench *bench, enum nyx_rate rate, int64_t bytes, int64_t *least)
{
    nyx_bench_figure figure = { .op = "copy", .limit_reason = "this row measures a limit" };
    struct moving    moving;
    int              status = nyx_gauge_open(&moving.gauge, bench->device, rate, bytes);

    if (status < 0)
        return status;
    bytes = nyx_gauge_bytes(moving.gauge);
    if (bytes > *least) {
        *least = bytes;
        moving.bytes = figure.bytes = (double)bytes * (rate == NYX_RATE_COPY ? 2.0 : 1.0);
        snprintf(figure.what, sizeof figure.what, "%s %lld KiB", nyx_rate_names[rate], (long long)(bytes / 1024));
        (void)nyx_gauge_measure(moving.gauge); /* clocks rise */
        status = nyx_bench__measure(bench, &figure, moving_sample, &moving);
    }
    nyx_gauge_close(moving.gauge);
    return status < 0 ? status : nyx_device_check(bench->device);
}

static int move_all(nyx_bench *bench)
{
    static const int64_t sizes[] = { 1 << 20, 32 << 20, 0 };
    int                  status = 0;

    for (int rate = NYX_RATE_READ; rate <= NYX_RATE_COPY && status == 0; rate++) {
        int64_t least = 0;

        for (size_t i = 0; i < sizeof sizes / sizeof *sizes && status == 0; i++)
            status = move(bench, (enum nyx_rate)rate, sizes[i], &least);
    }
    for (int rate = NYX_RATE_UPLOAD; rate <= NYX_RATE_DOWNLOAD && status == 0; rate++)
        status = move(bench, (enum nyx_rate)rate, 0, &(int64_t){ 0 });
    return status;
}

int nyx_bench__copy(nyx_bench *bench)
{
    if (nyx_bench_on_gpu(bench))
        return move_all(bench);
    static const int64_t sizes[] = { 32 << 10, 1 << 20, 16 << 20, INT64_MAX };
    int64_t              last = 0;
    int                  status = 0;

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes && status == 0; i++) {
        struct pass pass = { bench, sizes[i] < bench->options.memory_bytes ? sizes[i] : bench->options.memory_bytes };

        for (int copy = 0; copy < 2 && status == 0 && pass.bytes > last; copy++) {
            nyx_bench_figure figure = { .op = "copy", .bytes = (double)pass.bytes * (copy ? 2.0 : 1.0),
                                        .limit_reason = "this row measures a limit" };

            snprintf(figure.what, sizeof figure.what, "%s %lld KiB", copy ? "copy" : "read",
                     (long long)(pass.bytes / 1024));
            status = nyx_bench__measure(bench, &figure, copy ? copy_sample : read_sample, &pass);
        }
        last = pass.bytes;
    }
    return status;
}
