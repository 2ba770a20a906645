/* nyx-data -- make, import and look at datasets. */
#include "nyx-data/commands.h"

#include <string.h>

static struct {
    const char *import, *size, *clues, *test, *output;
    int64_t     count, rating_min, rating_max, augment;
    bool        skip_bad, shuffle_labels;
} sudoku = { .count = -1, .rating_max = -1, .test = "0.1" };

static int check_clues(const char *text)
{
    nyx_sudoku_options options;
    return nyx_sudoku_clues_parse(&options, text);
}

int data_test_check(const char *text)
{
    nyx_sudoku_split split;
    return nyx_sudoku_split_parse(&split, text);
}

/* ---- nyx-data sudoku -------------------------------------------------------------- */

static int sudoku_options(nyx_sudoku_options *o, nyx_sudoku_split *split)
{
    int status;

    if (sudoku.import && sudoku.clues)
        return nyx_error_set(NYX_ERR_USAGE, "--clues cannot be used with --import: imported puzzles stay as they are");
    if (!sudoku.import && sudoku.skip_bad)
        return nyx_error_set(NYX_ERR_USAGE, "--skip-bad is for --import");
    *o = (nyx_sudoku_options){ .size = sudoku.size ? atoi(sudoku.size) : sudoku.import ? 0 : 9,
                               .count = sudoku.count >= 0 ? sudoku.count : sudoku.import ? 0 : 1000,
                               .seed = nyx_cli_common->seed,
                               .guesses_least = sudoku.rating_min, .guesses_most = sudoku.rating_max,
                               .skip_bad = sudoku.skip_bad };
    /* From a quarter to a half of the cells: easy and hard ones together. */
    o->clues_least = o->size * o->size / 4;
    o->clues_most = o->size * o->size / 2;
    *split = (nyx_sudoku_split){ .seed = nyx_cli_common->seed, .augment = sudoku.augment,
                                 .shuffle_labels = sudoku.shuffle_labels };
    if (sudoku.clues && (status = nyx_sudoku_clues_parse(o, sudoku.clues)) < 0)
        return status;
    return nyx_sudoku_split_parse(split, sudoku.test);
}

void data_progress(void *context, int64_t done, int64_t total)
{
    (void)context;
    nyx_cli_progress("puzzles", done, total, "");
}

void data_import_describe(nyx_report *report, const nyx_import_counts *counts)
{
    nyx_json *json = nyx_json_add_object(nyx_report_result(report), "import");

    nyx_json_set_int(json, "lines", counts->lines);
    nyx_json_set_int(json, "bad", counts->bad);
    nyx_json_set_int(json, "duplicates", counts->duplicates);
    nyx_json_set_int(json, "outside_rating", counts->unrated);
    if (counts->bad)
        nyx_cli_note("warning: %lld of %lld lines left out; the first is %s", (long long)counts->bad,
                     (long long)counts->lines, counts->first_bad);
}

static int read_import(nyx_sudoku_list *list, const nyx_sudoku_options *o, nyx_pool *pool, nyx_report *report)
{
    nyx_import_counts counts;
    int               status;

    if (strcmp(sudoku.import, "-") != 0 && (status = nyx_report_input(report, sudoku.import)) < 0)
        return status;
    if ((status = nyx_sudoku_import(list, &counts, sudoku.import, o, pool, data_progress, NULL)) == 0)
        data_import_describe(report, &counts);
    return status;
}

int data_output_check(const char *path)
{
    return nyx_cli_common->dry_run ? NYX_OK : nyx_output_try(path);
}

static int run_sudoku(nyx_report *report)
{
    nyx_sudoku_options options;
    nyx_sudoku_split   split;
    nyx_sudoku_list    list = { 0 };
    nyx_dataset        dataset = { 0 };
    nyx_json          *result = nyx_report_result(report);
    nyx_pool          *pool = NULL;
    const char        *digest;
    int64_t            asked;
    int                status;

    if ((status = sudoku_options(&options, &split)) < 0 || (status = data_output_check(sudoku.output)) < 0 ||
        (status = nyx_pool_create(&pool, nyx_cli_common->threads)) < 0)
        goto done;
    status = sudoku.import ? read_import(&list, &options, pool, report)
                           : nyx_sudoku_generate(&list, &options, pool, data_progress, NULL);
    nyx_cli_progress_end();
    if (status < 0 || (status = nyx_sudoku_dataset(&dataset, &list, &split, pool)) < 0)
        goto done;
    nyx_json_set_int(result, "size", list.size);
    nyx_json_set_int(result, "puzzles_distinct", list.count);
    nyx_dataset_describe(result, &dataset);
    asked = (list.count - dataset.test.rows) * (1 + split.augment);
    if (dataset.train.rows < asked)
        nyx_cli_note("warning: %lld training rows instead of %lld: some puzzles have too few different images",
                     (long long)dataset.train.rows, (long long)asked);
    if (nyx_cli_common->dry_run) {
        nyx_cli_print("would write %lld training and %lld test rows to '%s'\n", (long long)dataset.train.rows,
                      (long long)dataset.test.rows, sudoku.output);
        goto done;
    }
    options.size = list.size;
    digest = !sudoku.import ? NULL : nyx_report_input_sha256(report, sudoku.import);
    if (sudoku.import && !digest)
        digest = "standard input";
    if ((status = nyx_sudoku_write(&dataset, sudoku.output, &options, &split, digest)) < 0)
        goto done;
    status = nyx_report_output(report, sudoku.output);
done:
    nyx_dataset_release(&dataset);
    nyx_sudoku_list_release(&list);
    nyx_pool_free(pool);
    return status;
}

