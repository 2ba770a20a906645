/* matmul_amx -- C = A B of bf16 by the matrix unit of Intel's processors.
 *
 *     A panel                      B panel
 *     2 tiles of 16 rows x 32  *   2 tiles of 32 x 16 columns  ->  4 tiles of sums
 *
 * A tile of A is 16 rows of 32 terms; one of B 16 rows of pairs of terms, 16
 * columns each: TDPBF16PS multiplies both and adds them to a tile of 16 x 16
 * floats, a pair at a time, in order of the terms. Blocks of KC terms are added
 * to C in order. So every element is one sum whose order the shape alone gives.
 * The unit takes subnormal numbers as 0. */
#include "matmul.h"

#define matmul_amx           NYX_ISA_NAME(nyx_cpu__matmul_amx)
#define matmul_amx_workspace NYX_ISA_NAME(nyx_cpu__matmul_amx_workspace)
#define matmul_amx_takes     NYX_ISA_NAME(nyx_cpu__matmul_amx_takes)

#if defined(__AMX_BF16__)

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    SIDE = 32,                /* rows and columns of a panel     */
    TERMS = 32,               /* of a tile                       */
    TILE = 16 * TERMS,        /* numbers: 1 KiB                  */
    STEP = 2 * TILE,          /* of a panel, for TERMS terms     */
    BLOCK = 8 * TERMS,        /* terms summed in tiles at a time */
    A_MOST = 1 << 17,         /* numbers of A packed at once: level 2 */
    B_MOST = 2 << 20
};

typedef uint16_t half;

/* Terms rounded up, panels of A and of B packed at once. */
typedef struct { int64_t steps, rows, columns; } amx_blocking;

static amx_blocking blocking_of(int64_t rows, int64_t columns, int64_t terms)
{
    const int64_t steps = terms > 0 ? panels(terms, TERMS) : 1, panel = steps * STEP;
    const int64_t a = A_MOST / panel, b = B_MOST / panel;

    return (amx_blocking){ steps, least(a > 1 ? a : 1, panels(rows, SIDE)),
                           least(b > 1 ? b : 1, panels(columns, SIDE)) };
}

/* ---- packing ------------------------------------------------------------------- */

/* 16 dwords: pairs of neighbours from `from`, `count` <= 32 halves. */
NYX_INLINE vf pairs_of(const half *from, int64_t count)
{
    const __mmask32 mask = count >= 32 ? 0xffffffffu : (1u << (count > 0 ? count : 0)) - 1u;

    return (vf)_mm512_maskz_loadu_epi16(mask, from);
}

/* 16 dwords: element i of row `low` and, above it, of row `high` (NULL: 0). */
NYX_INLINE vf pairs_across(const half *low, const half *high, int64_t count)
{
    const __mmask16 mask = (__mmask16)(count >= 16 ? 0xffffu : (1u << (count > 0 ? count : 0)) - 1u);
    const __m512i   l = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, low));
    const __m512i   h = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(high ? mask : 0, high ? high : low));

    return (vf)_mm512_or_si512(l, _mm512_slli_epi32(h, 16));
}

/* A tile whose 16 lines are rows of pairs along the terms. Rows lie `step`
 * apart; of them `rows` and of terms `terms` are there. */
NYX_INLINE void tile_of_rows(vf tile[16], const half *from, int64_t step, int64_t rows, int64_t terms)
{
    NYX_UNROLL(16)
    for (int i = 0; i < 16; i++)
        tile[i] = i < rows ? pairs_of(from + i * step, terms) : (vf){ 0 };
}

/* The same out of `terms` rows of `rows`: line p is the pair of terms p. */
NYX_INLINE void tile_of_terms(vf tile[16], const half *from, int64_t step, int64_t rows, int64_t terms)
{
    NYX_UNROLL(16)
    for (int p = 0; p < 16; p++) {
        const half *low = from + 2 * p * step;

        tile[p] = 2 * p < terms ? pairs_across(low, 2 * p + 1 < terms ? low + step : NULL, rows) : (vf){ 0 };
    }
}

/* `count` rows from `row` on of a matrix whose rows, or (across) whose terms,
 * lie one behind the other; lines of the tile are rows, or (across) pairs of
 * terms, when `by_rows`, and the other way round otherwise. */
