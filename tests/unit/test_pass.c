/* pass: the backward graph as text, and which values share memory; programs
 * against an interpreter of the same graph. */
#include "device/device.h"

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

/* ---- the gradient ---------------------------------------------------------------- */

static const char forward_text[] =
    "%1 f32[3, 5] = variable index=0 'x'\n"
    "%2 f32[4, 5] = variable index=1 'w'\n"
    "%3 f32[3, 4] = matmul %1 %2 mode=0  ; layer\n"
    "%4 f32[3, 4] = sigmoid %3  ; layer\n"
    "%5 f32[3, 4] = mul %4 %4\n"
    "%6 f32[] = reduce %5 how=0 axes=2 leading=0\n";

/* 2 s s (1 - s), then times x: the two uses of %4 are summed, last use first,
 * and the gradient of x, which nobody wants, is gone. */
static const char backward_text[] =
    "%7 f32[] = fill dtype=0 number=1  ; gradient\n"
    "%8 f32[1, 1, 12] = fill dtype=0 number=1  ; gradient\n"
    "%9 f32[1, 1] = reshape %7  ; gradient\n"
    "%10 f32[1, 1, 12] = mul %8 %9  ; gradient\n"
    "%11 f32[3, 4] = reshape %10  ; gradient\n"
    "%12 f32[3, 4] = mul %11 %4  ; gradient\n"
    "%13 f32[3, 4] = mul %11 %4  ; gradient\n"
    "%14 f32[3, 4] = add %12 %13  ; gradient\n"
    "%15 f32[3, 4] = affine %4 scale=-1 shift=1  ; gradient\n"
    "%16 f32[3, 4] = mul %14 %4  ; gradient\n"
    "%17 f32[3, 4] = mul %16 %15  ; gradient\n"
    "%19 f32[4, 5] = matmul %17 %1 mode=2  ; gradient\n"
    "assign %6 -> 'loss'\n"
    "assign %19 -> 'grad'\n";

static void assert_dump(const nyx_graph *g, const char *first, const char *second)
{
    char *text;

    assert_int_equal(nyx_graph_dump(&text, g), 0);
    assert_memory_equal(text, first, strlen(first));
    assert_string_equal(text + strlen(first), second);
    nyx_free(text);
}

static void the_gradient_pass_appends_the_backward_graph(void **state)
{
    nyx_graph *g = new_graph(NYX_F32);
    nyx_value  x = variable(g, "x", 3, 5), w = variable(g, "w", 4, 5), y, loss, grad;

    (void)state;
    nyx_graph_push(g, "layer");
    y = nyx_graph_sigmoid(g, nyx_graph_matmul(g, x, w, 0, NYX_MATMUL_NT));
    nyx_graph_pop(g);
    loss = nyx_graph_reduce(g, NYX_SUM, nyx_graph_mul(g, y, y), 2, false);
    assert_dump(g, forward_text, "");
    assert_int_equal(nyx_pass_gradient(g, loss, 1, &w, &grad), 0);
    nyx_graph_assign(g, "loss", NYX_ROLE_OUTPUT, loss);
    nyx_graph_assign(g, "grad", NYX_ROLE_GRADIENT, grad);
    assert_int_equal(nyx_graph_prune(g), 0);
    assert_dump(g, forward_text, backward_text);
    assert_int_equal(nyx_graph_check(g), 0);
    nyx_graph_free(g);
}

static void no_gradient_crosses_a_stop(void **state)
{
    nyx_graph      *g = new_graph(NYX_F64);
    const nyx_value x = variable(g, "x", 3, 0), z = variable(g, "z", 3, 0), unused = variable(g, "u", 3, 0);
    const nyx_value stopped = nyx_graph_stop(g, nyx_graph_sqrt(g, x));
    const nyx_value loss = nyx_graph_reduce(g, NYX_SUM, nyx_graph_mul(g, stopped, z), 1, false);
    nyx_value       grads[3];

    (void)state;
    assert_int_equal(nyx_pass_gradient(g, loss, 3, (nyx_value[]){ x, z, unused }, grads), 0);
    assert_int_equal(grads[0], 0);
    assert_int_not_equal(grads[1], 0);
    assert_int_equal(grads[2], 0);
    nyx_graph_free(g);
}

/* ---- the plan --------------------------------------------------------------------- */

/* First and last node that needs the bytes of `v`, views included. */
static void life_of(const nyx_graph *g, nyx_value v, int *first, int *last)
{
    *first = *last = nyx_value_node(g, v);
    for (int n = *first + 1; n < nyx_graph_node_count(g); n++) {
        const nyx_node *node = nyx_graph_node(g, n);

        for (int i = 0; i < node->input_count; i++) {
            int from, to;

            if (node->inputs[i] != v)
                continue;
            *last = n > *last ? n : *last;
            if (!nyx_op_table(node->op)->alias)
                continue;
            life_of(g, node->outputs[0], &from, &to);
            *last = to > *last ? to : *last;
        }
    }
}

