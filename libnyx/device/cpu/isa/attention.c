/* attention -- softmax(Q K^T / sqrt(d)) V, some queries of one head at a time.
 *
 * K^T and V of a head are laid out once for all its queries; the scores of a
 * block of queries stay in the level 1 or 2 cache from Q K^T to P V. Work is
 * split by blocks of queries; what a query gets does not depend on who
 * computes it.
 */
#include "heads.h"

#include <float.h>

enum {
    SCORES = 8192, // floats: 32 KiB
    ROWS = 4       // rows of scores at once: one alone waits for its own sums
};

/* One thread's scratch. */
typedef struct {
    float *keys;           // K^T in panels [width, vectors W]
    float *values;         // V [positions, wide]
    float *queries;        // Q / sqrt(d) [at_once, wide]
    float *scores;         // [at_once, step]
    float *result;         // [at_once, wide]
    float *largest, *sums; // [at_once]
} scratch;

static int64_t scratch_floats(const heads *h)
{
    int64_t floats = h->width * h->vectors * NYX_W + h->positions * h->wide +
                     h->at_once * (2 * h->wide + h->step + 2);

    return (floats + 15) / 16 * 16;
}

static scratch scratch_at(float *at, const heads *h)
{
    scratch s;

    s.keys = at;
    s.values = s.keys + h->width * h->vectors * NYX_W;
    s.queries = s.values + h->positions * h->wide;
    s.scores = s.queries + h->at_once * h->wide;
    s.result = s.scores + h->at_once * h->step;
    s.largest = s.result + h->at_once * h->wide;
    s.sums = s.largest + h->at_once;
    return s;
}

/* ROWS rows of scores, `step` apart; row i has keys + more * i of them. They
 * become e^(score - largest), zeros up to `end`, a multiple of W. */
NYX_INLINE void rows_softmax(int rows, float *score, int64_t step, int64_t keys, int more, int64_t end,
                             float *largest, float *sum)
{
    const int64_t whole = (keys + more * (rows - 1) + NYX_W - 1) / NYX_W * NYX_W;
    vf            most[ROWS], total[ROWS];

    NYX_UNROLL(4)
    for (int i = 0; i < rows; i++) {
        for (int64_t t = keys + more * i; t < whole; t++)
            score[i * step + t] = -__builtin_inff(); // weighs nothing, whatever the largest is
        most[i] = vf_all(-FLT_MAX);
        total[i] = (vf){ 0 };
    }
    for (int64_t t = 0; t < whole; t += NYX_W)
        NYX_UNROLL(4)
        for (int i = 0; i < rows; i++)
            most[i] = vf_max(vf_load(score + i * step + t), most[i]);
    NYX_UNROLL(4)
    for (int i = 0; i < rows; i++) {
        largest[i] = vf_largest(most[i]);
        most[i] = vf_all(largest[i]);
    }
    for (int64_t t = 0; t < whole; t += NYX_W)
        NYX_UNROLL(4)
        for (int i = 0; i < rows; i++) {
            vf p = vf_exp_down(vf_load(score + i * step + t) - most[i]);

            vf_store(score + i * step + t, p);
            total[i] += p;
        }
    NYX_UNROLL(4)
    for (int i = 0; i < rows; i++) {
        sum[i] = vf_sum(total[i]);
        for (int64_t t = whole; t < end; t += NYX_W)
            vf_store(score + i * step + t, (vf){ 0 });
    }
}

/* Queries [first, first + count) of one head, K and V being in the scratch.
 * `o` and `lse` are those of the first query, or NULL. One after the other where a
 * value is no number. */
static void attend(const heads *h, const scratch *s, const float *q, float *o, float *lse, int64_t first,
                   int64_t count)
{
    const int64_t keys = h->causal ? first + count : h->positions;
    const int64_t used = (keys + NYX_W - 1) / NYX_W;
    int64_t       i = 0;

    if (h->causal && count > 1 && !heads_finite(s->values + first * h->wide, count * h->wide)) {
        for (; i < count; i++)
            attend(h, s, q + i * h->row, o ? o + i * h->heads * h->width : NULL, lse ? lse + i : NULL, first + i, 1);
        return;
    }
    small_copy(s->queries, h->wide, q, h->row, count, h->width, h->scale);
    small_multiply(&(small_product){ s->queries, h->wide, 1, s->keys, 0, s->scores, h->step, count,
                                     h->vectors, used, h->width, false });
    for (; i + ROWS <= count; i += ROWS)
        rows_softmax(ROWS, s->scores + i * h->step, h->step, h->causal ? first + i + 1 : keys,
                     h->causal, used * NYX_W, s->largest + i, s->sums + i);
    for (; i < count; i++)
        rows_softmax(1, s->scores + i * h->step, h->step, h->causal ? first + i + 1 : keys,
                     h->causal, used * NYX_W, s->largest + i, s->sums + i);
    for (i = 0; lse && i < count; i++)
        lse[i] = s->sums[i] > 0.0f ? s->largest[i] + nyx_logf(s->sums[i]) : __builtin_nanf("");
    if (!o)
        return;
    small_multiply(&(small_product){ s->scores, h->step, 1, s->values, h->wide, s->result, h->wide,
                                     count, h->wide / NYX_W, h->wide / NYX_W, keys, false });
    for (i = 0; i < count; i++)
        small_copy(o + i * h->heads * h->width, h->width, s->result + i * h->wide, 0, 1, h->width,
                   1.0f / s->sums[i]);
}

int64_t NYX_ISA_NAME(nyx_cpu__attention_workspace)(const nyx_graph *g, const nyx_node *node, int parts)
{
    heads h = heads_of(nyx_value_shape(g, node->inputs[0]), nyx_value_elems(g, node->inputs[0]),
                       node->ints, SCORES);

    return parts * scratch_floats(&h) * (int64_t)sizeof(float);
}

void NYX_ISA_NAME(nyx_cpu__attention)(const nyx_call *call, int part, int parts)
{
    heads         h = heads_of(call->in[0].shape, call->in[0].count, call->node->ints, SCORES);
    const float  *x = call->in[0].data;
    float        *o = call->out[0].data, *lse = call->out[1].data;
    scratch       s = scratch_at((float *)call->workspace + part * scratch_floats(&h), &h);
    const int64_t blocks = (h.positions + h.at_once - 1) / h.at_once;
    int64_t       begin, end, held = -1, fetched = -1;

    nyx_cpu_split(&begin, &end, h.batches * h.heads * blocks, 1, part, parts);
    for (int64_t at = begin; at < end; at++) {
        const int64_t first = at % blocks * h.at_once, head = at / blocks % h.heads;
        const int64_t batch = at / blocks / h.heads, kv = head / h.group;
        const int64_t left = h.positions - first, row = batch * h.positions + first;
        const float  *from = x + batch * h.positions * h.row;

        if (batch != fetched)
            heads_fetch(from, h.positions * h.row);
        fetched = batch;
        if (held != batch * h.kv_heads + kv) {
            held = batch * h.kv_heads + kv;
            small_pack_turned(s.keys, h.vectors, from + (h.heads + kv) * h.width, h.row,
                              h.positions, h.width);
            small_copy(s.values, h.wide, from + (h.heads + h.kv_heads + kv) * h.width, h.row,
                       h.positions, h.width, 1.0f);
        }
        attend(&h, &s, x + row * h.row + head * h.width,
               o ? o + (row * h.heads + head) * h.width : NULL,
               lse ? lse + (batch * h.heads + head) * h.positions + first : NULL, first,
               left < h.at_once ? left : h.at_once);
    }
}
