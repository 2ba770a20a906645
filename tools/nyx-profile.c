/* nyx-profile -- what this machine is and can, and how a model fits on it.
 *
 * Reads   CONFIG.json  schemas/config.schema.json (--plan)
 *         DATA.h5      schemas/README.md, "Dataset file" (--data)
 * Writes  PLAN.json    schemas/plan.schema.json
 *         a file below --folder that is removed again (--parts=disk)
 * Report  schemas/profile.schema.json
 */
#include "cli/cli.h"
#include "nyx-profile/describe.h"
#include "train/train.h"

#include <string.h>
#include <unistd.h>

static struct {
    const char *parts, *plan, *data, *memory, *output, *folder, *root;
    int64_t     vocabulary, length, file_mib;
    double      seconds;
    bool        measure;
} args = { .folder = ".", .root = "", .vocabulary = 10000, .length = 81, .file_mib = 64, .seconds = 0.5, .measure = true };

static int64_t memory_bytes; /* of --memory; 0: what is available */

static const char *const part_names[] = { "all", "processor", "memory", "disk", "vulkan", "sensors", NULL };

static int check_parts(const char *list)
{
    for (const char *at = list; *at; at += at[strcspn(at, ",")] ? strcspn(at, ",") + 1 : strcspn(at, ",")) {
        char word[32];
        bool known = false;

        snprintf(word, sizeof word, "%.*s", (int)strcspn(at, ","), at);
        for (int i = 0; part_names[i]; i++)
            known = known || !strcmp(word, part_names[i]);
        if (!known)
            return nyx_error_set(NYX_ERR_USAGE, "'%s' is no part; processor, memory, disk, vulkan, sensors and all are", word);
    }
    return *list ? 0 : nyx_error_set(NYX_ERR_USAGE, "the list is empty");
}

static bool asked(const char *part)
{
    return args.parts && (strstr(args.parts, part) || strstr(args.parts, "all"));
}

/* "4GiB", "512MiB", "4294967296". */
static int check_memory(const char *text)
{
    static const struct { const char *unit; int shift; } units[] = {
        { "", 0 }, { "KiB", 10 }, { "MiB", 20 }, { "GiB", 30 }, { "TiB", 40 }, { "K", 10 }, { "M", 20 }, { "G", 30 },
    };
    char  *end;
    double number = strtod(text, &end);

    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (end > text && !strcmp(end, units[i].unit) && number * (double)((int64_t)1 << units[i].shift) >= 1.0 &&
            number * (double)((int64_t)1 << units[i].shift) < 9e18) {
            memory_bytes = (int64_t)(number * (double)((int64_t)1 << units[i].shift));
            return 0;
        }
    return nyx_error_set(NYX_ERR_USAGE, "'%s' is no amount of memory; write 4GiB, 512MiB or a number of bytes", text);
}

static const nyx_opt opts[] = {
    { .kind = NYX_OPT_GROUP, .help = "The machine" },
    { .kind = NYX_OPT_CHECK, .name = "parts", .value = &args.parts, .arg = "NAME,...", .help = "what to look at: processor, memory, disk, vulkan, sensors, or all [nothing]", .check = check_parts },
    { .kind = NYX_OPT_FLAG, .name = "measure", .value = &args.measure, .help = "measure speeds, and sensors under load [yes]" },
    { .kind = NYX_OPT_TEXT, .name = "folder", .value = &args.folder, .arg = "FOLDER", .help = "where the disk is measured [.]" },
    { .kind = NYX_OPT_INT, .name = "file-mib", .value = &args.file_mib, .arg = "N", .help = "size of the file that is written and read there [64]", .least = 1 },
    { .kind = NYX_OPT_REAL, .name = "seconds", .value = &args.seconds, .arg = "X", .help = "time for each figure of the disk [0.5]" },
    { .kind = NYX_OPT_TEXT, .name = "root", .value = &args.root, .arg = "FOLDER", .help = "read /proc, /sys and drivers' libraries (in lib/) below this folder [/]" },
    { .kind = NYX_OPT_GROUP, .help = "A plan" },
    { .kind = NYX_OPT_INPUT, .name = "plan", .value = &args.plan, .arg = "CONFIG.json", .help = "find batch, micro-batches and passes that fit; computed, not tried [none]" },
    { .kind = NYX_OPT_OUTPUT, .name = "output", .letter = 'o', .value = &args.output, .arg = "PLAN.json", .help = "the plan, for nyx-train --plan [none]" },
    { .kind = NYX_OPT_CHECK, .name = "memory", .value = &args.memory, .arg = "BYTES", .help = "what it must fit into, such as 4GiB [nine tenths of what is available]", .check = check_memory },
    { .kind = NYX_OPT_INPUT, .name = "data", .value = &args.data, .arg = "DATA.h5", .help = "the dataset that it is for; without, the next two are assumed [none]" },
    { .kind = NYX_OPT_INT, .name = "vocabulary", .value = &args.vocabulary, .arg = "N", .help = "different tokens [10000]", .least = 2 },
    { .kind = NYX_OPT_INT, .name = "length", .value = &args.length, .arg = "N", .help = "tokens a row; a decoder's is its context [81]", .least = 1 },
    { 0 },
};

