/* tune -- a search for the constants that a kernel had better take on this
 * device (device/tune.h).
 *
 * Begins with the kernel's own choice and its seeds, then climbs: each gene of the
 * best doubled and halved. A rival must first give the product that the kernel's
 * own choice gives; then the best and it run in turns, so that a clock that drifts
 * meets both (a gauge has woken the device, whose clock falls while the processor
 * prepares), and it wins when its median is 2 % lower. What takes twice as long
 * at once is dismissed. The winner is written where programs look for it. */
#include "bench/internal.h"

#include "base/caches.h"

#include <math.h>
#include <string.h>

enum { ROOM = 160, PAIRS_LEAST = 5, PAIRS_MOST = 25 };

struct search {
    nyx_bench           *bench;
    nyx_bench__prepare   prepare;
    void                *context;
    nyx_bench_tuned     *found;
    nyx_genome           tried[ROOM];
    nyx_bench__product   best;
    nyx_gauge           *gauge;    /* keeps the device awake */
    float               *expected; /* by the kernel's own choice */
    int64_t              elems, end_ns;
};

/* ---- one rival ------------------------------------------------------------------- */

static int prepare_with(const struct search *s, nyx_bench__product *out, const nyx_genome *genome)
{
    int status;

    nyx_tune_force(s->bench->device, s->found->problem.kernel, genome);
    status = s->prepare(out, s->context);
    nyx_tune_force(s->bench->device, NULL, NULL);
    return status;
}

static const nyx_variable *output_of(const nyx_bench__product *p)
{
    for (int i = 0; i < nyx_store_count(p->store); i++)
        if (nyx_store_variable(p->store, i)->role == NYX_ROLE_OUTPUT)
            return nyx_store_variable(p->store, i);
    return NULL;
}

/* What it computes; NULL: no memory. */
static float *result_of(const nyx_bench__product *p, int64_t *elems)
{
    const nyx_variable *output = output_of(p);
    float              *values = NULL;
    char               *stored;

    NYX_BUG_IF(!output);
    *elems = nyx_shape_count(&output->shape);
    if (nyx_alloc(&stored, *elems * nyx_dtype_bytes(output->dtype)) == 0 && nyx_alloc(&values, *elems * 4) == 0) {
        nyx_program_run(p->program, &(nyx_run){ 0 });
        nyx_store_read(p->store, output->name, stored);
        nyx_convert_to_f32(output->dtype, values, stored, *elems);
    }
    nyx_free(stored);
    return values;
}

/* As the first one, but for the order of sums. */
static bool is_right(const struct search *s, const nyx_bench__product *p)
{
    int64_t elems = 0;
    float  *values = result_of(p, &elems);
    double  most = 0.0, apart = 0.0;
    bool    right = values && elems == s->elems;

    for (int64_t i = 0; i < elems && right; i++) {
        most = fmax(most, fabs((double)s->expected[i]));
        apart = fmax(apart, fabs((double)values[i] - (double)s->expected[i]));
        right = values[i] == values[i]; /* no NaN */
    }
    nyx_free(values);
    const enum nyx_dtype type = output_of(p)->dtype;

    return right && apart <= (type == NYX_F32 ? 2e-5 : type == NYX_F16 ? 2e-3 : 2e-2) * most;
}

struct duel { double best[PAIRS_MOST], rival[PAIRS_MOST]; int count; };

/* Both in turns; sorted. A rival twice as slow at once is not run again. */
static void fight(const struct search *s, nyx_bench__product *rival, struct duel *d)
{
    nyx_bench__product *best = (nyx_bench__product *)&s->best;
    const int64_t       budget = (int64_t)(s->bench->options.seconds * 1e9);

    d->count = 0;
    (void)nyx_gauge_measure(s->gauge);
    nyx_bench__product_time(best); /* what is cold */
    nyx_bench__product_time(rival);
    for (const int64_t end = nyx_clock_ns() + budget / 4;
         d->count < PAIRS_MOST && (d->count < PAIRS_LEAST || nyx_clock_ns() < end);) {
        const bool first = d->count % 2;

        if (first)
            d->rival[d->count] = (double)nyx_bench__product_time(rival);
        d->best[d->count] = (double)nyx_bench__product_time(best);
        if (!first)
            d->rival[d->count] = (double)nyx_bench__product_time(rival);
        if (d->rival[d->count++] > 2.0 * d->best[0] && d->count == 1)
            break;
    }
    nyx_bench__sort(d->best, d->count);
    nyx_bench__sort(d->rival, d->count);
}

/* The best now, and its sorted times in the duel that says so. */
static void take(struct search *s, const nyx_genome *genome, const double *times, int count)
{
    const double median = times[count / 2];

    s->found->genome = *genome;
    s->found->found.median_s = 1e-9 * median;
    s->found->found.spread = (times[count * 3 / 4] - times[count / 4]) / median;
    s->found->found.samples = count;
}

static bool was_tried(const struct search *s, const nyx_genome *genome)
{
    for (int64_t i = 0; i < s->found->tried; i++)
        if (!memcmp(&s->tried[i], genome, sizeof *genome))
            return true;
    return false;
}

