/* split -- text into words by the patterns of known tokenizers, written out by
 * hand. The expressions they stand for (of a run of white space the last
 * character is left to the word behind it):
 *
 *   gpt2         's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 *   gpt2-digits  each \p{N} alone first; what is between them as gpt2
 *   llama3       (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|
 *                \s*[\r\n]+|\s+(?!\S)|\s+
 *   qwen2        as llama3 with \p{N} for \p{N}{1,3}
 */
#include "text/internal.h"

#include <string.h>

enum { WORD_MOST = 1 << 20 /* bytes of a word while more may follow */ };

const char *const nyx_text__pattern_names[NYX_TEXT__PATTERNS] = { "", "gpt2", "gpt2-digits", "llama3", "qwen2", "" };

#define LLAMA3_HEAD "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}"
#define LLAMA3_TAIL "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
const char *const nyx_text__expressions[NYX_TEXT__PATTERNS] = {
    [NYX_TEXT__GPT2] = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
    [NYX_TEXT__LLAMA3] = LLAMA3_HEAD "{1,3}" LLAMA3_TAIL,
    [NYX_TEXT__QWEN2] = LLAMA3_HEAD LLAMA3_TAIL,
};

int nyx_text__pattern_find(const char *name)
{
    for (int i = 0; i < NYX_TEXT__PATTERNS; i++)
        if (name[0] && strcmp(name, nyx_text__pattern_names[i]) == 0)
            return i;
    return -1;
}

/* A text and what has been looked at of it. */
struct cursor {
    const uint8_t *classes, *text;
    int64_t        end, seen;
};

enum { END = -1 };

/* The class of the character at `at`, END behind the last. */
static int peek(struct cursor *c, int64_t at, int *length)
{
    if (at > c->seen)
        c->seen = at;
    *length = 0;
    return at >= c->end ? END : (int)nyx_text__class_at(c->classes, c->text + at, c->end - at, length);
}

static int64_t run(struct cursor *c, int64_t at, int class)
{
    int length;

    while (at < c->end && c->text[at] < 0x80 && c->classes[c->text[at]] == class)
        at++; /* most text is this */
    while (peek(c, at, &length) == class)
        at += length;
    return at;
}

static bool is_space(int class)
{
    return class == NYX_TEXT__SPACE || class == NYX_TEXT__NEWLINE;
}

/* The bytes of 's 't 're 've 'm 'll 'd at `at`, 0 when none stands there. The
 * long s (U+017F) is an s where case does not matter. */
