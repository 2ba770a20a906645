/* file -- model, dataset and checkpoint files (the only home of HDF5), lines
 * out of archives (the only home of libarchive), recipes as JSON.
 *
 * The HDF5 files follow the narrow profile of schemas/README.md. A file that
 * leaves it (external storage, links, filters, unknown layout ...) is refused
 * with one sentence: INPUT. Reading:
 *
 *     nyx_reader *file;
 *     nyx_reader_open(&file, path);
 *     for (int64_t i = 0; i < nyx_reader_count(file); i++)
 *         const nyx_entry *entry = nyx_reader_entry(file, i);
 *         nyx_reader_read(file, entry, memory);
 *     nyx_reader_close(file);
 *
 * Writing (through base's atomic output; nothing appears before commit):
 *
 *     nyx_writer_open(&file, path, "model");
 *     nyx_writer_text(file, "config", json);
 *     nyx_writer_tensor(file, "/tensors/head", &tensor);
 *     nyx_writer_commit(file);     or nyx_writer_discard(file)
 */
#ifndef NYX_FILE_H
#define NYX_FILE_H

#include "quant/quant.h"
#include "report/report.h"

/* ---- reading ---------------------------------------------------------------- */

typedef struct nyx_reader nyx_reader;

/* One tensor in the file. */
typedef struct {
    const char    *path;   /* "/tensors/blocks.0.qkv" */
    const char    *name;   /* last part */
    bool           coded;
    enum nyx_dtype dtype;  /* plain: as stored, after nyx_dtype */
    nyx_shape      shape;
    nyx_format     format; /* coded only */
    int64_t        bytes;  /* as stored, all planes */
} nyx_entry;

/* INPUT, MISSING. Entries are in sorted path order. */
int              nyx_reader_open(nyx_reader **out, const char *path) NYX_CHECKED;
void             nyx_reader_close(nyx_reader *file);
const char      *nyx_reader_kind(const nyx_reader *file); /* "model" "dataset" "checkpoint", or "foreign": any HDF5 with float datasets under /tensors */
int64_t          nyx_reader_count(const nyx_reader *file);
const nyx_entry *nyx_reader_entry(const nyx_reader *file, int64_t index);
const nyx_entry *nyx_reader_find(const nyx_reader *file, const char *path); /* NULL: none, no error */

/* Read a plain tensor as stored; check its SHA-256. INPUT. */
int nyx_reader_read(nyx_reader *file, const nyx_entry *entry, void *out) NYX_CHECKED;
/* Rows [first, first + rows) of the tensor seen as [rows_total, last dim], as
 * f32, plain or coded, converted by us (streaming; no digest check). */
int nyx_reader_read_rows(nyx_reader *file, const nyx_entry *entry, int64_t first, int64_t rows, float *out) NYX_CHECKED;
/* All of it as f32, digest checked; NaN or infinity is an INPUT error. */
int nyx_reader_read_f32(nyx_reader *file, const nyx_entry *entry, float *out) NYX_CHECKED;
/* Planes of a coded tensor; *out ends with nyx_coded_release. */
int nyx_reader_read_coded(nyx_reader *file, const nyx_entry *entry, nyx_coded *out) NYX_CHECKED;
/* JSON text dataset ("/config", "/provenance", "/state"); NULL in *out when absent. */
int nyx_reader_json(nyx_reader *file, const char *path, nyx_json **out) NYX_CHECKED;

/* ---- writing ----------------------------------------------------------------- */

typedef struct nyx_writer nyx_writer;

/* `kind` is model, dataset or checkpoint; CREATE, OUTPUT. */
int nyx_writer_open(nyx_writer **out, const char *path, const char *kind) NYX_CHECKED;
/* Append a line to nyx_history: program, version, digests of inputs, options
 * that change results; never thread counts, paths or times. */
int nyx_writer_history(nyx_writer *file, const char *line) NYX_CHECKED;
int nyx_writer_json(nyx_writer *file, const char *path, const nyx_json *json) NYX_CHECKED;
int nyx_writer_tensor(nyx_writer *file, const char *path, const nyx_tensor *tensor) NYX_CHECKED;
int nyx_writer_coded(nyx_writer *file, const char *path, const nyx_coded *coded) NYX_CHECKED;
/* Streaming: make the dataset, then append rows in order; the digest is
 * completed by the last row. */
int nyx_writer_begin(nyx_writer *file, const char *path, enum nyx_dtype dtype, const nyx_shape *shape) NYX_CHECKED;
int nyx_writer_rows(nyx_writer *file, const void *rows, int64_t count) NYX_CHECKED;
/* Copy a tensor, plain or coded, unchanged. */
int nyx_writer_copy(nyx_writer *file, nyx_reader *from, const nyx_entry *entry) NYX_CHECKED;
/* Integer attribute of a group, e.g. "/train", "vocabulary". */
int nyx_writer_attribute(nyx_writer *file, const char *group, const char *name, int64_t value) NYX_CHECKED;
int  nyx_writer_commit(nyx_writer *file) NYX_CHECKED; /* ends `file` in every case */
void nyx_writer_discard(nyx_writer *file);

/* Lines of history of an open file (joined by newlines; "" when none). Borrowed. */
const char *nyx_reader_history(const nyx_reader *file);
int nyx_reader_attribute(const nyx_reader *file, const char *group, const char *name, int64_t *out) NYX_CHECKED;

/* ---- datasets ------------------------------------------------------------------ */

/* Token puzzles or sequences: inputs and targets i32 [rows, length]. Vocabulary,
 * ignore label and kind hold for the whole file. */
typedef struct {
    char     kind[32];      /* "sudoku", "text" ... */
    int64_t  length, vocabulary, ignore; /* targets equal to `ignore` are not scored */
    int64_t  puzzles;       /* number of puzzle ids; ids are all 0 when `ids` is absent */
    struct nyx_split {
        int64_t  rows;
        int32_t *inputs, *targets, *ids; /* ids may be NULL */
        float   *rating;                 /* one a row; may be NULL */
    } train, test;
} nyx_dataset;
int  nyx_dataset_read(nyx_dataset *out, const char *path) NYX_CHECKED; /* values checked against vocabulary */
int  nyx_dataset_write(const nyx_dataset *dataset, const char *path, const char *history, const nyx_json *provenance) NYX_CHECKED;
void nyx_dataset_release(nyx_dataset *dataset);

/* ---- lines ------------------------------------------------------------------------ */

/* Lines of a plain file, "-" (stdin), or of every regular file in an archive
 * (.gz .xz .zst .zip .tar.* .7z, told by content). */
typedef struct nyx_lines nyx_lines;
int  nyx_lines_open(nyx_lines **out, const char *path) NYX_CHECKED;
/* 1 and a borrowed line without its end, 0 at the end, or INPUT. */
int  nyx_lines_next(nyx_lines *lines, const char **line, int64_t *bytes) NYX_CHECKED;
const char *nyx_lines_place(const nyx_lines *lines); /* "puzzles.csv:17" inside the archive */
void nyx_lines_close(nyx_lines *lines);

/* ---- recipes ------------------------------------------------------------------------ */

int nyx_recipe_read(nyx_recipe *out, const char *path) NYX_CHECKED; /* schemas/recipe.schema.json */

#endif
