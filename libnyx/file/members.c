/* members -- the bytes of plain files, standard input, and each regular file
 * of an archive.
 *
 * Formats are enabled by name: with all of libarchive's formats a
 * plain text is taken for mtree and fails. cpio stays out: its signature
 * "070707" is a line that a puzzle file may begin with. */
#include "file/internal.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_BYTES = 1 << 16 };

struct nyx_members {
    struct archive     *archive;
    nyx_file__unpacker *unpacker; /* NULL: libarchive reads the file itself */
    char               *path;
    char               *member; /* file being read, as the user should see it */
    int                 fd;     /* -1: standard input */
    bool                ended;
    bool                plain; /* no archive, and nothing of it has been read yet */
};

/* Some of libarchive's sentences end a line. */
static int failed(const char *name, const char *why)
{
    if (why == nyx_file__starved)
        return nyx_error_set(NYX_ERR_MEMORY, "cannot read '%s': %s", name, why);
    return nyx_error_set(NYX_ERR_INPUT, "cannot read '%s': %.*s; is the file whole?", name, (int)strcspn(why, "\n"),
                         why);
}

static int archive_failed(const nyx_members *m)
{
    const char *why = nyx_file__archive_starved(m->archive) ? nyx_file__starved : archive_error_string(m->archive);

    return failed(nyx_members_name(m), why ? why : "damaged archive");
}

static bool enable(struct archive *a)
{
    static int (*const formats[])(struct archive *) = {
        archive_read_support_format_tar, archive_read_support_format_gnutar, archive_read_support_format_zip,
        archive_read_support_format_7zip, archive_read_support_format_empty, archive_read_support_format_raw,
    };

    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (formats[i](a) != ARCHIVE_OK)
            return false;
    return true;
}

static int open_file(nyx_members *m)
{
    struct stat about;

    if (strcmp(m->path, "-") == 0)
        return 0;
    m->fd = open(m->path, O_RDONLY | O_CLOEXEC);
    if (m->fd < 0 || fstat(m->fd, &about) < 0)
        return nyx_error_set(NYX_ERR_MISSING, "cannot open '%s': %s", m->path, strerror(errno));
    if (S_ISDIR(about.st_mode))
        return nyx_error_set(NYX_ERR_INPUT, "'%s' is a folder", m->path);
    return 0;
}

static la_ssize_t read_unpacked(struct archive *archive, void *context, const void **data)
{
    const char   *why;
    const int64_t got = nyx_file__unpacker_read(((nyx_members *)context)->unpacker, data, &why);

    if (got < 0)
        archive_set_error(archive, why == nyx_file__starved ? ENOMEM : EINVAL, "%s", why);
    return (la_ssize_t)got;
}

/* Of a file that is not packed and can be read at any place libarchive takes
 * care itself: zip's and 7z's lists stand at the end. */
static int open_archive(nyx_members *m)
{
    const int                   fd = m->fd >= 0 ? m->fd : STDIN_FILENO;
    char                        head[8];
    const ssize_t               got = pread(fd, head, sizeof head, 0);
    const enum nyx_file__packed packed = got < 0 ? NYX_FILE__FILTER : nyx_file__packed_of(head, got);
    int                         status, result;

    if (!nyx_file__archive_ready(m->archive))
        return archive_failed(m);
    if (packed == NYX_FILE__NOT_PACKED || packed == NYX_FILE__LISTED) {
        result = archive_read_open_fd(m->archive, fd, READ_BYTES);
    } else {
        if ((status = nyx_file__unpacker_create(&m->unpacker, fd)) < 0)
            return status;
        result = archive_read_open(m->archive, m, NULL, read_unpacked, NULL);
    }
    return result == ARCHIVE_OK && errno != ENOMEM ? 0 : archive_failed(m);
}

/* Behind the last entry of an archive: the sums of what it is packed in. */
static int check_end(nyx_members *m)
{
    const void *data;
    const char *why;
    int64_t     got = 1;

    while (m->unpacker && got > 0)
        got = nyx_file__unpacker_read(m->unpacker, &data, &why);
    return got >= 0 ? 0 : failed(m->path, why);
}

