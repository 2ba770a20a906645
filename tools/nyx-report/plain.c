/* plain -- the set as text and as CSV. */
#include "form.h"
#include "table.h"
#include "words.h"

#include <math.h>
#include <string.h>

/* ---- text ---------------------------------------------------------------------- */

void form_text(nyx_page *page, const report_set *set)
{
    bool lines = false, rows = false;

    for (int i = 0; i < set->count; i++)
        rows |= report_is_row(&set->items[i]);
    for (int i = 0; i < set->count; i++) {
        const report_item *item = &set->items[i];

        if (!words_has(item))
            continue;
        nyx_page_add(page, "%s", item->name);
        for (size_t k = strlen(item->name); k < 22; k++)
            nyx_page_markup(page, " ");
        nyx_page_markup(page, " ");
        words_of(page, item);
        nyx_page_markup(page, "\n");
        lines = true;
    }
    if (!rows)
        return;
    nyx_page_markup(page, lines ? "\n" : "");
    report_tables(page, set);
    words_singles(page, set, "\n", "", "\n", true);
}

/* ---- CSV ------------------------------------------------------------------------- */

static void number(nyx_grid *grid, double value)
{
    char text[NYX_NUMBER];

    if (isfinite(value))
        nyx_grid_cell(grid, "%s", nyx_number_exact(text, value));
    else
        nyx_grid_cell(grid, "%s", "");
}

static void heads(nyx_grid *grid, const char *const *names)
{
    for (; *names; names++)
        nyx_grid_cell(grid, "%s", *names);
}

static void steps(nyx_grid *grid, const report_set *set)
{
    heads(grid, (const char *const[]){ "log", "kind", "step", "loss", "exact", "tokens", NULL });
    for (int i = 0; i < set->count; i++) {
        const report_log *log = set->items[i].log;

        for (int64_t k = 0, e = 0; log && (k < log->steps.count || e < log->tests.count);) {
            const bool step = k < log->steps.count && !(e < log->tests.count && log->tests.column[LOG_STEP][e] <
                                                                                    log->steps.column[LOG_STEP][k]);

            nyx_grid_cell(grid, "%s", set->items[i].name);
            nyx_grid_cell(grid, "%s", step ? "step" : "evaluation");
            number(grid, step ? log->steps.column[LOG_STEP][k] : log->tests.column[LOG_STEP][e]);
            number(grid, step ? log->steps.column[LOG_LOSS][k] : log->tests.column[LOG_LOSS][e]);
            number(grid, step ? (double)NAN : log->tests.column[LOG_EXACT][e]);
            number(grid, step ? (double)NAN : log->tests.column[LOG_TOKENS][e]);
            k += step;
            e += !step;
        }
    }
}

static void candidates(nyx_grid *grid, const report_set *set)
{
    heads(grid, (const char *const[]){ "log", "token_forwards", "kl", "bits", "accepted", NULL });
    for (int i = 0; i < set->count; i++) {
        const log_part *part = set->items[i].log ? &set->items[i].log->candidates : NULL;

        for (int64_t k = 0; part && k < part->count; k++) {
            nyx_grid_cell(grid, "%s", set->items[i].name);
            for (int c = LOG_SPENT; c <= LOG_ACCEPTED; c++)
                number(grid, part->column[c][k]);
        }
    }
}

/* Cells of one object, in the order of `names`: text as it is, null empty. */
static void cells(nyx_grid *grid, const nyx_json *object, const char *const *names)
{
    for (; *names; names++) {
        const nyx_json *value = nyx_json_get(object, *names);

        if (json_is_number(value))
            number(grid, json_number(value));
        else if (nyx_json_kind_of(value) == NYX_JSON_BOOL)
            nyx_grid_cell(grid, "%s", nyx_json_bool(value, false) ? "true" : "false");
        else
            nyx_grid_cell(grid, "%s", nyx_json_text(value, ""));
    }
}

/* A row for each object of the array at `path` of reports of one kind. */
static void objects(nyx_grid *grid, const report_set *set, const char *kind, const char *path, const char *const *names)
{
    nyx_grid_cell(grid, "report");
    heads(grid, names);
    for (int i = 0; i < set->count; i++) {
        const nyx_json *array = item_shows(&set->items[i], kind) ? item_get(&set->items[i], path) : NULL;

        for (int64_t k = 0; k < nyx_json_count(array); k++) {
            nyx_grid_cell(grid, "%s", set->items[i].name);
            cells(grid, nyx_json_item(array, k), names);
        }
    }
}

static const char *const tensor_columns[] = {
    "name",        "coded",        "format_before",     "format",    "method", "bits_per_weight", "bytes_before",
    "bytes_after", "relative_mse", "mean_signed_error", "max_error", NULL
};
static const char *const bench_columns[] = { "op",      "what",       "samples",           "median_s",
                                             "low_s",   "high_s",     "flops_per_s",       "bytes_per_s",
                                             "limit_s", "limited_by", "fraction_of_limit", "openblas_s",
                                             "host_s",  "host_fraction", "submit_s", "submits",
                                             NULL };

static void tensors(nyx_grid *grid, const report_set *set)
{
    objects(grid, set, "quantize", "result.tensors", tensor_columns);
}

static void bench(nyx_grid *grid, const report_set *set)
{
    objects(grid, set, "bench", "run.figures", bench_columns);
}

static const char *const run_columns[] = { "schema",
                                           "status",
                                           "error",
                                           "run.tool",
                                           "run.version",
                                           "run.seed",
                                           "run.device",
                                           "run.start",
                                           "run.duration_s",
                                           "run.peak_memory_bytes",
                                           "run.host.processor",
                                           "run.host.memory_bytes",
                                           NULL };

static void runs(nyx_grid *grid, const report_set *set)
{
    nyx_grid_cell(grid, "report");
    heads(grid, run_columns);
    for (int i = 0; i < set->count; i++) {
        if (!set->items[i].json)
            continue;
        nyx_grid_cell(grid, "%s", set->items[i].name);
        cells(grid, set->items[i].json, run_columns);
    }
}

const char *const form_tables[] = { "evaluations", "bench", "training", "search", "tensors", "runs", NULL };

static const struct {
    const char *name;
    int         columns;
    void (*fill)(nyx_grid *grid, const report_set *set);
} others[] = {
    { "bench", sizeof bench_columns / sizeof *bench_columns, bench },
    { "training", 6, steps },
    { "search", 5, candidates },
    { "tensors", sizeof tensor_columns / sizeof *tensor_columns, tensors },
    { "runs", sizeof run_columns / sizeof *run_columns, runs },
};

int form_csv(nyx_page *page, const report_set *set, const char *table)
{
    bool any = (!table || !strcmp(table, "evaluations")) && report_tables(page, set) > 0;

    for (size_t i = 0; i < sizeof others / sizeof *others && !any; i++) {
        nyx_grid *grid;

        if (table && strcmp(table, others[i].name))
            continue;
        grid = nyx_grid_create(others[i].columns);
        others[i].fill(grid, set);
        any = !nyx_grid_empty(grid);
        if (any)
            nyx_grid_put(page, grid, "");
        nyx_grid_free(grid);
    }
    return any ? 0
               : nyx_error_set(NYX_ERR_INPUT, "no file has a row of the table '%s'; name the reports or logs that have",
                               table ? table : "evaluations");
}
