/* graph: what the builder and the verifier refuse, copies, what a node costs. */
#include "graph/internal.h"
#include "graph/rewrite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static nyx_graph *new_graph(enum nyx_dtype real)
{
    nyx_graph *g;

    assert_int_equal(nyx_graph_create(&g, real), 0);
    return g;
}

/* A real variable of up to two axes; columns 0: one axis. */
static nyx_value variable(nyx_graph *g, const char *name, int64_t rows, int64_t columns)
{
    return nyx_graph_variable(g, name, nyx_graph_real(g), nyx_shape_of(columns ? 2 : 1, rows, columns),
                              NYX_ROLE_CARRY);
}

/* ---- what the builder and the verifier refuse -------------------------------- */

static void types_differ(nyx_graph *g)
{
    const nyx_value ids = nyx_graph_variable(g, "ids", NYX_I32, nyx_shape_of(1, (int64_t)3), NYX_ROLE_INPUT);

    nyx_graph_add(g, variable(g, "x", 3, 0), ids);
}

static void shapes_do_not_fit(nyx_graph *g)
{
    nyx_graph_matmul(g, variable(g, "x", 3, 5), variable(g, "w", 7, 4), 0, NYX_MATMUL_NT);
}

static nyx_value half(nyx_graph *g, const char *name, enum nyx_dtype dtype)
{
    return nyx_graph_variable(g, name, dtype, nyx_shape_of(2, (int64_t)3, (int64_t)5), NYX_ROLE_CARRY);
}

static void operands_of_16_bits_differ(nyx_graph *g)
{
    nyx_graph_matmul(g, half(g, "x", NYX_F16), half(g, "w", NYX_BF16), 0, NYX_MATMUL_NT);
}

static void bias_has_16_bits(nyx_graph *g)
{
    const nyx_value x = half(g, "x", NYX_BF16);

    nyx_graph_matmul(g, x, x, nyx_graph_variable(g, "b", NYX_BF16, nyx_shape_of(1, (int64_t)3), NYX_ROLE_CARRY),
                     NYX_MATMUL_NT);
}

static void norm_of_16_bits(nyx_graph *g)
{
    nyx_graph_rmsnorm(g, half(g, "x", NYX_BF16), 0, 1e-5);
}

static void cast_skips_the_real_type(nyx_graph *g)
{
    nyx_graph_cast(g, half(g, "x", NYX_F16), NYX_I32);
}

static void cast_to_8_bits(nyx_graph *g)
{
    nyx_graph_cast(g, variable(g, "x", 3, 0), NYX_FP8_E4M3);
}

static void operand_does_not_broadcast(nyx_graph *g)
{
    nyx_graph_mul(g, variable(g, "x", 3, 5), variable(g, "b", 4, 0));
}

static void input_is_missing(nyx_graph *g)
{
    nyx_graph_add(g, variable(g, "x", 3, 5), 0);
}

static void slice_is_outside(nyx_graph *g)
{
    nyx_graph_slice(g, variable(g, "x", 3, 5), 1, 3, 3);
}

static void reshape_loses_elements(nyx_graph *g)
{
    nyx_graph_reshape(g, variable(g, "x", 3, 5), nyx_shape_of(1, (int64_t)14));
}

static void variable_has_two_shapes(nyx_graph *g)
{
    variable(g, "x", 3, 5);
    variable(g, "x", 5, 3);
}

static void variable_is_assigned_twice(nyx_graph *g)
{
    const nyx_value x = variable(g, "x", 3, 0);

    nyx_graph_assign(g, "y", NYX_ROLE_OUTPUT, nyx_graph_sqrt(g, x));
    nyx_graph_assign(g, "y", NYX_ROLE_OUTPUT, nyx_graph_sigmoid(g, x));
}

static void variable_is_read_after_assignment(nyx_graph *g)
{
    const nyx_value x = variable(g, "x", 3, 0);

    nyx_graph_assign(g, "x", NYX_ROLE_CARRY, nyx_graph_sqrt(g, x));
    nyx_graph_assign(g, "y", NYX_ROLE_OUTPUT, nyx_graph_sigmoid(g, x));
}