/* ---- the machine ------------------------------------------------------------------- */

/* Read the sensors between measurements, which keep all processors busy. */
static int measure(nyx_report *report, nyx_device *device, const nyx_machine *machine, nyx_sensors *sensors)
{
    nyx_json         *run = nyx_report_run(report);
    nyx_bench_options options = { .seconds = args.seconds, .spread_most = 1.0, .memory_bytes = 64 << 20,
                                  .file_bytes = args.file_mib << 20 };
    nyx_bench        *bench = NULL;
    char              scratch[1024];
    int               status = 0;

    snprintf(scratch, sizeof scratch, "%.900s/.nyx-profile-%d.h5", args.folder, (int)getpid());
    options.scratch = scratch;
    if (args.measure && (asked("processor") || asked("disk") || asked("sensors")) && (status = nyx_bench_create(&bench, device, &options)) < 0)
        return status;
    nyx_sensors_read(sensors);
    if (bench && asked("processor"))
        profile_describe_speed(run, bench, machine);
    nyx_sensors_read(sensors);
    if (bench && asked("disk"))
        status = nyx_bench_run(bench, "file");
    nyx_sensors_read(sensors);
    nyx_sensors_judge(sensors, bench != NULL);
    if (status == 0 && asked("disk"))
        profile_describe_disk(run, args.folder, bench);
    nyx_bench_free(bench);
    return status;
}

static int look(nyx_report *report, nyx_device *device, const nyx_machine *machine)
{
    nyx_sensors *sensors;
    nyx_vulkan  *vulkan = NULL;
    char         loader[1024];
    int          status = nyx_sensors_open(&sensors, args.root);

    if (status < 0)
        return status;
    snprintf(loader, sizeof loader, "%.900s/lib/libvulkan.so.1", args.root);
    if ((status = nyx_alloc(&vulkan, sizeof *vulkan)) < 0 || (status = measure(report, device, machine, sensors)) < 0)
        goto done;
    profile_print_machine(machine);
    if (asked("vulkan")) {
        nyx_vulkan_probe(vulkan, args.root[0] ? loader : NULL, args.measure);
        profile_describe_vulkan(nyx_report_result(report), nyx_report_run(report), vulkan);
        profile_print_vulkan(vulkan);
    }
    if (asked("sensors")) {
        profile_describe_sensors(nyx_report_run(report), sensors);
        profile_print_sensors(report, sensors);
    }
done:
    nyx_free(vulkan);
    nyx_sensors_close(sensors);
    return status;
}

/* ---- the plan ------------------------------------------------------------------------ */

typedef struct {
    nyx_device       *device;
    nyx_train_options options;
} planning;

static int predict(void *context, const nyx_config *config, const nyx_passes *passes, int64_t *bytes, double *flops)
{
    planning *p = context;

    if (nyx_stop_requested())
        return nyx_error_set(NYX_ERR_STOPPED, "stopped while planning");
    p->options.config = *config;
    p->options.passes = *passes;
    return nyx_trainer_predict(bytes, flops, p->device, &p->options);
}

/* The configuration bound to --data, or to a dataset that has only numbers. */
static int bind(nyx_config *config, nyx_dataset *dataset)
{
    nyx_json *json;
    int       status = nyx_json_read(&json, args.plan);

    if (status < 0)
        return status;
    status = nyx_config_parse(config, json, args.plan);
    nyx_json_free(json);
    if (status < 0)
        return status;
    if (args.data)
        return (status = nyx_dataset_read(dataset, args.data)) < 0 ? status : nyx_config_bind_dataset(config, dataset, 0, args.data);
    dataset->vocabulary = args.vocabulary;
    dataset->length = config->model.kind == NYX_MODEL_DECODER ? config->model.context
                      : config->model.kind == NYX_MODEL_MLP   ? config->model.widths[0] : args.length;
    dataset->train.rows = config->training.batch;
    return nyx_config_bind(config, dataset->vocabulary, dataset->length, -100, 1, args.plan);
}

static void print_plan(const nyx_fit *fit, const nyx_config *asked_for)
{
    nyx_json *passes = nyx_passes_json(&fit->passes);
    char     *text;

    if (nyx_json_print(&text, passes, 0) == 0) {
        nyx_cli_print("plan       batch %lld in %lld micro-batches, passes %s, f32 on %s: %.1f of %.1f MiB, %lld candidates\n",
                      (long long)fit->config.training.batch, (long long)fit->config.training.micro_batches, text, fit->device,
                      (double)fit->bytes / 1048576.0, (double)fit->budget / 1048576.0, (long long)fit->candidates);
        nyx_free(text);
    }
    nyx_json_free(passes);
    if (fit->config.training.batch < asked_for->training.batch)
        nyx_cli_print("smaller    the batch is %lld, not %lld: not one fits\n", (long long)fit->config.training.batch,
                      (long long)asked_for->training.batch);
    if (fit->rung > 0)
        nyx_cli_print("smaller    the model did not fit: width %lld, layers %lld + %lld, vocabulary %lld instead of %lld, %lld + %lld, %lld\n",
                      (long long)fit->config.model.width, (long long)fit->config.model.h_layers,
                      (long long)fit->config.model.l_layers, (long long)fit->config.data.vocabulary,
                      (long long)asked_for->model.width, (long long)asked_for->model.h_layers,
                      (long long)asked_for->model.l_layers, (long long)asked_for->data.vocabulary);
}

