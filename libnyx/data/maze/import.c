/* import -- mazes from text: one a line, alone or in a CSV.
 *
 * A line with a field named question says in which columns question and answer
 * stand; without one the first field that is as long as a square maze is the
 * question, and the next field, if as long, the answer. Blanks are cells, so
 * fields are taken as they stand, without the quotes some writers put round
 * them. Lines are read in batches, solved in parallel, judged in file order.
 */
#include "data/maze/internal.h"

#include <string.h>

enum { BATCH = 64, FIELDS = 16 };

struct line {
    nyx_maze_item item;
    const char   *bad;        /* why the line cannot be used; NULL: fine */
    bool          answered;   /* item.answer was given, not computed */
    char          place[256]; /* FILE:LINE */
};

struct field { const char *text; int64_t chars; };

struct intake {
    const nyx_maze_options *options;
    nyx_sudoku_counts      *counts;
    nyx_lines              *file;
    nyx_maze_list          *list;
    int64_t                 question, answer; /* columns; -1: not told */
    int                     lines;            /* in the batch */
    struct line             line[BATCH];
};

/* Fields between commas; no field of these tables holds a comma itself. */
static int64_t split(struct field *fields, const char *text, int64_t chars)
{
    int64_t count = 0, start = 0;

    for (int64_t i = 0; i <= chars && count < FIELDS; i++) {
        struct field *field = &fields[count];

        if (i < chars && text[i] != ',')
            continue;
        *field = (struct field){ text + start, i - start };
        if (field->chars >= 2 && field->text[0] == '"' && field->text[field->chars - 1] == '"')
            *field = (struct field){ field->text + 1, field->chars - 2 };
        start = i + 1;
        count++;
    }
    return count;
}

static int64_t named(const struct field *fields, int64_t count, const char *name)
{
    for (int64_t i = 0; i < count; i++)
        if ((int64_t)strlen(name) == fields[i].chars && memcmp(name, fields[i].text, strlen(name)) == 0)
            return i;
    return -1;
}

static bool read_head(struct intake *in, const struct field *fields, int64_t count)
{
    const int64_t question = named(fields, count, "question");

    if (question < 0)
        return false;
    in->question = question;
    in->answer = named(fields, count, "answer");
    return true;
}

static bool square(struct field field)
{
    for (int64_t size = NYX_MAZE_LEAST; size <= NYX_MAZE_MOST; size++)
        if (size * size == field.chars)
            return true;
    return false;
}

/* Why the fields hold no maze, or NULL and the maze (and its answer). */
static const char *read_item(struct intake *in, struct line *line, const struct field *fields, int64_t count)
{
    int64_t question = in->question, answer = in->answer;

    if (question < 0) {
        for (question = 0; question < count - 1 && !square(fields[question]);)
            question++;
        answer = question + 1 < count && fields[question + 1].chars == fields[question].chars ? question + 1 : -1;
    }
    if (question >= count)
        return "the line ends before its maze";
    if (!square(fields[question]))
        return "no maze: its length is not the square of a side from 5 to 40";
    if (nyx_maze_parse(&line->item.question, fields[question].text, fields[question].chars) < 0)
        return "the maze has a character that is none of '# SG'";
    if (memchr(line->item.question.cell, NYX_MAZE_PATH, (size_t)fields[question].chars))
        return "the maze has its path marked already";
    if (in->options->size && in->options->size != line->item.question.size)
        return "the maze is not of the size asked for with --size";
    if (in->list->size && in->list->size != line->item.question.size)
        return "the maze is not of the size of those before it";
    if (answer < 0 || answer >= count || fields[answer].chars == 0)
        return NULL;
    line->answered = true;
    if (fields[answer].chars != fields[question].chars ||
        nyx_maze_parse(&line->item.answer, fields[answer].text, fields[answer].chars) < 0)
        return "the answer is no maze of the same size";
    return NULL;
}

static void solve(void *context, int64_t index)
{
    struct line   *line = &((struct intake *)context)->line[index];
    nyx_maze_item *item = &line->item;

    if (line->bad)
        return;
    item->steps = nyx_maze_solve(line->answered ? NULL : &item->answer, NULL, &item->question);
    if (item->steps < 1)
        line->bad = "no path leads from one start to one goal";
    else if (line->answered)
        line->bad = nyx_maze_answer_fault(&item->answer, &item->question);
    if (!line->bad)
        nyx_maze__digest(item);
}

