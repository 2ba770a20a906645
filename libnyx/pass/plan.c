/* plan -- where every value lives: liveness, then offsets in one arena.
 *
 * Placement is greedy by size: the largest value first, each at the lowest
 * offset where no value that lives at the same time stands (Pisarchyk & Lee
 * 2020, "Efficient memory management for deep neural net inference").
 */
#include "pass/pass.h"

#include <string.h>

/* Memory that one value, and all values that are views of it, stand for. */
typedef struct {
    nyx_value root;
    int       first, last; /* nodes: producer, last use */
    int64_t   bytes, offset;
} interval;

typedef struct {
    const nyx_graph *g;
    nyx_value       *root;     /* by value: itself or what it is a view of */
    int             *last;     /* by root: last node that uses it, -1 none */
    int             *variable; /* by root: the variable it is, -1 none     */
    int             *read;     /* by variable: last node that reads it     */
    bool            *assigned; /* by root: to a variable                   */
    interval        *intervals;
    int              interval_count;
    interval       **placed;   /* by offset */
} planner;

static int planner_init(planner *p, const nyx_graph *g)
{
    const int64_t values = nyx_graph_value_count(g), variables = nyx_graph_variable_count(g) + 1;
    int           status;

    p->g = g;
    if ((status = nyx_alloc(&p->root, values * (int64_t)sizeof *p->root)) < 0 ||
        (status = nyx_alloc(&p->last, values * (int64_t)sizeof *p->last)) < 0 ||
        (status = nyx_alloc(&p->variable, values * (int64_t)sizeof *p->variable)) < 0 ||
        (status = nyx_alloc(&p->assigned, values)) < 0 ||
        (status = nyx_alloc(&p->read, variables * (int64_t)sizeof *p->read)) < 0 ||
        (status = nyx_alloc(&p->intervals, values * (int64_t)sizeof *p->intervals)) < 0 ||
        (status = nyx_alloc(&p->placed, values * (int64_t)sizeof *p->placed)) < 0)
        return status;
    for (int64_t i = 0; i < values; i++)
        p->last[i] = p->variable[i] = -1;
    for (int64_t i = 0; i < variables; i++)
        p->read[i] = -1;
    return 0;
}

static void planner_release(planner *p)
{
    nyx_free(p->root);
    nyx_free(p->last);
    nyx_free(p->variable);
    nyx_free(p->read);
    nyx_free(p->assigned);
    nyx_free(p->intervals);
    nyx_free(p->placed);
}

static void find_lives(planner *p)
{
    for (int n = 0; n < nyx_graph_node_count(p->g); n++) {
        const nyx_node *node = nyx_graph_node(p->g, n);
        const bool      alias = nyx_op_table(node->op)->alias;

        for (int i = 0; i < node->output_count; i++) {
            p->root[node->outputs[i]] = node->outputs[i];
            if (alias && node->input_count)
                p->root[node->outputs[i]] = p->root[node->inputs[0]];
            else if (alias)
                p->variable[node->outputs[i]] = (int)node->ints[0];
        }
        for (int i = 0; i < node->input_count && !alias; i++) {
            if (!node->inputs[i])
                continue;
            const nyx_value root = p->root[node->inputs[i]];
            p->last[root] = n;
            p->assigned[root] = p->assigned[root] || node->op == NYX_OP_ASSIGN;
            if (p->variable[root] >= 0)
                p->read[p->variable[root]] = n;
        }
    }
}

/* What an operation can write over its first input lies there, if nobody needs
 * that input any more, no variable either: half the memory, and lines that are
 * in a cache. */
static void share_inputs(planner *p)
{
    for (int n = 0; n < nyx_graph_node_count(p->g); n++) {
        const nyx_node *node = nyx_graph_node(p->g, n);

        if (!nyx_op_table(node->op)->in_place)
            continue;
        const nyx_value out = node->outputs[0], root = p->root[node->inputs[0]];
        if (p->variable[root] >= 0 || p->assigned[root] || p->last[root] != n || p->last[out] < 0)
            continue;
        p->last[root] = p->last[out];
        p->assigned[root] = p->assigned[out];
        for (int v = 1; v < nyx_graph_value_count(p->g); v++)
            if (p->root[v] == out)
                p->root[v] = root;
    }
}

