/* device: random numbers, micro-batches, memory, the digest. */
#include "device/device.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "program_digest.h"

static nyx_graph *new_graph(enum nyx_dtype real)
{
    nyx_graph *g;

    assert_int_equal(nyx_graph_create(&g, real), 0);
    return g;
}

enum { DRAWS = 1003 };

static void draw(float y[2 * DRAWS], const nyx_run *run, int threads, uint32_t streams[2])
{
    nyx_graph   *g = new_graph(NYX_F32);
    nyx_device  *device;
    nyx_store   *store;
    nyx_program *program;
    int          at = 0;

    nyx_graph_push(g, "dropout");
    nyx_graph_assign(g, "a", NYX_ROLE_OUTPUT, nyx_graph_random(g, nyx_shape_of(1, (int64_t)DRAWS)));
    nyx_graph_assign(g, "b", NYX_ROLE_OUTPUT, nyx_graph_random(g, nyx_shape_of(2, (int64_t)17, (int64_t)59)));
    nyx_graph_pop(g);
    for (int n = 0; n < nyx_graph_node_count(g); n++)
        if (nyx_graph_node(g, n)->op == NYX_OP_RANDOM)
            streams[at++] = nyx_graph_node(g, n)->stream;
    assert_int_equal(nyx_device_open(&device, "cpu", threads), 0);
    assert_int_equal(nyx_store_create(&store, device, 3), 0);
    assert_int_equal(nyx_program_compile(&program, store, g), 0);
    assert_int_equal(nyx_store_allocate(store), 0);
    nyx_program_run(program, run);
    nyx_store_read(store, "a", y);
    nyx_store_read(store, "b", y + DRAWS);
    nyx_program_free(program);
    nyx_store_free(store);
    nyx_device_close(device);
    nyx_graph_free(g);
}

static void random_numbers_are_those_of_philox(void **state)
{
    const nyx_run run = { .seed = 0x123456789abcdefu, .step = 5, .micro = 2 };
    static float  one[2 * DRAWS], many[2 * DRAWS];
    uint32_t      streams[2];

    (void)state;
    assert_int_equal(17 * 59, DRAWS);
    draw(one, &run, 1, streams);
    assert_int_not_equal(streams[0], streams[1]);
    for (uint32_t i = 0; i < 2 * DRAWS; i++) {
        const uint32_t index = i % DRAWS, counter[4] = { index / 4, 0, 5 * 3 + 2, streams[i / DRAWS] };
        uint32_t       words[4];

        nyx_philox(words, counter, run.seed);
        assert_true(one[i] == (float)(words[index % 4] >> 8) / 16777216.0f);
    }
    for (int threads = 2; threads <= 3; threads++) {
        draw(many, &run, threads, streams);
        assert_memory_equal(one, many, sizeof one);
    }
    draw(many, &(nyx_run){ .seed = run.seed, .step = 5, .micro = 1 }, 1, streams);
    assert_memory_not_equal(one, many, sizeof one);
}

enum { ARGMAX_ROWS = 40, ARGMAX_WIDTH = 77 };

