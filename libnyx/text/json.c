/* json -- our JSON of a tokenizer: schemas/tokenizer.schema.json. Literals are
 * written in GPT-2's letters, so that any bytes are text. */
#include "text/internal.h"

#include <string.h>

/* Lists of ids that are not normal. */
static const struct { const char *key; enum nyx_token_type type; } lists[] = {
    { "control", NYX_TOKEN_CONTROL },
    { "user", NYX_TOKEN_USER },
    { "unused", NYX_TOKEN_UNUSED },
    { "byte", NYX_TOKEN_BYTE },
};
enum { LISTS = sizeof lists / sizeof *lists };

/* ---- reading ---------------------------------------------------------------------- */

static int read_vocabulary(nyx_tokenizer *t, const nyx_json *json, const char *subject)
{
    const nyx_json *pieces = nyx_json_get(json, "vocabulary"), *scores = nyx_json_get(json, "scores");
    int64_t         count = nyx_json_count(pieces);
    int             status = 0;

    if (count > NYX_VOCABULARY_MOST)
        return nyx_error_set(NYX_ERR_INPUT, "'%s': a vocabulary of %lld tokens, at most %d are possible", subject,
                             (long long)count, NYX_VOCABULARY_MOST);
    if ((t->kind == NYX_TOKENIZER_BPE_SCORES) != (scores != NULL) || (scores && nyx_json_count(scores) != count))
        return nyx_error_set(NYX_ERR_INPUT, "'%s': %lld scores for %lld tokens of kind %s", subject,
                             (long long)nyx_json_count(scores), (long long)count, nyx_tokenizer_kind_name(t->kind));
    for (int64_t i = 0; i < count && status == 0; i++) {
        const char *letters = nyx_json_text(nyx_json_item(pieces, i), "");
        char       *bytes;
        int64_t     length;

        if ((status = nyx_alloc(&bytes, (int64_t)strlen(letters) + 1)) < 0)
            return status;
        length = nyx_text__from_letters(bytes, letters);
        if (length < 0)
            status = nyx_error_set(NYX_ERR_INPUT, "'%s': token %lld, '%.60s', is not written in letters for bytes",
                                   subject, (long long)i, letters);
        else
            status = nyx_text__add(t, bytes, length, NYX_TOKEN_NORMAL,
                                   (float)nyx_json_real(nyx_json_item(scores, i), 0));
        nyx_free(bytes);
    }
    return status;
}

static int read_types(nyx_tokenizer *t, const nyx_json *json, const char *subject)
{
    for (int l = 0; l < LISTS; l++) {
        const nyx_json *list = nyx_json_get(json, lists[l].key);

        for (int64_t i = 0; i < nyx_json_count(list); i++) {
            int64_t id = nyx_json_int(nyx_json_item(list, i), -1);

            if (id < 0 || id >= t->count || t->type[id] != NYX_TOKEN_NORMAL)
                return nyx_error_set(NYX_ERR_INPUT, "'%s': '%s' has token %lld, which is %s", subject, lists[l].key,
                                     (long long)id, id < 0 || id >= t->count ? "not there" : "listed twice");
            t->type[id] = (uint8_t)lists[l].type;
        }
    }
    t->bos = (int32_t)nyx_json_int(nyx_json_get(json, "bos"), -1);
    t->eos = (int32_t)nyx_json_int(nyx_json_get(json, "eos"), -1);
    t->unknown = (int32_t)nyx_json_int(nyx_json_get(json, "unknown"), -1);
    if (t->unknown >= 0 && t->unknown < t->count && t->type[t->unknown] == NYX_TOKEN_NORMAL)
        t->type[t->unknown] = NYX_TOKEN_UNKNOWN;
    t->leading_space = nyx_json_bool(nyx_json_get(json, "leading_space"), false);
    t->once = nyx_json_bool(nyx_json_get(json, "leading_space_once"), false);
    t->ignore_merges = nyx_json_bool(nyx_json_get(json, "ignore_merges"), false);
    return 0;
}

