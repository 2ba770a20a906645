/* train -- learning merges (Sennrich et al. 2016, arXiv:1508.07909): words and
 * how often they stand in the text are all that counts; each pair of
 * neighbours knows its frequency and the words it may stand in, so a merge
 * visits only those. Frequencies of other pairs only fall while a merge is
 * made, so the heap may hold too large ones and is corrected when they come
 * up. */
#include "text/internal.h"

#include <string.h>

enum { BASE = 256, WORDS_MOST = 64 << 20 /* bytes of the table of words */ };

struct word { int64_t text, count; int32_t bytes; uint32_t hash; };

struct nyx_bpe_trainer {
    struct nyx_text__stream stream;
    uint8_t     *classes;
    struct word *words;
    int32_t     *slots; /* twice as many as room; -1: free */
    char        *texts;
    int64_t      count, room, texts_bytes, texts_room, forgotten;
};

/* ---- counting words ---------------------------------------------------------------- */

static int64_t slot_of(const nyx_bpe_trainer *t, const char *word, int64_t bytes, uint32_t hash)
{
    int64_t mask = 2 * t->room - 1, at = hash & mask;

    for (; t->slots[at] >= 0; at = (at + 1) & mask) {
        const struct word *w = &t->words[t->slots[at]];

        if (w->hash == hash && w->bytes == bytes && memcmp(t->texts + w->text, word, (size_t)bytes) == 0)
            break;
    }
    return at;
}

/* Words with more than `floor` occurrences into tables of `room`. */
static int rebuild(nyx_bpe_trainer *t, int64_t room, int64_t texts_room, int64_t floor)
{
    nyx_bpe_trainer fresh = *t;
    int             status;

    fresh.words = NULL;
    fresh.slots = NULL;
    fresh.texts = NULL;
    fresh.count = fresh.texts_bytes = 0;
    fresh.room = room;
    fresh.texts_room = texts_room;
    if ((status = nyx_alloc(&fresh.words, room * (int64_t)sizeof *fresh.words)) < 0 ||
        (status = nyx_alloc(&fresh.slots, 2 * room * 4)) < 0 || (status = nyx_alloc(&fresh.texts, texts_room)) < 0) {
        nyx_free(fresh.words);
        nyx_free(fresh.slots);
        return status;
    }
    memset(fresh.slots, 0xff, (size_t)(2 * room) * 4);
    for (int64_t i = 0; i < t->count; i++) {
        struct word w = t->words[i];
        int64_t     at = w.hash & (2 * room - 1);

        if (w.count <= floor) {
            fresh.forgotten += w.count;
            continue;
        }
        memcpy(fresh.texts + fresh.texts_bytes, t->texts + w.text, (size_t)w.bytes);
        w.text = fresh.texts_bytes;
        fresh.texts_bytes += w.bytes;
        while (fresh.slots[at] >= 0)
            at = (at + 1) & (2 * room - 1);
        fresh.slots[at] = (int32_t)fresh.count;
        fresh.words[fresh.count++] = w;
    }
    nyx_free(t->words);
    nyx_free(t->slots);
    nyx_free(t->texts);
    *t = fresh;
    return 0;
}

static int64_t bytes_kept(const nyx_bpe_trainer *t, int64_t floor)
{
    int64_t bytes = 0;

    for (int64_t i = 0; i < t->count; i++)
        if (t->words[i].count > floor)
            bytes += t->words[i].bytes + (int64_t)sizeof(struct word) + 8;
    return bytes;
}

/* Room for one more word of `bytes`. */
static int make_room(nyx_bpe_trainer *t, int64_t bytes)
{
    int64_t room = t->room ? t->room : 4096, texts_room = t->texts_room ? t->texts_room : 1 << 16, floor = 0;

    if (t->count < t->room && t->texts_bytes + bytes <= t->texts_room)
        return 0;
    if (t->count * ((int64_t)sizeof(struct word) + 8) + t->texts_bytes + bytes > WORDS_MOST)
        for (floor = 1; bytes_kept(t, floor) > WORDS_MOST / 2;)
            floor *= 2;
    if (t->count == room && !floor)
        room *= 2;
    while (texts_room < t->texts_bytes + bytes)
        texts_room *= 2;
    return rebuild(t, room, texts_room, floor);
}

