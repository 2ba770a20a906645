/* device -- where a graph runs: stores of variables, compiled programs.
 *
 *     nyx_device *device;  nyx_device_open(&device, "cpu", threads);
 *     nyx_store  *store;   nyx_store_create(&store, device, micro_batches);
 *     nyx_program *program;
 *     nyx_program_compile(&program, store, graph);   for every graph
 *     nyx_store_allocate(store);                variables, one arena, workspace
 *     nyx_store_write(store, "inputs", data);
 *     nyx_program_run(program, &(nyx_run){ .seed = 1, .step = 7 });
 *     nyx_store_read(store, "loss", &loss);
 *
 * Nothing is allocated while a program runs. Results do not depend on the
 * number of threads.
 */
#ifndef NYX_DEVICE_H
#define NYX_DEVICE_H

#include "pass/pass.h"

typedef struct nyx_device  nyx_device;
typedef struct nyx_store   nyx_store;
typedef struct nyx_program nyx_program;

/* `name` is auto, cpu, cpu:reference (plain kernels only), cpu:base, cpu:neon,
 * cpu:avx2, cpu:avx512 (that instruction set), vulkan (the first GPU, else the
 * first device) or vulkan:N. threads 0: all there are. UNSUPPORTED, MEMORY, DEVICE. */
int         nyx_device_open(nyx_device **out, const char *name, int threads) NYX_CHECKED;
/* Two as one: `name` is "A+B" with names as above, as cpu+vulkan. B leads: every
 * program runs on it, but for those of micro-batches (graphs with variables
 * per micro-batch), which A runs from nyx_store_share on, both at the same
 * time. The same share gives the same bytes. */
int         nyx_device_open_pair(nyx_device **out, const char *name, int threads) NYX_CHECKED;
bool        nyx_device_is_pair(const char *name);
void        nyx_device_close(nyx_device *device);
const char *nyx_device_name(const nyx_device *device); /* "cpu:avx2": part of the digest */
nyx_pool   *nyx_device_pool(nyx_device *device);
/* Bytes of the device's own memory that are free; -1: it uses the host's. */
int64_t     nyx_device_memory(const nyx_device *device);
/* Does the processor do this operation in a GPU's place, in a program compiled
 * so far? There it has no kernel, or the driver refuses it. */
bool        nyx_device_substitutes(const nyx_device *device, enum nyx_op op);
/* What a program compiled so far does without for want of memory, a sentence;
 * "": nothing. */
const char *nyx_device_shortage(const nyx_device *device);
/* A GPU may fail in the middle of work: programs and reads then do nothing, and
 * this says why. Asked before results are used. DEVICE, MEMORY. */
int         nyx_device_check(const nyx_device *device) NYX_CHECKED;
/* Close one that failed and open it again, with half the time for each piece of
 * work. No store or program of it may be left. UNSUPPORTED: it cannot fail;
 * DEVICE, MEMORY. */
int         nyx_device_reopen(nyx_device *device) NYX_CHECKED;
/* Work that is begun again on a device that failed. */
enum { NYX_RECOVERIES_MOST = 3 };
typedef struct {
    int64_t count;    /* how often, in all */
    int     attempts; /* since there was progress, of which the owner says by 0 */
    char    why[256]; /* the last failure */
} nyx_recovery;
/* After work that ended with the error `status`: 0, when it may be begun again,
 * NYX_RECOVERIES_MOST times without progress; then its owner ends what it has on
 * the device, and calls nyx_device_reopen. Else that error. */
int         nyx_recovery_begin(nyx_recovery *recovery, int status) NYX_CHECKED;

/* Of a device that works beside the host: what it has been handed so far, and the
 * host's time for that. */
typedef struct {
    int64_t submits;
    int64_t submit_ns; /* in the driver, handing work over */
    int64_t wait_ns;   /* until work was done */
} nyx_queue_use;
bool nyx_device_queue(const nyx_device *device, nyx_queue_use *out); /* false: the host itself computes */

/* ---- store ------------------------------------------------------------------ */

int  nyx_store_create(nyx_store **out, nyx_device *device, int micro_batches) NYX_CHECKED;
void nyx_store_free(nyx_store *store); /* after its programs */
/* Add the graph's variables; one that is there already must have as many
 * bytes, of the same type, in all. Called by nyx_program_compile. */
