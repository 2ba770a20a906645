/* vulkan integers: rows coded in 8 bits on a GPU are those of nyx_activation_round to
 * the bit, block by block and with one scale for a row. */
#include "device/vulkan/vulkan.h"
#include "quant/quant.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "vulkan_device.h"

enum { ROWS = 7, COLS_MOST = 2048, BLOCK = 32 };

static float    x[ROWS * COLS_MOST];
static int8_t   codes[ROWS * COLS_MOST];
static uint32_t steps[ROWS * COLS_MOST / BLOCK][2];

/* Rows of all sizes, a block of zeros, numbers next to the ends of the range, and no numbers. */
static void draw(int64_t cols)
{
    nyx_random random;

    nyx_random_init(&random, (uint64_t)cols, 3);
    for (int64_t i = 0; i < ROWS * cols; i++) {
        const double unit = nyx_random_uniform(&random) + nyx_random_uniform(&random) - 1.0;

        x[i] = (float)ldexp(unit, (int)(nyx_random_u32(&random) % 40) - 20 - (int)(i / cols) * 30);
    }
    for (int64_t i = 0; i < cols && i < 40; i++)
        x[cols + i] = i % 2 ? -0.0f : 0.0f;
    x[2 * cols] = 0x1p127f;
    x[3 * cols + cols / 2] = NAN;
    x[4 * cols + cols - 1] = -INFINITY;
}

static void pack(nyx_vulkan__gpu *gpu, int64_t cols, bool row)
{
    const int64_t blocks = (cols + BLOCK - 1) / BLOCK, group = gpu->group;

    ok(nyx_vulkan__run_once(gpu, &(nyx_vulkan__once){
        .shader = "packed_activation", .spec = { (uint32_t)group, row, cols % 4 == 0 }, .spec_count = 3,
        .push = { ROWS, (uint32_t)cols, (uint32_t)blocks },
        .groups = (uint32_t)(row ? ROWS : (ROWS * blocks * 8 + group - 1) / group),
        .operands = { { x, NULL, ROWS * cols * 4 }, { NULL, codes, ROWS * blocks * BLOCK },
                      { NULL, steps, ROWS * blocks * 8 } },
        .operand_count = 3 }));
}

static float scale_of(int64_t block)
{
    float scale;

    memcpy(&scale, &steps[block][0], sizeof scale);
    return scale;
}

/* What is behind the last column is 0; the halves of a block are summed. */
static void check_block(int64_t block, int64_t there)
{
    int sums[2] = { 0 };

    for (int i = 0; i < BLOCK; i++)
        sums[i / 16] += codes[block * BLOCK + i];
    for (int64_t i = there; i < BLOCK; i++)
        assert_int_equal(codes[block * BLOCK + i], 0);
    assert_int_equal((int16_t)(steps[block][1] & 0xffff), sums[0]);
    assert_int_equal((int16_t)(steps[block][1] >> 16), sums[1]);
}

static void blocks_are_coded_as_on_the_processor(void **state)
{
    static const int64_t widths[] = { 1, 4, 31, 32, 33, 100, 257, 576, 1024, 2047 };
    nyx_device          *device;

    (void)state;
    if (!has_device())
        skip();
    ok(nyx_device_open(&device, "vulkan", 1));
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
        const int64_t cols = widths[w], blocks = (cols + BLOCK - 1) / BLOCK;
        static float  rounded[COLS_MOST];

        draw(cols);
        pack(nyx_vulkan__gpu_of(device), cols, false);
        for (int64_t row = 0; row < ROWS; row++) {
            nyx_activation_round(rounded, x + row * cols, cols, NYX_ACTIVATION_BLOCK);
            for (int64_t i = 0; i < blocks * BLOCK; i++) {
                const int64_t block = row * blocks + i / BLOCK;
                const float   value = scale_of(block) * (float)codes[block * BLOCK + i % BLOCK];

                if (i % BLOCK == 0)
                    check_block(block, cols - i < BLOCK ? cols - i : BLOCK);
                if (i < cols && (isnan(rounded[i]) ? !isnan(value) : value != rounded[i]))
                    fail_msg("%d columns: row %d, column %d: %a, not %a", (int)cols, (int)row, (int)i, (double)value,
                             (double)rounded[i]);
            }
        }
    }
    nyx_device_close(device);
}

/* The scale of a row is that of a block of its largest number. */
static void rows_have_one_scale(void **state)
{
    static const int64_t widths[] = { 1, 33, 576, 2047, 2048 };
    nyx_device          *device;

    (void)state;
    if (!has_device())
        skip();
    ok(nyx_device_open(&device, "vulkan", 1));
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
        const int64_t cols = widths[w], blocks = (cols + BLOCK - 1) / BLOCK;

        draw(cols);
        pack(nyx_vulkan__gpu_of(device), cols, true);
        for (int64_t row = 0; row < ROWS; row++) {
            float most = 0.0f, coded;

            for (int64_t i = 0; i < cols; i++)
                most = isfinite(x[row * cols + i]) && most < INFINITY ? fmaxf(most, fabsf(x[row * cols + i])) : INFINITY;
            nyx_activation_round(&coded, &most, 1, 1);
            for (int64_t b = 0; b < blocks; b++)
                check_block(row * blocks + b, cols - b * BLOCK < BLOCK ? cols - b * BLOCK : BLOCK);
            for (int64_t i = 0; i < cols; i++) {
                const float  scale = scale_of(row * blocks + i / BLOCK);
                const double code = codes[row * blocks * BLOCK + i], exact = (double)x[row * cols + i] / (double)scale;

                if (isnan(coded) || scale == 0.0f)
                    assert_true(isnan(coded) == isnan(scale) && code == 0);
                else
                    assert_true(127.0f * scale == coded && (fabs(exact - code) <= 0.5001 || fabs(code) == 127.0));
            }
        }
    }
    nyx_device_close(device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_coded_as_on_the_processor),
        cmocka_unit_test(rows_have_one_scale),
    };

    return cmocka_run_group_tests_name("vulkan integers", tests, NULL, NULL);
}
