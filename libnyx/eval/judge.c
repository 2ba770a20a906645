/* judge -- model files run on a dataset and scored. */
#include "data/arc/arc.h"
#include "eval/eval.h"
#include "text/text.h"

#include "tensor/tensor.h"

#include <math.h>
#include <string.h>
#include <sys/stat.h>

enum { SLOTS_MOST = 64, LOGITS_MOST = 64 << 20 }; /* rows at a time, bytes of theirs: change no result */

/* Of the rows, and how many at least, a trial has at a time. */
enum { TRIAL_SHARE = 50, TRIAL_LEAST = 8 };

struct nyx_judge {
    nyx_judge_options       options;
    bool                    trial;             /* only to be timed */
    nyx_config              config;            /* of the model, on this data */
    nyx_dataset             dataset;
    const struct nyx_split *split;
    nyx_rows                rows;
    int64_t                 count, slots;      /* rows or windows to score; at a time */
    int64_t                 targets, classes;  /* of a row */
    int64_t                 context, stride, scored; /* of a stream; context 0: rows */
    int32_t                 bos;               /* -1: the first token stays */
    nyx_device             *device;
    nyx_session            *model, *reference;
    nyx_recovery            recovery;
    char                    digest[NYX_SHA256_HEX]; /* of the programs of both */
    nyx_eval               *eval;
    int32_t                *inputs, *labels, *ids;
    float                  *logits, *reference_logits;
    nyx_writer             *writer;
    nyx_arc_vote           *vote;              /* NULL: none is asked for */
    nyx_json               *voted;             /* what came of it */
};

/* ---- what is scored -------------------------------------------------------- */

static const char *split_name(const nyx_judge *j)
{
    return j->options.train ? "train" : "test";
}

/* The token of the beginning, and whether the model speaks these tokens. */
static int take_tokenizer(nyx_judge *j, const nyx_json *of_model)
{
    nyx_tokenizer *tokenizer;
    char          *ours = NULL, *theirs = NULL;
    int            status;

    j->bos = -1;
    if (!j->dataset.tokenizer)
        return 0;
    if ((status = nyx_tokenizer_parse(&tokenizer, j->dataset.tokenizer, j->options.data)) < 0)
        return status;
    j->bos = nyx_tokenizer_bos(tokenizer);
    nyx_tokenizer_free(tokenizer);
    if (!of_model)
        return 0;
    if ((status = nyx_json_print(&ours, j->dataset.tokenizer, 0)) == 0 &&
        (status = nyx_json_print(&theirs, of_model, 0)) == 0 && strcmp(ours, theirs) != 0)
        status = nyx_error_set(NYX_ERR_INPUT, "the text of '%s' was cut by another tokenizer than that of '%s'; "
                               "make it again with nyx-data text --tokenizer=%s", j->options.data, j->options.model,
                               j->options.model);
    nyx_free(ours);
    nyx_free(theirs);
    return status;
}

static int take_windows(nyx_judge *j, const nyx_config *config)
{
    const int64_t half = j->options.context > 0 ? j->options.context : config->model.context;

    if (config->model.kind == NYX_MODEL_DECODER && j->options.context > config->model.context)
        return nyx_error_set(NYX_ERR_USAGE, "--context %lld is more than the %lld positions that '%s' can see",
                             (long long)j->options.context, (long long)config->model.context, j->options.model);
    j->context = half;
    j->stride = j->options.stride > 0 ? j->options.stride : half;
    j->scored = half - 1 - half / 2;
    if (j->stride < j->scored)
        j->scored = j->stride;
    if (config->model.kind == NYX_MODEL_DECODER && j->scored < 1)
        return nyx_error_set(NYX_ERR_USAGE, "--context %lld leaves nothing to score; 3 is the least", (long long)half);
    if (j->split->token_count < half)
        return nyx_error_set(NYX_ERR_INPUT, "'%s' has %lld tokens in its %s split, a window needs %lld; a smaller "
                             "--context helps", j->options.data, (long long)j->split->token_count, split_name(j),
                             (long long)half);
    j->count = (j->split->token_count - half) / j->stride + 1;
    return 0;
}

