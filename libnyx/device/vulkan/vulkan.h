/* vulkan -- what the sources of device/vulkan/ share: the open GPU, blocks of
 * its memory, the stream of work, pipelines.
 *
 * One queue, work in order. Host memory that is to be written goes through the
 * staging block of a frame; a frame is submitted together with the programs
 * that follow. A failure is kept by the device (nyx_device_check): from then on
 * nothing is done and what is read is 0xFF bytes, which are NaN.
 */
#ifndef NYX_VULKAN_H
#define NYX_VULKAN_H

#include "device/internal.h"
#include "device/tune.h"
#include "device/vulkan/api.h"

enum { NYX_VULKAN_BINDINGS = 8, NYX_VULKAN_PUSH = 32 /* words */, NYX_VULKAN_SPECS = 16 };

/* ---- memory ---------------------------------------------------------------------- */

enum nyx_vulkan__kind { NYX_VULKAN_LOCAL, NYX_VULKAN_UPLOAD, NYX_VULKAN_DOWNLOAD };
typedef struct {
    VkBuffer       buffer;
    VkDeviceMemory memory;
    int64_t        bytes;
    char          *mapped; /* NULL: the host does not see it */
} nyx_vulkan__block;

/* ---- the GPU ------------------------------------------------------------------------ */

/* A shader with values for its specialisation constants. */
typedef struct {
    int        shader; /* in nyx_shader_sources */
    int        spec_count;
    uint32_t   spec[NYX_VULKAN_SPECS];
    bool       in_parts; /* a dispatch may begin with any workgroup */
    VkPipeline pipeline;
} nyx_vulkan__pipeline;

/* One turn of the stream: copies, then programs. */
typedef struct {
    nyx_vulkan__block staging;
    int64_t           used;
    VkCommandBuffer   copies;
    bool              open;    /* `copies` is being recorded */
    VkFence           fence;
    bool              pending; /* submitted, not waited for */
} nyx_vulkan__frame;
enum { NYX_VULKAN_FRAMES = 3, NYX_VULKAN_STAGING = 8 << 20 };

/* What a name says behind "vulkan:N,": for tests and for reports of faults.
 *     staging    as if the host did not see the device's memory
 *     short      as if loops ended after 65,535 turns
 *     unfused    casts stay operations of their own (pass/fuse.c)
 *     plain      attention without matrix units
 *     dot        as if dot products of bytes were fast
 *     nodot      as if they came out wrong
 *     most=B     as if B bytes could be bound at once
 *     lost=K     the K-th submit loses the device
 *     late=K     the K-th wait takes too long
 *     full=K     the K-th block finds no memory
 *     tile=K     every product takes the K-th tile of kernels/matmul.c
 *     slow=K     as if it were K times slower than such devices are, and drew a display
 *     again      counts start over when the device is opened again
 *     other      as if another one stood in its place then
 *     orderly    work is recorded in the order of the program
 *     without=OP as if the operation, or `all`, had no kernel
 * Counts go down to 1; 0: never. */
typedef struct {
    bool    staging, short_loops, unfused, plain, again, other, orderly, dot, nodot;
    int64_t most, lost, late, full, tile, slow;
    bool    without[NYX_OP_COUNT];
} nyx_vulkan__switches;

enum nyx_vulkan__trust { NYX_VULKAN_UNTRIED, NYX_VULKAN_TRUSTED, NYX_VULKAN_REFUSED };
typedef struct {
    enum nyx_dtype type;
    nyx_genome     tile;
    bool           refused;
} nyx_vulkan__tried;

typedef struct nyx_vulkan__tuning nyx_vulkan__tuning; /* vulkan/tune.h */

