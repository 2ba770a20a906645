/* store -- the variables of a family of programs, their arena and workspace. */
#include "device/internal.h"

#include "graph/inference.h"

#include <string.h>

static int64_t aligned(const nyx_store *store, int64_t bytes)
{
    const int64_t alignment = store->device->backend->alignment;

    return (bytes + alignment - 1) / alignment * alignment;
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
    store->device->backend->release(store);
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

static int slot_add(nyx_store *store, const nyx_variable *variable, int copies, int64_t bytes)
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
    const int64_t     stride = aligned(store, bytes / copies);

    *slot = (nyx_device__slot){ .variable = *variable, .bytes = bytes, .copies = copies, .stride = stride,
                                .offset = store->role_bytes[variable->role] };
    store->slot_count++;
    store->role_bytes[variable->role] += copies * stride;
    store->memory.variables += copies * stride;
    return nyx_arena_text(&store->names, &slot->variable.name, variable->name);
}

int nyx_store_declare(nyx_store *store, const nyx_graph *g)
{
    for (int i = 0; i < nyx_graph_variable_count(g); i++) {
        const nyx_variable *variable = nyx_graph_variable_at(g, i);
        const int           copies = variable->per_micro ? store->micro_batches : 1;
        const int64_t       bytes = copies * nyx_variable_bytes(variable);
        const int           found = nyx_store_find(store, variable->name);
        int                 status;

        if (found < 0 && store->allocated)
            return nyx_error_set(NYX_ERR_INPUT, "variable '%s' comes after the store was allocated", variable->name);
        if (found < 0 && (status = slot_add(store, variable, copies, bytes)) < 0)
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
    int status;

    NYX_BUG_IF(store->allocated);
    if ((status = store->device->backend->allocate(store)) < 0)
        return status;
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

static int slot_named(const nyx_store *store, const char *name)
{
    const int index = nyx_store_find(store, name);

    NYX_BUG_IF(index < 0 || !store->allocated);
    return index;
}

void nyx_store_write(nyx_store *store, const char *name, const void *data)
{
    const nyx_device__slot *slot = &store->slots[slot_named(store, name)];
    const int64_t           bytes = slot->bytes / slot->copies;

    for (int i = 0; i < slot->copies; i++)
        store->device->backend->write(store, slot->variable.role, slot->offset + i * slot->stride,
                                      (const char *)data + i * bytes, bytes);
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
    const nyx_device__slot *slot = &store->slots[slot_named(store, name)];
    const int64_t           bytes = slot->bytes / slot->copies;

    for (int i = 0; i < slot->copies; i++)
        store->device->backend->read(store, slot->variable.role, slot->offset + i * slot->stride,
                                     (char *)data + i * bytes, bytes);
}

int nyx_store_check(const nyx_store *store)
{
    return nyx_device_check(store->device);
}
