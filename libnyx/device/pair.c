/* pair -- two devices as one, which share out the micro-batches of a step.
 *
 * The one that leads runs every program, but for micro-batches from the share
 * on: these the other one, a processor, runs at the same time. Each has a store
 * of its own. Where the present contents of a variable lie is noted copy by
 * copy, and what a program needs that lies on the other side is brought first.
 *
 * What micro-batches add up, as gradients, both sides add to a sum of their own,
 * and the variable is the two together: before anyone else sees it the leader
 * adds the helper's, which starts again at zero.
 *
 * Runs of micro-batches wait in a queue until there are all of a step, or
 * something else is asked for. */
#include "device/internal.h"

#include "graph/rewrite.h"

#include <string.h>

enum side { HELPER, LEADER, SIDES };

typedef struct {
    nyx_device *sides[SIDES];
    nyx_pool   *feeders; /* one thread of each side */
} pair;

/* A slot of the pair's store. */
typedef struct {
    int      index[SIDES]; /* of the slot there; -1: none */
    bool     sum;          /* micro-batches add to it */
    uint8_t *holds;        /* by copy: sides that have the present contents, as bits */
} link;

typedef struct {
    nyx_program *program;
    nyx_run      run;
} pending;

typedef struct {
    nyx_store   *sides[SIDES];
    int          share;
    link        *links; /* by slot */
    int64_t      link_count, link_room;
    uint8_t     *holds;
    pending     *queue;
    int          queued;
    bool         owed;    /* the helper's sums are not in the leader's */
    nyx_graph   *join_graph;
    nyx_program *join;    /* sum += share.sum; NULL: no sums */
} shared;

/* A program's variable: a slot of the pair's store, and which copy. */
typedef struct {
    int  slot, copy; /* copy -1: the micro-batch's */
    bool written;
} variable_use;

typedef struct {
    nyx_program *sides[SIDES]; /* the helper's: only of micro-batches */
    nyx_graph   *graphs[SIDES]; /* each side's own, which its device may change */
    variable_use *uses;        /* by variable of the graph */
    bool         micro;
} both;

/* ---- opening ---------------------------------------------------------------------- */

bool nyx_device_is_pair(const char *name)
{
    return strchr(name, '+') != NULL;
}

static void close_pair(nyx_device *device)
{
    pair *p = device->own;

    if (!p)
        return;
    nyx_pool_free(p->feeders);
    for (int side = 0; side < SIDES; side++)
        nyx_device_close(p->sides[side]);
    device->pool = NULL; /* it was the helper's */
    nyx_free(p);
}

static int open_sides(nyx_device *device, const char *name, int threads)
{
    const char *plus = strchr(name, '+');
    char        first[64];
    pair       *p;
    int         status = nyx_alloc(&p, sizeof *p);

    if (status < 0)
        return status;
    device->own = p;
    device->backend = &nyx_device__pair;
    snprintf(first, sizeof first, "%.*s", (int)(plus - name), name);
    if ((status = nyx_device_open(&p->sides[HELPER], first, threads)) < 0 ||
        (status = nyx_device_open(&p->sides[LEADER], plus + 1, threads)) < 0 ||
        (status = nyx_pool_create(&p->feeders, SIDES)) < 0)
        return status;
    if (!p->sides[HELPER]->backend->at)
        return nyx_error_set(NYX_ERR_UNSUPPORTED, "'%s' has no processor in front; cpu+vulkan has", name);
    device->pool = nyx_device_pool(p->sides[HELPER]);
    snprintf(device->name, sizeof device->name, "%.15s+%.15s", nyx_device_name(p->sides[HELPER]),
             nyx_device_name(p->sides[LEADER]));
    return 0;
}

int nyx_device_open_pair(nyx_device **out, const char *name, int threads)
{
    nyx_device *device;
    int         status;

    NYX_BUG_IF(!nyx_device_is_pair(name));
    *out = NULL;
    if ((status = nyx_alloc(&device, sizeof *device)) < 0)
        return status;
    if ((status = open_sides(device, name, threads)) < 0) {
        nyx_device_close(device);
        return status;
    }
    *out = device;
    return 0;
}

