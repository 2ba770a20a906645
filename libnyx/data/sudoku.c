/* sudoku -- one grid: its text, its solutions, the naked-singles baseline.
 *
 * The solver keeps one bit mask of candidates a cell. Placing a digit takes it
 * from the 20 peers; a peer left with one candidate is queued (naked single).
 * When the queue is empty every unit is scanned for a digit with one place
 * (hidden single) by two running masks: digits seen once, digits seen twice.
 * Only then is a value guessed, on a copy of the board.
 */
#include "data/internal.h"

#include <pthread.h>
#include <string.h>

static struct nyx_data__geometry geometries[3];
static pthread_once_t            geometries_once = PTHREAD_ONCE_INIT;

static int box_of(const struct nyx_data__geometry *g, int row, int column)
{
    return row / g->box_rows * g->box_rows + column / g->box_columns;
}

static void geometry_fill(struct nyx_data__geometry *g, int box_rows, int box_columns)
{
    int in_box[NYX_SUDOKU_SIZE] = { 0 };

    g->size = box_rows * box_columns;
    g->cells = g->size * g->size;
    g->box_rows = box_rows;
    g->box_columns = box_columns;
    for (int a = 0; a < g->cells; a++) {
        int row = a / g->size, column = a % g->size, box = box_of(g, row, column);

        g->unit[row][column] = (uint8_t)a;
        g->unit[g->size + column][row] = (uint8_t)a;
        g->unit[2 * g->size + box][in_box[box]++] = (uint8_t)a;
        g->peers = 0;
        for (int b = 0; b < g->cells; b++) {
            int r = b / g->size, c = b % g->size;
            if (a != b && (r == row || c == column || box_of(g, r, c) == box))
                g->peer[a][g->peers++] = (uint8_t)b;
        }
    }
}

static void geometries_fill(void)
{
    geometry_fill(&geometries[0], 2, 2);
    geometry_fill(&geometries[1], 2, 3);
    geometry_fill(&geometries[2], 3, 3);
}

const struct nyx_data__geometry *nyx_data__geometry(int size)
{
    NYX_BUG_IF(!nyx_sudoku_size_known(size));
    pthread_once(&geometries_once, geometries_fill);
    return &geometries[size == 4 ? 0 : size == 6 ? 1 : 2];
}

bool nyx_sudoku_size_known(int64_t size)
{
    return size == 4 || size == 6 || size == 9;
}

int nyx_sudoku_clues(const nyx_sudoku *puzzle)
{
    int clues = 0;
    for (int i = 0; i < puzzle->size * puzzle->size; i++)
        clues += puzzle->cell[i] != 0;
    return clues;
}

/* ---- text -------------------------------------------------------------------- */

int nyx_sudoku_parse(nyx_sudoku *out, const char *text, int64_t chars)
{
    int size = chars == 16 ? 4 : chars == 36 ? 6 : chars == 81 ? 9 : 0;

    memset(out, 0, sizeof *out);
    if (!size)
        return nyx_error_set(NYX_ERR_INPUT, "a puzzle has %lld characters, not 16, 36 or 81", (long long)chars);
    for (int64_t i = 0; i < chars; i++) {
        char c = text[i];
        if (c != '.' && (c < '0' || c > '0' + size))
            return nyx_error_set(NYX_ERR_INPUT,
                                 "character %lld of a puzzle is neither '.' nor a digit from 0 to %d",
                                 (long long)i + 1, size);
        out->cell[i] = c == '.' ? 0 : (uint8_t)(c - '0');
    }
    out->size = (uint8_t)size;
    return NYX_OK;
}

void nyx_sudoku_print(char out[NYX_SUDOKU_CELLS + 1], const nyx_sudoku *puzzle)
{
    int cells = puzzle->size * puzzle->size;
    for (int i = 0; i < cells; i++)
        out[i] = puzzle->cell[i] ? (char)('0' + puzzle->cell[i]) : '.';
    out[cells] = '\0';
}

/* One row of a grid, boxes apart: "1 . | 3 4 "; returns its end. */
static char *picture_row(char *out, const nyx_sudoku *grid, int row)
{
    const struct nyx_data__geometry *g = nyx_data__geometry(grid->size);

    for (int c = 0; c < g->size; c++) {
        int digit = grid->cell[row * g->size + c];
        if (c && c % g->box_columns == 0)
            *out++ = '|', *out++ = ' ';
        *out++ = digit ? (char)('0' + digit) : '.';
        *out++ = ' ';
    }
    return out;
}

