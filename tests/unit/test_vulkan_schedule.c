/* vulkan_schedule: work is recorded in an order that keeps every hazard of the
 * program's and needs fewer barriers. */
#include "vulkan_device.h"

#include "device/vulkan/program.h"

enum { TENSORS = 20, ELEMS = 40000 };

/* The sum of squares of each tensor, made by two pieces of work, and then the sum of
 * neighbours' sums. */
static void build(nyx_graph *g)
{
    nyx_value sums[TENSORS];

    for (int i = 0; i < TENSORS; i++) {
        char      name[8];
        nyx_value x;

        snprintf(name, sizeof name, "x%d", i);
        x = nyx_graph_variable(g, name, NYX_F32, nyx_shape_of(1, (int64_t)ELEMS), NYX_ROLE_INPUT);
        sums[i] = nyx_graph_reduce(g, NYX_SUM_SQUARES, x, 1, false);
    }
    for (int i = 0; i < TENSORS; i++) {
        char name[8];

        snprintf(name, sizeof name, "y%d", i);
        nyx_graph_assign(g, name, NYX_ROLE_OUTPUT, nyx_graph_add(g, sums[i], sums[(i + 1) % TENSORS]));
    }
}

static bool meet(const nyx_program *p, int64_t a, int64_t b)
{
    const nyx_vulkan__program *own = p->own;

    for (int i = 0; i < own->work[a].binding_count; i++)
        for (int j = 0; j < own->work[b].binding_count; j++) {
            const nyx_vulkan__touch one = nyx_vulkan__touched(p, 0, &own->work[a], i);
            const nyx_vulkan__touch two = nyx_vulkan__touched(p, 0, &own->work[b], j);

            if (nyx_vulkan__meet(&one, &two))
                return true;
        }
    return false;
}

/* Barriers that an order needs; NULL: the program's. */
static int barriers(const nyx_program *p, const int64_t *order)
{
    const nyx_vulkan__program *own = p->own;
    int64_t                    since = 0;
    int                        count = 0;

    for (int64_t i = 0; i < own->work_count; i++)
        for (int64_t j = since; j < i; j++)
            if (meet(p, order ? order[j] : j, order ? order[i] : i)) {
                since = i;
                count++;
                break;
            }
    return count;
}

static void hazards_keep_their_order(void **state)
{
    nyx_device                *device;
    nyx_graph                 *g;
    nyx_store                 *store;
    nyx_program               *program;
    int64_t                   *order, place[8 * TENSORS];
    const nyx_vulkan__program *own;

    (void)state;
    ok(nyx_graph_create(&g, NYX_F32));
    build(g);
    ok(nyx_device_open(&device, "vulkan", 1));
    ok(nyx_store_create(&store, device, 1));
    ok(nyx_program_compile(&program, store, g));
    ok(nyx_store_allocate(store));
    own = program->own;
    assert_in_range(own->work_count, 3 * TENSORS - 1, 8 * TENSORS);
    ok(nyx_vulkan__schedule(&order, program, 0));
    memset(place, -1, sizeof place);
    for (int64_t i = 0; i < own->work_count; i++) {
        assert_in_range(order[i], 0, own->work_count - 1);
        assert_int_equal(place[order[i]], -1);
        place[order[i]] = i;
    }
    for (int64_t a = 0; a < own->work_count; a++)
        for (int64_t b = a + 1; b < own->work_count; b++)
            assert_true(!meet(program, a, b) || place[a] < place[b]);
    assert_true(4 * barriers(program, order) < barriers(program, NULL));
    nyx_free(order);
    nyx_program_free(program);
    nyx_store_free(store);
    nyx_device_close(device);
    nyx_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(hazards_keep_their_order) };

    return has_device() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
