/* cached -- attention over a cache of keys and values, and writing to it
 * (shaders/attention_cached.comp, attention_join.comp, cache_write.comp). */
#include "device/vulkan/kernels/kernels.h"

#include "tensor/math.h"

enum { LANES = 128, ENOUGH = 512 }; /* ENOUGH workgroups keep a large GPU busy */

typedef struct {
    int64_t batches, positions, heads, kv_heads, width, capacity, cache_rows;
} cached;

static cached cached_of(const nyx_vulkan__emit *e)
{
    const nyx_shape *x = nyx_vulkan__shape_in(e, 0), *keys = nyx_vulkan__shape_in(e, 1);
    const int64_t    heads = e->node->ints[0], kv_heads = e->node->ints[1];

    return (cached){ x->dims[0], x->dims[1], heads, kv_heads, keys->dims[3], keys->dims[2], keys->dims[0] };
}

static void emit_join(nyx_vulkan__emit *e, nyx_vulkan__range parts, int64_t chunks, int64_t width)
{
    nyx_vulkan__work work = nyx_vulkan__shader(e, "attention_join");
    const int64_t    elems = nyx_vulkan__elems_out(e, 0);

    nyx_vulkan__bind(&work, parts, false);
    nyx_vulkan__write_out(&work, e, 0);
    nyx_vulkan__push(&work, (uint32_t)elems);
    nyx_vulkan__push(&work, (uint32_t)chunks);
    nyx_vulkan__push(&work, (uint32_t)width);
    nyx_vulkan__elements(&work, e, elems);
    nyx_vulkan__add(e, &work);
}

/* The keys and values of a row and a head are one line of the cache. */
static nyx_vulkan__piece cache_pieces(const nyx_vulkan__emit *e, const cached *c)
{
    const int64_t lines = c->cache_rows * c->kv_heads;

    return nyx_vulkan__pieces_of(lines, nyx_vulkan__rows_at_once(e, lines, c->capacity * c->width * 4));
}

/* Where there are few queries, the places of each are split into chunks. */
static void emit_attention(nyx_vulkan__emit *e)
{
    const cached      c = cached_of(e);
    const int64_t     queries = c.batches * c.positions * c.heads, tiles = (c.capacity + LANES - 1) / LANES;
    const int64_t     wanted = (ENOUGH + queries - 1) / queries;
    const int64_t     chunk = (tiles + wanted - 1) / wanted * LANES, chunks = (c.capacity + chunk - 1) / chunk;
    nyx_vulkan__range to = e->out[0];

    if (chunks > 1)
        to = nyx_vulkan__workspace(e, queries * chunks * (c.width + 2) * 4);
    nyx_vulkan__decides(e, chunk);
    nyx_vulkan__turns(e, chunk / LANES * (2 * c.width + 2 * LANES)); /* scores, maxima, values of a tile */
    for (nyx_vulkan__piece p = cache_pieces(e, &c); nyx_vulkan__next(&p);) {
        nyx_vulkan__work work = nyx_vulkan__shader(e, "attention_cached");

        work.spec[0] = LANES;
        nyx_vulkan__spec(&work, (uint32_t)c.width);
        nyx_vulkan__read_in(&work, e, 0);
        nyx_vulkan__read_piece(&work, e, 1, &p, c.capacity * c.width * 4);
        nyx_vulkan__read_piece(&work, e, 2, &p, c.capacity * c.width * 4);
        nyx_vulkan__read_in(&work, e, 3);
        nyx_vulkan__read_in(&work, e, 4);
        nyx_vulkan__bind(&work, to, true);
        nyx_vulkan__push(&work, (uint32_t)(queries * chunks));
        nyx_vulkan__push(&work, (uint32_t)c.positions);
        nyx_vulkan__push(&work, (uint32_t)c.heads);
        nyx_vulkan__push(&work, (uint32_t)c.kv_heads);
        nyx_vulkan__push(&work, (uint32_t)c.capacity);
        nyx_vulkan__push(&work, (uint32_t)c.cache_rows);
        nyx_vulkan__push(&work, (uint32_t)chunks);
        nyx_vulkan__push(&work, (uint32_t)chunk);
        nyx_vulkan__push(&work, (uint32_t)p.first);
        nyx_vulkan__push(&work, (uint32_t)p.count);
        nyx_vulkan__push_real(&work, 1.0 / (double)nyx_sqrtf((float)c.width));
        nyx_vulkan__groups(&work, queries * chunks);
        nyx_vulkan__add(e, &work);
    }
    if (chunks > 1)
        emit_join(e, to, chunks, c.width);
}

static void emit_write(nyx_vulkan__emit *e)
{
    const cached  c = cached_of(e);
    const int64_t elems = c.batches * c.positions * c.kv_heads * c.width, line = c.capacity * c.width * 4;

    for (nyx_vulkan__piece p = cache_pieces(e, &c); nyx_vulkan__next(&p);) {
        nyx_vulkan__work work = nyx_vulkan__shader(e, "cache_write");

        nyx_vulkan__read_in(&work, e, 0);
        nyx_vulkan__read_in(&work, e, 3);
        nyx_vulkan__read_in(&work, e, 4);
        nyx_vulkan__bind(&work, nyx_vulkan__part_of(e->in[1], &p, line), true);
        nyx_vulkan__bind(&work, nyx_vulkan__part_of(e->in[2], &p, line), true);
        nyx_vulkan__push(&work, (uint32_t)elems);
        nyx_vulkan__push(&work, (uint32_t)c.positions);
        nyx_vulkan__push(&work, (uint32_t)c.heads);
        nyx_vulkan__push(&work, (uint32_t)c.kv_heads);
        nyx_vulkan__push(&work, (uint32_t)c.width);
        nyx_vulkan__push(&work, (uint32_t)c.capacity);
        nyx_vulkan__push(&work, (uint32_t)c.cache_rows);
        nyx_vulkan__push(&work, (uint32_t)p.first);
        nyx_vulkan__push(&work, (uint32_t)p.count);
        nyx_vulkan__elements(&work, e, elems);
        nyx_vulkan__add(e, &work);
    }
}

const nyx_vulkan__kernel nyx_vulkan__cached[] = {
    { NYX_OP_ATTENTION_CACHED, "chunks", emit_attention, NULL },
    { NYX_OP_CACHE_WRITE, "element", emit_write, NULL },
    { NYX_OP_NONE, NULL, NULL, NULL },
};
