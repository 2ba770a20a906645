/* nyx-quantize -- rewrite the weights of a model in smaller formats.
 * What it reads and writes is specified in schemas/: README.md, "Model file",
 * recipe.schema.json, quantize.schema.json (the report). */
#include "cli/cli.h"
#include "compress/compress.h"

#include <string.h>

static struct {
    const char *model, *output, *format, *recipe, *method;
    bool        all, list;
} args;

static int check_format(const char *text)
{
    nyx_format format;

    return nyx_format_parse(&format, text);
}

static const char *const methods[] = { "absmax", "signed-max", "mse", NULL };

static const nyx_opt opts[] = {
    { .kind = NYX_OPT_INPUT, .value = &args.model, .arg = "MODEL.h5", .help = "the model to code" },
    { .kind = NYX_OPT_GROUP, .help = "Options" },
    { .kind = NYX_OPT_OUTPUT, .name = "output", .letter = 'o', .value = &args.output, .arg = "FILE.h5",
      .help = "the coded model [required but for --dry-run and --list-formats]" },
    { .kind = NYX_OPT_CHECK, .name = "format", .value = &args.format, .arg = "FORMAT",
      .help = "format of every matrix but embeddings, heads, norms, puzzle tables, positions and initial states, e.g. "
              "int4:g32 [none]", .check = check_format, .choices = nyx_format_examples },
    { .kind = NYX_OPT_CHOICE, .name = "method", .value = &args.method, .arg = "NAME",
      .help = "how --format chooses codes: absmax, signed-max or mse [what suits the format]", .choices = methods },
    { .kind = NYX_OPT_FLAG, .name = "all", .value = &args.all, .help = "give --format to the other matrices too" },
    { .kind = NYX_OPT_INPUT, .name = "recipe", .value = &args.recipe, .arg = "FILE.json",
      .help = "formats by tensor name instead of --format [none]" },
    { .kind = NYX_OPT_FLAG, .name = "list-formats", .value = &args.list, .help = "print the formats and end" },
    { 0 },
};

/* ---- what was asked ---------------------------------------------------------- */

static int check_usage(void)
{
    if (!args.model)
        return nyx_error_set(NYX_ERR_USAGE, "MODEL.h5 is missing");
    if (!args.format && !args.recipe)
        return nyx_error_set(NYX_ERR_USAGE, "--format=FORMAT or --recipe=FILE.json is needed; "
                             "--list-formats prints the formats");
    if (args.recipe && (args.format || args.method || args.all))
        return nyx_error_set(NYX_ERR_USAGE, "--recipe names formats and methods itself; leave %s out",
                             args.format ? "--format" : args.method ? "--method" : "--all");
    if (!args.output && !nyx_cli_common->dry_run)
        return nyx_error_set(NYX_ERR_USAGE, "-o FILE.h5 is needed, unless with --dry-run");
    return 0;
}

static int make_recipe(nyx_recipe *out)
{
    nyx_format      format;
    enum nyx_method method;
    int             status;

    if (args.recipe)
        return nyx_recipe_read(out, args.recipe);
    if ((status = nyx_format_parse(&format, args.format)) < 0)
        return status;
    method = nyx_method_default(&format);
    if (args.method && !nyx_method_find(&method, args.method))
        NYX_BUG_IF(true);
    return nyx_compress_recipe(out, &format, method, args.all);
}

static int list_formats(void)
{
    nyx_table *table = nyx_table_create(3);

    nyx_table_cell(table, "format");
    nyx_table_cell(table, "bits a weight");
    nyx_table_cell(table, "source");
    for (int i = 0; nyx_format_examples[i]; i++) {
        const nyx_shape shape = nyx_shape_of(2, (int64_t)1024, (int64_t)1024);
        nyx_format      format;
        int             kind = 0;
        size_t          length = strcspn(nyx_format_examples[i], ":");

        if (nyx_format_parse(&format, nyx_format_examples[i]) < 0)
            NYX_BUG_IF(true);
        while (strncmp(nyx_kind_name(kind), nyx_format_examples[i], length) != 0 ||
               nyx_kind_name(kind)[length] != '\0')
            kind++;
        nyx_table_cell(table, "%s", nyx_format_examples[i]);
        nyx_table_cell(table, "%.3f", nyx_format_bits(&format, &shape));
        nyx_table_cell(table, "%s", nyx_kind_source(kind));
    }
    nyx_table_print(table);
    nyx_cli_print("Bits include scales and zero points, for a matrix of 1024 x 1024.\n"
                  "KIND[:tensor|:channel|:gN][:sym|:asym][:scale=f16|f32|e8m0|e4m3][:zero=int|f16]\n");
    return 0;
}

