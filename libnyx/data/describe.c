/* describe -- what a dataset holds, in numbers. */
#include "data/arc/arc.h"
#include "data/internal.h"
#include "data/maze/maze.h"

#include <math.h>
#include <string.h>

/* Upper ends of the bins of ratings: 0, 1, 2, then doubling. */
enum { BINS = 12 };

static int size_of(const nyx_dataset *dataset)
{
    int size = dataset->length == 16 ? 4 : dataset->length == 36 ? 6 : dataset->length == 81 ? 9 : 0;
    return strcmp(dataset->kind, "sudoku") == 0 && dataset->vocabulary == size + 2 ? size : 0;
}

int nyx_sudoku_row(nyx_sudoku *puzzle, nyx_sudoku *solution, const nyx_dataset *dataset,
                   const struct nyx_split *split, int64_t row)
{
    int size = size_of(dataset);

    if (!size)
        return nyx_error_set(NYX_ERR_INPUT, "a dataset of kind '%s' with rows of %lld tokens holds no Sudokus",
                             dataset->kind, (long long)dataset->length);
    if (row < 0 || row >= split->rows)
        return nyx_error_set(NYX_ERR_USAGE, "row %lld is not there; the split has %lld rows",
                             (long long)row, (long long)split->rows);
    *puzzle = *solution = (nyx_sudoku){ .size = (uint8_t)size };
    for (int i = 0; i < size * size; i++) {
        int32_t input = split->inputs[row * dataset->length + i];
        int32_t target = split->targets[row * dataset->length + i];

        if (input < 1 || input > size + 1 || target < 2 || target > size + 1)
            return nyx_error_set(NYX_ERR_INPUT, "row %lld has tokens that are no Sudoku", (long long)row);
        puzzle->cell[i] = (uint8_t)(input - 1);
        solution->cell[i] = (uint8_t)(target - 1);
    }
    return NYX_OK;
}

void nyx_sudoku_baseline_of(nyx_sudoku_baseline *out, const nyx_dataset *dataset, const struct nyx_split *split)
{
    *out = (nyx_sudoku_baseline){ 0 };
    for (int64_t row = 0; row < split->rows; row++) {
        nyx_sudoku puzzle, solution;
        int        blanks, filled;

        if (nyx_sudoku_row(&puzzle, &solution, dataset, split, row) < 0)
            continue; /* no grid: nothing that naked singles could do */
        blanks = puzzle.size * puzzle.size - nyx_sudoku_clues(&puzzle);
        filled = nyx_sudoku_naked_singles(&puzzle, &puzzle);
        out->rows++;
        out->solved += filled == blanks;
        out->blanks += blanks;
        out->filled += filled;
    }
}

static void describe_rating(nyx_json *out, const struct nyx_split *split)
{
    static const int64_t ends[BINS] = { 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 1024, INT64_MAX };
    int64_t   counts[BINS] = { 0 };
    double    sum = 0, most = 0;
    nyx_json *bins;

    for (int64_t i = 0; i < split->rows; i++) {
        int bin = 0;
        while (bin < BINS - 1 && !((double)split->rating[i] <= (double)ends[bin]))
            bin++;
        counts[bin]++;
        sum += (double)split->rating[i];
        most = fmax(most, (double)split->rating[i]);
    }
    nyx_json_set_real(out, "mean", sum / (double)split->rows);
    nyx_json_set_real(out, "max", most);
    bins = nyx_json_add_array(out, "histogram");
    for (int bin = 0; bin < BINS; bin++) {
        nyx_json *entry;
        if (!counts[bin])
            continue;
        entry = nyx_json_push_object(bins);
        nyx_json_set_int(entry, "from", bin ? ends[bin - 1] + 1 : 0);
        if (bin < BINS - 1)
            nyx_json_set_int(entry, "to", ends[bin]);
        nyx_json_set_int(entry, "rows", counts[bin]);
    }
}

