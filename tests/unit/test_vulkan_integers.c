/* vulkan integers: rows coded in 8 bits on a GPU are those of nyx_activation_round to
 * the bit, block by block and with one scale for a row; products with them are right for
 * every way to code weights, and the same to the bit with and without dot products of bytes. */
#include "device/vulkan/vulkan.h"
#include "graph/inference.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "vulkan_device.h"

enum { ROWS = 7, COLS_MOST = 2048, BLOCK = 32 };

static float    x[ROWS * COLS_MOST];
static int8_t   codes[ROWS * COLS_MOST];
static uint32_t steps[ROWS * COLS_MOST / BLOCK][2];

/* Rows of all sizes, a block of zeros, numbers next to the ends of the range, and no numbers. */
static void draw(int64_t cols)
{
    nyx_random random;

    nyx_random_init(&random, (uint64_t)cols, 3);
    for (int64_t i = 0; i < ROWS * cols; i++) {
        const double unit = nyx_random_uniform(&random) + nyx_random_uniform(&random) - 1.0;

        x[i] = (float)ldexp(unit, (int)(nyx_random_u32(&random) % 40) - 20 - (int)(i / cols) * 30);
    }
    for (int64_t i = 0; i < cols && i < 40; i++)
        x[cols + i] = i % 2 ? -0.0f : 0.0f;
    x[2 * cols] = 0x1p127f;
    x[3 * cols + cols / 2] = NAN;
    x[4 * cols + cols - 1] = -INFINITY;
}

static void pack(nyx_vulkan__gpu *gpu, int64_t cols, bool row)
{
    const int64_t blocks = (cols + BLOCK - 1) / BLOCK, group = gpu->group;

    ok(nyx_vulkan__run_once(gpu, &(nyx_vulkan__once){
        .shader = "packed_activation", .spec = { (uint32_t)group, row, cols % 4 == 0 }, .spec_count = 3,
        .push = { ROWS, (uint32_t)cols, (uint32_t)blocks },
        .groups = (uint32_t)(row ? ROWS : (ROWS * blocks * 8 + group - 1) / group),
        .operands = { { x, NULL, ROWS * cols * 4 }, { NULL, codes, ROWS * blocks * BLOCK },
                      { NULL, steps, ROWS * blocks * 8 } },
        .operand_count = 3 }));
}

static float scale_of(int64_t block)
{
    float scale;

    memcpy(&scale, &steps[block][0], sizeof scale);
    return scale;
}

/* What is behind the last column is 0; the halves of a block are summed. */
static void check_block(int64_t block, int64_t there)
{
    int sums[2] = { 0 };

    for (int i = 0; i < BLOCK; i++)
        sums[i / 16] += codes[block * BLOCK + i];
    for (int64_t i = there; i < BLOCK; i++)
        assert_int_equal(codes[block * BLOCK + i], 0);
    assert_int_equal((int16_t)(steps[block][1] & 0xffff), sums[0]);
    assert_int_equal((int16_t)(steps[block][1] >> 16), sums[1]);
}

static void blocks_are_coded_as_on_the_processor(void **state)
{
    static const int64_t widths[] = { 1, 4, 31, 32, 33, 100, 257, 576, 1024, 2047 };
    nyx_device          *device;

    (void)state;
    if (!has_device())
        skip();
    ok(nyx_device_open(&device, "vulkan", 1));
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
        const int64_t cols = widths[w], blocks = (cols + BLOCK - 1) / BLOCK;
        static float  there[COLS_MOST];

        draw(cols);
        pack(nyx_vulkan__gpu_of(device), cols, false);
        for (int64_t row = 0; row < ROWS; row++) {
            nyx_activation_round(there, x + row * cols, cols, NYX_ACTIVATION_BLOCK);
            for (int64_t i = 0; i < blocks * BLOCK; i++) {
                const int64_t block = row * blocks + i / BLOCK;
                const float   value = scale_of(block) * (float)codes[block * BLOCK + i % BLOCK];

                if (i % BLOCK == 0)
                    check_block(block, cols - i < BLOCK ? cols - i : BLOCK);
                if (i < cols && (isnan(there[i]) ? !isnan(value) : value != there[i]))
                    fail_msg("%d columns: row %d, column %d: %a, not %a", (int)cols, (int)row, (int)i, (double)value,
                             (double)there[i]);
            }
        }
    }
    nyx_device_close(device);
}

