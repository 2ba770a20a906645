/* coded_weights -- normally distributed numbers, and formats by name. */
#ifndef CODED_WEIGHTS_H
#define CODED_WEIGHTS_H

#include "quant/quant.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 256, COLS = 2048 };
static float weights[ROWS * COLS], decoded[ROWS * COLS];

static inline int fill_weights(void **state)
{
    nyx_random random;

    (void)state;
    nyx_random_init(&random, 1, 2);
    for (int i = 0; i < ROWS * COLS; i++)
        weights[i] = (float)(0.02 * 1.4142135623730951 * nyx_erfinv64(2.0 * nyx_random_uniform(&random) - 1.0));
    return 0;
}

static inline nyx_format format_of(const char *text)
{
    nyx_format format;

    if (nyx_format_parse(&format, text) < 0)
        fail_msg("%s", nyx_error_text());
    return format;
}

static inline nyx_coded coded_of(const char *text, int64_t rows, int64_t cols)
{
    nyx_format format = format_of(text);
    nyx_shape  shape = nyx_shape_of(2, rows, cols);
    nyx_coded  coded;

    assert_int_equal(nyx_coded_create(&coded, &format, &shape), 0);
    return coded;
}

static inline bool is_plain(const nyx_coded *coded)
{
    return coded->format.group == 0;
}

#endif
