/* coded_bytes -- few rows, themselves coded in 8 bits, times coded weights:
 * integers are multiplied with integers.
 *
 * A row of x becomes codes of one byte and a scale for every 32, or for all of
 * it (quant.h: nyx_activation_round), laid out in the units of the weights
 * (coded_bytes.h).
 * A lane sums its products over all planes as integers, exactly; times both
 * scales, they are added by fused multiply-add, unit after unit; the 16 lanes
 * are folded in halves at the end. Where multiply-add is fused, the bits are
 * the same on every instruction set.
 *
 * Codes of weights are multiplied as they are stored, without a sign: what
 * that adds, `offset` times the sum of x, is where a lane's sum starts from.
 */
#include "coded_bytes.h"
#include "fold.h"

enum { AT_ONCE = 4 }; /* rows of weights */
#define EACH(M) M(INT4) M(E2M1) M(INT3) M(INT2) M(INT8)

/* ---- x ------------------------------------------------------------------------ */

/* A unit of x: the planes, then for every lane where its sum starts, the scale
 * of x, the sum of x with that scale, and without it over the first and the
 * second half of the blocks. */
enum { NUMBERS = 4 * LANES }; /* bytes */
NYX_INLINE int64_t x_start(enum coded_kind kind)
{
    return planes_of(kind) * UNIT;
}
NYX_INLINE int64_t x_scale(enum coded_kind kind)
{
    return x_start(kind) + NUMBERS;
}
NYX_INLINE int64_t x_moved(enum coded_kind kind)
{
    return x_start(kind) + 2 * NUMBERS;
}
NYX_INLINE int64_t x_sums(enum coded_kind kind, int half)
{
    return x_start(kind) + (3 + half) * NUMBERS;
}
NYX_INLINE int64_t x_unit(enum coded_kind kind)
{
    return x_start(kind) + 5 * NUMBERS;
}

NYX_INLINE vi vi_max(vi a, vi b)
{
    return (vi)vf_select(a > b, (vf)a, (vf)b);
}

/* What the elements of a block, or of a row, are divided by, and its inverse. */
typedef struct {
    float scale, inverse; /* where a number is none: NaN, 0 */
} x_step;

NYX_INLINE x_step step_of(const float *x, int64_t count)
{
    int32_t  most[NYX_W], top = 0;
    vi       largest = {0};
    int64_t  i = 0;
    uint32_t bits;

    NYX_UNROLL(8)
    for (; i + NYX_W <= count; i += NYX_W)
        largest = vi_max((vi)vf_load(x + i) & INT32_MAX, largest);
    memcpy(most, &largest, sizeof most);
    for (int lane = 0; lane < NYX_W; lane++)
        top = most[lane] > top ? most[lane] : top;
    for (; i < count; i++) {
        const int32_t size = (int32_t)(nyx_f32_bits(x[i]) & INT32_MAX);

        top = size > top ? size : top;
    }
    if (top >= 0x7f800000)
        return (x_step){nyx_f32_of_bits(0x7fc00000u), 0.0f};
    bits = nyx_f32_bits(nyx_f32_of_bits((uint32_t)top) * (1.0f / 127.0f));
    if (bits < 0x00800000u)
        return (x_step){0.0f, 0.0f};
    const float scale = nyx_f32_of_bits((bits + 0xfffu + (bits >> 13 & 1u)) & ~0x1fffu);
    return (x_step){scale, 1.0f / scale};
}

/* Codes of one block. */
NYX_INLINE void block_code(int8_t codes[CODED_BLOCK], const float *x, x_step step)
{
    const vf magic = vf_all(12582912.0f);
    int32_t  whole[CODED_BLOCK];

    NYX_UNROLL(8)
    for (int v = 0; v < CODED_BLOCK / NYX_W; v++) {
        const vf q = vf_load(x + v * NYX_W) * step.inverse;

        part_store(whole, v,
                   (vi)(vf_min(vf_all(127.0f), vf_max(vf_all(-127.0f), q)) + magic) - (vi)magic);
    }
    for (int i = 0; i < CODED_BLOCK; i++)
        codes[i] = step.scale != step.scale ? 0 : (int8_t)whole[i];
}

/* Block `at` of a row of `terms`, and its scale; zeros behind the row's end. The
 * step is the block's own, or the row's. */
