/* front -- bytes, divergence and time at once: NSGA-II (Deb et al. 2002,
 * IEEE Trans. Evol. Comput. 6:182) from the knapsack's convex front. */
#include "evolve/internal.h"

#include <math.h>
#include <string.h>

enum { POPULATION = 24, AIMS = 3 };

typedef struct {
    nyx_evolve__search   *s;
    double               *us; /* [tensors, levels] */
    nyx_evolve__candidate all[2 * POPULATION];
    int                   count;
    double                points[2 * POPULATION * AIMS], crowding[2 * POPULATION], reference[AIMS];
    int                   rank[2 * POPULATION];
} population;

static double time_of(const population *p, const uint8_t *levels)
{
    double us = 0.0;

    for (int t = 0; t < p->s->codings->count; t++)
        us += p->us[t * p->s->codings->levels + levels[t]];
    return us;
}

/* Measured on the rows of the last rung but one; `known` has been, and is in the log. */
static int add(population *p, const uint8_t *levels, const char *origin,
               const nyx_evolve__candidate *known)
{
    nyx_evolve__candidate *candidate = &p->all[p->count];
    int                    status = nyx_evolve__candidate_create(candidate, p->s, levels, origin);

    if (status < 0)
        return status;
    p->count++;
    candidate->us = time_of(p, levels);
    if (known) {
        candidate->rows = p->s->rung[2];
        memcpy(candidate->kl, known->kl, (size_t)candidate->rows * sizeof *candidate->kl);
        memcpy(candidate->root, known->root, (size_t)candidate->rows * sizeof *candidate->root);
        return 0;
    }
    if ((status = nyx_evolve__measure(p->s, candidate, p->s->rung[2])) < 0)
        return status;
    return nyx_evolve__log(p->s, candidate);
}

static void rate(population *p)
{
    for (int i = 0; i < p->count; i++) {
        p->points[i * AIMS] = (double)nyx_codings_bytes(p->s->codings, p->all[i].levels);
        p->points[i * AIMS + 1] = nyx_evolve__distance(&p->all[i]);
        p->points[i * AIMS + 2] = p->all[i].us;
    }
    nyx_pareto_rank(p->rank, p->points, p->count, AIMS);
}

static bool better(const population *p, int a, int b)
{
    if (p->rank[a] != p->rank[b])
        return p->rank[a] < p->rank[b];
    return p->crowding[a] != p->crowding[b] ? p->crowding[a] > p->crowding[b] : a < b;
}

/* ---- children
 * ------------------------------------------------------------------------------------ */

static int tournament(const population *p, nyx_random *random)
{
    const int a = (int)nyx_random_below(random, (uint64_t)p->count),
              b = (int)nyx_random_below(random, (uint64_t)p->count);

    return better(p, a, b) ? a : b;
}

/* Each tensor from either parent, then one to three tensors a rung up or down. */
static void breed(const population *p, uint8_t *child, nyx_random *random)
{
    const nyx_codings *c = p->s->codings;
    const uint8_t     *a = p->all[tournament(p, random)].levels,
                  *b = p->all[tournament(p, random)].levels;

    for (int t = 0; t < c->count; t++)
        child[t] = nyx_random_below(random, 2) ? a[t] : b[t];
    for (int steps = 1 + (int)nyx_random_below(random, 3); steps > 0; steps--) {
        const int t = (int)nyx_random_below(random, (uint64_t)c->count);
        const int level = nyx_evolve__rung(p->s, t, child[t], nyx_random_below(random, 2) ? 1 : -1);

        if (level >= 0)
            child[t] = (uint8_t)level;
    }
}

static int breed_all(population *p, int64_t generation)
{
    uint8_t children[POPULATION][NYX_EVOLVE__TENSORS];
    int     made = 0, status = 0;

    for (int i = 0; i < POPULATION; i++) {
        nyx_random random;

        nyx_random_init(&random, p->s->options->seed,
                        nyx_stream_of("evolve.breed") + (uint64_t)generation * 4096 + (uint64_t)i);
        for (int tries = 0; tries < 16; tries++) {
            breed(p, children[made], &random);
            if (nyx_evolve__new(p->s, children[made])) {
                made++;
                break;
            }
        }
    }
    for (int i = 0; i < made && status == 0; i++)
        status = add(p, children[i], "child", NULL);
    return status;
}

/* The better half stays. */
static int select_best(population *p)
{
    int status;

    rate(p);
    if ((status = nyx_pareto_crowding(p->crowding, p->points, p->rank, p->count, AIMS)) < 0)
        return status;
    for (int i = 1; i < p->count; i++) /* insertion: all three arrays move together */
        for (int j = i; j > 0 && better(p, j, j - 1); j--) {
            const nyx_evolve__candidate candidate = p->all[j];
            const double                crowding = p->crowding[j];
            const int                   rank = p->rank[j];

            p->all[j] = p->all[j - 1];
            p->crowding[j] = p->crowding[j - 1];
            p->rank[j] = p->rank[j - 1];
            p->all[j - 1] = candidate;
            p->crowding[j - 1] = crowding;
            p->rank[j - 1] = rank;
        }
    while (p->count > POPULATION)
        nyx_evolve__candidate_release(&p->all[--p->count]);
    rate(p);
    return nyx_pareto_crowding(p->crowding, p->points, p->rank, p->count, AIMS);
}

