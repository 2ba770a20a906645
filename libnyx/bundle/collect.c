/* collect -- folders and files of the disk as a list in the order of names. */
#include "bundle/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- one file ----------------------------------------------------------------------- */

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static int pass_on(int fd, const nyx_bundle_file *file, nyx_sha256 *hash, int64_t *bytes,
                   int (*use)(void *context, const void *data, int64_t bytes), void *context)
{
    char data[NYX_BUNDLE__MOVED];
    int  status = 0;

    while (status == 0) {
        ssize_t got = read(fd, data, sizeof data);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return nyx_error_set(NYX_ERR_INPUT, "cannot read '%s': %s", file->path, strerror(errno));
        if (got == 0)
            return 0;
        if (nyx_stop_requested())
            return nyx_error_set(NYX_ERR_STOPPED, "stopped at '%s'; no bundle was written", file->path);
        nyx_sha256_update(hash, data, got);
        *bytes += got;
        if (use)
            status = use(context, data, got);
    }
    return status;
}

int nyx_bundle__read_file(const nyx_bundle_file *file, char sha256[NYX_SHA256_HEX], int64_t *bytes,
                          int (*use)(void *context, const void *data, int64_t bytes), void *context)
{
    struct stat before, after;
    nyx_sha256  hash;
    int         status, fd = open(file->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    *bytes = 0;
    nyx_sha256_init(&hash);
    if (fd < 0 || fstat(fd, &before) < 0) {
        status = nyx_error_set(NYX_ERR_MISSING, "cannot read '%s': %s", file->path, strerror(errno));
        goto done;
    }
    if (!S_ISREG(before.st_mode)) {
        status = nyx_error_set(NYX_ERR_INPUT, "'%s' is no regular file any more", file->path);
        goto done;
    }
    status = pass_on(fd, file, &hash, bytes, use, context);
    if (status == 0 && (fstat(fd, &after) < 0 || !same_file(&before, &after) || *bytes != after.st_size))
        status = nyx_error_set(NYX_ERR_INPUT, "'%s' changes while it is bundled; is a program still writing it?",
                               file->path);
done:
    nyx_sha256_final(&hash, sha256);
    if (fd >= 0)
        close(fd);
    return status;
}

/* ---- the list ----------------------------------------------------------------------- */

int nyx_bundle__create(nyx_bundle **out)
{
    return nyx_alloc(out, (int64_t)sizeof **out);
}

int nyx_bundle__add(nyx_bundle *bundle, nyx_bundle_file **out)
{
    int status;

    if (bundle->count == NYX_BUNDLE_FILES)
        return nyx_error_set(NYX_ERR_INPUT, "a bundle has at most %d files", NYX_BUNDLE_FILES);
    if ((status = nyx_array_grow(&bundle->files, &bundle->room, bundle->count, (int64_t)sizeof *bundle->files, 64)) < 0)
        return status;
    *out = &bundle->files[bundle->count++];
    return 0;
}

static int add_file(nyx_bundle *bundle, const char *path, const char *name)
{
    nyx_bundle_file *file;
    const char      *fault = nyx_bundle__name_fault(name);
    char             shown[NYX_BUNDLE__SHOWN];
    int              status;

    if (fault)
        return nyx_error_set(NYX_ERR_INPUT, "cannot bundle '%s': it %s", nyx_bundle__shown(shown, path), fault);
    if (strcmp(name, NYX_BUNDLE__MANIFEST) == 0)
        return nyx_error_set(NYX_ERR_INPUT, "cannot bundle '%s': that name is the manifest's; remove or rename it",
                             path);
    if ((status = nyx_bundle__add(bundle, &file)) < 0 ||
        (status = nyx_arena_text(&bundle->arena, &file->path, path)) < 0)
        return status;
    return nyx_arena_text(&bundle->arena, &file->name, name);
}

static int refuse(const char *path, mode_t mode)
{
    char        shown[NYX_BUNDLE__SHOWN];
    const char *what = S_ISLNK(mode) ? "a symbolic link; remove it, or put what it leads to in its place"
                       : S_ISFIFO(mode) ? "a FIFO" : S_ISSOCK(mode) ? "a socket" : "a device";

    return nyx_error_set(NYX_ERR_INPUT, "cannot bundle '%s': it is %s", nyx_bundle__shown(shown, path), what);
}

static int walk(nyx_bundle *bundle, const char *folder, const char *prefix, int depth);

/* One entry of a folder, or an argument: `name` is what it is called inside. */
static int enter(nyx_bundle *bundle, const char *path, const char *name, int depth)
{
    struct stat about;

    if (lstat(path, &about) < 0)
        return nyx_error_set(NYX_ERR_MISSING, "cannot read '%s': %s", path, strerror(errno));
    if (S_ISREG(about.st_mode))
        return add_file(bundle, path, name);
    if (!S_ISDIR(about.st_mode))
        return refuse(path, about.st_mode);
    if (depth > NYX_BUNDLE_DEPTH)
        return nyx_error_set(NYX_ERR_INPUT, "cannot bundle '%s': it lies more than %d folders deep", path,
                             NYX_BUNDLE_DEPTH);
    return walk(bundle, path, name, depth);
}

static int walk(nyx_bundle *bundle, const char *folder, const char *prefix, int depth)
{
    DIR           *handle = opendir(folder);
    struct dirent *entry;
    int            status = 0;

    if (!handle)
        return nyx_error_set(NYX_ERR_MISSING, "cannot read '%s': %s", folder, strerror(errno));
    while (status == 0 && (errno = 0, entry = readdir(handle))) {
        const size_t length = strlen(folder);
        char        *path = NULL, *name = NULL;

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if ((status = nyx_text_format(&path, "%s%s%s", folder, folder[length - 1] == '/' ? "" : "/", entry->d_name)) ==
                0 &&
            (status = nyx_text_format(&name, "%s%s%s", prefix, *prefix ? "/" : "", entry->d_name)) == 0)
            status = enter(bundle, path, name, depth + 1);
        nyx_free(path);
        nyx_free(name);
    }
    if (status == 0 && errno)
        status = nyx_error_set(NYX_ERR_MISSING, "cannot read '%s': %s", folder, strerror(errno));
    closedir(handle);
    return status;
}

static int add_argument(nyx_bundle *bundle, const char *path)
{
    const char *slash = strrchr(path, '/');
    struct stat about;

    if (lstat(path, &about) == 0 && S_ISDIR(about.st_mode))
        return walk(bundle, path, "", 0);
    return enter(bundle, path, slash ? slash + 1 : path, 1);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const nyx_bundle_file *)a)->name, ((const nyx_bundle_file *)b)->name);
}

