/* run -- models on devices: loading parameters into stores, evaluating.
 *
 *     nyx_device_open(&device, "cpu", 0);
 *     nyx_session_open(&session, device, "model.h5", 64);
 *     nyx_session_logits(session, inputs, ids, rows, logits);
 *     nyx_session_close(session);
 */
#ifndef NYX_RUN_H
#define NYX_RUN_H

#include "data/data.h"
#include "device/device.h"
#include "model/model.h"

/* ---- parameters and stores ----------------------------------------------------- */

/* How `file` stores the parameters of `config`, for config->codings; ends with
 * nyx_free. A missing tensor or another shape is an INPUT error, told before
 * memory is taken for what a file says of itself. */
int nyx_parameters_codings(nyx_format **out, const nyx_config *config, nyx_reader *file) NYX_CHECKED;
/* Read every parameter of `config` out of /tensors into the variables of the
 * same name: coded ones as planes where a program reads these, else decoded to
 * f32. A missing tensor or another shape is an INPUT error. */
int nyx_parameters_load(nyx_store *store, const nyx_config *config, nyx_reader *file) NYX_CHECKED;

/* Configuration out of an open model or checkpoint. INPUT. */
int nyx_config_load(nyx_config *out, nyx_reader *file, const char *path) NYX_CHECKED;

/* nyx_config_bind for a dataset in memory: also the targets of a row must be
 * those that the model gives, and a decoder reads a stream in windows of
 * `length` tokens (0: its context). INPUT. */
int nyx_config_bind_dataset(nyx_config *config, const nyx_dataset *dataset, int64_t length, const char *subject) NYX_CHECKED;

/* Chosen passes as reports say them, {"recompute": "all"}; read: INPUT. */
nyx_json *nyx_passes_json(const nyx_passes *passes);
int       nyx_passes_read(nyx_passes *out, const nyx_json *object, const char *subject) NYX_CHECKED;

/* In a report's `run`: "device", its name, and "on_cpu", the operations that the
 * processor did in a GPU's place, of which `note` also tells; a warning where the
 * table of constants of its kernels is not used (device/tune.h). Behind the work. */
void nyx_device_describe(nyx_report *report, const nyx_device *device, void (*note)(const char *fmt, ...));

/* ---- choosing what fits ---------------------------------------------------------- */

typedef struct {
    nyx_config config;     /* batch, micro-batches; a smaller model when nothing else fits */
    nyx_passes passes;
    int64_t    bytes;      /* at the peak */
    double     flops;      /* of a step */
    int64_t    candidates; /* looked at */
    int        rung;       /* how often the model was made smaller; 0: as it was */
    /* What it was looked for. */
    int64_t    budget;
    char       device[32]; /* nyx_device_name */
    int        threads;
    char       machine[NYX_SHA256_HEX], config_sha256[NYX_SHA256_HEX]; /* nyx_machine.identity; of the file */
    bool       assumed;    /* without a dataset: its facts were guessed */
} nyx_fit;

/* Peak and operations of a candidate, out of its plan. */
typedef int (*nyx_predict)(void *context, const nyx_config *config, const nyx_passes *passes, int64_t *bytes, double *flops);

/* What of `config` (bound) fits into `budget` bytes: the fewest operations over
 * all passes and divisors of the batch, then the fewest micro-batches; else the
 * batch halved as often as needed; else the model one rung smaller, down to a
 * width of 256, 2 layers and, with `free_vocabulary`, 10,000 tokens.
 * UNSUPPORTED when the smallest does not fit: the sentence says what it needs. */
int nyx_fit_find(nyx_fit *out, const nyx_config *config, bool free_vocabulary, int64_t budget, nyx_predict predict,
               void *context) NYX_CHECKED;
/* What nyx-profile writes and nyx-train obeys (schemas/plan.schema.json).
 * Reading: INPUT when it is malformed or of another version, UNSUPPORTED when
 * it is of another machine. */
nyx_json *nyx_fit_json(const nyx_fit *fit);
int       nyx_fit_read(nyx_fit *out, const char *path) NYX_CHECKED;
/* Of what is available, nine tenths; of a profile's file, by the same rules as a plan's. */
int64_t   nyx_fit_memory(int64_t available);
int       nyx_profile_memory(int64_t *out, const char *path) NYX_CHECKED;
/* Rung `rung` of the ladder below `config`; false: it is not smaller than the one before. */
bool nyx_fit_rung(nyx_config *out, const nyx_config *config, bool free_vocabulary, int rung);

/* ---- where work is done ------------------------------------------------------------ */

