/* data: Sudokus, one and many, against plain enumeration and published counts. */
#include "plain_sudoku.h"

static const int sizes[] = { 4, 6, 9 };
enum { SIZES = 3 };

/* ---- one puzzle ------------------------------------------------------------------ */

static void text_and_grid_are_the_same(void **state)
{
    static const char *const good[] = { "1..4...........2", "1.34..2.............6...............",
        "..............3.85..1.2.......5.7.....4...1...9.......5......73..2.1........4...9" };
    static const struct { const char *text, *says; } bad[] = {
        { "", "0 characters" },
        { "1234", "4 characters, not 16, 36 or 81" },
        { "1...5...........", "character 5 of a puzzle is neither '.' nor a digit from 0 to 4" },
        { "1..x............", "character 4" },
        { "...........................7........", "from 0 to 6" },
    };
    (void)state;
    for (int i = 0; i < 3; i++) {
        char       text[NYX_SUDOKU_CELLS + 1];
        nyx_sudoku grid = grid_of(good[i]);

        assert_int_equal(grid.size, sizes[i]);
        nyx_sudoku_print(text, &grid);
        assert_string_equal(text, good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        nyx_sudoku grid;
        assert_int_equal(nyx_sudoku_parse(&grid, bad[i].text, (int64_t)strlen(bad[i].text)), NYX_ERR_INPUT);
        assert_non_null(strstr(nyx_error_text(), bad[i].says));
    }
}

/* Random clues, many of them too few or contradictory. */
static void the_solver_agrees_with_plain_enumeration(void **state)
{
    int seen[3] = { 0 };

    (void)state;
    for (int round = 0; round < 1500; round++) {
        int         size = sizes[round % 2];
        nyx_random  random;
        nyx_sudoku  puzzle = { .size = (uint8_t)size }, solution;
        int         clues, found;

        nyx_random_init(&random, 1, (uint64_t)round);
        clues = size + (int)nyx_random_below(&random, (uint64_t)(size == 4 ? 5 : 8));
        for (int i = 0; i < clues; i++) {
            int cell = (int)nyx_random_below(&random, (uint64_t)(size * size));
            int digit = 1 + (int)nyx_random_below(&random, (uint64_t)size);
            if (fits(&puzzle, cell, digit) || round % 50 == 0)
                puzzle.cell[cell] = (uint8_t)digit;
        }
        found = nyx_sudoku_solve(&solution, NULL, &puzzle);
        assert_int_equal(found, plain_solutions(&puzzle));
        seen[found]++;
        for (int i = 0; found && i < size * size; i++)
            assert_true(fits(&solution, i, solution.cell[i]) &&
                        (!puzzle.cell[i] || puzzle.cell[i] == solution.cell[i]));
    }
    assert_true(seen[0] > 50 && seen[1] > 50 && seen[2] > 50); /* all three were met */
}

/* Known puzzles with their guesses; the first needs naked singles alone. */
static void ratings_count_guesses(void **state)
{
    static const struct { const char *puzzle; int guesses; bool naked; } rows[] = {
        { "..3.2.6..9..3.5..1..18.64....81.29..7.......8..67.82....26.95..8..2.3..9..5.1.3..", 0, true },
        { ".................1.....2.3......45.6..3.......17...8.....16......8....4..6.5..2..", 0, false },
        { ".................1.....2.3...2...4....3.5......46....7.5.1......8.....2..9.76....", 24, false },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        nyx_sudoku puzzle = grid_of(rows[i].puzzle), filled;
        int64_t    guesses;
        int        blanks = 81 - nyx_sudoku_clues(&puzzle);

        assert_int_equal(nyx_sudoku_solve(NULL, &guesses, &puzzle), 1);
        assert_int_equal(guesses, rows[i].guesses);
        assert_int_equal(nyx_sudoku_naked_singles(&filled, &puzzle) == blanks, rows[i].naked);
    }
}

static void naked_singles_agree_with_a_plain_loop(void **state)
{
    (void)state;
    for (int s = 0; s < SIZES; s++) {
        int             cells = sizes[s] * sizes[s];
        nyx_sudoku_list list = generated(sizes[s], 60, cells / 4, cells / 2, NULL);

        for (int64_t i = 0; i < list.count; i++) {
            nyx_sudoku ours, plain = list.items[i].puzzle;
            assert_int_equal(nyx_sudoku_naked_singles(&ours, &list.items[i].puzzle), plain_naked_singles(&plain));
            assert_memory_equal(&ours, &plain, sizeof ours);
        }
        nyx_sudoku_list_release(&list);
    }
}

/* ---- symmetry ------------------------------------------------------------------------ */

static void images_are_sudokus_with_one_canonical_form(void **state)
{
    (void)state;
    for (int s = 0; s < SIZES; s++) {
        nyx_sudoku_list list = generated(sizes[s], 40, 0, sizes[s] * 3, NULL);

        for (int64_t i = 0; i < list.count; i++) {
            const nyx_sudoku_item *item = &list.items[i];
            nyx_sudoku             first, again, puzzle, solution, solved;
            nyx_sudoku_symmetry    symmetry;
            nyx_random             random;

            nyx_sudoku_canonical(&first, &item->puzzle, &item->solution);
            for (int k = 0; k < 8; k++) {
                nyx_random_init(&random, (uint64_t)i, (uint64_t)k);
                nyx_sudoku_symmetry_draw(&symmetry, sizes[s], &random);
                nyx_sudoku_symmetry_apply(&puzzle, &symmetry, &item->puzzle);
                nyx_sudoku_symmetry_apply(&solution, &symmetry, &item->solution);
                assert_int_equal(nyx_sudoku_solve(&solved, NULL, &puzzle), 1);
                assert_memory_equal(&solved, &solution, sizeof solved);
                nyx_sudoku_canonical(&again, &puzzle, &solution);
                assert_memory_equal(&again, &first, sizeof first);
            }
            /* The form is itself an image: its own solution has the same form. */
            assert_int_equal(nyx_sudoku_solve(&solved, NULL, &first), 1);
            nyx_sudoku_canonical(&again, &first, &solved);
            assert_memory_equal(&again, &first, sizeof first);
        }
        nyx_sudoku_list_release(&list);
    }
}

/* All 128 * 24 images of a 4x4 puzzle, smallest first cell by cell. */
static nyx_sudoku plain_smallest_image(const nyx_sudoku *in)
{
    static const uint8_t lines[8][4] = { { 0, 1, 2, 3 }, { 1, 0, 2, 3 }, { 0, 1, 3, 2 }, { 1, 0, 3, 2 },
                                         { 2, 3, 0, 1 }, { 3, 2, 0, 1 }, { 2, 3, 1, 0 }, { 3, 2, 1, 0 } };
    nyx_sudoku best = { 0 };

    for (int code = 0; code < 2 * 8 * 8 * 256; code++) {
        nyx_sudoku_symmetry symmetry = { .transpose = code & 1 };
        nyx_sudoku          image;
        int                 used = 0;

        memcpy(symmetry.row, lines[code >> 1 & 7], 4);
        memcpy(symmetry.column, lines[code >> 4 & 7], 4);
        for (int d = 0; d < 4; d++) {
            symmetry.digit[d + 1] = (uint8_t)((code >> (7 + 2 * d) & 3) + 1);
            used |= 1 << symmetry.digit[d + 1];
        }
        if (used != 0x1e)
            continue; /* not a permutation of the digits */
        nyx_sudoku_symmetry_apply(&image, &symmetry, in);
        if (!best.size || memcmp(&image, &best, sizeof image) < 0)
            best = image;
    }
    return best;
}

static void canonical_forms_are_equal_exactly_for_images(void **state)
{
    enum { COUNT = 70 };
    nyx_sudoku      forms[COUNT], plain[COUNT];
    nyx_sudoku_list list = generated(4, COUNT, 0, 6, NULL);
    int             equal = 0;

    (void)state;
    for (int i = 0; i < COUNT; i++) {
        nyx_sudoku_canonical(&forms[i], &list.items[i].puzzle, &list.items[i].solution);
        plain[i] = plain_smallest_image(&list.items[i].puzzle);
    }
    for (int i = 0; i < COUNT; i++)
        for (int j = 0; j < i; j++) {
            bool same = memcmp(&plain[i], &plain[j], sizeof plain[i]) == 0;
            assert_int_equal(memcmp(&forms[i], &forms[j], sizeof forms[i]) == 0, same);
            equal += same;
        }
    assert_true(equal > 20);
    nyx_sudoku_list_release(&list);
}

/* Essentially different grids: 2 of 4x4 and 49 of 6x6 (Jarvis and Russell);
 * minimal 4x4 puzzles: 13 with 4 clues, 22 with 5, 1 with 6. */
static void orbits_are_as_many_as_published(void **state)
{
    static const struct { int size, clues; int64_t draws, orbits; } rows[] = {
        { 4, 16, 288, 2 }, { 6, 36, 4000, 49 }, { 4, 0, 6000, 36 },
    };
    (void)state;
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        nyx_sudoku_list list = generated(rows[r].size, rows[r].draws, rows[r].clues, rows[r].clues, NULL);
        nyx_sudoku     *forms = calloc((size_t)list.count, sizeof *forms);

        for (int64_t i = 0; i < list.count; i++)
            nyx_sudoku_canonical(&forms[i], &list.items[i].puzzle, &list.items[i].solution);
        assert_int_equal(count_distinct(forms, list.count), rows[r].orbits);
        free(forms);
        nyx_sudoku_list_release(&list);
    }
}

