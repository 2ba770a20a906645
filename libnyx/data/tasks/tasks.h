/* tasks -- datasets of small tasks that published models are judged on.
 *
 *     nyx_images_read(&dataset, "images-idx3-ubyte.gz", "labels-idx1-ubyte.gz", 1000);
 *     nyx_tasks_write(&dataset, path, options);
 *     nyx_dataset_release(&dataset);
 */
#ifndef NYX_DATA_TASKS_H
#define NYX_DATA_TASKS_H

#include "data/data.h"

/* IDX files as of MNIST, bytes of one image a row, packed or not: inputs are
 * pixels 0 to 255 in rows, the one target of a row its label. The last
 * `test_rows` rows are the test split, the others the training split; -1: all
 * are test rows. Nothing is shuffled. INPUT, USAGE. */
int nyx_images_read(nyx_dataset *out, const char *images, const char *labels, int64_t test_rows) NYX_CHECKED;

/* Every sequence of `digits` digits below `values`, then its digits in rising
 * order but the last; the targets are the sorted digits, each in the place in
 * front of it (minGPT's sort task). It is exhaustive: both splits hold all
 * values^digits rows, at most NYX_SORT_ROWS of them. USAGE. */
enum { NYX_SORT_ROWS = 1 << 20 };
int nyx_sort_make(nyx_dataset *out, int64_t digits, int64_t values) NYX_CHECKED;

/* nyx_dataset_write with `options` (taken) as provenance; `program` is name
 * and version for the history. */
int nyx_tasks_write(const nyx_dataset *dataset, const char *path, const char *program, nyx_json *options) NYX_CHECKED;

#endif
