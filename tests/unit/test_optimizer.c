/* train: the optimizers against their formulas in float64 with libm, their
 * schedule, and what they must leave alone. */
#include "machine.h"
#include "train/train.h"

#include <math.h>

enum { SLOTS = 4, STEPS = 5 };

/* `optimizer` goes into the optimizer's object, `training` behind it. */
static nyx_config config_of(const char *optimizer, const char *training)
{
    nyx_config config;
    nyx_json  *json;
    char      *text;

    ok(nyx_text_format(&text,
                       "{\"model\":{\"width\":8,\"heads\":2,\"inner\":6,\"h_layers\":1,\"l_layers\":1,"
                       "\"puzzle_width\":8},\"training\":{\"batch\":4,\"steps\":9,\"optimizer\":{%s},"
                       "\"puzzle\":{\"learning_rate\":0.25,\"weight_decay\":0.5}%s}}",
                       optimizer, training));
    ok(nyx_json_parse(&json, text, (int64_t)strlen(text), "c"));
    ok(nyx_config_parse(&config, json, "c"));
    nyx_free(text);
    nyx_json_free(json);
    ok(nyx_config_bind(&config, 5, 4, 0, 6, "d"));
    return config;
}

static void fill_random(machine *m, const char *name, uint64_t seed, double size)
{
    const int64_t elems = machine_bytes(m, name) / 8;
    double       *x = machine_copy(m, name);
    nyx_random    random;

    nyx_random_init(&random, seed, nyx_stream_of(name));
    for (int64_t i = 0; i < elems; i++)
        x[i] = size * (2.0 * nyx_random_uniform(&random) - 1.0);
    nyx_store_write(m->store, name, x);
    nyx_free(x);
}

static void fill_parameters(machine *m, const nyx_config *config)
{
    for (int i = 0; i < nyx_model_parameter_count(config); i++) {
        const nyx_parameter p = nyx_model_parameter(config, i);

        if (p.trained)
            fill_random(m, p.name, 1, 1.0);
    }
}

static void fill_gradients(machine *m, const nyx_config *config, int step)
{
    for (int i = 0; i < nyx_model_parameter_count(config); i++) {
        const nyx_parameter p = nyx_model_parameter(config, i);
        char                name[48];

        snprintf(name, sizeof name, "grad.%s", p.name);
        if (p.trained)
            fill_random(m, name, (uint64_t)step + 2, i % 3 ? 1e-3 : 0.0);
    }
}

static void write_scalars(machine *m, const nyx_config *config, int64_t step, int64_t total)
{
    double dense[4], puzzle[4];

    nyx_optimizer_scalars(config, step, step, total, dense, puzzle);
    nyx_store_write(m->store, "step.scalars", dense);
    nyx_store_write(m->store, "step.puzzle_scalars", puzzle);
}

/* ---- dense parameters ---------------------------------------------------------------- */

/* One tensor's history by the formulas of hrm-spec section 8; AdamW as in
 * Loshchilov & Hutter 2019, algorithm 2. */
typedef struct { double p[256], m[256], v[256]; int64_t elems; } tensor;

static void reference_step(tensor *t, const double *g, const nyx_config *config, int step, double scale)
{
    const double rate = config->training.optimizer.learning_rate, decay = config->training.optimizer.weight_decay;
    const double b1 = config->training.optimizer.beta1, b2 = config->training.optimizer.beta2;

    for (int64_t i = 0; i < t->elems; i++) {
        const double x = g[i] * scale;
        double       m, v;

        t->m[i] = b1 * t->m[i] + (1 - b1) * x;
        t->v[i] = b2 * t->v[i] + (1 - b2) * x * x;
        m = t->m[i];
        v = sqrt(t->v[i] / (1 - pow(b2, step)));
        t->p[i] *= 1 - rate * decay;
        if (config->training.optimizer.kind == NYX_ADAMW)
            t->p[i] -= rate * (m / (1 - pow(b1, step))) / (v + config->training.optimizer.epsilon);
        else
            t->p[i] -= rate / (1 - pow(b1, step)) * atan2(m, v);
    }
}

