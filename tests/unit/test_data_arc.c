/* data/arc: images against turns and mirrors, crops against all rectangles,
 * votes against a tally of what was put in. */
#include "data/arc/arc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static nyx_random source;

static int below(int end)
{
    return (int)nyx_random_below(&source, (uint64_t)end);
}

static int start(void **state)
{
    (void)state;
    nyx_random_init(&source, 11, 0);
    return 0;
}

static nyx_arc_grid random_grid(int most)
{
    nyx_arc_grid grid = { .rows = (uint8_t)(1 + below(most)), .columns = (uint8_t)(1 + below(most)) };

    for (int i = 0; i < grid.rows * grid.columns; i++)
        grid.cell[i] = (uint8_t)below(NYX_ARC_COLOURS);
    return grid;
}

static nyx_arc_transform random_transform(int dihedral)
{
    nyx_arc_transform transform = { .dihedral = (uint8_t)dihedral };

    for (int i = 0; i < NYX_ARC_COLOURS; i++) {
        const int j = below(i + 1);

        transform.colour[i] = transform.colour[j];
        transform.colour[j] = (uint8_t)i;
    }
    return transform;
}

/* ---- images ------------------------------------------------------------------------ */

static nyx_arc_grid to_the_left(nyx_arc_grid in) /* by 90 degrees: the last column becomes the first row */
{
    nyx_arc_grid out = { .rows = in.columns, .columns = in.rows };

    for (int x = 0; x < in.columns; x++)
        for (int y = 0; y < in.rows; y++)
            out.cell[(in.columns - 1 - x) * out.columns + y] = in.cell[y * in.columns + x];
    return out;
}

static nyx_arc_grid mirrored(nyx_arc_grid in)
{
    nyx_arc_grid out = in;

    for (int y = 0; y < in.rows; y++)
        for (int x = 0; x < in.columns; x++)
            out.cell[y * in.columns + in.columns - 1 - x] = in.cell[y * in.columns + x];
    return out;
}

static nyx_arc_grid plain_image(const nyx_arc_transform *transform, nyx_arc_grid in)
{
    static const int turns[] = { 0, 1, 2, 3, 0, 2, 3, 1 }; /* then mirrored from the fifth on */

    for (int i = 0; i < in.rows * in.columns; i++)
        in.cell[i] = transform->colour[in.cell[i]];
    for (int i = 0; i < turns[transform->dihedral]; i++)
        in = to_the_left(in);
    return transform->dihedral >= 4 ? mirrored(in) : in;
}

static void images_are_turns_and_mirrors(void **state)
{
    const nyx_arc_grid in = { .rows = 2, .columns = 3, .cell = { 1, 2, 3, 4, 5, 6 } };
    static const char *const shown[] = { "123/456", "36/25/14", "654/321", "41/52/63",
                                         "321/654",  "456/123", "14/25/36", "63/52/41" };

    (void)state;
    for (int d = 0; d < NYX_ARC_DIHEDRAL; d++) {
        const nyx_arc_transform still = { .dihedral = (uint8_t)d, .colour = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 } };
        nyx_arc_grid            out;
        char                    text[16], *to = text;

        nyx_arc_apply(&out, &still, &in);
        for (int i = 0; i < 6; i++) {
            if (i && i % out.columns == 0)
                *to++ = '/';
            *to++ = (char)('0' + out.cell[i]);
        }
        *to = '\0';
        assert_string_equal(text, shown[d]);
    }
    for (int round = 0; round < 200; round++) {
        const nyx_arc_transform transform = random_transform(round % 8);
        const nyx_arc_grid      grid = random_grid(round < 20 ? 30 : 6), want = plain_image(&transform, grid);
        nyx_arc_grid            out;

        assert_true(nyx_arc_transform_good(&transform));
        nyx_arc_apply(&out, &transform, &grid);
        assert_memory_equal(&out, &want, sizeof out);
        nyx_arc_undo(&out, &transform, &out);
        assert_memory_equal(&out, &grid, sizeof out);
    }
}

static void transforms_that_cannot_be_undone_are_bad(void **state)
{
    nyx_arc_transform transform = random_transform(8);

    (void)state;
    assert_false(nyx_arc_transform_good(&transform));
    transform.dihedral = 0;
    transform.colour[3] = transform.colour[4];
    assert_false(nyx_arc_transform_good(&transform));
    transform.colour[3] = 10;
    assert_false(nyx_arc_transform_good(&transform));
}

