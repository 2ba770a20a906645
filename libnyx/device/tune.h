/* tune -- constants of kernels, chosen for this very device.
 *
 * How fast a product is hangs on its tile, and which tile is best on the device.
 * A kernel takes its constants from the first of these that fits: what was
 * forced; the table of what was measured on this device with this driver, for the
 * kernel as it is and a problem of this size, or of the nearest one; its own
 * choice, which goes by the kind of device and a cost rule, and in the end what
 * runs everywhere. Nothing is ever measured while a program is compiled. Whoever
 * searches (nyx-bench --tune) does:
 *
 *     nyx_tune_problem problem;
 *     nyx_tune_problem_of(&problem, device, graph, node);
 *     nyx_genome genomes[64];
 *     int64_t count = nyx_tune_propose(genomes, 64, device, &problem);
 *     nyx_tune_force(device, problem.kernel, &genomes[3]);  compile, run, compare
 *     nyx_tune_force(device, NULL, NULL);
 *     nyx_tune_keep(device, &problem, &genomes[3], &found);
 *
 * The choice is part of a program's digest. The table is a file of the user's
 * caches: one line of JSON for the device, then one for each entry.
 */
#ifndef NYX_DEVICE_TUNE_H
#define NYX_DEVICE_TUNE_H

#include "device/device.h"

enum { NYX_GENES = 9 };
typedef struct { int32_t genes[NYX_GENES]; } nyx_genome; /* those that a kernel has not are 0 */

/* What decides over the constants: the kernel, the type and the variant (which
 * operands are transposed) of a node, and its extents, m, n, k of a product. */
typedef struct {
    const char    *kernel; /* "matmul", "matvec"; static */
    enum nyx_dtype type;
    int            variant;
    int64_t        extents[3];
} nyx_tune_problem;

/* How an entry came about. */
typedef struct {
    double  median_s, spread; /* spread: of the middle half, as a share of the median */
    double  usual_s;          /* median of the kernel's own choice, in turns with it */
    int64_t samples;          /* of each */
} nyx_tune_found;

/* UNSUPPORTED: nothing of this node can be tuned here. */
int nyx_tune_problem_of(nyx_tune_problem *out, nyx_device *device, const nyx_graph *g,
                        const nyx_node *node) NYX_CHECKED;
/* The kernel's own choice, the table's, then others that fit; how many, at most `room`. */
int64_t nyx_tune_propose(nyx_genome *out, int64_t room, nyx_device *device, const nyx_tune_problem *problem);
/* Does the device run it, on this problem? Costs nothing. */
bool nyx_tune_fits(nyx_device *device, const nyx_tune_problem *problem, const nyx_genome *genome);
/* Programs compiled from now on take it, where it fits; NULL: as usual. */
void nyx_tune_force(nyx_device *device, const char *kernel, const nyx_genome *genome);
/* Put it into the table, in place of what is there. UNSUPPORTED, CREATE, OUTPUT. */
int nyx_tune_keep(nyx_device *device, const nyx_tune_problem *problem, const nyx_genome *genome,
                  const nyx_tune_found *found) NYX_CHECKED;
/* Why the table is not used, "": it is, or there is none. Known once a program was compiled. */
const char *nyx_tune_warning(const nyx_device *device);

#endif
