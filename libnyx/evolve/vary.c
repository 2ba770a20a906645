/* vary -- children: tensors go a rung up or down, the more likely the more that
 * gains, or the less it loses, a byte; what the budget has left is spent. */
#include "evolve/internal.h"

#include <string.h>

/* Of all chances, what is spread evenly: predictions are wrong now and then. */
static const double EVEN = 0.25;

/* The level `steps` rungs above (below, when negative), by bytes. Where a plan
 * began off the ladder, the first rung below is that which takes no more bytes
 * and costs no more. */
int nyx_evolve__rung(const nyx_evolve__search *s, int tensor, int level, int steps)
{
    const nyx_codings *c = s->codings;
    const uint8_t     *ladder = s->ladders + tensor * c->levels;
    const int64_t      bytes = c->tensors[tensor].bytes[level];
    const bool         off = !memchr(ladder, level, (size_t)s->rungs[tensor]);
    int                at = 0;

    if (steps > 0)
        while (at < s->rungs[tensor] && c->tensors[tensor].bytes[ladder[at]] <= bytes)
            at++;
    else
        for (at = s->rungs[tensor] - 1; at >= 0 && c->tensors[tensor].bytes[ladder[at]] >= bytes + off;)
            at--;
    at += steps > 0 ? steps - 1 : steps + 1;
    return at >= 0 && at < s->rungs[tensor] ? ladder[at] : -1;
}

static double cost_of(const nyx_evolve__search *s, int tensor, int level)
{
    return s->predicted.choices[tensor * s->codings->levels + level].cost;
}

static int64_t bytes_of(const nyx_evolve__search *s, int tensor, int level)
{
    return s->codings->tensors[tensor].bytes[level];
}

/* What is asked of one move. */
typedef struct {
    int            direction; /* 1 up, -1 down */
    int64_t        room;      /* up: bytes it may take */
    const uint8_t *barred;    /* tensors that stay */
} move;

/* How likely tensor t is to move; 0: it cannot. *level gets where. */
static double weight_of(const nyx_evolve__search *s, const uint8_t *plan, int t, const move *m,
                        int *level)
{
    double cost, bytes;

    *level = nyx_evolve__rung(s, t, plan[t], m->direction);
    if (*level < 0 || m->barred[t])
        return 0.0;
    bytes = (double)(bytes_of(s, t, *level) - bytes_of(s, t, plan[t]));
    cost = cost_of(s, t, plan[t]) - cost_of(s, t, *level);
    if (m->direction > 0 && bytes > (double)m->room)
        return 0.0;
    if (m->direction > 0)
        return cost > 0.0 ? cost / bytes : 0.0;
    if (cost >= 0.0) /* off a dominated level: nothing is lost, counted as a thousandth of what is left */
        return (1.0 - bytes) / (1e-3 * cost_of(s, t, *level) + 1e-30);
    return bytes / cost;
}

/* Move one tensor; which, or -1 when none can. */
static int step(const nyx_evolve__search *s, uint8_t *plan, const move *m, nyx_random *random)
{
    const int count = s->codings->count;
    double    sum = 0.0, at;
    int       able = 0, last = -1, level;

    for (int t = 0; t < count; t++) {
        const double weight = weight_of(s, plan, t, m, &level);

        sum += weight;
        able += weight > 0.0;
    }
    if (able == 0)
        return -1;
    at = nyx_random_uniform(random);
    for (int t = 0; t < count; t++) {
        const double weight = weight_of(s, plan, t, m, &level);

        if (weight <= 0.0)
            continue;
        last = t;
        at -= (1.0 - EVEN) * weight / sum + EVEN / (double)able;
        if (at < 0.0)
            break;
    }
    (void)weight_of(s, plan, last, m, &level);
    plan[last] = (uint8_t)level;
    return last;
}

void nyx_evolve__vary(const nyx_evolve__search *s, uint8_t *child, const uint8_t *parent,
                      nyx_random *random)
{
    const int64_t  budget = s->options->budget;
    uint8_t        barred[NYX_EVOLVE__TENSORS] = {0};
    const uint64_t a = nyx_random_below(random, 3), b = nyx_random_below(random, 3);
    int            switches = 1 + (int)(a < b ? a : b), t;

    memcpy(child, parent, (size_t)s->codings->count);
    for (; switches > 0; switches--) {
        const int direction = nyx_random_below(random, 2) ? 1 : -1;

        t = step(s, child, &(move){direction, INT64_MAX, barred}, random);
        if (t >= 0)
            barred[t] = 1; /* what was switched is not switched back */
    }
    while (nyx_codings_bytes(s->codings, child) > budget) {
        if ((t = step(s, child, &(move){-1, 0, barred}, random)) < 0)
            memset(barred, 0, sizeof barred);
        else if (nyx_codings_bytes(s->codings, child) <= budget)
            barred[t] = 1;
    }
    do {
        t = step(s, child, &(move){1, budget - nyx_codings_bytes(s->codings, child), barred},
                 random);
    } while (t >= 0);
}
