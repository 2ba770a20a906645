/* pareto -- points with several aims: ranks, crowding, dominated volume. */
#include "evolve/evolve.h"

#include <math.h>
#include <string.h>

/* As good in all, better in one. */
static bool dominates(const double *a, const double *b, int aims)
{
    bool better = false;

    for (int i = 0; i < aims; i++) {
        if (a[i] > b[i])
            return false;
        better = better || a[i] < b[i];
    }
    return better;
}

void nyx_pareto_rank(int *rank, const double *points, int count, int aims)
{
    int left = count;

    for (int i = 0; i < count; i++)
        rank[i] = -1;
    for (int r = 0; left > 0; r++) {
        for (int i = 0; i < count; i++) {
            bool beaten = rank[i] >= 0 && rank[i] < r;

            for (int j = 0; j < count && !beaten; j++)
                beaten = (rank[j] < 0 || rank[j] == r) &&
                         dominates(points + j * aims, points + i * aims, aims);
            if (!beaten) {
                rank[i] = r;
                left--;
            }
        }
    }
}

/* ---- crowding ----------------------------------------------------------------------- */

struct place {
    double value;
    int    point;
};

static int by_value(const void *a, const void *b)
{
    const struct place *x = a, *y = b;

    if (x->value != y->value)
        return x->value < y->value ? -1 : 1;
    return x->point - y->point;
}

static void crowd_aim(double *crowding, const struct place *places, int count)
{
    const double range = places[count - 1].value - places[0].value;

    crowding[places[0].point] = crowding[places[count - 1].point] = (double)INFINITY;
    for (int i = 1; i + 1 < count && range > 0.0; i++)
        crowding[places[i].point] += (places[i + 1].value - places[i - 1].value) / range;
}

int nyx_pareto_crowding(double *crowding, const double *points, const int *rank, int count,
                        int aims)
{
    struct place *places;
    int           status = nyx_alloc(&places, count * (int64_t)sizeof *places), most = 0;

    if (status < 0)
        return status;
    memset(crowding, 0, (size_t)count * sizeof *crowding);
    for (int i = 0; i < count; i++)
        most = rank[i] > most ? rank[i] : most;
    for (int r = 0; r <= most; r++) {
        for (int aim = 0; aim < aims; aim++) {
            int used = 0;

            for (int i = 0; i < count; i++)
                if (rank[i] == r)
                    places[used++] = (struct place){points[i * aims + aim], i};
            qsort(places, (size_t)used, sizeof *places, by_value);
            if (used > 0)
                crowd_aim(crowding, places, used);
        }
    }
    nyx_free(places);
    return 0;
}

/* ---- volume ---------------------------------------------------------------------------- */

/* The area that `count` points of two aims, sorted by the first, dominate. */
static double area(const struct place *places, int count, const double *points, int aims,
                   int second, const double *reference, double reference_first)
{
    double sum = 0.0, lowest = reference[second];

    for (int i = 0; i < count; i++) {
        const double y = points[places[i].point * aims + second];

        if (y < lowest && places[i].value < reference_first) {
            sum += (reference_first - places[i].value) * (lowest - y);
            lowest = y;
        }
    }
    return sum;
}

/* Slices between the values of the last aim; in each, the area of the points
 * that are at most so large in it. */
static double slices(struct place *places, struct place *inside, int count, const double *points,
                     const double *reference)
{
    double sum = 0.0;

    for (int i = 0; i < count; i++)
        places[i] = (struct place){points[i * 3 + 2], i};
    qsort(places, (size_t)count, sizeof *places, by_value);
    for (int i = 0; i < count; i++) {
        const double low = places[i].value,
                     next = i + 1 < count ? places[i + 1].value : reference[2];
        const double high = next < reference[2] ? next : reference[2];

        if (high <= low)
            continue;
        for (int j = 0; j <= i; j++)
            inside[j] = (struct place){points[places[j].point * 3], places[j].point};
        qsort(inside, (size_t)i + 1, sizeof *inside, by_value);
        sum += (high - low) * area(inside, i + 1, points, 3, 1, reference, reference[0]);
    }
    return sum;
}

int nyx_pareto_volume(double *out, const double *points, int count, int aims,
                      const double *reference)
{
    struct place *places;
    int           status = nyx_alloc(&places, 2 * count * (int64_t)sizeof *places);

    *out = 0.0;
    NYX_BUG_IF(aims != 2 && aims != 3);
    if (status < 0)
        return status;
    if (aims == 3) {
        *out = slices(places, places + count, count, points, reference);
    } else {
        for (int i = 0; i < count; i++)
            places[i] = (struct place){points[i * 2], i};
        qsort(places, (size_t)count, sizeof *places, by_value);
        *out = area(places, count, points, 2, 1, reference, reference[0]);
    }
    nyx_free(places);
    return 0;
}
