/* cli -- the life of a tool: signals, options, the run, the report, the end. */
#include "cli/internal.h"

#include "base/caches.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

const char *nyx_cli__name(void)
{
    static char        name[128];
    const nyx_tool    *tool = nyx_cli__line.tool;
    const nyx_command *command = nyx_cli__line.command;
    bool               sub = command && command != &tool->command;

    snprintf(name, sizeof name, "%s%s%s", tool->command.name, sub ? " " : "",
             sub ? command->name : "");
    return name;
}

/* Sanitizers have handlers of their own for crashes. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif
#else
enum { SANITIZED = 0 };
#endif

static pid_t process; /* the one that main() began in */
static bool  ended;   /* main() returns */

/* ---- signals ------------------------------------------------------------------- */

/* The first wish to stop is granted at the next step boundary, the second at
 * once. */
static void on_stop(int signal_number)
{
    static volatile sig_atomic_t asked;

    if (signal_number != SIGUSR1 && asked) {
        nyx_output_abandon();
        _exit(EX_TEMPFAIL);
    }
    if (signal_number != SIGUSR1)
        asked = 1;
    nyx_stop_request();
}

/* A broken promise has already said where on stderr. */
static void on_bug(int signal_number)
{
    (void)signal_number;
    _exit(EX_SOFTWARE);
}

/* The last words of a process that cannot go on: one line, no temporary, an
 * exit status instead of a signal. Only what a signal handler may do. */
static _Noreturn void leave(const char *why, int status)
{
    const char *words[] = { nyx_cli__line.tool->command.name, ": ", why, "\n" };

    nyx_output_abandon();
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (write(STDERR_FILENO, words[i], strlen(words[i])) < 0)
            break;
    _exit(status);
}

static const char ran_out[] = "memory ran out inside a library; nothing was written";

/* libhdf5 1.10 uses what it could not allocate. A process that it forked and
 * that reads for us ends by the signal: its parent says so. */
static void on_crash(int signal_number)
{
    int cause = errno;

    if (getpid() != process) {
        signal(signal_number, SIG_DFL);
        raise(signal_number);
        return;
    }
    if (cause == ENOMEM)
        leave(ran_out, EX_OSERR);
    leave("BUG: an access outside of memory", EX_SOFTWARE);
}

/* It also calls exit(-1) when memory is short. */
static void on_exit_elsewhere(void)
{
    if (!ended && getpid() == process)
        leave(ran_out, EX_OSERR);
}

static void install_signals(void)
{
    static char      stack[1 << 16];
    static const int stops[] = { SIGINT, SIGTERM, SIGUSR1 };
    struct sigaction action = { .sa_handler = on_stop, .sa_flags = SA_RESTART };

    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++)
        sigaction(stops[i], &action, NULL);
    action.sa_handler = on_bug;
    sigaction(SIGABRT, &action, NULL);
    /* On a stack of its own: libhdf5 without memory may also recurse for ever. */
    sigaltstack(&(stack_t){ .ss_sp = stack, .ss_size = sizeof stack }, NULL);
    action.sa_handler = on_crash;
    action.sa_flags = SA_ONSTACK;
    for (int i = 0; i < 2 && !SANITIZED; i++)
        sigaction(i ? SIGBUS : SIGSEGV, &action, NULL);
    process = getpid();
    atexit(on_exit_elsewhere);
    action.sa_flags = SA_RESTART;
    /* What they announce is reported by the write that fails: EPIPE, EFBIG. */
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
    sigaction(SIGXFSZ, &action, NULL);
}

/* A closed standard stream would lend its number to the next file opened, and
 * words for people would land in that file. Writing to these fails instead. */
static void occupy_streams(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDONLY) != fd)
            _exit(EX_OSERR);
}

/* ---- the end ------------------------------------------------------------------- */

static int exit_status(int status)
{
    switch (status) {
    case NYX_ERR_INPUT:       return EX_DATAERR;
    case NYX_ERR_OUTPUT:      return EX_IOERR;
    case NYX_ERR_UNSUPPORTED: return EX_UNAVAILABLE;
    case NYX_ERR_MEMORY:      return EX_OSERR;
    case NYX_ERR_DEVICE:
    case NYX_ERR_STOPPED:     return EX_TEMPFAIL;
    case NYX_ERR_NUMERIC:     return NYX_EXIT_NO;
    case NYX_ERR_USAGE:       return EX_USAGE;
    case NYX_ERR_MISSING:     return EX_NOINPUT;
    case NYX_ERR_CREATE:      return EX_CANTCREAT;
    default:                  break;
    }
    NYX_BUG_IF(status < 0 || status > NYX_EXIT_NO);
    return status;
}

