/* Decoders that go on: cached logits are those of all positions at once, and
 * depend on nothing but the text. */
#include "scratch.h"
#include "model_files.h"
#include "worse.h"

#include "run/run.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

enum { VOCABULARY = 37, LONGEST = 601 };

/* Llama with a head of its own, and GPT-2; a long one is thin. */
static const char long_llama[] = "{\"model\":{\"kind\":\"decoder\",\"width\":24,\"heads\":4,\"kv_heads\":2,"
                                 "\"head_width\":6,\"layers\":2,\"inner\":20,\"context\":601}," REQUIRED "}";
static const char long_gpt2[] = "{\"model\":{\"kind\":\"decoder\",\"width\":24,\"heads\":3,\"layers\":2,\"inner\":48,"
                                "\"context\":601,\"norm\":\"layernorm\",\"activation\":\"gelu\",\"position\":"
                                "\"learned\",\"bias\":true,\"tied\":true}," REQUIRED "}";
static const char *const texts[] = { long_llama, long_gpt2 };

static nyx_config config_of(int which)
{
    nyx_config config;

    ok(parse(&config, texts[which]));
    ok(nyx_config_bind(&config, VOCABULARY, LONGEST, -1, 1, "d"));
    return config;
}

static float *values_of(const nyx_config *config, int index)
{
    const nyx_parameter p = nyx_model_parameter(config, index);
    const int64_t       elems = nyx_shape_count(&p.shape);
    float              *values = initial_values(config, index);

    for (int64_t i = 0; i < elems; i++) /* logits that differ: embeddings start small, biases at 0 */
        values[i] = p.shape.rank == 2 ? 5 * values[i] : values[i] + 0.01f * (float)(i % 7);
    return values;
}

static void write_lively(const char *path, const nyx_config *config, const char *format_text)
{
    nyx_format format;

    if (format_text)
        ok(nyx_format_parse(&format, format_text));
    write_model(path, config, values_of, format_text ? &format : NULL, true);
}

static void fill_tokens(int32_t tokens[LONGEST], int seed)
{
    nyx_random random;

    nyx_random_init(&random, (uint64_t)seed, 1);
    for (int i = 0; i < LONGEST; i++)
        tokens[i] = (int32_t)nyx_random_below(&random, VOCABULARY);
}

/* Logits of every position by the evaluation program. */
static float *all_logits(const nyx_config *config, const int32_t *tokens)
{
    machine m;
    float  *logits;

    machine_open(&m, 1);
    nyx_model_build_eval(machine_graph(&m, NYX_F32), config, 1, false);
    machine_compile(&m);
    for (int i = 0; i < nyx_model_parameter_count(config); i++) {
        float *values = values_of(config, i);

        nyx_store_write(m.store, nyx_model_parameter(config, i).name, values);
        nyx_free(values);
    }
    nyx_store_write(m.store, "eval.inputs", tokens);
    machine_run(&m, 0, 0, 0);
    logits = machine_copy(&m, "eval.logits");
    machine_close(&m);
    return logits;
}

static nyx_generator *generator_of(const char *path, int64_t sequences, int64_t chunk, int threads,
                                   nyx_device **device)
{
    nyx_generator *g;

    ok(nyx_device_open(device, "cpu", threads));
    ok(nyx_generator_open(&g, *device, path, &(nyx_generator_options){ sequences, 0, chunk, NYX_ACTIVATIONS_REAL }));
    return g;
}

static double apart(const float *a, const float *b)
{
    double most = 0, size = 0;

    for (int i = 0; i < VOCABULARY; i++) {
        most = worse(most, fabs((double)a[i] - (double)b[i]));
        size = worse(size, fabs((double)b[i]));
    }
    return most / size;
}

