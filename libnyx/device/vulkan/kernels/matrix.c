/* matrix -- do matrix units multiply right? Drivers claim more than they can, so
 * each type is tried once, and each tile before it is used, on products whose sums
 * are exact. A trial without memory says nothing: the next program tries again. */
#include "device/vulkan/kernels/kernels.h"

#include <string.h>

enum { LEFT = 7, RIGHT = 3, PERIOD = 13 }; /* of operands */

/* How large a product is tried; no multiples of a tile for types. */
typedef struct {
    int rows, columns, terms;
} extents;

static float operand_at(int i, int step, int k, int step_k)
{
    return (float)((i * step + k * step_k) % PERIOD - 6);
}

static float left_at(int i, int k)
{
    return operand_at(i, LEFT, k, 5);
}

static float right_at(int j, int k)
{
    return operand_at(j, RIGHT, k, 11);
}

/* The operands as they lie in memory: rows, or columns, of the terms. */
static void fill(uint16_t *to, float *values, enum nyx_dtype type, int lines, int count, bool terms,
                 float (*at)(int i, int k))
{
    for (int i = 0; i < lines; i++)
        for (int k = 0; k < count; k++)
            values[terms ? i * count + k : k * lines + i] = at(i, k);
    nyx_convert_from_f32(type, to, values, (int64_t)lines * count);
}

/* Sums repeat with the operands. */
static bool is_product(const float *y, const extents *size)
{
    float sums[PERIOD][PERIOD];

    for (int i = 0; i < PERIOD; i++)
        for (int j = 0; j < PERIOD; j++) {
            sums[i][j] = 0;
            for (int k = 0; k < size->terms; k++)
                sums[i][j] += left_at(i, k) * right_at(j, k);
        }
    for (int i = 0; i < size->rows; i++)
        for (int j = 0; j < size->columns; j++)
            if (!(y[i * size->columns + j] == sums[i % PERIOD][j % PERIOD]))
                return false;
    return true;
}

static int build(nyx_graph *g, enum nyx_dtype type, enum nyx_matmul_mode mode, const extents *size)
{
    const int64_t   m = size->rows, n = size->columns, k = size->terms;
    const nyx_shape x = mode == NYX_MATMUL_TN ? nyx_shape_of(2, k, m) : nyx_shape_of(2, m, k);
    const nyx_shape w = mode == NYX_MATMUL_NT ? nyx_shape_of(2, n, k) : nyx_shape_of(2, k, n);
    const nyx_value left = nyx_graph_variable(g, "x", type, x, NYX_ROLE_INPUT);
    const nyx_value right = nyx_graph_variable(g, "w", type, w, NYX_ROLE_INPUT);

    nyx_graph_assign(g, "y", NYX_ROLE_OUTPUT, nyx_graph_matmul(g, left, right, 0, mode));
    return nyx_graph_check(g);
}

void nyx_vulkan__trial_made(nyx_vulkan__gpu *gpu, int status)
{
    if (status != NYX_ERR_MEMORY)
        return;
    gpu->starved = true;
    snprintf(gpu->device->shortage, sizeof gpu->device->shortage,
             "'%s' had no memory to try its matrix units on a small product: what is of 16 bits does without them; a "
             "smaller batch leaves room", gpu->facts.name);
}

static bool multiplies(nyx_device *device, enum nyx_dtype type, enum nyx_matmul_mode mode, const extents *size)
{
    const int64_t most = (int64_t)(size->rows > size->columns ? size->rows : size->columns) *
                         (size->terms > size->columns ? size->terms : size->columns);
    nyx_graph   *g = NULL;
    nyx_store   *store = NULL;
    nyx_program *program = NULL;
    float       *y = NULL;
    uint16_t    *words = NULL;
    bool         right = false;
    int          status;

    if ((status = nyx_alloc(&y, most * (int64_t)sizeof *y)) < 0 ||
        (status = nyx_alloc(&words, most * (int64_t)sizeof *words)) < 0 ||
        (status = nyx_graph_create(&g, NYX_F32)) < 0 || (status = build(g, type, mode, size)) < 0 ||
        (status = nyx_store_create(&store, device, 1)) < 0 ||
        (status = nyx_program_compile(&program, store, g)) < 0 || (status = nyx_store_allocate(store)) < 0)
        goto done;
    fill(words, y, type, size->rows, size->terms, mode != NYX_MATMUL_TN, left_at);
    nyx_store_write(store, "x", words);
    fill(words, y, type, size->columns, size->terms, mode == NYX_MATMUL_NT, right_at);
    nyx_store_write(store, "w", words);
    nyx_program_run(program, &(nyx_run){ 0 });
    nyx_store_read(store, "y", y);
    right = is_product(y, size);
done:
    nyx_vulkan__trial_made(nyx_vulkan__gpu_of(device), status);
    nyx_program_free(program);
    nyx_store_free(store);
    nyx_graph_free(g);
    nyx_free(words);
    nyx_free(y);
    return right;
}

