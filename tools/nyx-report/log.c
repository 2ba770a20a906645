/* log -- the JSON Lines that nyx-train --log appends while it runs. A run may
 * have been killed in the middle of a line: the last one may be half there. */
#include "file/file.h"
#include "set.h"

#include <math.h>
#include <string.h>

bool log_is(const char *path)
{
    const size_t length = strlen(path);
    nyx_lines   *lines;
    const char  *line;
    int64_t      bytes;
    bool         is = length > 6 && !strcmp(path + length - 6, ".jsonl");

    if (is || !strcmp(path, "-") || nyx_lines_open(&lines, path) < 0)
        return is;
    if (nyx_lines_next(lines, &line, &bytes) == 1) {
        nyx_json *json = NULL;

        is = nyx_json_parse(&json, line, bytes, path) == 0 &&
             nyx_json_kind_of(nyx_json_get(json, "kind")) == NYX_JSON_TEXT;
        nyx_json_free(json);
    }
    nyx_lines_close(lines);
    return is;
}

void log_free(report_log *log)
{
    if (!log)
        return;
    nyx_free(log->step);
    nyx_free(log->loss);
    nyx_free(log->at);
    nyx_free(log->test_loss);
    nyx_free(log->test_exact);
    nyx_free(log->test_tokens);
    nyx_free(log);
}

/* Room for one more in each of `columns`. */
static int grow(double **columns[], int count, int64_t used, int64_t *room)
{
    const int64_t more = *room ? 2 * *room : 1024;

    if (used < *room)
        return 0;
    for (int c = 0; c < count; c++) {
        double *grown;
        int     status = nyx_alloc(&grown, more * (int64_t)sizeof *grown);

        if (status < 0)
            return status;
        if (used)
            memcpy(grown, *columns[c], (size_t)used * sizeof *grown);
        nyx_free(*columns[c]);
        *columns[c] = grown;
    }
    *room = more;
    return 0;
}

static double share(const nyx_json *json, const char *part, const char *whole)
{
    const double all = json_number(nyx_json_get(json, whole));

    return all > 0.0 ? json_number(nyx_json_get(json, part)) / all : (double)NAN;
}

static int add_step(report_log *log, const nyx_json *json)
{
    double **columns[] = { &log->step, &log->loss };
    int      status = grow(columns, 2, log->steps, &log->steps_room);

    if (status < 0)
        return status;
    log->step[log->steps] = json_number(nyx_json_get(json, "step"));
    log->loss[log->steps++] = json_number(nyx_json_get(json, "loss"));
    return 0;
}

static int add_evaluation(report_log *log, const nyx_json *json)
{
    double **columns[] = { &log->at, &log->test_loss, &log->test_exact, &log->test_tokens };
    int      status = grow(columns, 4, log->evaluations, &log->evaluations_room);

    if (status < 0)
        return status;
    log->at[log->evaluations] = json_number(nyx_json_get(json, "step"));
    log->test_loss[log->evaluations] = json_number(nyx_json_get(json, "loss"));
    log->test_exact[log->evaluations] = share(json, "exact", "rows");
    log->test_tokens[log->evaluations++] = share(json, "tokens_right", "tokens");
    return 0;
}

static int add_line(report_log *log, const nyx_json *json, const char *place)
{
    const char              *kind = nyx_json_text(nyx_json_get(json, "kind"), NULL);
    const enum nyx_json_kind loss = nyx_json_kind_of(nyx_json_get(json, "loss"));

    if (!kind)
        return nyx_error_set(NYX_ERR_INPUT, "'%s' has no 'kind'; is it a log of nyx-train?", place);
    if (strcmp(kind, "step") && strcmp(kind, "evaluation"))
        return nyx_error_set(NYX_ERR_INPUT,
                             "'%s': kind '%.32s' is unknown; logs of nyx-train have 'step' and 'evaluation'", place,
                             kind);
    if (nyx_json_int(nyx_json_get(json, "step"), -1) < 0)
        return nyx_error_set(NYX_ERR_INPUT, "'%s': 'step' is no number of a step", place);
    if (!nyx_json_get(json, "loss") || (loss != NYX_JSON_NULL && !json_is_number(nyx_json_get(json, "loss"))))
        return nyx_error_set(NYX_ERR_INPUT, "'%s': 'loss' is no number", place);
    return !strcmp(kind, "step") ? add_step(log, json) : add_evaluation(log, json);
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
        if (nyx_json_parse(&json, line, bytes, nyx_lines_place(lines)) < 0) {
            snprintf(cut, sizeof cut, "%s", nyx_error_text());
            continue;
        }
        status = add_line(log, json, nyx_lines_place(lines));
        nyx_json_free(json);
        if (status < 0)
            return status;
    }
    if (status == 0 && log->steps + log->evaluations == 0)
        return nyx_error_set(NYX_ERR_INPUT, "'%s' has no complete line; has the training begun?", path);
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
