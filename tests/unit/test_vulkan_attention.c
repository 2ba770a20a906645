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

/* Results and log-sum-exp, in f32, of a device. */
static void attend(float *y, const problem *q, const char *name)
{
    const int64_t row = (q->heads + 2 * q->kv_heads) * q->width, elems = q->batches * q->positions * row;
    machine       m = { 0 };
    nyx_graph    *g;
    nyx_random    random;
    nyx_value     x;
    float        *values;

    ok(nyx_device_open(&m.device, name, 1));
    ok(nyx_store_create(&m.store, m.device, 1));
    g = machine_graph(&m, NYX_F32);
    x = nyx_graph_variable(g, "x", NYX_F32, nyx_shape_of(3, q->batches, q->positions, row), NYX_ROLE_INPUT);
    x = nyx_graph_cast(g, nyx_graph_cast(g, x, q->type), NYX_F32);
    x = nyx_graph_attention(g, x, q->heads, q->kv_heads, q->causal);
    nyx_graph_assign(g, "y", NYX_ROLE_OUTPUT, x);
    nyx_graph_assign(g, "half", NYX_ROLE_OUTPUT, nyx_graph_cast(g, x, q->type));
    nyx_graph_assign(g, "lse", NYX_ROLE_OUTPUT, x + 1);
    machine_compile(&m);
    ok(nyx_alloc(&values, elems * 4));
    nyx_random_init(&random, 3, 1);
    for (int64_t i = 0; i < elems; i++)
        values[i] = (float)(4 * nyx_random_uniform(&random) - 2);
    nyx_store_write(m.store, "x", values);
    machine_run(&m, 0, 0, 0);
    ok(nyx_device_check(m.device));
    nyx_store_read(m.store, "y", y);
    nyx_store_read(m.store, "lse", y + machine_bytes(&m, "y") / 4);
    nyx_free(values);
    machine_close(&m);
}

static void compare(problem q)
{
    const double  step = q.type == NYX_BF16 ? 0x1p-8 : 0x1p-11;
    const int64_t rows = q.batches * q.positions * q.heads, count = rows * q.width;
    float        *units, *plain;
    double        apart = 0, lse = 0;

    ok(nyx_alloc(&units, (count + rows) * 4));
    ok(nyx_alloc(&plain, (count + rows) * 4));
    attend(units, &q, "vulkan:0");
    attend(plain, &q, "vulkan:0,plain");
    for (int64_t i = 0; i < count + rows; i++) {
        const double d = fabs((double)units[i] - (double)plain[i]);

        assert_true(isfinite(units[i]) && isfinite(plain[i]));
        *(i < count ? &apart : &lse) = fmax(d, i < count ? apart : lse);
    }
    if (!(apart <= 2 * step) || !(lse <= 1e-5))
        fail_msg("%d positions, width %d: results are %g, log-sum-exp %g apart", (int)q.positions, (int)q.width, apart,
                 lse);
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
    compare((problem){ 1, 150, 1, 1, 128, true, NYX_F16 });
    compare((problem){ 3, 5, 2, 1, 16, false, NYX_F16 });
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(matrix_units_attend_alike) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
