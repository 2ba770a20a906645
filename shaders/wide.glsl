/* wide.glsl -- numbers that are the sum of two floats, about 48 bits: what the
 * CPU does in float64. High part first, the low one below half its last bit.
 * After math.glsl.
 */
vec2 two_sum(float a, float b)
{
    precise float sum = a + b, second = sum - a;
    precise float rest = (a - (sum - second)) + (b - second);

    return vec2(sum, rest);
}

/* |a| >= |b|. */
vec2 two_sum_ordered(float a, float b)
{
    precise float sum = a + b, rest = b - (sum - a);

    return vec2(sum, rest);
}

vec2 two_product(float a, float b)
{
    float rest, product = nyx_product(a, b, rest);

    return vec2(product, rest);
}

/* What is infinite has no rest. */
vec2 wide_add(vec2 a, vec2 b)
{
    precise vec2 sum = two_sum(a.x, b.x);

    if (!is_finite(sum.x))
        return vec2(sum.x, 0.0);
    precise float rest = sum.y + (a.y + b.y);
    return two_sum_ordered(sum.x, rest);
}

vec2 wide_product(vec2 a, vec2 b)
{
    precise vec2 product = two_product(a.x, b.x);

    if (!is_finite(product.x))
        return vec2(product.x, 0.0);
    precise float rest = product.y + (a.x * b.y + a.y * b.x);
    return two_sum_ordered(product.x, rest);
}

/* 1 / a: one step of Newton's method. */
vec2 wide_inverse(vec2 a)
{
    precise float near = 1.0 / a.x;

    if (!is_finite(a.x) || !is_finite(near))
        return vec2(near, 0.0);
    precise vec2  product = two_product(near, a.x);
    precise float left = ((1.0 - product.x) - product.y) - near * a.y;
    precise float rest = near * left;
    return two_sum_ordered(near, rest);
}

/* e^x of -104 <= x <= 0: nyx_exp with the first terms of its series in full. */
vec2 wide_exp(float x)
{
    uint          n;
    precise float scaled = x * 1.44269504, k = nyx_rint(scaled, n);
    precise float high = x - k * 6.93145752e-1, low = -k * 1.42860677e-6;
    precise vec2  r = two_sum(high, low), square = two_product(r.x, r.x);
    precise float q = 1.98910304e-4;
    uint          half_n = uint(int(n) >> 1);

    q = q * r.x + 1.39336858e-3;
    q = q * r.x + 8.33331049e-3;
    q = q * r.x + 4.16664630e-2;
    q = q * r.x + 1.66666672e-1;
    precise vec2  one = two_sum(1.0, r.x), two = two_sum(one.x, 0.5 * square.x);
    precise float rest = ((one.y + two.y) + (r.y + r.x * r.y)) + (0.5 * square.y + square.x * r.x * q);
    precise vec2  y = two_sum_ordered(two.x, rest) * nyx_exp2_int(half_n) * nyx_exp2_int(n - half_n);
    return y;
}

/* ln(1 + f) of -0.3 <= f <= 0.42, to 2^-36 of itself: with s = f / (2 + f) it is
 * 2 (s + s^3/3 + s^5/5 + ...); what follows s^3 is small. */
vec2 wide_log_near(vec2 f)
{
    precise vec2  s = wide_product(f, wide_inverse(wide_add(vec2(2.0, 0.0), f))), z = wide_product(s, s);
    precise float r = 7.69230798e-2;

    r = r * z.x + 9.09090936e-2;
    r = r * z.x + 1.11111112e-1;
    r = r * z.x + 1.42857149e-1;
    r = (r * z.x + 2.0e-1) * (z.x * z.x);
    precise vec2 series = wide_add(wide_product(z, vec2(3.33333343e-1, -9.93410776e-9)), vec2(r, 0.0));
    precise vec2 y = 2.0 * wide_add(s, wide_product(s, series));
    return y;
}

/* ln(1 + e) of 0 <= e <= 1. */
vec2 wide_log1p(vec2 e)
{
    if (e.x < 0.4)
        return wide_log_near(e);
    precise vec2 f = 0.5 * wide_add(e, vec2(-1.0, 0.0));
    return wide_add(vec2(6.93147182e-1, -1.90465421e-9), wide_log_near(f));
}

/* ln a. */
vec2 wide_log(vec2 a)
{
    if (!(a.x > 1.17549435e-38) || !is_finite(a.x))
        return vec2(nyx_log(a.x), 0.0);
    uint          bits = floatBitsToUint(a.x) + (0x3f800000u - 0x3f3504f3u), n = (bits >> 23) - 127u;
    precise float e = float(int(n)), m = uintBitsToFloat((bits & 0x7fffffu) + 0x3f3504f3u);
    precise float high = e * 6.93145752e-1, low = e * 1.42860677e-6, rest = a.y * nyx_exp2_int(0u - n);

    precise float near = m - 1.0;
    return wide_add(two_sum(high, low), wide_log_near(two_sum(near, rest)));
}
