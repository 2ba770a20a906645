/* describe -- what nyx-train says in its report (schemas/train.schema.json). */
#include "describe.h"

static void describe_evaluation(nyx_json *object, const nyx_evaluation *e, bool text)
{
    nyx_json_set_int(object, "rows", e->rows);
    if (!e->rows) {
        nyx_json_set_null(object, "exact_accuracy", "the test split has no scored row");
        nyx_json_set_null(object, "token_accuracy", "the test split has no scored row");
        nyx_json_set_null(object, "loss", "the test split has no scored row");
        return;
    }
    if (text)
        nyx_json_set_null(object, "exact_accuracy", "windows of text are not right or wrong");
    else
        nyx_json_set_real(object, "exact_accuracy", nyx_share(e->exact, e->rows));
    nyx_json_set_real(object, "token_accuracy", nyx_share(e->tokens_right, e->tokens));
    nyx_json_set_real(object, "loss", e->loss);
}

void train_describe_plan(nyx_report *report, const nyx_trainer *trainer, const nyx_train_options *options)
{
    const nyx_config *config = &options->config;
    nyx_json         *result = nyx_report_result(report);
    char              share[32];

    if (options->share > 0) {
        snprintf(share, sizeof share, "%d/%lld", options->share, (long long)config->training.micro_batches);
        nyx_json_set_text(nyx_report_run(report), "share", share);
    }

    nyx_json_set_int(result, "parameters", nyx_model_trained_elems(config));
    nyx_json_set_int(result, "steps", config->training.steps);
    nyx_json_set_int(result, "batch", config->training.batch);
    nyx_json_set_int(result, "micro_batches", config->training.micro_batches);
    nyx_json_set_int(result, "predicted_peak_bytes", nyx_trainer_bytes(trainer));
    nyx_json_set_int(result, "predicted_gpu_bytes", nyx_trainer_own_bytes(trainer));
    nyx_json_set_real(result, "flops_per_step", nyx_trainer_flops(trainer));
    nyx_json_set_take(result, "passes", nyx_passes_json(&options->passes));
}

void train_describe_run(nyx_report *report, const nyx_train_result *r, const nyx_train_options *options, int64_t before)
{
    nyx_json     *result = nyx_report_result(report), *run = nyx_report_run(report);
    const int64_t peak = nyx_process_memory(true);

    nyx_json_set_real(result, "loss", r->loss);
    nyx_json_set_real(result, "loss_scale", r->scaling.factor);
    nyx_json_set_int(result, "skipped_steps", r->scaling.skipped);
    describe_evaluation(nyx_json_add_object(result, "test"), &r->test, options->dataset->train.tokens != NULL);
    nyx_json_set_int(run, "resumed_behind_step", r->first_step);
    nyx_json_set_int(run, "recoveries", r->recoveries);
    if (peak < 0 || before < 0)
        nyx_json_set_null(run, "measured_peak_bytes", "the system does not say");
    else
        nyx_json_set_int(run, "measured_peak_bytes", peak - before);
    if (r->steps > r->first_step && r->seconds > 0.0)
        nyx_json_set_real(run, "samples_per_s",
                          (double)((r->steps - r->first_step) * options->config.training.batch) / r->seconds);
    else
        nyx_json_set_null(run, "samples_per_s", "no step was run");
}
