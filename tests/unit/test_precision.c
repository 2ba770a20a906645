/* precision: gradients through casts against loops in float64. */
#include "machine.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_come_through_casts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
