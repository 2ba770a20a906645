/* known -- the float64 reference itself, against the answers of known.py. */
#include "operations.h"

#include <math.h>
#include <string.h>

static const struct {
    enum nyx_op op;
    const char *inputs;
    int64_t     ints[NYX_MAX_INTS];
    double      reals[NYX_MAX_REALS];
    int         count;
    double      checksums[MOST_OUTPUTS];
} answers[] = {
#include "known.h"
};

static double checksum(const output *o)
{
    double sum = 0;

    for (int64_t i = 0; i < o->elems; i++)
        sum += element(o, i) * (double)(5 * i % 7 - 3);
    return sum;
}

static int compare(char what[160], const spec *s, int count, const double *checksums)
{
    outcome y;
    int     status = execute_exact(&y, s);

    if (status == NYX_OK && y.count != count)
        snprintf(what, 160, "%d results, not %d", y.count, count);
    for (int k = 0; status == NYX_OK && k < y.count && k < count; k++)
        if (!(fabs(checksum(&y.out[k]) - checksums[k]) <= 1e-13 * (fabs(checksums[k]) + 10)))
            snprintf(what, 160, "checksum of output %d is %.17g, not %.17g", k, checksum(&y.out[k]), checksums[k]);
    outcome_release(&y);
    return status;
}

int visit_answers(void (*judged)(const spec *s, const char *what, void *context), void *context)
{
    int status = NYX_OK;

    for (size_t i = 0; i < sizeof answers / sizeof *answers && status == NYX_OK; i++) {
        spec s = { .op = answers[i].op, .text = answers[i].inputs };
        char what[160] = "";

        memcpy(s.ints, answers[i].ints, sizeof s.ints);
        memcpy(s.reals, answers[i].reals, sizeof s.reals);
        if ((status = spec_init(&s)) == NYX_OK &&
            (status = compare(what, &s, answers[i].count, answers[i].checksums)) == NYX_OK)
            judged(&s, what, context);
        spec_release(&s);
    }
    return status;
}
