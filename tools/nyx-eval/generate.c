/* nyx-eval --generate -- print how a decoder goes on with a text.
 *
 * One text is printed as it comes; several, which grow together, one after
 * the other with a line between them. A text ends with the tokenizer's end (or
 * a new beginning), after --tokens, or where the model sees no further.
 */
#include "generate.h"

#include "run/run.h"
#include "text/text.h"

#include <string.h>

eval_generation eval_generate_args = { .tokens = 256, .count = 1, .top_p = 1.0 };
static const eval_generation *const args = &eval_generate_args;

enum { PROMPT_MOST = 64 << 20 }; /* bytes */

typedef struct {
    nyx_device    *device;
    nyx_generator *generator;
    nyx_chooser   *chooser;
    nyx_tokenizer *tokenizer;
    int32_t       *prompt;
    int64_t        prompt_count;
    int32_t       *texts;   /* [count][room]: prompt and what follows */
    int64_t        room;
    int64_t       *lengths; /* by text */
    int64_t        prompt_ns, step_ns, steps;
} work;

static int check_args(const char *model)
{
    if (args->prompt && args->prompt_file)
        return nyx_error_set(NYX_ERR_USAGE, "--prompt and --prompt-file exclude each other");
    if (args->top_p <= 0.0 || args->top_p > 1.0)
        return nyx_error_set(NYX_ERR_USAGE, "--top-p=%g; a share is above 0 and at most 1", args->top_p);
    return model ? 0 : nyx_error_set(NYX_ERR_USAGE, "no model is named");
}

/* Out of the model file, or the file that was named. */
static int open_tokenizer(nyx_tokenizer **out, const char *model)
{
    nyx_reader *file;
    nyx_json   *json = NULL;
    int         status;

    *out = NULL;
    if (args->tokenizer)
        return nyx_tokenizer_read(out, args->tokenizer);
    if ((status = nyx_reader_open(&file, model)) < 0)
        return status;
    status = nyx_reader_json(file, "/tokenizer", &json);
    nyx_reader_close(file);
    if (status == 0 && !json)
        status = nyx_error_set(NYX_ERR_INPUT, "'%s' holds no tokenizer; name one with --tokenizer", model);
    if (status == 0)
        status = nyx_tokenizer_parse(out, json, model);
    nyx_json_free(json);
    return status;
}

/* The beginning token, where there is one, and the prompt. */
static int read_prompt(work *w)
{
    char    *bytes = NULL;
    int32_t *ids = NULL, bos = nyx_tokenizer_bos(w->tokenizer);
    int64_t  size = args->prompt ? (int64_t)strlen(args->prompt) : 0, count = 0;
    int      status = 0;

    if (args->prompt_file && (status = nyx_file_read(&bytes, &size, args->prompt_file, PROMPT_MOST)) < 0)
        return status;
    if (size)
        status = nyx_tokenizer_encode(w->tokenizer, bytes ? bytes : args->prompt, size, &ids, &count);
    if (status == 0 && bos < 0 && !count)
        bos = nyx_tokenizer_eos(w->tokenizer); /* what stands between documents */
    if (status == 0 && bos < 0 && !count)
        status = nyx_error_set(NYX_ERR_INPUT, "the tokenizer has no token that begins a text; give a --prompt");
    if (status == 0 && (status = nyx_alloc(&w->prompt, (count + 1) * (int64_t)sizeof *w->prompt)) == 0) {
        if (bos >= 0)
            w->prompt[w->prompt_count++] = bos;
        if (count)
            memcpy(w->prompt + w->prompt_count, ids, (size_t)count * sizeof *ids);
        w->prompt_count += count;
    }
    nyx_free(bytes);
    nyx_free(ids);
    return status;
}

