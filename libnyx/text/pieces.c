/* pieces -- tokenizers as GGUF's metadata and llama2.c's tokenizer.bin have
 * them. */
#include "text/internal.h"

#include <string.h>

int64_t nyx_text__spaces_back(char *text)
{
    int64_t at = 0;

    for (const char *from = text; *from;) {
        if (memcmp(from, "\xe2\x96", 2) == 0 && from[2] == '\x81') {
            text[at++] = ' ';
            from += 3;
        } else {
            text[at++] = *from++;
        }
    }
    text[at] = '\0';
    return at;
}

static int add_scored(nyx_tokenizer *t, const nyx_tokenizer_pieces *in)
{
    int status = 0;

    for (int64_t i = 0; i < in->count && status == 0; i++) {
        int   type = in->types ? in->types[i] : NYX_TOKEN_NORMAL;
        char *text;

        if (type < NYX_TOKEN_NORMAL || type > NYX_TOKEN_BYTE)
            return nyx_error_set(NYX_ERR_INPUT, "'%s': token %lld has the type %d, 1 to 6 are known", in->subject,
                                 (long long)i, type);
        if ((status = nyx_text_copy(&text, in->pieces[i])) < 0)
            return status;
        status = nyx_text__add(t, text, nyx_text__spaces_back(text), (enum nyx_token_type)type, in->scores[i]);
        nyx_free(text);
    }
    return status;
}

static int add_lettered(nyx_tokenizer *t, const nyx_tokenizer_pieces *in)
{
    int status = 0;

    for (int64_t i = 0; i < in->count && status == 0; i++) {
        int     type = in->types ? in->types[i] : NYX_TOKEN_NORMAL;
        int64_t bytes = (int64_t)strlen(in->pieces[i]), length;
        char   *text;

        if (type < NYX_TOKEN_NORMAL || type > NYX_TOKEN_BYTE)
            return nyx_error_set(NYX_ERR_INPUT, "'%s': token %lld has the type %d, 1 to 6 are known", in->subject,
                                 (long long)i, type);
        if ((status = nyx_alloc(&text, bytes + 1)) < 0)
            return status;
        memcpy(text, in->pieces[i], (size_t)bytes);
        length = type == NYX_TOKEN_NORMAL ? nyx_text__from_letters(text, in->pieces[i]) : bytes;
        status = length < 0
                     ? nyx_error_set(NYX_ERR_INPUT, "'%s': token %lld, '%.60s', is not written in letters for bytes",
                                     in->subject, (long long)i, in->pieces[i])
                     : nyx_text__add(t, text, length, (enum nyx_token_type)type, 0);
        nyx_free(text);
    }
    return status;
}

static int add_pair(nyx_tokenizer *t, const struct nyx_text__map *ids, const char *text, const char *subject,
                    int64_t number)
{
    const char *space = strchr(text, ' ');
    char       *left, *right = NULL;
    int64_t     a, b;
    int32_t     x = -1, y = -1;
    int         status;

    if (!space || strchr(space + 1, ' '))
        return nyx_error_set(NYX_ERR_INPUT, "'%s': merge %lld, '%.60s', is no pair", subject, (long long)number, text);
    if ((status = nyx_text_format(&left, "%.*s", (int)(space - text), text)) < 0 ||
        (status = nyx_text_copy(&right, space + 1)) < 0) {
        nyx_free(left);
        return status;
    }
    a = nyx_text__from_letters(left, left);
    b = nyx_text__from_letters(right, right);
    if (a > 0 && b > 0) {
        nyx_text__literal_key(ids, t, left, a, &x);
        nyx_text__literal_key(ids, t, right, b, &y);
    }
    status = x < 0 || y < 0 ? nyx_error_set(NYX_ERR_INPUT, "'%s': merge %lld, '%.60s', joins what are no tokens",
                                            subject, (long long)number, text)
                            : nyx_text__add_merge(t, x, y);
    nyx_free(left);
    nyx_free(right);
    return status;
}

static int add_pairs(nyx_tokenizer *t, const nyx_tokenizer_pieces *in)
{
    struct nyx_text__map ids = { 0 };
    int                  status = 0;

    for (int32_t id = 0; id < t->count && status >= 0; id++) {
        int32_t  same;
        uint64_t key = nyx_text__literal_key(&ids, t, t->blob + t->offset[id], nyx_text__literal_bytes(t, id), &same);

        if (t->type[id] == NYX_TOKEN_NORMAL && same < 0)
            status = nyx_text__map_put(&ids, key, id);
    }
    for (int64_t i = 0; i < in->merge_count && status >= 0; i++)
        status = add_pair(t, &ids, in->merges[i], in->subject, i);
    nyx_text__map_release(&ids);
    return status < 0 ? status : 0;
}