static int write_plan(const nyx_json *plan)
{
    nyx_output *out;
    char       *text;
    int         status = nyx_json_print(&text, plan, 2);

    if (status < 0)
        return status;
    if ((status = nyx_output_open(&out, args.output)) == 0) {
        if ((status = nyx_output_write(out, text, (int64_t)strlen(text))) == 0 && (status = nyx_output_write(out, "\n", 1)) == 0)
            status = nyx_output_commit(out);
        else
            nyx_output_discard(out);
    }
    nyx_free(text);
    return status;
}

static int plan(nyx_report *report, nyx_device *device, const nyx_machine *machine, nyx_fit *fit, nyx_config *config)
{
    nyx_dataset dataset = { .kind = "assumed", .ignore = -100, .puzzles = 1 };
    planning    p = { .device = device, .options = { .dataset = &dataset, .dataset_sha256 = "" } };
    nyx_json   *json;
    int         status;

    const int64_t own = nyx_device_memory(device);

    if (!memory_bytes && own < 0 && nyx_machine_available(machine) < 0)
        return nyx_error_set(NYX_ERR_UNSUPPORTED, "the system does not say how much memory is available; name it with --memory");
    if (!memory_bytes)
        memory_bytes = nyx_fit_memory(own >= 0 ? own : nyx_machine_available(machine));
    if ((status = nyx_report_input(report, args.plan)) < 0 || (args.data && (status = nyx_report_input(report, args.data)) < 0) ||
        (status = bind(config, &dataset)) < 0 ||
        (status = nyx_fit_find(fit, config, !args.data, memory_bytes, predict, &p)) < 0)
        goto done;
    fit->budget = memory_bytes;
    fit->threads = nyx_pool_parts(nyx_device_pool(device));
    fit->assumed = !args.data;
    snprintf(fit->device, sizeof fit->device, "%s", nyx_device_name(device));
    snprintf(fit->machine, sizeof fit->machine, "%s", machine->identity);
    snprintf(fit->config_sha256, sizeof fit->config_sha256, "%s", nyx_report_input_sha256(report, args.plan));
    json = nyx_fit_json(fit);
    if (args.output && !nyx_cli_common->dry_run && (status = write_plan(json)) == 0)
        status = nyx_report_output(report, args.output);
    nyx_json_set_take(nyx_report_result(report), "plan", json);
done:
    nyx_dataset_release(&dataset);
    return status;
}

/* ---- run ------------------------------------------------------------------------------- */

static int run(nyx_report *report)
{
    nyx_device *device = NULL;
    nyx_machine machine;
    nyx_config  config;
    nyx_fit     fit;
    int         status;

    if (!args.parts && !args.plan)
        return nyx_error_set(NYX_ERR_USAGE, "nothing to do: --parts=all looks at the machine, --plan=CONFIG.json finds what fits; try --help");
    if (args.plan == NULL && (args.output || args.data || args.memory))
        return nyx_error_set(NYX_ERR_USAGE, "--output, --data and --memory need --plan=CONFIG.json");
    if (args.file_mib > 1 << 20)
        return nyx_error_set(NYX_ERR_USAGE, "--file-mib=%lld: 1048576, a TiB, is the most", (long long)args.file_mib);
    if (access(args.folder, F_OK) != 0 || (args.root[0] && access(args.root, F_OK) != 0))
        return nyx_error_set(NYX_ERR_MISSING, "there is no folder '%s'", access(args.folder, F_OK) ? args.folder : args.root);
    nyx_machine_probe(&machine, args.root);
    if ((status = nyx_device_open(&device, nyx_cli_common->device, nyx_cli_common->threads)) < 0)
        return status;
    profile_describe_machine(nyx_report_result(report), nyx_report_run(report), &machine);
    if (args.plan)
        status = plan(report, device, &machine, &fit, &config);
    if (status == 0 && args.parts)
        status = look(report, device, &machine);
    if (status == 0 && args.plan)
        print_plan(&fit, &config);
    nyx_device_describe(report, device, nyx_cli_note);
    nyx_device_close(device);
    return status;
}

int main(int argc, char **argv)
{
    static const nyx_tool tool = { .command = {
        .name = "nyx-profile",
        .purpose = "say what this machine is and can, and how a model fits on it",
        .usage = "[OPTIONS] --parts=NAME,... | --plan=CONFIG.json",
        .examples = "  nyx-profile --parts=all --report=profile.json\n"
                    "  nyx-profile --plan=lm.json --data=text.h5 --memory=4GiB -o plan.json\n",
        .opts = opts,
        .run = run,
    } };

    return nyx_cli_main(argc, argv, &tool);
}
