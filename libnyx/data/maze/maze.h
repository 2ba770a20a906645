/* maze -- square mazes and their shortest paths: generated, imported, split.
 *
 *     nyx_maze_list list = { 0 };
 *     nyx_maze_generate(&list, &options, pool, NULL, NULL);
 *     nyx_maze_dataset(&dataset, &list, &options, pool);
 *     nyx_maze_write(&dataset, path, &options, NULL);
 *
 * Characters and tokens are those of Maze-30x30-Hard (hrm-spec section 10).
 * A path is a walk through free cells that share a side; its length counts
 * steps, one more than the cells marked "o". Everything is a pure function of
 * the options, whatever the number of threads.
 */
#ifndef NYX_MAZE_H
#define NYX_MAZE_H

#include "data/data.h"

/* ---- one maze ---------------------------------------------------------------- */

/* Tokens; 0 is padding and never in a maze. As text "# SGo". */
enum { NYX_MAZE_WALL = 1, NYX_MAZE_FREE, NYX_MAZE_START, NYX_MAZE_GOAL, NYX_MAZE_PATH, NYX_MAZE_VOCABULARY };
enum { NYX_MAZE_LEAST = 5, NYX_MAZE_MOST = 40, NYX_MAZE_CELLS = NYX_MAZE_MOST * NYX_MAZE_MOST };

/* Tokens row after row; behind size*size they are 0. */
typedef struct {
    int32_t size;
    uint8_t cell[NYX_MAZE_CELLS];
} nyx_maze;

/* From and to text, a character a cell; the size is told by the length. INPUT. */
int  nyx_maze_parse(nyx_maze *out, const char *text, int64_t chars) NYX_CHECKED;
void nyx_maze_print(char out[NYX_MAZE_CELLS + 1], const nyx_maze *maze);

/* Length of the shortest path from start to goal; -1 when there is none, or
 * not exactly one start and one goal. *answer (NULL is fine) is the maze with
 * a shortest path marked: from the start on, the first of up, left, right,
 * down that leads along one. *unique (NULL is fine): there is no other. */
int nyx_maze_solve(nyx_maze *answer, bool *unique, const nyx_maze *question);

/* Why `answer` is not `question` with a shortest path marked; NULL: it is. */
const char *nyx_maze_answer_fault(const nyx_maze *answer, const nyx_maze *question);

/* The images under the 8 symmetries of the square; 0 is the maze itself. */
enum { NYX_MAZE_SYMMETRIES = 8 };
void nyx_maze_image(nyx_maze *out, const nyx_maze *in, int symmetry);

/* The one representative of a question among its 8 images and the 8 with start
 * and goal exchanged: the smallest, cell by cell. out may be in. */
void nyx_maze_canonical(nyx_maze *out, const nyx_maze *in);

/* Question and answer side by side, a line a row. */
enum { NYX_MAZE_PICTURE = NYX_MAZE_MOST * (2 * NYX_MAZE_MOST + 8) };
void nyx_maze_picture(char out[NYX_MAZE_PICTURE], const nyx_maze *question, const nyx_maze *answer);

/* ---- many mazes ---------------------------------------------------------------- */

typedef struct {
    nyx_maze question, answer;
    int32_t  steps;                     /* of the shortest path */
    char     canonical[NYX_SHA256_HEX]; /* digest of the canonical question */
} nyx_maze_item;

typedef struct {
    int            size;
    int64_t        count, room;
    nyx_maze_item *items;
    int64_t       *slots; /* index + 1 of an item, by digest */
    int64_t        slot_count;
} nyx_maze_list;
void nyx_maze_list_release(nyx_maze_list *list);

typedef struct {
    int              size;       /* import: 0 is any */
    int64_t          count;      /* mazes wanted; import: 0 is all */
    int64_t          path_least; /* shortest path, steps */
    bool             skip_bad;   /* import: leave unusable lines out */
    nyx_sudoku_split split;      /* augment: 0, or 7 for the other images of each training maze */
} nyx_maze_options;

/* Mazes with one shortest path each, no two the same up to symmetry. Walls are
 * grown by a random tree of passages; then some are opened, so that most
 * mazes have loops. Candidates come from their own random streams and are
 * taken in rising order, so a longer list begins with the shorter one. USAGE
 * when such mazes are too rare to be found, MEMORY, STOPPED. */
int nyx_maze_generate(nyx_maze_list *out, const nyx_maze_options *options, nyx_pool *pool,
                      nyx_data_progress progress, void *context) NYX_CHECKED;

/* Mazes from text: one a line, alone or in a CSV with columns question and
 * answer (header or not), out of any archive that nyx_lines reads. An answer
 * is checked when present (any shortest path is right) and computed when not.
 * Images of mazes met before count as duplicates. INPUT naming FILE:LINE,
 * MISSING, USAGE. */
int nyx_maze_import(nyx_maze_list *out, nyx_import_counts *counts, const char *path, const nyx_maze_options *options,
                    nyx_pool *pool, nyx_data_progress progress, void *context) NYX_CHECKED;

/* ---- datasets --------------------------------------------------------------------- */

/* Targets are whole mazes with the path; rating is the length of the path. The
 * mazes whose canonical digests are smallest are the test side, so the test
 * sides of two datasets agree as far as they can. USAGE when a side would stay
 * empty. */
int nyx_maze_dataset(nyx_dataset *out, const nyx_maze_list *list, const nyx_maze_options *options) NYX_CHECKED;

/* nyx_dataset_write with the options as provenance and line of history;
 * `source` is the digest of the imported file, NULL when generated. */
int nyx_maze_write(const nyx_dataset *dataset, const char *path, const nyx_maze_options *options,
                   const char *source) NYX_CHECKED;

/* Row `row` of a split of mazes; INPUT when the tokens are none. */
int nyx_maze_row(nyx_maze *question, nyx_maze *answer, const nyx_dataset *dataset, const struct nyx_split *split,
                 int64_t row) NYX_CHECKED;

/* Free cells, marked cells, and the share of targets that copying the question
 * gets right, into the description of a split (schemas/data.schema.json). */
void nyx_maze_describe(nyx_json *out, const nyx_dataset *dataset, const struct nyx_split *split);

#endif
