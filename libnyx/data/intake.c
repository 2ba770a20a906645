/* intake -- puzzles of any kind from text: one a line, alone or in a CSV.
 *
 * A line with a field named as a question says in which columns question and
 * answer stand; without one the first field that could be a question is one,
 * and the next field, if as long, the answer. Lines are read in batches, solved
 * in parallel and judged in file order, so the first error reported is the
 * first in the file.
 */
#include "data/internal.h"

#include <string.h>

enum { BATCH = 256, FIELDS = 64 };

typedef struct nyx_data__field field;

struct line {
    const char *bad;        /* why the line cannot be used; NULL: fine */
    char        place[256]; /* FILE:LINE */
};

struct intake {
    const struct nyx_data__kind *kind;
    void                        *context;
    nyx_import_counts           *counts;
    nyx_lines                   *file;
    int64_t                      question, answer; /* columns; -1: not told */
    int                          lines;            /* in the batch */
    struct line                  line[BATCH];
    char                        *items; /* of the batch */
};

static void *item_of(const struct intake *in, int64_t index)
{
    return in->items + index * in->kind->item_bytes;
}

/* ---- one line ------------------------------------------------------------------ */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '"';
}

static field trim(field whole)
{
    while (whole.chars && is_blank(whole.text[0]))
        whole.text++, whole.chars--;
    while (whole.chars && is_blank(whole.text[whole.chars - 1]))
        whole.chars--;
    return whole;
}

/* Without the quotes some writers put round fields. */
static field unquote(field whole)
{
    if (whole.chars >= 2 && whole.text[0] == '"' && whole.text[whole.chars - 1] == '"')
        return (field){ whole.text + 1, whole.chars - 2 };
    return whole;
}

/* Fields between commas; no field of these tables holds a comma itself. */
static int64_t split(field *fields, field line, bool trims)
{
    int64_t count = 0, start = 0;

    for (int64_t i = 0; i <= line.chars && count < FIELDS; i++)
        if (i == line.chars || line.text[i] == ',') {
            const field found = { line.text + start, i - start };

            fields[count++] = trims ? trim(found) : unquote(found);
            start = i + 1;
        }
    return count;
}

/* The first field that has one of the names; -1: none. */
static int64_t find_named(const field *fields, int64_t count, const char *const *names)
{
    for (int64_t i = 0; i < count; i++)
        for (const char *const *name = names; *name; name++)
            if ((int64_t)strlen(*name) == fields[i].chars && memcmp(*name, fields[i].text, strlen(*name)) == 0)
                return i;
    return -1;
}

static bool read_head(struct intake *in, const field *fields, int64_t count)
{
    const int64_t question = find_named(fields, count, in->kind->questions);

    if (question < 0)
        return false;
    in->question = question;
    in->answer = find_named(fields, count, in->kind->answers);
    return true;
}

/* Why the fields hold no puzzle, or NULL and the item. */
static const char *read_item(const struct intake *in, void *item, const field *fields, int64_t count)
{
    int64_t question = in->question, answer = in->answer;
    field   given = { "", 0 };

    if (question < 0) {
        for (question = 0; question < count - 1 && !in->kind->fits(fields[question]);)
            question++;
        answer = question + 1 < count && fields[question + 1].chars == fields[question].chars ? question + 1 : -1;
    }
    if (question >= count)
        return in->kind->cut;
    if (answer >= 0 && answer < count)
        given = fields[answer];
    memset(item, 0, (size_t)in->kind->item_bytes);
    return in->kind->parse(in->context, item, fields[question], given);
}

/* ---- batches ----------------------------------------------------------------------- */

/* Fill the batch; 0 when the file has ended. */
static int read_batch(struct intake *in)
{
    int   status = 1;
    field fields[FIELDS], line;

    for (in->lines = 0; in->lines < BATCH && (status = nyx_lines_next(in->file, &line.text, &line.chars)) > 0;) {
        struct line *to = &in->line[in->lines];
        int64_t      count;

        if (line.chars >= 3 && memcmp(line.text, "\xef\xbb\xbf", 3) == 0) /* the UTF-8 mark some editors write first */
            line.text += 3, line.chars -= 3;
        if (in->kind->trims)
            line = trim(line);
        if (line.chars == 0 || (in->kind->trims && line.text[0] == '#'))
            continue;
        count = split(fields, line, in->kind->trims);
        if (read_head(in, fields, count))
            continue;
        snprintf(to->place, sizeof to->place, "%s", nyx_lines_place(in->file));
        to->bad = read_item(in, item_of(in, in->lines), fields, count);
        in->lines++;
    }
    return status;
}