/* Few different numbers, so that rows have many largest; some are none. */
static void argmax_is_the_first_of_equals(void **state)
{
    static const char *const devices[] = { "cpu:reference", "cpu:base", "cpu" };
    static float             x[ARGMAX_ROWS * ARGMAX_WIDTH];
    nyx_random               random;

    (void)state;
    nyx_random_init(&random, 5, 0);
    for (int i = 0; i < ARGMAX_ROWS * ARGMAX_WIDTH; i++)
        x[i] = nyx_random_below(&random, 50) ? (float)nyx_random_below(&random, 4) - 2.0f : __builtin_nanf("");
    for (size_t d = 0; d < sizeof devices / sizeof *devices; d++) {
        nyx_graph    *g = new_graph(NYX_F32);
        const nyx_shape shape = nyx_shape_of(2, (int64_t)ARGMAX_ROWS, (int64_t)ARGMAX_WIDTH);
        nyx_value     in = nyx_graph_variable(g, "x", NYX_F32, shape, NYX_ROLE_INPUT);
        nyx_device   *device;
        nyx_store    *store;
        nyx_program  *program;
        int32_t       y[ARGMAX_ROWS];

        nyx_graph_assign(g, "y", NYX_ROLE_OUTPUT, nyx_graph_argmax(g, in));
        assert_int_equal(nyx_device_open(&device, devices[d], 2), 0);
        assert_int_equal(nyx_store_create(&store, device, 1), 0);
        assert_int_equal(nyx_program_compile(&program, store, g), 0);
        assert_int_equal(nyx_store_allocate(store), 0);
        nyx_store_write(store, "x", x);
        nyx_program_run(program, &(nyx_run){ .seed = 1 });
        nyx_store_read(store, "y", y);
        for (int row = 0; row < ARGMAX_ROWS; row++) {
            const float *at = x + row * ARGMAX_WIDTH;
            int32_t      best = 0;

            for (int32_t i = 1; i < ARGMAX_WIDTH; i++)
                best = at[i] > at[best] ? i : best;
            assert_int_equal(y[row], best);
        }
        nyx_program_free(program);
        nyx_store_free(store);
        nyx_device_close(device);
        nyx_graph_free(g);
    }
}

static void a_micro_batch_has_its_own_copy(void **state)
{
    nyx_graph      *g = new_graph(NYX_F32);
    const nyx_shape pair = nyx_shape_of(1, (int64_t)2);
    const nyx_value x = nyx_graph_variable_micro(g, "x", NYX_F32, pair, NYX_ROLE_INPUT);
    const nyx_value sum = nyx_graph_variable(g, "sum", NYX_F32, pair, NYX_ROLE_GRADIENT);
    float           values[4] = { 1, 2, 30, 40 }, total[2];
    nyx_device     *device;
    nyx_store      *store;
    nyx_program    *program;

    (void)state;
    nyx_graph_assign(g, "sum", NYX_ROLE_GRADIENT, nyx_graph_add(g, sum, x));
    nyx_graph_assign_micro(g, "x", NYX_ROLE_INPUT, nyx_graph_affine(g, x, 2.0, 0.0));
    assert_int_equal(nyx_device_open(&device, "cpu", 1), 0);
    assert_int_equal(nyx_store_create(&store, device, 2), 0);
    assert_int_equal(nyx_program_compile(&program, store, g), 0);
    assert_int_equal(nyx_store_allocate(store), 0);
    nyx_store_write(store, "x", values);
    nyx_program_run(program, &(nyx_run){ .micro = 0 });
    nyx_program_run(program, &(nyx_run){ .micro = 1 });
    nyx_program_run(program, &(nyx_run){ .micro = 1 });
    nyx_store_read(store, "x", values);
    nyx_store_read(store, "sum", total);
    assert_memory_equal(values, ((float[4]){ 2, 4, 120, 160 }), sizeof values);
    assert_memory_equal(total, ((float[2]){ 91, 122 }), sizeof total);
    nyx_program_free(program);
    nyx_store_free(store);
    nyx_device_close(device);
    nyx_graph_free(g);
}

/* ---- stores and digests -------------------------------------------------------- */

/* y = sigmoid(x) `times` over, in a variable named `name`. */
static nyx_graph *chain(const char *name, int64_t width, int times)
{
    nyx_graph *g = new_graph(NYX_F32);
    nyx_value  x = nyx_graph_variable(g, name, NYX_F32, nyx_shape_of(1, width), NYX_ROLE_INPUT);

    for (int i = 0; i < times; i++)
        x = nyx_graph_sigmoid(g, x);
    nyx_graph_assign(g, "y", NYX_ROLE_OUTPUT, nyx_graph_reduce(g, NYX_SUM, x, 1, false));
    return g;
}

