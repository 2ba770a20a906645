/* place -- which device does a piece of work: the one that its arithmetic and a
 * few trials say is the fastest.
 *
 * What is known of the work before anything runs is how much there is to
 * multiply and how often a device is handed something; of a device, how fast it
 * multiplies, which a moment tells (rate.c). Together they say at least and at
 * most how long it takes there, and between them what is likely. Where one
 * device's most is below all others' least nothing is tried. Else devices are
 * tried, the likeliest first, as far as that costs no more than a twentieth of
 * the work itself. */
#include "run/run.h"

#include "device/machine.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

/* No processor core that trains does less a second; work that takes so short at
 * that rate is over before a GPU was tried. */
static const double core_flops_least = 5e9, short_s = 3.0;
enum { GPUS_MOST = 4, CANDIDATES_MOST = 1 + GPUS_MOST };

/* Any device; processors that call themselves Vulkan devices count, too; and each
 * is tried, at any cost. */
enum how { AUTO, SOFTWARE, ALL, HOW_COUNT };
static const char *const auto_names[HOW_COUNT] = { "auto", "auto,software", "auto,software,all" };

static enum how how_of(const char *name)
{
    int how = AUTO;

    while (how < HOW_COUNT && strcmp(name, auto_names[how]))
        how++;
    return (enum how)how;
}

bool nyx_place_is_auto(const char *name)
{
    return how_of(name) < HOW_COUNT;
}

/* ---- what is written down ---------------------------------------------------------- */

nyx_trial *nyx_placement_add(nyx_placement *place, const char *device)
{
    nyx_trial *trial;

    if (place->count == NYX_TRIALS_MOST)
        place->count--;
    trial = &place->trials[place->count++];
    *trial = (nyx_trial){ .seconds = -1.0, .predicted_s = -1.0 };
    snprintf(trial->device, sizeof trial->device, "%s", device);
    return trial;
}

static nyx_trial *not_tried(nyx_placement *place, const char *device, const char *fmt, ...) NYX_PRINTF(3, 4);
static nyx_trial *not_tried(nyx_placement *place, const char *device, const char *fmt, ...)
{
    nyx_trial *trial = nyx_placement_add(place, device);
    va_list    arguments;

    va_start(arguments, fmt);
    vsnprintf(trial->reason, sizeof trial->reason, fmt, arguments);
    va_end(arguments);
    return trial;
}

