/* evolve/internal -- what the files of evolve/ share and nobody else may know. */
#ifndef NYX_EVOLVE_INTERNAL_H
#define NYX_EVOLVE_INTERNAL_H

#include "evolve/evolve.h"

/* ---- rows that plans are measured on (sample.c) -------------------------------------- */

enum { NYX_EVOLVE__PIECES = 256 }; /* beyond, a decoder is run as a whole */

typedef struct {
    int64_t  count, length, targets, classes; /* rows; of a row: tokens, labels; of a label */
    int64_t  ignore;                          /* labels equal to it are not scored */
    int32_t *inputs, *labels, *ids;
    int32_t *tokens;                          /* that are scored, a row */
    float   *reference;                       /* logits of the exact model [count, targets, classes] */
    /* Prefixes: what stands in front of each kept piece under the base plan. */
    uint8_t *base;                            /* NULL: nothing is kept */
    int      stride;                          /* every so many pieces are kept */
    int     *depth;                           /* a batch: states up to this piece are the base's */
    float   *states[NYX_EVOLVE__PIECES];
} nyx_evolve__sample;

int  nyx_evolve__sample_create(nyx_evolve__sample *out, const nyx_rows *rows, const int64_t *which,
                               int64_t count) NYX_CHECKED;
void nyx_evolve__sample_release(nyx_evolve__sample *sample);
/* Rows of the search, in its order, against the first `held_count` that are
 * judged on. A row that is in both is an INPUT error; windows of text that stand
 * in the stream at any place are left out of the order, or INPUT when they are
 * more than one in twenty. */
int nyx_evolve__disjoint(const nyx_rows *search, int64_t *order, int64_t *count, const nyx_rows *held,
                         int64_t held_count, const char *subject) NYX_CHECKED;

/* ---- running plans (score.c) -------------------------------------------------------------- */

typedef struct nyx_evolve__scorer nyx_evolve__scorer;
/* `slots` rows at a time. The configuration is bound. */
int  nyx_evolve__scorer_open(nyx_evolve__scorer **out, nyx_device *device, const nyx_codings *codings,
                             const char *model, const nyx_config *config, int64_t slots) NYX_CHECKED;
void nyx_evolve__scorer_close(nyx_evolve__scorer *scorer);
/* Pieces that `plan` must run when everything in front is `base`'s, and of how many. */
int nyx_evolve__pieces_run(const nyx_evolve__scorer *scorer, const uint8_t *base, const uint8_t *plan);
int nyx_evolve__pieces(const nyx_evolve__scorer *scorer); /* 0: the model has none */
/* The exact model's logits into the sample; keep prefixes when asked and when
 * the model has pieces. MEMORY. */
int nyx_evolve__prepare(nyx_evolve__scorer *scorer, nyx_evolve__sample *sample, bool prefixes) NYX_CHECKED;
/* The exact model's loss on each row of a sample. NUMERIC, MEMORY. */
int nyx_evolve__losses(nyx_evolve__scorer *scorer, nyx_evolve__sample *sample, double *loss) NYX_CHECKED;
/* From now on prefixes are those of `plan`. */
void nyx_evolve__rebase(nyx_evolve__scorer *scorer, nyx_evolve__sample *sample, const uint8_t *plan);
/* Sums of divergences of rows [first, first + count), first a multiple of the
 * slots. NUMERIC, MEMORY. */
int nyx_evolve__score(nyx_evolve__scorer *scorer, nyx_evolve__sample *sample, const uint8_t *plan, int64_t first,
                      int64_t count, double *kl) NYX_CHECKED;

/* ---- measurements, remembered (ledger.c) ------------------------------------------------------ */

/* A journal with one line a measurement, in the order in which the search asks
 * for them. A search that goes on is the same search from its beginning, with
 * the answers it has. */
typedef struct {
    const char  *path;  /* NULL: nothing is kept */
    int          lock;  /* keeps other searches away */
    nyx_journal *journal;
    char        *text;  /* lines of an earlier run */
    int64_t      bytes, at, line;
    int64_t      replayed;
} nyx_evolve__ledger;

/* `identity` is one line of what the search depends on; a ledger of another is refused. INPUT; CREATE, also
 * when another search has it open. */
int  nyx_evolve__ledger_open(nyx_evolve__ledger *out, const char *path, bool resume, const char *identity) NYX_CHECKED;
void nyx_evolve__ledger_close(nyx_evolve__ledger *ledger);
/* 1: `values` are those of the earlier run; 0: it had not come so far. INPUT when it went elsewhere. */
int nyx_evolve__ledger_take(nyx_evolve__ledger *ledger, const char *key, double *values, int64_t count) NYX_CHECKED;
int nyx_evolve__ledger_put(nyx_evolve__ledger *ledger, const char *key, const double *values, int64_t count)
                             NYX_CHECKED;