static void solve(void *context, int64_t index)
{
    struct intake *in = context;

    if (!in->line[index].bad)
        in->line[index].bad = in->kind->solve(item_of(in, index));
}

static int judge_batch(struct intake *in, bool skip_bad)
{
    nyx_import_counts *counts = in->counts;

    for (int i = 0; i < in->lines; i++) {
        const struct line *line = &in->line[i];
        int                kept = 0;

        counts->lines++;
        if (line->bad && !skip_bad)
            return nyx_error_set(NYX_ERR_INPUT, "cannot use '%s': %s; --skip-bad leaves such lines out", line->place,
                                 line->bad);
        if (!line->bad && (kept = in->kind->keep(in->context, item_of(in, i))) < 0)
            return kept;
        if (line->bad && counts->bad++ == 0)
            snprintf(counts->first_bad, sizeof counts->first_bad, "'%s': %s", line->place, line->bad);
        counts->duplicates += kept == NYX_DATA__DUPLICATE;
        counts->unrated += kept == NYX_DATA__UNRATED;
    }
    return NYX_OK;
}

static int read_all(struct intake *in, bool skip_bad, nyx_pool *pool, nyx_data_progress progress, void *context)
{
    int more, status;

    do {
        if (nyx_stop_requested())
            return nyx_error_set(NYX_ERR_STOPPED, "stopped after %lld lines", (long long)in->counts->lines);
        if ((more = read_batch(in)) < 0)
            return more;
        nyx_data__each(pool, in->lines, solve, in);
        if ((status = judge_batch(in, skip_bad)) < 0)
            return status;
        if (progress)
            progress(context, in->counts->lines, 0);
    } while (more);
    return NYX_OK;
}

int nyx_data__intake(nyx_import_counts *counts, const struct nyx_data__kind *kind, void *of_kind, const char *path,
                     bool skip_bad, nyx_pool *pool, nyx_data_progress progress, void *context)
{
    struct intake *in = NULL;
    int            status;

    *counts = (nyx_import_counts){ 0 };
    if ((status = nyx_alloc(&in, (int64_t)sizeof *in)) < 0)
        return status;
    in->kind = kind;
    in->context = of_kind;
    in->counts = counts;
    in->question = in->answer = -1;
    if ((status = nyx_alloc(&in->items, BATCH * kind->item_bytes)) < 0 ||
        (status = nyx_lines_open(&in->file, path)) < 0 ||
        (status = read_all(in, skip_bad, pool, progress, context)) < 0)
        goto done;
    if (counts->lines == counts->bad + counts->unrated)
        status = nyx_error_set(NYX_ERR_INPUT, "cannot use '%s': it has no %s%s", path, kind->name,
                               counts->lines ? " that can be used" : "; one a line is expected");
done:
    nyx_lines_close(in->file);
    nyx_free(in->items);
    nyx_free(in);
    return status;
}

/* Selection sampling: Knuth, The Art of Computer Programming 2, 3.4.2,
 * algorithm S. */
int nyx_data__choose(void *items, int64_t *count, const struct nyx_data__kind *kind, int64_t wanted, uint64_t seed,
                     const char *path)
{
    const size_t bytes = (size_t)kind->item_bytes;
    char        *list = items;
    int64_t      kept = 0;
    nyx_random   random;

    if (wanted <= 0)
        return NYX_OK;
    if (wanted > *count)
        return nyx_error_set(NYX_ERR_USAGE, "cannot take %lld %ss: '%s' has %lld that can be used; ask for fewer",
                             (long long)wanted, kind->name, path, (long long)*count);
    nyx_random_init(&random, seed, nyx_stream_of("data.choose"));
    for (int64_t i = 0; i < *count && kept < wanted; i++)
        if (nyx_random_below(&random, (uint64_t)(*count - i)) < (uint64_t)(wanted - kept))
            memmove(list + (size_t)kept++ * bytes, list + (size_t)i * bytes, bytes);
    *count = kept;
    return NYX_OK;
}
