/* internal -- what the sources of text/ share and nobody else sees.
 *
 *     unicode.c      characters and their classes
 *     split.c        text into words, in parts
 *     tokenizer.c    the tables of a tokenizer
 *     json.c         our JSON
 *     foreign.c      tokenizer.json, vocab and merges
 *     pieces.c       GGUF, llama2.c
 *     encode.c       words into tokens
 *     train.c        learning merges
 */
#ifndef NYX_TEXT_INTERNAL_H
#define NYX_TEXT_INTERNAL_H

#include "text/text.h"

/* ---- characters ------------------------------------------------------------- */

enum { NYX_TEXT__PLANE = 0x10000 }; /* characters that have their class in a table */
enum nyx_text__class { NYX_TEXT__OTHER, NYX_TEXT__LETTER, NYX_TEXT__NUMBER, NYX_TEXT__SPACE, NYX_TEXT__NEWLINE };
void nyx_text__classes_fill(uint8_t table[NYX_TEXT__PLANE]); /* of zeroed memory */
int  nyx_text__decode(uint32_t *code, const uint8_t *at, int64_t left);
/* What is no UTF-8 is a character of class other, byte by byte. */
enum nyx_text__class nyx_text__class_at(const uint8_t *table, const uint8_t *at, int64_t left, int *length);

/* GPT-2's letters: each byte a visible character. Base tokens of a trained
 * vocabulary are bytes in the order of their letters. */
uint32_t nyx_text__letter(uint8_t byte);
/* The byte of a letter, or -1. */
int nyx_text__byte_of(uint32_t letter);
/* Letters back into bytes, in place of `out` (room for strlen); -1: no letter. */
int64_t nyx_text__from_letters(char *out, const char *letters);

/* ---- words ------------------------------------------------------------------- */

enum nyx_text__pattern {
    NYX_TEXT__NONE,     /* the whole text is a word */
    NYX_TEXT__GPT2,
    NYX_TEXT__DIGITS,
    NYX_TEXT__LLAMA3,
    NYX_TEXT__QWEN2,
    NYX_TEXT__SPACES,   /* a word begins with its spaces */
    NYX_TEXT__PATTERNS,
};
extern const char *const nyx_text__pattern_names[NYX_TEXT__PATTERNS];
extern const char *const nyx_text__expressions[NYX_TEXT__PATTERNS]; /* as tokenizer.json has them; NULL: none */
int nyx_text__pattern_find(const char *name); /* a public one, or -1 */

/* The end of the word at `at`. *seen: where the last character looked at
 * begins, `end` when the end of the text had a say. */
int64_t nyx_text__word(enum nyx_text__pattern pattern, const uint8_t *classes, const uint8_t *text, int64_t at,
                       int64_t end, int64_t *seen);

/* A token that is looked for in the text. */
enum { NYX_TEXT__ADDED_MOST = 1024 /* bytes of one */ };
struct nyx_text__added { const char *text; int64_t bytes; int32_t id; };

/* Text that comes in parts: calls word() for each word, added() for each added
 * token. */
struct nyx_text__stream {
    enum nyx_text__pattern        pattern;
    const uint8_t                *classes;
    const struct nyx_text__added *added; /* in the order of their bytes */
    int64_t                       added_count;
    bool                          begins[256]; /* an added token begins so */
    int                           first;       /* all of them do; -1: not all alike */
    int (*word)(void *context, const char *word, int64_t bytes);
    int (*token)(void *context, int32_t id);
    void   *context;
    char   *rest; /* not yet words */
    int64_t bytes, room;
};
int  nyx_text__stream_feed(struct nyx_text__stream *stream, const char *text, int64_t bytes, bool last) NYX_CHECKED;
void nyx_text__stream_release(struct nyx_text__stream *stream);

/* ---- tokenizers ----------------------------------------------------------------- */

/* 64-bit keys -> values; keys are never all ones. */
struct nyx_text__map {
    uint64_t *keys;
    int64_t  *values;
    int64_t   count, slots;
};
int      nyx_text__map_put(struct nyx_text__map *map, uint64_t key, int64_t value) NYX_CHECKED; /* 1 put, 0 was there */
int64_t *nyx_text__map_find(const struct nyx_text__map *map, uint64_t key);           /* NULL: none */
void     nyx_text__map_release(struct nyx_text__map *map);
uint64_t nyx_text__hash(const void *data, int64_t bytes);

struct nyx_tokenizer {
    enum nyx_tokenizer_kind kind;
    enum nyx_text__pattern  pattern;
    bool     ignore_merges, leading_space;
    bool     once; /* leading_space: only where the text does not begin with one */
    int32_t  bos, eos, unknown;
    int64_t  count, blob_bytes, blob_room;
    char    *blob;    /* literals, one behind the other */
    int64_t *offset;  /* [room + 1] */
    uint8_t *type;
    float   *score;
    int64_t  room;
    int64_t  merge_count, merge_room;
    int32_t *merges;  /* [merge_count][left, right] */

    /* made by nyx_text__finish */
    int32_t *slots;   /* literals that words are made of, by hash */
    int64_t  slot_count;
    struct nyx_text__map pairs; /* left, right -> rank and merged id */
    int32_t  byte_id[256];
    char     byte_text[256];
    struct nyx_text__added *added;
    int64_t  added_count;
    uint8_t *classes;
};

int nyx_text__create(nyx_tokenizer **out, enum nyx_tokenizer_kind kind) NYX_CHECKED;
int nyx_text__add(nyx_tokenizer *t, const char *literal, int64_t bytes, enum nyx_token_type type,
                  float score) NYX_CHECKED;
int nyx_text__add_merge(nyx_tokenizer *t, int32_t left, int32_t right) NYX_CHECKED;
/* By hash, so that nyx_tokenizer_find and _ways work before the rest does. */
int nyx_text__index(nyx_tokenizer *t, const char *subject) NYX_CHECKED;
int     nyx_text__byte_literal(const char *text, int64_t bytes); /* the byte of "<0x0A>", or -1 */
int64_t nyx_text__spaces_back(char *text); /* U+2581 -> " ", in place; the bytes left */
/* Build the tables and check what must hold. INPUT about `subject`. */
int nyx_text__finish(nyx_tokenizer *t, const char *subject) NYX_CHECKED;
/* Literals by hash in a map to ids, before the tables are made: the key under
 * which it stands (*id) or can be put (*id -1). */
uint64_t nyx_text__literal_key(const struct nyx_text__map *map, const nyx_tokenizer *t, const char *bytes,
                               int64_t count, int32_t *id);
int nyx_text__read_llama2c(nyx_tokenizer **out, const char *data, int64_t bytes, const char *subject) NYX_CHECKED;

static inline int64_t nyx_text__literal_bytes(const nyx_tokenizer *t, int32_t id)
{
    return t->offset[id + 1] - t->offset[id];
}

#endif
