/* vulkan: a GPU as a device (device/vulkan/), on whatever device there is;
 * software Vulkan will do. What operations compute is conformance's. */
#include "vulkan_device.h"

enum { ELEMS = 1000 };

/* sum += x, x = 2 x + 1: one copy of x a micro-batch, one of the sum. */
typedef struct {
    nyx_device  *device;
    nyx_graph   *g;
    nyx_store   *store;
    nyx_program *program;
} fixture;

static int compile_on(fixture *f, nyx_device *device)
{
    const nyx_shape shape = nyx_shape_of(1, (int64_t)ELEMS);
    int             status;

    *f = (fixture){ .device = device };
    ok(nyx_graph_create(&f->g, NYX_F32));
    const nyx_value x = nyx_graph_variable_micro(f->g, "x", NYX_F32, shape, NYX_ROLE_INPUT);
    const nyx_value sum = nyx_graph_variable(f->g, "sum", NYX_F32, shape, NYX_ROLE_GRADIENT);
    nyx_graph_assign(f->g, "sum", NYX_ROLE_GRADIENT, nyx_graph_add(f->g, sum, x));
    nyx_graph_assign_micro(f->g, "x", NYX_ROLE_INPUT, nyx_graph_affine(f->g, x, 2.0, 1.0));
    ok(nyx_store_create(&f->store, f->device, 2));
    status = nyx_program_compile(&f->program, f->store, f->g);
    return status < 0 ? status : nyx_store_allocate(f->store);
}

static int compile(fixture *f, const char *name)
{
    nyx_device *device;

    ok(nyx_device_open(&device, name, 1));
    return compile_on(f, device);
}

static void release_work(fixture *f)
{
    nyx_program_free(f->program);
    nyx_store_free(f->store);
    nyx_graph_free(f->g);
}

static void release(fixture *f)
{
    release_work(f);
    nyx_device_close(f->device);
}

static void feed(fixture *f, float x[2 * ELEMS])
{
    for (int i = 0; i < 2 * ELEMS; i++)
        x[i] = (float)i;
    nyx_store_write(f->store, "x", x);
}

/* Three steps of two micro-batches. */
static void run_steps(fixture *f)
{
    for (uint32_t step = 0; step < 3; step++)
        for (int micro = 0; micro < 2; micro++)
            nyx_program_run(f->program, &(nyx_run){ .step = step, .micro = micro });
}

/* Also where the host does not see the device's memory, and in pieces. */
static void programs_are_replayed_over_micro_batches(void **state)
{
    static const char *const names[] = { "vulkan", "vulkan:0,staging", "vulkan:0,most=1024", "vulkan:0,staging,most=1024" };
    static float             x[2 * ELEMS], sum[ELEMS];

    (void)state;
    if (!has_device())
        skip();
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        fixture f;

        ok(compile(&f, names[n]));
        feed(&f, x);
        run_steps(&f);
        nyx_store_read(f.store, "x", x);
        nyx_store_read(f.store, "sum", sum);
        ok(nyx_device_check(f.device));
        for (int i = 0; i < 2 * ELEMS; i++)
            assert_true(x[i] == 8.0f * (float)i + 7.0f);
        for (int i = 0; i < ELEMS; i++) /* x + (2 x + 1) + (4 x + 3), of both */
            assert_true(sum[i] == 7.0f * (float)i + 4.0f + 7.0f * (float)(i + ELEMS) + 4.0f);
        release(&f);
    }
}

