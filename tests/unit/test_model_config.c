/* model: configurations, names and sizes of parameters, starting values. */
#include "small_models.h"

#include <math.h>

/* ---- configuration ---------------------------------------------------------------- */

static void what_is_printed_parses_to_the_same(void **state)
{
    const char *const texts[] = { hrm_text, learned_text, transformer_text, v1_text, llama_text, gpt2_text,
                                  mlp_text };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        nyx_config first, second;
        nyx_json  *json;
        char      *text;

        first = bound(texts[i]);
        json = nyx_config_json(&first);
        ok(nyx_json_print(&text, json, 0));
        ok(parse(&second, text));
        assert_memory_equal(&first, &second, sizeof first);
        nyx_free(text);
        nyx_json_free(json);
    }
}

/* Every default that the schema shows is the one that parsing fills in. */
static int defaults_agree(const nyx_json *schema, const nyx_json *values)
{
    const nyx_json *properties = nyx_json_get(schema, "properties");
    int             seen = 0;

    for (int64_t i = 0; i < nyx_json_count(properties); i++) {
        const nyx_json *want = nyx_json_get(nyx_json_item(properties, i), "default");
        const nyx_json *value = nyx_json_get(values, nyx_json_key(properties, i));
        char           *a, *b;

        seen += defaults_agree(nyx_json_item(properties, i), value);
        if (!want || !value)
            continue; /* `expansion` becomes `inner` */
        if (nyx_json_kind_of(value) == NYX_JSON_TEXT) {
            assert_string_equal(nyx_json_text(value, ""), nyx_json_text(want, "-"));
        } else if (nyx_json_real(value, NAN) != nyx_json_real(want, NAN)) {
            ok(nyx_json_print(&a, want, 0));
            ok(nyx_json_print(&b, value, 0));
            fail_msg("default of %s: %s in the schema, %s here", nyx_json_key(properties, i), a, b);
        }
        seen++;
    }
    return seen;
}

static void defaults_are_those_of_the_schema(void **state)
{
    nyx_config config;
    nyx_json  *schema, *values;

    (void)state;
    ok(parse(&config, "{\"model\":{\"width\":16,\"heads\":2,\"h_layers\":1,\"l_layers\":1}," REQUIRED "}"));
    ok(nyx_json_read(&schema, "schemas/config.schema.json"));
    values = nyx_config_json(&config);
    assert_int_equal(defaults_agree(schema, values), 21); /* all but expansion's */
    assert_int_equal(config.model.inner, 256); /* 4 * 16 * 2 / 3, up to a multiple of 256 */
    assert_true(config.training.puzzle.learning_rate == 0.5 && config.training.puzzle.weight_decay == 0.1);
    nyx_json_free(values);
    nyx_json_free(schema);
}

