/* arc -- ARC-AGI tasks: read, augmented, written as token rows, voted on.
 *
 *     nyx_arc_list list = { 0 };
 *     nyx_arc_read(&list, "training.tar.xz", false);
 *     nyx_arc_read(&list, "evaluation.tar.xz", true);
 *     nyx_arc_dataset(&dataset, &counts, &list, &options, pool);
 *     nyx_arc_write(&dataset, path, &list, &options);
 *
 * Rows are made as by the original HRM (hrm-spec section 10): all pairs of the
 * training tasks and the demonstrations of the evaluation tasks are trained
 * on; the test inputs of the evaluation tasks are the test side. Everything is
 * a pure function of tasks and options.
 */
#ifndef NYX_ARC_H
#define NYX_ARC_H

#include "data/data.h"

/* ---- grids -------------------------------------------------------------------- */

enum { NYX_ARC_SIDE = 30, NYX_ARC_CELLS = NYX_ARC_SIDE * NYX_ARC_SIDE, NYX_ARC_COLOURS = 10 };

/* Colours row after row, rows * columns of them; the rest is 0. A grid without
 * cells is what a model says that says nothing. */
typedef struct {
    uint8_t rows, columns;
    uint8_t cell[NYX_ARC_CELLS];
} nyx_arc_grid;

/* First the colours change, then the grid turns. As stored: dihedral, then the
 * new colour of each colour. dihedral 0 as it is; 1, 2, 3 turned to the left
 * by 90, 180, 270 degrees; 4 left and right exchanged; 5 top and bottom
 * exchanged; 6 transposed; 7 transposed along the other diagonal. */
typedef struct {
    uint8_t dihedral, colour[NYX_ARC_COLOURS];
} nyx_arc_transform;
enum { NYX_ARC_DIHEDRAL = 8 };
bool nyx_arc_transform_good(const nyx_arc_transform *transform); /* can be undone */
void nyx_arc_apply(nyx_arc_grid *out, const nyx_arc_transform *transform, const nyx_arc_grid *in); /* out may be in */
void nyx_arc_undo(nyx_arc_grid *out, const nyx_arc_transform *transform, const nyx_arc_grid *in);

/* ---- tokens ---------------------------------------------------------------------- */

/* A row is a square canvas: 0 padding, 1 the end marks, colour + 2. The grid
 * lies at (down, right); the end marks are a row below it and a column to its
 * right, where the canvas has room for them. */
enum { NYX_ARC_PAD, NYX_ARC_END, NYX_ARC_COLOUR, NYX_ARC_VOCABULARY = NYX_ARC_COLOUR + NYX_ARC_COLOURS };
void nyx_arc_encode(int32_t *out, int side, const nyx_arc_grid *grid, int down, int right);
/* The largest rectangle of colours alone whose corner is the canvas' upper
 * left one; of equal ones the one with fewer rows. */
void nyx_arc_crop(nyx_arc_grid *out, const int32_t *tokens, int side);

/* ---- tasks ------------------------------------------------------------------------- */

typedef struct { nyx_arc_grid input, output; } nyx_arc_pair;

typedef struct {
    const char   *name;                  /* of its file, without folder and ".json" */
    char          digest[NYX_SHA256_HEX]; /* of all grids in order */
    bool          evaluation;
    int           demonstrations, pairs; /* demonstrations first, then tests */
    nyx_arc_pair *pair;
} nyx_arc_task;

typedef struct {
    int64_t       count, room;
    nyx_arc_task *tasks;
    nyx_arena     memory; /* names and pairs */
} nyx_arc_list;
void nyx_arc_list_release(nyx_arc_list *list);

/* Append the tasks of a JSON file, of every *.json file below a folder, or in
 * an archive, in order of their names and digests. Strict: schemas/
 * arc-task.schema.json, rows of equal length, 4 MiB a file. INPUT naming the
 * file, MISSING. */
int nyx_arc_read(nyx_arc_list *list, const char *path, bool evaluation) NYX_CHECKED;
/* Append one task. `subject` is named in errors. INPUT. */
int nyx_arc_task_parse(nyx_arc_list *list, const nyx_json *json, const char *name, const char *subject,
                       bool evaluation) NYX_CHECKED;

/* ---- datasets ------------------------------------------------------------------------ */

typedef struct {
    uint64_t seed;
    int      side;    /* of the canvas; tasks with larger grids are left out */
    int64_t  augment; /* further images of each task, at most NYX_ARC_AUGMENT */
} nyx_arc_options;
enum { NYX_ARC_AUGMENT = 1000 };

/* What became of the tasks read. */
typedef struct {
    int64_t training, evaluation; /* tasks in the dataset */
    int64_t too_large;            /* left out: grids larger than the canvas */
    int64_t duplicates;           /* left out: equal to one before; an evaluation task wins over a training one */
    int64_t leaks;                /* training tasks left out: a pair is, up to symmetry and colours, a test */
    int64_t short_of;             /* tasks with fewer different images than asked for */
} nyx_arc_counts;

/* Each (task, image) has a puzzle id, from 1 on; id 0 is nobody's. One pair of
 * each puzzle drawn at random, and every test row, lies in the upper left
 * corner; the others lie anywhere, question and answer alike. USAGE when
 * nothing is left to train on; MEMORY when the rows would not fit into this
 * machine. */
int nyx_arc_dataset(nyx_dataset *out, nyx_arc_counts *counts, const nyx_arc_list *list,
                    const nyx_arc_options *options, nyx_pool *pool) NYX_CHECKED;

/* nyx_dataset_write with options and a digest of the tasks as provenance. */
int nyx_arc_write(const nyx_dataset *dataset, const char *path, const nyx_arc_list *list,
                  const nyx_arc_options *options) NYX_CHECKED;

/* Row `row` as grids, and what was done to them; INPUT when it holds none. */
int nyx_arc_row(nyx_arc_pair *out, const nyx_dataset *dataset, const struct nyx_split *split, int64_t row) NYX_CHECKED;
/* Question and answer side by side, a digit a cell; *out ends with nyx_free. */
int nyx_arc_picture(char **out, const nyx_arc_pair *pair) NYX_CHECKED;

/* ---- the vote -------------------------------------------------------------------------- */

/* What a model says to every image of a test input, turned back into the
 * task's own orientation and colours, counted: answers rank by votes, then by
 * the mean of q (the logit of halting), then by digest. The first is the top-1
 * guess; ARC allows two. */
typedef struct nyx_arc_vote nyx_arc_vote;
/* For the test side of `dataset`, which must outlive it. INPUT when it lacks
 * what a vote needs: ids, pairs and transforms. */
int  nyx_arc_vote_create(nyx_arc_vote **out, const nyx_dataset *dataset) NYX_CHECKED;
void nyx_arc_vote_free(nyx_arc_vote *vote);
/* What the model predicted for test row `row`: tokens i32 [length]. */
void nyx_arc_vote_add(nyx_arc_vote *vote, int64_t row, const int32_t *tokens, double q);
/* The same for rows [first, first + rows), from logits [rows, length,
 * vocabulary], the first largest of each. */
void nyx_arc_vote_add_logits(nyx_arc_vote *vote, int64_t first, int64_t rows, const float *logits, const float *q);
/* Scores into the report of nyx-eval ("vote" in schemas/eval.schema.json).
 * INPUT when images of a test input have different answers. */
int  nyx_arc_vote_finish(nyx_arc_vote *vote, nyx_json *out) NYX_CHECKED;

#endif
