/* journal -- an append-only log of lines, one write(2) a line. */
#include "base/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct nyx_journal {
    int     fd;
    int64_t offset; /* the end of the last whole line */
    bool    regular;
    char   *path;
};

static int fail(const nyx_journal *journal, const char *verb)
{
    return nyx_error_set(NYX_ERR_OUTPUT, "cannot %s '%s': %s", verb, journal->path,
                         strerror(errno));
}

/* Bring the open file to the length `offset`. */
static int cut_back(nyx_journal *journal, int64_t offset)
{
    struct stat info;

    if (fstat(journal->fd, &info) < 0)
        return fail(journal, "read");
    journal->regular = S_ISREG(info.st_mode);
    if (!journal->regular)
        return 0;
    if (info.st_size < offset)
        return nyx_error_set(NYX_ERR_INPUT, "cannot continue '%s': it has %lld bytes, %lld expected; "
                             "was it written by another run?", journal->path,
                             (long long)info.st_size, (long long)offset);
    if (ftruncate(journal->fd, offset) < 0)
        return fail(journal, "cut");
    journal->offset = offset;
    if (nyx_base__sync_folder(journal->path) < 0)
        return fail(journal, "sync");
    return 0;
}

int nyx_journal_open(nyx_journal **out, const char *path, int64_t offset)
{
    nyx_journal *journal;
    int          status, create = offset == 0 ? O_CREAT : 0;

    NYX_BUG_IF(offset < 0);
    *out = NULL;
    if ((status = nyx_alloc(&journal, sizeof *journal)) < 0)
        return status;
    journal->fd = -1;
    if ((status = nyx_text_copy(&journal->path, path)) < 0)
        goto fail;
    journal->fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | create, 0666);
    if (journal->fd < 0) {
        status = errno == ENOENT && offset > 0
                     ? nyx_error_set(NYX_ERR_INPUT, "cannot continue '%s': it is missing, %lld bytes "
                                     "expected", path, (long long)offset)
                     : nyx_error_set(NYX_ERR_CREATE, "cannot create '%s': %s", path, strerror(errno));
        goto fail;
    }
    if ((status = cut_back(journal, offset)) < 0)
        goto fail;
    *out = journal;
    return 0;
fail:
    nyx_journal_close(journal);
    return status;
}

/* A line that did not fit is taken back: readers see whole lines only. */
int nyx_journal_line(nyx_journal *journal, const char *line)
{
    char *text;
    int   status = nyx_text_format(&text, "%s\n", line);

    if (status < 0)
        return status;
    if (nyx_base__write_all(journal->fd, text, (int64_t)strlen(text)) < 0) {
        status = fail(journal, "write");
        if (journal->regular && ftruncate(journal->fd, journal->offset) < 0)
            status = nyx_error_wrap(status, "half a line stays at the end");
    } else {
        journal->offset += (int64_t)strlen(text);
    }
    nyx_free(text);
    return status;
}

int nyx_journal_sync(nyx_journal *journal)
{
    if (journal->regular && fsync(journal->fd) < 0)
        return fail(journal, "sync");
    return 0;
}

int64_t nyx_journal_offset(const nyx_journal *journal)
{
    return journal->offset;
}

void nyx_journal_close(nyx_journal *journal)
{
    if (!journal)
        return;
    if (journal->fd >= 0)
        close(journal->fd);
    nyx_free(journal->path);
    nyx_free(journal);
}
