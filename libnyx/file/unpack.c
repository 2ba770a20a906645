/* unpack -- the packed layer of a file, if it has one, taken off and checked to
 * its end. gzip by zlib (its only home): libarchive does not look at the sum
 * and the length behind the data, so a changed byte would become other text.
 * The others by libarchive, apart from the archive inside: a reader of tar
 * stops at its last entry, in front of the sums.
 */
#include "file/internal.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { BLOCK = 1 << 16, HEAD = 6, GZIP_WINDOW = 16 + MAX_WBITS };

struct nyx_file__unpacker {
    int             fd;
    bool            begun, gzip;
    bool            inside; /* gzip: a member has begun and not ended */
    bool            padded; /* gzip: zeros behind the last member */
    struct archive *archive; /* of other kinds; NULL: none */
    z_stream        stream;  /* its next_in is what is left in `in`, whatever the kind */
    uint8_t         in[BLOCK], out[BLOCK];
};

const char nyx_file__starved[] = "memory ran out";

enum nyx_file__packed nyx_file__packed_of(const void *head, int64_t bytes)
{
    static const struct { const char *magic; int64_t bytes; enum nyx_file__packed is; } known[] = {
        { "\x1f\x8b\x08", 3, NYX_FILE__GZIP },   { "\xfd" "7zXZ", 6, NYX_FILE__FILTER },
        { "\x28\xb5\x2f\xfd", 4, NYX_FILE__FILTER }, { "7z\xbc\xaf\x27\x1c", 6, NYX_FILE__LISTED },
        { "PK\x03\x04", 4, NYX_FILE__LISTED },
    };

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (bytes >= known[i].bytes && memcmp(head, known[i].magic, (size_t)known[i].bytes) == 0)
            return known[i].is;
    return bytes >= 5 && memcmp(head, "BZh", 3) == 0 && ((const char *)head)[4] == '1' ? NYX_FILE__FILTER
                                                                                        : NYX_FILE__NOT_PACKED;
}

int nyx_file__unpacker_create(nyx_file__unpacker **out, int fd)
{
    int status = nyx_alloc(out, (int64_t)sizeof **out);

    if (status < 0)
        return status;
    (*out)->fd = fd;
    (*out)->stream.next_in = (*out)->in;
    if (inflateInit2(&(*out)->stream, GZIP_WINDOW) == Z_OK)
        return 0;
    nyx_free(*out);
    *out = NULL;
    return nyx_error_set(NYX_ERR_MEMORY, "no memory to unpack gzip");
}

void nyx_file__unpacker_free(nyx_file__unpacker *g)
{
    if (!g)
        return;
    if (g->archive)
        archive_read_free(g->archive);
    inflateEnd(&g->stream);
    nyx_free(g);
}

/* ---- gzip ------------------------------------------------------------------------ */

/* More of the file behind what is left in `in`; the bytes there, -1 with errno. */
static int64_t fill(nyx_file__unpacker *g)
{
    ssize_t got;

    memmove(g->in, g->stream.next_in, g->stream.avail_in);
    do
        got = read(g->fd, g->in + g->stream.avail_in, BLOCK - g->stream.avail_in);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return -1;
    g->stream.next_in = g->in;
    g->stream.avail_in += (uInt)got;
    return got;
}

/* Behind a member: another one, zeros, the end. NULL, or what is wrong. */
static const char *between(nyx_file__unpacker *g)
{
    while (g->stream.avail_in && *g->stream.next_in == 0) {
        g->padded = true;
        g->stream.next_in++;
        g->stream.avail_in--;
    }
    if (!g->stream.avail_in)
        return NULL;
    if (g->padded || *g->stream.next_in != 0x1f || inflateReset(&g->stream) != Z_OK)
        return "more bytes behind the gzip data";
    g->inside = true;
    return NULL;
}

/* Inflate what there is; false: damaged. */
static bool advance(nyx_file__unpacker *g, const char **why)
{
    const int result = inflate(&g->stream, Z_NO_FLUSH);

    g->inside = result != Z_STREAM_END;
    if (result == Z_STREAM_END || result == Z_OK || result == Z_BUF_ERROR)
        return true;
    *why = result == Z_MEM_ERROR ? nyx_file__starved : g->stream.msg ? g->stream.msg : "damaged gzip data";
    return false;
}

/* One block of unpacked bytes; 0 at the end. Inflating comes before reading:
 * some may be left of what was read last. */
