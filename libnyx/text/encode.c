/* encode -- words into tokens: neighbours are joined, the best pair first, of
 * equals the leftmost, until no pair can be. A heap keeps that at n log n for
 * words of any length; a cache keeps it rare. */
#include "text/internal.h"

#include <string.h>

enum {
    CACHE_WORD = 64,           /* bytes of a word that is worth keeping */
    CACHE_COUNT = 1 << 17,     /* words kept; then the cache starts afresh */
    CACHE_BYTES = CACHE_COUNT * 16,
    CACHE_IDS = CACHE_COUNT * 4
};

struct cached { int64_t text; int32_t bytes, ids, count; uint32_t hash; };

/* A symbol of the word being joined; a list by index. */
struct symbol {
    int32_t  id;         /* -1: joined into the one before */
    int32_t  before, after; /* -1: none */
    int32_t  joined;     /* what this one and the next become, -1: nothing */
    uint32_t rank;       /* of that; small is better */
    int64_t  from, bytes;
};

struct nyx_encoder {
    const nyx_tokenizer    *t;
    struct nyx_text__stream stream;
    bool                    begun; /* something of this text has been seen */

    int32_t *ids;
    int64_t  count, room;

    struct symbol *symbols;
    uint64_t      *heap; /* rank << 32 | symbol, smallest first */
    int64_t        heap_count, symbols_room;

    int32_t       *slots; /* of entries, by hash; -1: free */
    struct cached *entries;
    char          *texts;
    int32_t       *kept;
    int64_t        entry_count, entry_room, texts_bytes, kept_count;
};

/* ---- the heap ----------------------------------------------------------------------- */

static void push(struct nyx_encoder *e, uint64_t key)
{
    int64_t at = e->heap_count++;

    for (; at > 0 && e->heap[(at - 1) / 2] > key; at = (at - 1) / 2)
        e->heap[at] = e->heap[(at - 1) / 2];
    e->heap[at] = key;
}

static uint64_t pop(struct nyx_encoder *e)
{
    uint64_t best = e->heap[0], key = e->heap[--e->heap_count];
    int64_t  at = 0, child;

    while ((child = 2 * at + 1) < e->heap_count) {
        if (child + 1 < e->heap_count && e->heap[child + 1] < e->heap[child])
            child++;
        if (e->heap[child] >= key)
            break;
        e->heap[at] = e->heap[child];
        at = child;
    }
    e->heap[at] = key;
    return best;
}

/* ---- one word ------------------------------------------------------------------------- */

static int put(struct nyx_encoder *e, int32_t id)
{
    int status = nyx_array_grow(&e->ids, &e->room, e->count, (int64_t)sizeof *e->ids, 4096);

    if (status < 0)
        return status;
    e->ids[e->count++] = id;
    return 0;
}

static int put_byte(struct nyx_encoder *e, uint8_t byte)
{
    const nyx_tokenizer *t = e->t;
    int32_t              id = t->byte_id[byte] >= 0 ? t->byte_id[byte] : t->unknown;

    if (id < 0)
        return nyx_error_set(NYX_ERR_INPUT, "the vocabulary has no token for byte 0x%02x%s%c%s", byte,
                             byte > ' ' && byte < 0x7f ? ", '" : "", byte > ' ' && byte < 0x7f ? byte : ' ',
                             byte > ' ' && byte < 0x7f ? "'" : "");
    return put(e, id);
}

/* Rising scores as falling ranks. */
static uint32_t rank_of(float score)
{
    uint32_t bits;

    score += 0.0f; /* -0 and 0 are equal */
    memcpy(&bits, &score, sizeof bits);
    return bits & 0x80000000u ? bits : 0x7fffffffu - bits;
}

/* What symbol i and the one behind it become. */
static void look_up(struct nyx_encoder *e, const char *word, int32_t i)
{
    struct symbol       *s = &e->symbols[i];
    const nyx_tokenizer *t = e->t;

    s->joined = -1;
    if (s->after < 0)
        return;
    if (t->kind == NYX_TOKENIZER_BPE_BYTES) {
        uint64_t key = (uint64_t)(uint32_t)s->id << 32 | (uint32_t)e->symbols[s->after].id;
        int64_t *found = s->id >= 0 && e->symbols[s->after].id >= 0 ? nyx_text__map_find(&t->pairs, key) : NULL;

        if (!found)
            return;
        s->joined = (int32_t)*found;
        s->rank = (uint32_t)(*found >> 32);
    } else {
        s->joined = nyx_tokenizer_find(t, word + s->from, s->bytes + e->symbols[s->after].bytes);
        if (s->joined < 0)
            return;
        s->rank = rank_of(t->score[s->joined]);
    }
    push(e, (uint64_t)s->rank << 32 | (uint32_t)i);
}

