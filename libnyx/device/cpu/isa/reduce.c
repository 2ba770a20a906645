/* reduce -- over the last axes or the first, and argmax.
 *
 * Long rows are cut in blocks of a fixed length whose results are joined in
 * order, so that many threads may share a row without changing a bit.
 */
#include "isa.h"
#include "simd.h"

enum {
    BLOCK = 4096,    /* elements of a row that one thread reduces           */
    SUMS = 4,        /* vectors side by side                                */
    ROWS = 256,      /* rows summed before they join the total              */
    COLUMNS = 16 * 16 /* columns at a time, so that their sums stay in cache */
};

/* The neutral element: what is joined first does not change. */
static float neutral(enum nyx_reduction how)
{
    const float infinity = nyx_f32_of_bits(0x7f800000u);

    return how == NYX_LARGEST ? -infinity : how == NYX_SMALLEST ? infinity : 0.0f;
}

NYX_INLINE vf joined(vf sum, vf x, enum nyx_reduction how)
{
    switch (how) {
    case NYX_LARGEST: return vf_max(x, sum);
    case NYX_SMALLEST: return vf_min(x, sum);
    case NYX_SUM_SQUARES: return vf_fma(x, x, sum);
    default: return sum + x;
    }
}

/* Join two results, or a result with one element. */
static float joined_one(float sum, float x, enum nyx_reduction how, bool element)
{
    switch (how) {
    case NYX_LARGEST: return x > sum ? x : sum;
    case NYX_SMALLEST: return x < sum ? x : sum;
    case NYX_SUM_SQUARES: return sum + (element ? x * x : x);
    default: return sum + x;
    }
}

/* `count` elements side by side; `how` is a constant once inlined. */
NYX_INLINE float block_of(const float *x, int64_t count, enum nyx_reduction how)
{
    vf      sum[SUMS];
    float   lanes[NYX_W], all = neutral(how);
    int64_t i = 0;

    NYX_UNROLL(4)
    for (int j = 0; j < SUMS; j++)
        sum[j] = vf_all(neutral(how));
    for (; i + SUMS * NYX_W <= count; i += SUMS * NYX_W)
        NYX_UNROLL(4)
        for (int j = 0; j < SUMS; j++)
            sum[j] = joined(sum[j], vf_load(x + i + j * NYX_W), how);
    for (; i + NYX_W <= count; i += NYX_W)
        sum[0] = joined(sum[0], vf_load(x + i), how);
    for (; i < count; i++)
        all = joined_one(all, x[i], how, true);
    for (int j = 0; j < SUMS; j++) {
        vf_store(lanes, sum[j]);
        for (int lane = 0; lane < NYX_W; lane++)
            all = joined_one(all, lanes[lane], how, false);
    }
    return all;
}

static float block(const float *x, int64_t count, enum nyx_reduction how)
{
    switch (how) {
    case NYX_LARGEST: return block_of(x, count, NYX_LARGEST);
    case NYX_SMALLEST: return block_of(x, count, NYX_SMALLEST);
    case NYX_SUM_SQUARES: return block_of(x, count, NYX_SUM_SQUARES);
    default: return block_of(x, count, NYX_SUM);
    }
}

/* Over the last axes: `rows` results of `length` elements. */
static void reduce_rows(const nyx_call *call, int64_t length, enum nyx_reduction how, int part, int parts)
{
    const int64_t rows = call->out[0].count, blocks = (length + BLOCK - 1) / BLOCK;
    const float  *x = call->in[0].data;
    float        *y = call->out[0].data, *results = blocks > 1 ? call->workspace : y;
    int64_t       begin, end;

    nyx_cpu_split(&begin, &end, rows * blocks, 1, part, parts);
    for (int64_t i = begin; i < end; i++) {
        const int64_t first = i % blocks * BLOCK, left = length - first;

        results[i] = block(x + i / blocks * length + first, left < BLOCK ? left : BLOCK, how);
    }
    if (blocks > 1) {
        nyx_pool_barrier(call->pool);
        nyx_cpu_split(&begin, &end, rows, 1, part, parts);
        for (int64_t row = begin; row < end; row++) {
            y[row] = results[row * blocks];
            for (int64_t i = 1; i < blocks; i++)
                y[row] = joined_one(y[row], results[row * blocks + i], how, false);
        }
    } else {
        nyx_cpu_split(&begin, &end, rows, 1, part, parts);
    }
    for (int64_t row = begin; how == NYX_MEAN && row < end; row++)
        y[row] /= (float)length;
}

