/* data/maze: mazes against sweeps over all cells and walks counted one by one. */
#include "plain_maze.h"

static nyx_maze maze_of(const char *text)
{
    nyx_maze maze;
    assert_int_equal(nyx_maze_parse(&maze, text, (int64_t)strlen(text)), 0);
    return maze;
}

static void text_and_maze_are_the_same(void **state)
{
    static const char good[] = "S # ##o  G #o#  ##   oo #";
    static const struct { const char *text, *says; } bad[] = {
        { "", "0 characters" },
        { "S   #G", "6 characters is no square of side 5 to 40" },
        { "S # ##o  G #x#  ##   oo #", "character 13 of a maze is none of '# SGo'" },
    };
    char     text[NYX_MAZE_CELLS + 1];
    nyx_maze maze = maze_of(good);

    (void)state;
    nyx_maze_print(text, &maze);
    assert_string_equal(text, good);
    assert_int_equal(maze.cell[0], 3); /* the numbers of the published dataset */
    assert_int_equal(maze.cell[1], 2);
    assert_int_equal(maze.cell[2], 1);
    assert_int_equal(maze.cell[6], 5);
    assert_int_equal(maze.cell[9], 4);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(nyx_maze_parse(&maze, bad[i].text, (int64_t)strlen(bad[i].text)), NYX_ERR_INPUT);
        assert_non_null(strstr(nyx_error_text(), bad[i].says));
    }
}

/* Random walls: many without a way, many with more than one. */
static void the_solver_agrees_with_plain_sweeps(void **state)
{
    int none = 0, one = 0, more = 0;

    (void)state;
    for (int round = 0; round < 400; round++) {
        const int  size = 5 + round % 4;
        char       text[NYX_MAZE_CELLS + 1] = { 0 }, answer[NYX_MAZE_CELLS + 1];
        nyx_random random;
        nyx_maze   question, solved;
        double     count = 0;
        bool       unique;
        int        steps, start, goal;

        nyx_random_init(&random, 5, (uint64_t)round);
        for (int i = 0; i < size * size; i++)
            text[i] = nyx_random_below(&random, 100) < 38 ? '#' : ' ';
        start = (int)nyx_random_below(&random, (uint64_t)(size * size));
        do
            goal = (int)nyx_random_below(&random, (uint64_t)(size * size));
        while (goal == start);
        text[start] = 'S';
        text[goal] = 'G';
        steps = plain_shortest(&count, text, size);
        question = maze_of(text);
        assert_int_equal(nyx_maze_solve(&solved, &unique, &question), steps);
        none += steps < 0;
        if (steps < 0)
            continue;
        assert_int_equal(unique, count < 1.5);
        one += unique;
        more += !unique;
        nyx_maze_print(answer, &solved);
        plain_check_path(answer, text, size, steps);
        assert_null(nyx_maze_answer_fault(&solved, &question));
    }
    assert_true(none > 50 && one > 50 && more > 50); /* all three were met */
}

/* Of several shortest paths the first of up, left, right, down at each step. */
static void the_path_marked_is_the_first_in_reading_order(void **state)
{
    const nyx_maze question = maze_of("    G" "  #  " "     " " #   " "S    ");
    nyx_maze       answer;
    char           text[NYX_MAZE_CELLS + 1];
    bool           unique;

    (void)state;
    assert_int_equal(nyx_maze_solve(&answer, &unique, &question), 8);
    assert_false(unique);
    nyx_maze_print(text, &answer);
    assert_string_equal(text, "ooooG" "o #  " "o    " "o#   " "S    ");
}

static void wrong_answers_are_told(void **state)
{
    static const char question[] = "S    " "#### " "     " " ####" "    G";
    static const struct { const char *answer, *says; } rows[] = {
        { "Soooo" "####o" "ooooo" "o####" "ooooG", NULL },
        { "Soooo" "####o" "ooooo" "o####" " oooG", "does not lead" },
        { "Soooo" "#### " "ooooo" "o####" "ooooG", "does not lead" },
        { "Soooo" "###oo" "ooooo" "o####" "ooooG", "changes more than free cells" },
        { "Soooo" "####o" "ooooo" "o####" "oooGG", "changes more than free cells" },
    };
    const nyx_maze asked = maze_of(question), open = maze_of("S    " "     " "     " "     " "    G");
    const nyx_maze apart = maze_of("Sooo " "   o " "     " "  oo " "   oG"); /* as many marks as a path has */
    const nyx_maze around = maze_of("Soo  " "  o  " "ooo  " "o    " "ooooG");

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const nyx_maze answer = maze_of(rows[i].answer);
        const char    *fault = nyx_maze_answer_fault(&answer, &asked);

        assert_true(rows[i].says ? fault && strstr(fault, rows[i].says) : !fault);
    }
    assert_non_null(strstr(nyx_maze_answer_fault(&apart, &open), "does not lead"));
    assert_non_null(strstr(nyx_maze_answer_fault(&around, &open), "not the shortest"));
}

