/* output -- the one way to publish a file: temporary, fsync, rename, fsync.
 *
 * Devices, pipes and standard streams have no name to replace: they are written directly.
 */
#include "base/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER_BYTES = 64 * 1024 };

struct nyx_output {
    int     fd;
    bool    direct;  /* no temporary: a device, a pipe, standard output */
    char   *path;    /* as the caller gave it: the subject of every sentence */
    char   *target;  /* what is replaced; symbolic links resolved */
    char   *temporary;
    int64_t written; /* bytes handed to nyx_output_write */
    int64_t held;
    char    buffer[BUFFER_BYTES];
};

/* Temporaries that exist, for whoever must leave at once. */
enum { LIVE_MOST = 16 };
static _Atomic(char *) live[LIVE_MOST];

/* Put `with` in the place of `what`; a place that is not found is none lost:
 * the next run removes what stays. */
static void exchange_live(char *what, char *with)
{
    for (int i = 0; i < LIVE_MOST; i++) {
        char *expected = what;

        if (atomic_compare_exchange_strong(&live[i], &expected, with))
            return;
    }
}

void nyx_output_abandon(void)
{
    for (int i = 0; i < LIVE_MOST; i++) {
        const char *path = atomic_load(&live[i]);

        if (path)
            unlink(path);
    }
}

static int cannot_create(const char *path, const char *why)
{
    return nyx_error_set(NYX_ERR_CREATE, "cannot create '%s': %s", path, why);
}

static int cannot_write(const nyx_output *out)
{
    return nyx_error_set(NYX_ERR_OUTPUT, "cannot write '%s': %s%s", out->path, strerror(errno),
                         errno == ENOSPC || errno == EDQUOT ? "; free some space or choose another "
                                                              "folder" : "");
}

