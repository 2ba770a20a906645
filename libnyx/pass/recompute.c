/* recompute -- gradient checkpointing: what the backward graph reads of the
 * forward one is computed a second time instead of kept.
 *
 *     forward    | piece 0 | piece 1 | piece 2 | rest |
 *     backward                                        | rest | 2' 2 | 1' 1 | 0' 0 |
 *
 * Between two pieces only what the next pieces read is kept. Before the
 * gradient of a piece its nodes are appended again (2', 1', 0'), as far as the
 * gradient reads them. A copy is the same operation on the same operands with
 * the same random stream, so no bit changes.
 *
 * Where to cut: the sum of what the cuts keep plus the largest piece is made
 * smallest, for each size that a piece may have by dynamic programming over the
 * cuts (Chen et al. 2016, arXiv:1604.06174, for the idea; the choice by bytes
 * is ours). What is read by the backward graph but has no gradient, like the
 * numbers of tokens, is always kept. */
#include "pass/pass.h"

#include "graph/rewrite.h"

#include <string.h>

enum { SIZES = 24 };

typedef struct {
    nyx_graph *g;
    int        forward, nodes, values; /* nodes before the gradient; all, before the pass */
    bool      *read;      /* by value: the backward graph reads it */
    int       *step;      /* by node: its place among those on the path; -1: not on it */
    int       *path;      /* by step: node */
    int        steps;
    int       *piece;     /* by step */
    int64_t   *crossing;  /* by step: bytes made before it that steps from it on read */
    int64_t   *held;      /* by step: bytes that the backward graph reads of steps before it */
    int64_t   *best;      /* by step: fewest bytes kept by cuts before it */
    int       *cut;       /* by step: where its piece begins, so chosen */
    bool      *kept;      /* by value: a later piece reads it */
    bool      *repeat;    /* by node: it is computed again */
    nyx_value *copies;    /* by value: its copy; 0: none */
    int       *first;     /* by piece: the first node that reads its copies; -1: none */
    int       *order;
} recompute;

static int recompute_init(recompute *r, nyx_graph *g)
{
    int64_t nodes, values;
    int     status;

    r->g = g;
    r->nodes = nyx_graph_node_count(g);
    r->values = nyx_graph_value_count(g);
    nodes = r->nodes + 1;
    values = r->values;
    while (r->forward < r->nodes && !nyx_pass_is_backward(nyx_graph_node(g, r->forward)))
        r->forward++;
    if ((status = nyx_alloc(&r->read, values)) < 0 || (status = nyx_alloc(&r->kept, values)) < 0 ||
        (status = nyx_alloc(&r->repeat, nodes)) < 0 ||
        (status = nyx_alloc(&r->step, nodes * (int64_t)sizeof *r->step)) < 0 ||
        (status = nyx_alloc(&r->path, nodes * (int64_t)sizeof *r->path)) < 0 ||
        (status = nyx_alloc(&r->piece, nodes * (int64_t)sizeof *r->piece)) < 0 ||
        (status = nyx_alloc(&r->cut, nodes * (int64_t)sizeof *r->cut)) < 0 ||
        (status = nyx_alloc(&r->first, nodes * (int64_t)sizeof *r->first)) < 0 ||
        (status = nyx_alloc(&r->crossing, nodes * (int64_t)sizeof *r->crossing)) < 0 ||
        (status = nyx_alloc(&r->held, nodes * (int64_t)sizeof *r->held)) < 0 ||
        (status = nyx_alloc(&r->best, nodes * (int64_t)sizeof *r->best)) < 0 ||
        (status = nyx_alloc(&r->copies, values * (int64_t)sizeof *r->copies)) < 0)
        return status;
    return nyx_alloc(&r->order, 2 * nodes * (int64_t)sizeof *r->order);
}

static void recompute_release(recompute *r)
{
    void *const parts[] = { r->read, r->kept, r->repeat, r->step, r->path, r->piece, r->cut, r->first, r->crossing,
                            r->held, r->best, r->copies, r->order };

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        nyx_free(parts[i]);
}

/* ---- what may be computed again ------------------------------------------------ */

/* The producer of `v`, if it stands in front of the gradient; -1. */
static int producer(const recompute *r, nyx_value v)
{
    const int node = v && (int)v < r->values ? nyx_value_node(r->g, v) : -1;

    return node < r->forward ? node : -1;
}

