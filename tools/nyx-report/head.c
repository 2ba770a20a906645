/* head -- the result in words, then the few facts that it stands on. */
#include "section.h"

#include <math.h>
#include <string.h>

/* The first report of a kind that has answers, or NULL. */
static const report_item *first(const report_set *set, const char *kind, const char *path)
{
    for (int i = 0; i < set->count; i++)
        if (item_shows(&set->items[i], kind) && item_get(&set->items[i], path))
            return &set->items[i];
    return NULL;
}

static double result(const report_item *item, const char *path)
{
    return number_at(item_get(item, "result"), path);
}

/* ---- codings ---------------------------------------------------------------------------- */

static void share_of_size(nyx_page *page, const front *f, const front_point *point)
{
    if (f->reference && result(f->reference, "storage.bytes") > 0.0)
        nyx_page_add(page, ", in %.0f\xc2\xa0%% of the size",
                     100.0 * point->bytes / result(f->reference, "storage.bytes"));
}

static void kept(nyx_page *page, const front *f, const front_point *point)
{
    nyx_page_add(page, "%s %.1f\xc2\xa0%% (%.1f\xe2\x80\x93%.1f)", point->label,
                 100.0 * front_value(point, f->metric, "value"), 100.0 * front_value(point, f->metric, "low"),
                 100.0 * front_value(point, f->metric, "high"));
}

/* The smallest whose interval reaches 100 %; without one the one that keeps most. */
static int choose(const front *f, bool *reaches)
{
    double most = (double)NAN;
    int    best = 0;

    for (int i = 0; i < f->count; i++) {
        const double value = front_value(&f->points[i], f->metric, "value");

        *reaches = front_value(&f->points[i], f->metric, "high") >= 1.0;
        if (*reaches)
            return i;
        if (value > most || isnan(most)) {
            best = i;
            most = value;
        }
    }
    return best;
}

static void preserved(nyx_page *page, const front *f)
{
    bool               reaches = false;
    const int          best = choose(f, &reaches);
    const front_point *point = &f->points[best];
    const char        *what = !strcmp(f->metric, "preservation") ? "what the reference solves"
                                                                 : "the tokens that the reference predicts";
    int                others = 0;

    nyx_page_add(page, "<h1>%s keeps %.1f\xc2\xa0%% of %s", point->label,
                 100.0 * front_value(point, f->metric, "value"), what);
    share_of_size(page, f, point);
    nyx_page_add(
        page,
        "</h1>\n<p class=\"lead\">The 95\xc2\xa0%% interval is %.1f\xe2\x80\x93%.1f\xc2\xa0%%, over %lld scored rows. ",
        100.0 * front_value(point, f->metric, "low"), 100.0 * front_value(point, f->metric, "high"),
        (long long)nyx_json_int(item_get(point->item, "result.scored_rows"), 0));
    if (f->count > 1 && reaches)
        nyx_page_add(page, "It is the smallest of %d codings whose loss these rows cannot tell from none. ", f->count);
    else if (f->count > 1)
        nyx_page_add(page, "It keeps the most of %d codings; each of them loses something. ", f->count);
    for (int i = best - 1; i >= 0 && others < 3; i--) {
        if (isnan(front_value(&f->points[i], f->metric, "value")))
            continue;
        nyx_page_markup(page, others++ ? ", " : "Smaller ones keep less: ");
        kept(page, f, &f->points[i]);
    }
    nyx_page_markup(page, others ? ".</p>\n" : "</p>\n");
}

/* Change of the perplexity in percent; `sigmas` standard errors above the mean. */
static double change(const front_point *point, double sigmas)
{
    const double mean = result(point->item, "log_perplexity_ratio.mean"),
                 error = result(point->item, "log_perplexity_ratio.se");

    return 100.0 * (exp(mean + (sigmas != 0.0 ? sigmas * error : 0.0)) - 1.0);
}

/* The smallest whose perplexity did not grow for all that can be told; without
 * one the one that grew least. */
static int choose_text(const front *f, bool *free)
{
    int best = 0;

    for (int i = 0; i < f->count; i++) {
        *free = change(&f->points[i], -1.96) <= 0.0;
        if (*free)
            return i;
        if (change(&f->points[i], 0.0) < change(&f->points[best], 0.0) || isnan(change(&f->points[best], 0.0)))
            best = i;
    }
    return best;
}

