/* coded_dots -- few rows times coded weights: each row of weights is read
 * once, decoded in registers and multiplied with all rows of x.
 *
 * For a symmetric format the sum over a block is of points times x, and the
 * scale comes in once a block; an integer zero point is subtracted from the
 * points; an f16 zero point makes the whole weight. Every product of a row of
 * x and a row of weights has one order of summation, whatever the number of
 * rows or threads.
 */
#include "coded.h"

enum { MOST_AT_ONCE = 4 };

/* A row of weights, ready to be multiplied. */
typedef struct {
    const coded_source *source;
    const uint8_t      *codes, *top;
    coded_steps         steps;
    const float        *x;      /* rows in the order of the kernels */
    int64_t             x_step;
} weight_row;

/* The last unit of a row may reach over its end, into the next row, which x
 * multiplies with 0; behind the last row, and where a code may stand for no
 * number, it is a copy with zeros. */
typedef struct {
    uint8_t codes[4 * NYX_W > 2 * CODED_BLOCK ? 4 * NYX_W : 2 * CODED_BLOCK], top[2 * NYX_W];
} last_unit;

NYX_INLINE void last_unit_of(last_unit *to, const weight_row *w, const uint8_t **codes, const uint8_t **top)
{
    const coded_source *s = w->source;
    const nyx_layout   *l = &s->layout;
    const int64_t       at = (s->units - 1) * s->unit_bytes;
    const int64_t       bytes = (s->kind == CODED_INT3 ? l->top_offset : l->codes_row_bytes) - at;

    *codes = w->codes + at;
    *top = w->top + (s->units - 1) * 2 * NYX_W;
    if (bytes >= s->unit_bytes || (!coded_is_wide(s->kind) && *codes + s->unit_bytes <= s->codes_end &&
                                   *top + 2 * NYX_W <= s->codes_end))
        return;
    memset(to, 0, sizeof *to);
    memcpy(to->codes, *codes, (size_t)bytes);
    if (s->kind == CODED_INT3)
        memcpy(to->top, *top, (size_t)(l->codes_row_bytes - l->top_offset - (s->units - 1) * 2 * NYX_W));
    *codes = to->codes;
    *top = to->top;
}

/* Points become weights less their scale (integer zero) or weights (f16 zero). */
NYX_INLINE void move_points(vf points[8], enum coded_kind kind, const weight_row *w, int64_t block)
{
    const coded_source *s = w->source;
    const bool          f16 = s->zero == NYX_ZERO_F16;
    vf                  zero[2], scale[2];

    for (int half = 0; half < 2; half++) {
        zero[half] = coded_spread(kind, w->steps.zero[s->halves ? half : 0] + block);
        scale[half] = coded_spread(kind, w->steps.scale[s->halves ? half : 0] + block);
    }
    NYX_UNROLL(8)
    for (int v = 0; v < coded_vectors(kind); v++) {
        const int half = coded_half(kind, v);

        points[v] = f16 ? vf_fma(scale[half], points[v], zero[half]) : points[v] - zero[half];
    }
}

/* Add one unit to the sums of `rows` rows of x. */
NYX_INLINE void unit_add(vf sums[MOST_AT_ONCE], enum coded_kind kind, bool simple, int rows, const weight_row *w,
                         int64_t unit, const uint8_t *codes, const uint8_t *top)
{
    const coded_source *s = w->source;
    const int           vectors = coded_vectors(kind), rounds = coded_rounds(kind);
    const int64_t       block = unit * (coded_is_wide(kind) ? 1 : vectors * rounds * NYX_W / CODED_BLOCK);
    const float        *x = w->x + unit * vectors * rounds * NYX_W;
    vf                  part[MOST_AT_ONCE][2];

    NYX_UNROLL(4)
    for (int r = 0; r < rows; r++)
        part[r][0] = part[r][1] = (vf){ 0 };
    NYX_UNROLL(2)
    for (int h = 0; h < rounds; h++, x += vectors * NYX_W) {
        vf points[8];

        coded_points(points, kind, h, codes, top, s);
        if (!simple && s->zero != NYX_ZERO_NONE)
            move_points(points, kind, w, block);
        NYX_UNROLL(8)
        for (int v = 0; v < vectors; v++)
            NYX_UNROLL(4)
            for (int r = 0; r < rows; r++) {
                const int half = coded_half(kind, v);

                part[r][half] = vf_fma(points[v], vf_load(x + r * w->x_step + v * NYX_W), part[r][half]);
            }
    }
    if (coded_is_plain(kind) || (!simple && s->zero == NYX_ZERO_F16)) {
        for (int r = 0; r < rows; r++)
            sums[r] += part[r][0] + part[r][1];
        return;
    }
    const vf scale = coded_spread(kind, w->steps.scale[0] + block);
    if (!simple && s->halves) {
        const vf second = coded_spread(kind, w->steps.scale[1] + block);

        NYX_UNROLL(4)
        for (int r = 0; r < rows; r++)
            sums[r] = vf_fma(part[r][1], second, vf_fma(part[r][0], scale, sums[r]));
    } else {
        NYX_UNROLL(4)
        for (int r = 0; r < rows; r++)
            sums[r] = vf_fma(part[r][0] + part[r][1], scale, sums[r]);
    }
}

