/* vulkan_time: dispatches that would take too long come in parts, and no bit of a
 * result hangs on how many. */
#include "device/vulkan/program.h"
#include "graph/inference.h"
#include "vulkan_device.h"

enum { BATCH = 6, POSITIONS = 64, HEADS = 2, WIDTH = 16, ROWS = BATCH * POSITIONS, IN = 3 * HEADS * WIDTH, OUT = 200,
       LONG = 300, IDS = 500, TABLE = 11, CAPACITY = 300, RESULTS = 16, MOST = 1 << 17 };

static nyx_value input(nyx_graph *g, const char *name, enum nyx_dtype type, nyx_shape shape)
{
    return nyx_graph_variable(g, name, type, shape, NYX_ROLE_INPUT);
}

/* What is costly in a model, forward and backward. */
static void build_model(nyx_graph *g)
{
    const nyx_value x = input(g, "x", NYX_F32, nyx_shape_of(2, (int64_t)ROWS, (int64_t)IN));
    const nyx_value w = input(g, "w", NYX_F32, nyx_shape_of(2, (int64_t)OUT, (int64_t)IN));
    const nyx_value labels = input(g, "labels", NYX_I32, nyx_shape_of(1, (int64_t)ROWS));
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
    nyx_graph_assign(g, "y", NYX_ROLE_OUTPUT, y);
    nyx_graph_assign(g, "attention", NYX_ROLE_OUTPUT, attention);
    nyx_graph_assign(g, "losses", NYX_ROLE_OUTPUT, losses);
    nyx_graph_assign(g, "dx", NYX_ROLE_OUTPUT, gradients[0]);
    nyx_graph_assign(g, "dw", NYX_ROLE_OUTPUT, gradients[1]);
}

/* What has no rows that stand alone, or few: one long sequence, sums, a cache. */
static void build_others(nyx_graph *g)
{
    const nyx_shape cache = nyx_shape_of(4, (int64_t)TABLE, (int64_t)1, (int64_t)CAPACITY, (int64_t)WIDTH);
    const nyx_value x = input(g, "x", NYX_F32, nyx_shape_of(3, (int64_t)1, (int64_t)LONG, (int64_t)IN));
    const nyx_value d = input(g, "d", NYX_F32, nyx_shape_of(3, (int64_t)1, (int64_t)LONG, (int64_t)HEADS * WIDTH));
    const nyx_value ids = input(g, "ids", NYX_I32, nyx_shape_of(1, (int64_t)IDS));
    const nyx_value rows = input(g, "rows", NYX_F32, nyx_shape_of(2, (int64_t)IDS, (int64_t)WIDTH));
    const nyx_value some = input(g, "some", NYX_I32, nyx_shape_of(1, (int64_t)1));
    const nyx_value fresh = input(g, "fresh", NYX_F32, nyx_shape_of(3, (int64_t)1, (int64_t)2, (int64_t)4 * WIDTH));
    const nyx_value keys = input(g, "keys", NYX_F32, cache), values = input(g, "values", NYX_F32, cache);
    const nyx_value y = nyx_graph_attention(g, x, HEADS, HEADS, true);
    nyx_node        back = { .op = NYX_OP_ATTENTION_GRAD, .input_count = 4, .inputs = { x, y, y + 1, d },
                             .ints = { HEADS, HEADS, true } };
    nyx_node        sums = { .op = NYX_OP_EMBEDDING_GRAD, .input_count = 2, .inputs = { ids, rows },
                             .shape = nyx_shape_of(2, (int64_t)TABLE, (int64_t)WIDTH) };

    nyx_graph_assign(g, "y", NYX_ROLE_OUTPUT, y);
    nyx_graph_assign(g, "lse", NYX_ROLE_OUTPUT, y + 1);
    nyx_graph_assign(g, "dx", NYX_ROLE_OUTPUT, nyx_graph_node_add(g, &back));
    nyx_graph_assign(g, "down", NYX_ROLE_OUTPUT, nyx_graph_reduce(g, NYX_SUM, rows, 1, true));
    nyx_graph_assign(g, "across", NYX_ROLE_OUTPUT, nyx_graph_reduce(g, NYX_SUM, x, 1, false));
    nyx_graph_assign(g, "table", NYX_ROLE_OUTPUT, nyx_graph_node_add(g, &sums));
    nyx_graph_assign(g, "cached", NYX_ROLE_OUTPUT,
                     nyx_graph_attention_cached(g, fresh, keys, values, some, some, HEADS, 1));
}