/* Larger than what is staged at once, there and back. */
static void long_variables_pass_through_staging(void **state)
{
    enum { LONG = 5 << 20 };
    const nyx_shape shape = nyx_shape_of(1, (int64_t)LONG);
    nyx_device     *device;
    nyx_graph      *g;
    nyx_store      *store;
    nyx_program    *program;
    float          *x;

    (void)state;
    if (!has_device())
        skip();
    ok(nyx_alloc(&x, LONG * (int64_t)sizeof *x));
    ok(nyx_graph_create(&g, NYX_F32));
    nyx_graph_assign(g, "y", NYX_ROLE_OUTPUT,
                     nyx_graph_affine(g, nyx_graph_variable(g, "x", NYX_F32, shape, NYX_ROLE_INPUT), 1.0, 1.0));
    ok(nyx_device_open(&device, "vulkan:0,staging", 1));
    ok(nyx_store_create(&store, device, 1));
    ok(nyx_program_compile(&program, store, g));
    ok(nyx_store_allocate(store));
    for (int i = 0; i < LONG; i++)
        x[i] = (float)i;
    nyx_store_write(store, "x", x);
    nyx_program_run(program, &(nyx_run){ .seed = 1 });
    nyx_store_read(store, "y", x);
    for (int i = 0; i < LONG; i++)
        assert_true(x[i] == (float)i + 1.0f);
    nyx_program_free(program);
    nyx_store_free(store);
    nyx_graph_free(g);
    nyx_device_close(device);
    nyx_free(x);
}

static void times_are_taken_by_operation(void **state)
{
    static float x[2 * ELEMS];
    fixture      f;

    (void)state;
    if (!has_device())
        skip();
    ok(compile(&f, "vulkan"));
    feed(&f, x);
    run_steps(&f);
    assert_int_equal(nyx_program_time_ns(f.program, NYX_OP_ADD), 0);
    nyx_program_trace(f.program, true);
    run_steps(&f);
    assert_true(nyx_program_time_ns(f.program, NYX_OP_ADD) > 0);
    assert_true(nyx_program_time_ns(f.program, NYX_OP_AFFINE) > 0);
    assert_int_equal(nyx_program_time_ns(f.program, NYX_OP_MATMUL), 0);
    release(&f);
}

/* The first failure stays; what is read afterwards is no number. */
static void a_device_that_fails_does_nothing_more(void **state)
{
    static const struct { const char *name, *says; int status; } faults[] = {
        { "vulkan:0,lost=3", "lost", NYX_ERR_DEVICE },
        { "vulkan:0,staging,lost=2", "lost", NYX_ERR_DEVICE },
        { "vulkan:0,late=2", "did not finish", NYX_ERR_DEVICE },
        { "vulkan:0,staging,late=1", "did not finish", NYX_ERR_DEVICE },
    };
    static float x[2 * ELEMS];

    (void)state;
    if (!has_device())
        skip();
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        fixture f;

        ok(compile(&f, faults[i].name));
        feed(&f, x);
        run_steps(&f);
        nyx_store_read(f.store, "x", x);
        assert_int_equal(nyx_device_check(f.device), faults[i].status);
        assert_non_null(strstr(nyx_error_text(), faults[i].says));
        assert_true(x[0] != x[0] && x[2 * ELEMS - 1] != x[2 * ELEMS - 1]);
        run_steps(&f);
        nyx_store_read(f.store, "x", x);
        assert_int_equal(nyx_device_check(f.device), faults[i].status);
        release(&f);
    }
}

/* The third submit is the third of all, not of each opening, unless it is asked for. */
static void a_device_that_failed_is_opened_again(void **state)
{
    static const char *const names[] = { "vulkan:0,lost=3", "vulkan:0,lost=3,again", "vulkan:0,staging,late=2" };
    static float             x[2 * ELEMS], sum[ELEMS];
    nyx_device              *device;

    (void)state;
    ok(nyx_device_open(&device, "cpu", 1));
    assert_int_equal(nyx_device_reopen(device), NYX_ERR_UNSUPPORTED);
    nyx_device_close(device);
    if (!has_device())
        skip();
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        fixture f;

        ok(compile(&f, names[n]));
        for (int opening = 0; opening < 2; opening++) {
            feed(&f, x);
            run_steps(&f);
            nyx_store_read(f.store, "sum", sum);
            assert_int_equal(nyx_device_check(f.device), opening == 0 || n == 1 ? NYX_ERR_DEVICE : 0);
            assert_true(opening == 0 || n == 1 || sum[1] == 7.0f + 4.0f + 7.0f * (float)(1 + ELEMS) + 4.0f);
            release_work(&f);
            if (opening == 0) {
                ok(nyx_device_reopen(f.device));
                ok(nyx_device_check(f.device));
                ok(compile_on(&f, f.device));
            }
        }
        nyx_device_close(f.device);
    }
}

