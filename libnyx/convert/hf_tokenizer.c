/* hf_tokenizer -- a tokenizer as tokenizer.json of Hugging Face.
 *
 * Byte-level BPE has a form there that splits and merges as ours does. BPE
 * with scores is written as HF writes SentencePiece's: a merge for each way to
 * make a piece out of two, better scores first.
 */
#include "convert/internal.h"

#include <string.h>

/* ---- vocabulary ------------------------------------------------------------------ */

/* Keys in the order that objects keep them: appending to one costs nothing. */
typedef struct {
    char   *key;
    int32_t id;
} word;

static int by_key(const void *a, const void *b)
{
    const word *left = a, *right = b;
    const int   order = strcmp(left->key, right->key);

    return order ? order : left->id < right->id ? -1 : left->id > right->id;
}

/* Those that are no pieces of words stand among the added tokens, too. */
static bool is_added(const nyx_tokenizer *t, int32_t id)
{
    const enum nyx_token_type type = nyx_tokenizer_type(t, id);

    return type == NYX_TOKEN_CONTROL || type == NYX_TOKEN_USER || type == NYX_TOKEN_UNKNOWN;
}

static int put_vocabulary(nyx_json *model, const nyx_tokenizer *t)
{
    const int32_t count = (int32_t)nyx_tokenizer_vocabulary(t);
    nyx_json     *vocabulary = nyx_json_add_object(model, "vocab");
    word         *words;
    int64_t       used = 0;
    int           status = nyx_alloc(&words, count * (int64_t)sizeof *words);

    for (int32_t id = 0; id < count && status == 0; id++) {
        if (nyx_tokenizer_type(t, id) == NYX_TOKEN_UNUSED)
            continue;
        words[used].id = id;
        status = nyx_convert__piece(&words[used].key, t, id);
        used += status == 0;
    }
    if (used)
        qsort(words, (size_t)used, sizeof *words, by_key);
    for (int64_t i = 0; i < used && status == 0; i++) {
        if (i == 0 || strcmp(words[i].key, words[i - 1].key) != 0)
            nyx_json_set_int(vocabulary, words[i].key, words[i].id);
    }
    for (int64_t i = 0; i < used; i++)
        nyx_free(words[i].key);
    nyx_free(words);
    return status;
}

static int put_added(nyx_json *out, const nyx_tokenizer *t)
{
    nyx_json *added = nyx_json_add_array(out, "added_tokens");
    int       status = 0;

    for (int32_t id = 0; id < nyx_tokenizer_vocabulary(t) && status == 0; id++) {
        nyx_json *token;
        char     *content;

        if (!is_added(t, id))
            continue;
        if ((status = nyx_convert__piece(&content, t, id)) < 0)
            return status;
        token = nyx_json_push_object(added);
        nyx_json_set_int(token, "id", id);
        nyx_json_set_text(token, "content", content);
        nyx_json_set_bool(token, "single_word", false);
        nyx_json_set_bool(token, "lstrip", false);
        nyx_json_set_bool(token, "rstrip", false);
        nyx_json_set_bool(token, "normalized", false);
        nyx_json_set_bool(token, "special", nyx_tokenizer_type(t, id) != NYX_TOKEN_USER);
        nyx_free(content);
    }
    return status;
}

/* ---- merges ----------------------------------------------------------------------- */

/* A way to make piece `whole` out of two. */
typedef struct {
    int32_t left, right, whole;
    float   score;
} pair;

static int by_score(const void *a, const void *b)
{
    const pair *left = a, *right = b;

    if (left->score != right->score)
        return left->score > right->score ? -1 : 1;
    if (left->whole != right->whole)
        return left->whole < right->whole ? -1 : 1;
    return left->left < right->left ? -1 : left->left > right->left;
}

