/* train on text: windows over a stream, the loop without a carry, resume to the
 * byte, and what cannot be trained. */
#include "scratch.h"
#include "small_models.h"
#include "train/train.h"

#include <math.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TOKENS = 420, VOCABULARY = 7 };
static int32_t stream[TOKENS];
/* A stream with a rule to learn: each token is twice the last, plus 1 every third time. */
static nyx_dataset text_dataset(void)
{
    nyx_dataset d = { .kind = "text", .vocabulary = VOCABULARY, .ignore = -1, .puzzles = 1 };

    for (int i = 1; i < TOKENS; i++)
        stream[i] = (2 * stream[i - 1] + (i % 3 == 0)) % VOCABULARY;
    d.train.tokens = stream;
    d.train.token_count = 300;
    d.test.tokens = stream + 300;
    d.test.token_count = TOKENS - 300;
    return d;
}

static char *path_of(const char *name)
{
    static char paths[4][96];
    static int  next;
    char       *path = paths[next++ % 4];

    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

/* Every window is a piece of the stream, targets are one further, and an epoch
 * visits each once; other epochs have other shifts. */
static void windows_are_pieces_of_the_stream(void **state)
{
    enum { T = 16 };
    const nyx_dataset d = text_dataset();
    nyx_rows          rows = nyx_rows_of(&d, &d.train, T, T);
    int32_t           inputs[T], targets[T], id;
    int64_t           least = TOKENS, most = -1;

    (void)state;
    assert_int_equal(rows.count, 299 / T);
    assert_int_equal(rows.slack, 299 - 299 / T * T);
    for (int64_t epoch = 0; epoch < 200; epoch++) {
        nyx_rows_shift(&rows, 3, epoch);
        assert_true(rows.shift >= 0 && rows.shift <= rows.slack);
        least = rows.shift < least ? rows.shift : least;
        most = rows.shift > most ? rows.shift : most;
        for (int64_t i = 0; i < rows.count; i++) {
            nyx_rows_get(&rows, i, inputs, targets, &id);
            assert_memory_equal(inputs, stream + rows.shift + i * T, sizeof inputs);
            assert_memory_equal(targets, stream + rows.shift + i * T + 1, sizeof targets);
            assert_int_equal(id, 0);
        }
    }
    assert_true(least == 0 && most == rows.slack);
}

/* llama_text with other training: two micro-batches, averages, AdamW. */
static nyx_config training_config(const nyx_dataset *d, int64_t steps)
{
    nyx_config config;

    ok(parse(&config, llama_text));
    config.training.steps = steps;
    config.training.batch = 6;
    config.training.micro_batches = 2;
    config.training.ema = 0.9;
    config.training.evaluate_every = 4;
    config.training.optimizer.kind = NYX_ADAMW;
    config.training.optimizer.learning_rate = 0.02;
    ok(nyx_config_bind(&config, d->vocabulary, d->length, d->ignore, d->puzzles, "d"));
    return config;
}

static nyx_train_options options_of(const nyx_dataset *d, int64_t steps)
{
    return (nyx_train_options){ .config = training_config(d, steps), .dataset = d, .dataset_sha256 = "0", .seed = 5 };
}

static nyx_train_result train_to(const nyx_train_options *options, const char *model)
{
    nyx_device      *device;
    nyx_trainer     *trainer;
    nyx_train_result result;

    ok(nyx_device_open(&device, "cpu", 1));
    ok(nyx_trainer_create(&trainer, device, options));
    ok(nyx_trainer_run(trainer, &result));
    ok(nyx_trainer_save(trainer, model));
    nyx_trainer_free(trainer);
    nyx_device_close(device);
    return result;
}

static void the_rule_of_a_stream_is_learnt(void **state)
{
    const nyx_dataset       d = text_dataset();
    const nyx_train_options options = options_of(&d, 150);
    const nyx_train_result  result = train_to(&options, path_of("learnt.h5"));

    (void)state;
    print_message("test loss %.4f of log 7 = %.4f, %lld of %lld tokens\n", result.test.loss, log(7.0),
                  (long long)result.test.tokens_right, (long long)result.test.tokens);
    assert_int_equal(result.test.tokens, 119 / 16 * 16);
    assert_true(result.test.loss < 0.3);
}

static void file_sha256(char hex[NYX_SHA256_HEX], const char *path)
{
    int64_t bytes;

    ok(nyx_sha256_file(hex, &bytes, path));
}

/* Dies behind step 5, as a killed program does; the checkpoint is of step 3. */
static void die_behind_five(void *context, const nyx_train_progress *progress)
{
    (void)context;
    if (progress->step == 5)
        _exit(42);
}

/* In f16 the first steps overflow, on both sides of the checkpoint. */
static void resume(int precision)
{
    const nyx_dataset d = text_dataset();
    nyx_train_options options = options_of(&d, 9);
    char              whole[NYX_SHA256_HEX], resumed[NYX_SHA256_HEX];
    nyx_train_result  result;
    pid_t             child;
    int               died;

    unlink(path_of("ck.h5"));
    options.passes.choice[NYX_PASS_PRECISION] = precision;
    options.loss_scale = precision == 2 ? 0x1p27 : 0.0;
    train_to(&options, path_of("a.h5"));
    file_sha256(whole, path_of("a.h5"));
    options.checkpoint = path_of("ck.h5");
    options.checkpoint_steps = 3;
    options.resume = true;
    options.progress = die_behind_five;
    child = fork();
    if (child == 0) {
        train_to(&options, path_of("never.h5"));
        _exit(1);
    }
    assert_true(waitpid(child, &died, 0) == child && WIFEXITED(died) && WEXITSTATUS(died) == 42);
    options.progress = NULL;
    result = train_to(&options, path_of("b.h5"));
    assert_int_equal(result.first_step, 3);
    assert_int_equal(result.scaling.skipped, precision == 2 ? 6 : 0);
    assert_true(result.scaling.factor == (precision == 2 ? 0x1p21 : 1));
    file_sha256(resumed, path_of("b.h5"));
    assert_string_equal(whole, resumed);
}

static void a_resumed_run_writes_the_same_bytes(void **state)
{
    (void)state;
    for (int precision = 0; precision < nyx_pass_choices(NYX_PASS_PRECISION); precision++)
        resume(precision);
}

/* Without gradients only weight decay moves a parameter: matrices shrink,
 * gains and biases stay. */
static void only_matrices_decay(void **state)
{
    nyx_config  config;
    machine     m;
    const float dense[4] = { 0.5f, 0.1f, 1.0f, 0.0f }, plain[4] = { 1.0f, 0.1f, 1.0f, 0.0f };

    (void)state;
    ok(parse(&config, gpt2_text));
    ok(nyx_config_bind(&config, 7, 0, -1, 1, "d"));
    machine_open(&m, 1);
    nyx_optimizer_build(machine_graph(&m, NYX_F32), &config, 4, 1, false);
    machine_compile(&m);
    nyx_store_write(m.store, "step.scalars", dense);
    nyx_store_write(m.store, "step.plain_scalars", plain);
    for (int i = 0; i < nyx_model_parameter_count(&config); i++) {
        const nyx_parameter p = nyx_model_parameter(&config, i);
        float              *x = machine_copy(&m, p.name);

        for (int64_t k = 0; k < nyx_shape_count(&p.shape); k++)
            x[k] = 2.0f;
        nyx_store_write(m.store, p.name, x);
        nyx_free(x);
    }
    machine_run(&m, 0, 0, 0);
    for (int i = 0; i < nyx_model_parameter_count(&config); i++) {
        const nyx_parameter p = nyx_model_parameter(&config, i);
        float              *x = machine_copy(&m, p.name);

        assert_true(x[0] == (p.shape.rank == 2 ? 1.0f : 2.0f));
        nyx_free(x);
    }
    machine_close(&m);
}

static void the_tokenizer_goes_with_the_model(void **state)
{
    nyx_dataset       d = text_dataset();
    nyx_train_options options = options_of(&d, 1);
    nyx_reader       *file;
    nyx_json         *json;

    (void)state;
    d.tokenizer = nyx_json_object();
    nyx_json_set_text(d.tokenizer, "kind", "bytes");
    train_to(&options, path_of("t.h5"));
    ok(nyx_reader_open(&file, path_of("t.h5")));
    ok(nyx_reader_json(file, "/tokenizer", &json));
    assert_string_equal(nyx_json_text(nyx_json_get(json, "kind"), "-"), "bytes");
    nyx_json_free(json);
    nyx_json_free(d.tokenizer);
    nyx_reader_close(file);
}

static void a_text_shorter_than_the_context_is_refused(void **state)
{
    nyx_dataset       d = text_dataset();
    nyx_train_options options;
    nyx_device       *device;
    nyx_trainer      *trainer;

    (void)state;
    d.train.token_count = 16;
    options = options_of(&d, 1);
    ok(nyx_device_open(&device, "cpu", 1));
    assert_int_equal(nyx_trainer_create(&trainer, device, &options), NYX_ERR_INPUT);
    assert_non_null(strstr(nyx_error_text(), "has 16 tokens, a row of context 16 needs 17"));
    nyx_device_close(device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_are_pieces_of_the_stream),
        cmocka_unit_test(the_rule_of_a_stream_is_learnt),
        cmocka_unit_test(a_resumed_run_writes_the_same_bytes),
        cmocka_unit_test(only_matrices_decay),
        cmocka_unit_test(the_tokenizer_goes_with_the_model),
        cmocka_unit_test(a_text_shorter_than_the_context_is_refused),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
