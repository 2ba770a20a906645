/* nyx-data show -- print what a dataset holds. */
#include "commands.h"

#include <string.h>

static struct {
    const char *file, *split;
    int64_t     row, rows;
} show = { .split = "train", .rows = 1 };

static const char *const splits[] = { "train", "test", NULL };

static int print_rows(const nyx_dataset *dataset, const struct nyx_split *split)
{
    if (split->rows && show.row >= split->rows)
        return nyx_error_set(NYX_ERR_USAGE, "--row=%lld is not there: '%s' has %lld rows in %s", (long long)show.row,
                             show.file, (long long)split->rows, show.split);
    for (int64_t row = show.row; row < split->rows && row - show.row < show.rows; row++) {
        char *picture;

        nyx_cli_print("\n%s row %lld", show.split, (long long)row);
        if (split->rating)
            nyx_cli_print(", rating %g", (double)split->rating[row]);
        nyx_cli_print("\n");
        if (nyx_dataset_picture(&picture, dataset, split, row) == NYX_OK) {
            nyx_cli_print("%s", picture);
            nyx_free(picture);
            continue;
        }
        for (int64_t i = 0; i < dataset->length; i++)
            nyx_cli_print("%s%d", i ? " " : "  ", (int)split->inputs[row * dataset->length + i]);
        nyx_cli_print("\n");
    }
    return NYX_OK;
}

/* What a kind of data does not have is no column of its table. */
static void print_splits(const nyx_json *result)
{
    static const struct { const char *head, *path, *unit; double factor; int digits; } columns[] = {
        { "rows", "rows", "", 1, 0 },
        { "clues", "clues_mean", "", 1, 1 },
        { "free cells", "free_mean", "", 1, 1 },
        { "path cells", "path_mean", "", 1, 1 },
        { "rating", "rating.mean", "", 1, 2 },
        { "highest", "rating.max", "", 1, 0 },
        { "naked singles", "naked_singles.share", " %", 100, 1 },
        { "of cells", "naked_singles.share_of_cells", " %", 100, 1 },
        { "copied cells", "copied_share", " %", 100, 1 },
    };
    enum { COLUMNS = sizeof columns / sizeof *columns };
    bool        shown[COLUMNS];
    int         count = 1;
    nyx_table  *table;

    for (int i = 0; i < COLUMNS; i++)
        count += shown[i] = nyx_json_get(nyx_json_get(result, "train"), columns[i].path) ||
                            nyx_json_get(nyx_json_get(result, "test"), columns[i].path);
    table = nyx_table_create(count);
    nyx_table_cell(table, "split");
    for (int i = 0; i < COLUMNS; i++)
        if (shown[i])
            nyx_table_cell(table, "%s", columns[i].head);
    for (int s = 0; s < 2; s++) {
        nyx_table_cell(table, "%s", splits[s]);
        for (int i = 0; i < COLUMNS; i++)
            if (shown[i])
                nyx_table_cell(table, "%.*f%s", columns[i].digits, columns[i].factor *
                               nyx_json_real(nyx_json_get(nyx_json_get(result, splits[s]), columns[i].path), 0),
                               columns[i].unit);
    }
    nyx_table_print(table);
}

static void print_ratings(const nyx_dataset *dataset, const nyx_json *result, const char *name)
{
    const nyx_json *split = nyx_json_get(result, name), *bins = nyx_json_get(split, "rating.histogram");

    nyx_cli_print("%s%s, rows of %s: ", strcmp(name, "train") ? "" : "\n",
                  strcmp(dataset->kind, "maze") ? "guesses needed" : "steps of the path", name);
    for (int64_t i = 0; i < nyx_json_count(bins); i++) {
        const nyx_json *bin = nyx_json_item(bins, i);
        long long from = nyx_json_int(nyx_json_get(bin, "from"), 0), to = nyx_json_int(nyx_json_get(bin, "to"), -1);

        nyx_cli_print("%s%lld", i ? ", " : "", from);
        if (to > from)
            nyx_cli_print(" to %lld", to);
        nyx_cli_print("%s: %lld", to < 0 ? " and more" : "", (long long)nyx_json_int(nyx_json_get(bin, "rows"), 0));
    }
    nyx_cli_print("%s\n", nyx_json_count(bins) ? "" : "none");
}

static int run_show(nyx_report *report)
{
    nyx_json   *result = nyx_report_result(report);
    nyx_dataset dataset = { 0 };
    int         status;

    if ((status = nyx_report_input(report, show.file)) < 0 || (status = nyx_dataset_read(&dataset, show.file)) < 0)
        return status;
    nyx_dataset_describe(result, &dataset);
    if (strcmp(dataset.kind, "text") == 0)
        return data_text_show(&dataset, show.split, show.row, show.rows); /* ends it */
    nyx_cli_print("%s: %lld tokens a row, vocabulary of %lld\n\n", dataset.kind, (long long)dataset.length,
                  (long long)dataset.vocabulary);
    print_splits(result);
    for (int s = 0; s < 2 && dataset.train.rating; s++)
        print_ratings(&dataset, result, splits[s]);
    status = print_rows(&dataset, strcmp(show.split, "test") == 0 ? &dataset.test : &dataset.train);
    nyx_dataset_release(&dataset);
    return status;
}

static const nyx_opt show_opts[] = {
    { NYX_OPT_INPUT, .value = &show.file, .arg = "FILE.h5", .required = true, .help = "dataset to show" },
    { NYX_OPT_CHOICE, "split", .value = &show.split, .arg = "NAME", .choices = splits,
      .help = "where the rows shown come from [train]" },
    { NYX_OPT_INT, "row", .value = &show.row, .arg = "N", .help = "first row, or token of a text, shown [0]" },
    { NYX_OPT_INT, "rows", .value = &show.rows, .arg = "N", .help = "rows, or lines of 64 tokens, shown [1]" },
    { .kind = NYX_OPT_END },
};

const nyx_command data_show = {
    .name = "show",
    .purpose = "print what a dataset holds",
    .usage = "[OPTIONS] FILE.h5",
    .examples = "nyx-data show d.h5 --split=test --rows=3",
    .description = "Prints rows, clues and ratings of both splits, how many puzzles a solver of naked singles gets, "
                   "and as many rows as asked for, drawn as puzzles where they are some.",
    .opts = show_opts,
    .run = run_show,
};
