/* tokenizer -- the tokenizer that comes with a model, and its words for others.
 */
#include "convert/internal.h"

#include <string.h>
#include <unistd.h>

/* ---- in: GGUF -------------------------------------------------------------------- */

/* Arrays of the metadata as C arrays; everything borrowed but the arrays. */
typedef struct {
    const nyx_json *keys;
    const char    **pieces, **merges;
    float          *scores;
    int32_t        *types;
} listed;

static const nyx_json *key_of(const listed *in, const char *name)
{
    char key[64];

    snprintf(key, sizeof key, "tokenizer.ggml.%s", name);
    return nyx_json_get(in->keys, key);
}

static int wrong(const nyx_foreign *file, const char *name, int64_t at)
{
    return nyx_error_set(NYX_ERR_INPUT,
                         "cannot read '%s': element %lld of key 'tokenizer.ggml.%s' is of the wrong type",
                         nyx_foreign_path(file), (long long)at, name);
}

static int texts_of(const char ***out, const nyx_foreign *file, const listed *in, const char *name)
{
    const nyx_json *array = key_of(in, name);
    const int64_t   count = nyx_json_count(array);
    int             status;

    if (!array)
        return 0;
    if ((status = nyx_alloc(out, count * (int64_t)sizeof **out)) < 0)
        return status;
    for (int64_t i = 0; i < count; i++) {
        if (!((*out)[i] = nyx_json_text(nyx_json_item(array, i), NULL)))
            return wrong(file, name, i);
    }
    return 0;
}

/* As many numbers as there are pieces. */
static int check_numbers(const nyx_foreign *file, const listed *in, const char *name, bool whole)
{
    const nyx_json *array = key_of(in, name);
    const int64_t   count = nyx_json_count(key_of(in, "tokens"));

    if (nyx_json_kind_of(array) != NYX_JSON_ARRAY || nyx_json_count(array) != count)
        return nyx_error_set(NYX_ERR_INPUT,
                             "cannot read '%s': key 'tokenizer.ggml.%s' has %lld elements for %lld tokens",
                             nyx_foreign_path(file), name, (long long)nyx_json_count(array), (long long)count);
    for (int64_t i = 0; i < count; i++) {
        const enum nyx_json_kind kind = nyx_json_kind_of(nyx_json_item(array, i));

        if (kind != NYX_JSON_INT && (whole || kind != NYX_JSON_REAL))
            return wrong(file, name, i);
    }
    return 0;
}

static int numbers_of(listed *in, const nyx_foreign *file)
{
    const int64_t   count = nyx_json_count(key_of(in, "tokens"));
    const nyx_json *scores = key_of(in, "scores"), *types = key_of(in, "token_type");
    int             status = 0;

    if (scores && ((status = check_numbers(file, in, "scores", false)) < 0 ||
                   (status = nyx_alloc(&in->scores, count * (int64_t)sizeof *in->scores)) < 0))
        return status;
    if (types && ((status = check_numbers(file, in, "token_type", true)) < 0 ||
                  (status = nyx_alloc(&in->types, count * (int64_t)sizeof *in->types)) < 0))
        return status;
    for (int64_t i = 0; i < count; i++) {
        if (scores)
            in->scores[i] = (float)nyx_json_real(nyx_json_item(scores, i), 0);
        if (types)
            in->types[i] = (int32_t)nyx_json_int(nyx_json_item(types, i), 0);
    }
    return 0;
}

static int from_gguf(nyx_tokenizer **out, const nyx_foreign *file)
{
    listed               in = { .keys = nyx_foreign_metadata(file) };
    nyx_tokenizer_pieces pieces = { .subject = nyx_foreign_path(file) };
    bool                 llama;
    int                  status;

    if (!(pieces.model = nyx_json_text(key_of(&in, "model"), NULL)) || strcmp(pieces.model, "none") == 0)
        return 0;
    if ((status = texts_of(&in.pieces, file, &in, "tokens")) < 0 ||
        (status = texts_of(&in.merges, file, &in, "merges")) < 0 || (status = numbers_of(&in, file)) < 0)
        goto done;
    llama = strcmp(pieces.model, "llama") == 0;
    pieces.pre = nyx_json_text(key_of(&in, "pre"), NULL);
    pieces.count = nyx_json_count(key_of(&in, "tokens"));
    pieces.merge_count = nyx_json_count(key_of(&in, "merges"));
    pieces.pieces = in.pieces;
    pieces.merges = in.merges;
    pieces.scores = in.scores;
    pieces.types = in.types;
    pieces.bos = nyx_json_bool(key_of(&in, "add_bos_token"), llama)
                     ? nyx_json_int(key_of(&in, "bos_token_id"), llama ? 1 : -1)
                     : -1;
    pieces.eos = nyx_json_int(key_of(&in, "eos_token_id"), llama ? 2 : -1);
    pieces.unknown = nyx_json_int(key_of(&in, "unknown_token_id"), llama ? 0 : -1);
    pieces.leading_space = nyx_json_bool(key_of(&in, "add_space_prefix"), true);
    status = nyx_tokenizer_from_pieces(out, &pieces);
done:
    nyx_free(in.pieces);
    nyx_free(in.merges);
    nyx_free(in.scores);
    nyx_free(in.types);
    return status;
}