static void canonical_forms_are_those_of_the_orbit(void **state)
{
    const nyx_maze in = maze_of("S #   " "  #  #" " #   #" "   # #" "#   G " "#     ");
    char           text[NYX_MAZE_CELLS + 1], image_text[NYX_MAZE_CELLS + 1];
    nyx_maze       canonical, other;

    (void)state;
    nyx_maze_print(text, &in);
    nyx_maze_canonical(&canonical, &in);
    for (int k = 0; k < 16; k++) {
        nyx_maze image;

        plain_image(image_text, text, 6, k / 2);
        if (k % 2)
            for (char *c = image_text; *c; c++)
                *c = *c == 'S' ? 'G' : *c == 'G' ? 'S' : *c;
        image = maze_of(image_text);
        nyx_maze_canonical(&other, &image);
        assert_memory_equal(&other, &canonical, sizeof other);
    }
    image_text[0] = image_text[0] == '#' ? ' ' : '#';
    other = maze_of(image_text);
    nyx_maze_canonical(&other, &other);
    assert_memory_not_equal(&other, &canonical, sizeof other);
}

/* ---- many ------------------------------------------------------------------------ */

static nyx_maze_options options(int size, int64_t count, int64_t least, uint64_t seed)
{
    return (nyx_maze_options){ .size = size, .count = count, .path_least = least,
                               .split = { .seed = seed, .test_count = -1, .test_share = 0.25 } };
}

static void generated_mazes_have_one_shortest_path_long_enough(void **state)
{
    static const struct { int size; int64_t count, least; } rows[] = { { 5, 60, 4 }, { 9, 80, 12 }, { 30, 12, 110 } };

    (void)state;
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        const nyx_maze_options o = options(rows[r].size, rows[r].count, rows[r].least, 3);
        nyx_maze_list          list;
        int                    loops = 0;

        assert_int_equal(nyx_maze_generate(&list, &o, NULL, NULL, NULL), 0);
        assert_int_equal(list.count, rows[r].count);
        for (int64_t i = 0; i < list.count; i++) {
            char   question[NYX_MAZE_CELLS + 1], answer[NYX_MAZE_CELLS + 1];
            double count;
            int    steps, cells = 0, joints = 0;

            nyx_maze_print(question, &list.items[i].question);
            nyx_maze_print(answer, &list.items[i].answer);
            steps = plain_shortest(&count, question, o.size);
            assert_true(steps >= rows[r].least);
            assert_int_equal(steps, list.items[i].steps);
            assert_float_equal(count, 1, 0);
            plain_check_path(answer, question, o.size, steps);
            for (int c = 0; c < o.size * o.size; c++) { /* a tree has one joint less than cells */
                cells += question[c] != '#';
                joints += question[c] != '#' && (c + 1) % o.size && question[c + 1] != '#';
                joints += question[c] != '#' && c + o.size < o.size * o.size && question[c + o.size] != '#';
            }
            loops += joints >= cells;
        }
        assert_true(loops > 0 && (rows[r].size < 30 || loops > list.count / 2));
        nyx_maze_list_release(&list);
    }
}

static void no_two_mazes_are_equal_up_to_symmetry(void **state)
{
    const nyx_maze_options o = options(5, 150, 3, 9);
    nyx_maze_list          list;

    (void)state;
    assert_int_equal(nyx_maze_generate(&list, &o, NULL, NULL, NULL), 0);
    for (int64_t i = 0; i < list.count; i++)
        for (int64_t j = 0; j < i; j++) {
            char a[NYX_MAZE_CELLS + 1], b[NYX_MAZE_CELLS + 1];

            nyx_maze_print(a, &list.items[i].question);
            nyx_maze_print(b, &list.items[j].question);
            assert_false(plain_equal(a, b, 5));
        }
    nyx_maze_list_release(&list);
}

