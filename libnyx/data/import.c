/* import -- Sudokus from text. Blanks round a field mean nothing. */
#include "data/internal.h"

#include <string.h>

struct import {
    const nyx_sudoku_options *options;
    struct nyx_data__set      known;
    nyx_sudoku_list          *list;
};

static bool as_long_as_a_grid(struct nyx_data__field field)
{
    return field.chars == 16 || field.chars == 36 || field.chars == 81;
}

static const char *parse(void *context, void *to, struct nyx_data__field question, struct nyx_data__field answer)
{
    struct import   *in = context;
    nyx_sudoku_item *item = to;

    if (!as_long_as_a_grid(question))
        return "no puzzle of 16, 36 or 81 characters";
    if (nyx_sudoku_parse(&item->puzzle, question.text, question.chars) < 0)
        return "the puzzle has a character that is neither '.' nor a digit of its size";
    if (in->options->size && in->options->size != item->puzzle.size)
        return "the puzzle is not of the size asked for with --size";
    if (in->list->size && in->list->size != item->puzzle.size)
        return "the puzzle is not of the size of those before it";
    if (answer.chars && (answer.chars != question.chars ||
                         nyx_sudoku_parse(&item->solution, answer.text, answer.chars) < 0 ||
                         nyx_sudoku_clues(&item->solution) != (int)answer.chars))
        return "the answer is not a full grid";
    in->list->size = item->puzzle.size;
    return NULL;
}

static const char *solve(void *of)
{
    nyx_sudoku_item *item = of;
    nyx_sudoku       solution;
    int64_t          guesses;
    const int        found = nyx_sudoku_solve(&solution, &guesses, &item->puzzle);

    item->guesses = (int32_t)(guesses < INT32_MAX ? guesses : INT32_MAX);
    if (found != 1)
        return found ? "the puzzle has more than one solution" : "the puzzle has no solution";
    if (item->solution.size && memcmp(&solution, &item->solution, sizeof solution) != 0)
        return "the answer is not the solution of the puzzle";
    item->solution = solution;
    return NULL;
}

static int keep(void *context, const void *of)
{
    struct import         *in = context;
    const nyx_sudoku_item *item = of;
    nyx_sudoku_item       *kept;
    int                    added;

    if (!nyx_data__rated(in->options, item->guesses))
        return NYX_DATA__UNRATED;
    if ((added = nyx_data__set_add(&in->known, &item->puzzle)) <= 0)
        return added < 0 ? added : NYX_DATA__DUPLICATE;
    if (!(kept = nyx_data__append(in->list)))
        return nyx_error_set(NYX_ERR_MEMORY, "cannot hold %lld puzzles: out of memory", (long long)in->list->count);
    *kept = *item;
    return NYX_DATA__KEPT;
}

int nyx_sudoku_import(nyx_sudoku_list *out, nyx_import_counts *counts, const char *path,
                      const nyx_sudoku_options *options, nyx_pool *pool,
                      nyx_data_progress progress, void *context)
{
    static const char *const           questions[] = { "question", "puzzle", "quizzes", NULL };
    static const char *const           answers[] = { "answer", "solution", "solutions", NULL };
    static const struct nyx_data__kind kind = { "puzzle", "the line ends before its puzzle", questions, answers,
                                                true, sizeof(nyx_sudoku_item), as_long_as_a_grid, parse, solve, keep };
    struct import                      in = { .options = options, .list = out };
    int                                status;

    *out = (nyx_sudoku_list){ 0 };
    status = nyx_data__intake(counts, &kind, &in, path, options->skip_bad, pool, progress, context);
    if (status == 0)
        status = nyx_data__choose(out->items, &out->count, &kind, options->count, options->seed, path);
    if (status < 0)
        nyx_sudoku_list_release(out);
    nyx_data__set_release(&in.known);
    return status;
}