static void the_configurations_shipped_are_valid(void **state)
{
    static const struct { const char *path; int64_t elems; } rows[] = { /* of a 9 x 9 Sudoku */
        { "pipelines/configs/hrm_v1.json", 27275266 },
        { "pipelines/configs/hrm-small.json", 0 },
        { "pipelines/configs/hrm-tiny.json", 0 },
        { "pipelines/configs/transformer-tiny.json", 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        nyx_config config;
        nyx_json  *json;

        ok(nyx_json_read(&json, rows[i].path));
        ok(nyx_config_parse(&config, json, rows[i].path));
        ok(nyx_config_bind(&config, 11, 81, 0, 1, "d"));
        if (rows[i].elems > 0)
            assert_int_equal(nyx_model_trained_elems(&config), rows[i].elems);
        nyx_json_free(json);
    }
}

#define DECODER "{\"model\":{\"kind\":\"decoder\",\"width\":16,\"heads\":2,\"layers\":1"

/* Llama's count of parameters: 2 V D + layers (4 D^2 + 3 D I + 2 D) + D. */
static void language_models_shipped_have_their_sizes(void **state)
{
    static const struct { const char *path; int64_t vocabulary, elems; } rows[] = {
        { "pipelines/configs/lm-char.json", 65, 2 * 65 * 128 + 4 * (4 * 128 * 128 + 3 * 128 * 344 + 256) + 128 },
        { "pipelines/configs/lm-ultra.json", 10000, 2 * 2560000 + 2 * (4 * 65536 + 3 * 256 * 768 + 512) + 256 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        nyx_config config;
        nyx_json  *json;

        ok(nyx_json_read(&json, rows[i].path));
        ok(nyx_config_parse(&config, json, rows[i].path));
        ok(nyx_config_bind(&config, rows[i].vocabulary, 0, -1, 1, "d"));
        assert_int_equal(nyx_model_trained_elems(&config), rows[i].elems);
        nyx_json_free(json);
    }
}

static void what_contradicts_itself_is_refused(void **state)
{
    static const struct { const char *text, *why; } rows[] = {
        { "{\"model\":{\"width\":15,\"heads\":2,\"h_layers\":1,\"l_layers\":1}," REQUIRED "}", "does not divide" },
        { "{\"model\":{\"width\":6,\"heads\":2,\"h_layers\":1,\"l_layers\":1}," REQUIRED "}", "need pairs" },
        { "{\"model\":{\"width\":16,\"heads\":2,\"layers\":1}," REQUIRED "}", "'model.layers' does not belong" },
        { "{\"model\":{\"width\":16,\"heads\":2,\"h_layers\":1}," REQUIRED "}", "lacks h_layers or l_layers" },
        { "{\"model\":{\"kind\":\"transformer\",\"width\":16,\"heads\":2}," REQUIRED "}", "lacks layers" },
        { "{\"model\":{\"kind\":\"transformer\",\"width\":16,\"heads\":2,\"layers\":1,\"l_cycles\":2}," REQUIRED "}",
          "'model.l_cycles' does not belong" },
        { "{\"model\":{\"width\":16,\"heads\":2,\"h_layers\":1,\"l_layers\":1},\"training\":{\"batch\":4,\"steps\":1,"
          "\"micro_batches\":3,\"optimizer\":{\"learning_rate\":1}}}", "does not divide training.batch" },
        { "{\"model\":{\"width\":16,\"heads\":2,\"h_layers\":1,\"l_layers\":1,\"widht\":1}," REQUIRED "}", "widht" },
        { "{\"model\":{\"width\":1.5,\"heads\":2,\"h_layers\":1,\"l_layers\":1}," REQUIRED "}", "model.width" },
        { "{\"model\":{\"width\":16,\"heads\":2,\"h_layers\":1,\"l_layers\":1,\"loss\":\"mse\"}," REQUIRED "}", "mse" },
        { "{\"model\":{\"width\":16,\"heads\":2,\"h_layers\":1,\"l_layers\":1}}", "training" },
        { "{\"model\":{\"h_layers\":1,\"l_layers\":1}," REQUIRED "}", "lacks width or heads" },
        { "{\"model\":{\"width\":16,\"heads\":2,\"h_layers\":1,\"l_layers\":1,\"tied\":true}," REQUIRED "}",
          "'model.tied' does not belong to kind hrm" },
        { DECODER ",\"inner\":8}," REQUIRED "}", "lacks context" },
        { DECODER ",\"context\":8}," REQUIRED "}", "lacks inner" },
        { DECODER ",\"context\":8,\"inner\":8,\"kv_heads\":3}," REQUIRED "}", "kv_heads 3 does not divide" },
        { DECODER ",\"context\":8,\"inner\":8,\"head_width\":3}," REQUIRED "}", "head_width is odd" },
        { DECODER ",\"context\":8,\"inner\":8,\"activation\":\"relu\"}," REQUIRED "}", "relu does not belong" },
        { DECODER ",\"context\":8,\"expansion\":4}," REQUIRED "}", "'model.expansion' does not belong" },
        { DECODER ",\"context\":8,\"inner\":8,\"widths\":[1,2]}," REQUIRED "}", "'model.widths' does not belong" },
        { "{\"model\":{\"kind\":\"mlp\"}," REQUIRED "}", "lacks widths" },
        { "{\"model\":{\"kind\":\"mlp\",\"widths\":[4]}," REQUIRED "}", "widths" },
        { "{\"model\":{\"kind\":\"mlp\",\"widths\":[4,2],\"activation\":\"swiglu\"}," REQUIRED "}", "gates" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        nyx_config config;

        assert_int_equal(parse(&config, rows[i].text), NYX_ERR_INPUT);
        if (!strstr(nyx_error_text(), rows[i].why))
            fail_msg("row %zu: '%s' lacks '%s'", i, nyx_error_text(), rows[i].why);
    }
}

static void a_model_takes_no_other_data(void **state)
{
    nyx_config config = bound(hrm_text);

    (void)state;
    ok(nyx_config_bind(&config, 7, 16, -100, 3, "d"));
    assert_int_equal(config.data.puzzles, 5);
    assert_int_equal(nyx_config_bind(&config, 8, 16, -100, 5, "d"), NYX_ERR_INPUT);
    assert_non_null(strstr(nyx_error_text(), "'d' has vocabulary 8, the model 7"));
    assert_int_equal(nyx_config_bind(&config, 7, 36, -100, 5, "d"), NYX_ERR_INPUT);
    assert_int_equal(nyx_config_bind(&config, 7, 16, 0, 5, "d"), NYX_ERR_INPUT);
    assert_int_equal(nyx_config_bind(&config, 7, 16, -100, 6, "d"), NYX_ERR_INPUT);
}

/* A decoder reads rows up to its context, and streams in windows of it. */
static void a_decoder_takes_every_length_it_can_see(void **state)
{
    nyx_config config;

    (void)state;
    ok(parse(&config, llama_text));
    ok(nyx_config_bind(&config, 7, 0, -1, 1, "d"));
    assert_int_equal(config.data.length, 16);
    ok(nyx_config_bind(&config, 7, 11, 0, 1, "d"));
    assert_int_equal(config.data.length, 11);
    assert_int_equal(config.data.ignore, 0);
    assert_int_equal(nyx_config_bind(&config, 7, 17, 0, 1, "d"), NYX_ERR_INPUT);
    assert_non_null(strstr(nyx_error_text(), "rows of 17 tokens, model.context is 16"));
    assert_int_equal(nyx_config_bind(&config, 8, 16, 0, 1, "d"), NYX_ERR_INPUT);
    ok(parse(&config, hrm_text));
    assert_int_equal(nyx_config_bind(&config, 7, 0, -1, 1, "d"), NYX_ERR_INPUT);
    assert_non_null(strstr(nyx_error_text(), "'d' is a stream of tokens, which a model of kind hrm cannot read"));
    ok(parse(&config, mlp_text));
    assert_int_equal(nyx_config_bind(&config, 256, 15, -1, 1, "d"), NYX_ERR_INPUT);
    ok(nyx_config_bind(&config, 256, 16, -1, 1, "d"));
    assert_int_equal(nyx_config_classes(&config), 5);
    assert_int_equal(nyx_config_targets(&config), 1);
}

/* ---- parameters ---------------------------------------------------------------------- */

/* The table of hrm-spec section 1. */
static void hrm_v1_has_the_published_sizes(void **state)
{
    static const struct { int64_t vocabulary, length, elems; } rows[] = {
        { 11, 81, 27275266 }, { 6, 900, 27270146 }, { 12, 900, 27276290 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        nyx_config config;

        ok(parse(&config, v1_text));
        assert_int_equal(config.model.inner, 1536);
        ok(nyx_config_bind(&config, rows[i].vocabulary, rows[i].length, 0, 1, "d"));
        assert_int_equal(nyx_model_trained_elems(&config), rows[i].elems);
        assert_int_equal(nyx_config_positions(&config), rows[i].length + 1);
        assert_int_equal(nyx_model_parameter_find(&config, "L.4.mlp.down"), -1);
    }
}

/* Names, shapes and order are what every converter relies on. */
static void tensors_have_the_names_of_the_contract(void **state)
{
    static const char *const llama = "embed [7, 12]; blocks.0.attn_norm [12]; blocks.0.attn.q [16, 12]; "
        "blocks.0.attn.k [8, 12]; blocks.0.attn.v [8, 12]; blocks.0.attn.out [12, 16]; blocks.0.mlp_norm [12]; "
        "blocks.0.mlp.gate [20, 12]; blocks.0.mlp.up [20, 12]; blocks.0.mlp.down [12, 20]; ";
    static const char *const gpt2 = "embed [7, 12]; position [16, 12]; blocks.0.attn_norm [12]; "
        "blocks.0.attn_norm.bias [12]; blocks.0.attn.q [12, 12]; blocks.0.attn.q.bias [12]; blocks.0.attn.k [12, 12]; "
        "blocks.0.attn.k.bias [12]; blocks.0.attn.v [12, 12]; blocks.0.attn.v.bias [12]; blocks.0.attn.out [12, 12]; "
        "blocks.0.attn.out.bias [12]; blocks.0.mlp_norm [12]; blocks.0.mlp_norm.bias [12]; blocks.0.mlp.up [48, 12]; "
        "blocks.0.mlp.up.bias [48]; blocks.0.mlp.down [12, 48]; blocks.0.mlp.down.bias [12]; ";
    static const struct { const char *text, *begin, *end; int count; } rows[] = {
        { llama_text, llama, "blocks.1.mlp.down [12, 20]; norm [12]; head [7, 12]; ", 21 },
        { gpt2_text, gpt2, "blocks.1.mlp.down.bias [12]; norm [12]; norm.bias [12]; ", 36 },
        { mlp_text, "layers.0.weight [20, 16]; layers.0.bias [20]; ", "layers.1.weight [5, 20]; layers.1.bias [5]; ",
          4 },
    };

    (void)state;
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        nyx_config config;
        char       all[4096] = "", shape[96];

        ok(parse(&config, rows[k].text));
        ok(nyx_config_bind(&config, 7, 16, -1, 1, "d"));
        assert_int_equal(nyx_model_parameter_count(&config), rows[k].count);
        for (int i = 0; i < rows[k].count; i++) {
            const nyx_parameter p = nyx_model_parameter(&config, i);

            nyx_shape_text(shape, &p.shape);
            snprintf(all + strlen(all), sizeof all - strlen(all), "%s %s; ", p.name, shape);
            assert_int_equal(nyx_model_parameter_find(&config, p.name), i);
            assert_true(p.trained && !p.sparse && p.decayed == (p.shape.rank == 2));
        }
        assert_memory_equal(all, rows[k].begin, strlen(rows[k].begin));
        assert_string_equal(all + strlen(all) - strlen(rows[k].end), rows[k].end);
        assert_int_equal(nyx_model_parameter_find(&config, "blocks.2.attn.q"), -1);
    }
}

/* Moments of a large tensor against those of the normal it claims to be; the
 * fourth moment of the cut and rescaled normal is 2.3669 sigma^4 (integral of
 * x^4 phi on [-2, 2] over its mass, divided by kappa^4). */
static void start_values_have_their_distribution(void **state)
{
    nyx_config config;
    float     *x, *again;
    int64_t    elems;
    double     mean = 0, square = 0, fourth = 0, most = 0;
    int        index;

    (void)state;
    ok(parse(&config, v1_text));
    ok(nyx_config_bind(&config, 11, 81, 0, 1, "d"));
    index = nyx_model_parameter_find(&config, "L.3.mlp.down");
    elems = (int64_t)512 * 1536;
    ok(nyx_alloc(&x, elems * 4));
    ok(nyx_alloc(&again, elems * 4));
    nyx_model_init(&config, index, 3, x);
    for (int64_t i = 0; i < elems; i++) {
        const double z = x[i] * sqrt(1536.0);

        mean += z / (double)elems;
        square += z * z / (double)elems;
        fourth += z * z * z * z / (double)elems;
        most = fmax(most, fabs(z));
    }
    assert_true(fabs(mean) < 4.0 / sqrt((double)elems));
    assert_true(fabs(square - 1.0) < 0.006);
    assert_true(fabs(fourth - 2.3669) < 0.03);
    assert_true(most <= 2.0 / 0.8796256 + 1e-5 && most > 2.27);
    nyx_model_init(&config, index, 3, again);
    assert_memory_equal(x, again, (size_t)elems * 4);
    nyx_model_init(&config, index, 4, again);
    assert_memory_not_equal(x, again, 64);
    nyx_model_init(&config, index - 4, 3, again); /* same shape, other name */
    assert_memory_not_equal(x, again, 64);
    nyx_model_init(&config, nyx_model_parameter_find(&config, "q_head.bias"), 3, x);
    assert_true(x[0] == -5.0f && x[1] == -5.0f);
    nyx_free(x);
    nyx_free(again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_printed_parses_to_the_same),
        cmocka_unit_test(defaults_are_those_of_the_schema),
        cmocka_unit_test(the_configurations_shipped_are_valid),
        cmocka_unit_test(language_models_shipped_have_their_sizes),
        cmocka_unit_test(what_contradicts_itself_is_refused),
        cmocka_unit_test(a_model_takes_no_other_data),
        cmocka_unit_test(a_decoder_takes_every_length_it_can_see),
        cmocka_unit_test(tensors_have_the_names_of_the_contract),
        cmocka_unit_test(hrm_v1_has_the_published_sizes),
        cmocka_unit_test(start_values_have_their_distribution),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
