/* foreign -- BPE as others write it: Hugging Face's tokenizer.json, byte-level
 * or as it writes SentencePiece's, GPT-2's vocab.json and merges.txt. A part of
 * a tokenizer.json that would change tokens and is not known is named and
 * refused. */
#include "text/internal.h"

#include "file/file.h"

#include <string.h>
#include <sys/stat.h>

enum { FILE_MOST = 64 << 20 };

#define SPACE "\xe2\x96\x81" /* U+2581 */

/* Another way to write GPT-2's. */
static const char GPT2_SHORT[] = "'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/* What a tokenizer.json is while it is read: literals by id. */
struct import {
    const char     *subject;
    const char    **literal; /* borrowed from the JSON; NULL: none */
    uint8_t        *type;    /* 0: in letters; else an added token */
    int64_t         count;
    const nyx_json *vocabulary; /* object: literal -> id */
    int32_t         bos, eos, unknown;
    enum nyx_text__pattern pattern;
    bool            ignore_merges, leading_space, once;
};

static int unknown_part(const struct import *in, const char *part, const nyx_json *value)
{
    char *text = NULL;
    int   status;

    if (nyx_json_print(&text, value, 0) < 0)
        text = NULL;
    status = nyx_error_set(NYX_ERR_UNSUPPORTED, "'%s': %s %.100s%s is not known; byte-level BPE with the patterns of "
                                                "GPT-2, SmolLM, Llama 3 and Qwen 2 is, and BPE with byte_fallback as "
                                                "of Llama 2", in->subject, part, text ? text : "?",
                           text && strlen(text) > 100 ? "..." : "");
    nyx_free(text);
    return status;
}

/* ---- vocabulary ------------------------------------------------------------------------ */

static int put_literal(struct import *in, int64_t id, const char *literal, uint8_t type)
{
    if (id < 0 || id >= NYX_VOCABULARY_MOST)
        return nyx_error_set(NYX_ERR_INPUT, "'%s': token '%.40s' has the id %lld, 0 to %d are possible", in->subject,
                             literal, (long long)id, NYX_VOCABULARY_MOST - 1);
    if (in->literal[id] && (!type || strcmp(in->literal[id], literal) != 0))
        return nyx_error_set(NYX_ERR_INPUT, "'%s': tokens '%.40s' and '%.40s' have the same id, %lld", in->subject,
                             in->literal[id], literal, (long long)id);
    in->literal[id] = literal;
    in->type[id] = type;
    if (id >= in->count)
        in->count = id + 1;
    return 0;
}

static int read_vocabulary(struct import *in, const nyx_json *vocabulary)
{
    int status = 0;

    if (nyx_json_kind_of(vocabulary) != NYX_JSON_OBJECT || nyx_json_count(vocabulary) == 0)
        return nyx_error_set(NYX_ERR_INPUT, "'%s' has no vocabulary", in->subject);
    in->vocabulary = vocabulary;
    for (int64_t i = 0; i < nyx_json_count(vocabulary) && status == 0; i++)
        status = put_literal(in, nyx_json_int(nyx_json_item(vocabulary, i), -1), nyx_json_key(vocabulary, i), 0);
    return status;
}