static int contraction(struct cursor *c, int64_t at, bool any_case)
{
    char    a, b;
    uint8_t fold = any_case ? 0x20 : 0;

    if (c->text[at] != '\'')
        return 0;
    if (at + 2 > c->seen)
        c->seen = at + 2;
    if (at + 1 >= c->end)
        return 0;
    a = (char)(c->text[at + 1] | fold);
    if (c->text[at + 1] < 0x80 && memchr("stmd", a, 4))
        return 2;
    if (at + 2 >= c->end)
        return 0;
    if (any_case && c->text[at + 1] == 0xc5 && c->text[at + 2] == 0xbf)
        return 3;
    b = (char)(c->text[at + 2] | fold);
    if (c->text[at + 1] >= 0x80 || c->text[at + 2] >= 0x80)
        return 0;
    return (a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l') ? 3 : 0;
}

/* \s+(?!\S)|\s+ : a run gives its last character to what follows, unless it
 * has only one, or nothing follows. */
static int64_t spaces(struct cursor *c, int64_t at, bool number_is_end)
{
    int64_t before = at, end = at;
    int     length, class;

    for (;;) {
        class = peek(c, end, &length);
        if (!is_space(class))
            break;
        before = end;
        end += length;
    }
    if (class == END || (number_is_end && class == NYX_TEXT__NUMBER) || before == at)
        return end;
    return before;
}

static int64_t word_gpt2(struct cursor *c, int64_t at, bool digits)
{
    int     length, class, apostrophe = contraction(c, at, false);
    int64_t from = at;

    if (apostrophe)
        return at + apostrophe;
    class = peek(c, at, &length);
    if (digits && class == NYX_TEXT__NUMBER)
        return at + length;
    if (c->text[at] == ' ')
        class = peek(c, ++from, &length);
    if (class == END || is_space(class) || (digits && class == NYX_TEXT__NUMBER))
        return spaces(c, at, digits);
    return run(c, from, class);
}

/* \s*[\r\n]+ takes a run of white space up to its last line end; 0: it has none. */
static int64_t lines(struct cursor *c, int64_t at)
{
    int64_t last = 0;
    int     length, class;

    while (is_space(class = peek(c, at, &length))) {
        at += length;
        if (class == NYX_TEXT__NEWLINE)
            last = at;
    }
    return last;
}

static int64_t word_llama3(struct cursor *c, int64_t at, int digits_most)
{
    int     length, next, class, apostrophe = contraction(c, at, true);
    int64_t from, end;

    if (apostrophe)
        return at + apostrophe;
    class = peek(c, at, &length);
    if (class == NYX_TEXT__LETTER)
        return run(c, at, class);
    if (class == NYX_TEXT__NUMBER) {
        for (int i = 0; i < digits_most && peek(c, at, &length) == NYX_TEXT__NUMBER; i++)
            at += length;
        return at;
    }
    if (class != NYX_TEXT__NEWLINE && peek(c, at + length, &next) == NYX_TEXT__LETTER)
        return run(c, at + length, NYX_TEXT__LETTER);
    from = c->text[at] == ' ' ? at + 1 : at;
    if (peek(c, from, &next) == NYX_TEXT__OTHER)
        return run(c, run(c, from, NYX_TEXT__OTHER), NYX_TEXT__NEWLINE);
    end = lines(c, at);
    return end ? end : spaces(c, at, false);
}

/* Spaces, then everything up to the next space. */
static int64_t word_spaces(struct cursor *c, int64_t at)
{
    const uint8_t *space;

    while (at < c->end && c->text[at] == ' ')
        at++;
    space = at < c->end ? memchr(c->text + at, ' ', (size_t)(c->end - at)) : NULL;
    c->seen = space ? space - c->text : c->end;
    return c->seen;
}

int64_t nyx_text__word(enum nyx_text__pattern pattern, const uint8_t *classes, const uint8_t *text, int64_t at,
                       int64_t end, int64_t *seen)
{
    struct cursor c = { .classes = classes, .text = text, .end = end, .seen = at };
    int64_t       stop = end;

    switch (pattern) {
    case NYX_TEXT__NONE:
    case NYX_TEXT__PATTERNS: c.seen = end; break;
    case NYX_TEXT__GPT2:   stop = word_gpt2(&c, at, false); break;
    case NYX_TEXT__DIGITS: stop = word_gpt2(&c, at, true); break;
    case NYX_TEXT__LLAMA3: stop = word_llama3(&c, at, 3); break;
    case NYX_TEXT__QWEN2:  stop = word_llama3(&c, at, 1); break;
    case NYX_TEXT__SPACES: stop = word_spaces(&c, at); break;
    }
    *seen = c.seen;
    return stop;
}

/* ---- text in parts -------------------------------------------------------------- */

enum match { NOTHING, TOKEN, PERHAPS };

/* The first of added[low .. high), which agree in their first `depth` bytes and
 * are longer, whose next byte is `byte` or more. */
static int64_t first_from(const struct nyx_text__stream *s, int64_t low, int64_t high, int64_t depth, int byte)
{
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;

        if ((uint8_t)s->added[middle].text[depth] < byte)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Does an added token stand at `at`, the longest, or may one when more text
 * comes? Byte by byte fewer of them are left. */
static enum match match_added(const struct nyx_text__stream *s, const char *at, int64_t left, bool last,
                              const struct nyx_text__added **out)
{
    enum match found = NOTHING;
    int64_t    low = 0, high = s->added_count;

    for (int64_t depth = 0; low < high; depth++) {
        if (depth == left)
            return last ? found : PERHAPS;
        low = first_from(s, low, high, depth, (uint8_t)at[depth]);
        high = first_from(s, low, high, depth, (uint8_t)at[depth] + 1);
        if (low == high || s->added[low].bytes != depth + 1)
            continue;
        *out = &s->added[low];
        found = TOKEN;
        while (low < high && s->added[low].bytes == depth + 1)
            low++; /* the same text twice: the first counts */
    }
    return found;
}

/* The first place from `at` on where one stands or may stand; else the end. */
static enum match find_added(const struct nyx_text__stream *s, int64_t at, bool last, int64_t *where,
                             const struct nyx_text__added **out)
{
    enum match found;

    *where = s->bytes;
    if (!s->added_count)
        return NOTHING;
    for (int64_t i = at; i < s->bytes; i++) {
        if (s->first >= 0) { /* they all begin so */
            const char *next = memchr(s->rest + i, s->first, (size_t)(s->bytes - i));

            if (!next)
                break;
            i = next - s->rest;
        }
        if (s->begins[(uint8_t)s->rest[i]] &&
            (found = match_added(s, s->rest + i, s->bytes - i, last, out)) != NOTHING) {
            *where = i;
            return found;
        }
    }
    return NOTHING;
}

/* Words of rest[*at .. limit) that cannot change any more; all of them when
 * `closed`. */
static int take_words(struct nyx_text__stream *s, int64_t *at, int64_t limit, bool closed)
{
    while (*at < limit) {
        int64_t seen, end = nyx_text__word(s->pattern, s->classes, (const uint8_t *)s->rest, *at, limit, &seen);
        int     status;

        /* Four bytes: a character that is cut is no character yet. */
        if (!closed && seen + 4 > limit) {
            if (limit - *at <= WORD_MOST)
                return 0;
            end = *at + WORD_MOST;
        }
        if ((status = s->word(s->context, s->rest + *at, end - *at)) < 0)
            return status;
        *at = end;
    }
    return 0;
}

static int grow(struct nyx_text__stream *s, int64_t bytes)
{
    int64_t room = s->room ? s->room : 1 << 16;
    int     status;

    while (room < s->bytes + bytes)
        if (!nyx_size_mul(&room, room, 2))
            return nyx_error_set(NYX_ERR_MEMORY, "cannot hold a text of %lld bytes", (long long)bytes);
    if (room == s->room)
        return 0;
    if ((status = nyx_realloc(&s->rest, s->bytes, room)) == 0)
        s->room = room;
    return status;
}

static int feed_part(struct nyx_text__stream *s, const char *text, int64_t bytes, bool last)
{
    const struct nyx_text__added *added = NULL;
    int64_t                       at = 0, where;
    enum match                    found;
    int                           status;

    if ((status = grow(s, bytes)) < 0)
        return status;
    if (bytes)
        memcpy(s->rest + s->bytes, text, (size_t)bytes);
    s->bytes += bytes;
    do {
        found = find_added(s, at, last, &where, &added);
        if ((status = take_words(s, &at, where, found == TOKEN || (last && found == NOTHING))) < 0)
            return status;
        if (found == TOKEN) {
            if ((status = s->token(s->context, added->id)) < 0)
                return status;
            at = where + added->bytes;
        }
    } while (found == TOKEN);
    s->bytes -= at;
    if (s->bytes && at)
        memmove(s->rest, s->rest + at, (size_t)s->bytes);
    return 0;
}

int nyx_text__stream_feed(struct nyx_text__stream *s, const char *text, int64_t bytes, bool last)
{
    enum { PART = 1 << 20 };
    int status;

    for (; bytes > PART; text += PART, bytes -= PART)
        if ((status = feed_part(s, text, PART, false)) < 0)
            return status;
    return feed_part(s, text, bytes, last);
}

void nyx_text__stream_release(struct nyx_text__stream *s)
{
    nyx_free(s->rest);
    *s = (struct nyx_text__stream){ 0 };
}
