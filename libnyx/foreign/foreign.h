/* foreign -- model files of other programs: safetensors (a file, shards with
 * an index, a folder), GGUF, llama2.c checkpoints, minGPT as JSON.
 *
 *     nyx_foreign *file;
 *     nyx_foreign_open(&file, "model.gguf", NULL);
 *     for (int64_t i = 0; i < nyx_foreign_count(file); i++)
 *         const nyx_foreign_tensor *tensor = nyx_foreign_tensor_at(file, i);
 *         nyx_foreign_read_rows(file, tensor, 0, rows, memory);
 *     nyx_foreign_close(file);
 *
 * Reading is strict: every length is compared with the bytes that are left
 * before memory is taken for it, tensors lie inside the file, neither overlap
 * nor leave holes, and nothing stands behind the last. What breaks a rule is
 * an INPUT error that names file and place. Nothing is read as a whole:
 * memory is the listing and what the caller asks for.
 *
 * Writing goes through base's atomic output; the header needs all names and
 * shapes, so tensors are declared first and their bytes follow in that order:
 *
 *     nyx_foreign_writer_open(&out, NYX_FOREIGN_GGUF, path);
 *     nyx_foreign_writer_metadata(out, json);
 *     nyx_foreign_writer_declare(out, name, type, &shape);    every tensor
 *     nyx_foreign_writer_append(out, bytes, count);           every byte
 *     nyx_foreign_writer_commit(out);      or nyx_foreign_writer_discard(out)
 */
#ifndef NYX_FOREIGN_H
#define NYX_FOREIGN_H

#include "file/file.h"

/* ---- element types --------------------------------------------------------- */

/* How a foreign file codes elements: one at a time, or in blocks of `elems`
 * neighbours of a row, ggml's way. Rows are whole blocks. */
typedef struct nyx_block_type {
    const char    *name;        /* ggml's: "F32", "Q4_0", "Q6_K"            */
    int            ggml;        /* number in GGUF files; -1: never there    */
    const char    *safetensors; /* name there; NULL: never there            */
    int64_t        elems, bytes; /* of one block; elems 1: plain            */
    enum nyx_dtype dtype;       /* plain only                               */
    const char    *format;      /* ours with the same values, or NULL       */
    void         (*decode)(float *dst, const uint8_t *block);
} nyx_block_type;

extern const nyx_block_type nyx_block_types[]; /* ends with name NULL */
const nyx_block_type *nyx_block_find(const char *name); /* NULL: unknown */
const nyx_block_type *nyx_block_of_dtype(enum nyx_dtype dtype);
/* The blocks that hold this coding bit for bit, for export; NULL: none does. */
const nyx_block_type *nyx_block_of_format(const nyx_format *format);

/* Whole blocks to f32 with ggml's arithmetic, or a plain real type. */
void nyx_block_decode(const nyx_block_type *type, float *dst, const void *src, int64_t elems);
/* Rows [first, first + rows) of a tensor coded in type->format. Moving loses
 * nothing: the planes hold the same numbers in another order. */
void nyx_block_to_coded(nyx_coded *coded, const nyx_block_type *type, const void *src, int64_t first, int64_t rows);
void nyx_block_from_coded(void *dst, const nyx_block_type *type, const nyx_coded *coded, int64_t first, int64_t rows);

/* ---- reading ---------------------------------------------------------------- */

typedef struct nyx_foreign nyx_foreign;
enum nyx_foreign_kind { NYX_FOREIGN_SAFETENSORS, NYX_FOREIGN_GGUF, NYX_FOREIGN_LLAMA2C, NYX_FOREIGN_MINGPT };

typedef struct {
    const char           *name;
    const nyx_block_type *type;
    nyx_shape             shape; /* last axis fastest, whatever the file's order */
    int64_t               bytes;
    int64_t               offset; /* in its file */
    int                   file;
    const uint8_t        *memory; /* the bytes themselves (minGPT), or NULL */
} nyx_foreign_tensor;

/* Told by content and, of a folder, by the names in it. `config` is the
 * config.json to use instead of the one beside the file, or NULL. INPUT,
 * MISSING; UNSUPPORTED for an element type we do not know how to decode. */
int  nyx_foreign_open(nyx_foreign **out, const char *path, const char *config) NYX_CHECKED;
void nyx_foreign_close(nyx_foreign *file);

enum nyx_foreign_kind nyx_foreign_kind_of(const nyx_foreign *file);
const char           *nyx_foreign_kind_name(enum nyx_foreign_kind kind); /* "safetensors" ... */
const char           *nyx_foreign_path(const nyx_foreign *file);

/* Tensors in the order of their names. Borrowed. */
int64_t                   nyx_foreign_count(const nyx_foreign *file);
const nyx_foreign_tensor *nyx_foreign_tensor_at(const nyx_foreign *file, int64_t index);
const nyx_foreign_tensor *nyx_foreign_find(const nyx_foreign *file, const char *name); /* NULL: none */

/* Every file that was read, config.json too. */
int64_t     nyx_foreign_source_count(const nyx_foreign *file);
const char *nyx_foreign_source(const nyx_foreign *file, int64_t index);

/* GGUF: keys and values (arrays too). safetensors: __metadata__. llama2.c: its
 * header under GGUF's keys. Never NULL. Borrowed. */
const nyx_json *nyx_foreign_metadata(const nyx_foreign *file);
/* config.json, or the text `config` in __metadata__, or minGPT's; NULL: none. */
const nyx_json *nyx_foreign_config(const nyx_foreign *file);

/* Rows [first, first + rows) of the tensor seen as [rows_total, last dim]: as
 * stored, or as f32 (real types and blocks only). INPUT, MEMORY. */
int     nyx_foreign_read(nyx_foreign *file, const nyx_foreign_tensor *tensor, int64_t first, int64_t rows,
                         void *out) NYX_CHECKED;
int     nyx_foreign_read_rows(nyx_foreign *file, const nyx_foreign_tensor *tensor, int64_t first, int64_t rows,
                              float *out) NYX_CHECKED;
int64_t nyx_foreign_row_bytes(const nyx_foreign_tensor *tensor);

/* ---- writing ----------------------------------------------------------------- */

typedef struct nyx_foreign_writer nyx_foreign_writer;

/* `kind` is NYX_FOREIGN_SAFETENSORS or NYX_FOREIGN_GGUF. CREATE, OUTPUT. */
int nyx_foreign_writer_open(nyx_foreign_writer **out, enum nyx_foreign_kind kind, const char *path) NYX_CHECKED;
/* safetensors: an object of texts. GGUF: keys and values; whole numbers become
 * u32 (i32 in arrays), others f32. Copied. */
int nyx_foreign_writer_metadata(nyx_foreign_writer *file, const nyx_json *metadata) NYX_CHECKED;
int nyx_foreign_writer_declare(nyx_foreign_writer *file, const char *name, const nyx_block_type *type,
                               const nyx_shape *shape) NYX_CHECKED;
/* The bytes of all tensors, in the order declared, in pieces of any size. */
int  nyx_foreign_writer_append(nyx_foreign_writer *file, const void *data, int64_t bytes) NYX_CHECKED;
int  nyx_foreign_writer_commit(nyx_foreign_writer *file) NYX_CHECKED; /* ends `file` in every case */
void nyx_foreign_writer_discard(nyx_foreign_writer *file); /* NULL is fine */

#endif
