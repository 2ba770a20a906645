/* matmul_dots -- NT with few rows or columns: rows times rows, nothing packed. */
#include "matmul.h"

enum {
    DOT_ROWS = 4, DOT_COLUMNS = 3, DOT_WIDE = 8,
    FEW_ROWS = 8, FEW_COLUMNS = 12, /* up to here, packing costs more than it saves */
    FEW_ROWS_LONG = 16, LONG = 128  /* so many when rows are long               */
};

bool matmul_is_dots(enum nyx_dtype type, int mode, int64_t rows, int64_t columns, int64_t terms)
{
    return type == NYX_F32 && mode == NYX_MATMUL_NT &&
           (rows <= (terms >= LONG ? FEW_ROWS_LONG : FEW_ROWS) || columns <= FEW_COLUMNS);
}

/* c[i][j] = sum over k of a[i][k] b[j][k], by lanes of k. */
NYX_INLINE void dot_tile(const float *a, const float *b, int64_t terms, const float *bias,
                         float *c, int64_t step, int rows, int columns)
{
    vf      sum[DOT_ROWS][DOT_WIDE];
    int64_t k = 0;

    NYX_UNROLL(4)
    for (int i = 0; i < rows; i++)
        NYX_UNROLL(8)
        for (int j = 0; j < columns; j++)
            sum[i][j] = (vf){ 0 };
    for (; k + NYX_W <= terms; k += NYX_W) {
        vf right[DOT_WIDE];

        NYX_UNROLL(8)
        for (int j = 0; j < columns; j++)
            right[j] = vf_load(b + j * terms + k);
        NYX_UNROLL(4)
        for (int i = 0; i < rows; i++) {
            vf left = vf_load(a + i * terms + k);

            NYX_UNROLL(8)
            for (int j = 0; j < columns; j++)
                sum[i][j] = vf_fma(left, right[j], sum[i][j]);
        }
    }
    NYX_UNROLL(4)
    for (int i = 0; k < terms && i < rows; i++) {
        vf left = vf_load_part(a + i * terms + k, terms - k);

        NYX_UNROLL(8)
        for (int j = 0; j < columns; j++)
            sum[i][j] = vf_fma(left, vf_load_part(b + j * terms + k, terms - k), sum[i][j]);
    }
    NYX_UNROLL(4)
    for (int i = 0; i < rows; i++)
        NYX_UNROLL(8)
        for (int j = 0; j < columns; j++)
            c[i * step + j] = vf_sum(sum[i][j]) + (bias ? bias[j] : 0.0f);
}

/* Columns [n, end) of rows [r, r + rows), `rows` 1 or DOT_ROWS. */
static void dot_columns(const matmul_job *j, int64_t r, int64_t rows, int64_t n, int64_t end)
{
    const float *a = (const float *)j->a + r * j->terms;

    while (n < end) {
        const float *b = (const float *)j->b + n * j->terms, *bias = j->bias ? j->bias + n : NULL;
        float       *c = j->c + r * j->columns + n;
        int64_t      left = end - n;

        if (rows == DOT_ROWS && left >= DOT_COLUMNS) {
            dot_tile(a, b, j->terms, bias, c, j->columns, DOT_ROWS, DOT_COLUMNS);
            n += DOT_COLUMNS;
        } else if (rows == DOT_ROWS) {
            dot_tile(a, b, j->terms, bias, c, j->columns, DOT_ROWS, 1);
            n += 1;
        } else if (left >= DOT_WIDE) {
            dot_tile(a, b, j->terms, bias, c, j->columns, 1, DOT_WIDE);
            n += DOT_WIDE;
        } else {
            dot_tile(a, b, j->terms, bias, c, j->columns, 1, 1);
            n += 1;
        }
    }
}

/* B goes by once: a few of its rows at a time meet all rows of A. */
void matmul_dots(const matmul_job *j, int part, int parts)
{
    int64_t      rows = j->rows < DOT_ROWS ? 1 : DOT_ROWS, step = rows == 1 ? DOT_WIDE : 2 * DOT_COLUMNS;
    matmul_share s = share_of(1, panels(j->rows, rows), j->columns, part, parts);
    int64_t      row = s.row * rows, row_end = least(s.row_end * rows, j->rows);

    step = j->columns <= FEW_COLUMNS ? FEW_COLUMNS : step; /* then it is A that goes by once */
    for (int64_t n = s.column; n < s.column_end; n += step)
        for (int64_t r = row; r < row_end; r += r + rows <= row_end ? rows : 1)
            dot_columns(j, r, r + rows <= row_end ? rows : 1, n, least(n + step, s.column_end));
}
