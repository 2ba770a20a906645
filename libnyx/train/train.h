/* train -- optimizers, schedules, the training loop, checkpoints.
 *
 *     nyx_trainer_create(&trainer, device, &options);
 *     nyx_trainer_bytes(trainer);              peak memory, before it is used
 *     nyx_trainer_run(trainer, &result);       fresh, or from the checkpoint
 *     nyx_trainer_save(trainer, "model.h5");
 *     nyx_trainer_free(trainer);
 */
#ifndef NYX_TRAIN_H
#define NYX_TRAIN_H

#include "run/run.h"

/* ---- optimizer ------------------------------------------------------------------- */

/* Update every parameter from its gradient. `slots` counts those of all
 * `micros` micro-batches. Variables beside parameters and grad.NAME:
 *   MOMENT  moment.m.NAME, moment.v.NAME of every trained dense parameter
 *   INPUT   step.scalars, step.puzzle_scalars real [4] (nyx_optimizer_scalars),
 *           step.plain_scalars, the first with a decay of 1: of parameters that
 *           do not decay, only where there are some
 *   OUTPUT  out.grad_norm real []: global norm of all dense gradients before
 *           clipping; when it is not finite nothing is updated
 * The puzzle table moves by carry.ids and grad.puzzle. Where there are
 * several micro-batches gradients are cleared. With `scaled` they are those of a scaled loss
 * (nyx_step_options); norm and steps are as without, and the apply program
 * moves the factor: MOMENT scaling.factor real [], scaling.good (steps in a
 * row), scaling.skipped (steps in all) i32 []. Errors stick in the graph. */
void nyx_optimizer_build(nyx_graph *g, const nyx_config *config, int64_t slots, int64_t micros, bool scaled);

/* ema.NAME = ema NAME + ... for every trained dense parameter, after a step.
 * The host starts ema.NAME (role MOMENT) as a copy of NAME. */
void nyx_optimizer_build_ema(nyx_graph *g, const nyx_config *config);

/* Rate at step 1, 2 ... of `total`: linear warm-up, then cosine down to
 * floor * base (hrm-spec section 8). */
double nyx_schedule_rate(const nyx_config *config, double base, int64_t step, int64_t total);

/* decay, rate, second, 0 of the step operations (graph.h) at step 1, 2 ..., of
 * which `updates`, with this one, were not skipped. */
void nyx_optimizer_scalars(const nyx_config *config, int64_t step, int64_t updates, int64_t total, double dense[4],
                           double puzzle[4]);

/* ---- the loop ------------------------------------------------------------------------ */

/* After every step, from the calling thread. */
typedef struct {
    int64_t step, total; /* step: done, from 1 */
    double  loss, samples_per_s;
} nyx_train_progress;

typedef struct {
    nyx_config         config;         /* bound to the dataset */
    nyx_passes         passes;         /* of the step; only `precision` changes what is learnt */
    const nyx_dataset *dataset;        /* borrowed while the trainer lives */
    const char        *dataset_sha256; /* of the file */
    uint64_t           seed;
    double             loss_scale;     /* f16: the first factor of the loss; 0: NYX_SCALING_START */
    int                share;          /* a pair of devices: so many micro-batches run on the one that
                                          leads; 0: all, as on a single device */
    const char        *init;           /* model file to start from; NULL: random */
    const char        *checkpoint;     /* NULL: none is written */
    int64_t            checkpoint_steps;
    double             checkpoint_seconds; /* 0: not by time */
    bool               resume;         /* go on from the checkpoint when it is there */
    const char        *log;            /* JSON Lines; NULL: none */
    /* times of the operations of the third step run (of fewer: the last); NULL: none */
    const char        *trace;
    void             (*progress)(void *context, const nyx_train_progress *progress);
    /* The device failed as `why` says, and was opened again. NULL: not told. */
    void             (*recovered)(void *context, const char *why);
    void              *context;
} nyx_train_options;

/* Of the loss, with f16; else 1 and 0. */
enum { NYX_SCALING_START = 1 << 16 };
typedef struct {
    double  factor;
    int64_t skipped; /* steps, because of an overflow */
} nyx_train_scaling;

typedef struct {
    int64_t        steps, first_step;  /* first_step > 0: resumed behind it */
    double         loss;               /* of the last step */
    double         seconds;            /* of the steps run now */
    nyx_evaluation test;               /* after the last step */
    nyx_train_scaling scaling;         /* the same */
    int64_t        recoveries;         /* how often the device failed on the way */
} nyx_train_result;

/* USAGE: a share that is not of the micro-batches, on a pair of devices. */
typedef struct nyx_trainer nyx_trainer;
int  nyx_trainer_create(nyx_trainer **out, nyx_device *device, const nyx_train_options *options) NYX_CHECKED;
void nyx_trainer_free(nyx_trainer *trainer);

/* Peak memory that a run will need, dataset and host buffers included, known
 * from the plan alone; of it, what lies in a GPU's own memory. Floating-point
 * operations of one step. */
int64_t nyx_trainer_bytes(const nyx_trainer *trainer);
int64_t nyx_trainer_own_bytes(const nyx_trainer *trainer);
double  nyx_trainer_flops(const nyx_trainer *trainer);

const nyx_graph *nyx_trainer_graph(const nyx_trainer *trainer); /* of a micro-batch, compiled; borrowed */

/* The two for options that may not fit: compiled and planned, never run. A
 * dataset that only has counts will do. */
int nyx_trainer_predict(int64_t *bytes, double *flops, nyx_device *device,
                        const nyx_train_options *options) NYX_CHECKED;

/* Open the device of a run by its name, and set options->share of a pair that
 * has none. nyx_place_open says what "auto" is; steps are timed that leave
 * nothing behind. Who resumes gets the checkpoint's device for "auto", and its
 * share for a pair. */
int nyx_train_place(nyx_device **out, nyx_placement *place, const char *name, int threads,
                    nyx_train_options *options) NYX_CHECKED;

/* Train up to config.training.steps. NUMERIC when loss or gradients stop being
 * finite (no later checkpoint is written; with f16 gradients may, while the
 * factor is above 1), STOPPED when asked to stop (after
 * a checkpoint), INPUT when the checkpoint is damaged or of another run. A
 * device that fails is opened again, three times without a checkpoint between,
 * and the run goes on from its last checkpoint (without one from its start,
 * where ten minutes are lost at most), to the same bytes; then DEVICE. */
int nyx_trainer_run(nyx_trainer *trainer, nyx_train_result *result) NYX_CHECKED;

/* Write the model: averaged copies when the configuration keeps them. */
int nyx_trainer_save(nyx_trainer *trainer, const char *path) NYX_CHECKED;

#endif
