/* host -- what of a run is the host's: all but waiting for the device. */
#include "bench/internal.h"

void nyx_bench__host_init(nyx_bench__host *host, const nyx_bench *bench)
{
    *host = (nyx_bench__host){.device = bench->device};
    nyx_bench__host_begin(host);
}

void nyx_bench__host_begin(nyx_bench__host *host)
{
    host->begin_ns = nyx_clock_ns();
    host->known = nyx_device_queue(host->device, &host->begin);
}

void nyx_bench__host_end(nyx_bench__host *host, int64_t runs)
{
    const int64_t at = host->count % NYX_BENCH__SAMPLES_MOST, ns = nyx_clock_ns() - host->begin_ns;
    nyx_queue_use now;

    (void)nyx_device_queue(host->device, &now);
    host->host[at] = 1e-9 * (double)(ns - (now.wait_ns - host->begin.wait_ns)) / (double)runs;
    host->submit[at] = 1e-9 * (double)(now.submit_ns - host->begin.submit_ns) / (double)runs;
    host->submits = (double)(now.submits - host->begin.submits) / (double)runs;
    host->count++;
}

/* Every run hands over the same, so that the last one tells how often. */
void nyx_bench__host_fill(nyx_bench__host *host, nyx_bench_figure *figure)
{
    const int64_t count =
        host->count < NYX_BENCH__SAMPLES_MOST ? host->count : NYX_BENCH__SAMPLES_MOST;

    figure->host_reason = host->known ? "nothing was run" : "the processor itself computes";
    if (!host->known || count == 0)
        return;
    figure->host_s = nyx_bench__middle(host->host, count);
    figure->submit_s = nyx_bench__middle(host->submit, count);
    figure->submits = host->submits;
}
