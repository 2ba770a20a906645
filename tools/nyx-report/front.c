/* front -- what each coding costs: size against what was kept. */
#include "section.h"

#include <math.h>
#include <string.h>

double front_value(const front_point *point, const char *metric, const char *part)
{
    const nyx_json *estimate = nyx_json_get(item_get(point->item, "result"), metric);
    const double    value = number_at(estimate, part);
    const double    error = number_at(point->item->json, "result.kl.se");

    /* A stream of text is one row: there is no interval over rows. */
    if (!strcmp(metric, "kl.mean") && error > 0.0 &&
        number_at(estimate, "low") == number_at(estimate, "high"))
        return !strcmp(part, "low")    ? fmax(0.0, value - 1.96 * error)
               : !strcmp(part, "high") ? value + 1.96 * error
                                       : value;
    return value;
}

/* ---- finding ----------------------------------------------------------------------- */

/* SHA-256 of the reference of an evaluation; "" when it has none. */
static const char *reference_of(const report_item *item)
{
    const char *path = item_argument(item, "reference");

    return item_shows(item, "eval") && nyx_json_count(item_get(item, "result.reference")) && path
               ? item_input(item, path)
               : "";
}

/* The format; of a mixed recipe the name of the report, less what all have. */
static void name_point(front_point *point)
{
    const char *format = item_text(point->item, "result.storage.format"), *name = point->item->name;

    if (strcmp(format, "mixed") && *format) {
        snprintf(point->label, sizeof point->label, "%s", format);
        return;
    }
    if (!strncmp(name, "eval-", 5))
        name += 5;
    snprintf(point->label, sizeof point->label, "%.*s", (int)strcspn(name, "."), name);
}

static void add_point(front *f, const report_item *item)
{
    front_point point = { .item = item };
    int         at = f->count++;

    point.bytes = number_at(item->json, "result.storage.bytes");
    point.bits = number_at(item->json, "result.storage.bits_per_coded_weight");
    name_point(&point);
    for (; at > 0 && f->points[at - 1].bytes > point.bytes; at--)
        f->points[at] = f->points[at - 1];
    f->points[at] = point;
}

static bool any_value(const front *f, const char *metric)
{
    for (int i = 0; i < f->count; i++)
        if (isfinite(front_value(&f->points[i], metric, "value")))
            return true;
    return false;
}

bool front_find(front *out, const report_set *set)
{
    const char *best = "";
    int         most = 0;

    for (int i = 0; i < set->count; i++) {
        const char *reference = reference_of(&set->items[i]);
        int         count = 0;

        for (int k = 0; k < set->count && *reference; k++)
            count += !strcmp(reference, reference_of(&set->items[k]));
        if (count > most) {
            most = count;
            best = reference;
        }
    }
    *out = (front){ 0 };
    for (int i = 0; i < set->count && most; i++) {
        const report_item *item = &set->items[i];

        if (!strcmp(best, reference_of(item)) && isfinite(number_at(item->json, "result.storage.bytes")))
            add_point(out, item);
        else if (item_shows(item, "eval") && !nyx_json_count(item_get(item, "result.reference")) &&
                 !strcmp(best, item_input(item, NULL)) && item_get(item, "result.storage"))
            out->reference = item;
    }
    out->text = out->count && item_get(out->points[0].item, "result.text");
    out->metric = !out->text && any_value(out, "preservation")         ? "preservation"
                  : !out->text && any_value(out, "preservation_token") ? "preservation_token"
                                                                       : "kl.mean";
    return out->count > 0;
}

/* ---- drawing -------------------------------------------------------------------------- */

typedef struct {
    const front *f;
    const char  *metric;
    double       unit, factor; /* bytes of a unit on the x axis; of the value */
    bool         less_is_more; /* a small value is good */
} drawing;

static double reference_bytes(const front *f)
{
    return f->reference ? number_at(f->reference->json, "result.storage.bytes") : (double)NAN;
}

