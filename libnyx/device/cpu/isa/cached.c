/* cached -- attention of new positions over a key-value cache and themselves.
 *
 * One query of one head at a time, heads split among threads. A key's score
 * and the sums over keys have one order that knows nothing of where the cache
 * ends and the new positions begin: a text cut in any pieces gives the same
 * bits.
 */
#include "isa.h"
#include "simd.h"

typedef struct {
    int64_t batches, positions, heads, kv, width, row, capacity, cache_rows;
} shape;

static shape shape_of(const nyx_shape *x, const nyx_shape *keys, const int64_t *ints)
{
    return (shape){ x->dims[0], x->dims[1], ints[0], ints[1], x->dims[2] / (ints[0] + 2 * ints[1]), x->dims[2],
                    keys->dims[2], keys->dims[0] };
}

/* Keys (or values) of one head: those of the cache, then those of x. */
typedef struct {
    const float *old, *fresh;
    int64_t      past, width, row;
} stretch;

static const float *place(const stretch *s, int64_t t)
{
    return t < s->past ? s->old + t * s->width : s->fresh + (t - s->past) * s->row;
}

static int64_t score_room(int64_t capacity)
{
    return (capacity + 2 * NYX_W) / NYX_W * NYX_W;
}

int64_t NYX_ISA_NAME(nyx_cpu__attention_cached_workspace)(const nyx_graph *g, const nyx_node *node, int parts)
{
    return score_room(nyx_value_shape(g, node->inputs[1])->dims[2]) * parts * (int64_t)sizeof(float);
}

NYX_INLINE float dot(const float *a, const float *b, int64_t count)
{
    vf      sum = { 0 };
    int64_t i = 0;

    for (; i + NYX_W <= count; i += NYX_W)
        sum = vf_fma(vf_load(a + i), vf_load(b + i), sum);
    if (i < count)
        sum = vf_fma(vf_load_part(a + i, count - i), vf_load_part(b + i, count - i), sum);
    return vf_sum(sum);
}

/* Scores become e^(score - most); returns their sum. */
static float weigh(float *score, int64_t count)
{
    vf    most = vf_all(score[0]), sum = { 0 };
    float top;

    for (int64_t t = count; t % NYX_W; t++)
        score[t] = -__builtin_inff();
    for (int64_t t = 0; t < count; t += NYX_W)
        most = vf_max(most, vf_load(score + t));
    top = vf_largest(most);
    for (int64_t t = 0; t < count; t += NYX_W) {
        const vf e = vf_exp_down(vf_load(score + t) - vf_all(top));

        vf_store(score + t, e);
        sum += e;
    }
    return vf_sum(sum);
}

/* o = sum of weights times values, over `count` of them, divided by `sum`;
 * AT_ONCE vectors of the head's width in registers. */
enum { AT_ONCE = 4 };

static void mix(float *o, const float *weight, const stretch *values, int64_t count, float sum)
{
    const int64_t width = values->width;
    int64_t       i = 0;

    for (; i + AT_ONCE * NYX_W <= width; i += AT_ONCE * NYX_W) {
        vf y[AT_ONCE] = { { 0 } };

        for (int64_t t = 0; t < count; t++) {
            const float *v = place(values, t) + i;
            const vf     w = vf_all(weight[t]);

            NYX_UNROLL(4)
            for (int j = 0; j < AT_ONCE; j++)
                y[j] = vf_fma(w, vf_load(v + j * NYX_W), y[j]);
        }
        for (int j = 0; j < AT_ONCE; j++)
            vf_store(o + i + j * NYX_W, y[j] / vf_all(sum));
    }
    for (; i < width; i += NYX_W) {
        const int64_t left = width - i < NYX_W ? width - i : NYX_W;
        vf            y = { 0 };

        for (int64_t t = 0; t < count; t++) {
            const float *v = place(values, t) + i;

            y = vf_fma(vf_all(weight[t]), left == NYX_W ? vf_load(v) : vf_load_part(v, left), y);
        }
        vf_store_part(o + i, y / vf_all(sum), left);
    }
}

static void head(float *o, float *score, const float *q, const stretch *keys, const stretch *values, int64_t count)
{
    const float scale = 1.0f / nyx_sqrtf((float)keys->width);
    float       sum;

    for (int64_t t = 0; t < count; t++)
        score[t] = dot(q, place(keys, t), keys->width) * scale;
    sum = weigh(score, count);
    mix(o, score, values, count, sum);
}

static bool row_fits(const shape *c, int64_t past, int64_t row)
{
    return past >= 0 && past + c->positions <= c->capacity && row >= 0 && row < c->cache_rows;
}

/* Head h of row b: all new positions. */
static void head_of_row(const nyx_call *call, const shape *c, float *score, int64_t b, int64_t h)
{
    const int64_t past = ((const int32_t *)call->in[3].data)[b], row = ((const int32_t *)call->in[4].data)[b];
    const float  *x = (const float *)call->in[0].data + b * c->positions * c->row;
    float        *o = (float *)call->out[0].data + b * c->positions * c->heads * c->width + h * c->width;
    const int64_t kv = h / (c->heads / c->kv);
    const bool    fits = row_fits(c, past, row);
    const int64_t at = fits ? (row * c->kv + kv) * c->capacity * c->width : 0;
    const stretch keys = { (const float *)call->in[1].data + at, x + (c->heads + kv) * c->width, past, c->width,
                           c->row };
    const stretch values = { (const float *)call->in[2].data + at, x + (c->heads + c->kv + kv) * c->width, past,
                             c->width, c->row };

    for (int64_t s = 0; s < c->positions; s++, o += c->heads * c->width) {
        if (fits)
            head(o, score, x + s * c->row + h * c->width, &keys, &values, past + s + 1);
        else
            for (int64_t i = 0; i < c->width; i++)
                o[i] = nyx_f32_of_bits(0x7fc00000u); // NaN
    }
}

void NYX_ISA_NAME(nyx_cpu__attention_cached)(const nyx_call *call, int part, int parts)
{
    const shape c = shape_of(call->in[0].shape, call->in[1].shape, call->node->ints);
    float      *score = (float *)call->workspace + score_room(c.capacity) * part;
    int64_t     begin, end;

    nyx_cpu_split(&begin, &end, c.batches * c.heads, 1, part, parts);
    for (int64_t i = begin; i < end; i++)
        head_of_row(call, &c, score, i / c.heads, i % c.heads);
}

void NYX_ISA_NAME(nyx_cpu__cache_write)(const nyx_call *call, int part, int parts)
{
    const shape    c = shape_of(call->in[0].shape, call->in[1].shape, call->node->ints);
    const int32_t *past = call->in[3].data, *rows = call->in[4].data;
    int64_t        begin, end;

    nyx_cpu_split(&begin, &end, c.batches * c.positions, 1, part, parts);
    for (int64_t i = begin; i < end; i++) {
        const int64_t b = i / c.positions, s = i % c.positions;
        const float  *from = (const float *)call->in[0].data + i * c.row + c.heads * c.width;

        for (int64_t h = 0; h < c.kv && row_fits(&c, past[b], rows[b]); h++, from += c.width) {
            const int64_t to = ((rows[b] * c.kv + h) * c.capacity + past[b] + s) * c.width;

            memcpy((float *)call->in[1].data + to, from, (size_t)c.width * sizeof *from);
            memcpy((float *)call->in[2].data + to, from + c.kv * c.width, (size_t)c.width * sizeof *from);
        }
    }
}
