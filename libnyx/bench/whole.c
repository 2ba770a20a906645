/* whole -- what a user waits for: a training step, a file written and read. */
#include "bench/internal.h"

#include "file/file.h"
#include "train/train.h"

#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

/* ---- step ------------------------------------------------------------------- */

enum { WARM_STEPS = 5, STEPS_LEAST = 15, STEPS_MOST = 300 };

struct steps {
    nyx_bench      *bench;
    int64_t         last_ns, count;
    nyx_bench__host host;
};

static void after_step(void *context, const nyx_train_progress *progress)
{
    struct steps *steps = context;
    const int64_t now = nyx_clock_ns();

    if (progress->step > WARM_STEPS && steps->count < NYX_BENCH__SAMPLES_MOST) {
        steps->bench->samples[steps->count++] = 1e-9 * (double)(now - steps->last_ns);
        nyx_bench__host_end(&steps->host, 1);
    }
    steps->last_ns = now;
    nyx_bench__host_begin(&steps->host);
}

/* Rows of random tokens; every one is also its own target. */
static int make_data(nyx_dataset *out, int64_t rows, int64_t length, int64_t vocabulary)
{
    nyx_random random;
    int        status;

    *out = (nyx_dataset){ .kind = "random", .length = length, .vocabulary = vocabulary, .ignore = -100, .puzzles = 1,
                          .train.rows = rows };
    if ((status = nyx_alloc(&out->train.inputs, rows * length * (int64_t)sizeof(int32_t))) < 0 ||
        (status = nyx_alloc(&out->train.targets, rows * length * (int64_t)sizeof(int32_t))) < 0)
        return status;
    nyx_random_init(&random, 3, 4);
    for (int64_t i = 0; i < rows * length; i++)
        out->train.inputs[i] = out->train.targets[i] = (int32_t)nyx_random_below(&random, (uint64_t)vocabulary);
    return 0;
}

static int read_config(nyx_config *out, const char *path)
{
    nyx_json *json;
    int       status = nyx_json_read(&json, path);

    if (status == 0)
        status = nyx_config_parse(out, json, path);
    nyx_json_free(json);
    return status;
}

/* As many steps as the time allows, if they reach a third of the peak. */
static int64_t step_count(nyx_bench *bench, double flops)
{
    const double peak = nyx_bench_peak_flops(bench), guess = peak > 0.0 ? 3.0 * flops / peak : 0.1;
    const double count = bench->options.seconds / (guess > 1e-6 ? guess : 1e-6);

    return WARM_STEPS + (int64_t)fmin(fmax(count, STEPS_LEAST), STEPS_MOST);
}

/* What its products ask of their kernels, each once. */
struct problems {
    nyx_tune_problem *list;
    int64_t           count, room;
};

static bool is_among(const struct problems *p, const nyx_tune_problem *one)
{
    for (int64_t i = 0; i < p->count; i++)
        if (p->list[i].type == one->type && p->list[i].variant == one->variant &&
            !memcmp(p->list[i].extents, one->extents, sizeof one->extents))
            return true;
    return false;
}

static int find_problems(struct problems *out, nyx_device *device, const nyx_graph *g)
{
    int status = 0;

    for (int n = 0; n < nyx_graph_node_count(g) && status == 0; n++) {
        const nyx_node  *node = nyx_graph_node(g, n);
        nyx_tune_problem problem;

        if (node->op != NYX_OP_MATMUL || nyx_tune_problem_of(&problem, device, g, node) < 0 || is_among(out, &problem))
            continue;
        if ((status = nyx_array_grow(&out->list, &out->room, out->count, sizeof *out->list, 16)) == 0)
            out->list[out->count++] = problem;
    }
    return status;
}

/* Frees the trainer: what is compiled later takes what was found. */
static int tune(nyx_bench *bench, nyx_trainer *trainer)
{
    struct problems problems = { 0 };
    int             status = find_problems(&problems, bench->device, nyx_trainer_graph(trainer));

    nyx_trainer_free(trainer);
    for (int64_t i = 0; i < problems.count && status == 0; i++)
        status = nyx_bench__tune_product(bench, &problems.list[i]);
    nyx_free(problems.list);
    return status;
}

