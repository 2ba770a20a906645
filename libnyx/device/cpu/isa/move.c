/* move -- values from nothing, conversions, copies, rows of tables. Every
 * value of a graph whose reals are f32 has elements of four bytes, but for what
 * cast, assign and matmul take. */
#include "half.h"
#include "isa.h"

enum { GRAIN = 64, LINE = 16 }; // elements

void NYX_ISA_NAME(nyx_cpu__fill)(const nyx_call *call, int part, int parts)
{
    const double  number = call->node->reals[0];
    const bool    real = call->out[0].dtype == NYX_F32;
    const int32_t word = real ? (int32_t)nyx_f32_bits((float)number) : (int32_t)number;
    int32_t      *y = call->out[0].data;
    int64_t       begin, end;

    nyx_cpu_split(&begin, &end, call->out[0].count, GRAIN, part, parts);
    for (int64_t i = begin; i < end; i++)
        y[i] = word;
}

/* As the reference kernel: word i % 4 of the block of counter (i / 4, step,
 * stream); its upper 24 bits. */
void NYX_ISA_NAME(nyx_cpu__random)(const nyx_call *call, int part, int parts)
{
    float   *y = call->out[0].data;
    int64_t  begin, end;
    uint32_t words[4];

    nyx_cpu_split(&begin, &end, call->out[0].count, GRAIN, part, parts);
    for (int64_t i = begin; i < end; i++) {
        const uint64_t block = (uint64_t)i / 4;
        const uint32_t counter[4] = { (uint32_t)block, (uint32_t)(block >> 32), call->random_step,
                                      call->node->stream };

        if (i % 4 == 0)
            nyx_philox(words, counter, call->run.seed);
        y[i] = (float)(words[i % 4] >> 8) * 0x1p-24f;
    }
}

/* In float64, rounded once. */
void NYX_ISA_NAME(nyx_cpu__rope_table)(const nyx_call *call, int part, int parts)
{
    const int64_t width = nyx_isa_width(call->out[0].shape), half = width / 2;
    float        *y = call->out[0].data;
    int64_t       begin, end;

    if (half == 0)
        return;
    nyx_cpu_split(&begin, &end, call->out[0].count / width, 1, part, parts);
    for (int64_t i = 0; i < half && begin < end; i++) {
        const double turn = nyx_pow64(call->node->reals[0], -2.0 * (double)i / (double)width);

        for (int64_t p = begin; p < end; p++) {
            y[p * width + i] = (float)nyx_cos64((double)p * turn);
            y[p * width + half + i] = (float)nyx_sin64((double)p * turn);
        }
    }
}

/* Towards zero; beyond the range of i32 to its ends, NaN to 0. */
static int32_t truncated(float x)
{
    if (!(x > -2147483648.0f))
        return x == x ? INT32_MIN : 0;
    return x < 2147483648.0f ? (int32_t)x : INT32_MAX;
}

/* Elements [begin, end) of y = x, of any type. */
NYX_INLINE void copy_elements(const nyx_operand *y, const nyx_operand *x, int64_t begin, int64_t end)
{
    const int64_t bytes = nyx_dtype_bytes(y->dtype);

    memcpy((char *)y->data + begin * bytes, (const char *)x->data + begin * bytes, (size_t)((end - begin) * bytes));
}

/* f16 or bf16 -> f32, and back by loops that are vectorised. */
static void widen(float *restrict y, const uint16_t *restrict x, int64_t count, enum nyx_dtype from)
{
    int64_t i = 0;

    for (; i + NYX_W <= count; i += NYX_W)
        vf_store(y + i, from == NYX_F16 ? vf_load_f16(x + i) : vf_load_bf16(x + i));
    for (; i < count; i++)
        y[i] = float_of(from, x + i);
}

static void narrow(uint16_t *restrict y, const float *restrict x, int64_t count, enum nyx_dtype to)
{
    if (to == NYX_F16)
        for (int64_t i = 0; i < count; i++)
            y[i] = (uint16_t)nyx_float_encode(NYX_RULE_F16, x[i]);
    else
        for (int64_t i = 0; i < count; i++)
            y[i] = (uint16_t)nyx_float_encode(NYX_RULE_BF16, x[i]);
}

void NYX_ISA_NAME(nyx_cpu__cast)(const nyx_call *call, int part, int parts)
{
    const nyx_operand *x = &call->in[0], *y = &call->out[0];
    int64_t            begin, end;

    nyx_cpu_split(&begin, &end, y->count, GRAIN, part, parts);
    if (x->dtype == y->dtype)
        copy_elements(y, x, begin, end);
    else if (y->dtype == NYX_I32)
        for (int64_t i = begin; i < end; i++)
            ((int32_t *)y->data)[i] = truncated(((const float *)x->data)[i]);
    else if (x->dtype == NYX_I32)
        for (int64_t i = begin; i < end; i++)
            ((float *)y->data)[i] = (float)((const int32_t *)x->data)[i];
    else if (y->dtype == NYX_F32)
        widen((float *)y->data + begin, (const uint16_t *)x->data + begin, end - begin, x->dtype);
    else
        narrow((uint16_t *)y->data + begin, (const float *)x->data + begin, end - begin, y->dtype);
}

void NYX_ISA_NAME(nyx_cpu__assign)(const nyx_call *call, int part, int parts)
{
    int64_t begin, end;

    nyx_cpu_split(&begin, &end, call->in[0].count, GRAIN, part, parts);
    copy_elements(&call->out[0], &call->in[0], begin, end);
}