static float block_read(int8_t codes[CODED_BLOCK], const float *x, int64_t at, int64_t terms,
                        const x_step *row)
{
    float  part[CODED_BLOCK] = {0};
    x_step step;

    if (at >= terms) {
        memset(codes, 0, CODED_BLOCK);
        return 0.0f;
    }
    x += at;
    if (at + CODED_BLOCK > terms)
        x = memcpy(part, x, (size_t)(terms - at) * sizeof *x);
    step = row ? *row : step_of(x, CODED_BLOCK);
    block_code(codes, x, step);
    return step.scale;
}

/* NULL: every block has a step of its own. */
static const x_step *row_step(x_step *room, const float *x, int64_t terms, int64_t block)
{
    if (block <= CODED_BLOCK)
        return NULL;
    *room = step_of(x, terms);
    return room;
}

void coded_round(float *to, const float *from, int64_t terms, int64_t block)
{
    x_step        room;
    const x_step *row = row_step(&room, from, terms, block);
    int8_t        codes[CODED_BLOCK];

    for (int64_t at = 0; at < terms; at += CODED_BLOCK) {
        const float   scale = block_read(codes, from, at, terms, row);
        const int64_t left = terms - at < CODED_BLOCK ? terms - at : CODED_BLOCK;

        for (int64_t i = 0; i < left; i++)
            to[at + i] = scale * (float)codes[i];
    }
}

/* What a code as it is multiplied stands for is that less `offset`. */
static int offset_of(const coded_source *s)
{
    if (s->kind == CODED_INT8)
        return BYTES_MOVED - (s->zero == NYX_ZERO_F16 ? 128 : 0);
    if (s->kind == CODED_E2M1)
        return 12;
    return s->zero == NYX_ZERO_NONE ? 1 << (s->layout.bits - 1) : 0;
}

/* The sums of a unit of x, whose planes are there. */
NYX_INLINE void unit_sums(uint8_t *to, enum coded_kind kind, int offset)
{
    const int planes = planes_of(kind);

    for (int part = 0; part < PARTS; part++) {
        const vu ones = (vu){0} + 0x01010101u;
        vi       sum[2] = {{0}, {0}};

        for (int p = 0; p < planes; p++)
            sum[2 * p >= planes && p] =
                dots(sum[2 * p >= planes && p], ones, part_load(to + p * UNIT, part), false);
        part_store(to + x_start(kind), part, (sum[0] + sum[1]) * -offset);
        part_store(to + x_moved(kind), part,
                   (vi)(part_load_f(to + x_scale(kind), part) *
                        __builtin_convertvector(sum[0] + sum[1], vf)));
        part_store(to + x_sums(kind, 0), part, sum[0]);
        part_store(to + x_sums(kind, 1), part, sum[1]);
    }
}

/* One row of x of `job`, as `kind` wants it. */
NYX_INLINE void x_code(uint8_t *to, enum coded_kind kind, const float *x, const coded_job *job,
                       int64_t units)
{
    const int     chunk = chunk_of(kind), blocks = unit_blocks(kind);
    x_step        room;
    const x_step *row = row_step(&room, x, job->terms, job->block);

    for (int64_t u = 0; u < units; u++, to += x_unit(kind)) {
        float scale[8] = {0};

        for (int b = 0; b < blocks; b++) {
            int8_t codes[CODED_BLOCK];

            scale[b] = block_read(codes, x, (u * blocks + b) * CODED_BLOCK, job->terms, row) *
                       (kind == CODED_E2M1 ? 0.5f : 1.0f);
            for (int p = 0; p < planes_of(kind); p++)
                memcpy(to + p * UNIT + b * chunk, codes + p * chunk, (size_t)chunk);
        }
        for (int part = 0; part < PARTS; part++)
            part_store(to + x_scale(kind), part, (vi)spread(scale, lanes_shift(kind), part));
        unit_sums(to, kind, offset_of(&job->source));
    }
}

/* ---- rows of weights ------------------------------------------------------------ */

/* How scales come: f16, one a block, read as they stand, without or with f16
 * zero points; one a row; any. */
enum scaling { BLOCKS, ZEROS, WHOLE, ANY };

NYX_INLINE bool reads_scales(enum scaling scaling)
{
    return scaling == BLOCKS || scaling == ZEROS;
}

/* AT_ONCE rows of weights, one behind the other. */
typedef struct {
    const coded_source *source;
    int64_t             units;
    const uint8_t      *codes, *scales, *zeros; /* the latter of BLOCKS and ZEROS */
    coded_steps         steps[AT_ONCE];         /* ANY */
    float               scale[AT_ONCE];         /* WHOLE */
} weight_rows;