/* The global norm by an own sum, over everything in the store. */
static double norm_of(machine *m)
{
    double sum = 0;

    for (int i = 0; i < nyx_store_count(m->store); i++) {
        const nyx_variable *v = nyx_store_variable(m->store, i);
        double             *x;

        if (v->role != NYX_ROLE_GRADIENT || strcmp(v->name, "grad.puzzle") == 0)
            continue;
        x = machine_copy(m, v->name);
        for (int64_t k = 0; k < machine_bytes(m, v->name) / 8; k++)
            sum += x[k] * x[k];
        nyx_free(x);
    }
    return sqrt(sum);
}

static void dense_parameters_follow_the_formulas(void **state)
{
    static const struct { const char *optimizer, *tensor; } rows[] = {
        { "\"learning_rate\":0.01", "H.0.attn.out" },
        { "\"learning_rate\":0.01", "embed" }, /* gradient 0: decays, atan2(0, 0) is 0 */
        { "\"learning_rate\":0.01,\"clip\":0.002,\"beta1\":0.8,\"beta2\":0.99", "L.0.mlp.down" },
        { "\"learning_rate\":0.01,\"kind\":\"adamw\",\"epsilon\":1e-4", "H.0.attn.out" },
        { "\"learning_rate\":0.01,\"kind\":\"adamw\",\"clip\":1000", "q_head.bias" },
    };

    (void)state;
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        const nyx_config config = config_of(rows[k].optimizer, "");
        const double     clip = config.training.optimizer.clip;
        machine          m;
        tensor           t = { 0 };
        double           p[256];
        char             gradient[48];

        machine_open(&m, 1);
        nyx_optimizer_build(machine_graph(&m, NYX_F64), &config, SLOTS, 1, false);
        machine_compile(&m);
        fill_parameters(&m, &config);
        snprintf(gradient, sizeof gradient, "grad.%s", rows[k].tensor);
        t.elems = machine_bytes(&m, rows[k].tensor) / 8;
        nyx_store_read(m.store, rows[k].tensor, t.p);
        for (int step = 1; step <= STEPS; step++) {
            double  norm;
            double *g;

            fill_gradients(&m, &config, step);
            write_scalars(&m, &config, step, STEPS);
            norm = norm_of(&m);
            g = machine_copy(&m, gradient);
            reference_step(&t, g, &config, step, clip > 0 && norm > clip ? clip / norm : 1.0);
            nyx_free(g);
            machine_run(&m, 0, (uint32_t)step, 0);
            assert_true(fabs(machine_f64(&m, "out.grad_norm") / norm - 1) < 1e-14);
        }
        nyx_store_read(m.store, rows[k].tensor, p);
        for (int64_t i = 0; i < t.elems; i++) {
            if (!(fabs(p[i] - t.p[i]) <= 1e-14))
                fail_msg("%s, row %zu: element %d is %.17g, %.17g expected", rows[k].tensor, k, (int)i, p[i], t.p[i]);
        }
        machine_close(&m);
    }
}

/* A gradient with a NaN or an infinity leaves every byte but the norm. */
static void nothing_moves_without_a_finite_norm(void **state)
{
    static const double bad[] = { NAN, INFINITY };
    const nyx_config    config = config_of("\"learning_rate\":0.01,\"clip\":1", "");
    const int32_t       ids[SLOTS] = { 1, 1, 2, 3 };

    (void)state;
    for (int k = 0; k < 2; k++) {
        machine m;
        double *g, *before[3], *after;
        static const char *const names[3] = { "head", "moment.m.head", "puzzle" };

        machine_open(&m, 1);
        nyx_optimizer_build(machine_graph(&m, NYX_F64), &config, SLOTS, 1, false);
        machine_compile(&m);
        fill_parameters(&m, &config);
        fill_gradients(&m, &config, 1);
        nyx_store_write(m.store, "carry.ids", ids);
        write_scalars(&m, &config, 1, STEPS);
        g = machine_copy(&m, "grad.q_head.bias");
        g[1] = bad[k];
        nyx_store_write(m.store, "grad.q_head.bias", g);
        nyx_free(g);
        for (int i = 0; i < 3; i++)
            before[i] = machine_copy(&m, names[i]);
        machine_run(&m, 0, 0, 0);
        assert_true(!isfinite(machine_f64(&m, "out.grad_norm")));
        for (int i = 0; i < 3; i++) {
            after = machine_copy(&m, names[i]);
            assert_memory_equal(before[i], after, (size_t)machine_bytes(&m, names[i]));
            nyx_free(before[i]);
            nyx_free(after);
        }
        machine_close(&m);
    }
}

