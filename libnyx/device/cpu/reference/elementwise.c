/* elementwise -- arithmetic, comparison, selection. Integers wrap around and
 * division truncates; by zero it gives 0. */
#include "device/cpu/reference/real.h"

/* Element i of the result meets element (i / step) % count of b. */
typedef struct { int64_t step, count; } broadcast;

static broadcast broadcast_of(const nyx_operand *a, const nyx_operand *b)
{
    const int64_t elems = b->count > 0 ? b->count : 1;
    const int     skipped = a->shape->rank - b->shape->rank;
    bool          last = true;

    for (int i = 0; i < b->shape->rank; i++)
        last = last && skipped >= 0 && b->shape->dims[i] == a->shape->dims[skipped + i];
    if (last || b->count == 1)
        return (broadcast){ 1, elems };
    return (broadcast){ a->count / elems, elems };
}

/* One function for real and integer operands: `r` and `n` are the expressions
 * over x, y of either kind. */
#define BINARY(name, r, n)                                                  \
    void NYX_REFERENCE(name)(const nyx_call *call, int part, int parts)     \
    {                                                                       \
        const nyx_operand *a = &call->in[0], *b = &call->in[1];             \
        const broadcast    at = broadcast_of(a, b);                         \
                                                                            \
        (void)parts;                                                        \
        if (part)                                                           \
            return;                                                         \
        if (a->dtype == NYX_I32) {                                          \
            for (int64_t i = 0; i < a->count; i++) {                        \
                const int32_t x = ((const int32_t *)a->data)[i];            \
                const int32_t y =                                           \
                    ((const int32_t *)b->data)[i / at.step % at.count];     \
                ((int32_t *)call->out[0].data)[i] = (n);                    \
            }                                                               \
            return;                                                         \
        }                                                                   \
        for (int64_t i = 0; i < a->count; i++) {                            \
            const real x = ((const real *)a->data)[i];                      \
            const real y = ((const real *)b->data)[i / at.step % at.count]; \
            ((real *)call->out[0].data)[i] = (r);                           \
        }                                                                   \
    }

/* Wrapping: in the unsigned type, where overflow is defined. */
#define WRAP(x, op, y) ((int32_t)((uint32_t)(x) op (uint32_t)(y)))

static int32_t divide(int32_t x, int32_t y)
{
    if (y == 0)
        return 0;
    return y == -1 ? WRAP(0, -, x) : x / y;
}

BINARY(add, x + y, WRAP(x, +, y))
BINARY(sub, x - y, WRAP(x, -, y))
BINARY(mul, x * y, WRAP(x, *, y))
BINARY(div, x / y, divide(x, y))
BINARY(min, x < y ? x : y, x < y ? x : y)
BINARY(max, x > y ? x : y, x > y ? x : y)

void NYX_REFERENCE(affine)(const nyx_call *call, int part, int parts)
{
    const real *x = call->in[0].data;
    real       *y = call->out[0].data;
    const real  scale = (real)call->node->reals[0], shift = (real)call->node->reals[1];

    (void)parts;
    if (part)
        return;
    for (int64_t i = 0; i < call->out[0].count; i++)
        y[i] = scale * x[i] + shift;
}

void NYX_REFERENCE(sqrt)(const nyx_call *call, int part, int parts)
{
    const real *x = call->in[0].data;
    real       *y = call->out[0].data;

    (void)parts;
    if (part)
        return;
    for (int64_t i = 0; i < call->out[0].count; i++)
        y[i] = real_sqrt(x[i]);
}

void NYX_REFERENCE(sigmoid)(const nyx_call *call, int part, int parts)
{
    const real *x = call->in[0].data;
    real       *y = call->out[0].data;

    (void)parts;
    if (part)
        return;
    for (int64_t i = 0; i < call->out[0].count; i++)
        y[i] = real_sigmoid(x[i]);
}

#define COMPARED(how, x, y) \
    ((how) == NYX_EQUAL ? (x) == (y) : (how) == NYX_GREATER ? (x) > (y) : (x) >= (y))