/* A unit of ANY scaling: halves of blocks by themselves, zero points. */
NYX_INLINE vf unit_any(vf sum, enum coded_kind kind, const weight_rows *w, int r, int64_t block,
                       const vu *codes, const uint8_t *x, int part)
{
    const coded_source *s = w->source;
    const coded_steps  *t = &w->steps[r];
    const bool twice = s->halves && !coded_is_wide(kind), pairs = s->halves && coded_is_wide(kind);
    const int  planes = planes_of(kind), shift = lanes_shift(kind), offset = offset_of(s);
    const vf   by = part_load_f(x + x_scale(kind), part);

    for (int half = 0; half < (twice ? 2 : 1); half++) {
        const int first = twice ? half * planes / 2 : 0,
                  last = twice && !half ? planes / 2 : planes;
        vi all = part_load(x + x_sums(kind, half), part), dot;
        vf product, scale, zero = {0};

        if (!twice)
            all += part_load(x + x_sums(kind, 1), part);
        dot = all * -offset;
        for (int p = first; p < last; p++)
            dot = dots(dot, codes[p], part_load(x + p * UNIT, part), kind == CODED_INT8);
        product = __builtin_convertvector(dot, vf);
        if (pairs)
            scale = spread_pairs(t->scale, block, part);
        else
            scale = spread(t->scale[half] + block, shift, part);
        if (s->zero != NYX_ZERO_NONE)
            zero = pairs ? spread_pairs(t->zero, block, part)
                         : spread(t->zero[half] + block, shift, part);
        if (s->zero == NYX_ZERO_INT)
            product -= zero * __builtin_convertvector(all, vf); /* exact */
        sum = vf_fma(product, scale * by, sum);
        if (s->zero == NYX_ZERO_F16)
            sum = vf_fma(zero, __builtin_convertvector(all, vf) * by, sum);
    }
    return sum;
}

/* Add a unit to the sums of row r. */
NYX_INLINE void unit_add(vf sums[PARTS], enum coded_kind kind, enum scaling scaling,
                         const weight_rows *w, int r, int64_t unit, const uint8_t *x)
{
    const nyx_layout *l = &w->source->layout;
    const uint8_t    *codes = w->codes + r * l->codes_row_bytes, *top = codes + l->top_offset;
    const int64_t     at = 2 * (r * l->row_groups + unit * unit_blocks(kind));

    coded_foresee(codes + unit * UNIT);
    x += unit * x_unit(kind);
    NYX_UNROLL(4)
    for (int part = 0; part < PARTS; part++) {
        const vf by = part_load_f(x + x_scale(kind), part);
        vu       c[MOST_PLANES];
        vi       dot;

        planes_read(c, kind, codes + unit * UNIT, top + unit * (UNIT / 2), part);
        if (scaling == ANY) {
            sums[part] = unit_any(sums[part], kind, w, r, unit * unit_blocks(kind), c, x, part);
            continue;
        }
        dot = part_load(x + x_start(kind), part);
        NYX_UNROLL(4)
        for (int p = 0; p < planes_of(kind); p++)
            dot = dots(dot, c[p], part_load(x + p * UNIT, part), kind == CODED_INT8);
        sums[part] =
            vf_fma(__builtin_convertvector(dot, vf),
                   reads_scales(scaling) ? spread_halves(w->scales + at, kind, part) * by : by,
                   sums[part]);
        if (scaling == ZEROS)
            sums[part] = vf_fma(spread_halves(w->zeros + at, kind, part),
                                part_load_f(x + x_moved(kind), part), sums[part]);
    }
}

/* Lanes are folded in halves: 8, 4, 2, 1. */
NYX_INLINE void fold(float out[AT_ONCE], vf sums[AT_ONCE][PARTS])
{
    vf whole[AT_ONCE];

    NYX_UNROLL(4)
    for (int r = 0; r < AT_ONCE; r++)
#if NYX_W == 16
        whole[r] = sums[r][0];
#elif NYX_W == 8
        whole[r] = sums[r][0] + sums[r][1];
#else
        whole[r] = (sums[r][0] + sums[r][2]) + (sums[r][1] + sums[r][3]);
#endif
    vf_sum4(out, whole);
}

