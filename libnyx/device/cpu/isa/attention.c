/* attention -- softmax(Q K^T / sqrt(d)) V, some queries of one head at a time.
 *
 * K^T and V of a head are laid out once for all its queries; the scores of a
 * block of queries stay in the level 1 or 2 cache from Q K^T to P V. Work is
 * split by blocks of queries; what a query gets does not depend on who
 * computes it.
 */
#include "heads.h"

#include <float.h>

enum { SCORES = 8192 }; // floats: 32 KiB

/* One thread's scratch. */
typedef struct {
    float *keys;    // K^T in panels [width, vectors W]
    float *values;  // V [positions, wide]
    float *queries; // Q / sqrt(d) [at_once, wide]
    float *scores;  // [at_once, step]
    float *result;  // [at_once, wide]
    float *scale;   // [at_once] 1 / sum
} scratch;

static int64_t scratch_floats(const heads *h)
{
    int64_t floats = h->width * h->vectors * NYX_W + h->positions * h->wide +
                     h->at_once * (2 * h->wide + h->step + 1);

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
    s.scale = s.result + h->at_once * h->wide;
    return s;
}

/* score[0 .. keys) becomes e^(score - largest), zeros up to `end`, a multiple
 * of W. Returns the largest; *sum gets the sum of the exponentials. */
static float row_softmax(float *score, int64_t keys, int64_t end, float *sum)
{
    const int64_t whole = (keys + NYX_W - 1) / NYX_W * NYX_W;
    vf            most = vf_all(-FLT_MAX), total = { 0 };
    float         largest;

    for (int64_t t = keys; t < whole; t++)
        score[t] = -FLT_MAX;
    for (int64_t t = 0; t < whole; t += NYX_W)
        most = vf_max(vf_load(score + t), most);
    largest = vf_largest(most);
    most = vf_all(largest);
    for (int64_t t = 0; t < whole; t += NYX_W) {
        vf p = vf_exp(vf_load(score + t) - most);

        vf_store(score + t, p);
        total += p;
    }
    for (int64_t t = whole; t < end; t += NYX_W)
        vf_store(score + t, (vf){ 0 });
    *sum = vf_sum(total);
    return largest;
}

/* Queries [first, first + count) of one head, K and V being in the scratch.
 * `o` and `lse` are those of the first query, or NULL. */
static void attend(const heads *h, const scratch *s, const float *q, float *o, float *lse, int64_t first,
                   int64_t count)
{
    const int64_t keys = h->causal ? first + count : h->positions;
    const int64_t used = (keys + NYX_W - 1) / NYX_W;

    small_copy(s->queries, h->wide, q, h->row, count, h->width);
    for (int64_t i = 0; i < count * h->wide; i++)
        s->queries[i] *= h->scale;
    small_multiply(&(small_product){ s->queries, h->wide, 1, s->keys, 0, s->scores, h->step, count,
                                     h->vectors, used, h->width, false });
    for (int64_t i = 0; i < count; i++) {
        float sum, most = row_softmax(s->scores + i * h->step, h->causal ? first + i + 1 : keys,
                                      used * NYX_W, &sum);

        s->scale[i] = 1.0f / sum;
        if (lse)
            lse[i] = most + nyx_logf(sum);
    }
    if (!o)
        return;
    small_multiply(&(small_product){ s->scores, h->step, 1, s->values, h->wide, s->result, h->wide,
                                     count, h->wide / NYX_W, h->wide / NYX_W, keys, false });
    for (int64_t i = 0; i < count; i++)
        for (int64_t j = 0; j < h->width; j++)
            o[i * h->heads * h->width + j] = s->result[i * h->wide + j] * s->scale[i];
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
    int64_t       begin, end, held = -1;

    nyx_cpu_split(&begin, &end, h.batches * h.heads * blocks, 1, part, parts);
    for (int64_t at = begin; at < end; at++) {
        const int64_t first = at % blocks * h.at_once, head = at / blocks % h.heads;
        const int64_t batch = at / blocks / h.heads, kv = head / h.group;
        const int64_t left = h.positions - first, row = batch * h.positions + first;
        const float  *from = x + batch * h.positions * h.row;

        if (held != batch * h.kv_heads + kv) {
            held = batch * h.kv_heads + kv;
            small_pack_turned(s.keys, h.vectors, from + (h.heads + kv) * h.width, h.row,
                              h.positions, h.width);
            small_copy(s.values, h.wide, from + (h.heads + h.kv_heads + kv) * h.width, h.row,
                       h.positions, h.width);
        }
        attend(&h, &s, x + row * h.row + head * h.width,
               o ? o + (row * h.heads + head) * h.width : NULL,
               lse ? lse + (batch * h.heads + head) * h.positions + first : NULL, first,
               left < h.at_once ? left : h.at_once);
    }
}
