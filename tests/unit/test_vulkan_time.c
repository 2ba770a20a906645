/* vulkan_time: dispatches that would take too long are split over rows, and no
 * bit of a result hangs on how. */
#include "vulkan_device.h"

enum { BATCH = 6, POSITIONS = 64, HEADS = 2, WIDTH = 16, ROWS = BATCH * POSITIONS, IN = 3 * HEADS * WIDTH, OUT = 200,
       RESULTS = 5, MOST = ROWS * OUT };

static const char *const names[RESULTS] = { "y", "attention", "losses", "dx", "dw" };
static const int64_t     counts[RESULTS] = { ROWS * OUT, ROWS * HEADS * WIDTH, ROWS, ROWS * IN, OUT * IN };

/* What is costly in a model, forward and backward. */
static void build(nyx_graph *g)
{
    const nyx_value x = nyx_graph_variable(g, "x", NYX_F32, nyx_shape_of(2, (int64_t)ROWS, (int64_t)IN),
                                           NYX_ROLE_INPUT);
    const nyx_value w = nyx_graph_variable(g, "w", NYX_F32, nyx_shape_of(2, (int64_t)OUT, (int64_t)IN), NYX_ROLE_INPUT);
    const nyx_value labels = nyx_graph_variable(g, "labels", NYX_I32, nyx_shape_of(1, (int64_t)ROWS), NYX_ROLE_INPUT);
    const nyx_value y = nyx_graph_matmul(g, x, w, 0, NYX_MATMUL_NT);
    const nyx_value back = nyx_graph_affine(g, nyx_graph_matmul(g, y, w, 0, NYX_MATMUL_NN), 0.01, 0.0);
    const nyx_value tokens = nyx_graph_reshape(g, back,
                                               nyx_shape_of(3, (int64_t)BATCH, (int64_t)POSITIONS, (int64_t)IN));
    const nyx_value attention = nyx_graph_attention(g, tokens, HEADS, HEADS, true);
    const nyx_value losses = nyx_graph_cross_entropy(g, y, labels, NYX_SOFTMAX, -1);
    const nyx_value squares = nyx_graph_reduce(g, NYX_SUM, nyx_graph_mul(g, attention, attention), 3, false);
    const nyx_value wrt[2] = { x, w };
    nyx_value       gradients[2];

    ok(nyx_pass_gradient(g, nyx_graph_add(g, squares, nyx_graph_reduce(g, NYX_SUM, losses, 1, false)), 2, wrt,
                         gradients));
    const nyx_value results[RESULTS] = { y, attention, losses, gradients[0], gradients[1] };

    for (int i = 0; i < RESULTS; i++)
        nyx_graph_assign(g, names[i], NYX_ROLE_OUTPUT, results[i]);
}

/* Results, and of how many pieces each operation was. */
static void run(float *results[RESULTS], int pieces[NYX_OP_COUNT], const char *name)
{
    static float     values[MOST];
    static int32_t   labels[ROWS];
    nyx_device      *device;
    nyx_graph       *g;
    nyx_store       *store;
    nyx_program     *program;
    const nyx_event *events;
    int64_t          count;

    for (int i = 0; i < MOST; i++)
        values[i] = (float)((i * 37 + i / 7) % 101) * 0.02f - 1.0f;
    for (int i = 0; i < ROWS; i++)
        labels[i] = i % 9 ? i * 13 % OUT : -1;
    ok(nyx_graph_create(&g, NYX_F32));
    build(g);
    ok(nyx_device_open(&device, name, 1));
    ok(nyx_store_create(&store, device, 1));
    ok(nyx_program_compile(&program, store, g));
    ok(nyx_store_allocate(store));
    nyx_store_write(store, "x", values);
    nyx_store_write(store, "w", values + 11);
    nyx_store_write(store, "labels", labels);
    nyx_program_trace(program, true);
    nyx_program_run(program, &(nyx_run){ .seed = 1 });
    for (int i = 0; i < RESULTS; i++) {
        ok(nyx_alloc(&results[i], counts[i] * (int64_t)sizeof(float)));
        nyx_store_read(store, names[i], results[i]);
    }
    ok(nyx_device_check(device));
    events = nyx_program_events(program, &count);
    memset(pieces, 0, NYX_OP_COUNT * sizeof *pieces);
    for (int64_t i = 0; i < count; i++)
        pieces[events[i].node->op]++;
    nyx_program_free(program);
    nyx_store_free(store);
    nyx_device_close(device);
    nyx_graph_free(g);
}

static void pieces_in_time_change_no_bit(void **state)
{
    static const enum nyx_op split[] = { NYX_OP_MATMUL, NYX_OP_ATTENTION, NYX_OP_ATTENTION_GRAD, NYX_OP_CROSS_ENTROPY,
                                         NYX_OP_CROSS_ENTROPY_GRAD, NYX_OP_MUL };
    float                   *whole[RESULTS], *parts[RESULTS];
    int                      few[NYX_OP_COUNT], many[NYX_OP_COUNT];

    (void)state;
    if (!has_device())
        skip();
    run(whole, few, "vulkan:0");
    run(parts, many, "vulkan:0,slow=1000000");
    for (size_t i = 0; i < sizeof split / sizeof *split; i++)
        assert_true(few[split[i]] > 0 && many[split[i]] >= 2 * few[split[i]]);
    for (int i = 0; i < RESULTS; i++) {
        assert_true(whole[i][1] == whole[i][1]);
        assert_memory_equal(whole[i], parts[i], (size_t)counts[i] * sizeof(float));
        nyx_free(whole[i]);
        nyx_free(parts[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_in_time_change_no_bit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
