/* number -- figures in the form that people read. */
#include "page/page.h"

#include <math.h>
#include <string.h>

/* Commas between thousands of the whole part of `text`. */
static void group_thousands(char out[NYX_NUMBER], const char *text)
{
    const size_t sign = *text == '-', whole = strspn(text + sign, "0123456789");
    size_t       at = 0;

    for (size_t i = 0; text[i] && at < NYX_NUMBER - 2; i++) {
        const size_t digit = i - sign;

        if (i > sign && digit < whole && (whole - digit) % 3 == 0)
            out[at++] = ',';
        out[at++] = text[i];
    }
    out[at] = '\0';
}

const char *nyx_number_count(char out[NYX_NUMBER], int64_t value)
{
    char text[NYX_NUMBER];

    snprintf(text, sizeof text, "%lld", (long long)value);
    group_thousands(out, text);
    return out;
}

const char *nyx_number_bytes(char out[NYX_NUMBER], double bytes)
{
    static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
    size_t                   unit = 0;

    for (; fabs(bytes) >= 1024.0 && unit + 1 < sizeof units / sizeof *units; unit++)
        bytes /= 1024.0;
    if (fabs(bytes) >= 1e9) /* nobody has this; it must not fill the line */
        snprintf(out, NYX_NUMBER, "%.3g %s", bytes, units[unit]);
    else
        snprintf(out, NYX_NUMBER, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
    return out;
}

const char *nyx_number_time(char out[NYX_NUMBER], double seconds)
{
    char text[NYX_NUMBER];

    if (seconds >= 3600.0)
        snprintf(out, NYX_NUMBER, "%.0f h %02.0f min", floor(fmin(seconds, 1e15) / 3600.0),
                 floor(fmod(seconds, 3600.0) / 60.0));
    else if (seconds >= 100.0)
        snprintf(out, NYX_NUMBER, "%.0f min %02.0f s", floor(seconds / 60.0), floor(fmod(seconds, 60.0)));
    else if (seconds >= 1.0)
        snprintf(out, NYX_NUMBER, "%.3g s", seconds);
    else if (seconds >= 1e-3)
        snprintf(out, NYX_NUMBER, "%.30s ms", nyx_number_short(text, 1e3 * seconds));
    else if (seconds > 0.0)
        snprintf(out, NYX_NUMBER, "%.30s \xc2\xb5s", nyx_number_short(text, 1e6 * seconds));
    else
        snprintf(out, NYX_NUMBER, "0 s");
    return out;
}

const char *nyx_number_rate(char out[NYX_NUMBER], double each_s, const char *unit)
{
    static const char *const prefixes[] = { "", "k", "M", "G", "T", "P" };
    size_t                   prefix = 0;
    char                     text[NYX_NUMBER];

    for (; each_s >= 999.5 && prefix + 1 < sizeof prefixes / sizeof *prefixes; prefix++)
        each_s /= 1000.0;
    snprintf(out, NYX_NUMBER, "%.20s %s%.12s/s", nyx_number_short(text, each_s), prefixes[prefix], unit);
    return out;
}

const char *nyx_number_short(char out[NYX_NUMBER], double value)
{
    char text[NYX_NUMBER];

    if (fabs(value) >= 999.5 && fabs(value) < 1e12) {
        snprintf(text, sizeof text, "%.0f", value);
        group_thousands(out, text);
    } else {
        snprintf(out, NYX_NUMBER, "%.3g", value);
    }
    return out;
}

const char *nyx_number_exact(char out[NYX_NUMBER], double value)
{
    if (fabs(value) < 1e15 && value == floor(value)) {
        snprintf(out, NYX_NUMBER, "%.0f", value);
        return out;
    }
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(out, NYX_NUMBER, "%.*g", digits, value);
        if (strtod(out, NULL) == value)
            break;
    }
    return out;
}