/* ---- many puzzles --------------------------------------------------------------------- */

static void generated_puzzles_are_distinct_with_one_solution(void **state)
{
    (void)state;
    for (int s = 0; s < SIZES; s++) {
        int             cells = sizes[s] * sizes[s], target = cells * 2 / 5;
        nyx_sudoku_list list = generated(sizes[s], 80, target, target, NULL);
        nyx_sudoku     *grids = calloc(80, sizeof *grids);

        assert_int_equal(list.count, 80);
        for (int64_t i = 0; i < list.count; i++) {
            const nyx_sudoku_item *item = &list.items[i];
            nyx_sudoku             solution;
            int64_t                guesses;

            assert_int_equal(nyx_sudoku_solve(&solution, &guesses, &item->puzzle), 1);
            if (sizes[s] < 9)
                assert_int_equal(plain_solutions(&item->puzzle), 1);
            assert_memory_equal(&solution, &item->solution, sizeof solution);
            assert_int_equal(guesses, item->guesses);
            assert_int_equal(nyx_sudoku_clues(&item->puzzle), target);
            grids[i] = item->puzzle;
        }
        assert_int_equal(count_distinct(grids, 80), 80);
        free(grids);
        nyx_sudoku_list_release(&list);
    }
}

static void no_clue_of_a_minimal_puzzle_can_be_spared(void **state)
{
    nyx_sudoku_list list = generated(9, 10, 0, 0, NULL);

    (void)state;
    for (int64_t i = 0; i < list.count; i++)
        for (int cell = 0; cell < 81; cell++) {
            nyx_sudoku less = list.items[i].puzzle;
            if (!less.cell[cell])
                continue;
            less.cell[cell] = 0;
            assert_int_equal(nyx_sudoku_solve(NULL, NULL, &less), 2);
        }
    nyx_sudoku_list_release(&list);
}