typedef struct {
    nyx_device                      *device;
    nyx_vulkan__switches             asked, switches; /* the second count down */
    nyx_vulkan__api                  vk;
    VkPhysicalDevice                 physical;
    VkDevice                         handle;
    VkQueue                          queue;
    uint32_t                         family;
    nyx_vulkan_device                facts;
    VkPhysicalDeviceMemoryProperties memory;
    float                            tick_ns;  /* of a timestamp; 0: none */
    bool                             unified;  /* one memory for host and device */
    int                              group;    /* invocations of a plain workgroup */
    int64_t                          patience_ms;
    int                              index; /* in the driver's list */
    double                           pace;  /* how fast it is thought to be; 1: as fast as the least of its kind */
    double                           haste; /* share of the usual time that work may take: halved by each failure */
    VkDescriptorSetLayout            set_layout;
    VkPipelineLayout                 layout;
    VkPipelineCache                  cache;
    char                            *cache_path;  /* NULL: it is not kept */
    int64_t                          cache_bytes; /* that were read */
    nyx_vulkan__pipeline            *pipelines;
    int64_t                          pipeline_count, pipeline_room;
    VkCommandPool                    commands;
    nyx_vulkan__frame                frames[NYX_VULKAN_FRAMES];
    int                              frame; /* the one being filled */
    nyx_vulkan__block                download, parameters;
    nyx_vulkan__tuning              *tuning; /* NULL: nobody asked */
    enum nyx_vulkan__trust           matrix[3]; /* in its matrix units, for f16, bf16 and i8 */
    enum nyx_vulkan__trust           attention[2]; /* in attention by them */
    nyx_vulkan__tried               *tried;     /* tiles of theirs */
    int64_t                          tried_count, tried_room;
    int                              trials;  /* that are going on */
    bool                             starved; /* the program at hand takes no units that are not tried yet */
    const nyx_genome                *trying; /* what every product takes; NULL: what it chooses */
} nyx_vulkan__gpu;

static inline nyx_vulkan__gpu *nyx_vulkan__gpu_of(const nyx_device *device)
{
    return device->own;
}

/* What a device is and can; the driver is asked in this process. */
void nyx_vulkan__ask(const nyx_vulkan__api *vk, VkPhysicalDevice device, nyx_vulkan_device *out);

void nyx_vulkan__close(nyx_device *device);
int  nyx_vulkan__reopen(nyx_device *device) NYX_CHECKED;

/* Read "staging,lost=3"; NULL or "": none. UNSUPPORTED names the switch that does not exist. */
int  nyx_vulkan__switches_parse(nyx_vulkan__switches *out, const char *text) NYX_CHECKED;
/* Is it this one's turn? */
static inline bool nyx_vulkan__is_due(int64_t *count)
{
    return *count > 0 && --*count == 0;
}

/* The status of a failed call; the sentence says what was being done. */
int nyx_vulkan__error(VkResult result, const char *what);

/* ---- blocks: memory.c ------------------------------------------------------------------ */

/* `bytes` 0 gives an empty block. MEMORY: needed and available bytes are said. */
int  nyx_vulkan__block_create(nyx_vulkan__gpu *gpu, nyx_vulkan__block *out, int64_t bytes,
                              enum nyx_vulkan__kind kind) NYX_CHECKED;
/* Of the largest heap of its own; -1: memory is the host's. */
int64_t nyx_vulkan__free_bytes(const nyx_device *device);
void nyx_vulkan__block_release(nyx_vulkan__gpu *gpu, nyx_vulkan__block *block);

/* ---- the stream: stream.c ---------------------------------------------------------------- */

int  nyx_vulkan__stream_create(nyx_vulkan__gpu *gpu) NYX_CHECKED;
void nyx_vulkan__stream_release(nyx_vulkan__gpu *gpu);
void nyx_vulkan__write(nyx_vulkan__gpu *gpu, nyx_vulkan__block *to, int64_t offset, const void *data, int64_t bytes);
/* Bytes that the host wants; all of a call are waited for once. */
typedef struct {
    const nyx_vulkan__block *block;
    int64_t                  offset, bytes;
    void                    *data;
} nyx_vulkan__wanted;
void nyx_vulkan__read(nyx_vulkan__gpu *gpu, const nyx_vulkan__wanted *pieces, int count);
void nyx_vulkan__clear(nyx_vulkan__gpu *gpu, nyx_vulkan__block *block); /* zero bytes */
/* Copies so far and these command buffers, a submit each; the copies go with the first. */
void nyx_vulkan__submit(nyx_vulkan__gpu *gpu, const VkCommandBuffer *buffers, int count);
void nyx_vulkan__finish(nyx_vulkan__gpu *gpu); /* wait for all of it */
/* The command buffer in which copies of this frame are recorded; NULL after a failure. */
VkCommandBuffer nyx_vulkan__copies(nyx_vulkan__gpu *gpu);
/* Everything before is seen by everything after. */
void nyx_vulkan__barrier(const nyx_vulkan__gpu *gpu, VkCommandBuffer commands);

