/* error -- the sentence beside a status code; one per thread. */
#include "base/base.h"

#include <stdarg.h>
#include <string.h>

enum { TEXT_BYTES = 1024 };
static _Thread_local char text[TEXT_BYTES];

int (nyx_error_set)(int code, const char *fmt, ...)
{
    char    fresh[TEXT_BYTES]; /* an argument may be the old text */
    va_list args;

    va_start(args, fmt);
    vsnprintf(fresh, sizeof fresh, fmt, args);
    va_end(args);
    memcpy(text, fresh, sizeof text);
    return code;
}

int (nyx_error_wrap)(int code, const char *fmt, ...)
{
    char    context[TEXT_BYTES / 2], fresh[TEXT_BYTES];
    va_list args;

    va_start(args, fmt);
    vsnprintf(context, sizeof context, fmt, args);
    va_end(args);
    snprintf(fresh, sizeof fresh, "%s: %.*s", context,
             (int)(sizeof fresh - sizeof context - 3), text);
    memcpy(text, fresh, sizeof text);
    return code;
}

const char *nyx_error_text(void)
{
    return text;
}

_Noreturn void nyx_bug(const char *file, int line, const char *what)
{
    fprintf(stderr, "BUG: %s:%d: %s\n", file, line, what);
    abort();
}
