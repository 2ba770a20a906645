/* place -- which device does a piece of work: each that might is tried, the
 * fastest stays. */
#include "run/run.h"

#include "device/machine.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

/* No processor core known does more, and none that trains does less, a second;
 * work that takes so short at the latter is over before a GPU was tried. */
static const double core_flops_most = 300e9, core_flops_least = 5e9, short_s = 3.0;
enum { GPUS_MOST = 4 };

/* Any device; and processors that call themselves Vulkan devices count, too. */
static const char *const auto_names[] = { "auto", "auto,software" };

bool nyx_place_is_auto(const char *name)
{
    return !strcmp(name, auto_names[0]) || !strcmp(name, auto_names[1]);
}

/* ---- what is written down ---------------------------------------------------------- */

nyx_trial *nyx_placement_add(nyx_placement *place, const char *device)
{
    nyx_trial *trial;

    if (place->count == NYX_TRIALS_MOST)
        place->count--;
    trial = &place->trials[place->count++];
    *trial = (nyx_trial){ .seconds = -1.0 };
    snprintf(trial->device, sizeof trial->device, "%s", device);
    return trial;
}

static void not_tried(nyx_placement *place, const char *device, const char *fmt, ...) NYX_PRINTF(3, 4);
static void not_tried(nyx_placement *place, const char *device, const char *fmt, ...)
{
    nyx_trial *trial = nyx_placement_add(place, device);
    va_list    arguments;

    va_start(arguments, fmt);
    vsnprintf(trial->reason, sizeof trial->reason, fmt, arguments);
    va_end(arguments);
}

void nyx_placement_describe(const nyx_placement *place, nyx_json *run)
{
    nyx_json *object, *list;

    if (!place->count)
        return;
    object = nyx_json_add_object(run, "placement");
    list = nyx_json_add_array(object, "trials");
    nyx_json_set_real(object, "seconds", place->seconds);
    for (int i = 0; i < place->count; i++) {
        const nyx_trial *trial = &place->trials[i];
        nyx_json        *one = nyx_json_push_object(list);

        nyx_json_set_text(one, "device", trial->device);
        if (trial->share > 0)
            nyx_json_set_int(one, "share", trial->share);
        if (trial->seconds >= 0.0)
            nyx_json_set_real(one, "seconds", trial->seconds);
        else
            nyx_json_set_null(one, "seconds", trial->reason);
    }
}

/* ---- what there is ------------------------------------------------------------------- */

/* Vulkan devices that are no processors; with `software` those, too. */
static int find_gpus(int gpus[GPUS_MOST], bool software)
{
    nyx_vulkan *vulkan;
    int         count = 0;

    if (nyx_alloc(&vulkan, sizeof *vulkan) < 0)
        return 0;
    nyx_vulkan_probe(vulkan, "libvulkan.so.1", false);
    for (int i = 0; i < vulkan->count && count < GPUS_MOST; i++)
        if (software || strcmp(vulkan->devices[i].type, "cpu"))
            gpus[count++] = i;
    nyx_free(vulkan);
    return count;
}

/* ---- trying ------------------------------------------------------------------------------ */

typedef struct {
    nyx_placement  *place;
    const nyx_work *work;
    int             threads, cores;
    double          flops; /* 0: not known */
    nyx_device     *best; /* open */
    double          best_s, trial_s; /* the longest trial of a GPU */
    int             best_share;
} search;

/* A device that cannot do it is passed over; one that is slower is closed again. */
static int try(search *s, const char *name, double *seconds)
{
    nyx_device *device;
    int         share = 0;
    int         status = nyx_device_is_pair(name) ? nyx_device_open_pair(&device, name, s->threads)
                                                  : nyx_device_open(&device, name, s->threads);

    *seconds = INFINITY;
    if (status == 0)
        status = s->work->measure(s->work->context, device, s->place, &share, seconds);
    if (status < 0) {
        nyx_device_close(device);
        if (status == NYX_ERR_STOPPED)
            return status;
        not_tried(s->place, name, "%s", nyx_error_text());
        return 0;
    }
    if (*seconds >= s->best_s) {
        nyx_device_close(device);
        return 0;
    }
    nyx_device_close(s->best);
    s->best = device;
    s->best_s = *seconds;
    s->best_share = share;
    return 0;
}

