/* cached -- attention of new positions over a key-value cache and themselves.
 *
 * A tile is a few queries of one head that see nearly the same keys; tiles are
 * split among threads. A key's score and the sums over keys have one order
 * that knows nothing of tiles, nor of where the cache ends and the new
 * positions begin: a text cut in any pieces gives the same bits.
 */
#include "fold.h"
#include "isa.h"

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

#if NYX_W == 16
enum { QUERIES = 4 };
#else
enum { QUERIES = 2 };
#endif
enum { KEYS = 4 };

static int64_t score_room(int64_t capacity)
{
    return (capacity + 2 * NYX_W) / NYX_W * NYX_W;
}

int64_t NYX_ISA_NAME(nyx_cpu__attention_cached_workspace)(const nyx_graph *g, const nyx_node *node, int parts)
{
    return QUERIES * score_room(nyx_value_shape(g, node->inputs[1])->dims[2]) * parts * (int64_t)sizeof(float);
}

/* Queries of one head, `step` apart; their scores, `room` apart. */
typedef struct {
    const float *q;
    float       *o, *score;
    int64_t      q_step, o_step, room;
} tile;

/* Scores of keys 0 ... count - 1, and a few behind that nobody reads. `queries`
 * is a constant once inlined. */
NYX_INLINE void tile_scores(const tile *a, int queries, const stretch *keys, int64_t count)
{
    const int64_t width = keys->width;
    const float   scale = 1.0f / nyx_sqrtf((float)width);

    for (int64_t t = 0; t < count; t += KEYS) {
        vf           sum[QUERIES][KEYS];
        const float *k[KEYS];
        int64_t      i = 0;

        NYX_UNROLL(4)
        for (int j = 0; j < KEYS; j++) {
            k[j] = place(keys, t + j < count ? t + j : count - 1);
            for (int r = 0; r < queries; r++)
                sum[r][j] = (vf){ 0 };
        }
        for (; i + NYX_W <= width; i += NYX_W)
            NYX_UNROLL(4)
            for (int r = 0; r < queries; r++)
                NYX_UNROLL(4)
                for (int j = 0; j < KEYS; j++)
                    sum[r][j] = vf_fma(vf_load(a->q + r * a->q_step + i), vf_load(k[j] + i), sum[r][j]);
        for (int r = 0; r < queries && i < width; r++)
            for (int j = 0; j < KEYS; j++)
                sum[r][j] = vf_fma(vf_load_part(a->q + r * a->q_step + i, width - i), vf_load_part(k[j] + i, width - i),
                                   sum[r][j]);
        NYX_UNROLL(4)
        for (int r = 0; r < queries; r++) {
            float out[KEYS];

            vf_sum4(out, sum[r]);
            for (int j = 0; j < KEYS; j++)
                a->score[r * a->room + t + j] = out[j] * scale;
        }
    }
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

/* o = sum of weights times values, divided by `sum`; query r sees `count` + r
 * of them. AT_ONCE vectors of the head's width in registers. */
enum { AT_ONCE = 4 };

NYX_INLINE void mix_add(vf y[AT_ONCE], float weight, const float *v)
{
    NYX_UNROLL(4)
    for (int j = 0; j < AT_ONCE; j++)
        y[j] = vf_fma(vf_all(weight), vf_load(v + j * NYX_W), y[j]);
}

/* The last few columns, of query r. */
static void mix_rest(const tile *a, int r, const stretch *values, int64_t count, float sum, int64_t i)
{
    for (; i < values->width; i += NYX_W) {
        const int64_t left = values->width - i < NYX_W ? values->width - i : NYX_W;
        vf            y = { 0 };

        for (int64_t t = 0; t < count + r; t++) {
            const float *v = place(values, t) + i;

            y = vf_fma(vf_all(a->score[r * a->room + t]), left == NYX_W ? vf_load(v) : vf_load_part(v, left), y);
        }
        vf_store_part(a->o + r * a->o_step + i, y / vf_all(sum), left);
    }
}

NYX_INLINE void tile_mix(const tile *a, int queries, const stretch *values, int64_t count, const float *sum)
{
    int64_t i = 0;

    for (; i + AT_ONCE * NYX_W <= values->width; i += AT_ONCE * NYX_W) {
        vf y[QUERIES][AT_ONCE];

        memset(y, 0, sizeof y);
        for (int64_t t = 0; t < count; t++) {
            const float *v = place(values, t) + i;

            NYX_UNROLL(4)
            for (int r = 0; r < queries; r++)
                mix_add(y[r], a->score[r * a->room + t], v);
        }
        NYX_UNROLL(4)
        for (int r = 0; r < queries; r++) {
            for (int64_t t = count; t < count + r; t++)
                mix_add(y[r], a->score[r * a->room + t], place(values, t) + i);
            for (int j = 0; j < AT_ONCE; j++)
                vf_store(a->o + r * a->o_step + i + j * NYX_W, y[r][j] / vf_all(sum[r]));
        }
    }
    for (int r = 0; r < queries && i < values->width; r++)
        mix_rest(a, r, values, count, sum[r], i);
}

/* The first query sees `count` positions, each other one more. */
NYX_INLINE void tile_attend(const tile *a, int queries, const stretch *keys, const stretch *values, int64_t count)
{
    float sum[QUERIES];

    tile_scores(a, queries, keys, count + queries - 1);
    for (int r = 0; r < queries; r++)
        sum[r] = weigh(a->score + r * a->room, count + r);
    tile_mix(a, queries, values, count, sum);
}

static void attend(const tile *a, int queries, const stretch *keys, const stretch *values, int64_t count)
{
    if (queries == QUERIES)
        tile_attend(a, QUERIES, keys, values, count);
    else if (queries == 1)
        tile_attend(a, 1, keys, values, count);
#if NYX_W == 16
    else if (queries == 2)
        tile_attend(a, 2, keys, values, count);
    else
        tile_attend(a, 3, keys, values, count);
#endif
}

static bool row_fits(const shape *c, int64_t past, int64_t row)
{
    return past >= 0 && past + c->positions <= c->capacity && row >= 0 && row < c->cache_rows;
}

/* Queries s to s + queries - 1 of head h of row b. */
static void tile_run(const nyx_call *call, const shape *c, float *score, int64_t b, int64_t h, int64_t s, int queries)
{
    const int64_t past = ((const int32_t *)call->in[3].data)[b], row = ((const int32_t *)call->in[4].data)[b];
    const float  *x = (const float *)call->in[0].data + b * c->positions * c->row;
    const int64_t kv = h / (c->heads / c->kv), o_step = c->heads * c->width;
    const bool    fits = row_fits(c, past, row);
    const int64_t at = fits ? (row * c->kv + kv) * c->capacity * c->width : 0;
    const stretch keys = { (const float *)call->in[1].data + at, x + (c->heads + kv) * c->width, past, c->width,
                           c->row };
    const stretch values = { (const float *)call->in[2].data + at, x + (c->heads + c->kv + kv) * c->width, past,
                             c->width, c->row };
    const tile    a = { x + s * c->row + h * c->width,
                        (float *)call->out[0].data + (b * c->positions + s) * o_step + h * c->width, score, c->row,
                        o_step, score_room(c->capacity) };

    if (fits)
        attend(&a, queries, &keys, &values, past + s + 1);
    for (int64_t i = 0; i < queries * c->width && !fits; i++)
        a.o[i / c->width * o_step + i % c->width] = nyx_f32_of_bits(0x7fc00000u); // NaN
}

void NYX_ISA_NAME(nyx_cpu__attention_cached)(const nyx_call *call, int part, int parts)
{
    const shape   c = shape_of(call->in[0].shape, call->in[1].shape, call->node->ints);
    const int64_t tiles = (c.positions + QUERIES - 1) / QUERIES;
    float        *score = (float *)call->workspace + QUERIES * score_room(c.capacity) * part;
    int64_t       begin, end;

    nyx_cpu_split(&begin, &end, c.batches * c.heads * tiles, 1, part, parts);
    for (int64_t i = begin; i < end; i++) {
        const int64_t s = i % tiles * QUERIES, left = c.positions - s;

        tile_run(call, &c, score, i / tiles / c.heads, i / tiles % c.heads, s, (int)(left < QUERIES ? left : QUERIES));
    }
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
