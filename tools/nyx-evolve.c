/* nyx-evolve -- search what a model is best coded with.
 *
 * Reads   MODEL.h5      plain weights; schemas/README.md, "Model file"
 *         DATA.h5       searched on its training split, judged on its test split
 *         PROFILE.json  schemas/profile.schema.json (--profile)
 * Writes  RECIPE.json   schemas/recipe.schema.json, for nyx-quantize --recipe
 *         the coded levels, the checkpoint and the log on the way
 * Report  schemas/evolve.schema.json
 */
#include "cli/cli.h"
#include "evolve/evolve.h"

#include <string.h>

static const char default_formats[] = "int2:g128,int2:g64,int2:g32,int2:g16,int3:g128,int3:g64,int3:g32,int3:g16,int4:g128,int4:g64,"
                                      "int4:g32,int8:channel";

static struct {
    const char *model, *data, *output, *held_out, *profile, *formats, *codings, *start, *checkpoint, *log;
    double      bits;
    int64_t     bytes, memory, tokens, sample, window, held_rows;
    bool        all, pareto, resume, fresh;
} args = { .formats = default_formats, .bits = -1.0, .bytes = -1, .memory = -1 };

/* "int2:g64,int3:g32" into at most NYX_LEVELS_MOST formats. */
static int parse_formats(nyx_format *out, int *count, const char *list)
{
    *count = 0;
    while (*list) {
        char   text[NYX_FORMAT_TEXT];
        size_t length = strcspn(list, ",");
        int    status;

        snprintf(text, sizeof text, "%.*s", (int)length, list);
        if (*count == NYX_LEVELS_MOST)
            return nyx_error_set(NYX_ERR_USAGE, "%d formats are the most", NYX_LEVELS_MOST);
        if ((status = nyx_format_parse(&out[*count], text)) < 0)
            return status;
        for (int i = 0; i < *count; i++)
            if (nyx_format_equal(&out[i], &out[*count]))
                return nyx_error_set(NYX_ERR_USAGE, "'%s' stands twice among the formats", text);
        (*count)++;
        list += length + (list[length] == ',');
    }
    return *count > 0 ? 0 : nyx_error_set(NYX_ERR_USAGE, "no format is named");
}

static int check_formats(const char *list)
{
    nyx_format formats[NYX_LEVELS_MOST];
    int        count;

    return parse_formats(formats, &count, list);
}