static void pack_tile(half *to, const half *from, bool across, int64_t step, int64_t rows, int64_t terms, bool by_rows)
{
    vf tile[16];

    if (across)
        tile_of_terms(tile, from, step, rows, terms);
    else
        tile_of_rows(tile, from, step, rows, terms);
    if (across == by_rows)
        vf_transpose(tile);
    NYX_UNROLL(16)
    for (int i = 0; i < 16; i++)
        vf_store((float *)(void *)(to + 32 * i), tile[i]);
}

/* A panel, all terms: [step][tile]. `all`: rows of the matrix. */
static void pack_panel(half *to, const half *data, bool across, int64_t row, int64_t all, int64_t terms, bool by_rows)
{
    for (int64_t k = 0; k < terms; k += TERMS)
        for (int64_t side = 0; side < 2; side++, to += TILE) {
            const int64_t first = row + 16 * side, left = all - first;

            if (left > 0)
                pack_tile(to, across ? data + k * all + first : data + first * terms + k, across,
                          across ? all : terms, left, terms - k, by_rows);
            else
                memset(to, 0, TILE * sizeof *to);
        }
    if (terms <= 0)
        memset(to, 0, STEP * sizeof *to);
}

/* ---- multiplying ------------------------------------------------------------------ */

/* Eight tiles of 16 rows of 64 bytes. */
static void configure(void)
{
    struct {
        uint8_t  palette, start, reserved[14];
        uint16_t bytes[16];
        uint8_t  rows[16];
    } layout = { .palette = 1 };

    for (int i = 0; i < 8; i++) {
        layout.bytes[i] = 64;
        layout.rows[i] = 16;
    }
    _tile_loadconfig(&layout);
}

/* Sums of `steps` times TERMS terms, added to the 32 x 32 of c, or written. */
static void multiply_panels(const half *a, const half *b, int64_t steps, float *c, int64_t step, bool add)
{
    const int64_t stride = step * (int64_t)sizeof *c;

    if (add) {
        _tile_loadd(0, c, stride);
        _tile_loadd(1, c + 16, stride);
        _tile_loadd(2, c + 16 * step, stride);
        _tile_loadd(3, c + 16 * step + 16, stride);
    } else {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    }
    for (int64_t k = 0; k < steps; k++, a += STEP, b += STEP) {
        _tile_loadd(4, a, 64);
        _tile_loadd(6, b, 64);
        _tile_loadd(5, a + TILE, 64);
        _tile_loadd(7, b + TILE, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, c, stride);
    _tile_stored(1, c + 16, stride);
    _tile_stored(2, c + 16 * step, stride);
    _tile_stored(3, c + 16 * step + 16, stride);
}

/* The same where less than a panel's rows and columns are left. */
static void multiply_edge(const half *a, const half *b, int64_t steps, const matmul_target *to)
{
    const int64_t rows = least(to->rows, SIDE), columns = least(to->columns, SIDE);
    float         whole[SIDE * SIDE] __attribute__((aligned(64))) = { 0 };

    for (int64_t i = 0; i < rows && to->add; i++)
        memcpy(whole + i * SIDE, to->c + i * to->step, (size_t)columns * sizeof *whole);
    multiply_panels(a, b, steps, whole, SIDE, to->add);
    for (int64_t i = 0; i < rows; i++)
        memcpy(to->c + i * to->step, whole + i * SIDE, (size_t)columns * sizeof *whole);
}

static void add_bias(const matmul_target *to)
{
    for (int64_t i = 0; i < least(to->rows, SIDE); i++)
        for (int64_t j = 0; j < least(to->columns, SIDE); j++)
            to->c[i * to->step + j] += to->bias[j];
}

/* Panels of A, packed, times panels [first, end) of B, of which `from` is the
 * first that is packed. */
static void multiply_rows(const matmul_job *j, const amx_blocking *by, const half *a, const half *b, int64_t row,
                          int64_t row_end, int64_t from, int64_t first, int64_t end)
{
    for (int64_t k = 0; k < by->steps; k += BLOCK / TERMS)
        for (int64_t panel = first; panel < end; panel++)
            for (int64_t r = row; r < row_end; r++) {
                const int64_t       steps = least(BLOCK / TERMS, by->steps - k), column = panel * SIDE;
                const half         *left = a + ((r - row) * by->steps + k) * STEP;
                const half         *right = b + ((panel - from) * by->steps + k) * STEP;
                const matmul_target to = { j->c + r * SIDE * j->columns + column, j->columns, j->rows - r * SIDE,
                                           j->columns - column, j->bias ? j->bias + column : NULL, k > 0 };

                if (to.rows >= SIDE && to.columns >= SIDE)
                    multiply_panels(left, right, steps, to.c, to.step, to.add);
                else
                    multiply_edge(left, right, steps, &to);
                if (to.bias && k + steps == by->steps)
                    add_bias(&to);
            }
}

static void multiply(const matmul_job *j, nyx_pool *pool, int part, int parts)
{
    const amx_blocking by = blocking_of(j->rows, j->columns, j->terms);
    const int64_t      rows = panels(j->rows, SIDE), columns = panels(j->columns, SIDE), panel = by.steps * STEP;
    half              *b = (half *)(void *)j->workspace, *a = b + (by.columns + part * by.rows) * panel;

    configure();
    for (int64_t from = 0; from < columns; from += by.columns) {
        const int64_t      count = least(by.columns, columns - from);
        const matmul_share s = share_of(1, rows, count, part, parts);
        int64_t            begin, end;

        if (from > 0)
            nyx_pool_barrier(pool);
        nyx_cpu_split(&begin, &end, count, 1, part, parts);
        for (int64_t p = begin; p < end; p++)
            pack_panel(b + p * panel, j->b, j->mode != NYX_MATMUL_NT, (from + p) * SIDE, j->columns, j->terms, false);
        nyx_pool_barrier(pool);
        for (int64_t row = s.row; row < s.row_end && s.column < s.column_end; row += by.rows) {
            const int64_t row_end = least(row + by.rows, s.row_end);

            for (int64_t r = row; r < row_end; r++)
                pack_panel(a + (r - row) * panel, j->a, j->mode == NYX_MATMUL_TN, r * SIDE, j->rows, j->terms, true);
            multiply_rows(j, &by, a, b, row, row_end, from, from + s.column, from + s.column_end);
        }
    }
    _tile_release();
}

/* ---- the kernel ------------------------------------------------------------------------ */

/* Linux gives the unit's registers to a process that asks. */
static bool unit_is_ours(void)
{
    enum { BF16 = 1 << 22, TILES = 1 << 24, ASK_PERMISSION = 0x1023, TILE_DATA = 18 };
    static int   known; /* 1 yes, -1 no */
    unsigned int a, b, c, d = 0;

    if (!known)
        known = __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & BF16) && (d & TILES) &&
                        syscall(SYS_arch_prctl, ASK_PERMISSION, TILE_DATA) == 0
                    ? 1
                    : -1;
    return known > 0;
}

