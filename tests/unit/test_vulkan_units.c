/* rows and weights coded in 8 bits with one scale a row, multiplied by the matrix
 * units of a GPU: exact sums at every edge of a tile, and what is done without them. */
#include "device/vulkan/program.h"
#include "device/vulkan/kernels/kernels.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const char *const formats[] = { "int8:channel", "int8:channel:scale=f32", "int8:tensor" };

typedef struct {
    int64_t rows, columns, terms;
} extents;

static void ok(int status)
{
    if (status < 0)
        fail_msg("%s", nyx_error_text());
}

/* False: skipped. */
static bool open_units(nyx_device **out)
{
    *out = NULL;
    if (nyx_device_open(out, "vulkan:0", 1) < 0) {
        print_message("skipped: %s\n", nyx_error_text());
        return false;
    }
    if (nyx_vulkan__gpu_of(*out)->facts.matrix[2].m > 0)
        return true;
    print_message("skipped: no matrix units of bytes in this GPU or its driver\n");
    nyx_device_close(*out);
    return false;
}

static void draw(float *to, int64_t count, uint64_t seed)
{
    nyx_random random;

    nyx_random_init(&random, seed, 3);
    for (int64_t i = 0; i < count; i++)
        to[i] = (float)(nyx_random_uniform(&random) + nyx_random_uniform(&random) - 0.9);
}

static bool uses_units(const nyx_program *p)
{
    const nyx_vulkan__program *own = p->own;

    for (int64_t i = 0; i < own->work_count; i++)
        if (own->work[i].shader && !strcmp(own->work[i].shader, "coded_matrix"))
            return true;
    return false;
}

/* y = x w' + bias; whether matrix units made it. */
static bool multiply(float *y, nyx_device *device, const nyx_coded *coded, const float *x, const float *bias,
                     const extents *of)
{
    nyx_graph   *g;
    nyx_store   *store;
    nyx_program *program;
    nyx_value    in, w, b = 0;

    ok(nyx_graph_create(&g, NYX_F32));
    in = nyx_graph_variable(g, "x", NYX_F32, nyx_shape_of(2, of->rows, of->terms), NYX_ROLE_INPUT);
    if (bias)
        b = nyx_graph_variable(g, "b", NYX_F32, nyx_shape_of(1, of->columns), NYX_ROLE_PARAMETER);
    w = nyx_graph_coded(g, "w", &coded->format, coded->shape, NYX_ROLE_PARAMETER);
    nyx_graph_assign(g, "y", NYX_ROLE_OUTPUT, nyx_graph_matmul(g, in, w, b, NYX_MATMUL_NT));
    ok(nyx_pass_activations(g, NYX_ACTIVATIONS_INT8_ROW));
    ok(nyx_store_create(&store, device, 1));
    ok(nyx_program_compile(&program, store, g));
    ok(nyx_store_allocate(store));
    nyx_store_write_coded(store, "w", coded);
    nyx_store_write(store, "x", x);
    if (bias)
        nyx_store_write(store, "b", bias);
    nyx_program_run(program, &(nyx_run){ 0 });
    nyx_store_read(store, "y", y);
    ok(nyx_device_check(device));
    const bool units = uses_units(program);
    nyx_program_free(program);
    nyx_store_free(store);
    nyx_graph_free(g);
    return units;
}

