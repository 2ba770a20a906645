/* page -- a document for people: text that is escaped as it is added, tables,
 * round ticks, and charts drawn as SVG.
 *
 *     nyx_page *page;
 *     if ((status = nyx_page_create(&page, NYX_PAGE_HTML)) < 0) return status;
 *     nyx_page_add(page, "<h1>%s</h1>\n", title);     markup stands in the format,
 *     ...                                             what %s brings is text
 *     status = nyx_page_write(page, "report.html");
 *     nyx_page_free(page);
 *
 * Safety.  Whatever comes in through %s is data: it is escaped for the kind of
 * page, broken UTF-8 and control characters (those that turn the direction of
 * text around, too) become U+FFFD. So no string in a report can be markup, a
 * formula or an escape sequence.
 * Memory.  A page that runs out of memory is poisoned: writing it fails with
 * MEMORY. So what adds to it returns nothing.
 * The same calls give the same bytes.
 */
#ifndef NYX_PAGE_H
#define NYX_PAGE_H

#include "base/base.h"

enum nyx_page_kind { NYX_PAGE_TEXT, NYX_PAGE_HTML, NYX_PAGE_MARKDOWN, NYX_PAGE_CSV };

typedef struct nyx_page nyx_page;
int  nyx_page_create(nyx_page **out, enum nyx_page_kind kind) NYX_CHECKED;
void nyx_page_free(nyx_page *page); /* NULL is fine */
enum nyx_page_kind nyx_page_kind_of(const nyx_page *page);

/* Add. The format knows %s and %.*s (escaped), %d, %lld, %c and doubles (%.1f, %g ...). */
void nyx_page_add(nyx_page *page, const char *fmt, ...) NYX_PRINTF(2, 3);
/* Add as it is: only for text of our own, such as the style sheet. */
void nyx_page_markup(nyx_page *page, const char *markup);

/* Poison it: memory ran out elsewhere. */
void nyx_page_lose(nyx_page *page);

/* What was added so far, or MEMORY. Borrowed until the next addition. */
int nyx_page_text(const char **out, int64_t *bytes, const nyx_page *page) NYX_CHECKED;
int nyx_page_write(const nyx_page *page, const char *path) NYX_CHECKED; /* CREATE, OUTPUT, MEMORY */

/* ---- numbers as people read them ------------------------------------------------ */

enum { NYX_NUMBER = 40 }; /* room for one */

const char *nyx_number_count(char out[NYX_NUMBER], int64_t value);            /* 214,914 */
const char *nyx_number_bytes(char out[NYX_NUMBER], double bytes);             /* 125.0 KiB */
const char *nyx_number_time(char out[NYX_NUMBER], double seconds);            /* 35 s, 1 min 23 s, 4.1 ms */
const char *nyx_number_rate(char out[NYX_NUMBER], double each_s, const char *unit); /* 138 GFLOP/s */
const char *nyx_number_short(char out[NYX_NUMBER], double value);             /* three digits, no exponent near 1 */
const char *nyx_number_exact(char out[NYX_NUMBER], double value);             /* the fewest digits that read back */

/* ---- tables ----------------------------------------------------------------------- */

/* Rows of cells, the first row the head. As text its columns are aligned,
 * numbers right; as HTML the first cell of a row is its heading. */
typedef struct nyx_grid nyx_grid;
nyx_grid *nyx_grid_create(int columns); /* NULL when memory ran out: what follows takes that */
void      nyx_grid_free(nyx_grid *grid);
bool      nyx_grid_empty(const nyx_grid *grid); /* nothing but the head, and no memory was missing */
void      nyx_grid_cell(nyx_grid *grid, const char *fmt, ...) NYX_PRINTF(2, 3); /* row after row */
/* Put it down; one that lacks memory poisons the page. `caption` may be "". */
void nyx_grid_put(nyx_page *page, const nyx_grid *grid, const char *caption);

/* ---- scales ------------------------------------------------------------------------ */

/* From a value to a place along an axis. */
typedef struct {
    double low, high; /* of the values; high > low, and both > 0 when `log` */
    bool   log;
    double from, to;  /* places of low and high */
} nyx_scale;

enum { NYX_TICKS = 24 };

double nyx_scale_at(const nyx_scale *scale, double value); /* ends are not passed */

/* Round values inside [low, high], about `count` of them (`count` >= 2):
 * multiples of 1, 2 or 5 times a power of ten; on a logarithmic axis powers of
 * ten, with 2 and 5 times these where they are few. Returns how many. */
int nyx_scale_ticks(double ticks[NYX_TICKS], const nyx_scale *scale, int count);

/* Widen [low, high] so that its ends are such values. */
void nyx_scale_widen(nyx_scale *scale, int count);

/* A tick in as few digits as tell it from its neighbours, `step` apart; on a
 * logarithmic axis 0: as few as it needs. 1,500  0.02  1e-06 */
const char *nyx_scale_label(char out[NYX_NUMBER], double value, double step);

/* ---- charts ------------------------------------------------------------------------- */

/* An axis: what stands at it, and its values. */
typedef struct {
    const char *label;
    double      low, high; /* widened to round values unless `exact` */
    bool        log, exact;
} nyx_axis;

typedef struct {
    const char *id;          /* unique in the page */
    const char *title, *desc; /* for those who hear the page */
    int         width, height;
    nyx_axis    x, y;
} nyx_chart;

/* A chart while it is drawn. Classes are those of the style sheet: "a" and "b"
 * are the two colours, "c" is the quiet one. */
enum { NYX_PLOT_BOXES = 1024, NYX_PLOT_LABELS = 96 };
typedef struct {
    nyx_page *page;
    nyx_scale x, y;
    int       width, height, boxes, labels;
    struct nyx_plot_box { double left, top, right, bottom; } taken[NYX_PLOT_BOXES];
    struct { double x, y; const char *class; char text[48]; bool must; } label[NYX_PLOT_LABELS];
} nyx_plot;

void nyx_plot_open(nyx_plot *plot, nyx_page *page, const nyx_chart *chart); /* axes, grid */
/* A line through points; a NaN interrupts it. */
void nyx_plot_line(nyx_plot *plot, const char *class, const double *x, const double *y, int64_t count);
/* Level to the next point, then up or down to it: what is the best so far. */
void nyx_plot_steps(nyx_plot *plot, const char *class, const double *x, const double *y, int64_t count);
/* The area between two lines. */
void nyx_plot_band(nyx_plot *plot, const char *class, const double *x, const double *low, const double *high,
                   int64_t count);
/* A point, with its interval where low < high. */
void nyx_plot_point(nyx_plot *plot, const char *class, double x, double y, double low, double high);
/* Many small points, without their intervals. */
void nyx_plot_dots(nyx_plot *plot, const char *class, const double *x, const double *y, int64_t count);
/* A level line across the chart with its words. */
void nyx_plot_rule(nyx_plot *plot, const char *class, double y, const char *text);
/* Words at a point, put where they cover nothing; left out where there is no
 * such place, unless they `must` stand. */
void nyx_plot_label(nyx_plot *plot, const char *class, double x, double y, const char *text, bool must);
void nyx_plot_close(nyx_plot *plot); /* labels are put down now */

/* The style sheet of a page of ours: light and dark, narrow, printed. */
void nyx_page_style(nyx_page *page);

#endif
