/* describe -- figures as the objects that reports carry; two reports beside
 * each other. */
#include "bench/internal.h"

#include <math.h>
#include <string.h>

static void set_rate(nyx_json *object, const char *key, double work, double seconds, const char *reason)
{
    if (work > 0.0 && seconds > 0.0)
        nyx_json_set_real(object, key, work / seconds);
    else
        nyx_json_set_null(object, key, work > 0.0 ? reason : "does not apply");
}

static void set_time(nyx_json *object, const char *key, double seconds, const char *reason)
{
    if (reason[0])
        nyx_json_set_null(object, key, reason);
    else
        nyx_json_set_real(object, key, seconds);
}

static void describe_host(nyx_json *object, const nyx_bench_figure *f)
{
    static const char *const keys[] = { "host_s", "host_fraction", "submit_s", "submits" };
    const bool               known = f->host_s > 0.0, timed = known && !f->reason[0];
    const double values[] = { f->host_s, timed ? f->host_s / f->median_s : 0.0, f->submit_s, f->submits };

    for (int i = 0; i < 4; i++)
        if (i == 1 ? timed : known)
            nyx_json_set_real(object, keys[i], values[i]);
        else
            nyx_json_set_null(object, keys[i], known ? f->reason : f->host_reason);
}

static void describe_figure(nyx_json *object, const nyx_bench_figure *f)
{
    const bool   known = !f->reason[0];
    const double seconds = known ? f->median_s : 0.0;

    nyx_json_set_text(object, "op", f->op);
    nyx_json_set_text(object, "what", f->what);
    nyx_json_set_int(object, "samples", f->samples);
    set_time(object, "median_s", f->median_s, f->reason);
    set_time(object, "low_s", f->low_s, f->reason);
    set_time(object, "high_s", f->high_s, f->reason);
    set_rate(object, "flops_per_s", f->flops, seconds, f->reason);
    set_rate(object, "bytes_per_s", f->bytes, seconds, f->reason);
    if (f->limit_s > 0.0) {
        nyx_json_set_real(object, "limit_s", f->limit_s);
        nyx_json_set_text(object, "limited_by", f->limited_by);
    } else {
        nyx_json_set_null(object, "limit_s", f->limit_reason);
        nyx_json_set_null(object, "limited_by", f->limit_reason);
    }
    if (known && f->limit_s > 0.0)
        nyx_json_set_real(object, "fraction_of_limit", f->limit_s / f->median_s);
    else
        nyx_json_set_null(object, "fraction_of_limit", known ? f->limit_reason : f->reason);
    if (known && f->energy_j > 0.0)
        nyx_json_set_real(object, "energy_j", f->energy_j);
    else
        nyx_json_set_null(object, "energy_j", known && f->energy_reason[0] ? f->energy_reason : "nothing was measured");
    if (known && f->memory_bytes > 0)
        nyx_json_set_int(object, "memory_bytes", f->memory_bytes);
    else
        nyx_json_set_null(object, "memory_bytes",
                          known && f->memory_reason ? f->memory_reason : "nothing was measured");
    if (f->host_s > 0.0 || f->host_reason)
        describe_host(object, f);
    if (f->yardstick_s > 0.0)
        nyx_json_set_real(object, "openblas_s", f->yardstick_s);
    else
        nyx_json_set_null(object, "openblas_s", f->yardstick_reason ? f->yardstick_reason : "does not apply");
}

/* Of what was asked; null where the GPU has none. */
static void describe_gpu(nyx_json *object, const nyx_bench *bench)
{
    for (int i = 0; i < NYX_RATE_COUNT; i++)
        if (bench->gauged[i] && bench->rate[i] > 0.0)
            nyx_json_set_real(object, nyx_rate_names[i], bench->rate[i]);
        else if (bench->gauged[i])
            nyx_json_set_null(object, nyx_rate_names[i], "the device has nothing for it");
}

