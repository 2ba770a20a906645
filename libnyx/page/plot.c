/* plot -- a chart as SVG: a quiet frame, the data, words where they fit.
 *
 * Lengths are units of the viewBox, pixels where the chart is shown as wide as
 * it was drawn. Fonts differ; a letter of 13 px is taken to be 7 wide.
 */
#include "page/page.h"

#include <math.h>
#include <string.h>

static const double LETTER = 7.0, LINE = 16.0, RADIUS = 4.5, AIR = 3.0;

static double text_width(const char *text)
{
    double width = 0.0;

    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80 ? LETTER : 0.0;
    return width;
}

static void take(nyx_plot *plot, double left, double top, double right, double bottom)
{
    if (plot->boxes < NYX_PLOT_BOXES)
        plot->taken[plot->boxes++] = (struct nyx_plot_box){ left, top, right, bottom };
}

/* What a stroke covers, in boxes as wide as it is thick. */
static void take_stroke(nyx_plot *plot, double x0, double y0, double x1, double y1)
{
    const int pieces = 1 + (int)(hypot(x1 - x0, y1 - y0) / 6.0);

    for (int i = 0; i < pieces; i++) {
        const double x = x0 + (x1 - x0) * (i + 0.5) / pieces, y = y0 + (y1 - y0) * (i + 0.5) / pieces;

        take(plot, x - 3.0, y - 2.0, x + 3.0, y + 2.0);
    }
}

/* ---- the frame ------------------------------------------------------------------------ */

static nyx_scale scale_of(const nyx_axis *axis, int ticks)
{
    nyx_scale scale = { .low = axis->low, .high = axis->high, .log = axis->log };

    scale.low = scale.log ? fmax(scale.low, 1e-30) : fmax(scale.low, -1e300);
    scale.high = fmin(scale.high, 1e300);
    /* One value, or none: room around it. */
    if (!(scale.high - scale.low > fmax(1e-12 * fmax(fabs(scale.low), fabs(scale.high)), 1e-290))) {
        const double middle = isfinite(axis->low) ? axis->low : 0.0, room = middle != 0.0 ? fabs(middle) / 2.0 : 1.0;

        scale = (nyx_scale){ .low = middle - room, .high = middle + room };
        scale.log = axis->log && scale.low > 0.0;
    }
    if (!axis->exact)
        nyx_scale_widen(&scale, ticks);
    return scale;
}

/* Steps between ticks that are equal; 0 where they are not. */
static double step_of(const nyx_scale *scale, const double *ticks, int count)
{
    return scale->log || count < 2 ? 0.0 : ticks[1] - ticks[0];
}

static void y_axis(nyx_plot *plot, const nyx_axis *axis, int wanted)
{
    double    ticks[NYX_TICKS], left = 0.0;
    const int count = nyx_scale_ticks(ticks, &plot->y, wanted);
    char      label[NYX_NUMBER];

    for (int i = 0; i < count; i++)
        left = fmax(left, text_width(nyx_scale_label(label, ticks[i], step_of(&plot->y, ticks, count))));
    plot->x.from = left + 10.0;
    nyx_page_add(plot->page, "<text class=\"what\" x=\"0\" y=\"13\">%s</text>\n<g class=\"grid\">", axis->label);
    for (int i = 0; i < count; i++)
        nyx_page_add(plot->page, "<path d=\"M%.1f %.1fH%.1f\"/>", plot->x.from, nyx_scale_at(&plot->y, ticks[i]),
                     plot->x.to);
    nyx_page_markup(plot->page, "</g>\n<g class=\"tick\" text-anchor=\"end\">");
    for (int i = 0; i < count; i++)
        nyx_page_add(plot->page, "<text x=\"%.1f\" y=\"%.1f\">%s</text>", left + 2.0,
                     nyx_scale_at(&plot->y, ticks[i]) + 4.5,
                     nyx_scale_label(label, ticks[i], step_of(&plot->y, ticks, count)));
    nyx_page_markup(plot->page, "</g>\n");
}

static void x_axis(nyx_plot *plot, const nyx_axis *axis, int wanted)
{
    double       ticks[NYX_TICKS], right = -1e9;
    const int    count = nyx_scale_ticks(ticks, &plot->x, wanted);
    const double base = plot->y.from;
    char         label[NYX_NUMBER];

    nyx_page_add(plot->page, "<path class=\"base\" d=\"M%.1f %.1fH%.1f", plot->x.from, base, plot->x.to);
    for (int i = 0; i < count; i++)
        nyx_page_add(plot->page, "M%.1f %.1fv4", nyx_scale_at(&plot->x, ticks[i]), base);
    nyx_page_markup(plot->page, "\"/>\n<g class=\"tick\" text-anchor=\"middle\">");
    for (int i = 0; i < count; i++) {
        const double half = text_width(nyx_scale_label(label, ticks[i], step_of(&plot->x, ticks, count))) / 2.0;
        const double at = fmin(nyx_scale_at(&plot->x, ticks[i]), plot->width - half);

        if (at - half < right + 6.0) /* its neighbour's words need the room */
            continue;
        nyx_page_add(plot->page, "<text x=\"%.1f\" y=\"%.1f\">%s</text>", at, base + 18.0, label);
        right = at + half;
    }
    nyx_page_add(plot->page, "</g>\n<text class=\"axis\" text-anchor=\"end\" x=\"%.1f\" y=\"%.1f\">%s</text>\n",
                 plot->x.to, base + 36.0, axis->label);
}

