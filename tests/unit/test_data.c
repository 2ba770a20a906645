/* data: import, splits that keep orbits apart, the order of rows. */
#include "plain_sudoku.h"
#include "scratch.h"

#include <limits.h>
#include <unistd.h>

/* ---- import --------------------------------------------------------------------------- */

#define GRID   "1234341221434321"
#define LESS   "1.343.12.1434.21"
#define LESS_2 "1234.41221.343.1"

static const char *write_lines(const char *text)
{
    static char path[PATH_MAX];
    FILE       *file;

    snprintf(path, sizeof path, "%s/p.csv", folder);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    return path;
}

static void puzzles_are_read_in_every_form(void **state)
{
    static const struct { const char *text; int64_t count, duplicates, bad; bool skip; } rows[] = {
        { LESS "\n" LESS_2 "\n", 2, 0, 0, false },
        { LESS, 1, 0, 0, false },                                  /* no newline at the end */
        { "1030301201034021\r\n\r\n", 1, 0, 0, false },            /* zeros; CR LF; a blank line */
        { "11..............\n", 0, 0, 1, true },
        { "# a remark\n" LESS "\n" LESS "\n", 1, 1, 0, false },
        { "\xef\xbb\xbfquestion,answer\n" LESS "," GRID "\n", 1, 0, 0, false },
        { "answer,puzzle\n" GRID "," LESS "\n", 1, 0, 0, false },
        { "source,question,answer,rating\nmine," LESS "," GRID ",3\nmine," LESS_2 ",,0\n", 2, 0, 0, false },
        { "mine," LESS "," GRID ",3\n\"mine\",\"" LESS_2 "\",\"" GRID "\"\n", 2, 0, 0, false },
        { LESS "\n................\nrubbish\n" LESS_2 "," LESS "\n", 1, 0, 3, true },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        nyx_sudoku_options options = { .guesses_most = -1, .skip_bad = rows[i].skip };
        nyx_import_counts  counts;
        nyx_sudoku_list    list;
        nyx_sudoku         grid = grid_of(GRID);
        int status = nyx_sudoku_import(&list, &counts, write_lines(rows[i].text), &options, NULL, NULL, NULL);

        assert_int_equal(status, rows[i].count ? 0 : NYX_ERR_INPUT);
        assert_int_equal(list.count, rows[i].count);
        assert_int_equal(counts.duplicates, rows[i].duplicates);
        assert_int_equal(counts.bad, rows[i].bad);
        for (int64_t k = 0; k < list.count; k++)
            assert_memory_equal(&list.items[k].solution, &grid, sizeof grid);
        nyx_sudoku_list_release(&list);
    }
}