static int prepare(work *w, nyx_report *report, const char *model, enum nyx_activations activations)
{
    const nyx_sampling          how = { args->temperature, args->top_p, args->top_k, nyx_cli_common->seed };
    const nyx_generator_options options = { .sequences = args->count, .activations = activations };
    nyx_placement place;
    int           status;

    if ((status = open_tokenizer(&w->tokenizer, model)) < 0 || (status = read_prompt(w)) < 0 ||
        (status = nyx_generator_place(&w->device, &place, nyx_cli_common->device, nyx_cli_common->threads, model,
                                      &options, w->prompt_count, args->tokens)) < 0 ||
        (status = nyx_generator_open(&w->generator, w->device, model, &options)) < 0)
        return status;
    nyx_placement_describe(&place, nyx_report_run(report));
    const int64_t vocabulary = nyx_generator_config(w->generator)->data.vocabulary;
    if (nyx_tokenizer_vocabulary(w->tokenizer) > vocabulary)
        return nyx_error_set(NYX_ERR_INPUT, "the tokenizer has %lld tokens, the model knows %lld",
                             (long long)nyx_tokenizer_vocabulary(w->tokenizer), (long long)vocabulary);
    w->room = nyx_generator_context(w->generator);
    w->room = w->room < w->prompt_count + args->tokens ? w->room : w->prompt_count + args->tokens;
    if ((status = nyx_report_input(report, model)) < 0 ||
        (args->prompt_file && (status = nyx_report_input(report, args->prompt_file)) < 0) ||
        (args->tokenizer && (status = nyx_report_input(report, args->tokenizer)) < 0) ||
        (status = nyx_chooser_create(&w->chooser, &how, vocabulary)) < 0 ||
        (status = nyx_alloc(&w->lengths, args->count * (int64_t)sizeof *w->lengths)) < 0)
        return status;
    return nyx_alloc(&w->texts, args->count * (w->room + w->prompt_count) * (int64_t)sizeof *w->texts);
}

/* Token `at` of a text; the space that encoding put in front goes. Borrowed. */
static const char *piece_at(const work *w, const int32_t *text, int64_t at, int64_t *bytes)
{
    const bool  first = at == (text[0] == nyx_tokenizer_bos(w->tokenizer) ? 1 : 0);
    const char *piece;

    *bytes = 0;
    if (text[at] >= nyx_tokenizer_vocabulary(w->tokenizer))
        return "";
    piece = nyx_tokenizer_piece(w->tokenizer, text[at], bytes);
    if (first && nyx_tokenizer_leading_space(w->tokenizer) && *bytes && piece[0] == ' ')
        piece++, (*bytes)--;
    return piece;
}

static void print_token(const work *w, const int32_t *text, int64_t at)
{
    int64_t     bytes;
    const char *piece = piece_at(w, text, at, &bytes);

    for (int64_t i = 0; i < bytes; i++)
        nyx_cli_print("%c", piece[i]);
}

static void print_from(const work *w, int64_t which, int64_t at)
{
    const int32_t *text = w->texts + which * w->room;

    for (; at < w->lengths[which]; at++)
        print_token(w, text, at);
    fflush(stdout);
}

static bool ends(const work *w, int32_t token)
{
    return token == nyx_tokenizer_eos(w->tokenizer) || token == nyx_tokenizer_bos(w->tokenizer);
}

/* One more token for every text that has not ended; how many grew. */
static int64_t grow(work *w, int32_t *next)
{
    int64_t growing = 0;

    for (int64_t s = 0; s < args->count; s++) {
        const int64_t length = w->lengths[s];

        if (length >= w->room || (length > w->prompt_count && next[s] < 0)) {
            next[s] = -1;
            continue;
        }
        next[s] = nyx_chooser_next(w->chooser, nyx_generator_logits(w->generator, s), s, length);
        if (ends(w, next[s])) {
            next[s] = -1;
            continue;
        }
        w->texts[s * w->room + w->lengths[s]++] = next[s];
        growing++;
    }
    return growing;
}

