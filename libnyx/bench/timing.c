/* timing -- when is a measurement a number?
 *
 * Warm-up: windows of samples until the median of one is within half of the
 * spread allowed from the median of the one before. A GPU is kept busy before,
 * and at least for a quarter of the time: its clock rises under load, and short
 * pieces of work alone may never raise it (seen: 345 MHz of 1,980 for a second,
 * and steady). Then samples until the time is up. The interval
 * of the median is that of its order statistics, ranks n/2 -+ 0.98 sqrt n
 * (binomial, 95 %): it asks nothing of the distribution. */
#include "bench/internal.h"

#include <math.h>
#include <stdlib.h>

enum { WINDOW = 5, WINDOWS_MOST = 40, SAMPLES_LEAST = 9, SAMPLE_NS = 200000 };

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

void nyx_bench__sort(double *values, int64_t count)
{
    qsort(values, (size_t)count, sizeof *values, ascending);
}

double nyx_bench__middle(double *values, int64_t count)
{
    nyx_bench__sort(values, count);
    return count % 2 ? values[count / 2] : 0.5 * (values[count / 2 - 1] + values[count / 2]);
}

void nyx_bench__judge(nyx_bench_figure *figure, double *samples, int64_t count, double spread_most)
{
    const double middle = 0.5 * (double)(count - 1), reach = 0.98 * sqrt((double)count);
    int64_t      low = (int64_t)floor(middle - reach), high = (int64_t)ceil(middle + reach);

    figure->samples = count;
    if (count < SAMPLES_LEAST) {
        snprintf(figure->reason, sizeof figure->reason, "%lld samples are too few; give it more seconds",
                 (long long)count);
        return;
    }
    figure->median_s = nyx_bench__middle(samples, count);
    figure->low_s = samples[low > 0 ? low : 0];
    figure->high_s = samples[high < count ? high : count - 1];
    if (figure->high_s - figure->low_s > spread_most * figure->median_s)
        snprintf(figure->reason, sizeof figure->reason,
                 "the 95 %% interval, %.3g to %.3g s, is wider than %.0f %% of the median; is the machine busy?",
                 figure->low_s, figure->high_s, 100.0 * spread_most);
}

/* Short runs are repeated so that the clock does not show. */
static double sample_s(nyx_bench__sample sample, void *context, int64_t repeat)
{
    int64_t sum = 0;

    for (int64_t i = 0; i < repeat; i++)
        sum += sample(context);
    return 1e-9 * (double)sum / (double)repeat;
}

/* Returns how often to repeat; *steady: did it settle? */
static int64_t warm_up(nyx_bench__sample sample, void *context, int64_t from_ns, int64_t until_ns, double near,
                       bool *steady)
{
    double  window[WINDOW], last = 0.0;
    int64_t first = (sample(context), sample(context)), repeat; /* the first touches what is cold */

    repeat = first > 0 ? SAMPLE_NS / first + 1 : SAMPLE_NS;
    *steady = false;
    for (int w = 0; (w < WINDOWS_MOST || nyx_clock_ns() < from_ns) && !*steady && (w < 2 || nyx_clock_ns() < until_ns);
         w++) {
        double now;

        for (int i = 0; i < WINDOW; i++)
            window[i] = sample_s(sample, context, repeat);
        now = nyx_bench__middle(window, WINDOW);
        *steady = w > 0 && fabs(now - last) <= near * last && nyx_clock_ns() >= from_ns;
        last = now;
    }
    return repeat;
}

