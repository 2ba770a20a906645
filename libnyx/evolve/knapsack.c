/* knapsack -- one format for each tensor: the cheapest choice within a budget. */
#include "evolve/evolve.h"

#include <string.h>

enum { STEPS_MOST = 32768 };

static const nyx_choice *choice_of(const nyx_knapsack *k, int tensor, int level)
{
    return &k->choices[tensor * k->levels + level];
}

int64_t nyx_knapsack_bytes(const nyx_knapsack *k, const uint8_t *plan)
{
    int64_t bytes = 0;

    for (int t = 0; t < k->tensors; t++)
        bytes += choice_of(k, t, plan[t])->bytes;
    return bytes;
}

double nyx_knapsack_cost(const nyx_knapsack *k, const uint8_t *plan)
{
    double cost = 0.0;

    for (int t = 0; t < k->tensors; t++)
        cost += choice_of(k, t, plan[t])->cost;
    return cost;
}

/* Insertion by bytes, the cheaper first of equals; then only what gets cheaper. */
int nyx_knapsack_ladder(const nyx_knapsack *k, int tensor, uint8_t *levels)
{
    uint8_t sorted[NYX_LEVELS_MOST];
    int     count = 0;

    NYX_BUG_IF(k->levels < 1 || k->levels > NYX_LEVELS_MOST);
    for (int level = 0; level < k->levels; level++) {
        const nyx_choice *c = choice_of(k, tensor, level);
        int               at = level;

        for (; at > 0; at--) {
            const nyx_choice *before = choice_of(k, tensor, sorted[at - 1]);

            if (before->bytes < c->bytes || (before->bytes == c->bytes && before->cost <= c->cost))
                break;
            sorted[at] = sorted[at - 1];
        }
        sorted[at] = (uint8_t)level;
    }
    for (int i = 0; i < k->levels; i++)
        if (count == 0 ||
            choice_of(k, tensor, sorted[i])->cost < choice_of(k, tensor, levels[count - 1])->cost)
            levels[count++] = sorted[i];
    return count;
}

/* Every tensor as small as it gets. */
static int smallest(uint8_t *plan, const nyx_knapsack *k, int64_t budget)
{
    uint8_t ladder[NYX_LEVELS_MOST];
    int64_t bytes;

    for (int t = 0; t < k->tensors; t++) {
        (void)nyx_knapsack_ladder(k, t, ladder);
        plan[t] = ladder[0];
    }
    bytes = nyx_knapsack_bytes(k, plan);
    if (bytes > budget)
        return nyx_error_set(NYX_ERR_UNSUPPORTED, "no plan fits %lld bytes, the smallest has %lld",
                             (long long)budget, (long long)bytes);
    return 0;
}

/* The rung above `level`, -1 at the top. A level between rungs counts as the one below it. */
static int rung_above(const nyx_knapsack *k, int tensor, int level)
{
    uint8_t   ladder[NYX_LEVELS_MOST];
    const int count = nyx_knapsack_ladder(k, tensor, ladder);

    for (int i = 0; i < count; i++)
        if (choice_of(k, tensor, ladder[i])->bytes > choice_of(k, tensor, level)->bytes &&
            choice_of(k, tensor, ladder[i])->cost < choice_of(k, tensor, level)->cost)
            return ladder[i];
    return -1;
}

/* Spend what is left on the best gains per byte, one rung at a time. */
static void spend(uint8_t *plan, const nyx_knapsack *k, int64_t left)
{
    for (;;) {
        int    best = -1, best_level = 0;
        double best_gain = 0.0;

        for (int t = 0; t < k->tensors; t++) {
            const nyx_choice *now = choice_of(k, t, plan[t]), *next;
            const int         level = rung_above(k, t, plan[t]);
            double            gain;

            if (level < 0)
                continue;
            next = choice_of(k, t, level);
            gain = (now->cost - next->cost) / (double)(next->bytes - now->bytes);
            if (next->bytes - now->bytes <= left && gain > best_gain) {
                best = t;
                best_level = level;
                best_gain = gain;
            }
        }
        if (best < 0)
            return;
        left -= choice_of(k, best, best_level)->bytes - choice_of(k, best, plan[best])->bytes;
        plan[best] = (uint8_t)best_level;
    }
}

