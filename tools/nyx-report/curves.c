/* curves -- how the loss fell. A long log is thinned: steps are gathered in as
 * many groups as there is room, each with its mean, its least and its largest. */
#include "section.h"

#include <math.h>
#include <string.h>

enum { GROUPS = 150 };

typedef struct {
    const report_log *log;
    double            x[GROUPS], mean[GROUPS], low[GROUPS], high[GROUPS];
    double            at[GROUPS], test[GROUPS], exact[GROUPS], tokens[GROUPS]; /* evaluations; right ones in percent */
    int               groups, tests;
    double            steps_each;
} curve;

static bool is_training(const report_item *item)
{
    return item->log && item->log->steps.count + item->log->tests.count > 0;
}

bool has_curves(const report_set *set)
{
    for (int i = 0; i < set->count; i++)
        if (is_training(&set->items[i]))
            return true;
    return false;
}

/* Of many evaluations every so manieth, and the last. */
static void thin_tests(curve *c, const report_log *log)
{
    c->tests = (int)(log->tests.count < GROUPS ? log->tests.count : GROUPS);
    for (int i = 0; i < c->tests; i++) {
        const int64_t e = (log->tests.count * (i + 1)) / c->tests - 1;

        c->at[i] = log->tests.column[LOG_STEP][e];
        c->test[i] = log->tests.column[LOG_LOSS][e];
        c->exact[i] = 100.0 * log->tests.column[LOG_EXACT][e];
        c->tokens[i] = 100.0 * log->tests.column[LOG_TOKENS][e];
    }
}

/* Groups are ranges of lines, which are a step each. */
static void thin(curve *c, const report_log *log)
{
    *c = (curve){ .log = log, .groups = (int)(log->steps.count < GROUPS ? log->steps.count : GROUPS) };
    c->steps_each = c->groups ? (double)log->steps.count / c->groups : 0.0;
    for (int g = 0; g < c->groups; g++) {
        const int64_t from = log->steps.count * g / c->groups, to = log->steps.count * (g + 1) / c->groups;
        double        sum = 0.0, at = 0.0;
        int64_t       known = 0;

        c->low[g] = INFINITY;
        c->high[g] = -INFINITY;
        for (int64_t i = from; i < to; i++) {
            at += log->steps.column[LOG_STEP][i];
            if (!isfinite(log->steps.column[LOG_LOSS][i]))
                continue;
            sum += log->steps.column[LOG_LOSS][i];
            c->low[g] = fmin(c->low[g], log->steps.column[LOG_LOSS][i]);
            c->high[g] = fmax(c->high[g], log->steps.column[LOG_LOSS][i]);
            known++;
        }
        c->x[g] = at / (double)(to - from);
        c->mean[g] = known ? sum / (double)known : (double)NAN;
    }
    thin_tests(c, log);
}

/* A line; few points on it are marked. */
static void draw_tests(nyx_plot *plot, const char *class, const curve *c, const double *values)
{
    nyx_plot_line(plot, class, c->at, values, c->tests);
    for (int i = 0; i < c->tests && c->tests <= 40; i++)
        nyx_plot_point(plot, class, c->at[i], values[i], 1.0, 0.0);
}

static void draw_loss(nyx_plot *plot, const void *context)
{
    const curve *c = context;

    if (c->steps_each > 1.0)
        nyx_plot_band(plot, "a", c->x, c->low, c->high, c->groups);
    nyx_plot_line(plot, "a", c->x, c->mean, c->groups);
    draw_tests(plot, "b", c, c->test);
    if (c->groups)
        nyx_plot_label(plot, "a", c->x[c->groups / 3], c->mean[c->groups / 3], "training", true);
    if (c->tests)
        nyx_plot_label(plot, "b", c->at[c->tests - 1], c->test[c->tests - 1], "test", true);
}

static void draw_scores(nyx_plot *plot, const void *context)
{
    const curve *c = context;

    draw_tests(plot, "c", c, c->tokens);
    draw_tests(plot, "b", c, c->exact);
    nyx_plot_label(plot, "b", c->at[(c->tests - 1) / 2], c->exact[(c->tests - 1) / 2], "rows wholly right", true);
    nyx_plot_label(plot, "c", c->at[0], c->tokens[0], "tokens right", true);
}

