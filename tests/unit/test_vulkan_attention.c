/* vulkan_attention: attention of 16 bits by matrix units, where a GPU has them,
 * beside that without: other bits, within the rounding of the weights. */
#include "device/vulkan/vulkan.h"
#include "vulkan_device.h"

#include <math.h>

typedef struct {
    int64_t        batches, positions, heads, kv_heads, width;
    bool           causal;
    enum nyx_dtype type;
} problem;

/* Results, log-sum-exp and gradient, in f32, of a device. */
static void attend(float *results, const problem *q, const char *name)
{
    const int64_t row = (q->heads + 2 * q->kv_heads) * q->width, elems = q->batches * q->positions * row;
    machine       m = { 0 };
    nyx_graph    *g;
    nyx_random    random;
    nyx_value     x, y, dy;
    nyx_node      gradient;
    float        *values;

    ok(nyx_device_open(&m.device, name, 1));
    ok(nyx_store_create(&m.store, m.device, 1));
    g = machine_graph(&m, NYX_F32);
    x = nyx_graph_variable(g, "x", NYX_F32, nyx_shape_of(3, q->batches, q->positions, row), NYX_ROLE_INPUT);
    x = nyx_graph_cast(g, nyx_graph_cast(g, x, q->type), NYX_F32);
    y = nyx_graph_attention(g, x, q->heads, q->kv_heads, q->causal);
    dy = nyx_graph_cast(g, nyx_graph_affine(g, y, 2.0, 0.25), q->type);
    dy = nyx_graph_cast(g, dy, NYX_F32);
    gradient = (nyx_node){ .op = NYX_OP_ATTENTION_GRAD, .input_count = 4, .inputs = { x, y, y + 1, dy },
                           .ints = { q->heads, q->kv_heads, q->causal } };
    nyx_graph_assign(g, "y", NYX_ROLE_OUTPUT, y);
    nyx_graph_assign(g, "lse", NYX_ROLE_OUTPUT, y + 1);
    nyx_graph_assign(g, "dx", NYX_ROLE_OUTPUT, nyx_graph_node_add(g, &gradient));
    machine_compile(&m);
    ok(nyx_alloc(&values, elems * 4));
    nyx_random_init(&random, 3, 1);
    for (int64_t i = 0; i < elems; i++)
        values[i] = (float)(4 * nyx_random_uniform(&random) - 2);
    nyx_store_write(m.store, "x", values);
    machine_run(&m, 0, 0, 0);
    ok(nyx_device_check(m.device));
    nyx_store_read(m.store, "y", results);
    nyx_store_read(m.store, "lse", results + machine_bytes(&m, "y") / 4);
    nyx_store_read(m.store, "dx", results + (machine_bytes(&m, "y") + machine_bytes(&m, "lse")) / 4);
    nyx_free(values);
    machine_close(&m);
}

/* The largest difference in parts of the largest element. */
static double apart(const float *a, const float *b, int64_t count)
{
    double most = 0, largest = 0;

    for (int64_t i = 0; i < count; i++) {
        assert_true(isfinite(a[i]) && isfinite(b[i]));
        most = fmax(most, fabs((double)a[i] - (double)b[i]));
        largest = fmax(largest, fabs((double)b[i]));
    }
    return most / largest;
}

static void compare(problem q)
{
    const double  step = q.type == NYX_BF16 ? 0x1p-8 : 0x1p-11;
    const int64_t rows = q.batches * q.positions * q.heads, count = rows * q.width;
    const int64_t all = q.batches * q.positions * (q.heads + 2 * q.kv_heads) * q.width;
    float        *units, *plain;

    ok(nyx_alloc(&units, (count + rows + all) * 4));
    ok(nyx_alloc(&plain, (count + rows + all) * 4));
    attend(units, &q, "vulkan:0");
    attend(plain, &q, "vulkan:0,plain");
    const double y = apart(units, plain, count), lse = apart(units + count, plain + count, rows);
    const double dx = apart(units + count + rows, plain + count + rows, all);
    if (!(y <= 2 * step) || !(lse <= 1e-5) || !(dx <= 4 * step))
        fail_msg("%d positions, width %d: results are %g, log-sum-exp %g, gradients %g apart", (int)q.positions,
                 (int)q.width, y, lse, dx);
    nyx_free(units);
    nyx_free(plain);
}

static bool has_units(void)
{
    nyx_device *device;
    bool        found;

    if (!has_device())
        return false;
    ok(nyx_device_open(&device, "vulkan:0", 1));
    found = nyx_vulkan__gpu_of(device)->facts.matrix[0].m > 0;
    nyx_device_close(device);
    if (!found)
        print_message("skipped: no matrix units in this GPU or its driver\n");
    return found;
}

static void matrix_units_attend_alike(void **state)
{
    (void)state;
    if (!has_units())
        return;
    compare((problem){ 2, 82, 2, 2, 64, false, NYX_BF16 });
    compare((problem){ 1, 70, 4, 2, 32, true, NYX_F16 });
    compare((problem){ 1, 150, 1, 1, 128, false, NYX_F16 });
    compare((problem){ 3, 5, 2, 1, 16, false, NYX_F16 });
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(matrix_units_attend_alike) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
