/* tokenizer -- the tables of a tokenizer and what can be asked of it. */
#include "text/internal.h"

#include <math.h>
#include <string.h>

/* ---- letters --------------------------------------------------------------------- */

/* Visible characters of Latin-1 stand for themselves, the other 68 bytes for
 * U+0100 and on. */
static bool is_visible(int byte)
{
    return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

uint32_t nyx_text__letter(uint8_t byte)
{
    if (is_visible(byte))
        return byte;
    return byte < 0x21 ? 0x100u + byte : byte == 0xad ? 0x143 : 0x121u + byte - 0x7f;
}

int nyx_text__byte_of(uint32_t letter)
{
    if (letter < 0x100)
        return is_visible((int)letter) ? (int)letter : -1;
    if (letter < 0x143)
        return (int)(letter < 0x121 ? letter - 0x100 : letter - 0x121 + 0x7f);
    return letter == 0x143 ? 0xad : -1;
}

int64_t nyx_text__from_letters(char *out, const char *letters)
{
    int64_t left = (int64_t)strlen(letters), count = 0;

    while (left > 0) {
        uint32_t code;
        int      length = nyx_text__decode(&code, (const uint8_t *)letters, left), byte;

        if (length == 0 || (byte = nyx_text__byte_of(code)) < 0)
            return -1;
        out[count++] = (char)byte;
        letters += length;
        left -= length;
    }
    return count;
}

int nyx_tokenizer_letters(char **out, const char *bytes, int64_t count)
{
    int64_t at = 0;
    int     status = nyx_alloc(out, 2 * count + 1);

    for (int64_t i = 0; status == 0 && i < count; i++) {
        uint32_t letter = nyx_text__letter((uint8_t)bytes[i]);

        if (letter >= 0x80)
            (*out)[at++] = (char)(0xc0 | letter >> 6);
        (*out)[at++] = (char)(letter >= 0x80 ? 0x80 | (letter & 0x3f) : letter);
    }
    return status;
}

/* ---- hashing ------------------------------------------------------------------------ */

uint64_t nyx_text__hash(const void *data, int64_t bytes)
{
    const uint8_t *at = data;
    uint64_t       hash = 0x9e3779b97f4a7c15u * (uint64_t)(bytes + 1), word;

    for (; bytes >= 8; at += 8, bytes -= 8) {
        memcpy(&word, at, 8);
        hash = (hash ^ word) * 0xff51afd7ed558ccdu;
        hash ^= hash >> 32;
    }
    word = 0;
    memcpy(&word, at, (size_t)bytes);
    hash = (hash ^ word) * 0xc4ceb9fe1a85ec53u;
    hash ^= hash >> 29;
    hash *= 0xff51afd7ed558ccdu;
    return hash ^ hash >> 32;
}

#define EMPTY UINT64_MAX

static int64_t place(const struct nyx_text__map *map, uint64_t key)
{
    int64_t at = (int64_t)(nyx_text__hash(&key, sizeof key) & (uint64_t)(map->slots - 1));

    while (map->keys[at] != EMPTY && map->keys[at] != key)
        at = (at + 1) & (map->slots - 1);
    return at;
}

static int resize(struct nyx_text__map *map)
{
    struct nyx_text__map fresh = { .count = map->count, .slots = map->slots ? 2 * map->slots : 1 << 10 };
    int                  status;

    if ((status = nyx_alloc(&fresh.keys, fresh.slots * 8)) < 0 ||
        (status = nyx_alloc(&fresh.values, fresh.slots * 8)) < 0) {
        nyx_text__map_release(&fresh);
        return status;
    }
    memset(fresh.keys, 0xff, (size_t)fresh.slots * 8);
    for (int64_t i = 0; i < map->slots; i++)
        if (map->keys[i] != EMPTY) {
            int64_t at = place(&fresh, map->keys[i]);

            fresh.keys[at] = map->keys[i];
            fresh.values[at] = map->values[i];
        }
    nyx_text__map_release(map);
    *map = fresh;
    return 0;
}

int nyx_text__map_put(struct nyx_text__map *map, uint64_t key, int64_t value)
{
    int64_t at;
    int     status;

    if (map->count * 2 >= map->slots && (status = resize(map)) < 0)
        return status;
    at = place(map, key);
    if (map->keys[at] == key)
        return 0;
    map->keys[at] = key;
    map->values[at] = value;
    map->count++;
    return 1;
}

int64_t *nyx_text__map_find(const struct nyx_text__map *map, uint64_t key)
{
    int64_t at;

    if (!map->slots)
        return NULL;
    at = place(map, key);
    return map->keys[at] == key ? &map->values[at] : NULL;
}

void nyx_text__map_release(struct nyx_text__map *map)
{
    nyx_free(map->keys);
    nyx_free(map->values);
    *map = (struct nyx_text__map){ 0 };
}

uint64_t nyx_text__literal_key(const struct nyx_text__map *map, const nyx_tokenizer *t, const char *bytes,
                               int64_t count, int32_t *id)
{
    uint64_t key = nyx_text__hash(bytes, count) >> 1;

    for (;; key = (key + 1) & INT64_MAX) {
        const int64_t *found = nyx_text__map_find(map, key);

        *id = found ? (int32_t)*found : -1;
        if (!found || (nyx_text__literal_bytes(t, *id) == count &&
                       memcmp(t->blob + t->offset[*id], bytes, (size_t)count) == 0))
            return key;
    }
}

/* ---- building -------------------------------------------------------------------------- */

int nyx_text__create(nyx_tokenizer **out, enum nyx_tokenizer_kind kind)
{
    nyx_tokenizer *t;
    int            status;

    *out = NULL;
    if ((status = nyx_alloc(&t, (int64_t)sizeof *t)) < 0)
        return status;
    t->kind = kind;
    t->bos = t->eos = t->unknown = -1;
    *out = t;
    return 0;
}

void nyx_tokenizer_free(nyx_tokenizer *t)
{
    if (!t)
        return;
    nyx_free(t->blob);
    nyx_free(t->offset);
    nyx_free(t->type);
    nyx_free(t->score);
    nyx_free(t->merges);
    nyx_free(t->slots);
    nyx_free(t->added);
    nyx_free(t->classes);
    nyx_text__map_release(&t->pairs);
    nyx_free(t);
}

int nyx_text__add(nyx_tokenizer *t, const char *literal, int64_t bytes, enum nyx_token_type type, float score)
{
    int status;

    if (t->count == t->room) {
        int64_t room = t->room ? 2 * t->room : 512;

        if ((status = nyx_realloc(&t->offset, t->room ? (t->room + 1) * 8 : 0, (room + 1) * 8)) < 0 ||
            (status = nyx_realloc(&t->type, t->room, room)) < 0 ||
            (status = nyx_realloc(&t->score, t->room * 4, room * 4)) < 0)
            return status;
        t->room = room;
    }
    if (t->blob_bytes + bytes > t->blob_room) {
        int64_t room = 2 * (t->blob_bytes + bytes) + 4096;

        if ((status = nyx_realloc(&t->blob, t->blob_bytes, room)) < 0)
            return status;
        t->blob_room = room;
    }
    if (bytes)
        memcpy(t->blob + t->blob_bytes, literal, (size_t)bytes);
    t->blob_bytes += bytes;
    t->type[t->count] = (uint8_t)type;
    t->score[t->count] = score;
    t->offset[++t->count] = t->blob_bytes;
    return 0;
}

int nyx_text__add_merge(nyx_tokenizer *t, int32_t left, int32_t right)
{
    int status;

    if (t->merge_count == t->merge_room) {
        int64_t room = t->merge_room ? 2 * t->merge_room : 512;

        if ((status = nyx_realloc(&t->merges, t->merge_room * 8, room * 8)) < 0)
            return status;
        t->merge_room = room;
    }
    t->merges[2 * t->merge_count] = left;
    t->merges[2 * t->merge_count + 1] = right;
    t->merge_count++;
    return 0;
}

/* Literals that text is made of. */
static bool is_plain(const nyx_tokenizer *t, int64_t id)
{
    return t->type[id] == NYX_TOKEN_NORMAL && t->offset[id + 1] > t->offset[id];
}

static int64_t slot_of(const nyx_tokenizer *t, const char *bytes, int64_t count)
{
    int64_t at = (int64_t)(nyx_text__hash(bytes, count) & (uint64_t)(t->slot_count - 1));

    while (t->slots[at] >= 0 && (nyx_text__literal_bytes(t, t->slots[at]) != count ||
                                 memcmp(t->blob + t->offset[t->slots[at]], bytes, (size_t)count) != 0))
        at = (at + 1) & (t->slot_count - 1);
    return at;
}

int32_t nyx_tokenizer_find(const nyx_tokenizer *t, const char *bytes, int64_t count)
{
    return t->slot_count ? t->slots[slot_of(t, bytes, count)] : -1;
}

int nyx_text__index(nyx_tokenizer *t, const char *subject)
{
    int status;

    nyx_free(t->slots);
    t->slots = NULL;
    for (t->slot_count = 64; t->slot_count < 2 * t->count;)
        t->slot_count *= 2;
    if ((status = nyx_alloc(&t->slots, t->slot_count * 4)) < 0)
        return status;
    memset(t->slots, 0xff, (size_t)t->slot_count * 4);
    for (int64_t id = 0; id < t->count; id++) {
        int64_t at;

        if (!is_plain(t, id))
            continue;
        at = slot_of(t, t->blob + t->offset[id], nyx_text__literal_bytes(t, (int32_t)id));
        if (t->slots[at] < 0)
            t->slots[at] = (int32_t)id;
        else if (t->kind != NYX_TOKENIZER_BPE_SCORES)
            return nyx_error_set(NYX_ERR_INPUT, "'%s': tokens %d and %lld are the same", subject, t->slots[at],
                                 (long long)id);
    }
    return 0;
}

int nyx_text__byte_literal(const char *text, int64_t bytes)
{
    static const char digits[] = "0123456789ABCDEF";
    const char       *high, *low;

    if (bytes != 6 || memcmp(text, "<0x", 3) != 0 || text[5] != '>' || !text[3] || !text[4])
        return -1;
    high = strchr(digits, text[3]);
    low = strchr(digits, text[4]);
    return high && low ? (int)(high - digits) * 16 + (int)(low - digits) : -1;
}

static int index_bytes(nyx_tokenizer *t, const char *subject)
{
    for (int b = 0; b < 256; b++) {
        t->byte_text[b] = (char)b;
        t->byte_id[b] = t->kind == NYX_TOKENIZER_BPE_SCORES ? -1 : nyx_tokenizer_find(t, &t->byte_text[b], 1);
    }
    for (int64_t id = 0; id < t->count && t->kind == NYX_TOKENIZER_BPE_SCORES; id++) {
        int byte;

        if (t->type[id] != NYX_TOKEN_BYTE)
            continue;
        byte = nyx_text__byte_literal(t->blob + t->offset[id], nyx_text__literal_bytes(t, (int32_t)id));
        if (byte < 0)
            return nyx_error_set(NYX_ERR_INPUT, "'%s': token %lld should be a byte, but does not look like <0x0A>",
                                 subject, (long long)id);
        t->byte_id[byte] = (int32_t)id;
    }
    return 0;
}

int64_t nyx_tokenizer_ways(const nyx_tokenizer *t, int32_t id, int32_t *out)
{
    const char   *literal = t->blob + t->offset[id];
    const int64_t bytes = nyx_text__literal_bytes(t, id);
    int64_t       count = 0;

    for (int64_t cut = 1; cut < bytes && is_plain(t, id); cut++) {
        const int32_t left = nyx_tokenizer_find(t, literal, cut);
        const int32_t right = left < 0 ? -1 : nyx_tokenizer_find(t, literal + cut, bytes - cut);

        if (right < 0)
            continue;
        if (out) {
            out[2 * count] = left;
            out[2 * count + 1] = right;
        }
        count++;
    }
    return count;
}

/* left, right -> rank and the token they become. */
static int index_merges(nyx_tokenizer *t, const char *subject)
{
    char   *joined = NULL;
    int64_t longest = 0;
    int     status = 0;

    for (int64_t id = 0; id < t->count; id++)
        if (nyx_text__literal_bytes(t, (int32_t)id) > longest)
            longest = nyx_text__literal_bytes(t, (int32_t)id);
    if (t->merge_count && (status = nyx_alloc(&joined, 2 * longest + 1)) < 0)
        return status;
    for (int64_t i = 0; i < t->merge_count && status >= 0; i++) {
        int32_t left = t->merges[2 * i], right = t->merges[2 * i + 1], id;
        int64_t a = nyx_text__literal_bytes(t, left), b = nyx_text__literal_bytes(t, right);

        memcpy(joined, t->blob + t->offset[left], (size_t)a);
        memcpy(joined + a, t->blob + t->offset[right], (size_t)b);
        id = nyx_tokenizer_find(t, joined, a + b);
        if (id < 0)
            status = nyx_error_set(NYX_ERR_INPUT, "'%s': merge %lld makes a token that the vocabulary lacks", subject,
                                   (long long)i);
        else if ((status = nyx_text__map_put(&t->pairs, (uint64_t)left << 32 | (uint32_t)right, i << 32 | id)) == 0)
            status = nyx_error_set(NYX_ERR_INPUT, "'%s': merge %lld is there twice", subject, (long long)i);
    }
    nyx_free(joined);
    return status < 0 ? status : 0;
}

/* Control tokens of bpe-scores are for programs, not for text. */
static bool is_added(const nyx_tokenizer *t, int64_t id)
{
    return nyx_text__literal_bytes(t, (int32_t)id) > 0 &&
           (t->type[id] == NYX_TOKEN_USER || (t->type[id] == NYX_TOKEN_CONTROL && t->kind == NYX_TOKENIZER_BPE_BYTES));
}

static int compare_added(const void *a, const void *b)
{
    const struct nyx_text__added *x = a, *y = b;
    const int order = memcmp(x->text, y->text, (size_t)(x->bytes < y->bytes ? x->bytes : y->bytes));

    if (order || x->bytes != y->bytes)
        return order ? order : (x->bytes > y->bytes) - (x->bytes < y->bytes);
    return (x->id > y->id) - (x->id < y->id);
}

static int index_added(nyx_tokenizer *t)
{
    int64_t count = 0;
    int     status;

    for (int pass = 0; pass < 2; pass++) {
        count = 0;
        for (int64_t id = 0; id < t->count; id++) {
            int64_t bytes = nyx_text__literal_bytes(t, (int32_t)id);

            if (!is_added(t, id))
                continue;
            if (pass)
                t->added[count] = (struct nyx_text__added){ t->blob + t->offset[id], bytes, (int32_t)id };
            count++;
        }
        if (pass == 0 && (status = nyx_alloc(&t->added, count * (int64_t)sizeof *t->added)) < 0)
            return status;
    }
    t->added_count = count;
    qsort(t->added, (size_t)count, sizeof *t->added, compare_added);
    return 0;
}

/* Words may be cut before spaces when no piece has a space behind another
 * character: nothing joins across. */
static bool spaces_begin_words(const nyx_tokenizer *t)
{
    for (int64_t id = 0; id < t->count; id++) {
        const char *piece = t->blob + t->offset[id];

        for (int64_t i = 1; is_plain(t, id) && i < nyx_text__literal_bytes(t, (int32_t)id); i++)
            if (piece[i] == ' ' && piece[i - 1] != ' ')
                return false;
    }
    return true;
}

static int check(const nyx_tokenizer *t, const char *subject)
{
    const struct { const char *name; int32_t id; } named[] = { { "bos", t->bos }, { "eos", t->eos },
                                                               { "unknown", t->unknown } };

    if (t->count < 1 || t->count > NYX_VOCABULARY_MOST)
        return nyx_error_set(NYX_ERR_INPUT, "'%s': a vocabulary of %lld tokens, 1 to %d are possible", subject,
                             (long long)t->count, NYX_VOCABULARY_MOST);
    for (int i = 0; i < 3; i++)
        if (named[i].id < -1 || named[i].id >= t->count)
            return nyx_error_set(NYX_ERR_INPUT, "'%s': %s is token %d, but the last one is %lld", subject,
                                 named[i].name, named[i].id, (long long)t->count - 1);
    for (int64_t id = 0; id < t->count; id++) {
        int64_t bytes = nyx_text__literal_bytes(t, (int32_t)id);

        if (!isfinite(t->score[id]))
            return nyx_error_set(NYX_ERR_INPUT, "'%s': the score of token %lld is no number", subject, (long long)id);
        if (bytes > NYX_TEXT__ADDED_MOST && is_added(t, id))
            return nyx_error_set(NYX_ERR_INPUT, "'%s': token %lld, to be found in texts, has %lld bytes, at most %d "
                                                "are possible",
                                 subject, (long long)id, (long long)bytes, NYX_TEXT__ADDED_MOST);
        if (t->kind == NYX_TOKENIZER_BYTES && t->type[id] == NYX_TOKEN_NORMAL && bytes != 1)
            return nyx_error_set(NYX_ERR_INPUT, "'%s': token %lld has %lld bytes, one expected", subject,
                                 (long long)id, (long long)bytes);
    }
    return 0;
}

int nyx_text__finish(nyx_tokenizer *t, const char *subject)
{
    int status;

    if ((status = check(t, subject)) < 0 || (status = nyx_text__index(t, subject)) < 0 ||
        (status = index_bytes(t, subject)) < 0 || (status = index_added(t)) < 0 ||
        (status = index_merges(t, subject)) < 0)
        return status;
    if (t->kind == NYX_TOKENIZER_BPE_SCORES)
        t->pattern = spaces_begin_words(t) ? NYX_TEXT__SPACES : NYX_TEXT__NONE;
    if ((status = nyx_alloc(&t->classes, NYX_TEXT__PLANE)) < 0)
        return status;
    nyx_text__classes_fill(t->classes);
    return 0;
}

int nyx_tokenizer_from_bytes(nyx_tokenizer **out, const bool used[256], bool end_of_text)
{
    nyx_tokenizer *t;
    int            status = nyx_text__create(&t, NYX_TOKENIZER_BYTES);

    *out = NULL;
    for (int b = 0; b < 256 && status == 0; b++)
        if (used[b])
            status = nyx_text__add(t, &(const char){ (char)b }, 1, NYX_TOKEN_NORMAL, 0);
    if (status == 0 && end_of_text) {
        t->eos = (int32_t)t->count;
        status = nyx_text__add(t, "<|endoftext|>", 13, NYX_TOKEN_CONTROL, 0);
    }
    if (status == 0)
        status = nyx_text__finish(t, "bytes");
    if (status < 0)
        nyx_tokenizer_free(t);
    else
        *out = t;
    return status;
}

/* ---- looking ------------------------------------------------------------------------------ */

const char *nyx_tokenizer_kind_name(enum nyx_tokenizer_kind kind)
{
    static const char *const names[] = { "bytes", "bpe-bytes", "bpe-scores" };

    return names[kind];
}

enum nyx_tokenizer_kind nyx_tokenizer_kind_of(const nyx_tokenizer *t) { return t->kind; }
int64_t nyx_tokenizer_vocabulary(const nyx_tokenizer *t) { return t->count; }
int32_t nyx_tokenizer_bos(const nyx_tokenizer *t) { return t->bos; }
int32_t nyx_tokenizer_eos(const nyx_tokenizer *t) { return t->eos; }
int32_t nyx_tokenizer_unknown(const nyx_tokenizer *t) { return t->unknown; }
bool    nyx_tokenizer_leading_space(const nyx_tokenizer *t) { return t->leading_space; }
bool    nyx_tokenizer_leading_space_once(const nyx_tokenizer *t) { return t->once; }
bool    nyx_tokenizer_ignores_merges(const nyx_tokenizer *t) { return t->ignore_merges; }
int64_t nyx_tokenizer_merge_count(const nyx_tokenizer *t) { return t->merge_count; }

const char *nyx_tokenizer_literal(const nyx_tokenizer *t, int32_t id, int64_t *bytes)
{
    NYX_BUG_IF(id < 0 || id >= t->count);
    *bytes = nyx_text__literal_bytes(t, id);
    return t->blob + t->offset[id];
}

const char *nyx_tokenizer_piece(const nyx_tokenizer *t, int32_t id, int64_t *bytes)
{
    const char *literal = nyx_tokenizer_literal(t, id, bytes);

    if (t->kind != NYX_TOKENIZER_BPE_SCORES)
        return literal;
    if (t->type[id] == NYX_TOKEN_BYTE) {
        *bytes = 1;
        return &t->byte_text[nyx_text__byte_literal(literal, nyx_text__literal_bytes(t, id))];
    }
    if (t->type[id] == NYX_TOKEN_CONTROL || t->type[id] == NYX_TOKEN_UNUSED)
        *bytes = 0;
    return literal;
}

enum nyx_token_type nyx_tokenizer_type(const nyx_tokenizer *t, int32_t id)
{
    NYX_BUG_IF(id < 0 || id >= t->count);
    return (enum nyx_token_type)t->type[id];
}

float nyx_tokenizer_score(const nyx_tokenizer *t, int32_t id)
{
    NYX_BUG_IF(id < 0 || id >= t->count);
    return t->score[id];
}

void nyx_tokenizer_merge(const nyx_tokenizer *t, int64_t rank, int32_t *left, int32_t *right)
{
    NYX_BUG_IF(rank < 0 || rank >= t->merge_count);
    *left = t->merges[2 * rank];
    *right = t->merges[2 * rank + 1];
}

const char *nyx_tokenizer_pattern(const nyx_tokenizer *t)
{
    return nyx_text__pattern_names[t->pattern];
}

const char *nyx_tokenizer_expression(const nyx_tokenizer *t)
{
    return nyx_text__expressions[t->pattern];
}

int nyx_tokenizer_decode(const nyx_tokenizer *t, const int32_t *ids, int64_t count, char **out, int64_t *bytes)
{
    int64_t at = 0, n;
    bool    first = true; /* no piece with bytes yet */
    int     status;

    *bytes = 0;
    for (int64_t i = 0; i < count; i++) {
        nyx_tokenizer_piece(t, ids[i], &n);
        at += n;
    }
    if ((status = nyx_alloc(out, at + 1)) < 0)
        return status;
    for (int64_t i = 0; i < count; i++) {
        const char *piece = nyx_tokenizer_piece(t, ids[i], &n);
        int         strip = t->leading_space && first && n && piece[0] == ' ';

        if (n > strip)
            memcpy(*out + *bytes, piece + strip, (size_t)(n - strip));
        *bytes += n - strip;
        first = first && n == 0;
    }
    return 0;
}