/* ---- in: the rest ----------------------------------------------------------------- */

/* The end of a text by config.json: tokenizer.json does not say it. */
static int set_end(nyx_tokenizer **tokenizer, const nyx_foreign *file)
{
    const int64_t  eos = nyx_json_int(nyx_json_get(nyx_foreign_config(file), "eos_token_id"), -1);
    nyx_tokenizer *old = *tokenizer;
    nyx_json      *json;
    int            status;

    if (eos < 0 || eos >= nyx_tokenizer_vocabulary(old) || eos == nyx_tokenizer_eos(old))
        return 0;
    if (!(json = nyx_tokenizer_json(old)))
        return nyx_error_set(NYX_ERR_MEMORY, "no memory for the tokenizer");
    nyx_json_set_int(json, "eos", eos);
    if ((status = nyx_tokenizer_parse(tokenizer, json, nyx_foreign_path(file))) == 0)
        nyx_tokenizer_free(old);
    else
        *tokenizer = old;
    nyx_json_free(json);
    return status;
}

/* Our own JSON, in the metadata of a safetensors file that we wrote; NULL: none. */
static const char *inside(const nyx_foreign *file)
{
    return nyx_json_text(nyx_json_get(nyx_foreign_metadata(file), "nyx_tokenizer"), NULL);
}

int nyx_convert_tokenizer_beside(char **out, const nyx_foreign *file)
{
    const char *source = nyx_foreign_source(file, 0), *slash = strrchr(source, '/');
    int         status;

    *out = NULL;
    if (nyx_foreign_kind_of(file) != NYX_FOREIGN_SAFETENSORS || inside(file))
        return 0;
    status = nyx_text_format(out, "%.*stokenizer.json", slash ? (int)(slash - source + 1) : 0, source);
    if (status == 0 && access(*out, F_OK) != 0) {
        nyx_free(*out);
        *out = NULL;
    }
    return status;
}

static int from_beside(nyx_tokenizer **out, const nyx_foreign *file)
{
    char *path;
    int   status = nyx_convert_tokenizer_beside(&path, file);

    if (status == 0 && path && (status = nyx_tokenizer_read(out, path)) == 0)
        status = set_end(out, file);
    nyx_free(path);
    return status;
}

static int from_metadata(nyx_tokenizer **out, const nyx_foreign *file, const char *text)
{
    nyx_json *json;
    int       status = nyx_json_parse(&json, text, (int64_t)strlen(text), nyx_foreign_path(file));

    if (status == 0)
        status = nyx_tokenizer_parse(out, json, nyx_foreign_path(file));
    nyx_json_free(json);
    return status;
}

int nyx_convert__tokenizer_find(nyx_tokenizer **out, const nyx_foreign *file, const char *given)
{
    int status;

    *out = NULL;
    if (given)
        return nyx_tokenizer_read(out, given);
    if (nyx_foreign_kind_of(file) == NYX_FOREIGN_GGUF)
        return from_gguf(out, file);
    status = inside(file) ? from_metadata(out, file, inside(file)) : from_beside(out, file);
    if (status < 0) {
        nyx_tokenizer_free(*out);
        *out = NULL;
    }
    return status;
}

/* ---- out: GGUF ----------------------------------------------------------------------- */

int nyx_convert__piece(char **out, const nyx_tokenizer *t, int32_t id)
{
    const bool  scores = nyx_tokenizer_kind_of(t) == NYX_TOKENIZER_BPE_SCORES;
    int64_t     bytes;
    const char *literal = nyx_tokenizer_literal(t, id, &bytes);
    char       *at;
    int         status;

    if (!scores && nyx_tokenizer_type(t, id) == NYX_TOKEN_NORMAL)
        return nyx_tokenizer_letters(out, literal, bytes);
    if ((status = nyx_alloc(out, 3 * bytes + 1)) < 0)
        return status;
    at = *out;
    for (int64_t i = 0; i < bytes; i++) {
        if (scores && literal[i] == ' ')
            at = (char *)memcpy(at, "\xe2\x96\x81", 3) + 3;
        else
            *at++ = literal[i];
    }
    return 0;
}

