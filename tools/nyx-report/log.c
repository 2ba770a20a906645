/* log -- the JSON Lines that nyx-train and nyx-evolve append while they run. A
 * run may have been killed in the middle of a line: the last may be half there. */
#include "file/file.h"
#include "set.h"

#include <math.h>
#include <string.h>

int log_is(bool *is, const char *path)
{
    const size_t length = strlen(path);
    nyx_lines   *lines;
    nyx_json    *json = NULL;
    const char  *line;
    int64_t      bytes;
    int          status;

    *is = length > 6 && !strcmp(path + length - 6, ".jsonl");
    if (*is || !strcmp(path, "-"))
        return 0;
    if ((status = nyx_lines_open(&lines, path)) < 0)
        return status == NYX_ERR_MEMORY ? status : 0; /* reading it as a report says what is wrong */
    if ((status = nyx_lines_next(lines, &line, &bytes)) == 1 &&
        (status = nyx_json_parse(&json, line, bytes, path)) == 0)
        *is = nyx_json_kind_of(nyx_json_get(json, "kind")) == NYX_JSON_TEXT;
    nyx_json_free(json);
    nyx_lines_close(lines);
    return status == NYX_ERR_MEMORY ? status : 0;
}

void log_free(report_log *log)
{
    if (!log)
        return;
    for (int c = 0; c < 4; c++) {
        nyx_free(log->steps.column[c]);
        nyx_free(log->tests.column[c]);
        nyx_free(log->candidates.column[c]);
        nyx_free(log->fronts.column[c]);
    }
    nyx_free(log);
}

static int add_row(log_part *part, const double values[4])
{
    const int64_t room = part->room ? 2 * part->room : 1024;

    for (int c = 0; c < 4 && part->count == part->room; c++) {
        int status = nyx_realloc(&part->column[c], part->count * (int64_t)sizeof **part->column,
                                 room * (int64_t)sizeof **part->column);

        if (status < 0)
            return status;
    }
    if (part->count == part->room)
        part->room = room;
    for (int c = 0; c < 4; c++)
        part->column[c][part->count] = values[c];
    part->count++;
    return 0;
}

static double share(const nyx_json *json, const char *part, const char *whole)
{
    const double all = number_at(json, whole);

    return all > 0.0 ? number_at(json, part) / all : (double)NAN;
}

static int add_step(report_log *log, const nyx_json *json)
{
    return add_row(&log->steps,
                   (double[4]){ number_at(json, "step"), number_at(json, "loss"), (double)NAN, (double)NAN });
}

static int add_evaluation(report_log *log, const nyx_json *json)
{
    return add_row(&log->tests, (double[4]){ number_at(json, "step"), number_at(json, "loss"),
                                             share(json, "exact", "rows"), share(json, "tokens_right", "tokens") });
}

static int add_candidate(report_log *log, const nyx_json *json)
{
    return add_row(&log->candidates,
                   (double[4]){ number_at(json, "token_forwards"), number_at(json, "kl"), number_at(json, "bits"),
                                nyx_json_bool(nyx_json_get(json, "accepted"), false) ? 1.0 : 0.0 });
}

static int add_front(report_log *log, const nyx_json *json)
{
    return add_row(&log->fronts,
                   (double[4]){ number_at(json, "token_forwards"), number_at(json, "hypervolume"), 0.0, 0.0 });
}

/* Where steps ran, and what was measured of single tensors, stands in the report. */
static int pass_over(report_log *log, const nyx_json *json)
{
    (void)log;
    (void)json;
    return 0;
}

/* Kinds of line; the count of which run, and the figure that they all have. */
static const struct {
    const char *kind, *count, *figure;
    int (*add)(report_log *log, const nyx_json *json);
} kinds[] = {
    { "place", "step", "share", pass_over },
    { "step", "step", "loss", add_step },
    { "evaluation", "step", "loss", add_evaluation },
    { "candidate", "token_forwards", "kl", add_candidate },
    { "front", "token_forwards", "hypervolume", add_front },
    { "sensitivity", "token_forwards", "squared_distance", pass_over },
};

static int add_line(report_log *log, const nyx_json *json, const char *place)
{
    const char *kind = nyx_json_text(nyx_json_get(json, "kind"), NULL);

    if (!kind)
        return nyx_error_set(NYX_ERR_INPUT, "'%s' has no 'kind'; is it a log of nyx-train or nyx-evolve?", place);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const nyx_json *figure = nyx_json_get(json, kinds[i].figure);

        if (strcmp(kind, kinds[i].kind))
            continue;
        if (nyx_json_int(nyx_json_get(json, kinds[i].count), -1) < 0)
            return nyx_error_set(NYX_ERR_INPUT, "'%s': '%s' is no count", place, kinds[i].count);
        if (!figure || (nyx_json_kind_of(figure) != NYX_JSON_NULL && !json_is_number(figure)))
            return nyx_error_set(NYX_ERR_INPUT, "'%s': '%s' is no number", place, kinds[i].figure);
        return kinds[i].add(log, json);
    }
    return nyx_error_set(
        NYX_ERR_INPUT,
        "'%s': kind '%.32s' is unknown; logs have place, step, evaluation, candidate, front, sensitivity", place, kind);
}

/* Line after line; one that cannot be parsed is forgiven if it is the last. */
static int read_lines(report_log *log, nyx_lines *lines, const char *path)
{
    char        cut[512] = "";
    const char *line;
    int64_t     bytes;
    int         status;

    while ((status = nyx_lines_next(lines, &line, &bytes)) == 1) {
        nyx_json *json;

        if (*cut)
            return nyx_error_set(NYX_ERR_INPUT, "%s", cut);
        if ((status = nyx_json_parse(&json, line, bytes, nyx_lines_place(lines))) == NYX_ERR_MEMORY)
            return status;
        if (status < 0) {
            snprintf(cut, sizeof cut, "%s", nyx_error_text());
            continue;
        }
        status = add_line(log, json, nyx_lines_place(lines));
        log->lines++;
        nyx_json_free(json);
        if (status < 0)
            return status;
    }
    if (status == 0 && log->lines == 0)
        return nyx_error_set(NYX_ERR_INPUT, "'%s' has no complete line; has the run begun?", path);
    if (status == 0 && *cut)
        nyx_cli_note("warning: the last line of '%s' is not whole and was left out", path);
    return status;
}

int log_read(report_log **out, const char *path)
{
    nyx_lines *lines;
    int        status;

    if ((status = nyx_alloc(out, (int64_t)sizeof **out)) < 0 || (status = nyx_lines_open(&lines, path)) < 0)
        return status;
    status = read_lines(*out, lines, path);
    nyx_lines_close(lines);
    return status;
}