static bool is_view(const nyx_graph *g, nyx_value v)
{
    return nyx_op_table(nyx_graph_node(g, nyx_value_node(g, v))->op)->alias;
}

/* Two values with bytes of their own, both needed at some node. */
static void assert_apart(const nyx_graph *g, const nyx_plan *plan, nyx_value a, nyx_value b)
{
    const nyx_location *x = &plan->values[a], *y = &plan->values[b];
    int                 a_first, a_last, b_first, b_last;

    life_of(g, a, &a_first, &a_last);
    life_of(g, b, &b_first, &b_last);
    if (a_last < b_first || b_last < a_first || x->place != NYX_PLACE_ARENA || y->place != NYX_PLACE_ARENA)
        return;
    assert_true(x->offset + nyx_value_bytes(g, a) <= y->offset || y->offset + nyx_value_bytes(g, b) <= x->offset);
}

/* A value computed in its variable: nobody needs the old contents any more. */
static void assert_in_place(const nyx_graph *g, const nyx_plan *plan, nyx_value v)
{
    const int producer = nyx_value_node(g, v), index = plan->values[v].variable;

    for (nyx_value old = 1; old < (nyx_value)nyx_graph_value_count(g); old++) {
        const int node = nyx_value_node(g, old);
        int       first, last;

        if (node < 0 || nyx_graph_node(g, node)->op != NYX_OP_VARIABLE || nyx_graph_node(g, node)->ints[0] != index)
            continue;
        life_of(g, old, &first, &last);
        assert_true(last < producer || first == last);
    }
}

/* A view is where the value behind it is. */
static void assert_view(const nyx_graph *g, const nyx_plan *plan, nyx_value v)
{
    const nyx_node     *node = nyx_graph_node(g, nyx_value_node(g, v));
    const nyx_location *at = &plan->values[v];

    if (node->op == NYX_OP_VARIABLE) {
        assert_int_equal(at->place, NYX_PLACE_VARIABLE);
        assert_int_equal(at->variable, node->ints[0]);
    } else {
        assert_memory_equal(at, &plan->values[node->inputs[0]], sizeof *at);
    }
}

static void assert_plan_sound(const nyx_graph *g, const nyx_plan *plan)
{
    int64_t end = 0;

    for (nyx_value a = 1; a < (nyx_value)nyx_graph_value_count(g); a++) {
        const nyx_location *at = &plan->values[a];

        if (nyx_value_node(g, a) < 0)
            continue;
        if (is_view(g, a)) {
            assert_view(g, plan, a);
            continue;
        }
        if (at->place == NYX_PLACE_VARIABLE)
            assert_in_place(g, plan, a);
        if (at->place != NYX_PLACE_ARENA)
            continue;
        assert_int_equal(at->offset % 64, 0);
        if (at->offset + nyx_value_bytes(g, a) > end)
            end = at->offset + nyx_value_bytes(g, a);
        for (nyx_value b = a + 1; b < (nyx_value)nyx_graph_value_count(g); b++)
            if (nyx_value_node(g, b) >= 0 && !is_view(g, b))
                assert_apart(g, plan, a, b);
    }
    assert_int_equal(plan->arena_bytes, (end + 63) / 64 * 64);
}

static void a_chain_needs_two_buffers(void **state)
{
    nyx_graph *g = new_graph(NYX_F32);
    nyx_plan   plan;
    nyx_value  x = variable(g, "x", 100, 0);

    (void)state;
    for (int i = 0; i < 20; i++)
        x = nyx_graph_sigmoid(g, x);
    nyx_graph_assign(g, "y", NYX_ROLE_OUTPUT, x);
    assert_int_equal(nyx_pass_plan(&plan, g, 64), 0);
    assert_plan_sound(g, &plan);
    assert_int_equal(plan.arena_bytes, 2 * 448); /* 400 bytes, a multiple of 64 */
    nyx_plan_release(&plan);
    nyx_graph_free(g);
}

/* The gradient of the logits lies on them, unless they are read once more or
 * stay in a variable. */
