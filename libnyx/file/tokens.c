/* tokens -- the streams of text datasets: u16 while the vocabulary allows,
 * else i32. What is written piece by piece waits in a spool, because a
 * contiguous dataset must know its length when it is made. */
#include "file/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { VOCABULARY_U16 = 1 << 16, BLOCK = NYX_FILE__BLOCK / 4 /* tokens moved at a time */ };

static const struct { const char *name; size_t at; } facts[] = {
    { "documents", offsetof(struct nyx_split, documents) },
    { "bytes", offsetof(struct nyx_split, bytes) },
    { "words", offsetof(struct nyx_split, words) },
};
enum { FACTS = sizeof facts / sizeof *facts };

static enum nyx_dtype dtype_of(int64_t vocabulary)
{
    return vocabulary <= VOCABULARY_U16 ? NYX_U16 : NYX_I32;
}

/* ---- reading ----------------------------------------------------------------------- */

/* u16 in the upper half of `tokens` become i32 in all of it: a token is never
 * written over one that is still to be read. */
static void widen(int32_t *tokens, int64_t count)
{
    const char *from = (const char *)tokens + 2 * count;

    for (int64_t i = 0; i < count; i++) {
        uint16_t narrow;

        memcpy(&narrow, from + 2 * i, sizeof narrow);
        tokens[i] = narrow;
    }
}

int nyx_file__tokens_read(struct nyx_split *split, nyx_reader *file, const char *path, const char *group,
                          int64_t vocabulary)
{
    enum nyx_dtype   dtype = dtype_of(vocabulary);
    const nyx_entry *entry;
    char             full[64];
    int64_t          bytes;
    int              status;

    for (int i = 0; i < FACTS; i++) {
        int64_t value;

        if ((status = nyx_reader_attribute(file, group, facts[i].name, &value)) < 0)
            return status;
        if (value < 0)
            return nyx_error_set(NYX_ERR_INPUT, "'%s': '%s' says %lld %s", path, group, (long long)value,
                                 facts[i].name);
        memcpy((char *)split + facts[i].at, &value, sizeof value);
    }
    snprintf(full, sizeof full, "%s/tokens", group);
    entry = nyx_reader_find(file, full);
    if (!entry || entry->coded || entry->dtype != dtype || entry->shape.rank != 1)
        return nyx_error_set(NYX_ERR_INPUT, "'%s': '%s' must be there with type %s and one dimension", path, full,
                             nyx_dtype_name(dtype));
    split->token_count = entry->shape.dims[0];
    if (!nyx_size_mul(&bytes, split->token_count, (int64_t)sizeof *split->tokens))
        return nyx_error_set(NYX_ERR_INPUT, "'%s': '%s' is too large", path, full);
    if ((status = nyx_alloc(&split->tokens, bytes)) < 0 ||
        (status = nyx_reader_read(file, entry, (char *)split->tokens + (bytes - entry->bytes))) < 0)
        return status;
    if (dtype == NYX_U16)
        widen(split->tokens, split->token_count);
    for (int64_t i = 0; i < split->token_count; i++)
        if (split->tokens[i] < 0 || split->tokens[i] >= vocabulary)
            return nyx_error_set(NYX_ERR_INPUT, "'%s': '%s' has the value %d at %lld; 0 to %lld are allowed", path,
                                 full, split->tokens[i], (long long)i, (long long)vocabulary - 1);
    return 0;
}

/* ---- writing ----------------------------------------------------------------------- */

/* As they lie in the file. */
static void narrow(uint16_t *out, const int32_t *tokens, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        out[i] = (uint16_t)tokens[i];
}

static int read_spool(int fd, void *block, int64_t bytes, int64_t at)
{
    for (int64_t got = 0; got < bytes;) {
        ssize_t n = pread(fd, (char *)block + got, (size_t)(bytes - got), at + got);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return nyx_error_set(NYX_ERR_OUTPUT, "cannot read back the tokens written so far: %s",
                                 n < 0 ? strerror(errno) : "they are cut short");
        got += n;
    }
    return 0;
}

int nyx_file__tokens_write(nyx_writer *file, const struct nyx_split *split, const char *group, int64_t vocabulary,
                           int spool)
{
    enum nyx_dtype dtype = dtype_of(vocabulary);
    nyx_shape      shape = nyx_shape_of(1, split->token_count);
    char           full[64];
    void          *block;
    int64_t        width = nyx_dtype_bytes(dtype);
    int            status;

    snprintf(full, sizeof full, "%s/tokens", group);
    for (int i = 0; i < FACTS; i++) {
        int64_t value;

        memcpy(&value, (const char *)split + facts[i].at, sizeof value);
        if ((status = nyx_writer_attribute(file, group, facts[i].name, value)) < 0)
            return status;
    }
    if ((status = nyx_alloc(&block, BLOCK * width)) < 0)
        return status;
    status = nyx_writer_begin(file, full, dtype, &shape);
    for (int64_t i = 0; i < split->token_count && status == 0; i += BLOCK) {
        int64_t n = split->token_count - i < BLOCK ? split->token_count - i : BLOCK;

        if (spool >= 0)
            status = read_spool(spool, block, n * width, i * width);
        else if (dtype == NYX_U16)
            narrow(block, split->tokens + i, n);
        else
            memcpy(block, split->tokens + i, (size_t)(n * width));
        if (status == 0)
            status = nyx_file__writer_append(file, block, n * width);
    }
    nyx_free(block);
    return status;
}

