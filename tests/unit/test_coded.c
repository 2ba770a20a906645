/* products of coded weights with activations coded in 8 bits: what a row
 * becomes, the same bits on every instruction set that fuses multiply-add, for
 * any number of rows and threads, and what a program's digest says. */
#include "device/device.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "program_digest.h"

enum { COLUMNS = 37, TERMS = 300, ROWS = 8, MANY = 20 };

static float x[MANY * TERMS], weights[COLUMNS * TERMS];

static void draw(float *to, int64_t count, uint64_t seed)
{
    nyx_random random;

    nyx_random_init(&random, seed, 3);
    for (int64_t i = 0; i < count; i++)
        to[i] = (float)(nyx_random_uniform(&random) + nyx_random_uniform(&random) - 0.9);
}

/* ---- rows --------------------------------------------------------------------- */

/* What a block is divided by. */
static double step_of(const float *from, int64_t count)
{
    double most = 0, step;
    int    exponent;

    for (int64_t i = 0; i < count; i++)
        most = fabs((double)from[i]) > most ? fabs((double)from[i]) : most;
    step = frexp(most / 127, &exponent);
    return ldexp(nearbyint(step * 2048) / 2048, exponent); /* 11 significant bits */
}

static void a_block_keeps_its_largest_and_half_a_step(void **state)
{
    static const int64_t blocks[] = {32, TERMS};
    static float         y[TERMS];

    (void)state;
    draw(x, TERMS, 11);
    x[40] = 31.0f;
    x[70] = -0.0f;
    for (int b = 0; b < 2; b++) {
        nyx_activation_round(y, x, TERMS, blocks[b]);
        for (int64_t i = 0; i < TERMS; i++) {
            const int64_t at = i / blocks[b] * blocks[b], count = at + blocks[b] < TERMS ? blocks[b] : TERMS - at;
            const double  step = step_of(x + at, count), code = y[i] / step;

            assert_true(fabs(code - nearbyint(code)) < 1e-6 && fabs(code) <= 127.000001);
            assert_true(fabs((double)x[i] - (double)y[i]) <= step * (0.5 + 127 * 0x1p-11));
        }
    }
}

static void what_is_no_number_spoils_its_block_alone(void **state)
{
    static float y[TERMS];
    const float  bad[] = {NAN, INFINITY, -INFINITY};

    (void)state;
    for (int b = 0; b < 3; b++) {
        draw(x, TERMS, 12);
        x[33] = bad[b];
        memset(x + 64, 0, 32 * sizeof *x);
        nyx_activation_round(y, x, TERMS, NYX_ACTIVATION_BLOCK);
        for (int64_t i = 0; i < TERMS; i++)
            assert_true(i / 32 == 1 ? isnan(y[i]) : i / 32 == 2 ? y[i] == 0.0f : isfinite(y[i]));
        nyx_activation_round(y, x, TERMS, TERMS); /* or its row */
        for (int64_t i = 0; i < TERMS; i++)
            assert_true(isnan(y[i]));
    }
}

/* ---- products ------------------------------------------------------------------- */

static nyx_graph *product_graph(const nyx_format *format, int64_t rows,
                                enum nyx_activations activations)
{
    nyx_graph *g;
    nyx_value  in, w;

    assert_int_equal(nyx_graph_create(&g, NYX_F32), 0);
    in = nyx_graph_variable(g, "x", NYX_F32, nyx_shape_of(2, rows, (int64_t)TERMS), NYX_ROLE_INPUT);
    w = nyx_graph_coded(g, "w", format, nyx_shape_of(2, (int64_t)COLUMNS, (int64_t)TERMS),
                        NYX_ROLE_PARAMETER);
    nyx_graph_assign(g, "y", NYX_ROLE_OUTPUT, nyx_graph_matmul(g, in, w, 0, NYX_MATMUL_NT));
    assert_int_equal(nyx_pass_activations(g, nyx_format_multiplies_int8(format) ? activations : NYX_ACTIVATIONS_REAL), 0);
    return g;
}

static void encode(nyx_coded *coded, const nyx_format *format)
{
    const nyx_shape shape = nyx_shape_of(2, (int64_t)COLUMNS, (int64_t)TERMS);

    assert_int_equal(nyx_coded_create(coded, format, &shape), 0);
    nyx_coded_encode(coded, nyx_method_default(format), weights);
}