/* The model's configuration and tokenizer, before it is loaded. */
static int take_model(nyx_judge *j, nyx_config *config)
{
    nyx_reader *file;
    nyx_json   *tokenizer = NULL;
    int         status = nyx_reader_open(&file, j->options.model);

    if (status < 0)
        return status;
    if ((status = nyx_config_load(config, file, j->options.model)) < 0 ||
        (status = nyx_reader_json(file, "/tokenizer", &tokenizer)) < 0)
        nyx_error_wrap(status, "cannot load '%s'", j->options.model);
    else
        status = take_tokenizer(j, tokenizer);
    nyx_json_free(tokenizer);
    nyx_reader_close(file);
    return status;
}

/* Of the slots that the run has, those of its trials. */
static int64_t trial_slots(const nyx_judge *j)
{
    const int64_t wanted = j->count / TRIAL_SHARE > TRIAL_LEAST ? j->count / TRIAL_SHARE : TRIAL_LEAST;

    return j->slots < wanted ? j->slots : wanted;
}

static int take_rows(nyx_judge *j)
{
    const nyx_judge_options *o = &j->options;
    nyx_config              *config = &j->config;
    int64_t                  bytes;
    int                      status;

    j->split = o->train ? &j->dataset.train : &j->dataset.test;
    if ((status = take_model(j, config)) < 0)
        return status;
    if (j->split->tokens && (status = take_windows(j, config)) < 0)
        return status;
    if (!j->split->tokens && (o->context > 0 || o->stride > 0))
        return nyx_error_set(NYX_ERR_USAGE, "--context and --stride are for text; '%s' holds rows", o->data);
    if ((status = nyx_config_bind_dataset(config, &j->dataset, j->context, o->data)) < 0)
        return status;
    j->targets = nyx_config_targets(config);
    j->classes = nyx_config_classes(config);
    j->rows = nyx_rows_of(&j->dataset, j->split, config->data.length, j->targets);
    if (!j->split->tokens)
        j->count = j->rows.count;
    if (!j->count)
        return nyx_error_set(NYX_ERR_INPUT, "'%s' has no rows in its %s split", o->data, split_name(j));
    if (o->rows > 0 && o->rows < j->count)
        j->count = o->rows;
    bytes = j->targets * j->classes * (int64_t)sizeof(float);
    j->slots = LOGITS_MOST / bytes < 1 ? 1 : LOGITS_MOST / bytes > SLOTS_MOST ? SLOTS_MOST : LOGITS_MOST / bytes;
    if (j->trial)
        j->slots = trial_slots(j);
    return 0;
}

/* Row or window `index` in place `i` of the batch. */
static void fill_slot(nyx_judge *j, int64_t i, int64_t index)
{
    int32_t       *inputs = j->inputs + i * j->rows.length, *labels = j->labels + i * j->targets;
    const int32_t *tokens;

    if (!j->context) {
        nyx_rows_get(&j->rows, index, inputs, labels, j->ids + i);
        return;
    }
    tokens = j->split->tokens + index * j->stride;
    memcpy(inputs, tokens, (size_t)j->context * sizeof *inputs);
    if (j->bos >= 0)
        inputs[0] = j->bos;
    for (int64_t t = 0; t < j->context; t++)
        labels[t] = t < j->context - 1 && t >= j->context - 1 - j->scored ? tokens[t + 1] : (int32_t)j->dataset.ignore;
}

/* ---- the vote ------------------------------------------------------------------ */

static int open_vote(nyx_judge *j)
{
    int status;

    if (!j->options.vote)
        return 0;
    if (j->options.train || j->options.rows)
        return nyx_error_set(NYX_ERR_USAGE, "--vote counts all rows of the test split; leave out --rows and --split");
    if ((status = nyx_arc_vote_create(&j->vote, &j->dataset)) < 0)
        nyx_error_wrap(status, "cannot vote on '%s'", j->options.data);
    return status;
}

static int add_votes(nyx_judge *j, int64_t first, int64_t rows)
{
    float q[SLOTS_MOST];
    int   status = nyx_session_q_halt(j->model, rows, q);

    if (status == 0)
        nyx_arc_vote_add_logits(j->vote, first, rows, j->logits, q);
    return status;
}

static int finish_vote(nyx_judge *j)
{
    int status;

    j->voted = nyx_json_object();
    if ((status = nyx_arc_vote_finish(j->vote, j->voted)) < 0)
        nyx_error_wrap(status, "cannot vote on '%s'", j->options.data);
    return status;
}

/* ---- opening ------------------------------------------------------------------ */

/* Models of the outer loop run in segments, others in one go. */
static bool has_segments(const nyx_config *config)
{
    return config->model.kind == NYX_MODEL_HRM || config->model.kind == NYX_MODEL_TRANSFORMER;
}

