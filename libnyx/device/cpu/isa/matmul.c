/* matmul -- C = A B in f32 for the three modes of NYX_OP_MATMUL.
 *
 * The scheme of Goto and van de Geijn ("Anatomy of high-performance matrix
 * multiplication", 2008): B is packed into panels of NR columns and shared by
 * all threads, A into panels of MR rows that stay in the level 2 cache, and a
 * register tile of MR x NR sums over one block of KC terms:
 *
 *     A panel          B panel
 *     MR rows x KC  *  KC x NR columns  ->  MR x NR accumulators
 *
 * Every element is a sum of blocks of KC terms, each in order of k by fused
 * multiply-add, the blocks added in order: threads and blocking of rows and
 * columns never change a bit.
 *
 * The tall mode (TN: the gradient of a weight) sums over rows, of which there
 * are many; both operands are packed a block at a time by all threads, two
 * buffers in turn, and where the result is too small to occupy many threads
 * the rows are cut in slices whose sums are added at the end. The number of
 * slices depends on the shape alone.
 */
#include "isa.h"
#include "simd.h"

#if NYX_W == 16
enum { MR = 12, NV = 2 }; // 24 accumulators of 32 registers
#elif defined(__aarch64__)
enum { MR = 6, NV = 4 };  // 24 of 32
#else
enum { MR = 6, NV = 2 };  // 12 of 16
#endif

enum {
    NR = NV * NYX_W,
    KC = 256,
    TERMS_AT_ONCE = 16,          /* packed of all panels in turn: level 1     */
    MC = 16 * MR,                /* rows packed at once: MC x KC in level 2   */
    A_STEP = KC + 16,            /* packed rows do not share a cache set      */
    B_MOST = 2 << 20,            /* floats of B packed at once: level 3       */
    DOT_ROWS = 4, DOT_COLUMNS = 3, DOT_WIDE = 8,
    FEW_ROWS = 8, FEW_COLUMNS = 12, /* up to here, packing costs more than it saves */
    FEW_ROWS_LONG = 16, LONG = 128  /* so many when rows are long               */
};

typedef struct {
    int64_t rows, columns, terms; // C [rows, columns], sums of `terms`
    int     mode;
    const float *a, *b, *bias;
    float       *c;
    float       *workspace;
} job;

/* Share of one thread: rows of panels and columns of panels. */
typedef struct {
    int64_t row, row_end, column, column_end, slice, slice_end;
} share;