static int count_word(void *context, const char *word, int64_t bytes)
{
    nyx_bpe_trainer *t = context;
    uint32_t         hash = (uint32_t)nyx_text__hash(word, bytes);
    int64_t          at;
    int              status;

    if (t->room) {
        at = slot_of(t, word, bytes, hash);
        if (t->slots[at] >= 0) {
            t->words[t->slots[at]].count++;
            return 0;
        }
    }
    if ((status = make_room(t, bytes)) < 0)
        return status;
    at = slot_of(t, word, bytes, hash);
    t->slots[at] = (int32_t)t->count;
    t->words[t->count++] = (struct word){ .text = t->texts_bytes, .count = 1, .bytes = (int32_t)bytes, .hash = hash };
    memcpy(t->texts + t->texts_bytes, word, (size_t)bytes);
    t->texts_bytes += bytes;
    return 0;
}

int nyx_bpe_trainer_create(nyx_bpe_trainer **out, const char *pattern)
{
    nyx_bpe_trainer *t;
    int              status, found = nyx_text__pattern_find(pattern);

    *out = NULL;
    if (found < 0)
        return nyx_error_set(NYX_ERR_USAGE, "'%s' is no pattern of words; gpt2, gpt2-digits, llama3 and qwen2 are",
                             pattern);
    if ((status = nyx_alloc(&t, (int64_t)sizeof *t)) < 0)
        return status;
    if ((status = nyx_alloc(&t->classes, NYX_TEXT__PLANE)) < 0) {
        nyx_free(t);
        return status;
    }
    nyx_text__classes_fill(t->classes);
    t->stream = (struct nyx_text__stream){ .pattern = (enum nyx_text__pattern)found, .classes = t->classes,
                                           .word = count_word, .context = t };
    *out = t;
    return 0;
}

int nyx_bpe_trainer_feed(nyx_bpe_trainer *t, const char *text, int64_t bytes, bool last)
{
    return nyx_text__stream_feed(&t->stream, text, bytes, last);
}

int64_t nyx_bpe_trainer_words(const nyx_bpe_trainer *t) { return t->count; }
int64_t nyx_bpe_trainer_forgotten(const nyx_bpe_trainer *t) { return t->forgotten; }

void nyx_bpe_trainer_free(nyx_bpe_trainer *t)
{
    if (!t)
        return;
    nyx_text__stream_release(&t->stream);
    nyx_free(t->classes);
    nyx_free(t->words);
    nyx_free(t->slots);
    nyx_free(t->texts);
    nyx_free(t);
}

/* ---- merging --------------------------------------------------------------------------- */

struct pair {
    uint64_t key;     /* left << 32 | right */
    int64_t  count;
    int32_t  words;   /* first node of the list, -1: none */
    int32_t  last;    /* word added last */
    int32_t  becomes; /* once merged; -1 */
    int32_t  touched; /* merge that raised its count last */
};

struct node { int32_t word, next; };
struct candidate { int64_t count; uint64_t key; };

struct merger {
    const nyx_bpe_trainer *trainer;
    nyx_tokenizer         *t;
    int32_t               *symbols; /* of word w from its text offset on */
    int32_t               *lengths;
    struct nyx_text__map   index;    /* key -> pair */
    struct nyx_text__map   literals; /* hash of a literal -> token */
    struct pair           *pairs;
    struct node           *nodes;
    struct candidate      *heap;
    int32_t               *raised; /* pairs whose count the current merge raised */
    int64_t pair_count, pair_room, node_count, node_room, heap_count, heap_room, raised_count, raised_room;
    int32_t free_node, step;
};

static bool before(const struct candidate *a, const struct candidate *b)
{
    return a->count != b->count ? a->count > b->count : a->key < b->key;
}

static int push(struct merger *m, struct candidate c)
{
    int64_t at = m->heap_count;
    int     status = nyx_array_grow(&m->heap, &m->heap_room, m->heap_count, (int64_t)sizeof *m->heap, 4096);

    if (status < 0)
        return status;
    for (m->heap_count++; at > 0 && before(&c, &m->heap[(at - 1) / 2]); at = (at - 1) / 2)
        m->heap[at] = m->heap[(at - 1) / 2];
    m->heap[at] = c;
    return 0;
}

static struct candidate pop(struct merger *m)
{
    struct candidate best = m->heap[0], last = m->heap[--m->heap_count];
    int64_t          at = 0, child;

    while ((child = 2 * at + 1) < m->heap_count) {
        if (child + 1 < m->heap_count && before(&m->heap[child + 1], &m->heap[child]))
            child++;
        if (!before(&m->heap[child], &last))
            break;
        m->heap[at] = m->heap[child];
        at = child;
    }
    m->heap[at] = last;
    return best;
}