static void threads_change_nothing_and_longer_lists_begin_with_shorter_ones(void **state)
{
    const nyx_maze_options few = options(11, 40, 20, 1), many = options(11, 130, 20, 1), other = options(11, 40, 20, 2);
    nyx_maze_list          a, b, c;
    nyx_pool              *pool;

    (void)state;
    assert_int_equal(nyx_pool_create(&pool, 3), 0);
    assert_int_equal(nyx_maze_generate(&a, &few, NULL, NULL, NULL), 0);
    assert_int_equal(nyx_maze_generate(&b, &many, pool, NULL, NULL), 0);
    assert_int_equal(nyx_maze_generate(&c, &other, pool, NULL, NULL), 0);
    for (int64_t i = 0; i < a.count; i++) {
        assert_memory_equal(&a.items[i], &b.items[i], sizeof *a.items);
        assert_memory_not_equal(&a.items[i], &c.items[i], sizeof *a.items);
    }
    nyx_maze_list_release(&a);
    nyx_maze_list_release(&b);
    nyx_maze_list_release(&c);
    nyx_pool_free(pool);
}

static void impossible_wishes_are_refused(void **state)
{
    static const struct { int size; int64_t count, least; const char *says; } rows[] = {
        { 4, 1, 1, "side 4; 5 to 40" },
        { 41, 1, 1, "side 41" },
        { 5, 0, 1, "0 mazes" },
        { 5, 1, 25, "25 steps does not fit" },
        { 5, 1, 20, "0 found, then none among 2000 more" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const nyx_maze_options o = options(rows[i].size, rows[i].count, rows[i].least, 0);
        nyx_maze_list          list;

        assert_int_equal(nyx_maze_generate(&list, &o, NULL, NULL, NULL), NYX_ERR_USAGE);
        assert_non_null(strstr(nyx_error_text(), rows[i].says));
        assert_null(list.items);
    }
}

/* ---- datasets -------------------------------------------------------------------- */

static void row_text(char *out, const int32_t *tokens, int cells)
{
    for (int i = 0; i < cells; i++)
        out[i] = "?# SGo"[tokens[i]];
    out[cells] = '\0';
}

static void test_mazes_are_no_images_of_training_ones(void **state)
{
    nyx_maze_options o = options(5, 120, 4, 4);
    nyx_maze_list    list;
    nyx_dataset      data;
    char             question[26], answer[26], train[26];

    (void)state;
    o.split.augment = 7;
    assert_int_equal(nyx_maze_generate(&list, &o, NULL, NULL, NULL), 0);
    assert_int_equal(nyx_maze_dataset(&data, &list, &o), 0);
    assert_int_equal(data.test.rows, 30);
    assert_int_equal(data.vocabulary, 6);
    assert_true(data.train.rows > 90 * 6 && data.train.rows <= 90 * 8);
    for (int64_t i = 0; i < data.train.rows; i++) {
        row_text(train, data.train.inputs + i * 25, 25);
        row_text(answer, data.train.targets + i * 25, 25);
        plain_check_path(answer, train, 5, (int)data.train.rating[i]);
        for (int64_t j = 0; j < i; j++)
            assert_memory_not_equal(data.train.inputs + i * 25, data.train.inputs + j * 25, 25 * sizeof(int32_t));
        for (int64_t j = 0; j < data.test.rows; j++) {
            row_text(question, data.test.inputs + j * 25, 25);
            assert_false(plain_equal(question, train, 5));
        }
    }
    nyx_dataset_release(&data);
    o.split.augment = 0;
    o.split.test_count = 120;
    assert_int_equal(nyx_maze_dataset(&data, &list, &o), NYX_ERR_USAGE);
    assert_non_null(strstr(nyx_error_text(), "no maze is left to train on"));
    nyx_maze_list_release(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_and_maze_are_the_same),
        cmocka_unit_test(the_solver_agrees_with_plain_sweeps),
        cmocka_unit_test(the_path_marked_is_the_first_in_reading_order),
        cmocka_unit_test(wrong_answers_are_told),
        cmocka_unit_test(canonical_forms_are_those_of_the_orbit),
        cmocka_unit_test(generated_mazes_have_one_shortest_path_long_enough),
        cmocka_unit_test(no_two_mazes_are_equal_up_to_symmetry),
        cmocka_unit_test(threads_change_nothing_and_longer_lists_begin_with_shorter_ones),
        cmocka_unit_test(impossible_wishes_are_refused),
        cmocka_unit_test(test_mazes_are_no_images_of_training_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
