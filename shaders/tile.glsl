/* tile -- what attention and its gradient work on: a workgroup of 128.
 *
 * A tile of ROWS rows (positions of one operand) and 64 columns (positions of
 * another) is held in registers: invocation (ty, tx) has rows ty + 8 i and
 * columns 4 tx + j. So are sums, ROWS rows of a head's width, QUADS vec4: rows
 * oy + LINES i, vec4 ox + SIDE n. Both are there twice, where they are used.
 *
 *   x       [batches, positions, row]: heads, then KEY and VALUE heads
 *   second  [batches, positions, heads WIDTH]: RESULT, or its gradient
 *   to      as one of them
 *
 * Each f32 or of 16 bits (halves.glsl).
 */
layout(constant_id = 1) const uint TALL = 8; /* rows of an invocation: 8 or 4 */
layout(constant_id = 2) const uint WIDTH = 64;
layout(constant_id = 3) const bool CAUSAL = false;

#include "halves.glsl"
INPUT(0, x)
INPUT(1, second)
OUTPUT(2, to)
layout(push_constant) uniform Push { uint positions, heads, kv_heads; float scale; };

const uint SIZE = 128u, COLUMNS = 64u, ROWS = 8u * TALL;
const uint QUADS = (WIDTH + 3u) / 4u;
const uint STEP = QUADS < 4u ? QUADS : 4u; /* vec4 of a row that multiply takes at once */
const uint PITCH = STEP | 1u;
const uint SIDE = QUADS > 8u ? 16u : QUADS > 4u ? 8u : 4u;
const uint SPAN = (QUADS + SIDE - 1u) / SIDE, LINES = SIZE / SIDE, HEIGHT = ROWS / LINES;
const uint PADDED = SIDE * SPAN;
/* columns that gather takes at once; columns of the tile that are shared at once */
const uint DEPTH = PADDED > 32u ? 4u : PADDED > 16u ? 8u : PADDED > 8u ? 16u : 32u, PART = 32u;
const uint A_EACH = (ROWS * STEP + SIZE - 1u) / SIZE, B_EACH = (COLUMNS * STEP + SIZE - 1u) / SIZE;
const uint G_EACH = (DEPTH * PADDED + SIZE - 1u) / SIZE;
const uint B_AT = 320u, G_AT = 512u; /* 64 * 5, 64 * PART / 4 */
const uint QUERY = 0u, KEY = 1u, VALUE = 2u, RESULT = 3u;
#include "power.glsl"

shared vec4 both[768];
uint  lane = gl_LocalInvocationID.x, tx = lane % 16, ty = lane / 16, ox = lane % SIDE, oy = lane / SIDE;
uint  start[4]; /* element of position 0 of each operand */
vec4  ahead[A_EACH + B_EACH]; /* G_EACH is not more */
vec4  tile[2 * TALL];         /* four columns of each row */
vec4  sums[2 * HEIGHT * SPAN];
shared uint wild[2]; /* whether rows of product.glsl's `b` had what is no number, by `which` */

uint row_step(const uint operand)
{
    return WIDTH * (operand == RESULT ? heads : heads + 2 * kv_heads);
}

/* Operands of a query head. */
void start_operands(uint batch, uint head)
{
    const uint origin = batch * positions * row_step(KEY);

    start[QUERY] = origin + head * WIDTH;
    start[KEY] = origin + (heads + head / (heads / kv_heads)) * WIDTH;
    start[VALUE] = start[KEY] + kv_heads * WIDTH;
    start[RESULT] = batch * positions * row_step(RESULT) + head * WIDTH;
}

/* Zero beyond the operand: products with it are nothing. */
vec4 quad_of(const uint operand, uint position, uint quad)
{
    bool there = position < positions && quad < QUADS;
    uint at = start[operand] + min(position, positions - 1) * row_step(operand);
#if LANES == 4
    at = at / 4 + min(quad, QUADS - 1);
    vec4 y = operand == RESULT ? second(at) : x(at);
#else
    uvec4 c = 4 * quad + uvec4(0, 1, 2, 3), from = at + min(c, uvec4(WIDTH - 1));
    vec4  y = operand == RESULT ? vec4(second(from.x), second(from.y), second(from.z), second(from.w))
                                : vec4(x(from.x), x(from.y), x(from.z), x(from.w));
    y = mix(vec4(0), y, lessThan(c, uvec4(WIDTH)));
#endif
    return mix(vec4(0), y, bvec4(there));
}

void clear_sums(const uint which)
{
    [[unroll]] for (uint i = 0; i < HEIGHT * SPAN; i++)
        sums[which * HEIGHT * SPAN + i] = vec4(0);
    wild[which] = 0;
}

/* sums[which] to rows of an operand, from `first` on. */
void write_sums(const uint which, const uint operand, uint first)
{
    [[unroll]] for (uint i = 0; i < HEIGHT; i++) {
        uint position = first + oy + LINES * i, at = start[operand] + position * row_step(operand);

        [[unroll]] for (uint n = 0; n < SPAN; n++) {
            uint quad = ox + SIDE * n;
            vec4 y = sums[(which * HEIGHT + i) * SPAN + n];
#if LANES == 4
            if (position < positions && quad < QUADS)
                to(at / 4 + quad, y);
#else
            [[unroll]] for (uint c = 0; c < 4; c++)
                if (position < positions && 4 * quad + c < WIDTH)
                    to(at + 4 * quad + c, y[c]);
#endif
        }
    }
}

/* Which of columns 4 tx .. 4 tx + 3 a row meets: keys of queries. */
bvec4 meeting(uvec4 key, uvec4 query)
{
    bvec4 there = bvec4(uvec4(lessThan(key, uvec4(positions))) & uvec4(lessThan(query, uvec4(positions))));

    return CAUSAL ? bvec4(uvec4(there) & uvec4(lessThanEqual(key, query))) : there;
}
