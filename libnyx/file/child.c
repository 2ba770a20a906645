/* child -- run a function in a child process that may die.
 *
 * The child has a limited address space, processor time and file size, writes
 * no core file, opens no file but the one (sandbox.c) and ends with its parent. It shares nothing with the parent but
 * the pipe (and what the caller mapped as shared). */
#include "file/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* More than the listing of NYX_FILE__OBJECTS_MOST objects takes. */
static const int64_t listing_most = (int64_t)1 << 28;

int nyx_file__buffer_add(nyx_file__buffer *buffer, const void *data, int64_t bytes)
{
    if (bytes > listing_most - buffer->bytes)
        return nyx_error_set(NYX_ERR_INPUT, "its list of contents is longer than %lld bytes", (long long)listing_most);
    if (buffer->bytes + bytes > buffer->room) {
        int64_t room = buffer->room ? buffer->room : 4096;
        char   *fresh;

        while (room < buffer->bytes + bytes)
            room *= 2;
        fresh = realloc(buffer->data, (size_t)room);
        if (!fresh)
            return nyx_error_set(NYX_ERR_MEMORY, "cannot allocate %lld bytes", (long long)room);
        buffer->data = fresh;
        buffer->room = room;
    }
    if (bytes)
        memcpy(buffer->data + buffer->bytes, data, (size_t)bytes);
    buffer->bytes += bytes;
    return 0;
}

void nyx_file__buffer_release(nyx_file__buffer *buffer)
{
    free(buffer->data);
    *buffer = (nyx_file__buffer) { 0 };
}

/* Sanitizers map terabytes of shadow memory: no limit on address space then. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif
#else
enum { SANITIZED = 0 };
#endif

/* ---- the child ------------------------------------------------------------ */

enum { PROBE = 1 << 16, NEARLY = 8 << 20 /* malloc takes more than it is asked for */ };

static rlim_t own_limit; /* of address space, as set here; 0: none */

static void limit(unsigned resource, rlim_t value)
{
    struct rlimit now;

    if (getrlimit(resource, &now) == 0) {
        now.rlim_cur = now.rlim_max != RLIM_INFINITY && now.rlim_max < value ? now.rlim_max : value;
        now.rlim_max = now.rlim_cur;
        (void)setrlimit(resource, &now);
    }
}

/* Address space in use, by a file that is opened before the child is confined;
 * 0 when unknown. */
static rlim_t address_space(void)
{
    static int fd = -1;
    char       text[64] = "";
    ssize_t    got;

    if (fd < 0 && (fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC)) < 0)
        return 0;
    got = pread(fd, text, sizeof text - 1, 0);
    return got > 0 ? (rlim_t)strtoull(text, NULL, 10) * (rlim_t)sysconf(_SC_PAGESIZE) : 0;
}

static void confine(const char *path, int64_t size)
{
    static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2 }; /* the parent answers these */
    static const int fatal[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };

    rlim_t           now = address_space();

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        signal(ignored[i], SIG_IGN);
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++)
        signal(fatal[i], SIG_DFL);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, 0);
    limit(RLIMIT_CPU, (rlim_t)(5 + size / (16 << 20))); /* deflate does over 100 MB/s */
    if (!SANITIZED && now) {
        own_limit = now + ((rlim_t)1 << 30);
        limit(RLIMIT_AS, own_limit);
    }
    nyx_file__sandbox(path);
}

bool nyx_file__memory_ran_out(void)
{
    void *volatile probe = malloc(PROBE); /* volatile: a malloc that nobody uses is left out */
    const bool     none = !probe;

    free(probe);
    return none && !(own_limit && address_space() + NEARLY >= own_limit);
}

static bool write_all(int fd, const void *data, int64_t bytes)
{
    const char *at = data;

    while (bytes > 0) {
        ssize_t n = write(fd, at, (size_t)bytes);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += n;
        bytes -= n;
    }
    return true;
}

static _Noreturn void be_child(int fd, nyx_file__work work, void *context, const char *path, int64_t size)
{
    nyx_file__buffer out = { 0 };
    int32_t          status;
    bool             sent;

    confine(path, size);
    status = work(context, &out);
    sent = write_all(fd, &status, sizeof status) &&
           (status < 0 ? write_all(fd, nyx_error_text(), (int64_t)strlen(nyx_error_text()))
                       : write_all(fd, out.data, out.bytes));
    _exit(sent ? 0 : 1); /* no atexit handlers, no stdio: they are the parent's */
}

/* ---- the parent ----------------------------------------------------------- */

static int collect(nyx_file__buffer *out, int fd)
{
    static _Thread_local char block[1 << 16];
    int                       status = 0;

    for (;;) {
        ssize_t n = read(fd, block, sizeof block);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return status;
        if (status == 0)
            status = nyx_file__buffer_add(out, block, n);
    }
}

/* The child's last word: its status, then a sentence or the listing. */
static int judge(nyx_file__buffer *out, int ended, const char *path)
{
    int32_t status;
    char    text[1024];
    int     n;

    if (WIFSIGNALED(ended))
        return nyx_error_set(NYX_ERR_INPUT, "'%s' is damaged: libhdf5 %s while reading it (signal %d)", path,
                             WTERMSIG(ended) == SIGXCPU || WTERMSIG(ended) == SIGKILL ? "did not come to an end"
                                                                                      : "crashed",
                             WTERMSIG(ended));
    if (!WIFEXITED(ended) || WEXITSTATUS(ended) != 0 || out->bytes < (int64_t)sizeof status)
        return nyx_error_set(NYX_ERR_INPUT, "'%s' is damaged: libhdf5 gave up while reading it", path);
    memcpy(&status, out->data, sizeof status);
    if (status < 0) {
        n = (int)(out->bytes - (int64_t)sizeof status);
        snprintf(text, sizeof text, "%.*s", n < 1023 ? n : 1023, out->data + sizeof status);
        return nyx_error_set(status < NYX_ERR_CREATE ? NYX_ERR_INPUT : status, "%s", text);
    }
    out->bytes -= (int64_t)sizeof status;
    memmove(out->data, out->data + sizeof status, (size_t)out->bytes);
    return 0;
}

int nyx_file__guard(nyx_file__buffer *out, nyx_file__work work, void *context, const char *path, int64_t size)
{
    int   ends[2], ended = 0, status;
    pid_t child;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return nyx_error_set(NYX_ERR_MEMORY, "cannot read '%s': no pipe to a child: %s", path, strerror(errno));
    child = fork();
    if (child < 0) {
        status = nyx_error_set(NYX_ERR_MEMORY, "cannot read '%s': no child process: %s", path, strerror(errno));
        close(ends[0]);
        close(ends[1]);
        return status;
    }
    if (child == 0)
        be_child(ends[1], work, context, path, size);
    close(ends[1]);
    status = collect(out, ends[0]);
    close(ends[0]);
    while (waitpid(child, &ended, 0) < 0 && errno == EINTR)
        ;
    if (status == 0)
        status = judge(out, ended, path);
    if (status < 0)
        nyx_file__buffer_release(out);
    return status;
}
