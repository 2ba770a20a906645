/* inference -- coded weights decoded row by row, attention over a cache. */
#include "device/cpu/reference/real.h"

/* ---- coded weights ----------------------------------------------------------- */

/* One row of weights as f32. */
int64_t NYX_REFERENCE(coded_workspace)(const nyx_graph *g, const nyx_node *node, int parts)
{
    (void)g;
    (void)parts;
    return last_extent(&node->shape) * (int64_t)sizeof(float);
}

static void widen(real *to, const float *from, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        to[i] = (real)from[i];
}

void NYX_REFERENCE(decode)(const nyx_call *call, int part, int parts)
{
    nyx_layout      layout;
    const nyx_coded coded = nyx_cpu_coded(&layout, call, 0);
    real           *y = call->out[0].data;

    (void)parts;
    if (part)
        return;
    for (int64_t r = 0; r < layout.rows; r++) {
        nyx_decode_rows(call->workspace, &coded, r, 1);
        widen(y + r * layout.cols, call->workspace, layout.cols);
    }
}

void NYX_REFERENCE(embedding_coded)(const nyx_call *call, int part, int parts)
{
    nyx_layout         layout;
    const nyx_coded    coded = nyx_cpu_coded(&layout, call, 1);
    const nyx_operand *ids = &call->in[0];
    real              *y = call->out[0].data;

    (void)parts;
    if (part)
        return;
    for (int64_t i = 0; i < ids->count; i++) {
        const int64_t id = ((const int32_t *)ids->data)[i];

        if (id >= 0 && id < layout.rows) {
            nyx_decode_rows(call->workspace, &coded, id, 1);
            widen(y + i * layout.cols, call->workspace, layout.cols);
        } else {
            for (int64_t j = 0; j < layout.cols; j++)
                y[i * layout.cols + j] = (real)NAN;
        }
    }
}

/* A row of weights, and x as it is multiplied. */
int64_t NYX_REFERENCE(matmul_coded_workspace)(const nyx_graph *g, const nyx_node *node, int parts)
{
    return NYX_REFERENCE(coded_workspace)(g, node, parts) +
           nyx_value_elems(g, node->inputs[0]) * (int64_t)sizeof(float);
}

static void round_rows(float *to, const real *x, int64_t rows, int64_t terms, int64_t block)
{
    for (int64_t i = 0; i < rows * terms; i++)
        to[i] = (float)x[i];
    for (int64_t i = 0; i < rows; i++)
        nyx_activation_round(to + i * terms, to + i * terms, terms, block);
}

void NYX_REFERENCE(matmul_coded)(const nyx_call *call, int part, int parts)
{
    nyx_layout      layout;
    const nyx_coded coded = nyx_cpu_coded(&layout, call, 1);
    const int64_t   block = nyx_activations_block(nyx_node_activations(call->node), layout.cols);
    const float    *w = call->workspace;
    float          *codes = (float *)call->workspace + layout.cols;
    const real     *x = call->in[0].data, *bias = call->in[5].data;
    const int64_t   terms = layout.cols, columns = layout.rows, rows = terms ? call->in[0].count / terms : 0;
    real           *y = call->out[0].data;

    (void)parts;
    if (part)
        return;
    if (block)
        round_rows(codes, x, rows, terms, block);
    for (int64_t j = 0; j < columns; j++) {
        nyx_decode_rows(call->workspace, &coded, j, 1);
        for (int64_t i = 0; i < rows; i++) {
            real sum = 0;

            for (int64_t k = 0; k < terms; k++)
                sum += (block ? (real)codes[i * terms + k] : x[i * terms + k]) * (real)w[k];
            y[i * columns + j] = bias ? sum + bias[j] : sum;
        }
    }
}

/* ---- attention over a cache ------------------------------------------------------ */

typedef struct {
    int64_t batches, positions, heads, kv, width, row, capacity;
} cached;

static cached cached_of(const nyx_call *call)
{
    const nyx_shape *x = call->in[0].shape;
    const int64_t    heads = call->node->ints[0], kv = call->node->ints[1];

    return (cached){ x->dims[0], x->dims[1], heads, kv, x->dims[2] / (heads + 2 * kv), x->dims[2],
                     call->in[1].shape->dims[2] };
}