const nyx_device *nyx_device__leader(const nyx_device *device)
{
    return device->backend == &nyx_device__pair ? ((const pair *)device->own)->sides[LEADER] : device;
}

static int64_t free_bytes(const nyx_device *device)
{
    return nyx_device_memory(nyx_device__leader(device));
}

static void keep_failure(nyx_device *device)
{
    const pair *p = device->own;

    for (int side = 0; side < SIDES; side++)
        if (p->sides[side]->status < 0)
            nyx_device__fail(device, p->sides[side]->status, "%s", p->sides[side]->why);
}

/* ---- moving ------------------------------------------------------------------------ */

static const nyx_device__slot *slot_on(const shared *s, const link *l, enum side side)
{
    return &s->sides[side]->slots[l->index[side]];
}

/* The helper's contents, in the host's memory. */
static void *helper_at(const shared *s, const link *l, int copy)
{
    return s->sides[HELPER]->device->backend->at(s->sides[HELPER], slot_on(s, l, HELPER), copy);
}

static void write_leader(const shared *s, const link *l, int copy, const void *data)
{
    s->sides[LEADER]->device->backend->write(s->sides[LEADER], slot_on(s, l, LEADER), copy, data);
}

/* What is read of the leader, waited for once. */
typedef struct {
    nyx_device__piece pieces[NYX_DEVICE__PIECES];
    int               count;
} gathered;

static void read_leader(const shared *s, gathered *g)
{
    if (g->count > 0)
        s->sides[LEADER]->device->backend->read(s->sides[LEADER], g->pieces, g->count);
    g->count = 0;
}

static void gather(const shared *s, gathered *g, const link *l, int copy, void *data)
{
    g->pieces[g->count++] = (nyx_device__piece){ slot_on(s, l, LEADER), copy, data };
    if (g->count == NYX_DEVICE__PIECES)
        read_leader(s, g);
}

static enum side side_of(const shared *s, int micro)
{
    return micro < s->share ? LEADER : HELPER;
}

static int copy_of(const variable_use *use, int micro)
{
    return use->copy < 0 ? micro : use->copy;
}

/* Have on that side what the program may read. */
static void bring_all(const nyx_program *p, enum side side, int micro)
{
    const both   *own = p->own;
    const shared *s = p->store->own;
    gathered      g = { .count = 0 };

    for (int i = 0; i < nyx_graph_variable_count(p->graph); i++) {
        const int   copy = copy_of(&own->uses[i], micro);
        const link *l = &s->links[own->uses[i].slot];

        if (l->sum || l->holds[copy] & 1 << side)
            continue;
        if (side == HELPER)
            gather(s, &g, l, copy, helper_at(s, l, copy));
        else
            write_leader(s, l, copy, helper_at(s, l, copy));
        l->holds[copy] |= (uint8_t)(1 << side);
    }
    read_leader(s, &g);
}

/* What it wrote lies on that side now. */
static void note_written(const nyx_program *p, enum side side, int micro)
{
    const both   *own = p->own;
    const shared *s = p->store->own;

    for (int i = 0; i < nyx_graph_variable_count(p->graph); i++)
        if (own->uses[i].written)
            s->links[own->uses[i].slot].holds[copy_of(&own->uses[i], micro)] = (uint8_t)(1 << side);
}

/* ---- running -------------------------------------------------------------------------- */

static void run_side(const shared *s, enum side side)
{
    for (int i = 0; i < s->queued; i++) {
        const both *own = s->queue[i].program->own;

        if (side_of(s, s->queue[i].run.micro) == side)
            nyx_program_run(own->sides[side], &s->queue[i].run);
    }
}

static void feed(void *context, int part, int parts)
{
    (void)parts;
    run_side(context, part == 0 ? HELPER : LEADER);
}

