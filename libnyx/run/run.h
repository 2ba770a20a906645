/* run -- models on devices: loading parameters into stores, evaluating.
 *
 *     nyx_device_open(&device, "auto", 0);
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

/* Read every parameter of `config` out of /tensors, decoding coded ones to
 * f32, into the variables of the same name. A missing tensor or another shape
 * is an INPUT error. */
int nyx_parameters_load(nyx_store *store, const nyx_config *config, nyx_reader *file) NYX_CHECKED;

/* Configuration out of an open model or checkpoint. INPUT. */
int nyx_config_load(nyx_config *out, nyx_reader *file, const char *path) NYX_CHECKED;

/* ---- evaluation ------------------------------------------------------------------ */

/* The evaluation program of a model in some store: all segments, no halting. */
typedef struct nyx_evaluator nyx_evaluator;
/* Compile into `store`, before it is allocated. `ema`: read the averaged copies. */
int  nyx_evaluator_create(nyx_evaluator **out, nyx_store *store, const nyx_config *config, int64_t slots,
                          bool ema) NYX_CHECKED;
void nyx_evaluator_free(nyx_evaluator *evaluator);
/* Segments run on a row instead of halt_max_steps; a model that has learnt to
 * go on from what it has may solve more with more of them. */
void nyx_evaluator_set_segments(nyx_evaluator *evaluator, int64_t segments);

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
void              nyx_session_close(nyx_session *session);
const nyx_config *nyx_session_config(const nyx_session *session);
int64_t           nyx_session_slots(const nyx_session *session);
void              nyx_session_set_segments(nyx_session *session, int64_t segments); /* as nyx_evaluator_set_segments */
/* Logits of the last segment, f32 [rows, T, V], for rows <= slots. */
void nyx_session_logits(nyx_session *session, const int32_t *inputs, const int32_t *ids, int64_t rows,
                        float *logits);

#endif
