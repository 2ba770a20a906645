/* precision: gradients through casts against loops in float64; the graph of the
 * pass as text; every model's step beside the one in f32. */
#include "small_models.h"

#include <math.h>

enum { R = 5, N = 7, K = 11 };

static const struct { enum nyx_dtype dtype; double step; } narrow[] = { { NYX_F16, 0x1p-11 }, { NYX_BF16, 0x1p-8 } };

static double rounded(enum nyx_dtype dtype, float x)
{
    return (double)(dtype == NYX_F16   ? nyx_f32_from_f16(nyx_f16_from_f32(x))
                    : dtype == NYX_BF16 ? nyx_f32_from_bf16(nyx_bf16_from_f32(x))
                                        : x);
}

/* y = c(x) c(w)^T with c the cast; loss = sum y u. As if c were no function:
 * dx = c(u) c(w), dw = c(u)^T c(x). */
static void product(nyx_graph *g, enum nyx_dtype dtype)
{
    nyx_value wrt[2], grads[2], u, x, w, y;

    wrt[0] = nyx_graph_variable(g, "x", NYX_F32, nyx_shape_of(2, (int64_t)R, (int64_t)K), NYX_ROLE_INPUT);
    wrt[1] = nyx_graph_variable(g, "w", NYX_F32, nyx_shape_of(2, (int64_t)N, (int64_t)K), NYX_ROLE_INPUT);
    u = nyx_graph_variable(g, "u", NYX_F32, nyx_shape_of(2, (int64_t)R, (int64_t)N), NYX_ROLE_INPUT);
    x = nyx_graph_cast(g, wrt[0], dtype);
    w = nyx_graph_cast(g, wrt[1], dtype);
    y = nyx_graph_matmul(g, x, w, 0, NYX_MATMUL_NT);
    nyx_graph_assign(g, "y", NYX_ROLE_OUTPUT, y);
    y = nyx_graph_reduce(g, NYX_SUM, nyx_graph_mul(g, y, u), 2, false);
    ok(nyx_pass_gradient(g, y, 2, wrt, grads));
    nyx_graph_assign(g, "dx", NYX_ROLE_GRADIENT, grads[0]);
    nyx_graph_assign(g, "dw", NYX_ROLE_GRADIENT, grads[1]);
}

static void fill(float *values, int64_t count, uint64_t stream)
{
    nyx_random random;

    nyx_random_init(&random, 3, stream);
    for (int64_t i = 0; i < count; i++)
        values[i] = (float)(2 * nyx_random_uniform(&random) - 1);
}

static void assert_close(float found, double wanted)
{
    assert_true(fabs((double)found - wanted) <= 1e-5);
}

/* sum over k < terms of a[k a_step] b[k b_step], both rounded. */
static double dot(enum nyx_dtype dtype, const float *a, int a_step, const float *b, int b_step, int terms)
{
    double sum = 0;

    for (int k = 0; k < terms; k++)
        sum += rounded(dtype, a[k * a_step]) * rounded(dtype, b[k * b_step]);
    return sum;
}

static void check_product(const machine *m, enum nyx_dtype dtype, double step)
{
    float x[R * K], w[N * K], u[R * N], y[R * N], dx[R * K], dw[N * K];

    fill(x, R * K, 1);
    fill(w, N * K, 2);
    fill(u, R * N, 3);
    nyx_store_write(m->store, "x", x);
    nyx_store_write(m->store, "w", w);
    nyx_store_write(m->store, "u", u);
    nyx_program_run(m->programs[0], &(nyx_run){ .seed = 1 });
    nyx_store_read(m->store, "y", y);
    nyx_store_read(m->store, "dx", dx);
    nyx_store_read(m->store, "dw", dw);
    for (int i = 0; i < R; i++)
        for (int k = 0; k < K; k++)
            assert_close(dx[i * K + k], dot(dtype, u + i * N, 1, w + k, K, N));
    for (int j = 0; j < N; j++)
        for (int k = 0; k < K; k++)
            assert_close(dw[j * K + k], dot(dtype, u + j, N, x + k, K, R));
    for (int i = 0; i < R; i++)
        for (int j = 0; j < N; j++) {
            assert_close(y[i * N + j], dot(dtype, x + i * K, 1, w + j * K, 1, K));
            assert_true(fabs((double)y[i * N + j] - dot(NYX_F32, x + i * K, 1, w + j * K, 1, K)) <= 2.1 * K * step);
        }
}

