/* compress -- rewrite the weights of a model in smaller formats.
 *
 *     nyx_compress *plan;
 *     nyx_compress_plan(&plan, file, &recipe);       what becomes of each tensor
 *     nyx_compress_run(plan, writer, &options);      read, code, write, measure
 *     nyx_compress_describe(plan, json);
 *     nyx_compress_free(plan);
 *
 * What is coded.  A recipe's first matching rule decides, and only matrices
 * are ever coded: plain tensors of a float type with at least two dimensions,
 * the last of at least 16. Everything else, and what no rule matches, is
 * copied bit for bit.
 *
 * Streaming.  Rows are read in blocks of a few MiB, so memory is the blocks
 * and one coded tensor. Results do not depend on the number of threads.
 */
#ifndef NYX_COMPRESS_H
#define NYX_COMPRESS_H

#include "file/file.h"
#include "quant/quant.h"
#include "report/report.h"

enum { NYX_COMPRESS_COLS_LEAST = 16 };

/* What becomes of one tensor. */
typedef struct {
    const nyx_entry *entry;  /* borrowed from the reader */
    const char      *keep;   /* why it is kept as it is; NULL: it is coded */
    nyx_format       format; /* coded only, so are the next four */
    enum nyx_method  method;
    bool             plain;  /* f16, bf16: no scales, written as a plain tensor of ... */
    enum nyx_dtype   dtype;  /* ... this type */
    nyx_quant_error  error;  /* known after the run */
    int64_t          elems, bytes_before, bytes_after;
} nyx_compress_tensor;

typedef struct {
    nyx_reader          *file; /* borrowed */
    int64_t              count;
    nyx_compress_tensor *tensors; /* under /tensors, in the order of the file */
    int                  rule_count;
    int64_t             *rule_tensors; /* how many tensors each rule decided */
    bool                 done;         /* errors are known */
} nyx_compress;

/* Decide. The reader must outlive the plan; the recipe may go. INPUT when the
 * file is no model or holds no tensor, or no rule is for any of them. */
int  nyx_compress_plan(nyx_compress **out, nyx_reader *file, const nyx_recipe *recipe) NYX_CHECKED;
void nyx_compress_free(nyx_compress *plan);

typedef struct {
    nyx_pool *pool;
    /* Called between blocks with the bytes read so far and in all; may be NULL. */
    void    (*progress)(void *context, int64_t done_bytes, int64_t total_bytes);
    void     *context;
} nyx_compress_options;

/* Copy configuration, provenance and tokenizer into `writer`, code and copy
 * every tensor, fill in the errors. The history is the caller's. INPUT for a value that is
 * not finite (tensor and index are named), OUTPUT, MEMORY, STOPPED. */
int nyx_compress_run(nyx_compress *plan, nyx_writer *writer, const nyx_compress_options *options) NYX_CHECKED;

/* Bits a weight in the output, all planes counted. */
double nyx_compress_bits(const nyx_compress_tensor *tensor);

/* Write tensors and totals into an object (schemas/quantize.schema.json). */
void nyx_compress_describe(const nyx_compress *plan, nyx_json *object);

/* The recipe behind --format: these stay as they are, unless `all`, and every
 * other matrix gets the format.
 *     *embed*  *head*  *norm*  *puzzle*  *position*  *init
 * They are small beside the matrices between them, and the first and the last
 * layer suffer most from coarse codes. End with nyx_recipe_release. */
int nyx_compress_recipe(nyx_recipe *out, const nyx_format *format, enum nyx_method method, bool all) NYX_CHECKED;

/* SHA-256 of what a recipe says, however its file is laid out. MEMORY. */
int nyx_compress_recipe_sha256(char hex[NYX_SHA256_HEX], const nyx_recipe *recipe) NYX_CHECKED;

#endif
