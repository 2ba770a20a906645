/* members -- the bytes of plain files, standard input, and each regular file
 * of an archive.
 *
 * Formats and filters are enabled by name: with all of libarchive's formats a
 * plain text is taken for mtree and fails. cpio stays out: its signature
 * "070707" is a line that a puzzle file may begin with. */
#include "file/file.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_BYTES = 1 << 16 };

struct nyx_members {
    struct archive *archive;
    char           *path;
    char           *member; /* file being read, as the user should see it */
    int             fd;     /* -1: standard input */
    bool            ended;
    bool            plain; /* nothing of it has been read yet, and no filter knows it */
};

static int archive_failed(const nyx_members *m)
{
    const char *why = archive_error_string(m->archive);

    return nyx_error_set(NYX_ERR_INPUT, "cannot read '%s': %s; is the file whole?", nyx_members_name(m),
                         why ? why : "damaged archive");
}

/* A filter without its library would start a program instead: not for us. */
static bool enable(struct archive *a)
{
    static int (*const formats[])(struct archive *) = {
        archive_read_support_format_tar, archive_read_support_format_gnutar, archive_read_support_format_zip,
        archive_read_support_format_7zip, archive_read_support_format_empty, archive_read_support_format_raw,
    };
    static int (*const filters[])(struct archive *) = {
        archive_read_support_filter_gzip, archive_read_support_filter_bzip2,
        archive_read_support_filter_xz,   archive_read_support_filter_zstd,
    };

    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (formats[i](a) != ARCHIVE_OK)
            return false;
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++)
        if (filters[i](a) != ARCHIVE_OK)
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
    m->archive = archive_read_new();
    if (!m->archive) {
        status = nyx_error_set(NYX_ERR_MEMORY, "cannot allocate a reader for '%s'", path);
        goto fail;
    }
    if (!enable(m->archive)) {
        status = nyx_error_set(NYX_ERR_UNSUPPORTED, "this libarchive lacks gzip, bzip2, xz or zstd");
        goto fail;
    }
    if (archive_read_open_fd(m->archive, m->fd >= 0 ? m->fd : STDIN_FILENO, READ_BYTES) != ARCHIVE_OK) {
        status = archive_failed(m);
        goto fail;
    }
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
        result = archive_read_next_header(m->archive, &entry);
        if (result == ARCHIVE_EOF) {
            m->ended = true;
            return 0;
        }
        if (result != ARCHIVE_OK && result != ARCHIVE_WARN) /* a warning: a name in another character set */
            return archive_failed(m);
    } while (archive_entry_filetype(entry) != AE_IFREG);

    nyx_free(m->member);
    m->member = NULL;
    m->plain = false;
    if (archive_format(m->archive) == ARCHIVE_FORMAT_RAW) {
        m->plain = archive_filter_count(m->archive) == 1;
        return 1; /* not an archive: its own name says where */
    }
    name = archive_entry_pathname(entry);
    result = nyx_text_format(&m->member, "%s(%s)", m->path, name ? name : "?");
    return result < 0 ? result : 1;
}

/* A packed file that breaks off in its first bytes is no plain text. */
static bool is_packed(const char *data, int64_t bytes)
{
    static const struct { const char *magic; int64_t bytes; } known[] = {
        { "\x1f\x8b\x08", 3 }, { "\xfd" "7zXZ", 6 }, { "\x28\xb5\x2f\xfd", 4 }, { "7z\xbc\xaf\x27\x1c", 6 },
        { "PK\x03\x04", 4 },
    };

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (bytes >= known[i].bytes && memcmp(data, known[i].magic, (size_t)known[i].bytes) == 0)
            return true;
    return bytes >= 5 && memcmp(data, "BZh", 3) == 0 && data[4] == '1';
}

int nyx_members_block(nyx_members *m, const char **data, int64_t *bytes)
{
    const void *block;
    size_t      size;
    la_int64_t  offset;
    int         result = archive_read_data_block(m->archive, &block, &size, &offset);

    *data = block;
    *bytes = (int64_t)size;
    if (result == ARCHIVE_OK && m->plain && is_packed(block, (int64_t)size))
        return nyx_error_set(NYX_ERR_INPUT, "cannot read '%s': it begins like an archive and is none; is the file whole?",
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
    char   *fresh;
    int     status;

    while (wanted < *bytes + count + 1)
        wanted *= 2;
    if (wanted > *room) {
        if ((status = nyx_alloc(&fresh, wanted)) < 0)
            return status;
        if (*bytes)
            memcpy(fresh, *text, (size_t)*bytes);
        nyx_free(*text);
        *text = fresh;
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
            status = nyx_error_set(NYX_ERR_INPUT, "'%s' has more than %lld bytes", nyx_members_name(m), (long long)most);
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
