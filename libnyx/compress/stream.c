/* stream -- passes over the rows of one tensor.
 *
 *     block    a few MiB of rows; two of them: one is read while the other
 *              is worked on
 *     chunk    the rows of a block that one thread takes at a time
 *
 * Sizes of blocks and chunks follow from the tensor's shape alone, and what
 * each chunk found is put together in the order of chunks: neither the number
 * of threads nor their timing shows in any result.
 */
#include "compress/internal.h"

#include <float.h>
#include <stdatomic.h>
#include <string.h>

enum {
    BLOCK_ELEMS = 1 << 20, /* 4 MiB of f32, or one row when that is longer */
    CHUNK_ELEMS = 1 << 15, /* 128 KiB: with its decoded copy it stays in the second-level cache */
};

/* What one chunk found. */
struct found {
    nyx_quant_error error;
    int64_t         bad; /* first value that is not finite, or -1 */
};

struct nyx_compress__stream {
    nyx_pool     *pool;
    float        *blocks[2];
    int64_t       block_room, scratch_room; /* elements of each block, of each part's scratch */
    float        *scratch;                  /* [parts][scratch_room]: decoded rows */
    void         *narrow;                   /* a block as the element type it is coded in */
    struct found *found;
    int64_t       found_room;

    /* The pass. */
    nyx_reader          *file;
    nyx_compress_tensor *tensor;
    nyx_coded           *coded;
    bool                 to_plain;
    struct nyx_compress__matrix matrix;
    int64_t              block_rows, chunk_rows;
    /* The step: one block worked on, the next one read. */
    const float *work;
    int64_t      first, rows; /* in `work` */
    int64_t      chunks;
    float       *next;
    int64_t      next_first, next_rows;
    int          status; /* of reading; written and read by the calling thread alone */
    atomic_llong taken;  /* chunks */
};

int nyx_compress__advance(struct nyx_compress__progress *progress, int64_t bytes)
{
    const nyx_compress_options *options = progress->options;

    progress->done += bytes;
    if (options->progress)
        options->progress(options->context, progress->done, progress->total);
    return nyx_stop_requested() ? nyx_error_set(NYX_ERR_STOPPED, "stopped; nothing was written") : 0;
}

int nyx_compress__stream_create(struct nyx_compress__stream **out, nyx_pool *pool)
{
    int status = nyx_alloc(out, sizeof **out);

    if (status == 0)
        (*out)->pool = pool;
    return status;
}

static void release_buffers(struct nyx_compress__stream *stream)
{
    nyx_free(stream->blocks[0]);
    nyx_free(stream->blocks[1]);
    nyx_free(stream->scratch);
    nyx_free(stream->narrow);
    nyx_free(stream->found);
    stream->blocks[0] = stream->blocks[1] = stream->scratch = NULL;
    stream->narrow = NULL;
    stream->found = NULL;
    stream->block_room = stream->scratch_room = stream->found_room = 0;
}

void nyx_compress__stream_free(struct nyx_compress__stream *stream)
{
    if (!stream)
        return;
    release_buffers(stream);
    nyx_free(stream);
}

/* Buffers for a pass with these rows; kept for the next tensor if it fits. */
static int provide(struct nyx_compress__stream *stream)
{
    int64_t block = stream->block_rows * stream->matrix.cols;
    int64_t scratch = stream->chunk_rows * stream->matrix.cols;
    int64_t found = (stream->block_rows + stream->chunk_rows - 1) / stream->chunk_rows;
    int64_t parts = nyx_pool_parts(stream->pool);
    int     status;

    if (block <= stream->block_room && scratch <= stream->scratch_room && found <= stream->found_room)
        return 0;
    release_buffers(stream);
    if ((status = nyx_alloc(&stream->blocks[0], block * (int64_t)sizeof(float))) < 0 ||
        (status = nyx_alloc(&stream->blocks[1], block * (int64_t)sizeof(float))) < 0 ||
        (status = nyx_alloc(&stream->scratch, parts * scratch * (int64_t)sizeof(float))) < 0 ||
        (status = nyx_alloc(&stream->narrow, block * (int64_t)sizeof(float))) < 0 ||
        (status = nyx_alloc(&stream->found, found * (int64_t)sizeof *stream->found)) < 0)
        return status;
    stream->block_room = block;
    stream->scratch_room = scratch;
    stream->found_room = found;
    return 0;
}