/* ---- tokens ------------------------------------------------------------------------- */

static void grids_lie_on_the_canvas_between_end_marks(void **state)
{
    const nyx_arc_grid grid = { .rows = 2, .columns = 3, .cell = { 0, 1, 9, 3, 4, 5 } };
    static const struct { int down, right; int32_t tokens[25]; } rows[] = {
        { 0, 0, { 2, 3, 11, 1, 0,  5, 6, 7, 1, 0,  1, 1, 1, 0, 0 } },
        { 1, 1, { 0, 0, 0, 0, 0,  0, 2, 3, 11, 1,  0, 5, 6, 7, 1,  0, 1, 1, 1, 0 } },
        { 3, 2, { 0, 0, 0, 0, 0,  0, 0, 0, 0, 0,  0, 0, 0, 0, 0,  0, 0, 2, 3, 11,  0, 0, 5, 6, 7 } },
    };
    int32_t      tokens[25];
    nyx_arc_grid back;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        nyx_arc_encode(tokens, 5, &grid, rows[i].down, rows[i].right);
        assert_memory_equal(tokens, rows[i].tokens, sizeof tokens);
    }
    nyx_arc_encode(tokens, 5, &grid, 0, 0);
    nyx_arc_crop(&back, tokens, 5);
    assert_memory_equal(&back, &grid, sizeof grid);
    tokens[0] = NYX_ARC_PAD;
    nyx_arc_crop(&back, tokens, 5);
    assert_int_equal(back.rows * back.columns, 0);
}

static void crops_are_the_largest_rectangles(void **state)
{
    (void)state;
    for (int round = 0; round < 500; round++) {
        int32_t      tokens[36];
        int          best = 0, rows = 0, columns = 0;
        nyx_arc_grid out;

        for (int i = 0; i < 36; i++)
            tokens[i] = below(8) ? 2 + below(10) : below(2);
        for (int tall = 1; tall <= 6; tall++)
            for (int wide = 1; wide <= 6; wide++) {
                bool clear = true;

                for (int i = 0; i < 36; i++)
                    clear = clear && (i / 6 >= tall || i % 6 >= wide || tokens[i] >= 2);
                if (clear && tall * wide > best) {
                    best = tall * wide;
                    rows = tall;
                    columns = wide;
                }
            }
        nyx_arc_crop(&out, tokens, 6);
        assert_int_equal(out.rows, rows);
        assert_int_equal(out.columns, columns);
        for (int i = 0; i < best; i++)
            assert_int_equal(out.cell[i], tokens[i / columns * 6 + i % columns] - 2);
    }
}

/* ---- tasks -------------------------------------------------------------------------- */

static int parse(nyx_arc_list *list, const char *name, bool evaluation, const char *text)
{
    nyx_json *json;
    int       status;

    assert_int_equal(nyx_json_parse(&json, text, (int64_t)strlen(text), name), 0);
    status = nyx_arc_task_parse(list, json, name, name, evaluation);
    nyx_json_free(json);
    return status;
}

/* Two demonstrations and one test, all of random grids. */
static void add_task(nyx_arc_list *list, const char *name, bool evaluation, int most)
{
    static const char plain[] = "{\"train\":[{\"input\":[[0]],\"output\":[[0]]},{\"input\":[[0]],\"output\":[[0]]}],"
                                "\"test\":[{\"input\":[[0]],\"output\":[[0]]},{\"input\":[[0]],\"output\":[[0]]}]}";
    nyx_arc_task *task;

    assert_int_equal(parse(list, name, evaluation, plain), 0);
    task = &list->tasks[list->count - 1];
    for (int i = 0; i < task->pairs; i++)
        task->pair[i] = (nyx_arc_pair){ random_grid(most), random_grid(most) };
    nyx_sha256_bytes(task->digest, task->pair, task->pairs * (int64_t)sizeof *task->pair);
}

