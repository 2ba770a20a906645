/* random -- Philox4x32-10 and a sequential reader of it.
 *
 * Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3",
 * SC 2011, section 3.3; multipliers and Weyl constants from its Table 2 and
 * the Random123 library that it describes.
 */
#include "base/base.h"

#include <string.h>

void nyx_philox(uint32_t out[4], const uint32_t counter[4], uint64_t key)
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);

    for (int round = 0; round < 10; round++) {
        uint64_t a = (uint64_t)c0 * 0xD2511F53u;
        uint64_t b = (uint64_t)c2 * 0xCD9E8D57u;

        c0 = (uint32_t)(b >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)b;
        c2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)a;
        k0 += 0x9E3779B9u; /* golden ratio */
        k1 += 0xBB67AE85u; /* sqrt(3) - 1 */
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

void nyx_random_init(nyx_random *random, uint64_t seed, uint64_t stream)
{
    memset(random, 0, sizeof *random);
    random->seed = seed;
    random->stream = stream;
}

uint32_t nyx_random_u32(nyx_random *random)
{
    if (random->left_count == 0) {
        const uint32_t counter[4] = {
            (uint32_t)random->index, (uint32_t)(random->index >> 32),
            (uint32_t)random->stream, (uint32_t)(random->stream >> 32),
        };

        nyx_philox(random->left, counter, random->seed);
        random->index++;
        random->left_count = 4;
    }
    return random->left[4 - random->left_count--];
}

static uint64_t random_u64(nyx_random *random)
{
    uint64_t low = nyx_random_u32(random);

    return low | (uint64_t)nyx_random_u32(random) << 32;
}

double nyx_random_uniform(nyx_random *random)
{
    return (double)(random_u64(random) >> 11) * 0x1p-53;
}

/* Draws below 2^64 mod end are refused: what is left is a whole multiple of
 * `end`, so every remainder is equally likely. */
uint64_t nyx_random_below(nyx_random *random, uint64_t end)
{
    uint64_t refuse, draw;

    NYX_BUG_IF(end == 0);
    refuse = (0 - end) % end;
    do
        draw = random_u64(random);
    while (draw < refuse);
    return draw % end;
}

uint64_t nyx_stream_of(const char *name)
{
    char hex[NYX_SHA256_HEX];

    nyx_sha256_bytes(hex, name, (int64_t)strlen(name));
    hex[16] = '\0';
    return strtoull(hex, NULL, 16);
}
