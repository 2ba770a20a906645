/* nyx-bench -- how fast this machine does what Nyx needs, beside its own limits.
 *
 * Reads   CONFIG.json  the model of a training step (--op=step)
 *         MODEL.h5     a decoder (--op=generate)
 *         OLD.json     an earlier report, to compare with
 * Writes  SCRATCH.h5   with --op=file; removed again
 * Report  schemas/bench.schema.json
 */
#include "cli/cli.h"
#include "nyx-bench/parts.h"
#include "quant/quant.h"
#include "run/run.h"

#include <stdlib.h>
#include <string.h>

static struct {
    const char *op, *sizes, *modes, *shapes, *type, *formats, *activations, *config, *model, *scratch, *command, *root, *compare;
    int64_t     length, vocabulary, memory_mib, file_mib;
    double      seconds, spread, threshold;
    bool        tune;
} args = { .modes = "nt,nn,tn", .type = "f32", .activations = "real", .length = 36, .vocabulary = 11, .memory_mib = 256, .file_mib = 64,
           .seconds = 2.0, .spread = 10.0, .threshold = 10.0 };

nyx_bench_options bench_options;

static const nyx_opt opts[] = {
    { .kind = NYX_OPT_GROUP, .help = "Options" },
    { .kind = NYX_OPT_CHECK, .name = "op", .value = &args.op, .arg = "NAME,...", .help = "what to measure: copy, matmul, matvec, attention, matmul_coded, matvec_coded, quantize, dequantize, forward, step, submit, generate, file, pipeline, or all", .check = bench_check_rows, .choices = bench_row_names, .required = true },
    { .kind = NYX_OPT_CHECK, .name = "sizes", .value = &args.sizes, .arg = "MxNxK,...", .help = "matmul, matvec, coded or not: sizes [a few usual ones]", .check = bench_check_sizes },
    { .kind = NYX_OPT_CHECK, .name = "modes", .value = &args.modes, .arg = "NAME,...", .help = "matmul: nt, nn, tn, which operands are transposed [all]", .check = bench_check_modes, .choices = bench_modes },
    { .kind = NYX_OPT_CHOICE, .name = "type", .value = &args.type, .arg = "NAME", .help = "matmul, matvec, attention, step: type of what is multiplied [f32]", .choices = bench_types },
    { .kind = NYX_OPT_CHECK, .name = "shapes", .value = &args.shapes, .arg = "BxHxSxD,...", .help = "attention: batch, heads, positions, width of a head [4x8x1024x64]", .check = bench_check_shapes },
    { .kind = NYX_OPT_CHECK, .name = "formats", .value = &args.formats, .arg = "FORMAT,...", .help = "quantize, dequantize, coded products: formats [examples of every kind; some]", .check = bench_check_formats, .choices = nyx_format_examples },
    { .kind = NYX_OPT_CHOICE, .name = "activations", .value = &args.activations, .arg = "NAME", .help = "coded products, generate: real, int8 or int8-row, what coded weights multiply [real]", .choices = nyx_activations_names },
    { .kind = NYX_OPT_FLAG, .name = "tune", .value = &args.tune, .help = "products, attention, the products of a step, on a GPU: first find the kernel's constants, and keep them for later runs of every program; takes up to 30 times --seconds each [no]" },
    { .kind = NYX_OPT_INPUT, .name = "config", .value = &args.config, .arg = "FILE.json", .help = "forward, step: configuration of the model [none]" },
    { .kind = NYX_OPT_INPUT, .name = "model", .value = &args.model, .arg = "MODEL.h5", .help = "generate: a decoder, plain or coded [none]" },
    { .kind = NYX_OPT_INT, .name = "length", .value = &args.length, .arg = "N", .help = "forward, step: tokens a row [36]", .least = 1 },
    { .kind = NYX_OPT_INT, .name = "vocabulary", .value = &args.vocabulary, .arg = "N", .help = "forward, step: different tokens [11]", .least = 2 },
    { .kind = NYX_OPT_OUTPUT, .name = "scratch", .value = &args.scratch, .arg = "FILE.h5", .help = "file: a file that may be written and removed [none]" },
    { .kind = NYX_OPT_INT, .name = "file-mib", .value = &args.file_mib, .arg = "N", .help = "file: its size in MiB [64]", .least = 1 },
    { .kind = NYX_OPT_TEXT, .name = "command", .value = &args.command, .arg = "COMMAND", .help = "pipeline: what /bin/sh runs, twenty times or more [none]" },
    { .kind = NYX_OPT_INT, .name = "memory-mib", .value = &args.memory_mib, .arg = "N", .help = "largest set of the bandwidth loops, MiB, held twice [256]", .least = 1 },
    { .kind = NYX_OPT_TEXT, .name = "root", .value = &args.root, .arg = "FOLDER", .help = "read the energy counters of /sys below this folder [/]" },
    { .kind = NYX_OPT_REAL, .name = "seconds", .value = &args.seconds, .arg = "X", .help = "time for each figure [2]" },
    { .kind = NYX_OPT_REAL, .name = "spread", .value = &args.spread, .arg = "PERCENT", .help = "no number when the 95 % interval is wider [10]" },
    { .kind = NYX_OPT_GROUP, .help = "Comparing" },
    { .kind = NYX_OPT_INPUT, .name = "compare", .value = &args.compare, .arg = "OLD.json", .help = "exit 1 when a figure is slower than in this report [none]" },
    { .kind = NYX_OPT_REAL, .name = "threshold", .value = &args.threshold, .arg = "PERCENT", .help = "so much slower counts [10]" },
    { 0 },
};

