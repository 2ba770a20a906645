/* nth -- preloaded into a program, makes the n-th call of a kind fail.
 *
 *     LD_PRELOAD=nth.so NYX_FAULT_CALL=write NYX_FAULT_NTH=3 nyx-data ...
 *
 * NYX_FAULT_CALL    write fsync rename close memory
 * NYX_FAULT_NTH     which call fails, from 1; 0: none, only count
 * NYX_FAULT_STICKY  1: every later call fails too
 * NYX_FAULT_COUNT   a file that gets the number of calls at the end
 *
 * Only what can lose an output counts: writes to regular files (also at an
 * offset, and changes of length) and closing files open for writing. Pipes
 * between processes and standard error work as ever.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_long calls;
static const char *call = "", *count_path;
static long        nth;
static bool        sticky;
static pid_t       process;

__attribute__((constructor)) static void read_environment(void)
{
    const char *text;

    if ((text = getenv("NYX_FAULT_CALL")))
        call = text;
    if ((text = getenv("NYX_FAULT_NTH")))
        nth = strtol(text, NULL, 10);
    sticky = (text = getenv("NYX_FAULT_STICKY")) && *text == '1';
    count_path = getenv("NYX_FAULT_COUNT");
    process = getpid();
}

__attribute__((destructor)) static void write_count(void)
{
    FILE *file = count_path && getpid() == process ? fopen(count_path, "w") : NULL;

    if (!file)
        return;
    nth = 0;
    fprintf(file, "%ld\n", atomic_load(&calls));
    fclose(file);
}

/* Is this call of kind `kind` the one that fails? */
static bool fails(const char *kind)
{
    long now;

    if (strcmp(call, kind) != 0)
        return false;
    now = atomic_fetch_add(&calls, 1) + 1;
    return nth > 0 && (now == nth || (sticky && now > nth));
}

static bool is_output(int fd)
{
    struct stat info;
    int         saved = errno, mode = fcntl(fd, F_GETFL);
    bool        yes = mode >= 0 && (mode & O_ACCMODE) != O_RDONLY && fstat(fd, &info) == 0 &&
               S_ISREG(info.st_mode);

    errno = saved;
    return yes;
}

/* The function behind ours; the copy is how POSIX asks for it (dlsym(3)). */
#define NEXT(name)                                                             \
    static __typeof__(&name) next;                                             \
    if (!next) {                                                               \
        void *symbol = dlsym(RTLD_NEXT, #name);                                \
        memcpy(&next, &symbol, sizeof next);                                   \
    }

#define FAIL_WITH(code)                                                        \
    do {                                                                       \
        errno = (code);                                                        \
        return -1;                                                             \
    } while (0)

ssize_t write(int fd, const void *data, size_t bytes)
{
    NEXT(write)
    if (is_output(fd) && fails("write"))
        FAIL_WITH(ENOSPC);
    return next(fd, data, bytes);
}

ssize_t pwrite(int fd, const void *data, size_t bytes, off_t at)
{
    NEXT(pwrite)
    if (is_output(fd) && fails("write"))
        FAIL_WITH(ENOSPC);
    return next(fd, data, bytes, at);
}

ssize_t pwrite64(int fd, const void *data, size_t bytes, off64_t at)
{
    return pwrite(fd, data, bytes, at);
}

int ftruncate(int fd, off_t length)
{
    NEXT(ftruncate)
    if (is_output(fd) && fails("write"))
        FAIL_WITH(ENOSPC);
    return next(fd, length);
}

int ftruncate64(int fd, off64_t length)
{
    return ftruncate(fd, length);
}

int fsync(int fd)
{
    NEXT(fsync)
    if (fails("fsync"))
        FAIL_WITH(EIO);
    return next(fd);
}

int rename(const char *from, const char *to)
{
    NEXT(rename)
    if (fails("rename"))
        FAIL_WITH(EIO);
    return next(from, to);
}

/* The descriptor is gone all the same, as on Linux (close(2)). */
int close(int fd)
{
    NEXT(close)
    bool failed = is_output(fd) && fails("close");
    int  result = next(fd);

    if (failed)
        FAIL_WITH(EIO);
    return result;
}

/* dlsym allocates, so these two name glibc's own functions. */
extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t bytes);

void *malloc(size_t bytes)
{
    if (fails("memory")) {
        errno = ENOMEM;
        return NULL;
    }
    return __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
    if (fails("memory")) {
        errno = ENOMEM;
        return NULL;
    }
    return __libc_calloc(count, bytes);
}
