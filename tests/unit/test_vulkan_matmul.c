/* vulkan_matmul: products on a Vulkan device in every way they are cut: whole
 * tiles, pieces that bindings allow, tiles asked for, parts of the terms, few
 * rows. Operands are small integers, so sums are exact and must be equal. */
#include "device/vulkan/kernels/kernels.h"
#include "vulkan_device.h"

typedef struct { int64_t m, n, k; } size;

static float left_at(int64_t i, int64_t k)
{
    return (float)((i * 7 + k * 5 + i * k % 11) % 13 - 6);
}

static float right_at(int64_t j, int64_t k)
{
    return (float)((j * 3 + k * 11 + j * k % 17) % 13 - 6);
}

/* `lines` rows of an operand, or with `terms` false its transpose. */
static void feed(nyx_store *store, const char *name, enum nyx_dtype type, int64_t lines, int64_t k, bool terms,
                 float (*at)(int64_t i, int64_t k))
{
    float *values;
    char  *stored;

    ok(nyx_alloc(&values, lines * k * 4));
    ok(nyx_alloc(&stored, lines * k * nyx_dtype_bytes(type)));
    for (int64_t i = 0; i < lines; i++)
        for (int64_t t = 0; t < k; t++)
            values[terms ? i * k + t : t * lines + i] = at(i, t);
    nyx_convert_from_f32(type, stored, values, lines * k);
    nyx_store_write(store, name, stored);
    nyx_free(stored);
    nyx_free(values);
}

static void compare(nyx_store *store, size s, const char *what)
{
    float *y;

    ok(nyx_alloc(&y, s.m * s.n * 4));
    nyx_store_read(store, "y", y);
    ok(nyx_store_check(store));
    for (int64_t i = 0; i < s.m; i++)
        for (int64_t j = 0; j < s.n; j++) {
            double sum = 0.5 * (double)j;

            for (int64_t k = 0; k < s.k; k++)
                sum += (double)left_at(i, k) * (double)right_at(j, k);
            if (!((double)y[i * s.n + j] == sum))
                fail_msg("%s: element %d, %d is %g, not %g", what, (int)i, (int)j, (double)y[i * s.n + j], sum);
        }
    nyx_free(y);
}

static void multiply(nyx_device *device, enum nyx_dtype type, enum nyx_matmul_mode mode, size s)
{
    const bool      tn = mode == NYX_MATMUL_TN, nt = mode == NYX_MATMUL_NT;
    const nyx_shape x = tn ? nyx_shape_of(2, s.k, s.m) : nyx_shape_of(2, s.m, s.k);
    const nyx_shape w = nt ? nyx_shape_of(2, s.n, s.k) : nyx_shape_of(2, s.k, s.n);
    nyx_graph      *g;
    nyx_store      *store;
    nyx_program    *program;
    char            what[96];
    float          *bias;

    snprintf(what, sizeof what, "%s: %s, mode %d, %d x %d x %d", nyx_device_name(device), nyx_dtype_name(type),
             (int)mode, (int)s.m, (int)s.n, (int)s.k);
    ok(nyx_graph_create(&g, NYX_F32));
    const nyx_value left = nyx_graph_variable(g, "x", type, x, NYX_ROLE_INPUT);
    const nyx_value right = nyx_graph_variable(g, "w", type, w, NYX_ROLE_INPUT);
    const nyx_value shift = nyx_graph_variable(g, "b", NYX_F32, nyx_shape_of(1, s.n), NYX_ROLE_INPUT);
    const nyx_value product = nyx_graph_matmul(g, left, right, tn ? 0 : shift, mode);
    nyx_graph_assign(g, "y", NYX_ROLE_OUTPUT, tn ? nyx_graph_add(g, product, shift) : product);
    ok(nyx_store_create(&store, device, 1));
    ok(nyx_program_compile(&program, store, g));
    ok(nyx_store_allocate(store));
    feed(store, "x", type, s.m, s.k, !tn, left_at);
    feed(store, "w", type, s.n, s.k, nt, right_at);
    ok(nyx_alloc(&bias, s.n * 4));
    for (int64_t j = 0; j < s.n; j++)
        bias[j] = 0.5f * (float)j;
    nyx_store_write(store, "b", bias);
    nyx_program_run(program, &(nyx_run){ 0 });
    compare(store, s, what);
    nyx_free(bias);
    nyx_program_free(program);
    nyx_store_free(store);
    nyx_graph_free(g);
}

/* Every mode, of f32 and of one type of 16 bits. */
static void multiply_all(const char *name, size s, enum nyx_dtype type)
{
    nyx_device *device;

    ok(nyx_device_open(&device, name, 1));
    for (int mode = NYX_MATMUL_NT; mode <= NYX_MATMUL_TN; mode++) {
        multiply(device, NYX_F32, (enum nyx_matmul_mode)mode, s);
        multiply(device, type, (enum nyx_matmul_mode)mode, s);
    }
    nyx_device_close(device);
}

