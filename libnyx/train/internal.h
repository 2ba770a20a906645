/* What the sources of train/ share. */
#ifndef NYX_TRAIN_INTERNAL_H
#define NYX_TRAIN_INTERNAL_H

#include "train/train.h"

struct nyx_trainer {
    nyx_train_options options;
    nyx_config        config;
    nyx_device       *device;
    nyx_store        *store;
    nyx_graph        *graphs[3];   /* step, apply, ema */
    nyx_program      *programs[3]; /* ema: NULL without */
    nyx_evaluator    *evaluator;
    bool              scaled;      /* the loss: f16 */
    bool              outer;       /* the model has ids and a carry */
    nyx_rows          train, test;
    nyx_sampler       sampler;     /* over the rows of `train` */
    int64_t           epoch;       /* whose shift `train` has; -1: none */
    nyx_journal      *journal;
    nyx_json         *identity;    /* what must agree for a resume */
    int64_t           step;        /* done */
    double            loss;        /* of the last step */
    int64_t           saved;       /* step of the checkpoint that this run wrote or went on from; -1: none */
    nyx_recovery      recovery;
    int64_t           begin_ns, first_step; /* of the run, recoveries included */
    nyx_json         *trace, *trace_events; /* of the step that is traced; else NULL */
    double            trace_us;             /* behind its programs so far */
    /* Host side of one batch. */
    int32_t *inputs, *targets, *ids, *flags;
    float   *losses; /* one a micro-batch */
};

/* One attempt at nyx_trainer_run; what depends on the device, before and behind it. */
int  nyx_train__attempt(nyx_trainer *t, nyx_train_result *result) NYX_CHECKED;
int  nyx_train__build(nyx_trainer *t) NYX_CHECKED;
void nyx_train__tear_down(nyx_trainer *t);

/* Write and read everything that the next step depends on. */
int nyx_train__checkpoint_write(nyx_trainer *t) NYX_CHECKED;
int nyx_train__checkpoint_read(nyx_trainer *t, int64_t *journal_offset) NYX_CHECKED;

/* Everything ready for the first step, fresh or from the checkpoint; one step. */
int nyx_train__start(nyx_trainer *t) NYX_CHECKED;
int nyx_train__step(nyx_trainer *t) NYX_CHECKED;
/* One line of the log, if there is one; takes `json`, adds the step. */
int nyx_train__log(nyx_trainer *t, nyx_json *json) NYX_CHECKED;

/* options.trace: before the step, behind each program's run, behind the step. */
void nyx_train__trace_begin(nyx_trainer *t);
void nyx_train__trace_run(nyx_trainer *t, int which);
int  nyx_train__trace_end(nyx_trainer *t) NYX_CHECKED;

/* Bytes of the largest variable that a file keeps: what is held while one is written or read. */
int64_t nyx_train__largest_bytes(const nyx_store *store);

/* Seed, configuration, digests of data and programs. */
int nyx_train__identity(nyx_json **out, const nyx_trainer *t) NYX_CHECKED;

/* scaling.c: 1 / factor; the factor's next value; its first one, and into the store; what it is. */
nyx_value         nyx_train__scaling_inverse(nyx_graph *g);
void              nyx_train__scaling_update(nyx_graph *g, nyx_value norm);
double            nyx_train__scaling_first(const nyx_trainer *t);
void              nyx_train__scaling_start(nyx_trainer *t);
nyx_train_scaling nyx_train__scaling_read(const nyx_trainer *t);

#endif