static void perplexity(nyx_page *page, const front *f)
{
    bool               free = false;
    const int          best = choose_text(f, &free);
    const front_point *point = &f->points[best];
    int                others = 0;

    nyx_page_add(page, "<h1>%s: perplexity %.4g instead of %.4g", point->label, result(point->item, "model.perplexity"),
                 result(point->item, "reference.perplexity"));
    share_of_size(page, f, point);
    nyx_page_add(page,
                 "</h1>\n<p class=\"lead\">A change of %+.1f\xc2\xa0%%, in a 95\xc2\xa0%% interval from %+.1f to "
                 "%+.1f\xc2\xa0%%, over %lld scored tokens. ",
                 change(point, 0.0), change(point, -1.96), change(point, 1.96),
                 (long long)nyx_json_int(item_get(point->item, "result.scored_tokens"), 0));
    if (f->count > 1 && free)
        nyx_page_add(page, "It is the smallest of %d codings whose loss these tokens cannot tell from none. ",
                     f->count);
    else if (f->count > 1)
        nyx_page_add(page, "It loses the least of %d codings; each of them loses something. ", f->count);
    for (int i = best - 1; i >= 0 && others < 3; i--)
        if (!isnan(change(&f->points[i], 0.0)))
            nyx_page_add(page, others++ ? ", %s %+.1f\xc2\xa0%%" : "Smaller ones: %s %+.1f\xc2\xa0%%",
                         f->points[i].label, change(&f->points[i], 0.0));
    nyx_page_markup(page, others ? ".</p>\n" : "</p>\n");
}

/* ---- without codings ------------------------------------------------------------------ */

static void trained(nyx_page *page, const report_item *item)
{
    const double exact = result(item, "test.exact_accuracy"), loss = result(item, "test.loss");
    char         steps[NYX_NUMBER], parameters[NYX_NUMBER], rows[NYX_NUMBER];

    nyx_number_count(steps, nyx_json_int(item_get(item, "result.steps"), 0));
    nyx_number_count(parameters, nyx_json_int(item_get(item, "result.parameters"), 0));
    nyx_number_count(rows, nyx_json_int(item_get(item, "result.test.rows"), 0));
    if (isfinite(exact))
        nyx_page_add(page, "<h1>%.1f\xc2\xa0%% of %s test rows solved after %s steps</h1>\n", 100.0 * exact, rows,
                     steps);
    else if (isfinite(loss))
        nyx_page_add(page, "<h1>Test loss %.4f after %s steps</h1>\n", loss, steps);
    else
        nyx_page_add(page, "<h1>%s parameters trained for %s steps</h1>\n", parameters, steps);
}

static void coded(nyx_page *page, const report_item *item)
{
    char before[NYX_NUMBER], after[NYX_NUMBER];

    nyx_page_add(
        page,
        "<h1>%lld of %lld tensors coded: <span class=\"u\">%s</span> instead of <span class=\"u\">%s</span></h1>\n",
        (long long)result(item, "totals.coded_tensors"), (long long)result(item, "totals.tensors"),
        nyx_number_bytes(after, result(item, "totals.bytes_after")),
        nyx_number_bytes(before, result(item, "totals.bytes_before")));
}

