/* nyx-train -- train a model on a dataset.
 *
 * Reads   CONFIG.json  schemas/config.schema.json
 *         DATA.h5      schemas/README.md, "Dataset file"
 *         PLAN.json    schemas/plan.schema.json
 * Writes  MODEL.h5     schemas/README.md, "Model file"
 *         the checkpoint and the log on the way
 * Report  schemas/train.schema.json
 */
#include "nyx-train/describe.h"

#include <string.h>

static struct {
    const char *config, *data, *output, *init, *checkpoint, *log, *trace, *passes, *plan, *precision, *share;
    int64_t     steps, batch, micro_batches, checkpoint_every;
    double      learning_rate, checkpoint_seconds, loss_scale;
    bool        resume;
} args = { .steps = -1, .batch = -1, .micro_batches = -1, .learning_rate = -1.0 };

static nyx_passes passes;
static nyx_fit    fit; /* of --plan */

static int check_passes(const char *text)
{
    return nyx_passes_parse(&passes, text);
}

/* The same as --passes=precision=NAME. */
static int check_precision(const char *text)
{
    char choice[32];

    snprintf(choice, sizeof choice, "precision=%s", text);
    return nyx_passes_parse(&passes, choice);
}

static int share_of[2]; /* micro-batches, of all; 0: not asked for */

static int check_share(const char *text)
{
    int end = 0;

    if (sscanf(text, "%4d/%4d%n", &share_of[0], &share_of[1], &end) == 2 && !text[end] && share_of[0] > 0 &&
        share_of[0] <= share_of[1])
        return 0;
    return nyx_error_set(NYX_ERR_USAGE, "'%s' is no share; 3/4 gives the GPU three of four micro-batches", text);
}

static const nyx_opt opts[] = {
    { .kind = NYX_OPT_INPUT, .value = &args.config, .arg = "CONFIG.json", .help = "model and training", .required = true },
    { .kind = NYX_OPT_GROUP, .help = "Files" },
    { .kind = NYX_OPT_INPUT, .name = "data", .value = &args.data, .arg = "DATA.h5", .help = "the dataset", .required = true },
    { .kind = NYX_OPT_OUTPUT, .name = "output", .letter = 'o', .value = &args.output, .arg = "MODEL.h5",
      .help = "the trained model", .required = true },
    { .kind = NYX_OPT_INPUT, .name = "init", .value = &args.init, .arg = "MODEL.h5", .help = "start from these weights [random]" },
    { .kind = NYX_OPT_OUTPUT, .name = "log", .value = &args.log, .arg = "FILE", .help = "one JSON line a step and evaluation [none]" },
    { .kind = NYX_OPT_OUTPUT, .name = "trace", .value = &args.trace, .arg = "FILE.json",
      .help = "times of the operations of one step, the third, as browsers' tracing pages show them [none]" },
    { .kind = NYX_OPT_INPUT, .name = "plan", .value = &args.plan, .arg = "PLAN.json", .help = "model, batch, passes, device and threads as nyx-profile found that they fit; options win over it [none]" },
    { .kind = NYX_OPT_GROUP, .help = "Training (each wins over the configuration)" },
    { .kind = NYX_OPT_INT, .name = "steps", .value = &args.steps, .arg = "N", .help = "optimizer steps [the configuration's]", .least = 1 },
    { .kind = NYX_OPT_INT, .name = "batch", .value = &args.batch, .arg = "N", .help = "rows a step [the configuration's]", .least = 1 },
    { .kind = NYX_OPT_INT, .name = "micro-batches", .value = &args.micro_batches, .arg = "N",
      .help = "parts of the batch, one after the other: less memory [the configuration's]", .least = 1 },
    { .kind = NYX_OPT_CHECK, .name = "share", .value = &args.share, .arg = "N/M", .check = check_share,
      .help = "with --device=cpu+vulkan: N of the M micro-batches run on the GPU [what is fastest]" },
    { .kind = NYX_OPT_CHECK, .name = "precision", .value = &args.precision, .arg = "TYPE", .check = check_precision,
      .help = "f32; bf16 or f16: operands of products and kept activations have 16 bits, all else has 32 [f32]" },
    { .kind = NYX_OPT_REAL, .name = "loss-scale", .value = &args.loss_scale, .arg = "X",
      .help = "with f16 the first factor of the loss, halved by every overflow, doubled by 2,000 steps without one [65536]" },
    { .kind = NYX_OPT_CHECK, .name = "passes", .value = &args.passes, .arg = "NAME=CHOICE", .check = check_passes,
      .help = "recompute=all: compute activations again instead of keeping them, for less memory and the same bytes [recompute=none]" },
    { .kind = NYX_OPT_REAL, .name = "learning-rate", .value = &args.learning_rate, .arg = "X", .help = "largest rate [the configuration's]" },
    { .kind = NYX_OPT_GROUP, .help = "Checkpoints" },
    { .kind = NYX_OPT_OUTPUT, .name = "checkpoint", .value = &args.checkpoint, .arg = "FILE", .help = "where to keep the state [none]" },
    { .kind = NYX_OPT_INT, .name = "checkpoint-every", .value = &args.checkpoint_every, .arg = "N", .help = "steps between checkpoints [only at the end]", .least = 1 },
    { .kind = NYX_OPT_REAL, .name = "checkpoint-seconds", .value = &args.checkpoint_seconds, .arg = "S", .help = "seconds between checkpoints [none]" },
    { .kind = NYX_OPT_FLAG, .name = "resume", .value = &args.resume, .help = "go on from the checkpoint; start afresh when there is none" },
    { 0 },
};

