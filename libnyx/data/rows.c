/* rows -- the rows of a split, or windows over its stream. */
#include "data/data.h"

#include <string.h>

nyx_rows nyx_rows_of(const nyx_dataset *dataset, const struct nyx_split *split, int64_t length, int64_t targets)
{
    nyx_rows rows = { .dataset = dataset, .split = split, .length = length, .targets = targets, .count = split->rows };

    if (!split->tokens)
        return rows;
    rows.count = split->token_count > 0 ? (split->token_count - 1) / length : 0;
    rows.slack = rows.count > 0 ? split->token_count - 1 - rows.count * length : 0;
    return rows;
}

void nyx_rows_shift(nyx_rows *rows, uint64_t seed, int64_t epoch)
{
    nyx_random random;

    nyx_random_init(&random, seed, nyx_stream_of("data.shift") + (uint64_t)epoch);
    rows->shift = rows->slack > 0 ? (int64_t)nyx_random_below(&random, (uint64_t)rows->slack + 1) : 0;
}

void nyx_rows_get(const nyx_rows *rows, int64_t row, int32_t *inputs, int32_t *targets, int32_t *id)
{
    const struct nyx_split *split = rows->split;
    const size_t            input_bytes = (size_t)rows->length * sizeof *inputs;
    const size_t            target_bytes = (size_t)rows->targets * sizeof *targets;

    NYX_BUG_IF(row < 0 || row >= rows->count);
    if (split->tokens) {
        const int32_t *window = split->tokens + rows->shift + row * rows->length;

        memcpy(inputs, window, input_bytes);
        memcpy(targets, window + 1, target_bytes);
        *id = 0;
        return;
    }
    memcpy(inputs, split->inputs + row * rows->length, input_bytes);
    memcpy(targets, split->targets + row * rows->targets, target_bytes);
    *id = split->ids ? split->ids[row] : 0;
}
