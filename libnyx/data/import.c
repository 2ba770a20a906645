/* import -- puzzles from text: one a line, alone or in a CSV.
 *
 * A line with a field named question, puzzle or quizzes is a head and says in
 * which columns puzzle and answer stand; without one the first field that is
 * as long as a grid is the puzzle, and the next field, if as long, the answer.
 * Lines are read in batches, solved in parallel and judged in file order, so
 * the first error reported is the first in the file.
 */
#include "data/internal.h"

#include <string.h>

enum { BATCH = 512, FIELDS = 64 };

struct line {
    nyx_sudoku_item item;
    const char     *bad;        /* why the line cannot be used; NULL: fine */
    bool            answered;   /* item.solution was given, not computed */
    char            place[256]; /* FILE:LINE */
};

struct field { const char *text; int64_t chars; };

struct intake {
    const nyx_sudoku_options *options;
    nyx_sudoku_counts        *counts;
    nyx_lines                *file;
    struct nyx_data__set      known;
    nyx_sudoku_list          *list;
    int64_t                   question, answer; /* columns; -1: not told */
    int                       lines;            /* in the batch */
    struct line               line[BATCH];
};

/* ---- one line ------------------------------------------------------------------ */

static struct field trim(const char *text, int64_t chars)
{
    while (chars && strchr(" \t\r\"", text[0]))
        text++, chars--;
    while (chars && strchr(" \t\r\"", text[chars - 1]))
        chars--;
    return (struct field){ text, chars };
}

/* Fields between commas; no field of these tables holds a comma itself. */
static int64_t split(struct field *fields, const char *text, int64_t chars)
{
    int64_t count = 0, start = 0;

    for (int64_t i = 0; i <= chars && count < FIELDS; i++)
        if (i == chars || text[i] == ',') {
            fields[count++] = trim(text + start, i - start);
            start = i + 1;
        }
    return count;
}

static bool named(struct field field, const char *const *names)
{
    for (; *names; names++)
        if ((int64_t)strlen(*names) == field.chars && memcmp(*names, field.text, (size_t)field.chars) == 0)
            return true;
    return false;
}

static bool read_head(struct intake *in, const struct field *fields, int64_t count)
{
    static const char *const questions[] = { "question", "puzzle", "quizzes", NULL };
    static const char *const answers[] = { "answer", "solution", "solutions", NULL };
    int64_t question = -1, answer = -1;

    for (int64_t i = 0; i < count; i++) {
        if (question < 0 && named(fields[i], questions))
            question = i;
        if (answer < 0 && named(fields[i], answers))
            answer = i;
    }
    if (question < 0)
        return false;
    in->question = question;
    in->answer = answer;
    return true;
}

static bool as_long_as_a_grid(struct field field)
{
    return field.chars == 16 || field.chars == 36 || field.chars == 81;
}

static const char *size_mismatch(const struct intake *in, int size)
{
    if (in->options->size && in->options->size != size)
        return "the puzzle is not of the size asked for with --size";
    if (in->list->size && in->list->size != size)
        return "the puzzle is not of the size of those before it";
    return NULL;
}

/* Why the fields hold no puzzle, or NULL and the puzzle (and its answer). */
static const char *read_item(struct intake *in, struct line *line, const struct field *fields, int64_t count)
{
    int64_t question = in->question, answer = in->answer;

    if (question < 0) {
        for (question = 0; question < count - 1 && !as_long_as_a_grid(fields[question]);)
            question++;
        answer = question + 1 < count && fields[question + 1].chars == fields[question].chars ? question + 1 : -1;
    }
    if (question >= count)
        return "the line ends before its puzzle";
    if (!as_long_as_a_grid(fields[question]))
        return "no puzzle of 16, 36 or 81 characters";
    if (nyx_sudoku_parse(&line->item.puzzle, fields[question].text, fields[question].chars) < 0)
        return "the puzzle has a character that is neither '.' nor a digit of its size";
    const char *why = size_mismatch(in, line->item.puzzle.size);
    if (why)
        return why;
    if (answer < 0 || answer >= count || fields[answer].chars == 0)
        return NULL;
    line->answered = true;
    if (fields[answer].chars != fields[question].chars ||
        nyx_sudoku_parse(&line->item.solution, fields[answer].text, fields[answer].chars) < 0 ||
        nyx_sudoku_clues(&line->item.solution) != (int)fields[answer].chars)
        return "the answer is not a full grid";
    return NULL;
}

static void solve(void *context, int64_t index)
{
    struct line *line = &((struct intake *)context)->line[index];
    nyx_sudoku   solution;
    int64_t      guesses;
    int          found;

    if (line->bad)
        return;
    found = nyx_sudoku_solve(&solution, &guesses, &line->item.puzzle);
    line->item.guesses = (int32_t)(guesses < INT32_MAX ? guesses : INT32_MAX);
    if (found != 1)
        line->bad = found ? "the puzzle has more than one solution" : "the puzzle has no solution";
    else if (line->answered && memcmp(&solution, &line->item.solution, sizeof solution) != 0)
        line->bad = "the answer is not the solution of the puzzle";
    else
        line->item.solution = solution;
}

