/* dataset -- ARC tasks become token rows: images drawn, rows placed, written.
 *
 * What is drawn for a task depends on the seed and on the task's own grids, on
 * nothing else, so a task has the same images in every dataset.
 */
#include "data/arc/internal.h"

#include <string.h>
#include <unistd.h>

enum { RETRIES = 5 }; /* images drawn for each one wanted, as in the original */

/* One task in the dataset. */
struct part {
    const nyx_arc_task *task;
    nyx_arc_transform  *images; /* of its own room in work.images */
    int64_t             count;
    int64_t             id, train, test; /* its first puzzle id, rows of both sides */
};

struct work {
    const nyx_arc_options *options;
    nyx_dataset           *data;
    struct part           *parts;
    nyx_arc_transform     *images;
    int64_t                count;
};

static uint64_t number_of(const char *digest)
{
    char head[17] = { 0 };

    memcpy(head, digest, 16);
    return strtoull(head, NULL, 16);
}

/* ---- images ------------------------------------------------------------------------- */

static void draw(nyx_arc_transform *out, nyx_random *random)
{
    out->dihedral = (uint8_t)nyx_random_below(random, NYX_ARC_DIHEDRAL);
    for (int i = 0; i < NYX_ARC_COLOURS; i++)
        out->colour[i] = (uint8_t)i;
    nyx_data__shuffle(out->colour + 1, NYX_ARC_COLOURS - 1, random); /* 0 is background and stays */
}

static uint64_t image_number(const nyx_arc_task *task, const nyx_arc_transform *transform)
{
    nyx_sha256 hash;
    char       hex[NYX_SHA256_HEX];

    nyx_sha256_init(&hash);
    for (int i = 0; i < 2 * task->pairs; i++) {
        const nyx_arc_grid *grid = i % 2 ? &task->pair[i / 2].output : &task->pair[i / 2].input;
        nyx_arc_grid        image;

        nyx_arc_apply(&image, transform, grid);
        nyx_sha256_update(&hash, &image, 2 + image.rows * image.columns);
    }
    nyx_sha256_final(&hash, hex);
    return number_of(hex);
}

/* The task itself, then images that differ from all before. */
static void draw_images(void *context, int64_t index)
{
    struct work *work = context;
    struct part *part = &work->parts[index];
    uint64_t     known[NYX_ARC_AUGMENT + 1];
    nyx_random   random;

    nyx_random_init(&random, work->options->seed, nyx_stream_of("data.arc") + number_of(part->task->digest));
    part->images[0] = (nyx_arc_transform){ .colour = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 } };
    known[0] = image_number(part->task, &part->images[0]);
    part->count = 1;
    for (int64_t try = 0; try < RETRIES * work->options->augment && part->count <= work->options->augment; try++) {
        nyx_arc_transform *image = &part->images[part->count];
        bool               met = false;

        draw(image, &random);
        known[part->count] = image_number(part->task, image);
        for (int64_t i = 0; i < part->count && !met; i++)
            met = known[i] == known[part->count];
        part->count += !met;
    }
}

/* ---- rows ----------------------------------------------------------------------------- */

static int trained_pairs(const nyx_arc_task *task)
{
    return task->evaluation ? task->demonstrations : task->pairs;
}

static int larger(int a, int b)
{
    return a > b ? a : b;
}

static void put_row(const struct work *work, struct nyx_split *split, int64_t row, const nyx_arc_pair *pair,
                    const nyx_arc_transform *image, nyx_random *place)
{
    const int    side = work->options->side;
    const size_t at = (size_t)row * (size_t)work->data->length;
    nyx_arc_grid input, output;
    int          down = 0, right = 0;

    nyx_arc_apply(&input, image, &pair->input);
    nyx_arc_apply(&output, image, &pair->output);
    if (place) {
        down = (int)nyx_random_below(place, (uint64_t)(side - larger(input.rows, output.rows) + 1));
        right = (int)nyx_random_below(place, (uint64_t)(side - larger(input.columns, output.columns) + 1));
    }
    nyx_arc_encode(split->inputs + at, side, &input, down, right);
    nyx_arc_encode(split->targets + at, side, &output, down, right);
}

static void put_rows(void *context, int64_t index)
{
    const struct work  *work = context;
    const struct part  *part = &work->parts[index];
    const nyx_arc_task *task = part->task;
    const int           trained = trained_pairs(task);
    int64_t             train = part->train, test = part->test;

    for (int64_t i = 0; i < part->count; i++) {
        const int32_t id = (int32_t)(part->id + i);
        nyx_random    random;
        int           still;

        nyx_random_init(&random, work->options->seed,
                        nyx_stream_of("data.arc.place") + number_of(task->digest) + (uint64_t)i);
        still = (int)nyx_random_below(&random, (uint64_t)trained);
        work->data->variants.task[id] = (int32_t)index;
        memcpy(work->data->variants.transform + (int64_t)id * NYX_TRANSFORM_BYTES, &part->images[i],
               NYX_TRANSFORM_BYTES);
        for (int p = 0; p < trained; p++, train++) {
            work->data->train.ids[train] = id;
            work->data->train.pairs[train] = p;
            put_row(work, &work->data->train, train, &task->pair[p], &part->images[i], p == still ? NULL : &random);
        }
        for (int p = trained; p < task->pairs; p++, test++) {
            work->data->test.ids[test] = id;
            work->data->test.pairs[test] = p;
            put_row(work, &work->data->test, test, &task->pair[p], &part->images[i], NULL);
        }
    }
}

_Static_assert(sizeof(nyx_arc_transform) == NYX_TRANSFORM_BYTES,
               "stored as it is");

/* ---- room ------------------------------------------------------------------------------- */

