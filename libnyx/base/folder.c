/* folder -- a folder that appears whole: a hidden one beside the target, its
 * files, everything on the disk, one rename. */
#include "base/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct nyx_folder {
    char *path;      /* as the caller gave it: the subject of every sentence */
    char *target;    /* without slashes at its end */
    char *temporary; /* NULL: not made, or published */
    char *name;      /* of the file being written */
    int   top, fd;   /* the temporary; the file, -1: none */
};

static int cannot_create(const nyx_folder *folder, const char *why)
{
    return nyx_error_set(NYX_ERR_CREATE, "cannot create '%s': %s", folder->path, why);
}

static int cannot_write(const nyx_folder *folder)
{
    return nyx_error_set(NYX_ERR_OUTPUT, "cannot write '%s/%s': %s%s", folder->target, folder->name ? folder->name : "",
                         strerror(errno),
                         errno == ENOSPC || errno == EDQUOT ? "; free some space or choose another folder" : "");
}

static bool exists(const nyx_folder *folder)
{
    struct stat info;

    return lstat(folder->target, &info) == 0;
}

static int make_temporary(nyx_folder *folder)
{
    size_t length;
    int    status;

    if ((status = nyx_text_copy(&folder->target, folder->path)) < 0)
        return status;
    length = strlen(folder->target);
    while (length > 1 && folder->target[length - 1] == '/')
        folder->target[--length] = '\0';
    if (length == 0)
        return cannot_create(folder, "it does not name a folder");
    if (exists(folder))
        return cannot_create(folder, "it exists; remove it or choose another name");
    if ((status = nyx_base__temporary_name(&folder->temporary, folder->target)) < 0)
        return status;
    if (mkdir(folder->temporary, 0777) < 0) {
        status = cannot_create(folder, strerror(errno));
        nyx_free(folder->temporary);
        folder->temporary = NULL;
        return status;
    }
    folder->top = open(folder->temporary, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return folder->top < 0 ? cannot_create(folder, strerror(errno)) : 0;
}

int nyx_folder_open(nyx_folder **out, const char *path)
{
    nyx_folder *folder;
    int         status;

    *out = NULL;
    if ((status = nyx_alloc(&folder, sizeof *folder)) < 0)
        return status;
    folder->top = folder->fd = -1;
    if ((status = nyx_text_copy(&folder->path, path)) < 0 || (status = make_temporary(folder)) < 0) {
        nyx_folder_discard(folder);
        return status;
    }
    *out = folder;
    return 0;
}

/* The folder that the last part of folder->name lies in, made where it is
 * missing; no link is followed. Its descriptor, or -1 with errno. */
static int enter(nyx_folder *folder, const char **last)
{
    char *name = folder->name, *slash;
    int   at = dup(folder->top), next;

    for (; at >= 0 && (slash = strchr(name, '/')); name = slash + 1) {
        *slash = '\0';
        if (mkdirat(at, name, 0777) < 0 && errno != EEXIST)
            next = -1;
        else
            next = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        *slash = '/';
        close(at);
        at = next;
    }
    *last = name;
    return at;
}

int nyx_folder_begin(nyx_folder *folder, const char *name)
{
    const char *last;
    int         at, status;

    NYX_BUG_IF(folder->fd >= 0);
    nyx_free(folder->name);
    folder->name = NULL;
    if ((status = nyx_text_copy(&folder->name, name)) < 0)
        return status;
    if ((at = enter(folder, &last)) < 0)
        return cannot_write(folder);
    folder->fd = openat(at, last, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (folder->fd < 0)
        status = cannot_write(folder);
    close(at);
    return status;
}

int nyx_folder_write(nyx_folder *folder, const void *data, int64_t bytes)
{
    return nyx_base__write_all(folder->fd, data, bytes) < 0 ? cannot_write(folder) : 0;
}

int nyx_folder_end(nyx_folder *folder)
{
    int fd = folder->fd;

    folder->fd = -1;
    return close(fd) < 0 ? cannot_write(folder) : 0;
}

/* syncfs: one call for all files instead of one for each. RENAME_NOREPLACE is
 * not known to every file system. */
static int publish(nyx_folder *folder)
{
    nyx_free(folder->name);
    folder->name = NULL;
    if (syncfs(folder->top) < 0)
        return cannot_write(folder);
    if (exists(folder))
        return cannot_create(folder, "it exists by now; remove it or choose another name");
    if (rename(folder->temporary, folder->target) < 0)
        return cannot_write(folder);
    nyx_free(folder->temporary);
    folder->temporary = NULL;
    return nyx_base__sync_folder(folder->target) < 0 ? cannot_write(folder) : 0;
}

int nyx_folder_commit(nyx_folder *folder)
{
    int status = publish(folder);

    nyx_folder_discard(folder);
    return status;
}

void nyx_folder_discard(nyx_folder *folder)
{
    if (!folder)
        return;
    if (folder->fd >= 0)
        close(folder->fd);
    if (folder->top >= 0)
        close(folder->top);
    if (folder->temporary)
        nyx_base__remove(AT_FDCWD, folder->temporary);
    nyx_free(folder->name);
    nyx_free(folder->temporary);
    nyx_free(folder->target);
    nyx_free(folder->path);
    nyx_free(folder);
}
