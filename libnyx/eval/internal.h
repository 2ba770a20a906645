/* eval/internal -- what the files of eval/ share and nobody else may know. */
#ifndef NYX_EVAL_INTERNAL_H
#define NYX_EVAL_INTERNAL_H

#include "eval/eval.h"

enum { NYX_EVAL__MODEL, NYX_EVAL__REFERENCE, NYX_EVAL__MODELS };

/* What is kept of one row; sums over its scored tokens, in their order. */
struct nyx_eval__row {
    int32_t scored, same_top;
    int32_t right[NYX_EVAL__MODELS];
    int32_t same_five;                   /* the reference's prediction is among the model's five */
    double  loss[NYX_EVAL__MODELS], loss_square[NYX_EVAL__MODELS];
    double  gap_square;                  /* of the difference of both losses */
    double  kl, kl_square, delta_p, delta_p_square;
    int32_t bad; /* 0, or 1 + the first position with a logit that is not finite */
};

/* Fill every estimate of `out` that comes from resampling rows. MEMORY. */
int nyx_eval__bootstrap(nyx_eval_result *out, const struct nyx_eval__row *rows, int64_t count,
                        nyx_pool *pool) NYX_CHECKED;

#endif