static int open_model(nyx_session **out, nyx_judge *j, const char *path, enum nyx_activations activations)
{
    int status = nyx_session_open_on(out, j->device, path, j->slots, &j->dataset, j->context, j->options.data,
                                     activations);

    if (status < 0 || j->options.segments == 0)
        return status;
    if (!has_segments(nyx_session_config(*out)))
        return nyx_error_set(NYX_ERR_USAGE, "--segments is for models of kind hrm and transformer; '%s' has none",
                             path);
    nyx_session_set_segments(*out, j->options.segments);
    return 0;
}

static int open_models(nyx_judge *j)
{
    const nyx_judge_options *o = &j->options;
    int                      status = open_model(&j->model, j, o->model, o->activations);

    if (status < 0 || !o->reference)
        return status;
    return open_model(&j->reference, j, o->reference, NYX_ACTIVATIONS_REAL);
}

static void close_models(nyx_judge *j)
{
    nyx_session_close(j->reference);
    nyx_session_close(j->model);
    j->reference = j->model = NULL;
}

static void hash_models(const nyx_judge *j, char digest[NYX_SHA256_HEX])
{
    char both[2][NYX_SHA256_HEX] = { "", "" };

    nyx_session_digest(j->model, both[0]);
    if (j->reference)
        nyx_session_digest(j->reference, both[1]);
    nyx_sha256_bytes(digest, both, sizeof both);
}

static int open_buffers(nyx_judge *j)
{
    const int64_t bytes = j->slots * j->targets * j->classes * (int64_t)sizeof(float);
    const int64_t each = j->slots * (int64_t)sizeof(int32_t);
    int           status;

    if ((status = nyx_alloc(&j->inputs, each * j->rows.length)) < 0 ||
        (status = nyx_alloc(&j->labels, each * j->targets)) < 0 || (status = nyx_alloc(&j->ids, each)) < 0 ||
        (status = nyx_alloc(&j->logits, bytes)) < 0 ||
        (j->reference && (status = nyx_alloc(&j->reference_logits, bytes)) < 0))
        return status;
    return nyx_eval_create(&j->eval, &(nyx_eval_options){
        .probability = nyx_session_config(j->model)->model.loss, .length = j->targets, .vocabulary = j->classes,
        .ignore = j->dataset.ignore, .reference = j->reference != NULL, .seed = j->options.seed,
        .pool = nyx_device_pool(j->device) });
}

static int open_writer(nyx_judge *j)
{
    const nyx_shape shape = nyx_shape_of(3, j->count, j->targets, j->classes);
    int             status = nyx_writer_open(&j->writer, j->options.logits, "model");

    return status < 0 ? status : nyx_writer_begin(j->writer, "/tensors/logits", NYX_F32, &shape);
}

static int open_judge(nyx_judge **out, nyx_device *device, const nyx_judge_options *options, bool trial)
{
    nyx_judge *j;
    int        status;

    *out = NULL;
    if ((status = nyx_alloc(&j, sizeof *j)) < 0)
        return status;
    j->options = *options;
    j->trial = trial;
    j->device = device;
    if ((status = nyx_dataset_read(&j->dataset, options->data)) < 0 || (status = open_vote(j)) < 0 ||
        (status = take_rows(j)) < 0 ||
        (status = open_models(j)) < 0 || (status = open_buffers(j)) < 0) {
        nyx_judge_close(j);
        return status;
    }
    hash_models(j, j->digest);
    *out = j;
    return 0;
}

int nyx_judge_open(nyx_judge **out, nyx_device *device, const nyx_judge_options *options)
{
    return open_judge(out, device, options, false);
}

void nyx_judge_close(nyx_judge *j)
{
    if (!j)
        return;
    nyx_writer_discard(j->writer);
    nyx_arc_vote_free(j->vote);
    nyx_json_free(j->voted);
    nyx_eval_free(j->eval);
    close_models(j);
    nyx_free(j->inputs);
    nyx_free(j->labels);
    nyx_free(j->ids);
    nyx_free(j->logits);
    nyx_free(j->reference_logits);
    nyx_dataset_release(&j->dataset);
    nyx_free(j);
}

/* ---- running -------------------------------------------------------------------- */

