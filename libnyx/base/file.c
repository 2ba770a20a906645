/* file -- reading whole files, and what the writers share. */
#include "base/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIRST_BYTES = 64 * 1024 };

/* Room for at least one more byte and the NUL, by doubling. */
static int grow(char **data, int64_t *room, int64_t used)
{
    int status = nyx_realloc(data, used, *room * 2);

    if (status == 0)
        *room *= 2;
    return status;
}

/* The size of a pipe or of a file in /proc is not known before its end. */
static int read_all(char **data, int64_t *bytes, int fd, int64_t room, int64_t most,
                    const char *path)
{
    int status = 0;

    for (;;) {
        ssize_t got;

        if (*bytes + 1 >= room && (status = grow(data, &room, *bytes)) < 0)
            return status;
        got = read(fd, *data + *bytes, (size_t)(room - *bytes - 1));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return nyx_error_set(NYX_ERR_INPUT, "cannot read '%s': %s", path,
                                 errno == EISDIR ? "it is a folder" : strerror(errno));
        *bytes += got;
        if (*bytes > most)
            return nyx_error_set(NYX_ERR_INPUT, "cannot read '%s': it is larger than %lld bytes",
                                 path, (long long)most);
        if (got == 0)
            return 0;
    }
}

int nyx_file_read(char **out, int64_t *bytes, const char *path, int64_t most)
{
    struct stat info;
    char       *data = NULL;
    int64_t     room = FIRST_BYTES;
    int         status, fd = open(path, O_RDONLY | O_CLOEXEC);

    *out = NULL;
    *bytes = 0;
    if (fd < 0)
        return nyx_error_set(NYX_ERR_MISSING, "cannot read '%s': %s", path, strerror(errno));
    if (fstat(fd, &info) == 0 && info.st_size > 0)
        room = (info.st_size < most ? info.st_size : most) + 2;
    if ((status = nyx_alloc(&data, room)) == 0)
        status = read_all(&data, bytes, fd, room, most, path);
    close(fd);
    if (status < 0) {
        nyx_free(data);
        *bytes = 0;
        return status;
    }
    data[*bytes] = '\0';
    *out = data;
    return 0;
}

bool nyx_file_same(const char *a, const char *b)
{
    struct stat left, right;

    return stat(a, &left) == 0 && stat(b, &right) == 0 && left.st_dev == right.st_dev &&
           left.st_ino == right.st_ino;
}

int nyx_base__write_all(int fd, const void *data, int64_t bytes)
{
    const char *p = data;

    while (bytes > 0) {
        ssize_t done = write(fd, p, (size_t)bytes);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0) {
            if (done == 0)
                errno = EIO;
            return -1;
        }
        p += done;
        bytes -= done;
    }
    return 0;
}

int nyx_base__folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? (int)(slash - path) + 1 : 0;
}

int nyx_base__sync_folder(const char *path)
{
    int   length = nyx_base__folder_length(path), fd, done;
    char *folder;

    if (nyx_text_format(&folder, "%.*s.", length, path) < 0) {
        errno = ENOMEM;
        return -1;
    }
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    nyx_free(folder);
    if (fd < 0)
        return errno == EACCES ? 0 : -1; /* a folder may be writable and not readable */
    done = fsync(fd);
    if (done < 0 && (errno == EINVAL || errno == ENOTSUP || errno == EROFS))
        done = 0;
    close(fd);
    return done;
}
