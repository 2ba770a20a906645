/* decoder, mlp: gradients against finite differences in float64, micro-batches,
 * evaluation beside training, and what a causal model may not see. */
#include "small_models.h"
#include "worse.h"

#include <math.h>

enum { SLOTS = 3 };

static nyx_config bound_plain(const char *text)
{
    nyx_config config;

    ok(parse(&config, text));
    ok(nyx_config_bind(&config, config.model.kind == NYX_MODEL_MLP ? 9 : 7, 16, -1, 1, "d"));
    return config;
}

static void write_wide(machine *m, const char *name, const float *x, int64_t elems)
{
    double *wide;

    ok(nyx_alloc(&wide, elems * 8));
    for (int64_t i = 0; i < elems; i++)
        wide[i] = (double)x[i];
    nyx_store_write(m->store, name, wide);
    nyx_free(wide);
}

/* Larger than their starting values, and no two alike: gains, biases and the
 * small embeddings must matter. */
static void write_parameters(machine *m, const nyx_config *config)
{
    nyx_random random;

    nyx_random_init(&random, 11, 0);
    for (int i = 0; i < nyx_model_parameter_count(config); i++) {
        const nyx_parameter p = nyx_model_parameter(config, i);
        const int64_t       elems = nyx_shape_count(&p.shape);
        float              *x;

        ok(nyx_alloc(&x, elems * 4));
        nyx_model_init(config, i, 5, x);
        for (int64_t k = 0; k < elems; k++)
            x[k] += (float)(nyx_random_uniform(&random) - 0.5) * 0.7f;
        write_wide(m, p.name, x, elems);
        nyx_free(x);
    }
}

/* Rows for `slots`; every third target of the first is ignored. Returns how
 * many are not. */
static int write_batch(machine *m, const nyx_config *config, int slots, const char *prefix)
{
    const int64_t length = config->data.length, targets = nyx_config_targets(config);
    int32_t       tokens[256];
    char          name[32];
    nyx_random    random;
    int           scored = 0;

    assert_true(slots * length <= 256);
    nyx_random_init(&random, 23, 1);
    for (int i = 0; i < slots * length; i++)
        tokens[i] = (int32_t)nyx_random_below(&random, (uint64_t)config->data.vocabulary);
    snprintf(name, sizeof name, "%s.inputs", prefix);
    nyx_store_write(m->store, name, tokens);
    for (int i = 0; i < slots * targets; i++) {
        tokens[i] = (int32_t)nyx_random_below(&random, (uint64_t)nyx_config_classes(config));
        if (i < length && i % 3 == 0)
            tokens[i] = (int32_t)config->data.ignore;
        scored += tokens[i] >= 0;
    }
    snprintf(name, sizeof name, "%s.targets", prefix);
    nyx_store_write(m->store, name, tokens);
    return scored;
}

static void write_share(machine *m, int scored)
{
    const double share = 1.0 / scored;

    nyx_store_write(m->store, "batch.share", &share);
}

/* Derivative of the loss by element k of x, by Richardson's extrapolation. */
static double slope_of(machine *m, const char *name, double *x, int64_t k)
{
    const double h = 2e-4, old = x[k], by[4] = { h, -h, 2 * h, -2 * h };
    double       at[4];

    for (int i = 0; i < 4; i++) {
        x[k] = old + by[i];
        nyx_store_write(m->store, name, x);
        machine_run(m, 0, 0, 0);
        at[i] = machine_f64(m, "out.loss");
    }
    x[k] = old;
    nyx_store_write(m->store, name, x);
    return (8.0 * (at[0] - at[1]) - (at[2] - at[3])) / (12.0 * h);
}

static double tensor_error(machine *m, const nyx_parameter *p)
{
    const int64_t elems = nyx_shape_count(&p->shape), step = elems / 40 > 0 ? elems / 40 : 1;
    double       *x = machine_copy(m, p->name), *gradient, off = 0, size = 0;
    char          name[48];

    snprintf(name, sizeof name, "grad.%s", p->name);
    machine_run(m, 0, 0, 0);
    gradient = machine_copy(m, name);
    for (int64_t k = 0; k < elems; k += step) {
        const double slope = slope_of(m, p->name, x, k);

        off += (slope - gradient[k]) * (slope - gradient[k]);
        size += slope * slope;
    }
    nyx_free(gradient);
    nyx_free(x);
    /* Keys' biases shift all scores of a row alike: no gradient at all. */
    return size < 1e-16 ? sqrt(off) : sqrt(off / size);
}

