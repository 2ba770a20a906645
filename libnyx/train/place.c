/* place -- where a run trains: steps are timed on scratch trainers, on each
 * device and, of a pair, with several shares; nothing of them stays. */
#include "train/internal.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

/* Of one device or share: timed at least so long, but for no more steps. */
enum { STEPS_TIMED = 8, FIFTIETH = 50 };
static const double timed_s = 0.25, search_s = 4.0;

/* ---- one device ------------------------------------------------------------------- */

/* When a device need not be timed any more: it is slower than `best_s` a step
 * (INFINITY: nothing was timed before), or took `most_s`. */
typedef struct { double best_s, most_s; } bounds;

/* The first step has everything made and warm, and is long for that. */
static const double slow_start = 4.0;

/* The fastest of some steps, behind one that warms up. A loss that is not finite
 * is no matter here. */
static int time_steps(nyx_trainer *t, const bounds *b, double *seconds)
{
    const int64_t run = t->config.training.steps / FIFTIETH, first = nyx_clock_ns();
    const int64_t most = run < 1 ? 1 : run < STEPS_TIMED ? run : STEPS_TIMED;
    int64_t       begin = 0;

    *seconds = INFINITY;
    for (int64_t i = 0; i <= most && (i < 2 || (double)(nyx_clock_ns() - begin) * 1e-9 < timed_s); i++) {
        const int64_t start = nyx_clock_ns();
        const int     status = nyx_train__step(t);
        const int64_t end = nyx_clock_ns();
        const double  took = (double)(end - start) * 1e-9;

        if (status < 0 && status != NYX_ERR_NUMERIC)
            return status;
        if (nyx_stop_requested())
            return nyx_error_set(NYX_ERR_STOPPED,
                                 "stopped while devices were tried; the same command tries them again");
        begin = i == 0 ? end : begin;
        *seconds = i > 0 && took < *seconds ? took : *seconds;
        if (i == 0 && took > slow_start * b->best_s)
            *seconds = took;
        if (isfinite(*seconds) && (*seconds > b->best_s || (double)(end - first) * 1e-9 > b->most_s))
            break;
    }
    return 0;
}

/* ---- a pair ------------------------------------------------------------------------- */

typedef struct {
    nyx_trainer   *trainer;
    const char    *device;
    nyx_placement *place;
    double        *times; /* by share; 0: not tried */
    int            micros, best;
    int64_t        until_ns;
    bounds         bounds;
} shares;

static int try_share(shares *s, int share)
{
    int        status;
    nyx_trial *trial;

    if (share < 1 || share > s->micros || s->times[share] > 0.0 || (s->best > 0 && nyx_clock_ns() > s->until_ns))
        return 0;
    nyx_store_share(s->trainer->store, share);
    if ((status = time_steps(s->trainer, &s->bounds, &s->times[share])) < 0)
        return status;
    trial = nyx_placement_add(s->place, s->device);
    trial->share = share;
    trial->seconds = s->times[share];
    if (s->best == 0 || s->times[share] < s->times[s->best])
        s->best = share;
    s->bounds.best_s = s->times[s->best];
    return 0;
}

/* A step takes as long as the slower side, so its time falls with the share and
 * then rises: down from all in strides that double while it falls, then closer
 * around the best. */
static int find_share(shares *s)
{
    int gap = 1, status = try_share(s, s->micros);

    for (int less = 1; status == 0 && s->micros - less >= 1; less *= 2) {
        status = try_share(s, s->micros - less);
        if (s->best != s->micros - less)
            break;
        gap = less;
    }
    for (; status == 0 && gap >= 1; gap /= 2) {
        const int around = s->best;

        status = try_share(s, around - gap);
        if (status == 0)
            status = try_share(s, around + gap);
    }
    return status;
}

static int time_shares(nyx_trainer *t, const char *device, nyx_placement *place, nyx_measuring *m)
{
    const double most_s = m->most_s < search_s ? m->most_s : search_s;
    shares s = { .trainer = t, .device = device, .place = place, .micros = (int)t->config.training.micro_batches,
                 .until_ns = nyx_clock_ns() + (int64_t)(most_s * 1e9), .bounds = { INFINITY, most_s } };
    int    status = nyx_alloc(&s.times, (s.micros + 1) * (int64_t)sizeof *s.times);

    if (status < 0)
        return status;
    if ((status = find_share(&s)) == 0) {
        m->share = s.best;
        m->seconds = s.times[s.best];
    }
    nyx_free(s.times);
    return status;
}

/* ---- trying --------------------------------------------------------------------------- */

