/* scaling: steps of scaled gradients are those of the gradients; what overflows
 * and what does not do to the factor. */
#include "small_models.h"
#include "train/train.h"

#include <math.h>

enum { SLOTS = 4 };

/* An apply program with gradients of about 0.1, times `factor` and marked so. */
static void open_apply(machine *m, const nyx_config *config, float factor)
{
    const float scalars[4] = { 0.9f, 0.1f, 1.5f, 0.0f };

    machine_open(m, 1);
    nyx_optimizer_build(machine_graph(m, NYX_F32), config, SLOTS, 1, factor > 0);
    machine_compile(m);
    for (int i = 0; i < nyx_store_count(m->store); i++) {
        const nyx_variable *v = nyx_store_variable(m->store, i);
        float              *x = machine_copy(m, v->name);
        nyx_random          random;

        nyx_random_init(&random, 3, nyx_stream_of(v->name));
        for (int64_t k = 0; k < machine_bytes(m, v->name) / 4 && v->dtype == NYX_F32; k++)
            x[k] = (float)(nyx_random_uniform(&random) * 0.2 - 0.1) *
                   (v->role == NYX_ROLE_GRADIENT && factor > 0 ? factor : 1);
        for (int64_t k = 0; k < machine_bytes(m, v->name) / 4 && v->role == NYX_ROLE_MOMENT && v->dtype == NYX_F32; k++)
            x[k] = fabsf(x[k]);
        nyx_store_write(m->store, v->name, x);
        nyx_free(x);
    }
    nyx_store_write(m->store, "step.scalars", scalars);
    if (nyx_store_find(m->store, "step.puzzle_scalars") >= 0)
        nyx_store_write(m->store, "step.puzzle_scalars", scalars);
    if (factor > 0)
        nyx_store_write(m->store, "scaling.factor", &factor);
}

static void check_state(const machine *m, float factor, int32_t good, int32_t skipped)
{
    float   f;
    int32_t g, s;

    nyx_store_read(m->store, "scaling.factor", &f);
    nyx_store_read(m->store, "scaling.good", &g);
    nyx_store_read(m->store, "scaling.skipped", &s);
    assert_true(f == factor);
    assert_int_equal(g, good);
    assert_int_equal(s, skipped);
}

/* Powers of two round nothing, so not a bit differs; the norm is clipped. */
static void scaled_steps_are_the_same(void **state)
{
    nyx_config config = bound(hrm_text);
    machine    plain, scaled;

    (void)state;
    config.training.optimizer.clip = 0.5;
    open_apply(&plain, &config, 0);
    open_apply(&scaled, &config, 1024);
    machine_run(&plain, 0, 0, 0);
    machine_run(&scaled, 0, 0, 0);
    for (int i = 0; i < nyx_store_count(plain.store); i++) {
        const nyx_variable *v = nyx_store_variable(plain.store, i);
        void               *a = machine_copy(&plain, v->name), *b = machine_copy(&scaled, v->name);

        if (v->role != NYX_ROLE_GRADIENT && memcmp(a, b, (size_t)machine_bytes(&plain, v->name)))
            fail_msg("'%s' differs", v->name);
        nyx_free(a);
        nyx_free(b);
    }
    check_state(&scaled, 1024, 1, 0);
    machine_close(&plain);
    machine_close(&scaled);
}

/* One infinity, or one NaN, in one gradient. */
static void an_overflow_halves_the_factor_and_moves_nothing_else(void **state)
{
    const nyx_config config = bound(hrm_text);

    (void)state;
    for (int nan = 0; nan < 2; nan++) {
        const char *const kept[] = { "embed", "H.0.attn.qkv", "moment.m.embed", "moment.v.H.0.mlp.down", "puzzle" };
        const float       bad = nan ? (float)NAN : (float)INFINITY;
        void             *before[5];
        machine           m;
        float            *gradient, norm;

        open_apply(&m, &config, 65536);
        gradient = machine_copy(&m, "grad.H.0.attn.out");
        gradient[7] = bad;
        nyx_store_write(m.store, "grad.H.0.attn.out", gradient);
        nyx_store_write(m.store, "scaling.good", &(int32_t){ 1234 });
        for (int i = 0; i < 5; i++)
            before[i] = machine_copy(&m, kept[i]);
        machine_run(&m, 0, 0, 0);
        nyx_store_read(m.store, "out.grad_norm", &norm);
        assert_true(norm - norm != 0);
        check_state(&m, 32768, 0, 1);
        for (int i = 0; i < 5; i++) {
            void *after = machine_copy(&m, kept[i]);

            assert_memory_equal(before[i], after, (size_t)machine_bytes(&m, kept[i]));
            nyx_free(before[i]);
            nyx_free(after);
        }
        machine_run(&m, 0, 1, 0);
        check_state(&m, 16384, 0, 2);
        nyx_free(gradient);
        machine_close(&m);
    }
}

static void good_steps_in_a_row_double_the_factor(void **state)
{
    static const struct { float factor; int32_t good; float next; int32_t then; } rows[] = {
        { 256, 0, 256, 1 }, { 256, 1998, 256, 1999 }, { 256, 1999, 512, 0 }, { 0x1p24f, 1999, 0x1p24f, 0 },
    };
    const nyx_config config = bound(llama_text);

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        machine m;

        open_apply(&m, &config, rows[i].factor);
        nyx_store_write(m.store, "scaling.good", &rows[i].good);
        machine_run(&m, 0, 0, 0);
        check_state(&m, rows[i].next, rows[i].then, 0);
        machine_close(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scaled_steps_are_the_same),
        cmocka_unit_test(an_overflow_halves_the_factor_and_moves_nothing_else),
        cmocka_unit_test(good_steps_in_a_row_double_the_factor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
