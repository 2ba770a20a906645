/* Mazes by the plainest means: what the tests of data/maze/ compare with. */
#ifndef NYX_TEST_MAZE_H
#define NYX_TEST_MAZE_H

#include "data/maze/maze.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* Steps from one character of a maze's text to every cell, by sweeping over
 * all cells until nothing changes; 9999: no way. */
static inline void plain_steps(int *steps, const char *text, int size, char from)
{
    bool changed = true;

    for (int i = 0; i < size * size; i++)
        steps[i] = text[i] == from ? 0 : 9999;
    while (changed) {
        changed = false;
        for (int y = 0; y < size; y++)
            for (int x = 0; x < size; x++)
                for (int d = 0; d < 4; d++) {
                    const int to_x = x + (d == 0) - (d == 1), to_y = y + (d == 2) - (d == 3);

                    if (to_x < 0 || to_y < 0 || to_x >= size || to_y >= size || text[y * size + x] == '#' ||
                        text[to_y * size + to_x] == '#' || steps[to_y * size + to_x] <= steps[y * size + x] + 1)
                        continue;
                    steps[to_y * size + to_x] = steps[y * size + x] + 1;
                    changed = true;
                }
    }
}

/* How many walks of `left` steps lead from (x, y) to the goal. */
static inline double plain_walks(const char *text, int size, const int *to_goal, int x, int y, int left)
{
    if (x < 0 || y < 0 || x >= size || y >= size || to_goal[y * size + x] != left)
        return 0;
    if (left == 0)
        return 1;
    return plain_walks(text, size, to_goal, x + 1, y, left - 1) + plain_walks(text, size, to_goal, x - 1, y, left - 1) +
           plain_walks(text, size, to_goal, x, y + 1, left - 1) + plain_walks(text, size, to_goal, x, y - 1, left - 1);
}

/* Steps of the shortest path (-1: none) and number of such paths. */
static inline int plain_shortest(double *count, const char *text, int size)
{
    static int to_goal[NYX_MAZE_CELLS];
    const int  start = (int)(strchr(text, 'S') - text);

    plain_steps(to_goal, text, size, 'G');
    if (to_goal[start] == 9999)
        return -1;
    if (count)
        *count = plain_walks(text, size, to_goal, start % size, start / size, to_goal[start]);
    return to_goal[start];
}

/* The marked cells of `answer` are one walk of `steps` steps: a walk through
 * marked cells alone, and no marked cell is left over. */
static inline void plain_check_path(const char *answer, const char *question, int size, int steps)
{
    char       only[NYX_MAZE_CELLS + 1] = { 0 };
    int        marked = 0;

    for (int i = 0; i < size * size; i++) {
        marked += answer[i] == 'o';
        assert_true(answer[i] == question[i] || (answer[i] == 'o' && question[i] == ' '));
        only[i] = answer[i] == ' ' ? '#' : answer[i] == 'o' ? ' ' : answer[i];
    }
    assert_int_equal(marked, steps - 1);
    assert_int_equal(plain_shortest(NULL, only, size), steps);
}

/* Image k of 8, told by where the corners go. */
static inline void plain_image(char *out, const char *in, int size, int k)
{
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) {
            const int m = size - 1, u = k & 1 ? m - x : x, v = k & 2 ? m - y : y;
            out[y * size + x] = k & 4 ? in[u * size + v] : in[v * size + u];
        }
    out[size * size] = '\0';
}

static inline bool plain_equal(const char *a, const char *b, int size) /* up to symmetry */
{
    char image[NYX_MAZE_CELLS + 1];

    for (int k = 0; k < 8; k++) {
        plain_image(image, a, size, k);
        if (strcmp(image, b) == 0)
            return true;
    }
    return false;
}

#endif
