/* list -- growing lists of mazes without equal ones. */
#include "data/maze/internal.h"

#include <string.h>

void nyx_maze_list_release(nyx_maze_list *list)
{
    if (!list)
        return;
    nyx_free(list->items);
    nyx_free(list->slots);
    *list = (nyx_maze_list){ 0 };
}

void nyx_maze__digest(nyx_maze_item *item)
{
    nyx_maze canonical;

    nyx_maze_canonical(&canonical, &item->question);
    nyx_sha256_bytes(item->canonical, canonical.cell, canonical.size * canonical.size);
}

static uint64_t first_slot(const char *digest)
{
    char head[17] = { 0 };

    memcpy(head, digest, 16);
    return strtoull(head, NULL, 16);
}

/* Where an item with this digest is, or belongs. */
static int64_t *slot_of(const nyx_maze_list *list, const char *digest)
{
    for (uint64_t at = first_slot(digest);; at++) {
        int64_t *slot = &list->slots[at & (uint64_t)(list->slot_count - 1)];

        if (!*slot || strcmp(list->items[*slot - 1].canonical, digest) == 0)
            return slot;
    }
}

static int grow(nyx_maze_list *list)
{
    int64_t room = list->room;
    int     status = nyx_array_grow(&list->items, &room, list->count, (int64_t)sizeof *list->items, 64);

    if (status < 0)
        return status;
    nyx_free(list->slots);
    list->room = list->slot_count = 0;
    if ((status = nyx_alloc(&list->slots, 2 * room * (int64_t)sizeof *list->slots)) < 0)
        return status;
    list->room = room;
    list->slot_count = 2 * room;
    for (int64_t i = 0; i < list->count; i++)
        *slot_of(list, list->items[i].canonical) = i + 1;
    return NYX_OK;
}

int nyx_maze__add(nyx_maze_list *list, const nyx_maze_item *item)
{
    int64_t *slot;
    int      status;

    if (list->count == list->room && (status = grow(list)) < 0)
        return nyx_error_wrap(status, "cannot hold %lld mazes", (long long)list->count);
    slot = slot_of(list, item->canonical);
    if (*slot)
        return 0;
    list->items[list->count++] = *item;
    *slot = list->count;
    return 1;
}