void nyx_placement_describe(const nyx_placement *place, nyx_json *run)
{
    nyx_json *object, *list;

    if (!place->count)
        return;
    object = nyx_json_add_object(run, "placement");
    list = nyx_json_add_array(object, "trials");
    nyx_json_set_real(object, "seconds", place->seconds);
    nyx_json_set_real(object, "open_s", place->open_s);
    nyx_json_set_text(object, "why", place->why);
    for (int i = 0; i < place->count; i++) {
        const nyx_trial *trial = &place->trials[i];
        nyx_json        *one = nyx_json_push_object(list);

        nyx_json_set_text(one, "device", trial->device);
        if (trial->share > 0)
            nyx_json_set_int(one, "share", trial->share);
        if (trial->predicted_s >= 0.0)
            nyx_json_set_real(one, "predicted_s", trial->predicted_s);
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

/* ---- one device -------------------------------------------------------------------------- */

typedef struct {
    char        name[24];
    nyx_device *device;   /* NULL: it cannot be opened, or cannot do it */
    double      least_s, likely_s, most_s; /* by its arithmetic, of all the work */
    double      seconds;  /* as tried; INFINITY: it was not */
} candidate;

typedef struct {
    nyx_placement  *place;
    const nyx_work *work;
    int             threads, cores;
    enum how        how;
    nyx_amount      amount;
    double          amount_s; /* that it took to find out: a graph built */
    int64_t         begin_ns;
    candidate       list[CANDIDATES_MOST];
    int             count;
} search;

/* What it costs to know better than by arithmetic, and what that may cost. */
static const double twentieth = 0.05;

static double spent(const search *s)
{
    return (double)(nyx_clock_ns() - s->begin_ns) * 1e-9 - s->place->open_s;
}

static int open_timed(search *s, nyx_device **out, const char *name)
{
    const int64_t begin = nyx_clock_ns();
    const int     status = nyx_device_is_pair(name) ? nyx_device_open_pair(out, name, s->threads)
                                                    : nyx_device_open(out, name, s->threads);

    s->place->open_s += (double)(nyx_clock_ns() - begin) * 1e-9;
    return status;
}

/* How far steps are from pure products, as shares of their rate, and what each
 * operation costs beside. Seen: 0.37 of a tiny model on two cores, 0.6 to 0.9 of
 * larger ones on an H100, whose clock may be an eighth when it is first asked. */
typedef struct { double most, likely, least, launch_least_s, launch_likely_s, launch_most_s; } efficiency;
static const efficiency of_cpu = { 1.5, 0.45, 0.1, 0.0, 5e-6, 30e-6 }, of_gpu = { 8.0, 0.6, 0.15, 1e-6, 8e-6, 30e-6 };

static void predict(const search *s, candidate *c)
{
    const efficiency *e = strncmp(c->name, "cpu", 3) ? &of_gpu : &of_cpu;
    const nyx_amount *a = &s->amount;
    const double      rate = s->work->rate ? s->work->rate(s->work->context, c->device)
                                           : nyx_rate_of(c->device, a->type, a->flops);
    const double      pure = rate > 0.0 ? a->flops / rate : INFINITY;

    c->least_s = rate > 0.0 ? pure / e->most + a->launches * e->launch_least_s : 0.0;
    c->likely_s = pure / e->likely + a->launches * e->launch_likely_s;
    c->most_s = pure / e->least + a->launches * e->launch_most_s;
}

/* One that cannot be opened is passed over. */
static void add_candidate(search *s, const char *name)
{
    candidate *c = &s->list[s->count];

    *c = (candidate){ .seconds = INFINITY, .least_s = 0.0, .likely_s = INFINITY, .most_s = INFINITY };
    snprintf(c->name, sizeof c->name, "%s", name);
    if (open_timed(s, &c->device, name) < 0) {
        not_tried(s->place, name, "%s", nyx_error_text());
        return;
    }
    if (s->work->amount)
        predict(s, c);
    s->count++;
}

static void give_up(candidate *c)
{
    nyx_device_close(c->device);
    c->device = NULL;
    c->seconds = INFINITY;
}

static double step_of(const search *s, double seconds)
{
    return seconds / (double)(s->amount.steps > 0 ? s->amount.steps : 1);
}

/* Do a little of it on an open device; one that cannot is given up. */
static int measure(search *s, candidate *c, nyx_measuring *m)
{
    const int before = s->place->count, status = s->work->measure(s->work->context, c->device, s->place, m);

    for (int i = before; i < s->place->count && isfinite(c->likely_s); i++)
        s->place->trials[i].predicted_s = step_of(s, c->likely_s);
    if (status == 0) {
        c->seconds = m->check ? c->seconds : m->seconds;
        return 0;
    }
    if (status == NYX_ERR_STOPPED)
        return status;
    not_tried(s->place, c->name, "%s", nyx_error_text());
    give_up(c);
    return 0;
}

/* Can it be done there? Where a GPU has room for twice as much, nobody need see. */
static int check(search *s, candidate *c)
{
    const int64_t room = nyx_device_memory(c->device);
    nyx_measuring m = { .check = true };

    return s->amount.bytes > 0 && room / 2 > s->amount.bytes ? 0 : measure(s, c, &m);
}

/* ---- choosing ------------------------------------------------------------------------------ */

static double best_measured(const search *s)
{
    double best = INFINITY;

    for (int i = 0; i < s->count; i++)
        best = fmin(best, s->list[i].seconds);
    return best;
}

/* Tried or, where it was not, likely. */
static double known_s(const candidate *c)
{
    return !c->device ? INFINITY : isfinite(c->seconds) ? c->seconds : c->likely_s;
}

static candidate *fastest(search *s)
{
    candidate *best = NULL;

    for (int i = 0; i < s->count; i++)
        if (s->list[i].device && (!best || known_s(&s->list[i]) < known_s(best)))
            best = &s->list[i];
    return best;
}

static void sort_by_likely(search *s)
{
    for (int i = 1; i < s->count; i++)
        for (int j = i; j > 0 && s->list[j].likely_s < s->list[j - 1].likely_s; j--) {
            const candidate swap = s->list[j];

            s->list[j] = s->list[j - 1];
            s->list[j - 1] = swap;
        }
}

/* Seconds that may still be spent on trials. */
static double left(search *s)
{
    const candidate *best = fastest(s);

    return s->how == ALL ? INFINITY : best ? twentieth * known_s(best) - spent(s) : 0.0;
}

/* A trial: made as the run will be, a step to warm up, one that counts. */
static double trial_s(const search *s, const candidate *c)
{
    return s->amount_s + 2.0 * step_of(s, c->likely_s);
}

static int try_one(search *s, candidate *c)
{
    const double  best = best_measured(s), room = left(s), cost = trial_s(s, c);
    nyx_measuring m = { .best_s = best, .most_s = room };
    nyx_trial    *trial;

    if (s->how != ALL && c->least_s >= best)
        trial = not_tried(s->place, c->name,
                          "by its arithmetic it would take more than %.3g s, the fastest takes %.3g s",
                          c->least_s, best);
    else if (!(cost <= room))
        trial = not_tried(s->place, c->name,
                          "trying it would take %.2g s, more than is left of a twentieth of the run", cost);
    else
        return measure(s, c, &m);
    trial->predicted_s = step_of(s, c->likely_s);
    return 0;
}

static candidate *fastest_of(search *s, bool gpu)
{
    candidate *best = NULL;

    for (int i = 0; i < s->count; i++)
        if ((strncmp(s->list[i].name, "cpu", 3) != 0) == gpu && s->list[i].device &&
            (!best || known_s(&s->list[i]) < known_s(best)))
            best = &s->list[i];
    return best;
}

/* Could both together save more than it takes to find out? At best their speeds
 * add up; some shares have to be tried, each as long as a trial. */
static bool is_pair_worth_it(search *s, const candidate *cpu, const candidate *gpu, double room)
{
    const double c = known_s(cpu), g = known_s(gpu), best = fmin(c, g), together = 1.0 / (1.0 / c + 1.0 / g);
    const double cost = s->amount_s + 6.0 * step_of(s, best);

    return s->work->parts >= 2 && c / (double)s->work->parts < g && best - together > 2.0 * cost && cost <= room;
}

/* Can no other be as fast, whatever is wrong with what is likely? */
static bool is_decided(search *s)
{
    const candidate *cpu = fastest_of(s, false), *gpu = fastest_of(s, true);

    for (int i = 1; i < s->count; i++)
        if (s->list[i].least_s < s->list[0].most_s)
            return false;
    return s->how != ALL && s->count > 0 && !(cpu && gpu && is_pair_worth_it(s, cpu, gpu, left(s)));
}

static void why(search *s, const char *text)
{
    snprintf(s->place->why, sizeof s->place->why, "%s", text);
}

static int decide(search *s)
{
    candidate *first = &s->list[0];
    int        status;

    for (int i = 1; i < s->count; i++)
        not_tried(s->place, s->list[i].name, "by its arithmetic it would take more than %.3g s, '%s' less than %.3g s",
                  s->list[i].least_s, first->name, first->most_s)->predicted_s = step_of(s, s->list[i].likely_s);
    if ((status = check(s, first)) < 0 || !first->device)
        return status;
    not_tried(s->place, first->name, "no other can be as fast")->predicted_s = step_of(s, first->likely_s);
    why(s, "by their arithmetic no other can be as fast; nothing was tried");
    return 0;
}

/* One that was chosen without being tried must at least be able to do it. */
static int check_untried(search *s)
{
    for (candidate *best = fastest(s); best && !isfinite(best->seconds); best = fastest(s)) {
        const int status = check(s, best);

        if (status < 0)
            return status;
        if (best->device) {
            why(s, "likely to be the fastest; to try more would have taken more than a twentieth of the run");
            return 0;
        }
    }
    return 0;
}

static int choose(search *s)
{
    int status;

    sort_by_likely(s);
    if (is_decided(s)) {
        if ((status = decide(s)) < 0 || s->list[0].device)
            return status;
    }
    why(s, "the fastest of those that were tried");
    for (int i = 0; i < s->count; i++)
        if (s->list[i].device && (status = try_one(s, &s->list[i])) < 0)
            return status;
    return check_untried(s);
}

/* ---- a processor and a GPU together ------------------------------------------------------------ */

/* With everything on the GPU it is no pair: the GPU alone does that with less. */
static int try_pair(search *s, candidate *pair)
{
    candidate    *cpu = fastest_of(s, false), *gpu = fastest_of(s, true);
    const double  room = left(s);
    nyx_measuring m = { .best_s = best_measured(s), .most_s = room };
    int           status;

    *pair = (candidate){ .seconds = INFINITY, .likely_s = INFINITY };
    if (!cpu || !gpu || !isfinite(m.best_s) || !is_pair_worth_it(s, cpu, gpu, room))
        return 0;
    snprintf(pair->name, sizeof pair->name, "cpu+%.16s", gpu->name);
    if (open_timed(s, &pair->device, pair->name) < 0) {
        not_tried(s->place, pair->name, "%s", nyx_error_text());
        return 0;
    }
    status = measure(s, pair, &m);
    if (status < 0 || !(pair->seconds < m.best_s) || m.share >= s->work->parts)
        give_up(pair);
    else
        s->place->share = m.share;
    return status;
}

/* ---- work of which nothing is known -------------------------------------------------------------- */

/* The processor first, which shows that it is short. */
static int try_unknown(search *s, const int *gpus, int count)
{
    int status = 0;

    why(s, "the fastest of those that were tried");
    for (int i = -1; i < count && status == 0; i++) {
        const int     before = s->count;
        nyx_measuring m = { .best_s = best_measured(s), .most_s = INFINITY };
        char          name[16] = "cpu";

        if (i >= 0)
            snprintf(name, sizeof name, "vulkan:%d", gpus[i]);
        add_candidate(s, name);
        if (s->count > before)
            status = measure(s, &s->list[before], &m);
        if (s->how == AUTO && best_measured(s) < short_s) {
            why(s, "it is done in three seconds there");
            break;
        }
    }
    return status;
}

static int try_known(search *s, const int *gpus, int count)
{
    add_candidate(s, "cpu");
    for (int i = 0; i < count; i++) {
        char name[16];

        snprintf(name, sizeof name, "vulkan:%d", gpus[i]);
        add_candidate(s, name);
    }
    return choose(s);
}

/* ---- opening ------------------------------------------------------------------------------------------ */

/* Is there more than one device to choose from, and enough to do? Asks as little
 * as it can. */
static int is_worth_it(search *s, bool *worth)
{
    const int64_t begin = nyx_clock_ns();
    int           status = 0;

    *worth = s->how != AUTO || nyx_gpu_is_there();
    if (!*worth || !s->work->amount)
        return 0;
    status = s->work->amount(s->work->context, &s->amount);
    s->amount_s = (double)(nyx_clock_ns() - begin) * 1e-9;
    *worth = s->how != AUTO || s->amount.flops >= short_s * core_flops_least * s->cores;
    return status;
}

/* The fastest stays open. */
static nyx_device *take(search *s, candidate *pair)
{
    candidate  *best = pair->device ? pair : fastest(s);
    nyx_device *device = best ? best->device : NULL;

    for (int i = 0; i < s->count; i++)
        if (&s->list[i] != best)
            nyx_device_close(s->list[i].device);
    return device;
}

static int search_all(search *s, nyx_device **out, const int *gpus, int count)
{
    candidate pair = { .device = NULL };
    int       status = s->work->amount ? try_known(s, gpus, count) : try_unknown(s, gpus, count);

    if (status == 0 && s->work->amount)
        status = try_pair(s, &pair);
    *out = take(s, &pair);
    if (status < 0) {
        nyx_device_close(*out);
        *out = NULL;
    }
    return status;
}

int nyx_place_open(nyx_device **out, nyx_placement *place, const char *name, int threads, const nyx_work *work)
{
    search  s = { .place = place, .work = work, .threads = threads, .how = how_of(name), .begin_ns = nyx_clock_ns(),
                  .cores = threads > 0 ? threads : nyx_cpu_count() };
    int     gpus[GPUS_MOST];
    int64_t probe_ns;
    bool    worth;
    int     count, status;

    memset(place, 0, sizeof *place);
    *out = NULL;
    if (!nyx_place_is_auto(name))
        return nyx_device_open(out, name, threads);
    if ((status = is_worth_it(&s, &worth)) < 0)
        return status;
    probe_ns = nyx_clock_ns();
    count = worth ? find_gpus(gpus, s.how != AUTO) : 0;
    place->open_s += (double)(nyx_clock_ns() - probe_ns) * 1e-9;
    if (count == 0)
        return nyx_device_open(out, "cpu", threads);
    if ((status = search_all(&s, out, gpus, count)) < 0)
        return status;
    place->seconds = (double)(nyx_clock_ns() - s.begin_ns) * 1e-9;
    return *out ? 0 : nyx_device_open(out, "cpu", threads); /* which says what is wrong */
}
