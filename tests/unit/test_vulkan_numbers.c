/* vulkan numbers: ids that name nothing, NaN and infinities in attention and
 * its cache, by the plain kernels, the vectorised ones, and on a GPU: none
 * reaches a query that does not see it. */
#include "graph/inference.h"
#include "vulkan_device.h"

#include <math.h>
#include <string.h>

enum { OUTPUTS = 8, MOST = 12288 };

/* Results of one device; a name is a variable. */
typedef struct {
    int   count;
    char  names[OUTPUTS][32];
    float y[OUTPUTS][MOST];
} results;

static void keep(results *r, nyx_graph *g, const char *name, nyx_value v)
{
    snprintf(r->names[r->count++], sizeof r->names[0], "%s", name);
    if (v)
        nyx_graph_assign(g, name, NYX_ROLE_OUTPUT, v);
}

static nyx_value variable(nyx_graph *g, const char *name, enum nyx_dtype dtype, nyx_shape shape)
{
    return nyx_graph_variable(g, name, dtype, shape, NYX_ROLE_INPUT);
}

/* What is computed, and from what. */
typedef struct {
    void (*build)(results *r, nyx_graph *g);
    void (*feed)(nyx_store *store);
    const char *narrow; /* a GPU that binds less at once; NULL: none */
} scene;

/* Numbers between -2 and 2 for a variable of f32. */
static void feed_plain(nyx_store *store, const char *name, float *values)
{
    const int64_t count = nyx_store_bytes(store, nyx_store_find(store, name)) / (int64_t)sizeof *values;

    assert_true(count <= MOST);
    for (int64_t i = 0; i < count; i++)
        values[i] = (float)((i * 7 + (int64_t)strlen(name) * 3) % 23 - 11) / 8;
}

static void compute(results *r, nyx_device *device, const scene *s)
{
    nyx_graph   *g;
    nyx_store   *store;
    nyx_program *program;

    memset(r, 0, sizeof *r);
    assert_int_equal(nyx_graph_create(&g, NYX_F32), 0);
    s->build(r, g);
    assert_int_equal(nyx_graph_check(g), 0);
    assert_int_equal(nyx_store_create(&store, device, 1), 0);
    assert_int_equal(nyx_program_compile(&program, store, g), 0);
    assert_int_equal(nyx_store_allocate(store), 0);
    s->feed(store);
    nyx_program_run(program, &(nyx_run){ .seed = 1 });
    for (int i = 0; i < r->count; i++) {
        assert_true(nyx_store_bytes(store, nyx_store_find(store, r->names[i])) <= (int64_t)sizeof r->y[i]);
        nyx_store_read(store, r->names[i], r->y[i]);
    }
    assert_int_equal(nyx_device_check(device), 0);
    nyx_program_free(program);
    nyx_store_free(store);
    nyx_graph_free(g);
}

static bool alike(float a, float b)
{
    if (a != a || b != b)
        return a != a && b != b;
    return a == b || fabsf(a - b) <= 1e-5f * (fabsf(b) + 1);
}

static int differences(const results *got, const results *plain, const char *device)
{
    int count = 0;

    for (int o = 0; o < plain->count; o++)
        for (int i = 0; i < MOST; i++)
            if (!alike(got->y[o][i], plain->y[o][i]) && count++ < 12)
                print_message("%s: %s [%d]: %g, not %g\n", device, plain->names[o], i, (double)got->y[o][i],
                              (double)plain->y[o][i]);
    return count;
}

static void as_on_the_cpu(const scene *s)
{
    const char *const others[] = { "cpu", "cpu:base", "vulkan", s->narrow };
    const int         most = has_device() ? 4 : 2;
    static results    plain, got;
    nyx_device       *device;
    int               count = 0;

    assert_int_equal(nyx_device_open(&device, "cpu:reference", 1), 0);
    compute(&plain, device, s);
    nyx_device_close(device);
    for (int i = 0; i < most && others[i]; i++) {
        assert_int_equal(nyx_device_open(&device, others[i], 1), 0);
        compute(&got, device, s);
        nyx_device_close(device);
        count += differences(&got, &plain, others[i]);
    }
    assert_int_equal(count, 0);
}