/* ---- the spool ------------------------------------------------------------------------ */

struct nyx_token_writer {
    char          *path;
    enum nyx_dtype dtype;
    int64_t        vocabulary;
    struct side {
        int      fd;
        int64_t  count, waiting; /* tokens in all; bytes in block */
        uint8_t *block;
    } sides[NYX_SIDES];
};

int nyx_spool_open(const char *path)
{
    const char *slash = strrchr(path, '/');
    int         folder = slash ? (int)(slash - path + 1) : 0;

    for (int attempt = 0;; attempt++) {
        char *name;
        int   fd, why;

        if ((fd = nyx_text_format(&name, "%.*s.nyx-tokens-%ld-%d", folder, path, (long)getpid(), attempt)) < 0)
            return fd;
        fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        why = errno;
        if (fd >= 0)
            unlink(name);
        nyx_free(name);
        if (fd >= 0)
            return fd;
        if (why != EEXIST || attempt > 100)
            return nyx_error_set(NYX_ERR_CREATE, "cannot create a file beside '%s': %s", path, strerror(why));
    }
}

int nyx_token_writer_open(nyx_token_writer **out, const char *path, int64_t vocabulary)
{
    nyx_token_writer *writer;
    int               status;

    NYX_BUG_IF(vocabulary < 1 || vocabulary > INT32_MAX);
    *out = NULL;
    if ((status = nyx_alloc(&writer, (int64_t)sizeof *writer)) < 0)
        return status;
    for (int s = 0; s < NYX_SIDES; s++)
        writer->sides[s].fd = -1;
    writer->dtype = dtype_of(vocabulary);
    writer->vocabulary = vocabulary;
    status = nyx_text_copy(&writer->path, path);
    for (int s = 0; s < NYX_SIDES && status == 0; s++) {
        status = nyx_alloc(&writer->sides[s].block, NYX_FILE__BLOCK);
        if (status == 0 && (writer->sides[s].fd = nyx_spool_open(path)) < 0) {
            status = writer->sides[s].fd;
            writer->sides[s].fd = -1;
        }
    }
    if (status < 0) {
        nyx_token_writer_discard(writer);
        return status;
    }
    *out = writer;
    return 0;
}

void nyx_token_writer_discard(nyx_token_writer *writer)
{
    if (!writer)
        return;
    for (int s = 0; s < NYX_SIDES; s++) {
        if (writer->sides[s].fd >= 0)
            close(writer->sides[s].fd);
        nyx_free(writer->sides[s].block);
    }
    nyx_free(writer->path);
    nyx_free(writer);
}

int64_t nyx_token_writer_count(const nyx_token_writer *writer, int side)
{
    return writer->sides[side].count;
}

static int flush(nyx_token_writer *writer, struct side *side)
{
    for (int64_t done = 0; done < side->waiting;) {
        ssize_t n = write(side->fd, side->block + done, (size_t)(side->waiting - done));

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return nyx_error_set(NYX_ERR_OUTPUT, "cannot write '%s': %s", writer->path,
                                 n < 0 ? strerror(errno) : "the disk takes no more");
        done += n;
    }
    side->waiting = 0;
    return 0;
}

int nyx_token_writer_add(nyx_token_writer *writer, int number, const int32_t *tokens, int64_t count)
{
    struct side *side = &writer->sides[number];
    int64_t      width = nyx_dtype_bytes(writer->dtype);
    int          status;

    for (int64_t i = 0; i < count; i++) {
        uint16_t small = (uint16_t)tokens[i];

        NYX_BUG_IF(tokens[i] < 0 || tokens[i] >= writer->vocabulary);
        if (side->waiting + width > NYX_FILE__BLOCK && (status = flush(writer, side)) < 0)
            return status;
        memcpy(side->block + side->waiting, width == 2 ? (const void *)&small : &tokens[i], (size_t)width);
        side->waiting += width;
    }
    side->count += count;
    return 0;
}

int nyx_token_writer_commit(nyx_token_writer *writer, const nyx_dataset *about, const char *history,
                            const nyx_json *provenance)
{
    nyx_dataset       dataset = *about;
    struct nyx_split *splits[NYX_SIDES] = { &dataset.train, &dataset.test };
    int               spools[NYX_SIDES], status = 0;

    NYX_BUG_IF(about->vocabulary != writer->vocabulary);
    snprintf(dataset.kind, sizeof dataset.kind, "text");
    dataset.length = 0;
    dataset.ignore = -1;
    dataset.puzzles = 1;
    for (int s = 0; s < NYX_SIDES && status == 0; s++) {
        status = flush(writer, &writer->sides[s]);
        spools[s] = writer->sides[s].fd;
        splits[s]->rows = 0;
        splits[s]->token_count = writer->sides[s].count;
        splits[s]->tokens = NULL;
    }
    if (status == 0)
        status = nyx_file__dataset_write(&dataset, writer->path, history, provenance, spools);
    nyx_token_writer_discard(writer);
    return status;
}