/* False: not on this processor. */
static bool multiply_coded(float *y, const nyx_coded *coded, const float *from, int64_t rows,
                           enum nyx_activations activations, const char *name, int threads)
{
    nyx_graph   *g;
    nyx_device  *device;
    nyx_store   *store;
    nyx_program *program;

    if (nyx_device_open(&device, name, threads) < 0)
        return false;
    g = product_graph(&coded->format, rows, activations);
    assert_int_equal(nyx_store_create(&store, device, 1), 0);
    assert_int_equal(nyx_program_compile(&program, store, g), 0);
    assert_int_equal(nyx_store_allocate(store), 0);
    nyx_store_write_coded(store, "w", coded);
    nyx_store_write(store, "x", from);
    nyx_program_run(program, &(nyx_run){0});
    nyx_store_read(store, "y", y);
    nyx_program_free(program);
    nyx_store_free(store);
    nyx_device_close(device);
    nyx_graph_free(g);
    return true;
}

static enum nyx_activations seen_as = NYX_ACTIVATIONS_INT8; /* by multiply */

static bool multiply(float *y, const nyx_format *format, const float *from, int64_t rows,
                     const char *name, int threads)
{
    nyx_coded coded;
    bool      here;

    encode(&coded, format);
    here = multiply_coded(y, &coded, from, rows, seen_as, name, threads);
    nyx_coded_release(&coded);
    return here;
}

static void bits_are_the_same_everywhere(void **state)
{
    static float all[ROWS * COLUMNS], y[ROWS * COLUMNS];
    int          formats = 0;

    (void)state;
    draw(x, ROWS * TERMS, 13);
    draw(weights, COLUMNS * TERMS, 14);
    for (int i = 0; nyx_format_examples[i]; i++) {
        nyx_format format;

        assert_int_equal(nyx_format_parse(&format, nyx_format_examples[i]), 0);
        if (!nyx_format_multiplies_int8(&format))
            continue;
        formats++;
        assert_true(multiply(all, &format, x, ROWS, "cpu", 1));
        assert_true(multiply(y, &format, x, ROWS, "cpu", 2));
        assert_memory_equal(y, all, sizeof all);
        for (int64_t row = 0; row < ROWS; row++) {
            assert_true(multiply(y, &format, x + row * TERMS, 1, "cpu", 2));
            assert_memory_equal(y, all + row * COLUMNS, COLUMNS * sizeof *y);
        }
        if (multiply(all, &format, x, ROWS, "cpu:avx2", 2) &&
            multiply(y, &format, x, ROWS, "cpu:avx512", 2))
            assert_memory_equal(y, all, sizeof all);
    }
    assert_true(formats >= 10);
}

static void so_they_are_with_a_scale_a_row(void **state)
{
    seen_as = NYX_ACTIVATIONS_INT8_ROW;
    bits_are_the_same_everywhere(state);
    seen_as = NYX_ACTIVATIONS_INT8;
}

/* One scale a row of x, one a row of weights: a sum of whole numbers, times both. */
static void scales_of_rows_leave_the_sum(void **state)
{
    static const char *const names[] = {"cpu:reference", "cpu:base", "cpu:avx2", "cpu:avx512", "cpu"};
    static float             y[MANY * COLUMNS];
    nyx_format               format;

    (void)state;
    draw(x, MANY * TERMS, 21);
    draw(weights, COLUMNS * TERMS, 22);
    assert_int_equal(nyx_format_parse(&format, "int8:channel"), 0);
    seen_as = NYX_ACTIVATIONS_INT8_ROW;
    for (int n = 0; n < 10; n++) {
        const int64_t rows = n % 2 ? MANY : 3;
        nyx_coded     coded;

        if (!multiply(y, &format, x, rows, names[n / 2], 2))
            continue;
        encode(&coded, &format);
        for (int64_t i = 0; i < rows * COLUMNS; i++) {
            const int64_t row = i / COLUMNS, column = i % COLUMNS;
            const double  step = step_of(x + row * TERMS, TERMS);
            const int8_t *codes = (const int8_t *)coded.codes + column * ((TERMS + 31) / 32 * 32);
            const double  scale = (double)nyx_f32_from_f16(((const uint16_t *)coded.scales)[column]);
            int64_t       sum = 0;
            double        sizes = 0;

            for (int64_t k = 0; k < TERMS; k++) {
                const double code = nearbyint((double)x[row * TERMS + k] / step);

                sum += (int64_t)code * codes[k];
                sizes += fabs(code * codes[k]);
            }
            if (!(fabs((double)y[i] - step * scale * (double)sum) <= 1e-6 * step * scale * sizes))
                fail_msg("%s, %lld rows: y[%lld] is %g, not %g", names[n / 2], (long long)rows, (long long)i,
                         (double)y[i], step * scale * (double)sum);
        }
        nyx_coded_release(&coded);
    }
    seen_as = NYX_ACTIVATIONS_INT8;
}

