/* math.glsl -- the functions of libnyx/tensor/math.h, line by line: the bounds
 * stated there hold, and CPU and GPU agree to the bit wherever a driver does
 * + - * as IEEE 754 says and does not fuse what is `precise`. A driver's
 * division and square root may be off by 2.5 ulp (Vulkan, "Precision of SPIR-V
 * operations"): nyx_div and nyx_sqrt are rounded as IEEE 754 wants, for a price.
 */
/* p + e = a b exactly (Dekker 1971), unless p or a part leaves the range of f32. */
float nyx_product(float a, float b, out float e)
{
    precise float p = a * b;
    precise float ah = uintBitsToFloat((floatBitsToUint(a) + 0x800u) & 0xfffff000u);
    precise float bh = uintBitsToFloat((floatBitsToUint(b) + 0x800u) & 0xfffff000u);
    precise float al = a - ah, bl = b - bh;

    precise float error = ((ah * bh - p) + ah * bl + al * bh) + al * bl;
    e = error;
    return p;
}

uint nyx_exponent(float x)
{
    return floatBitsToUint(x) >> 23 & 255u;
}

/* x with the exponent of 1. */
float nyx_fraction(float x)
{
    return uintBitsToFloat((floatBitsToUint(x) & 0x807fffffu) | 0x3f800000u);
}

/* x 2^n, -254 <= n <= 254, in steps that do not leave the range of f32. */
float nyx_scaled(float x, int n)
{
    int           third = n / 3;
    precise float y = x * uintBitsToFloat(uint(third + 127) << 23);

    y = y * uintBitsToFloat(uint(third + 127) << 23);
    y = y * uintBitsToFloat(uint(n - 2 * third + 127) << 23);
    return y;
}

/* a / b: the remainder of the driver's quotient of the fractions says how far
 * it is off. */
float nyx_div(float a, float b)
{
    uint ea = nyx_exponent(a), eb = nyx_exponent(b);

    if (ea == 0u || ea == 255u || eb == 0u || eb == 255u)
        return a / b;
    float         fa = nyx_fraction(a), fb = nyx_fraction(b), e;
    precise float q = fa / fb;
    float         p = nyx_product(q, fb, e);
    precise float rest = (fa - p) - e;
    precise float y = q + rest / fb;
    return nyx_scaled(y, int(ea) - int(eb));
}

/* a / b of 0 <= a <= 1 <= b <= 2, where nothing leaves the range of f32. */
float nyx_div_unit(float a, float b)
{
    precise float inverse = 1.0 / b, q = a * inverse;
    float         e, p = nyx_product(q, b, e);
    precise float rest = (a - p) - e, y = q + rest * inverse;
    return y;
}

/* sqrt x, likewise. */
float nyx_sqrt(float x)
{
    uint ex = nyx_exponent(x);

    if (ex == 0u || ex == 255u || x < 0.0)
        return sqrt(x);
    int           half_n = (int(ex) - 127) >> 1;
    precise float f = nyx_fraction(x) * (((int(ex) - 127) & 1) != 0 ? 2.0 : 1.0);
    precise float r = sqrt(f);
    float         e, p = nyx_product(r, r, e);
    precise float rest = (f - p) - e;
    precise float y = r + rest / (2.0 * r);
    return nyx_scaled(y, half_n);
}

float nyx_rint(float x, out uint integer)
{
    const float   magic = 12582912.0;
    precise float moved = x + magic;

    integer = floatBitsToUint(moved) - floatBitsToUint(magic);
    precise float back = moved - magic;
    return back;
}

float nyx_exp_reduce(float x, out uint n)
{
    precise float scaled = x * 1.44269504;
    precise float k = nyx_rint(scaled, n);
    precise float r = (x - k * 6.93145752e-1) - k * 1.42860677e-6;
    precise float q = 1.98910304e-4;

    q = q * r + 1.39336858e-3;
    q = q * r + 8.33331049e-3;
    q = q * r + 4.16664630e-2;
    q = q * r + 1.66666672e-1;
    q = q * r + 5.0e-1;
    precise float y = r + (r * r) * q;
    return y;
}

float nyx_exp2_int(uint n)
{
    return uintBitsToFloat((n + 127u) << 23);
}