/* A shader run once on bytes of the host, bindings in order: once.c. */
typedef struct {
    const char *shader;
    uint32_t    spec[NYX_VULKAN_SPECS], push[NYX_VULKAN_PUSH], groups;
    int         spec_count, operand_count;
    struct { const void *in; void *out; int64_t bytes; } operands[6]; /* in, out NULL: not written before, not read */
} nyx_vulkan__once;
int nyx_vulkan__run_once(nyx_vulkan__gpu *gpu, const nyx_vulkan__once *once) NYX_CHECKED;

/* Whether dot products of bytes are fast, and right. */
bool nyx_vulkan__multiplies_bytes(const nyx_vulkan__gpu *gpu);
/* Run a shader that shows what the driver does to them: facts.shaders. canary.c. */
int nyx_vulkan__canary(nyx_vulkan__gpu *gpu) NYX_CHECKED;

/* ---- what it does at most: gauge.c; see device/gauge.h ------------------------------------ */

int     nyx_vulkan__gauge_open(nyx_gauge *g) NYX_CHECKED;
int64_t nyx_vulkan__gauge_round(nyx_gauge *g);
void    nyx_vulkan__gauge_close(nyx_gauge *g);

/* ---- pipelines: pipeline.c -------------------------------------------------------------------- */

int  nyx_vulkan__pipelines_create(nyx_vulkan__gpu *gpu) NYX_CHECKED;
void nyx_vulkan__pipelines_release(nyx_vulkan__gpu *gpu);
/* The index of a pipeline, made when it is not there yet. DEVICE, MEMORY;
 * UNSUPPORTED: the driver does not compile it. */
int  nyx_vulkan__pipeline_find(nyx_vulkan__gpu *gpu, int *index, const char *shader, const uint32_t *spec,
                               int spec_count, bool in_parts) NYX_CHECKED;

/* ---- what the driver compiled, in a file: cache.c ------------------------------------------ */

/* Of which device and driver it is. */
typedef struct {
    uint32_t vendor, device, driver;
    uint8_t  uuid[VK_UUID_SIZE];
} nyx_vulkan__version;

/* NULL and 0 bytes where there is no whole file of that version. */
void     nyx_vulkan__cache_read(char **out, int64_t *bytes, const char *path, const nyx_vulkan__version *version);
void     nyx_vulkan__cache_write(const char *path, const nyx_vulkan__version *version, const void *data, int64_t bytes);
nyx_vulkan__version nyx_vulkan__version_of(const nyx_vulkan__gpu *gpu);
/* The file of a device and driver that ends so; the folders on the way to it. */
int      nyx_vulkan__cache_path(const nyx_vulkan__gpu *gpu, char **out, const char *ending) NYX_CHECKED;
void     nyx_vulkan__make_folders(const char *path);
VkResult nyx_vulkan__cache_open(nyx_vulkan__gpu *gpu); /* below nyx_cache_folder() */
void     nyx_vulkan__cache_close(nyx_vulkan__gpu *gpu);

/* Every shader that was built, by name; ends with NULL. */
typedef struct {
    const char     *name;
    const uint32_t *words;
    int64_t         bytes;
} nyx_shader_source;
extern const nyx_shader_source nyx_shader_sources[];
const nyx_shader_source *nyx_vulkan__shader_source(const char *name); /* it is there, or a bug */

#endif
