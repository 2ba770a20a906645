/* small -- products of matrices that fit in a core's own cache: attention.
 *
 * One thread, nothing packed here; the caller lays matrices out in rows padded
 * to whole vectors, or B in the panels that small_pack_turned makes:
 *
 *     vectors 0 1 2 | 3 4      `vectors` of a row cut in panels of at most
 *     panel 0       | panel 1  SMALL_PANEL, as evenly as they go
 *
 * Every element of C is one sum in order of k by fused multiply-add.
 */
#ifndef NYX_CPU_SMALL_H
#define NYX_CPU_SMALL_H

#include "isa.h"
#include "simd.h"

#if NYX_W == 16
enum { SMALL_ROWS = 8, SMALL_PANEL = 3 };
#elif defined(NYX_ISA_neon)
enum { SMALL_ROWS = 6, SMALL_PANEL = 4 };
#else
enum { SMALL_ROWS = 6, SMALL_PANEL = 2 };
#endif

/* C [rows, vectors W] (+)= A [rows, terms] B [terms, vectors W]. A's element
 * (i, k) is a[i * a_row + k * a_term], one of the steps being 1. B in rows
 * `b_step` apart, or in panels when b_step is 0. Only the panels that touch
 * the first `used` vectors are computed. */
typedef struct {
    const float *a;
    int64_t      a_row, a_term;
    const float *b;
    int64_t      b_step;
    float       *c;
    int64_t      c_step;
    int64_t      rows, vectors, used, terms;
    bool         add;
} small_product;

NYX_INLINE int64_t small_panels(int64_t vectors)
{
    return (vectors + SMALL_PANEL - 1) / SMALL_PANEL;
}

NYX_INLINE int64_t small_panel_start(int64_t vectors, int64_t panel)
{
    return vectors * panel / small_panels(vectors);
}

/* Rows and vectors are constants once inlined. */
NYX_INLINE void small_tile(int rows, int vectors, const float *a, int64_t a_row, int64_t a_term,
                           const float *b, int64_t b_step, int64_t terms, float *c, int64_t c_step,
                           bool add)
{
    vf sum[SMALL_ROWS][SMALL_PANEL];

    NYX_UNROLL(8)
    for (int i = 0; i < rows; i++)
        NYX_UNROLL(4)
        for (int j = 0; j < vectors; j++)
            sum[i][j] = add ? vf_load(c + i * c_step + j * NYX_W) : (vf){ 0 };
    for (int64_t k = 0; k < terms; k++, a += a_term, b += b_step) {
        vf right[SMALL_PANEL];

        NYX_UNROLL(4)
        for (int j = 0; j < vectors; j++)
            right[j] = vf_load(b + j * NYX_W);
        NYX_UNROLL(8)
        for (int i = 0; i < rows; i++) {
            vf left = vf_all(a[i * a_row]);

            NYX_UNROLL(4)
            for (int j = 0; j < vectors; j++)
                sum[i][j] = vf_fma(left, right[j], sum[i][j]);
        }
    }
    NYX_UNROLL(8)
    for (int i = 0; i < rows; i++)
        NYX_UNROLL(4)
        for (int j = 0; j < vectors; j++)
            vf_store(c + i * c_step + j * NYX_W, sum[i][j]);
}

NYX_INLINE void small_tile_rows(int rows, int64_t vectors, const float *a, int64_t a_row, int64_t a_term,
                                const float *b, int64_t b_step, int64_t terms, float *c,
                                int64_t c_step, bool add)
{
    if (vectors == 1)
        small_tile(rows, 1, a, a_row, a_term, b, b_step, terms, c, c_step, add);
    else if (vectors == 2)
        small_tile(rows, 2, a, a_row, a_term, b, b_step, terms, c, c_step, add);
#if NYX_W == 16 || defined(NYX_ISA_neon)
    else if (vectors == 3)
        small_tile(rows, 3, a, a_row, a_term, b, b_step, terms, c, c_step, add);
    else
        small_tile(rows, SMALL_PANEL, a, a_row, a_term, b, b_step, terms, c, c_step, add);
#endif
}

