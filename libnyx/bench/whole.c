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
    nyx_bench *bench;
    int64_t    last_ns, count;
};

static void after_step(void *context, const nyx_train_progress *progress)
{
    struct steps *steps = context;
    const int64_t now = nyx_clock_ns();

    if (progress->step > WARM_STEPS && steps->count < NYX_BENCH__SAMPLES_MOST)
        steps->bench->samples[steps->count++] = 1e-9 * (double)(now - steps->last_ns);
    steps->last_ns = now;
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

static int train(nyx_bench *bench, nyx_train_options *options)
{
    struct steps     steps = { .bench = bench };
    nyx_bench_figure figure = { .op = "step" };
    nyx_trainer     *trainer;
    nyx_train_result result;
    int              status = nyx_trainer_create(&trainer, bench->device, options);

    if (status < 0)
        return status;
    figure.flops = nyx_trainer_flops(trainer);
    nyx_trainer_free(trainer);
    options->config.training.steps = step_count(bench, figure.flops);
    options->progress = after_step;
    options->context = &steps;
    if ((status = nyx_trainer_create(&trainer, bench->device, options)) < 0)
        return status;
    snprintf(figure.what, sizeof figure.what, "batch %lld x %lld", (long long)options->config.training.batch,
             (long long)options->config.data.length);
    if (bench->options.progress)
        bench->options.progress(bench->options.context, "step");
    status = nyx_trainer_run(trainer, &result);
    nyx_trainer_free(trainer);
    if (status < 0)
        return status;
    nyx_bench__limit(bench, &figure);
    nyx_bench__judge(&figure, bench->samples, steps.count, bench->options.spread_most);
    return nyx_bench__add(bench, &figure);
}

int nyx_bench__step(nyx_bench *bench)
{
    nyx_dataset       data = { 0 };
    nyx_train_options options = { .dataset = &data, .dataset_sha256 = "random", .seed = 1 };
    int               status;

    if (!bench->options.config)
        return nyx_bench__add(bench, &(nyx_bench_figure){ .op = "step", .what = "no configuration",
                                                          .reason = "no --config=FILE.json was given",
                                                          .limit_reason = "nothing was run" });
    if ((status = read_config(&options.config, bench->options.config)) < 0)
        return status;
    if (options.config.model.kind == NYX_MODEL_MLP)
        return nyx_error_set(NYX_ERR_UNSUPPORTED, "'%s' is a perceptron; step measures models of tokens",
                             bench->options.config);
    status = make_data(&data, 4 * options.config.training.batch, bench->options.length, bench->options.vocabulary);
    if (status == 0 &&
        (status = nyx_config_bind(&options.config, data.vocabulary, data.length, data.ignore, data.puzzles,
                                  bench->options.config)) == 0)
        status = train(bench, &options);
    nyx_dataset_release(&data);
    return status;
}

/* ---- file ------------------------------------------------------------------- */

enum { FILE_COLS = 1024 };

struct scratch {
    const char *path;
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

int nyx_bench__file(nyx_bench *bench)
{
    const char    *no_limit = "disks and caches have no limit that is measured here";
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
    for (int which = 0; which < 3 && status == 0; which++) {
        static const char *const names[] = { "write and sync", "read", "read dropped pages" };
        nyx_bench_figure figure = { .op = "file", .bytes = (double)s.rows * 4.0 * FILE_COLS, .limit_reason = no_limit };

        snprintf(figure.what, sizeof figure.what, "%s %lld KiB", names[which], (long long)(s.rows * FILE_COLS / 256));
        s.cold = which == 2;
        status = nyx_bench__measure(bench, &figure, which ? read_sample : write_sample, &s);
        status = s.status < 0 ? s.status : status;
    }
    unlink(s.path);
    nyx_free(s.values);
    return status;
}
