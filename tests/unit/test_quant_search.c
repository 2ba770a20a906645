/* quant, the method mse: groups that fill vectors are searched all candidates at
 * a time where the machine can, others one by one; both give the same bits. */
#include "base/base.h"
#include "quant/quant.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 200, MOST = 512 };

/* A row of `cols`, of several tempers: even, with outliers, sparse, tiny, huge, on a grid. */
static void fill_row(float *row, int cols, int temper, nyx_random *random)
{
    for (int i = 0; i < cols; i++) {
        float x = (float)(nyx_random_uniform(random) + nyx_random_uniform(random) - 1.0);

        if (temper == 1)
            x *= x * x * (nyx_random_below(random, 20) == 0 ? 100.0f : 1.0f);
        if (temper == 2)
            x = nyx_random_below(random, 3) ? 0.0f : x;
        if (temper == 3)
            x *= 1e-7f;
        if (temper == 4)
            x *= 1e30f;
        if (temper == 5)
            x = (float)((int)nyx_random_below(random, 15) - 7) * 0.25f;
        row[i] = x;
    }
}

/* Code rows of `cols` - 1 elements, and the same with one more that weighs nothing. */
static void compare(const char *text, int cols)
{
    static float short_rows[ROWS * MOST], rows[ROWS * MOST], moments[MOST], decoded[2][ROWS * MOST];
    nyx_random   random;
    nyx_format   format;
    nyx_coded    coded[2];
    nyx_shape    shapes[2] = { nyx_shape_of(2, (int64_t)ROWS, (int64_t)cols - 1), nyx_shape_of(2, (int64_t)ROWS, (int64_t)cols) };

    nyx_random_init(&random, 11, (uint64_t)cols);
    for (int r = 0; r < ROWS; r++) {
        fill_row(rows + r * cols, cols, r % 6, &random);
        rows[r * cols + cols - 1] = 0.0f;
        memcpy(short_rows + r * (cols - 1), rows + r * cols, (size_t)(cols - 1) * sizeof *rows);
    }
    for (int i = 0; i < cols; i++)
        moments[i] = i + 1 < cols ? 0.5f + (float)(i % 3) : 0.0f;
    assert_int_equal(nyx_format_parse(&format, text), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(nyx_coded_create(&coded[i], &format, &shapes[i]), 0);
        nyx_encode_rows(&coded[i], NYX_METHOD_MSE, i ? rows : short_rows, moments, 0, ROWS);
        nyx_decode_rows(decoded[i], &coded[i], 0, ROWS);
    }
    for (int r = 0; r < ROWS; r++)
        assert_memory_equal(decoded[0] + r * (cols - 1), decoded[1] + r * cols, (size_t)(cols - 1) * sizeof(float));
    nyx_coded_release(&coded[0]);
    nyx_coded_release(&coded[1]);
}

static void vectors_change_no_bit(void **state)
{
    static const char *const kinds[] = { "int8", "int4", "int3", "int2" };
    static const int         cols[] = { 16, 32, 64, 128, 272, 512 };
    char                     text[NYX_FORMAT_TEXT];

    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (size_t c = 0; c < sizeof cols / sizeof *cols; c++)
            for (int scale = 0; scale < 2; scale++) {
                snprintf(text, sizeof text, "%s:channel:scale=%s", kinds[k], scale ? "f32" : "f16");
                compare(text, cols[c]);
            }
    compare("int4:g32", 32);
    compare("int4:g64:asym", 64);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_change_no_bit),
    };

    return cmocka_run_group_tests_name("quant_search", tests, NULL, NULL);
}
