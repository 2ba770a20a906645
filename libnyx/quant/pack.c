/* pack -- one code a byte <-> blocks of 32 packed codes.
 *
 * A block of b-bit codes is 4b bytes; byte j holds the elements j + 4b*k at bits
 * b*k. A shift and a mask of a 32-bit word so gives four neighbours at once,
 * ready for a dot product of bytes. int3 is the 2-bit form of the low bits and
 * the 1-bit form of the top bit, in two runs.
 */
#include "quant/internal.h"

#include "tensor/clone.h"

#include <string.h>

/* One block; `bits` is a constant after inlining. Elements a byte: 8 / bits. */
static NYX_BODY void pack_block(uint8_t *restrict dst, const uint8_t *restrict codes, int bits, int from)
{
    const int bytes = 4 * bits, mask = (1 << bits) - 1;

    for (int j = 0; j < bytes; j++) {
        int byte = 0;

        for (int k = 0; k < 8 / bits; k++)
            byte |= (codes[j + bytes * k] >> from & mask) << (bits * k);
        dst[j] = (uint8_t)byte;
    }
}

static NYX_BODY void unpack_block(uint8_t *restrict codes, const uint8_t *restrict src, int bits)
{
    const int bytes = 4 * bits, mask = (1 << bits) - 1;

    for (int k = 0; k < 8 / bits; k++)
        for (int j = 0; j < bytes; j++)
            codes[j + bytes * k] = (uint8_t)(src[j] >> (bits * k) & mask);
}

static NYX_BODY void pack_blocks_body(uint8_t *restrict dst, uint8_t *restrict top, const uint8_t *restrict codes,
                               int bits, int64_t count)
{
    for (int64_t b = 0; b < count; b++, codes += NYX_QUANT__BLOCK) {
        if (bits == 4)
            pack_block(dst + 16 * b, codes, 4, 0);
        else
            pack_block(dst + 8 * b, codes, 2, 0);
        if (bits == 3)
            pack_block(top + 4 * b, codes, 1, 2);
    }
}
NYX_CLONES(pack_blocks,
           (uint8_t *restrict dst, uint8_t *restrict top, const uint8_t *restrict codes, int bits, int64_t count),
           (dst, top, codes, bits, count))

static NYX_BODY void unpack_blocks_body(uint8_t *restrict codes, const uint8_t *restrict src,
                                 const uint8_t *restrict top, int bits, int64_t count)
{
    uint8_t high[NYX_QUANT__BLOCK];

    for (int64_t b = 0; b < count; b++, codes += NYX_QUANT__BLOCK) {
        if (bits == 4)
            unpack_block(codes, src + 16 * b, 4);
        else
            unpack_block(codes, src + 8 * b, 2);
        if (bits == 3) {
            unpack_block(high, top + 4 * b, 1);
            for (int i = 0; i < NYX_QUANT__BLOCK; i++)
                codes[i] = (uint8_t)(codes[i] | high[i] << 2);
        }
    }
}
NYX_CLONES(unpack_blocks,
           (uint8_t *restrict codes, const uint8_t *restrict src, const uint8_t *restrict top, int bits,
            int64_t count),
           (codes, src, top, bits, count))

/* Bytes of a block in the first run: int3's first run is its 2-bit codes. */
static int64_t block_bytes(int bits)
{
    return 4 * (bits == 3 ? 2 : bits);
}

void nyx_quant__pack(uint8_t *row, const uint8_t *codes, int bits, int64_t top, int64_t first, int64_t count)
{
    if (bits == 8)
        memcpy(row + NYX_QUANT__BLOCK * first, codes, (size_t)(NYX_QUANT__BLOCK * count));
    else
        pack_blocks(row + block_bytes(bits) * first, bits == 3 ? row + top + 4 * first : NULL, codes, bits, count);
}

void nyx_quant__unpack(uint8_t *codes, const uint8_t *row, int bits, int64_t top, int64_t first, int64_t count)
{
    if (bits == 8)
        memcpy(codes, row + NYX_QUANT__BLOCK * first, (size_t)(NYX_QUANT__BLOCK * count));
    else
        unpack_blocks(codes, row + block_bytes(bits) * first, bits == 3 ? row + top + 4 * first : NULL, bits, count);
}
