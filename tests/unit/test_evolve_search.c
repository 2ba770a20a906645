/* evolve: codings on disk, plans run with and without kept prefixes, searches
 * that are cut anywhere and go on to the same end. */
#include "evolve/internal.h"
#include "small_models.h"

#include <ftw.h>
#include <math.h>
#include <unistd.h>

static const char lm_text[] =
    "{\"model\":{\"kind\":\"decoder\",\"width\":32,\"heads\":2,\"layers\":3,\"inner\":48,"
    "\"context\":16}," REQUIRED "}";

/* A model file, a stream of tokens in both splits, levels. */
typedef struct {
    char         folder[64], model[96], levels[96], path[96];
    nyx_config   config;
    nyx_dataset  data;
    nyx_device  *device;
    nyx_codings *codings;
    nyx_format   formats[3];
} world;

enum { TOKENS = 16 * 120 + 1 };

static int32_t *stream(uint64_t seed)
{
    int32_t   *tokens;
    nyx_random random;

    nyx_random_init(&random, seed, 3);
    ok(nyx_alloc(&tokens, TOKENS * (int64_t)sizeof *tokens));
    for (int i = 0; i < TOKENS; i++)
        tokens[i] = (int32_t)nyx_random_below(&random, 24);
    return tokens;
}

static void write_model(world *w)
{
    nyx_writer *writer;
    nyx_json   *json;

    ok(nyx_writer_open(&writer, w->model, "model"));
    json = nyx_config_json(&w->config);
    ok(nyx_writer_json(writer, "/config", json));
    nyx_json_free(json);
    for (int i = 0; i < nyx_model_parameter_count(&w->config); i++) {
        const nyx_parameter p = nyx_model_parameter(&w->config, i);
        const int64_t       elems = nyx_shape_count(&p.shape);
        nyx_tensor          tensor;
        char                path[64];
        float              *x;

        ok(nyx_alloc(&x, elems * (int64_t)sizeof *x));
        nyx_model_init(&w->config, i, 5, x);
        for (int64_t k = 0; k < elems && p.shape.rank == 2; k++)
            x[k] *= 3.0f; /* answers that differ from row to row */
        tensor = nyx_tensor_view(NYX_F32, &p.shape, x);
        snprintf(path, sizeof path, "/tensors/%s", p.name);
        ok(nyx_writer_tensor(writer, path, &tensor));
        nyx_free(x);
    }
    ok(nyx_writer_commit(writer));
}

static void open_levels(world *w)
{
    static const char *const names[] = {"int2:g32", "int3:g32", "int8:channel"};

    for (int i = 0; i < 3; i++)
        ok(nyx_format_parse(&w->formats[i], names[i]));
    ok(nyx_codings_open(&w->codings, &(nyx_codings_options){.model = w->model,
                                                            .folder = w->levels,
                                                            .formats = w->formats,
                                                            .format_count = 3,
                                                            .pool = nyx_device_pool(w->device)}));
}

