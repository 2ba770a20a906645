/* section -- the parts of the HTML page. Each puts a <section> down, or nothing
 * when the set has nothing for it; `has_` says which. */
#ifndef NYX_REPORT_SECTION_H
#define NYX_REPORT_SECTION_H

#include "set.h"

/* ---- front.c: size against quality ---------------------------------------------- */

/* One coded model beside the reference that it was judged against. */
typedef struct {
    const report_item *item;
    double             bytes, bits; /* of the tensors; a coded weight */
    char               label[48];
} front_point;

/* The evaluations with a common reference, smallest first; the largest such
 * group of the set. `metric` is the path of the estimate that is shown. */
typedef struct {
    front_point  points[REPORTS_MOST];
    int          count;
    const report_item *reference; /* evaluated by itself; NULL: not in the set */
    const char  *metric;    /* "preservation", "preservation_token" or "kl.mean" */
    bool         text;
} front;

bool   front_find(front *out, const report_set *set); /* false: no evaluation with a reference */
/* Its "value", "low" or "high"; NaN: unknown. */
double front_value(const front_point *point, const char *metric, const char *part);
void   front_figure(nyx_page *page, const front *f);    /* the chart that comes first */
void   front_figure_kl(nyx_page *page, const front *f); /* KL against size, when it is not the first */

/* ---- the others -------------------------------------------------------------------- */

void section_head(nyx_page *page, const report_set *set, const front *f); /* head.c: the result; f may be NULL */
void section_curves(nyx_page *page, const report_set *set);               /* curves.c */
void section_tensors(nyx_page *page, const report_set *set);              /* tensors.c */
void section_search(nyx_page *page, const report_set *set);               /* search.c */
void section_texts(nyx_page *page, const report_set *set);                /* texts.c */
void section_bench(nyx_page *page, const report_set *set);                /* bench.c */
void section_machine(nyx_page *page, const report_set *set);              /* machine.c */
void section_provenance(nyx_page *page, const report_set *set);           /* provenance.c */
void provenance_unknown(nyx_page *page, const report_set *set);           /* unknown.c: a part of it */
void tensors_heat(nyx_page *page, const nyx_json *tensors);               /* tensors.c: any such list as a heat map */

bool has_search(const report_set *set);
bool has_curves(const report_set *set);
bool has(const report_set *set, const char *kind, const char *path); /* a report of that kind with that part */

/* A chart in both widths: `draw` is called for each. */
void figure(nyx_page *page, const nyx_chart *chart, void (*draw)(nyx_plot *plot, const void *context),
            const void *context);

#endif