static void a_longer_list_begins_with_the_shorter_on_any_threads(void **state)
{
    nyx_pool       *pool;
    nyx_sudoku_list one = generated(6, 300, 9, 18, NULL), three;

    (void)state;
    assert_int_equal(nyx_pool_create(&pool, 3), 0);
    three = generated(6, 700, 9, 18, pool);
    for (int64_t i = 0; i < one.count; i++)
        assert_memory_equal(&one.items[i], &three.items[i], sizeof one.items[i]);
    nyx_sudoku_list_release(&one);
    nyx_sudoku_list_release(&three);
    nyx_pool_free(pool);
}

static void what_cannot_be_generated_is_refused(void **state)
{
    static const struct { nyx_sudoku_options options; const char *says; } rows[] = {
        { { .size = 5, .count = 1 }, "size 5; 4, 6 and 9 are known" },
        { { .size = 4, .count = 0 }, "0 puzzles" },
        { { .size = 4, .count = 1, .clues_least = 3, .clues_most = 17 }, "3 to 17 clues in a grid of 16 cells" },
        { { .size = 4, .count = 1, .guesses_least = 3, .guesses_most = 2 }, "at least 3 and at most 2" },
        { { .size = 4, .count = 289, .clues_least = 16, .clues_most = 16, .guesses_most = -1 },
          "cannot make 289 distinct puzzles of size 4: 288 found" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        nyx_sudoku_list list;
        assert_int_equal(nyx_sudoku_generate(&list, &rows[i].options, NULL, NULL, NULL), NYX_ERR_USAGE);
        assert_non_null(strstr(nyx_error_text(), rows[i].says));
        assert_null(list.items);
    }
}

static void ratings_stay_within_the_bounds_asked_for(void **state)
{
    nyx_sudoku_options options = { .size = 9, .count = 20, .guesses_least = 2, .guesses_most = 9 };
    nyx_sudoku_list    list;

    (void)state;
    assert_int_equal(nyx_sudoku_generate(&list, &options, NULL, NULL, NULL), 0);
    for (int64_t i = 0; i < list.count; i++)
        assert_in_range(list.items[i].guesses, 2, 9);
    nyx_sudoku_list_release(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_and_grid_are_the_same),
        cmocka_unit_test(the_solver_agrees_with_plain_enumeration),
        cmocka_unit_test(ratings_count_guesses),
        cmocka_unit_test(naked_singles_agree_with_a_plain_loop),
        cmocka_unit_test(images_are_sudokus_with_one_canonical_form),
        cmocka_unit_test(canonical_forms_are_equal_exactly_for_images),
        cmocka_unit_test(orbits_are_as_many_as_published),
        cmocka_unit_test(generated_puzzles_are_distinct_with_one_solution),
        cmocka_unit_test(no_clue_of_a_minimal_puzzle_can_be_spared),
        cmocka_unit_test(a_longer_list_begins_with_the_shorter_on_any_threads),
        cmocka_unit_test(what_cannot_be_generated_is_refused),
        cmocka_unit_test(ratings_stay_within_the_bounds_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
