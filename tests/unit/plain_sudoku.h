/* Sudokus by the plainest means: what the tests of data/ compare with. */
#ifndef NYX_TEST_SUDOKU_H
#define NYX_TEST_SUDOKU_H

#include "data/data.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static inline int box_rows_of(int size) { return size == 9 ? 3 : 2; }
static inline int box_columns_of(int size) { return size == 4 ? 2 : 3; }

static inline bool fits(const nyx_sudoku *grid, int cell, int digit)
{
    int size = grid->size, h = box_rows_of(size), w = box_columns_of(size);
    int row = cell / size, column = cell % size;

    for (int i = 0; i < size; i++) {
        int in_row = row * size + i, in_column = i * size + column;
        int in_box = (row / h * h + i / w) * size + column / w * w + i % w;
        if ((in_row != cell && grid->cell[in_row] == digit) ||
            (in_column != cell && grid->cell[in_column] == digit) ||
            (in_box != cell && grid->cell[in_box] == digit))
            return false;
    }
    return true;
}

/* Count solutions up to two by trying every digit, cell by cell. */
static inline void count_solutions(nyx_sudoku *grid, int cell, int *found)
{
    int cells = grid->size * grid->size;

    while (cell < cells && grid->cell[cell])
        cell++;
    if (cell == cells) {
        ++*found;
        return;
    }
    for (int digit = 1; digit <= grid->size && *found < 2; digit++)
        if (fits(grid, cell, digit)) {
            grid->cell[cell] = (uint8_t)digit;
            count_solutions(grid, cell + 1, found);
            grid->cell[cell] = 0;
        }
}

static inline int plain_solutions(const nyx_sudoku *puzzle)
{
    nyx_sudoku grid = *puzzle;
    int        found = 0;

    for (int i = 0; i < puzzle->size * puzzle->size; i++)
        if (puzzle->cell[i] && !fits(puzzle, i, puzzle->cell[i]))
            return 0;
    count_solutions(&grid, 0, &found);
    return found;
}

static inline int plain_naked_singles(nyx_sudoku *grid)
{
    int filled = 0, before;
    do {
        before = filled;
        for (int i = 0; i < grid->size * grid->size; i++) {
            int count = 0, last = 0;
            for (int digit = 1; digit <= grid->size; digit++)
                if (fits(grid, i, digit))
                    count++, last = digit;
            if (!grid->cell[i] && count == 1) {
                grid->cell[i] = (uint8_t)last;
                filled++;
            }
        }
    } while (filled > before);
    return filled;
}

static inline nyx_sudoku grid_of(const char *text)
{
    nyx_sudoku grid;
    assert_int_equal(nyx_sudoku_parse(&grid, text, (int64_t)strlen(text)), 0);
    return grid;
}

static inline nyx_sudoku_list generated(int size, int64_t count, int least, int most, nyx_pool *pool)
{
    nyx_sudoku_list    list;
    nyx_sudoku_options options = { .size = size, .count = count, .seed = 5, .clues_least = least,
                                   .clues_most = most, .guesses_most = -1 };
    assert_int_equal(nyx_sudoku_generate(&list, &options, pool, NULL, NULL), 0);
    return list;
}

static inline int compare_grids(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(nyx_sudoku));
}

static inline int64_t count_distinct(nyx_sudoku *grids, int64_t count)
{
    int64_t distinct = count > 0;
    qsort(grids, (size_t)count, sizeof *grids, compare_grids);
    for (int64_t i = 1; i < count; i++)
        distinct += memcmp(&grids[i], &grids[i - 1], sizeof *grids) != 0;
    return distinct;
}

#endif