static int put_scored_merges(nyx_json *merges, const nyx_tokenizer *t)
{
    const int32_t vocabulary = (int32_t)nyx_tokenizer_vocabulary(t);
    pair         *pairs = NULL;
    int32_t      *both = NULL;
    int64_t       count = 0, at = 0;
    int           status;

    for (int32_t id = 0; id < vocabulary; id++)
        count += nyx_tokenizer_ways(t, id, NULL);
    if ((status = nyx_alloc(&pairs, count * (int64_t)sizeof *pairs)) < 0 ||
        (status = nyx_alloc(&both, count * 2 * (int64_t)sizeof *both)) < 0)
        goto done;
    for (int32_t id = 0; id < vocabulary; id++)
        for (const int64_t end = at + nyx_tokenizer_ways(t, id, both + 2 * at); at < end; at++)
            pairs[at] = (pair) { both[2 * at], both[2 * at + 1], id, nyx_tokenizer_score(t, id) };
    if (count)
        qsort(pairs, (size_t)count, sizeof *pairs, by_score);
    for (int64_t i = 0; i < count && status == 0; i++)
        status = nyx_convert__push_merge(merges, t, pairs[i].left, pairs[i].right);
done:
    nyx_free(pairs);
    nyx_free(both);
    return status;
}

static int put_merges(nyx_json *model, const nyx_tokenizer *t)
{
    nyx_json *merges = nyx_json_add_array(model, "merges");
    int       status = 0;

    if (nyx_tokenizer_kind_of(t) == NYX_TOKENIZER_BPE_SCORES)
        return put_scored_merges(merges, t);
    for (int64_t i = 0; i < nyx_tokenizer_merge_count(t) && status == 0; i++) {
        int32_t a, b;

        nyx_tokenizer_merge(t, i, &a, &b);
        status = nyx_convert__push_merge(merges, t, a, b);
    }
    return status;
}

/* ---- the stages around the model ---------------------------------------------------- */

static nyx_json *byte_level(nyx_json *into, bool regex)
{
    nyx_json_set_text(into, "type", "ByteLevel");
    nyx_json_set_bool(into, "add_prefix_space", false);
    nyx_json_set_bool(into, "trim_offsets", true);
    nyx_json_set_bool(into, "use_regex", regex);
    return into;
}

static void put_split(nyx_json *out, const nyx_tokenizer *t)
{
    const char *pattern = nyx_tokenizer_pattern(t);
    nyx_json *pre = nyx_json_add_object(out, "pre_tokenizer"), *list, *first;

    if (strcmp(pattern, "gpt2") == 0 || !*pattern) {
        byte_level(pre, *pattern != '\0');
        return;
    }
    nyx_json_set_text(pre, "type", "Sequence");
    list = nyx_json_add_array(pre, "pretokenizers");
    first = nyx_json_push_object(list);
    if (strcmp(pattern, "gpt2-digits") == 0) {
        nyx_json_set_text(first, "type", "Digits");
        nyx_json_set_bool(first, "individual_digits", true);
        byte_level(nyx_json_push_object(list), true);
        return;
    }
    nyx_json_set_text(first, "type", "Split");
    nyx_json_set_text(nyx_json_add_object(first, "pattern"), "Regex", nyx_tokenizer_expression(t));
    nyx_json_set_text(first, "behavior", "Isolated");
    nyx_json_set_bool(first, "invert", false);
    byte_level(nyx_json_push_object(list), false);
}

/* Spaces become U+2581 on the way in and spaces again on the way out. */
static void put_spaces(nyx_json *out, const nyx_tokenizer *t)
{
    nyx_json *normalizer, *list, *step;

    if (nyx_tokenizer_leading_space_once(t)) {
        nyx_json_set_null(out, "normalizer", NULL);
        step = nyx_json_add_object(out, "pre_tokenizer");
        nyx_json_set_text(step, "type", "Metaspace");
        nyx_json_set_text(step, "replacement", "\xe2\x96\x81");
        nyx_json_set_text(step, "prepend_scheme", "first");
        nyx_json_set_bool(step, "split", false);
        return;
    }
    nyx_json_set_null(out, "pre_tokenizer", NULL);
    normalizer = nyx_json_add_object(out, "normalizer");
    nyx_json_set_text(normalizer, "type", "Sequence");
    list = nyx_json_add_array(normalizer, "normalizers");
    if (nyx_tokenizer_leading_space(t)) {
        step = nyx_json_push_object(list);
        nyx_json_set_text(step, "type", "Prepend");
        nyx_json_set_text(step, "prepend", "\xe2\x96\x81");
    }
    step = nyx_json_push_object(list);
    nyx_json_set_text(step, "type", "Replace");
    nyx_json_set_text(nyx_json_add_object(step, "pattern"), "String", " ");
    nyx_json_set_text(step, "content", "\xe2\x96\x81");
}

