/* nyx-eval -- how good a model is, and how much of a reference it kept.
 *
 * Reads   MODEL.h5     plain or coded; schemas/README.md, "Model file"
 *         DATA.h5      the test split is scored; text in sliding windows
 * Writes  LOGITS.h5    with --logits: /tensors/logits f32 [rows, T, V]
 * Report  schemas/eval.schema.json
 */
#include "cli/cli.h"
#include "eval/eval.h"
#include "nyx-eval/generate.h"

#include <string.h>

static struct {
    const char *model, *data, *reference, *logits, *split, *activations;
    int64_t     rows, context, stride, segments;
    double      least;
    bool        vote;
} args = { .split = "test", .activations = "real", .least = -1.0 };

static const char *const splits[] = { "test", "train", NULL };

static const nyx_opt opts[] = {
    { .kind = NYX_OPT_INPUT, .value = &args.model, .arg = "MODEL.h5", .help = "the model to judge", .required = true },
    { .kind = NYX_OPT_GROUP, .help = "Options" },
    { .kind = NYX_OPT_INPUT, .name = "data", .value = &args.data, .arg = "DATA.h5",
      .help = "the dataset; needed but with --generate [none]" },
    { .kind = NYX_OPT_INPUT, .name = "reference", .value = &args.reference, .arg = "MODEL.h5",
      .help = "compare with this model, e.g. the FP32 original [none]" },
    { .kind = NYX_OPT_CHOICE, .name = "split", .value = &args.split, .arg = "NAME", .help = "test or train [test]",
      .choices = splits },
    { .kind = NYX_OPT_INT, .name = "rows", .value = &args.rows, .arg = "N",
      .help = "only the first N rows or windows [all]", .least = 1 },
    { .kind = NYX_OPT_INT, .name = "context", .value = &args.context, .arg = "N",
      .help = "text: tokens of a window, its second half is scored [the model's]", .least = 3 },
    { .kind = NYX_OPT_INT, .name = "stride", .value = &args.stride, .arg = "N",
      .help = "text: tokens from window to window [the context]", .least = 1 },
    { .kind = NYX_OPT_INT, .name = "segments", .value = &args.segments, .arg = "N",
      .help = "segments to think about a row [as trained]", .least = 1 },
    { .kind = NYX_OPT_CHOICE, .name = "activations", .value = &args.activations, .arg = "NAME",
      .help = "real, int8 or int8-row: how the model's coded weights see what they multiply; in 8 bits, with a scale "
              "for every 32 numbers or for every row, it is faster, and loses a little [real]", .choices = nyx_activations_names },
    { .kind = NYX_OPT_OUTPUT, .name = "logits", .value = &args.logits, .arg = "FILE.h5",
      .help = "also write the logits, f32 [none]" },
    { .kind = NYX_OPT_FLAG, .name = "vote", .value = &args.vote,
      .help = "ARC: also let the images of each test input vote on its answer" },
    { .kind = NYX_OPT_REAL, .name = "preservation-least", .value = &args.least, .arg = "X",
      .help = "exit 1 below this preservation [no limit]" },
    EVAL_GENERATE_OPTIONS,
    { 0 },
};

/* How the model is stored: format and bits a weight of its coded matrices,
 * bytes of all tensors. */
static int describe_storage(nyx_report *report, const char *path)
{
    nyx_json   *object = nyx_json_add_object(nyx_report_result(report), "storage");
    nyx_reader *file;
    char        format[NYX_FORMAT_TEXT] = "f32";
    int64_t     bytes = 0, elems = 0, coded_bytes = 0, coded_elems = 0;
    int         status = nyx_reader_open(&file, path);

    if (status < 0)
        return status;
    for (int64_t i = 0; i < nyx_reader_count(file); i++) {
        const nyx_entry *entry = nyx_reader_entry(file, i);
        char             text[NYX_FORMAT_TEXT];

        if (strncmp(entry->path, "/tensors/", 9))
            continue;
        bytes += entry->bytes;
        elems += nyx_shape_count(&entry->shape);
        if (!entry->coded)
            continue;
        nyx_format_text(text, &entry->format);
        if (coded_elems && strcmp(text, format))
            snprintf(text, sizeof text, "mixed");
        snprintf(format, sizeof format, "%s", text);
        coded_bytes += entry->bytes;
        coded_elems += nyx_shape_count(&entry->shape);
    }
    nyx_reader_close(file);
    nyx_json_set_text(object, "format", format);
    nyx_json_set_int(object, "bytes", bytes);
    nyx_json_set_int(object, "weights", elems);
    nyx_json_set_int(object, "coded_weights", coded_elems);
    if (coded_elems)
        nyx_json_set_real(object, "bits_per_coded_weight", 8.0 * (double)coded_bytes / (double)coded_elems);
    else
        nyx_json_set_null(object, "bits_per_coded_weight", "nothing is coded");
    return 0;
}

static void print_result(const nyx_eval_result *r, bool text, const nyx_json *result)
{
    if (text)
        nyx_cli_print("perplexity %.4f +- %.4f, %.4f bits a byte, %lld tokens scored; ", nyx_exp64(r->model.loss),
                      nyx_exp64(r->model.loss) * r->model.loss_se,
                      nyx_json_real(nyx_json_get(result, "text.model.bits_per_byte"), 0.0),
                      (long long)r->scored_tokens);
    else
        nyx_cli_print("exact %.2f %% (%.2f ... %.2f), ", 100.0 * r->model.exact_accuracy.value,
                      100.0 * r->model.exact_accuracy.low, 100.0 * r->model.exact_accuracy.high);
    nyx_cli_print("tokens %.2f %%, loss %.4f\n", 100.0 * r->model.token_accuracy.value, r->model.loss);
    if (!r->compared)
        return;
    nyx_cli_print("KL %.3g (median %.3g, p99 %.3g, max %.3g), top-1 agreement %.2f %%, top-5 %.2f %%\n", r->kl.value,
                  r->kl_median, r->kl_p99, r->kl_max, 100.0 * r->top1_agreement, 100.0 * r->top5_agreement);
    if (text)
        return;
    if (r->preservation.reason)
        nyx_cli_print("preservation unknown: %s\n", r->preservation.reason);
    else
        nyx_cli_print("preserved %.2f %% of exact accuracy (%.2f ... %.2f)\n", 100.0 * r->preservation.value,
                      100.0 * r->preservation.low, 100.0 * r->preservation.high);
}

