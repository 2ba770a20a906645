/* reduce -- over the last axes or the first, always in index order; sums by
 * blocks, since one long f32 sum of numbers of one sign loses bits. */
#include "device/cpu/reference/real.h"

enum { BLOCK = 128 };

/* `count` elements, `step` apart. */
static real reduce_real(const real *x, int64_t count, int64_t step, enum nyx_reduction how)
{
    const bool ordered = how == NYX_LARGEST || how == NYX_SMALLEST;
    real       y = ordered ? x[0] : 0, block = 0;

    for (int64_t i = 0; i < count; i++) {
        const real v = x[i * step];

        if (how == NYX_LARGEST)
            y = v > y ? v : y;
        else if (how == NYX_SMALLEST)
            y = v < y ? v : y;
        else
            block += how == NYX_SUM_SQUARES ? v * v : v;
        if (!ordered && (i % BLOCK == BLOCK - 1 || i == count - 1)) {
            y += block;
            block = 0;
        }
    }
    return how == NYX_MEAN ? y / (real)count : y;
}

static int32_t reduce_i32(const int32_t *x, int64_t count, int64_t step, enum nyx_reduction how)
{
    const bool ordered = how == NYX_LARGEST || how == NYX_SMALLEST;
    int32_t    y = ordered ? x[0] : 0;

    for (int64_t i = 0; i < count; i++) {
        const int32_t  v = x[i * step];
        const uint32_t u = (uint32_t)v; /* sums wrap around */

        if (how == NYX_LARGEST)
            y = v > y ? v : y;
        else if (how == NYX_SMALLEST)
            y = v < y ? v : y;
        else
            y = (int32_t)((uint32_t)y + (how == NYX_SUM_SQUARES ? u * u : u));
    }
    return how == NYX_MEAN ? (int32_t)(y / count) : y;
}

void NYX_REFERENCE(reduce)(const nyx_call *call, int part, int parts)
{
    const nyx_operand       *x = &call->in[0], *y = &call->out[0];
    const enum nyx_reduction how = (enum nyx_reduction)call->node->ints[0];
    const bool               leading = call->node->ints[2] != 0;
    const int64_t            count = y->count > 0 ? x->count / y->count : 0;
    const int64_t            step = leading ? y->count : 1;

    (void)parts;
    if (part)
        return;
    for (int64_t i = 0; i < y->count; i++) {
        const int64_t first = leading ? i : i * count;

        if (x->dtype == NYX_I32)
            ((int32_t *)y->data)[i] = reduce_i32((const int32_t *)x->data + first, count, step, how);
        else
            ((real *)y->data)[i] = reduce_real((const real *)x->data + first, count, step, how);
    }
}

void NYX_REFERENCE(argmax)(const nyx_call *call, int part, int parts)
{
    const nyx_operand *x = &call->in[0];
    const int64_t      width = last_extent(x->shape);
    int32_t           *y = call->out[0].data;

    (void)parts;
    if (part)
        return;
    for (int64_t i = 0; i < call->out[0].count; i++) {
        int64_t best = 0;

        for (int64_t j = 1; j < width; j++) {
            if (x->dtype == NYX_I32
                    ? ((const int32_t *)x->data)[i * width + j] > ((const int32_t *)x->data)[i * width + best]
                    : ((const real *)x->data)[i * width + j] > ((const real *)x->data)[i * width + best])
                best = j;
        }
        y[i] = (int32_t)best;
    }
}