int nyx_convert__push_merge(nyx_json *merges, const nyx_tokenizer *t, int32_t a, int32_t b)
{
    char *left = NULL, *right = NULL, *pair = NULL;
    int   status;

    if ((status = nyx_convert__piece(&left, t, a)) == 0 && (status = nyx_convert__piece(&right, t, b)) == 0 &&
        (status = nyx_text_format(&pair, "%s %s", left, right)) == 0)
        nyx_json_push_text(merges, pair);
    nyx_free(left);
    nyx_free(right);
    nyx_free(pair);
    return status;
}

static int gguf_merges(nyx_json *out, const nyx_tokenizer *t)
{
    nyx_json *merges = nyx_json_add_array(out, "tokenizer.ggml.merges");
    int       status = 0;

    for (int64_t i = 0; i < nyx_tokenizer_merge_count(t) && status == 0; i++) {
        int32_t a, b;

        nyx_tokenizer_merge(t, i, &a, &b);
        status = nyx_convert__push_merge(merges, t, a, b);
    }
    return status;
}

/* Rows of the embedding behind the last token get names that nobody writes. */
static int gguf_tokens(nyx_json *out, const nyx_tokenizer *t, int64_t vocabulary, bool scores)
{
    nyx_json *tokens = nyx_json_add_array(out, "tokenizer.ggml.tokens");
    nyx_json *types = nyx_json_add_array(out, "tokenizer.ggml.token_type");
    nyx_json *points = scores ? nyx_json_add_array(out, "tokenizer.ggml.scores") : NULL;
    int       status = 0;

    for (int64_t id = 0; id < vocabulary && status == 0; id++) {
        const bool real = id < nyx_tokenizer_vocabulary(t);
        char      *piece = NULL;

        status = real ? nyx_convert__piece(&piece, t, (int32_t)id)
                      : nyx_text_format(&piece, "[PAD%lld]", (long long)id);
        if (status == 0)
            nyx_json_push_text(tokens, piece);
        nyx_json_push_int(types, real ? (int64_t)nyx_tokenizer_type(t, (int32_t)id) : NYX_TOKEN_UNUSED);
        if (scores)
            nyx_json_push_real(points, real ? (double)nyx_tokenizer_score(t, (int32_t)id) : -10000.0);
        nyx_free(piece);
    }
    return status;
}

int nyx_convert__tokenizer_keys(nyx_json *out, const nyx_tokenizer *t, int64_t vocabulary)
{
    static const struct { const char *ours, *theirs; } patterns[] = {
        { "gpt2", "gpt-2" }, { "gpt2-digits", "smollm" }, { "llama3", "llama-bpe" }, { "qwen2", "qwen2" },
    };
    const bool scores = nyx_tokenizer_kind_of(t) == NYX_TOKENIZER_BPE_SCORES;
    int        status;

    nyx_json_set_text(out, "tokenizer.ggml.model", scores ? "llama" : "gpt2");
    nyx_json_set_text(out, "tokenizer.ggml.pre", scores ? "default" : "gpt-2");
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        if (strcmp(nyx_tokenizer_pattern(t), patterns[i].ours) == 0)
            nyx_json_set_text(out, "tokenizer.ggml.pre", patterns[i].theirs);
    }
    if ((status = gguf_tokens(out, t, vocabulary, scores)) < 0 || (!scores && (status = gguf_merges(out, t)) < 0))
        return status;
    if (nyx_tokenizer_bos(t) >= 0)
        nyx_json_set_int(out, "tokenizer.ggml.bos_token_id", nyx_tokenizer_bos(t));
    if (nyx_tokenizer_eos(t) >= 0)
        nyx_json_set_int(out, "tokenizer.ggml.eos_token_id", nyx_tokenizer_eos(t));
    if (nyx_tokenizer_unknown(t) >= 0)
        nyx_json_set_int(out, "tokenizer.ggml.unknown_token_id", nyx_tokenizer_unknown(t));
    nyx_json_set_bool(out, "tokenizer.ggml.add_bos_token", nyx_tokenizer_bos(t) >= 0);
    nyx_json_set_bool(out, "tokenizer.ggml.add_eos_token", false);
    nyx_json_set_bool(out, "tokenizer.ggml.add_space_prefix", nyx_tokenizer_leading_space(t));
    return 0;
}