static bool multiplies_all(nyx_device *device, enum nyx_dtype type, const extents *size)
{
    nyx_vulkan__gpu *gpu = nyx_vulkan__gpu_of(device);
    bool             right = true;

    gpu->trials++;
    for (int mode = NYX_MATMUL_NT; mode <= NYX_MATMUL_TN && right; mode++)
        right = multiplies(device, type, (enum nyx_matmul_mode)mode, size);
    gpu->trials--;
    return right;
}

static bool multiplies_small(nyx_vulkan__gpu *gpu, enum nyx_dtype type)
{
    const int which = nyx_vulkan__matrix_of(type), m = gpu->facts.matrix[which].m, n = gpu->facts.matrix[which].n;
    const int k = gpu->facts.matrix[which].k;

    if (type == NYX_I8)
        return m > 0 && nyx_vulkan__units_multiply(gpu, &(nyx_genome){ { m, n, m, n, k % 16 ? 2 * k : k } });
    return multiplies_all(gpu->device, type, &(extents){ 40, 56, 72 });
}

bool nyx_vulkan__matrix_works(nyx_vulkan__gpu *gpu, enum nyx_dtype type)
{
    enum nyx_vulkan__trust *trust = &gpu->matrix[nyx_vulkan__matrix_of(type)];

    if (*trust == NYX_VULKAN_UNTRIED && !gpu->starved) {
        *trust = NYX_VULKAN_TRUSTED; /* by the products */
        const bool right = multiplies_small(gpu, type);
        *trust = gpu->starved ? NYX_VULKAN_UNTRIED : right ? NYX_VULKAN_TRUSTED : NYX_VULKAN_REFUSED;
    }
    return *trust == NYX_VULKAN_TRUSTED;
}

static nyx_vulkan__tried *tried_of(const nyx_vulkan__gpu *gpu, enum nyx_dtype type, const nyx_genome *tile)
{
    for (int64_t i = 0; i < gpu->tried_count; i++)
        if (gpu->tried[i].type == type && !memcmp(&gpu->tried[i].tile, tile, sizeof *tile))
            return &gpu->tried[i];
    return NULL;
}

bool nyx_vulkan__tile_refused(const nyx_vulkan__gpu *gpu, enum nyx_dtype type, const nyx_genome *tile)
{
    const nyx_vulkan__tried *tried = tried_of(gpu, type, tile);

    return tried ? tried->refused : gpu->starved;
}

bool nyx_vulkan__tile_works(nyx_vulkan__gpu *gpu, enum nyx_dtype type, const nyx_genome *tile)
{
    const nyx_genome own = *tile, *before = gpu->trying;
    const extents    whole = { 2 * own.genes[0], own.genes[1], 2 * own.genes[2] };
    const extents    part = { own.genes[0] + 24, own.genes[1] + 40, own.genes[2] + 8 };

    if (before || tried_of(gpu, type, &own) || gpu->starved)
        return before || !nyx_vulkan__tile_refused(gpu, type, &own);
    nyx_vulkan__trial_made(gpu, nyx_array_grow(&gpu->tried, &gpu->tried_room, gpu->tried_count, sizeof *gpu->tried, 8));
    if (gpu->starved)
        return false;
    gpu->trying = &own;
    const bool right = type == NYX_I8 ? nyx_vulkan__units_multiply(gpu, &own)
                                      : multiplies_all(gpu->device, type, &whole) && multiplies_all(gpu->device, type, &part);
    gpu->trying = before;
    if (!gpu->starved)
        gpu->tried[gpu->tried_count++] = (nyx_vulkan__tried){ type, own, !right };
    return right && !gpu->starved;
}