static int64_t unpack(nyx_file__unpacker *g, const char **why)
{
    g->stream.next_out = g->out;
    g->stream.avail_out = BLOCK;
    for (;;) {
        int64_t got;

        if (!g->inside && (*why = between(g)))
            return -1;
        if (g->inside && !advance(g, why))
            return -1;
        if (g->stream.avail_out < BLOCK)
            return BLOCK - (int64_t)g->stream.avail_out;
        if (g->stream.avail_in)
            continue;
        if ((got = fill(g)) <= 0) {
            *why = got < 0 ? strerror(errno) : g->inside ? "truncated gzip data" : NULL;
            return *why ? -1 : 0;
        }
    }
}

/* ---- the others -------------------------------------------------------------------- */

/* What is left in `in`, or the next block. */
static int64_t pass_on(nyx_file__unpacker *g, const void **data)
{
    int64_t got = g->stream.avail_in ? 1 : fill(g);

    *data = g->stream.next_in;
    if (got > 0)
        got = g->stream.avail_in;
    g->stream.next_in = g->in;
    g->stream.avail_in = 0;
    return got;
}

static la_ssize_t read_packed(struct archive *archive, void *context, const void **data)
{
    const int64_t got = pass_on(context, data);

    if (got < 0)
        archive_set_error(archive, errno, "%s", strerror(errno));
    return (la_ssize_t)got;
}

/* A filter without its library would start a program instead: not for us. */
static bool enable(struct archive *a)
{
    return archive_read_support_filter_bzip2(a) == ARCHIVE_OK && archive_read_support_filter_xz(a) == ARCHIVE_OK &&
           archive_read_support_filter_zstd(a) == ARCHIVE_OK && archive_read_support_format_raw(a) == ARCHIVE_OK &&
           archive_read_support_format_empty(a) == ARCHIVE_OK;
}

bool nyx_file__archive_ready(struct archive *archive)
{
    return archive_read_set_callback_data(archive, NULL) == ARCHIVE_OK;
}

bool nyx_file__archive_starved(struct archive *archive)
{
    return errno == ENOMEM || archive_errno(archive) == ENOMEM;
}

static int64_t archive_failed(const nyx_file__unpacker *g, const char **why)
{
    const bool  starved = !g->archive || nyx_file__archive_starved(g->archive);
    const char *text = starved ? nyx_file__starved : archive_error_string(g->archive);

    *why = text ? text : "damaged data";
    return -1;
}

/* 1, 0 for a file without bytes, -1. */
static int64_t open_filter(nyx_file__unpacker *g, const char **why)
{
    struct archive_entry *entry;
    int                   result;

    errno = 0;
    if (!(g->archive = archive_read_new()))
        return archive_failed(g, why);
    if (!enable(g->archive) || errno == ENOMEM) {
        *why = nyx_file__archive_starved(g->archive) ? nyx_file__starved : "this libarchive lacks bzip2, xz or zstd";
        return -1;
    }
    if (!nyx_file__archive_ready(g->archive) ||
        archive_read_open(g->archive, g, NULL, read_packed, NULL) != ARCHIVE_OK || errno == ENOMEM)
        return archive_failed(g, why);
    result = archive_read_next_header(g->archive, &entry);
    return result == ARCHIVE_OK ? 1 : result == ARCHIVE_EOF ? 0 : archive_failed(g, why);
}

static int64_t read_filter(const nyx_file__unpacker *g, const void **data, const char **why)
{
    size_t     size;
    la_int64_t offset;
    int        result;

    errno = 0;
    do
        result = archive_read_data_block(g->archive, data, &size, &offset);
    while (result == ARCHIVE_OK && size == 0);
    return result == ARCHIVE_OK ? (int64_t)size : result == ARCHIVE_EOF ? 0 : archive_failed(g, why);
}

/* What is it? A pipe may give its bytes one by one. 1, 0 at the end, -1. */
static int64_t begin(nyx_file__unpacker *g, const char **why)
{
    enum nyx_file__packed packed;
    int64_t               got = 1;

    g->begun = true;
    while (g->stream.avail_in < HEAD && (got = fill(g)) > 0)
        ;
    if (got < 0) {
        *why = strerror(errno);
        return -1;
    }
    packed = nyx_file__packed_of(g->in, g->stream.avail_in);
    g->gzip = g->inside = packed == NYX_FILE__GZIP;
    return packed == NYX_FILE__FILTER ? open_filter(g, why) : 1;
}

int64_t nyx_file__unpacker_read(nyx_file__unpacker *g, const void **data, const char **why)
{
    int64_t got = g->begun ? 1 : begin(g, why);

    *data = g->out;
    if (got <= 0)
        return got;
    if (g->gzip)
        return unpack(g, why);
    if (g->archive)
        return read_filter(g, data, why);
    if ((got = pass_on(g, data)) < 0)
        *why = strerror(errno);
    return got;
}