static void progress(void *context, const char *what)
{
    (void)context;
    if (nyx_cli_common->verbose)
        nyx_cli_note("%s", what);
}

/* ---- the work ------------------------------------------------------------------- */

static int check_usage(void)
{
    if (!(args.seconds > 0.0) || !(args.spread > 0.0) || args.threshold < 0.0)
        return nyx_error_set(NYX_ERR_USAGE, "--seconds and --spread must be above 0, --threshold not below");
    bench_options.seconds = args.seconds;
    bench_options.spread_most = args.spread / 100.0;
    bench_options.memory_bytes = args.memory_mib << 20;
    bench_options.modes = args.modes;
    (void)nyx_dtype_find(&bench_options.type, args.type);
    bench_options.formats = args.formats;
    bench_options.tune = args.tune;
    bench_options.activations = nyx_activations_find(args.activations);
    bench_options.model = args.model;
    bench_options.config = args.config;
    bench_options.length = args.length;
    bench_options.vocabulary = args.vocabulary;
    bench_options.scratch = args.scratch;
    bench_options.command = args.command;
    bench_options.root = args.root;
    bench_options.file_bytes = args.file_mib << 20;
    bench_options.progress = progress;
    return 0;
}

static bool asked(const char *name)
{
    const size_t length = strlen(name);

    for (const char *at = args.op; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        if (strncmp(at, name, length) == 0 && (!at[length] || at[length] == ','))
            return true;
        if (strncmp(at, "all", 3) == 0 && (!at[3] || at[3] == ','))
            return true;
    }
    return false;
}