static void gradients_come_through_casts(void **state)
{
    (void)state;
    for (size_t t = 0; t < sizeof narrow / sizeof *narrow; t++) {
        machine m;

        machine_open(&m, 1);
        product(machine_graph(&m, NYX_F32), narrow[t].dtype);
        machine_compile(&m);
        check_product(&m, narrow[t].dtype, narrow[t].step);
        machine_close(&m);
    }
}

/* ---- one graph as text ----------------------------------------------------------- */

/* x -> swiglu(x w^T) v^T: x is an operand only, the gate and its result are kept,
 * the gate's gradient is rounded. */
static void the_pass_adds_casts(void **state)
{
    static const char *const lines[] = {
        "%18 bf16[3, 4] = cast %1 dtype=3  ; precision\n",
        "%19 bf16[6, 4] = cast %2 dtype=3  ; precision\n",
        "%3 f32[3, 6] = matmul %18 %19 mode=0\n",
        "%20 bf16[3, 6] = cast %3 dtype=3  ; precision\n",
        "%21 f32[3, 6] = cast %20 dtype=0  ; precision\n",
        "%4 f32[3, 3] = swiglu %21\n",
        "%6 f32[3, 2] = matmul %22 %23 mode=0\n",
        "f32[3, 6] = cast %20 dtype=0  ; gradient/precision\n",
        "%29 f32[3, 3] = cast %28 dtype=0  ; gradient/precision\n",
        "= swiglu_grad %27 %29  ; gradient\n",
        "matmul %30 %31 mode=2  ; gradient\n",
    };
    nyx_graph *g;
    nyx_value  wrt, grad, y;
    char      *text, *at;

    (void)state;
    ok(nyx_graph_create(&g, NYX_F32));
    y = nyx_graph_variable(g, "x", NYX_F32, nyx_shape_of(2, (int64_t)3, (int64_t)4), NYX_ROLE_INPUT);
    wrt = nyx_graph_variable(g, "w", NYX_F32, nyx_shape_of(2, (int64_t)6, (int64_t)4), NYX_ROLE_PARAMETER);
    y = nyx_graph_swiglu(g, nyx_graph_matmul(g, y, wrt, 0, NYX_MATMUL_NT));
    y = nyx_graph_matmul(
        g, y, nyx_graph_variable(g, "v", NYX_F32, nyx_shape_of(2, (int64_t)2, (int64_t)3), NYX_ROLE_CONSTANT), 0,
        NYX_MATMUL_NT);
    y = nyx_graph_reduce(g, NYX_SUM, y, 2, false);
    ok(nyx_pass_gradient(g, y, 1, &wrt, &grad));
    nyx_graph_assign(g, "loss", NYX_ROLE_OUTPUT, y);
    nyx_graph_assign(g, "dw", NYX_ROLE_GRADIENT, grad);
    ok(nyx_pass_precision(g, NYX_BF16));
    ok(nyx_graph_prune(g));
    ok(nyx_graph_dump(&text, g));
    at = text;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char *found = strstr(at, lines[i]);

        if (!found)
            fail_msg("no '%s' in\n%s", lines[i], at);
        at = found + strlen(lines[i]);
    }
    nyx_free(text);
    nyx_graph_free(g);
}

/* ---- models --------------------------------------------------------------------------- */

