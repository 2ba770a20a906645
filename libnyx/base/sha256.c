/* sha256 -- FIPS 180-4, sections 4.1.2, 5.1.1 and 6.2.2. */
#include "base/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

const uint32_t nyx_base__sha256_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static inline uint32_t rotate(uint32_t x, int by)
{
    return x >> by | x << (32 - by);
}

static inline uint32_t big_endian(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The schedule is kept as a ring of 16 words; the eight working variables
 * rotate by name, so that one round moves nothing. */
#define ROUND(a, b, c, d, e, f, g, h, i)                                        \
    do {                                                                        \
        uint32_t t = h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) +       \
                     (g ^ (e & (f ^ g))) + nyx_base__sha256_constants[at + (i)] + w[i];                  \
        d += t;                                                                 \
        h = t + (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) +                \
            ((a & b) | (c & (a | b)));                                          \
    } while (0)

static void compress_block(uint32_t state[8], const uint8_t *block)
{
    uint32_t w[16];
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];

    for (int i = 0; i < 16; i++)
        w[i] = big_endian(block + 4 * i);
    for (int at = 0; at < 64; at += 16) {
        for (int i = 0; at > 0 && i < 16; i++) {
            uint32_t x = w[(i + 1) % 16], y = w[(i + 14) % 16];

            w[i] += (rotate(x, 7) ^ rotate(x, 18) ^ x >> 3) + w[(i + 9) % 16] +
                    (rotate(y, 17) ^ rotate(y, 19) ^ y >> 10);
        }
        ROUND(a, b, c, d, e, f, g, h, 0);
        ROUND(h, a, b, c, d, e, f, g, 1);
        ROUND(g, h, a, b, c, d, e, f, 2);
        ROUND(f, g, h, a, b, c, d, e, 3);
        ROUND(e, f, g, h, a, b, c, d, 4);
        ROUND(d, e, f, g, h, a, b, c, 5);
        ROUND(c, d, e, f, g, h, a, b, 6);
        ROUND(b, c, d, e, f, g, h, a, 7);
        ROUND(a, b, c, d, e, f, g, h, 8);
        ROUND(h, a, b, c, d, e, f, g, 9);
        ROUND(g, h, a, b, c, d, e, f, 10);
        ROUND(f, g, h, a, b, c, d, e, 11);
        ROUND(e, f, g, h, a, b, c, d, 12);
        ROUND(d, e, f, g, h, a, b, c, 13);
        ROUND(c, d, e, f, g, h, a, b, 14);
        ROUND(b, c, d, e, f, g, h, a, 15);
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
    state[5] += f;
    state[6] += g;
    state[7] += h;
}

void nyx_base__sha256_plain(uint32_t state[8], const uint8_t *data, int64_t blocks)
{
    for (int64_t i = 0; i < blocks; i++)
        compress_block(state, data + 64 * i);
}

static void compress(uint32_t state[8], const uint8_t *data, int64_t blocks)
{
    if (nyx_base__sha256_is_fast())
        nyx_base__sha256_fast(state, data, blocks);
    else
        nyx_base__sha256_plain(state, data, blocks);
}

void nyx_sha256_init(nyx_sha256 *hash)
{
    static const uint32_t first[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                       0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };

    memset(hash, 0, sizeof *hash);
    memcpy(hash->state, first, sizeof first);
}

void nyx_sha256_update(nyx_sha256 *hash, const void *data, int64_t bytes)
{
    const uint8_t *p = data;
    int64_t        held = (int64_t)(hash->bytes % 64);

    NYX_BUG_IF(bytes < 0);
    if (bytes == 0)
        return;
    hash->bytes += (uint64_t)bytes;
    if (held > 0) {
        int64_t take = bytes < 64 - held ? bytes : 64 - held;

        memcpy(hash->block + held, p, (size_t)take);
        if (held + take < 64)
            return;
        compress(hash->state, hash->block, 1);
        p += take;
        bytes -= take;
    }
    compress(hash->state, p, bytes / 64);
    memcpy(hash->block, p + bytes / 64 * 64, (size_t)(bytes % 64));
}

void nyx_sha256_update_both(nyx_sha256 *a, nyx_sha256 *b, const void *data, int64_t bytes)
{
    const uint8_t *p = data;
    const int64_t  first_a = (int64_t)(-a->bytes % 64), first_b = (int64_t)(-b->bytes % 64); /* to a block's end */
    int64_t        blocks = (bytes - (first_a > first_b ? first_a : first_b)) / 64;

    NYX_BUG_IF(bytes < 0);
    if (blocks <= 0 || !nyx_base__sha256_is_fast()) {
        nyx_sha256_update(a, data, bytes);
        nyx_sha256_update(b, data, bytes);
        return;
    }
    nyx_sha256_update(a, p, first_a);
    nyx_sha256_update(b, p, first_b);
    nyx_base__sha256_fast_both(a->state, p + first_a, b->state, p + first_b, blocks);
    a->bytes += (uint64_t)blocks * 64;
    b->bytes += (uint64_t)blocks * 64;
    nyx_sha256_update(a, p + first_a + blocks * 64, bytes - first_a - blocks * 64);
    nyx_sha256_update(b, p + first_b + blocks * 64, bytes - first_b - blocks * 64);
}

void nyx_sha256_final(nyx_sha256 *hash, char hex[NYX_SHA256_HEX])
{
    uint8_t  tail[128] = { 0x80 };
    uint64_t bits = hash->bytes * 8;
    int64_t  held = (int64_t)(hash->bytes % 64);
    int64_t  pad = (held < 56 ? 56 : 120) - held;

    for (int i = 0; i < 8; i++)
        tail[pad + i] = (uint8_t)(bits >> (56 - 8 * i));
    nyx_sha256_update(hash, tail, pad + 8);
    for (int i = 0; i < 64; i++)
        hex[i] = "0123456789abcdef"[hash->state[i / 8] >> (28 - 4 * (i % 8)) & 15];
    hex[64] = '\0';
}

void nyx_sha256_bytes(char hex[NYX_SHA256_HEX], const void *data, int64_t bytes)
{
    nyx_sha256 hash;

    nyx_sha256_init(&hash);
    nyx_sha256_update(&hash, data, bytes);
    nyx_sha256_final(&hash, hex);
}

int nyx_sha256_file(char hex[NYX_SHA256_HEX], int64_t *bytes, const char *path)
{
    enum { PIECE = 1 << 18 };
    nyx_sha256 hash;
    char      *piece = NULL;
    ssize_t    got = 0;
    int        status = 0, fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return nyx_error_set(NYX_ERR_MISSING, "cannot read '%s': %s", path, strerror(errno));
    if ((status = nyx_alloc(&piece, PIECE)) < 0)
        goto done;
    nyx_sha256_init(&hash);
    do {
        got = read(fd, piece, PIECE);
        if (got > 0)
            nyx_sha256_update(&hash, piece, got);
    } while (got > 0 || (got < 0 && errno == EINTR));
    if (got < 0) {
        status = nyx_error_set(NYX_ERR_INPUT, "cannot read '%s': %s", path, strerror(errno));
        goto done;
    }
    *bytes = (int64_t)hash.bytes;
    nyx_sha256_final(&hash, hex);
done:
    nyx_free(piece);
    close(fd);
    return status;
}
