/* lanes.glsl -- words taken LANES at a time: 4 where rows are multiples of 4,
 * which loads 16 bytes an invocation. After math.glsl. */
#if LANES == 4
#define WORDS uvec4
#define REALS vec4
#define LANE(v, c) (v)[c]
#define LANES_JOINED(f, v) f(f((v).x, (v).y), f((v).z, (v).w))
/* f(element, index) of each; the first has index `at`. */
#define EACH(f, v, at) vec4(f((v).x, at), f((v).y, at + 1u), f((v).z, at + 2u), f((v).w, at + 3u))

vec4 nyx_exp(vec4 x)
{
    return vec4(nyx_exp(x.x), nyx_exp(x.y), nyx_exp(x.z), nyx_exp(x.w));
}

vec4 nyx_tail(vec4 x, out vec4 back)
{
    return vec4(nyx_tail(x.x, back.x), nyx_tail(x.y, back.y), nyx_tail(x.z, back.z), nyx_tail(x.w, back.w));
}

vec4 nyx_inverse_unit(vec4 b)
{
    return vec4(nyx_div_unit(1.0, b.x), nyx_div_unit(1.0, b.y), nyx_div_unit(1.0, b.z), nyx_div_unit(1.0, b.w));
}

vec4 nyx_sigmoid_raised(vec4 x, out vec4 back, out vec4 rest)
{
    return vec4(nyx_sigmoid_raised(x.x, back.x, rest.x), nyx_sigmoid_raised(x.y, back.y, rest.y),
                nyx_sigmoid_raised(x.z, back.z, rest.z), nyx_sigmoid_raised(x.w, back.w, rest.w));
}

vec4 nyx_sigmoid(vec4 x)
{
    return vec4(nyx_sigmoid(x.x), nyx_sigmoid(x.y), nyx_sigmoid(x.z), nyx_sigmoid(x.w));
}

/* x < 0 ? a : b. */
vec4 below_zero(vec4 x, vec4 a, vec4 b)
{
    return mix(b, a, lessThan(x, vec4(0.0)));
}
#else
#define WORDS uint
#define REALS float
#define LANE(v, c) (v)
#define LANES_JOINED(f, v) (v)
#define EACH(f, v, at) f(v, at)

float nyx_inverse_unit(float b)
{
    return nyx_div_unit(1.0, b);
}

float below_zero(float x, float a, float b)
{
    return x < 0.0 ? a : b;
}
#endif

REALS real(WORDS word)
{
    return uintBitsToFloat(word);
}
