/* operand.glsl -- elements of matrices that are f32, or two of 16 bits a word.
 *
 * TYPE (a specialisation constant, declared before): 0 f32, 1 f16, 2 bf16.
 */
#include "float.glsl"

float unpacked(uint half16)
{
    return TYPE == 1u ? f16_float(half16) : bf16_float(half16);
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
