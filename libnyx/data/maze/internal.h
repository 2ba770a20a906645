/* internal -- what the files of data/maze/ share. */
#ifndef NYX_MAZE_INTERNAL_H
#define NYX_MAZE_INTERNAL_H

#include "data/internal.h"
#include "data/maze/maze.h"

/* Steps from one cell to each (-1: no way), and how many shortest paths there
 * are: 0, 1, or 2 for more. */
struct nyx_maze__map {
    int16_t distance[NYX_MAZE_CELLS];
    uint8_t paths[NYX_MAZE_CELLS];
};
void nyx_maze__distances(struct nyx_maze__map *map, const nyx_maze *maze, int from);

/* item->canonical of item->question. */
void nyx_maze__digest(nyx_maze_item *item);

/* Append a copy unless an item with the same digest is there: 1 added, 0 not,
 * or MEMORY. */
int nyx_maze__add(nyx_maze_list *list, const nyx_maze_item *item) NYX_CHECKED;

#endif
