/* machine -- what this computer is and has: processor, memory, Vulkan devices,
 * sensors. Facts are read from /proc and /sys below `root` ("" on a real
 * machine), so that tests may build a machine out of files.
 *
 *     nyx_machine machine;
 *     nyx_machine_probe(&machine, "");
 *     nyx_sensors *sensors;
 *     nyx_sensors_open(&sensors, "");
 *     ... work ...
 *     nyx_sensors_read(sensors);                 again, so that liars show
 *     nyx_sensors_judge(sensors, true);
 *
 * What the system does not say is -1 or "", never an error.
 */
#ifndef NYX_DEVICE_MACHINE_H
#define NYX_DEVICE_MACHINE_H

#include "device/gauge.h"

/* ---- processor and memory ------------------------------------------------------- */

enum { NYX_CACHES_MOST = 8 };
typedef struct {
    char    kind; /* 'd' data, 'i' instructions, 'u' both */
    int     level, shared_by;
    int64_t bytes;
} nyx_cache;

typedef struct {
    char      processor[128];   /* "" where unknown */
    int       processors;       /* hardware threads of the machine */
    int       usable;           /* that this process may run on */
    int       cores;            /* -1: unknown */
    double    quota;            /* processors' worth of time that a control group allows; -1: no limit */
    nyx_cache caches[NYX_CACHES_MOST];
    int       cache_count;
    char      isa[320];         /* "avx2 fma ...": extensions that matter to kernels */
    int64_t   memory, memory_free; /* bytes, of the whole machine; free: can be had without swapping */
    int64_t   limit, limit_used;   /* of the tightest control group; -1: none */
    char      identity[NYX_SHA256_HEX]; /* of processor, hardware threads and memory: is it this machine? */
} nyx_machine;

void nyx_machine_probe(nyx_machine *out, const char *root);
/* Bytes that a new process may take: free memory within the limit; -1: unknown. */
int64_t nyx_machine_available(const nyx_machine *machine);

/* ---- Vulkan ------------------------------------------------------------------------- */

enum { NYX_VULKAN_MOST = 8, NYX_HEAPS_MOST = 16 };
typedef struct {
    char     name[256], driver[256], type[16]; /* type: discrete, integrated, virtual, cpu, other */
    uint32_t vendor, device, api_major, api_minor, api_patch;
    int64_t  buffer_most, allocation_most, shared_bytes, push_bytes, group_invocations;
    int      subgroup; /* invocations; 0: unknown */
    /* Units of a subgroup that sum products of f16, of bf16 in f32, of i8 in i32; 0: none. */
    struct { int m, n, k; } matrix[3];
    struct {
        bool storage16, storage8, float16, int8, int64, float64, address, timeline, memory_model, subgroup_size, dot,
            dot_fast, denormals, nan, matrix, bfloat16, budget, host_import;
    } has;
    struct {
        bool known;           /* the rest was seen in a shader of ours */
        bool long_loops;      /* loops of more than 65,535 turns come to their end */
        bool rounds_f16;      /* a number packed as f16 and unpacked is rounded */
        bool fuses_fma;       /* fma() rounds once */
        bool fuses_precise;   /* a product and a sum are joined where that is forbidden */
        bool keeps_denormals; /* of f32 */
        bool compares_nan;    /* every comparison with NaN is false, but != */
        bool dots_bytes;      /* dot products of four signed bytes are right; has.dot */
    } shaders;
    struct {
        int64_t bytes, budget, used; /* budget, used -1: the driver does not say */
        bool    local;               /* the device's own */
    } heaps[NYX_HEAPS_MOST];
    int heap_count;
    struct {
        bool   known;                     /* the rest was measured (device/gauge.h) */
        bool   steady;                    /* every rate was */
        double rate[NYX_RATE_COUNT];      /* a second; 0: see reason */
        double clock_mhz;                 /* of its sensor, after multiply-adds; 0: none tells */
        char   reason[NYX_RATE_COUNT][160];
    } measured;
} nyx_vulkan_device;

typedef struct {
    nyx_vulkan_device devices[NYX_VULKAN_MOST];
    int               count;
    char              reason[160]; /* "": there are devices */
} nyx_vulkan;

/* What an open GPU is, of a pair the one that leads; NULL: it is a processor. */
const nyx_vulkan_device *nyx_device_gpu(const nyx_device *device);

/* Ask a child process: a driver that crashes or talks is not ours. `loader`
 * NULL: libvulkan.so.1 as the system finds it, whose devices run a shader too,
 * and are measured when `measure` asks for it: some seconds each. */
void nyx_vulkan_probe(nyx_vulkan *out, const char *loader, bool measure);

/* Is there a device file of some GPU? Asks no driver. */
bool nyx_gpu_is_there(void);

/* ---- sensors ------------------------------------------------------------------------ */

enum nyx_quantity { NYX_TEMPERATURE, NYX_POWER, NYX_ENERGY, NYX_UTILISATION, NYX_CLOCK, NYX_QUANTITY_COUNT };
typedef struct {
    char              source[16]; /* hwmon, thermal, powercap, drm, nvml */
    char              device[64], label[64];
    enum nyx_quantity quantity;   /* degrees C, W, J, percent, MHz */
    bool              processor;  /* while the processors are busy it must move */
    double            first, last, lowest, highest;
    int               readings;
    char              reason[160]; /* "": it can be believed */
} nyx_sensor;

typedef struct nyx_sensors nyx_sensors;
/* Find and read every sensor. MEMORY. */
int               nyx_sensors_open(nyx_sensors **out, const char *root) NYX_CHECKED;
void              nyx_sensors_close(nyx_sensors *sensors);
void              nyx_sensors_read(nyx_sensors *sensors);
/* Say which ones lie: below zero, beyond nature, and, when the processor was
 * `busy` in between, those that should have moved and did not. */
void              nyx_sensors_judge(nyx_sensors *sensors, bool busy);
int               nyx_sensors_count(const nyx_sensors *sensors);
const nyx_sensor *nyx_sensors_at(const nyx_sensors *sensors, int index);
/* Why there is no sensor of a source ("powercap"); NULL: there are. */
const char       *nyx_sensors_reason(const nyx_sensors *sensors, const char *source);
/* Joules that the processor packages took since the sensors were opened; -1:
 * no counter that can be believed. */
double            nyx_sensors_joules(const nyx_sensors *sensors);
/* Of the packages' counters the first one's reason, as judged; NULL: none has one. */
const char       *nyx_sensors_no_joules(const nyx_sensors *sensors);

extern const char *const nyx_sensor_sources[]; /* ends with NULL */

#endif