/* The scale of a row is that of a block of its largest number. */
static void rows_have_one_scale(void **state)
{
    static const int64_t widths[] = { 1, 33, 576, 2047, 2048 };
    nyx_device          *device;

    (void)state;
    if (!has_device())
        skip();
    ok(nyx_device_open(&device, "vulkan", 1));
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
        const int64_t cols = widths[w], blocks = (cols + BLOCK - 1) / BLOCK;

        draw(cols);
        pack(nyx_vulkan__gpu_of(device), cols, true);
        for (int64_t row = 0; row < ROWS; row++) {
            float most = 0.0f, coded;

            for (int64_t i = 0; i < cols; i++)
                most = isfinite(x[row * cols + i]) ? fmaxf(most, fabsf(x[row * cols + i])) : INFINITY;
            nyx_activation_round(&coded, &most, 1, 1);
            for (int64_t b = 0; b < blocks; b++)
                check_block(row * blocks + b, cols - b * BLOCK < BLOCK ? cols - b * BLOCK : BLOCK);
            for (int64_t i = 0; i < cols; i++) {
                const float  scale = scale_of(row * blocks + i / BLOCK);
                const double code = codes[row * blocks * BLOCK + i], exact = (double)x[row * cols + i] / (double)scale;

                if (isnan(coded) || scale == 0.0f)
                    assert_true(isnan(coded) == isnan(scale) && code == 0);
                else
                    assert_true(127.0f * scale == coded && (fabs(exact - code) <= 0.5001 || fabs(code) == 127.0));
            }
        }
    }
    nyx_device_close(device);
}

/* ---- products ----------------------------------------------------------------------- */

enum { MANY = 70, COLUMNS = 37, WIDE = 520, TERMS = 300 };

static float from[MANY * TERMS], rounded[MANY * TERMS], weights[WIDE * TERMS];

/* Rows times coded weights on a device. */
static void multiply(float *y, nyx_device *device, const nyx_coded *coded, int64_t rows)
{
    nyx_graph   *g;
    nyx_store   *store;
    nyx_program *program;

    ok(nyx_graph_create(&g, NYX_F32));
    const nyx_shape shape = nyx_shape_of(2, rows, coded->shape.dims[1]);
    const nyx_value in = nyx_graph_variable(g, "x", NYX_F32, shape, NYX_ROLE_INPUT);
    const nyx_value w = nyx_graph_coded(g, "w", &coded->format, coded->shape, NYX_ROLE_PARAMETER);
    nyx_graph_assign(g, "y", NYX_ROLE_OUTPUT, nyx_graph_matmul(g, in, w, 0, NYX_MATMUL_NT));
    ok(nyx_pass_activations(g, NYX_ACTIVATIONS_INT8));
    ok(nyx_store_create(&store, device, 1));
    ok(nyx_program_compile(&program, store, g));
    ok(nyx_store_allocate(store));
    nyx_store_write_coded(store, "w", coded);
    nyx_store_write(store, "x", from);
    nyx_program_run(program, &(nyx_run){ 0 });
    nyx_store_read(store, "y", y);
    ok(nyx_device_check(device));
    nyx_program_free(program);
    nyx_store_free(store);
    nyx_graph_free(g);
}

/* With x as it is coded, in float64. */
static void check_product(const float *y, int64_t rows, int64_t columns, const char *format)
{
    for (int64_t i = 0; i < rows * columns; i++) {
        const float *a = rounded + i / columns * TERMS, *w = weights + i % columns * TERMS;
        double       sum = 0, terms = 0;

        for (int64_t k = 0; k < TERMS; k++) {
            sum += (double)a[k] * (double)w[k];
            terms += fabs((double)a[k] * (double)w[k]);
        }
        if (!(fabs((double)y[i] - sum) <= 1.5 * (double)FLT_EPSILON * terms))
            fail_msg("%s, %d rows: row %d, column %d: %a, not %a", format, (int)rows, (int)(i / columns),
                     (int)(i % columns), (double)y[i], sum);
    }
}

static void prepare(nyx_coded *coded, const char *text, int64_t columns)
{
    const nyx_shape shape = nyx_shape_of(2, columns, (int64_t)TERMS);
    nyx_format      format;
    nyx_random      random;

    nyx_random_init(&random, 5, 3);
    for (int64_t i = 0; i < MANY * TERMS; i++)
        from[i] = (float)(nyx_random_uniform(&random) + nyx_random_uniform(&random) - 0.9);
    for (int64_t i = 0; i < columns * TERMS; i++)
        weights[i] = (float)(nyx_random_uniform(&random) + nyx_random_uniform(&random) - 0.7);
    for (int64_t row = 0; row < MANY; row++)
        nyx_activation_round(rounded + row * TERMS, from + row * TERMS, TERMS, NYX_ACTIVATION_BLOCK);
    ok(nyx_format_parse(&format, text));
    ok(nyx_coded_create(coded, &format, &shape));
    nyx_coded_encode(coded, nyx_method_default(&format), weights);
    nyx_decode_rows(weights, coded, 0, columns);
}