/* Whether no smaller model is as good. */
static bool on_front(const drawing *d, int i)
{
    const double value = front_value(&d->f->points[i], d->metric, "value");

    for (int k = 0; k < d->f->count; k++) {
        const double other = front_value(&d->f->points[k], d->metric, "value");
        const bool   better = d->less_is_more ? other < value : other > value;
        const bool   smaller = d->f->points[k].bytes < d->f->points[i].bytes;
        const bool   no_larger = d->f->points[k].bytes <= d->f->points[i].bytes;

        if (k != i && ((better && no_larger) || (other == value && smaller)))
            return false;
    }
    return isfinite(value);
}

static void draw(nyx_plot *plot, const void *context)
{
    const drawing *d = context;
    double         x[REPORTS_MOST + 1], y[REPORTS_MOST + 1];
    int            count = 0;

    for (int i = 0; i < d->f->count; i++) {
        if (!on_front(d, i))
            continue;
        x[count] = d->f->points[i].bytes / d->unit;
        y[count++] = d->factor * front_value(&d->f->points[i], d->metric, "value");
    }
    if (!d->less_is_more)
        nyx_plot_rule(plot, "c", d->factor, d->f->reference ? "" : "as the reference");
    nyx_plot_steps(plot, "c", x, y, count);
    for (int i = 0; i < d->f->count; i++) {
        const front_point *p = &d->f->points[i];
        const double       value = d->factor * front_value(p, d->metric, "value");

        nyx_plot_point(plot, on_front(d, i) ? "a" : "c", p->bytes / d->unit, value,
                       d->factor * front_value(p, d->metric, "low"), d->factor * front_value(p, d->metric, "high"));
    }
    if (d->f->reference && !d->less_is_more)
        nyx_plot_point(plot, "b", reference_bytes(d->f) / d->unit, d->factor, 1.0, 0.0);
    for (int round = 0; round < 2; round++) /* those on the front choose their places first */
        for (int i = 0; i < d->f->count; i++)
            if (on_front(d, i) == (round == 0))
                nyx_plot_label(plot, round ? "c" : "a", d->f->points[i].bytes / d->unit,
                               d->factor * front_value(&d->f->points[i], d->metric, "value"), d->f->points[i].label,
                               d->f->count <= 8);
    if (d->f->reference && !d->less_is_more)
        nyx_plot_label(plot, "b", reference_bytes(d->f) / d->unit, d->factor,
                       item_text(d->f->reference, "result.storage.format"), true);
}

/* KiB, MiB or GiB: the largest in which the smallest model has at least one. */
static double unit_of(double bytes, const char **name)
{
    static const char *const names[] = { "KiB", "MiB", "GiB" };
    double                   unit = 1024.0;
    int                      i = 0;

    for (; i < 2 && bytes >= 1024.0 * unit; i++)
        unit *= 1024.0;
    *name = names[i];
    return unit;
}

/* Ends of the axes: all points, their intervals, the reference. */
static void span(nyx_chart *chart, const drawing *d)
{
    const front *f = d->f;
    double       least = INFINITY;

    chart->x.low = f->points[0].bytes / d->unit;
    chart->x.high = fmax(f->points[f->count - 1].bytes,
                         isfinite(reference_bytes(f)) && !d->less_is_more ? reference_bytes(f) : 0.0) /
                    d->unit;
    chart->x.log = chart->x.high > 3.0 * chart->x.low && chart->x.low > 0.0;
    chart->x.exact = chart->x.high > chart->x.low;
    if (chart->x.exact) { /* a little air at both ends */
        const double air = chart->x.log ? pow(chart->x.high / chart->x.low, 0.04)
                                        : 0.04 * (chart->x.high - chart->x.low);

        chart->x.low = chart->x.log ? chart->x.low / air : fmax(0.0, chart->x.low - air);
        chart->x.high = chart->x.log ? chart->x.high * air : chart->x.high + air;
    }
    chart->y.low = d->less_is_more ? INFINITY : d->factor;
    chart->y.high = d->less_is_more ? 0.0 : d->factor;
    for (int i = 0; i < f->count; i++) {
        const double value = d->factor * front_value(&f->points[i], d->metric, "value");
        const double low = d->factor * front_value(&f->points[i], d->metric, "low");
        const double high = d->factor * front_value(&f->points[i], d->metric, "high");

        chart->y.low = fmin(chart->y.low, fmin(value, low));
        chart->y.high = fmax(chart->y.high, fmax(value, high));
        least = value > 0.0 ? fmin(least, low > 0.0 ? low : value) : least;
    }
    chart->y.log = d->less_is_more && isfinite(least) && chart->y.high > 10.0 * least;
    if (chart->y.log) {
        chart->y = (nyx_axis){ chart->y.label, least / 1.4, chart->y.high * 1.25, true, true };
    } else if (d->less_is_more) {
        chart->y.low = 0.0;
    } else { /* nothing is preserved to 110 %: the axis ends behind what is */
        nyx_scale round = { .low = chart->y.low, .high = chart->y.high };

        nyx_scale_widen(&round, 5);
        chart->y = (nyx_axis){ chart->y.label, round.low, chart->y.high + 0.04 * (chart->y.high - round.low), false,
                               true };
    }
}

