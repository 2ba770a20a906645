/* file -- model, dataset and checkpoint files (the only home of HDF5), lines
 * out of archives and packed streams (the only home of libarchive), recipes as JSON.
 *
 * The HDF5 files follow the narrow profile of schemas/README.md. A file that
 * leaves it (external storage, links, filters, unknown layout ...) is refused
 * with one sentence: INPUT. Paths are absolute ("/tensors/head"). Reading:
 *
 *     nyx_reader *file;
 *     nyx_reader_open(&file, path);
 *     for (int64_t i = 0; i < nyx_reader_count(file); i++)
 *         const nyx_entry *entry = nyx_reader_entry(file, i);
 *         nyx_reader_read(file, entry, memory);
 *     nyx_reader_close(file);
 *
 * libhdf5 parses what it is given in a short-lived child process with limits;
 * a file that makes it crash or loop is an INPUT error here.
 *
 * Writing (through base's atomic output; nothing appears before commit):
 *
 *     nyx_writer_open(&file, path, "model");
 *     nyx_writer_json(file, "/config", json);
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
    const char    *name;   /* behind the first group; "/tensors/a/b" of a foreign file is "a.b" */
    bool           coded;
    enum nyx_dtype dtype;  /* plain: as stored, after nyx_dtype */
    nyx_shape      shape;
    nyx_format     format; /* coded only */
    int64_t        bytes;  /* as stored, all planes */
    int64_t        offset; /* of its first byte in the file; 0 where that is not known */
} nyx_entry;

/* INPUT, MISSING. Entries are in sorted path order. */
int              nyx_reader_open(nyx_reader **out, const char *path) NYX_CHECKED;
/* Any HDF5 file, for imports and tests: every dataset of integers, floats or
 * booleans (as i8) is an entry, wherever it lies; big-endian values are turned
 * round; chunked and deflated is fine. External storage, virtual layouts,
 * links and other filters are INPUT errors. */
int              nyx_reader_open_foreign(nyx_reader **out, const char *path) NYX_CHECKED;
void             nyx_reader_close(nyx_reader *file);
const char      *nyx_reader_path(const nyx_reader *file); /* as it was opened */
/* "model" "dataset" "checkpoint", or "foreign": any HDF5 with float datasets under /tensors */
const char      *nyx_reader_kind(const nyx_reader *file);
int64_t          nyx_reader_count(const nyx_reader *file);
const nyx_entry *nyx_reader_entry(const nyx_reader *file, int64_t index);
const nyx_entry *nyx_reader_find(const nyx_reader *file, const char *path); /* NULL: none, no error */

/* Read a plain tensor as stored; check its SHA-256. INPUT. */
int nyx_reader_read(nyx_reader *file, const nyx_entry *entry, void *out) NYX_CHECKED;
/* Rows [first, first + rows) of the tensor seen as [rows_total, last dim], as
 * f32, plain or coded, converted by us (streaming). Of a plain tensor read in
 * order, from the first row to the last, the digest is checked with the last. */
int nyx_reader_read_rows(nyx_reader *file, const nyx_entry *entry, int64_t first, int64_t rows, float *out) NYX_CHECKED;
/* All of it as f32, plain (of a real type) or coded; digest checked; NaN or
 * infinity is an INPUT error. */
int nyx_reader_read_f32(nyx_reader *file, const nyx_entry *entry, float *out) NYX_CHECKED;
/* Planes of a coded tensor; *out ends with nyx_coded_release. */
int nyx_reader_read_coded(nyx_reader *file, const nyx_entry *entry, nyx_coded *out) NYX_CHECKED;
/* SHA-256 of the whole file, the one this reader holds open. Begin before the
 * first row: tensors read by rows in the order of their offsets then feed this
 * digest and their own in one pass; the end reads only what they left. */
void nyx_reader_digest_begin(nyx_reader *file);
int  nyx_reader_digest_end(nyx_reader *file, char hex[NYX_SHA256_HEX], int64_t *bytes) NYX_CHECKED; /* INPUT, MEMORY */
/* JSON text dataset ("/config", "/provenance", "/sampler"); NULL in *out when absent. */
int nyx_reader_json(nyx_reader *file, const char *path, nyx_json **out) NYX_CHECKED;