static const nyx_opt recipe_opts[] = {
    { .kind = NYX_OPT_INPUT, .value = &args.model, .arg = "MODEL.h5", .help = "the model to code", .required = true },
    { .kind = NYX_OPT_GROUP, .help = "Files" },
    { .kind = NYX_OPT_INPUT, .name = "data", .value = &args.data, .arg = "DATA.h5", .help = "searched on its training split, judged on its test split", .required = true },
    { .kind = NYX_OPT_OUTPUT, .name = "output", .letter = 'o', .value = &args.output, .arg = "RECIPE.json", .help = "the recipe, for nyx-quantize --recipe", .required = true },
    { .kind = NYX_OPT_FLAG, .name = "fresh", .value = &args.fresh, .help = "search on the test split, behind the rows judged on: the model has not seen them" },
    { .kind = NYX_OPT_INPUT, .name = "held-out", .value = &args.held_out, .arg = "DATA.h5", .help = "judge on the test split of this one [of --data]" },
    { .kind = NYX_OPT_TEXT, .name = "codings", .value = &args.codings, .arg = "FOLDER", .help = "where the coded levels are kept for later searches [RECIPE.json.codings]" },
    { .kind = NYX_OPT_INPUT, .name = "start", .value = &args.start, .arg = "RECIPE.json", .help = "begin with this recipe too [none]" },
    { .kind = NYX_OPT_OUTPUT, .name = "log", .value = &args.log, .arg = "FILE", .help = "one JSON line a candidate [none]" },
    { .kind = NYX_OPT_OUTPUT, .name = "checkpoint", .value = &args.checkpoint, .arg = "FILE", .help = "keep every measurement here [none]" },
    { .kind = NYX_OPT_FLAG, .name = "resume", .value = &args.resume, .help = "go on from the checkpoint; start afresh when there is none" },
    { .kind = NYX_OPT_GROUP, .help = "Budget (one of the four)" },
    { .kind = NYX_OPT_REAL, .name = "bits", .value = &args.bits, .arg = "X", .help = "bits a weight of the tensors that are coded, scales and packing counted [none]" },
    { .kind = NYX_OPT_INT, .name = "bytes", .value = &args.bytes, .arg = "N", .help = "bytes of the coded file, headers counted [none]" },
    { .kind = NYX_OPT_INT, .name = "memory", .value = &args.memory, .arg = "N", .help = "bytes that running one row may take on the device [none]" },
    { .kind = NYX_OPT_INPUT, .name = "profile", .value = &args.profile, .arg = "PROFILE.json", .help = "as --memory: nine tenths of what nyx-profile found available on this machine [none]" },
    { .kind = NYX_OPT_GROUP, .help = "Search" },
    { .kind = NYX_OPT_CHECK, .name = "formats", .value = &args.formats, .arg = "LIST", .help = "what a tensor may become, by commas [twelve from int2:g128 to int8:channel]", .check = check_formats },
    { .kind = NYX_OPT_FLAG, .name = "all", .value = &args.all, .help = "also code embeddings, heads, norms, puzzle tables, positions" },
    { .kind = NYX_OPT_INT, .name = "tokens", .value = &args.tokens, .arg = "N", .help = "token-forwards to spend; a row of an HRM counts once [2000000; hrm, transformer: 100000]", .least = 1 },
    { .kind = NYX_OPT_INT, .name = "sample", .value = &args.sample, .arg = "N", .help = "tokens that decide about a candidate [from --tokens]", .least = 1 },
    { .kind = NYX_OPT_INT, .name = "window", .value = &args.window, .arg = "N", .help = "text: tokens of a row [128, or the model's context]", .least = 2 },
    { .kind = NYX_OPT_INT, .name = "held-rows", .value = &args.held_rows, .arg = "N", .help = "rows to judge on [65536 tokens]", .least = 1 },
    { .kind = NYX_OPT_FLAG, .name = "pareto", .value = &args.pareto, .help = "search the front of bytes, divergence and measured time" },
    { 0 },
};

/* ---- the budget ------------------------------------------------------------------- */

static int check_usage(void)
{
    if ((args.bits > 0.0) + (args.bytes >= 0) + (args.memory >= 0) + (args.profile != NULL) != 1)
        return nyx_error_set(NYX_ERR_USAGE, "name one budget: --bits=X, --bytes=N, --memory=N or --profile=FILE");
    if (args.bits > 32.0)
        return nyx_error_set(NYX_ERR_USAGE, "--bits=%g: a weight has 32 bits at most", args.bits);
    if (args.resume && !args.checkpoint)
        return nyx_error_set(NYX_ERR_USAGE, "--resume needs --checkpoint=FILE");
    return args.profile ? nyx_profile_memory(&args.memory, args.profile) : 0;
}

/* Bytes for the tensors that are chosen for. */
static int take_budget(int64_t *out, nyx_json *json, nyx_device *device, const nyx_codings *codings)
{
    int64_t fixed = codings->kept_bytes + codings->header_bytes;
    int     status;

    if (args.bits > 0.0) {
        *out = (int64_t)(args.bits * (double)codings->elems / 8.0);
        nyx_json_set_text(json, "kind", "bits");
        nyx_json_set_real(json, "asked", args.bits);
    } else if (args.bytes >= 0) {
        *out = args.bytes - fixed;
        nyx_json_set_text(json, "kind", "bytes");
        nyx_json_set_int(json, "asked", args.bytes);
    } else {
        if ((status = nyx_codings_memory(&fixed, device, codings, args.model)) < 0)
            return status;
        *out = args.memory - fixed;
        nyx_json_set_text(json, "kind", "memory");
        nyx_json_set_int(json, "asked", args.memory);
    }
    nyx_json_set_int(json, "bytes", *out);
    nyx_json_set_int(json, "fixed_bytes", args.bits > 0.0 ? 0 : fixed);
    return 0;
}

