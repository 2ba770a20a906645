/* clock -- time, processors, and the wish to stop. */
#include "base/base.h"

#include <sched.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t stop;

int64_t nyx_clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int nyx_cpu_count(void)
{
    cpu_set_t set;
    long      online;

    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return CPU_COUNT(&set);
    online = sysconf(_SC_NPROCESSORS_ONLN); /* more processors than cpu_set_t holds */
    return online > 0 ? (int)online : 1;
}

bool nyx_stop_requested(void)
{
    return stop != 0;
}

void nyx_stop_request(void)
{
    stop = 1;
}
