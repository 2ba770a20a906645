/* generate -- texts that grow: programs over one key-value cache.
 *
 * Prompts are read one sequence at a time, 512 and 32 positions at once, the
 * last piece filled up; then all sequences take one position a step, at most
 * SLOTS of them in one run. A row of a product comes out the same whatever the
 * other rows are, so neither pieces nor batches change a result.
 */
#include "run/run.h"

#include <math.h>
#include <string.h>

enum { LONG = 512, SHORT = 32, SLOTS = 8, PROGRAMS = 4 };
enum { TURNS, READ_LONG, READ_SHORT, STEP };
static const char *const names[PROGRAMS] = { "turns", "read512", "read32", "step" };

struct nyx_generator {
    nyx_config   config;
    nyx_format  *codings;
    nyx_store   *store;
    nyx_graph   *graphs[PROGRAMS];
    nyx_program *programs[PROGRAMS];
    int64_t      sequences, context, slots;
    int64_t     *length; /* by sequence */
    float       *logits; /* [sequences, V] */
    float       *batch;  /* [slots, V] */
};

static int program_add(nyx_generator *g, int which, int64_t slots, int64_t positions)
{
    const nyx_continue_options options = { names[which], slots, positions, g->sequences, g->context + SHORT };
    int                        status = nyx_graph_create(&g->graphs[which], NYX_F32);

    if (status < 0)
        return status;
    if (which == TURNS)
        nyx_model_build_turns(g->graphs[which], &g->config);
    else
        nyx_model_build_continue(g->graphs[which], &g->config, &options);
    if ((status = nyx_pass_activations(g->graphs[which], g->config.activations)) < 0)
        return status;
    return nyx_program_compile(&g->programs[which], g->store, g->graphs[which]);
}

static int generator_load(nyx_generator *g, nyx_device *device, nyx_reader *file, const char *path,
                          const nyx_generator_options *options)
{
    int64_t row;
    int     status = nyx_config_load(&g->config, file, path);

    if (status < 0)
        return status;
    if (g->config.model.kind != NYX_MODEL_DECODER)
        return nyx_error_set(NYX_ERR_INPUT, "'%s' is no decoder; only models of kind 'decoder' go on with a text",
                             path);
    g->sequences = options->sequences;
    g->slots = g->sequences < SLOTS ? g->sequences : SLOTS;
    g->context = options->context ? options->context : g->config.model.context;
    if (g->context > g->config.model.context)
        return nyx_error_set(NYX_ERR_INPUT, "'%s' sees %lld positions, %lld are asked for", path,
                             (long long)g->config.model.context, (long long)g->context);
    row = g->config.data.vocabulary * (int64_t)sizeof(float);
    if ((status = nyx_parameters_codings(&g->codings, &g->config, file)) < 0)
        return status;
    g->config.codings = g->codings;
    g->config.activations = options->activations;
    if ((status = nyx_store_create(&g->store, device, 1)) < 0 || (status = program_add(g, TURNS, 1, 1)) < 0 ||
        (g->context >= LONG && options->chunk != SHORT && (status = program_add(g, READ_LONG, 1, LONG)) < 0) ||
        (status = program_add(g, READ_SHORT, 1, SHORT)) < 0 || (status = program_add(g, STEP, g->slots, 1)) < 0 ||
        (status = nyx_store_allocate(g->store)) < 0 ||
        (status = nyx_parameters_load(g->store, &g->config, file)) < 0 ||
        (status = nyx_alloc(&g->length, g->sequences * (int64_t)sizeof *g->length)) < 0 ||
        (status = nyx_alloc(&g->logits, g->sequences * row)) < 0 || (status = nyx_alloc(&g->batch, g->slots * row)) < 0)
        return status;
    nyx_program_run(g->programs[TURNS], &(nyx_run){ .step = 0 });
    return 0;
}

int nyx_generator_open(nyx_generator **out, nyx_device *device, const char *path,
                       const nyx_generator_options *options)
{
    nyx_generator *g = NULL;
    nyx_reader    *file = NULL;
    int            status;

    *out = NULL;
    NYX_BUG_IF(options->sequences < 1 || options->context < 0);
    if ((status = nyx_alloc(&g, sizeof *g)) < 0)
        return status;
    if ((status = nyx_reader_open(&file, path)) == 0 &&
        (status = generator_load(g, device, file, path, options)) < 0 && status != NYX_ERR_INPUT)
        nyx_error_wrap(status, "cannot load '%s'", path);
    nyx_reader_close(file);
    if (status < 0)
        nyx_generator_close(g);
    else
        *out = g;
    return status;
}