static void a_gradient_lies_on_logits_that_are_done_with(void **state)
{
    (void)state;
    for (int again = 0; again < 3; again++) {
        nyx_graph *g = new_graph(NYX_F32);
        nyx_plan   plan;
        nyx_value  x = variable(g, "x", 4, 40), labels, logits, loss, grad, more;

        labels = nyx_graph_variable(g, "labels", NYX_I32, nyx_shape_of(1, (int64_t)4), NYX_ROLE_INPUT);
        logits = nyx_graph_sigmoid(g, x);
        if (again == 2)
            nyx_graph_assign(g, "logits", NYX_ROLE_OUTPUT, logits);
        loss = nyx_graph_cross_entropy(g, logits, labels, NYX_SOFTMAX, -1);
        loss = nyx_graph_reduce(g, NYX_SUM, loss, 1, false);
        assert_int_equal(nyx_pass_gradient(g, loss, 1, &logits, &grad), 0);
        more = again == 1 ? nyx_graph_mul(g, grad, logits) : nyx_graph_affine(g, grad, 2.0, 0.0);
        nyx_graph_assign(g, "y", NYX_ROLE_OUTPUT, nyx_graph_sigmoid(g, more));
        assert_int_equal(nyx_graph_prune(g), 0);
        assert_int_equal(nyx_pass_plan(&plan, g, 64), 0);
        assert_int_equal(plan.values[grad].place, NYX_PLACE_ARENA);
        assert_int_equal(memcmp(&plan.values[grad], &plan.values[logits], sizeof *plan.values) == 0, !again);
        assert_int_not_equal(plan.values[more].offset, plan.values[grad].offset);
        nyx_plan_release(&plan);
        nyx_graph_free(g);
    }
}

/* Which assigns are computed in place: by node index, '1' or '0' each. */
static void assert_elided(nyx_graph *g, const char *expected)
{
    nyx_plan plan;
    int      at = 0;

    assert_int_equal(nyx_graph_check(g), 0);
    assert_int_equal(nyx_pass_plan(&plan, g, 64), 0);
    assert_plan_sound(g, &plan);
    for (int n = 0; n < nyx_graph_node_count(g); n++)
        if (nyx_graph_node(g, n)->op == NYX_OP_ASSIGN)
            assert_int_equal(plan.elided[n], expected[at++] == '1');
    assert_int_equal(expected[at], '\0');
    nyx_plan_release(&plan);
    nyx_graph_free(g);
}

static void an_assign_is_elided_only_when_old_contents_are_done_with(void **state)
{
    nyx_graph *g = new_graph(NYX_F32);
    nyx_value  x, y, z;

    (void)state;
    x = variable(g, "x", 9, 0); /* x = f(x): read by its own producer */
    nyx_graph_assign(g, "x", NYX_ROLE_CARRY, nyx_graph_sqrt(g, x));
    assert_elided(g, "0");

    g = new_graph(NYX_F32); /* x = g(f(x)): the last read is before g */
    x = variable(g, "x", 9, 0);
    nyx_graph_assign(g, "x", NYX_ROLE_CARRY, nyx_graph_sigmoid(g, nyx_graph_sqrt(g, x)));
    assert_elided(g, "1");

    g = new_graph(NYX_F32); /* as before, but x is read once more in between */
    x = variable(g, "x", 9, 0);
    y = nyx_graph_sigmoid(g, nyx_graph_sqrt(g, x));
    nyx_graph_assign(g, "y", NYX_ROLE_OUTPUT, nyx_graph_add(g, y, x));
    nyx_graph_assign(g, "x", NYX_ROLE_CARRY, y);
    assert_elided(g, "10");

    g = new_graph(NYX_F32); /* one value in two variables: one of them is a copy */
    x = nyx_graph_sqrt(g, variable(g, "x", 9, 0));
    nyx_graph_assign(g, "y", NYX_ROLE_OUTPUT, x);
    nyx_graph_assign(g, "z", NYX_ROLE_OUTPUT, x);
    assert_elided(g, "10");

    g = new_graph(NYX_F32); /* a variable's old contents are never moved there */
    nyx_graph_assign(g, "y", NYX_ROLE_OUTPUT, variable(g, "x", 9, 0));
    assert_elided(g, "0");

    g = new_graph(NYX_F32); /* a view is computed in place like the value behind it */
    y = nyx_graph_sqrt(g, variable(g, "x", 3, 3));
    z = nyx_graph_reshape(g, y, nyx_shape_of(1, (int64_t)9));
    nyx_graph_assign(g, "z", NYX_ROLE_OUTPUT, z);
    assert_elided(g, "1");
}

/* ---- random graphs: plan and program against an interpreter ----------------------- */

enum { WIDTH = 19, VARIABLES = 5, NODES = 60 };

/* NODES sums, products, multiples and views of earlier values, variables assigned
 * at random places after their last read; numbers[] by value id is what the
 * values are. */