void nyx_sudoku_picture(char out[NYX_SUDOKU_PICTURE], const nyx_sudoku *puzzle, const nyx_sudoku *solution)
{
    const struct nyx_data__geometry *g = nyx_data__geometry(puzzle->size);

    for (int row = 0; row < g->size; row++) {
        if (row && row % g->box_rows == 0)
            *out++ = '\n';
        out = picture_row(out, puzzle, row);
        *out++ = ' ', *out++ = ' ';
        out = picture_row(out, solution, row);
        out[-1] = '\n'; /* in place of the last space */
    }
    *out = '\0';
}

/* ---- the board ----------------------------------------------------------------- */

struct board {
    uint16_t candidates[NYX_SUDOKU_CELLS]; /* bit d-1: digit d is possible */
    uint8_t  placed[NYX_SUDOKU_CELLS];
    uint8_t  queue[NYX_SUDOKU_CELLS]; /* cells found to have one candidate */
    int      queued, left;            /* left: cells not placed */
};

static bool single(uint16_t mask)
{
    return (mask & (mask - 1)) == 0;
}

/* False on a contradiction: a peer is left without candidates. */
static bool place(struct board *b, const struct nyx_data__geometry *g, int cell, uint16_t bit)
{
    if (!(b->candidates[cell] & bit))
        return false;
    b->candidates[cell] = bit;
    b->placed[cell] = 1;
    b->left--;
    for (int i = 0; i < g->peers; i++) {
        int peer = g->peer[cell][i];
        if (!(b->candidates[peer] & bit))
            continue;
        b->candidates[peer] &= (uint16_t)~bit;
        if (!b->candidates[peer])
            return false;
        if (single(b->candidates[peer]) && !b->placed[peer])
            b->queue[b->queued++] = (uint8_t)peer;
    }
    return true;
}

static bool board_start(struct board *b, const struct nyx_data__geometry *g, const nyx_sudoku *puzzle)
{
    b->queued = 0;
    b->left = g->cells;
    for (int i = 0; i < g->cells; i++) {
        b->candidates[i] = (uint16_t)((1 << g->size) - 1);
        b->placed[i] = 0;
    }
    for (int i = 0; i < g->cells; i++)
        if (puzzle->cell[i] && !place(b, g, i, (uint16_t)(1 << (puzzle->cell[i] - 1))))
            return false;
    return true;
}

static bool naked_singles(struct board *b, const struct nyx_data__geometry *g)
{
    while (b->queued) {
        int cell = b->queue[--b->queued];
        if (!b->placed[cell] && !place(b, g, cell, b->candidates[cell]))
            return false;
    }
    return true;
}

/* One scan of all units; *found counts what was placed. */
static bool hidden_singles(struct board *b, const struct nyx_data__geometry *g, int *found)
{
    uint16_t all = (uint16_t)((1 << g->size) - 1);

    *found = 0;
    for (int u = 0; u < 3 * g->size; u++) {
        const uint8_t *unit = g->unit[u];
        uint16_t       once = 0, twice = 0;

        for (int i = 0; i < g->size; i++) {
            twice |= once & b->candidates[unit[i]];
            once |= b->candidates[unit[i]];
        }
        if (once != all)
            return false; /* a digit has no place left */
        once &= (uint16_t)~twice;
        for (int i = 0; once && i < g->size; i++) {
            uint16_t bit = once & b->candidates[unit[i]];
            if (!bit || b->placed[unit[i]])
                continue;
            if (!single(bit) || !place(b, g, unit[i], bit) || !naked_singles(b, g))
                return false;
            ++*found;
            break; /* placing changed the masks: the next scan sees the rest */
        }
    }
    return true;
}

static bool singles(struct board *b, const struct nyx_data__geometry *g)
{
    int found = 1;
    while (found && b->left)
        if (!naked_singles(b, g) || !hidden_singles(b, g, &found))
            return false;
    return true;
}

static void board_read(nyx_sudoku *out, const struct board *b, const struct nyx_data__geometry *g)
{
    memset(out, 0, sizeof *out);
    out->size = (uint8_t)g->size;
    for (int i = 0; i < g->cells; i++)
        if (b->placed[i])
            out->cell[i] = (uint8_t)(__builtin_ctz(b->candidates[i]) + 1);
}