static int64_t rows_for(int64_t elems, const struct nyx_compress__matrix *matrix)
{
    int64_t rows = elems / (matrix->cols ? matrix->cols : 1);

    rows = rows < matrix->rows ? rows : matrix->rows;
    return rows > 0 ? rows : 1;
}

/* ---- what threads do ----------------------------------------------------------- */

/* The rows of one chunk as the reader of the output will see them. */
static const float *recoded(struct nyx_compress__stream *stream, float *scratch, const float *src,
                            int64_t first, int64_t rows)
{
    int64_t elems = rows * stream->matrix.cols;
    char   *narrow;

    if (!stream->to_plain) {
        nyx_encode_rows(stream->coded, stream->tensor->method, src, NULL, first, rows);
        nyx_decode_rows(scratch, stream->coded, first, rows);
        return scratch;
    }
    narrow = (char *)stream->narrow + (src - stream->work) * nyx_dtype_bytes(stream->tensor->dtype);
    nyx_convert_from_f32(stream->tensor->dtype, narrow, src, elems);
    nyx_convert_to_f32(stream->tensor->dtype, scratch, narrow, elems);
    return scratch;
}

static void do_chunk(struct nyx_compress__stream *stream, int part, int64_t chunk)
{
    int64_t       row = chunk * stream->chunk_rows, cols = stream->matrix.cols;
    int64_t       rows = stream->rows - row < stream->chunk_rows ? stream->rows - row : stream->chunk_rows;
    const float  *src = stream->work + row * cols;
    struct found *found = &stream->found[chunk];
    float        *scratch = stream->scratch + part * stream->scratch_room;

    *found = (struct found){ .bad = nyx_f32_find_nonfinite(src, rows * cols) };
    if (found->bad >= 0)
        found->bad += (stream->first + row) * cols;
    else if (stream->coded || stream->to_plain)
        nyx_quant_error_add(&found->error, src, recoded(stream, scratch, src, stream->first + row, rows),
                            rows * cols);
}

static void step(void *context, int part, int parts)
{
    struct nyx_compress__stream *stream = context;
    int64_t                      chunk;

    (void)parts;
    if (part == 0 && stream->next_rows > 0)
        stream->status = nyx_reader_read_rows(stream->file, stream->tensor->entry, stream->next_first,
                                              stream->next_rows, stream->next);
    while ((chunk = atomic_fetch_add(&stream->taken, 1)) < stream->chunks)
        do_chunk(stream, part, chunk);
}

/* ---- passes --------------------------------------------------------------------- */

static int not_finite(const struct nyx_compress__stream *stream, int64_t index, float value)
{
    const nyx_entry *entry = stream->tensor->entry;
    char             place[96];

    nyx_shape_place(place, &entry->shape, index);
    return nyx_error_set(NYX_ERR_INPUT, "tensor '%s' holds %s at %s; a model must be finite",
                         entry->name, value != value ? "a NaN" : "an infinity", place);
}

/* f16 and other types end below f32; a coded infinity would spoil the model. */
static int too_large(const struct nyx_compress__stream *stream)
{
    char text[NYX_FORMAT_TEXT];

    nyx_format_text(text, &stream->tensor->format);
    return nyx_error_set(NYX_ERR_INPUT, "tensor '%s' holds a value beyond the range of %s; choose a "
                         "format with scales, or bf16", stream->tensor->entry->name, text);
}