static int run_batch(nyx_judge *j, int64_t first, int64_t rows)
{
    int status;

    for (int64_t i = 0; i < rows; i++)
        fill_slot(j, i, first + i);
    if ((status = nyx_session_logits(j->model, j->inputs, j->ids, rows, j->logits)) < 0 || !j->reference)
        return status;
    return nyx_session_logits(j->reference, j->inputs, j->ids, rows, j->reference_logits);
}

static int score_batch(nyx_judge *j, int64_t first, int64_t rows)
{
    int status;

    if ((status = run_batch(j, first, rows)) < 0 || (j->vote && (status = add_votes(j, first, rows)) < 0))
        return status;
    status = nyx_eval_add(j->eval, j->logits, j->reference ? j->reference_logits : NULL, j->labels, rows);
    return status == 0 && j->writer ? nyx_writer_rows(j->writer, j->logits, rows * j->targets) : status;
}

/* The device failed: what was on it is made once more. Rows that are scored stay
 * so, and the next ones must be computed alike. */
static int open_again(nyx_judge *j)
{
    char digest[NYX_SHA256_HEX];
    int  status;

    close_models(j);
    if ((status = nyx_device_reopen(j->device)) < 0 || (status = open_models(j)) < 0)
        return status;
    hash_models(j, digest);
    if (strcmp(digest, j->digest) != 0)
        return nyx_error_set(NYX_ERR_DEVICE, "'%s' failed and computes otherwise since it was opened again; run the "
                             "same command again", nyx_device_name(j->device));
    if (j->options.recovered)
        j->options.recovered(j->options.callback_context, j->recovery.why);
    return 0;
}

/* With another attempt where the device fails: nothing is scored before it gave all. */
static int score_surely(nyx_judge *j, int64_t first, int64_t rows)
{
    int status;

    while ((status = score_batch(j, first, rows)) < 0)
        if ((status = nyx_recovery_begin(&j->recovery, status)) < 0 || (status = open_again(j)) < 0)
            return status;
    j->recovery.attempts = 0;
    return 0;
}

int nyx_judge_run(nyx_judge *j, nyx_eval_result *out)
{
    nyx_writer *writer;
    int         status = j->options.logits ? open_writer(j) : 0;

    for (int64_t first = 0; first < j->count && status == 0; first += j->slots) {
        const int64_t rows = j->count - first < j->slots ? j->count - first : j->slots;

        if (nyx_stop_requested())
            return nyx_error_set(NYX_ERR_STOPPED, "stopped; run the same command again");
        status = score_surely(j, first, rows);
        if (j->options.progress)
            j->options.progress(j->options.callback_context, first + rows, j->count);
    }
    if (status < 0 || (status = nyx_eval_finish(j->eval, out)) < 0 || (j->vote && (status = finish_vote(j)) < 0) ||
        !j->writer)
        return status;
    writer = j->writer;
    j->writer = NULL;
    return nyx_writer_commit(writer);
}

/* ---- where ---------------------------------------------------------------------------- */

/* Operations of the model on one batch, and nodes that are run. */
static int count_batch(nyx_amount *out, const nyx_judge *j)
{
    const int64_t segments = j->options.segments > 0 ? j->options.segments : j->config.model.halt_max_steps;
    const double  times = has_segments(&j->config) ? (double)segments : 1.0;
    nyx_graph    *g;
    int           status = nyx_graph_create(&g, NYX_F32);

    if (status < 0)
        return status;
    nyx_model_build_eval(g, &j->config, j->slots, false);
    status = nyx_graph_prune(g);
    for (int n = 0; n < nyx_graph_node_count(g) && status == 0; n++)
        out->flops += nyx_node_cost(g, nyx_graph_node(g, n)).flops * times;
    out->launches = nyx_graph_node_count(g) * times;
    nyx_graph_free(g);
    return status;
}

/* What a model takes is not known before it is loaded; not more than so often its
 * file, decoded and with what is computed. */
enum { FILE_TIMES = 8 };

static int64_t file_bytes(const char *path)
{
    struct stat about;

    return path && stat(path, &about) == 0 ? (int64_t)about.st_size : 0;
}

