/* bring -- operands of attention by matrix units into lines of shared memory, LINE
 * vectors apart. After units.glsl.
 *
 * Where not all rows of a causal tile meet all lines, those that do not weigh 0:
 * right for numbers. NaN and infinities stay out of the product (TAME), and come in
 * the end to the sums of rows that meet them (add_wild). */

/* Positions from `first` on, of an operand from element `start` on; zeros beyond the last. */
#define BRING(into, lines, buffer, start, line_step, first)                                     \
    for (uint i = gl_LocalInvocationID.x; i < lines * WIDE; i += THREADS) {                     \
        const uint position = first + i / WIDE;                                                 \
        const uint from = (start + min(position, positions - 1) * line_step) / 8 + i % WIDE;    \
                                                                                                \
        into[i / WIDE * LINE + i % WIDE] = position < positions ? buffer[from] : uvec4(0);      \
    }

#ifdef BFLOAT
const uint EXPONENT = 0x7f80;
#else
const uint EXPONENT = 0x7c00;
#endif

shared uint wild; /* something was tamed */

/* All bits of such elements. */
uvec4 wild_of(uvec4 v)
{
    return mix(uvec4(0), uvec4(0xffff), equal(v & EXPONENT, uvec4(EXPONENT))) |
           mix(uvec4(0), uvec4(0xffff0000u), equal(v & EXPONENT << 16, uvec4(EXPONENT << 16)));
}

uvec4 tamed(uvec4 v)
{
    const uvec4 some = wild_of(v);

    if (any(notEqual(some, uvec4(0))))
        wild = 1;
    return v & ~some;
}

/* In place, what this invocation brought. */
#define TAME(lines, count)                                                                      \
    for (uint i = gl_LocalInvocationID.x; i < count * WIDE; i += THREADS)                       \
        lines[i / WIDE * LINE + i % WIDE] = tamed(lines[i / WIDE * LINE + i % WIDE]);

/* A weight takes an infinity on; what a key or query has is in the scores, too: NaN. */
void add_wild(inout vec4 low, inout vec4 high, uvec4 v, const bool weighed)
{
    const uvec4 some = wild_of(v);

    [[unroll]] for (uint c = 0; c < 8; c++) {
        const uint word = v[c / 2] >> 16 * (c % 2), fraction = word & 0x7fff & ~EXPONENT;
        const uint bits = weighed ? (word & 0x8000) << 16 | 0x7f800000 | fraction << 13 : 0x7fc00000;

        if ((some[c / 2] >> 16 * (c % 2) & 1) == 0)
            continue;
        if (c < 4)
            low[c] += uintBitsToFloat(bits);
        else
            high[c - 4] += uintBitsToFloat(bits);
    }
}
