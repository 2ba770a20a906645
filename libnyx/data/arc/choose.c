/* choose -- which tasks go into a dataset: none too large, none twice, no test
 * among what is trained on.
 */
#include "data/arc/internal.h"

#include <string.h>

typedef char digest[NYX_SHA256_HEX];

struct work {
    const nyx_arc_list *list;
    int64_t            *first; /* of the task's pairs, in keys */
    digest             *keys;  /* one a pair: equal when the pairs are up to symmetry and colours */
    bool               *out;   /* task is left out */
};

void nyx_arc__digest(char hex[NYX_SHA256_HEX], const nyx_arc_grid *grid)
{
    nyx_sha256_bytes(hex, grid, (int64_t)sizeof *grid); /* cells behind the grid are 0 */
}

/* Size and cells, colours renamed in the order in which they appear, 0 kept. */
static int put(uint8_t *out, uint8_t name[NYX_ARC_COLOURS], int *names, const nyx_arc_grid *grid)
{
    const int cells = grid->rows * grid->columns;

    out[0] = grid->rows;
    out[1] = grid->columns;
    for (int i = 0; i < cells; i++) {
        const uint8_t colour = grid->cell[i];

        if (colour && !name[colour])
            name[colour] = (uint8_t)++*names;
        out[2 + i] = name[colour];
    }
    return 2 + cells;
}

/* The smallest of the eight images with renamed colours. */
static void find_key(digest out, const nyx_arc_pair *pair)
{
    enum { MOST = 2 * (2 + NYX_ARC_CELLS) };
    nyx_arc_transform turn = { .colour = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 } };
    uint8_t           best[MOST], image[MOST];
    int               bytes = 0;

    for (turn.dihedral = 0; turn.dihedral < NYX_ARC_DIHEDRAL; turn.dihedral++) {
        uint8_t      name[NYX_ARC_COLOURS] = { 0 };
        int          names = 0;
        nyx_arc_grid input, output;

        nyx_arc_apply(&input, &turn, &pair->input);
        nyx_arc_apply(&output, &turn, &pair->output);
        bytes = put(image, name, &names, &input);
        bytes += put(image + bytes, name, &names, &output);
        if (turn.dihedral == 0 || memcmp(image, best, (size_t)bytes) < 0)
            memcpy(best, image, (size_t)bytes);
    }
    nyx_sha256_bytes(out, best, bytes);
}

static void find_keys(void *context, int64_t index)
{
    struct work        *work = context;
    const nyx_arc_task *task = &work->list->tasks[index];

    for (int i = 0; i < task->pairs; i++)
        find_key(work->keys[work->first[index] + i], &task->pair[i]);
}

static bool too_large(const nyx_arc_task *task, int side)
{
    for (int i = 0; i < task->pairs; i++)
        if (task->pair[i].input.rows > side || task->pair[i].input.columns > side ||
            task->pair[i].output.rows > side || task->pair[i].output.columns > side)
            return true;
    return false;
}

/* Equal tasks stand together, those for evaluation first. */
static int compare_tasks(const void *a, const void *b)
{
    const nyx_arc_task *x = *(const nyx_arc_task *const *)a, *y = *(const nyx_arc_task *const *)b;
    const int           order = strcmp(x->digest, y->digest);

    return order ? order : x->evaluation != y->evaluation ? y->evaluation - x->evaluation : (x > y) - (x < y);
}

static int leave_duplicates(struct work *work, nyx_arc_counts *counts)
{
    const nyx_arc_list  *list = work->list;
    const nyx_arc_task **order;
    int                  status = nyx_alloc(&order, list->count * (int64_t)sizeof *order);

    if (status < 0)
        return status;
    for (int64_t i = 0; i < list->count; i++)
        order[i] = &list->tasks[i];
    qsort(order, (size_t)list->count, sizeof *order, compare_tasks);
    for (int64_t i = 1; i < list->count; i++)
        if (strcmp(order[i - 1]->digest, order[i]->digest) == 0) {
            counts->duplicates += !work->out[order[i] - list->tasks];
            work->out[order[i] - list->tasks] = true;
        }
    nyx_free(order);
    return NYX_OK;
}

static int compare_digests(const void *a, const void *b)
{
    return strcmp(a, b);
}

static int leave_leaks(struct work *work, nyx_arc_counts *counts, int64_t pairs)
{
    const nyx_arc_list *list = work->list;
    digest             *tests;
    int64_t             count = 0;
    int                 status = nyx_alloc(&tests, pairs * (int64_t)sizeof *tests);

    if (status < 0)
        return status;
    for (int64_t i = 0; i < list->count; i++)
        for (int p = list->tasks[i].demonstrations; list->tasks[i].evaluation && p < list->tasks[i].pairs; p++)
            memcpy(tests[count++], work->keys[work->first[i] + p], sizeof *tests);
    qsort(tests, (size_t)count, sizeof *tests, compare_digests);
    for (int64_t i = 0; i < list->count; i++)
        for (int p = 0; !list->tasks[i].evaluation && !work->out[i] && p < list->tasks[i].pairs; p++)
            if (bsearch(work->keys[work->first[i] + p], tests, (size_t)count, sizeof *tests, compare_digests)) {
                work->out[i] = true;
                counts->leaks++;
            }
    nyx_free(tests);
    return NYX_OK;
}

int nyx_arc__choose(struct nyx_arc__chosen *out, nyx_arc_counts *counts, const nyx_arc_list *list, int side,
                    nyx_pool *pool)
{
    struct work work = { .list = list };
    int64_t     pairs = 0;
    int         status;

    *out = (struct nyx_arc__chosen){ 0 };
    *counts = (nyx_arc_counts){ 0 };
    if ((status = nyx_alloc(&work.first, list->count * (int64_t)sizeof *work.first)) < 0 ||
        (status = nyx_alloc(&work.out, list->count)) < 0 ||
        (status = nyx_alloc(&out->tasks, list->count * (int64_t)sizeof *out->tasks)) < 0)
        goto done;
    for (int64_t i = 0; i < list->count; i++) {
        work.first[i] = pairs;
        pairs += list->tasks[i].pairs;
        work.out[i] = too_large(&list->tasks[i], side);
        counts->too_large += work.out[i];
    }
    if ((status = nyx_alloc(&work.keys, pairs * (int64_t)sizeof *work.keys)) < 0)
        goto done;
    nyx_data__each(pool, list->count, find_keys, &work);
    if ((status = leave_duplicates(&work, counts)) < 0 || (status = leave_leaks(&work, counts, pairs)) < 0)
        goto done;
    for (int64_t i = 0; i < list->count; i++)
        if (!work.out[i]) {
            out->tasks[out->count++] = &list->tasks[i];
            *(list->tasks[i].evaluation ? &counts->evaluation : &counts->training) += 1;
        }
done:
    if (status < 0) {
        nyx_free(out->tasks);
        *out = (struct nyx_arc__chosen){ 0 };
    }
    nyx_free(work.keys);
    nyx_free(work.out);
    nyx_free(work.first);
    return status;
}