static void describe_sudoku(nyx_json *out, const nyx_dataset *dataset, const struct nyx_split *split)
{
    nyx_sudoku_baseline baseline;
    nyx_json           *singles;

    nyx_sudoku_baseline_of(&baseline, dataset, split);
    nyx_json_set_real(out, "clues_mean", (double)dataset->length - nyx_share(baseline.blanks, baseline.rows));
    singles = nyx_json_add_object(out, "naked_singles");
    nyx_json_set_int(singles, "solved", baseline.solved);
    nyx_json_set_real(singles, "share", nyx_share(baseline.solved, baseline.rows));
    nyx_json_set_real(singles, "share_of_cells", nyx_share(baseline.filled, baseline.blanks));
}

static void describe_text(nyx_json *out, const struct nyx_split *split)
{
    nyx_json_set_int(out, "documents", split->documents);
    nyx_json_set_int(out, "bytes", split->bytes);
    nyx_json_set_int(out, "words", split->words);
    nyx_json_set_int(out, "tokens", split->token_count);
    nyx_json_set_real(out, "bytes_per_token", nyx_share(split->bytes, split->token_count));
}

static void describe_split(nyx_json *out, const nyx_dataset *dataset, const struct nyx_split *split)
{
    if (strcmp(dataset->kind, "text") == 0) {
        describe_text(out, split);
        return;
    }
    nyx_json_set_int(out, "rows", split->rows);
    if (!split->rows)
        return;
    if (split->rating)
        describe_rating(nyx_json_add_object(out, "rating"), split);
    if (size_of(dataset))
        describe_sudoku(out, dataset, split);
    if (strcmp(dataset->kind, "maze") == 0)
        nyx_maze_describe(out, dataset, split);
}

void nyx_dataset_describe(nyx_json *out, const nyx_dataset *dataset)
{
    nyx_json_set_text(out, "kind", dataset->kind);
    nyx_json_set_int(out, "length", dataset->length);
    nyx_json_set_int(out, "vocabulary", dataset->vocabulary);
    nyx_json_set_int(out, "ignore", dataset->ignore);
    nyx_json_set_int(out, "puzzles", dataset->puzzles);
    if (dataset->tokenizer)
        nyx_json_set_text(out, "tokenizer", nyx_json_text(nyx_json_get(dataset->tokenizer, "kind"), "?"));
    describe_split(nyx_json_add_object(out, "train"), dataset, &dataset->train);
    describe_split(nyx_json_add_object(out, "test"), dataset, &dataset->test);
}

/* ---- pictures ------------------------------------------------------------------- */

static int picture_sudoku(char **out, const nyx_dataset *dataset, const struct nyx_split *split, int64_t row)
{
    nyx_sudoku puzzle, solution;
    char       text[NYX_SUDOKU_PICTURE];
    int        status = nyx_sudoku_row(&puzzle, &solution, dataset, split, row);

    if (status < 0)
        return status;
    nyx_sudoku_picture(text, &puzzle, &solution);
    return nyx_text_copy(out, text);
}

static int picture_maze(char **out, const nyx_dataset *dataset, const struct nyx_split *split, int64_t row)
{
    nyx_maze question, answer;
    char     text[NYX_MAZE_PICTURE];
    int      status = nyx_maze_row(&question, &answer, dataset, split, row);

    if (status < 0)
        return status;
    nyx_maze_picture(text, &question, &answer);
    return nyx_text_copy(out, text);
}

static int picture_arc(char **out, const nyx_dataset *dataset, const struct nyx_split *split, int64_t row)
{
    nyx_arc_pair pair;
    int          status = nyx_arc_row(&pair, dataset, split, row);

    return status < 0 ? status : nyx_arc_picture(out, &pair);
}

int nyx_dataset_picture(char **out, const nyx_dataset *dataset, const struct nyx_split *split, int64_t row)
{
    static const struct {
        const char *kind;
        int       (*make)(char **out, const nyx_dataset *dataset, const struct nyx_split *split, int64_t row);
    } pictures[] = { { "sudoku", picture_sudoku }, { "maze", picture_maze }, { "arc", picture_arc } };

    *out = NULL;
    for (size_t i = 0; i < sizeof pictures / sizeof *pictures; i++)
        if (strcmp(pictures[i].kind, dataset->kind) == 0)
            return pictures[i].make(out, dataset, split, row);
    return nyx_error_set(NYX_ERR_INPUT, "rows of kind '%s' have no picture", dataset->kind);
}