NYX_INLINE void rows_dots(float out[AT_ONCE], enum coded_kind kind, enum scaling scaling,
                          const weight_rows *w, const uint8_t *x)
{
    vf sums[AT_ONCE][PARTS];

    NYX_UNROLL(4)
    for (int r = 0; r < AT_ONCE; r++)
        NYX_UNROLL(4)
    for (int part = 0; part < PARTS; part++)
        sums[r][part] = (vf){0};
    NYX_UNROLL(4)
    for (int r = 0; r < AT_ONCE; r++)
        for (int64_t u = 0; u < w->units; u++)
            unit_add(sums[r], kind, scaling, w, r, u, x);
    fold(out, sums);
    for (int r = 0; r < AT_ONCE && scaling == WHOLE; r++)
        out[r] *= w->scale[r];
}

/* ---- columns -------------------------------------------------------------------- */

typedef struct {
    const coded_job *job;
    const uint8_t   *x;
    int64_t          x_step;
    uint8_t         *copies; /* room for the last rows, with something behind them */
    weight_rows      rows;
} columns;

/* Units reach over the end of a row, into the next one, which x multiplies
 * with 0; so the last rows are copied to where there is room. */
enum { BEHIND = 4 * UNIT };

NYX_INLINE bool needs_copy(const coded_source *s, enum scaling scaling, int64_t column)
{
    const int64_t left = s->layout.rows - column - AT_ONCE;

    return left * s->layout.codes_row_bytes < BEHIND ||
           (reads_scales(scaling) && left * 2 * s->layout.row_groups < BEHIND);
}

static void copy_rows(columns *c, int64_t column)
{
    const nyx_layout *l = &c->rows.source->layout;
    const int64_t     rows = l->rows - column < AT_ONCE ? l->rows - column : AT_ONCE;
    const int64_t     codes = l->codes_row_bytes, numbers = 2 * l->row_groups;
    uint8_t          *scales = c->copies + AT_ONCE * codes + BEHIND,
            *zeros = scales + AT_ONCE * numbers + BEHIND;

    memset(c->copies, 0, (size_t)(AT_ONCE * (codes + 2 * numbers) + 3 * BEHIND));
    memcpy(c->copies, c->rows.codes, (size_t)(rows * codes));
    c->rows.codes = c->copies;
    if (c->rows.scales)
        c->rows.scales = memcpy(scales, c->rows.scales, (size_t)(rows * numbers));
    if (c->rows.zeros)
        c->rows.zeros = memcpy(zeros, c->rows.zeros, (size_t)(rows * numbers));
}

NYX_INLINE void rows_read(columns *c, enum coded_kind kind, enum scaling scaling, int64_t column)
{
    weight_rows        *w = &c->rows;
    const coded_source *s = w->source;
    const nyx_layout   *l = &s->layout;

    w->codes = (const uint8_t *)s->coded.codes + column * l->codes_row_bytes;
    w->scales = reads_scales(scaling)
                    ? (const uint8_t *)s->coded.scales + 2 * column * l->row_groups
                    : NULL;
    w->zeros =
        scaling == ZEROS ? (const uint8_t *)s->coded.zeros + 2 * column * l->row_groups : NULL;
    if (needs_copy(s, scaling, column))
        copy_rows(c, column);
    for (int r = 0; r < AT_ONCE && !reads_scales(scaling); r++) {
        const int64_t row = column + r < l->rows ? column + r : l->rows - 1;

        if (scaling == ANY)
            coded_steps_of(&w->steps[r], s, row, 0, w->units * unit_blocks(kind));
        else
            w->scale[r] = coded_scale(s, l->row_groups ? row : 0);
    }
}

static void run_any(columns *c, int64_t begin, int64_t end);

/* x is 0 behind the end of a row, but 0 times a number of the next row that is
 * none is none either: where scales are read as they stand and the result is no
 * number, the rows are gone through again as ANY, which has the same bits. */
NYX_INLINE void columns_run(columns *c, enum coded_kind kind, enum scaling scaling, int64_t begin,
                            int64_t end)
{
    const coded_job  *j = c->job;
    const nyx_layout *l = &c->rows.source->layout;
    const bool        reaches = reads_scales(scaling) && l->row_groups % unit_blocks(kind) != 0;

    for (int64_t column = begin; column < end; column += AT_ONCE) {
        float sum = 0.0f;

        rows_read(c, kind, scaling, column);
        for (int64_t row = 0; row < j->rows; row++) {
            float *y = j->y + row * j->columns + column, out[AT_ONCE];

            rows_dots(out, kind, scaling, &c->rows, c->x + row * c->x_step);
            for (int64_t r = 0; r < AT_ONCE && column + r < end; r++)
                y[r] = j->bias ? out[r] + j->bias[column + r] : out[r];
            sum += (out[0] + out[1]) + (out[2] + out[3]);
        }
        if (reaches && sum != sum)
            run_any(c, column, column + AT_ONCE < end ? column + AT_ONCE : end);
    }
}

