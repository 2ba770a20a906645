/* nyx-convert -- models of other programs in, models for other programs out.
 *
 * Reads   MODEL         safetensors (a file, an index of shards, a folder),
 *                       GGUF, llama2.c, minGPT as JSON; or a model file of ours
 * Writes  FILE.h5, or FILE.gguf, FILE.safetensors, FOLDER/
 * Report  schemas/convert.schema.json
 */
#include "cli/cli.h"
#include "convert/convert.h"

#include <string.h>
#include <sys/stat.h>

static struct {
    const char *input, *output, *config, *tokenizer, *dtype, *to;
    bool        decode;
    int64_t     shard_bytes;
} args;

static const char *const dtypes[] = { "f32", "f16", "bf16", NULL };
static const char *const targets[] = { "h5", "safetensors", "gguf", NULL };

static const nyx_opt opts[] = {
    { .kind = NYX_OPT_INPUT, .value = &args.input, .arg = "MODEL",
      .help = "a file or folder of another program, or MODEL.h5", .required = true },
    { .kind = NYX_OPT_GROUP, .help = "Options" },
    { .kind = NYX_OPT_OUTPUT, .name = "output", .letter = 'o', .value = &args.output, .arg = "FILE",
      .help = "FILE.h5; or FILE.gguf, FILE.safetensors, FOLDER/ out of MODEL.h5", .required = true },
    { .kind = NYX_OPT_CHOICE, .name = "to", .value = &args.to, .arg = "KIND",
      .help = "what to write: h5, safetensors or gguf [by the output's name]", .choices = targets },
    { .kind = NYX_OPT_CHOICE, .name = "dtype", .value = &args.dtype, .arg = "TYPE",
      .help = "element type of plain matrices: f32, f16 or bf16 [as they are; f32 in, f16 out for what is decoded]",
      .choices = dtypes },
    { .kind = NYX_OPT_FLAG, .name = "decode", .value = &args.decode, .help = "write coded tensors as plain ones" },
    { .kind = NYX_OPT_INT, .name = "shard-size", .value = &args.shard_bytes, .arg = "BYTES",
      .help = "into FOLDER/: files of at most BYTES of tensors, and an index [one file]", .least = 1 },
    { .kind = NYX_OPT_INPUT, .name = "tokenizer", .value = &args.tokenizer, .arg = "FILE",
      .help = "the tokenizer to store: tokenizer.json, llama2.c's, ours [what comes with MODEL]" },
    { .kind = NYX_OPT_INPUT, .name = "config", .value = &args.config, .arg = "FILE.json",
      .help = "the config.json to use [the one beside MODEL]" },
    { 0 },
};

/* ---- what was asked ------------------------------------------------------------ */

/* What the output is to be: --to, or by its name. */
static const char *target(void)
{
    struct stat st;

    if (args.to)
        return args.to;
    if (nyx_text_ends(args.output, ".h5"))
        return "h5";
    if (nyx_text_ends(args.output, ".gguf"))
        return "gguf";
    if (nyx_text_ends(args.output, ".safetensors") || nyx_text_ends(args.output, "/") ||
        (stat(args.output, &st) == 0 && S_ISDIR(st.st_mode)))
        return "safetensors";
    return NULL;
}

static int check_usage(void)
{
    if (!target())
        return nyx_error_set(NYX_ERR_USAGE, "'%s' ends with none of .h5 .gguf .safetensors /; say what it is with --to",
                             args.output);
    if (args.config && strcmp(target(), "h5") != 0)
        return nyx_error_set(NYX_ERR_USAGE, "--config belongs to files of other programs; MODEL.h5 has its own");
    if (args.shard_bytes && (strcmp(target(), "safetensors") != 0 || nyx_text_ends(args.output, ".safetensors")))
        return nyx_error_set(NYX_ERR_USAGE, "--shard-size divides safetensors in a folder; '%s' is none", args.output);
    return 0;
}

/* ---- the work -------------------------------------------------------------------- */

static void progress(void *context, int64_t done, int64_t total)
{
    (void)context;
    nyx_cli_progress("converting", done, total, "tensors");
}

static int list_input(nyx_report *report, nyx_sha256 *all, const char *path)
{
    int status = nyx_report_input(report, path);

    if (status == 0)
        nyx_sha256_update(all, nyx_report_input_sha256(report, path), NYX_SHA256_HEX - 1);
    return status;
}

