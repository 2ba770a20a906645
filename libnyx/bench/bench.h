/* bench -- how fast this machine does what Nyx needs, beside its own limits.
 *
 *     nyx_bench *bench;
 *     nyx_bench_create(&bench, device, &options);      measures the limits
 *     nyx_bench_run(bench, "matmul");                  figures of one row of the table
 *     nyx_bench_describe(bench, result, run);
 *     nyx_bench_free(bench);
 *
 * A figure is the median time of one run, with a 95 % interval, after a warm-up
 * that lasts until medians stay put. A figure whose interval is too wide, or
 * that never became steady, has no number but the reason why: a busy machine
 * measures its other work.
 *
 * Limits come out of the same run: the most multiply-adds a second of a loop
 * that touches registers only, and the most bytes a second of a loop that only
 * reads, from memory as large as what the figure touches; a GPU's come from
 * device/gauge.h. A figure's limit is
 * the larger of the two times; the fraction of it that was reached says how
 * much is left. The read loop stops at 256-bit vectors, so that small sets in
 * the first-level cache may do a little better than it.
 *
 * Another row: a function that calls nyx_bench__measure for each of its cases,
 * and a line in the table (rows.c).
 */
#ifndef NYX_BENCH_H
#define NYX_BENCH_H

#include "device/gauge.h"
#include "device/tune.h"
#include "report/report.h"

typedef struct { int64_t m, n, k; } nyx_bench_size;
typedef struct { int64_t batch, heads, positions, width; } nyx_bench_heads; /* width: of a head */

typedef struct {
    double      seconds;      /* most time a figure, warm-up included */
    double      spread_most;  /* of the interval, as a share of the median */
    int64_t     memory_bytes; /* of each of the two buffers that bandwidths are measured on */
    int         size_count;   /* 0: the usual ones */
    nyx_bench_size sizes[32]; /* matmul, matvec (n x k); the same of coded weights */
    const char *modes;        /* matmul: "nt,nn,tn" */
    bool        tune;         /* products, attention, products of a step: find the kernel's constants first; 30 times `seconds` each */
    int         heads_count;  /* 0: the usual ones */
    nyx_bench_heads heads[8]; /* attention */
    enum nyx_dtype type;      /* matmul, matvec, attention, step: of what is multiplied, f32 f16 bf16 */
    const char *formats;      /* comma-separated; NULL: the examples of quant/, some of them for products */
    enum nyx_activations activations; /* coded products, generate */
    const char *config;       /* step: configuration; NULL: no figure */
    int64_t     length, vocabulary; /* of its random data */
    const char *model;        /* generate: a decoder's file; NULL: no figure */
    const char *scratch;      /* file: written, read, removed; NULL: no figure */
    int64_t     file_bytes;
    const char *root;         /* energy counters are read below it; NULL: / */
    const char *command;      /* pipeline: run by /bin/sh; NULL: no figure */
    void      (*progress)(void *context, const char *what); /* may be NULL */
    void       *context;
} nyx_bench_options;

typedef struct {
    char        op[16], what[80];  /* together the name: "matmul", "nt 1024x1024x1024" */
    double      flops, bytes;      /* of one run; 0: does not apply */
    double      median_s, low_s, high_s;
    int64_t     samples;
    char        reason[160];       /* "": there is a number */
    double      limit_s;           /* no run can be shorter; 0: see limit_reason */
    const char *limited_by;        /* "compute", "memory", "disk", "submit" */
    const char *limit_reason;
    double      yardstick_s;       /* OpenBLAS on the same; 0: see yardstick_reason */
    const char *yardstick_reason;  /* NULL: does not apply */
    double      energy_j;          /* of the processors in one run; 0: see energy_reason */
    char        energy_reason[200];
    double      host_s;            /* of a run: the host's own, without waiting for a GPU; 0: see host_reason */
    double      submit_s, submits; /* of it, in the driver; pieces of work that it was handed */
    const char *host_reason;       /* NULL: does not apply */
    int64_t     memory_bytes;      /* at the peak, beyond what the bench itself holds; 0: see memory_reason */
    const char *memory_reason;
} nyx_bench_figure;

/* Constants that were found, and how many were tried, refused by the driver's
 * compiler, dismissed because they gave a wrong product. */
typedef struct {
    char             what[96];
    nyx_tune_problem problem;
    nyx_genome       genome;
    nyx_tune_found   found;
    int64_t          tried, refused, wrong;
} nyx_bench_tuned;

typedef struct nyx_bench nyx_bench;
int  nyx_bench_create(nyx_bench **out, nyx_device *device, const nyx_bench_options *options) NYX_CHECKED;
void nyx_bench_free(nyx_bench *bench);

/* The table of rows. */
int         nyx_bench_row_count(void);
const char *nyx_bench_row_name(int index);
const char *nyx_bench_row_help(int index);
bool        nyx_bench_row_find(const char *name);

/* Measure a row. USAGE for what the row cannot take, STOPPED when asked to. */
int nyx_bench_run(nyx_bench *bench, const char *row) NYX_CHECKED;

int64_t                 nyx_bench_figure_count(const nyx_bench *bench);
const nyx_bench_figure *nyx_bench_figure_at(const nyx_bench *bench, int64_t index);
int64_t                 nyx_bench_tuned_count(const nyx_bench *bench);
const nyx_bench_tuned  *nyx_bench_tuned_at(const nyx_bench *bench, int64_t index);
/* Floating-point operations a second of the register loop, all threads, with
 * the device's instruction set; 0 where there is no such loop. */
double nyx_bench_peak_flops(nyx_bench *bench);
bool   nyx_bench_on_gpu(const nyx_bench *bench);
/* A rate of a GPU, measured when it is first asked for; 0: it has none. */
double nyx_bench_rate(nyx_bench *bench, enum nyx_rate rate);
double nyx_bench_rate_known(const nyx_bench *bench, enum nyx_rate rate); /* 0: nobody asked, or none */
/* The same of another type, f64 f16 bf16 int8, of a processor with the
 * extensions `isa` (nyx_machine.isa); 0: it has no instruction for it. */
double nyx_bench_type_peak(nyx_bench *bench, const char *type, const char *isa);
/* Bytes a second read from a set of so many bytes, all threads. */
double nyx_bench_read_bandwidth(nyx_bench *bench, int64_t bytes);

/* The kernels that OpenBLAS, the yardstick of matmul, ran with, in its words:
 * "SkylakeX"; NULL when it was not asked or is not installed. */
const char *nyx_bench_openblas(void);

/* What was asked goes into `result`, what was measured into `run`
 * (schemas/bench.schema.json). */
void nyx_bench_describe(const nyx_bench *bench, nyx_json *result, nyx_json *run);

/* Whether the JSON from `path` is a report to compare with: of this schema,
 * made on a machine with the processors that `run` names, of this device.
 * INPUT, UNSUPPORTED. */
int nyx_bench_check(const nyx_json *old, const nyx_json *run, const nyx_device *device, const char *path) NYX_CHECKED;
/* What else was not as it is now: sentences, into the array. */
void nyx_bench_differences(const nyx_bench *bench, const nyx_json *old, nyx_json *array);

/* Compare with an earlier report that nyx_bench_check took: a figure
 * is slower when its median is more than `threshold` above the old one.
 * Fills the array; returns how many are slower. Figures without a number, then
 * or now, or of other work then (another model, say), are counted in *unknown;
 * *compared counts the others. */
int64_t nyx_bench_compare(const nyx_bench *bench, const nyx_json *old, double threshold, nyx_json *array,
                          int64_t *compared, int64_t *unknown);

#endif
