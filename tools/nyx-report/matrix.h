/* matrix -- the tensors of a report as blocks and their parts. */
#ifndef NYX_REPORT_MATRIX_H
#define NYX_REPORT_MATRIX_H

#include "set.h"

/* "H.0.attn.out" is the part "attn.out" of the block "H.0"; a name without a
 * number stands outside of all blocks. */
typedef struct {
    const nyx_json *json;
    const char     *name;
    size_t          block; /* letters of the block; 0: none */
} tensor;

enum { PARTS_MOST = 24 };

typedef struct {
    tensor     *tensors; /* in the order of blocks */
    int64_t     count;
    const char *parts[PARTS_MOST];
    int         part_count;
    bool        uniform; /* one format for all that are coded */
} matrix;

/* Out of the array result.tensors; ends with nyx_free(tensors). False: memory ran out. */
bool        matrix_make(matrix *m, const nyx_json *tensors) NYX_CHECKED;
bool        tensor_coded(const tensor *t);
const char *tensor_part(const tensor *t); /* of one in a block */
bool        tensor_same_block(const tensor *a, const tensor *b);
/* Root of the mean squared error over that of the weights, in percent; NaN when nothing is coded. */
double      tensor_error(const tensor *t);
void        matrix_range(const matrix *m, double *least, double *most); /* of these errors */

#endif
