/* elementwise -- arithmetic, comparison, selection, gates. Elements are split
 * evenly among the threads. Loops are plain, the compiler vectorises them, and
 * results are those of the reference kernels to the bit, but for SwiGLU's. */
#include "isa.h"
#include "simd.h"

enum { GRAIN = 64 }; // elements: a share begins at a cache line

/* ---- two operands ----------------------------------------------------------- */

/* y = a op b for `count` elements; b is one element when `single`. */
typedef void (*binary_fn)(void *y, const void *a, const void *b, int64_t count, bool single);

#define BINARY(name, from, to, expression)                                                      \
    static void name(void *y, const void *a, const void *b, int64_t count, bool single)         \
    {                                                                                           \
        const from *restrict left = a, *restrict right = b;                                     \
        to *restrict         out = y;                                                           \
                                                                                                \
        if (single) {                                                                           \
            const from q = *right;                                                              \
                                                                                                \
            for (int64_t i = 0; i < count; i++) {                                               \
                const from p = left[i];                                                         \
                                                                                                \
                out[i] = (expression);                                                          \
            }                                                                                   \
            return;                                                                             \
        }                                                                                       \
        for (int64_t i = 0; i < count; i++) {                                                   \
            const from p = left[i], q = right[i];                                               \
                                                                                                \
            out[i] = (expression);                                                              \
        }                                                                                       \
    }

BINARY(add_f32, float, float, p + q)
BINARY(sub_f32, float, float, p - q)
BINARY(mul_f32, float, float, p * q)
BINARY(div_f32, float, float, p / q)
BINARY(min_f32, float, float, p < q ? p : q)
BINARY(max_f32, float, float, p > q ? p : q)
BINARY(equal_f32, float, int32_t, p == q)
BINARY(greater_f32, float, int32_t, p > q)
BINARY(greater_equal_f32, float, int32_t, p >= q)
BINARY(add_i32, uint32_t, uint32_t, p + q) // unsigned: wraps around
BINARY(sub_i32, uint32_t, uint32_t, p - q)
BINARY(mul_i32, uint32_t, uint32_t, p * q)
BINARY(min_i32, int32_t, int32_t, p < q ? p : q)
BINARY(max_i32, int32_t, int32_t, p > q ? p : q)
BINARY(equal_i32, int32_t, int32_t, p == q)
BINARY(greater_i32, int32_t, int32_t, p > q)
BINARY(greater_equal_i32, int32_t, int32_t, p >= q)

/* Element i of a meets element (i / step) % count of b. */
typedef struct { int64_t step, count; } broadcast;

static broadcast broadcast_of(const nyx_operand *a, const nyx_operand *b)
{
    const int skipped = a->shape->rank - b->shape->rank;
    bool      last = skipped >= 0;

    for (int i = 0; i < b->shape->rank; i++)
        last = last && b->shape->dims[i] == a->shape->dims[skipped + i];
    if (b->count == 1)
        return (broadcast){ a->count, 1 };
    return last ? (broadcast){ 1, b->count } : (broadcast){ a->count / b->count, b->count };
}

/* Stretches of a that meet one stretch of b, or one element of it. */
static void binary(const nyx_call *call, binary_fn fn, int part, int parts)
{
    const nyx_operand *a = &call->in[0], *b = &call->in[1];
    const char        *left = a->data, *right = b->data;
    char              *y = call->out[0].data;
    broadcast          at;
    int64_t            begin, end;

    if (a->count == 0)
        return;
    at = broadcast_of(a, b);
    nyx_cpu_split(&begin, &end, a->count, GRAIN, part, parts);
    for (int64_t i = begin, next; i < end; i = next) {
        const bool    single = at.step > 1 || at.count == 1;
        const int64_t length = single ? at.step : at.count;

        next = (i / length + 1) * length < end ? (i / length + 1) * length : end;
        fn(y + 4 * i, left + 4 * i, right + 4 * (i / at.step % at.count), next - i, single);
    }
}

