/* power -- exponentials of attention: scores are kept times log2(e). */
const float LOG2_E = 1.44269504;

/* 2^x to 1.1 ulp, 0 below 2^-126.5, infinite above 2^127.5; NaN for NaN. All
 * four at once: unrolling by the shader compiler forgets what is precise. */
vec4 power_of_two(vec4 x)
{
    const float magic = 12582912.0; /* as in nyx_rint */

    x = mix(x, vec4(-127.0), lessThan(x, vec4(-127.0)));
    x = mix(x, vec4(128.0), greaterThan(x, vec4(128.0)));
    precise vec4 moved = x + magic;
    precise vec4 r = x - (moved - magic);
    uvec4        n = floatBitsToUint(moved) - floatBitsToUint(magic);
    vec4         y = 1.33908633e-3 + r * 1.54531634e-4;
    y = 9.61808302e-3 + r * y;
    y = 5.55035695e-2 + r * y;
    y = 2.40226507e-1 + r * y;
    y = 6.93147182e-1 + r * y;
    y = 1.0 + r * y;
    return y * uintBitsToFloat((n + 127u) << 23);
}