static int by_size(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static void timed(nyx_page *page, const report_item *item)
{
    const nyx_json *figures = item_get(item, "run.figures");
    double          fractions[512];
    int             count = 0;

    for (int64_t i = 0; i < nyx_json_count(figures) && count < 512; i++) {
        fractions[count] = number_at(nyx_json_item(figures, i), "fraction_of_limit");
        count += isfinite(fractions[count]);
    }
    qsort(fractions, (size_t)count, sizeof *fractions, by_size);
    if (count == 1)
        nyx_page_add(page, "<h1>%.0f\xc2\xa0%% of this machine\xe2\x80\x99s limit are reached</h1>\n",
                     100.0 * fractions[0]);
    else if (count)
        nyx_page_add(page,
                     "<h1>Half of %d figures reach %.0f\xc2\xa0%% of this machine\xe2\x80\x99s limit or more</h1>\n",
                     count, 100.0 * fractions[count / 2]);
    else
        nyx_page_add(page, "<h1>%lld figures of this machine\xe2\x80\x99s speed</h1>\n",
                     (long long)nyx_json_count(figures));
}

/* The plan of that name, or NULL. */
static const nyx_json *plan_of(const report_item *item, const char *name)
{
    const nyx_json *plans = item_get(item, "result.plans");

    for (int64_t i = 0; i < nyx_json_count(plans); i++)
        if (!strcmp(nyx_json_text(nyx_json_get(nyx_json_item(plans, i), "name"), ""), name))
            return nyx_json_item(plans, i);
    return NULL;
}

static void searched(nyx_page *page, const report_item *item)
{
    const nyx_json *evolved = plan_of(item, "evolved"), *uniform = plan_of(item, "uniform");
    const double    kl = number_at(evolved, "kl.value"),
                 other = number_at(uniform, "kl.value");

    nyx_page_add(page, "<h1>A recipe of %.2f bits a weight", number_at(evolved, "bits_per_weight"));
    if (isfinite(kl))
        nyx_page_add(page, ": KL %.3g", kl);
    if (isfinite(kl) && isfinite(other))
        nyx_page_add(page, ", one format for all %.3g", other);
    nyx_page_markup(page, "</h1>\n");
}

static void words(nyx_page *page, const report_set *set, const front *f)
{
    const report_item *train = first(set, "train", "result.test"), *quantize = first(set, "quantize", "result.totals");
    const report_item *bench = first(set, "bench", "run.figures"), *evolve = first(set, "evolve", "result.plans");
    int                logs = 0;

    for (int i = 0; i < set->count; i++)
        logs += set->items[i].log != NULL;
    if (f && !strcmp(f->metric, "kl.mean"))
        perplexity(page, f);
    else if (f)
        preserved(page, f);
    else if (evolve)
        searched(page, evolve);
    else if (train)
        trained(page, train);
    else if (quantize)
        coded(page, quantize);
    else if (bench)
        timed(page, bench);
    else
        nyx_page_add(page, "<h1>%d report%s and %d log%s</h1>\n", set->count - logs, set->count - logs == 1 ? "" : "s",
                     logs, logs == 1 ? "" : "s");
}

/* ---- facts -------------------------------------------------------------------------------- */

static void fact(nyx_page *page, const char *what, const char *value)
{
    nyx_page_add(page, "<div><dt>%s</dt><dd>%s</dd></div>\n", what, value);
}

static void facts(nyx_page *page, const report_set *set)
{
    const report_item *train = first(set, "train", "result.steps"), *data = first(set, "data", "result.kind"),
                      *any = NULL;
    char text[160], a[NYX_NUMBER], b[NYX_NUMBER];

    for (int i = 0; i < set->count && !any; i++)
        any = set->items[i].json ? &set->items[i] : NULL;
    if (!any)
        return;
    nyx_page_markup(page, "<dl class=\"facts\">\n");
    if (train) {
        fact(page, "Parameters", nyx_number_count(a, nyx_json_int(item_get(train, "result.parameters"), 0)));
        snprintf(text, sizeof text, "%s steps in %s",
                 nyx_number_count(a, nyx_json_int(item_get(train, "result.steps"), 0)),
                 nyx_number_time(b, nyx_json_real(item_get(train, "run.duration_s"), 0.0)));
        fact(page, "Training", text);
    }
    if (data) {
        const bool tokens = item_get(data, "result.train.tokens") != NULL;

        snprintf(
            text, sizeof text, "%.40s, %s + %s %s", item_text(data, "result.kind"),
            nyx_number_count(a, nyx_json_int(item_get(data, tokens ? "result.train.tokens" : "result.train.rows"), 0)),
            nyx_number_count(b, nyx_json_int(item_get(data, tokens ? "result.test.tokens" : "result.test.rows"), 0)),
            tokens ? "tokens" : "rows");
        fact(page, "Data, training + test", text);
    }
    snprintf(text, sizeof text, "%.100s, %lld processors",
             nyx_json_text(item_get(any, "run.host.processor"), "unknown"),
             (long long)nyx_json_int(item_get(any, "run.host.processors"), 0));
    fact(page, "Machine", text);
    nyx_page_markup(page, "</dl>\n");
}

void section_head(nyx_page *page, const report_set *set, const front *f)
{
    nyx_page_markup(page, "<header>\n<p class=\"over\">Nyx report</p>\n");
    words(page, set, f);
    nyx_page_markup(page, "</header>\n");
    if (f)
        front_figure(page, f);
    facts(page, set);
}
