/* lines -- lines of text out of plain files, standard input and archives.
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

enum { LINE_MOST = 1 << 26, READ_BYTES = 1 << 16 };

struct nyx_lines {
    struct archive *archive;
    char           *path;
    char           *member; /* file being read, as the user should see it */
    int             fd;     /* -1: standard input */
    bool            inside; /* an entry is open */
    bool            ended;
    int64_t         number;
    const char     *block;  /* libarchive's, until the next read */
    size_t          block_bytes, block_at;
    char           *line;   /* only for a line that spans blocks */
    int64_t         line_bytes, line_room;
    char           *place;
};

static int archive_failed(const nyx_lines *lines)
{
    const char *why = archive_error_string(lines->archive);

    return nyx_error_set(NYX_ERR_INPUT, "cannot read '%s': %s; is the file whole?", nyx_lines_place(lines), why ? why : "damaged archive");
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

static int open_file(nyx_lines *lines)
{
    struct stat about;

    if (strcmp(lines->path, "-") == 0)
        return 0;
    lines->fd = open(lines->path, O_RDONLY | O_CLOEXEC);
    if (lines->fd < 0 || fstat(lines->fd, &about) < 0)
        return nyx_error_set(NYX_ERR_MISSING, "cannot open '%s': %s", lines->path, strerror(errno));
    if (S_ISDIR(about.st_mode))
        return nyx_error_set(NYX_ERR_INPUT, "'%s' is a folder", lines->path);
    return 0;
}

int nyx_lines_open(nyx_lines **out, const char *path)
{
    nyx_lines *lines;
    int        status;

    *out = NULL;
    if ((status = nyx_alloc(&lines, (int64_t)sizeof *lines)) < 0)
        return status;
    lines->fd = -1;
    if ((status = nyx_text_copy(&lines->path, path)) < 0 || (status = open_file(lines)) < 0)
        goto fail;
    lines->archive = archive_read_new();
    if (!lines->archive) {
        status = nyx_error_set(NYX_ERR_MEMORY, "cannot allocate a reader for '%s'", path);
        goto fail;
    }
    if (!enable(lines->archive)) {
        status = nyx_error_set(NYX_ERR_UNSUPPORTED, "this libarchive lacks gzip, bzip2, xz or zstd");
        goto fail;
    }
    if (archive_read_open_fd(lines->archive, lines->fd >= 0 ? lines->fd : STDIN_FILENO, READ_BYTES) != ARCHIVE_OK) {
        status = archive_failed(lines);
        goto fail;
    }
    *out = lines;
    return 0;
fail:
    nyx_lines_close(lines);
    return status;
}

void nyx_lines_close(nyx_lines *lines)
{
    if (!lines)
        return;
    if (lines->archive)
        archive_read_free(lines->archive);
    if (lines->fd >= 0)
        close(lines->fd);
    nyx_free(lines->line);
    nyx_free(lines->place);
    nyx_free(lines->member);
    nyx_free(lines->path);
    nyx_free(lines);
}

const char *nyx_lines_place(const nyx_lines *lines)
{
    nyx_lines *mine = (nyx_lines *)(uintptr_t)lines; /* the text is made when asked for */
    const char *name = lines->member ? lines->member : lines->path;

    nyx_free(mine->place);
    mine->place = NULL;
    if (lines->number == 0)
        return name;
    return nyx_text_format(&mine->place, "%s:%lld", name, (long long)lines->number) < 0 ? name : mine->place;
}

/* The next regular file; 1, 0 at the end, or INPUT. */
static int next_member(nyx_lines *lines)
{
    struct archive_entry *entry;
    const char           *name;
    int                   result;

    if (lines->ended)
        return 0;
    do {
        result = archive_read_next_header(lines->archive, &entry);
        if (result == ARCHIVE_EOF) {
            lines->ended = true;
            return 0;
        }
        if (result != ARCHIVE_OK && result != ARCHIVE_WARN) /* a warning: a name in another character set */
            return archive_failed(lines);
    } while (archive_entry_filetype(entry) != AE_IFREG);

    nyx_free(lines->member);
    lines->member = NULL;
    lines->number = 0;
    lines->inside = true;
    lines->block_bytes = lines->block_at = 0;
    if (archive_format(lines->archive) == ARCHIVE_FORMAT_RAW)
        return 1; /* not an archive: its own name says where */
    name = archive_entry_pathname(entry);
    result = nyx_text_format(&lines->member, "%s(%s)", lines->path, name ? name : "?");
    return result < 0 ? result : 1;
}

/* The next block of the member; 1, 0 at its end, or INPUT. */
static int next_block(nyx_lines *lines)
{
    const void *block;
    la_int64_t  offset;
    int         result = archive_read_data_block(lines->archive, &block, &lines->block_bytes, &offset);

    lines->block_at = 0;
    if (result == ARCHIVE_OK) {
        lines->block = block;
        return 1;
    }
    lines->block_bytes = 0;
    return result == ARCHIVE_EOF ? 0 : archive_failed(lines);
}

static int keep(nyx_lines *lines, const char *data, int64_t bytes)
{
    int64_t room = lines->line_room ? lines->line_room : 4096;
    char   *fresh;
    int     status;

    if (bytes > LINE_MOST - lines->line_bytes)
        return nyx_error_set(NYX_ERR_INPUT, "'%s' has a line of more than %d bytes; is it text?",
                             nyx_lines_place(lines), LINE_MOST);
    while (room < lines->line_bytes + bytes + 1)
        room *= 2;
    if (room > lines->line_room) {
        if ((status = nyx_alloc(&fresh, room)) < 0)
            return status;
        if (lines->line_bytes)
            memcpy(fresh, lines->line, (size_t)lines->line_bytes);
        nyx_free(lines->line);
        lines->line = fresh;
        lines->line_room = room;
    }
    memcpy(lines->line + lines->line_bytes, data, (size_t)bytes);
    lines->line_bytes += bytes;
    lines->line[lines->line_bytes] = '\0';
    return 0;
}

/* Without "\n" or "\r\n", with a NUL behind. */
static int deliver(nyx_lines *lines, const char **line, int64_t *bytes)
{
    if (lines->line_bytes && lines->line[lines->line_bytes - 1] == '\r')
        lines->line[--lines->line_bytes] = '\0';
    *line = lines->line;
    *bytes = lines->line_bytes;
    return 1;
}

int nyx_lines_next(nyx_lines *lines, const char **line, int64_t *bytes)
{
    bool any = false; /* something of this line has been seen */
    int  status;

    lines->line_bytes = 0;
    for (;;) {
        const char *from, *end;
        int64_t     left;

        if (!lines->inside && (status = next_member(lines)) <= 0)
            return status;
        if (lines->block_at == lines->block_bytes) {
            if ((status = next_block(lines)) < 0)
                return status;
            if (status == 1)
                continue;
            lines->inside = false;
            if (any)
                return deliver(lines, line, bytes); /* the last line may lack its end */
            continue;
        }
        lines->number += !any;
        any = true;
        from = lines->block + lines->block_at;
        left = (int64_t)(lines->block_bytes - lines->block_at);
        end = memchr(from, '\n', (size_t)left);
        if ((status = keep(lines, from, end ? end - from : left)) < 0)
            return status;
        lines->block_at += (size_t)(end ? end - from + 1 : left);
        if (end)
            return deliver(lines, line, bytes);
    }
}
