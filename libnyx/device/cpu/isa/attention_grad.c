/* attention_grad -- the gradient of softmax(Q K^T / sqrt(d)) V.
 *
 *     P = exp(Q K^T / sqrt(d) - lse)       dV = P^T dO
 *     dP = dO V^T                          dS = P (dP - rowsum(dO o))
 *     dQ = dS K / sqrt(d)                  dK = dS^T Q / sqrt(d)
 *
 * One thread computes all query heads of one key and value head of one row of
 * the batch, in order: no two threads add to one element. Scores are
 * recomputed from the log-sum-exp (Dao et al. 2022, arXiv:2205.14135, section
 * 3.1) for a block of queries at a time.
 */
#include "heads.h"

enum {
    SCORES = 16384, // floats: 64 KiB of P and as many of dS
    ROWS = 2        // rows of scores at once
};

/* One thread's scratch; rows are `wide` apart unless something else is said. */
typedef struct {
    float *keys_turned, *values_turned; // panels [width, vectors W]
    float *keys;                        // [positions]
    float *dkeys, *dvalues;             // [positions]
    float *queries, *douts, *dqueries;  // [at_once]; queries / sqrt(d)
    float *scores, *dscores;            // [at_once, step]
    float *means;                       // [at_once] rowsum(dO o)
} scratch;

static int64_t scratch_floats(const heads *h)
{
    int64_t floats = 2 * h->width * h->vectors * NYX_W + 3 * h->positions * h->wide +
                     h->at_once * (3 * h->wide + 2 * h->step + 1);

    return (floats + 15) / 16 * 16;
}

static scratch scratch_at(float *at, const heads *h)
{
    const int64_t turned = h->width * h->vectors * NYX_W, rows = h->positions * h->wide;
    const int64_t block = h->at_once * h->wide, scores = h->at_once * h->step;
    scratch       s;

    s.keys_turned = at;
    s.values_turned = s.keys_turned + turned;
    s.keys = s.values_turned + turned;
    s.dkeys = s.keys + rows;
    s.dvalues = s.dkeys + rows;
    s.queries = s.dvalues + rows;
    s.douts = s.queries + block;
    s.dqueries = s.douts + block;
    s.scores = s.dqueries + block;
    s.dscores = s.scores + scores;
    s.means = s.dscores + scores;
    return s;
}

/* ROWS rows of score and dscore become P and dS, zeros up to `end`; row i has
 * keys + more * i of them. */
NYX_INLINE void rows_gradient(int rows, float *score, float *dscore, int64_t step, int64_t keys,
                              int more, int64_t end, const float *lse, const float *mean)
{
    const int64_t whole = (keys + more * (rows - 1) + NYX_W - 1) / NYX_W * NYX_W;

    for (int64_t t = 0; t < whole; t += NYX_W)
        NYX_UNROLL(4)
        for (int i = 0; i < rows; i++) {
            float *s = score + i * step + t, *ds = dscore + i * step + t;
            vf     p = vf_exp_down(vf_load(s) - lse[i]);

            vf_store(s, p);
            vf_store(ds, p * (vf_load(ds) - mean[i]));
        }
    NYX_UNROLL(4)
    for (int i = 0; i < rows; i++) {
        for (int64_t t = keys + more * i; t < whole; t++)
            score[i * step + t] = dscore[i * step + t] = 0.0f;
        for (int64_t t = whole; t < end; t += NYX_W) {
            vf_store(score + i * step + t, (vf){ 0 });
            vf_store(dscore + i * step + t, (vf){ 0 });
        }
    }
}

static void row_means(const heads *h, const scratch *s, const float *o, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        const float  *a = s->douts + i * h->wide, *b = o + i * h->heads * h->width;
        const int64_t whole = h->width / NYX_W * NYX_W;
        vf            sum = { 0 };

        for (int64_t j = 0; j < whole; j += NYX_W)
            sum = vf_fma(vf_load(a + j), vf_load(b + j), sum);
        sum = vf_fma(vf_load_part(a + whole, h->width - whole),
                     vf_load_part(b + whole, h->width - whole), sum);
        s->means[i] = vf_sum(sum);
    }
}

/* Queries [first, first + count) of one head: writes their dQ, adds to dK and
 * dV. All pointers are those of the first query. One after the other where
 * something is no number. */