/* Lines of history of an open file (joined by newlines; "" when none). Borrowed. */
const char *nyx_reader_history(const nyx_reader *file);
/* Attribute `name` of the group or dataset at `path` ("/" is the root); INPUT
 * when it is absent or of another type. Text is borrowed; of an array of
 * strings, the strings joined by newlines. Real accepts integers. */
int nyx_reader_attribute(const nyx_reader *file, const char *path, const char *name, int64_t *out) NYX_CHECKED;
int nyx_reader_attribute_real(const nyx_reader *file, const char *path, const char *name, double *out) NYX_CHECKED;
int nyx_reader_attribute_text(const nyx_reader *file, const char *path, const char *name, const char **out) NYX_CHECKED;

/* ---- writing ----------------------------------------------------------------- */

typedef struct nyx_writer nyx_writer;

/* `kind` is model, dataset or checkpoint; CREATE, OUTPUT. Groups in a path are
 * made on demand. After an error only nyx_writer_discard is left. */
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
/* Attribute of a group (made on demand), e.g. "/train", "vocabulary". */
int nyx_writer_attribute(nyx_writer *file, const char *group, const char *name, int64_t value) NYX_CHECKED;
int nyx_writer_attribute_text(nyx_writer *file, const char *group, const char *name, const char *value) NYX_CHECKED;
/* Re-opens what was written and compares it (names, types, shapes, digests;
 * the bytes too of tensors up to 1 MiB) before it takes the target's name.
 * Ends `file` in every case. */
int  nyx_writer_commit(nyx_writer *file) NYX_CHECKED;
void nyx_writer_discard(nyx_writer *file); /* NULL is fine */

/* ---- datasets ------------------------------------------------------------------ */

enum { NYX_TRANSFORM_BYTES = 11 };

/* Token puzzles or sequences: inputs and targets i32 [rows, length]. Vocabulary,
 * ignore label and kind hold for the whole file. A dataset of kind "text" has
 * one stream of tokens a split instead of rows: rows and length are 0. */
typedef struct {
    char      kind[32];     /* "sudoku", "text" ... */
    int64_t   length, vocabulary, ignore; /* targets equal to `ignore` are not scored */
    int64_t   puzzles;      /* number of puzzle ids; ids are all 0 when `ids` is absent */
    struct nyx_split {
        int64_t  rows;
        int32_t *inputs, *targets, *ids; /* ids may be NULL */
        float   *rating;                 /* one a row; may be NULL */
        int32_t *pairs;                  /* which pair of its task a row is; may be NULL */
        int32_t *tokens;                 /* text: documents joined */
        int64_t  token_count;
        int64_t  documents, bytes, words; /* text: of the original; words are runs of non-space */
    } train, test;
    struct nyx_variants {   /* of which task a puzzle is an image; all NULL, or none */
        int32_t  *task;      /* [puzzles], index into names; -1: no task's */
        uint8_t  *transform; /* [puzzles, NYX_TRANSFORM_BYTES], see schemas/README.md */
        nyx_json *names;     /* array of texts; owned */
    } variants;
    nyx_json *tokenizer;    /* text/text.h reads it; owned, NULL when the file has none */
} nyx_dataset;
int  nyx_dataset_read(nyx_dataset *out, const char *path) NYX_CHECKED; /* values checked against vocabulary */
int  nyx_dataset_write(const nyx_dataset *dataset, const char *path, const char *history,
                       const nyx_json *provenance) NYX_CHECKED;
void nyx_dataset_release(nyx_dataset *dataset);
/* Targets of a row: its length; of kind "images" 1, the label. */
int64_t nyx_dataset_targets(const nyx_dataset *dataset);

/* A file beside `path`, on the same disk, whose name is gone at once: it
 * cannot stay behind. Its descriptor, or CREATE. */
int nyx_spool_open(const char *path) NYX_CHECKED;

/* A text dataset of any size, its tokens written as they come: they wait in
 * unnamed files beside the target until commit knows how many they are.
 * CREATE, OUTPUT; a token outside the vocabulary is a bug. */