static void memory_is_known_before_it_is_allocated(void **state)
{
    nyx_graph   *small = chain("x", 100, 2), *large = chain("x", 100, 1), *other = chain("x", 99, 1);
    nyx_device  *device;
    nyx_store   *store;
    nyx_program *programs[2], *refused;
    nyx_memory   memory;

    (void)state;
    assert_int_equal(nyx_device_open(&device, "cpu:reference", 1), 0);
    assert_int_equal(nyx_store_create(&store, device, 1), 0);
    assert_int_equal(nyx_program_compile(&programs[0], store, large), 0);
    assert_int_equal(nyx_store_memory(store).arena, 448);
    assert_int_equal(nyx_program_compile(&programs[1], store, small), 0);
    memory = nyx_store_memory(store);
    assert_int_equal(memory.variables, 448 + 64);
    assert_int_equal(memory.arena, 2 * 448); /* the larger of both */
    assert_int_equal(memory.workspace, 0);
    assert_int_equal(nyx_program_compile(&refused, store, other), NYX_ERR_INPUT);
    assert_string_equal(nyx_error_text(), "variable 'x' has another type or size in another program");
    assert_int_equal(nyx_store_allocate(store), 0);
    for (int i = 0; i < 2; i++)
        nyx_program_free(programs[i]);
    nyx_store_free(store);
    nyx_device_close(device);
    nyx_graph_free(small);
    nyx_graph_free(large);
    nyx_graph_free(other);
}

static void digest_of(char hex[NYX_SHA256_HEX], const char *device_name, int threads, int times)
{
    program_digest(hex, chain("x", 100, times), device_name, threads);
}

static void the_digest_knows_graph_and_device_but_no_threads(void **state)
{
    char one[NYX_SHA256_HEX], two[NYX_SHA256_HEX];

    (void)state;
    digest_of(one, "cpu:base", 1, 2);
    digest_of(two, "cpu:base", 2, 2);
    assert_string_equal(one, two);
    digest_of(two, "cpu:base", 1, 3);
    assert_string_not_equal(one, two);
    digest_of(two, "cpu:reference", 1, 2);
    assert_string_not_equal(one, two);
}

/* The gradient of a weight over no rows at all is 0. */
static void a_product_of_nothing_is_zero(void **state)
{
    static const char *const names[] = { "cpu", "cpu:base", "cpu:reference" };

    (void)state;
    for (int i = 0; i < 3; i++) {
        float        y[3 * 5];
        nyx_graph   *g = new_graph(NYX_F32);
        nyx_value    x = nyx_graph_variable(g, "x", NYX_F32, nyx_shape_of(2, (int64_t)0, (int64_t)3), NYX_ROLE_INPUT);
        nyx_value    dy = nyx_graph_variable(g, "dy", NYX_F32, nyx_shape_of(2, (int64_t)0, (int64_t)5), NYX_ROLE_INPUT);
        nyx_device  *device;
        nyx_store   *store;
        nyx_program *program;

        memset(y, 1, sizeof y);
        nyx_graph_assign(g, "dw", NYX_ROLE_OUTPUT, nyx_graph_matmul(g, x, dy, 0, NYX_MATMUL_TN));
        assert_int_equal(nyx_device_open(&device, names[i], 2), 0);
        assert_int_equal(nyx_store_create(&store, device, 1), 0);
        assert_int_equal(nyx_program_compile(&program, store, g), 0);
        assert_int_equal(nyx_store_allocate(store), 0);
        nyx_program_run(program, &(nyx_run){ 0 });
        nyx_store_read(store, "dw", y);
        for (int at = 0; at < 3 * 5; at++)
            assert_true(y[at] == 0.0f);
        nyx_program_free(program);
        nyx_store_free(store);
        nyx_device_close(device);
        nyx_graph_free(g);
    }
}

static void unknown_devices_are_refused(void **state)
{
    nyx_device *device;

    (void)state;
    assert_int_equal(nyx_device_open(&device, "abacus", 1), NYX_ERR_UNSUPPORTED);
    assert_null(device);
    assert_int_equal(nyx_device_open(&device, "cpu:abacus", 1), NYX_ERR_UNSUPPORTED);
    assert_null(device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_numbers_are_those_of_philox),
        cmocka_unit_test(argmax_is_the_first_of_equals),
        cmocka_unit_test(a_micro_batch_has_its_own_copy),
        cmocka_unit_test(memory_is_known_before_it_is_allocated),
        cmocka_unit_test(the_digest_knows_graph_and_device_but_no_threads),
        cmocka_unit_test(a_product_of_nothing_is_zero),
        cmocka_unit_test(unknown_devices_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