static int train(nyx_bench *bench, nyx_train_options *options)
{
    const enum nyx_dtype type = bench->options.type;
    struct steps         steps = { .bench = bench };
    nyx_bench_figure     figure = { .op = "step" };
    nyx_trainer         *trainer;
    nyx_train_result     result;
    char                 precision[32];
    int                  status;

    snprintf(precision, sizeof precision, "precision=%s", nyx_dtype_name(type));
    if ((status = nyx_passes_parse(&options->passes, precision)) < 0 ||
        (status = nyx_trainer_create(&trainer, bench->device, options)) < 0)
        return status;
    figure.flops = nyx_trainer_flops(trainer);
    if (!bench->options.tune)
        nyx_trainer_free(trainer);
    else if ((status = tune(bench, trainer)) < 0)
        return status;
    options->config.training.steps = step_count(bench, figure.flops);
    options->progress = after_step;
    options->context = &steps;
    nyx_bench__host_init(&steps.host, bench);
    if ((status = nyx_trainer_create(&trainer, bench->device, options)) < 0)
        return status;
    snprintf(figure.what, sizeof figure.what, "%s%sbatch %lld x %lld", type == NYX_F32 ? "" : nyx_dtype_name(type),
             type == NYX_F32 ? "" : " ", (long long)options->config.training.batch,
             (long long)options->config.data.length);
    if (bench->options.progress)
        bench->options.progress(bench->options.context, "step");
    nyx_bench__meter_start(bench);
    status = nyx_trainer_run(trainer, &result);
    nyx_bench__meter_stop(bench, &figure, options->config.training.steps);
    nyx_trainer_free(trainer);
    if (status < 0)
        return status;
    nyx_bench__limit(bench, &figure, type);
    nyx_bench__judge(&figure, bench->samples, steps.count, bench->options.spread_most);
    nyx_bench__host_fill(&steps.host, &figure);
    if (result.recoveries > 0)
        snprintf(figure.reason, sizeof figure.reason, "the device failed meanwhile and was opened again");
    return nyx_bench__add(bench, &figure);
}

/* ---- forward ------------------------------------------------------------------ */

struct forward {
    nyx_store     *store;
    nyx_evaluator *evaluator;
    const int32_t *inputs;
    int64_t        rows;
};

static int64_t forward_sample(void *context)
{
    struct forward *f = context;
    int64_t         start = nyx_clock_ns();

    nyx_evaluator_run(f->evaluator, f->inputs, NULL, NULL, f->rows);
    return nyx_clock_ns() - start;
}

/* Operations of the evaluation program, all its segments. */
static int forward_flops(double *out, const nyx_config *config)
{
    nyx_graph *g;
    int        status = nyx_graph_create(&g, NYX_F32);

    *out = 0.0;
    if (status < 0)
        return status;
    nyx_model_build_eval(g, config, config->training.batch, false);
    status = nyx_graph_prune(g);
    for (int n = 0; n < nyx_graph_node_count(g) && status == 0; n++)
        *out += nyx_node_cost(g, nyx_graph_node(g, n)).flops * (double)config->model.halt_max_steps;
    nyx_graph_free(g);
    return status;
}

static int start_parameters(nyx_store *store, const nyx_config *config)
{
    for (int i = 0; i < nyx_model_parameter_count(config); i++) {
        const nyx_parameter p = nyx_model_parameter(config, i);
        float              *values;
        int                 status = nyx_alloc(&values, nyx_shape_count(&p.shape) * (int64_t)sizeof *values);

        if (status < 0)
            return status;
        nyx_model_init(config, i, 1, values);
        nyx_store_write(store, p.name, values);
        nyx_free(values);
    }
    return 0;
}

static int forward(nyx_bench *bench, const nyx_config *config, const int32_t *inputs)
{
    struct forward   f = { .inputs = inputs, .rows = config->training.batch };
    nyx_bench_figure figure = { .op = "forward" };
    int              status;

    snprintf(figure.what, sizeof figure.what, "batch %lld x %lld", (long long)f.rows, (long long)config->data.length);
    if ((status = forward_flops(&figure.flops, config)) < 0 ||
        (status = nyx_store_create(&f.store, bench->device, 1)) < 0)
        return status;
    if ((status = nyx_evaluator_create(&f.evaluator, f.store, config, f.rows, false)) == 0 &&
        (status = nyx_store_allocate(f.store)) == 0 && (status = start_parameters(f.store, config)) == 0) {
        nyx_bench__limit(bench, &figure, NYX_F32);
        status = nyx_bench__measure(bench, &figure, forward_sample, &f);
    }
    nyx_evaluator_free(f.evaluator);
    nyx_store_free(f.store);
    return status;
}

/* ---- rows of the table ----------------------------------------------------------- */

/* Rows that run the model of --config on random data. */
static int with_config(nyx_bench *bench, const char *op, bool training)
{
    nyx_dataset       data = { 0 };
    nyx_train_options options = { .dataset = &data, .dataset_sha256 = "random", .seed = 1 };
    nyx_bench_figure  missing = { .what = "no configuration", .reason = "no --config=FILE.json was given",
                                  .limit_reason = "nothing was run" };
    int               status;

    snprintf(missing.op, sizeof missing.op, "%s", op);
    if (!bench->options.config)
        return nyx_bench__add(bench, &missing);
    if ((status = read_config(&options.config, bench->options.config)) < 0)
        return status;
    if (options.config.model.kind == NYX_MODEL_MLP)
        return nyx_error_set(NYX_ERR_UNSUPPORTED, "'%s' is a perceptron; %s measures models of tokens",
                             bench->options.config, op);
    status = make_data(&data, 4 * options.config.training.batch, bench->options.length, bench->options.vocabulary);
    if (status == 0 &&
        (status = nyx_config_bind(&options.config, data.vocabulary, data.length, data.ignore, data.puzzles,
                                  bench->options.config)) == 0)
        status = training ? train(bench, &options) : forward(bench, &options.config, data.train.inputs);
    nyx_dataset_release(&data);
    return status;
}