/* Steps of the run on a device, from its beginning; what they did is dropped. */
static int measure(void *context, nyx_device *device, nyx_placement *place, nyx_measuring *m)
{
    nyx_train_options options = *(const nyx_train_options *)context;
    const double      steps = (double)options.config.training.steps;
    nyx_trainer      *t;
    int               status;

    options.checkpoint = options.log = options.trace = NULL;
    options.share = 0;
    if ((status = nyx_trainer_create(&t, device, &options)) < 0)
        return status;
    if (m->check)
        status = nyx_store_allocate(t->store);
    else if ((status = nyx_train__start(t)) == 0 && nyx_device_is_pair(nyx_device_name(device)))
        status = time_shares(t, nyx_device_name(device), place, m);
    else if (status == 0 && (status = time_steps(t, &(bounds){ m->best_s / steps, m->most_s }, &m->seconds)) == 0)
        nyx_placement_add(place, nyx_device_name(device))->seconds = m->seconds;
    nyx_trainer_free(t);
    m->seconds *= steps;
    return status;
}

/* Of the whole run. */
static int amount_of(void *context, nyx_amount *out)
{
    const nyx_train_options *options = context;
    const double             steps = (double)options->config.training.steps;
    const double             micros = (double)options->config.training.micro_batches;
    nyx_device              *cpu;
    nyx_trainer             *t;
    int                      status = nyx_device_open(&cpu, "cpu", 1);

    if (status < 0)
        return status;
    if ((status = nyx_trainer_create(&t, cpu, options)) == 0) {
        *out = (nyx_amount){ .flops = steps * nyx_trainer_flops(t), .steps = options->config.training.steps,
                             .bytes = nyx_trainer_bytes(t), .type = nyx_passes_dtype(&options->passes) };
        for (int i = 0; i < 3 && t->graphs[i]; i++)
            out->launches += steps * (i == 0 ? micros : 1.0) * nyx_graph_node_count(t->graphs[i]);
        nyx_trainer_free(t);
    }
    nyx_device_close(cpu);
    return status;
}

static int open_auto(nyx_device **out, nyx_placement *place, const char *name, int threads, nyx_train_options *options)
{
    const nyx_work work = { .amount = amount_of, .parts = options->config.training.micro_batches, .measure = measure,
                            .context = options };
    int            status;

    if (options->share > 0)
        return nyx_error_set(NYX_ERR_USAGE, "a share is of two devices; --device=cpu+vulkan has two");
    if ((status = nyx_place_open(out, place, name, threads, &work)) < 0)
        return status;
    options->share = place->share;
    return 0;
}

/* A pair without a share gets the fastest. */
static int open_pair(nyx_device **out, nyx_placement *place, const char *name, int threads, nyx_train_options *options)
{
    const int64_t begin = nyx_clock_ns();
    nyx_measuring m = { .best_s = INFINITY, .most_s = INFINITY };
    int           status = nyx_device_open_pair(out, name, threads);

    place->open_s = (double)(nyx_clock_ns() - begin) * 1e-9;
    if (status < 0 || options->share > 0)
        return status;
    if ((status = measure(options, *out, place, &m)) < 0) {
        nyx_device_close(*out);
        *out = NULL;
    }
    options->share = m.share;
    snprintf(place->why, sizeof place->why, "the device was named; of its shares the fastest that was tried");
    place->seconds = (double)(nyx_clock_ns() - begin) * 1e-9;
    return status;
}

/* ---- what a checkpoint says --------------------------------------------------------------- */

/* The device and share of the run that wrote it; "" and 0: it does not say. A
 * file that cannot be read is for those who resume from it. */
static void read_checkpoint(char device[32], int *share, const nyx_train_options *options)
{
    nyx_reader *file = NULL;
    nyx_json   *sampler = NULL;

    device[0] = '\0';
    *share = 0;
    if (!options->resume || !options->checkpoint || access(options->checkpoint, F_OK) != 0)
        return;
    if (nyx_reader_open(&file, options->checkpoint) == 0 && nyx_reader_json(file, "/sampler", &sampler) == 0 &&
        sampler) {
        snprintf(device, 32, "%s", nyx_json_text(nyx_json_get(sampler, "device"), ""));
        *share = (int)nyx_json_int(nyx_json_get(sampler, "share"), 0);
    }
    nyx_json_free(sampler);
    nyx_reader_close(file);
}

int nyx_train_place(nyx_device **out, nyx_placement *place, const char *name, int threads, nyx_train_options *options)
{
    char device[32];
    int  share;

    memset(place, 0, sizeof *place);
    *out = NULL;
    read_checkpoint(device, &share, options);
    if (nyx_place_is_auto(name) && !device[0])
        return open_auto(out, place, name, threads, options);
    name = nyx_place_is_auto(name) ? device : name;
    if (!nyx_device_is_pair(name))
        return nyx_device_open(out, name, threads);
    if (options->share == 0)
        options->share = share;
    return open_pair(out, place, name, threads, options);
}