static void cached_logits_are_those_of_all_positions(void **state)
{
    static const int64_t pieces[] = { 1, 4, 28, 33, 512, 3 }; /* then one at a time */

    (void)state;
    for (int which = 0; which < 2; which++) {
        const nyx_config config = config_of(which);
        int32_t          tokens[LONGEST];
        int64_t          at = 0;
        nyx_device      *device;
        nyx_generator   *g;
        float           *all;

        fill_tokens(tokens, 1);
        write_lively(in_folder("m.h5"), &config, NULL);
        all = all_logits(&config, tokens);
        g = generator_of(in_folder("m.h5"), 1, 0, 1, &device);
        for (size_t i = 0; i < sizeof pieces / sizeof *pieces; at += pieces[i++]) {
            ok(nyx_generator_feed(g, 0, tokens + at, pieces[i]));
            if (!(apart(nyx_generator_logits(g, 0), all + (at + pieces[i] - 1) * VOCABULARY) < 2e-5))
                fail_msg("model %d: logits after %d tokens are %g off", which, (int)(at + pieces[i]),
                         apart(nyx_generator_logits(g, 0), all + (at + pieces[i] - 1) * VOCABULARY));
        }
        for (; at < LONGEST; at++) {
            ok(nyx_generator_step(g, &tokens[at]));
            assert_true(apart(nyx_generator_logits(g, 0), all + at * VOCABULARY) < 2e-5);
        }
        assert_int_equal(nyx_generator_length(g, 0), LONGEST);
        assert_int_equal(nyx_generator_feed(g, 0, tokens, 1), NYX_ERR_INPUT);
        nyx_generator_close(g);
        nyx_device_close(device);
        nyx_free(all);
    }
}

/* Sequence s reads 5 + 40 s tokens of its own, then all go on by the likeliest. */
enum { MANY = 11, STEPS = 12 };

static void run_sequences(nyx_generator *g, int first, int count, int64_t longest, float *out)
{
    int32_t next[MANY];

    for (int s = 0; s < count; s++) {
        int32_t tokens[LONGEST];
        int64_t length = 5 + 40 * (first + s);

        fill_tokens(tokens, first + s);
        ok(nyx_generator_feed(g, s, tokens, length < longest ? length : longest));
    }
    for (int step = 0; step < STEPS; step++) {
        for (int s = 0; s < count; s++) {
            const float *logits = nyx_generator_logits(g, s);

            memcpy(out + (s * STEPS + step) * VOCABULARY, logits, VOCABULARY * sizeof *logits);
            next[s] = (int32_t)(step % 3 == 2 && s % 2 ? -1 : 0); /* some rest now and then */
            for (int i = 1; i < VOCABULARY && next[s] >= 0; i++)
                next[s] = logits[i] > logits[next[s]] ? i : next[s];
        }
        ok(nyx_generator_step(g, next));
    }
}

static void a_text_does_not_feel_other_texts(void **state)
{
    static const char *const formats[] = { NULL, "int4:g32", "int8:channel", "f16" };
    static float             together[MANY * STEPS * VOCABULARY], alone[STEPS * VOCABULARY];

    (void)state;
    for (int which = 0; which < 2; which++)
        for (size_t f = 0; f < sizeof formats / sizeof *formats; f++) {
            const nyx_config config = config_of(which);
            nyx_device      *device;
            nyx_generator   *g;

            write_lively(in_folder("m.h5"), &config, formats[f]);
            g = generator_of(in_folder("m.h5"), MANY, 0, 2, &device);
            run_sequences(g, 0, MANY, LONGEST, together);
            nyx_generator_close(g);
            nyx_device_close(device);
            for (int s = 0; s < MANY; s += 2) { /* those that never rest */
                g = generator_of(in_folder("m.h5"), 1, s % 4 ? 32 : 0, 1, &device);
                run_sequences(g, s, 1, LONGEST, alone);
                assert_memory_equal(alone, together + s * STEPS * VOCABULARY, sizeof alone);
                nyx_generator_close(g);
                nyx_device_close(device);
            }
        }
}

static void pieces_change_no_bit(void **state)
{
    const nyx_config config = config_of(0);
    int32_t          tokens[LONGEST];
    nyx_device      *device;
    nyx_generator   *g;
    float            first[VOCABULARY];

    (void)state;
    fill_tokens(tokens, 9);
    write_lively(in_folder("m.h5"), &config, "int4:g32");
    for (int chunk = 0; chunk <= 32; chunk += 32) {
        g = generator_of(in_folder("m.h5"), 2, chunk, 1 + chunk / 32, &device);
        ok(nyx_generator_feed(g, 1, tokens, LONGEST));
        if (chunk)
            assert_memory_equal(first, nyx_generator_logits(g, 1), sizeof first);
        memcpy(first, nyx_generator_logits(g, 1), sizeof first);
        nyx_generator_close(g);
        nyx_device_close(device);
    }
}