/* Is there such a row of the cache, with room behind its past? */
static bool row_fits(const nyx_call *call, const cached *c, int64_t b)
{
    const int64_t past = ((const int32_t *)call->in[3].data)[b], row = ((const int32_t *)call->in[4].data)[b];

    return past >= 0 && past + c->positions <= c->capacity && row >= 0 && row < call->in[1].shape->dims[0];
}

/* One real for each place of the cache. */
int64_t NYX_REFERENCE(attention_cached_workspace)(const nyx_graph *g, const nyx_node *node, int parts)
{
    (void)parts;
    return nyx_value_shape(g, node->inputs[1])->dims[2] * (int64_t)sizeof(real);
}

/* Keys (or values) t of one head: from the cache, then from x. */
typedef struct {
    const real *old, *fresh;
    int64_t     past, width, row;
} stretch;

static const real *place(const stretch *s, int64_t t)
{
    return t < s->past ? s->old + t * s->width : s->fresh + (t - s->past) * s->row;
}

static void attend(real *o, real *score, const real *q, const stretch *keys, const stretch *values, int64_t count)
{
    const real scale = 1 / real_sqrt((real)keys->width);
    real       most = 0, sum = 0;

    for (int64_t t = 0; t < count; t++) {
        const real *k = place(keys, t);

        score[t] = 0;
        for (int64_t i = 0; i < keys->width; i++)
            score[t] += q[i] * k[i];
        score[t] *= scale;
        most = t == 0 || score[t] > most ? score[t] : most;
    }
    for (int64_t i = 0; i < keys->width; i++)
        o[i] = 0;
    for (int64_t t = 0; t < count; t++) {
        const real *v = place(values, t);

        score[t] = real_exp(score[t] - most);
        sum += score[t];
        for (int64_t i = 0; i < keys->width; i++)
            o[i] += score[t] * v[i];
    }
    for (int64_t i = 0; i < keys->width; i++)
        o[i] /= sum;
}

void NYX_REFERENCE(attention_cached)(const nyx_call *call, int part, int parts)
{
    const cached   c = cached_of(call);
    const int32_t *past = call->in[3].data, *rows = call->in[4].data;
    real          *o = call->out[0].data;

    (void)parts;
    if (part)
        return;
    for (int64_t b = 0; b < c.batches; b++) {
        const real *x = (const real *)call->in[0].data + b * c.positions * c.row;

        for (int64_t i = 0; i < c.positions * c.heads && !row_fits(call, &c, b); i++)
            for (int64_t j = 0; j < c.width; j++)
                o[(b * c.positions * c.heads + i) * c.width + j] = (real)NAN;
        for (int64_t h = 0; h < c.heads && row_fits(call, &c, b); h++) {
            const int64_t kv = h / (c.heads / c.kv), at = (rows[b] * c.kv + kv) * c.capacity * c.width;
            const stretch keys = { (const real *)call->in[1].data + at, x + (c.heads + kv) * c.width, past[b],
                                   c.width, c.row };
            const stretch values = { (const real *)call->in[2].data + at, x + (c.heads + c.kv + kv) * c.width,
                                     past[b], c.width, c.row };

            for (int64_t s = 0; s < c.positions; s++)
                attend(o + ((b * c.positions + s) * c.heads + h) * c.width, call->workspace,
                       x + s * c.row + h * c.width, &keys, &values, past[b] + s + 1);
        }
    }
}

void NYX_REFERENCE(cache_write)(const nyx_call *call, int part, int parts)
{
    const cached   c = cached_of(call);
    const int32_t *past = call->in[3].data, *rows = call->in[4].data;

    (void)parts;
    if (part)
        return;
    for (int64_t b = 0; b < c.batches; b++) {
        const real *x = (const real *)call->in[0].data + (b * c.positions * c.row + c.heads * c.width);

        for (int64_t i = 0; i < c.kv * c.positions && row_fits(call, &c, b); i++) {
            const int64_t h = i / c.positions, s = i % c.positions;
            const int64_t to = ((rows[b] * c.kv + h) * c.capacity + past[b] + s) * c.width;
            const real   *from = x + s * c.row + h * c.width;

            memcpy((real *)call->in[1].data + to, from, (size_t)c.width * sizeof *from);
            memcpy((real *)call->in[2].data + to, from + c.kv * c.width, (size_t)c.width * sizeof *from);
        }
    }
}