int nyx_store_declare(nyx_store *store, const nyx_graph *g) NYX_CHECKED;
int nyx_store_allocate(nyx_store *store) NYX_CHECKED; /* zeroed; MEMORY */

/* Bytes; own: of them in a GPU's own memory; host: beside them, of what the processor does in its place. */
typedef struct { int64_t variables, arena, workspace, own, host; } nyx_memory;
nyx_memory nyx_store_memory(const nyx_store *store); /* known before nyx_store_allocate */

int                 nyx_store_count(const nyx_store *store);
const nyx_variable *nyx_store_variable(const nyx_store *store, int index); /* in order of declaration */
int                 nyx_store_find(const nyx_store *store, const char *name); /* -1: none */
int64_t             nyx_store_bytes(const nyx_store *store, int index);     /* all micro-batches */
int  nyx_store_check(const nyx_store *store) NYX_CHECKED; /* nyx_device_check of its device */
/* Of a pair: how many micro-batches, the first ones, run on the device that leads
 * (from 1 to all, which it is at first). Part of its programs' digests. May
 * change between steps. */
void nyx_store_share(nyx_store *store, int micro_batches);
/* Whole variable, all micro-batches. The name must exist (a bug otherwise). */
void nyx_store_write(nyx_store *store, const char *name, const void *data);
/* Those planes of a coded tensor (graph/inference.h) that the store has. */
void nyx_store_write_coded(nyx_store *store, const char *tensor, const nyx_coded *coded);
void nyx_store_read(nyx_store *store, const char *name, void *data);
/* Several of them, waited for once. */
void nyx_store_read_many(nyx_store *store, int count, const char *const *names, void *const *data);

/* ---- programs ----------------------------------------------------------------- */

/* Prune, fuse, plan and bind the graph, which stays borrowed and must not change. */
int  nyx_program_compile(nyx_program **out, nyx_store *store, nyx_graph *g) NYX_CHECKED;
void nyx_program_free(nyx_program *program);

typedef struct {
    uint64_t seed;  /* of the run; key of every random operation */
    uint32_t step;  /* counts from 0 */
    int      micro; /* micro-batch: selects per-micro copies */
} nyx_run;
void nyx_program_run(nyx_program *program, const nyx_run *run);

/* SHA-256 of what decides the bits of its results: graph, kernel variants and
 * instruction set, device and driver. */
void nyx_program_digest(const nyx_program *program, char hex[NYX_SHA256_HEX]);

/* Nanoseconds spent in each operation since the last call of trace(true). */
void    nyx_program_trace(nyx_program *program, bool on);
int64_t nyx_program_time_ns(const nyx_program *program, enum nyx_op op);
/* What the last run did while it was traced, in order; from its begin. On a GPU
 * a node may be several. Borrowed, until the next run. */
typedef struct {
    const nyx_node *node;
    int64_t         begin_ns, ns;
    bool            substituted; /* the processor did it in a GPU's place, copies included */
} nyx_event;
const nyx_event *nyx_program_events(const nyx_program *program, int64_t *count);

/* ---- kernels (device/cpu) -------------------------------------------------------- */

typedef struct {
    void            *data;  /* NULL: absent input, or output never used */
    enum nyx_dtype   dtype;
    const nyx_shape *shape;
    int64_t          count; /* elements */
} nyx_operand;

/* Operands of one node, resolved. Step operations write through `in` of the
 * variables they name (adam: in[0] p, in[2] m, in[3] v). */
typedef struct {
    const nyx_node *node;
    nyx_operand     in[NYX_MAX_INPUTS];
    nyx_operand     out[NYX_MAX_OUTPUTS];
    void           *workspace;   /* as many bytes as the kernel asked for */
    nyx_run         run;
    uint32_t        random_step; /* step x micro-batches + micro: Philox counter word 2 */
    nyx_pool       *pool;        /* for nyx_pool_barrier between phases */
} nyx_call;

/* Called by every thread with its part; a barrier follows. Which thread does
 * what must not change a bit of the result. */
typedef void (*nyx_kernel_fn)(const nyx_call *call, int part, int parts);

typedef struct {
    enum nyx_op    op;
    const char    *variant;  /* "packed", "row": part of the digest */
    nyx_kernel_fn  run;
    int64_t      (*workspace)(const nyx_graph *g, const nyx_node *node, int parts); /* NULL: none */
    bool         (*takes)(const nyx_graph *g, const nyx_node *node);                /* NULL: every node */
} nyx_kernel;

#endif
