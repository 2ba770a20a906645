/* convert -- model files of other programs become ours, and ours theirs.
 *
 *     nyx_convert_report found;
 *     nyx_convert_import(&found, "model.gguf", "model.h5", &options);
 *     nyx_convert_export(&found, "model.h5", NYX_FOREIGN_GGUF, "out.gguf", &options);
 *     nyx_convert_describe(&found, json);
 *     nyx_convert_release(&found);
 *
 * Known: decoders of the Llama and GPT-2 families (HF's names in safetensors,
 * GGUF architectures llama and gpt2, llama2.c, minGPT), the original HRM, and
 * perceptrons as pairs of weight and bias. The configuration comes from
 * config.json, the metadata, or the shapes; it becomes /config.
 *
 * Numbers are moved where both sides can hold them: plain tensors keep their
 * type, blocks that are a format of ours keep their codes. Other blocks are
 * decoded. What was rounded is measured.
 *
 * Memory: about the largest tensor.
 */
#ifndef NYX_CONVERT_H
#define NYX_CONVERT_H

#include "foreign/foreign.h"
#include "model/model.h"

/* The tokenizer.json that import reads beside a safetensors file, unless one is
 * given; *out NULL: none, else it ends with nyx_free. MEMORY. */
int nyx_convert_tokenizer_beside(char **out, const nyx_foreign *file) NYX_CHECKED;

typedef struct {
    const char *config;    /* config.json to use, or NULL */
    const char *tokenizer; /* a tokenizer to store, or NULL */
    const char *dtype;     /* "f32" "f16" "bf16": of plain matrices; NULL: as they are (f32 out of blocks) */
    bool        decode;    /* coded tensors become plain */
    int64_t     shard_bytes; /* export to a folder: of tensors in a file; 0: all in one */
    const char *history;   /* import: the line for nyx_history */
    void      (*progress)(void *context, int64_t done_tensors, int64_t tensors);
    void       *context;
} nyx_convert_options;

/* What became of one tensor of the output. */
typedef struct {
    char            name[NYX_FORMAT_TEXT + 96], from[NYX_FORMAT_TEXT + 96]; /* there, and (the first of those) here */
    char            type_before[NYX_FORMAT_TEXT], type[NYX_FORMAT_TEXT];
    nyx_shape       shape;
    bool            moved; /* codes were not touched */
    int64_t         bytes;
    nyx_quant_error error; /* of rounding; all 0: none */
} nyx_convert_tensor;

typedef struct {
    const char         *format;    /* of the foreign side: "gguf" ... */
    const char         *family;    /* "llama" "gpt2" "hrm" "mlp" */
    const char         *tokenizer; /* kind of the tokenizer, or NULL */
    nyx_convert_tensor *tensors;
    int64_t             count;
    char              **sources;   /* import: files that were read */
    int64_t             source_count;
    char              **outputs;   /* files that were written */
    int64_t             output_count;
    char              **warnings;
    int64_t             warning_count;
} nyx_convert_report;
void nyx_convert_release(nyx_convert_report *report);
/* schemas/convert.schema.json */
void nyx_convert_describe(const nyx_convert_report *report, nyx_json *object);

/* Foreign file or folder -> model file. INPUT, MISSING, UNSUPPORTED, OUTPUT. */
int nyx_convert_import(nyx_convert_report *out, const char *in, const char *path,
                       const nyx_convert_options *options) NYX_CHECKED;

/* Model file -> GGUF, one safetensors file (the configuration in its
 * metadata), or, when `path` is a folder or ends with a slash, a folder with
 * model.safetensors (or its shards and their index), config.json and, where there is one, tokenizer.json. */
int nyx_convert_export(nyx_convert_report *out, const char *in, enum nyx_foreign_kind kind, const char *path,
                       const nyx_convert_options *options) NYX_CHECKED;

#endif
