/* internal -- what the files of data/ share. */
#ifndef NYX_DATA_INTERNAL_H
#define NYX_DATA_INTERNAL_H

#include "data/data.h"

enum { NYX_DATA__PEERS = 20, NYX_DATA__UNITS = 27 };

/* Which cells see which, for one size. */
struct nyx_data__geometry {
    int     size, cells, box_rows, box_columns;
    int     peers; /* of each cell */
    uint8_t peer[NYX_SUDOKU_CELLS][NYX_DATA__PEERS];
    uint8_t unit[NYX_DATA__UNITS][NYX_SUDOKU_SIZE]; /* rows, columns, boxes */
};
const struct nyx_data__geometry *nyx_data__geometry(int size);

/* A full grid by random search. */
void nyx_data__fill(nyx_sudoku *out, int size, nyx_random *random);

/* True when `puzzle`, which has one solution, still has one solution once
 * `cell` is blank. */
bool nyx_data__spare(const nyx_sudoku *puzzle, int cell);

/* list[0 .. count) in uniformly random order (Fisher-Yates, from the end). */
void nyx_data__shuffle(uint8_t *list, int count, nyx_random *random);

/* Append a zeroed item; NULL when memory ran out. */
nyx_sudoku_item *nyx_data__append(nyx_sudoku_list *list);

/* True when the rating lies within the bounds of the options. */
bool nyx_data__rated(const nyx_sudoku_options *options, int64_t guesses);

/* A set of grids, to keep puzzles distinct. Holds copies. */
struct nyx_data__set {
    int64_t     count, slots; /* slots: a power of two, or 0 */
    nyx_sudoku *grids;        /* size 0: free slot */
};
/* 1: added, 0: was there already, or MEMORY. */
int  nyx_data__set_add(struct nyx_data__set *set, const nyx_sudoku *grid) NYX_CHECKED;
void nyx_data__set_release(struct nyx_data__set *set);

/* ---- tables of puzzles (intake.c) ------------------------------------------------ */

struct nyx_data__field { const char *text; int64_t chars; };

/* What one kind of puzzle adds to the reading of lines. */
struct nyx_data__kind {
    const char        *name, *cut;          /* for sentences: "puzzle"; the line ends before it */
    const char *const *questions, *const *answers; /* names of columns, NULL behind */
    bool               trims;               /* blanks round fields mean nothing, # begins a comment */
    int64_t            item_bytes;
    bool        (*fits)(struct nyx_data__field field); /* could be a question */
    /* Into a zeroed item; why not, or NULL. answer.chars 0: none was given. */
    const char *(*parse)(void *context, void *item, struct nyx_data__field question, struct nyx_data__field answer);
    const char *(*solve)(void *item);       /* on any thread; why it cannot be used, or NULL */
    int         (*keep)(void *context, const void *item); /* one of these, or a status */
};
enum { NYX_DATA__KEPT, NYX_DATA__DUPLICATE, NYX_DATA__UNRATED };

/* Read all lines of `path`. INPUT, MISSING, MEMORY, STOPPED. */
int nyx_data__intake(nyx_import_counts *counts, const struct nyx_data__kind *kind, void *of_kind, const char *path,
                     bool skip_bad, nyx_pool *pool, nyx_data_progress progress, void *context) NYX_CHECKED;
/* A random choice of `wanted` items (0: all), kept in their order. USAGE. */
int nyx_data__choose(void *items, int64_t *count, const struct nyx_data__kind *kind, int64_t wanted, uint64_t seed,
                     const char *path) NYX_CHECKED;

/* ---- datasets --------------------------------------------------------------------- */

/* Inputs, targets and ratings of `rows` rows, rows still 0; MEMORY. */
int nyx_data__split_alloc(struct nyx_split *split, int64_t rows, int64_t length) NYX_CHECKED;

/* The control: what the puzzles look like and what answers look like stays,
 * which belongs to which is lost. Test rows keep their answers. */
void nyx_data__shuffle_labels(nyx_dataset *data, uint64_t seed);

/* nyx_dataset_write with the options (taken) as provenance and, behind the
 * program's name and version, as line of history. */
int nyx_data__write(const nyx_dataset *dataset, const char *path, const char *program, nyx_json *options) NYX_CHECKED;

/* Call fn(context, i) for i in [0, count) on all threads of the pool (NULL:
 * on this one). Items are dealt out one by one, so fn must not depend on
 * which thread runs it. */
void nyx_data__each(nyx_pool *pool, int64_t count, void (*fn)(void *context, int64_t index), void *context);

#endif
