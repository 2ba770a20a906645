/* worse -- the larger of two errors in tests. */
#ifndef WORSE_H
#define WORSE_H

/* NaN where either is, which no bound lets pass; fmax would forget it. */
static inline double worse(double a, double b)
{
    return a != a || a > b ? a : b;
}

#endif
