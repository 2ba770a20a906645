/* internal -- what the sources of file/ share and nobody else sees.
 *
 * How a file is read. A child process opens it with libhdf5, walks it and
 * sends a listing (records below) through a pipe; the parent checks every
 * number of it against the file's size and then reads bytes itself. So no
 * byte of an input file reaches libhdf5 in the process that matters: Debian's
 * libhdf5 1.10.8 dies of a signal on some of the public CVE files.
 *
 *     scan.c    is it HDF5 at all: signature, superblock, end of file
 *     walk.c    libhdf5 -> records (in the child)
 *     child.c   run a function in a child with limits
 *     reader.c  records -> entries and attributes
 *     read.c    bytes, rows, digests
 */
#ifndef NYX_FILE_INTERNAL_H
#define NYX_FILE_INTERNAL_H

/* The API of the oldest libhdf5 we build with; newer ones map it. */
#define H5_USE_110_API 1
#include <hdf5.h>

#include "file/file.h"

enum {
    NYX_FILE__OBJECTS_MOST = 100000,
    NYX_FILE__DEPTH_MOST = 32,
    NYX_FILE__PATH_MOST = 1024,   /* bytes with the NUL */
    NYX_FILE__BLOCK = 1 << 20,    /* bytes moved at a time */
    NYX_FILE__TEXT_MOST = 1 << 26 /* bytes of a JSON text */
};

/* ---- libhdf5 (hdf5.c) -------------------------------------------------------- */

/* Call before anything else of libhdf5, on every thread. */
void nyx_file__begin(void);
/* nyx_error_set with the innermost reason of libhdf5's error stack behind. */
int nyx_file__error(int status, const char *fmt, ...) NYX_PRINTF(2, 3);

/* The type in which elements are stored; H5Tclose ends it, < 0 on failure. */
hid_t nyx_file__type_create(enum nyx_dtype dtype);
/* The element type of a stored type; *swap: its bytes are turned round. */
bool nyx_file__type_find(enum nyx_dtype *out, bool *swap, hid_t type);
/* The type under which it is stored: bf16 -> u16, fp8 -> u8, else itself. */
enum nyx_dtype nyx_file__type_stored(enum nyx_dtype dtype);

int nyx_file__put_text(hid_t object, const char *name, const char *text) NYX_CHECKED;
/* count 0: a scalar */
int nyx_file__put_ints(hid_t object, const char *name, int count, const int64_t *values) NYX_CHECKED;
int nyx_file__put_real(hid_t object, const char *name, float value) NYX_CHECKED;

/* ---- the listing --------------------------------------------------------------- */

typedef struct {
    char   *data;
    int64_t bytes, room;
} nyx_file__buffer;
int  nyx_file__buffer_add(nyx_file__buffer *buffer, const void *data, int64_t bytes) NYX_CHECKED;
void nyx_file__buffer_release(nyx_file__buffer *buffer);

/* A run of bytes in the file. */
typedef struct {
    int64_t offset, bytes;
    char    sha256[NYX_SHA256_HEX]; /* "" when the file has none */
} nyx_file__extent;

enum nyx_file__kind { NYX_FILE__PLAIN, NYX_FILE__CODED, NYX_FILE__TEXT, NYX_FILE__ATTRIBUTE };
enum { NYX_FILE__CODES, NYX_FILE__SCALES, NYX_FILE__ZEROS, NYX_FILE__PLANES };
extern const char *const nyx_file__plane_names[NYX_FILE__PLANES];

/* One record: this struct, then `tail` bytes. Tail: path NUL, and for an
 * attribute name NUL value NUL. */
typedef struct {
    enum nyx_file__kind kind;
    int64_t             tail;
    enum nyx_dtype      dtype;
    bool                swap;
    bool                direct;  /* bytes lie in the file as they are */
    nyx_shape           shape;
    nyx_file__extent    data;    /* plain, text */
    nyx_file__extent    planes[NYX_FILE__PLANES];
    char                format[NYX_FORMAT_TEXT];
    float               global;
    bool                is_int, is_real, is_text; /* attribute */
    int64_t             value_int;
    double              value_real;
} nyx_file__record;

enum nyx_file__scope {
    NYX_FILE__OURS,  /* the narrow profile, or foreign float tensors under /tensors */
    NYX_FILE__ANY    /* every numeric dataset */
};

/* Cheap checks without libhdf5 on an open file. INPUT. */
int nyx_file__scan(int fd, const char *path, int64_t size) NYX_CHECKED;
/* List the file, in this process. */
int nyx_file__walk(nyx_file__buffer *out, const char *path, int64_t size, enum nyx_file__scope scope) NYX_CHECKED;
/* Read one dataset of any layout, elements as stored, in this process. */
int nyx_file__fetch(void *out, int64_t bytes, const char *path, const char *dataset) NYX_CHECKED;

/* No file but this one, no calls that a reader has no need of, from here on; as
 * far as the system knows how. */
void nyx_file__sandbox(const char *path);
/* Is there no memory at all, for any reason but a file that used up the limit
 * of the child that reads it? Asked when libhdf5 has failed: it does not say. */