/* List every file that is read; their digests together are the input's. */
static int list_inputs(nyx_report *report, char digest[NYX_SHA256_HEX])
{
    nyx_foreign *file;
    nyx_sha256   all;
    const char  *tokenizer = args.tokenizer;
    char        *beside = NULL;
    int          status = nyx_foreign_open(&file, args.input, args.config);

    if (status < 0)
        return status;
    if (!tokenizer && (status = nyx_convert_tokenizer_beside(&beside, file)) == 0)
        tokenizer = beside;
    nyx_sha256_init(&all);
    for (int64_t i = 0; status == 0 && i < nyx_foreign_source_count(file); i++)
        status = list_input(report, &all, nyx_foreign_source(file, i));
    if (status == 0 && tokenizer)
        status = list_input(report, &all, tokenizer);
    nyx_sha256_final(&all, digest);
    if (status == 0 && nyx_foreign_source_count(file) == 1 && !tokenizer)
        snprintf(digest, NYX_SHA256_HEX, "%s", nyx_report_input_sha256(report, nyx_foreign_source(file, 0)));
    nyx_free(beside);
    nyx_foreign_close(file);
    return status;
}

static int describe(nyx_report *report, const nyx_convert_report *found)
{
    int status = 0;

    nyx_convert_describe(found, nyx_report_result(report));
    for (int64_t i = 0; i < found->warning_count; i++)
        nyx_report_warn(report, "%s", found->warnings[i]);
    for (int64_t i = 0; i < found->output_count && status == 0; i++)
        status = nyx_report_output(report, found->outputs[i]);
    return status;
}

static void print_tensors(const nyx_convert_report *found)
{
    static const char *const head[] = { "tensor", "from", "shape", "was", "is", "bytes", "largest error" };
    nyx_table               *table = nyx_table_create(7);

    for (size_t i = 0; i < sizeof head / sizeof *head; i++)
        nyx_table_cell(table, "%s", head[i]);
    for (int64_t i = 0; i < found->count; i++) {
        const nyx_convert_tensor *t = &found->tensors[i];
        char                      shape[96];

        nyx_shape_text(shape, &t->shape);
        nyx_table_cell(table, "%s", t->name);
        nyx_table_cell(table, "%s", t->from);
        nyx_table_cell(table, "%s", shape);
        nyx_table_cell(table, "%s", t->type_before);
        nyx_table_cell(table, "%s", t->type);
        nyx_table_cell(table, "%lld", (long long)t->bytes);
        nyx_table_cell(table, t->error.max_error > 0 ? "%.3g" : "-", t->error.max_error);
    }
    nyx_table_print(table);
}

static int import(nyx_convert_report *found, nyx_report *report, nyx_convert_options *options)
{
    char  digest[NYX_SHA256_HEX];
    char *history = NULL;
    int   status;

    if ((status = list_inputs(report, digest)) < 0)
        return status;
    status = nyx_text_format(&history, "nyx-convert %s input=%s%s%s%s", NYX_VERSION, digest,
                             args.dtype ? " dtype=" : "", args.dtype ? args.dtype : "", args.decode ? " decode" : "");
    options->history = history;
    if (status == 0)
        status = nyx_convert_import(found, args.input, args.output, options);
    nyx_free(history);
    return status;
}

static int run(nyx_report *report)
{
    nyx_convert_options options = { .config = args.config, .dtype = args.dtype, .decode = args.decode,
                                    .shard_bytes = args.shard_bytes,
                                    .tokenizer = args.tokenizer, .progress = progress };
    nyx_convert_report  found = { 0 };
    int                 status = check_usage();

    if (status < 0)
        return status;
    if (strcmp(target(), "h5") == 0)
        status = import(&found, report, &options);
    else if ((status = nyx_report_input(report, args.input)) == 0 &&
             (!args.tokenizer || (status = nyx_report_input(report, args.tokenizer)) == 0))
        status = nyx_convert_export(&found, args.input,
                                    strcmp(target(), "gguf") == 0 ? NYX_FOREIGN_GGUF : NYX_FOREIGN_SAFETENSORS,
                                    args.output, &options);
    nyx_cli_progress_end();
    if (status == 0)
        status = describe(report, &found);
    if (status == 0 && nyx_cli_common->verbose)
        print_tensors(&found);
    nyx_convert_release(&found);
    return status;
}

int main(int argc, char **argv)
{
    static const nyx_tool tool = { .command = {
        .name = "nyx-convert",
        .purpose = "models of other programs in, models for other programs out",
        .usage = "[OPTIONS] MODEL -o FILE",
        .examples = "  nyx-convert model.gguf -o model.h5 --report=convert.json\n"
                    "  nyx-convert folder-with-safetensors -o model.h5 --dtype=bf16\n"
                    "  nyx-convert lm-int4.h5 -o lm-int4.gguf\n",
        .description = "Reads safetensors (a file, or a folder of shards), GGUF, llama2.c and minGPT models, and "
                       "writes a model file; or reads a model file and writes GGUF or safetensors. Numbers that both "
                       "sides can hold are moved, not coded anew; what had to be rounded is measured and reported.",
        .see_also = "nyx-quantize(1), nyx-eval(1); docs/convert.md",
        .opts = opts,
        .run = run,
    } };

    return nyx_cli_main(argc, argv, &tool);
}