/* sum[0 .. width) joins `count` rows, `step` apart. */
NYX_INLINE void join_rows(float *restrict sum, const float *x, int64_t step, int64_t count, int64_t width,
                          enum nyx_reduction how)
{
    for (int64_t row = 0; row < count; row++)
        for (int64_t i = 0; i < width; i++)
            sum[i] = joined_one(sum[i], x[row * step + i], how, true);
}

/* Over the first axes: a thread owns columns. */
static void reduce_columns(const nyx_call *call, int64_t rows, enum nyx_reduction how, int part, int parts)
{
    const int64_t step = call->out[0].count;
    const float  *x = call->in[0].data;
    float        *y = call->out[0].data, sum[COLUMNS];
    int64_t       begin, end;

    nyx_cpu_split(&begin, &end, step, 16, part, parts);
    for (int64_t first = begin; first < end; first += COLUMNS) {
        const int64_t width = end - first < COLUMNS ? end - first : COLUMNS;

        for (int64_t i = 0; i < width; i++)
            y[first + i] = neutral(how);
        for (int64_t row = 0; row < rows; row += ROWS) {
            const int64_t count = rows - row < ROWS ? rows - row : ROWS;
            const float  *from = x + row * step + first;

            for (int64_t i = 0; i < width; i++)
                sum[i] = neutral(how);
            if (how == NYX_SUM || how == NYX_MEAN)
                join_rows(sum, from, step, count, width, NYX_SUM);
            else
                join_rows(sum, from, step, count, width, how);
            for (int64_t i = 0; i < width; i++)
                y[first + i] = joined_one(y[first + i], sum[i], how, false);
        }
        for (int64_t i = 0; how == NYX_MEAN && i < width; i++)
            y[first + i] /= (float)rows;
    }
}

int64_t NYX_ISA_NAME(nyx_cpu__reduce_workspace)(const nyx_graph *g, const nyx_node *node, int parts)
{
    const int64_t rows = nyx_value_elems(g, node->outputs[0]);
    const int64_t length = rows > 0 ? nyx_value_elems(g, node->inputs[0]) / rows : 0;

    (void)parts;
    return node->ints[2] || length <= BLOCK ? 0 : rows * ((length + BLOCK - 1) / BLOCK) * (int64_t)sizeof(float);
}

void NYX_ISA_NAME(nyx_cpu__reduce)(const nyx_call *call, int part, int parts)
{
    const enum nyx_reduction how = (enum nyx_reduction)call->node->ints[0];
    const int64_t            results = call->out[0].count;
    const int64_t            length = results > 0 ? call->in[0].count / results : 0;

    if (call->node->ints[2])
        reduce_columns(call, length, how, part, parts);
    else if (length > 0)
        reduce_rows(call, length, how, part, parts);
}

/* The first of equals. Each lane keeps the first of its own largest, from the
 * row's first element on, so a NaN there stays the answer and no other is. */
static int64_t row_argmax(const float *x, int64_t width)
{
    vf      best = vf_all(x[0]);
    vi      at = { 0 }, here = { 0 };
    int64_t i = 0, first = 0;

    for (int lane = 0; lane < NYX_W; lane++)
        here[lane] = lane;
    for (; i + NYX_W <= width; i += NYX_W, here += NYX_W) {
        const vf value = vf_load(x + i);
        const vi more = value > best;

        best = vf_select(more, value, best);
        at = (here & more) | (at & ~more);
    }
    for (int lane = 0; lane < NYX_W; lane++) {
        if (best[lane] > x[first] || (best[lane] == x[first] && at[lane] < first))
            first = at[lane];
    }
    for (; i < width; i++)
        first = x[i] > x[first] ? i : first;
    return first;
}

void NYX_ISA_NAME(nyx_cpu__argmax)(const nyx_call *call, int part, int parts)
{
    const int64_t width = nyx_isa_width(call->in[0].shape);
    int64_t       begin, end;

    nyx_cpu_split(&begin, &end, call->out[0].count, 16, part, parts);
    for (int64_t row = begin; row < end; row++)
        ((int32_t *)call->out[0].data)[row] =
            (int32_t)row_argmax((const float *)call->in[0].data + row * width, width);
}
