/* vulkan/tune -- kernels whose constants are chosen: see device/tune.h.
 *
 * A kernel describes how it can be built; when it emits, it asks
 *
 *     if (nyx_vulkan__tuned(&genome, gpu, &nyx_vulkan__tune_matvec, &problem))
 *
 * and takes its own choice otherwise. */
#ifndef NYX_VULKAN_TUNE_H
#define NYX_VULKAN_TUNE_H

#include "device/tune.h"
#include "device/vulkan/vulkan.h"

typedef struct {
    const char *name;
    const char *shaders[5]; /* with another one, what was measured is void; ends with NULL */
    /* What a node asks of the kernel; false: it is not for this one. */
    bool (*asks)(nyx_tune_problem *out, const nyx_vulkan__gpu *gpu, const nyx_graph *g, const nyx_node *node);
    /* The kernel's own choice. */
    void (*usual)(nyx_genome *out, nyx_vulkan__gpu *gpu, const nyx_tune_problem *problem);
    /* The index-th of those to begin with; false: there are no more. */
    bool (*seed)(nyx_genome *out, nyx_vulkan__gpu *gpu, const nyx_tune_problem *problem, int64_t index);
    /* Any genes at all may be asked about. */
    bool (*fits)(nyx_vulkan__gpu *gpu, const nyx_tune_problem *problem, const nyx_genome *genome);
} nyx_vulkan__tunable;

extern const nyx_vulkan__tunable nyx_vulkan__tune_matmul, nyx_vulkan__tune_matvec, nyx_vulkan__tune_dots,
                                 nyx_vulkan__tune_units, nyx_vulkan__tune_integer_dots,
                                 nyx_vulkan__tune_integer_tiles, nyx_vulkan__tune_attention,
                                 nyx_vulkan__tune_attention_grad;
extern const nyx_vulkan__tunable *const nyx_vulkan__tunables[]; /* ends with NULL */

/* Is it one from 1 to `most`? */
static inline bool nyx_vulkan__is_power(int32_t value, int64_t most)
{
    return value > 0 && value <= most && (value & (value - 1)) == 0;
}

/* What is forced or in the table, and fits. */
bool nyx_vulkan__tuned(nyx_genome *out, nyx_vulkan__gpu *gpu, const nyx_vulkan__tunable *kernel,
                       const nyx_tune_problem *problem);

/* An entry of the table. */
typedef struct {
    char           kernel[16], source[17], date[11];
    char           type[8];
    int            variant, bucket[3]; /* log2 of the extents */
    nyx_genome     genome;
    nyx_tune_found found;
} nyx_vulkan__tune_entry;

typedef struct {
    nyx_vulkan__tune_entry *entries;
    int64_t                 count, room;
} nyx_vulkan__tune_table;

/* Of which device and driver a table is; as it stands in its first line. */
typedef struct {
    uint32_t vendor, device, driver;
    char     name[256];
} nyx_vulkan__tune_owner;

/* The table of a file, empty where there is none. INPUT: it is damaged, UNSUPPORTED:
 * it is another device's; the sentence names the place. */
int  nyx_vulkan__tune_read(nyx_vulkan__tune_table *out, const char *path,
                           const nyx_vulkan__tune_owner *owner) NYX_CHECKED;
int  nyx_vulkan__tune_write(const nyx_vulkan__tune_table *table, const char *path,
                            const nyx_vulkan__tune_owner *owner) NYX_CHECKED;
/* Put an entry into the table of a file, beside what other processes put there
 * meanwhile; a file that cannot be used is begun anew. MEMORY, CREATE, OUTPUT. */
int  nyx_vulkan__tune_add(const char *path, const nyx_vulkan__tune_owner *owner,
                          const nyx_vulkan__tune_entry *entry) NYX_CHECKED;
/* In place of the entry of the same kernel, type, variant and bucket. MEMORY. */
int  nyx_vulkan__tune_put(nyx_vulkan__tune_table *table, const nyx_vulkan__tune_entry *entry) NYX_CHECKED;
/* Steps between two buckets, of all extents together; -1: another kernel, source, type or variant. */
int  nyx_vulkan__tune_distance(const nyx_vulkan__tune_entry *a, const nyx_vulkan__tune_entry *b);
void nyx_vulkan__tune_release(nyx_vulkan__gpu *gpu);

#endif
