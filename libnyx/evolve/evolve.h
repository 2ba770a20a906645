/* evolve -- which format each tensor of a model gets, so that it fits a budget
 * and keeps as much of the model as can be.
 *
 *     nyx_codings_open(&codings, &codings_options);      every tensor in every format, coded once
 *     nyx_search_run(&result, device, codings, &options); sensitivities, knapsack, evolution
 *     nyx_plan_write(path, codings, result.plans[NYX_EVOLVED].levels, comment);
 *
 * A plan is one level (index of a format) for each tensor. It is measured by
 * running it and the exact model on the same rows: the mean Kullback-Leibler
 * divergence of their answers. Plans change only which decoded weights lie in
 * the one f32 program, so none is compiled again.
 *
 * Decisions are made on the distance: the mean over rows of the root of a
 * row's mean divergence, which is squared where it is compared with
 * divergences. A few rows on the edge carry most of a mean divergence; 32 rows
 * say by their roots what takes more than 64 otherwise (docs/evolve.md). Judgements on
 * held-out rows are plain means. Of rows of a fixed length (puzzles), the
 * search takes the hardest of a larger pool: those with the largest loss of the
 * exact model, for on rows that it is sure of every plan agrees with it.
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

/* ---- every tensor in every format --------------------------------------------------- */

typedef struct {
    char     *name;
    nyx_shape shape;
    int64_t   elems;
    float    *exact;                  /* as f32 */
    int64_t   bytes[NYX_LEVELS_MOST]; /* all planes */
    double    error[NYX_LEVELS_MOST]; /* sum of squared errors over sum of squares */
    nyx_coded coded[NYX_LEVELS_MOST];
} nyx_codings_tensor;

typedef struct {
    int                 count, levels; /* tensors that are chosen for; formats */
    nyx_codings_tensor *tensors;
    nyx_format          formats[NYX_LEVELS_MOST];
    enum nyx_method     methods[NYX_LEVELS_MOST];
    int64_t             elems;        /* of all of them */
    int64_t             kept_bytes;   /* of the model's other tensors */
    int64_t             header_bytes; /* at most: what a coded file has beside tensors */
    int                 coded_now;    /* levels that were not on disk */
    char                model_sha256[NYX_SHA256_HEX];
} nyx_codings;

/* Levels lie in `folder` as coded models, one a format, under names made from
 * the digests of the model and of what coded it; what is missing, damaged or of another model is
 * coded anew. `all`: also embeddings, heads and the like (nyx_compress_recipe). */
typedef struct {
    const char       *model, *folder;
    const nyx_format *formats;
    int               format_count;
    bool              all;
    nyx_pool         *pool;
    void            (*progress)(void *context, int64_t done, int64_t total); /* may be NULL */
    void             *context;
} nyx_codings_options;
int     nyx_codings_open(nyx_codings **out, const nyx_codings_options *options) NYX_CHECKED; /* CREATE, STOPPED */
void    nyx_codings_close(nyx_codings *codings);
void    nyx_codings_decode(float *out, const nyx_codings *codings, int tensor, int level);
int64_t nyx_codings_bytes(const nyx_codings *codings, const uint8_t *plan); /* of the tensors that are chosen for */
double  nyx_codings_bits(const nyx_codings *codings, int64_t bytes);       /* a weight of theirs */

/* A plan as a recipe (schemas/recipe.schema.json). Reading is for plans whose
 * formats are all among the levels: INPUT otherwise. */
int nyx_plan_write(const char *path, const nyx_codings *codings, const uint8_t *plan, const char *comment) NYX_CHECKED;
int nyx_plan_read(uint8_t *plan, const nyx_codings *codings, const char *path) NYX_CHECKED;

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

/* Rows of two models, sums of a figure over their tokens (NULL: one each): the
 * difference of the means a token, its t statistic with rows as the units, and
 * the 95 % interval of 10,000 resamples of rows. */