static bool any_exact(const curve *c)
{
    for (int i = 0; i < c->tests; i++)
        if (c->exact[i] > 0.0)
            return true;
    return false;
}

static void loss_chart(nyx_chart *chart, const curve *c, char desc[400])
{
    const report_log *log = c->log;
    double            low = INFINITY, high = -INFINITY, last = 0.0;

    for (int g = 0; g < c->groups; g++) {
        low = fmin(low, c->low[g]);
        high = fmax(high, c->high[g]);
        last = c->x[g];
    }
    for (int64_t i = 0; i < log->tests.count; i++) {
        low = isfinite(log->tests.column[LOG_LOSS][i]) ? fmin(low, log->tests.column[LOG_LOSS][i]) : low;
        high = isfinite(log->tests.column[LOG_LOSS][i]) ? fmax(high, log->tests.column[LOG_LOSS][i]) : high;
        last = fmax(last, log->tests.column[LOG_STEP][i]);
    }
    chart->x = (nyx_axis){ "step", 0.0, last, false, true };
    chart->y = (nyx_axis){ "loss", low, high, low > 0.0 && high > 20.0 * low, false };
    if (chart->y.log)
        chart->y = (nyx_axis){ "loss", low / 1.15, high * 1.15, true, true };
    else
        chart->y.low = fmin(0.0, low);
    snprintf(desc, 400, "Over %lld steps the mean training loss went from %.3g to %.3g.", (long long)log->steps.count,
             c->groups ? c->mean[0] : (double)NAN, c->groups ? c->mean[c->groups - 1] : (double)NAN);
    if (log->tests.count)
        snprintf(desc + strlen(desc), 400 - strlen(desc),
                 " On the test rows the loss was %.3g at step %.0f and %.3g at step %.0f.",
                 log->tests.column[LOG_LOSS][0], log->tests.column[LOG_STEP][0],
                 log->tests.column[LOG_LOSS][log->tests.count - 1], log->tests.column[LOG_STEP][log->tests.count - 1]);
    chart->desc = desc;
}

static void put(nyx_page *page, const report_item *item, int number)
{
    char      id[24], desc[400], steps[NYX_NUMBER];
    nyx_chart chart = { .id = id, .title = "Loss of training and test over the steps", .width = 760, .height = 300 };
    curve     c;

    thin(&c, item->log);
    nyx_page_add(page, "<h3>%s</h3>\n<figure>\n", item->name);
    snprintf(id, sizeof id, "loss%d", number);
    loss_chart(&chart, &c, desc);
    figure(page, &chart, draw_loss, &c);
    nyx_page_add(page, "<figcaption>Loss of %s training steps", nyx_number_count(steps, item->log->steps.count));
    if (c.steps_each > 1.0)
        nyx_page_add(page,
                     ": the line is the mean of about %.0f steps, the band reaches from their least to their largest",
                     c.steps_each);
    nyx_page_markup(page, item->log->tests.count
                              ? "; points are evaluations on the test rows.</figcaption>\n</figure>\n"
                              : ".</figcaption>\n</figure>\n");
    if (c.tests < 2 || !any_exact(&c))
        return;
    snprintf(id, sizeof id, "score%d", number);
    chart.title = "What the model gets right on the test rows";
    chart.height = 220;
    chart.y = (nyx_axis){ "right on the test rows, %", 0.0, 100.0, false, true };
    nyx_page_markup(page, "<figure>\n");
    figure(page, &chart, draw_scores, &c);
    nyx_page_markup(page, "</figure>\n");
}

void section_curves(nyx_page *page, const report_set *set)
{
    int number = 0;

    if (!has_curves(set))
        return;
    nyx_page_markup(page, "<section id=\"training\">\n<h2>Training</h2>\n");
    for (int i = 0; i < set->count; i++)
        if (is_training(&set->items[i]))
            put(page, &set->items[i], ++number);
    nyx_page_markup(page, "</section>\n");
}
