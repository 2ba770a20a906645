/* score -- plans run on rows. Decoded weights are written into the variables of
 * one f32 program; a decoder runs piece by piece and starts at the first piece
 * that differs from the base plan, whose states in front of it are kept. */
#include "evolve/internal.h"

#include <string.h>

enum { STATES_MOST = 256 << 20 }; /* bytes of kept states: changes no result */

struct nyx_evolve__scorer {
    const nyx_codings *codings;
    nyx_config         config;
    nyx_pool          *pool;
    nyx_store         *store;
    nyx_evaluator     *evaluator; /* models without pieces */
    nyx_graph        **graphs;
    nyx_program      **programs;
    int                pieces;
    int               *piece;        /* a tensor: the first piece that reads it */
    int64_t            slots, state; /* rows at a time; numbers of a state of all of them */
    uint8_t           *bound;        /* what lies in the store */
    float             *room;         /* the largest tensor */
    float             *x, *logits;
    int32_t           *inputs;
};

/* ---- opening ------------------------------------------------------------------------------ */

static int compile_pieces(nyx_evolve__scorer *s)
{
    int status;

    s->pieces = nyx_model_piece_count(&s->config);
    if (s->pieces > NYX_EVOLVE__PIECES)
        s->pieces = 0;
    if (s->pieces == 0)
        return nyx_evaluator_create(&s->evaluator, s->store, &s->config, s->slots, false);
    if ((status = nyx_alloc(&s->graphs, s->pieces * (int64_t)sizeof *s->graphs)) < 0 ||
        (status = nyx_alloc(&s->programs, s->pieces * (int64_t)sizeof *s->programs)) < 0)
        return status;
    for (int i = 0; i < s->pieces && status == 0; i++) {
        if ((status = nyx_graph_create(&s->graphs[i], NYX_F32)) < 0)
            return status;
        nyx_model_build_piece(s->graphs[i], &s->config, s->slots, i);
        status = nyx_program_compile(&s->programs[i], s->store, s->graphs[i]);
    }
    return status;
}

static int take_tensors(nyx_evolve__scorer *s)
{
    const nyx_codings *c = s->codings;
    int64_t            most = 0;
    int                status;

    if ((status = nyx_alloc(&s->bound, c->count)) < 0 ||
        (status = nyx_alloc(&s->piece, c->count * (int64_t)sizeof *s->piece)) < 0)
        return status;
    memset(s->bound, NYX_LEVEL_EXACT, (size_t)c->count);
    for (int i = 0; i < c->count; i++) {
        if (nyx_store_find(s->store, c->tensors[i].name) < 0)
            return nyx_error_set(
                NYX_ERR_INPUT,
                "tensor '%s' is none of the model's parameters; a file with a model's "
                "tensors alone is needed",
                c->tensors[i].name);
        s->piece[i] = s->pieces ? nyx_model_piece_of(&s->config, c->tensors[i].name) : 0;
        most = c->tensors[i].elems > most ? c->tensors[i].elems : most;
    }
    return nyx_alloc(&s->room, most * (int64_t)sizeof *s->room);
}

static int buffers_create(nyx_evolve__scorer *s)
{
    const int64_t f = (int64_t)sizeof(float);
    int           status;

    s->state = s->pieces ? s->slots * s->config.data.length * s->config.model.width : 0;
    if ((status = nyx_alloc(&s->x, s->state * f)) < 0 ||
        (status = nyx_alloc(&s->inputs,
                            s->slots * s->config.data.length * (int64_t)sizeof *s->inputs)) < 0)
        return status;
    return nyx_alloc(&s->logits, s->slots * nyx_config_targets(&s->config) *
                                     nyx_config_classes(&s->config) * f);
}

