/* sample -- the next token out of logits. */
#include "run/run.h"
#include "tensor/math.h"

#include <string.h>

typedef struct {
    float   weight; /* e^((logit - largest) / temperature) */
    int32_t id;
} candidate;

struct nyx_chooser {
    nyx_sampling how;
    int64_t      vocabulary;
    candidate   *candidates;
};

int nyx_chooser_create(nyx_chooser **out, const nyx_sampling *how, int64_t vocabulary)
{
    nyx_chooser *s;
    int          status;

    *out = NULL;
    if ((status = nyx_alloc(&s, sizeof *s)) < 0)
        return status;
    s->how = *how;
    s->vocabulary = vocabulary;
    if ((status = nyx_alloc(&s->candidates, vocabulary * (int64_t)sizeof *s->candidates)) < 0) {
        nyx_free(s);
        return status;
    }
    *out = s;
    return 0;
}

void nyx_chooser_free(nyx_chooser *s)
{
    if (!s)
        return;
    nyx_free(s->candidates);
    nyx_free(s);
}

/* Likelier first; of equals the smaller id. */
static int by_weight(const void *a, const void *b)
{
    const candidate *x = a, *y = b;

    if (x->weight != y->weight)
        return x->weight < y->weight ? 1 : -1;
    return x->id < y->id ? -1 : x->id > y->id;
}

static int32_t largest(const float *logits, int64_t vocabulary)
{
    int32_t best = 0;

    for (int64_t i = 1; i < vocabulary; i++)
        if (logits[i] > logits[best])
            best = (int32_t)i;
    return best;
}

/* A heap of `count` whose root is the least likely: let element `at` sink. */
static void sink(candidate *c, int64_t count, int64_t at)
{
    for (int64_t child; (child = 2 * at + 1) < count; at = child) {
        const candidate moved = c[at];

        if (child + 1 < count && by_weight(&c[child + 1], &c[child]) > 0)
            child++;
        if (by_weight(&c[child], &moved) <= 0)
            return;
        c[at] = c[child];
        c[child] = moved;
    }
}

/* The k likeliest to the front. */
static void keep_likeliest(candidate *c, int64_t count, int64_t k)
{
    for (int64_t i = k / 2 - 1; i >= 0; i--)
        sink(c, k, i);
    for (int64_t i = k; i < count; i++)
        if (by_weight(&c[i], &c[0]) < 0) {
            c[0] = c[i];
            sink(c, k, 0);
        }
}

/* How many of the sorted candidates reach the share `p` of their weight. */
static int64_t nucleus(const candidate *c, int64_t count, double p, double total)
{
    double sum = 0;

    for (int64_t i = 0; i < count; i++) {
        sum += (double)c[i].weight;
        if (sum >= p * total)
            return i + 1;
    }
    return count;
}

static double weight_of(const candidate *c, int64_t count)
{
    double sum = 0;

    for (int64_t i = 0; i < count; i++)
        sum += (double)c[i].weight;
    return sum;
}

/* Those that may be drawn, to the front; returns how many. */
static int64_t choose_from(nyx_chooser *s)
{
    const nyx_sampling *how = &s->how;
    int64_t             count = s->vocabulary;
    candidate          *c = s->candidates;
    double              total;

    if (how->top_k > 0 && how->top_k < count) {
        keep_likeliest(c, count, how->top_k);
        count = how->top_k;
    }
    if (!(how->top_p < 1.0))
        return count;
    total = weight_of(c, count);
    if (count == s->vocabulary && count > 1) { /* what cannot belong to the nucleus need not be sorted */
        const double least = (1.0 - how->top_p) * total / (double)(count - 1);
        int64_t      kept = 0;

        for (int64_t i = 0; i < count; i++)
            if ((double)c[i].weight >= least || c[i].weight >= 1.0f)
                c[kept++] = c[i];
        count = kept;
    }
    qsort(c, (size_t)count, sizeof *c, by_weight);
    return nucleus(c, count, how->top_p, total);
}

int32_t nyx_chooser_next(nyx_chooser *s, const float *logits, int64_t sequence, int64_t position)
{
    const int32_t best = largest(logits, s->vocabulary);
    nyx_random    random;
    char          stream[64];
    int64_t       count;
    double        left;

    if (!(s->how.temperature > 0.0))
        return best;
    for (int64_t i = 0; i < s->vocabulary; i++) {
        const double down = ((double)logits[i] - (double)logits[best]) / s->how.temperature;

        s->candidates[i] = (candidate){ nyx_expf((float)down), (int32_t)i };
    }
    count = choose_from(s);
    snprintf(stream, sizeof stream, "sample/%lld/%lld", (long long)sequence, (long long)position);
    nyx_random_init(&random, s->how.seed, nyx_stream_of(stream));
    left = nyx_random_uniform(&random) * weight_of(s->candidates, count);
    for (int64_t i = 0; i < count; i++) {
        left -= (double)s->candidates[i].weight;
        if (left < 0.0)
            return s->candidates[i].id;
    }
    return s->candidates[0].weight > 0.0f ? s->candidates[0].id : best;
}
