/* list -- growing lists and sets of puzzles, and work on all of them. */
#include "data/internal.h"

#include <stdatomic.h>
#include <string.h>

void nyx_sudoku_list_release(nyx_sudoku_list *list)
{
    if (!list)
        return;
    nyx_free(list->items);
    *list = (nyx_sudoku_list){ 0 };
}

nyx_sudoku_item *nyx_data__append(nyx_sudoku_list *list)
{
    if (nyx_array_grow(&list->items, &list->room, list->count, (int64_t)sizeof *list->items, 256) < 0)
        return NULL;
    return &list->items[list->count++];
}

/* ---- set ------------------------------------------------------------------------ */

/* FNV-1a (Fowler, Noll, Vo; 64 bits): the order inside the table never shows. */
static uint64_t hash_grid(const nyx_sudoku *grid)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (int i = 0; i < grid->size * grid->size; i++)
        hash = (hash ^ grid->cell[i]) * 0x100000001b3u;
    return hash ^ hash >> 32;
}

/* The slot of `grid`, or the free one where it belongs. */
static nyx_sudoku *slot_of(nyx_sudoku *grids, int64_t slots, const nyx_sudoku *grid)
{
    uint64_t at = hash_grid(grid);
    for (;; at++) {
        nyx_sudoku *slot = &grids[at & (uint64_t)(slots - 1)];
        if (!slot->size || memcmp(slot, grid, sizeof *grid) == 0)
            return slot;
    }
}

static int set_grow(struct nyx_data__set *set)
{
    int64_t     slots = set->slots ? 2 * set->slots : 1024, bytes;
    nyx_sudoku *grids;
    int         status;

    if (!nyx_size_mul(&bytes, slots, (int64_t)sizeof *grids))
        return nyx_error_set(NYX_ERR_MEMORY, "cannot hold %lld puzzles", (long long)slots);
    if ((status = nyx_alloc(&grids, bytes)) < 0)
        return status;
    for (int64_t i = 0; i < set->slots; i++)
        if (set->grids[i].size)
            *slot_of(grids, slots, &set->grids[i]) = set->grids[i];
    nyx_free(set->grids);
    set->grids = grids;
    set->slots = slots;
    return NYX_OK;
}

int nyx_data__set_add(struct nyx_data__set *set, const nyx_sudoku *grid)
{
    nyx_sudoku *slot;
    int         status;

    if (2 * set->count >= set->slots && (status = set_grow(set)) < 0)
        return status;
    slot = slot_of(set->grids, set->slots, grid);
    if (slot->size)
        return 0;
    *slot = *grid;
    set->count++;
    return 1;
}

void nyx_data__set_release(struct nyx_data__set *set)
{
    nyx_free(set->grids);
    *set = (struct nyx_data__set){ 0 };
}

/* ---- each ------------------------------------------------------------------------- */

struct each {
    void (*fn)(void *context, int64_t index);
    void             *context;
    int64_t           count;
    _Atomic(int64_t)  next;
};

static void each_part(void *context, int part, int parts)
{
    struct each *each = context;
    (void)part, (void)parts;
    for (int64_t i; (i = atomic_fetch_add(&each->next, 1)) < each->count;)
        each->fn(each->context, i);
}

void nyx_data__each(nyx_pool *pool, int64_t count, void (*fn)(void *context, int64_t index), void *context)
{
    struct each each = { .fn = fn, .context = context, .count = count };

    if (pool)
        nyx_pool_run(pool, each_part, &each);
    else
        each_part(&each, 0, 1);
}