static void gradients_are_finite_differences(void **state)
{
    static const char mixed_text[] =
        "{\"model\":{\"kind\":\"decoder\",\"width\":12,\"heads\":2,\"kv_heads\":1,\"layers\":1,\"inner\":20,"
        "\"context\":18,\"norm\":\"layernorm\",\"bias\":true,\"position\":\"learned\"}," REQUIRED "}";
    static const struct { const char *name, *text; } models[] = {
        { "llama", llama_text }, { "gpt2", gpt2_text }, { "mixed", mixed_text }, { "mlp", mlp_text },
    };

    (void)state;
    for (size_t k = 0; k < sizeof models / sizeof *models; k++) {
        const nyx_config config = bound_plain(models[k].text);
        double           worst = 0;
        machine          m;

        machine_open(&m, 1);
        nyx_model_build_step(machine_graph(&m, NYX_F64), &config,
                             &(nyx_step_options){ .slots = SLOTS, .batch = SLOTS });
        machine_compile(&m);
        write_parameters(&m, &config);
        write_share(&m, write_batch(&m, &config, SLOTS, "batch"));
        for (int i = 0; i < nyx_model_parameter_count(&config); i++) {
            const nyx_parameter p = nyx_model_parameter(&config, i);
            const double        error = tensor_error(&m, &p);

            worst = worse(worst, error);
            if (!(error < 1e-8))
                fail_msg("%s: gradient of %s is off by %.3g", models[k].name, p.name, error);
        }
        print_message("%s: largest error of a gradient %.2g\n", models[k].name, worst);
        machine_close(&m);
    }
}

/* Two micro-batches of half the slots against one batch: loss and gradients. */
static void micro_batches_add_up(void **state)
{
    enum { HALF = 2 };
    const char *const texts[] = { llama_text, gpt2_text, mlp_text };

    (void)state;
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        const nyx_config config = bound_plain(texts[k]);
        machine          whole, parts;
        double           losses[2];

        machine_open(&whole, 1);
        nyx_model_build_step(machine_graph(&whole, NYX_F64), &config,
                             &(nyx_step_options){ .slots = 2 * HALF, .batch = 2 * HALF, .inspect = true });
        machine_compile(&whole);
        write_parameters(&whole, &config);
        write_share(&whole, write_batch(&whole, &config, 2 * HALF, "batch"));
        machine_run(&whole, 0, 0, 0);
        machine_open(&parts, 2);
        nyx_model_build_step(machine_graph(&parts, NYX_F64), &config,
                             &(nyx_step_options){ .slots = HALF, .batch = 2 * HALF, .accumulate = true });
        machine_compile(&parts);
        write_parameters(&parts, &config);
        write_share(&parts, write_batch(&parts, &config, 2 * HALF, "batch"));
        machine_run(&parts, 0, 0, 0);
        machine_run(&parts, 0, 0, 1);
        nyx_store_read(parts.store, "out.loss", losses);
        assert_true(fabs(losses[0] + losses[1] - machine_f64(&whole, "out.loss")) < 1e-14);
        for (int i = 0; i < nyx_model_parameter_count(&config); i++) {
            char    name[48];
            double *a, *b, off = 0;

            snprintf(name, sizeof name, "grad.%s", nyx_model_parameter(&config, i).name);
            a = machine_copy(&whole, name);
            b = machine_copy(&parts, name);
            for (int64_t j = 0; j < machine_bytes(&whole, name) / 8; j++)
                off = worse(off, fabs(a[j] - b[j]));
            assert_true(off < 1e-14);
            nyx_free(a);
            nyx_free(b);
        }
        machine_close(&parts);
        machine_close(&whole);
    }
}

/* The evaluation's loss of a row is the mean over its scored targets; all rows
 * together give the step's. */