bool nyx_file__memory_ran_out(void);
/* Run `work` in a child with limits on memory and time in proportion to
 * `size`; what it puts into its buffer arrives in *out. A child that dies is
 * an INPUT error about `path`. */
typedef int (*nyx_file__work)(void *context, nyx_file__buffer *out);
int nyx_file__guard(nyx_file__buffer *out, nyx_file__work work, void *context, const char *path,
                    int64_t size) NYX_CHECKED;

/* ---- the reader ------------------------------------------------------------------ */

struct nyx_file__entry {
    nyx_entry        entry; /* first: a nyx_entry of a reader is one of these */
    nyx_file__record record;
};

struct nyx_file__attribute {
    const char             *path, *name, *text;
    const nyx_file__record *record;
};

struct nyx_reader {
    char            *path;
    int              fd;
    int64_t          size;
    const char      *kind;
    nyx_arena        arena;
    nyx_file__buffer listing; /* records lie here */
    int64_t          count, texts_count, attributes_count;
    struct nyx_file__entry     *entries; /* sorted by path */
    struct nyx_file__entry     *texts;
    struct nyx_file__attribute *attributes;
    /* What was fetched whole last: a coded tensor, or one that is not direct. */
    const nyx_entry *cached;
    nyx_coded        cached_coded;
    void            *cached_bytes;
    /* The digest of rows that are read in order. */
    const nyx_entry *in_order; /* NULL: none */
    int64_t          next_row;
    nyx_sha256       hash;
    /* The digest of the file, fed while tensors are read in the file's order. */
    bool             digests;
    nyx_sha256       whole;
};

/* `guarded` false: our own file, written a moment ago by this process. */
int nyx_file__reader_open(nyx_reader **out, const char *path, enum nyx_file__scope scope, bool guarded) NYX_CHECKED;
const struct nyx_file__entry *nyx_file__reader_text(const nyx_reader *file, const char *path); /* NULL: none */
/* Bytes [from, from + bytes) of a plain tensor, in our byte order. */
int nyx_file__reader_bytes(nyx_reader *file, const nyx_entry *entry, int64_t from, int64_t bytes,
                           void *out) NYX_CHECKED;
/* Bytes of an extent; checks its digest. */
int nyx_file__reader_extent(nyx_reader *file, const char *what, const nyx_file__extent *extent, void *out) NYX_CHECKED;
/* The extent of a plain tensor, a text, or a plane of a coded tensor. NULL: none. */
const nyx_file__extent *nyx_file__reader_find_extent(const nyx_reader *file, const char *path, bool is_text);
/* The digest of a tensor as just read: does it match the stored one? INPUT. */
int nyx_file__reader_same(const nyx_reader *file, const nyx_entry *entry, const char *sha256) NYX_CHECKED;

/* Bytes of the dataset begun, in order, any number at a time. */
int nyx_file__writer_append(nyx_writer *file, const void *data, int64_t bytes) NYX_CHECKED;

/* ---- packed files (unpack.c) --------------------------------------------------------- */

/* By the first bytes: six of them tell. LISTED are archives whose list of
 * contents stands at their end. */
enum nyx_file__packed { NYX_FILE__NOT_PACKED, NYX_FILE__GZIP, NYX_FILE__FILTER, NYX_FILE__LISTED };
enum nyx_file__packed nyx_file__packed_of(const void *head, int64_t bytes);

/* Bytes of `fd` from where it stands, without the layer of gzip, bzip2, xz or
 * zstd they may have. The end comes only when all sums were right. */
typedef struct nyx_file__unpacker nyx_file__unpacker;
int     nyx_file__unpacker_create(nyx_file__unpacker **out, int fd) NYX_CHECKED;
/* 0: the end, -1: *why */
int64_t nyx_file__unpacker_read(nyx_file__unpacker *unpacker, const void **data, const char **why);
/* Before a reader of libarchive is opened: 3.6 does not look whether it had the
 * memory for this; false when not. Some of its filters do not say so either, and
 * some formats use what they did not get: errno is cleared before a call and is
 * asked, too, even when it did not fail. */
struct archive;
bool nyx_file__archive_ready(struct archive *archive);
bool nyx_file__archive_starved(struct archive *archive);
extern const char nyx_file__starved[]; /* *why where memory ran out, which says nothing about the file */
void    nyx_file__unpacker_free(nyx_file__unpacker *unpacker); /* NULL is fine */

/* ---- token streams (tokens.c) ------------------------------------------------------ */

int nyx_file__tokens_read(struct nyx_split *split, nyx_reader *file, const char *path, const char *group,
                          int64_t vocabulary) NYX_CHECKED;
/* Tokens from memory, or from a spool as they will lie in the file. */
int nyx_file__tokens_write(nyx_writer *file, const struct nyx_split *split, const char *group, int64_t vocabulary,
                           int spool) NYX_CHECKED; /* spool -1: none */
/* nyx_dataset_write with the tokens of a text in files; -1: in memory. */
int nyx_file__dataset_write(const nyx_dataset *dataset, const char *path, const char *history,
                            const nyx_json *provenance, const int spools[NYX_SIDES]) NYX_CHECKED;

#endif
