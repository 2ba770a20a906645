/* float.glsl -- the small float formats of libnyx/tensor/float.h, bit for bit. */
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

float e5m2_float(uint code)
{
    return small_float(code, 5u, 2u, 15u, true);
}

float e4m3_float(uint code)
{
    return (code & 0x7fu) == 0x7fu ? uintBitsToFloat(0x7fc00000u | (code & 0x80u) << 24)
                                   : small_float(code, 4u, 3u, 7u, false);
}

float e2m1_float(uint code)
{
    return small_float(code, 2u, 1u, 1u, false);
}
