/* bench/internal -- what the files of bench/ share and nobody else may know. */
#ifndef NYX_BENCH_INTERNAL_H
#define NYX_BENCH_INTERNAL_H

#include "bench/bench.h"
#include "device/machine.h"

enum { NYX_BENCH__SAMPLES_MOST = 501, NYX_BENCH__ISAS = 4, NYX_BENCH__POWERS = 48 };

struct nyx_bench {
    nyx_device       *device;
    nyx_bench_options options;
    nyx_bench_figure *figures;
    int64_t           count, room;
    float            *from, *to;                 /* memory_bytes each */
    double            peak[NYX_BENCH__ISAS];     /* in the order of nyx_bench__isas; 0: not here */
    double            read[NYX_BENCH__POWERS];   /* bytes a second of a set of 2^i bytes; 0: not yet */
    double            rate[NYX_RATE_COUNT];      /* of a GPU */
    bool              gauged[NYX_RATE_COUNT];    /* it was asked */
    char              no_rate[NYX_RATE_COUNT][160]; /* why a gauge could not be opened */
    double            samples[NYX_BENCH__SAMPLES_MOST];
    nyx_bench_tuned  *tuned;
    int64_t           tuned_count, tuned_room;
    nyx_sensors      *sensors;
    double            joules;                    /* of the meter, when it started */
    int64_t           held;                      /* bytes resident when nothing is measured */
    bool              peaks;                     /* the system lets a process forget its peak */
};

extern const char *const nyx_bench__isas[NYX_BENCH__ISAS]; /* "base" "neon" "avx2" "avx512" */

/* A program that multiplies once. */
typedef struct {
    nyx_graph   *graph;
    nyx_store   *store;
    nyx_program *program;
    enum nyx_op  op;
} nyx_bench__product;

void nyx_bench__product_release(nyx_bench__product *product);
/* Measure the operation alone, without what is around it. DEVICE. */
int  nyx_bench__product_measure(nyx_bench *bench, nyx_bench_figure *figure, nyx_bench__product *product) NYX_CHECKED;

/* Values into a variable of that type, which rounds them. MEMORY. */
int nyx_bench__write(nyx_store *store, const char *name, enum nyx_dtype type, const float *values,
                     int64_t elems) NYX_CHECKED;

/* Nanoseconds of the operation alone in one run; 0: the device tells no times. */
int64_t nyx_bench__product_time(nyx_bench__product *product);

/* Make the product, with what kernels are forced to take. */
typedef int (*nyx_bench__prepare)(nyx_bench__product *out, void *context);
/* Find the constants for it, and keep them for programs of later runs. */
int nyx_bench__tune(nyx_bench *bench, const char *op, const char *what, nyx_bench__prepare prepare,
                    void *context) NYX_CHECKED;

/* The same for a problem of the kernels matmul and matvec. */
int nyx_bench__tune_product(nyx_bench *bench, const nyx_tune_problem *problem) NYX_CHECKED;

/* Nanoseconds of one run. */
typedef int64_t (*nyx_bench__sample)(void *context);

void   nyx_bench__sort(double *values, int64_t count); /* ascending */
double nyx_bench__middle(double *values, int64_t count); /* the median; sorts them */
/* Median, interval and verdict of samples, in seconds; sorts them. */
void nyx_bench__judge(nyx_bench_figure *figure, double *samples, int64_t count, double spread_most);

/* Warm up, take samples, judge; `figure` brings op, what, flops, bytes, and
 * what is known of its yardstick. The second adds it to the bench. STOPPED, MEMORY. */
int nyx_bench__take(nyx_bench *bench, nyx_bench_figure *figure, nyx_bench__sample sample, void *context) NYX_CHECKED;
int nyx_bench__measure(nyx_bench *bench, nyx_bench_figure *figure, nyx_bench__sample sample, void *context) NYX_CHECKED;
/* Energy of what runs in between, `runs` times, into the figure. */
void nyx_bench__meter_start(nyx_bench *bench);
void nyx_bench__meter_stop(nyx_bench *bench, nyx_bench_figure *figure, int64_t runs);
/* Let the peak of this process be what it holds now; false: not possible here. */
bool nyx_bench__forget_peak(void);
/* Only the time, for yardsticks: the median, or 0 when it may not be told. */
double nyx_bench__median(nyx_bench *bench, nyx_bench__sample sample, void *context);
/* Add a figure that is complete, or one that has only a reason. */
int nyx_bench__add(nyx_bench *bench, const nyx_bench_figure *figure) NYX_CHECKED;
/* Set limit_s and limited_by from flops and bytes; what is multiplied is of
 * this type, i8 where what is coded meets coded activations. */
void nyx_bench__limit(nyx_bench *bench, nyx_bench_figure *figure, enum nyx_dtype type);

/* host.c: the host's part in runs, each from begin to end. */
typedef struct {
    const nyx_device *device;
    bool              known;
    int64_t           begin_ns, count;
    nyx_queue_use     begin;
    double            submits; /* of a run */
    double            host[NYX_BENCH__SAMPLES_MOST], submit[NYX_BENCH__SAMPLES_MOST]; /* seconds, of the last runs */
} nyx_bench__host;
void nyx_bench__host_init(nyx_bench__host *host, const nyx_bench *bench);
void nyx_bench__host_begin(nyx_bench__host *host);
void nyx_bench__host_end(nyx_bench__host *host, int64_t runs);
void nyx_bench__host_fill(nyx_bench__host *host, nyx_bench_figure *figure);

/* limits.c */
void nyx_bench__measure_peaks(nyx_bench *bench);
/* Keep a GPU busy until its rate is steady: whoever prepared a figure on the
 * processor has let its clock fall. */
void nyx_bench__wake(nyx_bench *bench);
/* A pass over the first `bytes` of the buffers by all threads: nanoseconds, of
 * short ones the mean of many. */
int64_t nyx_bench__read_pass(nyx_bench *bench, int64_t bytes);
int64_t nyx_bench__copy_pass(nyx_bench *bench, int64_t bytes);

/* blas.c: the yardstick. C [m, n] = A B with the layouts of NYX_OP_MATMUL. */
typedef struct nyx_bench__blas nyx_bench__blas;
const nyx_bench__blas *nyx_bench__blas_find(int threads); /* NULL: not installed */
void nyx_bench__blas_matmul(const nyx_bench__blas *blas, int mode, nyx_bench_size size, const float *a, const float *b,
                            float *c);

/* Rows. */
int nyx_bench__matmul(nyx_bench *bench) NYX_CHECKED;
int nyx_bench__matvec(nyx_bench *bench) NYX_CHECKED;
int nyx_bench__matmul_coded(nyx_bench *bench) NYX_CHECKED;
int nyx_bench__matvec_coded(nyx_bench *bench) NYX_CHECKED;
int nyx_bench__generate(nyx_bench *bench) NYX_CHECKED;
int nyx_bench__attention(nyx_bench *bench) NYX_CHECKED;
int nyx_bench__copy(nyx_bench *bench) NYX_CHECKED;
int nyx_bench__quantize(nyx_bench *bench) NYX_CHECKED;
int nyx_bench__dequantize(nyx_bench *bench) NYX_CHECKED;
int nyx_bench__step(nyx_bench *bench) NYX_CHECKED;
int nyx_bench__submit(nyx_bench *bench) NYX_CHECKED;
int nyx_bench__forward(nyx_bench *bench) NYX_CHECKED;
int nyx_bench__file(nyx_bench *bench) NYX_CHECKED;
int nyx_bench__pipeline(nyx_bench *bench) NYX_CHECKED;

#endif