static void malformed_tasks_are_named(void **state)
{
    static const struct { const char *text, *says; } rows[] = {
        { "{\"train\":[{\"input\":[[0]],\"output\":[[0]]}]}", "test" },
        { "{\"train\":[],\"test\":[{\"input\":[[0]],\"output\":[[0]]}]}", "train" },
        { "{\"train\":[{\"input\":[[0]],\"output\":[[0]]}],\"test\":[{\"input\":[[0]]}]}", "output" },
        { "{\"train\":[{\"input\":[[0]],\"output\":[[10]]}],\"test\":[{\"input\":[[0]],\"output\":[[0]]}]}", "10" },
        { "{\"train\":[{\"input\":[[0]],\"output\":[[-1]]}],\"test\":[{\"input\":[[0]],\"output\":[[0]]}]}", "-1" },
        { "{\"train\":[{\"input\":[[0.5]],\"output\":[[1]]}],\"test\":[{\"input\":[[0]],\"output\":[[0]]}]}",
          "train.0" },
        { "{\"train\":[{\"input\":[[]],\"output\":[[1]]}],\"test\":[{\"input\":[[0]],\"output\":[[0]]}]}", "train.0" },
        { "{\"train\":[{\"input\":[],\"output\":[[1]]}],\"test\":[{\"input\":[[0]],\"output\":[[0]]}]}", "train.0" },
        { "{\"train\":[{\"input\":[[1,2],[3]],\"output\":[[1]]}],\"test\":[{\"input\":[[0]],\"output\":[[0]]}]}",
          "'train.0' has rows of different lengths" },
        { "{\"train\":[{\"input\":[[1]],\"output\":[[1]]}],\"test\":[{\"input\":[[0]],\"output\":[[0],[1,1]]}]}",
          "'test.0' has rows of different lengths" },
        { "{\"train\":[{\"input\":[[1]],\"output\":[[1]],\"x\":1}],\"test\":[{\"input\":[[0]],\"output\":[[0]]}]}",
          "x" },
        { "{\"train\":[{\"input\":[[1]],\"output\":[[1]]}],\"tests\":[{\"input\":[[0]],\"output\":[[0]]}]}", "test" },
        { "{\"train\":{},\"test\":[{\"input\":[[0]],\"output\":[[0]]}]}", "train" },
        { "[]", "" },
    };
    nyx_arc_list list = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(parse(&list, "bad.json", false, rows[i].text), NYX_ERR_INPUT);
        assert_non_null(strstr(nyx_error_text(), "bad.json"));
        assert_non_null(strstr(nyx_error_text(), rows[i].says));
    }
    assert_int_equal(list.count, 0);
    nyx_arc_list_release(&list);
}

/* ---- datasets ------------------------------------------------------------------------ */

static nyx_arc_transform transform_of(const nyx_dataset *data, int32_t id)
{
    nyx_arc_transform transform;

    memcpy(&transform, data->variants.transform + (int64_t)id * NYX_TRANSFORM_BYTES, sizeof transform);
    return transform;
}

/* Every row is an image of the pair it says; returns how many lie in the corner. */
static int64_t check_rows(const nyx_dataset *data, const struct nyx_split *split, const nyx_arc_list *list, int side)
{
    int64_t still = 0;

    for (int64_t row = 0; row < split->rows; row++) {
        const int32_t          *tokens = split->inputs + row * data->length;
        const nyx_arc_transform transform = transform_of(data, split->ids[row]);
        const char             *name = nyx_json_text(nyx_json_item(data->variants.names,
                                                                   data->variants.task[split->ids[row]]), "");
        const nyx_arc_task     *task = NULL;
        nyx_arc_grid            input, output;
        int32_t                 want[NYX_ARC_CELLS];
        int                     at = 0;

        for (int64_t t = 0; t < list->count; t++)
            if (strcmp(list->tasks[t].name, name) == 0)
                task = &list->tasks[t];
        assert_non_null(task);
        input = plain_image(&transform, task->pair[split->pairs[row]].input);
        output = plain_image(&transform, task->pair[split->pairs[row]].output);
        while (tokens[at] < NYX_ARC_COLOUR)
            at++;
        still += at == 0;
        nyx_arc_encode(want, side, &input, at / side, at % side);
        assert_memory_equal(want, tokens, (size_t)data->length * sizeof *want);
        nyx_arc_encode(want, side, &output, at / side, at % side); /* moved as the question was */
        assert_memory_equal(want, split->targets + row * data->length, (size_t)data->length * sizeof *want);
    }
    return still;
}

