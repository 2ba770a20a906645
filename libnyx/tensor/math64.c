/* math64 -- float64 functions for set-up work: the same bits everywhere.
 *
 * Pairs (high, low) of doubles carry about 106 bits where cancellation or a
 * large exponent would otherwise show (Dekker 1971, "A floating-point
 * technique for extending the available precision"). Polynomials are the
 * Taylor series, cut where the next term is below 2^-57 of the result.
 */
#include "tensor/math.h"
#include "tensor/tensor.h"

#include <string.h>

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

typedef struct {
    double high, low;
} pair;

static const double LN2_HIGH = 0x1.62e42fee00000p-1; /* 32 bits: n * LN2_HIGH is exact */
static const double LN2_LOW = 0x1.a39ef35793c76p-33;
static const double NOT_A_NUMBER = __builtin_nan("");

static uint64_t bits_of(double x)
{
    uint64_t bits;

    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static double of_bits(uint64_t bits)
{
    double x;

    memcpy(&x, &bits, sizeof x);
    return x;
}

/* 2^n for -1022 <= n <= 1023. */
static double exp2_int(int64_t n)
{
    return of_bits((uint64_t)(n + 1023) << 52);
}

static double polynomial(double x, const double *coefs, int count)
{
    double sum = coefs[count - 1];

    for (int i = count - 2; i >= 0; i--)
        sum = sum * x + coefs[i];
    return sum;
}

/* a + b, exactly. */
static pair add_exact(double a, double b)
{
    double sum = a + b;
    double part = sum - a;

    return (pair){ sum, (a - (sum - part)) + (b - part) };
}

/* a * b, exactly: each factor is split in halves of 26 bits. */
static pair mul_exact(double a, double b)
{
    const double split = 134217729.0; /* 2^27 + 1 */
    double       product = a * b;
    double       at = split * a, bt = split * b;
    double       ah = at - (at - a), bh = bt - (bt - b);
    double       al = a - ah, bl = b - bh;

    return (pair){ product, ((ah * bh - product) + ah * bl + al * bh) + al * bl };
}

static pair add_pairs(pair a, pair b)
{
    pair sum = add_exact(a.high, b.high);

    return add_exact(sum.high, sum.low + (a.low + b.low));
}

static pair mul_pairs(pair a, pair b)
{
    pair product = mul_exact(a.high, b.high);

    return add_exact(product.high, product.low + (a.high * b.low + a.low * b.high));
}

/* e^(high + low): high = n ln 2 + r; e^x = 2^n (1 + r + r^2/2! + ...). */
static double exp_pair(double x, double low)
{
    static const double inverse_factorials[] = {
        1.0 / 2,       1.0 / 6,        1.0 / 24,        1.0 / 120,
        1.0 / 720,     1.0 / 5040,     1.0 / 40320,     1.0 / 362880,
        1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800,
    };
    const double magic = 6755399441055744.0; /* 1.5 * 2^52: adding it rounds to an integer */
    double       k, r, p;
    int64_t      n;

    if (x != x)
        return x;
    x = x < -746.0 ? -746.0 : x; /* rounds to 0 */
    x = x > 710.0 ? 710.0 : x;   /* rounds to infinity */
    k = (x * 0x1.71547652b82fep+0 + magic) - magic;
    n = (int64_t)k;
    r = (x - k * LN2_HIGH) - (k * LN2_LOW - low);
    p = 1.0 + (r + (r * r) * polynomial(r, inverse_factorials, 12));
    return p * exp2_int(n / 2) * exp2_int(n - n / 2);
}

double nyx_exp64(double x)
{
    return exp_pair(x, 0.0);
}

/* x = 2^e m, sqrt(1/2) <= m < sqrt 2, for finite x > 0. */
static double split_exponent(double x, double *m)
{
    int64_t  shift = x < 0x1p-1022 ? 54 : 0;
    uint64_t bits = bits_of(shift ? x * 0x1p54 : x);

    bits += 0x3ff0000000000000u - 0x3fe6a09e667f3bcdu;
    *m = of_bits((bits & 0xfffffffffffffu) + 0x3fe6a09e667f3bcdu);
    return (double)((int64_t)(bits >> 52) - 1023 - shift);
}

/* With s = f / (2 + f), ln(1 + f) = 2 atanh s, arranged so that f itself, which
 * is exact, carries the result. */
double nyx_log64(double x)
{
    static const double odd[] = {
        2.0 / 3,  2.0 / 5,  2.0 / 7,  2.0 / 9,  2.0 / 11, 2.0 / 13,
        2.0 / 15, 2.0 / 17, 2.0 / 19, 2.0 / 21, 2.0 / 23,
    };
    double m, e, f, s, z, h;

    if (x != x || x == __builtin_inf())
        return x;
    if (x <= 0.0)
        return x == 0.0 ? -__builtin_inf() : NOT_A_NUMBER;
    e = split_exponent(x, &m);
    f = m - 1.0;
    s = f / (2.0 + f);
    z = s * s;
    h = 0.5 * f * f;
    return e * LN2_HIGH + (f - (h - (s * (h + z * polynomial(z, odd, 11)) + e * LN2_LOW)));
}

/* What rounding took from 1 + x comes back by the slope of the logarithm. */
double nyx_log1p64(double x)
{
    const double sum = 1.0 + x;

    return sum > 0.0 && sum < __builtin_inf() ? nyx_log64(sum) + (x - (sum - 1.0)) / sum : nyx_log64(sum);
}

/* ln x to about 2^-65 of itself, for finite x > 0. The terms s and s^3/3 of
 * the series need pairs; what follows is below 2^-12 of the sum. */
static pair log_pair(double x)
{
    static const double odd[] = {
        1.0 / 5, 1.0 / 7, 1.0 / 9, 1.0 / 11, 1.0 / 13, 1.0 / 15, 1.0 / 17, 1.0 / 19, 1.0 / 21, 1.0 / 23,
    };
    const pair third = { 1.0 / 3, 0x1.5555555555555p-56 };
    const pair ln2 = { 0x1.62e42fefa39efp-1, 0x1.abc9e3b39803fp-56 };
    double     m;
    double     e = split_exponent(x, &m);
    double     f = m - 1.0;
    pair       below = add_exact(2.0, f);
    pair       s, z, sum, back;

    s.high = f / below.high;
    back = mul_exact(s.high, below.high);
    s.low = (((f - back.high) - back.low) - s.high * below.low) / below.high;
    z = mul_pairs(s, s);
    sum = add_pairs(third, (pair){ z.high * polynomial(z.high, odd, 10), 0.0 });
    sum = add_pairs(s, mul_pairs(s, mul_pairs(z, sum)));
    sum = (pair){ 2.0 * sum.high, 2.0 * sum.low };
    return add_pairs(mul_pairs((pair){ e, 0.0 }, ln2), sum);
}

double nyx_pow64(double x, double y)
{
    pair product;

    if (!(x > 0.0) || x == __builtin_inf() || y != y)
        return y == 0.0 ? 1.0 : NOT_A_NUMBER;
    y = y > 0x1p70 ? 0x1p70 : (y < -0x1p70 ? -0x1p70 : y); /* e^(y ln x) is 0, 1 or infinite beyond it */
    product = mul_pairs(log_pair(x), (pair){ y, 0.0 });
    if (product.high > 710.0 || product.high < -746.0)
        product.low = 0.0; /* may be large, and the result is known */
    return exp_pair(product.high, product.low);
}

/* x = n pi/2 + r, |r| <= pi/4, as a pair; returns n mod 4. pi/2 is taken to 161
 * bits (Cody & Waite), which is enough for |x| < 2^50. */
static int quarter_turns(double x, pair *r)
{
    const double parts[3] = { 0x1.921fb54442d18p+0, 0x1.1a62633145c07p-54, -0x1.f1976b7ed8fbcp-110 };
    const double magic = 6755399441055744.0;
    double       n = (x * 0x1.45f306dc9c883p-1 + magic) - magic;

    *r = (pair){ x, 0.0 };
    for (int i = 0; i < 3; i++) {
        pair part = mul_exact(n, parts[i]);

        *r = add_pairs(*r, (pair){ -part.high, -part.low });
    }
    return (int)((int64_t)n & 3);
}

static double sin_reduced(pair r)
{
    static const double coefs[] = {
        -1.0 / 6,         1.0 / 120,           -1.0 / 5040,           1.0 / 362880, -1.0 / 39916800,
        1.0 / 6227020800, -1.0 / 1307674368000, 1.0 / 355687428096000,
    };
    double z = r.high * r.high;

    return r.high + (r.high * z * polynomial(z, coefs, 8) + r.low * (1.0 - 0.5 * z));
}

static double cos_reduced(pair r)
{
    static const double coefs[] = {
        1.0 / 24,        -1.0 / 720,          1.0 / 40320,          -1.0 / 3628800,
        1.0 / 479001600, -1.0 / 87178291200, 1.0 / 20922789888000, -1.0 / 6402373705728000,
    };
    double z = r.high * r.high;
    double half = 0.5 * z;
    double near = 1.0 - half;

    return near + (((1.0 - near) - half) + (z * z * polynomial(z, coefs, 8) - r.high * r.low));
}

static double sine(double x, int turn)
{
    pair   r;
    double y;

    if (!(x < 0x1p50 && x > -0x1p50))
        return NOT_A_NUMBER;
    turn += quarter_turns(x, &r);
    y = turn & 1 ? cos_reduced(r) : sin_reduced(r);
    return turn & 2 ? -y : y;
}

double nyx_sin64(double x)
{
    return x == 0.0 ? x : sine(x, 0);
}

double nyx_cos64(double x)
{
    return sine(x, 1);
}

/* Wichura 1988, "Algorithm AS 241: the percentage points of the normal
 * distribution", PPND16: the quantile z of p = (1 + x) / 2 is sqrt 2 times the
 * inverse error function. Coefficients from the constant upwards. */
static const double centre_top[] = {
    3.3871328727963666080e+0, 1.3314166789178437745e+2, 1.9715909503065514427e+3, 1.3731693765509461125e+4,
    4.5921953931549871457e+4, 6.7265770927008700853e+4, 3.3430575583588128105e+4, 2.5090809287301226727e+3,
};
static const double centre_below[] = {
    1.0,                      4.2313330701600911252e+1, 6.8718700749205790830e+2, 5.3941960214247511077e+3,
    2.1213794301586595867e+4, 3.9307895800092710610e+4, 2.8729085735721942674e+4, 5.2264952788528545610e+3,
};
static const double middle_top[] = {
    1.42343711074968357734e+0, 4.63033784615654529590e+0, 5.76949722146069140550e+0, 3.64784832476320460504e+0,
    1.27045825245236838258e+0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4,
};
static const double middle_below[] = {
    1.0,                       2.05319162663775882187e+0, 1.67638483018380384940e+0, 6.89767334985100004550e-1,
    1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9,
};
static const double tail_top[] = {
    6.65790464350110377720e+0, 5.46378491116411436990e+0, 1.78482653991729133580e+0, 2.96560571828504891230e-1,
    2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7,
};
static const double tail_below[] = {
    1.0,                       5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
    7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15,
};

double nyx_erfinv64(double x)
{
    const double inverse_sqrt2 = 0x1.6a09e667f3bcdp-1;
    double       size = x < 0.0 ? -x : x;
    double       r, z;

    if (!(size < 1.0))
        return size == 1.0 ? x * __builtin_inf() : NOT_A_NUMBER;
    if (size <= 0.85) {
        r = 0.180625 - 0.25 * size * size;
        z = 0.5 * size * polynomial(r, centre_top, 8) / polynomial(r, centre_below, 8);
    } else {
        r = __builtin_sqrt(-nyx_log64(0.5 * (1.0 - size)));
        if (r <= 5.0)
            z = polynomial(r - 1.6, middle_top, 8) / polynomial(r - 1.6, middle_below, 8);
        else
            z = polynomial(r - 5.0, tail_top, 8) / polynomial(r - 5.0, tail_below, 8);
    }
    z *= inverse_sqrt2;
    return x < 0.0 ? -z : z;
}
