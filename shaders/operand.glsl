/* operand.glsl -- elements of matrices that are f32, or two of 16 bits a word.
 *
 * TYPE (a specialisation constant, declared before): 0 f32, 1 f16, 2 bf16. What
 * is unpacked is exact; infinities and NaN stay what they are.
 */
float of_half(uint h)
{
    uint  body = (h & 0x7fffu) << 13, sign = (h & 0x8000u) << 16;
    float tiny = uintBitsToFloat(0x38800000u | body) - uintBitsToFloat(0x38800000u); /* 2^-14 and more, less 2^-14 */
    uint  real = body + (body >= 0x0f800000u ? 0x70000000u : 0x38000000u);

    real = body < 0x00800000u ? floatBitsToUint(tiny) : real;
    return uintBitsToFloat(real | sign);
}

float unpacked(uint half16)
{
    return TYPE == 1u ? of_half(half16) : uintBitsToFloat(half16 << 16);
}

vec4 unpacked(uvec2 words)
{
    return vec4(unpacked(words.x & 0xffffu), unpacked(words.x >> 16), unpacked(words.y & 0xffffu),
                unpacked(words.y >> 16));
}

/* Readers of one buffer: four elements from a multiple of four on, or one. */
#define READERS(name, words, pairs, fours)                                                       \
    vec4 name##_four(uint at)                                                                    \
    {                                                                                            \
        return TYPE == 0u ? uintBitsToFloat(fours[at >> 2]) : unpacked(pairs[at >> 2]);          \
    }                                                                                            \
    float name##_one(uint at)                                                                    \
    {                                                                                            \
        return TYPE == 0u ? uintBitsToFloat(words[at])                                           \
                          : unpacked((at & 1u) != 0u ? words[at >> 1] >> 16 : words[at >> 1] & 0xffffu); \
    }
