/* eval -- how good a model is, and how much of a reference it kept.
 *
 * nyx_eval is pure arithmetic on logits: whoever runs the model feeds batches,
 * in order, and asks once at the end. nyx_judge runs model files on a dataset
 * and feeds it.
 *
 *     nyx_eval *eval;
 *     nyx_eval_create(&eval, &options);
 *     for each batch
 *         nyx_eval_add(eval, logits, reference, targets, rows);
 *     nyx_eval_finish(eval, &result);
 *     nyx_eval_describe(&result, json);
 *     nyx_eval_free(eval);
 *
 * Everything is computed in float64 and summed in the order of rows and
 * positions, so neither the batch size nor the thread count changes a bit.
 * One number is kept for each scored token, a few for each row.
 *
 * Words.  A token is scored unless its target is the ignore label. A row is
 * scored when it has a scored token; it is exact when each of them is right.
 * The prediction is the largest logit, the first of equals. Standard errors
 * are those of a mean of independent tokens, sqrt((mean x^2 - mean^2) / (N - 1));
 * intervals draw whole rows and so keep what tokens of a row have in common.
 */
#ifndef NYX_EVAL_H
#define NYX_EVAL_H

#include "graph/graph.h"
#include "report/report.h"
#include "run/run.h"

typedef struct {
    enum nyx_probability probability; /* how logits become probabilities, both models */
    int64_t   length, vocabulary;     /* T, V */
    int64_t   ignore;                 /* targets equal to it are not scored */
    bool      reference;              /* a second set of logits is given */
    uint64_t  seed;                   /* of the bootstrap */
    int64_t   resamples;              /* of the bootstrap; 0 means 10,000 */
    nyx_pool *pool;                   /* NULL: the calling thread alone */
} nyx_eval_options;

/* A figure with its 95 % interval. `reason` is NULL, or says in words why
 * there is no value; then the numbers are 0. */
typedef struct {
    double      value, low, high;
    const char *reason; /* static text */
} nyx_estimate;

/* One model on the scored tokens. */
typedef struct {
    double       loss, loss_se;  /* mean of -log p(target) over tokens, nats; its standard error */
    nyx_estimate token_accuracy; /* bootstrap over rows */
    nyx_estimate exact_accuracy; /* exact rows / scored rows; Wilson */
} nyx_eval_score;

typedef struct {
    enum nyx_probability probability;
    int64_t  rows, scored_rows, scored_tokens;
    uint64_t seed;
    int64_t  resamples;
    nyx_eval_score model;

    /* The rest only with a reference. */
    bool           compared;
    nyx_eval_score reference;
    nyx_estimate   kl;             /* mean of D(reference || model) over tokens, nats; bootstrap */
    double         kl_median, kl_p90, kl_p99, kl_max;
    double         kl_se;
    double         gap, gap_se;    /* loss - the reference's: log of the ratio of perplexities; paired */
    double         top1_agreement, top1_se; /* share of tokens with the same prediction */
    double         top5_agreement; /* .. whose prediction by the reference is among the model's first five */
    double         delta_p_mean;   /* p_model(target) - p_reference(target) */
    double         delta_p_rms;
    /* Metric / metric of the reference; paired bootstrap over rows. Resamples
     * in which the reference scores 0 have no ratio; they are left out and
     * counted. */
    nyx_estimate   preservation, preservation_token;
    int64_t        preservation_dropped, preservation_token_dropped;
} nyx_eval_result;

typedef struct nyx_eval nyx_eval;
int  nyx_eval_create(nyx_eval **out, const nyx_eval_options *options) NYX_CHECKED;
void nyx_eval_free(nyx_eval *eval);

/* Score `rows` more rows.
 *   logits, reference  f32 [rows, T, V]; reference NULL exactly without one
 *   targets            i32 [rows, T]
 * INPUT for a target outside the vocabulary, NUMERIC for a logit that is not
 * finite; both name row and position. */
int nyx_eval_add(nyx_eval *eval, const float *logits, const float *reference,
                 const int32_t *targets, int64_t rows) NYX_CHECKED;

/* Of a row added before, summed over its scored tokens: the model's loss and,
 * with a reference, the divergence. For whoever compares row by row. */
double nyx_eval_row_loss(const nyx_eval *eval, int64_t row);
double nyx_eval_row_kl(const nyx_eval *eval, int64_t row);

/* Draw the sum. INPUT when no token was scored. */
int nyx_eval_finish(nyx_eval *eval, nyx_eval_result *out) NYX_CHECKED;

/* Write a result into an object (schemas/eval.schema.json, "result"). */
void nyx_eval_describe(const nyx_eval_result *result, nyx_json *object);

/* ---- model files ---------------------------------------------------------- */

/* A stream of tokens is cut into windows of `context` tokens that start every
 * `stride`. The first token is replaced by that of the beginning where the
 * tokenizer has one. Scored are the last targets inside the window: its second
 * half, context - 1 - context / 2 of them, or `stride` where that is less, so
 * that none counts twice. With the defaults these are llama-perplexity's. */
typedef struct {
    const char *model, *reference, *data; /* paths; reference NULL: none */
    const char *logits;          /* write the model's here, /tensors/logits; NULL */
    bool        train;           /* the training split, not the test split */
    int64_t     rows;            /* only the first so many rows or windows; 0: all */
    int64_t     context, stride; /* streams only; 0: the model's; the context */
    int64_t     segments;        /* hrm, transformer: segments to think about a row; 0: as trained */
    enum nyx_activations activations; /* of the model, not of the reference */
    bool        vote;            /* ARC: images of a test input vote (data/arc/arc.h); all test rows */
    uint64_t    seed;            /* of the bootstrap */
    void      (*progress)(void *context, int64_t done, int64_t total); /* may be NULL */
    void      (*recovered)(void *context, const char *why); /* as nyx_train_options says it; may be NULL */
    void       *callback_context;
} nyx_judge_options;

typedef struct nyx_judge nyx_judge;
/* Open a device for that (nyx_place_open); "auto" times some rows. */
int  nyx_judge_place(nyx_device **out, nyx_placement *place, const char *name, int threads,
                     const nyx_judge_options *options) NYX_CHECKED;
/* Read the dataset, load the models. INPUT, USAGE. */
int  nyx_judge_open(nyx_judge **out, nyx_device *device, const nyx_judge_options *options) NYX_CHECKED;
void nyx_judge_close(nyx_judge *judge);
/* STOPPED when asked to stop on the way. A device that fails is opened again and
 * does its rows once more, NYX_RECOVERIES_MOST times without some in between; DEVICE:
 * it failed more often, or came back as another one. */
int  nyx_judge_run(nyx_judge *judge, nyx_eval_result *out) NYX_CHECKED;
/* nyx_eval_describe, and `text` of a stream. */
void nyx_judge_describe(const nyx_judge *judge, const nyx_eval_result *result, nyx_json *object);
bool nyx_judge_is_text(const nyx_judge *judge);
int64_t nyx_judge_recoveries(const nyx_judge *judge); /* how often the device failed on the way */

/* ---- statistics ---------------------------------------------------------- */

/* The q-quantile, 0 <= q <= 1, of ascending values, linear between order
 * statistics (Hyndman & Fan 1996, definition 7). count > 0. */
double nyx_quantile(const double *ascending, int64_t count, double q);
void   nyx_sort_ascending(double *values, int64_t count); /* no NaN */

/* Share and 95 % score interval of `hits` in `trials` independent trials
 * (Wilson 1927, J. Am. Stat. Assoc. 22:209). */
nyx_estimate nyx_wilson(int64_t hits, int64_t trials);

#endif