static void products_of_whole_and_cut_tiles_are_exact(void **state)
{
    (void)state;
    if (!has_device())
        return;
    multiply_all("vulkan", (size){ 64, 96, 128 }, NYX_F16);
    multiply_all("vulkan", (size){ 33, 31, 29 }, NYX_BF16);
}

/* Bindings hold 32 KiB: all three extents are cut. */
static void products_are_cut_where_bindings_are_small(void **state)
{
    (void)state;
    if (has_device())
        multiply_all("vulkan:0,most=32768", (size){ 200, 136, 72 }, NYX_F16);
}

static void a_tile_is_taken_by_its_number(void **state)
{
    nyx_device *device;

    (void)state;
    if (!has_device())
        return;
    ok(nyx_device_open(&device, "vulkan:0,tile=6", 1));
    multiply(device, NYX_F32, NYX_MATMUL_NT, (size){ 64, 64, 32 });
    nyx_device_close(device);
    ok(nyx_device_open(&device, "vulkan:0,tile=1000", 1));
    nyx_graph   *g;
    nyx_store   *store;
    nyx_program *program;

    ok(nyx_graph_create(&g, NYX_F32));
    const nyx_value x = nyx_graph_variable(g, "x", NYX_F32, nyx_shape_of(2, (int64_t)4, (int64_t)4), NYX_ROLE_INPUT);
    nyx_graph_assign(g, "y", NYX_ROLE_OUTPUT, nyx_graph_matmul(g, x, x, 0, NYX_MATMUL_NN));
    ok(nyx_store_create(&store, device, 1));
    assert_int_equal(nyx_program_compile(&program, store, g), NYX_ERR_UNSUPPORTED);
    assert_non_null(strstr(nyx_error_text(), "has no tile 1000"));
    nyx_store_free(store);
    nyx_graph_free(g);
    nyx_device_close(device);
}

/* A few of those that a device is offered, and neighbours of them. */
static void products_are_exact_whichever_constants_are_taken(void **state)
{
    const size             s = { 37, 44, 52 };
    const nyx_tune_problem problems[] = { { "matmul", NYX_F32, NYX_MATMUL_NT, { s.m, s.n, s.k } },
                                          { "matmul", NYX_F16, NYX_MATMUL_TN, { s.m, s.n, s.k } },
                                          { "matvec", NYX_BF16, NYX_MATMUL_NT, { 3, s.n, s.k } } };
    nyx_genome             genomes[64];
    nyx_device            *device;
    nyx_random             random;
    int                    done = 0;

    (void)state;
    if (!has_device())
        return;
    ok(nyx_device_open(&device, "vulkan", 1));
    nyx_random_init(&random, 1, 1);
    for (size_t p = 0; p < sizeof problems / sizeof *problems; p++) {
        const int64_t count = nyx_tune_propose(genomes, 64, device, &problems[p]);

        assert_true(count > 1);
        for (int turn = 0; turn < 3; turn++) {
            nyx_genome *one = &genomes[nyx_random_below(&random, (uint64_t)count)];
            int32_t    *gene = &one->genes[nyx_random_below(&random, 5)];

            *gene = nyx_random_below(&random, 2) ? *gene * 2 : *gene / 2;
            if (one->genes[0] * one->genes[1] > 64 * 64 || !nyx_tune_fits(device, &problems[p], one))
                continue; /* large ones are long in a compiler */
            nyx_tune_force(device, problems[p].kernel, one);
            multiply(device, problems[p].type, (enum nyx_matmul_mode)problems[p].variant,
                     (size){ problems[p].extents[0], s.n, s.k });
            done++;
        }
        nyx_tune_force(device, NULL, NULL);
    }
    assert_true(done > 0);
    nyx_device_close(device);
}

/* NULL: there is none. */
static nyx_vulkan__gpu *open_gpu(nyx_device **out)
{
    if (!has_device())
        return NULL;
    ok(nyx_device_open(out, "vulkan", 1));
    return nyx_vulkan__gpu_of(*out);
}

/* Tiles of matrix units are tried once; here, where there are none, other tiles are. */
static void a_tile_is_tried_once(void **state)
{
    const nyx_genome tile = { { 64, 64, 8, 8, 4, 2, 8, 0 } };
    nyx_device      *device;
    nyx_vulkan__gpu *gpu = open_gpu(&device);

    (void)state;
    if (!gpu)
        return;
    for (int turn = 0; turn < 2; turn++) {
        assert_true(nyx_vulkan__tile_works(gpu, NYX_F16, &tile));
        assert_int_equal(gpu->tried_count, 1);
        assert_null(gpu->trying);
    }
    assert_true(nyx_vulkan__tile_works(gpu, NYX_BF16, &tile));
    assert_int_equal(gpu->tried_count, 2);
    gpu->tried[0].refused = true;
    assert_false(nyx_vulkan__tile_works(gpu, NYX_F16, &tile));
    assert_true(nyx_vulkan__tile_refused(gpu, NYX_F16, &tile) && !nyx_vulkan__tile_refused(gpu, NYX_BF16, &tile));
    nyx_device_close(device);
}