/* What could not be opened again has failed still; another time it can. */
static void a_device_that_is_not_opened_again_has_failed_still(void **state)
{
    static float x[2 * ELEMS], sum[ELEMS];
    int          refused = 0;

    (void)state;
    if (!has_device())
        skip();
    for (int block = 6; block <= 24 && !refused; block++) {
        char    name[48];
        fixture f;
        int     status;

        snprintf(name, sizeof name, "vulkan:0,lost=3,full=%d", block);
        status = compile(&f, name);
        if (status == 0) {
            feed(&f, x);
            run_steps(&f);
        }
        if (status < 0 || nyx_device_check(f.device) != NYX_ERR_DEVICE) { /* no memory the first time */
            release(&f);
            continue;
        }
        release_work(&f);
        if (nyx_device_reopen(f.device) < 0) {
            refused++;
            assert_int_equal(nyx_device_check(f.device), NYX_ERR_MEMORY);
            assert_non_null(strstr(nyx_error_text(), "again"));
            ok(nyx_device_reopen(f.device));
            ok(nyx_device_check(f.device));
            ok(compile_on(&f, f.device));
            feed(&f, x);
            run_steps(&f);
            nyx_store_read(f.store, "sum", sum);
            ok(nyx_device_check(f.device));
            assert_true(sum[1] == 7.0f + 4.0f + 7.0f * (float)(1 + ELEMS) + 4.0f);
            release_work(&f);
        }
        nyx_device_close(f.device);
    }
    assert_int_equal(refused, 1);
}

static void attempts_are_counted_until_there_is_progress(void **state)
{
    nyx_recovery r = { 0 };

    (void)state;
    assert_int_equal(nyx_recovery_begin(&r, NYX_ERR_INPUT), NYX_ERR_INPUT);
    for (int i = 0; i < 2 * NYX_RECOVERIES_MOST; i++) {
        if (i == NYX_RECOVERIES_MOST) {
            assert_int_equal(nyx_recovery_begin(&r, NYX_ERR_DEVICE), NYX_ERR_DEVICE);
            r.attempts = 0;
        }
        nyx_error_set(NYX_ERR_DEVICE, "lost at %d", i);
        ok(nyx_recovery_begin(&r, NYX_ERR_DEVICE));
    }
    assert_int_equal(r.count, 2 * NYX_RECOVERIES_MOST);
    assert_string_equal(r.why, "lost at 5");
}

/* A block for each thing: staging, and then what the store holds. */
static void a_full_device_says_how_much_is_needed(void **state)
{
    nyx_device *device;
    int         refused = 0;

    (void)state;
    if (!has_device())
        skip();
    for (int block = 1; block <= 7; block++) {
        char    name[32];
        fixture f;

        snprintf(name, sizeof name, "vulkan:0,full=%d", block);
        if (nyx_device_open(&device, name, 1) < 0) {
            assert_non_null(strstr(nyx_error_text(), "are available"));
            refused++;
            continue;
        }
        nyx_device_close(device);
        if (compile(&f, name) < 0) {
            assert_non_null(strstr(nyx_error_text(), "are available"));
            assert_non_null(strstr(nyx_error_text(), "smaller batch"));
            refused++;
        }
        release(&f);
    }
    assert_int_equal(refused, 7);
}

static void names_that_mean_nothing_are_refused(void **state)
{
    static const char *const names[] = { "vulkan:", "vulkan:x", "vulkan:99", "vulkan:7", "vulkans", "vulkan:0,abacus",
                                         "vulkan:0,most=", "vulkan:0,lost=0", "vulkan:0,late=1x", "vulkan:0,without=",
                                         "vulkan:0,without=abacus" };
    nyx_device              *device;

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_int_equal(nyx_device_open(&device, names[i], 1), NYX_ERR_UNSUPPORTED);
}

