/* nyx-data arc -- make a dataset of ARC-AGI tasks and their images. */
#include "commands.h"

#include "data/arc/arc.h"

#include <string.h>
#include <sys/stat.h>

enum { INPUTS = 16 };

static struct {
    const char *training[INPUTS], *evaluation, *output;
    int64_t     side, augment;
} args = { .side = NYX_ARC_SIDE };

static const nyx_opt opts[] = {
    { NYX_OPT_INPUT, .value = args.training, .arg = "TASKS...", .most = INPUTS, .required = true,
      .help = "training tasks: JSON files, folders or archives of them" },
    { NYX_OPT_GROUP, .help = "Options" },
    { NYX_OPT_INPUT, "evaluation", .value = &args.evaluation, .arg = "TASKS",
      .help = "tasks whose demonstrations are trained on and whose test inputs are the test side [none]" },
    { NYX_OPT_INT, "augment", .value = &args.augment, .arg = "N",
      .help = "further images of each task, turned and recoloured, at most 1000 [0]" },
    { NYX_OPT_INT, "side", .value = &args.side, .arg = "N", .least = 1,
      .help = "side of the canvas; tasks with larger grids are left out [30]" },
    { NYX_OPT_OUTPUT, "output", 'o', &args.output, "FILE", .required = true, .help = "dataset to write (HDF5)" },
    { .kind = NYX_OPT_END },
};

static int options_of(nyx_arc_options *o)
{
    if (args.augment > NYX_ARC_AUGMENT)
        return nyx_error_set(NYX_ERR_USAGE, "--augment=%lld is too many; at most %d", (long long)args.augment,
                             NYX_ARC_AUGMENT);
    if (args.side > NYX_ARC_SIDE)
        return nyx_error_set(NYX_ERR_USAGE, "--side=%lld is too large; ARC's grids have at most %d",
                             (long long)args.side, NYX_ARC_SIDE);
    *o = (nyx_arc_options){ .seed = nyx_cli_common->seed, .side = (int)args.side, .augment = args.augment };
    return NYX_OK;
}

/* A folder has no digest of its own; the file's history has one of all tasks. */
static int read_tasks(nyx_arc_list *list, const char *path, bool evaluation, nyx_report *report)
{
    struct stat about;
    int         status = NYX_OK;

    if (strcmp(path, "-") != 0 && !(stat(path, &about) == 0 && S_ISDIR(about.st_mode)))
        status = nyx_report_input(report, path);
    return status < 0 ? status : nyx_arc_read(list, path, evaluation);
}

static void describe(nyx_json *result, const nyx_arc_counts *counts, const nyx_arc_list *list, int64_t augment)
{
    nyx_json *json = nyx_json_add_object(result, "arc");

    nyx_json_set_int(json, "read", list->count);
    nyx_json_set_int(json, "training", counts->training);
    nyx_json_set_int(json, "evaluation", counts->evaluation);
    nyx_json_set_int(json, "too_large", counts->too_large);
    nyx_json_set_int(json, "duplicates", counts->duplicates);
    nyx_json_set_int(json, "leaks", counts->leaks);
    nyx_json_set_int(json, "short_of_images", counts->short_of);
    if (counts->leaks)
        nyx_cli_note("warning: %lld training tasks left out: they hold a test of an evaluation task",
                     (long long)counts->leaks);
    if (counts->short_of)
        nyx_cli_note("warning: %lld tasks have fewer than %lld different images", (long long)counts->short_of,
                     (long long)augment);
}

static int run(nyx_report *report)
{
    nyx_arc_options options;
    nyx_arc_counts  counts;
    nyx_arc_list    list = { 0 };
    nyx_dataset     dataset = { 0 };
    nyx_pool       *pool = NULL;
    int             status;

    if ((status = options_of(&options)) < 0 || (status = data_output_check(args.output)) < 0 ||
        (status = nyx_pool_create(&pool, nyx_cli_common->threads)) < 0)
        goto done;
    for (int i = 0; i < INPUTS && args.training[i]; i++)
        if ((status = read_tasks(&list, args.training[i], false, report)) < 0)
            goto done;
    if ((args.evaluation && (status = read_tasks(&list, args.evaluation, true, report)) < 0) ||
        (status = nyx_arc_dataset(&dataset, &counts, &list, &options, pool)) < 0)
        goto done;
    nyx_dataset_describe(nyx_report_result(report), &dataset);
    describe(nyx_report_result(report), &counts, &list, options.augment);
    if (nyx_cli_common->dry_run)
        nyx_cli_print("would write %lld training and %lld test rows to '%s'\n", (long long)dataset.train.rows,
                      (long long)dataset.test.rows, args.output);
    else if ((status = nyx_arc_write(&dataset, args.output, &list, &options)) == 0)
        status = nyx_report_output(report, args.output);
done:
    nyx_dataset_release(&dataset);
    nyx_arc_list_release(&list);
    nyx_pool_free(pool);
    return status;
}

const nyx_command data_arc = {
    .name = "arc",
    .purpose = "make a dataset of ARC-AGI tasks and their images",
    .usage = "[OPTIONS] TASKS... -o OUT.h5",
    .examples = "nyx-data arc arc1-training.tar.xz --evaluation=arc1-evaluation.tar.xz --augment=100 -o arc.h5\n"
                "nyx-data arc training/ --evaluation=evaluation/ --side=10 --augment=20 -o small.h5",
    .description = "Reads tasks in the JSON of ARC-AGI. Each task and each image of it (turned, recoloured) becomes a "
                   "puzzle of its own with rows for its pairs; test inputs of the evaluation tasks are the test side. "
                   "nyx-eval --vote turns the answers back and counts them.",
    .opts = opts,
    .run = run,
};
