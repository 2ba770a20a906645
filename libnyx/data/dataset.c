/* dataset -- puzzles become token rows: split by orbit, training side
 * augmented, labels shuffled for the control.
 */
#include "data/internal.h"

#include <math.h>
#include <string.h>

enum { REDRAWS = 64 }; /* tries to find an image that is not a row already */

struct orbit {
    nyx_sudoku canonical;
    char       digest[NYX_SHA256_HEX];
    int64_t    item;
};

struct work {
    const nyx_sudoku_list *list;
    struct orbit          *orbits; /* one an item */
    bool                  *tested; /* item stands on the test side */
};

static void find_orbit(void *context, int64_t index)
{
    struct work           *work = context;
    const nyx_sudoku_item *item = &work->list->items[index];
    struct orbit          *orbit = &work->orbits[index];

    nyx_sudoku_canonical(&orbit->canonical, &item->puzzle, &item->solution);
    nyx_sha256_bytes(orbit->digest, orbit->canonical.cell, item->puzzle.size * item->puzzle.size);
    orbit->item = index;
}

static int compare_orbits(const void *a, const void *b)
{
    const struct orbit *x = a, *y = b;
    int order = memcmp(x->digest, y->digest, sizeof x->digest);
    return order ? order : (x->item > y->item) - (x->item < y->item);
}

static int64_t tests_wanted(const nyx_sudoku_list *list, const nyx_sudoku_split *split)
{
    if (split->test_count >= 0)
        return split->test_count;
    return llround(split->test_share * (double)list->count);
}

/* Mark the test side: orbits in order of their digests, each whole or not at
 * all. A digest knows neither seed nor count, so the test sides of two
 * datasets agree as far as they can. */
static int choose_tests(struct work *work, int64_t wanted, int64_t *chosen)
{
    int64_t count = work->list->count, smallest = count;

    *chosen = 0;
    for (int64_t start = 0, end; start < count; start = end) {
        for (end = start + 1; end < count; end++)
            if (strcmp(work->orbits[start].digest, work->orbits[end].digest) != 0)
                break;
        if (end - start < smallest)
            smallest = end - start;
        if (end - start > wanted - *chosen)
            continue;
        for (int64_t i = start; i < end; i++)
            work->tested[work->orbits[i].item] = true;
        *chosen += end - start;
    }
    if (wanted && !*chosen)
        return nyx_error_set(NYX_ERR_USAGE,
                             "cannot set %lld of %lld puzzles aside for testing: the smallest group of essentially "
                             "equal ones has %lld; ask for more test puzzles, or for more puzzles",
                             (long long)wanted, (long long)count, (long long)smallest);
    if (*chosen == count)
        return nyx_error_set(NYX_ERR_USAGE, "no puzzle is left to train on; ask for fewer than %lld test puzzles",
                             (long long)wanted);
    return NYX_OK;
}

/* ---- rows ----------------------------------------------------------------------- */

int nyx_data__split_alloc(struct nyx_split *split, int64_t rows, int64_t length)
{
    int64_t cells, bytes;
    int     status;

    *split = (struct nyx_split){ 0 };
    if (!nyx_size_mul(&cells, rows, length) || !nyx_size_mul(&bytes, cells, (int64_t)sizeof(int32_t)))
        return nyx_error_set(NYX_ERR_MEMORY, "cannot hold %lld rows; ask for fewer puzzles or images", (long long)rows);
    if ((status = nyx_alloc(&split->inputs, bytes)) < 0 || (status = nyx_alloc(&split->targets, bytes)) < 0 ||
        (status = nyx_alloc(&split->rating, rows * (int64_t)sizeof(float))) < 0)
        return status;
    return NYX_OK;
}

static void put_row(struct nyx_split *split, const nyx_sudoku *puzzle, const nyx_sudoku *solution, int32_t guesses)
{
    int64_t cells = puzzle->size * puzzle->size, at = split->rows * cells;

    for (int64_t i = 0; i < cells; i++) {
        split->inputs[at + i] = puzzle->cell[i] + 1;
        split->targets[at + i] = solution->cell[i] + 1;
    }
    split->rating[split->rows++] = (float)guesses;
}

/* Images of one puzzle that are not among the rows. An orbit may hold fewer
 * than asked for (a full 4x4 grid has no more than 288 images). */