/* Run what waits, both sides at once. */
static void flush(nyx_store *store)
{
    const pair *p = store->device->own;
    shared     *s = store->own;
    int         runs[SIDES] = { 0 };

    for (int i = 0; i < s->queued; i++) {
        const enum side side = side_of(s, s->queue[i].run.micro);

        bring_all(s->queue[i].program, side, s->queue[i].run.micro);
        runs[side]++;
    }
    if (runs[HELPER] && runs[LEADER])
        nyx_pool_run(p->feeders, feed, s);
    else
        run_side(s, runs[HELPER] ? HELPER : LEADER);
    for (int i = 0; i < s->queued; i++)
        note_written(s->queue[i].program, side_of(s, s->queue[i].run.micro), s->queue[i].run.micro);
    s->owed = s->owed || (s->join && runs[HELPER]);
    s->queued = 0;
    keep_failure(store->device);
}

/* The helper's part of a sum, as the leader's store calls it. */
enum { PART_NAME = sizeof "share.-2147483648" };

static void part_name(char out[PART_NAME], int slot)
{
    snprintf(out, PART_NAME, "share.%d", slot);
}

/* Every sum as a whole, on the leader. */
static void settle(nyx_store *store)
{
    shared *s = store->own;

    flush(store);
    for (int i = 0; i < store->slot_count && s->owed; i++) {
        const link *l = &s->links[i];
        char        name[PART_NAME];

        if (!l->sum)
            continue;
        part_name(name, i);
        nyx_store_write(s->sides[LEADER], name, helper_at(s, l, 0));
        memset(helper_at(s, l, 0), 0, (size_t)store->slots[i].bytes);
    }
    if (s->owed)
        nyx_program_run(s->join, &(nyx_run){ .step = 0 });
    s->owed = false;
}

/* The events of the side that ran it are the pair's. */
static void take_events(nyx_program *p, const nyx_run *run)
{
    const both      *own = p->own;
    const shared    *s = p->store->own;
    const nyx_event *events;
    int64_t          count;

    events = nyx_program_events(own->sides[own->micro ? side_of(s, run->micro) : LEADER], &count);
    for (int64_t i = 0; i < count; i++)
        nyx_device__event(p, &events[i]);
}

static void run_both(nyx_program *p, const nyx_run *run)
{
    const both *own = p->own;
    shared     *s = p->store->own;

    for (int side = 0; side < SIDES; side++)
        if (own->sides[side])
            own->sides[side]->trace = p->trace;
    if (own->micro) {
        s->queue[s->queued++] = (pending){ p, *run };
        if (s->queued == p->store->micro_batches || p->trace)
            flush(p->store);
    } else {
        settle(p->store);
        bring_all(p, LEADER, 0);
        nyx_program_run(own->sides[LEADER], run);
        note_written(p, LEADER, 0);
        keep_failure(p->store->device);
    }
    if (p->trace)
        take_events(p, run);
}

/* ---- store -------------------------------------------------------------------------------- */

static int create_sides(nyx_store *store)
{
    const pair *p = store->device->own;
    shared     *s;
    int         status = nyx_alloc(&s, sizeof *s);

    if (status < 0)
        return status;
    store->own = s;
    s->share = store->micro_batches;
    for (int side = 0; side < SIDES && status == 0; side++)
        status = nyx_store_create(&s->sides[side], p->sides[side], store->micro_batches);
    return status < 0 ? status : nyx_alloc(&s->queue, store->micro_batches * (int64_t)sizeof *s->queue);
}

static void release(nyx_store *store)
{
    shared *s = store->own;

    if (!s)
        return;
    nyx_program_free(s->join);
    nyx_graph_free(s->join_graph);
    for (int side = 0; side < SIDES; side++)
        nyx_store_free(s->sides[side]);
    nyx_free(s->links);
    nyx_free(s->holds);
    nyx_free(s->queue);
    nyx_free(s);
}

/* Where each slot lies on the sides; zeroed memory is everyone's contents. */
static int allocate(nyx_store *store)
{
    shared *s = store->own;
    int64_t copies = 0;
    int     status;

    for (int i = 0; i < store->slot_count; i++)
        copies += store->slots[i].copies;
    if ((status = nyx_alloc(&s->holds, copies)) < 0 ||
        (status = nyx_store_allocate(s->sides[HELPER])) < 0 || (status = nyx_store_allocate(s->sides[LEADER])) < 0)
        return status;
    copies = 0;
    for (int i = 0; i < store->slot_count; i++) {
        link *l = &s->links[i];

        l->holds = s->holds + copies;
        copies += store->slots[i].copies;
        for (int side = 0; side < SIDES; side++)
            l->index[side] = nyx_store_find(s->sides[side], store->slots[i].variable.name);
        memset(l->holds, (l->index[HELPER] >= 0) << HELPER | (l->index[LEADER] >= 0) << LEADER,
               (size_t)store->slots[i].copies);
    }
    return 0;
}

