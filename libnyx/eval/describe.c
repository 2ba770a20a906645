/* describe -- a result as the object that reports carry. */
#include "eval/internal.h"

#include "tensor/tensor.h"

static void set_estimate(nyx_json *object, const nyx_estimate *estimate)
{
    if (estimate->reason) {
        nyx_json_set_null(object, "value", estimate->reason);
        nyx_json_set_null(object, "low", estimate->reason);
        nyx_json_set_null(object, "high", estimate->reason);
        return;
    }
    nyx_json_set_real(object, "value", estimate->value);
    nyx_json_set_real(object, "low", estimate->low);
    nyx_json_set_real(object, "high", estimate->high);
}

static void describe_score(nyx_json *object, const nyx_eval_score *score)
{
    nyx_json_set_real(object, "loss", score->loss);
    nyx_json_set_real(object, "loss_se", score->loss_se);
    nyx_json_set_real(object, "perplexity", nyx_exp64(score->loss));
    nyx_json_set_real(object, "perplexity_se", nyx_exp64(score->loss) * score->loss_se);
    set_estimate(nyx_json_add_object(object, "token_accuracy"), &score->token_accuracy);
    set_estimate(nyx_json_add_object(object, "exact_accuracy"), &score->exact_accuracy);
}

static void describe_ratio(nyx_json *object, const char *metric, const nyx_estimate *ratio,
                           int64_t dropped)
{
    nyx_json_set_text(object, "metric", metric);
    set_estimate(object, ratio);
    nyx_json_set_int(object, "dropped_resamples", dropped);
}

static void describe_comparison(nyx_json *object, const nyx_eval_result *result)
{
    nyx_json *kl = nyx_json_add_object(object, "kl"), *delta, *ratio;

    describe_score(nyx_json_add_object(object, "reference"), &result->reference);
    set_estimate(nyx_json_add_object(kl, "mean"), &result->kl);
    nyx_json_set_real(kl, "se", result->kl_se);
    nyx_json_set_real(kl, "median", result->kl_median);
    nyx_json_set_real(kl, "p90", result->kl_p90);
    nyx_json_set_real(kl, "p99", result->kl_p99);
    nyx_json_set_real(kl, "max", result->kl_max);
    ratio = nyx_json_add_object(object, "log_perplexity_ratio");
    nyx_json_set_real(ratio, "mean", result->gap);
    nyx_json_set_real(ratio, "se", result->gap_se);
    nyx_json_set_real(object, "top1_agreement", result->top1_agreement);
    nyx_json_set_real(object, "top1_agreement_se", result->top1_se);
    nyx_json_set_real(object, "top5_agreement", result->top5_agreement);
    delta = nyx_json_add_object(object, "delta_p");
    nyx_json_set_real(delta, "mean", result->delta_p_mean);
    nyx_json_set_real(delta, "rms", result->delta_p_rms);
    describe_ratio(nyx_json_add_object(object, "preservation"), "exact_accuracy",
                   &result->preservation, result->preservation_dropped);
    describe_ratio(nyx_json_add_object(object, "preservation_token"), "token_accuracy",
                   &result->preservation_token, result->preservation_token_dropped);
}

void nyx_eval_describe(const nyx_eval_result *result, nyx_json *object)
{
    static const char *const alone = "no reference model was given";
    static const char *const compared[] = { "reference", "kl", "log_perplexity_ratio", "top1_agreement",
                                            "top5_agreement", "delta_p", "preservation", "preservation_token" };
    nyx_json                *intervals;

    nyx_json_set_text(object, "probability",
                      result->probability == NYX_SOFTMAX ? "softmax" : "stablemax");
    nyx_json_set_int(object, "rows", result->rows);
    nyx_json_set_int(object, "scored_rows", result->scored_rows);
    nyx_json_set_int(object, "scored_tokens", result->scored_tokens);
    intervals = nyx_json_add_object(object, "intervals");
    nyx_json_set_real(intervals, "level", 0.95);
    nyx_json_set_text(intervals, "exact_accuracy", "wilson");
    nyx_json_set_text(intervals, "others", "percentile bootstrap over rows, paired");
    nyx_json_set_int(intervals, "resamples", result->resamples);
    nyx_json_set_int(intervals, "seed", (int64_t)result->seed);
    describe_score(nyx_json_add_object(object, "model"), &result->model);
    if (result->compared) {
        describe_comparison(object, result);
        return;
    }
    for (size_t i = 0; i < sizeof compared / sizeof *compared; i++)
        nyx_json_set_null(object, compared[i], alone);
}