static void bad_lines_are_named(void **state)
{
    static const struct { const char *text, *says; int size; int64_t count; } rows[] = {
        { LESS "\n" "1.343.12.1434.2\n", "p.csv:2': no puzzle of 16, 36 or 81 characters", 0, 0 },
        { "1.343.12.1434.25\n", "p.csv:1': the puzzle has a character", 0, 0 },
        { "................\n", "p.csv:1': the puzzle has more than one solution", 0, 0 },
        { "11..............\n", "p.csv:1': the puzzle has no solution", 0, 0 },
        { LESS "," "4321214312343412\n", "p.csv:1': the answer is not the solution", 0, 0 },
        { LESS "," LESS "\n", "p.csv:1': the answer is not a full grid", 0, 0 },
        { "question,answer\n\n" LESS ",12\n", "p.csv:3': the answer is not a full grid", 0, 0 },
        { "id,question\n7\n", "p.csv:2': the line ends before its puzzle", 0, 0 },
        { LESS "\n....................................\n", "p.csv:2': the puzzle is not of the size of those", 0, 0 },
        { LESS "\n", "p.csv:1': the puzzle is not of the size asked for", 9, 0 },
        { "", "it has no puzzle", 0, 0 },
        { "question,answer\n", "it has no puzzle", 0, 0 },
        { LESS "\n", "has 1 that can be used; ask for fewer", 0, 2 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        nyx_sudoku_options options = { .guesses_most = -1, .size = rows[i].size, .count = rows[i].count };
        nyx_import_counts  counts;
        nyx_sudoku_list    list;

        assert_int_equal(nyx_sudoku_import(&list, &counts, write_lines(rows[i].text), &options, NULL, NULL, NULL),
                         rows[i].count ? NYX_ERR_USAGE : NYX_ERR_INPUT);
        if (!strstr(nyx_error_text(), rows[i].says))
            fail_msg("'%s' does not say '%s'", nyx_error_text(), rows[i].says);
        assert_null(list.items);
    }
}

/* Real puzzles, their answers and ratings from another solver's hand. */
static void collected_puzzles_have_the_ratings_they_came_with(void **state)
{
    const char *shared = getenv("NYX_SHARED");
    char        path[PATH_MAX];
    nyx_lines  *lines;
    const char *line;
    int64_t     chars;
    int         read = 0;

    (void)state;
    snprintf(path, sizeof path, "%s/data/puzzles/sudoku/test.csv.xz", shared ? shared : "../shared");
    if (access(path, R_OK) != 0) {
        print_message("skipped: no data %s; set NYX_SHARED\n", path);
        skip();
    }
    assert_int_equal(nyx_lines_open(&lines, path), 0);
    while (read < 1500 && nyx_lines_next(lines, &line, &chars) > 0) {
        const char *question = strchr(line, ',') + 1, *answer = strchr(question, ',') + 1;
        nyx_sudoku  puzzle, solution, solved;
        int64_t     guesses;

        if (answer - question != 82)
            continue; /* the head */
        assert_int_equal(nyx_sudoku_parse(&puzzle, question, 81), 0);
        assert_int_equal(nyx_sudoku_parse(&solution, answer, 81), 0);
        assert_int_equal(nyx_sudoku_solve(&solved, &guesses, &puzzle), 1);
        assert_memory_equal(&solved, &solution, sizeof solved);
        assert_int_equal(guesses, strtoll(answer + 82, NULL, 10));
        read++;
    }
    assert_int_equal(read, 1500);
    nyx_lines_close(lines);
}

/* ---- datasets ------------------------------------------------------------------------------ */

static nyx_sudoku canonical_row(const nyx_dataset *dataset, const struct nyx_split *split, int64_t row)
{
    nyx_sudoku puzzle, solution, solved, form;

    assert_int_equal(nyx_sudoku_row(&puzzle, &solution, dataset, split, row), 0);
    assert_int_equal(nyx_sudoku_solve(&solved, NULL, &puzzle), 1);
    assert_memory_equal(&solved, &solution, sizeof solved);
    nyx_sudoku_canonical(&form, &puzzle, &solution);
    return form;
}

static void no_image_of_a_test_puzzle_is_trained_on(void **state)
{
    static const struct { int size, clues; int64_t count, augment, test; } rows[] = {
        { 4, 0, 400, 0, 40 }, { 4, 0, 100, 9, 10 }, { 6, 14, 100, 5, 10 }, { 9, 30, 60, 3, 6 },
    };
    (void)state;
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        nyx_sudoku_list  list = generated(rows[r].size, rows[r].count, rows[r].clues, rows[r].clues, NULL);
        nyx_sudoku_split split = { .test_count = -1, .test_share = 0.1, .augment = rows[r].augment };
        nyx_dataset      dataset;
        nyx_sudoku      *train, *inputs;

        assert_int_equal(nyx_sudoku_dataset(&dataset, &list, &split, NULL), 0);
        assert_string_equal(dataset.kind, "sudoku");
        assert_int_equal(dataset.length, rows[r].size * rows[r].size);
        assert_int_equal(dataset.vocabulary, rows[r].size + 2);
        assert_int_equal(dataset.test.rows, rows[r].test);
        assert_int_equal(dataset.train.rows, (rows[r].count - rows[r].test) * (1 + rows[r].augment));
        train = calloc((size_t)dataset.train.rows, sizeof *train);
        inputs = calloc((size_t)dataset.train.rows, sizeof *inputs);
        for (int64_t i = 0; i < dataset.train.rows; i++) {
            nyx_sudoku solution;
            train[i] = canonical_row(&dataset, &dataset.train, i);
            assert_int_equal(nyx_sudoku_row(&inputs[i], &solution, &dataset, &dataset.train, i), 0);
        }
        assert_int_equal(count_distinct(inputs, dataset.train.rows), dataset.train.rows);
        for (int64_t i = 0; i < dataset.test.rows; i++) {
            nyx_sudoku form = canonical_row(&dataset, &dataset.test, i);
            for (int64_t k = 0; k < dataset.train.rows; k++)
                assert_memory_not_equal(&form, &train[k], sizeof form);
        }
        free(train);
        free(inputs);
        nyx_dataset_release(&dataset);
        nyx_sudoku_list_release(&list);
    }
}

