#ifndef NYX_FOREIGN_INTERNAL_H
#define NYX_FOREIGN_INTERNAL_H

#include "foreign/foreign.h"

/* Limits of what is read: reliability before generosity. */
enum {
    NYX_FOREIGN__NAME = 512,           /* bytes of a tensor's name              */
    NYX_FOREIGN__HEADER = 16 << 20,    /* bytes of a safetensors header         */
    NYX_FOREIGN__TENSORS = 1 << 18,    /* tensors in all                        */
    NYX_FOREIGN__SHARDS = 512,         /* files behind an index                 */
    NYX_FOREIGN__TEXT = 1 << 20,       /* bytes of a text in GGUF               */
    NYX_FOREIGN__ITEMS = 1 << 21,      /* elements of all arrays in GGUF        */
    NYX_FOREIGN__DEPTH = 4,            /* arrays in arrays                      */
};

struct nyx_foreign__file {
    const char *path;
    int         fd;
    int64_t     bytes;
};

struct nyx_foreign {
    enum nyx_foreign_kind     kind;
    nyx_arena                 arena;
    const char               *path;
    struct nyx_foreign__file *files; /* NYX_FOREIGN__SHARDS of them */
    int                       file_count;
    const char              **sources;
    int64_t                   source_count;
    nyx_foreign_tensor       *tensors;
    int64_t                   count, room;
    nyx_json                 *metadata, *config;
};

/* "cannot read 'PATH': ..." */
int nyx_foreign__bad(const char *path, const char *fmt, ...) NYX_PRINTF(2, 3);

/* Open one more file and list it as a source; *index is its place in files. */
int nyx_foreign__add_file(nyx_foreign *f, const char *path, int *index) NYX_CHECKED;
int nyx_foreign__add_source(nyx_foreign *f, const char *path) NYX_CHECKED;
/* Exactly `bytes` at `offset`; INPUT when the file ends before. */
int nyx_foreign__pread(const struct nyx_foreign__file *file, void *out, int64_t bytes, int64_t offset) NYX_CHECKED;
/* List a tensor; bytes are worked out. Name, shape and whole blocks are checked. */
int nyx_foreign__add_tensor(nyx_foreign *f, int file, const char *name, const nyx_block_type *type,
                            const nyx_shape *shape, int64_t offset) NYX_CHECKED;
/* Tensors from index `first` on, all those of `file`, fill [start, end of
 * file): in order of their places they follow each other, with less than
 * `alignment` bytes between. */
int nyx_foreign__check_places(nyx_foreign *f, int64_t first, int file, int64_t start, int64_t alignment) NYX_CHECKED;
/* UTF-8 without NUL. */
bool nyx_foreign__is_text(const char *text, int64_t bytes);

/* Readers, one a kind; f->files[0] is open (of a folder or an index: none). */
int nyx_foreign__read_safetensors(nyx_foreign *f, const char *config) NYX_CHECKED;
int nyx_foreign__read_index(nyx_foreign *f, const char *folder, const char *index, const char *config) NYX_CHECKED;
int nyx_foreign__read_gguf(nyx_foreign *f) NYX_CHECKED;
int nyx_foreign__read_llama2c(nyx_foreign *f) NYX_CHECKED;
int nyx_foreign__read_mingpt(nyx_foreign *f) NYX_CHECKED;
bool nyx_foreign__is_llama2c(const uint8_t *head, int64_t bytes, int64_t file_bytes);

/* Blocks of 256 (blocks_k.c) and of 16 to 64 (blocks.c). */
void nyx_foreign__q2_k(float *dst, const uint8_t *block);
void nyx_foreign__q3_k(float *dst, const uint8_t *block);
void nyx_foreign__q4_k(float *dst, const uint8_t *block);
void nyx_foreign__q5_k(float *dst, const uint8_t *block);
void nyx_foreign__q6_k(float *dst, const uint8_t *block);
void nyx_foreign__iq4_xs(float *dst, const uint8_t *block);
void nyx_foreign__tq1_0(float *dst, const uint8_t *block);
void nyx_foreign__tq2_0(float *dst, const uint8_t *block);
extern const int8_t nyx_foreign__nl_levels[16];
float nyx_foreign__half(const uint8_t *bytes); /* a little-endian f16 */

/* Headers of the writers into memory; the tensors' places are known. */
typedef struct {
    const char           *name;
    const nyx_block_type *type;
    nyx_shape             shape;
    int64_t               bytes, offset; /* behind the header */
} nyx_foreign__declared;
typedef struct {
    char   *data;
    int64_t bytes, room;
    bool    failed; /* memory ran out */
} nyx_foreign__buffer;
void nyx_foreign__put(nyx_foreign__buffer *buffer, const void *data, int64_t bytes);
int nyx_foreign__head_safetensors(nyx_foreign__buffer *out, const nyx_json *metadata,
                                  const nyx_foreign__declared *tensors, int64_t count) NYX_CHECKED;
int nyx_foreign__head_gguf(nyx_foreign__buffer *out, const nyx_json *metadata, const nyx_foreign__declared *tensors,
                           int64_t count) NYX_CHECKED;
enum { NYX_FOREIGN__ALIGNMENT = 32 }; /* of tensors in GGUF we write */

#endif