/* What was tried before a device was chosen. */
enum { NYX_TRIALS_MOST = 32 };
typedef struct {
    char   device[32], reason[160];
    int    share;       /* of a pair: micro-batches on the device that leads */
    double seconds;     /* of a step or a batch; -1: not tried, `reason` says why */
    double predicted_s; /* the same, by its arithmetic; -1: it was not */
} nyx_trial;
typedef struct {
    nyx_trial trials[NYX_TRIALS_MOST];
    int       count;   /* 0: there was nothing to choose */
    int       share;   /* that was taken, of a pair */
    double    seconds; /* that choosing took, */
    double    open_s;  /* of these to find devices and open them */
    char      why[96]; /* the one that was taken was */
} nyx_placement;

/* How much the work is. */
typedef struct {
    double         flops, launches; /* of all of it: operations on numbers, nodes that are run */
    int64_t        steps;           /* that it has, all alike */
    int64_t        bytes;           /* of memory, about; 0: not known */
    enum nyx_dtype type;            /* of what is multiplied */
} nyx_amount;

/* A trial: what is known before, and what it shows. */
typedef struct {
    bool   check;   /* nothing is timed: can it be done there at all? */
    double best_s;  /* of all the work on the fastest device so far, INFINITY: none;
                       who is slower need not go on */
    double most_s;  /* that the trial may take, if it can be helped */
    double seconds; /* out: that all of the work would take */
    int    share;   /* out: of a pair */
} nyx_measuring;

typedef struct {
    int   (*amount)(void *context, nyx_amount *out); /* NULL: not known */
    int64_t parts; /* micro-batches, which two devices could share out; 0: none */
    /* Do a little of it there; says what it timed with nyx_placement_add. */
    int   (*measure)(void *context, nyx_device *device, nyx_placement *place, nyx_measuring *m);
    double (*rate)(void *context, nyx_device *device); /* NULL: nyx_rate_of */
    void   *context;
} nyx_work;

/* Operations a second of products of that type, found in less than a tenth of a
 * second, on a GPU a third and a hundredth of what `flops` take; 0: it multiplies none. */
double nyx_rate_of(nyx_device *device, enum nyx_dtype type, double flops);

/* Open a device by its name (nyx_device_open). "auto": the processor where no
 * GPU is, or the work is short; else the one that by its arithmetic and by
 * trials is the fastest (place.c), and where there are parts maybe the pair of
 * them. "auto,software": processors with a Vulkan driver count as GPUs, and no
 * work is short; "auto,software,all": and each is tried, at any cost. */
int        nyx_place_open(nyx_device **out, nyx_placement *place, const char *name, int threads,
                          const nyx_work *work) NYX_CHECKED;
bool       nyx_place_is_auto(const char *name);
nyx_trial *nyx_placement_add(nyx_placement *place, const char *device);
void       nyx_placement_describe(const nyx_placement *place, nyx_json *run); /* "placement" */

/* ---- evaluation ------------------------------------------------------------------ */

/* The evaluation program of a model in some store: all segments, no halting. */
typedef struct nyx_evaluator nyx_evaluator;
/* Compile into `store`, before it is allocated. `ema`: read the averaged
 * copies. The second keeps sums only, no logits. */
int  nyx_evaluator_create(nyx_evaluator **out, nyx_store *store, const nyx_config *config, int64_t slots,
                          bool ema) NYX_CHECKED;
int  nyx_evaluator_create_sums(nyx_evaluator **out, nyx_store *store, const nyx_config *config, int64_t slots,
                               bool ema) NYX_CHECKED;
void nyx_evaluator_free(nyx_evaluator *evaluator);
/* Segments run on a row instead of halt_max_steps; a model that has learnt to
 * go on from what it has may solve more with more of them. */
void nyx_evaluator_set_segments(nyx_evaluator *evaluator, int64_t segments);
void nyx_evaluator_digest(const nyx_evaluator *evaluator, char hex[NYX_SHA256_HEX]); /* nyx_program_digest */

/* Run `rows` <= slots rows: inputs i32 [rows, T], targets i32 [rows,
 * nyx_config_targets] (NULL: none scored), ids i32 [rows] or NULL (all 0). What
 * the last segment gave stays in the store's eval. variables. */
void nyx_evaluator_run(nyx_evaluator *evaluator, const int32_t *inputs, const int32_t *targets,
                       const int32_t *ids, int64_t rows);

/* Sums over all rows. */
typedef struct {
    int64_t rows, exact, tokens, tokens_right;
    double  loss; /* mean of the slots' lm loss */
} nyx_evaluation;
/* STOPPED when asked to stop on the way. */
int nyx_evaluator_rows(nyx_evaluator *evaluator, nyx_evaluation *out, const nyx_rows *rows) NYX_CHECKED;

/* ---- a model file ready to run --------------------------------------------------------- */

