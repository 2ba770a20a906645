/* fuse: the graph of the pass as text; a step on a GPU, with casts apart and in
 * the operations around them, to the bit. */
#include "small_models.h"
#include "vulkan_device.h"

static uint32_t everything(const void *context, const nyx_graph *g, const nyx_node *node)
{
    (void)context;
    (void)g;
    (void)node;
    return UINT32_MAX;
}

static uint32_t nothing(const void *context, const nyx_graph *g, const nyx_node *node)
{
    (void)context;
    (void)g;
    (void)node;
    return 0;
}

/* x -> half(swiglu(x)) -> its gradient and a product; a half variable and a
 * result with another reader stay as they are. */
static nyx_graph *casts(void)
{
    nyx_graph *g;
    nyx_value  x, y, half, kept, dy;

    ok(nyx_graph_create(&g, NYX_F32));
    x = nyx_graph_variable(g, "x", NYX_F32, nyx_shape_of(2, (int64_t)4, (int64_t)16), NYX_ROLE_INPUT);
    kept = nyx_graph_variable(g, "kept", NYX_BF16, nyx_shape_of(2, (int64_t)4, (int64_t)8), NYX_ROLE_CARRY);
    y = nyx_graph_swiglu(g, x);
    half = nyx_graph_cast(g, y, NYX_BF16);
    dy = nyx_graph_reshape(g, nyx_graph_cast(g, half, NYX_F32), nyx_shape_of(2, (int64_t)8, (int64_t)4));
    dy = nyx_graph_affine(g, dy, 2.0, 0.0);
    kept = nyx_graph_reshape(g, nyx_graph_cast(g, kept, NYX_F32), nyx_shape_of(2, (int64_t)8, (int64_t)4));
    dy = nyx_graph_add(g, dy, kept);
    nyx_graph_assign(g, "dy", NYX_ROLE_OUTPUT, dy);
    nyx_graph_assign(g, "other", NYX_ROLE_OUTPUT, nyx_graph_cast(g, dy, NYX_BF16));
    nyx_graph_assign(g, "product", NYX_ROLE_OUTPUT, nyx_graph_matmul(g, half, half, 0, NYX_MATMUL_NT));
    return g;
}

static void expect_lines(nyx_graph *g, const char *const *lines)
{
    char *text, *at;

    ok(nyx_graph_check(g));
    ok(nyx_graph_dump(&text, g));
    at = text;
    for (; *lines; lines++) {
        char *found = strstr(at, *lines);

        if (!found)
            fail_msg("no '%s' in\n%s", *lines, text);
        at = found + strlen(*lines);
    }
    nyx_free(text);
}

static void casts_become_part_of_operations(void **state)
{
    static const char *const apart[] = { "= swiglu",         "bf16[4, 8] = cast",
                                         "f32[4, 8] = cast", "f32[8, 4] = reshape",
                                         "affine",           NULL };
    static const char *const fused[] = { "%3 bf16[4, 8] = swiglu %1\n", "%6 bf16[8, 4] = reshape %3\n",
                                         "%7 f32[8, 4] = affine %6 ", "f32[4, 8] = cast %2", "f32[8, 4] = add %7 %9\n",
                                         "bf16[8, 4] = cast %10", "= matmul %3 %3", NULL };
    nyx_graph *g = casts();

    (void)state;
    ok(nyx_pass_fuse(g, nothing, NULL));
    expect_lines(g, apart);
    ok(nyx_pass_fuse(g, everything, NULL));
    expect_lines(g, fused);
    nyx_graph_free(g);
}

/* ---- models ------------------------------------------------------------------------ */

static int count_casts(const nyx_graph *g)
{
    int count = 0;

    for (int n = 0; n < nyx_graph_node_count(g); n++)
        count += nyx_graph_node(g, n)->op == NYX_OP_CAST;
    return count;
}

static void run_step(machine *m, const char *device, const nyx_config *config, int precision)
{
    nyx_graph *g;

    memset(m, 0, sizeof *m);
    ok(nyx_device_open(&m->device, device, 1));
    ok(nyx_store_create(&m->store, m->device, 1));
    g = machine_graph(m, NYX_F32);
    nyx_model_build_step(g, config, &(nyx_step_options){ .slots = 4, .batch = 4 });
    ok(nyx_pass_apply(g, &(nyx_passes){ { [NYX_PASS_PRECISION] = precision } }));
    machine_compile(m);
    machine_fill(m);
    machine_run(m, 0, 3, 0);
    ok(nyx_device_check(m->device));
}

/* The same on two devices, the second with casts fused in. */
static void check_model(const char *text, int precision, const char *first, const char *second)
{
    const nyx_config config = bound(text);
    machine          apart, fused;

    run_step(&apart, first, &config, precision);
    run_step(&fused, second, &config, precision);
    assert_true(count_casts(fused.graphs[0]) < count_casts(apart.graphs[0]));
    for (int i = 0; i < nyx_store_count(apart.store); i++) {
        const char *name = nyx_store_variable(apart.store, i)->name;
        void       *a = machine_copy(&apart, name), *b = machine_copy(&fused, name);

        if (memcmp(a, b, (size_t)machine_bytes(&apart, name)))
            fail_msg("'%s' differs", name);
        nyx_free(a);
        nyx_free(b);
    }
    machine_close(&apart);
    machine_close(&fused);
}

static void no_bit_of_a_step_changes(void **state)
{
    (void)state;
    if (has_device())
        check_model(hrm_text, 1, "vulkan:0,unfused", "vulkan:0,plain");
}

/* The processor's kernels know no casts: they are done on the way to them. */
static void what_a_driver_refuses_keeps_its_casts(void **state)
{
    (void)state;
    if (!has_device())
        return;
    check_model(hrm_text, 1, "vulkan:0,unfused,without=all", "vulkan:0,staging,without=all");
    check_model(hrm_text, 2, "vulkan:0,unfused,without=swiglu,without=attention_grad",
                "vulkan:0,without=swiglu,without=attention_grad,plain");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(casts_become_part_of_operations),
        cmocka_unit_test(no_bit_of_a_step_changes),
        cmocka_unit_test(what_a_driver_refuses_keeps_its_casts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
