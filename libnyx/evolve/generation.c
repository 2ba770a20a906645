/* generation -- one parent and its children on growing samples: all children on
 * the first rows, the better half on more, at last one and the parent on all.
 * Parent and children see the same rows; a child takes over when a paired
 * t test over rows says that it is better (one side, 5 %). */
#include "evolve/internal.h"

#include <math.h>
#include <string.h>

enum { EPOCH = 8 /* generations on the same rows */, TRIES = 24 };
static const int survivors[NYX_EVOLVE__RUNGS] = {NYX_EVOLVE__CHILDREN, 4, 2, 1};

/* Rows for this epoch. */
int nyx_evolve__start_epoch(nyx_evolve__search *s, int64_t epoch)
{
    const int64_t count = s->rung[NYX_EVOLVE__RUNGS - 1], turns = s->row_count / count;
    int           status;

    nyx_evolve__sample_release(&s->sample);
    snprintf(s->name, sizeof s->name, "%lld", (long long)epoch);
    s->seen_count = 0;
    s->result->epochs++;
    if ((status = nyx_evolve__sample_create(&s->sample, &s->rows, s->order + (epoch % turns) * count, count)) < 0)
        return status;
    s->result->tokens += count * nyx_evolve__row_cost(s); /* the exact model */
    return 0;
}

static int next_epoch(nyx_evolve__search *s)
{
    const int64_t epoch = s->result->epochs;
    int           status;

    if ((status = nyx_evolve__start_epoch(s, epoch)) < 0 ||
        (status = nyx_evolve__rebase_on(s, s->parent.levels)) < 0)
        return status;
    s->parent.rows = 0;
    s->parent.origin = "parent";
    s->parent.pair = (nyx_paired){0};
    s->parent.accepted = false;
    if ((status = nyx_evolve__measure(s, &s->parent, s->sample.count)) < 0)
        return status;
    (void)nyx_evolve__new(s, s->parent.levels);
    return nyx_evolve__log(s, &s->parent);
}

/* ---- children ------------------------------------------------------------------------------- */

/* Child `i` of this generation: drawn from its own stream until it is new. */
static int make_child(nyx_evolve__search *s, nyx_evolve__candidate *child, int i)
{
    uint8_t   *plan;
    nyx_random random;
    int        status = nyx_alloc(&plan, s->codings->count);

    if (status < 0)
        return status;
    nyx_random_init(&random, s->options->seed,
                    nyx_stream_of("evolve.child") + (uint64_t)s->result->generations * 4096 +
                        (uint64_t)i);
    for (int tries = 0; tries < TRIES; tries++) {
        nyx_evolve__vary(s, plan, s->parent.levels, &random);
        if (nyx_evolve__new(s, plan)) {
            status = nyx_evolve__candidate_create(child, s, plan, "child");
            break;
        }
    }
    nyx_free(plan);
    return status;
}

static void compare(const nyx_evolve__search *s, nyx_evolve__candidate *child)
{
    child->pair = nyx_paired_of(child->root, s->parent.root, NULL, child->rows);
}

/* Better first; stable, so that equals keep their order. */
static void sort_children(nyx_evolve__candidate **children, int count)
{
    for (int i = 1; i < count; i++)
        for (int j = i; j > 0 && children[j]->pair.difference < children[j - 1]->pair.difference;
             j--) {
            nyx_evolve__candidate *swap = children[j];

            children[j] = children[j - 1];
            children[j - 1] = swap;
        }
}

static int halve(nyx_evolve__search *s, nyx_evolve__candidate **children, int *count)
{
    for (int rung = 0; rung < NYX_EVOLVE__RUNGS; rung++) {
        if (*count > survivors[rung])
            *count = survivors[rung];
        if (*count == 1 && children[0]->pair.difference >= 0.0)
            return 0; /* no better than the parent so far: all rows are not worth it */
        for (int i = 0; i < *count; i++) {
            const int status = nyx_evolve__measure(s, children[i], s->rung[rung]);

            if (status < 0)
                return status;
            compare(s, children[i]);
        }
        sort_children(children, *count);
    }
    return 0;
}

/* The child takes the parent's place, and leaves the old one in its own. */
static int take_over(nyx_evolve__search *s, nyx_evolve__candidate *child)
{
    const nyx_evolve__candidate old = s->parent;

    s->parent = *child;
    *child = old;
    s->result->accepted++;
    return nyx_evolve__rebase_on(s, s->parent.levels);
}

static int generation(nyx_evolve__search *s)
{
    nyx_evolve__candidate  children[NYX_EVOLVE__CHILDREN] = {0}, *order[NYX_EVOLVE__CHILDREN];
    nyx_evolve__candidate *best = NULL; /* when it passes the test */
    int                    made = 0, left, status = 0;

    for (int i = 0; i < NYX_EVOLVE__CHILDREN && status == 0; i++) {
        status = make_child(s, &children[made], i);
        if (status == 0 && children[made].levels) {
            order[made] = &children[made];
            made++;
        }
    }
    left = made;
    if (status == 0 && made > 0)
        status = halve(s, order, &left);
    if (status == 0 && made > 0 && order[0]->rows == s->sample.count &&
        order[0]->pair.t < -nyx_student_95(order[0]->rows - 1)) {
        best = order[0];
        best->accepted = true;
    }
    for (int i = 0; i < made && status == 0; i++)
        status = nyx_evolve__log(s, &children[i]);
    if (status == 0 && best)
        status = take_over(s, best);
    for (int i = 0; i < made; i++)
        nyx_evolve__candidate_release(&children[i]);
    return status;
}

/* ---- the loop
 * ------------------------------------------------------------------------------------ */

/* Token-forwards that a generation takes at most. */
static int64_t cost_of_generation(const nyx_evolve__search *s)
{
    int64_t rows = s->rung[NYX_EVOLVE__RUNGS - 1]; /* prefixes, when a child is accepted */

    for (int rung = 0; rung < NYX_EVOLVE__RUNGS; rung++)
        rows += survivors[rung] * (s->rung[rung] - (rung > 0 ? s->rung[rung - 1] : 0));
    return rows * nyx_evolve__row_cost(s);
}

int nyx_evolve__evolve(nyx_evolve__search *s)
{
    const int64_t cost = cost_of_generation(s),
                  fresh = 3 * s->rung[NYX_EVOLVE__RUNGS - 1] * nyx_evolve__row_cost(s);
    const bool turns = s->row_count >= 2 * s->rung[NYX_EVOLVE__RUNGS - 1];
    int64_t    before = -1; /* when the last generation began */
    int        status = 0;

    while (status == 0 && s->result->tokens != before) { /* until there is no new child */
        const bool turn =
            turns && s->result->generations > 0 && s->result->generations % EPOCH == 0;

        if (s->result->tokens + cost + (turn ? fresh : 0) > s->budget_tokens)
            return 0;
        s->result->generations++;
        if (turn && (status = next_epoch(s)) < 0)
            return status;
        before = s->result->tokens;
        status = generation(s);
    }
    return status;
}