/* One embedding_grad: with half a million ids 62,500 turns of an invocation that
 * counts equal ones. */
typedef struct {
    nyx_device  *device;
    nyx_graph   *g;
    nyx_store   *store;
    nyx_program *program;
} counting;

static void compile_counting(counting *c, const char *name, int64_t ids)
{
    nyx_node node = { .op = NYX_OP_EMBEDDING_GRAD, .input_count = 2, .ints = { 3 } };

    memset(c, 0, sizeof *c);
    ok(nyx_graph_create(&c->g, NYX_F32));
    node.inputs[0] = nyx_graph_variable(c->g, "ids", NYX_I32, nyx_shape_of(1, ids), NYX_ROLE_INPUT);
    node.inputs[1] = nyx_graph_variable(c->g, "dy", NYX_F32, nyx_shape_of(2, ids, (int64_t)1), NYX_ROLE_INPUT);
    nyx_graph_assign(c->g, "y", NYX_ROLE_OUTPUT, nyx_graph_node_add(c->g, &node));
    ok(nyx_device_open(&c->device, name, 1));
    ok(nyx_store_create(&c->store, c->device, 1));
    ok(nyx_program_compile(&c->program, c->store, c->g));
    ok(nyx_store_allocate(c->store));
}

static void release_counting(counting *c)
{
    nyx_program_free(c->program);
    nyx_store_free(c->store);
    nyx_device_close(c->device);
    nyx_graph_free(c->g);
}

/* Where a driver would end the loop the processor counts, on memory that was
 * told before. */
static void loops_that_a_driver_would_end_are_the_processors(void **state)
{
    static const struct { const char *name; int64_t ids; bool substituted; } cases[] = {
        { "vulkan:0,short", 1000, false }, { "vulkan:0,short", 500000, true }, { "vulkan:0,short,staging", 500000, true },
    };

    (void)state;
    if (!has_device())
        skip();
    for (size_t n = 0; n < sizeof cases / sizeof *cases; n++) {
        const int64_t count = cases[n].ids;
        counting      c;
        int32_t      *ids;
        float        *dy, y[3];

        ok(nyx_alloc(&ids, count * (int64_t)sizeof *ids));
        ok(nyx_alloc(&dy, count * (int64_t)sizeof *dy));
        for (int64_t i = 0; i < count; i++) {
            ids[i] = (int32_t)(i % 3);
            dy[i] = (float)(i % 3 + 1);
        }
        compile_counting(&c, cases[n].name, count);
        nyx_store_write(c.store, "ids", ids);
        nyx_store_write(c.store, "dy", dy);
        nyx_program_run(c.program, &(nyx_run){ .seed = 1 });
        nyx_store_read(c.store, "y", y);
        ok(nyx_device_check(c.device));
        for (int64_t i = 0; i < 3; i++)
            assert_true(y[i] == (float)((count - i + 2) / 3 * (i + 1)));
        assert_int_equal(nyx_device_substitutes(c.device, NYX_OP_EMBEDDING_GRAD), cases[n].substituted);
        assert_true(cases[n].substituted ? nyx_store_memory(c.store).host >= 8 * count : nyx_store_memory(c.store).host == 0);
        release_counting(&c);
        nyx_free(ids);
        nyx_free(dy);
    }
}