typedef struct { double difference, t, low, high; } nyx_paired;
nyx_paired nyx_paired_of(const double *a, const double *b, const int32_t *tokens, int64_t rows);
int        nyx_paired_interval(nyx_paired *out, const double *a, const double *b, const int32_t *tokens, int64_t rows,
                               uint64_t seed) NYX_CHECKED; /* b NULL: of a alone. MEMORY */
/* Student's t: what is exceeded with probability 0.05 (one side), `freedom` > 0. */
double nyx_student_95(int64_t freedom);

/* ---- the search ------------------------------------------------------------------------- */

enum nyx_plan_name { NYX_EVOLVED, NYX_UNIFORM, NYX_KNAPSACK, NYX_GREEDY, NYX_PLANS };
const char *nyx_plan_name(int plan); /* "evolved" ... */

typedef struct {
    const char        *model, *data, *held_out; /* paths; held_out NULL: the test split of `data` */
    const nyx_dataset *dataset, *held_dataset;  /* what they hold */
    bool               fresh;     /* search on the test split of `data`, behind the rows that are judged on */
    int64_t            window;    /* streams: tokens a row; 0: 128, or the model's context where that is less */
    int64_t            budget;    /* bytes of the tensors that are chosen for */
    int64_t            tokens;    /* token-forwards to spend; 0: 2,000,000, for models of the outer loop 100,000 */
    int64_t            sample;    /* tokens a candidate that stays is measured on; 0: from `tokens` */
    int64_t            held_rows; /* rows at most to judge on; 0: as many as 65,536 tokens are */
    uint64_t           seed;
    const uint8_t     *start;     /* one more plan to begin with; NULL */
    bool               pareto;    /* bytes x divergence x time instead of the best within the budget */
    const char        *checkpoint, *log; /* measurements; one line a candidate. NULL: none */
    bool               resume;
    void             (*progress)(void *context, int64_t done, int64_t total, const char *what); /* may be NULL */
    void              *context;
} nyx_search_options;

typedef struct {
    uint8_t     *levels;          /* a tensor each */
    int64_t      bytes;
    double       predicted;       /* sum of the squared distances of single tensors */
    double       searched;        /* squared distance on the last sample of the search; NAN: not measured */
    nyx_estimate held_out;        /* mean divergence a token; reason: not judged */
    nyx_paired   against_evolved; /* this one's less the evolved one's */
} nyx_search_plan;

typedef struct {
    uint8_t *levels;
    int64_t  bytes;
    double   distance, us; /* squared; us: measured, of one token through these tensors */
} nyx_search_point;

typedef struct {
    int               tensors;
    nyx_search_plan   plans[NYX_PLANS];
    double           *sensitivity; /* a tensor: what its relative squared error, to `exponent`, is multiplied with */
    double            exponent;
    nyx_knapsack_front front;      /* generation 0 */
    nyx_search_point *points;      /* with `pareto` */
    int               point_count;
    double            hypervolume;
    int64_t           generations, accepted, epochs, candidates;
    int64_t           tokens, held_tokens; /* token-forwards */
    double            pieces_share;        /* of the blocks that these would run without kept prefixes */
    int64_t           sample_rows, held_rows, row_tokens;
    int64_t           left_out;            /* windows that stand in the text that is judged on */
    int64_t           replayed;            /* measurements that an earlier run had made */
} nyx_search_result;

/* UNSUPPORTED: no plan fits the budget, or the tokens are too few. INPUT: data
 * of another model, search and evaluation share rows. STOPPED. */
int  nyx_search_run(nyx_search_result *out, nyx_device *device, const nyx_codings *codings,
                    const nyx_search_options *options) NYX_CHECKED;
void nyx_search_result_release(nyx_search_result *result);
/* schemas/evolve.schema.json, "result". */
void nyx_search_describe(const nyx_search_result *result, const nyx_codings *codings, nyx_json *object);

/* What a model coded by a plan takes on a device beside the tensors that are
 * chosen for: variables, arena and workspace of one row, from the plan pass. */
int nyx_codings_memory(int64_t *out, nyx_device *device, const nyx_codings *codings, const char *model) NYX_CHECKED;

#endif
