/* matrix -- do matrix units multiply right? Drivers claim more than they can,
 * so each type is tried once, on products whose sums are exact. */
#include "device/vulkan/kernels/kernels.h"

enum { ROWS = 40, COLUMNS = 56, TERMS = 72 }; /* no multiples of a tile */

static float left_at(int i, int k)
{
    return (float)((i * 7 + k * 5) % 13 - 6);
}

static float right_at(int j, int k)
{
    return (float)((j * 3 + k * 11) % 13 - 6);
}

/* The operands as they lie in memory: rows, or columns, of the terms. */
static void fill(uint16_t *to, enum nyx_dtype type, int lines, bool terms, float (*at)(int i, int k))
{
    float values[COLUMNS * TERMS];

    for (int i = 0; i < lines; i++)
        for (int k = 0; k < TERMS; k++)
            values[terms ? i * TERMS + k : k * lines + i] = at(i, k);
    nyx_convert_from_f32(type, to, values, (int64_t)lines * TERMS);
}

static bool is_product(const float *y)
{
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLUMNS; j++) {
            float sum = 0;

            for (int k = 0; k < TERMS; k++)
                sum += left_at(i, k) * right_at(j, k);
            if (!(y[i * COLUMNS + j] == sum))
                return false;
        }
    return true;
}

static int build(nyx_graph *g, enum nyx_dtype type, enum nyx_matmul_mode mode)
{
    const bool      tn = mode == NYX_MATMUL_TN, nt = mode == NYX_MATMUL_NT;
    const nyx_shape x = tn ? nyx_shape_of(2, (int64_t)TERMS, (int64_t)ROWS) : nyx_shape_of(2, (int64_t)ROWS, (int64_t)TERMS);
    const nyx_shape w = nt ? nyx_shape_of(2, (int64_t)COLUMNS, (int64_t)TERMS)
                           : nyx_shape_of(2, (int64_t)TERMS, (int64_t)COLUMNS);
    const nyx_value left = nyx_graph_variable(g, "x", type, x, NYX_ROLE_INPUT);
    const nyx_value right = nyx_graph_variable(g, "w", type, w, NYX_ROLE_INPUT);

    nyx_graph_assign(g, "y", NYX_ROLE_OUTPUT, nyx_graph_matmul(g, left, right, 0, mode));
    return nyx_graph_check(g);
}

static bool multiplies(nyx_device *device, enum nyx_dtype type, enum nyx_matmul_mode mode)
{
    nyx_graph   *g = NULL;
    nyx_store   *store = NULL;
    nyx_program *program = NULL;
    uint16_t     x[ROWS * TERMS], w[COLUMNS * TERMS];
    float        y[ROWS * COLUMNS];
    bool         right = false;

    if (nyx_graph_create(&g, NYX_F32) < 0 || build(g, type, mode) < 0 || nyx_store_create(&store, device, 1) < 0 ||
        nyx_program_compile(&program, store, g) < 0 || nyx_store_allocate(store) < 0)
        goto done;
    fill(x, type, ROWS, mode != NYX_MATMUL_TN, left_at);
    fill(w, type, COLUMNS, mode == NYX_MATMUL_NT, right_at);
    nyx_store_write(store, "x", x);
    nyx_store_write(store, "w", w);
    nyx_program_run(program, &(nyx_run){ 0 });
    nyx_store_read(store, "y", y);
    right = is_product(y);
done:
    nyx_program_free(program);
    nyx_store_free(store);
    nyx_graph_free(g);
    return right;
}

bool nyx_vulkan__matrix_works(nyx_vulkan__gpu *gpu, enum nyx_dtype type)
{
    enum nyx_vulkan__trust *trust = &gpu->matrix[type == NYX_BF16];

    if (*trust == NYX_VULKAN_UNTRIED) {
        *trust = NYX_VULKAN_TRUSTED; /* by the products below */
        for (int mode = NYX_MATMUL_NT; mode <= NYX_MATMUL_TN && *trust == NYX_VULKAN_TRUSTED; mode++)
            if (!multiplies(gpu->device, type, (enum nyx_matmul_mode)mode))
                *trust = NYX_VULKAN_REFUSED;
    }
    return *trust == NYX_VULKAN_TRUSTED;
}
