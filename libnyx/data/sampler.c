/* sampler -- rows in training order; position alone tells where it stands. */
#include "data/data.h"

int nyx_sampler_init(nyx_sampler *sampler, int64_t rows, uint64_t seed)
{
    int64_t bytes;
    int     status;

    *sampler = (nyx_sampler){ .seed = seed, .rows = rows, .epoch = -1 };
    if (rows <= 0)
        return nyx_error_set(NYX_ERR_INPUT, "cannot train: the dataset has no training rows");
    if (!nyx_size_mul(&bytes, rows, (int64_t)sizeof *sampler->order))
        return nyx_error_set(NYX_ERR_MEMORY, "cannot order %lld rows: out of memory", (long long)rows);
    if ((status = nyx_alloc(&sampler->order, bytes)) < 0)
        return nyx_error_wrap(status, "cannot order %lld rows", (long long)rows);
    return NYX_OK;
}

void nyx_sampler_seek(nyx_sampler *sampler, int64_t position)
{
    NYX_BUG_IF(position < 0);
    sampler->position = position;
}

/* Fisher-Yates rather than a keyed bijection (Feistel): exactly uniform, at
 * the price of 8 bytes a row. The stream is the epoch. */
static void order_epoch(nyx_sampler *sampler, int64_t epoch)
{
    nyx_random random;

    nyx_random_init(&random, sampler->seed, nyx_stream_of("data.sampler") + (uint64_t)epoch);
    for (int64_t i = 0; i < sampler->rows; i++)
        sampler->order[i] = i;
    for (int64_t i = sampler->rows - 1; i > 0; i--) {
        int64_t j = (int64_t)nyx_random_below(&random, (uint64_t)i + 1), keep = sampler->order[i];
        sampler->order[i] = sampler->order[j];
        sampler->order[j] = keep;
    }
    sampler->epoch = epoch;
}

int64_t nyx_sampler_next(nyx_sampler *sampler)
{
    int64_t epoch = sampler->position / sampler->rows;

    if (epoch != sampler->epoch)
        order_epoch(sampler, epoch);
    return sampler->order[sampler->position++ % sampler->rows];
}

void nyx_sampler_release(nyx_sampler *sampler)
{
    if (!sampler)
        return;
    nyx_free(sampler->order);
    sampler->order = NULL;
}