/* The pair, made when it is new; a negative status. */
static int64_t pair_of(struct merger *m, int32_t left, int32_t right)
{
    uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    int64_t *found = nyx_text__map_find(&m->index, key);
    int      status;

    if (found)
        return *found;
    if ((status = nyx_array_grow(&m->pairs, &m->pair_room, m->pair_count, (int64_t)sizeof *m->pairs, 4096)) < 0 ||
        (status = nyx_text__map_put(&m->index, key, m->pair_count)) < 0)
        return status;
    m->pairs[m->pair_count] = (struct pair){ .key = key, .words = -1, .last = -1, .becomes = -1, .touched = -1 };
    return m->pair_count++;
}

static int raise_count(struct merger *m, int32_t left, int32_t right, int32_t word)
{
    int64_t      p = pair_of(m, left, right);
    struct pair *pair;
    int          status;

    if (p < 0)
        return (int)p;
    pair = &m->pairs[p];
    pair->count += m->trainer->words[word].count;
    if (pair->touched != m->step) {
        pair->touched = m->step;
        if ((status = nyx_array_grow(&m->raised, &m->raised_room, m->raised_count, 4, 4096)) < 0)
            return status;
        m->raised[m->raised_count++] = (int32_t)p;
    }
    if (pair->last != word) {
        int32_t node = m->free_node;

        if (node >= 0) {
            m->free_node = m->nodes[node].next;
        } else {
            if ((status = nyx_array_grow(&m->nodes, &m->node_room, m->node_count, (int64_t)sizeof *m->nodes, 4096)) < 0)
                return status;
            node = (int32_t)m->node_count++;
        }
        m->nodes[node] = (struct node){ word, pair->words };
        pair->words = node;
        pair->last = word;
    }
    return 0;
}

static void lower_count(struct merger *m, int32_t left, int32_t right, int32_t word)
{
    int64_t *p = nyx_text__map_find(&m->index, (uint64_t)(uint32_t)left << 32 | (uint32_t)right);

    m->pairs[*p].count -= m->trainer->words[word].count;
}

static int push_raised(struct merger *m)
{
    int status = 0;

    for (int64_t i = 0; i < m->raised_count && status == 0; i++) {
        const struct pair *pair = &m->pairs[m->raised[i]];

        if (pair->count > 0)
            status = push(m, (struct candidate){ pair->count, pair->key });
    }
    m->raised_count = 0;
    return status;
}

/* left, right -> id in one word, from the left. */
static int merge_word(struct merger *m, int32_t word, int32_t left, int32_t right, int32_t id)
{
    int32_t *s = m->symbols + m->trainer->words[word].text;
    int32_t  length = m->lengths[word], to = 0;
    int      status;

    for (int32_t i = 0; i < length; i++) {
        if (s[i] != left || i + 1 == length || s[i + 1] != right) {
            s[to++] = s[i];
            continue;
        }
        lower_count(m, left, right, word);
        if (to > 0) {
            lower_count(m, s[to - 1], left, word);
            if ((status = raise_count(m, s[to - 1], id, word)) < 0)
                return status;
        }
        if (i + 2 < length) {
            lower_count(m, right, s[i + 2], word);
            if ((status = raise_count(m, id, s[i + 2], word)) < 0)
                return status;
        }
        s[to++] = id;
        i++;
    }
    m->lengths[word] = to;
    return 0;
}

/* The token of both literals: a new one, unless it came out of another pair
 * before. */
static int token_of(struct merger *m, int32_t left, int32_t right, int32_t *id)
{
    int64_t  a = nyx_text__literal_bytes(m->t, left), b = nyx_text__literal_bytes(m->t, right);
    char    *text;
    uint64_t key;
    int      status;

    if ((status = nyx_alloc(&text, a + b)) < 0)
        return status;
    memcpy(text, m->t->blob + m->t->offset[left], (size_t)a);
    memcpy(text + a, m->t->blob + m->t->offset[right], (size_t)b);
    key = nyx_text__literal_key(&m->literals, m->t, text, a + b, id);
    if (*id < 0) {
        *id = (int32_t)m->t->count;
        if ((status = nyx_text__map_put(&m->literals, key, *id)) >= 0)
            status = nyx_text__add(m->t, text, a + b, NYX_TOKEN_NORMAL, 0);
    }
    nyx_free(text);
    return status < 0 ? status : nyx_text__add_merge(m->t, left, right);
}

