/* fit -- batch, micro-batches, passes and, if it must be, a smaller model
 * that fit into a memory. Every candidate is planned, none is tried. */
#include "run/run.h"

#include <math.h>
#include <string.h>

enum { WIDTH_LEAST = 256, LAYERS_LEAST = 2, VOCABULARY_LEAST = 10000, RUNGS_MOST = 64 };

/* ---- the ladder ------------------------------------------------------------------- */

/* `from` made smaller by `share`, but not below `least`; what is below it
 * already stays. A multiple of `step`. */
static int64_t shrunk(int64_t from, double share, int64_t least, int64_t step)
{
    const int64_t wanted = (int64_t)((double)from * share) / step * step;

    least = (least + step - 1) / step * step;
    if (from <= least)
        return from;
    return wanted > least ? wanted : least;
}

/* Heads keep their width, the gated unit and the puzzle's row their share. */
static void shrink_width(nyx_config *c, double share)
{
    const int64_t before = c->model.width, head = c->model.head_width ? c->model.head_width : before / c->model.heads;

    c->model.width = shrunk(before, share, WIDTH_LEAST, head);
    if (c->model.width == before)
        return;
    c->model.heads = (c->model.heads * c->model.width + before - 1) / before;
    if (c->model.kind != NYX_MODEL_DECODER)
        c->model.heads = c->model.width / head;
    while (c->model.kv_heads > 0 && (c->model.kv_heads > c->model.heads || c->model.heads % c->model.kv_heads))
        c->model.kv_heads--;
    c->model.inner = (c->model.inner * c->model.width / before + 7) / 8 * 8;
    c->model.puzzle_width = c->model.puzzle_width * c->model.width / before;
}

static bool same_size(const nyx_config *a, const nyx_config *b)
{
    return a->model.width == b->model.width && a->model.h_layers == b->model.h_layers &&
           a->model.l_layers == b->model.l_layers && a->data.vocabulary == b->data.vocabulary;
}

/* Each rung is 1 / sqrt 2 of the one before in depth, width and vocabulary. */
static void rung_of(nyx_config *out, const nyx_config *config, bool free_vocabulary, int rung)
{
    const double share = pow(0.5, 0.5 * rung);

    *out = *config;
    if (config->model.kind == NYX_MODEL_MLP || rung == 0)
        return;
    out->model.h_layers = shrunk(config->model.h_layers, share, LAYERS_LEAST, 1);
    out->model.l_layers = shrunk(config->model.l_layers, share, LAYERS_LEAST, 1);
    shrink_width(out, share);
    if (free_vocabulary)
        out->data.vocabulary = shrunk(config->data.vocabulary, share, VOCABULARY_LEAST, 1);
}

bool nyx_fit_rung(nyx_config *out, const nyx_config *config, bool free_vocabulary, int rung)
{
    nyx_config before;

    rung_of(out, config, free_vocabulary, rung);
    if (rung == 0)
        return true;
    rung_of(&before, config, free_vocabulary, rung - 1);
    return !same_size(out, &before);
}

/* ---- one model ---------------------------------------------------------------------- */

typedef struct {
    nyx_fit *out;
    int64_t     budget, smallest; /* the least bytes that a candidate needs */
    nyx_predict predict;
    void       *context;
    bool        found;
} search;

/* The next combination of choices; false behind the last. */
static bool next_passes(nyx_passes *passes)
{
    for (int i = 0; i < NYX_PASS_COUNT; i++) {
        if (++passes->choice[i] < nyx_pass_choices(i))
            return true;
        passes->choice[i] = 0;
    }
    return false;
}

static int look_at(search *s, const nyx_config *config, const nyx_passes *passes, bool *fits)
{
    nyx_fit *out = s->out;
    int64_t     bytes;
    double      flops;
    int         status = s->predict(s->context, config, passes, &bytes, &flops);

    *fits = false;
    if (status < 0)
        return status;
    out->candidates++;
    s->smallest = bytes < s->smallest ? bytes : s->smallest;
    *fits = bytes <= s->budget;
    if (!*fits || (s->found && flops >= out->flops))
        return 0;
    s->found = true;
    out->config = *config;
    out->passes = *passes;
    out->bytes = bytes;
    out->flops = flops;
    return 0;
}

/* More micro-batches cost no operation, so the first that fits will do. */
static int look_at_batch(search *s, nyx_config config)
{
    const int64_t batch = config.training.batch, asked = config.training.micro_batches;
    nyx_passes    passes = { { 0 } };

    do
        for (int64_t micros = asked; micros <= batch; micros++) {
            bool fits;
            int  status;

            if (batch % micros)
                continue;
            config.training.micro_batches = micros;
            if ((status = look_at(s, &config, &passes, &fits)) < 0)
                return status;
            if (fits)
                break;
        }
    while (next_passes(&passes));
    return 0;
}

static int look_at_model(search *s, nyx_config config)
{
    int status = 0;

    while (status == 0 && !s->found) {
        status = look_at_batch(s, config);
        if (config.training.batch == 1)
            return status;
        config.training.batch = config.training.batch / 2;
        while (config.training.batch % config.training.micro_batches)
            config.training.micro_batches--;
    }
    return status;
}

int nyx_fit_find(nyx_fit *out, const nyx_config *config, bool free_vocabulary, int64_t budget, nyx_predict predict,
               void *context)
{
    search s = { .out = out, .budget = budget, .smallest = INT64_MAX, .predict = predict, .context = context };

    memset(out, 0, sizeof *out);
    for (int rung = 0; rung < RUNGS_MOST; rung++) {
        nyx_config smaller;
        int        status;

        if (!nyx_fit_rung(&smaller, config, free_vocabulary, rung))
            break;
        out->rung = rung;
        if ((status = look_at_model(&s, smaller)) < 0 || s.found)
            return status;
    }
    return nyx_error_set(NYX_ERR_UNSUPPORTED,
                         "nothing fits into %lld bytes: the smallest model that was planned needs %lld; a shorter "
                         "context or more memory helps",
                         (long long)budget, (long long)s.smallest);
}
