/* sort -- every sequence of a few digits, and the same sorted. */
#include "data/tasks/tasks.h"

#include <string.h>

/* Row `number`: its digits in base `values`, the first changing fastest. */
static void fill_row(int32_t *inputs, int32_t *targets, int64_t number, int64_t digits, int64_t values, int32_t ignore)
{
    const int64_t length = 2 * digits - 1;
    int64_t       at = 0;

    for (int64_t i = 0; i < length; i++)
        targets[i] = ignore;
    for (int64_t i = 0; i < digits; i++, number /= values)
        inputs[i] = (int32_t)(number % values);
    for (int32_t value = 0; value < values; value++) {
        for (int64_t i = 0; i < digits; i++) {
            if (inputs[i] != value)
                continue;
            targets[digits - 1 + at] = value;
            if (at < digits - 1)
                inputs[digits + at] = value;
            at++;
        }
    }
}

static int fill(struct nyx_split *split, int64_t rows, int64_t digits, int64_t values, int32_t ignore)
{
    const int64_t length = 2 * digits - 1;
    int           status;

    if ((status = nyx_alloc(&split->inputs, rows * length * (int64_t)sizeof *split->inputs)) < 0 ||
        (status = nyx_alloc(&split->targets, rows * length * (int64_t)sizeof *split->targets)) < 0)
        return status;
    split->rows = rows;
    for (int64_t i = 0; i < rows; i++)
        fill_row(split->inputs + i * length, split->targets + i * length, i, digits, values, ignore);
    return 0;
}

int nyx_sort_make(nyx_dataset *out, int64_t digits, int64_t values)
{
    int64_t rows = 1;
    int     status;

    *out = (nyx_dataset){ .kind = "sort", .length = 2 * digits - 1, .vocabulary = values, .ignore = -1, .puzzles = 1 };
    for (int64_t i = 0; i < digits && rows <= NYX_SORT_ROWS; i++)
        rows *= values;
    if (digits < 1 || values < 1 || values > NYX_SORT_ROWS || rows > NYX_SORT_ROWS)
        return nyx_error_set(NYX_ERR_USAGE, "%lld digits of %lld values are more than %d sequences", (long long)digits,
                             (long long)values, NYX_SORT_ROWS);
    if ((status = fill(&out->train, rows, digits, values, (int32_t)out->ignore)) < 0 ||
        (status = fill(&out->test, rows, digits, values, (int32_t)out->ignore)) < 0)
        nyx_dataset_release(out);
    return status;
}
