/* dataset -- mazes become token rows: split, imaged, described, written. */
#include "data/maze/internal.h"

#include <math.h>
#include <string.h>

struct place {
    const char *digest;
    int64_t     item;
};

static int compare_places(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    return strcmp(x->digest, y->digest); /* no two are equal */
}

/* Mark the test side. */
static int choose_tests(bool *tested, int64_t *chosen, const nyx_maze_list *list, const nyx_sudoku_split *split)
{
    struct place *places;
    int           status;

    *chosen = split->test_count >= 0 ? split->test_count : llround(split->test_share * (double)list->count);
    if (*chosen >= list->count)
        return nyx_error_set(NYX_ERR_USAGE, "no maze is left to train on; ask for fewer than %lld test mazes",
                             (long long)*chosen);
    if ((status = nyx_alloc(&places, list->count * (int64_t)sizeof *places)) < 0)
        return status;
    for (int64_t i = 0; i < list->count; i++)
        places[i] = (struct place){ list->items[i].canonical, i };
    qsort(places, (size_t)list->count, sizeof *places, compare_places);
    for (int64_t i = 0; i < *chosen; i++)
        tested[places[i].item] = true;
    nyx_free(places);
    return NYX_OK;
}

static void put_row(struct nyx_split *split, const nyx_maze *question, const nyx_maze *answer, int32_t steps)
{
    const int64_t cells = question->size * question->size, at = split->rows * cells;

    for (int64_t i = 0; i < cells; i++) {
        split->inputs[at + i] = question->cell[i];
        split->targets[at + i] = answer->cell[i];
    }
    split->rating[split->rows++] = (float)steps;
}

/* The other images of a maze; a symmetric one has fewer. */
static void put_images(struct nyx_split *train, const nyx_maze_item *item)
{
    nyx_maze question[NYX_MAZE_SYMMETRIES], answer;
    int      count = 0;

    for (int symmetry = 0; symmetry < NYX_MAZE_SYMMETRIES; symmetry++) {
        bool known = false;

        nyx_maze_image(&question[count], &item->question, symmetry);
        for (int i = 0; i < count && !known; i++)
            known = memcmp(&question[i], &question[count], sizeof *question) == 0;
        if (known)
            continue;
        nyx_maze_image(&answer, &item->answer, symmetry);
        if (symmetry)
            put_row(train, &question[count], &answer, item->steps);
        count++;
    }
}

int nyx_maze_dataset(nyx_dataset *out, const nyx_maze_list *list, const nyx_maze_options *options)
{
    const nyx_sudoku_split *split = &options->split;
    bool                   *tested = NULL;
    int64_t                 tests, rows;
    int                     status;

    *out = (nyx_dataset){ .kind = "maze", .length = list->size * list->size, .vocabulary = NYX_MAZE_VOCABULARY,
                          .ignore = 0, .puzzles = 1 };
    NYX_BUG_IF(split->augment != 0 && split->augment != NYX_MAZE_SYMMETRIES - 1);
    if ((status = nyx_alloc(&tested, list->count)) < 0 ||
        (status = choose_tests(tested, &tests, list, split)) < 0)
        goto done;
    if (!nyx_size_mul(&rows, list->count - tests, 1 + split->augment)) {
        status = nyx_error_set(NYX_ERR_MEMORY, "cannot hold the images of %lld mazes", (long long)list->count);
        goto done;
    }
    if ((status = nyx_data__split_alloc(&out->test, tests, out->length)) < 0 ||
        (status = nyx_data__split_alloc(&out->train, rows, out->length)) < 0)
        goto done;
    for (int64_t i = 0; i < list->count; i++) {
        const nyx_maze_item *item = &list->items[i];

        put_row(tested[i] ? &out->test : &out->train, &item->question, &item->answer, item->steps);
        if (!tested[i] && split->augment)
            put_images(&out->train, item);
    }
    if (split->shuffle_labels)
        nyx_data__shuffle_labels(out, split->seed);
done:
    if (status < 0)
        nyx_dataset_release(out);
    nyx_free(tested);
    return status;
}

/* ---- looking -------------------------------------------------------------------- */

int nyx_maze_row(nyx_maze *question, nyx_maze *answer, const nyx_dataset *dataset, const struct nyx_split *split,
                 int64_t row)
{
    int size = NYX_MAZE_LEAST;

    while (size < NYX_MAZE_MOST && size * size < dataset->length)
        size++;
    if (strcmp(dataset->kind, "maze") != 0 || size * size != dataset->length ||
        dataset->vocabulary != NYX_MAZE_VOCABULARY)
        return nyx_error_set(NYX_ERR_INPUT, "a dataset of kind '%s' with rows of %lld tokens holds no mazes",
                             dataset->kind, (long long)dataset->length);
    if (row < 0 || row >= split->rows)
        return nyx_error_set(NYX_ERR_USAGE, "row %lld is not there; the split has %lld rows", (long long)row,
                             (long long)split->rows);
    *question = *answer = (nyx_maze){ .size = size };
    for (int64_t i = 0; i < dataset->length; i++) {
        const int32_t input = split->inputs[row * dataset->length + i];
        const int32_t target = split->targets[row * dataset->length + i];

        if (input < NYX_MAZE_WALL || input > NYX_MAZE_GOAL || target < NYX_MAZE_WALL || target > NYX_MAZE_PATH)
            return nyx_error_set(NYX_ERR_INPUT, "row %lld has tokens that are no maze", (long long)row);
        question->cell[i] = (uint8_t)input;
        answer->cell[i] = (uint8_t)target;
    }
    return NYX_OK;
}

void nyx_maze_describe(nyx_json *out, const nyx_dataset *dataset, const struct nyx_split *split)
{
    const int64_t cells = split->rows * dataset->length;
    int64_t       walls = 0, marked = 0, copied = 0;

    for (int64_t i = 0; i < cells; i++) {
        walls += split->inputs[i] == NYX_MAZE_WALL;
        marked += split->targets[i] == NYX_MAZE_PATH;
        copied += split->targets[i] == split->inputs[i];
    }
    nyx_json_set_real(out, "free_mean", (double)(cells - walls) / (double)split->rows);
    nyx_json_set_real(out, "path_mean", (double)marked / (double)split->rows);
    nyx_json_set_real(out, "copied_share", (double)copied / (double)cells);
}

/* ---- writing ---------------------------------------------------------------------- */

/* What changes the bytes: no paths, no thread counts. */
static nyx_json *describe(const nyx_maze_options *options, const char *source)
{
    nyx_json *json = nyx_json_object();

    nyx_json_set_int(json, "size", options->size);
    nyx_json_set_int(json, "count", options->count);
    nyx_json_set_int(json, "seed", (int64_t)options->split.seed);
    if (source) {
        nyx_json_set_text(json, "source", source);
        nyx_json_set_bool(json, "skip_bad", options->skip_bad);
    }
    nyx_json_set_int(json, "path_least", options->path_least);
    if (options->split.test_count >= 0)
        nyx_json_set_int(json, "test_count", options->split.test_count);
    else
        nyx_json_set_real(json, "test_share", options->split.test_share);
    nyx_json_set_text(json, "augment", options->split.augment ? "dihedral" : "none");
    nyx_json_set_bool(json, "shuffle_labels", options->split.shuffle_labels);
    return json;
}

int nyx_maze_write(const nyx_dataset *dataset, const char *path, const nyx_maze_options *options, const char *source)
{
    return nyx_data__write(dataset, path, "nyx-data maze " NYX_VERSION, describe(options, source));
}
