/* What the sources of device/ share. */
#ifndef NYX_DEVICE_INTERNAL_H
#define NYX_DEVICE_INTERNAL_H

#include "device/cpu/cpu.h"

struct nyx_device {
    char              name[32];
    nyx_pool         *pool;
    const nyx_kernel *fast; /* NULL: reference kernels only */
};

/* One variable of the store, in the first graph's words. */
typedef struct {
    nyx_variable variable;
    int64_t      bytes;  /* all micro-batches */
    char        *data;
} nyx_device__slot;

struct nyx_store {
    nyx_device       *device;
    int               micro_batches;
    nyx_arena         names;
    nyx_device__slot *slots;
    int               slot_count, slot_room;
    nyx_memory        memory;
    void             *blocks[NYX_ROLE_COUNT]; /* one allocation a role */
    char             *arena, *workspace;
    bool              allocated;
};

/* The kernel that runs this node; never NULL. */
const nyx_kernel *nyx_device__kernel(const nyx_device *device, const nyx_graph *g, const nyx_node *node);

#endif
