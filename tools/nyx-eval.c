/* nyx-eval -- how good a model is, and how much of a reference it kept.
 *
 * Reads   MODEL.h5     plain or coded; schemas/README.md, "Model file"
 *         DATA.h5      the test split is scored
 * Writes  LOGITS.h5    with --logits: /tensors/logits f32 [rows, T, V]
 * Report  schemas/eval.schema.json
 */
#include "cli/cli.h"
#include "eval/eval.h"
#include "nyx-eval/generate.h"
#include "run/run.h"

#include <string.h>

enum { SLOTS = 64 }; /* rows worked on at a time; changes no result */

static struct {
    const char *model, *data, *reference, *logits, *split;
    int64_t     rows, segments;
    double      least;
} args = { .split = "test", .least = -1.0 };

static const char *const splits[] = { "test", "train", NULL };

static const nyx_opt opts[] = {
    { .kind = NYX_OPT_INPUT, .value = &args.model, .arg = "MODEL.h5", .help = "the model to judge", .required = true },
    { .kind = NYX_OPT_GROUP, .help = "Options" },
    { .kind = NYX_OPT_INPUT, .name = "data", .value = &args.data, .arg = "DATA.h5", .help = "the dataset; needed but with --generate" },
    { .kind = NYX_OPT_INPUT, .name = "reference", .value = &args.reference, .arg = "MODEL.h5", .help = "compare with this model, e.g. the FP32 original" },
    { .kind = NYX_OPT_CHOICE, .name = "split", .value = &args.split, .arg = "NAME", .help = "test or train [test]", .choices = splits },
    { .kind = NYX_OPT_INT, .name = "rows", .value = &args.rows, .arg = "N", .help = "only the first N rows [all]", .least = 1 },
    { .kind = NYX_OPT_INT, .name = "segments", .value = &args.segments, .arg = "N", .help = "segments to think about a row [as trained]", .least = 1 },
    { .kind = NYX_OPT_OUTPUT, .name = "logits", .value = &args.logits, .arg = "FILE.h5", .help = "also write the logits, f32" },
    { .kind = NYX_OPT_REAL, .name = "preservation-least", .value = &args.least, .arg = "X", .help = "exit 1 below this preservation [no limit]" },
    EVAL_GENERATE_OPTIONS,
    { 0 },
};

/* What one evaluation holds. */
typedef struct {
    nyx_dataset             dataset;
    const struct nyx_split *split;
    int64_t                 rows;
    nyx_device             *device;
    nyx_session            *model, *reference;
    nyx_eval               *eval;
    float                  *logits, *reference_logits;
    nyx_writer             *writer;
} work;

/* Models of the outer loop run in segments, others in one go. */
static bool has_segments(const nyx_config *config)
{
    return config->model.kind == NYX_MODEL_HRM || config->model.kind == NYX_MODEL_TRANSFORMER;
}

/* As many segments as asked for. */
static int set_segments(nyx_session *session, const char *path)
{
    if (!args.segments)
        return 0;
    if (!has_segments(nyx_session_config(session)))
        return nyx_error_set(NYX_ERR_USAGE, "--segments is for models of kind hrm and transformer; '%s' has none", path);
    nyx_session_set_segments(session, args.segments);
    return 0;
}

/* A model runs on this dataset only if it was made for such rows. */
static int open_model(nyx_session **out, const work *w, const char *path)
{
    nyx_config config;
    int        status = nyx_session_open(out, w->device, path, SLOTS);

    if (status < 0)
        return status;
    config = *nyx_session_config(*out);
    status = nyx_config_bind(&config, w->dataset.vocabulary, w->dataset.length, w->dataset.ignore, w->dataset.puzzles,
                             args.data);
    if (status == 0 && config.data.length != nyx_session_config(*out)->data.length)
        status = nyx_error_set(NYX_ERR_INPUT, "dataset '%s' has rows of %lld, the model was trained on %lld", args.data,
                               (long long)config.data.length, (long long)nyx_session_config(*out)->data.length);
    return status < 0 ? status : set_segments(*out, path);
}

static int open_writer(work *w)
{
    const nyx_shape shape = nyx_shape_of(3, w->rows, w->dataset.length, w->dataset.vocabulary);
    int             status = nyx_writer_open(&w->writer, args.logits, "model");

    return status < 0 ? status : nyx_writer_begin(w->writer, "/tensors/logits", NYX_F32, &shape);
}

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