#define KERNEL(name, real, integer)                                                         \
    void NYX_ISA_NAME(nyx_cpu__##name)(const nyx_call *call, int part, int parts)           \
    {                                                                                       \
        binary(call, call->in[0].dtype == NYX_F32 ? (real) : (integer), part, parts);       \
    }

KERNEL(add, add_f32, add_i32)
KERNEL(sub, sub_f32, sub_i32)
KERNEL(mul, mul_f32, mul_i32)
KERNEL(div, div_f32, div_f32)
KERNEL(min, min_f32, min_i32)
KERNEL(max, max_f32, max_i32)

void NYX_ISA_NAME(nyx_cpu__compare)(const nyx_call *call, int part, int parts)
{
    static const binary_fn real[] = { [NYX_EQUAL] = equal_f32, [NYX_GREATER] = greater_f32,
                                      [NYX_GREATER_EQUAL] = greater_equal_f32 };
    static const binary_fn integer[] = { [NYX_EQUAL] = equal_i32, [NYX_GREATER] = greater_i32,
                                         [NYX_GREATER_EQUAL] = greater_equal_i32 };
    const int64_t how = call->node->ints[0];

    binary(call, call->in[0].dtype == NYX_F32 ? real[how] : integer[how], part, parts);
}

/* The mask repeats along the last axes, `a` along the first. */
void NYX_ISA_NAME(nyx_cpu__select)(const nyx_call *call, int part, int parts)
{
    const int32_t *mask = call->in[0].data, *b = call->in[2].data;
    const int64_t  count = call->out[0].count, period = call->in[1].count;
    const int64_t  step = call->in[0].count > 0 ? count / call->in[0].count : 1;
    int32_t       *y = call->out[0].data;
    int64_t        begin, end;

    nyx_cpu_split(&begin, &end, count, GRAIN, part, parts);
    for (int64_t i = begin, next; i < end; i = next) {
        const int64_t  left = period - i % period;
        const int32_t *a = (const int32_t *)call->in[1].data + i % period;

        next = end - i < left ? end : i + left;
        if (step > 1) {
            next = next < (i / step + 1) * step ? next : (i / step + 1) * step;
            memcpy(y + i, mask[i / step] ? a : b + i, (size_t)(next - i) * sizeof *y);
        } else {
            for (int64_t j = i; j < next; j++)
                y[j] = mask[j] ? a[j - i] : b[j];
        }
    }
}

/* ---- one operand --------------------------------------------------------------- */

void NYX_ISA_NAME(nyx_cpu__affine)(const nyx_call *call, int part, int parts)
{
    const float *restrict x = call->in[0].data;
    float *restrict       y = call->out[0].data;
    const float           scale = (float)call->node->reals[0], shift = (float)call->node->reals[1];
    int64_t               begin, end;

    nyx_cpu_split(&begin, &end, call->out[0].count, GRAIN, part, parts);
    for (int64_t i = begin; i < end; i++)
        y[i] = scale * x[i] + shift;
}

void NYX_ISA_NAME(nyx_cpu__sqrt)(const nyx_call *call, int part, int parts)
{
    const float *restrict x = call->in[0].data;
    float *restrict       y = call->out[0].data;
    int64_t               begin, end;

    nyx_cpu_split(&begin, &end, call->out[0].count, GRAIN, part, parts);
    for (int64_t i = begin; i < end; i++)
        y[i] = nyx_sqrtf(x[i]);
}

void NYX_ISA_NAME(nyx_cpu__sigmoid)(const nyx_call *call, int part, int parts)
{
    const float *x = call->in[0].data;
    float       *y = call->out[0].data;
    int64_t      begin, end, i;

    nyx_cpu_split(&begin, &end, call->out[0].count, GRAIN, part, parts);
    for (i = begin; i + NYX_W <= end; i += NYX_W)
        vf_store(y + i, vf_sigmoid(vf_load(x + i)));
    for (; i < end; i++)
        y[i] = nyx_sigmoidf(x[i]);
}

/* max(x, 0) - x target + ln(1 + e^-|x|), in float64: no exponential of a
 * large number. */
void NYX_ISA_NAME(nyx_cpu__bce)(const nyx_call *call, int part, int parts)
{
    const float *logits = call->in[0].data, *target = call->in[1].data;
    float       *loss = call->out[0].data;
    int64_t      begin, end;

    nyx_cpu_split(&begin, &end, call->out[0].count, GRAIN, part, parts);
    for (int64_t i = begin; i < end; i++) {
        const double x = (double)logits[i];
        const double tail = nyx_log1p64(nyx_exp64(x < 0 ? x : -x));

        loss[i] = (float)((x > 0 ? x : 0) - x * (double)target[i] + tail);
    }
}

/* ---- SwiGLU: rows of gate then up (Shazeer 2020, arXiv:2002.05202) -------------- */

/* Gates are computed in vectors to the last element: where a thread's share
 * begins must not change a bit. */
static void swiglu(float *y, const float *gate, const float *up, int64_t count)
{
    int64_t i = 0;
    vf      g, rest;

    for (; i + NYX_W <= count; i += NYX_W) {
        g = vf_load(gate + i);
        vf_store(y + i, g * vf_gate(g, &rest) * vf_load(up + i));
    }
    if (i < count) {
        g = vf_load_part(gate + i, count - i);
        vf_store_part(y + i, g * vf_gate(g, &rest) * vf_load_part(up + i, count - i), count - i);
    }
}

/* d gate = dy up s (1 + gate rest), d up = dy gate s, s = sigmoid(gate), rest = 1 - s. */
static void swiglu_grad(float *dx, const float *x, const float *dy, int64_t width, int64_t count)
{
    int64_t i = 0;
    vf      g, d, s, rest;

    for (; i + NYX_W <= count; i += NYX_W) {
        g = vf_load(x + i);
        d = vf_load(dy + i);
        s = vf_gate(g, &rest);
        vf_store(dx + i, d * vf_load(x + width + i) * (s * (1.0f + g * rest)));
        vf_store(dx + width + i, d * (g * s));
    }
    if (i < count) {
        g = vf_load_part(x + i, count - i);
        d = vf_load_part(dy + i, count - i);
        s = vf_gate(g, &rest);
        vf_store_part(dx + i, d * vf_load_part(x + width + i, count - i) * (s * (1.0f + g * rest)), count - i);
        vf_store_part(dx + width + i, d * (g * s), count - i);
    }
}

/* Elements of the result are split; a stretch ends with its row. */
void NYX_ISA_NAME(nyx_cpu__swiglu)(const nyx_call *call, int part, int parts)
{
    const int64_t width = nyx_isa_width(call->out[0].shape);
    const float  *x = call->in[0].data;
    float        *y = call->out[0].data;
    int64_t       begin, end;

    nyx_cpu_split(&begin, &end, call->out[0].count, GRAIN, part, parts);
    for (int64_t i = begin, next; i < end; i = next) {
        const float *gate = x + i / width * 2 * width + i % width;

        next = (i / width + 1) * width < end ? (i / width + 1) * width : end;
        swiglu(y + i, gate, gate + width, next - i);
    }
}

void NYX_ISA_NAME(nyx_cpu__swiglu_grad)(const nyx_call *call, int part, int parts)
{
    const int64_t width = nyx_isa_width(call->in[1].shape);
    const float  *x = call->in[0].data, *dy = call->in[1].data;
    float        *dx = call->out[0].data;
    int64_t       begin, end;

    nyx_cpu_split(&begin, &end, call->in[1].count, GRAIN, part, parts);
    for (int64_t i = begin, next; i < end; i = next) {
        const int64_t at = i / width * 2 * width + i % width;

        next = (i / width + 1) * width < end ? (i / width + 1) * width : end;
        swiglu_grad(dx + at, x + at, dy + i, width, next - i);
    }
}

/* ---- GELU, tanh form: Hendrycks & Gimpel 2016, arXiv:1606.08415 ------------------ */

/* tanh(u) + 1 = 2 sigmoid(2 u); 2 u = x (a + b x^2). */
static const float gelu_a = 1.59576912f;   // 2 sqrt(2 / pi)
static const float gelu_b = 0.0713548163f; // 0.044715 times it

void NYX_ISA_NAME(nyx_cpu__gelu)(const nyx_call *call, int part, int parts)
{
    const float *x = call->in[0].data;
    float       *y = call->out[0].data;
    int64_t      begin, end, i;

    nyx_cpu_split(&begin, &end, call->out[0].count, GRAIN, part, parts);
    for (i = begin; i + NYX_W <= end; i += NYX_W) {
        const vf v = vf_load(x + i);

        vf_store(y + i, v * vf_sigmoid(v * (gelu_a + gelu_b * (v * v))));
    }
    for (; i < end; i++)
        y[i] = x[i] * nyx_sigmoidf(x[i] * (gelu_a + gelu_b * (x[i] * x[i])));
}

/* dy (s + x s (1 - s) (a + 3 b x^2)), s = sigmoid(z), z = x (a + b x^2);
 * s (1 - s) = e / (1 + e)^2 with e = e^-|z|, so that 1 - s loses no bits. */
void NYX_ISA_NAME(nyx_cpu__gelu_grad)(const nyx_call *call, int part, int parts)
{
    const float *x = call->in[0].data, *dy = call->in[1].data;
    float       *dx = call->out[0].data;
    int64_t      begin, end, i;

    nyx_cpu_split(&begin, &end, call->out[0].count, GRAIN, part, parts);
    for (i = begin; i + NYX_W <= end; i += NYX_W) {
        const vf v = vf_load(x + i), square = v * v, z = v * (gelu_a + gelu_b * square);
        const vf e = vf_exp((vf)((vi)z | INT32_MIN)), r = 1.0f / (1.0f + e);
        const vf s = vf_select(z < vf_all(0.0f), e * r, r);

        vf_store(dx + i, vf_load(dy + i) * (s + v * (e * r * r) * (gelu_a + 3.0f * gelu_b * square)));
    }
    for (; i < end; i++) {
        const float square = x[i] * x[i], z = x[i] * (gelu_a + gelu_b * square);
        const float e = nyx_expf(z < 0.0f ? z : -z), r = 1.0f / (1.0f + e), s = z < 0.0f ? e * r : r;

        dx[i] = dy[i] * (s + x[i] * (e * r * r) * (gelu_a + 3.0f * gelu_b * square));
    }
}
