/* sample -- the rows that plans are measured on, and that they are no others'. */
#include "evolve/internal.h"

#include <string.h>

int nyx_evolve__sample_create(nyx_evolve__sample *out, const nyx_rows *rows, const int64_t *which,
                              int64_t count)
{
    const int64_t ignore = rows->dataset->ignore;
    int           status;

    *out = (nyx_evolve__sample){
        .count = count, .length = rows->length, .targets = rows->targets, .ignore = ignore};
    if ((status = nyx_alloc(&out->inputs, count * rows->length * (int64_t)sizeof(int32_t))) < 0 ||
        (status = nyx_alloc(&out->labels, count * rows->targets * (int64_t)sizeof(int32_t))) < 0 ||
        (status = nyx_alloc(&out->ids, count * (int64_t)sizeof(int32_t))) < 0 ||
        (status = nyx_alloc(&out->tokens, count * (int64_t)sizeof(int32_t))) < 0) {
        nyx_evolve__sample_release(out);
        return status;
    }
    for (int64_t i = 0; i < count; i++) {
        nyx_rows_get(rows, which[i], out->inputs + i * rows->length,
                     out->labels + i * rows->targets, out->ids + i);
        for (int64_t t = 0; t < rows->targets; t++)
            out->tokens[i] += out->labels[i * rows->targets + t] != ignore;
    }
    return 0;
}

void nyx_evolve__sample_release(nyx_evolve__sample *s)
{
    nyx_free(s->inputs);
    nyx_free(s->labels);
    nyx_free(s->ids);
    nyx_free(s->tokens);
    nyx_free(s->reference);
    nyx_free(s->base);
    nyx_free(s->depth);
    for (int i = 0; i < NYX_EVOLVE__PIECES; i++)
        nyx_free(s->states[i]);
    *s = (nyx_evolve__sample){0};
}

/* ---- disjoint ---------------------------------------------------------------------------- */

/* Of windows of text so many may recur in what is judged on: phrases do. They are left out. */
static const double RECUR_MOST = 0.05;
/* Polynomial hash of a row's tokens, so that a window can slide. */
static const uint64_t base = 0x9e3779b97f4a7c15u;

static uint64_t digit(int32_t token)
{
    return (uint64_t)(uint32_t)token + 1;
}

static uint64_t hash_of(const int32_t *tokens, int64_t length)
{
    uint64_t hash = 0;

    for (int64_t i = 0; i < length; i++)
        hash = hash * base + digit(tokens[i]);
    return hash;
}

static const int32_t *tokens_of(const nyx_rows *rows, int64_t row)
{
    return (rows->split->tokens ? rows->split->tokens + rows->shift : rows->split->inputs) + row * rows->length;
}

/* A row that is searched on, at a place of the order; `shared` when it is judged on too. */
struct seen {
    uint64_t hash;
    int64_t  place, row;
    bool     shared;
};

struct rows_seen {
    const nyx_rows *rows;
    struct seen    *seen; /* by hash */
    int64_t         count;
};

static int by_hash(const void *a, const void *b)
{
    const struct seen *x = a, *y = b;

    return (x->hash > y->hash) - (x->hash < y->hash);
}

/* Mark the rows that have these tokens; whether there are any. */
static bool mark(struct rows_seen *s, uint64_t hash, const int32_t *tokens)
{
    int64_t low = 0, high = s->count;
    bool    found = false;

    while (low < high) {
        const int64_t middle = (low + high) / 2;

        if (s->seen[middle].hash < hash)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < s->count && s->seen[low].hash == hash; low++)
        if (!memcmp(tokens_of(s->rows, s->seen[low].row), tokens, (size_t)s->rows->length * sizeof *tokens))
            found = s->seen[low].shared = true;
    return found;
}

/* Windows at every place of the first `count` tokens. */
static void mark_stream(struct rows_seen *s, const int32_t *tokens, int64_t count)
{
    const int64_t length = s->rows->length;
    uint64_t      hash, top = 1;

    if (count < length)
        return;
    for (int64_t i = 1; i < length; i++)
        top *= base;
    hash = hash_of(tokens, length);
    for (int64_t at = 0;; at++) {
        (void)mark(s, hash, tokens + at);
        if (at + length >= count)
            return;
        hash = (hash - digit(tokens[at]) * top) * base + digit(tokens[at + length]);
    }
}

static int refuse(const char *what, int64_t number, const char *subject)
{
    return nyx_error_set(NYX_ERR_INPUT,
                         "search and evaluation share data: %s %lld of the test split of '%s' is searched on too; "
                         "split the data so that none is in both",
                         what, (long long)number, subject);
}

/* The order without marked rows; INPUT when they are too many for chance. */
static int leave_out(struct rows_seen *s, int64_t *order, int64_t *count, const char *subject)
{
    int64_t shared = 0, kept = 0;

    for (int64_t i = 0; i < s->count; i++)
        if (s->seen[i].shared) {
            order[s->seen[i].place] = -1;
            shared++;
        }
    if ((double)shared > RECUR_MOST * (double)s->count)
        return nyx_error_set(NYX_ERR_INPUT,
                             "search and evaluation share data: %lld of %lld windows of the search stand in the test "
                             "split of '%s'; split the data so that none is in both",
                             (long long)shared, (long long)s->count, subject);
    for (int64_t i = 0; i < s->count; i++)
        if (order[i] >= 0)
            order[kept++] = order[i];
    *count = kept;
    return 0;
}

int nyx_evolve__disjoint(const nyx_rows *search, int64_t *order, int64_t *count, const nyx_rows *held,
                         int64_t held_count, const char *subject)
{
    struct rows_seen s = { search, NULL, *count };
    int              status = nyx_alloc(&s.seen, *count * (int64_t)sizeof *s.seen);

    if (status < 0)
        return status;
    for (int64_t i = 0; i < *count; i++)
        s.seen[i] = (struct seen){ hash_of(tokens_of(search, order[i]), search->length), i, order[i], false };
    qsort(s.seen, (size_t)*count, sizeof *s.seen, by_hash);
    if (held->split->tokens) {
        mark_stream(&s, tokens_of(held, 0), held_count * held->length);
        status = leave_out(&s, order, count, subject);
    }
    for (int64_t row = 0; !held->split->tokens && row < held_count && status == 0; row++)
        if (mark(&s, hash_of(tokens_of(held, row), held->length), tokens_of(held, row)))
            status = refuse("row", row, subject);
    nyx_free(s.seen);
    return status;
}