typedef struct {
    int   count, parts[NYX_OP_COUNT];
    char *data[RESULTS];
    int64_t bytes[RESULTS];
} outcome;

static void feed(nyx_store *store, const nyx_variable *v)
{
    static float   values[MOST];
    static int32_t ids[MOST];

    for (int i = 0; i < MOST; i++) {
        values[i] = (float)((i * 37 + i / 7 + v->name[0]) % 101) * 0.02f - 1.0f;
        ids[i] = (i * 13 + 5) % TABLE;
    }
    assert_true(nyx_variable_bytes(v) <= (int64_t)sizeof values);
    nyx_store_write(store, v->name, v->dtype == NYX_I32 ? (const void *)ids : values);
}

/* Results, and of how many parts each operation was. */
static void run(outcome *out, void (*build)(nyx_graph *g), const char *name)
{
    nyx_device  *device;
    nyx_graph   *g;
    nyx_store   *store;
    nyx_program *program;

    memset(out, 0, sizeof *out);
    ok(nyx_graph_create(&g, NYX_F32));
    build(g);
    ok(nyx_device_open(&device, name, 1));
    ok(nyx_store_create(&store, device, 1));
    ok(nyx_program_compile(&program, store, g));
    ok(nyx_store_allocate(store));
    for (int i = 0; i < nyx_store_count(store); i++)
        if (nyx_store_variable(store, i)->role == NYX_ROLE_INPUT)
            feed(store, nyx_store_variable(store, i));
    nyx_program_run(program, &(nyx_run){ .seed = 1 });
    for (int i = 0; i < nyx_store_count(store); i++)
        if (nyx_store_variable(store, i)->role == NYX_ROLE_OUTPUT) {
            out->bytes[out->count] = nyx_store_bytes(store, i);
            ok(nyx_alloc(&out->data[out->count], out->bytes[out->count]));
            nyx_store_read(store, nyx_store_variable(store, i)->name, out->data[out->count++]);
        }
    ok(nyx_device_check(device));
    const nyx_vulkan__program *own = program->own;
    for (int64_t i = 0; i < own->work_count; i++)
        out->parts[own->work[i].node->op] += (int)own->work[i].parts;
    nyx_program_free(program);
    nyx_store_free(store);
    nyx_device_close(device);
    nyx_graph_free(g);
}

static void compare(void (*build)(nyx_graph *g), const enum nyx_op *split, size_t count)
{
    outcome whole, parts;

    if (!has_device())
        return;
    run(&whole, build, "vulkan:0");
    run(&parts, build, "vulkan:0,slow=1000000");
    for (size_t i = 0; i < count; i++)
        if (whole.parts[split[i]] == 0 || parts.parts[split[i]] < 2 * whole.parts[split[i]])
            fail_msg("%s: %d parts, then %d", nyx_op_table(split[i])->name, whole.parts[split[i]],
                     parts.parts[split[i]]);
    for (int i = 0; i < whole.count; i++) {
        float second;

        memcpy(&second, whole.data[i] + 4, 4);
        assert_true(second == second);
        assert_memory_equal(whole.data[i], parts.data[i], (size_t)whole.bytes[i]);
        nyx_free(whole.data[i]);
        nyx_free(parts.data[i]);
    }
}

static void parts_of_a_model_change_no_bit(void **state)
{
    static const enum nyx_op split[] = { NYX_OP_MATMUL, NYX_OP_ATTENTION, NYX_OP_ATTENTION_GRAD, NYX_OP_CROSS_ENTROPY,
                                         NYX_OP_CROSS_ENTROPY_GRAD, NYX_OP_MUL };

    (void)state;
    compare(build_model, split, sizeof split / sizeof *split);
}

static void parts_of_what_is_not_rows_change_no_bit(void **state)
{
    static const enum nyx_op split[] = { NYX_OP_ATTENTION, NYX_OP_ATTENTION_GRAD, NYX_OP_REDUCE, NYX_OP_EMBEDDING_GRAD,
                                         NYX_OP_ATTENTION_CACHED };

    (void)state;
    compare(build_others, split, sizeof split / sizeof *split);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_of_a_model_change_no_bit),
        cmocka_unit_test(parts_of_what_is_not_rows_change_no_bit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