/* Digests, and what the manifest says. */
static int read_files(nyx_bundle *bundle)
{
    int status = 0;

    nyx_bundle__manifest_begin(bundle);
    for (int64_t i = 0; i < bundle->count && status == 0; i++) {
        nyx_bundle_file *file = &bundle->files[i];

        if ((status = nyx_bundle__read_file(file, file->sha256, &file->bytes, NULL, NULL)) == 0)
            status = nyx_bundle__manifest_add(bundle, file);
    }
    return status;
}

int nyx_bundle_collect(nyx_bundle **out, const char *const *paths, int64_t count)
{
    nyx_bundle *bundle;
    int         status;

    *out = NULL;
    if ((status = nyx_bundle__create(&bundle)) < 0)
        return status;
    for (int64_t i = 0; i < count && status == 0; i++)
        status = add_argument(bundle, paths[i]);
    if (status == 0 && bundle->count == 0)
        status = nyx_error_set(NYX_ERR_INPUT, "cannot bundle '%s': there is no file in it", paths[0]);
    if (status == 0 && bundle->count > 0)
        qsort(bundle->files, (size_t)bundle->count, sizeof *bundle->files, by_name);
    if (status == 0)
        status = nyx_bundle__check_names(bundle, "bundle");
    if (status == 0)
        status = read_files(bundle);
    if (status < 0) {
        nyx_bundle_free(bundle);
        return status;
    }
    *out = bundle;
    return 0;
}