static int split_alloc(struct nyx_split *split, int64_t rows, int64_t length)
{
    const int64_t bytes = rows * (int64_t)sizeof(int32_t);
    int           status;

    *split = (struct nyx_split){ .rows = rows };
    if ((status = nyx_alloc(&split->inputs, bytes * length)) < 0 ||
        (status = nyx_alloc(&split->targets, bytes * length)) < 0 ||
        (status = nyx_alloc(&split->ids, bytes)) < 0)
        return status;
    return nyx_alloc(&split->pairs, bytes);
}

/* Rows are told before they are made; more than the machine holds would end
 * the program by force, half-way. */
static int check_room(int64_t rows, int64_t length)
{
    const double need = (double)rows * (double)length * 2.0 * (double)sizeof(int32_t);
    const double have = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);

    if (need > 0.9 * have)
        return nyx_error_set(NYX_ERR_MEMORY,
                             "cannot hold %lld rows of %lld tokens: %.1f GiB are needed, the machine has %.1f; "
                             "ask for fewer images with --augment", (long long)rows, (long long)length,
                             need / (1 << 30), have / (1 << 30));
    return NYX_OK;
}

static int alloc_rows(struct work *work, nyx_arc_counts *counts)
{
    nyx_dataset *data = work->data;
    int64_t      train = 0, test = 0, id = 1;
    int          status;

    for (int64_t i = 0; i < work->count; i++) {
        struct part *part = &work->parts[i];
        const int    trained = trained_pairs(part->task);

        part->id = id;
        part->train = train;
        part->test = test;
        id += part->count;
        train += part->count * trained;
        test += part->count * (part->task->pairs - trained);
        counts->short_of += part->count <= work->options->augment;
    }
    data->puzzles = id;
    if (!train)
        return nyx_error_set(NYX_ERR_USAGE, "no task is left to train on: %lld read have grids larger than %d, %lld "
                             "are duplicates, %lld leak a test", (long long)counts->too_large, work->options->side,
                             (long long)counts->duplicates, (long long)counts->leaks);
    if ((status = check_room(train + test, data->length)) < 0 ||
        (status = split_alloc(&data->train, train, data->length)) < 0 ||
        (status = split_alloc(&data->test, test, data->length)) < 0 ||
        (status = nyx_alloc(&data->variants.task, id * (int64_t)sizeof *data->variants.task)) < 0 ||
        (status = nyx_alloc(&data->variants.transform, id * NYX_TRANSFORM_BYTES)) < 0)
        return status;
    data->variants.task[0] = -1; /* the blank id */
    for (int i = 0; i < NYX_ARC_COLOURS; i++)
        data->variants.transform[1 + i] = (uint8_t)i;
    data->variants.names = nyx_json_array();
    for (int64_t i = 0; i < work->count; i++)
        nyx_json_push_text(data->variants.names, work->parts[i].task->name);
    return NYX_OK;
}

int nyx_arc_dataset(nyx_dataset *out, nyx_arc_counts *counts, const nyx_arc_list *list, const nyx_arc_options *options,
                    nyx_pool *pool)
{
    struct nyx_arc__chosen chosen = { 0 };
    struct work            work = { .options = options, .data = out };
    const int64_t          room = 1 + options->augment;
    int                    status;

    NYX_BUG_IF(options->augment < 0 || options->augment > NYX_ARC_AUGMENT || options->side > NYX_ARC_SIDE);
    *out = (nyx_dataset){ .kind = "arc", .length = options->side * options->side, .vocabulary = NYX_ARC_VOCABULARY,
                          .ignore = NYX_ARC_PAD };
    if ((status = nyx_arc__choose(&chosen, counts, list, options->side, pool)) < 0 ||
        (status = nyx_alloc(&work.parts, chosen.count * (int64_t)sizeof *work.parts)) < 0 ||
        (status = nyx_alloc(&work.images, chosen.count * room * (int64_t)sizeof *work.images)) < 0)
        goto done;
    work.count = chosen.count;
    for (int64_t i = 0; i < work.count; i++) {
        work.parts[i].task = chosen.tasks[i];
        work.parts[i].images = work.images + i * room;
    }
    nyx_data__each(pool, work.count, draw_images, &work);
    if ((status = alloc_rows(&work, counts)) < 0)
        goto done;
    nyx_data__each(pool, work.count, put_rows, &work);
done:
    if (status < 0)
        nyx_dataset_release(out);
    nyx_free(work.images);
    nyx_free(work.parts);
    nyx_free(chosen.tasks);
    return status;
}

/* ---- writing ------------------------------------------------------------------------------ */

int nyx_arc_write(const nyx_dataset *dataset, const char *path, const nyx_arc_list *list,
                  const nyx_arc_options *options)
{
    nyx_json  *json = nyx_json_object();
    nyx_sha256 hash;
    char       source[NYX_SHA256_HEX];

    nyx_sha256_init(&hash);
    for (int64_t i = 0; i < list->count; i++) {
        nyx_sha256_update(&hash, list->tasks[i].evaluation ? "E" : "T", 1);
        nyx_sha256_update(&hash, list->tasks[i].name, (int64_t)strlen(list->tasks[i].name) + 1);
        nyx_sha256_update(&hash, list->tasks[i].digest, NYX_SHA256_HEX);
    }
    nyx_sha256_final(&hash, source);
    nyx_json_set_text(json, "source", source);
    nyx_json_set_int(json, "side", options->side);
    nyx_json_set_int(json, "augment", options->augment);
    nyx_json_set_int(json, "seed", (int64_t)options->seed);
    return nyx_data__write(dataset, path, "nyx-data arc " NYX_VERSION, json);
}