typedef struct nyx_token_writer nyx_token_writer;
enum { NYX_SIDE_TRAIN, NYX_SIDE_TEST, NYX_SIDES };
int     nyx_token_writer_open(nyx_token_writer **out, const char *path, int64_t vocabulary) NYX_CHECKED;
int     nyx_token_writer_add(nyx_token_writer *writer, int side, const int32_t *tokens, int64_t count) NYX_CHECKED;
int64_t nyx_token_writer_count(const nyx_token_writer *writer, int side);
/* `facts`: vocabulary, tokenizer, and documents, bytes, words of both splits;
 * its token arrays are not looked at. Ends `writer` in every case. */
int     nyx_token_writer_commit(nyx_token_writer *writer, const nyx_dataset *facts, const char *history,
                                const nyx_json *provenance) NYX_CHECKED;
void    nyx_token_writer_discard(nyx_token_writer *writer); /* NULL is fine */

/* ---- archives and lines ------------------------------------------------------------ */

/* The bytes of a plain file, "-" (stdin), or of every regular file in an
 * archive (.gz .xz .bz2 .zst .zip .tar.* .7z, told by content). Streamed. */
typedef struct nyx_members nyx_members;
int  nyx_members_open(nyx_members **out, const char *path) NYX_CHECKED; /* INPUT, MISSING */
/* From the start of an open file, which stays the caller's. */
int  nyx_members_open_fd(nyx_members **out, int fd, const char *name) NYX_CHECKED;
int  nyx_members_next(nyx_members *members) NYX_CHECKED; /* 1, 0 at the end, or INPUT */
int  nyx_members_block(nyx_members *members, const char **data, int64_t *bytes) NYX_CHECKED; /* 1 borrowed, 0, INPUT */
const char *nyx_members_name(const nyx_members *members); /* "a.tar(b.txt)" */
void nyx_members_close(nyx_members *members); /* NULL is fine */
/* All of the first one, NUL behind; at most `most` bytes (INPUT). *out ends with nyx_free. */
int  nyx_members_read(char **out, int64_t *bytes, const char *path, int64_t most) NYX_CHECKED;

/* Their lines. */
typedef struct nyx_lines nyx_lines;
int  nyx_lines_open(nyx_lines **out, const char *path) NYX_CHECKED;
/* 1 and a borrowed line without its end, 0 at the end, or INPUT. */
int  nyx_lines_next(nyx_lines *lines, const char **line, int64_t *bytes) NYX_CHECKED;
const char *nyx_lines_place(const nyx_lines *lines); /* "puzzles.csv:17" inside the archive */
void nyx_lines_close(nyx_lines *lines);

/* ---- packed streams ----------------------------------------------------------------- */

/* One stream of bytes as a zstd file (written atomically) that ends with the
 * SHA-256 of what lies before; equal streams give equal files. */
typedef struct nyx_packer nyx_packer;
int  nyx_packer_open(nyx_packer **out, const char *path) NYX_CHECKED; /* CREATE */
int  nyx_packer_write(nyx_packer *packer, const void *data, int64_t bytes) NYX_CHECKED; /* OUTPUT, MEMORY */
/* Size and digest of the whole file. Ends `packer` in every case. */
int  nyx_packer_commit(nyx_packer *packer, int64_t *bytes, char sha256[NYX_SHA256_HEX]) NYX_CHECKED;
void nyx_packer_discard(nyx_packer *packer); /* NULL is fine */

/* Checks the digest before anything is unpacked. INPUT, MISSING. */
typedef struct nyx_unpacker nyx_unpacker;
int         nyx_unpacker_open(nyx_unpacker **out, const char *path) NYX_CHECKED;
/* fewer: the end */
int         nyx_unpacker_read(nyx_unpacker *unpacker, void *out, int64_t bytes, int64_t *got) NYX_CHECKED;
int64_t     nyx_unpacker_bytes(const nyx_unpacker *unpacker);  /* of the whole file, as packed */
const char *nyx_unpacker_sha256(const nyx_unpacker *unpacker); /* of the same */
void        nyx_unpacker_close(nyx_unpacker *unpacker); /* NULL is fine */

/* ---- recipes ------------------------------------------------------------------------ */

int nyx_recipe_read(nyx_recipe *out, const char *path) NYX_CHECKED; /* schemas/recipe.schema.json */

#endif