static void put_scored_stages(nyx_json *out, const nyx_tokenizer *t)
{
    nyx_json *decoder = nyx_json_add_object(out, "decoder"), *list, *step;

    put_spaces(out, t);
    nyx_json_set_text(decoder, "type", "Sequence");
    list = nyx_json_add_array(decoder, "decoders");
    step = nyx_json_push_object(list);
    nyx_json_set_text(step, "type", "Replace");
    nyx_json_set_text(nyx_json_add_object(step, "pattern"), "String", "\xe2\x96\x81");
    nyx_json_set_text(step, "content", " ");
    nyx_json_set_text(nyx_json_push_object(list), "type", "ByteFallback");
    nyx_json_set_text(nyx_json_push_object(list), "type", "Fuse");
    if (nyx_tokenizer_leading_space(t)) {
        step = nyx_json_push_object(list);
        nyx_json_set_text(step, "type", "Strip");
        nyx_json_set_text(step, "content", " ");
        nyx_json_set_int(step, "start", 1);
        nyx_json_set_int(step, "stop", 0);
    }
}

/* bos in front of every text. */
static int put_template(nyx_json *out, const nyx_tokenizer *t)
{
    nyx_json *post, *single, *pair_list, *special, *ids, *token;
    char     *bos;
    int       status;

    if (nyx_tokenizer_bos(t) < 0) {
        nyx_json_set_null(out, "post_processor", NULL);
        return 0;
    }
    if ((status = nyx_convert__piece(&bos, t, nyx_tokenizer_bos(t))) < 0)
        return status;
    post = nyx_json_add_object(out, "post_processor");
    nyx_json_set_text(post, "type", "TemplateProcessing");
    single = nyx_json_add_array(post, "single");
    pair_list = nyx_json_add_array(post, "pair");
    for (int i = 0; i < 5; i++) { /* bos A; bos A bos B */
        nyx_json   *item = nyx_json_push_object(i < 2 ? single : pair_list);
        const bool  is_bos = i == 0 || i == 2;
        nyx_json   *what = nyx_json_add_object(item, is_bos ? "SpecialToken" : "Sequence");

        nyx_json_set_text(what, "id", is_bos ? bos : i == 4 ? "B" : "A");
        nyx_json_set_int(what, "type_id", 0);
    }
    special = nyx_json_add_object(post, "special_tokens");
    token = nyx_json_add_object(special, bos);
    nyx_json_set_text(token, "id", bos);
    ids = nyx_json_add_array(token, "ids");
    nyx_json_push_int(ids, nyx_tokenizer_bos(t));
    nyx_json_push_text(nyx_json_add_array(token, "tokens"), bos);
    nyx_free(bos);
    return 0;
}

int nyx_convert__hf_tokenizer(nyx_json **out, const nyx_tokenizer *t)
{
    const bool scores = nyx_tokenizer_kind_of(t) == NYX_TOKENIZER_BPE_SCORES;
    nyx_json  *root = *out = nyx_json_object(), *model = nyx_json_add_object(root, "model");
    char      *unknown = NULL;
    int        status;

    nyx_json_set_text(root, "version", "1.0");
    nyx_json_set_null(root, "truncation", NULL);
    nyx_json_set_null(root, "padding", NULL);
    nyx_json_set_text(model, "type", "BPE");
    nyx_json_set_null(model, "dropout", NULL);
    nyx_json_set_null(model, "continuing_subword_prefix", NULL);
    nyx_json_set_null(model, "end_of_word_suffix", NULL);
    nyx_json_set_null(model, "unk_token", NULL);
    nyx_json_set_bool(model, "fuse_unk", scores);
    nyx_json_set_bool(model, "byte_fallback", scores);
    nyx_json_set_bool(model, "ignore_merges", nyx_tokenizer_ignores_merges(t));
    if (scores) {
        put_scored_stages(root, t);
        if (nyx_tokenizer_unknown(t) >= 0 && (status = nyx_convert__piece(&unknown, t, nyx_tokenizer_unknown(t))) == 0)
            nyx_json_set_text(model, "unk_token", unknown);
        nyx_free(unknown);
    } else {
        nyx_json_set_null(root, "normalizer", NULL);
        put_split(root, t);
        byte_level(nyx_json_add_object(root, "decoder"), true);
    }
    if ((status = put_vocabulary(model, t)) < 0 || (status = put_merges(model, t)) < 0 ||
        (status = put_added(root, t)) < 0)
        return status;
    return put_template(root, t);
}
