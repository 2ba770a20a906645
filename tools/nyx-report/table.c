/* table -- the evaluations among the reports, side by side. */
#include "table.h"

#include <string.h>

/* A share with its interval in percent, or a dash when it is unknown. */
static void estimate_cell(nyx_table *table, const nyx_json *estimate)
{
    const nyx_json *value = nyx_json_get(estimate, "value");

    if (nyx_json_kind_of(value) != NYX_JSON_REAL && nyx_json_kind_of(value) != NYX_JSON_INT)
        nyx_table_cell(table, "-");
    else
        nyx_table_cell(table, "%.1f (%.1f-%.1f)", 100.0 * nyx_json_real(value, 0.0),
                       100.0 * nyx_json_real(nyx_json_get(estimate, "low"), 0.0),
                       100.0 * nyx_json_real(nyx_json_get(estimate, "high"), 0.0));
}

static void number_cell(nyx_table *table, const char *format_of, const nyx_json *number, double factor)
{
    char text[48];

    if (nyx_json_kind_of(number) != NYX_JSON_REAL && nyx_json_kind_of(number) != NYX_JSON_INT) {
        nyx_table_cell(table, "-");
        return;
    }
    if (!strcmp(format_of, "short"))
        snprintf(text, sizeof text, "%.3g", factor * nyx_json_real(number, 0.0));
    else
        snprintf(text, sizeof text, "%.2f", factor * nyx_json_real(number, 0.0));
    nyx_table_cell(table, "%s", text);
}

/* A table has a row for each evaluation of rows, another one of text. */
static const struct { const char *head, *path, *form; double factor; bool rows, text; } columns[] = {
    { "bits", "storage.bits_per_coded_weight", "fixed", 1.0, true, true },
    { "KiB", "storage.bytes", "fixed", 1.0 / 1024.0, true, true },
    { "exact % (95 %)", "model.exact_accuracy", "estimate", 100.0, true, false },
    { "perplexity", "model.perplexity", "fixed", 1.0, false, true },
    { "+-", "model.perplexity_se", "short", 1.0, false, true },
    { "bits/byte", "text.model.bits_per_byte", "short", 1.0, false, true },
    { "tokens %", "model.token_accuracy.value", "fixed", 100.0, true, true },
    { "KL", "kl.mean.value", "short", 1.0, true, true },
    { "top-1 %", "top1_agreement", "fixed", 100.0, true, true },
    { "top-5 %", "top5_agreement", "fixed", 100.0, false, true },
    { "preserved % (95 %)", "preservation", "estimate", 100.0, true, false },
};
enum { COLUMNS = sizeof columns / sizeof *columns };

static bool is_text(const nyx_json *report)
{
    return nyx_json_get(report, "result.text") != NULL;
}

static void eval_row(nyx_table *table, const char *name, const nyx_json *report)
{
    const nyx_json *result = nyx_json_get(report, "result");

    nyx_table_cell(table, "%s", name);
    nyx_table_cell(table, "%s", nyx_json_text(nyx_json_get(result, "storage.format"), "?"));
    for (int i = 0; i < COLUMNS; i++) {
        const nyx_json *value = nyx_json_get(result, columns[i].path);

        if (!(is_text(report) ? columns[i].text : columns[i].rows))
            continue;
        if (!strcmp(columns[i].form, "estimate"))
            estimate_cell(table, value);
        else
            number_cell(table, columns[i].form, value, columns[i].factor);
    }
}

static nyx_table *table_create(bool text)
{
    nyx_table *table;
    int        used = 2;

    for (int i = 0; i < COLUMNS; i++)
        used += text ? columns[i].text : columns[i].rows;
    table = nyx_table_create(used);
    nyx_table_cell(table, "report");
    nyx_table_cell(table, "format");
    for (int i = 0; i < COLUMNS; i++)
        if (text ? columns[i].text : columns[i].rows)
            nyx_table_cell(table, "%s", columns[i].head);
    return table;
}

void report_tables(const char *const names[], const nyx_json *const reports[], int count)
{
    bool above = false;

    for (int text = 0; text < 2; text++) {
        nyx_table *table = NULL;

        for (int i = 0; i < count; i++) {
            if (is_text(reports[i]) != (text == 1))
                continue;
            table = table ? table : table_create(text == 1);
            eval_row(table, names[i], reports[i]);
        }
        if (!table)
            continue;
        nyx_cli_print("%s", above ? "\n" : "");
        nyx_table_print(table);
        above = true;
    }
}
