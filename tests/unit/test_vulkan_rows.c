/* vulkan rows: numbers that are none, and labels that name nothing, go through
 * the kernels on rows as through those of the CPU (the plain or the vectorised
 * ones, which differ in places: 0 / 0 against a term left out). */
#include "device/device.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 9, MOST = 20, OUTPUTS = 32 };

/* Results of one device, in the order of `outputs`. */
typedef struct {
    int       count;
    nyx_value values[OUTPUTS];
    char      names[OUTPUTS][32];
    float     y[OUTPUTS][ROWS * MOST];
} results;

static void keep(results *r, nyx_graph *g, const char *name, nyx_value v)
{
    snprintf(r->names[r->count], sizeof r->names[0], "%s", name);
    if (nyx_value_dtype(g, v) == NYX_I32)
        v = nyx_graph_cast(g, v, NYX_F32);
    r->values[r->count] = v;
    nyx_graph_assign(g, r->names[r->count++], NYX_ROLE_OUTPUT, v);
}

static nyx_value gradient(nyx_graph *g, enum nyx_op op, nyx_value a, nyx_value b, nyx_value c, int64_t how)
{
    return nyx_graph_node_add(g, &(nyx_node){ .op = op, .input_count = c ? 3 : 2, .inputs = { a, b, c },
                                              .ints = { how, 3 } });
}

static void build(results *r, nyx_graph *g, int64_t width)
{
    const nyx_shape whole = nyx_shape_of(2, (int64_t)ROWS, width), rows = nyx_shape_of(1, (int64_t)ROWS);
    const nyx_value x = nyx_graph_variable(g, "x", NYX_F32, whole, NYX_ROLE_INPUT);
    const nyx_value d = nyx_graph_variable(g, "d", NYX_F32, whole, NYX_ROLE_INPUT);
    const nyx_value one = nyx_graph_variable(g, "one", NYX_F32, rows, NYX_ROLE_INPUT);
    const nyx_value labels = nyx_graph_variable(g, "labels", NYX_I32, rows, NYX_ROLE_INPUT);
    char            name[32];

    keep(r, g, "rmsnorm", nyx_graph_rmsnorm(g, x, 0, 1e-5));
    keep(r, g, "rmsnorm residual", nyx_graph_rmsnorm(g, d, x, 1e-5));
    keep(r, g, "layernorm", nyx_graph_layernorm(g, x, 1e-5));
    keep(r, g, "rmsnorm_grad", gradient(g, NYX_OP_RMSNORM_GRAD, d, one, x, 0));
    keep(r, g, "layernorm_grad", gradient(g, NYX_OP_LAYERNORM_GRAD, d, one, x, 0));
    keep(r, g, "gelu", nyx_graph_gelu(g, x));
    keep(r, g, "gelu_grad", gradient(g, NYX_OP_GELU_GRAD, x, d, 0, 0));
    keep(r, g, "bce", nyx_graph_bce(g, x, d));
    keep(r, g, "argmax", nyx_graph_argmax(g, x));
    for (int how = NYX_SUM; how <= NYX_SUM_SQUARES; how++) {
        snprintf(name, sizeof name, "reduce rows %d", how);
        keep(r, g, name, nyx_graph_reduce(g, (enum nyx_reduction)how, x, 1, false));
        snprintf(name, sizeof name, "reduce columns %d", how);
        keep(r, g, name, nyx_graph_reduce(g, (enum nyx_reduction)how, x, 1, true));
    }
    for (int how = NYX_SOFTMAX; how <= NYX_STABLEMAX; how++) {
        snprintf(name, sizeof name, "cross_entropy %d", how);
        keep(r, g, name, nyx_graph_cross_entropy(g, x, labels, (enum nyx_probability)how, 3));
        snprintf(name, sizeof name, "cross_entropy_grad %d", how);
        keep(r, g, name, gradient(g, NYX_OP_CROSS_ENTROPY_GRAD, x, labels, one, how));
    }
    if (width % 2 == 0) {
        const nyx_value half = nyx_graph_swiglu(g, x);

        keep(r, g, "swiglu", half);
        keep(r, g, "swiglu_grad", gradient(g, NYX_OP_SWIGLU_GRAD, x, half, 0, 0));
    }
    assert_int_equal(nyx_graph_check(g), 0);
}