typedef struct {
    nyx_graph *g;
    nyx_value  values[VARIABLES + NODES];
    double     numbers[VARIABLES + NODES][WIDTH], stored[VARIABLES][WIDTH];
    int        behind[VARIABLES + NODES]; /* the variable it is a view of, -1: none */
    int        count;
    bool       assigned[VARIABLES];
} jungle;

static int pick(jungle *j, nyx_random *random)
{
    for (;;) {
        const int i = (int)nyx_random_below(random, (uint64_t)j->count);

        if (j->behind[i] < 0 || !j->assigned[j->behind[i]])
            return i;
    }
}

static void grow_node(jungle *j, nyx_random *random)
{
    const int a = pick(j, random), b = pick(j, random), how = (int)nyx_random_below(random, 4);

    j->values[j->count] = how == 0   ? nyx_graph_add(j->g, j->values[a], j->values[b])
                          : how == 1 ? nyx_graph_mul(j->g, j->values[a], j->values[b])
                          : how == 2 ? nyx_graph_affine(j->g, j->values[a], -0.5, 0.25)
                                     : nyx_graph_stop(j->g, j->values[a]);
    j->behind[j->count] = how == 3 ? j->behind[a] : -1;
    for (int i = 0; i < WIDTH; i++)
        j->numbers[j->count][i] = how == 0   ? j->numbers[a][i] + j->numbers[b][i]
                                  : how == 1 ? j->numbers[a][i] * j->numbers[b][i]
                                  : how == 2 ? -0.5 * j->numbers[a][i] + 0.25
                                             : j->numbers[a][i];
    j->count++;
}

static void assign_some(jungle *j, nyx_random *random, int index)
{
    const int from = pick(j, random);
    char      name[16];

    snprintf(name, sizeof name, "v%d", index);
    nyx_graph_assign(j->g, name, NYX_ROLE_CARRY, j->values[from]);
    memcpy(j->stored[index], j->numbers[from], sizeof j->stored[index]);
    j->assigned[index] = true;
}

static void plant(jungle *j, nyx_random *random)
{
    memset(j, 0, sizeof *j);
    j->g = new_graph(NYX_F64);
    for (; j->count < VARIABLES; j->count++) {
        char name[16];

        snprintf(name, sizeof name, "v%d", j->count);
        j->values[j->count] = variable(j->g, name, WIDTH, 0);
        j->behind[j->count] = j->count;
        for (int i = 0; i < WIDTH; i++)
            j->stored[j->count][i] = j->numbers[j->count][i] = nyx_random_uniform(random) - 0.5;
    }
    while (j->count < VARIABLES + NODES) {
        grow_node(j, random);
        if (j->count % 12 == 0)
            assign_some(j, random, j->count / 12 - 1);
    }
}

static void random_graphs_run_as_they_are_interpreted(void **state)
{
    nyx_random random;

    (void)state;
    nyx_random_init(&random, 3, 0);
    for (int round = 0; round < 60; round++) {
        jungle       j;
        nyx_device  *device;
        nyx_store   *store;
        nyx_program *program;
        nyx_plan     plan;
        char         name[16];

        plant(&j, &random);
        assert_int_equal(nyx_device_open(&device, "cpu", 1 + round % 2), 0);
        assert_int_equal(nyx_store_create(&store, device, 1), 0);
        assert_int_equal(nyx_program_compile(&program, store, j.g), 0);
        assert_int_equal(nyx_pass_plan(&plan, j.g, 64), 0);
        assert_plan_sound(j.g, &plan);
        assert_int_equal(nyx_store_allocate(store), 0);
        for (int i = 0; i < VARIABLES; i++) {
            snprintf(name, sizeof name, "v%d", i);
            nyx_store_write(store, name, j.numbers[i]);
        }
        nyx_program_run(program, &(nyx_run){ 0 });
        for (int i = 0; i < VARIABLES; i++) {
            double found[WIDTH];

            snprintf(name, sizeof name, "v%d", i);
            nyx_store_read(store, name, found);
            assert_memory_equal(found, j.stored[i], sizeof found);
        }
        nyx_plan_release(&plan);
        nyx_program_free(program);
        nyx_store_free(store);
        nyx_device_close(device);
        nyx_graph_free(j.g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_gradient_pass_appends_the_backward_graph),
        cmocka_unit_test(no_gradient_crosses_a_stop),
        cmocka_unit_test(a_chain_needs_two_buffers),
        cmocka_unit_test(a_gradient_lies_on_logits_that_are_done_with),
        cmocka_unit_test(an_assign_is_elided_only_when_old_contents_are_done_with),
        cmocka_unit_test(random_graphs_run_as_they_are_interpreted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
