/* data -- where training rows come from: Sudoku puzzles (generated, imported,
 * rated, split), and the order in which training visits rows.
 *
 *     nyx_sudoku_list list = { 0 };
 *     nyx_sudoku_generate(&list, &options, pool, NULL, NULL);
 *     nyx_sudoku_dataset(&dataset, &list, &split, pool);
 *     nyx_dataset_write(&dataset, path, history, provenance);
 *
 * Everything is a pure function of its options: the same bytes come out
 * whatever the number of threads.
 */
#ifndef NYX_DATA_H
#define NYX_DATA_H

#include "file/file.h"

/* ---- one puzzle -------------------------------------------------------------- */

/* A grid of size 4 (boxes 2x2), 6 (boxes of 2 rows and 3 columns) or 9 (3x3),
 * row after row; 0 is a blank. Cells behind size*size are 0. */
enum { NYX_SUDOKU_SIZE = 9, NYX_SUDOKU_CELLS = 81 };
typedef struct {
    uint8_t size;
    uint8_t cell[NYX_SUDOKU_CELLS];
} nyx_sudoku;

bool nyx_sudoku_size_known(int64_t size);
int  nyx_sudoku_clues(const nyx_sudoku *puzzle); /* cells that are not blank */

/* From and to text: one character a cell, "." (or "0") for a blank. The size
 * is told by the length: 16, 36 or 81. INPUT. */
int  nyx_sudoku_parse(nyx_sudoku *out, const char *text, int64_t chars) NYX_CHECKED;
void nyx_sudoku_print(char out[NYX_SUDOKU_CELLS + 1], const nyx_sudoku *puzzle);

/* Number of solutions: 0, 1, or 2 for more than one. *solution (NULL is fine)
 * is the first found; *guesses (NULL is fine) counts the values tried to find
 * it and to prove it the only one: naked and hidden singles first, then a
 * guess in the first of the cells with the fewest candidates, values in rising
 * order. This is the rating of a puzzle. */
int nyx_sudoku_solve(nyx_sudoku *solution, int64_t *guesses, const nyx_sudoku *puzzle);

/* Fill cells that have one candidate left until there is none; return how many
 * were filled. The baseline that a trained model has to beat. */
int nyx_sudoku_naked_singles(nyx_sudoku *out, const nyx_sudoku *puzzle);

/* Puzzle and solution side by side, boxes apart, a line a row. */
enum { NYX_SUDOKU_PICTURE = 1024 };
void nyx_sudoku_picture(char out[NYX_SUDOKU_PICTURE], const nyx_sudoku *puzzle, const nyx_sudoku *solution);

/* ---- symmetry ------------------------------------------------------------------ */

/* out[r][c] = digit[ in[row[r]][column[c]] ], after transposing `in` when
 * asked. Rows move within bands and bands as wholes, so too columns; only
 * square boxes (sizes 4, 9) can be transposed. hrm-spec section 10. */
typedef struct {
    bool    transpose;
    uint8_t row[NYX_SUDOKU_SIZE], column[NYX_SUDOKU_SIZE];
    uint8_t digit[NYX_SUDOKU_SIZE + 1]; /* digit[0] = 0 */
} nyx_sudoku_symmetry;
void nyx_sudoku_symmetry_draw(nyx_sudoku_symmetry *out, int size, nyx_random *random);
void nyx_sudoku_symmetry_apply(nyx_sudoku *out, const nyx_sudoku_symmetry *symmetry, const nyx_sudoku *in);

/* The one representative of a puzzle's orbit under all symmetries: of all
 * images of the solution the smallest, row by row, and of the images of the
 * clues beside it the smallest. Two puzzles with unique solutions are
 * essentially the same exactly when their canonical forms are equal.
 * `solution` is the solution of `puzzle`; out may be puzzle. */
void nyx_sudoku_canonical(nyx_sudoku *out, const nyx_sudoku *puzzle, const nyx_sudoku *solution);

/* ---- many puzzles ---------------------------------------------------------------- */

typedef struct {
    nyx_sudoku puzzle, solution;
    int32_t    guesses;
} nyx_sudoku_item;

typedef struct {
    int              size;
    int64_t          count, room;
    nyx_sudoku_item *items;
} nyx_sudoku_list;
void nyx_sudoku_list_release(nyx_sudoku_list *list);

/* Called now and then from the calling thread; total 0: not known. */
typedef void (*nyx_data_progress)(void *context, int64_t done, int64_t total);

typedef struct {
    int      size;
    int64_t  count;                   /* distinct puzzles wanted; import: 0 is all */
    uint64_t seed;
    int      clues_least, clues_most; /* the target is drawn for each puzzle; both 0: as few as possible */
    int64_t  guesses_least, guesses_most; /* keep puzzles rated within; most < 0: no limit */
    bool     skip_bad;                /* import: leave unusable lines out */
} nyx_sudoku_options;

/* Distinct puzzles, each with one solution. Candidate c comes from its own
 * random stream, and candidates are taken in rising order, so a longer list
 * begins with the shorter one. USAGE when the options leave too few puzzles,
 * MEMORY, STOPPED. */
int nyx_sudoku_generate(nyx_sudoku_list *out, const nyx_sudoku_options *options, nyx_pool *pool,
                        nyx_data_progress progress, void *context) NYX_CHECKED;

/* What import met on its way. */
typedef struct { int64_t lines, bad, duplicates, unrated; char first_bad[512]; } nyx_import_counts;

