/* search -- what nyx-evolve found, beside the plans that need no search. */
#include "section.h"

#include <math.h>
#include <string.h>

static bool is_search(const report_item *item)
{
    return item_shows(item, "evolve") || (item->log && item->log->candidates.count);
}

bool has_search(const report_set *set)
{
    for (int i = 0; i < set->count; i++)
        if (is_search(&set->items[i]))
            return true;
    return false;
}

/* ---- plans ----------------------------------------------------------------------------- */

/* The interval as a line, the value as a dot, from 0 to `end`. */
static void whisker(nyx_page *page, const nyx_json *interval, double end)
{
    const double low = number_at(interval, "low"), value = number_at(interval, "value"),
                 high = number_at(interval, "high");

    nyx_page_markup(page, "<td class=\"bar\">");
    if (isfinite(value) && end > 0.0)
        nyx_page_add(page,
                     "<svg aria-hidden=\"true\" focusable=\"false\"><rect class=\"room\" x=\"0\" y=\"6\" "
                     "width=\"100%%\" height=\"2\"/>"
                     "<line class=\"a\" x1=\"%.1f%%\" x2=\"%.1f%%\" y1=\"7\" y2=\"7\"/><circle class=\"a\" "
                     "cx=\"%.1f%%\" cy=\"7\" r=\"4.5\"/></svg>",
                     98.0 * fmax(0.0, low) / end, 98.0 * high / end, 98.0 * value / end);
    nyx_page_markup(page, "</td>");
}

static void interval(nyx_page *page, const nyx_json *json, bool sign)
{
    if (isfinite(number_at(json, "value")))
        nyx_page_add(page,
                     sign ? "<td class=\"n\">%+.3g (%+.3g to %+.3g)</td>" : "<td class=\"n\">%.3g (%.3g to %.3g)</td>",
                     number_at(json, "value"), number_at(json, "low"), number_at(json, "high"));
    else
        nyx_page_markup(page, "<td class=\"n\">\xe2\x80\x93</td>");
}

static void plans(nyx_page *page, const nyx_json *plans)
{
    double end = 0.0;
    char   size[NYX_NUMBER];

    for (int64_t i = 0; i < nyx_json_count(plans); i++)
        end = fmax(end, number_at(nyx_json_item(plans, i), "kl.high"));
    nyx_page_markup(
        page,
        "<div class=\"scroll\" tabindex=\"0\"><table class=\"full\">\n<thead><tr><th scope=\"col\">plan</th>"
        "<th scope=\"col\" class=\"n\">bits</th><th scope=\"col\" class=\"n\">size</th><th scope=\"col\">KL, from "
        "0</th>"
        "<th scope=\"col\" class=\"n\">KL (95 %)</th><th scope=\"col\" class=\"n\">more than evolved (95 %)</th></tr>"
        "</thead>\n<tbody>\n");
    for (int64_t i = 0; i < nyx_json_count(plans); i++) {
        const nyx_json *plan = nyx_json_item(plans, i);
        const char     *name = nyx_json_text(nyx_json_get(plan, "name"), "?");

        nyx_page_add(page, "<tr><th scope=\"row\">%s</th><td class=\"n\">%.3f</td><td class=\"n\">%s</td>", name,
                     number_at(plan, "bits_per_weight"), nyx_number_bytes(size, number_at(plan, "bytes")));
        whisker(page, nyx_json_get(plan, "kl"), end);
        interval(page, nyx_json_get(plan, "kl"), false);
        interval(page, strcmp(name, "evolved") ? nyx_json_get(plan, "kl_more_than_evolved") : NULL, true);
        nyx_page_markup(page, "</tr>\n");
    }
    nyx_page_markup(page, "</tbody></table></div>\n");
}

/* What the intervals say, in words. */
static void verdict(nyx_page *page, const nyx_json *plans)
{
    int said = 0;

    for (int64_t i = 0; i < nyx_json_count(plans); i++) {
        const nyx_json *plan = nyx_json_item(plans, i);
        const char     *name = nyx_json_text(nyx_json_get(plan, "name"), "?");
        const double    low = number_at(plan, "kl_more_than_evolved.low"),
                     high = number_at(plan, "kl_more_than_evolved.high");

        if (!strcmp(name, "evolved") || !isfinite(low) || !isfinite(high))
            continue;
        nyx_page_markup(page, said++ ? "; it " : "<p>The evolved recipe ");
        nyx_page_add(page, "%s %s", low > 0.0 ? "beats" : high < 0.0 ? "is beaten by" : "cannot be told from", name);
    }
    nyx_page_markup(page, said ? ", by the paired difference of KL on the held-out rows.</p>\n" : "");
}