static void rows_are_images_of_their_pairs(void **state)
{
    const nyx_arc_options options = { .seed = 5, .side = 12, .augment = 9 };
    nyx_arc_list          list = { 0 };
    nyx_arc_counts        counts;
    nyx_dataset           data, again;
    nyx_pool             *pool;
    int64_t               still;

    (void)state;
    add_task(&list, "t0", false, 6);
    add_task(&list, "t1", false, 6);
    add_task(&list, "e0", true, 6);
    add_task(&list, "large", false, 6);
    list.tasks[3].pair[1].output.columns = 13;
    assert_int_equal(nyx_pool_create(&pool, 3), 0);
    assert_int_equal(nyx_arc_dataset(&data, &counts, &list, &options, pool), 0);
    assert_int_equal(counts.training, 2);
    assert_int_equal(counts.evaluation, 1);
    assert_int_equal(counts.too_large, 1);
    assert_int_equal(counts.short_of, 0);
    assert_int_equal(data.puzzles, 31);
    assert_int_equal(data.train.rows, 10 * (4 + 4 + 2));
    assert_int_equal(data.test.rows, 10 * 2);
    still = check_rows(&data, &data.train, &list, 12);
    assert_true(still >= 30 && still < 60); /* one of each puzzle, and few by chance */
    assert_int_equal(check_rows(&data, &data.test, &list, 12), data.test.rows);
    assert_int_equal(data.variants.task[0], -1);
    for (int32_t id = 1; id < 31; id++) { /* images differ, 0 stays 0, the first is the task itself */
        const nyx_arc_transform transform = transform_of(&data, id);

        assert_int_equal(transform.colour[0], 0);
        assert_int_equal(data.variants.task[id], (id - 1) / 10);
        for (int i = 0; i < 10 && (id - 1) % 10 == 0; i++)
            assert_true(transform.colour[i] == i && transform.dihedral == 0);
        for (int32_t other = 1; other < id; other++)
            assert_true(data.variants.task[other] != data.variants.task[id] ||
                        memcmp(data.variants.transform + other * 11, data.variants.transform + id * 11, 11) != 0);
    }
    assert_int_equal(nyx_arc_dataset(&again, &counts, &list, &options, NULL), 0);
    assert_memory_equal(again.train.inputs, data.train.inputs, (size_t)(100 * 144 * 4));
    assert_memory_equal(again.variants.transform, data.variants.transform, 31 * 11);
    nyx_dataset_release(&again);
    nyx_dataset_release(&data);
    nyx_arc_list_release(&list);
    nyx_pool_free(pool);
}

static void no_test_is_trained_on_and_no_task_comes_twice(void **state)
{
    const nyx_arc_options   options = { .side = 10 };
    const nyx_arc_transform transform = random_transform(6);
    nyx_arc_transform       keeps_zero = transform;
    nyx_arc_list            list = { 0 };
    nyx_arc_counts          counts;
    nyx_dataset             data;

    (void)state;
    for (int i = 0; i < 10; i++) /* colour 0 is background and stays */
        if (keeps_zero.colour[i] == 0) {
            keeps_zero.colour[i] = keeps_zero.colour[0];
            keeps_zero.colour[0] = 0;
        }
    add_task(&list, "e0", true, 8);
    add_task(&list, "fine", false, 8);
    add_task(&list, "leak", false, 8);
    add_task(&list, "near", false, 8);
    add_task(&list, "twice", false, 8);
    add_task(&list, "again", false, 8);
    add_task(&list, "demo", false, 8);
    for (int k = 0; k < 2; k++) { /* leak holds an image of a test; near of all but one cell of it */
        nyx_arc_pair *pair = &list.tasks[2 + k].pair[k];

        pair->input = plain_image(&keeps_zero, list.tasks[0].pair[2].input);
        pair->output = plain_image(&keeps_zero, list.tasks[0].pair[2].output);
    }
    list.tasks[3].pair[1].output.cell[0] = (uint8_t)(list.tasks[3].pair[1].output.cell[0] ? 0 : 1);
    list.tasks[6].pair[0] = list.tasks[0].pair[0]; /* a demonstration is no secret */
    memcpy(list.tasks[5].digest, list.tasks[4].digest, NYX_SHA256_HEX);
    memcpy(list.tasks[5].pair, list.tasks[4].pair, 4 * sizeof *list.tasks[5].pair);
    assert_int_equal(nyx_arc_dataset(&data, &counts, &list, &options, NULL), 0);
    assert_int_equal(counts.leaks, 1);
    assert_int_equal(counts.duplicates, 1);
    assert_int_equal(counts.training, 4);
    assert_int_equal(counts.evaluation, 1);
    assert_string_equal(nyx_json_text(nyx_json_item(data.variants.names, 1), ""), "fine");
    assert_string_equal(nyx_json_text(nyx_json_item(data.variants.names, 2), ""), "near");
    assert_string_equal(nyx_json_text(nyx_json_item(data.variants.names, 3), ""), "twice");
    nyx_dataset_release(&data);
    nyx_arc_list_release(&list);
}

