/* nyx-data images, nyx-data sort -- datasets of small tasks. */
#include "commands.h"

#include "data/tasks/tasks.h"

#include <string.h>

static struct {
    const char *images, *labels, *output;
    int64_t     test;
} images = { .test = -1 };

static struct {
    const char *output;
    int64_t     digits, values;
} sort = { .digits = 6, .values = 3 };

static const nyx_opt images_opts[] = {
    { NYX_OPT_INPUT, .value = &images.images, .arg = "IMAGES", .required = true,
      .help = "IDX file of images, packed or not" },
    { NYX_OPT_INPUT, .value = &images.labels, .arg = "LABELS", .required = true, .help = "IDX file of their labels" },
    { NYX_OPT_GROUP, .help = "Rows" },
    { NYX_OPT_INT, "test", .value = &images.test, .arg = "N", .least = 0,
      .help = "the last N images are for testing, the others for training [all]" },
    { NYX_OPT_OUTPUT, "output", 'o', &images.output, "FILE", .required = true, .help = "dataset to write (HDF5)" },
    { .kind = NYX_OPT_END },
};

static const nyx_opt sort_opts[] = {
    { NYX_OPT_GROUP, .help = "Rows" },
    { NYX_OPT_INT, "digits", .value = &sort.digits, .arg = "N", .least = 1, .help = "digits to sort [6]" },
    { NYX_OPT_INT, "values", .value = &sort.values, .arg = "N", .least = 1, .help = "different digits [3]" },
    { NYX_OPT_OUTPUT, "output", 'o', &sort.output, "FILE", .required = true, .help = "dataset to write (HDF5)" },
    { .kind = NYX_OPT_END },
};

/* Describe and write what was made; `options` is taken. */
static int finish(nyx_report *report, const nyx_dataset *dataset, const char *path, const char *program,
                  nyx_json *options)
{
    int status;

    nyx_dataset_describe(nyx_report_result(report), dataset);
    if (nyx_cli_common->dry_run) {
        nyx_cli_print("would write %lld training and %lld test rows to '%s'\n", (long long)dataset->train.rows,
                      (long long)dataset->test.rows, path);
        nyx_json_free(options);
        return 0;
    }
    status = nyx_tasks_write(dataset, path, program, options);
    return status < 0 ? status : nyx_report_output(report, path);
}

static int run_images(nyx_report *report)
{
    nyx_dataset dataset = { 0 };
    nyx_json   *options;
    int         status;

    if ((status = data_output_check(images.output)) < 0 || (status = nyx_report_input(report, images.images)) < 0 ||
        (status = nyx_report_input(report, images.labels)) < 0 ||
        (status = nyx_images_read(&dataset, images.images, images.labels, images.test)) < 0)
        return status;
    options = nyx_json_object();
    nyx_json_set_text(options, "images", nyx_report_input_sha256(report, images.images));
    nyx_json_set_text(options, "labels", nyx_report_input_sha256(report, images.labels));
    nyx_json_set_int(options, "test", images.test);
    status = finish(report, &dataset, images.output, "nyx-data images " NYX_VERSION, options);
    nyx_dataset_release(&dataset);
    return status;
}

static int run_sort(nyx_report *report)
{
    nyx_dataset dataset = { 0 };
    nyx_json   *options;
    int         status;

    if ((status = data_output_check(sort.output)) < 0 ||
        (status = nyx_sort_make(&dataset, sort.digits, sort.values)) < 0)
        return status;
    options = nyx_json_object();
    nyx_json_set_int(options, "digits", sort.digits);
    nyx_json_set_int(options, "values", sort.values);
    status = finish(report, &dataset, sort.output, "nyx-data sort " NYX_VERSION, options);
    nyx_dataset_release(&dataset);
    return status;
}

const nyx_command data_images = {
    .name = "images",
    .purpose = "make a dataset of labelled images out of IDX files",
    .usage = "[OPTIONS] IMAGES LABELS -o OUT.h5",
    .examples = "nyx-data images t10k-images-idx3-ubyte.gz t10k-labels-idx1-ubyte.gz -o mnist.h5",
    .description = "Reads two IDX files as MNIST has them. A row is an image, its pixels the tokens, and its one "
                   "target the label. Nothing is shuffled.",
    .opts = images_opts,
    .run = run_images,
};

const nyx_command data_sort = {
    .name = "sort",
    .purpose = "make a dataset of all sequences of a few digits, to be sorted",
    .usage = "[OPTIONS] -o OUT.h5",
    .examples = "nyx-data sort --digits=6 --values=3 -o sort.h5",
    .description = "Makes every sequence of so many digits, followed by the same digits in rising order: the sort task "
                   "of minGPT. It is exhaustive, so both splits hold all rows.",
    .opts = sort_opts,
    .run = run_sort,
};
