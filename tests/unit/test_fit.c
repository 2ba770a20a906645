/* fit: the search for what fits, over a made-up cost of candidates; plans as
 * documents. */
#include "run/run.h"

#include "device/machine.h"
#include "small_models.h"

#include <unistd.h>

/* Parameters cost their bytes; activations rows x width, halved by the pass,
 * which costs a third more operations. */
static int predict(void *context, const nyx_config *c, const nyx_passes *passes, int64_t *bytes, double *flops)
{
    const int64_t parameters = c->model.h_layers * c->model.width * c->model.width +
                               c->data.vocabulary * c->model.width;
    const int64_t rows = c->training.batch / c->training.micro_batches;

    ++*(int *)context;
    *bytes = 16 * parameters +
             rows * c->model.width * c->model.h_layers * 1000 / (passes->choice[NYX_PASS_RECOMPUTE] ? 2 : 1);
    *flops = (double)(parameters * c->training.batch) * (passes->choice[NYX_PASS_RECOMPUTE] ? 4.0 : 3.0);
    return 0;
}

static const char large_text[] =
    "{\"model\":{\"kind\":\"decoder\",\"width\":1024,\"heads\":16,\"kv_heads\":4,\"layers\":24,\"inner\":2816,"
    "\"context\":128},\"training\":{\"batch\":12,\"steps\":9,\"optimizer\":{\"learning_rate\":0.5}}}";

static nyx_config large(void)
{
    nyx_config config;

    ok(parse(&config, large_text));
    ok(nyx_config_bind(&config, 32000, 128, -100, 1, "d"));
    return config;
}

static void micro_batches_come_before_operations(void **state)
{
    const nyx_config config = large();
    const int64_t    fixed = 16 * (24 * 1024 * 1024 + 32000 * 1024), row = 1024 * 24 * 1000;
    nyx_fit          fit;
    int              looks = 0;

    (void)state;
    ok(nyx_fit_find(&fit, &config, true, fixed + 12 * row, predict, &looks));
    assert_int_equal(fit.config.training.micro_batches, 1);
    assert_int_equal(fit.passes.choice[NYX_PASS_RECOMPUTE], 0);
    ok(nyx_fit_find(&fit, &config, true, fixed + 3 * row, predict, &looks));
    assert_int_equal(fit.config.training.micro_batches, 4);
    assert_int_equal(fit.passes.choice[NYX_PASS_RECOMPUTE], 0);
    assert_int_equal(fit.config.training.batch, 12);
    ok(nyx_fit_find(&fit, &config, true, fixed + row / 2, predict, &looks));
    assert_int_equal(fit.config.training.micro_batches, 12);
    assert_int_equal(fit.passes.choice[NYX_PASS_RECOMPUTE], 1);
    assert_int_equal(fit.rung, 0);
}

static void the_ladder_ends_at_its_last_rung(void **state)
{
    const nyx_config config = large();
    nyx_config       rung;
    nyx_fit          fit;
    int              looks = 0, last = 0;

    (void)state;
    while (nyx_fit_rung(&rung, &config, true, last + 1)) {
        nyx_json  *json = nyx_config_json(&rung);
        nyx_config again;

        ok(nyx_config_parse(&again, json, "rung"));
        assert_int_equal(rung.model.heads % rung.model.kv_heads, 0);
        nyx_json_free(json);
        last++;
    }
    nyx_fit_rung(&rung, &config, true, last);
    assert_int_equal(rung.model.width, 256);
    assert_int_equal(rung.model.h_layers, 2);
    assert_int_equal(rung.data.vocabulary, 10000);
    nyx_fit_rung(&rung, &config, false, last);
    assert_int_equal(rung.data.vocabulary, 32000);
    ok(nyx_fit_find(&fit, &config, true, 120000000, predict, &looks));
    assert_true(fit.rung > 0 && fit.bytes <= 120000000);
    assert_int_equal(fit.candidates, looks);
    assert_int_equal(nyx_fit_find(&fit, &config, true, 1000, predict, &looks), NYX_ERR_UNSUPPORTED);
    assert_non_null(strstr(nyx_error_text(), "nothing fits into 1000 bytes"));
}

static void small_models_are_not_made_larger(void **state)
{
    const nyx_config config = bound(hrm_text);
    nyx_config       rung;

    (void)state;
    assert_true(nyx_fit_rung(&rung, &config, true, 0));
    assert_false(nyx_fit_rung(&rung, &config, true, 1));
}

static void a_plan_comes_back_out_of_its_file(void **state)
{
    nyx_machine here;
    nyx_fit     fit, again;
    nyx_json   *json;
    char       *text, path[] = "/tmp/nyx-test-plan-XXXXXX";
    const int   fd = mkstemp(path);
    FILE       *f = fdopen(fd, "w");

    (void)state;
    nyx_machine_probe(&here, "");
    memset(&fit, 0, sizeof fit);
    fit = (nyx_fit){ .config = large(),
                     .passes = { { [NYX_PASS_RECOMPUTE] = 1 } },
                     .bytes = 5,
                     .flops = 6,
                     .candidates = 7,
                     .budget = 8,
                     .threads = 2 };
    snprintf(fit.device, sizeof fit.device, "cpu:base");
    snprintf(fit.machine, sizeof fit.machine, "%s", here.identity);
    memset(fit.config_sha256, '7', 64);
    json = nyx_fit_json(&fit);
    ok(nyx_schema_check("plan", json, "plan"));
    ok(nyx_json_print(&text, json, 2));
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
    ok(nyx_fit_read(&again, path));
    assert_int_equal(again.passes.choice[NYX_PASS_RECOMPUTE], 1);
    assert_int_equal(again.budget, 8);
    assert_string_equal(again.device, "cpu:base");
    assert_int_equal(again.config.model.kv_heads, 4);
    assert_int_equal(again.config.data.vocabulary, 32000);
    nyx_json_free(json);
    nyx_free(text);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(micro_batches_come_before_operations),
        cmocka_unit_test(the_ladder_ends_at_its_last_rung),
        cmocka_unit_test(small_models_are_not_made_larger),
        cmocka_unit_test(a_plan_comes_back_out_of_its_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