/* More rows than are multiplied one by one, rows of more terms than are decoded at once: weights
 * are the same wherever a block of them begins. */
static void many_rows_give_what_each_gives(void **state)
{
    static const char *const formats[] = {"int4:g256:asym", "int3:g256:asym", "int4:g256:asym:zero=f16",
                                          "int4:g128:asym", "int8:g256:asym", "int2:g16:asym"};
    static const char *const names[] = {"cpu", "cpu:base", "cpu:avx2"};
    static float             all[MANY * COLUMNS], y[MANY * COLUMNS];

    (void)state;
    draw(x, MANY * TERMS, 16);
    draw(weights, COLUMNS * TERMS, 17);
    for (int f = 0; f < 6; f++)
        for (int n = 0; n < 3; n++) {
            nyx_format format;

            assert_int_equal(nyx_format_parse(&format, formats[f]), 0);
            if (!multiply(all, &format, x, MANY, names[n], 2))
                continue;
            for (int64_t row = 0; row < MANY; row++)
                assert_true(multiply(y + row * COLUMNS, &format, x + row * TERMS, 1, names[n], 1));
            for (int64_t i = 0; i < MANY * COLUMNS; i++)
                assert_true(fabs((double)all[i] - (double)y[i]) < 1e-3);
        }
}

static void no_number_in_x_reaches_its_row_alone(void **state)
{
    static const char *const names[] = {"cpu:reference", "cpu:base", "cpu:avx2", "cpu:avx512"};
    static float             y[2 * COLUMNS];
    nyx_format               format;

    (void)state;
    draw(x, 2 * TERMS, 15);
    x[TERMS + 5] = NAN;
    assert_int_equal(nyx_format_parse(&format, "int4:g32"), 0);
    for (int i = 0; i < 8; i++) {
        seen_as = i % 2 ? NYX_ACTIVATIONS_INT8_ROW : NYX_ACTIVATIONS_INT8;
        for (int64_t j = 0; multiply(y, &format, x, 2, names[i / 2], 1) && j < 2 * COLUMNS; j++)
            assert_true(j < COLUMNS ? isfinite(y[j]) : isnan(y[j]));
    }
    seen_as = NYX_ACTIVATIONS_INT8;
}

/* Make what a row of weights is decoded from NaN (E8M0: 2^128); false: all of it is whole numbers. */
static bool spoil(nyx_coded *coded, int64_t row)
{
    nyx_plane_bytes planes;
    nyx_layout      layout;

    assert_int_equal(nyx_format_planes(&planes, &coded->format, &coded->shape), 0);
    assert_int_equal(nyx_format_layout(&layout, &coded->format, &coded->shape), 0);
    if (layout.lattice == NYX_LATTICE_PLAIN || layout.lattice == NYX_LATTICE_E4M3 ||
        layout.lattice == NYX_LATTICE_E5M2)
        memset((char *)coded->codes + row * layout.codes_row_bytes, 255, (size_t)layout.codes_row_bytes);
    else if (!layout.row_groups)
        return false;
    if (layout.row_groups && planes.scales)
        memset((char *)coded->scales + row * (planes.scales / COLUMNS), 255, (size_t)(planes.scales / COLUMNS));
    if (coded->format.zero == NYX_ZERO_F16)
        memset((char *)coded->zeros + row * layout.zeros_row_bytes, 255, (size_t)layout.zeros_row_bytes);
    return true;
}