/* ---- inputs ------------------------------------------------------------------- */

/* The plan's configuration instead of that which it was made for. */
static int read_plan(nyx_report *report, nyx_config *out)
{
    int status;

    if (!args.plan)
        return 0;
    if ((status = nyx_fit_read(&fit, args.plan)) < 0 || (status = nyx_report_input(report, args.plan)) < 0)
        return status;
    if (strcmp(fit.config_sha256, nyx_report_input_sha256(report, args.config)))
        return nyx_error_set(NYX_ERR_INPUT, "plan '%s' was made for another configuration than '%s'; make it again with nyx-profile --plan",
                             args.plan, args.config);
    *out = fit.config;
    if (!args.passes)
        passes = fit.passes;
    return args.precision ? check_precision(args.precision) : 0;
}

/* What fitted must still fit with this dataset; who overrides is only told. */
static int check_plan(nyx_report *report, const nyx_trainer *trainer)
{
    const bool overridden = args.batch > 0 || args.micro_batches > 0 || args.passes || args.precision;

    if (!args.plan || nyx_trainer_bytes(trainer) <= fit.budget)
        return 0;
    if (!overridden)
        return nyx_error_set(NYX_ERR_UNSUPPORTED, "plan '%s' is for %lld bytes, with '%s' it needs %lld; make it again with nyx-profile --plan=%s --data=%s",
                             args.plan, (long long)fit.budget, args.data, (long long)nyx_trainer_bytes(trainer), args.config, args.data);
    nyx_report_warn(report, "the plan is for %lld bytes, as it was overridden it needs %lld", (long long)fit.budget,
                    (long long)nyx_trainer_bytes(trainer));
    return 0;
}

/* The configuration file with the plan's and the command line's values in it. */
static int read_config(nyx_report *report, nyx_config *out)
{
    nyx_json *json;
    int       status = nyx_json_read(&json, args.config);

    if (status < 0)
        return status;
    status = nyx_config_parse(out, json, args.config);
    nyx_json_free(json);
    if (status < 0 || (status = nyx_report_input(report, args.config)) < 0 || (status = read_plan(report, out)) < 0)
        return status;
    if (args.steps > 0)
        out->training.steps = args.steps;
    if (args.batch > 0)
        out->training.batch = args.batch;
    if (args.micro_batches > 0)
        out->training.micro_batches = args.micro_batches;
    if (args.learning_rate >= 0.0)
        out->training.optimizer.learning_rate = args.learning_rate;
    json = nyx_config_json(out);
    if ((status = nyx_schema_check("config", json, "the command line")) == NYX_ERR_INPUT)
        status = NYX_ERR_USAGE;
    nyx_json_free(json);
    if (status < 0)
        return status;
    if (out->training.batch % out->training.micro_batches)
        return nyx_error_set(NYX_ERR_USAGE, "%lld micro-batches do not divide a batch of %lld",
                             (long long)out->training.micro_batches, (long long)out->training.batch);
    if (args.share && share_of[1] != out->training.micro_batches)
        return nyx_error_set(NYX_ERR_USAGE, "'%s' is no share of %lld micro-batches; --micro-batches=%d, or another share",
                             args.share, (long long)out->training.micro_batches, share_of[1]);
    return 0;
}

static int check_usage(void)
{
    if ((args.resume || args.checkpoint_every || args.checkpoint_seconds > 0.0) && !args.checkpoint)
        return nyx_error_set(NYX_ERR_USAGE, "--resume and --checkpoint-every need --checkpoint=FILE");
    return 0;
}

/* ---- what people see --------------------------------------------------------------- */

static void progress(void *context, const nyx_train_progress *p)
{
    char detail[96];

    (void)context;
    snprintf(detail, sizeof detail, "loss %.4f, %.0f samples/s", p->loss, p->samples_per_s);
    nyx_cli_progress("training", p->step, p->total, detail);
}

static void recovered(void *context, const char *why)
{
    (void)context;
    nyx_cli_progress_end();
    nyx_cli_note("warning: %s: it was opened again, the run goes on from its last checkpoint or start", why);
}

static void print_plan(const nyx_trainer *trainer, const nyx_config *config)
{
    nyx_cli_print("%lld parameters, %lld steps of %lld rows, %.3g GFLOP a step, %.1f MiB at the peak\n",
                  (long long)nyx_model_trained_elems(config), (long long)config->training.steps,
                  (long long)config->training.batch, nyx_trainer_flops(trainer) * 1e-9,
                  (double)nyx_trainer_bytes(trainer) / 1048576.0);
}

