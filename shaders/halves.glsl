/* halves.glsl -- operands that are f32 or, where LANES is 4, f16 or bf16, two a
 * word: computed with as f32, rounded when they are written.
 *
 *     INPUT(0, x)    x(i): elements LANES i .. as REALS, x_words(i): their bits
 *     OUTPUT(2, y)   y(i, v), y_words(i, bits)
 *     SINGLE(3, z)   z(i): element i, z_word(i): its bits; the only one without LANES
 *
 * HALVES (a specialisation constant, declared before): bit 0: 16 bits are bf16;
 * bit 1 + n: binding n has 16 bits.
 */
#include "float.glsl"

uint widened(uint code)
{
    return (HALVES & 1u) != 0u ? code << 16 : floatBitsToUint(f16_float(code));
}

#define SINGLE(at, name)                                                                        \
    layout(set = 0, binding = at) readonly buffer Single_##name { uint name##_single[]; };      \
                                                                                                \
    uint name##_word(uint i)                                                                    \
    {                                                                                           \
        const bool half_size = (HALVES & 2u << at) != 0u;                                       \
                                                                                                \
        return half_size ? widened(name##_single[i / 2u] >> 16u * (i % 2u) & 0xffffu) : name##_single[i]; \
    }                                                                                           \
                                                                                                \
    float name(uint i)                                                                          \
    {                                                                                           \
        return uintBitsToFloat(name##_word(i));                                                 \
    }

uint halved(uint low, uint high)
{
    const float a = uintBitsToFloat(low), b = uintBitsToFloat(high);

    return (HALVES & 1u) != 0u ? bf16_encode(a) | bf16_encode(b) << 16 : f16_encode(a) | f16_encode(b) << 16;
}

#ifdef LANES
#if LANES == 4
uvec4 widened(uvec2 two)
{
    return uvec4(widened(two.x & 0xffffu), widened(two.x >> 16), widened(two.y & 0xffffu), widened(two.y >> 16));
}

#define INPUT(at, name)                                                                         \
    layout(set = 0, binding = at) readonly buffer Whole_##name { uvec4 name##_whole[]; };       \
    layout(set = 0, binding = at) readonly buffer Half_##name { uvec2 name##_half[]; };         \
                                                                                                \
    uvec4 name##_words(uint i)                                                                  \
    {                                                                                           \
        return (HALVES & 2u << at) != 0u ? widened(name##_half[i]) : name##_whole[i];           \
    }                                                                                           \
                                                                                                \
    vec4 name(uint i)                                                                           \
    {                                                                                           \
        return uintBitsToFloat(name##_words(i));                                                \
    }

#define OUTPUT(at, name)                                                                        \
    layout(set = 0, binding = at) writeonly buffer Whole_##name { uvec4 name##_whole[]; };      \
    layout(set = 0, binding = at) writeonly buffer Half_##name { uvec2 name##_half[]; };        \
                                                                                                \
    void name##_words(uint i, uvec4 v)                                                          \
    {                                                                                           \
        if ((HALVES & 2u << at) != 0u)                                                          \
            name##_half[i] = uvec2(halved(v.x, v.y), halved(v.z, v.w));                         \
        else                                                                                    \
            name##_whole[i] = v;                                                                \
    }                                                                                           \
                                                                                                \
    void name(uint i, vec4 v)                                                                   \
    {                                                                                           \
        name##_words(i, floatBitsToUint(v));                                                    \
    }
#else
#define INPUT(at, name)                                                                         \
    layout(set = 0, binding = at) readonly buffer Whole_##name { uint name##_whole[]; };        \
                                                                                                \
    uint name##_words(uint i)                                                                   \
    {                                                                                           \
        return name##_whole[i];                                                                 \
    }                                                                                           \
                                                                                                \
    float name(uint i)                                                                          \
    {                                                                                           \
        return uintBitsToFloat(name##_whole[i]);                                                \
    }

#define OUTPUT(at, name)                                                                        \
    layout(set = 0, binding = at) writeonly buffer Whole_##name { uint name##_whole[]; };       \
                                                                                                \
    void name##_words(uint i, uint v)                                                           \
    {                                                                                           \
        name##_whole[i] = v;                                                                    \
    }                                                                                           \
                                                                                                \
    void name(uint i, float v)                                                                  \
    {                                                                                           \
        name##_whole[i] = floatBitsToUint(v);                                                   \
    }
#endif
#endif
