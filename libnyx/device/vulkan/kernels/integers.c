/* integers -- rows that are coded in 8 bits, to be multiplied as integers
 * (shaders/packed_activation.comp). */
#include "device/vulkan/kernels/coded.h"

enum { BLOCK = 32 };

void nyx_vulkan__emit_bytes(nyx_vulkan__emit *e, nyx_vulkan__product *p, bool row, int64_t least)
{
    const int64_t           blocks = (p->terms + BLOCK - 1) / BLOCK;
    const int64_t           codes = (p->rows > least ? p->rows : least) * blocks * BLOCK;
    const int64_t           steps = p->rows * blocks * 8, steps_at = (codes + 255) / 256 * 256;
    const nyx_vulkan__range all = nyx_vulkan__workspace(e, steps_at + steps);
    nyx_vulkan__work        work = nyx_vulkan__shader(e, "packed_activation");

    nyx_vulkan__spec(&work, row);
    nyx_vulkan__spec(&work, p->terms % 4 == 0);
    nyx_vulkan__bind(&work, p->x, false);
    p->x = nyx_vulkan__part(all, 0, codes);
    p->steps = nyx_vulkan__part(all, steps_at, steps);
    nyx_vulkan__bind(&work, p->x, true);
    nyx_vulkan__bind(&work, p->steps, true);
    nyx_vulkan__push(&work, (uint32_t)p->rows);
    nyx_vulkan__push(&work, (uint32_t)p->terms);
    nyx_vulkan__push(&work, (uint32_t)blocks);
    if (row)
        nyx_vulkan__groups(&work, p->rows);
    else
        nyx_vulkan__elements(&work, e, p->rows * blocks * BLOCK / 4);
    nyx_vulkan__add(e, &work);
}