static int compare(nyx_report *report, const nyx_bench *bench, const nyx_json *old)
{
    nyx_json *object = nyx_json_add_object(nyx_report_run(report), "compare"), *others = nyx_json_add_array(object, "differences");
    int64_t   compared, unknown;
    int64_t   slower = nyx_bench_compare(bench, old, args.threshold / 100.0, nyx_json_add_array(object, "figures"), &compared, &unknown);

    nyx_json_set_real(object, "threshold", args.threshold / 100.0);
    nyx_json_set_int(object, "slower", slower);
    nyx_json_set_int(object, "unknown", unknown);
    if (unknown)
        nyx_report_warn(report, "%lld figures have no number in '%s' or none now, or were of other work", (long long)unknown, args.compare);
    nyx_bench_differences(bench, old, others);
    for (int64_t i = 0; i < nyx_json_count(others); i++) {
        nyx_report_warn(report, "'%s' was not measured as now: %s", args.compare, nyx_json_text(nyx_json_item(others, i), ""));
        nyx_cli_note("warning: '%s' was not measured as now: %s", args.compare, nyx_json_text(nyx_json_item(others, i), ""));
    }
    nyx_cli_print("%lld of %lld figures are more than %g %% slower than in '%s'\n", (long long)slower, (long long)compared,
                  args.threshold, args.compare);
    return slower ? NYX_EXIT_NO : 0;
}

static int run(nyx_report *report)
{
    nyx_device *device = NULL;
    nyx_bench  *bench = NULL;
    nyx_json   *old = NULL;
    int         status = check_usage();

    if (status < 0 ||
        (args.compare && ((status = nyx_json_read(&old, args.compare)) < 0 ||
                          (status = nyx_report_input(report, args.compare)) < 0)) ||
        (args.config && (status = nyx_report_input(report, args.config)) < 0) ||
        (args.model && (status = nyx_report_input(report, args.model)) < 0) ||
        (status = nyx_device_open(&device, nyx_cli_common->device, nyx_cli_common->threads)) < 0 ||
        (old && (status = nyx_bench_check(old, nyx_report_run(report), device, args.compare)) < 0))
        goto done;
    if (args.tune && strncmp(nyx_device_name(device), "vulkan", 6)) {
        status = nyx_error_set(NYX_ERR_UNSUPPORTED, "--tune: '%s' has no constants to choose; --device=vulkan has", nyx_device_name(device));
        goto done;
    }
    if (nyx_cli_common->dry_run || (status = nyx_bench_create(&bench, device, &bench_options)) < 0)
        goto done;
    for (int i = 0; i < nyx_bench_row_count() && status == 0; i++)
        if (asked(nyx_bench_row_name(i)))
            status = nyx_bench_run(bench, nyx_bench_row_name(i));
    nyx_bench_describe(bench, nyx_report_result(report), nyx_report_run(report));
    if (status < 0)
        goto done;
    for (int64_t i = 0; i < nyx_bench_figure_count(bench); i++)
        if (nyx_bench_figure_at(bench, i)->reason[0])
            nyx_report_warn(report, "%s %s has no number: %s", nyx_bench_figure_at(bench, i)->op,
                            nyx_bench_figure_at(bench, i)->what, nyx_bench_figure_at(bench, i)->reason);
    bench_print(bench);
    if (old)
        status = compare(report, bench, old);
done:
    nyx_device_describe(report, device, nyx_cli_note);
    nyx_bench_free(bench);
    nyx_device_close(device);
    nyx_json_free(old);
    return status;
}

int main(int argc, char **argv)
{
    static const nyx_tool tool = { .command = {
        .name = "nyx-bench",
        .purpose = "measure how fast this machine does what Nyx needs, beside its own limits",
        .usage = "[OPTIONS] --op=NAME,...",
        .examples = "  nyx-bench --op=copy,matmul --sizes=512x512x512 --report=bench.json\n"
                    "  nyx-bench --op=copy,matmul --sizes=512x512x512 --compare=bench.json --threshold=5\n"
                    "  nyx-bench --device=vulkan --op=matmul --type=f16 --sizes=4096,8192 --tune\n",
        .description = "Measures until the figures are steady and prints the median, its 95 % interval, and the share of a limit "
                       "of this machine that was measured in the same run. A figure whose interval is too wide has no "
                       "number but a reason.",
        .see_also = "nyx-train(1), nyx-eval(1); docs/bench.md",
        .opts = opts,
        .run = run,
    } };

    bench_list_rows();
    return nyx_cli_main(argc, argv, &tool);
}
