/* store -- the variables of a family of programs, their arena and workspace. */
#include "device/internal.h"

#include "graph/inference.h"

#include <string.h>

static int64_t aligned(const nyx_store *store, int64_t bytes)
{
    const int64_t alignment = store->device->backend->alignment;

    return alignment ? (bytes + alignment - 1) / alignment * alignment : bytes;
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
    if (device->backend->create && (status = device->backend->create(store)) < 0) {
        nyx_store_free(store);
        return status;
    }
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

const nyx_device__slot *nyx_device__slot_of(const nyx_store *store, const nyx_variable *variable, int *copy)
{
    const char *mark = strchr(variable->name, '#');
    const int   length = mark ? (int)(mark - variable->name) : (int)strlen(variable->name);

    *copy = mark ? (int)strtol(mark + 1, NULL, 10) : 0;
    for (int i = 0; i < store->slot_count; i++) {
        const char *name = store->slots[i].variable.name;

        if (!strncmp(name, variable->name, (size_t)length) && !name[length])
            return &store->slots[i];
    }
    return NULL;
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
        const bool          one = strchr(variable->name, '#') != NULL; /* of the copies that there are */
        int                 copy, status;

        const nyx_device__slot *slot = nyx_device__slot_of(store, variable, &copy);
        if (!slot && (store->allocated || one))
            return nyx_error_set(NYX_ERR_INPUT, "variable '%s' comes %s", variable->name,
                                 one ? "before that of which it is a copy" : "after the store was allocated");
        if (!slot && (status = slot_add(store, variable, copies, copies * nyx_variable_bytes(variable))) < 0)
            return status;
        if (slot && (nyx_device__copy_bytes(slot) != nyx_variable_bytes(variable) ||
                     slot->variable.dtype != variable->dtype || (one ? copy >= slot->copies : copies != slot->copies)))
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
    nyx_memory memory = store->memory;

    if (store->device->backend->memory)
        return store->device->backend->memory(store);
    memory.own = nyx_device_memory(store->device) >= 0 ? memory.variables + memory.arena + memory.workspace : 0;
    return memory;
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

    for (int i = 0; i < slot->copies; i++)
        store->device->backend->write(store, slot, i, (const char *)data + i * nyx_device__copy_bytes(slot));
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
    nyx_store_read_many(store, 1, &name, &data);
}

void nyx_store_read_many(nyx_store *store, int count, const char *const *names, void *const *data)
{
    nyx_device__piece pieces[NYX_DEVICE__PIECES];
    int               filled = 0;

    for (int n = 0; n < count; n++) {
        const nyx_device__slot *slot = &store->slots[slot_named(store, names[n])];

        for (int i = 0; i < slot->copies; i++) {
            pieces[filled++] = (nyx_device__piece){ slot, i, (char *)data[n] + i * nyx_device__copy_bytes(slot) };
            if (filled == NYX_DEVICE__PIECES) {
                store->device->backend->read(store, pieces, filled);
                filled = 0;
            }
        }
    }
    if (filled)
        store->device->backend->read(store, pieces, filled);
}

int nyx_store_check(const nyx_store *store)
{
    return nyx_device_check(store->device);
}