static void attend_back(const heads *h, const scratch *s, const float *q, const float *o,
                        const float *dout, const float *lse, float *dq, int64_t first, int64_t count)
{
    const int64_t keys = h->causal ? first + count : h->positions;
    const int64_t used = (keys + NYX_W - 1) / NYX_W, columns = h->wide / NYX_W;
    int64_t       i = 0;

    small_copy(s->queries, h->wide, q, h->row, count, h->width, h->scale);
    small_copy(s->douts, h->wide, dout, h->heads * h->width, count, h->width, 1.0f);
    if (h->causal && count > 1 &&
        !(heads_finite(s->queries, count * h->wide) && heads_finite(s->douts, count * h->wide) &&
          heads_finite(s->keys + first * h->wide, count * h->wide))) {
        for (; i < count; i++)
            attend_back(h, s, q + i * h->row, o + i * h->heads * h->width, dout + i * h->heads * h->width, lse + i,
                        dq + i * h->row, first + i, 1);
        return;
    }
    row_means(h, s, o, count);
    small_multiply(&(small_product){ s->queries, h->wide, 1, s->keys_turned, 0, s->scores, h->step,
                                     count, h->vectors, used, h->width, false });
    small_multiply(&(small_product){ s->douts, h->wide, 1, s->values_turned, 0, s->dscores, h->step,
                                     count, h->vectors, used, h->width, false });
    for (; i + ROWS <= count; i += ROWS)
        rows_gradient(ROWS, s->scores + i * h->step, s->dscores + i * h->step, h->step,
                      h->causal ? first + i + 1 : keys, h->causal, used * NYX_W, lse + i, s->means + i);
    for (; i < count; i++)
        rows_gradient(1, s->scores + i * h->step, s->dscores + i * h->step, h->step,
                      h->causal ? first + i + 1 : keys, h->causal, used * NYX_W, lse + i, s->means + i);
    small_multiply(&(small_product){ s->dscores, h->step, 1, s->keys, h->wide, s->dqueries, h->wide,
                                     count, columns, columns, keys, false });
    small_multiply(&(small_product){ s->dscores, 1, h->step, s->queries, h->wide, s->dkeys, h->wide,
                                     keys, columns, columns, count, true });
    small_multiply(&(small_product){ s->scores, 1, h->step, s->douts, h->wide, s->dvalues, h->wide,
                                     keys, columns, columns, count, true });
    for (i = 0; i < count; i++)
        small_copy(dq + i * h->row, h->width, s->dqueries + i * h->wide, 0, 1, h->width, h->scale);
}

int64_t NYX_ISA_NAME(nyx_cpu__attention_grad_workspace)(const nyx_graph *g, const nyx_node *node, int parts)
{
    heads h = heads_of(nyx_value_shape(g, node->inputs[0]), nyx_value_elems(g, node->inputs[0]),
                       node->ints, SCORES);

    return parts * scratch_floats(&h) * (int64_t)sizeof(float);
}

/* All of one key and value head `kv` of one row of the batch. */
static void head_gradient(const nyx_call *call, const heads *h, const scratch *s, int64_t batch, int64_t kv)
{
    const int64_t row = batch * h->positions;
    const int64_t key = (h->heads + kv) * h->width, value = key + h->kv_heads * h->width;
    const float  *x = (const float *)call->in[0].data + row * h->row;
    const float  *o = (const float *)call->in[1].data + row * h->heads * h->width;
    const float  *lse = (const float *)call->in[2].data + row * h->heads;
    const float  *dout = (const float *)call->in[3].data + row * h->heads * h->width;
    float        *dx = (float *)call->out[0].data + row * h->row;

    small_pack_turned(s->keys_turned, h->vectors, x + key, h->row, h->positions, h->width);
    small_pack_turned(s->values_turned, h->vectors, x + value, h->row, h->positions, h->width);
    small_copy(s->keys, h->wide, x + key, h->row, h->positions, h->width, 1.0f);
    memset(s->dkeys, 0, (size_t)(2 * h->positions * h->wide) * sizeof *s->dkeys); // and dvalues
    for (int64_t head = kv * h->group; head < (kv + 1) * h->group; head++)
        for (int64_t first = 0; first < h->positions; first += h->at_once) {
            const int64_t left = h->positions - first, at = first * h->row + head * h->width;
            const int64_t o_at = (first * h->heads + head) * h->width;

            attend_back(h, s, x + at, o + o_at, dout + o_at, lse + head * h->positions + first,
                        dx + at, first, left < h->at_once ? left : h->at_once);
        }
    for (int64_t i = 0; i < h->positions; i++) {
        memcpy(dx + i * h->row + key, s->dkeys + i * h->wide, (size_t)h->width * sizeof *dx);
        memcpy(dx + i * h->row + value, s->dvalues + i * h->wide, (size_t)h->width * sizeof *dx);
    }
}

void NYX_ISA_NAME(nyx_cpu__attention_grad)(const nyx_call *call, int part, int parts)
{
    heads   h = heads_of(call->in[0].shape, call->in[0].count, call->node->ints, SCORES);
    scratch s = scratch_at((float *)call->workspace + part * scratch_floats(&h), &h);
    int64_t begin, end;

    nyx_cpu_split(&begin, &end, h.batches * h.kv_heads, 1, part, parts);
    for (int64_t at = begin; at < end; at++) {
        const int64_t batch = at / h.kv_heads;

        if (at == begin || at % h.kv_heads == 0) {
            heads_fetch((const float *)call->in[0].data + batch * h.positions * h.row, h.positions * h.row);
            heads_fetch((const float *)call->in[3].data + batch * h.positions * h.heads * h.width,
                        h.positions * h.heads * h.width);
        }
        head_gradient(call, &h, &s, batch, at % h.kv_heads);
    }
}