static void take_samples(nyx_bench *bench, nyx_bench_figure *figure, nyx_bench__sample sample, void *context)
{
    const int64_t budget = (int64_t)(bench->options.seconds * 1e9);
    bool          steady;

    if (nyx_bench_on_gpu(bench))
        nyx_bench__wake(bench);
    const int64_t start = nyx_clock_ns();
    const int64_t from = nyx_bench_on_gpu(bench) ? start + budget / 4 : start;
    const int64_t repeat = warm_up(sample, context, from, start + budget / 2, 0.5 * bench->options.spread_most,
                                   &steady);
    int64_t       count = 0;

    nyx_bench__meter_start(bench);
    while (count < SAMPLES_LEAST || (count < NYX_BENCH__SAMPLES_MOST && nyx_clock_ns() < start + budget)) {
        bench->samples[count++] = sample_s(sample, context, repeat);
        if (nyx_stop_requested())
            break;
    }
    nyx_bench__meter_stop(bench, figure, count * repeat);
    nyx_bench__judge(figure, bench->samples, count, bench->options.spread_most);
    if (!steady && !figure->reason[0])
        snprintf(figure->reason, sizeof figure->reason, "it never became steady; is the machine busy?");
}

double nyx_bench__median(nyx_bench *bench, nyx_bench__sample sample, void *context)
{
    nyx_bench_figure figure = { 0 };

    take_samples(bench, &figure, sample, context);
    return figure.reason[0] ? 0.0 : figure.median_s;
}

int nyx_bench__take(nyx_bench *bench, nyx_bench_figure *figure, nyx_bench__sample sample, void *context)
{
    char what[112];

    snprintf(what, sizeof what, "%s %s", figure->op, figure->what);
    if (bench->options.progress)
        bench->options.progress(bench->options.context, what);
    take_samples(bench, figure, sample, context);
    if (nyx_stop_requested())
        return nyx_error_set(NYX_ERR_STOPPED, "stopped while measuring %s", what);
    return 0;
}

int nyx_bench__measure(nyx_bench *bench, nyx_bench_figure *figure, nyx_bench__sample sample, void *context)
{
    const int status = nyx_bench__take(bench, figure, sample, context);

    return status < 0 ? status : nyx_bench__add(bench, figure);
}

/* ---- energy and memory ------------------------------------------------------- */

void nyx_bench__meter_start(nyx_bench *bench)
{
    nyx_sensors_read(bench->sensors);
    bench->joules = nyx_sensors_joules(bench->sensors);
}

void nyx_bench__meter_stop(nyx_bench *bench, nyx_bench_figure *figure, int64_t runs)
{
    const char *why;
    double      joules;

    nyx_sensors_read(bench->sensors);
    joules = nyx_sensors_joules(bench->sensors);
    nyx_sensors_judge(bench->sensors, true);
    why = nyx_sensors_no_joules(bench->sensors);
    if (why || joules >= 0.0)
        snprintf(figure->energy_reason, sizeof figure->energy_reason, "the processors' energy counter: %s",
                 why ? why : "it did not move meanwhile");
    else
        snprintf(figure->energy_reason, sizeof figure->energy_reason,
                 "no energy counter of the processors can be read");
    if (joules >= 0.0 && runs > 0 && joules > (bench->joules > 0.0 ? bench->joules : 0.0))
        figure->energy_j = (joules - (bench->joules > 0.0 ? bench->joules : 0.0)) / (double)runs;
}

/* "5" resets VmHWM: proc(5), clear_refs. */
bool nyx_bench__forget_peak(void)
{
    FILE *f = fopen("/proc/self/clear_refs", "we");
    bool  wrote = f && fputs("5", f) >= 0;

    return f && fclose(f) == 0 && wrote;
}

/* The peak since the figure before was added. */
static void take_peak(nyx_bench *bench, nyx_bench_figure *figure)
{
    const int64_t peak = nyx_process_memory(true);

    figure->memory_reason = "the system does not let a process forget its peak";
    if (figure->memory_bytes > 0 || !bench->peaks || peak < 0)
        return;
    figure->memory_bytes = peak > bench->held ? peak - bench->held : 0;
    figure->memory_reason = "no more than what the bench itself holds";
    nyx_bench__forget_peak();
}

int nyx_bench__add(nyx_bench *bench, const nyx_bench_figure *figure)
{
    int status = nyx_array_grow(&bench->figures, &bench->room, bench->count, (int64_t)sizeof *bench->figures, 64);

    if (status < 0)
        return status;
    bench->figures[bench->count] = *figure;
    take_peak(bench, &bench->figures[bench->count++]);
    return 0;
}