/* The last unit of a row, which the kernels read as a whole, reaches into the next row. */
static void no_number_in_weights_reaches_its_column_alone(void **state)
{
    enum { SPOILT = 5 };
    static const char *const names[] = {"cpu:reference", "cpu:base", "cpu:avx2", "cpu:avx512"};
    static const int64_t     rows[] = {1, 2, 4, MANY};
    static float             y[MANY * COLUMNS];
    int                      formats = 0;

    (void)state;
    draw(x, MANY * TERMS, 18);
    draw(weights, COLUMNS * TERMS, 19);
    for (int f = 0; nyx_format_examples[f]; f++) {
        nyx_format format;
        nyx_coded  coded;

        assert_int_equal(nyx_format_parse(&format, nyx_format_examples[f]), 0);
        encode(&coded, &format);
        formats += spoil(&coded, SPOILT);
        for (int k = 0; k < 48; k++) {
            const int64_t count = rows[k / 3 % 4];
            const bool    here = multiply_coded(y, &coded, x, count, (enum nyx_activations)(k % 3), names[k / 12], 1);

            for (int64_t i = 0; here && i < count * COLUMNS; i++)
                if (i % COLUMNS != SPOILT && !isfinite(y[i]))
                    fail_msg("%s, %s, %lld rows, %s: column %lld", nyx_format_examples[f], names[k / 12],
                             (long long)count, nyx_activations_names[k % 3], (long long)(i % COLUMNS));
        }
        nyx_coded_release(&coded);
    }
    assert_true(formats >= 15);
}

/* ---- programs ------------------------------------------------------------------- */

static void digest_of(char hex[NYX_SHA256_HEX], const char *text, enum nyx_activations activations)
{
    nyx_format format;

    assert_int_equal(nyx_format_parse(&format, text), 0);
    program_digest(hex, product_graph(&format, 1, activations), "cpu", 1);
}

static void a_digest_says_how_activations_are_seen(void **state)
{
    char real[NYX_SHA256_HEX], int8[NYX_SHA256_HEX], row[NYX_SHA256_HEX];

    (void)state;
    digest_of(real, "int4:g32", NYX_ACTIVATIONS_REAL);
    digest_of(int8, "int4:g32", NYX_ACTIVATIONS_INT8);
    digest_of(row, "int4:g32", NYX_ACTIVATIONS_INT8_ROW);
    assert_string_not_equal(real, int8);
    assert_string_not_equal(row, int8);
    assert_string_not_equal(row, real);
}

static void weights_without_whole_points_are_refused(void **state)
{
    nyx_format format;
    nyx_graph *g;
    nyx_node   node;

    (void)state;
    for (int how = NYX_ACTIVATIONS_INT8; how <= NYX_ACTIVATIONS_INT8_ROW + 1; how++) {
        assert_int_equal(nyx_format_parse(&format, how > NYX_ACTIVATIONS_INT8_ROW ? "int8:channel" : "nf4:g64"), 0);
        g = product_graph(&format, 1, NYX_ACTIVATIONS_REAL);
        if (how <= NYX_ACTIVATIONS_INT8_ROW) {
            assert_int_equal(nyx_pass_activations(g, (enum nyx_activations)how), NYX_ERR_USAGE);
            assert_non_null(strstr(nyx_error_text(), nyx_activations_names[how]));
        }
        for (int n = 0; n < nyx_graph_node_count(g); n++)
            if (nyx_graph_node(g, n)->op == NYX_OP_MATMUL_CODED)
                node = *nyx_graph_node(g, n);
        assert_int_equal(node.ints[NYX_INT_ACTIVATIONS], NYX_ACTIVATIONS_REAL);
        node.ints[NYX_INT_ACTIVATIONS] = how;
        assert_int_equal(nyx_graph_node_add(g, &node), 0);
        assert_int_equal(nyx_graph_check(g), NYX_ERR_INPUT);
        nyx_graph_free(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_keeps_its_largest_and_half_a_step),
        cmocka_unit_test(what_is_no_number_spoils_its_block_alone),
        cmocka_unit_test(bits_are_the_same_everywhere),
        cmocka_unit_test(so_they_are_with_a_scale_a_row),
        cmocka_unit_test(scales_of_rows_leave_the_sum),
        cmocka_unit_test(many_rows_give_what_each_gives),
        cmocka_unit_test(no_number_in_x_reaches_its_row_alone),
        cmocka_unit_test(no_number_in_weights_reaches_its_column_alone),
        cmocka_unit_test(a_digest_says_how_activations_are_seen),
        cmocka_unit_test(weights_without_whole_points_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