/* Puzzles from a text: one a line, alone or in a CSV with columns question
 * and answer (header or not), out of any archive that nyx_lines reads. The
 * answer is computed when missing and checked when present. With count > 0 a
 * random choice in file order. INPUT naming FILE:LINE, MISSING, USAGE. */
int nyx_sudoku_import(nyx_sudoku_list *out, nyx_import_counts *counts, const char *path,
                      const nyx_sudoku_options *options, nyx_pool *pool,
                      nyx_data_progress progress, void *context) NYX_CHECKED;

/* ---- datasets ------------------------------------------------------------------------ */

typedef struct {
    uint64_t seed;
    double   test_share;    /* of the puzzles, used when test_count < 0 */
    int64_t  test_count;
    int64_t  augment;       /* further images of each training puzzle */
    bool     shuffle_labels; /* control: training targets permuted among rows */
} nyx_sudoku_split;

/* Tokens: 0 padding, 1 blank, digit + 1; targets are whole solutions; rating
 * is the guesses. Orbits of puzzles stand in the order of the SHA-256 of their
 * canonical forms and go to the test side whole, as long as they fit, so no
 * image of a test puzzle is ever trained on. Training rows: each puzzle, then
 * its images, all distinct. USAGE when a side would stay empty. */
int nyx_sudoku_dataset(nyx_dataset *out, const nyx_sudoku_list *list, const nyx_sudoku_split *split,
                       nyx_pool *pool) NYX_CHECKED;

/* Option texts: clues "24" or "20-30"; test puzzles "40" or a share below one,
 * "0.1". USAGE. */
int nyx_sudoku_clues_parse(nyx_sudoku_options *options, const char *text) NYX_CHECKED;
int nyx_sudoku_split_parse(nyx_sudoku_split *split, const char *text) NYX_CHECKED;

/* nyx_dataset_write with the options as provenance and line of history;
 * `source` is the digest of the imported file, NULL when generated. */
int nyx_sudoku_write(const nyx_dataset *dataset, const char *path, const nyx_sudoku_options *options,
                     const nyx_sudoku_split *split, const char *source) NYX_CHECKED;

/* How far naked singles alone come on the rows of a Sudoku split. */
typedef struct { int64_t rows, solved, blanks, filled; } nyx_sudoku_baseline;
void nyx_sudoku_baseline_of(nyx_sudoku_baseline *out, const nyx_dataset *dataset, const struct nyx_split *split);

/* Row `row` of a Sudoku split as a grid; INPUT when the tokens are none. */
int nyx_sudoku_row(nyx_sudoku *puzzle, nyx_sudoku *solution, const nyx_dataset *dataset,
                   const struct nyx_split *split, int64_t row) NYX_CHECKED;

/* Counts, ratings and what the kind of puzzle adds (Sudoku: the baseline) of
 * both splits, as in the result of nyx-data: schemas/data.schema.json. */
void nyx_dataset_describe(nyx_json *out, const nyx_dataset *dataset);

/* Row `row` of a split drawn as text, question and answer, whatever its kind;
 * *out ends with nyx_free. INPUT when it has no picture. */
int nyx_dataset_picture(char **out, const nyx_dataset *dataset, const struct nyx_split *split,
                        int64_t row) NYX_CHECKED;

/* ---- rows ------------------------------------------------------------------------------- */

/* What a model is fed: the rows of a split, or windows over its stream of
 * tokens, one behind the other, with the same tokens one further as targets.
 * What is left over at the end of a stream is in no window. */
typedef struct {
    const nyx_dataset      *dataset;
    const struct nyx_split *split;
    int64_t                 length, targets; /* of a row */
    int64_t                 count, slack;    /* rows; tokens left over */
    int64_t                 shift;           /* of all windows, 0 to slack */
} nyx_rows;
/* `length` and `targets`: of the model's rows. */
nyx_rows nyx_rows_of(const nyx_dataset *dataset, const struct nyx_split *split, int64_t length, int64_t targets);
/* Shift the windows by what Philox draws for this epoch: over many, training
 * sees every window there is. */
void nyx_rows_shift(nyx_rows *rows, uint64_t seed, int64_t epoch);
/* Copy a row: inputs [length], targets [targets], its puzzle id or 0. */
void nyx_rows_get(const nyx_rows *rows, int64_t row, int32_t *inputs, int32_t *targets, int32_t *id);

/* ---- order ------------------------------------------------------------------------------ */

/* The order in which training visits rows: every row once an epoch, each
 * epoch a fresh uniform permutation that depends on seed and epoch alone.
 * Batches continue across the end of an epoch: unlike hrm-spec section 10,
 * no partial batch is dropped, so small sets lose nothing.
 * (seed, rows, position) is the whole state: seek restores it exactly. */
typedef struct {
    uint64_t seed;
    int64_t  rows, position; /* position: rows yielded since the start */
    int64_t  epoch;          /* whose order is in `order`; -1: none */
    int64_t *order;
} nyx_sampler;
int     nyx_sampler_init(nyx_sampler *sampler, int64_t rows, uint64_t seed) NYX_CHECKED; /* rows > 0; INPUT, MEMORY */
void    nyx_sampler_seek(nyx_sampler *sampler, int64_t position);
int64_t nyx_sampler_next(nyx_sampler *sampler);
void    nyx_sampler_release(nyx_sampler *sampler);

#endif