/* What failed of the two is opened again. */
static int reopen_sides(nyx_device *device)
{
    pair *p = device->own;
    int   status = 0;

    for (int side = 0; side < SIDES && status == 0; side++)
        if (p->sides[side]->status < 0)
            status = nyx_device_reopen(p->sides[side]);
    return status;
}

static nyx_memory memory_of(const nyx_store *store)
{
    const shared *s = store->own;
    nyx_memory    all = { 0 };

    for (int side = 0; side < SIDES; side++) {
        const nyx_memory one = nyx_store_memory(s->sides[side]);

        all.variables += one.variables;
        all.arena += one.arena;
        all.workspace += one.workspace;
        all.own += one.own;
        all.host += one.host;
    }
    return all;
}

/* A copy of a micro-batch goes where that runs, all else wherever it is known. */
static void write_copy(nyx_store *store, const nyx_device__slot *slot, int copy, const void *data)
{
    shared *s = store->own;
    link   *l = &s->links[slot - store->slots];

    if (l->sum)
        settle(store);
    else
        flush(store);
    for (enum side side = HELPER; side < SIDES; side++) {
        const bool wanted = l->sum ? side == LEADER : slot->copies == 1 || side_of(s, copy) == side;

        if (l->index[side] < 0)
            continue;
        if (wanted && side == LEADER)
            write_leader(s, l, copy, data);
        else if (wanted)
            memcpy(helper_at(s, l, copy), data, (size_t)nyx_device__copy_bytes(slot));
        l->holds[copy] = (uint8_t)((l->holds[copy] & ~(1 << side)) | wanted << side);
    }
    keep_failure(store->device);
}

static void read_copies(nyx_store *store, const nyx_device__piece *pieces, int count)
{
    shared  *s = store->own;
    gathered g = { .count = 0 };

    for (int i = 0; i < count; i++)
        if (s->links[pieces[i].slot - store->slots].sum)
            settle(store);
    flush(store);
    for (int i = 0; i < count; i++) {
        const link *l = &s->links[pieces[i].slot - store->slots];

        if (l->sum || !(l->holds[pieces[i].copy] & 1 << HELPER))
            gather(s, &g, l, pieces[i].copy, pieces[i].data);
        else
            memcpy(pieces[i].data, helper_at(s, l, pieces[i].copy), (size_t)nyx_device__copy_bytes(pieces[i].slot));
    }
    read_leader(s, &g);
    keep_failure(store->device);
}

void nyx_store_share(nyx_store *store, int micro_batches)
{
    shared *s = store->own;

    NYX_BUG_IF(store->device->backend != &nyx_device__pair || micro_batches < 1 ||
               micro_batches > store->micro_batches);
    flush(store);
    s->share = micro_batches;
}

/* ---- programs ------------------------------------------------------------------------------ */

static int note_variables(nyx_program *p)
{
    const int count = nyx_graph_variable_count(p->graph);
    both     *own = p->own;
    int       status;

    if ((status = nyx_alloc(&own->uses, count * (int64_t)sizeof *own->uses)) < 0)
        return status;
    for (int i = 0; i < count; i++) {
        const nyx_variable *v = nyx_graph_variable_at(p->graph, i);

        own->uses[i].slot = (int)(nyx_device__slot_of(p->store, v, &own->uses[i].copy) - p->store->slots);
        if (v->per_micro)
            own->uses[i].copy = -1;
        own->micro = own->micro || v->per_micro;
    }
    for (int n = 0; n < nyx_graph_node_count(p->graph); n++) {
        const nyx_node *node = nyx_graph_node(p->graph, n);

        for (int w = 0; w < node->write_count; w++)
            own->uses[node->writes[w]].written = true;
    }
    return 0;
}