/* ---- puzzle table, accumulation, averages ------------------------------------------------ */

/* The optimizer behind a program that has what micro-batches leave; the last program. */
static void open_behind(machine *m, const nyx_config *config, int micros)
{
    nyx_graph *g;

    machine_open(m, micros);
    g = machine_graph(m, NYX_F64);
    nyx_graph_assign_micro(g, "carry.ids", NYX_ROLE_CARRY,
                           nyx_graph_fill(g, NYX_I32, nyx_shape_of(1, (int64_t)SLOTS / micros), 0.0));
    nyx_graph_assign_micro(g, "grad.puzzle", NYX_ROLE_GRADIENT,
                           nyx_graph_fill(g, NYX_F64, nyx_shape_of(2, (int64_t)SLOTS / micros, (int64_t)8), 0.0));
    nyx_optimizer_build(machine_graph(m, NYX_F64), config, SLOTS, micros, false);
    machine_compile(m);
}

/* Rows of all micro-batches count together, however many there are. */
static void puzzle_rows_move_by_the_sign_of_their_sum(int micros)
{
    const nyx_config config = config_of("\"learning_rate\":0.01", "");
    const int32_t    ids[SLOTS] = { 2, 5, 2, 0 };
    machine          m;
    double           before[48], after[48], g[SLOTS * 8];

    open_behind(&m, &config, micros);
    fill_parameters(&m, &config);
    fill_gradients(&m, &config, 4);
    write_scalars(&m, &config, 1, STEPS);
    nyx_store_read(m.store, "grad.puzzle", g);
    for (int i = 0; i < SLOTS * 8; i++)
        g[i] = i * 5 % 7 - 3; /* some sums of rows 0 and 2 vanish */
    nyx_store_write(m.store, "grad.puzzle", g);
    nyx_store_write(m.store, "carry.ids", ids);
    nyx_store_read(m.store, "puzzle", before);
    machine_run(&m, 1, 0, 0);
    nyx_store_read(m.store, "puzzle", after);
    for (int row = 0; row < 6; row++) {
        for (int i = 0; i < 8; i++) {
            const double old = before[row * 8 + i];
            const double sum = row == 2 ? g[i] + g[16 + i] : row == 5 ? g[8 + i] : g[24 + i];
            const double sign = sum > 0 ? 1 : sum < 0 ? -1 : 0;
            const bool   held = row == 0 || row == 2 || row == 5;
            const double want = held ? old * (1 - 0.25 * 0.5) - 0.25 * sign : old;

            assert_true(held ? fabs(after[row * 8 + i] - want) < 1e-15 : after[row * 8 + i] == want);
        }
    }
    machine_close(&m);
}

static void puzzle_rows_move_alike_in_micro_batches(void **state)
{
    (void)state;
    puzzle_rows_move_by_the_sign_of_their_sum(1);
    puzzle_rows_move_by_the_sign_of_their_sum(2);
    puzzle_rows_move_by_the_sign_of_their_sum(4);
}

static void accumulators_of_micro_batches_are_cleared(void **state)
{
    const nyx_config config = config_of("\"learning_rate\":0.01", "");

    (void)state;
    for (int micros = 1; micros <= 2; micros++) {
        machine m;
        double *g;
        bool    zero = true;

        open_behind(&m, &config, micros);
        fill_gradients(&m, &config, 1);
        write_scalars(&m, &config, 1, STEPS);
        machine_run(&m, 1, 0, 0);
        g = machine_copy(&m, "grad.H.0.attn.out");
        for (int64_t i = 0; i < machine_bytes(&m, "grad.H.0.attn.out") / 8; i++)
            zero = zero && g[i] == 0;
        assert_true(zero == (micros > 1));
        nyx_free(g);
        machine_close(&m);
    }
}