static void join(struct nyx_encoder *e, const char *word)
{
    while (e->heap_count) {
        uint64_t       key = pop(e);
        int32_t        i = (int32_t)(uint32_t)key, next;
        struct symbol *s = &e->symbols[i];

        /* What has changed since stands in the heap a second time. */
        if (s->bytes == 0 || s->joined < 0 || s->rank != (uint32_t)(key >> 32))
            continue;
        next = s->after;
        s->id = s->joined;
        s->bytes += e->symbols[next].bytes;
        s->after = e->symbols[next].after;
        e->symbols[next].bytes = 0;
        if (s->after >= 0)
            e->symbols[s->after].before = i;
        look_up(e, word, i);
        if (s->before >= 0)
            look_up(e, word, s->before);
    }
}

static int reserve(struct nyx_encoder *e, int64_t symbols)
{
    int64_t room = 256;
    int     status;

    if (symbols <= e->symbols_room)
        return 0;
    while (room < symbols)
        room *= 2;
    nyx_free(e->symbols);
    nyx_free(e->heap);
    e->symbols = NULL;
    e->heap = NULL;
    e->symbols_room = 0;
    /* Each joining looks two pairs up: at most n + 2 n entries at a time. */
    if ((status = nyx_alloc(&e->symbols, room * (int64_t)sizeof *e->symbols)) < 0 ||
        (status = nyx_alloc(&e->heap, 3 * room * (int64_t)sizeof *e->heap)) < 0)
        return status;
    e->symbols_room = room;
    return 0;
}

/* Bytes, or the characters of a word of bpe-scores. */
static int32_t symbols_of(struct nyx_encoder *e, const char *word, int64_t bytes)
{
    int32_t count = 0;

    for (int64_t at = 0; at < bytes; count++) {
        uint32_t code;
        int      length = 1;

        if (e->t->kind == NYX_TOKENIZER_BPE_SCORES)
            length = nyx_text__decode(&code, (const uint8_t *)word + at, bytes - at);
        if (length == 0)
            length = 1;
        e->symbols[count] = (struct symbol){
            .id = e->t->kind == NYX_TOKENIZER_BPE_SCORES ? nyx_tokenizer_find(e->t, word + at, length)
                                                         : e->t->byte_id[(uint8_t)word[at]],
            .before = count - 1, .after = at + length < bytes ? count + 1 : -1, .from = at, .bytes = length };
        at += length;
    }
    return count;
}

static int encode_word(struct nyx_encoder *e, const char *word, int64_t bytes)
{
    const nyx_tokenizer *t = e->t;
    int32_t              count;
    int                  status;

    if (t->ignore_merges) {
        int32_t id = nyx_tokenizer_find(t, word, bytes);

        if (id >= 0)
            return put(e, id);
    }
    if ((status = reserve(e, bytes)) < 0)
        return status;
    count = symbols_of(e, word, bytes);
    e->heap_count = 0;
    for (int32_t i = 0; i < count; i++)
        look_up(e, word, i);
    join(e, word);
    for (int32_t i = 0; i >= 0; i = e->symbols[i].after) {
        const struct symbol *s = &e->symbols[i];

        if (s->id >= 0) {
            if ((status = put(e, s->id)) < 0)
                return status;
            continue;
        }
        /* A character without piece and bytes is unknown once. */
        if (t->kind == NYX_TOKENIZER_BPE_SCORES && t->byte_id[(uint8_t)word[s->from]] < 0 && t->unknown >= 0) {
            if ((status = put(e, t->unknown)) < 0)
                return status;
            continue;
        }
        for (int64_t b = 0; b < s->bytes; b++)
            if ((status = put_byte(e, (uint8_t)word[s->from + b])) < 0)
                return status;
    }
    return 0;
}

/* ---- the cache --------------------------------------------------------------------------- */

/* Few words need little: entries double, slots are twice as many. */
static int cache_grow(struct nyx_encoder *e)
{
    int64_t        room = e->entry_room ? 2 * e->entry_room : 1024;
    struct cached *entries;
    char          *texts;
    int32_t       *slots, *kept;
    int            status;

    if ((status = nyx_alloc(&slots, room * 2 * 4)) < 0)
        return status;
    if ((status = nyx_alloc(&entries, room * (int64_t)sizeof *entries)) < 0) {
        nyx_free(slots);
        return status;
    }
    if (!e->texts) {
        if ((status = nyx_alloc(&texts, CACHE_BYTES)) == 0)
            e->texts = texts;
        if (status == 0 && (status = nyx_alloc(&kept, CACHE_IDS * 4)) == 0)
            e->kept = kept;
        if (status < 0) {
            nyx_free(slots);
            nyx_free(entries);
            return status;
        }
    }
    memset(slots, 0xff, (size_t)room * 2 * 4);
    for (int64_t i = 0; i < e->entry_count; i++) {
        int64_t at = e->entries[i].hash & (2 * room - 1);

        entries[i] = e->entries[i];
        while (slots[at] >= 0)
            at = (at + 1) & (2 * room - 1);
        slots[at] = (int32_t)i;
    }
    nyx_free(e->entries);
    nyx_free(e->slots);
    e->entries = entries;
    e->slots = slots;
    e->entry_room = room;
    return 0;
}

