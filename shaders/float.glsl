/* float.glsl -- the small float formats of libnyx/tensor/float.h, bit for bit:
 * integer arithmetic, for a driver may leave out a cast in registers. */
#ifndef FLOAT_GLSL
#define FLOAT_GLSL

float small_float(uint code, uint exponent_bits, uint mantissa_bits, uint bias, bool has_infinity)
{
    const uint    width = exponent_bits + mantissa_bits, shift = 23u - mantissa_bits;
    const uint    top = ((1u << exponent_bits) - 1u) << mantissa_bits;
    const uint    magic = (151u - bias - mantissa_bits) << 23;
    uint          size = code & ((1u << width) - 1u);
    uint          bits = (size << shift) + ((127u - bias) << 23);
    precise float small = uintBitsToFloat(magic + size) - uintBitsToFloat(magic);

    bits = size < (1u << mantissa_bits) ? floatBitsToUint(small) : bits;
    if (has_infinity)
        bits = size >= top ? 0x7f800000u | (size << shift) | (size > top ? 0x400000u : 0u) : bits;
    return uintBitsToFloat(bits | (code >> width & 1u) << 31);
}

float f16_float(uint code)
{
    return small_float(code, 5u, 10u, 15u, true);
}

float bf16_float(uint code)
{
    return uintBitsToFloat(code << 16);
}

float e5m2_float(uint code)
{
    return small_float(code, 5u, 2u, 15u, true);
}

float e4m3_float(uint code)
{
    return (code & 0x7fu) == 0x7fu ? uintBitsToFloat(0x7fc00000u | (code & 0x80u) << 24)
                                   : small_float(code, 4u, 3u, 7u, false);
}

/* The same where a device keeps denormals, in fewer steps: the code lies at the
 * top of a word, whatever is below it. Its bits, moved to where a float has
 * them, are 2^(127 - bias) times too small; from `limit` on the code is
 * infinity or NaN, whose bits `special` sets. */
float quick_float(uint top, uint shift, uint mask, uint bias, float limit, uint special)
{
    const uint    bits = uint(int(top) >> shift) & mask;
    precise float value = uintBitsToFloat(bits) * uintBitsToFloat((254u - bias) << 23);

    return abs(value) < limit ? value : uintBitsToFloat(bits | special);
}

float quick_f16(uint top)
{
    return quick_float(top, 3u, 0x8fffe000u, 15u, 65536.0, 0x7f800000u);
}

float quick_e5m2(uint top)
{
    return quick_float(top, 3u, 0x8fe00000u, 15u, 65536.0, 0x7f800000u);
}

float quick_e4m3(uint top)
{
    return quick_float(top, 4u, 0x87f00000u, 7u, 480.0, 0x7fc00000u);
}

/* To 16 bits: nearest, ties to even; a NaN keeps the top of its payload. */
uint bf16_encode(float x)
{
    uint bits = floatBitsToUint(x), size = bits & 0x7fffffffu;
    uint code = (size + 0x7fffu + (size >> 16 & 1u)) >> 16;

    code = size > 0x7f800000u ? 0x7fc0u | (size & 0x7fffffu) >> 16 : code;
    return bits >> 31 << 15 | code;
}

/* Below the least normal number one unit of 0.5 is the least subnormal, so the
 * addition rounds. */
uint f16_encode(float x)
{
    const uint    rebias = 112u << 23;
    uint          bits = floatBitsToUint(x), size = bits & 0x7fffffffu;
    uint          code = size - rebias;
    precise float moved = uintBitsToFloat(size) + 0.5;
    uint          small = floatBitsToUint(moved) - floatBitsToUint(0.5);

    code = (code + 0xfffu + (code >> 13 & 1u)) >> 13;
    code = size < rebias + (1u << 23) ? small : min(code, 0x7c00u);
    code = size > 0x7f800000u ? 0x7e00u | (size & 0x7fffffu) >> 13 : code;
    return bits >> 31 << 15 | code;
}
#endif