/* `fd` -1: open `path`. */
static int open_members(nyx_members **out, const char *path, int fd)
{
    nyx_members *m;
    int          status;

    *out = NULL;
    if ((status = nyx_alloc(&m, (int64_t)sizeof *m)) < 0)
        return status;
    m->fd = fd < 0 ? -1 : dup(fd);
    if ((status = nyx_text_copy(&m->path, path)) < 0 || (fd < 0 && (status = open_file(m)) < 0))
        goto fail;
    if (fd >= 0 && (m->fd < 0 || lseek(m->fd, 0, SEEK_SET) < 0)) {
        status = nyx_error_set(NYX_ERR_MISSING, "cannot read '%s': %s", path, strerror(errno));
        goto fail;
    }
    errno = 0;
    m->archive = archive_read_new();
    if (!m->archive) {
        status = nyx_error_set(NYX_ERR_MEMORY, "cannot allocate a reader for '%s'", path);
        goto fail;
    }
    if (!enable(m->archive) || errno == ENOMEM) {
        status = nyx_file__archive_starved(m->archive)
                     ? archive_failed(m)
                     : nyx_error_set(NYX_ERR_UNSUPPORTED, "this libarchive lacks tar, zip or 7z");
        goto fail;
    }
    if ((status = open_archive(m)) < 0)
        goto fail;
    *out = m;
    return 0;
fail:
    nyx_members_close(m);
    return status;
}

int nyx_members_open(nyx_members **out, const char *path)
{
    return open_members(out, path, -1);
}

int nyx_members_open_fd(nyx_members **out, int fd, const char *name)
{
    NYX_BUG_IF(fd < 0);
    return open_members(out, name, fd);
}

void nyx_members_close(nyx_members *m)
{
    if (!m)
        return;
    if (m->archive)
        archive_read_free(m->archive);
    nyx_file__unpacker_free(m->unpacker);
    if (m->fd >= 0)
        close(m->fd);
    nyx_free(m->member);
    nyx_free(m->path);
    nyx_free(m);
}

const char *nyx_members_name(const nyx_members *m)
{
    return m->member ? m->member : m->path;
}

int nyx_members_next(nyx_members *m)
{
    struct archive_entry *entry;
    const char           *name;
    int                   result;

    if (m->ended)
        return 0;
    do {
        errno = 0;
        result = archive_read_next_header(m->archive, &entry);
        if (result == ARCHIVE_EOF) {
            m->ended = true;
            return check_end(m);
        }
        if (result != ARCHIVE_OK && result != ARCHIVE_WARN) /* a warning: a name in another character set */
            return archive_failed(m);
    } while (archive_entry_filetype(entry) != AE_IFREG);

    nyx_free(m->member);
    m->member = NULL;
    m->plain = false;
    if (archive_format(m->archive) == ARCHIVE_FORMAT_RAW) {
        m->plain = true;
        return 1; /* not an archive: its own name says where */
    }
    name = archive_entry_pathname(entry);
    result = nyx_text_format(&m->member, "%s(%s)", m->path, name ? name : "?");
    return result < 0 ? result : 1;
}

int nyx_members_block(nyx_members *m, const char **data, int64_t *bytes)
{
    const void *block;
    size_t      size;
    la_int64_t  offset;
    int         result;

    errno = 0;
    result = archive_read_data_block(m->archive, &block, &size, &offset);
    *data = block;
    *bytes = (int64_t)size;
    if (result == ARCHIVE_OK && m->plain && nyx_file__packed_of(block, (int64_t)size)) /* it breaks off soon */
        return nyx_error_set(NYX_ERR_INPUT,
                             "cannot read '%s': it begins like an archive and is none; is the file whole?",
                             nyx_members_name(m));
    m->plain = false;
    if (result == ARCHIVE_OK)
        return 1;
    *bytes = 0;
    return result == ARCHIVE_EOF ? 0 : archive_failed(m);
}

/* Append a block to *text with room for a NUL. */
static int append(char **text, int64_t *bytes, int64_t *room, const char *data, int64_t count)
{
    int64_t wanted = *room ? *room : READ_BYTES;
    int     status;

    while (wanted < *bytes + count + 1)
        wanted *= 2;
    if (wanted > *room) {
        if ((status = nyx_realloc(text, *bytes, wanted)) < 0)
            return status;
        *room = wanted;
    }
    if (count)
        memcpy(*text + *bytes, data, (size_t)count);
    *bytes += count;
    (*text)[*bytes] = '\0';
    return 0;
}

int nyx_members_read(char **out, int64_t *bytes, const char *path, int64_t most)
{
    nyx_members *m;
    const char  *data;
    int64_t      room = 0, count;
    int          status;

    *out = NULL;
    *bytes = 0;
    if ((status = nyx_members_open(&m, path)) < 0)
        return status;
    status = nyx_members_next(m);
    while (status == 1 && (status = nyx_members_block(m, &data, &count)) == 1) {
        if (count > most - *bytes)
            status = nyx_error_set(NYX_ERR_INPUT, "'%s' has more than %lld bytes", nyx_members_name(m),
                                   (long long)most);
        else if (append(out, bytes, &room, data, count) < 0)
            status = NYX_ERR_MEMORY;
    }
    if (status == 0 && !*out)
        status = append(out, bytes, &room, NULL, 0);
    nyx_members_close(m);
    if (status < 0) {
        nyx_free(*out);
        *out = NULL;
    }
    return status;
}
