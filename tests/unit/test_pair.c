/* pair: micro-batches shared out between two devices give what one device
 * gives, wherever variables lie; training does, to rounding. */
#include "scratch.h"
#include "small_models.h"
#include "train/train.h"

#include <math.h>
#include <stdlib.h>

/* Small whole numbers: sums of them are exact, in any order. */
enum { MICROS = 4, N = 5, STEPS = 6 };
enum { STEP, APPLY };

/* A carry that moves on, a sum over micro-batches, an output of each. */
static void build_step(nyx_graph *g)
{
    const nyx_shape shape = nyx_shape_of(1, (int64_t)N);
    nyx_value       x, w, carry, sum, product;

    x = nyx_graph_variable_micro(g, "x", NYX_F32, shape, NYX_ROLE_INPUT);
    carry = nyx_graph_variable_micro(g, "carry", NYX_F32, shape, NYX_ROLE_CARRY);
    w = nyx_graph_variable(g, "w", NYX_F32, shape, NYX_ROLE_PARAMETER);
    sum = nyx_graph_variable(g, "sum", NYX_F32, shape, NYX_ROLE_GRADIENT);
    carry = nyx_graph_add(g, carry, x);
    product = nyx_graph_mul(g, carry, w);
    nyx_graph_assign_micro(g, "carry", NYX_ROLE_CARRY, carry);
    nyx_graph_assign_micro(g, "product", NYX_ROLE_OUTPUT, product);
    nyx_graph_assign(g, "sum", NYX_ROLE_GRADIENT, nyx_graph_add(g, sum, product));
}

/* Reads what each micro-batch left, as one, and clears the sum. */
static void build_apply(nyx_graph *g)
{
    const nyx_shape shape = nyx_shape_of(1, (int64_t)N);
    nyx_value       w, sum, carry, norm;

    w = nyx_graph_variable(g, "w", NYX_F32, shape, NYX_ROLE_PARAMETER);
    sum = nyx_graph_variable(g, "sum", NYX_F32, shape, NYX_ROLE_GRADIENT);
    carry = nyx_graph_variable_copies(g, "carry", NYX_F32, shape, NYX_ROLE_CARRY, MICROS);
    norm = nyx_graph_reduce(g, NYX_SUM, carry, 1, false);
    nyx_graph_assign(g, "norm", NYX_ROLE_OUTPUT, norm);
    nyx_graph_assign(g, "w", NYX_ROLE_PARAMETER, nyx_graph_sub(g, w, nyx_graph_affine(g, sum, 0.0625, 0.0)));
    nyx_graph_assign(g, "sum", NYX_ROLE_GRADIENT, nyx_graph_fill(g, NYX_F32, shape, 0.0));
}

static void open_on(machine *m, const char *device)
{
    memset(m, 0, sizeof *m);
    if (nyx_device_is_pair(device))
        ok(nyx_device_open_pair(&m->device, device, 2));
    else
        ok(nyx_device_open(&m->device, device, 2));
    ok(nyx_store_create(&m->store, m->device, MICROS));
    build_step(machine_graph(m, NYX_F32));
    build_apply(machine_graph(m, NYX_F32));
    machine_compile(m);
}

/* Everything that a step leaves behind. */
typedef struct {
    float w[N], sum[N], carry[MICROS][N], product[MICROS][N], norm;
} state_of_step;

static void one_step(machine *m, int step, state_of_step *out)
{
    float x[MICROS][N];

    for (int i = 0; i < MICROS * N; i++)
        x[i / N][i % N] = (float)((i * i + step * 3) % 5 - 1);
    nyx_store_write(m->store, "x", x);
    for (int micro = 0; micro < MICROS; micro++)
        machine_run(m, STEP, (uint32_t)step, micro);
    nyx_store_read(m->store, "sum", out->sum);
    machine_run(m, APPLY, (uint32_t)step, 0);
    nyx_store_read(m->store, "w", out->w);
    nyx_store_read(m->store, "carry", out->carry);
    nyx_store_read(m->store, "product", out->product);
    nyx_store_read(m->store, "norm", &out->norm);
    ok(nyx_store_check(m->store));
}