/* `assign` needs no copy when its value can be computed in the variable: the
 * old contents are not read from the producer on. */
static void elide_assigns(planner *p, nyx_plan *plan)
{
    for (int n = 0; n < nyx_graph_node_count(p->g); n++) {
        const nyx_node *node = nyx_graph_node(p->g, n);

        if (node->op != NYX_OP_ASSIGN)
            continue;
        const nyx_value root = p->root[node->inputs[0]];
        if (p->variable[root] < 0 && p->read[node->writes[0]] < nyx_value_node(p->g, root)) {
            p->variable[root] = node->writes[0];
            plan->elided[n] = true;
        }
    }
}

static int by_size(const void *a, const void *b)
{
    const interval *x = a, *y = b;

    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return x->root < y->root ? -1 : x->root > y->root;
}

/* Lowest gap among the placed intervals that overlap in time. */
static void place_interval(planner *p, int count, interval *wanted)
{
    int64_t offset = 0;
    int     at = count;

    for (int i = 0; i < count; i++) {
        const interval *other = p->placed[i];

        if (other->last < wanted->first || other->first > wanted->last)
            continue;
        if (other->offset >= offset + wanted->bytes)
            break;
        if (other->offset + other->bytes > offset)
            offset = other->offset + other->bytes;
    }
    wanted->offset = offset;
    while (at > 0 && p->placed[at - 1]->offset > offset) {
        p->placed[at] = p->placed[at - 1];
        at--;
    }
    p->placed[at] = wanted;
}

static void place_arena(planner *p, nyx_plan *plan, int64_t alignment)
{
    for (int v = 1; v < plan->value_count; v++) {
        const int producer = nyx_value_node(p->g, (nyx_value)v);

        if (producer < 0 || p->root[v] != (nyx_value)v || p->variable[v] >= 0 || p->last[v] < 0)
            continue;
        p->intervals[p->interval_count++] =
            (interval){ (nyx_value)v, producer, p->last[v],
                        (nyx_value_bytes(p->g, (nyx_value)v) + alignment - 1) / alignment * alignment, 0 };
    }
    qsort(p->intervals, (size_t)p->interval_count, sizeof *p->intervals, by_size);
    for (int i = 0; i < p->interval_count; i++) {
        interval *it = &p->intervals[i];

        place_interval(p, i, it);
        plan->values[it->root] = (nyx_location){ NYX_PLACE_ARENA, -1, it->offset };
        if (it->offset + it->bytes > plan->arena_bytes)
            plan->arena_bytes = it->offset + it->bytes;
    }
}

int nyx_pass_plan(nyx_plan *out, const nyx_graph *g, int64_t alignment)
{
    planner p = { 0 };
    int     status;

    memset(out, 0, sizeof *out);
    out->value_count = nyx_graph_value_count(g);
    if ((status = nyx_alloc(&out->values, out->value_count * (int64_t)sizeof *out->values)) < 0 ||
        (status = nyx_alloc(&out->elided, nyx_graph_node_count(g) + 1)) < 0 || (status = planner_init(&p, g)) < 0)
        goto done;
    find_lives(&p);
    share_inputs(&p);
    elide_assigns(&p, out);
    place_arena(&p, out, alignment);
    for (int v = 1; v < out->value_count; v++) {
        const nyx_value root = p.root[v];

        if (nyx_value_node(g, (nyx_value)v) < 0)
            continue;
        if (p.variable[root] >= 0)
            out->values[v] = (nyx_location){ NYX_PLACE_VARIABLE, p.variable[root], 0 };
        else
            out->values[v] = out->values[root];
    }
done:
    planner_release(&p);
    if (status < 0)
        nyx_plan_release(out);
    return status;
}

void nyx_plan_release(nyx_plan *plan)
{
    nyx_free(plan->values);
    nyx_free(plan->elided);
    memset(plan, 0, sizeof *plan);
}
