/* set -- the reports and logs that are shown together. */
#ifndef NYX_REPORT_SET_H
#define NYX_REPORT_SET_H

#include "cli/cli.h"
#include "page/page.h"

enum { REPORTS_MOST = 256 };

/* What a log holds, column by column: of a training a loss for each step and
 * scores for each evaluation, of a search each candidate. NaN: unknown. */
enum { LOG_STEP, LOG_LOSS, LOG_EXACT, LOG_TOKENS };  /* steps, tests; the last two are shares and of tests only */
enum { LOG_SPENT, LOG_KL, LOG_BITS, LOG_ACCEPTED };  /* candidates; spent: token-forwards so far; accepted: 1 or 0 */
enum { LOG_VOLUME = 1 };                             /* fronts: behind what was spent */

typedef struct {
    int64_t count, room;
    double *column[4];
} log_part;

typedef struct {
    log_part steps, tests, candidates, fronts;
    int64_t  lines;
} report_log;

typedef struct {
    const char *path, *name; /* as given; without its folder */
    nyx_json   *json;        /* a report, or NULL */
    report_log *log;         /* a log, or NULL */
} report_item;

typedef struct {
    report_item items[REPORTS_MOST];
    int         count;
} report_set;

/* Read and check all of them, and list them as inputs. INPUT, MISSING. */
int  set_read(report_set *set, nyx_report *report, const char *const paths[]);
void set_release(report_set *set);

int  log_read(report_log **out, const char *path); /* log.c */
void log_free(report_log *log);
int  log_is(bool *is, const char *path) NYX_CHECKED; /* a JSON-Lines log, by what its first line says; MEMORY */

/* Whether an item is a report "nyx.KIND/1". */
bool item_is(const report_item *item, const char *kind);
/* Such a one that has answers. */
bool item_shows(const report_item *item, const char *kind);
/* A run that failed, was stopped or only planned has none: why, or NULL. */
const char *why_no_result(const report_item *item);

const nyx_json *item_get(const report_item *item, const char *path);
const char     *item_text(const report_item *item, const char *path); /* "" when it is absent */
bool            json_is_number(const nyx_json *json);
double          json_number(const nyx_json *json); /* NaN when it is none */
double          number_at(const nyx_json *json, const char *path); /* the same of what lies there */
/* What an argument --NAME=VALUE of the command line was, or NULL. */
const char *item_argument(const report_item *item, const char *name);
/* SHA-256 of the input that is named so, or of the first one when `path` is NULL; "" unknown. */
const char *item_input(const report_item *item, const char *path);

#endif