int nyx_bench__forward(nyx_bench *bench)
{
    return with_config(bench, "forward", false);
}

int nyx_bench__step(nyx_bench *bench)
{
    return with_config(bench, "step", true);
}

/* ---- file ------------------------------------------------------------------- */

enum { FILE_COLS = 1024, PLAIN_TRIES = 5 };

struct scratch {
    const char *path, *plain;
    float      *values;
    int64_t     rows;
    bool        cold;   /* drop the system's pages of the file before it is read */
    int         status; /* the first failure */
};

static int write_file(struct scratch *s)
{
    const nyx_tensor tensor = { .dtype = NYX_F32,
                                .shape = nyx_shape_of(2, s->rows, (int64_t)FILE_COLS),
                                .data = s->values };
    nyx_writer      *writer;
    int              status = nyx_writer_open(&writer, s->path, "model");

    if (status < 0)
        return status;
    if ((status = nyx_writer_tensor(writer, "/tensors/scratch", &tensor)) < 0) {
        nyx_writer_discard(writer);
        return status;
    }
    return nyx_writer_commit(writer);
}

static int read_file(struct scratch *s)
{
    nyx_reader *reader;
    int         status = nyx_reader_open(&reader, s->path);

    if (status < 0)
        return status;
    status = nyx_reader_read(reader, nyx_reader_entry(reader, 0), s->values);
    nyx_reader_close(reader);
    return status;
}

static int64_t write_sample(void *context)
{
    struct scratch *s = context;
    int64_t         start = nyx_clock_ns();
    int             status = s->status < 0 ? s->status : write_file(s);

    s->status = status;
    return nyx_clock_ns() - start;
}

static void drop_pages(const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return;
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    close(fd);
}

static int64_t read_sample(void *context)
{
    struct scratch *s = context;
    int64_t         start;
    int             status;

    if (s->cold)
        drop_pages(s->path);
    start = nyx_clock_ns();
    status = s->status < 0 ? s->status : read_file(s);

    s->status = status;
    return nyx_clock_ns() - start;
}

/* Seconds that the same bytes take without a format or digests: the best of a
 * few. What is read is what was written last. 0: it failed. */
static double plain_transfer(const struct scratch *s, bool reading)
{
    const size_t bytes = (size_t)s->rows * 4 * FILE_COLS;
    double       best = 0.0;

    for (int i = 0; i < PLAIN_TRIES; i++) {
        const int fd = open(s->plain, reading ? O_RDONLY | O_CLOEXEC : O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        int64_t   start;
        size_t    done = 0;
        double    seconds;

        if (fd < 0)
            return 0.0;
        if (s->cold)
            posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        start = nyx_clock_ns();
        while (done < bytes) {
            char         *at = (char *)s->values + done;
            const ssize_t moved = reading ? read(fd, at, bytes - done) : write(fd, at, bytes - done);

            if (moved <= 0)
                break;
            done += (size_t)moved;
        }
        if (!reading && fsync(fd) < 0)
            done = 0;
        seconds = 1e-9 * (double)(nyx_clock_ns() - start);
        close(fd);
        if (done < bytes)
            return 0.0;
        best = best > 0.0 && best < seconds ? best : seconds;
    }
    return best;
}

static void limit_file(const struct scratch *s, nyx_bench_figure *figure, bool reading)
{
    figure->limit_s = plain_transfer(s, reading);
    figure->limited_by = "disk";
    if (!(figure->limit_s > 0.0))
        figure->limit_reason = "the same bytes without a format could not be moved";
}

int nyx_bench__file(nyx_bench *bench)
{
    char           plain[1024];
    struct scratch s = { .path = bench->options.scratch,
                         .rows = (bench->options.file_bytes + 4 * FILE_COLS - 1) / (4 * FILE_COLS) };
    int            status;

    if (!s.path)
        return nyx_bench__add(bench, &(nyx_bench_figure){ .op = "file", .what = "no file",
                                                          .reason = "no --scratch=FILE was given",
                                                          .limit_reason = "nothing was run" });
    if (access(s.path, F_OK) == 0)
        return nyx_error_set(NYX_ERR_USAGE, "'%s' exists; --scratch names a file that is removed again", s.path);
    if ((status = nyx_alloc(&s.values, s.rows * 4 * FILE_COLS)) < 0)
        return status;
    snprintf(plain, sizeof plain, "%s.plain", s.path);
    s.plain = plain;
    for (int which = 0; which < 3 && status == 0; which++) {
        static const char *const names[] = { "write and sync", "read", "read dropped pages" };
        nyx_bench_figure figure = { .op = "file", .bytes = (double)s.rows * 4.0 * FILE_COLS };

        snprintf(figure.what, sizeof figure.what, "%s %lld KiB", names[which], (long long)(s.rows * FILE_COLS / 256));
        s.cold = which == 2;
        limit_file(&s, &figure, which > 0);
        status = nyx_bench__measure(bench, &figure, which ? read_sample : write_sample, &s);
        status = s.status < 0 ? s.status : status;
    }
    unlink(s.path);
    unlink(s.plain);
    nyx_free(s.values);
    return status;
}