/* shares: of each step; NULL: a single device. */
static void steps_on(const char *device, const int *shares, state_of_step out[STEPS])
{
    const float w[N] = { 1.0f, -2.0f, 3.0f, 0.0f, 2.0f };
    machine     m;

    open_on(&m, device);
    nyx_store_write(m.store, "w", w);
    for (int i = 0; i < STEPS; i++) {
        if (shares)
            nyx_store_share(m.store, shares[i]);
        one_step(&m, i, &out[i]);
    }
    machine_close(&m);
}

static void every_share_gives_what_one_device_gives(void **state)
{
    static const int shares[][STEPS] = { { 4, 4, 4, 4, 4, 4 }, { 3, 3, 3, 3, 3, 3 }, { 1, 1, 1, 1, 1, 1 },
                                         { 2, 3, 1, 4, 1, 2 } };
    const char *const pairs[] = { "cpu+cpu", "cpu:base+cpu:reference", "cpu+vulkan:0,staging" };
    state_of_step     one[STEPS], two[STEPS];
    nyx_device       *gpu;

    (void)state;
    steps_on("cpu", NULL, one);
    assert_true(one[STEPS - 1].w[0] != 1.0f && one[STEPS - 1].norm != 0.0f);
    for (int p = 0; p < 3; p++) {
        if (p == 2 && nyx_device_open(&gpu, "vulkan:0", 1) < 0) {
            print_message("skipped: no Vulkan device; package mesa-vulkan-drivers\n");
            break;
        }
        if (p == 2)
            nyx_device_close(gpu);
        for (size_t s = 0; s < sizeof shares / sizeof *shares; s++) {
            steps_on(pairs[p], shares[s], two);
            assert_memory_equal(one, two, sizeof one);
        }
    }
}

/* What the host writes is what programs see, on whichever side. */
static void a_write_reaches_both_sides(void **state)
{
    const float   w[N] = { 2, 2, 2, 2, 2 }, sum[N] = { 8, 8, 8, 8, 8 };
    float         carry[MICROS][N] = { { 0 } };
    state_of_step first, second;
    machine       m;

    (void)state;
    open_on(&m, "cpu+cpu");
    nyx_store_share(m.store, 2);
    one_step(&m, 0, &first);
    nyx_store_write(m.store, "w", w);
    nyx_store_write(m.store, "carry", carry);
    nyx_store_write(m.store, "sum", sum);
    one_step(&m, 0, &second);
    for (int i = 0; i < N; i++) {
        float expected = 8.0f;

        for (int micro = 0; micro < MICROS; micro++)
            expected += 2.0f * (float)((micro * N + i) * (micro * N + i) % 5 - 1);
        assert_float_equal(second.sum[i], expected, 0.0f);
        assert_float_equal(second.w[i], 2.0f - 0.0625f * expected, 0.0f);
    }
    machine_close(&m);
}

static void digest_with(char hex[NYX_SHA256_HEX], const char *device, int share, int program)
{
    machine m;

    open_on(&m, device);
    if (share > 0)
        nyx_store_share(m.store, share);
    nyx_program_digest(m.programs[program], hex);
    machine_close(&m);
}

static void the_share_is_part_of_the_digest(void **state)
{
    char a[NYX_SHA256_HEX], b[NYX_SHA256_HEX], c[NYX_SHA256_HEX];

    (void)state;
    digest_with(a, "cpu+cpu", 2, STEP);
    digest_with(b, "cpu+cpu", 2, STEP);
    digest_with(c, "cpu+cpu", 3, STEP);
    assert_string_equal(a, b);
    assert_string_not_equal(a, c);
    digest_with(b, "cpu", 0, STEP);
    assert_string_not_equal(a, b);
    digest_with(a, "cpu+cpu", 2, APPLY);
    digest_with(b, "cpu+cpu", 3, APPLY);
    assert_string_equal(a, b);
}