/* ---- run ---------------------------------------------------------------------------- */

static int train(nyx_report *report, nyx_trainer *trainer, const nyx_train_options *options, int64_t before)
{
    nyx_train_result result;
    int              status = nyx_output_try(args.output);

    if (status < 0)
        return status;
    status = nyx_trainer_run(trainer, &result);
    nyx_cli_progress_end();
    if (status < 0 || (status = nyx_trainer_save(trainer, args.output)) < 0)
        return status;
    train_describe_run(report, &result, options, before);
    if (result.test.rows && options->dataset->train.tokens)
        nyx_cli_note("%lld steps, loss %.4f; test: loss %.4f, %.2f %% of tokens", (long long)result.steps, result.loss,
                     result.test.loss, 100.0 * nyx_share(result.test.tokens_right, result.test.tokens));
    else if (result.test.rows)
        nyx_cli_note("%lld steps, loss %.4f; test: %lld of %lld exact, %.2f %% of tokens", (long long)result.steps,
                     result.loss, (long long)result.test.exact, (long long)result.test.rows,
                     100.0 * nyx_share(result.test.tokens_right, result.test.tokens));
    return nyx_report_output(report, args.output);
}

static int run(nyx_report *report)
{
    const int64_t     before = nyx_process_memory(false);
    nyx_dataset       dataset = { 0 };
    nyx_device       *device = NULL;
    nyx_trainer      *trainer = NULL;
    nyx_train_options options = { .dataset = &dataset, .seed = nyx_cli_common->seed, .init = args.init,
                                  .checkpoint = args.checkpoint, .checkpoint_steps = args.checkpoint_every,
                                  .checkpoint_seconds = args.checkpoint_seconds, .resume = args.resume,
                                  .log = args.log, .trace = args.trace, .progress = progress, .recovered = recovered, .loss_scale = args.loss_scale, .share = share_of[0] };
    nyx_placement     place;
    int               status;

    if ((status = check_usage()) < 0 || (status = read_config(report, &options.config)) < 0 ||
        (status = nyx_dataset_read(&dataset, args.data)) < 0 ||
        (status = nyx_config_bind_dataset(&options.config, &dataset, 0, args.data)) < 0 ||
        (status = nyx_report_input(report, args.data)) < 0)
        goto done;
    if (!dataset.train.rows && !dataset.train.token_count) {
        status = nyx_error_set(NYX_ERR_INPUT, "'%s' has no training %s", args.data, dataset.tokenizer ? "text" : "rows");
        goto done;
    }
    options.passes = passes;
    options.dataset_sha256 = nyx_report_input_sha256(report, args.data);
    if ((status = nyx_train_place(&device, &place, args.plan && !strcmp(nyx_cli_common->device, "auto") ? fit.device : nyx_cli_common->device,
                                  args.plan && !nyx_cli_common->threads ? fit.threads : nyx_cli_common->threads, &options)) < 0 ||
        (status = nyx_trainer_create(&trainer, device, &options)) < 0 || (status = check_plan(report, trainer)) < 0)
        goto done;
    train_describe_plan(report, trainer, &options);
    nyx_placement_describe(&place, nyx_report_run(report));
    if (place.count > 0)
        nyx_cli_note("%s in %.1f s: %s; the report has the choice", nyx_device_name(device), place.seconds, place.why);
    if (nyx_cli_common->dry_run)
        print_plan(trainer, &options.config);
    else
        status = train(report, trainer, &options, before);
done:
    nyx_device_describe(report, device, nyx_cli_note);
    nyx_trainer_free(trainer);
    nyx_device_close(device);
    nyx_dataset_release(&dataset);
    return status;
}

int main(int argc, char **argv)
{
    static const nyx_tool tool = { .command = {
        .name = "nyx-train",
        .purpose = "train a model on a dataset",
        .usage = "[OPTIONS] CONFIG.json --data=DATA.h5 -o MODEL.h5",
        .examples = "  nyx-train pipelines/configs/hrm-tiny.json --data=d.h5 -o m.h5 --report=train.json\n"
                    "  nyx-train hrm.json --data=d.h5 -o m.h5 --checkpoint=ck.h5 --checkpoint-every=500 --resume\n",
        .description = "Builds the model of a configuration, trains it on the training split of a dataset, and judges it on "
                       "the test split. The same configuration, data and seed give the same bytes, with any number of "
                       "threads.\n\n"
                       "SIGINT, SIGTERM and SIGUSR1 finish the step, write the checkpoint and end with status 75; the same "
                       "line with --resume goes on, also after SIGKILL, to the bytes of an undisturbed run.",
        .see_also = "nyx-data(1), nyx-quantize(1), nyx-eval(1); docs/gpu.md, docs/resume.md, docs/train.md",
        .opts = opts,
        .run = run,
    } };

    return nyx_cli_main(argc, argv, &tool);
}