static int put_images(struct nyx_split *train, struct nyx_data__set *known, const nyx_sudoku_item *item,
                      int64_t number, const nyx_sudoku_split *split)
{
    nyx_random random;

    nyx_random_init(&random, split->seed, nyx_stream_of("data.augment") + (uint64_t)number);
    for (int64_t made = 0, idle = 0; made < split->augment && idle < REDRAWS;) {
        nyx_sudoku_symmetry symmetry;
        nyx_sudoku          puzzle, solution;
        int                 added;

        nyx_sudoku_symmetry_draw(&symmetry, item->puzzle.size, &random);
        nyx_sudoku_symmetry_apply(&puzzle, &symmetry, &item->puzzle);
        nyx_sudoku_symmetry_apply(&solution, &symmetry, &item->solution);
        if ((added = nyx_data__set_add(known, &puzzle)) < 0)
            return added;
        idle = added ? 0 : idle + 1;
        if (!added)
            continue;
        put_row(train, &puzzle, &solution, item->guesses);
        made++;
    }
    return NYX_OK;
}

/* A puzzle with its further images: no more than there are symmetries, which
 * are few for small grids (rows, columns, transposition, digits). */
static int64_t images_at_most(int size, int64_t augment)
{
    int64_t all = size == 4 ? 8 * 8 * 2 * 24 : size == 6 ? 48 * 72 * 720 : INT64_MAX;
    return augment < all ? augment + 1 : all;
}

static int put_rows(nyx_dataset *out, const struct work *work, const nyx_sudoku_split *split)
{
    const nyx_sudoku_list *list = work->list;
    struct nyx_data__set   known = { 0 };
    int                    status = NYX_OK;

    /* Every puzzle is known before the first image is drawn, so that no image
     * takes the place of a puzzle that comes later. */
    for (int64_t i = 0; split->augment && i < list->count; i++)
        if ((status = nyx_data__set_add(&known, &list->items[i].puzzle)) < 0)
            goto done;
    for (int64_t i = 0; i < list->count; i++) {
        const nyx_sudoku_item *item = &list->items[i];
        put_row(work->tested[i] ? &out->test : &out->train, &item->puzzle, &item->solution, item->guesses);
        if (!work->tested[i] && split->augment &&
            (status = put_images(&out->train, &known, item, i, split)) < 0)
            goto done;
    }
done:
    nyx_data__set_release(&known);
    return status;
}

void nyx_data__shuffle_labels(nyx_dataset *data, uint64_t seed)
{
    nyx_random random;

    nyx_random_init(&random, seed, nyx_stream_of("data.shuffle-labels"));
    for (int64_t i = data->train.rows - 1; i > 0; i--) {
        int64_t  j = (int64_t)nyx_random_below(&random, (uint64_t)i + 1);
        int32_t *a = data->train.targets + i * data->length, *b = data->train.targets + j * data->length;

        for (int64_t k = 0; k < data->length; k++) {
            int32_t keep = a[k];
            a[k] = b[k];
            b[k] = keep;
        }
    }
}

int nyx_sudoku_dataset(nyx_dataset *out, const nyx_sudoku_list *list, const nyx_sudoku_split *split, nyx_pool *pool)
{
    struct work work = { .list = list };
    int64_t     tests, images, rows, bytes;
    int         status;

    *out = (nyx_dataset){ .kind = "sudoku", .length = list->size * list->size,
                          .vocabulary = list->size + 2, .ignore = 0, .puzzles = 1 };
    if (!nyx_size_mul(&bytes, list->count, (int64_t)sizeof *work.orbits))
        return nyx_error_set(NYX_ERR_MEMORY, "cannot split %lld puzzles", (long long)list->count);
    if ((status = nyx_alloc(&work.orbits, bytes)) < 0 || (status = nyx_alloc(&work.tested, list->count)) < 0)
        goto done;
    nyx_data__each(pool, list->count, find_orbit, &work);
    qsort(work.orbits, (size_t)list->count, sizeof *work.orbits, compare_orbits);
    if ((status = choose_tests(&work, tests_wanted(list, split), &tests)) < 0)
        goto done;
    images = images_at_most(list->size, split->augment);
    if (!nyx_size_mul(&rows, list->count - tests, images)) {
        status = nyx_error_set(NYX_ERR_MEMORY, "cannot hold %lld images of each puzzle", (long long)split->augment);
        goto done;
    }
    if ((status = nyx_data__split_alloc(&out->test, tests, out->length)) < 0 ||
        (status = nyx_data__split_alloc(&out->train, rows, out->length)) < 0 ||
        (status = put_rows(out, &work, split)) < 0)
        goto done;
    if (split->shuffle_labels)
        nyx_data__shuffle_labels(out, split->seed);
done:
    if (status < 0)
        nyx_dataset_release(out);
    nyx_free(work.orbits);
    nyx_free(work.tested);
    return status;
}