int nyx_knapsack_greedy(uint8_t *plan, const nyx_knapsack *k, int64_t budget)
{
    int status = smallest(plan, k, budget);

    if (status == 0)
        spend(plan, k, budget - nyx_knapsack_bytes(k, plan));
    return status;
}

/* ---- dynamic programming ----------------------------------------------------------- */

static int64_t common_divisor(int64_t a, int64_t b)
{
    while (b) {
        const int64_t rest = a % b;

        a = b;
        b = rest;
    }
    return a;
}

/* Bytes above the smallest plan come in steps of `unit`; there are `steps` of them. */
struct scale {
    int64_t unit, steps;
};

static struct scale scale_of(const nyx_knapsack *k, const uint8_t *least, int64_t left)
{
    struct scale scale = {0, 0};

    for (int t = 0; t < k->tensors; t++)
        for (int l = 0; l < k->levels; l++) {
            const int64_t more = choice_of(k, t, l)->bytes - choice_of(k, t, least[t])->bytes;

            scale.unit = common_divisor(scale.unit, more < 0 ? -more : more);
        }
    if (scale.unit == 0)
        scale.unit = 1;
    if (left / scale.unit > STEPS_MOST)
        scale.unit *= (left / scale.unit + STEPS_MOST - 1) / STEPS_MOST;
    scale.steps = left / scale.unit;
    return scale;
}

/* best[s]: the least cost with at most s steps; taken [tensors, steps + 1]. */
static void fill(const nyx_knapsack *k, const uint8_t *least, struct scale scale, double *best,
                 double *next, uint8_t *taken)
{
    memset(best, 0, (size_t)(scale.steps + 1) * sizeof *best);
    for (int t = 0; t < k->tensors; t++) {
        uint8_t *row = taken + t * (scale.steps + 1);

        for (int64_t s = 0; s <= scale.steps; s++) {
            next[s] = best[s] + choice_of(k, t, least[t])->cost;
            row[s] = least[t];
        }
        for (int l = 0; l < k->levels; l++) {
            const int64_t more = choice_of(k, t, l)->bytes - choice_of(k, t, least[t])->bytes;
            const int64_t weight = more <= 0 ? 0 : (more + scale.unit - 1) / scale.unit;

            for (int64_t s = weight; s <= scale.steps && more >= 0; s++) {
                const double cost = best[s - weight] + choice_of(k, t, l)->cost;

                if (cost < next[s]) {
                    next[s] = cost;
                    row[s] = (uint8_t)l;
                }
            }
        }
        memcpy(best, next, (size_t)(scale.steps + 1) * sizeof *best);
    }
}

int nyx_knapsack_solve(uint8_t *plan, const nyx_knapsack *k, int64_t budget)
{
    uint8_t     *taken = NULL, *least = NULL;
    double      *best = NULL;
    struct scale scale;
    int64_t      at;
    int          status;

    if ((status = nyx_alloc(&least, k->tensors)) < 0 || (status = smallest(least, k, budget)) < 0)
        goto done;
    scale = scale_of(k, least, budget - nyx_knapsack_bytes(k, least));
    if ((status = nyx_alloc(&best, 2 * (scale.steps + 1) * (int64_t)sizeof *best)) < 0 ||
        (status = nyx_alloc(&taken, k->tensors * (scale.steps + 1))) < 0)
        goto done;
    fill(k, least, scale, best, best + scale.steps + 1, taken);
    at = scale.steps;
    for (int t = k->tensors - 1; t >= 0; t--) {
        const int64_t more = choice_of(k, t, taken[t * (scale.steps + 1) + at])->bytes -
                             choice_of(k, t, least[t])->bytes;

        plan[t] = taken[t * (scale.steps + 1) + at];
        at -= (more + scale.unit - 1) / scale.unit;
    }
    spend(plan, k, budget - nyx_knapsack_bytes(k, plan));
done:
    nyx_free(taken);
    nyx_free(best);
    nyx_free(least);
    return status;
}