/* ---- search ------------------------------------------------------------------------ */

struct search {
    const struct nyx_data__geometry *g;
    nyx_random *random;  /* order of the values tried; NULL: rising */
    nyx_sudoku *solution;
    int         found, enough;
    int64_t     guesses; /* values tried */
};

static int fewest_candidates(const struct board *b, const struct nyx_data__geometry *g)
{
    int best = -1, fewest = NYX_SUDOKU_SIZE + 1;
    for (int i = 0; i < g->cells && fewest > 2; i++) {
        int count = __builtin_popcount(b->candidates[i]);
        if (!b->placed[i] && count < fewest) {
            fewest = count;
            best = i;
        }
    }
    return best;
}

/* Depth is at most the number of cells: every level places one at least. */
static void search(struct search *s, struct board *b)
{
    uint8_t values[NYX_SUDOKU_SIZE];
    int     count = 0, cell;

    if (!singles(b, s->g))
        return;
    if (!b->left) {
        if (s->found++ == 0 && s->solution)
            board_read(s->solution, b, s->g);
        return;
    }
    cell = fewest_candidates(b, s->g);
    for (uint16_t mask = b->candidates[cell]; mask; mask &= (uint16_t)(mask - 1))
        values[count++] = (uint8_t)__builtin_ctz(mask);
    if (s->random)
        nyx_data__shuffle(values, count, s->random);
    for (int i = 0; i < count && s->found < s->enough; i++) {
        struct board copy = *b;
        s->guesses++;
        if (place(&copy, s->g, cell, (uint16_t)(1 << values[i])))
            search(s, &copy);
    }
}

int nyx_sudoku_solve(nyx_sudoku *solution, int64_t *guesses, const nyx_sudoku *puzzle)
{
    struct search s = { .g = nyx_data__geometry(puzzle->size), .solution = solution, .enough = 2 };
    struct board  b;

    if (board_start(&b, s.g, puzzle))
        search(&s, &b);
    if (guesses)
        *guesses = s.guesses;
    return s.found;
}

int nyx_sudoku_naked_singles(nyx_sudoku *out, const nyx_sudoku *puzzle)
{
    const struct nyx_data__geometry *g = nyx_data__geometry(puzzle->size);
    struct board b;
    int          clues = nyx_sudoku_clues(puzzle);

    if (!board_start(&b, g, puzzle)) { /* clues contradict each other: nothing can be filled */
        *out = *puzzle;
        return 0;
    }
    if (!naked_singles(&b, g))
        b.queued = 0; /* no solution; what was placed before stays */
    board_read(out, &b, g);
    return g->cells - b.left - clues;
}

void nyx_data__fill(nyx_sudoku *out, int size, nyx_random *random)
{
    struct search s = { .g = nyx_data__geometry(size), .random = random, .solution = out, .enough = 1 };
    nyx_sudoku    empty = { .size = (uint8_t)size };
    struct board  b;

    NYX_BUG_IF(!board_start(&b, s.g, &empty));
    search(&s, &b);
    NYX_BUG_IF(!s.found);
}

/* Blanking a cell adds a solution exactly when one exists that has another
 * digit there: look for that one only. */
bool nyx_data__spare(const nyx_sudoku *puzzle, int cell)
{
    struct search s = { .g = nyx_data__geometry(puzzle->size), .enough = 1 };
    nyx_sudoku    without = *puzzle;
    struct board  b;

    without.cell[cell] = 0;
    if (!board_start(&b, s.g, &without))
        return false;
    b.candidates[cell] &= (uint16_t)~(1 << (puzzle->cell[cell] - 1));
    if (!b.candidates[cell])
        return true;
    if (single(b.candidates[cell]) && !b.placed[cell])
        b.queue[b.queued++] = (uint8_t)cell;
    search(&s, &b);
    return s.found == 0;
}

void nyx_data__shuffle(uint8_t *list, int count, nyx_random *random)
{
    for (int i = count - 1; i > 0; i--) {
        int     j = (int)nyx_random_below(random, (uint64_t)i + 1);
        uint8_t keep = list[i];
        list[i] = list[j];
        list[j] = keep;
    }
}