int nyx_evolve__scorer_open(nyx_evolve__scorer **out, nyx_device *device,
                            const nyx_codings *codings, const char *model, const nyx_config *config,
                            int64_t slots)
{
    nyx_evolve__scorer *s;
    nyx_reader         *file = NULL;
    int                 status;

    *out = NULL;
    if ((status = nyx_alloc(&s, sizeof *s)) < 0)
        return status;
    s->codings = codings;
    s->config = *config;
    s->config.codings = NULL;
    s->pool = nyx_device_pool(device);
    s->slots = slots;
    if ((status = nyx_reader_open(&file, model)) < 0 ||
        (status = nyx_store_create(&s->store, device, 1)) < 0 || (status = compile_pieces(s)) < 0 ||
        (status = nyx_store_allocate(s->store)) < 0 ||
        (status = nyx_parameters_load(s->store, &s->config, file)) < 0 ||
        (status = take_tensors(s)) < 0 || (status = buffers_create(s)) < 0) {
        nyx_error_wrap(status, "cannot load '%s'", model);
        nyx_evolve__scorer_close(s);
        s = NULL;
    }
    nyx_reader_close(file);
    *out = s;
    return status;
}

void nyx_evolve__scorer_close(nyx_evolve__scorer *s)
{
    if (!s)
        return;
    nyx_evaluator_free(s->evaluator);
    for (int i = 0; i < s->pieces && s->programs; i++)
        nyx_program_free(s->programs[i]);
    nyx_store_free(s->store);
    for (int i = 0; i < s->pieces && s->graphs; i++)
        nyx_graph_free(s->graphs[i]);
    nyx_free(s->graphs);
    nyx_free(s->programs);
    nyx_free(s->piece);
    nyx_free(s->bound);
    nyx_free(s->room);
    nyx_free(s->x);
    nyx_free(s->inputs);
    nyx_free(s->logits);
    nyx_free(s);
}

/* ---- plans ----------------------------------------------------------------------------------- */

/* NULL: the exact model. */
static int level_of(const uint8_t *plan, int tensor)
{
    return plan ? plan[tensor] : NYX_LEVEL_EXACT;
}

static void bind(nyx_evolve__scorer *s, const uint8_t *plan)
{
    for (int i = 0; i < s->codings->count; i++) {
        const int level = level_of(plan, i);

        if (s->bound[i] == level)
            continue;
        nyx_codings_decode(s->room, s->codings, i, level);
        nyx_store_write(s->store, s->codings->tensors[i].name, s->room);
        s->bound[i] = (uint8_t)level;
    }
}

/* The first piece in which two plans differ; the number of pieces when none. */
static int first_change(const nyx_evolve__scorer *s, const uint8_t *a, const uint8_t *b)
{
    int first = s->pieces;

    for (int i = 0; i < s->codings->count; i++)
        if (level_of(a, i) != level_of(b, i) && s->piece[i] < first)
            first = s->piece[i];
    return first;
}

int nyx_evolve__pieces(const nyx_evolve__scorer *s)
{
    return s->pieces;
}

int nyx_evolve__pieces_run(const nyx_evolve__scorer *s, const uint8_t *base, const uint8_t *plan)
{
    const int first = first_change(s, base, plan);

    return s->pieces - (first < s->pieces ? first : s->pieces - 1);
}

/* ---- pieces ------------------------------------------------------------------------------------
 */

static const int32_t *padded(nyx_evolve__scorer *s, const nyx_evolve__sample *sample, int64_t first,
                             int64_t rows)
{
    memset(s->inputs, 0, (size_t)(s->slots * sample->length) * sizeof *s->inputs);
    memcpy(s->inputs, sample->inputs + first * sample->length,
           (size_t)(rows * sample->length) * sizeof *s->inputs);
    return s->inputs;
}

/* The state in front of `piece` for the batch, NULL where it is not kept. */
static float *state_of(const nyx_evolve__scorer *s, const nyx_evolve__sample *sample, int64_t batch,
                       int piece)
{
    return sample->states[piece] ? sample->states[piece] + batch * s->state : NULL;
}

/* Run pieces [from, to) of what is bound; the state in front of `from` is the
 * kept one. `keep`: keep those in front of the others. Leaves s->x, or the logits. */