static void put(nyx_page *page, const drawing *d, nyx_chart *chart, const char *unit, const char *what)
{
    const front *f = d->f;
    nyx_page    *desc = NULL;
    const char  *text = "";
    int64_t      bytes;
    char         x_label[64];

    if (nyx_page_create(&desc, NYX_PAGE_TEXT) < 0)
        nyx_page_lose(page);
    else
        for (int i = 0; i < f->count; i++)
            if (isfinite(front_value(&f->points[i], d->metric, "value")))
                nyx_page_add(desc, "%s: %.1f %s, %.3g (%.3g to %.3g). ", f->points[i].label,
                             f->points[i].bytes / d->unit, unit,
                             d->factor * front_value(&f->points[i], d->metric, "value"),
                             d->factor * front_value(&f->points[i], d->metric, "low"),
                             d->factor * front_value(&f->points[i], d->metric, "high"));
    if (desc && nyx_page_text(&text, &bytes, desc) < 0)
        nyx_page_lose(page);
    snprintf(x_label, sizeof x_label, "size of the tensors, %s", unit);
    chart->x.label = x_label;
    chart->desc = text;
    nyx_page_markup(page, "<figure>\n");
    figure(page, chart, draw, d);
    nyx_page_add(page, "<figcaption>%s Bars are 95 %% intervals over %lld scored %s%s</figcaption>\n</figure>\n", what,
                 (long long)nyx_json_int(item_get(f->points[0].item,
                                                  f->text ? "result.scored_tokens" : "result.scored_rows"),
                                         0),
                 f->text ? "tokens, taken as independent" : "rows",
                 f->count > 2 ? "; the dashed line joins those that no smaller model equals." : ".");
    nyx_page_free(desc);
}

static void figure_kl(nyx_page *page, const front *f, int height)
{
    const char *unit;
    drawing     d = { f, "kl.mean", unit_of(f->points[0].bytes, &unit), 1.0, true };
    nyx_chart   chart = {
          .id = "kl", .title = "KL divergence from the reference against size", .width = 760, .height = height
    };

    chart.y.label = "KL divergence from the reference, nats a token";
    span(&chart, &d);
    put(page, &d, &chart, unit, "Less is better.");
}

void front_figure(nyx_page *page, const front *f)
{
    const char *unit;
    drawing     d = { f, f->metric, unit_of(f->points[0].bytes, &unit), 100.0, false };
    nyx_chart   chart = { .id = "front", .title = "What was preserved against size", .width = 760, .height = 340 };

    if (!strcmp(f->metric, "kl.mean")) {
        figure_kl(page, f, 340);
        return;
    }
    chart.y.label = !strcmp(f->metric, "preservation") ? "Preserved exact accuracy, % of the reference's"
                                                       : "Preserved token accuracy, % of the reference's";
    span(&chart, &d);
    put(page, &d, &chart, unit, "Up and to the left is better.");
}

void front_figure_kl(nyx_page *page, const front *f)
{
    if (strcmp(f->metric, "kl.mean") && any_value(f, "kl.mean"))
        figure_kl(page, f, 280);
}