/* Make the temporary with the permissions of the file that it will replace. */
static int open_temporary(nyx_output *out, const struct stat *old)
{
    int status = nyx_base__temporary_name(&out->temporary, out->target);

    if (status < 0)
        return status;
    out->fd = open(out->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (out->fd < 0)
        return cannot_create(out->path, strerror(errno));
    exchange_live(NULL, out->temporary);
    if (old && fchmod(out->fd, old->st_mode & 0777) < 0)
        return cannot_create(out->path, strerror(errno));
    return 0;
}

/* The descriptor that a path names by itself; -1 for every other path. */
static int standard_stream(const char *path)
{
    if (strcmp(path, "-") == 0 || strcmp(path, "/dev/stdout") == 0)
        return STDOUT_FILENO;
    return strcmp(path, "/dev/stderr") == 0 ? STDERR_FILENO : -1;
}

/* A standard stream is duplicated and not opened again: a file that it was
 * redirected to keeps its position and its earlier contents. */
static int open_direct(nyx_output *out)
{
    int stream = standard_stream(out->path);

    out->direct = true;
    out->fd = stream >= 0 ? fcntl(stream, F_DUPFD_CLOEXEC, 3)
                          : open(out->path, O_WRONLY | O_CLOEXEC);
    if (out->fd >= 0)
        return 0;
    return stream >= 0 ? cannot_write(out) : cannot_create(out->path, strerror(errno));
}

/* Follow a symbolic link, so that its target is replaced and not the link. */
static int resolve(nyx_output *out)
{
    struct stat info;
    char       *real;
    int         status;

    if (lstat(out->path, &info) < 0 || !S_ISLNK(info.st_mode))
        return nyx_text_copy(&out->target, out->path);
    real = realpath(out->path, NULL);
    if (!real)
        return cannot_create(out->path, "it is a link to nothing");
    status = nyx_text_copy(&out->target, real);
    free(real);
    return status;
}

static int open_path(nyx_output *out)
{
    struct stat info;
    bool        exists = stat(out->path, &info) == 0;
    int         status;

    if (standard_stream(out->path) >= 0)
        return open_direct(out);
    if (exists && S_ISDIR(info.st_mode))
        return cannot_create(out->path, "it is a folder");
    if (exists && !S_ISREG(info.st_mode))
        return open_direct(out);
    if (exists && access(out->path, W_OK) < 0)
        return cannot_create(out->path, strerror(errno));
    if (out->path[0] == '\0' || out->path[strlen(out->path) - 1] == '/')
        return cannot_create(out->path, "it does not name a file");
    if ((status = resolve(out)) < 0)
        return status;
    return open_temporary(out, exists ? &info : NULL);
}

int nyx_output_open(nyx_output **out, const char *path)
{
    nyx_output *output;
    int         status;

    *out = NULL;
    if ((status = nyx_alloc(&output, sizeof *output)) < 0)
        return status;
    output->fd = -1;
    if ((status = nyx_text_copy(&output->path, path)) < 0 || (status = open_path(output)) < 0) {
        nyx_output_discard(output);
        return status;
    }
    *out = output;
    return 0;
}

const char *nyx_output_path(const nyx_output *out)
{
    if (!out->direct)
        return out->temporary;
    return strcmp(out->path, "-") == 0 ? "/dev/stdout" : out->path;
}

static int flush(nyx_output *out)
{
    int64_t held = out->held;

    out->held = 0;
    return nyx_base__write_all(out->fd, out->buffer, held) < 0 ? cannot_write(out) : 0;
}

int nyx_output_write(nyx_output *out, const void *data, int64_t bytes)
{
    int status;

    NYX_BUG_IF(bytes < 0);
    out->written += bytes;
    if (out->held + bytes > BUFFER_BYTES && (status = flush(out)) < 0)
        return status;
    if (bytes > BUFFER_BYTES)
        return nyx_base__write_all(out->fd, data, bytes) < 0 ? cannot_write(out) : 0;
    if (bytes > 0)
        memcpy(out->buffer + out->held, data, (size_t)bytes);
    out->held += bytes;
    return 0;
}

/* Everything written is on the disk, and as long as it should be. A library
 * that wrote by name has counted its own bytes. */
static int settle(nyx_output *out)
{
    struct stat info;

    if (fsync(out->fd) < 0 || fstat(out->fd, &info) < 0)
        return cannot_write(out);
    if (out->written > 0 && info.st_size != out->written)
        return nyx_error_set(NYX_ERR_OUTPUT, "cannot write '%s': it has %lld bytes on disk, "
                             "%lld were written", out->path, (long long)info.st_size,
                             (long long)out->written);
    return 0;
}

static int close_file(nyx_output *out)
{
    int fd = out->fd;

    out->fd = -1;
    return close(fd) < 0 ? cannot_write(out) : 0;
}

static int publish(nyx_output *out)
{
    if (rename(out->temporary, out->target) < 0)
        return cannot_write(out);
    exchange_live(out->temporary, NULL);
    nyx_free(out->temporary); /* it has no name of its own any more */
    out->temporary = NULL;
    return nyx_base__sync_folder(out->target) < 0 ? cannot_write(out) : 0;
}

int nyx_output_commit(nyx_output *out)
{
    int status;

    status = flush(out);
    if (status == 0 && !out->direct)
        status = settle(out);
    if (status == 0)
        status = close_file(out);
    if (status == 0 && !out->direct)
        status = publish(out);
    nyx_output_discard(out);
    return status;
}

void nyx_output_discard(nyx_output *out)
{
    if (!out)
        return;
    if (out->fd >= 0)
        close(out->fd);
    if (out->temporary && !out->direct)
        unlink(out->temporary);
    if (out->temporary)
        exchange_live(out->temporary, NULL);
    nyx_free(out->temporary);
    nyx_free(out->target);
    nyx_free(out->path);
    nyx_free(out);
}

int nyx_output_try(const char *path)
{
    nyx_output *out;
    int         status = nyx_output_open(&out, path);

    if (status == 0)
        nyx_output_discard(out);
    return status;
}
