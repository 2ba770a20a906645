/* bench -- how fast, as shares of what this machine can do at most. */
#include "section.h"

#include <math.h>
#include <string.h>

/* The axis ends a little behind the limit, or behind what passed it. */
static double end_of(const nyx_json *figures)
{
    double end = 1.0;

    for (int64_t i = 0; i < nyx_json_count(figures); i++)
        end = fmax(end, number_at(nyx_json_item(figures, i), "fraction_of_limit"));
    return fmin(1.02 * end, 4.0);
}

/* The bar, its interval as a line, the limit as a stroke across. */
static void bar(nyx_page *page, const nyx_json *figure, double end)
{
    const double limit = number_at(figure, "limit_s"),
                 fraction = number_at(figure, "fraction_of_limit");
    const double low = limit / number_at(figure, "high_s"),
                 high = limit / number_at(figure, "low_s");
    const double full = 100.0 / end;

    nyx_page_markup(page, "<td class=\"bar\">");
    if (isfinite(fraction)) {
        nyx_page_add(page,
                     "<svg aria-hidden=\"true\" focusable=\"false\"><rect class=\"room\" x=\"0\" y=\"2\" "
                     "width=\"%.1f%%\" height=\"10\"/>"
                     "<rect class=\"a\" x=\"0\" y=\"2\" width=\"%.1f%%\" height=\"10\"/>",
                     full, fmin(fraction, end) * full);
        if (low < high)
            nyx_page_add(page, "<line x1=\"%.1f%%\" x2=\"%.1f%%\" y1=\"7\" y2=\"7\"/>", fmin(low, end) * full,
                         fmin(high, end) * full);
        nyx_page_add(page, "<line x1=\"%.1f%%\" x2=\"%.1f%%\" y1=\"0\" y2=\"14\"/></svg>", full, full);
    }
    nyx_page_markup(page, "</td>");
}

static void rate(char out[NYX_NUMBER], const nyx_json *figure)
{
    const double flops = number_at(figure, "flops_per_s"),
                 bytes = number_at(figure, "bytes_per_s");
    const bool memory = !strcmp(nyx_json_text(nyx_json_get(figure, "limited_by"), ""), "memory");

    if (isfinite(flops) && flops > 0.0 && !(memory && isfinite(bytes)))
        nyx_number_rate(out, flops, "FLOP");
    else if (isfinite(bytes) && bytes > 0.0)
        nyx_number_rate(out, bytes, "B");
    else
        snprintf(out, NYX_NUMBER, "\xe2\x80\x93");
}

static void row(nyx_page *page, const nyx_json *figure, double end)
{
    const double seconds = number_at(figure, "median_s"),
                 fraction = number_at(figure, "fraction_of_limit");
    char time[NYX_NUMBER], speed[NYX_NUMBER];

    nyx_page_add(page, "<tr><th scope=\"row\" class=\"wrap\">%s</th>", nyx_json_text(nyx_json_get(figure, "what"), ""));
    if (!isfinite(seconds)) {
        nyx_page_add(page, "<td colspan=\"4\" class=\"wrap kept\">no number: %s</td></tr>\n",
                     nyx_json_text(nyx_json_get(figure, "median_s_reason"), "the samples spread too wide"));
        return;
    }
    bar(page, figure, end);
    if (isfinite(fraction))
        nyx_page_add(page, fraction < 0.0995 ? "<td class=\"n\">%.1f %%</td>" : "<td class=\"n\">%.0f %%</td>",
                     100.0 * fraction);
    else
        nyx_page_markup(page, "<td class=\"n\">\xe2\x80\x93</td>");
    rate(speed, figure);
    nyx_page_add(page, "<td class=\"n\">%s</td><td class=\"n\">%s</td></tr>\n", speed, nyx_number_time(time, seconds));
}

/* Of a GPU: arithmetic by type, before what is read. */
static void limits_of_gpu(nyx_page *page, const nyx_json *gpu, bool reads)
{
    static const char *const types[] = { "f32", "f16", "bf16", "int8" };
    char                     text[NYX_NUMBER];
    bool                     some = false;

    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (isfinite(number_at(gpu, types[i]))) {
            nyx_page_add(page, "%s%s in %s", some ? ", " : "", nyx_number_rate(text, number_at(gpu, types[i]), "FLOP"),
                         types[i]);
            some = true;
        }
    if (some && reads)
        nyx_page_markup(page, "; ");
}

