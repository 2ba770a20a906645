/* matrix -- the tensors of a report as blocks and their parts. */
#include "matrix.h"

#include <math.h>
#include <string.h>

bool tensor_coded(const tensor *t)
{
    return nyx_json_bool(nyx_json_get(t->json, "coded"), true);
}

static size_t block_of(const char *name)
{
    for (const char *dot = strchr(name, '.'); dot; dot = strchr(dot + 1, '.')) {
        const size_t digits = strspn(dot + 1, "0123456789");

        if (digits && dot[1 + digits] == '.')
            return (size_t)(dot + 1 + digits - name);
    }
    return 0;
}

/* Letters as they are, runs of digits by what they count. */
static int compare_names(const char *a, const char *b)
{
    while (*a && *b) {
        const size_t x = strspn(a, "0123456789"), y = strspn(b, "0123456789");

        if (x && y) {
            const int order = x != y ? (x < y ? -1 : 1) : strncmp(a, b, x);

            if (order)
                return order;
            a += x;
            b += y;
        } else if (*a != *b) {
            return (unsigned char)*a - (unsigned char)*b;
        } else {
            a++;
            b++;
        }
    }
    return (*a != 0) - (*b != 0);
}

static int by_name(const void *a, const void *b)
{
    return compare_names(((const tensor *)a)->name, ((const tensor *)b)->name);
}

bool tensor_same_block(const tensor *a, const tensor *b)
{
    return a->block == b->block && !strncmp(a->name, b->name, a->block);
}

const char *tensor_part(const tensor *t)
{
    return t->name + t->block + 1;
}

static void add_part(matrix *m, const tensor *t)
{
    for (int i = 0; i < m->part_count; i++)
        if (!strcmp(m->parts[i], tensor_part(t)))
            return;
    if (m->part_count < PARTS_MOST)
        m->parts[m->part_count++] = tensor_part(t);
}

bool matrix_make(matrix *m, const nyx_json *tensors)
{
    const char *format = NULL;

    *m = (matrix){ .count = nyx_json_count(tensors), .uniform = true };
    if (nyx_alloc(&m->tensors, m->count * (int64_t)sizeof *m->tensors) < 0)
        return false;
    for (int64_t i = 0; i < m->count; i++) {
        tensor     *t = &m->tensors[i];
        const char *mine;

        t->json = nyx_json_item(tensors, i);
        t->name = nyx_json_text(nyx_json_get(t->json, "name"), "");
        t->block = block_of(t->name);
        mine = nyx_json_text(nyx_json_get(t->json, "format"), "");
        if (!tensor_coded(t))
            continue;
        m->uniform &= !format || !strcmp(format, mine);
        format = mine;
    }
    qsort(m->tensors, (size_t)m->count, sizeof *m->tensors, by_name);
    for (int64_t i = 0; i < m->count; i++)
        if (m->tensors[i].block && m->tensors[i].name[m->tensors[i].block])
            add_part(m, &m->tensors[i]);
    return true;
}

double tensor_error(const tensor *t)
{
    return 100.0 * sqrt(number_at(t->json, "relative_mse"));
}

void matrix_range(const matrix *m, double *least, double *most)
{
    *least = INFINITY;
    *most = 0.0;
    for (int64_t i = 0; i < m->count; i++) {
        const double error = tensor_coded(&m->tensors[i]) ? tensor_error(&m->tensors[i]) : (double)NAN;

        *least = fmin(*least, error);
        *most = fmax(*most, error);
    }
}
