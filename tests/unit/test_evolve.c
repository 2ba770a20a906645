/* evolve: knapsack, fronts and pairs against plain references. */
#include "evolve/evolve.h"
#include "machine.h"

#include <math.h>

/* ---- knapsack against all plans ---------------------------------------------------- */

enum { TENSORS = 5, LEVELS = 4, PLANS = 1024 /* LEVELS ^ TENSORS */ };

static void fill_choices(nyx_choice *choices, uint64_t seed, int64_t step)
{
    nyx_random random;

    nyx_random_init(&random, seed, 0);
    for (int i = 0; i < TENSORS * LEVELS; i++)
        choices[i] = (nyx_choice){step * (int64_t)(1 + nyx_random_below(&random, 40)),
                                  nyx_random_uniform(&random)};
}

static void plan_number(uint8_t *plan, int number)
{
    for (int t = 0; t < TENSORS; t++, number /= LEVELS)
        plan[t] = (uint8_t)(number % LEVELS);
}

static double cheapest(const nyx_knapsack *k, int64_t budget)
{
    double best = INFINITY;

    for (int i = 0; i < PLANS; i++) {
        uint8_t plan[TENSORS];

        plan_number(plan, i);
        if (nyx_knapsack_bytes(k, plan) <= budget && nyx_knapsack_cost(k, plan) < best)
            best = nyx_knapsack_cost(k, plan);
    }
    return best;
}

static void knapsack_finds_the_cheapest_of_all_plans(void **state)
{
    nyx_choice   choices[TENSORS * LEVELS];
    nyx_knapsack k = {TENSORS, LEVELS, choices};

    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++) {
        fill_choices(choices, seed, 64);
        for (int64_t budget = 64; budget <= 64 * 200; budget += 64 * 7 + 1) {
            const double best = cheapest(&k, budget);
            uint8_t      plan[TENSORS];
            const int    status = nyx_knapsack_solve(plan, &k, budget);

            if (isinf(best)) {
                assert_int_equal(status, NYX_ERR_UNSUPPORTED);
                assert_non_null(strstr(nyx_error_text(), "the smallest has"));
                continue;
            }
            ok(status);
            assert_true(nyx_knapsack_bytes(&k, plan) <= budget);
            assert_true(fabs(nyx_knapsack_cost(&k, plan) - best) < 1e-12);
        }
    }
}

static void large_budgets_are_kept_and_nearly_best(void **state)
{
    nyx_choice   choices[TENSORS * LEVELS];
    nyx_knapsack k = {TENSORS, LEVELS, choices};

    (void)state;
    for (uint64_t seed = 0; seed < 40; seed++) {
        const int64_t budget = 90000001;
        uint8_t       plan[TENSORS];

        fill_choices(choices, seed, 999983);
        for (int i = 0; i < TENSORS * LEVELS; i++)
            choices[i].bytes += i * 17;
        if (isinf(cheapest(&k, budget)))
            continue;
        ok(nyx_knapsack_solve(plan, &k, budget));
        assert_true(nyx_knapsack_bytes(&k, plan) <= budget);
        assert_true(nyx_knapsack_cost(&k, plan) <= cheapest(&k, budget - budget / 1000) + 1e-12);
    }
}

/* For every price of a byte, some point of the front is as cheap as any plan. */
static void front_holds_the_best_plan_for_every_price(void **state)
{
    nyx_choice         choices[TENSORS * LEVELS];
    nyx_knapsack       k = {TENSORS, LEVELS, choices};
    nyx_knapsack_front front;

    (void)state;
    for (uint64_t seed = 0; seed < 40; seed++) {
        fill_choices(choices, seed, 8);
        ok(nyx_knapsack_front_make(&front, &k));
        for (int i = 1; i < front.count; i++) {
            assert_true(front.bytes[i] > front.bytes[i - 1]);
            assert_true(front.costs[i] < front.costs[i - 1]);
        }
        for (double price = 1e-6; price < 1.0; price *= 1.7) {
            double best = INFINITY, ours = INFINITY;

            for (int i = 0; i < PLANS; i++) {
                uint8_t plan[TENSORS];

                plan_number(plan, i);
                best = fmin(best, nyx_knapsack_cost(&k, plan) +
                                      price * (double)nyx_knapsack_bytes(&k, plan));
            }
            for (int i = 0; i < front.count; i++)
                ours = fmin(ours, front.costs[i] + price * (double)front.bytes[i]);
            assert_true(fabs(ours - best) < 1e-9);
        }
        nyx_knapsack_front_release(&front);
    }
}