/* Against sums in float64 of what was rounded. */
static void check(const float *y, const nyx_coded *coded, const float *x, const float *bias, const extents *of,
                  bool exact)
{
    const double share = exact ? 0x1p-23 : 3 * 0x1p-23; /* sums of whole numbers, or in f32 */
    float       *w, *row;

    ok(nyx_alloc(&w, of->columns * of->terms * 4));
    ok(nyx_alloc(&row, of->terms * 4));
    nyx_decode_rows(w, coded, 0, of->columns);
    for (int64_t i = 0; i < of->rows; i++) {
        nyx_activation_round(row, x + i * of->terms, of->terms, of->terms);
        for (int64_t j = 0; j < of->columns; j++) {
            const float got = y[i * of->columns + j];
            double      sum = 0, sizes = 0;

            for (int64_t k = 0; k < of->terms; k++) {
                const double product = (double)row[k] * (double)w[j * of->terms + k];

                sum += product;
                sizes += fabs(product);
            }
            sum += bias ? (double)bias[j] : 0.0;
            sizes += bias ? fabs((double)bias[j]) : 0.0;
            if (isnan(sum) ? !isnan(got) : !(fabs((double)got - sum) <= share * sizes))
                fail_msg("[%d, %d, %d]: y[%d, %d] is %g, not %g", (int)of->rows, (int)of->columns, (int)of->terms,
                         (int)i, (int)j, (double)got, sum);
        }
    }
    nyx_free(row);
    nyx_free(w);
}

static bool one_case(nyx_device *device, const char *text, const extents *of, bool with_bias, bool spoilt)
{
    const nyx_shape shape = nyx_shape_of(2, of->columns, of->terms);
    float          *x, *w, *y;
    nyx_format      format;
    nyx_coded       coded;
    bool            units;

    ok(nyx_format_parse(&format, text));
    ok(nyx_alloc(&x, (of->rows * of->terms + of->columns) * 4));
    ok(nyx_alloc(&w, of->columns * of->terms * 4));
    ok(nyx_alloc(&y, of->rows * of->columns * 4));
    draw(x, of->rows * of->terms + of->columns, 1);
    draw(w, of->columns * of->terms, 2);
    if (spoilt)
        x[of->terms + 1] = INFINITY;
    ok(nyx_coded_create(&coded, &format, &shape));
    nyx_coded_encode(&coded, NYX_METHOD_ABSMAX, w);
    const float *bias = with_bias ? x + of->rows * of->terms : NULL;
    units = multiply(y, device, &coded, x, bias, of);
    check(y, &coded, x, bias, of, units);
    nyx_coded_release(&coded);
    nyx_free(y);
    nyx_free(w);
    nyx_free(x);
    return units;
}

static void every_edge_of_a_tile_is_right(void **state)
{
    static const extents all[] = { { 9, 64, 32 }, { 16, 256, 300 }, { 33, 67, 96 }, { 130, 129, 129 }, { 300, 132, 64 } };
    nyx_device          *device;

    (void)state;
    if (!open_units(&device))
        return;
    assert_true(nyx_vulkan__matrix_works(nyx_vulkan__gpu_of(device), NYX_I8)); /* as gauges ask */
    for (int i = 0; i < 5; i++)
        for (int f = 0; f < 3; f++)
            assert_true(one_case(device, formats[f], &all[i], (i + f) % 2, i == 2));
    assert_false(one_case(device, "int8:channel", &(extents){ 8, 64, 64 }, false, false)); /* few rows */
    assert_false(one_case(device, "int8:channel", &(extents){ 40, 3, 64 }, false, false));
    assert_false(one_case(device, "int8:g32", &(extents){ 40, 64, 64 }, false, false));
    nyx_device_close(device);
}

static void tiles_that_were_wrong_are_left(void **state)
{
    const extents of = { 64, 64, 64 };
    nyx_device   *device;

    (void)state;
    if (!open_units(&device))
        return;
    nyx_vulkan__gpu *gpu = nyx_vulkan__gpu_of(device);
    assert_true(one_case(device, "int8:channel", &of, true, false));
    for (int64_t before = -1; before != gpu->tried_count;) { /* until none is left that was not tried */
        before = gpu->tried_count;
        for (int64_t i = 0; i < gpu->tried_count; i++)
            gpu->tried[i].refused = true;
        one_case(device, "int8:channel", &of, true, false);
    }
    assert_false(one_case(device, "int8:channel", &of, true, false));
    nyx_device_close(device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_edge_of_a_tile_is_right),
        cmocka_unit_test(tiles_that_were_wrong_are_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