static int log_front(population *p)
{
    nyx_json *line = nyx_json_object();
    int       status =
            nyx_pareto_volume(&p->s->result->hypervolume, p->points, p->count, AIMS, p->reference),
        first = 0;

    for (int i = 0; i < p->count; i++)
        first += p->rank[i] == 0;
    p->s->result->hypervolume /= p->reference[0] * p->reference[1] * p->reference[2];
    nyx_json_set_text(line, "kind", "front");
    nyx_json_set_int(line, "generation", p->s->result->generations);
    nyx_json_set_real(line, "hypervolume", p->s->result->hypervolume);
    nyx_json_set_int(line, "points", first);
    nyx_json_set_int(line, "token_forwards", p->s->result->tokens);
    if (status < 0) {
        nyx_json_free(line);
        return status;
    }
    return nyx_evolve__log_json(p->s, line);
}

/* ---- the run
 * -------------------------------------------------------------------------------------------- */

/* The seeds, then plans of the convex front at equal distances. */
static int first_generation(population *p, const nyx_evolve__candidate *seeds, int count)
{
    const nyx_knapsack_front *front = &p->s->result->front;
    const int                 tensors = p->s->codings->count;
    int                       status = 0;

    for (int i = 0; i < count && status == 0; i++)
        if (nyx_evolve__new(p->s, seeds[i].levels))
            status = add(p, seeds[i].levels, seeds[i].origin, &seeds[i]);
    for (int i = 0; p->count < POPULATION && i < POPULATION && status == 0; i++) {
        const uint8_t *plan =
            front->plans + (int64_t)(i * (front->count - 1) / (POPULATION - 1)) * tensors;

        if (nyx_evolve__new(p->s, plan))
            status = add(p, plan, "front", NULL);
    }
    if (status < 0)
        return status;
    rate(p);
    for (int i = 0; i < p->count; i++) /* beyond the worst that generation 0 has */
        for (int aim = 0; aim < AIMS; aim++)
            if (p->points[i * AIMS + aim] * 1.1 > p->reference[aim])
                p->reference[aim] = p->points[i * AIMS + aim] * 1.1;
    return 0;
}

static int by_bytes(const void *a, const void *b)
{
    const nyx_search_point *x = a, *y = b;

    return x->bytes != y->bytes ? (x->bytes < y->bytes ? -1 : 1)
                                : (x->distance > y->distance) - (x->distance < y->distance);
}

/* Rank 0 into the result; the least divergence within the budget is the parent. */
static int finish(population *p)
{
    nyx_search_result *r = p->s->result;
    int best = -1, status = nyx_alloc(&r->points, p->count * (int64_t)sizeof *r->points);

    for (int i = 0; i < p->count && status == 0; i++) {
        nyx_search_point *point = &r->points[r->point_count];

        if (p->points[i * AIMS] <= (double)p->s->options->budget &&
            (best < 0 || p->points[i * AIMS + 1] < p->points[best * AIMS + 1]))
            best = i;
        if (p->rank[i] > 0)
            continue;
        if ((status = nyx_alloc(&point->levels, p->s->codings->count)) < 0)
            return status;
        memcpy(point->levels, p->all[i].levels, (size_t)p->s->codings->count);
        point->bytes = (int64_t)p->points[i * AIMS];
        point->distance = p->points[i * AIMS + 1];
        point->us = p->points[i * AIMS + 2];
        r->point_count++;
    }
    if (status < 0)
        return status;
    qsort(r->points, (size_t)r->point_count, sizeof *r->points, by_bytes);
    if (best >= 0) {
        nyx_evolve__candidate_release(&p->s->parent);
        p->s->parent = p->all[best];
        p->all[best] = (nyx_evolve__candidate){0};
    }
    return 0;
}

int nyx_evolve__front(nyx_evolve__search *s, nyx_evolve__candidate *seeds, int count)
{
    const int64_t cost = POPULATION * s->rung[2] * nyx_evolve__row_cost(s);
    population   *p;
    int64_t       before = -1; /* without a new child there is no next generation */
    int           status = nyx_alloc(&p, sizeof *p);

    if (status < 0)
        return status;
    p->s = s;
    s->seen_count = 0;
    if ((status = nyx_alloc(&p->us,
                            s->codings->count * s->codings->levels * (int64_t)sizeof *p->us)) < 0 ||
        (status = nyx_evolve__speeds(p->us, s)) < 0 ||
        (status = first_generation(p, seeds, count)) < 0 || (status = select_best(p)) < 0 ||
        (status = log_front(p)) < 0)
        goto done;
    while (s->result->tokens + cost <= s->budget_tokens && s->result->tokens != before && status == 0) {
        before = s->result->tokens;
        s->result->generations++;
        if ((status = breed_all(p, s->result->generations)) == 0 && (status = select_best(p)) == 0)
            status = log_front(p);
    }
    if (status == 0)
        status = finish(p);
done:
    for (int i = 0; i < p->count; i++)
        nyx_evolve__candidate_release(&p->all[i]);
    nyx_free(p->us);
    nyx_free(p);
    return status;
}