static int prepare(work *w, nyx_report *report)
{
    const char *paths[] = { args.model, args.data, args.reference };
    int64_t     bytes;
    int         status;

    if ((status = nyx_dataset_read(&w->dataset, args.data)) < 0)
        return status;
    w->split = strcmp(args.split, "train") ? &w->dataset.test : &w->dataset.train;
    w->rows = args.rows && args.rows < w->split->rows ? args.rows : w->split->rows;
    if (!w->rows)
        return nyx_error_set(NYX_ERR_INPUT, "'%s' has no rows in its %s split", args.data, args.split);
    if ((status = nyx_device_open(&w->device, nyx_cli_common->device, nyx_cli_common->threads)) < 0 ||
        (status = open_model(&w->model, w, args.model)) < 0 ||
        (args.reference && (status = open_model(&w->reference, w, args.reference)) < 0))
        return status;
    nyx_json_set_text(nyx_report_run(report), "device", nyx_device_name(w->device));
    for (int i = 0; i < 3; i++)
        if (paths[i] && (status = nyx_report_input(report, paths[i])) < 0)
            return status;
    bytes = SLOTS * w->dataset.length * w->dataset.vocabulary * (int64_t)sizeof(float);
    if ((status = nyx_alloc(&w->logits, bytes)) < 0 || (status = nyx_alloc(&w->reference_logits, bytes)) < 0)
        return status;
    status = nyx_eval_create(&w->eval, &(nyx_eval_options){
        .probability = nyx_session_config(w->model)->model.loss, .length = w->dataset.length,
        .vocabulary = w->dataset.vocabulary, .ignore = w->dataset.ignore, .reference = args.reference != NULL,
        .seed = nyx_cli_common->seed, .pool = nyx_device_pool(w->device) });
    return status == 0 && args.logits ? open_writer(w) : status;
}

static int score(work *w)
{
    const int64_t length = w->dataset.length;
    int           status = 0;

    for (int64_t first = 0; first < w->rows && status == 0; first += SLOTS) {
        const int64_t  rows = w->rows - first < SLOTS ? w->rows - first : SLOTS;
        const int32_t *inputs = w->split->inputs + first * length, *targets = w->split->targets + first * length;
        const int32_t *ids = w->split->ids ? w->split->ids + first : NULL;

        if (nyx_stop_requested())
            return nyx_error_set(NYX_ERR_STOPPED, "stopped; run the same command again");
        nyx_session_logits(w->model, inputs, ids, rows, w->logits);
        if (w->reference)
            nyx_session_logits(w->reference, inputs, ids, rows, w->reference_logits);
        status = nyx_eval_add(w->eval, w->logits, w->reference ? w->reference_logits : NULL, targets, rows);
        if (status == 0 && w->writer)
            status = nyx_writer_rows(w->writer, w->logits, rows * length);
        nyx_cli_progress("evaluating", first + rows, w->rows, "rows");
    }
    nyx_cli_progress_end();
    return status;
}

static void print_result(const nyx_eval_result *r)
{
    nyx_cli_print("exact %.2f %% (%.2f ... %.2f), tokens %.2f %%, loss %.4f\n", 100.0 * r->model.exact_accuracy.value,
                  100.0 * r->model.exact_accuracy.low, 100.0 * r->model.exact_accuracy.high,
                  100.0 * r->model.token_accuracy.value, r->model.loss);
    if (!r->compared)
        return;
    nyx_cli_print("KL %.3g (median %.3g, p99 %.3g, max %.3g), top-1 agreement %.2f %%\n", r->kl.value, r->kl_median,
                  r->kl_p99, r->kl_max, 100.0 * r->top1_agreement);
    if (r->preservation.reason)
        nyx_cli_print("preservation unknown: %s\n", r->preservation.reason);
    else
        nyx_cli_print("preserved %.2f %% of exact accuracy (%.2f ... %.2f)\n", 100.0 * r->preservation.value,
                      100.0 * r->preservation.low, 100.0 * r->preservation.high);
}

static int finish(work *w, nyx_report *report)
{
    nyx_eval_result result;
    int             status = nyx_eval_finish(w->eval, &result);

    if (status < 0 || (status = describe_storage(report, args.model)) < 0)
        return status;
    nyx_eval_describe(&result, nyx_report_result(report));
    if (has_segments(nyx_session_config(w->model)))
        nyx_json_set_int(nyx_report_result(report), "segments", nyx_session_config(w->model)->model.halt_max_steps);
    if (w->writer) {
        nyx_writer *writer = w->writer;

        w->writer = NULL;
        if ((status = nyx_writer_commit(writer)) < 0 || (status = nyx_report_output(report, args.logits)) < 0)
            return status;
    }
    print_result(&result);
    if (args.least < 0.0)
        return 0;
    return result.compared && !result.preservation.reason && result.preservation.value >= args.least ? NYX_EXIT_OK
                                                                                                     : NYX_EXIT_NO;
}

static int run(nyx_report *report)
{
    work w = { 0 };
    int  status;

    if (eval_generate_args.on)
        return eval_generate(report, args.model);
    if (!args.data)
        return nyx_error_set(NYX_ERR_USAGE, "a model is scored on a dataset; name it with --data");
    if (args.least >= 0.0 && !args.reference)
        return nyx_error_set(NYX_ERR_USAGE, "--preservation-least needs --reference=MODEL.h5");
    if ((status = prepare(&w, report)) == 0 && !nyx_cli_common->dry_run && (status = score(&w)) == 0)
        status = finish(&w, report);
    nyx_writer_discard(w.writer);
    nyx_eval_free(w.eval);
    nyx_session_close(w.reference);
    nyx_session_close(w.model);
    nyx_device_close(w.device);
    nyx_free(w.logits);
    nyx_free(w.reference_logits);
    nyx_dataset_release(&w.dataset);
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
                    "  nyx-eval m.h5 --generate --prompt=\"Once upon a time\" --temperature=0.8 --top-p=0.9\n",
        .opts = opts,
        .run = run,
    } };

    return nyx_cli_main(argc, argv, &tool);
}
