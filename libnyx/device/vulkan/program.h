/* device/vulkan/program -- what a program of a Vulkan device is made of: the work of
 * its nodes (kernel.h), the memory that it touches, what is recorded of it
 * (program.c, digest.c, schedule.c, record.c, host.c). */
#ifndef NYX_DEVICE_VULKAN_PROGRAM_H
#define NYX_DEVICE_VULKAN_PROGRAM_H

#include "device/vulkan/kernel.h"

/* A node that the processor does, behind so many command buffers. */
typedef struct {
    int64_t behind;
    int     host;
} nyx_vulkan__cut;

/* The commands of one micro-batch, with or without timestamps. */
typedef struct {
    VkDescriptorPool descriptors;
    VkCommandBuffer *buffers;
    int64_t          count, room;
    nyx_vulkan__cut *cuts;
    int64_t          cut_count, cut_room;
    VkQueryPool      queries; /* one at each node's end, one at the start */
} nyx_vulkan__recording;

typedef struct nyx_vulkan__host nyx_vulkan__host;

typedef struct { int64_t first, value; } nyx_vulkan__decision; /* of the node whose work begins there */

typedef struct {
    nyx_vulkan__work      *work;
    int64_t                work_count, work_room;
    nyx_vulkan__decision  *decisions; /* in the order of work */
    int64_t                decision_count, decision_room;
    char                  *constants;
    int64_t                constant_bytes, workspace_next;
    nyx_vulkan__block      constant_block;
    nyx_vulkan__host      *hosts;
    int64_t                host_count, host_room;
    nyx_vulkan__recording *recordings[2]; /* [traced][micro] */
} nyx_vulkan__program;

/* Memory of a store. */
typedef struct {
    nyx_vulkan__block roles[NYX_ROLE_COUNT], arena, workspace;
    char             *host; /* operands and workspace of what the processor does */
} nyx_vulkan__store;

/* Where a range of a micro-batch lies. */
typedef struct {
    nyx_vulkan__block *block;
    int64_t            offset, bytes;
} nyx_vulkan__place;
nyx_vulkan__place nyx_vulkan__resolve(const nyx_program *p, int micro, nyx_vulkan__range range);

/* Bytes that a piece of work reads or writes through a binding; is there a hazard? */
typedef struct {
    VkBuffer buffer;
    int64_t  begin, end;
    bool     written;
} nyx_vulkan__touch;
nyx_vulkan__touch nyx_vulkan__touched(const nyx_program *p, int micro, const nyx_vulkan__work *work, int binding);
bool              nyx_vulkan__meet(const nyx_vulkan__touch *a, const nyx_vulkan__touch *b);

/* The order in which a program's work is recorded (caller frees). */
int nyx_vulkan__schedule(int64_t **order, const nyx_program *p, int micro) NYX_CHECKED;

/* Let the processor do the node of `e`; its operands go to host memory and back. */
int  nyx_vulkan__host_add(nyx_vulkan__emit *e) NYX_CHECKED;
void nyx_vulkan__host_run(nyx_program *p, int host, const nyx_run *run);
void nyx_vulkan__host_digest(const nyx_program *p, int host, nyx_sha256 *hash);

void nyx_vulkan__digest(const nyx_program *p, nyx_sha256 *hash);

/* Make the recording of one micro-batch when it is not there. */
int  nyx_vulkan__record(nyx_program *p, int micro, bool traced) NYX_CHECKED;
void nyx_vulkan__recording_release(nyx_vulkan__gpu *gpu, nyx_vulkan__recording *recording);

#endif