/* Put together what the chunks of a block found. */
static int gather(struct nyx_compress__stream *stream)
{
    nyx_quant_error *all = &stream->tensor->error;

    for (int64_t i = 0; i < stream->chunks; i++) {
        const struct found *found = &stream->found[i];

        if (found->bad >= 0)
            return not_finite(stream, found->bad,
                              stream->work[found->bad - stream->first * stream->matrix.cols]);
        if (!(found->error.max_error <= (double)FLT_MAX))
            return too_large(stream);
        all->elems += found->error.elems;
        all->sum_square_error += found->error.sum_square_error;
        all->sum_square += found->error.sum_square;
        all->sum_error += found->error.sum_error;
        if (found->error.max_error > all->max_error)
            all->max_error = found->error.max_error;
    }
    return 0;
}

/* Start reading at row `first` what comes next. */
static void aim(struct nyx_compress__stream *stream, int64_t first, float *into)
{
    int64_t left = stream->matrix.rows - first;

    stream->next = into;
    stream->next_first = first;
    stream->next_rows = left < stream->block_rows ? left : stream->block_rows;
}

/* Work on the block that was read last, and read the one behind it. */
static int turn(struct nyx_compress__stream *stream)
{
    stream->work = stream->next;
    stream->first = stream->next_first;
    stream->rows = stream->next_rows;
    stream->chunks = (stream->rows + stream->chunk_rows - 1) / stream->chunk_rows;
    stream->status = 0;
    atomic_store(&stream->taken, 0);
    aim(stream, stream->first + stream->rows, stream->blocks[stream->work == stream->blocks[0]]);
    nyx_pool_run(stream->pool, step, stream);
    return gather(stream);
}

/* What only the calling thread may do with a block: see the values in their
 * order, or write. */
struct after {
    nyx_survey *survey; /* or NULL */
    nyx_writer *writer; /* or NULL */
};

static int do_after(struct nyx_compress__stream *stream, const struct after *after)
{
    if (after->survey)
        nyx_survey_add(after->survey, stream->work, stream->rows * stream->matrix.cols);
    return after->writer ? nyx_writer_rows(after->writer, stream->narrow, stream->rows) : 0;
}

static int pass(struct nyx_compress__stream *stream, const struct after *after,
                struct nyx_compress__progress *progress)
{
    const nyx_entry *entry = stream->tensor->entry;
    int              status;

    stream->matrix = nyx_compress__matrix_of(&entry->shape);
    if (stream->matrix.rows == 0 || stream->matrix.cols == 0)
        return 0;
    stream->block_rows = rows_for(BLOCK_ELEMS, &stream->matrix);
    stream->chunk_rows = rows_for(CHUNK_ELEMS, &stream->matrix);
    if ((status = provide(stream)) < 0)
        return status;
    aim(stream, 0, stream->blocks[0]);
    status = nyx_reader_read_rows(stream->file, entry, 0, stream->next_rows, stream->next);
    while (status == 0 && stream->next_rows > 0) {
        if ((status = turn(stream)) < 0 || (status = do_after(stream, after)) < 0 ||
            (status = nyx_compress__advance(progress, stream->rows * stream->matrix.cols *
                                                          nyx_dtype_bytes(entry->dtype))) < 0)
            break;
        status = stream->status;
    }
    return status;
}

int nyx_compress__stream_check(struct nyx_compress__stream *stream, nyx_reader *file,
                               const nyx_compress_tensor *tensor, nyx_survey *survey,
                               struct nyx_compress__progress *progress)
{
    nyx_compress_tensor looked_at = *tensor;

    stream->file = file;
    stream->tensor = &looked_at;
    stream->coded = NULL;
    stream->to_plain = false;
    return pass(stream, &(struct after){ .survey = survey }, progress);
}

int nyx_compress__stream_code(struct nyx_compress__stream *stream, nyx_reader *file,
                              nyx_compress_tensor *tensor, nyx_coded *coded, nyx_writer *writer,
                              struct nyx_compress__progress *progress)
{
    stream->file = file;
    stream->tensor = tensor;
    stream->coded = coded;
    stream->to_plain = tensor->plain;
    return pass(stream, &(struct after){ .writer = tensor->plain ? writer : NULL }, progress);
}