/* Micro-batches, variables written in place, times, the digest. */
static void what_has_no_kernel_is_the_processors(void **state)
{
    static const char *const names[] = { "vulkan:0", "vulkan:0,without=add", "vulkan:0,staging,without=all" };
    static float             x[2 * ELEMS], sum[ELEMS];
    char                     digests[3][NYX_SHA256_HEX];

    (void)state;
    if (!has_device())
        skip();
    for (int n = 0; n < 3; n++) {
        const nyx_event *events;
        int64_t          count, substituted = 0;
        fixture          f;

        ok(compile(&f, names[n]));
        nyx_program_digest(f.program, digests[n]);
        feed(&f, x);
        nyx_program_trace(f.program, n == 2);
        run_steps(&f);
        nyx_store_read(f.store, "sum", sum);
        nyx_store_read(f.store, "x", x);
        ok(nyx_device_check(f.device));
        for (int i = 0; i < ELEMS; i++)
            assert_true(x[i] == 8.0f * (float)i + 7.0f &&
                        sum[i] == 7.0f * (float)i + 4.0f + 7.0f * (float)(i + ELEMS) + 4.0f);
        assert_int_equal(nyx_device_substitutes(f.device, NYX_OP_ADD), n > 0);
        assert_int_equal(nyx_device_substitutes(f.device, NYX_OP_AFFINE), n > 1);
        events = nyx_program_events(f.program, &count);
        for (int64_t i = 0; i < count; i++)
            substituted += events[i].substituted && events[i].ns > 0;
        assert_true(n < 2 ? count == 0 : substituted >= 2 && nyx_program_time_ns(f.program, NYX_OP_ADD) > 0);
        release(&f);
    }
    assert_string_not_equal(digests[0], digests[1]);
    assert_string_not_equal(digests[1], digests[2]);
}

/* More than is staged at once, in several pieces, and a copy a micro-batch. */
static void variables_are_read_together(void **state)
{
    static const char *const  names[] = { "cpu", "vulkan:0", "vulkan:0,staging" };
    static const char *const  which[] = { "x", "sum", "x" };
    static float              x[2 * ELEMS], y[2 * ELEMS], sum[ELEMS];

    (void)state;
    for (int n = 0; n < (has_device() ? 3 : 1); n++) {
        fixture f;

        ok(compile(&f, names[n]));
        feed(&f, x);
        run_steps(&f);
        nyx_store_read_many(f.store, 3, which, (void *[]){ x, sum, y });
        ok(nyx_device_check(f.device));
        assert_memory_equal(x, y, sizeof x);
        assert_true(x[2 * ELEMS - 1] == 8.0f * (float)(2 * ELEMS - 1) + 7.0f && sum[1] != 0.0f);
        release(&f);
    }
}

static void the_digest_knows_the_device(void **state)
{
    char    here[NYX_SHA256_HEX], again[NYX_SHA256_HEX];
    fixture f;

    (void)state;
    if (!has_device())
        skip();
    for (int i = 0; i < 2; i++) {
        ok(compile(&f, "vulkan:0"));
        nyx_program_digest(f.program, i ? again : here);
        release(&f);
    }
    assert_string_equal(here, again);
    ok(compile(&f, "cpu"));
    nyx_program_digest(f.program, again);
    release(&f);
    assert_string_not_equal(here, again);
}

/* What a plan is made for: the device's own memory, where it has some. */
static void free_memory_is_the_devices_own(void **state)
{
    nyx_device *device;

    (void)state;
    ok(nyx_device_open(&device, "cpu", 1));
    assert_int_equal(nyx_device_memory(device), -1);
    nyx_device_close(device);
    if (!has_device())
        skip();
    ok(nyx_device_open(&device, "vulkan:0,staging", 1));
    assert_true(nyx_device_memory(device) > 0);
    nyx_device_close(device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(programs_are_replayed_over_micro_batches),
        cmocka_unit_test(long_variables_pass_through_staging),
        cmocka_unit_test(times_are_taken_by_operation),
        cmocka_unit_test(a_device_that_fails_does_nothing_more),
        cmocka_unit_test(a_device_that_failed_is_opened_again),
        cmocka_unit_test(a_device_that_is_not_opened_again_has_failed_still),
        cmocka_unit_test(attempts_are_counted_until_there_is_progress),
        cmocka_unit_test(a_full_device_says_how_much_is_needed),
        cmocka_unit_test(names_that_mean_nothing_are_refused),
        cmocka_unit_test(loops_that_a_driver_would_end_are_the_processors),
        cmocka_unit_test(what_has_no_kernel_is_the_processors),
        cmocka_unit_test(variables_are_read_together),
        cmocka_unit_test(the_digest_knows_the_device),
        cmocka_unit_test(free_memory_is_the_devices_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