void nyx_generator_close(nyx_generator *g)
{
    if (!g)
        return;
    for (int i = 0; i < PROGRAMS; i++)
        nyx_program_free(g->programs[i]);
    nyx_store_free(g->store);
    for (int i = 0; i < PROGRAMS; i++)
        nyx_graph_free(g->graphs[i]);
    nyx_free(g->codings);
    nyx_free(g->length);
    nyx_free(g->logits);
    nyx_free(g->batch);
    nyx_free(g);
}

const nyx_config *nyx_generator_config(const nyx_generator *g)
{
    return &g->config;
}

int64_t nyx_generator_context(const nyx_generator *g)
{
    return g->context;
}

int64_t nyx_generator_length(const nyx_generator *g, int64_t sequence)
{
    return g->length[sequence];
}

const float *nyx_generator_logits(const nyx_generator *g, int64_t sequence)
{
    return g->logits + sequence * g->config.data.vocabulary;
}

void nyx_generator_rewind(nyx_generator *g, int64_t sequence, int64_t length)
{
    NYX_BUG_IF(length < 0 || length > g->length[sequence]);
    g->length[sequence] = length;
}

int64_t nyx_generator_weight_bytes(const nyx_generator *g)
{
    int64_t bytes = 0;

    for (int i = 0; i < nyx_store_count(g->store); i++) {
        const nyx_variable *v = nyx_store_variable(g->store, i);
        const bool          looked_up = (strncmp(v->name, "embed", 5) == 0 && !g->config.model.tied) ||
                               strncmp(v->name, "position", 8) == 0;

        if (v->role == NYX_ROLE_PARAMETER && !looked_up)
            bytes += nyx_store_bytes(g->store, i);
    }
    return bytes;
}

nyx_memory nyx_generator_memory(const nyx_generator *g)
{
    return nyx_store_memory(g->store);
}

static void write_input(nyx_generator *g, int which, const char *what, const int32_t *values)
{
    char name[32];

    snprintf(name, sizeof name, "%s.%s", names[which], what);
    nyx_store_write(g->store, name, values);
}

/* Read `count` tokens, at most `positions`, behind what the sequence holds. */
static void read_piece(nyx_generator *g, int64_t sequence, int which, const int32_t *tokens, int64_t count)
{
    const int64_t positions = which == READ_LONG ? LONG : SHORT, past = g->length[sequence];
    const int32_t last = (int32_t)count - 1, from = (int32_t)past, row = (int32_t)sequence;
    int32_t       padded[LONG] = { 0 }, places[LONG] = { 0 };

    for (int64_t i = 0; i < positions; i++) {
        const int64_t place = past + i < g->context ? past + i : g->context - 1;

        padded[i] = i < count ? tokens[i] : 0;
        places[i] = (int32_t)place;
    }
    write_input(g, which, "tokens", padded);
    write_input(g, which, "places", places);
    write_input(g, which, "past", &from);
    write_input(g, which, "rows", &row);
    write_input(g, which, "last", &last);
    nyx_program_run(g->programs[which], &(nyx_run){ .step = 0 });
    g->length[sequence] += count;
}

int nyx_generator_feed(nyx_generator *g, int64_t sequence, const int32_t *tokens, int64_t count)
{
    const int64_t vocabulary = g->config.data.vocabulary;
    int           which = READ_SHORT;
    char          name[32];

    NYX_BUG_IF(sequence < 0 || sequence >= g->sequences || count < 1);
    if (g->length[sequence] + count > g->context)
        return nyx_error_set(NYX_ERR_INPUT, "a text of %lld tokens is longer than the %lld positions there are",
                             (long long)(g->length[sequence] + count), (long long)g->context);
    for (int64_t i = 0; i < count; i++)
        if (tokens[i] < 0 || tokens[i] >= vocabulary)
            return nyx_error_set(NYX_ERR_INPUT, "token %lld is %d, the model knows %lld", (long long)i, tokens[i],
                                 (long long)vocabulary);
    for (int64_t at = 0, piece; at < count; at += piece) {
        const int64_t left = count - at;

        if (nyx_stop_requested())
            return nyx_error_set(NYX_ERR_STOPPED, "stopped while reading a text");
        which = left >= LONG && g->programs[READ_LONG] ? READ_LONG : READ_SHORT;
        piece = which == READ_LONG ? LONG : left < SHORT ? left : SHORT;
        read_piece(g, sequence, which, tokens + at, piece);
    }
    snprintf(name, sizeof name, "%s.logits", names[which]);
    nyx_store_read(g->store, name, g->logits + sequence * vocabulary);
    return nyx_store_check(g->store);
}

