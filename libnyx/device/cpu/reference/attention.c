/* attention -- softmax(Q K^T / sqrt(d)) V, one query at a time.
 * Query head h uses key and value head h / (heads / kv_heads). */
#include "device/cpu/reference/real.h"

/* Where the rows of one query head and its key and value heads start:
 * position s is `row` elements on. */
typedef struct {
    int64_t row, width, positions, heads, kv_heads;
    bool    causal;
    real    scale;
} layout;

static layout layout_of(const nyx_call *call)
{
    const nyx_shape *shape = call->in[0].shape;
    const int64_t   *ints = call->node->ints;
    const int64_t    width = last_extent(shape) / (ints[0] + 2 * ints[1]);

    return (layout){ last_extent(shape), width, shape->dims[shape->rank - 2], ints[0], ints[1], ints[2] != 0,
                     1 / real_sqrt((real)width) };
}

static real dot(const real *a, const real *b, int64_t count)
{
    real sum = 0;

    for (int64_t i = 0; i < count; i++)
        sum += a[i] * b[i];
    return sum;
}

/* One real for each key of a query. */
int64_t NYX_REFERENCE(attention_workspace)(const nyx_graph *g, const nyx_node *node, int parts)
{
    const nyx_shape *shape = nyx_value_shape(g, node->inputs[0]);

    (void)parts;
    return shape->dims[shape->rank - 2] * (int64_t)sizeof(real);
}

/* One query: o [width], returns the log-sum-exp. The largest score is taken
 * off first, so that no exponential overflows. */
static real attend(real *o, real *score, const real *q, const real *k, const real *v, int64_t keys,
                   const layout *l)
{
    real most, sum = 0;

    for (int64_t t = 0; t < keys; t++)
        score[t] = dot(q, k + t * l->row, l->width) * l->scale;
    most = score[0];
    for (int64_t t = 1; t < keys; t++)
        most = score[t] > most ? score[t] : most;
    for (int64_t t = 0; t < keys; t++) {
        score[t] = real_exp(score[t] - most);
        sum += score[t];
    }
    for (int64_t i = 0; o && i < l->width; i++) {
        real y = 0;

        for (int64_t t = 0; t < keys; t++)
            y += score[t] * v[t * l->row + i];
        o[i] = y / sum;
    }
    return (real)(most + (real)wide_log((double)sum));
}

void NYX_REFERENCE(attention)(const nyx_call *call, int part, int parts)
{
    const layout  l = layout_of(call);
    const real   *x = call->in[0].data;
    const int64_t batches = call->in[0].count / (l.positions * l.row), group = l.heads / l.kv_heads;
    real         *o = call->out[0].data, *lse = call->out[1].data;

    (void)parts;
    if (part)
        return;
    for (int64_t b = 0; b < batches; b++) {
        for (int64_t h = 0; h < l.heads; h++) {
            const real *q = x + b * l.positions * l.row + h * l.width;
            const real *k = x + b * l.positions * l.row + (l.heads + h / group) * l.width;
            const real *v = k + l.kv_heads * l.width;

            for (int64_t s = 0; s < l.positions; s++) {
                real      *to = o ? o + ((b * l.positions + s) * l.heads + h) * l.width : NULL;
                const real sum = attend(to, call->workspace, q + s * l.row, k, v,
                                        l.causal ? s + 1 : l.positions, &l);

                if (lse)
                    lse[(b * l.heads + h) * l.positions + s] = sum;
            }
        }
    }
}

/* One query head: adds to the gradients of its key and value heads.
 * P = exp(S - lse), dV = P^T dO, dP = dO V^T, dS = P (dP - rowsum(dO o)),
 * dQ = dS K / sqrt(d), dK = dS^T Q / sqrt(d). */
static void attend_back(real *dx, const real *x, const real *o, const real *lse, const real *d_o, int64_t h,
                        const layout *l)
{
    const int64_t q = h * l->width, k = (l->heads + h / (l->heads / l->kv_heads)) * l->width;
    const int64_t v = k + l->kv_heads * l->width, o_row = l->heads * l->width;

    for (int64_t s = 0; s < l->positions; s++) {
        const real *from = x + s * l->row + q, *ds_o = d_o + s * o_row + q;
        const real  mean = dot(ds_o, o + s * o_row + q, l->width);

        for (int64_t t = 0; t < (l->causal ? s + 1 : l->positions); t++) {
            const real *key = x + t * l->row + k, *value = x + t * l->row + v;
            const real  p = real_exp(dot(from, key, l->width) * l->scale - lse[s]);
            const real  ds = p * (dot(ds_o, value, l->width) - mean) * l->scale;

            for (int64_t i = 0; i < l->width; i++) {
                dx[s * l->row + q + i] += ds * key[i];
                dx[t * l->row + k + i] += ds * from[i];
                dx[t * l->row + v + i] += p * ds_o[i];
            }
        }
    }
}

void NYX_REFERENCE(attention_grad)(const nyx_call *call, int part, int parts)
{
    const layout  l = layout_of(call);
    const real   *x = call->in[0].data, *o = call->in[1].data, *lse = call->in[2].data, *d_o = call->in[3].data;
    const int64_t x_step = l.positions * l.row, o_step = l.positions * l.heads * l.width;
    real         *dx = call->out[0].data;

    (void)parts;
    if (part)
        return;
    for (int64_t i = 0; i < call->out[0].count; i++)
        dx[i] = 0;
    for (int64_t b = 0; b < call->in[0].count / x_step; b++) {
        for (int64_t h = 0; h < l.heads; h++)
            attend_back(dx + b * x_step, x + b * x_step, o + b * o_step, lse + (b * l.heads + h) * l.positions,
                        d_o + b * o_step, h, &l);
    }
}
