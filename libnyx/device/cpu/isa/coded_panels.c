/* coded_panels -- many rows times coded weights: blocks of weights are decoded
 * into panels of NR columns that stay in the level 2 cache, and a register
 * tile of MR x NR runs over them as in matmul.c.
 *
 *     rows of x, in the kernels' order   panel: weights of NR rows, turned
 *     MR rows x KC                     * KC x NR columns
 *
 * Each thread has columns of its own. An element is a sum of blocks of KC
 * terms, each in order by fused multiply-add, the blocks added in order.
 */
#include "coded.h"

#if NYX_W == 16
enum { MR = 12, NV = 2 };
#elif defined(NYX_ISA_neon)
enum { MR = 6, NV = 4 };
#else
enum { MR = 6, NV = 2 };
#endif

enum {
    NR = NV * NYX_W, KC = 256, MC = 480, /* rows at a time: MC x KC in level 2 */
    STEPS = KC / CODED_BLOCK + NYX_W,    /* room for the numbers of a block's steps */
    TURN = KC + NYX_W                    /* rows of decoded weights do not share a cache set */
};

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* ---- decoding -------------------------------------------------------------------- */

/* Units [unit, unit + count) of one row of weights, scaled, into `to`. */
NYX_INLINE void decode_units(float *to, enum coded_kind kind, const coded_source *s, const uint8_t *row,
                             const coded_steps *steps, int64_t unit, int64_t count)
{
    const int     vectors = coded_vectors(kind), rounds = coded_rounds(kind);
    const int64_t blocks = coded_is_wide(kind) ? 1 : vectors * rounds * NYX_W / CODED_BLOCK;
    const int64_t low = kind == CODED_INT3 ? s->layout.top_offset : s->layout.codes_row_bytes;

    for (int64_t u = 0; u < count; u++) {
        const int64_t at = (unit + u) * s->unit_bytes, top_at = s->layout.top_offset + (unit + u) * 2 * NYX_W;
        const bool    whole = at + s->unit_bytes <= low;
        uint8_t       codes[4 * NYX_W > 2 * CODED_BLOCK ? 4 * NYX_W : 2 * CODED_BLOCK] = { 0 }, top[2 * NYX_W] = { 0 };

        if (!whole) {
            memcpy(codes, row + at, (size_t)(low - at));
            if (kind == CODED_INT3)
                memcpy(top, row + top_at, (size_t)(s->layout.codes_row_bytes - top_at));
        }
        for (int h = 0; h < rounds; h++) {
            vf points[8], scale[2], zero[2];

            coded_points(points, kind, h, whole ? row + at : codes, whole ? row + top_at : top, s);
            for (int half = 0; half < 2 && !coded_is_plain(kind); half++) {
                const int which = s->halves ? half : 0;

                scale[half] = coded_spread(kind, steps->scale[which] + u * blocks);
                zero[half] = s->zero == NYX_ZERO_NONE ? (vf){ 0 } : coded_spread(kind, steps->zero[which] + u * blocks);
            }
            for (int v = 0; v < vectors; v++, to += NYX_W) {
                const int half = coded_half(kind, v);

                if (coded_is_plain(kind))
                    vf_store(to, points[v]);
                else if (s->zero == NYX_ZERO_F16)
                    vf_store(to, vf_fma(scale[half], points[v], zero[half]));
                else
                    vf_store(to, scale[half] * (points[v] - zero[half]));
            }
        }
    }
}

typedef void (*decode_fn)(float *to, const coded_source *s, const uint8_t *row, const coded_steps *steps,
                          int64_t unit, int64_t count);