static void the_control_keeps_the_answers_but_not_their_places(void **state)
{
    nyx_sudoku_list  list = generated(6, 200, 14, 14, NULL);
    nyx_sudoku_split split = { .seed = 3, .test_count = 20 };
    nyx_dataset      plain, control;
    int64_t          cells = 36, bytes = cells * 4, moved = 0;
    int64_t         *used;

    (void)state;
    assert_int_equal(nyx_sudoku_dataset(&plain, &list, &split, NULL), 0);
    split.shuffle_labels = true;
    assert_int_equal(nyx_sudoku_dataset(&control, &list, &split, NULL), 0);
    assert_memory_equal(plain.train.inputs, control.train.inputs, (size_t)(plain.train.rows * bytes));
    assert_memory_equal(plain.test.inputs, control.test.inputs, (size_t)(plain.test.rows * bytes));
    assert_memory_equal(plain.test.targets, control.test.targets, (size_t)(plain.test.rows * bytes));
    used = calloc((size_t)plain.train.rows, sizeof *used);
    for (int64_t i = 0; i < plain.train.rows; i++) {
        int64_t from = 0;
        while (from < plain.train.rows && (used[from] || memcmp(control.train.targets + i * cells,
                                                                plain.train.targets + from * cells, (size_t)bytes)))
            from++;
        assert_true(from < plain.train.rows); /* each answer is used once */
        used[from] = 1;
        moved += from != i;
    }
    assert_true(moved > 170);
    free(used);
    nyx_dataset_release(&plain);
    nyx_dataset_release(&control);
    nyx_sudoku_list_release(&list);
}

static void sides_that_would_be_empty_are_refused(void **state)
{
    static const struct { int64_t count, test; const char *says; } rows[] = {
        { 100, 100, "no puzzle is left to train on" },
        { 100, 500, "no puzzle is left to train on" },
        { 288, 10, "cannot set 10 of 288 puzzles aside for testing" }, /* two orbits, 96 and 192 grids */
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int              clues = rows[i].count == 288 ? 16 : 6;
        nyx_sudoku_list  list = generated(4, rows[i].count, clues, clues, NULL);
        nyx_sudoku_split split = { .test_count = rows[i].test };
        nyx_dataset      dataset;

        assert_int_equal(nyx_sudoku_dataset(&dataset, &list, &split, NULL), NYX_ERR_USAGE);
        if (!strstr(nyx_error_text(), rows[i].says))
            fail_msg("'%s' does not say '%s'", nyx_error_text(), rows[i].says);
        nyx_sudoku_list_release(&list);
    }
}

static void the_baseline_counts_puzzles_and_cells(void **state)
{
    nyx_sudoku_list     list = generated(9, 40, 26, 26, NULL);
    nyx_sudoku_split    split = { .test_count = 10 };
    nyx_sudoku_baseline baseline;
    nyx_dataset         dataset;
    int64_t             solved = 0, blanks = 0, filled = 0;

    (void)state;
    assert_int_equal(nyx_sudoku_dataset(&dataset, &list, &split, NULL), 0);
    for (int64_t i = 0; i < dataset.train.rows; i++) {
        nyx_sudoku puzzle, solution;
        int        open, done;
        assert_int_equal(nyx_sudoku_row(&puzzle, &solution, &dataset, &dataset.train, i), 0);
        open = 81 - nyx_sudoku_clues(&puzzle);
        done = plain_naked_singles(&puzzle);
        blanks += open;
        filled += done;
        solved += done == open;
    }
    nyx_sudoku_baseline_of(&baseline, &dataset, &dataset.train);
    assert_int_equal(baseline.rows, 30);
    assert_int_equal(baseline.blanks, blanks);
    assert_int_equal(baseline.filled, filled);
    assert_int_equal(baseline.solved, solved);
    assert_true(filled > 0 && filled < blanks);
    nyx_dataset_release(&dataset);
    nyx_sudoku_list_release(&list);
}

static void option_texts_say_what_they_mean(void **state)
{
    static const struct { const char *text; int status, least, most; } clues[] = {
        { "24", 0, 24, 24 }, { "20-30", 0, 20, 30 }, { "0", 0, 0, 0 }, { "", NYX_ERR_USAGE, 0, 0 },
        { "-3", NYX_ERR_USAGE, 0, 0 }, { "5-4", NYX_ERR_USAGE, 0, 0 }, { "5-", NYX_ERR_USAGE, 0, 0 },
        { "5-6-7", NYX_ERR_USAGE, 0, 0 }, { "7x", NYX_ERR_USAGE, 0, 0 }, { "1234", NYX_ERR_USAGE, 0, 0 },
    };
    static const struct { const char *text; int status; int64_t count; double share; } tests[] = {
        { "40", 0, 40, 0 }, { "0.25", 0, -1, 0.25 }, { "0", 0, 0, 0 }, { ".5", 0, -1, 0.5 },
        { "", NYX_ERR_USAGE, 0, 0 }, { "1.0", NYX_ERR_USAGE, 0, 0 }, { "-1", NYX_ERR_USAGE, 0, 0 },
        { "0.1.2", NYX_ERR_USAGE, 0, 0 }, { "nan", NYX_ERR_USAGE, 0, 0 }, { "1e-1", NYX_ERR_USAGE, 0, 0 },
        { "99999999999999999999", NYX_ERR_USAGE, 0, 0 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof clues / sizeof *clues; i++) {
        nyx_sudoku_options options = { 0 };
        assert_int_equal(nyx_sudoku_clues_parse(&options, clues[i].text), clues[i].status);
        assert_int_equal(options.clues_least, clues[i].least);
        assert_int_equal(options.clues_most, clues[i].most);
    }
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        nyx_sudoku_split split = { 0 };
        assert_int_equal(nyx_sudoku_split_parse(&split, tests[i].text), tests[i].status);
        if (tests[i].status == 0) {
            assert_int_equal(split.test_count, tests[i].count);
            assert_true(split.test_share == tests[i].share);
        }
    }
}

