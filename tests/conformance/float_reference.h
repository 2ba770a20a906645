/* float_reference -- what the small float formats mean, said a second time.
 *
 * Nothing here shares code or method with libnyx: values come from
 * 2^(e - bias) (1 + m / 2^M) in float64, and a code is chosen by searching
 * the sorted list of values for the nearest one.
 */
#ifndef FLOAT_REFERENCE_H
#define FLOAT_REFERENCE_H

#include "tensor/tensor.h"

#include <math.h>

typedef struct {
    const char    *name;
    enum nyx_dtype dtype;
    int            exponent_bits, mantissa_bits, bias;
    unsigned       finite; /* codes 0 ... finite - 1 are the values from 0 up */
    unsigned       over;   /* code for what rounds beyond the last of them */
    unsigned       infinity, nan; /* 0: the format has no infinity */
} float_reference;

static const float_reference float_references[] = {
    { "f16", NYX_F16, 5, 10, 15, 0x7c00, 0x7c00, 0x7c00, 0x7e00 },
    { "bf16", NYX_BF16, 8, 7, 127, 0x7f80, 0x7f80, 0x7f80, 0x7fc0 },
    { "fp8-e4m3", NYX_FP8_E4M3, 4, 3, 7, 0x7f, 0x7e, 0, 0x7f },
    { "fp8-e5m2", NYX_FP8_E5M2, 5, 2, 15, 0x7c, 0x7b, 0x7c, 0x7e },
};
enum { FLOAT_REFERENCES = sizeof float_references / sizeof float_references[0] };

static const float_reference float_reference_e2m1 = { "e2m1", NYX_DTYPE_COUNT, 2, 1, 1, 8, 7, 0, 0 };

static inline unsigned reference_sign(const float_reference *r)
{
    return 1u << (r->exponent_bits + r->mantissa_bits);
}

/* The value of a code without its sign, finite or not. */
static inline double reference_value(const float_reference *r, unsigned code)
{
    int    e = (int)(code >> r->mantissa_bits);
    double m = ldexp((double)(code & ((1u << r->mantissa_bits) - 1u)), -r->mantissa_bits);

    if (r->infinity && code == r->infinity)
        return INFINITY;
    if (code >= r->finite)
        return NAN;
    return e == 0 ? ldexp(m, 1 - r->bias) : ldexp(1.0 + m, e - r->bias);
}

/* Where values stop rounding to the last finite one: half a step beyond it. */
static inline double reference_limit(const float_reference *r)
{
    double last = reference_value(r, r->finite - 1);

    return last + 0.5 * (last - reference_value(r, r->finite - 2));
}

/* The code of x >= 0 (not NaN), found by halving the list of values; `below`
 * is the greatest code whose value is not above x. */
static inline unsigned reference_code(const float_reference *r, double x)
{
    unsigned below = 0, above = r->finite;
    double   low, high;

    if (x >= reference_limit(r))
        return r->over;
    while (above - below > 1) {
        unsigned middle = below + (above - below) / 2;

        if (reference_value(r, middle) <= x)
            below = middle;
        else
            above = middle;
    }
    if (above == r->finite)
        return below;
    low = x - reference_value(r, below);
    high = reference_value(r, above) - x;
    if (low == high)
        return below & 1 ? above : below;
    return low < high ? below : above;
}

#endif