NYX_INLINE void small_tile_any(int64_t rows, int64_t vectors, const float *a, int64_t a_row,
                               int64_t a_term, const float *b, int64_t b_step, int64_t terms,
                               float *c, int64_t c_step, bool add)
{
    switch (rows) {
    case 1: small_tile_rows(1, vectors, a, a_row, a_term, b, b_step, terms, c, c_step, add); break;
    case 2: small_tile_rows(2, vectors, a, a_row, a_term, b, b_step, terms, c, c_step, add); break;
    case 3: small_tile_rows(3, vectors, a, a_row, a_term, b, b_step, terms, c, c_step, add); break;
    case 4: small_tile_rows(4, vectors, a, a_row, a_term, b, b_step, terms, c, c_step, add); break;
    case 5: small_tile_rows(5, vectors, a, a_row, a_term, b, b_step, terms, c, c_step, add); break;
    case 6: small_tile_rows(6, vectors, a, a_row, a_term, b, b_step, terms, c, c_step, add); break;
#if NYX_W == 16
    case 7: small_tile_rows(7, vectors, a, a_row, a_term, b, b_step, terms, c, c_step, add); break;
    default: small_tile_rows(8, vectors, a, a_row, a_term, b, b_step, terms, c, c_step, add); break;
#endif
    }
}

/* Blocks of rows are as even as they go, so that 37 rows are not 36 and 1. */
static void small_multiply(const small_product *p)
{
    const int64_t blocks = (p->rows + SMALL_ROWS - 1) / SMALL_ROWS;
    const bool    by_rows = p->a_term == 1;

    for (int64_t panel = 0; panel < small_panels(p->vectors); panel++) {
        const int64_t first = small_panel_start(p->vectors, panel);
        const int64_t vectors = small_panel_start(p->vectors, panel + 1) - first;
        const float  *b = p->b + first * NYX_W * (p->b_step ? 1 : p->terms);
        const int64_t b_step = p->b_step ? p->b_step : vectors * NYX_W;

        if (first >= p->used)
            return;
        for (int64_t block = 0; block < blocks; block++) {
            const int64_t row = p->rows * block / blocks;
            const int64_t rows = p->rows * (block + 1) / blocks - row;
            float        *c = p->c + row * p->c_step + first * NYX_W;

            if (by_rows)
                small_tile_any(rows, vectors, p->a + row * p->a_row, p->a_row, 1, b, b_step,
                               p->terms, c, p->c_step, p->add);
            else
                small_tile_any(rows, vectors, p->a + row, 1, p->a_term, b, b_step, p->terms, c,
                               p->c_step, p->add);
        }
    }
}

/* Rows of `width` floats, `step` apart, times `scale`, to rows of `wide`,
 * zeros behind. */
NYX_INLINE void small_copy(float *to, int64_t wide, const float *from, int64_t step, int64_t rows,
                           int64_t width, float scale)
{
    for (int64_t i = 0; i < rows; i++) {
        int64_t j = 0;

        for (; j + NYX_W <= width; j += NYX_W)
            vf_store(to + i * wide + j, vf_load(from + i * step + j) * scale);
        for (; j < wide; j++)
            to[i * wide + j] = j < width ? from[i * step + j] * scale : 0.0f;
    }
}

/* One vector of columns: to[k * wide + i] = from[i * step + k], i < rows <= W,
 * zeros behind. */
NYX_INLINE void small_turn(float *to, int64_t wide, const float *from, int64_t step, int64_t rows,
                           int64_t width)
{
    int64_t k = 0;

    for (; k + NYX_W <= width; k += NYX_W) {
        vf block[NYX_W];

        NYX_UNROLL(16)
        for (int i = 0; i < NYX_W; i++)
            block[i] = i < rows ? vf_load(from + i * step + k) : (vf){ 0 };
        vf_transpose(block);
        NYX_UNROLL(16)
        for (int i = 0; i < NYX_W; i++)
            vf_store(to + (k + i) * wide, block[i]);
    }
    for (; k < width; k++)
        for (int64_t i = 0; i < NYX_W; i++)
            to[k * wide + i] = i < rows ? from[i * step + k] : 0.0f;
}

/* B = the transpose of `rows` rows of `width`, in panels of `vectors`. */
static void small_pack_turned(float *to, int64_t vectors, const float *from, int64_t step,
                              int64_t rows, int64_t width)
{
    for (int64_t panel = 0; panel < small_panels(vectors); panel++) {
        const int64_t first = small_panel_start(vectors, panel);
        const int64_t end = small_panel_start(vectors, panel + 1);

        for (int64_t v = first; v < end; v++) {
            const int64_t row = v * NYX_W, left = rows - row;

            small_turn(to + first * NYX_W * width + (v - first) * NYX_W, (end - first) * NYX_W,
                       from + row * step, step, left < NYX_W ? left : NYX_W, width);
        }
    }
}

#endif