static void products_are_right_and_need_no_dot_products(void **state)
{
    static const char *const formats[] = { "int8:g16", "int8:g64:asym", "int4:g16:asym",
                                           "int4:g128:asym:zero=f16", "int3:g128", "int2:g64:asym" };
    static const int64_t     rows[] = { 1, 9, 5, 64, 2, MANY, 8, 33 };
    static float             with[MANY * COLUMNS], without[MANY * COLUMNS];
    nyx_device              *dots, *none;

    (void)state;
    if (!has_device())
        skip();
    ok(nyx_device_open(&dots, "vulkan:0,dot", 1));
    ok(nyx_device_open(&none, "vulkan:0,nodot", 1));
    assert_false(nyx_vulkan__multiplies_bytes(nyx_vulkan__gpu_of(none)));
    print_message("dot products of bytes %s\n",
                  nyx_vulkan__multiplies_bytes(nyx_vulkan__gpu_of(dots)) ? "run" : "do not run");
    for (size_t i = 0; i < 2 * sizeof formats / sizeof *formats; i++) {
        const int64_t count = rows[i % 8];
        nyx_coded     coded;

        prepare(&coded, formats[i / 2], COLUMNS);
        nyx_tune_force(dots, "integer_dots", &(nyx_genome){ { 32, i % 4 ? 4 : 2 } }); /* what a GPU would take */
        multiply(with, dots, &coded, count);
        check_product(with, count, COLUMNS, formats[i / 2]);
        if (i % 3 == 0) { /* once few rows, once many */
            multiply(without, none, &coded, count);
            assert_memory_equal(with, without, (size_t)count * COLUMNS * sizeof *with);
        }
        nyx_coded_release(&coded);
    }
    nyx_device_close(dots);
    nyx_device_close(none);
}

/* Whatever the tiles; those that were asked for are taken. */
static void tiles_of_all_shapes_give_the_same_bits(void **state)
{
    static const nyx_genome tiles[] = { { { 128, 64 } }, { { 256, 128 } }, { { 128, 128 } }, { { 256, 32 } } };
    static float            y[MANY * WIDE], first[MANY * WIDE];
    nyx_device             *device;
    nyx_coded               coded;

    (void)state;
    if (!has_device())
        skip();
    ok(nyx_device_open(&device, "vulkan:0,dot", 1));
    prepare(&coded, "int4:g32:asym", WIDE);
    multiply(first, device, &coded, MANY);
    check_product(first, MANY, WIDE, "int4:g32:asym");
    for (size_t t = 0; t < sizeof tiles / sizeof *tiles; t++) {
        nyx_tune_force(device, "integer_tiles", &tiles[t]);
        memset(y, 0, sizeof y);
        multiply(y, device, &coded, MANY);
        assert_memory_equal(y, first, sizeof y);
    }
    nyx_coded_release(&coded);
    nyx_device_close(device);
}

/* Planes of one row that are read for the last columns of the row before reach no further. */
static void no_number_stays_where_it_is(void **state)
{
    static const char *const formats[] = { "int8:g16", "int4:g16:asym", "int3:g32" };
    static const int64_t     rows[] = { 2, 9 };
    static float             y[MANY * COLUMNS];
    nyx_device              *device;

    (void)state;
    if (!has_device())
        skip();
    ok(nyx_device_open(&device, "vulkan:0,dot", 1));
    for (size_t i = 0; i < 2 * sizeof formats / sizeof *formats; i++) {
        nyx_plane_bytes planes;
        nyx_coded       coded;

        prepare(&coded, formats[i / 2], COLUMNS);
        ok(nyx_format_planes(&planes, &coded.format, &coded.shape));
        memset((char *)coded.scales + 5 * (planes.scales / COLUMNS), 255, (size_t)(planes.scales / COLUMNS));
        from[TERMS + 3] = NAN;
        multiply(y, device, &coded, rows[i % 2]);
        for (int64_t j = 0; j < rows[i % 2] * COLUMNS; j++)
            if ((j / COLUMNS == 1 || j % COLUMNS == 5) == (bool)isfinite(y[j]))
                fail_msg("%s: row %d, column %d: %a", formats[i / 2], (int)(j / COLUMNS), (int)(j % COLUMNS),
                         (double)y[j]);
        nyx_coded_release(&coded);
    }
    nyx_device_close(device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_are_right_and_need_no_dot_products),
        cmocka_unit_test(tiles_of_all_shapes_give_the_same_bits),
        cmocka_unit_test(no_number_stays_where_it_is),
        cmocka_unit_test(blocks_are_coded_as_on_the_processor),
        cmocka_unit_test(rows_have_one_scale),
    };

    return cmocka_run_group_tests_name("vulkan integers", tests, NULL, NULL);
}
