/* program -- a graph compiled for a device, which replays it. */
#include "device/internal.h"

#include <string.h>

int nyx_program_compile(nyx_program **out, nyx_store *store, nyx_graph *g)
{
    const nyx_device__backend *backend = store->device->backend;
    nyx_program               *p = NULL;
    int                        status;

    *out = NULL;
    if ((status = nyx_graph_prune(g)) < 0 ||
        (backend->halves && (status = nyx_pass_fuse(g, backend->halves, store->device)) < 0) ||
        (status = nyx_store_declare(store, g)) < 0 ||
        (status = nyx_alloc(&p, sizeof *p)) < 0)
        return status;
    p->store = store;
    p->graph = g;
    if ((backend->alignment && (status = nyx_pass_plan(&p->plan, g, backend->alignment)) < 0) ||
        (status = backend->compile(p)) < 0) {
        nyx_program_free(p);
        return status;
    }
    if (p->plan.arena_bytes > store->memory.arena)
        store->memory.arena = p->plan.arena_bytes;
    *out = p;
    return 0;
}

void nyx_program_free(nyx_program *p)
{
    if (!p)
        return;
    p->store->device->backend->discard(p);
    nyx_plan_release(&p->plan);
    nyx_free(p->events);
    nyx_free(p);
}

void nyx_program_run(nyx_program *p, const nyx_run *run)
{
    NYX_BUG_IF(run->micro < 0 || run->micro >= p->store->micro_batches || !p->store->allocated);
    p->event_count = 0;
    p->store->device->backend->run(p, run);
}

void nyx_program_digest(const nyx_program *p, char hex[NYX_SHA256_HEX])
{
    const nyx_device *device = p->store->device;
    const char       *family = device->backend->family ? device->backend->family : device->name;
    nyx_sha256        hash;
    char             *text;

    nyx_sha256_init(&hash);
    nyx_sha256_update(&hash, family, (int64_t)strlen(family));
    NYX_BUG_IF(nyx_graph_dump(&text, p->graph) < 0);
    nyx_sha256_update(&hash, text, (int64_t)strlen(text));
    nyx_free(text);
    device->backend->digest(p, &hash);
    nyx_sha256_final(&hash, hex);
}

void nyx_program_trace(nyx_program *p, bool on)
{
    p->trace = on;
    memset(p->time_ns, 0, sizeof p->time_ns);
}

int64_t nyx_program_time_ns(const nyx_program *p, enum nyx_op op)
{
    return p->time_ns[op];
}

void nyx_device__event(nyx_program *p, const nyx_event *event)
{
    p->time_ns[event->node->op] += event->ns;
    if (nyx_array_grow(&p->events, &p->event_room, p->event_count, sizeof *p->events, 256) == 0)
        p->events[p->event_count++] = *event;
}

const nyx_event *nyx_program_events(const nyx_program *p, int64_t *count)
{
    *count = p->event_count;
    return p->events;
}
