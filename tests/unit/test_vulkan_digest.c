/* vulkan digest: what of a program decides bits. Work that is cut smaller, to fit
 * into bindings or into time, gives another digest where it gives other bits, and
 * there alone. Single operations of all kinds: build/tests/digests. */
#include "small_models.h"
#include "vulkan_device.h"

static float value_at(int64_t i)
{
    return (float)((i * 37 + i / 7) % 101) * 0.02f - 1.0f;
}

/* Any numbers; i32: 0, 1 and 2, which are tokens, ids and labels everywhere. */
static void feed(nyx_store *store)
{
    for (int v = 0; v < nyx_store_count(store); v++) {
        const nyx_variable *variable = nyx_store_variable(store, v);
        const int64_t       bytes = nyx_store_bytes(store, v);
        float              *reals;
        int32_t            *integers;

        ok(nyx_alloc(&reals, bytes));
        integers = (int32_t *)(void *)reals;
        for (int64_t i = 0; i < bytes / 4; i++)
            if (variable->dtype == NYX_I32)
                integers[i] = (int32_t)(i * 7 % 3);
            else
                reals[i] = value_at(i + v);
        nyx_store_write(store, variable->name, reals);
        nyx_free(reals);
    }
}

/* The hash of all that a run leaves, and the program's digest. */
typedef struct {
    char bits[NYX_SHA256_HEX], digest[NYX_SHA256_HEX];
} outcome;

static void hash_store(nyx_store *store, char hex[NYX_SHA256_HEX])
{
    nyx_sha256 hash;

    nyx_sha256_init(&hash);
    for (int v = 0; v < nyx_store_count(store); v++) {
        char *data;

        ok(nyx_alloc(&data, nyx_store_bytes(store, v)));
        nyx_store_read(store, nyx_store_variable(store, v)->name, data);
        nyx_sha256_update(&hash, data, nyx_store_bytes(store, v));
        nyx_free(data);
    }
    nyx_sha256_final(&hash, hex);
}

/* Takes the graph. */
static outcome run(nyx_graph *g, const char *name)
{
    nyx_device  *device;
    nyx_store   *store;
    nyx_program *program;
    outcome      o;

    ok(nyx_device_open(&device, name, 1));
    ok(nyx_store_create(&store, device, 1));
    ok(nyx_program_compile(&program, store, g));
    ok(nyx_store_allocate(store));
    feed(store);
    nyx_program_digest(program, o.digest);
    nyx_program_run(program, &(nyx_run){ .seed = 1 });
    hash_store(store, o.bits);
    ok(nyx_device_check(device));
    nyx_program_free(program);
    nyx_store_free(store);
    nyx_device_close(device);
    nyx_graph_free(g);
    return o;
}

static bool alike(const outcome *a, const outcome *b)
{
    const bool bits = !strcmp(a->bits, b->bits), digest = !strcmp(a->digest, b->digest);

    assert_int_equal(bits, digest);
    return digest;
}

/* ---- training steps --------------------------------------------------------------------- */

static nyx_graph *step_of(const char *text)
{
    const nyx_config config = bound(text);
    nyx_graph       *g;

    ok(nyx_graph_create(&g, NYX_F32));
    nyx_model_build_step(g, &config, &(nyx_step_options){ .slots = 16, .batch = 16 });
    return g;
}

static void steps_of_models_hang_on_no_cut(void **state)
{
    static const char *const texts[] = { hrm_text, llama_text, gpt2_text };
    static const char *const ways[] = { "vulkan:0,slow=1000000", "vulkan:0,most=1048576", "vulkan:0,staging",
                                        "vulkan:0,most=16384" };
    enum { OTHERS = 3 }; /* from there on bits may be others */

    (void)state;
    if (!has_device())
        skip();
    for (size_t m = 0; m < sizeof texts / sizeof *texts; m++) {
        const outcome whole = run(step_of(texts[m]), "vulkan:0");

        for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
            const outcome cut = run(step_of(texts[m]), ways[w]);

            assert_true(alike(&whole, &cut) || w >= OTHERS);
        }
    }
}

/* ---- operations of more than a MiB --------------------------------------------------------- */

static nyx_value real(nyx_graph *g, const char *name, int64_t rows, int64_t width)
{
    return nyx_graph_variable(g, name, NYX_F32, nyx_shape_of(2, rows, width), NYX_ROLE_INPUT);
}

static nyx_value integers(nyx_graph *g, int64_t count)
{
    return nyx_graph_variable(g, "i", NYX_I32, nyx_shape_of(1, count), NYX_ROLE_INPUT);
}