void NYX_REFERENCE(compare)(const nyx_call *call, int part, int parts)
{
    const nyx_operand *a = &call->in[0], *b = &call->in[1];
    const broadcast    at = broadcast_of(a, b);
    const int64_t      how = call->node->ints[0];
    int32_t           *y = call->out[0].data;

    (void)parts;
    if (part)
        return;
    for (int64_t i = 0; i < a->count; i++) {
        const int64_t j = i / at.step % at.count;

        if (a->dtype == NYX_I32)
            y[i] = COMPARED(how, ((const int32_t *)a->data)[i], ((const int32_t *)b->data)[j]);
        else
            y[i] = COMPARED(how, ((const real *)a->data)[i], ((const real *)b->data)[j]);
    }
}

/* The mask repeats along the last axes, `a` along the first. */
void NYX_REFERENCE(select)(const nyx_call *call, int part, int parts)
{
    const nyx_operand *mask = &call->in[0], *a = &call->in[1], *b = &call->in[2];
    const int64_t      count = call->out[0].count;
    const int64_t      step = mask->count > 0 ? count / mask->count : 1;
    const size_t       bytes = (size_t)nyx_dtype_bytes(b->dtype);
    char              *y = call->out[0].data;

    (void)parts;
    if (part)
        return;
    for (int64_t i = 0; i < count; i++) {
        const bool  taken = ((const int32_t *)mask->data)[i / step] != 0;
        const char *from = taken ? (const char *)a->data + (size_t)(i % a->count) * bytes
                                 : (const char *)b->data + (size_t)i * bytes;

        memcpy(y + (size_t)i * bytes, from, bytes);
    }
}

void NYX_REFERENCE(swiglu)(const nyx_call *call, int part, int parts)
{
    const int64_t width = last_extent(call->out[0].shape);
    const real   *x = call->in[0].data;
    real         *y = call->out[0].data;

    (void)parts;
    if (part)
        return;
    for (int64_t i = 0; i < call->out[0].count; i++) {
        const real *row = x + i / width * 2 * width;
        const real  gate = row[i % width], up = row[width + i % width];

        y[i] = gate * real_sigmoid(gate) * up;
    }
}

/* d gate = dy up s (1 + gate (1 - s)), d up = dy gate s, s = sigmoid(gate);
 * 1 - s is sigmoid(-gate), so that it loses no bits. */
void NYX_REFERENCE(swiglu_grad)(const nyx_call *call, int part, int parts)
{
    const int64_t width = last_extent(call->in[1].shape);
    const real   *x = call->in[0].data, *dy = call->in[1].data;
    real         *dx = call->out[0].data;

    (void)parts;
    if (part)
        return;
    for (int64_t i = 0; i < call->in[1].count; i++) {
        const int64_t at = i / width * 2 * width + i % width;
        const real    gate = x[at], up = x[at + width], s = real_sigmoid(gate);

        dx[at] = dy[i] * up * (s * (1 + gate * real_sigmoid(-gate)));
        dx[at + width] = dy[i] * (gate * s);
    }
}

/* tanh(u) + 1 = 2 sigmoid(2 u); 2 u = x (a + b x^2). */
#define GELU_A ((real)1.5957691216057308)   /* 2 sqrt(2 / pi) */
#define GELU_B ((real)0.07135481627260025)  /* 0.044715 times it */

void NYX_REFERENCE(gelu)(const nyx_call *call, int part, int parts)
{
    const real *x = call->in[0].data;
    real       *y = call->out[0].data;

    (void)parts;
    if (part)
        return;
    for (int64_t i = 0; i < call->out[0].count; i++)
        y[i] = x[i] * real_sigmoid(x[i] * (GELU_A + GELU_B * (x[i] * x[i])));
}

/* dy (s + x s (1 - s) (a + 3 b x^2)), s = sigmoid(z), z = x (a + b x^2);
 * s (1 - s) = e / (1 + e)^2 with e = e^-|z|, so that 1 - s loses no bits. */
void NYX_REFERENCE(gelu_grad)(const nyx_call *call, int part, int parts)
{
    const real *x = call->in[0].data, *dy = call->in[1].data;
    real       *dx = call->out[0].data;

    (void)parts;
    if (part)
        return;
    for (int64_t i = 0; i < call->out[0].count; i++) {
        const real square = x[i] * x[i], z = x[i] * (GELU_A + GELU_B * square);
        const real e = real_exp(z < 0 ? z : -z), r = 1 / (1 + e), s = z < 0 ? e * r : r;

        dx[i] = dy[i] * (s + x[i] * (e * r * r) * (GELU_A + 3 * GELU_B * square));
    }
}