static void describe_limits(nyx_json *object, const nyx_bench *bench)
{
    nyx_json *peaks = nyx_json_add_object(object, "peak_flops_per_s");
    nyx_json *reads = nyx_json_add_array(object, "read");

    nyx_json_set_int(object, "threads", nyx_pool_parts(nyx_device_pool(bench->device)));
    if (nyx_bench_openblas())
        nyx_json_set_text(object, "openblas", nyx_bench_openblas());
    else
        nyx_json_set_null(object, "openblas", "not asked, or not installed");
    for (int i = 0; i < NYX_BENCH__ISAS; i++)
        if (bench->peak[i] > 0.0)
            nyx_json_set_real(peaks, nyx_bench__isas[i], bench->peak[i]);
        else
            nyx_json_set_null(peaks, nyx_bench__isas[i],
                              nyx_bench_on_gpu(bench) ? "a GPU was measured" : "not on this processor");
    if (nyx_bench_on_gpu(bench)) {
        nyx_json_set_text(object, "gpu_name", nyx_device_gpu(bench->device)->name);
        nyx_json_set_text(object, "gpu_driver", nyx_device_gpu(bench->device)->driver);
        describe_gpu(nyx_json_add_object(object, "gpu"), bench);
    }
    for (int i = 0; i < NYX_BENCH__POWERS; i++)
        if (bench->read[i] > 0.0) {
            nyx_json *read = nyx_json_push_object(reads);

            nyx_json_set_int(read, "bytes", (int64_t)1 << i);
            nyx_json_set_real(read, "bytes_per_s", bench->read[i]);
        }
}

static void describe_tuned(nyx_json *array, const nyx_bench *bench)
{
    for (int64_t i = 0; i < bench->tuned_count; i++) {
        const nyx_bench_tuned *t = &bench->tuned[i];
        nyx_json              *object = nyx_json_push_object(array), *genes;

        nyx_json_set_text(object, "what", t->what);
        nyx_json_set_text(object, "kernel", t->problem.kernel);
        genes = nyx_json_add_array(object, "genome");
        for (int g = 0; g < NYX_GENES; g++)
            nyx_json_push_int(genes, t->genome.genes[g]);
        nyx_json_set_real(object, "median_s", t->found.median_s);
        nyx_json_set_real(object, "usual_s", t->found.usual_s);
        nyx_json_set_real(object, "spread", t->found.spread);
        nyx_json_set_int(object, "samples", t->found.samples);
        nyx_json_set_int(object, "tried", t->tried);
        nyx_json_set_int(object, "refused", t->refused);
        nyx_json_set_int(object, "wrong", t->wrong);
    }
}

void nyx_bench_describe(const nyx_bench *bench, nyx_json *result, nyx_json *run)
{
    nyx_json *cases = nyx_json_add_array(result, "cases"), *figures = nyx_json_add_array(run, "figures");

    for (int64_t i = 0; i < bench->count; i++) {
        const nyx_bench_figure *f = &bench->figures[i];
        nyx_json               *object = nyx_json_push_object(cases);

        nyx_json_set_text(object, "op", f->op);
        nyx_json_set_text(object, "what", f->what);
        nyx_json_set_real(object, "flops", f->flops);
        nyx_json_set_real(object, "bytes", f->bytes);
        describe_figure(nyx_json_push_object(figures), f);
    }
    describe_limits(nyx_json_add_object(run, "limits"), bench);
    if (bench->options.tune)
        describe_tuned(nyx_json_add_array(run, "tuned"), bench);
}

/* ---- comparing ---------------------------------------------------------------- */

/* Another processor's instruction set, another GPU; the same GPU may have another
 * number. A report that does not name its GPU has the number alone. */
static bool is_same_device(const nyx_json *old, const nyx_device *device)
{
    const nyx_vulkan_device *gpu = nyx_device_gpu(device);
    const char *then = nyx_json_text(nyx_json_get(old, "run.device"), ""), *now = nyx_device_name(device);
    const char *name = nyx_json_text(nyx_json_get(old, "run.limits.gpu_name"), NULL);

    return gpu && name ? !strcmp(name, gpu->name) : !strcmp(then, now);
}