static void print_vote(const nyx_json *vote)
{
    if (vote)
        nyx_cli_print("vote of %lld rows on %lld tasks: top-1 %.2f %%, top-2 %.2f %%\n",
                      (long long)nyx_json_int(nyx_json_get(vote, "votes"), 0),
                      (long long)nyx_json_int(nyx_json_get(vote, "tasks"), 0),
                      100.0 * nyx_json_real(nyx_json_get(vote, "top1"), 0),
                      100.0 * nyx_json_real(nyx_json_get(vote, "top2"), 0));
}

static void progress(void *context, int64_t done, int64_t total)
{
    (void)context;
    nyx_cli_progress("evaluating", done, total, "rows");
}

static void recovered(void *context, const char *why)
{
    (void)context;
    nyx_cli_progress_end();
    nyx_cli_note("warning: %s: it was opened again, and did its rows once more", why);
}

static int inputs(nyx_report *report)
{
    const char *paths[] = { args.model, args.data, args.reference };
    int         status = 0;

    for (int i = 0; i < 3 && status == 0; i++)
        status = paths[i] ? nyx_report_input(report, paths[i]) : 0;
    return status;
}

static int judge(nyx_report *report, nyx_judge *j)
{
    nyx_eval_result result;
    int             status = nyx_judge_run(j, &result);

    nyx_cli_progress_end();
    nyx_json_set_int(nyx_report_run(report), "recoveries", nyx_judge_recoveries(j));
    if (status < 0 || (status = describe_storage(report, args.model)) < 0)
        return status;
    nyx_judge_describe(j, &result, nyx_report_result(report));
    if (args.logits && (status = nyx_report_output(report, args.logits)) < 0)
        return status;
    print_result(&result, nyx_judge_is_text(j), nyx_report_result(report));
    print_vote(nyx_json_get(nyx_report_result(report), "vote"));
    if (args.least < 0.0)
        return 0;
    return result.compared && !result.preservation.reason && result.preservation.value >= args.least ? NYX_EXIT_OK
                                                                                                     : NYX_EXIT_NO;
}

static int run(nyx_report *report)
{
    const nyx_judge_options options = {
        .model = args.model, .reference = args.reference, .data = args.data, .logits = args.logits,
        .train = strcmp(args.split, "train") == 0, .rows = args.rows, .context = args.context, .stride = args.stride,
        .segments = args.segments, .vote = args.vote,
        .activations = nyx_activations_find(args.activations),
        .seed = nyx_cli_common->seed, .progress = progress, .recovered = recovered
    };
    nyx_device   *device = NULL;
    nyx_judge    *j = NULL;
    nyx_placement place;
    int           status;

    if (options.activations != NYX_ACTIVATIONS_REAL)
        nyx_json_set_text(nyx_report_result(report), "activations", args.activations);
    if (eval_generate_args.on)
        return eval_generate(report, args.model, options.activations);
    if (!args.data)
        return nyx_error_set(
            NYX_ERR_USAGE,
            "'--data=DATA.h5' is missing; a model is scored on a dataset, or goes on with a text by --generate");
    if (args.least >= 0.0 && !args.reference)
        return nyx_error_set(NYX_ERR_USAGE, "--preservation-least needs --reference=MODEL.h5");
    if ((status = nyx_judge_place(&device, &place, nyx_cli_common->device, nyx_cli_common->threads, &options)) == 0 &&
        (status = nyx_judge_open(&j, device, &options)) == 0 && (status = inputs(report)) == 0) {
        nyx_placement_describe(&place, nyx_report_run(report));
        status = nyx_cli_common->dry_run ? 0 : judge(report, j);
    }
    nyx_device_describe(report, device, nyx_cli_note);
    nyx_judge_close(j);
    nyx_device_close(device);
    return status;
}

int main(int argc, char **argv)
{
    static const nyx_tool tool = { .command = {
        .name = "nyx-eval",
        .purpose = "say how good a model is and how much of a reference it kept",
        .usage = "[OPTIONS] MODEL.h5 --data=DATA.h5 | [OPTIONS] MODEL.h5 --generate",
        .examples = "  nyx-eval m.h5 --data=d.h5\n"
                    "  nyx-eval q.h5 --reference=m.h5 --data=d.h5 --report=eval-int4.json\n"
                    "  nyx-eval lm.h5 --generate --prompt=\"Once upon a time\" --temperature=0.8 --top-p=0.9\n",
        .description = "Scores a model, plain or coded, on the test split of a dataset: loss, accuracy of tokens and "
                       "whole rows, or perplexity in sliding windows of text. Beside a reference it says what was "
                       "kept: KL divergence, agreement of the likeliest token, and preservation, the exact accuracy "
                       "divided by the reference's. Intervals hold 95 %.\n\n"
                       "With --generate it goes on with a text instead.",
        .see_also = "nyx-train(1), nyx-quantize(1), nyx-report(1); docs/evaluate.md",
        .opts = opts,
        .run = run,
    } };

    return nyx_cli_main(argc, argv, &tool);
}
