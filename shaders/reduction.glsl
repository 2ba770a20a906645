/* reduction.glsl -- joining numbers, kept as their bits: sum, mean (which sums),
 * largest, smallest, sum of squares. A NaN is never larger or smaller; only as the
 * first of all it stays the answer, as on the CPU.
 */
layout(constant_id = 2) const uint HOW = 0;
layout(constant_id = 3) const uint INTEGER = 0;
layout(constant_id = 4) const uint LAST = 1; /* what is written is the result */

const uint SUM = 0, MEAN = 1, LARGEST = 2, SMALLEST = 3, SUM_SQUARES = 4; /* enum nyx_reduction */

uint neutral()
{
    if (HOW == LARGEST)
        return INTEGER != 0u ? 0x80000000u : 0xff800000u;
    if (HOW == SMALLEST)
        return INTEGER != 0u ? 0x7fffffffu : 0x7f800000u;
    return 0u;
}

uint joined(uint all, uint one)
{
    if (INTEGER != 0u) {
        if (HOW == LARGEST)
            return int(one) > int(all) ? one : all;
        if (HOW == SMALLEST)
            return int(one) < int(all) ? one : all;
        return all + one;
    }
    precise float p = uintBitsToFloat(all), q = uintBitsToFloat(one), sum = p + q;
    if (HOW == LARGEST)
        return q > p ? one : all;
    if (HOW == SMALLEST)
        return q < p ? one : all;
    return floatBitsToUint(sum);
}

uvec4 joined(uvec4 all, uvec4 one)
{
    return uvec4(joined(all.x, one.x), joined(all.y, one.y), joined(all.z, one.z), joined(all.w, one.w));
}

/* What an element is when it is joined. */
uint term(uint x)
{
    if (HOW != SUM_SQUARES)
        return x;
    precise float square = uintBitsToFloat(x) * uintBitsToFloat(x);
    return INTEGER != 0u ? x * x : floatBitsToUint(square);
}

uvec4 term(uvec4 x)
{
    return uvec4(term(x.x), term(x.y), term(x.z), term(x.w));
}

/* The result for what `count` elements were joined to, the first of them given. */
uint result(uint all, uint first, uint count)
{
    if (INTEGER == 0u && (HOW == LARGEST || HOW == SMALLEST) && is_nan(uintBitsToFloat(first)))
        return first;
    if (HOW != MEAN || LAST == 0u)
        return all;
    const float mean = nyx_div(uintBitsToFloat(all), float(count));
    return INTEGER != 0u ? uint(int(all) / int(count)) : floatBitsToUint(mean);
}

uvec4 result(uvec4 all, uvec4 first, uint count)
{
    return uvec4(result(all.x, first.x, count), result(all.y, first.y, count), result(all.z, first.z, count),
                 result(all.w, first.w, count));
}