/* ---- what is said ------------------------------------------------------------ */

static void cell_format(nyx_table *table, const nyx_compress_tensor *tensor)
{
    char text[NYX_FORMAT_TEXT];

    if (tensor->keep && !tensor->entry->coded) {
        nyx_table_cell(table, "%s", nyx_dtype_name(tensor->entry->dtype));
        return;
    }
    nyx_format_text(text, tensor->keep ? &tensor->entry->format : &tensor->format);
    nyx_table_cell(table, "%s", text);
}

static void print_plan(const nyx_compress *plan)
{
    static const char *const head[] = { "tensor", "shape", "format", "bits", "bytes before", "after",
                                        "relative error", "" };
    nyx_table *table = nyx_table_create(8);

    for (size_t i = 0; i < sizeof head / sizeof *head; i++)
        nyx_table_cell(table, "%s", head[i]);
    for (int64_t i = 0; i < plan->count; i++) {
        const nyx_compress_tensor *tensor = &plan->tensors[i];
        char                       shape[96];

        nyx_shape_text(shape, &tensor->entry->shape);
        nyx_table_cell(table, "%s", tensor->entry->name);
        nyx_table_cell(table, "%s", shape);
        cell_format(table, tensor);
        nyx_table_cell(table, "%.3f", nyx_compress_bits(tensor));
        nyx_table_cell(table, "%lld", (long long)tensor->bytes_before);
        nyx_table_cell(table, "%lld", (long long)tensor->bytes_after);
        if (plan->done && !tensor->keep && tensor->error.sum_square > 0.0)
            nyx_table_cell(table, "%.3g", tensor->error.sum_square_error / tensor->error.sum_square);
        else
            nyx_table_cell(table, "-");
        nyx_table_cell(table, "%s", tensor->keep ? tensor->keep : nyx_method_name(tensor->method));
    }
    nyx_table_print(table);
}

/* What the user may have meant otherwise. */
static void warn(nyx_report *report, const nyx_compress *plan, const nyx_recipe *recipe)
{
    int64_t coded = 0;

    for (int64_t i = 0; i < plan->count; i++)
        coded += !plan->tensors[i].keep;
    for (int i = 0; args.recipe && i < plan->rule_count; i++)
        if (plan->rule_tensors[i] == 0)
            nyx_report_warn(report, "rule %d of the recipe, '%s', decides about no tensor of '%s'", i,
                            recipe->rules[i].pattern, args.model);
    if (coded == 0)
        nyx_report_warn(report, "no tensor of '%s' is coded; --dry-run says why", args.model);
}

static void describe(nyx_report *report, const nyx_compress *plan, const char *recipe_sha256)
{
    nyx_json  *result = nyx_report_result(report);
    nyx_format format;
    char       text[NYX_FORMAT_TEXT];

    if (args.format && nyx_format_parse(&format, args.format) == 0) {
        nyx_format_text(text, &format);
        nyx_json_set_text(result, "format", text);
    } else {
        nyx_json_set_null(result, "format", "a recipe names the formats");
    }
    nyx_json_set_text(result, "recipe_sha256", recipe_sha256);
    nyx_compress_describe(plan, result);
}

/* ---- the work ---------------------------------------------------------------- */

static void progress(void *context, int64_t done_bytes, int64_t total_bytes)
{
    (void)context;
    nyx_cli_progress("coding", done_bytes, total_bytes, "bytes");
}

/* The reader hashes the file while it reads its tensors: what is listed is
 * what was read. */
static int list_model(nyx_report *report, nyx_reader *file)
{
    char    sha256[NYX_SHA256_HEX];
    int64_t bytes;
    int     status = nyx_reader_digest_end(file, sha256, &bytes);

    if (status == 0)
        nyx_report_input_known(report, args.model, bytes, sha256);
    return status;
}