static nyx_value rows_of_a_product(nyx_graph *g)
{
    const nyx_value x = real(g, "x", 3000, 100), w = real(g, "w", 120, 100);

    return nyx_graph_matmul(g, x, w, 0, NYX_MATMUL_NT);
}

static nyx_value terms_of_a_product(nyx_graph *g)
{
    const nyx_value x = real(g, "x", 20, 1900), w = real(g, "w", 1900, 256);

    return nyx_graph_matmul(g, x, w, 0, NYX_MATMUL_NN);
}

static nyx_value few_rows(nyx_graph *g)
{
    const nyx_value x = real(g, "x", 3, 500), w = real(g, "w", 900, 500);

    return nyx_graph_matmul(g, x, w, 0, NYX_MATMUL_NT);
}

static nyx_value rows_of_a_table(nyx_graph *g)
{
    const nyx_value table = real(g, "x", 5000, 96), ids = integers(g, 4000);

    return nyx_graph_embedding(g, table, ids);
}

/* Thousands of rows for each of three ids. */
static nyx_value sums_by_id(nyx_graph *g)
{
    const nyx_value ids = integers(g, 4000), dy = real(g, "x", 4000, 96);

    return nyx_graph_node_add(g, &(nyx_node){ .op = NYX_OP_EMBEDDING_GRAD, .input_count = 2, .inputs = { ids, dy },
                                              .ints = { 3 } });
}

static nyx_value losses(nyx_graph *g)
{
    const nyx_value x = real(g, "x", 500, 1003), labels = integers(g, 500);

    return nyx_graph_cross_entropy(g, x, labels, NYX_SOFTMAX, -1);
}

/* The last part of a row is bound alone. */
static nyx_value long_rows(nyx_graph *g)
{
    return nyx_graph_reduce(g, NYX_SUM, real(g, "x", 2, 31 * 8192 + 4096), 1, false);
}

static nyx_value long_columns(nyx_graph *g)
{
    return nyx_graph_reduce(g, NYX_SUM_SQUARES, real(g, "x", 70001, 8), 1, true);
}

/* Of a column fewer rows are bound than are added up at once. */
static nyx_value wide_columns(nyx_graph *g)
{
    return nyx_graph_reduce(g, NYX_SUM, real(g, "x", 200, 2600), 1, true);
}

static nyx_value windows(nyx_graph *g)
{
    const nyx_value x = real(g, "x", 40, 9000);

    return nyx_graph_slice(g, x, 1, 500, 7001);
}

static nyx_value elements(nyx_graph *g)
{
    const nyx_value x = real(g, "x", 611, 1001);

    return nyx_graph_mul(g, nyx_graph_sigmoid(g, x), x);
}

static const struct {
    nyx_value (*build)(nyx_graph *g);
    bool        other; /* with bindings of a MiB */
} cases[] = {
    { rows_of_a_product, false }, { terms_of_a_product, true }, { few_rows, false }, { rows_of_a_table, false },
    { sums_by_id, true }, { losses, false }, { long_rows, false }, { long_columns, false }, { wide_columns, true },
    { windows, false }, { elements, false },
};

static nyx_graph *graph_of(size_t index)
{
    nyx_graph *g;

    ok(nyx_graph_create(&g, NYX_F32));
    const nyx_value y = cases[index].build(g);
    nyx_graph_assign(g, "y", NYX_ROLE_OUTPUT, y);
    ok(nyx_graph_check(g));
    return g;
}

static void bindings_and_time_count_where_they_decide_bits(void **state)
{
    (void)state;
    if (!has_device())
        skip();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const outcome whole = run(graph_of(i), "vulkan:0"), bound_less = run(graph_of(i), "vulkan:0,most=1048576");
        const outcome in_time = run(graph_of(i), "vulkan:0,slow=1000000");

        assert_int_equal(alike(&whole, &bound_less), !cases[i].other);
        assert_true(alike(&whole, &in_time));
    }
}

static void nodes_of_the_processor_count_as_such(void **state)
{
    (void)state;
    if (!has_device())
        skip();
    const outcome whole = run(graph_of(10), "vulkan:0"), there = run(graph_of(10), "vulkan:0,without=sigmoid");
    const outcome in_time = run(graph_of(10), "vulkan:0,without=sigmoid,slow=1000000");

    assert_string_not_equal(whole.digest, there.digest);
    assert_true(alike(&there, &in_time));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_of_models_hang_on_no_cut),
        cmocka_unit_test(bindings_and_time_count_where_they_decide_bits),
        cmocka_unit_test(nodes_of_the_processor_count_as_such),
    };

    return cmocka_run_group_tests_name("vulkan digest", tests, NULL, NULL);
}