/* Sequences first ... first + slots - 1; those without a token rest. */
static void step_slots(nyx_generator *g, int64_t first, const int32_t *tokens)
{
    const int64_t vocabulary = g->config.data.vocabulary;
    int32_t       token[SLOTS] = { 0 }, place[SLOTS] = { 0 }, past[SLOTS], row[SLOTS] = { 0 }, last[SLOTS];

    for (int i = 0; i < SLOTS; i++) {
        const int64_t s = first + i;

        past[i] = -1;
        last[i] = i;
        if (s >= g->sequences || tokens[s] < 0)
            continue;
        NYX_BUG_IF(tokens[s] >= vocabulary || g->length[s] >= g->context);
        token[i] = tokens[s];
        past[i] = place[i] = (int32_t)g->length[s]++;
        row[i] = (int32_t)s;
    }
    write_input(g, STEP, "tokens", token);
    write_input(g, STEP, "places", place);
    write_input(g, STEP, "past", past);
    write_input(g, STEP, "rows", row);
    write_input(g, STEP, "last", last);
    nyx_program_run(g->programs[STEP], &(nyx_run){ .step = 0 });
    nyx_store_read(g->store, "step.logits", g->batch);
    for (int64_t i = 0; i < g->slots && first + i < g->sequences; i++)
        if (past[i] >= 0)
            memcpy(g->logits + (first + i) * vocabulary, g->batch + i * vocabulary, (size_t)vocabulary * sizeof(float));
}

int nyx_generator_step(nyx_generator *g, const int32_t *tokens)
{
    for (int64_t first = 0; first < g->sequences; first += g->slots) {
        bool any = false;

        for (int64_t i = first; i < first + g->slots && i < g->sequences; i++)
            any = any || tokens[i] >= 0;
        if (any)
            step_slots(g, first, tokens);
    }
    return nyx_store_check(g->store);
}

/* ---- where ------------------------------------------------------------------------- */

typedef struct {
    const char                  *path;
    const nyx_generator_options *options;
    int64_t                      prompt, tokens;
} text_work;

enum { TRIAL_PROMPT = 32, TRIAL_STEPS = 4 };

static int time_feed(nyx_generator *g, int64_t count, double *seconds)
{
    const int32_t tokens[TRIAL_PROMPT] = { 0 };
    const int64_t start = nyx_clock_ns();
    int           status = nyx_generator_feed(g, 0, tokens, count);

    *seconds = (double)(nyx_clock_ns() - start) * 1e-9;
    return status;
}

/* The fastest of some, behind one that has everything warm. */
static int time_steps(nyx_generator *g, double *seconds)
{
    int32_t *tokens;
    int      status = nyx_alloc(&tokens, g->sequences * (int64_t)sizeof *tokens);

    *seconds = INFINITY;
    for (int i = 0; i <= TRIAL_STEPS && g->length[0] < g->context && status == 0; i++) {
        const int64_t start = nyx_clock_ns();
        double        took;

        status = nyx_generator_step(g, tokens);
        took = (double)(nyx_clock_ns() - start) * 1e-9;
        *seconds = i > 0 && took < *seconds ? took : *seconds;
    }
    nyx_free(tokens);
    return status;
}

static int measure(void *context, nyx_device *device, nyx_placement *place, nyx_measuring *m)
{
    const text_work *w = context;
    int64_t          fed = w->prompt < TRIAL_PROMPT ? w->prompt : TRIAL_PROMPT;
    nyx_generator   *g;
    double           feed_s = 0.0, step_s;
    int              status = nyx_generator_open(&g, device, w->path, w->options);

    if (status < 0)
        return status;
    fed = fed < g->context / 2 ? fed : g->context / 2;
    for (int i = 0; i < 2 && status == 0 && fed > 0; i++) {
        nyx_generator_rewind(g, 0, 0);
        status = time_feed(g, fed, &feed_s);
    }
    if (status == 0 && (status = time_steps(g, &step_s)) == 0) {
        nyx_placement_add(place, nyx_device_name(device))->seconds = step_s;
        m->seconds = step_s * (double)w->tokens;
        if (fed > 0)
            m->seconds += feed_s * (double)(w->prompt * g->sequences) / (double)fed;
    }
    nyx_generator_close(g);
    return status;
}

int nyx_generator_place(nyx_device **out, nyx_placement *place, const char *name, int threads, const char *path,
                        const nyx_generator_options *options, int64_t prompt, int64_t tokens)
{
    text_work text = { path, options, prompt, tokens };

    return nyx_place_open(out, place, name, threads, &(nyx_work){ .measure = measure, .context = &text });
}
