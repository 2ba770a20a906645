/* temporary -- names of what is not published yet, and the end of those whose
 * maker is dead.
 *
 * A temporary, file or folder, is called
 *
 *     .NAME.nyx-HOST-BOOT-PID-START-COUNT
 *
 * HOST and BOOT are hashes of the host's name and of its boot id, START is the
 * start time of the process: together they tell whether its maker still runs.
 * Files of other hosts are left alone, because nobody here can know. */
#include "base/internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { NAME_MOST = 150, STAT_BYTES = 1024, DEPTH_MOST = 64 };

/* Who this process is, or who made a temporary. */
struct maker {
    unsigned           host, boot;
    long               pid;
    unsigned long long start;
};

/* The 22nd field of /proc/PID/stat, counted behind the name in parentheses
 * (proc(5)); false when there is no such process. */
static bool start_of(long pid, unsigned long long *start)
{
    char    path[64], text[STAT_BYTES], *at;
    ssize_t got;
    int     fd;

    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    got = read(fd, text, sizeof text - 1);
    close(fd);
    text[got > 0 ? got : 0] = '\0';
    at = strrchr(text, ')');
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    *start = at ? strtoull(at + 1, NULL, 10) : 0;
    return at != NULL;
}

static void maker_self(struct maker *maker)
{
    struct utsname host;
    char          *boot;
    int64_t        bytes;

    memset(maker, 0, sizeof *maker);
    if (uname(&host) == 0)
        maker->host = (unsigned)nyx_stream_of(host.nodename);
    if (nyx_file_read(&boot, &bytes, "/proc/sys/kernel/random/boot_id", 256) == 0)
        maker->boot = (unsigned)nyx_stream_of(boot);
    nyx_free(boot);
    maker->pid = getpid();
    start_of(maker->pid, &maker->start);
}

/* True when the maker of a temporary surely runs no more. */
static bool is_dead(const struct maker *maker, const struct maker *self)
{
    unsigned long long start;

    if (maker->host != self->host)
        return false;
    return maker->boot != self->boot || !start_of(maker->pid, &start) || start != maker->start;
}

/* What a folder holds goes first. No link is followed. Entries are read into
 * the stack and not through opendir, which allocates: a temporary goes also when
 * memory has run out. */
static void remove_at(int folder, const char *name, int depth)
{
    _Alignas(struct dirent64) char entries[4096];
    ssize_t                        got;
    int                            fd;

    if (unlinkat(folder, name, 0) == 0 || depth == DEPTH_MOST)
        return;
    fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    while (fd >= 0 && (got = getdents64(fd, entries, sizeof entries)) > 0)
        for (ssize_t at = 0; at < got;) {
            const struct dirent64 *entry = (const struct dirent64 *)(entries + at);

            if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
                remove_at(fd, entry->d_name, depth + 1);
            at += entry->d_reclen;
        }
    if (fd >= 0)
        close(fd);
    unlinkat(folder, name, AT_REMOVEDIR);
}

void nyx_base__remove(int folder, const char *name)
{
    remove_at(folder, name, 0);
}

/* Remove what dead processes left beside this target. Nothing here may fail
 * the caller: a file that cannot be removed stays. */
static void remove_leftovers(const char *folder, const char *prefix, const struct maker *self)
{
    DIR           *handle = opendir(*folder ? folder : ".");
    struct dirent *entry;
    size_t         length = strlen(prefix);

    while (handle && (entry = readdir(handle))) {
        struct maker maker;
        unsigned     count;
        int          end = 0;

        if (strncmp(entry->d_name, prefix, length) != 0 ||
            sscanf(entry->d_name + length, "%8x-%8x-%ld-%llu-%u%n", &maker.host, &maker.boot,
                   &maker.pid, &maker.start, &count, &end) != 5 ||
            entry->d_name[length + (size_t)end] != '\0' || !is_dead(&maker, self))
            continue;
        nyx_base__remove(dirfd(handle), entry->d_name);
    }
    if (handle)
        closedir(handle);
}

int nyx_base__temporary_name(char **out, const char *target)
{
    static atomic_uint count;
    struct maker       self;
    int                length = nyx_base__folder_length(target), status;
    char              *folder = NULL, *prefix = NULL;

    maker_self(&self);
    if ((status = nyx_text_format(&folder, "%.*s", length, target)) < 0 ||
        (status = nyx_text_format(&prefix, ".%.*s.nyx-", NAME_MOST, target + length)) < 0 ||
        (status = nyx_text_format(out, "%s%s%08x-%08x-%ld-%llu-%u", folder, prefix, self.host, self.boot, self.pid,
                                  self.start, atomic_fetch_add(&count, 1))) < 0)
        goto done;
    remove_leftovers(folder, prefix, &self);
done:
    nyx_free(folder);
    nyx_free(prefix);
    return status;
}