/* Want of memory is no wrong answer: this program does without, the next tries again. */
static void a_trial_without_memory_is_made_later(void **state)
{
    const nyx_genome tile = { { 64, 64, 8, 8, 4, 2, 8, 0 } };
    nyx_device      *device;
    nyx_vulkan__gpu *gpu = open_gpu(&device);

    (void)state;
    if (!gpu)
        return;
    assert_string_equal(nyx_device_shortage(device), "");
    for (int64_t block = 1; block < 3; block++) {
        gpu->switches.full = block;
        assert_false(nyx_vulkan__matrix_works(gpu, NYX_BF16));
        assert_int_equal(gpu->matrix[1], NYX_VULKAN_UNTRIED);
        assert_false(nyx_vulkan__tile_works(gpu, NYX_F16, &tile));
        assert_true(gpu->tried_count == 0 && nyx_vulkan__tile_refused(gpu, NYX_F16, &tile));
        assert_non_null(strstr(nyx_device_shortage(device), "no memory to try its matrix units"));
        multiply(device, NYX_BF16, NYX_MATMUL_NT, (size){ 5, 8, 16 });
    }
    gpu->switches.full = 1;
    assert_false(nyx_vulkan__tile_works(gpu, NYX_F16, &tile));
    assert_true(gpu->tried_count == 0 && !gpu->trying && gpu->trials == 0);
    multiply(device, NYX_BF16, NYX_MATMUL_NT, (size){ 5, 8, 16 });
    assert_true(nyx_vulkan__tile_works(gpu, NYX_F16, &tile));
    assert_true(nyx_vulkan__matrix_works(gpu, NYX_BF16));
    ok(nyx_device_check(device));
    nyx_device_close(device);
}

/* Whatever a table says: nothing but what the device runs. */
static void genes_that_are_none_do_not_fit(void **state)
{
    static const nyx_genome wrong[] = {
        { { 0 } },
        { { -64, 64, 8, 8, 4, 2, 8, 0 } },
        { { 64, 64, 8, 0, 4, 2, 8, 0 } },
        { { 64, 64, 8, 8, 4, 2, 0, 0 } },
        { { 64, 64, 8, 8, 4, 3, 8, 0 } },
        { { 64, 64, 8, 8, 4, 2, 8, 2 } },
        { { 64, 64, 6, 8, 4, 2, 8, 0 } },
        { { 60, 64, 8, 8, 4, 2, 8, 0 } },
        { { 512, 512, 512, 4, 4, 2, 8, 0 } },
        { { 0x40000000, 0x40000000, 4, 4, 4, 1, 8, 0 } },
        { { 64, 64, 8, 8, 4, 2, 7, 0 } },
    };
    const nyx_tune_problem tiles = { "matmul", NYX_F32, NYX_MATMUL_NT, { 64, 64, 64 } };
    const nyx_tune_problem rows = { "matvec", NYX_F32, NYX_MATMUL_NT, { 1, 64, 64 } };
    nyx_device            *device;

    (void)state;
    if (!has_device())
        return;
    ok(nyx_device_open(&device, "vulkan", 1));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_false(nyx_tune_fits(device, &tiles, &wrong[i]));
        assert_false(nyx_tune_fits(device, &rows, &wrong[i]) && i != 1);
    }
    assert_true(nyx_tune_fits(device, &tiles, &(nyx_genome){ { 32, 32, 16, 4, 4, 2, 8, 0 } }));
    assert_true(nyx_tune_fits(device, &rows, &(nyx_genome){ { 32, 2, 64 } }));
    assert_false(nyx_tune_fits(device, &rows, &(nyx_genome){ { 128, 2, 64 } }));
    assert_false(nyx_tune_fits(device, &rows, &(nyx_genome){ { 24, 2, 64 } }));
    nyx_device_close(device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_of_whole_and_cut_tiles_are_exact),
        cmocka_unit_test(products_are_cut_where_bindings_are_small),
        cmocka_unit_test(a_tile_is_taken_by_its_number),
        cmocka_unit_test(products_are_exact_whichever_constants_are_taken),
        cmocka_unit_test(genes_that_are_none_do_not_fit),
        cmocka_unit_test(a_tile_is_tried_once),
        cmocka_unit_test(a_trial_without_memory_is_made_later),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
