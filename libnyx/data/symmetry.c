/* symmetry -- the moves that turn one Sudoku into an essentially equal one,
 * and the canonical form that is the same for all of them.
 *
 * Canonical form.  A puzzle has one solution, so its orbit is told by its
 * solution grid and by where the clues lie in it: take the smallest image of
 * the grid (row by row, digits renamed so that row 1 reads 1 2 3 ...) and,
 * since several moves may lead to that image, the smallest image of the clues
 * among those moves. This is exact for every size, not a hash that merges
 * orbits, and cheap: what would be 2 * 6^8 moves for 9x9 shrinks because
 *
 *   row 1 is 1 2 3 | 4 5 6 | 7 8 9 by renaming,
 *   row 2 begins, at best, with 4 5 6 (its three digits stand together in a
 *   box of row 1) or else with 4 5 7 (two of them do), and
 *   rows below are in order of their first digit,
 *
 * so only moves that reach the best beginning of row 2 are built, a few
 * hundred at most for an ordinary grid.
 */
#include "data/internal.h"

#include <string.h>

/* A list of lines (rows or columns): groups in random order, and lines in
 * random order within each. */
static void draw_lines(uint8_t *out, int size, int group, nyx_random *random)
{
    uint8_t groups[NYX_SUDOKU_SIZE], lines[NYX_SUDOKU_SIZE];
    int     count = size / group;

    for (int i = 0; i < count; i++)
        groups[i] = (uint8_t)i;
    nyx_data__shuffle(groups, count, random);
    for (int i = 0; i < count; i++) {
        for (int j = 0; j < group; j++)
            lines[j] = (uint8_t)(groups[i] * group + j);
        nyx_data__shuffle(lines, group, random);
        memcpy(out + i * group, lines, (size_t)group);
    }
}

void nyx_sudoku_symmetry_draw(nyx_sudoku_symmetry *out, int size, nyx_random *random)
{
    const struct nyx_data__geometry *g = nyx_data__geometry(size);

    memset(out, 0, sizeof *out);
    out->transpose = g->box_rows == g->box_columns && nyx_random_below(random, 2);
    draw_lines(out->row, size, g->box_rows, random);
    draw_lines(out->column, size, g->box_columns, random);
    for (int i = 1; i <= size; i++)
        out->digit[i] = (uint8_t)i;
    nyx_data__shuffle(out->digit + 1, size, random);
}

void nyx_sudoku_symmetry_apply(nyx_sudoku *out, const nyx_sudoku_symmetry *symmetry, const nyx_sudoku *in)
{
    nyx_sudoku image = { .size = in->size }; /* out may be in */
    int        size = in->size;

    for (int r = 0; r < size; r++)
        for (int c = 0; c < size; c++) {
            int row = symmetry->row[r], column = symmetry->column[c];
            int from = symmetry->transpose ? column * size + row : row * size + column;
            image.cell[r * size + c] = symmetry->digit[in->cell[from]];
        }
    *out = image;
}

/* ---- canonical form ---------------------------------------------------------- */

struct hunt {
    const struct nyx_data__geometry *g;
    nyx_sudoku grid, puzzle;       /* as they lie now: plain or transposed */
    nyx_sudoku best, best_puzzle;  /* size 0: none yet */
    int        together;           /* best count of row 2's first digits in one box of row 1 */
    int        row_1, row_2;
    uint8_t    column[NYX_SUDOKU_SIZE]; /* where each column of the image comes from */
    uint8_t    label[NYX_SUDOKU_SIZE + 1];
};

static const uint8_t orders[6][3] = { { 0, 1, 2 }, { 1, 0, 2 }, { 0, 2, 1 },
                                      { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } }; /* first two: of two */

static int digit_at(const struct hunt *h, int row, int column)
{
    return h->grid.cell[row * h->g->size + column];
}

/* How many digits of row 2 in stack `first` stand in row 1 in stack `second`. */
static int count_together(const struct hunt *h, int first, int second)
{
    int count = 0, width = h->g->box_columns;
    for (int i = 0; i < width; i++)
        for (int j = 0; j < width; j++)
            count += digit_at(h, h->row_2, first * width + i) == digit_at(h, h->row_1, second * width + j);
    return count;
}

/* The rows of the image: the chosen two, the rest of their band, then bands
 * and rows within by their first label. */
static void order_rows(const struct hunt *h, uint8_t *row)
{
    int height = h->g->box_rows, size = h->g->size, band = h->row_1 / height, count = 0;

    row[count++] = (uint8_t)h->row_1;
    row[count++] = (uint8_t)h->row_2;
    for (int r = band * height; r < (band + 1) * height; r++)
        if (r != h->row_1 && r != h->row_2)
            row[count++] = (uint8_t)r;
    /* Labels of the first column differ, so "smallest label first, then the
     * rest of its band in order" is the whole rule. */
    uint8_t by_label[NYX_SUDOKU_SIZE + 1] = { 0 };
    for (int r = 0; r < size; r++)
        by_label[h->label[digit_at(h, r, h->column[0])]] = (uint8_t)r;
    for (int start = 1; start <= size; start++) {
        int lead = by_label[start] / height;
        bool taken = false;

        for (int i = 0; i < count; i++)
            taken |= row[i] / height == lead;
        for (int label = start; !taken && label <= size; label++)
            if (by_label[label] / height == lead)
                row[count++] = by_label[label];
    }
}

