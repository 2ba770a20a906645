/* terminal -- results on stdout, notes and progress on stderr.
 *
 * No colours and no escape sequences: the progress line is redrawn with a
 * carriage return and blanks, so it needs nothing of the terminal.
 */
#include "cli/internal.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { LINE_BYTES = 512 };
static const int64_t REDRAW_NS = 100000000, ALWAYS_NS = 1000000000, LINE_NS = 10000000000;

static nyx_report *warnings;
static bool        lost;

static struct {
    char    what[64];
    int64_t start_ns, first, drawn_ns;
    int     width; /* of the line on the terminal now */
} progress;

void nyx_cli__warn_into(nyx_report *report)
{
    warnings = report;
}

void nyx_cli__lose(void)
{
    lost = true;
}

bool nyx_cli__lost(void)
{
    return lost;
}

int nyx_cli__width(const char *text)
{
    int width = 0;

    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void clear_line(void)
{
    if (progress.width > 0)
        fprintf(stderr, "\r%*s\r", progress.width, "");
    progress.width = 0;
}

/* With --report=- standard output is one JSON document: words go elsewhere. */
void nyx_cli_print(const char *fmt, ...)
{
    bool    json = nyx_cli__line.report && strcmp(nyx_cli__line.report, "-") == 0;
    va_list args;

    if (json && nyx_cli__common.quiet)
        return;
    clear_line();
    va_start(args, fmt);
    vfprintf(json ? stderr : stdout, fmt, args);
    va_end(args);
}

void nyx_cli__complain(const char *text)
{
    clear_line();
    fprintf(stderr, "%s: %s\n", nyx_cli__name(), text);
}

void nyx_cli_note(const char *fmt, ...)
{
    static const char warning[] = "warning: ";
    char              text[1024];
    va_list           args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (warnings && strncmp(text, warning, strlen(warning)) == 0)
        nyx_report_warn(warnings, "%s", text + strlen(warning));
    if (!nyx_cli__common.quiet)
        nyx_cli__complain(text);
}

/* ---- progress ------------------------------------------------------------------ */

/* "2 h 05 min", "3 min 20 s", "45 s" */
static void put_seconds(char *text, size_t bytes, double seconds)
{
    long long s = (long long)ceil(seconds);

    if (s >= 3600)
        snprintf(text, bytes, "%lld h %02lld min", s / 3600, s / 60 % 60);
    else if (s >= 60)
        snprintf(text, bytes, "%lld min %02lld s", s / 60, s % 60);
    else
        snprintf(text, bytes, "%lld s", s);
}

/* The speed is that since the first call: a resumed run starts in the middle. */
static void describe(char line[LINE_BYTES], int64_t now, int64_t done, int64_t total,
                     const char *detail)
{
    char   left[64] = "", amount[64];
    double seconds = (double)(now - progress.start_ns) * 1e-9;

    if (total > 0)
        snprintf(amount, sizeof amount, "%lld/%lld (%.0f %%)", (long long)done, (long long)total,
                 100.0 * (double)done / (double)total);
    else
        snprintf(amount, sizeof amount, "%lld", (long long)done);
    if (total > done && done > progress.first && seconds > 0.5) {
        strcpy(left, ", ");
        put_seconds(left + 2, sizeof left - 2,
                    seconds * (double)(total - done) / (double)(done - progress.first));
        strcat(left, " left");
    }
    snprintf(line, LINE_BYTES, "%s %s%s%s%s", progress.what, amount, detail && *detail ? ", " : "",
             detail ? detail : "", left);
}

static int terminal_columns(void)
{
    struct winsize size;

    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

static void draw(char *line)
{
    int most = terminal_columns() - 1, width = 0;

    for (char *p = line; *p; p++)
        if (((unsigned char)*p & 0xc0) != 0x80 && ++width > most) {
            *p = '\0';
            width--;
            break;
        }
    fprintf(stderr, "\r%s%*s", line, progress.width > width ? progress.width - width : 0, "");
    fflush(stderr);
    progress.width = width;
}

void nyx_cli_progress(const char *what, int64_t done, int64_t total, const char *detail)
{
    bool    terminal = isatty(STDERR_FILENO), always = nyx_cli__line.progress[1] == 'l';
    int64_t now = nyx_clock_ns(), pause = terminal ? REDRAW_NS : always ? ALWAYS_NS : LINE_NS;
    bool    fresh = strcmp(progress.what, what) != 0;
    char    line[LINE_BYTES];

    if (nyx_cli__common.quiet || nyx_cli__line.progress[0] == 'n')
        return;
    if (fresh) {
        nyx_cli_progress_end();
        snprintf(progress.what, sizeof progress.what, "%s", what);
        progress.start_ns = progress.drawn_ns = now;
        progress.first = done;
    }
    if (now - progress.drawn_ns < pause && !(fresh && (terminal || always)))
        return;
    progress.drawn_ns = now;
    describe(line, now, done, total, detail);
    if (terminal)
        draw(line);
    else
        fprintf(stderr, "%s: %s\n", nyx_cli__name(), line);
}

void nyx_cli_progress_end(void)
{
    clear_line();
    progress.what[0] = '\0';
}