static void greedy_fits_and_leaves_no_rung_that_fits(void **state)
{
    nyx_choice   choices[TENSORS * LEVELS];
    nyx_knapsack k = {TENSORS, LEVELS, choices};

    (void)state;
    for (uint64_t seed = 0; seed < 40; seed++) {
        const int64_t budget = 8 * 90;
        uint8_t       plan[TENSORS], best[TENSORS];

        fill_choices(choices, seed, 8);
        if (isinf(cheapest(&k, budget)))
            continue;
        ok(nyx_knapsack_greedy(plan, &k, budget));
        ok(nyx_knapsack_solve(best, &k, budget));
        assert_true(nyx_knapsack_bytes(&k, plan) <= budget);
        assert_true(nyx_knapsack_cost(&k, plan) >= nyx_knapsack_cost(&k, best) - 1e-12);
        for (int t = 0; t < TENSORS; t++) {
            uint8_t   ladder[LEVELS];
            const int rungs = nyx_knapsack_ladder(&k, t, ladder);

            for (int i = 0; i + 1 < rungs; i++)
                if (ladder[i] == plan[t])
                    assert_true(nyx_knapsack_bytes(&k, plan) +
                                    choices[t * LEVELS + ladder[i + 1]].bytes -
                                    choices[t * LEVELS + ladder[i]].bytes >
                                budget);
        }
    }
}

/* ---- aims against definitions --------------------------------------------------------- */

enum { POINTS = 24 };

static void draw_points(double *points, int aims, uint64_t seed)
{
    nyx_random random;

    nyx_random_init(&random, seed, 1);
    for (int i = 0; i < POINTS * aims; i++)
        points[i] = (double)nyx_random_below(&random, 9) / 10.0; /* many equals */
}

/* The longest chain of points that dominate each other down to i. */
static int plain_rank(const double *points, int aims, int i)
{
    int most = 0;

    for (int j = 0; j < POINTS; j++) {
        bool as_good = true, better = false;

        for (int a = 0; a < aims; a++) {
            as_good = as_good && points[j * aims + a] <= points[i * aims + a];
            better = better || points[j * aims + a] < points[i * aims + a];
        }
        if (as_good && better) {
            const int above = 1 + plain_rank(points, aims, j);

            most = above > most ? above : most;
        }
    }
    return most;
}

static void ranks_are_lengths_of_chains(void **state)
{
    double points[POINTS * 3];
    int    rank[POINTS];

    (void)state;
    for (int aims = 2; aims <= 3; aims++)
        for (uint64_t seed = 0; seed < 12; seed++) {
            draw_points(points, aims, seed);
            nyx_pareto_rank(rank, points, POINTS, aims);
            for (int i = 0; i < POINTS; i++)
                assert_int_equal(rank[i], plain_rank(points, aims, i));
        }
}

/* Values are tenths, so counting cells of a tenth is exact. */
static double counted_volume(const double *points, int aims)
{
    int cells = 0;

    for (int x = 0; x < 8; x++)
        for (int y = 0; y < 8; y++)
            for (int z = 0; z < (aims == 3 ? 8 : 1); z++) {
                const double at[3] = {x / 10.0, y / 10.0, z / 10.0};
                bool         inside = false;

                for (int i = 0; i < POINTS; i++) {
                    bool under = true;

                    for (int a = 0; a < aims; a++)
                        under = under && points[i * aims + a] <= at[a] + 0.01;
                    inside = inside || under;
                }
                cells += inside;
            }
    return cells * (aims == 3 ? 1e-3 : 1e-2);
}