/* ---- the front of generation 0 ------------------------------------------------------------ */

static void draw_front(nyx_plot *plot, const void *context)
{
    const nyx_json *result = context, *points = nyx_json_get(result, "front"), *plans = nyx_json_get(result, "plans");
    double          x[512], y[512];
    int64_t         count = nyx_json_count(points) < 512 ? nyx_json_count(points) : 512;

    for (int64_t i = 0; i < count; i++) {
        x[i] = number_at(nyx_json_item(points, i), "bits_per_weight");
        y[i] = number_at(nyx_json_item(points, i), "predicted");
    }
    nyx_plot_line(plot, "c", x, y, count);
    for (int64_t i = 0; i < nyx_json_count(plans); i++) {
        const nyx_json *plan = nyx_json_item(plans, i);

        if (strcmp(nyx_json_text(nyx_json_get(plan, "name"), ""), "evolved"))
            continue;
        nyx_plot_point(plot, "a", number_at(plan, "bits_per_weight"), number_at(plan, "predicted"), 1.0, 0.0);
        nyx_plot_label(plot, "a", number_at(plan, "bits_per_weight"), number_at(plan, "predicted"), "evolved", true);
    }
}

static void front_chart(nyx_page *page, const nyx_json *result, int index)
{
    const nyx_json *points = nyx_json_get(result, "front"), *plans = nyx_json_get(result, "plans");
    char            id[24], desc[160];
    nyx_chart       chart = { .id = id,
                              .title = "Predicted loss against bits a weight",
                              .desc = desc,
                              .width = 760,
                              .height = 280,
                              .x = { "bits a weight", INFINITY, 0.0, false, true },
                              .y = { "predicted squared distance of the outputs", INFINITY, 0.0, true, true } };

    if (nyx_json_count(points) < 2)
        return;
    snprintf(id, sizeof id, "search%d", index);
    for (int part = 0; part < 2; part++) {
        const nyx_json *list = part ? plans : points;

        for (int64_t i = 0; i < nyx_json_count(list); i++) {
            const double bits = number_at(nyx_json_item(list, i), "bits_per_weight"),
                         cost = number_at(nyx_json_item(list, i), "predicted");

            chart.x.low = fmin(chart.x.low, bits);
            chart.x.high = fmax(chart.x.high, bits);
            chart.y.low = cost > 0.0 ? fmin(chart.y.low, cost / 1.2) : chart.y.low;
            chart.y.high = fmax(chart.y.high, 1.2 * cost);
        }
    }
    snprintf(desc, sizeof desc, "%lld plans of the convex front from %.2f to %.2f bits a weight.",
             (long long)nyx_json_count(points), chart.x.low, chart.x.high);
    nyx_page_markup(page, "<figure>\n");
    figure(page, &chart, draw_front, result);
    nyx_page_markup(page, "<figcaption>The dashed line is what the knapsack predicted before anything was run: the "
                          "best for each size, if errors of single tensors add up.</figcaption>\n</figure>\n");
}

/* ---- the front of three aims ---------------------------------------------------------------- */

static void pareto(nyx_page *page, const nyx_json *result)
{
    static const char *const heads[] = { "bits a weight", "size", "squared distance", "\xc2\xb5s a token" };
    const nyx_json          *points = nyx_json_get(result, "pareto");
    char                     size[NYX_NUMBER];
    nyx_grid                *grid;

    if (!nyx_json_count(points))
        return;
    grid = nyx_grid_create(4);
    for (int i = 0; i < 4; i++)
        nyx_grid_cell(grid, "%s", heads[i]);
    for (int64_t i = 0; i < nyx_json_count(points); i++) {
        const nyx_json *point = nyx_json_item(points, i);

        nyx_grid_cell(grid, "%.3f", number_at(point, "bits_per_weight"));
        nyx_grid_cell(grid, "%s", nyx_number_bytes(size, number_at(point, "bytes")));
        nyx_grid_cell(grid, "%.3g", number_at(point, "squared_distance"));
        nyx_grid_cell(grid, "%.3g", number_at(point, "us_per_token"));
    }
    nyx_page_add(page, "<details><summary>The front of size, error and time: %lld points",
                 (long long)nyx_json_count(points));
    if (isfinite(number_at(result, "hypervolume")))
        nyx_page_add(page, ", hypervolume %.3g", number_at(result, "hypervolume"));
    nyx_page_markup(page, "</summary>\n");
    nyx_grid_put(page, grid, "");
    nyx_page_markup(page, "</details>\n");
    nyx_grid_free(grid);
}