static int merge(struct merger *m, struct pair *pair)
{
    int32_t left = (int32_t)(pair->key >> 32), right = (int32_t)(uint32_t)pair->key, node = pair->words,
            id = pair->becomes;
    int     status = 0;

    /* A pair that comes up again, because its tokens came out of others, is
     * no new merge. */
    if (id < 0 && (status = token_of(m, left, right, &id)) < 0)
        return status;
    pair->becomes = id;
    pair->words = pair->last = -1;
    m->step++;
    while (node >= 0 && status == 0) {
        struct node now = m->nodes[node];

        m->nodes[node].next = m->free_node;
        m->free_node = node;
        status = merge_word(m, now.word, left, right, id);
        node = now.next;
    }
    return status < 0 ? status : push_raised(m);
}

static int merge_all(struct merger *m, int64_t vocabulary, nyx_bpe_progress progress, void *context)
{
    int status = 0;

    while (status == 0 && m->t->count < vocabulary && m->heap_count) {
        struct candidate top = pop(m);
        int64_t          p = *nyx_text__map_find(&m->index, top.key);

        if (m->pairs[p].count == top.count)
            status = merge(m, &m->pairs[p]);
        else if (m->pairs[p].count > 0 && m->pairs[p].count < top.count)
            status = push(m, (struct candidate){ m->pairs[p].count, top.key });
        if (m->step % 256 == 0 && progress)
            progress(context, m->t->count, vocabulary);
        if (status == 0 && nyx_stop_requested())
            status = nyx_error_set(NYX_ERR_STOPPED, "stopped while learning merges");
    }
    return status;
}

/* Bytes in the order of their letters: the visible ones first. */
static int start(struct merger *m)
{
    const nyx_bpe_trainer *t = m->trainer;
    int32_t                id_of[BASE];
    int                    status;

    for (uint32_t letter = 0x21; letter < 0x21 + 2 * BASE; letter++) {
        int byte = nyx_text__byte_of(letter);

        if (byte < 0)
            continue;
        id_of[byte] = (int32_t)m->t->count;
        if ((status = nyx_text__add(m->t, &(const char){ (char)byte }, 1, NYX_TOKEN_NORMAL, 0)) < 0)
            return status;
    }
    if ((status = nyx_alloc(&m->symbols, t->texts_bytes * 4)) < 0 ||
        (status = nyx_alloc(&m->lengths, t->count * 4)) < 0)
        return status;
    for (int64_t i = 0; i < t->texts_bytes; i++)
        m->symbols[i] = id_of[(uint8_t)t->texts[i]];
    for (int32_t w = 0; w < t->count; w++) {
        const int32_t *s = m->symbols + t->words[w].text;

        m->lengths[w] = t->words[w].bytes;
        for (int32_t i = 0; i + 1 < m->lengths[w]; i++)
            if ((status = raise_count(m, s[i], s[i + 1], w)) < 0)
                return status;
    }
    return push_raised(m);
}

int nyx_bpe_trainer_run(nyx_tokenizer **out, nyx_bpe_trainer *trainer, int64_t vocabulary, nyx_bpe_progress progress,
                        void *context)
{
    struct merger m = { .trainer = trainer, .free_node = -1 };
    int           status;

    *out = NULL;
    NYX_BUG_IF(vocabulary < BASE + 1 || vocabulary > NYX_VOCABULARY_MOST);
    if ((status = nyx_text__create(&m.t, NYX_TOKENIZER_BPE_BYTES)) == 0 && (status = start(&m)) == 0 &&
        (status = merge_all(&m, vocabulary - 1, progress, context)) == 0) {
        m.t->pattern = trainer->stream.pattern;
        m.t->eos = (int32_t)m.t->count;
        if ((status = nyx_text__add(m.t, "<|endoftext|>", 13, NYX_TOKEN_CONTROL, 0)) == 0)
            status = nyx_text__finish(m.t, "the trained tokenizer");
    }
    nyx_free(m.symbols);
    nyx_free(m.lengths);
    nyx_free(m.pairs);
    nyx_free(m.nodes);
    nyx_free(m.heap);
    nyx_free(m.raised);
    nyx_text__map_release(&m.index);
    nyx_text__map_release(&m.literals);
    if (status < 0)
        nyx_tokenizer_free(m.t);
    else
        *out = m.t;
    return status;
}
