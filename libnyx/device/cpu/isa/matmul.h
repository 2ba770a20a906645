/* matmul -- what the sources of the product of matrices share: the tile of C
 * that is summed in registers, the panels it reads, the dot products. Panels
 * are f32; operands of f16 and bf16 are decoded while they are packed. */
#ifndef NYX_CPU_MATMUL_H
#define NYX_CPU_MATMUL_H

#include "half.h"
#include "isa.h"

#if NYX_W == 16
enum { MR = 12, NV = 2 }; // 24 accumulators of 32 registers
#elif defined(NYX_ISA_neon)
enum { MR = 6, NV = 4 };  // 24 of 32
#else
enum { MR = 6, NV = 2 };  // 12 of 16
#endif

enum {
    NR = NV * NYX_W,
    KC = 256,
    A_PANEL = KC * MR + NYX_W /* floats; panels do not share a cache set, and rows that */
                              /* are stored whole may reach over the end                */
};

typedef struct {
    int64_t rows, columns, terms; // C [rows, columns], sums of `terms`
    int     mode;                 // of enum nyx_matmul_mode
    enum nyx_dtype type;          // of A and B
    const void    *a, *b;
    const float   *bias;
    float         *c;
    float         *workspace;
} matmul_job;

/* Where a tile goes: the first block of terms is written (plus bias), later
 * ones are added. Rows and columns that are left, perhaps more than a tile. */
typedef struct {
    float       *c;
    int64_t      step, rows, columns;
    const float *bias;
    bool         add;
} matmul_target;

#define matmul_tile        NYX_ISA_NAME(nyx_cpu__matmul_tile)
#define matmul_pack_rows   NYX_ISA_NAME(nyx_cpu__matmul_pack_rows)
#define matmul_pack_across NYX_ISA_NAME(nyx_cpu__matmul_pack_across)
#define matmul_pack_b      NYX_ISA_NAME(nyx_cpu__matmul_pack_b)
#define matmul_is_dots     NYX_ISA_NAME(nyx_cpu__matmul_is_dots)
#define matmul_dots        NYX_ISA_NAME(nyx_cpu__matmul_dots)

/* C (+)= a panel of A, [terms][MR], times a panel of B, rows of NR columns that
 * are `b_step` apart. `soon`: memory that will be read next, fetched into the
 * caches meanwhile. */
void matmul_tile(const float *a, const float *b, int64_t b_step, int64_t terms, const matmul_target *to,
                 const float *soon);
enum { MATMUL_SOON = KC / 8 * 16 }; /* floats of it */

/* Panels of A, A_PANEL apart, out of rows that are `step` apart: `rows` rows of
 * `terms`, or (across) `terms` rows of `rows`. Rows that are missing are 0. */
void matmul_pack_rows(float *to, enum nyx_dtype type, const void *from, int64_t step, int64_t rows, int64_t terms);
void matmul_pack_across(float *to, enum nyx_dtype type, const void *from, int64_t step, int64_t rows, int64_t terms);
/* A panel [terms][NR] of B from its row or (NT) column `from`; columns behind
 * `columns` are 0. */
void matmul_pack_b(float *to, enum nyx_dtype type, const void *from, int64_t step, int64_t columns, int64_t terms,
                   bool turned);

/* NT of f32 with few rows or columns: nothing is packed. */
bool matmul_is_dots(enum nyx_dtype type, int mode, int64_t rows, int64_t columns, int64_t terms);
void matmul_dots(const matmul_job *j, int part, int parts);

typedef struct {
    int64_t row, row_end, column, column_end, slice, slice_end;
} matmul_share;

NYX_INLINE int64_t panels(int64_t count, int64_t of)
{
    return (count + of - 1) / of;
}

NYX_INLINE int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Cut `slices` x `rows` x `columns` among the threads so that the largest
 * share is smallest; columns are cut last, for every cut packs A again. */
NYX_INLINE matmul_share share_of(int64_t slices, int64_t rows, int64_t columns, int part, int parts)
{
    int64_t      best = INT64_MAX;
    int          by_slice = 1, by_row = 1, by_column = 1, at;
    matmul_share s = { 0 };

    for (int i = 1; i <= parts && i <= slices; i++)
        for (int j = 1; i * j <= parts && j <= rows; j++) {
            int     k = parts / (i * j);
            int64_t most = panels(slices, i) * panels(rows, j) * (panels(columns, k) + 1);

            if (most < best) {
                best = most;
                by_slice = i;
                by_row = j;
                by_column = k;
            }
        }
    if (part >= by_slice * by_row * by_column)
        return s;
    at = part / (by_row * by_column);
    s.slice = slices * at / by_slice;
    s.slice_end = slices * (at + 1) / by_slice;
    at = part / by_column % by_row;
    s.row = rows * at / by_row;
    s.row_end = rows * (at + 1) / by_row;
    at = part % by_column;
    s.column = columns * at / by_column;
    s.column_end = columns * (at + 1) / by_column;
    return s;
}

#endif