static void who_does_nothing_is_no_part_of_the_digest(void **state)
{
    char       a[NYX_SHA256_HEX], b[NYX_SHA256_HEX];
    nyx_device *gpu;

    (void)state;
    digest_with(a, "cpu:base+cpu:base", MICROS, STEP);
    digest_with(b, "cpu:reference+cpu:base", MICROS, STEP);
    assert_string_equal(a, b);
    digest_with(a, "cpu:base+cpu:base", 1, STEP);
    digest_with(b, "cpu:reference+cpu:base", 1, STEP);
    assert_string_not_equal(a, b);
    if (nyx_device_open(&gpu, "vulkan:0", 1) < 0) {
        print_message("skipped: no Vulkan device; package mesa-vulkan-drivers\n");
        return;
    }
    nyx_device_close(gpu);
    digest_with(a, "cpu:base+vulkan:0", 1, STEP);
    digest_with(b, "cpu:base+vulkan:0,slow=1000000,most=1048576", 1, STEP); /* how it is cut */
    assert_string_equal(a, b);
    digest_with(b, "cpu:base+vulkan:0,without=add", 1, STEP);
    assert_string_not_equal(a, b);
}

/* Both stores, and the leader's parts of the sums. */
static void memory_is_that_of_both(void **state)
{
    nyx_memory one, two;
    machine    m;

    (void)state;
    open_on(&m, "cpu");
    one = nyx_store_memory(m.store);
    machine_close(&m);
    open_on(&m, "cpu+cpu");
    two = nyx_store_memory(m.store);
    machine_close(&m);
    assert_int_equal(one.own, 0);
    assert_int_equal(two.own, 0);
    assert_int_equal(two.variables, 2 * one.variables); /* the sum's part more, the norm less */
    assert_int_equal(two.workspace, 2 * one.workspace);
}

static void a_pair_needs_two_devices(void **state)
{
    nyx_device *device;

    (void)state;
    assert_int_equal(nyx_device_open_pair(&device, "cpu+abacus", 1), NYX_ERR_UNSUPPORTED);
    assert_null(device);
    assert_int_equal(nyx_device_open_pair(&device, "abacus+cpu", 1), NYX_ERR_UNSUPPORTED);
    assert_int_equal(nyx_device_open_pair(&device, "cpu+vulkan:15", 1), NYX_ERR_UNSUPPORTED);
    if (nyx_device_open_pair(&device, "vulkan:0+cpu", 1) == 0)
        fail_msg("a GPU helps");
    assert_int_equal(nyx_device_open(&device, "cpu+cpu", 1), NYX_ERR_UNSUPPORTED);
    assert_non_null(strstr(nyx_error_text(), "nyx-train"));
}

/* ---- training -------------------------------------------------------------------------- */

enum { ROWS = 40, LENGTH = 16 };
static int32_t inputs[ROWS * LENGTH], targets[ROWS * LENGTH], ids[ROWS];

static nyx_dataset rows_dataset(void)
{
    nyx_dataset d = { .kind = "rows", .vocabulary = 7, .length = LENGTH, .ignore = -100, .puzzles = 5 };

    for (int i = 0; i < ROWS * LENGTH; i++) {
        inputs[i] = (i * i + i / LENGTH) % 7;
        targets[i] = (inputs[i] * 3 + 1) % 7;
        ids[i / LENGTH] = i / LENGTH % 5;
    }
    d.train.inputs = d.test.inputs = inputs;
    d.train.targets = d.test.targets = targets;
    d.train.ids = d.test.ids = ids;
    d.train.rows = 32;
    d.test.rows = 8;
    return d;
}