/* The processor, unless it cannot be faster than what a GPU took; *seconds:
 * what it takes at least. */
static int try_cpu(search *s, double *seconds)
{
    const double least = s->flops / (core_flops_most * s->cores);

    *seconds = least;
    if (least <= s->best_s)
        return try(s, "cpu", seconds);
    not_tried(s->place, "cpu", "it would take more than %.3g s", least);
    return 0;
}

static int try_gpus(search *s, const int *gpus, int count, int *best, double *seconds)
{
    for (int i = 0; i < count; i++) {
        const int64_t begin = nyx_clock_ns();
        char          name[16];
        double        took;
        int           status;

        snprintf(name, sizeof name, "vulkan:%d", gpus[i]);
        if ((status = try(s, name, &took)) < 0)
            return status;
        s->trial_s = fmax(s->trial_s, (double)(nyx_clock_ns() - begin) * 1e-9);
        if (took < *seconds) {
            *seconds = took;
            *best = gpus[i];
        }
    }
    return 0;
}

/* Could both together save more than it takes to find out? A trial of two is as
 * long as two of one; at best their speeds add up. */
static bool is_pair_worth_it(const search *s, double cpu_s, double gpu_s)
{
    const double together_s = 1.0 / (1.0 / cpu_s + 1.0 / gpu_s);

    return s->work->parts >= 2 && cpu_s / (double)s->work->parts < gpu_s && gpu_s - together_s > 2.0 * s->trial_s;
}

/* Where the amount of work is known the GPUs come first, for they show when the
 * processor need not be tried; else the processor, which shows that it is short. */
static int try_all(search *s, const int *gpus, int count, bool software)
{
    const bool known = s->flops > 0.0;
    char       name[24];
    double     cpu_s = INFINITY, gpu_s = INFINITY;
    int        best = -1, status = known ? 0 : try(s, "cpu", &cpu_s);

    if (status < 0 || (!known && cpu_s < short_s && !software))
        return status;
    if ((status = try_gpus(s, gpus, count, &best, &gpu_s)) < 0 || (known && (status = try_cpu(s, &cpu_s)) < 0))
        return status;
    if (best < 0 || !is_pair_worth_it(s, cpu_s, gpu_s))
        return 0;
    snprintf(name, sizeof name, "cpu+vulkan:%d", best);
    return try(s, name, &cpu_s);
}

/* Is there more than one device to choose from, and enough to do? Asks as little
 * as it can. */
static int is_worth_it(search *s, bool software, bool *worth)
{
    int status = 0;

    *worth = software || nyx_gpu_is_there();
    if (!*worth || !s->work->flops)
        return 0;
    status = s->work->flops(s->work->context, &s->flops);
    *worth = software || s->flops >= short_s * core_flops_least * s->cores;
    return status;
}

int nyx_place_open(nyx_device **out, nyx_placement *place, const char *name, int threads, const nyx_work *work)
{
    const int64_t begin = nyx_clock_ns();
    const bool    software = !strcmp(name, auto_names[1]);
    search        s = { .place = place, .work = work, .threads = threads, .best_s = INFINITY,
                        .cores = threads > 0 ? threads : nyx_cpu_count() };
    int           gpus[GPUS_MOST];
    bool          worth;
    int           count, status;

    memset(place, 0, sizeof *place);
    *out = NULL;
    if (!nyx_place_is_auto(name))
        return nyx_device_open(out, name, threads);
    if ((status = is_worth_it(&s, software, &worth)) < 0)
        return status;
    count = worth ? find_gpus(gpus, software) : 0;
    if (count == 0)
        return nyx_device_open(out, "cpu", threads);
    if ((status = try_all(&s, gpus, count, software)) < 0) {
        nyx_device_close(s.best);
        return status;
    }
    place->share = s.best_share;
    place->seconds = (double)(nyx_clock_ns() - begin) * 1e-9;
    *out = s.best;
    return s.best ? 0 : nyx_device_open(out, "cpu", threads); /* which says what is wrong */
}
