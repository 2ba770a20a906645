/* bench: medians, their intervals, when there is no number, comparisons. */
#include "bench/internal.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* P(X <= k) of X ~ binomial(n, 1/2), by Pascal's rule. */
static double binomial_half(int n, int k)
{
    double p[NYX_BENCH__SAMPLES_MOST + 1] = { 1.0 }, sum = 0.0;

    for (int i = 1; i <= n; i++)
        for (int j = i; j >= 0; j--)
            p[j] = 0.5 * p[j] + (j > 0 ? 0.5 * p[j - 1] : 0.0);
    for (int j = 0; j <= k; j++)
        sum += p[j];
    return sum;
}

/* Samples 1, 2 ... n: order statistics are their own ranks. */
static void the_interval_covers_the_median_at_95_percent(void **state)
{
    (void)state;
    for (int n = 9; n <= NYX_BENCH__SAMPLES_MOST; n += 7) {
        double           samples[NYX_BENCH__SAMPLES_MOST];
        nyx_bench_figure f = { 0 };
        int              low, high;
        double           covered;

        for (int i = 0; i < n; i++)
            samples[i] = (double)(n - i);
        nyx_bench__judge(&f, samples, n, 10.0);
        assert_string_equal(f.reason, "");
        assert_int_equal(f.samples, n);
        assert_true(f.median_s == 0.5 * (n + 1));
        low = (int)f.low_s;
        high = (int)f.high_s;
        assert_int_equal(low + high, n + 1);
        /* The interval misses when fewer than `low` samples lie below the median, or above. */
        covered = 1.0 - 2.0 * binomial_half(n, low - 1);
        assert_true(covered >= 0.945);
        assert_true(covered <= 0.99);
    }
}

static void a_wide_interval_has_no_number(void **state)
{
    double           samples[20];
    nyx_bench_figure f = { 0 }, few = { 0 };

    (void)state;
    for (int i = 0; i < 20; i++)
        samples[i] = 1.0 + 0.01 * i;
    nyx_bench__judge(&f, samples, 20, 0.05);
    assert_non_null(strstr(f.reason, "wider than 5 %"));
    nyx_bench__judge(&few, samples, 8, 0.05);
    assert_non_null(strstr(few.reason, "8 samples are too few"));
}

static nyx_bench *new_bench(nyx_device **device)
{
    const nyx_bench_options options = { .seconds = 0.01, .spread_most = 100.0, .memory_bytes = 1 << 20, .modes = "nt" };
    nyx_bench              *bench;

    assert_int_equal(nyx_device_open(device, "cpu", 1), 0);
    assert_int_equal(nyx_bench_create(&bench, *device, &options), 0);
    return bench;
}

static void limits_are_plausible_and_kept(void **state)
{
    nyx_device *device;
    nyx_bench  *bench = new_bench(&device);
    double      read = nyx_bench_read_bandwidth(bench, 65536);

    (void)state;
    assert_true(read > 1e7 && read < 1e13);
    assert_true(nyx_bench_read_bandwidth(bench, 65536 + 4096) == read);
#if defined(__x86_64__)
    assert_true(nyx_bench_peak_flops(bench) > 1e8 && nyx_bench_peak_flops(bench) < 1e12);
    assert_true(nyx_bench_peak_flops(bench) >= bench->peak[0]);
#endif
    nyx_bench_free(bench);
    nyx_device_close(device);
}

static int64_t quick(void *context)
{
    ++*(int64_t *)context;
    return 1000000;
}

static void a_steady_run_has_its_time(void **state)
{
    nyx_device      *device;
    nyx_bench       *bench = new_bench(&device);
    nyx_bench_figure f = { .op = "quick", .what = "1 ms", .flops = 1e6, .limit_reason = "none" };
    int64_t          calls = 0;

    (void)state;
    assert_int_equal(nyx_bench__measure(bench, &f, quick, &calls), 0);
    assert_int_equal(nyx_bench_figure_count(bench), 1);
    assert_string_equal(nyx_bench_figure_at(bench, 0)->reason, "");
    assert_true(fabs(nyx_bench_figure_at(bench, 0)->median_s - 1e-3) < 1e-12);
    assert_true(nyx_bench_figure_at(bench, 0)->low_s == nyx_bench_figure_at(bench, 0)->high_s);
    assert_true(calls >= 21); /* two that are cold, two windows, nine samples */
    nyx_bench_free(bench);
    nyx_device_close(device);
}

static void slower_is_beyond_the_threshold(void **state)
{
    static const char old_text[] = "{ \"run\": { \"figures\": ["
                                   "{ \"op\": \"a\", \"what\": \"1\", \"median_s\": 1.0 },"
                                   "{ \"op\": \"a\", \"what\": \"2\", \"median_s\": 1.0 },"
                                   "{ \"op\": \"a\", \"what\": \"3\", \"median_s\": null } ] } }";
    static const double now[] = { 1.09, 1.11, 1.0, 1.0 };
    nyx_device         *device;
    nyx_bench          *bench = new_bench(&device);
    nyx_json           *old, *array = nyx_json_array();
    int64_t             compared, unknown;

    (void)state;
    for (int i = 0; i < 4; i++) {
        nyx_bench_figure f = { .op = "a", .median_s = now[i] };

        snprintf(f.what, sizeof f.what, "%d", i + 1);
        assert_int_equal(nyx_bench__add(bench, &f), 0);
    }
    assert_int_equal(nyx_json_parse(&old, old_text, (int64_t)strlen(old_text), "old"), 0);
    assert_int_equal(nyx_bench_compare(bench, old, 0.10, array, &compared, &unknown), 1);
    assert_int_equal(compared, 2);
    assert_int_equal(unknown, 2);
    assert_false(nyx_json_bool(nyx_json_get(nyx_json_item(array, 0), "slower"), true));
    assert_true(nyx_json_bool(nyx_json_get(nyx_json_item(array, 1), "slower"), false));
    nyx_json_free(array);
    nyx_json_free(old);
    nyx_bench_free(bench);
    nyx_device_close(device);
}