/* On the path is what a gradient came back through: the backward graph reads
 * its output or that of a node on the path behind it. `stop` ends it. */
static void find_path(recompute *r)
{
    for (int n = r->forward; n < r->nodes; n++) {
        const nyx_node *node = nyx_graph_node(r->g, n);

        for (int i = 0; i < node->input_count && nyx_pass_is_backward(node); i++)
            r->read[node->inputs[i]] = r->read[node->inputs[i]] || producer(r, node->inputs[i]) >= 0;
    }
    for (int n = r->forward - 1; n >= 0; n--) {
        const nyx_node *node = nyx_graph_node(r->g, n);
        bool            on = false;

        for (int i = 0; i < node->output_count; i++)
            on = on || r->read[node->outputs[i]] || r->kept[node->outputs[i]];
        r->step[n] = on && nyx_op_table(node->op)->gradient ? 0 : -1;
        for (int i = 0; i < node->input_count && r->step[n] == 0; i++)
            r->kept[node->inputs[i]] = true; /* for now: a node on the path reads it */
    }
    memset(r->kept, 0, (size_t)r->values);
    for (int n = 0; n < r->forward; n++)
        if (r->step[n] == 0) {
            r->path[r->steps] = n;
            r->step[n] = r->steps++;
        }
}

static int64_t own_bytes(const recompute *r, const nyx_node *node, int output)
{
    return nyx_op_table(node->op)->alias ? 0 : nyx_value_bytes(r->g, node->outputs[output]);
}

/* Bytes that a cut in front of each step keeps, and bytes that the backward
 * graph reads of the steps before each. */
static int measure(recompute *r)
{
    int *last; /* by value: the last step that reads it, through views too */
    int  status = nyx_alloc(&last, r->values * (int64_t)sizeof *last);

    if (status < 0)
        return status;
    for (int s = r->steps - 1; s >= 0; s--) {
        const nyx_node *node = nyx_graph_node(r->g, r->path[s]);
        const bool      view = nyx_op_table(node->op)->alias && last[node->outputs[0]] > s;
        const int       until = view ? last[node->outputs[0]] : s;

        for (int i = 0; i < node->input_count; i++)
            if (node->inputs[i] && last[node->inputs[i]] < until)
                last[node->inputs[i]] = until;
    }
    for (int s = 0; s < r->steps; s++) {
        const nyx_node *node = nyx_graph_node(r->g, r->path[s]);

        r->held[s + 1] = r->held[s];
        for (int i = 0; i < node->output_count; i++) {
            const int64_t bytes = own_bytes(r, node, i);

            r->held[s + 1] += r->read[node->outputs[i]] ? bytes : 0;
            for (int after = s + 1; after <= last[node->outputs[i]]; after++)
                r->crossing[after] += bytes;
        }
    }
    nyx_free(last);
    return 0;
}

/* ---- where to cut ---------------------------------------------------------------- */

/* Fewest bytes kept when no piece holds more than `most`; -1: impossible. */
static int64_t cut_for(recompute *r, int64_t most)
{
    r->best[0] = 0;
    for (int s = 1; s <= r->steps; s++) {
        r->best[s] = -1;
        for (int from = s - 1; from >= 0 && r->held[s] - r->held[from] <= most; from--) {
            const int64_t bytes = r->best[from] + r->crossing[from];

            if (r->best[from] >= 0 && (r->best[s] < 0 || bytes < r->best[s])) {
                r->best[s] = bytes;
                r->cut[s] = from;
            }
        }
    }
    return r->best[r->steps];
}

/* Pieces by step, their number returned. */
static int choose_pieces(recompute *r)
{
    const double whole = (double)r->held[r->steps];
    int64_t      smallest = r->held[r->steps], chosen = smallest;
    int          count = 0;

    for (int i = 1; i <= SIZES; i++) {
        const int64_t most = (int64_t)(whole * i * i / (SIZES * SIZES)), kept = cut_for(r, most);

        if (kept >= 0 && kept + most < smallest) {
            smallest = kept + most;
            chosen = most;
        }
    }
    cut_for(r, chosen);
    for (int s = r->steps; s > 0; s = r->cut[s], count++)
        for (int at = r->cut[s]; at < s; at++)
            r->piece[at] = count;
    for (int s = 0; s < r->steps; s++)
        r->piece[s] = count - 1 - r->piece[s];
    return count;
}