static int generate(work *w)
{
    const bool live = args->count == 1;
    int32_t   *next;
    int64_t    start = nyx_clock_ns();
    int        status = nyx_alloc(&next, args->count * (int64_t)sizeof *next);

    for (int64_t s = 0; s < args->count && status == 0; s++) {
        status = nyx_generator_feed(w->generator, s, w->prompt, w->prompt_count);
        if (status < 0)
            break;
        memcpy(w->texts + s * w->room, w->prompt, (size_t)w->prompt_count * sizeof *w->prompt);
        w->lengths[s] = w->prompt_count;
    }
    if (status == 0 && live)
        print_from(w, 0, 0);
    w->prompt_ns = nyx_clock_ns() - start;
    start = nyx_clock_ns();
    while (status == 0) {
        const int64_t growing = grow(w, next);

        if (!growing)
            break;
        if (live)
            print_from(w, 0, w->lengths[0] - 1);
        w->steps += growing;
        for (int64_t s = 0; s < args->count; s++)
            if (w->lengths[s] >= w->room)
                next[s] = -1; /* the last token needs no successor */
        if (nyx_stop_requested())
            status = nyx_error_set(NYX_ERR_STOPPED, "stopped; run the same command again");
        else
            status = nyx_generator_step(w->generator, next);
    }
    w->step_ns = nyx_clock_ns() - start;
    nyx_free(next);
    return status;
}

static void print_texts(const work *w)
{
    if (args->count == 1) {
        nyx_cli_print("\n");
        return;
    }
    for (int64_t s = 0; s < args->count; s++) {
        nyx_cli_print("%s--- %lld of %lld\n", s ? "\n" : "", (long long)s + 1, (long long)args->count);
        print_from(w, s, 0);
    }
    nyx_cli_print("\n");
}

/* Tokens [from, to) of a text, as characters. */
static void set_text(nyx_json *object, const char *key, const work *w, int64_t which, int64_t from, int64_t to)
{
    const int32_t *text = w->texts + which * w->room;
    int64_t        room = 0, used = 0, bytes;
    char          *joined;

    for (int64_t i = from; i < to; i++, room += bytes)
        piece_at(w, text, i, &bytes);
    if (nyx_alloc(&joined, room + 1) < 0) {
        nyx_json_set_null(object, key, "memory ran out");
        return;
    }
    for (int64_t i = from; i < to; i++, used += bytes) {
        const char *piece = piece_at(w, text, i, &bytes);

        memcpy(joined + used, piece, (size_t)bytes);
    }
    nyx_json_set_text(object, key, joined);
    nyx_free(joined);
}

static void describe(const work *w, nyx_report *report)
{
    const double fed = (double)(w->prompt_count * args->count);
    nyx_json    *run = nyx_report_run(report), *texts;
    nyx_json    *object = nyx_json_add_object(nyx_report_result(report), "generation");

    nyx_json_set_int(object, "prompt_tokens", w->prompt_count);
    nyx_json_set_int(object, "new_tokens", w->steps);
    nyx_json_set_real(object, "temperature", args->temperature);
    nyx_json_set_real(object, "top_p", args->top_p);
    nyx_json_set_int(object, "top_k", args->top_k);
    nyx_json_set_int(object, "seed", (int64_t)nyx_cli_common->seed);
    texts = nyx_json_add_array(object, "texts");
    for (int64_t s = 0; s < args->count; s++) {
        nyx_json *one = nyx_json_push_object(texts), *ids = nyx_json_add_array(one, "ids");

        for (int64_t i = 0; i < w->lengths[s]; i++)
            nyx_json_push_int(ids, w->texts[s * w->room + i]);
        set_text(one, "prompt", w, s, 0, w->prompt_count);
        set_text(one, "text", w, s, w->prompt_count, w->lengths[s]);
    }
    if (w->prompt_ns > 0)
        nyx_json_set_real(run, "prompt_tokens_per_s", fed / ((double)w->prompt_ns * 1e-9));
    if (w->steps && w->step_ns > 0)
        nyx_json_set_real(run, "new_tokens_per_s", (double)w->steps / ((double)w->step_ns * 1e-9));
}

int eval_generate(nyx_report *report, const char *model, enum nyx_activations activations)
{
    work w = { 0 };
    int  status = check_args(model);

    if (status == 0 && (status = prepare(&w, report, model, activations)) == 0 && !nyx_cli_common->dry_run &&
        (status = generate(&w)) == 0) {
        print_texts(&w);
        describe(&w, report);
    }
    nyx_chooser_free(w.chooser);
    nyx_generator_close(w.generator);
    nyx_device_describe(report, w.device, nyx_cli_note);
    nyx_device_close(w.device);
    nyx_tokenizer_free(w.tokenizer);
    nyx_free(w.prompt);
    nyx_free(w.texts);
    nyx_free(w.lengths);
    return status;
}