typedef struct nyx_session nyx_session;
int               nyx_session_open(nyx_session **out, nyx_device *device, const char *path, int64_t slots) NYX_CHECKED;
/* The same for a dataset: nyx_config_bind_dataset. */
int               nyx_session_open_on(nyx_session **out, nyx_device *device, const char *path, int64_t slots,
                                      const nyx_dataset *dataset, int64_t length, const char *subject,
                                      enum nyx_activations activations) NYX_CHECKED;
void              nyx_session_close(nyx_session *session);
const nyx_config *nyx_session_config(const nyx_session *session);
int64_t           nyx_session_slots(const nyx_session *session);
void              nyx_session_set_segments(nyx_session *session, int64_t segments); /* as nyx_evaluator_set_segments */
void              nyx_session_digest(const nyx_session *session, char hex[NYX_SHA256_HEX]); /* of its program */
/* Logits of the last segment, f32 [rows, nyx_config_targets,
 * nyx_config_classes], for rows <= slots. DEVICE, MEMORY: a GPU failed. */
int nyx_session_logits(nyx_session *session, const int32_t *inputs, const int32_t *ids, int64_t rows,
                       float *logits) NYX_CHECKED;

/* What the last nyx_session_logits said of halting: q_halt of its first `rows`
 * rows. HRM and its like only. DEVICE. */
int nyx_session_q_halt(nyx_session *session, int64_t rows, float *q) NYX_CHECKED;

/* ---- generation --------------------------------------------------------------------- */

/* A decoder that goes on with texts, from a model file; what is coded stays
 * coded. Read prompts with _feed, then add one token to each text a step:
 *
 *     nyx_generator_feed(g, 0, tokens, count);
 *     for (...) {
 *         next = nyx_chooser_next(chooser, nyx_generator_logits(g, 0), 0, nyx_generator_length(g, 0));
 *         nyx_generator_step(g, &next);
 *     }
 *
 * Logits of a text depend on its tokens alone: not on other texts, on the
 * pieces it was read in, or on threads. */
typedef struct {
    int64_t sequences; /* texts at the same time */
    int64_t context;   /* positions of each; 0: as many as the model sees */
    int64_t chunk;     /* 32: prompts are never read 512 positions at once */
    enum nyx_activations activations;
} nyx_generator_options;
typedef struct nyx_generator nyx_generator;
int  nyx_generator_open(nyx_generator **out, nyx_device *device, const char *path,
                        const nyx_generator_options *options) NYX_CHECKED; /* INPUT: no decoder, context too long */
void nyx_generator_close(nyx_generator *generator);
/* Open a device for reading so many tokens and making so many (nyx_place_open);
 * "auto" times some. */
int  nyx_generator_place(nyx_device **out, nyx_placement *place, const char *name, int threads, const char *path,
                         const nyx_generator_options *options, int64_t prompt, int64_t tokens) NYX_CHECKED;
const nyx_config *nyx_generator_config(const nyx_generator *generator);
nyx_memory        nyx_generator_memory(const nyx_generator *generator);
int64_t           nyx_generator_context(const nyx_generator *generator);
int64_t           nyx_generator_length(const nyx_generator *generator, int64_t sequence);
/* Append tokens to one text. INPUT: beyond the context or the vocabulary; STOPPED, DEVICE. */
int nyx_generator_feed(nyx_generator *generator, int64_t sequence, const int32_t *tokens, int64_t count) NYX_CHECKED;
/* Append tokens[s] to every text s; -1: none. There must be room. DEVICE. */
int nyx_generator_step(nyx_generator *generator, const int32_t *tokens) NYX_CHECKED;
/* Forget what is behind the first `length` tokens; logits are what they were. */
void nyx_generator_rewind(nyx_generator *generator, int64_t sequence, int64_t length);
/* Bytes of weights that every step reads. */
int64_t nyx_generator_weight_bytes(const nyx_generator *generator);
/* [V], of what follows the text; borrowed, until it grows. */
const float *nyx_generator_logits(const nyx_generator *generator, int64_t sequence);

/* How the next token is drawn: the likeliest with temperature 0; else among
 * the top_k likeliest (0: all), of these the fewest that have the share top_p
 * (1: all), by Philox of seed, sequence and position. */
typedef struct {
    double   temperature, top_p;
    int64_t  top_k;
    uint64_t seed;
} nyx_sampling;
typedef struct nyx_chooser nyx_chooser;
int     nyx_chooser_create(nyx_chooser **out, const nyx_sampling *how, int64_t vocabulary) NYX_CHECKED;
void    nyx_chooser_free(nyx_chooser *chooser);
int32_t nyx_chooser_next(nyx_chooser *chooser, const float *logits, int64_t sequence, int64_t position);

#endif
