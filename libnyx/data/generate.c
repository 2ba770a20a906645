/* generate -- new puzzles: a random full grid, blanked cell by cell as long as
 * the solution stays the only one. One pass over the cells in random order is
 * enough: a cell that could not be spared cannot be spared later either, when
 * fewer clues are left.
 */
#include "data/internal.h"

#include <string.h>

enum {
    BATCH = 256,      /* candidates made at once; more than asked for is thrown away */
    PATIENCE = 100000 /* candidates in a row without a new puzzle before giving up */
};

struct batch {
    const nyx_sudoku_options *options;
    int64_t                   first; /* number of the first candidate */
    nyx_sudoku_item           items[BATCH];
};

/* Candidate c from its own stream, so that it depends on nothing else. */
static void make(void *context, int64_t index)
{
    struct batch             *batch = context;
    const nyx_sudoku_options *o = batch->options;
    nyx_sudoku_item          *item = &batch->items[index];
    uint8_t                   cells[NYX_SUDOKU_CELLS];
    nyx_random                random;
    int                       count = o->size * o->size, clues = count, target;
    int64_t                   guesses;

    nyx_random_init(&random, o->seed, nyx_stream_of("data.sudoku") + (uint64_t)(batch->first + index));
    target = o->clues_least + (int)nyx_random_below(&random, (uint64_t)(o->clues_most - o->clues_least) + 1);
    nyx_data__fill(&item->solution, o->size, &random);
    item->puzzle = item->solution;
    for (int i = 0; i < count; i++)
        cells[i] = (uint8_t)i;
    nyx_data__shuffle(cells, count, &random);
    for (int i = 0; i < count && clues > target; i++)
        if (nyx_data__spare(&item->puzzle, cells[i])) {
            item->puzzle.cell[cells[i]] = 0;
            clues--;
        }
    nyx_sudoku_solve(NULL, &guesses, &item->puzzle);
    item->guesses = (int32_t)(guesses < INT32_MAX ? guesses : INT32_MAX);
}

bool nyx_data__rated(const nyx_sudoku_options *options, int64_t guesses)
{
    return guesses >= options->guesses_least && (options->guesses_most < 0 || guesses <= options->guesses_most);
}

static int check(const nyx_sudoku_options *o)
{
    if (!nyx_sudoku_size_known(o->size))
        return nyx_error_set(NYX_ERR_USAGE, "cannot make Sudokus of size %d; 4, 6 and 9 are known", o->size);
    if (o->count <= 0)
        return nyx_error_set(NYX_ERR_USAGE, "cannot make %lld puzzles; ask for one or more", (long long)o->count);
    if (o->clues_least < 0 || o->clues_most < o->clues_least || o->clues_most > o->size * o->size)
        return nyx_error_set(NYX_ERR_USAGE, "cannot leave %d to %d clues in a grid of %d cells", o->clues_least,
                             o->clues_most, o->size * o->size);
    if (o->guesses_most >= 0 && o->guesses_least > o->guesses_most)
        return nyx_error_set(NYX_ERR_USAGE, "no rating is both at least %lld and at most %lld",
                             (long long)o->guesses_least, (long long)o->guesses_most);
    return NYX_OK;
}

/* Take what is new and rated within bounds; *idle counts what was not. */
static int take(nyx_sudoku_list *out, struct nyx_data__set *known, const struct batch *batch, int64_t *idle)
{
    const nyx_sudoku_options *o = batch->options;

    for (int i = 0; i < BATCH && out->count < o->count && *idle < PATIENCE; i++) {
        const nyx_sudoku_item *item = &batch->items[i];
        int                    added = 0;

        if (nyx_data__rated(o, item->guesses) && (added = nyx_data__set_add(known, &item->puzzle)) < 0)
            return added;
        *idle = added ? 0 : *idle + 1;
        if (added) {
            nyx_sudoku_item *kept = nyx_data__append(out);
            if (!kept)
                return nyx_error_set(NYX_ERR_MEMORY, "cannot hold %lld puzzles: out of memory", (long long)o->count);
            *kept = *item;
        }
    }
    if (*idle < PATIENCE)
        return NYX_OK;
    return nyx_error_set(NYX_ERR_USAGE,
                         "cannot make %lld distinct puzzles of size %d: %lld found, then none among %d more; "
                         "ask for fewer, or for another number of clues or rating",
                         (long long)o->count, o->size, (long long)out->count, PATIENCE);
}

int nyx_sudoku_generate(nyx_sudoku_list *out, const nyx_sudoku_options *options, nyx_pool *pool,
                        nyx_data_progress progress, void *context)
{
    struct nyx_data__set known = { 0 };
    struct batch        *batch = NULL;
    int64_t              idle = 0;
    int                  status;

    *out = (nyx_sudoku_list){ .size = options->size };
    if ((status = check(options)) < 0 || (status = nyx_alloc(&batch, (int64_t)sizeof *batch)) < 0)
        goto done;
    batch->options = options;
    while (out->count < options->count) {
        if (nyx_stop_requested()) {
            status = nyx_error_set(NYX_ERR_STOPPED, "stopped after %lld of %lld puzzles",
                                   (long long)out->count, (long long)options->count);
            goto done;
        }
        nyx_data__each(pool, BATCH, make, batch);
        batch->first += BATCH;
        if ((status = take(out, &known, batch, &idle)) < 0)
            goto done;
        if (progress)
            progress(context, out->count, options->count);
    }
done:
    if (status < 0)
        nyx_sudoku_list_release(out);
    nyx_data__set_release(&known);
    nyx_free(batch);
    return status;
}
