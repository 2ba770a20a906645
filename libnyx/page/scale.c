/* scale -- where a value stands on an axis, and which values are named there. */
#include "page/page.h"

#include <math.h>
#include <string.h>

double nyx_scale_at(const nyx_scale *scale, double value)
{
    const double inside = fmin(fmax(value, scale->low), scale->high);
    const double share = scale->log ? (log(inside) - log(scale->low)) / (log(scale->high) - log(scale->low))
                                    : (inside - scale->low) / (scale->high - scale->low);

    return scale->from + share * (scale->to - scale->from);
}

/* 10^n exactly rounded: pow() differs between libraries in the last bit, and
 * the page is to come out the same. */
static double ten(int n)
{
    char text[16];

    snprintf(text, sizeof text, "1e%d", n);
    return strtod(text, NULL);
}

/* The largest n with 10^n <= value. */
static int power_below(double value)
{
    int n = (int)floor(log10(value));

    n += ten(n + 1) <= value;
    n -= ten(n) > value;
    return n;
}

/* The least of 1, 2, 5 times a power of ten that is >= least: *factor * 10^*power. */
static void round_step(double least, int *factor, int *power)
{
    const double near = least * (1.0 - 1e-12); /* 0.1 + 0.2 is not to ask for 0.5 */

    *power = power_below(near);
    *factor = near <= ten(*power) ? 1 : near <= 2.0 * ten(*power) ? 2 : 5;
    if (near > 5.0 * ten(*power)) {
        *factor = 1;
        ++*power;
    }
}

/* i * factor * 10^power, as the decimal number reads. */
static double multiple(double i, int factor, int power)
{
    return power < 0 ? i * factor / ten(-power) : i * factor * ten(power);
}

static int linear_ticks(double ticks[NYX_TICKS], double low, double high, int count)
{
    int    factor, power, ticks_count = 0;
    double step, slack, first;

    round_step((high - low) / count, &factor, &power);
    step = multiple(1.0, factor, power);
    slack = 1e-9 * step;
    first = ceil((low - slack) / step);
    for (double i = first; multiple(i, factor, power) <= high + slack && ticks_count < NYX_TICKS; i += 1.0)
        ticks[ticks_count++] = multiple(i, factor, power) + 0.0; /* no -0 */
    return ticks_count;
}

/* Powers of ten, every `stride`th, with 2 and 5 times these when asked for. */
static int log_ticks(double ticks[NYX_TICKS], double low, double high, int stride, bool between)
{
    static const double factors[] = { 1.0, 2.0, 5.0 };
    int                 count = 0;

    for (int n = power_below(low); n <= power_below(high); n++) {
        for (int f = 0; f < (between ? 3 : 1); f++) {
            const double value = multiple(factors[f], 1, n);

            if (n % stride == 0 && value >= low * (1.0 - 1e-9) && value <= high * (1.0 + 1e-9) && count < NYX_TICKS)
                ticks[count++] = value;
        }
    }
    return count;
}

int nyx_scale_ticks(double ticks[NYX_TICKS], const nyx_scale *scale, int count)
{
    int found;

    if (!scale->log)
        return linear_ticks(ticks, scale->low, scale->high, count);
    found = log_ticks(ticks, scale->low, scale->high, 1, true);
    if (found < 3)
        return linear_ticks(ticks, scale->low, scale->high, count);
    for (int stride = 1; found > count + 2; stride++)
        found = log_ticks(ticks, scale->low, scale->high, stride, false);
    return found;
}

/* On a logarithmic axis an end moves to 1, 2 or 5 times a power of ten. */
static double log_end(double value, bool up)
{
    static const double factors[] = { 1.0, 2.0, 5.0, 10.0 };
    const int           n = power_below(value);

    for (int f = 0; f < 3; f++) {
        const double here = multiple(factors[f], 1, n), next = multiple(factors[f + 1], 1, n);

        if (value <= here * (1.0 + 1e-9))
            return here;
        if (value < next * (1.0 - 1e-9))
            return up ? next : here;
    }
    return multiple(10.0, 1, n);
}

void nyx_scale_widen(nyx_scale *scale, int count)
{
    int    factor, power;
    double step, before = 0.0;

    if (scale->log) {
        scale->low = log_end(scale->low, false);
        scale->high = log_end(scale->high, true);
        return;
    }
    for (int i = 0; i < 4; i++, before = step) { /* a wider range may want a wider step */
        round_step((scale->high - scale->low) / count, &factor, &power);
        step = multiple(1.0, factor, power);
        if (step == before)
            break;
        scale->low = multiple(floor(scale->low / step + 1e-9), factor, power) + 0.0;
        scale->high = multiple(ceil(scale->high / step - 1e-9), factor, power) + 0.0;
    }
}

const char *nyx_scale_label(char out[NYX_NUMBER], double value, double step)
{
    const int decimals = step > 0.0 && step < 1.0 ? -power_below(step * (1.0 + 1e-9)) : 0;

    if (value != 0.0 && (fabs(value) < 1e-4 || fabs(value) >= 1e9))
        snprintf(out, NYX_NUMBER, "%.3g", value);
    else if (step <= 0.0 && fabs(value) < 1000.0)
        snprintf(out, NYX_NUMBER, "%.4g", value);
    else if (decimals == 0)
        nyx_number_count(out, (int64_t)llround(value));
    else
        snprintf(out, NYX_NUMBER, "%.*f", decimals < 9 ? decimals : 9, value);
    return out;
}