static void put_report(nyx_page *page, const report_item *item, int index)
{
    const nyx_json *result = item_get(item, "result");
    char            tokens[NYX_NUMBER], candidates[NYX_NUMBER];

    nyx_page_add(page, "<h3>%s</h3>\n", item->name);
    verdict(page, nyx_json_get(result, "plans"));
    nyx_page_add(page,
                 "<p class=\"note\">%s candidates in %lld generations took %s token-forwards; %lld rows were held out "
                 "for judging.</p>\n",
                 nyx_number_count(candidates, nyx_json_int(nyx_json_get(result, "search.candidates"), 0)),
                 (long long)nyx_json_int(nyx_json_get(result, "search.generations"), 0),
                 nyx_number_count(tokens, nyx_json_int(nyx_json_get(result, "search.token_forwards"), 0)),
                 (long long)nyx_json_int(nyx_json_get(result, "search.held_out_rows"), 0));
    plans(page, nyx_json_get(result, "plans"));
    front_chart(page, result, index);
    pareto(page, result);
    tensors_heat(page, nyx_json_get(result, "tensors"));
}

/* ---- the log ---------------------------------------------------------------------------------- */

enum { DOTS = 600 };

static void draw_log(nyx_plot *plot, const void *context)
{
    const log_part *part = &((const report_log *)context)->candidates;
    const int64_t   each = (part->count + DOTS - 1) / DOTS;
    double          x[2][DOTS + 1] = { { 0.0 } }, y[2][DOTS + 1] = { { 0.0 } };
    int64_t         counts[2] = { 0, 0 };

    for (int64_t i = 0; i < part->count; i++) {
        const int accepted = part->column[LOG_ACCEPTED][i] > 0.0;

        if ((!accepted && i % each) || counts[accepted] > DOTS)
            continue;
        x[accepted][counts[accepted]] = part->column[LOG_SPENT][i];
        y[accepted][counts[accepted]++] = part->column[LOG_KL][i];
    }
    nyx_plot_dots(plot, "c", x[0], y[0], counts[0]);
    nyx_plot_dots(plot, "a", x[1], y[1], counts[1]);
    if (counts[1])
        nyx_plot_label(plot, "a", x[1][counts[1] - 1], y[1][counts[1] - 1], "accepted", true);
}

static void put_log(nyx_page *page, const report_item *item, int index)
{
    const log_part *part = &item->log->candidates;
    char            id[24], desc[160];
    int64_t         accepted = 0;
    nyx_chart       chart = { .id = id,
                              .title = "KL of the candidates over the search",
                              .desc = desc,
                              .width = 760,
                              .height = 280,
                              .x = { "token-forwards spent", 0.0, 0.0, false, true },
                              .y = { "KL on the rows searched, nats a token", INFINITY, 0.0, false, false } };

    for (int64_t i = 0; i < part->count; i++) {
        const double kl = part->column[LOG_KL][i];

        chart.x.high = fmax(chart.x.high, part->column[LOG_SPENT][i]);
        chart.y.low = isfinite(kl) ? fmin(chart.y.low, kl) : chart.y.low;
        chart.y.high = isfinite(kl) ? fmax(chart.y.high, kl) : chart.y.high;
        accepted += part->column[LOG_ACCEPTED][i] > 0.0;
    }
    chart.y.log = chart.y.low > 0.0 && chart.y.high > 20.0 * chart.y.low;
    chart.y.low = chart.y.log ? chart.y.low : 0.0;
    snprintf(id, sizeof id, "log%d", index);
    snprintf(desc, sizeof desc, "%lld candidates, %lld accepted.", (long long)part->count, (long long)accepted);
    nyx_page_add(page, "<h3>%s</h3>\n<figure>\n", item->name);
    figure(page, &chart, draw_log, item->log);
    nyx_page_add(page,
                 "<figcaption>Each dot is a candidate: %s Rows change as the search goes on, so heights are comparable "
                 "among neighbours.</figcaption>\n</figure>\n",
                 desc);
}

void section_search(nyx_page *page, const report_set *set)
{
    if (!has_search(set))
        return;
    nyx_page_markup(page, "<section id=\"search\">\n<h2>Search</h2>\n");
    for (int i = 0; i < set->count; i++) {
        if (item_shows(&set->items[i], "evolve"))
            put_report(page, &set->items[i], i);
        else if (is_search(&set->items[i]))
            put_log(page, &set->items[i], i);
    }
    nyx_page_markup(page, "</section>\n");
}