/* Fill the batch; 0 when the file has ended. */
static int read_batch(struct intake *in)
{
    const char  *text;
    int64_t      chars;
    int          status = 1;
    struct field fields[FIELDS];

    for (in->lines = 0; in->lines < BATCH && (status = nyx_lines_next(in->file, &text, &chars)) > 0;) {
        struct line *line = &in->line[in->lines];
        int64_t      count;

        if (chars >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) /* the UTF-8 mark some editors write first */
            text += 3, chars -= 3;
        if (chars == 0)
            continue;
        count = split(fields, text, chars);
        if (read_head(in, fields, count))
            continue;
        memset(line, 0, sizeof *line);
        snprintf(line->place, sizeof line->place, "%s", nyx_lines_place(in->file));
        line->bad = read_item(in, line, fields, count);
        if (!line->bad)
            in->list->size = line->item.question.size;
        in->lines++;
    }
    return status;
}

static int judge_batch(struct intake *in)
{
    nyx_sudoku_counts *counts = in->counts;

    for (int i = 0; i < in->lines; i++) {
        const struct line *line = &in->line[i];
        int                added;

        counts->lines++;
        if (line->bad && !in->options->skip_bad)
            return nyx_error_set(NYX_ERR_INPUT, "cannot use '%s': %s; --skip-bad leaves such lines out",
                                 line->place, line->bad);
        if (line->bad) {
            if (counts->bad++ == 0)
                snprintf(counts->first_bad, sizeof counts->first_bad, "'%s': %s", line->place, line->bad);
        } else if (line->item.steps < in->options->path_least) {
            counts->unrated++;
        } else if ((added = nyx_maze__add(in->list, &line->item)) < 0) {
            return added;
        } else {
            counts->duplicates += !added;
        }
    }
    return NYX_OK;
}

/* A random choice of options->count items, kept in file order (selection
 * sampling: Knuth, The Art of Computer Programming 2, 3.4.2, algorithm S). */
static int choose(nyx_maze_list *list, const nyx_maze_options *o, const char *path)
{
    int64_t    kept = 0;
    nyx_random random;

    if (o->count <= 0)
        return NYX_OK;
    if (o->count > list->count)
        return nyx_error_set(NYX_ERR_USAGE, "cannot take %lld mazes: '%s' has %lld that can be used; ask for fewer",
                             (long long)o->count, path, (long long)list->count);
    nyx_random_init(&random, o->split.seed, nyx_stream_of("data.choose"));
    for (int64_t i = 0; i < list->count && kept < o->count; i++)
        if (nyx_random_below(&random, (uint64_t)(list->count - i)) < (uint64_t)(o->count - kept))
            list->items[kept++] = list->items[i];
    list->count = kept;
    return NYX_OK;
}

static int read_all(struct intake *in, nyx_pool *pool, nyx_data_progress progress, void *context)
{
    int more, status;

    do {
        if (nyx_stop_requested())
            return nyx_error_set(NYX_ERR_STOPPED, "stopped after %lld lines", (long long)in->counts->lines);
        if ((more = read_batch(in)) < 0)
            return more;
        nyx_data__each(pool, in->lines, solve, in);
        if ((status = judge_batch(in)) < 0)
            return status;
        if (progress)
            progress(context, in->counts->lines, 0);
    } while (more);
    return NYX_OK;
}

int nyx_maze_import(nyx_maze_list *out, nyx_sudoku_counts *counts, const char *path, const nyx_maze_options *options,
                    nyx_pool *pool, nyx_data_progress progress, void *context)
{
    struct intake *in = NULL;
    int            status;

    *out = (nyx_maze_list){ 0 };
    *counts = (nyx_sudoku_counts){ 0 };
    if ((status = nyx_alloc(&in, (int64_t)sizeof *in)) < 0)
        return status;
    in->options = options;
    in->counts = counts;
    in->list = out;
    in->question = in->answer = -1;
    if ((status = nyx_lines_open(&in->file, path)) < 0 || (status = read_all(in, pool, progress, context)) < 0)
        goto done;
    if (!out->count)
        status = nyx_error_set(NYX_ERR_INPUT, "cannot use '%s': it has no maze%s", path,
                               counts->lines ? " that can be used" : "; one a line is expected");
    else
        status = choose(out, options, path);
done:
    if (status < 0)
        nyx_maze_list_release(out);
    nyx_lines_close(in->file);
    nyx_free(in);
    return status;
}