/* ---- what is said ------------------------------------------------------------------ */

static void progress(void *context, int64_t done, int64_t total, const char *what)
{
    (void)context;
    nyx_cli_progress("searching", done, total, what);
}

static void coding(void *context, int64_t done, int64_t total)
{
    (void)context;
    nyx_cli_progress("coding", done, total, "formats");
}

static void print_plans(const nyx_search_result *r, const nyx_codings *codings)
{
    nyx_table *table = nyx_table_create(5);

    nyx_table_cell(table, "plan");
    nyx_table_cell(table, "bytes");
    nyx_table_cell(table, "bits");
    nyx_table_cell(table, "KL (95 %%)");
    nyx_table_cell(table, "more than evolved (95 %%)");
    for (int i = 0; i < NYX_PLANS; i++) {
        const nyx_search_plan *p = &r->plans[i];

        if (!p->levels)
            continue;
        nyx_table_cell(table, "%s", nyx_plan_name(i));
        nyx_table_cell(table, "%lld", (long long)p->bytes);
        nyx_table_cell(table, "%.3f", nyx_codings_bits(codings, p->bytes));
        if (p->held_out.reason) {
            nyx_table_cell(table, "-");
            nyx_table_cell(table, "-");
            continue;
        }
        nyx_table_cell(table, "%.4g (%.4g ... %.4g)", p->held_out.value, p->held_out.low, p->held_out.high);
        if (i == NYX_EVOLVED)
            nyx_table_cell(table, "-");
        else
            nyx_table_cell(table, "%.3g (%.3g ... %.3g)", p->against_evolved.difference, p->against_evolved.low,
                           p->against_evolved.high);
    }
    nyx_table_print(table);
    nyx_cli_print("%lld candidates in %lld generations, %lld accepted, %lld token-forwards\n", (long long)r->candidates,
                  (long long)r->generations, (long long)r->accepted, (long long)r->tokens);
}

static int finish(nyx_report *report, const nyx_search_result *result, const nyx_codings *codings)
{
    char *comment = NULL;
    int   status = nyx_text_format(&comment, "by nyx-evolve %s: %lld bytes, %.4f bits a weight; squared distance in search %.4g",
                                   NYX_VERSION, (long long)result->plans[NYX_EVOLVED].bytes,
                                   nyx_codings_bits(codings, result->plans[NYX_EVOLVED].bytes),
                                   result->plans[NYX_EVOLVED].searched);

    if (status == 0 && (status = nyx_plan_write(args.output, codings, result->plans[NYX_EVOLVED].levels, comment)) == 0)
        status = nyx_report_output(report, args.output);
    nyx_free(comment);
    if (status < 0)
        return status;
    nyx_search_describe(result, codings, nyx_report_result(report));
    nyx_json_set_int(nyx_report_run(report), "measurements_replayed", result->replayed);
    nyx_json_set_int(nyx_report_run(report), "formats_coded_now", codings->coded_now);
    if (!nyx_cli_common->quiet)
        print_plans(result, codings);
    return 0;
}

/* ---- run ------------------------------------------------------------------------------- */

