/* A model that stays coded while it runs says what the decoded one says. */
#include "scratch.h"
#include "model_files.h"
#include "worse.h"

#include "graph/inference.h"
#include "run/run.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

static const char *const models[] = { hrm_text, learned_text, transformer_text, llama_text, gpt2_text };
static const char *const formats[] = { "f16",     "bf16",          "fp8-e4m3:channel",       "int8:g32",
                                       "int4:g32", "int3:g32",     "int4:g32:asym:zero=f16", "int2:g16:asym",
                                       "nf4",      "mxfp4",        "nvfp4" };
enum { MODELS = sizeof models / sizeof *models, FORMATS = sizeof formats / sizeof *formats };

enum { SLOTS = 9, TOKENS = 16, VOCABULARY = 7, LOGITS = SLOTS * TOKENS * VOCABULARY };

static void logits_of(float out[LOGITS], const char *path, const char *device_name, int threads)
{
    nyx_device  *device;
    nyx_session *session;
    int32_t      inputs[SLOTS * TOKENS], ids[SLOTS];

    for (int i = 0; i < SLOTS * TOKENS; i++)
        inputs[i] = i * 5 % VOCABULARY;
    for (int i = 0; i < SLOTS; i++)
        ids[i] = i % 5;
    ok(nyx_device_open(&device, device_name, threads));
    ok(nyx_session_open(&session, device, path, SLOTS));
    ok(nyx_session_logits(session, inputs, ids, SLOTS, out));
    nyx_session_close(session);
    nyx_device_close(device);
}

static void a_coded_model_says_what_the_decoded_one_says(void **state)
{
    static float coded[LOGITS], plain[LOGITS], other[LOGITS];

    (void)state;
    for (int m = 0; m < MODELS; m++)
        for (int f = 0; f < FORMATS; f++) {
            const nyx_config config = bound(models[m]);
            nyx_format       format;
            double           most = 0, apart = 0;

            ok(nyx_format_parse(&format, formats[f]));
            write_model(in_folder("coded.h5"), &config, initial_values, &format, true);
            write_model(in_folder("plain.h5"), &config, initial_values, &format, false);
            logits_of(coded, in_folder("coded.h5"), "cpu", 1);
            logits_of(other, in_folder("coded.h5"), "cpu", 2);
            logits_of(plain, in_folder("plain.h5"), "cpu", 1);
            assert_memory_equal(coded, other, sizeof coded);
            for (int i = 0; i < LOGITS; i++) {
                most = worse(most, fabs((double)plain[i]));
                apart = worse(apart, fabs((double)coded[i] - (double)plain[i]));
            }
            if (!(most > 0 && apart <= 2e-5 * most))
                fail_msg("model %d in %s: %g apart of %g", m, formats[f], apart, most);
        }
}

/* The matrices of a decoder are read as planes by every operation on them. */
static void nothing_is_expanded(void **state)
{
    (void)state;
    for (int m = 0; m < MODELS; m++) {
        nyx_config config = bound(models[m]);
        nyx_format codings[64] = { { 0 } };
        nyx_graph *g;

        assert_true(nyx_model_parameter_count(&config) <= 64);
        for (int i = 0; i < nyx_model_parameter_count(&config); i++) {
            const nyx_parameter p = nyx_model_parameter(&config, i);

            if (p.shape.rank == 2 && strcmp(p.name, "position") != 0)
                ok(nyx_format_parse(&codings[i], "int4:g32"));
        }
        config.codings = codings;
        ok(nyx_graph_create(&g, NYX_F32));
        nyx_model_build_eval(g, &config, 2, false);
        ok(nyx_graph_prune(g));
        for (int n = 0; n < nyx_graph_node_count(g); n++) {
            assert_int_not_equal(nyx_graph_node(g, n)->op, NYX_OP_DECODE);
            assert_int_not_equal(nyx_graph_node(g, n)->op, NYX_OP_MATMUL);
        }
        nyx_graph_free(g);
    }
}

/* Halves in a plain dataset are the same bytes as the format. */
static void plain_halves_stay_halves(void **state)
{
    const nyx_config config = bound(transformer_text);
    static uint16_t  halves[64 * 64];
    static float     values[64 * 64], a[LOGITS], b[LOGITS];
    nyx_format       format, *codings;
    nyx_reader      *file;
    nyx_writer      *writer;
    nyx_json        *json = nyx_config_json(&config);

    (void)state;
    ok(nyx_format_parse(&format, "f16"));
    write_model(in_folder("coded.h5"), &config, initial_values, &format, true);
    ok(nyx_writer_open(&writer, in_folder("halves.h5"), "model"));
    ok(nyx_writer_json(writer, "/config", json));
    for (int i = 0; i < nyx_model_parameter_count(&config); i++) {
        const nyx_parameter p = nyx_model_parameter(&config, i);
        char                name[64];

        assert_true(nyx_shape_count(&p.shape) <= 64 * 64);
        snprintf(name, sizeof name, "/tensors/%s", p.name);
        nyx_model_init(&config, i, 3, values);
        nyx_convert_from_f32(NYX_F16, halves, values, nyx_shape_count(&p.shape));
        const nyx_tensor tensor = p.shape.rank == 2 && !p.sparse ? nyx_tensor_view(NYX_F16, &p.shape, halves)
                                                    : nyx_tensor_view(NYX_F32, &p.shape, values);
        ok(nyx_writer_tensor(writer, name, &tensor));
    }
    nyx_json_free(json);
    ok(nyx_writer_commit(writer));
    logits_of(a, in_folder("coded.h5"), "cpu", 1);
    logits_of(b, in_folder("halves.h5"), "cpu", 1);
    assert_memory_equal(a, b, sizeof a);
    ok(nyx_reader_open(&file, in_folder("halves.h5")));
    ok(nyx_parameters_codings(&codings, &config, file));
    assert_true(nyx_format_equal(&codings[0], &format));
    nyx_free(codings);
    nyx_reader_close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_coded_model_says_what_the_decoded_one_says),
        cmocka_unit_test(nothing_is_expanded),
        cmocka_unit_test(plain_halves_stay_halves),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