/* ---- computing again --------------------------------------------------------------- */

/* The piece whose copies give `v`; -1: the original is read. The last piece is
 * not repeated: its gradient comes at once. */
static int piece_of(const recompute *r, nyx_value v, int pieces)
{
    const int node = producer(r, v), step = node < 0 ? -1 : r->step[node];

    return step < 0 || r->kept[v] || r->piece[step] == pieces - 1 ? -1 : r->piece[step];
}

static void mark(recompute *r, int pieces)
{
    for (int s = 0; s < r->steps; s++) {
        const nyx_node *node = nyx_graph_node(r->g, r->path[s]);

        for (int i = 0; i < node->input_count; i++) {
            const int made = producer(r, node->inputs[i]);

            if (made >= 0 && r->step[made] >= 0 && r->piece[r->step[made]] < r->piece[s])
                r->kept[node->inputs[i]] = true;
        }
    }
    for (int p = 0; p < pieces; p++)
        r->first[p] = -1;
    for (int n = r->nodes - 1; n >= r->forward; n--) {
        const nyx_node *node = nyx_graph_node(r->g, n);

        for (int i = 0; i < node->input_count && nyx_pass_is_backward(node); i++) {
            const int piece = piece_of(r, node->inputs[i], pieces);

            if (piece < 0)
                continue;
            r->first[piece] = n;
            r->repeat[producer(r, node->inputs[i])] = true;
        }
    }
    for (int s = r->steps - 1; s >= 0; s--) {
        const nyx_node *node = nyx_graph_node(r->g, r->path[s]);

        for (int i = 0; i < node->input_count && r->repeat[r->path[s]]; i++)
            if (piece_of(r, node->inputs[i], pieces) == r->piece[s])
                r->repeat[producer(r, node->inputs[i])] = true;
    }
}

/* Copies of a piece's nodes come next in the order. -1: the graph has an error. */
static int repeat_piece(recompute *r, int piece, int pieces, int placed)
{
    for (int s = 0; s < r->steps; s++) {
        const nyx_node *node = nyx_graph_node(r->g, r->path[s]);
        nyx_value       inputs[NYX_MAX_INPUTS] = { 0 }, out;

        if (r->piece[s] != piece || !r->repeat[r->path[s]])
            continue;
        for (int i = 0; i < node->input_count; i++)
            inputs[i] = piece_of(r, node->inputs[i], pieces) == piece ? r->copies[node->inputs[i]] : node->inputs[i];
        r->order[placed++] = nyx_graph_node_count(r->g);
        if (!(out = nyx_graph_clone(r->g, r->path[s], inputs, "again")))
            return -1;
        for (int i = 0; i < node->output_count; i++)
            r->copies[node->outputs[i]] = out + (nyx_value)i;
    }
    return placed;
}

static int rewrite(recompute *r, int pieces)
{
    int placed = 0;

    mark(r, pieces);
    for (int n = 0; n < r->nodes; n++) {
        const nyx_node *node = nyx_graph_node(r->g, n);

        for (int p = pieces - 1; p >= 0; p--)
            if (r->first[p] == n && (placed = repeat_piece(r, p, pieces, placed)) < 0)
                return nyx_graph_check(r->g);
        for (int i = 0; i < node->input_count && nyx_pass_is_backward(node); i++)
            if (piece_of(r, node->inputs[i], pieces) >= 0)
                nyx_graph_input_set(r->g, n, i, r->copies[node->inputs[i]]);
        r->order[placed++] = n;
    }
    return nyx_graph_reorder(r->g, r->order);
}

int nyx_pass_recompute(nyx_graph *g)
{
    recompute r = { 0 };
    int       status = nyx_graph_prune(g);

    if (status < 0 || (status = recompute_init(&r, g)) < 0)
        goto done;
    find_path(&r);
    if ((status = measure(&r)) < 0)
        goto done;
    if (r.steps && (status = rewrite(&r, choose_pieces(&r))) == 0)
        status = nyx_graph_check(g);
done:
    recompute_release(&r);
    return status;
}
