/* compress/internal -- what the files of compress/ share and nobody else may
 * know. */
#ifndef NYX_COMPRESS_INTERNAL_H
#define NYX_COMPRESS_INTERNAL_H

#include "compress/compress.h"

/* A tensor seen as [rows, cols]; cols is the last dimension. */
struct nyx_compress__matrix {
    int64_t rows, cols;
};
struct nyx_compress__matrix nyx_compress__matrix_of(const nyx_shape *shape);

/* Progress over everything that is read. */
struct nyx_compress__progress {
    const nyx_compress_options *options;
    int64_t                     done, total;
};
/* Count, report, and see whether the user wants to stop. STOPPED. */
int nyx_compress__advance(struct nyx_compress__progress *progress, int64_t bytes) NYX_CHECKED;

/* Passes over the rows of a tensor in blocks, reading one block while the
 * threads work on the one before it (stream.c). */
struct nyx_compress__stream;
int  nyx_compress__stream_create(struct nyx_compress__stream **out, nyx_pool *pool) NYX_CHECKED;
void nyx_compress__stream_free(struct nyx_compress__stream *stream);

/* Look at every value: is it finite? Show them all to `survey`, unless NULL. */
int nyx_compress__stream_check(struct nyx_compress__stream *stream, nyx_reader *file,
                               const nyx_compress_tensor *tensor, nyx_survey *survey,
                               struct nyx_compress__progress *progress) NYX_CHECKED;
/* Code every row into `coded`, or into rows of `writer`'s open tensor when the
 * coding is an element type; add up the errors. */
int nyx_compress__stream_code(struct nyx_compress__stream *stream, nyx_reader *file,
                              nyx_compress_tensor *tensor, nyx_coded *coded, nyx_writer *writer,
                              struct nyx_compress__progress *progress) NYX_CHECKED;

#endif
