/* text -- tokenizers: text into token ids and back.
 *
 * Three kinds. "bytes": a token is a byte (all of them, or only those in
 * use). "bpe-bytes": byte-level byte-pair encoding as of GPT-2 and Llama 3,
 * text split into words by a pattern first. "bpe-scores": pieces with scores
 * as of SentencePiece, llama2.c and GGUF's "llama". The decoding of the
 * encoding of any bytes, valid UTF-8 or not, gives the bytes back (bpe-scores:
 * if it has pieces for all bytes).
 *
 *     nyx_tokenizer *t;
 *     nyx_tokenizer_read(&t, "tokenizer.json");
 *     nyx_tokenizer_encode(t, text, bytes, &ids, &count);
 *     for (i = 0; i < count; i++)
 *         piece = nyx_tokenizer_piece(t, ids[i], &piece_bytes);
 *     nyx_tokenizer_free(t);
 *
 * A tokenizer does not change once it is made: threads may share it, each
 * with an encoder of its own. Character classes are those of Unicode 18.0.0.
 */
#ifndef NYX_TEXT_H
#define NYX_TEXT_H

#include "report/report.h"

typedef struct nyx_tokenizer nyx_tokenizer;

enum nyx_tokenizer_kind { NYX_TOKENIZER_BYTES, NYX_TOKENIZER_BPE_BYTES, NYX_TOKENIZER_BPE_SCORES };

/* As GGUF numbers them. */
enum nyx_token_type {
    NYX_TOKEN_NORMAL = 1,
    NYX_TOKEN_UNKNOWN = 2, /* stands for what has no token */
    NYX_TOKEN_CONTROL = 3, /* beginning, end ... */
    NYX_TOKEN_USER = 4,    /* found in the text before it is split */
    NYX_TOKEN_UNUSED = 5,
    NYX_TOKEN_BYTE = 6,    /* bpe-scores: one byte of a character without a piece */
};

enum { NYX_VOCABULARY_MOST = 1 << 21 };

/* ---- making ------------------------------------------------------------------- */

/* Told by content: our JSON, HF tokenizer.json (byte-level BPE with the
 * patterns of nyx_tokenizer_pattern; BPE with byte_fallback, whose merges must
 * be what scores of pieces would give), an HDF5 file of ours that has
 * /tokenizer, llama2.c's tokenizer.bin. INPUT, MISSING; UNSUPPORTED names the
 * part of a tokenizer.json that is not known. */
int nyx_tokenizer_read(nyx_tokenizer **out, const char *path) NYX_CHECKED;
/* vocab.json and merges.txt of GPT-2, plain or packed; eos is <|endoftext|>. */
int nyx_tokenizer_read_gpt2(nyx_tokenizer **out, const char *vocab, const char *merges) NYX_CHECKED;
/* Our JSON: schemas/tokenizer.schema.json. INPUT. */
int nyx_tokenizer_parse(nyx_tokenizer **out, const nyx_json *json, const char *subject) NYX_CHECKED;
nyx_json *nyx_tokenizer_json(const nyx_tokenizer *tokenizer); /* NULL: memory ran out */
void nyx_tokenizer_free(nyx_tokenizer *tokenizer);

/* Each byte with used[byte], in rising order, a token; then <|endoftext|>. */
int nyx_tokenizer_from_bytes(nyx_tokenizer **out, const bool used[256], bool end_of_text) NYX_CHECKED;

/* What GGUF's metadata says. Pieces are as they stand there: of model "gpt2"
 * in GPT-2's letters for bytes with merges "left right", of "llama" with the
 * sign U+2581 for a space and <0x0A> for bytes. INPUT, UNSUPPORTED. */
typedef struct {
    const char        *subject; /* of error sentences: the file */
    const char        *model;   /* tokenizer.ggml.model: "llama" or "gpt2" */
    const char        *pre;     /* tokenizer.ggml.pre; NULL: none */
    int64_t            count, merge_count;
    const char *const *pieces;  /* NUL-terminated UTF-8 */
    const float       *scores;  /* llama */
    const int32_t     *types;   /* NULL: all normal */
    const char *const *merges;  /* gpt2 */
    int64_t            bos, eos, unknown; /* -1: none; bos -1 also where add_bos_token is false */
    bool               leading_space;     /* add_space_prefix; llama: true where not said */
} nyx_tokenizer_pieces;
int nyx_tokenizer_from_pieces(nyx_tokenizer **out, const nyx_tokenizer_pieces *pieces) NYX_CHECKED;

/* ---- looking -------------------------------------------------------------------- */

enum nyx_tokenizer_kind nyx_tokenizer_kind_of(const nyx_tokenizer *tokenizer);
const char *nyx_tokenizer_kind_name(enum nyx_tokenizer_kind kind);
int64_t nyx_tokenizer_vocabulary(const nyx_tokenizer *tokenizer);
int32_t nyx_tokenizer_bos(const nyx_tokenizer *tokenizer); /* -1: none */
int32_t nyx_tokenizer_eos(const nyx_tokenizer *tokenizer);
int32_t nyx_tokenizer_unknown(const nyx_tokenizer *tokenizer);

/* The bytes a token stands for; borrowed. Decoding is their concatenation,
 * with one exception: where nyx_tokenizer_leading_space, encoding puts a space
 * before the text (of some only where it has none), and the space that begins the first piece of a text goes.
 * Control tokens of bpe-scores stand for nothing. */