static void run_pieces(nyx_evolve__scorer *s, nyx_evolve__sample *sample, int64_t batch, int from,
                       int to, bool keep)
{
    const int64_t first = batch * s->slots, left = sample->count - first;

    if (from == 0)
        nyx_store_write(s->store, "piece.tokens",
                        padded(s, sample, first, left < s->slots ? left : s->slots));
    else
        nyx_store_write(s->store, "piece.in", state_of(s, sample, batch, from));
    for (int i = from; i < to; i++) {
        nyx_program_run(s->programs[i], &(nyx_run){.step = 0});
        if (i + 1 == s->pieces)
            return;
        nyx_store_read(s->store, "piece.out", s->x);
        nyx_store_write(s->store, "piece.in", s->x);
        if (keep && state_of(s, sample, batch, i + 1))
            memcpy(state_of(s, sample, batch, i + 1), s->x, (size_t)s->state * sizeof *s->x);
    }
}

/* The piece where `plan` may start: kept, and not behind the first change. */
static int start_of(const nyx_evolve__scorer *s, const nyx_evolve__sample *sample,
                    const uint8_t *plan)
{
    int first;

    if (!sample->base)
        return 0;
    first = first_change(s, sample->base, plan);
    if (first >= s->pieces)
        first = s->pieces - 1;
    while (first > 0 && !sample->states[first])
        first--;
    return first;
}

/* Kept states of batches [from, to) up to `start`, where they are not the base's yet. */
static void deepen(nyx_evolve__scorer *s, nyx_evolve__sample *sample, int64_t from, int64_t to,
                   int start)
{
    for (int64_t batch = from; batch < to; batch++) {
        int at = sample->base ? sample->depth[batch] : start;

        if (at >= start)
            continue;
        while (at > 0 && !sample->states[at])
            at--;
        bind(s, sample->base);
        run_pieces(s, sample, batch, at, start, true);
        sample->depth[batch] = start;
    }
}

void nyx_evolve__rebase(nyx_evolve__scorer *s, nyx_evolve__sample *sample, const uint8_t *plan)
{
    const int64_t batches = (sample->count + s->slots - 1) / s->slots;
    int           first;

    if (!sample->base)
        return;
    first = first_change(s, sample->base, plan);
    for (int64_t i = 0; i < batches; i++)
        if (sample->depth[i] > first)
            sample->depth[i] = first;
    memcpy(sample->base, plan, (size_t)s->codings->count);
}

/* ---- scoring
 * -------------------------------------------------------------------------------------- */

/* Logits of one batch of what is bound, into s->logits. */
static int run_batch(nyx_evolve__scorer *s, nyx_evolve__sample *sample, int64_t batch, int start)
{
    const int64_t first = batch * s->slots, left = sample->count - first;

    if (s->pieces) {
        run_pieces(s, sample, batch, start, s->pieces, false);
        nyx_store_read(s->store, "piece.logits", s->logits);
        return nyx_store_check(s->store);
    }
    nyx_evaluator_run(s->evaluator, sample->inputs + first * sample->length, NULL,
                      sample->ids + first, left < s->slots ? left : s->slots);
    nyx_store_read(s->store, "eval.logits", s->logits);
    return nyx_store_check(s->store);
}

static int keep_prefixes(nyx_evolve__scorer *s, nyx_evolve__sample *sample)
{
    const int64_t batches = (sample->count + s->slots - 1) / s->slots;
    const int64_t bytes = batches * s->state * (int64_t)sizeof(float);
    int           status;

    if (s->pieces == 0)
        return 0;
    if ((status = nyx_alloc(&sample->base, s->codings->count)) < 0 ||
        (status = nyx_alloc(&sample->depth, batches * (int64_t)sizeof *sample->depth)) < 0)
        return status;
    memset(sample->base, NYX_LEVEL_EXACT, (size_t)s->codings->count);
    sample->stride = 1;
    while (bytes > 0 && (s->pieces / sample->stride) * bytes > STATES_MOST &&
           sample->stride < s->pieces)
        sample->stride++;
    for (int i = sample->stride; i < s->pieces && status == 0; i += sample->stride)
        status = nyx_alloc(&sample->states[i], bytes);
    return status;
}