/* Which slots micro-batches add up, and the program that joins the two parts. */
static int find_sums(nyx_program *p)
{
    const both *own = p->own;
    shared     *s = p->store->own;
    int         status = nyx_graph_create(&s->join_graph, nyx_graph_real(p->graph));

    for (int i = 0; i < nyx_graph_variable_count(p->graph) && status == 0; i++) {
        const nyx_variable *v = nyx_graph_variable_at(p->graph, i);
        char                name[PART_NAME];
        nyx_value           sum, part;

        if (!own->uses[i].written || v->per_micro)
            continue;
        s->links[own->uses[i].slot].sum = true;
        part_name(name, own->uses[i].slot);
        sum = nyx_graph_variable(s->join_graph, v->name, v->dtype, v->shape, v->role);
        part = nyx_graph_variable(s->join_graph, name, v->dtype, v->shape, v->role);
        nyx_graph_assign(s->join_graph, v->name, v->role, nyx_graph_add(s->join_graph, sum, part));
    }
    if (status == 0 && nyx_graph_node_count(s->join_graph) > 0)
        status = nyx_program_compile(&s->join, s->sides[LEADER], s->join_graph);
    return status;
}

static int compile_side(nyx_program *p, enum side side)
{
    const shared *s = p->store->own;
    both         *own = p->own;
    int           status = nyx_graph_copy(&own->graphs[side], p->graph);

    return status < 0 ? status : nyx_program_compile(&own->sides[side], s->sides[side], own->graphs[side]);
}

static int compile(nyx_program *p)
{
    shared *s = p->store->own;
    both   *own;
    int     status = nyx_alloc(&own, sizeof *own);

    if (status < 0)
        return status;
    p->own = own;
    if ((status = note_variables(p)) < 0 || (status = compile_side(p, LEADER)) < 0)
        return status;
    for (int op = 0; op < NYX_OP_COUNT; op++)
        p->store->device->substituted[op] = nyx_device_substitutes(s->sides[LEADER]->device, (enum nyx_op)op);
    memcpy(p->store->device->shortage, s->sides[LEADER]->device->shortage, sizeof p->store->device->shortage);
    for (; s->link_count < p->store->slot_count; s->link_count++) {
        if ((status = nyx_array_grow(&s->links, &s->link_room, s->link_count, sizeof *s->links, 64)) < 0)
            return status;
        s->links[s->link_count] = (link){ .sum = false };
    }
    if (!own->micro || p->store->micro_batches == 1)
        return 0;
    NYX_BUG_IF(s->join_graph != NULL); /* one such program a store */
    status = compile_side(p, HELPER);
    return status < 0 ? status : find_sums(p);
}

static void discard(nyx_program *p)
{
    both   *own = p->own;
    shared *s = p->store->own;

    if (!own)
        return;
    s->queued = 0;
    for (int side = 0; side < SIDES; side++) {
        nyx_program_free(own->sides[side]);
        nyx_graph_free(own->graphs[side]);
    }
    nyx_free(own->uses);
    nyx_free(own);
}

/* Who does nothing decides nothing. */
static void digest(const nyx_program *p, nyx_sha256 *hash)
{
    const both   *own = p->own;
    const shared *s = p->store->own;
    const int32_t share[2] = { own->micro ? s->share : 0, own->micro ? p->store->micro_batches : 0 };
    char          hex[NYX_SHA256_HEX];

    for (int side = share[0] < share[1] ? HELPER : LEADER; side < SIDES; side++) {
        nyx_program_digest(own->sides[side], hex);
        nyx_sha256_update(hash, hex, (int64_t)strlen(hex));
    }
    nyx_sha256_update(hash, share, sizeof share);
}

const nyx_device__backend nyx_device__pair = {
    .close = close_pair, .reopen = reopen_sides, .create = create_sides, .allocate = allocate, .release = release, .write = write_copy,
    .read = read_copies, .memory = memory_of, .compile = compile, .discard = discard, .run = run_both, .family = "pair", .digest = digest,
    .free_bytes = free_bytes,
};
