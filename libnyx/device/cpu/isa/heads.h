/* heads -- how attention finds its operands, and the sizes it works in. */
#ifndef NYX_CPU_HEADS_H
#define NYX_CPU_HEADS_H

#include "small.h"

/* Query head h of a batch starts at x + batch * positions * row + h * width;
 * then come the key heads, then the value heads; positions are `row` apart. */
typedef struct {
    int64_t row, width, positions, heads, kv_heads, group, batches;
    bool    causal;
    float   scale;
    int64_t wide;     /* width in whole vectors, as floats                     */
    int64_t vectors;  /* positions in whole vectors                            */
    int64_t step;     /* floats from one row of scores to the next             */
    int64_t at_once;  /* queries whose scores are held at a time               */
} heads;

/* `floats` of scores are held at a time. A row of scores is an odd number of
 * cache lines, so that rows do not share a set. */
static inline heads heads_of(const nyx_shape *shape, int64_t elems, const int64_t *ints, int64_t floats)
{
    heads h = { .row = nyx_isa_width(shape), .positions = shape->dims[shape->rank - 2],
                .heads = ints[0], .kv_heads = ints[1], .causal = ints[2] != 0 };

    h.width = h.row / (h.heads + 2 * h.kv_heads);
    h.group = h.heads / h.kv_heads;
    h.batches = elems / (h.positions * h.row);
    h.scale = 1.0f / nyx_sqrtf((float)h.width);
    h.wide = (h.width + NYX_W - 1) / NYX_W * NYX_W;
    h.vectors = (h.positions + NYX_W - 1) / NYX_W;
    h.step = ((h.vectors * NYX_W + 15) / 16 | 1) * 16;
    h.at_once = floats / h.step / SMALL_ROWS * SMALL_ROWS;
    if (h.at_once < 2 * SMALL_ROWS)
        h.at_once = 2 * SMALL_ROWS;
    if (h.at_once > h.positions)
        h.at_once = h.positions;
    return h;
}

/* Queries of a causal block that are multiplied together meet keys that they do not
 * see, with weight 0: right for numbers, not for NaN and infinities. Are all of a
 * whole number of vectors finite? */
NYX_INLINE bool heads_finite(const float *x, int64_t floats)
{
    vf zero[4] = { { 0 }, { 0 }, { 0 }, { 0 } };

    for (int64_t i = 0; i < floats; i += NYX_W) {
        vf *z = &zero[i / NYX_W % 4];

        *z = vf_fma(vf_load(x + i), (vf){ 0 }, *z);
    }
    return vf_sum((zero[0] + zero[1]) + (zero[2] + zero[3])) == 0.0f;
}

/* Heads are read in short pieces of distant rows, which no processor foresees:
 * fetch a whole row of the batch in its order first. */
static inline void heads_fetch(const float *x, int64_t elems)
{
    enum { LEVEL_2 = 65536, LINE = 16 }; // floats

    for (int64_t i = 0; i < elems && i < LEVEL_2; i += LINE)
        __builtin_prefetch(x + i, 0, 2);
}

#endif