/* Its steps are the batches of trials. A reference is taken to be as large. */
static int amount_of(void *context, nyx_amount *out)
{
    const nyx_judge_options *options = context;
    nyx_judge               *j;
    int                      status = nyx_alloc(&j, sizeof *j);

    *out = (nyx_amount){ .type = NYX_F32 };
    if (status < 0)
        return status;
    j->options = *options;
    if ((status = nyx_dataset_read(&j->dataset, options->data)) == 0 && (status = take_rows(j)) == 0 &&
        (status = count_batch(out, j)) == 0) {
        const double times = ceil((double)j->count / (double)j->slots) * (options->reference ? 2.0 : 1.0);

        out->flops *= times;
        out->launches *= times;
        out->bytes = FILE_TIMES * (file_bytes(options->model) + file_bytes(options->reference));
        out->steps = (j->count + trial_slots(j) - 1) / trial_slots(j);
    }
    nyx_judge_close(j);
    return status;
}

/* The first time all has to become warm, and is long for that. */
static const double slow_start = 4.0;

/* The first rows, a second time when all is warm. */
static int measure(void *context, nyx_device *device, nyx_placement *place, nyx_measuring *m)
{
    nyx_judge_options options = *(const nyx_judge_options *)context;
    nyx_judge        *j;
    int               status;

    options.logits = NULL;
    options.vote = false;
    if ((status = open_judge(&j, device, &options, true)) < 0)
        return status;
    const int64_t rows = j->count < j->slots ? j->count : j->slots;
    const double  batches = (double)j->count / (double)rows;
    for (int i = 0; i < 2 && status == 0 && !m->check; i++) {
        const int64_t start = nyx_clock_ns();

        status = nyx_stop_requested() ? nyx_error_set(NYX_ERR_STOPPED, "stopped; run the same command again")
                                      : run_batch(j, 0, rows);
        m->seconds = (double)(nyx_clock_ns() - start) * 1e-9;
        if (m->seconds * batches > slow_start * m->best_s)
            break;
    }
    if (status == 0 && !m->check)
        nyx_placement_add(place, nyx_device_name(device))->seconds = m->seconds;
    m->seconds *= batches;
    nyx_judge_close(j);
    return status;
}

int nyx_judge_place(nyx_device **out, nyx_placement *place, const char *name, int threads,
                    const nyx_judge_options *options)
{
    nyx_judge_options copy = *options;

    return nyx_place_open(out, place, name, threads,
                          &(nyx_work){ .amount = amount_of, .measure = measure, .context = &copy });
}

/* ---- describing --------------------------------------------------------------------- */

bool nyx_judge_is_text(const nyx_judge *j)
{
    return j->context > 0;
}

int64_t nyx_judge_recoveries(const nyx_judge *j)
{
    return j->recovery.count;
}

/* Of the loss of a token: that of a byte or word is as many tokens as one has. */
static void describe_text(const nyx_judge *j, nyx_json *object, double loss)
{
    static const char *const unknown = "the dataset does not say how long its text was";
    const double             tokens = (double)j->split->token_count;

    if (j->split->bytes > 0) {
        const double of_byte = loss * tokens / (double)j->split->bytes;

        nyx_json_set_real(object, "bits_per_byte", of_byte / nyx_log64(2.0));
        nyx_json_set_real(object, "byte_perplexity", nyx_exp64(of_byte));
    } else {
        nyx_json_set_null(object, "bits_per_byte", unknown);
        nyx_json_set_null(object, "byte_perplexity", unknown);
    }
    if (j->split->words > 0)
        nyx_json_set_real(object, "word_perplexity", nyx_exp64(loss * tokens / (double)j->split->words));
    else
        nyx_json_set_null(object, "word_perplexity", unknown);
}

void nyx_judge_describe(const nyx_judge *j, const nyx_eval_result *result, nyx_json *object)
{
    nyx_json *text;

    nyx_eval_describe(result, object);
    if (has_segments(&j->config))
        nyx_json_set_int(object, "segments", nyx_session_config(j->model)->model.halt_max_steps);
    if (j->voted)
        nyx_json_set_take(object, "vote", nyx_json_copy(j->voted));
    if (!j->context)
        return;
    text = nyx_json_add_object(object, "text");
    nyx_json_set_int(text, "context", j->context);
    nyx_json_set_int(text, "stride", j->stride);
    nyx_json_set_int(text, "scored_per_window", j->scored);
    nyx_json_set_text(text, "first_token", j->bos >= 0 ? "beginning" : "kept");
    nyx_json_set_int(text, "tokens", j->split->token_count);
    nyx_json_set_int(text, "bytes", j->split->bytes);
    nyx_json_set_int(text, "words", j->split->words);
    describe_text(j, nyx_json_add_object(text, "model"), result->model.loss);
    if (result->compared)
        describe_text(j, nyx_json_add_object(text, "reference"), result->reference.loss);
}
