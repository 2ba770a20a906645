/* nyx-bench -- how fast this machine does what Nyx needs, beside its own limits.
 *
 * Reads   CONFIG.json  the model of a training step (--op=step)
 *         MODEL.h5     a decoder (--op=generate)
 *         OLD.json     an earlier report, to compare with
 * Writes  SCRATCH.h5   with --op=file; removed again
 * Report  schemas/bench.schema.json
 */
#include "bench/bench.h"
#include "cli/cli.h"
#include "quant/quant.h"

#include <stdlib.h>
#include <string.h>

static struct {
    const char *op, *sizes, *modes, *type, *formats, *activations, *config, *model, *scratch, *command, *root, *compare;
    int64_t     length, vocabulary, memory_mib, file_mib;
    double      seconds, spread, threshold;
} args = { .modes = "nt,nn,tn", .type = "f32", .activations = "real", .length = 36, .vocabulary = 11, .memory_mib = 256, .file_mib = 64,
           .seconds = 2.0, .spread = 10.0, .threshold = 10.0 };

/* ---- lists ------------------------------------------------------------------- */

/* Calls `each` with every word of a comma-separated list. */
static int each_word(const char *list, int (*each)(const char *word))
{
    char *copy, *rest = NULL;
    int   status = nyx_text_copy(&copy, list), words = 0;

    for (char *word = status < 0 ? NULL : strtok_r(copy, ",", &rest); word && status >= 0; word = strtok_r(NULL, ",", &rest)) {
        status = each(word);
        words++;
    }
    nyx_free(copy);
    return status < 0 || words > 0 ? status : nyx_error_set(NYX_ERR_USAGE, "the list is empty");
}

static const char *names[32] = { "all" }; /* and the rows, which main() fills in */

static int check_row(const char *name)
{
    if (strcmp(name, "all") == 0 || nyx_bench_row_find(name))
        return 0;
    return nyx_error_set(NYX_ERR_USAGE, "'%s' is no operation; %s%s%sthey are listed by --help", name,
                         nyx_text_nearest(name, names) ? "did you mean '" : "",
                         nyx_text_nearest(name, names) ? nyx_text_nearest(name, names) : "",
                         nyx_text_nearest(name, names) ? "'? " : "");
}

static int check_rows(const char *list)
{
    return each_word(list, check_row);
}

static const char *const modes[] = { "nt", "nn", "tn", NULL };
static const char *const types[] = { "f32", "f16", "bf16", NULL };

static int check_mode(const char *mode)
{
    for (int i = 0; modes[i]; i++)
        if (strcmp(mode, modes[i]) == 0)
            return 0;
    return nyx_error_set(NYX_ERR_USAGE, "'%s' is no mode; nt, nn and tn are", mode);
}

static int check_modes(const char *list)
{
    return each_word(list, check_mode);
}

static int check_format(const char *text)
{
    nyx_format format;

    return nyx_format_parse(&format, text);
}

static int check_formats(const char *list)
{
    return each_word(list, check_format);
}

static nyx_bench_options options;

/* "1024x64x256", or "1024" for a cube. */
static int take_size(const char *text)
{
    int64_t extent[3];
    int     count = 0;
    char   *end = NULL;

    for (const char *at = text; count < 3; at = end + 1) {
        extent[count] = strtoll(at, &end, 10);
        if (end == at || extent[count] < 1 || extent[count] > 1 << 20 || (*end && *end != 'x'))
            break;
        count++;
        if (!*end)
            break;
    }
    if (!end || *end || (count != 1 && count != 3))
        return nyx_error_set(NYX_ERR_USAGE, "'%s' is no size; write MxNxK, or N for NxNxN, up to 1048576", text);
    if (options.size_count == (int)(sizeof options.sizes / sizeof *options.sizes))
        return nyx_error_set(NYX_ERR_USAGE, "there are more than %d sizes", options.size_count);
    options.sizes[options.size_count++] = (nyx_bench_size){ extent[0], extent[count == 1 ? 0 : 1], extent[count == 1 ? 0 : 2] };
    return 0;
}

static int check_sizes(const char *list)
{
    options.size_count = 0;
    return each_word(list, take_size);
}