static int read_merges(nyx_tokenizer *t, const nyx_json *json, const char *subject)
{
    const nyx_json *merges = nyx_json_get(json, "merges");
    const char     *pattern = nyx_json_text(nyx_json_get(json, "pattern"), NULL);
    int             found = pattern ? nyx_text__pattern_find(pattern) : -1, status = 0;

    if (t->kind != NYX_TOKENIZER_BPE_BYTES)
        return merges || pattern ? nyx_error_set(NYX_ERR_INPUT, "'%s': tokens of kind %s have no merges and no pattern",
                                                 subject, nyx_tokenizer_kind_name(t->kind))
                                 : 0;
    if (found < 0)
        return nyx_error_set(NYX_ERR_INPUT, "'%s': bpe-bytes needs a known 'pattern'", subject);
    t->pattern = (enum nyx_text__pattern)found;
    for (int64_t i = 0; i < nyx_json_count(merges) && status == 0; i++) {
        const nyx_json *pair = nyx_json_item(merges, i);
        int64_t left = nyx_json_int(nyx_json_item(pair, 0), -1), right = nyx_json_int(nyx_json_item(pair, 1), -1);

        if (left < 0 || right < 0 || left >= t->count || right >= t->count)
            return nyx_error_set(NYX_ERR_INPUT, "'%s': merge %lld joins tokens that are not there", subject,
                                 (long long)i);
        status = nyx_text__add_merge(t, (int32_t)left, (int32_t)right);
    }
    return status;
}

int nyx_tokenizer_parse(nyx_tokenizer **out, const nyx_json *json, const char *subject)
{
    nyx_tokenizer *t = NULL;
    const char    *kind;
    int            status, k = 0;

    *out = NULL;
    if ((status = nyx_schema_check("tokenizer", json, subject)) < 0)
        return status;
    kind = nyx_json_text(nyx_json_get(json, "kind"), "");
    while (strcmp(kind, nyx_tokenizer_kind_name((enum nyx_tokenizer_kind)k)) != 0)
        k++; /* the schema knows the same kinds */
    if ((status = nyx_text__create(&t, (enum nyx_tokenizer_kind)k)) < 0 ||
        (status = read_vocabulary(t, json, subject)) < 0 || (status = read_types(t, json, subject)) < 0 ||
        (status = read_merges(t, json, subject)) < 0 || (status = nyx_text__finish(t, subject)) < 0) {
        nyx_tokenizer_free(t);
        return status;
    }
    *out = t;
    return 0;
}

/* ---- writing ------------------------------------------------------------------------ */

static void write_types(nyx_json *json, const nyx_tokenizer *t)
{
    for (int l = 0; l < LISTS; l++) {
        nyx_json *list = NULL;

        for (int64_t id = 0; id < t->count; id++) {
            if (t->type[id] != lists[l].type)
                continue;
            if (!list)
                list = nyx_json_add_array(json, lists[l].key);
            nyx_json_push_int(list, id);
        }
    }
    if (t->bos >= 0)
        nyx_json_set_int(json, "bos", t->bos);
    if (t->eos >= 0)
        nyx_json_set_int(json, "eos", t->eos);
    if (t->unknown >= 0)
        nyx_json_set_int(json, "unknown", t->unknown);
    if (t->leading_space)
        nyx_json_set_bool(json, "leading_space", true);
    if (t->once)
        nyx_json_set_bool(json, "leading_space_once", true);
    if (t->ignore_merges)
        nyx_json_set_bool(json, "ignore_merges", true);
}

nyx_json *nyx_tokenizer_json(const nyx_tokenizer *t)
{
    nyx_json *json = nyx_json_object(), *pieces = nyx_json_add_array(json, "vocabulary"), *scores = NULL, *merges;

    nyx_json_set_text(json, "kind", nyx_tokenizer_kind_name(t->kind));
    if (t->kind == NYX_TOKENIZER_BPE_SCORES)
        scores = nyx_json_add_array(json, "scores");
    for (int64_t id = 0; id < t->count; id++) {
        char *letters;

        if (nyx_tokenizer_letters(&letters, t->blob + t->offset[id], nyx_text__literal_bytes(t, (int32_t)id)) < 0) {
            nyx_json_free(json);
            return NULL;
        }
        nyx_json_push_text(pieces, letters);
        nyx_free(letters);
        if (scores)
            nyx_json_push_real(scores, (double)t->score[id]);
    }
    write_types(json, t);
    if (t->kind != NYX_TOKENIZER_BPE_BYTES)
        return json;
    nyx_json_set_text(json, "pattern", nyx_text__pattern_names[t->pattern]);
    merges = nyx_json_add_array(json, "merges");
    for (int64_t i = 0; i < t->merge_count; i++) {
        nyx_json *pair = nyx_json_array();

        nyx_json_push_int(pair, t->merges[2 * i]);
        nyx_json_push_int(pair, t->merges[2 * i + 1]);
        nyx_json_push_take(merges, pair);
    }
    return json;
}