static void volume_is_what_counting_cells_gives(void **state)
{
    static const double reference[3] = {0.8, 0.8, 0.8};
    double              points[POINTS * 3], volume;

    (void)state;
    for (int aims = 2; aims <= 3; aims++)
        for (uint64_t seed = 0; seed < 20; seed++) {
            draw_points(points, aims, seed);
            for (int i = 0; i < POINTS * aims; i++)
                points[i] += 0.3; /* some beyond the reference */
            ok(nyx_pareto_volume(&volume, points, POINTS, aims, reference));
            assert_true(fabs(volume - counted_volume(points, aims)) < 1e-9);
        }
}

static void crowding_is_the_room_between_neighbours(void **state)
{
    static const double points[] = {0, 4, 1, 2, 2, 1, 4, 0, 9, 9};
    static const int    rank[] = {0, 0, 0, 0, 1};
    double              crowding[5];

    (void)state;
    ok(nyx_pareto_crowding(crowding, points, rank, 5, 2));
    assert_true(isinf(crowding[0]) && isinf(crowding[3]) && isinf(crowding[4]));
    assert_true(fabs(crowding[1] - (2.0 / 4 + 3.0 / 4)) < 1e-12);
    assert_true(fabs(crowding[2] - (3.0 / 4 + 2.0 / 4)) < 1e-12);
}

/* ---- pairs --------------------------------------------------------------------------------- */

static void student_quantiles_are_those_of_the_tables(void **state)
{
    static const struct {
        int64_t freedom;
        double  t;
    } known[] = {
        {1, 6.3138},  {4, 2.1318},  {7, 1.8946},   {10, 1.8125},
        {15, 1.7531}, {30, 1.6973}, {120, 1.6577},
    };

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        assert_true(fabs(nyx_student_95(known[i].freedom) - known[i].t) < 2e-4);
}

static void a_paired_test_of_rows_is_the_textbook_one(void **state)
{
    static const double  a[] = {3.1, 2.9, 4.2, 3.3, 2.7, 3.9}, b[] = {3.5, 3.2, 4.4, 3.2, 3.3, 4.1};
    static const int32_t tokens[] = {1, 1, 1, 1, 1, 1};
    double               mean = 0.0, squares = 0.0;
    nyx_paired           pair = nyx_paired_of(a, b, tokens, 6), alone = {0};

    (void)state;
    for (int i = 0; i < 6; i++)
        mean += (a[i] - b[i]) / 6.0;
    for (int i = 0; i < 6; i++)
        squares += (a[i] - b[i] - mean) * (a[i] - b[i] - mean);
    assert_true(fabs(pair.difference - mean) < 1e-12);
    assert_true(fabs(pair.t - mean / sqrt(squares / 5.0 / 6.0)) < 1e-9);
    ok(nyx_paired_interval(&pair, a, b, tokens, 6, 1));
    ok(nyx_paired_interval(&alone, a, b, NULL, 6, 1));
    assert_true(alone.low == pair.low && alone.high == pair.high);
    assert_true(pair.low < mean && mean < pair.high && pair.high < 0.05 && pair.low > -0.6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knapsack_finds_the_cheapest_of_all_plans),
        cmocka_unit_test(large_budgets_are_kept_and_nearly_best),
        cmocka_unit_test(front_holds_the_best_plan_for_every_price),
        cmocka_unit_test(greedy_fits_and_leaves_no_rung_that_fits),
        cmocka_unit_test(ranks_are_lengths_of_chains),
        cmocka_unit_test(volume_is_what_counting_cells_gives),
        cmocka_unit_test(crowding_is_the_room_between_neighbours),
        cmocka_unit_test(student_quantiles_are_those_of_the_tables),
        cmocka_unit_test(a_paired_test_of_rows_is_the_textbook_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