#define DECODE(kind)                                                                                       \
    static void kind##_decode(float *to, const coded_source *s, const uint8_t *row, const coded_steps *t, \
                              int64_t unit, int64_t count)                                                 \
    {                                                                                                      \
        decode_units(to, CODED_##kind, s, row, t, unit, count);                                            \
    }
#define EACH(M) M(INT4) M(NF4) M(E2M1) M(INT3) M(INT2) M(INT8) M(E4M3) M(E5M2) M(F16) M(BF16)
EACH(DECODE)
#define FUNCTIONS(kind) [CODED_##kind] = kind##_decode,
static const decode_fn decoders[CODED_KINDS] = { EACH(FUNCTIONS) };

/* Rows of floats [terms] in `from`, TURN apart, into columns: to[k NR + j]. */
static void turn(float *to, const float *from, int64_t terms)
{
    for (int j = 0; j < NR; j += NYX_W)
        for (int64_t k = 0; k < terms; k += NYX_W) {
            vf block[NYX_W];

            NYX_UNROLL(16)
            for (int i = 0; i < NYX_W; i++)
                block[i] = vf_load(from + (j + i) * TURN + k);
            vf_transpose(block);
            NYX_UNROLL(16)
            for (int i = 0; i < NYX_W; i++)
                vf_store(to + (k + i) * NR + j, block[i]);
        }
}

typedef struct {
    float      *panel, *turned; /* [KC][NR]; [NR][TURN] */
    coded_steps steps;
} scratch;

/* Terms [k, k + terms) of columns from `column` on. */
static void panel_of(const scratch *t, const coded_job *j, int64_t column, int64_t k, int64_t terms)
{
    const coded_source *s = &j->source;
    const int64_t       count = least(NR, j->columns - column);

    for (int64_t i = 0; i < count; i++) {
        if (!coded_is_plain(s->kind))
            coded_steps_of(&t->steps, s, column + i, k / CODED_BLOCK, terms / CODED_BLOCK);
        decoders[s->kind](t->turned + i * TURN, s,
                          (const uint8_t *)s->coded.codes + (column + i) * s->layout.codes_row_bytes, &t->steps,
                          k / s->unit, terms / s->unit);
    }
    for (int64_t i = count; i < NR; i++)
        memset(t->turned + i * TURN, 0, (size_t)terms * sizeof *t->turned);
    turn(t->panel, t->turned, terms);
}

/* ---- the register tile --------------------------------------------------------------- */

/* c [MR rows][NR] (+)= a [MR rows] * panel, at most `rows` x `columns` of it. */
static void tile(float *c, int64_t c_step, const float *a, int64_t a_step, const float *b, int64_t terms,
                 int64_t rows, int64_t columns, const float *bias, bool add)
{
    vf    sum[MR][NV];
    float whole[MR * NR];

    NYX_UNROLL(12)
    for (int i = 0; i < MR; i++)
        NYX_UNROLL(4)
        for (int v = 0; v < NV; v++)
            sum[i][v] = (vf){ 0 };
    for (int64_t k = 0; k < terms; k++, b += NR) {
        vf right[NV];

        NYX_UNROLL(4)
        for (int v = 0; v < NV; v++)
            right[v] = vf_load(b + v * NYX_W);
        NYX_UNROLL(12)
        for (int i = 0; i < MR; i++) {
            const vf left = vf_all(a[i * a_step + k]);

            NYX_UNROLL(4)
            for (int v = 0; v < NV; v++)
                sum[i][v] = vf_fma(left, right[v], sum[i][v]);
        }
    }
    NYX_UNROLL(12)
    for (int i = 0; i < MR; i++)
        NYX_UNROLL(4)
        for (int v = 0; v < NV; v++)
            vf_store(whole + i * NR + v * NYX_W, sum[i][v]);
    for (int64_t i = 0; i < least(rows, MR); i++)
        for (int64_t n = 0; n < least(columns, NR); n++) {
            const float x = add ? c[i * c_step + n] + whole[i * NR + n] : whole[i * NR + n];

            c[i * c_step + n] = bias ? x + bias[n] : x;
        }
}

/* ---- the whole ----------------------------------------------------------------------- */

static int64_t x_step(int64_t terms)
{
    return (terms / CODED_LARGEST_UNIT + 1) * CODED_LARGEST_UNIT + 16; /* rows do not share a cache set */
}

static int64_t x_rows(int64_t rows)
{
    return (rows + MR - 1) / MR * MR;
}

enum { THREAD_ROOM = KC * NR + NR * TURN + 6 * STEPS };

int64_t NYX_ISA_NAME(nyx_cpu__coded_panels_workspace)(int64_t rows, int64_t terms, int parts)
{
    return (x_rows(rows) * x_step(terms) + (int64_t)parts * (THREAD_ROOM + x_step(terms))) * (int64_t)sizeof(float);
}

/* Rows [row, end) of columns [first, last), terms from k on. */
static void block_multiply(const coded_job *j, const scratch *t, int64_t row, int64_t end, int64_t first,
                           int64_t last, int64_t k)
{
    const int64_t terms = least(KC, j->source.padded - k), step = x_step(j->terms);
    const bool    ends = k + terms >= j->source.padded;

    for (int64_t column = first; column < last; column += NR) {
        panel_of(t, j, column, k, terms);
        for (int64_t i = row; i < end; i += MR)
            tile(j->y + i * j->columns + column, j->columns, j->workspace + i * step + k, step, t->panel, terms,
                 end - i, last - column, ends && j->bias ? j->bias + column : NULL, k > 0);
    }
}

void coded_panels(const coded_job *j, int part, int parts)
{
    const int64_t step = x_step(j->terms);
    float        *own = j->workspace + x_rows(j->rows) * step + (int64_t)part * (THREAD_ROOM + step);
    float        *steps = own + KC * NR + NR * TURN, *rounded = own + THREAD_ROOM;
    const scratch t = { own, own + KC * NR,
                        { { steps, steps + STEPS }, { steps + 2 * STEPS, steps + 3 * STEPS }, steps + 4 * STEPS } };
    int64_t       begin, end;

    nyx_cpu_split(&begin, &end, x_rows(j->rows), 1, part, parts);
    for (int64_t row = begin; row < end; row++) {
        if (row < j->rows && j->block)
            coded_round(rounded, j->x + row * j->terms, j->terms, j->block);
        if (row < j->rows)
            coded_turn(j->workspace + row * step, j->block ? rounded : j->x + row * j->terms, &j->source);
        else
            memset(j->workspace + row * step, 0, (size_t)step * sizeof *own);
    }
    nyx_pool_barrier(j->pool);
    nyx_cpu_split(&begin, &end, j->columns, NR, part, parts);
    for (int64_t row = 0; row < j->rows; row += MC)
        for (int64_t k = 0; k < j->source.padded; k += KC)
            block_multiply(j, &t, row, least(row + MC, j->rows), begin, end, k);
}
