/* move -- values from nothing, conversions, copies, rows of tables. */
#include "device/cpu/reference/real.h"

void NYX_REFERENCE(fill)(const nyx_call *call, int part, int parts)
{
    const nyx_operand *y = &call->out[0];
    const double       number = call->node->reals[0];

    (void)parts;
    if (part)
        return;
    for (int64_t i = 0; i < y->count; i++) {
        if (y->dtype == NYX_I32)
            ((int32_t *)y->data)[i] = (int32_t)number;
        else
            ((real *)y->data)[i] = (real)number;
    }
}

/* Four elements from one block: element i is word i % 4 of counter
 * (i / 4 low, i / 4 high, step, stream). Its upper 24 bits are exact in f32. */
void NYX_REFERENCE(random)(const nyx_call *call, int part, int parts)
{
    real    *y = call->out[0].data;
    uint32_t words[4];

    (void)parts;
    if (part)
        return;
    for (int64_t i = 0; i < call->out[0].count; i++) {
        const uint64_t block = (uint64_t)i / 4;
        const uint32_t counter[4] = { (uint32_t)block, (uint32_t)(block >> 32), call->random_step,
                                      call->node->stream };

        if (i % 4 == 0)
            nyx_philox(words, counter, call->run.seed);
        y[i] = (real)(words[i % 4] >> 8) * (real)0x1p-24;
    }
}

/* In float64, rounded once: an f32 angle of position 10^5 has lost its bits. */
void NYX_REFERENCE(rope_table)(const nyx_call *call, int part, int parts)
{
    const int64_t width = last_extent(call->out[0].shape), half = width / 2;
    real         *y = call->out[0].data;

    (void)parts;
    if (part)
        return;
    for (int64_t i = 0; i < half; i++) {
        const double turn = wide_pow(call->node->reals[0], -2.0 * (double)i / (double)width);

        for (int64_t p = 0; p < call->out[0].count / width; p++) {
            y[p * width + i] = (real)wide_cos((double)p * turn);
            y[p * width + half + i] = (real)wide_sin((double)p * turn);
        }
    }
}

/* Towards zero; beyond the range of i32 to its ends, NaN to 0. */
static int32_t truncated(real x)
{
    if (!(x > (real)-2147483648.0))
        return x == x ? INT32_MIN : 0;
    return x < (real)2147483648.0 ? (int32_t)x : INT32_MAX;
}

void NYX_REFERENCE(cast)(const nyx_call *call, int part, int parts)
{
    const nyx_operand *x = &call->in[0], *y = &call->out[0];

    (void)parts;
    if (part)
        return;
    for (int64_t i = 0; i < y->count; i++) {
        if (x->dtype == y->dtype)
            memcpy((char *)y->data + i * nyx_dtype_bytes(y->dtype),
                   (const char *)x->data + i * nyx_dtype_bytes(y->dtype), (size_t)nyx_dtype_bytes(y->dtype));
        else if (y->dtype == NYX_I32)
            ((int32_t *)y->data)[i] = truncated(((const real *)x->data)[i]);
        else if (y->dtype == NYX_F16)
            ((uint16_t *)y->data)[i] = (uint16_t)nyx_float_encode(NYX_RULE_F16, real_odd(((const real *)x->data)[i]));
        else if (y->dtype == NYX_BF16)
            ((uint16_t *)y->data)[i] = (uint16_t)nyx_float_encode(NYX_RULE_BF16, real_odd(((const real *)x->data)[i]));
        else if (x->dtype == NYX_I32)
            ((real *)y->data)[i] = (real)((const int32_t *)x->data)[i];
        else
            ((real *)y->data)[i] = real_at(x->dtype, x->data, i);
    }
}

/* Copy `length` steps of an axis, starting at `from` of x and at `to` of y. */
static void copy_axis(const nyx_operand *y, int64_t to, const nyx_operand *x, int64_t from, int64_t length,
                      int64_t axis)
{
    const int64_t inner = extent(x->shape, axis + 1, x->shape->rank) * nyx_dtype_bytes(x->dtype);
    const int64_t outer = extent(x->shape, 0, axis);
    const int64_t x_step = x->shape->dims[axis] * inner, y_step = y->shape->dims[axis] * inner;

    for (int64_t i = 0; i < outer; i++)
        memcpy((char *)y->data + i * y_step + to * inner, (const char *)x->data + i * x_step + from * inner,
               (size_t)(length * inner));
}

void NYX_REFERENCE(slice)(const nyx_call *call, int part, int parts)
{
    const int64_t *ints = call->node->ints;

    (void)parts;
    if (!part)
        copy_axis(&call->out[0], 0, &call->in[0], ints[1], ints[2], ints[0]);
}

void NYX_REFERENCE(pad)(const nyx_call *call, int part, int parts)
{
    const nyx_operand *x = &call->in[0], *y = &call->out[0];
    const int64_t     *ints = call->node->ints;

    (void)parts;
    if (part)
        return;
    memset(y->data, 0, (size_t)(y->count * nyx_dtype_bytes(y->dtype)));
    copy_axis(y, ints[1], x, 0, x->shape->dims[ints[0]], ints[0]);
}

void NYX_REFERENCE(concat)(const nyx_call *call, int part, int parts)
{
    const nyx_operand *a = &call->in[0], *b = &call->in[1];
    const int64_t      axis = call->node->ints[0];

    (void)parts;
    if (part)
        return;
    copy_axis(&call->out[0], 0, a, 0, a->shape->dims[axis], axis);
    copy_axis(&call->out[0], a->shape->dims[axis], b, 0, b->shape->dims[axis], axis);
}

void NYX_REFERENCE(assign)(const nyx_call *call, int part, int parts)
{
    const nyx_operand *x = &call->in[0];

    (void)parts;
    if (!part)
        memcpy(call->out[0].data, x->data, (size_t)(x->count * nyx_dtype_bytes(x->dtype)));
}

void NYX_REFERENCE(embedding)(const nyx_call *call, int part, int parts)
{
    const nyx_operand *table = &call->in[0], *ids = &call->in[1];
    const int64_t      width = last_extent(table->shape), rows = table->shape->dims[0];
    real              *y = call->out[0].data;

    (void)parts;
    if (part)
        return;
    for (int64_t i = 0; i < ids->count; i++) {
        const int64_t id = ((const int32_t *)ids->data)[i];

        for (int64_t j = 0; j < width; j++)
            y[i * width + j] = id >= 0 && id < rows ? ((const real *)table->data)[id * width + j] : (real)NAN;
    }
}

/* Rows of dy are added in the order of ids. */
void NYX_REFERENCE(embedding_grad)(const nyx_call *call, int part, int parts)
{
    const nyx_operand *ids = &call->in[0], *dtable = &call->out[0];
    const int64_t      width = last_extent(dtable->shape), rows = dtable->shape->dims[0];
    const real        *dy = call->in[1].data;
    real              *sum = dtable->data;

    (void)parts;
    if (part)
        return;
    for (int64_t i = 0; i < dtable->count; i++)
        sum[i] = 0;
    for (int64_t i = 0; i < ids->count; i++) {
        const int64_t id = ((const int32_t *)ids->data)[i];

        for (int64_t j = 0; id >= 0 && id < rows && j < width; j++)
            sum[id * width + j] += dy[i * width + j];
    }
}