/* What it multiplies at most in each type, what it reads at most; never a processor's. */
static void a_gpu_is_compared_with_its_own_limits(void **state)
{
    const nyx_bench_options options = { .seconds = 0.01, .spread_most = 100.0, .memory_bytes = 1 << 20, .modes = "nt" };
    nyx_bench_figure        products = { .flops = 1e12 }, halves = products, reads = { .bytes = 3 << 19 };
    nyx_device             *device;
    nyx_bench              *bench;

    (void)state;
    if (nyx_device_open(&device, "vulkan", 1) < 0) {
        print_message("skipped: no Vulkan device; package mesa-vulkan-drivers\n");
        return;
    }
    assert_int_equal(nyx_bench_create(&bench, device, &options), 0);
    assert_true(nyx_bench_rate_known(bench, NYX_RATE_F32) == 0.0);
    nyx_bench__limit(bench, &products, NYX_F32);
    nyx_bench__limit(bench, &halves, NYX_F16);
    nyx_bench__limit(bench, &reads, NYX_F32);
    assert_string_equal(products.limited_by, "compute");
    assert_string_equal(reads.limited_by, "memory");
    assert_true(products.limit_s == 1e12 / nyx_bench_rate_known(bench, NYX_RATE_F32));
    assert_true(nyx_bench_peak_flops(bench) == nyx_bench_rate_known(bench, NYX_RATE_F32));
    const double units = nyx_bench_rate(bench, NYX_RATE_F16);
    assert_true(halves.limit_s == 1e12 / (units > 0.0 ? units : nyx_bench_rate_known(bench, NYX_RATE_F32)));
    assert_true(reads.limit_s == (double)(3 << 19) / bench->read[20] && bench->peak[0] == 0.0);
    nyx_bench_free(bench);
    nyx_device_close(device);
}

/* Whichever block finds no memory: a limit that cannot be measured has a reason. */
static void a_limit_that_cannot_be_measured_is_none(void **state)
{
    const nyx_bench_options options = { .seconds = 0.001, .spread_most = 100.0, .memory_bytes = 1 << 20 };
    int                     opened = 0, without = 0;

    (void)state;
    for (int full = 6; full < 16; full++) {
        nyx_bench_figure reads = { .flops = 1e6, .bytes = 3 << 19 };
        char             name[32];
        nyx_device      *device;
        nyx_bench       *bench;

        snprintf(name, sizeof name, "vulkan:0,full=%d", full);
        if (nyx_device_open(&device, name, 1) < 0)
            continue;
        opened++;
        assert_int_equal(nyx_bench_create(&bench, device, &options), 0);
        nyx_bench__limit(bench, &reads, NYX_F32);
        assert_true(isfinite(reads.limit_s) && (reads.limit_s > 0.0) == !reads.limit_reason);
        without += reads.limit_reason && strstr(reads.limit_reason, "cannot hold");
        nyx_bench_free(bench);
        nyx_device_close(device);
    }
    if (opened == 0)
        print_message("skipped: no Vulkan device; package mesa-vulkan-drivers\n");
    assert_true(opened == 0 || without > 0);
}

static void other_work_and_other_threads_are_noticed(void **state)
{
    static const char text[] = "{ \"result\": { \"cases\": [ { \"flops\": 2e6, \"bytes\": 0 } ] },"
                               "  \"run\": { \"limits\": { \"threads\": 4095 }, \"figures\": ["
                               "    { \"op\": \"step\", \"what\": \"batch 4 x 8\", \"median_s\": 1.0 } ] } }";
    const nyx_bench_figure f = { .op = "step", .what = "batch 4 x 8", .flops = 1e6, .median_s = 1.0 };
    nyx_device            *device;
    nyx_bench             *bench = new_bench(&device);
    nyx_json              *old, *array = nyx_json_array();
    int64_t                compared, unknown;

    (void)state;
    assert_int_equal(nyx_json_parse(&old, text, (int64_t)strlen(text), "old"), 0);
    assert_int_equal(nyx_bench__add(bench, &f), 0);
    assert_int_equal(nyx_bench_compare(bench, old, 0.1, array, &compared, &unknown), 0);
    assert_int_equal(compared, 0);
    assert_int_equal(unknown, 1);
    nyx_bench_differences(bench, old, array);
    assert_int_equal(nyx_json_count(array), 1);
    assert_string_equal(nyx_json_text(nyx_json_item(array, 0), ""), "it had 4095 threads, there are 1 now");
    nyx_json_free(array);
    nyx_json_free(old);
    nyx_bench_free(bench);
    nyx_device_close(device);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_interval_covers_the_median_at_95_percent),
        cmocka_unit_test(a_wide_interval_has_no_number),
        cmocka_unit_test(limits_are_plausible_and_kept),
        cmocka_unit_test(a_steady_run_has_its_time),
        cmocka_unit_test(slower_is_beyond_the_threshold),
        cmocka_unit_test(a_gpu_is_compared_with_its_own_limits),
        cmocka_unit_test(a_limit_that_cannot_be_measured_is_none),
        cmocka_unit_test(other_work_and_other_threads_are_noticed),
    };

    return cmocka_run_group_tests_name("bench", tests, NULL, NULL);
}