static int search(nyx_report *report, nyx_device *device, const nyx_codings *codings, nyx_search_options *o)
{
    nyx_search_result result = { 0 };
    uint8_t          *start = NULL;
    nyx_json         *budget = nyx_json_add_object(nyx_report_result(report), "budget");
    int               status = take_budget(&o->budget, budget, device, codings);

    if (status == 0 && args.start && (status = nyx_alloc(&start, codings->count)) == 0)
        status = nyx_plan_read(start, codings, args.start);
    o->start = start;
    if (status == 0)
        status = nyx_search_run(&result, device, codings, o);
    nyx_cli_progress_end();
    if (status == 0)
        status = finish(report, &result, codings);
    nyx_search_result_release(&result);
    nyx_free(start);
    return status;
}

static int open_codings(nyx_codings **out, nyx_device *device)
{
    nyx_format           formats[NYX_LEVELS_MOST];
    nyx_codings_options  o = { .model = args.model, .folder = args.codings, .formats = formats, .all = args.all,
                               .pool = nyx_device_pool(device), .progress = coding };
    char                *folder = NULL;
    int                  status = parse_formats(formats, &o.format_count, args.formats);

    if (status == 0 && !args.codings && (status = nyx_text_format(&folder, "%s.codings", args.output)) == 0)
        o.folder = folder;
    if (status == 0)
        status = nyx_codings_open(out, &o);
    nyx_free(folder);
    return status;
}

static int inputs(nyx_report *report)
{
    const char *paths[] = { args.model, args.data, args.held_out, args.start, args.profile };
    int         status = 0;

    for (size_t i = 0; i < sizeof paths / sizeof *paths && status == 0; i++)
        status = paths[i] ? nyx_report_input(report, paths[i]) : 0;
    return status;
}

static int run_recipe(nyx_report *report)
{
    nyx_dataset        data = { 0 }, held = { 0 };
    nyx_device        *device = NULL;
    nyx_codings       *codings = NULL;
    nyx_search_options o = { .model = args.model, .data = args.data, .held_out = args.held_out, .dataset = &data,
                             .held_dataset = args.held_out ? &held : &data, .window = args.window, .fresh = args.fresh,
                             .tokens = args.tokens, .sample = args.sample, .held_rows = args.held_rows,
                             .seed = nyx_cli_common->seed, .pareto = args.pareto, .checkpoint = args.checkpoint,
                             .log = args.log, .resume = args.resume, .progress = progress };
    int                status;

    if ((status = check_usage()) < 0 || (status = inputs(report)) < 0 || (status = nyx_dataset_read(&data, args.data)) < 0 ||
        (args.held_out && (status = nyx_dataset_read(&held, args.held_out)) < 0) ||
        (status = nyx_output_try(args.output)) < 0 ||
        (status = nyx_device_open(&device, nyx_cli_common->device, nyx_cli_common->threads)) < 0)
        goto done;
    if (!nyx_cli_common->dry_run && (status = open_codings(&codings, device)) == 0)
        status = search(report, device, codings, &o);
    nyx_cli_progress_end();
done:
    nyx_device_describe(report, device, nyx_cli_note);
    nyx_codings_close(codings);
    nyx_device_close(device);
    nyx_dataset_release(&held);
    nyx_dataset_release(&data);
    return status;
}

int main(int argc, char **argv)
{
    static const nyx_command commands[] = {
        { .name = "recipe",
          .purpose = "search which format each tensor gets within a budget",
          .usage = "[OPTIONS] MODEL.h5 --data=DATA.h5 --bits=X -o RECIPE.json",
          .examples = "  nyx-evolve recipe m.h5 --data=d.h5 --bits=3 -o r.json --report=evolve.json\n"
                      "  nyx-evolve recipe m.h5 --data=d.h5 --bytes=120000 --checkpoint=ck --resume -o r.json\n",
          .opts = recipe_opts,
          .run = run_recipe },
        { 0 },
    };
    static const nyx_tool tool = { .command = { .name = "nyx-evolve",
                                                .purpose = "search what a model is best coded with" },
                                   .commands = commands };

    return nyx_cli_main(argc, argv, &tool);
}
