/* maze -- one maze: text, shortest paths, symmetry. */
#include "data/maze/internal.h"

#include <string.h>

static const char letters[] = "?# SGo"; /* by token */

/* ---- text ------------------------------------------------------------------------ */

int nyx_maze_parse(nyx_maze *out, const char *text, int64_t chars)
{
    int size = NYX_MAZE_LEAST;

    while (size < NYX_MAZE_MOST && (int64_t)size * size < chars)
        size++;
    if ((int64_t)size * size != chars)
        return nyx_error_set(NYX_ERR_INPUT, "a maze of %lld characters is no square of side %d to %d",
                             (long long)chars, NYX_MAZE_LEAST, NYX_MAZE_MOST);
    *out = (nyx_maze){ .size = size };
    for (int64_t i = 0; i < chars; i++) {
        const char *at = text[i] ? strchr(letters + 1, text[i]) : NULL;

        if (!at)
            return nyx_error_set(NYX_ERR_INPUT, "character %lld of a maze is none of '# SGo'", (long long)i + 1);
        out->cell[i] = (uint8_t)(at - letters);
    }
    return NYX_OK;
}

void nyx_maze_print(char out[NYX_MAZE_CELLS + 1], const nyx_maze *maze)
{
    const int cells = maze->size * maze->size;

    for (int i = 0; i < cells; i++)
        out[i] = letters[maze->cell[i]];
    out[cells] = '\0';
}

void nyx_maze_picture(char out[NYX_MAZE_PICTURE], const nyx_maze *question, const nyx_maze *answer)
{
    const nyx_maze *const sides[] = { question, answer };
    char *to = out;

    for (int row = 0; row < question->size; row++) {
        for (int side = 0; side < 2; side++) {
            *to++ = ' ';
            *to++ = ' ';
            for (int column = 0; column < question->size; column++)
                *to++ = letters[sides[side]->cell[row * question->size + column]];
        }
        *to++ = '\n';
    }
    *to = '\0';
}

/* ---- shortest paths ------------------------------------------------------------------ */

/* Cells beside `cell` in the order up, left, right, down. */
static int neighbours(int out[4], int size, int cell)
{
    const int row = cell / size, column = cell % size;
    int       count = 0;

    if (row > 0)
        out[count++] = cell - size;
    if (column > 0)
        out[count++] = cell - 1;
    if (column < size - 1)
        out[count++] = cell + 1;
    if (row < size - 1)
        out[count++] = cell + size;
    return count;
}

void nyx_maze__distances(struct nyx_maze__map *map, const nyx_maze *maze, int from)
{
    const int cells = maze->size * maze->size;
    int16_t   queue[NYX_MAZE_CELLS];
    int       head = 0, tail = 0;

    for (int i = 0; i < cells; i++) {
        map->distance[i] = -1;
        map->paths[i] = 0;
    }
    map->distance[from] = 0;
    map->paths[from] = 1;
    queue[tail++] = (int16_t)from;
    while (head < tail) {
        const int cell = queue[head++];
        int       beside[4];
        const int count = neighbours(beside, maze->size, cell);

        for (int i = 0; i < count; i++) {
            const int next = beside[i];

            if (maze->cell[next] == NYX_MAZE_WALL)
                continue;
            if (map->distance[next] < 0) {
                map->distance[next] = (int16_t)(map->distance[cell] + 1);
                queue[tail++] = (int16_t)next;
            }
            if (map->distance[next] == map->distance[cell] + 1) /* all of `cell`'s own paths are known by now */
                map->paths[next] = (uint8_t)(map->paths[next] + map->paths[cell] > 1 ? 2 : 1);
        }
    }
}

static bool find_one(int *out, const nyx_maze *maze, int token)
{
    int found = 0;

    for (int i = 0; i < maze->size * maze->size; i++)
        if (maze->cell[i] == token) {
            *out = i;
            found++;
        }
    return found == 1;
}

int nyx_maze_solve(nyx_maze *answer, bool *unique, const nyx_maze *question)
{
    struct nyx_maze__map map;
    int                  start, goal, steps;

    if (!find_one(&start, question, NYX_MAZE_START) || !find_one(&goal, question, NYX_MAZE_GOAL))
        return -1;
    nyx_maze__distances(&map, question, goal); /* counted from the goal, so that the walk can begin at the start */
    steps = map.distance[start];
    if (unique)
        *unique = map.paths[start] == 1;
    if (!answer || steps < 0)
        return steps;
    if (answer != question)
        *answer = *question;
    for (int cell = start, left = steps - 1; left > 0; left--) {
        int       beside[4], i = 0;
        const int count = neighbours(beside, question->size, cell);

        while (i < count - 1 && map.distance[beside[i]] != left)
            i++;
        cell = beside[i];
        answer->cell[cell] = NYX_MAZE_PATH;
    }
    return steps;
}

const char *nyx_maze_answer_fault(const nyx_maze *answer, const nyx_maze *question)
{
    nyx_maze  only = *answer; /* everything that is not marked becomes wall */
    const int steps = nyx_maze_solve(NULL, NULL, question);
    int       marked = 0;

    if (answer->size != question->size)
        return "the answer is not of the size of its maze";
    for (int i = 0; i < question->size * question->size; i++) {
        const bool path = answer->cell[i] == NYX_MAZE_PATH;

        marked += path;
        if (path ? question->cell[i] != NYX_MAZE_FREE : answer->cell[i] != question->cell[i])
            return "the answer changes more than free cells of its maze";
        if (answer->cell[i] == NYX_MAZE_FREE)
            only.cell[i] = NYX_MAZE_WALL;
        else if (path)
            only.cell[i] = NYX_MAZE_FREE;
    }
    if (marked + 1 > steps)
        return "the answer's path is not the shortest";
    if (nyx_maze_solve(NULL, NULL, &only) != steps)
        return "the answer's path does not lead from start to goal";
    return NULL;
}

/* ---- symmetry ------------------------------------------------------------------------ */

void nyx_maze_image(nyx_maze *out, const nyx_maze *in, int symmetry)
{
    const int last = in->size - 1;
    nyx_maze  image = { .size = in->size };

    for (int row = 0; row <= last; row++)
        for (int column = 0; column <= last; column++) {
            int r = symmetry & 1 ? last - row : row, c = symmetry & 2 ? last - column : column;

            if (symmetry & 4) {
                const int keep = r;
                r = c;
                c = keep;
            }
            image.cell[row * in->size + column] = in->cell[r * in->size + c];
        }
    *out = image;
}

static void exchange_ends(nyx_maze *maze)
{
    for (int i = 0; i < maze->size * maze->size; i++) {
        if (maze->cell[i] == NYX_MAZE_START)
            maze->cell[i] = NYX_MAZE_GOAL;
        else if (maze->cell[i] == NYX_MAZE_GOAL)
            maze->cell[i] = NYX_MAZE_START;
    }
}

void nyx_maze_canonical(nyx_maze *out, const nyx_maze *in)
{
    const nyx_maze from = *in;

    for (int i = 0; i < 2 * NYX_MAZE_SYMMETRIES; i++) {
        nyx_maze image;

        nyx_maze_image(&image, &from, i / 2);
        if (i % 2)
            exchange_ends(&image);
        if (i == 0 || memcmp(image.cell, out->cell, (size_t)(from.size * from.size)) < 0)
            *out = image;
    }
}
