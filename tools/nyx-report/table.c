/* table -- the evaluations among the reports, side by side. */
#include "table.h"

#include <string.h>

/* A table has a row for each evaluation of rows, another one of text. `name` is
 * that of the column in CSV, where figures have no other unit. */
static const struct {
    const char *head, *path, *form;
    double      factor;
    bool        rows, text;
    const char *name;
} columns[] = {
    { "bits", "storage.bits_per_coded_weight", "fixed", 1.0, true, true, "bits_per_coded_weight" },
    { "KiB", "storage.bytes", "fixed", 1.0 / 1024.0, true, true, "bytes" },
    { "exact % (95 %)", "model.exact_accuracy", "estimate", 100.0, true, false, "exact" },
    { "perplexity", "model.perplexity", "fixed", 1.0, false, true, "perplexity" },
    { "+-", "model.perplexity_se", "short", 1.0, false, true, "perplexity_se" },
    { "bits/byte", "text.model.bits_per_byte", "short", 1.0, false, true, "bits_per_byte" },
    { "tokens %", "model.token_accuracy.value", "fixed", 100.0, true, true, "tokens" },
    { "KL", "kl.mean.value", "short", 1.0, true, true, "kl" },
    { "top-1 %", "top1_agreement", "fixed", 100.0, true, true, "top1_agreement" },
    { "top-5 %", "top5_agreement", "fixed", 100.0, false, true, "top5_agreement" },
    { "preserved % (95 %)", "preservation", "estimate", 100.0, true, false, "preserved" },
};
enum { COLUMNS = sizeof columns / sizeof *columns };

static bool is_estimate(int column)
{
    return !strcmp(columns[column].form, "estimate");
}

enum which { ROWS, TEXTS, ALL };

static bool is_in(int column, enum which which)
{
    return which == ALL || (which == TEXTS ? columns[column].text : columns[column].rows);
}

static bool is_text(const report_item *item)
{
    return item_get(item, "result.text") != NULL;
}

bool report_is_row(const report_item *item)
{
    return item_shows(item, "eval") && item_get(item, "result.model");
}

/* ---- for people ------------------------------------------------------------------- */

/* A share with its interval in percent, or a dash when it is unknown. */
static void estimate_cell(nyx_grid *grid, const nyx_json *estimate, const char *dash)
{
    if (!json_is_number(nyx_json_get(estimate, "value")))
        nyx_grid_cell(grid, "-");
    else
        nyx_grid_cell(grid, "%.1f (%.1f%s%.1f)", 100.0 * nyx_json_real(nyx_json_get(estimate, "value"), 0.0),
                      100.0 * nyx_json_real(nyx_json_get(estimate, "low"), 0.0), dash,
                      100.0 * nyx_json_real(nyx_json_get(estimate, "high"), 0.0));
}

static void number_cell(nyx_grid *grid, const char *form, const nyx_json *number, double factor)
{
    if (!json_is_number(number))
        nyx_grid_cell(grid, "-");
    else if (!strcmp(form, "short"))
        nyx_grid_cell(grid, "%.3g", factor * nyx_json_real(number, 0.0));
    else
        nyx_grid_cell(grid, "%.2f", factor * nyx_json_real(number, 0.0));
}

/* ---- for programs ------------------------------------------------------------------ */

static void exact_cell(nyx_grid *grid, const nyx_json *number)
{
    char text[NYX_NUMBER];

    nyx_grid_cell(grid, "%s", json_is_number(number) ? nyx_number_exact(text, json_number(number)) : "");
}

static void exact_cells(nyx_grid *grid, int column, const nyx_json *value)
{
    static const char *const parts[] = { "value", "low", "high" };

    for (int i = 0; i < (is_estimate(column) ? 3 : 1); i++)
        exact_cell(grid, is_estimate(column) ? nyx_json_get(value, parts[i]) : value);
}

/* ---- rows --------------------------------------------------------------------------- */

static void eval_row(nyx_grid *grid, const report_item *item, enum which which, const char *dash)
{
    const nyx_json *result = item_get(item, "result");

    nyx_grid_cell(grid, "%s", item->name);
    nyx_grid_cell(grid, "%s", nyx_json_text(nyx_json_get(result, "storage.format"), "?"));
    for (int i = 0; i < COLUMNS; i++) {
        const nyx_json *value = nyx_json_get(result, columns[i].path);

        if (!is_in(i, which))
            continue;
        if (which == ALL)
            exact_cells(grid, i, value);
        else if (is_estimate(i))
            estimate_cell(grid, value, dash);
        else
            number_cell(grid, columns[i].form, value, columns[i].factor);
    }
}

static nyx_grid *grid_create(enum which which)
{
    nyx_grid *grid;
    int       used = 2;

    for (int i = 0; i < COLUMNS; i++)
        used += !is_in(i, which) ? 0 : which == ALL && is_estimate(i) ? 3 : 1;
    grid = nyx_grid_create(used);
    nyx_grid_cell(grid, "report");
    nyx_grid_cell(grid, "format");
    for (int i = 0; i < COLUMNS; i++) {
        if (is_in(i, which))
            nyx_grid_cell(grid, "%s", which == ALL ? columns[i].name : columns[i].head);
        if (which == ALL && is_estimate(i)) {
            nyx_grid_cell(grid, "%s_low", columns[i].name);
            nyx_grid_cell(grid, "%s_high", columns[i].name);
        }
    }
    return grid;
}

static int put_table(nyx_page *page, const report_set *set, enum which which, bool first)
{
    const enum nyx_page_kind kind = nyx_page_kind_of(page);
    nyx_grid                *grid = NULL;
    bool                     any = false;

    for (int i = 0; i < set->count; i++) {
        const report_item *item = &set->items[i];

        if (!report_is_row(item) || (which != ALL && is_text(item) != (which == TEXTS)))
            continue;
        if (!any)
            grid = grid_create(which);
        any = true;
        eval_row(grid, item, which, kind == NYX_PAGE_HTML ? "\xe2\x80\x93" : "-");
    }
    if (!any)
        return 0;
    nyx_page_markup(page, !first && kind == NYX_PAGE_TEXT ? "\n" : "");
    nyx_grid_put(page, grid, "");
    nyx_grid_free(grid);
    return 1;
}

int report_tables(nyx_page *page, const report_set *set)
{
    int rows;

    if (nyx_page_kind_of(page) == NYX_PAGE_CSV)
        return put_table(page, set, ALL, true);
    rows = put_table(page, set, ROWS, true);
    return rows + put_table(page, set, TEXTS, rows == 0);
}