static void averages_follow_the_parameters(void **state)
{
    const nyx_config config = config_of("\"learning_rate\":0.01", ",\"ema\":0.75");
    machine          m;
    double           e[10], p[10], want[10];

    (void)state;
    machine_open(&m, 1);
    nyx_optimizer_build_ema(machine_graph(&m, NYX_F64), &config);
    machine_compile(&m);
    assert_int_equal(nyx_store_find(m.store, "ema.puzzle"), -1);
    assert_int_equal(nyx_store_find(m.store, "ema.H.init"), -1);
    fill_random(&m, "q_head.bias", 1, 1);
    fill_random(&m, "ema.q_head.bias", 2, 1);
    nyx_store_read(m.store, "q_head.bias", p);
    nyx_store_read(m.store, "ema.q_head.bias", want);
    machine_run(&m, 0, 0, 0);
    nyx_store_read(m.store, "ema.q_head.bias", e);
    for (int i = 0; i < 2; i++)
        assert_true(fabs(e[i] - (0.75 * want[i] + 0.25 * p[i])) < 1e-15);
    machine_close(&m);
}

/* ---- schedule ------------------------------------------------------------------------------ */

static void rates_follow_the_schedule(void **state)
{
    static const struct { int64_t warmup, step, total; double floor, want; } rows[] = {
        { 4, 1, 20, 0.1, 0.25 },
        { 4, 3, 20, 0.1, 0.75 },
        { 4, 4, 20, 0.1, 1.0 },
        { 4, 12, 20, 0.1, 0.55 },                           /* half way: cos = 0 */
        { 4, 8, 20, 0.2, 0.2 + 0.8 * 0.85355339059327376 }, /* (1 + sqrt(1/2)) / 2 */
        { 4, 20, 20, 0.1, 0.1 },
        { 0, 1, 20, 1.0, 1.0 },
        { 4, 17, 20, 1.0, 1.0 }, /* floor 1: constant */
        { 50, 5, 20, 0.5, 0.1 }, /* shorter than its warm-up */
        { 4, 4, 4, 0.0, 1.0 },   /* nothing behind the warm-up */
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        nyx_config config = config_of("\"learning_rate\":3", "");
        double     rate;

        config.training.optimizer.warmup_steps = rows[i].warmup;
        config.training.optimizer.floor = rows[i].floor;
        rate = nyx_schedule_rate(&config, 3.0, rows[i].step, rows[i].total);
        if (!(fabs(rate - 3.0 * rows[i].want) < 1e-14))
            fail_msg("row %zu: %.17g, %.17g expected", i, rate, 3.0 * rows[i].want);
    }
}

static void scalars_are_corrected_for_the_start(void **state)
{
    const nyx_config config = config_of("\"learning_rate\":0.5,\"weight_decay\":0.25", "");

    (void)state;
    for (int step = 1; step < 400; step += 57) {
        double dense[4], puzzle[4];

        nyx_optimizer_scalars(&config, step, step, 1000, dense, puzzle);
        assert_true(fabs(dense[0] - (1 - 0.5 * 0.25)) < 1e-16);
        assert_true(fabs(dense[1] * (1 - pow(0.9, step)) / 0.5 - 1) < 1e-14);
        assert_true(fabs(dense[2] * sqrt(1 - pow(0.95, step)) - 1) < 1e-14);
        assert_true(fabs(puzzle[0] - (1 - 0.25 * 0.5)) < 1e-16 && fabs(puzzle[1] - 0.25) < 1e-16);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dense_parameters_follow_the_formulas),
        cmocka_unit_test(nothing_moves_without_a_finite_norm),
        cmocka_unit_test(puzzle_rows_move_alike_in_micro_batches),
        cmocka_unit_test(accumulators_of_micro_batches_are_cleared),
        cmocka_unit_test(averages_follow_the_parameters),
        cmocka_unit_test(rates_follow_the_schedule),
        cmocka_unit_test(scalars_are_corrected_for_the_start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
