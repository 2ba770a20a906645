/* What the sources of device/ share. */
#ifndef NYX_DEVICE_INTERNAL_H
#define NYX_DEVICE_INTERNAL_H

#include "device/cpu/cpu.h"
#include "device/gauge.h"
#include "device/machine.h"

/* One variable of the store, in the first graph's words. */
typedef struct {
    nyx_variable variable;
    int          copies; /* one a micro-batch, or one */
    int64_t      bytes;  /* of all copies, as the host sees them */
    int64_t      offset; /* of the first copy in the block of its role */
    int64_t      stride; /* from copy to copy there */
} nyx_device__slot;

static inline int64_t nyx_device__copy_bytes(const nyx_device__slot *slot)
{
    return slot->bytes / slot->copies;
}

static inline int64_t nyx_device__copy_offset(const nyx_device__slot *slot, int copy)
{
    return slot->offset + copy * slot->stride;
}

/* Contents that the host wants; so many at once. */
enum { NYX_DEVICE__PIECES = 32 };
typedef struct {
    const nyx_device__slot *slot;
    int                     copy;
    void                   *data;
} nyx_device__piece;

/* What a kind of device does its own way. `own` of a device, a store and a
 * program is the backend's. */
typedef struct {
    void (*close)(nyx_device *device);
    int  (*reopen)(nyx_device *device); /* NULL: it does not fail */
    int  (*create)(nyx_store *store);   /* NULL: there is nothing to do */
    int  (*allocate)(nyx_store *store); /* variables, arena, workspace: zeroed */
    void (*release)(nyx_store *store);
    /* One copy of a variable; several, waited for once. */
    void (*write)(nyx_store *store, const nyx_device__slot *slot, int copy, const void *data);
    void (*read)(nyx_store *store, const nyx_device__piece *pieces, int count);
    void *(*at)(const nyx_store *store, const nyx_device__slot *slot, int copy); /* NULL: it is not the host's memory */
    nyx_memory (*memory)(const nyx_store *store); /* NULL: what the store counted */
    int  (*compile)(nyx_program *program); /* its plan is made, where there is an alignment */
    void (*discard)(nyx_program *program);
    void (*run)(nyx_program *program, const nyx_run *run);
    const char *family; /* in digests in place of the device's name; NULL: the name */
    void (*digest)(const nyx_program *program, nyx_sha256 *hash);
    uint32_t (*halves)(const void *device, const nyx_graph *g, const nyx_node *node); /* nyx_pass_fuse; NULL: none */
    int64_t (*free_bytes)(const nyx_device *device); /* NULL: memory is the host's */
    bool    queued;    /* it works beside the host: nyx_device.queue */
    int64_t alignment; /* of every value and variable, bytes: a power of two; 0: others place them */
    int     (*gauge_open)(nyx_gauge *gauge); /* NULL: none */
    int64_t (*gauge_round)(nyx_gauge *gauge); /* nanoseconds; a failure is kept by the device */
    void    (*gauge_close)(nyx_gauge *gauge); /* after an opening that failed too */
} nyx_device__backend;

extern const nyx_device__backend nyx_device__cpu, nyx_device__vulkan, nyx_device__pair;

struct nyx_device {
    char                       name[32];
    nyx_pool                  *pool;
    const nyx_device__backend *backend;
    const char                *set;  /* instruction set of the CPU: "avx2" */
    const nyx_kernel          *fast; /* its kernels; NULL: reference kernels only */
    bool                       substituted[NYX_OP_COUNT]; /* nyx_device_substitutes */
    nyx_queue_use              queue;
    char                       shortage[400];             /* nyx_device_shortage */
    void                      *own;
    int                        status; /* the first failure of a device that can fail */
    char                       why[256];
};

/* A gauge is the backend's, but for the first three. */
struct nyx_gauge {
    nyx_device   *device;
    enum nyx_rate rate;
    int64_t       bytes;              /* as asked, then as they are */
    double        work;               /* of a round */
    int64_t       least_ns, most_ns;  /* that rounds are run before they may agree, and at most */
    void         *own;
};

/* Keep the first failure of a device, for nyx_device_check. */
void nyx_device__fail(nyx_device *device, int status, const char *fmt, ...) NYX_PRINTF(3, 4);

/* Of a pair the one that leads, else the device itself. */
const nyx_device *nyx_device__leader(const nyx_device *device);

/* The slot of a graph's variable; *copy: NAME#k is the k-th, else 0. NULL: none. */
const nyx_device__slot *nyx_device__slot_of(const nyx_store *store, const nyx_variable *variable, int *copy);

struct nyx_store {
    nyx_device       *device;
    int               micro_batches;
    nyx_arena         names;
    nyx_device__slot *slots;
    int               slot_count, slot_room;
    nyx_memory        memory;
    int64_t           role_bytes[NYX_ROLE_COUNT]; /* one block a role */
    bool              allocated;
    void             *own;
};

struct nyx_program {
    nyx_store *store;
    nyx_graph *graph;
    nyx_plan   plan;
    bool       trace;
    int64_t    time_ns[NYX_OP_COUNT];
    nyx_event *events; /* of the last traced run */
    int64_t    event_count, event_room;
    void      *own;
};

/* Note how long a node took. Memory for it may lack: then it is not noted. */
void nyx_device__event(nyx_program *p, const nyx_event *event);


/* Random numbers of a run: step and micro-batch in one counter. */
static inline uint32_t nyx_device__random_step(const nyx_store *store, const nyx_run *run)
{
    return run->step * (uint32_t)store->micro_batches + (uint32_t)run->micro;
}

/* The kernel of the CPU that runs this node; never NULL. */
const nyx_kernel *nyx_device__kernel(const nyx_device *device, const nyx_graph *g, const nyx_node *node);
/* The same, with the call's node, pool, types and shapes, and the bytes of
 * workspace that it asks for; no memory yet. */
const nyx_kernel *nyx_device__call(nyx_call *call, int64_t *workspace, const nyx_device *device, const nyx_graph *g,
                                   const nyx_node *node);

/* Open the Vulkan device of that index, -1: the first that is no processor,
 * else the first; switches: device/vulkan/vulkan.h, "" for none. UNSUPPORTED,
 * MEMORY, DEVICE. */
int nyx_device__vulkan_open(nyx_device *device, int index, const char *switches) NYX_CHECKED;

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
    double                       total, watts;   /* of a counter: joules; the most between two readings */
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