typedef void (*run_fn)(columns *c, int64_t begin, int64_t end);
typedef void (*code_fn)(uint8_t *to, const float *x, const coded_job *job, int64_t units);
#define RUN(kind, scaling)                                                                         \
    static void kind##_##scaling(columns *c, int64_t begin, int64_t end)                           \
    {                                                                                              \
        columns_run(c, CODED_##kind, scaling, begin, end);                                         \
    }
#define KIND(kind)                                                                                 \
    RUN(kind, BLOCKS)                                                                              \
    RUN(kind, ZEROS)                                                                               \
    RUN(kind, WHOLE)                                                                               \
    RUN(kind, ANY)                                                                                 \
    static void kind##_code(uint8_t *to, const float *x, const coded_job *job, int64_t units)      \
    {                                                                                              \
        x_code(to, CODED_##kind, x, job, units);                                                   \
    }
EACH(KIND)
#define FUNCTIONS(kind)                                                                            \
    [CODED_##kind] = {{kind##_BLOCKS, kind##_ZEROS, kind##_WHOLE, kind##_ANY}, kind##_code},
static const struct {
    run_fn  run[4];
    code_fn code;
} functions[CODED_KINDS] = {EACH(FUNCTIONS)};

static void run_any(columns *c, int64_t begin, int64_t end)
{
    functions[c->rows.source->kind].run[ANY](c, begin, end);
}

/* ---- the whole -------------------------------------------------------------------- */

/* Bytes of a row of x, of any kind; floats of one number a block. */
static int64_t row_room(int64_t terms)
{
    return (terms / UNIT + MOST_PLANES) * (UNIT + 5 * NUMBERS);
}

static int64_t steps_room(int64_t terms)
{
    return (terms + MOST_PLANES * UNIT) / CODED_BLOCK + 16;
}

/* Copies of rows: a byte an element, and four for every block. */
static int64_t copies_room(int64_t terms)
{
    return AT_ONCE * (terms + 3 * UNIT) * 2 + 3 * BEHIND;
}

enum { STEPS = 4 * AT_ONCE + 2 }; /* numbers a block: for each row its four, and raw */

static int64_t thread_room(int64_t rows, int64_t terms)
{
    return (rows * row_room(terms) + copies_room(terms) +
            STEPS * steps_room(terms) * (int64_t)sizeof(float) + UNIT - 1) /
           UNIT * UNIT;
}

int64_t NYX_ISA_NAME(nyx_cpu__coded_bytes_workspace)(int64_t rows, int64_t terms, int parts)
{
    return thread_room(rows, terms) * parts;
}

static enum scaling scaling_of(const coded_source *s)
{
    const bool usual = s->layout.group == CODED_BLOCK && s->layout.row_groups > 1 &&
                       s->coded.format.scale == NYX_SCALE_F16;

    if (usual && s->zero != NYX_ZERO_INT)
        return s->zero == NYX_ZERO_NONE ? BLOCKS : ZEROS;
    return s->layout.row_groups <= 1 && s->zero == NYX_ZERO_NONE ? WHOLE : ANY;
}

void coded_bytes(const coded_job *j, int part, int parts)
{
    const coded_source *s = &j->source;
    const int64_t       unit = unit_blocks(s->kind) * CODED_BLOCK, room = steps_room(j->terms);
    uint8_t            *x = (uint8_t *)j->workspace + thread_room(j->rows, j->terms) * part;
    uint8_t            *copies = x + j->rows * row_room(j->terms);
    float  *raw = (float *)(void *)(copies + copies_room(j->terms)), *steps = raw + 2 * room;
    columns c = {.job = j,
                 .x = x,
                 .x_step = row_room(j->terms),
                 .copies = copies,
                 .rows = {.source = s, .units = (j->terms + unit - 1) / unit}};
    int64_t begin, end;

    nyx_cpu_split(&begin, &end, j->columns, AT_ONCE, part, parts);
    if (begin >= end)
        return;
    for (int r = 0; r < AT_ONCE; r++, steps += 4 * room)
        c.rows.steps[r] =
            (coded_steps){{steps, steps + room}, {steps + 2 * room, steps + 3 * room}, raw};
    for (int64_t row = 0; row < j->rows; row++)
        functions[s->kind].code(x + row * c.x_step, j->x + row * j->terms, j, c.rows.units);
    functions[s->kind].run[scaling_of(s)](&c, begin, end);
}