bool matmul_amx_takes(const nyx_graph *g, const nyx_node *node)
{
    return nyx_value_dtype(g, node->inputs[0]) == NYX_BF16 && unit_is_ours();
}

static matmul_job job_of(const nyx_shape *x, int64_t x_elems, const nyx_shape *y, int mode)
{
    const int64_t width = nyx_isa_width(x), rows = x_elems / (width > 0 ? width : 1);
    const bool    tall = mode == NYX_MATMUL_TN;

    return (matmul_job){ .rows = tall ? width : rows, .columns = nyx_isa_width(y),
                         .terms = tall ? rows : width, .mode = mode };
}

int64_t matmul_amx_workspace(const nyx_graph *g, const nyx_node *node, int parts)
{
    const matmul_job   j = job_of(nyx_value_shape(g, node->inputs[0]), nyx_value_elems(g, node->inputs[0]),
                                  nyx_value_shape(g, node->outputs[0]), (int)node->ints[0]);
    const amx_blocking by = blocking_of(j.rows, j.columns, j.terms);

    return (by.columns + parts * by.rows) * by.steps * STEP * (int64_t)sizeof(half);
}

void matmul_amx(const nyx_call *call, int part, int parts)
{
    matmul_job j = job_of(call->in[0].shape, call->in[0].count, call->out[0].shape, (int)call->node->ints[0]);

    j.a = call->in[0].data;
    j.b = call->in[1].data;
    j.bias = call->in[2].data;
    j.c = call->out[0].data;
    j.workspace = call->workspace;
    multiply(&j, call->pool, part, parts);
}

#else /* other instruction sets: a row of the table that takes nothing */

bool matmul_amx_takes(const nyx_graph *g, const nyx_node *node)
{
    (void)g;
    (void)node;
    return false;
}

int64_t matmul_amx_workspace(const nyx_graph *g, const nyx_node *node, int parts)
{
    (void)g;
    (void)node;
    return parts < 0;
}

void matmul_amx(const nyx_call *call, int part, int parts)
{
    (void)call;
    (void)part;
    (void)parts;
}

#endif
