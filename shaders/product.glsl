/* product -- two products of tiles (tile.glsl) through 12 KiB of shared memory:
 *
 *     multiply  tile = A B^T    over the head's width
 *     gather    sums += tile B  over the tile's columns
 *
 * Memory is read one step ahead. Rows of shared memory are skewed, so that the
 * invocations of a subgroup meet different banks. */

/* ---- tile[which] = rows of a, from `first_a` on, times rows of b -------------------- */

void look_ahead(const uint a, uint first_a, const uint b, uint first_b, uint quad)
{
    [[unroll]] for (uint n = 0; n < A_EACH; n++)
        ahead[n] = quad_of(a, first_a + (lane + SIZE * n) / STEP, quad + (lane + SIZE * n) % STEP);
    [[unroll]] for (uint n = 0; n < B_EACH; n++) {
        uint r = (lane + SIZE * n) / STEP;

        ahead[A_EACH + n] = quad_of(b, first_b + 4 * (r % 16) + r / 16, quad + (lane + SIZE * n) % STEP);
    }
}

/* Column 4 tx + j goes to row tx + 16 j. */
void share_rows()
{
    barrier();
    [[unroll]] for (uint n = 0; n < A_EACH; n++)
        if (ROWS * STEP % SIZE == 0 || lane + SIZE * n < ROWS * STEP)
            both[(lane + SIZE * n) / STEP * PITCH + (lane + SIZE * n) % STEP] = ahead[n];
    [[unroll]] for (uint n = 0; n < B_EACH; n++)
        if (COLUMNS * STEP % SIZE == 0 || lane + SIZE * n < COLUMNS * STEP)
            both[B_AT + (lane + SIZE * n) / STEP * PITCH + (lane + SIZE * n) % STEP] = ahead[A_EACH + n];
    barrier();
}

void multiply_shared(const uint which)
{
    [[unroll]] for (uint k = 0; k < STEP; k++) {
        mat4 column = mat4(both[B_AT + tx * PITCH + k], both[B_AT + (tx + 16) * PITCH + k],
                           both[B_AT + (tx + 32) * PITCH + k], both[B_AT + (tx + 48) * PITCH + k]);

        column = transpose(column);
        [[unroll]] for (uint i = 0; i < TALL; i++) {
            vec4 q = both[(ty + 8 * i) * PITCH + k], sum = tile[which * TALL + i];

            sum += q.x * column[0];
            sum += q.y * column[1];
            sum += q.z * column[2];
            sum += q.w * column[3];
            tile[which * TALL + i] = sum;
        }
    }
}

void multiply(const uint which, const uint a, uint first_a, const uint b, uint first_b)
{
    [[unroll]] for (uint i = 0; i < TALL; i++)
        tile[which * TALL + i] = vec4(0);
    look_ahead(a, first_a, b, first_b, 0);
    for (uint quad = 0; quad < QUADS; quad += STEP) {
        share_rows();
        if (quad + STEP < QUADS)
            look_ahead(a, first_a, b, first_b, quad + STEP);
        multiply_shared(which);
    }
}

/* ---- sums[which] += tile[which] times rows of b from `first` on, those before `end` ----
 *
 * Where not all rows of a tile meet all of its columns, those that do not have 0 in
 * the tile: right for numbers. So NaN and infinities of b stay out of the product
 * there, and come to the rows that they meet behind it. */

bool careful = false; /* such a tile */

bvec4 is_wild(vec4 v)
{
    return equal(floatBitsToUint(v) & 0x7f800000u, uvec4(0x7f800000u));
}

void look_deeper(const uint which, const uint b, uint first)
{
    [[unroll]] for (uint n = 0; n < G_EACH; n++) {
        ahead[n] = quad_of(b, first + (lane + SIZE * n) / PADDED, (lane + SIZE * n) % PADDED);
        if (careful && any(is_wild(ahead[n]))) {
            ahead[n] = mix(ahead[n], vec4(0), is_wild(ahead[n]));
            wild[which] = 1;
        }
    }
}

/* A weight takes an infinity on; what a key or query has is in the scores, too: NaN. */
void add_wild(const uint which, const uint b, uint first, uint end, uint first_row)
{
    const bool weighed = b == VALUE || b == RESULT, keyed = b == QUERY || b == RESULT; /* rows are keys */

    for (uint at = first; wild[which] != 0 && at < end; at++)
        [[unroll]] for (uint n = 0; n < SPAN; n++) {
            const vec4 v = quad_of(b, at, ox + SIDE * n), some = weighed ? v : vec4(uintBitsToFloat(0x7fc00000u));
            const vec4 more = mix(vec4(0), some, is_wild(v));

            [[unroll]] for (uint i = 0; i < HEIGHT; i++) {
                const uint row = first_row + oy + LINES * i;

                sums[(which * HEIGHT + i) * SPAN + n] += (keyed ? row <= at : at <= row) ? more : vec4(0);
            }
        }
}

/* Columns of the tile from `at` on, when a part begins there, and rows of b. */
void share_columns(const uint which, uint at)
{
    barrier();
    if (at % PART == 0 && tx / (PART / 4) == at / PART) {
        [[unroll]] for (uint i = 0; i < TALL; i++) {
            uint r = ty + 8 * i;

            both[r * 8 + (tx % 8 ^ r % 8)] = tile[which * TALL + i];
        }
    }
    [[unroll]] for (uint n = 0; n < G_EACH; n++)
        if (DEPTH * PADDED % SIZE == 0 || lane + SIZE * n < DEPTH * PADDED)
            both[G_AT + lane + SIZE * n] = ahead[n];
    barrier();
}

void gather_shared(const uint which, uint at)
{
    [[unroll]] for (uint k = 0; k < DEPTH; k += 4) {
        vec4 v[4 * SPAN];

        [[unroll]] for (uint n = 0; n < 4 * SPAN; n++)
            v[n] = both[G_AT + (k + n / SPAN) * PADDED + ox + SIDE * (n % SPAN)];
        [[unroll]] for (uint i = 0; i < HEIGHT; i++) {
            uint r = oy + LINES * i;
            vec4 p = both[r * 8 + ((at + k) % PART / 4 ^ r % 8)];

            [[unroll]] for (uint n = 0; n < SPAN; n++) {
                vec4 sum = sums[(which * HEIGHT + i) * SPAN + n];

                sum += p.x * v[n];
                sum += p.y * v[SPAN + n];
                sum += p.z * v[2 * SPAN + n];
                sum += p.w * v[3 * SPAN + n];
                sums[(which * HEIGHT + i) * SPAN + n] = sum;
            }
        }
    }
}

/* `first_row` is the tile's. */
void gather(const uint which, const uint b, uint first, uint end, uint first_row)
{
    uint count = min(end - first, COLUMNS);

    look_deeper(which, b, first);
    for (uint at = 0; at < count; at += DEPTH) {
        share_columns(which, at);
        if (at + DEPTH < count)
            look_deeper(which, b, first + at + DEPTH);
        gather_shared(which, at);
    }
    if (careful)
        add_wild(which, b, first, first + count, first_row);
}