/* Build the image of the move in `h` and keep it when it is the best. */
static void try_image(struct hunt *h)
{
    int        size = h->g->size, order = 0;
    uint8_t    row[NYX_SUDOKU_SIZE];
    nyx_sudoku image = { .size = (uint8_t)size }, puzzle = { .size = (uint8_t)size };

    for (int c = 0; h->best.size && c < size && order == 0; c++)
        order = h->label[digit_at(h, h->row_2, h->column[c])] - h->best.cell[size + c];
    if (order > 0)
        return; /* row 2 is larger already: the usual end */
    order_rows(h, row);
    for (int r = 0; r < size; r++)
        for (int c = 0; c < size; c++) {
            int from = row[r] * size + h->column[c], to = r * size + c;
            image.cell[to] = h->label[h->grid.cell[from]];
            puzzle.cell[to] = h->puzzle.cell[from] ? image.cell[to] : 0;
        }
    order = h->best.size ? memcmp(image.cell, h->best.cell, sizeof image.cell) : -1;
    if (order < 0 || (order == 0 && memcmp(puzzle.cell, h->best_puzzle.cell, sizeof puzzle.cell) < 0)) {
        h->best = image;
        h->best_puzzle = puzzle;
    }
}

/* Set the columns of one stack of the image and name row 1's digits there. */
static void put_stack(struct hunt *h, int at, int stack, const uint8_t *order)
{
    int width = h->g->box_columns;

    NYX_BUG_IF(width > 3);
    for (int i = 0; i < width; i++) {
        h->column[at * width + i] = (uint8_t)(stack * width + order[i]);
        h->label[digit_at(h, h->row_1, h->column[at * width + i])] = (uint8_t)(at * width + i + 1);
    }
}

/* True when positions [from, to) of row 2 read width+1, width+2 ... where the
 * digit stands in the second box of row 1, and go on at 2*width+1 where not. */
static bool begins_best(const struct hunt *h, int from, int to)
{
    int width = h->g->box_columns;
    for (int i = from; i < to; i++) {
        int ideal = i < h->together ? width + 1 + i : 2 * width + 1 + i - h->together;
        if (h->label[digit_at(h, h->row_2, h->column[i])] != ideal)
            return false;
    }
    return true;
}

/* All orders of columns with `first` and `second` as the leading stacks. */
static void try_columns(struct hunt *h, int first, int second)
{
    int width = h->g->box_columns, stacks = h->g->size / width, ways = width == 2 ? 2 : 6;

    for (int a = 0; a < ways; a++)
        for (int b = 0; b < ways; b++) {
            memset(h->label, 0, sizeof h->label);
            put_stack(h, 0, first, orders[a]);
            put_stack(h, 1, second, orders[b]);
            if (!begins_best(h, 0, h->together))
                continue;
            if (stacks == 2)
                try_image(h);
            for (int c = 0; stacks == 3 && c < ways; c++) {
                put_stack(h, 2, 3 - first - second, orders[c]);
                if (begins_best(h, h->together, width))
                    try_image(h);
            }
        }
}

/* Walk row pairs of one band and stack pairs: measure them, or build the best. */
static void walk(struct hunt *h, bool build)
{
    int size = h->g->size, height = h->g->box_rows, stacks = size / h->g->box_columns;

    for (h->row_1 = 0; h->row_1 < size; h->row_1++)
        for (h->row_2 = 0; h->row_2 < size; h->row_2++) {
            if (h->row_1 == h->row_2 || h->row_1 / height != h->row_2 / height)
                continue;
            for (int first = 0; first < stacks; first++)
                for (int second = 0; second < stacks; second++) {
                    if (first == second)
                        continue;
                    int together = count_together(h, first, second);
                    if (!build && together > h->together)
                        h->together = together;
                    if (build && together == h->together)
                        try_columns(h, first, second);
                }
        }
}

static void transpose(nyx_sudoku *grid)
{
    nyx_sudoku in = *grid;
    for (int r = 0; r < in.size; r++)
        for (int c = 0; c < in.size; c++)
            grid->cell[c * in.size + r] = in.cell[r * in.size + c];
}

void nyx_sudoku_canonical(nyx_sudoku *out, const nyx_sudoku *puzzle, const nyx_sudoku *solution)
{
    struct hunt h = { .g = nyx_data__geometry(solution->size), .grid = *solution, .puzzle = *puzzle };
    int         views = h.g->box_rows == h.g->box_columns ? 2 : 1;

    for (int pass = 0; pass < 2; pass++)
        for (int view = 0; view < views; view++) {
            walk(&h, pass == 1);
            if (views == 2) { /* two turns of each pass: back where it began */
                transpose(&h.grid);
                transpose(&h.puzzle);
            }
        }
    *out = h.best_puzzle;
}