static int64_t panels(int64_t count, int64_t of)
{
    return (count + of - 1) / of;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Cut `slices` x `rows` x `columns` among the threads so that the largest
 * share is smallest; columns are cut last, for every cut packs A again. */
static share share_of(int64_t slices, int64_t rows, int64_t columns, int part, int parts)
{
    int64_t best = INT64_MAX;
    int     by_slice = 1, by_row = 1, by_column = 1, at;
    share   s = { 0 };

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

/* ---- the register tile ------------------------------------------------------- */

/* Sum over k of a[row * row_step + k * k_step] * b[k * b_step ..]; the steps,
 * unless B lies as it came, are constants once inlined. */
NYX_INLINE void tile_sum(vf sum[MR][NV], const float *a, int64_t row_step, int64_t k_step,
                         const float *b, int64_t b_step, int64_t terms)
{
    NYX_UNROLL(12)
    for (int i = 0; i < MR; i++)
        NYX_UNROLL(4)
        for (int j = 0; j < NV; j++)
            sum[i][j] = (vf){ 0 };
    NYX_UNROLL(4)
    for (int64_t k = 0; k < terms; k++, a += k_step, b += b_step) {
        vf right[NV];

        NYX_UNROLL(4)
        for (int j = 0; j < NV; j++)
            right[j] = vf_load(b + j * NYX_W);
        NYX_UNROLL(12)
        for (int i = 0; i < MR; i++) {
            vf left = vf_all(a[i * row_step]);

            NYX_UNROLL(4)
            for (int j = 0; j < NV; j++)
                sum[i][j] = vf_fma(left, right[j], sum[i][j]);
        }
    }
}

/* Where a tile goes: the first block of terms is written (plus bias), later
 * ones are added. Rows and columns that are left, perhaps more than a tile. */
typedef struct {
    float       *c;
    int64_t      step, rows, columns;
    const float *bias;
    bool         add;
} target;

NYX_INLINE void tile_write(vf sum[MR][NV], const target *to)
{
    NYX_UNROLL(12)
    for (int i = 0; i < MR; i++) {
        float *c = to->c + i * to->step;

        NYX_UNROLL(4)
        for (int j = 0; j < NV; j++) {
            vf x = sum[i][j];

            if (to->add)
                x = vf_load(c + j * NYX_W) + x;
            if (to->bias)
                x += vf_load(to->bias + j * NYX_W);
            vf_store(c + j * NYX_W, x);
        }
    }
}

/* A tile that reaches over the edge goes through a full one on the stack. */
static void tile_write_part(const float *whole, const target *to)
{
    for (int64_t i = 0; i < least(to->rows, MR); i++)
        for (int64_t j = 0; j < least(to->columns, NR); j++) {
            float *c = to->c + i * to->step + j;
            float  x = whole[i * NR + j];

            if (to->add)
                x = *c + x;
            if (to->bias)
                x += to->bias[j];
            *c = x;
        }
}

NYX_INLINE void tile(const float *a, int64_t row_step, int64_t k_step, const float *b,
                     int64_t b_step, int64_t terms, const target *to)
{
    vf sum[MR][NV];

    tile_sum(sum, a, row_step, k_step, b, b_step, terms);
    if (to->rows >= MR && to->columns >= NR) {
        tile_write(sum, to);
    } else {
        float  whole[MR * NR];
        target all = { whole, NR, MR, NR, NULL, false };

        tile_write(sum, &all);
        tile_write_part(whole, to);
    }
}

/* A packed in rows of A_STEP, or in columns of MR. */
static void tile_rows(const float *a, const float *b, int64_t terms, const target *to)
{
    tile(a, A_STEP, 1, b, NR, terms, to);
}

static void tile_columns(const float *a, const float *b, int64_t terms, const target *to)
{
    tile(a, 1, MR, b, NR, terms, to);
}

static void tile_unpacked(const float *a, const float *b, int64_t b_step, int64_t terms, const target *to)
{
    tile(a, A_STEP, 1, b, b_step, terms, to);
}

/* ---- packing ------------------------------------------------------------------ */

/* `rows` rows of `terms` floats, zero rows up to a multiple of MR. */
static void pack_rows(float *to, const float *from, int64_t step, int64_t rows, int64_t terms)
{
    int64_t i = 0;

    for (; i < rows; i++)
        memcpy(to + i * A_STEP, from + i * step, (size_t)terms * sizeof *to);
    for (; i % MR; i++)
        memset(to + i * A_STEP, 0, (size_t)terms * sizeof *to);
}

/* A panel of `width` columns: `count` of them from rows of `from`, zeros
 * behind: to[k * width + j] = from[k * step + j]. */
NYX_INLINE void pack_straight(float *to, int64_t width, const float *from, int64_t step,
                              int64_t count, int64_t terms)
{
    if (count == width) {
        for (int64_t k = 0; k < terms; k++)
            memcpy(to + k * width, from + k * step, (size_t)width * sizeof *to);
        return;
    }
    memset(to, 0, (size_t)(terms * width) * sizeof *to);
    for (int64_t k = 0; k < terms; k++)
        for (int64_t j = 0; j < count; j++)
            to[k * width + j] = from[k * step + j];
}

/* The same from a transposed matrix: to[k * NR + j] = from[j * step + k]. */
static void pack_turned(float *to, const float *from, int64_t step, int64_t count, int64_t terms)
{
    if (count < NR)
        memset(to, 0, (size_t)(terms * NR) * sizeof *to);
    for (int64_t j = 0; j < count; j += NYX_W) {
        int64_t k = 0;

        for (; j + NYX_W <= count && k + NYX_W <= terms; k += NYX_W) {
            vf block[NYX_W];

            NYX_UNROLL(16)
            for (int i = 0; i < NYX_W; i++)
                block[i] = vf_load(from + (j + i) * step + k);
            vf_transpose(block);
            NYX_UNROLL(16)
            for (int i = 0; i < NYX_W; i++)
                vf_store(to + (k + i) * NR + j, block[i]);
        }
        for (; k < terms; k++)
            for (int64_t i = j; i < j + NYX_W && i < count; i++)
                to[k * NR + i] = from[i * step + k];
    }
}

/* ---- NT and NN: few columns of B, many rows of A ------------------------------- */

static int64_t columns_at_once(int64_t columns, int64_t terms)
{
    int64_t most = B_MOST / (terms > 0 ? terms : 1) / NR;

    return least(panels(columns, NR), most > 1 ? most : 1);
}

static int64_t rows_workspace(int64_t columns, int64_t terms, int parts)
{
    return columns_at_once(columns, terms) * NR * terms + (int64_t)parts * MC * A_STEP;
}

/* Rows of B that meet a tile of A or two are not worth a copy: whole panels of
 * NN are read where they lie. The sums are the same. */
static bool is_direct(const job *j, int64_t column)
{
    return j->mode == NYX_MATMUL_NN && j->rows <= 2 * MR && column + NR <= j->columns;
}

/* Panels [first, first + count) of B, all terms: blocks of KC, each with all
 * its panels. This thread packs its part of them. */
static void pack_b(const job *j, float *to, int64_t first, int64_t count, int part, int parts)
{
    int64_t blocks = panels(j->terms, KC), begin, end;

    nyx_cpu_split(&begin, &end, blocks * count, 1, part, parts);
    for (int64_t at = begin; at < end; at++) {
        int64_t k = at / count * KC, panel = at % count;
        int64_t terms = least(KC, j->terms - k);
        int64_t column = (first + panel) * NR, width = least(NR, j->columns - column);
        float  *place = to + k * count * NR + panel * terms * NR;

        if (is_direct(j, column))
            continue;
        if (j->mode == NYX_MATMUL_NT)
            pack_turned(place, j->b + column * j->terms + k, j->terms, width, terms);
        else
            pack_straight(place, NR, j->b + k * j->columns + column, j->columns, width, terms);
    }
}

/* Rows [row, row + rows) of C for panels of B [s->column, s->column_end) of
 * `count` that start at panel `first`. */
static void rows_block(const job *j, float *a, const float *b, int64_t first, int64_t count,
                       const share *s, int64_t row, int64_t rows)
{
    for (int64_t k = 0; k < j->terms; k += KC) {
        int64_t terms = least(KC, j->terms - k);

        pack_rows(a, j->a + row * j->terms + k, j->terms, rows, terms);
        for (int64_t panel = s->column; panel < s->column_end; panel++) {
            int64_t column = (first + panel) * NR;
            bool    as_it_lies = is_direct(j, column);

            for (int64_t i = 0; i < rows; i += MR) {
                target to = { j->c + (row + i) * j->columns + column, j->columns, rows - i,
                              j->columns - column, k == 0 && j->bias ? j->bias + column : NULL,
                              k > 0 };

                if (as_it_lies)
                    tile_unpacked(a + i * A_STEP, j->b + k * j->columns + column, j->columns, terms, &to);
                else
                    tile_rows(a + i * A_STEP, b + k * count * NR + panel * terms * NR, terms, &to);
            }
        }
    }
}

static void multiply_rows(const job *j, nyx_pool *pool, int part, int parts)
{
    int64_t total = panels(j->columns, NR), at_once = columns_at_once(j->columns, j->terms);
    float  *b = j->workspace;
    float  *a = b + at_once * NR * j->terms + (int64_t)part * MC * A_STEP;

    for (int64_t first = 0; first < total; first += at_once) {
        int64_t count = least(at_once, total - first);
        share   s = share_of(1, panels(j->rows, MR), count, part, parts);
        int64_t row_end = least(s.row_end * MR, j->rows);

        if (first > 0)
            nyx_pool_barrier(pool);
        pack_b(j, b, first, count, part, parts);
        nyx_pool_barrier(pool);
        for (int64_t row = s.row * MR; row < row_end; row += MC)
            rows_block(j, a, b, first, count, &s, row, least(MC, row_end - row));
    }
}

/* ---- NT with few rows or columns: rows times rows, nothing packed --------------- */

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
static void dot_columns(const job *j, int64_t r, int64_t rows, int64_t n, int64_t end)
{
    const float *a = j->a + r * j->terms;

    while (n < end) {
        const float *b = j->b + n * j->terms, *bias = j->bias ? j->bias + n : NULL;
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
static void multiply_dots(const job *j, int part, int parts)
{
    int64_t rows = j->rows < DOT_ROWS ? 1 : DOT_ROWS, step = rows == 1 ? DOT_WIDE : 2 * DOT_COLUMNS;
    share   s = share_of(1, panels(j->rows, rows), j->columns, part, parts);
    int64_t row = s.row * rows, row_end = least(s.row_end * rows, j->rows);

    step = j->columns <= FEW_COLUMNS ? FEW_COLUMNS : step; /* then it is A that goes by once */
    for (int64_t n = s.column; n < s.column_end; n += step)
        for (int64_t r = row; r < row_end; r += r + rows <= row_end ? rows : 1)
            dot_columns(j, r, r + rows <= row_end ? rows : 1, n, least(n + step, s.column_end));
}

/* ---- TN: sums over many rows ------------------------------------------------------ */

/* Slices give every thread of a large machine work for a small result. */
static int64_t slice_count(int64_t rows, int64_t columns, int64_t terms)
{
    int64_t tiles = panels(rows, MR) * panels(columns, NR);
    int64_t wanted = panels(512, tiles > 0 ? tiles : 1), most = terms / (4 * KC);

    wanted = least(wanted, 8);
    return wanted < most ? wanted : most > 1 ? most : 1;
}

static int64_t tall_block(int64_t rows, int64_t columns)
{
    return KC * (panels(rows, MR) * MR + panels(columns, NR) * NR);
}

static int64_t tall_workspace(int64_t rows, int64_t columns, int64_t terms)
{
    int64_t slices = slice_count(rows, columns, terms);

    return slices * (2 * tall_block(rows, columns) + (slices > 1 ? rows * columns : 0));
}

/* Terms [k, k + terms) of panel `at` of both operands, behind `done` terms. */
static void pack_tall(const job *j, float *to, int64_t at, int64_t k, int64_t done, int64_t terms)
{
    int64_t a_panels = panels(j->rows, MR), first;

    if (at < a_panels) {
        first = at * MR;
        pack_straight(to + first * KC + done * MR, MR, j->a + k * j->rows + first, j->rows,
                      least(MR, j->rows - first), terms);
    } else {
        first = (at - a_panels) * NR;
        pack_straight(to + (a_panels * MR + first) * KC + done * NR, NR, j->b + k * j->columns + first,
                      j->columns, least(NR, j->columns - first), terms);
    }
}

/* Panels [begin, end) over all slices, of the block at `k` of each. A few terms
 * at a time, so that lines which panels share are read once. */
static void pack_block(const job *j, float *packed, int64_t begin, int64_t end, int64_t length, int64_t k)
{
    const int64_t count = panels(j->rows, MR) + panels(j->columns, NR), size = tall_block(j->rows, j->columns);

    for (int64_t done = 0; done < KC; done += TERMS_AT_ONCE)
        for (int64_t at = begin; at < end; at++) {
            int64_t slice = at / count, from = slice * length + k + done;

            if (from < j->terms)
                pack_tall(j, packed + slice * size, at % count, from, done, least(TERMS_AT_ONCE, j->terms - from));
        }
}

static void tall_tiles(const job *j, const share *s, const float *packed, float *c, int64_t terms,
                       bool add)
{
    const float *b = packed + panels(j->rows, MR) * MR * KC;

    for (int64_t row = s->row; row < s->row_end; row += MC / MR)
        for (int64_t panel = s->column; panel < s->column_end; panel++)
            for (int64_t i = row; i < least(row + MC / MR, s->row_end); i++) {
                target to = { c + i * MR * j->columns + panel * NR, j->columns, j->rows - i * MR,
                              j->columns - panel * NR, NULL, add };

                tile_columns(packed + i * MR * KC, b + panel * NR * KC, terms, &to);
            }
}

static void add_slices(const job *j, const float *sums, int64_t slices, int part, int parts)
{
    int64_t begin, end, count = j->rows * j->columns;

    nyx_cpu_split(&begin, &end, count, 64, part, parts);
    for (int64_t i = begin; i < end; i++) {
        float x = sums[i];

        for (int64_t s = 1; s < slices; s++)
            x += sums[s * count + i];
        j->c[i] = x;
    }
}

static void multiply_tall(const job *j, nyx_pool *pool, int part, int parts)
{
    int64_t slices = slice_count(j->rows, j->columns, j->terms);
    int64_t size = tall_block(j->rows, j->columns), count = j->rows * j->columns;
    int64_t a_panels = panels(j->rows, MR), b_panels = panels(j->columns, NR);
    int64_t length = panels(panels(j->terms, slices), KC) * KC, begin, end;
    float  *sums = slices > 1 ? j->workspace + 2 * slices * size : j->c;
    share   s = share_of(slices, a_panels, b_panels, part, parts);

    nyx_cpu_split(&begin, &end, slices * (a_panels + b_panels), 1, part, parts);
    for (int64_t k = 0; k < length; k += KC) {
        float *packed = j->workspace + (k / KC % 2) * slices * size;

        pack_block(j, packed, begin, end, length, k);
        nyx_pool_barrier(pool);
        for (int64_t slice = s.slice; slice < s.slice_end; slice++) {
            int64_t from = slice * length + k;

            if (from < j->terms || k == 0)
                tall_tiles(j, &s, packed + slice * size, sums + slice * count,
                           from < j->terms ? least(KC, j->terms - from) : 0, k > 0);
        }
    }
    if (slices > 1) {
        nyx_pool_barrier(pool);
        add_slices(j, sums, slices, part, parts);
    }
}

/* ---- the kernel --------------------------------------------------------------------- */

static bool is_dots(int mode, int64_t rows, int64_t columns, int64_t terms)
{
    return mode == NYX_MATMUL_NT &&
           (rows <= (terms >= LONG ? FEW_ROWS_LONG : FEW_ROWS) || columns <= FEW_COLUMNS);
}

int64_t NYX_ISA_NAME(nyx_cpu__matmul_workspace)(const nyx_graph *g, const nyx_node *node, int parts)
{
    const nyx_shape *x = nyx_value_shape(g, node->inputs[0]);
    const nyx_shape *y = nyx_value_shape(g, node->outputs[0]);
    int64_t          width = nyx_isa_width(x), rows = nyx_value_elems(g, node->inputs[0]) / (width > 0 ? width : 1);
    int              mode = (int)node->ints[0];
    int64_t          floats;

    if (mode == NYX_MATMUL_TN)
        floats = tall_workspace(width, nyx_isa_width(y), rows);
    else if (is_dots(mode, rows, nyx_isa_width(y), width))
        floats = 0;
    else
        floats = rows_workspace(nyx_isa_width(y), width, parts);
    return floats * (int64_t)sizeof(float);
}

void NYX_ISA_NAME(nyx_cpu__matmul)(const nyx_call *call, int part, int parts)
{
    int64_t width = nyx_isa_width(call->in[0].shape);
    int64_t rows = call->in[0].count / (width > 0 ? width : 1);
    job     j = { rows, nyx_isa_width(call->out[0].shape), width, (int)call->node->ints[0],
                  call->in[0].data, call->in[1].data, call->in[2].data, call->out[0].data,
                  call->workspace };

    if (j.mode == NYX_MATMUL_TN) {
        j.rows = width;
        j.terms = rows;
        multiply_tall(&j, call->pool, part, parts);
    } else if (is_dots(j.mode, rows, j.columns, j.terms)) {
        multiply_dots(&j, part, parts);
    } else {
        multiply_rows(&j, call->pool, part, parts);
    }
}