/* A grid of one colour has few images. */
static void tasks_may_have_fewer_images(void **state)
{
    const nyx_arc_options options = { .side = 3, .augment = 100 };
    nyx_arc_list          list = { 0 };
    nyx_arc_counts        counts;
    nyx_dataset           data;

    (void)state;
    assert_int_equal(parse(&list, "t", false, "{\"train\":[{\"input\":[[3]],\"output\":[[3]]}],"
                                              "\"test\":[{\"input\":[[0]],\"output\":[[3]]}]}"), 0);
    assert_int_equal(nyx_arc_dataset(&data, &counts, &list, &options, NULL), 0);
    assert_int_equal(counts.short_of, 1);
    assert_int_equal(data.puzzles, 1 + 9); /* nine colours for the 3 */
    nyx_dataset_release(&data);
    list.tasks[0].pair[0].input.rows = 4;
    assert_int_equal(nyx_arc_dataset(&data, &counts, &list, &options, NULL), NYX_ERR_USAGE);
    assert_non_null(strstr(nyx_error_text(), "1 read have grids larger than 3"));
    nyx_arc_list_release(&list);
}

/* ---- votes ----------------------------------------------------------------------------- */

enum { ANSWERS = 4 };

/* Is answer 0, the truth, among the first `guesses` by votes, then mean q? */
static bool plain_verdict(const int *votes, const double *q, int guesses)
{
    int before = 0;

    for (int k = 1; k < ANSWERS; k++)
        before += votes[k] && (votes[k] > votes[0] || (votes[k] == votes[0] && q[k] / votes[k] > q[0] / votes[0]));
    return votes[0] && before < guesses;
}

static void votes_are_counted_in_the_orientation_of_the_task(void **state)
{
    const nyx_arc_options options = { .seed = 2, .side = 9, .augment = 5 };
    static const char *const names[] = { "e0", "e1", "e2", "e3", "e4", "e5", "e6", "e7" };
    enum { TASKS = sizeof names / sizeof *names, TESTS = 2 };
    nyx_arc_list   list = { 0 };
    nyx_arc_counts counts;
    nyx_dataset    data;

    (void)state;
    for (int t = 0; t < TASKS; t++)
        add_task(&list, names[t], true, 8);
    assert_int_equal(nyx_arc_dataset(&data, &counts, &list, &options, NULL), 0);
    for (int round = 0; round < 40; round++) {
        int           votes[TASKS][TESTS][ANSWERS] = { 0 };
        double        q[TASKS][TESTS][ANSWERS] = { 0 }, score[2] = { 0 };
        int64_t       inputs[2] = { 0 };
        nyx_arc_grid  answers[TASKS][TESTS][ANSWERS];
        nyx_json     *json = nyx_json_object();
        nyx_arc_vote *vote;

        for (int i = 0; i < TASKS * TESTS * ANSWERS; i++)
            (&answers[0][0][0])[i] = random_grid(8);
        for (int i = 0; i < TASKS * TESTS; i++)
            answers[i / TESTS][i % TESTS][0] = list.tasks[i / TESTS].pair[2 + i % TESTS].output;
        assert_int_equal(nyx_arc_vote_create(&vote, &data), 0);
        for (int64_t row = 0; row < data.test.rows; row++) {
            const int               task = data.variants.task[data.test.ids[row]], test = data.test.pairs[row] - 2;
            const int               answer = below(ANSWERS);
            const nyx_arc_transform transform = transform_of(&data, data.test.ids[row]);
            const nyx_arc_grid      image = plain_image(&transform, answers[task][test][answer]);
            const double            says = nyx_random_uniform(&source) - 0.5;
            int32_t                 tokens[81];

            nyx_arc_encode(tokens, 9, &image, 0, 0);
            nyx_arc_vote_add(vote, row, tokens, says);
            votes[task][test][answer]++;
            q[task][test][answer] += says;
        }
        assert_int_equal(nyx_arc_vote_finish(vote, json), 0);
        for (int task = 0; task < TASKS; task++)
            for (int guesses = 1; guesses <= 2; guesses++) {
                const nyx_json *entry = nyx_json_item(nyx_json_get(json, "per_task"), task);
                int             right = 0;

                for (int test = 0; test < TESTS; test++)
                    right += plain_verdict(votes[task][test], q[task][test], guesses);
                assert_float_equal((float)nyx_json_real(nyx_json_get(entry, guesses == 1 ? "top1" : "top2"), -1),
                                   (float)right / 2, 1e-6);
                assert_string_equal(nyx_json_text(nyx_json_get(entry, "name"), ""), names[task]);
                score[guesses - 1] += right / 2.0 / TASKS;
                inputs[guesses - 1] += right;
            }
        assert_float_equal((float)nyx_json_real(nyx_json_get(json, "top1"), -1), (float)score[0], 1e-6);
        assert_float_equal((float)nyx_json_real(nyx_json_get(json, "top2"), -1), (float)score[1], 1e-6);
        assert_int_equal(nyx_json_int(nyx_json_get(json, "inputs_top1"), -1), inputs[0]);
        assert_int_equal(nyx_json_int(nyx_json_get(json, "inputs_top2"), -1), inputs[1]);
        assert_int_equal(nyx_json_int(nyx_json_get(json, "votes"), -1), TASKS * TESTS * 6);
        nyx_arc_vote_free(vote);
        nyx_json_free(json);
    }
    nyx_dataset_release(&data);
    nyx_arc_list_release(&list);
}