static void evaluation_agrees_with_the_step(void **state)
{
    const char *const texts[] = { llama_text, gpt2_text, mlp_text };

    (void)state;
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        const nyx_config config = bound_plain(texts[k]);
        double          *loss, sum = 0;
        int32_t         *valid;
        machine          m;
        int              scored;

        machine_open(&m, 1);
        nyx_model_build_step(machine_graph(&m, NYX_F64), &config,
                             &(nyx_step_options){ .slots = SLOTS, .batch = SLOTS });
        nyx_model_build_eval(machine_graph(&m, NYX_F64), &config, SLOTS, false);
        machine_compile(&m);
        write_parameters(&m, &config);
        write_batch(&m, &config, SLOTS, "eval");
        scored = write_batch(&m, &config, SLOTS, "batch");
        write_share(&m, scored);
        machine_run(&m, 0, 0, 0);
        machine_run(&m, 1, 0, 0);
        loss = machine_copy(&m, "eval.lm_loss");
        valid = machine_copy(&m, "eval.valid");
        for (int i = 0; i < SLOTS; i++)
            sum += loss[i] * valid[i];
        assert_true(fabs(sum / scored - machine_f64(&m, "out.loss")) < 1e-12);
        nyx_free(loss);
        nyx_free(valid);
        machine_close(&m);
    }
}

/* A token changes no logits in front of it, and those at and behind it. */
static void the_future_is_not_seen(void **state)
{
    const char *const texts[] = { llama_text, gpt2_text };

    (void)state;
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        const nyx_config config = bound_plain(texts[k]);
        int32_t          tokens[16] = { 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6, 0, 1, 2 };
        double          *before, *after;
        machine          m;

        machine_open(&m, 1);
        nyx_model_build_eval(machine_graph(&m, NYX_F64), &config, 1, false);
        machine_compile(&m);
        write_parameters(&m, &config);
        nyx_store_write(m.store, "eval.inputs", tokens);
        machine_run(&m, 0, 0, 0);
        before = machine_copy(&m, "eval.logits");
        tokens[9] = 0;
        nyx_store_write(m.store, "eval.inputs", tokens);
        machine_run(&m, 0, 0, 0);
        after = machine_copy(&m, "eval.logits");
        assert_memory_equal(before, after, 9 * 7 * 8);
        for (int t = 9; t < 16; t++)
            assert_memory_not_equal(before + t * 7, after + t * 7, 7 * 8);
        nyx_free(before);
        nyx_free(after);
        machine_close(&m);
    }
}

/* Through its pieces, each fed what the one before gave, a decoder says what it
 * says as a whole, to the bit. */
static void pieces_give_the_logits_of_the_whole(void **state)
{
    const char *const texts[] = { llama_text, gpt2_text };
    static const int32_t tokens[32] = { 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 6, 5, 4, 3, 2, 1 };

    (void)state;
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        const nyx_config config = bound_plain(texts[k]);
        const int        pieces = nyx_model_piece_count(&config);
        machine          whole, parts;
        double          *logits, *pieced;

        machine_open(&whole, 1);
        nyx_model_build_eval(machine_graph(&whole, NYX_F64), &config, 2, false);
        machine_compile(&whole);
        write_parameters(&whole, &config);
        nyx_store_write(whole.store, "eval.inputs", tokens);
        machine_run(&whole, 0, 0, 0);
        machine_open(&parts, 1);
        for (int i = 0; i < pieces; i++)
            nyx_model_build_piece(machine_graph(&parts, NYX_F64), &config, 2, i);
        machine_compile(&parts);
        write_parameters(&parts, &config);
        nyx_store_write(parts.store, "piece.tokens", tokens);
        for (int i = 0; i < pieces; i++) {
            double *out;

            machine_run(&parts, i, 0, 0);
            if (i + 1 == pieces)
                break;
            out = machine_copy(&parts, "piece.out");
            nyx_store_write(parts.store, "piece.in", out);
            nyx_free(out);
        }
        logits = machine_copy(&whole, "eval.logits");
        pieced = machine_copy(&parts, "piece.logits");
        assert_true(logits[0] == logits[0]); /* no NaN */
        assert_memory_equal(logits, pieced, 2 * 16 * 7 * sizeof *logits);
        nyx_free(pieced);
        nyx_free(logits);
        machine_close(&parts);
        machine_close(&whole);
        assert_int_equal(nyx_model_piece_of(&config, "embed"), 0);
        assert_int_equal(nyx_model_piece_of(&config, "blocks.1.mlp.down"), 2);
        assert_int_equal(nyx_model_piece_of(&config, "norm"), 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_finite_differences),
        cmocka_unit_test(micro_batches_add_up),
        cmocka_unit_test(evaluation_agrees_with_the_step),
        cmocka_unit_test(the_future_is_not_seen),
        cmocka_unit_test(pieces_give_the_logits_of_the_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
