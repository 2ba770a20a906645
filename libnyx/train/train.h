/* train -- optimizers, schedules, the training loop, checkpoints.
 */
#ifndef NYX_TRAIN_H
#define NYX_TRAIN_H

#include "model/model.h"

/* ---- optimizer ------------------------------------------------------------------- */

/* Update every parameter from its gradient. `slots` counts those of all
 * micro-batches. Variables beside parameters and grad.NAME:
 *   MOMENT  moment.m.NAME, moment.v.NAME of every trained dense parameter
 *   INPUT   step.scalars, step.puzzle_scalars real [4] (nyx_optimizer_scalars)
 *   OUTPUT  out.grad_norm real []: global norm of all dense gradients before
 *           clipping; when it is not finite nothing is updated
 * The puzzle table moves by carry.ids and grad.puzzle. With `accumulate` the
 * gradients are cleared. Errors stick in the graph. */
void nyx_optimizer_build(nyx_graph *g, const nyx_config *config, int64_t slots, bool accumulate);

/* ema.NAME = ema NAME + ... for every trained dense parameter, after a step.
 * The host starts ema.NAME (role MOMENT) as a copy of NAME. */
void nyx_optimizer_build_ema(nyx_graph *g, const nyx_config *config);

/* Rate at step 1, 2 ... of `total`: linear warm-up, then cosine down to
 * floor * base (hrm-spec section 8). */
double nyx_schedule_rate(const nyx_config *config, double base, int64_t step, int64_t total);

/* decay, rate, second, 0 of the step operations (graph.h) at step 1, 2 ... */
void nyx_optimizer_scalars(const nyx_config *config, int64_t step, int64_t total, double dense[4],
                           double puzzle[4]);

#endif