/* 2^power e^x, power 0 ... 24: with 24 a normal number down to x = -103. */
float nyx_exp_raised(float x, uint power)
{
    uint n;

    if (is_nan(x))
        return x;
    x = x < -121.0 ? -121.0 : x;
    x = x > 89.0 ? 89.0 : x;
    precise float p = 1.0 + nyx_exp_reduce(x, n);
    uint          half_n = uint(int(n) >> 1);
    precise float y = p * nyx_exp2_int(half_n) * nyx_exp2_int(n - half_n + power);
    return y;
}

/* 0.96 ulp. */
float nyx_exp(float x)
{
    return nyx_exp_raised(x, 0u);
}

/* 0.84 ulp. */
float nyx_log(float x)
{
    const float infinity = uintBitsToFloat(0x7f800000u);
    const float not_a_number = uintBitsToFloat(0x7fc00000u);
    uint        tiny = x < 1.17549435e-38 ? 1u : 0u;
    precise float scaled = tiny != 0u ? x * 8388608.0 : x;
    uint          bits = floatBitsToUint(scaled) + (0x3f800000u - 0x3f3504f3u);
    float         e = float(int(bits >> 23) - 127 - int(tiny * 23u));
    precise float f = uintBitsToFloat((bits & 0x7fffffu) + 0x3f3504f3u) - 1.0;
    precise float s = f / (2.0 + f);
    precise float z = s * s;
    precise float h = 0.5 * f * f;
    precise float r = 2.33327628e-1;

    r = r * z + 2.85507351e-1;
    r = r * z + 4.00001228e-1;
    r = (r * z + 6.66666687e-1) * z;
    precise float y = e * 6.93145752e-1 + (f - (h - (s * (h + r) + e * 1.42860677e-6)));
    if (is_nan(x))
        return x;
    y = x < infinity ? y : x;
    return x > 0.0 ? y : (x == 0.0 ? -infinity : not_a_number);
}

/* 2.4 ulp. */
float nyx_sigmoid(float x)
{
    precise float e = nyx_exp(-abs(x));
    precise float below = 1.0 + e;
    return nyx_div_unit(x < 0.0 ? e : 1.0, below);
}

/* e^-|x| = y back: where the sigmoid of x might be denormal, which some devices
 * take for zero, y is 2^24 times as large. A factor multiplied with `back` first
 * gives a product that loses less than 2^-126. */
float nyx_tail(float x, out float back)
{
    const bool far = x < -64.0;

    back = far ? 5.96046448e-8 : 1.0;
    return nyx_exp_raised(-abs(x), far ? 24u : 0u);
}

/* The sigmoid likewise; what is left to 1, not raised, with all its bits where it is little. */
float nyx_sigmoid_raised(float x, out float back, out float rest)
{
    precise float e = nyx_tail(x, back), below = 1.0 + e * back, s = nyx_div_unit(x < 0.0 ? e : 1.0, below);
    precise float left = x < 0.0 ? 1.0 - s * back : e * s;
    rest = left;
    return s;
}

float nyx_atan_unit(float t)
{
    bool          far = t > 0.414213562;
    precise float u = far ? (t - 1.0) / (t + 1.0) : t;
    precise float z = u * u;
    precise float p = -6.44774139e-2;

    p = p * z + 1.07424669e-1;
    p = p * z - 1.42638385e-1;
    p = p * z + 1.99995369e-1;
    p = (p * z - 3.33333313e-1) * z;
    u = u + u * p;
    precise float y = far ? 7.85398185e-1 + (u - 2.18556941e-8) : u;
    return y;
}

/* 2.5 ulp. */
float nyx_atan2(float y, float x)
{
    float         ax = abs(x), ay = abs(y);
    float         least = ay < ax ? ay : ax;
    float         most = ay < ax ? ax : ay;
    precise float t = least / most;
    precise float a;

    t = most == 0.0 ? 0.0 : t;
    t = least > 3.40282347e38 ? 1.0 : t;
    a = nyx_atan_unit(t);
    a = ay > ax ? 1.57079637 - (a + 4.37113883e-8) : a;
    a = (floatBitsToUint(x) >> 31) != 0u ? 3.14159274 - (a + 8.74227766e-8) : a;
    if (is_nan(x))
        return x;
    if (is_nan(y))
        return y;
    return uintBitsToFloat((floatBitsToUint(a) & 0x7fffffffu) | (floatBitsToUint(y) & 0x80000000u));
}