static void compute(results *r, nyx_device *device, int64_t width, const float *x, const float *d)
{
    static const int32_t labels[ROWS] = { 1, 0, 2, 3, -1, 1000, 4, 0, 5 };
    float                one[ROWS];
    nyx_graph           *g;
    nyx_store           *store;
    nyx_program         *program;

    for (int i = 0; i < ROWS; i++)
        one[i] = 1 + (float)i / 4;
    memset(r, 0, sizeof *r);
    assert_int_equal(nyx_graph_create(&g, NYX_F32), 0);
    build(r, g, width);
    assert_int_equal(nyx_store_create(&store, device, 1), 0);
    assert_int_equal(nyx_program_compile(&program, store, g), 0);
    assert_int_equal(nyx_store_allocate(store), 0);
    nyx_store_write(store, "x", x);
    nyx_store_write(store, "d", d);
    nyx_store_write(store, "one", one);
    nyx_store_write(store, "labels", labels);
    nyx_program_run(program, &(nyx_run){ .seed = 1 });
    for (int i = 0; i < r->count; i++)
        nyx_store_read(store, r->names[i], r->y[i]);
    assert_int_equal(nyx_device_check(device), 0);
    nyx_program_free(program);
    nyx_store_free(store);
    nyx_graph_free(g);
}

/* Rows 1 to 8 each have something in them. */
static void make_inputs(float *x, float *d, int64_t width)
{
    const float inf = (float)INFINITY, nan = (float)NAN;

    for (int64_t i = 0; i < ROWS * width; i++) {
        x[i] = (float)((i * 7 + 3) % 23 - 11) / 4;
        d[i] = (float)((i * 5 + 1) % 17) / 16;
    }
    x[width] = nan;
    x[2 * width + 5] = nan;
    x[3 * width + 2] = inf;
    x[4 * width] = -inf;
    x[5 * width + 1] = inf;
    x[5 * width + 4] = -inf;
    x[6 * width + 4] = -inf;
    for (int64_t i = 0; i < width; i++)
        x[7 * width + i] = -inf;
    x[8 * width + 5] = inf;
}

static bool alike(float a, float b)
{
    if (a != a || b != b)
        return a != a && b != b;
    return a == b || fabsf(a - b) <= 2e-6f * (fabsf(b) + 1);
}

static int differences(nyx_device *plain, nyx_device *vectorised, nyx_device *gpu, int64_t width)
{
    static results wanted, other, got;
    float          x[ROWS * MOST], d[ROWS * MOST];
    int            count = 0;

    make_inputs(x, d, width);
    compute(&wanted, plain, width, x, d);
    compute(&other, vectorised, width, x, d);
    compute(&got, gpu, width, x, d);
    for (int o = 0; o < wanted.count; o++)
        for (int i = 0; i < ROWS * MOST; i++)
            if (!alike(got.y[o][i], wanted.y[o][i]) && !alike(got.y[o][i], other.y[o][i])) {
                print_message("%s [%d], width %d: %g, not %g\n", wanted.names[o], i, (int)width, (double)got.y[o][i],
                              (double)wanted.y[o][i]);
                count++;
            }
    return count;
}

static void what_is_no_number_goes_through(void **state)
{
    nyx_device *plain, *vectorised, *gpu;
    int         count;

    (void)state;
    if (nyx_device_open(&gpu, "vulkan", 1) < 0) {
        print_message("skipped: no Vulkan device: %s; package mesa-vulkan-drivers\n", nyx_error_text());
        skip();
    }
    assert_int_equal(nyx_device_open(&plain, "cpu:reference", 1), 0);
    assert_int_equal(nyx_device_open(&vectorised, "cpu:base", 1), 0);
    count = differences(plain, vectorised, gpu, 13) + differences(plain, vectorised, gpu, 20);
    nyx_device_close(plain);
    nyx_device_close(vectorised);
    nyx_device_close(gpu);
    assert_int_equal(count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_number_goes_through),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
