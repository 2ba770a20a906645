/* halves.glsl -- f16 and bf16 as rules on bits: libnyx/tensor/float.h, where a
 * cast in registers may be left out by a driver. Nearest, ties to even; a NaN
 * keeps the top of its payload. Two lie in a word, the first in its lower half.
 */
uint bf16_encode(float x)
{
    uint bits = floatBitsToUint(x), size = bits & 0x7fffffffu;
    uint code = (size + 0x7fffu + (size >> 16 & 1u)) >> 16;

    code = size > 0x7f800000u ? 0x7fc0u | (size & 0x7fffffu) >> 16 : code;
    return bits >> 31 << 15 | code;
}

float bf16_decode(uint code)
{
    return uintBitsToFloat(code << 16);
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

float f16_decode(uint code)
{
    uint          size = code & 0x7fffu, bits = (size << 13) + (112u << 23);
    precise float small = uintBitsToFloat(0x3f000000u + size) - 0.5;

    bits = size < 0x400u ? floatBitsToUint(small) : bits;
    bits = size >= 0x7c00u ? 0x7f800000u | size << 13 | (size > 0x7c00u ? 0x400000u : 0u) : bits;
    return uintBitsToFloat(bits | code >> 15 << 31);
}