static int64_t cache_slot(const struct nyx_encoder *e, const char *word, int64_t bytes, uint32_t hash)
{
    int64_t mask = 2 * e->entry_room - 1, at = hash & mask;

    for (; e->slots[at] >= 0; at = (at + 1) & mask) {
        const struct cached *c = &e->entries[e->slots[at]];

        if (c->hash == hash && c->bytes == bytes && memcmp(e->texts + c->text, word, (size_t)bytes) == 0)
            break;
    }
    return at;
}

static int take_word(void *context, const char *word, int64_t bytes)
{
    struct nyx_encoder *e = context;
    int64_t             slot, from;
    uint32_t            hash;
    int                 status;

    if (bytes > CACHE_WORD)
        return encode_word(e, word, bytes);
    if (e->entry_count == e->entry_room && e->entry_room < CACHE_COUNT && (status = cache_grow(e)) < 0)
        return status;
    if (e->entry_count == CACHE_COUNT || e->texts_bytes + bytes > CACHE_BYTES ||
        e->kept_count + bytes > CACHE_IDS) {
        memset(e->slots, 0xff, (size_t)e->entry_room * 2 * 4);
        e->entry_count = e->texts_bytes = e->kept_count = 0;
    }
    hash = (uint32_t)nyx_text__hash(word, bytes);
    slot = cache_slot(e, word, bytes, hash);
    if (e->slots[slot] >= 0) {
        const struct cached *c = &e->entries[e->slots[slot]];

        for (int32_t i = 0; i < c->count; i++)
            if ((status = put(e, e->kept[c->ids + i])) < 0)
                return status;
        return 0;
    }
    from = e->count;
    if ((status = encode_word(e, word, bytes)) < 0)
        return status;
    e->slots[slot] = (int32_t)e->entry_count;
    e->entries[e->entry_count++] = (struct cached){ .text = e->texts_bytes, .bytes = (int32_t)bytes,
                                                    .ids = (int32_t)e->kept_count,
                                                    .count = (int32_t)(e->count - from), .hash = hash };
    memcpy(e->texts + e->texts_bytes, word, (size_t)bytes);
    e->texts_bytes += bytes;
    memcpy(e->kept + e->kept_count, e->ids + from, (size_t)(e->count - from) * 4);
    e->kept_count += e->count - from;
    return 0;
}

static int take_token(void *context, int32_t id)
{
    return put(context, id);
}

/* ---- the encoder ----------------------------------------------------------------------------- */

int nyx_encoder_create(nyx_encoder **out, const nyx_tokenizer *t)
{
    nyx_encoder *e;
    int          status;

    *out = NULL;
    if ((status = nyx_alloc(&e, (int64_t)sizeof *e)) < 0)
        return status;
    e->t = t;
    e->stream = (struct nyx_text__stream){ .pattern = t->pattern, .classes = t->classes, .added = t->added,
                                           .added_count = t->added_count, .word = take_word, .token = take_token,
                                           .context = e };
    e->stream.first = t->added_count ? (uint8_t)t->added[0].text[0] : -1;
    for (int64_t i = 0; i < t->added_count; i++) {
        e->stream.begins[(uint8_t)t->added[i].text[0]] = true;
        if ((uint8_t)t->added[i].text[0] != e->stream.first)
            e->stream.first = -1;
    }
    *out = e;
    return 0;
}

void nyx_encoder_free(nyx_encoder *e)
{
    if (!e)
        return;
    nyx_text__stream_release(&e->stream);
    nyx_free(e->ids);
    nyx_free(e->symbols);
    nyx_free(e->heap);
    nyx_free(e->slots);
    nyx_free(e->entries);
    nyx_free(e->texts);
    nyx_free(e->kept);
    nyx_free(e);
}

int nyx_encoder_feed(nyx_encoder *e, const char *text, int64_t bytes, bool last, const int32_t **ids, int64_t *count)
{
    int status = 0;

    e->count = 0;
    if (e->t->kind == NYX_TOKENIZER_BYTES) {
        for (int64_t i = 0; i < bytes && status == 0; i++)
            status = put_byte(e, (uint8_t)text[i]);
    } else {
        if (!e->begun && bytes && e->t->leading_space && !(e->t->once && text[0] == ' '))
            status = nyx_text__stream_feed(&e->stream, " ", 1, false);
        if (status == 0 && (bytes || last))
            status = nyx_text__stream_feed(&e->stream, text, bytes, last);
    }
    e->begun = (e->begun || bytes) && !last;
    *ids = e->ids;
    *count = e->count;
    return status;
}

int nyx_tokenizer_encode(const nyx_tokenizer *t, const char *text, int64_t bytes, int32_t **out, int64_t *count)
{
    nyx_encoder   *e;
    const int32_t *ids;
    int            status;

    *out = NULL;
    *count = 0;
    if ((status = nyx_encoder_create(&e, t)) < 0)
        return status;
    if ((status = nyx_encoder_feed(e, text, bytes, true, &ids, count)) == 0 &&
        (status = nyx_alloc(out, *count * (int64_t)sizeof **out)) == 0 && *count)
        memcpy(*out, ids, (size_t)*count * sizeof **out);
    nyx_encoder_free(e);
    return status;
}
