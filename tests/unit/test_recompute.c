/* recompute: the graph with copies as text; every model's step gives the same
 * bits with it, in less memory. */
#include "pass/pass.h"
#include "small_models.h"

/* ---- one graph as text ----------------------------------------------------------- */

enum { LINKS = 9 };

/* y = s(s(...s(x))); the gradient of each link, s (1 - s), reads its output. */
static nyx_graph *chain(bool repeat)
{
    nyx_graph *g;
    nyx_value  x, y, loss, grad;

    ok(nyx_graph_create(&g, NYX_F32));
    y = x = nyx_graph_variable(g, "x", NYX_F32, nyx_shape_of(1, (int64_t)64), NYX_ROLE_PARAMETER);
    nyx_graph_push(g, "chain");
    for (int i = 0; i < LINKS; i++)
        y = nyx_graph_sigmoid(g, y);
    loss = nyx_graph_reduce(g, NYX_SUM, y, 1, false);
    nyx_graph_pop(g);
    ok(nyx_pass_gradient(g, loss, 1, &x, &grad));
    nyx_graph_assign(g, "grad", NYX_ROLE_GRADIENT, grad);
    nyx_graph_assign(g, "loss", NYX_ROLE_OUTPUT, loss);
    if (repeat)
        ok(nyx_pass_recompute(g));
    ok(nyx_graph_prune(g));
    ok(nyx_graph_check(g));
    return g;
}

static int64_t arena_of(const nyx_graph *g)
{
    nyx_plan plan;
    int64_t  bytes;

    ok(nyx_pass_plan(&plan, g, 64));
    bytes = plan.arena_bytes;
    nyx_plan_release(&plan);
    return bytes;
}

/* Three pieces of three links; %4 and %7 are kept. The second piece comes back
 * as two copies when the gradient of the last has been taken, then the first. */
static void a_piece_is_computed_again_before_its_gradient(void **state)
{
    nyx_graph  *plain = chain(false), *g = chain(true);
    char       *text, *at;
    static const char *const lines[] = {
        "= affine %7 scale=-1 shift=1  ; gradient\n", "%44 f32[64] = sigmoid %4  ; again/chain\n",
        "%45 f32[64] = sigmoid %44  ; again/chain\n", "= affine %45 scale=-1 shift=1  ; gradient\n",
        "= affine %4 scale=-1 shift=1  ; gradient\n", "%46 f32[64] = sigmoid %1  ; again/chain\n",
    };

    (void)state;
    ok(nyx_graph_dump(&text, g));
    at = text;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        at = strstr(at, lines[i]);
        assert_non_null(at);
        at += strlen(lines[i]);
    }
    assert_true(arena_of(g) < arena_of(plain));
    nyx_free(text);
    nyx_graph_free(plain);
    nyx_graph_free(g);
}

static void a_graph_without_a_gradient_stays_as_it_is(void **state)
{
    nyx_graph *g;
    nyx_value  x;
    char      *before, *after;

    (void)state;
    ok(nyx_graph_create(&g, NYX_F32));
    x = nyx_graph_variable(g, "x", NYX_F32, nyx_shape_of(1, (int64_t)8), NYX_ROLE_PARAMETER);
    x = nyx_graph_sigmoid(g, nyx_graph_sigmoid(g, x));
    nyx_graph_assign(g, "y", NYX_ROLE_OUTPUT, x);
    ok(nyx_graph_dump(&before, g));
    ok(nyx_pass_recompute(g));
    ok(nyx_graph_dump(&after, g));
    assert_string_equal(before, after);
    nyx_free(before);
    nyx_free(after);
    nyx_graph_free(g);
}

/* ---- models --------------------------------------------------------------------------- */

/* The arena; every variable after a run stays in the store. */
static int64_t run_step(machine *m, const nyx_config *config, bool accumulate, bool repeat)
{
    nyx_graph *g;

    machine_open(m, accumulate ? 2 : 1);
    g = machine_graph(m, NYX_F32);
    nyx_model_build_step(g, config, &(nyx_step_options){ .slots = 2, .batch = 4, .accumulate = accumulate });
    ok(nyx_pass_apply(g, &(nyx_passes){ { [NYX_PASS_RECOMPUTE] = repeat ? 1 : 0 } }));
    machine_compile(m);
    machine_fill(m);
    machine_run(m, 0, 3, accumulate ? 1 : 0);
    return nyx_store_memory(m->store).arena;
}

static void check_model(const char *text, bool accumulate, double share)
{
    const nyx_config config = bound(text);
    machine          kept, again;
    const int64_t    before = run_step(&kept, &config, accumulate, false);
    const int64_t    after = run_step(&again, &config, accumulate, true);

    assert_int_equal(nyx_store_count(kept.store), nyx_store_count(again.store));
    for (int i = 0; i < nyx_store_count(kept.store); i++) {
        const char *name = nyx_store_variable(kept.store, i)->name;
        void       *a = machine_copy(&kept, name), *b = machine_copy(&again, name);

        if (memcmp(a, b, (size_t)machine_bytes(&kept, name)))
            fail_msg("'%s' differs", name);
        nyx_free(a);
        nyx_free(b);
    }
    if ((double)after > share * (double)before)
        fail_msg("%lld bytes became %lld", (long long)before, (long long)after);
    machine_close(&kept);
    machine_close(&again);
}

static const char deep_text[] =
    "{\"model\":{\"kind\":\"decoder\",\"width\":16,\"heads\":2,\"layers\":12,\"inner\":48,\"context\":16}," REQUIRED
    "}";

/* Shares are what was measured, rounded up a little. */
static void every_model_gives_the_same_bits_in_less_memory(void **state)
{
    (void)state;
    for (int accumulate = 0; accumulate < 2; accumulate++) {
        check_model(hrm_text, accumulate, accumulate ? 0.57 : 0.45);
        check_model(learned_text, accumulate, accumulate ? 0.64 : 0.53);
        check_model(transformer_text, accumulate, accumulate ? 0.71 : 0.63);
        check_model(llama_text, accumulate, accumulate ? 0.51 : 0.41);
        check_model(gpt2_text, accumulate, accumulate ? 0.53 : 0.44);
        check_model(mlp_text, accumulate, 1.0);
        check_model(deep_text, accumulate, accumulate ? 0.39 : 0.15);
    }
}

static void choices_are_read_by_name(void **state)
{
    nyx_passes passes = { { 0 } };

    (void)state;
    ok(nyx_passes_parse(&passes, "recompute=all"));
    assert_int_equal(passes.choice[NYX_PASS_RECOMPUTE], 1);
    ok(nyx_passes_parse(&passes, "recompute=none"));
    assert_int_equal(passes.choice[NYX_PASS_RECOMPUTE], 0);
    assert_int_equal(nyx_passes_parse(&passes, "recompute=some"), NYX_ERR_USAGE);
    assert_int_equal(nyx_passes_parse(&passes, "recompute"), NYX_ERR_USAGE);
    assert_int_equal(nyx_passes_parse(&passes, "compute=all"), NYX_ERR_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_piece_is_computed_again_before_its_gradient),
        cmocka_unit_test(a_graph_without_a_gradient_stays_as_it_is),
        cmocka_unit_test(every_model_gives_the_same_bits_in_less_memory),
        cmocka_unit_test(choices_are_read_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
