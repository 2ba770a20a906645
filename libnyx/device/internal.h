/* What the sources of device/ share. */
#ifndef NYX_DEVICE_INTERNAL_H
#define NYX_DEVICE_INTERNAL_H

#include "device/cpu/cpu.h"
#include "device/machine.h"

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

/* The text of a file, its end trimmed; -1 and "" when it cannot be read. */
int nyx_device__text(char *out, int64_t room, const char *path_format, ...) NYX_PRINTF(3, 4);

/* ---- sensors ---------------------------------------------------------------- */

enum nyx_device__sensor_kind {
    SENSOR_VALUE,   /* a file of one number */
    SENSOR_COUNTER, /* of joules, in a file */
    SENSOR_ASLEEP,  /* ms asleep, in a file */
    SENSOR_TICKS,   /* the first line of /proc/stat */
    SENSOR_NVML
};

typedef struct {
    nyx_sensor                   said;
    enum nyx_device__sensor_kind kind;
    char                         path[512];
    double                       scale, wrap;
    double                       clock;          /* of this reading: ms, ticks */
    double                       raw, raw_clock; /* the reading before */
    double                       total;          /* of a counter */
    bool                         has_raw;
    void                        *handle; /* nvml */
} nyx_device__sensor;

/* NULL: no memory. */
nyx_device__sensor *nyx_device__sensor_add(nyx_sensors *s, const char *source, const char *device, const char *label,
                                           enum nyx_quantity quantity);

/* Adds the sensors of NVIDIA's devices; NULL and a reason when there are none. */
typedef struct nyx_device__nvml nyx_device__nvml;
nyx_device__nvml *nyx_device__nvml_open(nyx_sensors *s, const char *root, char *reason, size_t room);
void              nyx_device__nvml_close(nyx_device__nvml *nvml);
double            nyx_device__nvml_read(nyx_device__nvml *nvml, const nyx_device__sensor *sensor); /* NaN: nothing */

#endif
