/* markdown -- the set for an issue or a note. */
#include "form.h"
#include "table.h"
#include "words.h"

#include <math.h>

static void lines(nyx_page *page, const report_set *set)
{
    bool any = false;

    for (int i = 0; i < set->count; i++) {
        const report_item *item = &set->items[i];
        const nyx_json    *warnings = item_get(item, "warnings");

        if (words_has(item)) {
            nyx_page_add(page, "- %s: ", item->name);
            words_of(page, item);
            nyx_page_markup(page, "\n");
            any = true;
        }
        for (int64_t k = 0; k < nyx_json_count(warnings); k++) {
            nyx_page_add(page, "- %s warned: %s\n", item->name, nyx_json_text(nyx_json_item(warnings, k), ""));
            any = true;
        }
    }
    nyx_page_markup(page, any ? "\n" : "");
}

static void bench(nyx_page *page, const report_item *item)
{
    static const char *const heads[] = { "op", "what", "time", "speed", "of limit %" };
    const nyx_json          *figures = item_get(item, "run.figures");
    char                     text[NYX_NUMBER];
    nyx_grid                *grid = nyx_grid_create(5);

    for (int i = 0; i < 5; i++)
        nyx_grid_cell(grid, "%s", heads[i]);
    for (int64_t i = 0; i < nyx_json_count(figures); i++) {
        const nyx_json *f = nyx_json_item(figures, i);
        const double    seconds = number_at(f, "median_s"),
                     flops = number_at(f, "flops_per_s");
        const double bytes = number_at(f, "bytes_per_s"),
                     fraction = number_at(f, "fraction_of_limit");

        nyx_grid_cell(grid, "%s", nyx_json_text(nyx_json_get(f, "op"), ""));
        nyx_grid_cell(grid, "%s", nyx_json_text(nyx_json_get(f, "what"), ""));
        nyx_grid_cell(grid, "%s", isfinite(seconds) ? nyx_number_time(text, seconds) : "spread too wide");
        nyx_grid_cell(grid, "%s",
                      flops > 0.0   ? nyx_number_rate(text, flops, "FLOP")
                      : bytes > 0.0 ? nyx_number_rate(text, bytes, "B")
                                    : "-");
        nyx_grid_cell(grid, isfinite(fraction) ? "%.0f" : "-", 100.0 * fraction);
    }
    nyx_grid_put(page, grid, "");
    nyx_grid_free(grid);
}

/* Digests of all models evaluated: a figure in an issue says of which file it is. */
static void digests(nyx_page *page, const report_set *set)
{
    bool any = false;

    for (int i = 0; i < set->count; i++) {
        const report_item *item = &set->items[i];

        if (!report_is_row(item))
            continue;
        nyx_page_markup(page, any ? "" : "Models, by SHA-256:\n\n");
        nyx_page_add(page, "- %s: %s %s, seed %lld, version %s\n", item->name, item_text(item, "inputs.0.path"),
                     item_input(item, NULL), (long long)nyx_json_int(item_get(item, "run.seed"), 0),
                     item_text(item, "run.version"));
        any = true;
    }
}

void form_markdown(nyx_page *page, const report_set *set)
{
    lines(page, set);
    report_tables(page, set);
    if (words_singles(page, set, "", "- ", "\n", false))
        nyx_page_markup(page, "\n");
    for (int i = 0; i < set->count; i++)
        if (item_shows(&set->items[i], "bench"))
            bench(page, &set->items[i]);
    digests(page, set);
}
