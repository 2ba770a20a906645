/* gauge -- rounds until two in a row agree. */
#include "device/internal.h"

#include <math.h>

const char *const nyx_rate_names[NYX_RATE_COUNT + 1] = { "f32", "f16", "bf16", "int8", "read", "copy",
                                                         "upload", "download", "submit", NULL };

int nyx_gauge_open(nyx_gauge **out, nyx_device *device, enum nyx_rate rate, int64_t bytes)
{
    nyx_gauge *gauge;
    int        status;

    *out = NULL;
    if (!device->backend->gauge_open)
        return nyx_error_set(NYX_ERR_UNSUPPORTED, "'%s' has no gauges; --device=vulkan has", device->name);
    if ((status = nyx_alloc(&gauge, sizeof *gauge)) < 0)
        return status;
    gauge->device = device;
    gauge->rate = rate;
    gauge->bytes = bytes;
    if ((status = device->backend->gauge_open(gauge)) < 0) {
        nyx_gauge_close(gauge);
        return status;
    }
    *out = gauge;
    return 0;
}

void nyx_gauge_close(nyx_gauge *gauge)
{
    if (!gauge)
        return;
    gauge->device->backend->gauge_close(gauge);
    nyx_free(gauge);
}

int64_t nyx_gauge_bytes(const nyx_gauge *gauge)
{
    return gauge->bytes;
}

double nyx_gauge_work(const nyx_gauge *gauge)
{
    return gauge->work;
}

int64_t nyx_gauge_round(nyx_gauge *gauge)
{
    const int64_t ns = gauge->device->backend->gauge_round(gauge);

    return gauge->device->status < 0 ? 0 : ns;
}

nyx_measured nyx_gauge_measure(nyx_gauge *gauge)
{
    const int64_t start = nyx_clock_ns();
    nyx_measured  now = { 0 };
    double        last;

    do {
        const int64_t ns = nyx_gauge_round(gauge);

        last = now.rate;
        now.rate = ns > 0 ? gauge->work * 1e9 / (double)ns : 0.0;
        now.steady = nyx_clock_ns() - start >= gauge->least_ns && last > 0.0 && fabs(now.rate - last) <= 0.03 * last;
    } while (now.rate > 0.0 && !now.steady && nyx_clock_ns() - start < gauge->most_ns);
    return now;
}
