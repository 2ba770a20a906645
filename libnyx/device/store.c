/* store -- the variables of a family of programs, their arena and workspace. */
#include "device/internal.h"

#include "graph/inference.h"

#include <string.h>

enum { ALIGN = 64 };

static int64_t aligned(int64_t bytes)
{
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

int nyx_store_create(nyx_store **out, nyx_device *device, int micro_batches)
{
    nyx_store *store;
    int        status = nyx_alloc(&store, sizeof *store);

    *out = NULL;
    if (status < 0)
        return status;
    store->device = device;
    store->micro_batches = micro_batches;
    *out = store;
    return 0;
}

void nyx_store_free(nyx_store *store)
{
    if (!store)
        return;
    for (int i = 0; i < NYX_ROLE_COUNT; i++)
        nyx_free(store->blocks[i]);
    nyx_free(store->arena);
    nyx_free(store->workspace);
    nyx_arena_release(&store->names);
    free(store->slots);
    nyx_free(store);
}

int nyx_store_find(const nyx_store *store, const char *name)
{
    for (int i = 0; i < store->slot_count; i++)
        if (!strcmp(store->slots[i].variable.name, name))
            return i;
    return -1;
}

static int slot_add(nyx_store *store, const nyx_variable *variable, int64_t bytes)
{
    if (store->slot_count == store->slot_room) {
        const int         room = store->slot_room ? 2 * store->slot_room : 64;
        nyx_device__slot *larger = realloc(store->slots, (size_t)room * sizeof *larger);

        if (!larger)
            return nyx_error_set(NYX_ERR_MEMORY, "out of memory for %d variables", room);
        store->slots = larger;
        store->slot_room = room;
    }
    nyx_device__slot *slot = &store->slots[store->slot_count];

    *slot = (nyx_device__slot){ .variable = *variable, .bytes = bytes };
    store->slot_count++;
    store->memory.variables += aligned(bytes);
    return nyx_arena_text(&store->names, &slot->variable.name, variable->name);
}

int nyx_store_declare(nyx_store *store, const nyx_graph *g)
{
    for (int i = 0; i < nyx_graph_variable_count(g); i++) {
        const nyx_variable *variable = nyx_graph_variable_at(g, i);
        const int64_t       copies = variable->per_micro ? store->micro_batches : 1;
        const int64_t       bytes = copies * nyx_variable_bytes(variable);
        const int           found = nyx_store_find(store, variable->name);
        int                 status;

        if (found < 0 && store->allocated)
            return nyx_error_set(NYX_ERR_INPUT, "variable '%s' comes after the store was allocated", variable->name);
        if (found < 0 && (status = slot_add(store, variable, bytes)) < 0)
            return status;
        if (found >= 0 && (store->slots[found].bytes != bytes ||
                           store->slots[found].variable.dtype != variable->dtype))
            return nyx_error_set(NYX_ERR_INPUT, "variable '%s' has another type or size in another program",
                                 variable->name);
    }
    return 0;
}

int nyx_store_allocate(nyx_store *store)
{
    int64_t bytes[NYX_ROLE_COUNT] = { 0 };
    int     status;

    NYX_BUG_IF(store->allocated);
    for (int i = 0; i < store->slot_count; i++)
        bytes[store->slots[i].variable.role] += aligned(store->slots[i].bytes);
    for (int role = 0; role < NYX_ROLE_COUNT; role++)
        if ((status = nyx_alloc(&store->blocks[role], bytes[role])) < 0)
            return nyx_error_wrap(status, "cannot hold %lld bytes of variables; a smaller batch needs less",
                                  (long long)store->memory.variables);
    if ((status = nyx_alloc(&store->arena, store->memory.arena)) < 0 ||
        (status = nyx_alloc(&store->workspace, store->memory.workspace)) < 0)
        return nyx_error_wrap(status, "cannot hold %lld bytes of activations; a smaller batch needs less",
                              (long long)store->memory.arena + store->memory.workspace);
    memset(bytes, 0, sizeof bytes);
    for (int i = 0; i < store->slot_count; i++) {
        nyx_device__slot   *slot = &store->slots[i];
        const enum nyx_role role = slot->variable.role;

        slot->data = (char *)store->blocks[role] + bytes[role];
        bytes[role] += aligned(slot->bytes);
    }
    store->allocated = true;
    return 0;
}

nyx_memory nyx_store_memory(const nyx_store *store)
{
    return store->memory;
}

int nyx_store_count(const nyx_store *store)
{
    return store->slot_count;
}

const nyx_variable *nyx_store_variable(const nyx_store *store, int index)
{
    return &store->slots[index].variable;
}

int64_t nyx_store_bytes(const nyx_store *store, int index)
{
    return store->slots[index].bytes;
}

static const nyx_device__slot *slot_named(const nyx_store *store, const char *name)
{
    const int index = nyx_store_find(store, name);

    NYX_BUG_IF(index < 0 || !store->allocated);
    return &store->slots[index];
}

void nyx_store_write(nyx_store *store, const char *name, const void *data)
{
    const nyx_device__slot *slot = slot_named(store, name);

    memcpy(slot->data, data, (size_t)slot->bytes);
}

void nyx_store_write_coded(nyx_store *store, const char *tensor, const nyx_coded *coded)
{
    const void *const planes[NYX_PLANE_COUNT] = {
        [NYX_PLANE_CODES] = coded->codes,
        [NYX_PLANE_SCALES] = coded->scales,
        [NYX_PLANE_ZEROS] = coded->zeros,
        [NYX_PLANE_GLOBAL] = &coded->global,
    };

    for (int i = 0; i < NYX_PLANE_COUNT; i++) {
        char name[NYX_PLANE_NAME];

        nyx_plane_name(name, tensor, (enum nyx_plane)i);
        if (nyx_store_find(store, name) >= 0)
            nyx_store_write(store, name, planes[i]);
    }
}

void nyx_store_read(nyx_store *store, const char *name, void *data)
{
    const nyx_device__slot *slot = slot_named(store, name);

    memcpy(data, slot->data, (size_t)slot->bytes);
}