int nyx_evolve__prepare(nyx_evolve__scorer *s, nyx_evolve__sample *sample, bool prefixes)
{
    const int64_t row = nyx_config_targets(&s->config) * nyx_config_classes(&s->config);
    int           status;

    sample->classes = nyx_config_classes(&s->config);
    if ((status = nyx_alloc(&sample->reference, sample->count * row * (int64_t)sizeof(float))) < 0)
        return status;
    bind(s, NULL);
    for (int64_t first = 0; first < sample->count; first += s->slots) {
        const int64_t left = sample->count - first, rows = left < s->slots ? left : s->slots;

        if ((status = run_batch(s, sample, first / s->slots, 0)) < 0)
            return status;
        memcpy(sample->reference + first * row, s->logits,
               (size_t)(rows * row) * sizeof *s->logits);
    }
    return prefixes ? keep_prefixes(s, sample) : 0;
}

int nyx_evolve__losses(nyx_evolve__scorer *s, nyx_evolve__sample *sample, double *loss)
{
    nyx_eval *eval;
    int       status =
        nyx_eval_create(&eval, &(nyx_eval_options){.probability = s->config.model.loss,
                                                   .length = sample->targets,
                                                   .vocabulary = nyx_config_classes(&s->config),
                                                   .ignore = sample->ignore,
                                                   .pool = s->pool});

    bind(s, NULL);
    for (int64_t first = 0; first < sample->count && status == 0; first += s->slots) {
        const int64_t left = sample->count - first;

        status = run_batch(s, sample, first / s->slots, 0);
        if (status == 0)
            status = nyx_eval_add(eval, s->logits, NULL, sample->labels + first * sample->targets,
                                  left < s->slots ? left : s->slots);
    }
    for (int64_t i = 0; i < sample->count && status == 0; i++)
        loss[i] = nyx_eval_row_loss(eval, i);
    nyx_eval_free(eval);
    return status;
}

static int score_batches(nyx_evolve__scorer *s, nyx_evolve__sample *sample, int start,
                         int64_t first, int64_t count, nyx_eval *eval)
{
    const int64_t row = sample->targets * sample->classes;
    int           status = 0;

    for (int64_t done = 0; done < count && status == 0; done += s->slots) {
        const int64_t rows = count - done < s->slots ? count - done : s->slots;

        status = run_batch(s, sample, (first + done) / s->slots, start);
        if (status == 0)
            status = nyx_eval_add(eval, s->logits, sample->reference + (first + done) * row,
                                  sample->labels + (first + done) * sample->targets, rows);
    }
    return status;
}

int nyx_evolve__score(nyx_evolve__scorer *s, nyx_evolve__sample *sample, const uint8_t *plan,
                      int64_t first, int64_t count, double *kl)
{
    const int start = start_of(s, sample, plan);
    nyx_eval *eval;
    int       status;

    NYX_BUG_IF(first % s->slots != 0 || first + count > sample->count);
    if ((status = nyx_eval_create(&eval, &(nyx_eval_options){.probability = s->config.model.loss,
                                                             .length = sample->targets,
                                                             .vocabulary = sample->classes,
                                                             .ignore = sample->ignore,
                                                             .reference = true,
                                                             .pool = s->pool})) < 0)
        return status;
    deepen(s, sample, first / s->slots, (first + count + s->slots - 1) / s->slots, start);
    bind(s, plan);
    if ((status = score_batches(s, sample, start, first, count, eval)) == 0)
        for (int64_t i = 0; i < count; i++)
            kl[i] = nyx_eval_row_kl(eval, i);
    nyx_eval_free(eval);
    return status;
}
