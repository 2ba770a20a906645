/* files -- which files a text comes from. */
#include "data/corpus/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MOST = 64 };

static int add(struct nyx_corpus__files *files, const char *path)
{
    int status = nyx_array_grow(&files->paths, &files->room, files->count, (int64_t)sizeof *files->paths, 64);

    if (status < 0)
        return status;
    if ((status = nyx_text_copy(&files->paths[files->count], path)) == 0)
        files->count++;
    return status;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int add_folder(struct nyx_corpus__files *files, const char *path, const char *output, int depth);

/* Something in a folder: links to folders, devices and pipes are left out. */
static int add_entry(struct nyx_corpus__files *files, const char *folder, const char *name, const char *output,
                     int depth)
{
    struct stat about;
    size_t      length = strlen(folder);
    char       *path;
    int         status;

    if ((status = nyx_text_format(&path, "%s%s%s", folder, length && folder[length - 1] == '/' ? "" : "/", name)) < 0)
        return status;
    if (lstat(path, &about) == 0 && S_ISDIR(about.st_mode))
        status = add_folder(files, path, output, depth + 1);
    else if (stat(path, &about) == 0 && S_ISREG(about.st_mode) && !nyx_file_same(path, output))
        status = add(files, path);
    nyx_free(path);
    return status;
}

static int add_folder(struct nyx_corpus__files *files, const char *path, const char *output, int depth)
{
    struct nyx_corpus__files names = { 0 };
    struct dirent           *entry;
    DIR                     *folder = opendir(path);
    int                      status = 0;

    if (!folder)
        return nyx_error_set(NYX_ERR_MISSING, "cannot open '%s': %s", path, strerror(errno));
    if (depth > DEPTH_MOST)
        status = nyx_error_set(NYX_ERR_INPUT, "'%s' lies more than %d folders deep", path, DEPTH_MOST);
    while (status == 0 && (entry = readdir(folder)))
        if (entry->d_name[0] != '.')
            status = add(&names, entry->d_name);
    closedir(folder);
    if (names.count)
        qsort(names.paths, (size_t)names.count, sizeof *names.paths, compare_names);
    for (int64_t i = 0; i < names.count && status == 0; i++)
        status = add_entry(files, path, names.paths[i], output, depth);
    names.spool = -1;
    nyx_corpus__files_release(&names);
    return status;
}

static int keep(int fd, const char *data, ssize_t bytes)
{
    while (bytes > 0) {
        ssize_t n = write(fd, data, (size_t)bytes);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return nyx_error_set(NYX_ERR_OUTPUT, "cannot keep standard input: %s",
                                 n < 0 ? strerror(errno) : "the disk takes no more");
        data += n;
        bytes -= n;
    }
    return 0;
}

/* Standard input can be read once, passes are several. */
static int spool_input(struct nyx_corpus__files *files, const char *output)
{
    static char block[1 << 16];
    int         status = nyx_spool_open(output);

    if (status < 0)
        return status;
    files->spool = status;
    for (;;) {
        ssize_t n = read(STDIN_FILENO, block, sizeof block);

        if (nyx_stop_requested())
            return nyx_error_set(NYX_ERR_STOPPED, "stopped while reading standard input");
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return nyx_error_set(NYX_ERR_INPUT, "cannot read standard input: %s", strerror(errno));
        if (n == 0)
            return 0;
        if ((status = keep(files->spool, block, n)) < 0)
            return status;
    }
}

int nyx_corpus__files_list(struct nyx_corpus__files *files, const nyx_corpus_options *options, const char *output)
{
    int status = 0;

    *files = (struct nyx_corpus__files){ .spool = -1 };
    for (const char *const *input = options->inputs; *input && status == 0; input++) {
        struct stat about;

        if (strcmp(*input, "-") == 0) {
            if (files->spool >= 0)
                status = nyx_error_set(NYX_ERR_USAGE, "'-' is there twice, but standard input can be read once");
            else if ((status = spool_input(files, output)) == 0)
                status = add(files, "-");
        } else if (stat(*input, &about) < 0) {
            status = nyx_error_set(NYX_ERR_MISSING, "cannot open '%s': %s", *input, strerror(errno));
        } else {
            status = S_ISDIR(about.st_mode) ? add_folder(files, *input, output, 0) : add(files, *input);
        }
    }
    if (status < 0)
        nyx_corpus__files_release(files);
    return status;
}

void nyx_corpus__files_release(struct nyx_corpus__files *files)
{
    for (int64_t i = 0; i < files->count; i++)
        nyx_free(files->paths[i]);
    nyx_free(files->paths);
    if (files->spool >= 0)
        close(files->spool);
    *files = (struct nyx_corpus__files){ .spool = -1 };
}