void nyx_plot_open(nyx_plot *plot, nyx_page *page, const nyx_chart *chart)
{
    const int x_ticks = chart->width / 90 > 2 ? chart->width / 90 : 2,
              y_ticks = chart->height / 50 > 2 ? chart->height / 50 : 2;

    *plot = (nyx_plot){ .page = page, .width = chart->width, .height = chart->height };
    plot->x = scale_of(&chart->x, x_ticks);
    plot->y = scale_of(&chart->y, y_ticks);
    plot->x.to = chart->width - 10.0;
    plot->y.from = chart->height - 42.0;
    plot->y.to = 32.0;
    nyx_page_add(page,
                 "<svg viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\" aria-labelledby=\"%s-t %s-d\">\n",
                 chart->width, chart->height, chart->width, chart->height, chart->id, chart->id);
    nyx_page_add(page, "<title id=\"%s-t\">%s</title><desc id=\"%s-d\">%s</desc>\n", chart->id, chart->title, chart->id,
                 chart->desc);
    y_axis(plot, &chart->y, y_ticks);
    x_axis(plot, &chart->x, x_ticks);
}

/* ---- data --------------------------------------------------------------------------------- */

void nyx_plot_line(nyx_plot *plot, const char *class, const double *x, const double *y, int64_t count)
{
    double before_x = 0.0, before_y = 0.0;
    bool   down = false;

    nyx_page_add(plot->page, "<path class=\"line %s\" d=\"", class);
    for (int64_t i = 0; i < count; i++) {
        const double px = nyx_scale_at(&plot->x, x[i]), py = nyx_scale_at(&plot->y, y[i]);

        if (!isfinite(y[i])) {
            down = false;
            continue;
        }
        nyx_page_add(plot->page, "%c%.1f %.1f", down ? 'L' : 'M', px, py);
        if (down)
            take_stroke(plot, before_x, before_y, px, py);
        before_x = px;
        before_y = py;
        down = true;
    }
    nyx_page_markup(plot->page, "\"/>\n");
}

void nyx_plot_steps(nyx_plot *plot, const char *class, const double *x, const double *y, int64_t count)
{
    nyx_page_add(plot->page, "<path class=\"line %s\" d=\"", class);
    for (int64_t i = 0; i < count; i++) {
        const double px = nyx_scale_at(&plot->x, x[i]), py = nyx_scale_at(&plot->y, y[i]);
        const double before = i ? nyx_scale_at(&plot->y, y[i - 1]) : py;

        if (i == 0)
            nyx_page_add(plot->page, "M%.1f %.1f", px, py);
        else
            nyx_page_add(plot->page, "H%.1fV%.1f", px, py);
        take(plot, px - 1.0, fmin(py, before), px + 1.0, fmax(py, before));
        if (i)
            take(plot, nyx_scale_at(&plot->x, x[i - 1]), before - 1.0, px, before + 1.0);
    }
    nyx_page_markup(plot->page, "\"/>\n");
}

/* Upper edge to the right, lower edge back; gaps end one area and begin the next. */
void nyx_plot_band(nyx_plot *plot, const char *class, const double *x, const double *low, const double *high,
                   int64_t count)
{
    nyx_page_add(plot->page, "<path class=\"band %s\" d=\"", class);
    for (int64_t from = 0, to; from < count; from = to + 1) {
        for (to = from; to < count && isfinite(low[to]) && isfinite(high[to]); to++)
            nyx_page_add(plot->page, "%c%.1f %.1f", to == from ? 'M' : 'L', nyx_scale_at(&plot->x, x[to]),
                         nyx_scale_at(&plot->y, high[to]));
        for (int64_t i = to - 1; i >= from; i--)
            nyx_page_add(plot->page, "L%.1f %.1f", nyx_scale_at(&plot->x, x[i]), nyx_scale_at(&plot->y, low[i]));
        nyx_page_markup(plot->page, to > from ? "Z" : "");
    }
    nyx_page_markup(plot->page, "\"/>\n");
}