int nyx_bench_check(const nyx_json *old, const nyx_json *run, const nyx_device *device, const char *path)
{
    const nyx_json *then = nyx_json_get(old, "run.host"), *now = nyx_json_get(run, "host");
    const char     *processor;
    int64_t         count;
    int             status = nyx_schema_check("bench", old, path);

    if (status < 0)
        return nyx_error_set(status, "%s; measure again with nyx-bench --report", nyx_error_text());
    processor = nyx_json_text(nyx_json_get(then, "processor"), "");
    count = nyx_json_int(nyx_json_get(then, "processors"), 0);
    if (strcmp(processor, nyx_json_text(nyx_json_get(now, "processor"), "")) ||
        count != nyx_json_int(nyx_json_get(now, "processors"), 0))
        return nyx_error_set(
            NYX_ERR_UNSUPPORTED,
            "'%s' was measured on another machine (%lld of %.100s); make a report to compare with here", path,
            (long long)count, *processor ? processor : "a processor without a name");
    if (!is_same_device(old, device))
        return nyx_error_set(
            NYX_ERR_UNSUPPORTED, "'%s' was measured on '%s' (%.60s), and this is '%s' (%.60s); --device chooses, or make a report to compare with",
            path, nyx_json_text(nyx_json_get(old, "run.device"), "?"),
            nyx_json_text(nyx_json_get(old, "run.limits.gpu_name"), "no GPU named"), nyx_device_name(device),
            nyx_device_gpu(device) ? nyx_device_gpu(device)->name : "no GPU");
    return 0;
}

void nyx_bench_differences(const nyx_bench *bench, const nyx_json *old, nyx_json *array)
{
    const nyx_vulkan_device *gpu = nyx_device_gpu(bench->device);
    const char              *driver = nyx_json_text(nyx_json_get(old, "run.limits.gpu_driver"), NULL);
    const int                threads = nyx_pool_parts(nyx_device_pool(bench->device));
    const int64_t            then = nyx_json_int(nyx_json_get(old, "run.limits.threads"), threads);
    char                     text[400];

    if (then != threads) {
        snprintf(text, sizeof text, "it had %lld threads, there are %d now", (long long)then, threads);
        nyx_json_push_text(array, text);
    }
    if (gpu && driver && strcmp(driver, gpu->driver)) {
        snprintf(text, sizeof text, "its GPU's driver was '%.150s', now it is '%.150s'", driver, gpu->driver);
        nyx_json_push_text(array, text);
    }
}

/* Is it as much work, or does the report not say? Another model may have the same words. */
static bool is_same_work(const nyx_json *old, const nyx_bench_figure *f)
{
    return fabs(nyx_json_real(nyx_json_get(old, "flops"), f->flops) - f->flops) <= 1e-9 * f->flops &&
           fabs(nyx_json_real(nyx_json_get(old, "bytes"), f->bytes) - f->bytes) <= 1e-9 * f->bytes;
}

static const nyx_json *find(const nyx_json *report, const nyx_bench_figure *f)
{
    const nyx_json *figures = nyx_json_get(report, "run.figures"), *cases = nyx_json_get(report, "result.cases");

    for (int64_t i = 0; i < nyx_json_count(figures); i++) {
        const nyx_json *old = nyx_json_item(figures, i);

        if (strcmp(nyx_json_text(nyx_json_get(old, "op"), ""), f->op) == 0 &&
            strcmp(nyx_json_text(nyx_json_get(old, "what"), ""), f->what) == 0)
            return i >= nyx_json_count(cases) || is_same_work(nyx_json_item(cases, i), f) ? old : NULL;
    }
    return NULL;
}

int64_t nyx_bench_compare(const nyx_bench *bench, const nyx_json *old, double threshold, nyx_json *array,
                          int64_t *compared, int64_t *unknown)
{
    int64_t slower = 0;

    *compared = *unknown = 0;
    for (int64_t i = 0; i < bench->count; i++) {
        const nyx_bench_figure *f = &bench->figures[i];
        const nyx_json         *before = find(old, f);
        const double            then = nyx_json_real(nyx_json_get(before, "median_s"), 0.0);
        nyx_json               *object;

        if (f->reason[0] || !(then > 0.0)) {
            ++*unknown;
            continue;
        }
        ++*compared;
        object = nyx_json_push_object(array);
        nyx_json_set_text(object, "op", f->op);
        nyx_json_set_text(object, "what", f->what);
        nyx_json_set_real(object, "old_s", then);
        nyx_json_set_real(object, "new_s", f->median_s);
        nyx_json_set_real(object, "ratio", f->median_s / then);
        nyx_json_set_bool(object, "slower", f->median_s > then * (1.0 + threshold));
        slower += f->median_s > then * (1.0 + threshold);
    }
    return slower;
}