NYX_INLINE void row_dots(float *out, enum coded_kind kind, bool simple, int rows, const weight_row *w)
{
    const coded_source *s = w->source;
    const uint8_t      *codes = w->codes, *top = w->top;
    const int64_t       bytes = coded_is_wide(kind) ? (coded_is_plain(kind) ? 2 : 1) * CODED_BLOCK : 4 * NYX_W;
    vf                  sums[MOST_AT_ONCE];
    last_unit           last;

    NYX_UNROLL(4)
    for (int r = 0; r < rows; r++)
        sums[r] = (vf){ 0 };
    for (int64_t u = 0; u + 1 < s->units; u++, codes += bytes, top += kind == CODED_INT3 ? 2 * NYX_W : 0) {
        coded_foresee(codes);
        unit_add(sums, kind, simple, rows, w, u, codes, top);
    }
    if (s->units > 0) {
        last_unit_of(&last, w, &codes, &top);
        unit_add(sums, kind, simple, rows, w, s->units - 1, codes, top);
    }
    for (int r = 0; r < rows; r++)
        out[r] = vf_sum(sums[r]);
}

/* `simple`: symmetric, in groups of blocks. */
#define DOTS_OF(kind, rows)                                                                                 \
    static void kind##_##rows(float *out, const weight_row *w, bool simple)                                 \
    {                                                                                                       \
        if (coded_is_plain(CODED_##kind) || simple)                                                         \
            row_dots(out, CODED_##kind, true, rows, w);                                                     \
        else                                                                                                \
            row_dots(out, CODED_##kind, false, rows, w);                                                    \
    }
#define DOTS(kind) DOTS_OF(kind, 1) DOTS_OF(kind, 2) DOTS_OF(kind, 4)
#define EACH(M) M(INT4) M(NF4) M(E2M1) M(INT3) M(INT2) M(INT8) M(E4M3) M(E5M2) M(F16) M(BF16)
EACH(DOTS)

typedef void (*dots_fn)(float *out, const weight_row *w, bool simple);
#define FUNCTIONS(kind) [CODED_##kind] = { kind##_1, kind##_2, kind##_4 },
static const dots_fn functions[CODED_KINDS][3] = { EACH(FUNCTIONS) };

/* Floats of one thread: six numbers a block, and the rows of x. */
static int64_t steps_room(int64_t terms)
{
    return ((terms + CODED_LARGEST_UNIT) / CODED_BLOCK + 2 * NYX_W + 15) / 16 * 16;
}

static int64_t row_room(int64_t terms)
{
    return (terms / CODED_LARGEST_UNIT + 1) * CODED_LARGEST_UNIT + 16;
}

static int64_t thread_room(int64_t rows, int64_t terms)
{
    return (6 * steps_room(terms) + rows * row_room(terms) + 15) / 16 * 16;
}

int64_t NYX_ISA_NAME(nyx_cpu__coded_dots_workspace)(int64_t rows, int64_t terms, int parts)
{
    return thread_room(rows, terms) * parts * (int64_t)sizeof(float);
}

static void one_column(const coded_job *j, weight_row *w, const float *x, int64_t column)
{
    const coded_source *s = &j->source;

    w->codes = (const uint8_t *)s->coded.codes + column * s->layout.codes_row_bytes;
    w->top = w->codes + (s->kind == CODED_INT3 ? s->layout.top_offset : 0);
    if (!coded_is_plain(s->kind) && s->layout.row_groups != 0)
        coded_steps_of(&w->steps, s, column, 0, s->units * s->unit_blocks);
    for (int64_t row = 0, count; row < j->rows; row += count) {
        const int which = j->rows - row >= 4 ? 2 : j->rows - row >= 2;
        float     out[MOST_AT_ONCE];

        count = 1 << which;
        w->x = x + row * w->x_step;
        functions[s->kind][which](out, w, s->zero == NYX_ZERO_NONE && !s->halves);
        for (int64_t r = 0; r < count; r++)
            j->y[(row + r) * j->columns + column] = j->bias ? out[r] + j->bias[column] : out[r];
    }
}

void coded_dots(const coded_job *j, int part, int parts)
{
    const coded_source *s = &j->source;
    const int64_t       room = steps_room(j->terms);
    float              *own = j->workspace + thread_room(j->rows, j->terms) * part, *x = own + 6 * room;
    weight_row          w = { .source = s, .x_step = row_room(j->terms),
                              .steps = { { own, own + room }, { own + 2 * room, own + 3 * room }, own + 4 * room } };
    int64_t             begin, end;

    nyx_cpu_split(&begin, &end, j->columns, 1, part, parts);
    if (begin >= end)
        return;
    for (int64_t row = 0; row < j->rows; row++)
        coded_turn(x + row * w.x_step, j->x + row * j->terms, s);
    if (!coded_is_plain(s->kind) && s->layout.row_groups == 0)
        coded_steps_of(&w.steps, s, 0, 0, s->units * s->unit_blocks);
    for (int64_t column = begin; column < end; column++)
        one_column(j, &w, x, column);
}