/* The history of the input, and one line more. */
static int write_history(nyx_writer *writer, const nyx_reader *file, const char *input_sha256,
                         const char *recipe_sha256)
{
    char *copy = NULL, *line = NULL, *rest = NULL;
    int   status = nyx_text_copy(&copy, nyx_reader_history(file));

    for (char *old = status < 0 ? NULL : strtok_r(copy, "\n", &rest); old && status == 0;
         old = strtok_r(NULL, "\n", &rest))
        status = nyx_writer_history(writer, old);
    if (status == 0)
        status = nyx_text_format(&line, "nyx-quantize %s input=%s recipe=%s", NYX_VERSION, input_sha256,
                                 recipe_sha256);
    if (status == 0)
        status = nyx_writer_history(writer, line);
    nyx_free(line);
    nyx_free(copy);
    return status;
}

static int write_model(nyx_report *report, nyx_compress *plan, const char *recipe_sha256)
{
    nyx_compress_options options = { .progress = progress };
    nyx_writer          *writer = NULL;
    int                  status;

    if ((status = nyx_pool_create(&options.pool, nyx_cli_common->threads)) < 0 ||
        (status = nyx_writer_open(&writer, args.output, "model")) < 0 ||
        (status = nyx_compress_run(plan, writer, &options)) < 0 ||
        (status = list_model(report, plan->file)) < 0 ||
        (status = write_history(writer, plan->file, nyx_report_input_sha256(report, args.model), recipe_sha256)) < 0)
        goto done;
    status = nyx_writer_commit(writer);
    writer = NULL;
done:
    nyx_cli_progress_end();
    nyx_writer_discard(writer);
    nyx_pool_free(options.pool);
    return status;
}

static int run(nyx_report *report)
{
    nyx_recipe    recipe = { 0 };
    nyx_reader   *file = NULL;
    nyx_compress *plan = NULL;
    char          recipe_sha256[NYX_SHA256_HEX];
    int           status;

    if (args.list)
        return list_formats();
    if ((status = check_usage()) < 0 || (status = make_recipe(&recipe)) < 0 ||
        (status = nyx_compress_recipe_sha256(recipe_sha256, &recipe)) < 0 ||
        (args.recipe && (status = nyx_report_input(report, args.recipe)) < 0) ||
        (status = nyx_reader_open(&file, args.model)) < 0)
        goto done;
    nyx_reader_digest_begin(file);
    if ((status = nyx_compress_plan(&plan, file, &recipe)) < 0)
        goto failed;
    warn(report, plan, &recipe);
    if (!nyx_cli_common->dry_run &&
        ((status = write_model(report, plan, recipe_sha256)) < 0 ||
         (status = nyx_report_output(report, args.output)) < 0))
        goto failed;
    describe(report, plan, recipe_sha256);
    if (nyx_cli_common->dry_run || nyx_cli_common->verbose)
        print_plan(plan);
failed:
    if (status < 0)
        nyx_error_wrap(status, "cannot code '%s'", args.model);
    if (!nyx_report_input_sha256(report, args.model) && list_model(report, file) < 0 && status == 0)
        status = NYX_ERR_INPUT;
done:
    nyx_compress_free(plan);
    nyx_reader_close(file);
    nyx_recipe_release(&recipe);
    return status;
}

int main(int argc, char **argv)
{
    static const nyx_tool tool = { .command = {
        .name = "nyx-quantize",
        .purpose = "rewrite the weights of a model in smaller formats",
        .usage = "[OPTIONS] MODEL.h5 -o FILE.h5",
        .examples = "  nyx-quantize m.h5 --format=int4:g32 -o q.h5 --report=quantize.json\n"
                    "  nyx-quantize m.h5 --recipe=recipe.json --dry-run\n",
        .description = "Reads a model file, a checkpoint, or any HDF5 file with float datasets under /tensors; writes "
                       "a model file with the same tensors, coded by --format or --recipe. One tensor is in memory at "
                       "a time.",
        .see_also = "nyx-train(1), nyx-eval(1), nyx-convert(1); docs/formats.md",
        .opts = opts,
        .run = run,
    } };

    return nyx_cli_main(argc, argv, &tool);
}