/* ---- batches ----------------------------------------------------------------------- */

/* Fill the batch; 0 when the file has ended. */
static int read_batch(struct intake *in)
{
    const char  *text;
    int64_t      chars;
    int          status = 1;
    struct field fields[FIELDS];

    for (in->lines = 0; in->lines < BATCH && (status = nyx_lines_next(in->file, &text, &chars)) > 0;) {
        struct line *line = &in->line[in->lines];

        if (chars >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) /* the UTF-8 mark some editors write first */
            text += 3, chars -= 3;
        struct field whole = trim(text, chars);
        if (whole.chars == 0 || whole.text[0] == '#')
            continue;
        int64_t count = split(fields, whole.text, whole.chars);
        if (read_head(in, fields, count))
            continue;
        memset(line, 0, sizeof *line);
        snprintf(line->place, sizeof line->place, "%s", nyx_lines_place(in->file));
        line->bad = read_item(in, line, fields, count);
        if (!line->bad)
            in->list->size = line->item.puzzle.size;
        in->lines++;
    }
    return status;
}

static int judge_batch(struct intake *in)
{
    nyx_sudoku_counts *counts = in->counts;

    for (int i = 0; i < in->lines; i++) {
        const struct line *line = &in->line[i];
        nyx_sudoku_item   *kept;
        int                added;

        counts->lines++;
        if (line->bad && !in->options->skip_bad)
            return nyx_error_set(NYX_ERR_INPUT, "cannot use '%s': %s; --skip-bad leaves such lines out",
                                 line->place, line->bad);
        if (line->bad) {
            if (counts->bad++ == 0)
                snprintf(counts->first_bad, sizeof counts->first_bad, "'%s': %s", line->place, line->bad);
        } else if (!nyx_data__rated(in->options, line->item.guesses)) {
            counts->unrated++;
        } else if ((added = nyx_data__set_add(&in->known, &line->item.puzzle)) < 0) {
            return added;
        } else if (!added) {
            counts->duplicates++;
        } else if ((kept = nyx_data__append(in->list)) == NULL) {
            return nyx_error_set(NYX_ERR_MEMORY, "cannot hold %lld puzzles: out of memory",
                                 (long long)in->list->count);
        } else {
            *kept = line->item;
        }
    }
    return NYX_OK;
}

/* A random choice of options->count items, kept in file order (selection
 * sampling: Knuth, The Art of Computer Programming 2, 3.4.2, algorithm S). */
static int choose(nyx_sudoku_list *list, const nyx_sudoku_options *o, const char *path)
{
    int64_t    kept = 0;
    nyx_random random;

    if (o->count <= 0)
        return NYX_OK;
    if (o->count > list->count)
        return nyx_error_set(NYX_ERR_USAGE, "cannot take %lld puzzles: '%s' has %lld that can be used; ask for fewer",
                             (long long)o->count, path, (long long)list->count);
    nyx_random_init(&random, o->seed, nyx_stream_of("data.choose"));
    for (int64_t i = 0; i < list->count && kept < o->count; i++)
        if (nyx_random_below(&random, (uint64_t)(list->count - i)) < (uint64_t)(o->count - kept))
            list->items[kept++] = list->items[i];
    list->count = kept;
    return NYX_OK;
}

int nyx_sudoku_import(nyx_sudoku_list *out, nyx_sudoku_counts *counts, const char *path,
                      const nyx_sudoku_options *options, nyx_pool *pool,
                      nyx_data_progress progress, void *context)
{
    struct intake *in = NULL;
    int            status, more;

    *out = (nyx_sudoku_list){ 0 };
    *counts = (nyx_sudoku_counts){ 0 };
    if ((status = nyx_alloc(&in, (int64_t)sizeof *in)) < 0)
        return status;
    in->options = options;
    in->counts = counts;
    in->list = out;
    in->question = in->answer = -1;
    if ((status = nyx_lines_open(&in->file, path)) < 0)
        goto done;
    do {
        if (nyx_stop_requested()) {
            status = nyx_error_set(NYX_ERR_STOPPED, "stopped after %lld lines", (long long)counts->lines);
            goto done;
        }
        if ((more = status = read_batch(in)) < 0)
            goto done;
        nyx_data__each(pool, in->lines, solve, in);
        if ((status = judge_batch(in)) < 0)
            goto done;
        if (progress)
            progress(context, counts->lines, 0);
    } while (more);
    if (!out->count)
        status = nyx_error_set(NYX_ERR_INPUT, "cannot use '%s': it has no puzzle%s", path,
                               counts->lines ? " that can be used" : "; one a line is expected");
    else
        status = choose(out, options, path);
done:
    if (status < 0)
        nyx_sudoku_list_release(out);
    nyx_lines_close(in->file);
    nyx_data__set_release(&in->known);
    nyx_free(in);
    return status;
}