static int flush_stdout(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    return nyx_error_set(NYX_ERR_OUTPUT, "cannot write standard output: %s", strerror(errno));
}

/* Everything said has arrived, or `status` says that it has not. */
static int finish(int status)
{
    int flushed = flush_stdout();

    if (status >= 0 && nyx_cli__lost())
        status = nyx_error_set(NYX_ERR_MEMORY, "cannot print the results: memory ran out");
    else if (status >= 0 && flushed < 0)
        status = flushed;
    if (status < 0)
        nyx_cli__complain(nyx_error_text());
    return exit_status(status);
}

/* ---- the run -------------------------------------------------------------------- */

static int write_report(nyx_report *report, int status, const char *sentence)
{
    const char *word = status == NYX_EXIT_OK                                ? "ok"
                       : status == NYX_EXIT_NO || status == NYX_ERR_NUMERIC ? "no"
                       : status == NYX_ERR_STOPPED                          ? "stopped"
                                                                            : "error";

    if (!nyx_cli__line.report)
        return 0;
    return nyx_report_write(report, nyx_cli__line.report, word, status < 0 ? sentence : NULL);
}

static void describe_line(nyx_json *run)
{
    if (nyx_cli__line.tool->commands)
        nyx_json_set_text(run, "command", nyx_cli__line.command->name);
    nyx_json_set_int(run, "seed", (int64_t)nyx_cli__common.seed);
    nyx_json_set_text(run, "device", nyx_cli__common.device);
    nyx_json_set_int(run, "threads", nyx_cli__common.threads);
}

/* The sentence that counts is that of the run; a report that fails after it is
 * a second line. */
static int run(int argc, char **argv)
{
    nyx_report *report;
    char        sentence[1024] = "";
    int         status, written;

    status = nyx_report_create(&report, nyx_cli__line.tool->command.name, argc, argv);
    if (status < 0)
        return status;
    nyx_cli__warn_into(report);
    describe_line(nyx_report_run(report));
    status = nyx_cli__line.command->run(report);
    nyx_cli_progress_end();
    if (status >= 0 && flush_stdout() < 0)
        status = NYX_ERR_OUTPUT;
    if (status < 0)
        snprintf(sentence, sizeof sentence, "%s", nyx_error_text());
    written = write_report(report, status, sentence);
    if (status < 0 && written < 0)
        nyx_cli__complain(nyx_error_text());
    if (status < 0)
        nyx_error_set(status, "%s", sentence);
    nyx_cli__warn_into(NULL);
    nyx_report_free(report);
    return status >= 0 && written < 0 ? written : status;
}

/* $XDG_CACHE_HOME/nyx or ~/.cache/nyx; relative paths do not count (XDG Base
 * Directory Specification). */
static void find_caches(void)
{
    static char folder[PATH_MAX];
    const char *caches = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int         length = 0;

    if (caches && *caches == '/')
        length = snprintf(folder, sizeof folder, "%s/nyx", caches);
    else if (home && *home == '/')
        length = snprintf(folder, sizeof folder, "%s/.cache/nyx", home);
    if (length > 0 && length < (int)sizeof folder)
        nyx_cache_folder_set(folder);
}

int nyx_cli_main(int argc, char **argv, const nyx_tool *tool)
{
    int status;

    nyx_cli__line.tool = tool;
    occupy_streams();
    install_signals();
    find_caches();
    status = nyx_cli__parse(argc, argv);
    if (status == 0 && nyx_cli__line.help)
        nyx_cli__help();
    else if (status == 0 && nyx_cli__line.version)
        nyx_cli_print("%s %s\n", tool->command.name, NYX_VERSION);
    else if (status == 0 && nyx_cli__line.page)
        (nyx_cli__line.page[0] == 'm' ? nyx_cli__man : nyx_cli__completion)();
    else if (status == 0)
        status = run(argc, argv);
    status = finish(status);
    ended = true;
    return status;
}
