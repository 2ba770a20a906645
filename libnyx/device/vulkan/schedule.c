/* schedule -- the order in which the work of a program is recorded. Pieces that do
 * not touch each other's bytes come together, so that one barrier serves many of
 * them and the GPU works on them at once:
 *
 *     reduce a    partial a | sum a | reduce b  ...     a b c | a b c
 *
 * Within a window of the program a piece has the level behind the highest of the
 * pieces before that it meets; pieces are recorded level by level. Those that keep
 * a GPU busy alone stay in the order of the program, for what they leave in caches. */
#include "device/vulkan/program.h"

enum { WINDOW = 128, BUSY = 8 << 20 /* bytes */ };

typedef struct {
    nyx_vulkan__touch touches[NYX_VULKAN_BINDINGS];
    int               count, level;
} piece;

nyx_vulkan__touch nyx_vulkan__touched(const nyx_program *p, int micro, const nyx_vulkan__work *work, int binding)
{
    const nyx_vulkan__place at = nyx_vulkan__resolve(p, micro, work->bindings[binding]);

    return (nyx_vulkan__touch){ at.block->buffer, at.offset, at.offset + at.bytes, work->written >> binding & 1 };
}

bool nyx_vulkan__meet(const nyx_vulkan__touch *a, const nyx_vulkan__touch *b)
{
    return a->buffer == b->buffer && a->begin < b->end && b->begin < a->end && (a->written || b->written);
}

static bool meet(const piece *a, const piece *b)
{
    for (int i = 0; i < a->count; i++)
        for (int j = 0; j < b->count; j++)
            if (nyx_vulkan__meet(&a->touches[i], &b->touches[j]))
                return true;
    return false;
}

/* Levels of `count` pieces from work `first` on; the number of levels. */
static int level(piece *pieces, const nyx_program *p, int micro, int64_t first, int count)
{
    const nyx_vulkan__program *own = p->own;
    int                        levels = 0, busy = 0;

    for (int i = 0; i < count; i++) {
        const nyx_vulkan__work *work = &own->work[first + i];
        piece                  *now = &pieces[i];

        now->count = work->binding_count;
        now->level = work->cost.bytes > BUSY ? busy : 0;
        for (int b = 0; b < now->count; b++)
            now->touches[b] = nyx_vulkan__touched(p, micro, work, b);
        for (int j = 0; j < i; j++)
            if (pieces[j].level >= now->level && meet(&pieces[j], now))
                now->level = pieces[j].level + 1;
        busy = work->cost.bytes > BUSY ? now->level : busy;
        levels = now->level >= levels ? now->level + 1 : levels;
    }
    return levels;
}

/* Pieces from `first` on that may change places: up to a piece of the processor. */
static int window_of(const nyx_vulkan__program *own, int64_t first)
{
    int count = 0;

    while (count < WINDOW && first + count < own->work_count && own->work[first + count].kind != NYX_VULKAN_HOST)
        count++;
    return count;
}

int nyx_vulkan__schedule(int64_t **order, const nyx_program *p, int micro)
{
    const nyx_vulkan__program *own = p->own;
    int64_t                    placed = 0;
    piece                     *pieces = NULL;
    int                        status = nyx_alloc(order, (own->work_count + 1) * (int64_t)sizeof **order);

    if (status < 0 || (status = nyx_alloc(&pieces, WINDOW * (int64_t)sizeof *pieces)) < 0)
        return status;
    for (int64_t first = 0; first < own->work_count;) {
        const int count = window_of(own, first), levels = level(pieces, p, micro, first, count);

        for (int l = 0; l < levels; l++)
            for (int i = 0; i < count; i++)
                if (pieces[i].level == l)
                    (*order)[placed++] = first + i;
        first += count;
        if (count < WINDOW && first < own->work_count)
            (*order)[placed++] = first++;
    }
    nyx_free(pieces);
    return 0;
}
