/* pipeline -- a command from start to end: a demo, a chain of programs. */
#include "bench/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

struct command {
    const char *text;
    int64_t     peak; /* bytes of its largest process */
    int         status;
};

/* What it prints is not ours to show. */
static _Noreturn void become(const char *text)
{
    const int silence = open("/dev/null", O_RDWR);

    for (int fd = 0; fd < 3; fd++)
        dup2(silence, fd);
    execl("/bin/sh", "sh", "-c", text, (char *)NULL);
    _exit(127);
}

static int64_t command_sample(void *context)
{
    struct command *c = context;
    const int64_t   start = nyx_clock_ns();
    struct rusage   usage;
    int             how = 0;
    pid_t           child;

    if (c->status < 0 || nyx_stop_requested())
        return 1;
    child = fork();
    if (child == 0)
        become(c->text);
    while (child > 0 && wait4(child, &how, 0, &usage) < 0 && errno == EINTR)
        ;
    if (child < 0)
        c->status = nyx_error_set(NYX_ERR_MEMORY, "cannot start a process for '%s'", c->text);
    else if (!WIFEXITED(how) || WEXITSTATUS(how) != 0)
        c->status = nyx_error_set(NYX_ERR_UNSUPPORTED,
                                  "the command '%s' ended with status %d; it must end with 0 each time", c->text,
                                  WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how));
    else if ((int64_t)usage.ru_maxrss * 1024 > c->peak)
        c->peak = (int64_t)usage.ru_maxrss * 1024;
    return nyx_clock_ns() - start;
}

int nyx_bench__pipeline(nyx_bench *bench)
{
    struct command   c = { .text = bench->options.command };
    nyx_bench_figure figure = { .op = "pipeline", .limit_reason = "a command has no limit that is known" };
    int              status;

    if (!c.text) {
        snprintf(figure.what, sizeof figure.what, "no command");
        snprintf(figure.reason, sizeof figure.reason, "no --command=COMMAND was given");
        figure.limit_reason = "nothing was run";
        return nyx_bench__add(bench, &figure);
    }
    snprintf(figure.what, sizeof figure.what, "%.79s", c.text);
    command_sample(&c); /* its peak is known before the figure is added */
    if (c.status < 0)
        return c.status;
    figure.memory_bytes = c.peak;
    status = nyx_bench__measure(bench, &figure, command_sample, &c);
    return c.status < 0 ? c.status : status;
}