void nyx_plot_point(nyx_plot *plot, const char *class, double x, double y, double low, double high)
{
    const double px = nyx_scale_at(&plot->x, x), py = nyx_scale_at(&plot->y, y);

    if (!isfinite(x) || !isfinite(y))
        return;
    if (low < high) {
        const double top = nyx_scale_at(&plot->y, high), bottom = nyx_scale_at(&plot->y, low);

        nyx_page_add(plot->page, "<path class=\"whisker %s\" d=\"M%.1f %.1fV%.1fM%.1f %.1fh6M%.1f %.1fh6\"/>", class,
                     px, top, bottom, px - 3.0, top, px - 3.0, bottom);
        take(plot, px - 3.0, top, px + 3.0, bottom);
    }
    nyx_page_add(plot->page, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"/>\n", class, px, py, RADIUS);
    take(plot, px - RADIUS, py - RADIUS, px + RADIUS, py + RADIUS);
}

/* One path: each dot is a stroke without length and with round ends. */
void nyx_plot_dots(nyx_plot *plot, const char *class, const double *x, const double *y, int64_t count)
{
    nyx_page_add(plot->page, "<path class=\"dots %s\" d=\"", class);
    for (int64_t i = 0; i < count; i++)
        if (isfinite(x[i]) && isfinite(y[i]))
            nyx_page_add(plot->page, "M%.1f %.1fh0", nyx_scale_at(&plot->x, x[i]), nyx_scale_at(&plot->y, y[i]));
    nyx_page_markup(plot->page, "\"/>\n");
}

void nyx_plot_rule(nyx_plot *plot, const char *class, double y, const char *text)
{
    const double py = nyx_scale_at(&plot->y, y);

    nyx_page_add(plot->page, "<path class=\"rule %s\" d=\"M%.1f %.1fH%.1f\"/>\n", class, plot->x.from, py, plot->x.to);
    take(plot, plot->x.from, py - 1.0, plot->x.to, py + 1.0);
    if (*text)
        nyx_plot_label(plot, class, plot->x.high, y, text, true);
}

/* ---- words -------------------------------------------------------------------------------- */

void nyx_plot_label(nyx_plot *plot, const char *class, double x, double y, const char *text, bool must)
{
    int i = plot->labels;

    if (i == NYX_PLOT_LABELS || !isfinite(x) || !isfinite(y))
        return;
    plot->label[i].x = nyx_scale_at(&plot->x, x);
    plot->label[i].y = nyx_scale_at(&plot->y, y);
    plot->label[i].class = class;
    plot->label[i].must = must;
    snprintf(plot->label[i].text, sizeof plot->label[i].text, "%s", text);
    plot->labels++;
}

/* The area that a box covers of what is taken, and of what lies outside. */
static double covered(const nyx_plot *plot, const struct nyx_plot_box *box)
{
    const double width = box->right - box->left, height = box->bottom - box->top;
    const double inside = fmax(0.0, fmin(box->right, plot->width) - fmax(box->left, plot->x.from)) *
                          fmax(0.0, fmin(box->bottom, plot->y.from) - fmax(box->top, 17.0));
    double area = 8.0 * (width * height - inside);

    for (int i = 0; i < plot->boxes; i++) {
        const struct nyx_plot_box *b = &plot->taken[i];
        const double               w = fmin(box->right + AIR, b->right) - fmax(box->left - AIR, b->left);
        const double               h = fmin(box->bottom, b->bottom) - fmax(box->top, b->top);

        area += w > 0.0 && h > 0.0 ? w * h : 0.0;
    }
    return area;
}

void nyx_plot_close(nyx_plot *plot)
{
    /* where the box's middle lies from the point: in half widths and lines, and a gap */
    static const struct {
        double x, y, gap;
    } places[] = {
        { 1, 0, 9 },      { 0, -1, 0 },     { -1, 0, -9 },   { 0, 1, 0 },     { 1, -0.7, 6 },
        { -1, -0.7, -6 }, { 1, 0.7, 6 },    { -1, 0.7, -6 }, { 0, -2, 0 },    { 0, 2, 0 },
        { 1, -1.6, 4 },   { -1, -1.6, -4 }, { 1, 1.6, 4 },   { -1, 1.6, -4 },
    };

    for (int i = 0; i < plot->labels; i++) {
        const double        half = text_width(plot->label[i].text) / 2.0;
        struct nyx_plot_box best = { 0 };
        double              least = INFINITY;

        for (size_t p = 0; p < sizeof places / sizeof *places; p++) {
            const double        x = plot->label[i].x + places[p].x * half + places[p].gap;
            const double        y = plot->label[i].y + places[p].y * LINE;
            struct nyx_plot_box box = { x - half, y - LINE / 2.0, x + half, y + LINE / 2.0 };
            const double        cost = covered(plot, &box);

            if (cost < least - 1e-9) {
                least = cost;
                best = box;
            }
        }
        if (least > 0.0 && !plot->label[i].must)
            continue;
        nyx_page_add(plot->page, "<text class=\"label %s\" text-anchor=\"middle\" x=\"%.1f\" y=\"%.1f\">%s</text>\n",
                     plot->label[i].class, (best.left + best.right) / 2.0, best.bottom - 3.5, plot->label[i].text);
        take(plot, best.left, best.top, best.right, best.bottom);
    }
    nyx_page_markup(plot->page, "</svg>\n");
}