/* tokenizer.ggml.pre names a pattern. */
static int pattern_of(const nyx_tokenizer_pieces *in)
{
    static const struct { const char *name; enum nyx_text__pattern pattern; } names[] = {
        { "gpt-2", NYX_TEXT__GPT2 },      { "default", NYX_TEXT__GPT2 },  { "smollm", NYX_TEXT__DIGITS },
        { "llama-bpe", NYX_TEXT__LLAMA3 }, { "llama3", NYX_TEXT__LLAMA3 }, { "llama-v3", NYX_TEXT__LLAMA3 },
        { "qwen2", NYX_TEXT__QWEN2 },
    };

    if (!in->pre)
        return NYX_TEXT__GPT2;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(in->pre, names[i].name) == 0)
            return (int)names[i].pattern;
    return nyx_error_set(NYX_ERR_UNSUPPORTED, "'%s': the pre-tokenizer '%.40s' is not known; gpt-2, smollm, llama-bpe "
                                              "and qwen2 are", in->subject, in->pre);
}

int nyx_tokenizer_from_pieces(nyx_tokenizer **out, const nyx_tokenizer_pieces *in)
{
    bool           llama = strcmp(in->model, "llama") == 0;
    nyx_tokenizer *t = NULL;
    int            status, pattern;

    *out = NULL;
    if (!llama && strcmp(in->model, "gpt2") != 0)
        return nyx_error_set(NYX_ERR_UNSUPPORTED,
                             "'%s': a tokenizer of the kind '%.40s' is not known; llama and gpt2 are", in->subject,
                             in->model);
    if (llama && !in->scores)
        return nyx_error_set(NYX_ERR_INPUT, "'%s': the tokens have no scores", in->subject);
    if (in->count < 1 || in->count > NYX_VOCABULARY_MOST || in->bos >= in->count || in->eos >= in->count ||
        in->unknown >= in->count)
        return nyx_error_set(NYX_ERR_INPUT, "'%s': %lld tokens, with bos %lld, eos %lld, unknown %lld", in->subject,
                             (long long)in->count, (long long)in->bos, (long long)in->eos, (long long)in->unknown);
    if (!llama && (pattern = pattern_of(in)) < 0)
        return pattern;
    if ((status = nyx_text__create(&t, llama ? NYX_TOKENIZER_BPE_SCORES : NYX_TOKENIZER_BPE_BYTES)) < 0)
        return status;
    status = llama ? add_scored(t, in) : add_lettered(t, in);
    if (status == 0 && !llama) {
        t->pattern = (enum nyx_text__pattern)pattern;
        /* GGUF has no such flag; llama.cpp ties it to this pattern. */
        t->ignore_merges = pattern == NYX_TEXT__LLAMA3;
        status = add_pairs(t, in);
    }
    if (status == 0) {
        t->bos = in->bos < 0 ? -1 : (int32_t)in->bos;
        t->eos = in->eos < 0 ? -1 : (int32_t)in->eos;
        t->unknown = in->unknown < 0 ? -1 : (int32_t)in->unknown;
        t->leading_space = llama && in->leading_space;
        status = nyx_text__finish(t, in->subject);
    }
    if (status < 0)
        nyx_tokenizer_free(t);
    else
        *out = t;
    return status;
}

/* ---- llama2.c ------------------------------------------------------------------------------ */

static int cut(const char *subject, int64_t at)
{
    return nyx_error_set(NYX_ERR_INPUT, "'%s' is no tokenizer: neither JSON nor HDF5, and as a tokenizer of llama2.c "
                                        "it breaks off at byte %lld", subject, (long long)at);
}

/* i32 longest piece, then for each token f32 score, i32 bytes, the bytes;
 * little-endian. Tokens 0 to 2 are unknown, bos and eos. */
int nyx_text__read_llama2c(nyx_tokenizer **out, const char *data, int64_t bytes, const char *subject)
{
    nyx_tokenizer *t = NULL;
    int64_t        at = 4;
    int            status;

    if (bytes < 4 + 8)
        return cut(subject, bytes);
    if ((status = nyx_text__create(&t, NYX_TOKENIZER_BPE_SCORES)) < 0)
        return status;
    while (at < bytes && status == 0) {
        enum nyx_token_type type = t->count == 0  ? NYX_TOKEN_UNKNOWN
                                   : t->count < 3 ? NYX_TOKEN_CONTROL
                                                  : NYX_TOKEN_NORMAL;
        const char         *piece = data + at + 8;
        int32_t             length = -1;
        float               score = 0;

        if (bytes - at >= 8) {
            memcpy(&score, data + at, 4);
            memcpy(&length, data + at + 4, 4);
        }
        if (length < 0 || length > bytes - at - 8 || t->count == NYX_VOCABULARY_MOST) {
            status = cut(subject, at);
            break;
        }
        if (length == 6 && t->count >= 3 && memcmp(piece, "<0x", 3) == 0 && piece[5] == '>')
            type = NYX_TOKEN_BYTE;
        status = nyx_text__add(t, piece, length, type, score);
        at += 8 + length;
    }
    if (status == 0 && t->count < 3)
        status = cut(subject, bytes);
    if (status == 0) {
        t->unknown = 0;
        t->bos = 1;
        t->eos = 2;
        t->leading_space = true;
        status = nyx_text__finish(t, subject);
    }
    if (status < 0)
        nyx_tokenizer_free(t);
    else
        *out = t;
    return status;
}
