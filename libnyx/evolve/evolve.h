/* evolve -- which format each tensor of a model gets, so that it fits a budget
 * and keeps as much of the model as can be.
 *
 *     nyx_codings_open(&codings, &codings_options);      every tensor in every format, coded once
 *     nyx_search_run(&result, device, codings, &options); sensitivities, knapsack, evolution
 *     nyx_plan_recipe(path, codings, result.plans[..].levels);
 *
 * A plan is one level (index of a format) for each tensor. What it costs is the
 * mean Kullback-Leibler divergence of the model's answers from those of the
 * exact model, measured by running both on the same rows. Plans change only
 * which decoded weights lie in the one f32 program, so none is compiled again.
 *
 * Results are a function of inputs, options and seed. Every measurement is a
 * line of a journal; a search that was killed reads them instead of measuring
 * again and goes on to the same result.
 */
#ifndef NYX_EVOLVE_H
#define NYX_EVOLVE_H

#include "compress/compress.h"
#include "eval/eval.h"
#include "run/run.h"

enum { NYX_LEVELS_MOST = 32, NYX_LEVEL_EXACT = 255 };

/* ---- knapsack --------------------------------------------------------------------- */

/* One choice for each of `tensors`, of `levels` each; [tensors, levels]. */
typedef struct { int64_t bytes; double cost; } nyx_choice;
typedef struct {
    int         tensors, levels;
    nyx_choice *choices;
} nyx_knapsack;

int64_t nyx_knapsack_bytes(const nyx_knapsack *knapsack, const uint8_t *plan);
double  nyx_knapsack_cost(const nyx_knapsack *knapsack, const uint8_t *plan);
/* Levels of a tensor that are worth having: bytes rise, costs fall. Returns how many. */
int nyx_knapsack_ladder(const nyx_knapsack *knapsack, int tensor, uint8_t *levels);

/* The cheapest plan within `budget` bytes: dynamic programming, exact where the
 * budget has at most 32,768 steps of the bytes' common divisor; beyond, bytes
 * are rounded up to as many steps and what is left is spent on the best gains
 * per byte. UNSUPPORTED when no plan is small enough. */
int nyx_knapsack_solve(uint8_t *plan, const nyx_knapsack *knapsack, int64_t budget) NYX_CHECKED;
/* From the smallest plan, rung by rung of the ladders, whatever gains most a
 * byte and still fits. UNSUPPORTED. */
int nyx_knapsack_greedy(uint8_t *plan, const nyx_knapsack *knapsack, int64_t budget) NYX_CHECKED;
/* The whole convex front, smallest first: all plans that minimise cost +
 * lambda bytes for some lambda. Ends with nyx_free (one block each). */
typedef struct {
    int      count;
    uint8_t *plans; /* [count, tensors] */
    int64_t *bytes;
    double  *costs;
} nyx_knapsack_front;
int  nyx_knapsack_front_make(nyx_knapsack_front *out, const nyx_knapsack *knapsack) NYX_CHECKED;
void nyx_knapsack_front_release(nyx_knapsack_front *front);

/* ---- many aims at once ---------------------------------------------------------------- */

/* Points f64 [count, aims], all to be small. Rank 0: no point is as good in all
 * and better in one; rank r: the same once lower ranks are gone. Deb et al. 2002. */
void nyx_pareto_rank(int *rank, const double *points, int count, int aims);
/* Room round each point among those of its rank; the ends of an aim have infinity. MEMORY. */
int nyx_pareto_crowding(double *crowding, const double *points, const int *rank, int count, int aims) NYX_CHECKED;
/* Volume that 2 or 3 aims dominate below `reference`; points beyond it count for nothing. MEMORY. */
int nyx_pareto_volume(double *out, const double *points, int count, int aims, const double *reference) NYX_CHECKED;

/* ---- pairs ---------------------------------------------------------------------------- */

/* Rows of two models, sums of a figure over their tokens: the difference of
 * the means a token, its t statistic with rows as the units, and the 95 %
 * interval of 10,000 resamples of rows. */
typedef struct { double difference, t, low, high; } nyx_paired;
nyx_paired nyx_paired_of(const double *a, const double *b, const int32_t *tokens, int64_t rows);
int        nyx_paired_interval(nyx_paired *out, const double *a, const double *b, const int32_t *tokens, int64_t rows,
                               uint64_t seed) NYX_CHECKED; /* b NULL: of a alone. MEMORY */
/* Student's t: what is exceeded with probability 0.05 (one side), `freedom` > 0. */
double nyx_student_95(int64_t freedom);

#endif
