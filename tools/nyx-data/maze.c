/* nyx-data maze -- make a dataset of mazes, generated or imported. */
#include "commands.h"

#include "data/maze/maze.h"

#include <string.h>

static struct {
    const char *import, *test, *augment, *output;
    int64_t     size, count, path_least;
    bool        skip_bad, shuffle_labels;
} args = { .size = -1, .count = -1, .path_least = -1, .test = "0.1", .augment = "none" };

static const char *const augments[] = { "none", "dihedral", NULL };

static const nyx_opt opts[] = {
    { NYX_OPT_GROUP, .help = "Mazes" },
    { NYX_OPT_INT, "size", .value = &args.size, .arg = "N", .least = NYX_MAZE_LEAST,
      .help = "cells in a row, 5 to 40 [30; with --import as in the file]" },
    { NYX_OPT_INT, "count", .value = &args.count, .arg = "N", .least = 1,
      .help = "different mazes, training and test together [1000; with --import all]" },
    { NYX_OPT_INT, "path-least", .value = &args.path_least, .arg = "N", .least = 1,
      .help = "steps of the shortest path, at least [an eighth of the cells; with --import 1]" },
    { NYX_OPT_INPUT, "import", .value = &args.import, .arg = "FILE",
      .help = "take mazes from a text or CSV, one a line; may be an archive [none]" },
    { NYX_OPT_FLAG, "skip-bad", .value = &args.skip_bad, .help = "leave out lines that cannot be used" },
    { NYX_OPT_GROUP, .help = "Rows" },
    { NYX_OPT_CHECK, "test", .value = &args.test, .arg = "N|SHARE", .check = data_test_check,
      .help = "mazes set aside for testing, none an image of a training one [0.1]" },
    { NYX_OPT_CHOICE, "augment", .value = &args.augment, .arg = "NAME", .choices = augments,
      .help = "none, or dihedral: all 8 images of each training maze [none]" },
    { NYX_OPT_FLAG, "shuffle-labels", .value = &args.shuffle_labels,
      .help = "control: permute the answers of the training rows" },
    { NYX_OPT_OUTPUT, "output", 'o', &args.output, "FILE", .required = true, .help = "dataset to write (HDF5)" },
    { .kind = NYX_OPT_END },
};

static int options_of(nyx_maze_options *o)
{
    const int64_t size = args.size >= 0 ? args.size : args.import ? 0 : 30;

    if (!args.import && args.skip_bad)
        return nyx_error_set(NYX_ERR_USAGE, "--skip-bad is for --import");
    if (size > NYX_MAZE_MOST)
        return nyx_error_set(NYX_ERR_USAGE, "--size=%lld is too large: mazes have at most %d cells in a row",
                             (long long)size, NYX_MAZE_MOST);
    *o = (nyx_maze_options){ .size = (int)size, .skip_bad = args.skip_bad,
                             .count = args.count >= 0 ? args.count : args.import ? 0 : 1000,
                             .path_least = args.path_least >= 0 ? args.path_least : args.import ? 1 : size * size / 8,
                             .split = { .seed = nyx_cli_common->seed, .shuffle_labels = args.shuffle_labels } };
    o->split.augment = strcmp(args.augment, "none") ? NYX_MAZE_SYMMETRIES - 1 : 0;
    return nyx_sudoku_split_parse(&o->split, args.test);
}

static int make(nyx_maze_list *list, const nyx_maze_options *o, nyx_report *report)
{
    nyx_import_counts counts;
    nyx_pool         *pool = NULL;
    int               status = nyx_pool_create(&pool, nyx_cli_common->threads);

    if (status == 0 && !args.import)
        status = nyx_maze_generate(list, o, pool, data_progress, NULL);
    else if (status == 0 && (strcmp(args.import, "-") == 0 || (status = nyx_report_input(report, args.import)) == 0) &&
             (status = nyx_maze_import(list, &counts, args.import, o, pool, data_progress, NULL)) == 0)
        data_import_describe(report, &counts);
    nyx_cli_progress_end();
    nyx_pool_free(pool);
    return status;
}

static int run(nyx_report *report)
{
    nyx_maze_options options;
    nyx_maze_list    list = { 0 };
    nyx_dataset      dataset = { 0 };
    nyx_json        *result = nyx_report_result(report);
    const char      *digest = NULL;
    int              status;

    if ((status = options_of(&options)) < 0 || (status = data_output_check(args.output)) < 0 ||
        (status = make(&list, &options, report)) < 0 ||
        (status = nyx_maze_dataset(&dataset, &list, &options)) < 0)
        goto done;
    options.size = list.size;
    nyx_json_set_int(result, "size", list.size);
    nyx_json_set_int(result, "puzzles_distinct", list.count);
    nyx_dataset_describe(result, &dataset);
    if (nyx_cli_common->dry_run) {
        nyx_cli_print("would write %lld training and %lld test rows to '%s'\n", (long long)dataset.train.rows,
                      (long long)dataset.test.rows, args.output);
        goto done;
    }
    if (args.import && !(digest = nyx_report_input_sha256(report, args.import)))
        digest = "standard input";
    if ((status = nyx_maze_write(&dataset, args.output, &options, digest)) == 0)
        status = nyx_report_output(report, args.output);
done:
    nyx_dataset_release(&dataset);
    nyx_maze_list_release(&list);
    return status;
}

const nyx_command data_maze = {
    .name = "maze",
    .purpose = "make a dataset of mazes with their shortest paths, generated or imported",
    .usage = "[OPTIONS] -o OUT.h5",
    .examples = "nyx-data maze --count=1100 --test=100 --augment=dihedral -o mazes.h5\n"
                "nyx-data maze --import=maze-30x30-hard.csv.gz --test=0.5 -o mazes.h5",
    .description = "Generates mazes with one shortest path each, no two the same up to turning and mirroring, or reads "
                   "them out of a text or CSV file, one a line, packed or not. The target of a row is the maze with "
                   "its path.",
    .opts = opts,
    .run = run,
};