/* ---- one axis ---------------------------------------------------------------------- */

/* A tensor seen from one axis: `outer` rows of `step` elements. */
typedef struct { int64_t outer, inner, step; } axis_view;

static axis_view axis_of(const nyx_operand *x, int64_t axis)
{
    axis_view v = { 1, 1, 1 };

    for (int64_t i = 0; i < x->shape->rank; i++)
        *(i < axis ? &v.outer : &v.inner) *= i == axis ? 1 : x->shape->dims[i];
    v.step = v.inner * x->shape->dims[axis];
    return v;
}

/* This thread's part of: copy rows of `length` from x to y, or zeros when x is
 * NULL; rows are x_step and y_step apart. */
static void copy_rows(float *y, int64_t y_step, const float *x, int64_t x_step, int64_t length, int64_t outer,
                      int part, int parts)
{
    int64_t begin, end;

    nyx_cpu_split(&begin, &end, outer * length, GRAIN, part, parts);
    for (int64_t i = begin, next; i < end; i = next) {
        const int64_t row = i / length, at = i % length;

        next = (row + 1) * length < end ? (row + 1) * length : end;
        if (x)
            memcpy(y + row * y_step + at, x + row * x_step + at, (size_t)(next - i) * sizeof *y);
        else
            memset(y + row * y_step + at, 0, (size_t)(next - i) * sizeof *y);
    }
}

void NYX_ISA_NAME(nyx_cpu__slice)(const nyx_call *call, int part, int parts)
{
    const int64_t  *ints = call->node->ints;
    const axis_view x = axis_of(&call->in[0], ints[0]), y = axis_of(&call->out[0], ints[0]);

    copy_rows(call->out[0].data, y.step, (const float *)call->in[0].data + ints[1] * x.inner, x.step, y.step,
              y.outer, part, parts);
}

void NYX_ISA_NAME(nyx_cpu__pad)(const nyx_call *call, int part, int parts)
{
    const int64_t  *ints = call->node->ints;
    const axis_view x = axis_of(&call->in[0], ints[0]), y = axis_of(&call->out[0], ints[0]);
    const int64_t   before = ints[1] * y.inner, after = y.step - before - x.step;
    float          *to = call->out[0].data;

    copy_rows(to, y.step, NULL, 0, before, y.outer, part, parts);
    copy_rows(to + before, y.step, call->in[0].data, x.step, x.step, y.outer, part, parts);
    copy_rows(to + before + x.step, y.step, NULL, 0, after, y.outer, part, parts);
}

void NYX_ISA_NAME(nyx_cpu__concat)(const nyx_call *call, int part, int parts)
{
    const int64_t   axis = call->node->ints[0];
    const axis_view a = axis_of(&call->in[0], axis), b = axis_of(&call->in[1], axis);
    float          *to = call->out[0].data;

    copy_rows(to, a.step + b.step, call->in[0].data, a.step, a.step, a.outer, part, parts);
    copy_rows(to + a.step, a.step + b.step, call->in[1].data, b.step, b.step, b.outer, part, parts);
}

/* ---- rows of tables ------------------------------------------------------------------ */

void NYX_ISA_NAME(nyx_cpu__embedding)(const nyx_call *call, int part, int parts)
{
    const nyx_operand *table = &call->in[0];
    const int32_t     *ids = call->in[1].data;
    const int64_t      width = nyx_isa_width(table->shape), rows = table->shape->dims[0];
    int64_t            begin, end;

    nyx_cpu_split(&begin, &end, call->in[1].count, 1, part, parts);
    for (int64_t i = begin; i < end; i++) {
        float *y = (float *)call->out[0].data + i * width;

        if (ids[i] >= 0 && ids[i] < rows)
            memcpy(y, (const float *)table->data + ids[i] * width, (size_t)width * sizeof *y);
        else
            for (int64_t j = 0; j < width; j++)
                y[j] = nyx_f32_of_bits(0x7fc00000u); // NaN
    }
}

/* Rows of dy are added in the order of ids. A thread owns columns, and where
 * there are more threads than cache lines in a row, every n-th row of them. */
void NYX_ISA_NAME(nyx_cpu__embedding_grad)(const nyx_call *call, int part, int parts)
{
    const int32_t *ids = call->in[0].data;
    const float   *dy = call->in[1].data;
    float         *sum = call->out[0].data;
    const int64_t  width = nyx_isa_width(call->out[0].shape), rows = call->out[0].shape->dims[0];
    const int64_t  lines = (width + LINE - 1) / LINE, across = lines < parts ? lines : parts;
    const int64_t  down = across > 0 ? parts / across : 1;
    int64_t        begin, end, mine;

    if (across == 0 || part >= across * down)
        return;
    mine = part / across;
    nyx_cpu_split(&begin, &end, width, LINE, (int)(part % across), (int)across);
    for (int64_t row = mine; row < rows; row += down)
        memset(sum + row * width + begin, 0, (size_t)(end - begin) * sizeof *sum);
    for (int64_t i = 0; i < call->in[0].count; i++) {
        const float *restrict from = dy + i * width;
        float *restrict       to;

        if (ids[i] < 0 || ids[i] >= rows || ids[i] % down != mine)
            continue;
        to = sum + ids[i] * width;
        for (int64_t j = begin; j < end; j++)
            to[j] += from[j];
    }
}
