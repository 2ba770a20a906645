/* generate -- new mazes: a tree of passages grown cell by cell, some walls
 * opened, then a start and a goal with one shortest path between them.
 *
 * A passage grows into a wall that has no other passage beside it, from the
 * cell opened last (long corridors) or, in a share of the steps drawn for each
 * maze, from any cell (many short branches).
 */
#include "data/maze/internal.h"

#include <string.h>

enum {
    BATCH = 64,      /* candidates made at once; more than asked for is thrown away */
    PATIENCE = 2000, /* candidates in a row without a new maze before giving up */
    STARTS = 8       /* starts tried in one maze */
};

struct batch {
    const nyx_maze_options *options;
    int64_t                 first; /* number of the first candidate */
    nyx_maze_item           items[BATCH];
};

static int open_beside(const nyx_maze *maze, int row, int column)
{
    const int size = maze->size;
    const uint8_t *cell = &maze->cell[row * size + column];

    return (row > 0 && cell[-size] == NYX_MAZE_FREE) + (row < size - 1 && cell[size] == NYX_MAZE_FREE) +
           (column > 0 && cell[-1] == NYX_MAZE_FREE) + (column < size - 1 && cell[1] == NYX_MAZE_FREE);
}

/* A wall beside `cell` that no other passage touches; -1: none. */
static int grow_from(const nyx_maze *maze, int cell, nyx_random *random)
{
    static const int down[] = { -1, 0, 0, 1 }, right[] = { 0, -1, 1, 0 };
    const int size = maze->size, row = cell / size, column = cell % size;
    int       found[4], count = 0;

    for (int i = 0; i < 4; i++) {
        const int r = row + down[i], c = column + right[i];

        if (r >= 0 && r < size && c >= 0 && c < size && maze->cell[r * size + c] == NYX_MAZE_WALL &&
            open_beside(maze, r, c) == 1)
            found[count++] = r * size + c;
    }
    return count ? found[nyx_random_below(random, (uint64_t)count)] : -1;
}

static void grow_passages(nyx_maze *maze, nyx_random *random)
{
    const int    cells = maze->size * maze->size;
    const double branching = 0.5 * nyx_random_uniform(random);
    int16_t      alive[NYX_MAZE_CELLS];
    int          count = 1, opened = (int)nyx_random_below(random, (uint64_t)maze->size);

    memset(maze->cell, NYX_MAZE_WALL, (size_t)cells);
    alive[0] = (int16_t)nyx_random_below(random, (uint64_t)cells);
    maze->cell[alive[0]] = NYX_MAZE_FREE;
    while (count) {
        const bool any = nyx_random_uniform(random) < branching;
        const int  at = any ? (int)nyx_random_below(random, (uint64_t)count) : count - 1;
        const int  next = grow_from(maze, alive[at], random);

        if (next >= 0) {
            maze->cell[next] = NYX_MAZE_FREE;
            alive[count++] = (int16_t)next;
            continue;
        }
        count--;
        memmove(&alive[at], &alive[at + 1], (size_t)(count - at) * sizeof *alive);
    }
    for (; opened > 0; opened--)
        maze->cell[nyx_random_below(random, (uint64_t)cells)] = NYX_MAZE_FREE;
}

/* A start and a goal with one shortest path of at least `least` steps. */
static bool choose_ends(nyx_maze *maze, int64_t least, nyx_random *random)
{
    const int            cells = maze->size * maze->size;
    struct nyx_maze__map map;

    for (int try = 0; try < STARTS; try++) {
        int start, goals[NYX_MAZE_CELLS], count = 0, goal;

        do
            start = (int)nyx_random_below(random, (uint64_t)cells);
        while (maze->cell[start] != NYX_MAZE_FREE);
        nyx_maze__distances(&map, maze, start);
        for (int i = 0; i < cells; i++)
            if (i != start && map.distance[i] >= least && map.paths[i] == 1)
                goals[count++] = i;
        if (!count)
            continue;
        goal = goals[nyx_random_below(random, (uint64_t)count)];
        maze->cell[start] = NYX_MAZE_START;
        maze->cell[goal] = NYX_MAZE_GOAL;
        return true;
    }
    return false;
}

/* Candidate c from its own stream, so that it depends on nothing else; steps
 * 0: it is none. */
static void make(void *context, int64_t index)
{
    struct batch           *batch = context;
    const nyx_maze_options *o = batch->options;
    nyx_maze_item          *item = &batch->items[index];
    nyx_random              random;

    nyx_random_init(&random, o->split.seed, nyx_stream_of("data.maze") + (uint64_t)(batch->first + index));
    memset(item, 0, sizeof *item);
    item->question.size = o->size;
    grow_passages(&item->question, &random);
    if (!choose_ends(&item->question, o->path_least, &random))
        return;
    item->steps = nyx_maze_solve(&item->answer, NULL, &item->question);
    nyx_maze__digest(item);
}

static int check(const nyx_maze_options *o)
{
    if (o->size < NYX_MAZE_LEAST || o->size > NYX_MAZE_MOST)
        return nyx_error_set(NYX_ERR_USAGE, "cannot make mazes of side %d; %d to %d are possible", o->size,
                             NYX_MAZE_LEAST, NYX_MAZE_MOST);
    if (o->count <= 0)
        return nyx_error_set(NYX_ERR_USAGE, "cannot make %lld mazes; ask for one or more", (long long)o->count);
    if (o->path_least < 1 || o->path_least >= o->size * o->size)
        return nyx_error_set(NYX_ERR_USAGE, "a path of %lld steps does not fit into a maze of %d cells",
                             (long long)o->path_least, o->size * o->size);
    return NYX_OK;
}

static int take(nyx_maze_list *out, const struct batch *batch, int64_t *idle)
{
    const nyx_maze_options *o = batch->options;

    for (int i = 0; i < BATCH && out->count < o->count && *idle < PATIENCE; i++) {
        int added = 0;

        if (batch->items[i].steps && (added = nyx_maze__add(out, &batch->items[i])) < 0)
            return added;
        *idle = added ? 0 : *idle + 1;
    }
    if (*idle < PATIENCE)
        return NYX_OK;
    return nyx_error_set(NYX_ERR_USAGE,
                         "cannot make %lld different mazes of side %d with paths of %lld steps: %lld found, then none "
                         "among %d more; ask for fewer, or for shorter paths",
                         (long long)o->count, o->size, (long long)o->path_least, (long long)out->count, PATIENCE);
}

int nyx_maze_generate(nyx_maze_list *out, const nyx_maze_options *options, nyx_pool *pool,
                      nyx_data_progress progress, void *context)
{
    struct batch *batch = NULL;
    int64_t       idle = 0;
    int           status;

    *out = (nyx_maze_list){ .size = options->size };
    if ((status = check(options)) < 0 || (status = nyx_alloc(&batch, (int64_t)sizeof *batch)) < 0)
        goto done;
    batch->options = options;
    while (out->count < options->count) {
        if (nyx_stop_requested()) {
            status = nyx_error_set(NYX_ERR_STOPPED, "stopped after %lld of %lld mazes", (long long)out->count,
                                   (long long)options->count);
            goto done;
        }
        nyx_data__each(pool, BATCH, make, batch);
        batch->first += BATCH;
        if ((status = take(out, batch, &idle)) < 0)
            goto done;
        if (progress)
            progress(context, out->count, options->count);
    }
done:
    if (status < 0)
        nyx_maze_list_release(out);
    nyx_free(batch);
    return status;
}