static void view_is_read_after_assignment(nyx_graph *g)
{
    const nyx_value x = variable(g, "x", 3, 5), view = nyx_graph_reshape(g, x, nyx_shape_of(1, (int64_t)15));

    nyx_graph_assign(g, "x", NYX_ROLE_CARRY, nyx_graph_sqrt(g, x));
    nyx_graph_assign(g, "y", NYX_ROLE_OUTPUT, nyx_graph_sigmoid(g, view));
}

static void variables_are_swapped(nyx_graph *g)
{
    const nyx_value a = variable(g, "a", 3, 0), b = variable(g, "b", 3, 0);

    nyx_graph_assign(g, "a", NYX_ROLE_CARRY, b);
    nyx_graph_assign(g, "b", NYX_ROLE_CARRY, a);
}

static void assigned_value_has_another_shape(nyx_graph *g)
{
    const nyx_value x = variable(g, "x", 3, 5);

    nyx_graph_assign(g, "x", NYX_ROLE_CARRY, nyx_graph_reduce(g, NYX_SUM, x, 1, false));
}

static void step_moves_no_variable(nyx_graph *g)
{
    const nyx_value x = variable(g, "x", 3, 0);

    nyx_graph_ema(g, nyx_graph_sqrt(g, x), x, 0.9);
}

/* The builder cannot make these: the graph is bent behind its back. */
static void value_changes_its_type(nyx_graph *g)
{
    const nyx_value y = nyx_graph_sqrt(g, variable(g, "x", 3, 0));

    g->values[y]->dtype = NYX_I32;
}

static void value_changes_its_shape(nyx_graph *g)
{
    const nyx_value y = nyx_graph_sqrt(g, variable(g, "x", 3, 0));

    g->values[y]->shape.dims[0] = 4;
}

static void value_is_used_before_it_is_made(nyx_graph *g)
{
    const nyx_value y = nyx_graph_sqrt(g, nyx_graph_sigmoid(g, variable(g, "x", 3, 0)));
    nyx_node       *first = g->nodes[1];

    g->nodes[1] = g->nodes[2];
    g->nodes[2] = first;
    g->values[y]->node = 1;
    g->values[y - 1]->node = 2;
}

static void node_writes_what_is_not_there(nyx_graph *g)
{
    nyx_graph_ema(g, variable(g, "e", 3, 0), variable(g, "p", 3, 0), 0.9);
    g->nodes[2]->writes[0] = 7;
}