static const nyx_opt opts[] = {
    { .kind = NYX_OPT_GROUP, .help = "Options" },
    { .kind = NYX_OPT_CHECK, .name = "op", .value = &args.op, .arg = "NAME,...", .help = "what to measure: copy, matmul, matvec, matmul_coded, matvec_coded, quantize, dequantize, forward, step, generate, file, pipeline, or all", .check = check_rows, .choices = names, .required = true },
    { .kind = NYX_OPT_CHECK, .name = "sizes", .value = &args.sizes, .arg = "MxNxK,...", .help = "matmul, matvec, coded or not: sizes [a few usual ones]", .check = check_sizes },
    { .kind = NYX_OPT_CHECK, .name = "modes", .value = &args.modes, .arg = "NAME,...", .help = "matmul: nt, nn, tn, which operands are transposed [all]", .check = check_modes, .choices = modes },
    { .kind = NYX_OPT_CHOICE, .name = "type", .value = &args.type, .arg = "NAME", .help = "matmul, matvec: type of what is multiplied [f32]", .choices = types },
    { .kind = NYX_OPT_CHECK, .name = "formats", .value = &args.formats, .arg = "FORMAT,...", .help = "quantize, dequantize, coded products: formats [examples of every kind; some]", .check = check_formats, .choices = nyx_format_examples },
    { .kind = NYX_OPT_CHOICE, .name = "activations", .value = &args.activations, .arg = "NAME", .help = "coded products, generate: real or int8, what coded weights multiply [real]", .choices = nyx_activations_names },
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

/* ---- what is said -------------------------------------------------------------- */

static void progress(void *context, const char *what)
{
    (void)context;
    if (nyx_cli_common->verbose)
        nyx_cli_note("%s", what);
}

static void cell_rate(nyx_table *table, double work, double seconds)
{
    if (work > 0.0 && seconds > 0.0)
        nyx_table_cell(table, "%.2f", work / seconds * 1e-9);
    else
        nyx_table_cell(table, "-");
}

static void print_figures(const nyx_bench *bench)
{
    static const char *const head[] = { "op", "what", "median us", "+-%", "GFLOP/s", "GB/s", "limit us", "by", "of limit", "OpenBLAS us", "peak MiB", "mJ" };
    nyx_table *table = nyx_table_create((int)(sizeof head / sizeof *head));

    for (size_t i = 0; i < sizeof head / sizeof *head; i++)
        nyx_table_cell(table, "%s", head[i]);
    for (int64_t i = 0; i < nyx_bench_figure_count(bench); i++) {
        const nyx_bench_figure *f = nyx_bench_figure_at(bench, i);
        const bool              known = !f->reason[0];

        nyx_table_cell(table, "%s", f->op);
        nyx_table_cell(table, "%s", f->what);
        nyx_table_cell(table, known ? "%.2f" : "-", f->median_s * 1e6);
        nyx_table_cell(table, known ? "%.1f" : "-", known ? 50.0 * (f->high_s - f->low_s) / f->median_s : 0.0);
        cell_rate(table, f->flops, known ? f->median_s : 0.0);
        cell_rate(table, f->bytes, known ? f->median_s : 0.0);
        nyx_table_cell(table, f->limit_s > 0.0 ? "%.2f" : "-", f->limit_s * 1e6);
        nyx_table_cell(table, "%s", f->limit_s > 0.0 ? f->limited_by : "-");
        nyx_table_cell(table, known && f->limit_s > 0.0 ? "%.1f %%" : "-", known ? 100.0 * f->limit_s / f->median_s : 0.0);
        nyx_table_cell(table, f->yardstick_s > 0.0 ? "%.2f" : "-", f->yardstick_s * 1e6);
        nyx_table_cell(table, known && f->memory_bytes > 0 ? "%.1f" : "-", (double)f->memory_bytes / 1048576.0);
        nyx_table_cell(table, known && f->energy_j > 0.0 ? "%.3f" : "-", f->energy_j * 1e3);
    }
    nyx_table_print(table);
    nyx_cli_print("register loop: %.1f GFLOP/s on %d threads\n", nyx_bench_peak_flops(bench) * 1e-9,
                  nyx_cli_common->threads ? nyx_cli_common->threads : nyx_cpu_count());
    if (nyx_bench_openblas())
        nyx_cli_print("OpenBLAS: its %s kernels\n", nyx_bench_openblas());
}

/* ---- the work ------------------------------------------------------------------- */

static int check_usage(void)
{
    if (!(args.seconds > 0.0) || !(args.spread > 0.0) || args.threshold < 0.0)
        return nyx_error_set(NYX_ERR_USAGE, "--seconds and --spread must be above 0, --threshold not below");
    options.seconds = args.seconds;
    options.spread_most = args.spread / 100.0;
    options.memory_bytes = args.memory_mib << 20;
    options.modes = args.modes;
    (void)nyx_dtype_find(&options.type, args.type);
    options.formats = args.formats;
    options.activations = nyx_activations_find(args.activations);
    options.model = args.model;
    options.config = args.config;
    options.length = args.length;
    options.vocabulary = args.vocabulary;
    options.scratch = args.scratch;
    options.command = args.command;
    options.root = args.root;
    options.file_bytes = args.file_mib << 20;
    options.progress = progress;
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
    nyx_json *object = nyx_json_add_object(nyx_report_run(report), "compare");
    int64_t   compared, unknown;
    int64_t   slower = nyx_bench_compare(bench, old, args.threshold / 100.0, nyx_json_add_array(object, "figures"), &compared, &unknown);

    nyx_json_set_real(object, "threshold", args.threshold / 100.0);
    nyx_json_set_int(object, "slower", slower);
    nyx_json_set_int(object, "unknown", unknown);
    if (unknown)
        nyx_report_warn(report, "%lld figures have no number in '%s' or none now", (long long)unknown, args.compare);
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
                          (status = nyx_bench_check(old, nyx_report_run(report), args.compare)) < 0 ||
                          (status = nyx_report_input(report, args.compare)) < 0)) ||
        (args.config && (status = nyx_report_input(report, args.config)) < 0) ||
        (args.model && (status = nyx_report_input(report, args.model)) < 0) ||
        (status = nyx_device_open(&device, nyx_cli_common->device, nyx_cli_common->threads)) < 0)
        goto done;
    nyx_json_set_text(nyx_report_run(report), "device", nyx_device_name(device));
    if (nyx_cli_common->dry_run || (status = nyx_bench_create(&bench, device, &options)) < 0)
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
    print_figures(bench);
    if (old)
        status = compare(report, bench, old);
done:
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
                    "  nyx-bench --op=copy,matmul --sizes=512x512x512 --compare=bench.json --threshold=5\n",
        .description = "Measures until the figures are steady and prints the median, its 95 % interval, and the share of a limit "
                       "of this machine that was measured in the same run. A figure whose interval is too wide has no "
                       "number but a reason.",
        .see_also = "nyx-train(1), nyx-eval(1); docs/bench.md",
        .opts = opts,
        .run = run,
    } };

    NYX_BUG_IF(nyx_bench_row_count() + 2 > (int)(sizeof names / sizeof *names));
    for (int i = 0; i < nyx_bench_row_count(); i++)
        names[i + 1] = nyx_bench_row_name(i);
    return nyx_cli_main(argc, argv, &tool);
}