/* ---- order ------------------------------------------------------------------------------------ */

static void every_row_comes_once_an_epoch(void **state)
{
    static const int64_t rows[] = { 1, 2, 7, 100, 1000 };

    (void)state;
    for (int r = 0; r < 5; r++) {
        nyx_sampler sampler;
        int64_t    *last = calloc((size_t)rows[r], sizeof *last);
        int64_t     same = 0;

        assert_int_equal(nyx_sampler_init(&sampler, rows[r], 11), 0);
        for (int64_t epoch = 1; epoch <= 4; epoch++) {
            int64_t sum = 0;
            for (int64_t i = 0; i < rows[r]; i++) {
                int64_t row = nyx_sampler_next(&sampler);
                assert_in_range(row, 0, rows[r] - 1);
                assert_int_equal(last[row], epoch - 1); /* once, and not twice */
                last[row] = epoch;
                sum += row == i;
            }
            same += sum;
        }
        if (rows[r] >= 100)
            assert_true(same < 40); /* 4 expected: rows that stay where they are */
        nyx_sampler_release(&sampler);
        free(last);
    }
}

static void a_sampler_resumes_at_any_position(void **state)
{
    enum { ROWS = 37, STEPS = 200 };
    nyx_sampler whole, other;
    int64_t     order[STEPS];

    (void)state;
    assert_int_equal(nyx_sampler_init(&whole, ROWS, 4), 0);
    for (int i = 0; i < STEPS; i++)
        order[i] = nyx_sampler_next(&whole);
    for (int start = 0; start < STEPS; start += 9) {
        nyx_sampler resumed;
        assert_int_equal(nyx_sampler_init(&resumed, ROWS, 4), 0);
        nyx_sampler_seek(&resumed, start);
        for (int i = start; i < STEPS; i++)
            assert_int_equal(nyx_sampler_next(&resumed), order[i]);
        assert_int_equal(resumed.position, STEPS);
        nyx_sampler_release(&resumed);
    }
    assert_int_equal(nyx_sampler_init(&other, ROWS, 5), 0);
    int same = 0;
    for (int i = 0; i < STEPS; i++)
        same += nyx_sampler_next(&other) == order[i];
    assert_true(same < 20); /* about 200 / 37 */
    nyx_sampler_release(&other);
    nyx_sampler_release(&whole);
    assert_int_equal(nyx_sampler_init(&other, 0, 5), NYX_ERR_INPUT);
}

/* Chi-square over all 24 orders of 4 rows: 41.6 is the 99 % point of 23 degrees. */
static void orders_are_uniform(void **state)
{
    enum { EPOCHS = 4800 };
    nyx_sampler sampler;
    int         counts[256] = { 0 };
    double      chi = 0;

    (void)state;
    assert_int_equal(nyx_sampler_init(&sampler, 4, 2), 0);
    for (int e = 0; e < EPOCHS; e++) {
        int code = 0;
        for (int i = 0; i < 4; i++)
            code = 4 * code + (int)nyx_sampler_next(&sampler);
        counts[code]++;
    }
    for (int i = 0; i < 256; i++)
        if (counts[i])
            chi += (counts[i] - 200.0) * (counts[i] - 200.0) / 200.0;
    assert_true(chi > 5 && chi < 41.6);
    nyx_sampler_release(&sampler);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(puzzles_are_read_in_every_form),
        cmocka_unit_test(bad_lines_are_named),
        cmocka_unit_test(collected_puzzles_have_the_ratings_they_came_with),
        cmocka_unit_test(no_image_of_a_test_puzzle_is_trained_on),
        cmocka_unit_test(the_control_keeps_the_answers_but_not_their_places),
        cmocka_unit_test(sides_that_would_be_empty_are_refused),
        cmocka_unit_test(the_baseline_counts_puzzles_and_cells),
        cmocka_unit_test(option_texts_say_what_they_mean),
        cmocka_unit_test(every_row_comes_once_an_epoch),
        cmocka_unit_test(a_sampler_resumes_at_any_position),
        cmocka_unit_test(orders_are_uniform),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