/* The id of a literal of the vocabulary; -1: none. */
static int32_t find_literal(const struct import *in, const char *literal)
{
    int64_t low = 0, high = nyx_json_count(in->vocabulary);

    while (low < high) {
        int64_t middle = (low + high) / 2;
        int     order = strcmp(literal, nyx_json_key(in->vocabulary, middle));

        if (order == 0)
            return (int32_t)nyx_json_int(nyx_json_item(in->vocabulary, middle), -1);
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return -1;
}

static int read_added(struct import *in, const nyx_json *added)
{
    static const char *const flags[] = { "single_word", "lstrip", "rstrip" };
    int                      status = 0;

    for (int64_t i = 0; i < nyx_json_count(added) && status == 0; i++) {
        const nyx_json *token = nyx_json_item(added, i);
        const char     *content = nyx_json_text(nyx_json_get(token, "content"), "");

        if (!*content)
            return nyx_error_set(NYX_ERR_INPUT, "'%s': added token %lld has no content", in->subject, (long long)i);
        for (int f = 0; f < 3; f++)
            if (nyx_json_bool(nyx_json_get(token, flags[f]), false))
                return unknown_part(in, "an added token that changes what is around it,", token);
        status = put_literal(in, nyx_json_int(nyx_json_get(token, "id"), -1), content,
                             nyx_json_bool(nyx_json_get(token, "special"), false) ? NYX_TOKEN_CONTROL : NYX_TOKEN_USER);
    }
    return status;
}

/* Ids into tokens; what no literal has is unused. */
static int add_tokens(nyx_tokenizer *t, const struct import *in)
{
    int status = 0;

    for (int64_t id = 0; id < in->count && status == 0; id++) {
        const char *literal = in->literal[id] ? in->literal[id] : "";
        char       *bytes;
        int64_t     count = (int64_t)strlen(literal);

        if (in->type[id] || !*literal) {
            status = nyx_text__add(t, literal, count, *literal ? (enum nyx_token_type)in->type[id] : NYX_TOKEN_UNUSED,
                                   0);
            continue;
        }
        if ((status = nyx_alloc(&bytes, count + 1)) < 0)
            return status;
        count = nyx_text__from_letters(bytes, literal);
        status = count < 0
                     ? nyx_error_set(NYX_ERR_INPUT, "'%s': token %lld, '%.60s', is not written in letters for bytes",
                                     in->subject, (long long)id, literal)
                     : nyx_text__add(t, bytes, count, NYX_TOKEN_NORMAL, 0);
        nyx_free(bytes);
    }
    return status;
}

/* The tokens of "left right", or of the two apart. */
static int find_pair(int32_t *a, int32_t *b, const struct import *in, const char *text, const char *second,
                     int64_t number)
{
    const char *space = second ? NULL : strchr(text, ' ');
    char       *left = NULL;
    int         status;

    if (!second && (!space || space == text || !space[1] || strchr(space + 1, ' ')))
        return nyx_error_set(NYX_ERR_INPUT, "'%s': merge %lld, '%.60s', is no pair", in->subject, (long long)number,
                             text);
    if ((status = nyx_text_format(&left, "%.*s", space ? (int)(space - text) : (int)strlen(text), text)) < 0)
        return status;
    *a = find_literal(in, left);
    *b = find_literal(in, second ? second : space + 1);
    if (*a < 0 || *b < 0 || in->type[*a] || in->type[*b])
        status = nyx_error_set(NYX_ERR_INPUT, "'%s': merge %lld joins '%.40s' and '%.40s', which are no tokens both",
                               in->subject, (long long)number, left, second ? second : space + 1);
    nyx_free(left);
    return status;
}

/* Merge i of a tokenizer.json. */
static int merge_at(int32_t *a, int32_t *b, const struct import *in, const nyx_json *merges, int64_t i)
{
    const nyx_json *pair = nyx_json_item(merges, i);
    bool            apart = nyx_json_kind_of(pair) == NYX_JSON_ARRAY && nyx_json_count(pair) == 2;

    return apart ? find_pair(a, b, in, nyx_json_text(nyx_json_item(pair, 0), ""),
                             nyx_json_text(nyx_json_item(pair, 1), ""), i)
                 : find_pair(a, b, in, nyx_json_text(pair, ""), NULL, i);
}

static int add_merges(nyx_tokenizer *t, const struct import *in, const nyx_json *merges)
{
    int status = 0;

    if (nyx_json_kind_of(merges) != NYX_JSON_ARRAY)
        return nyx_error_set(NYX_ERR_INPUT, "'%s' has no merges", in->subject);
    for (int64_t i = 0; i < nyx_json_count(merges) && status == 0; i++) {
        int32_t a, b;

        if ((status = merge_at(&a, &b, in, merges, i)) == 0)
            status = nyx_text__add_merge(t, a, b);
    }
    return status;
}

/* ---- SentencePiece's, in a tokenizer.json --------------------------------------------------- */

/* Spaces are written as U+2581, bytes as <0x0A>; scores come later. */
static int add_pieces(nyx_tokenizer *t, const struct import *in)
{
    int status = 0;

    for (int64_t id = 0; id < in->count && status == 0; id++) {
        const char         *literal = in->literal[id] ? in->literal[id] : "";
        enum nyx_token_type type = in->type[id] ? (enum nyx_token_type)in->type[id] : NYX_TOKEN_NORMAL;
        char               *text;

        if (id == in->unknown)
            type = NYX_TOKEN_UNKNOWN;
        else if (!*literal)
            type = NYX_TOKEN_UNUSED;
        else if (type == NYX_TOKEN_NORMAL && nyx_text__byte_literal(literal, (int64_t)strlen(literal)) >= 0)
            type = NYX_TOKEN_BYTE;
        if ((status = nyx_text_copy(&text, literal)) < 0)
            return status;
        status = nyx_text__add(t, text, nyx_text__spaces_back(text), type, 0);
        nyx_free(text);
    }
    return status;
}

static int not_scores(const struct import *in, const char *why, const char *piece)
{
    return nyx_error_set(NYX_ERR_UNSUPPORTED,
                         "'%s': its merges are no scores of pieces, as SentencePiece's: %s '%.40s'", in->subject, why,
                         piece);
}

/* The score of a piece falls with the place of the merges that make it, which
 * must stand together, and be all there can be: then merging by scores and
 * merging by places is the same. */
static int add_scores(nyx_tokenizer *t, const struct import *in, const nyx_json *merges)
{
    const int64_t count = nyx_json_count(merges);
    int32_t      *made = NULL, a, b, whole, last = -1;
    char         *text;
    int           status = nyx_alloc(&made, t->count * (int64_t)sizeof *made);

    for (int64_t id = 0; id < t->count; id++)
        t->score[id] = -(float)count;
    for (int64_t i = 0; i < count && status == 0; i++) {
        if ((status = merge_at(&a, &b, in, merges, i)) < 0 ||
            (status = nyx_text_format(&text, "%s%s", in->literal[a], in->literal[b])) < 0)
            break;
        if ((whole = find_literal(in, text)) < 0)
            status = nyx_error_set(NYX_ERR_INPUT, "'%s': merge %lld makes '%.60s', which the vocabulary lacks",
                                   in->subject, (long long)i, text);
        else if (whole != last && made[whole])
            status = not_scores(in, "others stand between those that make", text);
        else if (!made[whole]++)
            t->score[whole] = -(float)i;
        last = whole;
        nyx_free(text);
    }
    for (int64_t id = 0; id < t->count && status == 0; id++)
        if (t->type[id] == NYX_TOKEN_NORMAL && nyx_tokenizer_ways(t, (int32_t)id, NULL) != made[id])
            status = not_scores(in, "some are missing that could make", in->literal[id]);
    nyx_free(made);
    return status;
}

/* ---- the parts of a tokenizer.json --------------------------------------------------------- */

static bool is(const nyx_json *json, const char *key, const char *text)
{
    return strcmp(nyx_json_text(nyx_json_get(json, key), ""), text) == 0;
}

/* NFC leaves text in its common form alone; ours is not normalized, as in
 * llama.cpp. */
static int read_normalizer(const struct import *in, const nyx_json *normalizer)
{
    bool known = nyx_json_kind_of(normalizer) == NYX_JSON_NULL || is(normalizer, "type", "NFC") ||
                 (is(normalizer, "type", "Sequence") && nyx_json_count(nyx_json_get(normalizer, "normalizers")) == 0);

    return known ? 0 : unknown_part(in, "normalizer", normalizer);
}

static bool find_expression(enum nyx_text__pattern *out, const char *expression)
{
    *out = strcmp(expression, GPT2_SHORT) == 0 ? NYX_TEXT__GPT2 : NYX_TEXT__NONE;
    for (int i = 0; i < NYX_TEXT__PATTERNS; i++)
        if (nyx_text__expressions[i] && strcmp(expression, nyx_text__expressions[i]) == 0)
            *out = (enum nyx_text__pattern)i;
    return *out != NYX_TEXT__NONE;
}

static int read_pattern(struct import *in, const nyx_json *pre)
{
    const nyx_json *list = is(pre, "type", "Sequence") ? nyx_json_get(pre, "pretokenizers") : NULL;
    const nyx_json *first = nyx_json_count(list) == 2 ? nyx_json_item(list, 0) : NULL;
    const nyx_json *level = list ? nyx_json_item(list, nyx_json_count(list) - 1) : pre;
    bool            regex = nyx_json_bool(nyx_json_get(level, "use_regex"), true);

    if (!is(level, "type", "ByteLevel") || nyx_json_bool(nyx_json_get(level, "add_prefix_space"), true) ||
        nyx_json_count(list) > 2)
        return unknown_part(in, "pre-tokenizer", pre);
    if (!first && regex) {
        in->pattern = NYX_TEXT__GPT2;
        return 0;
    }
    if (first && regex && is(first, "type", "Digits") &&
        nyx_json_bool(nyx_json_get(first, "individual_digits"), false)) {
        in->pattern = NYX_TEXT__DIGITS;
        return 0;
    }
    if (!first || regex || !is(first, "type", "Split") || !is(first, "behavior", "Isolated") ||
        nyx_json_bool(nyx_json_get(first, "invert"), false) ||
        !find_expression(&in->pattern, nyx_json_text(nyx_json_get(first, "pattern.Regex"), "")))
        return unknown_part(in, "pre-tokenizer", pre);
    return 0;
}

static int read_model(struct import *in, const nyx_json *model)
{
    static const char *const numbers[] = { "dropout" };
    static const char *const texts[] = { "continuing_subword_prefix", "end_of_word_suffix" };

    if (nyx_json_kind_of(model) != NYX_JSON_OBJECT)
        return nyx_error_set(NYX_ERR_INPUT, "'%s' has no model", in->subject);
    if (nyx_json_get(model, "type") && !is(model, "type", "BPE"))
        return unknown_part(in, "model", nyx_json_get(model, "type"));
    if (nyx_json_real(nyx_json_get(model, numbers[0]), 0) != 0)
        return unknown_part(in, "dropout", nyx_json_get(model, numbers[0]));
    for (int i = 0; i < 2; i++)
        if (!is(model, texts[i], ""))
            return unknown_part(in, texts[i], nyx_json_get(model, texts[i]));
    in->ignore_merges = nyx_json_bool(nyx_json_get(model, "ignore_merges"), false);
    return 0;
}

static bool is_replace(const nyx_json *json)
{
    return is(json, "type", "Replace") && is(json, "pattern.String", " ") && is(json, "content", SPACE);
}

/* Spaces become U+2581, behind one more in front of the text or not: by the
 * normalizer, or by the pre-tokenizer. */
static int read_spaces(struct import *in, const nyx_json *normalizer, const nyx_json *pre)
{
    const bool      sequence = is(normalizer, "type", "Sequence");
    const nyx_json *list = sequence ? nyx_json_get(normalizer, "normalizers") : NULL;
    const int64_t   count = sequence ? nyx_json_count(list) : 1;
    const nyx_json *first = sequence ? nyx_json_item(list, 0) : normalizer,
                   *last = sequence ? nyx_json_item(list, count - 1) : first;
    const bool      prepend = count == 2 && is(first, "type", "Prepend") && is(first, "prepend", SPACE);
    const bool      no_pre = nyx_json_kind_of(pre) == NYX_JSON_NULL ||
                             (is(pre, "type", "Split") && is(pre, "pattern.String", " ")); /* there are none left */
    const char     *scheme = nyx_json_text(nyx_json_get(pre, "prepend_scheme"), "always");

    if (is_replace(last) && (count == 1 || prepend)) {
        in->leading_space = prepend;
        return no_pre ? 0 : unknown_part(in, "pre-tokenizer", pre);
    }
    if (nyx_json_kind_of(normalizer) != NYX_JSON_NULL && !(sequence && count == 0))
        return unknown_part(in, "normalizer", normalizer);
    if (!is(pre, "type", "Metaspace") || !is(pre, "replacement", SPACE) ||
        nyx_json_bool(nyx_json_get(pre, "split"), true))
        return unknown_part(in, "pre-tokenizer", pre);
    in->once = in->leading_space =
        strcmp(scheme, "never") != 0 && nyx_json_bool(nyx_json_get(pre, "add_prefix_space"), true);
    return 0;
}

/* bos is what a template puts first; the end of a text is known by its name. */
static void read_ends(struct import *in, const nyx_json *post)
{
    static const char *const ends[] = { "<|end_of_text|>", "<|endoftext|>", "</s>", "<|im_end|>" };
    const nyx_json          *list = is(post, "type", "Sequence") ? nyx_json_get(post, "processors") : NULL;

    for (int64_t i = 0; i < nyx_json_count(list); i++)
        if (is(nyx_json_item(list, i), "type", "TemplateProcessing"))
            post = nyx_json_item(list, i);
    for (int64_t id = 0; id < in->count; id++) {
        const char *literal = in->literal[id];

        if (!literal || in->type[id] != NYX_TOKEN_CONTROL)
            continue;
        if (is(post, "type", "TemplateProcessing") && is(post, "single.0.SpecialToken.id", literal))
            in->bos = (int32_t)id;
    }
    for (size_t e = 0; e < sizeof ends / sizeof *ends && in->eos < 0; e++)
        for (int64_t id = 0; id < in->count; id++)
            if (in->literal[id] && in->type[id] && strcmp(in->literal[id], ends[e]) == 0)
                in->eos = (int32_t)id;
}

/* ---- both forms ------------------------------------------------------------------------------ */

static int begin(struct import *in, const char *subject)
{
    int status;

    *in = (struct import){ .subject = subject, .bos = -1, .eos = -1, .unknown = -1, .pattern = NYX_TEXT__GPT2 };
    if ((status = nyx_alloc(&in->literal, NYX_VOCABULARY_MOST * (int64_t)sizeof *in->literal)) < 0)
        return status;
    return nyx_alloc(&in->type, NYX_VOCABULARY_MOST);
}

static int end(nyx_tokenizer **out, nyx_tokenizer *t, struct import *in, int status)
{
    if (status == 0) {
        t->bos = in->bos;
        t->eos = in->eos;
        t->unknown = in->unknown;
        t->leading_space = in->leading_space;
        t->once = in->once;
        t->pattern = in->pattern;
        t->ignore_merges = in->ignore_merges;
        status = nyx_text__finish(t, in->subject);
    }
    nyx_free(in->literal);
    nyx_free(in->type);
    if (status < 0)
        nyx_tokenizer_free(t);
    *out = status < 0 ? NULL : t;
    return status;
}

/* Tokens and merges of SentencePiece's kind. */
static int add_scored(nyx_tokenizer *t, struct import *in, const nyx_json *model)
{
    const nyx_json *merges = nyx_json_get(model, "merges");
    int             status;

    if (nyx_json_kind_of(merges) != NYX_JSON_ARRAY)
        return nyx_error_set(NYX_ERR_INPUT, "'%s' has no merges", in->subject);
    if (in->ignore_merges)
        return unknown_part(in, "ignore_merges", nyx_json_get(model, "ignore_merges"));
    in->unknown = find_literal(in, nyx_json_text(nyx_json_get(model, "unk_token"), ""));
    if ((status = add_pieces(t, in)) < 0 || (status = nyx_text__index(t, in->subject)) < 0)
        return status;
    return add_scores(t, in, merges);
}

static int read_hugging_face(nyx_tokenizer **out, const nyx_json *json, const char *subject)
{
    const nyx_json *model = nyx_json_get(json, "model"), *pre = nyx_json_get(json, "pre_tokenizer");
    const nyx_json *normalizer = nyx_json_get(json, "normalizer");
    const bool      scored = nyx_json_bool(nyx_json_get(model, "byte_fallback"), false);
    nyx_tokenizer  *t = NULL;
    struct import   in;
    int             status;

    if ((status = begin(&in, subject)) < 0 ||
        (status = nyx_text__create(&t, scored ? NYX_TOKENIZER_BPE_SCORES : NYX_TOKENIZER_BPE_BYTES)) < 0 ||
        (status = read_model(&in, model)) < 0 ||
        (status = scored ? read_spaces(&in, normalizer, pre) : read_normalizer(&in, normalizer)) < 0 ||
        (!scored && (status = read_pattern(&in, pre)) < 0) ||
        (status = read_vocabulary(&in, nyx_json_get(model, "vocab"))) < 0 ||
        (status = read_added(&in, nyx_json_get(json, "added_tokens"))) < 0)
        return end(out, t, &in, status);
    read_ends(&in, nyx_json_get(json, "post_processor"));
    if (scored)
        status = add_scored(t, &in, model);
    else if ((status = add_tokens(t, &in)) == 0)
        status = add_merges(t, &in, nyx_json_get(model, "merges"));
    return end(out, t, &in, status);
}

static int add_merge_lines(nyx_tokenizer *t, const struct import *in, const char *path)
{
    nyx_lines  *lines;
    const char *line;
    int64_t     bytes, number = 0;
    int32_t     a, b;
    int         status;

    if ((status = nyx_lines_open(&lines, path)) < 0)
        return status;
    while ((status = nyx_lines_next(lines, &line, &bytes)) == 1) {
        if (bytes == 0 || (number == 0 && strncmp(line, "#version", 8) == 0))
            continue;
        if ((status = find_pair(&a, &b, in, line, NULL, number++)) < 0 || (status = nyx_text__add_merge(t, a, b)) < 0)
            break;
    }
    nyx_lines_close(lines);
    return status;
}

int nyx_tokenizer_read_gpt2(nyx_tokenizer **out, const char *vocab, const char *merges)
{
    nyx_tokenizer *t = NULL;
    nyx_json      *json = NULL;
    struct import  in;
    char          *text;
    int64_t        bytes;
    int            status;

    *out = NULL;
    if ((status = nyx_members_read(&text, &bytes, vocab, FILE_MOST)) < 0)
        return status;
    status = nyx_json_parse(&json, text, bytes, vocab);
    nyx_free(text);
    if (status < 0)
        return status;
    if ((status = begin(&in, vocab)) == 0 && (status = nyx_text__create(&t, NYX_TOKENIZER_BPE_BYTES)) == 0 &&
        (status = read_vocabulary(&in, json)) == 0) {
        int32_t eos = find_literal(&in, "<|endoftext|>");

        if (eos >= 0)
            in.type[in.eos = eos] = NYX_TOKEN_CONTROL;
        status = add_tokens(t, &in);
    }
    if (status == 0)
        status = add_merge_lines(t, &in, merges);
    status = end(out, t, &in, status);
    nyx_json_free(json);
    return status;
}

/* ---- any file ----------------------------------------------------------------------------------- */

static int read_hdf5(nyx_tokenizer **out, const char *path)
{
    nyx_reader *file;
    nyx_json   *json = NULL;
    char       *subject = NULL;
    int         status;

    if ((status = nyx_reader_open(&file, path)) < 0)
        return status;
    if ((status = nyx_reader_json(file, "/tokenizer", &json)) == 0 && !json)
        status = nyx_error_set(NYX_ERR_INPUT, "'%s' has no tokenizer", path);
    if (status == 0 && (status = nyx_text_format(&subject, "%s:/tokenizer", path)) == 0)
        status = nyx_tokenizer_parse(out, json, subject);
    nyx_free(subject);
    nyx_json_free(json);
    nyx_reader_close(file);
    return status;
}

/* Models are larger than any tokenizer: they are told by their first bytes and
 * never read as a whole. */
static bool is_hdf5(const char *path)
{
    struct stat info;
    char        head[8];
    FILE       *file = stat(path, &info) == 0 && S_ISREG(info.st_mode) ? fopen(path, "rb") : NULL;
    bool        yes = file && fread(head, 1, sizeof head, file) == sizeof head &&
               memcmp(head, "\x89HDF\r\n\x1a\n", sizeof head) == 0;

    if (file)
        fclose(file);
    return yes;
}

int nyx_tokenizer_read(nyx_tokenizer **out, const char *path)
{
    nyx_json *json = NULL;
    char     *text;
    int64_t   bytes, at = 0;
    int       status;

    *out = NULL;
    if (is_hdf5(path))
        return read_hdf5(out, path);
    if ((status = nyx_members_read(&text, &bytes, path, FILE_MOST)) < 0)
        return status;
    while (at < bytes && strchr(" \t\r\n", text[at]) && text[at])
        at++;
    if (at < bytes && text[at] == '{') {
        if ((status = nyx_json_parse(&json, text, bytes, path)) == 0)
            status = nyx_json_get(json, "kind") ? nyx_tokenizer_parse(out, json, path)
                                                : read_hugging_face(out, json, path);
    } else {
        status = nyx_text__read_llama2c(out, text, bytes, path);
    }
    nyx_json_free(json);
    nyx_free(text);
    return status;
}
