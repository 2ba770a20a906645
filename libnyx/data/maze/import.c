/* import -- mazes from text. Blanks are cells, so fields are taken as they
 * stand. */
#include "data/maze/internal.h"

#include <string.h>

struct import {
    const nyx_maze_options *options;
    nyx_maze_list          *list;
};

static bool square(struct nyx_data__field field)
{
    for (int64_t size = NYX_MAZE_LEAST; size <= NYX_MAZE_MOST; size++)
        if (size * size == field.chars)
            return true;
    return false;
}

static const char *parse(void *context, void *to, struct nyx_data__field question, struct nyx_data__field answer)
{
    struct import *in = context;
    nyx_maze_item *item = to;

    if (!square(question))
        return "no maze: its length is not the square of a side from 5 to 40";
    if (nyx_maze_parse(&item->question, question.text, question.chars) < 0)
        return "the maze has a character that is none of '# SG'";
    if (memchr(item->question.cell, NYX_MAZE_PATH, (size_t)question.chars))
        return "the maze has its path marked already";
    if (in->options->size && in->options->size != item->question.size)
        return "the maze is not of the size asked for with --size";
    if (in->list->size && in->list->size != item->question.size)
        return "the maze is not of the size of those before it";
    if (answer.chars &&
        (answer.chars != question.chars || nyx_maze_parse(&item->answer, answer.text, answer.chars) < 0))
        return "the answer is no maze of the same size";
    in->list->size = item->question.size;
    return NULL;
}

static const char *solve(void *of)
{
    nyx_maze_item *item = of;
    const bool     answered = item->answer.size != 0;
    const char    *fault = NULL;

    item->steps = nyx_maze_solve(answered ? NULL : &item->answer, NULL, &item->question);
    if (item->steps < 1)
        return "no path leads from one start to one goal";
    if (answered)
        fault = nyx_maze_answer_fault(&item->answer, &item->question);
    if (!fault)
        nyx_maze__digest(item);
    return fault;
}

static int keep(void *context, const void *of)
{
    struct import       *in = context;
    const nyx_maze_item *item = of;
    int                  added;

    if (item->steps < in->options->path_least)
        return NYX_DATA__UNRATED;
    if ((added = nyx_maze__add(in->list, item)) < 0)
        return added;
    return added ? NYX_DATA__KEPT : NYX_DATA__DUPLICATE;
}

int nyx_maze_import(nyx_maze_list *out, nyx_import_counts *counts, const char *path, const nyx_maze_options *options,
                    nyx_pool *pool, nyx_data_progress progress, void *context)
{
    static const char *const           questions[] = { "question", NULL }, *const answers[] = { "answer", NULL };
    static const struct nyx_data__kind kind = { "maze", "the line ends before its maze", questions, answers, false,
                                                sizeof(nyx_maze_item), square, parse, solve, keep };
    struct import                      in = { .options = options, .list = out };
    int                                status;

    *out = (nyx_maze_list){ 0 };
    status = nyx_data__intake(counts, &kind, &in, path, options->skip_bad, pool, progress, context);
    if (status == 0)
        status = nyx_data__choose(out->items, &out->count, &kind, options->count, options->split.seed, path);
    if (status < 0)
        nyx_maze_list_release(out);
    return status;
}
