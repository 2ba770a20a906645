/* vulkan gauge: what a device does at most is measured, or refused with the reason. */
#include "device/machine.h"
#include "vulkan_device.h"

#include <string.h>

/* Of every rate: work and time are there, and the set is the one that was asked for. */
static void every_rate_is_measured_or_says_what_lacks(void **state)
{
    nyx_device *device;

    (void)state;
    if (!has_device())
        return;
    ok(nyx_device_open(&device, "vulkan:0", 1));
    for (int rate = 0; rate < NYX_RATE_COUNT; rate++) {
        nyx_gauge *gauge;
        const int  status = nyx_gauge_open(&gauge, device, (enum nyx_rate)rate, 1 << 20);

        if (status == NYX_ERR_UNSUPPORTED) {
            assert_true(rate == NYX_RATE_F16 || rate == NYX_RATE_BF16 || rate == NYX_RATE_INT8);
            assert_non_null(strstr(nyx_error_text(), "has no "));
            continue;
        }
        ok(status);
        assert_true(nyx_gauge_work(gauge) > 0.0);
        assert_true(nyx_gauge_round(gauge) > 0);
        if (rate >= NYX_RATE_READ && rate <= NYX_RATE_DOWNLOAD)
            assert_int_equal(nyx_gauge_bytes(gauge), 1 << 20);
        const nyx_measured found = nyx_gauge_measure(gauge);
        print_message("%s %g%s\n", nyx_rate_names[rate], found.rate, found.steady ? "" : ", not steady");
        assert_true(found.rate > 0.0);
        nyx_gauge_close(gauge);
    }
    ok(nyx_device_check(device));
    nyx_device_close(device);
}

/* Neither a thousandth nor a thousand times of what processors do. */
static void rates_of_software_are_those_of_a_processor(void **state)
{
    nyx_vulkan *vulkan;

    (void)state;
    if (!has_device())
        return;
    ok(nyx_alloc(&vulkan, sizeof *vulkan));
    nyx_vulkan_probe(vulkan, NULL, true);
    assert_true(vulkan->count > 0);
    for (int i = 0; i < vulkan->count; i++) {
        const nyx_vulkan_device *d = &vulkan->devices[i];

        assert_true(d->measured.known);
        if (strcmp(d->type, "cpu"))
            continue;
        assert_in_range((uint64_t)d->measured.rate[NYX_RATE_F32], UINT64_C(100000000), UINT64_C(1000000000000000));
        assert_in_range((uint64_t)d->measured.rate[NYX_RATE_READ], UINT64_C(10000000), UINT64_C(10000000000000));
        assert_in_range((uint64_t)d->measured.rate[NYX_RATE_COPY], UINT64_C(10000000), UINT64_C(10000000000000));
        assert_true(d->measured.rate[NYX_RATE_SUBMIT] > 1.0);
    }
    nyx_free(vulkan);
}

static void a_device_that_is_lost_has_no_rate(void **state)
{
    nyx_device *device;
    nyx_gauge  *gauge;

    (void)state;
    if (!has_device())
        return;
    ok(nyx_device_open(&device, "vulkan:0,lost=1", 1));
    assert_int_equal(nyx_gauge_open(&gauge, device, NYX_RATE_F32, 0), NYX_ERR_DEVICE);
    assert_null(gauge);
    nyx_device_close(device);
    ok(nyx_device_open(&device, "vulkan:0,full=7", 1));
    assert_int_equal(nyx_gauge_open(&gauge, device, NYX_RATE_COPY, 0), NYX_ERR_MEMORY);
    nyx_device_close(device);
}

static void processors_have_no_gauges(void **state)
{
    nyx_device *device;
    nyx_gauge  *gauge;

    (void)state;
    ok(nyx_device_open(&device, "cpu", 1));
    assert_int_equal(nyx_gauge_open(&gauge, device, NYX_RATE_F32, 0), NYX_ERR_UNSUPPORTED);
    nyx_device_close(device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rate_is_measured_or_says_what_lacks),
        cmocka_unit_test(rates_of_software_are_those_of_a_processor),
        cmocka_unit_test(a_device_that_is_lost_has_no_rate),
        cmocka_unit_test(processors_have_no_gauges),
    };

    return cmocka_run_group_tests_name("vulkan gauge", tests, NULL, NULL);
}