static int create(void **state)
{
    world *w;

    ok(nyx_alloc(&w, sizeof *w));
    strcpy(w->folder, "/tmp/nyx-evolve-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    snprintf(w->model, sizeof w->model, "%s/m.h5", w->folder);
    snprintf(w->levels, sizeof w->levels, "%s/levels", w->folder);
    snprintf(w->path, sizeof w->path, "%s/data", w->folder);
    ok(parse(&w->config, lm_text));
    ok(nyx_config_bind(&w->config, 24, 16, -1, 1, "d"));
    w->data = (nyx_dataset){.kind = "text",
                            .vocabulary = 24,
                            .ignore = -1,
                            .puzzles = 1,
                            .train = {.tokens = stream(1), .token_count = TOKENS},
                            .test = {.tokens = stream(2), .token_count = TOKENS}};
    FILE *file = fopen(w->path, "w"); /* its digest is all that is asked for */
    assert_non_null(file);
    fclose(file);
    write_model(w);
    ok(nyx_device_open(&w->device, "cpu", 1));
    open_levels(w);
    *state = w;
    return 0;
}

static int remove_one(const char *path, const struct stat *info, int flag, struct FTW *place)
{
    (void)info;
    (void)flag;
    (void)place;
    return remove(path);
}

static int destroy(void **state)
{
    world *w = *state;

    nyx_codings_close(w->codings);
    nyx_device_close(w->device);
    nyx_dataset_release(&w->data);
    nftw(w->folder, remove_one, 8, FTW_DEPTH);
    nyx_free(w);
    return 0;
}

/* ---- codings ----------------------------------------------------------------------------- */

static void levels_are_coded_once_and_mended_when_damaged(void **state)
{
    world *w = *state;
    char   command[160];
    double error = w->codings->tensors[4].error[0];

    assert_int_equal(w->codings->count, 21);
    assert_int_equal(w->codings->coded_now, 3);
    nyx_codings_close(w->codings);
    open_levels(w);
    assert_int_equal(w->codings->coded_now, 0);
    assert_true(w->codings->tensors[4].error[0] == error);
    snprintf(command, sizeof command, "for f in %s/int3*; do truncate -s -99 $f; done", w->levels);
    assert_int_equal(system(command), 0);
    nyx_codings_close(w->codings);
    open_levels(w);
    assert_int_equal(w->codings->coded_now, 1);
    for (int t = 0; t < w->codings->count; t++) {
        assert_true(w->codings->tensors[t].error[0] > w->codings->tensors[t].error[1]);
        assert_true(w->codings->tensors[t].error[1] > w->codings->tensors[t].error[2]);
        assert_true(w->codings->tensors[t].bytes[0] < w->codings->tensors[t].bytes[1]);
    }
}

/* ---- scores --------------------------------------------------------------------------------- */

static void take_sample(const world *w, nyx_evolve__sample *sample, int64_t rows)
{
    const nyx_rows all = nyx_rows_of(&w->data, &w->data.train, 16, 16);
    int64_t        which[64];

    for (int64_t i = 0; i < rows; i++)
        which[i] = (i * 7) % all.count;
    ok(nyx_evolve__sample_create(sample, &all, which, rows));
}

static void draw_plan(const world *w, uint8_t *plan, nyx_random *random)
{
    for (int t = 0; t < w->codings->count; t++)
        plan[t] = (uint8_t)nyx_random_below(random, 3);
}

/* Whatever the base, and whether states were kept before: the same bits. */
static void kept_prefixes_change_no_bit(void **state)
{
    world              *w = *state;
    nyx_evolve__scorer *scorer;
    nyx_evolve__sample  plain, kept;
    nyx_random          random;
    uint8_t             plan[64], base[64];
    double              a[16], b[16];

    ok(nyx_evolve__scorer_open(&scorer, w->device, w->codings, w->model, &w->config, 4));
    take_sample(w, &plain, 14);
    take_sample(w, &kept, 14);
    ok(nyx_evolve__prepare(scorer, &plain, false));
    ok(nyx_evolve__prepare(scorer, &kept, true));
    assert_int_equal(nyx_evolve__pieces(scorer), 5);
    nyx_random_init(&random, 9, 9);
    draw_plan(w, base, &random);
    for (int trial = 0; trial < 40; trial++) {
        memcpy(plan, base, sizeof plan);
        plan[nyx_random_below(&random, 21)] = (uint8_t)nyx_random_below(&random, 3);
        if (trial % 3 == 0) {
            nyx_evolve__rebase(scorer, &kept, base);
            draw_plan(w, base, &random);
        }
        ok(nyx_evolve__score(scorer, &plain, plan, 4, 10, a));
        ok(nyx_evolve__score(scorer, &kept, plan, 4, 10, b));
        assert_memory_equal(a, b, sizeof(double) * 10);
    }
    assert_true(nyx_evolve__pieces_run(scorer, base, base) == 1);
    nyx_evolve__sample_release(&plain);
    nyx_evolve__sample_release(&kept);
    nyx_evolve__scorer_close(scorer);
}

static double plain_divergence(const float *p, const float *q, int count)
{
    double sp = 0.0, sq = 0.0, sum = 0.0;

    for (int i = 0; i < count; i++) {
        sp += exp((double)p[i]);
        sq += exp((double)q[i]);
    }
    for (int i = 0; i < count; i++)
        sum += exp((double)p[i]) / sp * ((double)p[i] - log(sp) - (double)q[i] + log(sq));
    return sum;
}

/* Against the coded file of a level, run by a session, in a plain loop. */
static void scores_are_divergences_from_the_coded_model(void **state)
{
    world              *w = *state;
    nyx_evolve__scorer *scorer;
    nyx_evolve__sample  sample;
    nyx_session        *exact, *coded;
    float               p[4 * 16 * 24], q[4 * 16 * 24];
    uint8_t             plan[64];
    double              kl[8];
    char                command[256], path[160];
    FILE               *pipe;

    snprintf(command, sizeof command, "ls %s/int2*", w->levels);
    pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_non_null(fgets(path, sizeof path, pipe));
    path[strcspn(path, "\n")] = '\0';
    pclose(pipe);
    take_sample(w, &sample, 4);
    ok(nyx_evolve__scorer_open(&scorer, w->device, w->codings, w->model, &w->config, 4));
    ok(nyx_evolve__prepare(scorer, &sample, true));
    memset(plan, NYX_LEVEL_EXACT, sizeof plan);
    ok(nyx_evolve__score(scorer, &sample, plan, 0, 4, kl));
    for (int i = 0; i < 4; i++)
        assert_true(kl[i] == 0.0);
    memset(plan, 0, sizeof plan);
    ok(nyx_evolve__score(scorer, &sample, plan, 0, 4, kl));
    ok(nyx_session_open(&exact, w->device, w->model, 4));
    ok(nyx_session_open(&coded, w->device, path, 4));
    ok(nyx_session_logits(exact, sample.inputs, NULL, 4, p));
    ok(nyx_session_logits(coded, sample.inputs, NULL, 4, q));
    for (int i = 0; i < 4; i++) {
        double sum = 0.0;

        for (int t = 0; t < 16; t++)
            sum += plain_divergence(p + (i * 16 + t) * 24, q + (i * 16 + t) * 24, 24);
        assert_true(sum > 0.01 && fabs(kl[i] - sum) < 1e-3 * sum);
    }
    nyx_session_close(coded);
    nyx_session_close(exact);
    nyx_evolve__sample_release(&sample);
    nyx_evolve__scorer_close(scorer);
}

static void windows_that_are_judged_on_are_left_out_or_refused(void **state)
{
    world         *w = *state;
    const nyx_rows train = nyx_rows_of(&w->data, &w->data.train, 16, 16);
    const nyx_rows test = nyx_rows_of(&w->data, &w->data.test, 16, 16);
    int64_t        order[120], count = 120;

    for (int i = 0; i < 120; i++)
        order[i] = (i * 7) % 120;
    ok(nyx_evolve__disjoint(&train, order, &count, &test, test.count, "d.h5"));
    assert_int_equal(count, 120);
    memcpy(w->data.test.tokens + 333, w->data.train.tokens + 5 * 16, 16 * sizeof(int32_t)); /* at any place */
    ok(nyx_evolve__disjoint(&train, order, &count, &test, 20, "d.h5")); /* behind what is judged on */
    assert_int_equal(count, 120);
    ok(nyx_evolve__disjoint(&train, order, &count, &test, test.count, "d.h5"));
    assert_int_equal(count, 119);
    for (int i = 0; i < 119; i++)
        assert_true(order[i] != 5);
    memcpy(w->data.test.tokens + 600, w->data.train.tokens + 10 * 16, 16 * 16 * sizeof(int32_t));
    assert_int_equal(nyx_evolve__disjoint(&train, order, &count, &test, test.count, "d.h5"), NYX_ERR_INPUT);
    assert_non_null(strstr(nyx_error_text(), "16 of 119 windows of the search stand in the test split of 'd.h5'"));
}

/* ---- searches
 * ------------------------------------------------------------------------------------- */

static nyx_search_options options_of(const world *w, const char *checkpoint, const char *log)
{
    return (nyx_search_options){.model = w->model,
                                .data = w->path,
                                .dataset = &w->data,
                                .held_dataset = &w->data,
                                .budget = w->codings->elems * 3 / 8,
                                .tokens = 40000,
                                .sample = 800,
                                .held_rows = 20,
                                .seed = 4,
                                .checkpoint = checkpoint,
                                .log = log};
}

static char *content(const char *path, int64_t *bytes)
{
    char *text;

    ok(nyx_file_read(&text, bytes, path, 1 << 24));
    return text;
}

static void check_same(const nyx_search_result *a, const nyx_search_result *b)
{
    assert_memory_equal(a->plans[NYX_EVOLVED].levels, b->plans[NYX_EVOLVED].levels,
                        (size_t)a->tensors);
    assert_true(a->plans[NYX_EVOLVED].held_out.value == b->plans[NYX_EVOLVED].held_out.value);
    assert_true(a->plans[NYX_GREEDY].against_evolved.low ==
                b->plans[NYX_GREEDY].against_evolved.low);
    assert_true(a->tokens == b->tokens && a->held_tokens == b->held_tokens &&
                a->generations == b->generations);
    assert_true(a->pieces_share == b->pieces_share);
}

/* Bytes up to the end of the line with measured times; 0 when there is none. */
static int64_t times_end(const char *lines)
{
    int64_t at = 0;

    for (const char *line = lines; *line; line = strchr(line, '\n') + 1)
        if (!strncmp(line, "{\"key\":\"us\"", 11))
            at = strchr(line, '\n') + 1 - lines;
    return at;
}

static void cut_anywhere(const world *w, bool pareto)
{
    char               check[96], log[96], again[96];
    nyx_search_options o;
    nyx_search_result  whole, resumed;
    int64_t            bytes, log_bytes, again_bytes, timed;
    char              *lines, *logged, *logged_again;

    snprintf(check, sizeof check, "%s/check", w->folder);
    snprintf(log, sizeof log, "%s/log", w->folder);
    snprintf(again, sizeof again, "%s/again", w->folder);
    o = options_of(w, check, log);
    o.pareto = pareto;
    ok(nyx_search_run(&whole, w->device, w->codings, &o));
    assert_true(whole.tokens <= 40000 && whole.generations > 1 && whole.pieces_share < 1.0);
    lines = content(check, &bytes);
    logged = content(log, &log_bytes);
    timed = times_end(lines);
    o.resume = true;
    o.log = again;
    for (int64_t cut = 0; cut <= bytes; cut += 1 + bytes / 9) {
        FILE *file = fopen(check, "w");

        assert_non_null(file);
        assert_int_equal(fwrite(lines, 1, (size_t)cut, file), cut);
        fclose(file);
        ok(nyx_search_run(&resumed, w->device, w->codings, &o));
        if (cut >= timed) { /* times are measured once */
            check_same(&whole, &resumed);
            logged_again = content(again, &again_bytes);
            assert_int_equal(log_bytes, again_bytes);
            assert_memory_equal(logged, logged_again, (size_t)log_bytes);
            nyx_free(logged_again);
        }
        nyx_search_result_release(&resumed);
    }
    o.seed = 5;
    assert_int_equal(nyx_search_run(&resumed, w->device, w->codings, &o), NYX_ERR_INPUT);
    assert_non_null(strstr(nyx_error_text(), "the checkpoint of another search"));
    nyx_free(lines);
    nyx_free(logged);
    nyx_search_result_release(&whole);
}

static void a_search_cut_anywhere_goes_on_to_the_same_end(void **state)
{
    cut_anywhere(*state, false);
}

static void so_does_a_search_of_the_front(void **state)
{
    cut_anywhere(*state, true);
}

static void the_recipe_keeps_the_budget_and_is_read_back(void **state)
{
    world             *w = *state;
    nyx_search_options o = options_of(w, NULL, NULL);
    nyx_search_result  result;
    uint8_t            plan[64];
    char               path[96];

    ok(nyx_search_run(&result, w->device, w->codings, &o));
    for (int i = 0; i < NYX_PLANS; i++)
        if (result.plans[i].levels)
            assert_true(nyx_codings_bytes(w->codings, result.plans[i].levels) <= o.budget);
    snprintf(path, sizeof path, "%s/recipe.json", w->folder);
    ok(nyx_plan_write(path, w->codings, result.plans[NYX_EVOLVED].levels, "a test"));
    ok(nyx_plan_read(plan, w->codings, path));
    assert_memory_equal(plan, result.plans[NYX_EVOLVED].levels, (size_t)w->codings->count);
    nyx_search_result_release(&result);
    memset(plan, 0, sizeof plan); /* a budget that one plan meets: the search ends */
    o.budget = nyx_codings_bytes(w->codings, plan);
    for (int pareto = 0; pareto < 2; pareto++) {
        o.pareto = pareto;
        ok(nyx_search_run(&result, w->device, w->codings, &o));
        assert_memory_equal(plan, result.plans[NYX_EVOLVED].levels, (size_t)w->codings->count);
        nyx_search_result_release(&result);
    }
    o.pareto = false;
    o.budget = w->codings->elems / 4;
    assert_int_equal(nyx_search_run(&result, w->device, w->codings, &o), NYX_ERR_UNSUPPORTED);
    assert_non_null(strstr(nyx_error_text(), "no recipe meets the budget"));
    o = options_of(w, NULL, NULL);
    o.tokens = 100;
    assert_int_equal(nyx_search_run(&result, w->device, w->codings, &o), NYX_ERR_UNSUPPORTED);
    assert_non_null(strstr(nyx_error_text(), "token-forwards are too few"));
}

/* ---- children of plans ----------------------------------------------------------------- */

/* Two tensors of four levels. Of the first, level 2 is dominated by 1 (fewer
 * bytes, as good) and 3 by 0 (as many bytes, better); the second has a ladder of 0 and 1 only. */
static void a_child_leaves_dominated_levels(void **state)
{
    nyx_codings_tensor tensors[2] = { { .bytes = { 10, 20, 25, 10 } }, { .bytes = { 10, 20, 20, 20 } } };
    nyx_choice         choices[8] = { { 10, 4.0 }, { 20, 1.0 }, { 25, 1.0 }, { 10, 9.0 },
                                      { 10, 4.0 }, { 20, 1.0 }, { 20, 2.0 }, { 20, 3.0 } };
    nyx_codings        codings = { .count = 2, .levels = 4, .tensors = tensors };
    nyx_search_options options = { .budget = 45 };
    uint8_t            ladders[8] = { 0 }, child[2];
    int                rungs[2], left = 0;
    nyx_evolve__search search = { .options = &options,
                                  .codings = &codings,
                                  .predicted = { 2, 4, choices },
                                  .ladders = ladders,
                                  .rungs = rungs };
    nyx_random         random;

    (void)state;
    for (int t = 0; t < 2; t++)
        rungs[t] = nyx_knapsack_ladder(&search.predicted, t, ladders + 4 * t);
    assert_int_equal(rungs[0], 2);
    assert_int_equal(nyx_evolve__rung(&search, 0, 2, -1), 1);
    assert_int_equal(nyx_evolve__rung(&search, 0, 2, -2), 0);
    assert_int_equal(nyx_evolve__rung(&search, 0, 2, 1), -1);
    assert_int_equal(nyx_evolve__rung(&search, 0, 3, -1), 0);
    assert_int_equal(nyx_evolve__rung(&search, 0, 3, 1), 1);
    assert_int_equal(nyx_evolve__rung(&search, 0, 1, -1), 0);
    assert_int_equal(nyx_evolve__rung(&search, 0, 0, -1), -1);
    nyx_random_init(&random, 5, 1);
    for (int i = 0; i < 200; i++) { /* both stand on levels that are worse than others */
        nyx_evolve__vary(&search, child, (const uint8_t[]){ 2, 2 }, &random);
        assert_true(nyx_codings_bytes(&codings, child) <= options.budget);
        left += child[0] != 2 || child[1] != 2;
    }
    assert_true(left > 80); /* about half of the switches go down */
    options.budget = 44;    /* off them, for 45 bytes are too many; once this did not end */
    for (int i = 0; i < 50; i++) {
        nyx_evolve__vary(&search, child, (const uint8_t[]){ 2, 2 }, &random);
        assert_true(nyx_codings_bytes(&codings, child) <= options.budget);
    }
}

int main(void)
{
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, create, destroy)
    const struct CMUnitTest tests[] = {
        IN_WORLD(levels_are_coded_once_and_mended_when_damaged),
        IN_WORLD(kept_prefixes_change_no_bit),
        IN_WORLD(scores_are_divergences_from_the_coded_model),
        IN_WORLD(windows_that_are_judged_on_are_left_out_or_refused),
        IN_WORLD(a_search_cut_anywhere_goes_on_to_the_same_end),
        IN_WORLD(so_does_a_search_of_the_front),
        IN_WORLD(the_recipe_keeps_the_budget_and_is_read_back),
        cmocka_unit_test(a_child_leaves_dominated_levels),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