static void what_cannot_go_on_is_refused(void **state)
{
    nyx_config     config = bound(transformer_text);
    int32_t        bad[] = { 1, VOCABULARY };
    nyx_device    *device;
    nyx_generator *g;

    (void)state;
    ok(nyx_device_open(&device, "cpu", 1));
    write_lively(in_folder("t.h5"), &config, NULL);
    assert_int_equal(nyx_generator_open(&g, device, in_folder("t.h5"), &(nyx_generator_options){ .sequences = 1 }),
                     NYX_ERR_INPUT);
    assert_non_null(strstr(nyx_error_text(), "no decoder"));
    config = config_of(0);
    write_lively(in_folder("t.h5"), &config, NULL);
    assert_int_equal(
        nyx_generator_open(&g, device, in_folder("t.h5"), &(nyx_generator_options){ .sequences = 1, .context = 602 }),
        NYX_ERR_INPUT);
    ok(nyx_generator_open(&g, device, in_folder("t.h5"), &(nyx_generator_options){ .sequences = 1, .context = 40 }));
    assert_int_equal(nyx_generator_feed(g, 0, bad, 2), NYX_ERR_INPUT);
    assert_int_equal(nyx_generator_length(g, 0), 0);
    nyx_generator_close(g);
    nyx_device_close(device);
}

/* ---- drawing ------------------------------------------------------------------------ */

static const float odds[] = { 1.0f, 3.0f, -1.0f, 2.0f, 3.0f, 0.0f }; /* logits */
enum { CHOICES = 6, DRAWS = 20000 };

static void count_draws(int counts[CHOICES], nyx_sampling how)
{
    nyx_chooser *chooser;

    memset(counts, 0, CHOICES * sizeof *counts);
    ok(nyx_chooser_create(&chooser, &how, CHOICES));
    for (int i = 0; i < DRAWS; i++)
        counts[nyx_chooser_next(chooser, odds, i % 7, i / 7)]++;
    nyx_chooser_free(chooser);
}

/* Five standard deviations around what the softmax of the allowed gives. */
static void check_draws(nyx_sampling how, const char *allowed)
{
    int    counts[CHOICES];
    double weight[CHOICES], total = 0;

    count_draws(counts, how);
    for (int i = 0; i < CHOICES; i++) {
        weight[i] = strchr(allowed, '0' + i) ? exp((double)odds[i] / how.temperature) : 0;
        total += weight[i];
    }
    for (int i = 0; i < CHOICES; i++) {
        const double p = weight[i] / total, expected = p * DRAWS;

        if (fabs(counts[i] - expected) > 5 * sqrt(expected * (1 - p)) + 1e-9)
            fail_msg("choice %d came %d times, %g were expected", i, counts[i], expected);
    }
}

static void draws_follow_their_odds(void **state)
{
    int a[CHOICES], b[CHOICES];

    (void)state;
    check_draws((nyx_sampling){ .temperature = 1, .top_p = 1, .seed = 1 }, "012345");
    check_draws((nyx_sampling){ .temperature = 2.5, .top_p = 1, .seed = 2 }, "012345");
    check_draws((nyx_sampling){ .temperature = 1, .top_p = 1, .top_k = 3, .seed = 3 }, "134");
    check_draws((nyx_sampling){ .temperature = 1, .top_p = 1, .top_k = 1, .seed = 3 }, "1");
    /* shares: 0.388 0.388 0.143 0.053 0.019 0.007 */
    check_draws((nyx_sampling){ .temperature = 1, .top_p = 0.9, .seed = 4 }, "134");
    check_draws((nyx_sampling){ .temperature = 1, .top_p = 0.5, .seed = 5 }, "14");
    check_draws((nyx_sampling){ .temperature = 1, .top_p = 1e-9, .seed = 6 }, "1");
    check_draws((nyx_sampling){ .temperature = 1, .top_p = 0.8, .top_k = 3, .seed = 7 }, "14");
    count_draws(a, (nyx_sampling){ .temperature = 0, .top_p = 1, .seed = 8 });
    assert_int_equal(a[1], DRAWS); /* the first of equals */
    count_draws(a, (nyx_sampling){ .temperature = 1, .top_p = 0.95, .seed = 9 });
    count_draws(b, (nyx_sampling){ .temperature = 1, .top_p = 0.95, .seed = 9 });
    assert_memory_equal(a, b, sizeof a);
    count_draws(b, (nyx_sampling){ .temperature = 1, .top_p = 0.95, .seed = 10 });
    assert_true(memcmp(a, b, sizeof a) != 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cached_logits_are_those_of_all_positions),
        cmocka_unit_test(a_text_does_not_feel_other_texts),
        cmocka_unit_test(pieces_change_no_bit),
        cmocka_unit_test(what_cannot_go_on_is_refused),
        cmocka_unit_test(draws_follow_their_odds),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