static void limits(nyx_page *page, const nyx_json *limits)
{
    static const char *const sets[] = { "avx512", "avx2", "neon", "base" };
    const nyx_json          *read = nyx_json_get(limits, "read"), *gpu = nyx_json_get(limits, "gpu");
    char                     text[NYX_NUMBER], size[NYX_NUMBER], path[48];

    if (gpu)
        nyx_page_markup(page, "<p class=\"note\">Limits of the GPU measured in the same run: ");
    else
        nyx_page_add(page, "<p class=\"note\">Limits measured in the same run with %lld threads: ",
                     (long long)nyx_json_int(nyx_json_get(limits, "threads"), 0));
    limits_of_gpu(page, gpu, nyx_json_count(read) > 0);
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        double peak;

        snprintf(path, sizeof path, "peak_flops_per_s.%s", sets[i]);
        peak = number_at(limits, path);
        if (!isfinite(peak))
            continue;
        nyx_page_add(page, "%s of multiply-adds (%s)%s", nyx_number_rate(text, peak, "FLOP"), sets[i],
                     nyx_json_count(read) ? "; " : "");
        break;
    }
    for (int64_t i = 0; i < nyx_json_count(read); i++)
        nyx_page_add(page, "%s%s reading %s", i ? ", " : "",
                     nyx_number_rate(text, nyx_json_real(nyx_json_get(nyx_json_item(read, i), "bytes_per_s"), 0.0),
                                     "B"),
                     nyx_number_bytes(size, nyx_json_real(nyx_json_get(nyx_json_item(read, i), "bytes"), 0.0)));
    nyx_page_markup(page, ".</p>\n");
}

static void compare(nyx_page *page, const nyx_json *compare)
{
    const nyx_json *figures = nyx_json_get(compare, "figures");
    char            a[NYX_NUMBER], b[NYX_NUMBER];

    nyx_page_add(page, "<p>%lld of %lld figures are slower than before by more than %.0f %%",
                 (long long)nyx_json_int(nyx_json_get(compare, "slower"), 0), (long long)nyx_json_count(figures),
                 nyx_json_real(nyx_json_get(compare, "threshold"), 0.0));
    for (int64_t i = 0, shown = 0; i < nyx_json_count(figures); i++) {
        const nyx_json *f = nyx_json_item(figures, i);

        if (!nyx_json_bool(nyx_json_get(f, "slower"), false))
            continue;
        nyx_page_add(page, "%s%s %s, %s after %s", shown++ ? "; " : ": ", nyx_json_text(nyx_json_get(f, "op"), ""),
                     nyx_json_text(nyx_json_get(f, "what"), ""),
                     nyx_number_time(a, nyx_json_real(nyx_json_get(f, "new_s"), 0.0)),
                     nyx_number_time(b, nyx_json_real(nyx_json_get(f, "old_s"), 0.0)));
    }
    nyx_page_markup(page, ".</p>\n");
}

static void put(nyx_page *page, const report_item *item)
{
    const nyx_json *figures = item_get(item, "run.figures");
    const double    end = end_of(figures);
    const char     *before = NULL;

    nyx_page_add(page, "<h3>%s</h3>\n", item->name);
    limits(page, item_get(item, "run.limits"));
    if (item_get(item, "run.compare"))
        compare(page, item_get(item, "run.compare"));
    nyx_page_markup(
        page, "<div class=\"scroll\" tabindex=\"0\"><table class=\"full bars\">\n<thead><tr><th scope=\"col\">what</th>"
              "<th scope=\"col\">share of the limit</th><th scope=\"col\" class=\"n\">of limit</th>"
              "<th scope=\"col\" class=\"n\">speed</th><th scope=\"col\" class=\"n\">time</th></tr></thead>\n");
    for (int64_t i = 0; i < nyx_json_count(figures); i++) {
        const nyx_json *figure = nyx_json_item(figures, i);
        const char     *op = nyx_json_text(nyx_json_get(figure, "op"), "");

        if (!before || strcmp(before, op))
            nyx_page_add(page, "<tbody>\n<tr><th scope=\"rowgroup\" colspan=\"5\" class=\"op\">%s</th></tr>\n", op);
        row(page, figure, end);
        before = op;
        if (i + 1 == nyx_json_count(figures) ||
            strcmp(op, nyx_json_text(nyx_json_get(nyx_json_item(figures, i + 1), "op"), "")))
            nyx_page_markup(page, "</tbody>\n");
    }
    nyx_page_markup(page, "</table></div>\n");
}

void section_bench(nyx_page *page, const report_set *set)
{
    if (!has(set, "bench", "run.figures"))
        return;
    nyx_page_markup(
        page,
        "<section id=\"speed\">\n<h2>Speed</h2>\n<p>A bar is the share of this machine\xe2\x80\x99s own limit that was "
        "reached, the stroke at its right the limit, the line in it the 95 % interval of the median.</p>\n");
    for (int i = 0; i < set->count; i++)
        if (item_shows(&set->items[i], "bench"))
            put(page, &set->items[i]);
    nyx_page_markup(page, "</section>\n");
}