const char *nyx_tokenizer_piece(const nyx_tokenizer *tokenizer, int32_t id, int64_t *bytes);
bool        nyx_tokenizer_leading_space(const nyx_tokenizer *tokenizer);
bool        nyx_tokenizer_leading_space_once(const nyx_tokenizer *tokenizer); /* only where the text has none */
/* All of it at once; *out ends with nyx_free and has a NUL behind. */
int nyx_tokenizer_decode(const nyx_tokenizer *tokenizer, const int32_t *ids, int64_t count, char **out,
                         int64_t *bytes) NYX_CHECKED;

/* For exporting: how the token is written (<0x0A>, <s>; spaces as they are),
 * its type and score; merges of bpe-bytes in rank order, as pairs of ids. */
const char         *nyx_tokenizer_literal(const nyx_tokenizer *tokenizer, int32_t id, int64_t *bytes);
enum nyx_token_type nyx_tokenizer_type(const nyx_tokenizer *tokenizer, int32_t id);
float               nyx_tokenizer_score(const nyx_tokenizer *tokenizer, int32_t id); /* 0 for other kinds */
/* normal tokens only; -1: none */
int32_t             nyx_tokenizer_find(const nyx_tokenizer *tokenizer, const char *word, int64_t bytes);
/* The ways to make a normal token out of two normal ones: left, right, left ...
 * into `pairs`; NULL only counts them. */
int64_t             nyx_tokenizer_ways(const nyx_tokenizer *tokenizer, int32_t id, int32_t *pairs);
int64_t             nyx_tokenizer_merge_count(const nyx_tokenizer *tokenizer);
void                nyx_tokenizer_merge(const nyx_tokenizer *tokenizer, int64_t rank, int32_t *left, int32_t *right);
/* How text is split into words: "gpt2", "gpt2-digits" (each digit alone,
 * SmolLM), "llama3", "qwen2"; "" for other kinds. */
const char         *nyx_tokenizer_pattern(const nyx_tokenizer *tokenizer);
/* of "llama3" and "qwen2", as tokenizer.json has it */
const char         *nyx_tokenizer_expression(const nyx_tokenizer *tokenizer);
/* a word that is a piece is taken whole */
bool                nyx_tokenizer_ignores_merges(const nyx_tokenizer *tokenizer);
/* Bytes in GPT-2's letters (as vocabularies of bpe-bytes are written); *out ends with nyx_free. */
int nyx_tokenizer_letters(char **out, const char *bytes, int64_t count) NYX_CHECKED;

/* ---- encoding -------------------------------------------------------------------- */

/* No bos, no eos; *out ends with nyx_free. Added tokens (bpe-bytes: control
 * and user; bpe-scores: user) are found in the text. INPUT: a byte that the
 * vocabulary lacks. */
int nyx_tokenizer_encode(const nyx_tokenizer *tokenizer, const char *text, int64_t bytes, int32_t **out,
                         int64_t *count) NYX_CHECKED;

/* The same for text that comes in parts. The ids of each part are borrowed
 * until the next call; `last` ends a text, and the next part begins another.
 * Memory is bounded: a word of more than 1 MiB is cut there. */
typedef struct nyx_encoder nyx_encoder;
int  nyx_encoder_create(nyx_encoder **out, const nyx_tokenizer *tokenizer) NYX_CHECKED; /* borrows it */
int  nyx_encoder_feed(nyx_encoder *encoder, const char *text, int64_t bytes, bool last, const int32_t **ids,
                      int64_t *count) NYX_CHECKED;
void nyx_encoder_free(nyx_encoder *encoder);

/* ---- training --------------------------------------------------------------------- */

/* Byte-pair encoding learnt from text: words are counted, then the most
 * frequent pair of neighbours (of equals the one with the smaller left, then
 * right id) becomes a token, until the vocabulary is full: 256 bytes in
 * GPT-2's order, merges, and <|endoftext|> as the last. The result depends on
 * the text alone. */
typedef struct nyx_bpe_trainer nyx_bpe_trainer;
typedef void (*nyx_bpe_progress)(void *context, int64_t done, int64_t total);
int  nyx_bpe_trainer_create(nyx_bpe_trainer **out, const char *pattern) NYX_CHECKED; /* USAGE: unknown pattern */
/* Parts of texts, as nyx_encoder_feed. When distinct words take more than
 * 64 MiB, the rarest are forgotten. */
int  nyx_bpe_trainer_feed(nyx_bpe_trainer *trainer, const char *text, int64_t bytes, bool last) NYX_CHECKED;
int64_t nyx_bpe_trainer_words(const nyx_bpe_trainer *trainer);     /* distinct */
int64_t nyx_bpe_trainer_forgotten(const nyx_bpe_trainer *trainer); /* occurrences of forgotten words */
/* At least 257; fewer tokens come out when nothing is left to merge. */
int  nyx_bpe_trainer_run(nyx_tokenizer **out, nyx_bpe_trainer *trainer, int64_t vocabulary, nyx_bpe_progress progress,
                         void *context) NYX_CHECKED; /* STOPPED */
void nyx_bpe_trainer_free(nyx_bpe_trainer *trainer);

#endif
