/* internal -- what the files of data/arc/ share. */
#ifndef NYX_ARC_INTERNAL_H
#define NYX_ARC_INTERNAL_H

#include "data/arc/arc.h"
#include "data/internal.h"

/* Side of the canvas of a dataset of ARC tasks, or INPUT. */
int nyx_arc__side(const nyx_dataset *dataset) NYX_CHECKED;

/* SHA-256 of a grid's size and colours. */
void nyx_arc__digest(char hex[NYX_SHA256_HEX], const nyx_arc_grid *grid);

/* Tasks that stay, in order; the caller's with nyx_free. */
struct nyx_arc__chosen {
    const nyx_arc_task **tasks;
    int64_t              count;
};
int nyx_arc__choose(struct nyx_arc__chosen *out, nyx_arc_counts *counts, const nyx_arc_list *list, int side,
                    nyx_pool *pool) NYX_CHECKED;

#endif