/* ---- command line ------------------------------------------------------------------- */

static const char *const sizes[] = { "4", "6", "9", NULL };

static const nyx_opt sudoku_opts[] = {
    { NYX_OPT_GROUP, .help = "Puzzles" },
    { NYX_OPT_CHOICE, "size", .value = &sudoku.size, .arg = "N", .choices = sizes,
      .help = "digits in a row [9; with --import as in the file]" },
    { NYX_OPT_INT, "count", .value = &sudoku.count, .arg = "N", .least = 1,
      .help = "distinct puzzles, training and test together [1000; with --import all]" },
    { NYX_OPT_CHECK, "clues", .value = &sudoku.clues, .arg = "N|A-B", .check = check_clues,
      .help = "givens to leave, more where the solution needs them [a quarter to a half of the cells]" },
    { NYX_OPT_INT, "rating-min", .value = &sudoku.rating_min, .arg = "N",
      .help = "keep puzzles that need at least N guesses [0]" },
    { NYX_OPT_INT, "rating-max", .value = &sudoku.rating_max, .arg = "N",
      .help = "keep puzzles that need at most N guesses [no limit]" },
    { NYX_OPT_INPUT, "import", .value = &sudoku.import, .arg = "FILE",
      .help = "take puzzles from a text or CSV, one a line; may be an archive [none]" },
    { NYX_OPT_FLAG, "skip-bad", .value = &sudoku.skip_bad, .help = "leave out lines that cannot be used" },
    { NYX_OPT_GROUP, .help = "Rows" },
    { NYX_OPT_CHECK, "test", .value = &sudoku.test, .arg = "N|SHARE", .check = data_test_check,
      .help = "puzzles set aside for testing, none an image of a training one [0.1]" },
    { NYX_OPT_INT, "augment", .value = &sudoku.augment, .arg = "N",
      .help = "further images of each training puzzle [0]" },
    { NYX_OPT_FLAG, "shuffle-labels", .value = &sudoku.shuffle_labels,
      .help = "control: permute the answers of the training rows" },
    { NYX_OPT_OUTPUT, "output", 'o', &sudoku.output, "FILE", .required = true, .help = "dataset to write (HDF5)" },
    { .kind = NYX_OPT_END },
};

static const nyx_command data_sudoku = {
    .name = "sudoku",
    .purpose = "make a dataset of Sudokus, generated or imported",
    .usage = "[OPTIONS] -o OUT.h5",
    .examples = "nyx-data sudoku --size=4 --count=400 --seed=7 -o d.h5\n"
                "nyx-data sudoku --import=puzzles.csv.xz --test=0.05 --augment=10 -o d.h5",
    .description = "Generates puzzles with a unique solution, or reads them out of a text or CSV file, one a line, "
                   "packed or not. Each is rated by the guesses that a solver needs. Puzzles are split into training "
                   "and test by their canonical form: no image of a test puzzle (turned, relabelled, rows or columns "
                   "exchanged) is trained on.",
    .opts = sudoku_opts,
    .run = run_sudoku,
};

int main(int argc, char **argv)
{
    const nyx_command commands[] = { data_sudoku, data_maze, data_arc,  data_text,
                                     data_images, data_sort, data_show, { 0 } };
    const nyx_tool tool = { .command = {
        .name = "nyx-data",
        .purpose = "make and show datasets",
        .description = "Turns text, puzzles and images into the dataset files that nyx-train and nyx-eval read, split "
                       "into training and test, and shows what is in them. The same seed and inputs give the same "
                       "bytes.",
        .see_also = "nyx-train(1), nyx-eval(1); docs/text.md, docs/puzzles.md",
    }, .commands = commands };

    return nyx_cli_main(argc, argv, &tool);
}