/* ---- the convex front ------------------------------------------------------------------ */

/* One step along the lower hull of a tensor. */
struct step {
    double  slope; /* cost saved a byte */
    int     tensor, order;
    uint8_t level;
};

static int steepest_first(const void *a, const void *b)
{
    const struct step *x = a, *y = b;

    if (x->slope != y->slope)
        return x->slope > y->slope ? -1 : 1;
    return x->tensor != y->tensor ? x->tensor - y->tensor : x->order - y->order;
}

static double slope_of(const nyx_knapsack *k, int tensor, int from, int to)
{
    const nyx_choice *a = choice_of(k, tensor, from), *b = choice_of(k, tensor, to);

    return (a->cost - b->cost) / (double)(b->bytes - a->bytes);
}

/* Steps of one tensor's hull into `steps`; returns how many. The walk takes the
 * steepest way to any rung above, the farthest of equals. */
static int hull(const nyx_knapsack *k, int tensor, struct step *steps)
{
    uint8_t   ladder[NYX_LEVELS_MOST];
    const int rungs = nyx_knapsack_ladder(k, tensor, ladder);
    int       count = 0, at = 0;

    while (at + 1 < rungs) {
        int to = at + 1;

        for (int i = at + 2; i < rungs; i++)
            if (slope_of(k, tensor, ladder[at], ladder[i]) >=
                slope_of(k, tensor, ladder[at], ladder[to]))
                to = i;
        steps[count] =
            (struct step){slope_of(k, tensor, ladder[at], ladder[to]), tensor, count, ladder[to]};
        count++;
        at = to;
    }
    return count;
}

static int front_create(nyx_knapsack_front *out, int count, int tensors)
{
    int status;

    *out = (nyx_knapsack_front){.count = count};
    if ((status = nyx_alloc(&out->plans, (int64_t)count * tensors)) < 0 ||
        (status = nyx_alloc(&out->bytes, count * (int64_t)sizeof *out->bytes)) < 0 ||
        (status = nyx_alloc(&out->costs, count * (int64_t)sizeof *out->costs)) < 0)
        nyx_knapsack_front_release(out);
    return status;
}

int nyx_knapsack_front_make(nyx_knapsack_front *out, const nyx_knapsack *k)
{
    struct step *steps;
    int          count = 0, status;

    *out = (nyx_knapsack_front){0};
    if ((status = nyx_alloc(&steps, (int64_t)k->tensors * k->levels * (int64_t)sizeof *steps)) < 0)
        return status;
    for (int t = 0; t < k->tensors; t++)
        count += hull(k, t, steps + count);
    qsort(steps, (size_t)count, sizeof *steps, steepest_first);
    if ((status = front_create(out, count + 1, k->tensors)) < 0 ||
        (status = smallest(out->plans, k, INT64_MAX)) < 0)
        goto done;
    for (int i = 0; i <= count; i++) {
        uint8_t *plan = out->plans + (int64_t)i * k->tensors;

        if (i > 0) {
            memcpy(plan, plan - k->tensors, (size_t)k->tensors);
            plan[steps[i - 1].tensor] = steps[i - 1].level;
        }
        out->bytes[i] = nyx_knapsack_bytes(k, plan);
        out->costs[i] = nyx_knapsack_cost(k, plan);
    }
done:
    nyx_free(steps);
    return status;
}

void nyx_knapsack_front_release(nyx_knapsack_front *front)
{
    nyx_free(front->plans);
    nyx_free(front->bytes);
    nyx_free(front->costs);
    *front = (nyx_knapsack_front){0};
}