static nyx_train_options options_for(const nyx_dataset *d, const char *text, int share)
{
    nyx_train_options o = { .dataset = d, .dataset_sha256 = "0", .seed = 5, .share = share };

    ok(parse(&o.config, text));
    o.config.training.steps = 8;
    o.config.training.batch = 8;
    o.config.training.micro_batches = 4;
    o.config.training.ema = 0.9;
    o.config.training.optimizer.kind = NYX_ADAMW;
    o.config.training.optimizer.learning_rate = 0.01;
    ok(nyx_config_bind(&o.config, d->vocabulary, d->length, d->ignore, d->puzzles, "d"));
    return o;
}

static nyx_train_result train_on(const char *name, const nyx_train_options *options)
{
    nyx_device      *device;
    nyx_trainer     *trainer;
    nyx_train_result result;

    if (nyx_device_is_pair(name))
        ok(nyx_device_open_pair(&device, name, 1));
    else
        ok(nyx_device_open(&device, name, 1));
    ok(nyx_trainer_create(&trainer, device, options));
    ok(nyx_trainer_run(trainer, &result));
    nyx_trainer_free(trainer);
    nyx_device_close(device);
    return result;
}

static void a_model_learns_the_same_to_rounding(void **state)
{
    const char *const models[] = { hrm_text, transformer_text, llama_text };
    const nyx_dataset d = rows_dataset();

    (void)state;
    for (int m = 0; m < 3; m++) {
        nyx_train_options options = options_for(&d, models[m], 0);
        nyx_train_result  one = train_on("cpu", &options), two;

        options.config.training.micro_batches = 1;
        two = train_on("cpu", &options);
        assert_true(fabs(one.loss - two.loss) <= 1e-4 * fabs(one.loss));
        options.config.training.micro_batches = 4;
        options.share = 2;
        two = train_on("cpu+cpu", &options);
        print_message("loss %.9g and %.9g, test %.9g and %.9g\n", one.loss, two.loss, one.test.loss, two.test.loss);
        assert_true(fabs(one.loss - two.loss) <= 1e-4 * fabs(one.loss));
        assert_true(fabs(one.test.loss - two.test.loss) <= 1e-4 * fabs(one.test.loss));
        options.share = 0;
        two = train_on("cpu+cpu", &options);
        assert_true(one.loss == two.loss && one.test.loss == two.test.loss);
    }
}

static void shares_that_make_no_sense_are_refused(void **state)
{
    const nyx_dataset d = rows_dataset();
    nyx_train_options options = options_for(&d, hrm_text, 5);
    nyx_device       *device;
    nyx_trainer      *trainer;

    (void)state;
    ok(nyx_device_open_pair(&device, "cpu+cpu", 1));
    assert_int_equal(nyx_trainer_create(&trainer, device, &options), NYX_ERR_USAGE);
    options.share = 1;
    options.config.training.micro_batches = 1;
    assert_int_equal(nyx_trainer_create(&trainer, device, &options), NYX_ERR_USAGE);
    assert_non_null(strstr(nyx_error_text(), "--micro-batches"));
    nyx_device_close(device);
    options.config.training.micro_batches = 4;
    ok(nyx_device_open(&device, "cpu", 1));
    assert_int_equal(nyx_trainer_create(&trainer, device, &options), NYX_ERR_USAGE);
    nyx_device_close(device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_share_gives_what_one_device_gives),
        cmocka_unit_test(a_write_reaches_both_sides),
        cmocka_unit_test(the_share_is_part_of_the_digest),
        cmocka_unit_test(who_does_nothing_is_no_part_of_the_digest),
        cmocka_unit_test(memory_is_that_of_both),
        cmocka_unit_test(a_pair_needs_two_devices),
        cmocka_unit_test(a_model_learns_the_same_to_rounding),
        cmocka_unit_test(shares_that_make_no_sense_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
