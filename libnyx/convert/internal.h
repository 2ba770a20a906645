#ifndef NYX_CONVERT_INTERNAL_H
#define NYX_CONVERT_INTERNAL_H

#include "convert/convert.h"
#include "text/text.h"

/* Whose names and orders. */
enum nyx_convert__dialect {
    NYX_CONVERT__HF,     /* HF transformers; of GPT-2 linear weights are [in, out] */
    NYX_CONVERT__GGUF,   /* GGUF and llama2.c; of llama q and k pair neighbouring rows */
    NYX_CONVERT__MINGPT, /* HF's names for GPT-2, weights [out, in] */
};
enum nyx_convert__family { NYX_CONVERT__LLAMA, NYX_CONVERT__GPT2, NYX_CONVERT__HRM, NYX_CONVERT__MLP };
const char *nyx_convert__family_name(enum nyx_convert__family family);

enum { NYX_CONVERT__NAME = 128 };

/* One tensor of ours and where it lies in a foreign tensor. */
typedef struct {
    char      name[40], foreign[NYX_CONVERT__NAME];
    nyx_shape shape;      /* ours */
    int64_t   first;      /* its first row there (transposed: column) */
    int64_t   total;      /* rows of the foreign tensor, all parts */
    int64_t   pairs;      /* head width, where rows of a head stand in neighbouring pairs there; else 0 */
    bool      transposed; /* [in, out] there */
} nyx_convert__part;

/* Parts of one foreign tensor follow each other. */
typedef struct {
    nyx_convert__part *parts;
    int64_t            count;
} nyx_convert__map;

/* Every tensor of the configuration (bound). `prefix` is what stands in front
 * of HF's names ("transformer.", "_orig_mod.model.inner." ...), "" for none. */
int  nyx_convert__map_create(nyx_convert__map *out, const nyx_config *config, enum nyx_convert__family family,
                             enum nyx_convert__dialect dialect, const char *prefix) NYX_CHECKED;
void nyx_convert__map_release(nyx_convert__map *map);
/* The foreign row, counted from part->first, of row r of ours. */
int64_t nyx_convert__foreign_row(const nyx_convert__part *part, int64_t r);

/* Shape that the configuration gives the foreign tensor. */
nyx_shape nyx_convert__foreign_shape(const nyx_convert__part *part);

/* Which family a configuration of ours is; UNSUPPORTED for mixtures that no
 * other program knows. */
int nyx_convert__family_of(enum nyx_convert__family *out, const nyx_config *config, const char *subject) NYX_CHECKED;

/* What a foreign file says its model is. */
typedef struct {
    enum nyx_convert__family  family;
    enum nyx_convert__dialect dialect;
    char                      prefix[32];
    nyx_config                config; /* bound */
} nyx_convert__identity;
int nyx_convert__identify(nyx_convert__identity *out, const nyx_foreign *file) NYX_CHECKED;

/* Layer `index` of a perceptron: the file holds nothing but pairs X.weight
 * [out, in] and X.bias [out] whose widths chain in the order of their names,
 * numbers compared as numbers. NULL when it is no perceptron or has no such layer. */
const nyx_foreign_tensor *nyx_convert__mlp_weight(const nyx_foreign *file, int64_t index);
const nyx_foreign_tensor *nyx_convert__mlp_bias(const nyx_foreign *file, const nyx_foreign_tensor *weight);

/* config.json of HF (or the fixture form of the original HRM); NULL: memory. */
nyx_json *nyx_convert__hf_config(const nyx_config *config, enum nyx_convert__family family, const char *dtype,
                                 const nyx_tokenizer *tokenizer);
/* Keys of GGUF, without those of the tokenizer. */
nyx_json *nyx_convert__gguf_keys(const nyx_config *config, enum nyx_convert__family family);

/* The tokenizer that came with a file, or was given; *out NULL: none. INPUT,
 * UNSUPPORTED for kinds that text/ does not know. */
int nyx_convert__tokenizer_find(nyx_tokenizer **out, const nyx_foreign *file, const char *given) NYX_CHECKED;
/* How GGUF and HF write a token: in letters for bytes, or U+2581 for spaces.
 * *out ends with nyx_free. */
int nyx_convert__piece(char **out, const nyx_tokenizer *tokenizer, int32_t id) NYX_CHECKED;
/* "left right" behind `merges`. */
int nyx_convert__push_merge(nyx_json *merges, const nyx_tokenizer *tokenizer, int32_t left, int32_t right) NYX_CHECKED;
/* Keys of GGUF for it, filled up to `vocabulary` tokens. */
int nyx_convert__tokenizer_keys(nyx_json *out, const nyx_tokenizer *tokenizer, int64_t vocabulary) NYX_CHECKED;
/* tokenizer.json of HF; *out also on failure. */
int nyx_convert__hf_tokenizer(nyx_json **out, const nyx_tokenizer *tokenizer) NYX_CHECKED;

/* What else a file says about itself (name, licence, chat template): kept in
 * /provenance on the way in, put back on the way out. */
int  nyx_convert__provenance_write(nyx_writer *writer, const nyx_foreign *file) NYX_CHECKED;
int  nyx_convert__provenance_read(nyx_json *metadata, nyx_reader *reader, enum nyx_foreign_kind kind) NYX_CHECKED;

/* The shortest decimal number that is this f32, as f64: 1e-5, not 9.99999975e-06. */
double nyx_convert__decimal(double single);

/* Lines of the report. */
int nyx_convert__note(char ***list, int64_t *count, const char *fmt, ...) NYX_PRINTF(3, 4);
int nyx_convert__reserve(nyx_convert_report *report, int64_t tensors) NYX_CHECKED;

#endif