/* The first largest logit of each position is the token. */
static void logits_vote_by_their_largest(void **state)
{
    const nyx_arc_options options = { .side = 9 };
    nyx_arc_list          list = { 0 };
    nyx_arc_counts        counts;
    nyx_dataset           data;
    nyx_json             *json = nyx_json_object();
    nyx_arc_vote         *vote;
    float                *logits, q[2] = { 0 };

    (void)state;
    add_task(&list, "e", true, 8);
    assert_int_equal(nyx_arc_dataset(&data, &counts, &list, &options, NULL), 0);
    assert_int_equal(data.test.rows, 2);
    assert_int_equal(nyx_alloc(&logits, 2 * 81 * 12 * 4), 0);
    for (int i = 0; i < 2 * 81; i++)
        logits[i * 12 + data.test.targets[i]] = 1;
    logits[81 * 12 + data.test.targets[81]] = -1; /* the second is wrong in its first cell */
    assert_int_equal(nyx_arc_vote_create(&vote, &data), 0);
    nyx_arc_vote_add_logits(vote, 0, 2, logits, q);
    assert_int_equal(nyx_arc_vote_finish(vote, json), 0);
    assert_float_equal((float)nyx_json_real(nyx_json_get(json, "top1"), -1), 0.5f, 0);
    nyx_arc_vote_free(vote);
    nyx_json_free(json);
    nyx_free(logits);
    data.variants.transform[11 + 1] = 10;
    assert_int_equal(nyx_arc_vote_create(&vote, &data), NYX_ERR_INPUT);
    assert_non_null(strstr(nyx_error_text(), "no image of a task"));
    data.variants.transform[11 + 1] = 0;
    nyx_free(data.test.pairs);
    data.test.pairs = NULL;
    assert_int_equal(nyx_arc_vote_create(&vote, &data), NYX_ERR_INPUT);
    assert_non_null(strstr(nyx_error_text(), "nyx-data arc makes such"));
    nyx_dataset_release(&data);
    nyx_arc_list_release(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(images_are_turns_and_mirrors, start),
        cmocka_unit_test_setup(transforms_that_cannot_be_undone_are_bad, start),
        cmocka_unit_test_setup(grids_lie_on_the_canvas_between_end_marks, start),
        cmocka_unit_test_setup(crops_are_the_largest_rectangles, start),
        cmocka_unit_test_setup(malformed_tasks_are_named, start),
        cmocka_unit_test_setup(rows_are_images_of_their_pairs, start),
        cmocka_unit_test_setup(no_test_is_trained_on_and_no_task_comes_twice, start),
        cmocka_unit_test_setup(tasks_may_have_fewer_images, start),
        cmocka_unit_test_setup(votes_are_counted_in_the_orientation_of_the_task, start),
        cmocka_unit_test_setup(logits_vote_by_their_largest, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