static void broken_graphs_are_refused(void **state)
{
    static const struct {
        void (*build)(nyx_graph *g);
        const char *error;
    } cases[] = {
        { types_differ, "operation 'add' in '': types f32 and i32" },
        { shapes_do_not_fit, "operation 'matmul' in '': shapes [3, 5] and [7, 4] do not fit" },
        { operands_of_16_bits_differ, "operation 'matmul' in '': types f16 and bf16" },
        { bias_has_16_bits, "operation 'matmul' in '': shapes [3, 3] and [3] do not fit" },
        { norm_of_16_bits, "operation 'rmsnorm' in '' takes no bf16" },
        { cast_skips_the_real_type, "operation 'cast' in '': no cast of f16 to i32" },
        { cast_to_8_bits, "operation 'cast' in '': no cast of f32 to fp8-e4m3" },
        { operand_does_not_broadcast, "operation 'mul' in '': [4] does not fit on [3, 5]" },
        { input_is_missing, "operation 'add' in '' lacks input 1" },
        { slice_is_outside, "operation 'slice' in '': part 3 + 3 of axis 1 is outside" },
        { reshape_loses_elements, "operation 'reshape' in '': [3, 5] cannot become [14]" },
        { variable_has_two_shapes, "variable 'x' has two types or shapes" },
        { variable_is_assigned_twice, "graph: node 4 'assign' in '': a variable is written twice" },
        { variable_is_read_after_assignment, "graph: node 3 'sigmoid' in '': a variable is read after it was written" },
        { view_is_read_after_assignment, "graph: node 4 'sigmoid' in '': a variable is read after it was written" },
        { variables_are_swapped, "graph: node 3 'assign' in '': a variable is read after it was written" },
        { assigned_value_has_another_shape, "variable 'x' has two types or shapes" },
        { step_moves_no_variable, "a step in '' needs a variable to write" },
        { value_changes_its_type, "graph: node 1 'sqrt' in '': an output is not what the operation gives" },
        { value_changes_its_shape, "graph: node 1 'sqrt' in '': an output is not what the operation gives" },
        { value_is_used_before_it_is_made, "graph: node 1 'sqrt' in '': an input is used before it is made" },
        { node_writes_what_is_not_there, "graph: node 2 'ema' in '': it writes a variable that is not there" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        nyx_graph *g = new_graph(NYX_F32);

        cases[i].build(g);
        assert_int_equal(nyx_graph_check(g), NYX_ERR_INPUT);
        assert_memory_equal(nyx_error_text(), cases[i].error, strlen(cases[i].error));
        nyx_graph_free(g);
    }
}

static void the_first_error_stays(void **state)
{
    nyx_graph *g = new_graph(NYX_F32);

    (void)state;
    types_differ(g);
    assert_int_equal(nyx_graph_fill(g, NYX_F32, nyx_shape_of(0), 1.0), 0);
    slice_is_outside(g);
    assert_int_equal(nyx_graph_check(g), NYX_ERR_INPUT);
    assert_string_equal(nyx_error_text(), "operation 'add' in '': types f32 and i32");
    nyx_graph_free(g);
}

/* ---- cost ----------------------------------------------------------------------- */

static void a_matmul_costs_two_operations_a_product(void **state)
{
    nyx_graph *g = new_graph(NYX_F32);
    nyx_cost   cost;

    (void)state;
    nyx_graph_matmul(g, variable(g, "x", 3, 5), variable(g, "w", 7, 5), 0, NYX_MATMUL_NT);
    cost = nyx_node_cost(g, nyx_graph_node(g, 2));
    assert_true(cost.flops == 2.0 * 3 * 5 * 7);
    assert_true(cost.bytes == 4.0 * (3 * 5 + 7 * 5 + 3 * 7));
    nyx_graph_free(g);
}

/* Equal, and what is done to one is not seen in the other. */
static void a_copy_is_a_graph_of_its_own(void **state)
{
    const nyx_shape shape = nyx_shape_of(2, (int64_t)3, (int64_t)4);
    nyx_graph      *g, *copy;
    char           *before, *same, *after;
    nyx_value       x, y;

    (void)state;
    assert_int_equal(nyx_graph_create(&g, NYX_F32), 0);
    x = nyx_graph_variable(g, "x", NYX_F32, shape, NYX_ROLE_PARAMETER);
    y = nyx_graph_mul(g, x, nyx_graph_random(g, shape));
    nyx_graph_sigmoid(g, y); /* pruned */
    nyx_graph_assign(g, "y", NYX_ROLE_OUTPUT, y);
    assert_int_equal(nyx_graph_prune(g), 0);
    assert_int_equal(nyx_graph_copy(&copy, g), 0);
    assert_int_equal(nyx_graph_check(copy), 0);
    assert_int_equal(nyx_graph_dump(&before, g), 0);
    assert_int_equal(nyx_graph_dump(&same, copy), 0);
    assert_string_equal(before, same);
    assert_int_equal(nyx_graph_variable(copy, "x", NYX_F32, shape, NYX_ROLE_PARAMETER), x);
    for (int i = 0; i < 100; i++) /* beyond what there was room for */
        nyx_graph_assign(copy, i % 2 ? "z" : "w", NYX_ROLE_OUTPUT, nyx_graph_affine(copy, x, (double)i, 0.0));
    assert_int_equal(nyx_graph_dump(&after, g), 0);
    assert_string_equal(before, after);
    assert_int_equal(nyx_graph_variable_count(g), 2);
    assert_int_equal(nyx_graph_variable_count(copy), 4);
    nyx_free(before);
    nyx_free(same);
    nyx_free(after);
    nyx_graph_free(copy);
    nyx_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(broken_graphs_are_refused),
        cmocka_unit_test(the_first_error_stays),
        cmocka_unit_test(a_copy_is_a_graph_of_its_own),
        cmocka_unit_test(a_matmul_costs_two_operations_a_product),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
