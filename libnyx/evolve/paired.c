/* paired -- two models on the same rows: is one better, and by how much? */
#include "evolve/evolve.h"

#include <math.h>

enum { RESAMPLES = 10000 };

/* Hill 1970 (Comm. ACM 13:617), the expansion round the normal quantile. */
double nyx_student_95(int64_t freedom)
{
    static const double small[] = {6.313752, 2.919986, 2.353363, 2.131847, 2.015048,
                                   1.943180, 1.894579, 1.859548, 1.833113, 1.812461};
    const double        z = 1.6448536269514722, n = (double)freedom, z2 = z * z;

    NYX_BUG_IF(freedom < 1);
    if (freedom <= (int64_t)(sizeof small / sizeof *small))
        return small[freedom - 1];
    return z + z * (z2 + 1.0) / (4.0 * n) + z * ((5.0 * z2 + 16.0) * z2 + 3.0) / (96.0 * n * n) +
           z * (((3.0 * z2 + 19.0) * z2 + 17.0) * z2 - 15.0) / (384.0 * n * n * n);
}

static double weight_of(const int32_t *tokens, int64_t row)
{
    return tokens ? (double)tokens[row] : 1.0;
}

/* A ratio of two sums over rows: its variance from the rows' residuals. */
nyx_paired nyx_paired_of(const double *a, const double *b, const int32_t *tokens, int64_t rows)
{
    nyx_paired out = {0};
    double     sum = 0.0, count = 0.0, squares = 0.0;

    for (int64_t i = 0; i < rows; i++) {
        sum += a[i] - b[i];
        count += weight_of(tokens, i);
    }
    if (count == 0.0)
        return out;
    out.difference = sum / count;
    for (int64_t i = 0; i < rows; i++) {
        const double rest = a[i] - b[i] - out.difference * weight_of(tokens, i);

        squares += rest * rest;
    }
    if (rows > 1 && squares > 0.0)
        out.t = sum / sqrt(squares * (double)rows / (double)(rows - 1));
    return out;
}

int nyx_paired_interval(nyx_paired *out, const double *a, const double *b, const int32_t *tokens,
                        int64_t rows, uint64_t seed)
{
    const uint64_t stream = nyx_stream_of("evolve.interval");
    double        *means;
    int            status = nyx_alloc(&means, RESAMPLES * (int64_t)sizeof *means);

    if (status < 0)
        return status;
    for (int i = 0; i < RESAMPLES; i++) {
        double     sum = 0.0, count = 0.0;
        nyx_random random;

        nyx_random_init(&random, seed, stream + (uint64_t)i);
        for (int64_t n = 0; n < rows; n++) {
            const uint64_t row = nyx_random_below(&random, (uint64_t)rows);

            sum += a[row] - (b ? b[row] : 0.0);
            count += weight_of(tokens, (int64_t)row);
        }
        means[i] = count > 0.0 ? sum / count : 0.0;
    }
    nyx_sort_ascending(means, RESAMPLES);
    out->low = nyx_quantile(means, RESAMPLES, 0.025);
    out->high = nyx_quantile(means, RESAMPLES, 0.975);
    nyx_free(means);
    return 0;
}
