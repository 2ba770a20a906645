/* loss.glsl -- what cross_entropy and its gradient share: the sum of a row's
 * unnormalised probabilities, wide. Softmax: e^(x - most), f32, that of the
 * largest exact; stablemax: x + 1 from 0 on, 1 / (1 - x) below (arXiv:2501.04697).
 */
layout(constant_id = 2) const uint STABLEMAX = 0;
layout(set = 0, binding = 0) readonly buffer X { WORDS x[]; };
layout(set = 0, binding = 1) readonly buffer N { uint labels[]; };

const float LOWEST = -3.40282347e38;

float larger(float a, float b)
{
    return b > a ? b : a;
}

ROW_TREE(float, row_most, larger)
ROW_TREE(vec2, row_total, wide_add)

vec2 stable(float v)
{
    return v >= 0.0 ? two_sum(v, 1.0) : wide_inverse(two_sum(1.0, -v));
}

/* The row in one pass: a larger element than any before scales what has been
 * summed. `most` is the row's largest. */
vec2 softmax_total(uint first, uint end, out float most)
{
    precise REALS high = REALS(0.0), low = REALS(0.0);
    float         mine = LOWEST;

    for (uint i = row_lane(); i < end; i += SPAN) {
        const REALS v = real(x[first + i]);
        const float here = LANES_JOINED(larger, v);

        if (here > mine) {
            const float scale = nyx_exp(mine - here);

            high = high * scale;
            low = low * scale;
            mine = here;
        }
        precise REALS e = nyx_exp(v - mine), sum = high + e, second = sum - high;
        low = low + ((high - (sum - second)) + (e - second));
        high = sum;
    }
    most = row_most(mine);
    precise float scale = nyx_exp(mine - most);
    high = high * scale;
    low = low * scale;
    vec2 total = vec2(0.0);
    for (uint c = 0u; c < LANES; c++)
        total = wide_add(total, vec2(LANE(high, c), LANE(low, c)));
    return row_total(total);
}

vec2 stable_total(uint first, uint end)
{
    vec2 total = vec2(0.0);

    for (uint i = row_lane(); i < end; i += SPAN)
        for (uint c = 0u; c < LANES; c++)
            total = wide_add(total, stable(uintBitsToFloat(LANE(x[first + i], c))));
    return row_total(total);
}