/* *better: it is the best now. Compilers may refuse; a device that is lost ends the search. */
static int try_one(struct search *s, const nyx_genome *genome, bool *better)
{
    nyx_bench__product rival = { 0 };
    struct duel        d;
    int                status;

    if (s->found->tried == ROOM || was_tried(s, genome) || nyx_clock_ns() > s->end_ns)
        return 0;
    if (nyx_stop_requested())
        return nyx_error_set(NYX_ERR_STOPPED, "stopped while trying constants");
    s->tried[s->found->tried++] = *genome;
    status = prepare_with(s, &rival, genome);
    if (status < 0 && nyx_device_check(s->bench->device) == 0) {
        s->found->refused++;
        status = 0;
    } else if (status == 0 && !is_right(s, &rival)) {
        s->found->wrong++;
    } else if (status == 0) {
        fight(s, &rival, &d);
        if (d.count >= PAIRS_LEAST && d.rival[d.count / 2] < 0.98 * d.best[d.count / 2]) {
            const nyx_bench__product loser = s->best;

            *better = true;
            take(s, genome, d.rival, d.count);
            s->best = rival;
            rival = loser;
        }
    }
    nyx_bench__product_release(&rival);
    return status < 0 ? status : nyx_device_check(s->bench->device);
}

/* ---- the search ---------------------------------------------------------------------- */

static int try_seeds(struct search *s, const nyx_genome *seeds, int64_t count)
{
    int status = 0;

    for (int64_t i = 1; i < count && status == 0; i++)
        status = try_one(s, &seeds[i], &(bool){ false });
    return status;
}

static int climb(struct search *s)
{
    bool better = true;
    int  status = 0;

    while (better && status == 0) {
        const nyx_genome from = s->found->genome;

        better = false;
        for (int gene = 0; gene < NYX_GENES && status == 0; gene++)
            for (int up = 0; up < 2 && status == 0; up++) {
                nyx_genome next = from;

                next.genes[gene] = up ? next.genes[gene] * 2 : next.genes[gene] / 2;
                if (nyx_tune_fits(s->bench->device, &s->found->problem, &next))
                    status = try_one(s, &next, &better);
            }
    }
    return status;
}

/* At last the winner against the kernel's own choice, which it may be. */
static int confirm(struct search *s, const nyx_genome *usual)
{
    const bool         same = !memcmp(usual, &s->found->genome, sizeof *usual);
    nyx_bench__product rival = { 0 };
    struct duel        d;
    int                status = prepare_with(s, &rival, usual);

    if (status == 0) {
        fight(s, &rival, &d);
        s->found->found.usual_s = 1e-9 * d.rival[d.count / 2];
        if (same || (d.count >= PAIRS_LEAST && d.rival[d.count / 2] <= d.best[d.count / 2]))
            take(s, usual, d.rival, d.count);
        else
            take(s, &s->found->genome, d.best, d.count);
    }
    nyx_bench__product_release(&rival);
    return status;
}

static int search(struct search *s)
{
    nyx_device   *device = s->bench->device;
    nyx_genome    seeds[ROOM];
    const int64_t count = nyx_tune_propose(seeds, ROOM, device, &s->found->problem);
    struct duel   d;
    int           status;

    nyx_bench__product_release(&s->best);
    s->best = (nyx_bench__product){ 0 };
    s->found->genome = seeds[0];
    s->tried[s->found->tried++] = seeds[0];
    if ((status = prepare_with(s, &s->best, &seeds[0])) < 0)
        return status;
    if (!(s->expected = result_of(&s->best, &s->elems)))
        return nyx_error_set(NYX_ERR_MEMORY, "no memory for the product of %s", s->found->what);
    fight(s, &s->best, &d);
    take(s, &seeds[0], d.rival, d.count);
    if (!(s->found->found.median_s > 0.0) && nyx_device_check(device) == 0)
        return nyx_error_set(NYX_ERR_UNSUPPORTED, "--tune: '%s' tells no times", nyx_device_name(device));
    if ((status = nyx_device_check(device)) < 0 || (status = try_seeds(s, seeds, count)) < 0 ||
        (status = climb(s)) < 0 || (status = confirm(s, &seeds[0])) < 0 || (status = nyx_device_check(device)) < 0)
        return status;
    return nyx_tune_keep(device, &s->found->problem, &s->found->genome, &s->found->found);
}

static const nyx_node *node_of(const nyx_bench__product *p)
{
    for (int n = 0; n < nyx_graph_node_count(p->graph); n++)
        if (nyx_graph_node(p->graph, n)->op == p->op)
            return nyx_graph_node(p->graph, n);
    return NULL;
}

int nyx_bench__tune(nyx_bench *bench, const char *op, const char *what, nyx_bench__prepare prepare, void *context)
{
    struct search s = { .bench = bench, .prepare = prepare, .context = context };
    int           status;

    if (!*nyx_cache_folder())
        return nyx_error_set(NYX_ERR_UNSUPPORTED,
                             "there is no folder for caches to keep constants in; XDG_CACHE_HOME names one");
    if ((status = nyx_array_grow(&bench->tuned, &bench->tuned_room, bench->tuned_count, sizeof *bench->tuned, 8)) < 0)
        return status;
    s.found = &bench->tuned[bench->tuned_count];
    *s.found = (nyx_bench_tuned){ .tried = 0 };
    snprintf(s.found->what, sizeof s.found->what, "%s %s", op, what);
    if (bench->options.progress)
        bench->options.progress(bench->options.context, s.found->what);
    s.end_ns = nyx_clock_ns() + (int64_t)(bench->options.seconds * 30e9);
    if ((status = nyx_gauge_open(&s.gauge, bench->device, NYX_RATE_F32, 0)) == 0 &&
        (status = prepare(&s.best, context)) == 0 && node_of(&s.best) &&
        nyx_tune_problem_of(&s.found->problem, bench->device, s.best.graph, node_of(&s.best)) == 0) {
        status = search(&s);
        bench->tuned_count += status == 0;
    } /* else there is nothing to choose */
    nyx_bench__product_release(&s.best);
    nyx_gauge_close(s.gauge);
    nyx_free(s.expected);
    return status;
}