/* ---- tables ------------------------------------------------------------------------- */

enum { IDS = 40, ROWS = 11, WIDTH = 12 };

static void build_lookup(results *r, nyx_graph *g)
{
    const nyx_shape table = nyx_shape_of(2, (int64_t)ROWS, (int64_t)WIDTH);
    const nyx_shape all = nyx_shape_of(2, (int64_t)IDS, (int64_t)WIDTH);
    const nyx_value ids = variable(g, "ids", NYX_I32, nyx_shape_of(1, (int64_t)IDS));
    const nyx_value from = variable(g, "from", NYX_F32, table), stepped = variable(g, "stepped", NYX_F32, table);
    const nyx_value grad = variable(g, "grad", NYX_F32, all);
    const nyx_value scalars = variable(g, "scalars", NYX_F32, nyx_shape_of(1, INT64_C(4)));
    const nyx_value scale = variable(g, "scale", NYX_F32, nyx_shape_of(0));
    const nyx_node  sums = { .op = NYX_OP_EMBEDDING_GRAD, .input_count = 2, .inputs = { ids, grad }, .shape = table };

    keep(r, g, "embedding", nyx_graph_embedding(g, from, ids));
    keep(r, g, "embedding_grad", nyx_graph_node_add(g, &sums));
    nyx_graph_sign_sgd(g, stepped, ids, grad, scalars, scale);
    keep(r, g, "stepped", 0);
}

static void feed_lookup(nyx_store *store)
{
    static const char *const names[] = { "from", "stepped", "grad" };
    static const int32_t     wrong[] = { -1, ROWS, INT32_MIN, INT32_MAX, -ROWS, ROWS + 1 };
    const float              scalars[4] = { 0.99f, 0.1f, 1.5f, 0 }, scale = 0.5f;
    float                    values[MOST];
    int32_t                  ids[IDS];

    for (int i = 0; i < 3; i++) {
        feed_plain(store, names[i], values);
        if (i == 2)
            values[7] = (float)NAN, values[5 * WIDTH] = (float)INFINITY, values[6 * WIDTH + 1] = -(float)INFINITY;
        nyx_store_write(store, names[i], values);
    }
    for (int i = 0; i < IDS; i++)
        ids[i] = i % 3 == 1 ? wrong[i / 3 % 6] : i * i % ROWS;
    nyx_store_write(store, "ids", ids);
    nyx_store_write(store, "scalars", scalars);
    nyx_store_write(store, "scale", &scale);
}

static void ids_that_name_nothing(void **state)
{
    (void)state;
    as_on_the_cpu(&(scene){ build_lookup, feed_lookup, "vulkan:0,most=1024" });
}

/* ---- attention ------------------------------------------------------------------------ */

/* One thing is wrong in each batch but the first. */
enum { BATCHES = 8, POSITIONS = 90, HEADS = 2, KV = 1, D = 4, PITCH = (HEADS + 2 * KV) * D };
enum { QUERY = 0, KEY = HEADS * D, VALUE = KEY + D };
static const struct { int position, from; float value; } wrong[BATCHES] = {
    { 0, 0, 0.5f },
    { 2, QUERY + 1, (float)NAN },
    { 1, KEY + 2, (float)NAN },
    { 70, VALUE + 1, (float)NAN },
    { 66, QUERY, (float)INFINITY },
    { 65, KEY + 1, -(float)INFINITY },
    { 3, VALUE, (float)INFINITY },
    { 0, KEY, (float)INFINITY },
};

static nyx_value back(nyx_graph *g, nyx_value x, nyx_value y, nyx_value d, bool causal)
{
    return nyx_graph_node_add(g, &(nyx_node){ .op = NYX_OP_ATTENTION_GRAD, .input_count = 4,
                                              .inputs = { x, y, y + 1, d }, .ints = { HEADS, KV, causal } });
}