/* Parameters as a model starts, tokens below 5. */
static void feed(machine *m, const nyx_config *config)
{
    nyx_random random;

    nyx_random_init(&random, 5, 6);
    for (int i = 0; i < nyx_store_count(m->store); i++) {
        const nyx_variable *v = nyx_store_variable(m->store, i);
        const int64_t       count = nyx_store_bytes(m->store, i) / 4;
        const int           parameter = nyx_model_parameter_find(config, v->name);
        float              *values = machine_copy(m, v->name);

        for (int64_t k = 0; k < count; k++) {
            const int32_t token = (int32_t)nyx_random_below(&random, 5);

            if (v->dtype == NYX_I32)
                memcpy(&values[k], &token, sizeof token);
            else
                values[k] = (float)(nyx_random_uniform(&random) - 0.5);
        }
        if (parameter >= 0)
            nyx_model_init(config, parameter, 9, values);
        nyx_store_write(m->store, v->name, values);
        nyx_free(values);
    }
}

/* The arena; every variable after a run stays in the store. */
static int64_t run_step(machine *m, const nyx_config *config, const nyx_passes *passes)
{
    nyx_graph *g;

    machine_open(m, 1);
    g = machine_graph(m, NYX_F32);
    nyx_model_build_step(g, config, &(nyx_step_options){ .slots = 4, .batch = 4 });
    ok(nyx_pass_apply(g, passes));
    machine_compile(m);
    feed(m, config);
    machine_run(m, 0, 3, 0);
    return nyx_store_memory(m->store).arena;
}

/* ||a - b|| / ||a|| over all gradients. */
static double gradients_apart(machine *a, machine *b)
{
    double apart = 0, size = 0;

    for (int i = 0; i < nyx_store_count(a->store); i++) {
        const char *name = nyx_store_variable(a->store, i)->name;

        if (strncmp(name, "grad.", 5))
            continue;
        float *x = machine_copy(a, name), *y = machine_copy(b, name);
        for (int64_t k = 0; k < machine_bytes(a, name) / 4; k++) {
            apart += ((double)x[k] - (double)y[k]) * ((double)x[k] - (double)y[k]);
            size += (double)x[k] * (double)x[k];
        }
        nyx_free(x);
        nyx_free(y);
    }
    return sqrt(apart / size);
}

/* `recompute` changes no bit of what `precision` gives. */
static void check_model(const char *text, int choice, double far, double share)
{
    const nyx_config config = bound(text);
    machine          wide, half, again;
    const int64_t    before = run_step(&wide, &config, &(nyx_passes){ { 0 } });
    const int64_t    after = run_step(&half, &config, &(nyx_passes){ { [NYX_PASS_PRECISION] = choice } });
    double           apart = gradients_apart(&wide, &half);

    if (!(apart <= far && apart > far / 4))
        fail_msg("gradients are %g apart, not %g", apart, far);
    if (after > (int64_t)(share * (double)before))
        fail_msg("%lld bytes became %lld", (long long)before, (long long)after);
    run_step(&again, &config, &(nyx_passes){ { [NYX_PASS_PRECISION] = choice, [NYX_PASS_RECOMPUTE] = 1 } });
    assert_true(gradients_apart(&half, &again) == 0);
    machine_close(&wide);
    machine_close(&half);
    machine_close(&again);
}

/* Distances and shares are what was measured, rounded up a little. */
static void every_model_learns_nearly_the_same_in_less_memory(void **state)
{
    (void)state;
    check_model(hrm_text, 1, 0.0106, 0.81);
    check_model(hrm_text, 2, 0.00178, 0.81);
    check_model(learned_text, 1, 0.0251, 0.75);
    check_model(learned_text, 2, 0.0035, 0.75);
    check_model(transformer_text, 1, 0.009, 0.76);
    check_model(transformer_text, 2, 0.00144, 0.76);
    check_model(llama_text, 1, 0.0127, 0.69);
    check_model(llama_text, 2, 0.0013, 0.69);
    check_model(gpt2_text, 1, 0.0055, 0.74);
    check_model(gpt2_text, 2, 0.00083, 0.74);
    check_model(mlp_text, 1, 0.0032, 1.06);
    check_model(mlp_text, 2, 0.00036, 1.06);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_come_through_casts),
        cmocka_unit_test(the_pass_adds_casts),
        cmocka_unit_test(every_model_learns_nearly_the_same_in_less_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