/* ---- the search and its parts ------------------------------------------------------------------ */

enum { NYX_EVOLVE__CHILDREN = 8, NYX_EVOLVE__RUNGS = 4, NYX_EVOLVE__TENSORS = 4096 };

/* A plan that is being measured. */
typedef struct {
    uint8_t    *levels;
    const char *origin; /* "knapsack" ... */
    int64_t     rows;   /* of the sample, measured so far */
    double     *kl;     /* sums, a row each */
    double     *root;   /* of their means */
    double      us;     /* pareto only */
    nyx_paired  pair;   /* against the parent */
    bool        accepted;
} nyx_evolve__candidate;

typedef struct {
    const nyx_search_options *options;
    const nyx_codings        *codings;
    nyx_search_result        *result;
    nyx_config                config;
    nyx_device               *device;
    nyx_evolve__scorer       *scorer;
    nyx_evolve__ledger        ledger;
    nyx_journal              *log;
    nyx_rows                  rows, held_rows;
    int64_t                   first_row;  /* of those that are searched on */
    int64_t                   row_count;  /* how many there are of them */
    int64_t                   held_count; /* rows that are judged on */
    nyx_evolve__sample        sample;   /* of this epoch */
    char                      name[24]; /* its name in keys */
    int64_t                  *order;    /* of the rows that are searched on */
    int64_t                   rung[NYX_EVOLVE__RUNGS]; /* rows measured behind each */
    nyx_knapsack              predicted; /* squared distances of single tensors, [tensors, levels] */
    uint8_t                  *ladders;  /* [tensors, levels]: rungs */
    int                      *rungs;    /* a tensor: how many */
    uint8_t                  *base;     /* whose prefixes are kept */
    uint8_t                  *seen;     /* plans of this epoch */
    int64_t                   seen_count, seen_room;
    int64_t                   budget_tokens;
    double                    pieces_run, pieces_all;
    nyx_evolve__candidate     parent;
} nyx_evolve__search;

/* measure.c */
int     nyx_evolve__candidate_create(nyx_evolve__candidate *out, const nyx_evolve__search *search,
                                     const uint8_t *levels, const char *origin) NYX_CHECKED;
void    nyx_evolve__candidate_release(nyx_evolve__candidate *candidate);
double  nyx_evolve__candidate_kl(const nyx_evolve__search *search, const nyx_evolve__candidate *candidate);
double  nyx_evolve__distance(const nyx_evolve__candidate *candidate); /* squared */
/* Measure up to `rows` rows; what is measured already stays. */
int     nyx_evolve__measure(nyx_evolve__search *search, nyx_evolve__candidate *candidate, int64_t rows) NYX_CHECKED;
/* The hardest of the first rows of the order come first, as many as a sample takes. */
int     nyx_evolve__choose_hard(nyx_evolve__search *search) NYX_CHECKED;
/* The same on rows that are not the search's; counted apart. */
int     nyx_evolve__measure_held(nyx_evolve__search *search, nyx_evolve__sample *held, const uint8_t *levels,
                                 double *kl) NYX_CHECKED;
int     nyx_evolve__rebase_on(nyx_evolve__search *search, const uint8_t *levels) NYX_CHECKED; /* MEMORY */
int64_t nyx_evolve__row_cost(const nyx_evolve__search *search); /* token-forwards of a row */
int     nyx_evolve__log(nyx_evolve__search *search, const nyx_evolve__candidate *candidate) NYX_CHECKED;
int     nyx_evolve__log_json(nyx_evolve__search *search, nyx_json *line) NYX_CHECKED; /* takes the line */
void    nyx_evolve__plan_text(char *out, const uint8_t *levels, int count); /* count + 1 characters */
bool    nyx_evolve__new(nyx_evolve__search *search, const uint8_t *levels); /* not met in this epoch; remembers it */

/* sensitivity.c: fill `predicted` and the ladders. */
int nyx_evolve__sensitivities(nyx_evolve__search *search) NYX_CHECKED;
/* vary.c: a child of `parent` within the budget, and free steps for the front. */
int  nyx_evolve__rung(const nyx_evolve__search *search, int tensor, int level, int steps); /* -1: none */
void nyx_evolve__vary(const nyx_evolve__search *search, uint8_t *child, const uint8_t *parent, nyx_random *random);
/* generation.c, front.c: from the plans of generation 0 to the result. */
int nyx_evolve__evolve(nyx_evolve__search *search) NYX_CHECKED;
int nyx_evolve__front(nyx_evolve__search *search, nyx_evolve__candidate *seeds, int count) NYX_CHECKED;
int nyx_evolve__start_epoch(nyx_evolve__search *search, int64_t epoch) NYX_CHECKED;
/* speed.c: microseconds of one row through each tensor in each format, [tensors, levels]. */
int nyx_evolve__speeds(double *us, nyx_evolve__search *search) NYX_CHECKED;

#endif