static void build_attention(results *r, nyx_graph *g)
{
    const nyx_shape shape = nyx_shape_of(3, (int64_t)BATCHES, (int64_t)POSITIONS, (int64_t)PITCH);
    const nyx_shape result = nyx_shape_of(3, (int64_t)BATCHES, (int64_t)POSITIONS, (int64_t)HEADS * D);
    const nyx_value x = variable(g, "x", NYX_F32, shape), d = variable(g, "d", NYX_F32, result);

    for (int causal = 0; causal < 2; causal++) {
        const nyx_value y = nyx_graph_attention(g, x, HEADS, KV, causal);

        keep(r, g, causal ? "causal" : "full", y);
        keep(r, g, causal ? "causal_lse" : "full_lse", y + 1);
        keep(r, g, causal ? "causal_grad" : "full_grad", back(g, x, y, d, causal));
    }
}

static void feed_attention(nyx_store *store)
{
    float values[MOST];

    feed_plain(store, "x", values);
    for (int b = 0; b < BATCHES; b++)
        values[(b * POSITIONS + wrong[b].position) * PITCH + wrong[b].from] = wrong[b].value;
    nyx_store_write(store, "x", values);
    feed_plain(store, "d", values);
    values[2 * HEADS * D] = (float)NAN; /* positions 2 and 71 of the batch that is right */
    values[71 * HEADS * D + 1] = (float)INFINITY;
    nyx_store_write(store, "d", values);
}

static void attention_of_what_is_no_number(void **state)
{
    (void)state;
    as_on_the_cpu(&(scene){ build_attention, feed_attention, NULL });
}

/* ---- with a cache ----------------------------------------------------------------------- */

enum { CAPACITY = 160, LINES = 3, NEW = 2 };

static void build_cached(results *r, nyx_graph *g)
{
    const nyx_shape cache = nyx_shape_of(4, (int64_t)LINES, (int64_t)KV, (int64_t)CAPACITY, (int64_t)D);
    const nyx_shape some = nyx_shape_of(1, (int64_t)BATCHES);
    const nyx_value x = variable(g, "x", NYX_F32, nyx_shape_of(3, (int64_t)BATCHES, (int64_t)NEW, (int64_t)PITCH));
    const nyx_value keys = variable(g, "keys", NYX_F32, cache), values = variable(g, "values", NYX_F32, cache);
    const nyx_value past = variable(g, "past", NYX_I32, some), rows = variable(g, "rows", NYX_I32, some);

    keep(r, g, "cached", nyx_graph_attention_cached(g, x, keys, values, past, rows, HEADS, KV));
}

static void feed_cached(nyx_store *store)
{
    const int32_t past[BATCHES] = { 3, 130, 4, 40, 3, CAPACITY - 1, 0, 9 };
    const int32_t rows[BATCHES] = { 0, 1, 2, 2, -1, 0, LINES, 1 };
    float         values[MOST];

    feed_plain(store, "x", values);
    values[7 * NEW * PITCH + KEY] = -(float)INFINITY;
    nyx_store_write(store, "x", values);
    feed_plain(store, "keys", values);
    values[5 * D] = (float)NAN;                     /* behind what row 0 holds */
    values[(CAPACITY + 129) * D] = (float)NAN;      /* batch 1 sees it, 7 does not */
    values[(2 * CAPACITY + 1) * D] = (float)INFINITY; /* batches 2 and 3 see it */
    nyx_store_write(store, "keys", values);
    feed_plain(store, "values", values);
    values[5 * D] = (float)NAN;
    values[(CAPACITY + 2) * D + 1] = (float)INFINITY; /* batches 1 and 7 */
    nyx_store_write(store, "values", values);
    nyx_store_write(store, "past", past);
    nyx_store_write(store, "rows", rows);
}

static void cached_attention_of_what_is_no_number(void **state)
{
    (void)state;
    as_on_the_cpu(&(scene){ build_cached, feed_cached, "vulkan:0,most=4096" });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_that_name_nothing),
        cmocka_unit_test(attention_of_what_is_no_number),
        cmocka_unit_test(cached_attention_of_what_is_no_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
